"""What we say beside the official rules: true of every installed sheet, in both languages, in every place of a report."""

import re
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from pipeline import codes
from pipeline.adapters.artefacts import PACKS, Artefacts
from pipeline.codes import Severity, official
from pipeline.codes.official import Sentence
from pipeline.codes.official.french import VARIANTS
from pipeline.model import Finding
from pipeline.ports import Hit
from pipeline.readers import safe_xml
from pipeline.returns import message
from pipeline.returns.place import description
from pipeline.returns.report_rows import label, sentence
from pipeline.terms import Terms
from pipeline.validators.official import results
from pipeline.validators.official.compiled import sheet
from pipeline.validators.official.places import Document

ROOT = Path(__file__).resolve().parents[4]
HEAD_ID = re.compile(r"\[([^\[\]\s]+)\]")
TERM = re.compile(r"\b(?:B[TG]-(?:X-)?[0-9]+(?:-[0-9]+)?|EXT-FR-FE-[0-9]+)\b")

# Terms that ours names and the official text of some sheet does not, or names wrongly: why that is the same rule.
NAMED_OTHERWISE = {
    "BR-08": {"BG-5"},  # UBL: in words only
    "BR-44": {"BG-28", "BT-144", "BT-145"},  # UBL: in words only
    "BR-51": {"BT-87"},  # EXTENDED-CTC-FR in CII prints BT-97, which is a reason
    "BR-O-02": {"BT-48"},  # Factur-X prints BT-46, and tests the VAT identifier
    "BR-FR-18_BT-123": {"BG-24"},  # UBL: by its element
    "BR-FR-20_BT-21": {"BT-22"},
    "BR-FR-21_BT-49": {"BT-47"},
    "BR-FR-22_BT-34": {"BT-30"},
}
# Rules whose official texts name no term at all: the words that all of them hold instead.
IN_WORDS = {
    "BR-CL-01": "1001", "BR-CL-03": "4217", "BR-CL-04": "4217", "BR-CL-05": "4217", "BR-CL-06": "point date code",
    "BR-CL-07": "1153", "BR-CL-08": "4451", "BR-CL-10": "ISO 6523", "BR-CL-11": "ISO 6523", "BR-CL-13": "7143",
    "BR-CL-14": "3166-1", "BR-CL-15": "3166-1", "BR-CL-16": "4461", "BR-CL-17": "5305", "BR-CL-18": "5305",
    "BR-CL-19": "5189", "BR-CL-20": "7161", "BR-CL-21": "ISO 6523", "BR-CL-22": "VATEX", "BR-CL-23": "Recommendation 20",
    "BR-CL-24": "Mime", "BR-CL-25": "EAS", "BR-CL-26": "ISO 6523", "BR-FREXT-CL-10": "ISO 6523",
    "BR-FREXT-CL-20": "7161", "BR-FREXT-CL-24": "Mime", "PEPPOL-EN16931-R008": "empty elements",
    "BR-FR-28": "attribut", "BR-FR-32-GLOBALID": "9 chiffres", "BR-FR-32_ID": "9 chiffres",
    "BR-FR-32-LEGALID": "9 chiffres", "BR-FR-32_LEGALID": "9 chiffres",
}  # fmt: skip
# Codes that a remedy recommends: each must stand in the list that every sheet looks the value up in.
RECOMMENDED = {
    "BR-CL-01": "380 381 384 386", "BR-CL-03": "EUR", "BR-CL-04": "EUR", "BR-CL-05": "EUR", "BR-CL-07": "AAJ AFL AVV",
    "BR-CL-08": "PMT PMD AAB REG", "BR-CL-10": "0002 0009", "BR-CL-11": "0002 0009", "BR-CL-14": "FR DE BE",
    "BR-CL-16": "30 58 59 48 20", "BR-CL-17": "S Z E AE K G O", "BR-CL-18": "S Z E AE K G O", "BR-CL-19": "95",
    "BR-CL-20": "FC", "BR-FREXT-CL-20": "FC", "BR-CL-21": "0160", "BR-CL-23": "C62 HUR DAY KGM MTR",
    "BR-CL-25": "0225 0009", "BR-CL-26": "0002 0009", "BR-FREXT-CL-10": "0002 0009",
    "BR-FR-04_BT-3": "380 381 384 386 261 262 389 393 396 471 472 473 500 501 502 503", "BR-FR-08_BT-23": "B1 S1 M1",
    "BR-FR-15_BT-95_BT-102": "S E AE K G O Z", "BR-FR-16_BT-119": "20 10 5.5 2.1 0",
    "BR-FR-17_BT-123": "RIB LISIBLE BON_LIVRAISON BON_COMMANDE BORDEREAU_SUIVI DOCUMENT_ANNEXE PJA",
    "BR-FR-20_BT-21": "B2B B2BINT B2C B2CINT OUTOFSCOPE ARCHIVEONLY",
}  # fmt: skip


@pytest.fixture(scope="module")
def installed() -> dict[str, dict[str, list[tuple[str, str]]]]:
    """Rule -> pack -> (official text, test with the functions of the sheet), of every assert and report installed."""
    artefacts = Artefacts()
    found: dict[str, dict[str, list[tuple[str, str]]]] = defaultdict(lambda: defaultdict(list))
    for pack in PACKS:
        read = sheet.read(artefacts.path(artefacts.pack(pack).sheet).read_bytes())
        functions = " ".join(one.select for function in read.functions for one in function.variables)
        functions += " ".join(function.result for function in read.functions)
        for test in read.tests:
            text = " ".join("".join(word.text or "?" for word in test.message).split())
            head = HEAD_ID.match(text)
            rule = head[1] if head else test.id or f"{pack}#{test.ordinal}"
            found[official.key(rule)][pack].append((text, test.test + functions))
    return found


def terms(text: str) -> set[str]:
    return set(TERM.findall(text))


@pytest.mark.parametrize("rule", official.ALL)
def test_a_rule_that_we_tell_is_a_rule_of_an_installed_sheet(rule, installed):
    assert rule in installed
    assert official.told(rule) is official.ALL[rule]


@pytest.mark.parametrize("rule", sorted(official.ALL.keys() - IN_WORDS.keys()))
def test_our_sentence_names_the_terms_that_the_official_text_names_in_every_sheet(rule, installed):
    ours = terms(official.ALL[rule].message_fr)
    assert ours
    for pack, tests in installed[rule].items():
        named = {term for text, _ in tests for term in terms(text)} | NAMED_OTHERWISE.get(rule, set())
        named |= terms(rule.replace("_", " "))  # a French id names what it is about
        assert ours <= named, f"{pack}: {[text for text, _ in tests]}"
        assert official.ALL[rule].at in named


@pytest.mark.parametrize("rule", IN_WORDS)
def test_a_rule_whose_official_text_names_no_term_is_the_one_that_we_mean(rule, installed):
    ours, word = official.ALL[rule], IN_WORDS[rule]
    for pack, tests in installed[rule].items():
        for text, _ in tests:
            assert word.casefold() in text.casefold(), pack
            assert not {term for term in terms(text) if term.startswith(("BT", "BG"))}, "it names its terms: look there"
    if word.isdigit():
        assert word in ours.message_fr and word in ours.message_en


@pytest.mark.parametrize("rule", VARIANTS)
def test_an_id_that_stands_for_several_rules_is_told_by_its_official_text(rule, installed):
    alone = [official.ALL[one] for _, one in VARIANTS[rule]]
    for pack, tests in installed[rule].items():
        told = [official.told(rule, text) for text, _ in tests]
        assert all(one in alone for one in told), f"{pack}: {[text for text, _ in tests]}"
        assert len(set(told)) == len(told), pack
        for (text, _), one in zip(tests, told, strict=True):
            assert one is not None and terms(one.message_fr) <= terms(text) | terms(rule.replace("_", " ")), pack
    assert official.told(rule) is official.ALL[rule]


@pytest.mark.parametrize("rule", RECOMMENDED)
def test_the_codes_that_a_remedy_recommends_are_allowed_by_every_sheet(rule, installed):
    for code in RECOMMENDED[rule].split():
        told = re.compile(rf"(?<![\w.-]){re.escape(code)}(?![\w-]|\.\w)")
        assert told.search(official.ALL[rule].remedy_fr) and told.search(official.ALL[rule].remedy_en), code
        for pack, tests in installed[rule].items():
            assert all(re.search(rf"[ '(]{re.escape(code)}[ ')]", test) for _, test in tests), f"{pack}: {code}"


def test_the_vat_point_codes_are_those_of_each_syntax(installed):
    allowed = {"en16931-ubl": "3 35 432", "extended-ctc-fr-ubl": "3 35 432", "extended-ctc-fr-cii": "5 29 72"}
    assert installed["BR-CL-06"].keys() == allowed.keys()
    for pack, tests in installed["BR-CL-06"].items():
        assert all(f"' {allowed[pack]} '" in test for _, test in tests)
        assert set(allowed[pack].split()) <= set(re.findall(r"[0-9]+", official.ALL["BR-CL-06"].remedy_fr))


@pytest.mark.parametrize("rule", official.ALL)
def test_a_sentence_is_written_like_the_catalogue_in_both_languages(rule):
    ours = official.ALL[rule]
    assert rule == official.key(rule)
    assert terms(ours.message_fr) == terms(ours.message_en)
    assert terms(ours.remedy_fr) == terms(ours.remedy_en)
    assert not ours.at or TERM.fullmatch(ours.at)
    for text in ours[1:5]:
        assert text == " ".join(text.split())
        assert not re.search(r"(?<!\.\.)[.;,]$", text), "a message ends without a point, like those of the catalogue"
        assert text[0].islower() and not {"{", "}"} & set(text), "braces would be facts"
        assert len(text) <= 300
    assert ours.message_fr != ours.message_en and ours.remedy_fr != ours.remedy_en
    for french in (ours.message_fr, ours.remedy_fr):
        assert not re.search(r"[^ \u00a0][;?!]|[^ \u00a0\d]:(?!\w)", french), "French puts a blank before them"
    assert all(re.fullmatch(r"(?:(?:ram|rsm):[\w/:@='\[\]]+)?", one) for one in (ours.cii,))
    assert re.fullmatch(r"(?:c[ab]c:[\w/:@='\[\]]+)?", ours.ubl)


def test_enough_rules_are_told_and_every_family_of_them():
    assert len(official.ALL) == sum(map(len, official.TABLES.values())), "one rule in two tables"
    assert len(set(official.ALL.values())) >= 120
    for family, least in {
        "BR-[0-9]": 55,
        "BR-CO-": 20,
        "BR-DEC-": 21,
        "BR-CL-": 23,
        "BR-FR-": 100,
        "PEPPOL": 1,
    }.items():
        assert sum(1 for rule in official.ALL if re.match(family, rule)) >= least, family
    for letters in ("S", "Z", "E", "AE", "IC", "G", "O"):
        assert {f"BR-{letters}-{rank:02}" for rank in range(1, 11)} <= official.ALL.keys()


def test_every_business_rule_that_our_fixtures_break_is_told():
    rows = (ROOT / "tests" / "golden" / "corpus.tsv").read_text(encoding="utf-8").splitlines()[1:]
    broken = {rule.rpartition(":")[2] for row in rows for rule in row.split("\t")[3].split() if ":" in rule}
    business = {rule for rule in broken if rule.startswith(("BR-", "PEPPOL"))}
    assert len(business) > 10
    assert {rule for rule in business if official.told(rule) is None} == set()


# --- in a finding -----------------------------------------------------------------------------------------------------


def found(rule: str, code: str = "OFF-001", text: str = "the official words", pack: str = "en16931-ubl") -> Finding:
    document = Document(safe_xml.parse(b"<Invoice><Total>2400.00</Total></Invoice>", "m.xml", Terms()))
    hit = Hit(rule, "fatal", "/Invoice[1]/Total[1]", text, False)
    return results.finding(hit, codes.ALL[code], pack, Severity.ERROR, document, "m.xml")


def test_a_finding_names_the_term_and_keeps_the_official_id_place_and_text():
    told = found("BR-CO-15")
    assert (told.rule, told.at, told.path, told.value) == ("BR-CO-15", "BT-112", "/Invoice/Total", "2400.00")
    assert told.facts["text"] == "the official words"


@pytest.mark.parametrize("code", ["OFF-001", "OFF-002", "OFF-003", "OFF-004", "OFF-008"])
def test_our_sentence_comes_first_and_the_official_text_after_it(code):
    told, ours = found("BR-CO-15", code, "[BR-CO-15]-Invoice total = ..."), official.ALL["BR-CO-15"]
    assert message.text(told, "fr") == f"BR-CO-15 : {ours.message_fr} ; texte officiel : Invoice total = ..."
    assert message.text(told, "en") == f"BR-CO-15: {ours.message_en}; official text: Invoice total = ..."
    assert label(told) == f"[BR-CO-15] {ours.message_fr} ; texte officiel : Invoice total = ..."
    assert sentence(told, "en").startswith(ours.message_en)


@pytest.mark.parametrize("code", ["OFF-001", "OFF-002", "OFF-003", "OFF-004"])
def test_the_remedy_is_ours_with_the_element_of_the_syntax(code):
    ours = official.ALL["BR-03"]
    in_ubl, in_cii = found("BR-03", code), found("BR-03", code, pack="facturx-en16931")
    assert message.remedy(in_ubl, "fr") == f"{ours.remedy_fr} ; élément cbc:IssueDate"
    assert message.remedy(in_cii, "en") == f"{ours.remedy_en}; element rsm:ExchangedDocument/ram:IssueDateTime"
    said = description(in_ubl, None, "fr")
    assert (
        f"Emplacement : BT-2, /Invoice/Total, ligne 1. Valeur trouvée : « 2400.00 ». À faire : {ours.remedy_fr} ; élément cbc:"
        in said
    )
    assert "Précisions" not in said


def test_the_element_is_the_one_of_a_credit_note():
    ours = official.ALL["BR-22"]
    assert ours.element("en16931-ubl", "/Invoice/cac:InvoiceLine") == "cac:InvoiceLine/cbc:InvoicedQuantity"
    assert ours.element("en16931-ubl", "/CreditNote/cac:CreditNoteLine[2]") == "cac:CreditNoteLine/cbc:CreditedQuantity"


@pytest.mark.parametrize("rule", ["FX-SCH-A-000550", "BR-B-01", "facturx-basic#3", "UBL-CR-001"])
def test_a_rule_that_we_do_not_tell_is_told_by_its_official_text(rule):
    told = found(rule)
    assert official.told(rule) is None
    assert (told.at, message.text(told, "fr")) == ("", f"{rule} : the official words")
    assert message.remedy(told, "fr") == codes.OFF_001.remedy_fr


def test_an_id_is_told_alike_however_a_sheet_spells_it():
    ubl, cii = (
        found("BR-FR-10/BT-30", "OFF-003", pack="br-fr-ubl"),
        found("BR-FR-10_BT-30", "OFF-003", pack="br-fr-cii"),
    )
    assert sentence(ubl) == sentence(cii)
    assert ubl.at == cii.at == "BT-30"
    assert ubl.rule == "BR-FR-10/BT-30"


@pytest.mark.parametrize(
    "text",
    [
        "[BR-FR-10/BT-30] : Le SIREN manque", "BR-FR-10/BT-30 : Le SIREN manque", "[BR-CO-15]-Le SIREN manque",
        "BR-FR-DEC-04/BT-96 ou BT-103 : Le SIREN manque", "[BR-FR-02/BT-1 : Le SIREN manque", "Le SIREN manque",
    ],
)  # fmt: skip
def test_the_official_text_does_not_say_its_id_again(text):
    assert message.text(found("FX-1", "OFF-003", text), "fr") == "FX-1 : Le SIREN manque"


def test_a_finding_of_another_family_has_no_official_sentence():
    other = Finding("BR-CO-15", "GEN-002", Severity.ERROR, facts={"number": "F", "length": 21})
    assert "texte officiel" not in message.text(other, "fr")


def test_the_page_of_the_official_rules_is_the_table():
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import make_codes
    finally:
        sys.path.pop(0)
    page = (ROOT / "docs" / "official-rules.md").read_text(encoding="utf-8")
    assert page == make_codes.official_page(), "run `make docs`"
    assert all(isinstance(one, Sentence) for one in official.ALL.values())
    assert set(re.findall(r"(?<![\w-])(?:BR|PEPPOL)-[\w-]+", page)) >= official.ALL.keys()
