"""Reprocess: what met a fault, is held or set apart goes back to the line; what was answered is judged beside the line.

A shadow verdict is what today's code and reference data would say of the same bytes. It is kept with its difference,
shown to people, and never sent: to send again is `submit`.
"""

import getpass
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

from pipeline import judge
from pipeline.adapters.ledger import commits, held, retention, shadows
from pipeline.adapters.ledger.rows import QUARANTINED, RECEIVED, REPEATED, Deposit, Partner
from pipeline.adapters.ledger.shadows import Shadow, Stands, Told
from pipeline.adapters.read_pool import ReaderKilled, ReadPool
from pipeline.adapters.system_errors import as_fault
from pipeline.codes import Severity
from pipeline.model import PARIS, Finding, Lane, Read, Verdict
from pipeline.ports import Fault, Said
from pipeline.returns.verdict import as_json
from pipeline.routing import directory
from pipeline.running import known
from pipeline.running.home import Home
from pipeline.running.reading import ask, readers
from pipeline.running.unit import integrated_by_operator, refused_by_operator

_NO_SELECTOR = Said(
    "rien n'est désigné ; donner un flux, un partenaire ou un jour : --flow, --partner, --day",
    "nothing is named; give a flow, a partner or a day: --flow, --partner, --day",
)
_AT_WORK = Said("un processus le juge en ce moment", "a worker judges it now")
_DUE = Said("il est dû ; chorus-edi run le juge", "it is due; `chorus-edi run` judges it")
_REPEATED = Said(
    "redéposé à l'identique : le premier dépôt seul a un verdict", "repeated: only the first one is judged"
)
_NO_BYTES = Said(
    "ce n'est pas un fichier ordinaire, aucun octet n'en est gardé", "it is no plain file, none of its bytes is kept"
)
_TOLD = Said(
    "répondu avant la restauration ; chorus-edi restore sans SOURCE le reprend",
    "answered before the restore; `chorus-edi restore` without SOURCE takes it up",
)
_PURGED = Said("ses octets ont dépassé leur durée de conservation", "its bytes are past their retention")
_MOVED = Said("il vient de changer d'état ; relancer la commande", "it has just moved; run the command again")
_NO_SHEET = Said("son partenaire n'a plus de fiche", "its partner has no sheet any more")
_CHANGES = Said(
    "ses changements ont été appliqués à leur date ; chorus-edi status dit où en sont ses factures",
    "its changes were applied in their time; `chorus-edi status` says where its invoices stand",
)
_KILLS = Said("sa lecture tue le lecteur ; ce qui a été répondu reste", "it kills its reader; what was answered stands")


@dataclass(frozen=True, slots=True)
class Reprocessed:
    """Numbers of deposits: due again, judged in the shadow, left as they are (`reasons` says why of each)."""

    again: tuple[int, ...]
    shadows: tuple[int, ...]
    untouched: tuple[int, ...]
    reasons: Mapping[int, Said]


def reprocess(
    home: Home, flow: str = "", partner: str = "", day: date | None = None, operator: str = ""
) -> Reprocessed:
    """Act on every deposit that fits what is given: a flow name, a partner, a day of reception in Paris."""
    if not (flow or partner or day):
        raise Fault(_NO_SELECTOR)
    operator = operator or getpass.getuser()
    with home.ledger.reading() as db:
        found = shadows.selected(db, flow, partner, day)
    if not found:
        raise Fault(_NOTHING)
    partners = home.partners()
    done = _Done({}, [], [])
    answered: list[Deposit] = []
    for one in found:
        reason = _left_alone(one, partners)
        if reason is not None:
            done.reasons[one.deposit.id] = reason
        elif one.deposit.state in {RECEIVED, QUARANTINED} or one.has_pending:
            _send_again(home, one.deposit, operator, done)
        else:
            answered.append(one.deposit)
    for deposit, reason in _in_the_shadow(home, answered, partners, operator):
        if reason is None:
            done.shadows.append(deposit.id)
        else:
            done.reasons[deposit.id] = reason
    home.log("reprocess", again=len(done.again), shadows=len(done.shadows), untouched=len(done.reasons))
    return Reprocessed(tuple(done.again), tuple(done.shadows), tuple(sorted(done.reasons)), done.reasons)


def shadow_verdicts(home: Home, ids: Iterable[int]) -> list[Shadow]:
    """The newest shadow verdict of each of these deposits."""
    with home.ledger.reading() as db:
        return shadows.last(db, ids)


@dataclass(slots=True)
class _Done:
    reasons: dict[int, Said]
    again: list[int]
    shadows: list[int]


def _left_alone(one: Stands, partners: Mapping[str, Partner]) -> Said | None:
    """Why nothing is done with it; None where something is."""
    if one.deposit.state == REPEATED:
        return _REPEATED
    if one.is_at_work:
        return _AT_WORK
    if one.deposit.state == QUARANTINED and one.is_told:
        return _TOLD
    if one.deposit.state == QUARANTINED and not one.deposit.is_kept:
        return _NO_BYTES
    if (one.deposit.state == RECEIVED and not one.is_faulted) or (one.deposit.again and not one.is_faulted):
        return _DUE
    return None if one.deposit.partner in partners else _NO_SHEET


def _send_again(home: Home, deposit: Deposit, operator: str, done: _Done) -> None:
    at = home.clock.now()
    if home.ledger.write(lambda db: shadows.again(db, deposit, operator, at)):
        done.again.append(deposit.id)
    else:
        done.reasons[deposit.id] = _MOVED


# --- in the shadow ----------------------------------------------------------------------------------------------------


def _in_the_shadow(
    home: Home, deposits: Sequence[Deposit], partners: Mapping[str, Partner], operator: str
) -> Iterator[tuple[Deposit, Said | None]]:
    """Read again, judge again, keep what changed: (deposit, why there is no shadow verdict of it), in their order."""
    if not deposits:
        return
    waiting = deque(deposits)
    ahead: deque[tuple[Deposit, Path, Future[Read]]] = deque()
    with readers(home) as pool:
        try:
            while waiting or ahead:
                while waiting and len(ahead) <= pool.size:
                    ahead.append(_asked(home, pool, waiting.popleft()))
                deposit, spool, asked = ahead.popleft()
                try:
                    _keep(home, deposit, asked.result(), partners[deposit.partner], operator)
                except Exception as error:  # this one's alone: the others go on
                    yield deposit, _reason(home, deposit, error)
                else:
                    yield deposit, None
                finally:
                    spool.unlink(missing_ok=True)
        finally:
            for _, spool, asked in ahead:
                if not asked.cancel():
                    with suppress(Exception):
                        asked.result()
                spool.unlink(missing_ok=True)


def _asked(home: Home, pool: ReadPool, deposit: Deposit) -> tuple[Deposit, Path, "Future[Read]"]:
    spool = home.presence.spool / f"{deposit.id}.shadow"
    return deposit, spool, ask(home, pool, deposit, spool)


def _keep(home: Home, deposit: Deposit, read: Read, partner: Partner, operator: str) -> None:
    verdict = _judged(home, deposit, read, partner)
    with home.ledger.reading() as db:
        told = shadows.told(db, deposit.id)
    shown = as_json(verdict, deposit.name, profile=partner.profile)
    changed = difference(told, verdict)
    at = home.clock.now()
    home.ledger.write(lambda db: shadows.add(db, deposit.id, operator, at, shown, changed))


def _judged(home: Home, deposit: Deposit, read: Read, partner: Partner) -> Verdict:
    """As `unit` judges, with the reference data of today, and no number reserved: what it holds itself is its own."""
    if read.lane is not Lane.INVOICES:
        raise Fault(_CHANGES)
    terms, today = home.terms_of[partner.code], home.clock.now().astimezone(PARIS).date()
    with home.ledger.reading() as db:
        facts = known.fetch(home, db, partner, [(deposit, read)], as_of=today).of(deposit, read)
        operators = held.decisions_on(db, [deposit.id]).get(deposit.id, {})
        if facts.snapshot is None and not judge.is_refused(read, terms):
            raise Fault(directory.none_of(today))
        decided = judge.decide(read, replace(facts, operator_reason=integrated_by_operator(operators)), terms)
        lost = commits.others_have(db, [(key, deposit, rank) for rank, key in decided.wanted])
    verdict = judge.conclude(decided, {key: owner for (key, _, _), owner in lost.items()}, terms)
    invoices = tuple(refused_by_operator(i, operators.get(i.read.rank)) for i in verdict.invoices)
    return replace(verdict, invoices=invoices, state=judge.flow_state(read, invoices, terms))


def _reason(home: Home, deposit: Deposit, error: Exception) -> Said:
    if isinstance(error, ReaderKilled):
        return _KILLS
    if isinstance(error, FileNotFoundError):
        with home.ledger.reading() as db:
            if retention.among(db, [(deposit.partner, deposit.sha256)]):
                return _PURGED
    return as_fault(error).said


# --- the difference ---------------------------------------------------------------------------------------------------


def difference(told: Told, verdict: Verdict) -> dict[str, Any]:
    """What changed between what was told and a verdict; empty where nothing did. Remarks (info) do not count.

    `state`: [before, now]; `findings`, and per invoice: rules that are `gone` and `new`, with their severity; an
    invoice is known by its file, supplier and number, and by its place among those that have all three in common.
    """
    changed: dict[str, Any] = {}
    if told.state != verdict.state.value:
        changed["state"] = [told.state, verdict.state.value]
    if findings := _changed(told.findings, verdict.findings):
        changed["findings"] = findings
    before = _numbered(((i.member, i.supplier, i.number), (i.outcome, i.findings)) for i in told.invoices)
    now = _numbered(
        (
            (i.read.member, i.read.supplier.identifier.text if i.read.supplier.identifier else "",
             i.read.number.text if i.read.number else ""),
            (i.outcome.value, i.findings),
        )
        for i in verdict.invoices
    )  # fmt: skip
    invoices = []
    for key in [*before, *(key for key in now if key not in before)]:
        (outcome, found), (outcome_now, found_now) = before.get(key, _ABSENT), now.get(key, _ABSENT)
        one: dict[str, Any] = _changed(found, found_now)
        if outcome != outcome_now:
            one["outcome"] = [outcome, outcome_now]
        if one:
            invoices.append({"member": key[0][0], "supplier": key[0][1], "number": key[0][2], **one})
    if invoices:
        changed["invoices"] = invoices
    return changed


_Invoice = tuple[str, tuple[Finding, ...]]  # outcome, findings
_Name = tuple[str, str, str]  # member, supplier, number
_ABSENT: _Invoice = ("", ())


def _numbered(invoices: Iterable[tuple[_Name, _Invoice]]) -> dict[tuple[_Name, int], _Invoice]:
    seen: Counter[_Name] = Counter()
    found = {}
    for name, told in invoices:
        seen[name] += 1
        found[name, seen[name]] = told
    return found


def _changed(before: Iterable[Finding], now: Iterable[Finding]) -> dict[str, Any]:
    first, second = _counted(before), _counted(now)
    told = {"gone": _rules(first - second), "new": _rules(second - first)}
    return {name: rules for name, rules in told.items() if rules}


def _counted(found: Iterable[Finding]) -> Counter[tuple[str, str, str, str, str]]:
    told = (f for f in found if f.severity is not Severity.INFO)
    return Counter((f.rule, f.severity.value, f.member.replace("\0", "\\x00"), f.at, f.path) for f in told)


def _rules(found: Counter[tuple[str, str, str, str, str]]) -> list[list[str]]:
    return [[rule, severity] for rule, severity, *_ in sorted(found.elements())]


_NOTHING = Said(
    "aucun dépôt ne correspond ; chorus-edi status dit ce qu'il y a", "no deposit fits; see `chorus-edi status`"
)
