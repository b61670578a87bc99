"""A run with a real clamd: what it finds is delivered to nobody, what it cannot look at waits, and the rest goes on."""

import base64
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from services.clamav import MARKER, SIGNATURE, STREAM_MAX_BYTES, ClamdServer

from fixtures import cii
from fixtures.case import content
from fixtures.make import ROOT
from fixtures.pdf import facturx_pdf
from pipeline import runner
from pipeline.adapters import clamd as adapter
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.queries import FlowStatus
from pipeline.adapters.read_pool import ReadPool
from pipeline.cli import demo
from pipeline.cli.boundary import run as command
from pipeline.model import Received
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.running.reprocess import reprocess, shadow_verdicts
from pipeline.running.status import antivirus
from pipeline.settings import load

CLEAN = b"%PDF-1.4 a delivery note"


def opened(path: Path, reader: tuple[str, ...], address: str, **given: Any) -> Home:
    path.mkdir(parents=True, exist_ok=True)
    settings = load(path, ours="CPP001", readers=2, antivirus={"address": address, **given})
    return homes.open_home(path, settings=settings, reader=reader)


def ready(path: Path, reader: tuple[str, ...], address: str, **given: Any) -> Home:
    home = opened(path, reader, address, **given)
    runner.add_partner(home, homes.partner())
    runner.add_partner(home, homes.partner(homes.OTHER))
    runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
    return home


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...], clamd: ClamdServer) -> Iterator[Home]:
    with ready(tmp_path / "home", reader, clamd.address) as made:
        yield made


def with_attachment(number: str, attached: bytes, name: str = "bon.pdf", **changes: str) -> bytes:
    """An invoice in UBL that carries a file in base64."""
    carried = (
        "<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject "
        f'mimeCode="application/pdf" filename="{name}">{base64.b64encode(attached).decode()}'
        "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    before = b"<cac:AccountingSupplierParty>"
    return homes.ubl(number, **changes).replace(before, carried.encode() + before, 1)


def flow(home: Home, sequence: int = 1) -> FlowStatus:
    found = runner.status(home, homes.flow_name(sequence))[-1]
    assert isinstance(found, FlowStatus)
    return found


def red(home: Home) -> list[str]:
    return [f"{line.name}: {line.detail.en}" for line in runner.verify(home) if not line.ok]


def rules(found: FlowStatus) -> list[str]:
    """What refuses it."""
    return [finding.rule for finding in found.findings if finding.refuses]


# --- found, or not ----------------------------------------------------------------------------------------------------


def test_what_is_clean_goes_its_way_and_its_verdict_names_the_signatures(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), with_attachment("A-1", CLEAN))
    summary = runner.run(home)
    assert (dict(summary.flows), summary.faults) == ({"IN_INTEGRE": 1}, [])
    with home.ledger.reading() as db:
        (packs,) = db.exec_driver_sql("SELECT packs FROM verdicts").scalars()
    assert '"name":"antivirus"' in packs.replace(" ", "")
    assert "ClamAV 1." in packs
    assert red(home) == []


def test_an_infected_file_is_refused_unread_archived_and_delivered_to_nobody(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Received] = []
    right = ReadPool.submit

    def submit(pool: ReadPool, request: Any, *others: Any) -> Any:
        asked.append(request.received)
        return right(pool, request, *others)

    monkeypatch.setattr(ReadPool, "submit", submit)
    infected = homes.ubl("A-1").replace(b"Papier", MARKER)
    homes.drop(home, homes.flow_name(1), infected)
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    summary = runner.run(home)
    assert dict(summary.flows) == {"IN_REJETE": 1, "IN_INTEGRE": 1}
    assert [received.name for received in asked] == [homes.flow_name(2)]
    found = flow(home)
    assert rules(found) == ["FLW-011"]
    (report,) = (
        body for body in homes.out(home).values() if homes.flow_name(1).encode() in body and b"CPPFluxStatuts" in body
    )
    assert b"IRR_ANTIVIRUS" in report
    assert SIGNATURE.encode() in report
    assert len(homes.out(home, "PORTAL", "recipients")) == 1
    assert home.store.exists(homes.PARTNER, found.deposit.sha256)
    assert red(home) == []


def pdf_with(attached: bytes) -> bytes:
    xml = cii.write(content("AV"), "minimum")
    return facturx_pdf(xml, level="MINIMUM", lines_of_text=("FACTURE",), attachments=(("bon.txt", attached * 20),))


@pytest.mark.parametrize(
    ("document", "where"),
    [
        (with_attachment("A-1", CLEAN + MARKER), "bon.pdf"),
        (homes.archive([("a.xml", homes.ubl("A-1")), ("b.xml", with_attachment("A-2", MARKER * 9))]), "bon.pdf"),
    ],
    ids=["base64 in XML", "base64 in a member of an archive"],
)
def test_an_infected_attachment_refuses_the_flow_with_all_its_invoices(home: Home, document: bytes, where: str) -> None:
    homes.drop(home, homes.flow_name(1), document)
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    found = flow(home)
    assert rules(found) == ["FLW-011"]
    assert [f.facts for f in found.findings if f.refuses] == [{"where": where, "signature": SIGNATURE}]
    assert found.invoices == ()
    assert homes.out(home, "PORTAL", "recipients") == {}
    assert red(home) == []


def test_an_infected_member_of_an_archive_refuses_the_flow(home: Home) -> None:
    documents = [("a.xml", homes.ubl("A-1")), ("b.xml", homes.ubl("A-2").replace(b"Papier", MARKER))]
    homes.drop(home, homes.flow_name(1), homes.archive(documents))
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert rules(flow(home)) == ["FLW-011"]


def test_an_infected_file_in_a_compressed_stream_of_a_pdf_is_found(tmp_path: Path, clamd: ClamdServer) -> None:
    path = tmp_path / "home"
    path.mkdir()
    settings = load(path, ours="CPP001", readers=1, antivirus={"address": clamd.address})
    with runner.open_home(path, settings, clock=FixedClock(homes.NOON)) as home:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(home, partner)
        runner.import_directory(home, ROOT / "directory", date(2026, 11, 1))
        clean, bad = (homes.flow_name(n, "FSO1117A", "XXX999") for n in (1, 2))
        homes.drop(home, clean, pdf_with(CLEAN), "XXX999")
        homes.drop(home, bad, pdf_with(MARKER), "XXX999")
        assert MARKER not in pdf_with(MARKER)
        assert runner.run(home).faults == []
        (found,) = runner.status(home, bad)
        assert isinstance(found, FlowStatus)
        assert [f.facts for f in found.findings if f.rule == "FLW-011"] == [
            {"where": "bon.txt", "signature": SIGNATURE}
        ]
        (other,) = runner.status(home, clean)
        assert isinstance(other, FlowStatus)
        assert other.deposit.state == "IN_INTEGRE"


def test_the_same_attachment_on_many_invoices_is_scanned_once(home: Home, clamd: ClamdServer) -> None:
    before = clamd.scans()
    for sequence in range(1, 9):
        homes.drop(home, homes.flow_name(sequence), with_attachment(f"A-{sequence}", CLEAN + b"the logo of us all"))
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 8}
    assert clamd.scans() - before in {9, 10, 11}  # each of three threads may begin with it


# --- not scanned: it waits --------------------------------------------------------------------------------------------


def test_without_its_scanner_everything_waits_and_the_next_run_answers(
    home: Home, clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
    clamd.stop()
    summary = runner.run(home)
    assert (summary.waiting, dict(summary.flows), homes.out(home)) == (2, {}, {})
    assert [fault.fr.partition(" : ")[2].partition(" : ")[0] for fault in summary.faults] == [
        f"l'antivirus ne répond pas à {clamd.address}"
    ] * 2
    assert all("systemctl restart clamav-daemon, puis chorus-edi run" in fault.fr for fault in summary.faults)
    assert flow(home).deposit.state == "received"
    assert [name.partition(":")[0] for name in red(home)] == ["antivirus"]
    clamd.start()
    monkeypatch.setattr(adapter, "REST_S", 0.0)
    assert home.scanning is not None
    monkeypatch.setattr(home.scanning.scanner, "_away", None)  # as a few seconds later
    again = runner.run(home)
    assert (dict(again.flows), again.faults) == ({"IN_INTEGRE": 2}, [])
    assert red(home) == []


def test_a_scanner_that_dies_in_the_middle_of_a_lot_lets_nothing_through(home: Home, clamd: ClamdServer) -> None:
    for sequence in range(1, 21):
        homes.drop(home, homes.flow_name(sequence), homes.ubl(f"A-{sequence}"))
    seen = 0

    def stop(stage: str) -> None:
        nonlocal seen
        seen += stage == "commit"
        if clamd.process is not None and clamd.scans() > first + 3:
            clamd.stop()

    first = clamd.scans()
    asked = adapter.Clamd._ask

    def ask(scanner: adapter.Clamd, what: Any) -> str:
        stop("")
        return asked(scanner, what)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(adapter.Clamd, "_ask", ask)
        summary = runner.run(home)
    assert summary.waiting > 0
    assert summary.waiting + summary.flows["IN_INTEGRE"] == 20
    clamd.start()
    assert home.scanning is not None
    home.scanning.scanner._away = None  # type: ignore[attr-defined]
    again = runner.run(home)
    assert summary.flows["IN_INTEGRE"] + again.flows["IN_INTEGRE"] == 20
    assert red(home) == []


def test_what_is_too_long_for_it_waits_alone(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), with_attachment("A-1", CLEAN + bytes(STREAM_MAX_BYTES)))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    summary = runner.run(home)
    assert (summary.waiting, dict(summary.flows)) == (1, {"IN_INTEGRE": 1})
    (fault,) = summary.faults
    assert "StreamMaxLength, MaxFileSize et MaxScanSize" in fault.fr
    assert flow(home).deposit.state == "received"


def test_a_slow_scanner_makes_the_flow_wait(
    tmp_path: Path, reader: tuple[str, ...], clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adapter, "PATIENCE_S", 0.1)
    monkeypatch.setattr(adapter, "CONNECT_S", 0.3)
    with ready(tmp_path / "slow", reader, clamd.address, timeout_s=0.5) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        clamd.hang()
        summary = runner.run(home)
        clamd.wake()
        assert (summary.waiting, dict(summary.flows), homes.out(home)) == (1, {}, {})


def test_a_rule_that_was_switched_off_lets_no_virus_pass(
    tmp_path: Path, reader: tuple[str, ...], clamd: ClamdServer
) -> None:
    path = tmp_path / "off"
    path.mkdir()
    (path / "settings.toml").write_text('[severities]\n"FLW-011" = "off"\n')
    with ready(path, reader, clamd.address) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1").replace(b"Papier", MARKER))
        summary = runner.run(home)
        assert (summary.waiting, homes.out(home)) == (1, {})
        assert "FLW-011 refuses nothing any more" in summary.faults[0].en


# --- later ------------------------------------------------------------------------------------------------------------


def test_a_signature_that_comes_while_an_invoice_waits_refuses_it(
    home: Home, clamd: ClamdServer, tmp_path: Path
) -> None:
    runner.import_commitments(home, homes.orders(tmp_path / "orders.csv", "1234567890"), date(2026, 11, 19))
    runner.commitments_unavailable(home)
    ordered = with_attachment(
        "H-1", CLEAN + b" with news of tomorrow", recipient=homes.STATE, service="SFACETAT", order="1234567890"
    )
    homes.drop(home, homes.flow_name(1), ordered)
    assert dict(runner.run(home).invoices) == {"pending": 1}
    clamd.know("Own.Tomorrow", b"with news of tomorrow")
    try:
        clamd.reload()
        assert home.scanning is not None
        home.scanning.scanner._clean.clear()  # type: ignore[attr-defined]
        home.clock = FixedClock(homes.NOON + timedelta(days=1))
        runner.commitments_available(home)
        before = homes.out(home)
        summary = runner.run(home)
    finally:
        clamd.forget("Own.Tomorrow")
        clamd.reload()
    assert (summary.decided_later, summary.faults) == (1, [])
    (invoice,) = flow(home).invoices
    assert invoice.outcome == "refused"
    assert "FLW-011" in [finding.rule for finding in invoice.findings]
    assert homes.out(home, "PORTAL", "recipients") == {}
    new = {name: body for name, body in homes.out(home).items() if name not in before}
    assert any(name.startswith("FEN1201A") and b"Own.Tomorrow" in body for name, body in new.items())
    assert red(home) == []


def test_what_was_delivered_before_is_judged_in_the_shadow_with_the_signatures_of_today(
    home: Home, clamd: ClamdServer
) -> None:
    homes.drop(home, homes.flow_name(1), with_attachment("A-1", CLEAN + b" with news of yesterday"))
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    clamd.know("Own.Yesterday", b"with news of yesterday")
    try:
        clamd.reload()
        assert home.scanning is not None
        home.scanning.scanner._clean.clear()  # type: ignore[attr-defined]
        done = reprocess(home, flow=homes.flow_name(1))
    finally:
        clamd.forget("Own.Yesterday")
        clamd.reload()
    (shadow,) = shadow_verdicts(home, done.shadows)
    assert ["FLW-011", "fatal"] in shadow.difference["invoices"][0]["new"]
    assert flow(home).deposit.state == "IN_INTEGRE"


# --- said -------------------------------------------------------------------------------------------------------------


def test_off_is_said_and_nothing_is_scanned(
    tmp_path: Path, reader: tuple[str, ...], clamd: ClamdServer, capsys: pytest.CaptureFixture[str]
) -> None:
    before = clamd.scans()
    with homes.ready_home(tmp_path / "off", reader=reader) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
        (line,) = (one for one in runner.verify(home) if one.name == "antivirus")
        assert line.ok
        assert line.detail.fr.startswith("désactivé, aucun fichier n'est analysé")
    assert clamd.scans() == before
    assert command(["status", "--home", str(tmp_path / "off")]) == 0
    assert "désactivé, aucun fichier n'est analysé" in " ".join(capsys.readouterr().out.split())


def test_on_it_names_its_signatures_and_away_it_says_so(home: Home, clamd: ClamdServer) -> None:
    on = antivirus(home)
    assert on.trouble is None
    assert on.said.fr.startswith("ClamAV 1.")
    assert on.said.fr.endswith(clamd.address)
    clamd.stop()
    with opened(home.path, home.reader, clamd.address) as other:
        away = antivirus(other)
    assert away.trouble is not None
    assert away.said.fr.startswith("l'antivirus ne répond pas")


def test_an_installation_that_must_scan_does_not_start_without_an_address(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("[antivirus]\nrequired = true\n")
    with pytest.raises(Fault, match="nothing is accepted without an antivirus"):
        load(tmp_path)


@pytest.mark.parametrize("address", ["clamav.example.org:3310", "unix:clamd.ctl", "10.1.2.3:3310"])
def test_the_bytes_do_not_leave_the_machine(tmp_path: Path, address: str) -> None:
    with pytest.raises(Fault, match="this machine only"):
        load(tmp_path, antivirus={"address": address})


def test_the_check_before_the_drop_scans_where_it_is_told_to(
    tmp_path: Path, clamd: ClamdServer, capsys: pytest.CaptureFixture[str]
) -> None:
    clean, bad = tmp_path / "clean.xml", tmp_path / "bad.xml"
    clean.write_bytes(homes.ubl("A-1"))
    bad.write_bytes(with_attachment("A-2", MARKER))

    def said(*typed: str) -> str:
        command(["check", *typed])
        return " ".join(capsys.readouterr().out.split())

    assert "FLW-011 (sans antivirus)" in said(str(clean), "--infos")
    assert "FLW-011" not in said(str(clean), "--infos", "--antivirus", clamd.address)
    found = said(str(bad), "--antivirus", clamd.address)
    assert "FLW-011" in found
    assert SIGNATURE in found
    assert command(["check", str(clean), "--antivirus", "elsewhere:3310"]) == 2
    assert command(["check", str(clean), "--antivirus", f"unix:{tmp_path}/nobody"]) == 3
