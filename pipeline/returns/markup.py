"""XML written as text: the same values give the same bytes, element by element, one per line.

A text that XML cannot carry is shown, never dropped: `\\xNN` as in a flow name.
"""

import re
from collections.abc import Iterable

DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
# What XML 1.0 cannot carry, and what a parser would change: a carriage return, a line end or tab of an attribute.
_UNSAFE = re.compile(r"[&<>\"\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def shown(character: str) -> str:
    """Show one character that cannot stand in a file or would mislead its reader.

    >>> shown(chr(0)), shown(chr(0x202E))
    ('\\\\x00', '\\\\u202e')
    """
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def escaped(text: str) -> str:
    """Make a text fit for an element or an attribute."""
    if _UNSAFE.search(text) is None:  # nearly every text: half the cost of a replacement that replaces nothing
        return text
    return _UNSAFE.sub(lambda match: _ENTITIES.get(match[0]) or shown(match[0]), text)


def leaf(name: str, text: str, **attributes: str) -> str:
    """An element that holds a text."""
    return f"<{name}{_written(attributes) if attributes else ''}>{escaped(text)}</{name}>\n"


def optional(name: str, text: str) -> str:
    """An element that is left out where there is nothing to say."""
    return leaf(name, text) if text else ""


def node(name: str, *children: str, **attributes: str) -> str:
    """An element that holds elements."""
    return f"<{name}{_written(attributes) if attributes else ''}>\n{''.join(children)}</{name}>\n"


def block(name: str, children: Iterable[str]) -> str:
    """An element that is left out where it would hold nothing."""
    inside = "".join(children)
    return f"<{name}>\n{inside}</{name}>\n" if inside else ""


def _written(attributes: dict[str, str]) -> str:
    return "".join(f' {name}="{escaped(value)}"' for name, value in attributes.items())
