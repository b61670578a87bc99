"""Every Chorus rule on the semantic model: earned by the invoice of its case and by no clean one."""

import pytest
from a_invoice import (
    CTC,
    LEGACY,
    a_credit_note,
    a_line,
    a_minimum,
    a_mixed,
    amount,
    an_invoice,
    earned,
    judged,
    received,
    text,
    totals,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rule_cases import CASES

from pipeline import codes
from pipeline.codes import EarnedBy, Stage
from pipeline.flows import open_codes
from pipeline.terms import FindingLimits, Terms
from pipeline.validators import generic

FAMILIES = {"GEN", "FRM", "REF", "CRN", "DAT", "PAY", "PTY", "AMT", "VAT", "LIN"}


@pytest.mark.parametrize("rule", CASES)
def test_the_case_of_a_rule_earns_it_and_nothing_else(rule):
    case = CASES[rule]
    assert earned(case.invoice, case.interface) == {rule, *case.companions}


@pytest.mark.parametrize(
    ("invoice", "interface", "said"),
    [
        (an_invoice(), "FSO1100A", set()),
        (an_invoice(), "FSO1110A", set()),
        (a_credit_note(), "FSO1100A", {"PAY-009"}),
        (a_minimum(), "FSO1117A", {"PAY-009"}),
        (a_mixed(), "FSO1113A", set()),
    ],
)
def test_a_clean_invoice_earns_nothing_that_refuses_or_warns(invoice, interface, said):
    assert earned(invoice, interface) == said


def test_every_row_of_these_families_has_its_rule_once_and_its_case():
    elsewhere = {"GEN-016"}  # judged with the official packs, which know the guidelines
    rows = {
        row.id
        for row in codes.ALL.values()
        if row.family in FAMILIES
        and row.stage is Stage.VALIDATE_GENERIC
        and row.earned_by not in {EarnedBy.REFORM, EarnedBy.NOT_COLLECTED}
    }
    built = [rule.code.id for rule in generic.RULES]
    assert len(built) == len(set(built))
    assert set(built) == (rows - elsewhere) | {"IDN-006"}
    assert set(CASES) == set(built) - {"GEN-017"}  # a million lines: test_header


def test_the_reform_channel_applies_its_own_severities():
    crooked = an_invoice(total_gross=amount("72.000", "BT-112"), framework=None, payment_code=None, payment_codes=())
    assert {f.rule: f.severity for f in judged(crooked)} == {
        "AMT-003": "warning",
        "FRM-001": "info",
        "PAY-001": "error",
    }
    assert {f.rule: f.severity for f in judged(crooked, terms=CTC)} == {"AMT-003": "error"}


def test_a_rule_that_the_settings_switch_off_says_nothing():
    assert earned(an_invoice(number=None), terms=Terms(severities={"GEN-001": "off"})) == set()


def test_a_document_keeps_no_more_findings_of_a_rule_than_it_may():
    lines = tuple(a_line(rank, id=None) for rank in range(1, 31))
    found = judged(
        an_invoice(**totals("900.00", "180.00", "1080.00", lines="900.00"), lines=lines),
        terms=Terms(findings=FindingLimits(document_max=10)),
    )
    assert [f.rule for f in found] == ["LIN-004"] * 10


def test_a_finding_never_repeats_a_text_of_any_length():
    (found,) = judged(an_invoice(number=text("F" * 100_000, "BT-1")))
    assert len(found.value) == len(found.facts["number"]) == 200
    assert found.facts["length"] == 100_000


texts = st.text(max_size=30) | st.sampled_from(
    ["A9", "A21", "B1", "381", "58", "-1.005", "1e9", "NaN", "2025-02-30", "E", "9" * 20, "0", "0.000"]
)


def _values(draw):
    def text_(bt):
        value = draw(texts)
        return text(value, bt) if draw(st.booleans()) else None

    def amount_(bt):
        value = draw(
            texts
            | st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**12), max_value=10**12).map(
                str
            )
        )
        return amount(value, bt) if draw(st.booleans()) else None

    return text_, amount_


@st.composite
def invoices(draw):
    """Any texts and numbers in the places that rules look at."""
    from a_invoice import a_vat_line, day, in_country, of_type

    text_, amount_ = _values(draw)
    party = of_type(
        draw(st.sampled_from(["", *"1234567"])),
        draw(texts),
        vat=text_("BT-31"),
        siren=text_("BT-30"),
        address=in_country(draw(texts)),
        name=text_("BT-27"),
    )
    lines = tuple(
        a_line(
            rank,
            id=text_("BT-126"),
            type=text_("TYPE_LIGNE"),
            quantity=amount_("BT-129"),
            price=amount_("BT-146"),
            gross_price=amount_("BT-148"),
            price_discount=amount_("BT-147"),
            has_price_allowance=draw(st.booleans()),
            base_quantity=amount_("BT-149"),
            total=amount_("BT-131"),
            charges=tuple(filter(None, [amount_("BT-141")])),
            allowances=tuple(filter(None, [amount_("BT-136")])),
            site=text_("site"),
        )
        for rank in range(1, draw(st.integers(0, 3)) + 1)
    )
    from pipeline.model import AccountGiven, Places

    code, service, origin = text_("BT-81"), text_("BT-10"), text_("BT-25")
    return draw(st.sampled_from([an_invoice, a_minimum, a_mixed]))(
        root=draw(st.sampled_from(["Invoice", "CreditNote", "CrossIndustryInvoice", "CPPFactureMixte"])),
        number=text_("BT-1"),
        type=text_("BT-3"),
        issued=day(draw(texts), "BT-2"),
        due=day(draw(texts), "BT-9"),
        currency=text_("BT-5"),
        framework=text_("BT-23"),
        notes=tuple(filter(None, [text_("BT-22")])),
        supplier=party,
        payee=party,
        validator=party,
        recipient=draw(st.sampled_from([party, an_invoice().recipient])),
        service=Places(service, tuple(filter(None, [service, text_("BT-10")]))),
        commitment=Places(text_("BT-13"), ()),
        market=text_("BT-12"),
        origins=tuple(filter(None, [origin])),
        payment_code=code,
        payment_codes=tuple(filter(None, [code, text_("BT-81")])),
        account=AccountGiven(text_("BT-84"), text_("BT-84"), text_("BT-86"), text_("BT-59")),
        vat_lines=tuple(
            a_vat_line(draw(texts), draw(texts), draw(texts), category=text_("BT-118"), due=text_("BT-8"))
            for _ in range(draw(st.integers(0, 2)))
        ),
        total_lines=amount_("BT-106"),
        total_net=amount_("BT-109"),
        total_vat=amount_("BT-110"),
        total_gross=amount_("BT-112"),
        prepaid=amount_("BT-113"),
        rounding=amount_("BT-114"),
        payable=amount_("BT-115"),
        lines=lines,
    )


@given(invoices(), st.sampled_from(open_codes()), st.sampled_from([LEGACY, CTC]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_invoice_is_judged_without_a_traceback_and_always_the_same_way(invoice, interface, terms):
    first = judged(invoice, interface, terms)
    assert first == generic.judge(invoice, received(), interface, "facture.xml", terms)
    assert all(len(f.value) <= 200 for f in first)
