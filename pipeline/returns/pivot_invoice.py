"""Supplier, recipient and invoice of one pivot unit, from the semantic model (spec 02 section 4.1)."""

import re
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal

from pipeline import frameworks
from pipeline.model import AccountGiven, Invoice, Line, Party, Received, VatLine
from pipeline.returns.markup import block, leaf, node, optional
from pipeline.values import EXACT, Amount, Text

PAYMENT_CODES = frozenset({"10", "20", "30", "31", "42", "48", "49", "97"})  # CPPFacturePivot V2_02
_DIRECT_DEBIT_SEPA, _DIRECT_DEBIT, _TRANSFER = "59", "49", "30"
_NUMBER_MAX, _SERVICE_MAX, _REFERENCE_MAX = 20, 100, 50  # lengths of CPPFacturePivot V2_02
MAPPED = frozenset({"BT-10", "BT-47"})  # service and recipient: an issuer may have names of its own for them
_FRAMEWORKS = frozenset(f"A{number}" for number in range(1, 26) if number != 11)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)
_LINE_ID = re.compile(r"[0-9]{1,9}", re.ASCII)
_PRICE_STEP = Decimal("0.000001")  # six decimals, as a price may have


def unfit(invoice: Invoice) -> tuple[str, ...]:
    """The data that a pivot must have, or may have up to a length, and that the invoice gives in no such form."""
    fits = {
        "BT-1": 0 < len(_text(invoice.number)) <= _NUMBER_MAX,
        "BT-2": invoice.issued is not None and invoice.issued.value is not None,
        "BT-5": _CURRENCY.fullmatch(_text(invoice.currency)) is not None,
        "BT-10": len(_text(invoice.service.value)) <= _SERVICE_MAX,
        "BT-23": (_text(invoice.framework) or frameworks.DEFAULT) in _FRAMEWORKS,
        "BT-25": len(_origin(invoice)) <= _NUMBER_MAX,
        "BT-27": _text(invoice.supplier.name) != "",
        "BT-30": _text(invoice.supplier.identifier) != "" and invoice.supplier.identifier_type != "",
        "BT-47": len(_text(invoice.recipient.identifier)) == 14,
        "BT-109": _number(invoice.total_net) != "",
        "BT-112": _number(invoice.total_gross) != "",
        "BT-115": _number(invoice.payable) != "",
    }
    return tuple(bt for bt, fit in fits.items() if not fit)


def header(invoice: Invoice, received: Received) -> str:
    """Fournisseur, Debiteur and DonneesFacture."""
    return _supplier(invoice) + _recipient(invoice) + _invoice(invoice, received)


def country(party: Party) -> str:
    """The country of a supplier; where none is given, the one that its identifier implies."""
    given = _text(party.address.country)
    if _COUNTRY.fullmatch(given):
        return given
    head = _text(party.identifier)[:2].upper()
    return head if party.identifier_type in {"2", "3"} and _COUNTRY.fullmatch(head) else "FR"


def _supplier(invoice: Invoice) -> str:
    supplier = invoice.supplier
    return node(
        "Fournisseur",
        leaf("TypeIdentifiant", supplier.identifier_type),
        leaf("Identifiant", _text(supplier.identifier)),
        leaf("RaisonSociale", _text(supplier.name)),
        leaf("CodePays", country(supplier)),
        _account(invoice.account, invoice.payee),
        leaf("ModeEmission", "flux"),
    )


def _account(account: AccountGiven, payee: Party | None) -> str:
    kind, number = ("IBAN", account.iban) if account.iban else ("RIB", account.rib)
    if number is None:
        return ""
    holder = _text(payee.name if payee else None) or _text(account.holder)
    return node(
        "ReferenceBancaire",
        leaf("Compte", number.text),
        optional("Etablissement", _text(account.bic)),
        optional("RaisonSocialeEncaisseur", holder),
        Type=kind,
    )


def _recipient(invoice: Invoice) -> str:
    return node(
        "Debiteur",
        leaf("TypeIdentifiant", "1"),
        leaf("Identifiant", _text(invoice.recipient.identifier)),
        optional("Nom", _text(invoice.recipient.name)),
        optional("CodeService", _text(invoice.service.value)),
        optional("NomService", _text(invoice.service_name)),
    )


DEBTOR_END = b"</Debiteur>\n"  # `header` has it once: in the texts of others `<` is escaped
_DEBTOR = re.compile(
    rb"(<Debiteur>\n<TypeIdentifiant>1</TypeIdentifiant>\n)<Identifiant>[^<]*</Identifiant>\n"
    rb"(<Nom>[^<]*</Nom>\n)?(?:<CodeService>[^<]*</CodeService>\n)?"
)


def mapped(head: bytes, recipient: str, service: str) -> bytes:
    """The beginning of a unit, at least up to `DEBTOR_END`, with another recipient and service."""
    put, code = leaf("Identifiant", recipient).encode(), optional("CodeService", service).encode()
    made, count = _DEBTOR.subn(lambda found: b"".join((found[1], put, found[2] or b"", code)), head, count=1)
    if not count:
        raise AssertionError("a unit of ours names its debtor")
    return made


def _invoice(invoice: Invoice, received: Received) -> str:
    return node(
        "DonneesFacture",
        leaf("Id", _text(invoice.number)),
        leaf("Renvoi", "Non"),
        optional("IdFactureOrigine", _origin(invoice)),
        leaf("Type", "381" if invoice.is_credit_note else "380"),
        leaf("Cadre", _text(invoice.framework) or frameworks.DEFAULT),
        leaf(
            "DateEmissionFacture", invoice.issued.value.isoformat() if invoice.issued and invoice.issued.value else ""
        ),
        optional(
            "DateLivraison",
            invoice.delivered.value.isoformat() if invoice.delivered and invoice.delivered.value else "",
        ),
        _payment(_text(invoice.payment_code), _text(invoice.payment_note)),
        leaf("DateReception", received.day.isoformat()),
        leaf("Devise", _text(invoice.currency)),
        node(
            "Montants",
            leaf("MontantHT", _number(invoice.total_net)),
            leaf("MontantTTC", _number(invoice.total_gross)),
            leaf("MontantNetAPayer", _number(invoice.payable)),
        ),
        block("TVAs", _vat_lines(invoice.vat_lines)),
        block("Engagement", _references(invoice)),
        block("Lignes", _lines(invoice.lines)),
    )


def _origin(invoice: Invoice) -> str:
    """The original invoice of a credit note; on anything else the reference is ignored (CRN-006)."""
    return invoice.origins[0].text if invoice.is_credit_note and invoice.origins else ""


def _payment(code: str, note: str) -> str:
    """59 becomes 49; what the pivot does not know is a transfer (EDI annex V4.20 G1.14)."""
    if code == _DIRECT_DEBIT_SEPA:
        code = _DIRECT_DEBIT
    if code not in PAYMENT_CODES:
        code, note = _TRANSFER, "Virement"
    return node("ModePaiement", leaf("Code", code), optional("Libelle", note))


def _references(invoice: Invoice) -> Iterator[str]:
    """Market and commitment. A market number above 50 characters (REF-003 warns) stays out: cut it would be another."""
    market, commitment = _text(invoice.market), _text(invoice.commitment.value)
    if len(market) <= _REFERENCE_MAX:
        yield optional("NumeroMarche", market)
    if len(commitment) <= _REFERENCE_MAX:
        yield optional("NumeroEngagement", commitment)


def _vat_lines(lines: tuple[VatLine, ...]) -> Iterator[str]:
    """All or none: a part of them would add up to another VAT. Without a rate (exempt, outside VAT) it is zero."""
    if all(_number(line.base) and _number(line.amount) for line in lines):
        for line in lines:
            yield node(
                "TVA",
                leaf("Taux", _number(line.rate) or "0"),
                leaf("BaseHt", _number(line.base)),
                leaf("MontantTVA", _number(line.amount)),
            )


def _lines(lines: tuple[Line, ...]) -> Iterator[str]:
    """All the lines that count, or none: a minimal document may leave out a price or a quantity, the pivot may not."""
    counted = [line for line in lines if line.counts]
    if not all(_number(line.price) and _number(line.quantity) and _number(line.total) for line in counted):
        return
    ids = [_text(line.id) for line in counted]
    are_numbers = all(_LINE_ID.fullmatch(id) for id in ids) and len({int(id) for id in ids}) == len(ids)
    for rank, line in enumerate(counted, 1):
        yield node(
            "Ligne",
            optional("ReferenceProduit", _text(line.name)),
            leaf("PrixUnitaire", _unit_price(line)),
            leaf("Quantite", _number(line.quantity)),
            leaf("MontantHT", _number(line.total)),
            optional("TauxTVA", _number(line.vat_rate)),
            NumOrdre=_text(line.id) if are_numbers else str(rank),
        )


def _unit_price(line: Line) -> str:
    """The price of one unit: BT-146 may be that of several (BT-149), for which the pivot has no place."""
    if line.price is None or line.price.value is None:
        return ""
    base = line.base_quantity.value if line.base_quantity else None
    if not base or base == 1:
        return line.price.text
    return format(EXACT.divide(line.price.value, base).quantize(_PRICE_STEP, ROUND_HALF_UP, EXACT), "f")


def _text(value: Text | None) -> str:
    return value.text if value is not None else ""


def _number(amount: Amount | None) -> str:
    """The number as given; empty where it is absent or no number."""
    return amount.text if amount is not None and amount.value is not None else ""
