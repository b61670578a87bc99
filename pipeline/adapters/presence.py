"""Who is at work on this machine: each process holds the lock of a file of its own for as long as it lives.

The kernel frees the lock of a process that died, however it died: its lots can be taken over at once, without waiting
for their lease. A process of another machine has no file here: nobody can tell, and its lease decides.
"""

import fcntl
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Presence:
    """One worker: its token, and a folder of its own for what it spools."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.token = uuid.uuid4().hex
        unseen = root / f".{self.token}"  # it gets its name with its lock: nobody finds it free and takes us for dead
        self._lock = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        unseen.rename(self._lock_path(self.token))
        self.spool = root / self.token
        self.spool.mkdir()

    def is_here(self, token: str) -> bool:
        """The worker of this token is of this machine: `is_dead` sees its end. Of another one only the lease tells."""
        return self._lock_path(token).exists()

    @contextmanager
    def standing_by(self) -> Iterator[bool]:
        """Be the one of this machine that waits for others; False where another one does already."""
        descriptor = os.open(self.root / "standby", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
        finally:
            os.close(descriptor)

    def is_dead(self, token: str) -> bool:
        """The worker of this token ran on this machine and is gone."""
        try:
            descriptor = os.open(self._lock_path(token), os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        finally:
            os.close(descriptor)
        return True

    def others_at_work(self) -> bool:
        """Another process of this machine works in this home now."""
        tokens = {lock.stem for lock in self.root.glob("*.lock")} - {self.token}
        return any(not self.is_dead(token) for token in tokens)

    def clear_the_dead(self, still_named: frozenset[str]) -> list[str]:
        """Remove what dead workers spooled, and the locks of those that no lot names any more; tells which died."""
        dead = []
        for lock in self.root.glob("*.lock"):
            token = lock.stem
            if token != self.token and self.is_dead(token):
                dead.append(token)
                shutil.rmtree(self.root / token, ignore_errors=True)
                if token not in still_named:
                    lock.unlink(missing_ok=True)
        return dead

    def leave(self) -> None:
        """Be at work no more; leaving twice is leaving once."""
        if self._lock < 0:
            return
        shutil.rmtree(self.spool, ignore_errors=True)
        self._lock_path(self.token).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def _lock_path(self, token: str) -> Path:
        return self.root / f"{token}.lock"
