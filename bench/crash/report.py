"""The table of a campaign.

`hit`: steps that met what they aimed at; `calls`: system calls that killed or failed; `errors`: EIO and ENOSPC met;
`faults`: runs that said so in words. `worst s` is the longest from the start of the next run until nothing was due.
"""

from collections.abc import Iterable, Sequence

from bench.crash.state import PartState
from bench.crash.subject import BUG, DOUBLED, LOST, RED, TORN
from pipeline.cli.layout import columns

HEAD = (
    "part", "steps", "hit", "calls", "kills", "errors", "cuts", "faults", "flows", LOST, DOUBLED, TORN, "other",
    "worst s", "minutes", "",
)  # fmt: skip
COUNTS = ("calls", "kills", "errors", "cuts", "faults", "flows")


def table(states: Sequence[PartState]) -> str:
    """One row for each part, and their sum."""
    rows = [HEAD, *(_row(state) for state in states)]
    if len(states) > 1:
        rows.append(_sum(states))
    return columns(rows, right=frozenset(range(1, len(HEAD) - 1)))


def words(states: Iterable[PartState]) -> list[str]:
    """What is wrong, line by line."""
    return [f"{state.part} {problem}" for state in states for problem in state.problems]


def is_sound(states: Iterable[PartState]) -> bool:
    return not any(state.wrong for state in states)


def could_run(states: Iterable[PartState]) -> bool:
    return not any(state.why_not or state.broke for state in states)


def _row(state: PartState) -> tuple[str, ...]:
    return (
        state.part, str(len(state.done)), str(state.hits), *(str(state.counts.get(name, 0)) for name in COUNTS),
        *_wrong(state.wrong), f"{state.worst_s:.2f}", f"{state.seconds / 60:.1f}",
        state.broke or state.why_not or ("whole" if state.is_over else "not whole"),
    )  # fmt: skip


def _sum(states: Sequence[PartState]) -> tuple[str, ...]:
    wrong = {kind: sum(state.wrong.get(kind, 0) for state in states) for kind in (LOST, DOUBLED, TORN, RED, BUG)}
    whole = sum(state.is_over for state in states)
    return (
        "all", str(sum(len(state.done) for state in states)), str(sum(state.hits for state in states)),
        *(str(sum(state.counts.get(name, 0) for state in states)) for name in COUNTS), *_wrong(wrong),
        f"{max(state.worst_s for state in states):.2f}", f"{sum(state.seconds for state in states) / 60:.1f}",
        f"{whole} of {len(states)} whole",
    )  # fmt: skip


def _wrong(wrong: dict[str, int]) -> tuple[str, ...]:
    other = wrong.get(RED, 0) + wrong.get(BUG, 0)
    return (*(str(wrong.get(kind, 0)) for kind in (LOST, DOUBLED, TORN)), str(other))
