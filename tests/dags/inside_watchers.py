"""The watchers of the drop zones, on a real event loop, with real files and a real SFTP server."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from integration import homes
from services.sshd import SshServer
from slow.machines import settings_toml

pytestmark = pytest.mark.usefixtures("bag")
IN_TIME_S = 30.0
QUIET_S = 1.0  # long enough for many looks


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    homes.ready_home(path).close()
    for code in (homes.PARTNER, homes.OTHER):
        (path / "drop" / code / "in").mkdir(parents=True, exist_ok=True)
    return path


class Heard:
    """What a watcher says while it runs."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    @property
    def count(self) -> int:
        return sum(event["count"] for event in self.events)

    async def until(self, is_enough: Callable[["Heard"], bool]) -> None:
        ends = time.monotonic() + IN_TIME_S
        while not is_enough(self):
            assert time.monotonic() < ends, self.events
            await asyncio.sleep(0.02)


@asynccontextmanager
async def listening(trigger: Any) -> AsyncIterator[Heard]:
    heard = Heard()

    async def listen() -> None:
        async for event in trigger.run():
            heard.events.append(event.payload)

    task = asyncio.create_task(listen())
    try:
        yield heard
        assert not task.done(), task  # it never ends by itself
    finally:
        task.cancel()
        await asyncio.wait([task])


def rename_into(folder: Path, name: str, content: bytes = b"flow") -> Path:
    """As partners do: under a temporary name first."""
    part = folder / f".{name}.part"
    part.write_bytes(content)
    return part.rename(folder / name)


def told() -> Any:
    from edi_airflow.drops import Told

    return Told()


def lying(name: bytes = b"a", size: int = 1, *, is_quiet: bool = True) -> Any:
    from edi_airflow.drops import Lying

    return Lying("ABC001", name, (size, 1_000), is_quiet)


# --- what is worth an event -------------------------------------------------------------------------------------------


def test_a_quiet_file_is_told_at_first_sight_and_a_young_one_once_it_has_not_changed() -> None:
    seen = told()
    assert len(seen.news([lying(b"a"), lying(b"b", is_quiet=False)], 0.0)) == 1
    assert [one.name for one in seen.news([lying(b"a"), lying(b"b", is_quiet=False)], 0.5)] == [b"b"]


def test_a_file_that_grows_is_not_told() -> None:
    seen = told()
    for size in range(1, 20):
        assert seen.news([lying(size=size, is_quiet=False)], size / 2) == []
    assert len(seen.news([lying(size=19, is_quiet=False)], 10.0)) == 1


def test_what_still_lies_there_is_told_again_after_growing_pauses() -> None:
    seen = told()
    times = [now for now in range(2000) if seen.news([lying()], float(now))]
    assert times[:6] == [0, 30, 90, 210, 450, 750]
    assert {later - sooner for sooner, later in pairwise(times[5:])} == {300}


def test_the_same_name_with_other_bytes_is_new() -> None:
    seen = told()
    assert seen.news([lying(size=1)], 0.0)
    assert seen.news([lying(size=1)], 1.0) == []
    assert seen.news([lying(size=2)], 2.0)
    assert seen.news([], 3.0) == []
    assert seen.news([lying(size=2)], 4.0)  # gone, and back


# --- folders ----------------------------------------------------------------------------------------------------------


def test_a_file_renamed_into_any_inbox_wakes_within_seconds_and_its_name_is_not_told(home: Path) -> None:
    from edi_airflow.drops import DropTrigger

    async def run() -> float:
        async with listening(DropTrigger(poll=0.1, home=str(home))) as heard:
            await asyncio.sleep(QUIET_S)
            assert heard.events == []
            began = time.monotonic()
            rename_into(home / "drop" / homes.PARTNER / "in", "FSO1100A_first")
            await heard.until(lambda h: h.count == 1)
            took = time.monotonic() - began
            rename_into(home / "drop" / homes.OTHER / "in", "FSO1100A_second")
            await heard.until(lambda h: h.count == 2)
            await asyncio.sleep(QUIET_S)
            assert heard.count == 2  # once
            assert all(set(event) == {"count", "newest"} for event in heard.events)
            return took

    assert asyncio.run(run()) < 5


def test_a_temporary_name_and_a_growing_file_wake_nobody(home: Path) -> None:
    from edi_airflow.drops import DropTrigger

    async def run() -> None:
        inbox = home / "drop" / homes.PARTNER / "in"
        async with listening(DropTrigger(poll=0.2, home=str(home))) as heard:
            (inbox / "flow.part").write_bytes(b"x")
            (inbox / ".flow").write_bytes(b"x")
            with (inbox / "growing").open("wb", buffering=0) as growing:
                for _ in range(30):  # every look sees another size
                    growing.write(b"more")
                    await asyncio.sleep(0.05)
                assert heard.events == []
            await heard.until(lambda h: h.count == 1)

    asyncio.run(run())


def test_folders_that_vanish_or_come_end_nothing(home: Path) -> None:
    from edi_airflow.drops import DropTrigger

    async def run() -> None:
        root = home / "drop"
        async with listening(DropTrigger(poll=0.1, home=str(home))) as heard:
            await asyncio.sleep(0.3)
            away = root.rename(home / "unmounted")
            await asyncio.sleep(QUIET_S)
            away.rename(root)
            (root / "a file").write_text("no folder")
            new = root / "NEW004" / "in"
            new.mkdir(parents=True)
            rename_into(new, "FSO1100A_third")
            await heard.until(lambda h: h.count == 1)

    asyncio.run(run())


def test_settings_that_cannot_be_read_and_a_folder_that_is_not_there_are_waited_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from edi_airflow.drops import DropTrigger

    (tmp_path / "settings.toml").write_text("lot_s = 'soon'\n")

    async def run() -> None:
        async with listening(DropTrigger(poll=0.05, home=str(tmp_path))) as heard:
            await asyncio.sleep(QUIET_S * 2)
            (tmp_path / "settings.toml").unlink()
            await asyncio.sleep(QUIET_S)
            inbox = tmp_path / "drop" / homes.PARTNER / "in"
            inbox.mkdir(parents=True)
            rename_into(inbox, "FSO1100A_first")
            await heard.until(lambda h: h.count == 1)

    asyncio.run(run())
    told = [record.getMessage() for record in caplog.records if "drop zones" in record.getMessage()]
    assert ["lot_s" in line for line in told] == [True, False]  # each trouble is said once, not at every look


def test_the_home_is_the_one_of_the_triggerer(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edi_airflow.drops import DropTrigger

    monkeypatch.setenv("CHORUS_EDI_HOME", str(home))

    async def run() -> None:
        rename_into(home / "drop" / homes.PARTNER / "in", "FSO1100A_first")
        async with listening(DropTrigger(poll=0.1)) as heard:
            await heard.until(lambda h: h.count == 1)

    asyncio.run(run())


# --- servers ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(sshd: SshServer) -> Iterator[SshServer]:
    for code in (homes.PARTNER, homes.OTHER):
        sshd.add_user(code)
    yield sshd
    if sshd._process is None:
        sshd.start()


def test_a_server_that_is_away_ends_nothing_and_is_heard_when_it_is_back(
    home: Path, served: SshServer, caplog: pytest.LogCaptureFixture
) -> None:
    from edi_airflow.drops import DropTrigger, RemoteDropTrigger

    (home / "settings.toml").write_text(
        settings_toml(remotes={c: served.remote(c) for c in (homes.PARTNER, homes.OTHER)})
    )
    flow = home / "flow"
    flow.write_bytes(b"flow")
    os.chmod(flow, 0o644)

    async def run() -> None:
        local = home / "drop" / homes.PARTNER / "in"
        async with (
            listening(RemoteDropTrigger(poll=0.1, home=str(home))) as heard,
            listening(DropTrigger(poll=0.1, home=str(home))) as folders,
        ):
            served.sftp(homes.PARTNER, f"put {flow} in/first.part", "rename in/first.part in/first")
            await heard.until(lambda h: h.count == 1)
            served.stop()
            rename_into(local, "not read from here")
            await asyncio.sleep(QUIET_S * 2)
            served.start()
            served.sftp(homes.OTHER, f"put {flow} in/second.part", "rename in/second.part in/second")
            await heard.until(lambda h: h.count == 2)
            assert folders.events == []

    asyncio.run(run())
    told = [record.getMessage() for record in caplog.records if "drop zones" in record.getMessage()]
    assert any(homes.PARTNER in line or homes.OTHER in line for line in told)
    assert not any("first" in line or "second" in line for line in told)
