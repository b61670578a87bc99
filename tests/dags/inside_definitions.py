"""Every DAG keeps the policy: who runs it, how often, how long, how many at a time, and what is tried again."""

import asyncio
import json
import re
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from integration import homes

from pipeline.cli.app import COMMANDS
from pipeline.ports import Fault, Said

if TYPE_CHECKING:
    from airflow.dag_processing.dagbag import DagBag


class Expected(NamedTuple):
    """What one DAG is to be."""

    cron: str  # empty: by hand
    wakes: str  # the asset that wakes it
    active: int
    tasks: dict[str, str]  # task -> pool
    emits: dict[str, set[str]] = {}
    alert: bool = True
    params: tuple[str, ...] = ()


EXPECTED = {
    "edi_intake": Expected(
        "*/5 * * * *", "edi_drop", 2, {"receive": "edi_io", "again": "edi_io"},
        {"receive": {"edi_lots"}, "again": {"edi_lots"}},
    ),
    "edi_process": Expected(
        "*/5 * * * *", "edi_lots", 4, {"plan": "edi_io", "judge": "edi_cpu", "count": "edi_io"}, {"count": {"edi_statuses"}}
    ),
    "edi_returns": Expected("*/10 * * * *", "edi_statuses", 1, {"send": "edi_io"}),
    "edi_reconcile": Expected("0 2 * * *", "", 1, {"reconcile": "edi_io"}, params=("day",)),
    "edi_directory": Expected(
        "30 5 * * *", "", 1, {"compare": "edi_io", "choose": "edi_io", "ask": "edi_io", "refresh": "edi_io"},
        {"refresh": {"edi_lots"}}, params=("path", "day"),
    ),
    "edi_retention": Expected(
        "0 6 * * 1", "", 1, {"plan": "edi_io", "ask": "edi_io", "purge": "edi_io", "clean": "edi_io"}
    ),
    "edi_reprocess": Expected(
        "", "", 1, {"reprocess": "edi_io"}, {"reprocess": {"edi_lots"}}, alert=False, params=("flow", "partner", "day")
    ),
}  # fmt: skip


def test_the_folder_has_these_dags_and_no_import_error(bag: "DagBag") -> None:
    assert bag.import_errors == {}
    assert set(bag.dag_ids) == set(EXPECTED)


def woken_by(timetable: Any) -> list[str]:
    condition = getattr(timetable, "asset_condition", None)
    return [asset.name for asset in condition.objects] if condition is not None else []


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_when_it_runs_and_whom_it_wakes(bag: "DagBag", dag_id: str) -> None:
    dag, expected = bag.dags[dag_id], EXPECTED[dag_id]
    assert Path(dag.fileloc).stem == dag_id.removeprefix("edi_")
    assert (dag.catchup, dag.max_active_runs, dag.is_paused_upon_creation) == (False, expected.active, False)
    assert str(dag.timezone) == "Europe/Paris"
    timetable = dag.timetable
    assert woken_by(timetable) == ([expected.wakes] if expected.wakes else [])
    clock = getattr(timetable, "timetable", timetable)
    assert getattr(clock, "expression", "") == expected.cron
    if expected.cron:
        assert str(clock.timezone) == "Europe/Paris"
    assert {t.task_id: {a.name for a in t.outlets} for t in dag.tasks if t.outlets} == expected.emits
    assert set(dag.params) == set(expected.params)


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_every_task_has_an_owner_a_pool_a_time_and_a_second_try(bag: "DagBag", dag_id: str) -> None:
    from airflow.sdk import ExceptionRetryPolicy

    dag, expected = bag.dags[dag_id], EXPECTED[dag_id]
    assert {t.task_id: t.pool for t in dag.tasks} == expected.tasks
    for task in dag.tasks:
        assert task.queue == task.pool
        assert task.owner == "chorus-edi"
        assert task.retries >= 1
        assert isinstance(task.retry_policy, ExceptionRetryPolicy)
        assert task.retry_policy.rules
        assert task.max_retry_delay <= timedelta(minutes=10)
        assert timedelta() < task.execution_timeout < dag.dagrun_timeout
        assert task.max_active_tis_per_dag is None or task.max_active_tis_per_dag <= 32
    assert "edi" in dag.tags
    assert dag_id.removeprefix("edi_") in dag.tags
    if expected.alert:
        (alert,) = dag.deadline
        assert alert.interval < dag.dagrun_timeout
        assert alert.callback.path == "edi_airflow.alerts.late"
    else:
        assert not dag.deadline


def test_what_partners_wait_for_is_tried_again_within_seconds(bag: "DagBag") -> None:
    for dag_id in ("edi_intake", "edi_process"):
        assert {task.retry_delay for task in bag.dags[dag_id].tasks} == {timedelta(seconds=5)}


@pytest.mark.parametrize("dag_id", EXPECTED)
def test_its_page_says_what_red_means_what_is_safe_and_which_command_exists(bag: "DagBag", dag_id: str) -> None:
    page = bag.dags[dag_id].doc_md
    assert page.startswith(f"# {dag_id}: ")
    for word in ("Red", "Safe", "docs/ops/airflow-dags.md"):
        assert word in page
    assert set(re.findall(r"chorus-edi ([a-z][a-z-]+)", page)) <= set(COMMANDS)
    named = set(re.findall(r"`([a-z]+)`", page)) & {t for e in EXPECTED.values() for t in e.tasks}
    assert named >= set(EXPECTED[dag_id].tasks) - {"choose"}


def test_a_page_names_only_settings_that_exist(bag: "DagBag") -> None:
    from pipeline.settings import Settings

    named = {found for dag in bag.dags.values() for found in re.findall(r"`\[([a-z0-9]+)\] ([a-z_]+)`", dag.doc_md)}
    assert named
    for table, name in named:
        fields = type(getattr(Settings(), table)).model_fields
        assert name in fields


def test_the_watchers_are_rebuilt_by_the_triggerer_as_they_were(bag: "DagBag") -> None:
    from airflow.sdk._shared.module_loading import import_string

    (asset,) = bag.dags["edi_intake"].timetable.asset_condition.objects
    assert {watcher.name for watcher in asset.watchers} == {"edi_folders", "edi_remotes"}
    for watcher in asset.watchers:
        path, arguments = watcher.trigger.serialize()
        assert import_string(path)(**json.loads(json.dumps(arguments))).serialize() == (path, arguments)


# --- what is tried again ----------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bag")
@pytest.mark.parametrize(
    ("error", "action"),
    [
        ("Passing", "retry"), ("Wrong", "fail"), ("Broken", "fail"), (ValueError("day"), "fail"),
        (ConnectionResetError(), "retry"), (OSError(28, "No space left"), "retry"), (KeyError("a bug"), "default"),
    ],
    ids=str,
)  # fmt: skip
def test_the_policy(error: str | Exception, action: str) -> None:
    from edi_airflow import policy

    given = getattr(policy, error)("told") if isinstance(error, str) else error
    decision = policy.POLICY.evaluate(given, 1, 3)
    assert decision.action.value == action
    assert decision.retry_delay is None  # the task's own delay holds


@pytest.mark.usefixtures("bag")
def test_a_wrong_setting_or_home_fails_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edi_airflow.policy import Wrong
    from edi_airflow.steps import step

    monkeypatch.delenv("CHORUS_EDI_HOME", raising=False)
    with pytest.raises(Wrong, match="CHORUS_EDI_HOME"), step():
        pass
    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path / "no such home"))
    with pytest.raises(Wrong, match="pas de dossier de travail"), step():
        pass
    (tmp_path / "settings.toml").write_text("lot_s = 'soon'\n")
    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    with pytest.raises(Wrong, match="lot_s"), step():
        pass


@pytest.mark.usefixtures("bag")
def test_a_ledger_whose_server_is_away_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    from edi_airflow.policy import Passing
    from edi_airflow.steps import step

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "settings.toml").write_text(f'[ledger]\nurl = "postgresql://edi@127.0.0.1:{port}/edi"\n')
    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    with pytest.raises(Passing), step():
        pass


@pytest.mark.usefixtures("bag")
def test_faults_are_logged_one_line_each_and_raised_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from edi_airflow.policy import Passing
    from edi_airflow.steps import step

    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    with caplog.at_level("ERROR"), pytest.raises(Passing, match="2 fault"), step() as work:
        work.fault(Said("disque plein", "disk full"))
        work.fault(Said("serveur absent", "server away"))
    assert [record.getMessage() for record in caplog.records] == ["disque plein", "serveur absent"]
    with step(heed=False) as work:
        work.fault(Said("disque plein", "disk full"))


@pytest.mark.usefixtures("bag")
@pytest.mark.parametrize(
    ("error", "raised_as", "told"),
    [
        (KeyError("Dupont"), "Slip", "KeyError (inside_definitions.py:"),
        (ValueError("invalid literal: 'Dupont'"), "Slip", "ValueError (inside_definitions.py:"),
        (OSError(28, "No space left on device", "/srv/x"), "Passing", "/srv/x : plus de place sur le disque"),
        (Fault(Said("le registre refuse", "the ledger refuses")), "Wrong", "le registre refuse"),
    ],
    ids=["a bug", "a bug of ours", "the system", "a fault"],
)
def test_what_stands_behind_an_error_goes_into_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, raised_as: str, told: str
) -> None:
    import traceback

    from edi_airflow import policy
    from edi_airflow.steps import step

    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    error.__cause__ = RuntimeError("DETAIL: Key (number)=(Dupont)")
    with pytest.raises(getattr(policy, raised_as)) as raised, step():
        raise error
    printed = "".join(traceback.format_exception(raised.value))
    assert told in printed
    assert "Dupont" not in printed


@pytest.mark.usefixtures("bag")
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeyError("Dupont\n"), "KeyError"),
        (OSError(2, "No such file or directory", "/in/x\n\x1b[2J\u202ey"), "/in/x"),
        (Fault(Said("drop/x\n\x1b[2J\u202ey : illisible", "unreadable")), "illisible"),
    ],
    ids=["a bug", "the system", "a fault"],
)
def test_a_watcher_logs_an_error_without_what_it_quotes_and_harmlessly(error: Exception, told: str) -> None:
    from edi_airflow.policy import Wrong
    from edi_airflow.steps import in_words

    words = in_words(error)
    assert told in words
    assert words.isprintable()
    assert "Dupont" not in words
    assert in_words(Wrong("no home")) == "no home"


@pytest.mark.usefixtures("bag")
def test_what_airflow_is_told_by_its_own_exceptions_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.sdk.exceptions import AirflowSkipException
    from edi_airflow.steps import step

    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    with pytest.raises(AirflowSkipException), step():
        raise AirflowSkipException("nothing new")


@pytest.mark.usefixtures("bag")
def test_a_hostile_name_forges_no_line_of_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from edi_airflow.policy import Passing
    from edi_airflow.steps import step

    from pipeline.runner import RunSummary

    said = Said("drop/ABC001/in/x\n\x1b[2J\u202ey : un lien", "a link")
    monkeypatch.setenv("CHORUS_EDI_HOME", str(tmp_path))
    with caplog.at_level("INFO"), pytest.raises(Passing) as raised, step() as work:
        work.fault(said)
        work.told(RunSummary(notices=[said]))
    for text in (*(record.getMessage() for record in caplog.records), str(raised.value)):
        assert text.isprintable()
    assert sum("un lien" in record.getMessage() for record in caplog.records) == 2


@pytest.mark.usefixtures("bag")
def test_what_stands_behind_a_fault_says_whether_it_passes() -> None:
    from edi_airflow.steps import is_passing

    def because(cause: Exception | None) -> Fault:
        fault = Fault(Said("a", "b"))
        fault.__cause__ = cause
        return fault

    assert is_passing(because(ConnectionRefusedError()))
    assert is_passing(because(OSError(28, "No space left on device")))
    assert not is_passing(because(None))
    assert not is_passing(because(PermissionError()))
    assert not is_passing(because(ValueError()))


@pytest.mark.usefixtures("bag")
def test_a_slot_reads_with_one_process_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    from edi_airflow.steps import opened

    with opened(tmp_path) as home:
        assert home.settings.readers == 1
    (tmp_path / "settings.toml").write_text("readers = 3\n")
    with opened(tmp_path) as home:
        assert home.settings.readers == 3


@pytest.mark.usefixtures("bag")
def test_all_slots_of_a_run_share_a_turn_and_a_second_try_has_its_own() -> None:
    from edi_airflow.steps import turn

    def of(run_id: str, try_number: int) -> str:
        return turn({"run_id": run_id, "ti": SimpleNamespace(try_number=try_number)})

    assert of("a", 1) == of("a", 1)
    assert len({of("a", 1), of("a", 2), of("b", 1)}) == 3


@pytest.mark.usefixtures("bag")
def test_a_slot_that_starts_late_gives_way_to_the_next_run_but_not_after_a_kill() -> None:
    from edi_airflow.steps import seconds_left

    def left(minutes: float, try_number: int) -> float:
        run = SimpleNamespace(start_date=datetime.now(UTC) - timedelta(minutes=minutes))
        return seconds_left({"dag_run": run, "ti": SimpleNamespace(try_number=try_number)}, 600)

    assert 590 < left(0, 1) <= 600
    assert left(11, 1) <= 0
    assert left(11, 2) == 600


@pytest.mark.usefixtures("bag")
def test_the_business_day_is_the_one_given_else_the_day_before_in_paris() -> None:
    from edi_airflow.policy import Wrong
    from edi_airflow.steps import business_day

    assert business_day("2026-11-20", None) == date(2026, 11, 20)
    assert business_day("2026-11-20", datetime(2026, 1, 1, tzinfo=UTC)) == date(2026, 11, 20)
    assert business_day(None, datetime(2026, 7, 1, 0, 0, tzinfo=UTC)) == date(2026, 6, 30)  # 02:00 in Paris
    assert business_day(None, datetime(2026, 6, 30, 22, 30, tzinfo=UTC)) == date(2026, 6, 30)  # 00:30 on the 1st
    with pytest.raises(Wrong, match="day"):
        business_day(None, None)
    with pytest.raises(ValueError):
        business_day("20/11/2026", None)


# --- the alert --------------------------------------------------------------------------------------------------------


def missed(dag_id: str, state: str) -> Any:
    """What Airflow's triggerer makes of the callback: its last event."""
    from airflow.triggers.callback import CallbackTrigger

    async def call() -> Any:
        context = {"dag_run": {"dag_id": dag_id, "dag_run_id": "scheduled__1", "state": state}, "deadline": {}}
        trigger = CallbackTrigger("edi_airflow.alerts.late", {"minutes": 45, "context": context})
        return [event.payload async for event in trigger.run()][-1]

    return asyncio.run(call())


def messages(told: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in told.read_text().splitlines() if line]


@pytest.fixture
def alerted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """(a home whose alerts go to a file, that file)."""
    home, told = tmp_path / "home", tmp_path / "told"
    command = [sys.executable, "-c", f"import sys; open({str(told)!r}, 'a').write(sys.stdin.read() + chr(10))"]
    homes.ready_home(home).close()
    (home / "settings.toml").write_text(f"[alerts]\ncommand = {json.dumps(command)}\n")
    monkeypatch.setenv("CHORUS_EDI_HOME", str(home))
    return home, told


@pytest.mark.usefixtures("bag")
def test_a_late_run_is_told_through_the_notifier_once_an_hour(alerted: tuple[Path, Path]) -> None:
    given = [("edi_process", "failed"), ("edi_process", "running"), ("edi_intake", "running")]
    done = [missed(*one) for one in given]
    assert [one["state"] for one in done] == ["success"] * 3
    assert [one["body"] for one in done] == [True, False, True]
    first, second = messages(alerted[1])
    assert (first["alert"], first["subject"]) == ("deadline-missed", "edi_process")
    assert second["subject"] == "edi_intake"
    assert "a échoué" in first["fr"]
    assert "n'est pas fini" in second["fr"]


@pytest.mark.usefixtures("bag")
def test_people_are_told_even_where_the_ledger_is_what_is_away(alerted: tuple[Path, Path]) -> None:
    import socket

    home, told = alerted
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with (home / "settings.toml").open("a") as settings:
        settings.write(f'[ledger]\nurl = "postgresql://edi@127.0.0.1:{port}/edi"\n')
    assert [missed("edi_returns", "failed")["body"] for _ in range(2)] == [True, False]
    (message,) = messages(told)
    assert set(message) == {"alert", "subject", "step", "fr", "en", "runbook", "home", "at"}
    assert (message["alert"], message["subject"]) == ("deadline-missed", "edi_returns")
    assert (Path(__file__).parents[2] / message["runbook"]).is_file()
