"""What `reconcile` adds to `verify`: one business day on its own, what waits, what is at work, what nobody names."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from pipeline.model import PARIS
from pipeline.ports import Said
from pipeline.reconcile.line import NONE, Broken, InvoiceAt, Line, each, line

WAITS_FOR = {
    "judgement": Said("à juger", "to be judged"),
    "commitments": Said("en attente des engagements de l'État", "waits for the State's commitments"),
    "quarantine": Said("mis à part", "set apart"),
    "sending": Said("réponse à envoyer", "its answer is not sent"),
}


_WORK = {"judge": "jugement", "deliver": "envoi", "receive": "réception", "daily": "rejets du jour"}


class Waits(NamedTuple):
    """The oldest thing that waits: what for (a word of `WAITS_FOR`), since when, whose, and which flow."""

    reason: str
    since: datetime
    partner: str
    flow: str


class AtWork(NamedTuple):
    """A lot in the hands of a worker."""

    lot: int
    kind: str
    partner: str


def of_the_day(one: Line) -> Line:
    """A line of `verify`, counted over one business day."""
    return replace(one, name=f"day {one.name}")


def pivots(without: Iterable[InvoiceAt], integrated: int) -> Line:
    """Every integrated invoice went into a pivot for its receiver."""
    broken = Broken(each(without, "est intégrée et n'est dans aucun pivot", "is integrated and in no pivot"))
    fine = Said("chaque facture intégrée a son pivot", "every integrated invoice has its pivot")
    return line("day pivots", broken, integrated, fine)


def waiting(oldest: Waits | None, count: int) -> Line:
    """What is not finished: to wait is no difference, it is counted as such. Not its name: lines may go into a log."""
    if oldest is None:
        return Line("waiting", True, NONE)
    since = f"{oldest.since.astimezone(PARIS):%Y-%m-%d %H:%M}"
    reason = WAITS_FOR[oldest.reason]
    told = Said(
        f"{count}, le plus ancien depuis le {since} ({oldest.partner}, {reason.fr})",
        f"{count}, the oldest since {since} ({oldest.partner}, {reason.en})",
    )
    return Line("waiting", True, told, count)


def at_work(lots: Sequence[AtWork]) -> Line:
    """Who works while we look: what is on its way then is counted where it was when we looked."""
    fr = _first([f"{one.lot} ({_WORK.get(one.kind, one.kind)} {one.partner}".rstrip() + ")" for one in lots])
    en = _first([f"{one.lot} ({one.kind} {one.partner}".rstrip() + ")" for one in lots])
    told = Said(f"{len(lots)} : {fr}", f"{len(lots)}: {en}") if lots else NONE
    return Line("at work", True, told, len(lots))


def orphans(nameless: Sequence[str], purged: Sequence[str], count: int) -> Line:
    """Objects that no row names: whoever dies between the store and the ledger leaves them, and they harm nobody.

    `purged`: their retention is over and they are there still; an interrupted purge takes them up again.
    """
    found = [
        Said(f"{len(names)} {fr} : {_first(names)}", f"{len(names)} {en}: {_first(names)}")
        for names, fr, en in (
            (nameless, "sans ligne au registre, sans danger", "without a row, harmless"),
            (purged, "dont la purge n'est pas finie", "whose purge is not finished"),
        )
        if names
    ]
    told = Said(" ; ".join(one.fr for one in found), "; ".join(one.en for one in found)) if found else NONE
    return Line("orphans", True, told, count)


def _first(names: Sequence[str]) -> str:
    shown = ", ".join(names[:2])
    return f"{shown}, ..." if len(names) > 2 else shown
