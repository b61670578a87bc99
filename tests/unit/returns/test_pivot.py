"""The pivot: one invoice as a recipient's system takes it, with its files, streamed and cut into parts."""

import base64
import io
import zipfile
from dataclasses import replace
from datetime import date

import pytest

from pipeline import model as m
from pipeline.ports import Fault
from pipeline.returns import names, pivot, pivot_invoice
from pipeline.returns.pivot import PivotAttachment
from pipeline.returns.pivot_attachments import zipped
from pipeline.terms import PivotLimits
from pipeline.values import Amount, Day, Text

XML = b"<Invoice>F-2026-001</Invoice>"
PDF = b"%PDF-1.7 facture"
MEMBER = "FSO1100A_ABC001_ABC0011100000000000000042"


def unit(build, invoice, opened=(), interface="FSO1100A", document=XML, member=MEMBER):
    sink = io.BytesIO()
    pivot.unit(invoice, list(opened), build.received(), interface, document, member, sink)
    return sink.getvalue()


def whole(*units, name="FEN0036A_SEI001_CPP0010036ABCDEFGHIJKLMNO", day=date(2026, 11, 20)):
    inside = b"".join(pivot.open_unit(rank) + given + pivot.CLOSE_UNIT for rank, given in enumerate(units, 1))
    return pivot.begin(name, day, "SEI001", "CPP001", len(units)) + inside + pivot.END


@pytest.fixture
def written(build, valid):
    """`written(invoice, ...)`: the tree of a pivot with that invoice, valid under our schema."""

    def write(invoice=None, opened=(), **flow):
        return valid("facture-pivot.xsd", whole(unit(build, invoice or build.invoice(), opened, **flow)))

    return write


def texts(tree, *tags):
    return [tree.findtext(f".//{tag}") for tag in tags]


def carried(tree):
    """(name, name as received, category, type, MIME, content) of each attachment, unzipped."""
    found = []
    for piece in tree.iter("PJ"):
        with zipfile.ZipFile(io.BytesIO(base64.b64decode(piece.findtext("Contenu"), validate=True))) as archive:
            (inner,) = archive.infolist()
            assert (inner.filename, inner.date_time, inner.compress_type) == (
                piece.findtext("NomPJ"),
                (1980, 1, 1, 0, 0, 0),
                zipfile.ZIP_STORED,
            )
            assert archive.testzip() is None
            content = archive.read(inner)
        found.append(
            (
                *(piece.findtext(tag) for tag in ("NomPJ", "NomPJOrigine", "CategoriePJ", "TypePJ", "MimeTypePJ")),
                content,
            )
        )
    return found


def test_a_pivot_holds_the_invoice_and_its_xml(build, valid, golden):
    name = names.pivot_name(build.received(), "SEI001", "CPP001")
    given = whole(unit(build, build.invoice()), unit(build, build.invoice(number=build.text("F-2026-002"))), name=name)
    tree = valid("facture-pivot.xsd", given)
    assert tree.get("Version") == "V2_02"
    assert tree.xpath("//CPPFactures/@Compteur") == ["2"]
    assert tree.xpath("//CPPFacturePivotUnitaire/@NumOrdre") == ["1", "2"]
    assert texts(tree, "Recepteur/Id", "Emetteur/Id") == ["SEI001", "CPP001"]
    golden("pivot-two-invoices.xml", given)


def test_what_is_read_back_is_what_the_invoice_says(written):
    tree = written()
    assert texts(tree, "Fournisseur/Identifiant", "RaisonSociale", "CodePays", "ModeEmission") == [
        "12345678900011",
        "Ateliers Lune & Fils",
        "FR",
        "flux",
    ]
    assert texts(tree, "Debiteur/Identifiant", "CodeService", "NomService") == ["99986401570264", "SERVICE-1", "Voirie"]
    assert texts(tree, "Id[.='F-2026-001']", "Renvoi", "Type", "Cadre", "Devise") == [
        "F-2026-001",
        "Non",
        "380",
        "A2",
        "EUR",
    ]
    assert texts(tree, "DateEmissionFacture", "DateLivraison", "DateReception") == [
        "2026-11-18",
        "2026-11-17",
        "2026-11-20",
    ]
    assert texts(tree, "Montants/MontantHT", "MontantTTC", "MontantNetAPayer") == ["1000.00", "1200.00", "1200.00"]
    assert texts(tree, "TVA/Taux", "TVA/BaseHt", "TVA/MontantTVA") == ["20.00", "1000.00", "200.00"]
    assert texts(tree, "NumeroMarche", "NumeroEngagement") == ["2026-M-17", "4500012345"]
    assert texts(tree, "ReferenceProduit", "PrixUnitaire", "Quantite", "Ligne/MontantHT", "TauxTVA") == [
        "Table <chêne>",
        "250.00",
        "4",
        "1000.00",
        "20.00",
    ]
    assert tree.xpath("//Ligne/@NumOrdre") == ["1"]


def test_an_invoice_of_the_least_is_enough(written, build):
    bare = build.invoice(
        type=None, framework=None, delivered=None, service=m.Places(), service_name=None, commitment=m.Places(), market=None,
        payment_code=None, payment_note=None, account=m.AccountGiven(), vat_lines=(), lines=(),
        recipient=m.Party(identifier=build.text("99986401570264")),
    )  # fmt: skip
    tree = written(bare)
    assert texts(tree, "Type", "Cadre", "ModePaiement/Code", "ModePaiement/Libelle") == ["380", "A1", "30", "Virement"]
    for tag in (
        "ReferenceBancaire",
        "DateLivraison",
        "TVAs",
        "Engagement",
        "Lignes",
        "CodeService",
        "Nom",
        "IdFactureOrigine",
    ):
        assert tree.find(f".//{tag}") is None


# --- the invoice ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "told"), [("380", "380"), ("381", "381"), *((str(n), "380") for n in range(382, 387))]
)
def test_the_pivot_knows_invoices_and_credit_notes(written, build, given, told):
    assert texts(written(build.invoice(type=build.text(given))), "Type") == [told]


def test_a_credit_note_names_its_original_and_an_invoice_does_not(written, build):
    origins = (build.text("F-2025-900"), build.text("F-2025-901"))
    assert texts(written(build.invoice(type=build.text("381"), origins=origins)), "IdFactureOrigine") == ["F-2025-900"]
    assert texts(written(build.invoice(origins=origins)), "IdFactureOrigine") == [None]
    credit_note = build.invoice(type=None, root="CreditNote", origins=origins)
    assert texts(written(credit_note), "Type", "IdFactureOrigine") == ["381", "F-2025-900"]


@pytest.mark.parametrize("code", ["10", "20", "30", "31", "42", "48", "49", "97"])
def test_a_payment_code_of_the_pivot_stays(written, build, code):
    assert texts(
        written(build.invoice(payment_code=build.text(code))), "ModePaiement/Code", "ModePaiement/Libelle"
    ) == [code, "à 30 jours"]


def test_a_sepa_direct_debit_is_a_direct_debit(written, build):
    assert texts(written(build.invoice(payment_code=build.text("59"))), "ModePaiement/Code") == ["49"]


@pytest.mark.parametrize("code", ["01", "50", "57", "58", "93", "ZZ"])
def test_any_other_payment_code_is_a_transfer(written, build, code):
    assert texts(
        written(build.invoice(payment_code=build.text(code))), "ModePaiement/Code", "ModePaiement/Libelle"
    ) == ["30", "Virement"]


def test_the_account_is_an_iban_or_a_rib(written, build):
    iban = written()
    assert iban.xpath("//ReferenceBancaire/@Type") == ["IBAN"]
    assert texts(iban, "Compte", "Etablissement", "RaisonSocialeEncaisseur") == [
        "FR7630001007941234567890185",
        "BDFEFRPPCCT",
        "Lune",
    ]
    rib = written(
        build.invoice(
            account=m.AccountGiven(rib=build.text("30001007941234567890185")),
            payee=m.Party(name=build.text("Affacturage SA")),
        )
    )
    assert rib.xpath("//ReferenceBancaire/@Type") == ["RIB"]
    assert texts(rib, "Compte", "Etablissement", "RaisonSocialeEncaisseur") == [
        "30001007941234567890185",
        None,
        "Affacturage SA",
    ]


@pytest.mark.parametrize(
    ("kind", "identifier", "country", "told"),
    [
        ("1", "12345678900011", None, "FR"),
        ("1", "12345678900011", "BE", "BE"),
        ("2", "DE123456789", None, "DE"),
        ("3", "chLUNE", None, "CH"),
        ("3", "1LUNE", "??", "FR"),
        ("4", "1234567890", None, "FR"),
        ("7", "1850175001", None, "FR"),
    ],
)
def test_the_country_of_a_supplier_is_given_or_implied(written, build, kind, identifier, country, told):
    supplier = m.Party(
        identifier=build.text(identifier),
        identifier_type=kind,
        name=build.text("L"),
        address=m.Address(country=build.text(country) if country else None),
    )
    assert texts(written(build.invoice(supplier=supplier)), "Fournisseur/CodePays") == [told]


def test_a_market_number_too_long_for_the_pivot_stays_out(written, build):
    tree = written(build.invoice(market=build.text("M" * 51)))
    assert texts(tree, "NumeroMarche", "NumeroEngagement") == [None, "4500012345"]


def test_a_commitment_number_too_long_for_the_pivot_stays_out(written, build):
    """REF-002 refuses it; an installation may have softened the rule."""
    tree = written(build.invoice(commitment=m.Places(build.text("9" * 51)), market=None))
    assert tree.find(".//Engagement") is None


def line(build, id="1", **changed):
    given = {"quantity": build.amount("4"), "total": build.amount("10.00"), "price": build.amount("2.5")} | changed
    return m.Line("/l", 1, build.text(id), **given)


def test_lines_without_price_or_quantity_leave_no_part_of_the_lines(written, build):
    lines = (line(build), line(build, "2", price=None))
    assert written(build.invoice(lines=lines)).find(".//Lignes") is None


def test_lines_that_do_not_count_stay_out(written, build):
    lines = (line(build), line(build, "2", type=build.text("REGROUPEMENT")), line(build, "3"))
    assert written(build.invoice(lines=lines)).xpath("//Ligne/@NumOrdre") == ["1", "3"]


@pytest.mark.parametrize(
    ("ids", "told"),
    [(("10", "20"), ["10", "20"]), (("1.1", "1.2"), ["1", "2"]), (("1", "01"), ["1", "2"]), (("A", "7"), ["1", "2"])],
)
def test_lines_keep_their_numbers_where_they_are_numbers(written, build, ids, told):
    assert written(build.invoice(lines=tuple(line(build, id) for id in ids))).xpath("//Ligne/@NumOrdre") == told


@pytest.mark.parametrize(
    ("price", "per", "told"),
    [("250", "100", "2.500000"), ("10", "3", "3.333333"), ("2.5", "1", "2.5"), ("2.5", "0", "2.5")],
)
def test_a_price_for_several_units_is_told_for_one(written, build, price, per, told):
    priced = line(build, price=build.amount(price), base_quantity=build.amount(per))
    assert texts(written(build.invoice(lines=(priced,))), "PrixUnitaire") == [told]


def test_a_vat_line_without_rate_has_rate_zero_and_one_without_amount_leaves_none(written, build):
    exempt = m.VatLine(build.amount("1000.00"), build.amount("0.00"))
    assert texts(written(build.invoice(vat_lines=(exempt,))), "TVA/Taux") == ["0"]
    assert written(build.invoice(vat_lines=(exempt, m.VatLine(build.amount("1"))))).find(".//TVAs") is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"number": None}, "BT-1"),
        ({"issued": Day("2026-13-01", None, "BT-2", "", 1)}, "BT-2"),
        ({"total_net": Amount("NaN", None, "BT-109", "", 1)}, "BT-109"),
        ({"supplier": m.Party()}, "BT-27, BT-30"),
        ({"recipient": m.Party()}, "BT-47"),
        ({"framework": Text("S1", "BT-23", "", 1)}, "BT-23"),
        ({"framework": Text("A26", "BT-23", "", 1)}, "BT-23"),
        ({"currency": Text("eur", "BT-5", "", 1)}, "BT-5"),
        ({"service": m.Places(Text("S" * 101, "BT-10", "", 1))}, "BT-10"),
        ({"type": Text("381", "BT-3", "", 1), "origins": (Text("F" * 21, "BT-25", "", 1),)}, "BT-25"),
    ],
)
def test_an_invoice_that_no_pivot_can_hold_is_our_fault(build, changed, told):
    with pytest.raises(Fault, match=told):
        unit(build, build.invoice(**changed))


# --- the attachments ------------------------------------------------------------------------------------------------


def test_a_structured_flow_carries_its_xml_even_with_a_pdf_beside_it(written):
    pdf = PivotAttachment("facture.pdf", PDF, "application/pdf", "", is_pdf=True)
    assert carried(written(opened=[pdf])) == [
        (f"{MEMBER}.xml", None, "Facture XML", "01", "application/xml", XML),
        ("facture.pdf", "facture.pdf", "Pièce jointe standard", "02", "application/pdf", PDF),
    ]


def test_a_mixed_flow_carries_its_readable_invoice_first(written):
    order = PivotAttachment("bon.pdf.txt", b"bon", "text/plain", "Bon de commande")
    pdf = PivotAttachment("facture", PDF, "application/pdf", "Facture", is_pdf=True)
    other = PivotAttachment("annexe.pdf", PDF, "", "", is_pdf=True)
    assert [c[:5] for c in carried(written(opened=[order, pdf, other], interface="FSO1110A"))] == [
        ("facture.pdf", None, "Facture PDF", "01", "application/pdf"),
        ("bon.pdf.txt", "bon.pdf.txt", "Bon de commande", "02", "text/plain"),
        ("annexe.pdf", "annexe.pdf", "Pièce jointe standard", "02", "application/pdf"),
    ]


@pytest.mark.parametrize("interface", ["FSO1110A", "FSO1116A", "FSO1131A"])
def test_a_mixed_flow_without_a_readable_invoice_carries_its_xml(written, interface):
    assert carried(written(interface=interface))[0][:4] == (f"{MEMBER}.xml", None, "Facture XML", "01")


def test_a_cpp_mixed_invoice_carries_its_first_attachment_of_type_01(written, build):
    opened = [
        PivotAttachment("annexe.pdf", PDF, "", "", True, "02"),
        PivotAttachment("facture.tif", b"II*", "", "x" * 60, False, "01"),
    ]
    told = carried(written(build.invoice(kind=m.Kind.MIXED), opened, interface="FSO1113A"))
    assert [c[:5] for c in told] == [
        ("facture.tif", None, "Facture PDF", "01", "image/tiff"),
        ("annexe.pdf", "annexe.pdf", "Pièce jointe standard", "02", "application/pdf"),
    ]


def test_a_facturx_carries_the_whole_pdf_then_its_other_files(written, build):
    embedded = PivotAttachment("releve.csv", b"a;b", "text/csv")
    told = carried(
        written(build.invoice(kind=m.Kind.FACTURX), [embedded], interface="FSO1117A", document=PDF, member="F1")
    )
    assert [c[:5] for c in told] == [
        ("F1.pdf", None, "Facture PDF", "01", "application/pdf"),
        ("releve.csv", "releve.csv", "Pièce jointe standard", "02", "text/csv"),
    ]
    assert told[0][5] == PDF


@pytest.mark.parametrize(
    ("given", "told", "original"),
    [
        ("bon de livraison_1.PDF", "bon de livraison_1.PDF", "bon de livraison_1.PDF"),
        ("pièce.pdf", "F-26-8_2.pdf", "pièce.pdf"),
        ("../../etc/passwd", "F-26-8_2.bin", "../../etc/passwd"),
        ("..", "F-26-8_2.bin", ".."),
        ("x" * 47 + ".pdf", "F-26-8_2.pdf", None),
        ("a\x00b.pdf", "F-26-8_2.pdf", "a\\x00b.pdf"),
        ("", "F-26-8_2.bin", None),
    ],
)
def test_a_name_that_no_system_takes_becomes_number_and_rank(written, build, given, told, original):
    invoice = build.invoice(number=build.text("F/26+8"))
    assert carried(written(invoice, [PivotAttachment(given, b"x")]))[1][:2] == (told, original)


def test_a_category_is_cut_at_what_the_pivot_takes(written):
    assert carried(written(opened=[PivotAttachment("a.txt", b"x", "", "c" * 51)]))[1][2] == "c" * 50


def test_an_attachment_without_mime_is_named_by_its_extension(written):
    told = carried(written(opened=[PivotAttachment("a.XLSX", b"x"), PivotAttachment("a.p7s", b"x")]))
    assert told[1][4] == "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
    assert told[2][4] == "application/octet-stream"


@pytest.mark.parametrize("size", [0, 1, 2, 3, 196_607, 196_608, 196_609, 1_000_000])
def test_the_zip_of_any_size_reads_back(size):
    content = bytes(range(256)) * (size // 256) + b"\x00" * (size % 256)
    pieces = list(zipped("a.bin", content))
    assert max(map(len, pieces)) <= 4 * 65 * 1024 + 8
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(b"".join(pieces), validate=True))) as archive:
        assert archive.read("a.bin") == content


def test_the_same_invoice_gives_the_same_bytes(build):
    assert unit(build, build.invoice()) == unit(build, build.invoice())


def test_hostile_texts_never_break_the_file(written, build):
    tree = written(build.invoice(service_name=build.text("]]><PJ>&\x00\r\ud800"), payment_note=build.text("<!--")))
    assert texts(tree, "NomService", "ModePaiement/Libelle") == ["]]><PJ>&\\x00\\x0d\\ud800", "<!--"]


# --- mapped after it was read ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", ["", "DRH & Cie"])
@pytest.mark.parametrize(
    "given", [{}, {"service": m.Places()}, {"recipient": m.Party(name=Text("<Client>", "", "", 0))}]
)
def test_a_unit_leaves_with_the_recipient_and_service_that_its_invoice_was_mapped_to(build, valid, service, given):
    """Its head alone is written anew; all that follows stays byte for byte."""
    sink = io.BytesIO()
    invoice = build.invoice(**given)
    pivot.unit(invoice, [], build.received(), "FSO1100A", XML, MEMBER, sink, is_to_be_mapped=True)
    before = sink.getvalue()
    head, rest = (
        before[: before.index(pivot_invoice.DEBTOR_END) + 40],
        before[before.index(pivot_invoice.DEBTOR_END) + 40 :],
    )
    after = pivot_invoice.mapped(head, "12345678200051", service) + rest
    tree = valid("facture-pivot.xsd", whole(after))

    assert texts(tree, "Debiteur/Identifiant", "Debiteur/CodeService") == ["12345678200051", service or None]
    assert tree.findtext(".//Debiteur/Nom") == (invoice.recipient.name.text if invoice.recipient.name else None)
    assert texts(tree, "Renvoi") == ["Non"]
    ends = [one.partition(b"<Debiteur>")[0] + one.partition(b"</Debiteur>")[2] for one in (before, after)]
    assert ends[0] == ends[1]


def test_what_may_be_mapped_is_all_that_a_unit_may_lack(build):
    nameless = build.invoice(recipient=m.Party(), service=m.Places(Text("x" * 101, "BT-10", "", 0)))
    sink = io.BytesIO()
    pivot.unit(nameless, [], build.received(), "FSO1100A", XML, MEMBER, sink, is_to_be_mapped=True)
    assert sink.getvalue()
    with pytest.raises(Fault, match="BT-10, BT-47"):
        pivot.unit(nameless, [], build.received(), "FSO1100A", XML, MEMBER, sink)
    with pytest.raises(Fault, match="BT-1 "):
        pivot.unit(
            replace(nameless, number=None), [], build.received(), "FSO1100A", XML, MEMBER, sink, is_to_be_mapped=True
        )
    with pytest.raises(AssertionError):
        pivot_invoice.mapped(b"<Debiteur>", "1", "")


# --- the parts ------------------------------------------------------------------------------------------------------


def test_five_hundred_invoices_are_one_file_and_one_more_begins_another():
    assert pivot.parts([10] * 500, PivotLimits()) == (range(500),)
    assert pivot.parts([10] * 501, PivotLimits()) == (range(500), range(500, 501))


def test_a_file_stays_below_its_limit_and_a_unit_above_it_is_alone(build):
    limits = PivotLimits(bytes_max=10_000)
    lengths = [4_000, 4_000, 4_000, 20_000, 10, 10]
    assert pivot.parts(lengths, limits) == (range(2), range(2, 3), range(3, 4), range(4, 6))
    assert pivot.parts([], limits) == ()


def test_the_bytes_that_parts_reckons_with_are_enough(build):
    given = unit(build, build.invoice())
    assert len(whole(*[given] * 9)) <= pivot.ENVELOPE_BYTES + 9 * (len(given) + pivot.UNIT_TAGS_BYTES)
    assert len(pivot.open_unit(500)) + len(pivot.CLOSE_UNIT) <= pivot.UNIT_TAGS_BYTES
    head = pivot.begin("x" * 41, date(2026, 1, 1), "ABCDEFGH", "ABCDEFGH", 500)
    assert len(head) + len(pivot.END) <= pivot.ENVELOPE_BYTES
