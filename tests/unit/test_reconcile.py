"""What adds up and what does not, on rows made by hand: exact amounts, per currency, nothing hidden behind a sum."""

from pipeline import reconcile
from pipeline.ports import Said
from pipeline.reconcile import LINES, Booked, InvoiceAt, Line, Link, Read


def test_two_errors_that_cancel_in_the_sum_are_both_named() -> None:
    read = [Read("P/1", "EUR", 1, 0, 100), Read("P/2", "EUR", 1, 0, 200)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 101), Booked("P/2", "EUR", "refused", 1, 0, 199)]
    (money,) = reconcile.money(read, booked)
    assert not money.ok
    assert money.detail.en == "P/1: read 0.0001, decided 0.000101; P/2: read 0.0002, decided 0.000199"
    assert money.detail.fr == "P/1 : lu 0.0001, décidé 0.000101 ; P/2 : lu 0.0002, décidé 0.000199"


def test_currencies_are_never_added() -> None:
    read = [Read("P/1", "EUR", 1, 0, 10_000_000), Read("P/1", "XPF", 1, 0, 20_000_000)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 10_000_000), Booked("P/1", "XPF", "pending", 1, 1, 20_000_000)]
    euros, francs = reconcile.money(read, booked)
    assert (euros.name, euros.ok, euros.detail.en) == ("money EUR", True, "integrated 10.00")
    assert (francs.ok, francs.detail.en) == (True, "pending 20.00; 1 invoice(s) without a total that can be summed")


def test_money_of_a_currency_that_was_read_and_never_booked_is_missing() -> None:
    (line,) = reconcile.money([Read("P/1", "", 1, 0, 5_000_000)], [])
    assert (line.name, line.ok) == ("money without currency", False)
    assert (line.label.fr, line.label.en) == ("montants sans devise", "money without currency")
    assert reconcile.money([], [])[0].ok


def test_a_flow_that_lost_an_invoice_is_named_although_another_won_one() -> None:
    read = [Read("P/1", "EUR", 2, 0, 0), Read("P/2", "EUR", 1, 0, 0)]
    booked = [Booked("P/1", "EUR", "refused", 1, 0, 0), Booked("P/2", "EUR", "integrated", 2, 0, 0)]
    line = reconcile.invoices(read, booked)
    assert not line.ok
    assert line.detail.en == "P/1: 2 read, 1 decided; P/2: 1 read, 2 decided"


def test_only_the_first_names_are_shown_and_the_others_counted() -> None:
    line = reconcile.folders([f"F{n}" for n in range(8)], 8)
    assert line.detail.en.endswith("drop/F4 belongs to no partner (and 3 more)")
    assert line.detail.fr.endswith("drop/F4 n'appartient à aucun partenaire (et 3 de plus)")


def test_histories_are_paths_without_gaps() -> None:
    fine = [
        (InvoiceAt("P/1", 1), 1, "01"),
        (InvoiceAt("P/1", 1), 2, "02"),
        (InvoiceAt("P/1", 1), 3, "03"),
        (InvoiceAt("P/2", 1), 1, "37"),
    ]
    assert reconcile.histories(fine).ok
    assert not reconcile.histories([(InvoiceAt("P/1", 1), 1, "01"), (InvoiceAt("P/1", 1), 3, "03")]).ok
    assert not reconcile.histories([(InvoiceAt("P/1", 1), 1, "37"), (InvoiceAt("P/1", 1), 2, "01")]).ok


def test_a_chain_shows_an_edit_a_gap_and_a_swap() -> None:
    links = [Link("P", 1, "", "a", "a"), Link("P", 2, "a", "b", "b"), Link("Q", 1, "", "c", "c")]
    assert reconcile.chain(links).ok
    assert (
        reconcile.chain([links[0], Link("P", 2, "a", "b", "x")]).detail.en
        == "P row 2 does not cover the transitions that stand there"
    )
    assert reconcile.chain([links[1]]).detail.en == "P row 2 does not follow row 0"
    assert not reconcile.chain([links[0], Link("P", 2, "z", "b", "b")]).ok


def test_a_line_is_told_with_the_name_that_people_know_and_keeps_its_own_for_machines() -> None:
    there = reconcile.told_statuses([InvoiceAt("P/1", 2)], [])
    assert (there.name, there.label.fr, there.label.en) == ("statuses", "statuts", "statuses")
    assert there.detail.fr == "P/1 facture 2 est intégrée et n'a pas le statut 03"
    assert there.detail.en == "P/1 invoice 2 is integrated and has no status 03"


def test_every_line_says_what_to_do_when_it_is_red() -> None:
    for name in (*LINES, "money EUR"):
        line = Line(name, False, Said("", ""))
        assert line.label.fr != ""
        assert line.remedy.fr != line.remedy.en
    assert Line("money EUR", True, Said("", "")).label.fr == "montants EUR"


def test_states_are_counted_in_words() -> None:
    line = reconcile.deposits({"IN_INTEGRE": 2, "repeated": 1}, [], [])
    assert (line.detail.fr, line.detail.en) == ("intégrés 2, redéposés à l'identique 1", "2 IN_INTEGRE, 1 repeated")
    assert reconcile.deposits({}, [], []).detail.fr == "aucun"


def test_amounts_are_written_out_to_the_last_digit() -> None:
    assert [reconcile.shown_amount(n) for n in (0, -1, 1_230_000, 9 * 10**18)] == [
        "0.00",
        "-0.000001",
        "1.23",
        "9000000000000.00",
    ]
