"""A relay in front of a real S3 server that does what networks and servers do at their worst.

`proxy.next(...)` says what happens to the next requests of a method; all others pass. `proxy.seen` tells them all.
"""

import http.client
import socket
import struct
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

NO_UPLOAD = b"<Error><Code>NoSuchUpload</Code><Message>Completed or aborted.</Message></Error>"
SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Reduce your request rate.</Message></Error>"


@dataclass
class Trouble:
    method: str
    kind: str  # slow_down, missing: answered here; stall, reset: passed on, not answered; no_upload: passed on, and
    # answered here; cut, garble: the body of the answer
    times: int
    query: str = ""  # only where the query of the request has this


class S3Proxy:
    """Listens on a loopback port of its own; `away` closes it, `back` opens the same one again."""

    def __init__(self, endpoint: str) -> None:
        self.upstream = urlsplit(endpoint)
        self.seen: list[tuple[str, str]] = []
        self.over = threading.Event()
        self._troubles: list[Trouble] = []
        self._lock = threading.Lock()
        self._port = 0
        self.back()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def next(self, kind: str, method: str, times: int = 1, query: str = "") -> None:
        with self._lock:
            self._troubles.append(Trouble(method, kind, times, query))

    def count(self, method: str, query: str = "") -> int:
        return sum(one == method and query in urlsplit(path).query for one, path in self.seen)

    @property
    def is_done(self) -> bool:
        """All the trouble that was asked for was met."""
        return not any(trouble.times for trouble in self._troubles)

    def back(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _Relay)
        self._server.proxy = self
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def away(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._server.hang_up()

    def close(self) -> None:
        self.over.set()
        self.away()

    def met(self, method: str, path: str) -> str:
        """What happens to this request."""
        with self._lock:
            self.seen.append((method, path))
            for trouble in self._troubles:
                if trouble.times and trouble.method == method and trouble.query in urlsplit(path).query:
                    trouble.times -= 1
                    return trouble.kind
        return ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: S3Proxy

    def __init__(self, *given: object) -> None:
        super().__init__(*given)  # type: ignore[arg-type]
        self._open: set[socket.socket] = set()

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        self._open.add(request)
        super().process_request(request, client_address)  # type: ignore[arg-type]

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: object, client_address: object) -> None:  # type: ignore[override]
        """The client hung up, or we did: that is what this is for."""

    def hang_up(self) -> None:
        """A server that is gone keeps no connection either."""
        for connection in list(self._open):
            reset(connection)


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def relay(self) -> None:
        proxy = self.server.proxy
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = proxy.met(self.command, self.path)
        if kind == "slow_down":
            self.answer(503, [("Content-Type", "application/xml")], SLOW_DOWN)
            return
        if kind == "missing":
            self.answer(404, [], b"")
            return
        status, headers, content = self.ask(body)
        if kind == "stall":
            proxy.over.wait(30)  # the client hangs up before
            self.close_connection = True
        elif kind == "reset":
            self.close_connection = True
            reset(self.connection)
        elif kind == "cut":
            self.close_connection = True
            self.answer(status, headers, content, sent=content[: len(content) // 2])
        elif kind == "no_upload":
            self.answer(404, [("Content-Type", "application/xml")], NO_UPLOAD)
        elif kind == "garble":
            self.answer(status, headers, bytes([content[0] ^ 1]) + content[1:])
        else:
            self.answer(status, headers, content)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = relay

    def ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        """The same request, header by header (they are signed), to the real server."""
        upstream = http.client.HTTPConnection(self.server.proxy.upstream.netloc, timeout=30)
        upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in {"expect", "connection"}:
                upstream.putheader(name, value)
        upstream.endheaders(body or None)
        answer = upstream.getresponse()
        content = answer.read()
        upstream.close()
        return answer.status, answer.getheaders(), content

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes, sent: bytes | None = None) -> None:
        self.send_response_only(status)
        names = {name.lower() for name, _ in headers}
        for name, value in headers:
            if name.lower() not in {"connection", "transfer-encoding"}:
                self.send_header(name, value)
        if "content-length" not in names and status not in {204, 304}:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content if sent is None else sent)

    def log_message(self, *_: object) -> None:
        """`seen` tells."""


def reset(connection: socket.socket) -> None:
    """End a connection as a machine does that went down: RST."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RD)
        connection.close()
    except OSError:
        pass
