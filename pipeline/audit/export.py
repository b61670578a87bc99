"""A part of the chains as lines of JSON, which anybody can check without the ledger and without the store.

{"format": ..., "since": ..., "until": ..., "made_at": ..., "chains": {"ABC001": [first row, last row]}}
{"row": {...}}                            one row of a chain, its columns as in the ledger ...
{"records": ["transitions", 7, [...]]}    ... and after it what it covers, group by group: the line that is hashed
{"object": "ABC001/results/<SHA-256>", "content": "..."}   what the store attests of these rows
{"end": 42}                               how many lines there are before this one
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from pipeline.audit import anchors
from pipeline.audit.examine import Examined, examine
from pipeline.audit.explain import attested, explain
from pipeline.audit.form import COVERED, RESULTS, Group, Row, line, parsed
from pipeline.audit.problem import REMOVED, Problem
from pipeline.ports import Said

FORMAT = "chorus-edi audit export 1"
Lines = Callable[[], Iterable[str]]  # the lines of a file, from its first one
_FIELDS = {one.name for one in fields(Row)}
_NUMBERS = {"sequence", "lot", "attempt", "records"}


class NoExport(ValueError):
    """These lines are no export of ours."""


# --- writing ----------------------------------------------------------------------------------------------------------


def head_line(since: str, until: str, made_at: str, chains: Mapping[str, tuple[int, int]]) -> str:
    return _line({"format": FORMAT, "since": since, "until": until, "made_at": made_at, "chains": dict(chains)})


def row_line(row: Row) -> str:
    return _line({"row": asdict(row)})


def records_line(group: Group) -> str:
    return f'{{"records":{line(group.table, group.deposit, group.records)}}}'


def object_line(owner: str, sha256: str, content: bytes) -> str:
    return _line({"object": f"{owner}/{sha256}", "content": content.decode("ascii", "replace")})


def end_line(lines: int) -> str:
    return _line({"end": lines})


def _line(told: Mapping[str, Any]) -> str:
    return json.dumps(told, separators=(",", ":"))


# --- checking ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Checked:
    """What a file holds, and what of it does not hold."""

    examined: Examined
    head: Mapping[str, Any]
    compared: dict[str, int] = field(default_factory=dict)  # partner -> objects of units
    heads: dict[str, int] = field(default_factory=dict)  # partner -> heads of days
    last_head: dict[str, str] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def check(lines: Lines) -> Checked:
    """Recompute a file: it is read three times, and never stands in memory. Raises `NoExport`."""
    told, is_whole = _frame(lines())
    examined = examine(_rows(lines()), _groups(lines()), _nameless, is_part=True)
    done = Checked(examined, told, problems=list(examined.problems))
    if not is_whole:
        said = Said(
            "le fichier est coupé : sa dernière ligne manque", "the file is cut short: its last line is missing"
        )
        done.problems.append(Problem("", 0, REMOVED, said))
    _check_ends(done)
    marks = {one.row.result: one for one in examined.doubts if one.row.result}
    results = {row.result: row for row in _rows(lines()) if row.result}
    contents: dict[str, Mapping[str, Any]] = {}
    for owner, sha256, content in _objects(lines()):
        partner, _, where = owner.partition("/")
        chain = examined.chains.get(partner)
        if chain is None:
            continue
        if where != RESULTS:
            problem, day = anchors.daily(chain, sha256, content)
            done.heads[partner] = done.heads.get(partner, 0) + 1
            done.last_head[partner] = max(done.last_head.get(partner, ""), day)
        elif sha256 in results:
            problem, _ = anchors.result(chain, results.pop(sha256), content)
            done.compared[partner] = done.compared.get(partner, 0) + 1
            if sha256 in marks:
                contents[sha256] = parsed(content)
        else:
            continue
        if problem is not None:
            done.problems.append(problem)
    for row in results.values():
        problem, _ = anchors.result(examined.chains[row.partner], row, None)
        done.problems += [problem] if problem is not None else []
    for doubt in examined.doubts:
        done.problems += explain(doubt, attested(doubt.row, contents.get(doubt.row.result, {})), _nameless)
    return done


def _nameless(_deposit: int) -> str:
    """A file tells no names beside the records."""
    return ""


def _frame(lines: Iterable[str]) -> tuple[Mapping[str, Any], bool]:
    """The first line, and whether the last one is there and counts the others."""
    told: Mapping[str, Any] = {}
    count, last = 0, ""
    for last in lines:
        if not count:
            told = parsed(last)
            if told.get("format") != FORMAT or not isinstance(told.get("chains"), dict):
                raise NoExport
        count += 1
    if not count:
        raise NoExport
    return told, parsed(last) == {"end": count - 1}


def _check_ends(done: Checked) -> None:
    """Every chain that the first line announces is there, from its first row to its last."""
    for partner, (first, last) in sorted(done.head["chains"].items()):
        chain = done.examined.chains.get(partner)
        if chain is not None and (chain.first, chain.rows - 1) == (first, last):
            continue
        held = Said("n'en a aucune", "has none of them")
        if chain is not None:
            begins, ends = chain.first, chain.rows - 1
            held = Said(f"contient les lignes {begins} à {ends}", f"has the rows {begins} to {ends}")
        told = Said(
            f"{partner} : le fichier annonce les lignes {first} à {last} et {held.fr}",
            f"{partner}: the file announces rows {first} to {last} and {held.en}",
        )
        done.problems.append(Problem(partner, first, REMOVED, told))


def _told(lines: Iterable[str], name: str) -> Iterator[Any]:
    for text in lines:
        told = parsed(text)
        if name in told:
            yield told[name]


def _rows(lines: Iterable[str]) -> Iterator[Row]:
    for told in _told(lines, "row"):
        yield _row(told)


def _row(told: Any) -> Row:
    if not isinstance(told, dict) or told.keys() != _FIELDS:
        raise NoExport
    row = Row(**told)
    if any(not isinstance(value, int if name in _NUMBERS else str) for name, value in told.items()):
        raise NoExport
    return row


def _groups(lines: Iterable[str]) -> Iterator[Group]:
    at: tuple[str, int] | None = None
    for text in lines:
        told = parsed(text)
        if "row" in told:
            row = _row(told["row"])
            at = row.partner, row.sequence
        elif "records" in told:
            records = told["records"]
            if at is None or not isinstance(records, list) or len(records) != 3 or records[0] not in COVERED:
                raise NoExport
            table, deposit, values = records
            yield Group(*at, deposit, table, values)


def _objects(lines: Iterable[str]) -> Iterator[tuple[str, str, bytes]]:
    for text in lines:
        told = parsed(text)
        if "object" in told:
            owner, _, sha256 = str(told["object"]).rpartition("/")
            yield owner, sha256, str(told.get("content", "")).encode()
