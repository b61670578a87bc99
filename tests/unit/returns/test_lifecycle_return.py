"""News of payment requests: one entry per change of status, in order."""

from datetime import UTC, date, datetime

import pytest

from pipeline.lifecycle import Status
from pipeline.returns import lifecycle_return, names
from pipeline.returns.lifecycle_return import InvoiceNamed, StatusEntry

WHEN = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def render(entries, name="FEN1201A_ABC001_CPP0011201ABCDEFGHIJKLMNO"):
    return lifecycle_return.render(entries, name=name, partner="ABC001", ours="CPP001", when=WHEN)


def test_each_integrated_invoice_of_a_flow_is_deposited_routed_and_available(build, valid, golden):
    refused = build.judged(2, build.found("GEN-001", "BT-1"), outcome="refused")
    verdict = build.verdict("IN_INTEGRE_PARTIEL", [build.judged(1), refused, build.judged(3)])
    received = build.received()
    name = names.lifecycle_name(received, "CPP001")
    given = lifecycle_return.render(
        lifecycle_return.of_flow(verdict), name=name, partner="ABC001", ours="CPP001", when=received.received_at
    )
    tree = valid("flux-statut.xsd", given)
    told = [
        (unit.findtext(".//IdFacture"), unit.findtext(".//IdStatut")) for unit in tree.iter("CPPFactureStatutUnitaire")
    ]
    assert told == [
        ("F-2026-001", "01"),
        ("F-2026-001", "02"),
        ("F-2026-001", "03"),
        ("F-2026-003", "01"),
        ("F-2026-003", "02"),
        ("F-2026-003", "03"),
    ]
    assert tree.xpath("//CPPFactureStatuts/@compteur") == ["6"]
    assert tree.xpath("//CPPFactureStatutUnitaire/@NumOrdre") == ["1", "2", "3", "4", "5", "6"]
    assert set(tree.xpath("//Horodatage/text()")) == {"2026-11-20T23:30:15+01:00"}
    assert tree.xpath("string((//DateFacture)[1])") == "2026-11-18"
    golden("lifecycle-return-integrated.xml", given)


def test_the_production_day_is_that_of_paris(valid, build):
    tree = valid("flux-statut.xsd", render(lifecycle_return.of_integration(build.judged(1), WHEN)))
    assert tree.xpath("string(//ParametreIndiv[Code='DtPrd']/Valeurparametre)") == "2027-01-01"


def test_an_invoice_refused_after_a_hold_is_37_with_its_reasons_codes_first(build, valid, golden):
    refused = build.judged(
        1,
        build.found("CMT-001", "BT-13", number="4500012345", snapshot="2026-11-19"),
        build.found("RTG-021", "BT-13", siret="99986401570264"),
        build.found("PAY-007", "BT-84"),
        outcome="refused",
    )
    entry = lifecycle_return.of_refusal(refused, WHEN)
    assert entry.comment.startswith("CMT-001, RTG-021 : ")
    assert "PAY-007" not in entry.comment
    given = render([entry])
    assert valid("flux-statut.xsd", given).findtext(".//IdStatut") == "37"
    golden("lifecycle-return-refused.xml", given)


def test_an_operator_who_refuses_gives_the_reason(build):
    waiting = build.judged(1, build.found("CMT-005", "BT-13", date="2026-11-01", max_age_days=7), outcome="pending")
    assert (
        lifecycle_return.of_refusal(waiting, WHEN, operator_reason="table absente\ndepuis 8 jours").comment
        == "table absente\\x0adepuis 8 jours"
    )


def test_a_status_of_a_recipient_carries_reason_and_mandate(valid):
    invoice = InvoiceNamed("2", "DE123456789", "Müller GmbH", "DE", "99986401570264", "", "", "", "RE-7", None)
    entries = [
        StatusEntry(invoice, Status.SUSPENDED, WHEN, "JUSTIF_ABS : bon de livraison attendu", "JUSTIF_ABS"),
        StatusEntry(invoice, Status.MANDATED, WHEN, mandate="M-2026-88"),
    ]
    tree = valid("flux-statut.xsd", render(entries))
    assert tree.xpath("//ComplementStatut/text()") == ["JUSTIF_ABS"]
    assert tree.xpath("//IdMandatDP/text()") == ["M-2026-88"]
    assert tree.xpath("//DateFacture") == []
    assert tree.xpath("//Fournisseur/CodePays/text()") == ["DE", "DE"]


def test_an_invoice_is_named_by_what_was_read_of_it(build):
    named = lifecycle_return.named(build.read_invoice())
    assert (named.supplier_type, named.supplier, named.number, named.issued) == (
        "1",
        "12345678900011",
        "F-2026-001",
        date(2026, 11, 18),
    )
    bare = lifecycle_return.named(build.read_invoice(number=None, recipient=None, service=None))
    assert (bare.number, bare.recipient, bare.service) == ("", "", "")


def test_no_reason_is_no_comment():
    assert lifecycle_return.reasons([]) == ""


def test_what_is_read_back_is_what_was_told(build, valid):
    """Round trip: every datum of an entry stands in the file."""
    entry = lifecycle_return.of_integration(build.judged(1), WHEN)[0]
    tree = valid("flux-statut.xsd", render([entry]))
    read = InvoiceNamed(
        *(
            tree.findtext(f".//Fournisseur/{tag}")
            for tag in ("TypeIdentifiant", "Identifiant", "RaisonSociale", "CodePays")
        ),
        *(tree.findtext(f".//Debiteur/{tag}") for tag in ("Identifiant", "Nom", "CodeService", "NomService")),
        tree.findtext(".//IdFacture"),
        date.fromisoformat(tree.findtext(".//DateFacture")),
    )
    assert read == entry.invoice


CHANGED = InvoiceNamed("1", "12345678900011", "Ateliers", "", "99986401570264", "Commune", "S1", "", "F-7", None)


@pytest.mark.parametrize(
    ("reason", "comment", "told"),
    [
        ("SE_ERR", "mauvais service", "SE_ERR : mauvais service"),
        ("SE_ERR", "SE_ERR : service fermé", "SE_ERR : service fermé"),
        ("SE_ERR", "", "SE_ERR"),
        ("", "mauvais service", "mauvais service"),
        ("", "", None),
        ("", "x" * 255, "x" * 255),
        ("", "x" * 256, "x" * 254 + "…"),
        ("SE_ERR", "x" * 255, "SE_ERR : " + "x" * 245 + "…"),
    ],
)
def test_the_code_of_a_reason_comes_first_and_no_comment_is_longer_than_receivers_read(valid, reason, comment, told):
    entry = lifecycle_return.of_change(
        CHANGED, Status.TO_RECYCLE, WHEN, set_by="recipient", reason=reason, comment=comment
    )
    tree = valid("flux-statut.xsd", render([entry]))
    assert tree.findtext(".//Commentaire") == told
    assert len(told or "") <= lifecycle_return.COMMENT_MAX
    assert tree.findtext(".//ComplementStatut") == (reason or None)


@pytest.mark.parametrize(
    ("set_by", "producer"),
    [
        ("recipient", "99986401570264"),
        ("accountant", "99986401570264"),
        ("supplier", "12345678900011"),
        ("platform", "CPP001"),
    ],
)
def test_whose_word_a_change_is_stands_there_by_an_identifier_of_the_invoice(valid, set_by, producer):
    """Never by the application code of another connection."""
    entry = lifecycle_return.of_change(CHANGED, Status.MANDATED, WHEN, set_by=set_by, mandate="M-2026-88")
    tree = valid("flux-statut.xsd", render([entry]))
    assert tree.xpath("//Producteur/@Id") == [producer]
    assert tree.findtext(".//IdMandatDP") == "M-2026-88"
