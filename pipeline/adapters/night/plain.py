"""The night as plain values, one object after the other, for machines. Keys are added, never renamed.

The first object is the day. Every other one has `name`, `ok`, `detail` (both languages) and `count`, as a line of
`verify` has, so that whoever reads those reads all of them: `ok` is false exactly where something makes the night red.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from pipeline.ports import Said
from pipeline.reconcile.amounts import shown_amount
from pipeline.reconcile.night import BUCKETS, STAGES, Difference, Reconciliation, Row, Sum

Plain = dict[str, Any]


def objects(found: Reconciliation) -> Iterator[Plain]:
    """The day, its lines, what was compared, the figures by partner and the like, ages, terms, then what differs."""
    yield {
        "day": found.day.isoformat(), "is_sound": found.is_sound, "figures": dict(found.figures),
        "made_at": found.made_at.isoformat() if found.made_at is not None else None, "red": found.red,
        "by_kind": {kind.value: count for kind, count in found.by_kind.items()},
        "not_read": [one.source for one in found.unread], "total": _row(found.total),
        "excluded": asdict(found.excluded), "buckets": list(BUCKETS),
    }  # fmt: skip
    yield from (asdict(line) for line in found.lines)
    for source in found.against:
        yield _named("source", source.said, source.count) | {"source": source.source, "was_read": source.was_read}
    for name, rows in (("partner", found.rows), ("interface", found.by_interface), ("recipient", found.by_recipient)):
        for row in rows:
            yield _named(name, Said(row.label, row.label), row.read.invoices) | {"key": row.key} | _row(row)
    for rule in found.by_rule:
        yield _named("rule", rule.label, rule.findings) | {
            "rule": rule.rule, "severity": rule.severity, "flows": rule.flows, "invoices": rule.invoices,
            "partners": rule.partners,
        }  # fmt: skip
    for age in found.ages:
        yield _named("age", age.label, age.invoices) | {
            "status": age.status, "recipient": age.recipient, "recipient_name": age.recipient_name,
            "reason": age.reason, "oldest": age.oldest.isoformat(), "by_age": list(age.buckets),
            "money": _money(age.money),
        }  # fmt: skip
    for term in found.terms:
        yield _named("term", Said(term.recipient_name, term.recipient_name), term.waiting) | {
            "recipient": term.recipient, "at_risk": term.at_risk, "overdue": term.overdue,
            "oldest_day": term.oldest_day.isoformat() if term.oldest_day is not None else None,
            "money": _money(term.money),
        }  # fmt: skip
    yield from map(_difference, found.differences)


def _named(name: str, detail: Said, count: int, *, ok: bool = True) -> Plain:
    return {"name": name, "ok": ok, "detail": asdict(detail), "count": count}


def _difference(one: Difference) -> Plain:
    return _named("difference", one.said, one.count, ok=not one.counts) | {
        "kind": one.kind.value, "label": asdict(one.label), "next": asdict(one.next), "partner": one.partner,
        "flow": one.flow, "invoice": one.invoice, "file": one.file,
        "amount": None if one.millionths is None else shown_amount(one.millionths), "currency": one.currency,
        "since": one.since.isoformat() if one.since is not None else None,
    }  # fmt: skip


def _row(row: Row) -> Plain:
    return {"files": dict(row.files)} | {stage: _sum(row.sum_of(stage)) for stage in STAGES}


def _sum(one: Sum) -> Plain:
    return {"invoices": one.invoices, "money": _money(one.money), "unsummed": one.unsummed}


def _money(money: Mapping[str, int]) -> dict[str, str]:
    """Exact texts, per currency."""
    return {currency: shown_amount(money[currency]) for currency in sorted(money)}
