"""The watchers of the drop zones: they wake `edi_intake`, and never end. They give hints; the sweep is the base.

A name is told once it looks finished, and told again while it still lies there: Airflow loses events, and an intake
that met a server away has left it for later. Names stay here: an event holds a count and a time.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from airflow.triggers.base import BaseEventTrigger, TriggerEvent

from edi_airflow.steps import home_path, in_words, opened

if TYPE_CHECKING:
    from pipeline.ports import DropZone
    from pipeline.runner import Home
    from pipeline.terms import DropLimits

T = TypeVar("T")
log = logging.getLogger(__name__)
LOOKS = 8  # servers looked at side by side: one that does not answer holds up no other
ZONES_S = 60.0  # then the settings are read again: partners come and go
AGAIN_S, AGAIN_MAX_S = 30.0, 300.0
AWAY_MAX_S = 60.0  # between two looks at a server that is away
REST = 10  # a look is followed by a pause of this many times its duration: big folders must not keep a core busy


class Lying(NamedTuple):
    """One name of one `in/`: what it is, and what it looks like now."""

    zone: str
    name: bytes
    looks: tuple[int, int]  # size in bytes, mtime in ns
    is_quiet: bool


Look = Callable[[], list[Lying]]  # blocking


class Told:
    """Which names were told, and when they are told again."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], tuple[tuple[int, int], float, float]] = {}  # (looks, when due, pause)

    def news(self, lying: Iterable[Lying], now: float) -> list[Lying]:
        """What has become worth an event: quiet, or equal to the look before; `now` is of a monotonic clock, in s."""
        known, self._known, found = self._known, {}, []
        for one in lying:
            key = (one.zone, one.name)
            looks, due, pause = known.get(key, (None, now, 0.0))
            if looks != one.looks:
                due, pause = now, 0.0
            if now >= due and (one.is_quiet or looks == one.looks):
                found.append(one)
                pause = min(max(AGAIN_S, pause * 2), AGAIN_MAX_S)
                due = now + pause
            self._known[key] = (one.looks, due, pause)
        return found


class Watcher(BaseEventTrigger):
    """Looks at drop zones again and again. `home` is the one of the triggerer's environment where it is empty."""

    def __init__(self, poll: float, home: str = "") -> None:
        super().__init__()
        self.poll, self.home = poll, home
        self._said: dict[str, str] = {}  # the trouble that was logged last, by zone

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return f"{type(self).__module__}.{type(self).__qualname__}", {"poll": self.poll, "home": self.home}

    def zones(self) -> Mapping[str, Look]:
        """What to look at, by its name in the log; the same object while nothing has changed. Blocking."""
        raise NotImplementedError

    def close(self) -> None:
        """The watcher ends."""

    @property
    def path(self) -> Path:
        return Path(self.home) if self.home else home_path()

    async def run(self) -> AsyncIterator[TriggerEvent]:
        events: asyncio.Queue[TriggerEvent] = asyncio.Queue()
        threads = ThreadPoolExecutor(LOOKS, thread_name_prefix="edi-drop")
        watched: Mapping[str, Look] = {}
        tasks: list[asyncio.Task[None]] = []
        try:
            while True:
                zones = await self._try(threads, "settings", self.zones)
                if zones is not None and zones is not watched:
                    _end(tasks)
                    watched = zones
                    tasks = [asyncio.create_task(self._watch(threads, *zone, events)) for zone in zones.items()]
                until = time.monotonic() + (ZONES_S if zones is not None else self.poll * REST)
                while (left := until - time.monotonic()) > 0:
                    event = None
                    with suppress(TimeoutError):
                        event = await asyncio.wait_for(events.get(), left)
                    if event is not None:
                        yield event
        finally:
            _end(tasks)
            threads.shutdown(wait=False, cancel_futures=True)
            self.close()

    async def _watch(
        self, threads: ThreadPoolExecutor, zone: str, look: Look, events: asyncio.Queue[TriggerEvent]
    ) -> None:
        told, away = Told(), self.poll
        while True:
            began = time.monotonic()
            lying = await self._try(threads, zone, look)
            ended = time.monotonic()
            if lying is None:
                away = min(away * 2, AWAY_MAX_S)
            else:
                away = self.poll
                if news := told.news(lying, ended):
                    newest = max(one.looks[1] for one in news) // 1_000_000_000
                    events.put_nowait(TriggerEvent({"count": len(news), "newest": newest}))
            await asyncio.sleep(max(away, (ended - began) * REST))

    async def _try(self, threads: ThreadPoolExecutor, zone: str, look: Callable[[], T]) -> T | None:
        """What it finds; None and a line in the log where it cannot: whatever it is, a watcher goes on."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(threads, look)
        except Exception as error:
            words = in_words(error)
            if self._said.get(zone) != words:  # once, not at every look of a night
                self._said[zone] = words
                log.warning("drop zones, %s: %s", zone, words)
            return None
        if self._said.pop(zone, None) is not None:
            log.info("drop zones, %s: well again", zone)
        return found


class DropTrigger(Watcher):
    """The folders of the home: `<drop>/*/in`."""

    def __init__(self, poll: float = 0.5, home: str = "") -> None:
        super().__init__(poll, home)
        self._read: tuple[object, ...] = ()
        self._zones: Mapping[str, Look] = {}

    def zones(self) -> Mapping[str, Look]:
        from pipeline import settings

        given = settings.load(self.path)
        elsewhere = frozenset(code for code, remote in given.remotes.items() if remote.inbox)
        read = (self.path / given.roots.drop, given.drop, elsewhere)
        if read != self._read:
            self._read = read
            self._zones = {"folders": partial(_folders, *read)}
        return self._zones


class RemoteDropTrigger(Watcher):
    """Our accounts on the servers of partners: the settings `[remotes.CODE]`."""

    def __init__(self, poll: float = 5.0, home: str = "") -> None:
        super().__init__(poll, home)
        self._read: tuple[object, ...] = ()
        self._zones: Mapping[str, Look] = {}
        self._opened: Home | None = None

    def zones(self) -> Mapping[str, Look]:
        from pipeline import settings

        given = settings.load(self.path)
        read = (given.remotes, given.drop)
        if read != self._read:
            self.close()
            codes = [code for code, remote in given.remotes.items() if remote.inbox]
            self._opened = opened(self.path) if codes else None
            self._read = read  # only now: a home that does not open is tried again
            self._zones = {code: partial(_remote, self._opened, code) for code in codes if self._opened}
        return self._zones

    def close(self) -> None:
        home, self._opened = self._opened, None
        if home is not None:
            home.close()


def _folders(root: Path, limits: "DropLimits", elsewhere: frozenset[str]) -> list[Lying]:
    from pipeline.adapters.local_drop import LocalDrop

    found: list[Lying] = []
    for folder in root.iterdir():
        if folder.name not in elsewhere:
            with suppress(OSError):  # no `in/`, or not ours to read: intake says so, and the others are looked at
                found += _lying(folder.name, LocalDrop(folder, limits))
    return found


def _remote(home: "Home", code: str) -> list[Lying]:
    return list(_lying(code, home.drop(code)))


def _lying(zone: str, drop: "DropZone") -> Iterator[Lying]:
    now_ns = time.time_ns()
    for seen in drop.scan():
        yield Lying(zone, seen.name, (seen.size_bytes, seen.mtime_ns), drop.is_quiet(seen, now_ns))


def _end(tasks: Iterable["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
