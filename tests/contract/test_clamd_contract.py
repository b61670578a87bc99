"""`Scanner` against a real clamd: what it finds, and every way in which it may not have looked."""

import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import pytest
from services.clamav import MARKER, SIGNATURE, STREAM_MAX_BYTES, WHOLE, WHOLE_SIGNATURE, ClamdServer

from pipeline import settings
from pipeline.adapters import clamd as adapter
from pipeline.adapters.clamd import AntivirusAway, Clamd, NotScanned
from pipeline.identify.contents import Part

FAST_S = 20.0


class Content:
    """Bytes in chunks; `first` is called when the first one has been given."""

    def __init__(self, *chunks: bytes, first: Callable[[], object] = lambda: None) -> None:
        self._chunks, self._first = chunks, first
        self.size_bytes = sum(len(chunk) for chunk in chunks)

    def chunks(self) -> Iterator[bytes]:
        for rank, chunk in enumerate(self._chunks):
            yield chunk
            if rank == 0:
                self._first()

    def sha256(self) -> str:
        return sha256(b"".join(self._chunks)).hexdigest()


def zipped(name: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
        archive.writestr(name, content)
    return packed.getvalue()


@pytest.fixture
def scanner(clamd: ClamdServer) -> Clamd:
    return Clamd(clamd.address, FAST_S)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What takes seconds, in tenths."""
    monkeypatch.setattr(adapter, "PATIENCE_S", 0.1)
    monkeypatch.setattr(adapter, "CONNECT_S", 0.3)


@pytest.mark.parametrize("by_socket", [True, False], ids=["unix", "tcp"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"<Invoice/>", ""),
        (b"before " + MARKER + b" after", SIGNATURE),
        (WHOLE, WHOLE_SIGNATURE),
        (WHOLE + b"!", ""),
        (zipped("inside.txt", b"x" * 100 + MARKER), SIGNATURE),
        (bytes(STREAM_MAX_BYTES - len(MARKER)) + MARKER, SIGNATURE),
        (b"", ""),
    ],
    ids=["clean", "marker", "whole", "one byte more", "in a zip", "at the end of the longest", "empty"],
)
def test_what_is_in_the_bytes_is_found_and_nothing_else(
    clamd: ClamdServer, content: bytes, found: str, by_socket: bool
) -> None:
    scanner = Clamd(clamd.address if by_socket else clamd.tcp_address, FAST_S)
    assert scanner.scan(Part(io.BytesIO(content), "x", len(content))) == found


def test_it_says_who_it_is(scanner: Clamd) -> None:
    run = scanner.describe()
    assert (run.name, run.engine, run.sha256) == ("antivirus", "clamd", "")
    assert run.version.startswith("ClamAV 1.")


def test_clean_bytes_are_not_sent_twice_and_infected_ones_are(clamd: ClamdServer, scanner: Clamd) -> None:
    before = clamd.scans()
    for _ in range(3):
        assert scanner.scan(Content(b"the same logo on every invoice")) == ""
    assert clamd.scans() - before == 1
    for _ in range(2):
        assert scanner.scan(Content(MARKER)) == SIGNATURE
    assert clamd.scans() - before == 3


def test_new_signatures_forget_what_was_clean(clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    scanner = Clamd(clamd.address, FAST_S)
    content = Content(b"harmless until somebody knows better")
    assert scanner.scan(content) == ""
    clamd.know("Own.Later", b"until somebody knows better")
    try:
        clamd.reload()
        assert scanner.scan(content) == ""  # its version tells nothing: remembered for ten minutes
        monkeypatch.setattr(adapter, "REMEMBERED_S", 0.0)
        assert scanner.scan(content) == "Own.Later.UNOFFICIAL"
    finally:
        clamd.forget("Own.Later")
        clamd.reload()


def test_another_version_forgets_at_once(clamd: ClamdServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "VERSION_S", 0.0)
    scanner = Clamd(clamd.address, FAST_S)
    scanner.scan(Content(b"clean today"))
    before = clamd.scans()
    scanner.scan(Content(b"clean today"))
    scanner._version = "ClamAV 1.0/1/long ago"
    scanner.scan(Content(b"clean today"))
    assert clamd.scans() - before == 1


def test_what_is_longer_than_it_takes_is_a_fault_with_the_limits_to_raise(scanner: Clamd) -> None:
    long = Content(*[bytes(1 << 20)] * 40, MARKER)
    with pytest.raises(NotScanned) as caught:
        scanner.scan(long)
    said = caught.value.in_words("fr")
    assert said.startswith(f"l'antivirus n'accepte pas {long.size_bytes} octets d'un coup")
    assert all(limit in said for limit in ("StreamMaxLength", "MaxFileSize", "MaxScanSize", "chorus-edi run"))
    assert scanner.scan(Content(MARKER)) == SIGNATURE


def test_over_tcp_too_long_is_a_fault_as_well(clamd: ClamdServer) -> None:
    with pytest.raises(NotScanned, match="StreamMaxLength"):
        Clamd(clamd.tcp_address, FAST_S).scan(Content(*[bytes(1 << 20)] * 40))


def test_what_is_beyond_a_limit_inside_is_a_finding_and_no_silent_pass(scanner: Clamd) -> None:
    bomb = zipped("zeros", bytes(2 * STREAM_MAX_BYTES) + MARKER)
    assert len(bomb) < STREAM_MAX_BYTES
    assert scanner.scan(Content(bomb)).startswith("Heuristics.Limits.Exceeded")


def test_nobody_at_the_address_is_a_fault_with_the_next_command(tmp_path: Path) -> None:
    scanner = Clamd(f"unix:{tmp_path}/nobody.ctl", FAST_S)
    with pytest.raises(AntivirusAway) as caught:
        scanner.scan(Content(b"anything"))
    assert caught.value.in_words("fr") == (
        f"l'antivirus ne répond pas à unix:{tmp_path}/nobody.ctl : fichier ou dossier introuvable ; systemctl restart "
        "clamav-daemon, puis chorus-edi run ; rien n'est accepté sans lui"
    )
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    with pytest.raises(AntivirusAway):
        Clamd(f"127.0.0.1:{port}", FAST_S).scan(Content(b"anything"))


def test_who_was_away_is_not_waited_for_file_by_file(
    clamd: ClamdServer, scanner: Clamd, impatient: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    clamd.hang()
    began = time.monotonic()
    for name in ("first", "second", "third"):
        with pytest.raises(AntivirusAway):
            scanner.scan(Content(name.encode()))
    assert time.monotonic() - began < 2
    clamd.wake()
    with pytest.raises(AntivirusAway):
        scanner.scan(Content(MARKER))
    monkeypatch.setattr(scanner, "_away", None)  # as after `REST_S`
    assert scanner.scan(Content(MARKER)) == SIGNATURE


def test_who_hangs_in_the_middle_of_a_scan_is_away(clamd: ClamdServer, scanner: Clamd, impatient: None) -> None:
    scanner.describe()
    with pytest.raises(AntivirusAway, match="does not answer"):
        scanner.scan(Content(b"a", b"b", first=clamd.hang))


def test_who_dies_in_the_middle_of_a_scan_is_away(clamd: ClamdServer, scanner: Clamd) -> None:
    scanner.describe()
    with pytest.raises(AntivirusAway):
        scanner.scan(Content(*[bytes(1 << 17)] * 4, first=clamd.stop))


def test_what_is_shorter_than_told_is_never_clean(scanner: Clamd) -> None:
    with pytest.raises(NotScanned, match="shorter than expected"):
        scanner.scan(Part(io.BytesIO(b"short"), "x", 500))


def test_many_threads_ask_at_once(scanner: Clamd) -> None:
    def ask(rank: int) -> str:
        return scanner.scan(Content(b"%d" % rank, MARKER if rank % 3 == 0 else b""))

    with ThreadPoolExecutor(12) as threads:
        found = list(threads.map(ask, range(120)))
    assert found == [SIGNATURE if rank % 3 == 0 else "" for rank in range(120)]


def test_a_small_file_costs_both_of_us_less_than_five_milliseconds(clamd: ClamdServer, scanner: Clamd) -> None:
    """Of processor time: the clock of a machine that is busy otherwise says nothing."""
    scanner.describe()
    began = time.process_time() + clamd.processor_s()
    for rank in range(100):
        scanner.scan(Content(b"%05d" % rank + b"<Invoice>" * 600))
    assert (time.process_time() + clamd.processor_s() - began) / 100 < 0.005


def test_clamd_takes_the_settings_that_the_page_gives_and_we_take_ours(clamd: ClamdServer, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/ops/antivirus.md").read_text(encoding="utf-8")
    theirs, ours = (
        next(block for block in re.findall(r"```\n(.*?)```", page, re.DOTALL) if block.startswith(start))
        for start in ("LocalSocket", "[antivirus]")
    )
    with ClamdServer("\n".join(line for line in theirs.splitlines() if not line.startswith("LocalSocket"))) as other:
        other.start()
        assert "ERROR" not in other.log()
        long = Content(*[bytes(1 << 20)] * 30, MARKER)
        assert Clamd(other.address, FAST_S).scan(long) == SIGNATURE
    (tmp_path / "settings.toml").write_text(ours)
    found = settings.load(tmp_path)
    assert (found.antivirus.required, found.terms().is_scanned) == (True, True)
    assert int(theirs.partition("MaxScanTime ")[2].split()[0]) / 1000 < found.antivirus.timeout_s
    assert int(theirs.partition("StreamMaxLength ")[2].split("M")[0]) << 20 > found.flow.bytes_max


# --- what no clamd does on demand -------------------------------------------------------------------------------------


@contextmanager
def speaking(reply: bytes) -> Iterator[str]:
    """Somebody who says who he is, and of a stream this and no more; gives the address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        held = []

        def serve() -> None:
            while True:
                try:
                    link, _ = listener.accept()
                except OSError:
                    return
                held.append(link)
                asked = link.recv(1 << 16)
                if asked.startswith(b"zINSTREAM"):
                    link.sendall(reply)
                else:
                    link.sendall(b"ClamAV 9.9/1/now\0" if b"VERSION" in asked else b"PONG\0")

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        for link in held:
            link.close()


def test_who_takes_too_long_while_he_lives_has_not_scanned(impatient: None) -> None:
    with speaking(b"") as address, pytest.raises(NotScanned) as caught:
        Clamd(address, 0.5).scan(Content(b"a slow one"))
    assert "n'a pas fini d'analyser 10 octets en 0.5 s" in caught.value.in_words("fr")


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"stream: Can't allocate memory ERROR\0", "Can't allocate memory ERROR"),
        (b"UNKNOWN COMMAND\0", "UNKNOWN COMMAND"),
        (b"\0", "could not scan: ;"),
        (b"stream: OK, or so\0", "OK, or so"),
        (b"stream: Weird\x1b[2J\r\n name ERROR\0", "Weird?[2J?? name ERROR"),
    ],
)
def test_whatever_else_is_said_is_a_fault(reply: bytes, said: str) -> None:
    with speaking(reply) as address, pytest.raises(NotScanned) as caught:
        Clamd(address, 2.0).scan(Content(b"anything"))
    assert said in str(caught.value)


def test_an_answer_without_an_end_is_a_fault(impatient: None) -> None:
    with speaking(b"A" * 9_000) as address, pytest.raises(NotScanned, match="hung up"):
        Clamd(address, 2.0).scan(Content(b"anything"))
