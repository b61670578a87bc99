"""A document that takes its reader over: the child is held, its end is told for what it is, and nobody else notices."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures import ubl
from fixtures.batch import RECIPIENTS
from fixtures.content import Series
from pipeline.adapters import confinement
from pipeline.adapters.read_pool import _ANSWER, _REQUEST, ReaderKilled, ReadPool, ReadRequest, _Answer, _Lent, _Reader
from pipeline.adapters.reader_limits import LIMITS as LIMITS_OF_ALL
from pipeline.adapters.reader_limits import MB, ReaderLimits
from pipeline.adapters.rule_engines import CHOICE
from pipeline.model import Received
from pipeline.ports import Fault
from pipeline.terms import Terms

HOSTILE = (sys.executable, str(Path(__file__).with_name("hostile_reader.py")))
LIMITS = ReaderLimits(memory_mb=256, cpu_s=1, silence_s=30, expanded_bytes=2 << 20)


class Worker:
    """One real read worker; its children read what they are told to do."""

    def __init__(self, folder: Path, limits: ReaderLimits = LIMITS) -> None:
        self.folder = folder
        self.reader = _Reader(HOSTILE, 60, limits.as_environment())
        self.spool = folder / "spool"

    @property
    def pid(self) -> int:
        process = self.reader._process
        assert process is not None
        return process.pid

    @property
    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def ask(self, content: bytes, *, alone: bool = False, partner: str = "ABC001", name: str = "A") -> _Answer:
        source = self.folder / "source"
        source.write_bytes(content)
        received = Received(partner, name, "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
        body = self.reader.ask(_REQUEST.dump_json(_Lent(received, str(source), str(self.spool), Terms(), alone)))
        assert body is not None, "the worker itself died"
        return _ANSWER.validate_json(body)

    def told(self, content: bytes, *, partner: str = "ABC001") -> str:
        answer = self.ask(content, partner=partner)
        assert answer.fault is not None, answer
        return answer.fault.en


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    made = Worker(tmp_path_factory.mktemp("hostile"))
    yield made
    made.reader.stop()


@pytest.fixture(scope="module")
def found() -> confinement.Confinement:
    return confinement.seen()


def test_this_machine_has_every_wall(found: confinement.Confinement) -> None:
    assert found.is_whole, f"the tests of the walls need a kernel that has them: {found.said.en}"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"allocate", "out of memory"),
        (b"burn", "out of processor time"),
        (b"kill", "signal SIG"),
        (b"segfault", "signal SIGSEGV"),
        (b"leave", "exit code 0"),
        (b"deaf", "it hears no more"),
        (b"garble", "an answer that is none"),
        (b"endless-body", "an answer that is none"),
        (b"write-too-much", "an answer that is none"),
        (b"needs-nonsense", "an answer that is none"),
        (b"needs-what-is-not", "an answer that is none"),
        (b"asks-nonsense", "an answer that is none"),
        (b"another-kind", "an answer that is none"),
        (b"a-descriptor-of-nothing", "an answer that is none"),
        (b"flood", "too many bytes to write"),
    ],
)
def test_whatever_ends_a_child_is_told_and_the_next_flow_is_read(worker: Worker, content: bytes, why: str) -> None:
    died = worker.ask(content).died
    assert died is not None
    assert (died.rank, died.why.en[: len(why)]) == (-1, why)
    assert worker.children == []
    assert worker.ask(b"<x/>").read is not None


def test_one_that_sleeps_is_ended_in_its_time(worker: Worker) -> None:
    hurried = Worker(worker.folder, ReaderLimits(silence_s=0.3))
    try:
        died = hurried.ask(b"sleep").died
        assert died is not None
        assert died.why.en == "no answer in time"
        assert hurried.ask(b"<x/>").read is not None
    finally:
        hurried.reader.stop()


def test_one_that_only_gives_signs_of_life_is_ended_as_well(worker: Worker) -> None:
    hurried = Worker(worker.folder, ReaderLimits(silence_s=1, expanded_bytes=MB // 4))
    try:
        died = hurried.ask(b"lively").died
        assert died is not None
        assert (died.why.en, died.rank > 0) == ("no answer in time", True)
    finally:
        hurried.reader.stop()


@pytest.mark.parametrize(
    ("attempt", "answer"),
    [
        (b"write", "PermissionError"),
        (b"write-a-device", "PermissionError"),
        (b"read-a-secret", "PermissionError"),
        (b"list-files", "PermissionError"),
        (b"remove", "PermissionError"),
        (b"internet", "PermissionError"),
        (b"unix-socket", "PermissionError"),
        (b"fork", "PermissionError"),
        (b"exec", "PermissionError"),
        (b"kill-the-parent", "PermissionError"),
        (b"memory-file", "PermissionError"),
        (b"own-namespace", "PermissionError"),
        (b"another-user", "PermissionError"),
        (b"more-descriptors", "OSError"),
    ],
)
def test_what_a_child_may_not_do_the_kernel_refuses(worker: Worker, attempt: bytes, answer: str) -> None:
    assert worker.told(attempt) == answer


def test_no_listener_is_reached(worker: Worker) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.2)
        assert worker.told(b"connect %d" % listener.getsockname()[1]) == "PermissionError"
        with pytest.raises(TimeoutError):
            listener.accept()


def test_what_is_unpacked_goes_through_the_parent_and_comes_back_for_reading_alone(worker: Worker) -> None:
    small = Worker(worker.folder, ReaderLimits(expanded_bytes=64 << 20))
    try:
        assert small.told(b"unpack") == f"[True, True, True] {(2 << 20) + 5}"
        assert small.spool.read_bytes() == b"p" * ((2 << 20) + 5)
        assert small.told(b"write-what-was-unpacked") == "OSError"  # bad descriptor: it can only be read
    finally:
        small.reader.stop()


def test_a_bug_is_a_fault_of_that_flow_and_its_child_goes_on(worker: Worker) -> None:
    worker.ask(b"<x/>")
    before = worker.children
    told = worker.told(b"bug")
    assert "ValueError (hostile_reader.py:" in told
    assert "SECRET" not in told
    assert worker.children == before


def test_one_child_reads_a_unit_and_one_alone_its_flow(worker: Worker) -> None:
    worker.ask(b"<x/>")
    (first,) = worker.children
    worker.ask(b"<y/>")
    assert worker.children == [first]
    worker.ask(b"<z/>", alone=True)
    assert worker.children == []
    worker.ask(b"<x/>")
    assert worker.children != [first]


def test_no_child_reads_for_two_partners_or_sees_what_another_left(worker: Worker) -> None:
    worker.told(b"leave-in-the-buffer", partner="LMN003")
    (first,) = worker.children
    assert worker.told(b"look-in-the-buffer", partner="LMN003") == "6"
    assert worker.children == [first]
    assert worker.told(b"look-in-the-buffer", partner="XYZ002") == "0"
    assert worker.children != [first]


def test_a_child_collects_garbage_as_seldom_as_its_parent_and_looks_at_nothing_that_it_shares(worker: Worker) -> None:
    assert worker.told(b"collects") == "done: (50000, True)"


def test_a_child_is_replaced_when_its_unit_is_full(worker: Worker) -> None:
    few = Worker(worker.folder, ReaderLimits(child_flows=2))
    try:
        seen = []
        for _ in range(5):
            few.ask(b"<x/>")
            seen += few.children
        assert [seen[0] == seen[1], seen[1] == seen[2], seen[2] == seen[3], seen[3] == seen[4]] == [
            True, False, True, False,
        ]  # fmt: skip
    finally:
        few.reader.stop()


def test_saxon_is_asked_through_the_parent_without_a_network_and_replaced_when_it_hangs(worker: Worker) -> None:
    asking = Worker(worker.folder, ReaderLimits())
    asking.reader = _Reader(HOSTILE, 120, {CHOICE: "saxon"})
    invoice = ubl.write(Series(seed=5, recipients=RECIPIENTS, prefix="S-").next(guideline=ubl.EN16931))
    hurried = invoice.replace(b"</cbc:ID>", b" IN A HURRY</cbc:ID>", 1)
    name = "FSO1100A_ABC001_ABC0011100000000000000001"

    def engines(document: bytes) -> list[str]:
        read = asking.ask(document, name=name).read
        assert read is not None
        return [pack.engine for pack in read.packs]

    def server() -> int:
        (found,) = (pid for pid in asking.children if b"saxon_server" in Path(f"/proc/{pid}/cmdline").read_bytes())
        return found

    try:
        assert engines(invoice) == ["saxon"]
        stopped = server()
        assert os.readlink(f"/proc/{stopped}/ns/net") != os.readlink("/proc/self/ns/net")
        os.kill(stopped, signal.SIGSTOP)
        fault = asking.ask(hurried, name=name).fault
        assert fault is not None
        assert "the rule engine gave no answer" in fault.en
        assert engines(invoice) == ["saxon"]
        assert server() != stopped
    finally:
        asking.reader.stop()


def test_a_child_dies_with_its_parent(worker: Worker) -> None:
    doomed = Worker(worker.folder, ReaderLimits(silence_s=60))
    asking = threading.Thread(target=doomed.reader.ask, args=(_frame(doomed, b"burn"),), daemon=True)
    doomed.reader._start()
    asking.start()
    child = _eventually(lambda: next(iter(doomed.children), 0))
    os.kill(doomed.pid, signal.SIGKILL)
    assert _eventually(lambda: not _lives(child))
    asking.join(10)
    assert not asking.is_alive()


def test_a_flow_that_kills_three_children_is_set_apart_and_the_others_are_read(tmp_path: Path) -> None:
    with ReadPool(1, HOSTILE, 60, LIMITS.as_environment()) as pool:
        asked = []
        for rank, content in enumerate((b"<x/>", b"kill", b"<y/>")):
            source = tmp_path / str(rank)
            source.write_bytes(content)
            received = Received("ABC001", f"F{rank}", "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
            asked.append(pool.submit(ReadRequest(received, str(tmp_path / "spool"), Terms()), nullcontext(source)))
        assert asked[0].result().received.name == "F0"
        with pytest.raises(ReaderKilled, match=r"F1 killed its reader 3 times \(signal SIG"):
            asked[1].result()
        assert asked[2].result().received.name == "F2"


def test_a_child_that_cannot_be_confined_reads_nothing(worker: Worker, tmp_path: Path) -> None:
    """The descriptor of the rules is gone when the child wants it: a wall that stood when it was tried."""
    program = (
        "import sys; sys.path.insert(0, sys.argv[1]); from pipeline.workers import children, read_worker, reading_child\n"
        "from pipeline.adapters.confinement import Walls\n"
        "def fails(self, rules): raise OSError(1, 'no')\n"
        "Walls.shut = fails\n"
        "read_worker.main()\n"
    )
    open_ = Worker(tmp_path)
    open_.reader = _Reader((sys.executable, "-c", program, str(Path(__file__).parents[3])), 60, LIMITS.as_environment())
    try:
        answer = open_.ask(b"<x/>")
        assert answer.fault is not None
        assert "could not be confined" in answer.fault.en
    finally:
        open_.reader.stop()


def test_limits_that_are_none_stop_the_worker(tmp_path: Path) -> None:
    source = tmp_path / "flow"
    source.write_bytes(b"<x/>")
    received = Received("ABC001", "A", "0" * 64, 4, datetime(2026, 11, 20, tzinfo=UTC))
    with ReadPool(1, HOSTILE, 60, {LIMITS_OF_ALL: "{"}) as pool, pytest.raises(Fault, match="no reader runs"):
        pool.submit(ReadRequest(received, str(tmp_path / "spool"), Terms()), nullcontext(source)).result()


def _frame(worker: Worker, content: bytes) -> bytes:
    source = worker.folder / "doomed"
    source.write_bytes(content)
    received = Received("ABC001", "A", "0" * 64, len(content), datetime(2026, 11, 20, tzinfo=UTC))
    return _REQUEST.dump_json(_Lent(received, str(source), str(worker.spool), Terms()))


def _eventually(look: object, seconds: float = 10) -> int:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := look():  # type: ignore[operator]
            return int(found)
        time.sleep(0.01)
    raise AssertionError("it never came")


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
