"""An issuer's actions as commands: decided and written as the rows of an action file are, asked for by an operator."""

import getpass
import os
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from io import BytesIO
from pathlib import Path
from shlex import quote

from pipeline import actions
from pipeline.adapters.ledger import Connection, changes, partners, standings
from pipeline.adapters.ledger.changes import Asked, Stale
from pipeline.adapters.ledger.queries import InvoiceStatus
from pipeline.adapters.ledger.rows import RECEIVED, Deposit, Partner, ToSend, text_day
from pipeline.model import (
    PARIS,
    ActionKind,
    Enclosed,
    InvoiceKey,
    InvoiceOutcome,
    JudgedRow,
    Known,
    Lane,
    Read,
    ReadAction,
    ReadInvoice,
    Received,
    RowOutcome,
    Snapshot,
)
from pipeline.ports import Fault, Said
from pipeline.routing import directory, recipient
from pipeline.running import known, pivots_again
from pipeline.running.answer import Writer
from pipeline.running.home import Home
from pipeline.running.status import invoices
from pipeline.validators import action_document, antivirus
from pipeline.validators.antivirus import Infected
from pipeline.values import XML_BLANKS, Text

TRIES = 5  # of a decision whose invoice others change at the same time


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks for. None: stays as it is; an empty text takes it away."""

    action: ActionKind
    recipient: str | None = None
    service: str | None = None
    commitment: str | None = None
    comment: str | None = None
    reason: str | None = None
    credit_note: str | None = None
    corrective: str | None = None
    attach: tuple[Path, ...] = ()


class NotMeant(Exception):
    """What was typed names no invoice that entered, or several."""

    def __init__(self, said: Said) -> None:
        super().__init__(str(said))
        self.said = said


@dataclass(frozen=True, slots=True)
class Told:
    """What becomes of an action, or became of it: `is_applied` says whether it is written."""

    what: str
    partner: Partner
    row: JudgedRow
    receiver: str = ""  # who gets the pivot
    snapshot: Snapshot | None = None
    operator: str = ""
    files: tuple[ToSend, ...] = ()
    is_applied: bool = False


@dataclass(slots=True)
class Action:
    """One command on one invoice: `judged` shows what it would do, `apply` does it."""

    home: Home
    what: str
    partner: Partner
    read: Read
    spool: Path | None
    receivers: Mapping[tuple[str, str], str]
    operator: str

    def judged(self) -> Told:
        """What would become of it now; nothing is written."""
        with self.home.ledger.reading() as db:
            return self._decided(db)

    def apply(self) -> Told:
        """Do it, as it is judged at this moment; what the rules refuse by then is not done."""
        home = self.home
        for tries in range(1, TRIES + 1):
            told = self.judged()
            if told.row.outcome is not RowOutcome.APPLIED:
                return told
            try:
                return self._written(told)
            except Stale:
                home.log("stale", partner=self.partner.code, tries=tries)
        raise Fault(_CONTENDED.at(self.what))

    def _written(self, told: Told) -> Told:
        """Objects first, then all rows in one transaction; `run` sends the files."""
        home, row = self.home, told.row
        now = self.read.received.received_at
        receivers = {row.rank: told.receiver} if row.rerouted is not None else {}
        writer = Writer(home.store, home.settings.ours, self.receivers, home.settings.default_receiver)
        try:
            terms = home.terms_of[self.partner.code]
            files = pivots_again.written(home, writer, [row], receivers, self.spool, now, terms)
            writer.keep()
            unit = changes.rows_of([Asked((row,), files, receivers, operator=self.operator)], now)
            home.ledger.write(lambda db: changes.commit(db, unit))
        finally:
            writer.drop()
        standing = row.standing
        if standing is not None:
            asked = self.read.actions[0].action
            home.log("act", partner=self.partner.code, deposit=standing.deposit_id, rank=standing.rank,
                     action=asked.value if asked is not None else "")  # fmt: skip
        return replace(told, files=files, is_applied=True)

    def _decided(self, db: Connection) -> Told:
        home, code = self.home, self.partner.code
        now = home.clock.now()
        self.read = replace(self.read, received=replace(self.read.received, received_at=now))
        held = standings.find(db, actions.named(self.read))
        facts = self._known(db, actions.routed(self.read, code, held))
        (row,) = actions.decide(self.read, code, held, facts, now, home.terms_of[code], operator=self.operator)
        if self.read.is_refused:  # by an antivirus
            row = replace(row, outcome=RowOutcome.REFUSED, changes=(), rerouted=None, handling=None, attachments=(),
                          findings=(*self.read.findings, *row.findings))  # fmt: skip
        receiver = row.standing.receiver if row.standing is not None else ""
        if row.rerouted is not None:
            to = row.rerouted
            receiver = recipient.receiver(to.recipient, to.service, self.receivers, home.settings.default_receiver)
        return Told(self.what, self.partner, row, receiver, facts.snapshot, self.operator)

    def _known(self, db: Connection, again: tuple[ReadInvoice, ...]) -> Known:
        """The reference rows of today, where something is to be routed again."""
        if not again:
            return Known(None)
        now = self.read.received.received_at
        read = replace(self.read, invoices=again)
        asked = Deposit(0, self.partner.code, "", b"", "", "", 0, False, now, RECEIVED)
        facts = known.fetch(self.home, db, self.partner, [(asked, read)]).of(asked, read)
        if facts.snapshot is None:
            raise Fault(directory.none_of(now.astimezone(PARIS).date()))
        return facts


def ask(home: Home, what: str, wish: Wish, operator: str = "") -> Action:
    """Prepare an action on one invoice, named SUPPLIER/NUMBER[/YEAR]. Nothing is decided yet.

    `NotMeant` where that names no invoice that entered, or several.
    """
    with home.ledger.reading() as db:
        meant = _meant(invoices(db, what), what)
        sheets = partners.every(db)
    home.partners()  # their terms
    partner = next((sheet for sheet in sheets if sheet.code == meant.partner), None)
    if partner is None:
        raise Fault(_no_sheet(meant.partner))
    now = home.clock.now()
    files, spool, infected = _enclosed(home, partner.code, wish.attach, now)
    row = ReadAction(
        1, "", wish.action, Text(wish.action.value, "", "", 0),
        InvoiceKey(meant.supplier_type, _text(meant.supplier), _text(meant.number), text_day(meant.issued or None)),
        _text(wish.recipient), _text(wish.service), _text(wish.commitment), _text(wish.comment), _text(wish.reason),
        _text(wish.credit_note), _text(wish.corrective), files, tuple(f for file in files for f in file.findings),
    )  # fmt: skip
    received = Received(partner.code, "", "", 0, now)
    read = Read(received, actions.ACTION_FILE, "", (), (), (), (), lane=Lane.ACTIONS, actions=(row,))
    if infected and home.scanning is not None:
        read = antivirus.with_findings(read, infected, home.scanning.scanner, home.terms_of[partner.code])
    operator = operator or getpass.getuser()
    return Action(home, what, partner, read, spool, partners.receivers(sheets), operator)


def _meant(found: Sequence[InvoiceStatus], what: str) -> InvoiceStatus:
    """The one invoice of this name that entered."""
    entered = [one for one in found if one.outcome == InvoiceOutcome.INTEGRATED.value]
    if len(entered) == 1:
        return entered[0]
    if not found:
        raise NotMeant(_UNKNOWN.at(what))
    if not entered:
        raise NotMeant(_NOT_IN.at(what))
    listed = ", ".join(f"{one.partner} {one.flow_name} ({one.issued})" for one in entered)
    raise NotMeant(
        Said(
            f"plusieurs factures ont ce numéro ; ajouter l'année d'émission /AAAA : {listed}",
            f"several invoices have this number; add the year of issue /YYYY: {listed}",
        ).at(what)
    )


def _enclosed(
    home: Home, issuer: str, paths: Sequence[Path], now: datetime
) -> tuple[tuple[Enclosed, ...], Path | None, list[Infected]]:
    """The files to add, opened and judged like those of an archive, in a spool of this process."""
    if not paths:
        return (), None, []
    descriptor, name = tempfile.mkstemp(prefix="action-", dir=home.presence.spool)
    infected: list[Infected] = []
    files = []
    most = home.settings.flow.file_bytes_max
    with os.fdopen(descriptor, "wb") as sink:
        for path in paths:
            size = path.stat().st_size
            if size > most:
                raise NotMeant(_too_large(path, most))
            content = path.read_bytes()
            if home.scanning is not None:
                received = Received(issuer, path.name, "", len(content), now)
                found = antivirus.scan_file(received, BytesIO(content), home.scanning.scanner)
                infected += [found] if found is not None else []
            files.append(action_document.enclosed(content, path.name, sink, home.terms_of[issuer]))
    return tuple(files), Path(name), infected


def _text(given: str | None) -> Text | None:
    return None if given is None else Text(given.strip(XML_BLANKS), "", "", 0)


_UNKNOWN = Said(
    "aucune facture de ce nom ; attendu FOURNISSEUR/NUMÉRO[/ANNÉE]",
    "no invoice is named so; give SUPPLIER/NUMBER[/YEAR]",
)
_NOT_IN = Said(
    "elle n'est pas intégrée : corriger et redéposer, son numéro est libre",
    "it was not integrated: correct it and drop it again, its number is free",
)
_CONTENDED = Said(
    "d'autres changent sans cesse cette facture ; rien n'est écrit, relancer la commande",
    "others keep changing this invoice; nothing is written, run the command again",
)


def _no_sheet(code: str) -> Said:
    return Said(
        f"le partenaire {code} n'a plus de fiche ; chorus-edi partners add {quote(code)} --name NOM lui en rend une",
        f"partner {code} has no sheet; `chorus-edi partners add {quote(code)}` gives it one",
    )


def _too_large(path: Path, most: int) -> Said:
    return Said(f"plus de {most} octets", f"more than {most} bytes").at(str(path))
