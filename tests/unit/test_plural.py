"""Numbers and their words: both languages have their singular and plural, and no text leaves the choice to its reader."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.plural import counted

ROOT = Path(__file__).parents[2]
_LEFT_TO_THE_READER = re.compile(r"\w\((?:s|es|x)\)(?!:)")  # http(s):// is a scheme


@pytest.mark.parametrize(
    ("word", "lang", "said"),
    [
        ("dépôt", "fr", ("0 dépôt", "1 dépôt", "2 dépôts")),
        ("deposit", "en", ("0 deposits", "1 deposit", "2 deposits")),
        ("processus", "fr", ("0 processus", "1 processus", "2 processus")),
        ("en attente", "fr", ("0 en attente", "1 en attente", "2 en attente")),
        ("changement dont", "fr", ("0 changement dont", "1 changement dont", "2 changements dont")),
        (("facture lue", "factures lues"), "fr", ("0 facture lue", "1 facture lue", "2 factures lues")),
        (("row was", "rows were"), "en", ("0 rows were", "1 row was", "2 rows were")),
    ],
)
def test_zero_is_many_in_english_only(word: str | tuple[str, str], lang: str, said: tuple[str, str, str]) -> None:
    assert tuple(counted(count, word, lang) for count in range(3)) == said


def _texts(path: Path) -> Iterator[str]:
    source = path.read_text(encoding="utf-8")
    if _LEFT_TO_THE_READER.search(source):
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_no_text_says_both_numbers_at_once() -> None:
    files = [*(ROOT / "pipeline").rglob("*.py"), *(ROOT / "dags").rglob("*.py")]
    assert len(files) > 100
    assert [text for path in files for text in _texts(path) if _LEFT_TO_THE_READER.search(text)] == []
