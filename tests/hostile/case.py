"""One hostile case: a file made by code, the row of the threat tables it stands for, and what has to come of it."""

import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from fixtures.case import PARTNER, flow_name
from fixtures.content import Article, Content

U, C, M, FX = "FSO1100A", "FSO1106A", "FSO1113A", "FSO1117A"
USUAL = {U: {"OFF-007"}, C: {"OFF-007"}}  # what a sound document of a code is warned of: it claims no official rules


class Outcome(StrEnum):
    """The words of the threat tables."""

    FLOW = "FLOW"  # the flow is refused, or the only file in it
    INV = "INV"  # the invoice is not integrated
    WARN = "WARN"  # it enters, and its report says what is odd
    OK = "OK"
    IGNORE = "IGNORE"  # not a drop yet
    QUAR = "QUAR"  # set apart, and ops are told
    REPEAT = "REPEAT"  # a deposit and nothing more


@dataclass(frozen=True)
class Site:
    """What hostile bytes point at: a server that nobody may ask, a file that nobody may read."""

    canary: str  # http://127.0.0.1:port
    secret: Path
    outside: Path  # a folder that stays empty


@dataclass(frozen=True)
class Case:
    """A file to drop, and to give to `check`. `rules` refuse it, `warned` come beside: both are the whole of it.

    `told`: what the sentence, place, value and remedy of the first rule must hold, each somewhere. `number` is the one
    that must be read. `seconds`: the longest that `check` may take. `heavy` stays out of the quick lane.
    """

    id: str
    row: str
    expected: Outcome
    rules: tuple[str, ...]
    make: Callable[[Site], bytes]
    told: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    code: str = U
    suffix: str = ""  # an extension that the channel wants removed
    number: str = ""
    seconds: float = 5.0
    heavy: bool = False

    @property
    def table(self) -> str:
        return self.row[0]

    @property
    def name(self) -> str:
        """Its flow name; the sequence is a function of the id, so that nothing is renumbered."""
        return flow_name(self.code, f"H{key(self.id):08X}") + self.suffix


def key(case_id: str) -> int:
    return zlib.crc32(case_id.encode())


def number(case_id: str) -> str:
    """An invoice number of its own, within what Chorus Pro takes."""
    return f"H-{key(case_id):08X}"


def sound(case_id: str, **changes: object) -> Content:
    """A sound invoice: its number and its total are those of no other case."""
    price = Decimal(10_000 + key(case_id) % 9_000_000).scaleb(-2)
    values: dict[str, Any] = {"articles": (Article("Papier recyclé à carreaux", Decimal(1), price),)}
    return Content(number(case_id), **(values | changes))


def inner(rank: int, code: str = U, suffix: str = ".xml") -> str:
    """The name of a file inside an archive, as the naming rule wants it."""
    return f"{code}_{PARTNER}_{PARTNER}{code[3:7]}{rank:09d}{suffix}"


def found_in(verdict: Mapping[str, Any]) -> list[dict[str, Any]]:
    """All findings of a verdict as `check` and `run` tell it."""
    return [*verdict["findings"], *(one for invoice in verdict["invoices"] for one in invoice["findings"])]


def differences(case: Case, verdict: Mapping[str, Any]) -> list[str]:
    """What is not as the case expects it; nothing where all is."""
    found = found_in(verdict)
    refused = {one["rule"] for one in found if one["severity"] in {"fatal", "error", "hold"}}
    warned = {one["rule"] for one in found if one["severity"] == "warning"} - USUAL.get(case.code, set())
    wrong = []
    if refused != set(case.rules):
        wrong.append(f"refused by {_listed(refused)}, expected {_listed(case.rules)}")
    if warned != set(case.warned):
        wrong.append(f"warned by {_listed(warned)}, expected {_listed(case.warned)}")
    enters = case.expected in {Outcome.OK, Outcome.WARN}
    if enters != (verdict["state"] == "IN_INTEGRE") or enters != any(i["integrated"] for i in verdict["invoices"]):
        wrong.append(f"state {verdict['state']}, expected {case.expected}")
    if not enters and verdict["state"] != "IN_REJETE":
        wrong.append(f"state {verdict['state']}, of a flow with one invoice")
    if case.number and [one["number"] for one in verdict["invoices"]] != [case.number]:
        wrong.append(f"numbers {[one['number'] for one in verdict['invoices']]}, expected {case.number!r}")
    return [*wrong, *_unsaid(case, found)]


def _unsaid(case: Case, found: list[dict[str, Any]]) -> list[str]:
    """What the answer should say and does not: place, value, expected form, remedy, in French, on one line."""
    wrong = []
    for one in found:
        if one["severity"] == "info":
            continue
        said = f"{one['rule']} {one['message']}"
        if not one["message"] or not one["remedy"] or not is_on_one_line(said):
            wrong.append(f"said badly: {said!r} {one['remedy']!r}")
        if one["rule"] in {"XML-001", "XML-010"} and one["line"] < 1:
            wrong.append(f"{one['rule']} without its line")
    first = (case.rules or case.warned)[:1]
    if first and case.told:
        texts = [" ".join(str(value) for value in one.values()) for one in found if one["rule"] == first[0]]
        if not any(all(words in text for words in case.told) for text in texts):
            wrong.append(f"{first[0]} does not say {case.told}: {texts[:2]}")
    return wrong


def is_on_one_line(said: str) -> bool:
    """No control, no bidirectional and no invisible character; French spaces are meant."""
    return said.replace("\u00a0", " ").replace("\u202f", " ").isprintable()


def _listed(rules: Collection[str]) -> str:
    return ", ".join(sorted(rules)) or "nothing"
