"""The pivots of recycled and completed invoices, and the files that were added to them, as objects of the store.

They are made before anything is written in the ledger, from the pivot that was kept at integration, the files added
since, and where the invoice goes now. Nothing is rendered twice: what does not change is copied.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from pipeline.adapters.ledger import again
from pipeline.adapters.ledger.again import Addition, KeptPivot
from pipeline.adapters.ledger.pairs import Here
from pipeline.adapters.ledger.rows import ToSend
from pipeline.adapters.local_store import COPY_BYTES
from pipeline.model import Enclosed, JudgedRow, RowOutcome, Slice, Standing
from pipeline.ports import Fault, ObjectStore, Said
from pipeline.returns import names, pivot, pivot_again
from pipeline.returns.envelope import paris_day
from pipeline.returns.pivot_again import Debtor, Unit
from pipeline.returns.pivot_attachments import PivotAttachment
from pipeline.running.answer import PIVOT, Writer
from pipeline.running.home import Home
from pipeline.terms import Terms

COMPLETED = "12"
_PIECE_BYTES = 512  # more than the tags of one attachment take
_PDF = "application/pdf"


def written(
    home: Home, writer: Writer, rows: Sequence[JudgedRow], receivers: Mapping[int, str], spool: Path | None,
    when: datetime, terms: Terms, deposit_id: int | None = None,
) -> tuple[ToSend, ...]:  # fmt: skip
    """The pivots of the rows that apply, on their way into the store: one file for each receiver, all of one issuer.

    `receivers`: rank of a rerouted row -> who gets it. `spool`: the file in which the bytes of attachments lie
    (`Enclosed.content`); they go into the store of the issuer too. `when` gives the production day; `deposit_id`: the
    file that asks, None for a command. Nothing is kept before the writer keeps.
    """
    going = [row for row in rows if row.outcome is RowOutcome.APPLIED and (row.rerouted is not None or _completes(row))]
    if not going:
        return ()
    issuer = _standing(going[0]).issuer
    here = [_here(_standing(row)) for row in going]
    with home.ledger.reading() as db:
        kept, earlier = again.kept_pivots(db, here), again.additions(db, here)
    _keep_enclosed(writer, issuer, going, spool)
    with tempfile.TemporaryFile(dir=home.presence.spool) as held:
        found = _collected(home.store, going, kept, held)
        files = _Files(home.store, issuer, spool)
        ready = [
            _Going(row, receivers.get(row.rank) or _standing(row).receiver, *found[one], earlier.get(one, ()))
            for one, row in zip(here, going, strict=True)
        ]
        desk = _Desk(writer, held, files, when, deposit_id)
        return tuple(_files(desk, issuer, ready, terms))


# --- what goes out ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Going:
    """One invoice on its way: its kept unit, where its attachments lie in the spool, and what was added before."""

    row: JudgedRow
    receiver: str
    unit: Unit
    pieces: Slice
    earlier: tuple[Addition, ...]

    @property
    def head(self) -> bytes:
        """Its data as they are now."""
        standing, to = _standing(self.row), self.row.rerouted
        if to is not None:
            debtor = Debtor(to.recipient, to.recipient_name, to.service, to.service_name, to.commitment)
            return pivot_again.sent_back(pivot_again.readdressed(self.unit.head, debtor), pivot_again.RECYCLED)
        head = self.unit.head
        if standing.routing:  # recycled before
            debtor = Debtor(standing.recipient, standing.recipient_name, standing.service, "", standing.commitment)
            head = pivot_again.readdressed(head, debtor)
        return pivot_again.sent_back(head, pivot_again.COMPLETED)

    @property
    def length(self) -> int:
        sizes = [one.size_bytes for one in self.earlier] + [one.content.length for one in self.row.attachments]
        return len(self.head) + self.pieces.length + sum(size * 4 // 3 + _PIECE_BYTES for size in sizes)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What the writing of one file needs besides its invoices."""

    writer: Writer
    held: BinaryIO
    files: "_Files"
    when: datetime
    deposit_id: int | None


def _files(desk: _Desk, issuer: str, ready: Sequence[_Going], terms: Terms) -> Iterator[ToSend]:
    """One file for each receiver, in the order of the rows; within the limits of a pivot, else in parts."""
    first, last = _transition(issuer, ready[0].row, 0), _transition(issuer, ready[-1].row, -1)
    for receiver in sorted({one.receiver for one in ready}):
        theirs = [one for one in ready if one.receiver == receiver]
        for part, chosen in enumerate(pivot.parts([one.length for one in theirs], terms.pivot), 1):
            name = names.later_pivot_name(issuer, receiver, first, last, desk.writer.ours, part)
            yield _file(desk, name, receiver, theirs[chosen.start : chosen.stop])


def _file(desk: _Desk, name: str, receiver: str, going: Sequence[_Going]) -> ToSend:
    new = desk.writer.begin(receiver)
    new.write(pivot.begin(name, paris_day(desk.when), receiver, desk.writer.ours, len(going)))
    for rank, one in enumerate(going, 1):
        new.write(pivot.open_unit(rank))
        new.write(one.head)
        for part in _parts(desk.held, one.pieces):
            new.write(part)
        pivot_again.write_pieces(one.unit, desk.files.of(one), new.write)
        new.write(pivot.CLOSE_UNIT)
    new.write(pivot.END)
    new.close()
    return ToSend(f"recipients/{receiver}", name, PIVOT, receiver, desk.deposit_id, new.sha256, new.size_bytes)


class _Files:
    """The attachments that follow those of a unit, one in memory at a time."""

    def __init__(self, store: ObjectStore, issuer: str, spool: Path | None) -> None:
        self.store, self.issuer, self.spool = store, issuer, spool

    def of(self, one: _Going) -> Iterator[PivotAttachment]:
        for added in one.earlier:
            yield _attachment(added.name, added.mime, self._kept(added))
        for enclosed in one.row.attachments:
            yield _attachment(enclosed.name, enclosed.mime, _content(enclosed, self.spool))

    def _kept(self, added: Addition) -> bytes:
        try:
            with self.store.open(self.issuer, added.sha256) as file:
                content = file.read()
        except FileNotFoundError as error:
            raise Fault(_lost(self.issuer, added.sha256)) from error
        if hashlib.sha256(content).hexdigest() != added.sha256:
            raise Fault(_lost(self.issuer, added.sha256))
        return content


def _attachment(name: str, mime: str, content: bytes) -> PivotAttachment:
    return PivotAttachment(name, content, mime, is_pdf=mime == _PDF)


# --- what was kept ----------------------------------------------------------------------------------------------------


def _collected(
    store: ObjectStore, going: Sequence[JudgedRow], kept: Mapping[Here, tuple[KeptPivot, ...]], held: BinaryIO
) -> dict[Here, tuple[Unit, Slice]]:
    """The kept unit of each invoice; its attachments are copied to `held`. Each kept file is read once."""
    wanted: dict[KeptPivot, dict[tuple[str, ...], Here]] = {}
    for row in going:
        standing = _standing(row)
        for file in kept.get(_here(standing), ()):
            wanted.setdefault(file, {})[_key(standing)] = _here(standing)
    found: dict[Here, tuple[Unit, Slice]] = {}
    for file, path in _fetched(store, list(wanted)):
        left = dict(wanted[file])
        with path.open("rb") as source:
            for unit in pivot_again.units(source):
                here = left.pop(pivot_again.key(unit.supplier_type, unit.supplier, unit.number, unit.issued), None)
                if here is not None:
                    at = held.seek(0, 2)
                    for part in _parts(source, unit.pieces):
                        held.write(part)
                    found[here] = unit, Slice(at, unit.pieces.length)
                if not left:
                    break
    for row in going:
        standing = _standing(row)
        if _here(standing) not in found:
            raise Fault(_no_pivot(standing))
    return found


def _fetched(store: ObjectStore, files: Sequence[KeptPivot]) -> Iterator[tuple[KeptPivot, Path]]:
    """Each file on this machine, its digest checked, as many at once as the store takes."""
    with ThreadPoolExecutor(store.lanes, thread_name_prefix="again") as threads:
        for start in range(0, len(files), store.lanes):
            some = files[start : start + store.lanes]
            for file, path in zip(some, threads.map(lambda one: _fetch(store, one), some), strict=True):
                try:
                    yield file, path
                finally:
                    store.forget(path)


def _fetch(store: ObjectStore, file: KeptPivot) -> Path:
    try:
        path = store.fetch(file.owner, file.sha256)
    except FileNotFoundError as error:
        raise Fault(_lost(file.owner, file.sha256)) from error
    with path.open("rb") as opened:
        if hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256:
            return path
    store.forget(path)
    raise Fault(_lost(file.owner, file.sha256))


def _keep_enclosed(writer: Writer, issuer: str, rows: Iterable[JudgedRow], spool: Path | None) -> None:
    """What an issuer added stays in the store like all that it sent; the same file for many invoices once."""
    written: set[str] = set()
    for row in rows:
        for file in row.attachments:
            if file.sha256 not in written:
                written.add(file.sha256)
                new = writer.begin(issuer)
                new.write(_content(file, spool))
                new.close()


def _content(file: Enclosed, spool: Path | None) -> bytes:
    """The bytes of an attachment, at most those of one (10 MB by default)."""
    content = b""
    if spool is not None:
        with spool.open("rb") as source:
            source.seek(file.content.offset)
            content = source.read(file.content.length)
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Fault(_SHORT.at(file.name))
    return content


def _parts(source: BinaryIO, place: Slice) -> Iterator[bytes]:
    source.seek(place.offset)
    left = place.length
    while left:
        part = source.read(min(left, COPY_BYTES))
        if not part:
            raise Fault(_SHORT)
        left -= len(part)
        yield part


# --- rows -------------------------------------------------------------------------------------------------------------


def _completes(row: JudgedRow) -> bool:
    return any(change.to == COMPLETED for change in row.changes)


def _standing(row: JudgedRow) -> Standing:
    if row.standing is None:
        raise LookupError("a row that applies has no invoice")
    return row.standing


def _here(standing: Standing) -> Here:
    return standing.deposit_id, standing.rank


def _key(standing: Standing) -> tuple[str, ...]:
    issued = standing.issued.isoformat() if standing.issued is not None else ""
    return pivot_again.key(standing.supplier_type, standing.supplier, standing.number, issued)


def _transition(issuer: str, row: JudgedRow, which: int) -> str:
    """The natural id of the first or last change of status of a row."""
    standing = _standing(row)
    sequence = standing.sequence + (1 if which == 0 else len(row.changes))
    return names.transition_id(issuer, standing.flow_name, standing.rank, sequence)


_SHORT = Said(
    "le fichier de travail est plus court que prévu ; relancer chorus-edi run", "a spool is too short; run again"
)


def _lost(owner: str, sha256: str) -> Said:
    return Said(
        "manque dans le magasin d'objets ou y a changé ; chorus-edi verify dit quoi remettre depuis la sauvegarde",
        "is missing from the object store or was changed; `chorus-edi verify` says what to restore from the backup",
    ).at(f"{owner}/{sha256}")


def _no_pivot(standing: Standing) -> Said:
    return Said(
        "aucun pivot conservé ne contient cette facture ; chorus-edi verify dit quoi remettre depuis la sauvegarde",
        "no kept pivot holds this invoice; `chorus-edi verify` says what to restore from the backup",
    ).at(f"{standing.flow_name}, {standing.rank}")
