"""CPPFactureMixte: many invoices in a file, two spellings, and the names that its layout does not know."""

import pytest
from reader_documents import assert_every_place_holds, mixed_document, read_mixed, tree_of

from pipeline.model import Invoice, Kind, Level, Party
from pipeline.readers import mixed
from pipeline.terms import Terms


def read_one(unit: str) -> Invoice:
    (invoice,) = read_mixed(unit)
    return invoice


def test_each_unit_is_an_invoice_with_its_own_rank_place_and_values() -> None:
    units = [f"<DonneesFacture><Id>F-{n}</Id></DonneesFacture>" for n in (1, 2, 3)]
    invoices = read_mixed(*units)
    assert [(one.rank, one.number and one.number.text) for one in invoices] == [(1, "F-1"), (2, "F-2"), (3, "F-3")]
    assert [len(one.identifiers) for one in invoices] == [1, 1, 1]
    assert {(one.kind, one.level, one.root) for one in invoices} == {(Kind.MIXED, Level.NONE, "CPPFactureMixte")}
    for invoice in invoices:
        assert_every_place_holds(tree_of(mixed_document(*units)), invoice)


def test_ranks_go_on_over_several_groups_of_invoices() -> None:
    group = "<CPPFactures><CPPFactureMixteUnitaire/></CPPFactures>"
    invoices = mixed.read(tree_of(f"<CPPFactureMixte>{group}{group}</CPPFactureMixte>"), Terms())
    assert [(one.rank, one.path) for one in invoices] == [
        (1, "/CPPFactureMixte/CPPFactures[1]/CPPFactureMixteUnitaire[1]"),
        (2, "/CPPFactureMixte/CPPFactures[2]/CPPFactureMixteUnitaire[1]"),
    ]


def test_a_file_without_invoices_gives_none() -> None:
    assert mixed.read(tree_of("<CPPFactureMixte/>"), Terms()) == ()


VAT = "<{0}><TVA><Taux>20</Taux><BaseHt>10</BaseHt><MontantTVA>2</MontantTVA></TVA><TVA/></{0}>"


@pytest.mark.parametrize("name", ["TVAs", "TVAS"])
@pytest.mark.parametrize("place", ["<DonneesFacture>{}</DonneesFacture>", "{}"])
def test_both_spellings_of_the_vat_block_are_read_in_both_places(name: str, place: str) -> None:
    invoice = read_one(place.format(VAT.format(name)))
    assert [vat.rate and vat.rate.text for vat in invoice.vat_lines] == ["20", None]
    assert invoice.unknown_elements == ()


def test_amounts_below_the_invoice_data_win_over_those_below_the_unit() -> None:
    amounts = "<Montants><MontantTTC>{}</MontantTTC></Montants>"
    invoice = read_one(f"<DonneesFacture>{amounts.format('1')}</DonneesFacture>{amounts.format('2')}")
    assert invoice.total_gross is not None
    assert invoice.total_gross.text == "1"


@pytest.mark.parametrize(
    ("unit", "names"),
    [
        ("<Fournisseur><ModeEmission>flux</ModeEmission></Fournisseur>", ["ModeEmission"]),
        ("<DonneesFacture><DateReception>2026-01-01</DateReception></DonneesFacture>", ["DateReception"]),
        (
            "<Remise/><DonneesFacture><Lignes><Ligne/><Ligne><Poids/></Ligne></Lignes></DonneesFacture>",
            ["Remise", "Poids"],
        ),
        ('<x:Remise xmlns:x="urn:x"/><Montants><PJ/></Montants>', ["Remise", "PJ"]),
        ("<CycleDeValidation><Anything/></CycleDeValidation>", []),
    ],
)
def test_a_name_that_the_layout_does_not_know_is_told_with_its_place(unit: str, names: list[str]) -> None:
    unknown = read_one(unit).unknown_elements
    assert [name.text for name in unknown] == names
    tree = tree_of(mixed_document(unit))
    for name in unknown:
        (element,) = tree.xpath(name.path)
        assert element.tag.rpartition("}")[2] == name.text


@pytest.mark.parametrize(("type_", "read"), [("1", "1"), ("7", "7"), ("8", ""), ("", "")])
def test_an_identifier_type_is_one_to_seven(type_: str, read: str) -> None:
    invoice = read_one(f"<Fournisseur><TypeIdentifiant>{type_}</TypeIdentifiant></Fournisseur>")
    assert invoice.supplier.identifier_type == read


def bank(type_: str) -> str:
    return f"<Fournisseur><ReferenceBancaire {type_}><Compte>FR14</Compte></ReferenceBancaire></Fournisseur>"


@pytest.mark.parametrize(("type_", "is_rib"), [('Type="RIB"', True), ('Type="IBAN"', False), ("", False)])
def test_an_account_is_a_rib_when_it_says_so(type_: str, is_rib: bool) -> None:
    account = read_one(bank(type_)).account
    assert (account.rib is not None, account.iban is not None) == (is_rib, not is_rib)


def test_each_piece_is_an_attachment_even_without_content() -> None:
    invoice = read_one(
        "<PJ><Contenu>QUJD</Contenu><NomPJ>a.pdf</NomPJ><TypePJ>01</TypePJ></PJ>"
        "<PJ><NomPJ>b.pdf</NomPJ></PJ><PJ><Contenu/><MimeTypePJ>text/csv</MimeTypePJ></PJ>"
    )
    assert [(one.rank, one.name and one.name.text, one.encoded, one.mime) for one in invoice.attachments] == [
        (1, "a.pdf", "QUJD", ""),
        (2, "b.pdf", "", ""),
        (3, None, "", "text/csv"),
    ]
    assert [one.path.rpartition("/")[2] for one in invoice.attachments] == ["Contenu", "PJ[2]", "Contenu"]


def test_an_empty_unit_gives_an_empty_invoice() -> None:
    invoice = read_one("")
    assert (invoice.supplier, invoice.number, invoice.lines, invoice.texts) == (Party(), None, (), ())
    assert (invoice.service.all, invoice.commitment.all, invoice.origins, invoice.payment_codes) == ((), (), (), ())
