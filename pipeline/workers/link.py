"""How a reading child and its parent talk: frames over a socket, bulk bytes through memory that both see.

The child speaks, the parent answers; what the child says is never trusted to be what it should. A frame of the child is
a kind, the length of a body and a count; an answer is a length and a body. Bytes to be written lie in the shared
buffer, and the count says how many: the child can write to no file itself.
"""

import json
import mmap
import select
import socket
import struct
import time
from typing import Any

# what a child says
ANSWER = b"a"  # body: its answer; count: bytes of the pivot that are left in the buffer
FAREWELL = b"z"  # the same, and it reads no more
NEEDS = b"n"  # body: what the parent is to load; the flow is to be asked again, of another child
PIVOT = b"p"  # count bytes of the buffer go to the spool of the pivots
UNPACKED = b"u"  # count bytes of the buffer go to what was unpacked
SEALED = b"s"  # all is unpacked: the answer brings a descriptor to read it
QUESTION = b"q"  # body: a question for a server beside us, and a document; the answer is JSON

BUFFER_BYTES = 1 << 20
BODY_BYTES_MAX = 256 << 20  # 500 invoices with a thousand findings each
_FRAME = struct.Struct(">cIQ")
_LENGTH = struct.Struct(">I")
_RANK = struct.Struct("<q")
_RECEIVED_BYTES = 1 << 16
_SOCKET_BYTES = 1 << 20


class Gone(Exception):
    """The other end has closed, or is dead."""


class Late(Exception):
    """Nothing came before the deadline."""


class Garbled(Exception):
    """What came is no frame of ours."""


class Shared:
    """Memory that parent and child both see: the rank of the file being read, and the buffer."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, mmap.PAGESIZE + BUFFER_BYTES)  # anonymous and shared
        self.buffer = memoryview(self._memory)[mmap.PAGESIZE :]
        self.rank = -1

    @property
    def rank(self) -> int:
        """The file of the flow that is being read, from 0; -1 before the first."""
        return int(_RANK.unpack_from(self._memory)[0])

    @rank.setter
    def rank(self, value: int) -> None:
        _RANK.pack_into(self._memory, 0, value)

    def begin(self, rank: int) -> None:
        """This file of the flow is read from now on."""
        self.rank = rank

    def wipe(self) -> None:
        """Leave nothing of what went through the buffer."""
        self.buffer[:] = bytes(BUFFER_BYTES)


class ParentLink:
    """The parent's end. Whatever waits ends at a moment of the monotonic clock."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end
        end.setblocking(False)
        self._poll = select.poll()
        self._poll.register(end.fileno(), select.POLLIN)
        self._rest = b""
        self._begun: tuple[bytes, int, int] | None = None  # a frame whose body is still on its way

    def send(self, body: bytes, until: float, *descriptors: int) -> None:
        """Answer, or ask for a flow; descriptors travel with the first byte."""
        left = memoryview(_LENGTH.pack(len(body)) + body)
        while left:
            try:
                if descriptors:
                    sent = socket.send_fds(self._end, [left], list(descriptors))
                    descriptors = ()
                else:
                    sent = self._end.send(left)
            except BlockingIOError:
                self._wait_to_send(until)
                continue
            except (BrokenPipeError, ConnectionResetError) as error:
                raise Gone from error
            left = left[sent:]

    def receive(self, until: float) -> tuple[bytes, bytes, int]:
        """(kind, body, count) of the next frame of the child. After `Late` it may be asked for again."""
        if self._begun is None:
            self._begun = _FRAME.unpack(self._exactly(_FRAME.size, until))
        kind, length, count = self._begun
        if length > BODY_BYTES_MAX:
            raise Garbled
        body = self._exactly(length, until)
        self._begun = None
        return kind, body, count

    def close(self) -> None:
        self._end.close()

    def _exactly(self, size: int, until: float) -> bytes:
        if len(self._rest) >= size:
            found, self._rest = self._rest[:size], self._rest[size:]
            return found
        parts, missing = [self._rest], size - len(self._rest)
        self._rest = b""
        while missing > 0:
            try:
                part = self._part(max(missing, _RECEIVED_BYTES), until)
            except Late:
                self._rest = b"".join(parts)
                raise
            parts.append(part)
            missing -= len(part)
        whole = b"".join(parts)
        self._rest = whole[size:]
        return whole[:size]

    def _part(self, most: int, until: float) -> bytes:
        while True:
            left_s = until - time.monotonic()
            if left_s <= 0 or not self._poll.poll(left_s * 1000):
                raise Late
            try:
                part = self._end.recv(min(most, _SOCKET_BYTES))
            except BlockingIOError:
                continue
            except ConnectionResetError as error:
                raise Gone from error
            if not part:
                raise Gone
            return part

    def _wait_to_send(self, until: float) -> None:
        poll = select.poll()
        poll.register(self._end.fileno(), select.POLLOUT)
        left_s = until - time.monotonic()
        if left_s <= 0 or not poll.poll(left_s * 1000):
            raise Late


class ChildLink:
    """The child's end: it waits for ever, for it dies with its parent."""

    def __init__(self, end: socket.socket) -> None:
        self._end = end

    def next_request(self) -> tuple[bytes, int] | None:
        """The next flow and a descriptor of its bytes; None where there is no parent any more."""
        found = self._receive()
        if found is None:
            return None
        body, descriptors = found
        if len(descriptors) != 1:
            raise Garbled
        return body, descriptors[0]

    def say(self, kind: bytes, body: bytes = b"", count: int = 0) -> None:
        """Say something that has no answer."""
        self._end.sendall(_FRAME.pack(kind, len(body), count) + body)

    def ask(self, kind: bytes, body: bytes = b"", count: int = 0) -> tuple[bytes, list[int]]:
        """Say something and hear the answer."""
        self.say(kind, body, count)
        heard = self._receive()
        if heard is None:
            raise Gone
        return heard

    def question(self, header: dict[str, Any], document: bytes) -> dict[str, Any]:
        """Ask a server beside us, through the parent."""
        head = json.dumps(header).encode()
        answer: dict[str, Any] = json.loads(self.ask(QUESTION, _LENGTH.pack(len(head)) + head + document)[0])
        return answer

    def _receive(self) -> tuple[bytes, list[int]] | None:
        data, descriptors, _, _ = socket.recv_fds(self._end, _RECEIVED_BYTES, 2)
        if not data:
            return None
        while len(data) < _LENGTH.size:
            data += self._more(_LENGTH.size - len(data))
        (length,) = _LENGTH.unpack_from(data)
        parts, missing = [data[_LENGTH.size :]], length - (len(data) - _LENGTH.size)
        while missing > 0:
            part = self._more(missing)
            parts.append(part)
            missing -= len(part)
        return b"".join(parts), descriptors

    def _more(self, most: int) -> bytes:
        part = self._end.recv(most)
        if not part:
            raise Gone
        return part


def pair() -> tuple[socket.socket, socket.socket]:
    """(parent's end, child's end)."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return ours, theirs


def question_of(body: bytes) -> tuple[bytes, bytes]:
    """What a child asks, as JSON that nobody has looked at, and the document that it is about."""
    if len(body) < _LENGTH.size:
        raise Garbled
    (length,) = _LENGTH.unpack_from(body)
    return body[_LENGTH.size : _LENGTH.size + length], body[_LENGTH.size + length :]
