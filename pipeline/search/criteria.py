"""What was typed, made into a `Query`; what cannot be is told in one sentence."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

from pipeline import codes, lifecycle
from pipeline.model import InvoiceOutcome, millionths
from pipeline.ports import Said
from pipeline.search.query import Amounts, Days, Query, Words, folded

_OUTCOMES = {
    "integrated": InvoiceOutcome.INTEGRATED, "integree": InvoiceOutcome.INTEGRATED,
    "refused": InvoiceOutcome.REFUSED, "refusee": InvoiceOutcome.REFUSED,
    "pending": InvoiceOutcome.PENDING, "en attente": InvoiceOutcome.PENDING,
}  # fmt: skip
_TO = ".."
_BLANKS = re.compile(r"[\s\u00a0\u2007\u2009\u202f']")  # between the digits of an amount
_AMOUNT = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]{1,6})?", re.ASCII)
_DAY = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)
_FRENCH_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", re.ASCII)
_TEXT_MAX = 500


class BadCriterion(ValueError):
    """What was typed asks for nothing that there is; `said` names the option and what it takes."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.en)
        self.said = said


def parsed(typed: Mapping[str, str], statuses: Sequence[str] = (), *, as_deposited: bool = False,
           is_handled: bool | None = None) -> Query:  # fmt: skip
    """The criteria by the names of `Query`, as typed; an empty text is none."""
    text = {name: _line(name, value) for name, value in typed.items()}
    return Query(
        number=_number(text.get("number", "")),
        supplier=_compact(text.get("supplier", "")),
        supplier_name=_name(text.get("supplier_name", "")),
        recipient=_compact(text.get("recipient", "")),
        service=text.get("service", ""),
        commitment=text.get("commitment", ""),
        as_deposited=as_deposited,
        statuses=tuple(sorted({_status(one) for several in statuses for one in several.split(",")})),
        outcome=_outcome(text.get("outcome", "")),
        partner=text.get("partner", ""),
        received=days(text.get("received", ""), "--received"),
        issued=days(text.get("issued", ""), "--issued"),
        changed=days(text.get("changed", ""), "--changed"),
        rule=_rule(text.get("rule", "")),
        amount=_amounts(text.get("amount", "")),
        is_handled=is_handled,
    )


def days(text: str, option: str) -> Days:
    """A day, a month or a year; or two of them with `..` between, one of which may be left out.

    >>> days("2026-11", "--received")
    Days(first=datetime.date(2026, 11, 1), last=datetime.date(2026, 11, 30))
    """
    if not text:
        return Days()
    begin, between, end = (part.strip() for part in text.partition(_TO))
    first, last = (_period(begin, option, text)[0] if begin else None), None
    if not between:
        return Days(*_period(begin, option, text))
    if end:
        last = _period(end, option, text)[1]
    if (first is None and last is None) or (first is not None and last is not None and last < first):
        raise _bad_period(option, text)
    return Days(first, last)


def _period(text: str, option: str, whole: str) -> tuple[date, date]:
    """The first and the last day of a day, a month, a year."""
    french = _FRENCH_DAY.fullmatch(text)
    found = _DAY.fullmatch("-".join(reversed(french.groups())) if french else text)
    if found is None:
        raise _bad_period(option, whole)
    year, month, day = (int(part) if part else None for part in found.groups())
    try:
        first = date(year or 0, month or 1, day or 1)
        if day is not None:
            return first, first
        if month is not None and month < 12:
            return first, date(first.year, month + 1, 1) - timedelta(days=1)
        return first, date(first.year, 12, 31)
    except ValueError as error:
        raise _bad_period(option, whole) from error


def _bad_period(option: str, text: str) -> BadCriterion:
    return BadCriterion(
        Said(
            f"{option} {text} : attendu un jour AAAA-MM-JJ, un mois AAAA-MM, une année, ou deux bornes DÉBUT..FIN",
            f"{option} {text}: a day YYYY-MM-DD, a month YYYY-MM, a year, or two ends FIRST..LAST",
        )
    )


def _amounts(text: str) -> Amounts:
    """One total, or two ends."""
    if not text:
        return Amounts()
    begin, between, end = (part.strip() for part in text.partition(_TO))
    least = _amount(begin, text) if begin else None
    if not between:
        return Amounts(least, least)
    most = _amount(end, text) if end else None
    if (least is None and most is None) or (least is not None and most is not None and most < least):
        raise _bad_amount(text)
    return Amounts(least, most)


def _amount(text: str, whole: str) -> int:
    bare = _BLANKS.sub("", text)
    if _AMOUNT.fullmatch(bare) is None:
        raise _bad_amount(whole)
    try:
        found = millionths(str(Decimal(bare.replace(",", "."))))
    except InvalidOperation as error:
        raise _bad_amount(whole) from error
    if found is None:
        raise _bad_amount(whole)
    return found


def _bad_amount(text: str) -> BadCriterion:
    return BadCriterion(
        Said(
            f"--amount {text} : attendu un total TTC (1234,56), ou deux bornes (1000..2000) ; un avoir est négatif",
            f"--amount {text}: a total with VAT (1234.56), or two ends (1000..2000); a credit note is negative",
        )
    )


def _number(text: str) -> Words:
    """A number; with a last `*`, how it begins."""
    begins = text.endswith("*")
    bare = text[:-1] if begins else text
    if "*" in bare or (begins and not bare):
        raise BadCriterion(
            Said(
                f"--number {text} : un numéro entier, ou son début suivi d'une seule *, entre guillemets",
                f"--number {text}: a whole number, or its beginning and one *, in quotes",
            )
        )
    return Words(bare, begins)


def _name(text: str) -> str:
    bare = folded(text)
    if text and not bare:
        raise BadCriterion(
            Said(
                f"--supplier-name {text} : attendu le début d'un nom, avec une lettre ou un chiffre au moins",
                f"--supplier-name {text}: the beginning of a name, with a letter or a digit at least",
            )
        )
    return bare


def _status(text: str) -> str:
    """Two digits, of the number or of the platform's word."""
    bare = text.strip()
    number = f"{int(bare):02d}" if bare.isascii() and bare.isdigit() and len(bare) <= 2 else ""
    if number in lifecycle.LABELS:
        return number
    by_word = {row.status.value: f"{row.id:02d}" for row in lifecycle.STATUSES.values() if row.id}
    found = by_word.get(bare.upper().replace(" ", "_"))
    if found is None:
        known = ", ".join(f"{number} {word}" for word, number in by_word.items())
        raise BadCriterion(
            Said(
                f"--status {bare} : n'est jamais l'état courant d'une facture ; attendu {known}",
                f"--status {bare}: is never where an invoice stands; one of {known}",
            )
        )
    return found


def _outcome(text: str) -> InvoiceOutcome | None:
    if not text:
        return None
    found = _OUTCOMES.get(folded(text))
    if found is None:
        raise BadCriterion(
            Said(
                f"--outcome {text} : attendu integrated (intégrée), refused (refusée) ou pending (en attente)",
                f"--outcome {text}: integrated, refused or pending",
            )
        )
    return found


def _rule(text: str) -> str:
    """As it is written in the catalogue; what it does not know is an official rule, as typed."""
    return text.upper() if text.upper() in codes.ALL else text


def _compact(text: str) -> str:
    """An identifier: people write it in groups of digits."""
    return _BLANKS.sub("", text)


def _line(name: str, text: str) -> str:
    """Without blanks around it, as the ledger keeps texts; too long is no criterion."""
    bare = text.strip().encode("utf-8", "backslashreplace").decode()
    if len(bare) > _TEXT_MAX or "\0" in bare:
        option = f"--{name.replace('_', '-')}"
        raise BadCriterion(
            Said(f"{option} : un texte d'au plus {_TEXT_MAX} caractères", f"{option}: at most {_TEXT_MAX} characters")
        )
    return bare
