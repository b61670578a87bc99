"""The ZIP of one file that an attachment travels in (03-mapping section 8), opened under caps.

Word, Excel and OpenDocument files are ZIPs too: they hold their own list of contents, and are files in their own right.
"""

import zipfile
import zlib
from dataclasses import dataclass
from io import BytesIO

_CENTRAL_ENTRY = b"PK\x01\x02"
_ENTRIES_MAX = 10_000  # the standard reader keeps half a kB for each entry of a directory that costs 46 bytes
_METHODS = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED})  # the dictionary of LZMA may claim 4 GiB
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True)
class Wrapping:
    """What a ZIP holds: `count` files; of the only one its name, size and bytes.

    `content` is None where that file is larger than allowed, and `why` says what makes a ZIP unreadable.
    """

    count: int
    name: str = ""
    size_bytes: int = 0
    content: bytes | None = None
    why: str = ""


def unwrap(content: bytes, bytes_max: int) -> Wrapping | None:
    """Open a ZIP; None where it is an office document. Nothing above `bytes_max` is inflated.

    The directory says the size of the file, and the reader stops at that size whatever the stream goes on to give.
    """
    entries = content.count(_CENTRAL_ENTRY)
    if entries > _ENTRIES_MAX:
        return Wrapping(entries)
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            if _is_office_document(archive.namelist()):
                return None
            files = [entry for entry in archive.infolist() if not entry.filename.endswith("/")]
            return _only(archive, files[0], bytes_max) if len(files) == 1 else Wrapping(len(files))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as err:
        return Wrapping(0, why=type(err).__name__)


def _only(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, bytes_max: int) -> Wrapping:
    if entry.flag_bits & _ENCRYPTED:
        return Wrapping(0, why="encrypted")
    if entry.compress_type not in _METHODS:
        return Wrapping(0, why=f"method {entry.compress_type}")
    name = entry.filename.rpartition("/")[2]
    if entry.file_size > bytes_max:
        return Wrapping(1, name, entry.file_size)
    return Wrapping(1, name, entry.file_size, archive.read(entry))


def _is_office_document(names: list[str]) -> bool:
    return "[Content_Types].xml" in names or names[:1] == ["mimetype"]
