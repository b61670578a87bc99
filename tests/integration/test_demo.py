"""`chorus-edi demo`: flows of every kind, from the drop folder to the answers; one amount changed flips one verdict."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.make import ROOT
from pipeline import flows, runner
from pipeline.cli import demo
from pipeline.cli.boundary import FAULT, REFUSED, USAGE, run
from pipeline.ports import Said
from pipeline.reconcile import Line
from pipeline.running.summary import RunSummary

CHANGED = "FSO1100A/FSO1100A_XXX999_XXX9991100EN1693100000001"
Verdicts = dict[str, tuple[str, frozenset[str]]]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """The demo as a newcomer runs it."""
    home = tmp_path_factory.mktemp("demo") / "home"
    command = [str(Path(sys.executable).with_name("chorus-edi")), "demo", "--home", str(home)]
    return home, subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def verdicts(home: runner.Home) -> Verdicts:
    """Of every flow of the demo: its state, and the rules that spoke."""
    told = {}
    for path in demo.FLOWS:
        name = Path(path).name
        (flow,) = runner.status(home, name)
        found = [*flow.findings, *(f for invoice in flow.invoices for f in invoice.findings)]
        told[name] = (flow.deposit.state, frozenset(f.rule for f in found))
    return told


def test_it_ends_well_and_in_colour_on_a_terminal_only(shown):
    _, done = shown
    assert (done.returncode, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout


def test_it_shows_every_open_interface_code_and_the_three_outcomes(shown):
    home, done = shown
    with runner.open_home(home) as place:
        told = verdicts(place)
    assert len(told) >= 12
    assert {name[:8] for name in told} == set(flows.open_codes())
    assert {state for state, _ in told.values()} == {"IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE"}
    assert [name for name in told if name not in done.stdout] == []


def test_every_flow_has_one_report_and_every_invariant_holds(shown):
    home, done = shown
    reports = [p for p in (home / "drop" / "XXX999" / "out").iterdir() if p.name.startswith("CSO")]
    assert len(reports) == len(demo.FLOWS) + len((demo.RECYCLE,))
    assert [p.name[:8] for p in (home / "drop" / "RCV001" / "out").iterdir()] == ["CSO1200A"]
    assert "✘" not in done.stdout.partition("Invariants")[2]
    assert run(["verify", "--home", str(home)]) == 0


def test_it_shows_what_comes_after_integration(shown):
    """A recipient answers, its issuer recycles one invoice; both lifecycle returns are told line by line."""
    home, done = shown
    _, _, after = done.stdout.partition("Après l'intégration")
    chapter = after.partition("Invariants")[0]
    assert [name for name in ("FSO1200A_RCV001", "ACT9001A_XXX999") if name not in chapter] == []
    told = [line.split() for line in chapter.splitlines() if line.startswith("  FX CYCLE/")]
    assert [(line[1], line[2]) for line in told if line[1] in {"CYCLE/1", "CYCLE/4"}] == [
        ("CYCLE/1", "04"), *(("CYCLE/4", status) for status in ("07", "08", "09", "10", "11")),
        *(("CYCLE/1", status) for status in ("01", "02", "03")),
    ]  # fmt: skip
    assert run(["status", "99990101000010/FX CYCLE/1", "--home", str(home)]) == 0


def test_a_second_run_does_nothing(shown, capsys):
    home, done = shown
    assert "Un second run : rien à faire" in done.stdout
    assert run(["run", "--home", str(home)]) == 0
    assert "rien à faire" in capsys.readouterr().out


def test_one_amount_changed_flips_that_verdict_and_no_other(shown, tmp_path):
    home, _ = shown
    samples = tmp_path / "samples"
    for path in (*demo.FLOWS, "partners.json", "mapping.csv"):
        (samples / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, samples / path)
    shutil.copytree(ROOT / "directory", samples / "directory")
    document = (samples / CHANGED).read_text(encoding="utf-8")
    payable = document[document.index("<cbc:PayableAmount") : document.index("</cbc:PayableAmount>")]
    (samples / CHANGED).write_text(document.replace(payable, payable.partition(">")[0] + ">1.00"), "utf-8")
    with demo.prepare(tmp_path / "home", samples) as place:
        demo.drop(place, samples, demo.FLOWS)
        assert runner.run(place).faults == []
        after = verdicts(place)
    with runner.open_home(home) as place:
        before = verdicts(place)
    name = Path(CHANGED).name
    assert {n for n in before if before[n] != after[n]} == {name}
    assert (before[name][0], after[name][0]) == ("IN_INTEGRE", "IN_REJETE")
    assert after[name][1] - before[name][1] == {"AMT-012", "BR-CO-16"}


def test_it_empties_its_own_home_and_never_another_folder(tmp_path, capsys):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "comptes.xlsx").write_bytes(b"precious")
    assert run(["demo", "--home", str(mine)]) == USAGE
    assert "n'est pas une démonstration" in capsys.readouterr().err
    assert (mine / "comptes.xlsx").read_bytes() == b"precious"
    own = tmp_path / "own"
    own.mkdir()
    (own / "reste").touch()
    (own / demo.MARK).touch()
    demo.prepare_folder(own)
    assert not own.exists()


def test_without_the_samples_it_says_what_to_do(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(demo, "find_spec", lambda _name: _Spec(tmp_path))
    assert run(["demo", "--home", str(tmp_path / "home")]) == USAGE
    assert "make fixtures" in capsys.readouterr().err
    monkeypatch.setattr(demo, "find_spec", lambda _name: None)
    assert run(["demo", "--home", str(tmp_path / "home")]) == FAULT  # a bug, told as one
    assert "erreur interne" in capsys.readouterr().err
    monkeypatch.setattr(demo, "find_spec", lambda _name: _Spec(tmp_path))
    (tmp_path / "_data" / "fixtures").mkdir(parents=True)
    (tmp_path / "_data" / "fixtures" / "index.tsv").touch()
    assert demo.sample_folder() == tmp_path / "_data" / "fixtures"


@pytest.mark.parametrize(
    ("faults", "is_redone", "is_broken", "code"),
    [
        ([Said("le disque est plein", "the disk is full")], False, False, FAULT),
        ([], True, False, REFUSED),
        ([], False, True, REFUSED),
    ],
    ids=["a fault", "a second run that does something", "a broken invariant"],
)
def test_a_demo_that_goes_wrong_says_so(monkeypatch, tmp_path, capsys, faults, is_redone, is_broken, code):
    nothing = [RunSummary(), RunSummary()]  # of the recipient, of the issuer
    runs = iter([RunSummary(faults=faults), *nothing, RunSummary(received=int(is_redone))])
    monkeypatch.setattr(runner, "run", lambda *_, **__: next(runs))
    monkeypatch.setattr(
        runner, "verify", lambda _home: (Line("deposits", not is_broken, Said("comme dit", "as told")),)
    )
    assert run(["demo", "--home", str(tmp_path / "home")]) == code
    said = capsys.readouterr()
    assert ("✘ dépôts" in said.out) is is_broken
    assert ("quelque chose a été refait" in said.out) is is_redone
    assert [fault for fault in faults if fault.fr not in said.err] == []


class _Spec:
    """Where a package lies: a wheel without its samples."""

    def __init__(self, folder: Path) -> None:
        self.submodule_search_locations = [os.fspath(folder)]
