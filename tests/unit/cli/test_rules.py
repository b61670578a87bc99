"""`rules`: one official pack on documents; its exit code judges nothing."""

import pytest
from cli_samples import NOT_XML, SIMPLE

from fixtures.case import flow_name
from fixtures.make import ROOT
from pipeline.cli.boundary import USAGE

BAD_UNIT = f"refused/off-001/{flow_name('FSO1100A', 'OFF-001')}"
FACTURX = f"FSO1117A/{flow_name('FSO1117A', 'EN16931')}"


def test_a_pack_alone_tells_what_it_found_and_exits_0(cli):
    said = cli("rules", "en16931-ubl", ROOT / BAD_UNIT)
    assert said.code == 0
    assert "BR-CL-23" in said.out
    assert "en16931-ubl (saxon) : " in said.out
    assert "constats" in said.out


def test_json_names_the_artefact_and_each_finding(cli):
    (told,) = cli("rules", "en16931-ubl", ROOT / BAD_UNIT, "--format", "json").objects
    assert set(told) == {"file", "pack", "engine", "artefact", "findings"}
    assert len(told["artefact"]["sha256"]) == 64
    found = {f["rule"]: f for f in told["findings"]}
    assert found["BR-CL-23"]["flag"] == "fatal"
    assert "InvoiceLine" in found["BR-CL-23"]["location"]
    assert set(found["BR-CL-23"]) == {"rule", "flag", "location", "text"}


def test_the_xml_of_a_factur_x_is_taken_out_of_its_pdf(cli):
    (told,) = cli("rules", "facturx-en16931", ROOT / FACTURX, "--format", "json").objects
    assert told["findings"] == []
    assert "0 constat\n" in cli("rules", "facturx-en16931", ROOT / FACTURX).out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("xrechnung", ROOT / SIMPLE), "en16931-ubl"),
        (("en16931-ubl", ROOT / SIMPLE, "--engine", "compiled"), "seul saxon"),
        (("en16931-ubl", ROOT), "un dossier"),
        (("en16931-ubl", ROOT / NOT_XML), "pas un XML lisible"),
    ],
    ids=["pack", "engine", "folder", "no XML"],
)
def test_what_cannot_be_run_is_one_sentence(cli, typed, words):
    said = cli("rules", *typed)
    assert said.code == USAGE
    assert words in said.err
    assert said.err.count("\n") == 1
