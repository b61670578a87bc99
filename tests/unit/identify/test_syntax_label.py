"""Labels of syntaxes that a deposit must not choose."""

import pytest

from pipeline.codes import Severity
from pipeline.identify.syntax_label import label_finding
from pipeline.terms import CTC, Terms


@pytest.mark.parametrize("label", ["IN_DP_E1_UBL_INVOICE_B2B", "Factur-X b2b", "B2B CII"])
def test_a_syntax_reserved_to_b2b_refuses_the_deposit(label):
    found = label_finding(label, Terms())
    assert found is not None
    assert (found.rule, found.severity, found.value, found.facts) == (
        "IDN-008",
        Severity.FATAL,
        label,
        {"syntax": label},
    )


@pytest.mark.parametrize("label", ["IN_DP_E1_UBL_INVOICE", "Factur-X", ""])
def test_any_other_syntax_may_be_chosen(label):
    assert label_finding(label, Terms()) is None


def test_the_reform_knows_no_such_label():
    assert label_finding("UBL B2B", Terms(profile=CTC)) is None
