"""A finding in words never fails, and never lets a stranger's text write our lines."""

import dataclasses
import string

import pytest

from pipeline import codes
from pipeline.codes import ALL, Severity, official
from pipeline.model import Finding
from pipeline.returns import message
from pipeline.returns.fact_labels import LABELS
from pipeline.returns.place import description, place
from pipeline.returns.spreadsheet import cell


def of(code, at="", /, **facts):
    return Finding(code.id, code.id, Severity.ERROR, at=at, facts=facts)


@pytest.fixture
def row(monkeypatch):
    """`row(GEN_002, message_fr="...")`: the catalogue with other words in one row."""

    def change(code, **words):
        monkeypatch.setattr(codes, "ALL", {**ALL, code.id: dataclasses.replace(code, **words)})
        return code

    return change


@pytest.mark.parametrize("lang", ["fr", "en"])
@pytest.mark.parametrize("code", ALL.values(), ids=lambda code: code.id)
def test_every_row_has_words_with_all_its_facts_and_with_none(code, lang):
    full = of(code, "BT-1", **{name: f"value-of-{name}" for name in code.facts})
    said = message.text(full, lang)
    template = code.message_en if lang == "en" or not code.message_fr else code.message_fr
    for _, name, _, _ in string.Formatter().parse(template):
        if name in code.facts and not (code.family == "OFF" and name == "text"):
            assert f"value-of-{name}" in said
    for finding in (full, of(code), of(code, **dict.fromkeys(code.facts, 3))):
        assert message.text(finding, lang)
        assert "{" not in message.text(finding, lang)
        assert "{" not in message.remedy(finding, lang)
        assert description(finding, None, lang) is not None


def test_a_message_is_french_where_the_row_is(row):
    code = row(codes.GEN_002, message_fr="le numéro {number!r} a {length} caractères", remedy_fr="raccourcissez-le")
    finding = of(code, number="F" * 21, length=21)
    assert message.text(finding, "fr") == f"le numéro « {'F' * 21} » a 21 caractères"
    assert message.text(finding, "en") == f"invoice number '{'F' * 21}' has 21 characters, Chorus Pro takes 20"
    assert message.remedy(finding, "fr") == "raccourcissez-le"


def test_a_message_is_english_where_the_french_is_not_written_yet(row):
    code = row(codes.GEN_002, message_fr="", remedy_fr="")
    assert message.text(of(code, number="F", length=1), "fr").startswith("invoice number « F »")
    assert message.remedy(of(code), "fr") == "shorten the number"


def test_nothing_to_do_is_no_remedy(row):
    code = row(codes.FLW_006, remedy_fr="aucun")
    assert message.remedy(of(code), "fr") == ""
    assert message.remedy(of(code), "en") == ""


def test_a_missing_fact_is_shown_as_such(row):
    code = row(codes.RTG_010, message_fr="", message_en="{service} {suggestions} {unheard_of}")
    assert message.text(of(code, service="S", suggestions=""), "fr") == "S néant néant"
    assert message.text(of(code, service="S", suggestions=""), "en") == "S none none"


def test_the_place_of_a_finding_serves_where_a_fact_is_missing(row):
    code = row(codes.XML_010, message_fr="{member} {line} {column} {path} {value} {place}")
    finding = Finding(code.id, code.id, Severity.ERROR, member="a.xml", at="BT-1", path="/I", line=3, value="v")
    assert message.text(finding) == "a.xml 3 néant /I v BT-1"


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{size_bytes:,}", "2,048"),
        ("{size_bytes:%Q}", "2048"),
        ("{name:d}", "x"),
        ("{name.__class__}", "x"),
        ("{name[0]}", "x"),
        ("{", "{ size_bytes = 2048, name = x"),
        ("{0}{}", None),
    ],
)
def test_a_slip_in_a_template_still_gives_an_answer(row, template, said):
    code = row(codes.FLW_009, message_fr=template)
    given = message.text(of(code, size_bytes=2048, name="x"), "fr")
    assert given == said if said is not None else given


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\tc\r", "a\\x0ab\\x09c\\x0d"),
        ("\x00\x1b[31m", "\\x00\\x1b[31m"),
        ("abc\u202edcb", "abc\\u202edcb"),
        ("12\u200b34", "12\\u200b34"),
        ("\ud800\ufffe", "\\ud800\\ufffe"),
        ("Électricité « œ »", "Électricité « œ »"),
        ("x" * 201, "x" * 200 + "…"),
    ],
)
def test_values_are_cut_and_shown_on_one_line(value, shown):
    assert message.display(value) == shown
    assert shown in message.text(of(codes.GEN_004, number=value), "en")


def test_the_sentence_of_an_official_rule_stands_whole_and_says_its_id_once(row):
    long = "[BR-CO-15]-Invoice total amount " + "with VAT " * 60
    finding = Finding(
        "BR-CO-15", "OFF-001", Severity.ERROR, facts={"official_id": "BR-CO-15", "text": long, "path": "/I"}
    )
    ours = official.ALL["BR-CO-15"].message_en
    whole = "Invoice total amount " + ("with VAT " * 60).strip()
    assert message.text(finding, "en") == f"BR-CO-15: {ours}; official text: {whole}"


# --- the description ------------------------------------------------------------------------------------------------


def test_a_description_names_invoice_file_place_value_and_remedy(row, build):
    code = row(codes.RTG_010, message_fr="{service} {siret}", remedy_fr="choisissez {suggestions}")
    found = build.found(
        "RTG-010", build.text("SERVISE", "BT-10", 14), siret="999", service="SERVISE", suggestions="SERVICE-1"
    )
    invoice = build.judged(1, found, outcome="refused")
    assert description(found, invoice, "fr") == (
        "Facture F-2026-001 (fournisseur 12345678900011, destinataire 99986401570264). Fichier : facture-1.xml. "
        "Emplacement : BT-10, /Invoice/BT-10, ligne 14. Valeur trouvée : « SERVISE ». À faire : choisissez SERVICE-1."
    )
    assert description(found, invoice, "en").startswith(
        "Invoice F-2026-001 (supplier 12345678900011, recipient 99986401570264)."
    )
    assert code.id == "RTG-010"


def test_facts_that_no_sentence_shows_are_listed_under_their_label(row):
    code = row(codes.RTG_001, message_fr="{siret}", remedy_fr="")
    assert "Précisions : données de référence consultées = A26." in description(
        of(code, siret="9", snapshot="A26"), None, "fr"
    )
    assert "Details: reference data consulted = A26." in description(of(code, siret="9", snapshot="A26"), None, "en")
    assert "Précisions" not in description(of(code, siret="9", snapshot=""), None, "fr")


def test_the_french_twin_of_a_fact_is_never_listed_beside_it(row):
    code = row(codes.XML_011, message_fr="{member}", message_en="{member}", remedy_fr="", remedy_en="none")
    finding = of(code, sentence="Foo is not expected", sentence_fr="Foo n'est pas attendu")
    assert description(finding, None, "fr") == "Précisions : explication = Foo n'est pas attendu."
    assert description(finding, None, "en") == "Details: explanation = Foo is not expected."


@pytest.mark.parametrize(
    ("code", "facts", "said"),
    [
        (codes.PTY_004, {"siret": "1", "party": "supplier"}, "partie = fournisseur"),
        (codes.PTY_016, {"siret": "1", "siren": "2", "party": "recipient"}, "partie = destinataire"),
        (codes.FRM_007, {"framework": "A9", "validator": "holder"}, "son valideur (titulaire)"),
        (codes.FRM_007, {"framework": "A12", "validator": "agent of the group"}, "(mandataire du groupement)"),
    ],
)
def test_no_english_word_of_a_fact_stands_in_a_french_report(code, facts, said):
    finding = of(code, **facts)
    assert said in message.text(finding, "fr") + description(finding, None, "fr")
    english = message.text(finding, "en") + description(finding, None, "en")
    assert str(facts.get("party") or facts["validator"]) in english


def test_every_fact_that_english_words_do_not_show_has_a_label():
    for code in ALL.values():
        shown = {
            name
            for template in (code.message_en, code.remedy_en)
            for _, name, _, _ in string.Formatter().parse(template)
        }
        english = {name for name in code.facts if not name.endswith("_fr")}  # the French twin of a fact
        assert english - shown - {"member", "path", "column"} <= set(LABELS)


def test_an_invoice_whose_parties_cannot_be_read_is_said_so(build):
    found = build.found("GEN-001", "BT-1")
    invoice = build.judged(1, found, outcome="refused", number=None, recipient=None)
    assert description(found, invoice, "fr").startswith(
        "Facture sans numéro (fournisseur 12345678900011, destinataire non identifié)."
    )


def test_a_place_has_line_and_column_when_they_are_known():
    finding = Finding("XML-001", "XML-001", Severity.ERROR, line=12, column=7)
    assert place(finding, "fr") == "ligne 12, colonne 7"
    assert place(finding, "en") == "line 12, column 7"
    assert place(Finding("XML-001", "XML-001", Severity.ERROR)) == ""


def test_a_place_that_is_no_bt_is_named_in_the_language_of_the_report():
    finding = Finding("FLW-001", "FLW-001", Severity.FATAL, at="flow name")
    assert (place(finding, "fr"), place(finding, "en")) == ("nom du flux", "flow name")


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("+33", "'+33"),
        ("-2", "'-2"),
        ("@x", "'@x"),
        (" =x", "' =x"),
        ("F-1", "F-1"),
        ("", ""),
        ("\t=x", "\\x09=x"),
    ],
)
def test_no_cell_is_taken_for_a_formula(text, safe):
    assert cell(text) == safe


def test_an_account_number_is_masked_wherever_its_rule_masks_it(build):
    found = build.found("PAY-006", build.text("FR7630001007941234567890185", "BT-84", 33), iban_masked="FR76…0185")
    assert message.value(found) == "FR76…0185"
    assert "30001007" not in description(found, None) + message.text(found)


def test_a_place_is_not_told_twice():
    finding = Finding(
        "XML-010", "XML-010", Severity.ERROR, path="/I", line=3, column=9, facts={"column": 9, "path": "/I"}
    )
    assert "Précisions" not in description(finding, None)


def test_a_sentence_that_comes_in_both_languages_is_told_in_the_one_asked_for(row):
    code = row(codes.XML_010, message_fr="{sentence}", message_en="{sentence}")
    finding = of(code, sentence="Foo is not expected", sentence_fr="Foo n'est pas attendu")
    assert message.text(finding, "fr") == "Foo n'est pas attendu"
    assert message.text(finding, "en") == "Foo is not expected"
    assert message.text(of(code, sentence="Foo is not expected", sentence_fr=""), "fr") == "Foo is not expected"
    assert "attendu" not in description(finding, None, "en")
