"""`backup`: the ledger as it is at one moment, what it needs to be read again, and the objects that it names.

    TARGET/store/<partner>/<SHA-256>   objects, copied once: the backups of one target share them
    TARGET/20261120T110000Z/           one backup: written aside, flushed, then given its name; never written over
        manifest.json                  what is in it, with the SHA-256 of each file, and what was left out
        ledger.sqlite or ledger.dump   the ledger: partner sheets, directories and commitments included
        settings.toml                  without its secrets
        partners.json                  the sheets once more, to be read by people
        ssh/keys/                      the public keys that may enter the embedded SFTP server
        objects.txt                    every object of the store: partner/SHA-256, size

The ledger is copied first, the store after it: bytes are stored before the row that names them, so every row of the
copy finds its bytes. Nothing stops meanwhile. A store in a bucket keeps itself; the manifest says which bucket.
"""

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TextIO

from pipeline import settings as settings_module
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.ledger import Ledger, copies
from pipeline.adapters.ledger.copies import Copied
from pipeline.adapters.local_drop import rename_new
from pipeline.adapters.local_store import COPY_BYTES, LocalObject, LocalStore, flush_folder
from pipeline.ports import Clock, Fault, Said
from pipeline.running.home import open_ledger
from pipeline.running.log import opened as opened_log
from pipeline.running.without_secrets import SETTINGS, LeftOut, kept_apart, settings_text
from pipeline.settings import Settings

FORMAT = "chorus-edi backup 1"
MANIFEST, OBJECTS, PARTNERS, STORE = "manifest.json", "objects.txt", "partners.json", "store"
PUBLIC_KEYS = Path("ssh") / "keys"
TOGETHER = 200  # objects that are flushed to disk before the next ones are begun
NAMED_MAX = 100  # objects of each kind that the manifest names
Progress = Callable[[int, int], None]  # objects looked at, objects copied


_NO_HOME = Said(
    "il n'y a ni registre ni [ledger] url ici ; nommer le dossier de travail par --home",
    "there is neither a ledger nor a [ledger] url here; name the home by --home",
)
_INSIDE = Said(
    "une sauvegarde dans le dossier de travail se perd avec lui ; choisir un autre disque",
    "a backup inside the home is lost with it; choose another disk",
)
_TAKEN = Said(
    "une sauvegarde de ce nom est là, et rien n'est réécrit ; relancer dans une seconde",
    "a backup of this name is there, and nothing is written over; run again in a second",
)
_BUSY = Said(
    "une autre sauvegarde y est en cours ; relancer après elle", "another backup is at work there; run again after it"
)
_NOT_YET = Said(
    "ce qui n'est pas encore au registre n'est pas copié : le partenaire l'a toujours, lui demander de redéposer",
    "what is not in the ledger yet is not copied: the partner has it still, ask for it again",
)


def _unseen(_looked: int, _copied: int) -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True, slots=True)
class Objects:
    """The store as the backup found it. `altered`: what has not the bytes of its name, and is not copied."""

    objects: int = 0
    bytes: int = 0
    copied: int = 0
    missing: tuple[str, ...] = ()
    altered: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """What was made. `sha256` is that of the manifest: kept elsewhere, it tells a backup that somebody changed."""

    folder: Path
    sha256: str
    ledger: Copied
    store: Objects | None  # None: a bucket keeps it
    left_out: tuple[LeftOut, ...]

    @property
    def is_whole(self) -> bool:
        """Every object that the ledger names is there."""
        return self.store is None or not (self.store.missing or self.store.altered)


def backup(
    home: Path,
    target: Path,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
    on_progress: Progress = _unseen,
) -> Backup:
    """Make a backup of a home inside `target`. The home is only read: its ledger is copied in the version it has."""
    home = home.resolve()
    settings = settings or settings_module.load(home)
    if not settings.ledger.url and not (home / settings.roots.ledger).is_file():
        raise Fault(_NO_HOME.at(str(home)))
    now = (clock or SystemClock()).now()
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    target = target.resolve()
    if target.is_relative_to(home):
        raise Fault(_INSIDE.at(str(target)))
    name = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    log = opened_log()
    with _alone(target):
        if (target / name).exists():
            raise Fault(_TAKEN.at(str(target / name)))
        new = target / f".new-{uuid.uuid4().hex}"
        new.mkdir(mode=0o700)
        try:
            made = _Making(home, settings, target, new, now, on_progress).make()
            _flush(new)
            rename_new(new, target / name)
            flush_folder(target)
        except BaseException:
            shutil.rmtree(new, ignore_errors=True)
            raise
        done = Backup(target / name, *made)
        log("backup", rows=sum(done.ledger.rows.values()), revision=done.ledger.revision,
            objects=done.store.objects if done.store else 0, copied=done.store.copied if done.store else 0,
            missing=len(done.store.missing) + len(done.store.altered) if done.store else 0)  # fmt: skip
    return done


class _Making:
    """One backup on its way, in a folder that has no name yet."""

    def __init__(
        self, home: Path, settings: Settings, target: Path, new: Path, now: datetime, on_progress: Progress
    ) -> None:
        self.home, self.settings, self.target, self.new, self.now = home, settings, target, new, now
        self.on_progress = on_progress

    def make(self) -> tuple[str, Copied, Objects | None, tuple[LeftOut, ...]]:
        left = [*self._settings(), *kept_apart(self.home, self.settings), LeftOut("drop/*/in, drop/*/work", _NOT_YET)]
        ledger = open_ledger(self.home, self.settings)
        try:
            copied = copies.copy(ledger, self.new)
            sheets = json.dumps(copied.sheets, ensure_ascii=False, indent=1, default=str)
            (self.new / PARTNERS).write_text(sheets, encoding="utf-8")
            self._public_keys()
            store = None if self.settings.s3.bucket else self._store(ledger)
        finally:
            ledger.close()
        return self._manifest(copied, store, left), copied, store, tuple(left)

    def _settings(self) -> list[LeftOut]:
        source = self.home / SETTINGS
        if not source.is_file():
            return []
        text, left = settings_text(source.read_text(encoding="utf-8"))
        if text is not None:
            (self.new / SETTINGS).write_text(text, encoding="utf-8")
        return left

    def _public_keys(self) -> None:
        source = self.home / PUBLIC_KEYS
        if source.is_dir():
            (self.new / PUBLIC_KEYS).mkdir(parents=True)
            for file in sorted(source.iterdir()):
                if file.is_file() and not file.is_symlink() and not _is_private(file):
                    shutil.copyfile(file, self.new / PUBLIC_KEYS / file.name)

    def _store(self, ledger: Ledger) -> Objects:
        source = LocalStore(self.home / self.settings.roots.store)
        kept = LocalStore(self.target / STORE)
        with (self.new / OBJECTS).open("w", encoding="ascii") as listed:
            return _Copying(source, kept, listed, self.on_progress).run(ledger)

    def _manifest(self, copied: Copied, store: Objects | None, left: list[LeftOut]) -> str:
        s3 = self.settings.s3
        kept: dict[str, Any] = {"kind": "bucket", "bucket": s3.bucket, "endpoint": s3.endpoint, "region": s3.region}
        if store is not None:
            kept = {"kind": "folder", **asdict(store)}
            for kind in ("missing", "altered"):
                kept[f"{kind}_count"] = len(kept[kind])
                kept[kind] = kept[kind][:NAMED_MAX]
        files = [
            {"name": str(path.relative_to(self.new)), "size_bytes": path.stat().st_size, "sha256": digest_of(path)}
            for path in sorted(self.new.rglob("*"))
            if path.is_file()
        ]
        told: dict[str, Any] = {
            "format": FORMAT, "product": _version(), "made_at": self.now.astimezone(UTC).isoformat(),
            "ours": self.settings.ours, "store": kept, "files": files,
            "ledger": {
                "engine": copied.engine, "file": copied.file, "revision": copied.revision, "rows": dict(copied.rows),
                "heads": [head._asdict() for head in copied.heads],
                "reference": [one._asdict() for one in copied.snapshots],
            },
            "left_out": [{"name": one.name, "fr": one.keep.fr, "en": one.keep.en} for one in left],
        }  # fmt: skip
        body = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True).encode()
        (self.new / MANIFEST).write_bytes(body)
        return hashlib.sha256(body).hexdigest()


class _Copying:
    """The store, object by object: what the target has already is not read again."""

    def __init__(self, source: LocalStore, kept: LocalStore, listed: TextIO, on_progress: Progress) -> None:
        self.source, self.kept, self.listed, self.on_progress = source, kept, listed, on_progress
        self.objects = self.bytes = self.copied = 0
        self.altered: list[str] = []
        self.ready: list[tuple[str, LocalObject]] = []

    def run(self, ledger: Ledger) -> Objects:
        """Copy all that stands there, then what the ledger names by now: what came meanwhile does no harm."""
        for owner in owners(self.source.root):
            for sha256 in self.source.list(owner):
                self._take(owner, sha256)
        self._keep()
        missing = []
        with ledger.reading() as db:
            for owner, sha256 in copies.objects(db):
                if self.kept.exists(owner, sha256) or f"{owner}/{sha256}" in self.altered:
                    continue
                if self.source.exists(owner, sha256):
                    self._take(owner, sha256)
                else:
                    missing.append(f"{owner}/{sha256}")
        self._keep()
        return Objects(self.objects, self.bytes, self.copied, tuple(missing), tuple(self.altered))

    def _take(self, owner: str, sha256: str) -> None:
        size_bytes = self.source.path(owner, sha256).stat().st_size
        if not self.kept.exists(owner, sha256):
            new = copied_object(self.source.path(owner, sha256), self.kept, owner)
            if new.sha256 != sha256:
                new.drop()
                self.altered.append(f"{owner}/{sha256}")
                return
            self.ready.append((owner, new))
            self.copied += 1
        self.listed.write(f"{owner}/{sha256} {size_bytes}\n")
        self.objects += 1
        self.bytes += size_bytes
        if len(self.ready) >= TOGETHER:
            self._keep()

    def _keep(self) -> None:
        try:
            self.kept.keep(self.ready)
        finally:
            for _, one in self.ready:
                one.drop()
        self.ready = []
        self.on_progress(self.objects, self.copied)


# --- shared with `restore` --------------------------------------------------------------------------------------------


def owners(root: Path) -> list[str]:
    """The owners of a store in a folder: partners, and the rooms beside what they sent and got."""
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if folder.is_dir() and not folder.name.startswith("."):
            found.append(folder.name)
            found += [f"{folder.name}/{room.name}" for room in sorted(folder.iterdir())
                      if room.is_dir() and not room.name.startswith(".")]  # fmt: skip
    return found


def copied_object(source: Path, store: LocalStore, owner: str) -> LocalObject:
    """The bytes of a file on their way into a store: nothing of it counts before its digest was compared."""
    new = store.begin(owner)
    try:
        with source.open("rb") as file:
            while part := file.read(COPY_BYTES):
                new.write(part)
        new.close()
    except BaseException:
        new.drop()
        raise
    return new


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """One backup at a time in a target; what a dead one left is removed first."""
    descriptor = os.open(target / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Fault(_BUSY.at(str(target))) from error
        for left in target.glob(".new-*"):
            shutil.rmtree(left, ignore_errors=True)
        LocalStore(target / STORE).clear("*")
        yield
    finally:
        os.close(descriptor)


def _flush(folder: Path) -> None:
    """All of a folder survives a power cut, readable by us alone."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o700)
            flush_folder(path)
        else:
            path.chmod(0o600)
            with path.open("rb") as file:
                os.fsync(file.fileno())
    flush_folder(folder)


def _is_private(file: Path) -> bool:
    with file.open("rb") as opened:
        return b"PRIVATE KEY" in opened.read(4_096)


def _version() -> str:
    try:
        return version("chorus-edi")
    except PackageNotFoundError:
        return ""
