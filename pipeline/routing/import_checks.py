"""What a directory may not contain (Annexe 7 G1.83 to G1.97 and G1.112 to G1.115, as spec 05 section 5 restates them).

These are remarks on the import, never findings on an invoice: a directory with odd rows is taken.
"""

import re
from collections.abc import Iterator
from datetime import date

from pipeline.ports import Said

Period = tuple[date | None, date | None]
CODE_CHARS_MAX = 100
_RESERVED = frozenset({"9997", "9998", "9999"})  # emission, the PPF itself, reception: never routing codes
_ALLOWED = re.compile(r"[A-Za-z0-9 _+/-]+", re.ASCII)


def of_code(code: str) -> Iterator[Said]:
    """What is odd about the code of a service."""
    if code in _RESERVED:
        yield Said("code réservé, jamais un code de service", "reserved code, never a service code")
    if len(code) > CODE_CHARS_MAX:
        yield Said(f"plus de {CODE_CHARS_MAX} caractères", f"more than {CODE_CHARS_MAX} characters")
    if _ALLOWED.fullmatch(code) is None:
        yield Said(
            "caractères autres que lettres, chiffres, blanc et - _ + /",
            "characters beyond letters, digits, blank and - _ + /",
        )


def overlap(one: Period, other: Period) -> bool:
    """Whether two periods share a day, both ends included; no start is for ever before, no end for ever after."""
    starts_in_time = one[0] is None or other[1] is None or one[0] <= other[1]
    return starts_in_time and (other[0] is None or one[1] is None or other[0] <= one[1])
