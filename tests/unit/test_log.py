"""The log is a table: every event that the code writes stands in it, and on the page for operations, field by field."""

import ast
import io
import json
import re
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.adapters.ledger.rows import Lot
from pipeline.ports import Fault, Said
from pipeline.running import log
from pipeline.running.log import ALWAYS, EVENTS, fault_facts, lot_facts, opened, silent, tell_fault
from pipeline.running.summary import RunSummary

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/ops/logs.md").read_text(encoding="utf-8")
SHARED = {  # what the functions of the log give
    "lot_facts": {"partner", "lot", "attempt"},
    "deposit_facts": {"partner", "deposit", "sha256"},
    "fault_facts": {"fault", "at"},
    "tell_fault": {"place", "fault", "at"},
}


def written() -> dict[str, set[str]]:
    """event -> the fields with which the code writes it."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name == "tell_fault":
                found["fault"] |= SHARED[name] | {keyword.arg for keyword in node.keywords if keyword.arg}
            elif name in {"log", "_log"} and node.args:
                for event in texts(node.args[0]):
                    found[event] |= fields(node)
    return found


def texts(node: ast.expr) -> list[str]:
    parts = (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,)
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


def fields(call: ast.Call) -> set[str]:
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    for keyword in call.keywords:
        if keyword.arg is None:
            calls = [n for n in ast.walk(keyword.value) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)]
            names |= {field for n in calls for field in SHARED.get(n.func.id, ())}
    return names


WRITTEN = written()


def test_every_event_of_the_table_is_written_and_no_other() -> None:
    assert set(WRITTEN) == set(EVENTS)


@pytest.mark.parametrize("event", sorted(WRITTEN))
def test_an_event_has_the_fields_of_the_table(event: str) -> None:
    assert WRITTEN[event] - set(EVENTS[event].fields) == set()
    assert not set(EVENTS[event].fields) & set(ALWAYS)


def test_the_page_knows_every_event_its_level_and_its_fields() -> None:
    rows = re.findall(r"^\| `([^`]+)` \| (\w+) \| .+ \| ((?:`\w+` ?)+) \|$", PAGE, re.MULTILINE)
    told = {event: (level, tuple(re.findall(r"\w+", names))) for event, level, names in rows}
    assert told == {event: (row.level, row.fields) for event, row in EVENTS.items()}


def test_no_field_holds_a_name_or_a_text() -> None:
    assert not {"file", "flow", "number", "supplier", "amount", "message", "text", "path"} & {
        field for row in EVENTS.values() for field in row.fields
    }


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    told = io.StringIO()
    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    monkeypatch.setattr(log, "sys", SimpleNamespace(stderr=told))
    return told


def test_a_line_is_one_object_with_its_level(lines: io.StringIO) -> None:
    write = opened()
    write("takeover", **lot_facts(Lot(5, "ABC001", "judge", 2)), kind="é\n\x1b[31m")
    write("fault", place="drop/ABC001")
    first, second = map(json.loads, lines.getvalue().splitlines())
    assert lines.getvalue().isascii()
    assert set(first) == {*ALWAYS, "partner", "lot", "attempt", "kind"}
    assert [first["level"], second["level"]] == ["warning", "error"]
    assert (first["partner"], first["lot"], first["attempt"]) == ("ABC001", 5, 2)


@pytest.mark.parametrize("asked", [None, "", "text"])
def test_nothing_is_written_unless_it_is_asked_for(monkeypatch: pytest.MonkeyPatch, asked: str | None) -> None:
    monkeypatch.delenv("CHORUS_EDI_LOG", raising=False)
    if asked is not None:
        monkeypatch.setenv("CHORUS_EDI_LOG", asked)
    assert opened() is silent


def test_work_goes_on_when_nobody_reads_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    monkeypatch.setattr(log, "sys", SimpleNamespace(stderr=Gone()))
    opened()("claim", lot=1)


def test_an_error_is_told_by_its_class_and_its_place_never_by_its_text() -> None:
    assert fault_facts(OSError(28, "No space left", "/drop/FACTURE-Dupont")) == {"fault": "OSError ENOSPC"}
    assert fault_facts(FileNotFoundError(2, "gone", "Dupont")) == {"fault": "FileNotFoundError ENOENT"}
    assert fault_facts(OSError("Dupont")) == {"fault": "OSError"}
    assert fault_facts(Fault("Dupont")) == {"fault": "Fault"}
    refused = RuntimeError("Dupont")
    refused.orig = SimpleNamespace(sqlstate="40001")  # type: ignore[attr-defined] - as SQLAlchemy wraps a driver's own
    assert fault_facts(refused) == {"fault": "RuntimeError 40001"}
    try:
        int("Dupont")
    except ValueError as error:
        facts = fault_facts(error)
    assert facts["fault"] == "ValueError"
    assert re.fullmatch(r"test_log\.py:\d+", str(facts["at"]))


def test_a_fault_that_is_said_again_is_logged_once() -> None:
    told: list[tuple[str, dict[str, log.Fact]]] = []
    summary = RunSummary()
    for _ in range(3):
        tell_fault(
            lambda event, **facts: told.append((event, facts)),
            summary,
            Said("x", "x"),
            "drop/ABC001",
            OSError(5, "Dupont"),
        )
    assert told == [("fault", {"place": "drop/ABC001", "fault": "OSError EIO"})]
    assert summary.faults == [Said("x", "x")]
