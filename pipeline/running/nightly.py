"""`reconcile`: every invariant of `verify`, and the conservation figures of one business day.

Received = refused + integrated + pending + repeated, in files, in invoices and in money, whatever is at work beside us:
the figures of a day come from one consistent view of the ledger. A difference names its flow.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from pipeline import reconcile as core
from pipeline.adapters.ledger import Connection, retention
from pipeline.adapters.ledger import day as ledger
from pipeline.adapters.ledger import invariants as rows
from pipeline.adapters.ledger.outbox import SENT
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED
from pipeline.model import PARIS, FlowState, InvoiceOutcome
from pipeline.reconcile import Booked, Line, Read, Waits, shown_amount
from pipeline.running.answer import LIFECYCLE, PIVOT, REPORT
from pipeline.running.home import Home
from pipeline.running.stored import only_in
from pipeline.running.verify import verify

DEPOSITS = {  # state in the ledger -> name of the figure
    FlowState.INTEGRATED.value: "integrated",
    FlowState.PARTIAL.value: "partial",
    FlowState.REJECTED.value: "refused",
    FlowState.WAITING.value: "pending",
    REPEATED: "repeated",
    QUARANTINED: "quarantined",
    RECEIVED: "unjudged",
}
ANSWERS = {REPORT: "reports", LIFECYCLE: "lifecycle_returns", PIVOT: "pivots"}
Figures = dict[str, int | str]
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one business day (in Paris) came to.

    `figures`: deposits_*, invoices_*, money_CURRENCY_* (exact texts, credit notes subtracted), reports_*,
    lifecycle_returns_*, pivots_*, waiting, waiting_since, lots_at_work, orphans. No name that an issuer chose.
    """

    day: date
    lines: tuple[Line, ...]
    figures: Mapping[str, int | str]
    oldest: Waits | None = None  # of what waits now

    @property
    def is_sound(self) -> bool:
        """No line is red."""
        return all(line.ok for line in self.lines)


def business_day(home: Home) -> date:
    """The last day that is over in Paris."""
    return home.clock.now().astimezone(PARIS).date() - timedelta(days=1)


def reconcile(home: Home, day: date) -> Reconciliation:
    """Look at everything, count one day, change nothing. Of the stored objects one in seven is read each night."""
    lines = verify(home, home.clock.now().astimezone(PARIS).date())
    nameless, unpurged, objects = _objects(home)
    with home.ledger.reading() as db:
        of_day, figures = _day(db, day.isoformat())
        oldest, count = ledger.waiting(db)
        lots = ledger.at_work(db)
    now = (core.waiting(oldest, count), core.at_work(lots), core.orphans(nameless, unpurged, objects))
    figures |= _now(oldest, count, len(lots), len(nameless))
    found = Reconciliation(day, (*lines, *of_day, *now), figures, oldest)
    # no money in the log: on a day with one invoice it would be that invoice's amount
    counts = {name: figure for name, figure in figures.items() if not name.startswith("money_")}
    home.log("reconcile", day=day.isoformat(), red=sum(not line.ok for line in found.lines), **counts)
    return found


def _day(db: Connection, day: str) -> tuple[list[Line], Figures]:
    states = rows.states(db, day)
    read, booked = list(rows.read(db, day)), list(rows.booked(db, day))
    figures: Figures = {"deposits_received": sum(states.values())}
    figures |= {f"deposits_{name}": states.get(state, 0) for state, name in DEPOSITS.items()}
    figures |= _invoices(read, booked)
    files = ledger.answers(db, day)
    for kind, name in ANSWERS.items():
        written, sent = files.get(kind, Counter()).total(), files.get(kind, Counter())[SENT]
        figures |= {f"{name}_written": written, f"{name}_sent": sent, f"{name}_unsent": written - sent}
    lines = [
        core.deposits(
            states, rows.unanswered(db, day), rows.answered_too_early(db, day), rows.misstated(db, day)
        ),
        *core.counted(read, booked),
        core.reports(
            rows.wrong_reports(db, day), rows.reports_of_repeated(db, day), rows.misnamed_reports(db, day),
            rows.count_answered(db, day),
        ),
    ]  # fmt: skip
    integrated = int(figures["invoices_integrated"])
    return [*map(core.of_the_day, lines), core.pivots(ledger.without_pivot(db, day), integrated)], figures


def _invoices(read: Iterable[Read], booked: Iterable[Booked]) -> Figures:
    """Invoices, and money per currency: what was read, and what became of it."""
    count: Counter[str] = Counter()
    money: dict[str, Counter[str]] = {}
    unsummed: Counter[str] = Counter()
    other = 0  # in what is no currency code: the text of an issuer makes no name of a figure
    for r in read:
        count["read"] += r.invoices
        other += 0 if _CURRENCY.fullmatch(r.currency) else r.invoices
        money.setdefault(r.currency, Counter())["read"] += r.millionths
        unsummed[r.currency] += r.without_amount
    for b in booked:
        count[b.outcome] += b.invoices
        money.setdefault(b.currency, Counter())[b.outcome] += b.millionths
    names = ("read", *(outcome.value for outcome in InvoiceOutcome))
    figures: Figures = {f"invoices_{name}": count[name] for name in names}
    for currency in sorted(filter(_CURRENCY.fullmatch, money)):
        figures |= {f"money_{currency}_{name}": shown_amount(money[currency][name]) for name in names}
        figures[f"money_{currency}_unsummed"] = unsummed[currency]
    figures["invoices_other_currency"] = other
    return figures


def _now(oldest: Waits | None, count: int, lots: int, orphans: int) -> Figures:
    since = oldest.since.astimezone(PARIS).isoformat(timespec="seconds") if oldest is not None else ""
    return {"waiting": count, "waiting_since": since, "lots_at_work": lots, "orphans": orphans}


# --- objects ----------------------------------------------------------------------------------------------------------


def _objects(home: Home) -> tuple[list[str], list[str], int]:
    """(objects that no row names, objects that were to be purged and are there, how many objects there are).

    The store is listed before the rows are read: what is stored meanwhile is not seen, and what has no row yet is asked
    for once more at the end.
    """
    nameless: dict[str, list[str]] = {}
    unpurged: list[str] = []
    count = 0
    for owner in list(home.store.partners()):
        kept = list(home.store.list(owner))
        count += len(kept)
        with home.ledger.reading() as db:
            nameless[owner] = list(only_in(kept, ledger.named(db, owner)))
            over = frozenset(retention.purged_of(db, owner))
        unpurged += [f"{owner}/{sha256}" for sha256 in kept if sha256 in over]
    with home.ledger.reading() as db:
        still = {owner: only_in(found, ledger.named(db, owner)) for owner, found in nameless.items() if found}
        return [f"{owner}/{sha256}" for owner, found in still.items() for sha256 in found], unpurged, count
