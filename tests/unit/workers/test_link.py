"""Frames between a child and its parent: whole or not at all, in time or not at all."""

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pipeline.workers import link
from pipeline.workers.link import ANSWER, ChildLink, Garbled, Gone, Late, ParentLink, Shared


@pytest.fixture
def ends() -> Iterator[tuple[ParentLink, ChildLink, socket.socket]]:
    ours, theirs = link.pair()
    with ours, theirs:
        yield ParentLink(ours), ChildLink(theirs), theirs


def soon() -> float:
    return time.monotonic() + 5


def test_a_request_brings_its_file_and_an_answer_its_count(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    parent, child, _ = ends
    incoming, outgoing = os.pipe()
    parent.send(b"request", soon(), incoming)
    body, descriptor = child.next_request() or (b"", -1)
    os.write(outgoing, b"bytes")
    assert (body, os.read(descriptor, 9)) == (b"request", b"bytes")
    child.say(ANSWER, b"answer", 7)
    assert parent.receive(soon()) == (ANSWER, b"answer", 7)
    for one in (incoming, outgoing, descriptor):
        os.close(one)


def test_a_large_frame_passes_whole_both_ways(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    parent, child, _ = ends
    large = bytes(range(256)) * 40_000
    asked: list[object] = []
    asking = threading.Thread(target=lambda: asked.append(child.question({"pack": "p"}, large)))
    asking.start()
    kind, body, _ = parent.receive(soon())
    header, document = link.question_of(body)
    parent.send(b'{"said": "%s"}' % (b"x" * 3_000_000), soon())
    asking.join()
    assert (kind, header, document) == (link.QUESTION, b'{"pack": "p"}', large)
    assert len(str(asked[0])) > 3_000_000


def test_what_does_not_come_in_time_is_late_and_may_still_come(
    ends: tuple[ParentLink, ChildLink, socket.socket],
) -> None:
    parent, _, raw = ends
    whole = link._FRAME.pack(ANSWER, 6, 1) + b"answer"
    for cut in (0, 5, 13, 16):
        raw.sendall(whole[:cut])
        with pytest.raises(Late):
            parent.receive(time.monotonic() + 0.02)
        raw.sendall(whole[cut:])
        assert parent.receive(soon()) == (ANSWER, b"answer", 1)


def test_a_reader_that_does_not_listen_is_late(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    with pytest.raises(Late):
        ends[0].send(b"x" * (8 << 20), time.monotonic() + 0.05)


def test_the_end_of_the_other_is_known(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    parent, _, raw = ends
    raw.sendall(b"half")
    raw.close()
    with pytest.raises(Gone):
        parent.receive(soon())
    with pytest.raises(Gone):
        parent.send(b"x" * (1 << 20), soon())


def test_a_child_without_a_parent_has_nothing_more_to_do(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    parent, child, _ = ends
    parent.close()
    assert child.next_request() is None


def test_an_absurd_length_is_no_frame(ends: tuple[ParentLink, ChildLink, socket.socket]) -> None:
    ends[2].sendall(link._FRAME.pack(ANSWER, link.BODY_BYTES_MAX + 1, 0))
    with pytest.raises(Garbled):
        ends[0].receive(soon())
    with pytest.raises(Garbled):
        link.question_of(b"ab")


def test_the_rank_and_the_buffer_are_seen_by_both() -> None:
    shared = Shared()
    assert shared.rank == -1
    child = os.fork()
    if child == 0:
        shared.begin(41)
        shared.buffer[:3] = b"abc"
        os._exit(0)
    os.waitpid(child, 0)
    assert (shared.rank, bytes(shared.buffer[:3])) == (41, b"abc")
