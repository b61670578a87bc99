"""Values read from a document, each with its place; numbers and dates read from raw text by strict patterns.

`Decimal()`, `int()` and `date.fromisoformat()` accept texts that no invoice may carry (NaN, 1e999, 1_000, other digits
than ASCII): nothing here hands them raw text before a pattern has matched it in full.
"""

import re
from datetime import date
from decimal import Context, Decimal
from typing import NamedTuple

XML_BLANKS = " \t\r\n"
EXACT = Context(prec=60)  # sums of 19-digit amounts stay exact
_AMOUNT = re.compile(r"[+-]?[0-9]{1,19}(?:\.[0-9]{1,19})?", re.ASCII)
_DATE_ISO = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_DATE_102 = re.compile(r"([0-9]{4})([0-9]{2})([0-9]{2})", re.ASCII)


class Text(NamedTuple):
    """A text of the document, blanks of XML around it removed; `padded` says that there were some."""

    text: str
    bt: str  # BT or BG id of EN 16931, or our own word where the standard has none
    path: str  # XPath in the original file, with prefixes of the syntax
    line: int  # source line, 0 where unknown
    padded: bool = False


class Amount(NamedTuple):
    """A decimal number of the document; `value` is None where the text is no number (AMT-001)."""

    text: str
    value: Decimal | None
    bt: str
    path: str
    line: int
    currency: str = ""


class Day(NamedTuple):
    """A date of the document; `value` is None where the text is no day (DAT-002). `format` is the CII attribute."""

    text: str
    value: date | None
    bt: str
    path: str
    line: int
    format: str | None = None


Located = Text | Amount | Day


def parse_amount(text: str, positions_max: int = 19) -> Decimal | None:
    """Read digits, a point, an optional sign; None for anything else or for more than `positions_max` digits.

    >>> parse_amount("-12.50"), parse_amount("1e3"), parse_amount("12,50")
    (Decimal('-12.50'), None, None)
    """
    if _AMOUNT.fullmatch(text) is None:
        return None
    digits = len(text) - text.count(".") - (text[0] in "+-")
    return Decimal(text) if digits <= positions_max else None


def decimals(text: str) -> int:
    """Count the digits after the point of a number that `parse_amount` read."""
    return len(text.partition(".")[2])


def parse_iso_day(text: str) -> date | None:
    """Read AAAA-MM-JJ, a real day, no zone."""
    return _day(_DATE_ISO.fullmatch(text))


def parse_102_day(text: str) -> date | None:
    """Read AAAAMMJJ (format 102 of CII), a real day."""
    return _day(_DATE_102.fullmatch(text))


def _day(match: "re.Match[str] | None") -> date | None:
    if match is None:
        return None
    try:
        return date(int(match[1]), int(match[2]), int(match[3]))
    except ValueError:
        return None
