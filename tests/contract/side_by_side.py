"""Several workers at once, each with a ledger of its own."""

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

from pipeline.adapters.ledger import Ledger

T = TypeVar("T")
ENOUGH_S = 60


def at_once(open_ledger: Callable[[], Ledger], works: Sequence[Callable[[Ledger], T]]) -> list[T]:
    """Start all at the same moment; their results in order, or the first error."""
    ledgers = [open_ledger() for _ in works]
    results: list[T | None] = [None] * len(works)
    errors: list[BaseException] = []
    start = threading.Barrier(len(works))

    def run(index: int) -> None:
        try:
            with ledgers[index].reading():  # connected before it counts
                pass
            start.wait(ENOUGH_S)
            results[index] = works[index](ledgers[index])
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(index,), daemon=True) for index in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH_S)
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "somebody waits for ever"
    return results  # type: ignore[return-value]


class Beside:
    """One piece of work in a thread of its own, and whether it is done."""

    def __init__(self, work: Callable[[], object]) -> None:
        self.result: object = None
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True)
        self._thread.start()

    def _run(self, work: Callable[[], object]) -> None:
        try:
            self.result = work()
        except BaseException as error:
            self.error = error

    def waits(self, seconds: float = 0.3) -> bool:
        """It has not ended within this time."""
        self._thread.join(seconds)
        return self._thread.is_alive()

    def end(self) -> object:
        self._thread.join(ENOUGH_S)
        assert not self._thread.is_alive(), "it waits for ever"
        if self.error is not None:
            raise self.error
        return self.result
