"""`reconcile`: one business day beside everything that lies around it, and the invariants of `verify`.

Received = refused + integrated + pending + repeated, in files, in invoices and in money, whatever is at work beside us:
the figures of a day come from one consistent view of the ledger. What stands outside it (folders, store) is looked at
before that view, so that what happens meanwhile is missed by nobody. Every difference has a name and a next step.
It reads; it changes nothing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import date, timedelta

from pipeline import reconcile as core
from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger import day as ledger
from pipeline.adapters.ledger import invariants as rows
from pipeline.adapters.ledger.night.figures import count_invoices
from pipeline.adapters.ledger.outbox import SENT
from pipeline.model import PARIS, InvoiceOutcome
from pipeline.ports import Said
from pipeline.reconcile import Line, Waits, shown_amount
from pipeline.reconcile.night import KINDS, Against, Kind, Reconciliation
from pipeline.running import night_answers, night_figures, night_folders, night_ledger, night_runs, night_store, verify
from pipeline.running.answer import LIFECYCLE, PIVOT, REPORT
from pipeline.running.home import Home
from pipeline.running.night_figures import Counted
from pipeline.running.night_found import Found

__all__ = ["Reconciliation", "business_day", "reconcile"]

ANSWERS = {REPORT: "reports", LIFECYCLE: "lifecycle_returns", PIVOT: "pivots"}
Figures = dict[str, int | str]
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)


def business_day(home: Home) -> date:
    """The last day that is over in Paris."""
    return home.clock.now().astimezone(PARIS).date() - timedelta(days=1)


def reconcile(home: Home, day: date) -> Reconciliation:
    """Look at everything, count one day, change nothing."""
    partners = home.partners()
    found = Found()
    dropped = night_folders.dropped(home, partners)
    found.extend(dropped.differences)
    seen = verify.around(home)
    store = night_store.look(home)
    found.extend(store.differences)
    run, wrong_runs = night_runs.runs(home, day)
    with home.ledger.reading() as db:
        out = night_folders.out(home, db, partners)
        found.extend([*night_folders.claimed(home, db, partners), *out.differences])
        counted = night_figures.counted(db, day.isoformat(), partners)
        found.extend(night_ledger.of_rows(home, db, day.isoformat()))
        turn = _turn(home, db)
        against = [dropped.against, out.against, *store.against, *_booked(counted), _invariants(turn)]
        for one, differences in (
            night_folders.fetched(home, db, day.isoformat(), out),
            night_answers.reports(home, db, day.isoformat()),
            night_answers.pivots(home, db, day.isoformat()),
            night_ledger.files_of_changes(db, day.isoformat()),
            night_ledger.controls(db, day.isoformat()),
            (run, wrong_runs),
        ):
            against.append(one)
            found.extend(differences)
        of_day, figures = _day(db, day.isoformat(), counted)
        ages, terms, excluded = night_figures.ages(home, db)
        rules = night_figures.rules(db, day.isoformat())
        oldest, count = ledger.waiting(db)
        lots = ledger.at_work(db)
        lines = verify.lines(home, db, seen, night_store.lines(db, store), turn)
    now = (
        core.waiting(oldest, count), core.at_work(lots),
        core.orphans(store.nameless, store.unpurged, store.objects),
    )  # fmt: skip
    by_kind = found.by_kind
    figures |= _now(oldest, count, len(lots), len(store.nameless), by_kind)
    done = Reconciliation(
        day, (*lines, *of_day, *now), figures, oldest, home.clock.now(), counted.total, counted.partners,
        counted.interfaces, counted.recipients, rules, ages, terms, excluded, tuple(against), found, by_kind,
    )  # fmt: skip
    # no money in the log: on a day with one invoice it would be that invoice's amount
    told = {name: figure for name, figure in figures.items() if not name.startswith("money_")}
    home.log("reconcile", day=day.isoformat(), red=sum(not line.ok for line in done.lines), **told)
    return done


def _day(db: Connection, day: str, counted: Counted) -> tuple[list[Line], Figures]:
    """The lines of one day, and its figures by name."""
    states = rows.states(db, day)
    total = counted.total
    figures: Figures = {"deposits_received": sum(states.values())}
    figures |= {f"deposits_{name}": total.files.get(name, 0) for name in night_figures.STATES.values()}
    figures |= _invoices(counted)
    files = ledger.answers(db, day)
    for kind, name in ANSWERS.items():
        written, sent = files.get(kind, Counter()).total(), files.get(kind, Counter())[SENT]
        figures |= {f"{name}_written": written, f"{name}_sent": sent, f"{name}_unsent": written - sent}
    lines = [
        core.deposits(
            states, rows.unanswered(db, day), rows.answered_too_early(db, day), rows.misstated(db, day)
        ),
        *core.counted(rows.read(db, day), rows.booked(db, day)),
        core.reports(
            rows.wrong_reports(db, day), rows.reports_of_repeated(db, day), rows.misnamed_reports(db, day),
            rows.count_answered(db, day),
        ),
    ]  # fmt: skip
    integrated = total.integrated.invoices
    return [*map(core.of_the_day, lines), core.pivots(ledger.without_pivot(db, day), integrated)], figures


def _invoices(counted: Counted) -> Figures:
    """Invoices, and money per currency: what was read, and what became of it."""
    total = counted.total
    names = ("read", *(outcome.value for outcome in InvoiceOutcome))
    figures: Figures = {f"invoices_{name}": total.sum_of(name).invoices for name in names}
    for currency in sorted(filter(_CURRENCY.fullmatch, counted.currencies)):
        figures |= {
            f"money_{currency}_{name}": shown_amount(total.sum_of(name).money.get(currency, 0)) for name in names
        }
        figures[f"money_{currency}_unsummed"] = counted.currencies[currency][1]
    others = (n for currency, (n, _) in counted.currencies.items() if not _CURRENCY.fullmatch(currency))
    figures["invoices_other_currency"] = sum(others)  # the text of an issuer makes no name of a figure
    return figures


def _now(oldest: Waits | None, count: int, lots: int, orphans: int, by_kind: Mapping[Kind, int]) -> Figures:
    since = oldest.since.astimezone(PARIS).isoformat(timespec="seconds") if oldest is not None else ""
    red = sum(n for kind, n in by_kind.items() if KINDS[kind].counts)
    return {"waiting": count, "waiting_since": since, "lots_at_work": lots, "orphans": orphans, "differences": red}


def _turn(home: Home, db: Connection) -> int | None:
    """Which of the invariants that pass every row ever written have their turn; None: all of them, every night."""
    if count_invoices(db) <= home.settings.reconcile.whole_invoices:
        return None
    return home.clock.now().astimezone(PARIS).date().toordinal() % len(verify.IN_TURNS)


def _invariants(turn: int | None) -> Against:
    if turn is None:
        return Against("invariants", Said("tous, sur tout le registre", "all of them, on the whole ledger"))
    part, whole = turn + 1, len(verify.IN_TURNS)
    said = Said(
        f"ceux du jour, et la partie {part} sur {whole} de ceux qui passent tout le registre ; chorus-edi verify les "
        "regarde tous",
        f"those of the day, and part {part} of {whole} of those that pass the whole ledger; `chorus-edi verify` looks "
        "at all of them",
    )
    return Against("invariants", said)


def _booked(counted: Counted) -> tuple[Against, Against]:
    """The ledger, and its outbox."""
    total = counted.total
    files, invoices = total.files.get("received", 0), total.read.invoices
    sent = sum(total.files.get(name, 0) for name in ("reported", "delivered", "told"))
    return (
        Against("ledger", Said(f"{files} fichiers, {invoices} factures", f"{files} files, {invoices} invoices"), files),
        Against("outbox", Said(f"{sent} réponses envoyées", f"{sent} answers sent"), sent),
    )
