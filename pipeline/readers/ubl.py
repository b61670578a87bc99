"""UBL 2.1 Invoice and CreditNote -> `Invoice`: what the AIFE writes its own way first, then the EN 16931 home."""

import re
from collections.abc import Iterator, Sequence

from lxml import etree

from pipeline.model import Invoice, Kind, Level
from pipeline.readers.ubl_line import read_lines
from pipeline.readers.ubl_party import read_party, read_recipient, read_supplier
from pipeline.readers.ubl_payment import read_account, read_header_amounts, read_payment_note, read_taxes
from pipeline.readers.ubl_references import read_origins, read_references, read_service, read_supporting
from pipeline.readers.walk import AIFE, NOTHING, STEPS, Element, Found, Group, read_text
from pipeline.terms import CTC, Terms
from pipeline.values import Day, Text

_ROOTS = {"ubl:Invoice": "Invoice", "cn:CreditNote": "CreditNote"}
_A_CODED = re.compile(r"A[0-9]{1,2}", re.ASCII)
_REFORM_CODED = re.compile(r"[BSM][0-9]", re.ASCII)
_NOTE_SUBJECT = re.compile(r"#([A-Z0-9]{1,3})#", re.ASCII)


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
    period = periods[0] if periods else NOTHING
    deliveries = root.groups("cac:Delivery")
    supplier_side = root.group("cac:AccountingSupplierParty")
    recipient_side = root.group("cac:AccountingCustomerParty")
    customer = recipient_side.group("cac:Party")
    supplier, regimes = read_supplier(supplier_side)
    agent = supplier_side.group("cac:Party").group("cac:AgentParty")
    payee = root.group("cac:PayeeParty")
    recipient, routing_service = read_recipient(customer)
    commitment, market, contract_types = read_references(root)
    means = root.groups("cac:PaymentMeans")
    codes = tuple(code for one in means if (code := one.identifier("cbc:PaymentMeansCode", "BT-81")) is not None)
    origins, origin_days = read_origins(root)
    supporting, attachments = read_supporting(root)
    taxes = read_taxes(root, currency, vat_currency)
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
            service=read_service(root, recipient_side, routing_service if terms.profile == CTC else None),
            service_name=recipient_side.group("cac:AccountingContact").text("cbc:Name", "BT-56"),
            commitment=commitment,
            market=market,
            contract_types=contract_types,
            despatch=root.group("cac:DespatchDocumentReference").identifier("cbc:ID", "BT-16"),
            supporting=supporting,
            sites=tuple(_sites(deliveries)),
            payment_code=codes[0] if codes else None,
            payment_codes=codes,
            payment_note=read_payment_note(root, means),
            account=read_account(means),
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
            header_amounts=tuple(read_header_amounts(root)),
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
