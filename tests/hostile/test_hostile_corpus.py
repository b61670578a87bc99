"""Every hostile file through `check` and, with every hostile drop, through the runner on a home of its own."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hostile import campaign, mutated, watched
from hostile.canary import Canary
from hostile.case import Case, Outcome, Site, differences
from hostile.corpus import FILES
from hostile.drops import DROPS, POSSIBLE
from hostile.ground import prepared
from services import missing

from bench.fuzz.mutants import Mutant
from bench.fuzz.product import Product

QUICK = tuple(one for one in FILES if not one.heavy)
HEAVY = tuple(one for one in FILES if one.heavy)


@pytest.fixture(scope="module")
def judge() -> Iterator[campaign.Offline]:
    with campaign.offline() as opened:
        yield opened


@pytest.fixture(autouse=True)
def nobody_writes_where_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "standing").mkdir()
    monkeypatch.chdir(tmp_path / "standing")
    yield
    assert os.listdir(tmp_path / "standing") == []


def tried(case: Case, folder: Path, site: Site, judge: campaign.Offline, canary: Canary) -> list[str]:
    wrong = campaign.check(case, folder, site, judge)
    return wrong + [f"made outside: {name}" for name in os.listdir(site.outside)] + canary.hits


@pytest.mark.parametrize("case", QUICK, ids=lambda case: case.id)
def test_check_answers_it_as_the_threat_tables_say(
    case: Case, tmp_path: Path, site: Site, judge: campaign.Offline, canary: Canary
) -> None:
    assert tried(case, tmp_path, site, judge, canary) == []


@pytest.mark.slow
@pytest.mark.parametrize("case", HEAVY, ids=lambda case: case.id)
def test_check_answers_what_weighs_much(
    case: Case, tmp_path: Path, site: Site, judge: campaign.Offline, canary: Canary
) -> None:
    assert tried(case, tmp_path, site, judge, canary) == []


@pytest.mark.shell
def test_the_runner_answers_all_of_them_at_once_and_nobody_else_notices(tmp_path: Path) -> None:
    if not watched.is_possible():
        missing("strace is not installed")
    with prepared(tmp_path / "ground") as ground:
        wrong, _ = campaign.through_runner(ground, QUICK, [one for one in POSSIBLE if not one.heavy])
    assert wrong == {}
    if POSSIBLE != DROPS:
        missing("not root, who alone can make a device and files of others: those were left out")


@pytest.mark.slow
def test_the_runner_answers_what_weighs_much(tmp_path: Path) -> None:
    if not watched.is_possible():
        missing("strace is not installed")
    with prepared(tmp_path / "ground") as ground:
        wrong, _ = campaign.through_runner(ground, HEAVY, [one for one in POSSIBLE if one.heavy])
    assert wrong == {}


@pytest.mark.slow
def test_the_runner_answers_a_thousand_mutants_as_check_answers_them(tmp_path: Path) -> None:
    if not watched.is_possible():
        missing("strace is not installed")
    with prepared(tmp_path / "ground") as ground:
        assert mutated.through_runner(ground, 1_000) == []


# --- that it sees what it looks for -----------------------------------------------------------------------------------

SOUND = next(one for one in QUICK if one.id == "set-uid")


def test_an_answer_that_is_not_the_expected_one_is_seen(tmp_path: Path, site: Site) -> None:
    path = tmp_path / SOUND.name
    path.write_bytes(SOUND.make(site))
    with campaign.offline() as judge:
        verdict = judge.judge(path)
        [late] = campaign.check(
            replace(SOUND, rules=("DUP-002",), expected=Outcome.INV, seconds=0.0), tmp_path, site, judge
        )
    assert late.startswith("took ")
    assert differences(SOUND, verdict) == []
    for expected, told in (
        ({"rules": ("ENV-003",)}, "refused by nothing, expected ENV-003"),
        ({"warned": ("FIL-005",)}, "warned by nothing, expected FIL-005"),
        ({"expected": Outcome.FLOW}, "state IN_INTEGRE, expected FLOW"),
        ({"number": "H-1"}, f"numbers ['{SOUND.number}'], expected 'H-1'"),
    ):
        assert told in differences(replace(SOUND, **expected), verdict)  # type: ignore[arg-type]


def test_a_traceback_is_seen(tmp_path: Path, site: Site) -> None:
    class Broken(campaign.Offline):
        def __init__(self) -> None: ...

        def judge(self, path: Path) -> dict[str, Any]:
            raise KeyError(path.name)

    assert campaign.check(SOUND, tmp_path, site, Broken()) == [f"KeyError: '{SOUND.name}'"]


def test_what_a_process_should_not_do_is_seen(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.write_text(
        f"""\
1 execve("{sys.executable}", ["python", "-m", "pipeline.workers.read_worker"], 0x7f /* 9 vars */) = 0
1 execve("/bin/sh", ["sh", "-c", "id"], 0x7f /* 9 vars */) = 0
2 openat(AT_FDCWD</home>, "kept/a", O_RDWR|O_CREAT, 0600) = 3</home/kept/a>
2 openat(AT_FDCWD</home>, "../tmp/x", O_WRONLY|O_CREAT, 0600) = 3</tmp/x>
2 openat(AT_FDCWD</home>, "/etc/shadow", O_RDONLY) = 3</etc/shadow>
2 openat(AT_FDCWD</home>, "/tmp/y", O_WRONLY|O_CREAT, 0600) = -1 EACCES (Permission denied)
2 connect(3<socket:[1]>, {{sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("10.0.0.1")}}, 16) = 0
2 rename("/home/kept/a", "/tmp/z") = 0
""",
        "ascii",
    )
    seen = watched.Watched.read(trace)
    assert [one.split(",")[0] for one in seen.foreign_programs()] == ['"/bin/sh"']
    assert seen.written_elsewhere([Path("/home/kept")]) == ["/tmp/x", "/tmp/z"]
    assert seen.opened([Path("/etc/shadow")]) == ["/etc/shadow"]
    assert len(seen.asked()) == 1
    assert watched.Watched.read(tmp_path / "nothing").calls is None


def test_a_runner_that_is_milder_than_check_is_seen() -> None:
    accepted = {"state": "IN_INTEGRE", "findings": [], "invoices": []}
    with Product() as product:
        broken = Mutant(1, "xml bytes", SOUND.name, b"<Invoice")
        assert len(list(mutated._milder(accepted, product, broken))) == 2
