"""`docs/reliability.md` says of each invariant what holds it: its lines, queries and tests exist, and none is left out."""

import ast
import importlib
import re
from functools import lru_cache
from pathlib import Path

import pytest

from pipeline.reconcile import LINES

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/reliability.md").read_text(encoding="utf-8")
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" |")]
    for line in PAGE.splitlines()
    if re.match(r"\| [0-9]+ \|", line)
]
INVARIANTS = 18
QUERIES = {name: importlib.import_module(f"pipeline.adapters.ledger.{name}") for name in ("invariants", "promises")}


def quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


@lru_cache
def named_in(path: str) -> frozenset[str]:
    source = (ROOT / path).read_text(encoding="utf-8")
    return frozenset(
        node.name for node in ast.walk(ast.parse(source)) if isinstance(node, ast.FunctionDef) and "test" in node.name
    )


def test_every_invariant_has_its_row() -> None:
    assert [int(row[0]) for row in ROWS] == list(range(1, INVARIANTS + 1))
    assert {len(row) for row in ROWS} == {5}


@pytest.mark.parametrize("row", ROWS, ids=[f"invariant-{row[0]}" for row in ROWS])
def test_what_holds_an_invariant_exists(row: list[str]) -> None:
    _, words, lines, queries, tests = row
    assert words.startswith("**")
    assert quoted(lines) or quoted(tests)
    assert set(quoted(lines)) <= set(LINES)
    for query in quoted(queries):
        module, name = query.split(".")
        assert callable(getattr(QUERIES[module], name, None)), query
    assert quoted(tests)
    for test in quoted(tests):
        path, name = test.split("::")
        assert name in named_in(path), test


def test_every_line_of_verify_holds_an_invariant() -> None:
    assert {line for row in ROWS for line in quoted(row[2])} == set(LINES)


def test_every_query_that_verify_asks_stands_on_the_page() -> None:
    """What `verify` reads of the two modules; what only counts, or names files for a person, is beside the point."""
    source = (ROOT / "pipeline/running/verify.py").read_text(encoding="utf-8")
    asked = {
        f"{'invariants' if node.value.id == 'ledger' else node.value.id}.{node.attr}"
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id in {"ledger", "promises"}
    }
    told = {query for row in ROWS for query in quoted(row[3])}
    assert {one for one in asked if not one.partition(".")[2].startswith("count_")} == told
