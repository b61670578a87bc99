"""The night on a terminal and as JSON: within the width, differences one by one, today's keys as they were."""

import json
import re

import night_samples
import pytest

from pipeline.adapters.night.plain import objects
from pipeline.adapters.night.words import Words
from pipeline.cli import layout, night
from pipeline.cli.layout import json_line
from pipeline.reconcile.night import STAGES

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def said(lines: object) -> list[str]:
    return _COLOUR.sub("", "\n".join(lines)).replace("\u202f", " ").split("\n")  # type: ignore[call-overload]


@pytest.mark.parametrize("width", [60, 80, 110])
def test_nothing_but_a_name_that_stays_whole_is_wider_than_the_terminal(
    width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "width", lambda: width)
    monkeypatch.setattr(night, "width", lambda: width)
    found, words = night_samples.night(), Words("fr")
    for line in said([*night.figures(found, words), *night.differences(found, words)]):
        assert len(line) <= width or max(map(len, line.split())) > width - 10, line


def test_each_table_shows_the_figures_of_the_result(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(night, "width", lambda: 140)
    found, words = night_samples.night(), Words("fr")
    lines = said(night.figures(found, words))
    (row,) = (re.split(r"\s{2,}", line) for line in lines if line.startswith("TLM001"))
    first = found.rows[0]
    numbers = [f"{first.sum_of(stage).invoices:,}".replace(",", " ") for stage in STAGES]
    assert row == ["TLM001", "1 206", numbers[0], "58 671 570,25\u00a0€", *numbers[1:]]
    assert any(re.fullmatch(r"RTG-010 +erreur +1 704 +853 +1 704 +3", line) for line in lines)
    assert any(line.startswith("03 mise à disposition") and "31 199" in line for line in lines)


def test_differences_stand_one_by_one_with_their_next_step_and_the_outcome_is_last() -> None:
    lines = said(night.differences(night_samples.night(), Words("fr")))
    text = " ".join(" ".join(lines).split())
    assert "✘ Intégrée, sans pivot (1) TLM001/" in text
    assert "facture 73282932000074/F-2026-001 : intégrée, dans aucun pivot (1 204,50 €)" in text
    assert "→ demander à GAZ900 de déposer FSO1110A_TLM001_TLM0011110000000000000008" in text
    assert "• Fichier de out que rien n'explique (1)" in text
    assert text.endswith("✘ 17 écarts à traiter, 1 invariant rompu, 2 constats sans gravité, 1 source non lue")
    assert not any("\x1b" in line or "\u202e" in line for line in lines)


def test_of_very_many_differences_some_hundreds_are_shown_and_the_rest_counted() -> None:
    lines = said(night.differences(night_samples.crowded_night(30_000), Words("fr")))
    assert len(lines) < 5 * night.DIFFERENCES_MAX
    assert any("et 29 800 autres, voir le classeur et le CSV" in line for line in lines)
    assert any(line.startswith("✘ Compte rendu perdu (1)") for line in lines)


def test_sources_say_how_far_they_were_read() -> None:
    lines = said(night.compared(night_samples.night(), Words("fr")))
    assert lines[-2].startswith("? runs d'Airflow")
    assert lines[-2].endswith("non lu : aucun compte de lecture n'est réglé")
    assert sum(line.startswith("✔") for line in lines) == 12


def test_a_quiet_night_is_one_line() -> None:
    found, words = night_samples.quiet_night(), Words("en")
    assert said([*night.figures(found, words), *night.compared(found, words), *night.differences(found, words)]) == [
        "✔ Everything adds up"
    ]


def test_json_keeps_the_keys_of_today_and_tells_everything() -> None:
    found = night_samples.night()
    head, *rest = [json.loads(json_line(one)) for one in objects(found)]
    assert (head["day"], head["is_sound"], head["figures"]) == ("2026-11-20", False, {"deposits_received": 2_448})
    assert (head["red"], head["not_read"]) == (17, ["runs"])
    assert head["total"]["integrated"]["money"] == {
        "EUR": f"{found.total.integrated.money['EUR'] // 1_000_000}.25", "USD": "900.00",
    }  # fmt: skip
    assert all({"name", "ok", "detail", "count"} <= set(one) for one in rest)
    assert [one["name"] for one in rest[:3]] == ["deposits", "money EUR", "archive"]
    told = [one for one in rest if one["name"] == "difference"]
    assert [one["kind"] for one in told] == [one.kind.value for one in found.differences]
    assert [one["ok"] for one in told] == [not one.counts for one in found.differences]
    assert told[2]["amount"] == "1204.50"
    assert {one["name"] for one in rest} == {
        "deposits", "money EUR", "archive", "source", "partner", "interface", "recipient", "rule", "age", "term", "difference",
    }  # fmt: skip
