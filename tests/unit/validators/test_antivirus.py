"""FLW-011: what is handed to a scanner, and what becomes of what it finds."""

import hashlib
import io
import zipfile
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest

from fixtures import cii, mixed, ubl
from fixtures.accepted_cases import DELIVERY, READABLE
from fixtures.batch import archive
from fixtures.case import PARTNER, content, flow_name
from fixtures.content import Content, PieceJointe
from fixtures.pdf import facturx_pdf
from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.codes import Severity
from pipeline.model import Extract, FlowState, Kind, Known, PackRun, Read, Received, Slice, Snapshot
from pipeline.ports import Fault, RulesRan, Scannable, Tools, XmlDocument
from pipeline.returns import message
from pipeline.returns.integration_report import render
from pipeline.terms import Terms
from pipeline.validators import antivirus
from pipeline.validators.antivirus import FOUND_MAX, Infected, scan_extracts, scan_file, unread, with_findings

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SCHEMAS = InstalledSchemas()
SCANNED, UNSCANNED = Terms(is_scanned=True), Terms()
VIRUS = b"what no invoice holds"


class NoRules:
    """Nothing is found by the official rules."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        return RulesRan(())

    def describe(self, pack: str) -> PackRun:
        return PackRun(pack, "none", "")


@dataclass
class Marked:
    """A scanner that knows one text, and remembers what it was shown."""

    signature: str = "Own.Marker"
    shown: list[bytes] = field(default_factory=list)

    def scan(self, content: Scannable) -> str:
        whole = b"".join(content.chunks())
        assert (len(whole), hashlib.sha256(whole).hexdigest()) == (content.size_bytes, content.sha256())
        self.shown.append(whole)
        return self.signature if VIRUS in whole else ""

    def describe(self) -> PackRun:
        return PackRun("antivirus", "clamd", "", "ClamAV 1.4.6/27500/today")


def read(document: bytes, code: str = "FSO1100A", terms: Terms = SCANNED) -> tuple[Read, bytes]:
    """(records, what `read` wrote beside them)."""
    digest = hashlib.sha256(document).hexdigest()
    received = Received(PARTNER, flow_name(code, "AV"), digest, len(document), NOON)
    sink = io.BytesIO()
    records = judge.read(received, io.BytesIO(document), io.BytesIO(), sink, Tools(SCHEMAS, NoRules(), terms))
    return records, sink.getvalue()


def taken_out(document: bytes, code: str = "FSO1100A") -> dict[tuple[str, str], bytes]:
    """(member, name) -> bytes of what is handed to the scanner besides the file."""
    records, spool = read(document, code)
    return {(e.member, e.name): spool[e.content.offset :][: e.content.length] for e in records.extracts}


def zipped(name: str, inside: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr(name, inside)
    return packed.getvalue()


def lot(*documents: bytes, code: str = "FSO1100A") -> bytes:
    return archive((f"{code}_{PARTNER}_{PARTNER}{code[3:7]}{rank:09d}.xml", d) for rank, d in enumerate(documents, 1))


# --- what is handed over ----------------------------------------------------------------------------------------------


def test_a_bare_invoice_without_attachment_is_its_file_and_nothing_more():
    assert taken_out(ubl.write(content("AV"))) == {}


@pytest.mark.parametrize(
    ("code", "write"),
    [
        ("FSO1110A", ubl.write),
        ("FSO1116A", lambda made: cii.write(made, "", gross_prices=True)),
        ("FSO1113A", lambda made: mixed.write([made])),
    ],
    ids=["UBL", "CII", "mixed"],
)
def test_every_attachment_is_decoded_and_one_in_a_zip_unpacked_too(code, write):
    name = flow_name(code, "AV")
    made = Content("A 1", attachments=(READABLE, replace(DELIVERY, zipped=False)))
    records, spool = read(write(made), code)
    given = [(e.name, spool[e.content.offset :][: e.content.length]) for e in records.extracts]
    assert [each for each in given if each[1] == READABLE.content or each[1] == DELIVERY.content] == [
        ("facture.pdf", READABLE.content),
        ("bon-de-livraison.pdf", DELIVERY.content),
    ]
    (packed,) = (body for _, body in given if body.startswith(b"PK"))
    assert len(given) == 3
    with zipfile.ZipFile(io.BytesIO(packed)) as file:
        assert file.read(file.namelist()[0]) == READABLE.content
    assert {e.member for e in records.extracts} == {name}


def test_what_cannot_be_opened_further_is_handed_over_as_it_was_decoded():
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as file:
        file.writestr("a.txt", b"a")
        file.writestr("b.txt", VIRUS)
    made = content("AV", attachments=(PieceJointe("deux.zip", two.getvalue(), "application/zip", zipped=False),))
    assert taken_out(ubl.write(made)) == {(flow_name("FSO1100A", "AV"), "deux.zip"): two.getvalue()}


def test_every_file_that_a_pdf_embeds_is_handed_over_xml_included():
    xml = cii.write(content("AV"), "minimum")
    others = (("bon.pdf", b"%PDF-1.4 bon"), ("autre.xml", b"<order/>"), ("archive.zip", zipped("a.txt", VIRUS)))
    pdf = facturx_pdf(xml, level="MINIMUM", lines_of_text=("FACTURE",), attachments=others)
    name = flow_name("FSO1117A", "AV")
    found = taken_out(pdf, "FSO1117A")
    assert found[name, "factur-x.xml"] == xml
    assert found[name, "autre.xml"] == b"<order/>"
    assert found[name, "bon.pdf"] == b"%PDF-1.4 bon"
    assert found[name, "archive.zip"] in {others[2][1], VIRUS}
    records, spool = read(pdf, "FSO1117A")
    zips = [spool[e.content.offset :][: e.content.length] for e in records.extracts if e.name == "archive.zip"]
    assert zips == [others[2][1], VIRUS]


def test_a_pdf_without_its_xml_hands_over_its_files_all_the_same():
    pdf = facturx_pdf(b"<x/>", level="MINIMUM", lines_of_text=("F",), attachments=(("a.txt", VIRUS),))
    assert (flow_name("FSO1117A", "AV"), "a.txt") in taken_out(pdf, "FSO1117A")


def test_every_file_of_an_archive_is_handed_over_with_its_attachments_whatever_it_is():
    signature = b'<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"/>'
    good = ubl.write(content("AV", 1, attachments=(replace(DELIVERY, zipped=False),)))
    broken = b"<Invoice>"
    documents = [("a.xml", good), ("b.xml", signature), ("c.xml", broken), ("d.bin", b"\x01\x02")]
    found = taken_out(archive(documents))
    assert {key: body for key, body in found.items() if not key[1]} == {(n, ""): body for n, body in documents}
    assert found["a.xml", "bon-de-livraison.pdf"] == DELIVERY.content


def test_pivots_lie_where_they_did_and_nothing_is_handed_over_without_a_scanner():
    document = lot(ubl.write(content("AV", 1, attachments=(DELIVERY,))), ubl.write(content("AV", 2)))
    (without, units), (with_, spool) = read(document, terms=UNSCANNED), read(document)
    assert without.extracts == ()
    assert len(spool) > len(units)

    def pivots(records: Read, body: bytes) -> list[bytes]:
        return [body[i.pivot.offset :][: i.pivot.length] for i in records.invoices if i.pivot]

    assert pivots(without, units) == pivots(with_, spool) != []
    assert replace(with_, extracts=(), invoices=()) == replace(without, invoices=())


def test_a_refused_flow_hands_over_nothing_more():
    records, _ = read(b"{}" * 50)
    assert records.is_refused
    assert records.extracts == ()


# --- what is found ----------------------------------------------------------------------------------------------------


def scanned(document: bytes, scanner: Marked, code: str = "FSO1100A", terms: Terms = SCANNED) -> Read:
    """As a run does: the file, then what was taken out."""
    digest = hashlib.sha256(document).hexdigest()
    received = Received(PARTNER, flow_name(code, "AV"), digest, len(document), NOON)
    found = scan_file(received, io.BytesIO(document), scanner)
    if found is not None:
        return unread(received, code, found, scanner, terms)
    records, spool = read(document, code, terms)
    return with_findings(records, scan_extracts(records, io.BytesIO(spool), scanner), scanner, terms)


def verdict(records: Read):
    known = Known(Snapshot("annuaire", NOON.date()))
    return judge.conclude(judge.decide(records, known, SCANNED), {}, SCANNED)


def test_a_clean_flow_goes_on_and_says_which_signatures_looked_at_it():
    records = scanned(lot(ubl.write(content("AV"))), Marked())
    assert not records.is_refused
    assert records.extracts == ()
    assert records.packs == (Marked().describe(),)
    assert len(records.invoices) == 1


def test_an_infected_file_is_refused_without_being_read():
    records = scanned(ubl.write(content("AV", note=VIRUS.decode())), Marked())
    (found,) = records.findings
    assert (found.rule, found.severity) == ("FLW-011", Severity.FATAL)
    assert found.facts == {"where": flow_name("FSO1100A", "AV"), "signature": "Own.Marker"}
    assert [(m.kind, m.findings) for m in records.members] == [(Kind.UNKNOWN, ())]
    assert (records.invoices, records.interface, records.announced) == ((), "FSO1100A", "FSO1100A")
    told = verdict(records)
    assert told.state is FlowState.REJECTED
    report = render(told, "CPP001", SCANNED).decode()
    assert "IRR_ANTIVIRUS" in report
    assert "Own.Marker" in report
    assert VIRUS.decode() not in report


def test_one_infected_attachment_refuses_the_whole_flow_and_names_its_place():
    bad = content("AV", 2, attachments=(PieceJointe("bon.pdf", b"%PDF-1.4 " + VIRUS),))
    records = scanned(lot(ubl.write(content("AV", 1)), ubl.write(bad)), Marked())
    found = records.findings[0]
    assert found.facts["where"] == "bon.pdf"
    assert found.member.endswith("000000002.xml")
    assert verdict(records).state is FlowState.REJECTED
    assert verdict(records).invoices == ()
    assert message.text(found) == "une signature de virus a été trouvée dans bon.pdf : Own.Marker"


def test_a_signature_and_a_place_are_cut_and_escaped():
    name = "a\x07" + "b" * 300
    records, _ = read(ubl.write(content("AV")))
    records = replace(records, extracts=(Extract("m.xml", name, Slice(0, len(VIRUS))),))
    (found,) = scan_extracts(records, io.BytesIO(VIRUS), Marked("Evil\x1b[31m" + "x" * 500))
    assert len(found.signature) <= 110
    assert found.signature.startswith("Evil\\x1b[31m")
    assert found.where.startswith("a\\x07b")
    assert len(found.where) <= 130


def test_many_infected_files_are_told_up_to_a_few():
    records, _ = read(ubl.write(content("AV")))
    records = replace(records, extracts=tuple(Extract("m", str(n), Slice(0, len(VIRUS))) for n in range(500)))
    scanner = Marked()
    assert len(scan_extracts(records, io.BytesIO(VIRUS), scanner)) == FOUND_MAX == len(scanner.shown)


@pytest.mark.parametrize("severity", ["off", "warning", "info", "hold"])
def test_a_rule_that_was_switched_off_lets_no_virus_pass(severity):
    terms = Terms(is_scanned=True, severities={"FLW-011": severity})
    with pytest.raises(Fault, match="refuses nothing any more"):
        scanned(ubl.write(content("AV", note=VIRUS.decode())), Marked(), terms=terms)


def test_what_was_answered_already_is_refused_invoice_by_invoice():
    records, _ = read(lot(ubl.write(content("AV", 1)), ubl.write(content("AV", 2))))
    found = (Infected("bon.pdf", "Own.Marker"),)
    later = with_findings(records, found, Marked(), SCANNED, is_answered=True)
    assert not later.is_refused
    assert [(i.findings[0].rule, i.is_refused, i.pivot) for i in later.invoices] == [("FLW-011", True, None)] * 2


def test_the_check_before_the_drop_says_that_nothing_was_scanned():
    known = Known(Snapshot("annuaire", NOON.date()), has_ledger=False)

    def left(records: Read) -> tuple[str, ...]:
        return judge.conclude(judge.decide(records, known, SCANNED), {}, SCANNED).not_judged

    records, _ = read(ubl.write(content("AV")))
    assert "FLW-011" in left(records)
    assert "FLW-011" not in left(with_findings(records, (), Marked(), SCANNED))
    assert antivirus.PACK == "antivirus"
