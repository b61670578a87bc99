"""The limits of a reading child, as the kernel counts them, and how they grow with what it reads.

Data memory counts what was inherited at the fork, so a limit is the size of the parent and a budget beyond it. The
budget follows the largest piece read at once: a legal file of 120 MB in a small archive gets what it needs, and a bomb
that unpacks in the parser does not. Processor time is counted for one flow after the other.
"""

import mmap
import os
import resource
from typing import BinaryIO, Self

from pipeline.adapters.reader_limits import CPU_S_PER_MB, MB, ReaderLimits

DESCRIPTORS = 16  # three for nothing, the link, the file, what was unpacked; the rest for modules loaded late
_DATA_FIELD = 5  # of /proc/self/statm: data and stack, in pages
_EDGE = 0.9  # of the budget: an answer given so near to the end of memory is not believed


def data_bytes() -> int:
    """The data memory of this process, as RLIMIT_DATA counts it."""
    with open("/proc/self/statm", "rb", buffering=0) as file:  # noqa: PTH123 - thrice as fast, once per fork
        return int(file.read(256).split()[_DATA_FIELD]) * mmap.PAGESIZE


def set_limits(limits: ReaderLimits, inherited_bytes: int) -> None:
    """What never changes during the life of a child; `Allowance` moves the two soft limits below the hard ones."""
    for what, most in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),  # Python ignores SIGXFSZ: a write to a file fails
        (resource.RLIMIT_NPROC, 0),
        (resource.RLIMIT_NOFILE, DESCRIPTORS),
    ):
        resource.setrlimit(what, (most, most))
    data, cpu = inherited_bytes + limits.memory_bytes_max, limits.cpu_s_max
    resource.setrlimit(resource.RLIMIT_DATA, (inherited_bytes + limits.memory_bytes(0), data))
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_s + 1, cpu))


class Allowance:
    """What is left to one child for the flow it reads."""

    def __init__(self, limits: ReaderLimits, inherited_bytes: int) -> None:
        self._limits = limits
        self._inherited_bytes = inherited_bytes
        self._resident_bytes = _peak_bytes()
        self._memory_bytes = limits.memory_bytes(0)
        self._cpu_s = 0.0

    @property
    def was_raised(self) -> bool:
        """This child was given more memory than others get: it should read nothing after that."""
        return self._memory_bytes > self._limits.memory_bytes(0)

    @property
    def is_at_the_edge(self) -> bool:
        """So little memory was left that an allocation may have failed unseen, inside a library."""
        return _peak_bytes() - self._resident_bytes > _EDGE * self._memory_bytes

    def begin(self) -> None:
        """A new flow."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._cpu_s = used.ru_utime + used.ru_stime + self._limits.cpu_s
        self._set_cpu()

    def grow(self, piece_bytes: int) -> None:
        """A piece of this size is about to be read."""
        before = int(self._cpu_s)
        self._cpu_s += CPU_S_PER_MB * piece_bytes / MB
        if int(self._cpu_s) > before:
            self._set_cpu()
        wanted = self._limits.memory_bytes(piece_bytes)
        if wanted > self._memory_bytes:
            self._memory_bytes = wanted
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            resource.setrlimit(resource.RLIMIT_DATA, (min(self._inherited_bytes + wanted, hard), hard))

    def _set_cpu(self) -> None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        resource.setrlimit(resource.RLIMIT_CPU, (min(int(self._cpu_s) + 1, hard), hard))


class Budgeted:
    """A file whose reader is given what its pieces need. As much of `BinaryIO` as the core asks for."""

    def __init__(self, file: BinaryIO, allowance: Allowance) -> None:
        self._file, self._allowance = file, allowance

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, count: int) -> bytes:
        self._allowance.grow(count)
        return self._file.read(count)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
