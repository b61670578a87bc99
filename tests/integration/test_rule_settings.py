"""The engine of the official rules as the settings of a home choose it, in the reading processes that it starts."""

import json
from pathlib import Path

import homes
import pytest

from pipeline import runner
from pipeline.adapters.artefacts import PACKS, installed_folder
from pipeline.adapters.rule_cache import CACHE
from pipeline.adapters.rule_engines import CHOICE
from pipeline.model import PackRun, Verdict
from pipeline.settings import load

PROFILE = b"<cbc:ProfileID>"
CLAIM = b"<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID>"


def judged(home: Path, toml: str) -> Verdict:
    """One flow that claims EN 16931, through a real run."""
    home.mkdir()
    (home / "settings.toml").write_text(f'ours = "CPP001"\nreaders = 1\n{toml}', encoding="utf-8")
    verdicts: list[Verdict] = []
    with homes.open_home(home, settings=load(home)) as opened:
        runner.add_partner(opened, homes.partner())
        runner.import_directory(opened, homes.directory(home / "annuaire"), homes.NOON.date())
        homes.drop(opened, homes.flow_name(1), homes.ubl("A-1").replace(PROFILE, CLAIM + PROFILE))
        assert runner.run(opened, on_verdict=lambda told: verdicts.append(told.verdict)).faults == []
    (verdict,) = verdicts
    return verdict


def packs_of(verdict: Verdict) -> tuple[PackRun, ...]:
    return verdict.read.packs


@pytest.fixture(autouse=True)
def no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE, raising=False)


@pytest.mark.parametrize(
    ("toml", "engine"),
    [
        ("", "compiled"),
        ('[rules]\nengine = "saxon"\n', "saxon"),
        ('[rules]\nengine = "compiled"\n', "compiled"),
        ('[rules]\nengine = "both"\n', "both"),
    ],
)
def test_the_settings_choose_and_the_verdict_names_engine_version_and_digest(
    tmp_path: Path, toml: str, engine: str
) -> None:
    (ran,) = packs_of(judged(tmp_path / "home", toml))
    assert (ran.name, ran.engine, ran.version) == ("en16931-ubl", engine, "1.3.16")
    assert len(ran.sha256) == 64


def test_findings_do_not_depend_on_the_engine(tmp_path: Path) -> None:
    found = {}
    for engine in ("compiled", "saxon"):
        verdict = judged(tmp_path / engine, f'[rules]\nengine = "{engine}"\n')
        found[engine] = [(one.rule, one.path, one.line, one.value) for i in verdict.invoices for one in i.findings]
    assert found["compiled"] == found["saxon"] != []


def test_the_environment_stands_above_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CHOICE, "saxon")
    (ran,) = packs_of(judged(tmp_path / "home", '[rules]\nengine = "compiled"\n'))
    assert ran.engine == "saxon"


def test_a_reader_without_a_cache_judges_all_the_same_and_says_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    (ran,) = packs_of(judged(tmp_path / "home", ""))
    assert ran.engine == "compiled"
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    (told,) = [line for line in lines if line["event"] == "rule_cache"]
    assert (told["level"], told["place"], told["fault"]) == ("warning", str(tmp_path / "file" / "rules"), "ENOTDIR")


def test_without_a_log_a_reader_says_it_to_whoever_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    monkeypatch.delenv("CHORUS_EDI_LOG", raising=False)
    judged(tmp_path / "home", "")
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith(f"chorus-edi : {tmp_path / 'file' / 'rules'} : un fichier est là où il faut un dossier")


def test_a_reader_finds_the_cache_that_was_named_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(CACHE, "programs")
    judged(tmp_path / "home", "")
    (entry,) = (tmp_path / "programs" / "rules").iterdir()
    assert entry.name.startswith("en16931-ubl-")


def test_the_installed_sheets_are_read_and_none_is_written_beside_them() -> None:
    folder = installed_folder()
    assert not [path for name in PACKS for path in (folder / PACKS[name].sheet).parent.glob("*.rules")]
