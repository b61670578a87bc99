"""Payment mode, account, bank; and no account number told in full."""

import pytest
from a_invoice import IBAN, RIB, a_credit_note, a_minimum, a_mixed, an_invoice, day, earned, judged, text, the
from hypothesis import given
from hypothesis import strategies as st

from pipeline.model import AccountGiven, Kind
from pipeline.validators.payment import is_iban, is_rib, masked


def paid_by(*codes, **changes):
    given_codes = tuple(text(code, "BT-81") for code in codes)
    return an_invoice(payment_code=given_codes[0] if codes else None, payment_codes=given_codes, **changes)


def in_cii(invoice_of, code):
    issued = day("20251118", "BT-2", "102")
    codes = (text(code, "BT-81"),)
    return invoice_of(
        kind=Kind.CII, issued=issued, due=None, payment_code=codes[0], payment_codes=codes, vat_regimes=()
    )


def test_a_payment_mode_is_asked_but_not_of_a_credit_note_nor_of_the_minimum_profile():
    assert earned(paid_by()) == {"PAY-001"}
    assert earned(a_credit_note()) == {"PAY-009"}
    assert earned(a_minimum(), "FSO1117A") == {"PAY-009"}


@pytest.mark.parametrize(
    "code", ["01", "1", "10", "20", "30", "31", "42", "48", "49", "50", "57", "58", "59", "93", "97"]
)
def test_the_modes_of_ubl(code):
    assert "PAY-002" not in earned(paid_by(code))


@pytest.mark.parametrize("code", ["50", "57", "93"])
def test_cii_takes_fewer_modes(code):
    assert "PAY-002" in earned(in_cii(an_invoice, code), "FSO1106A")
    assert "PAY-002" not in earned(in_cii(an_invoice, "58"), "FSO1106A")


@pytest.mark.parametrize("code", ["58", "59", "50"])
def test_a_mixed_flow_takes_those_of_the_pivot_and_01(code):
    codes = (text(code, "BT-81"),)
    assert "PAY-002" in earned(a_mixed(payment_code=codes[0], payment_codes=codes), "FSO1113A")
    assert earned(a_mixed(payment_code=text("01", "BT-81")), "FSO1113A") == {"PAY-009"}


def test_each_mode_of_several_blocks_is_told_once():
    found = judged(paid_by("70", "30", "70", "71"))
    assert [f.facts["code"] for f in found if f.rule == "PAY-002"] == ["70", "71"]


def test_justice_costs_are_paid_by_transfer_and_pay_004_speaks_before_pay_003():
    a3 = {"framework": text("A3", "BT-23")}
    assert earned(paid_by("30", **a3), "FSO1120A") == set()
    assert "PAY-004" in earned(paid_by("58", **a3), "FSO1120A")
    assert "PAY-003" not in earned(paid_by("58", **a3), "FSO1120A")
    assert "PAY-004" in earned(paid_by("20"), "FSO1120A")


@pytest.mark.parametrize("code", ["30", "31", "42", "58"])
def test_a_transfer_wants_an_account(code):
    assert the("PAY-005", judged(paid_by(code, account=AccountGiven()))).facts == {"code": code}
    assert "PAY-005" not in earned(paid_by(code, account=AccountGiven(rib=text(RIB, "BT-84"))))


def test_no_account_is_asked_where_nothing_is_to_be_paid_to_it():
    assert "PAY-005" not in earned(paid_by("20", account=AccountGiven()))
    assert "PAY-005" not in earned(paid_by("30", account=AccountGiven(), framework=text("A2", "BT-23")))
    codes = (text("30", "BT-81"),)
    assert "PAY-005" not in earned(a_credit_note(payment_code=codes[0], payment_codes=codes))


@pytest.mark.parametrize("iban", [IBAN, "DE89370400440532013000", "BE68539007547034", "GR1601101250000000012300695"])
def test_an_iban_with_right_digits_is_taken(iban):
    assert earned(an_invoice(account=AccountGiven(iban=text(iban, "BT-84")))) == set()


@pytest.mark.parametrize(
    "iban",
    [
        IBAN[:-1] + "0",
        IBAN[:-1],
        "FR76 3000 6000 0112 3456 7890 189",
        IBAN.lower(),
        "MT84MALT011000012345MTLCAST001S",  # right, and longer than 27
        "ZZ68539007547034",
        "FR76",
        "FR76３０００６０００01123456789018",
    ],
)
def test_a_malformed_iban_warns_and_is_shown_masked(iban):
    found = the("PAY-006", judged(an_invoice(account=AccountGiven(iban=text(iban, "BT-84")))))
    assert found.severity == "warning"
    assert found.facts == {"iban_masked": masked(iban)}
    assert found.value == masked(iban)


@given(st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 ", min_size=0, max_size=40))
def test_no_finding_tells_more_than_the_ends_of_an_account(account):
    shown = masked(account)
    assert len(shown.replace("…", "")) <= 8
    assert account not in shown or not account
    findings = judged(an_invoice(account=AccountGiven(iban=text(account, "BT-84"), rib=text(account, "BT-84"))))
    assert all(len(f.value) <= 9 for f in findings if f.rule in {"PAY-006", "PAY-007"})


@pytest.mark.parametrize(
    ("rib", "right"),
    [
        (RIB, True),
        ("20041010050500013M02606", True),
        ("20041010050500013M02607", False),
        (RIB[:-1], False),
        ("30006 00001 12345678901 89", False),
        ("20041010050500013m02606", False),
    ],
)
def test_a_rib_has_23_characters_and_a_right_key(rib, right):
    assert is_rib(rib) is right
    expected = set() if right else {"PAY-007"}
    assert earned(an_invoice(account=AccountGiven(rib=text(rib, "BT-84")))) == expected


@pytest.mark.parametrize(
    ("bic", "right"),
    [("AGRIFRPP", True), ("AGRIFRPP839", True), ("AGRIFRPP83", False), ("agrifrpp", False), ("AGRI1RPP", False)],
)
def test_a_bic_has_8_or_11_characters(bic, right):
    found = earned(an_invoice(account=AccountGiven(iban=text(IBAN, "BT-84"), bic=text(bic, "BT-86"))))
    assert found == (set() if right else {"PAY-008"})


def test_a_mode_that_the_pivot_does_not_know_is_read_as_a_transfer():
    assert earned(paid_by("58")) == {"PAY-003", "PAY-009"}
    assert earned(paid_by("70")) == {"PAY-002"}


def test_a_sepa_direct_debit_stays_a_direct_debit_in_the_pivot_and_is_not_told_as_a_transfer():
    assert earned(paid_by("59")) == set()


def test_a_purchasing_card_means_already_paid():
    assert the("PAY-011", judged(paid_by("48"))).facts == {"code": "48"}


def test_an_iban_is_read_as_it_stands():
    assert is_iban(IBAN)
    assert not is_iban(IBAN + " ")
    assert not is_iban("")
