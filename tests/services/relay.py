"""A wire that can be cut: passes bytes between a client and a server on loopback, late if asked, and fails on demand."""

import contextlib
import queue
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

CLOSE, RESET, STALL, SLOW, HALF_OPEN = "close", "reset", "stall", "slow", "half-open"
DOWN, UP = "down", "up"  # from the server, to the server
DROP_BYTES, DROP_S = 1 << 10, 0.02  # of a slow wire: so many at a time, so far apart
_RST = struct.pack("ii", 1, 0)  # SO_LINGER of no time: what is closed is reset


def _nothing() -> None:
    """Nobody waits for the failure."""


@dataclass(frozen=True)
class _Failure:
    how: str
    way: str
    at: int  # bytes passed this way, ever
    first: Callable[[], None]


@dataclass(eq=False)
class _Link:
    """One connection: our end to the client, our end to the server."""

    client: socket.socket
    server: socket.socket
    is_deaf: threading.Event = field(default_factory=threading.Event)  # the client speaks to nobody and is not told


class Relay:
    """Listens on `port`, and connects whoever comes to the server's. `cut` arms one failure.

    A stall holds up every byte, of later connections too, until `mend`; a slow wire lets all of them pass, 50 kB a
    second. A half-open connection is one that its server knows no more: the client may send and hears nothing, ever;
    who connects anew is served.
    """

    def __init__(self, server_port: int, delay_s: float = 0) -> None:
        self.server_port, self.delay_s = server_port, delay_s
        self.passed = {DOWN: 0, UP: 0}
        self.connections = 0
        self.has_failed = threading.Event()
        self._armed: _Failure | None = None
        self._flowing = threading.Event()
        self._flowing.set()
        self._slowly = threading.Event()
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> "Relay":
        return self

    def __exit__(self, *_: object) -> None:
        self.mend()
        self._listener.close()
        self.end()

    def cut(self, how: str, after_bytes: int = 0, way: str = DOWN, first: Callable[[], None] = _nothing) -> None:
        """Let all connections fail in this manner when so many more bytes have passed this way; `first` is called just
        before."""
        with self._lock:
            self.has_failed.clear()
            self._armed = _Failure(how, way, self.passed[way] + after_bytes, first)

    def mend(self) -> None:
        """What is stalled or slow flows again, and what was armed and not met yet is forgotten."""
        with self._lock:
            self._armed = None
            self._slowly.clear()
            self._flowing.set()

    def end(self, how: str = CLOSE) -> None:
        """End all connections now; half-open ones too."""
        links, self._links = self._links, []
        for link in links:
            if how == HALF_OPEN:
                link.is_deaf.set()
                self._links.append(link)
                _close(link.server, RESET)
            else:
                link.is_deaf.clear()
                _close(link.server, how)
                _close(link.client, how)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                link = _Link(client, socket.create_connection(("127.0.0.1", self.server_port)))
                for end in (link.client, link.server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._links.append(link)
                threading.Thread(target=self._pump, args=(link, UP), daemon=True).start()
                threading.Thread(target=self._pump, args=(link, DOWN), daemon=True).start()

    def _pump(self, link: _Link, way: str) -> None:
        source, sink = (link.client, link.server) if way == UP else (link.server, link.client)
        late: queue.Queue[tuple[float, bytes]] = queue.Queue()
        threading.Thread(target=_deliver, args=(late, link, sink, self._slowly), daemon=True).start()
        with contextlib.suppress(OSError):
            while part := source.recv(64 << 10):
                if link.is_deaf.is_set():
                    continue
                part, failure = self._let_through(part, way)
                if part:
                    late.put((time.monotonic() + self.delay_s, part))
                if failure is not None:
                    late.join()
                    failure.first()
                    self.has_failed.set()
                    self.end(failure.how)
        late.put((time.monotonic() + self.delay_s, b""))

    def _let_through(self, part: bytes, way: str) -> tuple[bytes, _Failure | None]:
        """(what still passes, how all fails then)."""
        with self._lock:
            armed, before = self._armed, self.passed[way]
            self.passed[way] += len(part)
            is_due = armed is not None and armed.way == way and self.passed[way] >= armed.at
            if armed is not None and is_due:
                self._armed = None
                if armed.how not in {STALL, SLOW}:
                    return part[: max(armed.at - before, 0)], armed
                armed.first()
                self.has_failed.set()
                if armed.how == STALL:
                    self._flowing.clear()
                else:
                    self._slowly.set()
        self._flowing.wait()
        return part, None


def _close(end: socket.socket, how: str) -> None:
    with contextlib.suppress(OSError):
        if how == RESET:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
            end.shutdown(socket.SHUT_RD)  # wakes whoever reads it: only then the close is one
            end.close()
        else:
            end.shutdown(socket.SHUT_RDWR)


def _deliver(
    late: "queue.Queue[tuple[float, bytes]]", link: _Link, sink: socket.socket, slowly: threading.Event
) -> None:
    """Send each part when it is due; an empty one is the end, which a client that is half open does not hear of."""
    while True:
        at, part = late.get()
        time.sleep(max(0.0, at - time.monotonic()))
        with contextlib.suppress(OSError):
            if not part:
                if not (link.is_deaf.is_set() and sink is link.client):
                    sink.shutdown(socket.SHUT_RDWR)
                return
            while slowly.is_set() and part:
                sink.sendall(part[:DROP_BYTES])
                part = part[DROP_BYTES:]
                time.sleep(DROP_S)
            sink.sendall(part)
        late.task_done()
