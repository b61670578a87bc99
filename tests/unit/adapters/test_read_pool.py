"""Reading in processes of their own: one that dies is started again, and only the flow that kills it suffers."""

import sys
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline.adapters.read_pool import ReaderKilled, ReadPool, ReadRequest
from pipeline.model import Read, Received
from pipeline.ports import Fault
from pipeline.terms import Terms

STAND_IN = (sys.executable, str(Path(__file__).with_name("reader_stand_in.py")))


def ask(pool: ReadPool, folder: Path, content: bytes) -> "Future[Read]":
    source = folder / content.hex()
    source.write_bytes(content)
    received = Received("ABC001", content.decode(), "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
    return pool.submit(ReadRequest(received, str(folder / "spool"), Terms()), nullcontext(source))


def test_a_flow_that_kills_its_reader_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    with ReadPool(2, STAND_IN) as pool:
        asked = [ask(pool, tmp_path, content) for content in (b"one", b"kill", b"two")]
        assert asked[0].result().received.name == "one"
        with pytest.raises(ReaderKilled, match="kill killed its reader 3 times") as told:
            asked[1].result()
        assert "kill a tué son lecteur 3 fois, le flux est mis à part" in told.value.in_words()
        assert asked[2].result().received.name == "two"


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"fault", "out of luck"), (b"garbage", "answered what is no record"), (b"nothing", "gave no answer")],
)
def test_what_a_reader_cannot_do_is_a_fault_of_that_flow(tmp_path: Path, content: bytes, said: str) -> None:
    with ReadPool(1, STAND_IN) as pool:
        broken, fine = ask(pool, tmp_path, content), ask(pool, tmp_path, b"fine")
        with pytest.raises(Fault, match=said) as told:
            broken.result()
        assert told.value.in_words() != str(told.value)  # the French came through the pipe, or is ours
        assert fine.result().received.name == "fine"


def test_a_reader_that_never_answers_is_taken_for_dead(tmp_path: Path) -> None:
    with ReadPool(1, STAND_IN, timeout_s=1.5) as pool, pytest.raises(ReaderKilled):
        ask(pool, tmp_path, b"silent").result()


def test_a_reader_that_cannot_run_is_our_fault_and_not_the_flows(tmp_path: Path) -> None:
    with (
        ReadPool(1, (sys.executable, "-c", "raise SystemExit(1)")) as pool,
        pytest.raises(Fault, match="no reader runs") as told,
    ):
        ask(pool, tmp_path, b"one").result()
    assert not isinstance(told.value, ReaderKilled)
    with ReadPool(1, (str(tmp_path / "nowhere"),)) as pool, pytest.raises(Fault, match="no reader can be started"):
        ask(pool, tmp_path, b"one").result()


def test_closing_drops_what_was_not_begun(tmp_path: Path) -> None:
    pool = ReadPool(1, STAND_IN)
    asked = [ask(pool, tmp_path, b"one"), *(ask(pool, tmp_path, b"more") for _ in range(20))]
    asked[0].result()
    pool.close()
    assert any(answer.cancelled() for answer in asked)
    assert all(answer.done() for answer in asked)


def test_there_is_a_reader_per_core_by_default() -> None:
    assert ReadPool().size >= 1
