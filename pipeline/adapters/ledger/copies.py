"""A consistent copy of the ledger while others write, and a ledger made again from one.

SQLite: its online backup, one read transaction, then the copy is checked. PostgreSQL: `pg_dump` of the snapshot that we
read in ourselves, so that what we say of the copy is what stands in it. A ledger of any version is copied as it is.
"""

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from sqlalchemy import URL, Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from pipeline.adapters.ledger import server
from pipeline.adapters.ledger.bulk import STREAM_ROWS
from pipeline.adapters.ledger.engine import Ledger
from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Said

SQLITE, POSTGRESQL = "sqlite", "postgresql"
FILES = {SQLITE: "ledger.sqlite", POSTGRESQL: "ledger.dump"}
_WORDS_MAX = 300
_SHEETS = ("partners", "deposit_rights", "receives")


class Head(NamedTuple):
    """Where the audit chain of a partner ends in the copy."""

    partner: str
    sequence: int
    hash: str


class Snapshot(NamedTuple):
    """Reference data in the copy: a directory, or commitments, of a day."""

    kind: str
    name: str
    day: str


@dataclass(frozen=True, slots=True)
class Copied:
    """What stands in a copy: its version of the tables, how many rows each has, its audit heads, its reference data."""

    engine: str
    file: str
    revision: str
    rows: Mapping[str, int]
    heads: tuple[Head, ...]
    snapshots: tuple[Snapshot, ...]
    sheets: Mapping[str, list[dict[str, Any]]]  # of the partners, table by table


def copy(ledger: Ledger, folder: Path) -> Copied:
    """Copy a ledger into a folder, flushed to disk; nobody is held up by it."""
    if ledger.is_sqlite:
        return _copy_sqlite(ledger, folder / FILES[SQLITE])
    return _copy_server(ledger, folder / FILES[POSTGRESQL])


def restore_sqlite(source: Path, target: Path) -> None:
    """Put a copy where the ledger of a home stands, whole or not at all; one that is there is left alone."""
    new = target.with_name(f".{target.name}.new")
    shutil.copyfile(source, new)
    with new.open("rb+") as file:
        os.fsync(file.fileno())
    try:
        os.link(new, target)
    finally:
        new.unlink()


def restore_server(source: Path, url: str, password: str) -> None:
    """Put a copy into an empty database, in one transaction; one with tables in it is a fault, and is not touched."""
    ledger = Ledger.on_server(url, password)
    try:
        with ledger.engine.connect() as db:
            tables = text("SELECT count(*) FROM pg_tables WHERE schemaname = ANY(current_schemas(false))")
            if db.execute(tables).scalar_one():
                raise Fault(_NOT_EMPTY.at(_shown(url)))
    except DBAPIError as error:
        raise Fault(server.told(error)) from error
    finally:
        ledger.close()
    command = ["--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction", f"--dbname={_shown(url)}"]
    _run("pg_restore", [*command, str(source)], password, url)


# --- SQLite -----------------------------------------------------------------------------------------------------------


def _copy_sqlite(ledger: Ledger, target: Path) -> Copied:
    try:
        with closing(sqlite3.connect(target)) as copied, closing(ledger.engine.raw_connection()) as source:
            source.driver_connection.backup(copied)  # type: ignore[union-attr]
            copied.execute("PRAGMA journal_mode=DELETE")  # one file, whole by itself
            found = copied.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise Fault(_DAMAGED.because(str(found)[:_WORDS_MAX]))
        with target.open("rb+") as file:
            os.fsync(file.fileno())
        return described(target)
    except (sqlite3.Error, DBAPIError) as error:
        words = str(error.orig if isinstance(error, DBAPIError) else error)
        raise Fault(_NOT_COPIED.because(words[:_WORDS_MAX]).then(_LOOK)) from error


def described(path: Path) -> Copied:
    """What stands in a copy on SQLite."""
    read_only = {"uri": "true", "mode": "ro", "immutable": "1"}
    engine = create_engine(URL.create("sqlite", database=f"file:{quote(str(path))}", query=read_only))
    try:
        with engine.connect() as db:
            return _described(db, SQLITE)
    finally:
        engine.dispose()


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


def _copy_server(ledger: Ledger, target: Path) -> Copied:
    url = ledger.engine.url.set(drivername=POSTGRESQL)
    password = str(url.password or "")
    shown = url.set(password=None).render_as_string()
    with ledger.reading() as db:
        moment = str(db.execute(text("SELECT pg_export_snapshot()")).scalar_one())
        _run("pg_dump", ["--format=custom", f"--snapshot={moment}", f"--file={target}", f"--dbname={shown}"],
             password, shown)  # fmt: skip
        found = _described(db, POSTGRESQL)
    with target.open("rb+") as file:
        os.fsync(file.fileno())
    return found


def _run(program: str, arguments: list[str], password: str, url: str) -> None:
    """One of PostgreSQL's own programs; the password goes by its environment, never on a command line."""
    found = shutil.which(program)
    if found is None:
        raise Fault(_no_program(program, url))
    env = os.environ | ({"PGPASSWORD": password} if password else {})
    try:
        done = subprocess.run(
            [found, "--no-password", *arguments], env=env, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise Fault(why(error).at(program)) from error
    if done.returncode:
        said = next((line for line in done.stderr.splitlines() if "error" in line), "")  # what follows may quote a row
        raise Fault(_program_failed(program).because(said[:_WORDS_MAX]).then(_SAME_VERSION))


def _shown(url: str) -> str:
    """The URL as the programs of PostgreSQL take it, without its password."""
    return make_url(url).set(drivername=POSTGRESQL, password=None).render_as_string()


# --- what stands in it ------------------------------------------------------------------------------------------------


def _described(db: Connection, engine: str) -> Copied:
    """Read through names alone, not through the tables of this version: the copy may be of an older one."""
    tables = sorted(inspect(db).get_table_names())
    if "alembic_version" not in tables:
        raise Fault(_NO_LEDGER)
    revision = str(db.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    rows = {
        table: int(db.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one())  # noqa: S608 - our own tables
        for table in tables
        if table != "alembic_version"
    }
    last = "SELECT max(sequence) FROM audit AS newer WHERE newer.partner = audit.partner"
    heads = db.execute(
        text(f"SELECT partner, sequence, hash FROM audit WHERE sequence = ({last}) ORDER BY partner")  # noqa: S608
    )
    snapshots = db.execute(text("SELECT kind, name, day FROM snapshots ORDER BY kind, day, name"))
    return Copied(
        engine, FILES[engine], revision, rows,
        tuple(Head(r.partner, r.sequence, r.hash) for r in heads),
        tuple(Snapshot(r.kind, r.name, r.day) for r in snapshots),
        {table: [dict(r) for r in db.execute(text(f'SELECT * FROM "{table}"')).mappings()] for table in _SHEETS},  # noqa: S608
    )  # fmt: skip


def objects(db: Connection) -> Iterator[tuple[str, str]]:
    """(owner, SHA-256) of every object that a ledger of any version names, each once; what was purged is not there."""
    named = "SELECT partner AS owner, sha256 FROM deposits WHERE is_kept = 1 UNION SELECT owner, sha256 FROM outbox"
    if inspect(db).has_table("additions"):
        named += " UNION SELECT d.partner, a.sha256 FROM additions a JOIN deposits d ON d.id = a.deposit_id"
    if inspect(db).has_table("purged"):
        named += " EXCEPT SELECT owner, sha256 FROM purged"
    for row in db.execute(text(named).execution_options(yield_per=STREAM_ROWS)):
        yield row.owner, row.sha256


# --- words ------------------------------------------------------------------------------------------------------------

_NO_LEDGER = Said(
    "il n'y a pas encore de registre ici ; chorus-edi run en fait un, rien n'est à sauvegarder avant",
    "there is no ledger here yet; `chorus-edi run` makes one, there is nothing to back up before",
)
_NOT_COPIED = Said("le registre ne se copie pas", "the ledger cannot be copied")
_DAMAGED = Said(
    "le registre est endommagé, sa copie ne se lit pas en entier ; garder la sauvegarde d'avant, vérifier le disque",
    "the ledger is damaged, its copy cannot be read in full; keep the backup before, look at the disk",
)
_LOOK = Said("vérifier le disque et les droits", "look at the disk and the permissions")
_NOT_EMPTY = Said(
    "cette base a déjà des tables ; en créer une vide (docs/ops/ledger.md) et la nommer par CHORUS_EDI_LEDGER__URL",
    "this database has tables already; create an empty one (docs/ops/ledger.md) and name it by CHORUS_EDI_LEDGER__URL",
)
_SAME_VERSION = Said(
    "ce programme doit être au moins de la version du serveur", "this program must be at least of the server's version"
)


def _program_failed(program: str) -> Said:
    return Said(f"{program} a échoué", f"{program} failed")


def _no_program(program: str, url: str) -> Said:
    """Where the program is missing, the command that somebody can run elsewhere."""
    if program == "pg_dump":
        command = f'pg_dump --format=custom --file={FILES[POSTGRESQL]} "{url}"'
    else:
        command = f'pg_restore --no-owner --single-transaction --dbname="{url}" {FILES[POSTGRESQL]}'
    return Said(
        f"{program} n'est pas sur cette machine ; l'installer (Debian : postgresql-client), ou lancer ailleurs : "
        f"{command}",
        f"{program} is not on this machine; install it (Debian: postgresql-client), or run elsewhere: {command}",
    )
