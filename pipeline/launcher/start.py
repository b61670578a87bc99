"""`up`: check, migrate, start, wait until everything answers and every DAG is known. What fails is ended again."""

import socket
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from pipeline.adapters import airflow_metadata
from pipeline.adapters.airflow_rest import Denied
from pipeline.adapters.dependencies import require
from pipeline.adapters.system_errors import why
from pipeline.launcher import components, processes, record
from pipeline.launcher.components import COMPONENTS, EVERYTHING, start
from pipeline.launcher.environment import IO_SLOTS, LOOPBACK, cpu_slots, database_url, environment
from pipeline.launcher.keys import keys, passwords, passwords_file
from pipeline.launcher.place import airflow_home, alone, dags_folder, log_file, record_file
from pipeline.launcher.record import Run
from pipeline.launcher.rest import Api
from pipeline.launcher.stop import end
from pipeline.ports import Fault, Said
from pipeline.settings import Settings

READY_S = 120.0  # 10 on a quiet machine
MIGRATE_S = 300.0
LOOK_S = 0.2
MIGRATED, HEALTHY, PARSED = "migrated", "healthy", "parsed"
Hear = Callable[[str, float], None]  # a step that is done, and how long it took


@dataclass(frozen=True, slots=True)
class Ready:
    """Airflow is up. `started`: the components that this call started; none of them where everything ran already."""

    url: str
    started: tuple[str, ...]
    dags: dict[str, bool]  # dag_id -> whether an operator paused it
    passwords: dict[str, str] = field(repr=False)
    are_passwords_new: bool = False


def _unheard(_step: str, _seconds: float) -> None:
    """Nobody waits."""


def up(home: Path, settings: Settings, *, dags: Path | None = None, hear: Hear = _unheard) -> Ready:
    """Start what does not run. A fault says what is wrong, and everything that this call started is ended."""
    folder, dags = airflow_home(home), dags or dags_folder()
    airflow = _installed()
    if not dags.is_dir():
        raise Fault(_no_dags(dags))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "logs").mkdir(exist_ok=True)
    with alone(folder):
        run = _renewed(folder) or Run(uuid.uuid4().hex, processes.boot(), _port(settings.airflow.port))
        ours = [name for name in EVERYTHING if not run.is_up(name)]
        secrets, (logins, are_new) = keys(folder), passwords(folder)
        given = environment(home.resolve(), folder, dags, settings, secrets, run.port, run.mark)
        hear = hear if ours else _unheard
        try:
            if ours:
                _migrate(folder, database_url(folder, settings), airflow, given, hear)
            for name in ours:
                start(folder, name, run, given)
            known = _wait(
                folder, dags, run, Api(run.port, logins["admin"]), settings, hear,
                partial(_tend, folder, run, ours, given),
            )  # fmt: skip
        except BaseException:
            _undo(folder, run, ours)
            if are_new:  # nobody was told them
                passwords_file(folder).unlink(missing_ok=True)
            raise
    return Ready(run.url, tuple(ours), known, logins, are_new)


def _renewed(folder: Path) -> Run | None:
    """A run some of which lives goes on: what died of it is started again. None where nothing lives any more."""
    run = record.read(record_file(folder))
    if run is None:
        return None
    if not any(run.is_up(name) for name in COMPONENTS):
        end(run)  # the keeper, and tasks whose component died
        return None
    run.former += [one.process for one in run.components.values() if not one.process.is_alive]
    run.components = {name: one for name, one in run.components.items() if one.process.is_alive}
    return run


def _undo(folder: Path, run: Run, started: list[str]) -> None:
    """End what this call started; what ran before goes on."""
    ours = Run(run.mark, run.boot, run.port, {name: one for name, one in run.components.items() if name in started})
    end(ours)
    run.components = {name: one for name, one in run.components.items() if name not in started}
    if run.components or run.former:
        record.write(record_file(folder), run)
    else:
        record_file(folder).unlink(missing_ok=True)


def _installed() -> str:
    try:
        found = version("apache-airflow-core")
    except PackageNotFoundError as error:
        raise Fault(_NOT_INSTALLED) from error
    require("apache-airflow-core")
    return found


def _port(wanted: int) -> int:
    """A port that is free on loopback: the one that is set, or any."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a listener is in the way, no old connection is
        try:
            probe.bind((LOOPBACK, wanted))
        except OSError as error:
            raise Fault(_taken(wanted).because(why(error)).then(_ANOTHER_PORT)) from error
        return int(probe.getsockname()[1])


def _migrate(folder: Path, url: str, airflow: str, given: dict[str, str], hear: Hear) -> None:
    """Airflow's own migration takes five seconds and imports all of it: not where this version has done it already."""
    began, stamp = time.monotonic(), folder / "migrated"
    try:
        found = airflow_metadata.revision(url)
        if found is not None and stamp.exists() and stamp.read_text("utf-8") == f"{airflow} {found}":
            return
        with log_file(folder, "migrate").open("wb") as log:
            done = subprocess.run(
                [*components.AIRFLOW, "db", "migrate"], env=given, cwd=folder, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, timeout=MIGRATE_S, check=False,
            )  # fmt: skip
        if done.returncode:
            raise Fault(_not_migrated(log_file(folder, "migrate")))
        stamp.write_text(f"{airflow} {airflow_metadata.revision(url)}", encoding="utf-8")
    except subprocess.TimeoutExpired as error:
        raise Fault(_not_migrated(log_file(folder, "migrate"))) from error
    except ConnectionError as error:
        raise Fault(why(error).then(_ANOTHER_DATABASE)) from error
    hear(MIGRATED, time.monotonic() - began)


def _tend(folder: Path, run: Run, ours: list[str], given: dict[str, str]) -> bool:
    """What ran before this call and ends meanwhile is started again, and then ours; True where that was so.

    After a database that was away, components end one by one. The keeper, whose work this is, waits until we have done.
    """
    ended = [name for name in COMPONENTS if not run.is_up(name)]
    for name in ended:
        if name in ours:
            raise Fault(_stopped(name, log_file(folder, name)))
        run.former.append(run.components[name].process)
        ours.append(name)
        start(folder, name, run, given)
    return bool(ended)


def _wait(
    folder: Path, dags: Path, run: Run, api: Api, settings: Settings, hear: Hear, tend: Callable[[], bool]
) -> dict[str, bool]:  # fmt: skip
    """Until all four are well, the pools are there and every file of the folder has become its DAG.

    An API server that does not answer, or not with what was asked, may do so the next time: the machine is busy.
    """
    began, is_well, trouble = time.monotonic(), False, None
    expected = {f"edi_{file.stem}" for file in dags.glob("[a-z]*.py")}
    while True:
        was_well = is_well = not tend() and is_well
        known = None
        try:
            is_well = was_well or _is_well(api, run, settings)
            known = _known(api, run, expected) if is_well else None
        except Denied:
            raise
        except OSError as error:
            trouble = error
        if is_well and not was_well:
            hear(HEALTHY, time.monotonic() - began)
            began_to_parse = time.monotonic()
        if known is not None:
            hear(PARSED, time.monotonic() - began_to_parse)
            return known
        if time.monotonic() - began > READY_S:
            raise Fault(_too_slow(trouble).then(_see(folder / "logs"))) from trouble
        time.sleep(LOOK_S)


def _is_well(api: Api, run: Run, settings: Settings) -> bool:
    """All four say so, and the pools are there."""
    if not api.healthy(run.since) >= set(COMPONENTS):
        return False
    api.make_pool("edi_cpu", cpu_slots(settings), "judging: one for each core")
    api.make_pool("edi_io", IO_SLOTS, "intake and returns, beside it")
    return True


def _known(api: Api, run: Run, expected: set[str]) -> dict[str, bool] | None:
    """The DAGs, None while one is missing. A file that this DAG processor could not load is a fault; what an earlier
    one said of it may be mended.
    """
    known = api.dags()
    missing = expected - set(known)
    if not missing:
        return known
    errors = api.import_errors(run.since["dag-processor"])
    if broken := sorted((file, reason) for file, reason in errors.items() if f"edi_{Path(file).stem}" in missing):
        raise Fault(_unparsed(broken[0]))
    return None


_NOT_INSTALLED = Said(
    "Airflow n'est pas installé ; pip install 'chorus-edi[airflow]'",
    "Airflow is not installed; pip install 'chorus-edi[airflow]'",
)
_ANOTHER_PORT = Said(
    "en choisir un autre : [airflow] port dans settings.toml (0 : un port libre)",
    "choose another one: [airflow] port in settings.toml (0: a free one)",
)
_ANOTHER_DATABASE = Said(
    "vérifier [airflow] database dans settings.toml et que ce serveur tourne, puis chorus-edi airflow up",
    "check [airflow] database in settings.toml and that this server runs, then `chorus-edi airflow up`",
)


def _no_dags(dags: Path) -> Said:
    return Said(
        f"{dags} : ce dossier des DAG est introuvable ; réinstaller chorus-edi",
        f"{dags}: this folder of DAGs is missing; reinstall chorus-edi",
    )


def _taken(port: int) -> Said:
    return Said(f"le port {port} de 127.0.0.1 n'est pas libre", f"port {port} of 127.0.0.1 is not free")


def _not_migrated(log: Path) -> Said:
    return Said(
        f"la base d'Airflow ne se met pas à jour ; {log} dit pourquoi, puis chorus-edi airflow up",
        f"the database of Airflow cannot be migrated; {log} says why, then `chorus-edi airflow up`",
    )


def _stopped(name: str, log: Path) -> Said:
    return Said(
        f"{name} s'est arrêté au démarrage, ce qui venait d'être lancé aussi ; {log} dit pourquoi",
        f"{name} stopped at its start, what was just started was ended as well; {log} says why",
    )


def _unparsed(error: tuple[str, str]) -> Said:
    file, reason = error
    return Said(
        f"le DAG {file} ne se charge pas : {reason} ; réinstaller chorus-edi, ou corriger ce fichier",
        f"the DAG {file} cannot be loaded: {reason}; reinstall chorus-edi, or mend this file",
    )


def _too_slow(trouble: OSError | None) -> Said:
    said = Said(
        f"Airflow n'est pas prêt après {READY_S:.0f} s, ce qui venait d'être lancé a été arrêté",
        f"Airflow is not ready after {READY_S:.0f} s, what was just started was ended",
    )
    return said.because(why(trouble)) if trouble else said


def _see(logs: Path) -> Said:
    return Said(f"les journaux de {logs} disent pourquoi", f"the logs in {logs} say why")
