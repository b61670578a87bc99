"""Deliver and report: copy stored bytes to where they are fetched. Nothing is rendered here, nothing is sent twice.

All files of a unit are written under temporary names, one commit says `uploaded`; all are renamed, one commit says
`sent`.
"""

from collections.abc import Iterator, Sequence

from pipeline.adapters.ledger import claims, now_ms, outbox
from pipeline.adapters.ledger.rows import ToSend
from pipeline.adapters.system_errors import Failed, why
from pipeline.ports import Outgoing, Said
from pipeline.running.answer import PIVOT
from pipeline.running.home import Home
from pipeline.running.lanes import each
from pipeline.running.lease import Lease
from pipeline.running.log import tell_fault
from pipeline.running.summary import RunSummary


def send(home: Home, lease: Lease, summary: RunSummary) -> None:
    """Send all that this lot has in line: pivots first, then reports and lifecycle returns."""
    with home.ledger.reading() as db:
        files = outbox.unsent(db, lease.lot)
    for stage, batch in (
        ("deliver", [f for f in files if f.kind == PIVOT]),
        ("report", [f for f in files if f.kind != PIVOT]),
    ):
        if batch:
            home.stage(stage)
            _send(home, lease, batch, summary)


def sweep(home: Home, summary: RunSummary) -> None:
    """Send what earlier runs left unsent, and reports that are put back."""
    lot = home.ledger.write(lambda db: claims.claim_unsent(db, home.presence.token, now_ms(db), home.settings.work))
    if lot is not None:
        with Lease(home, lot) as lease:
            before = summary.sent.total()
            send(home, lease, summary)
            home.log("sweep", lot=lot.id, attempt=lot.attempt, files=summary.sent.total() - before)


def _send(home: Home, lease: Lease, batch: Sequence[ToSend], summary: RunSummary) -> None:
    """Upload, say so, rename, say so: place by place, as many at once as the place allows."""
    broken: set[str] = set()
    by_place: dict[str, list[ToSend]] = {}
    for file in batch:
        by_place.setdefault(file.place, []).append(file)
    fresh = [f for place, files in by_place.items() for f in _upload(home, place, files, broken, summary)]
    lease.write(lambda db: outbox.advance(db, lease.lot, fresh, outbox.READY, outbox.UPLOADED))
    uploaded = {(f.place, f.name) for f in (*fresh, *(f for f in batch if f.state == outbox.UPLOADED))}
    sent: list[ToSend] = []
    for place, files in by_place.items():
        if place not in broken:
            sent += _appear(home, place, [f for f in files if (f.place, f.name) in uploaded], summary)
    lease.write(lambda db: outbox.advance(db, lease.lot, sent, outbox.UPLOADED, outbox.SENT))
    for file in sent:
        home.log("deliver", place=file.place, kind=file.kind, lot=lease.lot.id, attempt=lease.lot.attempt,
                 deposit=file.deposit_id or 0, sha256=file.sha256, size_bytes=file.size_bytes)  # fmt: skip
        summary.sent[file.kind] += 1


def _upload(home: Home, place: str, files: Sequence[ToSend], broken: set[str], summary: RunSummary) -> Iterator[ToSend]:
    """Those whose bytes lie under their temporary name now; a place that fails waits, the others get theirs."""
    outgoing = home.place(place)

    def upload(file: ToSend) -> bool:
        try:
            copy = home.store.fetch(file.owner, file.sha256)
        except (FileNotFoundError, Failed):  # gone, or no longer what it was
            return False
        try:
            with copy.open("rb") as stored:
                outgoing.upload(file.name, stored)
        finally:
            home.store.forget(copy)
        return True

    ready = (f for f in files if f.state == outbox.READY and place not in broken)
    for file, done in each(_lanes(outgoing, files), upload, ready):
        if isinstance(done, OSError):
            broken.add(place)
            tell_fault(home.log, summary, _blocked(place, done), f"{place}/out", done)
        elif done:
            yield file
        else:  # ours to mend, and no reason to keep back what else is due there
            tell_fault(home.log, summary, _lost(file), f"store/{file.owner}", None, fault="lost", sha256=file.sha256)


def _appear(home: Home, place: str, files: Sequence[ToSend], summary: RunSummary) -> list[ToSend]:
    outgoing = home.place(place)
    sent: list[ToSend] = []
    is_broken = False

    def appear(file: ToSend) -> bool:
        return outgoing.appear(file.name, file.sha256)

    for file, done in each(_lanes(outgoing, files), appear, (f for f in files if not is_broken)):
        if isinstance(done, OSError):
            is_broken = True
            tell_fault(home.log, summary, _blocked(place, done), f"{place}/out", done)
        elif done:
            sent.append(file)
        else:
            tell_fault(home.log, summary, _foreign(file), f"{place}/out", None, fault="foreign", sha256=file.sha256)
    if sent:
        outgoing.flush()
    return sent


def _lanes(outgoing: Outgoing, files: Sequence[ToSend]) -> int:
    return outgoing.lanes if len(files) > outgoing.few else 1


def _foreign(file: ToSend) -> Said:
    return Said(
        f"{file.place}/out/{file.name} existe avec un autre contenu ; le déplacer, puis relancer chorus-edi run",
        f"{file.place}/out/{file.name} exists with other bytes; move it away and run again",
    )


def _lost(file: ToSend) -> Said:
    return Said(
        f"{file.place}/out/{file.name} : ses octets manquent dans store/{file.owner} ; "
        "les reprendre d'une sauvegarde, puis relancer chorus-edi run",
        f"{file.place}/out/{file.name}: its bytes are missing from store/{file.owner}; "
        "restore them from a backup and run again",
    )


def _blocked(place: str, error: OSError) -> Said:
    waits = Said(
        "ce qui est dû à ce dossier attend : le réparer, puis relancer chorus-edi run",
        "what is due there waits, mend the folder and run again",
    )
    return why(error).at(f"{place}/out").then(waits)
