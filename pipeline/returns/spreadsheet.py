"""Texts of strangers in a table that a person opens in a spreadsheet."""

import re

from pipeline.returns.message import PROSE_MAX, display

BOM = "\ufeff"  # without it the usual spreadsheet reads another encoding
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")  # the wide ones count in spreadsheets of East Asia
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> cell("=1+1"), cell("F-1")
    ("'=1+1", 'F-1')
    """
    safe = display(text, PROSE_MAX)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe


def decimal(text: str) -> str:
    """An amount with a decimal comma, as a French spreadsheet reads numbers; anything else is guarded as a text.

    >>> decimal("-1200.50"), decimal("1e3"), decimal("-A1")
    ('-1200,50', '1e3', "'-A1")
    """
    return text.replace(".", ",") if _NUMBER.fullmatch(text) else cell(text)


def unguarded(cell: str) -> str:
    """What stood in a cell before it was guarded.

    >>> unguarded("'=1+1"), unguarded("'l'heure")
    ('=1+1', "'l'heure")
    """
    return cell[1:] if cell.startswith("'") and cell[1:].lstrip().startswith(_FORMULA) else cell
