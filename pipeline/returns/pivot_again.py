"""A pivot that goes out once more: a recycled invoice to its new receiver, a completed one with its new files.

Its source is the pivot file that we wrote and kept when the invoice was integrated. What changes is put in its place,
byte for byte; everything else is copied unread, attachments never held in memory. A kept file that is not as we write
them is a fault: it was changed, and nobody may be sent a guess.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from pipeline.model import Slice
from pipeline.ports import Fault, Said
from pipeline.readers.safe_xml import PARSER_OPTIONS
from pipeline.returns.markup import leaf, node, optional
from pipeline.returns.pivot import piece
from pipeline.returns.pivot_attachments import PivotAttachment, added
from pipeline.values import XML_BLANKS

RECYCLED, COMPLETED = "Recyclée", "Complétée"
_CHUNK_BYTES = 1 << 20
_TAG = re.compile(
    rb'<(?:(CPPFacturePivotUnitaire NumOrdre="[0-9]{1,9}">\n)'
    rb'|(/CPPFacturePivotUnitaire>\n)|(PJ NumOrdre="[0-9]{1,9}">\n))'
)
_TAG_BYTES_MAX = 64  # of the longest of them
_DEBTOR = re.compile(rb"<Debiteur>\n.*?</Debiteur>\n", re.DOTALL)
_SENT_BACK = re.compile(rb"<Renvoi>[^<]*</Renvoi>\n")
_REFERENCES = re.compile(
    rb"<Engagement>\n(<NumeroMarche>[^<]*</NumeroMarche>\n)?(?:<NumeroEngagement>[^<]*</NumeroEngagement>\n)?</Engagement>\n"
)
_BEFORE_REFERENCES = (b"</TVAs>\n", b"</Montants>\n")  # the last of them that is there
_PLACES = {
    "supplier_type": "Fournisseur/TypeIdentifiant",
    "supplier": "Fournisseur/Identifiant",
    "number": "DonneesFacture/Id",
    "issued": "DonneesFacture/DateEmissionFacture",
}
_CHANGED = Said(
    "un pivot conservé n'est plus tel qu'il a été écrit ; chorus-edi verify dit lequel remettre depuis la sauvegarde",
    "a kept pivot is not as it was written; `chorus-edi verify` says which one to restore from the backup",
)


@dataclass(frozen=True, slots=True)
class Debtor:
    """Whom an invoice goes to now. An empty service name is left out: nobody has told it."""

    recipient: str
    name: str
    service: str
    service_name: str
    commitment: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One invoice of a kept pivot: its data up to the first attachment, and where the attachments lie in the file."""

    supplier_type: str
    supplier: str
    number: str
    issued: str
    head: bytes
    pieces: Slice
    count: int  # of attachments


def units(source: BinaryIO) -> Iterator[Unit]:
    """The invoices of a pivot file of ours, in its order; read by chunks, whatever it weighs."""
    opened = first = None
    count = 0
    for kind, start, end in _tags(source):
        if kind == 1:
            if opened is not None:
                raise Fault(_CHANGED)
            opened, first, count = end, None, 0
        elif opened is None:
            raise Fault(_CHANGED)
        elif kind == 3:
            first = start if first is None else first
            count += 1
        else:
            pieces = start if first is None else first
            yield _unit(source, opened, pieces, start, count)
            opened = None
    if opened is not None:
        raise Fault(_CHANGED)


def key(supplier_type: str, supplier: str, number: str, issued: str) -> tuple[str, ...]:
    """By what an invoice is found in a pivot: as these texts are read back once they are written."""
    return tuple(_read_back(text) for text in (supplier_type, supplier, number, issued))


def readdressed(head: bytes, to: Debtor) -> bytes:
    """The data of an invoice for another recipient, service or commitment."""
    debtor = node(
        "Debiteur",
        leaf("TypeIdentifiant", "1"),
        leaf("Identifiant", to.recipient),
        optional("Nom", to.name),
        optional("CodeService", to.service),
        optional("NomService", to.service_name if to.service else ""),
    )
    return _committed(_once(_DEBTOR, head, debtor.encode()), to.commitment)


def sent_back(head: bytes, why: str) -> bytes:
    """The data of an invoice with Renvoi: `RECYCLED` or `COMPLETED`, by what was done last."""
    return _once(_SENT_BACK, head, leaf("Renvoi", why).encode())


def write_pieces(unit: Unit, files: Iterable[PivotAttachment], write: Callable[[bytes], object]) -> None:
    """Write these files behind those of the unit, one after the other."""
    first = unit.count + 1
    for rank, carried in enumerate(added(files, first, unit.number), first):
        for part in piece(rank, carried):
            write(part)


def _tags(source: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """(which, start, end) of each tag that bounds something, in order. No text of ours holds a `<`: it is escaped.

    A tag may lie across two chunks: the end of one is looked at again with the next.
    """
    source.seek(0)
    base, done, buffer = 0, 0, b""
    while True:
        chunk = source.read(_CHUNK_BYTES)
        if not chunk:
            return
        buffer += chunk
        position = base + len(buffer)
        for match in _TAG.finditer(buffer):
            if base + match.start() >= done:
                done = base + match.end()
                which = match.lastindex or 0
                yield which, base + match.start(), base + match.end()
                source.seek(position)
        kept = buffer[-_TAG_BYTES_MAX:]
        base, buffer = position - len(kept), kept


def _unit(source: BinaryIO, start: int, pieces: int, end: int, count: int) -> Unit:
    source.seek(start)
    head = source.read(pieces - start)
    try:
        root = etree.fromstring(b"<u>" + head + b"</u>", etree.XMLParser(huge_tree=True, **PARSER_OPTIONS))
    except etree.XMLSyntaxError as error:
        raise Fault(_CHANGED) from error
    told = {name: (root.findtext(path) or "").strip(XML_BLANKS) for name, path in _PLACES.items()}
    return Unit(**told, head=head, pieces=Slice(pieces, end - pieces), count=count)


def _read_back(text: str) -> str:
    return text if text.isalnum() else (etree.fromstring(leaf("t", text)).text or "").strip(XML_BLANKS)


def _committed(head: bytes, commitment: str) -> bytes:
    """The commitment number is another one, or gone; the market number beside it stays."""
    found = _REFERENCES.search(head)
    market = (found[1] or b"") if found is not None else b""
    number = optional("NumeroEngagement", commitment).encode()
    written = b"<Engagement>\n" + market + number + b"</Engagement>\n" if market or number else b""
    if found is not None:
        return _once(_REFERENCES, head, written)
    if not written:
        return head
    for before in _BEFORE_REFERENCES:
        place = head.find(before)
        if place >= 0:
            place += len(before)
            return head[:place] + written + head[place:]
    raise Fault(_CHANGED)


def _once(pattern: "re.Pattern[bytes]", head: bytes, written: bytes) -> bytes:
    """Put something in the one place where it stands."""
    changed, times = pattern.subn(lambda _: written, head)
    if times != 1:
        raise Fault(_CHANGED)
    return changed
