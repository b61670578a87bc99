"""The crash campaign itself: what it calls a problem, what it goes on with, and that it is red where it should be."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.crash import report, state
from bench.crash.__main__ import drive
from bench.crash.part import Part, spread
from bench.crash.state import PartState, State
from bench.crash.subject import BUG, DOUBLED, LOST, RED, TORN, Outcome, Problem, compared
from bench.crash.tracing import Call

SOUND: dict[str, Any] = {
    "bug": "", "red": [], "faults": [], "left": [], "is_idle": True, "runs": 2,
    "files": {"drop/A/out/report": "11", "recipients/R/out/pivot": "22"}, "objects": ["A/11"], "rows": {"deposits": "d"},
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({}, None),
        ({"files": {"drop/A/out/report": "11"}}, LOST),
        ({"files": SOUND["files"] | {"drop/A/out/report-2": "11"}}, DOUBLED),
        ({"files": SOUND["files"] | {"drop/A/out/report": "12"}}, TORN),
        ({"objects": []}, LOST),
        ({"objects": ["A/11", "A/12"]}, DOUBLED),
        ({"rows": {"deposits": "e"}}, RED),
        ({"red": ["money: read 1, decided 2"]}, RED),
        ({"faults": ["no space left"]}, RED),
        ({"left": ["store/.new-1"]}, RED),
        ({"is_idle": False}, RED),
        ({"bug": "KeyError: 'x'"}, BUG),
    ],
)
def test_each_difference_from_an_untouched_run_has_its_kind(change: dict[str, Any], kind: str | None) -> None:
    assert [problem.kind for problem in compared(SOUND, SOUND | change)] == ([kind] if kind else [])


class Steps(Part):
    """Ten steps; the fourth is wrong."""

    name, about = "ten", "ten steps"

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]
        self.taken: list[str] = []

    def open(self) -> None:
        """Nothing to start."""

    def steps(self) -> Iterator[str]:
        yield from map(str, range(10))

    def take(self, key: str) -> Outcome:
        self.taken.append(key)
        return Outcome(True, Counter(kills=1), 0.5, [Problem(LOST, "a file")] if key == "3" else [])


def test_a_campaign_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    first, second = Steps(), Steps()
    states = State(tmp_path)

    def stop(told: PartState) -> None:
        states.save(told)
        if len(told.done) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(first, states.of("ten"), float("inf"), stop)
    drive(second, State(tmp_path).of("ten"), float("inf"), states.save)
    assert (first.taken, second.taken) == (["0", "1", "2", "3"], ["4", "5", "6", "7", "8", "9"])
    told = State(tmp_path).of("ten")
    assert (told.is_over, told.counts, told.wrong) == (True, {"kills": 10}, {LOST: 1})
    assert report.words([told]) == ["ten 3: lost: a file"]
    assert not report.is_sound([told])
    assert "10" in report.table([told])


def test_a_campaign_whose_time_is_up_takes_no_step(tmp_path: Path) -> None:
    part = Steps()
    drive(part, State(tmp_path).of("ten"), 0.0, State(tmp_path).save)
    assert part.taken == []
    assert not State(tmp_path).of("ten").is_over


def test_figures_of_other_code_are_not_added_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = State(tmp_path).of("ten")
    told.add("0", Outcome(True), 1.0)
    State(tmp_path).save(told)
    assert State(tmp_path).of("ten").done == ["0"]
    monkeypatch.setattr(state, "digest", lambda: "other")
    assert State(tmp_path).of("ten").done == []


def test_a_short_run_takes_steps_from_everywhere() -> None:
    assert spread([str(n) for n in range(100)], 4) == ["12", "37", "62", "87"]
    assert spread(["a", "b"], 4) == ["a", "b"]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ('AT_FDCWD</>, "/home/x", O_RDONLY|O_CLOEXEC) = 3</home/x>', False),
        ('AT_FDCWD</>, "/home/x", O_WRONLY|O_CREAT|O_TRUNC|O_CLOEXEC, 0666) = 3</home/x>', True),
    ],
)
def test_to_open_what_is_there_leaves_nothing(words: str, changes: bool) -> None:
    assert Call("openat", 1, words).changes is changes
    assert Call("openat", 1, words).names(Path("/home")) is True
    assert Call("openat", 1, words).names(Path("/ho")) is False
