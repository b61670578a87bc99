"""An account on a real server: who is let in and who lets us in, in words; the pool of channels; a link that fails."""

import logging
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from services.relay import CLOSE, RESET, STALL, Relay
from services.sshd import SshServer

from pipeline.adapters.system_errors import Unreachable, why

if TYPE_CHECKING:
    from pipeline.adapters.sftp_account import Account

pytestmark = pytest.mark.services
CODE = "ACC001"
Opened = Callable[..., "Account"]


@pytest.fixture(scope="module")
def server(sshd: SshServer) -> SshServer:
    sshd.add_user(CODE)
    return sshd


@pytest.fixture
def account(server: SshServer) -> Iterator[Opened]:
    """`account(**server settings)`: ours on the server, with what is said otherwise."""
    from pipeline.adapters.sftp_account import Account, Server

    opened: list[Account] = []

    def make(**given: Any) -> Account:
        served = server.served[CODE]
        values: dict[str, Any] = {
            "host": "127.0.0.1", "port": server.port, "user": served.our_login, "key_file": served.our_key,
            "host_keys": (server.host_key,), "connections": 1, "channels": 2, "timeout_s": 20, **given,
        }  # fmt: skip
        if "password" in given:
            values["password"] = lambda: given["password"]
        opened.append(Account(Server(**values)))
        return opened[-1]

    yield make
    for one in opened:
        one.close()


def said(account: "Account") -> str:
    """What is said when nothing can be opened."""
    with pytest.raises(Unreachable) as raised, account.channel():
        pass
    assert why(raised.value).fr != why(raised.value).en
    return str(why(raised.value))


def keygen(path: Path, kind: str, passphrase: str = "", form: str = "RFC4716") -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", passphrase, "-m", form, "-f", path], check=True)
    return path


# --- who lets whom in -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "passphrase", "form"),
    [
        ("ed25519", "", "RFC4716"), ("ed25519", "phrase é", "RFC4716"), ("ecdsa", "phrase", "RFC4716"),
        ("rsa", "", "RFC4716"), ("rsa", "phrase", "PEM"),
    ],
)  # fmt: skip
def test_keys_of_every_kind_enter(
    server: SshServer, account: Opened, tmp_path: Path, kind: str, passphrase: str, form: str
) -> None:
    key = keygen(tmp_path / "key", kind, passphrase, form)
    authorized = server.base / "authorized" / server.served[CODE].our_login
    before = authorized.read_bytes()
    authorized.write_bytes(key.with_suffix(".pub").read_bytes())
    try:
        with account(key_file=key, password=passphrase).channel() as sftp:
            assert sftp.exists(b"in")
    finally:
        authorized.write_bytes(before)


def test_a_passphrase_for_a_key_that_has_none_does_no_harm(account: Opened) -> None:
    with account(password="not needed").channel() as sftp:
        assert sftp.exists(b"in")


def test_our_key_is_refused(server: SshServer, account: Opened) -> None:
    assert said(account(key_file=server.key(CODE))).endswith("refuses our key")


def test_an_account_of_a_password_on_a_server_of_keys(account: Opened) -> None:
    secret = "Very-Secret-7"
    refused = account(key_file=None, password=secret)
    sentence = said(refused)
    assert sentence.endswith("refuses our password")
    assert secret not in sentence + repr(refused.server)


def test_no_way_in_is_no_attempt(server: SshServer, account: Opened) -> None:
    before = len(server.log())
    assert "neither key_file nor password_file" in said(account(key_file=None))
    assert len(server.log()) == before


@pytest.mark.parametrize("content", [b"", b"no key", b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"])
def test_a_private_key_that_is_none(account: Opened, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key").write_bytes(content)
    sentence = said(account(key_file=tmp_path / "key"))
    assert f"the private key {tmp_path / 'key'} cannot be read: no Ed25519" in sentence


def test_a_private_key_that_is_missing_or_locked(account: Opened, tmp_path: Path) -> None:
    assert "No such file" in said(account(key_file=tmp_path / "none"))
    key = keygen(tmp_path / "locked", "ed25519", "phrase")
    for wrong in ("", "other"):
        assert "another passphrase than" in said(account(key_file=key, password=wrong))


def test_another_host_key_is_told_loudly_and_nothing_of_ours_is_shown(
    server: SshServer, account: Opened, tmp_path: Path
) -> None:
    other = keygen(tmp_path / "host", "ed25519").with_suffix(".pub").read_text()
    before = len(server.log())
    sentence = said(account(host_keys=(other,)))
    assert sentence.startswith("DANGER: ")
    shown = subprocess.run(
        ["ssh-keygen", "-lf", server.base / "host_key.pub"], capture_output=True, text=True, check=True
    ).stdout.split()[1]
    assert shown in sentence
    assert "publickey" not in server.log()[before:]


def test_two_host_keys_of_one_kind_are_pinned_while_one_replaces_the_other(
    server: SshServer, account: Opened, tmp_path: Path
) -> None:
    coming = keygen(tmp_path / "host", "ed25519").with_suffix(".pub").read_text()
    rsa = keygen(tmp_path / "rsa", "rsa").with_suffix(".pub").read_text()
    with account(host_keys=(rsa, coming, server.host_key)).channel() as sftp:
        assert sftp.exists(b"in")


@pytest.mark.parametrize("line", ["", "ssh-ed25519", "ssh-ed25519 no,base64", "AAAA"])
def test_a_host_key_that_is_none_is_told(account: Opened, line: str) -> None:
    assert "host_keys in settings.toml" in said(account(host_keys=(line,)))


def test_nobody_listens(account: Opened) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert said(account(port=port)) == (
        f"sftp://{account().server.user}@127.0.0.1:{port} cannot be reached: Connection refused"
    )


def test_no_such_host(account: Opened) -> None:
    assert "cannot be reached" in said(account(host="no-such-host.invalid"))


def listening(answer: bytes) -> socket.socket:
    """A server that says one thing and then nothing."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        link, _ = listener.accept()
        link.sendall(answer)
        time.sleep(10)
        link.close()

    threading.Thread(target=serve, daemon=True).start()
    return listener


def test_a_server_that_says_nothing_has_its_time(account: Opened) -> None:
    with listening(b"") as listener:
        began = time.monotonic()
        assert "has said nothing for 1.5 s" in said(account(port=listener.getsockname()[1], timeout_s=1.5))
        assert time.monotonic() - began < 6


def test_a_server_that_stops_after_its_greeting_has_its_time(account: Opened) -> None:
    with listening(b"SSH-2.0-Silence\r\n") as listener:
        began = time.monotonic()
        assert "has said nothing for 1.5 s" in said(account(port=listener.getsockname()[1], timeout_s=1.5))
        assert time.monotonic() - began < 6


def test_a_server_of_something_else(account: Opened) -> None:
    with listening(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 200) as listener:
        sentence = said(account(port=listener.getsockname()[1], timeout_s=3))
    assert "opens no SSH connection" in sentence
    assert "HTTP" not in sentence


def test_a_server_without_sftp(account: Opened, tmp_path: Path) -> None:
    """An sshd of the user's own whose only service is refused."""
    with SshServer() as other:
        config = other.base / "config"
        kept = [line for line in config.read_text().splitlines() if not line.startswith(("Subsystem", "ForceCommand"))]
        other.stop()
        config.write_text("\n".join(kept[: kept.index(next(k for k in kept if k.startswith("Match")))]))
        other.start()
        served = other.add_user("NOSFTP")
        sentence = said(
            account(
                port=other.port,
                user=served.our_login,
                key_file=served.our_key,
                host_keys=(other.host_key,),
                timeout_s=3,
            )
        )
    assert sentence.endswith("opens no SFTP session")


def test_paramiko_says_nothing_of_its_own(account: Opened, server: SshServer, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), account().channel() as sftp:
        assert list(sftp.listing(b"in")) == []
    said(account(key_file=server.key(CODE)))
    assert caplog.records == []


# --- the pool ---------------------------------------------------------------------------------------------------------


def sessions(server: SshServer) -> int:
    return server.log().count("Accepted publickey for " + server.served[CODE].our_login)


def test_nothing_is_opened_before_it_is_needed_and_one_channel_is_used_again(
    server: SshServer, account: Opened
) -> None:
    before = sessions(server)
    pool = account(connections=3, channels=3)
    assert sessions(server) == before
    for _ in range(5):
        with pool.channel() as sftp:
            assert sftp.exists(b"out")
    assert sessions(server) == before + 1


def test_connections_are_filled_evenly_and_no_more_is_opened_than_allowed(server: SshServer, account: Opened) -> None:
    before = sessions(server)
    pool = account(connections=2, channels=2)
    assert pool.lanes == 4
    inside, most = [0], [0]
    lock, all_in = threading.Lock(), threading.Barrier(4)

    def work(n: int) -> None:
        with pool.channel() as sftp:
            with lock:
                inside[0] += 1
                most[0] = max(most[0], inside[0])
            if n < 4:
                all_in.wait(20)
            assert sftp.exists(b"in")
            with lock:
                inside[0] -= 1

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 4
    assert sessions(server) == before + 2


def test_a_server_that_allows_fewer_channels_than_we_ask_for_still_serves_all(
    server: SshServer, account: Opened
) -> None:
    """`MaxSessions 10` of sshd."""
    pool = account(connections=1, channels=14)
    done = []

    def work() -> None:
        with pool.channel() as sftp:
            time.sleep(0.3)
            done.append(sftp.exists(b"in"))

    threads = [threading.Thread(target=work) for _ in range(14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 14


def test_a_connection_that_died_while_idle_is_replaced(
    server: SshServer, account: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters import sftp_account

    monkeypatch.setattr(sftp_account, "TRUSTED_S", 0)
    pool = account(connections=1, channels=2)
    with pool.channel() as one, pool.channel() as two:
        assert one.exists(b"in")
        assert two.exists(b"in")
    server.cut()
    with pool.channel() as sftp:
        assert sftp.exists(b"in")
    server.stop()
    try:
        assert "cannot be reached" in said(pool)
    finally:
        server.start()
    with pool.channel() as sftp:
        assert sftp.exists(b"in")


def test_what_a_caller_leaves_unread_does_not_reach_the_next(account: Opened, server: SshServer) -> None:
    (server.root(CODE) / "in" / "big").write_bytes(os.urandom(3 << 20))
    os.chmod(server.root(CODE) / "in" / "big", 0o644)
    pool = account(connections=1, channels=1)

    def stop(_part: bytes) -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError), pool.channel() as sftp:
        sftp.read(b"in/big", 3 << 20, 64, stop)
    got = bytearray()
    with pool.channel() as sftp:
        assert sftp.read(b"in/big", 3 << 20, 64, got.extend).size_bytes == 3 << 20
    assert bytes(got) == (server.root(CODE) / "in" / "big").read_bytes()
    (server.root(CODE) / "in" / "big").unlink()


@pytest.mark.parametrize("prefetch", [None, 1, 4])
def test_a_server_that_wants_fewer_requests_in_flight_gets_them(
    account: Opened, server: SshServer, prefetch: int | None
) -> None:
    (server.root(CODE) / "in" / "big").write_bytes(os.urandom(300_001))
    os.chmod(server.root(CODE) / "in" / "big", 0o644)
    pool = account(prefetch=prefetch)
    got = bytearray()
    with pool.channel() as sftp:
        sftp.read(b"in/big", 300_001, pool.in_flight, got.extend)
    assert bytes(got) == (server.root(CODE) / "in" / "big").read_bytes()
    (server.root(CODE) / "in" / "big").unlink()


def test_a_wire_that_went_dead_without_a_word_is_replaced(
    server: SshServer, account: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters import sftp_account

    monkeypatch.setattr(sftp_account, "TRUSTED_S", 0)
    with Relay(server.port) as relay:
        pool = account(port=relay.port, timeout_s=1)
        with pool.channel() as sftp:
            assert sftp.exists(b"in")
        relay.cut(STALL)
        threading.Timer(1.2, relay.mend).start()
        with pool.channel() as sftp:
            assert sftp.exists(b"in")
        assert relay.connections == 2


# --- a link that fails ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [CLOSE, RESET, STALL])
@pytest.mark.parametrize("after_bytes", [0, 10, 1_500, 40_000, 2_000_000])
def test_a_link_that_fails_is_told_in_time_and_the_next_look_reads_all(
    account: Opened, server: SshServer, how: str, after_bytes: int
) -> None:
    path = server.root(CODE) / "in" / "flow"
    path.write_bytes(os.urandom(6 << 20))
    path.chmod(0o644)
    with Relay(server.port) as relay:
        pool = account(port=relay.port, timeout_s=2, connections=1, channels=2)
        if after_bytes >= 40_000:
            with pool.channel() as sftp:  # the link is up; it fails while the file is on its way
                assert sftp.exists(b"in")
        relay.cut(how, after_bytes)
        got = bytearray()
        began = time.monotonic()
        with pytest.raises(Unreachable) as raised, pool.channel() as sftp:
            sftp.read(b"in/flow", 6 << 20, pool.in_flight, got.extend)
        assert time.monotonic() - began < 8
        assert relay.has_failed.is_set()
        assert len(got) < 6 << 20
        if how == STALL:
            assert "has said nothing for 2 s" in str(why(raised.value))
        else:
            assert "was cut" in str(why(raised.value)) or "opens no SSH" in str(why(raised.value))
        relay.mend()
        got.clear()
        with pool.channel() as sftp:
            sftp.read(b"in/flow", 6 << 20, pool.in_flight, got.extend)
    assert bytes(got) == path.read_bytes()
    path.unlink()


def test_a_server_that_is_silent_when_a_session_is_to_begin_is_told_in_time(
    account: Opened, server: SshServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters import sftp_account

    with Relay(server.port) as relay:
        right = sftp_account.Transport.open_session

        def opens(*given: Any, **named: Any) -> object:
            channel = right(*given, **named)
            relay.cut(STALL)
            return channel

        monkeypatch.setattr(sftp_account.Transport, "open_session", opens)
        began = time.monotonic()
        assert "has said nothing for 1 s" in said(account(port=relay.port, timeout_s=1))
        assert time.monotonic() - began < 8


def test_one_stall_ends_all_channels_of_its_connection_and_they_share_one_time_out(
    account: Opened, server: SshServer
) -> None:
    with Relay(server.port) as relay:
        pool = account(port=relay.port, timeout_s=1.5, connections=1, channels=4)
        ready = threading.Barrier(5)
        told: list[str] = []

        def work() -> None:
            try:
                with pool.channel() as sftp:
                    ready.wait(20)
                    ready.wait(20)
                    sftp.exists(b"in")
            except Unreachable as error:
                told.append(str(why(error)))

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        ready.wait(20)
        relay.cut(STALL)
        began = time.monotonic()
        ready.wait(20)
        for thread in threads:
            thread.join()
        assert time.monotonic() - began < 5
        assert len(told) == 4
