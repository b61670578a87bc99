"""Hostile files of changes: read and decided one by one, then all at once through the runner; no invoice moves."""

from collections import Counter
from pathlib import Path

import pytest
from hostile import watched
from hostile.canary import Canary
from hostile.case import Site
from hostile.change_cases import CASES, ChangeCase
from hostile.changes_read import answered, with_tools
from hostile.drops import Inbox
from hostile.ground import OTHER, Ground, prepared
from services import missing

from fixtures.case import PARTNER
from pipeline import runner
from pipeline.adapters.ledger.rows import Partner
from pipeline.ports import Tools
from pipeline.settings import load

QUICK = tuple(one for one in CASES if not one.heavy)
HEAVY = tuple(one for one in CASES if one.heavy)
SMALL_BYTES = 200_000  # what weighs more is read one by one above


@pytest.fixture(scope="module")
def tools() -> Tools:
    return with_tools()


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.id)
def test_a_hostile_file_of_changes_is_refused_for_what_it_is(
    case: ChangeCase, site: Site, tools: Tools, canary: Canary
) -> None:
    assert answered(case, site, tools) == []
    assert canary.hits == []


@pytest.mark.slow
@pytest.mark.parametrize("case", HEAVY, ids=lambda case: case.id)
def test_what_weighs_much_too(case: ChangeCase, site: Site, tools: Tools, canary: Canary) -> None:
    assert answered(case, site, tools) == []
    assert canary.hits == []


@pytest.mark.slow
def test_the_runner_answers_all_of_them_at_once_and_changes_nothing(tmp_path: Path) -> None:
    """One report each, none a fault, nothing asked of anybody; no status and no routing comes of it."""
    if not watched.is_possible():
        missing("strace is not installed")
    with prepared(tmp_path / "ground") as ground:
        _subscribe(ground)
        inbox = Inbox(ground.inbox(), ground.site, ground.inbox(OTHER))
        written = {case: case.make(ground.site) for case in QUICK}
        small = [case for case, content in written.items() if len(content) <= SMALL_BYTES]
        assert len(small) > len(QUICK) * 0.8
        for rank, case in enumerate(small):
            inbox.put(case.name, written[case], age_s=9_000 - rank)
        ran = ground.run()
        reports = Counter(report.flow for report in ground.reports())
        rows = ground.deposits()
        assert {case.id: reports[case.name] for case in small if reports[case.name] != 1} == {}
        states = {c.id: rows[c.name.encode()][0]["state"] for c in small}
        assert states == {c.id: c.state if c.rules else "IN_INTEGRE" for c in small}
        assert (ran.faults, ran.watched.asked(), ground.canary.hits, ground.holds_the_token()) == ([], [], [], [])
        assert ran.watched.written_elsewhere(ground.may_write()) == []
        assert ran.watched.foreign_programs() == []
        with runner.open_home(ground.home, load(ground.home, ours="CPP001", readers=1)) as home:
            assert [line for line in runner.verify(home) if not line.ok] == []
            with home.ledger.reading() as db:
                for table in ("transitions", "changes", "routings", "events", "additions", "handled"):
                    assert db.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one() == 0, table


def _subscribe(ground: Ground) -> None:
    """The partner may drop files of ours too."""
    with runner.open_home(ground.home, load(ground.home, ours="CPP001", readers=1)) as home:
        (partner,) = (one for one in home.partners().values() if one.code == PARTNER)
        given = {name: getattr(partner, name) for name in partner.__slots__} | {
            "flows": ("FSO1100A", "FSO1106A", "FSO1113A", "FSO1117A", "ACT9001A", "CTL9002A")
        }
        runner.add_partner(home, Partner(**given), replace=True)
