"""Bad input gets a clear finding, and nothing is lost: what issue 2 lists, dropped together and checked one by one.

`python tests/integration/test_bad_input.py` prints the table: item, file, code, exit code of `check`.
"""

import os
import stat
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from fixtures import cii, ubl
from fixtures.case import PARTNER, content, flow_name, patched
from fixtures.make import ROOT
from fixtures.pdf import facturx_pdf
from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.cli.boundary import FAULT, REFUSED, USAGE, run
from pipeline.cli.demo import sample_partners
from pipeline.settings import load

U, C, FX = "FSO1100A", "FSO1106A", "FSO1117A"
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
GOOD = f"{U}/{flow_name(U, 'SIMPLE')}"
BIG = 1_073_741_825  # one byte above the limit of a flow
LINES = 1_200  # each with one mistake that the XSD sees: more than a report lists of one document


@dataclass(frozen=True)
class Bad:
    """One line of the table. `told` is what the report must say of it besides the rule: place, value, remedy."""

    item: str
    code: str
    told: tuple[str, ...]
    fixture: str = ""
    made: Callable[[], bytes] | None = None
    name: str = ""
    exit_code: int = REFUSED

    @property
    def file(self) -> str:
        return self.name or Path(self.fixture).name

    def put(self, folder: Path) -> Path:
        """The file under its own name; 1 GB is a file of holes."""
        target = folder / self.file
        if self.item == "1 GB file":
            with target.open("wb") as file:
                file.truncate(BIG)
        else:
            target.write_bytes((ROOT / self.fixture).read_bytes() if self.fixture else self.made())
        finished = time.time() - 60
        os.utime(target, (finished, finished))
        return target


def fixture(item: str, path: str, code: str, *told: str, exit_code: int = REFUSED) -> Bad:
    """One of the committed fixtures: `<folder>/<code>/<rank>`."""
    folder, interface, rank = path.split("/")
    rule = folder.upper()
    return Bad(item, code, told, f"refused/{folder}/{flow_name(interface, rule, int(rank))}", exit_code=exit_code)


def made(item: str, interface: str, word: str, code: str, made: Callable[[], bytes], *told: str) -> Bad:
    return Bad(item, code, told, made=made, name=flow_name(interface, word))


def _many_mistakes() -> bytes:
    """Few elements per line: of a document with more than 10,000 the XSD tells the first errors only."""
    wrong = (
        '<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:LineExtensionAmount currencyID="EUR">dix</cbc:LineExtensionAmount>'
        "<cac:Item/></cac:InvoiceLine>\n"
    )
    return patched(ubl.write(content("XSD")), ("</Invoice>", wrong * LINES + "</Invoice>"))


def _locked() -> bytes:
    xml = cii.write(content("PWD"), "en16931")
    return facturx_pdf(xml, level="EN 16931", lines_of_text=("Facture",), defects=frozenset({"password"}))


def _amount(text: str, number: str) -> bytes:
    return patched(ubl.write(content(number)), ('currencyID="EUR">48.00<', f'currencyID="EUR">{text}<'))


TABLE = (
    fixture("zero-byte file", f"flw-008/{U}/1", "FLW-008", "vide", "« 0 »", "exportez"),
    Bad("1 GB file", "FLW-009", ("1073741825", "1073741824", "scindez"), name=flow_name(U, "FLW009")),
    # `check` takes a file of any name; what a partner drops must be named like a flow
    Bad("wrong name", "FLW-001", ("facture-novembre", "nommez"), "refused/flw-001/facture-novembre", exit_code=0),
    fixture("wrong code: no such code", "flw-002/FSO1104A/1", "FLW-002", "FSO1104A"),
    fixture("wrong code: withdrawn", "idn-004/FSO1101A/1", "IDN-004", "FSO1101A"),
    fixture("wrong code: of another syntax", f"idn-002/{C}/1", "IDN-002", C, "UBL", U),
    fixture("broken gzip: cut", f"env-001/{U}/1", "ENV-001"),
    fixture("broken gzip: no tar inside", f"env-001/{U}/2", "ENV-001"),
    fixture("tar with a link", f"env-003/{U}/1", "ENV-003", "lien.xml"),
    fixture("tar with ../", f"env-003/{U}/2", "ENV-003", "../dehors.xml"),
    fixture("DOCTYPE", f"xml-002/{U}/1", "XML-002"),
    fixture("wrong encoding", f"fil-006/{U}/1", "FIL-006", "ISO-8859-2", "UTF-8"),
    fixture("invalid UTF-8", f"xml-001/{U}/2", "XML-001", "ligne"),
    made("XSD errors, 1,200 of them", U, "BADXSD", "XML-010", _many_mistakes, "LineExtensionAmount", "dix", "ligne"),
    fixture("PDF without XML", f"pdf-003/{FX}/1", "PDF-003", "factur-x.xml"),
    fixture("PDF with two XMLs", f"pdf-003/{FX}/2", "PDF-003", "factur-x.xml"),
    fixture("encrypted PDF", f"pdf-002/{FX}/1", "PDF-002"),
    made("encrypted PDF that asks for a password", FX, "BADPWD", "PDF-002", _locked),
    fixture("NaN amount", f"xml-010/{U}/2", "XML-010", "NaN", "ligne"),
    made("1e999 amount", U, "BADEXP", "XML-010", lambda: _amount("1e999", "EXP"), "1e999", "ligne"),
    fixture("29 February 2025, UBL", f"xml-010/{U}/1", "XML-010", "2025-02-29", "ligne"),
    fixture("29 February 2025, CII", f"dat-002/{C}/1", "DAT-002", "20250229", "BT-2"),
    fixture("unknown recipient", f"rtg-001/{U}/1", "RTG-001", "99990399000011", "BT-47", "ligne"),
    fixture("missing service", f"rtg-020/{U}/1", "RTG-020", "12345678200028", "BT-10"),
    fixture("a same number twice", f"dup-002/{U}/1", "DUP-002", "FX DUP-002/1", "BT-1"),
)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, str]]]:
    """All of them and a good one dropped at once, in one run: the lines of each one's report."""
    path = tmp_path_factory.mktemp("bad")
    with runner.open_home(path, load(path, ours="CPP001", readers=2), clock=FixedClock(NOON)) as home:
        runner.import_directory(home, ROOT / "directory", NOON.date())
        for partner in sample_partners(ROOT):
            runner.add_partner(home, partner)
        inbox = home.drop(PARTNER).inbox
        for bad in TABLE:
            bad.put(inbox)
        Bad("good", "", (), GOOD).put(inbox)
        done = runner.run(home)
        assert done.faults == []
        assert all(line.ok for line in runner.verify(home))
    told = {}
    for file in (path / "drop" / PARTNER / "out").iterdir():
        if file.name.startswith("CSO"):
            name, lines = _lines(file.read_bytes())
            told[name] = lines
    return told


def _lines(report: bytes) -> tuple[str, list[dict[str, str]]]:
    status = etree.fromstring(report).find(".//DonneesStatut")
    lines = [{field.tag: field.text or "" for field in line} for line in status.iter("LigneErreurDetail")]
    return status.findtext("IdFlux"), lines


def test_every_file_has_its_report_and_the_good_one_enters(reports):
    assert set(reports) == {bad.file for bad in TABLE} | {Path(GOOD).name}
    refusals = [line for line in reports[Path(GOOD).name] if line["NatureErreur"] != "AVERTISSEMENT"]
    assert refusals == []


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.item)
def test_the_report_names_rule_place_value_and_remedy(bad, reports):
    lines = [line for line in reports[bad.file] if line["LibelleErreur"].startswith(f"[{bad.code}]")]
    assert lines, reports[bad.file]
    said = " ".join(lines[0].values())
    assert [words for words in bad.told if words not in said] == [], said
    assert lines[0]["DescriptionErreur"]
    assert lines[0]["NatureErreur"] in {"TECHNIQUE", "FONCTIONNELLE"}


@pytest.mark.parametrize("bad", TABLE, ids=lambda bad: bad.item)
def test_check_says_so_before_the_drop(bad, tmp_path, capsys):
    file = bad.put(tmp_path)
    assert run(["check", "--directory", str(ROOT / "directory"), str(file)]) == bad.exit_code
    said, wrong = capsys.readouterr()
    assert wrong == ""
    if bad.exit_code == REFUSED:
        assert bad.code in said
        assert "→" in said  # the remedy


def test_the_xsd_errors_of_a_document_are_told_up_to_the_cap_and_the_rest_is_counted(reports):
    bad = next(bad for bad in TABLE if bad.item.startswith("XSD errors"))
    lines = reports[bad.file]
    assert len(lines) == 1_001
    assert {line["LibelleErreur"].split("]")[0] for line in lines[:-1]} == {"[XML-010"}
    assert f"et {LINES - 1_000} autres" in lines[-1]["LibelleErreur"]


# --- the command itself -----------------------------------------------------------------------------------------------


def sentence(capsys: pytest.CaptureFixture[str]) -> str:
    """What standard error says: one line, no traceback."""
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("chorus-edi : ")
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    "typed",
    [
        ["check", "/nowhere/facture.xml"],
        ["rules", "en16931-ubl", "/nowhere/facture.xml"],
        ["check", "--directory", "/nowhere/annuaire", str(ROOT / GOOD)],
        ["directory", "import", "/nowhere/annuaire"],
        ["commitments", "import", "/nowhere/commitments.csv"],
    ],
    ids=lambda typed: " ".join(typed[:2]),
)
def test_a_path_that_is_not_there_is_one_sentence(typed, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path / "home"))
    assert run(typed) == USAGE
    assert "/nowhere/" in sentence(capsys)


@pytest.mark.parametrize(
    "typed",
    [["run"], ["verify"], ["status"], ["partners", "list"], ["directory", "show"], ["commitments", "show"], ["demo"]],
    ids=" ".join,
)
def test_a_home_that_is_a_file_is_one_sentence(typed, capsys, tmp_path):
    home = tmp_path / "home"
    home.write_bytes(b"a file")
    assert run([*typed, "--home", str(home)]) in {FAULT, USAGE}
    assert str(home) in sentence(capsys)


def test_a_ledger_that_is_no_database_is_one_sentence(capsys, tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database at all, by far" * 100)
    assert run(["run", "--home", str(tmp_path)]) == FAULT
    assert "ledger.sqlite" in sentence(capsys)


def test_settings_that_cannot_be_read_are_one_sentence(capsys, tmp_path):
    (tmp_path / "settings.toml").write_text("readers = 'many'", encoding="utf-8")
    assert run(["run", "--home", str(tmp_path)]) == FAULT
    assert "settings.toml" in sentence(capsys)


@pytest.mark.parametrize("place", ["drop/XXX999/out", "recipients/RCV001/out"])
def test_an_out_folder_that_cannot_be_written_is_a_fault_of_that_place_alone(place, capsys, tmp_path):
    with runner.open_home(tmp_path, load(tmp_path, ours="CPP001", readers=1)) as home:
        runner.import_directory(home, ROOT / "directory", NOON.date())
        for partner in sample_partners(ROOT):
            runner.add_partner(home, partner)
        inbox = home.drop(PARTNER).inbox
        Bad("good", "", (), f"{U}/{flow_name(U, 'EN16931')}").put(inbox)
    folder = tmp_path / place
    if folder.is_dir():
        folder.rmdir()
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_bytes(b"a file where a folder should be")
    assert run(["run", "--home", str(tmp_path)]) == FAULT
    assert place.rpartition("/")[0] in sentence(capsys)
    folder.unlink()
    assert run(["run", "--home", str(tmp_path)]) == 0
    assert run(["verify", "--home", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""
    assert any(folder.iterdir())


def test_what_is_no_plain_file_is_set_apart_and_stops_nobody(tmp_path, capsys):
    with runner.open_home(tmp_path, load(tmp_path, ours="CPP001", readers=1)) as home:
        runner.import_directory(home, ROOT / "directory", NOON.date())
        for partner in sample_partners(ROOT):
            runner.add_partner(home, partner)
        inbox = home.drop(PARTNER).inbox
        os.mkfifo(inbox / flow_name(U, "TUBE"))
        (inbox / flow_name(U, "LIEN")).symlink_to("/etc/passwd")
        Bad("good", "", (), GOOD).put(inbox)
        assert stat.S_ISFIFO((inbox / flow_name(U, "TUBE")).stat().st_mode)
    assert run(["run", "--home", str(tmp_path)]) == FAULT
    assert "1 intégré" in capsys.readouterr().out


if __name__ == "__main__":
    import contextlib
    import io
    import tempfile

    print("| item | file | code | exit code of check |\n|---|---|---|---|")
    for row in TABLE:
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            code = run(["check", "--directory", str(ROOT / "directory"), str(row.put(Path(folder)))])
        print(f"| {row.item} | {row.file} | {row.code} | {code} |")
    sys.exit(0)
