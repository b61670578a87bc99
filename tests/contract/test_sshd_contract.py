"""What a production sshd keeps, with the directives of docs/ops/sftp.md: who comes in, and what he may touch."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from services.sshd import SshServer

A, B = "SSHDA1", "SSHDB2"


@pytest.fixture(scope="module")
def server(sshd: SshServer) -> SshServer:
    for code in (A, B):
        sshd.add_user(code)
    return sshd


def run(argv: list[str], *commands: str) -> subprocess.CompletedProcess[str]:
    words = "\n".join((*commands, ""))
    return subprocess.run(argv, input=words, capture_output=True, text=True, timeout=60, check=False)


def refused(server: SshServer, *commands: str) -> str:
    done = run(server.sftp_command(A), *commands)
    assert done.returncode != 0, done.stdout
    return done.stdout + done.stderr


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    path = tmp_path / "flow"
    path.write_bytes(os.urandom(300_000))
    return path


def test_a_partner_drops_with_its_own_key_what_it_sent(server: SshServer, flow: Path) -> None:
    server.sftp(A, f"put {flow} in/.flow.part", "rename in/.flow.part in/flow")
    dropped = server.root(A) / "in" / "flow"
    assert hashlib.sha256(dropped.read_bytes()).digest() == hashlib.sha256(flow.read_bytes()).digest()
    assert dropped.stat().st_mode & 0o007 == 0


def test_the_key_of_another_partner_is_refused(server: SshServer) -> None:
    done = run(server.sftp_command(A, key=server.key(B)), "ls in")
    assert done.returncode != 0
    assert "Failed publickey for " + server.login(A) in server.log()


def test_there_is_no_shell_and_no_forwarding(server: SshServer) -> None:
    done = run(server.ssh_command(A, "id"))
    assert done.returncode != 0
    assert "sftp connections only" in done.stdout
    tunnel = server.ssh_command(A)
    tunnel[1:1] = ["-W", f"127.0.0.1:{server.port}"]
    assert run(tunnel).returncode != 0


def test_an_unknown_host_key_sends_the_client_away(server: SshServer, tmp_path: Path) -> None:
    other = tmp_path / "known_hosts"
    key = (server.base / "authorized" / server.login(B)).read_text().split()[1]
    other.write_text(f"drop.test ssh-ed25519 {key}\n")
    argv = [word.replace(f"{server.base}/known_hosts", str(other)) for word in server.sftp_command(A) if word != "-q"]
    done = run(argv, "ls in")
    assert done.returncode != 0
    assert "Host key verification failed" in done.stderr


@pytest.mark.parametrize("place", ["", "out/", "work/", "in/../", "../"])
def test_writing_outside_in_is_refused(server: SshServer, flow: Path, place: str) -> None:
    assert "denied" in refused(server, f"put {flow} {place}elsewhere").lower()


def test_out_is_read_and_not_written(server: SshServer, tmp_path: Path) -> None:
    answer = server.root(A) / "out" / "R.xml"
    answer.write_bytes(b"answer")
    answer.chmod(0o640)
    os.chown(answer, 0, (server.root(A) / "out").stat().st_gid)
    server.sftp(A, f"get out/R.xml {tmp_path}/R.xml")
    assert (tmp_path / "R.xml").read_bytes() == b"answer"
    for command in (
        "rm out/R.xml",
        "rename out/R.xml in/R.xml",
        f"put {tmp_path}/R.xml out/R.xml",
        "chmod 777 out/R.xml",
    ):
        refused(server, command)
    assert answer.read_bytes() == b"answer"


def test_what_we_have_claimed_is_closed_to_the_partner(server: SshServer) -> None:
    (server.root(A) / "work" / "claimed").write_bytes(b"x")
    refused(server, "ls work")
    refused(server, "get work/claimed /dev/null")


def test_another_partner_and_the_machine_are_out_of_sight(server: SshServer) -> None:
    secret = server.root(B) / "in" / "theirs"
    secret.write_bytes(b"secret")
    for path in (f"/../{server.root(B).name}/in/theirs", str(secret), "../../etc/passwd", "/../../etc/passwd"):
        assert "not found" in refused(server, f"get {path} /dev/null")


def test_links_of_both_kinds_are_refused(server: SshServer, flow: Path) -> None:
    server.sftp(A, f"put {flow} in/linked")
    refused(server, "symlink /etc/passwd in/soft")
    refused(server, "ln in/linked in/hard")
    assert not [p for p in (server.root(A) / "in").iterdir() if p.name in {"soft", "hard"}]


def test_nobody_listens_outside_this_machine(server: SshServer) -> None:
    assert server._process is not None
    inodes = {os.readlink(p) for p in Path(f"/proc/{server._process.pid}/fd").iterdir() if p.is_symlink()}
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in inodes:
                assert words[1].startswith("0100007F:"), words[1]
