"""The public invoices: each is known for what it is, can be parsed, and is valid against the uncoupled schema of its syntax."""

import io
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.identify import identify
from pipeline.model import Kind, Received
from pipeline.ports import Tools
from pipeline.terms import Terms
from pipeline.validators import xml, xsd

TOOLS = Tools(InstalledSchemas(), None, Terms())
KINDS = {"_uncefact.xml": Kind.CII, "_ubl.xml": Kind.UBL, ".pdf": Kind.FACTURX}
SCHEMAS = {"Invoice": "ubl-invoice", "CreditNote": "ubl-creditnote", "CrossIndustryInvoice": "cii"}


@pytest.mark.corpus
def test_every_public_invoice_is_identified_and_valid_against_its_schema():
    folder = os.environ.get("CHORUS_EDI_CORPUS")
    if not folder:
        pytest.skip("CHORUS_EDI_CORPUS does not name the folder of public invoices")
    seen = 0
    for path in sorted(p for p in Path(folder).rglob("*") if p.suffix in {".xml", ".pdf"}):
        content = path.read_bytes()
        received = Received("", path.name, "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
        identified = identify(received, io.BytesIO(content), io.BytesIO(), TOOLS)
        [member] = identified.members
        assert (identified.findings, member.findings) == ((), ()), path
        assert all(member.kind is kind for ending, kind in KINDS.items() if path.name.endswith(ending)), path
        seen += 1
        if member.kind is not Kind.FACTURX:
            parsed = xml.parse(content, path.name, TOOLS.terms)
            assert parsed.findings == (), path
            root = parsed.tree.getroot().tag.rpartition("}")[2]
            assert xsd.check(parsed, SCHEMAS[root], path.name, TOOLS) == (), path
    assert seen >= 110
