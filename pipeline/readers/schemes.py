"""Identifier types: which legacy type, 1 to 7, a scheme says (spec 03-mapping section 4), and which identifier wins.

A SIREN is nine digits and names a company, a SIRET fourteen and one of its places; Chorus Pro wants the SIRET.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from pipeline.values import Text

SIRET = "1"
SIREN_SCHEME = "0002"
SIRET_SCHEME = "0009"
SERVICE_SCHEME = "0224"  # a routing code: names a service of the recipient, not the recipient
CREDITOR_SCHEME = "SEPA"  # the bank's reference of a creditor (BT-90)
LEGACY_TYPES = frozenset("1234567")
_TYPE_OF_SCHEME = {
    **{type_: type_ for type_ in LEGACY_TYPES},
    "ETR": "3",
    "RIDET": "4",
    "0009": SIRET,
    "0223": "2",
    "0227": "3",
    "0228": "4",
    "0229": "5",
    "0226": "7",
}
REFORM_SCHEMES = frozenset({"0009", "0223", "0226", "0227", "0228", "0229"})
_FOURTEEN = re.compile(r"[0-9]{14}", re.ASCII)
_NINE = re.compile(r"[0-9]{9}", re.ASCII)


class Given(NamedTuple):
    """An identifier as a document gives it."""

    id: Text
    scheme: Text | None  # what the document says it is
    is_legacy_scheme: bool = False  # UBL: said in @schemeName, the AIFE way
    is_legal: bool = False  # from the home of the legal registration (BT-30, BT-47)

    @property
    def scheme_text(self) -> str:
        return "" if self.scheme is None else self.scheme.text

    @property
    def is_siret(self) -> bool:
        """Fourteen digits, under a scheme that does not say otherwise."""
        return is_fourteen_digits(self.id.text) and self.scheme_text in {"", SIRET, SIREN_SCHEME, SIRET_SCHEME}

    @property
    def is_siren(self) -> bool:
        """Nine digits that a SIREN may be: said so, or said to be nothing else."""
        return is_nine_digits(self.id.text) and self.scheme_text in {"", SIRET, SIREN_SCHEME, SIRET_SCHEME}

    @property
    def type(self) -> str:
        """The legacy type, "" where the scheme is unknown or absent and the form is neither SIRET nor SIREN.

        Under 0002 stands one of the two, well formed or not: PTY-003 then says what is wrong with it.
        """
        if self.is_siret or self.is_siren or self.scheme_text == SIREN_SCHEME:
            return SIRET
        return _TYPE_OF_SCHEME.get(self.scheme_text, "")


def is_fourteen_digits(text: str) -> bool:
    return _FOURTEEN.fullmatch(text) is not None


def is_nine_digits(text: str) -> bool:
    return _NINE.fullmatch(text) is not None


def siren_beside(chosen: Given | None, given: Iterable[Given]) -> Text | None:
    """The SIREN given beside a SIRET, which has to begin with it (PTY-016).

    Nine digits that nothing says to be a SIREN may be a customer account: they are left alone.
    """
    if chosen is None or not chosen.is_siret:
        return None
    said = (one for one in given if one.is_siren and (one.scheme_text == SIREN_SCHEME or one.is_legal))
    return next((one.id for one in said), None)
