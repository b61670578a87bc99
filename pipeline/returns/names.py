"""Names of the files we write: pure functions of what each file tells (spec 02 section 3.2).

No counter is kept: it would tell one partner the volume of the others, and a retry would write a second file.
"""

import hashlib
import re
import string

from pipeline.model import Received

LIFECYCLE = "FEN1201A"
PIVOT = "FEN0036A"
_FLOW_ID_CHARS, _CODE_CHARS = 25, 6  # at the end of a name: our code, four digits, fifteen of the digest
_DIGITS = string.digits + string.ascii_uppercase
_CODE = re.compile(r"[A-Z]{3}([0-9]{4})[A-Z]", re.ASCII)


def report_name(received: Received, announced: str, ours: str) -> str:
    """The integration report (CSO) of one deposit; `announced` is the interface code of its name, readable or not."""
    match = _CODE.fullmatch(announced)
    digits = match[1] if match else "0000"
    sequence = _sequence("CSO", received.partner, received.partner, received.name, received.sha256)
    return f"CSO{digits}A_{received.partner}_{ours}{digits}{sequence}"


def lifecycle_name(received: Received, ours: str) -> str:
    """The lifecycle return that tells 01, 02 and 03 of the invoices of one flow."""
    sequence = _sequence(LIFECYCLE, received.partner, received.partner, received.name, received.sha256)
    return f"{LIFECYCLE}_{received.partner}_{ours}1201{sequence}"


def pivot_name(received: Received, receiver: str, ours: str, part: int = 1) -> str:
    """The invoices of one flow for one receiver; from the second part on the part number joins the hashed text."""
    sequence = _sequence(PIVOT, received.partner, receiver, received.name, received.sha256, part=part)
    return f"{PIVOT}_{receiver}_{ours}0036{sequence}"


def transition_id(partner: str, flow_name: str, rank: int, sequence: int) -> str:
    """The natural id of one change of status of one invoice."""
    return f"{partner}|{flow_name}|{rank}|{sequence}"


def later_lifecycle_name(partner: str, first: str, last: str, ours: str) -> str:
    """A lifecycle return of what changed later, from transition id `first` to transition id `last`."""
    return f"{LIFECYCLE}_{partner}_{ours}1201{_sequence(LIFECYCLE, partner, partner, first, last)}"


def ours_of(name: str) -> str:
    """Our application code as it was when a file got this name.

    >>> ours_of("FEN1201A_ABC001_CPP0011201ABCDEFGHIJKLMNO")
    'CPP001'
    """
    return name[-_FLOW_ID_CHARS:][:_CODE_CHARS]


def later_pivot_name(partner: str, receiver: str, first: str, last: str, ours: str, part: int = 1) -> str:
    """The pivot of invoices that were decided after the report of their flow."""
    return f"{PIVOT}_{receiver}_{ours}0036{_sequence(PIVOT, partner, receiver, first, last, part=part)}"


def _sequence(kind: str, partner: str, receiver: str, first: str, last: str, *, part: int = 1) -> str:
    told = [kind, partner, receiver, first, last]
    if part > 1:
        told.append(str(part))
    digest = hashlib.sha256("|".join(told).encode("utf-8", "backslashreplace")).digest()
    return _base36(int.from_bytes(digest))[:15]


def _base36(number: int) -> str:
    """50 digits hold every SHA-256.

    >>> _base36(36 * 36 + 35)[-4:]
    '010Z'
    """
    digits = []
    for _ in range(50):
        number, digit = divmod(number, 36)
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
