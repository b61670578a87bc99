"""Rules on dates (family DAT). Readers leave a date without a value where its text is no day."""

from collections.abc import Iterator

from pipeline import codes
from pipeline.model import Kind
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, given, holds

FIRST_YEAR, LAST_YEAR = 2000, 2099  # Annexe 7 v1.8 G1.36


def has_a_date(subject: Subject) -> bool:
    return given(subject.invoice.issued)


def no_days(subject: Subject) -> Iterator[Breach]:
    for day in subject.invoice.dates:
        if day.value is None:
            yield Breach(day, {"place": day.bt, "text": day.text})


def issued_after_deposit(subject: Subject) -> Breaches:
    issued, deposit = subject.invoice.issued, subject.received.day
    if issued is None or issued.value is None or issued.value <= deposit:
        return NONE
    return (Breach(issued, {"date": issued.value.isoformat(), "deposit": deposit.isoformat()}),)


def odd_years(subject: Subject) -> Iterator[Breach]:
    for day in subject.invoice.dates:
        if day.value is not None and not FIRST_YEAR <= day.value.year <= LAST_YEAR:
            yield Breach(day, {"place": day.bt, "year": day.value.year})


def period_ends_before_it_starts(subject: Subject) -> Breaches:
    start, end = subject.invoice.period_start, subject.invoice.period_end
    if start is None or end is None or start.value is None or end.value is None or end.value >= start.value:
        return NONE
    return (Breach(end, {"start": start.value.isoformat(), "end": end.value.isoformat()}),)


def due_before_issued(subject: Subject) -> Breaches:
    issued, due = subject.invoice.issued, subject.invoice.due
    if issued is None or due is None or issued.value is None or due.value is None or due.value >= issued.value:
        return NONE
    return (Breach(due, {"due": due.value.isoformat(), "date": issued.value.isoformat()}),)


def without_format(subject: Subject) -> Iterator[Breach]:
    """CII says the form of each date; the official samples of 2018 do not. What is no day is DAT-002 alone."""
    if subject.invoice.kind in {Kind.CII, Kind.FACTURX}:
        for day in subject.invoice.dates:
            if not day.format and day.value is not None:
                yield Breach(day, {"place": day.bt})


DATES = (
    holds(codes.DAT_001, has_a_date, at=lambda s: s.missing("BT-2")),
    Rule(codes.DAT_002, no_days),
    Rule(codes.DAT_003, issued_after_deposit),
    Rule(codes.DAT_004, odd_years),
    Rule(codes.DAT_005, period_ends_before_it_starts),
    Rule(codes.DAT_007, due_before_issued),
    Rule(codes.DAT_008, without_format),
)
