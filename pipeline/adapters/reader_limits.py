"""What a process that reads documents may use, and for how long one process serves (`[reader]` of the settings).

The shell writes them into the environment of a read worker; the worker sets them on every child it forks. All of it is
our own profile: generous to what the caps of `terms` admit, and deadly to what only looks like it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import TypeAdapter, ValidationError

from pipeline.ports import Fault, Said
from pipeline.terms import ArchiveLimits, FlowLimits, XmlLimits

LIMITS = "CHORUS_EDI_READER_LIMITS"  # how a worker is told

# Measured: an invoice of 30,000 lines takes 26 times its 15 MB of UBL, 17 times its 30 MB of CII, by its tree, its
# nodes for the rules, and the second tree of a refusal. That is 1,050 bytes an element, of which there may be two
# million; what is no element (attachments) takes up to five times its bytes.
MEMORY_TIMES_FILE = 32
_ELEMENT_BYTES = 1_200
_TEXT_TIMES_FILE = 6
CPU_S_PER_MB = 4  # twice what the slowest legal documents take: 10,000 lines, 1.2 s in 6 MB
_UNPACKED_BYTES_MIN = 10 << 20  # so far no ratio of compression is looked at
WRITTEN_TIMES_EXPANDED = 8  # a pivot holds its document and its attachments, each in base64
MB = 1 << 20


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """The limits of one child. What it reads in one piece raises memory and processor time in proportion."""

    memory_mb: int = 768  # beyond what the child was born with: a file of 24 MB, whatever it holds
    cpu_s: int = 60  # of processor time, for one flow
    silence_s: float = 900.0  # without an answer, without another file of the flow begun
    child_flows: int = 1_000  # a child serves a commit unit: the first of these three ends it
    child_mb: int = 64
    child_s: float = 10.0
    file_bytes: int = FlowLimits().file_bytes_max
    expanded_bytes: int = ArchiveLimits().expanded_bytes_max

    @property
    def memory_bytes_max(self) -> int:
        """What the largest legal file may take."""
        return self.memory_bytes(self.file_bytes)

    @property
    def cpu_s_max(self) -> int:
        """What the largest legal flow may take, after a whole life of small ones."""
        return int(self.child_s + self.silence_s) + self.cpu_s + CPU_S_PER_MB * (self.expanded_bytes // MB + 1)

    @property
    def written_bytes_max(self) -> int:
        """How much a child may hand over to be written for one flow."""
        return WRITTEN_TIMES_EXPANDED * self.expanded_bytes

    def wall_s(self, size_bytes: int) -> float:
        """How long a flow of this size may take, whatever signs of life it gives."""
        unpacked = min(self.expanded_bytes, _UNPACKED_BYTES_MIN + ArchiveLimits().ratio_max * size_bytes)
        return self.silence_s + CPU_S_PER_MB * unpacked / MB

    def memory_bytes(self, piece_bytes: int) -> int:
        """The budget while a piece of this size is read."""
        most = _ELEMENT_BYTES * XmlLimits().elements_max + _TEXT_TIMES_FILE * piece_bytes
        return max(self.memory_mb * MB, min(MEMORY_TIMES_FILE * piece_bytes, most))

    def as_environment(self) -> Mapping[str, str]:
        return {LIMITS: _JSON.dump_json(self).decode()}


_JSON = TypeAdapter(ReaderLimits)


def given() -> ReaderLimits:
    """The limits that the environment names; ours where it names none."""
    text = os.environ.get(LIMITS, "")
    if not text:
        return ReaderLimits()
    try:
        return _JSON.validate_json(text)
    except ValidationError as error:
        raise Fault(
            Said(
                f"{LIMITS} ne contient pas les limites d'un lecteur ; ne pas la définir soi-même",
                f"{LIMITS} does not hold the limits of a reader; do not set it yourself",
            )
        ) from error
