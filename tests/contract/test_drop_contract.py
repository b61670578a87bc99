"""What every drop zone and every outbox does: the same tests on local folders and on a real OpenSSH server."""

import contextlib
import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest
from services import missing
from services.sshd import Served, SshServer

from pipeline.adapters.local_drop import HASHED_MAX_BYTES, LocalDrop, LocalOutgoing
from pipeline.adapters.local_store import LocalStore
from pipeline.ports import Archived, DropZone, InWork, NewObject, Outgoing, Seen
from pipeline.running.finished import Scans, finished
from pipeline.running.lanes import each
from pipeline.terms import DropLimits

CODE = "ABC001"
AT = 1_700_000_000_000_000_000
SIZE_MAX = 8 << 20
ODD = {
    "255 bytes": b"x" * 255,
    "newline": b"a\nb",
    "an option": b"-rf",
    "a command": b"$(id)`id`",
    "latin-1": b"caf\xe9.xml",
    "NFC": "é.xml".encode(),
    "NFD": "e\u0301.xml".encode(),
    "right to left": "\u202egpj.xml".encode(),
    "blank": b" ",
    "backslash": b"a\\..\\x",
    "quotes": b"\"'",
    "star": b"*",
    "bytes": bytes(range(128, 256)),
}
BOTH = ["local", pytest.param("remote", marks=pytest.mark.services)]


@dataclass
class Ground:
    """The folders of one partner, and ways to look at them: each `zone()` is another process or machine of ours."""

    root: Path
    zone: Callable[[], DropZone]
    outgoing: Callable[[], Outgoing]
    owner: tuple[int, int]
    store: LocalStore
    is_remote: bool
    owned_by: Callable[[int], DropZone]  # the same zone, where the accounts are known
    kept: list[NewObject] = field(default_factory=list)

    def put(self, name: bytes, content: bytes = b"x", at_ns: int = AT) -> bytes:
        """A file of the partner in `in/`."""
        path = os.path.join(os.fsencode(self.root / "in"), name)
        with open(path, "wb") as file:
            file.write(content)
        return self.give(path, at_ns)

    def give(self, path: bytes, at_ns: int = AT) -> bytes:
        os.chown(path, *self.owner, follow_symlinks=False)
        if not os.path.islink(path):
            os.chmod(path, 0o770 if os.path.isdir(path) else 0o640)
            os.utime(path, ns=(at_ns, at_ns))
        return path

    def inbox(self) -> set[bytes]:
        return set(os.listdir(os.fsencode(self.root / "in")))

    def work(self) -> list[str]:
        return sorted(p.name for p in (self.root / "work").iterdir() if not p.name.startswith("."))

    def archive(self, zone: DropZone, one: InWork, size_max: int = SIZE_MAX) -> tuple[Archived, bytes | None]:
        """(what became of it, the bytes that the store then has)."""
        archived, new = zone.archive(one, self.store, CODE, size_max)
        if new is None:
            return archived, None
        self.store.keep([(CODE, new)])
        new.drop()
        return archived, self.store.open(CODE, archived.sha256).read()


@pytest.fixture(scope="module")
def served() -> dict[str, Served]:
    """One partner on the server for all tests of this file."""
    return {}


@pytest.fixture(params=BOTH)
def ground(request: pytest.FixtureRequest, tmp_path: Path, served: dict[str, Served]) -> Iterator[Ground]:
    store = LocalStore(tmp_path / "store")
    if request.param == "local":
        root = tmp_path / CODE
        LocalDrop(root, DropLimits()).make()
        yield Ground(
            root, lambda: LocalDrop(root, DropLimits()), lambda: LocalOutgoing(root / "out"),
            (os.geteuid(), os.getegid()), store, is_remote=False,
            owned_by=lambda uid: LocalDrop(root, DropLimits(), (uid,)),
        )  # fmt: skip
        return
    from pipeline.adapters.remote_drop import RemoteDrop, RemoteOutgoing
    from pipeline.adapters.sftp_account import Account, Server

    sshd: SshServer = request.getfixturevalue("sshd")
    if CODE not in served:
        served[CODE] = sshd.add_user(CODE)
    one = served[CODE]
    one.empty()
    accounts: list[Account] = []

    def account() -> Account:
        accounts.append(
            Account(
                Server(
                    "127.0.0.1", sshd.port, one.our_login, one.our_key, host_keys=(sshd.host_key,), connections=1,
                    channels=3, timeout_s=20,
                )
            )
        )  # fmt: skip
        return accounts[-1]

    inbox = (one.root / "in").stat()
    yield Ground(
        one.root, lambda: RemoteDrop(account(), "in", "work", DropLimits()), lambda: RemoteOutgoing(account(), "out"),
        (inbox.st_uid, inbox.st_gid), store, is_remote=True,
        owned_by=lambda uid: RemoteDrop(account(), "in", "work", DropLimits(), (uid,)),
    )  # fmt: skip
    for opened in accounts:
        opened.close()


def names(seen: list[Seen]) -> list[bytes]:
    return [one.name for one in seen]


def taken(zone: DropZone) -> list[InWork]:
    """Claim all that is there."""
    claimed = [zone.claim(one, frozenset()) for one in zone.scan()]
    return [one for one in claimed if one is not None]


# --- what is there ----------------------------------------------------------------------------------------------------


def test_temporary_names_are_no_drops_whatever_their_case(ground: Ground) -> None:
    for name in (b".hidden", b"a.part", b"a.FILEPART", b"a.tmp", b"a.Writing", b"a.incomplete", b"a.partial"):
        ground.put(name)
    ground.put(b"a.party")
    assert names(ground.zone().scan()) == [b"a.party"]


def test_drops_are_seen_oldest_first_then_by_name_with_their_size(ground: Ground) -> None:
    ground.put(b"b", b"12")
    ground.put(b"a")
    ground.put(b"c", at_ns=AT - 1_000_000_000)
    seen = ground.zone().scan()
    assert [(one.name, one.size_bytes, one.mtime_ns) for one in seen] == [
        (b"c", 1, AT - 1_000_000_000),
        (b"a", 1, AT),
        (b"b", 2, AT),
    ]


def test_a_folder_of_many_files_is_seen_whole(ground: Ground) -> None:
    for n in range(700):
        ground.put(b"%05d" % n)
    assert names(ground.zone().scan()) == [b"%05d" % n for n in range(700)]


def test_a_file_is_finished_when_two_looks_agree_and_a_growing_one_is_not(ground: Ground) -> None:
    zone, scans = ground.zone(), Scans()
    future = AT * 2
    ground.put(b"steady", at_ns=future)
    ground.put(b"growing", at_ns=future)
    assert finished({zone: zone.scan()}, None, scans)[zone] == []
    ground.put(b"growing", b"xx", at_ns=future)
    assert names(finished({zone: zone.scan()}, None, scans)[zone]) == [b"steady"]
    assert names(finished({zone: zone.scan()}, None, scans)[zone]) == [b"growing", b"steady"]


def test_only_our_own_clock_says_that_a_file_is_quiet(ground: Ground) -> None:
    ground.put(b"old")
    zone = ground.zone()
    assert zone.is_quiet(zone.scan()[0], AT * 2) is not ground.is_remote


def test_an_inbox_that_is_gone_is_an_error_that_says_so(ground: Ground) -> None:
    (ground.root / "in").rename(ground.root / "elsewhere")
    try:
        with pytest.raises(OSError, match=r"in.*does not exist|No such file"):
            ground.zone().scan()
    finally:
        (ground.root / "elsewhere").rename(ground.root / "in")


# --- claim ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD.values(), ids=list(ODD))
def test_any_name_is_claimed_archived_and_deleted(ground: Ground, name: bytes) -> None:
    ground.put(name, b"content")
    zone = ground.zone()
    (one,) = taken(zone)
    assert (one.name, ground.inbox()) == (name, set())
    assert ground.zone().in_work() == zone.in_work() == [one]
    archived, content = ground.archive(zone, one)
    assert (archived.sha256, archived.size_bytes, archived.is_kept) == (
        hashlib.sha256(b"content").hexdigest(), 7, True,
    )  # fmt: skip
    assert content == b"content"
    zone.delete(one)
    ground.zone().delete(one)
    assert (zone.in_work(), ground.work()) == ([], [])


def test_names_that_look_alike_are_two_names_and_one_that_is_no_text_stops_no_other(ground: Ground) -> None:
    for name in ODD.values():
        ground.put(name, name)
    zone = ground.zone()
    got = {one.name: ground.archive(zone, one)[1] for one in taken(zone)}
    assert got == {name: name for name in ODD.values()}


def test_a_claim_has_one_winner_and_a_key_of_its_own(ground: Ground) -> None:
    ground.put(b"flow", b"1")
    zone, other = ground.zone(), ground.zone()
    (seen,) = zone.scan()
    first = zone.claim(seen, frozenset())
    assert first is not None
    assert first.claim == f"{hashlib.sha256(b'flow').hexdigest()[:16]}-{AT}-1"
    assert other.claim(seen, frozenset()) is None  # it is gone: another one won
    ground.put(b"flow", b"2")
    second = other.claim(seen, frozenset({f"{seen.key}-2"}))
    assert second is not None
    assert second.claim == f"{seen.key}-3"
    assert zone.in_work() == [first, second]
    assert [ground.archive(zone, one)[1] for one in (first, second)] == [b"1", b"2"]


def test_of_many_at_once_each_file_is_claimed_by_one(ground: Ground) -> None:
    for n in range(60):
        ground.put(b"%d" % n, b"%d" % n)
    zones = [ground.zone(), ground.zone()]
    seen = zones[0].scan()
    ready = threading.Barrier(2)
    won: dict[int, list[InWork]] = {0: [], 1: []}

    def claim_all(who: int) -> None:
        ready.wait()
        for _, one in each(zones[who].lanes, lambda s: zones[who].claim(s, frozenset()), seen):
            assert not isinstance(one, OSError), one
            if one is not None:
                won[who].append(one)

    threads = [threading.Thread(target=claim_all, args=(who,)) for who in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    both = [one.name for who in won.values() for one in who]
    assert sorted(both) == sorted({b"%d" % n for n in range(60)})
    assert ground.inbox() == set()
    assert {one.name: ground.archive(zones[0], one)[1] for one in zones[1].in_work()} == {n: n for n in both}


def test_what_was_claimed_is_found_again_after_a_crash(ground: Ground) -> None:
    ground.put(b"b", b"bb")
    ground.put(b"a", b"aa", at_ns=AT + 5_000_000_000)
    claimed = taken(ground.zone())
    again = ground.zone()
    assert again.in_work() == claimed
    assert [ground.archive(again, one)[1] for one in claimed] == [b"bb", b"aa"]


def test_the_rest_of_a_claim_that_was_not_finished_is_cleared_and_what_is_not_ours_left(ground: Ground) -> None:
    (ground.root / "work" / f"{'0' * 16}-1-1").mkdir()
    os.chown(ground.root / "work" / f"{'0' * 16}-1-1", *ground.owner)
    (ground.root / "work" / "not ours").mkdir()
    (ground.root / "work" / f"{'1' * 16}-1-1").write_bytes(b"a file by the name of a key")
    assert ground.zone().in_work() == []
    assert ground.work() == [f"{'1' * 16}-1-1", "not ours"]


def test_what_is_taken_away_before_the_claim_leaves_nothing_behind(ground: Ground) -> None:
    os.unlink(ground.put(b"flow"))
    seen = Seen(b"flow", 1, AT, 0)
    assert ground.zone().claim(seen, frozenset()) is None
    assert ground.work() == []


@pytest.mark.parametrize("at_ns", [0, 4_000_000_000 * 1_000_000_000], ids=["1970", "2096"])
def test_a_partner_may_set_any_time(ground: Ground, at_ns: int) -> None:
    ground.put(b"flow", at_ns=at_ns)
    zone = ground.zone()
    (one,) = taken(zone)
    assert zone.in_work() == [one]
    assert one.order == (at_ns, b"flow")


# --- archive ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, (32 << 10) - 1, 32 << 10, (32 << 10) + 1, (5 << 20) + 7])
def test_the_exact_bytes_are_kept_whatever_the_size(ground: Ground, size: int) -> None:
    content = os.urandom(size)
    ground.put(b"flow", content)
    zone = ground.zone()
    (one,) = taken(zone)
    archived, kept = ground.archive(zone, one)
    assert kept == content
    assert (archived.sha256, archived.size_bytes) == (hashlib.sha256(content).hexdigest(), size)


@pytest.mark.parametrize(("size", "is_kept"), [(100_000, True), (100_001, False)])
def test_a_flow_over_the_limit_is_hashed_and_not_kept(ground: Ground, size: int, is_kept: bool) -> None:
    content = os.urandom(size)
    ground.put(b"big", content)
    zone = ground.zone()
    (one,) = taken(zone)
    archived, kept = ground.archive(zone, one, 100_000)
    assert archived == Archived(hashlib.sha256(content).hexdigest(), size, is_kept)
    assert kept == (content if is_kept else None)


def test_a_sparse_file_of_terabytes_is_set_apart_at_once(ground: Ground) -> None:
    path = ground.put(b"sparse")
    os.truncate(path, HASHED_MAX_BYTES + 1)
    zone = ground.zone()
    (one,) = taken(zone)
    archived, kept = ground.archive(zone, one)
    assert archived.trouble is not None
    assert "64 GiB" in archived.trouble.en
    assert (archived.is_kept, kept) == (False, None)


class Meddled(LocalStore):
    """A store during whose first write somebody changes the file that is being read."""

    def __init__(self, root: Path, meddle: Callable[[], None]) -> None:
        super().__init__(root)
        self.meddle = meddle

    def begin(self, partner: str) -> NewObject:  # type: ignore[override]
        new = super().begin(partner)
        write = new.write

        def first(part: bytes) -> int:
            new.write = write  # type: ignore[method-assign]
            self.meddle()
            return write(part)

        new.write = first  # type: ignore[method-assign]
        return new


@pytest.mark.parametrize("size", [20 << 20, 100], ids=["while it grows less", "while it grows"])
def test_a_file_changed_while_it_is_read_is_an_error_and_read_again_later(
    ground: Ground, tmp_path: Path, size: int
) -> None:
    ground.put(b"flow", b"x" * (10 << 20))
    zone = ground.zone()
    (one,) = taken(zone)
    meddled = Meddled(tmp_path / "meddled", lambda: os.truncate(one_path(ground, one), size))
    with pytest.raises(OSError, match="changed while it was read"):
        zone.archive(one, meddled, CODE, 64 << 20)
    assert list((tmp_path / "meddled" / CODE).iterdir()) == []
    assert zone.in_work() == [one]
    archived, _ = zone.archive(one, ground.store, CODE, 64 << 20)
    assert archived.size_bytes == size


def one_path(ground: Ground, one: InWork) -> bytes:
    return os.path.join(os.fsencode(ground.root / "work" / one.claim), one.name)


def test_a_full_disk_of_ours_is_our_error_and_the_zone_goes_on(ground: Ground, tmp_path: Path) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    ground.put(b"flow", b"x" * (4 << 20))
    zone = ground.zone()
    (one,) = taken(zone)
    with pytest.raises(OSError, match="No space left") as raised:
        zone.archive(one, Meddled(tmp_path / "full", full), CODE, SIZE_MAX)
    assert raised.value.errno == errno.ENOSPC
    assert ground.archive(zone, one)[1] == b"x" * (4 << 20)


def test_what_is_no_plain_file_is_set_apart_and_never_opened(ground: Ground, tmp_path: Path) -> None:
    inbox = ground.root / "in"
    (inbox / "1-link").symlink_to("/etc/passwd")
    (inbox / "2-dangling").symlink_to("nowhere")
    os.mkfifo(inbox / "3-pipe")
    (inbox / "4-folder").mkdir()
    (inbox / "4-folder" / "inner").write_bytes(b"x")
    for path in sorted(inbox.iterdir()):
        ground.give(os.fsencode(path))
    ground.put(b"5-plain", b"plain")
    zone = ground.zone()
    claimed = sorted(taken(zone), key=lambda one: one.name)
    assert ground.inbox() == set()
    became = [ground.archive(ground.zone() if n % 2 else zone, one) for n, one in enumerate(claimed)]
    assert [str(a.trouble) for a, _ in became] == [
        "a symbolic link, no plain file", "a symbolic link, no plain file", "a pipe, no plain file",
        "a folder, no plain file", "None",
    ]  # fmt: skip
    assert [kept for _, kept in became] == [None, None, None, None, b"plain"]
    for one in claimed:
        zone.delete(one)
    assert (zone.in_work(), ground.work()) == ([], [])


def test_a_file_of_another_account_is_set_apart_where_the_accounts_are_known(ground: Ground) -> None:
    ground.put(b"theirs")
    os.chown(ground.put(b"strangers"), ground.owner[0] + 1, ground.owner[1])
    zone = ground.owned_by(ground.owner[0])
    became = {one.name: ground.archive(zone, one) for one in taken(zone)}
    assert (became[b"theirs"][0].trouble, became[b"theirs"][1]) == (None, b"x")
    apart, kept = became[b"strangers"]
    assert (apart.word, apart.sha256, kept) == ("owner", "", None)
    assert f"account {ground.owner[0] + 1} of the machine" in str(apart.trouble)


def test_a_device_is_set_apart_and_never_opened(ground: Ground) -> None:
    path = os.fsencode(ground.root / "in" / "device")
    try:
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5))  # /dev/zero: reading it would never end
    except OSError as error:
        missing(f"no device can be made here: {error}")
    os.chown(path, *ground.owner)
    zone = ground.zone()
    (one,) = taken(zone)
    archived, kept = ground.archive(zone, one)
    assert (str(archived.trouble), archived.word, kept) == ("a device, no plain file", "no_plain_file", None)


# --- what goes out ----------------------------------------------------------------------------------------------------


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def out(ground: Ground) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (ground.root / "out").iterdir()}


@pytest.mark.parametrize("size", [0, 1, 40_000, (5 << 20) + 1])
def test_an_answer_appears_whole_under_its_name(ground: Ground, size: int) -> None:
    content = os.urandom(size)
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(content))
    assert (out(ground), outgoing.holds("R.xml")) == ({".R.xml.part": content}, False)
    assert outgoing.appear("R.xml", digest(content)) is True
    outgoing.flush()
    assert (out(ground), outgoing.holds("R.xml")) == ({"R.xml": content}, True)


def test_what_lies_there_is_told_with_its_size_and_temporary_names_are_not(ground: Ground) -> None:
    outgoing, folder = ground.outgoing(), ground.root / "out"
    began = time.time() - 2  # a server tells whole seconds
    outgoing.upload("half.xml", BytesIO(b"on its way"))
    for name, content in (("R.xml", b"ours"), ("é'\".xml", b"")):
        (folder / name).write_bytes(content)
    (folder / "link").symlink_to("R.xml")
    lying = {one.name: one for one in outgoing.lying()}
    assert {name: (one.size_bytes, one.is_plain) for name, one in lying.items() if name != "link"} == {
        "R.xml": (4, True), "é'\".xml": (0, True),
    }  # fmt: skip
    assert not lying["link"].is_plain
    assert began <= lying["R.xml"].since <= time.time() + 1
    assert [outgoing.digest(name) for name in ("R.xml", "é'\".xml", "link", "none")] == [
        digest(b"ours"), digest(b""), None, None,
    ]  # fmt: skip


def test_where_no_folder_is_nothing_lies(ground: Ground) -> None:
    there, away = ground.root / "out", ground.root / "away"
    there.rename(away)
    try:
        assert list(ground.outgoing().lying()) == []
    finally:
        away.rename(there)  # the other tests have the same account


def test_an_unfinished_earlier_try_is_written_over(ground: Ground) -> None:
    ground.outgoing().upload("R.xml", BytesIO(b"a longer one of an earlier try"))
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(b"short"))
    assert outgoing.appear("R.xml", digest(b"short")) is True
    assert out(ground) == {"R.xml": b"short"}


def test_nothing_is_written_over_another_file(ground: Ground) -> None:
    (ground.root / "out" / "R.xml").write_bytes(b"theirs")
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(b"ours"))
    assert outgoing.appear("R.xml", digest(b"ours")) is False
    assert out(ground)["R.xml"] == b"theirs"


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_has_the_name_too_and_is_not_opened(ground: Ground, kind: str) -> None:
    there = ground.root / "out" / "R.xml"
    if kind == "link":
        (ground.root / "out" / "same").write_bytes(b"ours")
        there.symlink_to("same")
    elif kind == "pipe":
        os.mkfifo(there)
    else:
        there.mkdir()
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(b"ours"))
    assert outgoing.appear("R.xml", digest(b"ours")) is False


def test_the_same_bytes_there_are_our_own(ground: Ground) -> None:
    (ground.root / "out" / "R.xml").write_bytes(b"ours")
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(b"ours"))
    assert outgoing.appear("R.xml", digest(b"ours")) is True
    assert out(ground) == {"R.xml": b"ours"}


def test_after_a_crash_between_upload_and_rename_another_process_renames(ground: Ground) -> None:
    ground.outgoing().upload("R.xml", BytesIO(b"ours"))
    assert ground.outgoing().appear("R.xml", digest(b"ours")) is True
    assert ground.outgoing().appear("R.xml", digest(b"ours")) is True  # killed before it could say so
    (ground.root / "out" / "R.xml").unlink()
    assert ground.outgoing().appear("R.xml", digest(b"ours")) is True  # and fetched since
    assert out(ground) == {}


def test_an_outbox_that_is_gone_is_no_delivery(ground: Ground) -> None:
    outgoing = ground.outgoing()
    outgoing.upload("R.xml", BytesIO(b"ours"))
    (ground.root / "out").rename(ground.root / "gone")
    try:
        with pytest.raises(OSError, match=r"."):
            outgoing.appear("R.xml", digest(b"ours"))
    finally:
        (ground.root / "gone").rename(ground.root / "out")
    assert outgoing.appear("R.xml", digest(b"ours")) is True


def test_many_answers_go_out_at_once(ground: Ground) -> None:
    outgoing = ground.outgoing()
    answers = {f"R{n:03}.xml": b"%d" % n * 500 for n in range(60)}
    for _, failed in each(outgoing.lanes, lambda name: outgoing.upload(name, BytesIO(answers[name])), answers):
        assert failed is None
    for name, appeared in each(outgoing.lanes, lambda name: outgoing.appear(name, digest(answers[name])), answers):
        assert appeared is True, name
    assert out(ground) == answers


def test_a_disk_that_is_full_there_is_an_error_and_the_next_try_delivers(ground: Ground) -> None:
    device = ground.root / "out" / ".R.xml.part"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 7))  # /dev/full
        device.chmod(0o666)
        device.open("wb").close()
    except OSError as error:
        pytest.skip(f"no device can be made here: {error}")
    outgoing = ground.outgoing()
    with pytest.raises(OSError, match=r"No space left|refuses and does not say why \(disk full"):
        outgoing.upload("R.xml", BytesIO(b"x" * (3 << 20)))
    device.unlink()
    outgoing.upload("R.xml", BytesIO(b"ours"))
    assert outgoing.appear("R.xml", digest(b"ours")) is True
    assert out(ground) == {"R.xml": b"ours"}


def test_a_source_that_fails_leaves_the_outbox_usable(ground: Ground) -> None:
    class Failing(BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            return super().read(size)

    outgoing = ground.outgoing()
    with pytest.raises(OSError, match="Input/output"):
        outgoing.upload("R.xml", Failing(b"x" * 100_000_0))
    outgoing.upload("R.xml", BytesIO(b"ours"))
    assert outgoing.appear("R.xml", digest(b"ours")) is True
    with contextlib.suppress(FileNotFoundError):
        (ground.root / "out" / "R.xml").unlink()
