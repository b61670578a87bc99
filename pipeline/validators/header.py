"""Rules on the head of an invoice: number, type, currency, notes, and characters that nobody sees (family GEN)."""

import re
from collections.abc import Iterator

from pipeline import codes
from pipeline.validators.code_lists import CURRENCIES
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, given, holds
from pipeline.values import Text, parse_102_day

# 382 to 386 are shown as invoices; the pivot knows 380 and 381 only.
ACCEPTED_TYPES = frozenset({"380", "381", "382", "383", "384", "385", "386"})
_NUMBER = re.compile(r"[A-Za-z0-9 \-+_/]*", re.ASCII)
_NOT_IN_NUMBER = re.compile(r"[^A-Za-z0-9 \-+_/]", re.ASCII)
_DAY_FIRST = re.compile(r"([0-9]{2})([ \-_/.]?)([0-9]{2})\2([0-9]{4})", re.ASCII)
_YEAR_FIRST = re.compile(r"([0-9]{4})([ \-_/.]?)([0-9]{2})\2([0-9]{2})", re.ASCII)
_LISTED_MAX = 10
LINE_BREAK = "§"

# Tabulation and line ends are no fault: the schemas read them as spaces.
_CONTROL = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_BIDIRECTIONAL = "\u202a-\u202e\u2066-\u2069"
_ZERO_WIDTH = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u2065\u206a-\u206f\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_UNSEEN_IN_TEXT = re.compile(f"[{_CONTROL}{_BIDIRECTIONAL}]")
_UNSEEN_IN_IDENTIFIER = re.compile(f"[{_CONTROL}{_BIDIRECTIONAL}{_ZERO_WIDTH}]")


def has_a_number(subject: Subject) -> bool:
    return given(subject.invoice.number)


def has_a_type(subject: Subject) -> bool:
    """A UBL CreditNote says its type by its root."""
    return given(subject.invoice.type) or subject.invoice.root == "CreditNote"


def has_a_currency(subject: Subject) -> bool:
    return given(subject.invoice.currency)


def long_number(subject: Subject) -> Breaches:
    number, most = subject.invoice.number, subject.terms.legacy.invoice_number_max
    if number is None or len(number.text) <= most:
        return NONE
    return (Breach(number, {"number": number.text, "length": len(number.text)}),)


def odd_characters_in_number(subject: Subject) -> Breaches:
    number = subject.invoice.number
    if number is None or _NUMBER.fullmatch(number.text) is not None:
        return NONE
    return (Breach(number, {"number": number.text, "characters": listed(_NOT_IN_NUMBER, number.text)}),)


def padded_number(subject: Subject) -> Breaches:
    number = subject.invoice.number
    if number is None or not number.padded:
        return NONE
    return (Breach(number, {"number": number.text}),)


def number_that_is_the_date(subject: Subject) -> Breaches:
    """Only the day of the invoice or of its deposit: other eight digits may well be a year and a rank."""
    number = subject.invoice.number
    if number is None or not 8 <= len(number.text) <= 10:
        return NONE
    written = []
    if (match := _YEAR_FIRST.fullmatch(number.text)) is not None:
        written.append(match[1] + match[3] + match[4])
    if (match := _DAY_FIRST.fullmatch(number.text)) is not None:
        written.append(match[4] + match[3] + match[1])
    issued = subject.invoice.issued
    days = {subject.received.day, None if issued is None else issued.value}
    if any((day := parse_102_day(text)) is not None and day in days for text in written):
        return (Breach(number, {"number": number.text}),)
    return NONE


def unaccepted_type(subject: Subject) -> Breaches:
    type_ = subject.invoice.type
    if type_ is None or not type_.text or type_.text in ACCEPTED_TYPES:
        return NONE
    return (Breach(type_, {"type": type_.text}),)


def unknown_currency(subject: Subject) -> Breaches:
    currency = subject.invoice.currency
    if currency is None or not currency.text or currency.text in CURRENCIES:
        return NONE
    return (Breach(currency, {"currency": currency.text}),)


def long_notes(subject: Subject) -> Iterator[Breach]:
    most = subject.terms.legacy.note_max
    for rank, note in enumerate(subject.invoice.notes, start=1):
        if len(note.text) > most:
            yield Breach(note, {"rank": rank, "length": len(note.text)})


def notes_with_line_breaks(subject: Subject) -> Iterator[Breach]:
    for rank, note in enumerate(subject.invoice.notes, start=1):
        if LINE_BREAK in note.text:
            yield Breach(note, {"rank": rank})


def unseen_characters(subject: Subject) -> Iterator[Breach]:
    """The first such character of each text. `isprintable` costs nothing and is false for control characters."""
    for text in subject.invoice.identifiers:
        # outside ASCII, some marks without width are printable to Unicode
        if not (text.text.isascii() and text.text.isprintable()):
            yield from _unseen(text, _UNSEEN_IN_IDENTIFIER)
    for text in subject.invoice.texts:
        if not text.text.isprintable():
            yield from _unseen(text, _UNSEEN_IN_TEXT)


def _unseen(text: Text, pattern: "re.Pattern[str]") -> Breaches:
    match = pattern.search(text.text)
    if match is None:
        return NONE
    visible = pattern.sub(lambda found: f"[U+{ord(found[0]):04X}]", text.text[: match.start() + 100])
    return (Breach(text, {"place": text.bt, "code": f"{ord(match[0]):04X}"}, value=visible),)


def listed(pattern: "re.Pattern[str]", text: str) -> str:
    """The characters that a pattern finds, each once, in order; those that nobody sees by their number."""
    found = list(dict.fromkeys(pattern.findall(text)))
    names = [c if c.isprintable() and not c.isspace() else f"U+{ord(c):04X}" for c in found[:_LISTED_MAX]]
    return " ".join(names) + (" …" if len(found) > _LISTED_MAX else "")


HEADER = (
    holds(codes.GEN_001, has_a_number, at=lambda s: s.missing("BT-1")),
    Rule(codes.GEN_002, long_number),
    Rule(codes.GEN_003, odd_characters_in_number),
    Rule(codes.GEN_004, padded_number),
    Rule(codes.GEN_005, number_that_is_the_date),
    holds(codes.GEN_007, has_a_type, at=lambda s: s.missing("BT-3")),
    Rule(codes.GEN_008, unaccepted_type),
    holds(codes.GEN_010, has_a_currency, at=lambda s: s.missing("BT-5")),
    Rule(codes.GEN_011, unknown_currency),
    Rule(codes.GEN_013, long_notes),
    Rule(codes.GEN_014, notes_with_line_breaks),
    Rule(codes.GEN_015, unseen_characters),
    holds(
        codes.GEN_017,
        lambda s: len(s.invoice.lines) <= s.terms.ctc.lines_max,
        at=lambda s: s.missing("BG-25"),
        facts=lambda s: {"count": len(s.invoice.lines)},
    ),
)
