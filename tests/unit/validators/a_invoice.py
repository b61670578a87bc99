"""A clean invoice as a reader gives it, and words to change it; shared by the tests of the Chorus rules.

The four lists of every date, amount, identifier and text are gathered from the named values, as readers do.
"""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.model import AccountGiven, Address, Finding, Invoice, Kind, Level, Line, Party, Places, Received, VatLine
from pipeline.terms import Terms
from pipeline.validators import generic
from pipeline.values import Amount, Day, Text, parse_102_day, parse_amount, parse_iso_day

LEGACY = Terms()
CTC = Terms(profile="ctc-b2g")
DEPOSIT = datetime(2025, 11, 20, 9, 30, tzinfo=UTC)
STATE = "11000201100044"
SUPPLIER = "12345678200051"
LA_POSTE_BRANCH = "35600000049837"
WRONG_KEY = "12345678200052"
IBAN = "FR7630006000011234567890189"
RIB = "30006000011234567890189"
_IDENTIFIERS = {"BT-1", "BT-10", "BT-12", "BT-13", "BT-25", "BT-30", "BT-47", "BT-84", "BT-126"}
_GATHERED = {"dates", "amounts", "identifiers", "texts"}


def text(value: str, bt: str = "BT-0", *, padded: bool = False, path: str = "") -> Text:
    return Text(value, bt, path or f"/Invoice/{bt}", 7, padded)


def amount(value: str, bt: str = "BT-0") -> Amount:
    return Amount(value, parse_amount(value), bt, f"/Invoice/{bt}", 8, "EUR")


def day(value: str, bt: str = "BT-0", format: str | None = None) -> Day:
    read = parse_iso_day if "-" in value else parse_102_day
    return Day(value, read(value), bt, f"/Invoice/{bt}", 9, format)


def siret(value: str, bt: str = "BT-30", **more: Any) -> Party:
    return Party(identifier=text(value, bt), identifier_type="1", scheme=text("1", "scheme"), **more)


def of_type(type_: str, value: str, **more: Any) -> Party:
    """A supplier without SIRET."""
    more = {"name": text("Atelier du Lagon", "BT-27"), **more}
    return Party(identifier=text(value, "BT-30"), identifier_type=type_, scheme=text(type_, "scheme"), **more)


def in_country(code: str, bt: str = "BT-40") -> Address:
    return Address(line1=text("1 rue des Lilas", "BT-35"), city=text("Dole", "BT-37"), country=text(code, bt))


def a_line(rank: int = 1, **changes: Any) -> Line:
    line = Line(
        path=f"/Invoice/cac:InvoiceLine[{rank}]",
        source_line=20 + rank,
        id=text(str(rank), "BT-126"),
        quantity=amount("3", "BT-129"),
        total=amount("30.00", "BT-131"),
        price=amount("10.00", "BT-146"),
        vat_rate=amount("20.00", "BT-152"),
        vat_category=text("S", "BT-151"),
        name=text("Ramette de papier", "BT-153"),
    )
    return replace(line, **changes)


def a_vat_line(base: str = "60.00", vat: str = "12.00", rate: str | None = "20.00", **changes: Any) -> VatLine:
    line = VatLine(
        base=amount(base, "BT-116"),
        amount=amount(vat, "BT-117"),
        rate=None if rate is None else amount(rate, "BT-119"),
        category=text("S", "BT-118"),
    )
    return replace(line, **changes)


def an_invoice(**changes: Any) -> Invoice:
    """Two lines of 30.00 at 20 %, 72.00 in all, for the State; nothing to say about it in FSO1100A."""
    invoice = Invoice(
        kind=Kind.UBL,
        level=Level.NONE,
        rank=1,
        root="Invoice",
        path="/Invoice",
        number=text("F-2025/0042", "BT-1"),
        type=text("380", "BT-3"),
        issued=day("2025-11-18", "BT-2"),
        due=day("2025-12-18", "BT-9"),
        currency=text("EUR", "BT-5"),
        framework=text("A1", "BT-23"),
        notes=(text("Livré à l'heure.", "BT-22"),),
        supplier=siret(
            SUPPLIER,
            name=text("Papeterie des Lilas", "BT-27"),
            vat=text("FR11123456782", "BT-31"),
            siren=text("123456782", "BT-30"),
            address=in_country("FR"),
        ),
        recipient=siret(STATE, "BT-47", name=text("Ministère", "BT-44"), address=in_country("FR", "BT-55")),
        service=Places(text("AAASCPV", "BT-10"), (text("AAASCPV", "BT-10"),)),
        commitment=Places(text("1512345678", "BT-13"), (text("1512345678", "BT-13"),)),
        market=text("2024M00017", "BT-12"),
        payment_code=text("30", "BT-81"),
        payment_codes=(text("30", "BT-81"),),
        account=AccountGiven(iban=text(IBAN, "BT-84"), bic=text("AGRIFRPP", "BT-86")),
        vat_regimes=(text("TVA DEBIT", "BT-8"),),
        vat_lines=(a_vat_line(),),
        total_lines=amount("60.00", "BT-106"),
        total_net=amount("60.00", "BT-109"),
        total_vat=amount("12.00", "BT-110"),
        total_gross=amount("72.00", "BT-112"),
        payable=amount("72.00", "BT-115"),
        lines=(a_line(1), a_line(2)),
    )
    invoice = replace(invoice, **changes)
    gathered = _gather(invoice)
    return replace(invoice, **{name: found for name, found in gathered.items() if name not in changes})


def a_credit_note(**changes: Any) -> Invoice:
    return an_invoice(
        **{
            "type": text("381", "BT-3"),
            "origins": (text("F-2025/0040", "BT-25"),),
            "payment_code": None,
            "payment_codes": (),
            "account": AccountGiven(),
            **changes,
        }
    )


def totals(
    net: str, vat: str, gross: str, payable: str | None = None, *, lines: str | None = None, prepaid: str | None = None
) -> dict[str, Any]:
    """Totals and VAT line; no lines below them."""
    return {
        "total_lines": None if lines is None else amount(lines, "BT-106"),
        "total_net": amount(net, "BT-109"),
        "total_vat": amount(vat, "BT-110"),
        "total_gross": amount(gross, "BT-112"),
        "prepaid": None if prepaid is None else amount(prepaid, "BT-113"),
        "payable": amount(gross if payable is None else payable, "BT-115"),
        "vat_lines": (a_vat_line(net, vat),),
    }


def a_minimum(**changes: Any) -> Invoice:
    """What a Factur-X of level MINIMUM can say."""
    return an_invoice(
        **{
            "kind": Kind.FACTURX,
            "level": Level.MINIMUM,
            "root": "CrossIndustryInvoice",
            "issued": day("20251118", "BT-2", "102"),
            "due": None,
            "market": None,
            "notes": (),
            "payment_code": None,
            "payment_codes": (),
            "account": AccountGiven(),
            "vat_regimes": (),
            "vat_lines": (),
            "total_lines": None,
            "lines": (),
            **changes,
        }
    )


def a_mixed(**changes: Any) -> Invoice:
    """What a unit of CPPFactureMixte can say: no BT-106, no BT-110, no BT-113."""
    return an_invoice(
        **{
            "kind": Kind.MIXED,
            "root": "CPPFactureMixte",
            "path": "/CPPFactureMixte/CPPFactures/CPPFactureMixteUnitaire[1]",
            "due": None,
            "vat_regimes": (),
            "total_lines": None,
            "total_vat": None,
            **changes,
        }
    )


def received() -> Received:
    return Received("CPP001", "FSO1100A_CPP001_CPP0011100000000000001", "0" * 64, 1, DEPOSIT)


def judged(invoice: Invoice, interface: str = "FSO1100A", terms: Terms = LEGACY) -> tuple[Finding, ...]:
    """The findings, after a look at what each of them owes to its row: the facts, and messages that they fill."""
    findings = generic.judge(invoice, received(), interface, "facture.xml", terms)
    for finding in findings:
        assert set(finding.facts) == set(finding.row.facts), finding
        assert finding.row.message_en.format_map(finding.facts)
        assert finding.row.message_fr.format_map(finding.facts) is not None
        assert finding.row.remedy_fr.format_map(finding.facts) is not None
        assert finding.member == "facture.xml"
        assert finding.at
    return findings


def earned(invoice: Invoice, interface: str = "FSO1100A", terms: Terms = LEGACY) -> set[str]:
    return {finding.rule for finding in judged(invoice, interface, terms)}


def the(rule: str, findings: tuple[Finding, ...]) -> Finding:
    """The one finding of a rule."""
    (found,) = [finding for finding in findings if finding.rule == rule]
    return found


def _gather(invoice: Invoice) -> dict[str, tuple[Any, ...]]:
    found = [
        value
        for field in fields(invoice)
        if field.name not in _GATHERED
        for value in _values(getattr(invoice, field.name))
    ]
    return {
        "dates": tuple(value for value in found if isinstance(value, Day)),
        "amounts": tuple(value for value in found if isinstance(value, Amount)),
        "identifiers": tuple(v for v in found if isinstance(v, Text) and v.bt in _IDENTIFIERS),
        "texts": tuple(v for v in found if isinstance(v, Text) and v.bt not in _IDENTIFIERS),
    }


def _values(held: Any) -> Iterator[Any]:
    if isinstance(held, Text | Amount | Day):
        yield held
    elif isinstance(held, tuple):
        for one in held:
            yield from _values(one)
    elif is_dataclass(held):
        for field in fields(held):
            yield from _values(getattr(held, field.name))
