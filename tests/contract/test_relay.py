"""The wires of the tests fail as they say: what a client and a server see of each failure."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
from services.postgres import Database
from services.relay import CLOSE, DOWN, DROP_BYTES, DROP_S, HALF_OPEN, RESET, SLOW, STALL, UP, Relay
from services.statements import StatementRelay

SOON_S = 0.3


class Echo:
    """A server that sends back what it hears, and knows how each connection ended."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.ended: list[str] = []
        self.end = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                link, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(link,), daemon=True).start()

    def _echo(self, link: socket.socket) -> None:
        try:
            while part := link.recv(100):
                link.sendall(part)
            self.ended.append(CLOSE)
        except ConnectionResetError:
            self.ended.append(RESET)
        self.end.set()
        link.close()


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.listener.close()


@pytest.fixture
def relay(echo: Echo) -> Iterator[Relay]:
    with Relay(echo.port) as made:
        yield made


def connected(port: int) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port))
    link.settimeout(SOON_S)
    return link


def said(link: socket.socket, word: bytes) -> bytes:
    link.sendall(word)
    return link.recv(100)


@pytest.mark.parametrize("how", [CLOSE, RESET])
def test_what_passes_before_the_cut_passes_and_both_ends_hear_of_it(relay: Relay, echo: Echo, how: str) -> None:
    link = connected(relay.port)
    assert said(link, b"one") == b"one"
    relay.cut(how, 2, UP)
    link.sendall(b"two")
    try:
        heard = link.recv(100) + link.recv(100)
    except ConnectionResetError:
        heard = b""
    assert heard in {b"", b"tw"}
    assert echo.end.wait(5)
    assert echo.ended == [how]
    assert relay.has_failed.is_set()
    assert said(connected(relay.port), b"again") == b"again"


def test_a_stall_holds_up_everybody_until_it_is_mended(relay: Relay) -> None:
    link = connected(relay.port)
    relay.cut(STALL, 1, DOWN)
    link.sendall(b"one")
    with pytest.raises(TimeoutError):
        link.recv(100)
    other = connected(relay.port)
    other.sendall(b"two")
    with pytest.raises(TimeoutError):
        other.recv(100)
    relay.mend()
    assert (link.recv(100), other.recv(100)) == (b"one", b"two")


def test_a_slow_wire_loses_nothing_and_takes_its_time(relay: Relay) -> None:
    link = connected(relay.port)
    relay.cut(SLOW, 1, UP)
    whole, heard, began = bytes(5 * DROP_BYTES), b"", time.monotonic()
    link.sendall(whole)
    while len(heard) < len(whole):
        heard += link.recv(100)
    assert heard == whole
    assert time.monotonic() - began >= 4 * DROP_S
    relay.mend()
    assert said(link, b"again") == b"again"


def test_a_client_that_is_half_open_hears_nothing_and_its_server_is_gone(relay: Relay, echo: Echo) -> None:
    link = connected(relay.port)
    relay.cut(HALF_OPEN, 0, UP)
    link.sendall(b"one")
    assert echo.end.wait(5)
    for _ in range(3):
        link.sendall(b"more")
        with pytest.raises(TimeoutError):
            link.recv(100)
    assert said(connected(relay.port), b"again") == b"again"
    relay.end(CLOSE)
    assert link.recv(100) == b""


def test_somebody_is_told_just_before_the_cut(relay: Relay) -> None:
    told = threading.Event()
    relay.cut(CLOSE, 1, UP, told.set)
    link = connected(relay.port)
    link.sendall(b"x")
    assert told.wait(5)


def test_statements_are_counted_and_the_one_that_is_named_is_cut(database: Database) -> None:
    from psycopg import OperationalError, connect
    from sqlalchemy import make_url

    url = make_url(database.tcp_url)
    with StatementRelay(url.host or "127.0.0.1", url.port or 5432) as wire:
        through = url.set(host="127.0.0.1", port=wire.port).render_as_string(hide_password=False)
        with connect(through) as db:
            wire.count()
            db.execute("CREATE TABLE seen (n integer)")
            db.execute("INSERT INTO seen VALUES (%s)", (1,))
            db.commit()
            words = [one.decode().partition(" ")[0] for one in wire.statements]
            assert words == ["BEGIN", "CREATE", "INSERT", "COMMIT"]
        for how, rows in (("before", 1), ("after", 2)):
            broken = connect(through)
            wire.cut_at(3, how)  # type: ignore[arg-type]
            broken.execute("INSERT INTO seen VALUES (2)")
            with pytest.raises(OperationalError):
                broken.commit()
            assert wire.cuts == 1
            wire.count()
            assert database.server.execute("SELECT count(*) FROM seen", database.name) == [(rows,)]
