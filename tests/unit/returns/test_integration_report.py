"""The one answer to one deposit: state, lines, caps, and the same bytes for ever."""

import csv
import dataclasses
import io

import pytest

from pipeline.model import Finding, Severity
from pipeline.returns import integration_report, names, rejects_of_the_day, report_rows
from pipeline.returns.verdict import as_json
from pipeline.terms import FindingLimits, Switches, Terms

TERMS = Terms()


def rows(tree):
    return [{child.tag: child.text for child in line} for line in tree.iter("LigneErreurDetail")]


def render(verdict, **asked):
    return integration_report.render(verdict, "CPP001", asked.pop("terms", TERMS), **asked)


def one(tree, tag):
    return tree.findtext(f".//DonneesStatut/{tag}")


def test_a_flow_wholly_integrated_has_status_90_and_no_detail(build, valid, golden):
    given = render(build.verdict("IN_INTEGRE", [build.judged(n) for n in (1, 2, 3)]))
    tree = valid("flux-statut.xsd", given)
    assert one(tree, "IdStatut") == "90"
    assert one(tree, "ComplementStatut") == "IN_INTEGRE"
    assert one(tree, "Note") == "sha256=" + "5f" * 32
    assert one(tree, "Horodatage") == "2026-11-20T23:30:15+01:00"
    assert one(tree, "IdFlux") == build.FLOW
    assert tree.find(".//Details") is None
    name = names.report_name(build.received(), "FSO1100A", "CPP001")
    assert tree.xpath("string(//ParametreIndiv[Code='IdFlx']/Valeurparametre)") == name[-25:]
    assert tree.xpath("string(//ParametreIndiv[Code='DtPrd']/Valeurparametre)") == "2026-11-20"
    assert (tree.findtext(".//Recepteur/Id"), tree.findtext(".//Emetteur/Id")) == ("ABC001", "CPP001")
    golden("integration-report-integrated.xml", given)


def partial(build):
    commitment = build.found("RTG-021", "BT-13", siret="99986401570264")
    unknown_service = build.found(
        "RTG-010",
        build.text("SERVISE", "BT-10", 14),
        siret="99986401570264",
        service="SERVISE",
        suggestions="SERVICE-1",
    )
    iban = build.found("PAY-006", build.text("FR76", "BT-84", 33), iban_masked="FR76…")
    info = build.found("FRM-001")
    structure = build.found(
        "XML-010",
        "",
        member=build.MEMBERS[2],
        line=7,
        column=3,
        path="/Invoice/Foo",
        place="Foo",
        value="Foo",
        sentence="l'élément Foo n'est pas attendu",
        xsd_message="Element 'Foo'",
    )
    structure = dataclasses.replace(structure, line=7, column=3, path="/Invoice/Foo", member=build.MEMBERS[2])
    return build.verdict(
        "IN_INTEGRE_PARTIEL",
        [build.judged(1, iban, info), build.judged(2, unknown_service, commitment, outcome="refused")],
        [structure],
    )


def test_a_flow_integrated_in_part_lists_every_reason_in_file_order(build, valid, golden):
    given = render(partial(build))
    tree = valid("flux-statut.xsd", given)
    assert one(tree, "IdStatut") == "96"
    found = rows(tree)
    assert [(line["NatureErreur"], line["CodeErreur"], line["LibelleErreur"].split(" ")[0]) for line in found] == [
        ("AVERTISSEMENT", "REJ_SEMAN", "[PAY-006]"),
        ("FONCTIONNELLE", "REJ_INEX", "[RTG-010]"),
        ("FONCTIONNELLE", "REJ_INEX", "[RTG-021]"),
        ("TECHNIQUE", "ERR_XSD_001", "[XML-010]"),
    ]
    assert tree.xpath("//LigneErreurDetail/@IdLigne") == ["1", "2", "3", "4"]
    assert tree.xpath("//Details/@NbLignesErreur") == ["4"]
    golden("integration-report-partial.xml", given)


def test_the_report_speaks_english_on_request(build, valid, golden):
    given = render(partial(build), lang="en")
    valid("flux-statut.xsd", given)
    golden("integration-report-partial-en.xml", given)


def test_a_partner_may_want_no_warnings(build, valid):
    tree = valid("flux-statut.xsd", render(partial(build), report_warnings=False))
    assert "AVERTISSEMENT" not in {line["NatureErreur"] for line in rows(tree)}
    assert len(rows(tree)) == 3
    quiet = Terms(switches=Switches(report_warnings=False))
    assert render(partial(build), terms=quiet) == render(partial(build), report_warnings=False)


def test_an_info_is_never_in_the_report(build, valid):
    tree = valid("flux-statut.xsd", render(build.verdict("IN_INTEGRE", [build.judged(1, build.found("FRM-001"))])))
    assert rows(tree) == []


def test_nothing_integrated_for_functional_reasons_is_93_with_the_invoice_lines(build, valid):
    refused = build.judged(1, build.found("GEN-001", "BT-1"), outcome="refused")
    tree = valid("flux-statut.xsd", render(build.verdict("IN_REJETE", [refused])))
    assert (one(tree, "IdStatut"), one(tree, "ComplementStatut")) == ("93", "IN_REJETE")
    assert [line["NatureErreur"] for line in rows(tree)] == ["FONCTIONNELLE"]


def test_an_irreceivable_flow_has_its_technical_lines_and_no_invoice_line(build, valid, golden):
    name = "FSO1100A\\xff\x01<&>"
    fatal = build.found("FLW-001", name=name, why="41 caractères attendus")
    refused = build.judged(1, build.found("GEN-001", "BT-1"), outcome="refused")
    given = render(build.verdict("IN_REJETE", [refused], [fatal], announced="", name=name))
    tree = valid("flux-statut.xsd", given)
    assert one(tree, "IdFlux") == "FSO1100A\\xff\\x01<&>"
    assert [(line["NatureErreur"], line["CodeErreur"]) for line in rows(tree)] == [("TECHNIQUE", "IRR_FORM")]
    golden("integration-report-irreceivable.xml", given)


def test_each_pending_invoice_has_one_line(build, valid, golden):
    hold = build.found("CMT-005", "BT-13", date="2026-11-01", max_age_days=7)
    warned = build.found("PAY-007", "BT-84")
    given = render(
        build.verdict(
            "IN_EN_ATTENTE_TRAITEMENT_CPP",
            [build.judged(1, hold, hold, warned, outcome="pending"), build.judged(2, hold, outcome="pending")],
        )
    )
    tree = valid("flux-statut.xsd", given)
    assert one(tree, "IdStatut") == "91"
    assert [line["NatureErreur"] for line in rows(tree)] == ["ATTENTE", "AVERTISSEMENT", "ATTENTE"]
    golden("integration-report-pending.xml", given)


def test_a_pending_invoice_beside_an_integrated_one_is_96(build, valid):
    hold = build.found("CMT-005", "BT-13", date="2026-11-01", max_age_days=7)
    tree = valid(
        "flux-statut.xsd",
        render(build.verdict("IN_INTEGRE_PARTIEL", [build.judged(1), build.judged(2, hold, outcome="pending")])),
    )
    assert one(tree, "IdStatut") == "96"
    assert "1 en attente" in one(tree, "Commentaire")


def test_a_refused_invoice_that_would_also_wait_is_not_told_to_wait(build, valid):
    hold = build.found("CMT-005", "BT-13", date="2026-11-01", max_age_days=7)
    refused = build.judged(1, build.found("GEN-001", "BT-1"), hold, outcome="refused")
    tree = valid("flux-statut.xsd", render(build.verdict("IN_REJETE", [refused])))
    assert [line["NatureErreur"] for line in rows(tree)] == ["FONCTIONNELLE"]


def test_a_document_with_more_findings_says_how_many_more(build, valid):
    refused = build.judged(1, build.found("GEN-001", "BT-1"), outcome="refused")
    verdict = build.verdict("IN_INTEGRE_PARTIEL", [refused, build.judged(2)], omitted=37)
    tree = valid("flux-statut.xsd", render(verdict))
    last = rows(tree)[-1]
    assert last["NatureErreur"] == "FONCTIONNELLE"
    assert last["LibelleErreur"] == "et 37 autres dans le fichier facture-1.xml"
    english = rows(valid("flux-statut.xsd", render(verdict, lang="en")))[-1]
    assert english["LibelleErreur"] == "and 37 more in file facture-1.xml"


def test_one_more_is_singular(build):
    refused = build.judged(1, build.found("GEN-001", "BT-1"), outcome="refused")
    verdict = build.verdict("IN_INTEGRE_PARTIEL", [refused, build.judged(2)], omitted=1)
    assert report_rows.lines(verdict, TERMS)[-1].label == "et 1 autre dans le fichier facture-1.xml"


def test_what_a_cut_line_stood_for_is_counted_in_the_last_one(build):
    refused = build.judged(1, build.found("GEN-001", "BT-1"), outcome="refused")
    verdict = build.verdict("IN_REJETE", [refused], omitted=37)  # two lines: the reason, and 37 more
    lines = report_rows.lines(verdict, Terms(findings=FindingLimits(report_max=1)))
    assert [line.label for line in lines] == ["et 38 autres dans ce compte rendu"]
    assert "more" not in report_rows.as_json(lines)[0]


def test_a_report_is_cut_at_its_cap_and_its_last_line_says_so(build, valid):
    many = [
        Finding("AMT-001", "AMT-001", Severity.ERROR, at=f"BT-{n}", facts={"place": f"BT-{n}", "text": "x"})
        for n in range(30)
    ]
    verdict = build.verdict("IN_REJETE", [build.judged(1, *many, outcome="refused")])
    terms = Terms(findings=FindingLimits(report_max=10))
    found = rows(valid("flux-statut.xsd", render(verdict, terms=terms)))
    assert len(found) == 10
    assert found[-1]["LibelleErreur"] == "et 21 autres dans ce compte rendu"
    assert (
        rows(valid("flux-statut.xsd", render(verdict, terms=terms, lang="en")))[-1]["LibelleErreur"]
        == "and 21 more in this report"
    )
    assert (
        len(rows(valid("flux-statut.xsd", render(verdict, terms=Terms(findings=FindingLimits(report_max=30)))))) == 30
    )


def test_findings_of_one_document_stand_in_the_order_of_the_stages_then_of_the_rules(build):
    found = [build.found("DUP-002", number="F", other="G"), build.found("GEN-001"), build.found("AMT-006")]
    lines = report_rows.lines(build.verdict("IN_REJETE", [build.judged(1, *found, outcome="refused")]), TERMS)
    assert [line.rule for line in lines] == ["AMT-006", "GEN-001", "DUP-002"]


def test_an_official_rule_keeps_its_id_and_says_it_once(build):
    official = Finding(
        "BR-CO-15",
        "OFF-001",
        Severity.ERROR,
        pack="en16931-ubl",
        facts={"official_id": "BR-CO-15", "text": "[BR-CO-15]-Total with VAT.", "path": "/I"},
    )
    lines = report_rows.lines(
        build.verdict("IN_REJETE", [build.judged(1, official, outcome="refused")]), TERMS, lang="en"
    )
    said = (
        "the invoice total with VAT (BT-112) is not the total without VAT (BT-109) plus the total VAT (BT-110); "
        "official text: Total with VAT."
    )
    assert lines[0].label == f"[BR-CO-15] {said}"


def test_our_sentence_the_official_text_and_our_remedy_stand_in_every_written_form(build, valid):
    found = Finding(
        "BR-FR-10/BT-30", "OFF-003", Severity.ERROR, pack="br-fr-ubl", at="BT-30", path="/Invoice", line=3,
        facts={"official_id": "BR-FR-10/BT-30", "text": f"[BR-FR-10/BT-30] : Le SIREN {'9' * 900}.", "path": "/Invoice"},
    )  # fmt: skip
    verdict = build.verdict("IN_REJETE", [build.judged(1, found, outcome="refused")])
    said = "le SIREN du fournisseur (BT-30) manque ou n'a pas exactement 9 chiffres ; texte officiel : Le SIREN 999"
    remedy = "indiquez les 9 chiffres du SIREN, avec le schemeID 0002 ; élément cac:AccountingSupplierParty/"
    line = rows(valid("flux-statut.xsd", render(verdict)))[0]
    assert line["LibelleErreur"].startswith(f"[BR-FR-10/BT-30] {said}") and line["LibelleErreur"].endswith("9.")
    assert "Emplacement : BT-30, /Invoice, ligne 3." in line["DescriptionErreur"]
    assert f"À faire : {remedy}" in line["DescriptionErreur"]
    table = report_rows.as_csv(report_rows.lines(verdict, TERMS)).decode()
    rejects = rejects_of_the_day.render(rejects_of_the_day.of_verdict(verdict)).decode()
    for written in (table, rejects):
        assert said in written and remedy in written and "BR-FR-10/BT-30" in written
    (invoice,) = as_json(verdict, "f.xml")["invoices"]
    (told,) = invoice["findings"]
    assert (told["rule"], told["at"]) == ("BR-FR-10/BT-30", "BT-30")
    assert told["message"].startswith(f"BR-FR-10/BT-30 : {said}") and told["remedy"].startswith(remedy)


def test_the_label_is_never_cut(build):
    sentence = "l'élément n'est pas attendu " * 40
    structure = Finding("XML-010", "XML-010", Severity.ERROR, member=build.MEMBERS[0], facts={"sentence": sentence})
    lines = report_rows.lines(build.verdict("IN_INTEGRE_PARTIEL", [], [structure]), TERMS)
    assert sentence.strip() in lines[0].label


def test_the_same_lines_go_to_json_and_to_a_table(build):
    lines = report_rows.lines(partial(build), TERMS)
    assert [line["rule"] for line in report_rows.as_json(lines)] == ["PAY-006", "RTG-010", "RTG-021", "XML-010"]
    written = report_rows.as_csv(lines)
    assert written.startswith(b"\xef\xbb\xbfligne;nature;")
    table = list(csv.DictReader(io.StringIO(written.decode("utf-8-sig")), delimiter=";"))
    assert [(row["regle"], row["fichier"], row["numero_facture"]) for row in table][-1] == (
        "XML-010",
        "facture-3.xml",
        "",
    )


def test_hostile_texts_never_break_the_file(build, valid):
    nasty = "]]><x>&\x00\x0b\ud800\u202e" + "'\"" * 5
    refused = build.judged(
        1, build.found("GEN-003", build.text(nasty), number=nasty, characters=nasty), outcome="refused", number=nasty
    )
    tree = valid("flux-statut.xsd", render(build.verdict("IN_REJETE", [refused], name=nasty)))
    assert "\\x00" in rows(tree)[0]["LibelleErreur"]


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_the_same_verdict_gives_the_same_bytes(build, lang):
    assert render(partial(build), lang=lang) == render(partial(build), lang=lang)


def test_a_flow_without_an_invoice_says_that_none_entered(build):
    verdict = build.verdict("IN_REJETE", [], [build.found("FLW-008", size_bytes=0)])
    assert integration_report.comment(verdict) == "aucune facture intégrée"
    assert integration_report.comment(verdict, "en") == "no invoice integrated"


def test_refused_files_are_counted_beside_the_invoices(build):
    """Nobody knows how many invoices they hold: without them `0 refused` would stand beside a refused file."""
    refused = [build.found("FIL-001", member=build.MEMBERS[n]) for n in (1, 2)]
    partial_ = build.verdict("IN_INTEGRE_PARTIEL", [build.judged(1)], refused)
    assert integration_report.comment(partial_) == "1 facture intégrée, 0 refusée, 0 en attente, 2 fichiers refusés"
    alone = build.verdict("IN_REJETE", [], refused[:1])
    assert integration_report.comment(alone) == "aucune facture intégrée, 1 fichier refusé"
    assert integration_report.comment(alone, "en") == "no invoice integrated, 1 file refused"


def test_what_is_read_back_is_what_was_told(build, valid):
    """Round trip: every line of the report stands in the file as it was made."""
    lines = report_rows.lines(partial(build), TERMS)
    tree = valid("flux-statut.xsd", render(partial(build)))
    tags = ("NatureErreur", "CodeErreur", "LibelleErreur", "DescriptionErreur")
    read = [tuple(line.findtext(tag) for tag in tags) for line in tree.iter("LigneErreurDetail")]
    assert read == [(line.nature, line.code, line.label, line.description) for line in lines]
