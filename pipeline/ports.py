"""What the core asks of the outside world, as Protocols. Adapters fulfil them; the core never imports an adapter."""

import hashlib
from collections.abc import Iterable, Iterator, Set
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from lxml import etree

from pipeline.model import PackRun
from pipeline.terms import Terms


@dataclass(frozen=True, slots=True)
class Said:
    """One thing to tell people, in both languages: what happened, and the next step. As plain text it is English."""

    fr: str
    en: str

    def in_words(self, lang: str = "fr") -> str:
        """What people read: French unless English is asked for."""
        return self.en if lang == "en" else self.fr

    def at(self, place: str) -> "Said":
        """The same, after the place that it is about."""
        return Said(f"{place} : {self.fr}", f"{place}: {self.en}")

    def because(self, cause: "Said | str") -> "Said":
        """The same, with what caused it: a reason of ours, or the words of a library as they are."""
        reason = Said(cause, cause) if isinstance(cause, str) else cause
        return Said(f"{self.fr} : {reason.fr}", f"{self.en}: {reason.en}")

    def then(self, more: "Said") -> "Said":
        """The same, and then something more: most often what to do."""
        return Said(f"{self.fr} ; {more.fr}", f"{self.en}; {more.en}")

    def __str__(self) -> str:
        return self.en


class Fault(Exception):
    """Our side failed: retried or stopped, never shown to an issuer as a refusal. Its text names the next command.

    Its `str` is English, for logs and tracebacks; `in_words` is what people read.
    """

    def __init__(self, said: Said | str) -> None:
        self.said = Said(said, said) if isinstance(said, str) else said
        super().__init__(self.said)

    def in_words(self, lang: str = "fr") -> str:
        return self.said.in_words(lang)


class OutOfMemory(Fault):
    """A library had not enough memory. Where a process reads within limits, that is the end of it, as any other."""


class Hit(NamedTuple):
    """One failed assertion, or one successful report, of an official pack."""

    id: str  # [RULE-ID] at the head of the text, else the id attribute, else <pack>#<ordinal>
    flag: str  # as the sheet says it: fatal, error, warning, "" where it says nothing
    location: str  # XPath as the sheet writes it
    text: str
    is_report: bool  # a successful report, not a failed assertion


@dataclass(frozen=True, slots=True)
class RulesRan:
    """What a pack said of one document. `stopped` is the engine's text when a value stops it (OFF-005), else empty."""

    hits: tuple[Hit, ...]
    stopped: str = ""


class XmlDocument(Protocol):
    """A document after the hardened parse (`readers.safe_xml.Parsed`): what every engine judges is this very tree."""

    @property
    def tree(self) -> etree._ElementTree | None:
        """None where the parse refused it: then no rule can run."""
        ...

    @property
    def text(self) -> bytes:
        """The tree written again, in UTF-8, when somebody asks for it."""
        ...


class RuleEngine(Protocol):
    """Runs the official packs. A missing engine, sheet or code list raises a `Fault`, and is never a pass."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        """Run one pack on a document."""
        ...

    def describe(self, pack: str) -> PackRun:
        """The name of a pack, the engine that runs it, the version that its artefact tells, and its SHA-256."""
        ...


class SchemaExplainer(Protocol):
    """Says in other words why a document is refused; asked only about a document that libxml2 refused."""

    def reasons(self, document: bytes) -> Iterator[tuple[str, str]]:
        """Yield (path, reason in English) pairs, at most a few hundred."""
        ...


class Schemas(Protocol):
    """The XSDs, loaded once per process and kept. A missing or unlisted file raises a `Fault`."""

    def get(self, name: str) -> etree.XMLSchema:
        """A libxml2 schema by name: `ubl-invoice`, `ubl-creditnote`, `cii`, `mixed`, `facturx-minimum` and its like."""
        ...

    def explainer(self, name: str) -> SchemaExplainer:
        """The same schema in xmlschema, built on the refusal path only."""
        ...


@dataclass(frozen=True, slots=True)
class Tools:
    """What `read` is given besides the bytes: schemas, rules, and the terms the document is held to."""

    schemas: Schemas
    rules: RuleEngine
    terms: Terms


class Scannable(Protocol):
    """Bytes for the antivirus; `chunks` may be asked for more than once."""

    @property
    def size_bytes(self) -> int: ...

    def chunks(self) -> Iterator[bytes]: ...

    def sha256(self) -> str: ...


class Scanner(Protocol):
    """The antivirus. Whatever kept it from looking at all of the bytes is a `Fault`, and is never a pass."""

    def scan(self, content: Scannable) -> str:
        """The name of the signature that was found, as the scanner says it; empty where there is none."""
        ...

    def describe(self) -> PackRun:
        """Who scans: the engine, and the version of its signatures."""
        ...


class Clock(Protocol):
    """The only source of the present moment."""

    def now(self) -> datetime:
        """An aware moment, UTC."""
        ...


class NewObject(Protocol):
    """Bytes on their way into the store; they get their name when all are written (`ObjectStore.keep`)."""

    size_bytes: int

    @property
    def sha256(self) -> str: ...

    def write(self, part: bytes) -> int: ...

    def close(self) -> None:
        """All is written. A unit keeps thousands of objects together, and a process may open about a thousand files."""
        ...

    def drop(self) -> None:
        """Forget what was not kept; after `keep` nothing is left to forget."""
        ...


class ObjectStore(Protocol):
    """Keeps exact bytes for ever under `<partner>/<SHA-256>`, create-only. What fails raises an `OSError`.

    `lanes` says how many objects may be read at once, from as many threads; `is_locked`, whether a lock keeps every
    object for its years, from whoever has our keys as well.
    """

    lanes: int

    @property
    def is_locked(self) -> bool: ...

    def begin(self, partner: str) -> NewObject:
        """A new object of unknown digest: write it, then `keep` it, then `drop` what is left of it in any case."""
        ...

    def keep(self, written: Iterable[tuple[str, NewObject]]) -> None:
        """Give each (partner, object) its place under its digest: when this returns, all are stored for good."""
        ...

    def put_new(self, partner: str, source: BinaryIO) -> tuple[str, int]:
        """Store all of `source` unless it is there already; returns (SHA-256, size in bytes)."""
        ...

    def open(self, partner: str, sha256: str) -> BinaryIO:
        """The bytes; `FileNotFoundError` where nothing has this name."""
        ...

    def fetch(self, partner: str, sha256: str) -> Path:
        """A file of this machine with these bytes: the object itself, or a copy of ours, its digest checked.

        `FileNotFoundError` where nothing has this name.
        """
        ...

    def forget(self, fetched: Path) -> None:
        """Remove a copy that `fetch` made; the object itself is never touched."""
        ...

    def exists(self, partner: str, sha256: str) -> bool: ...

    def digest(self, partner: str, sha256: str) -> str | None:
        """The SHA-256 of what really stands under this name, read in full; None where nothing does."""
        ...

    def list(self, partner: str) -> Iterator[str]:
        """The digests kept for a partner, sorted."""
        ...

    def sized(self, partner: str) -> Iterator[tuple[str, int]]:
        """The same, each with its size in bytes."""
        ...

    def partners(self) -> Iterator[str]:
        """Everybody for whom something is kept, or was, sorted."""
        ...

    def remove(self, partner: str, sha256: str) -> None:
        """Remove an object whose retention is over. Removing twice is removing once; a lock that holds is an error."""
        ...

    def clear(self, writer: str) -> None:
        """Remove what a dead process of this machine began and did not keep."""
        ...


# --- where files come from and go to ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seen:
    """One name of `in/`, as a scan saw it. A server that tells whole seconds only gives those; it has no inode: 0."""

    name: bytes
    size_bytes: int
    mtime_ns: int
    inode: int

    @property
    def order(self) -> tuple[int, bytes]:
        """Oldest first, then by name."""
        return self.mtime_ns, self.name

    @property
    def key(self) -> str:
        """The claim key, without the `-k` that tells repeated drops apart. It fits any file system."""
        since_1970 = max(self.mtime_ns, 0)  # a partner may set any time; a sign would not be read back from `work/`
        return f"{hashlib.sha256(self.name).hexdigest()[:16]}-{since_1970}-{self.size_bytes}"


@dataclass(frozen=True, slots=True)
class InWork:
    """One claimed file: `work/<claim>/<its own name>`."""

    claim: str
    name: bytes
    path: bytes
    order: tuple[int, bytes]

    @property
    def size_bytes(self) -> int:
        """As the claim key tells it: what the scan saw."""
        return int(self.claim.split("-")[2])


@dataclass(frozen=True, slots=True)
class Archived:
    """What became of a claimed file: its digest and size, or why it was set apart (and in one word, for the log)."""

    sha256: str
    size_bytes: int
    is_kept: bool
    trouble: Said | None = None
    word: str = ""


class DropZone(Protocol):
    """The folders of one partner: `in/` (theirs), `work/` (ours, same file system). What fails raises an `OSError`.

    `lanes` says how many files may be claimed, archived or deleted at once, from as many threads.
    """

    place: str  # how people find it: the folder, or sftp://user@host/in
    lanes: int
    is_remote: bool  # other machines may look at it too: only the ledger can tell who is alone at it

    def make(self) -> None:
        """Make the folders that are missing."""
        ...

    def alone(self) -> AbstractContextManager[bool]:
        """Receive alone on this machine; False where another process is at it. Not asked of a remote one."""
        ...

    def scan(self) -> list[Seen]:
        """Every name that is not a temporary one, whether finished or not, oldest first."""
        ...

    def is_quiet(self, seen: Seen, now_ns: int) -> bool:
        """Finished at first sight: for longer than the quiet time nobody wrote to it."""
        ...

    def claim(self, seen: Seen, taken: Set[str]) -> InWork | None:
        """Move a finished file into `work/` under a key that no deposit has had; None when someone else took it."""
        ...

    def in_work(self) -> list[InWork]:
        """What was claimed and is not deleted yet, oldest drop first."""
        ...

    def archive(
        self, claimed: InWork, store: ObjectStore, partner: str, size_max: int
    ) -> tuple[Archived, NewObject | None]:
        """Hash the claimed file while copying it; over `size_max` its bytes are hashed and not kept.

        The copy is to be kept in the store (`ObjectStore.keep`) before the deposit gets its row.
        """
        ...

    def delete(self, claimed: InWork) -> None:
        """Forget a claimed file: its row is committed. Deleting twice is deleting once."""
        ...


class Lying(NamedTuple):
    """A file that stands in an `out/`: since when (seconds since 1970), as far as whoever keeps it tells that."""

    name: str
    size_bytes: int
    since: float
    is_plain: bool


class Outgoing(Protocol):
    """One folder that gets our answers: written under a temporary name, then renamed, never over another file.

    `lanes` says how many files may be sent at once, from as many threads; up to `few` are sent one by one. What fails
    raises an `OSError`.
    """

    place: str
    lanes: int
    few: int

    def upload(self, name: str, source: BinaryIO) -> None:
        """Write all of `source` under the temporary name of this row; an unfinished earlier try is written over."""
        ...

    def appear(self, name: str, sha256: str) -> bool:
        """Rename into place. False where another file has that name already; the same bytes there are our own.

        No temporary file means that it was renamed before we could say so (and maybe fetched since): True.
        """
        ...

    def holds(self, name: str) -> bool:
        """A file of this name is there now."""
        ...

    def lying(self) -> Iterator[Lying]:
        """What stands there now under a name that is not a temporary one; nothing where the folder is missing."""
        ...

    def digest(self, name: str) -> str | None:
        """The SHA-256 of the plain file of this name, None where there is none."""
        ...

    def flush(self) -> None:
        """Make the names survive a power cut, where that is ours to do."""
        ...
