"""The figures of one business day, and the ages of what is not finished: groups of the ledger, added up."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime

from pipeline import codes, lifecycle
from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger.night import figures
from pipeline.adapters.ledger.night.figures import Open
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED, Partner
from pipeline.codes import official
from pipeline.model import PARIS, FlowState
from pipeline.ports import Said
from pipeline.reconcile.night import BUCKETS, EVERYBODY, STAGES, Age, Excluded, Row, RuleRow, Sum, Term
from pipeline.running.home import Home
from pipeline.running.night_folders import sent_counts

STATES = {  # state in the ledger -> key of `FILES`
    FlowState.INTEGRATED.value: "integrated",
    FlowState.PARTIAL.value: "partial",
    FlowState.REJECTED.value: "refused",
    FlowState.WAITING.value: "pending",
    REPEATED: "repeated",
    QUARANTINED: "quarantined",
    RECEIVED: "unjudged",
}
_SEVERITIES = ("fatal", "error", "hold", "warning", "info")  # the hardest first
_WAITING = frozenset({"01", "02", "03", "07", "08", "09", "10", "12"})
_FACT = re.compile(r"\{[^{}]*\}")


@dataclass(slots=True)
class _Sum:
    invoices: int = 0
    money: Counter[str] = field(default_factory=Counter)
    unsummed: int = 0

    def add(self, invoices: int, currency: str, millionths: int, unsummed: int) -> None:
        self.invoices += invoices
        self.money[currency] += millionths
        self.unsummed += unsummed

    @property
    def done(self) -> Sum:
        return Sum(self.invoices, dict(sorted(self.money.items())), self.unsummed)


@dataclass(slots=True)
class _Row:
    label: str = ""
    files: Counter[str] = field(default_factory=Counter)
    sums: dict[str, _Sum] = field(default_factory=lambda: {stage: _Sum() for stage in STAGES})

    def done(self, key: str) -> Row:
        return Row(key, self.label, dict(self.files), **{stage: one.done for stage, one in self.sums.items()})


@dataclass(slots=True)
class Counted:
    """One day, counted in every way at once."""

    total: Row
    partners: tuple[Row, ...]
    interfaces: tuple[Row, ...]
    recipients: tuple[Row, ...]
    currencies: dict[str, tuple[int, int]]  # of what was read: invoices, and those of them without an amount


def counted(db: Connection, day: str, partners: Mapping[str, Partner]) -> Counted:
    """Files, invoices and money of what was received on a day: of all, by partner, interface code and recipient."""
    total = _Row()
    by_partner: dict[str, _Row] = {}
    by_interface: dict[str, _Row] = {}
    by_recipient: dict[str, _Row] = {}
    currencies: dict[str, tuple[int, int]] = {}
    for partner, interface, state, count in figures.files(db, day):
        name = STATES.get(state, state)
        for row in (total, by_partner.setdefault(partner, _Row()), by_interface.setdefault(interface, _Row())):
            row.files["received"] += count
            row.files[name] += count
    for partner, told in sent_counts(db, day).items():
        for row in (total, by_partner.setdefault(partner, _Row())):
            row.files.update(told)
    for partner, interface, declared in figures.declared(db, day):
        for currency, (count, without, millionths) in declared.items():
            before = currencies.get(currency, (0, 0))
            currencies[currency] = before[0] + count, before[1] + without
            for row in (total, by_partner[partner], by_interface[interface]):
                row.sums["read"].add(count, currency, millionths, without)
    for one in figures.groups(db, day):
        recipient = by_recipient.setdefault(one.recipient, _Row())
        recipient.label = recipient.label or one.recipient_name
        recipient.sums["read"].add(one.invoices, one.currency, one.millionths, one.unsummed)
        stages = [one.outcome, *["delivered"] * one.delivered, *["reported"] * one.reported]
        for row in (total, by_partner[one.partner], by_interface[one.interface], recipient):
            for stage in stages:
                row.sums[stage].add(one.invoices, one.currency, one.millionths, one.unsummed)
    for code, row in by_partner.items():
        row.label = partners[code].name if code in partners else ""
    return Counted(
        total.done(EVERYBODY),
        tuple(by_partner[key].done(key) for key in sorted(by_partner)),
        tuple(by_interface[key].done(key) for key in sorted(by_interface)),
        tuple(by_recipient[key].done(key) for key in sorted(by_recipient)),
        currencies,
    )


def rules(db: Connection, day: str) -> tuple[RuleRow, ...]:
    """What the rules found, the hardest first, then the most frequent."""
    found: dict[str, list[figures.RuleCount]] = {}
    for one in figures.rules(db, day):
        found.setdefault(one.rule, []).append(one)
    rows = []
    for rule, several in found.items():
        hardest = min((one.severity for one in several), key=_hardness)
        rows.append(
            RuleRow(
                rule, hardest, _label(rule, several[0].code), sum(one.findings for one in several),
                max(one.flows for one in several), max(one.invoices for one in several),
                max(one.partners for one in several),
            )
        )  # fmt: skip
    return tuple(sorted(rows, key=lambda row: (_hardness(row.severity), -row.findings, row.rule)))


def _hardness(severity: str) -> int:
    return _SEVERITIES.index(severity) if severity in _SEVERITIES else len(_SEVERITIES)


def _label(rule: str, code: str) -> Said:
    """What a rule says, its facts left open; of an official rule our own sentence, where we have one."""
    if code.startswith("OFF-") and rule != code:
        told = official.told(rule)
        return Said(rule, rule) if told is None else Said(told.message_fr, told.message_en)
    row = codes.ALL.get(code)
    return Said(_FACT.sub("…", row.message_fr), _FACT.sub("…", row.message_en)) if row is not None else Said(code, code)


# --- ages -------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Age:
    name: str
    oldest: datetime
    invoices: int = 0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    money: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Term:
    name: str
    waiting: int = 0
    at_risk: int = 0
    overdue: int = 0
    oldest_day: date | None = None
    money: Counter[str] = field(default_factory=Counter)


def ages(home: Home, db: Connection) -> tuple[tuple[Age, ...], tuple[Term, ...], Excluded]:
    """How long everything that is not finished has stood where it stands, and whose payment term is at risk."""
    now = home.clock.now()
    limits = home.settings.reconcile
    today = now.astimezone(PARIS).date()
    found = list(figures.unfinished(db, now, today, BUCKETS, limits.term_days, limits.term_warn_days))
    return _by_status(found), _terms(found), _excluded(found)


def _by_status(found: Iterable[Open]) -> tuple[Age, ...]:
    several: dict[tuple[str, str, str], _Age] = {}
    for one in found:
        age = several.setdefault((one.status, one.recipient, one.reason), _Age(one.recipient_name, one.oldest))
        age.invoices += one.invoices
        age.oldest = min(age.oldest, one.oldest)
        age.buckets = [a + b for a, b in zip(age.buckets, one.buckets, strict=True)]
        age.money[one.currency] += one.millionths
    return tuple(
        Age(
            status, _status(status), recipient, age.name, reason, age.invoices, age.oldest, tuple(age.buckets),
            dict(age.money),
        )
        for (status, recipient, reason), age in sorted(several.items())
    )  # fmt: skip


def _terms(found: Iterable[Open]) -> tuple[Term, ...]:
    several: dict[str, _Term] = {}
    for one in found:
        if one.status not in _WAITING or not one.returns_payment:
            continue
        term = several.setdefault(one.recipient, _Term(one.recipient_name))
        term.waiting += one.invoices
        term.at_risk += one.at_risk
        term.overdue += one.overdue
        term.oldest_day = min(filter(None, (term.oldest_day, one.oldest_day)))
        term.money[one.currency] += one.millionths_at_risk
    return tuple(
        Term(recipient, t.name, t.waiting, t.at_risk, t.overdue, t.oldest_day, {c: n for c, n in t.money.items() if n})
        for recipient, t in sorted(several.items(), key=lambda item: (-item[1].overdue, -item[1].at_risk, item[0]))
    )


def _excluded(found: Iterable[Open]) -> Excluded:
    never = [one for one in found if one.status in _WAITING and not one.returns_payment]
    return Excluded(len({one.recipient for one in never}), sum(one.invoices for one in never))


def _status(status: str) -> Said:
    """The French label of a status; in English its code, which is the platform's own word."""
    known = lifecycle.by_id(int(status)) if status.isdigit() else None
    return Said(lifecycle.LABELS.get(status, status), known.value if known is not None else status)
