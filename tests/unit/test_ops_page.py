"""The pages of `docs/ops` know every sentence that operators may read, every line of `verify`, every command it names."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.cli.app import COMMANDS
from pipeline.reconcile import LINES, Line
from pipeline.terms import Terms

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/ops/README.md").read_text(encoding="utf-8")
PAGES = "\n".join(page.read_text(encoding="utf-8") for page in sorted((ROOT / "docs/ops").glob("*.md")))
# Not on the page: the mistakes in files of reference data, told with their line and remedy, and the details of `verify`,
# `audit verify` and `reconcile`, and slips of whoever types a search.
ELSEWHERE = re.compile(
    r"adapters/(table_|directory_|commitment_files|mapping_files)|routing/import_checks|running/mapping|reconcile/|audit/|cli/"
    r"|running/night"
    r"|search/|adapters/ledger/search"  # what was typed as a criterion: the sentence says what is expected
)
SAYS = {"Said": 0, "_fault": 0, "UnfitSheet": 0, "WrongSetting": 0}  # whose first argument is French
WORTH_CHARS = 8  # shorter pieces between two values are punctuation


def said_in_the_code() -> Iterator[tuple[str, str]]:
    """(where, a piece of a French sentence between two values) of all that the shell may say."""
    for path in sorted((ROOT / "pipeline").rglob("*.py")):
        name = path.relative_to(ROOT / "pipeline").as_posix()
        if ELSEWHERE.match(name):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in SAYS and node.args:
                for piece in literal_pieces(node.args[0]):
                    if len(piece.strip(" ;:.,()'")) >= WORTH_CHARS:
                        yield f"{name}:{node.lineno}", piece.strip()


def literal_pieces(node: ast.expr) -> list[str]:
    parts = node.values if isinstance(node, ast.JoinedStr) else [node]
    return [part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str)]


SAID = sorted(set(said_in_the_code()))


def test_the_sentences_of_the_code_are_found() -> None:
    modules = {where.partition(":")[0] for where, _ in SAID}
    assert {
        "runner.py",
        "settings.py",
        "running/intake_unit.py",
        "adapters/artefacts.py",
        "workers/saxon_server.py",
    } <= modules
    assert len(SAID) > 60


@pytest.mark.parametrize(("where", "piece"), SAID, ids=[where for where, _ in SAID])
def test_every_fault_and_notice_stands_on_the_page(where: str, piece: str) -> None:
    assert piece in PAGES


@pytest.mark.parametrize("name", LINES)
def test_every_line_of_verify_stands_on_the_page_with_the_label_that_is_printed(name: str) -> None:
    name = "money EUR" if name == "money" else name
    assert f"| `{name}` | `{Line(name, True, LINES['leases'].remedy).label.fr}` |" in PAGE


def test_every_command_that_the_page_names_exists() -> None:
    named = set(re.findall(r"chorus-edi ([a-z][a-z-]+)", PAGES))
    assert len(named) > 5
    assert named <= set(COMMANDS)


def test_the_settings_shown_are_settings_that_load(tmp_path: Path) -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert len(examples) == 2
    for example in examples:
        (tmp_path / "settings.toml").write_text(example, encoding="utf-8")
        assert settings.load(tmp_path).terms() != Terms()
