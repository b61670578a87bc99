"""The synthetic ledger of the bench: the same for the same seed, as sound as one that the shell writes, and questions."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from bench.search import inserts
from bench.search.ledger import Made, Plan, fill
from bench.search.queries import questions
from bench.search.world import World
from pipeline.adapters.ledger import Ledger, invariants, search
from pipeline.adapters.ledger import tables as t
from pipeline.lifecycle import arrow, by_id
from pipeline.siret import has_right_key

pytestmark = pytest.mark.slow  # what `make test` needs of it, the tests of the search use
PLAN = Plan(invoices=1_200, seed=5)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Ledger, Made]:
    return made_in(tmp_path_factory.mktemp("filled"))


def made_in(folder: Path) -> tuple[Ledger, Made]:
    ledger = Ledger.at(folder / "ledger.sqlite")
    ledger.migrate()
    return ledger, fill(ledger, PLAN)


def test_the_same_seed_gives_the_same_rows(filled, tmp_path):
    def digest(ledger: Ledger) -> str:
        with ledger.reading() as db:
            return json.dumps([str(row) for name in ("invoices", "transitions", "findings", "outbox")
                               for row in db.execute(select(t.metadata.tables[name]))])  # fmt: skip

    assert digest(filled[0]) == digest(made_in(tmp_path)[0])


def test_it_holds_what_its_maker_says(filled):
    ledger, made = filled
    i = t.invoices
    with ledger.reading() as db:
        assert db.execute(select(func.count()).select_from(i)).scalar_one() == PLAN.invoices
        assert Counter(db.execute(select(i.c.status)).scalars().all()) == made.statuses
        assert Counter(db.execute(select(i.c.outcome)).scalars().all()) == made.outcomes
        assert db.execute(select(func.count()).select_from(t.routings)).scalar_one() == made.recycled > 0
        assert db.execute(select(func.count()).select_from(t.handled)).scalar_one() == made.handled
        assert db.execute(text("SELECT max(id) FROM deposits")).scalar_one() == made.deposits


def test_the_invariants_of_the_ledger_hold(filled):
    with filled[0].reading() as db:
        for broken in (
            invariants.unanswered(db), invariants.answered_too_early(db), invariants.integrated_untold(db),
            invariants.others_told(db), invariants.holders_without_claim(db), invariants.claims_without_holder(db),
            invariants.kept_for_nothing(db), invariants.given_away(db),
        ):  # fmt: skip
            assert list(broken) == []


def test_every_history_is_one_that_the_lifecycle_allows(filled):
    histories: dict[tuple[int, int], list[str]] = {}
    x = t.transitions
    with filled[0].reading() as db:
        for row in db.execute(select(x).order_by(x.c.deposit_id, x.c.rank, x.c.sequence)):
            histories.setdefault((row.deposit_id, row.rank), []).append(row.status)
        stand = {(r.deposit_id, r.rank): r.status for r in db.execute(select(t.invoices)) if r.status}
    assert {key: told[-1] for key, told in histories.items()} == stand
    for told in histories.values():
        steps = [None, *(by_id(int(status)) for status in told)]
        assert all(arrow(before, after) for before, after in pairwise(steps)), told


def test_the_world_has_right_sirets_each_once():
    world = World(5)
    sirets = [s.siret for some in world.suppliers.values() for s in some] + [r.siret for r in world.recipients]
    assert len(sirets) == len(set(sirets))
    assert all(has_right_key(siret) for siret in sirets[:200])


def test_questions_are_all_different_and_mostly_answered(filled):
    ledger, _ = filled
    with ledger.reading() as db:
        asked = questions(db, PLAN, 200)
        assert asked == questions(db, PLAN, 200)
        assert len({(one.query, one.size, one.after) for one in asked}) == 200
        first = [one for one in asked if not one.is_deep and not one.query.supplier_name]
        answered = [one for one in first if search.page(db, search.plan(db, one.query), 5).found]
    assert len({one.kind for one in asked}) >= 30
    assert len(asked) - len(first) >= 40
    assert len(answered) > len(first) * 0.6


def test_units_are_written_with_the_indexes_and_without(tmp_path, monkeypatch):
    monkeypatch.setattr(inserts, "UNIT", 20)
    (tmp_path / "one").mkdir()
    (tmp_path / "bare").mkdir()
    ledger, made = made_in(tmp_path / "one")
    bare, _ = made_in(tmp_path / "bare")
    found = inserts.cost(ledger, bare, made.world, 2)
    assert len(inserts.INDEXES) == 7
    assert len(found.with_them) == len(found.without) == 2
    assert found.ratio > 0
    for one, indexes in ((ledger, 7), (bare, 0)):
        with one.reading() as db:
            there = set(db.execute(text("SELECT name FROM sqlite_master WHERE type = 'index'")).scalars())
            assert len(there & {index.name for index in inserts.INDEXES}) == indexes
            assert db.execute(select(func.count()).select_from(t.invoices)).scalar_one() == PLAN.invoices + 2 * 20
    assert set(inserts.sizes_mb(ledger)) == {"ledger", *(str(one.name) for one in inserts.INDEXES)}
