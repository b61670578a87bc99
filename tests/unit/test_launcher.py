"""The launcher without Airflow: whose process is whose, what is written down, and what `up` says when it cannot."""

import http.server
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from pipeline import launcher
from pipeline.adapters.airflow_rest import Denied
from pipeline.adapters.system_errors import Unreachable
from pipeline.cli.boundary import run as command
from pipeline.launcher import components, environment, keep, keys, place, processes, record, start, stop
from pipeline.launcher.keep import Keeper
from pipeline.launcher.processes import MARK, Process
from pipeline.launcher.record import Component, Run
from pipeline.launcher.rest import Api
from pipeline.ports import Fault, Said
from pipeline.settings import Settings, load

SLEEPS = "import time; time.sleep(300)"
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(300)"
)
# a component: it has a task in a process group of its own, as Airflow has
WITH_TASK = f"""
import subprocess, sys, time
task = subprocess.Popen([sys.executable, "-c", {SLEEPS!r}], process_group=0)
print(task.pid, flush=True)
time.sleep(300)
"""

Spawn = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start Python code in a session of its own, as the launcher does; `mark` goes into its environment."""
    started: list[subprocess.Popen[str]] = []

    def one(code: str, mark: str = "") -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True,
            env={**os.environ, **({MARK: mark} if mark else {})},
        )  # fmt: skip
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked to end gets less time than on a machine with work to finish."""
    for name in ("ASK_S", "ASK_TASKS_S", "ASK_API_S"):
        monkeypatch.setattr(stop, name, 0.2)


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "version", lambda _name: "3.3.2")


def a_run(**leaders: Process) -> Run:
    """A run whose mark is `m`, with these leaders."""
    now = datetime.now(UTC)
    return Run("m", processes.boot(), 8080, {name: Component(leader, now) for name, leader in leaders.items()})


def gone(pid: int) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        try:
            processes.born(pid)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


# --- whose process is whose -------------------------------------------------------------------------------------------


def test_a_process_that_got_the_pid_of_one_of_ours_is_never_signalled(spawn: Spawn) -> None:
    stranger = spawn(SLEEPS)
    recorded = Process(stranger.pid, processes.born(stranger.pid).ticks - 1)
    assert not recorded.is_alive
    recorded.send(signal.SIGKILL)
    assert stop.end(a_run(scheduler=recorded)) == 0
    assert stranger.poll() is None


def test_a_process_that_is_over_is_signalled_without_complaint(spawn: Spawn) -> None:
    over = spawn("pass")
    process = processes.born(over.pid)
    over.wait()
    process.send(signal.SIGTERM)


def test_a_task_ends_with_its_component_although_it_has_a_group_of_its_own(spawn: Spawn, quick: None) -> None:
    component = spawn(WITH_TASK, "m")
    assert component.stdout is not None
    task = int(component.stdout.readline())
    assert os.getpgid(task) == task
    assert stop.end(a_run(scheduler=processes.born(component.pid))) == 2
    assert gone(task)


def test_a_task_whose_component_was_killed_is_found_by_its_session(spawn: Spawn, quick: None) -> None:
    component = spawn(WITH_TASK, "m")
    assert component.stdout is not None
    task = int(component.stdout.readline())
    leader = processes.born(component.pid)
    component.kill()
    component.wait()
    assert stop.end(a_run(scheduler=leader)) == 1
    assert gone(task)


def test_a_session_that_a_stranger_led_under_the_same_pid_is_left_alone(spawn: Spawn, quick: None) -> None:
    stranger = spawn(WITH_TASK, "another")
    assert stranger.stdout is not None
    child = int(stranger.stdout.readline())
    leader = processes.born(stranger.pid)
    stranger.kill()
    stranger.wait()
    assert stop.end(a_run(scheduler=leader)) == 0
    assert processes.born(child).is_alive
    os.kill(child, signal.SIGKILL)


def test_what_does_not_listen_is_killed(spawn: Spawn, quick: None) -> None:
    stubborn = spawn(STUBBORN, "m")
    assert stubborn.stdout is not None
    stubborn.stdout.readline()
    assert stop.end(a_run(triggerer=processes.born(stubborn.pid))) == 1
    assert stubborn.wait(5) == -signal.SIGKILL


def test_the_api_server_ends_last_for_the_others_tell_it_what_becomes_of_their_tasks(
    spawn: Spawn, monkeypatch: pytest.MonkeyPatch
) -> None:
    api, scheduler = spawn(SLEEPS, "m"), spawn(SLEEPS, "m")
    told: list[int] = []
    monkeypatch.setattr(Process, "send", lambda self, number: (told.append(self.pid), os.kill(self.pid, number)))
    stop.end(a_run(**{"api-server": processes.born(api.pid), "scheduler": processes.born(scheduler.pid)}))
    assert told == [scheduler.pid, api.pid]


def test_memory_is_that_of_the_process(spawn: Spawn) -> None:
    big = spawn("x = bytearray(64 << 20)\nprint(1, flush=True)\nimport time; time.sleep(300)")
    assert big.stdout is not None
    big.stdout.readline()
    assert 64 << 20 < processes.born(big.pid).memory_bytes() < 256 << 20


# --- what is written down ---------------------------------------------------------------------------------------------


def test_a_run_is_read_as_it_was_written(home: Path) -> None:
    run = a_run(scheduler=Process(10, 20), triggerer=Process(11, 21))
    run.former.append(Process(9, 19))
    record.write(home / "run.json", run)
    assert record.read(home / "run.json") == run


def test_a_run_of_an_earlier_boot_is_over_whatever_has_its_pids_now(home: Path) -> None:
    run = a_run(scheduler=processes.born(os.getpid()))
    run.boot = "another"
    record.write(home / "run.json", run)
    assert record.read(home / "run.json") is None
    assert record.read(home / "none.json") is None


def test_keys_and_passwords_are_made_once_and_only_their_owner_reads_them(home: Path) -> None:
    first, (logins, are_new) = keys.keys(home), keys.passwords(home)
    assert set(first) == {"fernet", "jwt", "secret"} and set(logins) == {"admin", "ops", "viewer"} and are_new
    assert len({*first.values(), *logins.values()}) == 6
    assert keys.keys(home) == first
    assert keys.passwords(home) == (logins, False)
    assert {file.name: file.stat().st_mode & 0o777 for file in home.iterdir()} == {
        "keys.json": 0o600, "passwords.json": 0o600,
    }  # fmt: skip


def test_a_login_that_is_missing_gets_its_password_and_the_others_keep_theirs(home: Path) -> None:
    (home / "passwords.json").write_text(json.dumps({"admin": "kept"}))
    logins, are_new = keys.passwords(home)
    assert logins["admin"] == "kept" and set(logins) == {"admin", "ops", "viewer"} and are_new


# --- what the components are given ------------------------------------------------------------------------------------


def given(home: Path, settings: Settings, **inherited: str) -> dict[str, str]:
    secrets = {"fernet": "F", "jwt": "J", "secret": "S"}
    return environment.environment(home, home / "airflow", home / "dags", settings, secrets, 4321, "m")


def test_nothing_is_told_to_listen_anywhere_but_on_loopback(home: Path) -> None:
    told = given(home, load(home))
    hosts = {name: value for name, value in told.items() if name.startswith("AIRFLOW__") and name.endswith("HOST")}
    assert set(hosts.values()) == {"127.0.0.1"}
    assert not any("0.0.0.0" in value or "[::]" in value for name, value in told.items() if "AIRFLOW" in name)
    assert told["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:4321"
    for component in ("scheduler", "triggerer"):
        assert "--skip-serve-logs" in components.COMPONENTS[component]


def test_a_proxy_of_the_machine_is_not_asked_for_loopback(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "intranet.example")
    assert given(home, load(home))["no_proxy"] == "intranet.example,127.0.0.1,localhost"


def test_bytecode_is_kept_where_the_machine_keeps_none_beside_the_sources(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPYCACHEPREFIX", raising=False)
    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    assert "PYTHONPYCACHEPREFIX" not in given(home, load(home))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    told = given(home, load(home))
    assert "PYTHONDONTWRITEBYTECODE" not in told
    assert told["PYTHONPYCACHEPREFIX"] == f"{home}/airflow/bytecode"


def test_nothing_secret_is_in_a_command_line(home: Path) -> None:
    words = {word for name in components.EVERYTHING for word in components.command(name)}
    assert not words & {"F", "J", "S"}
    told = given(home, load(home))
    assert (told["AIRFLOW__CORE__FERNET_KEY"], told["AIRFLOW__API_AUTH__JWT_SECRET"]) == ("F", "J")


@pytest.mark.parametrize(
    ("cores", "parallelism", "slots", "readers"),
    [(2, 4, 2, 1), (8, 4, 2, 4), (8, 10, 8, 1), (1, 4, 1, 1), (4, 2, 1, 4)],
)
def test_judging_takes_every_core_once_and_leaves_two_slots_to_intake_and_returns(
    home: Path, monkeypatch: pytest.MonkeyPatch, cores: int, parallelism: int, slots: int, readers: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    settings = load(home, airflow={"parallelism": parallelism})
    assert (environment.cpu_slots(settings), environment.readers(settings)) == (slots, readers)


def test_readers_that_the_settings_name_stay_as_many(home: Path) -> None:
    assert given(home, load(home, readers=7))["CHORUS_EDI_READERS"] == "7"


def test_the_database_gets_the_driver_that_airflow_has(home: Path) -> None:
    assert environment.database_url(home, load(home)) == f"sqlite:///{home}/airflow.db"
    on_server = load(home, airflow={"database": "postgresql://edi:a%25b@db:5432/airflow"})
    assert environment.database_url(home, on_server) == "postgresql+psycopg2://edi:a%25b@db:5432/airflow"


def test_tasks_are_forked_from_a_scheduler_that_has_the_pipeline_in_memory() -> None:
    loaded = "import sys; from pipeline.launcher import warm; warm.load(extras=('no.such.extra',)); print('pipeline.runner' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", loaded], capture_output=True, text=True, check=True)
    assert told.stdout == "True\n"
    assert components.command("scheduler")[2] == "pipeline.launcher.warm"
    assert {components.command(name)[2] for name in components.COMPONENTS if name != "scheduler"} == {"airflow"}


# --- the API server, as it should not answer --------------------------------------------------------------------------


@pytest.fixture
def answering() -> Iterator[Callable[[int, bytes], Api]]:
    """A server on loopback that answers everything with one status and one body."""
    servers: list[http.server.HTTPServer] = []

    def one(status: int, body: bytes) -> Api:
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return Api(server.server_port, "a-password")

    yield one
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("status", "body", "what"), [(500, b"{}", "500"), (200, b"<html>", "JSONDecodeError"), (200, b"[1]", "list")]
)
def test_an_answer_that_is_none_is_told_in_our_words(
    answering: Callable[[int, bytes], Api], status: int, body: bytes, what: str
) -> None:
    api = answering(status, body)
    with pytest.raises(Unreachable) as caught:
        api.dags()
    assert caught.value.said.fr == f"l'API d'Airflow répond {what} à /auth/token"
    assert api.healthy({name: datetime.now(UTC) for name in components.COMPONENTS}) == frozenset()


def test_who_is_well_is_read_from_what_each_said_after_its_start(answering: Callable[[int, bytes], Api]) -> None:
    now = datetime.now(UTC)
    well = {"status": "healthy", "latest_scheduler_heartbeat": now.isoformat()}
    told = {
        "metadatabase": {"status": "healthy"}, "scheduler": well,
        "triggerer": {"status": None, "latest_triggerer_heartbeat": None}, "dag_processor": None,
    }  # fmt: skip
    api = answering(200, json.dumps(told).encode())
    since = dict.fromkeys(components.COMPONENTS, now - timedelta(seconds=1))
    assert api.healthy(since) == {"api-server", "scheduler"}
    assert api.healthy(dict.fromkeys(since, now + timedelta(seconds=1))) == {"api-server"}


def test_who_is_refused_is_told_apart_from_a_server_in_trouble(answering: Callable[[int, bytes], Api]) -> None:
    with pytest.raises(Denied, match="answers 401 to /auth/token"):
        answering(401, b"{}").dags()
    with pytest.raises(Unreachable) as caught:
        answering(503, b"{}").dags()
    assert not isinstance(caught.value, Denied)


def test_what_an_earlier_processor_said_of_a_file_counts_no_more(answering: Callable[[int, bytes], Api]) -> None:
    now = datetime.now(UTC)
    errors = [
        {"filename": name, "stack_trace": f"Traceback\n  in it\n{name} is broken\n", "timestamp": at.isoformat()}
        for name, at in (("old.py", now - timedelta(seconds=1)), ("new.py", now + timedelta(seconds=1)))
    ]
    api = answering(200, json.dumps({"access_token": "t", "import_errors": errors}).encode())
    assert api.import_errors(now) == {"new.py": "new.py is broken"}


class Answers:
    """An API server that does, at each look, the next of these things."""

    def __init__(self, *looks: set[str] | OSError, errors: Mapping[str, str] | None = None) -> None:
        self.looks, self.errors = list(looks), dict(errors or {})

    def healthy(self, _since: Mapping[str, datetime]) -> frozenset[str]:
        return frozenset(components.COMPONENTS)

    def make_pool(self, *_pool: object) -> None:
        pass

    def dags(self) -> dict[str, bool]:
        look = self.looks.pop(0)
        if isinstance(look, OSError):
            raise look
        return dict.fromkeys(look, False)

    def import_errors(self, _since: datetime) -> dict[str, str]:
        return self.errors


@pytest.fixture
def waited(home: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Answers], dict[str, bool]]:
    """Wait for a run with two DAGs, whose API server is the given one."""
    monkeypatch.setattr(start, "LOOK_S", 0.0)
    for name in ("intake", "process"):
        (home / f"{name}.py").touch()
    run = a_run(**dict.fromkeys(components.COMPONENTS, Process(1, 1)))

    def wait(api: Answers) -> dict[str, bool]:
        return start._wait(home, home, run, api, load(home), lambda _step, _s: None, lambda: False)  # type: ignore[arg-type]

    return wait


BOTH = {"edi_intake", "edi_process"}


def test_a_busy_api_server_is_asked_again(waited: Callable[[Answers], dict[str, bool]]) -> None:
    late, failed = TimeoutError("timed out"), Unreachable(Said("l'API répond 500", "the API answers 500"))
    assert waited(Answers(late, failed, {"edi_intake"}, BOTH)).keys() == BOTH


def test_an_api_server_that_refuses_us_is_told_at_once(waited: Callable[[Answers], dict[str, bool]]) -> None:
    with pytest.raises(Denied):
        waited(Answers(Denied(Said("l'API répond 401", "the API answers 401")), BOTH))


def test_who_is_not_ready_in_time_is_told_with_the_last_trouble(
    waited: Callable[[Answers], dict[str, bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "READY_S", 0.0)
    with pytest.raises(Fault, match=r"what was just started was ended: timed out; the logs in .*logs say why"):
        waited(Answers(TimeoutError("timed out")))
    with pytest.raises(Fault, match=r"what was just started was ended; the logs"):
        waited(Answers(set()))


def test_a_file_that_cannot_be_loaded_is_named_and_only_where_its_dag_is_missing(
    waited: Callable[[Answers], dict[str, bool]],
) -> None:
    errors = {"process.py": "SyntaxError: no", "retired.py": "ImportError: gone"}
    with pytest.raises(Fault, match=r"the DAG process\.py cannot be loaded: SyntaxError: no"):
        waited(Answers({"edi_intake"}, errors=errors))
    assert waited(Answers({"edi_process"}, BOTH, errors=errors)).keys() == BOTH


# --- what cannot start ------------------------------------------------------------------------------------------------


def fault(home: Path, dags: Path, **airflow: object) -> str:
    """What `up` says; nothing is recorded as running after it."""
    with pytest.raises(Fault) as caught:
        launcher.up(home, load(home, airflow=airflow), dags=dags)
    assert not place.record_file(place.airflow_home(home)).exists()
    return caught.value.in_words()


@pytest.fixture
def dags(tmp_path: Path) -> Path:
    (tmp_path / "dags").mkdir()
    return tmp_path / "dags"


def test_without_airflow_the_command_that_installs_it_is_named(
    home: Path, dags: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(start, "version", absent)
    assert "pip install 'chorus-edi[airflow]'" in fault(home, dags)


def test_a_port_in_use_is_one_sentence(home: Path, dags: Path, installed: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        said = fault(home, dags, port=port)
    assert said.startswith(f"le port {port} de 127.0.0.1 n'est pas libre : ") and "[airflow] port" in said


def test_a_file_that_is_no_database_is_one_sentence(home: Path, dags: Path, installed: None) -> None:
    (home / "no.db").write_bytes(b"no database at all, and long enough to be looked at" * 100)
    said = fault(home, dags, port=0, database=f"sqlite:///{home}/no.db")
    assert said.startswith("la base d'Airflow ne répond pas : ") and "[airflow] database" in said


def test_a_server_that_is_away_is_one_sentence_without_its_password(home: Path, dags: Path, installed: None) -> None:
    pytest.importorskip("psycopg2", reason="the extra airflow brings the driver of its database")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and never listened to
        url = f"postgresql://edi:hush-hush@127.0.0.1:{nobody.getsockname()[1]}/airflow"
        said = fault(home, dags, port=0, database=url)
    assert said.startswith("la base d'Airflow ne répond pas : ") and "hush" not in said and "\n" not in said


@pytest.mark.parametrize("url", ["no address", "oracle://edi@db/airflow", "nonsense://edi@db/airflow"])
def test_an_address_that_nothing_here_opens_is_one_sentence(home: Path, dags: Path, installed: None, url: str) -> None:
    assert "attendu postgresql://COMPTE@HÔTE/BASE" in fault(home, dags, port=0, database=url)


def test_without_the_folder_of_dags_nothing_starts(home: Path, installed: None) -> None:
    assert "ce dossier des DAG est introuvable" in fault(home, home / "nowhere")


def fake_airflow(home: Path, monkeypatch: pytest.MonkeyPatch, behaviour: str) -> None:
    """A program takes the place of Airflow: `name` is the component it is started as; it leaves its pid behind."""
    program = home / "airflow.py"
    program.write_text(
        "import os, pathlib, sys, time\nname = sys.argv[1]\n"
        f"pathlib.Path({str(home)!r}, f'{{name}}.pid').write_text(str(os.getpid()))\n{behaviour}\n"
    )
    for way in ("AIRFLOW", "WARM", "KEEP"):
        monkeypatch.setattr(components, way, (sys.executable, str(program)))


def test_a_migration_that_fails_starts_nothing_and_names_its_log(
    home: Path, dags: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_airflow(home, monkeypatch, "sys.exit('no room')")
    said = fault(home, dags, port=0)
    log = place.log_file(place.airflow_home(home), "migrate")
    assert str(log) in said and "no room" in log.read_text()
    assert [file.name for file in home.glob("*.pid")] == ["db.pid"]


def test_a_component_that_stops_at_its_start_takes_the_others_with_it(
    home: Path, dags: Path, installed: None, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    behaviour = f"""
if name == "db":
    sys.exit()
if name == "triggerer":
    while sum(file.stat().st_size > 0 for file in pathlib.Path({str(home)!r}).glob("*.pid")) < 5:
        time.sleep(0.02)
    sys.exit("no room")
time.sleep(300)
"""
    fake_airflow(home, monkeypatch, behaviour)
    said = fault(home, dags, port=0)
    assert said.startswith("triggerer s'est arrêté au démarrage") and "logs/triggerer.log" in said
    pids = [int(file.read_text()) for file in home.glob("*.pid")]
    assert len(pids) == 5 and all(gone(pid) for pid in pids)


def test_an_interrupted_start_leaves_nothing_running(
    home: Path, dags: Path, installed: None, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_airflow(home, monkeypatch, "name == 'db' and sys.exit()\ntime.sleep(300)")

    def interrupted(_seconds: float) -> None:
        if sum(file.stat().st_size > 0 for file in home.glob("*.pid")) == 5:
            monkeypatch.setattr(start.time, "sleep", really)
            raise KeyboardInterrupt

    really = time.sleep
    monkeypatch.setattr(start.time, "sleep", interrupted)
    with pytest.raises(KeyboardInterrupt):
        launcher.up(home, load(home, airflow={"port": 0}), dags=dags)
    assert all(gone(int(file.read_text())) for file in home.glob("*.pid"))
    assert launcher.down(home) == 0


def test_two_starts_at_the_same_time_do_not_meet(
    home: Path, dags: Path, installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = place.airflow_home(home)
    folder.mkdir()
    monkeypatch.setattr(place, "PATIENCE_S", 0.2)
    with place.alone(folder):
        assert "est en cours" in fault(home, dags, port=0)


# --- the keeper -------------------------------------------------------------------------------------------------------


@pytest.fixture
def kept(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    """A keeper of a run whose scheduler has ended and whose triggerer lives; components are programs that sleep."""
    fake_airflow(home, monkeypatch, "time.sleep(300)")
    folder = place.airflow_home(home)
    (folder / "logs").mkdir(parents=True)
    with sqlite3.connect(folder / "airflow.db") as db:
        db.execute("CREATE TABLE alembic_version (version_num TEXT)")
        db.execute("INSERT INTO alembic_version VALUES ('head')")
    run = Run("m", processes.boot(), start._port(0))
    given = {**os.environ, MARK: "m"}
    for name in components.COMPONENTS:
        components.start(folder, name, run, given)
    scheduler = run.components["scheduler"].process
    scheduler.send(signal.SIGKILL)
    assert gone(scheduler.pid)
    yield Keeper(folder, "m", f"sqlite:///{folder}/airflow.db", given)
    launcher.down(home)


def kept_run(keeper: Keeper) -> Run:
    run = record.read(place.record_file(keeper.folder))
    assert run is not None
    return run


def test_what_ended_is_started_again_and_what_lives_is_left_alone(kept: Keeper, quick: None) -> None:
    before = kept_run(kept)
    assert kept.look(1000.0)
    after = kept_run(kept)
    assert after.is_up("scheduler")
    assert after.components["scheduler"] != before.components["scheduler"]
    assert after.components["triggerer"] == before.components["triggerer"]


def test_up_starts_again_what_ran_before_it_and_ends_while_it_waits(kept: Keeper, quick: None) -> None:
    """The keeper ended a deaf scheduler, and may start none while `up` is at work."""
    run, before, ours = kept_run(kept), kept_run(kept).components["scheduler"].process, [components.KEEPER]
    assert start._tend(kept.folder, run, ours, dict(kept.given))
    after = kept_run(kept)
    assert after.is_up("scheduler") and before in after.former
    assert ours == [components.KEEPER, "scheduler"]
    assert not start._tend(kept.folder, run, ours, dict(kept.given))
    after.components["scheduler"].process.send(signal.SIGKILL)  # now it is one of ours
    assert gone(after.components["scheduler"].process.pid)
    with pytest.raises(Fault, match="scheduler stopped at its start"):
        start._tend(kept.folder, run, ours, dict(kept.given))


def test_one_that_ends_again_and_again_is_started_ever_more_rarely(kept: Keeper, quick: None) -> None:
    starts = []
    for second in range(1000, 1040):
        known = kept_run(kept).components["scheduler"].process
        known.send(signal.SIGKILL)
        assert gone(known.pid)
        kept.look(float(second))
        if kept_run(kept).components["scheduler"].process != known:
            starts.append(second - 1000)
    assert starts == [0, 2, 6, 14, 30]


def test_nothing_is_started_while_the_database_is_away(kept: Keeper, quick: None) -> None:
    there = kept.folder / "airflow.db"
    there.rename(kept.folder / "away.db")
    assert kept.look(1000.0)
    assert not kept_run(kept).is_up("scheduler")
    (kept.folder / "away.db").rename(there)
    assert kept.look(1001.0)
    assert kept_run(kept).is_up("scheduler")


def test_the_keeper_does_not_meddle_while_up_or_down_is_at_work(kept: Keeper, quick: None) -> None:
    with place.alone(kept.folder):
        assert kept.look(1000.0)
        assert not kept_run(kept).is_up("scheduler")


def test_the_keeper_ends_with_the_run_that_it_looks_after(kept: Keeper, home: Path, quick: None) -> None:
    run = kept_run(kept)
    run.mark = "the next one"
    record.write(place.record_file(kept.folder), run)
    assert not kept.look(1000.0)
    run.mark = "m"
    record.write(place.record_file(kept.folder), run)
    assert launcher.down(home) > 0
    assert not kept.look(1001.0)


def replaced(kept: Keeper, at: float, seconds: float) -> list[str]:
    """The components that other processes have after some seconds of looking."""
    assert kept.look(at)
    before = kept_run(kept).components
    for second in range(5, int(seconds) + 1, 5):
        assert kept.look(at + second)
    after = kept_run(kept).components
    return [name for name in after if after[name] != before[name]]


@pytest.mark.parametrize(
    ("well", "lost"),
    [
        ({"api-server", "triggerer", "dag-processor"}, ["scheduler"]),
        ({"triggerer"}, ["api-server"]),  # nobody tells of the others
        ({"api-server", "scheduler", "triggerer", "dag-processor"}, []),
    ],
)
def test_what_lives_and_is_not_well_for_long_is_replaced(
    kept: Keeper, quick: None, monkeypatch: pytest.MonkeyPatch, well: set[str], lost: list[str]
) -> None:
    monkeypatch.setattr(Api, "healthy", lambda _self, _since: frozenset(well))
    patience = keep.DEAF_S.get(lost[0] if lost else "", keep.DEAF_DEFAULT_S)
    assert replaced(kept, 1000.0, patience + 10) == []  # it may still be starting
    monkeypatch.setattr(keep, "YOUNG_S", 0.0)
    assert replaced(kept, 2000.0, patience - 5) == []
    assert replaced(kept, 2000.0 + patience - 4, 10) == lost


def test_an_api_server_that_nobody_hears_is_not_well(kept: Keeper, quick: None) -> None:
    run = kept_run(kept)
    assert Api(run.port, "any").healthy(run.since) == frozenset()


WORKERS = """
import subprocess, sys, time
sleeps = "import time; time.sleep(300)"
idle = subprocess.Popen([sys.executable, "-c", sleeps], stdout=subprocess.DEVNULL)
works = "import subprocess, sys, time; task = subprocess.Popen([sys.executable, '-c', %r], process_group=0); "
works += "print(task.pid, flush=True); time.sleep(300)"
busy = subprocess.Popen([sys.executable, "-c", works % sleeps], stdout=subprocess.PIPE, text=True)
print(idle.pid, busy.pid, busy.stdout.readline(), flush=True)
time.sleep(300)
"""


def test_an_orphan_without_a_task_is_ended_and_one_at_work_is_not(spawn: Spawn) -> None:
    scheduler = spawn(WORKERS, "m")
    assert scheduler.stdout is not None
    idle, busy, task = (int(pid) for pid in scheduler.stdout.readline().split())
    leader = processes.born(scheduler.pid)
    assert processes.idle_orphans([leader], "m") == []
    scheduler.kill()
    scheduler.wait()
    assert {process.pid for process in a_run(scheduler=leader).processes()} == {idle, busy, task}
    assert [process.pid for process in processes.idle_orphans([leader], "m")] == [idle]
    for pid in (idle, busy, task):
        os.kill(pid, signal.SIGKILL)


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_says_that_nothing_runs(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["airflow", "status", "--home", str(home)]) == 1
    assert capsys.readouterr().out.count("arrêté") == 5
    assert command(["airflow", "down", "--home", str(home)]) == 0
    assert capsys.readouterr().out == "Airflow ne tournait pas\n"


def test_the_command_ends_with_3_on_a_fault(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["airflow", "up", "--home", str(home / "nowhere")]) == 3
    assert "pas de dossier de travail ici" in capsys.readouterr().err
    (home / "settings.toml").write_text("[airflow]\nport = 99999\n")
    assert command(["airflow", "up", "--home", str(home)]) == 3
    assert "airflow.port" in capsys.readouterr().err


def test_a_component_that_was_killed_is_shown_as_stopped(
    home: Path, spawn: Spawn, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = place.airflow_home(home)
    folder.mkdir()
    lives, killed = spawn(SLEEPS, "m"), spawn(SLEEPS, "m")
    run = a_run(scheduler=processes.born(lives.pid), triggerer=processes.born(killed.pid))
    run.port = start._port(0)
    record.write(place.record_file(folder), run)
    killed.kill()
    killed.wait()
    url, rows = launcher.status(home)
    assert url == run.url
    assert {row.name: row.state for row in rows} == {
        "api-server": "dead", "scheduler": "silent", "triggerer": "dead", "dag-processor": "dead", "keeper": "dead",
    }  # fmt: skip
    assert command(["airflow", "status", "--home", str(home)]) == 1
    out = capsys.readouterr().out
    assert "ne répond pas" in out and str(lives.pid) in out
