"""What the core asks of the outside world, as Protocols. Adapters fulfil them; the core never imports an adapter."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
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


class RuleEngine(Protocol):
    """Runs the official packs. A missing engine, sheet or code list raises a `Fault`, and is never a pass."""

    def run(self, pack: str, document: bytes) -> RulesRan:
        """Run one pack on a document: the bytes are the re-serialised tree of the hardened parse."""
        ...

    def describe(self, pack: str) -> PackRun:
        """The name of a pack, the engine that runs it, and the SHA-256 of its artefact."""
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


class Clock(Protocol):
    """The only source of the present moment."""

    def now(self) -> datetime:
        """An aware moment, UTC."""
        ...


class ObjectStore(Protocol):
    """Keeps exact bytes for ever under `<partner>/<SHA-256>`, create-only."""

    def put_new(self, partner: str, source: BinaryIO) -> tuple[str, int]:
        """Store all of `source` unless it is there already; returns (SHA-256, size in bytes)."""
        ...

    def open(self, partner: str, sha256: str) -> BinaryIO: ...

    def exists(self, partner: str, sha256: str) -> bool: ...

    def list(self, partner: str) -> Iterator[str]:
        """The digests kept for a partner."""
        ...
