"""The libraries that a known weakness, or a missing limit, makes unfit below a version: asked for where they matter.

Versions are read from what is installed, without importing it. uv.lock pins newer ones; this is for an installation
that was made otherwise, or changed since. `make audit` asks for what became known after a release.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from types import MappingProxyType

from pipeline.ports import Fault, Said

_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*", re.ASCII)
_BEFORE = re.compile(r"[.-]?(?:a|b|c|rc|alpha|beta|pre|preview|dev)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Minimum:
    """The first version that is fit, why, and the distribution that brings it where that has another name."""

    version: str
    why: str
    comes_with: str = ""


MINIMUMS: Mapping[str, Minimum] = MappingProxyType(
    {
        "lxml": Minimum("6.1.3", "CVE-2026-41066, external parameter entities"),
        "libxml2": Minimum("2.14.2", "CVE-2024-56171, CVE-2025-32415, CVE-2025-24928", comes_with="lxml"),
        "xmlschema": Minimum("4.3.2", "schemas that a document names are not fetched"),
        "saxonche": Minimum("13.1.1", "CVE-2026-91403, CVE-2026-114820"),
        "pikepdf": Minimum("10.17", "limits on what a PDF expands to"),
        "paramiko": Minimum("5.1.0", "CVE-2023-48795, no SHA-1 signatures"),
        "asyncssh": Minimum("2.24", "CVE-2023-48795, CVE-2023-46445"),
        "apache-airflow-core": Minimum("3.3.2", "CVE-2026-33264, CVE-2026-33858, CVE-2026-26929"),
    }
)
READING = ("lxml", "libxml2", "xmlschema", "saxonche", "pikepdf")
_EXTRAS = {"paramiko": "sftp", "asyncssh": "sftp", "apache-airflow-core": "airflow"}  # who brings it


@dataclass(frozen=True, slots=True)
class Found:
    """One library as it is installed; `version` is empty where it is not."""

    name: str
    version: str

    @property
    def is_fit(self) -> bool:
        return bool(self.version) and at_least(self.version, MINIMUMS[self.name].version)

    @property
    def said(self) -> Said:
        """What is wrong with it, and the command that mends it."""
        needed = MINIMUMS[self.name]
        brings = needed.comes_with or self.name
        mend = f"pip install --upgrade --force-reinstall '{brings}>={MINIMUMS[brings].version}'"
        if self.name in _EXTRAS:
            mend = f"pip install --upgrade 'chorus-edi[{_EXTRAS[self.name]}]'"
        if not self.version:
            return Said(f"{self.name} n'est pas installé", f"{self.name} is not installed").then(Said(mend, mend))
        return Said(
            f"{self.name} {self.version} est trop ancien, il faut au moins {needed.version} ({needed.why})",
            f"{self.name} {self.version} is too old, at least {needed.version} is needed ({needed.why})",
        ).then(Said(mend, mend))


def require(*names: str) -> None:
    """A `Fault` where one of these is missing or too old: what it would do is not what was tested."""
    for name in names:
        found = installed(name)
        if not found.is_fit:
            raise Fault(found.said)


def every() -> Iterator[Found]:
    """All that is installed of them; an extra that is not there harms nobody."""
    for name in MINIMUMS:
        found = installed(name)
        if found.version or name not in _EXTRAS:
            yield found


@cache
def installed(name: str) -> Found:
    """What is there now; it does not change while we run."""
    return Found(name, _libxml2() if name == "libxml2" else _distribution(name))


def at_least(found: str, needed: str) -> bool:
    """Compare as PEP 440 does, as far as releases go; what comes before a release is less than it.

    >>> at_least("10.17.0", "10.17"), at_least("2.9.14", "2.14.2"), at_least("13.1.1rc1", "13.1.1")
    (True, False, False)
    """
    release = _RELEASE.match(found)
    if release is None:
        return False
    have, want = _numbers(release[0]), _numbers(needed)
    if have != want:
        return have > want
    return _BEFORE.match(found, release.end()) is None


def _numbers(release: str) -> tuple[int, ...]:
    numbers = [int(part) for part in release.split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _distribution(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _libxml2() -> str:
    """The one that lxml runs with: a build of a distribution may link another than its wheel brings."""
    from lxml import etree

    return ".".join(str(number) for number in etree.LIBXML_VERSION)
