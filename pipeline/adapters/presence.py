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
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.token = uuid.uuid4().hex
        self._lock = self._locked()
        self.spool = root / self.token
        self.spool.mkdir()

    def _locked(self) -> int:
        """Our lock. It gets its name when it is held: nobody finds it free and takes us for dead."""
        unseen = self.root / f".{self.token}"
        while True:
            lock = os.open(unseen, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                unseen.rename(self._lock_path(self.token))
            except FileNotFoundError:  # swept away before it was held
                os.close(lock)
            except OSError:
                os.close(lock)
                raise
            else:
                return lock

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
        return _is_free(self._lock_path(token))

    def others_at_work(self) -> bool:
        """Another process of this machine works in this home now."""
        tokens = {lock.stem for lock in self.root.glob("*.lock")} - {self.token}
        return any(not self.is_dead(token) for token in tokens)

    def clear_the_dead(self, still_named: frozenset[str]) -> list[str]:
        """Remove what dead workers spooled, and the locks of those that no lot names any more; tells which died."""
        for unseen in self.root.glob(".*"):
            if _is_free(unseen):  # its worker died before it was there
                unseen.unlink(missing_ok=True)
        dead = []
        for lock in self.root.glob("*.lock"):
            token = lock.stem
            if token != self.token and self.is_dead(token):
                dead.append(token)
                if _removed(self.root / token) and token not in still_named:
                    lock.unlink(missing_ok=True)
        return dead

    def leave(self, *, is_in_order: bool = True) -> None:
        """Be at work no more; leaving twice is leaving once.

        Out of order a lot may still name us: our lock stays, free, so that the next worker sees that we are dead and
        takes the lot over at once, instead of when its lease runs out. It stays as well beside a folder that could not
        be removed, for whoever clears it.
        """
        if self._lock < 0:
            return
        if _removed(self.spool) and is_in_order:
            self._lock_path(self.token).unlink(missing_ok=True)
        os.close(self._lock)
        self._lock = -1

    def _lock_path(self, token: str) -> Path:
        return self.root / f"{token}.lock"


def _removed(folder: Path) -> bool:
    """The folder is gone, with all that it held."""
    shutil.rmtree(folder, ignore_errors=True)
    return not folder.exists()


def _is_free(lock: Path) -> bool:
    """Nobody who lives holds it; False where there is none."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)
    return True
