"""`restore`: a new home from a backup, its ledger brought to this version, and compared with the store.

What is restored is checked first, digest by digest. Until the comparison is over the home carries a mark, and nothing
else works in it: a ledger that has forgotten a day would answer that day twice. Killed, the same command goes on.
"""

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import settings as settings_module
from pipeline.adapters.ledger import copies, invariants
from pipeline.adapters.ledger.tables import HEAD
from pipeline.adapters.local_store import LocalObject, LocalStore, flush_folder
from pipeline.ports import Clock, Fault, Said
from pipeline.reconcile import Line
from pipeline.running.backup import (
    FORMAT,
    MANIFEST,
    OBJECTS,
    PUBLIC_KEYS,
    STORE,
    TOGETHER,
    copied_object,
    digest_of,
    owners,
)
from pipeline.running.home import RESTORING, Home, open_home
from pipeline.running.recover import AT_WORK, Recovered, recover
from pipeline.running.verify import verify
from pipeline.running.without_secrets import SETTINGS
from pipeline.settings import Settings

Progress = Callable[[int, int], None]
_AGAIN, _BY_HAND = "again", "by hand"  # the marks of a look at a home without a backup


def _unseen(_done: int, _total: int) -> None:
    """Nobody watches the progress."""


@dataclass(frozen=True, slots=True)
class Restored:
    """What came back. `missing`: objects that the ledger names and the store has not; `lines`: what `verify` says."""

    home: Path
    made_at: str
    revision: str  # of the tables in the backup
    copied: int  # objects
    damaged: tuple[str, ...]  # objects of the backup that have not the bytes of their name
    missing: tuple[str, ...]
    recovered: Recovered
    lines: tuple[Line, ...]
    other_ledger: str = ""  # the ledger that settings.toml names, where another one was restored

    @property
    def is_clear(self) -> bool:
        """All is green, and nobody has to look at anything."""
        return all(line.ok for line in self.lines) and self.recovered.is_clear and not (self.missing or self.damaged)


def restore(
    source: Path | None,
    path: Path,
    *,
    old_home: Path | None = None,
    by_hand: bool = False,
    settings: Settings | None = None,
    clock: Clock | None = None,
    reader: tuple[str, ...] = (),
    on_progress: Progress = _unseen,
) -> Restored:
    """Restore a backup into a new home; without a `source`, look again at a home that was restored.

    `old_home`: what is left of the home that was lost: its objects are taken, its folders show what was sent.
    `by_hand`: no look was taken yet at this home, whose ledger somebody put there from an older copy.
    """
    path = path.resolve()
    if source is None:
        return _look_again(path, old_home, settings, clock, reader, on_progress, is_first=by_hand)
    manifest, sha256 = _manifest(source)
    _begin(path, sha256)
    _check_files(source, manifest)
    _put_files(source, path)
    settings = settings or settings_module.load(path)
    _put_ledger(source, path, manifest, settings)
    has_store = bool(settings.s3.bucket)
    copied, damaged = 0, list[str]()
    if not has_store:
        has_store = _stood_before(path, settings) or (
            old_home is not None and any(owners(old_home / settings.roots.store))
        )
        copied, damaged = _put_objects(source, path, settings, old_home)
    with _opened(path, settings, clock, reader) as home:
        why = f"restored from the backup of {manifest['made_at']} ({sha256[:16]})"
        found = recover(home, why=why, is_first=True, has_store=has_store, old_home=old_home, on_progress=on_progress)
        done = _done(home, manifest, copied, damaged, found)
    (path / f"{RESTORING}-ledger").unlink()
    (path / RESTORING).unlink()
    flush_folder(path)
    return done


def _look_again(
    path: Path, old_home: Path | None, settings: Settings | None, clock: Clock | None, reader: tuple[str, ...],
    on_progress: Progress, *, is_first: bool,
) -> Restored:  # fmt: skip
    if not path.is_dir():
        raise Fault(_NO_HOME.at(str(path)))
    before = _marked(path)
    if before not in {"", _AGAIN, _BY_HAND}:
        raise Fault(_INTERRUPTED.at(str(path)))
    is_first = is_first or before == _BY_HAND  # the first look was killed
    _mark(path, _BY_HAND if is_first else _AGAIN)  # until it is over nothing else works here
    settings = settings or settings_module.load(path)
    copied, damaged = 0, list[str]()
    if old_home is not None and not settings.s3.bucket:
        copied, damaged = _put_folder(old_home / settings.roots.store, LocalStore(path / settings.roots.store))
    with _opened(path, settings, clock, reader, create=False) as home:
        if home.presence.others_at_work():
            if not before:
                (path / RESTORING).unlink()  # refused: the home is as it was
            raise Fault(AT_WORK)
        found = recover(
            home,
            why="restored by hand" if is_first else "looked at again",
            is_first=is_first,
            has_store=True,
            old_home=old_home,
            on_progress=on_progress,
        )
        done = _done(home, {"made_at": "", "ledger": {"revision": HEAD}}, copied, damaged, found)
    (path / RESTORING).unlink()
    return done


def _opened(
    path: Path, settings: Settings, clock: Clock | None, reader: tuple[str, ...], *, create: bool = True
) -> Home:
    more: dict[str, Any] = {"reader": reader} if reader else {}
    return open_home(path, settings, clock=clock, create=create, is_restoring=True, **more)


def _done(home: Home, manifest: dict[str, Any], copied: int, damaged: list[str], found: Recovered) -> Restored:
    with home.ledger.reading() as db:
        missing = tuple(f"{owner}/{sha256}" for owner, sha256 in invariants.objects(db)
                        if not home.store.exists(owner, sha256))  # fmt: skip
    for code in home.partners():
        home.folder(code).make()
    file = home.path / SETTINGS
    told = tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    named, used = str(told.get("ledger", {}).get("url", "")), home.settings.ledger.url
    return Restored(
        home.path, manifest["made_at"], manifest["ledger"]["revision"], copied, tuple(damaged), missing, found,
        verify(home), named if used != named else "",
    )  # fmt: skip


# --- the backup -------------------------------------------------------------------------------------------------------


def _manifest(source: Path) -> tuple[dict[str, Any], str]:
    """What the backup says of itself, and the digest of that."""
    path = source / MANIFEST
    if not path.is_file():
        several = sorted(p.parent.name for p in source.glob(f"*/{MANIFEST}")) if source.is_dir() else []
        names = ", ".join(several) or "-"
        found = Said(f"il y a ici {names}", f"there is {names} here")
        raise Fault(_NO_BACKUP.then(found).at(str(source)))
    body = path.read_bytes()
    try:
        told = json.loads(body)
    except ValueError as error:
        raise Fault(_UNREADABLE.at(str(path))) from error
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise Fault(_OTHER_FORMAT.at(str(path)))
    return told, hashlib.sha256(body).hexdigest()


def _check_files(source: Path, manifest: dict[str, Any]) -> None:
    """Every file is there and is what the manifest says, before anything of it is used."""
    for file in manifest["files"]:
        path = source / file["name"]
        if not path.resolve().is_relative_to(source.resolve()):
            raise Fault(_OTHER_FORMAT.at(str(path)))
        if not path.is_file():
            raise Fault(_MISSING.at(str(path)))
        if digest_of(path) != file["sha256"]:
            raise Fault(_ALTERED.at(str(path)))
    if manifest["ledger"]["revision"] > HEAD:
        raise Fault(_newer(manifest["ledger"]["revision"]))


# --- the new home -----------------------------------------------------------------------------------------------------


def _begin(path: Path, sha256: str) -> None:
    """The home is new, or the rest of the same restore; it carries its mark from here on."""
    before = _marked(path)
    if before:
        if before != sha256:
            raise Fault(_ANOTHER.at(str(path)))
        return
    path.mkdir(parents=True, exist_ok=True)
    if any(one.name != f"{RESTORING}-new" for one in path.iterdir()):
        raise Fault(_NOT_EMPTY.at(str(path)))
    _mark(path, sha256)


def _marked(path: Path) -> str:
    """What the mark of a home says; nothing where it has none."""
    mark = path / RESTORING
    return mark.read_text(encoding="ascii").strip() if mark.is_file() else ""


def _mark(path: Path, said: str) -> None:
    """Whole or not at all, and flushed before anything else is done."""
    new = path / f"{RESTORING}-new"
    with new.open("w", encoding="ascii") as file:
        file.write(f"{said}\n")
        file.flush()
        os.fsync(file.fileno())
    new.rename(path / RESTORING)
    flush_folder(path)


def _put_files(source: Path, path: Path) -> None:
    for name in (Path(SETTINGS), PUBLIC_KEYS):
        if (source / name).is_file():
            shutil.copyfile(source / name, path / name)
        elif (source / name).is_dir():
            (path / name.parent).mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copytree(source / name, path / name, dirs_exist_ok=True, copy_function=shutil.copyfile)


def _put_ledger(source: Path, path: Path, manifest: dict[str, Any], settings: Settings) -> None:
    """Where the settings say that the ledger is. It is put there whole, or it was by an earlier try."""
    engine, file = manifest["ledger"]["engine"], source / manifest["ledger"]["file"]
    wanted = copies.POSTGRESQL if settings.ledger.url else copies.SQLITE
    if engine != wanted:
        raise Fault(_other_engine(engine, wanted))
    done = path / f"{RESTORING}-ledger"
    if done.exists():
        return
    if engine == copies.SQLITE:
        target = path / settings.roots.ledger
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            copies.restore_sqlite(file, target)
        except FileExistsError as error:
            if digest_of(target) != digest_of(file):  # by an earlier try
                raise Fault(_LEDGER_IS_THERE.at(str(target))) from error
    else:
        copies.restore_server(file, settings.ledger.url, settings.ledger.secret(path))
    done.touch()


def _stood_before(path: Path, settings: Settings) -> bool:
    """The store lies outside the home, and outlived it."""
    root = settings.roots.store
    return root.is_absolute() and not root.is_relative_to(path) and any(owners(root))


def _put_objects(source: Path, path: Path, settings: Settings, old_home: Path | None) -> tuple[int, list[str]]:
    """The objects of the backup, then those that are left of the old home: (how many were copied, what is damaged)."""
    store = LocalStore(path / settings.roots.store)
    copied, damaged = 0, list[str]()
    listed = source / OBJECTS
    if listed.is_file():
        with listed.open(encoding="ascii") as lines:
            names = (line.split(" ")[0].rpartition("/") for line in lines)
            kept = LocalStore(source.resolve().parent / STORE)
            copied, damaged = _put(kept, store, ((owner, sha256) for owner, _, sha256 in names))
    if old_home is not None:
        more, broken = _put_folder(old_home / settings.roots.store, store)
        copied, damaged = copied + more, damaged + broken
    return copied, damaged


def _put_folder(root: Path, store: LocalStore) -> tuple[int, list[str]]:
    """All that stands in the folder of another store."""
    source = LocalStore(root)
    return _put(source, store, ((owner, sha256) for owner in owners(root) for sha256 in source.list(owner)))


def _put(source: LocalStore, store: LocalStore, names: Iterable[tuple[str, str]]) -> tuple[int, list[str]]:
    """Copy objects that are not there, each one's digest compared on its way: (how many, which are damaged)."""
    count, damaged = 0, list[str]()
    ready: list[tuple[str, LocalObject]] = []

    def keep() -> None:
        try:
            store.keep(ready)
        finally:
            for _, one in ready:
                one.drop()
            ready.clear()

    for owner, sha256 in names:
        if store.exists(owner, sha256):
            continue
        try:
            new = copied_object(source.path(owner, sha256), store, owner)
        except FileNotFoundError:  # the comparison names what the ledger needs of it
            continue
        if new.sha256 != sha256:
            new.drop()
            damaged.append(f"{owner}/{sha256}")
            continue
        ready.append((owner, new))
        count += 1
        if len(ready) >= TOGETHER:
            keep()
    keep()
    return count, damaged


# --- words ------------------------------------------------------------------------------------------------------------

_NO_HOME = Said(
    "pas de dossier de travail ici ; en choisir un autre avec --home",
    "there is no home here; choose another with --home",
)
_NO_BACKUP = Said("ce n'est pas une sauvegarde", "this is no backup")
_UNREADABLE = Said("ce manifeste ne se lit pas", "this manifest cannot be read")
_OTHER_FORMAT = Said(
    "ce n'est pas un manifeste que cette version connaît", "this is no manifest that this version knows"
)
_MISSING = Said("manque à la sauvegarde ; en prendre une autre", "is missing from the backup; take another one")
_ALTERED = Said(
    "n'a pas l'empreinte que dit le manifeste ; prendre une autre sauvegarde",
    "has not the digest that the manifest says; take another backup",
)
_NOT_EMPTY = Said(
    "ce dossier n'est pas vide ; restaurer dans un dossier neuf : --home AUTRE",
    "this folder is not empty; restore into a new one: --home OTHER",
)
_ANOTHER = Said(
    "la restauration d'une autre sauvegarde y a été interrompue ; prendre un dossier neuf : --home AUTRE",
    "the restore of another backup was interrupted there; take a new folder: --home OTHER",
)
_INTERRUPTED = Said(
    "sa restauration n'est pas finie ; la relancer avec la même SOURCE",
    "its restore is not finished; run it again with the same SOURCE",
)
_LEDGER_IS_THERE = Said(
    "un registre est déjà là ; le mettre de côté, ou changer [roots] ledger dans settings.toml",
    "a ledger is there already; move it away, or change [roots] ledger in settings.toml",
)


def _other_engine(engine: str, wanted: str) -> Said:
    return Said(
        f"le registre de la sauvegarde est sur {engine}, les réglages en veulent un sur {wanted} ; il n'y a pas de "
        "passage de l'un à l'autre : corriger [ledger] url, ou CHORUS_EDI_LEDGER__URL",
        f"the ledger of the backup is on {engine}, the settings want one on {wanted}; there is no way from one to the "
        "other: correct [ledger] url, or CHORUS_EDI_LEDGER__URL",
    )


def _newer(revision: str) -> Said:
    return Said(
        f"cette sauvegarde est d'une version plus récente de chorus-edi ({revision}, ici {HEAD}) ; installer cette "
        "version",
        f"this backup is of a newer version of chorus-edi ({revision}, here {HEAD}); install that version",
    )
