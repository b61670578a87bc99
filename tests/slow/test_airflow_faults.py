"""What Airflow does wrong by itself, and what people do with it: events that are lost or come twice, runs side by side,
tasks that are cleared, a disk that is full, a DAG processor that dies. Each flow has one deposit and one report."""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from slow.airflow_stack import PARTNER, Issuer, Stack, flow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FULL = "FUL004"
DAGS = ("edi_intake", "edi_process", "edi_returns")
REPORT_S = 60.0
AGAIN_S = 90.0  # a file that still lies there is told again after 30 s
_sequence = count(701)


@pytest.fixture
def issuer(stack: Stack) -> Iterator[Issuer]:
    with Issuer(stack.sshd, PARTNER) as opened:
        opened.fetched.update(dict.fromkeys(opened.reports(), 0.0))
        yield opened


def answered(
    stack: Stack, issuer: Issuer, folder: Path, seconds: float = REPORT_S, beside: Callable[[], object] = lambda: None
) -> str:
    """Drop one flow, do something at that moment, wait for its report; the name of the flow."""
    dropped = flow(folder, issuer.code, next(_sequence))
    issuer.upload(dropped)
    at = issuer.rename(dropped.name)
    beside()
    report, took = issuer.await_report(folder, at, seconds)
    print(f"answered after {took:.1f} s")
    assert dropped.name.encode() in report.read_bytes()
    return dropped.name


def traces(stack: Stack, name: str) -> tuple[int, int, int]:
    """How many deposits, verdicts and reports a flow has."""
    rows = stack.ledger(
        "SELECT count(DISTINCT d.id), count(DISTINCT v.deposit_id), count(DISTINCT o.name) FROM deposits d "
        "LEFT JOIN verdicts v ON v.deposit_id = d.id LEFT JOIN outbox o ON o.deposit_id = d.id AND o.kind = 'CSO' "
        f"WHERE d.name = '{name}'"
    )
    deposits, verdicts, reports = rows[0]
    return deposits, verdicts, reports


def quiet(stack: Stack) -> None:
    """Wait until no run is queued or at work."""
    busy = "SELECT count(*) FROM dag_run WHERE state IN ('queued', 'running')"
    stack.wait(lambda: stack.metadata(busy)[0][0] == 0, 120, "runs do not end")


def trigger(stack: Stack, dag: str) -> None:
    stack.ask("POST", f"dags/{dag}/dagRuns", {"logical_date": None})


def standing(stack: Stack) -> dict[str, object]:
    """What must not change when a task is done again."""
    tables = ("deposits", "verdicts", "invoices", "findings", "transitions", "outbox", "number_claims")
    counts = {table: stack.ledger(f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    files = {path: path.stat().st_mtime_ns for path in (stack.home / "drop").glob("*/out/*")}
    return {**counts, "files": files, "states": stack.ledger("SELECT place, name, state FROM outbox ORDER BY 1, 2")}


def test_a_flow_is_answered_while_the_dag_processor_is_dead_and_it_comes_back(
    stack: Stack, issuer: Issuer, tmp_path: Path
) -> None:
    before = stack.run().components["dag-processor"].process
    before.send(signal.SIGKILL)
    name = answered(stack, issuer, tmp_path)
    assert traces(stack, name) == (1, 1, 1)
    stack.wait(
        lambda: stack.run().is_up("dag-processor") and stack.run().components["dag-processor"].process != before,
        60, "no new DAG processor",
    )  # fmt: skip


def test_two_runs_on_one_file_make_one_deposit(stack: Stack, issuer: Issuer, tmp_path: Path) -> None:
    def both() -> None:
        for dag in (*DAGS[:2], *DAGS[:2]):
            trigger(stack, dag)

    name = answered(stack, issuer, tmp_path, beside=both)
    quiet(stack)
    assert traces(stack, name) == (1, 1, 1)
    assert len(issuer.reports()) == len(issuer.fetched)


def test_two_events_for_one_drop_make_one_deposit(stack: Stack, issuer: Issuer, tmp_path: Path) -> None:
    (asset,) = [number for (number,) in stack.metadata("SELECT id FROM asset WHERE name = 'edi_drop'")]
    before = stack.metadata(f"SELECT count(*) FROM asset_event WHERE asset_id = {asset}")[0][0]

    def twice() -> None:
        for _ in range(2):
            stack.ask("POST", "assets/events", {"asset_id": asset, "extra": {}})

    name = answered(stack, issuer, tmp_path, beside=twice)
    quiet(stack)
    assert stack.metadata(f"SELECT count(*) FROM asset_event WHERE asset_id = {asset}")[0][0] >= before + 2
    assert traces(stack, name) == (1, 1, 1)
    assert len(issuer.reports()) == len(issuer.fetched)


def test_tasks_that_are_cleared_and_done_again_change_nothing(stack: Stack, issuer: Issuer, tmp_path: Path) -> None:
    name = answered(stack, issuer, tmp_path)
    stack.wait(lambda: stack.unsent() == 0, 60, "something is not sent")
    quiet(stack)
    before, since = standing(stack), datetime.now(UTC)
    for dag in DAGS:
        newest = (
            f"SELECT run_id FROM dag_run WHERE dag_id = '{dag}' AND state = 'success' ORDER BY end_date DESC LIMIT 1"
        )
        ((run,),) = stack.metadata(newest)
        cleared = stack.ask(
            "POST", f"dags/{dag}/clearTaskInstances",
            {"dry_run": False, "dag_run_id": run, "only_failed": False, "reset_dag_runs": True},
        )  # fmt: skip
        assert cleared["total_entries"] >= 1
        again = f"SELECT count(*) FROM dag_run WHERE run_id = '{run}' AND dag_id = '{dag}' AND state = 'success' AND "
        again += f"end_date > '{since.isoformat()}'"
        stack.wait(lambda again=again: stack.metadata(again)[0][0] == 1, 60, f"{dag} does not end well again")  # type: ignore[misc]
    quiet(stack)
    assert standing(stack) == before
    assert traces(stack, name) == (1, 1, 1)
    assert stack.broken() == []


@contextmanager
def lost_events(stack: Stack) -> Iterator[Callable[[], int]]:
    """Airflow writes down what happened and wakes nobody; gives how often that was so."""
    for statement in (
        "CREATE TABLE lost_wakes (asset_id integer)",
        "CREATE FUNCTION lose_wake() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN INSERT INTO lost_wakes VALUES (NEW.asset_id); RETURN NULL; END $$",
        "CREATE TRIGGER lose_wake BEFORE INSERT ON asset_dag_run_queue FOR EACH ROW EXECUTE FUNCTION lose_wake()",
    ):
        stack.metadata(statement)
    try:
        yield lambda: int(stack.metadata("SELECT count(*) FROM lost_wakes")[0][0])
    finally:
        stack.metadata("DROP TRIGGER lose_wake ON asset_dag_run_queue")
        stack.metadata("DROP FUNCTION lose_wake")
        stack.metadata("DROP TABLE lost_wakes")


def test_an_event_that_is_lost_costs_half_a_minute(stack: Stack, issuer: Issuer, tmp_path: Path) -> None:
    def lose() -> None:
        with lost_events(stack) as lost:
            issuer.rename(dropped.name)
            stack.wait(lambda: lost() > 0, 30, "nobody was to be woken")

    dropped = flow(tmp_path, PARTNER, next(_sequence))
    issuer.upload(dropped)
    quiet(stack)
    at = time.monotonic()
    lose()
    report, took = issuer.await_report(tmp_path, at, AGAIN_S)
    print(f"answered after {took:.1f} s")
    assert dropped.name.encode() in report.read_bytes()
    assert traces(stack, dropped.name) == (1, 1, 1)


@contextmanager
def full(folder: Path) -> Iterator[Path]:
    """The folder on a disk of its own, of which nothing is free; gives the file that fills it."""
    owner = folder.stat()
    options = f"size=256k,mode={owner.st_mode & 0o777:o},uid={owner.st_uid},gid={owner.st_gid}"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "full", folder], check=True)
    try:
        filler = folder / ".filler.part"
        with pytest.raises(OSError, match="No space"), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield filler
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def test_a_disk_that_is_full_is_a_red_task_and_the_report_goes_when_there_is_room(stack: Stack, tmp_path: Path) -> None:
    stack.add_partner(FULL)
    retried = "SELECT count(*) FROM task_instance WHERE dag_id = 'edi_process' AND state = 'up_for_retry'"
    with Issuer(stack.sshd, FULL) as issuer, full(stack.home / "drop" / FULL / "out") as filler:
        dropped = flow(tmp_path, FULL, next(_sequence))
        at = issuer.drop(dropped)
        stack.wait(lambda: stack.metadata(retried)[0][0] > 0, REPORT_S, "no task is red while the disk is full")
        assert traces(stack, dropped.name) == (1, 1, 1)  # it is judged, and its report is stored
        assert stack.unsent() > 0
        assert issuer.reports() == []
        filler.unlink()
        report, took = issuer.await_report(tmp_path, at, AGAIN_S)
        print(f"answered after {took:.1f} s")
        assert dropped.name.encode() in report.read_bytes()
        stack.wait(lambda: stack.unsent() == 0, 60, "something is not sent")
        quiet(stack)
        assert len(issuer.reports()) == 1
    assert stack.broken() == []
