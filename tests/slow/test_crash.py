"""The crash campaign, shortly: some steps of each part, spread over all of it. `make crash` takes every one."""

import os
from collections.abc import Iterator

import pytest
from services import missing

from bench.crash import tracing
from bench.crash.chance import RandomKills
from bench.crash.changes import ChangesKilledAtCalls, ChangesStatements
from bench.crash.disk import FullDisk
from bench.crash.forks import Forks
from bench.crash.network import KilledWhileFetchedOverSftp, PostgresLink, S3Link, SftpLink
from bench.crash.part import Part, Unavailable, spread
from bench.crash.readers import warm
from bench.crash.state import PartState
from bench.crash.statements import Statements
from bench.crash.syscalls import FailedCalls, KilledAtCalls, KilledWhileFetched, ReaderKilledAtCalls

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FEWEST = 0.9  # of the steps hit: two runs do not make the very same calls, and the last of a kind may not come again


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with warm() as reader, Forks(reader) as made:
        yield made


def taken(part: Part, count: int) -> PartState:
    """So many steps of a part, evenly; what is wrong after any of them fails the test."""
    told = PartState(part.name, "")
    try:
        with part:
            for key in spread(list(part.steps()), count):
                told.add(key, part.do(key), 0.0)
    except Unavailable as reason:
        missing(str(reason))
    print(told.counts, f"worst recovery {told.worst_s:.2f} s")
    assert told.problems == []
    return told


@pytest.fixture
def traced() -> None:
    if reason := tracing.why_not():
        missing(reason)


@pytest.mark.usefixtures("traced")
def test_a_run_killed_before_a_call_that_writes_loses_nothing(forks: Forks) -> None:
    assert taken(KilledAtCalls(forks), 30).counts["kills"] >= FEWEST * 30


@pytest.mark.usefixtures("traced")
def test_a_run_killed_while_its_answers_are_fetched_sends_none_twice(forks: Forks) -> None:
    assert taken(KilledWhileFetched(forks), 20).counts["kills"] >= FEWEST * 20


@pytest.mark.usefixtures("traced")
def test_a_reader_killed_before_a_call_that_writes_is_replaced(forks: Forks) -> None:
    assert taken(ReaderKilledAtCalls(forks), 4).counts["kills"] >= 1


@pytest.mark.usefixtures("traced")
def test_a_call_that_fails_is_a_fault_and_the_next_run_does_the_rest(forks: Forks) -> None:
    told = taken(FailedCalls(forks), 20)
    assert told.counts["errors"] >= FEWEST * 20
    assert told.counts["faults"] >= 4


@pytest.mark.skipif(os.geteuid() != 0, reason="to mount a small disk needs root")
def test_a_disk_that_is_full_is_a_fault_and_the_next_run_does_the_rest(forks: Forks) -> None:
    assert taken(FullDisk(forks), 12).counts["faults"] >= 3


def test_a_link_cut_at_a_statement_and_a_run_killed_there_lose_nothing(forks: Forks) -> None:
    told = taken(Statements(forks), 20)
    assert told.counts["kills"] + told.counts["cuts"] >= FEWEST * 20


def test_a_run_killed_while_it_pulls_and_pushes_sends_nothing_twice(forks: Forks) -> None:
    assert taken(KilledWhileFetchedOverSftp(forks), 8).counts["kills"] >= 6


@pytest.mark.parametrize("link", [SftpLink, PostgresLink, S3Link])
def test_a_link_that_fails_at_any_byte_costs_a_run_and_nothing_else(forks: Forks, link: type[Part]) -> None:
    assert taken(link(forks), 8).counts["cuts"] >= 6


def test_two_workers_killed_a_hundred_times_at_random_lose_nothing(forks: Forks) -> None:
    part = RandomKills(forks)
    part.homes, part.flows, part.kills = 1, 1_000, 100
    assert taken(part, 1).counts["kills"] >= 100


@pytest.mark.usefixtures("traced")
def test_a_status_file_and_an_action_file_are_applied_once_whatever_dies(forks: Forks) -> None:
    assert taken(ChangesKilledAtCalls(forks), 6).counts["kills"] >= FEWEST * 6


def test_changes_are_applied_once_whatever_becomes_of_the_link_to_the_ledger(forks: Forks) -> None:
    told = taken(ChangesStatements(forks), 5)
    assert told.counts["kills"] + told.counts["cuts"] >= FEWEST * 5
