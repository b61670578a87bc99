"""Statuses come in: what becomes of each entry of a recipient's file (spec 06 section 5). Pure.

An entry is compared with where its invoice stands after the entries before it: out of order it is refused, told again
it has no effect. What does not apply changes nothing.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pipeline import codes, lifecycle
from pipeline.codes import Code, Severity
from pipeline.lifecycle import Arrow, Status
from pipeline.model import (
    Change,
    Finding,
    JudgedRow,
    Read,
    ReadStatus,
    RowOutcome,
    Standing,
    finding,
)
from pipeline.reasons import REASONS
from pipeline.standings import Standings
from pipeline.terms import Terms
from pipeline.values import Located, Text

_ID = re.compile(r"\+?0{0,20}([1-9][0-9]?)", re.ASCII)
_NEEDS_REASON = frozenset({Status.TO_RECYCLE, Status.REJECTED, Status.SUSPENDED})
_MANDATED = Status.MANDATED


def decide(
    read: Read, actors: frozenset[str], sender: str, standings: Sequence[Standing], now: datetime, terms: Terms
) -> tuple[JudgedRow, ...]:
    """What becomes of each entry, in the order of the file.

    `actors`: the roles of the connection (recipient, accountant); `sender`: its application code. `standings`: the
    invoices that the file names, of whomever they are: which of them are the sender's is settled here.
    """
    held = Standings(standings)
    judged = []
    for entry in read.statuses:
        row = _Entry(entry, actors, sender, now, terms).decide(held)
        held.learn(row)
        judged.append(row)
    return tuple(judged)


def preview(read: Read, now: datetime, terms: Terms) -> tuple[JudgedRow, ...]:
    """What can be said of each entry without knowing its invoice: whether it could apply at all."""
    return tuple(_Entry(entry, frozenset(), "", now, terms).preview() for entry in read.statuses)


class _Entry:
    """One entry on its way to what becomes of it."""

    def __init__(self, entry: ReadStatus, actors: frozenset[str], sender: str, now: datetime, terms: Terms) -> None:
        self.entry, self.actors, self.sender, self.now, self.terms = entry, actors, sender, now, terms
        self.found: list[Finding] = list(entry.findings)

    def decide(self, held: Standings) -> JudgedRow:
        number = self._number()
        standing = self._mine(held)
        if standing is None or number is None or self.entry.is_refused:
            return self._row(RowOutcome.REFUSED)
        when = self.entry.when
        if when is not None and _is_past(standing, number, when):
            self.found = [*self.entry.findings]
            self._say(codes.LFC_015, self.entry.status)
            return self._row(RowOutcome.REPEATED, standing)
        status = lifecycle.by_id(number)
        comment = self._comment()
        if status is None:
            self._say(codes.LFC_010, self.entry.status, value=f"{number:02d}")
            return self._keep(standing, number, comment)
        arrow = self._arrow(standing, status)
        when = self._in_order(standing)
        reason = self._reason(status, comment)
        if arrow is None or when is None or any(f.refuses for f in self.found):
            return self._row(RowOutcome.REFUSED, standing)
        change = Change(
            standing, f"{number:02d}", max(when, standing.status_at), self._kept(comment), reason,
            _text(self.entry.mandate) if status is _MANDATED else "", arrow.actor, self.sender,
        )  # fmt: skip
        return replace(self._row(RowOutcome.APPLIED, standing), changes=(change,))

    def preview(self) -> JudgedRow:
        number = self._number()
        if number is None or self.entry.is_refused:
            return self._row(RowOutcome.REFUSED)
        status, comment = lifecycle.by_id(number), self._comment()
        when = self._in_order(None)
        if status is None:
            self._say(codes.LFC_010, self.entry.status, value=f"{number:02d}")
        else:
            self._reason(status, comment)
        self._kept(comment)
        if when is None or any(f.refuses for f in self.found):
            return self._row(RowOutcome.REFUSED)
        return self._row(RowOutcome.KEPT if status is None else RowOutcome.APPLIED)

    # --- what is asked for ---

    def _number(self) -> int | None:
        """The number of the status; 7, 07 and 007 are one (LFC-009)."""
        given = _text(self.entry.status)
        match = _ID.fullmatch(given)
        number = int(match[1]) if match is not None else 0
        if number in lifecycle.STATUS_IDS:
            return number
        self._refuse(codes.LFC_009, self.entry.status, value=given)
        return None

    def _mine(self, held: Standings) -> Standing | None:
        """The invoice, where it is known and goes to the sender: LFC-008, LFC-013. A day that is none names none."""
        is_dated = self.entry.issued_at is None or self.entry.invoice.issued is not None
        named = held.named(self.entry.invoice) if is_dated else []
        mine = [one for one in named if one.receiver == self.sender]
        if len(mine) == 1:
            return mine[0]
        key = self.entry.invoice
        is_foreign = bool(named) and not mine
        self._refuse(
            codes.LFC_013 if is_foreign else codes.LFC_008, key.number, number=_text(key.number),
            supplier=_text(key.supplier),
        )  # fmt: skip
        return None

    # --- may it be ---

    def _arrow(self, standing: Standing, to: Status) -> Arrow | None:
        """LFC-001 and LFC-006. None where the change is not allowed."""
        start = lifecycle.by_id(int(standing.status)) if standing.status else None
        arrow = lifecycle.arrow(start, to)
        if arrow is None or start is None:
            allowed = ", ".join(_shown(one) for one in sorted(lifecycle.NEXT[start], key=_id) if start is not None)
            self._refuse(
                codes.LFC_001, self.entry.status, from_status=_shown(start) if start else standing.status,
                to_status=_shown(to), allowed=allowed,
            )  # fmt: skip
            return None
        if arrow.actor not in self.actors:
            actor = ", ".join(sorted(self.actors)) or "nobody"
            self._refuse(codes.LFC_006, self.entry.status, actor=actor, to_status=_shown(to))
        return arrow

    def _in_order(self, standing: Standing | None) -> datetime | None:
        """LFC-014: not in the future, not older than the last change. People write seconds, we keep microseconds."""
        when, given = self.entry.when, _text(self.entry.when_at)
        last = standing.status_at.replace(microsecond=0) if standing is not None else None
        if when is None:
            self._refuse(codes.LFC_014, self.entry.when_at, when=given, last=_moment(last))
        elif when > self.now + timedelta(seconds=self.terms.intake.clock_tolerance_s):
            self._say(codes.LFC_014, self.entry.when_at, when=given, last=_moment(self.now))
        elif last is not None and when < last:
            self._say(codes.LFC_014, self.entry.when_at, when=given, last=_moment(last))
        return when

    def _reason(self, status: Status, comment: str) -> str:
        """The code of the list; LFC-002 where one has to be given and there is neither code nor text."""
        given = _text(self.entry.reason)
        if status in _NEEDS_REASON and not (given or comment):
            self._say(codes.LFC_002, self.entry.comment or "reason", to_status=_shown(status))
        return given if given in REASONS else ""

    def _comment(self) -> str:
        """What the recipient wrote; a reason that is none of the list is text, and comes first."""
        reason = _text(self.entry.reason)
        told = [reason if reason not in REASONS else "", _text(self.entry.comment)]
        return " : ".join(part for part in told if part)

    def _kept(self, comment: str) -> str:
        """LFC-003: so much is kept of it."""
        most = self.terms.intake.comment_chars_max
        if len(comment) > most:
            self._say(codes.LFC_003, self.entry.comment or self.entry.reason, value="", length=len(comment))
        return comment[:most]

    def _keep(self, standing: Standing, number: int, comment: str) -> JudgedRow:
        """A status without a label: an event of the history, whatever came after it; never of the future."""
        when = self._in_order(None)
        if when is None or any(f.refuses for f in self.found):
            return self._row(RowOutcome.REFUSED, standing)
        kept = self._kept(comment)
        return replace(self._row(RowOutcome.KEPT, standing), event=(f"{number:02d}", when, kept))

    # --- what is said ---

    def _row(self, outcome: RowOutcome, standing: Standing | None = None) -> JudgedRow:
        found = tuple(sorted(self.found, key=_order))
        total = standing.total if standing is not None else ""
        return JudgedRow(self.entry.rank, self.entry.member, self.entry.invoice, found, outcome, standing, total=total)

    def _say(self, code: Code, at: Located | str | None, *, value: str | None = None, **facts: str | int) -> None:
        shown = value if value is not None or not isinstance(at, str) else ""
        told = finding(self.terms, code, at or code.place, member=self.entry.member, value=shown, **facts)
        if told is not None:
            self.found.append(told)

    def _refuse(self, code: Code, at: Located | str | None, *, value: str | None = None, **facts: str | int) -> None:
        """Say it, and refuse whatever the settings make of the rule: what is asked for cannot be done."""
        before = len(self.found)
        self._say(code, at, value=value, **facts)
        if len(self.found) == before:
            self.found.append(Finding(code.id, code.id, Severity.ERROR, member=self.entry.member, facts=facts))
        elif not self.found[-1].refuses:
            self.found[-1] = replace(self.found[-1], severity=Severity.ERROR)


def _is_past(standing: Standing, number: int, when: datetime) -> bool:
    """This very status was applied, or kept, already. One of the second of the change before it was moved behind it."""
    return any(code == f"{number:02d}" and when in {at, at.replace(microsecond=0)} for code, at in standing.past)


def _order(one: Finding) -> tuple[int, str]:
    """LFC-013 is told as LFC-008, and stands in its place: the order of the lines of a report tells nothing either."""
    stage, rule = one.order
    return stage, codes.LFC_008.id if rule == codes.LFC_013.id else rule


def _text(given: Text | None) -> str:
    return given.text if given is not None else ""


def _shown(status: Status) -> str:
    return lifecycle.shown(_id(status))


def _id(status: Status) -> int:
    return lifecycle.STATUSES[status].id


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at is not None else ""
