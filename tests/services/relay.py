"""A wire that can be cut: passes bytes between a client and a server on loopback, late if asked, and fails on demand."""

import contextlib
import queue
import socket
import struct
import threading
import time
from dataclasses import dataclass

CLOSE, RESET, STALL = "close", "reset", "stall"
DOWN, UP = "down", "up"  # from the server, to the server


@dataclass(frozen=True)
class _Failure:
    how: str
    way: str
    at: int  # bytes passed this way, ever


class Relay:
    """Listens on `port`, and connects whoever comes to the server's. `cut` arms one failure."""

    def __init__(self, server_port: int, delay_s: float = 0) -> None:
        self.server_port, self.delay_s = server_port, delay_s
        self.passed = {DOWN: 0, UP: 0}
        self.connections = 0
        self.has_failed = threading.Event()
        self._armed: _Failure | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._lock = threading.Lock()
        self._links: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self._listener.close()
        self._end(CLOSE)

    def cut(self, how: str, after_bytes: int = 0, way: str = DOWN) -> None:
        """End all connections, or let nothing more through any (a stall), when so many more bytes have passed this way."""
        with self._lock:
            self.has_failed.clear()
            self._armed = _Failure(how, way, self.passed[way] + after_bytes)

    def mend(self) -> None:
        with self._lock:
            self._armed = None
            self._flowing.set()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                server = socket.create_connection(("127.0.0.1", self.server_port))
                for link in (client, server):
                    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._links.append(link)
                threading.Thread(target=self._pump, args=(client, server, UP), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, DOWN), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        late: queue.Queue[tuple[float, bytes]] = queue.Queue()
        threading.Thread(target=_deliver, args=(late, sink), daemon=True).start()
        with contextlib.suppress(OSError):
            while part := source.recv(64 << 10):
                part, how = self._let_through(part, way)
                late.put((time.monotonic() + self.delay_s, part))
                if how:
                    late.join()
                    self._end(how)
        late.put((time.monotonic() + self.delay_s, b""))

    def _let_through(self, part: bytes, way: str) -> tuple[bytes, str]:
        """(what still passes, how all ends then)."""
        with self._lock:
            armed, before = self._armed, self.passed[way]
            self.passed[way] += len(part)
            is_due = armed is not None and armed.way == way and self.passed[way] >= armed.at
            if armed is not None and is_due:
                self._armed = None
                self.has_failed.set()
                if armed.how != STALL:
                    return part[: max(armed.at - before, 0)], armed.how
                self._flowing.clear()
        self._flowing.wait()
        return part, ""

    def _end(self, how: str) -> None:
        links, self._links = self._links, []
        for link in links:
            with contextlib.suppress(OSError):
                if how == RESET:
                    link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    link.shutdown(socket.SHUT_RD)  # wakes whoever reads it: only then the close is one
                    link.close()
                else:
                    link.shutdown(socket.SHUT_RDWR)


def _deliver(late: "queue.Queue[tuple[float, bytes]]", sink: socket.socket) -> None:
    """Send each part when it is due; an empty one is the end."""
    while True:
        at, part = late.get()
        time.sleep(max(0.0, at - time.monotonic()))
        with contextlib.suppress(OSError):
            if not part:
                sink.shutdown(socket.SHUT_RDWR)
                return
            sink.sendall(part)
        late.task_done()
