"""One invoice of ever more lines: does the time grow as the lines do?"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.race import contenders
from bench.race.contenders import FLOOR, Contender, Race
from bench.race.documents import of_lines
from bench.race.entrant import Ended, Entrant
from bench.race.passes import Tell
from bench.race.verdicts import Verdict, differences

LINES = (10, 100, 1_000, 10_000)
PEER_LINES_MAX = 1_000  # 10,000 lines take Saxon half a minute each
TRIES = 5


@dataclass
class Grown:
    """The best of some passes per count of lines, in processor ms."""

    race: Race
    contender: Contender
    tries: int
    best_ms: dict[int, float] = field(default_factory=dict)
    said: list[Verdict] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    missing: str = ""

    @property
    def growth(self) -> float | None:
        """time(10,000) / time(1,000): 10 where the cost of the document is that of its lines."""
        if 10_000 not in self.best_ms or 1_000 not in self.best_ms:
            return None
        return self.best_ms[10_000] / self.best_ms[1_000]


def hold(core: int, tell: Tell, *, is_quick: bool) -> list[Grown]:
    tries = 2 if is_quick else TRIES
    peer_lines = 100 if is_quick else PEER_LINES_MAX
    grown = []
    for syntax, race in contenders.GROWTH.items():
        documents = {lines: of_lines(syntax, lines) for lines in LINES}
        several = [
            (contenders.floor(race), LINES[-1]),
            (contenders.ours(race), LINES[-1]),
            (contenders.saxonche(race, "installed"), peer_lines),
        ]
        of_race = []
        for contender, most in several:
            tell(f"{race.key}: {contender.title}")
            sizes = [lines for lines in LINES if lines <= most]
            of_race.append(_grown(race, contender, {lines: documents[lines] for lines in sizes}, tries, core))
        _compare(of_race)
        grown += of_race
    return grown


def _grown(race: Race, contender: Contender, documents: dict[int, bytes], tries: int, core: int) -> Grown:
    grown = Grown(race, contender, tries)
    with Entrant(contender, core) as entrant:
        try:
            entrant.ready()
            entrant.keep(list(documents.values()))
            for _ in range(contender.warm_documents):
                entrant.run([0])
            for rank, lines in enumerate(documents):
                grown.best_ms[lines] = min(entrant.run([rank]).cpu_ms for _ in range(tries))
            grown.said = entrant.verdicts()
        except Ended as err:
            grown.missing, grown.best_ms = str(err), {}
    return grown


def _compare(of_race: Sequence[Grown]) -> None:
    """Nobody may be fast by refusing; and where two ran the rules they must have found the same."""
    ran = {one.contender.key: one for one in of_race if one.said}
    for one in ran.values():
        one.differences = [
            f"document {rank} was {said.state}" for rank, said in enumerate(one.said) if not said.is_complete
        ]
    judged = {key: one.said for key, one in ran.items() if key != FLOOR}
    shared = range(min((len(said) for said in judged.values()), default=0))
    for one in list(ran.values())[-1:]:
        one.differences += differences(judged, shared)
