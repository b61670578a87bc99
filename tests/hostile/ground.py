"""Where hostile files are dropped: a home of its own, a server that nobody may ask, a file that nobody may read.

The shell runs as in production, in processes of its own, watched from outside: what they start, where they write, whom
they ask.
"""

import json
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from hostile.canary import Canary, listening
from hostile.case import Site
from hostile.watched import Watched, command
from lxml import etree

from fixtures.case import PARTNER
from fixtures.make import ROOT
from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.cli.demo import sample_partners
from pipeline.settings import load

OURS, READERS = "CPP001", 2
OTHER = "YYY888"
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
DIRECTORY, SNAPSHOT_DAY = ROOT / "directory", date(2026, 11, 15)
PROJECT = Path(__file__).parents[2]
RUN_DEADLINE_S = 600


def at_noon() -> FixedClock:
    return FixedClock(NOON)


@dataclass(frozen=True)
class Report:
    """One integration report, as its partner reads it."""

    file: str
    flow: str
    sha256: str
    state: str
    lines: tuple[dict[str, str], ...]


@dataclass(frozen=True)
class Ran:
    """One run: what it said, what was seen of it from outside, its log lines."""

    told: dict[int, dict[str, Any]]  # deposit -> verdict
    faults: list[str]
    notices: list[str]
    log: str
    seconds: float
    watched: Watched


@dataclass
class Ground:
    """A migrated home, the partners of the fixtures, and everything around it."""

    folder: Path
    canary: Canary
    token: str = field(default_factory=lambda: secrets.token_hex(16))

    def __post_init__(self) -> None:
        self.home = self.folder / "home"
        self.scratch = self.folder / "scratch"  # temporary files of the processes
        self.standing = self.folder / "standing"  # where they stand: nobody writes here
        self.site = Site(self.canary.url, self.folder / "secret", self.folder / "outside")
        for made in (self.scratch, self.standing, self.site.outside):
            made.mkdir(parents=True)
        self.site.secret.write_text(self.token, "ascii")
        with runner.open_home(self.home, load(self.home, ours=OURS, readers=READERS), clock=at_noon()) as home:
            runner.import_directory(home, DIRECTORY, SNAPSHOT_DAY)
            for partner in sample_partners(ROOT):
                runner.add_partner(home, partner)

    def inbox(self, partner: str = PARTNER) -> Path:
        return self.home / "drop" / partner / "in"

    def work(self, partner: str = PARTNER) -> Path:
        return self.home / "drop" / partner / "work"

    def run(self) -> Ran:
        """Run the shell once, from the drop folders to the answers."""
        answer, trace = self.folder / "answer.json", self.folder / "trace"
        answer.unlink(missing_ok=True)
        began = time.monotonic()
        ended = subprocess.run(
            command([sys.executable, "-m", "hostile.inside", str(self.home), str(answer)], trace),
            cwd=self.standing, env=self._environment(), capture_output=True, text=True, timeout=RUN_DEADLINE_S, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - began
        if ended.returncode:
            raise AssertionError(f"the run ended with {ended.returncode}: {ended.stdout}{ended.stderr}")
        said = json.loads(answer.read_text("utf-8"))
        told = {one["deposit"]: one["verdict"] for one in said["told"]}
        return Ran(told, said["faults"], said["notices"], ended.stderr, seconds, Watched.read(trace))

    def _environment(self) -> dict[str, str]:
        # coverage would trace what hostile files do to the readers: it is measured where each step has its tests
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_"))}
        return {
            **kept, "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "tests")]), "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.scratch), "HOME": str(self.scratch), "CHORUS_EDI_LOG": "json",
        }  # fmt: skip

    def may_write(self) -> tuple[Path, ...]:
        """Where the processes of the shell have to write."""
        cache = Path(os.environ.get("CHORUS_EDI_CACHE", self.scratch)).resolve()
        return self.home, self.scratch, self.folder / "answer.json", cache

    def deposits(self, partner: str = PARTNER) -> dict[bytes, list[dict[str, Any]]]:
        """The rows of the ledger by name, in order, read by nothing of ours."""
        found: dict[bytes, list[dict[str, Any]]] = {}
        with sqlite3.connect(f"file:{self.home / 'ledger.sqlite'}?mode=ro", uri=True) as db:
            db.row_factory = sqlite3.Row
            for row in db.execute("select * from deposits where partner = ? order by id", (partner,)):
                found.setdefault(bytes(row["name_bytes"]), []).append(dict(row))
        return found

    def reports(self, partner: str = PARTNER) -> list[Report]:
        """Every integration report in the `out/` of a partner."""
        found = []
        for path in sorted((self.home / "drop" / partner / "out").iterdir()):
            if path.name.startswith("CSO"):
                root = etree.fromstring(path.read_bytes())
                for status in root.iter("DonneesStatut"):
                    lines = tuple(
                        {one.tag: one.text or "" for one in line} for line in status.iter("LigneErreurDetail")
                    )
                    said = {name: status.findtext(name) or "" for name in ("IdFlux", "Note", "ComplementStatut")}
                    sha256 = said["Note"].removeprefix("sha256=")
                    found.append(Report(path.name, said["IdFlux"], sha256, said["ComplementStatut"], lines))
        return found

    def holds_the_token(self) -> list[Path]:
        """Files of the home that hold what stands in the secret file."""
        token = self.token.encode()
        return [
            path
            for path in self.home.rglob("*")
            if path.is_file() and not path.is_symlink() and token in path.read_bytes()
        ]


@contextmanager
def prepared(folder: Path) -> Iterator[Ground]:
    """A ground in a new folder; the canary listens as long as it is used."""
    with listening() as canary:
        yield Ground(folder, canary)
