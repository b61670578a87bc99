"""For each rule on the semantic model, an invoice that earns it, the flow that brings it, and what else it earns."""

from dataclasses import dataclass, replace

from a_invoice import (
    IBAN,
    WRONG_KEY,
    a_credit_note,
    a_line,
    a_minimum,
    a_vat_line,
    amount,
    an_invoice,
    day,
    in_country,
    of_type,
    siret,
    text,
    totals,
)

from pipeline.model import AccountGiven, Invoice, Places


@dataclass(frozen=True)
class Case:
    invoice: Invoice
    interface: str = "FSO1100A"
    companions: frozenset[str] = frozenset()


def case(invoice: Invoice, interface: str = "FSO1100A", *companions: str) -> Case:
    return Case(invoice, interface, frozenset(companions))


def _supplier(**changes: object) -> Invoice:
    return an_invoice(supplier=replace(an_invoice().supplier, **changes))


def _recipient(**changes: object) -> Invoice:
    return an_invoice(recipient=replace(an_invoice().recipient, **changes))


def _framework(code: str) -> Invoice:
    return an_invoice(framework=text(code, "BT-23"))


def _lines(*lines: object) -> Invoice:
    return an_invoice(lines=lines)


def _service(value: str) -> Places:
    return Places(text(value, "BT-10"), (text(value, "BT-10"),))


def _commitment(value: str) -> Places:
    return Places(text(value, "BT-13"), (text(value, "BT-13"),))


def _paid(code: str) -> dict[str, object]:
    return {"payment_code": text(code, "BT-81"), "payment_codes": (text(code, "BT-81"),)}


NO_PAYMENT = {"payment_code": None, "payment_codes": ()}
LONG = "x" * 1_025

CASES: dict[str, Case] = {
    # header
    "GEN-001": case(an_invoice(number=None)),
    "GEN-002": case(an_invoice(number=text("F" * 21, "BT-1"))),
    "GEN-003": case(an_invoice(number=text("F-2025#42", "BT-1"))),
    "GEN-004": case(an_invoice(number=text("F-2025-42", "BT-1", padded=True))),
    "GEN-005": case(an_invoice(number=text("20251118", "BT-1"))),
    "GEN-007": case(an_invoice(type=None)),
    "GEN-008": case(an_invoice(type=text("751", "BT-3"))),
    "GEN-010": case(an_invoice(currency=None)),
    "GEN-011": case(an_invoice(currency=text("EURO", "BT-5"))),
    "GEN-013": case(an_invoice(notes=(text("court", "BT-22"), text(LONG, "BT-22")))),
    "GEN-014": case(an_invoice(notes=(text("une ligne§une autre", "BT-22"),))),
    "GEN-015": case(an_invoice(notes=(text("avant\u202eaprès", "BT-22"),))),
    # framework
    "IDN-006": case(_framework("B1")),
    "FRM-001": case(an_invoice(framework=None)),
    "FRM-002": case(_framework("A28")),
    "FRM-003": case(_framework("A11")),
    "FRM-004": case(_framework("A5")),
    "FRM-005": case(_framework("A3")),
    "FRM-006": case(_framework("A21")),
    "FRM-007": case(_framework("A9")),
    "FRM-008": case(
        an_invoice(framework_extension=text("A1", "BT-23"), framework_profile=text("A2", "BT-23")),
    ),
    # references
    "REF-001": case(an_invoice(service=_service("S" * 101))),
    "REF-002": case(an_invoice(commitment=_commitment("1" * 51)), "FSO1100A", "REF-006"),
    "REF-003": case(an_invoice(market=text("2024" + "1" * 47, "BT-12"))),
    "REF-004": case(an_invoice(market=text("CONTRAT-7", "BT-12"))),
    "REF-005": case(an_invoice(commitment=_commitment("15123#5678")), "FSO1100A", "REF-006"),
    "REF-006": case(an_invoice(commitment=_commitment("151234567"))),
    "REF-007": case(an_invoice(despatch=text("BL-1", "BT-16"))),
    "REF-008": case(an_invoice(contract_types=(text("Devis", "contract type"),))),
    "REF-009": case(
        an_invoice(
            service=Places(
                text("A", "BT-10"), (text("A", "BT-10"), text("B", "BT-10", path="/Invoice/cbc:BuyerReference"))
            )
        )
    ),
    "REF-010": case(an_invoice(supporting=(text("R" * 51, "BT-122"),))),
    # credit notes
    "CRN-001": case(a_credit_note(origins=(text("F" * 21, "BT-25"),)), "FSO1100A", "PAY-009"),
    "CRN-002": case(a_credit_note(origins=()), "FSO1100A", "PAY-009"),
    "CRN-005": case(an_invoice(root="CreditNote")),
    "CRN-006": case(an_invoice(origins=(text("F-2025/0040", "BT-25"),))),
    "CRN-007": case(
        a_credit_note(
            **totals("-60.00", "-12.00", "-72.00"),
            lines=(a_line(1, quantity=amount("-6", "BT-129"), total=amount("-60.00", "BT-131")),),
        ),
        "FSO1100A",
        "PAY-009",
    ),
    # dates
    "DAT-001": case(an_invoice(issued=None)),
    "DAT-002": case(an_invoice(delivered=day("2025-02-29", "BT-72"))),
    "DAT-003": case(an_invoice(issued=day("2025-11-21", "BT-2"))),
    "DAT-004": case(an_invoice(delivered=day("1999-12-31", "BT-72"))),
    "DAT-005": case(an_invoice(period_start=day("2025-10-31", "BT-73"), period_end=day("2025-10-01", "BT-74"))),
    "DAT-007": case(an_invoice(due=day("2025-11-17", "BT-9"))),
    "DAT-008": case(a_minimum(issued=day("20251118", "BT-2")), "FSO1117A", "PAY-009"),
    # payment
    "PAY-001": case(an_invoice(**NO_PAYMENT)),
    "PAY-002": case(an_invoice(**_paid("70"))),
    "PAY-003": case(an_invoice(**_paid("58")), "FSO1100A", "PAY-009"),
    "PAY-004": case(an_invoice(framework=text("A3", "BT-23"), **_paid("20")), "FSO1120A"),
    "PAY-005": case(an_invoice(account=AccountGiven())),
    "PAY-006": case(an_invoice(account=AccountGiven(iban=text(IBAN[:-1] + "8", "BT-84")))),
    "PAY-007": case(an_invoice(account=AccountGiven(rib=text("30006000011234567890188", "BT-84")))),
    "PAY-008": case(an_invoice(account=AccountGiven(iban=text(IBAN, "BT-84"), bic=text("AGRIFR", "BT-86")))),
    "PAY-009": case(an_invoice(**_paid("57"))),
    "PAY-011": case(an_invoice(**_paid("48"))),
    # parties
    "PTY-001": case(_supplier(identifier=None, identifier_type="", scheme=None, siren=None)),
    "PTY-002": case(_supplier(identifier=text("4012345000009", "BT-30"), identifier_type="", scheme=text("0088"))),
    "PTY-003": case(_supplier(identifier=text("123456782", "BT-30"), siren=None)),
    "PTY-004": case(_supplier(identifier=text(WRONG_KEY, "BT-30"))),
    "PTY-005": case(an_invoice(supplier=of_type("2", "DE123456788", address=in_country("BE")))),
    "PTY-006": case(an_invoice(supplier=of_type("3", "CH-ANOTHER", address=in_country("CH")))),
    "PTY-007": case(an_invoice(supplier=of_type("4", "12345678", address=in_country("NC")))),
    "PTY-008": case(an_invoice(supplier=of_type("5", "A1234567890", address=in_country("PF")))),
    "PTY-009": case(an_invoice(supplier=of_type("7", "185017512", address=in_country("FR")))),
    "PTY-010": case(an_invoice(supplier=of_type("6", "EN-COURS-1", address=in_country("FR")))),
    "PTY-011": case(_supplier(name=None)),
    "PTY-012": case(_supplier(trading_name=text("N" * 100, "BT-28"))),
    "PTY-013": case(_recipient(identifier=None, identifier_type="", scheme=None)),
    "PTY-014": case(_recipient(identifier=text("110002011", "BT-47"))),
    "PTY-015": case(_recipient(vat=text("FR00110002011", "BT-48"))),
    "PTY-016": case(_supplier(siren=text("552100554", "BT-30"))),
    "PTY-017": case(_supplier(vat=text("FR82123456782", "BT-31"))),
    "PTY-018": case(_recipient(address=in_country("FRA", "BT-55"))),
    "PTY-019": case(_supplier(address=replace(in_country("FR"), city=text("D" * 401, "BT-37")))),
    "PTY-022": case(an_invoice(payee=siret("123456782", "BT-60"))),
    # amounts
    "AMT-001": case(_lines(a_line(1, total=amount("0" * 20, "BT-131")))),
    "AMT-002": case(an_invoice(total_gross=amount("72.0000000", "BT-112"))),
    "AMT-003": case(an_invoice(total_gross=amount("72.000", "BT-112"))),
    "AMT-004": case(_lines(a_line(1, quantity=amount("6.00000", "BT-129"), total=amount("60.00", "BT-131")))),
    "AMT-005": case(
        _lines(a_line(1, quantity=amount("-6"), price=amount("-10", "BT-146"), total=amount("60.00", "BT-131")))
    ),
    "AMT-006": case(an_invoice(total_net=None)),
    "AMT-007": case(an_invoice(total_gross=None)),
    "AMT-008": case(an_invoice(payable=None)),
    "AMT-009": case(_lines(a_line(1))),
    "AMT-010": case(an_invoice(total_allowances=amount("1.00", "BT-107"))),
    "AMT-011": case(an_invoice(total_gross=amount("72.50", "BT-112"), payable=amount("72.50", "BT-115"))),
    "AMT-012": case(an_invoice(payable=amount("70.00", "BT-115"))),
    "AMT-013": case(
        an_invoice(
            total_vat=amount("12.50", "BT-110"),
            total_gross=amount("72.50", "BT-112"),
            payable=amount("72.50", "BT-115"),
        )
    ),
    "AMT-014": case(an_invoice(vat_lines=(a_vat_line(base="59.98"),))),
    "AMT-015": case(an_invoice(vat_lines=(a_vat_line(base="50.00"), a_vat_line(base="10.00", vat="0"))), "FSO1100A"),
    "AMT-016": case(_lines(a_line(1, total=amount("60.00", "BT-131")))),
    "AMT-017": case(
        an_invoice(
            **totals("-60.00", "-12.00", "-72.00", lines="-60.00"),
            lines=(a_line(1, quantity=amount("-6"), total=amount("-60.00")),),
        )
    ),
    "AMT-018": case(an_invoice(framework=text("A2", "BT-23"))),
    "AMT-019": case(
        _lines(a_line(1), a_line(2, gross_price=amount("12.00", "BT-148"), price_discount=amount("1.00", "BT-147")))
    ),
    "AMT-020": case(_lines(a_line(1), a_line(2, gross_price=amount("12.00", "BT-148"), has_price_allowance=True))),
    # VAT
    "VAT-001": case(_lines(a_line(1), a_line(2, vat_category=text("L", "BT-151")))),
    "VAT-002": case(
        an_invoice(
            **{**totals("60.00", "9.00", "69.00", lines="60.00"), "vat_lines": (a_vat_line("60.00", "9.00", "15"),)},
            lines=(a_line(1, vat_rate=amount("15.0", "BT-152")), a_line(2, vat_rate=amount("15", "BT-152"))),
        )
    ),
    "VAT-003": case(an_invoice(vat_lines=(a_vat_line(category=text("E", "BT-118")),))),
    "VAT-006": case(an_invoice(vat_regimes=(text("TVA LIVRAISON", "BT-8"),))),
    "VAT-007": case(
        an_invoice(
            vat_lines=(
                a_vat_line("30.00", "6.00", due=text("5", "BT-8")),
                a_vat_line("30.00", "6.00", due=text("72", "BT-8")),
            ),
        )
    ),
    "VAT-008": case(_lines(a_line(1), a_line(2, vat_rate=amount("5.5", "BT-152")))),
    "VAT-009": case(an_invoice(has_tax_total_without_amount=True)),
    # lines
    "LIN-001": case(an_invoice(lines=(), total_lines=None), "FSO1110A"),
    "LIN-002": case(an_invoice(lines=(), total_lines=None)),
    "LIN-003": case(_lines(a_line(1), a_line(2, type=text("SOUS-TOTAL", "TYPE_LIGNE")))),
    "LIN-004": case(_lines(a_line(1), a_line(2, id=text("1", "BT-126")))),
    "LIN-005": case(_lines(a_line(1), a_line(2, site=text("QUAI-9", "line delivery site")))),
    "LIN-006": case(_lines(a_line(1), a_line(2, description=text(LONG, "BT-154")))),
}
