"""The names that an issuer gives its recipients and services: what fits, what does not, and what is said of it."""

from dataclasses import replace

import pytest

from pipeline.codes import Severity
from pipeline.model import Alias, Finding, Known, Label, RecipientMapping, Slice
from pipeline.returns import message
from pipeline.routing import mapping
from pipeline.terms import Terms
from tests.unit.routing.cases import DAY, TERMS, TOWN, a_service, a_structure, an_invoice, knowing, one, text

MERGED, OLD, UNKNOWN = "20009999200022", "20009999200030", "20009999200048"
SERVICES = (
    a_service("DST-02", "Direction des services techniques"),
    a_service("FIN-03", "Direction des finances"),
    a_service("OLD-04", "Ancienne direction", is_active=False),
)
NAMES = mapping.table(
    [Label(TOWN, "Service de la Paye", "FIN-03"), Label(TOWN, "OLD-04", "DST-02"), Label(MERGED, "Paye", "P-1")],
    [Alias("CLIENT 42", TOWN), Alias("Mairie de Testville", TOWN), Alias(OLD, MERGED)],
)
KNOWN = knowing(
    a_structure(services=SERVICES),
    a_structure(MERGED, services=(a_service("P-1", "Paie"),)),
    a_structure(OLD, is_active=False),
    mapping=NAMES,
)
MISTYPED = Finding("PTY-014", "PTY-014", Severity.ERROR, at="BT-47", path="/Invoice/BT-47", value="client 42")


def used(mapped: mapping.Mapped) -> tuple[str, str]:
    invoice = mapped.invoice
    return invoice.recipient.text if invoice.recipient else "", invoice.service.text if invoice.service else ""


@pytest.mark.parametrize(
    ("recipient", "service", "expected"),
    [
        (TOWN, "SERVICE  de la PAYE", (TOWN, "FIN-03")),
        (TOWN, "le service Paye (SARL)", (TOWN, "FIN-03")),
        (TOWN, "Service de la Paie", (TOWN, "Service de la Paie")),  # it resembles the label, and is none
        (TOWN, "FIN-03", (TOWN, "FIN-03")),
        (TOWN, "OLD-04", (TOWN, "DST-02")),  # an inactive code is a name like another
        (MERGED, "Service de la Paye", (MERGED, "Service de la Paye")),  # the label of another recipient
        ("client 42", "Service de la Paye", (TOWN, "FIN-03")),  # the alias first, then the label of what it leads to
        ("Client-42", None, (TOWN, "")),
        ("client 43", None, ("client 43", "")),
        (OLD, "paye", (MERGED, "P-1")),
        (UNKNOWN, "Service de la Paye", (UNKNOWN, "Service de la Paye")),
    ],
)
def test_only_a_name_that_fits_exactly_is_used(recipient, service, expected):
    assert used(mapping.applied(an_invoice(recipient=recipient, service=service), KNOWN, DAY)) == expected


@pytest.mark.parametrize(
    ("siren", "severities", "expected"),
    [
        (None, {}, []),
        (MERGED[:9], {}, []),
        ("552100554", {}, [("PTY-016", Severity.WARNING, OLD)]),  # the value that the issuer finds in its file
        ("552100554", {"PTY-016": "error"}, [("PTY-016", Severity.ERROR, OLD)]),
        ("552100554", {"PTY-016": "off"}, []),
    ],
)
def test_a_mapped_siret_is_held_to_the_siren_beside_the_one_that_is_written(siren, severities, expected):
    beside = None if siren is None else text(siren, "BT-47", 5)
    mapped = mapping.applied(an_invoice(recipient=OLD, recipient_siren=beside), KNOWN, DAY)
    found = list(mapped.as_written(mapped.beside_a_siren(Terms(severities=severities))))
    assert used(mapped)[0] == MERGED
    assert [(f.rule, f.severity, f.value) for f in found] == expected
    for one_ in found:
        assert one_.facts == {"siret": MERGED, "siren": "552100554", "party": "recipient"}


def test_what_was_said_of_the_siren_beside_goes_with_the_siret_that_is_replaced():
    def said(party):
        return Finding("PTY-016", "PTY-016", Severity.WARNING, at="BT-47", facts={"party": party})

    written = an_invoice(recipient=OLD, findings=(said("recipient"), said("supplier")))
    assert mapping.applied(written, KNOWN, DAY).invoice.findings == (said("supplier"),)
    assert (
        mapping.applied(replace(written, recipient=text(TOWN, "BT-47", 5)), KNOWN, DAY).invoice.findings
        == written.findings
    )


def test_what_the_directory_knows_stays_whatever_the_tables_say():
    names = mapping.table([Label(TOWN, "FIN-03", "DST-02")], [Alias(TOWN, MERGED)])
    mapped = mapping.applied(an_invoice(service="FIN-03"), replace(KNOWN, mapping=names), DAY)

    assert (used(mapped), mapped.is_mapped) == ((TOWN, "FIN-03"), False)


@pytest.mark.parametrize(("name", "siret"), [("Mairie de Testville", TOWN), ("MAIRIE TESTVILLE", TOWN), ("Autre", "")])
def test_a_recipient_without_identifier_is_known_by_its_name(name, siret):
    assert used(mapping.applied(an_invoice(recipient=None, recipient_name=name), KNOWN, DAY))[0] == siret


def test_the_name_beside_a_siret_is_not_asked():
    """What is written as a SIRET is meant as one, right or wrong: RTG-001 names it."""
    assert used(mapping.applied(an_invoice(recipient=UNKNOWN, recipient_name="Mairie de Testville"), KNOWN, DAY)) == (
        UNKNOWN,
        "",
    )


def test_two_names_that_lead_to_two_recipients_lead_nowhere():
    names = mapping.table([], [Alias("CLIENT 42", TOWN), Alias("Mairie de Testville", MERGED)])
    invoice = an_invoice(recipient="CLIENT 42", recipient_name="Mairie de Testville")

    assert used(mapping.applied(invoice, replace(KNOWN, mapping=names), DAY))[0] == "CLIENT 42"


def test_a_service_that_is_only_named_is_found_by_its_name():
    assert used(mapping.applied(an_invoice(service_name="service de la paye"), KNOWN, DAY))[1] == "FIN-03"
    assert used(mapping.applied(an_invoice(service="?", service_name="service de la paye"), KNOWN, DAY))[1] == "?"


@pytest.mark.parametrize("known", [replace(KNOWN, mapping=None), replace(KNOWN, snapshot=None), Known(None)])
def test_nothing_is_mapped_where_nobody_asks_or_nothing_is_routed(known):
    invoice = an_invoice(recipient="CLIENT 42", service="Service de la Paye")

    assert mapping.applied(invoice, known, DAY) == mapping.Mapped(invoice)


def test_a_name_longer_than_any_label_is_not_looked_up():
    assert mapping.key("x" * mapping.NAME_CHARS_MAX) != ""
    assert mapping.key("x" * (mapping.NAME_CHARS_MAX + 1)) == ""
    assert not mapping.applied(an_invoice(service="paye " * 400_000), KNOWN, DAY).is_mapped


def test_it_says_what_was_written_and_what_was_used():
    mapped = mapping.applied(an_invoice(recipient="client 42", service="Service de la Paye"), KNOWN, DAY)
    recipient, service = mapped.notes(TERMS)

    assert (recipient.rule, recipient.severity, recipient.at, recipient.line) == ("RTG-013", Severity.INFO, "BT-47", 5)
    assert (recipient.value, recipient.facts["service"], recipient.facts["how"]) == ("client 42", TOWN, "recipient")
    assert (service.at, service.path, service.line, service.value) == (
        "BT-10", "/Invoice/BT-10", 6, "Service de la Paye",
    )  # fmt: skip
    assert message.text(service) == (
        "« Service de la Paye » (service) est remplacé par FIN-03, selon les correspondances de l'émetteur"
    )
    assert message.text(recipient, "en") == f"'client 42' (recipient) mapped to {TOWN}"


def test_an_installation_may_silence_or_harden_what_is_said():
    mapped = mapping.applied(an_invoice(service="Service de la Paye"), KNOWN, DAY)

    assert list(mapped.notes(Terms(severities={"RTG-013": "off"}))) == []
    assert [f.severity for f in mapped.notes(Terms(severities={"RTG-013": "warning"}))] == [Severity.WARNING]


def test_a_refusal_that_the_name_alone_had_earned_goes_with_it():
    other = Finding("GEN-002", "GEN-002", Severity.ERROR, at="BT-1")
    invoice = an_invoice(recipient="client 42", findings=(MISTYPED, other))

    assert mapping.applied(invoice, KNOWN, DAY).invoice.findings == (other,)
    stays = an_invoice(recipient="client 43", findings=(MISTYPED, other))
    assert mapping.applied(stays, KNOWN, DAY).invoice.findings == (MISTYPED, other)
    of_service = an_invoice(service="Service de la Paye", findings=(MISTYPED,))
    assert mapping.applied(of_service, KNOWN, DAY).invoice.findings == (MISTYPED,)


def test_an_invoice_that_only_its_name_refused_and_that_has_no_pivot_stays_refused():
    """It was read when its connection asked for no mapping."""
    invoice = an_invoice(recipient="client 42", findings=(MISTYPED,))

    assert mapping.applied(invoice, KNOWN, DAY).invoice.findings == (MISTYPED,)
    assert mapping.applied(replace(invoice, pivot=Slice(0, 1)), KNOWN, DAY).invoice.findings == ()


def test_what_was_settled_is_not_mapped_anew():
    """A pending invoice keeps what it was mapped to, whatever is imported, or asked for, while it waits."""
    names = RecipientMapping(NAMES.labels, NAMES.aliases, settled={1: (TOWN, "DST-02")})
    written = an_invoice(recipient="client 42", service="Service de la Paye")

    assert used(mapping.applied(written, replace(KNOWN, mapping=names), DAY)) == (TOWN, "DST-02")
    alone = RecipientMapping(settled={1: (TOWN, "DST-02")}, is_asked=False)
    assert used(mapping.applied(written, replace(KNOWN, mapping=alone), DAY)) == (TOWN, "DST-02")
    other = replace(written, rank=2)
    assert used(mapping.applied(other, replace(KNOWN, mapping=alone), DAY)) == ("client 42", "Service de la Paye")
    assert used(mapping.applied(other, replace(KNOWN, mapping=names), DAY)) == (TOWN, "FIN-03")
    same = an_invoice(service="DST-02")
    assert not mapping.applied(same, replace(KNOWN, mapping=alone), DAY).is_mapped


def test_findings_show_what_the_issuer_finds_in_its_file():
    mapped = mapping.applied(an_invoice(service="Service de la Paye"), KNOWN, DAY)
    of_code = Finding("RTG-011", "RTG-011", Severity.ERROR, at="BT-10", path="/Invoice/BT-10", value="FIN-03")
    elsewhere = replace(of_code, at="BT-13", path="/Invoice/BT-13")

    assert [f.value for f in mapped.as_written([of_code, elsewhere])] == ["Service de la Paye", "FIN-03"]


def test_a_mapped_place_keeps_its_line_and_loses_its_blanks():
    padded = text("Service de la Paye", "BT-10", 6)._replace(padded=True)
    mapped = mapping.applied(replace(an_invoice(), service=padded), KNOWN, DAY)

    assert mapped.invoice.service == text("FIN-03", "BT-10", 6)


def test_the_names_of_the_issuer_help_to_advise_it():
    """« Payes » resembles what it calls the finances, and no label of the directory."""
    told = one("RTG-014", an_invoice(service="Service des Payes"), KNOWN)
    alone = one("RTG-014", an_invoice(service="Service des Payes"), replace(KNOWN, mapping=None))

    assert told.facts["nearest"] == "FIN-03"
    assert str(told.facts["suggestions"]).startswith("FIN-03 (Service de la Paye); ")
    assert str(told.facts["suggestions"]).count("FIN-03") == 1
    assert "Paye" not in str(alone.facts["suggestions"])


def test_what_the_issuer_used_last_is_told_where_its_connection_maps():
    names = replace(NAMES, used={TOWN: "DST-02"})
    told = [one(rule, an_invoice(service=given), replace(KNOWN, mapping=names)) for rule, given in (
        ("RTG-010", "FIN-3X"), ("RTG-014", "les finances"))]  # fmt: skip

    assert [f.facts["last_used"] for f in told] == ["DST-02", "DST-02"]
    assert "last_used" not in one("RTG-010", an_invoice(service="FIN-3X"), KNOWN).facts
