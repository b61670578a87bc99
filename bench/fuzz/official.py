"""What Saxon says of the official pack that an accepted document claims: asked in lots, each document once."""

import hashlib
from dataclasses import dataclass, field
from functools import cache

from lxml import etree

from bench.oracle import rules
from bench.oracle.engines import Broken, Saxon, Told

LOT = 200
_TRIES = 2
_NOT_LISTED = {("facturx-en16931", "FX-SCH-A-000556"), ("facturx-basic", "FX-SCH-A-000026")}  # the lookups of BT-24


@dataclass(frozen=True)
class Asked:
    """One document to hold against a pack, and the mutant it comes from."""

    number: int
    pack: str
    text: bytes  # written again by libxml2, without comments
    is_listed: bool  # the pack's own list holds the claim

    @property
    def key(self) -> str:
        return f"{self.pack} {hashlib.sha256(self.text).hexdigest()}"


def text_of(document: bytes) -> bytes:
    """The document as Saxon gets it: comments and instructions away, so that what differs by them alone is one."""
    parser = etree.XMLParser(
        no_network=True, resolve_entities=False, huge_tree=True, remove_comments=True, remove_pis=True
    )
    return etree.tostring(etree.fromstring(document, parser), encoding="UTF-8")


@dataclass
class Official:
    """Keeps what is still to be asked. `known`: documents that passed, so that the same one is not asked again."""

    waiting: dict[str, list[Asked]] = field(default_factory=dict)
    known: set[str] = field(default_factory=set)
    _saxon: Saxon | None = None
    _pending: dict[str, list[Asked]] = field(default_factory=dict)

    def add(self, asked: Asked) -> None:
        """Keep one document for the next time that Saxon is asked, unless its like is known or waits already."""
        if asked.key in self.known:
            return
        if asked.key in self._pending:
            self._pending[asked.key].append(asked)
            return
        self._pending[asked.key] = [asked]
        self.waiting.setdefault(asked.pack, []).append(asked)

    def flush(self) -> list[tuple[Asked, str]]:
        """Ask about all that waits, in lots: what is refused, and why."""
        waiting, self.waiting = self.waiting, {}
        lots = (
            (pack, every[start : start + LOT])
            for pack, every in sorted(waiting.items())
            for start in range(0, len(every), LOT)
        )
        return [one for pack, lot in lots for one in self._ask(pack, lot)]

    def close(self) -> None:
        if self._saxon is not None:
            self._saxon.close()

    def _ask(self, pack: str, lot: list[Asked]) -> list[tuple[Asked, str]]:
        wrong = []
        for asked, told in zip(lot, self._told(pack, [one.text for one in lot]), strict=True):
            said = refusals(told, pack, is_listed=asked.is_listed)
            alike = self._pending.pop(asked.key)
            if said:
                wrong += [(one, said) for one in alike]
            else:
                self.known.add(asked.key)
        return wrong

    def _told(self, pack: str, texts: list[bytes]) -> list[Told]:
        """Saxon ends on a machine that is short of memory: one more try, by a new process."""
        for _ in range(_TRIES):
            self._saxon = self._saxon or Saxon()
            try:
                return self._saxon.run(pack, texts)
            except Broken:
                self._saxon.close()
                self._saxon = None
        raise Broken(f"{pack}: Saxon ended {_TRIES} times")


def refusals(told: Told, pack: str, *, is_listed: bool) -> str:
    """The asserts that refuse, in a line: what the sheet flags as a warning and reports without a flag do not."""
    if told.stopped:
        return f"stopped: {told.stopped[:200]}"
    remarks = _remarks(pack)
    said = {
        f"{rule} ({flag or 'no flag'})"
        for (rule, flag, _), ordinal in zip(told.hits, told.ordinals, strict=True)
        if flag != "warning"
        and not (ordinal in remarks and not flag)
        and (is_listed or (pack, rule) not in _NOT_LISTED)
    }
    return ", ".join(sorted(said))


@cache
def _remarks(pack: str) -> frozenset[int]:
    """The ordinals of successful reports, which only remark where they have no flag."""
    return frozenset(one.ordinal for one in rules.pack(pack).targets if one.is_report)
