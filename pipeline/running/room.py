"""What may still come in: as much as the disks have room for, and of one partner as much as its quota lets wait.

Nothing is refused for it and nothing is lost: what does not come in stays in `in/`, and is taken when there is room.
"""

import errno
import math
import os
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pipeline.adapters.disks import Room, rooms
from pipeline.adapters.ledger import Connection, deposits
from pipeline.adapters.ledger.rows import Partner
from pipeline.ports import Fault, Said
from pipeline.running.home import Home
from pipeline.running.summary import Outside
from pipeline.settings import Disk, Quota, Settings

HOUR = timedelta(hours=1)
LOOK_FILES, LOOK_BYTES = 200, 64 << 20  # then the disks are asked again: far less than what must stay free
GATE_S = 1.0
FILES_PER_HOUR, FILES_WAITING, BYTES_WAITING = "files_per_hour", "files_waiting", "bytes_waiting"


# --- the disks --------------------------------------------------------------------------------------------------------


def rooms_of(home: Home) -> tuple[Room, ...]:
    """The disks that this home writes to. What lies in a bucket or on a server needs none of them."""
    settings, roots = home.settings, home.settings.roots
    places: dict[str, Path] = {"home": home.path}
    if not settings.ledger.url:
        places["ledger"] = home.root(roots.ledger).parent
    if not settings.s3.bucket:
        places["store"] = home.root(roots.store)
    places |= {"spool": home.root(roots.workers), "drop": home.root(roots.drop)}
    places["recipients"] = home.root(roots.recipients)
    return _rooms(places, settings.disk)


class Disks:
    """Asked about each file of an intake, whoever's; looks at the disks themselves now and then only."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._rooms: tuple[Room, ...] = ()
        self._files, self._bytes = LOOK_FILES, 0

    def refuses(self, size_bytes: int) -> Room | None:
        """The disk that has no room for so many bytes more; None where all have."""
        if self._files >= LOOK_FILES or self._bytes + size_bytes >= LOOK_BYTES:
            self._rooms = rooms_of(self._home)
            self._files = self._bytes = 0
        coming = self._bytes + size_bytes
        full = next((room for room in self._rooms if not room.takes(coming)), None)
        if full is None:
            self._files += 1
            self._bytes = coming
        return full


def low(room: Room) -> Said:
    """A fault; without what is free, which another look would tell otherwise."""
    mebibytes, files = room.least_bytes >> 20, room.least_files
    if room.has_files:
        least = Said(f"moins de {mebibytes} Mio libres sur ce disque", f"less than {mebibytes} MiB free on this disk")
    else:
        least = Said(f"moins de {files} inodes libres sur ce disque", f"less than {files} inodes free on this disk")
    return least.at(str(room.path)).then(make_room(room))


def make_room(room: Room) -> Said:
    look = f"df -h {room.path}" if room.has_files else f"df -i {room.path}"
    return Said(
        f"plus rien n'est pris dans in/, ce qui est reçu est traité ; libérer de la place ({look}), "
        "puis relancer chorus-edi run",
        f"nothing more is taken from in/, what was received is answered; make room ({look}) and run again",
    )


def _rooms(places: dict[str, Path], disk: Disk) -> tuple[Room, ...]:
    return rooms(places, disk.free_bytes, disk.free_files, disk.free_share)


# --- at the door of the embedded SFTP server --------------------------------------------------------------------------


class Gate:
    """Whether a partner may upload more: what lies in its `in/` stays within its quota, and the disk is not full."""

    def __init__(self, settings: Settings, drop: Path, sheet_of: Callable[[str], Partner | None]) -> None:
        self._settings, self._drop, self._sheet_of = settings, drop, sheet_of
        self._told: dict[str, tuple[float, int]] = {}  # partner -> when it was asked, and what was said
        self._turns: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)  # nobody waits for another's folder

    def __call__(self, partner: str) -> int:
        """0, or the errno of why not. Asked for each upload: answered anew once in a second."""
        with self._turns[partner]:
            at, told = self._told.get(partner, (-math.inf, 0))
            if time.monotonic() - at >= GATE_S:
                told = self._ask(partner)
                self._told[partner] = time.monotonic(), told
            return told

    def _ask(self, partner: str) -> int:
        if not all(room.takes(0) for room in _rooms({"drop": self._drop}, self._settings.disk)):
            return errno.ENOSPC
        sheet = None
        with suppress(Fault):  # the ledger is away: what is dropped meanwhile waits for it in any case
            sheet = self._sheet_of(partner)
        quota = quota_of(self._settings, sheet) if sheet is not None else self._settings.quota
        files = size_bytes = 0
        with suppress(FileNotFoundError), os.scandir(self._drop / partner / "in") as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    files += 1
                    size_bytes += entry.stat(follow_symlinks=False).st_size
        return errno.EDQUOT if files >= quota.files_waiting or size_bytes >= quota.bytes_waiting else 0


# --- the quota of a partner -------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Allowance:
    """What one partner may still bring in now. `met`: the limit that kept something outside, empty until then."""

    quota: Quota
    this_hour: int
    files: int
    size_bytes: int
    met: str = ""

    def takes(self, size_bytes: int) -> bool:
        """Count one more file in; False where it stays outside. The file that passes the limit of bytes is let in, so
        that one larger than the limit does not wait for ever."""
        quota = self.quota
        if self.this_hour >= quota.files_per_hour:
            self.met = FILES_PER_HOUR
        elif self.files >= quota.files_waiting:
            self.met = FILES_WAITING
        elif self.size_bytes >= quota.bytes_waiting:
            self.met = BYTES_WAITING
        if self.met:
            return False
        self.this_hour += 1
        self.files += 1
        self.size_bytes += size_bytes
        return True


def quota_of(settings: Settings, partner: Partner) -> Quota:
    """The sheet stands above the settings."""
    return settings.quota.model_copy(update=dict(partner.quota))


def allowance(home: Home, db: Connection, partner: Partner, apart: Iterable[int]) -> Allowance:
    """What the ledger says of it. `apart`: the sizes of what lies in `work/`, set apart."""
    now = home.clock.now()
    left = list(apart)
    quota = quota_of(home.settings, partner)
    files, size_bytes = deposits.waiting(db, partner.code)
    this_hour = deposits.received_between(db, partner.code, now - HOUR, now, quota.files_per_hour)
    return Allowance(quota, this_hour, files + len(left), size_bytes + sum(left))


def over(partner: str, allowed: Allowance) -> Outside:
    """Whose files stay outside, and why."""
    met, most = allowed.met, int(getattr(allowed.quota, allowed.met))
    said = Said(
        f"{partner} : quota atteint ({met} = {most}), la suite attend dans son in/ et sera prise dès que possible ; "
        "le relever sur sa fiche (--quota) ou dans settings.toml, [quota]",
        f"{partner}: quota reached ({met} = {most}), the rest waits in its in/ and is taken as soon as it can be; "
        "raise it on its sheet (--quota) or in settings.toml, [quota]",
    )
    return Outside(met, most, said)
