"""The way of one flow: read, decide, conclude; what becomes of it for each thing that is found."""

import hashlib
import io
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fixtures import mixed, ubl
from fixtures.accepted_cases import DELIVERY, READABLE
from fixtures.batch import archive
from fixtures.case import PARTNER, content, flow_name
from fixtures.content import FREE, WITH_SERVICE
from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.codes import Severity
from pipeline.model import (
    DepositRight,
    Finding,
    FlowState,
    InvoiceOutcome,
    JudgedInvoice,
    Kind,
    Known,
    NumberOwner,
    Read,
    ReadMember,
    Received,
    Snapshot,
    Structure,
    Verdict,
)
from pipeline.ports import RulesRan, Tools, XmlDocument
from pipeline.terms import CTC, FindingLimits, Switches, Terms

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SCHEMAS = InstalledSchemas()
ALPHA = "99990101000010"
IN, NO, WAITS = InvoiceOutcome.INTEGRATED, InvoiceOutcome.REFUSED, InvoiceOutcome.PENDING


class NoRules:
    """The documents of this file claim nothing: no official rule may run."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        raise AssertionError(pack)

    def describe(self, pack: str):
        raise AssertionError(pack)


def read(document: bytes, name: str = "", *, terms: Terms = Terms(), partner: str = PARTNER) -> tuple[Read, bytes]:  # noqa: B008
    """(records, pivot units) of a flow."""
    digest = hashlib.sha256(document).hexdigest()
    received = Received(partner, name or flow_name("FSO1100A", "LOT"), digest, len(document), NOON)
    sink = io.BytesIO()
    records = judge.read(received, io.BytesIO(document), io.BytesIO(), sink, Tools(SCHEMAS, NoRules(), terms))
    return records, sink.getvalue()


def known(**changes: object) -> Known:
    structures = {
        siret: Structure(siret, 1, "Commune", True, needs, False, False, False, False, True)
        for siret, needs in ((FREE.siret, False), (WITH_SERVICE.siret, True))
    }
    facts = Known(Snapshot("annuaire", NOON.date()), structures, rights=(DepositRight("1", ALPHA),))
    return replace(facts, **changes)


def judged_as(code: str, document: bytes, terms: Terms) -> Verdict:
    records = read(document, flow_name(code, "SEUL"), terms=terms)[0]
    return judge.conclude(judge.decide(records, known(), terms), {}, terms)


def lot(*documents: bytes) -> bytes:
    return archive((f"FSO1100A_{PARTNER}_{PARTNER}1100{rank:09d}.xml", d) for rank, d in enumerate(documents, 1))


def judged(document: bytes, facts: Known | None = None, terms: Terms = Terms()) -> Verdict:  # noqa: B008
    return judge.conclude(judge.decide(read(document, terms=terms)[0], facts or known(), terms), {}, terms)


def rules(found: tuple[Finding, ...]) -> list[str]:
    return [f.rule for f in found]


# --- read -------------------------------------------------------------------------------------------------------------


def test_a_good_invoice_leaves_its_records_and_its_pivot_unit():
    records, units = read(ubl.write(content("J-1")))
    (invoice,) = records.invoices
    assert (invoice.rank, invoice.number.text, invoice.total, invoice.currency) == (1, "FX J-1/1", "308.64", "EUR")
    assert (invoice.pivot.offset, invoice.pivot.length) == (0, len(units))
    assert b"FX J-1/1" in units
    assert records.interface == records.announced == "FSO1100A"
    assert records.packs == ()


def test_ranks_and_pivot_units_run_on_over_the_files_of_a_flow_and_leave_out_the_refused():
    bad = ubl.write(content("J", 2, payment_code=""))
    records, units = read(lot(ubl.write(content("J", 1)), bad, ubl.write(content("J", 3))))
    first, second, third = records.invoices
    assert [i.rank for i in records.invoices] == [1, 2, 3]
    assert second.pivot is None
    assert third.pivot.offset == first.pivot.length
    assert third.pivot.offset + third.pivot.length == len(units)
    assert len(records.members) == 3
    assert records.expanded_bytes == sum(m.size_bytes for m in records.members)


def test_a_refused_flow_is_not_read():
    records, units = read(ubl.write(content("J")), "n'importe quoi")
    assert rules(records.findings) == ["FLW-001"]
    assert [(m.kind, m.findings) for m in records.members] == [(Kind.UBL, ())]  # seen, and not opened
    assert (records.invoices, units) == ((), b"")


def test_what_was_settled_at_the_deposit_stands_with_what_is_read():
    settled = Finding("FLW-012", "FLW-012", Severity.FATAL, value=PARTNER)
    document = ubl.write(content("J"))
    received = Received(PARTNER, flow_name("FSO1100A", "LOT"), "0" * 64, len(document), NOON, (settled,))
    tools = Tools(SCHEMAS, NoRules(), Terms())
    records = judge.read(received, io.BytesIO(document), io.BytesIO(), io.BytesIO(), tools)
    assert records.is_refused
    assert settled in records.findings
    assert judge.decide(records, known(), Terms()).invoices == ()


def test_a_file_that_is_no_invoice_is_a_member_without_invoices():
    sheet = b'<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform"/>'
    records, _ = read(archive(iter([("a.xml", ubl.write(content("J", stylesheet=False))), ("vue.xsl", sheet)])))
    assert [m.kind for m in records.members] == [Kind.UBL, Kind.STYLESHEET]
    assert len(records.invoices) == 1
    assert "XML-012" not in rules(records.members[0].findings)  # the flow brings its sheet


def test_findings_are_cut_at_the_cap_and_counted():
    terms = Terms(findings=FindingLimits(document_max=2))
    records, _ = read(ubl.write(content("J", payment_code="99", number="02/11/2026", market="M" * 51)), terms=terms)
    (invoice,) = records.invoices
    assert len(invoice.findings) == 2
    assert records.members[0].omitted >= 1


def test_the_cap_never_hides_the_only_refusal():
    terms = Terms(findings=FindingLimits(document_max=1))
    document = ubl.write(content("J", payment_code="99", number="02/11/2026"))
    first, *_ = read(document)[0].invoices[0].findings
    assert not first.refuses
    (invoice,) = read(document, terms=terms)[0].invoices
    assert rules(invoice.findings) == ["PAY-002"]
    assert invoice.pivot is None


def test_every_invoice_of_a_file_keeps_a_refusal_of_its_own_under_the_cap():
    terms = Terms(findings=FindingLimits(document_max=1))
    contents = [content("J", number=f"0{rank}/11/2026", attachments=(DELIVERY,)) for rank in (1, 2, 3)]
    records, _ = read(mixed.write(contents), flow_name("FSO1113A", "LOT"), terms=terms)
    assert [rules(i.findings) for i in records.invoices] == [["ATT-011"]] * 3
    assert records.members[0].omitted > 0


def test_a_credit_note_root_without_a_type_is_a_381():
    note = ubl.write(content("J", type="381", creditnote_root=True)).replace(
        b"\n<cbc:CreditNoteTypeCode>381</cbc:CreditNoteTypeCode>", b""
    )
    records, _ = read(note)
    assert records.invoices[0].type == "381"


def test_a_readable_invoice_of_a_mixed_file_goes_into_its_pivot():
    _, units = read(mixed.write([content("J", attachments=(READABLE,))]), flow_name("FSO1113A", "LOT"))
    assert b"facture.pdf" in units


# --- decide -----------------------------------------------------------------------------------------------------------


def test_a_finding_of_routing_refuses_one_invoice_and_leaves_the_others():
    verdict = judged(
        lot(ubl.write(content("J", 1)), ubl.write(content("J", 2, recipient=replace(WITH_SERVICE, service=""))))
    )
    assert [i.outcome for i in verdict.invoices] == [IN, NO]
    assert "RTG-020" in rules(verdict.invoices[1].findings)
    assert verdict.state is FlowState.PARTIAL


def test_a_number_is_compared_across_partners_only_where_the_right_is_proved():
    document = ubl.write(content("J"))
    (proved,) = judge.decide(read(document)[0], known(), Terms()).invoices
    assert proved.claim.scope == ""
    (stranger,) = judge.decide(read(document)[0], known(rights=()), Terms()).invoices
    assert (stranger.claim.scope, stranger.outcome) == (PARTNER, NO)
    lax = Terms(switches=Switches(authorised_issuers="off"))
    (unproved,) = judge.decide(read(document)[0], known(rights=()), lax).invoices
    assert (unproved.claim.scope, unproved.outcome) == (PARTNER, IN)


def test_one_failed_file_is_refused_alone_today_and_takes_its_flow_with_it_in_the_reform():
    document = lot(ubl.write(content("J", 1)), b"<Commande/>")
    assert judged(document).state is FlowState.PARTIAL
    strict = Terms(switches=Switches(member_failure_legacy="refuse-flow"))
    refused = judged(document, terms=strict)
    assert (refused.state, refused.invoices) == (FlowState.REJECTED, ())
    reform = Terms(profile=CTC, severities={"OFF-001": "off", "OFF-003": "off", "FIL-003": "error", "IDN-001": "error"})
    assert judge.is_refused(_with_members(_member(Severity.ERROR)), reform)
    loose = replace(reform, switches=Switches(member_failure_ctc="refuse-member"))
    assert not judge.is_refused(_with_members(_member(Severity.ERROR)), loose)


def _member(*severities: Severity) -> ReadMember:
    found = tuple(Finding("IDN-001", "IDN-001", severity) for severity in severities)
    return ReadMember("a.xml", "0" * 64, 1, Kind.UBL, found)


def _with_members(*members: ReadMember, findings: tuple[Finding, ...] = ()) -> Read:
    received = Received(PARTNER, flow_name("FSO1100A", "LOT"), "0" * 64, 1, NOON)
    return Read(received, "FSO1100A", "FSO1100A", findings, members, (), ())


def test_a_fatal_finding_on_one_file_refuses_the_whole_flow():
    assert judge.is_refused(_with_members(_member(Severity.FATAL)), Terms())
    assert not judge.is_refused(_with_members(_member(Severity.ERROR), _member()), Terms())


# --- conclude ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms",
    [Terms(switches=Switches(stylesheet_required="error")), Terms(severities={"XML-012": "error"})],
    ids=["switch", "severity"],
)
def test_a_file_that_a_stricter_installation_refuses_gives_no_invoice(terms):
    """A refused file whose invoice entered all the same would be counted twice, once refused and once integrated."""
    verdict = judged(ubl.write(content("XML-012", stylesheet=False)), terms=terms)
    assert [f.rule for m in verdict.read.members for f in m.findings if f.refuses] == ["XML-012"]
    assert (verdict.state, verdict.invoices) == (FlowState.REJECTED, ())


def test_a_rule_on_an_invoice_that_the_reform_makes_fatal_refuses_the_flow_and_is_told():
    terms = Terms(profile=CTC, severities={"OFF-001": "off", "OFF-003": "off"})
    verdict = judged_as("FSO1110A", ubl.write(content("IDN-005", framework="B1")), terms)
    assert verdict.state is FlowState.REJECTED
    assert ("IDN-005", Severity.FATAL) in [(f.rule, f.severity) for f in verdict.findings]


def test_a_number_that_another_deposit_holds_refuses_the_invoice():
    decided = judge.decide(read(ubl.write(content("J")))[0], known(), Terms())
    ((_, key),) = decided.wanted
    owner = NumberOwner(PARTNER, "FSO1100A_PREMIER", 1, 1, NOON)
    verdict = judge.conclude(decided, {key: owner}, Terms())
    assert verdict.state is FlowState.REJECTED
    assert "DUP-001" in rules(verdict.invoices[0].findings)
    assert judge.conclude(decided, {}, Terms()).state is FlowState.INTEGRATED


@pytest.mark.parametrize(
    ("outcomes", "bad_member", "state"),
    [
        ([IN], False, FlowState.INTEGRATED),
        ([IN, IN], False, FlowState.INTEGRATED),
        ([IN, NO], False, FlowState.PARTIAL),
        ([IN], True, FlowState.PARTIAL),
        ([IN, WAITS], False, FlowState.PARTIAL),
        ([WAITS], False, FlowState.WAITING),
        ([WAITS, WAITS], False, FlowState.WAITING),
        ([WAITS, NO], False, FlowState.PARTIAL),
        ([WAITS], True, FlowState.PARTIAL),
        ([NO], False, FlowState.REJECTED),
        ([NO, NO], True, FlowState.REJECTED),
        ([], True, FlowState.REJECTED),
        ([], False, FlowState.REJECTED),
    ],
)
def test_what_the_report_says_of_the_flow(outcomes, bad_member, state):
    invoice = read(ubl.write(content("J")))[0].invoices[0]
    invoices = tuple(JudgedInvoice(invoice, (), outcome, None) for outcome in outcomes)
    members = (_member(Severity.ERROR),) if bad_member else (_member(Severity.WARNING),)
    assert judge.flow_state(_with_members(*members), invoices, Terms()) is state


@pytest.mark.parametrize(
    ("severities", "outcome"),
    [
        ([], IN),
        (["info", "warning"], IN),
        (["hold"], WAITS),
        (["hold", "warning"], WAITS),
        (["hold", "error"], NO),
        (["error"], NO),
        (["fatal"], NO),
    ],
)
def test_an_error_refuses_a_hold_waits_everything_else_enters(severities, outcome):
    assert judge.outcome(tuple(Finding("X", "GEN-001", Severity(s)) for s in severities)) is outcome


def test_a_verdict_tells_what_could_not_be_judged():
    document = ubl.write(content("J"))
    assert judged(document).not_judged == ()
    without_ledger = judged(document, known(has_ledger=False, rights=None))
    assert without_ledger.not_judged == judge.NEVER_IN_CHECK
    bare = judged(document, Known(None, has_ledger=False))
    assert bare.not_judged == (*judge.NEVER_IN_CHECK, "RTG-*")
    assert bare.state is FlowState.INTEGRATED


def test_the_same_bytes_and_the_same_reference_data_give_the_same_verdict():
    document = lot(ubl.write(content("J", 1)), ubl.write(content("J", 2, payment_code="")), b"<Commande/>")
    assert judged(document) == judged(document)
