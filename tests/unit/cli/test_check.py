"""`check`: its options, its texts, its exit codes."""

import re
import shutil
import sys
from pathlib import Path

import pytest
from cli_samples import ARCHIVE, NOT_XML, REFUSED, SIMPLE, STATE

from fixtures.case import flow_name
from fixtures.make import ROOT
from fixtures.reference import SERVICES
from pipeline.cli import check
from pipeline.cli.boundary import USAGE
from pipeline.codes import official

DIRECTORY = ("--directory", ROOT / "directory")
EN16931 = f"FSO1100A/{flow_name('FSO1100A', 'EN16931')}"
CLEAN = f"FSO1106A/{flow_name('FSO1106A', 'EN16931')}"  # not even a warning
FACTURX = f"FSO1117A/{flow_name('FSO1117A', 'EN16931')}"
WRONG_LEVEL = f"refused/xml-011/{flow_name('FSO1117A', 'XML-011')}"
UNKNOWN_RECIPIENT = f"refused/rtg-001/{flow_name('FSO1100A', 'RTG-001')}"
PDF_WITHOUT_XML = f"refused/pdf-003/{flow_name('FSO1117A', 'PDF-003')}"


def rules(verdict: dict) -> dict[str, str]:
    """Rule -> severity, of a whole verdict."""
    found = [*verdict["findings"], *(f for invoice in verdict["invoices"] for f in invoice["findings"])]
    return {f["rule"]: f["severity"] for f in found}


def test_a_good_flow_is_one_line_and_0(cli):
    said = cli("check", ROOT / CLEAN, *DIRECTORY)
    assert (said.code, said.err) == (0, "")
    assert said.out == f"✔ {ROOT / CLEAN}  FSO1106A  IN_INTEGRE  (1 intégrée)\n"


def test_a_refusal_names_rule_place_value_and_remedy_and_is_1(cli):
    said = cli("check", ROOT / REFUSED)
    assert said.code == 1
    text = " ".join(said.out.split())
    for words in ("✘", "facture FX-GEN-002-VINGT-ET-1 : refusée", "erreur GEN-002 BT-1, ligne", "→"):
        assert words in text


def test_in_english_everything_is_in_english(cli):
    said = cli("check", ROOT / REFUSED, ROOT / SIMPLE, "--lang", "en")
    assert "invoice FX-GEN-002-VINGT-ET-1 : refused" in said.out
    assert "2 files: 1 good, 1 with a refusal" in said.out
    assert "ligne" not in said.out


def test_several_files_end_with_a_count(cli):
    said = cli("check", ROOT / REFUSED, ROOT / SIMPLE)
    assert said.out.endswith("2 fichiers : 1 bon, 1 avec un refus\n")
    assert cli("check", ROOT / EN16931, ROOT / SIMPLE).out.endswith("2 fichiers : 2 bons, 0 avec un refus\n")


def test_json_is_one_object_per_file_with_the_profile(cli):
    told = cli("check", "--format", "json", ROOT / SIMPLE, ROOT / REFUSED).objects
    assert [v["state"] for v in told] == ["IN_INTEGRE", "IN_REJETE"]
    assert {v["profile"] for v in told} == {"legacy-edi"}
    assert {v["directory"] for v in told} == {None}


def test_a_folder_is_walked_for_what_looks_like_a_flow_or_an_invoice(cli, tmp_path):
    (tmp_path / "deep").mkdir()
    shutil.copy(ROOT / SIMPLE, tmp_path / "deep" / "facture.XML")
    shutil.copy(ROOT / ARCHIVE, tmp_path / "lot.tar.gz")
    shutil.copy(ROOT / SIMPLE, tmp_path)
    shutil.copy(ROOT / FACTURX, tmp_path / "facture.pdf")
    (tmp_path / "notes.txt").write_text("rien", encoding="utf-8")
    told = cli("check", "--format", "json", tmp_path).objects
    names = [Path(v["file"]).name for v in told]
    assert names == [Path(SIMPLE).name, "facture.XML", "facture.pdf", "lot.tar.gz"]


def test_a_file_named_is_judged_whatever_it_is_called(cli, tmp_path):
    copied = tmp_path / "notes.txt"
    shutil.copy(ROOT / SIMPLE, copied)
    (told,) = cli("check", "--format", "json", copied).objects
    assert (told["state"], told["flow"]) == ("IN_INTEGRE", "FSO1100A")


def test_a_folder_with_nothing_in_it_is_a_slip(cli, tmp_path):
    said = cli("check", tmp_path)
    assert said.code == USAGE
    assert "aucun fichier" in said.err


def test_routing_is_judged_with_a_directory_only(cli):
    (without,) = cli("check", "--format", "json", ROOT / UNKNOWN_RECIPIENT).objects
    assert (without["state"], without["directory"]) == ("IN_INTEGRE", None)
    assert "RTG-*" in without["not_judged"]
    (told,) = cli("check", "--format", "json", ROOT / UNKNOWN_RECIPIENT, *DIRECTORY).objects
    assert rules(told)["RTG-001"] == "error"
    assert "RTG-*" not in told["not_judged"]
    assert "CMT-*" in told["not_judged"]
    assert told["directory"]["snapshot"] == "directory"


def test_the_names_of_an_issuer_are_put_in_place_before_routing(cli, tmp_path):
    named = ROOT / "warned" / "rtg-013" / "FSO1100A_WWW666_WWW6661100RTG013000000002"
    without = cli("check", named, *DIRECTORY, "--format", "json")
    said = cli("check", named, *DIRECTORY, "--mapping", ROOT / "mapping.csv", "--format", "json")
    (told,) = said.objects
    assert (without.code, said.code, told["state"]) == (1, 0, "IN_INTEGRE")
    (invoice,) = told["invoices"]
    assert (invoice["recipient"], invoice["service"]) == (SERVICES.siret, "DSI")
    assert [(f["at"], f["value"]) for f in invoice["findings"] if f["rule"] == "RTG-013"] == [
        ("BT-47", "Client-0042"), ("BT-10", "Informatique"),
    ]  # fmt: skip
    shown = cli("check", named, *DIRECTORY, "--mapping", ROOT / "mapping.csv", "--infos").out
    assert "« Informatique » (service) est remplacé par DSI" in " ".join(shown.split())


def test_a_mapping_that_cannot_be_read_names_its_lines_and_needs_a_directory(cli, tmp_path):
    wrong = tmp_path / "noms.csv"
    wrong.write_text("kind;siret;written;code\nlabel;1;;\nalias;x;a;\n", encoding="utf-8")
    said = cli("check", ROOT / SIMPLE, *DIRECTORY, "--mapping", wrong, "--lang", "en")
    assert said.code == USAGE
    assert [line.partition(":")[0] for line in said.err.splitlines()] == [
        "noms.csv, line 2, column written", "noms.csv, line 3, column siret",
    ]  # fmt: skip
    said = cli("check", ROOT / SIMPLE, "--mapping", wrong)
    assert (said.code, "--directory CHEMIN" in said.err) == (USAGE, True)


def test_a_directory_that_cannot_be_read_is_one_sentence(cli, tmp_path):
    wrong = tmp_path / "annuaire.csv"
    wrong.write_text("colonne;autre\n1;2\n", encoding="utf-8")
    said = cli("check", ROOT / SIMPLE, "--directory", wrong)
    assert (said.code, said.out) == (USAGE, "")
    assert said.err.count("\n") == 1


def test_an_interface_code_may_be_asked_for(cli, tmp_path):
    copied = tmp_path / "facture.xml"
    shutil.copy(ROOT / SIMPLE, copied)
    (told,) = cli("check", "--format", "json", copied, "--interface", "FSO1130A").objects
    assert told["flow"] == "FSO1130A"
    assert rules(told)["WRK-001"] == "error"


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--interface", "FSO1104A", "code inconnu ou non ouvert"),
        ("--interface", "FSO9999A", "chorus-edi flows"),
        ("--profile", "peppol", "legacy-edi ou ctc-b2g"),
        ("--with", "xrechnung", "attendu br-fr"),
        ("--policy", "facturx", "NOM=NIVEAU"),
        ("--policy", "facturx=maybe", "error, warning, off"),
        ("--policy", "xsd=off", "facturx, en16931, pdfa, br-fr"),
    ],
)
def test_an_option_with_a_wrong_value_is_one_sentence(cli, option, value, words):
    said = cli("check", ROOT / SIMPLE, option, value)
    assert (said.code, said.out) == (USAGE, "")
    assert words in said.err
    assert value in said.err


def test_a_policy_loosens_the_rules_of_a_level(cli):
    (strict,) = cli("check", "--format", "json", ROOT / WRONG_LEVEL).objects
    assert (strict["state"], rules(strict)["XML-011"]) == ("IN_REJETE", "error")
    (loose,) = cli("check", "--format", "json", ROOT / WRONG_LEVEL, "--policy", "facturx=warning").objects
    assert (loose["state"], rules(loose)["XML-011"]) == ("IN_INTEGRE", "warning")
    (off,) = cli("check", "--format", "json", ROOT / WRONG_LEVEL, "--policy", "facturx=off").objects
    assert (off["state"], off["packs"]) == ("IN_INTEGRE", [])
    assert "XML-011" not in rules(off)


def test_the_french_rules_are_shown_when_asked_for_and_refuse_nothing(cli):
    (told,) = cli("check", "--format", "json", ROOT / EN16931, "--with", "br-fr").objects
    assert told["state"] == "IN_INTEGRE"
    assert [pack["name"] for pack in told["packs"]] == ["br-fr-ubl", "en16931-ubl"]
    shown = [f for f in told["invoices"][0]["findings"] if f["pack"] == "br-fr-ubl"]
    assert shown
    assert {f["severity"] for f in shown} == {"info"}
    assert all(f["rule"].startswith("BR-FR") for f in shown)
    text = cli("check", ROOT / EN16931, "--with", "br-fr", "--infos").out
    assert "BR-FR" in text
    assert "BR-FR" not in cli("check", ROOT / EN16931, "--infos").out


def test_the_reform_holds_a_document_to_other_rules(cli):
    (told,) = cli("check", "--format", "json", ROOT / SIMPLE, "--profile", "ctc-b2g").objects
    assert told["profile"] == "ctc-b2g"
    assert told["state"] == "IN_REJETE"
    assert {pack["name"] for pack in told["packs"]} == {"br-fr-ubl", "en16931-ubl"}


def test_of_an_archive_each_invoice_names_its_file_and_of_many_findings_the_first_are_shown(cli, tmp_path):
    said = cli("check", ROOT / f"refused/dup-002/{flow_name('FSO1100A', 'DUP-002')}")
    assert "facture FX DUP-002/1 (FSO1100A_XXX999_XXX9991100000000003.xml) : refusée" in said.out
    wrong = tmp_path / "facture.xml"
    line = "<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:LineExtensionAmount currencyID='EUR'>dix</cbc:LineExtensionAmount><cac:Item/></cac:InvoiceLine>"
    document = (ROOT / SIMPLE).read_text(encoding="utf-8")
    wrong.write_text(document.replace("</Invoice>", line * 30 + "</Invoice>"), encoding="utf-8")
    french = cli("check", wrong).out
    assert french.count("XML-010") == 20
    assert "… et 10 autres (--format json les donne tous)" in french
    assert "… and 10 more" in cli("check", wrong, "--lang", "en").out


def test_informations_are_shown_on_demand(cli):
    assert "IDN-003" not in cli("check", ROOT / SIMPLE).out
    assert "IDN-003" in cli("check", ROOT / SIMPLE, "--infos").out


def test_a_number_that_comes_twice_in_the_files_given_is_a_double(cli, tmp_path):
    again = tmp_path / "encore.xml"
    shutil.copy(ROOT / SIMPLE, again)
    first, second = cli("check", "--format", "json", ROOT / SIMPLE, again).objects
    assert (first["state"], second["state"]) == ("IN_INTEGRE", "IN_REJETE")
    assert rules(second)["DUP-002"] == "error"


def test_what_only_a_platform_can_tell_is_named(cli):
    (told,) = cli("check", "--format", "json", ROOT / STATE, *DIRECTORY).objects
    assert told["not_judged"] == [
        "FLW-005", "FLW-006", "FLW-007", "FLW-011", "FLW-012", "FLW-013", "PTY-020", "PTY-021", "DUP-001", "DUP-003", "CRN-004", "CMT-*",
    ]  # fmt: skip
    assert not {"PTY-020", "CMT-001", "CMT-005", "CMT-008"} & set(rules(told))


def test_findings_on_files_name_their_file(cli):
    assert " ".join(cli("check", ROOT / PDF_WITHOUT_XML).out.split()).count(Path(PDF_WITHOUT_XML).name) > 1
    assert "FLW-014" in cli("check", ROOT / NOT_XML).out


def test_on_a_terminal_many_files_get_a_progress_bar(monkeypatch, capsys):
    files = [Path(str(n)) for n in range(25)]
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert list(check._with_progress(files)) == files
    assert list(check._with_progress(files[:3])) == files[:3]


def test_nothing_is_written(cli, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cli("check", ROOT / ARCHIVE, *DIRECTORY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sample", "taken", "given", "rule", "at", "element"),
    [
        (EN16931, rb"<cbc:PayableAmount ([^>]*)>[^<]*<", rb"<cbc:PayableAmount \1>1.00<", "BR-CO-16", "BT-115", "cac:LegalMonetaryTotal/cbc:PayableAmount"),
        (CLEAN, rb"(<ram:DuePayableAmount[^>]*>)[^<]*<", rb"\g<1>1.00<", "BR-CO-16", "BT-115", "ram:SpecifiedTradeSettlementHeaderMonetarySummation/ram:DuePayableAmount"),
    ],
)  # fmt: skip
def test_an_official_rule_is_told_in_our_words_with_the_element_of_the_syntax(
    cli, tmp_path, sample, taken, given, rule, at, element
):
    copied = tmp_path / "facture.xml"
    written, count = re.subn(taken, given, (ROOT / sample).read_bytes(), flags=re.DOTALL)
    assert count == 1
    copied.write_bytes(written)
    (told,) = cli("check", "--format", "json", copied).objects
    found = [f for invoice in told["invoices"] for f in invoice["findings"] if f["rule"].startswith("BR-")]
    assert [f["rule"] for f in found] == [rule]
    ours = official.ALL[rule]
    assert found[0]["at"] == at
    assert found[0]["message"].startswith(f"{rule} : {ours.message_fr} ; texte officiel : Amount due for payment")
    assert found[0]["remedy"] == f"{ours.remedy_fr} ; élément {element}"


@pytest.mark.parametrize("engine", ["saxon", "compiled", "both"])
def test_the_engine_is_chosen_and_named_and_finds_the_same(cli, engine):
    (chosen,) = cli("check", ROOT / EN16931, "--engine", engine, "--format", "json").objects
    (given,) = cli("check", ROOT / EN16931, "--format", "json").objects
    assert [pack.pop("engine") for pack in chosen["packs"]] == [engine]
    assert [pack.pop("engine") for pack in given["packs"]] == ["compiled"]
    assert chosen == given
    assert chosen["invoices"][0]["findings"]


def test_an_engine_that_does_not_exist_is_one_sentence(cli):
    said = cli("check", ROOT / EN16931, "--engine", "xslt")
    assert said.code == USAGE
    assert said.err == "chorus-edi : --engine xslt : attendu l'un de compiled, saxon, both\n"


def test_a_cache_that_cannot_be_used_is_one_warning_and_the_same_verdict(cli, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    before = cli("check", ROOT / EN16931, ROOT / CLEAN)
    monkeypatch.setenv("CHORUS_EDI_CACHE", str(tmp_path / "file"))
    after = cli("check", ROOT / EN16931, ROOT / CLEAN)
    assert (after.code, after.out) == (before.code, before.out)
    assert after.err.count("\n") == 1
    assert "sans effet sur les verdicts" in after.err
    assert "verdicts are the same" in cli("check", ROOT / EN16931, "--lang", "en").err


def test_a_check_of_compiled_rules_starts_no_process(cli, monkeypatch):
    import subprocess

    def refused(*given: object, **_: object) -> None:
        raise AssertionError(given)

    assert cli("check", ROOT / FACTURX).code == 0  # the program is in the cache now
    monkeypatch.setattr(subprocess, "Popen", refused)
    assert cli("check", ROOT / FACTURX).code == 0
