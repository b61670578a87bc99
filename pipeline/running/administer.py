"""What operators tell a home: partners, reference data, decisions."""

import getpass
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from shlex import quote

from pipeline.adapters import commitment_files, directory_files
from pipeline.adapters.ledger import Connection, held, partners, queries, reference
from pipeline.adapters.ledger.held import INTEGRATE, REFUSE, Decision
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
from pipeline.adapters.ledger.reference import Imported, SupplierListed
from pipeline.adapters.ledger.rows import QUARANTINED, Partner
from pipeline.adapters.local_store import COPY_BYTES
from pipeline.model import PARIS, CommitmentTable, InvoiceOutcome, Snapshot, Structure
from pipeline.ports import Fault, Said
from pipeline.routing.commitment import table_key
from pipeline.running.home import Home
from pipeline.running.status import invoices
from pipeline.settings import APPLICATION_CODE

# --- partners ---------------------------------------------------------------------------------------------------------


def add_partner(home: Home, partner: Partner, *, replace: bool = False) -> None:
    """Add a partner (or replace its sheet) and make its folders."""
    if APPLICATION_CODE.fullmatch(partner.code) is None:
        raise Fault(
            Said(
                f"{partner.code!r} n'est pas un code application ; il en faut un de six majuscules ou chiffres",
                f"{partner.code!r} is no application code; give one of six capitals or digits",
            )
        )
    home.ledger.write(lambda db: partners.put(db, partner, replace=replace))
    home.folder(partner.code).make()


def list_partners(home: Home) -> tuple[Partner, ...]:
    with home.ledger.reading() as db:
        return partners.every(db)


def show_partner(home: Home, code: str) -> Partner | None:
    return next((partner for partner in list_partners(home) if partner.code == code), None)


# --- the directory ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DirectoryImported:
    """What came in, and what was odd about it."""

    imported: Imported
    remarks: tuple[directory_files.Remark, ...]


def import_directory(home: Home, path: Path, day: date | None = None) -> DirectoryImported:
    """Import a directory as a dated snapshot, whole or not at all; the date is given, or the file's own, or today.

    A file that cannot be taken raises `DirectoryError`. The same content for the same day is one snapshot.
    """
    found = directory_files.read_directory(path)
    day = day or found.day or _today(home)
    snapshot = snapshot_of(reference.DIRECTORY, path, day)
    with home.ledger.writing() as db:
        row = reference.new_snapshot(db, reference.DIRECTORY, snapshot, home.clock.now())
        structures, _ = reference.add_structures(
            db, row, (directory_files.structure_of(one, ()) for one in found.structures)
        )
        services = reference.add_services(
            db, row, ((one.siret, directory_files.service_of(one)) for one in found.services)
        )
        suppliers = 0
        if found.suppliers is not None:
            listed = (
                SupplierListed(str(s.identifier_type), s.identifier, s.name, s.is_active) for s in found.suppliers
            )
            suppliers = reference.add_suppliers(db, row, listed)
    return DirectoryImported(Imported(snapshot, structures, services, suppliers), tuple(found.warnings))


def show_directory(
    home: Home, siret: str | None = None, day: date | None = None
) -> tuple[Snapshot | None, Structure | None]:
    """The snapshot that counts on a day (today), and one structure of it."""
    with home.ledger.reading() as db:
        found = reference.snapshot_of(db, reference.DIRECTORY, day or _today(home))
        if found is None:
            return None, None
        row, snapshot, _ = found
        return snapshot, reference.structures(db, row, [siret]).get(siret) if siret else None


# --- commitments ------------------------------------------------------------------------------------------------------


def import_commitments(home: Home, path: Path, day: date | None = None) -> Imported:
    """Import the State's order file; every held invoice is due again in the next run."""
    day = day or _today(home)
    snapshot = snapshot_of(reference.COMMITMENTS, path, day)
    with home.ledger.writing() as db:
        row = reference.new_snapshot(db, reference.COMMITMENTS, snapshot, home.clock.now())
        count = reference.add_commitments(db, row, commitment_files.read_commitments(path))
        reference.judge_held_again(db)
    return Imported(snapshot, commitments=count)


def commitments_unavailable(home: Home) -> None:
    """The State's table cannot be asked: invoices that need it wait."""
    home.ledger.write(lambda db: reference.declare_commitments(db, available=False, at=home.clock.now()))


def commitments_available(home: Home) -> int:
    """It can be asked again; returns how many deposits with held invoices are due again."""

    def unit(db: Connection) -> int:
        reference.declare_commitments(db, available=True, at=home.clock.now())
        return reference.judge_held_again(db)

    return home.ledger.write(unit)


def show_commitments(home: Home, numbers: Iterable[str] = ()) -> CommitmentTable:
    """Whether the table can be asked today, and these rows of it."""
    limit = home.settings.reference_data.commitments_max_age_days
    keys = [table_key(number) for number in numbers]
    with home.ledger.reading() as db:
        return reference.commitment_table(db, _today(home), limit, keys)


# --- decisions --------------------------------------------------------------------------------------------------------


def decide(home: Home, what: str, choice: str, reason: str, operator: str | None = None) -> tuple[str, ...]:
    """Settle what was held too long, or refuse what is in quarantine; `run` then carries it out.

    Recorded with the name of the operator (by default that of the account) and the reason. Returns what it covers.
    """
    if choice not in {INTEGRATE, REFUSE}:
        raise Fault(
            Said(f"{choice!r} : une décision est integrate ou refuse", f"{choice!r}: a decision is integrate or refuse")
        )
    if not reason.strip():
        raise Fault(
            Said("une décision a besoin de son motif : --reason TEXTE", "a decision needs its reason: --reason TEXT")
        )
    decision = Decision(choice, operator or getpass.getuser(), reason.strip())
    with home.ledger.writing() as db:
        flows = queries.flows_named(db, what)
        apart = [f.deposit for f in flows if f.deposit.state == QUARANTINED]
        if apart:
            return _release(home, db, apart[0].id, apart[0].is_kept, what, decision)
        held_now = [i for i in _invoices_of(flows) or invoices(db, what) if i.outcome == InvoiceOutcome.PENDING.value]
        if not held_now:
            raise Fault((_NOT_HELD if flows or invoices(db, what) else _UNKNOWN).at(what).then(_where(what)))
        limit = timedelta(days=home.settings.reference_data.hold_max_days)
        for invoice in held_now:
            since = invoice.pending_since or home.clock.now()
            if home.clock.now() - since < limit:
                day = (since + limit).astimezone(PARIS).date()
                raise Fault(
                    Said(
                        "en attente des engagements de l'État ; chorus-edi commitments import ou available y met fin, "
                        f"un opérateur peut décider à partir du {day}",
                        "waits for the State's commitments; `chorus-edi commitments import` or `available` ends it, "
                        f"an operator may decide from {day} on",
                    ).at(what)
                )
        for invoice in held_now:
            held.decide(db, invoice.deposit_id, [invoice.rank], decision, home.clock.now())
    return tuple(f"{i.supplier}/{i.number}" for i in held_now)


_NOT_HELD = Said("rien n'y est en attente ni mis à part", "nothing of it is held or set apart")
_TOLD = Said(
    "répondu avant la restauration ; chorus-edi restore sans SOURCE le reprend (docs/ops/backup.md)",
    "answered before the restore; `chorus-edi restore` without SOURCE takes it up (docs/ops/backup.md)",
)
_UNKNOWN = Said("ni flux ni facture de ce nom", "no flow or invoice is named so")


def _where(what: str) -> Said:
    command = f"chorus-edi status {quote(what)}"
    return Said(f"{command} dit où il en est", f"`{command}` says where it is")


def _release(
    home: Home, db: Connection, deposit_id: int, is_kept: bool, what: str, decision: Decision
) -> tuple[str, ...]:
    if decision.choice != REFUSE:
        raise Fault(
            Said(
                f"ce qui est mis à part ne peut qu'être refusé ; chorus-edi decide {quote(what)} refuse --reason TEXTE",
                f"what is set apart can only be refused; `chorus-edi decide {quote(what)} refuse --reason TEXT`",
            ).at(what)
        )
    if not is_kept:
        raise Fault(
            Said(
                "ce n'est pas un fichier ordinaire, aucun compte rendu n'y répond ; le retirer de work/ et prévenir le "
                "partenaire",
                "it is no plain file and has no report; remove it from work/ and tell the partner",
            ).at(what)
        )
    if held.is_reported(db, deposit_id):
        raise Fault(_TOLD.at(what))
    held.release(db, deposit_id, decision, home.clock.now())
    return (what,)


def _invoices_of(flows: Iterable[FlowStatus]) -> list[InvoiceStatus]:
    return [invoice for flow in flows for invoice in flow.invoices]


def _today(home: Home) -> date:
    return home.clock.now().astimezone(PARIS).date()


def snapshot_of(kind: str, path: Path, day: date) -> Snapshot:
    """What an import of this file for this day is called: the same content for the same day is one snapshot."""
    french = {reference.DIRECTORY: "annuaire", reference.COMMITMENTS: "engagements"}
    return Snapshot(f"{french[kind]}-{day}-{_digest(path)}", day)


def _digest(path: Path) -> str:
    """Eight digits that tell two imports of one day apart, by what they hold."""
    told = hashlib.sha256()
    files = sorted(p for p in path.iterdir() if p.is_file()) if path.is_dir() else [path]
    for file in files:
        told.update(file.name.encode("utf-8", "surrogateescape") if path.is_dir() else b"")
        with file.open("rb") as source:
            while part := source.read(COPY_BYTES):
                told.update(part)
    return told.hexdigest()[:8]
