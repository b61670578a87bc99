"""Our own schemas: what each must take and what it must refuse (spec 02 section 7), one document of ours for each rule."""

from pathlib import Path

import pytest
from lxml import etree

XSD = Path(__file__).resolve().parents[2] / "xsd"


def schema(name):
    return etree.XMLSchema(etree.parse(XSD / name))


SCHEMAS = {path.name: schema(path.name) for path in XSD.glob("*.xsd")}


def takes(name, document):
    return SCHEMAS[name].validate(etree.fromstring(document))


def envelope(parameters=("DtPrd", "IdFlx"), receiver="SEI001", sender="CPP001"):
    rows = "".join(
        f'<ParametreIndiv NumOrdre="{n:04d}"><Code>{code}</Code><Valeurparametre>v</Valeurparametre></ParametreIndiv>'
        for n, code in enumerate(parameters, 1)
    )
    return (
        f'<Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres>{rows}</Parametres><Partenaires><Recepteur><Id>{receiver}</Id>'
        f"</Recepteur><Emetteur><Id>{sender}</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>"
    )


ENVELOPE = envelope()
LINE = (
    '<LigneErreurDetail IdLigne="1"><NatureErreur>FONCTIONNELLE</NatureErreur><CodeErreur>REJ_INEX</CodeErreur>'
    "<LibelleErreur>numéro absent</LibelleErreur></LigneErreurDetail>"
)


def flow_status(
    status="96",
    line=LINE,
    envelope=ENVELOPE,
    version="V1_18",
    count='NbLignesErreur="1"',
    extra="",
    when="2026-11-20T10:00:00+01:00",
):
    return (
        f'<CPPStatut Version="{version}">{envelope}<CPPFluxStatuts compteur="1"><CPPFluxStatutUnitaire NumOrdre="1"><DonneesStatut>'
        f"<IdStatut>{status}</IdStatut>{extra}<Horodatage>{when}</Horodatage><IdFlux>F</IdFlux><Details {count}>{line}</Details>"
        "</DonneesStatut></CPPFluxStatutUnitaire></CPPFluxStatuts></CPPStatut>"
    )


def invoice_status(status="06", producer='<Producteur Id="CPP001"/>', siret="99986401570264"):
    return (
        f'<CPPStatut>{envelope()}<CPPFactureStatuts compteur="1"><CPPFactureStatutUnitaire NumOrdre="1"><Fournisseur>'
        "<TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678900011</Identifiant><RaisonSociale>Lune</RaisonSociale></Fournisseur>"
        f"<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{siret}</Identifiant></Debiteur><DonneesStatut>"
        f"<IdStatut>{status}</IdStatut><Commentaire>pièce attendue</Commentaire><Horodatage>2026-11-20T10:00:00Z</Horodatage>{producer}"
        "<IdFacture>F-1</IdFacture><DateFacture>2026-11-18</DateFacture></DonneesStatut></CPPFactureStatutUnitaire></CPPFactureStatuts></CPPStatut>"
    )


def facture(kind="Pivot", *, version="V2_02", envelope=ENVELOPE, unit_count=1, **changed):
    of_pivot = kind == "Pivot"
    part = {
        "mode": "<ModeEmission>flux</ModeEmission>" if of_pivot else "",
        "received": "<DateReception>2026-11-20</DateReception>" if of_pivot else "",
        "number": "F-2026-001",
        "framework": "A1",
        "payment": "30",
        "service": "SERVICE-1",
        "vat": "TVAs",
        "attachment_name": "<NomPJ>facture.pdf</NomPJ>",
        "commitment": "4500012345",
        "content": "UEsDBA==",
    } | changed
    unit = (
        "<Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678900011</Identifiant><RaisonSociale>Lune</RaisonSociale>"
        f"<CodePays>FR</CodePays>{part['mode']}</Fournisseur>"
        f"<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>99986401570264</Identifiant><CodeService>{part['service']}</CodeService></Debiteur>"
        f"<DonneesFacture><Id>{part['number']}</Id><Type>380</Type><Cadre>{part['framework']}</Cadre><DateEmissionFacture>2026-11-18</DateEmissionFacture>"
        f"<ModePaiement><Code>{part['payment']}</Code></ModePaiement>{part['received']}<Devise>EUR</Devise>"
        "<Montants><MontantHT>100</MontantHT><MontantTTC>120.00</MontantTTC><MontantNetAPayer>120.00</MontantNetAPayer></Montants>"
        f"<{part['vat']}><TVA><Taux>20</Taux><BaseHt>100</BaseHt><MontantTVA>20</MontantTVA></TVA></{part['vat']}>"
        f"<Engagement><NumeroEngagement>{part['commitment']}</NumeroEngagement></Engagement></DonneesFacture>"
        f'<PJ NumOrdre="1"><Contenu>{part["content"]}</Contenu>{part["attachment_name"]}<TypePJ>01</TypePJ><MimeTypePJ>application/pdf</MimeTypePJ></PJ>'
    )
    units = "".join(
        f'<CPPFacture{kind}Unitaire NumOrdre="{n}">{unit}</CPPFacture{kind}Unitaire>' for n in range(1, unit_count + 1)
    )
    return f'<CPPFacture{kind} Version="{version}">{envelope}<CPPFactures Compteur="{unit_count}">{units}</CPPFactures></CPPFacture{kind}>'


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_each_schema_says_that_we_wrote_it_and_from_which_facts(name):
    assert "Written by us" in (XSD / name).read_text()
    assert f"`{name}`" in (XSD / "SOURCES.md").read_text()


# --- flux-statut.xsd --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", ["90", "91", "92", "93", "94", "95", "96"])
def test_a_flow_may_have_each_published_status(status):
    assert takes("flux-statut.xsd", flow_status(status))


@pytest.mark.parametrize("status", ["89", "97", "01", "-1", "96.5", ""])
def test_a_flow_status_out_of_range_is_refused(status):
    assert not takes("flux-statut.xsd", flow_status(status))


@pytest.mark.parametrize("status", [f"{n:02d}" for n in range(1, 42)] + ["7"])
def test_an_invoice_may_have_each_status_from_1_to_41_with_one_digit_or_two(status):
    assert takes("flux-statut.xsd", invoice_status(status))


@pytest.mark.parametrize("status", ["0", "42", "90"])
def test_an_invoice_status_out_of_range_is_refused(status):
    assert not takes("flux-statut.xsd", invoice_status(status))


@pytest.mark.parametrize("version", ["V1_18", "V1_19", "V9_99"])
def test_any_version_and_counter_is_taken(version):
    assert takes("flux-statut.xsd", flow_status(version=version).replace('compteur="1"', 'compteur="12"'))


def test_a_status_file_without_version_or_counter_is_taken():
    assert takes("flux-statut.xsd", flow_status().replace(' Version="V1_18"', "").replace(' compteur="1"', ""))


def test_flow_statuses_and_invoice_statuses_do_not_share_a_file():
    both = flow_status().replace("</CPPStatut>", invoice_status()[invoice_status().index("<CPPFactureStatuts") :])
    assert not takes("flux-statut.xsd", both)


@pytest.mark.parametrize("parameters", [("DtPrd", "IdFlx"), ("IdFlx", "DtPrd"), ("DtPrd", "IdFlx", "Autre")])
def test_an_envelope_with_day_and_flow_id_is_taken_in_any_order(parameters):
    assert takes("flux-statut.xsd", flow_status(envelope=envelope(parameters)))


@pytest.mark.parametrize(
    "parameters", [("IdFlx",), ("DtPrd",), ("DtPrd", "Autre"), ("IdFlx", "Autre"), ("DtPrd", "IdFlx", "Long12")]
)
def test_an_envelope_without_day_or_flow_id_is_refused(parameters):
    assert not takes("flux-statut.xsd", flow_status(envelope=envelope(parameters)))


@pytest.mark.parametrize(("code", "good"), [("AB", False), ("ABC", True), ("ABCDEFGH", True), ("ABCDEFGHI", False)])
def test_an_application_code_has_three_to_eight_characters(code, good):
    assert takes("flux-statut.xsd", flow_status(envelope=envelope(receiver=code))) is good
    assert takes("flux-statut.xsd", flow_status(envelope=envelope(sender=code))) is good


def test_an_error_line_needs_its_nature():
    assert takes("flux-statut.xsd", flow_status())
    assert not takes(
        "flux-statut.xsd", flow_status(line=LINE.replace("<NatureErreur>FONCTIONNELLE</NatureErreur>", ""))
    )


def test_details_need_their_count():
    assert not takes("flux-statut.xsd", flow_status(count=""))


def test_a_moment_that_is_no_moment_is_refused():
    assert not takes("flux-statut.xsd", flow_status(when="20/11/2026 10:00"))


@pytest.mark.parametrize(
    ("extra", "good"),
    [
        (f"<ComplementStatut>{'x' * 40}</ComplementStatut><Commentaire>c</Commentaire><Note>n</Note>", True),
        (f"<ComplementStatut>{'x' * 41}</ComplementStatut>", False),
        ("<Note>n</Note><Commentaire>c</Commentaire>", False),
    ],
)
def test_the_texts_of_a_flow_status_have_their_order_and_length(extra, good):
    assert takes("flux-statut.xsd", flow_status(extra=extra)) is good


def test_the_producer_of_an_invoice_status_may_have_an_id_and_a_text():
    assert takes("flux-statut.xsd", invoice_status(producer='<Producteur Id="CPP001">Chorus Pro</Producteur>'))
    assert not takes("flux-statut.xsd", invoice_status(producer='<Producteur Nom="x"/>'))


def test_a_recipient_is_named_by_fourteen_characters():
    assert not takes("flux-statut.xsd", invoice_status(siret="999864015"))


# --- facture-pivot.xsd ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["V2_02", "V1_20", "V1_21", "V1_22"])
def test_the_pivot_takes_each_version_seen(version):
    assert takes("facture-pivot.xsd", facture(version=version))


@pytest.mark.parametrize("number", range(1, 26))
def test_the_pivot_takes_every_framework_but_a11(number):
    assert takes("facture-pivot.xsd", facture(framework=f"A{number}")) is (number != 11)


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({"payment": "97"}, True),
        ({"payment": "58"}, False),
        ({"payment": "01"}, False),
        ({"number": "F" * 20}, True),
        ({"number": "F" * 21}, False),
        ({"service": "S" * 100}, True),
        ({"service": "S" * 101}, False),
        ({"attachment_name": ""}, False),
        ({"attachment_name": f"<NomPJ>{'n' * 50}</NomPJ>"}, True),
        ({"attachment_name": f"<NomPJ>{'n' * 51}</NomPJ>"}, False),
        ({"commitment": "9" * 50}, True),
        ({"commitment": "9" * 51}, False),
        ({"mode": ""}, False),
        ({"received": ""}, False),
        ({"mode": "<ModeEmission>numérisation</ModeEmission>"}, True),
        ({"vat": "TVAS"}, False),
        ({"content": "this is not base64: the schema does not ask"}, True),
    ],
)
def test_the_pivot_keeps_to_its_lists_and_lengths(changed, good):
    assert takes("facture-pivot.xsd", facture(**changed)) is good


def test_the_pivot_has_the_validation_cycle_of_works():
    step = (
        "<CycleDeValidation><ValidationUnitaire><DateStatut>2026-11-18</DateStatut><CodeStatut>3</CodeStatut><ProducteurStatut>"
        "<TypeIdentifiant>1</TypeIdentifiant><Id>12345678900011</Id><RaisonSociale>MOE</RaisonSociale><CodePays>FR</CodePays>"
        "</ProducteurStatut></ValidationUnitaire></CycleDeValidation></CPPFacturePivotUnitaire>"
    )
    assert takes("facture-pivot.xsd", facture().replace("</CPPFacturePivotUnitaire>", step))
    assert not takes(
        "facture-pivot.xsd",
        facture().replace("</CPPFacturePivotUnitaire>", step.replace("<CodeStatut>3</CodeStatut>", "")),
    )


# --- facture-mixte.xsd ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "good"),
    [
        ({}, True),
        ({"unit_count": 3}, True),
        ({"vat": "TVAS"}, True),
        ({"payment": "01"}, True),
        ({"payment": "58"}, False),
        ({"mode": "<ModeEmission>flux</ModeEmission>"}, False),
        ({"received": "<DateReception>2026-11-20</DateReception>"}, False),
        ({"envelope": ""}, False),
        ({"envelope": envelope(("DtPrd", "Autre"))}, True),
    ],
)
def test_the_mixed_invoice_is_the_pivot_without_what_only_the_platform_knows(changed, good):
    assert takes("facture-mixte.xsd", facture("Mixte", version="V1.14", **changed)) is good


def test_the_name_of_a_schema_inside_a_document_is_not_followed(tmp_path, monkeypatch):
    """Real files point to `CPPFactureMixte_V1.14.xsd`: a file of that name must not be read."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "CPPFactureMixte_V1.14.xsd").write_text("not a schema")
    pointing = facture("Mixte").replace(
        "<CPPFactureMixte ",
        '<CPPFactureMixte xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="CPPFactureMixte_V1.14.xsd" ',
    )
    assert takes("facture-mixte.xsd", pointing)


# --- extension-aife.xsd -----------------------------------------------------------------------------------------------


def test_the_extension_holds_the_framework():
    extension = '<aife:FactureExtension xmlns:aife="urn:AIFE:Facture:Extension"><aife:CategoryCode>A5</aife:CategoryCode></aife:FactureExtension>'
    assert takes("extension-aife.xsd", extension)


@pytest.mark.parametrize(
    "extension",
    [
        '<aife:Autre xmlns:aife="urn:AIFE:Facture:Extension"><aife:CategoryCode>A5</aife:CategoryCode></aife:Autre>',
        '<aife:CategoryCode xmlns:aife="urn:AIFE:Facture:Extension">A5</aife:CategoryCode>',
        '<aife:FactureExtension xmlns:aife="urn:AIFE:Facture:Extension"/>',
        "<FactureExtension><CategoryCode>A5</CategoryCode></FactureExtension>",
    ],
)
def test_another_root_in_the_namespace_is_refused(extension):
    assert not takes("extension-aife.xsd", extension)


# --- actions-fournisseur.xsd -----------------------------------------------------------------------------------------

RECYCLE = (
    "<Nature>recycler</Nature><TypeIdentifiant>1</TypeIdentifiant><Fournisseur>12345678900015</Fournisseur>"
    "<IdFacture>F-1</IdFacture><DateFacture>2026-11-18</DateFacture><Destinataire>12345678200044</Destinataire>"
    "<CodeService>SERV</CodeService><NumeroEngagement/><Commentaire>x</Commentaire>"
)


def action_file(*actions, root="ActionsFournisseur"):
    return f'<{root} Version="1">{"".join(f"<Action>{action}</Action>" for action in actions)}</{root}>'


@pytest.mark.parametrize(
    "action",
    [
        RECYCLE,
        "<Nature>completer</Nature><Fournisseur>1</Fournisseur><IdFacture>F</IdFacture><PieceJointe>a.pdf</PieceJointe><PieceJointe>b.pdf</PieceJointe>",
        "<Nature>traiter-rejet</Nature><Fournisseur>1</Fournisseur><IdFacture>F</IdFacture><Motif>x</Motif><Avoir>A</Avoir><FactureRectificative>G</FactureRectificative>",
        f"{RECYCLE}<MontantTTC>1</MontantTTC><Lignes><Ligne>1</Ligne></Lignes>",  # the rules refuse it, one action alone
    ],
)
def test_an_action_file_takes_each_action_and_what_no_action_changes(action):
    assert takes("actions-fournisseur.xsd", action_file(RECYCLE, action))


@pytest.mark.parametrize(
    "action",
    [
        RECYCLE.replace("recycler", "detruire"),
        RECYCLE.replace("<TypeIdentifiant>1", "<TypeIdentifiant>8"),
        RECYCLE.replace("2026-11-18", "18/11/2026"),
        RECYCLE.replace("F-1", ""),
        RECYCLE.replace("<Fournisseur>12345678900015</Fournisseur>", ""),
        RECYCLE.replace("Commentaire", "Remarque"),
        f"<Commentaire>x</Commentaire>{RECYCLE}",
        f"{RECYCLE}<PieceJointe/>",
    ],
)
def test_an_action_file_refuses_what_cannot_be_read(action):
    assert not takes("actions-fournisseur.xsd", action_file(action))


def test_an_action_file_holds_an_action_under_its_own_root():
    assert not takes("actions-fournisseur.xsd", action_file())
    assert not takes("actions-fournisseur.xsd", action_file(RECYCLE, root="Actions"))


def test_what_the_schema_knows_as_fixed_is_what_the_reader_refuses():
    from pipeline.readers.action_file import COLUMNS, FIXED, FIXED_ELEMENTS

    document = etree.parse(XSD / "actions-fournisseur.xsd")
    named = document.xpath("//*[local-name()='group'][@name='Fixed']//@name")
    assert set(named) - {"Fixed"} == set(FIXED_ELEMENTS)
    assert set(FIXED_ELEMENTS.values()) <= set(FIXED)
    elements = document.xpath("//*[local-name()='complexType'][@name='Action']//*[local-name()='element']/@name")
    assert set(elements) == {column.element for column in COLUMNS}
