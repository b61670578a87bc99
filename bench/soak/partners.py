"""The partners: they upload flow after flow, and fetch each answer as soon as it is there."""

import hashlib
import shutil
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lxml import etree

from bench.beside import Beside
from bench.million import UNIT
from bench.soak.flows import Flow


def drop(home: Path, flow: Flow) -> float:
    """Upload one flow as a client does, under a temporary name and then under its own; returns when, by the clock."""
    inbox = home / "drop" / flow.partner / "in"
    uploaded = inbox / f"{flow.name}.part"
    shutil.copyfile(flow.path, uploaded)
    uploaded.rename(inbox / flow.name)
    return time.time()


@dataclass
class Dropped:
    """What was dropped so far, in its order: only ever appended to, so that other threads may read it."""

    home: Path
    flows: list[Flow] = field(default_factory=list)
    at: dict[str, float] = field(default_factory=dict)  # report -> when its flow was dropped
    late_s: float = 0.0  # how far the bench itself fell behind, at worst

    def drop(self, flow: Flow) -> None:
        self.at[flow.report] = drop(self.home, flow)
        self.flows.append(flow)

    def paced(self, flows: Iterable[Flow], rate: float) -> Iterator[float]:
        """Drop so many a second; yields the seconds since the first one, after each."""
        began = time.monotonic()
        for rank, flow in enumerate(flows):
            due = began + rank / rate
            now = time.monotonic()
            if due > now:
                time.sleep(due - now)
            else:
                self.late_s = max(self.late_s, now - due)
            self.drop(flow)
            yield time.monotonic() - began


class Answer(NamedTuple):
    """A file that was fetched."""

    at: float  # when it got its name, by the clock
    sha256: str


@dataclass
class Fetcher(Beside):
    """Plays everybody who gets something, until the `with` ends: reads each file that has its name, and deletes it."""

    every_s = 0.1
    home: Path
    flows: dict[str, Flow]  # by the report that each is to get
    files: dict[tuple[str, str], Answer] = field(default_factory=dict)  # (place, name)
    reported: dict[str, float] = field(default_factory=dict)  # report -> when it was there
    units: int = 0  # invoices in pivots
    problems: list[str] = field(default_factory=list)

    def look(self) -> None:
        self.fetch()

    def end(self) -> None:
        self.fetch()

    def fetch(self) -> None:
        """Take what is there now."""
        for folder in (*self.home.glob("drop/*/out"), *self.home.glob("recipients/*/out")):
            place = str(folder.parent.relative_to(self.home))
            for path in folder.iterdir():
                if not path.name.startswith("."):
                    self._take(place, path)

    def _take(self, place: str, path: Path) -> None:
        at, body = path.stat().st_ctime, path.read_bytes()  # its last change is the rename that made it appear
        path.unlink()
        name = path.name
        if (place, name) in self.files:
            self.problems.append(f"doubled: {place}/{name} came twice")
        self.files[place, name] = Answer(at, hashlib.sha256(body).hexdigest())
        if place.startswith("recipients/"):
            self.units += body.count(UNIT)
        elif name.startswith("CSO"):
            self._report(place, name, body)
            self.reported.setdefault(name, at)

    def _report(self, place: str, name: str, body: bytes) -> None:
        """It is whole, of a flow of this partner, and tells the bytes that were dropped."""
        flow = self.flows.get(name)
        if flow is None or place != f"drop/{flow.partner}":
            self.problems.append(f"astray: {place}/{name} answers nothing that was dropped there")
        elif f"sha256={flow.sha256}".encode() not in body:
            self.problems.append(f"torn: {place}/{name} does not tell the bytes of {flow.name}")
        try:
            etree.fromstring(body)
        except etree.XMLSyntaxError:
            self.problems.append(f"torn: {place}/{name} is not whole")
