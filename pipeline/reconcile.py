"""Ledger rows -> what does not add up: each invariant one line, red with the names of what breaks it.

Pure: the rows come from the ledger's adapter, counted where a database counts better. Money is compared in exact
millionths, per currency, never across; an amount that does not fit is an exception, named and left out on both sides.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pipeline import lifecycle
from pipeline.model import FlowState, InvoiceOutcome

SHOWN = 5  # names in one line; the count says how many there are
ANSWERED = frozenset(state.value for state in FlowState)
STATES = ANSWERED | {"received", "repeated", "quarantined"}
OUTCOMES = frozenset(outcome.value for outcome in InvoiceOutcome)


@dataclass(frozen=True, slots=True)
class Line:
    """One invariant: does it hold, over how many rows, and what breaks it."""

    name: str
    ok: bool
    detail: str
    count: int = 0


class Read(NamedTuple):
    """What a verdict says was read of one flow in one currency."""

    flow: str
    currency: str
    invoices: int
    without_amount: int
    millionths: int


class Booked(NamedTuple):
    """What the rows of invoices say of one flow, currency and outcome."""

    flow: str
    currency: str
    outcome: str
    invoices: int
    without_amount: int
    millionths: int


class Link(NamedTuple):
    """One row of an audit chain, as stored and as recomputed from the transitions it covers."""

    partner: str
    sequence: int
    previous: str
    hash: str
    recomputed: str


def line(name: str, broken: Sequence[str], count: int, fine: str) -> Line:
    """Green with what was seen, or red with the first names of what is wrong."""
    if not broken:
        return Line(name, True, fine, count)
    more = f" (and {len(broken) - SHOWN} more)" if len(broken) > SHOWN else ""
    return Line(name, False, "; ".join(broken[:SHOWN]) + more, count)


def deposits(by_state: Mapping[str, int], unanswered: Iterable[str], answered_too_early: Iterable[str]) -> Line:
    """Received = refused + integrated + pending + repeated: every deposit is one of them, with a verdict where due."""
    broken = [f"{n} deposit(s) in the unknown state {state!r}" for state, n in by_state.items() if state not in STATES]
    broken += [f"{name} is answered and has no verdict" for name in unanswered]
    broken += [f"{name} has a verdict and is not answered" for name in answered_too_early]
    told = ", ".join(f"{n} {state}" for state, n in sorted(by_state.items()))
    return line("deposits", broken, sum(by_state.values()), told or "none")


def invoices(read: Iterable[Read], booked: Iterable[Booked]) -> Line:
    """Read = integrated + refused + pending, flow by flow."""
    declared: Counter[str] = Counter()
    for r in read:
        declared[r.flow] += r.invoices
    found: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    broken = []
    for b in booked:
        found[b.flow] += b.invoices
        outcomes[b.outcome] += b.invoices
        if b.outcome not in OUTCOMES:
            broken.append(f"{b.flow}: {b.invoices} invoice(s) with the unknown outcome {b.outcome!r}")
    flows = sorted(declared | found)
    broken += [f"{f}: {declared[f]} read, {found[f]} decided" for f in flows if declared[f] != found[f]]
    told = ", ".join(f"{n} {outcome}" for outcome, n in sorted(outcomes.items()))
    return line("invoices", broken, sum(found.values()), told or "none")


def money(read: Iterable[Read], booked: Iterable[Booked]) -> tuple[Line, ...]:
    """Per currency: total with VAT read = integrated + refused + pending, credit notes subtracted."""
    declared: dict[str, Counter[str]] = defaultdict(Counter)
    found: dict[str, Counter[str]] = defaultdict(Counter)
    exceptions: Counter[str] = Counter()
    by_outcome: dict[str, Counter[str]] = defaultdict(Counter)
    for r in read:
        declared[r.currency][r.flow] += r.millionths
    for b in booked:
        found[b.currency][b.flow] += b.millionths
        exceptions[b.currency] += b.without_amount
        by_outcome[b.currency][b.outcome] += b.millionths
    lines = []
    for currency in sorted({*declared, *found}):
        broken = [
            f"{flow}: read {shown_amount(declared[currency][flow])}, decided {shown_amount(found[currency][flow])}"
            for flow in sorted({*declared[currency], *found[currency]})
            if declared[currency][flow] != found[currency][flow]
        ]
        sums = by_outcome[currency]
        told = ", ".join(f"{outcome} {shown_amount(sums[outcome])}" for outcome in sorted(sums))
        if exceptions[currency]:
            told += f"; {exceptions[currency]} invoice(s) without a total that can be summed"
        lines.append(line(f"money {currency or 'without currency'}", broken, len(found[currency]), told))
    return tuple(lines) or (Line("money", True, "none", 0),)


def shown_amount(millionths: int) -> str:
    """An amount in millionths, written out.

    >>> shown_amount(1_200_500_000), shown_amount(-500_000)
    ('1200.50', '-0.50')
    """
    sign, whole = "-" if millionths < 0 else "", abs(millionths)
    units, rest = divmod(whole, 1_000_000)
    return f"{sign}{units}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def reports(per_answered: Mapping[str, int], of_repeated: Iterable[str]) -> Line:
    """Exactly one report for an answered deposit, none of its own for a repeated one."""
    broken = [f"{name} has {n} reports" for name, n in per_answered.items() if n != 1]
    broken += [f"{name} is a repetition and has a report of its own" for name in of_repeated]
    return line("reports", broken, len(per_answered), "one for each answered deposit, none for a repeated one")


def histories(steps: Iterable[tuple[str, int, str]]) -> Line:
    """Every history of an invoice is a path of the table, its steps numbered without a gap; they come in order."""
    paths: dict[str, list[tuple[int, str]]] = {}
    for invoice, sequence, status in steps:
        paths.setdefault(invoice, []).append((sequence, status))
    broken = []
    for invoice, path in paths.items():
        statuses = [lifecycle.by_id(int(status)) for _, status in path]
        known = [status for status in statuses if status is not None]
        numbered = [sequence for sequence, _ in path] == list(range(1, len(path) + 1))
        if len(known) < len(statuses) or not numbered or not lifecycle.is_history(known):
            broken.append(f"{invoice}: {' '.join(status for _, status in path)}")
    return line("transitions", broken, sum(map(len, paths.values())), "every history is a path of the table")


def told_statuses(integrated_untold: Iterable[str], others_told: Iterable[str]) -> Line:
    """What is integrated has its statuses, and nothing else has the first of them."""
    broken = [f"{invoice} is integrated and has no status 03" for invoice in integrated_untold]
    broken += [f"{invoice} has a status and is not integrated" for invoice in others_told]
    return line("statuses", broken, 0, "01, 02 and 03 for what is integrated and nothing else")


def numbers(without_claim: Iterable[str], without_invoice: Iterable[str], count: int) -> Line:
    """A number is held by exactly what is integrated or pending."""
    broken = [f"{invoice} holds no number" for invoice in without_claim]
    broken += [f"{number} is held and its invoice is not integrated or pending" for number in without_invoice]
    return line("numbers", broken, count, "held by what is integrated or pending, and by nothing else")


def archive(missing: Iterable[str], altered: Iterable[str], count: int) -> Line:
    """The bytes received and sent are there and are what their digest says."""
    broken = [f"{name} is missing" for name in missing] + [f"{name} is not what its SHA-256 says" for name in altered]
    return line("archive", broken, count, "every object is there and equals its SHA-256")


def outbox(without_bytes: Iterable[str], count: int) -> Line:
    """What is to be sent was stored first."""
    return line("outbox", [f"{name} has no stored bytes" for name in without_bytes], count, "every file has its bytes")


def holds(kept_for_nothing: Iterable[str], given_away: Iterable[str]) -> Line:
    """A flow holds its bytes while it has something in it, and no longer."""
    broken = [f"{name} is wholly refused and still holds its bytes" for name in kept_for_nothing]
    broken += [f"{name} has something in it and holds its bytes no more" for name in given_away]
    return line("holds", broken, 0, "bytes are held by flows with something in them")


def chain(links: Iterable[Link]) -> Line:
    """The audit rows of each partner follow each other without a gap, and cover what the ledger says today."""
    last: dict[str, tuple[int, str]] = {}
    broken = []
    count = 0
    for link in links:
        count += 1
        sequence, previous = last.get(link.partner, (0, ""))
        where = f"{link.partner} row {link.sequence}"
        if link.sequence != sequence + 1 or link.previous != previous:
            broken.append(f"{where} does not follow row {sequence}")
        elif link.hash != link.recomputed:
            broken.append(f"{where} does not cover the transitions that stand there")
        last[link.partner] = link.sequence, link.hash
    return line("audit", broken, count, "every row follows the one before it")


def unaudited(transitions: Iterable[str]) -> Line:
    """No transition stands outside the chain."""
    return line("audit cover", [f"{x} is in no audit row" for x in transitions], 0, "every transition is covered")


def folders(without_partner: Sequence[str], count: int) -> Line:
    """Every folder of the drop zone belongs to a partner."""
    broken = [f"drop/{name} belongs to no partner" for name in without_partner]
    return line("folders", broken, count, "every folder belongs to a partner")


def leases(expired: Sequence[str], count: int) -> Line:
    """No lot is left with a worker that is gone."""
    return line("leases", [f"lot {lot} has an expired lease" for lot in expired], count, "no lot is left behind")
