"""Plain text for people: columns that align, paragraphs that fold at the width of the terminal. And lines of JSON.

Whatever a stranger wrote, nothing that is printed can move the cursor, turn the direction of a line or hide in it.
"""

import json
import shutil
import sys
import textwrap
import unicodedata
from collections.abc import Sequence
from typing import Any

LABEL_WIDTH = 14
_BLANKS = "\u00a0\u202f"  # between digits, and before French punctuation


def width() -> int:
    """Columns to write in: the terminal's, at most 110; 80 where there is no terminal."""
    return min(shutil.get_terminal_size((80, 24)).columns, 110) if sys.stdout.isatty() else 80


def shown(text: str) -> str:
    """Text of others for a terminal: control, bidirectional and other invisible characters as \\uNNNN."""
    return "".join(
        character
        if character == " " or not unicodedata.category(character).startswith(("C", "Z"))
        else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character if character in _BLANKS else f"\\u{ord(character):04x}"


def json_line(value: Any) -> str:
    """A value as JSON on one line; what `shown` would escape is escaped, as JSON allows anywhere in a text."""
    told = json.dumps(value, default=str, ensure_ascii=False)
    if told.isprintable():
        return told
    return "".join(c if c.isprintable() or c in _BLANKS else json.dumps(c)[1:-1] for c in told)


def columns(rows: Sequence[Sequence[str]], *, right: frozenset[int] = frozenset()) -> str:
    """A table with a line under its head; columns in `right` are aligned on the right."""
    widths = [max(len(str(row[rank])) for row in rows) for rank in range(len(rows[0]))]

    def line(row: Sequence[str]) -> str:
        cells = (
            str(cell).rjust(size) if rank in right else str(cell).ljust(size)
            for rank, (cell, size) in enumerate(zip(row, widths, strict=True))
        )
        return "  ".join(cells).rstrip()

    return "\n".join((line(rows[0]), "  ".join("-" * size for size in widths), *(line(row) for row in rows[1:])))


def paragraph(label: str, text: str, *, indent: int = 2) -> str:
    """A label and a folded text beside it."""
    head = " " * indent + label.ljust(LABEL_WIDTH)
    return textwrap.fill(
        text,
        width(),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,  # a command or a flow name stays whole
    )
