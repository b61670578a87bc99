"""`serve-sftp` as it is typed: what stops it at its start, and whom it lets in. Its service: the integration tests."""

import socket
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest
from conftest import Command

from pipeline import runner
from pipeline.adapters.ledger.rows import Partner
from pipeline.adapters.sftp_keys import partner_keys
from pipeline.adapters.sftp_visit import Happened
from pipeline.cli import serve
from pipeline.ports import Said, Seen
from pipeline.running.log import silent
from pipeline.settings import load


@pytest.fixture
def home(tmp_path: Path) -> Path:
    with runner.open_home(tmp_path / "home") as opened:
        runner.add_partner(opened, Partner("ABC001"))
    return tmp_path / "home"


def test_the_help_says_why_it_stays_on_this_machine(cli: Command) -> None:
    said = cli("serve-sftp", "--help")
    assert said.code == 0
    assert "127.0.0.1" in said.out
    assert "OpenSSH" in said.out


def test_a_port_that_is_in_use_is_one_sentence(cli: Command, home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = cli("serve-sftp", "--home", home, "--port", port)
    assert (said.code, said.out) == (3, "")
    assert said.err == f"chorus-edi : le port {port} est déjà pris sur 127.0.0.1 ; en choisir un autre avec --port\n"


@pytest.mark.parametrize("port", ["70000", "-1", "ssh"])
def test_a_port_that_is_none_is_a_slip(cli: Command, home: Path, port: str) -> None:
    assert cli("serve-sftp", "--home", home, "--port", port).code == 2


def test_a_home_that_is_not_there_is_not_made(cli: Command, tmp_path: Path) -> None:
    said = cli("serve-sftp", "--home", tmp_path / "none")
    assert said.code == 3
    assert "pas de dossier de travail ici" in said.err
    assert not (tmp_path / "none").exists()


def test_without_the_library_the_command_says_what_to_install(
    cli: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.startswith("pipeline.adapters.sftp_")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "asyncssh", None)
    said = cli("serve-sftp", "--home", home)
    assert (said.code, said.err) == (
        3,
        "chorus-edi : serve-sftp a besoin d'asyncssh ; pip install 'chorus-edi[sftp]'\n",
    )


@pytest.mark.parametrize(
    ("content", "mode", "sentence"),
    [
        (
            b"no key",
            0o600,
            "n'est pas utilisable : aucune clé privée ; la déplacer : une nouvelle est faite au démarrage",
        ),
        (b"no key", 0o644, "est lisible par d'autres que son propriétaire ; chmod 600"),
        (None, 0o700, "n'est pas utilisable : "),
    ],
    ids=["no key", "open to others", "a folder"],
)
def test_a_host_key_that_cannot_be_used_stops_it(
    cli: Command, home: Path, content: bytes | None, mode: int, sentence: str
) -> None:
    path = home / "ssh" / "host_key"
    path.parent.mkdir()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    path.chmod(mode)
    said = cli("serve-sftp", "--home", home, "--port", "0")
    assert (said.code, said.out) == (3, "")
    assert sentence in said.err
    assert cli("serve-sftp", "--home", home, "--port", "0").code == 3  # and not because of a lock left behind


def test_a_link_in_the_place_of_a_partners_keys_opens_nothing(home: Path, tmp_path: Path) -> None:
    keys = home / "ssh" / "keys"
    keys.mkdir(parents=True)
    (tmp_path / "elsewhere").write_text("ssh-ed25519 AAAA")
    (keys / "ABC001").symlink_to(tmp_path / "elsewhere")
    found = partner_keys(home / "ssh", "ABC001")
    assert found.keys == ()
    assert found.trouble is not None
    assert partner_keys(home / "ssh", "DEF002") == type(found)()


TODAY = date.today()  # noqa: DTZ011 - Paris or not, a day more or less


@pytest.mark.parametrize(
    ("until", "is_served"),
    [(None, True), (TODAY + timedelta(days=2), True), (TODAY - timedelta(days=2), False)],
)
def test_who_may_drop_may_enter(tmp_path: Path, until: date | None, is_served: bool) -> None:
    assert serve._is_served(Partner("ABC001", until=until), load(tmp_path)) is is_served


@pytest.mark.parametrize(("inbox", "is_served"), [("in", False), ("", True)])
def test_who_is_fetched_from_elsewhere_does_not_drop_here(tmp_path: Path, inbox: str, is_served: bool) -> None:
    """Nobody would take its files from a folder of ours."""
    remote = {"host": "sftp.example", "user": "edi", "host_keys": ("ssh-ed25519 AAAA",), "inbox": inbox}
    settings = load(tmp_path, remotes={"ABC001": remote})
    assert serve._is_served(Partner("ABC001"), settings) is is_served
    assert serve._is_served(Partner("DEF002"), settings)


def test_what_happens_is_one_line_with_a_digest_for_a_name(capsys: pytest.CaptureFixture[str]) -> None:
    tell = serve._teller(silent)
    tell(Happened("put", "ABC001", 3, 12, b"FSO1100A_secret"))
    tell(Happened("refuse", "", 4, said=Said("accès\x1b[31m refusé", "")))
    claimed = Seen(b"FSO1100A_secret", 12, 0, 0)  # under the same digest it lies in work/
    put, refused = (line.split("  ")[1:] for line in capsys.readouterr().out.splitlines())
    assert put == ["ABC001", "n° 3", "déposé", "12 octets", f"nom {claimed.key.partition('-')[0]}"]
    assert refused == ["------", "n° 4", "connexion refusée", "accès\\u001b[31m refusé"]
