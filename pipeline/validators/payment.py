"""Rules on payment: mode, account, bank (family PAY). No finding ever carries a whole account number."""

import re
from collections.abc import Iterator
from functools import lru_cache

from pipeline import codes
from pipeline.model import Kind
from pipeline.validators.framework import ALREADY_PAID, JUSTICE
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, given, holds
from pipeline.values import Text

TRANSFER = "30"
SEPA_TRANSFER = "58"
PURCHASING_CARD = "48"
SEPA_DIRECT_DEBIT = "59"  # not known to the pivot either, which says 49 for it
WITH_AN_ACCOUNT = frozenset({"30", "31", "42", "58"})
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}(?:[A-Z0-9]{3})?", re.ASCII)
_RIB = re.compile(r"[0-9]{10}[A-Z0-9]{11}[0-9]{2}", re.ASCII)
_RIB_DIGITS = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "12345678912345678923456789")
_ENDS_SHOWN = 4


def modes(subject: Subject) -> tuple[Text, ...]:
    """Each payment mode of the document, once."""
    one = subject.invoice.payment_code
    if len(subject.invoice.payment_codes) > 1:
        return tuple({code.text: code for code in reversed(subject.invoice.payment_codes)}.values())[::-1]
    return () if one is None or not one.text else (one,)


def may_lack_a_mode(subject: Subject) -> bool:
    return subject.invoice.is_credit_note or subject.is_minimum


def is_justice(subject: Subject) -> bool:
    return subject.framework == JUSTICE or subject.interface.type == "E3"


def accepted_modes(subject: Subject) -> tuple[str, ...]:
    lists = subject.terms.lists
    if subject.is_mixed:
        return lists.payment_codes_mixed
    return lists.payment_codes_ubl if subject.invoice.kind is Kind.UBL else lists.payment_codes


def is_accepted(code: str, subject: Subject) -> bool:
    """The annex writes 01 what UNTDID 4461, and so EN 16931, writes 1."""
    return code in accepted_modes(subject) or (code == "1" and "01" in accepted_modes(subject))


def has_a_mode(subject: Subject) -> bool:
    return bool(modes(subject)) or may_lack_a_mode(subject)


def unaccepted_modes(subject: Subject) -> Iterator[Breach]:
    for code in modes(subject):
        if not is_accepted(code.text, subject):
            yield Breach(code, {"code": code.text})


def sepa_transfer(subject: Subject) -> Iterator[Breach]:
    if not is_justice(subject):  # there PAY-004 says more
        for code in modes(subject):
            if code.text == SEPA_TRANSFER:
                yield Breach(code, {"code": code.text})


def justice_not_by_transfer(subject: Subject) -> Iterator[Breach]:
    if is_justice(subject):
        for code in modes(subject):
            if code.text != TRANSFER:
                yield Breach(code, {"code": code.text})


def transfer_without_account(subject: Subject) -> Breaches:
    """The platform hides the payment lines of a credit note and of what is already paid: nothing is asked there."""
    invoice = subject.invoice
    if given(invoice.account.iban) or given(invoice.account.rib):
        return NONE
    if invoice.is_credit_note or subject.framework == ALREADY_PAID:
        return NONE
    code = next((code for code in modes(subject) if code.text in WITH_AN_ACCOUNT), None)
    return NONE if code is None else (Breach(code, {"code": code.text}),)


def malformed_iban(subject: Subject) -> Breaches:
    iban = subject.invoice.account.iban
    if iban is None or not iban.text:
        return NONE
    if len(iban.text) <= subject.terms.legacy.iban_max and is_iban(iban.text):
        return NONE
    return (Breach(iban, {"iban_masked": masked(iban.text)}, value=masked(iban.text)),)


def malformed_rib(subject: Subject) -> Breaches:
    rib = subject.invoice.account.rib
    if rib is None or not rib.text or is_rib(rib.text):
        return NONE
    return (Breach(rib, value=masked(rib.text)),)


def malformed_bic(subject: Subject) -> Breaches:
    bic = subject.invoice.account.bic
    if bic is None or not bic.text or _BIC.fullmatch(bic.text) is not None:
        return NONE
    return (Breach(bic, {"bic": bic.text}),)


def read_as_transfer(subject: Subject) -> Breaches:
    """Absent where that is allowed, or accepted here and unknown to the pivot."""
    code = next(iter(modes(subject)), None)
    if code is None:
        return (Breach(subject.missing("BT-81")),) if may_lack_a_mode(subject) else NONE
    known = (*subject.terms.lists.payment_codes_pivot, SEPA_DIRECT_DEBIT)
    if code.text in known or not is_accepted(code.text, subject):
        return NONE
    return (Breach(code),)


def paid_by_card(subject: Subject) -> Iterator[Breach]:
    for code in modes(subject):
        if code.text == PURCHASING_CARD:
            yield Breach(code, {"code": code.text})


@lru_cache(maxsize=4096)  # suppliers come back: the full check costs 20 us
def is_iban(text: str) -> bool:
    """Structure of the country and check digits, of raw capitals and digits: stdnum would tidy up first.

    Its checks per country are left out: some ask a list of banks, which ages faster than accounts.
    """
    if _IBAN.fullmatch(text) is None:
        return False
    from stdnum import iban

    return bool(iban.is_valid(text, check_country=False))


def is_rib(text: str) -> bool:
    """Bank, branch, account and key. Letters of the account count 1 to 9; 97 divides the weighted sum.

    >>> is_rib("30006000011234567890189"), is_rib("30006000011234567890188")
    (True, False)
    """
    if _RIB.fullmatch(text) is None:
        return False
    digits = text.translate(_RIB_DIGITS)
    bank, branch, account, key = int(digits[:5]), int(digits[5:10]), int(digits[10:21]), int(digits[21:])
    return (89 * bank + 15 * branch + 3 * account + key) % 97 == 0


def masked(account: str) -> str:
    """The first and the last four characters, enough to recognise one's own.

    >>> masked("FR7630006000011234567890189"), masked("FR76123")
    ('FR76…0189', '…')
    """
    if len(account) <= 3 * _ENDS_SHOWN:
        return "…"
    return f"{account[:_ENDS_SHOWN]}…{account[-_ENDS_SHOWN:]}"


PAYMENT = (
    holds(codes.PAY_001, has_a_mode, at=lambda s: s.missing("BT-81")),
    Rule(codes.PAY_002, unaccepted_modes),
    Rule(codes.PAY_003, sepa_transfer),
    Rule(codes.PAY_004, justice_not_by_transfer),
    Rule(codes.PAY_005, transfer_without_account),
    Rule(codes.PAY_006, malformed_iban),
    Rule(codes.PAY_007, malformed_rib),
    Rule(codes.PAY_008, malformed_bic),
    Rule(codes.PAY_009, read_as_transfer),
    Rule(codes.PAY_011, paid_by_card),
)
