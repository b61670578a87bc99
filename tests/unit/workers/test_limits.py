"""The limits of a child, set in a process that is thrown away."""

import json
import os
import resource
import signal
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from pipeline.adapters.reader_limits import LIMITS, MB, ReaderLimits, given
from pipeline.ports import Fault
from pipeline.workers import limits
from pipeline.workers.limits import Allowance, Budgeted, data_bytes, set_limits

SMALL = ReaderLimits(memory_mb=64, cpu_s=1, silence_s=1, child_s=1, file_bytes=20 * MB, expanded_bytes=99 * MB)


def in_a_child(work: Callable[[], Any]) -> Any:
    """What a forked process answers."""
    incoming, outgoing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            answer = work()
        except BaseException as error:
            answer = type(error).__name__
        os.write(outgoing, json.dumps(answer).encode())
        os._exit(0)
    os.close(outgoing)
    with os.fdopen(incoming, "rb") as stream:
        told = stream.read()
    status = os.waitpid(child, 0)[1]
    return json.loads(told) if told else os.waitstatus_to_exitcode(status)


def limited(work: Callable[[Allowance], Any]) -> Any:
    def all_of_it() -> Any:
        inherited = data_bytes()
        set_limits(SMALL, inherited)
        return work(Allowance(SMALL, inherited))

    return in_a_child(all_of_it)


def test_not_a_byte_can_be_written_to_a_file(tmp_path: Path) -> None:
    with (tmp_path / "x").open("wb", buffering=0) as file:
        assert limited(lambda _: file.write(b"x")) == "OSError"
    assert (tmp_path / "x").stat().st_size == 0


def test_memory_ends_at_the_budget_and_grows_with_what_is_read_at_once() -> None:
    assert limited(lambda _: len(bytearray(100 * MB))) == "MemoryError"

    def grown(allowance: Allowance) -> list[object]:
        allowance.grow(4 * MB)
        return [len(bytearray(100 * MB)), allowance.was_raised]

    assert limited(grown) == [100 * MB, True]

    def beyond(allowance: Allowance) -> int:
        allowance.grow(100 * MB)  # no legal file is so large: the hard limit stands
        return len(bytearray(700 * MB))

    assert limited(beyond) == "MemoryError"


def test_an_answer_near_the_end_of_memory_is_known() -> None:
    def uses(count: int) -> Callable[[Allowance], bool]:
        def work(allowance: Allowance) -> bool:
            kept = b"x" * count
            return allowance.is_at_the_edge and bool(kept)

        return work

    assert limited(uses(61 * MB)) is True
    assert limited(uses(20 * MB)) is False


def test_processor_time_is_counted_for_each_flow() -> None:
    def turns(allowance: Allowance) -> list[int]:
        found = []
        for piece in (0, 10 * MB):
            allowance.begin()
            allowance.grow(piece)
            found.append(resource.getrlimit(resource.RLIMIT_CPU)[0])
        return found

    first, second = limited(turns)
    assert second - first == 40

    def burns(allowance: Allowance) -> None:
        allowance.begin()
        while True:
            pass

    assert limited(burns) == -signal.SIGXCPU


def test_no_core_and_few_descriptors() -> None:
    def looks(_: Allowance) -> list[tuple[int, int]]:
        return [resource.getrlimit(what) for what in (resource.RLIMIT_CORE, resource.RLIMIT_NOFILE)]

    assert limited(looks) == [[0, 0], [limits.DESCRIPTORS] * 2]


def test_a_file_tells_what_is_read_of_it_in_one_piece() -> None:
    heard: list[int] = []

    class Hears:
        def grow(self, piece_bytes: int) -> None:
            heard.append(piece_bytes)

    with Budgeted(BytesIO(b"abcdef"), Hears()) as file:  # type: ignore[arg-type]
        assert (file.read(2), file.tell(), file.seek(4), file.read(9)) == (b"ab", 2, 4, b"ef")
    assert heard == [2, 9]


def test_limits_travel_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LIMITS, raising=False)
    assert given() == ReaderLimits()
    for name, value in SMALL.as_environment().items():
        monkeypatch.setenv(name, value)
    assert given() == SMALL
    monkeypatch.setenv(LIMITS, '{"memory_mb": "much"}')
    with pytest.raises(Fault, match="does not hold the limits"):
        given()


def test_the_budget_follows_the_file_up_to_what_its_elements_can_take() -> None:
    ours = ReaderLimits()
    assert ours.memory_bytes(0) == ours.memory_bytes(24 * MB) == 768 * MB
    assert ours.memory_bytes(50 * MB) == 1_600 * MB
    assert ours.memory_bytes_max == 2_400_000_000 + 6 * ours.file_bytes


def test_the_time_of_a_flow_follows_what_it_can_unpack_to() -> None:
    ours = ReaderLimits()
    assert (ours.wall_s(0), ours.wall_s(MB), ours.wall_s(1 << 30)) == (940, 1_740, 900 + 4 * 1_024)
