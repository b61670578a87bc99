"""The table of a campaign, and the tests that it did not see both ways, each with the reason why not."""

from collections.abc import Iterable, Iterator

from bench.oracle import reasons, rules
from bench.oracle.state import PackState
from pipeline.cli.layout import columns

HEAD = (
    "pack", "mutants", "documents", "XSD-valid", "tests", "both ways", "one way", "missed", "share", "differ",
    "stopped", "compiled alone", "ms each",
)  # fmt: skip


def table(states: Iterable[tuple[str, PackState]]) -> str:
    rows = [HEAD, *(_row(key, state) for key, state in states)]
    return columns(rows, right=frozenset(range(1, len(HEAD))))


def counts(state: PackState) -> tuple[int, int, int]:
    """Tests seen both ways; tests that can go one way only, and were seen to go it or can never be met; the others."""
    pack = rules.pack(state.pack)
    both = state.fired & state.held
    rest = [target for target in pack.targets if target.ordinal not in both]
    met = state.fired | state.held
    proved = [target.ordinal for target in rest if (reasons.one_way(pack, target))]
    one_way = sum(1 for ordinal in proved if ordinal in met or reasons.is_unmet(pack, ordinal))
    return len(both), one_way, len(rest) - one_way


def share(state: PackState) -> float:
    """Of the tests that can go both ways, those seen to do so."""
    both, _, missed_ones = counts(state)
    return both / max(both + missed_ones, 1)


def _row(key: str, state: PackState) -> tuple[str, ...]:
    seen = ("", "", "", "")
    if state.held:
        both, one_way, missed_ones = counts(state)
        seen = (str(both), str(one_way), str(missed_ones), f"{both / (both + missed_ones):.1%}")
    return (
        key, str(state.mutants), str(state.documents), f"{state.valid / max(state.mutants, 1):.0%}",
        str(len(rules.pack(state.pack).targets)), *seen, str(state.differing), str(state.both_stopped),
        str(state.ours_stopped), f"{state.seconds * 1000 / max(state.mutants + state.documents, 1):.2f}",
    )  # fmt: skip


def missed(state: PackState) -> Iterator[str]:
    """One line for each test not seen both ways."""
    if not state.held:
        return
    for target in rules.pack(state.pack).targets:
        way = [word for word, seen in (("to fire", state.fired), ("to hold", state.held)) if target.ordinal not in seen]
        if way:
            unseen = " nor ".join(way)
            yield f"{state.pack} {target.ordinal} {target.id}: not seen {unseen}: {reasons.why(state, target)}"
