"""What may come in: quotas of a partner, disks that fill up, and what is dropped that is no file of the partner's."""

import dataclasses
import errno
import hashlib
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import homes
import pytest
from services import missing
from sqlalchemy import text

from pipeline import runner
from pipeline.adapters import local_drop
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.disks import Room
from pipeline.adapters.ledger.rows import Partner
from pipeline.ports import Said
from pipeline.running import room as rooms_module
from pipeline.running.alert import shown_alerts
from pipeline.running.home import Home
from pipeline.running.receive import receive
from pipeline.running.room import Gate, rooms_of
from pipeline.running.summary import RunSummary
from pipeline.settings import Disk, Quota, load

A, B = homes.PARTNER, homes.OTHER


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as made:
        yield made


def limited(home: Home, **quota: int) -> None:
    home.settings = home.settings.model_copy(update={"quota": Quota(**quota)})


def drop_many(home: Home, count: int, code: str = A, first: int = 1) -> None:
    for rank in range(first, first + count):
        homes.drop(home, homes.flow_name(rank, partner=code), homes.ubl(f"{code}-{rank}"), code, age_s=900 - rank)


def inbox(home: Home, code: str = A) -> list[str]:
    return sorted(p.name for p in (home.path / "drop" / code / "in").iterdir())


def of_quotas(summary: RunSummary) -> list[Said]:
    return [notice for notice in summary.notices if "quota" in notice.en]


def is_sound(home: Home) -> bool:
    return all(line.ok for line in runner.verify(home))


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_a_quota_lets_in_the_oldest_and_leaves_the_rest_where_it_was_dropped(home: Home) -> None:
    limited(home, files_waiting=3)
    drop_many(home, 5)
    drop_many(home, 2, B)
    summary = runner.intake(home)
    assert (summary.received, summary.faults) == (5, [])  # three of one, and all of the other
    assert inbox(home) == [homes.flow_name(4), homes.flow_name(5)]
    assert inbox(home, B) == []
    (notice,) = summary.notices
    assert notice.fr.startswith(f"{A} : quota atteint (files_waiting = 3), la suite attend dans son in/")
    assert runner.intake(home).received == 0  # nothing was answered meanwhile
    assert is_sound(home)


def test_a_run_takes_all_of_it_piece_by_piece_and_says_nothing(home: Home) -> None:
    limited(home, files_waiting=3)
    drop_many(home, 8)
    summary = runner.run(home)
    assert summary.flows == {"IN_INTEGRE": 8}
    assert (summary.faults, of_quotas(summary)) == ([], [])
    assert is_sound(home)


def test_what_waits_for_us_fills_the_quota_and_a_run_ends_all_the_same(tmp_path: Path, reader: tuple[str, ...]) -> None:
    with homes.open_home(tmp_path, reader=reader) as home:  # no directory: nothing can be answered
        runner.add_partner(home, homes.partner())
        limited(home, files_waiting=2)
        drop_many(home, 5)
        summary = runner.run(home)
        assert (summary.received, summary.waiting) == (2, 2)
        assert len(inbox(home)) == 3
        assert any("quota" in notice.en for notice in summary.notices)
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), homes.NOON.date())
        assert runner.run(home).flows == {"IN_INTEGRE": 5}
        assert is_sound(home)


def test_the_file_that_passes_the_limit_of_bytes_comes_in_and_none_after_it(home: Home) -> None:
    limited(home, bytes_waiting=1)
    drop_many(home, 2)
    assert runner.intake(home).received == 1
    assert inbox(home) == [homes.flow_name(2)]


def test_an_hour_has_its_limit_and_the_next_one_another(home: Home) -> None:
    limited(home, files_per_hour=3)
    drop_many(home, 4)
    events: list[tuple[str, dict[str, object]]] = []
    home.log = lambda event, **facts: events.append((event, dict(facts)))
    summary = runner.run(home)
    assert (summary.received, inbox(home)) == (3, [homes.flow_name(4)])
    assert [facts for event, facts in events if event == "quota"] == [
        {"partner": A, "limit": "files_per_hour", "most": 3}
    ]
    home.clock = FixedClock(homes.NOON + timedelta(minutes=59))
    assert runner.run(home).received == 0
    home.clock = FixedClock(homes.NOON + timedelta(minutes=61))
    assert (runner.run(home).received, inbox(home)) == (1, [])
    home.clock = FixedClock(homes.NOON - timedelta(days=400))  # a clock that is wrong lets nobody stand outside
    drop_many(home, 2, first=10)
    assert runner.run(home).received == 2


def test_a_sheet_stands_above_the_settings(home: Home) -> None:
    limited(home, files_waiting=1)
    runner.add_partner(home, homes.partner(quota={"files_waiting": 4}), replace=True)
    assert home.partners()[A].quota == {"files_waiting": 4}
    drop_many(home, 5)
    drop_many(home, 5, B)
    assert runner.intake(home).received == 5
    assert (len(inbox(home)), len(inbox(home, B))) == (1, 4)


def test_what_is_set_apart_counts_as_waiting_for_as_long_as_it_lies_there(home: Home) -> None:
    limited(home, files_waiting=2)
    for name in ("1", "2", "3"):
        (home.path / "drop" / A / "in" / name).symlink_to("/etc/passwd")
    runner.intake(home)
    runner.intake(home)
    assert len(inbox(home)) == 1
    for claim in (home.path / "drop" / A / "work").iterdir():
        if claim.is_dir():
            next(claim.iterdir()).unlink()
            claim.rmdir()
    assert runner.intake(home).received == 1
    assert inbox(home) == []


def test_a_folder_of_very_many_files_is_looked_at_in_parts(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_drop, "LOOK_MAX", 3)
    monkeypatch.setattr("pipeline.running.receive.LOOK_MAX", 3)
    drop_many(home, 10)
    summary = runner.run(home)
    assert (summary.flows, inbox(home), of_quotas(summary)) == ({"IN_INTEGRE": 10}, [], [])


def test_a_partner_over_its_quota_does_not_keep_another_waiting(home: Home) -> None:
    limited(home, files_waiting=4)
    drop_many(home, 12)
    order: list[str] = []
    drop_many(home, 1, B)
    runner.run(home, on_verdict=lambda told: order.append(told.partner))
    assert order.index(B) <= 4
    assert len(order) == 13


# --- disks ------------------------------------------------------------------------------------------------------------


def fill(home: Home, *, is_full: bool) -> None:
    """A disk that wants more free than it has, or less."""
    disk = Disk(free_bytes=1 << 60, free_share=Decimal(1)) if is_full else Disk(free_bytes=1)
    home.settings = home.settings.model_copy(update={"disk": disk})


def test_a_disk_that_fills_up_stops_intake_and_it_goes_on_by_itself(home: Home) -> None:
    drop_many(home, 2)
    runner.intake(home)
    fill(home, is_full=True)
    drop_many(home, 2, first=3)
    drop_many(home, 1, B)
    events: list[tuple[str, object, object]] = []
    home.log = lambda event, **facts: events.append((event, facts.get("place"), facts.get("fault")))
    summary = runner.run(home)
    assert (summary.received, summary.flows) == (0, {"IN_INTEGRE": 2})  # what was in is answered
    (fault,) = summary.faults
    assert fault.fr.startswith(f"{home.path} : moins de ")
    assert fault.fr.endswith("puis relancer chorus-edi run")
    assert [one for one in events if one[0] == "fault"] == [("fault", "home", "low_space")]
    assert (len(inbox(home)), len(inbox(home, B))) == (2, 1)
    with home.ledger.reading() as db:
        assert db.execute(text("SELECT count(*) FROM deposits")).scalar() == 2
    assert is_sound(home)
    fill(home, is_full=False)
    again = runner.run(home)
    assert (again.flows, again.faults) == ({"IN_INTEGRE": 3}, [])
    assert is_sound(home)


def test_people_are_told_once_a_day_and_when_it_is_over_anew(home: Home) -> None:
    def alerts() -> list[tuple[str, str, str]]:
        return [tuple(one.key) for one in shown_alerts(home) if one.key.name == "disk-low"]

    subject = f"{socket.gethostname()}/home"
    fill(home, is_full=True)
    runner.run(home)
    runner.run(home)
    assert alerts() == [("disk-low", subject, "/2026-11-20")]
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    runner.run(home)
    assert alerts() == [("disk-low", subject, "/2026-11-21")]
    fill(home, is_full=False)
    runner.run(home)
    assert alerts() == []


def test_the_disk_of_another_machine_is_that_machines_to_tell(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def steps() -> list[str]:
        return [one.key.subject for one in shown_alerts(home) if one.key.name == "disk-low"]

    fill(home, is_full=True)
    monkeypatch.setattr(socket, "gethostname", lambda: "edi2")
    runner.look(home)
    monkeypatch.undo()
    fill(home, is_full=False)
    runner.look(home)
    assert steps() == ["edi2/home"]
    home.clock = FixedClock(homes.NOON + timedelta(days=3))  # it tells each day that it lasts: this one does no more
    runner.look(home)
    assert steps() == []


def test_a_file_that_would_fill_the_disk_waits_and_smaller_ones_of_others_come_in(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = os.urandom(300_000)
    homes.drop(home, homes.flow_name(1), big, age_s=900)
    drop_many(home, 1, first=2)
    drop_many(home, 2, B)
    real = rooms_module.rooms_of

    def nearly_full(place: Home) -> tuple[Room, ...]:
        return tuple(dataclasses.replace(one, free_bytes=200_000, least_bytes=100_000) for one in real(place))

    monkeypatch.setattr(rooms_module, "rooms_of", nearly_full)
    summary = RunSummary()
    receive(home, home.partners(), summary)
    assert summary.received == 2
    assert inbox(home) == [homes.flow_name(1), homes.flow_name(2)]  # in their order: the small one is behind it
    assert len(summary.faults) == 1
    monkeypatch.undo()
    assert runner.run(home).received == 2
    assert is_sound(home)


@pytest.mark.parametrize("what", ["Mio", "inodes"])
def test_on_a_small_disk_nothing_is_lost(tmp_path: Path, reader: tuple[str, ...], what: str) -> None:
    """A real one of 32 MiB and 4,000 inodes, filled and freed; the watermark is the share of it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    small = ["mount", "-t", "tmpfs", "-o", "size=32m,nr_inodes=4000", "none", str(disk)]
    mounted = subprocess.run(small, capture_output=True)
    if mounted.returncode:
        missing(f"no file system can be mounted here: {mounted.stderr.decode()}")
    try:
        with homes.ready_home(disk / "home", reader=reader) as home:
            fill(home, is_full=False)
            home.settings = home.settings.model_copy(update={"disk": Disk()})
            assert {one.name for one in rooms_of(home)} == {"home"}
            (room,) = rooms_of(home)
            assert (room.least_bytes, room.least_files) == ((32 << 20) // 20, 4000 // 20)
            drop_many(home, 3)
            ballast = disk / "ballast"
            ballast.mkdir()
            if what == "Mio":
                (ballast / "big").write_bytes(b"\0" * (room.free_bytes - (700 << 10)))
            else:
                for number in range(room.free_files - 150):
                    (ballast / str(number)).touch()
            summary = runner.run(home)
            assert summary.received == 0
            (fault,) = summary.faults
            assert f" {what} libres sur ce disque ; plus rien n'est pris" in fault.fr
            assert len(inbox(home)) == 3
            shutil.rmtree(ballast)
            assert runner.run(home).flows == {"IN_INTEGRE": 3}
            assert is_sound(home)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_partner_whose_folder_takes_long_keeps_no_other_at_the_door(home: Home) -> None:
    """The gate of the embedded server: each partner waits for its own answer only."""
    is_asked, is_done = threading.Event(), threading.Event()

    def sheet_of(code: str) -> Partner | None:
        if code == A:
            is_asked.set()
            assert is_done.wait(20)
        return None

    gate = Gate(home.settings, home.path / "drop", sheet_of)
    slow = threading.Thread(target=gate, args=(A,))
    slow.start()
    try:
        assert is_asked.wait(20)
        assert gate(B) == 0
        assert slow.is_alive()
    finally:
        is_done.set()
        slow.join()


def test_the_embedded_server_refuses_uploads_past_the_quota_and_on_a_full_disk(home: Home) -> None:
    drop = home.path / "drop"
    given = home.settings.model_copy(update={"quota": Quota(files_waiting=2, bytes_waiting=10_000), "disk": Disk()})
    sheets = {A: homes.partner(), B: homes.partner(B, quota={"files_waiting": 3})}

    def answer(code: str, **more: object) -> int:
        return Gate(given.model_copy(update=more), drop, sheets.get)(code)

    drop_many(home, 2)
    drop_many(home, 2, B)
    assert (answer(A), answer(B), answer(homes.RECEIVER)) == (errno.EDQUOT, 0, 0)
    assert answer(B, quota=Quota(bytes_waiting=100)) == errno.EDQUOT
    assert answer(B, disk=Disk(free_bytes=1 << 60, free_share=Decimal(1))) == errno.ENOSPC


# --- what is no file of the partner's ---------------------------------------------------------------------------------


def test_everything_that_is_no_file_of_the_partner_is_set_apart_in_one_line_each(home: Home) -> None:
    folder = os.fsencode(home.path / "drop" / A / "in")
    target = home.path / "elsewhere"
    target.write_bytes(b"a file of somebody else")

    def at(name: bytes) -> bytes:
        return os.path.join(folder, name)

    made: dict[bytes, Callable[[bytes], object]] = {
        b"link": lambda path: os.symlink("/etc/passwd", path),
        b"dangling": lambda path: os.symlink("nowhere", path),
        b"loop": lambda path: os.symlink("loop", path),
        b"pipe": os.mkfifo,
        b"folder": os.mkdir,
        b"hard": lambda path: os.link(target, path),
        b"socket": lambda path: socket.socket(socket.AF_UNIX).bind(path),
        b"caf\xe9.xml": lambda path: Path(os.fsdecode(path)).write_bytes(homes.ubl("X-1")),
    }
    for name, make in made.items():
        make(at(name))
        os.utime(at(name), ns=(homes.LONG_AGO_NS,) * 2, follow_symlinks=False)
    drop_many(home, 2)
    events: list[tuple[str, dict[str, object]]] = []
    home.log = lambda event, **facts: events.append((event, dict(facts)))
    summary = runner.run(home)
    assert (summary.quarantined, summary.flows) == (len(made), {"IN_INTEGRE": 2})
    apart = [facts for event, facts in events if event == "quarantine"]
    assert sorted(str(facts["fault"]) for facts in apart) == ["name", *["no_plain_file"] * (len(made) - 1)]
    assert len([event for event, _ in events if event == "receive"]) == 2  # one line for each, and no second one
    assert len(summary.faults) == len(made)
    assert target.read_bytes() == b"a file of somebody else"
    assert inbox(home) == []
    assert is_sound(home)
    again = runner.run(home)
    assert (again.is_idle, again.faults) == (True, [])


def test_a_file_of_another_account_is_not_read_where_the_accounts_are_set(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    path = tmp_path / "home"
    path.mkdir()
    given = load(path, ours="CPP001", readers=1, owners={A: (os.geteuid() + 7,), B: (os.geteuid(),)})
    with homes.open_home(path, settings=given, reader=reader) as home:
        for code in (A, B):
            runner.add_partner(home, homes.partner(code))
        runner.import_directory(home, homes.directory(path / "annuaire"), homes.NOON.date())
        drop_many(home, 1)
        drop_many(home, 1, B)
        summary = runner.run(home)
        assert (summary.quarantined, summary.flows) == (1, {"IN_INTEGRE": 1})
        (fault,) = summary.faults
        assert f"un fichier du compte {os.geteuid()} de la machine, pas du compte du partenaire" in fault.fr
        assert not home.store.exists(A, hashlib.sha256(homes.ubl(f"{A}-1")).hexdigest())
        assert is_sound(home)


def test_an_upload_that_nobody_goes_on_with_is_set_apart_after_a_day(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock of the system, not by the time that a client gives a file; what our own server does is its own."""
    folder = home.path / "drop" / A / "in"
    embedded = f".sftp-{'0' * 16}.part"
    for name in ("a.part", ".b", embedded):
        (folder / name).write_bytes(homes.ubl("half")[:500])
        os.utime(folder / name, ns=(homes.LONG_AGO_NS,) * 2)
    (folder / ".folder").mkdir()
    drop_many(home, 1)
    assert runner.run(home).flows == {"IN_INTEGRE": 1}
    left = [".b", ".folder", embedded, "a.part"]
    assert inbox(home) == sorted(left)
    monkeypatch.setattr(local_drop, "UNFINISHED_S", -60)  # a day later
    events: list[tuple[str, dict[str, object]]] = []
    home.log = lambda event, **facts: events.append((event, dict(facts)))
    summary = runner.run(home)
    assert (summary.quarantined, summary.flows.total(), inbox(home)) == (2, 0, sorted([".folder", embedded]))
    assert {facts["fault"] for event, facts in events if event == "quarantine"} == {"unfinished"}
    assert all("un dépôt interrompu" in fault.fr for fault in summary.faults)
    assert is_sound(home)
    assert runner.run(home).is_idle


def test_a_notice_is_said_once_by_a_watcher(home: Home) -> None:
    limited(home, files_per_hour=1)
    drop_many(home, 3)
    said: list[Said] = []
    stop = threading.Event()
    threading.Timer(1.2, stop.set).start()
    home.settings = home.settings.model_copy(update={"watch_interval_s": 0.1})
    runner.run(home, watch=True, on_notice=said.append, stop=stop)
    assert len([one for one in said if "quota" in one.en]) == 1
