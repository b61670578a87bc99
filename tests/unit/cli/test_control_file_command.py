"""`control-file`: what it writes is what the drop lane reads, and says the same as the files themselves."""

import hashlib
from pathlib import Path

from cli_samples import NOT_XML, REFUSED, SIMPLE

from fixtures.case import flow_name
from fixtures.make import ROOT
from pipeline.readers import control_file
from pipeline.returns.spreadsheet import BOM
from pipeline.terms import Terms

ARCHIVE = f"FSO1117A/{flow_name('FSO1117A', 'ARCHIVE')}"


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_file_it_writes_is_read_back_as_what_the_flows_hold(cli, tmp_path: Path):
    out = tmp_path / "CTL9002A_XXX999_XXX9999002000000000000001"
    said = cli("control-file", ROOT / SIMPLE, ROOT / ARCHIVE, "--out", out)
    assert (said.code, said.out, said.err) == (0, "", "")
    assert out.read_bytes().startswith(BOM.encode())
    found, rows = control_file.read(out.read_bytes(), out.name, Terms())
    assert found == ()
    told = [
        (row.flow.text, row.sha256.text, row.invoices, row.total.text, row.currency.text, row.findings) for row in rows
    ]
    simple, archive = ROOT / SIMPLE, ROOT / ARCHIVE
    (first, second) = told
    assert first[:2] == (simple.name, sha256(simple))
    assert second[:2] == (archive.name, sha256(archive))
    assert (first[2], first[4], first[5]) == (1, "EUR", ())
    assert second[2] == 3
    verdicts = cli("check", "--format", "json", simple, archive).objects
    assert [float(one[3]) for one in told] == [
        sum(float(invoice["total"]) for invoice in verdict["invoices"]) for verdict in verdicts
    ]


def test_a_flow_that_would_be_refused_is_listed_and_named(cli):
    said = cli("control-file", ROOT / REFUSED, ROOT / NOT_XML)
    assert said.code == 1
    rows = [line.split(";") for line in said.out.splitlines()]
    assert rows[0] == list(control_file.COLUMNS)
    assert [(row[0], row[2]) for row in rows[1:]] == [(Path(REFUSED).name, "1"), (Path(NOT_XML).name, "0")]
    assert "(GEN-002) ; chorus-edi check dit pourquoi" in said.err
    assert "(FLW-014)" in said.err
    assert "would be refused (FLW-014)" in cli("control-file", ROOT / NOT_XML, "--lang", "en").err


def test_a_folder_without_a_flow_is_a_slip(cli, tmp_path: Path):
    said = cli("control-file", tmp_path)
    assert said.code == 2
    assert "aucun flux" in said.err
