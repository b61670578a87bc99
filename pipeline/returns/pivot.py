"""The pivot (CPPFacturePivot, FEN0036A): the invoices of a flow as a recipient's system takes them (spec 02 section 4).

`unit` writes one invoice while it is read, attachments streamed; the shell later copies these units, unread, between
`begin` and `end` of the file of each receiver.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import BinaryIO

from pipeline.model import Invoice, Received
from pipeline.ports import Fault, Said
from pipeline.returns import pivot_invoice
from pipeline.returns.envelope import envelope
from pipeline.returns.markup import DECLARATION, escaped, leaf, optional
from pipeline.returns.pivot_attachments import Carried, PivotAttachment, attachments, zipped
from pipeline.terms import PivotLimits

__all__ = ["CLOSE_UNIT", "END", "PivotAttachment", "begin", "open_unit", "parts", "piece", "unit"]

VERSION = "V2_02"  # the text that the schema itself gives
CLOSE_UNIT = b"</CPPFacturePivotUnitaire>\n"
END = b"</CPPFactures>\n</CPPFacturePivot>\n"
ENVELOPE_BYTES = 1_024  # more than begin and END ever take
UNIT_TAGS_BYTES = 72


def unit(
    invoice: Invoice,
    opened: Sequence[PivotAttachment],
    received: Received,
    interface: str,
    document: bytes,
    member_name: str,
    sink: BinaryIO,
    *,
    is_to_be_mapped: bool = False,
) -> None:
    """Write what stands inside one CPPFacturePivotUnitaire. `document` is the file of the flow that holds the invoice.

    What does not fit is a fault: the rules refuse such an invoice, so only a changed severity can have let it in. One
    that `is_to_be_mapped` may have any recipient and service: it leaves with those that it is mapped to, or not at all.
    """
    unfit = tuple(bt for bt in pivot_invoice.unfit(invoice) if not (is_to_be_mapped and bt in pivot_invoice.MAPPED))
    if unfit:
        names = ", ".join(unfit)
        raise Fault(
            Said(
                f"aucun pivot ne peut porter {names} de {member_name} ; rendre leur gravité à ces règles "
                "(settings.toml, [severities])",
                f"no pivot holds the {names} of {member_name}: give their rules their severity back "
                "(settings.toml, [severities])",
            )
        )
    sink.write(pivot_invoice.header(invoice, received).encode())
    for rank, carried in enumerate(attachments(invoice, opened, interface, document, member_name), 1):
        for part in piece(rank, carried):
            sink.write(part)


def begin(name: str, day: date, receiver: str, ours: str, count: int) -> bytes:
    """The head of a pivot file of `count` invoices, up to the first unit."""
    opening = f'{DECLARATION}<CPPFacturePivot Version="{VERSION}">\n'
    return f'{opening}{envelope(name, day, receiver, ours)}<CPPFactures Compteur="{count}">\n'.encode()


def open_unit(rank: int) -> bytes:
    """The tag before the bytes of `unit`; `rank` counts inside the file, from 1. After them comes `CLOSE_UNIT`."""
    return f'<CPPFacturePivotUnitaire NumOrdre="{rank}">\n'.encode()


def parts(lengths: Sequence[int], limits: PivotLimits) -> tuple[range, ...]:
    """Cut the units of one receiver, in file order, into files within the limits; a unit above them is a file alone.

    >>> parts([400, 400, 400], PivotLimits(invoices_max=500, bytes_max=2_000))
    (range(0, 2), range(2, 3))
    """
    cuts = [0]
    size = ENVELOPE_BYTES
    for rank, length in enumerate(lengths):
        grown = size + length + UNIT_TAGS_BYTES
        if rank > cuts[-1] and (grown > limits.bytes_max or rank - cuts[-1] == limits.invoices_max):
            cuts.append(rank)
            grown = ENVELOPE_BYTES + length + UNIT_TAGS_BYTES
        size = grown
    cuts.append(len(lengths))
    return tuple(range(first, after) for first, after in pairwise(cuts) if after > first)


def piece(rank: int, carried: Carried) -> Iterator[bytes]:
    """One PJ, part by part."""
    yield f'<PJ NumOrdre="{rank}">\n<Contenu>'.encode()
    yield from zipped(carried.name, carried.content)
    tail = (
        "</Contenu>\n"
        + leaf("NomPJ", carried.name)
        + optional("NomPJOrigine", carried.original_name)
        + leaf("CategoriePJ", carried.category)
        + leaf("TypePJ", carried.type)
        + f"<MimeTypePJ>{escaped(carried.mime)}</MimeTypePJ>\n</PJ>\n"
    )
    yield tail.encode()
