"""What was measured where: versions, cores, load, and the digests of the official rules that ran."""

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib.metadata import version

from lxml import etree

from bench.figures import columns
from pipeline.adapters.artefacts import PACKS, Artefacts

DISTRIBUTIONS = ("chorus-edi", "lxml", "saxonche", "pikepdf", "factur-x", "sqlalchemy", "pydantic", "openpyxl")
PACKS_THAT_RUN = ("facturx-en16931", "en16931-ubl")


def is_loaded() -> bool:
    """More work than cores: then only ratios of one run may be trusted, not absolute times."""
    return os.getloadavg()[0] > cores()


def cores() -> int:
    return len(os.sched_getaffinity(0))


def pin(count: int) -> None:
    """Keep this process, and all that it starts, on so many cores."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:count])


def describe(documents: Iterable[tuple[str, str]]) -> None:
    """Print what stands above every figure; `documents` are (label, text) lines of their own."""
    versions = ", ".join(f"{name} {version(name)}" for name in DISTRIBUTIONS)
    libxml2 = ".".join(map(str, etree.LIBXML_VERSION))
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    artefacts = Artefacts()
    digests = ", ".join(f"{pack} {artefacts.digest(PACKS[pack].sheet)[:12]}" for pack in PACKS_THAT_RUN)
    marked = "  (above the cores: trust ratios, not absolute times)" if is_loaded() else ""
    rows = [
        ("python", f"{platform.python_version()} {platform.python_implementation()}, {platform.platform()}"),
        ("versions", f"{versions}, libxml2 {libxml2}"),
        ("cores, load", f"{cores()}, {load}{marked}"),
        ("official rules", digests),
        *documents,
    ]
    print(columns(rows))


def digest_of(documents: Iterable[bytes]) -> str:
    told = hashlib.sha256()
    for document in documents:
        told.update(document)
    return told.hexdigest()[:12]
