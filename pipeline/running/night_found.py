"""The differences of one night: counted, each loss once, and only so many of them in memory."""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO

from pipeline.ports import Said
from pipeline.reconcile.night import KINDS, Difference, Kind, root_causes

_EXPLAINED = frozenset().union(*(row.explains for row in KINDS.values()))
IN_MEMORY = 20_000  # the rest lies in a file without a name, which goes with this process


@dataclass(slots=True)
class Found:
    """Sized and iterable, as often as one likes: what another difference of the same flow explains is left out."""

    _first: list[Difference] = field(default_factory=list)
    _rest: IO[str] | None = None
    _causes: dict[str, frozenset[Kind]] = field(default_factory=dict)
    _counts: Counter[Kind] = field(default_factory=Counter)
    _of_flow: Counter[tuple[str, Kind]] = field(default_factory=Counter)  # of kinds that something may explain

    def add(self, one: Difference) -> None:
        self._counts[one.kind] += 1
        if one.flow:
            key = f"{one.partner}/{one.flow}"
            if one.kind in _EXPLAINED:
                self._of_flow[key, one.kind] += 1
            if KINDS[one.kind].explains:
                self._causes[key] = self._causes.get(key, frozenset()) | {one.kind}
        if len(self._first) < IN_MEMORY:
            self._first.append(one)
            return
        if self._rest is None:
            self._rest = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - as long as the result is used
        self._rest.seek(0, os.SEEK_END)  # somebody may have read
        self._rest.write(json.dumps(_plain(one)) + "\n")

    def extend(self, several: Iterable[Difference | None]) -> None:
        for one in several:
            if one is not None:
                self.add(one)

    def __iter__(self) -> Iterator[Difference]:
        return root_causes(self._every(), self._causes)

    def __len__(self) -> int:
        return sum(self.by_kind.values())

    def __contains__(self, one: object) -> bool:
        return any(one == other for other in self)

    @property
    def by_kind(self) -> dict[Kind, int]:
        """How many of each kind, in the order of `Kind`; without reading them again."""
        counts = self._counts.copy()
        for key, causes in self._causes.items():
            for kind in frozenset().union(*(KINDS[cause].explains for cause in causes)):
                counts[kind] -= self._of_flow[key, kind]
        return {kind: counts[kind] for kind in Kind if counts[kind]}

    def _every(self) -> Iterator[Difference]:
        yield from self._first
        if self._rest is not None:
            self._rest.flush()
            at = self._rest.seek(0)
            while True:
                self._rest.seek(at)
                line = self._rest.readline()
                if not line:
                    return
                at = self._rest.tell()
                yield _difference(json.loads(line))


def _plain(one: Difference) -> list[object]:
    since = one.since.isoformat() if one.since is not None else None
    return [
        one.kind.value, one.said.fr, one.said.en, one.next.fr, one.next.en, one.partner, one.flow, one.invoice,
        one.file, one.millionths, one.currency, since, one.count,
    ]  # fmt: skip


def _difference(told: list[object]) -> Difference:
    kind, fr, en, next_fr, next_en, partner, flow, invoice, file, amount, currency, since, count = told
    return Difference(
        Kind(str(kind)), Said(str(fr), str(en)), Said(str(next_fr), str(next_en)), str(partner), str(flow),
        str(invoice), str(file), amount if isinstance(amount, int) else None, str(currency),
        datetime.fromisoformat(since) if isinstance(since, str) else None, count if isinstance(count, int) else 1,
    )  # fmt: skip
