"""`chorus-edi airflow up` on a real server: what it starts, what it answers, and that nothing of it is left.

The tests are in their order: the last one ends Airflow. `python -m bench.latency` measures the same, at full size.
"""

import json
import os
import random
import signal
import time
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from slow.airflow_stack import BIG, SMALL, Issuer, Stack, flow
from slow.machines import listeners_outside_loopback

from pipeline.adapters.airflow_runs import Viewer
from pipeline.launcher import keys, place, processes
from pipeline.launcher.components import COMPONENTS, EVERYTHING
from pipeline.launcher.processes import Process
from pipeline.model import PARIS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
DROPS = 5
REPORT_S = 60.0  # 4 on a quiet machine; the target, 15 for the median, is checked where nothing else runs
FAIR_FLOWS, FAIR_INVOICES = 6, 500
FAIR_S = 60.0


def ours(stack: Stack) -> list[Process]:
    found = stack.run().processes()
    assert len(found) > len(EVERYTHING)
    return found


def test_four_components_and_their_keeper_are_up(stack: Stack) -> None:
    print(f"ready after {stack.up_s:.1f} s")
    stack.wait(lambda: stack.command("airflow", "status").returncode == 0, 60, "not everything is well")
    done = stack.command("airflow", "status")
    assert done.stdout.count("en marche") == 5
    dags = stack.metadata("SELECT dag_id FROM dag WHERE NOT is_paused AND NOT is_stale")
    assert {f"edi_{name}" for name in ("intake", "process", "returns")} <= {dag for (dag,) in dags}
    pools = dict(stack.metadata("SELECT pool, slots FROM slot_pool"))
    assert pools["edi_io"] == 2 and pools["edi_cpu"] == min(len(os.sched_getaffinity(0)), 2)


def test_a_second_up_starts_nothing_and_shows_no_password_again(stack: Stack) -> None:
    before = stack.run()
    done = stack.command("airflow", "up")
    assert (done.returncode, done.stdout) == (0, f"Airflow tourne déjà : {before.url}\n"), done.stderr
    assert stack.run() == before


def test_what_the_issuer_drops_is_answered_without_being_asked(stack: Stack, tmp_path: Path) -> None:
    took = []
    with Issuer(stack.sshd, SMALL) as issuer:
        for sequence in range(501, 501 + DROPS):
            dropped = flow(tmp_path, SMALL, sequence, claims=sequence % 2 == 0)
            report, seconds = issuer.await_report(tmp_path, issuer.drop(dropped), REPORT_S)
            assert dropped.name.encode() in report.read_bytes()
            took.append(seconds)
            time.sleep(random.uniform(0, 3))
    print(f"rename to report: median {median(took):.1f} s, worst {max(took):.1f} s")


def test_one_invoice_of_a_partner_does_not_wait_for_the_thousands_of_another(stack: Stack, tmp_path: Path) -> None:
    big = [flow(tmp_path, BIG, sequence, FAIR_INVOICES) for sequence in range(301, 301 + FAIR_FLOWS)]
    answered = stack.answered()
    with Issuer(stack.sshd, BIG) as first, Issuer(stack.sshd, SMALL) as second:
        for path in big:
            first.upload(path)
        for path in big:
            first.rename(path.name)
        stack.wait(lambda: bool(stack.open_lots()), REPORT_S, "nobody judges the flows of the big partner")
        second.fetched.update(dict.fromkeys(second.reports(), 0.0))
        _, seconds = second.await_report(tmp_path, second.drop(flow(tmp_path, SMALL, 600)), FAIR_S)
        left = answered + FAIR_FLOWS + 1 - stack.answered()
    print(f"answered after {seconds:.1f} s, {left} flows of the other partner still to judge")
    stack.wait(
        lambda: stack.answered() == answered + FAIR_FLOWS + 1 and stack.unsent() == 0, 240, "not everything is answered"
    )
    assert stack.broken() == []


def test_the_night_reads_the_runs_of_this_airflow_as_its_viewer(stack: Stack) -> None:
    """What its REST API tells an account that may only look is what its database holds; a failed run is named."""
    run = f"nuit-{time.monotonic_ns()}"
    stack.ask("POST", "dags/edi_process/dagRuns", {"dag_run_id": run, "logical_date": None})
    stack.ask("PATCH", f"dags/edi_process/dagRuns/{run}", {"state": "failed"})
    passwords, _ = keys.passwords(place.airflow_home(stack.home))
    url = f"http://127.0.0.1:{stack.run().port}"
    today = datetime.now(PARIS).date()
    midnight = datetime.combine(today, datetime.min.time(), PARIS)

    def held() -> set[tuple[str, str]]:
        rows = stack.metadata("SELECT dag_id, run_id, run_after FROM dag_run WHERE dag_id LIKE 'edi_%'")
        return {(dag, name) for dag, name, at in rows if midnight <= at}

    before = held()
    found = Viewer(url, "viewer", passwords["viewer"]).between(midnight, midnight + timedelta(days=1))
    told = {(one.dag, one.run) for one in found.runs}
    assert ("edi_process", run) in told
    assert before <= told <= held()  # others go on
    assert [one.state for one in found.runs if one.run == run] == ["failed"]
    is_daily = dict(found.dags)
    assert is_daily["edi_reconcile"] and is_daily["edi_directory"] and is_daily["edi_process"]  # it is swept as well
    assert not is_daily.get("edi_retention") and not is_daily.get("edi_reprocess")  # each week, and by hand

    given = {"AIRFLOW_URL": url, "AIRFLOW_USER": "viewer", "AIRFLOW_PASSWORD": passwords["viewer"]}
    stack.environment |= {f"CHORUS_EDI_RECONCILE__{name}": value for name, value in given.items()}
    done = stack.command("reconcile", "--day", today.isoformat(), "--format", "json")
    assert done.returncode == 1, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert "runs" not in rows[0]["not_read"]
    assert [row["flow"] for row in rows if row.get("kind") == "run-failed"] == ["edi_process"]
    assert rows[0]["by_kind"].keys() <= {"run-failed", "run-missing"}  # nothing else is amiss


def test_nothing_listens_outside_loopback(stack: Stack) -> None:
    pids = [process.pid for process in ours(stack)]
    assert listeners_outside_loopback(pids) == []
    held = {os.readlink(f"/proc/{stack.run().components['api-server'].process.pid}/fd/{fd}") for fd in os.listdir(
        f"/proc/{stack.run().components['api-server'].process.pid}/fd")}  # fmt: skip
    assert any(name.startswith("socket:") for name in held)  # so the look above has seen sockets


def test_secrets_are_in_no_command_line_and_in_no_file_that_others_read(stack: Stack) -> None:
    folder = stack.home / "airflow"
    assert folder.stat().st_mode & 0o077 == 0
    secrets = [
        word for name in ("keys.json", "passwords.json") for word in (folder / name).read_text().split('"')[3::4]
    ]
    assert len(secrets) == 6
    told = b"".join(Path(f"/proc/{process.pid}/cmdline").read_bytes() for process in ours(stack))
    assert not [secret for secret in (*secrets, stack.postgres.password) if secret.encode() in told]


def test_a_killed_component_comes_back_by_itself(stack: Stack) -> None:
    before = stack.run().components["triggerer"].process
    before.send(signal.SIGKILL)
    stack.wait(
        lambda: stack.run().is_up("triggerer") and stack.run().components["triggerer"].process != before,
        30, "the keeper does not start the triggerer again",
    )  # fmt: skip
    stack.wait(lambda: stack.command("airflow", "status").returncode == 0, 90, "not everything is well again")


def test_up_mends_what_ended_while_its_keeper_was_dead(stack: Stack) -> None:
    before = stack.run()
    for name in ("keeper", "dag-processor"):
        before.components[name].process.send(signal.SIGKILL)
    stack.wait(lambda: not stack.run().is_up("dag-processor"), 10, "it does not end")
    assert stack.command("airflow", "status").returncode == 1
    assert "dag-processor, gardien" in stack.up()
    after = stack.run()
    assert after.components["scheduler"] == before.components["scheduler"]
    assert all(after.is_up(name) for name in EVERYTHING)


def test_down_leaves_nothing_even_where_components_were_killed(stack: Stack) -> None:
    for name in ("keeper", "scheduler"):
        stack.run().components[name].process.send(signal.SIGKILL)
    orphans = ours(stack)
    assert len(orphans) > len(COMPONENTS)
    began = time.monotonic()
    done = stack.command("airflow", "down")
    assert done.returncode == 0, done.stderr
    print(f"down after {time.monotonic() - began:.1f} s")
    assert [process for process in orphans if process.is_alive] == []
    marked = f"{processes.MARK}=".encode()
    left = [p.name for p in Path("/proc").iterdir() if p.name.isdigit() and marked in environment_of(p)]
    assert not left or all(
        f"AIRFLOW_HOME={stack.home}/airflow".encode() not in environment_of(Path("/proc", pid)) for pid in left
    )
    assert stack.command("airflow", "down").stdout == "Airflow ne tournait pas\n"


def environment_of(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
