"""Dates: real days, in order, in the form of their syntax."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from a_invoice import CTC, LEGACY, a_minimum, an_invoice, day, earned, judged, received, the

from pipeline.validators import generic


@pytest.mark.parametrize("written", ["2025-02-29", "2025-11-18Z", "18/11/2025", "2025-1-1", "", "20251118T"])
def test_what_is_no_day_is_told_and_compared_with_nothing(written):
    invoice = an_invoice(delivered=day(written, "BT-72"), due=day(written, "BT-9"))
    found = [f for f in judged(invoice) if f.rule == "DAT-002"]
    assert [f.facts for f in found] == [{"place": "BT-9", "text": written}, {"place": "BT-72", "text": written}]
    assert earned(invoice) == {"DAT-002"}


def test_the_day_of_deposit_is_that_of_paris():
    invoice = an_invoice(issued=day("2025-11-21", "BT-2"))
    late = replace(received(), received_at=datetime(2025, 11, 20, 23, 30, tzinfo=UTC))
    assert generic.judge(invoice, late, "FSO1100A", "f", LEGACY) == ()
    found = the("DAT-003", judged(invoice))
    assert (found.facts, found.value) == ({"date": "2025-11-21", "deposit": "2025-11-20"}, "2025-11-21")


@pytest.mark.parametrize(
    ("written", "expected"), [("2000-01-01", False), ("2099-12-31", False), ("1999-12-31", True), ("2100-01-01", True)]
)
def test_years_run_from_2000_to_2099(written, expected):
    invoice = an_invoice(delivered=day(written, "BT-72"))
    assert ("DAT-004" in earned(invoice)) is expected
    assert all(f.severity == "warning" for f in judged(invoice))
    assert all(f.severity == "error" for f in judged(invoice, terms=CTC))


def test_a_period_of_one_day_and_an_invoice_due_at_once_are_in_order():
    one_day = {"period_start": day("2025-10-01", "BT-73"), "period_end": day("2025-10-01", "BT-74")}
    assert earned(an_invoice(**one_day, due=day("2025-11-18", "BT-9"))) == set()


def test_dates_out_of_order_name_both():
    invoice = an_invoice(
        period_start=day("2025-10-02", "BT-73"), period_end=day("2025-10-01", "BT-74"), due=day("2025-11-17", "BT-9")
    )
    found = judged(invoice)
    assert the("DAT-005", found).facts == {"start": "2025-10-02", "end": "2025-10-01"}
    assert the("DAT-007", found).facts == {"due": "2025-11-17", "date": "2025-11-18"}


def test_each_date_of_cii_says_its_format():
    invoice = a_minimum(issued=day("20251118", "BT-2"), due=day("20251218", "BT-9", "102"))
    assert the("DAT-008", judged(invoice, "FSO1117A")).facts == {"place": "BT-2"}
    no_day = a_minimum(issued=day("18/11/2025", "BT-2"))
    assert earned(no_day, "FSO1117A") == {"DAT-002", "PAY-009"}
