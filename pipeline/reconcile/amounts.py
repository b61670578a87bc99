"""Deposits, invoices and money: what came in equals what was decided, flow by flow.

Money is compared in exact millionths, per currency, never across; an amount that does not fit is an exception, named
and left out on both sides. What was read and what was decided come as two runs in the order of the deposits, and are
compared as they come: a year of invoices does not stand in memory.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from pipeline import plural
from pipeline.model import FlowState, InvoiceOutcome
from pipeline.ports import Said
from pipeline.reconcile.line import NONE, Broken, Line, each, line

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
    deposit: int = 0  # its number in the ledger: a name may come again


class Booked(NamedTuple):
    """What the rows of invoices say of one flow, currency and outcome."""

    flow: str
    currency: str
    outcome: str
    invoices: int
    without_amount: int
    millionths: int
    deposit: int = 0


_Key = tuple[int, str]
_Flow = tuple[str, list[Read], list[Booked]]


def deposits(
    by_state: Mapping[str, int],
    unanswered: Iterable[str],
    answered_too_early: Iterable[str],
    misstated: Iterable[tuple[str, str]] = (),
) -> Line:
    """Received = refused + integrated + pending + repeated: every deposit is one of them, with a verdict where due.

    `misstated`: deposits (and their state) that are not what became of their invoices.
    """
    broken = Broken(
        Said(
            f"dans l'état inconnu {state!r} : {plural.counted(n, 'dépôt')}",
            f"{plural.counted(n, 'deposit', 'en')} in the unknown state {state!r}",
        )
        for state, n in by_state.items()
        if state not in _STATES
    )
    broken.extend(each(unanswered, "est répondu et n'a pas de verdict", "is answered and has no verdict"))
    broken.extend(each(answered_too_early, "a un verdict et n'est pas répondu", "has a verdict and is not answered"))
    broken.extend(
        Said(f"{flow} est {state}, ses factures disent autre chose", f"{flow} is {state}, its invoices say otherwise")
        for flow, state in misstated
    )
    return line("deposits", broken, sum(by_state.values()), _counted(by_state, _STATES))


def counted(read: Iterable[Read], booked: Iterable[Booked]) -> tuple[Line, ...]:
    """Read = integrated + refused + pending, in invoices and, per currency, in money with VAT, credit notes subtracted.

    Both runs are in the order of the deposits. The line of the invoices, then one per currency.
    """
    invoices, outcomes = Broken(), Counter[str]()
    currencies: dict[str, _Currency] = {}
    for flow, theirs, ours in by_flow(read, booked):
        _compare(flow, sum(r.invoices for r in theirs), ours, invoices)
        for b in ours:
            outcomes[b.outcome] += b.invoices
        for name in sorted({*(r.currency for r in theirs), *(b.currency for b in ours)}):
            currencies.setdefault(name, _Currency()).add(flow, name, theirs, ours)
    told = line("invoices", invoices, outcomes.total(), _counted(outcomes, _OUTCOMES))
    money = tuple(currencies[name].line(name) for name in sorted(currencies))
    return told, *(money or (Line("money", True, NONE, 0),))


@dataclass(slots=True)
class _Currency:
    """The money of one currency, as the flows pass by."""

    broken: Broken = field(default_factory=Broken)
    flows: int = 0
    without_amount: int = 0
    by_outcome: Counter[str] = field(default_factory=Counter)

    def add(self, flow: str, name: str, read: Iterable[Read], booked: Iterable[Booked]) -> None:
        declared = sum(r.millionths for r in read if r.currency == name)
        found = 0
        is_booked = False
        for b in booked:
            if b.currency == name:
                is_booked = True
                found += b.millionths
                self.without_amount += b.without_amount
                self.by_outcome[b.outcome] += b.millionths
        self.flows += is_booked
        if declared != found:
            self.broken.add(_difference(declared, found).at(flow))

    def line(self, name: str) -> Line:
        told = _summed(self.by_outcome)
        if self.without_amount:
            told = told.then(
                Said(
                    f"factures sans total qui se somme : {self.without_amount}",
                    plural.counted(self.without_amount, "invoice without a total that can be summed", "en"),
                )
            )
        return line(f"money {name or 'without currency'}", self.broken, self.flows, told)


def _compare(flow: str, read: int, booked: Iterable[Booked], broken: Broken) -> None:
    """One flow's invoices: as many decided as read, each with an outcome that is known."""
    decided = 0
    for b in booked:
        decided += b.invoices
        if b.outcome not in _OUTCOMES:
            unknown = Said(
                f"{plural.counted(b.invoices, 'facture')} au sort inconnu {b.outcome!r}",
                f"{plural.counted(b.invoices, 'invoice', 'en')} with the unknown outcome {b.outcome!r}",
            )
            broken.add(unknown.at(flow))
    if read != decided:
        fr = f"{plural.counted(read, 'lue')}, {plural.counted(decided, 'décidée')}"
        broken.add(Said(fr, f"{read} read, {decided} decided").at(flow))


def by_flow(read: Iterable[Read], booked: Iterable[Booked]) -> Iterator[_Flow]:
    """Flow by flow, what was read of it beside what was decided: two sorted runs made one."""
    both: Iterator[Read | Booked] = merge(read, booked, key=_key)
    for (_, flow), rows in groupby(both, key=_key):
        theirs: list[Read] = []
        ours: list[Booked] = []
        for row in rows:
            if isinstance(row, Read):
                theirs.append(row)
            else:
                ours.append(row)
        yield flow, theirs, ours


def _key(row: Read | Booked) -> _Key:
    return row.deposit, row.flow


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
