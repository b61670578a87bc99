"""`directory`, `commitments`, `partners`: what judging needs to know besides the documents."""

import json
from pathlib import Path

import pytest

from fixtures.content import FREE, WITH_SERVICE
from fixtures.make import ROOT
from fixtures.reference import CLOSED, SERVICES
from pipeline.cli.boundary import FAULT, REFUSED, USAGE
from pipeline.flows import open_codes

SIRET = FREE.siret


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


# --- directory --------------------------------------------------------------------------------------------------------


def test_a_directory_is_imported_for_a_day_and_shown(cli, home):
    said = cli("directory", "import", ROOT / "directory-with-suppliers", "--day", "2026-11-02", "--home", home)
    assert said.code == 0
    assert said.out.startswith("annuaire-2026-11-02-")
    assert "15 structures, 12 services, 2 fournisseurs" in said.out
    assert "du 2026-11-02" in cli("directory", "show", "--home", home).out


def test_a_structure_is_shown_with_what_it_asks_for_and_its_services(cli, home):
    cli("directory", "import", ROOT / "directory", "--day", "2026-11-02", "--home", home)
    words = " ".join(cli("directory", "show", WITH_SERVICE.siret, "--home", home).out.split())
    assert "(active)" in words
    assert "Exige un service exécutant" in words
    assert "SERVICE_DEST_SERV_OBL Service facturier oui 2020-01-01 non" in words
    closed = " ".join(cli("directory", "show", CLOSED.siret, "--home", home).out.split())
    assert "inactive depuis 2026-01-01" in closed
    assert "Successeur" in closed
    assert "oui 2018-01-01 oui" in " ".join(cli("directory", "show", SERVICES.siret, "--home", home).out.split())


def test_a_structure_as_json(cli, home):
    cli("directory", "import", ROOT / "directory", "--day", "2026-11-02", "--home", home)
    (told,) = cli("directory", "show", SIRET, "--home", home, "--format", "json").objects
    assert (told["structure"]["siret"], told["snapshot"]["day"]) == (SIRET, "2026-11-02")
    (told,) = cli("directory", "show", "--home", home, "--format", "json").objects
    assert told["structure"] is None


def test_an_unknown_structure_is_1(cli, home):
    cli("directory", "import", ROOT / "directory", "--day", "2026-11-02", "--home", home)
    said = cli("directory", "show", "99999999999999", "--home", home)
    assert said.code == REFUSED
    assert "inconnu de annuaire-2026-11-02-" in said.out


def test_before_any_import_the_next_step_is_told(cli, home):
    cli("run", "--home", home)  # makes the home
    said = cli("directory", "show", "--home", home)
    assert said.code == USAGE
    assert "chorus-edi directory import" in said.err


def test_what_is_odd_in_a_directory_is_told_line_by_line_up_to_twenty(cli, home, tmp_path):
    folder = tmp_path / "annuaire"
    folder.mkdir()
    (folder / "structures.csv").write_bytes((ROOT / "directory" / "structures.csv").read_bytes())
    head = (ROOT / "directory" / "services.csv").read_text(encoding="utf-8").splitlines()[0]
    odd = [f"{WITH_SERVICE.siret};CODE.{n};Service {n};true;2020-01-01;;false" for n in range(30)]
    (folder / "services.csv").write_text("\n".join([head, *odd]) + "\n", encoding="utf-8")
    said = cli("directory", "import", folder, "--home", home)
    assert said.code == 0
    assert said.out.count("ligne ") == 20
    assert "ligne 2 " in said.out
    assert "… et 10 autres remarques" in said.out


@pytest.mark.parametrize("what", ["directory", "commitments"])
def test_a_file_that_is_no_such_table_is_one_sentence(cli, home, tmp_path, what):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("colonne;autre\n1;2\n", encoding="utf-8")
    said = cli(what, "import", wrong, "--home", home)
    assert (said.code, said.out) == (USAGE, "")
    assert "wrong.csv" in said.err


@pytest.mark.parametrize("day", ["2025-02-29", "hier", "20261102"])
def test_a_day_is_written_in_one_way(cli, home, day):
    said = cli("directory", "import", ROOT / "directory", "--day", day, "--home", home)
    assert said.code == USAGE
    assert "AAAA-MM-JJ" in said.err


# --- commitments ------------------------------------------------------------------------------------------------------


def test_commitments_are_imported_shown_and_declared_away_and_back(cli, home):
    cli("run", "--home", home)  # makes the home
    assert "jamais chargée" in cli("commitments", "show", "--home", home).out
    said = cli("commitments", "import", ROOT / "commitments.csv", "--home", home)
    assert "4 engagements" in said.out
    shown = cli("commitments", "show", "1400000042", "--home", home).out
    assert "à jour" in shown
    assert "COMMANDE" in shown
    (told,) = cli("commitments", "show", "1400000044", "--format", "json", "--home", home).objects
    assert (told["state"], told["rows"][0]["state"]) == ("fresh", "SOLDE")
    assert cli("commitments", "unavailable", "--home", home).code == 0
    assert "déclarée indisponible" in cli("commitments", "show", "--home", home).out
    assert "0 flux à rejuger" in cli("commitments", "available", "--home", home).out
    assert "à jour" in cli("commitments", "show", "--home", home).out


def test_a_table_too_old_to_be_asked_says_so(cli, home):
    cli("commitments", "import", ROOT / "commitments.csv", "--day", "2020-01-01", "--home", home)
    assert "trop ancienne" in cli("commitments", "show", "--home", home).out


# --- partners ---------------------------------------------------------------------------------------------------------


def test_a_partner_is_added_with_all_that_may_be_said_of_it(cli, home):
    said = cli(
        "partners", "add", "ABC123", "--name", "Cabinet d'essai", "--flows", "FSO1100A, FSO1117A",
        "--may-file", "1:99990101000010", "--may-file", "2:ESB12345674:2026-01-01:2026-12-31", "--may-file", "3:CHX:2026-05-01",
        "--receives", SIRET, "--receives", f"{WITH_SERVICE.siret}:SERVICE_DEST_SERV_OBL",
        "--policy", "facturx=warning", "--policy", "pdfa=off", "--no-report-warnings", "--roles", "accountant",
        "--lang", "en", "--until", "2030-12-31", "--home", home,
    )  # fmt: skip
    assert said.code == 0
    assert "déposer dans" in said.out
    assert (home / "drop" / "ABC123" / "in").is_dir()
    (told,) = cli("partners", "show", "ABC123", "--format", "json", "--home", home).objects
    assert told["flows"] == ["FSO1100A", "FSO1117A"]
    assert [(r["type"], r["identifier"], r["start"], r["end"]) for r in told["rights"]] == [
        ("1", "99990101000010", None, None),
        ("2", "ESB12345674", "2026-01-01", "2026-12-31"),
        ("3", "CHX", "2026-05-01", None),
    ]
    assert sorted(map(tuple, told["receives"])) == sorted([(SIRET, ""), (WITH_SERVICE.siret, "SERVICE_DEST_SERV_OBL")])
    assert told["policies"] == {"facturx": "warning", "pdfa": "off"}
    assert (told["report_warnings"], told["roles"], told["lang"], told["until"]) == (
        False,
        ["accountant"],
        "en",
        "2030-12-31",
    )
    words = " ".join(cli("partners", "show", "ABC123", "--home", home).out.split())
    for part in ("ABC123 Cabinet d'essai", "FSO1100A, FSO1117A", "1:99990101000010", "facturx=warning", "2030-12-31"):
        assert part in words


def test_a_connection_that_only_deposits_has_no_role(cli, home):
    assert cli("partners", "add", "DEF456", "--name", "Second", "--roles", "none", "--home", home).code == 0
    (told,) = cli("partners", "show", "DEF456", "--format", "json", "--home", home).objects
    assert told["roles"] == []


def test_a_partner_of_which_nothing_is_said_has_every_open_code_and_no_right(cli, home):
    cli("partners", "add", "ABC123", "--name", "X", "--home", home)
    words = " ".join(cli("partners", "show", "ABC123", "--home", home).out.split())
    for part in (
        "tous les codes ouverts",
        "Dépose pour personne",
        "Reçoit pour personne",
        "celle du profil",
        "sans limite",
    ):
        assert part in words


def test_a_home_that_is_not_there_is_not_made_by_looking(cli, home):
    said = cli("partners", "list", "--home", home)
    assert said.code == 3
    assert not home.exists()


def test_partners_are_listed(cli, home):
    cli("run", "--home", home)  # makes the home
    assert "aucun partenaire" in cli("partners", "list", "--home", home).out
    cli("partners", "add", "ABC123", "--name", "Premier", "--home", home)
    cli("partners", "add", "DEF456", "--name", "Second", "--flows", open_codes()[0], "--home", home)
    said = cli("partners", "list", "--home", home).out
    assert "Premier" in said
    assert "tous" in said
    told = cli("partners", "list", "--format", "json", "--home", home).objects
    assert [row["code"] for row in told] == ["ABC123", "DEF456"]
    assert json.dumps(told)


def test_an_unknown_partner_is_1(cli, home):
    cli("run", "--home", home)  # makes the home
    said = cli("partners", "show", "ZZZ000", "--home", home)
    assert said.code == REFUSED
    assert "inconnu" in said.out


def test_a_partner_is_replaced_on_demand_only(cli, home):
    cli("partners", "add", "ABC123", "--name", "Premier", "--home", home)
    again = cli("partners", "add", "ABC123", "--name", "Second", "--home", home)
    assert again.code in {USAGE, FAULT}
    assert "--replace" in again.err
    assert cli("partners", "add", "ABC123", "--name", "Second", "--replace", "--home", home).code == 0
    assert "Second" in cli("partners", "show", "ABC123", "--home", home).out


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--may-file", "8:123", "TYPE de 1 à 7"),
        ("--may-file", "1:", "TYPE:IDENTIFIANT"),
        ("--may-file", "1:2:2026-01-01:2026-01-02:x", "TYPE:IDENTIFIANT"),
        ("--may-file", "1:2:hier", "AAAA-MM-JJ"),
        ("--may-file", "", "TYPE:IDENTIFIANT"),
        ("--receives", "123", "SIRET[:SERVICE]"),
        ("--receives", "１２３４５６７８９０１２３４", "SIRET[:SERVICE]"),
        ("--flows", "FSO1104A", "chorus-edi flows"),
        ("--flows", "FSO1100A,RIEN", "chorus-edi flows"),
        ("--roles", "admin", "recipient, accountant"),
        ("--roles", "", "recipient, accountant"),
        ("--lang", "de", "fr ou en"),
        ("--until", "jamais", "AAAA-MM-JJ"),
        ("--profile", "peppol", "legacy-edi"),
        ("--policy", "facturx=peut-être", "NIVEAU"),
    ],
)
def test_a_wrong_value_on_the_sheet_is_one_sentence_and_nothing_is_made(cli, home, option, value, words):
    said = cli("partners", "add", "ABC123", "--name", "X", option, value, "--home", home)
    assert (said.code, said.out) == (USAGE, "")
    assert words in said.err
    assert not home.exists()


@pytest.mark.parametrize("code", ["abc123", "ABC12", "ABC/23", "../etc"])
def test_an_application_code_is_six_capitals_or_digits(cli, home, code):
    said = cli("partners", "add", code, "--name", "X", "--home", home)
    assert said.code in {USAGE, FAULT}
    assert said.err.count("\n") == 1


def test_a_sheet_may_have_quotas_of_its_own(cli, home):
    typed = ("partners", "add", "ABC001", "--name", "x", "--quota", "files_waiting=7", "--quota", "bytes_waiting=9")
    assert cli(*typed, "--home", home).code == 0
    assert "files_waiting=7" in cli("partners", "show", "ABC001", "--home", home).out
    (told,) = cli("partners", "show", "ABC001", "--home", home, "--format", "json").objects
    assert told["quota"] == {"files_waiting": 7, "bytes_waiting": 9}


@pytest.mark.parametrize(
    "wrong",
    ["", "files_waiting", "files_waiting=", "files_waiting=0", "files_waiting=-1", "files=3", "files_waiting=1_0"],
)
def test_a_quota_is_a_name_and_a_number(cli, home, wrong):
    said = cli("partners", "add", "ABC001", "--name", "x", "--quota", wrong, "--home", home)
    assert said.code == USAGE
    assert "attendu NOM=N" in said.err
