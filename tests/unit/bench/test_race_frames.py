"""A contender is a process of its own: what it is told, what it answers, how it ends."""

import os
import sys

import pytest

from bench.race import contenders
from bench.race.contenders import UBL, Contender
from bench.race.entrant import Ended, Entrant
from fixtures import ubl
from fixtures.content import Content

CORE = max(os.sched_getaffinity(0))
INVOICE = ubl.write(Content("F-1", guideline=ubl.EN16931))
SAYS = """
from bench.race.frames import serve
def judge(document):
    return {("R-1", "fatal", document.decode()), ("R-2", "", "/a[1]")} if document else "stopped"
serve(lambda: (judge, ["liar 1", "python 3"]))
"""


def python(source: str) -> Contender:
    return Contender("other", "another", (sys.executable, "-c", source))


def test_a_document_is_judged_when_a_pass_goes_over_it_and_not_before():
    with Entrant(contenders.floor(UBL), CORE) as entrant:
        assert entrant.ready().startswith("lxml ")
        entrant.keep([INVOICE, b"<not xml", INVOICE.replace(b"<cbc:ID>", b"<cbc:Id>"), INVOICE])
        took = entrant.run([2, 1, 0])
        assert [verdict.state for verdict in entrant.verdicts()] == ["ok", "refused", "refused", ""]
        assert 0 < took.cpu_ms < 1_000
        assert took.wall_ms > 0


def test_rules_flags_and_places_come_back_as_they_were_found():
    with Entrant(python(SAYS), CORE) as entrant:
        assert entrant.ready() == "liar 1, python 3"
        entrant.keep([b"/Invoice[1]", b""])
        entrant.run([0, 1])
        found, stopped = entrant.verdicts()
    assert found.hits == {("R-1", "fatal", "/Invoice[1]"), ("R-2", "", "/a[1]")}
    assert (stopped.state, stopped.is_complete) == ("stopped", False)


def test_a_contender_runs_on_the_one_core_it_was_given():
    where = "import os\nfrom bench.race.frames import serve\nserve(lambda: (set, map(str, os.sched_getaffinity(0))))"
    with Entrant(python(where), CORE) as entrant:
        assert entrant.ready() == str(CORE)
    assert CORE in os.sched_getaffinity(0)


def test_the_reason_why_a_contender_ended_is_the_last_thing_it_said():
    dying = python("raise SystemExit('facturx-x: 3 of 9 rules are not compiled')")
    with Entrant(dying, CORE) as entrant, pytest.raises(Ended, match="facturx-x: 3 of 9 rules are not compiled"):
        entrant.ready()


def test_a_contender_that_prints_does_not_spoil_its_answers():
    noisy = SAYS.replace("    return", "    print('noise')\n    return", 1)
    with Entrant(python(noisy), CORE) as entrant:
        entrant.ready()
        entrant.keep([b"x"])
        entrant.run([0])
        assert entrant.verdicts()[0].is_complete


def test_memory_is_that_of_the_contender():
    with Entrant(python(f"kept = bytearray(60_000_000)\n{SAYS}"), CORE) as entrant:
        entrant.ready()
        assert 60 < entrant.peak_mb() < 200
