"""What adds up and what does not, on rows made by hand: exact amounts, per currency, nothing hidden behind a sum."""

from pipeline import reconcile
from pipeline.reconcile import Booked, Link, Read


def test_two_errors_that_cancel_in_the_sum_are_both_named() -> None:
    read = [Read("P/1", "EUR", 1, 0, 100), Read("P/2", "EUR", 1, 0, 200)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 101), Booked("P/2", "EUR", "refused", 1, 0, 199)]
    (money,) = reconcile.money(read, booked)
    assert not money.ok
    assert money.detail == "P/1: read 0.0001, decided 0.000101; P/2: read 0.0002, decided 0.000199"


def test_currencies_are_never_added() -> None:
    read = [Read("P/1", "EUR", 1, 0, 10_000_000), Read("P/1", "XPF", 1, 0, 20_000_000)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 10_000_000), Booked("P/1", "XPF", "pending", 1, 1, 20_000_000)]
    euros, francs = reconcile.money(read, booked)
    assert (euros.name, euros.ok, euros.detail) == ("money EUR", True, "integrated 10.00")
    assert (francs.ok, francs.detail) == (True, "pending 20.00; 1 invoice(s) without a total that can be summed")


def test_money_of_a_currency_that_was_read_and_never_booked_is_missing() -> None:
    (line,) = reconcile.money([Read("P/1", "", 1, 0, 5_000_000)], [])
    assert (line.name, line.ok) == ("money without currency", False)
    assert reconcile.money([], [])[0].ok


def test_a_flow_that_lost_an_invoice_is_named_although_another_won_one() -> None:
    read = [Read("P/1", "EUR", 2, 0, 0), Read("P/2", "EUR", 1, 0, 0)]
    booked = [Booked("P/1", "EUR", "refused", 1, 0, 0), Booked("P/2", "EUR", "integrated", 2, 0, 0)]
    line = reconcile.invoices(read, booked)
    assert not line.ok
    assert line.detail == "P/1: 2 read, 1 decided; P/2: 1 read, 2 decided"


def test_only_the_first_names_are_shown_and_the_others_counted() -> None:
    line = reconcile.folders([f"F{n}" for n in range(8)], 8)
    assert line.detail.endswith("drop/F4 belongs to no partner (and 3 more)")


def test_histories_are_paths_without_gaps() -> None:
    fine = [
        ("P/1 invoice 1", 1, "01"),
        ("P/1 invoice 1", 2, "02"),
        ("P/1 invoice 1", 3, "03"),
        ("P/2 invoice 1", 1, "37"),
    ]
    assert reconcile.histories(fine).ok
    assert not reconcile.histories([("P/1 invoice 1", 1, "01"), ("P/1 invoice 1", 3, "03")]).ok
    assert not reconcile.histories([("P/1 invoice 1", 1, "37"), ("P/1 invoice 1", 2, "01")]).ok


def test_a_chain_shows_an_edit_a_gap_and_a_swap() -> None:
    links = [Link("P", 1, "", "a", "a"), Link("P", 2, "a", "b", "b"), Link("Q", 1, "", "c", "c")]
    assert reconcile.chain(links).ok
    assert (
        reconcile.chain([links[0], Link("P", 2, "a", "b", "x")]).detail
        == "P row 2 does not cover the transitions that stand there"
    )
    assert reconcile.chain([links[1]]).detail == "P row 2 does not follow row 0"
    assert not reconcile.chain([links[0], Link("P", 2, "z", "b", "b")]).ok


def test_amounts_are_written_out_to_the_last_digit() -> None:
    assert [reconcile.shown_amount(n) for n in (0, -1, 1_230_000, 9 * 10**18)] == [
        "0.00",
        "-0.000001",
        "1.23",
        "9000000000000.00",
    ]
