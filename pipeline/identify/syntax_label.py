"""The label of a syntax, as a portal or an API offers it for a deposit. A dropped file carries none."""

from pipeline import codes
from pipeline.model import Finding, finding
from pipeline.terms import Terms


def label_finding(label: str, terms: Terms) -> Finding | None:
    """IDN-008: a syntax labelled B2B was offered by mistake (release V3.8.1); a deposit under it fails."""
    if "B2B" not in label.upper():
        return None
    return finding(terms, codes.IDN_008, "syntax name (API)", value=label, syntax=label)
