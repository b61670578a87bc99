"""Deliver and report: copy stored bytes to where they are fetched. Nothing is rendered here, nothing is sent twice.

All files of a unit are written under temporary names, one commit says `uploaded`; all are renamed, one commit says
`sent`.
"""

from collections.abc import Sequence

from pipeline.adapters.clock import machine_ms
from pipeline.adapters.ledger import claims, outbox
from pipeline.adapters.ledger.rows import ToSend
from pipeline.adapters.system_errors import why
from pipeline.ports import Said
from pipeline.running.answer import PIVOT
from pipeline.running.home import Home
from pipeline.running.lease import Lease
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
    lot = home.ledger.write(lambda db: claims.claim_unsent(db, home.presence.token, machine_ms(), home.settings.work))
    if lot is not None:
        with Lease(home, lot) as lease:
            send(home, lease, summary)


def _send(home: Home, lease: Lease, batch: Sequence[ToSend], summary: RunSummary) -> None:
    uploaded = [f for f in batch if f.state == outbox.UPLOADED]
    fresh = []
    broken: set[str] = set()
    for file in batch:
        if file.state != outbox.READY or file.place in broken:
            continue
        stored = home.object_path(file.owner, file.sha256)
        if not stored.is_file():  # ours to mend, and no reason to keep back what else is due there
            summary.fault(_lost(file))
            continue
        try:
            home.place(file.place).upload(file.name, stored)
        except OSError as error:  # this folder waits for the next run; the others get theirs
            broken.add(file.place)
            summary.fault(_blocked(file.place, error))
        else:
            fresh.append(file)
    lease.write(lambda db: outbox.advance(db, fresh, outbox.READY, outbox.UPLOADED))
    sent: list[ToSend] = []
    for file in [*uploaded, *fresh]:
        if file.place in broken:
            continue
        try:
            if home.place(file.place).appear(file.name, file.sha256):
                sent.append(file)
            else:
                summary.fault(_foreign(file))
        except OSError as error:
            broken.add(file.place)
            summary.fault(_blocked(file.place, error))
    for place in sorted({file.place for file in sent}):
        home.place(place).flush()
    lease.write(lambda db: outbox.advance(db, sent, outbox.UPLOADED, outbox.SENT))
    for file in sent:
        home.log("deliver", place=file.place, kind=file.kind, sha256=file.sha256, size_bytes=file.size_bytes)
        summary.sent[file.kind] += 1


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
