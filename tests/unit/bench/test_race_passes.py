"""The measuring rules: enough passes, the same documents for all, no figure without agreement."""

import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from bench.race import contenders, report
from bench.race.contenders import UBL, Contender
from bench.race.documents import Corpus
from bench.race.entrant import Took
from bench.race.growth import Grown
from bench.race.passes import Outcome, Ran, Ratio, hold, ratio
from fixtures import ubl
from fixtures.batch import RECIPIENTS
from fixtures.content import Series

CORE = max(os.sched_getaffinity(0))
SERIES = Series(seed=3, recipients=RECIPIENTS)
CORPUS = Corpus("the test", tuple(ubl.write(SERIES.next(guideline=ubl.EN16931)) for _ in range(3)), 0, 0)
# a contender that finds what nobody else finds
LIES = """
from bench.race.frames import serve
serve(lambda: (lambda document: {("BR-XX", "fatal", "/Invoice[1]")}, ["liar 1"]))
"""


def race(*more: Contender) -> Outcome:
    return hold(UBL, [contenders.floor(UBL), contenders.saxonche(UBL, "installed"), *more], CORPUS, 9, CORE, str)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    absent = Contender("jvm", "warm JVM", missing="no java; bin/race-peers installs it")
    dying = Contender("ours", "ours", (sys.executable, "-c", "raise SystemExit('3 of 9 rules are not compiled')"))
    lying = Contender("liar", "a liar", (sys.executable, "-c", LIES))
    return race(absent, dying, lying)


def test_a_median_of_fewer_than_nine_passes_is_refused():
    with pytest.raises(ValueError, match="8 passes"):
        hold(UBL, [], CORPUS, 8, CORE, str)


def test_a_jvm_is_warmed_by_2500_documents_whatever_their_count(tmp_path, monkeypatch):
    monkeypatch.setattr(contenders, "_JAVA_FOLDER", tmp_path)
    for jar in contenders.JARS:
        (tmp_path / jar).touch()
    (tmp_path / "classes").mkdir()
    monkeypatch.setattr(contenders.shutil, "which", lambda name: name)
    found = next(one for one in contenders.field_of(UBL, tmp_path, tmp_path) if one.key == "jvm")
    assert found.missing == ""
    assert found.warm_documents == 2_500


def test_every_contender_that_runs_goes_over_the_same_documents_in_every_pass(outcome):
    ran = [one for one in outcome.ran if one.has_run]
    assert [one.contender.key for one in ran] == ["floor", "saxonche", "liar"]
    assert {len(one.passes) for one in ran} == {9}
    assert {one.warmed_by for one in ran} == {30}


def test_a_contender_that_cannot_run_is_named_with_its_reason(outcome):
    assert {one.contender.key: one.missing for one in outcome.ran if not one.has_run} == {
        "jvm": "no java; bin/race-peers installs it",
        "ours": "3 of 9 rules are not compiled",
    }
    table = report.tables(outcome)
    assert "not run: warm JVM: no java; bin/race-peers installs it" in table
    assert "not run: ours: 3 of 9 rules are not compiled" in table


def test_engines_that_do_not_agree_are_told_document_by_document(outcome):
    assert len(outcome.differences) == 3
    assert "BR-XX at /Invoice[1] by liar only" in outcome.differences[0]
    assert "the same hits from 2 contenders: NO" in report.tables(outcome)


def test_the_floor_is_not_held_to_find_anything(outcome):
    assert outcome.compared == 2  # saxonche and the liar


def test_keys_whose_contender_did_not_run_are_null_and_none_is_absent(outcome):
    told = json.loads(json.dumps(report.figures([outcome], [])))
    for key in ("en16931_ubl_ms", "en16931_ubl_vs_saxonche", "en16931_ubl_vs_saxonche_min", "en16931_ubl_vs_jvm"):
        assert told[key] is None
    assert told["en16931_ubl_floor_ms"] > 0
    assert told["missing"]["en16931_ubl: ours"] == "3 of 9 rules are not compiled"
    assert told["en16931_ubl_differences"] == 3


def test_a_ratio_is_the_median_of_the_ratios_of_the_passes():
    # the machine was slow in the second pass, for both: the ratio is not moved
    assert ratio([10.0, 100.0, 40.0], [1.0, 10.0, 2.0]) == Ratio(median=10.0, least=10.0, most=20.0)


def test_figures_compare_processor_time_and_tell_the_clock_beside_it():
    def ran(key: str, *took: tuple[float, float]) -> Ran:
        return Ran(Contender(key, key), passes=[Took(*one) for one in took], versions="1")

    ours, other = ran("ours", (1.0, 2.0), (2.0, 2.0)), ran("saxonche", (20.0, 60.0), (44.0, 60.0))
    told = report.figures([Outcome(UBL, CORPUS, [ours, other])], [])
    assert told["en16931_ubl_ms"] == 1.5
    assert (told["en16931_ubl_vs_saxonche"], told["en16931_ubl_vs_saxonche_wall"]) == (21.0, 30.0)
    assert (told["en16931_ubl_vs_saxonche_min"], told["en16931_ubl_vs_saxonche_max"]) == (20.0, 22.0)


def test_growth_is_the_time_of_10000_lines_over_that_of_1000():
    race = contenders.GROWTH["cii"]
    grown = Grown(race, contenders.ours(race), 1, {10: 1.0, 1_000: 50.0, 10_000: 525.0})
    assert grown.growth == 10.5
    told = report.figures([], [grown, replace(grown, best_ms={}, missing="gone")])
    assert told["lines_cii_ours_10000_over_1000"] is None
    assert told["missing"] == {"lines_cii_ours": "gone"}


def test_the_command_refuses_a_race_too_short_to_be_told():
    asked = [sys.executable, "-m", "bench.race", "--passes", "3"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "--passes 3: a median needs 9" in done.stderr
