"""Every fixture earns what it is about: all of them are dropped, read by real workers, judged, answered.

`tests/golden/corpus.tsv` keeps what each one earned; `pytest --update-golden` rewrites it.
"""

import fcntl
import io
import tarfile
from pathlib import Path

import pytest
from fixture_drops import Dropped, Earned, drop_all, drop_in

from fixtures.case import Case, flow_name
from fixtures.make import CASES, COMMITTED_BYTES_MAX, ROOT
from pipeline import codes, flows
from pipeline.codes import Severity

HEAD = "path\tstate\tintegrated/refused/pending\trules"
# A rule that bites harder or softer than its row says, by what the row's condition says of the case.
OTHER_SEVERITY = {
    "warned/ref-005/FSO1100A_XXX999_XXX9991100REF005000000002": {Severity.WARNING},  # error for the State alone
    "refused/off-003/FSO1100A_ZZZ777_ZZZ7771100OFF003000000001": {Severity.ERROR},  # off until a connection wants it
}
CHANGES = ("FSO1200A", "ACT9001A", "CTL9002A")  # statuses of recipients, actions and control files of issuers
PACKS = {"OFF-001", "OFF-002", "OFF-003", "OFF-004"}  # one row stands for all the rules of a pack, warnings included


@pytest.fixture(scope="session")
def dropped(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Dropped:
    """One run of everything, shared by the processes of pytest-xdist: the first to come does it."""
    if worker_id == "master":
        return drop_all(tmp_path_factory.mktemp("fixtures"))
    shared = tmp_path_factory.getbasetemp().parent / "fixtures.json"
    with shared.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not shared.is_file():
            shared.write_text(drop_all(tmp_path_factory.mktemp("fixtures")).json(), encoding="utf-8")
        return Dropped.parse(shared.read_text(encoding="utf-8"))


def kind(case: Case) -> str:
    return case.folder.partition("/")[0]


def test_no_fixture_meets_a_fault_of_ours_and_the_homes_add_up(dropped):
    assert dropped.faults == []
    assert dropped.broken == []
    assert dropped.idle
    assert set(dropped.earned) == {case.path for case in CASES}


def test_what_every_fixture_earns_is_what_the_corpus_says(dropped, golden):
    rows = [HEAD, *(dropped.earned[case.path].row for case in CASES)]
    golden("corpus.tsv", ("\n".join(rows) + "\n").encode())


def test_a_fixture_earns_the_rule_it_is_about_as_hard_as_its_row_says(dropped):
    wrong = {}
    for case in CASES:
        if case.about:
            expected = OTHER_SEVERITY.get(case.path, {codes.ALL[case.about].legacy})
            given = dropped.earned[case.path].severities(case.about)
            if not expected <= given or (given > expected and case.about not in PACKS):
                wrong[case.path] = (sorted(given), sorted(expected))
    assert wrong == {}


def test_a_refused_fixture_has_no_effect(dropped):
    wrong = []
    for case in (c for c in CASES if kind(c) == "refused"):
        earned = dropped.earned[case.path]
        is_partial = earned.state == "IN_INTEGRE_PARTIEL" and earned.refusals
        is_rejected = earned.state == "IN_REJETE" and not earned.integrated and not earned.pending
        if not (is_partial or is_rejected):
            wrong.append(earned)
    assert wrong == []


def test_a_warned_fixture_enters_waits_or_is_repeated(dropped):
    states = {"CMT-005": ("IN_EN_ATTENTE_TRAITEMENT_CPP", 0, 1), "FLW-006": ("repeated", 0, 0)}
    wrong = []
    for case in (c for c in CASES if kind(c) == "warned"):
        earned = dropped.earned[case.path]
        state, integrated, pending = states.get(case.about, ("IN_INTEGRE", 1, 0))
        if (earned.state, earned.integrated, earned.pending, earned.refusals) != (state, integrated, pending, []):
            wrong.append(earned)
    assert wrong == []


def test_an_accepted_fixture_enters_whole(dropped):
    accepted = [dropped.earned[case.path] for case in CASES if not case.about]
    wrong = [e for e in accepted if e.state != "IN_INTEGRE" or e.refusals or e.refused or e.pending or not e.integrated]
    assert wrong == []


def test_every_open_interface_code_has_an_example_that_enters():
    assert {case.folder for case in CASES if not case.about} == {*flows.open_codes(), *CHANGES}


@pytest.mark.parametrize("level", ["MINIMUM", "BASICWL", "BASIC", "EN16931", "EXTENDED", "CTCFR"])
def test_every_level_of_factur_x_has_an_example_that_enters(level):
    assert flow_name("FSO1117A", level) in {case.name for case in CASES if case.folder == "FSO1117A"}


def test_the_committed_files_are_those_the_generator_makes():
    stale = []
    for case in CASES:
        made = case.make()
        committed = ROOT / case.path
        if committed.is_file() != (len(made) <= COMMITTED_BYTES_MAX) or (
            committed.is_file() and committed.read_bytes() != made
        ):
            stale.append(case.path)
    assert stale == [], "run `make fixtures`"


def test_no_file_of_the_fixtures_is_unknown_to_the_generator():
    made = {case.path for case in CASES}
    found = {
        str(path.relative_to(ROOT))
        for top in ("refused", "warned", *flows.open_codes(), *CHANGES)
        for path in Path(ROOT, top).rglob("*")
        if path.is_file()
    }
    assert found <= made


# --- what no committed file can earn ----------------------------------------------------------------------------------


def test_a_member_above_the_limit_of_a_file_is_refused_alone(tmp_path, reader):
    name = f"FSO1100A/{flow_name('FSO1100A', 'ARCHIVE')}"
    case = next(case for case in CASES if case.path == name)
    with tarfile.open(fileobj=io.BytesIO(case.make())) as tar:
        sizes = sorted(member.size for member in tar)
    earned = _one(tmp_path, case, reader, flow={"file_bytes_max": sizes[-1] - 1})
    assert earned.severities("FIL-002") == {"error"}
    assert (earned.state, earned.integrated) == ("IN_INTEGRE_PARTIEL", 2)


def _one(path: Path, case: Case, reader: tuple[str, ...], **given: object) -> Earned:
    """One case in a home of its own, with settings of its own."""
    result = Dropped({}, [], [], True, 0.0)
    assert drop_in(path / "home", "directory", [(case.moment, [case])], result, given, reader)
    assert (result.faults, result.broken) == ([], [])
    return result.earned[case.path]
