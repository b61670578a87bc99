"""Figures by HTTP, for a Prometheus on this machine: `GET /metrics` on 127.0.0.1, one reading at a time."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ADDRESS = "127.0.0.1"
PATH = "/metrics"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SILENT_S = 10  # a client that says nothing for longer is let go


class Server(ThreadingHTTPServer):
    """Answers each scrape with what `read` gives then; what it raises is a 503 and goes to `on_trouble`."""

    daemon_threads = True

    def __init__(self, port: int, read: Callable[[], bytes], on_trouble: Callable[[Exception], None]) -> None:
        super().__init__((ADDRESS, port), _Scrape)
        self._read, self._on_trouble = read, on_trouble
        self._one_at_a_time = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_address[1]}{PATH}"

    def figures(self) -> bytes | None:
        with self._one_at_a_time:
            try:
                return self._read()
            except Exception as error:  # the next scrape may find the ledger again
                self._on_trouble(error)
                return None


class _Scrape(BaseHTTPRequestHandler):
    server: Server
    timeout = SILENT_S
    server_version, sys_version = "chorus-edi", ""

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != PATH:
            self._answer(404, b"only /metrics\n")
            return
        body = self.server.figures()
        self._answer(200, body) if body is not None else self._answer(503, b"the ledger cannot be read now\n")

    def _answer(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Type", CONTENT_TYPE)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """A scrape every few seconds is no news."""
