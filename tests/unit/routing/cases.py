"""Invoices, structures and reference rows for the tests of routing: what a test does not name is ordinary and right."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from pipeline.model import (
    Commitment,
    CommitmentTable,
    DepositRight,
    Finding,
    Known,
    ReadInvoice,
    Received,
    Service,
    Snapshot,
    Structure,
    SupplierRead,
)
from pipeline.routing import route
from pipeline.terms import Terms
from pipeline.values import Text

TERMS = Terms()
DAY = date(2026, 11, 20)
SNAPSHOT = Snapshot("annuaire-2026-11-20", DAY)
SUPPLIER = "73282932000074"
TOWN = "20009999200014"
STATE = "11000201100044"
RECEIVED = Received(
    "ABC123", "FSO1100A_ABC123_ABC1231100000000000000001", "0" * 64, 1, datetime(2026, 11, 20, 9, tzinfo=UTC)
)


def text(value: str, bt: str, line: int = 1) -> Text:
    return Text(value, bt, f"/Invoice/{bt}", line)


def an_invoice(
    *,
    recipient: str | None = TOWN,
    service: str | None = None,
    commitment: str | None = None,
    supplier: str | None = SUPPLIER,
    supplier_type: str = "1",
    number: str | None = "F-1",
    framework: str = "A1",
    market: str | None = None,
    origins: Iterable[str] = (),
    rank: int = 1,
    **others: Any,
) -> ReadInvoice:
    invoice = ReadInvoice(
        rank=rank,
        member="facture.xml",
        number=None if number is None else text(number, "BT-1", 2),
        type="380",
        issued=date(2026, 11, 18),
        framework=framework,
        framework_at=text(framework, "BT-23", 3),
        supplier=SupplierRead(
            supplier_type, None if supplier is None else text(supplier, "BT-30", 4), "Atelier Durand", "FR"
        ),
        recipient=None if recipient is None else text(recipient, "BT-47", 5),
        recipient_name="Commune de Testville",
        service=None if service is None else text(service, "BT-10", 6),
        service_name="",
        commitment=None if commitment is None else text(commitment, "BT-13", 7),
        market=None if market is None else text(market, "BT-12", 8),
        origins=tuple(text(origin, "BT-25", 9) for origin in origins),
        has_validator=False,
        currency="EUR",
        total="1200.00",
        findings=(),
        pivot=None,
    )
    return replace(invoice, **others)


def a_service(code: str, label: str = "", **others: Any) -> Service:
    return replace(Service(code, label, True, None, None, False), **others)


def a_structure(siret: str = TOWN, **others: Any) -> Structure:
    structure = Structure(siret, 1, "Commune de Testville", True, False, False, False, False, False, True)
    return replace(structure, **others)


def knowing(*structures: Structure, **others: Any) -> Known:
    right = DepositRight("1", SUPPLIER)
    known = Known(SNAPSHOT, {s.siret: s for s in structures}, rights=(right,))
    return replace(known, **others)


def a_table(*rows: Commitment, state: Any = "fresh") -> CommitmentTable:
    return CommitmentTable(state, DAY, "commitments-2026-11-20", {row.number: row for row in rows})


def found(
    invoice: ReadInvoice,
    known: Known,
    *,
    terms: Terms = TERMS,
    interface: str = "FSO1100A",
    received: Received = RECEIVED,
) -> tuple[Finding, ...]:
    return route.findings(invoice, received, interface, known, terms)


def rules(*arguments: Any, **options: Any) -> list[str]:
    return [f.rule for f in found(*arguments, **options)]


def one(rule: str, *arguments: Any, **options: Any) -> Finding:
    (only,) = [f for f in found(*arguments, **options) if f.rule == rule]
    return only
