"""What the race runs over, and what it feeds its contenders."""

import re

import pytest
from lxml import etree

from bench.race import contenders, documents
from bench.race.judge_floor import reader
from bench.race.two_changes import code_list_as_parameter
from fixtures import cii, ubl
from fixtures.content import Content
from fixtures.pdf import facturx_pdf
from pipeline.adapters.artefacts import PACKS, Artefacts

SCHEMAS = {"cii": ("cii",), "ubl": ("ubl-invoice",)}


@pytest.mark.parametrize("syntax", SCHEMAS)
def test_an_invoice_of_many_lines_is_valid_and_tells_its_lines_apart(syntax):
    document = documents.of_lines(syntax, 120)
    root = reader(SCHEMAS[syntax])(document)
    assert root is not None
    line_ids = root.xpath("//*[local-name()='LineID'] | //*[local-name()='InvoiceLine']/*[local-name()='ID']")
    assert [one.text for one in line_ids] == [str(rank) for rank in range(1, 121)]


def test_without_a_corpus_the_race_makes_its_documents_and_says_so(monkeypatch):
    monkeypatch.delenv(documents.VARIABLE, raising=False)
    made = documents.corpus(("cii",))
    assert len(made.documents) == documents.MADE
    assert "our own generator (CHORUS_EDI_CORPUS is not set)" in made.description()
    assert documents.corpus(("cii",)).description() == made.description()


def test_a_corpus_gives_the_documents_of_the_syntax_that_its_schema_accepts(tmp_path, monkeypatch):
    invoice = cii.write(Content("F-1", guideline=cii.GUIDELINES["en16931"]))
    (tmp_path / "a.xml").write_bytes(invoice)
    (tmp_path / "b.xml").write_bytes(ubl.write(Content("F-2")))
    (tmp_path / "c.xml").write_bytes(invoice.replace(b"TypeCode>380", b"TypeCod>380"))
    (tmp_path / "d.pdf").write_bytes(facturx_pdf(invoice, level="EN 16931", lines_of_text=("Facture",)))
    (tmp_path / "e.xml").write_bytes(
        invoice.replace(b"<rsm:ExchangedDocument>", b"<rsm:Unknown/><rsm:ExchangedDocument>")
    )
    (tmp_path / "f.xml").write_bytes(invoice.decode().replace("UTF-8", "ISO-8859-1").encode("iso-8859-1"))
    monkeypatch.setenv(documents.VARIABLE, str(tmp_path))
    found = documents.corpus(("cii",))
    assert found.documents == (invoice, invoice)
    assert (found.refused, found.not_utf8) == (2, 1)


def test_a_race_over_smaller_documents_counts_those_it_left_out(tmp_path, monkeypatch):
    for lines in (1, 50):
        (tmp_path / f"{lines}.xml").write_bytes(documents.of_lines("cii", lines))
    monkeypatch.setenv(documents.VARIABLE, str(tmp_path))
    found = documents.corpus(("cii",), bytes_max=10_000)
    assert found.documents == (documents.of_lines("cii", 1),)
    assert found.description().endswith("1 larger than asked for")


def test_the_careful_engineer_changes_the_look_up_of_the_code_list_and_nothing_else():
    artefacts, files = Artefacts(), PACKS["facturx-en16931"]
    sheet, code_list = artefacts.path(files.sheet), artefacts.path(files.code_list)
    before, after = sheet.read_text("utf-8"), code_list_as_parameter(sheet, code_list)
    assert not re.search(r"document\(\s*['\"]", after)
    lines = zip(before.splitlines(), after.splitlines(), strict=True)
    changed = [(gone, come) for gone, come in lines if gone != come]
    assert changed
    look_up = f"document('{code_list.name}')"
    for gone, come in changed:
        assert come.replace('<xsl:param name="codedb_doc"/>', "").replace("$codedb_doc", look_up) == gone
    etree.fromstring(after.encode())


def test_a_sheet_that_reads_no_code_list_is_not_tuned():
    artefacts = Artefacts()
    sheet = artefacts.path(PACKS["br-fr-cii"].sheet)
    with pytest.raises(ValueError, match=r"does not read codes\.xml"):
        code_list_as_parameter(sheet, sheet.with_name("codes.xml"))


def test_peers_that_are_not_installed_stand_in_the_race_with_the_command_that_installs_them(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    for race in contenders.RACES:
        missing = {one.key: one.missing for one in contenders.field_of(race, tmp_path, tmp_path) if one.missing}
        assert {"jvm", "eu_einvoice", "verifyhash"} <= set(missing)
        assert all(reason.endswith("bin/race-peers installs it") for reason in missing.values())
