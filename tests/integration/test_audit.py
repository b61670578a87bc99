"""The audit chain of a real home, on both ledgers: whatever is touched is found and named, whoever is killed leaves it whole."""

import hashlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from services.s3 import S3Server
from sqlalchemy import Connection, delete, insert, text, update

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import audit as rows
from pipeline.adapters.ledger import commits
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.audit_records import groups
from pipeline.audit.form import Cover, Row, parsed
from pipeline.audit.problem import CHANGED, INSERTED, MOVED, REMOVED, REWRITTEN, UNATTESTED, UNCOVERED
from pipeline.cli.boundary import run as command
from pipeline.ports import Fault
from pipeline.running.audit import Audit, acknowledge, inspect
from pipeline.running.home import Home
from pipeline.running.reprocess import reprocess
from pipeline.running.retention import plan, purge
from pipeline.running.submit import submit
from pipeline.settings import load

DOCS = Path(__file__).parents[2] / "docs" / "ops" / "audit.md"
NAME = homes.flow_name
GOOD, MIXED, BAD, HELD, SENT_AGAIN = NAME(1), NAME(2), NAME(3), NAME(5), NAME(9)


class RolledBack(Exception):
    """What was touched is put back."""


def at(home: Home, days: int) -> None:
    home.clock = FixedClock(homes.NOON + timedelta(days=days))


def live(home: Home) -> None:
    """Something of every kind that the chain covers."""
    homes.drop(home, GOOD, homes.ubl("A-1"))
    mixed = [("a.xml", homes.ubl("A-2")), ("b.xml", homes.ubl("A-3", recipient=homes.NEEDS_BOTH))]
    homes.drop(home, MIXED, homes.archive(mixed))
    homes.drop(home, BAD, b"no invoice")
    homes.drop(home, NAME(1, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
    runner.commitments_unavailable(home)
    held = homes.ubl("H-1", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    homes.drop(home, HELD, held)
    assert runner.run(home).faults == []
    homes.drop(home, GOOD, homes.ubl("A-1"))  # the same again
    submit(home, GOOD, SENT_AGAIN, operator="op-dupont")
    assert runner.run(home).faults == []
    reprocess(home, flow=GOOD, operator="op-dupont")
    at(home, 8)
    runner.decide(home, HELD, "integrate", "vu avec le service", operator="op-dupont")
    assert runner.run(home).decided_later == 1  # and the rejects of the days before


@pytest.fixture(scope="module", params=both_ledgers.LEDGERS)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]
) -> Iterator[Home]:
    path = tmp_path_factory.mktemp("audited") / "home"
    given = {}
    if request.param == "postgres":
        given["ledger"] = {"url": request.getfixturevalue("postgres").database().url}
    path.mkdir(parents=True)
    with homes.open_home(path, settings=load(path, ours="CPP001", readers=1, **given), reader=reader) as opened:
        runner.add_partner(opened, homes.partner())
        runner.add_partner(opened, homes.partner(homes.OTHER))
        runner.import_directory(opened, homes.directory(path / "annuaire"), homes.NOON.date())
        live(opened)
        yield opened


@pytest.fixture(params=both_ledgers.LEDGERS)
def fresh(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def looked_at(home: Home, *, full: bool = False) -> Audit:
    with home.ledger.reading() as db:
        return inspect(home, db, full=full)


def touched(home: Home, touch: Callable[[Connection], None], *, full: bool = False) -> Audit:
    """What is told where somebody touches the ledger; it is put back afterwards."""
    found: list[Audit] = []
    with pytest.MonkeyPatch.context() as patched, pytest.raises(RolledBack), home.ledger.writing() as db:
        touch(db)
        patched.setattr(home.ledger, "reading", lambda: nullcontext(db))  # nobody else sees what is not committed
        found.append(inspect(home, db, full=full))
        raise RolledBack
    return found[0]


def sql(*statements: str) -> Callable[[Connection], None]:
    """`{GOOD}` and the like: the id of that flow's deposit; `{P}`: the partner."""
    ids = {
        name: f"(SELECT min(id) FROM deposits WHERE name = '{flow}')"
        for name, flow in {"GOOD": GOOD, "MIXED": MIXED, "BAD": BAD, "HELD": HELD, "SENT": SENT_AGAIN}.items()
    }

    def touch(db: Connection) -> None:
        for statement in statements:
            assert db.execute(text(statement.format(**ids, P=homes.PARTNER))).rowcount, statement

    return touch


def test_a_home_that_nobody_touched_is_sound(home: Home) -> None:
    found = looked_at(home, full=True)
    assert [one.said.en for one in found.problems] == []
    told = found.chains[homes.PARTNER]
    assert told.is_sound
    assert told.compared == told.units >= 3
    assert told.heads == 2  # one a day on which it moved
    assert told.last_head == (homes.NOON + timedelta(days=8)).date().isoformat()
    with home.ledger.reading() as db:
        kinds = {row.kind for row in rows.rows(db)}
        tables = {group.table for group in groups(db)}
    assert kinds == {"genesis", "received", "unit", "decision", "operation", "shadow", "rejects"}
    assert tables == {
        "deposits", "verdicts", "invoices", "decided", "findings", "transitions", "outbox", "decisions", "operations",
        "shadows", "reject_days",
    }  # fmt: skip
    assert [line.name for line in runner.verify(home) if not line.ok and line.name.startswith("audit")] == []


# --- records ----------------------------------------------------------------------------------------------------------

STEP = (
    "INSERT INTO transitions (deposit_id, rank, sequence, status, at, audited) "
    "SELECT deposit_id, rank, 4, '05', at, {row} FROM transitions WHERE deposit_id = {{GOOD}} AND sequence = 1"
)
RECORDS = (
    (CHANGED, ("UPDATE deposits SET sha256 = repeat_sha WHERE id = {GOOD}",), f"({GOOD}), the deposit: changed since"),
    (CHANGED, ("UPDATE deposits SET received_day = '2016-01-01' WHERE id = {BAD}",), f"({BAD}), the deposit: changed"),
    (CHANGED, ("UPDATE verdicts SET interface = 'FSO1137A' WHERE deposit_id = {GOOD}",), f"({GOOD}), the verdict: changed"),
    (CHANGED, ("UPDATE invoices SET total = '1.00' WHERE deposit_id = {GOOD}",), f"({GOOD}), the invoices: changed"),
    (CHANGED, ("UPDATE invoices SET outcome = 'integrated' WHERE deposit_id = {MIXED} AND rank = 2",), "the invoices"),
    (CHANGED, ("UPDATE invoices SET receiver = 'DEF002' WHERE deposit_id = {HELD}",), "the invoices decided later"),
    (CHANGED, ("UPDATE findings SET value = 'x' WHERE deposit_id = {MIXED} AND rank = 2",), "the findings: changed"),
    (REMOVED, ("DELETE FROM findings WHERE deposit_id = {BAD}",), f"({BAD}), the findings"),
    (CHANGED, ("UPDATE transitions SET status = '05' WHERE deposit_id = {GOOD} AND sequence = 3",), "the statuses"),
    (
        REMOVED, ("DELETE FROM transitions WHERE deposit_id = {GOOD} AND sequence = 3",),
        "the statuses: 3 records attested, 2 found",
    ),
    (INSERTED, (STEP.format(row=2),), "the statuses: "),
    (UNCOVERED, (STEP.format(row=0),), "the statuses: 1 record that no row covers (row 0 is named)"),
    (UNCOVERED, (STEP.format(row=999),), "(row 999 is named)"),
    (CHANGED, ("UPDATE outbox SET sha256 = repeat_sha WHERE deposit_id = {GOOD} AND kind = 'CSO'",), "the files sent"),
    (REMOVED, ("DELETE FROM outbox WHERE deposit_id = {GOOD} AND kind = 'FEN0036A'",), "the files sent: 3 records"),
    (CHANGED, ("UPDATE decisions SET operator = 'somebody'",), f"({HELD}), the decisions: changed"),
    (REMOVED, ("DELETE FROM decisions",), f"({HELD}), the decisions: 1 record attested, 0 found"),
    (CHANGED, ("UPDATE operations SET operator = 'somebody'",), f"({SENT_AGAIN}), the operations: changed"),
    (CHANGED, ("UPDATE shadows SET difference = '{{}}x'",), f"({GOOD}), the shadow verdicts: changed"),
    (CHANGED, ("UPDATE reject_days SET invoices = 7",), "the rejects of the day: changed"),
    (UNCOVERED, ("DELETE FROM verdicts WHERE deposit_id = {GOOD}",), "the invoices: 1 record that no row covers"),
    (
        INSERTED,
        ("INSERT INTO purged (owner, sha256, at) SELECT partner, sha256, received_at FROM deposits WHERE id = {GOOD}",),
        "said to be purged, and no row of the chain says so",
    ),
)  # fmt: skip


@pytest.mark.parametrize(("what", "statements", "said"), RECORDS, ids=[f"{w}-{s[0][:60]}" for w, s, _ in RECORDS])
def test_a_record_that_is_touched_is_named(home: Home, what: str, statements: tuple[str, ...], said: str) -> None:
    found = touched(home, sql(*(statement.replace("repeat_sha", f"'{'0' * 64}'") for statement in statements)))
    told = [(one.what, one.said.en) for one in found.problems]
    assert any(one == what and said in words for one, words in told), told
    assert {one.partner for one in found.problems} == {homes.PARTNER}
    assert not found.chains[homes.PARTNER].is_sound
    assert found.chains[homes.OTHER].is_sound


def test_what_moves_on_with_the_work_is_not_covered(home: Home) -> None:
    states = sql(
        "UPDATE outbox SET state = 'ready', lot_id = 7", "UPDATE deposits SET attempt = 9, fault = 'x', again = 1"
    )
    assert touched(home, states, full=True).is_sound


# --- rows -------------------------------------------------------------------------------------------------------------

A = "UPDATE audit SET sequence = sequence {shift} WHERE partner = '{{P}}' AND sequence {which}"


def move(*steps: tuple[str, str]) -> Callable[[Connection], None]:
    """(shift, which) one after the other: two rows never have the same number on the way."""
    return sql(*(A.format(shift=shift, which=which) for shift, which in steps))


CLOSED = (A.format(shift="+ 1000", which="> 3"), A.format(shift="- 1001", which="> 1000"))


def rewrite_all(db: Connection) -> None:
    """Whoever may write everything changes a status and makes a chain that fits: only the store knows better."""
    sql("UPDATE transitions SET status = '05' WHERE deposit_id = {GOOD} AND sequence = 3")(db)
    make_it_fit(db)


def make_it_fit(db: Connection) -> None:
    """A chain over what stands there now, from its first row to its head."""
    previous = ""
    for row in list(rows.rows(db, homes.PARTNER)):
        cover = Cover()
        for group in groups(db, homes.PARTNER, row.sequence, row.sequence):
            if group.sequence == row.sequence:
                cover.add(group.table, group.deposit, group.records)
        digest = cover.digest if cover.records else row.digest
        new = replace(row, previous=previous, digest=digest)
        previous = new.expected
        here = (t.audit.c.partner == row.partner) & (t.audit.c.sequence == row.sequence)
        db.execute(update(t.audit).where(here).values(previous=new.previous, digest=digest, hash=previous))
    db.execute(update(t.audit_heads).where(t.audit_heads.c.partner == homes.PARTNER).values(hash=previous))


def rewrite_one(db: Connection) -> None:
    """One row with the hash that fits it."""
    row = next(row for row in rows.rows(db, homes.PARTNER) if row.sequence == 3)
    new = replace(row, lot=99)
    here = (t.audit.c.partner == row.partner) & (t.audit.c.sequence == 3)
    db.execute(update(t.audit).where(here).values(lot=99, hash=new.expected))


def cut_off(db: Connection) -> None:
    """The last row and what it covers, and the head put back to fit."""
    *_, before, last = rows.rows(db, homes.PARTNER)
    for table in (t.transitions, t.outbox, t.decisions, t.operations, t.shadows, t.reject_days):
        db.execute(delete(table).where(table.c.audited == last.sequence))
    db.execute(delete(t.audit).where(t.audit.c.partner == homes.PARTNER, t.audit.c.sequence == last.sequence))
    head = update(t.audit_heads).where(t.audit_heads.c.partner == homes.PARTNER)
    db.execute(head.values(sequence=before.sequence, hash=before.hash))


def forge_last(db: Connection) -> None:
    """One row more, as the product would make it, and the head forgotten."""
    *_, last = rows.rows(db, homes.PARTNER)
    new = Row(last.partner, last.sequence + 1, "unit", last.at, 1, 1, 0, rows.NOTHING.digest, "", "", last.hash)
    values = {name: getattr(new, name) for name in rows._FIELDS}
    db.execute(insert(t.audit).values(**{**values, "hash": new.expected}))


def forget_all(db: Connection) -> None:
    db.execute(delete(t.audit).where(t.audit.c.partner == homes.PARTNER))


ROWS = (
    (sql("UPDATE audit SET at = '2020' WHERE partner = '{P}' AND sequence = 3"), CHANGED, "row 3 (", "was changed"),
    (sql("UPDATE audit SET detail = '' WHERE partner = '{P}' AND sequence = 1"), CHANGED, "row 1 (", "was changed"),
    (sql("DELETE FROM audit WHERE partner = '{P}' AND sequence = 3"), REMOVED, "row 3: removed", ""),
    (sql("DELETE FROM audit WHERE partner = '{P}' AND sequence IN (2, 3)"), REMOVED, "rows 2 to 3: removed", ""),
    (move(("+ 1000", "= 2"), ("- 2", "= 4"), ("- 998", "= 1002")), MOVED, "row 2 (", "its number was 4"),
    (
        sql("DELETE FROM audit WHERE partner = '{P}' AND sequence = 3", *CLOSED), REMOVED, "row 3 (",
        "had the number 4: 1 row was removed just before",
    ),
    (rewrite_one, REWRITTEN, "row 4 (", "does not follow row 3 as it stands"),
    (rewrite_all, REWRITTEN, "is no longer the one that", "attests"),
    (cut_off, REMOVED, "attests", "the last 1 were removed"),
    (forge_last, UNATTESTED, "its head says", "rows were added"),
    (forget_all, REMOVED, "the head in the ledger attests", "were removed"),
    (sql("UPDATE audit_heads SET hash = 'x' WHERE partner = '{P}'"), REWRITTEN, "the head in the ledger", ""),
)  # fmt: skip


@pytest.mark.parametrize(("touch", "what", "said", "more"), ROWS, ids=[f"{n}-{row[1]}" for n, row in enumerate(ROWS)])
def test_a_row_that_is_touched_is_named(
    home: Home, touch: Callable[[Connection], None], what: str, said: str, more: str
) -> None:
    found = touched(home, touch, full=True)
    told = [(one.what, one.said.en) for one in found.problems]
    assert any(one == what and said in words and more in words for one, words in told), told
    assert found.chains[homes.OTHER].is_sound
    assert all(one.said.fr not in {"", one.said.en} for one in found.problems)


def test_a_chain_that_is_gone_with_its_head_is_missed_by_the_store(home: Home) -> None:
    def forget(db: Connection) -> None:
        for table in (t.audit, t.audit_heads):
            db.execute(delete(table).where(table.c.partner == homes.OTHER))

    found = touched(home, forget)
    assert found.chains[homes.OTHER].rows == 0
    assert not found.chains[homes.OTHER].is_sound
    assert {(one.partner, one.what) for one in found.store} == {(homes.OTHER, REMOVED)}
    assert all("the chain has 0" in one.said.en for one in found.store)
    assert found.chains[homes.PARTNER].is_sound


def test_rows_that_are_put_between_others_are_counted(home: Home) -> None:
    def push(db: Connection) -> None:
        move(("+ 1000", "> 2"), ("- 999", "> 1000"))(db)
        (row,) = rows.rows(db, homes.PARTNER, 2, 2)
        values = {name: getattr(row, name) for name in rows._FIELDS} | {"sequence": 3}
        db.execute(insert(t.audit).values(**values))

    told = [(one.what, one.said.en) for one in touched(home, push).rows]
    assert any(one == INSERTED and "1 row was inserted just before" in words for one, words in told), told


# --- the store --------------------------------------------------------------------------------------------------------


@contextmanager
def put_back(path: Path) -> Iterator[None]:
    content = path.read_bytes()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        path.write_bytes(content)


def test_an_object_of_a_unit_that_is_altered_or_gone_is_named(home: Home) -> None:
    objects = sorted((home.path / "store" / homes.PARTNER / "results").iterdir())
    told = parsed(objects[0].read_bytes())
    assert told["partner"] == homes.PARTNER
    assert "chain" in told
    with put_back(objects[0]):
        objects[0].write_bytes(b"{}")
        (altered,) = looked_at(home, full=True).store
        objects[0].unlink()
        (gone,) = looked_at(home, full=True).store
    assert (altered.what, gone.what) == (UNATTESTED, UNATTESTED)
    assert "has not the bytes of its name" in altered.said.en
    assert "is missing from the store" in gone.said.en


def test_a_head_of_another_chain_is_named(home: Home) -> None:
    folder = home.path / "store" / homes.PARTNER / "heads-2026-11"
    body = json.dumps(
        {
            "format": "chorus-edi audit head 1",
            "partner": homes.PARTNER,
            "day": "2026-11-21",
            "rows": 2,
            "head": "00" * 32,
        }
    )
    stranger = folder / hashlib.sha256(body.encode()).hexdigest()
    stranger.write_text(body)
    (found,) = looked_at(home).store
    stranger.unlink()
    assert (found.what, found.sequence) == (REWRITTEN, 1)
    assert "row 1 is no longer the one that the head kept on 2026-11-21" in found.said.en


def test_who_works_beside_a_look_is_not_called_a_thief(fresh: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Objects and heads that are stored after the view of the ledger that is read attest rows which it cannot show."""
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    runner.run(fresh)
    with fresh.ledger.reading() as db:
        list(rows.rows(db))  # the view is taken
        at(fresh, 1)
        homes.drop(fresh, NAME(2), homes.ubl("A-2"))
        assert runner.run(fresh).faults == []
        found = inspect(fresh, db, full=True)
    assert [one.said.en for one in found.problems] == []
    assert found.chains[homes.PARTNER].heads == 2


def test_one_head_a_day_and_none_for_a_chain_that_rests(fresh: Home) -> None:
    def heads() -> int:
        return len(list((fresh.path / "store" / homes.PARTNER).glob("heads-*/*")))

    for number, (days, is_dropped, expected) in enumerate(
        ((0, False, 0), (0, True, 1), (0, True, 1), (1, False, 2), (2, False, 2))
    ):
        at(fresh, days)
        if is_dropped:
            homes.drop(fresh, NAME(number), homes.ubl(f"A-{number}"))
        assert runner.run(fresh).faults == []
        assert heads() == expected
    assert looked_at(fresh, full=True).is_sound


def test_a_store_that_is_away_when_a_head_is_due_is_a_fault_and_the_head_goes_later(
    fresh: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    begin = type(fresh.store).begin

    def refuses(store: object, owner: str) -> object:
        if "/heads-" in owner:
            raise OSError(28, "No space left on device")
        return begin(store, owner)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(type(fresh.store), "begin", refuses)
        (fault,) = runner.run(fresh).faults
    assert "têtes du journal" in fault.fr
    assert looked_at(fresh).chains[homes.PARTNER].heads == 0
    assert runner.run(fresh).faults == []
    assert looked_at(fresh).chains[homes.PARTNER].heads == 1


# --- killed, restored -------------------------------------------------------------------------------------------------


def test_a_unit_killed_between_its_object_and_its_row_leaves_a_chain_that_holds(
    fresh: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    right = commits.commit
    dying = [True]

    def dies(*given: object, **more: object) -> bool:
        if dying:
            dying.clear()
            raise KeyboardInterrupt
        return right(*given, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(commits, "commit", dies)
    with pytest.raises(KeyboardInterrupt):
        runner.run(fresh)
    folder = fresh.path / "store" / homes.PARTNER / "results"
    assert len(list(folder.iterdir())) == 1
    with fresh.ledger.reading() as db:
        assert [row.kind for row in rows.rows(db)] == ["genesis", "received"]
    assert runner.run(fresh).faults == []
    found = looked_at(fresh, full=True)
    assert [one.said.en for one in found.problems] == []
    assert found.chains[homes.PARTNER].units == 1
    assert len(list(folder.iterdir())) == 2  # the first one harms nobody


def test_a_ledger_restored_from_an_older_copy_is_told_and_can_be_acknowledged(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    path = tmp_path / "home"
    with homes.ready_home(path, reader=reader) as home:
        homes.drop(home, NAME(1), homes.ubl("A-1"))
        runner.run(home)
        ledger, copy = path / "ledger.sqlite", tmp_path / "older.sqlite"
        with closing(sqlite3.connect(ledger)) as source, closing(sqlite3.connect(copy)) as older:
            source.backup(older)
        at(home, 1)
        homes.drop(home, NAME(2), homes.ubl("A-2"))
        runner.run(home)
    for left in path.glob("ledger.sqlite*"):
        left.unlink()
    shutil.copy(tmp_path / "older.sqlite", path / "ledger.sqlite")
    with homes.open_home(path, homes.NOON + timedelta(days=1), reader=reader) as home:
        unit, head = looked_at(home).store
        assert (unit.what, "that is gone" in unit.said.en) == (REMOVED, True)
        assert (head.what, "were removed" in head.said.en) == (REMOVED, True)
        assert acknowledge(home, "op-dupont", "disque perdu") == {homes.PARTNER: 2}
        found = looked_at(home, full=True)
        assert [one.said.en for one in found.problems] == []
        assert found.chains[homes.PARTNER].forgotten == 2
        with home.ledger.reading() as db:
            *_, last = rows.rows(db, homes.PARTNER)
        assert (last.kind, last.told["operator"]) == ("restored", "op-dupont")
        homes.drop(home, NAME(3), homes.ubl("A-3"))
        assert runner.run(home).faults == []
        assert looked_at(home, full=True).is_sound
        assert acknowledge(home, "op-dupont", "twice is once") == {}


# --- retention --------------------------------------------------------------------------------------------------------


def test_a_purge_says_who_did_it_and_stops_where_the_chain_is_broken(fresh: Home) -> None:
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    assert runner.run(fresh).faults == []
    fresh.clock = FixedClock(homes.NOON.replace(year=2036) + timedelta(days=1))
    agreed = plan(fresh)
    assert agreed.objects == 4
    back = "UPDATE deposits SET received_day = '{}'"
    with fresh.ledger.writing() as db:
        db.execute(text(back.format("2026-11-19")))
    with pytest.raises(Fault, match="the audit chain does not hold"):
        purge(fresh, agreed.digest)
    assert plan(fresh).objects == 4
    with fresh.ledger.writing() as db:
        db.execute(text(back.format("2026-11-20")))
    assert purge(fresh, agreed.digest, operator="op-dupont").objects == 4
    with fresh.ledger.reading() as db:
        told = {row.partner: row.told for row in rows.rows(db) if row.kind == "purge"}
        gone = {owner for owner, _ in rows.purged(db)}
    assert told.keys() == gone == {homes.PARTNER, "PORTAL"}
    assert {(one["operator"], one["before"]) for one in told.values()} == {("op-dupont", "2026-11-21")}
    assert sum(len(one["objects"]) for one in told.values()) == 4
    assert looked_at(fresh, full=True).is_sound
    homes.drop(fresh, NAME(2), homes.ubl("A-1"))  # the same bytes, after so many years
    assert runner.run(fresh).faults == []
    with fresh.ledger.reading() as db:
        assert [len(row.told["objects"]) for row in rows.rows(db) if row.kind == "returned"] == [1]
    assert looked_at(fresh, full=True).is_sound


def test_a_purge_stops_where_only_the_store_knows_how_old_anything_is(fresh: Home) -> None:
    """Whoever may write the whole ledger makes it ten years older, chain included."""
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    assert runner.run(fresh).faults == []
    assert plan(fresh).objects == 0
    with fresh.ledger.writing() as db:
        for column in ("deposits SET received_day", "invoices SET received_day"):
            db.execute(text(f"UPDATE {column} = '2016-01-01'"))
        for column in ("deposits SET received_at", "transitions SET at"):
            db.execute(text(f"UPDATE {column} = '2016-01-01T11:00:00.000000+00:00'"))
        make_it_fit(db)
    agreed = plan(fresh)
    assert agreed.objects == 4
    assert looked_at(fresh).rows == []
    with pytest.raises(Fault, match="the audit chain does not hold"):
        purge(fresh, agreed.digest)
    assert plan(fresh) == agreed


def test_a_row_of_a_purge_that_is_taken_away_is_missed(fresh: Home) -> None:
    homes.drop(fresh, NAME(1), homes.ubl("A-1"))
    runner.run(fresh)
    fresh.clock = FixedClock(homes.NOON.replace(year=2036) + timedelta(days=1))
    purge(fresh, plan(fresh).digest)
    found = touched(fresh, lambda db: db.execute(delete(t.purged).where(t.purged.c.owner == "PORTAL")) and None)
    (problem,) = found.rows
    assert (problem.partner, problem.what) == ("PORTAL", REMOVED)
    assert "its purge is written no more" in problem.said.en


def test_in_a_bucket_what_the_audit_leaves_is_under_lock(
    tmp_path: Path, reader: tuple[str, ...], s3_server: S3Server
) -> None:
    bucket = s3_server.make_bucket("audited", lock=True, versions=True)
    s3 = {"bucket": bucket, "endpoint": s3_server.endpoint, "access_key": s3_server.access_key,
          "secret_key": s3_server.secret_key}  # fmt: skip
    path = tmp_path / "home"
    with homes.open_home(path, settings=load(path, ours="CPP001", readers=1, s3=s3), reader=reader) as home:
        runner.add_partner(home, homes.partner())
        runner.import_directory(home, homes.directory(path / "annuaire"), homes.NOON.date())
        homes.drop(home, NAME(1), homes.ubl("A-1"))
        assert runner.run(home).faults == []
        found = looked_at(home, full=True)
        assert found.is_sound
        assert (found.chains[homes.PARTNER].compared, found.chains[homes.PARTNER].heads) == (1, 1)
        assert found.chains[homes.PARTNER].is_locked
        client = home.store._client  # type: ignore[attr-defined]
        keys = [one["Key"] for one in client.list_objects_v2(Bucket=bucket)["Contents"]]
        ours = [key for key in keys if key.count("/") == 2]
        assert sorted(key.split("/")[1] for key in ours) == ["heads-2026-11", "results"]
        for key in keys:
            told = client.head_object(Bucket=bucket, Key=key)
            until = told["ObjectLockRetainUntilDate"].astimezone(UTC)
            assert until >= datetime.now(UTC).replace(year=datetime.now(UTC).year + 10)
        assert list(home.store.list(homes.PARTNER)) == sorted(
            key.split("/")[1] for key in keys if key.count("/") == 1 and key.startswith(homes.PARTNER)
        )


# --- the command ------------------------------------------------------------------------------------------------------


def cli(capsys: pytest.CaptureFixture[str], *typed: object) -> tuple[int, str, str]:
    capsys.readouterr()
    return command(["audit", *map(str, typed)]), *capsys.readouterr()


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Path:
    path = tmp_path_factory.mktemp("two-days") / "home"
    with homes.ready_home(path, reader=reader) as home:
        homes.drop(home, NAME(1), homes.ubl("A-1"))
        homes.drop(home, NAME(2), homes.archive([("a.xml", homes.ubl("A-2")), ("b.xml", b"<no")]))
        runner.run(home)
        at(home, 1)
        homes.drop(home, NAME(3), homes.ubl("A-3"))
        homes.drop(home, NAME(1, partner=homes.OTHER), homes.ubl("B-1"), homes.OTHER)
        runner.run(home)
    return path


@pytest.fixture
def of_its_own(two_days: Path, tmp_path: Path) -> Path:
    return shutil.copytree(two_days, tmp_path / "home")


def break_it(path: Path) -> None:
    with homes.open_home(path) as home, home.ledger.writing() as db:
        db.execute(text("UPDATE transitions SET status = '05' WHERE deposit_id = 1 AND sequence = 3"))


def test_the_command_tells_a_sound_home_and_a_broken_one(of_its_own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = cli(capsys, "verify", "--home", of_its_own)
    assert (code, err) == (0, "")
    assert "✔ le journal tient" in out
    assert "le magasin n'a pas de verrou" in out
    (row,) = [line.split() for line in out.splitlines() if line.startswith(homes.OTHER)]
    assert row[:2] == [homes.OTHER, "3"]
    code, out, _ = cli(capsys, "verify", "--full", "--partner", homes.PARTNER, "--format", "json", "--home", of_its_own)
    (told,) = [json.loads(line) for line in out.splitlines()]
    assert (code, told["partner"], told["is_sound"], told["rows"]) == (0, homes.PARTNER, True, 6)
    break_it(of_its_own)
    code, out, err = cli(capsys, "verify", "--home", of_its_own)
    assert (code, err) == (1, "")
    assert f"✘ {homes.PARTNER} ligne 2 (unit) : dépôt 1 ({NAME(1)}), les statuts : modifié depuis" in out
    assert "docs/ops/audit.md" in out
    code, out, _ = cli(capsys, "verify", "--format", "json", "--home", of_its_own)
    problem = json.loads(out.splitlines()[-1])
    assert (code, problem["row"], problem["what"]) == (1, 2, "changed")
    assert cli(capsys, "verify", "--partner", homes.OTHER, "--home", of_its_own)[0] == 0
    assert "the statuses: changed since" in cli(capsys, "verify", "--lang", "en", "--home", of_its_own)[1]


def test_the_command_refuses_what_makes_no_sense(
    of_its_own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "here"
    file.write_text("{}\n")
    home = ("--home", of_its_own)
    for typed, code in (
        (("verify", "--partner", "NOBODY", *home), 2), (("verify", "--file", tmp_path / "nowhere"), 2),
        (("verify", "--file", file, "--full"), 2), (("verify", "--file", file), 3),
        (("export", "--day", "2026-11-20", "--from", "2026-11-20", *home), 2), (("export", "--to", "2026-11-20", *home), 2),
        (("export", "--from", "2026-11-20", "--to", "2026-11-19", *home), 2), (("export", "--output", file, *home), 2),
        (("export", "--day", "20/11/2026", *home), 2),
    ):  # fmt: skip
        got, out, err = cli(capsys, *typed)
        assert (got, out, err.startswith("chorus-edi : ")) == (code, "", True), typed
    assert file.read_text() == "{}\n"


def exported(home: Path, capsys: pytest.CaptureFixture[str], *typed: str) -> Path:
    file = home.parent / f"export-{len(list(home.parent.iterdir()))}.jsonl"
    code, out, err = cli(capsys, "export", *typed, "--output", file, "--home", home)
    assert (code, out) == (0, "")
    assert re.match(r"chorus-edi : \d+ partenaires?, \d+ lignes?, \d+ objets? du magasin, du ", err)
    return file


def test_a_period_is_written_and_checked_without_the_home(of_its_own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21")
    first = exported(of_its_own, capsys, "--day", "2026-11-20")
    one = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21", "--partner", homes.OTHER)
    shutil.rmtree(of_its_own)
    for file, chains in ((whole, 2), (first, 1), (one, 1)):
        code, out, _ = cli(capsys, "verify", "--file", file, "--format", "json")
        told = [json.loads(line) for line in out.splitlines()]
        assert (code, len(told)) == (0, chains)
        assert all(chain["is_sound"] and chain["compared"] == chain["units"] for chain in told)
    out = cli(capsys, "verify", "--file", whole)[1]
    assert "✔ le journal tient" in out
    assert "verrou" not in out  # a file does not tell


def test_an_export_of_a_ledger_that_was_touched_says_so(of_its_own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    break_it(of_its_own)
    file = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21")
    code, out, _ = cli(capsys, "verify", "--file", file)
    assert code == 1
    assert "dépôt 1, les statuts : modifié depuis" in out


@pytest.mark.parametrize("touch", ["record", "row", "lost row", "lost records", "object", "cut", "lost chain"])
def test_a_file_that_was_touched_says_so(of_its_own: Path, capsys: pytest.CaptureFixture[str], touch: str) -> None:
    file = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21")
    lines = file.read_text().splitlines()
    number = {name: next(n for n, line in enumerate(lines) if line.startswith(f'{{"{name}"') and wanted in line)
              for name, wanted in (("records", "transitions"), ("row", '"unit"'), ("object", "results"))}  # fmt: skip
    match touch:
        case "record":
            lines[number["records"]] = lines[number["records"]].replace('"03"', '"05"', 1)
        case "row":
            lines[number["row"]] = re.sub(r'"lot":\d+', '"lot":99', lines[number["row"]])
        case "lost row":
            del lines[number["row"]]
        case "lost records":
            del lines[number["records"]]
        case "object":
            lines[number["object"]] = lines[number["object"]].replace("IN_INTEGRE", "IN_REJETE!")
        case "cut":
            del lines[-1]
        case "lost chain":
            lines = [line for line in lines if f'"partner":"{homes.OTHER}"' not in line]
    file.write_text("".join(f"{line}\n" for line in lines))
    code, out, _ = cli(capsys, "verify", "--file", file)
    assert code == 1
    assert "✘" in out


def test_the_program_of_the_documentation_recomputes_an_export(
    of_its_own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert len([line for line in program.splitlines() if line]) <= 20
    (tmp_path / "check.py").write_text(program)
    file = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21")

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-I", "-S", tmp_path / "check.py", file], capture_output=True, text=True, check=False
        )

    done = run()
    assert (done.returncode, done.stdout) == (0, "2 chains hold\n"), done.stderr
    file.write_text(file.read_text().replace('"03"', '"05"', 1))
    assert run().returncode != 0
    break_it(of_its_own)
    file = exported(of_its_own, capsys, "--from", "2026-11-20", "--to", "2026-11-21")
    assert run().returncode != 0


def test_who_may_not_read_an_amount_in_a_log_finds_none_in_what_the_audit_leaves(home: Home) -> None:
    """The objects in the store hold digests, numbers and states: nothing of an invoice, no name of a flow."""
    for path in [*home.path.glob("store/*/results/*"), *home.path.glob("store/*/heads-*/*")]:
        content = path.read_text()
        assert not re.search(r"A-1|A-2|B-1|H-1|Fournisseur|12345678900015|FSO1100A", content), path
