"""Reads back what we wrote: reports, lifecycle returns and pivots of the store, where the ledger has lost their rows.

Bytes in the store are no proof by themselves, a partner may drop a file that looks like ours: what is read here counts
only where its name follows from what it tells, and the shell compares it with what it judges again.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime

from lxml import etree

from pipeline.model import FlowState, Received
from pipeline.readers import safe_xml
from pipeline.returns import message, names
from pipeline.returns.markup import DECLARATION
from pipeline.returns.place import invoice_named
from pipeline.returns.report_rows import FUNCTIONAL, PENDING, TECHNICAL, WARNING
from pipeline.returns.spreadsheet import BOM
from pipeline.terms import Terms

HEAD_BYTES = 4_096  # the envelope stands in them
STATUS, PIVOT, REJECTS, OTHER = "status", "pivot", "rejects", ""
_PIVOT_ID = re.compile(rb"<Code>IdFlx</Code>\n<Valeurparametre>([A-Z0-9]{25})</Valeurparametre>")
_NOTE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
_RULE = re.compile(r"\[([A-Za-z0-9_.-]+)\]", re.ASCII)
_SHOWN = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})", re.ASCII)
_CODE_CHARS = 6
_UNREADABLE = "0000"  # the flow name announced nothing
_TERMS = Terms()
_OPENING = DECLARATION.encode()


@dataclass(frozen=True, slots=True)
class LineTold:
    """One line of a report: its nature, the rule it names, and the description, which begins with the invoice."""

    nature: str
    rule: str
    description: str

    def is_of(self, number: str, supplier: str, recipient: str) -> bool:
        """It is about this invoice, in either language."""
        return any(
            self.description.startswith(f"{invoice_named(number, supplier, recipient, lang)}.")
            for lang in (message.FRENCH, message.ENGLISH)
        )


@dataclass(frozen=True, slots=True)
class ReportTold:
    """What an integration report says, and the name under which it was sent."""

    name: str
    received: Received  # its size unknown, its moment to the second
    announced: str
    state: FlowState
    lines: tuple[LineTold, ...]
    comment: str = ""  # how many invoices became what
    count: int = 0  # of its lines, those that say how many were left out as well


@dataclass(frozen=True, slots=True)
class StatusTold:
    """One entry of a lifecycle return."""

    supplier_type: str
    supplier: str
    number: str
    issued: date | None
    status: int
    when: datetime
    comment: str


@dataclass(frozen=True, slots=True)
class ReturnTold:
    """A lifecycle return, and the name under which it was sent."""

    name: str
    partner: str
    entries: tuple[StatusTold, ...]


def kind_of(head: bytes) -> str:
    """What an object of the store looks like, by its first bytes."""
    if head.startswith(BOM.encode()):
        return REJECTS
    if not head.startswith(_OPENING):
        return OTHER
    root = head[len(_OPENING) :]
    return STATUS if root.startswith(b"<CPPStatut ") else PIVOT if root.startswith(b"<CPPFacturePivot ") else OTHER


def pivot_name(head: bytes, receiver: str) -> str:
    """The name of a pivot in the store of this receiver; empty where it tells none."""
    found = _PIVOT_ID.search(head)
    return f"{names.PIVOT}_{receiver}_{found[1].decode()}" if found else ""


def report(document: bytes) -> ReportTold | None:
    """A report of ours; None where it is none, or tells another name than it should have."""
    root = _root(document)
    status = root.find("CPPFluxStatuts/CPPFluxStatutUnitaire/DonneesStatut") if root is not None else None
    if root is None or status is None:
        return None
    flow_id, partner = _flow_id(root), _text(root, ".//Partenaires/Recepteur/Id")
    note, at = _NOTE.fullmatch(_text(status, "Note")), _moment(_text(status, "Horodatage"))
    state = _text(status, "ComplementStatut")
    if note is None or at is None or state not in set(FlowState):
        return None
    ours, digits = flow_id[:_CODE_CHARS], flow_id[_CODE_CHARS : _CODE_CHARS + 4]
    announced = f"FSO{digits}A" if digits != _UNREADABLE else ""
    for flow_name in _names(_text(status, "IdFlux")):
        received = Received(partner, flow_name, note[1], 0, at)
        name = names.report_name(received, announced, ours)
        if name.endswith(flow_id):
            return ReportTold(
                name, received, announced, FlowState(state), tuple(_lines(status)), _text(status, "Commentaire"),
                len(status.findall("Details/LigneErreurDetail")),
            )  # fmt: skip
    return None


def lifecycle_return(document: bytes) -> ReturnTold | None:
    """A lifecycle return of ours; None where it is none. Its name is compared by whoever knows the flow."""
    root = _root(document)
    units = root.findall("CPPFactureStatuts/CPPFactureStatutUnitaire") if root is not None else []
    if root is None or not units:
        return None
    partner = _text(root, ".//Partenaires/Recepteur/Id")
    entries = []
    for unit in units:
        at = _moment(_text(unit, "DonneesStatut/Horodatage"))
        status = _text(unit, "DonneesStatut/IdStatut")
        if at is None or not (status.isascii() and status.isdigit()):
            return None
        entries.append(
            StatusTold(
                _text(unit, "Fournisseur/TypeIdentifiant"), _text(unit, "Fournisseur/Identifiant"),
                _text(unit, "DonneesStatut/IdFacture"), _day(_text(unit, "DonneesStatut/DateFacture")), int(status), at,
                _text(unit, "DonneesStatut/Commentaire"),
            )
        )  # fmt: skip
    return ReturnTold(f"{names.LIFECYCLE}_{partner}_{_flow_id(root)}", partner, tuple(entries))


# --- the file ---------------------------------------------------------------------------------------------------------


def _root(document: bytes) -> etree._Element | None:
    if not document.startswith(_OPENING):
        return None
    tree = safe_xml.parse(document, "", _TERMS).tree
    root = tree.getroot() if tree is not None else None
    return root if root is not None and root.tag == "CPPStatut" else None


def _flow_id(root: etree._Element) -> str:
    for parameter in root.iterfind(".//Parametres/ParametreIndiv"):
        if _text(parameter, "Code") == "IdFlx":
            return _text(parameter, "Valeurparametre")
    return ""


def _lines(status: etree._Element) -> Iterator[LineTold]:
    for line in status.iterfind("Details/LigneErreurDetail"):
        rule = _RULE.match(_text(line, "LibelleErreur"))
        nature = _text(line, "NatureErreur")
        if rule is not None and nature in {TECHNICAL, FUNCTIONAL, WARNING, PENDING}:
            yield LineTold(nature, rule[1], _text(line, "DescriptionErreur"))


def _names(shown: str) -> Iterator[str]:
    """The flow names that a report would show so: as it stands, and with what XML cannot carry put back."""
    yield shown
    if "\\" in shown:
        yield _SHOWN.sub(lambda found: chr(int(found[1] or found[2], 16)), shown)


def _text(node: etree._Element, path: str) -> str:
    return node.findtext(path) or ""


def _moment(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo is not None else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None
