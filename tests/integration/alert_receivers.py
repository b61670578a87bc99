"""What receives alerts in tests: a real HTTP server on loopback, and a real command."""

import json
import stat
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


class Webhook:
    """Answers POST with `answer`; `slow_s`: waits before it does. `got`: the JSON objects, in their order."""

    def __init__(self, answer: int = 200, *, slow_s: float = 0, location: str = "", tls: Any = None) -> None:
        self.answer, self.slow_s, self.location = answer, slow_s, location
        self.got: list[dict[str, str]] = []
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.let_go = threading.Event()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.asked.append((self.command, self.path, dict(self.headers)))
                receiver.got.append(json.loads(body))
                receiver.let_go.wait(receiver.slow_s)
                self.send_response(receiver.answer)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.end_headers()

            def do_GET(self) -> None:
                receiver.asked.append((self.command, self.path, {}))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if tls is not None:
            self.server.socket = tls.wrap_socket(self.server.socket, server_side=True)
        self.scheme = "https" if tls is not None else "http"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.server.server_address[1]}/hook?token=s3cr3t"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.let_go.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Command:
    """A program that appends what it gets to a file, and leaves with the code that stands in another one."""

    SOURCE = """#!{python} -IS
import json, os, sys, time
from pathlib import Path
here = Path({folder!r})
said = json.load(sys.stdin)
with (here / "got").open("a") as file:
    file.write(json.dumps({{"said": said, "argv": sys.argv[1:], "cwd": os.getcwd(), "env": dict(os.environ)}}) + "\\n")
print("a secret of the command")
print("a secret of the command", file=sys.stderr)
if (here / "sleep").exists():
    (here / "pid").write_text(str(os.getpid()))
    time.sleep(600)
sys.exit(int((here / "code").read_text()))
"""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.heard = 0  # of `got`: what a test has asked for already
        self.folder, self.path = folder, folder / "page-ops"
        self.path.write_text(self.SOURCE.format(python=sys.executable, folder=str(folder)))
        self.path.chmod(self.path.stat().st_mode | stat.S_IXUSR)
        self.ends_with(0)

    def ends_with(self, code: int) -> None:
        (self.folder / "code").write_text(str(code))

    def sleeps(self) -> None:
        (self.folder / "sleep").touch()

    def is_gone(self) -> bool:
        """The process that slept ended, within a moment; on a slow machine before it could say who it is."""
        if not (self.folder / "pid").exists():
            return True
        pid = int((self.folder / "pid").read_text())
        until = time.monotonic() + 10
        while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
            time.sleep(0.02)
        return not Path(f"/proc/{pid}").exists()

    @property
    def calls(self) -> list[dict[str, Any]]:
        got = self.folder / "got"
        return [json.loads(line) for line in got.read_text().splitlines()] if got.exists() else []

    @property
    def got(self) -> list[dict[str, str]]:
        return [call["said"] for call in self.calls]
