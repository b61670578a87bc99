"""How a UBL document is paid and taxed: payment note, account, VAT groups and totals, header allowances and charges."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from pipeline.model import AccountGiven, VatLine
from pipeline.readers.ubl_line import is_charge
from pipeline.readers.walk import Group, agreed
from pipeline.values import Amount, Text

_RIB = re.compile(r"[0-9]{10}[0-9A-Z]{11}[0-9]{2}", re.ASCII)


def read_payment_note(root: Group, means: Sequence[Group]) -> Text | None:
    notes = [note for one in means for note in one.texts("cbc:InstructionNote", "BT-82")]
    notes += [note for terms in root.groups("cac:PaymentTerms") for note in terms.texts("cbc:Note", "BT-20")]
    return notes[0] if notes else None


def read_account(means: Sequence[Group]) -> AccountGiven:
    """The first account. The channel says whether it is an IBAN or a RIB; without a channel its form does."""
    for one in means:
        account = one.group("cac:PayeeFinancialAccount")
        number = account.identifier("cbc:ID", "BT-84")
        if number is None:
            continue
        channel = one.identifier("cbc:PaymentChannelCode", "payment channel")
        is_rib = channel.text == "RIB" if channel is not None and channel.text in {"IBAN", "RIB"} else _is_rib(number)
        branch = account.group("cac:FinancialInstitutionBranch")
        return AccountGiven(
            iban=None if is_rib else number,
            rib=number if is_rib else None,
            bic=branch.identifier("cbc:ID", "BT-86")
            or branch.group("cac:FinancialInstitution").identifier("cbc:ID", "BT-86"),
            holder=account.text("cbc:Name", "BT-85"),
        )
    return AccountGiven()


def _is_rib(number: Text) -> bool:
    return _RIB.fullmatch(number.text.replace(" ", "").upper()) is not None


class Taxes(NamedTuple):
    lines: tuple[VatLine, ...]
    total: Amount | None
    total_accounting: Amount | None
    lacks_amount: bool


def read_taxes(root: Group, currency: Text | None, vat_currency: Text | None) -> Taxes:
    """BG-23 and the two VAT totals, told apart by their currency: BT-110 in BT-5, BT-111 in BT-6."""
    wanted = "" if currency is None else currency.text
    accounting = "" if vat_currency is None else vat_currency.text
    groups = root.groups("cac:TaxTotal")
    lines: list[VatLine] = []
    own: list[Amount] = []
    in_accounting: list[Amount] = []
    lacks_amount = False
    for group in groups:
        held = group.child("cbc:TaxAmount")
        given_in = "" if held is None else held.get("currencyID") or ""
        is_accounting = accounting not in {"", wanted} and given_in == accounting
        amount = group.amount("cbc:TaxAmount", "BT-111" if is_accounting else "BT-110")
        lacks_amount = lacks_amount or amount is None
        subtotals = [_vat_line(subtotal) for subtotal in group.groups("cac:TaxSubtotal")]
        if is_accounting:
            in_accounting += [amount] if amount is not None else []
            continue
        lines.extend(subtotals)
        if amount is not None and (given_in == wanted or not wanted or (not given_in and len(groups) == 1)):
            own.append(amount)
    total = agreed(own, root.found)
    is_one = bool(accounting) and accounting == wanted
    return Taxes(tuple(lines), total, total if is_one else agreed(in_accounting, root.found), lacks_amount)


def _vat_line(subtotal: Group) -> VatLine:
    category = subtotal.group("cac:TaxCategory")
    direct = subtotal.number("cbc:Percent", "BT-119")
    rate = direct or category.number("cbc:Percent", "BT-119")
    return VatLine(
        base=subtotal.amount("cbc:TaxableAmount", "BT-116"),
        amount=subtotal.amount("cbc:TaxAmount", "BT-117"),
        rate=rate,
        category=category.identifier("cbc:ID", "BT-118"),
        exemption=category.text("cbc:TaxExemptionReason", "BT-120"),
        exemption_code=category.identifier("cbc:TaxExemptionReasonCode", "BT-121"),
        rate_place="" if rate is None else "TaxSubtotal/Percent" if direct is not None else "TaxCategory/Percent",
    )


def read_header_amounts(root: Group) -> Iterator[Amount]:
    for one in root.groups("cac:AllowanceCharge"):
        amount_bt, base_bt, rate_bt, reason_bt, code_bt = (
            ("BT-99", "BT-100", "BT-101", "BT-104", "BT-105")
            if is_charge(one)
            else ("BT-92", "BT-93", "BT-94", "BT-97", "BT-98")
        )
        one.amount("cbc:BaseAmount", base_bt)
        one.number("cbc:MultiplierFactorNumeric", rate_bt)
        one.text("cbc:AllowanceChargeReason", reason_bt)
        one.identifier("cbc:AllowanceChargeReasonCode", code_bt)
        amount = one.amount("cbc:Amount", amount_bt)
        if amount is not None:
            yield amount
