"""What the contenders said of each document, and whether they agree."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.race.frames import BEFORE_HIT, BETWEEN_DOCUMENTS, BETWEEN_FIELDS, OK, Hit

# an id of ours for a report that the sheet names nowhere; other engines have no name for it
_UNNAMED = re.compile(r"[a-z0-9-]+#[0-9]*")  # the untouched sheet gives its reports no ordinal


_STEP = re.compile(r"/\*:([^\[]+)\[namespace-uri\(\)='[^']*'\]")
_SHORT = r"/\1"
_SHOWN_MAX = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`state` is `ok` with the hits, `refused` or `stopped`; empty before the contender saw the document."""

    state: str
    hits: frozenset[Hit] = frozenset()

    @property
    def is_complete(self) -> bool:
        return self.state == OK

    @property
    def rules(self) -> frozenset[str]:
        return frozenset(rule for rule, _, _ in self.hits)


def read(answer: str) -> list[Verdict]:
    return [_verdict(text) for text in answer.split(BETWEEN_DOCUMENTS)]


def usable(said: Mapping[str, Sequence[Verdict]], count: int) -> list[int]:
    """The ranks of the documents that every contender could take."""
    return [rank for rank in range(count) if all(verdicts[rank].is_complete for verdicts in said.values())]


def differences(
    said: Mapping[str, Sequence[Verdict]], documents: Sequence[int], rules_only: frozenset[str] = frozenset()
) -> list[str]:
    """One line per document and contender that differs from the first one. Those of `rules_only` tell no place that
    could be compared: of them the ids count.
    """
    if not said:
        return []
    first, *others = said
    found = []
    for rank in documents:
        one = said[first][rank]
        for name in others:
            other = said[name][rank]
            mine, theirs = (one.rules, other.rules) if name in rules_only else (one.hits, other.hits)
            if mine != theirs:
                alone = f"{_listed(mine - theirs)} by {first} only, {_listed(theirs - mine)} by {name} only"
                found.append(f"document {rank}: {alone}")
    return found


def _verdict(text: str) -> Verdict:
    state, *hits = text.split(BEFORE_HIT)
    return Verdict(state, frozenset(_hit(*hit.split(BETWEEN_FIELDS)) for hit in hits))


def _hit(rule: str, flag: str, location: str) -> Hit:
    return ("" if _UNNAMED.fullmatch(rule) else rule, flag, location)


def _listed(found: frozenset[Hit] | frozenset[str]) -> str:
    shown = sorted(one if isinstance(one, str) else _told(one) for one in found)
    more = f" and {len(shown) - _SHOWN_MAX} more" if len(shown) > _SHOWN_MAX else ""
    return (", ".join(shown[:_SHOWN_MAX]) or "nothing") + more


def _told(hit: Hit) -> str:
    rule, _, location = hit
    return f"{rule or '(no id)'} at {_STEP.sub(_SHORT, location)}"
