"""Reading in processes of their own: one that dies is started again, and only the flow that kills it suffers."""

import sys
from concurrent.futures import Future
from contextlib import nullcontext
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from pipeline.adapters import read_pool
from pipeline.adapters.read_pool import ReaderKilled, ReadPool, ReadRequest
from pipeline.model import Read, Received
from pipeline.ports import Fault
from pipeline.terms import Terms

STAND_IN = (sys.executable, str(Path(__file__).with_name("reader_stand_in.py")))


def ask(pool: ReadPool, folder: Path, content: bytes, *, is_last: bool = False) -> "Future[Read]":
    folder.mkdir(exist_ok=True)
    source = folder / content.hex()
    source.write_bytes(content)
    received = Received("ABC001", content.decode(), "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
    return pool.submit(ReadRequest(received, str(folder / "spool"), Terms(), is_last), nullcontext(source))


def test_a_flow_that_kills_its_reader_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    with ReadPool(2, STAND_IN) as pool:
        asked = [ask(pool, tmp_path, content) for content in (b"one", b"kill", b"two")]
        assert asked[0].result().received.name == "one"
        with pytest.raises(ReaderKilled, match="kill killed its reader 3 times") as told:
            asked[1].result()
        assert "kill a tué son lecteur 3 fois (le processus entier s'est arrêté), le flux" in told.value.in_words()
        assert asked[2].result().received.name == "two"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"fault", "out of luck"),
        (b"garbage", "answered what is no record"),
        (b"other", "answered what is no record"),
        (b"nothing", "gave no answer"),
    ],
)
def test_what_a_reader_cannot_do_is_a_fault_of_that_flow(tmp_path: Path, content: bytes, said: str) -> None:
    with ReadPool(1, STAND_IN) as pool:
        broken, fine = ask(pool, tmp_path, content), ask(pool, tmp_path, b"fine")
        with pytest.raises(Fault, match=said) as told:
            broken.result()
        assert told.value.in_words() != str(told.value)  # the French came through the pipe, or is ours
        assert fine.result().received.name == "fine"


def test_what_we_know_of_a_flow_is_not_learned_from_its_reader(tmp_path: Path) -> None:
    with ReadPool(1, STAND_IN) as pool:
        assert ask(pool, tmp_path, b"late").result().received.received_at == datetime(2026, 11, 20, tzinfo=UTC)


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


def test_a_reader_that_a_harmless_file_kills_as_well_is_our_fault(tmp_path: Path) -> None:
    with ReadPool(1, STAND_IN) as pool, pytest.raises(Fault, match=r"even a harmless file kills .* \(dead\)") as told:
        ask(pool, tmp_path, b"every").result()
    assert not isinstance(told.value, ReaderKilled)
    assert "même un fichier anodin tue le lecteur (mort) ; la mémoire manque-t-elle ?" in told.value.in_words()


def test_one_that_gives_signs_of_life_may_take_its_time(tmp_path: Path) -> None:
    reader = read_pool._Reader(STAND_IN, None, {})
    (tmp_path / "slow").write_bytes(b"slow")
    received = Received("ABC001", "slow", "0" * 64, 4, datetime(2026, 11, 20, tzinfo=UTC))
    frame = read_pool._REQUEST.dump_json(
        read_pool._Lent(received, str(tmp_path / "slow"), str(tmp_path / "spool"), Terms())
    )
    try:
        reader.ask(frame)  # it is warm now: the time that it takes to start says nothing
        reader._timeout_s = 1.0
        assert reader.ask(frame) is not None
    finally:
        reader.stop()


@pytest.mark.parametrize(
    ("content", "is_last", "how"),
    [
        (b"fine", False, "together ()"),
        (b"weak", False, "alone ()"),  # the neighbours of its child were to blame
        (b"weak", True, "alone ()"),
        (b"second", True, "alone (1,)"),  # one file is left closed, the others are read
    ],
)
def test_a_flow_is_read_alone_after_a_death_and_at_last_without_what_kills(
    tmp_path: Path, content: bytes, is_last: bool, how: str
) -> None:
    with ReadPool(1, STAND_IN) as pool:
        assert ask(pool, tmp_path, content, is_last=is_last).result().announced == how


@pytest.mark.parametrize(("content", "is_last"), [(b"second", False), (b"each", True), (b"start", True)])
def test_a_flow_that_cannot_be_read_at_all_is_said_to_kill_its_reader(
    tmp_path: Path, content: bytes, is_last: bool
) -> None:
    with ReadPool(1, STAND_IN) as pool, pytest.raises(ReaderKilled, match=r"3 times \(dead\)"):
        ask(pool, tmp_path, content, is_last=is_last).result()


def test_large_files_are_read_one_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_pool, "LARGE_BYTES", 3)
    with ReadPool(2, STAND_IN) as pool:
        asked = [ask(pool, tmp_path / str(rank), b"when") for rank in range(3)]
        times = sorted(tuple(map(float, one.result().announced.split())) for one in asked)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(times))


def test_closing_drops_what_was_not_begun(tmp_path: Path) -> None:
    pool = ReadPool(1, STAND_IN)
    asked = [ask(pool, tmp_path, b"one"), *(ask(pool, tmp_path, b"more") for _ in range(20))]
    asked[0].result()
    pool.close()
    assert any(answer.cancelled() for answer in asked)
    assert all(answer.done() for answer in asked)


def test_there_is_a_reader_per_core_by_default() -> None:
    assert ReadPool().size >= 1
