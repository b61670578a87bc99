"""Kill -9 in the middle of a lot: a task, a whole worker, a supervisor, the scheduler, the database.

Each time somebody alive holds the lot again within a minute, everything is answered once, and `verify` is green.
"""

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from slow.airflow_stack import PARTNER, Issuer, Stack, flow

from pipeline.launcher import processes
from pipeline.launcher.processes import Process

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
FLOWS, INVOICES = 6, 500  # one lot of 10 to 20 s
HELD_S = 60.0
DONE_S = 240.0
_sequence = count(1)


@dataclass(frozen=True)
class Lot:
    """A lot in the hands of a task."""

    number: int
    attempt: int
    task: Process
    supervisor: Process


@pytest.fixture
def lot(stack: Stack, tmp_path: Path) -> Iterator[Lot]:
    """Six flows are dropped, and a task has begun to judge them; at the end all are answered, once, and all is sound."""
    before = stack.answered()
    paths = [flow(tmp_path, PARTNER, next(_sequence), INVOICES) for _ in range(FLOWS)]
    with Issuer(stack.sshd, PARTNER) as issuer:
        earlier = set(issuer.reports())
        for path in paths:
            issuer.upload(path)
        for path in paths:
            issuer.rename(path.name)
        yield in_the_middle(stack)
        took = stack.wait(
            lambda: stack.answered() == before + FLOWS and stack.unsent() == 0 and not stack.open_lots(),
            DONE_S, "not every flow is answered",
        )  # fmt: skip
        print(f"everything answered {took:.0f} s later")
        assert len(set(issuer.reports()) - earlier) == FLOWS
    assert stack.broken() == []
    stack.wait(lambda: stack.command("airflow", "status").returncode == 0, 120, "Airflow is not well again")


def in_the_middle(stack: Stack) -> Lot:
    """A lot that is being judged: its readers are at work."""
    found: list[Lot] = []

    def begun() -> bool:
        for number, (attempt, token) in stack.open_lots().items():
            task = stack.holder(token)
            if task is not None and children(task):
                found.append(Lot(number, attempt, processes.born(task), processes.born(parent(task))))
                return True
        return False

    stack.wait(begun, 120, "nobody judges what was dropped")
    time.sleep(1)  # a second of work is to be lost
    return found[0]


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def children(pid: int) -> list[int]:
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]


def held_after(stack: Stack, lot: Lot, *killed: Process) -> None:
    """-9 for these; within a minute a process that lives holds the lot, or nothing of it is left to do."""
    began = time.monotonic()
    for process in killed:
        process.send(signal.SIGKILL)
    stack.wait(lambda: not any(process.is_alive for process in killed), 10, "they do not end")

    def is_held() -> bool:
        now = stack.open_lots().get(lot.number)
        if now is None:
            return True  # it was closed: by its own worker, or by one that took it over
        attempt, token = now
        return stack.holder(token) is not None and (attempt > lot.attempt or lot.task.is_alive)

    stack.wait(is_held, HELD_S, "nobody has taken the lot over")
    print(
        f"held after {time.monotonic() - began:.1f} s, {'taken over' if taken_over(stack, lot) else 'by the same task'}"
    )


def taken_over(stack: Stack, lot: Lot) -> bool:
    return int(stack.ledger(f"SELECT attempt FROM lots WHERE id = {lot.number}")[0][0]) > lot.attempt


def test_a_killed_task_gives_its_lot_to_another(stack: Stack, lot: Lot) -> None:
    held_after(stack, lot, lot.task)
    assert taken_over(stack, lot)


def test_a_killed_worker_with_its_task_gives_its_lot_to_another(stack: Stack, lot: Lot) -> None:
    held_after(stack, lot, lot.supervisor, lot.task)
    assert taken_over(stack, lot)


def test_a_task_whose_supervisor_was_killed_ends_its_lot_or_loses_it_and_nothing_is_done_twice(
    stack: Stack, lot: Lot
) -> None:
    held_after(stack, lot, lot.supervisor)


def test_a_killed_scheduler_is_replaced_and_its_task_goes_on(stack: Stack, lot: Lot) -> None:
    before = stack.run().components["scheduler"].process
    held_after(stack, lot, before)
    stack.wait(lambda: stack.run().components["scheduler"].process != before, 60, "no new scheduler")


def test_a_killed_scheduler_with_all_its_tasks_gives_the_lot_to_another(stack: Stack, lot: Lot) -> None:
    run = stack.run()
    held_after(stack, lot, *processes.sessions([run.components["scheduler"].process], run.mark).popitem()[1])
    assert taken_over(stack, lot)


def test_a_database_that_stops_at_once_and_comes_back_loses_nothing(stack: Stack, lot: Lot) -> None:
    stack.postgres.stop(now=True)
    time.sleep(3)
    stack.postgres.start()
    back = datetime.now(UTC)
    held_after(stack, lot)
    stack.wait(lambda: all_heard_since(stack, back), 120, "a component is deaf since the database was away")


def all_heard_since(stack: Stack, moment: datetime) -> bool:
    """For half a minute after its last word Airflow calls a component healthy, deaf or not; so who has spoken since?"""
    kinds = "('SchedulerJob', 'TriggererJob', 'DagProcessorJob')"
    rows = stack.metadata(f"SELECT max(latest_heartbeat) FROM job WHERE job_type IN {kinds} GROUP BY job_type")
    return len(rows) == 3 and all(heard > moment for (heard,) in rows)
