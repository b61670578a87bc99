"""Several files at once where a server lets us: results in order, a failure beside its file, in the way of none."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")


def each(lanes: int, work: Callable[[A], B], items: Iterable[A]) -> Iterator[tuple[A, B | OSError]]:
    """Work on each item in up to `lanes` threads; yields (item, result or the `OSError` of this item), in order.

    Items are taken a few ahead, never all: whoever stops early leaves little done. One lane works in this thread.
    """
    if lanes <= 1:
        for item in items:
            yield item, _tried(work, item)
        return
    ahead: deque[tuple[A, Future[B | OSError]]] = deque()
    with ThreadPoolExecutor(lanes, thread_name_prefix="lane") as threads:
        try:
            for item in items:
                ahead.append((item, threads.submit(_tried, work, item)))
                if len(ahead) > 2 * lanes:
                    done, result = ahead.popleft()
                    yield done, result.result()
            while ahead:
                done, result = ahead.popleft()
                yield done, result.result()
        finally:
            for _, waiting in ahead:
                if not waiting.cancel():
                    with suppress(Exception):
                        waiting.result()


def _tried(work: Callable[[A], B], item: A) -> B | OSError:
    try:
        return work(item)
    except OSError as error:
        return error
