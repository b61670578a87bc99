"""`run`, `status`, `decide`, `verify` on a home of samples."""

import sqlite3
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cli_samples import ARCHIVE, NOT_XML, REFUSED, SIMPLE, STATE

from fixtures.case import PARTNER
from fixtures.make import ROOT
from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.cli import demo, operate
from pipeline.cli.boundary import FAULT, USAGE
from pipeline.cli.boundary import REFUSED as EXIT_REFUSED
from pipeline.ports import Said
from pipeline.running.summary import RunSummary
from pipeline.settings import load

ALPHA = "99990101000010"
LONG_AFTER = datetime.now(UTC) + timedelta(days=9)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with partners and a directory, nothing dropped yet."""
    path = tmp_path / "home"
    with runner.open_home(path, load(path, ours="CPP001", readers=1)) as place:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(place, partner)
        runner.import_directory(place, ROOT / "directory")
    return path


def put(home: Path, *flows: str) -> None:
    with runner.open_home(home) as place:
        demo.drop(place, ROOT, flows)


# --- run --------------------------------------------------------------------------------------------------------------


def test_run_tells_each_verdict_and_sums_up_and_exits_0_whatever_was_refused(cli, home):
    put(home, ARCHIVE, REFUSED)
    said = cli("run", "--home", home)
    assert (said.code, said.err) == (0, "")
    assert f"{Path(ARCHIVE).name} IN_INTEGRE - 3 factures intégrées" in said.out
    assert f"{Path(REFUSED).name} IN_REJETE - " in said.out
    words = " ".join(said.out.split())
    assert "Reçus 2 fichiers" in words
    assert "2 CSO" in words
    assert "3 intégrée" in words


def test_a_second_run_has_nothing_to_do(cli, home):
    put(home, SIMPLE)
    assert cli("run", "--home", home).code == 0
    said = cli("run", "--home", home)
    assert said.out.startswith("rien à faire")
    put(home, SIMPLE)
    assert "1 fichier, dont 1 redéposé à l'identique" in " ".join(cli("run", "--home", home).out.split())


def test_run_as_json_prints_one_verdict_per_flow(cli, home):
    put(home, SIMPLE, REFUSED)
    told = {v["flow_name"]: v for v in cli("run", "--home", home, "--format", "json", "--lang", "en").objects}
    assert told[Path(SIMPLE).name]["state"] == "IN_INTEGRE"
    assert told[Path(SIMPLE).name]["directory"]["snapshot"].startswith("annuaire-")
    assert told[Path(SIMPLE).name]["not_judged"] == []
    (refused,) = told[Path(REFUSED).name]["invoices"]
    assert "Chorus Pro takes 20" in next(f["message"] for f in refused["findings"] if f["rule"] == "GEN-002")


def test_the_profile_in_the_json_is_that_of_the_partner(cli, home):
    cli("partners", "add", PARTNER, "--name", "À la réforme", "--profile", "ctc-b2g", "--replace", "--home", home)
    put(home, SIMPLE)
    (told,) = cli("run", "--home", home, "--format", "json").objects
    assert told["profile"] == "ctc-b2g"


def test_a_fault_is_a_sentence_on_standard_error_and_3(cli, tmp_path):
    home = tmp_path / "home"
    with runner.open_home(home, load(home, ours="CPP001", readers=1)) as place:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(place, partner)
    put(home, SIMPLE)
    said = cli("run", "--home", home)
    assert said.code == FAULT
    assert said.err.startswith("chorus-edi : ")
    assert said.err.count("\n") == 1


def test_what_is_worth_a_look_is_a_notice(cli, home):
    (home / "drop" / "INCONN" / "in").mkdir(parents=True)
    assert "À noter" in cli("run", "--home", home).out


def test_on_a_terminal_a_bar_shows_the_progress_and_verdicts_are_not_listed(cli, home, monkeypatch):
    put(home, SIMPLE)
    monkeypatch.setattr(sys, "stderr", _Terminal())
    said = cli("run", "--home", home)
    assert Path(SIMPLE).name not in said.out
    with operate._progress(quiet=False) as progress:
        progress(1, 2)


class _Terminal:
    """A standard error that says it is a terminal and keeps nothing."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)

    def flush(self) -> None: ...


def test_a_summary_leaves_out_what_did_not_happen(capsys):
    operate.print_summary(
        RunSummary(
            faults=[Said("le disque est plein", "the disk is full")],
            notices=[Said("drop/ABC n'est à personne", "drop/ABC")],
        )
    )
    said = capsys.readouterr().out
    assert "Reçus" in said
    assert "Factures" not in said
    assert "drop/ABC n'est à personne" in said


def test_the_environment_names_the_home(cli, home, monkeypatch):
    monkeypatch.setenv("CHORUS_EDI_HOME", str(home))
    assert PARTNER in cli("partners", "list").out


def test_the_default_home_lies_below_the_working_directory(cli, tmp_path, monkeypatch):
    monkeypatch.delenv("CHORUS_EDI_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert cli("run").code == 0
    assert (tmp_path / "var" / "home" / "ledger.sqlite").is_file()


# --- status -----------------------------------------------------------------------------------------------------------


def test_the_overview_counts_deposits_and_invoices(cli, judged_home):
    said = cli("status", "--home", judged_home)
    words = " ".join(said.out.split())
    for line in ("intégré 1", "rejeté 2", "en attente 1", "redéposé à l'identique 1", "intégrée 1", "refusée 1"):
        assert line in words
    (told,) = cli("status", "--home", judged_home, "--format", "json").objects
    assert told["deposits"]["IN_REJETE"] == 2
    assert told["pending"] == 1


def test_a_flow_is_told_with_its_report_and_its_invoices(cli, judged_home):
    said = cli("status", Path(SIMPLE).name, "--home", judged_home)
    assert said.code == 0
    words = " ".join(said.out.split())
    for part in ("intégré", "Partenaire XXX999", "SHA-256", "Envoyé", "CSO1100A", "A 1100-1", "redéposé à l'identique"):
        assert part in words


def test_a_refused_flow_says_why(cli, judged_home):
    assert "FLW-014" in cli("status", Path(NOT_XML).name, "--home", judged_home).out
    french = cli("status", Path(REFUSED).name, "--home", judged_home).out
    assert "GEN-002" in french
    english = cli("status", Path(REFUSED).name, "--home", judged_home, "--lang", "en").out
    assert "Chorus Pro takes 20" in " ".join(english.split())


def test_an_invoice_is_told_with_its_history(cli, judged_home):
    said = cli("status", f"{ALPHA}/A 1100-1/2026", "--home", judged_home)
    assert said.code == 0
    assert "01" in said.out
    assert "03" in said.out
    assert "Collectivité sans paramètre" in said.out
    (told,) = cli("status", f"{ALPHA}/A 1100-1", "--home", judged_home, "--format", "json").objects
    assert [step["status"] for step in told["history"]] == ["01", "02", "03"]


def test_an_invoice_that_waits_says_since_when(cli, judged_home):
    words = " ".join(cli("status", f"{ALPHA}/A 1100-5", "--home", judged_home).out.split())
    assert "en attente" in words
    assert "depuis le" in words
    assert "CMT-005" in words


def test_a_name_that_nothing_has_is_1(cli, judged_home):
    said = cli("status", "FSO1100A_NIENTE", "--home", judged_home)
    assert said.code == EXIT_REFUSED
    assert "ni flux ni facture" in said.out


def test_what_is_stuck_is_in_the_overview(cli, tmp_path):
    home = tmp_path / "home"
    with runner.open_home(home, load(home, ours="CPP001", readers=1)) as place:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(place, partner)
    put(home, SIMPLE)
    cli("run", "--home", home)
    said = cli("status", "--home", home)
    assert "RTG-006" in said.out
    assert "reçu" in said.out
    assert "Défaillance" in cli("status", Path(SIMPLE).name, "--home", home).out


def test_files_that_could_not_be_sent_are_in_the_overview(cli, home):
    (home / "recipients" / "PORTAL").mkdir(parents=True)
    (home / "recipients" / "PORTAL" / "out").write_bytes(b"")
    put(home, SIMPLE)
    assert cli("run", "--home", home).code == FAULT
    assert "restent à envoyer" in cli("status", "--home", home).out
    assert "À envoyer" in cli("status", Path(SIMPLE).name, "--home", home).out


# --- decide -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("choice", "outcome"), [("integrate", "intégrée"), ("refuse", "refusée")])
def test_an_operator_decides_what_waited_too_long(cli, home, choice, outcome):
    with runner.open_home(home, load(home, ours="CPP001", readers=1)) as place:
        runner.import_commitments(place, ROOT / "commitments.csv")
        runner.commitments_unavailable(place)
    put(home, STATE)
    assert cli("run", "--home", home).code == 0
    invoice = f"{ALPHA}/A 1100-5"
    early = cli("decide", invoice, choice, "--reason", "vu avec le service", "--home", home)
    assert early.code == FAULT
    assert "un opérateur peut décider à partir du" in early.err
    with runner.open_home(home, load(home, ours="CPP001", readers=1), clock=FixedClock(LONG_AFTER)) as place:
        runner.decide(place, invoice, choice, "vu avec le service")
        runner.run(place)
    assert outcome in cli("status", invoice, "--home", home).out


def test_a_decision_says_what_it_covers(cli, home, monkeypatch):
    monkeypatch.setattr(runner, "decide", lambda _home, what, choice, reason: (f"{what}:{choice}:{reason}",))
    said = cli("decide", "A/1", "refuse", "--reason", "erreur", "--home", home)
    assert said.code == 0
    assert "A/1:refuse:erreur" in said.out


def test_a_decision_is_integrate_or_refuse(cli, home):
    said = cli("decide", "A/1", "peut-être", "--reason", "x", "--home", home)
    assert said.code == USAGE
    assert "integrate ou refuse" in said.err


# --- verify -----------------------------------------------------------------------------------------------------------


def test_verify_is_one_line_per_invariant_and_0(cli, judged_home):
    said = cli("verify", "--home", judged_home)
    assert said.code == 0
    assert {line[0] for line in said.out.splitlines()} == {"✔"}
    told = cli("verify", "--home", judged_home, "--format", "json").objects
    assert len(told) == len(said.out.splitlines())
    assert all(line["ok"] for line in told)


def test_a_broken_invariant_is_1(cli, home):
    put(home, SIMPLE)
    cli("run", "--home", home)
    with sqlite3.connect(home / "ledger.sqlite") as db:
        db.execute("delete from number_claims")
    db.close()
    said = cli("verify", "--home", home)
    assert said.code == EXIT_REFUSED
    assert "✘ numéros" in said.out
