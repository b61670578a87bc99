"""What adds up and what does not, on rows made by hand: exact amounts, per currency, nothing hidden behind a sum."""

from pipeline import reconcile
from pipeline.ports import Said
from pipeline.reconcile import LINES, Booked, InvoiceAt, Line, Read


def test_two_errors_that_cancel_in_the_sum_are_both_named() -> None:
    read = [Read("P/1", "EUR", 1, 0, 100), Read("P/2", "EUR", 1, 0, 200)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 101), Booked("P/2", "EUR", "refused", 1, 0, 199)]
    _, money = reconcile.counted(read, booked)
    assert not money.ok
    assert money.detail.en == "P/1: read 0.0001, decided 0.000101; P/2: read 0.0002, decided 0.000199"
    assert money.detail.fr == "P/1 : lu 0.0001, décidé 0.000101 ; P/2 : lu 0.0002, décidé 0.000199"


def test_currencies_are_never_added() -> None:
    read = [Read("P/1", "EUR", 1, 0, 10_000_000), Read("P/1", "XPF", 1, 0, 20_000_000)]
    booked = [Booked("P/1", "EUR", "integrated", 1, 0, 10_000_000), Booked("P/1", "XPF", "pending", 1, 1, 20_000_000)]
    _, euros, francs = reconcile.counted(read, booked)
    assert (euros.name, euros.ok, euros.detail.en) == ("money EUR", True, "integrated 10.00")
    assert (francs.ok, francs.detail.en) == (True, "pending 20.00; 1 invoice without a total that can be summed")


def test_money_of_a_currency_that_was_read_and_never_booked_is_missing() -> None:
    _, line = reconcile.counted([Read("P/1", "", 1, 0, 5_000_000)], [])
    assert (line.name, line.ok) == ("money without currency", False)
    assert (line.label.fr, line.label.en) == ("montants sans devise", "money without currency")
    assert [line.name for line in reconcile.counted([], []) if line.ok] == ["invoices", "money"]


def test_a_flow_that_lost_an_invoice_is_named_although_another_won_one() -> None:
    read = [Read("P/1", "EUR", 2, 0, 0), Read("P/2", "EUR", 1, 0, 0)]
    booked = [Booked("P/1", "EUR", "refused", 1, 0, 0), Booked("P/2", "EUR", "integrated", 2, 0, 0)]
    line, _ = reconcile.counted(read, booked)
    assert not line.ok
    assert line.detail.en == "P/1: 2 read, 1 decided; P/2: 1 read, 2 decided"


def test_two_deposits_of_one_name_are_two_flows() -> None:
    read = [Read("P/1", "EUR", 1, 0, 100, 7), Read("P/1", "EUR", 1, 0, 100, 9)]
    booked = [Booked("P/1", "EUR", "refused", 2, 0, 200, 7)]
    invoices, money = reconcile.counted(read, booked)
    assert invoices.detail.en == "P/1: 1 read, 2 decided; P/1: 1 read, 0 decided"
    assert money.detail.en == "P/1: read 0.0001, decided 0.0002; P/1: read 0.0001, decided 0.00"


def test_a_flow_that_stands_on_one_side_alone_is_named_wherever_it_comes() -> None:
    read = [Read("P/1", "EUR", 1, 0, 1, 1), Read("P/3", "EUR", 1, 0, 1, 3)]
    booked = [Booked("P/2", "EUR", "refused", 1, 0, 1, 2), Booked("P/3", "XPF", "refused", 1, 0, 1, 3)]
    invoices, euros, francs = reconcile.counted(iter(read), iter(booked))
    assert invoices.detail.en == "P/1: 1 read, 0 decided; P/2: 0 read, 1 decided"
    assert euros.detail.en == (
        "P/1: read 0.000001, decided 0.00; P/2: read 0.00, decided 0.000001; P/3: read 0.000001, decided 0.00"
    )
    assert francs.detail.en == "P/3: read 0.00, decided 0.000001"


def test_what_breaks_a_line_is_counted_however_much_it_is() -> None:
    line = reconcile.archive(((("P", f"{n:064x}", None) for n in range(10_000))), iter(()))
    assert line.count == 10_000
    assert line.detail.en.endswith("(and 9995 more)")
    assert line.detail.en.count("is missing") == 5


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


def test_what_the_audit_finds_is_told_in_three_lines() -> None:
    problem = Said("ABC001 ligne 3 : retirée", "ABC001 row 3: removed")
    for made, name, label in (
        (reconcile.chain, "audit", "journal"), (reconcile.unaudited, "audit cover", "journal complet"),
        (reconcile.anchors, "audit heads", "journal attesté"),
    ):  # fmt: skip
        red, green = made(iter([problem]), 7), made(iter([]), 7)
        assert (red.name, red.label.fr, red.ok, red.detail, red.count) == (name, label, False, problem, 7)
        assert (green.ok, green.count) == (True, 7)
        assert "chorus-edi audit verify --full" in red.remedy.fr


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


def test_a_scanner_that_is_off_is_green_and_one_that_does_not_answer_is_red() -> None:
    off, away = Said("désactivé", "off"), Said("ne répond pas", "does not answer")
    green, red = reconcile.antivirus(off, None), reconcile.antivirus(away, away)
    assert (green.name, green.ok, green.detail) == ("antivirus", True, off)
    assert (red.ok, red.detail) == (False, away)
    assert "systemctl restart clamav-daemon" in red.remedy.fr


def test_a_library_that_is_too_old_is_named_and_all_of_them_are_counted() -> None:
    found = ("lxml 6.1.3", "saxonche 13.1.0")
    green = reconcile.dependencies([], found)
    assert (green.ok, green.count, green.detail.fr) == (True, 2, "lxml 6.1.3, saxonche 13.1.0")
    red = reconcile.dependencies([Said("saxonche 13.1.0 est trop ancien", "saxonche 13.1.0 is too old")], found)
    assert (red.ok, red.detail.en) == (False, "saxonche 13.1.0 is too old")
