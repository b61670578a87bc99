"""A ledger older than the store: what the store has is written into the ledger again, or named one by one.

A ledger that comes from a backup has forgotten what happened since; the store has not. Every answer was stored before
it was sent, so the store tells which flows may have been answered. They are written again (`retell`), their files stand
as `sent` where they are seen in their place, and else *in doubt* until an operator has asked whoever they are for.
What waited to be answered or sent when the backup was made is in doubt in the same way. So nothing goes out twice.
"""

import getpass
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.ledger import recovered
from pipeline.adapters.ledger.partners import receivers
from pipeline.adapters.read_pool import ReadPool
from pipeline.ports import Fault, Said
from pipeline.returns import told
from pipeline.running import audit, lifecycle_returns, retell_later, retell_returns
from pipeline.running.daily import write_rejects
from pipeline.running.home import Home
from pipeline.running.reading import readers
from pipeline.running.retell import Retelling, Retold
from pipeline.running.stored import Stored, Whereabouts, nameless
from pipeline.running.summary import RunSummary

Progress = Callable[[int, int], None]  # flows written again, and how many there are
Reports = tuple[tuple[str, told.ReportTold], ...]


class Named(NamedTuple):
    """Something that a person has to look at: what it is, and the next step."""

    name: str
    said: Said


@dataclass(slots=True)
class Recovered:
    """What was written again, and what is named."""

    proved: list[str] = field(default_factory=list)  # flows judged to the very report that was stored
    as_told: list[Named] = field(default_factory=list)  # flows written as their stored returns tell them
    judged: list[str] = field(default_factory=list)  # flows that were due when the backup was made, answers in doubt
    decided: list[str] = field(default_factory=list)  # flows whose pending invoices were decided since
    told: list[str] = field(default_factory=list)  # lifecycle returns that tell changes after integration
    apart: list[Named] = field(default_factory=list)  # flows that are answered and could not be written again
    named: list[Named] = field(default_factory=list)  # objects without a row, flows that wait
    in_doubt: Counter[str] = field(default_factory=Counter)  # place -> files
    acknowledged: int = 0  # objects of the audit that attest what the ledger has forgotten

    @property
    def is_clear(self) -> bool:
        """Nobody has to look at anything."""
        return not (self.apart or self.named or self.in_doubt)


def _unseen(_done: int, _total: int) -> None:
    """Nobody watches the progress."""


def recover(
    home: Home, *, why: str, is_first: bool, has_store: bool, old_home: Path | None = None,
    on_progress: Progress = _unseen,
) -> Recovered:  # fmt: skip
    """Look at everything; safe to repeat.

    `is_first`: nothing has run since the ledger was restored, so what is ready to leave may have left. `has_store`: the
    store is the one that was in use until the end, and what it does not have was never answered; else it is a copy of
    the backup's day, and what was due then may have been.
    """
    if home.presence.others_at_work():
        raise Fault(AT_WORK)
    home.new_turn()
    partners = home.partners()
    done = Recovered()
    done.acknowledged = sum(audit.acknowledge(home, getpass.getuser(), why).values())
    stored = Stored(home)
    stored.look()
    with readers(home) as pool:
        whereabouts = Whereabouts(home, old_home)
        retelling = Retelling(home, pool, stored, whereabouts, receivers(partners.values()), partners)
        _Look(home, pool, stored, retelling, done, on_progress).run(is_first=is_first, has_store=has_store)
    done.told, are_others = retell_returns.take(home, stored, whereabouts)
    if is_first and (are_others or not has_store):  # what is untold here may have been told
        lifecycle_returns.tell(home, RunSummary(), is_last=True, send=False)
    if is_first:
        write_rejects(home, partners, RunSummary(), send=False)
        _what_is_ready(home, whereabouts)
    done.named += _without_row(home)
    if not has_store:
        done.named += _pending(home)
    with home.ledger.reading() as db:
        done.in_doubt.update(file.place for file in recovered.in_doubt(db, recovered.ALL))
    home.log("restore", proved=len(done.proved), as_told=len(done.as_told), judged=len(done.judged),
             decided=len(done.decided), told=len(done.told), apart=len(done.apart), named=len(done.named),
             in_doubt=done.in_doubt.total())  # fmt: skip
    return done


@dataclass(slots=True)
class _Look:
    """The flows that the store tells of, one by one."""

    home: Home
    pool: ReadPool
    stored: Stored
    retelling: Retelling
    done: Recovered
    on_progress: Progress

    def run(self, *, is_first: bool, has_store: bool) -> None:
        todo = [tuple(reports) for reports in self.stored.reports.values()]
        todo.sort(key=lambda reports: (reports[0][1].received.received_at, reports[0][1].received.name))
        self._first_answers(todo)
        self._set_apart_before()
        if is_first and not has_store:
            self._due()
        self._later_answers()

    def _first_answers(self, todo: list[Reports]) -> None:
        """Judged again in the order in which they came; what another one has to come before is tried again after it."""
        total = len(todo)
        left: list[tuple[Reports, Said]] = []
        while todo:
            left = []
            for reports in todo:
                flow = self.retelling.flow(reports)
                why = self.retelling.prove(flow) if flow is not None else None
                if why is not None:
                    left.append((reports, why))
                elif flow is not None:
                    self.done.proved.append(flow.shown)
                self.on_progress(total - len(todo) + len(self.done.proved), total)
            if len(left) == len(todo):
                break
            todo = [reports for reports, _ in left]
        for reports, why in left:
            flow = self.retelling.flow(reports)
            if flow is not None:
                self._as_told(flow, why)

    def _as_told(self, flow: Retold, why: Said) -> None:
        if self.retelling.take_as_told(flow) is None:
            self.done.as_told.append(Named(flow.shown, why))
        elif flow.deposit.partner in self.retelling.partners:
            self.retelling.set_apart(flow, why)
            self.done.apart.append(Named(flow.shown, why.then(_LOOK_AGAIN)))
        else:
            self.done.apart.append(Named(flow.shown, why.then(_BEFORE_A_RUN)))

    def _set_apart_before(self) -> None:
        """What an earlier look set apart: the reference data may be there by now."""
        with self.home.ledger.reading() as db:
            apart = recovered.set_apart_told(db)
        known = {flow.name for flow in self.done.apart}
        for deposit, sha256 in apart:
            shown = f"{deposit.partner}/{deposit.name}"
            report = self.stored.report(deposit.partner, sha256) if shown not in known else None
            if report is None:
                continue
            flow = Retold(deposit, ((sha256, report),))
            why = self.retelling.prove(flow)
            if why is None:
                self.done.proved.append(shown)
            else:
                self._as_told(flow, why)

    def _due(self) -> None:
        """What waited for its answer when the backup was made; nobody can tell what became of it since."""
        with self.home.ledger.reading() as db:
            due = recovered.due(db)
        for deposit in due:
            flow = Retold(deposit)
            why = self.retelling.prove(flow)
            if why is None:
                self.done.judged.append(flow.shown)
            else:
                self.done.named.append(Named(flow.shown, _MAY_BE_ANSWERED.because(why)))

    def _later_answers(self) -> None:
        """Pending invoices that a stored lifecycle return says were decided."""
        with self.home.ledger.reading() as db:
            waiting = recovered.pending(db)
        for deposit, several in groupby(waiting, key=lambda one: one.deposit):
            theirs = list(several)
            for name in list(self.stored.returns.get(deposit.partner, {})):
                found = self.stored.return_of(deposit.partner, name)
                steps = retell_later.steps_of(found, theirs) if found is not None else []
                if found is None or not steps:
                    continue
                shown = f"{deposit.partner}/{deposit.name}"
                if retell_later.take(self.retelling, found, steps):
                    self.done.decided.append(shown)
                else:
                    self.done.named.append(Named(shown, _DECIDED_IN_PART))
                ranks = {step.invoice.rank for step in steps}
                theirs = [one for one in theirs if one.rank not in ranks]


def _what_is_ready(home: Home, whereabouts: Whereabouts) -> None:
    """What was ready to leave when the backup was made, or is since, leaves only when somebody says so."""
    with home.ledger.reading() as db:
        ready = list(recovered.unsent(db))
    stand = [replace(file, state=whereabouts.state_of(file)) for file in ready]
    home.ledger.write(lambda db: recovered.stand(db, stand))


# --- what is named ----------------------------------------------------------------------------------------------------


def _without_row(home: Home) -> Iterator[Named]:
    """Every object that no row names now, and what it looks like."""
    for owner, sha256 in nameless(home):
        with home.store.open(owner, sha256) as file:
            kind = told.kind_of(file.read(told.HEAD_BYTES))
        yield Named(f"{owner}/{sha256}", _RECEIVED if kind == told.OTHER else _ANSWER)


def _pending(home: Home) -> Iterator[Named]:
    """Invoices that were pending when the backup was made: they may have been decided since."""
    with home.ledger.reading() as db:
        waiting = recovered.pending(db)
    for deposit, several in groupby(waiting, key=lambda one: one.deposit):
        ranks = ", ".join(str(one.rank) for one in several)
        invoices = Said(f"factures {ranks}", f"invoices {ranks}")
        yield Named(f"{deposit.partner}/{deposit.name}", invoices.because(_MAY_BE_DECIDED))


AT_WORK = Said(
    "un autre processus travaille dans ce dossier ; l'arrêter, puis relancer la même commande",
    "another process works in this home; stop it, then run the same command again",
)
_LOOK_AGAIN = Said(
    "il est mis à part avec son compte rendu ; remettre ce qui manque, puis chorus-edi restore sans SOURCE",
    "it is set apart with its report; put back what is missing, then `chorus-edi restore` without SOURCE",
)
_BEFORE_A_RUN = Said(
    "avant tout run, lui rendre sa fiche, puis chorus-edi restore sans SOURCE",
    "before any run give it its sheet, then `chorus-edi restore` without SOURCE",
)
_MAY_BE_ANSWERED = Said(
    "à juger lors de la sauvegarde, et peut-être répondu depuis : demander au partenaire avant de lancer un run",
    "due when the backup was made, and maybe answered since: ask the partner before a run",
)
_DECIDED_IN_PART = Said(
    "un cycle de vie archivé dit ses factures décidées, un pivot manque : demander au destinataire s'il l'a",
    "a stored lifecycle return says that its invoices were decided, and a pivot is missing: ask whether it arrived",
)
_MAY_BE_DECIDED = Said(
    "en attente lors de la sauvegarde, peut-être décidées depuis : demander au partenaire avant d'importer des "
    "engagements",
    "pending when the backup was made, maybe decided since: ask the partner before commitments are imported",
)
_RECEIVED = Said(
    "archivé, sans ligne au registre et sans compte rendu : demander au partenaire de le redéposer sous le même nom",
    "archived, without a row and without a report: ask the partner to drop it again under the same name",
)
_ANSWER = Said(
    "une réponse archivée dont le flux n'est pas retrouvé : regarder à qui elle va, et demander si elle est arrivée",
    "a stored answer whose flow is not found: look whom it is for, and ask whether it arrived",
)
