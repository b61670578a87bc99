"""Texts of a hostile file, made fit for a report."""

import re

_NOT_SHOWN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def shown(text: str, chars_max: int = 200) -> str:
    """A text cut to `chars_max`; a character that XML or a terminal cannot carry becomes `\\xNN`.

    >>> print(shown("facture" + chr(0) + ".pdf"), shown("abcdef", 4))
    facture\\x00.pdf abc…
    """
    cut = text if len(text) <= chars_max else f"{text[: chars_max - 1]}…"
    return _NOT_SHOWN.sub(lambda match: f"\\x{ord(match[0]):02x}", cut)
