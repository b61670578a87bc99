"""What a UBL document refers to: service, commitment, market, earlier invoices, supporting documents, their files."""

import unicodedata

from pipeline.model import Attachment, Places
from pipeline.readers.walk import Element, Found, Group, read_attribute, source_line
from pipeline.values import Day, Text

_MARKET_TYPES = frozenset({"marche public", "contrat", "marche"})
_COMMITMENT_TYPES = frozenset({"bon de commande", "engagement"})
_NOT_SUPPORTING = {"50": "BT-17", "130": "BT-18"}  # tender or lot, invoiced object: references of another kind


def read_service(root: Group, recipient_side: Group, routing: Text | None) -> Places:
    homes = (
        routing,
        recipient_side.group("cac:AccountingContact").identifier("cbc:ID", "BT-10"),
        root.identifier("cbc:BuyerReference", "BT-10"),
        recipient_side.group("cac:Party").group("cac:Contact").identifier("cbc:ID", "BT-10"),
    )
    given = tuple(home for home in homes if home is not None)
    return Places(given[0] if given else None, given)


def read_references(root: Group) -> tuple[Places, Text | None, tuple[Text, ...]]:
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


def read_origins(root: Group) -> tuple[tuple[Text, ...], tuple[Day, ...]]:
    numbers: list[Text] = []
    days: list[Day] = []
    for reference in root.groups("cac:BillingReference"):
        for invoice in reference.groups("cac:InvoiceDocumentReference"):
            number = invoice.identifier("cbc:ID", "BT-25")
            day = invoice.iso_day("cbc:IssueDate", "BT-26")
            numbers += [] if number is None else [number]
            days += [] if day is None else [day]
    return tuple(numbers), tuple(days)


def read_supporting(root: Group) -> tuple[tuple[Text, ...], tuple[Attachment, ...]]:
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
