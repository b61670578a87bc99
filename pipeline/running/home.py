"""A home: everything one installation works with, opened once."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline import settings as settings_module
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.ledger import Ledger, partners
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.local_drop import LocalDrop, Outgoing, Scans
from pipeline.adapters.local_store import LocalStore
from pipeline.adapters.presence import Presence
from pipeline.adapters.read_pool import WORKER
from pipeline.adapters.system_errors import why
from pipeline.ports import Clock, Fault, Said
from pipeline.running.log import Log, silent
from pipeline.running.log import opened as opened_log
from pipeline.settings import Settings
from pipeline.terms import Terms

STAGES = ("receive", "judge", "commit", "deliver", "report")


def _unwatched(_stage: str) -> None:
    """Nobody asks where we are."""


@dataclass(slots=True)
class Home:
    """Folders, ledger, clock, and the presence of this process. `stage` hears what is being done: tests aim by it."""

    path: Path
    settings: Settings
    ledger: Ledger
    store: LocalStore
    presence: Presence
    clock: Clock
    reader: tuple[str, ...] = WORKER
    stage: Callable[[str], None] = _unwatched
    log: Log = silent
    terms_of: dict[str, Terms] = field(default_factory=dict)
    scans: Scans = field(default_factory=dict)  # the last look at each `in/`, for a watcher

    turn: str = ""  # names one attempt at everything that is due: what met a fault in it waits for the next

    def new_turn(self) -> None:
        self.turn = uuid.uuid4().hex

    def close(self) -> None:
        self.presence.leave()
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
            code: self.settings.terms(p.profile, dict(p.policies), report_warnings=p.report_warnings)
            for code, p in found.items()
        }
        return found

    def root(self, root: Path) -> Path:
        return self.path / root

    def drop(self, partner: str) -> LocalDrop:
        return LocalDrop(self.root(self.settings.roots.drop) / partner, self.settings.drop)

    def place(self, place: str) -> Outgoing:
        """The folder of an outbox row: `drop/<code>` for answers, `recipients/<code>` for pivots."""
        kind, _, code = place.partition("/")
        roots = self.settings.roots
        return Outgoing(self.root(roots.drop if kind == "drop" else roots.recipients) / code / "out")

    def object_path(self, partner: str, sha256: str) -> Path:
        return self.store.path(partner, sha256)

    def folders_without_partner(self, known: dict[str, Partner]) -> tuple[str, ...]:
        """Folders of `drop/` that belong to nobody: they are not read."""
        root = self.root(self.settings.roots.drop)
        return tuple(sorted(p.name for p in root.iterdir() if p.is_dir() and p.name not in known))


def open_home(
    path: Path,
    settings: Settings | None = None,
    *,
    clock: Clock | None = None,
    reader: tuple[str, ...] = WORKER,
    create: bool = True,
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
    try:
        path.mkdir(parents=True, exist_ok=True)
        settings = settings or settings_module.load(path)
        roots = settings.roots
        for folder in (roots.store, roots.drop, roots.recipients):
            (path / folder).mkdir(parents=True, exist_ok=True)
        (path / roots.ledger).parent.mkdir(parents=True, exist_ok=True)
        presence = Presence(path / roots.workers)
    except OSError as error:
        another = Said("choisir un autre dossier avec --home", "choose another home with --home")
        raise Fault(why(error).at(error.filename or str(path)).then(another)) from error
    ledger = Ledger.at(path / roots.ledger)
    try:
        ledger.migrate()
    except Fault:
        presence.leave()
        ledger.close()
        raise
    store = LocalStore(path / roots.store, presence.token)
    return Home(path, settings, ledger, store, presence, clock or SystemClock(), reader, log=opened_log())
