"""The log of real runs with hostile names and contents: every line by the table, and nothing of an issuer's in it."""

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace

import homes
import pytest
from sqlalchemy import text

from pipeline import judge, runner
from pipeline.adapters.ledger import Connection
from pipeline.adapters.read_pool import ReaderKilled, ReadPool
from pipeline.ports import Said
from pipeline.running import log
from pipeline.running.answer import LIFECYCLE, PIVOT, REPORT
from pipeline.running.home import Home
from pipeline.running.log import ALWAYS, EVENTS

NUMBER, AMOUNT = "SECRET-NUM-1", "98765.43"
NASTY = 'Facture Dupont café\n\x1b[31m{"event": "forged"}.xml'.encode()
NOT_TEXT = NASTY.replace("é".encode(), b"\xe9")
SECRETS = (
    "SECRET", "98765", "118518", "Fournisseur", "Client", "Dupont", "FSO1100A", "forged", homes.SUPPLIER, homes.PLAIN,
    "FR76", "1 rue", "Papier", "2026-11-18", "\\u001b", "\x1b", "caf",
)  # fmt: skip


class Lines:
    """What was written, line by line."""

    def __init__(self) -> None:
        self.told = io.StringIO()

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.told.getvalue().splitlines()]

    def of(self, event: str) -> list[dict[str, object]]:
        return [line for line in self.events() if line["event"] == event]

    def clear(self) -> None:
        self.told.seek(0)
        self.told.truncate()


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[Lines]:
    """Whatever a test did: each line by the table, and clean."""
    found = Lines()
    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    monkeypatch.setattr(log, "sys", SimpleNamespace(stderr=found.told))
    yield found
    for line in found.events():
        assert set(line) <= {*ALWAYS, *EVENTS[str(line["event"])].fields}
        assert line["level"] == EVENTS[str(line["event"])].level
        assert {type(value) for value in line.values()} <= {str, int, float}
    for secret in SECRETS:
        assert secret not in found.told.getvalue()


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...], lines: Lines) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        yield opened


def flow(home: Home, rank: int = 1) -> None:
    homes.drop(home, homes.flow_name(rank), homes.ubl(f"{NUMBER}{rank}", net=AMOUNT))


def test_a_flow_can_be_followed_by_its_digest(home: Home, lines: Lines) -> None:
    flow(home)
    runner.run(home)
    assert [line["event"] for line in lines.events() if line["event"] not in {"alert", "audit_heads"}] == [
        "receive", "register", "claim", "deliver", "deliver", "deliver", "judge", "unit", "lot"
    ]  # fmt: skip
    (received,), (judged,), (unit,) = lines.of("receive"), lines.of("judge"), lines.of("unit")
    sent = lines.of("deliver")
    assert received["sha256"] == judged["sha256"]
    assert received["deposit"] == judged["deposit"] == 1
    assert {line["deposit"] for line in sent} == {1}
    assert {line["lot"] for line in (judged, unit, *sent)} == {lines.of("claim")[0]["lot"]}
    assert {line["attempt"] for line in (judged, unit, *sent)} == {1}
    assert [judged[name] for name in ("state", "integrated", "refused", "pending")] == ["IN_INTEGRE", 1, 0, 0]
    assert (unit["flows"], unit["documents"]) == (1, 1)
    assert all(float(str(unit[name])) >= 0 for name in ("wait_s", "decide_s", "commit_s", "send_s"))
    assert {line["kind"] for line in sent} == {REPORT, LIFECYCLE, PIVOT}


def test_a_name_chosen_to_be_read_in_a_log_is_not_there(home: Home, lines: Lines) -> None:
    homes.drop(home, NASTY, homes.ubl(NUMBER, net=AMOUNT))
    homes.drop(home, NOT_TEXT, homes.ubl(NUMBER, net=AMOUNT))
    flow(home)
    homes.drop(home, homes.flow_name(1), homes.ubl(f"{NUMBER}1", net=AMOUNT))
    runner.run(home)
    homes.drop(home, homes.flow_name(1), homes.ubl(f"{NUMBER}1", net=AMOUNT))
    runner.run(home)
    assert sorted(str(line["state"]) for line in lines.of("receive")) == ["received", "received", "repeated"]
    assert sorted(str(line["state"]) for line in lines.of("judge")) == ["IN_INTEGRE", "IN_REJETE"]
    (apart,) = lines.of("quarantine")  # a name that is no text
    assert (apart["fault"], apart["name_sha256"]) == ("name", hashlib.sha256(NOT_TEXT).hexdigest()[:16])


def test_what_is_no_file_is_told_by_its_number(home: Home, lines: Lines) -> None:
    inbox = homes.drop(home, "x", b"").parent
    os.symlink("/etc/passwd", os.path.join(os.fsencode(inbox), NASTY))
    os.utime(os.path.join(os.fsencode(inbox), NASTY), (1, 1), follow_symlinks=False)
    runner.run(home)
    (apart,) = lines.of("quarantine")
    assert (apart["partner"], apart["fault"]) == (homes.PARTNER, "no_plain_file")


def test_a_bug_is_told_by_its_class_and_its_line(home: Home, lines: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: object) -> object:
        raise KeyError(NUMBER)

    flow(home)
    monkeypatch.setattr(judge, "decide", wrong)
    assert runner.run(home).waiting == 1
    (waiting,) = lines.of("wait")
    assert (waiting["fault"], waiting["deposit"], waiting["attempt"]) == ("KeyError", 1, 1)
    assert str(waiting["at"]).startswith("test_run_log.py:")


def test_a_flow_that_kills_its_readers_is_set_apart_and_let_go(
    home: Home, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> "Future[object]":
        future: Future[object] = Future()
        future.set_exception(ReaderKilled(Said(f"{NUMBER} a tué", f"{NUMBER} killed")))
        return future

    flow(home)
    with monkeypatch.context() as patched:
        patched.setattr(ReadPool, "submit", killed)
        assert runner.run(home).quarantined == 1
    (apart,) = lines.of("quarantine")
    assert (apart["fault"], apart["deposit"]) == ("ReaderKilled", 1)
    home.clock.at = homes.NOON.replace(day=22)  # type: ignore[attr-defined]
    runner.run(home)
    assert [line["deposit"] for line in lines.of("release")] == [1]


def test_a_folder_that_cannot_be_written_is_one_line_and_what_waited_is_swept(home: Home, lines: Lines) -> None:
    out = home.path / "drop" / homes.PARTNER / "out"

    def break_it(stage: str) -> None:
        if stage == "commit":
            out.rmdir()
            out.write_bytes(b"a file where the folder was")

    flow(home)
    home.stage = break_it
    runner.run(home)
    home.stage = lambda _stage: None
    (fault,) = lines.of("fault")
    assert (fault["place"], fault["fault"]) == (f"drop/{homes.PARTNER}/out", "FileExistsError EEXIST")
    out.unlink()
    lines.clear()
    runner.run(home)
    (swept,) = lines.of("sweep")
    assert swept["files"] == len(lines.of("deliver")) == 2
    assert lines.of("claim")[0]["kind"] == "deliver"


def test_a_lot_that_changes_hands_is_told_by_both(home: Home, lines: Lines) -> None:
    flow(home)

    def lose(stage: str) -> None:
        if stage == "commit":
            with home.ledger.writing() as db:
                db.execute(text("UPDATE lots SET attempt = attempt + 1, claimed_by = 'x', lease_until = 9000000000000"))

    home.stage = lose
    runner.run(home)
    home.stage = lambda _stage: None
    with home.ledger.writing() as db:
        db.execute(text("UPDATE lots SET lease_until = 1"))
    runner.run(home)
    (lost,) = lines.of("lease_lost")
    (taken,) = lines.of("takeover")
    assert (lost["attempt"], taken["attempt"], lost["lot"]) == (1, 3, taken["lot"])
    assert lines.of("judge")[0]["attempt"] == 3
    assert [line["attempt"] for line in lines.of("lot")] == [3]


def test_a_ledger_that_is_away_while_a_lease_is_renewed_is_told(
    home: Home, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters.ledger import claims
    from pipeline.ports import Fault
    from pipeline.running.lease import Lease

    lot = home.ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, home.presence.token, 1, home.settings.work))
    assert lot is not None
    right = home.ledger.write
    with Lease(home, lot) as lease:
        lease._over.set()
        lease._thread.join()
        lease._over.clear()

        def away(_unit: object) -> object:
            lease._over.set()
            raise Fault(Said(NUMBER, NUMBER)) from OSError(111, NUMBER)

        monkeypatch.setattr(home.ledger, "write", away)
        at_once = dataclasses.replace(home.settings.work, lease_renew_s=0)
        home.settings = home.settings.model_copy(update={"work": at_once})
        lease._renew()
        monkeypatch.setattr(home.ledger, "write", right)
    (fault,) = lines.of("fault")
    assert (fault["place"], fault["fault"], fault["lot"]) == ("ledger", "ConnectionRefusedError ECONNREFUSED", lot.id)


def test_another_try_at_the_ledger_is_told(home: Home, lines: Lines) -> None:
    taken = text("INSERT INTO alembic_version (version_num) SELECT version_num FROM alembic_version")
    tries = []

    def unit(db: Connection) -> None:
        tries.append(1)
        if len(tries) < 3:  # another writer was first
            db.execute(taken)

    home.ledger.write(unit)
    assert [(line["tries"], line["sqlstate"]) for line in lines.of("retry")] == [
        (1, "IntegrityError"),
        (2, "IntegrityError"),
    ]
