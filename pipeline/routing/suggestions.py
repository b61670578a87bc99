"""The services of a structure that look most like what an issuer wrote. Never used to route, only to advise."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import Decimal
from functools import lru_cache

from pipeline.model import Service

_NOT_WORD = re.compile(r"[^a-z0-9]+")
# They hold a French label together and say nothing about which service is meant.
_LEGAL_FORMS = {"sa", "sas", "sasu", "sarl", "eurl", "sci", "snc", "gie", "gip", "epic", "epa", "epci", "scop", "ste"}
_LINKS = {"et", "le", "la", "les", "l", "de", "du", "des", "d", "a", "au", "aux", "en", "pour", "par", "sur"}
_EMPTY_WORDS = frozenset(_LEGAL_FORMS | _LINKS)
_LABEL_SHOWN_MAX = 60
WRITTEN_CHARS_MAX = 200  # twice a service code: what is longer resembles nothing


@lru_cache(maxsize=65_536)
def plain(text: str) -> str:
    """A label without accents, case, punctuation, legal and linking words.

    >>> plain("Service des Factures de l'État (SARL)")
    'service factures etat'
    """
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    words = [w for w in _NOT_WORD.split(bare) if w]
    return " ".join([w for w in words if w not in _EMPTY_WORDS] or words)


@lru_cache(maxsize=65_536)  # the same wrong label stands in every invoice of a flow
def likeness(written: str, label: str) -> Decimal:
    """How much two labels resemble each other, 0 to 1, whatever the order of their words."""
    from rapidfuzz import fuzz

    a, b = plain(written[:WRITTEN_CHARS_MAX]), plain(label[:WRITTEN_CHARS_MAX])
    if not a or not b:
        return Decimal(0)
    return Decimal(round(max(fuzz.ratio(a, b), fuzz.token_sort_ratio(a, b)) * 100)) / 10_000


def best_likeness(written: str, services: Iterable[Service]) -> Decimal:
    return max((likeness(written, service.label) for service in services), default=Decimal(0))


def nearest(written: str, services: Iterable[Service], count: int) -> tuple[Service, ...]:
    """The nearest services: by label or code, whichever is nearer, then by label, then in the order of their codes."""

    def rank(service: Service) -> tuple[Decimal, Decimal, str]:
        by_label = likeness(written, service.label)
        return -max(by_label, likeness(written, service.code)), -by_label, service.code

    first: dict[str, Service] = {}
    for service in sorted(services, key=rank):
        first.setdefault(service.code, service)  # a code is advised once, under its nearest name
    return tuple(first.values())[:count]


def shown(services: Iterable[Service]) -> str:
    """`CODE (label); CODE (label)`, in the same words in every language; `-` for none."""
    return "; ".join(f"{s.code} ({_cut(s.label)})" if s.label else s.code for s in services) or "-"


def _cut(label: str) -> str:
    return label if len(label) <= _LABEL_SHOWN_MAX else label[: _LABEL_SHOWN_MAX - 1] + "…"
