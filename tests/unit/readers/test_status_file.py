"""A status file read: every entry with its place, times of Paris where they name no zone, numbers as they stand."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.model import Kind
from pipeline.ports import Tools
from pipeline.readers import status_file
from pipeline.terms import FindingLimits, Terms, XmlLimits
from pipeline.validators import intake

ENVELOPE = (
    '<Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres>'
    '<ParametreIndiv NumOrdre="0001"><Code>DtPrd</Code><Valeurparametre>2026-11-20</Valeurparametre></ParametreIndiv>'
    '<ParametreIndiv NumOrdre="0002"><Code>IdFlx</Code><Valeurparametre>X</Valeurparametre></ParametreIndiv>'
    "</Parametres><Partenaires><Recepteur><Id>CPP001</Id></Recepteur><Emetteur><Id>REC003</Id></Emetteur>"
    "</Partenaires></EnveloppeUnitaire></Enveloppe>"
)


def unit(
    status: str = "07", when: str = "2026-11-20T10:00:00+01:00", *, kind: str = "1", number: str = "F-1",
    more: str = "", tail: str = "",
) -> str:  # fmt: skip
    return (
        f"<CPPFactureStatutUnitaire><Fournisseur><TypeIdentifiant>{kind}</TypeIdentifiant>"
        "<Identifiant>12345678900015</Identifiant><RaisonSociale>F</RaisonSociale></Fournisseur>"
        "<Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678200051</Identifiant></Debiteur>"
        f"<DonneesStatut><IdStatut>{status}</IdStatut>{more}<Horodatage>{when}</Horodatage>"
        f"<IdFacture>{number}</IdFacture>{tail}</DonneesStatut></CPPFactureStatutUnitaire>"
    )


def document(*units: str, body: str = "") -> bytes:
    body = body or f"<CPPFactureStatuts>{''.join(units)}</CPPFactureStatuts>"
    return f"<CPPStatut>{ENVELOPE}{body}</CPPStatut>".encode()


def read(content: bytes, terms: Terms | None = None, before: int = 0):
    return intake.of_statuses(content, "s.xml", before, Tools(InstalledSchemas(), None, terms or Terms()))  # type: ignore[arg-type]


def test_an_entry_is_read_with_all_that_it_says():
    tail = "<DateFacture>2026-11-18</DateFacture><IdMandatDP>M-1</IdMandatDP>"
    found, (first, second) = read(
        document(
            unit("08", more="<ComplementStatut>SE_ERR</ComplementStatut><Commentaire>oui</Commentaire>", tail=tail),
            unit(),
        ),
        before=4,
    )
    assert found == ()
    assert (first.rank, second.rank, first.member) == (5, 6, "s.xml")
    assert first.invoice.supplier_type == "1"
    assert (first.invoice.supplier.text, first.invoice.number.text) == ("12345678900015", "F-1")
    assert first.invoice.issued == date(2026, 11, 18)
    assert (first.recipient.text, first.status.text, first.reason.text, first.comment.text, first.mandate.text) == (
        "12345678200051", "08", "SE_ERR", "oui", "M-1",
    )  # fmt: skip
    assert first.when == datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
    assert first.status.path == "/CPPStatut/CPPFactureStatuts[1]/CPPFactureStatutUnitaire[1]/DonneesStatut/IdStatut"
    assert second.status.path == "/CPPStatut/CPPFactureStatuts[1]/CPPFactureStatutUnitaire[2]/DonneesStatut/IdStatut"
    assert (second.comment, second.reason, second.mandate, second.invoice.issued) == (None, None, None, None)


@pytest.mark.parametrize(
    ("given", "moment"),
    [
        ("2026-11-20T10:00:00", datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        ("2026-07-20T10:00:00", datetime(2026, 7, 20, 8, 0, tzinfo=UTC)),
        ("2026-11-20T10:00:00Z", datetime(2026, 11, 20, 10, 0, tzinfo=UTC)),
        ("2026-11-20T10:00:00.1234567-05:00", datetime(2026, 11, 20, 15, 0, 0, 123456, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
        ("-0044-03-15T12:00:00", None),
        ("hier", None),
    ],
)
def test_a_moment_without_a_zone_is_of_paris(given, moment):
    assert status_file.moment(given) == moment


@given(st.text())
def test_whatever_a_moment_says_reading_it_does_not_fail(text):
    assert status_file.moment(text) is None or status_file.moment(text).tzinfo is not None


@pytest.mark.parametrize("given", ["1", "01", "+1"])
def test_a_type_of_supplier_is_a_number(given):
    _, (entry,) = read(document(unit(kind=given)))
    assert entry.invoice.supplier_type == "1"


@pytest.mark.parametrize("given", ["99", "0", "abc", "", "42"])
def test_a_number_that_is_no_status_refuses_its_entry_and_not_the_file(given):
    found, entries = read(document(unit(), unit(given), unit("08")))
    assert found == ()
    assert [e.status.text if e.status else "" for e in entries] == ["07", given, "08"]


def test_whatever_else_the_schema_refuses_refuses_the_file():
    for broken in (
        document(unit(), unit("99"), unit(kind="9")), document(unit(when="hier")), document(),
        document(unit(number="</IdFacture><X/><IdFacture>")),
    ):  # fmt: skip
        found, entries = read(broken)
        assert {f.rule for f in found} == {"XML-010"}
        assert entries == ()


FEW = Terms(xml=XmlLimits(xsd_siblings_max=10), findings=FindingLimits(document_max=5))


def test_more_wrong_numbers_than_are_told_one_by_one_refuse_the_file():
    found, entries = read(document(*(unit("99") for _ in range(20))), FEW)
    assert {f.rule for f in found} == {"XML-010"}
    assert entries == ()


def test_statuses_of_flows_alone_are_no_statuses_of_invoices():
    body = (
        "<CPPFluxStatuts><CPPFluxStatutUnitaire><DonneesStatut><IdStatut>90</IdStatut>"
        "<Horodatage>2026-11-20T10:00:00</Horodatage><IdFlux>X</IdFlux></DonneesStatut></CPPFluxStatutUnitaire>"
        "</CPPFluxStatuts>"
    )
    for terms in (Terms(), Terms(severities={"LFC-007": "off"}), Terms(severities={"LFC-007": "warning"})):
        found, entries = read(document(body=body), terms)
        assert [(f.rule, f.refuses) for f in found] == [("LFC-007", True)]
        assert entries == ()


def test_what_the_parse_refuses_is_said_as_for_any_document():
    found, _ = read(b'<!DOCTYPE a [<!ENTITY b "c">]><CPPStatut/>')
    assert [f.rule for f in found] == ["XML-002"]
    assert etree.QName("CPPStatut").localname == status_file.ROOT
    assert Kind.STATUS.is_read
    assert not Kind.STATUS.is_invoice
