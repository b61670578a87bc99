"""The measuring of one race: start, warm, agree on the documents, then pass after pass."""

import math
import random
import statistics
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from bench.race.contenders import OURS, Contender, Race
from bench.race.documents import Corpus
from bench.race.entrant import Ended, Entrant, Took
from bench.race.verdicts import Verdict, differences, usable

PASSES_MIN = 9
Tell = Callable[[str], None]


@dataclass
class Ran:
    """What a contender did. `missing` says why it did nothing, or did not get to the end."""

    contender: Contender
    versions: str = ""
    missing: str = ""
    warmed_by: int = 0  # documents
    passes: list[Took] = field(default_factory=list)
    hits: int = 0
    peak_mb: float = 0.0

    @property
    def has_run(self) -> bool:
        return bool(self.passes)

    def cpu_ms(self) -> list[float]:
        return [took.cpu_ms for took in self.passes]

    def wall_ms(self) -> list[float]:
        return [took.wall_ms for took in self.passes]


@dataclass
class Outcome:
    """One race, run."""

    race: Race
    corpus: Corpus
    ran: list[Ran]
    left_out: int = 0  # documents that an engine could not take
    compared: int = 0
    differences: list[str] = field(default_factory=list)

    def of(self, key: str) -> Ran | None:
        return next((one for one in self.ran if one.contender.key == key and one.has_run), None)


@dataclass(frozen=True, slots=True)
class Ratio:
    """The median of the ratios of the passes, with the smallest and the largest."""

    median: float
    least: float
    most: float


def ratio(other: Sequence[float], one: Sequence[float]) -> Ratio:
    """How many times `one` the `other` took, pass by pass: what two passes of the same minute took is compared."""
    every = [theirs / ours for theirs, ours in zip(other, one, strict=True)]
    return Ratio(statistics.median(every), min(every), max(every))


def hold(race: Race, contenders: Sequence[Contender], corpus: Corpus, passes: int, core: int, tell: Tell) -> Outcome:
    """Run the race on this core. A contender that cannot start, or that ends, stands in the outcome with its reason."""
    if passes < PASSES_MIN:
        raise ValueError(f"{passes} passes; a median needs {PASSES_MIN}")
    ran = [Ran(contender, missing=contender.missing) for contender in contenders]
    outcome = Outcome(race, corpus, ran)
    with ExitStack() as stack:
        entrants = {}
        for one in ran:
            if not one.missing:
                tell(f"{race.key}: {one.contender.title}: start and warm")
                entrant = stack.enter_context(Entrant(one.contender, core))
                if _attempt(one, _warm, one, entrant, corpus):
                    entrants[one.contender.key] = entrant
        said = {key: entrant.verdicts() for key, entrant in entrants.items()}
        equal = _of_equal_scope(ran, said)
        chosen = usable(equal, len(corpus.documents))
        outcome.left_out = len(corpus.documents) - len(chosen)
        outcome.compared = len(equal)
        told_alone = frozenset(one.contender.key for one in ran if one.contender.tells_rules_only)
        outcome.differences = differences(equal, chosen, told_alone)
        if not chosen:
            raise SystemExit(f"{race.key}: no document is left that every engine can take")
        _measure(outcome, entrants, chosen, passes, tell)
        for one in ran:
            if one.has_run:
                one.hits = sum(len(said[one.contender.key][rank].hits) for rank in chosen)
                one.peak_mb = entrants[one.contender.key].peak_mb()
    return outcome


def _warm(one: Ran, entrant: Entrant, corpus: Corpus) -> None:
    one.versions = entrant.ready()
    entrant.keep(corpus.documents)
    for _ in range(math.ceil(one.contender.warm_documents / len(corpus.documents))):
        entrant.run(range(len(corpus.documents)))
        one.warmed_by += len(corpus.documents)


def _measure(outcome: Outcome, entrants: dict[str, Entrant], chosen: Sequence[int], passes: int, tell: Tell) -> None:
    order = random.Random(1)
    by_key = {one.contender.key: one for one in outcome.ran}
    for rank in range(1, passes + 1):
        tell(f"{outcome.race.key}: pass {rank} of {passes}")
        documents = order.sample(list(chosen), len(chosen))
        for key in order.sample(sorted(entrants), len(entrants)):
            one = by_key[key]
            if not one.missing:
                _attempt(one, _pass, one, entrants[key], documents)


def _pass(one: Ran, entrant: Entrant, documents: Sequence[int]) -> None:
    one.passes.append(entrant.run(documents))


def _attempt(one: Ran, step: Callable[..., None], *given: object) -> bool:
    try:
        step(*given)
    except Ended as err:
        one.missing, one.passes = str(err), []
    return not one.missing


def _of_equal_scope(ran: Sequence[Ran], said: dict[str, list[Verdict]]) -> dict[str, list[Verdict]]:
    """The verdicts that must agree; ours first, so that a difference is told as one from ours."""
    keys = [one.contender.key for one in ran if one.contender.is_equal and one.contender.key in said]
    return {key: said[key] for key in sorted(keys, key=lambda key: key != OURS)}
