"""What waits for the State's commitments: held, told as pending, judged again with the directory of its day, decided."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import homes
import pytest
from lxml import etree

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
from pipeline.ports import Fault
from pipeline.running.home import Home

ORDERED = "1234567890"


def to_the_state(number: str = "H-1", order: str = ORDERED) -> bytes:
    return homes.ubl(number, recipient=homes.STATE, service="SFACETAT", order=order)


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        runner.import_commitments(opened, homes.orders(tmp_path / "orders.csv", ORDERED), date(2026, 11, 19))
        runner.commitments_unavailable(opened)
        yield opened


def only(home: Home, sequence: int = 1) -> FlowStatus:
    (flow,) = runner.status(home, homes.flow_name(sequence))
    assert isinstance(flow, FlowStatus)
    return flow


def statuses(name: str, body: bytes) -> list[tuple[str, str]]:
    assert name.startswith("FEN1201A")
    tree = etree.fromstring(body)
    return [
        (unit.findtext(".//IdFacture"), unit.findtext(".//IdStatut")) for unit in tree.iter("CPPFactureStatutUnitaire")
    ]


def is_sound(home: Home) -> bool:
    return [line for line in runner.verify(home) if not line.ok] == []


def test_a_held_invoice_is_reported_as_pending_and_keeps_its_number(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state())
    summary = runner.run(home)
    assert dict(summary.invoices) == {"pending": 1}
    assert only(home).deposit.state == "IN_EN_ATTENTE_TRAITEMENT_CPP"
    (report,) = homes.out(home).values()
    assert b"<IdStatut>91</IdStatut>" in report
    homes.drop(home, homes.flow_name(2), to_the_state(order="0987654321"))
    runner.run(home)
    assert only(home, 2).deposit.state == "IN_REJETE"  # the number is taken
    assert is_sound(home)


def test_when_commitments_are_available_the_decision_is_told_by_a_lifecycle_return(home: Home) -> None:
    documents = [
        ("a.xml", to_the_state("H-1")),
        ("b.xml", to_the_state("H-2", "0000000000")),
        ("c.xml", homes.ubl("H-3")),
    ]
    homes.drop(home, homes.flow_name(1), homes.archive(documents))
    first = runner.run(home)
    assert dict(first.invoices) == {"pending": 2, "integrated": 1}
    assert only(home).deposit.state == "IN_INTEGRE_PARTIEL"
    before = homes.out(home)
    assert runner.run(home).is_idle

    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    assert runner.commitments_available(home) == 1
    second = runner.run(home)
    assert second.decided_later == 2
    new = {name: body for name, body in homes.out(home).items() if name not in before}
    assert {name: body for name, body in homes.out(home).items() if name in before} == before
    (told,) = [(name, body) for name, body in new.items() if name.startswith("FEN")]
    assert statuses(*told) == [("H-1", "01"), ("H-1", "02"), ("H-1", "03"), ("H-2", "37")]
    assert b"CMT-001" in told[1]
    assert len(homes.out(home, "PORTAL", "recipients")) == 2
    flow = only(home)
    assert flow.deposit.state == "IN_INTEGRE_PARTIEL"
    assert [i.outcome for i in flow.invoices] == ["integrated", "refused", "integrated"]
    assert [s.status for s in flow.invoices[1].history] == ["37"]
    assert is_sound(home)
    assert runner.run(home).is_idle


def test_held_invoices_are_judged_with_the_directory_of_their_day(home: Home, tmp_path: Path) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state())
    runner.run(home)
    later = homes.directory(tmp_path / "later")
    closed = (later / "services.csv").read_text().replace("Facturier;true", "Facturier;false")
    (later / "services.csv").write_text(closed)
    runner.import_directory(home, later, homes.NOON.date() + timedelta(days=1))
    home.clock = FixedClock(homes.NOON + timedelta(days=2))
    runner.commitments_available(home)
    runner.run(home)
    assert only(home).deposit.state == "IN_INTEGRE"


def test_an_import_makes_held_invoices_due_and_they_wait_on_while_it_is_unavailable(home: Home, tmp_path: Path) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state())
    runner.run(home)
    runner.import_commitments(home, homes.orders(tmp_path / "more.csv", ORDERED), date(2026, 11, 20))
    summary = runner.run(home)
    assert (summary.decided_later, summary.pending) == (0, 1)
    assert runner.run(home).is_idle
    assert is_sound(home)


def test_all_refused_later_frees_the_number_and_the_bytes(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state(order="0000000000"))
    runner.run(home)
    runner.commitments_available(home)
    runner.run(home)
    assert only(home).deposit.state == "IN_REJETE"
    homes.drop(home, homes.flow_name(2), to_the_state())
    runner.run(home)
    assert only(home, 2).deposit.state == "IN_INTEGRE"
    assert is_sound(home)


def test_an_operator_decides_only_what_was_held_too_long(home: Home) -> None:
    homes.drop(
        home, homes.flow_name(1), homes.archive([("a.xml", to_the_state("H-1")), ("b.xml", to_the_state("H-2"))])
    )
    runner.run(home)
    with pytest.raises(Fault, match="from 2026-11-27 on"):
        runner.decide(home, homes.flow_name(1), "integrate", "urgent", "ops")
    home.clock = FixedClock(homes.NOON + timedelta(days=8))
    waits = runner.run(home)
    assert any("the oldest for 8 days" in notice.en for notice in waits.notices)
    assert runner.decide(home, f"{homes.SUPPLIER}/H-1", "integrate", "checked by phone", "ada") == (
        f"{homes.SUPPLIER}/H-1",
    )
    with pytest.raises(Fault, match="decided already"):
        runner.decide(home, f"{homes.SUPPLIER}/H-1", "refuse", "no", "ada")
    assert runner.decide(home, f"{homes.SUPPLIER}/H-2/2026", "refuse", "never ordered", "ada") == (
        f"{homes.SUPPLIER}/H-2",
    )
    summary = runner.run(home)
    assert summary.decided_later == 2
    first, second = only(home).invoices
    assert (first.outcome, second.outcome) == ("integrated", "refused")
    assert "ada: checked by phone" in first.history[0].comment
    assert [s.status for s in second.history] == ["37"]
    assert "CMT-005" in second.history[0].comment
    assert "ada: never ordered" in second.history[0].comment
    assert is_sound(home)


def test_decide_says_what_it_cannot_decide(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    runner.run(home)
    for what, choice, reason, expected in (
        ("nothing", "refuse", "x", "no flow or invoice"),
        (homes.flow_name(1), "refuse", "x", "nothing of it is held"),
        (homes.flow_name(1), "maybe", "x", "integrate or refuse"),
        (homes.flow_name(1), "refuse", " ", "reason"),
    ):
        with pytest.raises(Fault, match=expected):
            runner.decide(home, what, choice, reason)


def test_a_pending_invoice_is_found_by_status_with_its_age(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), to_the_state())
    runner.run(home)
    (invoice,) = runner.status(home, f"{homes.SUPPLIER}/H-1")
    assert isinstance(invoice, InvoiceStatus)
    assert invoice.pending_since == homes.NOON
    assert "CMT-005" in {f.rule for f in invoice.findings}
    table = runner.show_commitments(home, [ORDERED])
    assert (table.state, list(table.rows)) == ("unavailable", [ORDERED])


def test_the_directory_that_counts_on_a_day_is_shown(home: Home) -> None:
    snapshot, structure = runner.show_directory(home, homes.NEEDS_BOTH)
    assert snapshot is not None
    assert snapshot.day == date(2026, 11, 1)
    assert structure is not None
    assert (structure.requires_service, [s.code for s in structure.services]) == (True, ["SERV_OBL"])
    assert runner.show_directory(home, "0", date(2026, 10, 1)) == (None, None)
    assert runner.show_directory(home)[1] is None
