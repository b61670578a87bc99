"""The folders of the partners beside the ledger: what lies in `in/` and `work/`, what lies in `out/`, what was fetched.

A file in an `in/` has no row by its nature: it gets one when it is taken. So what lies there for longer than intake
ever takes is a difference. In an `out/` each file must be one of the outbox, with its bytes; one that is gone was
fetched, as far as the server tells it.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipeline.adapters import sftp_log
from pipeline.adapters.ledger import Connection, deposits
from pipeline.adapters.ledger.day import PIVOT
from pipeline.adapters.ledger.figures import REPORT
from pipeline.adapters.ledger.night import around, figures
from pipeline.adapters.ledger.night.around import InOut
from pipeline.adapters.ledger.rows import Partner, chunks
from pipeline.adapters.local_drop import LocalDrop
from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Lying, Outgoing, Said
from pipeline.reconcile.night import Against, Difference, Kind, difference
from pipeline.running.home import Home

HASHED_BYTES = 256 << 20  # of the files in `out/` that are read again; beyond it their size must do


@dataclass(slots=True)
class Dropped:
    """What stands in the drop folders, looked at before the ledger."""

    files: int = 0
    folders: int = 0
    differences: list[Difference] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)

    @property
    def against(self) -> Against:
        told = Said(
            f"{self.files} fichiers dans {self.folders} dossiers", f"{self.files} files in {self.folders} folders"
        )
        if self.unread:
            names = ", ".join(self.unread)
            told = told.then(Said(f"illisibles : {names}", f"not readable: {names}"))
        return Against("drop", told, self.files, not self.unread)


def dropped(home: Home, partners: dict[str, Partner]) -> Dropped:
    """Every file of every `in/` that has been there for too long; a folder that cannot be read is named."""
    found = Dropped()
    limit_s = home.settings.reconcile.drop_minutes * 60
    now_s = time.time()
    for code in sorted(partners):
        drop = home.drop(code)
        try:
            if isinstance(drop, LocalDrop) and not drop.inbox.is_dir():
                continue
            seen = drop.scan()
        except (OSError, Fault) as error:
            said = why(error) if isinstance(error, OSError) else error.said
            found.unread.append(code)
            found.differences.append(
                difference(Kind.DROP_UNREAD, said.fr, said.en, partner=code, file=drop.place)
            )  # fmt: skip
            continue
        found.folders += 1
        found.files += len(seen)
        for one in seen:
            since = _since(drop, one.name, one.mtime_ns / 1e9)
            if now_s - since < limit_s:
                continue
            name = one.name.decode("utf-8", "backslashreplace")
            at = datetime.fromtimestamp(since, UTC)
            minutes = int(now_s - since) // 60
            found.differences.append(
                difference(
                    Kind.IN_DROP, f"dans in/ depuis {minutes} min, {one.size_bytes} octets",
                    f"in in/ for {minutes} min, {one.size_bytes} bytes", partner=code, flow=name,
                    file=f"drop/{code}/in/{name}", since=at,
                )
            )  # fmt: skip
    return found


def _since(drop: object, name: bytes, modified: float) -> float:
    """Since when a file stands there, in seconds since 1970. A client may set the one time, the system the other."""
    if isinstance(drop, LocalDrop):
        try:
            return max(modified, (drop.inbox / Path(name.decode("utf-8", "surrogateescape"))).lstat().st_ctime)
        except OSError:
            return time.time()  # taken meanwhile
    return modified


def claimed(home: Home, db: Connection, partners: dict[str, Partner]) -> list[Difference]:
    """Files in `work/` without a row, where nobody else is at work here."""
    if home.presence.others_at_work():
        return []
    found = []
    for code in sorted(partners):
        folder = home.folder(code)
        files = folder.in_work() if folder.work.is_dir() else []
        known = deposits.known_claims(db, code, [one.claim for one in files])
        found += [
            difference(
                Kind.IN_WORK, "pris du dossier de dépôt, sans ligne au registre",
                "taken from the drop folder, no row in the ledger", partner=code,
                flow=one.name.decode("utf-8", "backslashreplace"), file=f"drop/{code}/work/{one.claim}",
            )
            for one in files
            if one.claim not in known
        ]  # fmt: skip
    return found


# --- out --------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Out:
    """What stands in the `out/` folders, here and on the servers of partners."""

    files: int = 0
    folders: int = 0
    hashed: int = 0
    hashed_bytes: int = 0
    unread: list[str] = field(default_factory=list)
    there: set[tuple[str, str]] = field(default_factory=set)  # (place, name) of those that the ledger knows
    reports: list[tuple[str, InOut, float]] = field(default_factory=list)  # still there, and since when
    differences: list[Difference] = field(default_factory=list)

    @property
    def against(self) -> Against:
        told = Said(
            f"{self.files} fichiers dans {self.folders} dossiers, taille comparée, {self.hashed} relus",
            f"{self.files} files in {self.folders} folders, sizes compared, {self.hashed} read again",
        )
        if self.unread:
            names = ", ".join(self.unread)
            told = told.then(Said(f"illisibles : {names}", f"not readable: {names}"))
        return Against("out", told, self.files, not self.unread)


def out(home: Home, db: Connection, partners: dict[str, Partner]) -> Out:
    """Every file in every `out/` beside its row of the outbox."""
    found = Out()
    for place in _places(home, partners):
        outgoing = home.place(place)
        try:
            for several in chunks(outgoing.lying()):
                _compare(db, place, outgoing, several, found)
        except (OSError, Fault) as error:
            said = why(error) if isinstance(error, OSError) else error.said
            found.unread.append(place)
            found.differences.append(
                difference(Kind.DROP_UNREAD, said.fr, said.en, partner=place.partition("/")[2], file=outgoing.place)
            )
            continue
        found.folders += 1
    return found


def _places(home: Home, partners: dict[str, Partner]) -> list[str]:
    """Every folder that answers go to: those of the partners, and of whoever receives."""
    roots = home.settings.roots
    receivers = home.root(roots.recipients)
    names = {p.name for p in receivers.iterdir() if p.is_dir()} if receivers.is_dir() else set()
    names |= {code for code, remote in home.settings.remotes.items() if remote.pivots}
    return [f"drop/{code}" for code in sorted(partners)] + [f"recipients/{name}" for name in sorted(names)]


def _compare(db: Connection, place: str, outgoing: Outgoing, files: Sequence[Lying], found: Out) -> None:
    known = around.of_place(db, place, [one.name for one in files if one.name.isprintable()])
    code = place.partition("/")[2]
    for one in files:
        found.files += 1
        row = known.get(one.name)
        file = f"{place}/out/{one.name}"
        since = datetime.fromtimestamp(one.since, UTC)
        if row is None:
            shown = file.encode(errors="surrogateescape").decode("utf-8", "backslashreplace")
            found.differences.append(
                difference(
                    Kind.OUT_UNKNOWN, "n'est pas dans les envois", "is not in the outbox", partner=code, file=shown,
                    since=since,
                )
            )  # fmt: skip
            continue
        found.there.add((place, one.name))
        if row.kind == REPORT:
            found.reports.append((place, row, one.since))
        wrong = _altered(outgoing, one, row, found)
        if wrong is not None:
            found.differences.append(
                difference(
                    Kind.OUT_ALTERED, f"{file} : {wrong.fr}", f"{file}: {wrong.en}", partner=code, flow=row.flow,
                    file=file, invoice=f"{code}/{row.sha256}", since=since,
                )
            )  # fmt: skip


def _altered(outgoing: Outgoing, one: Lying, row: InOut, found: Out) -> Said | None:
    """What is wrong with the bytes of one file; the size first, the digest where there is room for it."""
    size = one.size_bytes
    if not one.is_plain:
        return Said("n'est plus un fichier ordinaire", "is no plain file any more")
    if size != row.size_bytes:
        return Said(f"{size} octets, {row.size_bytes} au registre", f"{size} bytes, {row.size_bytes} in the ledger")
    if found.hashed_bytes + size > HASHED_BYTES:
        return None
    found.hashed += 1
    found.hashed_bytes += size
    digest = outgoing.digest(one.name)
    if digest in {row.sha256, None}:  # None: fetched meanwhile
        return None
    return Said("n'a plus le SHA-256 de ce qui a été envoyé", "has no longer the SHA-256 of what was sent")


# --- fetched ----------------------------------------------------------------------------------------------------------


def fetched(home: Home, db: Connection, day: str, seen: Out) -> tuple[Against, list[Difference]]:
    """What of the answers of a day was fetched, where the server tells it; elsewhere it is not known."""
    sent = list(around.sent_names(db, day))
    gone = sum(1 for one in sent if one not in seen.there)
    log = home.settings.reconcile.sftp_log
    if log is None:
        said = Said(
            f"{gone} réponses sur {len(sent)} ne sont plus dans out ; non connu, aucun journal SFTP configuré",
            f"{gone} of {len(sent)} answers are no longer in out; not known, no SFTP log is configured",
        )
        return Against("fetched", said, gone, was_read=False), []
    candidates = {name for _, name in sent} | {row.name for _, row, _ in seen.reports}
    try:
        read = sftp_log.fetched(home.path / log, candidates)
    except OSError as error:
        return Against("fetched", Said("non lu", "not read").because(why(error)), was_read=False), []
    limit_s = home.settings.reconcile.fetch_hours * 3600
    late = [
        difference(
            Kind.REPORT_NOT_FETCHED, f"dans out/ depuis {int(time.time() - since) // 3600} h, jamais lu",
            f"in out/ for {int(time.time() - since) // 3600} h, never read", partner=place.partition("/")[2],
            flow=row.flow, file=row.name, since=datetime.fromtimestamp(since, UTC),
        )
        for place, row, since in seen.reports
        if row.name not in read and time.time() - since >= limit_s
    ]  # fmt: skip
    count = sum(1 for _, name in sent if name in read)
    said = Said(
        f"{count} réponses sur {len(sent)} relevées, d'après le journal SFTP ; {gone} ne sont plus dans out",
        f"{count} of {len(sent)} answers fetched, as the SFTP log says; {gone} are no longer in out",
    )
    return Against("fetched", said, count), late


def sent_counts(db: Connection, day: str) -> dict[str, dict[str, int]]:
    """Partner -> key of `FILES` -> files sent in answer to the flows of a day."""
    keys = {REPORT: "reported", PIVOT: "delivered"}
    found: dict[str, dict[str, int]] = {}
    for partner, kind, count in figures.sent(db, day):
        row = found.setdefault(partner, {})
        key = keys.get(kind, "told")
        row[key] = row.get(key, 0) + count
    return found
