"""One server as in production: PostgreSQL (ledger and Airflow's metadata), S3, a chrooted sshd, `chorus-edi airflow up`.

    with running(("XXX999",)) as stack, Issuer(stack.sshd, "XXX999") as issuer:
        at = issuer.drop(path)
        name, seconds = issuer.report_of(path.name, at)

Everything is done as people do it: partners use the OpenSSH client, operators the command. Needs root.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Self

from services.postgres import PostgresServer
from services.s3 import S3Server
from services.sshd import SshServer
from slow.machines import settings_toml

from fixtures import batch
from pipeline import runner
from pipeline.adapters.airflow_rest import AirflowRest
from pipeline.launcher import keys, place, record
from pipeline.model import DepositRight

COMMAND = Path(sys.executable).with_name("chorus-edi")
PARTNER, BIG, SMALL = PARTNERS = ("KIL001", "BIG001", "SML002")  # for the kills, for fairness
KIND = batch.BATCHES[0]  # UBL, every second one claims EN 16931
LOOK_S = 0.1
SEEN = "--seen--"


# --- the server -------------------------------------------------------------------------------------------------------


@dataclass
class Stack:
    """What runs, and how it is asked."""

    home: Path
    sshd: SshServer
    postgres: PostgresServer
    environment: dict[str, str]
    up_s: float = 0.0

    def command(self, *words: str, timeout_s: float = 180) -> "subprocess.CompletedProcess[str]":
        """One `chorus-edi` command on this home."""
        return subprocess.run(
            [str(COMMAND), *words, "--home", str(self.home)], env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def up(self) -> str:
        """`airflow up`; what it printed."""
        began = time.monotonic()
        done = self.command("airflow", "up")
        if done.returncode:
            raise AssertionError(f"{done.stdout}{done.stderr}\n{self.logs()}")
        self.up_s = time.monotonic() - began
        return done.stdout

    def run(self) -> record.Run:
        """What `airflow up` wrote down."""
        found = record.read(place.record_file(place.airflow_home(self.home)))
        assert found is not None, "Airflow is not up"
        return found

    def ledger(self, query: str) -> list[tuple[Any, ...]]:
        return self.postgres.execute(query, "edi")

    def metadata(self, query: str) -> list[tuple[Any, ...]]:
        return self.postgres.execute(query, "airflow")

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One request to Airflow's API, as its administrator: `path` begins behind /api/v2/."""
        passwords, _ = keys.passwords(place.airflow_home(self.home))
        server = AirflowRest(f"http://127.0.0.1:{self.run().port}", "admin", passwords["admin"])
        return server.ask(method, f"/api/v2/{path}", body)

    def add_partner(self, code: str) -> None:
        """One more partner, on the server and in the ledger."""
        self.sshd.add_user(code, self.home / "drop" / code)
        with runner.open_home(self.home) as home:
            runner.add_partner(home, partner(code))

    def broken(self) -> list[str]:
        """The lines of `verify` that are red."""
        done = self.command("verify", "--format", "json")
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert lines, done.stderr
        return [f"{line['name']}: {line['detail']}" for line in lines if not line["ok"]]

    def logs(self, characters: int = 1500) -> str:
        """The end of each log of a component."""
        files = sorted((place.airflow_home(self.home) / "logs").glob("*.log"))
        return "\n".join(f"--- {file.name}\n{file.read_text(errors='replace')[-characters:]}" for file in files)

    def open_lots(self) -> dict[int, tuple[int, str]]:
        """Lots that are being judged: number -> (attempt, token of the worker)."""
        rows = self.ledger("SELECT id, attempt, claimed_by FROM lots WHERE state = 'claimed' AND kind = 'judge'")
        return {int(number): (int(attempt), str(who)) for number, attempt, who in rows}

    def holder(self, token: str) -> int | None:
        """The process of this machine that works under a token: it holds the lock of that name."""
        lock = (self.home / "workers" / f"{token}.lock").stat()
        wanted = f"{os.major(lock.st_dev):02x}:{os.minor(lock.st_dev):02x}:{lock.st_ino}"
        for line in Path("/proc/locks").read_text().splitlines():
            fields = line.split()
            if len(fields) >= 6 and fields[5] == wanted and fields[1] == "FLOCK":
                return int(fields[4])
        return None

    def answered(self) -> int:
        return int(self.ledger("SELECT count(*) FROM verdicts")[0][0])

    def unsent(self) -> int:
        return int(self.ledger("SELECT count(*) FROM outbox WHERE state <> 'sent'")[0][0])

    def wait(self, what: Callable[[], bool], seconds: float, why: str) -> float:
        """Until it is so; how long that took. The ledger may be away meanwhile."""
        from psycopg import OperationalError

        began = time.monotonic()
        while True:
            try:
                if what():
                    return time.monotonic() - began
            except OperationalError:
                pass
            if time.monotonic() - began > seconds:
                raise AssertionError(f"not within {seconds:.0f} s: {why}\n{self.logs()}")
            time.sleep(LOOK_S)


@contextmanager
def running(partners: Sequence[str], *, up: bool = True, **tables: Any) -> Iterator[Stack]:
    """The servers, a home with these partners and the sample directory, Airflow; all of it ends with the `with`.

    `tables`: more settings.
    """
    with PostgresServer.started() as postgres, S3Server() as s3, SshServer() as sshd:
        for name in ("edi", "airflow"):
            postgres.database(name)
        bucket = s3.make_bucket("edi", lock=True)
        home = sshd.new_folder("home")
        for code in partners:
            sshd.add_user(code, home / "drop" / code)
        secrets = {"password": postgres.password, "access": s3.access_key, "secret": s3.secret_key}
        for name, secret in secrets.items():
            (home / f"{name}.secret").touch(0o600)
            (home / f"{name}.secret").write_text(secret)
        ledger = f"postgresql://{postgres.user}@127.0.0.1:{postgres.port}/edi"
        (home / "settings.toml").write_text(
            settings_toml(
                ours="CPP001",
                ledger={"url": ledger, "password_file": "password.secret"},
                s3={
                    "bucket": bucket, "endpoint": s3.endpoint, "access_key_file": "access.secret",
                    "secret_key_file": "secret.secret", "lock_years": 1,
                },
                airflow={"port": 0},
                **tables,
            )
        )  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "CHORUS"))}
        environment["CHORUS_EDI_AIRFLOW__DATABASE"] = postgres.tcp_url("airflow")
        stack = Stack(home, sshd, postgres, environment)
        _furnish(stack, partners)
        try:
            if up:
                stack.up()
            yield stack
        finally:
            done = stack.command("airflow", "down")
            assert done.returncode == 0, done.stderr


def _furnish(stack: Stack, partners: Sequence[str]) -> None:
    with runner.open_home(stack.home) as home:
        runner.import_directory(home, batch.directory(stack.home / "annuaire"), date(2026, 1, 1))
        for code in partners:
            runner.add_partner(home, partner(code))


def partner(code: str) -> runner.Partner:
    rights = tuple(DepositRight(supplier.type, supplier.identifier) for supplier in batch.SUPPLIERS)
    return runner.Partner(code, f"Opérateur {code}", rights=rights)


# --- a partner --------------------------------------------------------------------------------------------------------


def flow(folder: Path, partner: str, sequence: int, count: int = 1, *, claims: bool = True) -> Path:
    """A flow of our own: one invoice as it is, or an archive of many; `claims`: it claims EN 16931.

    The numbers of its invoices follow from `sequence`, whoever drops it: two partners need two of them.
    """
    kind = KIND if claims else batch.Batch(KIND.code, 1, KIND.suffix, KIND.write, ("",))
    documents = batch.invoices(kind, sequence, count, partner)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / batch.flow_name(kind.code, sequence, partner)
    path.write_bytes(next(documents)[1] if count == 1 else batch.archive(documents))
    return path


@dataclass
class Issuer:
    """A partner at its OpenSSH client: one connection that stays open."""

    sshd: SshServer
    code: str
    fetched: dict[str, float] = field(default_factory=dict)  # report -> when it was here, by the monotonic clock
    _client: "subprocess.Popen[str] | None" = None

    def __enter__(self) -> Self:
        self._client = subprocess.Popen(
            self.sshd.sftp_command(self.code), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, bufsize=1,
        )  # fmt: skip
        self._say()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._client is not None
        self._client.kill()
        self._client.communicate()

    def upload(self, path: Path) -> None:
        """Everything but the name."""
        self._say(f"put {path} in/{path.name}.part")

    def rename(self, name: str) -> float:
        """The flow is dropped; when that was."""
        at = time.monotonic()
        self._say(f"rename in/{name}.part in/{name}")
        return at

    def drop(self, path: Path) -> float:
        self.upload(path)
        return self.rename(path.name)

    def reports(self) -> list[str]:
        """Integration reports in `out/`."""
        names = (Path(line.strip()).name for line in self._say("ls -1 out"))
        return sorted(name for name in names if name.startswith("CSO"))

    def await_report(self, folder: Path, at: float, seconds: float) -> tuple[Path, float]:
        """The next report that was not fetched yet, fetched into a folder, and how long after `at` that was."""
        while True:
            for name in self.reports():
                if name not in self.fetched:
                    self._say(f"get out/{name} {folder / name}")
                    self.fetched[name] = time.monotonic()
                    return folder / name, self.fetched[name] - at
            if time.monotonic() - at > seconds:
                raise AssertionError(f"{self.code} has no report after {seconds:.0f} s")
            time.sleep(LOOK_S)

    def _say(self, *commands: str) -> list[str]:
        """Run commands; the lines that came before we see that they are done."""
        assert self._client is not None and self._client.stdin is not None and self._client.stdout is not None
        self._client.stdin.write("".join(f"{command}\n" for command in (*commands, f"!echo {SEEN}")))
        self._client.stdin.flush()
        lines = []
        for line in self._client.stdout:
            if line.strip() == SEEN:
                return [line for line in lines if not line.startswith("sftp>")]
            lines.append(line)
        raise AssertionError(f"sftp ended: {''.join(lines)}")
