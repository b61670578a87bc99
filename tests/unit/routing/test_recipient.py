"""The recipient: known, active, a SIRET, its check digit, the works it takes, and who gets its pivots."""

from dataclasses import replace
from datetime import date

import pytest

from pipeline.codes import Severity
from pipeline.model import Snapshot
from pipeline.routing import directory
from pipeline.routing.recipient import receiver
from pipeline.siret import has_right_key, is_siret
from pipeline.terms import Switches, Terms
from tests.unit.routing.cases import DAY, SNAPSHOT, TERMS, TOWN, a_structure, an_invoice, knowing, one, rules

WRONG_KEY = "33254021516357"  # a supplier of the qualification set, listed here as a recipient


def test_an_ordinary_invoice_to_a_known_recipient_earns_nothing():
    assert rules(an_invoice(), knowing(a_structure())) == []


def test_an_unknown_recipient_is_told_where_it_stands_with_the_snapshot():
    told = one("RTG-001", an_invoice(), knowing())

    assert (told.at, told.path, told.line, told.value) == ("BT-47", "/Invoice/BT-47", 5, TOWN)
    assert told.facts == {"siret": TOWN, "snapshot": SNAPSHOT.name}


def test_without_a_snapshot_no_recipient_is_unknown():
    assert rules(an_invoice(service="X"), replace(knowing(), snapshot=None)) == []


@pytest.mark.parametrize(
    ("flag", "since", "is_inactive"),
    [
        (True, None, False),
        (True, date(2026, 11, 21), False),
        (True, DAY, True),
        (False, None, True),
        (False, date(2026, 1, 1), True),
    ],
)
def test_a_recipient_is_inactive_by_its_flag_or_from_its_day_on(flag, since, is_inactive):
    known = knowing(a_structure(is_active=flag, inactive_since=since))

    assert ("RTG-002" in rules(an_invoice(), known)) is is_inactive


def test_the_successor_of_an_inactive_recipient_is_named_and_nothing_is_routed_again():
    gone = a_structure(is_active=False, inactive_since=date(2026, 1, 1), successor="20009999200022")
    told = one("RTG-002", an_invoice(), knowing(gone))

    assert (told.facts["since"], told.facts["since_fr"]) == ("2026-01-01", "2026-01-01")
    assert told.facts["successor"] == "20009999200022"
    assert one("RTG-003", an_invoice(), knowing(gone)).severity is Severity.INFO


def test_an_inactive_recipient_without_successor_or_day_says_so():
    told = one("RTG-002", an_invoice(), knowing(a_structure(is_active=False)))

    assert (told.facts["since"], told.facts["since_fr"]) == ("an unknown day", "(date inconnue)")
    assert told.facts["successor"] == ""


def test_a_structure_that_is_no_siret_is_no_public_recipient():
    told = one("RTG-004", an_invoice(), knowing(a_structure(identifier_type=3)))

    assert told.facts == {"siret": TOWN, "type": 3}


def test_a_wrong_key_is_told_once_by_the_rule_that_fits():
    invoice = an_invoice(recipient=WRONG_KEY)

    assert rules(invoice, knowing(a_structure(WRONG_KEY))) == ["RTG-005"]
    assert rules(invoice, knowing()) == ["PTY-004", "RTG-001"]
    assert one("PTY-004", invoice, knowing()).facts == {"siret": WRONG_KEY, "party": "recipient"}
    assert rules(invoice, replace(knowing(), snapshot=None)) == ["PTY-004"]


@pytest.mark.parametrize(("switch", "severity"), [("warn", Severity.WARNING), ("error", Severity.ERROR), ("off", None)])
def test_the_switch_moves_the_severity_of_the_key(switch, severity):
    terms = Terms(switches=Switches(siret_luhn=switch))
    invoice = an_invoice(recipient=WRONG_KEY)

    if severity is None:
        assert rules(invoice, knowing(), terms=terms) == ["RTG-001"]
        assert rules(invoice, knowing(a_structure(WRONG_KEY)), terms=terms) == []
    else:
        assert one("PTY-004", invoice, knowing(), terms=terms).severity is severity


def test_a_severity_of_the_installation_stands_above_the_switch():
    terms = Terms(switches=Switches(siret_luhn="error"), severities={"PTY-004": "info", "RTG-001": "off"})

    assert one("PTY-004", an_invoice(recipient=WRONG_KEY), knowing(), terms=terms).severity is Severity.INFO
    assert rules(an_invoice(recipient=WRONG_KEY), knowing(), terms=terms) == ["PTY-004"]


@pytest.mark.parametrize(
    ("siret", "is_right"),
    [
        ("73282932000074", True),
        ("73282932000075", False),
        ("35600000000048", True),  # head office of La Poste: Luhn
        ("35600000049837", True),  # one of its offices: its own key
        ("35600000049838", False),
        ("00000000000000", True),
        ("12345678200028", True),
        ("33254021516357", False),
        ("00000000000727", False),
    ],
)
def test_the_key_of_a_siret(siret, is_right):
    assert has_right_key(siret) is is_right


@pytest.mark.parametrize("other", ["7328293200007", "732829320000745", "7328293200007A", "７3282932000074", ""])
def test_only_14_ascii_digits_are_a_siret(other):
    assert not is_siret(other)


@pytest.mark.parametrize(
    ("framework", "moa", "moa_only", "earned"),
    [
        ("A1", False, False, []),
        ("A4", True, False, ["WRK-002"]),
        ("A4", False, False, ["RTG-030", "WRK-002"]),
        ("A4", False, True, ["WRK-002"]),
        ("A6", False, False, ["WRK-002"]),  # payable: any financial service takes it
        ("A1", True, False, []),
        ("A1", False, True, ["RTG-031"]),
        ("A9", True, True, ["RTG-031"]),
        ("B1", False, True, []),  # FRM-002 and IDN-006 speak of it
    ],
)
def test_works_documents_go_to_contracting_authorities(framework, moa, moa_only, earned):
    known = knowing(a_structure(is_moa=moa, is_moa_only=moa_only))

    assert rules(an_invoice(framework=framework), known) == earned


def test_a_recipient_that_never_returns_payment_is_known_for_it():
    told = one("RTG-032", an_invoice(), knowing(a_structure(returns_payment_status=False)))

    assert told.severity is Severity.INFO


def test_pivots_go_by_the_longest_match_and_else_to_the_default():
    declared = {(TOWN, ""): "TOWN01", (TOWN, "DST-02"): "WORKS1"}

    assert receiver(TOWN, "DST-02", declared, "PORTAL") == "WORKS1"
    assert receiver(TOWN, "SG-01", declared, "PORTAL") == "TOWN01"
    assert receiver(TOWN, "", declared, "PORTAL") == "TOWN01"
    assert receiver("20009999200022", "DST-02", declared, "PORTAL") == "PORTAL"


def test_the_snapshot_of_a_deposit_is_the_latest_not_after_its_day():
    monday, friday = Snapshot("a", date(2026, 11, 16)), Snapshot("b", date(2026, 11, 20))
    friday_again, sunday = Snapshot("c", date(2026, 11, 20)), Snapshot("d", date(2026, 11, 22))

    assert directory.snapshot_of([sunday, friday, monday], DAY) == friday
    assert directory.snapshot_of([friday_again, friday], DAY) == friday_again
    assert directory.snapshot_of([sunday], DAY) is None


def test_a_snapshot_is_too_old_after_eight_days():
    assert not directory.is_too_old(Snapshot("a", date(2026, 11, 12)), DAY, TERMS)
    assert directory.is_too_old(Snapshot("a", date(2026, 11, 11)), DAY, TERMS)


def test_a_rule_about_a_known_recipient_never_runs_on_an_unknown_one():
    from pipeline.routing.case import case
    from tests.unit.routing.cases import RECEIVED

    unknown = case(replace(an_invoice(), recipient=None), RECEIVED, "FSO1100A", knowing(), TERMS)

    assert unknown.siret == ""
    with pytest.raises(LookupError):
        _ = unknown.found
