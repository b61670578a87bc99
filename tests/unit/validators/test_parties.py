"""Supplier, recipient, validator, payee: identifiers by type, names, addresses, VAT number."""

from dataclasses import replace

import pytest
from a_invoice import (
    CTC,
    LA_POSTE_BRANCH,
    LEGACY,
    SUPPLIER,
    WRONG_KEY,
    an_invoice,
    earned,
    in_country,
    judged,
    of_type,
    siret,
    text,
    the,
)

from pipeline.model import AccountGiven, Party
from pipeline.terms import Switches, Terms


def supplied_by(**changes):
    return an_invoice(supplier=replace(an_invoice().supplier, **changes))


def by_siret(value, **changes):
    return supplied_by(identifier=text(value, "BT-30"), siren=None, vat=None, **changes)


def with_luhn(switch):
    return replace(LEGACY, switches=Switches(siret_luhn=switch))


# --- SIRET


@pytest.mark.parametrize(
    "value",
    ["123456782", "1234567820005", "123456782000511", "123 456 782 00051", "1234567820005A", "１２345678200051"],
)
def test_a_siret_is_14_ascii_digits_as_they_stand(value):
    found = the("PTY-003", judged(by_siret(value)))
    assert found.facts == {"identifier": value, "length": len(value)}
    assert "PTY-004" not in earned(by_siret(value))


def test_a_siren_alone_is_a_malformed_siret_and_not_a_missing_one():
    alone = Party(siren=text("123456782", "BT-30"), name=text("Papeterie", "BT-27"))
    assert earned(an_invoice(supplier=alone)) == {"PTY-003"}
    assert earned(an_invoice(recipient=replace(alone, siren=text("110002011", "BT-47")))) == {"PTY-014"}
    assert earned(an_invoice(payee=alone)) == {"PTY-022"}


@pytest.mark.parametrize("value", [SUPPLIER, LA_POSTE_BRANCH, "35600000000048", "00000000000000"])
def test_a_right_key_is_taken_that_of_la_poste_too(value):
    assert earned(by_siret(value)) == set()


@pytest.mark.parametrize(("party", "place"), [("supplier", "BT-30"), ("validator", "validator"), ("payee", "BT-60")])
def test_a_wrong_key_warns_and_names_the_party(party, place):
    found = the("PTY-004", judged(an_invoice(**{party: siret(WRONG_KEY, place, name=text("P", "BT-27"))})))
    assert (found.severity, found.facts) == ("warning", {"siret": WRONG_KEY, "party": party})


def test_the_key_of_the_recipient_is_left_to_routing():
    assert earned(an_invoice(recipient=siret("33254021516357", "BT-47"))) == set()


@pytest.mark.parametrize(
    ("terms", "severity"),
    [
        (with_luhn("error"), "error"),
        (with_luhn("warn"), "warning"),
        (replace(with_luhn("error"), severities={"PTY-004": "info"}), "info"),
    ],
)
def test_the_switch_says_how_hard_a_wrong_key_bites_unless_the_settings_move_the_rule(terms, severity):
    assert the("PTY-004", judged(by_siret(WRONG_KEY), terms=terms)).severity == severity


def test_the_switch_can_leave_keys_alone():
    assert earned(by_siret(WRONG_KEY), terms=with_luhn("off")) == set()


# --- the other types


def test_an_unknown_scheme_is_named_and_so_is_none():
    known = supplied_by(identifier=text("X1", "BT-30"), identifier_type="", scheme=text("0060", "scheme"))
    found = the("PTY-002", judged(known))
    assert (found.facts, found.at, found.value) == ({"scheme": "0060", "identifier": "X1"}, "BT-30-1", "0060")
    none = supplied_by(identifier=text("X1", "BT-30"), identifier_type="", scheme=None)
    assert the("PTY-002", judged(none)).facts == {"scheme": "", "identifier": "X1"}


@pytest.mark.parametrize(
    ("identifier", "country", "fits"),
    [
        ("BE0403019261", "BE", True),
        ("EL123456789", "GR", True),
        ("GR123456789", "GR", False),
        ("BE0403019261", "DE", False),
        ("BE0403019261", "", True),
        ("CH1234", "", False),
        ("FR11123456782", "FR", False),
        ("CH1234", "CH", False),
        ("DE" + "1" * 16, "DE", True),
        ("DE" + "1" * 17, "DE", False),
        (SUPPLIER, "BE", False),
    ],
)
def test_an_eu_supplier_gives_a_vat_number_of_its_country_of_18_characters_at_most(identifier, country, fits):
    address = in_country(country) if country else in_country("BE").__class__()
    found = judged(an_invoice(supplier=of_type("2", identifier, address=address)))
    assert [f.rule for f in found] == ([] if fits else ["PTY-005"])
    assert all(f.facts == {"identifier": identifier, "country": country} for f in found)


@pytest.mark.parametrize(
    ("identifier", "country", "name", "fits"),
    [
        ("CHATELIER DU LAC S", "CH", "Atelier du Lac SA", True),
        ("CHAtelierduLacSA", "CH", "Atelier du Lac SA", True),
        ("CHATELIER", "CH", "Atelier du Lac SA", False),
        ("BEATELIER DU LAC S", "BE", "Atelier du Lac SA", False),
        ("FRATELIER", "FR", "Atelier", False),
        ("USACME", "US", "ACME", True),
        ("MAROC", "", "", False),
    ],
)
def test_a_supplier_outside_the_eu_is_its_country_and_the_start_of_its_name(identifier, country, name, fits):
    supplier = of_type("3", identifier, name=text(name, "BT-27") if name else None)
    supplier = replace(supplier, address=in_country(country) if country else supplier.address)
    assert ("PTY-006" in earned(an_invoice(supplier=supplier))) is not fits


def test_the_expected_identifier_is_shown():
    supplier = of_type("3", "CH1", name=text("Atelier du Lac Leman", "BT-27"), address=in_country("CH"))
    assert the("PTY-006", judged(an_invoice(supplier=supplier))).facts == {
        "identifier": "CH1",
        "expected": "CHAtelier du Lac L",
    }


@pytest.mark.parametrize(("type_", "rule"), [("4", "PTY-007"), ("5", "PTY-008")])
@pytest.mark.parametrize(("length", "fits"), [(8, False), (9, True), (10, True), (11, False)])
def test_ridet_and_tahiti_numbers_have_9_or_10_characters(type_, rule, length, fits):
    found = judged(an_invoice(supplier=of_type(type_, "7" * length, address=in_country("NC"))))
    assert [(f.rule, f.facts["length"]) for f in found] == ([] if fits else [(rule, length)])


@pytest.mark.parametrize(
    ("identifier", "fits"),
    [("1850175123", True), ("1850175123" + "A" * 70, True), ("1850175123" + "A" * 71, False), ("185017512A", False)],
)
def test_a_person_is_ten_digits_and_names_and_no_finding_repeats_them(identifier, fits):
    found = judged(an_invoice(supplier=of_type("7", identifier)))
    assert [f.rule for f in found] == ([] if fits else ["PTY-009"])
    assert all((f.value, f.facts) == ("", {"length": len(identifier)}) for f in found)


def test_a_supplier_being_registered_is_taken_with_a_warning():
    assert the("PTY-010", judged(an_invoice(supplier=of_type("6", "T-1")))).facts == {"identifier": "T-1"}


# --- recipient and payee


@pytest.mark.parametrize(
    ("value", "type_", "scheme", "fits"),
    [
        ("11000201100044", "1", "1", True),
        ("11000201100044", "", None, True),
        ("11000201100044", "", "0088", False),
        ("BE0403019261", "2", "2", False),
        ("1100020110004", "1", "0009", False),
    ],
)
def test_a_recipient_is_a_siret(value, type_, scheme, fits):
    recipient = Party(
        identifier=text(value, "BT-47"),
        identifier_type=type_,
        scheme=None if scheme is None else text(scheme, "scheme"),
    )
    found = [f for f in judged(an_invoice(recipient=recipient)) if f.rule == "PTY-014"]
    assert [f.facts for f in found] == ([] if fits else [{"identifier": value, "scheme": scheme}])


@pytest.mark.parametrize(
    ("type_", "identifier", "fits"),
    [
        ("1", SUPPLIER, True),
        ("1", "123456782", False),
        ("2", "BE0403019261", True),
        ("3", "X" * 19, False),
        ("4", "123456789", True),
        ("5", "1", False),
        ("6", "T-1", True),
        ("7", "1850175123NOM", True),
        ("", "4012345000009", False),
    ],
)
def test_a_payee_follows_the_forms_of_a_supplier(type_, identifier, fits):
    payee = Party(identifier=text(identifier, "BT-60"), identifier_type=type_, scheme=text(type_, "scheme"))
    assert ("PTY-022" in earned(an_invoice(payee=payee))) is not fits


def test_a_payee_may_have_no_identifier_and_a_person_is_not_told():
    assert earned(an_invoice(payee=Party(name=text("Affacturage", "BT-59")))) == set()
    person = Party(identifier=text("185", "BT-60"), identifier_type="7")
    found = the("PTY-022", judged(an_invoice(payee=person)))
    assert (found.value, found.facts) == ("…", {"identifier": "…", "scheme": ""})


# --- names, countries, VAT


def test_names_have_99_characters_at_most_and_the_supplier_has_one():
    assert earned(supplied_by(name=text("N" * 99, "BT-27"))) == set()
    assert the("PTY-011", judged(supplied_by(name=text("N" * 100, "BT-27")))).facts == {"length": 100}
    missing = the("PTY-011", judged(supplied_by(name=None)))
    assert (missing.facts, missing.at, missing.path) == ({"length": 0}, "BT-27", "/Invoice")


def test_a_long_payee_name_that_is_also_the_account_holder_is_told_once():
    name = text("N" * 100, "BT-59")
    twice = an_invoice(payee=Party(name=name), account=replace(an_invoice().account, holder=name))
    assert the("PTY-012", judged(twice)).facts == {"place": "BT-59", "length": 100}
    assert "PTY-012" in earned(an_invoice(account=replace(an_invoice().account, holder=name)))


@pytest.mark.parametrize("party", ["supplier", "recipient", "validator", "payee"])
def test_a_siret_begins_with_the_siren_beside_it(party):
    beside = siret(SUPPLIER, "BT-30", siren=text("552100554", "BT-30"), name=text("P", "BT-27"))
    found = the("PTY-016", judged(an_invoice(**{party: beside})))
    assert found.facts == {"siret": SUPPLIER, "siren": "552100554", "party": party}


@pytest.mark.parametrize(
    ("vat", "siren", "fits"),
    [
        ("FR11123456782", None, True),
        ("FRAB123456782", None, True),  # newer keys hold letters
        ("BE0403019261", None, True),
        ("FR12123456782", "123456782", False),
        ("FR11552100554", "123456782", False),
        ("FR 11 123456782", "123456782", False),
        ("FRIO123456782", "123456782", False),
    ],
)
def test_a_french_vat_number_fits_the_siren_of_its_supplier(vat, siren, fits):
    found = judged(supplied_by(vat=text(vat, "BT-31")))
    assert [(f.rule, f.facts) for f in found] == ([] if fits else [("PTY-017", {"vat": vat, "siren": siren})])


def test_a_french_vat_number_without_siret_is_held_to_its_own_siren():
    foreign = of_type("4", "123456789", vat=text("FR12123456782", "BT-31"))
    assert the("PTY-017", judged(an_invoice(supplier=foreign))).facts["siren"] == "123456782"
    said = replace(foreign, vat=text("FR11123456782", "BT-31"), siren=text("552100554", "BT-30"))
    assert the("PTY-017", judged(an_invoice(supplier=said))).facts["siren"] == "552100554"


@pytest.mark.parametrize(
    ("country", "known"), [("FR", True), ("PF", True), ("XI", True), ("fr", False), ("UK", False), ("FRA", False)]
)
def test_countries_are_two_letters_of_iso_3166(country, known):
    found = judged(supplied_by(address=in_country(country)))
    assert [f.facts for f in found] == ([] if known else [{"place": "BT-40", "country": country}])


def test_an_address_line_has_400_characters_at_most():
    long = replace(in_country("FR"), line1=text("L" * 401, "BT-35"), city=text("C" * 400, "BT-37"))
    assert the("PTY-019", judged(supplied_by(address=long))).facts == {"place": "BT-35", "length": 401}


def test_the_reform_is_harder_on_foreign_suppliers():
    invoice = an_invoice(supplier=of_type("2", "DE1", address=in_country("BE")), account=AccountGiven(iban=None))
    assert the("PTY-005", judged(invoice)).severity == "warning"
    assert the("PTY-005", judged(invoice, terms=CTC)).severity == "error"
    assert isinstance(CTC, Terms)
