"""The nightly refresh: what of the directory and of the State's commitments is new, and its taking over."""

import logging
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from pipeline.runner import Home
    from pipeline.running.refresh import DirectoryChange

DIRECTORY, COMMITMENTS = "directory", "commitments"
log = logging.getLogger(__name__)


class Source(NamedTuple):
    """One kind of reference data, and where it is: what it is valid from is its own business where no day is given."""

    kind: str
    path: Path
    day: date | None


def compare(home: "Home", path: str | None, day: str | None) -> dict[str, Any]:
    """Kind -> name, rows before and after, per cent lost, of what is new; `asks`: a person must agree."""
    from pipeline.running import refresh

    changes = {DIRECTORY: refresh.directory_change, COMMITMENTS: refresh.commitments_change}
    found = {source.kind: changes[source.kind](home, source.path, source.day) for source in _sources(home, path, day)}
    for kind, change in found.items():
        log.info("%s %s: %s", kind, "(known)" if change.is_known else "(new)", change)
    new = {kind: change for kind, change in found.items() if not change.is_known}
    return {"asks": any(c.asks_approval for c in new.values()), "new": {kind: _told(c) for kind, c in new.items()}}


def take_over(home: "Home", agreed: dict[str, Any], path: str | None, day: str | None) -> dict[str, int]:
    """What was compared, and nothing else: a file that changed since is a fault. Kind -> rows."""
    from pipeline.running import refresh

    takes = {DIRECTORY: refresh.refresh_directory, COMMITMENTS: refresh.refresh_commitments}
    rows = {}
    for kind, at, valid_from in _sources(home, path, day):
        if kind in agreed:
            done = takes[kind](home, at, valid_from, agreed[kind]["name"])
            rows[kind] = sum(done.rows.values())
            log.info("%s: %s, %s", kind, done.name, dict(done.rows))
    return rows


def _sources(home: "Home", path: str | None, day: str | None) -> Iterator[Source]:
    """What a person gave, else what the settings name; paths start at the home."""
    given = home.settings.directory
    if path or given.source:
        yield Source(DIRECTORY, home.path / (path or str(given.source)), date.fromisoformat(day) if day else None)
    if given.commitments and not path:
        yield Source(COMMITMENTS, home.path / given.commitments, None)


def _told(change: "DirectoryChange") -> dict[str, str | int]:
    lost = f"{change.share_lost * 100:.1f}"
    return {"name": change.name, "before": change.before, "after": change.after, "lost": lost}
