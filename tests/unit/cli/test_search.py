"""`search`: a page for people and for machines, a file for those who go on working with it."""

import csv
import io
import json
from pathlib import Path

import pytest
from openpyxl import load_workbook

from bench.search.ledger import Plan, fill
from pipeline.adapters import found_files
from pipeline.adapters.ledger import Ledger

COUNT = 130


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("searched")
    ledger = Ledger.at(path / "ledger.sqlite")
    ledger.migrate()
    fill(ledger, Plan(invoices=COUNT, seed=3, days=60))
    ledger.close()
    return path


@pytest.fixture
def search(cli, home):
    return lambda *typed: cli("search", *typed, "--home", home)


def test_a_page_is_a_table_and_the_cursor_of_the_next(search):
    first = search("--limit", "5")
    assert first.code == 0
    lines = first.out.splitlines()
    assert lines[0].split()[:3] == ["numéro", "émise", "le"]
    assert len(lines) == 5 + 4
    cursor = lines[-1].rpartition(" ")[2]
    assert lines[-1].startswith("5 factures ; il y en a d'autres : --after ")
    following = search("--limit", "5", "--after", cursor).out.splitlines()
    assert set(lines[2:7]).isdisjoint(following[2:7])


def test_following_the_cursor_reads_everything_once(search):
    seen, after = [], []
    for _ in range(COUNT):
        found = search("--format", "json", "--limit", "40", *after).objects
        seen += [(one["flow"], one["rank"]) for one in found if "flow" in one]
        if "next" not in found[-1]:
            break
        after = ["--after", found[-1]["next"]]
    assert len(seen) == len(set(seen)) == COUNT


def test_nothing_found_is_no_error_and_says_so(search):
    assert search("--number", "NOWHERE").out == "aucune facture ne répond à ces critères\n"
    assert search("--number", "NOWHERE", "--lang", "en").out == "no invoice answers to that\n"
    assert search("--number", "NOWHERE", "--format", "json") == search("--number", "NOWHERE", "--format", "json")
    assert search("--number", "NOWHERE", "--format", "json").out == ""


def test_a_rule_on_whole_flows_is_explained(search):
    assert "FLW-014 refuse tout le flux" in search("--rule", "flw-014").out
    assert "refuse tout le flux" not in search("--rule", "RTG-999").out


def test_criteria_come_together(search):
    everything = search("--format", "json", "--limit", "1000").objects
    one = next(row for row in everything if row["status"] == "11")
    found = search(
        "--partner", one["partner"], "--supplier", one["supplier"], "--status", "MISE_EN_PAIEMENT", "--number",
        f"{one['number'][:3]}*", "--amount", one["total"] if one["type"] == "380" else f"-{one['total']}",
        "--format", "json",
    ).objects  # fmt: skip
    assert one in found
    assert all(row["status"] == "11" and row["supplier"] == one["supplier"] for row in found)


def test_the_csv_goes_to_the_output_or_to_a_file(search, tmp_path):
    out = tmp_path / "factures.csv"
    said = search("--format", "csv", "--out", out)
    assert (said.code, said.out) == (0, "")
    assert said.err == f"chorus-edi : {COUNT} factures dans {out}\n"
    rows = list(csv.DictReader(io.StringIO(out.read_text("utf-8-sig")), delimiter=";"))
    assert len(rows) == COUNT
    assert [one.name for one in tmp_path.iterdir()] == ["factures.csv"]
    assert search("--format", "csv").out.encode() == out.read_bytes()


def test_the_workbook_holds_what_was_asked_for(search, tmp_path):
    out = tmp_path / "factures.xlsx"
    assert search("--format", "xlsx", "--out", out, "--limit", "7").code == 0
    assert len(list(load_workbook(out).worksheets[0].iter_rows())) == 1 + 7


def test_a_file_of_json_has_a_line_for_each(search, tmp_path):
    out = tmp_path / "factures.jsonl"
    search("--format", "json", "--out", out, "--outcome", "refusée")
    refused = [json.loads(line) for line in out.read_text().splitlines()]
    assert refused
    assert all(row["outcome"] == "refused" and row["rules"] for row in refused)


def test_a_long_export_says_how_far_it_is(search, tmp_path, monkeypatch):
    monkeypatch.setattr("pipeline.cli.search.SAID_EVERY_S", 0.0)
    assert f"chorus-edi : {COUNT} factures écrites\n" in search("--format", "csv", "--out", tmp_path / "x.csv").err


def test_an_export_that_fails_leaves_nothing(search, tmp_path, monkeypatch):
    monkeypatch.setattr(found_files, "rename_new", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    assert search("--format", "csv", "--out", tmp_path / "x.csv").code == 3
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        (("--received", "hier"), "--received hier : attendu un jour"),
        (("--after", "AAAA"), "--after : ce curseur n'est pas celui de cette recherche"),
        (("--limit", "1001"), "--limit 1001 : de 1 à 1000"),
        (("--limit", "-1"), "--limit -1 : de 1 à 1000"),
        (("--format", "xlsx"), "--format xlsx : nommer le fichier par --out"),
        (("--out", "x.txt"), "--out : avec --format csv, xlsx ou json"),
        (("--format", "csv", "--out", "/nowhere/x.csv"), "/nowhere : dossier introuvable"),
        (("--format", "csv", "--out", "/dev/null"), "/dev/null : existe déjà"),
        (("--supplier-name", "!"), "--supplier-name ! : attendu le début d'un nom"),
    ],
)
def test_a_slip_of_the_keyboard_is_one_sentence(search, typed, words):
    said = search(*typed)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"chorus-edi : {words}")
    assert said.err.count("\n") == 1


def test_a_cursor_of_another_question_is_refused(search):
    cursor = search("--limit", "1").out.rstrip().rpartition(" ")[2]
    assert search("--limit", "1", "--after", cursor).code == 0
    assert search("--limit", "1", "--after", cursor, "--partner", "OPA001").code == 2
    assert "same criteria" in search("--after", cursor, "--partner", "OPA001", "--lang", "en").err


def test_what_strangers_wrote_cannot_play_with_the_terminal(search, home):
    ledger = Ledger.at(home / "ledger.sqlite")
    with ledger.writing() as db:
        db.exec_driver_sql("UPDATE invoices SET supplier_name = ? WHERE rank = 1", ("\x1b[31m\u202eévil" * 9,))
    ledger.close()
    for format in ("table", "json"):
        told = search("--format", format, "--limit", "200").out
        assert "vil" in told
        assert "\x1b" not in told
        assert "\u202e" not in told
