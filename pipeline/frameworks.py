"""Invoicing frameworks (cadres de facturation, BT-23): who deposits what, in which circuit, and which flows take it.

One row per code. Sources: CPPFacturePivot V2_02 (codes), works guide 2022 (labels), release note V3.8.1 (works flows).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Framework:
    """Cadre de facturation: A1 is an ordinary invoice; `validator` is who must have agreed before."""

    code: str
    depositor: str
    document: str
    circuit: str
    next_party: str
    validator_mandatory: str  # yes (FRM-007 refuses without it), expected (WRK-003 warns), no
    validator: str
    in_e1_list: bool  # listed for EDI suppliers of ordinary flows by one vendor; else FRM-004 warns there
    is_works: bool
    is_open: bool


_ROWS = (
    Framework("A1", "supplier", "invoice", "simple", "recipient", "no", "", True, False, True),
    Framework("A2", "supplier", "invoice already paid", "simple", "recipient", "no", "", True, False, True),
    Framework("A3", "supplier", "justice costs claim", "justice", "State", "no", "", False, False, True),
    Framework("A4", "supplier", "draft monthly statement", "works", "MOE", "no", "", True, True, True),
    Framework("A5", "supplier", "interim payment statement", "works", "MOA", "no", "", False, True, True),
    Framework(
        "A6",
        "supplier",
        "validated interim statement",
        "works, payable",
        "financial service",
        "no",
        "",
        False,
        True,
        True,
    ),
    Framework("A7", "supplier", "draft final statement", "works", "MOE", "no", "", True, True, True),
    Framework(
        "A8",
        "supplier",
        "signed general and final statement",
        "works, payable",
        "financial service",
        "no",
        "",
        True,
        True,
        True,
    ),
    Framework(
        "A9", "subcontractor", "invoice or payment claim", "simple", "recipient", "yes", "holder", True, False, True
    ),
    Framework(
        "A10",
        "subcontractor",
        "payment claim, works",
        "works",
        "holder, then MOE",
        "expected",
        "holder",
        True,
        True,
        True,
    ),
    Framework("A11", "subcontractor", "draft final statement", "works", "", "no", "", False, False, False),
    Framework(
        "A12", "joint contractor", "invoice", "simple", "recipient", "yes", "agent of the group", True, False, True
    ),
    Framework(
        "A13",
        "joint contractor",
        "draft monthly statement",
        "works",
        "agent, then MOE",
        "expected",
        "agent of the group",
        True,
        True,
        True,
    ),
    Framework(
        "A14",
        "joint contractor",
        "draft final statement",
        "works",
        "agent, then MOE",
        "expected",
        "agent of the group",
        True,
        True,
        True,
    ),
    Framework("A15", "MOE", "interim payment statement", "works", "MOA", "no", "", False, True, True),
    Framework(
        "A16", "MOE", "validated interim payment statement", "works", "financial service", "no", "", False, True, True
    ),
    Framework("A17", "MOE", "draft general statement", "works", "MOA", "no", "", False, True, True),
    Framework("A18", "MOE", "general statement", "works", "supplier", "no", "", False, True, True),
    Framework("A19", "MOA", "validated interim statement", "works", "financial service", "no", "", False, True, True),
    Framework("A20", "MOA", "general statement", "works", "supplier", "no", "", False, True, True),
    Framework(
        "A21",
        "beneficiary",
        "refund of the TIC tax",
        "tax refund",
        "public finance department",
        "no",
        "",
        False,
        False,
        False,
    ),
    Framework(
        "A22",
        "supplier or agent",
        "tacit draft general statement",
        "works, tacit",
        "MOA and MOE",
        "no",
        "",
        True,
        True,
        True,
    ),
    Framework(
        "A23",
        "supplier or agent",
        "tacit general and final statement",
        "works, tacit, payable",
        "financial service",
        "no",
        "",
        False,
        True,
        True,
    ),
    Framework(
        "A24",
        "MOE",
        "tacit general and final statement",
        "works, tacit, payable",
        "financial service",
        "no",
        "",
        False,
        True,
        True,
    ),
    Framework(
        "A25",
        "MOA",
        "tacit general and final statement",
        "works, tacit",
        "financial service",
        "no",
        "",
        False,
        True,
        True,
    ),
    Framework("A26", "", "", "unknown", "", "no", "", False, False, False),
    Framework("A27", "", "", "unknown", "", "no", "", False, False, False),
)
FRAMEWORKS: Mapping[str, Framework] = MappingProxyType({row.code: row for row in _ROWS})
DEFAULT = "A1"


def is_works(code: str) -> bool:
    """A works document (A4 to A8, A10, A13 to A20, A22 to A25): the only ones that flows 113x take."""
    row = FRAMEWORKS.get(code)
    return row is not None and row.is_works
