"""Credit notes, and the invoices they refer to."""

import pytest
from a_invoice import CTC, a_credit_note, a_minimum, amount, an_invoice, earned, judged, text, the


def test_an_original_number_of_20_characters_is_taken():
    assert earned(a_credit_note(origins=(text("F" * 20, "BT-25"),))) == {"PAY-009"}
    both = a_credit_note(origins=(text("F" * 20, "BT-25"), text("F" * 21, "BT-25")))
    assert the("CRN-001", judged(both)).facts == {"length": 21}


def test_a_credit_note_without_original_warns_where_it_has_a_place_for_it():
    found = the("CRN-002", judged(a_credit_note(origins=())))
    assert (found.severity, found.at) == ("warning", "BT-25")
    assert the("CRN-002", judged(a_credit_note(origins=()), terms=CTC)).severity == "error"
    assert "CRN-002" not in earned(a_minimum(type=text("381", "BT-3")), "FSO1117A")


@pytest.mark.parametrize(
    ("root", "type_", "expected"),
    [("CreditNote", "381", False), ("Invoice", "381", False), ("CreditNote", "380", True), ("Invoice", "380", False)],
)
def test_the_root_of_a_credit_note_wants_381_and_an_invoice_root_takes_both(root, type_, expected):
    invoice = an_invoice(root=root, type=text(type_, "BT-3"), origins=(text("F-1", "BT-25"),))
    assert ("CRN-005" in earned(invoice)) is expected


def test_a_reference_on_an_invoice_is_read_and_said_to_have_no_effect():
    found = the("CRN-006", judged(an_invoice(origins=(text("F-1", "BT-25"),))))
    assert (found.severity, found.facts) == ("info", {"number": "F-1"})
    assert "CRN-006" not in earned(a_credit_note())


def test_a_credit_note_below_zero_warns_by_the_first_total_that_is():
    found = the("CRN-007", judged(a_credit_note(payable=amount("-72.00", "BT-115"))))
    assert (found.severity, found.at, found.facts) == ("warning", "BT-115", {"total": "-72.00"})
    assert "CRN-007" not in earned(an_invoice(payable=amount("-72.00", "BT-115")))
