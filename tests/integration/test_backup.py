"""Backup and restore, with a real run between the two: nothing is lost, nothing is answered twice, what is open is named."""

import hashlib
import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import homes
import pytest
from change_files import Entry, status_file, status_flow
from services.s3 import S3Server
from sqlalchemy import text
from upgrade.thaw import thaw

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import copies
from pipeline.cli.boundary import run as command
from pipeline.model import ActionKind
from pipeline.ports import Fault
from pipeline.running import without_secrets
from pipeline.running.actions import Wish, ask
from pipeline.running.backup import MANIFEST, Backup, backup
from pipeline.running.doubts import settle_doubts
from pipeline.running.home import RESTORING, Home
from pipeline.running.mapping import import_mapping
from pipeline.running.receive import receive
from pipeline.running.restore import Restored, restore
from pipeline.running.summary import RunSummary
from pipeline.settings import load

if TYPE_CHECKING:
    from services.postgres import PostgresServer

LATER = homes.NOON + timedelta(hours=3)
AFTER = homes.NOON + timedelta(hours=6)
ORDERED = "1512345678"


@dataclass
class Site:
    """One installation, its backups, and the machine that it is restored on: on SQLite, or on a PostgreSQL server."""

    root: Path
    reader: tuple[str, ...]
    server: "PostgresServer | None" = None
    made: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)

    def url(self) -> str:
        """A new, empty ledger; nothing on SQLite."""
        if self.server is None:
            return ""
        self.made.append(self.server.database().name)
        return self.server.url(self.made[-1])

    def open(self, name: str, url: str, at: datetime = homes.NOON) -> Home:
        return homes.open_home(self.root / name, at, settings=self.given(self.root / name, url), reader=self.reader)

    def given(self, path: Path, url: str) -> Any:
        return load(path, ours="CPP001", readers=1, ledger={"url": url}, **self.settings)

    @property
    def home(self) -> Path:
        return self.root / "home"

    def backup(self, url: str, at: datetime = homes.NOON) -> Backup:
        return backup(self.home, self.root / "backups", settings=self.given(self.home, url), clock=FixedClock(at))

    def restore(self, made: Backup, *, old_home: bool = False, at: datetime = AFTER) -> tuple[Restored, str]:
        """A new home on another machine; its ledger."""
        url = self.url()
        path = self.root / "new"
        done = restore(
            made.folder, path, old_home=self.home if old_home else None, settings=self.given(path, url),
            clock=FixedClock(at), reader=self.reader,
        )  # fmt: skip
        return done, url

    def look_again(self, url: str, *, at: datetime = AFTER) -> Restored:
        path = self.root / "new"
        return restore(None, path, settings=self.given(path, url), clock=FixedClock(at), reader=self.reader)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def site(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Site]:
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    made = Site(tmp_path, reader, server)
    yield made
    for name in made.made:
        assert server is not None
        server.drop(name)


@pytest.fixture
def alone(tmp_path: Path, reader: tuple[str, ...]) -> Site:
    """What does not hang on the engine."""
    return Site(tmp_path, reader)


ON_SQLITE = pytest.mark.parametrize("site", ["sqlite"], indirect=True)  # what does not hang on the engine


def begin(site: Site) -> tuple[Home, str]:
    """A home with one flow answered; its ledger."""
    url = site.url()
    home = site.open("home", url)
    runner.add_partner(home, homes.partner())
    runner.add_partner(home, homes.partner(homes.OTHER))
    runner.import_directory(home, homes.directory(site.root / "annuaire"), date(2026, 11, 1))
    drop_and_run(home, (1, homes.ubl("B-1")))
    return home, url


def drop_and_run(home: Home, *flows: tuple[int, bytes], at: datetime = homes.NOON, code: str = homes.PARTNER) -> None:
    home.clock = FixedClock(at)
    for number, content in flows:
        homes.drop(home, homes.flow_name(number, partner=code), content, code)
    assert runner.run(home).faults == []


def fetch(home: Home, *codes: str) -> dict[str, bytes]:
    """Partners and receivers fetch and delete all that was sent to them."""
    taken: dict[str, bytes] = {}
    for kind, code in (("drop", homes.PARTNER), ("drop", homes.OTHER), ("recipients", "PORTAL")):
        folder = home.path / kind / code / "out"
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            assert path.name not in taken
            taken[path.name] = path.read_bytes()
            path.unlink()
    return taken


def rows(home: Home, query: str) -> list[tuple[Any, ...]]:
    with home.ledger.reading() as db:
        return [tuple(row) for row in db.execute(text(query))]


def reds(done: Restored) -> set[str]:
    return {line.name for line in done.lines if not line.ok}


# --- backup -----------------------------------------------------------------------------------------------------------


def test_a_backup_is_whole_and_says_what_is_in_it(site: Site) -> None:
    home, url = begin(site)
    with home:
        done = site.backup(url)
        count = rows(home, "SELECT count(*) FROM transitions")[0][0]
    told = json.loads((done.folder / MANIFEST).read_text(encoding="utf-8"))
    assert done.folder.name == "20261120T110000Z"
    assert done.sha256 == hashlib.sha256((done.folder / MANIFEST).read_bytes()).hexdigest()
    assert (told["format"], told["made_at"]) == ("chorus-edi backup 1", "2026-11-20T11:00:00+00:00")
    ledger = told["ledger"]
    assert ledger["engine"] == ("postgresql" if url else "sqlite")
    assert (ledger["rows"]["deposits"], ledger["rows"]["transitions"]) == (1, count)
    assert [(one["partner"], len(one["hash"])) for one in ledger["heads"]] == [(homes.PARTNER, 64)]
    assert [(one["kind"], one["day"]) for one in ledger["reference"]] == [("directory", "2026-11-01")]
    for file in told["files"]:
        content = (done.folder / file["name"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size_bytes"], file["sha256"])
    assert {file["name"] for file in told["files"]} >= {ledger["file"], "partners.json", "objects.txt"}
    assert {row["code"] for row in json.loads((done.folder / "partners.json").read_text())["partners"]} == {
        homes.PARTNER, homes.OTHER,
    }  # fmt: skip
    assert done.is_whole
    kept = site.root / "backups" / "store"
    listed = [line.split()[0] for line in (done.folder / "objects.txt").read_text().splitlines()]
    assert len(listed) == told["store"]["objects"] == sum(1 for p in kept.rglob("*") if p.is_file())
    assert all(hashlib.sha256((kept / name).read_bytes()).hexdigest() == name.rpartition("/")[2] for name in listed)
    modes = {path.stat().st_mode & 0o777 for path in done.folder.rglob("*") if path.is_file()}
    assert modes == {0o600}


@ON_SQLITE
def test_the_second_backup_copies_what_is_new_and_the_first_stays_as_it_was(site: Site) -> None:
    home, url = begin(site)
    with home:
        first = site.backup(url)
        before = {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()}
        drop_and_run(home, (2, homes.ubl("B-2")), at=LATER)
        second = site.backup(url, LATER)
        with pytest.raises(Fault, match="nothing is written over"):
            site.backup(url, LATER)
    assert first.store is not None and second.store is not None
    assert (first.store.copied, second.store.copied) == (first.store.objects, 5)  # bytes, three answers, one result
    assert second.store.objects == first.store.objects + 5
    assert {path: path.read_bytes() for path in first.folder.rglob("*") if path.is_file()} == before
    assert sorted(p.name for p in (site.root / "backups").iterdir() if not p.name.startswith(".")) == [
        first.folder.name, second.folder.name, "store",
    ]  # fmt: skip


def test_a_backup_while_others_write_is_of_one_moment(site: Site) -> None:
    """Copied again and again beside a run: every copy is sound by itself, and its objects are there."""
    home, url = begin(site)
    over = threading.Event()
    made: list[Backup] = []

    def copy() -> None:
        at = homes.NOON
        while not over.is_set() and len(made) < 6:
            at += timedelta(seconds=1)
            made.append(site.backup(url, at))

    with home:
        thread = threading.Thread(target=copy)
        thread.start()
        try:
            drop_and_run(home, *((n, homes.ubl(f"W-{n}")) for n in range(2, 32)), at=LATER)
        finally:
            over.set()
            thread.join()
    assert len(made) >= 2
    for done in made:
        assert done.is_whole
        found = done.ledger.rows
        if not url:
            assert copies.described(done.folder / done.ledger.file).rows == found
        assert found["verdicts"] <= found["deposits"]
        assert found["transitions"] == 3 * found["invoices"]


def test_a_killed_backup_leaves_nothing_that_looks_like_one(alone: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home, _ = begin(alone)
    with home:

        def stop(*_: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr("pipeline.running.backup._flush", stop)
        monkeypatch.setattr("pipeline.running.backup.shutil.rmtree", lambda *_, **__: None)  # as kill -9 leaves it
        with pytest.raises(KeyboardInterrupt):
            alone.backup("")
        monkeypatch.undo()
        assert list((alone.root / "backups").glob("2*")) == []
        done = alone.backup("")
        assert done.is_whole
        assert sorted(p.name for p in (alone.root / "backups").iterdir()) == [".lock", done.folder.name, "store"]


def test_an_object_that_is_missing_or_altered_is_named_and_not_copied(alone: Site) -> None:
    home, _ = begin(alone)
    with home:
        gone, altered = sorted(p for p in (home.path / "store" / homes.PARTNER).iterdir() if p.is_file())[:2]
        gone.unlink()
        altered.write_bytes(b"altered")
        done = alone.backup("")
    assert done.store is not None
    assert done.store.missing == (f"{homes.PARTNER}/{gone.name}",)
    assert done.store.altered == (f"{homes.PARTNER}/{altered.name}",)
    assert not done.is_whole
    assert not (alone.root / "backups" / "store" / homes.PARTNER / altered.name).exists()


def test_keys_and_passwords_are_left_out_and_named(alone: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home, _ = begin(alone)
    home.close()
    path = home.path
    (path / "settings.toml").write_text(
        'ours = "CPP001"\n\n[ledger]\nurl = ""\n\n[alerts]\nwebhook = "https://hooks.example/T0KEN"\n\n'
        '[remotes.DEF002]\nhost = "sftp.example.fr"\nuser = "edi"\nkey_file = "secrets/def002"\n'
        'host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5"]\n',
        encoding="utf-8",
    )
    for name, content in (
        ("secrets/def002", "PRIVATE"), ("ssh/host_key", "-----BEGIN OPENSSH PRIVATE KEY-----"),
        ("ssh/keys/ABC001", "ssh-ed25519 AAAA partner"),
    ):  # fmt: skip
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(content)
    monkeypatch.setenv("CHORUS_EDI_S3__SECRET_KEY", "s3cret-of-the-store")
    done = backup(path, alone.root / "backups", clock=FixedClock(homes.NOON))
    told = "\n".join(p.read_text(errors="replace") for p in done.folder.rglob("*") if p.is_file())
    for secret in ("T0KEN", "PRIVATE KEY", "s3cret-of-the-store"):
        assert secret not in told
    assert 'key_file = "secrets/def002"' in (done.folder / "settings.toml").read_text()
    assert "AAAAC3NzaC1lZDI1NTE5" in (done.folder / "settings.toml").read_text()  # the host key that is pinned
    assert (done.folder / "ssh" / "keys" / "ABC001").is_file()
    left = {one.name.removeprefix(f"{path}/") for one in done.left_out}
    assert {"settings.toml, [alerts] webhook", "secrets/def002", "ssh/host_key", "$CHORUS_EDI_S3__SECRET_KEY"} <= left


def test_a_secret_that_cannot_be_taken_out_for_certain_keeps_the_settings_out() -> None:
    text_of = without_secrets.settings_text
    assert text_of('[ledger]\nurl = "postgresql://edi:p%40ss@db/edi?sslmode=require"\n') == (
        '[ledger]\nurl = "postgresql://edi@db/edi?sslmode=require"\n',
        [without_secrets.LeftOut("settings.toml, [ledger] url", without_secrets._IN_A_FILE)],
    )
    for written in (
        '[s3]\nsecret_key = """\nabc"""\n', '# abcd\n[s3]\nsecret_key = "abcd"\n',
        'ours = "abcdef"\n[s3]\nsecret_key = "abcdef"\n',
    ):  # fmt: skip
        assert text_of(written)[0] is None
    plain = 'ours = "CPP001"\n[ledger]\nurl = "postgresql://edi@db/edi"\n'
    assert text_of(plain) == (plain, [])


def test_what_cannot_be_backed_up_is_said(alone: Site) -> None:
    with pytest.raises(Fault, match="neither a ledger nor"):
        alone.backup("")
    home, _ = begin(alone)
    with home, pytest.raises(Fault, match="lost with it"):
        backup(home.path, home.path / "backups")


@pytest.mark.services
@pytest.mark.parametrize("site", ["postgresql"], indirect=True)
def test_without_pg_dump_the_command_is_said(site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    home, url = begin(site)
    monkeypatch.setenv("PATH", str(tmp_path))
    with home, pytest.raises(Fault, match=r"pg_dump --format=custom --file=ledger\.dump") as told:
        site.backup(url)
    assert not list((site.root / "backups").glob("2*"))
    assert ":" not in str(told.value).partition("postgresql://")[2].partition("@")[0]  # no password


# --- restore ----------------------------------------------------------------------------------------------------------


@ON_SQLITE
def test_a_home_comes_back_as_it_was(site: Site) -> None:
    home, url = begin(site)
    with home:
        drop_and_run(home, (2, homes.ubl("B-2", recipient=homes.NEEDS_BOTH)))
        before = rows(home, "SELECT * FROM deposits ORDER BY id")
        made = site.backup(url)
    done, new = site.restore(made)
    assert reds(done) == set()
    assert done.is_clear
    assert done.missing == done.damaged == ()
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT * FROM deposits ORDER BY id") == before
        assert runner.run(restored).is_idle
        drop_and_run(restored, (1, homes.ubl("B-1")), (3, homes.ubl("B-3")), at=AFTER)
        states = rows(restored, "SELECT name, state FROM deposits ORDER BY id")
        assert [state for _, state in states[2:]] == ["repeated", "IN_INTEGRE"]
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


def a_day_after(site: Site, home: Home) -> dict[str, bytes]:
    """What happens after the backup: integrated, refused, in part, refused as a double; all of it fetched."""
    drop_and_run(
        home, (2, homes.ubl("B-2")), (3, homes.ubl("B-3", recipient=homes.NEEDS_BOTH)),
        (4, homes.archive([("a.xml", homes.ubl("B-4")), ("b.xml", homes.ubl("B-5", recipient=homes.NEEDS_BOTH))])),
        (5, b"\x1f\x8b no archive"), at=LATER,
    )  # fmt: skip
    drop_and_run(home, (6, homes.ubl("B-2", net="7.00")), at=LATER + timedelta(minutes=1))  # B-2 is taken
    drop_and_run(home, (1, homes.ubl("B-1", net="8.00")), at=LATER + timedelta(minutes=2))  # its name is taken
    return fetch(home)


def told(home: Home) -> list[tuple[Any, ...]]:
    """What was told, without numbers that the ledger gives by itself."""
    return [
        *rows(home, "SELECT d.name, d.sha256, d.state FROM deposits d WHERE d.state <> 'repeated' ORDER BY 1, 2"),
        *rows(home, "SELECT place, name, kind, owner, sha256 FROM outbox ORDER BY 1, 2"),
        *rows(home, "SELECT supplier, number, outcome, total, receiver FROM invoices ORDER BY 1, 2, 4"),
        *rows(home, "SELECT supplier, number, year, scope FROM number_claims ORDER BY 1, 2"),
        *rows(home, "SELECT d.name, x.rank, x.sequence, x.status, x.batch FROM transitions x JOIN deposits d ON d.id = x.deposit_id ORDER BY 1, 2, 3"),
        *rows(home, "SELECT d.name, f.rank, f.rule, f.severity, f.value FROM findings f JOIN deposits d ON d.id = f.deposit_id ORDER BY 1, 2, 3, 5"),
    ]  # fmt: skip


def test_a_ledger_older_than_the_store_is_written_again_and_nothing_goes_out_twice(site: Site) -> None:
    home, url = begin(site)
    with home:
        fetch(home)
        made = site.backup(url)
        sent = a_day_after(site, home)
        assert len([name for name in sent if name.startswith("CSO")]) == 6
        before = told(home)
    done, new = site.restore(made, old_home=True)
    assert [*done.recovered.apart, *done.recovered.named, *done.missing] == []
    assert len(done.recovered.proved) + len(done.recovered.as_told) == 6
    assert len(done.recovered.proved) >= 5
    assert reds(done) == {"in doubt"}  # fetched by now: only people know
    assert sum(done.recovered.in_doubt.values()) == len(sent)
    with site.open("new", new, AFTER) as restored:
        assert told(restored) == before
        assert runner.run(restored).sent.total() == 0
        assert fetch(restored) == {}
        # the same flow again has its first report, once more, and no other
        drop_and_run(restored, (2, homes.ubl("B-2")), at=AFTER)
        again = fetch(restored)
        assert len(again) == 1
        assert again.items() <= sent.items()
        drop_and_run(restored, (7, homes.ubl("B-4", net="9.00")), at=AFTER)  # its number was integrated
        assert rows(restored, "SELECT outcome FROM invoices WHERE number = 'B-4' ORDER BY deposit_id") == [
            ("integrated",), ("refused",),
        ]  # fmt: skip
        fetch(restored)
        settle_doubts(restored, "all", "sent", "les partenaires ont tout reçu", operator="op-durand")
        assert runner.run(restored).sent.total() == 0
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


@ON_SQLITE
def test_statuses_that_came_after_the_backup_are_written_again_to_the_report_that_was_sent(site: Site) -> None:
    home, url = begin(site)
    when = homes.NOON + timedelta(hours=1)
    history = "SELECT sequence, status, at, set_by FROM transitions WHERE sequence > 3 ORDER BY sequence"
    with home:
        recipient = homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),))
        runner.add_partner(home, recipient)
        drop_and_run(home, (2, homes.ubl("B-2")))
        made = site.backup(url)
        home.clock = FixedClock(LATER)
        entries = [Entry.sound("B-2", 7, when), Entry.sound("B-2", 8, when), Entry.sound("B-404", 7, when)]
        homes.drop(home, status_flow(1), status_file(entries), homes.RECEIVER)
        assert runner.run(home).faults == []
        before = rows(home, history)
        reports = homes.out(home, homes.RECEIVER)
    done, new = site.restore(made, old_home=True)
    assert [one.name for one in done.recovered.apart] == []
    assert f"{homes.RECEIVER}/{status_flow(1)}" in done.recovered.proved
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, history) == before
        assert [row[1] for row in before] == ["07", "08"]
        runner.run(restored)
        assert {name for name in homes.out(restored, homes.RECEIVER) if name.startswith("CSO")} <= set(reports)
        assert rows(restored, "SELECT count(*) FROM outbox WHERE kind = 'CSO' AND owner = 'REC003'") == [(1,)]
        red = {line.name: line.detail.en for line in runner.verify(restored) if not line.ok}
        assert set(red) <= {"in doubt"}, red


def with_recipient(site: Site, home: Home) -> None:
    runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""), (homes.NEEDS_BOTH, ""))))
    drop_and_run(home, (2, homes.ubl("B-2")), (3, homes.ubl("B-3")))


def answer_by_its_recipient(home: Home, sequence: int, **statuses: int) -> None:
    """A status file on B-2 and the like, in the drop zone."""
    when = homes.NOON + timedelta(hours=1)
    entries = [Entry.sound(number.replace("_", "-"), status, when) for number, status in statuses.items()]
    homes.drop(home, status_flow(sequence), status_file(entries), homes.RECEIVER)


def test_changes_that_were_told_after_the_backup_are_not_told_again(site: Site) -> None:
    home, url = begin(site)
    tellings = "SELECT issuer, rank, sequence, batch FROM changes ORDER BY batch, deposit_id, rank"
    with home:
        with_recipient(site, home)
        made = site.backup(url)
        home.clock = FixedClock(LATER)
        answer_by_its_recipient(home, 1, B_2=8, B_3=5)
        assert runner.run(home).told == 2
        before = rows(home, tellings)
        returned = [name for name in fetch(home) if name.startswith("FEN1201A")]
    done, new = site.restore(made, old_home=True)
    assert [one.name for one in (*done.recovered.apart, *done.recovered.named)] == []
    assert done.recovered.told == [f"{homes.PARTNER}/{before[0][3]}"]
    assert before[0][3] in returned
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, tellings) == before
        assert runner.run(restored).sent["FEN1201A"] == 0
        assert {line.name for line in runner.verify(restored) if not line.ok} == {"in doubt"}
        settle_doubts(restored, "all", "sent", "reçu partout", operator="op-durand")
        assert runner.run(restored).is_idle
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


@ON_SQLITE
def test_changes_that_no_return_had_told_at_the_backup_are_in_doubt_where_no_store_is_left(site: Site) -> None:
    home, url = begin(site)
    with home:
        with_recipient(site, home)
        home.clock = FixedClock(LATER)
        answer_by_its_recipient(home, 1, B_2=8)
        home.new_turn()
        runner.intake(home)
        assert runner.process(home, turn=home.turn, seconds=30).faults == []
        assert rows(home, "SELECT batch, told FROM changes") == [("", 0)]
        made = site.backup(url)
        assert runner.run(home).told == 1  # and nobody knows of it where it is restored
    done, new = site.restore(made)
    assert done.recovered.in_doubt[f"drop/{homes.PARTNER}"] >= 1
    with site.open("new", new, AFTER) as restored:
        assert runner.run(restored).sent["FEN1201A"] == 0
        (name,) = {batch for (batch,) in rows(restored, "SELECT batch FROM changes")}
        settle_doubts(restored, str(name), "send", "l'émetteur ne l'a pas", operator="op-durand")
        assert runner.run(restored).sent["FEN1201A"] == 1


@ON_SQLITE
def test_what_is_untold_waits_where_a_return_tells_a_change_that_is_gone_for_good(site: Site) -> None:
    """A command leaves no file: its change is lost with the ledger, and the return that told it names more than is left."""
    home, url = begin(site)
    with home:
        with_recipient(site, home)
        home.clock = FixedClock(LATER)
        answer_by_its_recipient(home, 1, B_2=4)
        assert runner.run(home).told == 1
        made = site.backup(url)
        answer_by_its_recipient(home, 2, B_3=8)
        runner.intake(home)
        home.new_turn()
        assert runner.process(home, turn=home.turn, seconds=30).faults == []
        wish = Wish(ActionKind.RECYCLE, recipient=homes.NEEDS_BOTH, service="SERV_OBL", commitment="EJ-1")
        assert ask(home, f"{homes.SUPPLIER}/B-2", wish, "op-dupont").apply().is_applied
        assert runner.run(home).told == 4
        fetch(home)
    done, new = site.restore(made, old_home=True)
    assert done.recovered.told == []
    named = [one.name for one in done.recovered.named]
    assert len(named) >= 1  # the return, and the pivot that the command brought about
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT count(*) FROM changes") == [(2,)]
        assert runner.run(restored).sent["FEN1201A"] == 0
        assert "in doubt" in {line.name for line in runner.verify(restored) if not line.ok}


@ON_SQLITE
def test_what_is_seen_in_its_place_was_sent_and_what_lies_there_half_was_not(site: Site) -> None:
    home, url = begin(site)
    with home:
        made = site.backup(url)
        drop_and_run(home, (2, homes.ubl("B-2")), at=LATER)
        out = home.path / "drop" / homes.PARTNER / "out"
        names = dict(rows(home, "SELECT kind, name FROM outbox WHERE deposit_id = 2"))
        (out / names["FEN1201A"]).rename(out / f".{names['FEN1201A']}.part")
        (home.path / "recipients" / "PORTAL" / "out" / names["FEN0036A"]).unlink()
    done, new = site.restore(made, old_home=True)
    with site.open("new", new, AFTER) as restored:
        states = dict(rows(restored, "SELECT kind, state FROM outbox WHERE deposit_id = 2"))
        assert states == {"CSO": "sent", "FEN1201A": "ready", "FEN0036A": "held"}
        assert dict(done.recovered.in_doubt) == {"recipients/PORTAL": 1}
        assert runner.run(restored).sent.total() == 1
        assert list(fetch(restored)) == [names["FEN1201A"]]
        settle_doubts(restored, names["FEN0036A"], "send", "le portail ne l'a pas")
        assert runner.run(restored).sent.total() == 1
        assert list(fetch(restored)) == [names["FEN0036A"]]
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


@ON_SQLITE
def test_what_was_due_at_the_backup_is_judged_and_its_answers_are_in_doubt_where_no_store_is_left(site: Site) -> None:
    home, url = begin(site)
    with home:
        homes.drop(home, homes.flow_name(2), homes.ubl("B-2"))
        receive(home, home.partners(), RunSummary())  # registered, not judged
        made = site.backup(url)
        home.clock = FixedClock(LATER)
        runner.run(home)
        sent = fetch(home)
    done, new = site.restore(made)
    assert done.recovered.judged == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    with site.open("new", new, AFTER) as restored:
        assert runner.run(restored).sent.total() == 0
        assert fetch(restored) == {}
        assert {row[0] for row in rows(restored, "SELECT name FROM outbox WHERE state = 'held'")} == {
            name for name in sent if name in {row[0] for row in rows(restored, "SELECT name FROM outbox WHERE deposit_id = 2")}
        }  # fmt: skip
        settle_doubts(restored, "all", "send", "rien n'est arrivé")
        runner.run(restored)
        again = fetch(restored)
    assert again == {name: sent[name] for name in again}  # the same names, the same bytes
    assert len(again) == 3


@ON_SQLITE
def test_a_flow_that_was_received_and_never_answered_is_named(site: Site) -> None:
    home, url = begin(site)
    with home:
        made = site.backup(url)
        homes.drop(home, homes.flow_name(2), homes.ubl("B-2"))
        receive(home, home.partners(), RunSummary())
        sha256 = rows(home, "SELECT sha256 FROM deposits WHERE id = 2")[0][0]
    done, new = site.restore(made, old_home=True)
    (named,) = done.recovered.named
    assert named.name == f"{homes.PARTNER}/{sha256}"
    assert "demander au partenaire de le redéposer" in named.said.fr
    assert reds(done) == set()
    with site.open("new", new, AFTER) as restored:
        drop_and_run(restored, (2, homes.ubl("B-2")), at=AFTER)  # dropped again, it is a flow like any other
        assert len([name for name in fetch(restored) if name.startswith("CSO")]) == 1
    assert site.look_again(new).recovered.named == []


@ON_SQLITE
def test_reference_data_that_came_after_the_backup_does_not_change_what_was_told(site: Site) -> None:
    """Judged today with the older directory it would be refused: what was told stands."""
    home, url = begin(site)
    with home:
        made = site.backup(url)
        folder = homes.directory(site.root / "annuaire-2")
        rows_of = (folder / "structures.csv").read_text(encoding="utf-8").splitlines()
        new_one = rows_of[1].replace(homes.PLAIN, "12345678200069")
        (folder / "structures.csv").write_text("\n".join([*rows_of, new_one, ""]), encoding="utf-8")
        runner.import_directory(home, folder, date(2026, 11, 20))
        drop_and_run(home, (2, homes.ubl("B-2", recipient="12345678200069")), (3, homes.ubl("B-3")), at=LATER)
        fetch(home)
        before = rows(home, "SELECT number, outcome FROM invoices ORDER BY number")
        assert before == [("B-1", "integrated"), ("B-2", "integrated"), ("B-3", "integrated")]
    done, new = site.restore(made, old_home=True)
    assert [one.name for one in done.recovered.as_told] == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    assert len(done.recovered.proved) == 1
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT number, outcome FROM invoices ORDER BY number") == before
        settle_doubts(restored, "all", "sent", "reçus")
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


@ON_SQLITE
@pytest.mark.parametrize("since", ["", "AUTRE"], ids=["names that are gone", "other names"])
def test_what_was_mapped_by_names_that_came_after_the_backup_waits_for_them(site: Site, since: str) -> None:
    """Its report tells no name: without those of its day nobody knows where it went, and nothing of it is guessed."""

    def name_it(home: Home, code: str) -> None:
        path = site.root / "noms.csv"
        path.write_text(f"kind;siret;written;code\nlabel;{homes.STATE};Le facturier;{code}\n", encoding="utf-8")
        import_mapping(home, homes.PARTNER, path)

    def stored(home: Home) -> list[tuple[Any, ...]]:
        return rows(home, "SELECT i.service, o.sha256 FROM invoices i JOIN outbox o ON o.deposit_id = i.deposit_id "
                          "AND o.kind = 'FEN0036A' WHERE i.number = 'N-1'")  # fmt: skip

    home, url = begin(site)
    with home:
        folder = homes.directory(site.root / "annuaire-2")
        with (folder / "services.csv").open("a", encoding="utf-8") as services:
            services.write(f"{homes.STATE};AUTRE;Autre facturier;true;;;false\n")
        runner.import_directory(home, folder, date(2026, 11, 2))
        runner.add_partner(home, homes.partner(maps_recipients=True), replace=True)
        if since:
            name_it(home, since)
        made = site.backup(url)
        name_it(home, "SFACETAT")
        drop_and_run(home, (2, homes.ubl("N-1", recipient=homes.STATE, service="Le facturier")), at=LATER)
        fetch(home)
        before = stored(home)
        assert [service for service, _ in before] == ["SFACETAT"]
    done, new = site.restore(made, old_home=True)
    assert [one.name for one in done.recovered.apart] == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    with site.open("new", new, AFTER) as restored:
        name_it(restored, "SFACETAT")
    back = site.look_again(new)
    assert back.recovered.proved == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    with site.open("new", new, AFTER) as restored:
        assert stored(restored) == before


@ON_SQLITE
def test_an_answered_flow_that_cannot_be_read_again_is_set_apart_and_not_answered_twice(site: Site) -> None:
    home, url = begin(site)
    with home:
        made = site.backup(url)
        drop_and_run(home, (2, homes.ubl("B-2")), at=LATER)
        sent = fetch(home)
        lost = home.path / "store" / homes.PARTNER / rows(home, "SELECT sha256 FROM deposits WHERE id = 2")[0][0]
        content = lost.read_bytes()
        lost.unlink()
    done, new = site.restore(made, old_home=True)
    (apart,) = done.recovered.apart
    assert apart.name == f"{homes.PARTNER}/{homes.flow_name(2)}"
    assert {"reports", "archive", "in doubt"} <= reds(done)
    with site.open("new", new, AFTER) as restored:
        with pytest.raises(Fault, match="answered before the restore"):
            runner.decide(restored, homes.flow_name(2), "refuse", "illisible")
        restored.clock = FixedClock(AFTER + timedelta(days=2))
        runner.run(restored)  # quarantine is over, and still nothing goes
        assert fetch(restored) == {}
        drop_and_run(restored, (2, content), at=AFTER)
        again = fetch(restored)
        assert len(again) == 1
        assert again.items() <= sent.items()  # the report that went out, once more
    back = site.look_again(new)
    assert back.recovered.proved == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    assert reds(back) == {"in doubt"}


@ON_SQLITE
def test_what_was_decided_on_pending_invoices_since_is_not_decided_again(site: Site) -> None:
    """One of them by a name of its issuer: it goes where it was mapped to."""
    home, url = begin(site)
    with home:
        runner.commitments_unavailable(home)
        names = site.root / "noms.csv"
        names.write_text(f"kind;siret;written;code\nlabel;{homes.STATE};Le facturier;SFACETAT\n", encoding="utf-8")
        runner.add_partner(home, homes.partner(maps_recipients=True), replace=True)
        runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.STATE, "SFACETAT"),)))
        import_mapping(home, homes.PARTNER, names)
        held = {"recipient": homes.STATE, "service": "Le facturier"}
        both = homes.archive(
            [("a.xml", homes.ubl("H-1", order=ORDERED, **held)), ("b.xml", homes.ubl("H-2", order="9", **held))]
        )
        drop_and_run(home, (2, both))
        fetch(home)
        made = site.backup(url)
        home.clock = FixedClock(LATER)
        runner.commitments_available(home)
        runner.import_commitments(home, homes.orders(site.root / "o.csv", ORDERED), homes.NOON.date())
        assert runner.run(home).decided_later == 2
        sent = fetch(home) | homes.out(home, homes.RECEIVER, "recipients")
        assert len(sent) == 2  # one return, one pivot
        before = rows(home, "SELECT number, outcome, receiver, judgement FROM invoices ORDER BY number")
    done, new = site.restore(made, old_home=True)
    assert done.recovered.decided == [f"{homes.PARTNER}/{homes.flow_name(2)}"]
    with site.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT number, outcome, receiver, judgement FROM invoices ORDER BY number") == before
        runner.commitments_available(restored)
        runner.import_commitments(restored, site.root / "o.csv", homes.NOON.date())
        assert runner.run(restored).sent.total() == 0
        assert fetch(restored) == {}
        settle_doubts(restored, "all", "sent", "reçus")
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


def test_a_file_that_a_partner_made_to_look_like_an_answer_decides_nothing(alone: Site) -> None:
    """Its own archived bytes must not integrate what waits for the State's commitments."""
    home, url = begin(alone)
    with home:
        runner.commitments_unavailable(home)
        held = {"recipient": homes.STATE, "service": "SFACETAT"}
        drop_and_run(home, (2, homes.ubl("H-1", order=ORDERED, **held)))
        made = alone.backup(url)
        home.clock = FixedClock(LATER)
        runner.commitments_available(home)
        runner.import_commitments(home, homes.orders(alone.root / "o.csv", ORDERED), homes.NOON.date())
        runner.run(home)
        pivot = rows(home, "SELECT sha256 FROM outbox WHERE kind = 'FEN0036A' AND deposit_id = 2")[0][0]
        (home.path / "store" / "PORTAL" / pivot).unlink()  # all that the partner could not have made
    done, new = alone.restore(made, old_home=True)
    assert done.recovered.decided == []
    assert any("un pivot manque" in one.said.fr for one in done.recovered.named)
    with alone.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT outcome FROM invoices WHERE number = 'H-1'") == [("pending",)]


def test_a_restore_is_refused_where_it_would_write_over_something(site: Site) -> None:
    home, url = begin(site)
    with home:
        made = site.backup(url)
    (site.root / "new").mkdir()
    (site.root / "new" / "mine").touch()
    with pytest.raises(Fault, match="not empty"):
        site.restore(made)
    (site.root / "new" / "mine").unlink()
    if url:
        with pytest.raises(Fault, match="has tables already"):
            restore(made.folder, site.root / "new", settings=site.given(site.root / "new", url))
        shutil.rmtree(site.root / "new")
    file = made.folder / made.ledger.file
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(Fault, match="has not the digest"):
        site.restore(made)
    file.unlink()
    with pytest.raises(Fault, match="is missing from the backup"):
        site.restore(made)
    with pytest.raises(Fault, match=f"there is {made.folder.name} here"):
        restore(site.root / "backups", site.root / "other")


@ON_SQLITE
def test_a_killed_restore_keeps_everybody_out_and_goes_on(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home, url = begin(site)
    with home:
        fetch(home)
        made = site.backup(url)
        sent = a_day_after(site, home)
    steps = iter(range(3))

    def stop_soon(*_: object) -> None:
        if next(steps) == 2:
            raise KeyboardInterrupt

    new = site.url()
    path = site.root / "new"
    given: dict[str, Any] = {
        "old_home": home.path, "settings": site.given(path, new), "clock": FixedClock(AFTER), "reader": site.reader,
    }  # fmt: skip
    with pytest.raises(KeyboardInterrupt):
        restore(made.folder, path, on_progress=stop_soon, **given)
    assert (path / RESTORING).exists()
    with pytest.raises(Fault, match="it would answer twice"):
        site.open("new", new)
    done = restore(made.folder, path, **given)
    assert sum(done.recovered.in_doubt.values()) == len(sent)
    assert not (path / RESTORING).exists()
    with site.open("new", new, AFTER) as restored:
        assert runner.run(restored).sent.total() == 0
        assert len(rows(restored, "SELECT id FROM deposits")) == 7


def test_a_partner_that_came_after_the_backup_is_named_and_written_again_when_it_has_its_sheet(alone: Site) -> None:
    home, _ = begin(alone)
    with home:
        made = alone.backup("")
        runner.add_partner(home, homes.partner("NEW004"))
        drop_and_run(home, (2, homes.ubl("N-1")), at=LATER, code="NEW004")
        before = told(home)
    done, new = alone.restore(made, old_home=True)
    (apart,) = done.recovered.apart
    assert apart.name == f"NEW004/{homes.flow_name(2, partner='NEW004')}"
    assert "chorus-edi partners add NEW004" in apart.said.fr
    with alone.open("new", new, AFTER) as restored:
        assert rows(restored, "SELECT count(*) FROM deposits WHERE partner = 'NEW004'") == [(0,)]
        runner.add_partner(restored, homes.partner("NEW004"))
    back = alone.look_again(new)
    assert back.recovered.proved == [apart.name]
    with alone.open("new", new, AFTER) as restored:
        assert told(restored) == before
        settle_doubts(restored, "all", "sent", "reçus")
        assert [line.name for line in runner.verify(restored) if not line.ok] == []


def test_a_ledger_put_back_by_hand_is_found_out_and_looked_at_before_anything_leaves(alone: Site) -> None:
    home, _ = begin(alone)
    with home:
        made = alone.backup("")
        sent = fetch(home) | a_day_after(alone, home)
        before = told(home)
    for file in alone.home.glob("ledger.sqlite*"):
        file.unlink()
    shutil.copyfile(made.folder / "ledger.sqlite", alone.home / "ledger.sqlite")
    with alone.open("home", "") as older:  # a file was in line when the copy was made
        with older.ledger.writing() as db:
            db.execute(text("UPDATE outbox SET state = 'ready' WHERE deposit_id = 1 AND kind = 'FEN1201A'"))
        assert "audit heads" in {line.name for line in runner.verify(older) if not line.ok}
    given: dict[str, Any] = {
        "settings": alone.given(alone.home, ""),
        "clock": FixedClock(AFTER),
        "reader": alone.reader,
    }

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        restore(None, alone.home, by_hand=True, on_progress=stop, **given)
    with pytest.raises(Fault, match="it would answer twice"):
        alone.open("home", "")
    done = restore(None, alone.home, **given)  # it goes on as the first look
    assert len(done.recovered.proved) == 5  # one was written before the kill
    assert reds(done) == {"in doubt"}
    # the other files of the first flow were sent before the copy was made, and it knows
    assert sum(done.recovered.in_doubt.values()) == len(sent) - 2
    with alone.open("home", "", AFTER) as again:
        assert told(again) == before
        assert runner.run(again).sent.total() == 0


def test_a_look_at_a_home_at_work_is_refused_and_leaves_it_as_it_was(alone: Site) -> None:
    home, _ = begin(alone)
    with home, pytest.raises(Fault, match="another process works in this home"):
        restore(None, alone.home, settings=alone.given(alone.home, ""), reader=alone.reader)
    alone.open("home", "").close()


def test_an_older_ledger_is_migrated_on_the_way(site: Site) -> None:
    """A backup that the version before made."""
    url = site.url()
    site.home.mkdir()
    thaw("0002", site.home, url)
    made = site.backup(url)
    assert made.ledger.revision == "0002"
    done, _ = site.restore(made, at=homes.NOON + timedelta(days=9))
    assert done.revision == "0002"
    assert done.missing == ()
    assert reds(done) - {"ages"} == set()


def test_a_store_in_a_bucket_is_kept_by_it_and_compared(
    tmp_path: Path, reader: tuple[str, ...], s3_server: S3Server
) -> None:
    bucket = s3_server.make_bucket("backup-of-a-ledger", versions=True)
    s3 = {"bucket": bucket, "endpoint": s3_server.endpoint, "access_key": s3_server.access_key,
          "secret_key": s3_server.secret_key}  # fmt: skip
    site = Site(tmp_path, reader, settings={"s3": s3})
    home, _ = begin(site)
    with home:
        fetch(home)
        made = site.backup("")
        assert made.store is None
        assert json.loads((made.folder / MANIFEST).read_text())["store"]["bucket"] == bucket
        drop_and_run(home, (2, homes.ubl("B-2")), (3, homes.ubl("B-3", recipient=homes.NEEDS_BOTH)), at=LATER)
        sent = fetch(home)
        before = told(home)
    done, new = site.restore(made)
    assert len(done.recovered.proved) == 2
    assert sum(done.recovered.in_doubt.values()) == len(sent)
    with site.open("new", new, AFTER) as restored:
        assert told(restored) == before
        assert runner.run(restored).sent.total() == 0


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands_end_with_what_is_to_do(
    alone: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(alone)[0].close()
    assert command(["backup", str(tmp_path / "backups"), "--home", str(alone.home)]) == 0
    printed = capsys.readouterr().out
    (made,) = (tmp_path / "backups").glob("2*")
    assert f"SHA-256 {hashlib.sha256((made / MANIFEST).read_bytes()).hexdigest()}" in " ".join(printed.split())
    monkeypatch.setenv("CHORUS_EDI_OURS", "CPP001")
    assert command(["restore", str(made), "--home", str(tmp_path / "new")]) == 0
    printed = capsys.readouterr().out
    assert "✘" not in printed
    assert command(["restore", str(made), "--home", str(tmp_path / "new")]) == 3
    assert "n'est pas vide" in capsys.readouterr().err
    assert command(["restore", "--home", str(tmp_path / "new"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["proved"] == []
    assert command(["decide", "all", "sent", "--reason", "reçus", "--home", str(tmp_path / "new")]) == 3
    assert "aucun fichier en doute" in capsys.readouterr().err
    assert command(["backup", str(tmp_path / "b"), "--home", str(tmp_path / "nowhere")]) == 3
    assert command(["restore", str(tmp_path / "nowhere"), "--home", str(tmp_path / "x")]) == 2
