"""Verdicts and invoices of our own, built by hand: what the rooms before `returns` would hand over."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from lxml import etree

from pipeline import codes, flows
from pipeline import model as m
from pipeline.terms import Terms
from pipeline.values import Amount, Day, Text

XSD = Path(__file__).resolve().parents[3] / "xsd"
FLOW = "FSO1100A_ABC001_ABC0011100000000000000042"
MEMBERS = ("facture-1.xml", "facture-2.xml", "facture-3.xml")
TERMS = Terms()


def text(value, bt="BT-1", line=4):
    return Text(value, bt, f"/Invoice/{bt}", line)


def amount(value):
    return Amount(value, Decimal(value), "BT-112", "/Invoice/x", 9)


def day(value):
    return Day(value, date.fromisoformat(value), "BT-2", "/Invoice/d", 5)


def received(**changed):
    given = {
        "partner": "ABC001",
        "name": FLOW,
        "sha256": "5f" * 32,
        "size_bytes": 2048,
        "received_at": datetime(2026, 11, 20, 22, 30, 15, 987, tzinfo=UTC),
    }
    return m.Received(**given | changed)


def found(code, at="", /, *, terms=TERMS, rule=None, **facts):
    made = m.finding(terms, codes.ALL[code], at, **facts)
    assert made is not None
    return m.Finding(rule or made.rule, made.code, made.severity, made.pack, made.member, made.at, made.path, made.line,
                     made.column, made.value, made.facts)  # fmt: skip


def read_invoice(rank=1, number="F-2026-001", member=MEMBERS[0], **changed):
    given = {
        "rank": rank,
        "member": member,
        "number": text(number) if number else None,
        "type": "380",
        "issued": date(2026, 11, 18),
        "framework": "A1",
        "framework_at": None,
        "supplier": m.SupplierRead("1", text("12345678900011", "BT-30"), "Ateliers Lune & Fils", "FR"),
        "recipient": text("99986401570264", "BT-47"),
        "recipient_name": "Commune de Test",
        "service": text("SERVICE-1", "BT-10"),
        "service_name": "Voirie",
        "commitment": None,
        "market": None,
        "origins": (),
        "has_validator": False,
        "currency": "EUR",
        "total": "1200.00",
        "findings": (),
        "pivot": None,
    }
    return m.ReadInvoice(**given | changed)


def judged(rank=1, *findings, outcome="integrated", **changed):
    number = changed.pop("number", f"F-2026-{rank:03d}")
    invoice = read_invoice(rank, number, changed.pop("member", MEMBERS[rank - 1]), **changed)
    return m.JudgedInvoice(invoice, findings, m.InvoiceOutcome(outcome), None)


def verdict(state, invoices=(), findings=(), *, members=MEMBERS, omitted=0, announced="FSO1100A", **changed):
    files = tuple(
        m.ReadMember(name, "ab" * 32, 1024, m.Kind.UBL, tuple(f for f in findings if f.member == name), omitted if rank == 0 else 0)
        for rank, name in enumerate(members)
    )  # fmt: skip
    read = m.Read(
        received(**changed), announced, announced, (), files, tuple(i.read for i in invoices),
        (m.PackRun("en16931-ubl", "compiled", "cd" * 32, "1.3.16"),),
    )  # fmt: skip
    snapshot = m.Snapshot("annuaire-2026-11-20", date(2026, 11, 20))
    return m.Verdict(read, m.FlowState(state), tuple(findings), tuple(invoices), snapshot, ("CMT-*",))


def invoice(**changed):
    """A structured UBL invoice with everything that the pivot can hold."""
    given = {
        "kind": m.Kind.UBL,
        "level": m.Level.NONE,
        "rank": 1,
        "root": "Invoice",
        "path": "/Invoice",
        "number": text("F-2026-001"),
        "type": text("380"),
        "issued": day("2026-11-18"),
        "currency": text("EUR"),
        "framework": text("A2"),
        "delivered": day("2026-11-17"),
        "supplier": m.Party(
            identifier=text("12345678900011"), identifier_type="1", name=text("Ateliers Lune & Fils"),
            address=m.Address(country=text("FR")),
        ),
        "recipient": m.Party(identifier=text("99986401570264"), identifier_type="1", name=text("Commune de Test")),
        "service": m.Places(text("SERVICE-1")),
        "service_name": text("Voirie"),
        "commitment": m.Places(text("4500012345")),
        "market": text("2026-M-17"),
        "payment_code": text("30"),
        "payment_note": text("à 30 jours"),
        "account": m.AccountGiven(iban=text("FR7630001007941234567890185"), bic=text("BDFEFRPPCCT"), holder=text("Lune")),
        "vat_lines": (m.VatLine(amount("1000.00"), amount("200.00"), amount("20.00")),),
        "total_net": amount("1000.00"),
        "total_gross": amount("1200.00"),
        "payable": amount("1200.00"),
        "lines": (
            m.Line("/l", 20, text("1"), quantity=amount("4"), total=amount("1000.00"), price=amount("250.00"),
                   vat_rate=amount("20.00"), name=text("Table <chêne>")),
            m.Line("/l", 30, text("2"), type=text("INFORMATION")),
        ),
    }  # fmt: skip
    return m.Invoice(**given | changed)


@pytest.fixture
def build():
    return SimpleNamespace(
        amount=amount, day=day, found=found, invoice=invoice, judged=judged, read_invoice=read_invoice,
        received=received, text=text, verdict=verdict, FLOW=FLOW, MEMBERS=MEMBERS, interfaces=flows.INTERFACES,
    )  # fmt: skip


@pytest.fixture(scope="session")
def valid():
    """`valid(schema, bytes)`: the tree, once our own schema has taken it."""
    loaded = {}

    def check(schema, given):
        if schema not in loaded:
            loaded[schema] = etree.XMLSchema(etree.parse(XSD / schema))
        tree = etree.fromstring(given, etree.XMLParser(huge_tree=True))
        loaded[schema].assertValid(tree)
        return tree

    return check
