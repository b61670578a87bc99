"""The room on our disks, as the system tells it."""

import os
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline.adapters.disks import Room, rooms

HUGE = 1 << 62


def test_a_disk_is_told_once_under_its_first_name(tmp_path: Path) -> None:
    (one,) = rooms({"home": tmp_path, "store": tmp_path / "not" / "there", "spool": tmp_path}, 1, 1, Decimal(1))
    told = os.statvfs(tmp_path)
    assert (one.name, one.path, one.least_bytes) == ("home", tmp_path, 1)
    assert one.free_bytes == pytest.approx(told.f_bavail * told.f_frsize, rel=0.05)
    assert one.takes(0)
    assert not one.takes(HUGE)


@pytest.mark.parametrize(("free_bytes", "share", "is_share"), [(HUGE, "0.05", True), (4096, "0.05", False)])
def test_the_least_is_what_is_less_of_the_bytes_and_the_share(
    tmp_path: Path, free_bytes: int, share: str, is_share: bool
) -> None:
    (one,) = rooms({"home": tmp_path}, free_bytes, 0, Decimal(share))
    told = os.statvfs(tmp_path)
    assert one.least_bytes == (int(told.f_blocks * told.f_frsize * Decimal(share)) if is_share else free_bytes)


@pytest.mark.parametrize(
    ("free", "takes", "is_roomy"), [(99, False, False), (100, True, False), (149, True, False), (150, True, True)]
)
def test_between_enough_and_plenty_nothing_is_told_and_nothing_is_over(free: int, takes: bool, is_roomy: bool) -> None:
    room = Room("home", Path("/"), free, 100)
    assert (room.takes(0), room.is_roomy) == (takes, is_roomy)
    assert room.takes(max(free - 100, 0)) is (free >= 100)
    assert not room.takes(max(free - 99, 1))


def test_no_limit_is_no_limit(tmp_path: Path) -> None:
    (one,) = rooms({"home": tmp_path}, 0, 0, Decimal("0.05"))
    assert (one.least_bytes, one.least_files) == (0, 0)
    assert one.takes(one.free_bytes)


def test_a_disk_that_can_hold_few_more_files_is_full(tmp_path: Path) -> None:
    told = os.statvfs(tmp_path)
    (one,) = rooms({"home": tmp_path}, 0, HUGE, Decimal(1))
    assert one.least_files == told.f_files  # every one of them free: no disk that is in use can do that
    assert one.free_files == pytest.approx(told.f_favail, rel=0.05)
    assert one.has_files is one.takes(0) is (told.f_files == 0)


@pytest.mark.parametrize(
    ("free", "takes", "is_roomy"), [(99, False, False), (100, True, False), (149, True, False), (150, True, True)]
)
def test_files_are_counted_as_bytes_are(free: int, takes: bool, is_roomy: bool) -> None:
    room = Room("home", Path("/"), HUGE, 0, free, 100)
    assert (room.takes(0), room.has_files, room.is_roomy) == (takes, takes, is_roomy)
