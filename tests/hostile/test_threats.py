"""Every row of the threat tables has its cases, or tests elsewhere that exist."""

import os
import re
from pathlib import Path

import pytest
from hostile import change_cases
from hostile.case import Outcome
from hostile.corpus import FILES
from hostile.drops import DROPS, GROWING
from hostile.threats import ELSEWHERE, OF_OURS, ROWS, TABLES, is_there

EVERY = (*FILES, *DROPS, GROWING, *change_cases.CASES)
SECTIONS = {
    "### 3.1": "D",
    "### 3.2": "A",
    "### 3.3": "X",
    "### 3.4": "P",
    "### 3.5": "M",
    "### 3.6": "S",
    "### 3.7": "K",
}
HEADS = ("| case", "| scenario", "|---")
OUTSIDE_BACKTICKS = r"[,;] (?=(?:[^`]*`[^`]*`)*[^`]*$)"


def test_every_row_has_a_case_or_a_test_elsewhere() -> None:
    covered = {one.row for one in EVERY} | set(ELSEWHERE)
    assert sorted(set(ROWS) - covered) == []
    assert sorted(covered - set(ROWS)) == []


def test_the_tests_elsewhere_exist() -> None:
    assert [named for several in ELSEWHERE.values() for named in several if not is_there(named)] == []


def test_there_are_enough_cases_and_each_has_an_id_of_its_own() -> None:
    ids = [one.id for one in EVERY]
    assert len(ids) == len(set(ids)) >= 150
    for made in (FILES, change_cases.CASES):
        assert len({one.name for one in made}) == len(made)
    assert {row[0] for row in ROWS} == set(TABLES)
    assert {row for row in ROWS if row[0] in "SK"} <= set(ELSEWHERE)  # a file cannot kill a server


def test_a_case_that_refuses_names_its_rules() -> None:
    silent = [one.id for one in FILES if (one.expected in {Outcome.FLOW, Outcome.INV}) != bool(one.rules)]
    assert silent == []
    assert [one.id for one in FILES if (one.expected is Outcome.WARN) != bool(one.warned and not one.rules)] == []


def _told() -> dict[str, list[str]]:
    """The first cell of each row of the tables, as the page tells them."""
    page = Path(os.environ.get("CHORUS_EDI_SPEC", "nowhere")).parent / "engineering" / "reliability.md"
    if not page.is_file():
        pytest.skip("the page of the threat tables is not beside CHORUS_EDI_SPEC")
    found: dict[str, list[str]] = {table: [] for table in TABLES}
    table = ""
    for line in page.read_text("utf-8").splitlines():
        if line.startswith("#"):
            table = SECTIONS.get(line[:7], "")
        elif table == "M" and not found["M"] and line:
            found["M"] = re.split(OUTSIDE_BACKTICKS, line.partition(". NaN compared")[0])
        elif table == "K" and line.startswith("Also test: "):
            found["K"] += line.removeprefix("Also test: ").partition(".")[0].split(", ")
        elif table and table != "M" and line.startswith("| ") and not line.startswith(HEADS):
            found[table].append(re.split(r" (?<!\\)\| ", line[2:])[0].strip())
    return found


@pytest.mark.spec
@pytest.mark.parametrize("table", [table for table in TABLES if table not in OF_OURS])
def test_the_rows_are_those_of_the_page(table: str) -> None:
    assert [text for row, text in ROWS.items() if row[0] == table] == _told()[table]
