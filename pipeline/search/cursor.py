"""How far a page went, as an opaque text that belongs to one question.

It is no secret and gives no right: the check digits refuse what was cut, mistyped, or made by another question, so that
nobody reads on in an answer that is not theirs without noticing.
"""

import base64
import binascii
import hashlib
import struct
from typing import NamedTuple

from pipeline.ports import Said
from pipeline.search.criteria import BadCriterion
from pipeline.search.query import Query

_FORMAT = 1
_PACKED = struct.Struct(">BQI")
_CHECK_BYTES = 6
_ID_MAX, _RANK_MAX = 2**63 - 1, 2**31 - 1  # what the columns of both engines hold


class Position(NamedTuple):
    """The last invoice of a page; the next page begins after it."""

    deposit_id: int
    rank: int


def cursor(query: Query, at: Position) -> str:
    """
    >>> position(Query(partner="ABC001"), cursor(Query(partner="ABC001"), Position(7, 3)))
    Position(deposit_id=7, rank=3)
    """
    told = _PACKED.pack(_FORMAT, *at)
    asked = query.canonical.encode("utf-8", "backslashreplace")
    check = hashlib.blake2b(told + asked, digest_size=_CHECK_BYTES).digest()
    return base64.urlsafe_b64encode(told + check).rstrip(b"=").decode("ascii")


def position(query: Query, text: str) -> Position:
    """Where a cursor of this question points; raises `BadCriterion` for any other text."""
    given = text.strip()
    try:
        found = base64.b64decode(given.encode("ascii") + b"==", altchars=b"-_", validate=True)
        _, deposit_id, rank = _PACKED.unpack(found[: _PACKED.size])
    except (UnicodeEncodeError, binascii.Error, struct.error) as error:
        raise BadCriterion(_NOT_OURS) from error
    if deposit_id > _ID_MAX or rank > _RANK_MAX or cursor(query, Position(deposit_id, rank)) != given:
        raise BadCriterion(_NOT_OURS)
    return Position(deposit_id, rank)


_NOT_OURS = Said(
    "--after : ce curseur n'est pas celui de cette recherche ; le reprendre tel quel, avec les mêmes critères",
    "--after: this cursor is not one of this search; take it as it was given, with the same criteria",
)
