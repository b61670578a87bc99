"""What was measured where: versions, cores, load, and the digests of the official rules that ran."""

import contextlib
import hashlib
import os
import platform
import resource
from collections.abc import Iterable, Iterator
from importlib.metadata import version

from lxml import etree

from pipeline.adapters.artefacts import PACKS, Artefacts

DISTRIBUTIONS = ("chorus-edi", "lxml", "saxonche", "pikepdf", "factur-x", "sqlalchemy", "pydantic", "openpyxl")
PACKS_THAT_RUN = ("facturx-en16931", "en16931-ubl")


def cores() -> int:
    return len(os.sched_getaffinity(0))


def pin(count: int) -> None:
    """Keep this process, and all that it starts, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


@contextlib.contextmanager
def pinned(count: int) -> Iterator[None]:
    """On so many cores inside the `with`, on all of them again after it."""
    before = os.sched_getaffinity(0)
    pin(count)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def load() -> str:
    """The load averages; above the count of cores only ratios of one run may be trusted, not absolute times."""
    one = os.getloadavg()
    mark = " (above the cores: trust ratios, not absolute times)" if one[0] > cores() else ""
    return ", ".join(f"{average:.2f}" for average in one) + mark


def largest_child_mb() -> float:
    """The most memory that any one process below this one held, of those that have ended and were waited for."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e6


def description() -> str:
    """What stands above every figure."""
    artefacts = Artefacts()
    rules = (f"{pack} {artefacts.digest(PACKS[pack].sheet)[:12]}" for pack in PACKS_THAT_RUN)
    rows = (
        ("python", f"{platform.python_version()}, {platform.platform()}"),
        ("versions", ", ".join(f"{name} {version(name)}" for name in DISTRIBUTIONS)),
        ("libxml2", ".".join(map(str, etree.LIBXML_VERSION))),
        ("official rules", ", ".join(rules)),
        ("cores", str(cores())),
        ("load", load()),
    )
    return "\n".join(f"{label:<16}{text}" for label, text in rows)


def digest_of(documents: Iterable[bytes]) -> str:
    told = hashlib.sha256()
    for document in documents:
        told.update(document)
    return told.hexdigest()[:12]
