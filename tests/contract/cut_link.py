"""A relay on 127.0.0.1 before a PostgreSQL server, that cuts the link at the moment when a COMMIT passes."""

import socket
import struct
import threading
from contextlib import suppress
from typing import Literal, Self

Cut = Literal["before", "after", "silent"]
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with RST
COMMIT = b"COMMIT\0"  # not the one of BEGIN ISOLATION LEVEL READ COMMITTED


class Relay:
    """Relays every connection, until `cut` is set; the next COMMIT is then the last thing that passes (or does not).

    `before`: both ends are closed and the server never sees it. `after`: the server commits, its answer is lost.
    `silent`: the client is closed, the server is told nothing and keeps the transaction open.
    """

    def __init__(self, host: str, port: int) -> None:
        self.cut: Cut | None = None
        self.cuts = 0
        self._server = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for end in (self._listener, *self._open):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._server)
                self._open += [client, server]
                threading.Thread(target=self._up, args=(client, server), daemon=True).start()

    def _up(self, client: socket.socket, server: socket.socket) -> None:
        is_cut = threading.Event()
        down = threading.Thread(target=self._down, args=(server, client, is_cut), daemon=True)
        down.start()
        with suppress(OSError):
            while data := client.recv(1 << 16):
                how = self.cut if COMMIT in data else None
                if how is None:
                    server.sendall(data)
                    continue
                self.cut = None
                self.cuts += 1
                is_cut.set()
                if how == "after":
                    server.sendall(data)
                    down.join(10)  # until the answer has come, and gone nowhere
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                client.close()
                if how != "silent":
                    server.close()
                return
        with suppress(OSError):
            server.shutdown(socket.SHUT_WR)

    def _down(self, server: socket.socket, client: socket.socket, is_cut: threading.Event) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 16):
                if is_cut.is_set():
                    return
                client.sendall(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_WR)
