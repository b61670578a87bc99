"""Which files of the drop zones are finished: quiet for long enough, or equal over two looks."""

import time
from collections.abc import Mapping, Sequence

from pipeline.ports import DropZone, Seen

Scans = dict[str, frozenset[Seen]]  # place -> the last look at it


def finished(
    looks: Mapping[DropZone, Sequence[Seen]], sleep_s: float | None, before: Scans
) -> dict[DropZone, list[Seen]]:
    """What is finished in each of these drop zones after a first look; young files get a second, one wait for all.

    A watcher does not wait (None): what is equal to its look before (`before`, kept up to date here) is finished too.
    A zone that fails at the second look keeps what the first one told.
    """
    now_ns = time.time_ns()
    ready = {
        drop: [s for s in seen if drop.is_quiet(s, now_ns) or s in before.get(drop.place, ())]
        for drop, seen in looks.items()
    }
    before.update({drop.place: frozenset(seen) for drop, seen in looks.items()})
    young = [drop for drop in looks if len(ready[drop]) < len(looks[drop])]
    if young and sleep_s is not None:
        time.sleep(sleep_s)
        for drop in young:
            try:
                again = drop.scan()
            except OSError:  # gone since: it is told at the next look
                continue
            ready[drop] = [s for s in again if s in before[drop.place]]
    return ready
