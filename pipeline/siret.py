"""The SIRET: its form, its check digit, and the one that all ministries share."""

import re
from functools import lru_cache

STATE = "11000201100044"  # one structure for all ministries: the service carries the routing (spec 05 section 3)
_SIRET = re.compile(r"[0-9]{14}", re.ASCII)


def is_siret(text: str) -> bool:
    """14 ASCII digits, right or wrong."""
    return _SIRET.fullmatch(text) is not None


@lru_cache(maxsize=4_096)  # parties come back: the full check costs 10 us
def has_right_key(siret: str) -> bool:
    """Luhn over SIREN and SIRET, and for La Poste her own key. Takes 14 ASCII digits: stdnum would tidy up first.

    >>> has_right_key("73282932000074"), has_right_key("73282932000075"), has_right_key("35600000049837")
    (True, False, True)
    """
    from stdnum.fr import siret as rule

    return bool(rule.is_valid(siret))
