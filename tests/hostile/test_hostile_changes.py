"""Hostile files of changes: read and decided one by one, then all at once through the runner; no invoice moves."""

import io
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile import watched
from hostile.canary import Canary, listening
from hostile.case import Site
from hostile.change_cases import CASES, ChangeCase
from hostile.drops import Inbox
from hostile.ground import NOON, OTHER, Ground, prepared
from services import missing

from fixtures.case import PARTNER
from pipeline import actions, judge, runner, status_intake
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.model import JudgedRow, Known, Lane, Read, Received
from pipeline.ports import Tools
from pipeline.reconcile import control
from pipeline.settings import load
from pipeline.terms import Terms

QUICK = tuple(one for one in CASES if not one.heavy)
HEAVY = tuple(one for one in CASES if one.heavy)
TERMS = Terms()
SMALL_BYTES = 200_000  # what weighs more is read one by one above
ROLES = frozenset({"recipient", "accountant"})


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(InstalledSchemas(), RuleEngines(), TERMS)


@pytest.fixture(scope="module")
def canary() -> Iterator[Canary]:
    with listening() as opened:
        yield opened


@pytest.fixture
def site(canary: Canary, tmp_path: Path) -> Site:
    (tmp_path / "outside").mkdir()
    (tmp_path / "secret").write_text("secret of the tests", "ascii")
    return Site(canary.url, tmp_path / "secret", tmp_path / "outside")


def read(case: ChangeCase, document: bytes, tools: Tools) -> Read:
    received = Received(PARTNER, case.name, "0" * 64, len(document), NOON)
    return judge.read(received, io.BytesIO(document), io.BytesIO(), io.BytesIO(), tools)


def decided(found: Read) -> tuple[JudgedRow, ...]:
    """Where no invoice is known."""
    if found.is_refused:
        return ()
    match found.lane:
        case Lane.STATUSES:
            return status_intake.decide(found, ROLES, PARTNER, (), NOON, TERMS)
        case Lane.ACTIONS:
            return actions.decide(found, PARTNER, (), Known(None), NOON, TERMS)
        case Lane.CONTROL:
            return control.decide(found, TERMS)
        case Lane.INVOICES:
            return ()


def answered(case: ChangeCase, site: Site, tools: Tools) -> list[str]:
    """What is not as the case expects it."""
    document = case.make(site)
    began = time.process_time()
    found = read(case, document, tools)
    rows = decided(found)
    seconds = time.process_time() - began
    every = [
        *found.findings,
        *(f for one in found.members for f in one.findings),
        *(f for one in rows for f in one.findings),
    ]
    refused, warned = {f.rule for f in every if f.refuses}, {f.rule for f in every if f.severity.value == "warning"}
    wrong = []
    if refused != set(case.rules):
        wrong.append(f"refused by {sorted(refused)}, expected {sorted(case.rules)}")
    if warned != set(case.warned):
        wrong.append(f"warned by {sorted(warned)}, expected {sorted(case.warned)}")
    if len(rows) != case.rows:
        wrong.append(f"{len(rows)} rows, expected {case.rows}")
    if any(one.changes or one.event or one.handling or one.rerouted for one in rows):
        wrong.append("something changes")
    if seconds > case.seconds:
        wrong.append(f"took {seconds:.1f} s of {case.seconds}")
    return wrong


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
