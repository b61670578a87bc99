"""Our engine against plain saxonche with the stylesheets as they are installed: same rules, same flags, same places.

The oracle is a process of its own that knows nothing of our code (`bench.oracle.saxon_side`): it opens the sheets, their
code lists and the documents by path and reads ids off the raw answers in its own way.
"""

import os
from pathlib import Path

import pikepdf
import pytest

from bench.oracle.engines import Saxon
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.official.packs import CII_PACKS, UBL_PACKS

CORPUS = os.environ.get("CHORUS_EDI_CORPUS", "")

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS, reason="CHORUS_EDI_CORPUS names no folder of public invoices"),
]


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """The XML of every public invoice, by syntax; that of a PDF is taken out of it first."""
    found: dict[str, list[Path]] = {"ubl": [], "cii": []}
    embedded = tmp_path_factory.mktemp("embedded")
    for path in sorted(Path(CORPUS).rglob("*")):
        if path.suffix == ".xml":
            found[
                "ubl" if b":Invoice-2" in path.read_bytes() or b":CreditNote-2" in path.read_bytes() else "cii"
            ].append(path)
        elif path.suffix == ".pdf":
            with pikepdf.open(path) as pdf:
                xml = next(
                    spec.get_file().read_bytes()
                    for name, spec in pdf.attachments.items()
                    if name.lower() == "factur-x.xml"
                )
            out = embedded / f"{path.parent.name}-{path.stem}.xml"
            out.write_bytes(xml)
            found["cii"].append(out)
    return found


def test_every_pack_says_of_every_public_invoice_what_plain_saxon_says(documents: dict[str, list[Path]]) -> None:
    assert sum(map(len, documents.values())) == 114
    differing = {}
    with Saxon(installed=True) as plain, SaxonEngine() as engine:
        for syntax, packs in (("ubl", UBL_PACKS), ("cii", CII_PACKS)):
            for pack in packs:
                theirs = plain.run(pack, documents[syntax])
                fired = 0
                for path, their in zip(documents[syntax], theirs, strict=True):
                    our = _ours(engine, pack, path)
                    fired += len(our or ())
                    if our != (None if their.stopped else sorted(their.hits)):
                        differing[pack, path.name] = our, their
                print(f"{pack:20} {len(theirs):3} documents {fired:5} hits")
                assert fired  # two engines that say nothing would agree too
    assert not differing


def _ours(engine: SaxonEngine, pack: str, path: Path) -> list[tuple[str, str, str]] | None:
    """Our engine on the same document, as the pipeline gives it to it; None where a value stops it."""
    said = engine.run(pack, safe_xml.parse(path.read_bytes(), path.name, Terms()))
    return None if said.stopped else sorted((hit.id, hit.flag, hit.location) for hit in said.hits)
