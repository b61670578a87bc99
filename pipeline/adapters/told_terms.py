"""Terms on their way to a reader: the same text for flow after flow, written once and read once.

They are most of what a request says, and change with the partner only.
"""

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, TypeAdapter

from pipeline.terms import Terms

_JSON = TypeAdapter(Terms)
_PARTNERS = 16  # that a reader meets in turn


class _Written:
    """The terms written last. They hold mappings, so they are known by what they are, not by what they say."""

    def __init__(self) -> None:
        self._last: tuple[Terms, str] | None = None

    def __call__(self, terms: Terms) -> str:
        last = self._last
        if last is None or last[0] is not terms:
            last = self._last = terms, _JSON.dump_json(terms).decode()
        return last[1]


@lru_cache(_PARTNERS)
def _read(text: str) -> Terms:
    return _JSON.validate_json(text)


def _terms(given: Any) -> Any:
    return _read(given) if isinstance(given, str) else given


ToldTerms = Annotated[Terms, BeforeValidator(_terms), PlainSerializer(_Written(), return_type=str)]
