"""UBL 2.1 Invoice and CreditNote -> `Invoice`: what the AIFE writes its own way first, then the EN 16931 home."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lxml import etree

from pipeline.model import AccountGiven, Attachment, Invoice, Kind, Level, Places, VatLine
from pipeline.readers.ubl_line import is_charge, read_lines
from pipeline.readers.ubl_party import read_party, read_recipient, read_supplier
from pipeline.readers.walk import AIFE, STEPS, Element, Found, Group, read_attribute, read_text, source_line
from pipeline.terms import CTC, Terms
from pipeline.values import Amount, Day, Text

_ROOTS = {"ubl:Invoice": "Invoice", "cn:CreditNote": "CreditNote"}
_A_CODED = re.compile(r"A[0-9]{1,2}", re.ASCII)
_REFORM_CODED = re.compile(r"[BSM][0-9]", re.ASCII)
_NOTE_SUBJECT = re.compile(r"#([A-Z0-9]{1,3})#", re.ASCII)
_RIB = re.compile(r"[0-9]{10}[0-9A-Z]{11}[0-9]{2}", re.ASCII)
_MARKET_TYPES = frozenset({"marche public", "contrat", "marche"})
_COMMITMENT_TYPES = frozenset({"bon de commande", "engagement"})
_NOT_SUPPORTING = {"50": "BT-17", "130": "BT-18"}  # tender or lot, invoiced object: references of another kind


def read(tree: etree._ElementTree, terms: Terms, *, interface: str) -> tuple[Invoice, ...]:
    """One invoice. `interface` changes nothing here: full, minimal and works flows have the same homes."""
    element = tree.getroot()
    step = STEPS[element.tag]
    found = Found()
    root = Group(element, f"/{step}", found)
    currency = root.identifier("cbc:DocumentCurrencyCode", "BT-5")
    vat_currency = root.identifier("cbc:TaxCurrencyCode", "BT-6")
    extension, namespace = _framework_of_extension(root)
    profile = root.identifier("cbc:ProfileID", "BT-23")
    is_a_coded = profile is not None and _A_CODED.fullmatch(profile.text) is not None
    notes = root.texts("cbc:Note", "BT-22")
    periods = root.groups("cac:InvoicePeriod")
    period = periods[0] if periods else found.nothing
    deliveries = root.groups("cac:Delivery")
    supplier_side = root.group("cac:AccountingSupplierParty")
    recipient_side = root.group("cac:AccountingCustomerParty")
    customer = recipient_side.group("cac:Party")
    supplier, regimes = read_supplier(supplier_side)
    agent = supplier_side.group("cac:Party").group("cac:AgentParty")
    payee = root.group("cac:PayeeParty")
    recipient, routing_service = read_recipient(customer)
    commitment, market, contract_types = _references(root)
    means = root.groups("cac:PaymentMeans")
    codes = tuple(code for one in means if (code := one.identifier("cbc:PaymentMeansCode", "BT-81")) is not None)
    origins, origin_days = _origins(root)
    supporting, attachments = _supporting(root)
    taxes = _read_taxes(root, currency, vat_currency)
    totals = root.group("cac:LegalMonetaryTotal")
    return (
        Invoice(
            kind=Kind.UBL,
            level=Level.NONE,
            rank=1,
            root=_ROOTS.get(step, step.rpartition("}")[2]),
            path=root.path,
            number=root.identifier("cbc:ID", "BT-1"),
            type=root.identifier("cbc:InvoiceTypeCode", "BT-3") or root.identifier("cbc:CreditNoteTypeCode", "BT-3"),
            issued=root.iso_day("cbc:IssueDate", "BT-2"),
            due=_due(root, means),
            currency=currency,
            vat_currency=vat_currency,
            guideline=root.identifier("cbc:CustomizationID", "BT-24"),
            framework=extension or (profile if is_a_coded or _is_reform_coded(profile) else None),
            framework_extension=extension,
            framework_extension_namespace=namespace,
            framework_profile=profile if is_a_coded else None,
            notes=notes,
            note_subjects=tuple(_note_subjects(notes)),
            origins=origins,
            origin_days=origin_days,
            period_start=period.iso_day("cbc:StartDate", "BT-73"),
            period_end=period.iso_day("cbc:EndDate", "BT-74"),
            period_label=period.text("cbc:Description", "period description"),
            delivered=_first_day(deliveries, "cbc:ActualDeliveryDate", "BT-72"),
            supplier=supplier,
            recipient=recipient,
            validator=read_party(agent, "validator") if agent else None,
            payee=read_party(payee, "payee") if payee else None,
            endpoint=customer.identifier("cbc:EndpointID", "BT-49"),
            service=_service(root, recipient_side, routing_service if terms.profile == CTC else None),
            service_name=recipient_side.group("cac:AccountingContact").text("cbc:Name", "BT-56"),
            commitment=commitment,
            market=market,
            contract_types=contract_types,
            despatch=root.group("cac:DespatchDocumentReference").identifier("cbc:ID", "BT-16"),
            supporting=supporting,
            sites=tuple(_sites(deliveries)),
            payment_code=codes[0] if codes else None,
            payment_codes=codes,
            payment_note=_payment_note(root, means),
            account=_account(means),
            vat_regimes=(*regimes, *_regimes(periods)),
            vat_lines=taxes.lines,
            total_lines=totals.amount("cbc:LineExtensionAmount", "BT-106"),
            total_allowances=totals.amount("cbc:AllowanceTotalAmount", "BT-107"),
            total_charges=totals.amount("cbc:ChargeTotalAmount", "BT-108"),
            total_net=totals.amount("cbc:TaxExclusiveAmount", "BT-109"),
            total_vat=taxes.total,
            total_vat_accounting=taxes.total_accounting,
            total_gross=totals.amount("cbc:TaxInclusiveAmount", "BT-112"),
            prepaid=totals.amount("cbc:PrepaidAmount", "BT-113"),
            rounding=totals.amount("cbc:PayableRoundingAmount", "BT-114"),
            payable=totals.amount("cbc:PayableAmount", "BT-115"),
            header_amounts=tuple(_header_amounts(root)),
            lines=tuple(read_lines(root)),
            has_tax_total_without_amount=taxes.lacks_amount,
            dates=tuple(found.dates),
            amounts=tuple(found.amounts),
            identifiers=tuple(found.identifiers),
            texts=tuple(found.texts),
            attachments=attachments,
        ),
    )


# --- header


def _framework_of_extension(root: Group) -> tuple[Text | None, str]:
    """BT-23 of the AIFE extension, else of any other extension with a `CategoryCode` (FMT-005), and its namespace."""
    extensions = root.child("ext:UBLExtensions")
    if extensions is None:
        return None, ""
    alien: Element | None = None
    for code in extensions.iterdescendants("{*}CategoryCode"):
        if code.tag == f"{{{AIFE}}}CategoryCode":
            return read_text(code, "BT-23", _extension_path(code, root.path), root.found.identifiers), AIFE
        alien = code if alien is None else alien
    if alien is None:
        return None, ""
    path = _extension_path(alien, root.path)
    return read_text(alien, "BT-23", path, root.found.identifiers), etree.QName(alien).namespace or ""


def _extension_path(element: Element, root_path: str) -> str:
    """An extension may be in any namespace: a name without a prefix of ours is asked for by its local name."""
    steps: list[str] = []
    here: Element | None = element
    while here is not None and (parent := here.getparent()) is not None:
        step, like = STEPS[here.tag], here.tag
        if ":" not in step or step == here.tag:
            name = etree.QName(here).localname
            step, like = f"*[local-name()='{name}']", f"{{*}}{name}"
        rank = 1 + sum(1 for _ in here.itersiblings(like, preceding=True))
        is_alone = rank == 1 and next(here.itersiblings(like), None) is None
        steps.append(step if is_alone else f"{step}[{rank}]")
        here = parent
    return "/".join([root_path, *reversed(steps)])


def _is_reform_coded(profile: Text | None) -> bool:
    """A reform framework (B1, S5...) has no other home: unread on the old channel, IDN-006 could not say so."""
    return profile is not None and _REFORM_CODED.fullmatch(profile.text) is not None


def _note_subjects(notes: Sequence[Text]) -> Iterator[Text]:
    """BT-21, written before the note between two # in UBL, which has no other place for it."""
    for note in notes:
        match = _NOTE_SUBJECT.match(note.text)
        if match is not None:
            yield note._replace(text=match[1], bt="BT-21", padded=False)


def _due(root: Group, means: Sequence[Group]) -> Day | None:
    return _first_day(means, "cbc:PaymentDueDate", "BT-9") or root.iso_day("cbc:DueDate", "BT-9")


def _first_day(groups: Sequence[Group], step: str, bt: str) -> Day | None:
    """Each is read, so that each is a date of the document; the first counts."""
    days = [day for group in groups if (day := group.iso_day(step, bt)) is not None]
    return days[0] if days else None


def _sites(deliveries: Sequence[Group]) -> Iterator[Text]:
    for delivery in deliveries:
        for site in (
            delivery.group("cac:DeliveryLocation").identifier("cbc:ID", "BT-71"),
            delivery.identifier("cbc:ID", "BT-71"),
        ):
            if site is not None:
                yield site


def _regimes(periods: Sequence[Group]) -> Iterator[Text]:
    for period in periods:
        yield from period.identifiers("cbc:DescriptionCode", "BT-8")


# --- references


def _service(root: Group, recipient_side: Group, routing: Text | None) -> Places:
    homes = (
        routing,
        recipient_side.group("cac:AccountingContact").identifier("cbc:ID", "BT-10"),
        root.identifier("cbc:BuyerReference", "BT-10"),
        recipient_side.group("cac:Party").group("cac:Contact").identifier("cbc:ID", "BT-10"),
    )
    given = tuple(home for home in homes if home is not None)
    return Places(given[0] if given else None, given)


def _references(root: Group) -> tuple[Places, Text | None, tuple[Text, ...]]:
    """Commitment (BT-13), market (BT-12), and what each contract reference says it is (REF-008)."""
    order = root.group("cac:OrderReference")
    ordered = order.identifier("cbc:ID", "BT-13")
    order.iso_day("cbc:IssueDate", "order date")
    commitments = [] if ordered is None else [ordered]
    markets: list[Text] = []
    untyped: list[Text] = []
    types: list[Text] = []
    for contract in root.groups("cac:ContractDocumentReference"):
        said = [
            text
            for step in ("cbc:DocumentTypeCode", "cbc:DocumentType")
            if (text := contract.text(step, "contract type")) is not None
        ]
        folded = {_fold(text.text) for text in said}
        types.extend(said[:1])
        is_commitment = not folded.isdisjoint(_COMMITMENT_TYPES)
        number = contract.identifier("cbc:ID", "BT-13" if is_commitment else "BT-12")
        contract.iso_day("cbc:IssueDate", "contract date")
        if number is None:
            continue
        if is_commitment:
            commitments.append(number)
        elif not folded.isdisjoint(_MARKET_TYPES):
            markets.append(number)
        elif not folded:
            untyped.append(number)
    given = tuple(commitments)
    return Places(given[0] if given else None, given), next(iter((*markets, *untyped)), None), tuple(types)


def _fold(text: str) -> str:
    """Case, accents and double blanks do not tell one contract type from another."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(bare.casefold().split())


def _origins(root: Group) -> tuple[tuple[Text, ...], tuple[Day, ...]]:
    numbers: list[Text] = []
    days: list[Day] = []
    for reference in root.groups("cac:BillingReference"):
        for invoice in reference.groups("cac:InvoiceDocumentReference"):
            number = invoice.identifier("cbc:ID", "BT-25")
            day = invoice.iso_day("cbc:IssueDate", "BT-26")
            numbers += [] if number is None else [number]
            days += [] if day is None else [day]
    return tuple(numbers), tuple(days)


def _supporting(root: Group) -> tuple[tuple[Text, ...], tuple[Attachment, ...]]:
    """The supporting documents (BT-122), and the files among them: a reference without a binary is no attachment."""
    supporting: list[Text] = []
    attachments: list[Attachment] = []
    for reference in root.groups("cac:AdditionalDocumentReference"):
        code = reference.identifier("cbc:DocumentTypeCode", "document type")
        other = None if code is None else _NOT_SUPPORTING.get(code.text)
        number = reference.identifier("cbc:ID", other or "BT-122")
        if number is not None and other is None:
            supporting.append(number)
        category = reference.text("cbc:DocumentType", "attachment type")
        file = reference.group("cac:Attachment")
        for binary, path in file.children("cbc:EmbeddedDocumentBinaryObject"):
            attachments.append(_attachment(len(attachments) + 1, binary, path, number, category, root.found))
    return tuple(supporting), tuple(attachments)


def _attachment(
    rank: int, binary: Element, path: str, number: Text | None, category: Text | None, found: Found
) -> Attachment:
    return Attachment(
        rank=rank,
        name=read_attribute(binary, "filename", "BT-125-2", path, found.texts) or number,
        encoded=binary.text or "",
        mime=binary.get("mimeCode") or "",
        category=category,
        path=path,
        line=source_line(binary),
        reference=number,
    )


# --- payment and amounts


def _payment_note(root: Group, means: Sequence[Group]) -> Text | None:
    notes = [note for one in means for note in one.texts("cbc:InstructionNote", "BT-82")]
    notes += [note for terms in root.groups("cac:PaymentTerms") for note in terms.texts("cbc:Note", "BT-20")]
    return notes[0] if notes else None


def _account(means: Sequence[Group]) -> AccountGiven:
    """The first account. The channel says whether it is an IBAN or a RIB; without a channel its form does."""
    for one in means:
        account = one.group("cac:PayeeFinancialAccount")
        number = account.identifier("cbc:ID", "BT-84")
        if number is None:
            continue
        channel = one.identifier("cbc:PaymentChannelCode", "payment channel")
        is_rib = channel.text == "RIB" if channel is not None and channel.text in {"IBAN", "RIB"} else _is_rib(number)
        branch = account.group("cac:FinancialInstitutionBranch")
        return AccountGiven(
            iban=None if is_rib else number,
            rib=number if is_rib else None,
            bic=branch.identifier("cbc:ID", "BT-86")
            or branch.group("cac:FinancialInstitution").identifier("cbc:ID", "BT-86"),
            holder=account.text("cbc:Name", "BT-85"),
        )
    return AccountGiven()


def _is_rib(number: Text) -> bool:
    return _RIB.fullmatch(number.text.replace(" ", "").upper()) is not None


class _Taxes(NamedTuple):
    lines: tuple[VatLine, ...]
    total: Amount | None
    total_accounting: Amount | None
    lacks_amount: bool


def _read_taxes(root: Group, currency: Text | None, vat_currency: Text | None) -> _Taxes:
    """BG-23 and the two VAT totals, told apart by their currency: BT-110 in BT-5, BT-111 in BT-6."""
    wanted = "" if currency is None else currency.text
    accounting = "" if vat_currency is None else vat_currency.text
    groups = root.groups("cac:TaxTotal")
    lines: list[VatLine] = []
    total: Amount | None = None
    total_accounting: Amount | None = None
    lacks_amount = False
    for group in groups:
        held = group.child("cbc:TaxAmount")
        given_in = "" if held is None else held.get("currencyID") or ""
        is_accounting = accounting not in {"", wanted} and given_in == accounting
        amount = group.amount("cbc:TaxAmount", "BT-111" if is_accounting else "BT-110")
        lacks_amount = lacks_amount or amount is None
        subtotals = [_vat_line(subtotal) for subtotal in group.groups("cac:TaxSubtotal")]
        if is_accounting:
            total_accounting = total_accounting or amount
            continue
        lines.extend(subtotals)
        if given_in == wanted or not wanted or (not given_in and len(groups) == 1):
            total = total or amount
    return _Taxes(tuple(lines), total, total if accounting and accounting == wanted else total_accounting, lacks_amount)


def _vat_line(subtotal: Group) -> VatLine:
    category = subtotal.group("cac:TaxCategory")
    direct = subtotal.number("cbc:Percent", "BT-119")
    rate = direct or category.number("cbc:Percent", "BT-119")
    return VatLine(
        base=subtotal.amount("cbc:TaxableAmount", "BT-116"),
        amount=subtotal.amount("cbc:TaxAmount", "BT-117"),
        rate=rate,
        category=category.identifier("cbc:ID", "BT-118"),
        exemption=category.text("cbc:TaxExemptionReason", "BT-120"),
        exemption_code=category.identifier("cbc:TaxExemptionReasonCode", "BT-121"),
        rate_place="" if rate is None else "TaxSubtotal/Percent" if direct is not None else "TaxCategory/Percent",
    )


def _header_amounts(root: Group) -> Iterator[Amount]:
    for one in root.groups("cac:AllowanceCharge"):
        amount_bt, base_bt, rate_bt, reason_bt, code_bt = (
            ("BT-99", "BT-100", "BT-101", "BT-104", "BT-105")
            if is_charge(one)
            else ("BT-92", "BT-93", "BT-94", "BT-97", "BT-98")
        )
        one.amount("cbc:BaseAmount", base_bt)
        one.number("cbc:MultiplierFactorNumeric", rate_bt)
        one.text("cbc:AllowanceChargeReason", reason_bt)
        one.identifier("cbc:AllowanceChargeReasonCode", code_bt)
        amount = one.amount("cbc:Amount", amount_bt)
        if amount is not None:
            yield amount
