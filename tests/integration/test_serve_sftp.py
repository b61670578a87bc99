"""`chorus-edi serve-sftp`, the real command, asked by OpenSSH, paramiko and asyncssh."""

import asyncio
import errno
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncssh
import homes
import paramiko
import pytest
from homes import OTHER, PARTNER
from served_home import (
    COMMAND,
    EXPIRED,
    STRANGER,
    Relay,
    Served,
    allow,
    asyncssh_sftp,
    asyncssh_ssh,
    make_home,
    openssh,
    paramiko_sftp,
    paramiko_ssh,
    run,
    serving,
    ssh_options,
    wait_for,
)

from pipeline import runner
from pipeline.adapters.sftp_folders import PARTIALS_KEPT, Folders, Upload, clean
from pipeline.adapters.sftp_server import Setup, SftpServer
from pipeline.adapters.sftp_visit import Happened
from pipeline.running.verify import verify

pytestmark = [pytest.mark.services, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(make_home(tmp_path_factory.mktemp("served"))) as running:
        yield running


@pytest.fixture(autouse=True)
def empty(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test finds empty folders."""
    yield
    if "served" in request.fixturenames:
        served: Served = request.getfixturevalue("served")
        for code in (PARTNER, OTHER):
            for name in ("in", "out"):
                for left in served.folder(code, name).iterdir():
                    left.unlink() if left.is_symlink() or not left.is_dir() else left.rmdir()


def published(served: Served, code: str = PARTNER) -> dict[str, bytes]:
    """What a partner has dropped, as the pipeline would see it."""
    return {p.name: p.read_bytes() for p in served.folder(code).iterdir() if not p.name.startswith(".")}


def partials(served: Served, code: str = PARTNER) -> list[str]:
    return [p.name for p in served.folder(code).iterdir() if re.fullmatch(r"\.sftp-[0-9a-f]{16}\.part", p.name)]


# --- three clients ----------------------------------------------------------------------------------------------------


def by_openssh(served: Served, local: Path, back: Path) -> list[str]:
    done = openssh(served, PARTNER, f"put {local} in/x.part", "rename in/x.part in/x", "ls -1 in", f"get in/x {back}")
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("in/").strip() for line in done.stdout.splitlines() if not line.startswith("sftp>")]


def by_paramiko(served: Served, local: Path, back: Path) -> list[str]:
    with paramiko_sftp(served, PARTNER) as sftp:
        sftp.put(str(local), "/in/x.part")
        sftp.rename("/in/x.part", "/in/x")
        sftp.get("/in/x", str(back))
        return sftp.listdir("in")


def by_asyncssh(served: Served, local: Path, back: Path) -> list[str]:
    async def all_of_it() -> list[str]:
        async with asyncssh_sftp(served, PARTNER) as sftp:
            await sftp.put(str(local), "/in/x.part")
            await sftp.rename("/in/x.part", "/in/x")
            await sftp.get("/in/x", str(back))
            return [str(name) for name in await sftp.listdir("in") if name not in {".", ".."}]

    return run(all_of_it())


@pytest.mark.parametrize("client", [by_openssh, by_paramiko, by_asyncssh])
def test_a_partner_drops_renames_lists_and_reads_back(
    served: Served, tmp_path: Path, client: Callable[[Served, Path, Path], list[str]]
) -> None:
    content = os.urandom(3_000_001)
    (tmp_path / "local").write_bytes(content)
    assert client(served, tmp_path / "local", tmp_path / "back") == ["x"]
    assert published(served) == {"x": content}
    assert (tmp_path / "back").read_bytes() == content
    assert partials(served) == []


def test_a_client_that_keeps_times_and_rights_meets_no_error(served: Served, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"x")
    os.utime(tmp_path / "local", (1_000_000_000, 1_000_000_000))
    done = openssh(served, PARTNER, f"put -p {tmp_path / 'local'} in/x", "chmod 777 in/x")
    assert done.returncode == 0, done.stderr
    what = (served.folder(PARTNER) / "x").stat()
    assert stat.S_IMODE(what.st_mode) == 0o640
    assert what.st_mtime > time.time() - 60  # the quiet time of a drop counts from its last byte, by our clock


def test_the_whole_way_from_a_drop_to_its_report(tmp_path: Path, reader: tuple[str, ...]) -> None:
    served = make_home(tmp_path)
    (tmp_path / "flow").write_bytes(homes.ubl("F-1"))
    with serving(served):
        sent = openssh(served, PARTNER, f"put {tmp_path / 'flow'} in/.part", f"rename in/.part in/{homes.flow_name(1)}")
        assert sent.returncode == 0, sent.stderr
        with homes.open_home(served.home, reader=reader) as home:
            assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
            assert [line.name for line in verify(home) if not line.ok] == []
        with paramiko_sftp(served, PARTNER) as sftp:
            (report,) = [name for name in sftp.listdir("out") if name.startswith("CSO")]
        got = openssh(served, PARTNER, f"get out/{report} {tmp_path / 'report'}")
        assert got.returncode == 0, got.stderr
    assert (tmp_path / "report").read_bytes() == (served.folder(PARTNER, "out") / report).read_bytes()
    assert b"IN_INTEGRE" in (tmp_path / "report").read_bytes()


# --- who may enter ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "key"),
    [
        (PARTNER, OTHER),
        (PARTNER, STRANGER),
        (STRANGER, STRANGER),
        (EXPIRED, EXPIRED),
        ("../ABC", PARTNER),
        ("root", PARTNER),
    ],
    ids=["key of another", "no key of ours", "no partner", "its time is over", "no code", "an account of the system"],
)
def test_who_is_not_the_partner_is_refused(served: Served, code: str, key: str) -> None:
    done = openssh(served, code, "ls", key=key)
    assert done.returncode == 255
    assert "Permission denied (publickey)" in done.stderr
    with pytest.raises(paramiko.AuthenticationException), paramiko_sftp(served, code, key=key):
        pass


@pytest.mark.parametrize("way", ["auth_none", "auth_password"])
def test_there_is_no_way_in_but_a_key(served: Served, way: str) -> None:
    with paramiko.Transport(("127.0.0.1", served.port)) as transport:
        transport.start_client(timeout=20)
        with pytest.raises(paramiko.BadAuthenticationType) as refused:
            getattr(transport, way)(*(PARTNER, "password")[: 1 + (way == "auth_password")])
        assert refused.value.allowed_types == ["publickey"]


def test_a_key_counts_from_the_moment_its_line_is_there(served: Served) -> None:
    try:
        allow(served, OTHER, OTHER, STRANGER)
        assert openssh(served, OTHER, "ls", key=STRANGER).returncode == 0
        assert openssh(served, OTHER, "ls").returncode == 0
        allow(served, OTHER, STRANGER)
        assert openssh(served, OTHER, "ls").returncode == 255
    finally:
        allow(served, OTHER, OTHER)


def test_a_key_file_that_others_may_write_to_opens_nothing_and_says_so(served: Served) -> None:
    file = served.home / "ssh" / "keys" / OTHER
    file.chmod(0o666)
    try:
        assert openssh(served, OTHER, "ls").returncode == 255
        wait_for(lambda: any(f"peuvent écrire dans {file}" in line for line in served.lines))
    finally:
        file.chmod(0o644)


def test_a_line_that_is_no_key_opens_nothing_and_closes_nothing(served: Served) -> None:
    file = served.home / "ssh" / "keys" / OTHER
    right = file.read_text()
    file.write_text("no key at all\n" + right)
    try:
        assert openssh(served, OTHER, "ls").returncode == 0
        assert openssh(served, OTHER, "ls", key=STRANGER).returncode == 255
        wait_for(lambda: any("ligne 1 : aucune clé publique" in line for line in served.lines))
    finally:
        file.write_text(right)


def test_two_partners_do_not_see_each_other(served: Served, tmp_path: Path) -> None:
    (tmp_path / "local").write_bytes(b"x")
    assert openssh(served, PARTNER, f"put {tmp_path / 'local'} in/mine").returncode == 0
    with paramiko_sftp(served, OTHER) as sftp:
        assert sftp.listdir("/") == ["in", "out"]
        assert sftp.listdir("/in") == []
        for path in (f"/../{PARTNER}/in/mine", f"/in/../../{PARTNER}/in/mine", "/in/mine", f"/{PARTNER}"):
            with pytest.raises(FileNotFoundError):
                sftp.stat(path)


# --- nothing but files, nowhere but in the two folders ----------------------------------------------------------------

OUTSIDE = (
    "/etc/passwd", "/../../etc/passwd", "in/../../../../etc/passwd", "//etc/passwd", "/work", "/in/../work", "/in/a/b",
    "/ledger.sqlite", "/in/x\0y", "../ssh/host_key",
)  # fmt: skip


@pytest.mark.parametrize("path", OUTSIDE)
def test_there_is_nothing_outside_the_two_folders(served: Served, path: str) -> None:
    (served.folder(PARTNER) / "x").write_bytes(b"x")
    with paramiko_sftp(served, PARTNER) as sftp:
        for ask in (sftp.stat, sftp.lstat, sftp.listdir, sftp.remove, lambda name: sftp.open(name, "r")):
            with pytest.raises(OSError, match="introuvable") as refused:
                ask(path)  # type: ignore[operator]
            assert refused.value.errno == errno.ENOENT
        with pytest.raises(PermissionError):
            sftp.open(path, "w")
        with pytest.raises(OSError):
            sftp.rename("/in/x", path)
    assert published(served) == {"x": b"x"}


def test_what_leads_back_inside_is_inside(served: Served) -> None:
    with paramiko_sftp(served, PARTNER) as sftp:
        assert sftp.normalize("/in/../../..") == "/"
        assert sftp.normalize("in/./x") == "/in/x"
        with sftp.open("/out/../in/x", "w") as file:
            file.write(b"x")
    assert published(served) == {"x": b"x"}


def test_the_answers_are_read_and_nothing_else(served: Served) -> None:
    out = served.folder(PARTNER, "out")
    (out / "CSO").write_bytes(b"report")
    (out / ".CSO2.part").write_bytes(b"half a rep")
    with paramiko_sftp(served, PARTNER) as sftp:
        assert sftp.listdir("/out") == ["CSO"]
        with sftp.open("/out/CSO") as file:
            assert file.read() == b"report"
        with pytest.raises(FileNotFoundError):
            sftp.open("/out/.CSO2.part")
        (served.folder(PARTNER) / "x").write_bytes(b"x")
        for refused in (
            lambda: sftp.open("/out/CSO", "w"), lambda: sftp.open("/out/new", "w"), lambda: sftp.remove("/out/CSO"),
            lambda: sftp.rename("/out/CSO", "/in/CSO"), lambda: sftp.posix_rename("/in/x", "/out/x"),
            lambda: sftp.truncate("/out/CSO", 0), lambda: sftp.truncate("/in/x", 0),
        ):  # fmt: skip
            with pytest.raises(PermissionError):
                refused()
        with sftp.open("/out/CSO") as file, pytest.raises(PermissionError):
            file.truncate(0)
    assert (out / "CSO").read_bytes() == b"report"
    assert published(served) == {"x": b"x"}


def test_no_folders_and_no_links_are_made(served: Served) -> None:
    async def try_all() -> None:
        async with asyncssh_sftp(served, PARTNER) as sftp:
            await _written(sftp, "/in/x")
            for asked in (
                sftp.symlink("/etc/passwd", "/in/l"), sftp.symlink("x", "/in/l"), sftp.readlink("/in/x"),
                sftp.link("/in/x", "/in/l"), sftp.mkdir("/in/d"), sftp.rmdir("/in"), sftp.statvfs("/in"),
                sftp.remote_copy("/in/x", "/in/y"),
            ):  # fmt: skip
                with pytest.raises((asyncssh.SFTPPermissionDenied, asyncssh.SFTPOpUnsupported)):
                    await asked

    run(try_all())
    assert published(served) == {"x": b"x"}


def test_what_a_local_process_puts_there_is_never_followed(served: Served, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "inside").write_bytes(b"secret")
    inbox = served.folder(PARTNER)
    (inbox / "link").symlink_to(secret)
    (inbox / "dangling").symlink_to(tmp_path / "new")
    (inbox / "folder").symlink_to(tmp_path / "folder")
    os.link(secret, inbox / "hard")
    os.mkfifo(inbox / "pipe")
    (served.folder(PARTNER, "out") / "link").symlink_to(secret)
    (inbox / "x").write_bytes(b"x")
    with paramiko_sftp(served, PARTNER) as sftp:
        assert sftp.listdir("/in") == ["x"]
        for path in ("/in/link", "/in/hard", "/in/pipe", "/in/folder", "/in/folder/inside", "/out/link"):
            for ask in (sftp.stat, sftp.open, sftp.remove):
                with pytest.raises(OSError):
                    ask(path)  # type: ignore[operator]
        for path in ("/in/link", "/in/dangling", "/in/hard", "/in/pipe", "/in/folder", "/in/folder/new"):
            with pytest.raises(OSError):
                sftp.open(path, "w")
            with pytest.raises(OSError):
                sftp.posix_rename("/in/x", path)
    assert secret.read_bytes() == b"secret"
    assert not (tmp_path / "new").exists()
    assert os.listdir(tmp_path / "folder") == ["inside"]


@pytest.mark.parametrize("name", ["in", "out", "."])
def test_a_folder_that_is_a_link_is_not_served(served: Served, tmp_path: Path, name: str) -> None:
    folder = served.folder(OTHER, name)
    folder.rename(tmp_path / "aside")
    (tmp_path / "elsewhere").mkdir()
    folder.symlink_to(tmp_path / "elsewhere")
    before = len(served.lines)
    try:
        assert openssh(served, OTHER, "ls").returncode != 0
        wait_for(lambda: any(f"défaillance  drop/{OTHER} : " in line for line in served.lines[before:]))
        assert openssh(served, PARTNER, "ls").returncode == 0
    finally:
        folder.unlink()
        (tmp_path / "aside").rename(folder)
    assert os.listdir(tmp_path / "elsewhere") == []


def test_folders_that_are_missing_are_made(served: Served) -> None:
    shutil.rmtree(served.folder(OTHER).parent)
    assert openssh(served, OTHER, "ls in", "ls out").returncode == 0
    assert served.folder(OTHER).is_dir()


def test_no_shell_no_command_no_copy_no_tunnel(served: Served, tmp_path: Path) -> None:
    asked = subprocess.run(
        ["ssh", *ssh_options(served, PARTNER), f"{PARTNER}@127.0.0.1", "id"], capture_output=True, text=True, timeout=60
    )
    assert (asked.returncode, asked.stdout) == (255, "")
    (tmp_path / "local").write_bytes(b"x")
    copied = subprocess.run(
        ["scp", "-O", *ssh_options(served, PARTNER), tmp_path / "local", f"{PARTNER}@127.0.0.1:in/x"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert copied.returncode != 0
    assert published(served) == {}
    over_sftp = subprocess.run(
        ["scp", "-s", *ssh_options(served, PARTNER), tmp_path / "local", f"{PARTNER}@127.0.0.1:in/x"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert over_sftp.returncode == 0, over_sftp.stderr
    with paramiko_ssh(served, PARTNER) as client:
        transport = client.get_transport()
        assert transport is not None
        with pytest.raises(paramiko.ChannelException):
            transport.open_channel("direct-tcpip", ("127.0.0.1", served.port), ("127.0.0.1", 1))
        with pytest.raises(paramiko.SSHException):
            transport.request_port_forward("127.0.0.1", 0)
        for ask in ("invoke_shell", "get_pty"):
            with pytest.raises(paramiko.SSHException):
                getattr(transport.open_session(), ask)()
        with pytest.raises(paramiko.SSHException):
            transport.open_session().invoke_subsystem("netconf")
    assert published(served) == {"x": b"x"}


def test_it_listens_on_this_machine_only(served: Served) -> None:
    assert served.process is not None
    pid = served.process.pid
    held = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir() if link.is_symlink()}
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if f"socket:[{columns[9]}]" in held and (columns[3] == "0A" or table.startswith("udp")):
                address, _, port = columns[1].partition(":")
                listening.append((table, address, int(port, 16)))
    loopback = f"{int.from_bytes(socket.inet_aton('127.0.0.1'), 'little'):08X}"
    assert listening == [("tcp", loopback, served.port)]


# --- an upload is there when it is whole ------------------------------------------------------------------------------


async def _written(sftp: asyncssh.SFTPClient, path: str, content: bytes = b"x", mode: str = "wb") -> None:
    async with sftp.open(path, mode) as file:
        await file.write(content)


def test_an_upload_is_seen_when_it_is_closed_and_not_before(served: Served) -> None:
    with paramiko_sftp(served, PARTNER) as sftp:
        file = sftp.open("/in/x", "w")
        file.write(b"a" * 100_000)
        file.flush()
        wait_for(lambda: file.stat().st_size == 100_000)
        assert sftp.stat("/in/x").st_size == 100_000  # who writes it may look at it
        assert (published(served), sftp.listdir("/in")) == ({}, [])
        with paramiko_sftp(served, PARTNER) as another, pytest.raises(FileNotFoundError):
            another.stat("/in/x")
        file.close()
        assert published(served) == {"x": b"a" * 100_000}


def test_a_file_is_replaced_whole_or_left(served: Served) -> None:
    with paramiko_sftp(served, PARTNER) as sftp:
        for content in (b"first, longer", b"second"):
            with sftp.open("/in/x", "w") as file:
                file.write(content)
                if content == b"second":
                    file.flush()
                    assert published(served) == {"x": b"first, longer"}
        assert published(served) == {"x": b"second"}
        with pytest.raises(OSError):
            sftp.open("/in/x", "wx")  # only as a new file
        with pytest.raises(OSError, match="ne se continue pas"):
            sftp.open("/in/x", "a")
        with pytest.raises(OSError, match="ne se continue pas"):
            sftp.open("/in/x", "r+")
        with sftp.open("/in/y", "a") as file:
            file.write(b"y")
        with pytest.raises(OSError):
            sftp.rename("/in/y", "/in/x")
        assert published(served) == {"x": b"second", "y": b"y"}
        sftp.posix_rename("/in/y", "/in/x")
        assert published(served) == {"x": b"y"}


def test_two_uploads_of_one_name_do_not_mix(served: Served) -> None:
    with paramiko_sftp(served, PARTNER) as one, paramiko_sftp(served, PARTNER) as other:
        first, second = one.open("/in/x", "w"), other.open("/in/x", "w")
        first.write(b"1" * 100_000)
        second.write(b"2" * 50_000)
        second.close()
        assert published(served) == {"x": b"2" * 50_000}
        first.close()
        assert published(served) == {"x": b"1" * 100_000}


def test_of_two_new_files_of_one_name_the_first_that_is_closed_stays(served: Served) -> None:
    async def both() -> None:
        async with asyncssh_sftp(served, PARTNER) as sftp:
            first, second = await sftp.open("/in/x", "xb"), await sftp.open("/in/x", "xb")
            await first.write(b"first")
            await first.close()
            with pytest.raises(asyncssh.SFTPFailure, match="déjà pris"):
                await second.close()

    run(both())
    assert published(served) == {"x": b"first"}
    assert partials(served) == []


@pytest.mark.parametrize("after_bytes", [20_000, 2_000_000])
def test_a_broken_connection_publishes_nothing(served: Served, after_bytes: int) -> None:
    content = os.urandom(4_000_000)
    with (
        Relay(served.port, after_bytes) as relay,
        pytest.raises((OSError, EOFError, paramiko.SSHException)),
        paramiko_sftp(served, PARTNER, port=relay.port) as sftp,
        sftp.open("/in/x", "w") as file,
    ):
        file.set_pipelined(True)
        file.write(content)
    wait_for(lambda: "dépôt interrompu" in "".join(served.lines[-3:]))
    assert published(served) == {}
    assert len(partials(served)) == 1
    with paramiko_sftp(served, PARTNER) as sftp:
        assert sftp.listdir("/in") == []
        with pytest.raises(FileNotFoundError):
            sftp.rename(f"/in/{partials(served)[0]}", "/in/x")
        with pytest.raises(PermissionError):
            sftp.open(f"/in/{partials(served)[0]}", "w")


def test_the_same_way_unbroken_publishes(served: Served) -> None:
    content = os.urandom(4_000_000)
    with (
        Relay(served.port, None) as relay,
        paramiko_sftp(served, PARTNER, port=relay.port) as sftp,
        sftp.open("/in/x", "w") as file,
    ):
        file.set_pipelined(True)
        file.write(content)
    assert published(served) == {"x": content}


def test_a_session_that_ends_without_closing_its_file_publishes_nothing(served: Served) -> None:
    """The connection lives on: this is no broken line, and no closed file either."""
    with paramiko_ssh(served, PARTNER) as client:
        sftp = client.open_sftp()
        file = sftp.open("/in/x", "w")
        file.write(b"half")
        file.flush()
        wait_for(lambda: file.stat().st_size == 4)
        channel = sftp.get_channel()
        assert channel is not None
        channel.shutdown_write()
        wait_for(lambda: "dépôt interrompu" in served.lines[-1])
        assert client.open_sftp().listdir("/in") == []
    assert published(served) == {}


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xff", b"\0\0\0\1\4"], ids=["too long", "cut short"])
def test_a_request_that_is_none_publishes_nothing(served: Served, garbage: bytes) -> None:
    with paramiko_sftp(served, PARTNER) as sftp:
        file = sftp.open("/in/x", "w")
        file.write(b"half")
        file.flush()
        wait_for(lambda: file.stat().st_size == 4)
        channel = sftp.get_channel()
        assert channel is not None
        channel.sendall(garbage)
        wait_for(lambda: "dépôt interrompu" in "".join(served.lines[-3:]))
    assert published(served) == {}


def test_what_is_broken_off_for_ever_does_not_fill_the_disk(served: Served) -> None:
    with paramiko_ssh(served, PARTNER) as client:
        for number in range(PARTIALS_KEPT + 3):
            sftp = client.open_sftp()
            file = sftp.open(f"/in/{number}", "w")
            file.flush()
            sftp.close()
            wait_for(lambda number=number: sum("interrompu" in line for line in served.lines) > number)  # type: ignore[misc]
    wait_for(lambda: len(partials(served)) == PARTIALS_KEPT)


def test_what_was_broken_off_is_removed_at_the_next_start_and_after_a_day(tmp_path: Path) -> None:
    served = make_home(tmp_path)
    inbox = served.folder(PARTNER)
    names = [".sftp-0123456789abcdef.part", ".sftp-fedcba9876543210.part", ".mine.part", "x"]
    for name in names:
        (inbox / name).write_bytes(b"x")
    os.utime(inbox / names[0], (time.time() - 90_000, time.time() - 90_000))
    (served.home / "drop" / "link").symlink_to(served.home / "drop" / PARTNER)
    assert clean(served.home / "drop", older_than_s=86_400) == 1
    assert sorted(os.listdir(inbox)) == sorted(names[1:])
    with serving(served):
        assert sorted(os.listdir(inbox)) == [".mine.part", "x"]


def test_a_write_that_failed_is_not_made_good_by_a_close(tmp_path: Path) -> None:
    """OpenSSH closes a file whose writing failed: what lies there then is cut short."""
    served = make_home(tmp_path)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))"
    (tmp_path / "local").write_bytes(os.urandom(3 << 20))
    with serving(served, before=limit):
        done = openssh(served, PARTNER, f"put {tmp_path / 'local'} in/x")
        assert done.returncode != 0
        wait_for(lambda: any("dépôt interrompu" in line for line in served.lines))
        assert (published(served), partials(served)) == ({}, [])


# --- limits, one server in this process -------------------------------------------------------------------------------


def limited(tmp_path: Path, **limits: int | float) -> tuple[Served, SftpServer, list[Happened]]:
    served = make_home(tmp_path)
    told: list[Happened] = []
    setup = Setup(served.home / "drop", served.home / "ssh", **{"size_max": 1 << 20, "port": 0, **limits})  # type: ignore[arg-type]
    return served, SftpServer(setup, lambda code: code in {PARTNER, OTHER}, told.append), told


async def _started(served: Served, server: SftpServer) -> None:
    await server.start()
    served.port = server.port
    served.known_hosts.write_text(server.known_host + "\n")


def test_a_line_that_breaks_while_the_file_is_brought_to_the_disk_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has closed its file, and never hears that it was taken: it will drop it again."""
    served, server, told = limited(tmp_path)
    right, is_at_it, go_on = Upload.flush, threading.Event(), threading.Event()

    def slow(upload: Upload) -> None:
        is_at_it.set()
        assert go_on.wait(20)
        right(upload)

    monkeypatch.setattr(Upload, "flush", slow)

    async def broken() -> None:
        await _started(served, server)
        async with asyncssh_ssh(served, PARTNER) as connection:
            sftp = await connection.start_sftp_client()
            file = await sftp.open("/in/x", "wb")
            await file.write(b"whole")
            closing = asyncio.ensure_future(file.close())
            await asyncio.to_thread(is_at_it.wait, 20)
            connection.abort()
            with pytest.raises((asyncssh.Error, OSError)):
                await closing
            while server.doors:
                await asyncio.sleep(0.01)
            go_on.set()
            while server.visits:
                await asyncio.sleep(0.01)
        await server.stop()

    run(broken())
    assert published(served) == {}
    assert sorted(one.verb for one in told) == ["cut", "enter", "leave"]


def test_a_bug_of_ours_tells_a_partner_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served, server, told = limited(tmp_path)
    monkeypatch.setattr(Folders, "look", lambda _self, _place: {}["/root/secret"])

    async def asked() -> None:
        await _started(served, server)
        async with asyncssh_sftp(served, PARTNER) as sftp:
            with pytest.raises(asyncssh.SFTPFailure, match=r"^erreur interne du serveur$"):
                await sftp.stat("/in/x")
            await _written(sftp, "/in/y")
        await server.stop()

    run(asked())
    (fault,) = [one.said for one in told if one.verb == "fault"]
    assert str(fault) == "KeyError; a bug, report it"
    assert published(served) == {"y": b"x"}


def test_a_file_over_the_limit_is_refused_while_it_is_written(tmp_path: Path) -> None:
    served, server, told = limited(tmp_path, size_max=100_000)

    async def over() -> None:
        await _started(served, server)
        async with asyncssh_sftp(served, PARTNER) as sftp:
            await _written(sftp, "/in/fits", b"x" * 100_000)
            for name, part, offset in (("over", b"x" * 100_001, 0), ("far", b"x", 10**12)):
                with pytest.raises(asyncssh.SFTPFailure, match="rien n'est déposé"):
                    async with sftp.open(f"/in/{name}", "wb") as file:
                        with pytest.raises(asyncssh.SFTPFailure, match="au plus 100000 octets"):
                            await file.write(part, offset=offset)
            with pytest.raises(asyncssh.SFTPError):
                async with sftp.open("/in/huge", "wb") as file:
                    await file.truncate(10**12)
        await server.stop()

    run(over())
    assert {name: len(content) for name, content in published(served).items()} == {"fits": 100_000, "huge": 0}
    assert partials(served) == []
    assert [one.size_bytes for one in told if one.verb == "put"] == [100_000, 0]


def test_open_files_sessions_and_connections_have_a_limit(tmp_path: Path) -> None:
    served, server, _ = limited(tmp_path, files_open=4, connections_per_partner=2)

    async def too_many() -> None:
        await _started(served, server)
        async with asyncssh_sftp(served, PARTNER) as sftp, asyncssh_sftp(served, PARTNER):
            files = [await sftp.open(f"/in/{number}", "wb") for number in range(4)]
            with pytest.raises(asyncssh.SFTPFailure, match="au plus 4"):
                await sftp.open("/in/more", "wb")
            with pytest.raises(asyncssh.SFTPFailure, match="au plus 4"):
                await sftp.listdir("/in")
            await files[0].close()
            assert len(await sftp.listdir("/in")) == 3
            with pytest.raises((asyncssh.Error, OSError)):
                async with asyncssh_sftp(served, PARTNER):
                    pass
            async with asyncssh_sftp(served, OTHER):  # another partner is not held up
                pass
        await server.stop()

    run(too_many())
    assert published(served) == {"0": b""}


def test_one_connection_has_ten_sessions_at_most(served: Served) -> None:
    with paramiko_ssh(served, PARTNER) as client:
        sessions = [client.open_sftp() for _ in range(10)]
        with pytest.raises(paramiko.ChannelException):
            client.open_sftp()
        sessions.pop().close()
        wait_for(lambda: _opens(client))


def _opens(client: paramiko.SSHClient) -> bool:
    try:
        client.open_sftp()
    except paramiko.ChannelException:
        return False
    return True


def test_who_is_idle_is_sent_away_and_what_it_left_open_is_not_published(tmp_path: Path) -> None:
    served, server, told = limited(tmp_path, idle_s=0.4)

    async def idle() -> None:
        await _started(served, server)
        async with asyncssh_sftp(served, PARTNER) as sftp:
            file = await sftp.open("/in/x", "wb")
            await file.write(b"half")
            for _ in range(5):  # busy is not idle
                await asyncio.sleep(0.2)
                await sftp.stat("/in")
            await sftp.wait_closed()
        await server.stop()

    run(idle())
    assert sorted(one.verb for one in told) == ["cut", "enter", "leave"]
    assert published(served) == {}


def test_a_name_has_its_length(served: Served) -> None:
    with paramiko_sftp(served, PARTNER) as sftp:
        with sftp.open("/in/" + "n" * 255, "w"):
            pass
        with pytest.raises(OSError, match="trop long"):
            sftp.open("/in/" + "n" * 256, "w")
        with sftp.open(b"/in/caf\xe9\n\x1b[31m.xml", "w"):
            pass
    assert len(os.listdir(os.fsencode(served.folder(PARTNER)))) == 2


# --- start, stop, and what is told ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_cleanly_in_the_middle_of_an_upload(tmp_path: Path, number: int) -> None:
    served = make_home(tmp_path)
    with (
        serving(served),
        pytest.raises((OSError, EOFError, paramiko.SSHException)),
        paramiko_sftp(served, PARTNER) as sftp,
    ):
        file = sftp.open("/in/x", "w")
        file.write(b"half")
        file.flush()
        wait_for(lambda: file.stat().st_size == 4)
        assert served.stop(number) == 0
        assert served.lines[-1] == "arrêté ; 1 connexion fermée ; 1 dépôt en cours non publié"
        assert served.log == []
        sftp.stat("/in")
    assert published(served) == {}


def test_a_server_that_was_killed_starts_again_with_its_key(tmp_path: Path) -> None:
    served = make_home(tmp_path)
    with serving(served):
        assert served.stop(signal.SIGKILL) == -signal.SIGKILL
        before = served.known_hosts.read_text().split()[1:]
    with serving(served):
        assert served.known_hosts.read_text().split()[1:] == before
        assert openssh(served, PARTNER, "ls").returncode == 0
    assert stat.S_IMODE((served.home / "ssh" / "host_key").stat().st_mode) == 0o600


def test_the_first_start_makes_the_key_and_says_where_the_partners_keys_go(tmp_path: Path) -> None:
    served = make_home(tmp_path)
    shutil.rmtree(served.home / "ssh")
    with serving(served):
        assert served.stop() == 0
    keys = served.home / "ssh" / "keys"
    assert [line for line in served.lines if line.startswith("à noter")] == [
        f"à noter : aucun partenaire n'a de clé ; en écrire une par ligne, comme dans authorized_keys, dans {keys}/CODE"
    ]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (keys, keys.parent, keys.parent / "host_key")}
    assert list(modes.values()) == [0o700, 0o700, 0o600]


def test_one_home_is_served_once(served: Served) -> None:
    again = subprocess.run(
        [COMMAND, "serve-sftp", "--home", served.home, "--port", "0"], capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 3
    assert again.stderr == "chorus-edi : un serve-sftp tourne déjà dans ce dossier de travail ; l'arrêter d'abord\n"


def test_serving_is_no_work_on_the_home(served: Served) -> None:
    """`verify` looks at what was claimed only while nobody works there."""
    with homes.open_home(served.home) as home:
        assert not home.presence.others_at_work()


def test_what_is_told_names_no_file(tmp_path: Path) -> None:
    served = make_home(tmp_path)
    nasty = "FACTURE-Dupont\n\x1b[31mVIREMENT.xml"
    (served.folder(PARTNER, "out") / "CSO").write_bytes(b"report")
    with serving(served, {"CHORUS_EDI_LOG": "json"}):
        with paramiko_sftp(served, PARTNER) as sftp:
            with sftp.open(f"/in/{nasty}", "w") as file:
                file.write(b"12345")
            sftp.rename(f"/in/{nasty}", f"/in/{nasty}2")
            with sftp.open("/out/CSO") as file:
                file.read()
            with pytest.raises(PermissionError):
                sftp.remove("/out/CSO")
            sftp.remove(f"/in/{nasty}2")
        wait_for(lambda: served.lines[-1].endswith("connexion fermée"))
        assert openssh(served, PARTNER, "ls", key=STRANGER).returncode == 255
        assert served.stop() == 0
        events = [json.loads(line) for line in served.log]
        told = "\n".join(served.lines + served.log)
    assert "Dupont" not in told
    assert "VIREMENT" not in told
    assert "\x1b" not in told
    assert {event["event"] for event in events} == {"sftp"}
    verbs = [(event["verb"], event["partner"], event["size_bytes"]) for event in events]
    assert verbs == [
        ("enter", PARTNER, 0), ("put", PARTNER, 5), ("rename", PARTNER, 0), ("get", PARTNER, 6), ("deny", PARTNER, 0),
        ("remove", PARTNER, 0), ("leave", PARTNER, 0), ("refuse", PARTNER, 0),
    ]  # fmt: skip
    lines = [line.split("  ")[3] for line in served.lines if f"  {PARTNER}  " in line]
    assert lines[:2] == ["connexion ouverte", "déposé"]
