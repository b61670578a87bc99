"""Receive: claim what is finished, archive it, register it. The bytes are in the store before the row is written.

Killed at any point and run again: a claimed file is still in `work/`, its claim key says whether it has its row.
"""

import dataclasses
from collections.abc import Iterable, Iterator
from shlex import quote

from pipeline import codes, lifecycle
from pipeline.adapters.ledger import Connection, deposits, outbox
from pipeline.adapters.ledger.deposits import Claimed, Doubles
from pipeline.adapters.ledger.rows import QUARANTINED, REPEATED, Deposit, Partner, shown
from pipeline.adapters.local_drop import InWork, LocalDrop, Seen, finished
from pipeline.adapters.local_store import NewObject
from pipeline.adapters.system_errors import MEND, why
from pipeline.codes import Code, Severity
from pipeline.flows import INTERFACES
from pipeline.identify import flow_name
from pipeline.model import PARIS, Finding
from pipeline.model import finding as made
from pipeline.ports import Said
from pipeline.returns import names
from pipeline.running.home import Home
from pipeline.running.summary import RunSummary
from pipeline.terms import Terms

BATCH_FILES = 200
BATCH_BYTES = 64 << 20


def receive(home: Home, partners: dict[str, Partner], summary: RunSummary, *, wait: bool = True) -> None:
    """Take everything that is finished in the `in/` of every partner; a folder that fails is a fault of its own.

    `wait` gives young files a second look after the interval of the settings; a watcher looks again anyway.
    """
    home.stage("receive")
    drops: dict[LocalDrop, Partner] = {}
    for partner in partners.values():
        drop = home.drop(partner.code)
        try:
            drop.make()
            drop.scan()
        except OSError as error:
            summary.fault(why(error).at(f"drop/{partner.code}").then(MEND))
        else:
            drops[drop] = partner
    for code in home.folders_without_partner(partners):
        summary.notice(_stranger(code))
    ready = finished(list(drops), home.settings.drop.stat_interval_s if wait else None, home.scans)
    for drop, partner in drops.items():
        try:
            with drop.alone() as is_alone:
                if is_alone:
                    _take(home, drop, partner, ready[drop], summary)
        except OSError as error:
            summary.fault(why(error).at(f"drop/{partner.code}").then(MEND))


def _take(home: Home, drop: LocalDrop, partner: Partner, ready: list[Seen], summary: RunSummary) -> None:
    left = drop.in_work()
    with home.ledger.reading() as db:
        registered = deposits.known_claims(db, partner.code, [c.claim for c in left])
        apart = deposits.set_apart(db, partner.code)
    for claimed in left:
        if claimed.claim in registered and claimed.claim not in apart:
            drop.delete(claimed)  # its row was committed; only this was not done yet
    pending = (c for c in left if c.claim not in registered)
    for batch in _batches(pending):
        _register(home, drop, partner, batch, summary)
    with home.ledger.reading() as db:
        taken = deposits.claims_like(db, partner.code, [s.key for s in ready])
    for batch in _batches(_claims(drop, partner, ready, taken, summary)):
        _register(home, drop, partner, batch, summary)


def _claims(
    drop: LocalDrop, partner: Partner, ready: list[Seen], taken: frozenset[str], summary: RunSummary
) -> Iterator[InWork]:
    """Claim what is finished; a name that cannot be moved (a mount point, a folder of another user) stops no other."""
    for seen in ready:
        try:
            claimed = drop.claim(seen, taken)
        except OSError as error:
            summary.fault(why(error).at(f"drop/{partner.code}/in/{shown(seen.name)}").then(MEND))
            continue
        if claimed is not None:
            yield claimed


def _batches(claimed: Iterable[InWork]) -> Iterator[list[InWork]]:
    batch: list[InWork] = []
    size = 0
    for one in claimed:
        batch.append(one)
        size += int(one.claim.split("-")[2])
        if len(batch) == BATCH_FILES or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _register(home: Home, drop: LocalDrop, partner: Partner, batch: list[InWork], summary: RunSummary) -> None:
    """Archive a batch, give each file its row, delete it."""
    received_at = home.clock.now()
    files: list[Claimed] = []
    new: list[tuple[str, NewObject]] = []
    done: list[InWork] = []
    try:
        for one in batch:
            try:
                archived, kept = drop.archive(one, home.store, partner.code, home.settings.flow.bytes_max)
            except OSError as error:  # this file waits in work/ for the next run; the others go on
                summary.fault(why(error).at(f"drop/{partner.code}/in/{shown(one.name)}").then(MEND))
                continue
            if kept is not None:
                new.append((partner.code, kept))
            files.append(
                Claimed(partner.code, one.claim, one.name, archived.sha256, archived.size_bytes, archived.is_kept,
                        received_at, archived.trouble)
            )  # fmt: skip
            done.append(one)
        home.store.keep(new)
    finally:
        for _, one_new in new:
            one_new.drop()
    settler = _Settler(home, partner)

    def register(db: Connection) -> list[Deposit]:
        rows = deposits.register(db, partner.code, files, settler.settle)
        _put_reports_back(home, db, rows)
        return rows

    rows = home.ledger.write(register)
    apart = {row.claim for row in rows if row.state == QUARANTINED}
    for one in done:
        if one.claim not in apart:
            drop.delete(one)
    summary.received += len(rows)
    summary.repeated += sum(row.state == REPEATED for row in rows)
    for row in rows:
        home.log("receive", partner=partner.code, deposit=row.id, sha256=row.sha256, size_bytes=row.size_bytes)
        if row.fault is not None:
            summary.quarantined += 1
            summary.fault(row.fault.at(f"drop/{partner.code}/in/{row.name}").then(_set_apart(row)))


def _put_reports_back(home: Home, db: Connection, rows: list[Deposit]) -> None:
    """A flow dropped again unchanged: its first report goes out again if the partner has it no more."""
    firsts = sorted({row.first_id for row in rows if row.state == REPEATED and row.first_id is not None})
    reports = outbox.reports_of(db, firsts)
    absent = [(r.place, r.name) for r in reports.values() if not (home.place(r.place).folder / r.name).exists()]
    deposits.send_report_again(db, absent)


class _Settler:
    """What only the ledger and the partner's sheet can tell of a new deposit: FLW-005 to 007, 012, 013."""

    def __init__(self, home: Home, partner: Partner) -> None:
        self.partner, self.terms, self.ours = partner, home.terms_of[partner.code], home.settings.ours

    def settle(self, file: Claimed, doubles: Doubles) -> tuple[Finding, ...]:
        name = shown(file.name_bytes)
        if doubles.same is not None:
            first = doubles.same
            return self._found(codes.FLW_006, name, first_received=_when(first), first_report=self._report_name(first))
        found: tuple[Finding, ...] = ()
        if doubles.name is not None:
            first = doubles.name
            found += self._found(
                codes.FLW_005, name, name=name, first_received=_when(first), first_verdict=_told(first)
            )
        if doubles.content is not None:
            first = doubles.content
            double = self._found(codes.FLW_007, name, first_name=first.name, first_received=_when(first))
            if self.terms.switches.duplicate_content == "warn":
                double = tuple(dataclasses.replace(f, severity=Severity.WARNING) for f in double)
            found += double
        return found + self._on_the_sheet(file, name)

    def _on_the_sheet(self, file: Claimed, name: str) -> tuple[Finding, ...]:
        parts, _ = flow_name(name, self.terms)
        if parts is None:
            return ()
        until = self.partner.until
        day = file.received_at.astimezone(PARIS).date()
        found: tuple[Finding, ...] = ()
        if parts.partner != self.partner.code or (until is not None and day > until):
            found += self._found(codes.FLW_012, name, announced=parts.partner, account=self.partner.code)
        row = INTERFACES.get(parts.code)
        if self.partner.flows and row is not None and row.is_open and parts.code not in self.partner.flows:
            found += self._found(codes.FLW_013, name, partner=self.partner.code, code=parts.code)
        return found

    def _found(self, broken: Code, value: str, **facts: str) -> tuple[Finding, ...]:
        one = made(self.terms, broken, value=value, **facts)
        return (one,) if one is not None else ()

    def _report_name(self, first: Deposit) -> str:
        return names.report_name(first.received, announced(first.name, self.terms), self.ours)


def announced(name: str, terms: Terms) -> str:
    """The interface code that a flow name announces, readable or not: empty."""
    parts, _ = flow_name(name, terms)
    return parts.code if parts is not None else ""


def _told(first: Deposit) -> str:
    """The state of a flow in the words of the platform, while it has no verdict too."""
    return first.state if first.state in lifecycle.FLOW_STATES else "IN_EN_COURS_TRAITEMENT_CPP"


def _when(deposit: Deposit) -> str:
    return deposit.received_at.astimezone(PARIS).isoformat(sep=" ", timespec="seconds")


def _stranger(code: str) -> Said:
    return Said(
        f"drop/{code} n'appartient à aucun partenaire et n'est pas lu ; "
        f"chorus-edi partners add {quote(code)} --name NOM l'ouvre",
        f"drop/{code} belongs to no partner and was not read; "
        f"`chorus-edi partners add {quote(code)} --name NAME` opens it",
    )


def _set_apart(row: Deposit) -> Said:
    folder = f"drop/{row.partner}/work/{row.claim}"
    return Said(
        f"mis à part dans {folder}, sans réponse : prévenir le partenaire",
        f"set apart in {folder}, nobody was answered: tell the partner",
    )
