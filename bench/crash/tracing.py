"""strace at one thread of one process: which calls it makes, and the Nth of a kind that kills it or fails.

`signal=KILL` hits before the call is made, and the counter of `when=` is of one kind of call: the Nth of each kind in
turn is every call there is. `-P PATH` is not used: it misses calls.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

# What changes files, their names, or what the disk has of them. What goes over sockets is cut at statements and bytes.
WRITES = (
    "write", "writev", "pwrite64", "pwritev", "pwritev2", "fsync", "fdatasync", "sync_file_range", "msync", "truncate",
    "ftruncate", "fallocate", "copy_file_range", "sendfile", "open", "openat", "openat2", "creat", "mkdir", "mkdirat",
    "rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rmdir", "chmod",
    "fchmod", "fchmodat", "utimensat", "chown", "fchown", "fchownat",
)  # fmt: skip
READS = ("read", "pread64", "readv", "preadv")
OPENS = frozenset({"open", "openat", "openat2", "creat"})
FAILS = {  # what each kind may answer on a disk that is broken (EIO) or full (ENOSPC)
    **dict.fromkeys(("fsync", "fdatasync", "sync_file_range", "read", "pread64"), ("EIO",)),
    **dict.fromkeys(("unlink", "unlinkat", "rmdir", "truncate", "ftruncate", "fchmod", "utimensat"), ("EIO",)),
    **dict.fromkeys(("write", "writev", "pwrite64", "open", "openat", "mkdir", "mkdirat"), ("EIO", "ENOSPC")),
    **dict.fromkeys(("rename", "renameat", "renameat2", "link", "linkat", "fallocate"), ("EIO", "ENOSPC")),
}
ENDS_S = 10.0
_LINE = re.compile(r"(\w+)\((.*)", re.ASCII)
_CREATES = re.compile(r"O_CREAT|O_TRUNC|O_TMPFILE")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call of a recorded run: the Nth of its kind, and what strace wrote of it, paths included."""

    kind: str
    number: int
    words: str

    @property
    def changes(self) -> bool:
        """It may leave something behind; to open what is there leaves nothing."""
        return self.kind not in OPENS or self.kind == "creat" or _CREATES.search(self.words) is not None

    def names(self, folder: Path) -> bool:
        """It works on something under this folder."""
        return f"{folder}/" in self.words or f"{folder}>" in self.words or f'{folder}"' in self.words


def why_not() -> str:
    """Why no process can be traced here; empty where it can."""
    if sys.platform != "linux" or shutil.which("strace") is None:
        return "strace is not installed"
    with subprocess.Popen(["sleep", "60"]) as traced:
        try:
            with attached(traced.pid, "-e", "trace=none"):
                return ""
        except PermissionError as error:
            return str(error)
        finally:
            traced.kill()


@contextmanager
def attached(pid: int, *words: str) -> Iterator[None]:
    """strace at the main thread of a process, until that is over, or until the end of the `with`."""
    command = ["strace", "-p", str(pid), *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as strace:
        assert strace.stderr is not None
        try:
            said = strace.stderr.readline().decode(errors="replace").strip()
            if "attached" not in said:  # it is said after the process was interrupted: no call is missed
                raise PermissionError(f"strace may not trace here: {said}")
            yield
            if not Path(f"/proc/{pid}").exists():
                strace.wait(ENDS_S)
        finally:
            strace.terminate()
            strace.communicate()


@contextmanager
def recorded(pid: int, kinds: tuple[str, ...] = WRITES) -> Iterator[list[Call]]:
    """The calls of these kinds; the list is filled at the end of the `with`, when the process must be over."""
    calls: list[Call] = []
    with tempfile.NamedTemporaryFile("r", prefix="strace-", errors="replace") as log:
        with attached(pid, "-y", "-s", "0", "-o", log.name, "-e", _trace(kinds)):
            yield calls
        numbers: Counter[str] = Counter()
        for line in log:
            found = _LINE.match(line)
            if found:
                numbers[found[1]] += 1
                calls.append(Call(found[1], numbers[found[1]], found[2]))


def killed_at(pid: int, kind: str, number: int) -> AbstractContextManager[None]:
    """Kill the process before its Nth call of a kind."""
    return attached(pid, *injected(kind, f"signal=KILL:when={number}"))


def failed_at(pid: int, kind: str, number: int, error: str) -> AbstractContextManager[None]:
    """Let its Nth call of a kind fail."""
    return attached(pid, *injected(kind, f"error={error}:when={number}"))


def injected(kind: str, what: str) -> tuple[str, ...]:
    """The words of strace that do this to a kind of call."""
    return "-o", "/dev/null", "-e", f"trace={kind}", "-e", f"inject={kind}:{what}"


def _trace(kinds: tuple[str, ...]) -> str:
    return "trace=" + ",".join(f"?{kind}" for kind in kinds)  # ?: not every machine has all of them
