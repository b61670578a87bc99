"""A distributed run for real: five partners drop by SFTP, two Celery workers judge, one of them is killed half way.

    PYTHONPATH=tests python -m slow.cluster --invoices 20000

Three machines, each with its own home, working folder and Airflow home: one runs the API server, scheduler, triggerer
and DAG processor, two run a Celery worker each. They share the database, the broker, the bucket and the SFTP server.
It ends with the figures, with every invariant of `verify`, and with 1 where one of them does not hold.
"""

import argparse
import base64
import contextlib
import json
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from services import free_port
from services.postgres import PostgresServer
from services.redis import RedisServer
from services.s3 import S3Server
from services.sshd import SshServer
from slow.machines import Machine, listeners_outside_loopback, settings_toml

from fixtures import batch
from pipeline import runner
from pipeline.model import DepositRight

ROOT = Path(__file__).parents[2]
PARTNERS = ("OPA001", "OPB002", "OPC003", "OPD004", "OPE005")
OURS = "CPP001"
BUCKET = "edi"
READY_S = 90
KILL_AT = 0.1  # of the flows answered: compiled rules leave little time after that
WALL_S = 25 * 60
OVERHEAD = 0.10
POOL_SLOTS = 4  # draining slots: two on each worker


@dataclass(frozen=True)
class Flow:
    """One flow to drop, and what it holds."""

    partner: str
    path: Path
    invoices: int
    refused: int


@dataclass
class Figures:
    """What the run took and what came out."""

    invoices: int
    flows: int
    wall_s: float = 0.0
    drop_s: float = 0.0
    killed_at_s: float = 0.0
    killed_with: int = 0  # flows answered when the worker was killed
    taken_over_s: float = 0.0
    overhead: float = 0.0
    slot_s: float = 0.0  # of draining slots, without what they waited
    waited_s: float = 0.0  # for the lots of the other machine
    tasks: int = 0
    answered: dict[str, int] = field(default_factory=dict)
    booked: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    listeners: list[str] = field(default_factory=list)
    reports_fetched: int = 0
    trouble: list[str] = field(default_factory=list)

    @property
    def is_good(self) -> bool:
        return not (self.broken or self.listeners or self.trouble) and self.wall_s <= WALL_S


# --- what is dropped --------------------------------------------------------------------------------------------------


def flows(folder: Path, invoices: int) -> list[Flow]:
    """As big suppliers send them: archives of 500 and of 20, of three syntaxes, the same number for each partner."""
    made = []
    each = invoices // len(PARTNERS)
    for rank, partner in enumerate(PARTNERS):
        sequence, left = rank * 100, each
        while left:
            sequence += 1
            kind = batch.BATCHES[sequence % len(batch.BATCHES)]
            count = min(left, 500 if left > each // 4 and left >= 500 else 20)
            left -= count
            path = folder / partner / batch.flow_name(kind.code, sequence, partner)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(batch.archive(batch.invoices(kind, sequence, count, partner)))
            made.append(Flow(partner, path, count, count // batch.REFUSED_EVERY))
    return made


def upload(sshd: SshServer, flows: list[Flow]) -> None:
    """Each partner with the OpenSSH client: a temporary name, then the name of the flow."""

    def send(partner: str) -> None:
        words = []
        for flow in (f for f in flows if f.partner == partner):
            words += [
                f"put {flow.path} in/{flow.path.name}.part",
                f"rename in/{flow.path.name}.part in/{flow.path.name}",
            ]
        sshd.sftp(partner, *words)

    with ThreadPoolExecutor(len(PARTNERS)) as threads:
        list(threads.map(send, PARTNERS))


# --- the machines -----------------------------------------------------------------------------------------------------


@dataclass
class Cluster:
    """Everything that runs."""

    root: Path
    sshd: SshServer
    control: Machine
    workers: list[Machine]
    postgres: PostgresServer
    metadata: str

    def pids(self) -> list[int]:
        return [pid for machine in (self.control, *self.workers) for pid in machine.pids()]


@contextlib.contextmanager
def running(root: Path) -> Iterator[Cluster]:
    """Servers, then machines, ready to work; all of them gone at the end."""
    with (
        PostgresServer.started() as postgres, RedisServer() as broker, S3Server() as s3, SshServer(PARTNERS) as sshd
    ):  # fmt: skip
        s3.make_bucket(BUCKET)
        postgres.database("edi")
        postgres.database("airflow")
        metadata = postgres.tcp_url("airflow").replace("postgresql://", "postgresql+psycopg2://")
        common = _common(metadata, broker.url, free_port())
        machines = []
        for name in ("control", "worker-1", "worker-2"):
            place = root / name
            (place / "home").mkdir(parents=True)
            (place / "home" / "settings.toml").write_text(_settings(postgres, s3, sshd), encoding="utf-8")
            own = {"AIRFLOW_HOME": str(place / "airflow"), "CHORUS_EDI_HOME": str(place / "home")}
            machines.append(Machine(name, place, common | own))
        control, *workers = machines
        cluster = Cluster(root, sshd, control, workers, postgres, metadata)
        with runner.open_home(control.home) as home:
            runner.import_directory(home, batch.directory(root / "annuaire"), date(2026, 1, 1))
            for code in PARTNERS:
                rights = tuple(DepositRight(s.type, s.identifier) for s in batch.SUPPLIERS)
                runner.add_partner(home, runner.Partner(code, f"Opérateur {code}", rights=rights))
        try:
            _start(cluster)
            yield cluster
        finally:
            for machine in machines:
                machine.stop()


def _settings(postgres: PostgresServer, s3: S3Server, sshd: SshServer) -> str:
    """The same on every machine: nothing in it is of one machine."""
    return settings_toml(
        ours=OURS,
        readers=1,  # two machines on two cores
        ledger={"url": postgres.tcp_url("edi")},
        s3={"bucket": BUCKET, "endpoint": s3.endpoint, "access_key": s3.access_key, "secret_key": s3.secret_key},
        remotes={code: sshd.remote(code) for code in PARTNERS},
    )


def _common(metadata: str, broker: str, port: int) -> dict[str, str]:
    """What every machine of one Airflow must have in common."""
    dags = ROOT / "dags"
    result = metadata.replace("postgresql+psycopg2://", "db+postgresql+psycopg2://")
    return {
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
        "AIRFLOW__CORE__DAGS_FOLDER": str(dags),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(dags / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW__CORE__FERNET_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{port}/execution/",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__API__SECRET_KEY": secrets.token_hex(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_hex(32),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata,
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.1",
        "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "30",
        "AIRFLOW__CELERY__BROKER_URL": broker,
        "AIRFLOW__CELERY__RESULT_BACKEND": result,
        "AIRFLOW__CELERY__WORKER_ENABLE_REMOTE_CONTROL": "False",
        "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "CHORUS_EDI_LOG": "json",
        "CHORUS_EDI_SWEEP_MINUTES": "1",
    }


def _start(cluster: Cluster) -> None:
    control = cluster.control
    control.run("db", "migrate")
    control.run("pools", "set", "edi_cpu", str(POOL_SLOTS), "judging")
    control.run("pools", "set", "edi_io", "2", "intake and returns")
    control.start("api-server", "api-server")
    control.start("scheduler", "scheduler", "--skip-serve-logs")
    control.start("triggerer", "triggerer", "--skip-serve-logs")
    control.start("dag-processor", "dag-processor")
    for worker in cluster.workers:
        worker.start(
            "worker", "celery", "worker", "--skip-serve-logs", "-q", "default,edi_cpu,edi_io", "-c", "3",
            "-H", f"{worker.name}@loopback", "--without-gossip", "--without-mingle",
        )  # fmt: skip
    until = time.monotonic() + READY_S
    while not _is_ready(cluster):
        if time.monotonic() > until:
            raise RuntimeError("the cluster is not ready:\n" + "\n".join(m.last_words() for m in _machines(cluster)))
        time.sleep(0.5)


def _machines(cluster: Cluster) -> list[Machine]:
    return [cluster.control, *cluster.workers]


def _is_ready(cluster: Cluster) -> bool:
    """The DAGs are there and active, and both workers have said that they listen."""
    try:
        ((count,),) = cluster.postgres.execute(
            "SELECT count(*) FROM dag WHERE dag_id LIKE 'edi_%' AND NOT is_paused AND NOT is_stale", "airflow"
        )
    except Exception:
        return False
    heard = all("ready." in (w.root / "worker.log").read_text(errors="replace") for w in cluster.workers)
    return int(str(count)) >= 7 and heard


# --- the run ----------------------------------------------------------------------------------------------------------


def run(invoices: int, tell: Any = print) -> Figures:
    """Drop, kill, wait, look."""
    root = Path(tempfile.mkdtemp(prefix="cluster-"))
    try:
        tell(f"making {invoices} invoices for {len(PARTNERS)} partners")
        dropped = flows(root / "flows", invoices)
        figures = Figures(sum(f.invoices for f in dropped), len(dropped))
        began = time.monotonic()
        with running(root) as cluster:
            tell(f"cluster ready after {time.monotonic() - began:.0f} s; {figures.flows} flows are dropped")
            try:
                _work(cluster, dropped, figures, tell)
                _look(cluster, dropped, figures)
            except BaseException:
                tell("\n".join(machine.last_words() for machine in _machines(cluster)))
                raise
        return figures
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _work(cluster: Cluster, dropped: list[Flow], figures: Figures, tell: Any) -> None:
    began = time.monotonic()
    upload(cluster.sshd, dropped)
    figures.drop_s = time.monotonic() - began
    killed_at = 0.0
    said = 0.0
    while True:
        answered, unsent = _progress(cluster)
        now = time.monotonic() - began
        if now - said > 10:
            tell(f"{now:5.0f} s  {answered} of {figures.flows} flows answered, {unsent} files to send")
            said = now
        if not killed_at and answered >= figures.flows * KILL_AT and (victim := _busiest(cluster)) is not None:
            figures.listeners = listeners_outside_loopback(cluster.pids())
            held = _held_by(cluster, victim)
            victim.kill("worker")
            killed_at = time.monotonic()
            figures.killed_at_s, figures.killed_with = now, answered
            tell(f"{now:5.0f} s  {victim.name} killed (-9), it held lots {held}")
        if killed_at and not figures.taken_over_s and not _open_lots(cluster, held):
            figures.taken_over_s = time.monotonic() - killed_at
        if answered == figures.flows and not unsent and (figures.taken_over_s or not killed_at):
            break
        if now > WALL_S:
            figures.trouble.append(f"after {WALL_S} s only {answered} of {figures.flows} flows are answered")
            break
        time.sleep(0.5)
    figures.wall_s = time.monotonic() - began
    if not killed_at:
        figures.trouble.append("no worker was killed: none held a lot when it was time")


def _ledger(cluster: Cluster, query: str) -> list[tuple[Any, ...]]:
    return cluster.postgres.execute(query, "edi")


def _progress(cluster: Cluster) -> tuple[int, int]:
    ((answered,),) = _ledger(cluster, "SELECT count(*) FROM verdicts")
    ((unsent,),) = _ledger(cluster, "SELECT count(*) FROM outbox WHERE state <> 'sent'")
    return int(answered), int(unsent)


def _tokens(machine: Machine) -> set[str]:
    """Who works in the home of this machine: the locks of its processes."""
    return {lock.stem for lock in (machine.home / "workers").glob("*.lock")}


def _held_by(cluster: Cluster, machine: Machine) -> list[tuple[int, int]]:
    """(lot, attempt) of the open lots that processes of this machine hold."""
    rows = _ledger(cluster, "SELECT id, attempt, claimed_by FROM lots WHERE state = 'claimed' AND kind = 'judge'")
    return [(int(r[0]), int(r[1])) for r in rows if r[2] in _tokens(machine)]


def _busiest(cluster: Cluster) -> Machine | None:
    """A worker that is in the middle of a lot."""
    return next((worker for worker in cluster.workers if _held_by(cluster, worker)), None)


def _open_lots(cluster: Cluster, lots: list[tuple[int, int]]) -> list[int]:
    """Those of these lots that nobody has taken over yet."""
    now = {int(r[0]): int(r[1]) for r in _ledger(cluster, "SELECT id, attempt FROM lots")}
    return [lot for lot, attempt in lots if now.get(lot) == attempt]


def _look(cluster: Cluster, dropped: list[Flow], figures: Figures) -> None:
    """What came out, against what went in."""
    figures.answered = {r[0]: int(r[1]) for r in _ledger(cluster, "SELECT state, count(*) FROM deposits GROUP BY 1")}
    figures.booked = {r[0]: int(r[1]) for r in _ledger(cluster, "SELECT outcome, count(*) FROM invoices GROUP BY 1")}
    refused = sum(f.refused for f in dropped)
    expected = {"integrated": figures.invoices - refused, "refused": refused}
    if figures.booked != {k: v for k, v in expected.items() if v}:
        figures.trouble.append(f"invoices {figures.booked}, expected {expected}")
    if sum(figures.answered.values()) != figures.flows:
        figures.trouble.append(f"deposits {figures.answered}, {figures.flows} were dropped")
    for partner in PARTNERS:
        out = cluster.sshd.root(partner) / "out"
        reports = [p for p in out.iterdir() if p.name.startswith("CSO")]
        figures.reports_fetched += len(reports)
        expected_here = sum(f.partner == partner for f in dropped)
        if len(reports) != expected_here:
            figures.trouble.append(f"{partner}: {len(reports)} reports for {expected_here} flows")
        left = list((cluster.sshd.root(partner) / "in").iterdir())
        if left:
            figures.trouble.append(f"{partner}: {len(left)} files left in in/")
    _overhead(cluster, figures)
    with runner.open_home(cluster.control.home) as home:
        figures.broken = [f"{line.name}: {line.detail.en}" for line in runner.verify(home) if not line.ok]


def _overhead(cluster: Cluster, figures: Figures) -> None:
    """Of the time that draining slots were taken (queued to ended), the share in which no runner function worked.

    While they waited for the lots of the other machine they were idle by intent: that is neither work nor overhead.
    """
    rows = cluster.postgres.execute(
        "SELECT ti.queued_dttm, ti.end_date, x.value FROM task_instance ti JOIN xcom x"
        " ON x.dag_id = ti.dag_id AND x.run_id = ti.run_id AND x.task_id = ti.task_id AND x.map_index = ti.map_index"
        " WHERE ti.dag_id = 'edi_process' AND ti.map_index >= 0 AND ti.state = 'success' AND x.key = 'return_value'",
        "airflow",
    )
    worked = 0.0
    for queued, ended, value in rows:
        told = value if isinstance(value, dict) else json.loads(str(value))
        if isinstance(told, str):
            told = json.loads(told)
        waited_s = told.get("waited_milliseconds", 0) / 1000
        figures.waited_s += waited_s
        figures.slot_s += (ended - queued).total_seconds() - waited_s  # type: ignore[operator]
        worked += told.get("milliseconds", 0) / 1000  # a slot that found nothing left tells nothing
    figures.tasks = len(rows)
    figures.overhead = 1 - worked / figures.slot_s if figures.slot_s else 0.0


def told(figures: Figures) -> str:
    """For people."""
    rows = [
        ("invoices", f"{figures.invoices} in {figures.flows} flows of {len(PARTNERS)} partners"),
        ("uploads", f"{figures.drop_s:.1f} s"),
        ("wall, first upload to last report", f"{figures.wall_s:.0f} s (target {WALL_S} s)"),
        ("invoices per second", f"{figures.invoices / figures.wall_s:.0f}"),
        ("worker killed", f"after {figures.killed_at_s:.0f} s, {figures.killed_with} flows answered"),
        ("its lots in other hands", f"{figures.taken_over_s:.0f} s later"),
        ("Airflow overhead of draining slots",
         f"{figures.overhead:.1%} of {figures.slot_s:.0f} s in {figures.tasks} tasks (target {OVERHEAD:.0%}),"
         f" {figures.waited_s:.0f} s of waiting for the other machine apart"),
        ("deposits", ", ".join(f"{k} {v}" for k, v in sorted(figures.answered.items()))),
        ("booked", ", ".join(f"{k} {v}" for k, v in sorted(figures.booked.items()))),
        ("reports in out/", str(figures.reports_fetched)),
        ("verify", "every invariant holds" if not figures.broken else "; ".join(figures.broken)),
        ("listeners outside 127.0.0.1", ", ".join(figures.listeners) or "none"),
        ("trouble", "; ".join(figures.trouble) or "none"),
    ]  # fmt: skip
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name.ljust(width)}  {value}" for name, value in rows)


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--invoices", type=int, default=20_000)
    given = arguments.parse_args()
    figures = run(given.invoices, lambda words: print(words, file=sys.stderr, flush=True))
    print(told(figures))
    return 0 if figures.is_good else 1


if __name__ == "__main__":
    sys.exit(main())
