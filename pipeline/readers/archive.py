"""The envelope of a flow: a tar.gz becomes a list of plain files in the spool, or findings ENV-001 to 004, 007 and 008.

Nothing is extracted by name and nothing is believed: recipe and threats are engineering/reliability.md 2.1 and 3.2.
Below `identify`, which asks it. What the files are, and whether there is an invoice among them, `identify` says.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from pipeline import codes
from pipeline.model import Finding, finding
from pipeline.readers import tar
from pipeline.readers.gunzip import MAGIC, gunzip
from pipeline.terms import Terms

__all__ = ["MAGIC", "Packed", "Unpacked", "unpack"]

_NAME = re.compile(rb"[A-Za-z0-9][A-Za-z0-9 ._-]*")
_ZIPS = (b"PK\x03\x04", b"PK\x05\x06")
_COUNTED_MAX = 10  # times the cap: beyond it entries are not even counted
_KINDS_FR = {
    tar.DIRECTORY: "c'est un répertoire",
    "symbolic link": "c'est un lien symbolique",
    "hard link": "c'est un lien dur",
    "character device": "c'est un périphérique",
    "block device": "c'est un périphérique",
    "named pipe": "c'est un tube nommé",
    "sparse file": "c'est un fichier creux",
    "path": "son nom est un chemin",
    "name with other characters": "son nom contient des caractères non admis",
    "name that is too long": "son nom est trop long",
}


@dataclass(frozen=True, slots=True)
class Packed:
    """A plain file of the archive: its bytes are in the spool from `offset` on."""

    name: str
    size_bytes: int
    offset: int


@dataclass(frozen=True, slots=True)
class Unpacked:
    files: tuple[Packed, ...]
    findings: tuple[Finding, ...]


def unpack(source: BinaryIO, spool: BinaryIO, terms: Terms, *, may_nest: bool = False) -> Unpacked:
    """Unzip `source` into `spool` and list its plain files, with all that is wrong with the archive.

    `may_nest`: its files may be archives themselves (an office document, which people attach, is a ZIP). An `OSError`
    is of our own disk and passes through.
    """
    unzipped = gunzip(source, spool, terms.archive)
    if unzipped.cap:
        limit_fr = unzipped.cap.replace(" B", " octets").replace(":1", " fois la taille du fichier reçu")
        told = finding(terms, codes.ENV_002, "archive", limit=unzipped.cap, limit_fr=limit_fr, ratio=unzipped.ratio)
        return _refused(told)
    if unzipped.broken:
        return _refused(_unreadable(terms, unzipped.broken, "flux gzip illisible ou tronqué", unzipped.taken_bytes))
    found: list[Finding | None] = []
    listed: list[tar.Entry] = []
    walk = _without_the_folder_itself(tar.entries(spool, unzipped.size_bytes))
    try:
        listed += islice(walk, terms.archive.members_max)
        more = sum(1 for _ in islice(walk, _COUNTED_MAX * terms.archive.members_max))
    except tar.TarBroken as err:
        more = 0
        if not err.is_tar:
            why, why_fr = "there is no tar inside the gzip", "le gzip ne contient pas de tar"
            return _refused(_unreadable(terms, why, why_fr, 0))
        found.append(_unreadable(terms, err.why, err.why_fr, err.offset))
    if more:
        count, limit = len(listed) + more, terms.archive.members_max
        return _refused(finding(terms, codes.ENV_004, "archive", value=str(count), count=count, limit=limit))
    files = tuple(_plain_files(listed, found, terms))
    found += _repeated(files, terms)
    found += (
        finding(terms, codes.ENV_007, "archive member", member=file.name, value=file.name)
        for file in files
        if not may_nest and _is_archive(spool, file)
    )
    return Unpacked(files, tuple(one for one in found if one is not None))


def _refused(found: Finding | None) -> Unpacked:
    return Unpacked((), () if found is None else (found,))


def _unreadable(terms: Terms, why: str, why_fr: str, offset: int) -> Finding | None:
    return finding(terms, codes.ENV_001, "archive", why=why, why_fr=why_fr, offset=offset)


def _without_the_folder_itself(walk: Iterator[tar.Entry]) -> Iterator[tar.Entry]:
    """`tar -C d -czf f .` writes an entry for `.` first."""
    return (entry for entry in walk if not (entry.kind == tar.DIRECTORY and entry.name in {b"./", b".", b""}))


def _plain_files(listed: list[tar.Entry], found: list[Finding | None], terms: Terms) -> Iterator[Packed]:
    for entry in listed:
        name = entry.name.removeprefix(b"./")
        kind = _oddity(name, entry.kind, terms.archive.name_chars_max)
        if kind:
            shown = name.decode("utf-8", "backslashreplace")
            kind_fr = _KINDS_FR.get(kind, "c'est une entrée d'un type inconnu")
            found.append(
                finding(terms, codes.ENV_003, "archive member", member=shown, value=shown, kind=kind, kind_fr=kind_fr)
            )
        else:
            yield Packed(name.decode("ascii"), entry.size_bytes, entry.offset)


def _oddity(name: bytes, kind: str, chars_max: int) -> str:
    if kind != tar.FILE:
        return kind
    if b"/" in name or b"\\" in name or name in {b".", b".."}:
        return "path"
    if _NAME.fullmatch(name) is None:
        return "name with other characters"
    return "name that is too long" if len(name) > chars_max else ""


def _repeated(files: tuple[Packed, ...], terms: Terms) -> Iterator[Finding | None]:
    seen: dict[str, int] = {}
    for file in files:
        key = file.name.casefold()
        seen[key] = seen.get(key, 0) + 1
        if seen[key] == 2:
            yield finding(terms, codes.ENV_008, "archive member", member=file.name, value=file.name)


def _is_archive(spool: BinaryIO, file: Packed) -> bool:
    spool.seek(file.offset)
    head = spool.read(min(file.size_bytes, tar.BLOCK))
    return head.startswith((MAGIC, *_ZIPS)) or head[257:262] == b"ustar"
