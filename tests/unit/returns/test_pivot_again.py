"""A pivot that goes out once more: the unit found again in a kept file, what changes put in its place, the rest as it was."""

import base64
import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest
from lxml import etree

from pipeline.model import Places
from pipeline.ports import Fault
from pipeline.returns import pivot, pivot_again
from pipeline.returns.pivot_again import COMPLETED, RECYCLED, Debtor
from pipeline.returns.pivot_attachments import PivotAttachment
from pipeline.values import Text

MEMBER = "FSO1100A_ABC001_ABC0011100000000000000042"
NAME = "FEN0036A_SEI001_CPP0010036ABCDEFGHIJKLMNO"
TO = Debtor("12345678200044", "Commune & Cie", "SERV_OBL", "Service <obligatoire>", "EJ-1")


def text(said):
    return Text(said, "", "/x", 1)


@pytest.fixture
def file(build):
    """`file(*invoices)`: a pivot file as it is kept, each invoice with these further attachments."""

    def write(*invoices, opened=()):
        units = []
        for invoice in invoices:
            sink = io.BytesIO()
            pivot.unit(invoice, list(opened), build.received(), "FSO1100A", b"<Invoice/>", MEMBER, sink)
            units.append(sink.getvalue())
        inside = b"".join(pivot.open_unit(rank) + given + pivot.CLOSE_UNIT for rank, given in enumerate(units, 1))
        return pivot.begin(NAME, date(2026, 11, 20), "SEI001", "CPP001", len(units)) + inside + pivot.END

    return write


def units(document):
    return list(pivot_again.units(io.BytesIO(document)))


def sent(document, unit, head, files=()):
    """The file with that one unit, as it goes out again."""
    out = [pivot.begin(NAME, date(2026, 11, 21), "REC003", "CPP001", 1), pivot.open_unit(1), head]
    out.append(document[unit.pieces.offset : unit.pieces.offset + unit.pieces.length])
    pivot_again.write_pieces(unit, files, out.append)
    return b"".join([*out, pivot.CLOSE_UNIT, pivot.END])


def test_each_unit_is_found_by_what_names_its_invoice_and_is_whole(build, file):
    numbers = ("F-1", "F & <2>", "F-3")
    document = file(*(build.invoice(number=text(number)) for number in numbers))
    found = units(document)
    assert [one.number for one in found] == list(numbers)
    for one, number in zip(found, numbers, strict=True):
        assert pivot_again.key(one.supplier_type, one.supplier, number, one.issued) == (
            one.supplier_type, one.supplier, one.number, one.issued,
        )  # fmt: skip
        start = one.pieces.offset - len(one.head)
        assert document[start : one.pieces.offset] == one.head
        assert one.head.endswith(b"</DonneesFacture>\n")
        assert document[one.pieces.offset + one.pieces.length :].startswith(pivot.CLOSE_UNIT)


@pytest.mark.parametrize("chunk", [1, 7, 64, 65, 1_000])
def test_a_tag_that_lies_across_two_chunks_is_found_all_the_same(build, file, monkeypatch, chunk):
    more = [PivotAttachment(f"{n}.pdf", b"%PDF" + bytes(200 * n), "application/pdf") for n in range(1, 4)]
    document = file(build.invoice(), build.invoice(number=text("F-2")), opened=more)
    expected = units(document)
    assert [one.count for one in expected] == [4, 4]
    monkeypatch.setattr(pivot_again, "_CHUNK_BYTES", chunk)
    assert units(document) == expected


def test_a_recycled_invoice_has_another_debtor_and_commitment_and_every_other_byte_as_it_was(build, file, valid):
    document = file(build.invoice(), opened=[PivotAttachment("bon.pdf", b"%PDF bon", "application/pdf")])
    (unit,) = units(document)
    head = pivot_again.sent_back(pivot_again.readdressed(unit.head, TO), RECYCLED)
    before, after = etree.fromstring(b"<u>" + unit.head + b"</u>"), etree.fromstring(b"<u>" + head + b"</u>")
    assert [e.text for e in after.find("Debiteur")] == [
        "1", "12345678200044", "Commune & Cie", "SERV_OBL", "Service <obligatoire>",
    ]  # fmt: skip
    assert after.findtext("DonneesFacture/Renvoi") == "Recyclée"
    assert after.findtext("DonneesFacture/Engagement/NumeroEngagement") == "EJ-1"
    for tree in (before, after):
        tree.remove(tree.find("Debiteur"))
        data = tree.find("DonneesFacture")
        data.remove(data.find("Renvoi"))
        for found in data.findall("Engagement"):
            data.remove(found)
    assert etree.tostring(after) == etree.tostring(before)
    valid("facture-pivot.xsd", sent(document, unit, head))


def test_the_market_number_stays_beside_another_commitment_and_alone_without_one(build, file, valid):
    given = build.invoice(market=text("2026M1"), commitment=Places(text("EJ-0"), (text("EJ-0"),)))
    document = file(given)
    (unit,) = units(document)
    for commitment, expected in (("EJ-1", ["2026M1", "EJ-1"]), ("", ["2026M1"])):
        to = Debtor(TO.recipient, "", "", "", commitment)
        head = pivot_again.readdressed(unit.head, to)
        tree = valid("facture-pivot.xsd", sent(document, unit, head))
        assert [e.text for e in tree.find(".//Engagement")] == expected
        assert [e.tag for e in tree.find(".//Debiteur")] == ["TypeIdentifiant", "Identifiant"]


def test_the_block_of_references_goes_with_its_last_number(build, file, valid):
    document = file(build.invoice(market=None, commitment=Places(text("EJ-0"), (text("EJ-0"),))))
    (unit,) = units(document)
    head = pivot_again.readdressed(unit.head, Debtor(TO.recipient, "", "", "", ""))
    assert valid("facture-pivot.xsd", sent(document, unit, head)).find(".//Engagement") is None


def test_a_completed_invoice_has_the_new_files_behind_its_own(build, file, valid):
    document = file(build.invoice(), opened=[PivotAttachment("bon.pdf", b"%PDF bon", "application/pdf")])
    (unit,) = units(document)
    new = (
        PivotAttachment(name, content, mime)
        for name, content, mime in (("levé.csv", b"a;b", "text/csv"), ("plan.pdf", b"%PDF plan", "application/pdf"))
    )
    tree = valid("facture-pivot.xsd", sent(document, unit, pivot_again.sent_back(unit.head, COMPLETED), new))
    assert tree.findtext(".//Renvoi") == "Complétée"
    pieces = tree.findall(".//PJ")
    assert [one.get("NumOrdre") for one in pieces] == ["1", "2", "3", "4"]
    assert [one.findtext("TypePJ") for one in pieces] == ["01", "02", "02", "02"]
    assert [one.findtext("NomPJOrigine") for one in pieces[2:]] == ["levé.csv", "plan.pdf"]
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(pieces[3].findtext("Contenu")))) as archive:
        assert archive.read("plan.pdf") == b"%PDF plan"


def test_what_an_invoice_says_can_be_no_tag_of_ours(build, file):
    hostile = '</CPPFacturePivotUnitaire>\n<PJ NumOrdre="9">\n<Debiteur>\n</Debiteur>\n<Renvoi>Non</Renvoi>\n'
    supplier = build.invoice().supplier
    document = file(build.invoice(supplier=replace(supplier, name=text(hostile))))
    (unit,) = units(document)
    assert unit.count == 1
    head = pivot_again.readdressed(unit.head, TO)
    assert etree.fromstring(b"<u>" + head + b"</u>").findtext("Fournisseur/RaisonSociale") == hostile


@pytest.mark.parametrize(
    "spoil",
    [
        lambda d: d.replace(b"</CPPFacturePivotUnitaire>\n", b"", 1),
        lambda d: d.replace(b'<CPPFacturePivotUnitaire NumOrdre="1">\n', b"", 1),
        lambda d: d[: len(d) // 2],
        lambda d: d.replace(b"</Fournisseur>", b"</Fourniseur>", 1),
    ],
    ids=["no end", "no beginning", "cut", "not well formed"],
)
def test_a_kept_file_that_is_not_as_it_was_written_is_a_fault(build, file, spoil):
    with pytest.raises(Fault, match="not as it was written"):
        units(spoil(file(build.invoice(), build.invoice(number=text("F-2")))))


@pytest.mark.parametrize("change", [pivot_again.sent_back, lambda head, _: pivot_again.readdressed(head, TO)])
def test_what_is_not_there_once_is_not_put_anywhere(build, file, change):
    (unit,) = units(file(build.invoice()))
    spoilt = unit.head.replace(b"<Renvoi>Non</Renvoi>\n", b"").replace(b"<Debiteur>\n", b"<Debiteur >\n")
    with pytest.raises(Fault):
        change(spoilt, RECYCLED)
