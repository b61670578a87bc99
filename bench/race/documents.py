"""The documents of the race: public invoices from the folder named by `CHORUS_EDI_CORPUS`, else invoices of our own;
and one invoice of ever more lines.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from bench.machine import digest_of
from bench.race.judge_floor import ROOTS, reader
from fixtures import cii, ubl
from fixtures.batch import RECIPIENTS
from fixtures.content import Article, Content, Series
from pipeline.readers.safe_xml import root_of

VARIABLE = "CHORUS_EDI_CORPUS"
MADE = 100  # documents of our own, where there is no corpus


@dataclass(frozen=True)
class Corpus:
    """What a race runs over, and what was left out of it."""

    origin: str
    documents: tuple[bytes, ...]
    refused: int  # by parser or schema
    not_utf8: int
    too_large: int = 0  # for a race that was asked to keep to smaller ones

    def description(self) -> str:
        size = sum(map(len, self.documents)) / len(self.documents) / 1000
        return (
            f"{len(self.documents)} documents, mean {size:.1f} kB, digest {digest_of(self.documents)}, "
            f"from {self.origin}; left out: {self.refused} refused by the schema, {self.not_utf8} not in UTF-8"
            + (f", {self.too_large} larger than asked for" if self.too_large else "")
        )


def corpus(schemas: tuple[str, ...], every: int = 1, bytes_max: int | None = None) -> Corpus:
    """The documents of a syntax that its schema accepts; with `every` only each so-manieth of them."""
    named = os.environ.get(VARIABLE, "")
    found = list(_public(Path(named), schemas) if named else _made(schemas))
    read = reader(schemas)
    accepted = [document for document in found if read(document) is not None]
    usable = [document for document in accepted if _is_utf8(document)]
    chosen = [document for document in usable if bytes_max is None or len(document) <= bytes_max]
    if not chosen:
        raise SystemExit(f"{named}: no document of such a size that {', '.join(schemas)} accepts")
    origin = f"{VARIABLE} ({Path(named).name})" if named else f"our own generator ({VARIABLE} is not set)"
    left_out = len(found) - len(accepted), len(accepted) - len(usable), len(usable) - len(chosen)
    return Corpus(origin, tuple(chosen[::every]), *left_out)


def of_lines(syntax: str, lines: int) -> bytes:
    """The same invoice with so many lines, all alike but for their ids; the totals add up."""
    line = Article("Papier recyclé A4, carton de cinq ramettes", Decimal("3"), Decimal("21.50"))
    content = Content("F-LIGNES", articles=(line,) * lines, guideline=cii.GUIDELINES["en16931"])
    return cii.write(content) if syntax == "cii" else ubl.write(content)


def _public(folder: Path, schemas: tuple[str, ...]) -> Iterator[bytes]:
    roots = {ROOTS[schema] for schema in schemas}
    for path in sorted(folder.rglob("*")):
        document = None
        if path.suffix == ".xml":
            document = path.read_bytes()
        elif path.suffix == ".pdf":
            document = _inside(path)
        root = root_of([document]) if document else None
        if document and root is not None and root.localname in roots:
            yield document


def _inside(pdf: Path) -> bytes | None:
    from pikepdf import Pdf

    with Pdf.open(pdf) as opened:
        for attached in opened.attachments.values():
            if attached.filename.endswith(".xml"):
                return attached.get_file().read_bytes()
    return None


def _made(schemas: tuple[str, ...]) -> Iterator[bytes]:
    series = Series(seed=7, recipients=RECIPIENTS, prefix="C-")
    for _ in range(MADE):
        content = series.next(guideline=cii.GUIDELINES["en16931"])
        yield cii.write(content) if schemas == ("cii",) else ubl.write(content)


def _is_utf8(document: bytes) -> bool:
    try:
        document.decode("utf-8-sig")
    except UnicodeDecodeError:
        return False
    return b"encoding=" not in document[:60] or b"utf-8" in document[:60].lower()
