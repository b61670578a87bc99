"""What happens while a run is under way: operators declare and decide, other runs work beside it, descriptors are few."""

import resource
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path

import homes
import pytest
from sqlalchemy import text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.queries import FlowStatus
from pipeline.running.home import Home
from pipeline.settings import load

ORDERED = "1234567890"
FLOWS, FEW_FILES = 95, 64


def to_the_state(number: str) -> bytes:
    return homes.ubl(number, recipient=homes.STATE, service="SFACETAT", order=ORDERED)


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        runner.import_commitments(opened, homes.orders(tmp_path / "orders.csv", ORDERED), date(2026, 11, 19))
        runner.commitments_unavailable(opened)
        yield opened


def once_at(home: Home, stage: str, act: Callable[[], object]) -> None:
    """Have something done the first time that this stage begins."""
    waiting = [act]

    def begins(name: str) -> None:
        if name == stage and waiting:
            waiting.pop()()

    home.stage = begins


def state(home: Home, sequence: int) -> str:
    (flow,) = runner.status(home, homes.flow_name(sequence))
    assert isinstance(flow, FlowStatus)
    return flow.deposit.state


def is_sound(home: Home) -> bool:
    return [line for line in runner.verify(home) if not line.ok] == []


def test_commitments_that_come_back_while_a_flow_is_judged_for_the_first_time_do_not_leave_it_waiting(
    home: Home,
) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state("M-1"))
    once_at(home, "commit", lambda: runner.commitments_available(home))
    summary = runner.run(home)
    assert (dict(summary.invoices), summary.decided_later, summary.pending) == ({"pending": 1}, 1, 0)
    assert state(home, 1) == "IN_INTEGRE"
    assert is_sound(home)


def test_commitments_that_come_back_while_a_held_flow_is_judged_again_decide_it(home: Home, tmp_path: Path) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state("M-1"))
    runner.run(home)
    runner.import_commitments(home, homes.orders(tmp_path / "more.csv", ORDERED, "2"))  # due again, still unavailable
    once_at(home, "commit", lambda: runner.commitments_available(home))
    assert runner.run(home).decided_later == 1
    assert state(home, 1) == "IN_INTEGRE"
    assert is_sound(home)


def test_a_decision_taken_while_its_flow_is_judged_again_is_carried_out(home: Home, tmp_path: Path) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state("M-1"))
    runner.run(home)
    home.clock = FixedClock(homes.NOON + timedelta(days=8))
    runner.import_commitments(home, homes.orders(tmp_path / "more.csv", ORDERED, "2"))
    once_at(home, "commit", lambda: runner.decide(home, homes.flow_name(1), "integrate", "seen with the service"))
    assert runner.run(home).decided_later == 1
    assert state(home, 1) == "IN_INTEGRE"
    assert is_sound(home)


def test_a_flow_that_nothing_changed_for_is_not_judged_again(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state("M-1"))
    runner.run(home)
    assert runner.run(home).is_idle
    assert state(home, 1) == "IN_EN_ATTENTE_TRAITEMENT_CPP"


def test_the_reason_of_an_operator_who_refuses_is_told_to_the_partner_and_his_name_is_not(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state("M-1"))
    runner.run(home)
    home.clock = FixedClock(homes.NOON + timedelta(days=8))
    runner.decide(home, homes.flow_name(1), "refuse", "marché résilié", operator="op-dupont")
    runner.run(home)
    (told,) = [body.decode() for name, body in homes.out(home).items() if name.startswith("FEN1201A")]
    assert "<IdStatut>37</IdStatut>" in told
    assert "marché résilié" in told
    assert "op-dupont" not in told
    (flow,) = runner.status(home, homes.flow_name(1))
    assert isinstance(flow, FlowStatus)
    assert "op-dupont: marché résilié" in flow.invoices[0].history[0].comment


def test_a_unit_of_many_flows_needs_few_open_files(tmp_path: Path, reader: tuple[str, ...]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        for sequence in range(1, FLOWS + 1):
            homes.drop(home, homes.flow_name(sequence), homes.ubl(f"M-{sequence}"))
        opened = max(int(one.name) for one in Path("/proc/self/fd").iterdir())  # other tests have some as well
        resource.setrlimit(resource.RLIMIT_NOFILE, (opened + FEW_FILES, hard))
        try:
            summary = runner.run(home)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert summary.faults == []
        assert dict(summary.flows) == {"IN_INTEGRE": FLOWS}
        assert is_sound(home)


def test_how_flows_are_grouped_in_units_changes_no_finding(tmp_path: Path, reader: tuple[str, ...]) -> None:
    """A number used twice is refused when numbers are reserved: the flow after it must not be told that it looks alike."""
    told = []
    for documents in (1, 1_000):
        path = tmp_path / str(documents)
        path.mkdir()
        settings = load(path, ours="CPP001", readers=1, work={"unit_documents": documents})
        with homes.open_home(path, settings=settings, reader=reader) as home:
            runner.add_partner(home, homes.partner())
            runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
            homes.drop(home, homes.flow_name(1), homes.ubl("M-1", net="100.00", issued="2025-11-18"), age_s=90)
            homes.drop(home, homes.flow_name(2), homes.ubl("M-1", net="55.00", issued="2025-11-18"), age_s=80)
            homes.drop(home, homes.flow_name(3), homes.ubl("M-1", net="55.00"), age_s=70)
            runner.run(home)
            with home.ledger.reading() as db:
                rows = db.execute(text("SELECT deposit_id, rule, facts FROM findings ORDER BY 1, rank, position"))
                told.append([tuple(row) for row in rows])
    assert told[0] == told[1]


def test_a_file_whose_stored_bytes_are_lost_keeps_no_other_file_back(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("M-1"))

    def lose(name: str) -> None:
        if name == "report":
            with home.ledger.reading() as db:
                (sha256,) = db.execute(text("SELECT sha256 FROM outbox WHERE kind = 'CSO'")).one()
            home.store.fetch(homes.PARTNER, sha256).rename(home.path / "kept")
            home.stage = lambda _name: None

    home.stage = lose
    summary = runner.run(home)
    (fault,) = summary.faults
    assert "its bytes are missing from store/ABC001" in fault.en
    assert "ses octets manquent dans store/ABC001" in fault.fr
    assert summary.sent == {"FEN0036A": 1, "FEN1201A": 1}
    with home.ledger.reading() as db:
        (sha256,) = db.execute(text("SELECT sha256 FROM outbox WHERE kind = 'CSO'")).one()
    (home.path / "kept").rename(home.path / "store" / homes.PARTNER / sha256)
    assert runner.run(home).sent == {"CSO": 1}
    assert is_sound(home)


def test_a_double_of_a_flow_in_progress_is_told_its_state_in_the_words_of_the_platform(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    with homes.open_home(tmp_path / "home", reader=reader) as home:
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.ubl("M-1"))
        runner.run(home)  # no directory yet: it waits
        homes.drop(home, homes.flow_name(1), homes.ubl("M-2"))
        runner.run(home)
        (report,) = homes.out(home).values()
        assert b"FLW-005" in report
        assert b"IN_EN_COURS_TRAITEMENT_CPP" in report
