"""Who fetched what, from the log of an SFTP server: OpenSSH's internal-sftp (`-l INFO`), or our own.

OpenSSH writes a line when a file is closed, with the bytes that were read of it. Ours writes JSON lines
(`CHORUS_EDI_LOG=json`), where a name is the head of its SHA-256. Both may stand in one file. A log that was rotated
away says nothing of the days before it: a file that is not in it may have been fetched all the same.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path

_CLOSED = re.compile(rb'\bclose "(?:[^"]*/)?([^"/]+)" bytes read ([0-9]+) written 0\b')
_LINE_BYTES = 4_096  # no line of a server is longer
_GOT = b'"verb"'


def fetched(log: Path, names: Collection[str]) -> frozenset[str]:
    """Those of these names that were read, by anybody, at least one byte of them. The log is read line by line."""
    by_digest = {hashlib.sha256(name.encode()).hexdigest()[:16]: name for name in names}
    known = {name.encode(): name for name in names}
    found: set[str] = set()
    for line in _lines(log):
        if b'close "' in line:
            match = _CLOSED.search(line)
            if match and int(match[2]) and match[1] in known:
                found.add(known[match[1]])
        elif line.startswith(b"{") and _GOT in line:
            name = by_digest.get(_got(line))
            if name is not None:
                found.add(name)
    return frozenset(found)


def _lines(log: Path) -> Iterator[bytes]:
    with log.open("rb") as file:
        while line := file.readline(_LINE_BYTES):
            yield line


def _got(line: bytes) -> str:
    """The digest of the name that was sent whole; empty where the line says something else."""
    try:
        told = json.loads(line)
    except ValueError:
        return ""
    is_get = isinstance(told, dict) and told.get("event") == "sftp" and told.get("verb") == "get"
    return str(told.get("name_sha256", "")) if is_get else ""
