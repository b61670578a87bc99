"""Our own failures: they touch the flow they happen on, nothing is answered by mistake, and the next run mends them."""

import io
import json
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event

import homes
import pytest
from sqlalchemy import event, text

from pipeline import judge, runner
from pipeline.adapters.ledger import LostLease, claims, outbox
from pipeline.adapters.ledger.queries import FlowStatus
from pipeline.adapters.local_drop import InWork, LocalDrop, Seen
from pipeline.adapters.local_store import LocalStore
from pipeline.ports import Fault, Said
from pipeline.running import log
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.receive import receive
from pipeline.running.summary import RunSummary
from pipeline.settings import load
from pipeline.terms import WorkLimits


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        yield opened


def is_sound(home: Home) -> bool:
    return [line for line in runner.verify(home) if not line.ok] == []


def test_a_lot_that_a_refusing_ledger_left_open_is_taken_over_by_the_next_run_at_once(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    def refuse(stage: str) -> None:
        if stage == "commit":
            event.listen(first.ledger.engine, "begin", lambda db: db.exec_driver_sql("PRAGMA query_only=1"))

    with homes.ready_home(tmp_path, reader=reader) as first:
        homes.drop(first, homes.flow_name(1), homes.ubl("A-1"))
        first.stage = refuse
        with pytest.raises(Fault, match="readonly"):
            runner.run(first)
    with homes.open_home(tmp_path, reader=reader) as second:
        assert dict(runner.run(second).flows) == {"IN_INTEGRE": 1}
        assert is_sound(second)
        assert runner.run(second).is_idle  # no lot names the first any more
        assert [path.name for path in (tmp_path / "workers").glob("*.lock")] == [f"{second.presence.token}.lock"]


def test_a_lot_that_was_taken_over_is_written_by_its_new_worker_alone(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))

    def lose(stage: str) -> None:
        if stage == "commit":
            with home.ledger.writing() as db:
                db.execute(
                    text("UPDATE lots SET attempt = attempt + 1, claimed_by = 'another', lease_until = 9000000000000")
                )

    home.stage = lose
    summary = runner.run(home)
    assert any("taken over" in notice.en for notice in summary.notices)
    assert (dict(summary.flows), homes.out(home)) == ({}, {})
    home.stage = lambda _stage: None
    assert runner.run(home).is_idle  # the lot is the other worker's
    with home.ledger.writing() as db:
        db.execute(text("UPDATE lots SET lease_until = 1"))
    again = runner.run(home)  # its lease has run out: the lot is ours
    assert dict(again.flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


@pytest.mark.parametrize("broken", ["decide", "conclude"])
def test_a_bug_on_one_flow_leaves_the_others_alone(home: Home, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    right = getattr(judge, broken)

    def wrong(first: object, *others: object) -> object:
        read = getattr(first, "read", first)
        if read.received.name == homes.flow_name(1):
            raise KeyError("BT-1")
        return right(first, *others)

    monkeypatch.setattr(judge, broken, wrong)
    summary = runner.run(home)
    assert (summary.waiting, dict(summary.flows)) == (1, {"IN_INTEGRE": 1})
    (fault,) = summary.faults
    where = f"{homes.PARTNER}/{homes.flow_name(1)}"
    assert fault.en.startswith(f"{where}: KeyError (test_runner_faults.py:")
    assert fault.en.endswith("); this is a bug, report it")
    assert fault.fr.startswith(f"{where} : KeyError (test_runner_faults.py:")
    assert ") ; erreur interne, à signaler" in fault.fr
    assert "BT-1" not in fault.en + fault.fr
    monkeypatch.setattr(judge, broken, right)
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


def test_a_full_store_lets_the_unit_wait_and_answers_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    right = LocalStore.keep

    def full(store: LocalStore, written: object) -> None:
        new = list(written)  # type: ignore[call-overload]
        if len(new) > 1:
            raise OSError(28, "No space left on device")
        right(store, new)

    monkeypatch.setattr(LocalStore, "keep", full)
    summary = runner.run(home)
    assert summary.faults == [
        Said(
            f"{homes.PARTNER}/{homes.flow_name(1)} : plus de place sur le disque ; y remédier, puis relancer chorus-edi run",
            f"{homes.PARTNER}/{homes.flow_name(1)}: No space left on device; mend it and run again",
        )
    ]
    assert homes.out(home) == {}
    monkeypatch.setattr(LocalStore, "keep", right)
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


def test_a_file_that_cannot_be_archived_stays_claimed_for_the_next_run(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    right = LocalStore.begin
    calls = []

    def once(store: LocalStore, partner: str) -> object:
        calls.append(partner)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        return right(store, partner)

    monkeypatch.setattr(LocalStore, "begin", once)
    summary = runner.run(home)
    assert any("Input/output error" in fault.en for fault in summary.faults)
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


def test_a_drop_zone_that_cannot_be_read_is_a_fault_of_that_partner(home: Home) -> None:
    inbox = home.drop(homes.OTHER).inbox
    inbox.rmdir()
    inbox.write_text("a file where a folder should be")
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary = runner.run(home)
    assert len(summary.faults) == 1
    assert summary.faults[0].en.startswith(f"drop/{homes.OTHER}: ")
    assert dict(summary.flows) == {"IN_INTEGRE": 1}


def test_deposits_of_a_partner_whose_sheet_is_gone_wait(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))

    def remove(stage: str) -> None:
        if stage == "receive":
            return
        raise AssertionError("nothing may be judged")

    from pipeline.running.drain import drain

    summary = RunSummary()
    receive(home, home.partners(), summary)
    with home.ledger.writing() as db:
        db.execute(text("DELETE FROM deposit_rights"))
        db.execute(text("DELETE FROM partners"))
    home.stage = remove
    home.new_turn()
    drain(home, None, summary, lambda _told: None, lambda _done, _total: None)  # type: ignore[arg-type]
    code = homes.PARTNER
    assert summary.faults == [
        Said(
            f"le partenaire {code} n'a plus de fiche ; chorus-edi partners add {code} --name NOM lui en rend une",
            f"partner {code} has no sheet; `chorus-edi partners add {code}` gives it one",
        )
    ]
    (flow,) = runner.status(home, homes.flow_name(1))
    assert isinstance(flow, FlowStatus)
    assert flow.deposit.fault == summary.faults[0]  # the ledger keeps both languages


def test_a_home_that_cannot_be_opened_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Fault, match="choose another home"):
        runner.open_home(tmp_path / "file")
    with pytest.raises(Fault, match="no home here"):
        runner.open_home(tmp_path / "nowhere", create=False)
    home = tmp_path / "home"
    home.mkdir()
    (home / "ledger.sqlite").write_text("no database " * 500)
    with pytest.raises(Fault, match="cannot be opened"):
        runner.open_home(home)
    assert list((home / "workers").iterdir()) == []


def test_a_watcher_says_a_fault_and_a_notice_when_they_come_and_once(home: Home) -> None:
    stop, faults, notices = Event(), [], []
    (home.root(home.settings.roots.drop) / "NOBODY").mkdir()
    out = home.root(home.settings.roots.drop) / homes.PARTNER / "out"
    homes.drop(home, homes.flow_name(1), homes.ubl("F-1"))
    out.rmdir()
    out.write_bytes(b"a file where the folder was")

    def heard(said: Said) -> None:
        faults.append(str(said))
        stop.set()

    runner.run(home, watch=True, on_fault=heard, on_notice=lambda said: notices.append(str(said)), stop=stop)
    assert len(faults) == len(set(faults)) >= 1
    assert [text for text in notices if "NOBODY" in text]


def test_a_watcher_judges_what_comes_until_it_is_stopped(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    stop = Event()
    heard = []

    def told(one: runner.Told) -> None:
        heard.append(one.verdict.read.received.name)
        if len(heard) == 1:
            homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
        else:
            stop.set()

    summary = runner.run(home, watch=True, on_verdict=told, stop=stop)
    assert heard == [homes.flow_name(1), homes.flow_name(2)]
    assert summary.received == 2


def test_the_log_is_json_without_names_or_content(
    tmp_path: Path, reader: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CHORUS_EDI_LOG", "json")
    told = io.StringIO()
    monkeypatch.setattr(log.sys, "stderr", told)
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("SECRET-1"))
        homes.drop(home, homes.flow_name(2), homes.ubl("SECRET-2"))
        runner.run(home)
    events = [json.loads(line) for line in told.getvalue().splitlines()]
    assert {event["event"] for event in events} >= {"receive", "judge", "deliver", "alert"}
    assert "SECRET" not in told.getvalue()
    assert homes.SUPPLIER not in told.getvalue()


def test_progress_counts_up_to_what_is_due(home: Home) -> None:
    for rank in range(1, 61):
        homes.drop(home, f"bad{rank}", b"")
    seen: list[tuple[int, int]] = []
    runner.run(home, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 60)
    assert seen[-1] == (60, 60)
    assert all(done <= total for done, total in seen)


class Crash(BaseException):
    """The process is gone: nothing after this point runs."""


@pytest.mark.parametrize(("before", "after"), [("ready", "uploaded"), ("uploaded", "sent")])
@pytest.mark.parametrize("is_fetched", [True, False])
def test_an_answer_whose_sending_was_cut_short_is_delivered_once(
    home: Home, monkeypatch: pytest.MonkeyPatch, before: str, after: str, is_fetched: bool
) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    right = outbox.advance

    def cut(db: object, lot: object, files: object, was: str, becomes: str) -> None:
        if (was, becomes) == (before, after):
            raise Crash
        right(db, lot, files, was, becomes)  # type: ignore[arg-type]

    monkeypatch.setattr(outbox, "advance", cut)
    with pytest.raises(Crash):
        runner.run(home)
    monkeypatch.setattr(outbox, "advance", right)
    folder = home.path / "recipients" / "PORTAL" / "out"
    fetched = []
    if is_fetched:
        for file in folder.iterdir():
            if not file.name.startswith("."):
                fetched.append(file.name)
                file.unlink()
    assert len(fetched) == (is_fetched and after == "sent")
    summary = runner.run(home)
    assert not summary.faults
    assert len(fetched) + len(list(folder.iterdir())) == 1
    assert len(homes.out(home)) == 2
    assert runner.run(home).is_idle
    assert is_sound(home)


def test_a_lease_is_renewed_beside_the_work_and_known_to_be_lost(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    receive(home, home.partners(), RunSummary())
    home.new_turn()
    home.settings = home.settings.model_copy(update={"work": WorkLimits(lease_renew_s=0)})
    lot = home.ledger.write(lambda db: claims.claim(db, home.presence.token, home.turn, 0, home.settings.work))
    assert lot is not None

    def lease_until() -> int:
        with home.ledger.reading() as db:
            return int(db.execute(text("SELECT lease_until FROM lots")).scalar_one())

    before = lease_until()
    with Lease(home, lot) as lease:
        for _ in range(200):
            if lease_until() > before:
                break
            time.sleep(0.01)
        assert lease_until() > before
        with home.ledger.writing() as db:
            db.execute(text("UPDATE lots SET attempt = 2, claimed_by = 'another'"))
        for _ in range(200):
            if lease.is_lost:
                break
            time.sleep(0.01)
        assert lease.is_lost
        with pytest.raises(LostLease):
            lease.write(lambda _db: None)
    with home.ledger.reading() as db:
        assert claims.workers(db) == {"another"}  # what we lost is not ours to close


def test_a_file_whose_row_was_committed_and_that_was_not_deleted_is_deleted_later(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    right = LocalDrop.delete

    def cut(_drop: LocalDrop, _claimed: object) -> None:
        raise Crash

    monkeypatch.setattr(LocalDrop, "delete", cut)
    with pytest.raises(Crash):
        runner.run(home)
    monkeypatch.setattr(LocalDrop, "delete", right)
    assert len(home.drop(homes.PARTNER).in_work()) == 1
    summary = runner.run(home)
    assert (summary.received, dict(summary.flows)) == (0, {"IN_INTEGRE": 1})
    assert home.drop(homes.PARTNER).in_work() == []
    assert is_sound(home)


def test_doubles_of_content_may_only_warn(tmp_path: Path, reader: tuple[str, ...]) -> None:
    settings = load(tmp_path, ours="CPP001", readers=1, switches={"duplicate_content": "warn"})
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        home.settings = settings
        homes.drop(home, homes.flow_name(1), homes.archive([("a.xml", homes.ubl("A-1")), ("b.xml", b"<x/>")]))
        homes.drop(home, homes.flow_name(2), homes.archive([("a.xml", homes.ubl("A-1")), ("b.xml", b"<x/>")]))
        heard: list[runner.Told] = []
        runner.run(home, on_verdict=heard.append)
        double = next(f for f in heard[1].verdict.findings if f.rule == "FLW-007")
        assert (double.severity.value, double.facts["first_name"]) == ("warning", homes.flow_name(1))
        assert [i.outcome.value for i in heard[1].verdict.invoices] == ["refused"]  # its number is taken
        assert is_sound(home)


def test_a_name_that_cannot_be_claimed_stops_no_other(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"), age_s=90)
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    right = LocalDrop.claim

    def claim(drop: LocalDrop, seen: Seen, taken: frozenset[str]) -> InWork | None:
        if seen.name == homes.flow_name(1).encode():
            raise OSError(16, "Device or resource busy")
        return right(drop, seen, taken)

    monkeypatch.setattr(LocalDrop, "claim", claim)
    summary = runner.run(home)
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    (fault,) = summary.faults
    assert fault.en.startswith(f"drop/{homes.PARTNER}/in/{homes.flow_name(1)}: ")
    monkeypatch.setattr(LocalDrop, "claim", right)
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)
