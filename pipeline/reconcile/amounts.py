"""Deposits, invoices and money: what came in equals what was decided, flow by flow.

Money is compared in exact millionths, per currency, never across; an amount that does not fit is an exception, named
and left out on both sides.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pipeline.model import FlowState, InvoiceOutcome
from pipeline.ports import Said
from pipeline.reconcile.line import NONE, Line, each, line

ANSWERED = frozenset(state.value for state in FlowState)
# what is counted, in French; in English the ledger's own words
_STATES = {
    FlowState.INTEGRATED.value: "intégrés",
    FlowState.PARTIAL.value: "intégrés en partie",
    FlowState.REJECTED.value: "rejetés",
    FlowState.WAITING.value: "en attente",
    "received": "à juger",
    "repeated": "redéposés à l'identique",
    "quarantined": "mis à part",
}
_OUTCOMES = {
    InvoiceOutcome.INTEGRATED.value: "intégrées",
    InvoiceOutcome.REFUSED.value: "refusées",
    InvoiceOutcome.PENDING.value: "en attente",
}


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


def deposits(by_state: Mapping[str, int], unanswered: Iterable[str], answered_too_early: Iterable[str]) -> Line:
    """Received = refused + integrated + pending + repeated: every deposit is one of them, with a verdict where due."""
    broken = [
        Said(f"dans l'état inconnu {state!r} : {n} dépôt(s)", f"{n} deposit(s) in the unknown state {state!r}")
        for state, n in by_state.items()
        if state not in _STATES
    ]
    broken += each(unanswered, "est répondu et n'a pas de verdict", "is answered and has no verdict")
    broken += each(answered_too_early, "a un verdict et n'est pas répondu", "has a verdict and is not answered")
    return line("deposits", broken, sum(by_state.values()), _counted(by_state, _STATES))


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
        if b.outcome not in _OUTCOMES:
            unknown = Said(
                f"{b.invoices} facture(s) au sort inconnu {b.outcome!r}",
                f"{b.invoices} invoice(s) with the unknown outcome {b.outcome!r}",
            )
            broken.append(unknown.at(b.flow))
    broken += [
        Said(f"{declared[f]} lue(s), {found[f]} décidée(s)", f"{declared[f]} read, {found[f]} decided").at(f)
        for f in sorted(declared | found)
        if declared[f] != found[f]
    ]
    return line("invoices", broken, sum(found.values()), _counted(outcomes, _OUTCOMES))


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
            _difference(declared[currency][flow], found[currency][flow]).at(flow)
            for flow in sorted({*declared[currency], *found[currency]})
            if declared[currency][flow] != found[currency][flow]
        ]
        told = _summed(by_outcome[currency])
        if exceptions[currency]:
            told = told.then(
                Said(
                    f"factures sans total qui se somme : {exceptions[currency]}",
                    f"{exceptions[currency]} invoice(s) without a total that can be summed",
                )
            )
        lines.append(line(f"money {currency or 'without currency'}", broken, len(found[currency]), told))
    return tuple(lines) or (Line("money", True, NONE, 0),)


def shown_amount(millionths: int) -> str:
    """An amount in millionths, written out.

    >>> shown_amount(1_200_500_000), shown_amount(-500_000)
    ('1200.50', '-0.50')
    """
    sign, whole = "-" if millionths < 0 else "", abs(millionths)
    units, rest = divmod(whole, 1_000_000)
    return f"{sign}{units}.{f'{rest:06d}'.rstrip('0').ljust(2, '0')}"


def _counted(counts: Mapping[str, int], words: Mapping[str, str]) -> Said:
    known = sorted(counts.items())
    fr = ", ".join(f"{words.get(what, what)} {n}" for what, n in known)
    return Said(fr, ", ".join(f"{n} {what}" for what, n in known)) if known else NONE


def _summed(sums: Mapping[str, int]) -> Said:
    known = sorted((what, shown_amount(total)) for what, total in sums.items())
    fr = ", ".join(f"{_OUTCOMES.get(what, what)} {total}" for what, total in known)
    return Said(fr, ", ".join(f"{what} {total}" for what, total in known))


def _difference(read: int, decided: int) -> Said:
    one, other = shown_amount(read), shown_amount(decided)
    return Said(f"lu {one}, décidé {other}", f"read {one}, decided {other}")
