"""What operators read: French unless English is asked for, across processes and through the ledger."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import homes
import pytest

from pipeline import runner
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.cli import catalogue
from pipeline.cli.boundary import DEBUG, FAULT, REFUSED, run
from pipeline.model import PackRun, Received
from pipeline.ports import Fault, RulesRan, Said, XmlDocument
from pipeline.terms import Terms
from pipeline.workers import read_worker

Cli = Callable[..., tuple[int, str, str]]
FRENCH = "aucun annuaire du 2026-11-20 ou d'avant ; chorus-edi directory import CHEMIN --day 2026-11-20 en charge un"
ENGLISH = (
    "no directory snapshot at or before 2026-11-20; `chorus-edi directory import PATH --day 2026-11-20` brings one"
)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    def call(*typed: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(word) for word in typed])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def waiting(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Path]:
    """A home without a directory, and one flow that waits for it."""
    with homes.open_home(tmp_path / "home", reader=reader) as home:
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        (fault,) = runner.run(home).faults
        assert fault == Said(
            f"{homes.PARTNER}/{homes.flow_name(1)} : RTG-006 : {FRENCH}",
            f"{homes.PARTNER}/{homes.flow_name(1)}: RTG-006: {ENGLISH}",
        )
    return tmp_path / "home"


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_ledger_keeps_why_a_flow_waits_in_both_languages(cli: Cli, waiting: Path) -> None:
    for what in ((), (homes.flow_name(1),)):
        assert FRENCH in words(cli("status", *what, "--home", waiting)[1])
        assert ENGLISH in words(cli("status", *what, "--home", waiting, "--lang", "en")[1])
    told = json.loads(cli("status", homes.flow_name(1), "--home", waiting, "--format", "json")[1])
    assert told["deposit"]["fault"] == {"fr": f"RTG-006 : {FRENCH}", "en": f"RTG-006: {ENGLISH}"}


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ((), "aucun annuaire du"),
        (("--lang", "fr"), "aucun annuaire du"),
        (("--lang", "en"), "no directory snapshot"),
        (("--lang=en",), "no directory snapshot"),
    ],
    ids=str,
)
def test_a_run_says_its_faults_in_the_language_asked_for(
    cli: Cli, waiting: Path, typed: tuple[str, ...], said: str
) -> None:
    code, _, err = cli("run", "--home", waiting, *typed)
    assert code == FAULT
    assert said in err
    assert err.count("\n") == 1


def test_a_run_says_its_notices_in_the_language_asked_for(cli: Cli, waiting: Path) -> None:
    (waiting / "drop" / "ZZZ999").mkdir()
    assert "drop/ZZZ999 n'appartient à aucun partenaire" in words(cli("run", "--home", waiting)[1])
    assert "drop/ZZZ999 belongs to no partner" in words(cli("run", "--home", waiting, "--lang", "en")[1])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        (("verify", "--home", "/dev/null/x"), "pas de dossier de travail ici"),
        (("verify", "--home", "/dev/null/x", "--lang", "en"), "there is no home here"),
        (("verify", "--home", "/dev/null/x", "--lang=en"), "there is no home here"),
        (("run", "--home", "/dev/null/x"), "un fichier est là où il faut un dossier"),
        (("run", "--home", "/dev/null/x", "--lang", "en"), "Not a directory"),
        (("decide", "A/1", "refuse", "--reason", "x", "--home", "/dev/null/x"), "pas de dossier de travail ici"),
    ],
    ids=str,
)
def test_a_command_that_cannot_begin_says_so_in_the_language_asked_for(
    cli: Cli, typed: tuple[str, ...], said: str
) -> None:
    code, out, err = cli(*typed)
    assert (code, out) == (FAULT, "")
    assert said in err


def test_verify_has_labels_for_people_names_for_machines_and_a_next_step_under_a_red_line(
    cli: Cli, waiting: Path
) -> None:
    (waiting / "drop" / "ZZZ999").mkdir()
    code, french, _ = cli("verify", "--home", waiting)
    assert code == REFUSED
    assert "✔ dépôts               à juger 1\n" in french
    assert "✘ dossiers             drop/ZZZ999 n'appartient à aucun partenaire\n  → chorus-edi partners add" in french
    english = cli("verify", "--home", waiting, "--lang", "en")[1]
    assert "✔ deposits             1 received\n" in english
    assert "✘ folders              drop/ZZZ999 belongs to no partner\n  → `chorus-edi partners add" in english
    told = {
        line["name"]: line
        for line in map(json.loads, cli("verify", "--home", waiting, "--format", "json")[1].splitlines())
    }
    assert told["deposits"] == {
        "name": "deposits",
        "ok": True,
        "detail": {"fr": "à juger 1", "en": "1 received"},
        "count": 1,
    }
    assert not told["folders"]["ok"]


def test_a_name_that_a_partner_chose_cannot_write_on_the_terminal_nor_into_a_shell(cli: Cli, waiting: Path) -> None:
    with homes.open_home(waiting) as home:
        homes.drop(home, "x\x1b[2J; rm -rf y", homes.ubl("A-2"))
        (home.drop(homes.PARTNER).inbox / "\x1b[31mlink").symlink_to("/etc/hostname")
    code, out, err = cli("run", "--home", waiting)
    assert code == FAULT
    assert "\\u001b[31mlink : un lien symbolique" in err
    assert "\x1b" not in out + err
    _, _, err = cli("decide", "x; rm -rf y", "refuse", "--reason", "x", "--home", waiting)
    assert "chorus-edi status 'x; rm -rf y' dit où il en est" in err


# --- across processes -------------------------------------------------------------------------------------------------


class NoRules:
    """An engine that cannot run."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        raise Fault(Said("moteur absent", "no engine"))

    def describe(self, pack: str) -> PackRun:
        raise Fault(Said("moteur absent", "no engine"))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("document", Said("moteur absent", "no engine")),
        (
            "nowhere",
            Said(
                "{} : fichier ou dossier introuvable ; y remédier, puis relancer chorus-edi run",
                "{}: No such file or directory; mend it and run again",
            ),
        ),
    ],
)
def test_a_reader_tells_its_faults_in_both_languages(tmp_path: Path, source: str, said: Said) -> None:
    document = homes.ubl("A-1").replace(
        b"<cbc:ProfileID>", b"<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ProfileID>", 1
    )
    (tmp_path / "document").write_bytes(document)
    received = Received(homes.PARTNER, homes.flow_name(1), "0" * 64, len(document), datetime(2026, 11, 20, tzinfo=UTC))
    asked = read_worker.Request(
        received=received, source=str(tmp_path / source), spool=str(tmp_path / "spool"), terms=Terms()
    )
    incoming, outgoing = io.BytesIO(), io.BytesIO()
    read_worker.write_frame(incoming, asked.model_dump_json().encode())
    incoming.seek(0)
    read_worker.serve(incoming, outgoing, InstalledSchemas(), NoRules())
    outgoing.seek(0)
    answer = json.loads(read_worker.read_frame(outgoing))
    place = tmp_path / source
    assert answer == {"read": None, "fault": {"fr": said.fr.format(place), "en": said.en.format(place)}}


# --- a bug ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bug(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.delenv(DEBUG, raising=False)
    monkeypatch.setattr(catalogue, "columns", breaks)


@pytest.mark.usefixtures("bug")
def test_a_bug_is_one_sentence_that_asks_for_a_report(cli: Cli) -> None:
    code, out, err = cli("flows")
    assert (code, out) == (FAULT, "")
    assert err.startswith("chorus-edi : erreur interne, à signaler : ZeroDivisionError (test_words.py:")
    assert err.endswith(f" ; {DEBUG}=1 montre d'où elle vient\n")
    assert err.count("\n") == 1
    assert "Traceback" not in err


@pytest.mark.usefixtures("bug")
@pytest.mark.parametrize(("value", "is_shown"), [("1", True), ("0", False), ("", False)])
def test_a_bug_shows_its_traceback_on_demand(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, value: str, is_shown: bool
) -> None:
    monkeypatch.setenv(DEBUG, value)
    code, _, err = cli("flows")
    assert code == FAULT
    assert ("Traceback (most recent call last)" in err) is is_shown
    assert err.splitlines()[-1].startswith("chorus-edi : erreur interne, à signaler : ZeroDivisionError")


def test_a_fault_shows_no_traceback_even_then(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(DEBUG, "1")
    assert cli("verify", "--home", "/dev/null/x")[2].count("\n") == 1


def test_a_bug_is_told_in_english_on_demand(cli: Cli, waiting: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise KeyError("BT-1")

    monkeypatch.setattr(runner, "verify", breaks)
    code, _, err = cli("verify", "--home", waiting, "--lang", "en")
    assert code == FAULT
    assert err.startswith("chorus-edi : internal error, please report it: KeyError (test_words.py:")
