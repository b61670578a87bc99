"""A home: everything one installation works with, opened once."""

import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline import settings as settings_module
from pipeline.adapters.clamd import Clamd
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.dependencies import require
from pipeline.adapters.ledger import Ledger, partners
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.local_drop import LocalDrop, LocalOutgoing
from pipeline.adapters.local_store import LocalStore
from pipeline.adapters.presence import Presence
from pipeline.adapters.read_pool import WORKER
from pipeline.adapters.system_errors import why
from pipeline.ports import Clock, DropZone, Fault, ObjectStore, Outgoing, Said
from pipeline.running.finished import Scans
from pipeline.running.log import Log, silent
from pipeline.running.log import opened as opened_log
from pipeline.running.scanning import Scanning
from pipeline.settings import Remote, Settings
from pipeline.terms import Terms

if TYPE_CHECKING:
    from pipeline.adapters.sftp_account import Account

RESTORING = ".restoring"  # the mark of a home whose restore is not finished
STAGES = ("receive", "judge", "commit", "deliver", "report")


def _unwatched(_stage: str) -> None:
    """Nobody asks where we are."""


@dataclass(slots=True)
class Home:
    """Folders, ledger, clock, and the presence of this process. `stage` hears what is being done: tests aim by it."""

    path: Path
    settings: Settings
    ledger: Ledger
    store: ObjectStore
    presence: Presence
    clock: Clock
    reader: tuple[str, ...] = WORKER
    stage: Callable[[str], None] = _unwatched
    log: Log = silent
    terms_of: dict[str, Terms] = field(default_factory=dict)
    accounts: dict[str, "Account"] = field(default_factory=dict)  # open connections to SFTP servers, by partner
    scans: Scans = field(default_factory=dict)  # the last look at each `in/`, for a watcher
    scanning: Scanning | None = None  # the antivirus, where one is configured

    turn: str = ""  # names one attempt at everything that is due: what met a fault in it waits for the next

    def new_turn(self) -> None:
        self.turn = uuid.uuid4().hex

    def close(self) -> None:
        for account in self.accounts.values():
            account.close()
        if self.scanning is not None:
            self.scanning.close()
        self.presence.leave(is_in_order=not self.ledger.has_refused)
        self.ledger.close()

    def __enter__(self) -> "Home":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def partners(self) -> dict[str, Partner]:
        """The partners as they are now; their terms are made anew."""
        with self.ledger.reading() as db:
            found = {partner.code: partner for partner in partners.every(db)}
        self.terms_of = {
            code: self.settings.terms(
                p.profile,
                dict(p.policies),
                report_warnings=p.report_warnings,
                maps_recipients=p.maps_recipients,
                roles=p.roles,
            )
            for code, p in found.items()
        }
        return found

    def root(self, root: Path) -> Path:
        return self.path / root

    def folder(self, partner: str) -> LocalDrop:
        """The folders of a partner on this machine, whether or not it drops on a server elsewhere."""
        root, owners = self.root(self.settings.roots.drop) / partner, self.settings.owners.get(partner, ())
        return LocalDrop(root, self.settings.drop, owners)

    def drop(self, partner: str) -> DropZone:
        """Where a partner drops: on the server of its `[remotes.CODE]`, else in its folder."""
        remote = self.settings.remotes.get(partner)
        if remote is None or not remote.inbox:
            return self.folder(partner)
        from pipeline.adapters.remote_drop import RemoteDrop

        owners = self.settings.owners.get(partner, ())
        return RemoteDrop(self._account(partner, remote), remote.inbox, remote.work, self.settings.drop, owners)

    def place(self, place: str) -> Outgoing:
        """Where the files of an outbox row go: `drop/<code>` for answers, `recipients/<code>` for pivots."""
        kind, _, code = place.partition("/")
        roots, remote = self.settings.roots, self.settings.remotes.get(code)
        folder = (remote.out if kind == "drop" else remote.pivots) if remote is not None else ""
        if remote is None or not folder:
            return LocalOutgoing(self.root(roots.drop if kind == "drop" else roots.recipients) / code / "out")
        from pipeline.adapters.remote_drop import RemoteOutgoing

        return RemoteOutgoing(self._account(code, remote), folder)

    def _account(self, code: str, remote: Remote) -> "Account":
        from pipeline.adapters.sftp_account import Account, Server

        if code not in self.accounts:
            require("paramiko")
            self.accounts[code] = Account(
                Server(
                    remote.host, remote.port, remote.user, self.path / remote.key_file if remote.key_file else None,
                    partial(remote.secret, self.path), remote.host_keys, remote.connections, remote.channels,
                    remote.timeout_s, remote.prefetch,
                )
            )  # fmt: skip
        return self.accounts[code]

    def folders_without_partner(self, known: dict[str, Partner]) -> tuple[str, ...]:
        """Folders of `drop/` that belong to nobody: they are not read."""
        root = self.root(self.settings.roots.drop)
        return tuple(sorted(p.name for p in root.iterdir() if p.is_dir() and p.name not in known))


_RESTORING = Said(
    "la restauration de ce dossier n'est pas finie, et il répondrait deux fois ; relancer la même commande "
    "chorus-edi restore",
    "the restore of this home is not finished, and it would answer twice; run the same `chorus-edi restore` again",
)


def open_home(
    path: Path,
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    reader: tuple[str, ...] = WORKER,
    create: bool = True,
    is_restoring: bool = False,
) -> Home:
    """Open a home, or make one: folders, ledger, migration. What cannot be read or written is a fault.

    Without `create` only a home that is there is opened: a slip of the keyboard must not make an empty one.
    """
    path = path.resolve()
    if not create and not path.is_dir():
        raise Fault(
            Said(
                "pas de dossier de travail ici ; en choisir un autre avec --home",
                "there is no home here; choose another one with --home",
            ).at(str(path))
        )
    if (path / RESTORING).exists() and not is_restoring:
        raise Fault(_RESTORING.at(str(path)))
    try:
        path.mkdir(parents=True, exist_ok=True)
        settings = settings or settings_module.load(path)
        roots = settings.roots
        for folder in (roots.drop, roots.recipients):  # partners and recipients come here: their modes are the system's
            (path / folder).mkdir(parents=True, exist_ok=True)
        (path / roots.store).mkdir(mode=0o700, parents=True, exist_ok=True)
        if not settings.ledger.url:
            _make_private(path / roots.ledger)
        presence = Presence(path / roots.workers)
    except OSError as error:
        another = Said("choisir un autre dossier avec --home", "choose another home with --home")
        raise Fault(why(error).at(error.filename or str(path)).then(another)) from error
    try:
        ledger = open_ledger(path, settings)
        try:
            ledger.migrate()
            store = _store(path, settings, presence)
        except (Fault, OSError):
            ledger.close()
            raise
    except (Fault, OSError):
        presence.leave()
        raise
    log = opened_log()
    ledger.on_retry = lambda tries, sqlstate: log("retry", tries=tries, sqlstate=sqlstate)
    return Home(
        path, settings, ledger, store, presence, clock or SystemClock(), reader, log=log, scanning=_scanning(settings)
    )


def _make_private(ledger: Path) -> None:
    """The file of the ledger, empty, ours alone to read: SQLite would make it by the umask. One that is there stays."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        os.close(os.open(ledger, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))


def _scanning(settings: Settings) -> Scanning | None:
    """The antivirus of the settings; it is asked when there is something to scan."""
    given = settings.antivirus
    return Scanning(Clamd(given.address, given.timeout_s), settings.readers) if given.address else None


def open_ledger(path: Path, settings: Settings) -> Ledger:
    """The ledger of a home without the rest of it: whoever only reads is no worker."""
    if not settings.ledger.url:
        return Ledger.at(path / settings.roots.ledger)
    return Ledger.on_server(settings.ledger.url, settings.ledger.secret(path))


def _store(path: Path, settings: Settings, presence: Presence) -> ObjectStore:
    if not settings.s3.bucket:
        return LocalStore(path / settings.roots.store, presence.token)
    from pipeline.adapters.s3_store import Bucket, S3Store

    s3 = settings.s3
    access_key, secret_key = s3.keys(path)
    bucket = Bucket(
        s3.bucket, s3.endpoint, s3.region, access_key, secret_key, s3.addressing_style, s3.checksums, s3.lock_years,
        s3.multipart_bytes, s3.connections, s3.timeout_s,
    )  # fmt: skip
    return S3Store(bucket, presence.spool / "objects")
