"""Secrets and personal data are planted, and everything that a run leaves behind is searched for them (invariant 18).

Secrets: keys of the store, the password of the ledger, passwords and passphrases of SFTP accounts, an address of the
notifier with a token, passwords of Airflow. Personal data: what stands in an invoice of a sole trader.
"""

import base64
import json
import logging
import os
import re
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import change_files
import homes
import pytest
from alert_receivers import Webhook
from change_files import Act, Entry
from services.postgres import Database, PostgresServer
from services.s3 import S3Server
from services.sshd import SshServer
from sqlalchemy import LargeBinary, Text, select

from pipeline import actions, judge, runner, settings
from pipeline.adapters import airflow_metadata, read_pool
from pipeline.adapters.child_environment import without_secrets
from pipeline.adapters.ledger import Ledger
from pipeline.adapters.ledger.tables import metadata
from pipeline.cli.boundary import run as cli
from pipeline.ports import Fault, Said
from pipeline.running import log
from pipeline.running.home import Home

NAME, EMAIL, PHONE = "Jeanne-Plantee Quelconque", "jeanne.plantee@exemple.fr", "+33 6 98 76 54 32"
IBAN, WRONG_IBAN = "FR7630006000011234567890189", "FR7630006000011234567890188"
NOTE, ATTACHED = "Intervention planifiee chez Mme Plantee", "texte-plante-de-la-piece-jointe"
PERSONAL = {
    "name": NAME, "e-mail": EMAIL, "telephone": PHONE, "IBAN": IBAN, "wrong IBAN": WRONG_IBAN, "note": NOTE,
    "attachment": ATTACHED, "attachment, packed": base64.b64encode(ATTACHED.encode()).decode(),
}  # fmt: skip
# where what an invoice says may stand: the flow as it came, what is sent, and what the ledger keeps to find it again
MAY_HOLD_AN_INVOICE = ("store/", "drop/", "recipients/", "ledger.sqlite")
COLUMNS = {
    "name": {
        "invoices.supplier_name", "invoices.recipient_name", "findings.value", "findings.facts", "shadows.verdict",
        "shadows.difference",
    },
}  # fmt: skip


def invoice(number: str, *, iban: str = IBAN, **more: str) -> bytes:
    """An invoice of a sole trader, with all that is nobody's business."""
    document = homes.ubl(number, **more).decode()
    contact = (
        f"<cac:Contact><cbc:Name>{NAME}</cbc:Name><cbc:Telephone>{PHONE}</cbc:Telephone>"
        f"<cbc:ElectronicMail>{EMAIL}</cbc:ElectronicMail></cac:Contact></cac:Party></cac:AccountingSupplierParty>"
    )
    attached = (
        "<cac:AdditionalDocumentReference><cbc:ID>1</cbc:ID><cac:Attachment><cbc:EmbeddedDocumentBinaryObject "
        f'mimeCode="text/plain" filename="note.txt">{PERSONAL["attachment, packed"]}'
        "</cbc:EmbeddedDocumentBinaryObject></cac:Attachment></cac:AdditionalDocumentReference>"
    )
    document = document.replace("</cac:Party></cac:AccountingSupplierParty>", contact)
    document = document.replace("<cbc:Name>Fournisseur</cbc:Name>", f"<cbc:Name>{NAME}</cbc:Name>")
    document = document.replace("<cac:AccountingSupplierParty>", f"{attached}<cac:AccountingSupplierParty>", 1)
    document = document.replace("</cbc:InvoiceTypeCode>", f"</cbc:InvoiceTypeCode><cbc:Note>{NOTE}</cbc:Note>")
    return document.replace(IBAN, iban).encode()


def drop_all(home: Home) -> None:
    """Flows of every outcome."""
    homes.drop(home, homes.flow_name(1), invoice("P-1"))
    homes.drop(home, homes.flow_name(2), invoice("P-2", iban=WRONG_IBAN))
    homes.drop(home, homes.flow_name(3), homes.archive([("a.xml", invoice("P-3")), ("b.xml", invoice("P-1"))]))
    homes.drop(home, homes.flow_name(4), invoice("P-4").replace(b"<cbc:ID>P-4", b"<cbc:ID>P-4<x/>"))
    homes.drop(home, homes.flow_name(5), invoice("P-5")[:900])
    homes.drop(home, homes.flow_name(6), invoice("P-6", supplier="99999999900017"))
    homes.drop(home, homes.flow_name(7), invoice("P-7", recipient=homes.STATE, service="SFACETAT", order="1234567890"))


def found(told: bytes | str, planted: dict[str, str]) -> list[str]:
    """Which of the planted texts stand there, by their names."""
    raw = told.encode(errors="surrogateescape") if isinstance(told, str) else told
    return [
        name
        for name, text in planted.items()
        if text.encode() in raw or json.dumps(text)[1:-1].encode() in raw or base64.b64encode(text.encode()) in raw
    ]


def files(folder: Path, *but: str) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink() and not name.startswith(but):
            yield name, name.encode() + b"\n" + path.read_bytes()


def columns_holding(ledger: Ledger, text: str) -> set[str]:
    """Every column of text in which it stands."""
    held: set[str] = set()
    with ledger.reading() as db:
        for table in metadata.sorted_tables:
            texts = [c for c in table.columns if isinstance(c.type, Text | LargeBinary)]
            for row in db.execute(select(*texts)) if texts else ():
                for column, value in zip(texts, row, strict=True):
                    told = bytes(value).decode("utf-8", "replace") if isinstance(value, bytes | memoryview) else value
                    if told and (text in told or json.dumps(text)[1:-1] in told):
                        held.add(f"{table.name}.{column.name}")
    return held


# --- invoices ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What goes into the log."""

    class Told:
        written: list[str] = []

        def write(self, text: str) -> int:
            self.written.append(text)
            return len(text)

        def flush(self) -> None: ...

    told = Told()
    told.written = []
    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    monkeypatch.setattr(log, "sys", type("Sys", (), {"stderr": told}))
    return told.written


def test_what_an_invoice_says_stands_only_where_it_must(
    tmp_path: Path, reader: tuple[str, ...], lines: list[str], capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        runner.commitments_unavailable(home)
        drop_all(home)
        summary = runner.run(home)
        assert summary.flows.total() == 7
        assert {"IN_INTEGRE", "IN_REJETE", "IN_EN_ATTENTE_TRAITEMENT_CPP"} <= set(summary.flows)
        with monkeypatch.context() as broken:  # a bug whose text quotes the invoice

            def wrong(read: Any, *_: object) -> object:
                raise KeyError(read.invoices[0].supplier.name)

            broken.setattr(judge, "decide", wrong)
            homes.drop(home, homes.flow_name(8), invoice("P-8"))
            met = runner.run(home)
            assert met.waiting == 1
        told = [said.fr + said.en for said in (*summary.faults, *summary.notices, *met.faults, *met.notices)]
        assert "KeyError (test_secrets.py:" in "".join(told)
        for name, text in PERSONAL.items():
            assert columns_holding(home.ledger, text) <= COLUMNS.get(name, set()), name
        assert columns_holding(home.ledger, NAME) >= {"invoices.supplier_name"}  # the search does find what is there
    out, err = capfd.readouterr()
    for what in ("\n".join(told), "".join(lines), out, err, caplog.text):
        assert found(what, PERSONAL) == []
    assert '"event": "judge"' in "".join(lines)
    kept = list(files(tmp_path / "home", "annuaire/", *MAY_HOLD_AN_INVOICE))
    assert [(name, found(content, PERSONAL)) for name, content in kept if found(content, PERSONAL)] == []
    assert not list((tmp_path / "home" / "workers").rglob("*.pivot"))


# what people write beside a status or an action is kept with it, and told to whom it concerns
SAID = {"e-mail": EMAIL, "telephone": PHONE, "note": NOTE}
SAID_COLUMNS = {"transitions.comment", "events.comment", "handled.comment", "handled.reason", "changes.mandate"}


def test_what_a_file_of_changes_says_stands_only_where_it_must(
    tmp_path: Path, reader: tuple[str, ...], lines: list[str], capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    said = f"{NOTE}, {EMAIL}, {PHONE}"
    at = homes.NOON
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        runner.add_partner(home, homes.partner(flows=("FSO1100A", change_files.ACTION)), replace=True)
        runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
        homes.drop(home, homes.flow_name(1), homes.archive((f"{n}.xml", homes.ubl(f"P-{n}")) for n in range(4)))
        assert runner.run(home).faults == []
        told = [
            Entry.sound(f"P-{n}", status, at, comment=said, mandate=EMAIL)
            for n, status in ((0, 4), (1, 5), (2, 6), (3, 8))
        ]
        wrong = [Entry(f"P-{NOTE}", 7, at, comment=said), Entry("P-3", 20, at, comment=said), Entry("P-3", EMAIL, at)]
        homes.drop(home, change_files.status_flow(1), change_files.status_file([*told, *wrong]), homes.RECEIVER)
        assert runner.run(home).faults == []
        acts = [
            Act("recycle", "P-0", recipient=homes.NEEDS_BOTH, service="SERV_OBL", commitment="EJ-1", comment=said),
            Act("handle-reject", "P-1", reason=said, comment=said), Act("complete", "P-2", comment=said),
            Act("complete", f"P-{NOTE}", comment=said), Act("recycle", "P-3", service=NOTE),
        ]  # fmt: skip
        homes.drop(home, change_files.action_flow(1), change_files.action_csv(acts))
        with monkeypatch.context() as broken:  # a bug whose text quotes the file

            def wrongly(read: Any, *_: object) -> object:
                raise KeyError(read.actions[0].comment.text)

            broken.setattr(actions, "decide", wrongly)
            met = runner.run(home)
            assert met.waiting == 1
        summary = runner.run(home)
        assert summary.faults == []
        assert summary.changes["applied"] == 3
        sentences = [one.fr + one.en for one in (*summary.notices, *met.faults, *met.notices)]
        assert "KeyError (test_secrets.py:" in "".join(sentences)
        for text in SAID.values():
            assert columns_holding(home.ledger, text) <= SAID_COLUMNS | {"findings.value", "findings.facts"}
        assert columns_holding(home.ledger, NOTE) >= {"transitions.comment", "handled.comment", "events.comment"}
        assert [line for line in runner.verify(home) if not line.ok] == []
    out, err = capfd.readouterr()
    for what in ("\n".join(sentences), "".join(lines), out, err, caplog.text):
        assert found(what, SAID) == []
    assert '"event": "intake"' in "".join(lines)
    kept = list(files(tmp_path / "home", "annuaire/", *MAY_HOLD_AN_INVOICE))
    assert [(name, found(content, SAID)) for name, content in kept if found(content, SAID)] == []
    assert not list((tmp_path / "home" / "workers").rglob("*.pivot"))


def test_a_killed_worker_leaves_what_it_read_to_be_removed(tmp_path: Path, reader: tuple[str, ...]) -> None:
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        dead = home.path / "workers" / ("0" * 32)
        dead.mkdir()
        (dead / "1.pivot").write_bytes(invoice("P-1"))
        (home.path / "workers" / f"{dead.name}.lock").touch()
        runner.run(home)
        assert not dead.exists()


def test_an_answer_of_a_reader_that_is_none_is_not_quoted() -> None:
    with pytest.raises(ValueError, match="validation error") as raised:
        read_pool._ANSWER.validate_json(json.dumps({"read": {"invoices": [{"number": NAME, "rank": EMAIL}]}}))
    assert found("".join(traceback.format_exception(raised.value)), PERSONAL) == []


# --- secrets ----------------------------------------------------------------------------------------------------------

SECRETS = {
    "s3 access": "AKIAPLANTEDACCESS01", "s3 secret": "planted-S3-secret/+key==", "ledger": "planted-ledger-passw0rd",
    "sftp password": "planted-sftp-passw0rd", "passphrase": "planted-passphrase-1", "token": "planted-webhook-token",
    "airflow": "planted-airflow-passw0rd",
}  # fmt: skip


def written_down(error: BaseException) -> str:
    """All that could ever be printed of an exception, what stands behind it included."""
    seen, told = error, []
    while seen is not None:
        told += [repr(seen), str(seen), repr(seen.args)]
        seen = seen.__cause__ or seen.__context__  # type: ignore[assignment]
    return "\n".join((*told, *traceback.format_exception(error)))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A home whose secrets lie in files."""
    home = tmp_path / "home"
    (home / "secrets").mkdir(parents=True)
    for name, secret in SECRETS.items():
        (home / "secrets" / name.replace(" ", "-")).write_text(secret + "\n")
    return home


def provoked(given: settings.Settings, home: Path) -> str:
    """What is said where this home cannot be opened."""
    with pytest.raises((Fault, OSError)) as raised:
        runner.open_home(home, given).close()
    return written_down(raised.value)


@pytest.mark.services
def test_no_refusal_of_a_server_quotes_what_we_showed_it(
    place: Path, postgres: PostgresServer, s3_server: S3Server, sshd: SshServer, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str], reader: tuple[str, ...],
) -> None:  # fmt: skip
    caplog.set_level(logging.INFO)
    told: list[str] = []

    # the ledger: a wrong password, in a file and in the address; an address that cannot be read
    at = f"127.0.0.1:{postgres.port}/postgres"
    told.append(
        provoked(
            settings.load(
                place, ledger={"url": f"postgresql://{postgres.user}@{at}", "password_file": "secrets/ledger"}
            ),
            place,
        )
    )
    told += [
        provoked(settings.load(place, ledger={"url": url}), place)
        for url in (
            f"postgresql://{postgres.user}:{SECRETS['ledger']}@{at}",
            f"postgresql://edi:{SECRETS['ledger']}@host:{SECRETS['ledger']}/x",
        )
    ]

    # the store: a key that it does not know, a secret that is wrong
    bucket = s3_server.make_bucket("planted")
    for access, secret in (
        ({"access_key_file": "secrets/s3-access"}, {"secret_key_file": "secrets/s3-secret"}),
        ({"access_key": s3_server.access_key}, {"secret_key_file": "secrets/s3-secret"}),
    ):
        wrong = {"bucket": bucket, "endpoint": s3_server.endpoint, **access, **secret}
        told.append(provoked(settings.load(place, s3=wrong), place))

    # SFTP: a key that is refused, one that is locked by another passphrase, a password that is refused
    sshd.add_user("SEC001")
    locked = place / "secrets" / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "another one", "-f", locked], check=True)
    refused = sshd.key("SEC001")  # the partner's, not ours
    for way_in in (
        {"key_file": str(refused)}, {"key_file": str(locked), "password_file": "secrets/passphrase"},
        {"key_file": None, "password_file": "secrets/sftp-password"},
    ):  # fmt: skip
        remote = sshd.remote("SEC001", timeout_s=10, **way_in)
        given = settings.load(place, ours="CPP001", remotes={homes.PARTNER: remote})
        with homes.open_home(place, settings=given, reader=reader) as home:
            if not home.partners():
                runner.add_partner(home, homes.partner())
            summary = runner.run(home)
            assert len(summary.faults) >= 1
            told += [said.fr + said.en for said in summary.faults]
            drop = home.drop(homes.PARTNER)
            with pytest.raises(OSError, match=r".") as raised:
                drop.scan()
            told.append(written_down(raised.value) + repr(drop) + repr(home.accounts) + repr(given))

    # Airflow's own database
    for url in (
        f"postgresql://airflow:{SECRETS['airflow']}@127.0.0.1:1/airflow",
        f"postgresql://a:{SECRETS['airflow']}@b:{SECRETS['airflow']}/c",
    ):
        with pytest.raises(OSError, match=r".") as raised:
            airflow_metadata.revision(url)
        told.append(written_down(raised.value))

    # the notifier: a server that refuses, and one that is not there
    with Webhook(500) as webhook:
        for address in (
            f"http://127.0.0.1:{webhook.server.server_address[1]}/x?token={SECRETS['token']}",
            f"http://127.0.0.1:1/?token={SECRETS['token']}",
            f"ftp://{SECRETS['token']}",
        ):
            (place / "secrets" / "webhook").write_text(address)
            with homes.open_home(
                place, settings=settings.load(place, alerts={"webhook_file": "secrets/webhook"})
            ) as home:
                with pytest.raises(Fault) as raised:
                    runner.alert(home, "reconcile-broken", address[:6], Said("rouge", "red"))
                told.append(written_down(raised.value) + repr(home.settings))
    told += [caplog.text, *capfd.readouterr()]
    assert len(told) >= 14
    assert [(n, found(text, SECRETS)) for n, text in enumerate(told) if found(text, SECRETS)] == []
    left = list(files(place, "secrets/"))
    assert [(name, found(content, SECRETS)) for name, content in left if found(content, SECRETS)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        "[s3]\ntimeout_s = \"{}\"", "[s3]\nsecret = \"{}\"", "[s3]\nbucket = [\"{}\"]", "[s3]\nsecret_key = \"{}\"\nregion = 1",
        "[alerts]\nwebhook = [\"{}\"]", "[ledger]\npassword = [\"{}\"]", "lot_s = \"{}\"", "[remotes.ABC001]\nhost = \"{}\"",
    ],
)  # fmt: skip
def test_a_secret_in_the_wrong_place_of_the_settings_is_not_repeated(
    tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "settings.toml").write_text(wrong.format(SECRETS["s3 secret"]), encoding="utf-8")
    with pytest.raises(Fault) as raised:
        settings.load(tmp_path)
    monkeypatch.setenv("CHORUS_EDI_DEBUG", "1")
    assert cli(["status", "--home", str(tmp_path)]) == 3
    assert found(written_down(raised.value) + "".join(capsys.readouterr()), SECRETS) == []


def test_settings_can_be_printed(tmp_path: Path) -> None:
    """A traceback with the values of its variables, a debugger, a log of somebody else's: none shows a secret."""
    given = settings.load(
        tmp_path, ledger={"url": f"postgresql://a:{SECRETS['ledger']}@b/c", "password": SECRETS["ledger"]},
        s3={"access_key": SECRETS["s3 access"], "secret_key": SECRETS["s3 secret"]},
        alerts={"webhook": f"https://x/{SECRETS['token']}"}, airflow={"database": f"postgresql://a:{SECRETS['airflow']}@b"},
    )  # fmt: skip
    assert found(f"{given!r} {given}", SECRETS) == []
    assert given.s3.keys(tmp_path) == (SECRETS["s3 access"], SECRETS["s3 secret"])


def test_a_reader_is_given_nothing_that_it_does_not_need() -> None:
    ours = {
        "PATH": "/bin", "HOME": "/root", "PYTHONPATH": "/src", "LC_ALL": "C.UTF-8", "CHORUS_EDI_CACHE": "/cache",
        "CHORUS_EDI_LOG": "json",
    }  # fmt: skip
    theirs = {
        "CHORUS_EDI_LEDGER__PASSWORD": "x", "CHORUS_EDI_S3__SECRET_KEY": "x", "AWS_SECRET_ACCESS_KEY": "x", "PGPASSWORD": "x",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "x", "MY_TOKEN": "x", "HTTPS_PROXY": "http://user:x@proxy",
    }  # fmt: skip
    assert without_secrets(ours | theirs) == ours


# --- a whole run, as operators do it ----------------------------------------------------------------------------------

CODE = "from pipeline.cli.boundary import main; main()"


@pytest.mark.services
def test_a_run_on_servers_leaves_no_trace_of_a_secret(tmp_path: Path, database: Database, s3_server: S3Server) -> None:
    """PostgreSQL and S3, secrets from the environment: the files, the log, the ledger, every command line and the
    environment of whoever reads strangers' files.
    """
    home, server = tmp_path / "home", database.server
    if not server.is_ours:
        pytest.skip("the password of that server is not ours to look for")
    home.mkdir()
    bucket = s3_server.make_bucket(f"run-{os.getpid()}")
    tell = json.dumps([sys.executable, "-c", "import sys; sys.stdin.read()"])
    (home / "settings.toml").write_text(
        f'ours = "CPP001"\nreaders = 1\n[ledger]\nurl = "postgresql://{server.user}@127.0.0.1:{server.port}/{database.name}"\n'
        f'[s3]\nbucket = "{bucket}"\nendpoint = "{s3_server.endpoint}"\n[alerts]\ncommand = {tell}\n',
        encoding="utf-8",
    )
    secrets = {"CHORUS_EDI_LEDGER__PASSWORD": server.password, "CHORUS_EDI_S3__ACCESS_KEY": s3_server.access_key,
               "CHORUS_EDI_S3__SECRET_KEY": s3_server.secret_key, "CHORUS_EDI_ALERTS__WEBHOOK": ""}  # fmt: skip
    planted = {name: value for name, value in secrets.items() if value}
    given = settings.load(home, ledger={"url": database.tcp_url}, s3={
        "bucket": bucket, "endpoint": s3_server.endpoint, "access_key": s3_server.access_key, "secret_key": s3_server.secret_key})  # fmt: skip
    with homes.open_home(home, settings=given) as opened:
        runner.add_partner(opened, homes.partner())
        runner.import_directory(opened, homes.directory(home / "annuaire"), date(2026, 1, 1))
        runner.commitments_unavailable(opened)
        drop_all(opened)
        (home / "drop" / homes.PARTNER / "in" / "link").symlink_to("/etc/passwd")
    environment = {**os.environ, **secrets, "CHORUS_EDI_LOG": "json", "CHORUS_EDI_DEBUG": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, "run", "--home", str(home), "--format", "text"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment,
    )  # fmt: skip
    looked = Looker(process.pid)
    out, err = process.communicate(timeout=120)
    looked.stop()
    assert process.returncode == 3, err.decode()  # of the link alone
    assert b"mis \xc3\xa0 part" in err
    assert len(looked.commands) >= 2  # the run and its reader
    assert looked.environments
    for what in (*looked.commands, *looked.environments, out, err, *(content for _, content in files(home))):
        assert found(what, planted) == []
    for what in (out, err, *(content for name, content in files(home, "annuaire/", *MAY_HOLD_AN_INVOICE))):
        assert found(what, PERSONAL) == []
    ledger = Ledger.on_server(database.tcp_url)
    for text in planted.values():
        assert columns_holding(ledger, text) == set()
    for name, text in PERSONAL.items():
        assert columns_holding(ledger, text) <= COLUMNS.get(name, set()), name
    ledger.close()


class Looker:
    """Looks at the processes that another one starts, as `ps` does, until it is stopped."""

    def __init__(self, pid: int) -> None:
        self.pid, self.ours, self.commands, self.environments = pid, b"", set[bytes](), set[bytes]()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for pid in [self.pid, *_children(self.pid)]:
                with suppress(OSError):
                    command = Path(f"/proc/{pid}/cmdline").read_bytes()
                    if pid == self.pid:
                        self.ours = command
                    elif command != self.ours:  # forked, and not yet what it is to be: still ours in all
                        self.environments.add(Path(f"/proc/{pid}/environ").read_bytes())
                    self.commands.add(command)


def _children(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in re.findall(r"\d+", (thread / "children").read_text()):
                found += [int(child), *_children(int(child))]
    return found
