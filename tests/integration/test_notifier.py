"""The one notifier against a real HTTP server and a real command: told once, and nothing that is secret is said."""

import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from alert_receivers import Command, Webhook

from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import alerts as rows
from pipeline.adapters.ledger import now_ms
from pipeline.adapters.ledger.alerts import Key
from pipeline.cli.boundary import run as cli
from pipeline.ports import Fault, Said
from pipeline.running.alert import ALERTS, alert, shown_alerts, tell_once, try_notifier
from pipeline.running.home import Home
from pipeline.settings import load

pytestmark = pytest.mark.services
SAID = Said("une phrase", "a sentence")
Make = Callable[..., Home]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make(command=..., webhook=...)`: a home that tells its alerts there."""
    opened: list[Home] = []

    def made(**given: Any) -> Home:
        opened.append(homes.open_home(tmp_path / "home", settings=load(tmp_path / "home", alerts=given)))
        return opened[-1]

    yield made
    for home in opened:
        home.close()


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "ops")


def told(home: Home) -> list[Key]:
    with home.ledger.reading() as db:
        return [one.key for one in rows.every(db, ALERTS)]


# --- what arrives -----------------------------------------------------------------------------------------------------


def test_a_webhook_gets_the_alert_as_json(make: Make) -> None:
    with Webhook() as hook:
        home = make(webhook=hook.url)
        assert alert(home, "quarantine", homes.PARTNER, SAID, "12/")
    assert hook.got == [
        {
            "alert": "quarantine", "subject": homes.PARTNER, "step": "12/", "fr": "une phrase", "en": "a sentence",
            "runbook": "docs/ops/runbooks/quarantine.md", "home": str(home.path), "at": "2026-11-20T11:00:00+00:00",
        }
    ]  # fmt: skip
    ((method, path, headers),) = hook.asked
    assert (method, path, headers["Content-Type"]) == ("POST", "/hook?token=s3cr3t", "application/json; charset=utf-8")
    assert told(home) == [Key("quarantine", homes.PARTNER, "12/")]


def test_a_command_gets_the_same_on_its_input_without_our_variables(
    make: Make, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHORUS_EDI_LEDGER__PASSWORD", "s3cr3t")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", "s3cr3t")
    monkeypatch.setenv("OPS_TEAM", "edi")
    home = make(command=(str(command.path), "--team", "$(id); rm -rf /"))
    assert alert(home, "reconcile-broken", "2026-11-19", Said("deux\nlignes « é »", "two lines"))
    (call,) = command.calls
    assert call["said"]["fr"] == "deux\nlignes « é »"
    assert call["argv"] == ["--team", "$(id); rm -rf /"]  # no shell
    assert call["cwd"] == str(home.path)
    assert call["env"]["OPS_TEAM"] == "edi"
    assert "s3cr3t" not in json.dumps(call)


def test_an_alert_is_told_once_for_each_step(make: Make, command: Command) -> None:
    home = make(command=(str(command.path),))
    steps = ("30", "30", "14", "30", "14", "7")
    assert [alert(home, "age-password", "pes", SAID, step) for step in steps] == [True, False, True, False, False, True]
    assert alert(home, "age-password", "other", SAID, "30")
    assert [said["step"] for said in command.got] == ["30", "14", "7", "30"]


def test_without_a_notifier_an_alert_is_a_row_and_a_log_event(make: Make) -> None:
    home, heard = make(), []
    home.log = lambda event, /, **facts: heard.append((event, facts))
    assert alert(home, "quarantine", homes.PARTNER, SAID)
    assert not alert(home, "quarantine", homes.PARTNER, SAID)
    assert heard == [("alert", {"name": "quarantine", "subject": homes.PARTNER, "step": "", "told": 0})]


def test_the_address_may_stand_in_a_file(make: Make, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    with Webhook() as hook:
        (tmp_path / "home/hook").write_text(f"{hook.url}\n")
        assert alert(make(webhook_file="hook"), "quarantine", homes.PARTNER, SAID)
        assert len(hook.got) == 1


def test_an_address_that_cannot_be_read_is_a_fault_and_the_alert_stays_untold(make: Make) -> None:
    home = make(webhook_file="nowhere")
    with pytest.raises(Fault, match="nowhere"):
        alert(home, "quarantine", homes.PARTNER, SAID)
    assert told(home) == []


# --- who does not take it ---------------------------------------------------------------------------------------------


def test_an_alert_that_nobody_took_is_told_again(make: Make, command: Command) -> None:
    home = make(command=(str(command.path),))
    command.ends_with(7)
    for _ in range(2):
        with pytest.raises(Fault) as raised:
            alert(home, "quarantine", homes.PARTNER, SAID)
        assert raised.value.in_words() == (
            "quarantine : la commande d'alerte a fini par le code 7 ; vérifier [alerts] command dans settings.toml ; "
            "l'alerte sera redite"
        )
        assert "secret" not in str(raised.value)
    assert told(home) == []
    command.ends_with(0)
    assert alert(home, "quarantine", homes.PARTNER, SAID)
    assert not alert(home, "quarantine", homes.PARTNER, SAID)
    assert len(command.got) == 3


@pytest.mark.parametrize("answer", [301, 302, 307, 308, 404, 500, 503])
def test_a_webhook_that_does_not_say_yes_did_not_take_it(make: Make, answer: int) -> None:
    with Webhook() as other, Webhook(answer, location=other.url) as hook:
        home = make(webhook=hook.url)
        with pytest.raises(Fault) as raised:
            alert(home, "quarantine", homes.PARTNER, SAID)
        assert f"le webhook a répondu {answer}" in raised.value.in_words()
        assert "s3cr3t" not in f"{raised.value}{raised.value.in_words()}"
        assert other.asked == []  # a redirect is followed nowhere
    assert told(home) == []


def test_a_server_that_is_away_is_named_without_its_address(make: Make) -> None:
    with Webhook() as hook:
        address = hook.url
    with pytest.raises(Fault) as raised:
        alert(make(webhook=address), "quarantine", homes.PARTNER, SAID)
    assert "le webhook ne répond pas" in raised.value.in_words()
    assert "s3cr3t" not in f"{raised.value}{raised.value.in_words()}"
    assert "127.0.0.1" not in f"{raised.value}"


@pytest.mark.parametrize(
    "address",
    [
        "http://alerts.example/s3cr3t", "http://127.0.0.1.example/s3cr3t", "http://localhost@alerts.example/s3cr3t",
        "file:///etc/s3cr3t", "ftp://127.0.0.1/s3cr3t", "s3cr3t", "https:///s3cr3t", "http://[::1/s3cr3t",
    ],
)  # fmt: skip
def test_an_address_that_would_tell_others_is_refused(make: Make, address: str) -> None:
    with pytest.raises(Fault) as raised:
        alert(make(webhook=address), "quarantine", homes.PARTNER, SAID)
    assert "ni https ni http sur cette machine" in raised.value.in_words()
    assert "s3cr3t" not in str(raised.value)


def test_an_address_with_a_line_end_cannot_forge_a_header(make: Make) -> None:
    with Webhook() as hook:
        home = make(webhook=hook.url.replace("/hook", "/hook HTTP/1.1\r\nX-Forged: 1\r\n"))
        with pytest.raises(Fault) as raised:
            alert(home, "quarantine", homes.PARTNER, SAID)
        assert "s3cr3t" not in str(raised.value)
        assert not any("X-Forged" in headers for _, _, headers in hook.asked)


def test_a_webhook_that_hangs_keeps_us_for_its_time_only(make: Make) -> None:
    with Webhook(slow_s=60) as hook:
        home = make(webhook=hook.url, timeout_s=1)
        with pytest.raises(Fault, match=r"did not end within 1 s|does not answer"):
            alert(home, "quarantine", homes.PARTNER, SAID)
    assert told(home) == []


def test_a_command_that_hangs_ends_with_its_time(make: Make, command: Command) -> None:
    command.sleeps()
    with pytest.raises(Fault) as raised:
        alert(make(command=(str(command.path),), timeout_s=2), "quarantine", homes.PARTNER, SAID)
    assert "la commande d'alerte n'a pas fini en 2 s" in raised.value.in_words()
    assert command.is_gone()


@pytest.mark.parametrize(("path", "why"), [("nowhere/page-ops", "introuvable"), ("ops/page-ops", "accès refusé")])
def test_a_command_that_does_not_start_says_why(
    make: Make, tmp_path: Path, command: Command, path: str, why: str
) -> None:
    command.path.chmod(0o600)
    with pytest.raises(Fault) as raised:
        alert(make(command=(str(tmp_path / path),)), "quarantine", homes.PARTNER, SAID)
    assert "la commande d'alerte ne démarre pas" in raised.value.in_words()
    assert why in raised.value.in_words()


def test_one_of_two_channels_is_enough_and_the_other_is_a_fault(make: Make, command: Command) -> None:
    with Webhook(503) as hook:
        home = make(command=(str(command.path),), webhook=hook.url)
        first = tell_once(home, "quarantine", homes.PARTNER, SAID)
        assert first.is_told
        assert ["503" in fault.en for fault in first.faults] == [True]
        assert not tell_once(home, "quarantine", homes.PARTNER, SAID).is_told
        assert alert(home, "quarantine", homes.OTHER, SAID)
    assert (len(command.got), len(hook.got)) == (2, 2)


def test_https_is_asked_only_where_its_certificate_holds(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, chain = own_certificate(tmp_path)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(chain, key)
    with Webhook(tls=tls) as hook:
        home = make(webhook=hook.url)
        with pytest.raises(Fault, match="the webhook does not answer"):
            alert(home, "quarantine", homes.PARTNER, SAID)
        assert hook.got == []
        monkeypatch.setenv("SSL_CERT_FILE", str(chain))
        assert alert(home, "quarantine", homes.PARTNER, SAID)
        assert len(hook.got) == 1


def own_certificate(folder: Path) -> tuple[Path, Path]:
    """(key, certificate) of 127.0.0.1, signed by itself."""
    pytest.importorskip("cryptography", reason="certificates are made with the library that chorus-edi[sftp] brings")
    from ipaddress import ip_address

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    private, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(private.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=True)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    key, chain = folder / "key.pem", folder / "chain.pem"
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    chain.write_bytes(made.sign(private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
    return key, chain


# --- several at once, and those who die -------------------------------------------------------------------------------


def check_that_ten_workers_tell_once(several: list[Home], command: Command) -> None:
    told_by: list[bool] = []
    ready = threading.Barrier(len(several))

    def tell(home: Home) -> None:
        ready.wait()
        told_by.append(alert(home, "quarantine", homes.PARTNER, SAID))

    threads = [threading.Thread(target=tell, args=(home,)) for home in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(told_by) == [False] * (len(several) - 1) + [True]
    assert len(command.got) == 1


def test_ten_workers_tell_one_alert_once(make: Make, command: Command) -> None:
    check_that_ten_workers_tell_once([make(command=(str(command.path),)) for _ in range(10)], command)


def taken_and_left(home: Home, *, ago_ms: int) -> None:
    """A worker took the alert some time ago, for 50 s, and died."""
    key = Key("quarantine", homes.PARTNER, "")
    assert home.ledger.write(lambda db: rows.take(db, key, "dead", now_ms(db) - ago_ms, 50_000))


def check_what_a_dead_worker_took(home: Home, command: Command) -> None:
    taken_and_left(home, ago_ms=0)
    assert not alert(home, "quarantine", homes.PARTNER, SAID)  # it may be telling it now
    assert command.got == []
    assert told(home) == []  # taken is not told
    with home.ledger.writing() as db:
        rows.give_back(db, Key("quarantine", homes.PARTNER, ""))
    taken_and_left(home, ago_ms=60_000)
    assert alert(home, "quarantine", homes.PARTNER, SAID)
    assert not alert(home, "quarantine", homes.PARTNER, SAID)
    assert len(command.got) == 1
    assert told(home) == [Key("quarantine", homes.PARTNER, "")]


def test_what_a_dead_worker_took_is_told_when_its_time_is_over(make: Make, command: Command) -> None:
    check_what_a_dead_worker_took(make(command=(str(command.path),)), command)


def test_it_is_the_same_on_postgresql(tmp_path: Path, database: Any, command: Command) -> None:
    given = {"alerts": {"command": (str(command.path),)}, "ledger": {"url": database.url}}
    with ExitStack() as open_homes:
        several = [
            open_homes.enter_context(homes.open_home(path, settings=load(path, **given)))
            for path in (tmp_path / f"machine{number}" for number in range(10))
        ]
        check_that_ten_workers_tell_once(several, command)
        with several[0].ledger.writing() as db:
            rows.clear(db, told(several[0]))
        (command.folder / "got").unlink()
        check_what_a_dead_worker_took(several[0], command)


def test_a_commit_whose_answer_was_lost_does_not_lose_the_alert(make: Make) -> None:
    """The unit runs again after its COMMIT was done: the row is there, and it is ours."""
    home, key = make(), Key("quarantine", homes.PARTNER, "")
    for _ in range(2):
        assert home.ledger.write(lambda db: rows.take(db, key, "me", now_ms(db), 50_000))
    assert not home.ledger.write(lambda db: rows.take(db, key, "somebody else", now_ms(db), 50_000))


def test_a_name_that_has_no_runbook_is_no_alert(make: Make) -> None:
    with pytest.raises(ValueError, match="no alert is called"):
        alert(make(), "quarantaine", homes.PARTNER, SAID)


# --- the command line -------------------------------------------------------------------------------------------------


def test_alerts_lists_what_holds_and_what_was_told_of_late(make: Make, capsys: pytest.CaptureFixture[str]) -> None:
    home, now = make(), datetime.now(UTC).replace(microsecond=0)  # the command has the clock of the machine
    home.clock = FixedClock(now - timedelta(days=8))
    alert(home, "age-password", "pes", SAID, "2026-12-01/30")
    alert(home, "deadline-missed", "edi_intake", SAID, "2026-11-20T12")
    home.clock = FixedClock(now)
    alert(home, "age-password", "pes", SAID, "2026-12-01/14")
    assert [(one.key.name, one.key.step) for one in shown_alerts(home)] == [("age-password", "2026-12-01/14")]
    home.close()
    assert cli(["alerts", "--home", str(home.path)]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 3
    assert out.splitlines()[2].split()[2:] == ["age-password", "pes", "docs/ops/runbooks/age-password.md"]
    assert cli(["alerts", "--home", str(home.path), "--format", "json"]) == 0
    (row,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (row["name"], row["at"]) == ("age-password", now.isoformat())
    assert cli(["status", "--home", str(home.path)]) == 0
    assert "alertes : 1 ; chorus-edi alerts les nomme" in capsys.readouterr().out


def test_a_test_goes_through_the_notifier_and_leaves_no_row(
    make: Make, command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    home = make(command=(str(command.path),))
    assert try_notifier(home).took == 1
    assert (command.got[0]["alert"], command.got[0]["runbook"]) == ("test", "docs/ops/alerts.md")
    assert told(home) == []
    (home.path / "settings.toml").write_text(f'[alerts]\ncommand = ["{command.path}"]\n')
    home.close()
    typed = ["alerts", "--test", "--home", str(home.path)]
    assert cli(typed) == 0
    assert "essai envoyé" in capsys.readouterr().out
    command.ends_with(1)
    assert cli(typed) == 3
    assert "la commande d'alerte a fini par le code 1" in capsys.readouterr().err
    (home.path / "settings.toml").write_text("")
    assert cli(typed) == 0
    assert "ni commande ni webhook" in capsys.readouterr().out
