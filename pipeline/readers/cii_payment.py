"""How a CII document is paid and taxed: payment note, account, VAT groups and totals, header allowances and charges."""

from collections.abc import Iterator
from typing import NamedTuple

from pipeline.model import AccountGiven, VatLine
from pipeline.readers.cii_line import is_charge
from pipeline.readers.walk import Group, agreed, read_amount
from pipeline.values import Amount, Text


def read_payment_note(means: list[Group]) -> Text | None:
    notes = [note for one in means for note in one.texts("ram:Information", "BT-82")]
    return notes[0] if notes else None


def read_account(means: list[Group]) -> AccountGiven:
    """The first block that gives an account number, else the first that names an account at all."""
    accounts: list[AccountGiven] = []
    for one in means:
        account = one.group("ram:PayeePartyCreditorFinancialAccount")
        if account:
            bank = one.group("ram:PayeeSpecifiedCreditorFinancialInstitution")
            read = AccountGiven(
                iban=account.identifier("ram:IBANID", "BT-84"),
                rib=account.identifier("ram:ProprietaryID", "BT-84"),
                bic=bank.identifier("ram:BICID", "BT-86"),
                holder=account.text("ram:AccountName", "BT-59"),
            )
            accounts.append(read)
    numbered = (one for one in accounts if one.iban is not None or one.rib is not None)
    return next(numbered, accounts[0] if accounts else AccountGiven())


def read_vat_line(tax: Group) -> VatLine:
    return VatLine(
        base=tax.amount("ram:BasisAmount", "BT-116"),
        amount=tax.amount("ram:CalculatedAmount", "BT-117"),
        rate=tax.number("ram:RateApplicablePercent", "BT-119"),
        category=tax.identifier("ram:CategoryCode", "BT-118"),
        exemption=tax.text("ram:ExemptionReason", "BT-120"),
        exemption_code=tax.identifier("ram:ExemptionReasonCode", "BT-121"),
        due=tax.identifier("ram:DueDateTypeCode", "BT-8"),
    )


class TaxTotals(NamedTuple):
    total: Amount | None
    accounting: Amount | None


def read_tax_totals(totals: Group, currency: Text | None, vat_currency: Text | None) -> TaxTotals:
    """The two VAT totals, told apart by their currency: BT-110 in BT-5, BT-111 in BT-6; a single one may leave it out,
    and is BT-110 where no other is.
    """
    wanted = "" if currency is None else currency.text
    accounting = "" if vat_currency is None else vat_currency.text
    held = totals.children("ram:TaxTotalAmount")
    own: list[Amount] = []
    in_accounting: list[Amount] = []
    unnamed: list[Amount] = []
    for element, path in held:
        given_in = element.get("currencyID") or ""
        is_accounting = accounting not in {"", wanted} and given_in == accounting
        amount = read_amount(element, "BT-111" if is_accounting else "BT-110", path, totals.found, given_in)
        if amount is None:
            continue
        if is_accounting:
            in_accounting.append(amount)
        elif given_in == wanted or not wanted:
            own.append(amount)
        elif not given_in:
            unnamed.append(amount)
    if not own and len(unnamed) == 1:
        own = unnamed
    total = agreed(own, totals.found)
    if accounting and accounting == wanted:
        return TaxTotals(total, total)
    return TaxTotals(total, agreed(in_accounting, totals.found))


def read_header_amounts(settlement: Group) -> Iterator[Amount]:
    for one in settlement.groups("ram:SpecifiedTradeAllowanceCharge"):
        amount_bt, base_bt, rate_bt, reason_bt, code_bt = (
            ("BT-99", "BT-100", "BT-101", "BT-104", "BT-105")
            if is_charge(one)
            else ("BT-92", "BT-93", "BT-94", "BT-97", "BT-98")
        )
        one.amount("ram:BasisAmount", base_bt)
        one.number("ram:CalculationPercent", rate_bt)
        one.text("ram:Reason", reason_bt)
        one.identifier("ram:ReasonCode", code_bt)
        amount = one.amount("ram:ActualAmount", amount_bt)
        if amount is not None:
            yield amount
