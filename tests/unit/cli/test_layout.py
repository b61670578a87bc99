"""Texts for people: aligned, folded, harmless."""

import sys

import pytest

from pipeline.cli import layout
from pipeline.cli.layout import columns, paragraph, shown, width


def test_columns_align_on_the_left_or_on_the_right():
    assert (
        columns([("nom", "n"), ("a", "1"), ("bb", "22")], right=frozenset({1})) == "nom   n\n---  --\na     1\nbb   22"
    )


def test_a_paragraph_folds_beside_its_label(monkeypatch):
    monkeypatch.setattr(layout, "width", lambda: 30)
    first, *others = paragraph("Lieu", "un deux trois quatre cinq six", indent=0).split("\n")
    assert first.startswith("Lieu" + " " * (layout.LABEL_WIDTH - 4) + "un")
    assert others
    assert all(line.startswith(" " * layout.LABEL_WIDTH) and len(line) <= 30 for line in others)


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("Société d'Œuvres 12 €", "Société d'Œuvres 12 €"),
        ("\x1b[31mrouge", "\\u001b[31mrouge"),
        ("a\u202eb", "a\\u202eb"),
        ("deux\nlignes", "deux\\u000alignes"),
        ("1\u00a0234\u202f€", "1\u00a0234\u202f€"),
        ("vide\u200b", "vide\\u200b"),
    ],
)
def test_text_of_others_cannot_play_with_the_terminal(text, harmless):
    assert shown(text) == harmless


def test_the_width_is_the_terminals_but_never_too_wide(monkeypatch):
    assert width() == 80
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "70")
    assert width() == 70
    monkeypatch.setenv("COLUMNS", "400")
    assert width() == 110
