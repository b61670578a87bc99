"""A home in which one flow is due, how it must end, and copies of it to break.

The flow is an archive of three invoices that claim no EN 16931: one for a partner that receives, one for the portal,
one that is refused. So a run archives, registers, reserves numbers, renders and sends two pivots, a report and a
lifecycle return, and needs no Saxon.
"""

import hashlib
import itertools
import os
import secrets
import shutil
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from bench.crash.forks import Forks
from bench.crash.jobs import OURS, homes
from pipeline import runner
from pipeline.settings import load

if TYPE_CHECKING:
    from services.postgres import Database, PostgresServer
    from services.s3 import S3Server
    from services.sshd import SshServer

PARTNER, RECEIVER = homes.PARTNER, homes.RECEIVER
FLOW = homes.flow_name(1)
FILES = 4  # two pivots, a report, a lifecycle return
LOST, DOUBLED, TORN, RED, BUG = "lost", "doubled", "torn", "red", "bug"


class Problem(NamedTuple):
    """What must never be: its kind, and where."""

    kind: str
    what: str


@dataclass
class Outcome:
    """What one step did, and what is wrong after it."""

    was_hit: bool = False
    counts: Counter[str] = field(default_factory=Counter)  # calls, kills, errors, cuts, faults, flows
    recovered_s: float = 0.0
    problems: list[Problem] = field(default_factory=list)


def flow() -> bytes:
    """The archive."""
    needs = {"recipient": homes.NEEDS_BOTH, "service": "SERV_OBL", "order": "EJ-1"}
    return homes.archive(
        [
            ("one.xml", homes.ubl("K-1")), ("two.xml", homes.ubl("K-2", **needs)),
            ("three.xml", homes.ubl("K-3", recipient=homes.NEEDS_BOTH)),
        ]
    )  # fmt: skip


class Local:
    """Everything in folders of one home. Others put the ledger, the store or the partners elsewhere."""

    files = FILES

    def __init__(self, folder: Path) -> None:
        """`folder` gets the prepared home and its copies."""
        self.folder = folder
        self.template = folder / "prepared"
        self.settings: dict[str, Any] = {}
        self.constants: dict[str, Any] = {}
        self.expected: dict[str, Any] = {}
        self.document = flow()  # made once: gzip writes the time
        self._numbers = itertools.count(1)

    # --- made once ----------------------------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Make the home: migrated, its partners and directory in, the flow dropped a while ago."""
        self.template.mkdir(parents=True)
        given = load(self.template, **{"ours": OURS, "readers": 1, **self.settings})
        with homes.open_home(self.template, settings=given) as home:
            self.furnish(home)
        self.drop(self.template, FLOW, self.document)

    def furnish(self, home: runner.Home) -> None:
        runner.add_partner(home, homes.partner())
        runner.add_partner(home, homes.partner(RECEIVER, receives=((homes.PLAIN, ""),)))
        runner.import_directory(home, homes.directory(home.path / "annuaire"), date(2026, 11, 1))

    def drop(self, home: Path, name: str, content: bytes) -> None:
        """A finished file in the partner's `in/`."""
        inbox = home / "drop" / PARTNER / "in"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(content)
        os.utime(inbox / name, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))

    def learn(self, forks: Forks) -> None:
        """Let one copy end untouched: so must all others."""
        home = self.copy()
        told = forks.call("recover", **self.given(home, forks.reader), **self.look(home))
        self.expected = told
        self.forget(home)
        if "red" not in told:
            raise RuntimeError(f"an untouched run dies: {told['bug']}")
        trouble = [told["bug"], *told["faults"], *told["red"], *told["left"]]
        sent = sum(self.is_sent(name) for name in told["files"])
        if any(trouble) or sent != self.files or told["runs"] != 2 or not told["is_idle"]:
            raise RuntimeError(f"an untouched run does not end well: {told}")

    # --- copies -------------------------------------------------------------------------------------------------------

    def copy(self, at: Path | None = None) -> Path:
        """A new copy of the prepared home, to be broken; `at`: in this folder, which is empty."""
        target = at or self.folder / f"home-{next(self._numbers)}"
        shutil.copytree(self.template, target, dirs_exist_ok=True)
        return target

    def forget(self, home: Path) -> None:
        shutil.rmtree(home, ignore_errors=True)

    def given(self, home: Path, reader: Iterable[str]) -> dict[str, Any]:
        """What a job is told of this copy."""
        return {
            "home": str(home), "settings": self.settings, "reader": list(reader), "constants": self.constants,
        }  # fmt: skip

    def look(self, home: Path) -> dict[str, Any]:
        """Where `recover` looks for files."""
        return {"roots": {name: str(path) for name, path in self.roots(home).items()}}

    def roots(self, home: Path) -> dict[str, Path]:
        return {name: home / name for name in ("drop", "recipients")}

    def is_sent(self, name: str) -> bool:
        """A file, as `files` names it, that somebody may fetch."""
        return "/out/" in name and not name.rpartition("/")[2].startswith(".")

    # --- judged -------------------------------------------------------------------------------------------------------

    def torn(self, home: Path) -> list[Problem]:
        """Of what can be fetched now: files that are not whole, or that an untouched run would not send."""
        problems = []
        expected = self.fetchable()
        for name, root in self.roots(home).items():
            for path in root.rglob("*"):
                told = f"{name}/{path.relative_to(root)}"
                if path.is_file() and self.is_sent(told):
                    known = expected.get(path.name)
                    if known is None:
                        problems.append(Problem(DOUBLED, f"{told} is sent by no untouched run"))
                    elif known != hashlib.sha256(path.read_bytes()).hexdigest():
                        problems.append(Problem(TORN, told))
        return problems

    def fetchable(self) -> dict[str, str]:
        """name -> digest of every file that an untouched run sends."""
        return {
            name.rpartition("/")[2]: digest for name, digest in self.expected["files"].items() if self.is_sent(name)
        }

    def recover(self, home: Path, forks: Forks, outcome: Outcome) -> None:
        """Let the next runs do what is left, and compare how the home stands then."""
        told = forks.call("recover", **self.given(home, forks.reader), **self.look(home))
        outcome.recovered_s = max(outcome.recovered_s, told.get("recovered_s", 0.0))
        outcome.counts["flows"] += 1
        outcome.problems += compared(self.expected, told)


def compared(expected: Mapping[str, Any], found: Mapping[str, Any]) -> list[Problem]:
    """What is not as after an untouched run."""
    if found["bug"]:
        return [Problem(BUG, str(found["bug"]))]
    problems = [Problem(RED, line) for line in found["red"]]
    problems += [Problem(RED, f"a run that follows still fails: {said}") for said in found["faults"]]
    problems += [Problem(RED, f"{path} is left") for path in found["left"]]
    if not found["is_idle"]:
        problems.append(Problem(RED, f"something is due after {found['runs']} runs"))
    for what, digest in expected["files"].items():
        if what not in found["files"]:
            problems.append(Problem(LOST, what))
        elif found["files"][what] != digest:
            problems.append(Problem(TORN, what))
    problems += [Problem(DOUBLED, what) for what in found["files"] if what not in expected["files"]]
    problems += [Problem(LOST, f"object {one}") for one in sorted({*expected["objects"]} - {*found["objects"]})]
    problems += [Problem(DOUBLED, f"object {one}") for one in sorted({*found["objects"]} - {*expected["objects"]})]
    problems += [
        Problem(RED, f"the table {name} differs")
        for name, digest in expected["rows"].items()
        if found["rows"].get(name) != digest
    ]
    return problems


# --- elsewhere --------------------------------------------------------------------------------------------------------


class OnPostgres(Local):
    """The ledger on PostgreSQL, a database for each copy; `port` is where the copies find the server."""

    def __init__(self, folder: Path, server: "PostgresServer", port: int) -> None:
        super().__init__(folder)
        self.server, self.port = server, port
        self._databases: dict[Path, Database] = {}
        self._prepared: Database | None = None

    def prepare(self) -> None:
        self._prepared = self.server.database()
        self.settings = {"ledger": {"url": self._prepared.tcp_url}}
        super().prepare()

    def copy(self, at: Path | None = None) -> Path:
        assert self._prepared is not None
        home = super().copy(at)
        self._databases[home] = self.server.database(like=self._prepared.name)
        return home

    def given(self, home: Path, reader: Iterable[str]) -> dict[str, Any]:
        url = self._databases[home].tcp_url.replace(f":{self.server.port}/", f":{self.port}/")
        return super().given(home, reader) | {"settings": {"ledger": {"url": url}}}

    def forget(self, home: Path) -> None:
        self.server.drop(self._databases.pop(home).name)
        super().forget(home)


class OnS3(Local):
    """The store in a bucket with versions, which every copy shares: it is put back before each; `endpoint` is where the
    copies find the server."""

    def __init__(self, folder: Path, server: "S3Server", endpoint: str) -> None:
        super().__init__(folder)
        self.server, self.endpoint = server, endpoint
        self.bucket = server.make_bucket(f"crash-{secrets.token_hex(4)}", versions=True)
        self.constants = {"pipeline.adapters.s3_store:PATIENCE_S": 0.5}
        self._kept: set[str] = set()

    def prepare(self) -> None:
        self.settings = {
            "s3": {
                "bucket": self.bucket, "endpoint": self.server.endpoint, "access_key": self.server.access_key,
                "secret_key": self.server.secret_key, "timeout_s": 1,
            }
        }  # fmt: skip
        super().prepare()
        self._kept = {key for key, _ in self.versions()}

    def copy(self, at: Path | None = None) -> Path:
        client = self.server.client()
        for key, version in self.versions():
            if key not in self._kept:
                client.delete_object(Bucket=self.bucket, Key=key, VersionId=version)
        return super().copy(at)

    def given(self, home: Path, reader: Iterable[str]) -> dict[str, Any]:
        s3 = self.settings["s3"] | {"endpoint": self.endpoint}
        return super().given(home, reader) | {"settings": {"s3": s3}}

    def versions(self) -> list[tuple[str, str]]:
        """(key, version) of everything in the bucket."""
        found = self.server.client().list_object_versions(Bucket=self.bucket)
        return [(one["Key"], one["VersionId"]) for one in found.get("Versions", []) + found.get("DeleteMarkers", [])]

    def recover(self, home: Path, forks: Forks, outcome: Outcome) -> None:
        super().recover(home, forks, outcome)
        often = Counter(key for key, _ in self.versions())
        outcome.problems += [Problem(DOUBLED, f"object {key}, {n} versions") for key, n in often.items() if n > 1]


class OverSftp(Local):
    """The partners on an SFTP server, one tree that every copy shares: it is emptied before each; `port` is where the
    copies find the server."""

    def __init__(self, folder: Path, server: "SshServer", port: int) -> None:
        super().__init__(folder)
        self.server, self.port = server, port
        self.served = {code: server.add_user(code) for code in (PARTNER, RECEIVER)}

    def prepare(self) -> None:
        self.settings = self._settings(self.server.port)
        super().prepare()

    def drop(self, home: Path, name: str, content: bytes) -> None:
        """Dropped anew for each copy."""

    def copy(self, at: Path | None = None) -> Path:
        for served in self.served.values():
            served.empty()
        inbox = self.served[PARTNER].root / "in"
        path = inbox / f".{FLOW}.part"
        path.write_bytes(self.document)
        path.chmod(0o660)
        os.utime(path, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
        os.chown(path, inbox.stat().st_uid, inbox.stat().st_gid)
        path.rename(inbox / FLOW)
        return super().copy(at)

    def given(self, home: Path, reader: Iterable[str]) -> dict[str, Any]:
        return super().given(home, reader) | {"settings": self._settings(self.port)}

    def roots(self, home: Path) -> dict[str, Path]:
        places = {code: served.root for code, served in self.served.items()}
        return {**places, **super().roots(home)}

    def _settings(self, port: int) -> dict[str, Any]:
        more = {"port": port, "timeout_s": 1.5, "connections": 1}
        return {
            "drop": {"stat_interval_s": 0},
            "remotes": {
                PARTNER: self.server.remote(PARTNER, **more),
                RECEIVER: self.server.remote(RECEIVER, inbox="", out="", pivots="out", **more),
            },
        }
