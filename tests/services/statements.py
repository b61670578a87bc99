"""A wire to PostgreSQL that knows where a statement begins and ends, and fails there.

A statement is what the client asks with a Query, or with Parse .. Execute .. Sync: the server ends its answer to each
with ReadyForQuery. Nothing is encrypted on it: our servers are on 127.0.0.1.
"""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Literal, Self

# `before`: both ends are closed and the server never sees the statement. `after`: the server does it, its answer is
# lost. `silent`: the client is closed, the server is told nothing and keeps the transaction open.
Cut = Literal["before", "after", "silent"]
COMMIT = b"COMMIT\0"  # not the one of BEGIN ISOLATION LEVEL READ COMMITTED
ENOUGH_S = 30.0  # for a statement whose answer is to be lost
_RST = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
_PARTS = b"PBDEC"  # Parse, Bind, Describe, Execute, Close: a statement goes on
_ENDS = b"QS"  # Query, Sync: it is asked
_READY = b"Z\x00\x00\x00\x05"  # ReadyForQuery; one more byte tells how the transaction stands


def _nothing() -> None:
    """Nobody waits for the cut."""


class StatementRelay:
    """Relays every connection to a server, until it is told to cut one.

    `cut` arms one failure at the next COMMIT; `cut_at` one at a statement by its number, over all connections.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cut: Cut | None = None
        self.cuts = 0
        self.statements: list[bytes] = []  # since `count`: how each begins
        self._at: tuple[int, Cut, Callable[[], None]] | None = None
        self._server = (host, port)
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _shut(self._listener)
        self.end()

    def count(self) -> None:
        """Count statements from here on, and cut nothing."""
        with self._lock:
            self.cut, self._at, self.cuts, self.statements = None, None, 0, []

    def cut_at(self, number: int, how: Cut, first: Callable[[], None] = _nothing) -> None:
        """Let the statement of this number (the next one is 1) be the last thing that passes, or does not.

        `first` is called just before the ends are closed; with `after` the server has done its work by then.
        """
        self.count()
        with self._lock:
            self._at = number, how, first

    def end(self) -> None:
        """Close every connection that is open."""
        ends, self._open = self._open, []
        for end in ends:
            _shut(end)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                for end in (client, server):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._open += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        answers = _Answers(server, client)
        asked = b""  # of a statement
        with suppress(OSError):
            for message in _messages(client):
                asked += message
                if message[0] in _PARTS:
                    continue
                how, first = self._met(asked) if message[0] in _ENDS else (None, _nothing)
                if how is not None:
                    answers.are_lost.set()
                    if how == "after":
                        server.sendall(asked)
                        answers.are_ready.wait(ENOUGH_S)
                    first()
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST)
                    client.close()
                    if how != "silent":
                        _shut(server)
                    return
                server.sendall(asked)
                asked = b""
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _met(self, asked: bytes) -> tuple[Cut | None, Callable[[], None]]:
        """How the wire fails at this statement; None where it does not."""
        with self._lock:
            self.statements.append(_words(asked))
            if self._at is not None and self._at[0] == len(self.statements):
                _, how, first = self._at
                self._at = None
                self.cuts += 1
                return how, first
            if self.cut is not None and COMMIT in asked:
                how, self.cut = self.cut, None
                self.cuts += 1
                return how, _nothing
        return None, _nothing


class _Answers:
    """What the server says, passed on until it is lost."""

    def __init__(self, server: socket.socket, client: socket.socket) -> None:
        self.are_lost, self.are_ready = threading.Event(), threading.Event()
        threading.Thread(target=self._pass, args=(server, client), daemon=True).start()

    def _pass(self, server: socket.socket, client: socket.socket) -> None:
        last = b""
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if not self.are_lost.is_set():
                    client.sendall(data)
                    continue
                last = (last + data)[-6:]
                if last[:5] == _READY:
                    self.are_ready.set()
        self.are_ready.set()
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)


def _messages(client: socket.socket) -> Iterator[bytes]:
    """The messages of a client, whole: a type and a length before each; the first ones have no type, only a length."""
    left = b""
    while data := client.recv(1 << 16):
        left += data
        while len(left) >= 5:
            length = 1 + int.from_bytes(left[1:5]) if left[0] else int.from_bytes(left[:4])
            if len(left) < length:
                break
            yield left[:length]
            left = left[length:]


def _words(asked: bytes) -> bytes:
    """How a statement begins: the text of a Query, or of the Parse before the rest; a prepared one has none."""
    kind, text = asked[:1], asked[5:]
    if kind == b"P":
        text = text.partition(b"\0")[2]
    return text.partition(b"\0")[0][:200] if kind in (b"P", b"Q") else b""


def _shut(end: socket.socket) -> None:
    with suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
