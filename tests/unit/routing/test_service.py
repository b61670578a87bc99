"""Services: validity on the day of deposit, labels instead of codes, suggestions, the service of public issuers."""

from dataclasses import replace
from datetime import date

import pytest

from pipeline.codes import Severity
from pipeline.routing import directory, suggestions
from pipeline.terms import RoutingLimits, Terms
from tests.unit.routing.cases import DAY, SUPPLIER, a_service, a_structure, an_invoice, found, knowing, one, rules

TOWN_HALL = a_structure(
    services=(
        a_service("SG-01", "Secrétariat général"),
        a_service("DST-02", "Direction des services techniques"),
        a_service("FIN-03", "Direction des finances"),
        a_service("OLD-04", "Direction des finances et des achats", is_active=False),
    )
)


@pytest.mark.parametrize(
    ("start", "end", "is_valid"),
    [
        (None, None, True),
        (DAY, DAY, True),
        (date(2026, 11, 21), None, False),
        (None, date(2026, 11, 19), False),
        (date(2020, 1, 1), date(2050, 12, 31), True),
    ],
)
def test_a_service_counts_inside_its_dates_both_included(start, end, is_valid):
    service = a_service("S1", valid_from=start, valid_to=end)

    assert directory.is_valid(service, DAY) is is_valid
    assert ("RTG-011" in rules(an_invoice(service="S1"), knowing(a_structure(services=(service,))))) is not is_valid


def test_2050_12_31_is_an_open_end():
    service = a_service("S1", valid_to=date(2050, 12, 31))

    assert directory.is_valid(service, date(2051, 1, 1))


def test_an_inactive_service_is_refused_whatever_its_dates_and_they_are_told():
    service = a_service("S1", is_active=False, valid_from=date(2020, 1, 1), valid_to=date(2050, 12, 31))
    told = one("RTG-011", an_invoice(service="S1"), knowing(a_structure(services=(service,))))

    assert (told.facts["from"], told.facts["to"]) == ("2020-01-01", "")
    assert (told.at, told.line, told.value) == ("BT-10", 6, "S1")


def test_of_two_periods_of_a_code_the_valid_one_counts():
    past = a_service("S1", valid_to=date(2025, 12, 31), requires_commitment=True)
    present = a_service("S1", valid_from=date(2026, 1, 1))
    future = a_service("S1", valid_from=date(2027, 1, 1))

    assert "RTG-011" not in rules(an_invoice(service="S1"), knowing(a_structure(services=(past, present, future))))
    assert "RTG-011" in rules(an_invoice(service="S1"), knowing(a_structure(services=(past, future))))


@pytest.mark.parametrize(
    ("written", "rule", "code"),
    [
        ("Secretariat general", "RTG-014", "SG-01"),
        ("SECRÉTARIATGÉNÉRAL", "RTG-014", "SG-01"),
        ("services techniques (direction des)", "RTG-014", "DST-02"),
        ("n'importe quoi", "RTG-014", None),
        ("DST-03", "RTG-010", None),
        ("dst-02", "RTG-010", None),
        ("ZZZZ", "RTG-010", None),
    ],
)
def test_a_label_is_told_from_a_wrong_code_and_never_both(written, rule, code):
    of_service = [f for f in found(an_invoice(service=written), knowing(TOWN_HALL)) if f.refuses]

    assert [f.rule for f in of_service] == [rule]
    if code is not None:
        assert of_service[0].facts["nearest"] == code


def test_likeness_decides_at_exactly_the_limit():
    likeness = suggestions.best_likeness("Finance", TOWN_HALL.services)
    at_the_limit = Terms(routing=RoutingLimits(label_similarity=likeness))
    above = Terms(routing=RoutingLimits(label_similarity=likeness + suggestions.Decimal("0.0001")))

    assert rules(an_invoice(service="Finance"), knowing(TOWN_HALL), terms=at_the_limit) == ["RTG-014"]
    assert rules(an_invoice(service="Finance"), knowing(TOWN_HALL), terms=above) == ["RTG-010"]


def test_the_three_nearest_usable_services_are_suggested_the_nearest_first():
    told = one("RTG-014", an_invoice(service="Direction des finances et achats"), knowing(TOWN_HALL))

    assert told.facts["suggestions"] == (
        "FIN-03 (Direction des finances); DST-02 (Direction des services techniques); SG-01 (Secrétariat général)"
    )


def test_a_code_nearly_right_is_suggested_by_its_code():
    told = one("RTG-010", an_invoice(service="dst-02"), knowing(TOWN_HALL))

    assert str(told.facts["suggestions"]).startswith("DST-02 (")


def test_suggestions_of_equal_rank_come_in_the_order_of_their_codes_whatever_the_order_of_the_file():
    twins = tuple(a_service(code) for code in ("C", "A", "D", "B"))
    shown = {
        one("RTG-010", an_invoice(service="9"), knowing(a_structure(services=order))).facts["suggestions"]
        for order in (twins, twins[::-1])
    }

    assert shown == {"A; B; C"}


def test_where_no_service_is_usable_the_others_are_suggested():
    closed = a_structure(services=(a_service("OLD", "Archives", is_active=False),))

    assert one("RTG-010", an_invoice(service="OLE"), knowing(closed)).facts["suggestions"] == "OLD (Archives)"


def test_a_structure_that_asks_for_a_service_and_has_none_has_nothing_to_suggest():
    told = one("RTG-010", an_invoice(service="ACHATS"), knowing(a_structure(requires_service=True)))
    label = one("RTG-014", an_invoice(service="les achats"), knowing(a_structure(requires_service=True)))

    assert told.facts["suggestions"] == "-"
    assert (label.facts["suggestions"], label.facts["nearest"]) == ("-", "-")


def test_long_labels_and_hostile_values_are_cut():
    long = a_structure(services=(a_service("L1", "Bureau " * 30),))
    told = one("RTG-014", an_invoice(service="x " * 500_000), knowing(long))

    assert told.facts["suggestions"] == f"L1 ({('Bureau ' * 30)[:59]}…)"
    assert len(told.value) == len(str(told.facts["label"])) == 400


def test_accents_case_legal_and_linking_words_say_nothing():
    assert suggestions.plain("Service de l'ÉTAT, SARL") == "service etat"
    assert suggestions.plain("SARL") == "sarl"
    assert suggestions.likeness("ÉTAT service", "Service de l'état") == 1
    assert suggestions.likeness("---", "Service") == 0


def test_the_service_of_public_invoicing_is_for_public_issuers():
    reserved = a_structure(services=(a_service("FACTURES_PUBLIQUES"),))
    invoice = an_invoice(service="FACTURES_PUBLIQUES")
    public = knowing(reserved, a_structure(SUPPLIER))

    told = one("RTG-012", invoice, knowing(reserved))
    assert (told.at, told.severity, told.facts["supplier"]) == ("BT-10", Severity.ERROR, SUPPLIER)
    assert "RTG-012" not in rules(invoice, public)
    assert "RTG-012" in rules(replace(invoice, supplier=replace(invoice.supplier, type="3")), public)
    assert "RTG-012" in rules(an_invoice(service="FACTURES_PUBLIQUES", supplier=None), public)


def test_the_service_of_public_issuers_is_not_advised_to_a_private_one():
    services = (
        a_service("FACTURES_PUBLIQUES", "Service des factures publiques"),
        a_service("FIN-03", "Direction des finances"),
    )
    town = a_structure(services=services)
    private = one("RTG-014", an_invoice(service="le service des factures"), knowing(town))
    public = one("RTG-014", an_invoice(service="le service des factures"), knowing(town, a_structure(SUPPLIER)))

    assert (private.facts["nearest"], private.facts["suggestions"]) == ("FIN-03", "FIN-03 (Direction des finances)")
    assert public.facts["nearest"] == "FACTURES_PUBLIQUES"
