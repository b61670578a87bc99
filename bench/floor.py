"""The floor: what the parse and the XSD alone cost on the documents of a run. Nothing that judges them is faster."""

import tarfile
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.facturx import open_container

SAMPLE = 1_000
_SCHEMAS = {"FSO1100A": "ubl-invoice", "FSO1106A": "cii", "FSO1117A": "cii"}


def per_invoice_ms(flows: list[Path], sample: int = SAMPLE) -> float:
    """Processor milliseconds of one core, over about so many documents taken evenly from these archives.

    Of a Factur-X PDF only the XML inside counts; the schemas are loaded before the clock starts.
    """
    terms, schemas = Terms(), InstalledSchemas()
    documents = [
        (_xml(name, content, terms), schemas.get(_SCHEMAS[name[:8]]))
        for name, content in _documents(flows, max(1, sample // len(flows)))
    ]
    began = time.process_time()
    for document, schema in documents:
        parsed = safe_xml.parse(document, "", terms)
        if parsed.tree is None or not schema.validate(parsed.tree):
            raise SystemExit("a document of the bench does not pass its schema")
    return (time.process_time() - began) * 1000 / len(documents)


def _documents(flows: Iterable[Path], of_each: int) -> Iterator[tuple[str, bytes]]:
    for flow in flows:
        with tarfile.open(flow) as packed:
            for member in islice(packed, of_each):
                file = packed.extractfile(member)
                if file is not None:
                    yield member.name, file.read()


def _xml(name: str, content: bytes, terms: Terms) -> bytes:
    if not content.startswith(b"%PDF"):
        return content
    return open_container(content, name, terms).xml or b""
