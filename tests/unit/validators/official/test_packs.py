"""Which packs a document runs under, and how hard they bite."""

import pytest

from pipeline import codes
from pipeline.adapters.artefacts import PACKS, InstalledSchemas
from pipeline.codes import Severity
from pipeline.model import Kind, PackRun
from pipeline.ports import Fault, Hit, RulesRan, Tools, XmlDocument
from pipeline.readers import safe_xml
from pipeline.terms import CTC, Terms
from pipeline.validators.official import packs, rules_command
from pipeline.validators.official.claims import claim
from pipeline.values import Text

CORE = "urn:cen.eu:en16931:2017"
CIUS = f"{CORE}#compliant#urn:example:cius"
EXTENSION = f"{CORE}#conformant#urn:example:more"
CTC_FR = f"{CORE}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
A_DOCUMENT = safe_xml.parse(b"<Invoice>\n<Total>2400,00</Total></Invoice>", "m.xml", Terms())
FATAL = Hit("BR-1", "fatal", "/Invoice[1]/Total[1]", "[BR-1] no", False)
WARNING = Hit("BR-2", "warning", "/Invoice[1]/Total[1]", "[BR-2] well", False)


class Engine:
    """Answers what it was told to, and remembers what it was asked: the outside world of this module."""

    def __init__(self, **answers: RulesRan) -> None:
        self.answers = {name.replace("_", "-"): answer for name, answer in answers.items()}
        self.ran: list[str] = []

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        self.ran.append(pack)
        return self.answers.get(pack, RulesRan(()))

    def describe(self, pack: str) -> PackRun:
        return PackRun(pack, "saxon", f"digest of {pack}", "1.2")


def judged(guideline: str | None, kind: Kind, engine: Engine, terms: Terms | None = None):
    at = Text(guideline, "BT-24", "/Invoice/CustomizationID", 2) if guideline else None
    tools = Tools(InstalledSchemas(), engine, terms or Terms())
    return packs.judge(A_DOCUMENT, claim(guideline, kind), at, kind, "m.xml", tools)


@pytest.mark.parametrize(
    ("guideline", "kind", "terms", "expected"),
    [
        (CORE, Kind.UBL, Terms(), [("en16931-ubl", "OFF-001", "error")]),
        (CORE, Kind.CII, Terms(), [("facturx-en16931", "OFF-001", "error")]),
        (CORE, Kind.FACTURX, Terms(), [("facturx-en16931", "OFF-002", "error")]),
        (CTC_FR, Kind.FACTURX, Terms(), [("extended-ctc-fr-cii", "OFF-004", "error")]),
        (CTC_FR, Kind.UBL, Terms(), [("extended-ctc-fr-ubl", "OFF-004", "error")]),
        (EXTENSION, Kind.UBL, Terms(), [("en16931-ubl", "OFF-001", "warning")]),
        (EXTENSION, Kind.UBL, Terms(policies={"en16931": "off"}), []),
        (CORE, Kind.UBL, Terms(policies={"en16931": "warning"}), [("en16931-ubl", "OFF-001", "warning")]),
        (CORE, Kind.UBL, Terms(policies={"en16931": "off"}), []),
        (CORE, Kind.FACTURX, Terms(policies={"en16931": "off"}), [("facturx-en16931", "OFF-002", "error")]),
        (CORE, Kind.FACTURX, Terms(policies={"facturx": "off"}), []),
        (CTC_FR, Kind.FACTURX, Terms(policies={"facturx": "off"}), [("extended-ctc-fr-cii", "OFF-004", "error")]),
        (None, Kind.CII, Terms(), []),
        ("unknown", Kind.CII, Terms(), []),
        (None, Kind.UBL, Terms(policies={"br-fr": "warning"}), [("br-fr-ubl", "OFF-003", "warning")]),
        (None, Kind.CII, Terms(shown_packs=("br-fr",)), [("br-fr-cii", "OFF-008", "info")]),
        (CORE, Kind.CII, Terms(shown_packs=("facturx-en16931", "br-fr-ubl")), [("facturx-en16931", "OFF-001", "error")]),
        (None, Kind.UBL, Terms(profile=CTC), [("en16931-ubl", "OFF-001", "error"), ("br-fr-ubl", "OFF-003", "error")]),
        (CORE, Kind.FACTURX, Terms(profile=CTC, shown_packs=("br-fr",)), [("facturx-en16931", "OFF-002", "error"), ("br-fr-cii", "OFF-003", "error")]),
        ("urn:factur-x.eu:1p0:minimum", Kind.CII, Terms(), [("facturx-minimum", "OFF-001", "error")]),
    ],
)  # fmt: skip
def test_claim_policy_and_profile_choose_the_packs(
    guideline: str | None, kind: Kind, terms: Terms, expected: list[tuple[str, str, str]]
) -> None:
    planned = packs.plan(claim(guideline, kind), kind, terms)
    assert [(one.pack, one.code.id, one.level.value) for one in planned] == expected


def test_an_invoice_without_a_claim_is_told_so_and_no_pack_runs() -> None:
    engine = Engine()
    found, ran = judged(None, Kind.UBL, engine)
    assert [(f.rule, f.severity, f.at, f.member) for f in found] == [("OFF-007", Severity.WARNING, "BT-24", "m.xml")]
    assert (ran, engine.ran) == ((), [])


def test_an_unknown_guideline_is_named() -> None:
    found, ran = judged("CEN", Kind.UBL, Engine())
    assert [(f.rule, f.value, f.path, f.line) for f in found] == [("GEN-016", "CEN", "/Invoice/CustomizationID", 2)]
    assert found[0].facts == {"guideline": "CEN"}
    assert ran == ()


def test_the_reform_does_not_warn_of_a_missing_claim_but_holds_to_the_norm() -> None:
    engine = Engine()
    found, _ = judged(None, Kind.CII, engine, Terms(profile=CTC))
    assert found == ()
    assert engine.ran == ["facturx-en16931", "br-fr-cii"]


def test_every_hit_becomes_a_finding_under_its_own_flag_and_the_pack_is_named() -> None:
    found, ran = judged(CORE, Kind.UBL, Engine(en16931_ubl=RulesRan((FATAL, WARNING))))
    assert [(f.rule, f.severity) for f in found] == [("BR-1", Severity.ERROR), ("BR-2", Severity.WARNING)]
    assert ran == (PackRun("en16931-ubl", "saxon", "digest of en16931-ubl", "1.2"),)


def test_an_extension_that_nobody_knows_is_never_refused_by_the_rules_of_the_norm() -> None:
    found, _ = judged(EXTENSION, Kind.UBL, Engine(en16931_ubl=RulesRan((FATAL,))))
    assert [f.severity for f in found] == [Severity.WARNING]


def test_a_cius_is_not_refused_for_its_name() -> None:
    lookup = Hit("FX-SCH-A-000556", "", "/Invoice[1]", "Value of 'ram:ID' is not allowed.", False)
    found, _ = judged(CIUS, Kind.CII, Engine(facturx_en16931=RulesRan((lookup, FATAL))))
    assert [f.severity for f in found] == [Severity.INFO, Severity.ERROR]


def test_a_value_that_stops_the_engine_refuses_the_invoice_and_is_named() -> None:
    stopped = RulesRan((), 'Cannot convert string "2400,00" to xs:decimal')
    found, ran = judged(CORE, Kind.UBL, Engine(en16931_ubl=stopped))
    assert [(f.rule, f.severity, f.path, f.value) for f in found] == [
        ("OFF-005", Severity.ERROR, "/Invoice/Total", "2400,00")
    ]
    assert found[0].facts == {"place": "/Invoice/Total", "text": "2400,00"}
    assert len(ran) == 1


def test_where_the_engine_quotes_no_value_its_own_words_are_told() -> None:
    found, _ = judged(CORE, Kind.UBL, Engine(en16931_ubl=RulesRan((), "It is what it is")))
    assert found[0].facts == {"place": "en16931-ubl", "text": "It is what it is"}


def test_a_stopped_pack_weighs_no_more_than_its_hits_would() -> None:
    stopped = RulesRan((), "no reason")
    loose, _ = judged(CORE, Kind.UBL, Engine(en16931_ubl=stopped), Terms(policies={"en16931": "warning"}))
    shown, _ = judged(CORE, Kind.UBL, Engine(br_fr_ubl=stopped), Terms(shown_packs=("br-fr",)))
    off, _ = judged(CORE, Kind.UBL, Engine(en16931_ubl=stopped), Terms(severities={"OFF-005": "off"}))
    assert [f.severity for f in loose] == [Severity.WARNING]
    assert [f.severity for f in shown] == [Severity.INFO]
    assert off == ()


def test_french_rules_asked_for_are_shown_as_information_besides() -> None:
    engine = Engine(en16931_ubl=RulesRan((FATAL,)), br_fr_ubl=RulesRan((FATAL,)))
    found, ran = judged(CORE, Kind.UBL, engine, Terms(shown_packs=("br-fr",)))
    assert [(f.code, f.severity) for f in found] == [("OFF-001", Severity.ERROR), ("OFF-008", Severity.INFO)]
    assert [one.name for one in ran] == ["en16931-ubl", "br-fr-ubl"]


def test_a_finding_tells_its_line_and_nobody_writes_the_tree_again() -> None:
    found, _ = judged(CORE, Kind.UBL, Engine(en16931_ubl=RulesRan((FATAL,))))
    assert (found[0].line, found[0].value) == (2, "2400,00")
    assert "text" not in A_DOCUMENT.__dict__  # a property that keeps what it gave once it was asked


def test_every_hit_is_told_for_the_cap_counts_all_findings_of_a_document() -> None:
    found, _ = judged(CORE, Kind.UBL, Engine(en16931_ubl=RulesRan((WARNING,) * 5_000 + (FATAL,))))
    assert len(found) == 5_001
    assert found[-1].refuses


@pytest.mark.parametrize(
    ("head", "terms", "expected"),
    [
        (f'<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:c="c"><c:CustomizationID> {CIUS} </c:CustomizationID>', Terms(), ("en16931-ubl",)),
        (f"<r:A><r:GuidelineSpecifiedDocumentContextParameter>\n<ram:ID>{CORE}</ram:ID>", Terms(shown_packs=("br-fr",)), ("facturx-en16931", "br-fr-cii")),
        ("<Invoice><CustomizationID/>", Terms(), ()),
        ("%PDF-1.7", Terms(), ()),
        ("<Invoice><CustomizationID>é</CustomizationID>", Terms(), ()),
    ],
)  # fmt: skip
def test_the_beginning_of_a_file_tells_which_packs_to_warm(head: str, terms: Terms, expected: tuple[str, ...]) -> None:
    assert packs.expected(head.encode(), terms) == expected


def test_a_mixed_file_has_no_official_rules() -> None:
    assert judged(None, Kind.MIXED, Engine()) == ((), ())


def test_a_fault_of_the_engine_is_not_caught() -> None:
    class Broken(Engine):
        def run(self, pack: str, document: XmlDocument) -> RulesRan:
            raise Fault("gone")

    with pytest.raises(Fault):
        judged(CORE, Kind.UBL, Broken())


def test_a_family_stands_for_the_pack_of_the_syntax() -> None:
    assert packs.pack_of("br-fr", Kind.UBL) == "br-fr-ubl"
    assert packs.pack_of("br-fr", Kind.FACTURX) == "br-fr-cii"
    assert packs.pack_of("facturx-basic", Kind.CII) == "facturx-basic"
    assert packs.pack_of("facturx-basic", Kind.UBL) == ""


def test_every_pack_has_its_files() -> None:
    assert set(packs.NAMES) == set(PACKS)


def test_the_softer_of_two_levels_is_taken() -> None:
    assert packs.softer(Severity.ERROR, Severity.WARNING) is Severity.WARNING
    assert packs.softer(Severity.INFO, Severity.ERROR) is Severity.INFO


def test_the_command_rules_answers_in_the_words_of_the_sheet() -> None:
    engine = Engine(br_fr_cii=RulesRan((FATAL,)))
    shown = rules_command.answer("a.xml", "br-fr-cii", PACKS["br-fr-cii"].sheet, A_DOCUMENT, engine)
    assert shown == {
        "file": "a.xml",
        "pack": "br-fr-cii",
        "engine": "saxon",
        "artefact": {"name": "BR-FR-Flux2-Schematron-CII.xslt", "version": "1.2", "sha256": "digest of br-fr-cii"},
        "findings": [{"rule": "BR-1", "flag": "fatal", "location": "/Invoice[1]/Total[1]", "text": "[BR-1] no"}],
    }


def test_the_command_rules_says_when_a_value_stopped_the_engine() -> None:
    shown = rules_command.answer("a.xml", "br-fr-cii", "s", A_DOCUMENT, Engine(br_fr_cii=RulesRan((), "a bad date")))
    assert shown["stopped"] == "a bad date"
    assert shown["findings"] == []


def test_rows_of_official_rules_follow_the_policies_that_this_module_counts_on() -> None:
    rows = (codes.OFF_001, codes.OFF_002, codes.OFF_003, codes.OFF_004)
    assert [row.policy for row in rows] == ["en16931", "facturx", "br-fr", "en16931"]
