"""The interface codes: one row each. Adding one code is one row; a code that is absent or not open is refused.

The name a partner gives to a flow announces one of them; the content decides which ones it can be.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from pipeline.model import Lane

STATUS_FILE = "IN_CDV_CPP_STATUT"  # what a status file is taken under: the number of its interface is not published


class Syntax(StrEnum):
    """What a document is written in, by its root element and namespace."""

    UBL = "ubl"
    CII = "cii"
    MIXED = "mixed"  # CPPFactureMixte
    FACTURX = "facturx"  # a PDF that embeds a CII document


@dataclass(frozen=True, slots=True)
class Interface:
    """Code interface: FSO1100A and its like."""

    code: str
    type: str  # E1 structured, E2 mixed, E3 justice costs, E4 structured works, E5 mixed works
    syntax: Syntax | None  # None where no source tells
    is_open: bool
    works_only: bool
    twin: str  # the ordinary flow of which a works flow is the copy
    state: str
    successor: str  # of a withdrawn code (IDN-004)
    lane: Lane = Lane.INVOICES

    @property
    def by_subscription(self) -> bool:
        """Files of ours: taken only where the sheet of a partner names the code (FLW-013 elsewhere)."""
        return self.lane is not Lane.INVOICES

    @property
    def can_be_dropped(self) -> bool:
        """By somebody, today."""
        return self.is_open or self.by_subscription

    @property
    def digits(self) -> str:
        return self.code[3:7]

    @property
    def is_structured(self) -> bool:
        """The XML alone carries the invoice (E1, E3, E4)."""
        return self.type in {"E1", "E3", "E4"}


_ROWS = (
    Interface("FSO1100A", "E1", Syntax.UBL, True, False, "", "active; works accepted", ""),
    Interface("FSO1101A", "E1", None, False, False, "", "replaced by FSO1106A", "FSO1106A"),
    Interface("FSO1102A", "E1", None, False, False, "", "removed in annex V4.20", "FSO1100A"),
    Interface("FSO1106A", "E1", Syntax.CII, True, False, "", "active", ""),
    Interface("FSO1110A", "E2", Syntax.UBL, True, False, "", "active; works accepted", ""),
    Interface("FSO1111A", "E2", None, False, False, "", "replaced by FSO1116A", "FSO1116A"),
    Interface("FSO1112A", "E2", None, False, False, "", "removed in annex V4.21", "FSO1110A"),
    Interface("FSO1113A", "E2", Syntax.MIXED, True, False, "", "active (schema V1.14 seen)", ""),
    Interface("FSO1116A", "E2", Syntax.CII, True, False, "", "active", ""),
    Interface("FSO1117A", "E2", Syntax.FACTURX, True, False, "", "active; works accepted", ""),
    Interface("FSO1120A", "E3", Syntax.UBL, True, False, "", "existed in 2017", ""),
    Interface("FSO1130A", "E4", Syntax.UBL, True, True, "FSO1100A", "active since February 2024", ""),
    Interface("FSO1131A", "E5", Syntax.UBL, True, True, "FSO1110A", "active since February 2024", ""),
    Interface("FSO1137A", "E5", Syntax.FACTURX, True, True, "FSO1117A", "active since February 2024", ""),
    Interface("ACT9001A", "action", None, False, False, "", "ours", "", Lane.ACTIONS),
    Interface("CTL9002A", "control", None, False, False, "", "ours", "", Lane.CONTROL),
)
INTERFACES: Mapping[str, Interface] = MappingProxyType({row.code: row for row in _ROWS})


def open_codes() -> tuple[str, ...]:
    """The codes that a partner can drop today, unless its sheet names others."""
    return tuple(row.code for row in _ROWS if row.is_open)


def is_subscribed(code: str, named: Collection[str]) -> bool:
    """A sheet that names these codes takes this one. What it says of files of ours closes no code of invoices.

    >>> is_subscribed("FSO1100A", ()), is_subscribed("FSO1100A", ("ACT9001A",)), is_subscribed("ACT9001A", ())
    (True, True, False)
    >>> is_subscribed("FSO1100A", ("FSO1117A",)), is_subscribed("ACT9001A", ("ACT9001A",))
    (False, True)
    """
    row = INTERFACES.get(code)
    if row is None or not row.can_be_dropped or code in named:
        return True  # what nobody can drop is FLW-002 or IDN-004
    return not row.by_subscription and not any(name in INTERFACES and INTERFACES[name].is_open for name in named)


def candidates(syntax: Syntax) -> tuple[str, ...]:
    """The open codes that a document of this syntax can be."""
    return tuple(row.code for row in _ROWS if row.is_open and row.syntax is syntax)
