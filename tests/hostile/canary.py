"""A server on loopback that nobody may ask: hostile files name it, and each request it gets is kept."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Canary:
    url: str = ""
    hits: list[str] = field(default_factory=list)


@contextmanager
def listening() -> Iterator[Canary]:
    canary = Canary()

    class Listener(BaseHTTPRequestHandler):
        def handle_one_request(self) -> None:
            canary.hits.append(self.rfile.readline(200).decode("latin-1").strip() or "a connection")
            self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    canary.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield canary
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
