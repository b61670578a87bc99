"""A server that is not what it should be: every answer has its end, in bytes and in time, and none is believed."""

import itertools
import struct
import time
from collections.abc import Callable, Iterable, Iterator

import pytest
from paramiko.sftp import CMD_ATTRS, CMD_HANDLE, CMD_NAME, CMD_STATUS, CMD_VERSION, SFTP_OK

from pipeline.adapters.sftp_session import ANSWER_BYTES_MAX, LISTING_WAITS, Session, Stat

TIMEOUT_S = 0.1
U32 = struct.Struct(">I")


def text(value: bytes) -> bytes:
    return U32.pack(len(value)) + value


def answer(kind: int, *fields: bytes) -> bytes:
    body = bytes([kind]) + b"".join(fields)
    return U32.pack(len(body)) + body


def number(value: int) -> bytes:
    return U32.pack(value)


VERSION = answer(CMD_VERSION, number(3))
ATTRIBUTES = number(1 | 4 | 8) + struct.pack(">QIII", 7, 0o100644, 0, 1)
STATUS = number(SFTP_OK) + text(b"") + text(b"")


class Wire:
    """A channel whose other end says what it was told to say."""

    closed = False

    def __init__(self, parts: Iterator[bytes], pause_s: float = 0) -> None:
        self.parts, self.pause_s = parts, pause_s
        self.given = 0

    def get_name(self) -> str:
        return "wire"

    def gettimeout(self) -> float:
        return TIMEOUT_S

    def sendall(self, _data: bytes) -> None: ...

    def recv(self, _size: int) -> bytes:
        time.sleep(self.pause_s)
        part = next(self.parts, b"")
        self.given += len(part)
        return part


class Lost(OSError):
    """What the account makes of the end of a session."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def session(*parts: bytes, rest: Iterable[bytes] = (), pause_s: float = 0) -> tuple[Session, Wire]:
    wire = Wire(itertools.chain((VERSION, *parts), rest), pause_s)
    return Session(wire, Lost), wire  # type: ignore[arg-type]


def names(count: Iterator[int], first: int) -> Iterator[bytes]:
    for one in count:
        yield answer(CMD_NAME, number(first + one), number(1), text(b"%d" % one), text(b""), ATTRIBUTES)


def lstat(sftp: Session) -> object:
    return sftp.lstat(b"x")


def listing(sftp: Session) -> object:
    return list(sftp.listing(b"in"))


@pytest.mark.parametrize(
    ("said", "ask", "why"),
    [
        (U32.pack(0xFFFFFFFF), lstat, "size that none has"),
        (U32.pack(ANSWER_BYTES_MAX + 1), lstat, "size that none has"),
        (U32.pack(0), lstat, "size that none has"),
        (answer(CMD_ATTRS, number(77), ATTRIBUTES), lstat, "nothing that was asked"),
        (answer(CMD_STATUS, number(77), STATUS), lstat, "nothing that was asked"),
        (answer(CMD_HANDLE, number(1), text(b"h")), lstat, "answer 102 where 105 was due"),
        (answer(CMD_ATTRS, number(1), number(0x80000000), number(0xFFFFFFFF)), lstat, "fewer attributes"),
        (
            answer(CMD_HANDLE, number(1), text(b"h")) + answer(CMD_NAME, number(2), number(0xFFFFFFFF)),
            listing,
            "fewer names",
        ),
        (
            answer(CMD_HANDLE, number(1), text(b"h"))
            + answer(CMD_NAME, number(2), number(1), text(b"../x"), text(b""), ATTRIBUTES),
            listing,
            "a name that is a path",
        ),
    ],
    ids=["huge", "too big", "empty", "unasked", "unasked status", "another kind", "attributes", "names", "a path"],
)
def test_what_no_server_says_ends_the_session(said: bytes, ask: Callable[[Session], object], why: str) -> None:
    sftp, _ = session(said)
    began = time.monotonic()
    with pytest.raises(Lost, match=why):
        ask(sftp)
    assert sftp.is_lost
    assert time.monotonic() - began < 1


def test_an_answer_is_not_waited_for_byte_by_byte() -> None:
    """Each byte comes well within the time-out, the answer never."""
    said = answer(CMD_ATTRS, number(1), ATTRIBUTES * 100)
    sftp, wire = session(rest=(said[n : n + 1] for n in range(len(said))), pause_s=TIMEOUT_S / 4)
    began = time.monotonic()
    with pytest.raises(Lost) as raised:
        sftp.lstat(b"x")
    assert isinstance(raised.value.error, TimeoutError)
    assert time.monotonic() - began < 1
    assert wire.given < len(VERSION) + len(said)


def test_a_listing_without_end_ends() -> None:
    sftp, wire = session(
        answer(CMD_HANDLE, number(1), text(b"h")), rest=names(itertools.count(), first=2), pause_s=TIMEOUT_S / 10
    )
    began = time.monotonic()
    seen = []
    with pytest.raises(Lost) as raised:
        seen.extend(sftp.listing(b"in"))
    assert isinstance(raised.value.error, TimeoutError)
    assert LISTING_WAITS * TIMEOUT_S <= time.monotonic() - began < 3
    assert wire.given > len(VERSION)


def test_a_greeting_with_very_many_extensions_is_read_to_a_point() -> None:
    many = answer(CMD_VERSION, number(3), *(text(b"%d" % n) + text(b"") for n in range(1000)))
    sftp = Session(Wire(iter([many])), Lost)  # type: ignore[arg-type]
    assert sftp.extensions == {b"%d" % n for n in range(64)}


def test_answers_come_in_any_order() -> None:
    owned = number(2 | 13) + ATTRIBUTES[4:12] + number(5) * 2 + ATTRIBUTES[12:]
    sftp, _ = session(answer(CMD_ATTRS, number(2), ATTRIBUTES), answer(CMD_ATTRS, number(1), owned))
    first, second = sftp.ask_lstat(b"a"), sftp.ask_lstat(b"b")
    assert sftp.told(first) == Stat(7, 0o100644, 1, 5)
    assert sftp.told(second) == Stat(7, 0o100644, 1, None)
