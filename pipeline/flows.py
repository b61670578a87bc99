"""The interface codes: one row each. Adding one code is one row; a code that is absent or not open is refused.

The name a partner gives to a flow announces one of them; the content decides which ones it can be.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


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
)
INTERFACES: Mapping[str, Interface] = MappingProxyType({row.code: row for row in _ROWS})


def open_codes() -> tuple[str, ...]:
    """The codes that a partner can drop today."""
    return tuple(row.code for row in _ROWS if row.is_open)


def candidates(syntax: Syntax) -> tuple[str, ...]:
    """The open codes that a document of this syntax can be."""
    return tuple(row.code for row in _ROWS if row.is_open and row.syntax is syntax)
