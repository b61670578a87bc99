"""Two sides of the same thing, side by side: each function says what differs, and nothing where nothing does.

What a flow declared and what was booked, what a report or a pivot says and what the ledger says, what an issuer
announced and what came, where an invoice stands and what its history tells.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import NamedTuple

from pipeline import lifecycle
from pipeline.model import FlowState, InvoiceOutcome
from pipeline.plural import counted
from pipeline.reconcile.amounts import Booked, Read, by_flow, shown_amount
from pipeline.reconcile.night import Difference, Kind, difference

_INTEGRATED, _REFUSED = InvoiceOutcome.INTEGRATED.value, InvoiceOutcome.REFUSED.value
_REFUSED_LATER = "37"  # of what was pending; nothing follows it


def flows(read: Iterable[Read], booked: Iterable[Booked]) -> Iterator[Difference]:
    """Flow by flow and currency by currency: as many invoices, and as much money, decided as read."""
    for named, theirs, ours in by_flow(read, booked):
        partner, _, flow = named.partition("/")
        were, are = sum(r.invoices for r in theirs), sum(b.invoices for b in ours)
        if were != are:
            yield difference(
                Kind.INVOICES_DIFFER,
                f"{counted(were, ('facture lue', 'factures lues'))}, {counted(are, 'décidée')}",
                f"{were} read, {are} decided", partner=partner, flow=flow, count=abs(were - are),
            )  # fmt: skip
        for currency in sorted({*(r.currency for r in theirs), *(b.currency for b in ours)}):
            declared = sum(r.millionths for r in theirs if r.currency == currency)
            found = sum(b.millionths for b in ours if b.currency == currency)
            if declared != found:
                one, other = shown_amount(declared), shown_amount(found)
                yield difference(
                    Kind.AMOUNTS_DIFFER, f"lu {one} {currency}, décidé {other} {currency}",
                    f"read {one} {currency}, decided {other} {currency}", partner=partner, flow=flow,
                    millionths=found - declared, currency=currency,
                )  # fmt: skip


def history(outcome: str, status: str, *, is_of_then: bool, steps: Sequence[tuple[int, str]]) -> Kind | None:
    """What is wrong with where an invoice stands, and how it came there; `is_of_then`: since the last step.

    >>> history("integrated", "03", is_of_then=True, steps=((1, "01"), (2, "02"), (3, "03")))
    >>> history("integrated", "04", is_of_then=True, steps=((1, "01"), (2, "02"), (3, "03"))).value
    'status-differs'
    """
    if outcome == _INTEGRATED:
        if not steps:
            return Kind.STATUS_MISSING
        is_last = status == steps[-1][1] and is_of_then
        return None if is_last and _is_path(steps) else Kind.STATUS_DIFFERS
    if not steps:
        return Kind.STATUS_DIFFERS if status else None
    is_refusal = outcome == _REFUSED and [code for _, code in steps] == [_REFUSED_LATER]
    return None if is_refusal and status in {"", _REFUSED_LATER} else Kind.STATUS_DIFFERS


def _is_path(steps: Sequence[tuple[int, str]]) -> bool:
    statuses = [lifecycle.by_id(int(code)) for _, code in steps if code.isdigit()]
    known = [status for status in statuses if status is not None]
    is_numbered = [sequence for sequence, _ in steps] == list(range(1, len(steps) + 1))
    return is_numbered and len(known) == len(steps) and lifecycle.is_history(known)


class Answer(NamedTuple):
    """What the ledger says of an answered flow: `state` as reported; the others as they stand."""

    state: str
    integrated: int
    refused: int
    pending: int
    decided_later: int
    refusals: int  # findings that refuse, of the first judgement, as a report lists them
    is_of_changes: bool


class Told(NamedTuple):
    """What its stored report says."""

    state: str
    outcomes: tuple[int, int, int] | None  # integrated, refused, pending; None where it does not say
    refusals: int  # lines that refuse something
    is_cut: bool  # it says that lines were left out


_NUMBERS = re.compile(r"[0-9]+", re.ASCII)
_OUTCOMES = len(InvoiceOutcome)


def outcomes_in(comment: str) -> tuple[int, int, int] | None:
    """The invoices that the sentence of a report counts: integrated, refused, pending.

    >>> outcomes_in("3 factures intégrées, 1 refusée, 0 en attente, 2 fichiers refusés")
    (3, 1, 0)
    >>> outcomes_in("aucune facture intégrée")
    """
    found = [int(one) for one in _NUMBERS.findall(comment)]
    return (found[0], found[1], found[2]) if len(found) >= _OUTCOMES else None


def report(
    ledger: Answer, told: Told, *, partner: str, flow: str, file: str, since: datetime | None = None
) -> Difference | None:
    """A report told its issuer what the ledger says."""
    if told.state != ledger.state:
        kind, count = Kind.REPORT_DIFFERS, 1
        fr = f"le compte rendu dit {told.state}, le registre {ledger.state}"
        en = f"the report says {told.state}, the ledger {ledger.state}"
    elif ledger.is_of_changes:
        return None
    elif told.outcomes is not None and not ledger.decided_later and told.outcomes != ledger[1:4]:
        more = told.outcomes[0] - ledger.integrated
        kind = Kind.SAID_INTEGRATED if more > 0 else Kind.SAID_REFUSED if more < 0 else Kind.REPORT_DIFFERS
        count = abs(more) or 1
        theirs, ours = (f"{i} / {r} / {p}" for i, r, p in (told.outcomes, ledger[1:4]))
        fr = f"intégrées / refusées / en attente : {theirs} au compte rendu, {ours} au registre"
        en = f"integrated / refused / pending: {theirs} in the report, {ours} in the ledger"
    elif not told.is_cut and told.refusals != ledger.refusals:
        kind, count = Kind.REPORT_DIFFERS, 1
        fr = f"{counted(told.refusals, 'ligne de refus')} au compte rendu, {ledger.refusals} au registre"
        en = f"{counted(told.refusals, 'line of refusal', 'en')} in the report, {ledger.refusals} in the ledger"
    else:
        return None
    return difference(kind, fr, en, partner=partner, flow=flow, file=file, since=since, count=count)


def pivot(integrated: int, carried: int, *, partner: str, flow: str, receiver: str) -> Difference | None:
    """The pivots of a flow for one receiver carry as many invoices as entered for it."""
    if integrated == carried:
        return None
    return difference(
        Kind.PIVOT_DIFFERS,
        f"{counted(integrated, ('facture intégrée', 'factures intégrées'))} pour {receiver}, {carried} dans ses pivots",
        f"{counted(integrated, 'invoice', 'en')} integrated for {receiver}, {carried} in its pivots",
        partner=partner, flow=flow, count=abs(integrated - carried),
    )  # fmt: skip


def file_of_changes(
    read: int, applied: int, repeated: int, kept: int, refused: int, *, changed: int, events: int, partner: str,
    flow: str,
) -> Difference | None:  # fmt: skip
    """Every row of a status or action file became what its report says, and the ledger kept what was applied."""
    if read != applied + repeated + kept + refused:
        decided = applied + repeated + kept + refused
        fr = f"{counted(read, ('ligne lue', 'lignes lues'))}, {counted(decided, 'décidée')}"
        en = f"{counted(read, 'row', 'en')} read, {decided} decided"
    elif changed != applied:
        words = "changement annoncé appliqué", "changements annoncés appliqués"
        fr = f"{counted(applied, words)}, {changed} au registre"
        en = f"{counted(applied, 'change', 'en')} told as applied, {changed} in the ledger"
    elif events != kept:
        fr = f"{counted(kept, ('événement annoncé', 'événements annoncés'))}, {events} au registre"
        en = f"{counted(kept, 'event', 'en')} told, {events} in the ledger"
    else:
        return None
    return difference(Kind.STATUS_FILE_DIFFERS, fr, en, partner=partner, flow=flow)


def control(
    *, partner: str, control_file: str, flow: str, sha256: str, invoices: int, millionths: int | None, currency: str,
    received_sha256: str, state: str, declared: Mapping[str, Sequence[int]] | None,
) -> Iterator[Difference]:  # fmt: skip
    """What an issuer announced of one flow in one currency, and what came of it."""
    said = partial(difference, partner=partner, flow=flow, file=control_file)
    if not received_sha256:
        yield said(
            Kind.CONTROL_UNKNOWN, f"annoncé par {control_file}, rien reçu sous ce nom",
            f"announced by {control_file}, nothing came under this name",
        )  # fmt: skip
        return
    if sha256 and sha256 != received_sha256:
        yield said(
            Kind.CONTROL_BYTES, f"annoncé SHA-256 {sha256[:12]}…, reçu {received_sha256[:12]}…",
            f"announced SHA-256 {sha256[:12]}…, received {received_sha256[:12]}…",
        )  # fmt: skip
        return
    if declared is None or (state == FlowState.REJECTED and not declared):
        return  # not judged yet, which is named elsewhere; or nothing in it could be read, which its issuer was told
    count, _, found = declared.get(currency, (0, 0, 0))
    if invoices != count:
        yield said(
            Kind.CONTROL_INVOICES,
            f"{counted(invoices, ('facture annoncée', 'factures annoncées'))}, {counted(count, 'lue')}",
            f"{counted(invoices, 'invoice', 'en')} announced, {count} read", count=abs(invoices - count),
        )  # fmt: skip
    if millionths is not None and millionths != found:
        one, other = shown_amount(millionths), shown_amount(found)
        yield said(
            Kind.CONTROL_TOTAL, f"annoncé {one} {currency}, lu {other} {currency}",
            f"announced {one} {currency}, read {other} {currency}", millionths=found - millionths, currency=currency,
        )  # fmt: skip
