"""The way of one flow: read it, decide on it, conclude. Start reading here.

`read` runs in a worker process and sees the bytes; `decide` runs in the parent and sees reference data; between them go
typed records. The numbers that `decide` wants are reserved by the shell; `conclude` hears which of them others hold.
Same bytes, same rule packs, same directory snapshot, same reservations: same verdict, byte for byte.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO

from pipeline import codes, frameworks
from pipeline.codes import Severity
from pipeline.identify import identify, open_member, unheard
from pipeline.identify.contents import Part
from pipeline.model import (
    Decided,
    Extract,
    Finding,
    FlowState,
    Identified,
    IntakeVerdict,
    Invoice,
    InvoiceOutcome,
    JudgedInvoice,
    JudgedRow,
    Kind,
    Known,
    Lane,
    MemberSeen,
    NumberKey,
    NumberOwner,
    PackRun,
    Read,
    ReadInvoice,
    ReadMember,
    Received,
    RowOutcome,
    Slice,
    Snapshot,
    SupplierRead,
    Verdict,
    finding,
)
from pipeline.ports import Fault, Said, Tools
from pipeline.returns import pivot
from pipeline.returns.pivot_attachments import PivotAttachment
from pipeline.routing import duplicates, mapping, route
from pipeline.siret import STATE
from pipeline.terms import LEGACY, Terms
from pipeline.validators import antivirus, intake, references
from pipeline.validators.document import Examined, JudgedDocument, examine, in_report_order

NEVER_IN_CHECK = (
    "FLW-005", "FLW-006", "FLW-007", "FLW-011", "FLW-012", "FLW-013", "PTY-020", "PTY-021", "DUP-001", "DUP-003",
    "CRN-004", "CMT-*",
)  # fmt: skip
# of a flow of changes: what only a sheet or a ledger can tell
NEVER_IN_CHECK_OF_CHANGES = ("FLW-005", "FLW-006", "FLW-007", "FLW-011", "FLW-012")
_OF_THE_LANE = {
    Lane.STATUSES: ("LFC-001", "LFC-006", "LFC-008", "LFC-013", "LFC-014", "LFC-015"),
    Lane.ACTIONS: (
        "FLW-013", "LFC-001", "LFC-004", "LFC-005", "LFC-008", "LFC-011", "LFC-012", "LFC-015", "RTG-*", "CMT-*",
    ),
    Lane.CONTROL: ("FLW-013",),
    Lane.INVOICES: (),
}  # fmt: skip
_REFUSED = InvoiceOutcome.REFUSED

_FIL_007_IS_OFF = Said(
    "FIL-007 est désactivée, et un flux mis à part n'est refusé que par elle ; lui rendre sa gravité "
    "(settings.toml, [severities])",
    "FIL-007 is switched off: a flow in quarantine can only be refused by it; give it its severity back "
    "(settings.toml, [severities])",
)


def read(
    received: Received,
    source: BinaryIO,
    spool: BinaryIO,
    sink: BinaryIO,
    tools: Tools,
    *,
    unreadable: Collection[int] = (),
    at: Callable[[int], None] = unheard,
) -> Read:
    """Identify and validate: same file, same records. Pivot units go to `sink`, archives are unpacked to `spool`.

    `at` hears the rank of each file, from 0, before it is looked at and before it is read: should that kill us,
    somebody knows which it was. Those that are `unreadable` are refused by FIL-007 and not opened.
    """
    identified = identify(received, source, spool, tools, unreadable=unreadable, at=at)
    if identified.lane is not Lane.INVOICES:

        def unread(seen: MemberSeen) -> ReadMember:
            found = () if identified.is_refused else (beyond_the_limits(seen.name, tools.terms),)
            return _unread(replace(seen, findings=(*seen.findings, *found)))

        return intake.read(identified, source, spool, sink, tools, unreadable=unreadable, unread=unread, at=at)
    members: list[ReadMember] = []
    invoices: list[ReadInvoice] = []
    packs: dict[str, PackRun] = {}
    extracts: list[Extract] = []
    if identified.is_refused:  # nothing is read, but what is wrong with a file is said beside what refuses the flow
        members = [_unread(seen) for seen in identified.members]
    else:
        ships_stylesheet = any(m.kind is Kind.STYLESHEET for m in identified.members)
        told = 0
        for rank, seen in enumerate(identified.members):
            at(rank)
            if identified.is_archive and tools.terms.is_scanned:
                extracts.append(Extract(seen.name, "", _copied(seen, spool, sink)))
            if rank in unreadable:
                found = beyond_the_limits(seen.name, tools.terms)
                members.append(_unread(replace(seen, findings=(*seen.findings, found))))
                continue
            room = tools.terms.findings.report_max - told
            member, judged = _read_member(
                identified, seen, source, spool, sink, ships_stylesheet, len(invoices), extracts, room, tools
            )
            told += len(member.findings) + sum(len(one.findings) for one in judged[0])
            members.append(member)
            invoices += judged[0]
            packs |= {run.name: run for run in judged[1]}
    return Read(
        received,
        identified.interface,
        identified.announced,
        in_report_order((*received.settled, *identified.findings)),
        tuple(members),
        tuple(invoices),
        tuple(packs[name] for name in sorted(packs)),
        sum(m.size_bytes for m in identified.members),
        tuple(extracts),
    )


def beyond_the_limits(member: str, terms: Terms) -> Finding:
    """FIL-007: what a file earns that killed whoever read it. A fault where that rule is off: no other refuses it."""
    limit = f"{terms.watch.quarantine_max_hours} h"
    found = finding(terms, codes.FIL_007, "inner file", member=member, value=member, limit=limit)
    if found is None:
        raise Fault(_FIL_007_IS_OFF)
    return replace(found, facts={"member": member, "limit": limit})


def decide(read: Read, known: Known, terms: Terms) -> Decided:
    """Route and check: same records, same reference rows, same decision. Numbers of others come in `conclude`."""
    if is_refused(read, terms):
        return Decided(read, (), known)
    known = replace(known, known_numbers=known.known_numbers | frozenset(_numbers(read)))
    judged = tuple(_decide_invoice(invoice, read, known, terms) for invoice in read.invoices)
    return Decided(read, duplicates.within_flow(judged, terms), known)


def conclude(decided: Decided, held_by: Mapping[NumberKey, NumberOwner], terms: Terms) -> Verdict:
    """Settle the numbers that another invoice holds, and say what becomes of the flow."""
    read = decided.read
    invoices = tuple(
        duplicates.settle(invoice, held_by.get(invoice.claim) if invoice.claim else None, read.received, terms)
        for invoice in decided.invoices
    )
    on_members = [f for member in read.members for f in in_report_order(member.findings)]
    return Verdict(
        read,
        flow_state(read, invoices, terms),
        (*read.findings, *on_members),
        invoices,
        decided.known.snapshot,
        _not_judged(read, decided.known),
    )


def conclude_changes(
    read: Read, rows: Sequence[JudgedRow], terms: Terms, snapshot: Snapshot | None = None, *, has_ledger: bool = True
) -> IntakeVerdict:
    """The same of a flow of changes, whose rows were decided: of one that is refused as a whole none counts."""
    rows = () if is_refused(read, terms) else tuple(rows)
    on_members = [f for member in read.members for f in in_report_order(member.findings)]
    has_refused_file = any(m.is_refused for m in read.members)
    outcomes = (_REFUSED if row.outcome is RowOutcome.REFUSED else InvoiceOutcome.INTEGRATED for row in rows)
    if is_refused(read, terms):
        state = FlowState.REJECTED
    elif rows or has_refused_file:
        state = state_of(outcomes, has_refused_file=has_refused_file)
    else:
        state = FlowState.INTEGRATED  # nothing was asked for
    is_scanned = any(run.name == antivirus.PACK for run in read.packs)
    never = (rule for rule in NEVER_IN_CHECK_OF_CHANGES if rule != codes.FLW_011.id or not is_scanned)
    not_judged = () if has_ledger else (*never, *_OF_THE_LANE[read.lane])
    return IntakeVerdict(read, state, (*read.findings, *on_members), rows, snapshot, not_judged)


def is_refused(read: Read, terms: Terms) -> bool:
    """Nothing of the flow enters: a fatal finding, or a failed member where one takes its flow with it."""
    if read.is_refused or any(f.severity is Severity.FATAL for m in read.members for f in m.findings):
        return True
    switches = terms.switches
    switch = switches.member_failure_legacy if terms.profile == LEGACY else switches.member_failure_ctc
    return switch == "refuse-flow" and any(m.is_refused for m in read.members)


def flow_state(read: Read, invoices: tuple[JudgedInvoice, ...], terms: Terms) -> FlowState:
    """What the report says of the flow (spec 02 section 3.1)."""
    if is_refused(read, terms):
        return FlowState.REJECTED
    return state_of((i.outcome for i in invoices), has_refused_file=any(m.is_refused for m in read.members))


def state_of(outcomes: Iterable[InvoiceOutcome], *, has_refused_file: bool) -> FlowState:
    """The state of a flow that is not refused as a whole, by what became of its invoices and files."""
    met = frozenset(outcomes)
    is_short = InvoiceOutcome.REFUSED in met or has_refused_file
    if InvoiceOutcome.PENDING in met:
        return FlowState.PARTIAL if is_short or InvoiceOutcome.INTEGRATED in met else FlowState.WAITING
    if InvoiceOutcome.INTEGRATED in met:
        return FlowState.PARTIAL if is_short else FlowState.INTEGRATED
    return FlowState.REJECTED


def outcome(found: tuple[Finding, ...]) -> InvoiceOutcome:
    """An error refuses; a hold alone lets wait; everything else enters."""
    if any(f.refuses for f in found):
        return InvoiceOutcome.REFUSED
    if any(f.severity is Severity.HOLD for f in found):
        return InvoiceOutcome.PENDING
    return InvoiceOutcome.INTEGRATED


# --- read, one member -------------------------------------------------------------------------------------------------


def _read_member(
    identified: Identified,
    seen: MemberSeen,
    source: BinaryIO,
    spool: BinaryIO,
    sink: BinaryIO,
    ships_stylesheet: bool,
    before: int,
    extracts: list[Extract],
    room: int,
    tools: Tools,
) -> tuple[ReadMember, tuple[list[ReadInvoice], tuple[PackRun, ...]]]:
    if not seen.kind.is_invoice or any(f.refuses for f in seen.findings):
        return _unread(seen), ([], ())
    document = open_member(identified, seen, source, spool)
    examined = examine(
        document, seen, identified.received, identified.interface, ships_stylesheet=ships_stylesheet, tools=tools
    )
    extracts += (Extract(seen.name, name, _written(content, sink)) for name, content in examined.taken)
    examined, omitted = _capped(examined, max(1, min(tools.terms.findings.document_max, room)))
    records = [
        _record(rank, judged, seen, document, identified, sink, tools)
        for rank, judged in enumerate(examined.invoices, start=before + 1)
    ]
    findings = (*seen.findings, *examined.findings)
    return ReadMember(seen.name, seen.sha256, seen.size_bytes, seen.kind, findings, omitted), (records, examined.packs)


def _written(content: bytes, sink: BinaryIO) -> Slice:
    """Append to the sink; says where that lies."""
    offset = sink.tell()
    sink.write(content)
    return Slice(offset, len(content))


def _copied(seen: MemberSeen, spool: BinaryIO, sink: BinaryIO) -> Slice:
    """The same of a member of an archive, which is never whole in memory."""
    offset = sink.tell()
    for chunk in Part(spool, seen.name, seen.size_bytes, seen.offset).chunks():
        sink.write(chunk)
    return Slice(offset, sink.tell() - offset)


def _unread(seen: MemberSeen) -> ReadMember:
    return ReadMember(seen.name, seen.sha256, seen.size_bytes, seen.kind, seen.findings)


def _capped(examined: Examined, left: int) -> tuple[Examined, int]:
    """Keep so many findings of a document, and count the rest: a refusal is never lost by the cap.

    It is `document_max`, and less where the flow already has as many as a report shows.
    """
    total = len(examined.findings) + sum(len(j.findings) for j in examined.invoices)
    if total <= left:
        return examined, 0
    kept_on_file = _first(examined.findings, left)
    left -= len(kept_on_file)
    kept = []
    for judged in examined.invoices:
        found = _first(judged.findings, max(left, 1))
        left -= len(found)
        kept.append(JudgedDocument(judged.invoice, found, judged.opened))
    shown = len(kept_on_file) + sum(len(j.findings) for j in kept)
    return Examined(kept_on_file, tuple(kept), examined.packs), total - shown


def _first(found: tuple[Finding, ...], most: int) -> tuple[Finding, ...]:
    """The first findings, and one that refuses in the last place when the cut would hide all of those."""
    kept = found[:most]
    if kept and not any(f.refuses for f in kept):
        refusing = next((f for f in found[most:] if f.refuses), None)
        if refusing is not None:
            kept = (*kept[:-1], refusing)
    return kept


def _record(
    rank: int,
    judged: JudgedDocument,
    seen: MemberSeen,
    document: bytes,
    identified: Identified,
    sink: BinaryIO,
    tools: Tools,
) -> ReadInvoice:
    """What the decision needs of one invoice; its pivot unit goes to the sink unless it is refused already."""
    invoice = judged.invoice
    unit = None
    refusals = {f.code for f in judged.findings if f.refuses}
    if not refusals or (tools.terms.maps_recipients and refusals <= mapping.MENDED):
        offset = sink.tell()
        opened = [PivotAttachment(o.name, o.content, o.mime, o.category, o.is_pdf, o.type) for o in judged.opened]
        pivot.unit(
            invoice, opened, identified.received, identified.interface, document, seen.name, sink,
            is_to_be_mapped=bool(refusals),
        )  # fmt: skip
        unit = Slice(offset, sink.tell() - offset)
    supplier = invoice.supplier
    gross = invoice.total_gross
    return ReadInvoice(
        rank=rank,
        member=seen.name,
        number=invoice.number,
        type=invoice.type.text if invoice.type else ("381" if invoice.is_credit_note else ""),
        issued=invoice.issued.value if invoice.issued else None,
        framework=invoice.framework.text if invoice.framework else frameworks.DEFAULT,
        framework_at=invoice.framework,
        supplier=SupplierRead(
            supplier.identifier_type,
            supplier.identifier,
            supplier.name.text if supplier.name else "",
            supplier.address.country.text if supplier.address.country else "",
        ),
        recipient=invoice.recipient.identifier,
        recipient_name=invoice.recipient.name.text if invoice.recipient.name else "",
        service=invoice.service.value,
        service_name=invoice.service_name.text if invoice.service_name else "",
        commitment=invoice.commitment.value,
        market=invoice.market,
        origins=invoice.origins,
        has_validator=_has_validator(invoice),
        currency=invoice.currency.text if invoice.currency else "",
        total=gross.text if gross is not None and gross.value is not None else "",
        findings=judged.findings,
        pivot=unit,
        recipient_siren=invoice.recipient.siren,
    )


def _has_validator(invoice: Invoice) -> bool:
    return invoice.validator is not None and invoice.validator.identifier is not None


# --- decide, one invoice ----------------------------------------------------------------------------------------------


def _decide_invoice(invoice: ReadInvoice, read: Read, known: Known, terms: Terms) -> JudgedInvoice:
    mapped = mapping.applied(invoice, known, read.received.day)
    invoice = _held_to_the_state(mapped, invoice, read, terms)
    routed = route.findings(invoice, read.received, read.interface, known, terms)
    asked = (*mapped.beside_a_siren(terms), *routed)
    found = in_report_order((*invoice.findings, *mapped.notes(terms), *mapped.as_written(asked)))
    proved = route.rights_proved(invoice, read.received, known, terms)
    claim = duplicates.number_key(invoice, read.received.partner, rights_proved=proved)
    structure = known.structures.get(invoice.recipient.text) if invoice.recipient else None
    name = structure.name if structure else ""
    return JudgedInvoice(invoice, found, outcome(found), claim, name, mapped.is_mapped)


def _held_to_the_state(mapped: mapping.Mapped, read_as: ReadInvoice, read: Read, terms: Terms) -> ReadInvoice:
    """The invoice as it is routed: what the State asks of a commitment number was not asked under another name."""
    invoice = mapped.invoice
    if invoice.recipient is None or invoice.recipient.text != STATE or invoice.recipient == read_as.recipient:
        return invoice
    others = tuple(f for f in invoice.findings if f.code not in references.OF_THE_STATE)
    asked = references.of_the_state(
        invoice.commitment, invoice.recipient, read.received, read.interface, invoice.member, terms
    )
    return replace(invoice, findings=(*others, *asked))


def _numbers(read: Read) -> Iterator[tuple[str, str, str]]:
    """The numbers of the flow itself: a credit note may come in the same flow as what it corrects (CRN-004)."""
    for invoice in read.invoices:
        if invoice.number is not None and invoice.supplier.identifier is not None:
            yield invoice.supplier.type, invoice.supplier.identifier.text, invoice.number.text


def _not_judged(read: Read, known: Known) -> tuple[str, ...]:
    """What `check` leaves to the platform. What a scanner looked at there has the run of the scanner in its packs."""
    if known.has_ledger:
        return ()
    is_scanned = any(run.name == antivirus.PACK for run in read.packs)
    never = tuple(rule for rule in NEVER_IN_CHECK if rule != codes.FLW_011.id or not is_scanned)
    return never if known.snapshot is not None else (*never, "RTG-*")
