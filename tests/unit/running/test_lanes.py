"""Several files at once: order kept, failures beside their file, little done for whoever stops early."""

import threading

import pytest

from pipeline.running.lanes import each


def halved(number: int) -> int:
    if number % 2:
        raise OSError(5, f"{number} is odd")
    return number // 2


@pytest.mark.parametrize("lanes", [1, 4])
def test_results_come_in_order_and_a_failure_stands_beside_its_item(lanes: int) -> None:
    told = list(each(lanes, halved, range(50)))
    assert [item for item, _ in told] == list(range(50))
    assert all(isinstance(result, OSError) if item % 2 else result == item // 2 for item, result in told)


def test_lanes_work_side_by_side() -> None:
    meeting = threading.Barrier(4, timeout=10)
    assert [arrived is not None for _, arrived in each(4, lambda _n: meeting.wait(), range(4))] == [True] * 4


@pytest.mark.parametrize("lanes", [1, 3])
def test_items_are_taken_a_few_ahead_and_no_more(lanes: int) -> None:
    taken: list[int] = []

    def items() -> object:
        for number in range(1_000):
            taken.append(number)
            yield number

    running = each(lanes, halved, items())  # type: ignore[arg-type]
    next(running)
    running.close()  # type: ignore[attr-defined]
    assert len(taken) <= 2 * lanes + 1


def test_what_is_no_failure_of_an_item_is_raised() -> None:
    def bug(_number: int) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(each(2, bug, range(3)))
