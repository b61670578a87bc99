"""The verdict on a document whose recipient and service are mapped is that on the document with both written in it.

And a connection that asks for no mapping has none, whatever its tables hold.
"""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, date, datetime

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from fixtures import ubl
from fixtures.case import PARTNER, flow_name
from fixtures.content import ALPHA, FREE, STATE, WITH_BOTH, Content, Recipient, siret
from fixtures.make import ROOT
from fixtures.reference import CLOSED, EITHER, GONE, SERVICES, WORKS_ONLY
from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.model import (
    Alias,
    DepositRight,
    Finding,
    InvoiceOutcome,
    Known,
    Label,
    Received,
    Snapshot,
    Verdict,
)
from pipeline.ports import RulesRan, Tools, XmlDocument
from pipeline.routing import mapping
from pipeline.terms import CTC, LEGACY, Terms

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SCHEMAS = InstalledSchemas()
KNOWN = Known(
    Snapshot("annuaire", date(2026, 11, 2)), as_known(ROOT / "directory"), rights=(DepositRight("1", ALPHA.identifier),)
)
UNKNOWN = siret(399)
RECIPIENTS = [r.siret for r in (FREE, STATE, WITH_BOTH, SERVICES, EITHER, CLOSED, GONE, WORKS_ONLY)] + [UNKNOWN]
ADVICE = {"suggestions", "nearest"}
ABSENT = "ABSENT"
_END_OF_PARTY = b"</cac:PartyLegalEntity>"
_CUSTOMER = b"<cac:AccountingCustomerParty><cac:Party>"
NOT_GIVEN = (
    ubl.write(Content("F", recipient=Recipient("", ABSENT)))
    .partition(_CUSTOMER)[2]
    .partition(b"<cac:PostalAddress>")[0]
)
NAMES = ["CLIENT 42", "Mairie de Testville", "La paye", "direction des ressources humaines", "DRH (paie)", "x" * 150]
CODES = ["SERVICE_DEST_SERV_OBL", "SFACETAT", "DSI", "DRH", "VOIRIE", "ANCIEN", "FACTURES_PUBLIQUES", "COMPTA", "NOPE"]
COMMITMENTS = ["", "1400000042", "bc-2026", "BC 2026 é"]


class NoRules:
    """The documents of this file claim nothing: no official rule may run."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        raise AssertionError(pack)

    def describe(self, pack: str):
        raise AssertionError(pack)


def judged(document: bytes, known: Known, terms: Terms) -> tuple[Verdict, bytes]:
    """(verdict, pivot units)."""
    digest = hashlib.sha256(document).hexdigest()
    received = Received(PARTNER, flow_name("FSO1100A", "SEUL"), digest, len(document), NOON)
    sink = io.BytesIO()
    read = judge.read(received, io.BytesIO(document), io.BytesIO(), sink, Tools(SCHEMAS, NoRules(), terms))
    return judge.conclude(judge.decide(read, known, terms), {}, terms), sink.getvalue()


def written(content: Content, siren: str = "") -> bytes:
    """The document; without a SIRET it names its recipient by nothing but its name. `siren`: what stands beside it."""
    document = ubl.write(
        replace(content, recipient=replace(content.recipient, siret=content.recipient.siret or ABSENT))
    )
    kept = NOT_GIVEN in document
    assert kept is not bool(content.recipient.siret)
    beside = f'<cbc:CompanyID schemeID="0002">{siren}</cbc:CompanyID>' if siren else ""
    head, customer, rest = document.partition(_CUSTOMER)
    rest = rest.replace(_END_OF_PARTY, beside.encode() + _END_OF_PARTY, 1)
    return (head + customer + rest).replace(NOT_GIVEN, b"")


def said(found: tuple[Finding, ...]) -> list[tuple[object, ...]]:
    """All that findings say, but for the places and the values found there, and for what is advised: its own names."""
    return [
        (f.rule, f.severity, {name: fact for name, fact in f.facts.items() if name not in ADVICE})
        for f in found
        if f.rule != "RTG-013"
    ]


@st.composite
def documents(draw: st.DrawFn) -> Content:
    written = st.sampled_from([*RECIPIENTS, *NAMES[:3], ""])
    service = st.sampled_from([*CODES, *NAMES, "autre chose", ""])
    recipient = Recipient(
        draw(st.sampled_from(NAMES[:3])), draw(written), draw(service), draw(st.sampled_from(COMMITMENTS))
    )
    return Content("FX MAPPED/1", recipient=recipient)


@st.composite
def tables(draw: st.DrawFn):
    labels = st.builds(Label, st.sampled_from(RECIPIENTS), st.sampled_from([*NAMES, *CODES]), st.sampled_from(CODES))
    aliases = st.builds(Alias, st.sampled_from([*NAMES[:3], *RECIPIENTS]), st.sampled_from(RECIPIENTS))
    return mapping.table(draw(st.lists(labels, max_size=60)), draw(st.lists(aliases, max_size=4)))


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents(), tables(), st.sampled_from([LEGACY, CTC]), st.sampled_from(["", FREE.siret[:9], "552100554"]))
def test_a_mapped_document_is_judged_as_if_the_values_stood_in_it(content, names, profile, siren):
    siren = siren if content.recipient.siret in RECIPIENTS else ""  # beside a name it is compared with nothing
    terms = Terms(profile=profile, policies=dict.fromkeys(("facturx", "en16931", "br-fr"), "off"))
    asked = replace(terms, maps_recipients=True)
    mapped, units = judged(written(content, siren), replace(KNOWN, mapping=names), asked)
    (invoice,) = mapped.invoices
    notes = [f for f in invoice.findings if f.rule == "RTG-013"]
    assert bool(notes) is invoice.is_mapped
    used = invoice.read
    recipient = replace(
        content.recipient,
        siret=used.recipient.text if used.recipient else "",
        service=used.service.text if used.service else "",
    )
    in_full, _ = judged(written(replace(content, recipient=recipient), siren), KNOWN, terms)

    assert (mapped.state, invoice.outcome) == (in_full.state, in_full.invoices[0].outcome)
    assert said(invoice.findings) == said(in_full.invoices[0].findings)
    assert said(mapped.findings) == said(in_full.findings)
    if invoice.outcome is InvoiceOutcome.INTEGRATED:
        assert used.pivot is not None
        assert used.pivot.length <= len(units)
    is_odd = any(f.rule == "PTY-016" for f in invoice.findings)
    event(f"mapped: {invoice.is_mapped}, {invoice.outcome.value}, another SIREN: {is_odd}")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents())
def test_to_be_read_for_a_mapping_changes_no_verdict(content):
    """What a name alone refuses has its pivot spooled, should it be mapped: it stays refused where it is not."""
    plain, units = judged(written(content), KNOWN, Terms())
    asking, spooled = judged(
        written(content), replace(KNOWN, mapping=mapping.table([], [])), Terms(maps_recipients=True)
    )

    assert asking == replace(plain, read=asking.read, invoices=asking.invoices)
    assert [(i.outcome, i.findings) for i in asking.invoices] == [(i.outcome, i.findings) for i in plain.invoices]
    assert spooled.startswith(units)
