"""Our engine against plain saxonche with the stylesheets as they are installed: same rules, same flags, same places.

The oracle is a process of its own that knows nothing of our code: it opens the sheets and their code lists by path and
reads ids off the raw answers in its own way.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pikepdf
import pytest

from pipeline.adapters.artefacts import PACKS, installed_folder
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

ORACLE = r'''
import json, re, sys
import xml.etree.ElementTree as ET
from pathlib import Path
import saxonche

SVRL, XSL = "{http://purl.oclc.org/dsdl/svrl}", "{http://www.w3.org/1999/XSL/Transform}"
KINDS = (SVRL + "failed-assert", SVRL + "successful-report")


def ordinals(sheet):
    """(pattern, context, kind, test) -> ordinals in the sheet, read off its templates."""
    root = ET.parse(sheet).getroot()
    number = {id(e): n for n, e in enumerate((e for e in root.iter() if e.tag in KINDS), 1)}
    found = {}
    for template in root.iter(XSL + "template"):
        rule = template.find(SVRL + "fired-rule")
        if rule is not None:
            for e in template.iter():
                if e.tag in KINDS:
                    key = (template.get("mode"), rule.get("context"), e.tag, e.get("test"))
                    found.setdefault(key, []).append(number[id(e)])
    start = next(t for t in root.iter(XSL + "template") if t.get("match") == "/" and t.find(".//" + SVRL + "active-pattern") is not None)
    modes = [e.get("mode") for e in start.iter(XSL + "apply-templates") if e.get("mode")]
    return found, modes


def hits(answer, pack, found, modes):
    pattern, context, taken = -1, None, {}
    for e in ET.fromstring(answer.encode()):
        if e.tag == SVRL + "active-pattern":
            pattern += 1
        elif e.tag == SVRL + "fired-rule":
            context, taken = e.get("context"), {}
        elif e.tag in KINDS:
            words = "".join(e.find(SVRL + "text").itertext()).strip()
            if words.startswith("[") and "]" in words and not re.search(r"\s", words[: words.index("]")]):
                rule = words[1 : words.index("]")]
            elif e.get("id"):
                rule = e.get("id")
            else:
                key = (modes[pattern], context, e.tag, e.get("test"))
                rule = "%s#%d" % (pack, found[key][taken.get(key, 0)])
                taken[key] = taken.get(key, 0) + 1
            yield rule, e.get("flag") or "", e.get("location") or ""


job = json.loads(sys.stdin.read())
processor = saxonche.PySaxonProcessor(license=False)
compiler = processor.new_xslt30_processor()
for pack, sheet, documents in job:
    executable = compiler.compile_stylesheet(stylesheet_file=sheet)
    found, modes = ordinals(sheet)
    for document in documents:
        try:
            answer = executable.transform_to_string(xdm_node=processor.parse_xml(xml_file_name=document))
        except saxonche.PySaxonApiError:
            told = None
        else:
            told = sorted(hits(answer, pack, found, modes))
        print(json.dumps([pack, document, told]), flush=True)
'''


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
    job = [
        (pack, str(installed_folder() / PACKS[pack].sheet), [str(path) for path in documents[syntax]])
        for syntax, packs in (("ubl", UBL_PACKS), ("cii", CII_PACKS))
        for pack in packs
    ]
    assert sum(map(len, documents.values())) == 114
    oracle = subprocess.Popen(
        [sys.executable, "-c", ORACLE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TZ": "UTC"},
        text=True,
    )
    assert oracle.stdin is not None
    assert oracle.stdout is not None
    with oracle:
        oracle.stdin.write(json.dumps(job))
        oracle.stdin.close()
        ours = _ours(job)
        theirs = {}
        for line in oracle.stdout:
            pack, document, told = json.loads(line)
            theirs[pack, document] = told if told is None else [tuple(hit) for hit in told]
    assert oracle.returncode == 0
    differing = {key: (ours[key], theirs.get(key)) for key in ours if ours[key] != theirs.get(key)}
    assert not differing
    assert theirs.keys() == ours.keys()
    for pack, _, run_on in job:
        fired = sum(len(ours[pack, one] or ()) for one in run_on)
        print(f"{pack:20} {len(run_on):3} documents {fired:5} hits")
        assert fired  # two engines that say nothing would agree too


def _ours(job: list[tuple[str, str, list[str]]]) -> dict[tuple[str, str], list[tuple[str, str, str]] | None]:
    """Our engine on the same documents, as the pipeline gives them to it; None where a value stops it."""
    found: dict[tuple[str, str], list[tuple[str, str, str]] | None] = {}
    texts = {}
    with SaxonEngine() as engine:
        for pack, _, run_on in job:
            for name in run_on:
                if name not in texts:
                    texts[name] = safe_xml.parse(Path(name).read_bytes(), name, Terms()).text
                said = engine.run(pack, texts[name])
                found[pack, name] = (
                    None if said.stopped else sorted((hit.id, hit.flag, hit.location) for hit in said.hits)
                )
    return found
