"""Texts of strangers in a table that a person opens in a spreadsheet."""

from pipeline.returns.message import PROSE_MAX, display

BOM = "\ufeff"  # without it the usual spreadsheet reads another encoding
_FORMULA = ("=", "+", "-", "@")


def cell(text: str) -> str:
    """A text that no spreadsheet takes for a formula.

    >>> cell("=1+1"), cell("F-1")
    ("'=1+1", 'F-1')
    """
    safe = display(text, PROSE_MAX)
    return f"'{safe}" if safe.lstrip().startswith(_FORMULA) else safe
