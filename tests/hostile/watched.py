"""What the processes of a run did to the machine, as the kernel saw it (strace): what they started, opened, asked."""

import os
import re
import shutil
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

CALLS = (
    "execve,execveat,connect,open,openat,openat2,creat,mkdir,mkdirat,mknod,mknodat,symlink,symlinkat,link,linkat,"
    "rename,renameat,renameat2,truncate,chmod,fchmodat,chown,lchown,fchownat"
)
_LINE = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)\((.*)$")
_QUOTED = re.compile(r'(?:(AT_FDCWD|\d+)<([^>]*)>, )?"((?:[^"\\]|\\.)*)"')
_FAILED = re.compile(r"= -1 E[A-Z]+")
_WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
_ANYWHERE = ("/dev/", "/proc/self/", "/proc/thread-self/")


def is_possible() -> bool:
    return shutil.which("strace") is not None


def command(given: list[str], trace: Path) -> list[str]:
    """The same command under watch, where the machine can."""
    if not is_possible():
        return given
    options = ["-f", "-qq", "-y", "-s", "4096", "--seccomp-bpf", "-e", f"trace={CALLS}", "-e", "signal=none"]
    return ["strace", *options, "-o", str(trace), "--", *given]


@dataclass(frozen=True)
class Call:
    """One system call that did what was asked: its name, the paths in it, the rest as strace writes it."""

    name: str
    paths: tuple[str, ...]
    text: str

    @property
    def writes(self) -> bool:
        if self.name.startswith("open"):
            return any(flag in self.text for flag in _WRITES)
        return not self.name.startswith(("exec", "connect"))


@dataclass(frozen=True)
class Watched:
    """The calls of all processes of a run; None where the machine cannot watch."""

    calls: tuple[Call, ...] | None

    @classmethod
    def read(cls, trace: Path) -> "Watched":
        if not trace.is_file():
            return cls(None)
        with trace.open(encoding="utf-8", errors="backslashreplace") as lines:
            return cls(tuple(_calls(lines)))

    def foreign_programs(self) -> list[str]:
        """Programs started that are not our own interpreter with a module of ours."""
        own = {os.path.realpath(sys.executable), sys.executable}
        started = (one for one in self.calls or () if one.name.startswith("exec"))
        return sorted({one.text[:300] for one in started if not one.paths or not _is_ours(one, own)})

    def written_elsewhere(self, allowed: Iterable[Path]) -> list[str]:
        """Paths that were made, changed or opened for writing outside these places."""
        roots = [os.path.realpath(path) for path in allowed]
        found = {path for one in self.calls or () if one.writes for path in one.paths if not _is_below(path, roots)}
        return sorted(found)

    def opened(self, wanted: Collection[Path]) -> list[str]:
        """Which of these files were opened, for whatever reason."""
        names = {str(path) for path in wanted}
        return sorted(
            {path for one in self.calls or () if one.name.startswith("open") for path in one.paths if path in names}
        )

    def asked(self) -> list[str]:
        """Addresses of the network that somebody wanted to reach."""
        return sorted({one.text for one in self.calls or () if one.name == "connect" and "AF_INET" in one.text})


def _calls(lines: Iterable[str]) -> Iterable[Call]:
    for line in lines:
        found = _LINE.match(line)
        if found is None or _FAILED.search(line):
            continue
        named = found[2].split("[")[0] if found[1].startswith("exec") else found[2]
        yield Call(found[1], tuple(_joined(base, path) for _, base, path in _QUOTED.findall(named)), found[2])


def _joined(base: str, path: str) -> str:
    plain = path.encode("latin-1", "replace").decode("unicode_escape", "replace") if "\\" in path else path
    return os.path.normpath(os.path.join(base or "/", plain))


def _is_below(path: str, roots: list[str]) -> bool:
    return path.startswith(_ANYWHERE) or any(path == root or path.startswith(f"{root}/") for root in roots)


def _is_ours(call: Call, own: Collection[str]) -> bool:
    return os.path.realpath(call.paths[0]) in own and (
        '"-m", "pipeline.' in call.text or '"hostile.inside"' in call.text
    )
