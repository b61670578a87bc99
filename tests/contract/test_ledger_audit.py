"""The chain in the ledger, on each engine: it begins with what was there, grows under its lock, and remembers purges."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from ledger_samples import (
    AT,
    answered,
    broken_rules,
    claim,
    commit,
    deposits_of,
    dropped,
    file,
    found,
    invoice,
    later,
    register,
    settle,
)
from side_by_side import at_once
from sqlalchemy import insert, select, text, update

from pipeline.adapters.ledger import Connection, Ledger, audit, claims, commits, held, retention, shadows, tables
from pipeline.adapters.ledger.audit_records import NO_ROW, groups
from pipeline.adapters.ledger.migrations import script_folder
from pipeline.audit.examine import Examined, examine
from pipeline.audit.form import UNIT, Head, covered
from pipeline.ports import Fault, Said

OLD = "2026-11-19T11:00:00.000000+00:00"


def examined(ledger: Ledger) -> Examined:
    with ledger.reading() as db:
        return examine(audit.rows(db), groups(db), audit.names(db))


def kinds(ledger: Ledger, partner: str = "AAA001") -> list[str]:
    with ledger.reading() as db:
        return [row.kind for row in audit.rows(db, partner)]


# --- it grows ---------------------------------------------------------------------------------------------------------


def test_rows_appended_at_once_are_one_chain_without_a_gap(open_ledger: Any, ledger: Ledger) -> None:
    """Two chains, four writers: whoever appends holds the head, and no unit is lost or doubled."""

    def work(mine: Ledger, who: int) -> None:
        for turn in range(15):
            cover = covered([("reject_days", 0, [["AAA001", str(who), "d", turn, "n", 1]])])
            for partner in ("AAA001", "BBB001"):
                mine.write(lambda db, partner=partner, cover=cover: audit.append(db, partner, UNIT, AT, cover, lot=who))

    at_once(open_ledger, [lambda mine, who=who: work(mine, who) for who in range(4)])
    with ledger.reading() as db:
        for partner in ("AAA001", "BBB001"):
            rows = list(audit.rows(db, partner))
            assert [row.sequence for row in rows] == list(range(61))
            assert all(row.hash == row.expected for row in rows)
            assert all(row.previous == before.hash for before, row in pairwise(rows))
            assert sorted(row.lot for row in rows[1:]) == sorted([*range(4)] * 15)
            assert audit.head(db, partner) == Head(61, rows[-1].hash)


def test_a_unit_that_is_rolled_back_leaves_no_row(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)

    def unit(db: Connection) -> None:
        audit.append(db, "AAA001", UNIT, AT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.write(unit)
    assert kinds(ledger) == ["genesis", "received"]
    assert broken_rules(ledger) == {}


def test_a_head_that_was_moved_by_hand_stops_nothing_and_is_seen(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    with ledger.writing() as db:
        db.execute(update(tables.audit_heads).values(hash="0" * 64))
    dropped(ledger, "AAA001", 1, first=5)
    assert [one.what for one in examined(ledger).problems] == ["rewritten"]


def test_refused_flows_and_flows_that_stay_pending_have_their_row_too(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1, 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", commits.InvoiceOutcome.REFUSED)], "IN_REJETE")
    with ledger.reading() as db:
        *_, row = audit.rows(db)
        tables_covered = [group.table for group in groups(db) if group.sequence == row.sequence]
    assert row.kind == UNIT
    assert tables_covered == ["verdicts", "invoices", "findings", "outbox"] * 2
    assert (row.lot, row.attempt, row.records) == (1, 1, 8)


def test_every_text_comes_back_as_it_was_covered(ledger: Ledger) -> None:
    """Whatever a stranger wrote: names that are no UTF-8, NUL, halves of surrogate pairs, the largest numbers."""
    name = b"caf\xe9 \xff\x01.xml"
    register(ledger, "AAA001", [file("AAA001", "odd", name=name, size=2**40)])
    lot = claim(ledger)
    assert lot is not None
    odd = found("a\0b\ud800\U0001f600é")
    (flow,) = deposits_of(ledger, lot)
    told = answered(flow, [invoice(1, "N-1", total="9000000000000.00")])
    assert commit(ledger, lot, [replace(told, verdict=replace(told.verdict, findings=(odd,)))])
    ledger.write(lambda db: shadows.add(db, flow.id, "op", AT, {"x": "\ud800"}, {}))
    whole = examined(ledger)
    assert (whole.problems, whole.doubts) == ([], [])


def test_a_decision_and_a_repetition_of_it_are_one_row(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", commits.InvoiceOutcome.PENDING)], "IN_EN_ATTENTE_TRAITEMENT_CPP")
    word = held.Decision(held.REFUSE, "op", "why")
    ledger.write(lambda db: held.decide(db, one, [1], word, later(8)))
    with pytest.raises(Fault, match="decided already"):
        ledger.write(lambda db: held.decide(db, one, [1], word, later(8)))
    assert kinds(ledger) == ["genesis", "received", "unit", "decision"]
    assert broken_rules(ledger) == {}


def test_what_names_no_verdict_is_covered_by_no_row(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    with ledger.writing() as db:
        db.execute(insert(tables.invoices).values(deposit_id=one, rank=1))
    with ledger.reading() as db:
        assert [(g.table, g.sequence) for g in groups(db) if g.table == "invoices"] == [("invoices", NO_ROW)]
    (problem,) = examined(ledger).problems
    assert problem.what == "uncovered"


def test_a_part_of_a_chain_is_read_with_what_it_covers(ledger: Ledger) -> None:
    for number in range(3):
        dropped(ledger, "AAA001", 1, first=number)
        dropped(ledger, "BBB001", 1, first=number)
    with ledger.reading() as db:
        assert [(row.partner, row.sequence) for row in audit.rows(db, "AAA001", 2, 3)] == [("AAA001", 2), ("AAA001", 3)]
        assert [(g.partner, g.sequence) for g in groups(db, "AAA001", 2, 3)] == [("AAA001", 2), ("AAA001", 3)]
        assert audit.between(db, AT, later(1)) == {"AAA001": (0, 3), "BBB001": (0, 3)}
        assert audit.between(db, AT, later(1), "BBB001") == {"BBB001": (0, 3)}
        assert audit.between(db, later(1), later(2)) == {}


def test_a_head_is_due_once_a_day_where_the_chain_moved(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    for day, first, second in (("2026-11-20", 1, 0), ("2026-11-21", 0, 0)):
        for expected in (first, second):
            with ledger.reading() as db:
                due = audit.heads_due(db, day)
            assert len(due) == expected
            ledger.write(lambda db, due=due, day=day: audit.heads_kept(db, due, day))
    dropped(ledger, "AAA001", 1, first=3)
    with ledger.reading() as db:
        assert audit.heads_due(db, "2026-11-20") == []
        (one,) = audit.heads_due(db, "2026-11-21")
    assert (one.partner, one.head.rows) == ("AAA001", 3)


# --- purges -----------------------------------------------------------------------------------------------------------


def test_a_purge_and_what_comes_back_from_it_are_rows_of_each_owner(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1, 1)
    dropped(ledger, "BBB001", 1, first=7)
    while (lot := claim(ledger)) is not None:
        settle(ledger, lot, [invoice(1, f"N-{lot.id}", commits.InvoiceOutcome.REFUSED)], "IN_REJETE")
    with ledger.writing() as db:
        db.execute(update(tables.outbox).values(state="sent"))
    before = date(2036, 11, 20)
    with ledger.reading() as db:
        keys = [one.key for one in retention.past(db, before)]
    ledger.write(lambda db: retention.write_off(db, before, keys, later(3660), "op-dupont"))
    ledger.write(lambda db: retention.write_off(db, before, keys, later(3660), "op-dupont"))  # goes on after a kill
    ledger.write(lambda db: retention.came_back(db, keys[:1], later(3661)))
    ledger.write(lambda db: retention.came_back(db, keys[:1], later(3661)))
    assert kinds(ledger).count("purge") == kinds(ledger, "BBB001").count("purge") == 1
    assert [kinds(ledger, owner).count("returned") for owner in ("AAA001", "BBB001")] == [1, 0]
    whole = examined(ledger)
    assert (whole.problems, whole.doubts) == ([], [])
    with ledger.reading() as db:
        assert set().union(*(chain.purged for chain in whole.chains.values())) == audit.purged(db) == {*keys[1:]}


# --- an older ledger --------------------------------------------------------------------------------------------------


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def older(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """A ledger of the version before the chain covered everything, with rows in it."""
    if request.param == "sqlite":
        ledger = Ledger.at(tmp_path / "older.sqlite")
    else:
        ledger = Ledger.on_server(request.getfixturevalue("postgres").database().url)
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    with ledger.writing() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0002")
        fill(db)
    yield ledger
    ledger.close()


def fill(db: Connection) -> None:
    """Two flows answered, one received, one decided later, as the version before wrote them."""
    for number, (partner, state) in enumerate(
        (("AAA001", "IN_INTEGRE"), ("AAA001", "received"), ("BBB001", "IN_INTEGRE")), 1
    ):
        db.execute(
            text(
                "INSERT INTO deposits (id, partner, claim, name_bytes, name, sha256, is_kept, received_at, received_day, state) "
                "VALUES (:id, :partner, :claim, :name, 'n', :sha256, 1, :at, '2026-11-19', :state)"
            ),
            {"id": number, "partner": partner, "claim": f"c{number}", "name": b"n", "sha256": f"{number}" * 64, "at": OLD,
             "state": state},
        )  # fmt: skip
    for number, partner in ((1, "AAA001"), (3, "BBB001")):
        db.execute(text("INSERT INTO verdicts (deposit_id, state) VALUES (:id, 'IN_INTEGRE')"), {"id": number})
        db.execute(
            text(
                "INSERT INTO invoices (deposit_id, rank, outcome, judgement, receiver) VALUES (:id, 1, 'integrated', :j, 'P')"
            ),
            {"id": number, "j": number},
        )
        steps = [[number, 1, sequence, f"{sequence:02d}", OLD, ""] for sequence in (1, 2, 3)]
        for one in steps:
            db.execute(
                text(
                    "INSERT INTO transitions (deposit_id, rank, sequence, status, at, comment, audited) "
                    "VALUES (:d, :r, :s, :t, :at, :c, 1)"
                ),
                dict(zip("drst", one[:4], strict=True)) | {"at": OLD, "c": ""},
            )
        digest = hashlib.sha256(json.dumps(steps, separators=(",", ":")).encode()).hexdigest()
        told = hashlib.sha256(f"{partner}|1|3|{digest}|".encode()).hexdigest()
        db.execute(
            text(
                "INSERT INTO audit (partner, sequence, transitions, digest, previous, hash, at) "
                "VALUES (:p, 1, 3, :d, '', :h, :at)"
            ),
            {"p": partner, "d": digest, "h": told, "at": OLD},
        )
    db.execute(text("INSERT INTO purged (owner, sha256, at) VALUES ('AAA001', 'ab', :at)"), {"at": OLD})


def test_the_chain_of_an_older_ledger_begins_with_what_was_there(older: Ledger) -> None:
    older.migrate()
    whole = examined(older)
    assert (whole.problems, whole.doubts) == ([], [])
    with older.reading() as db:
        rows = {row.partner: row for row in audit.rows(db)}
        assert audit.heads(db) == {partner: Head(1, row.hash) for partner, row in rows.items()}
        assert audit.purged(db) == {key for chain in whole.chains.values() for key in chain.purged}
    assert rows.keys() == {"AAA001", "BBB001"}
    told = rows["AAA001"].told
    assert told["records"] == {"deposits": 2, "verdicts": 1, "invoices": 1, "transitions": 3}
    assert (told["earlier"]["rows"], told["earlier"]["holds"], len(told["earlier"]["head"])) == (1, True, 64)
    assert rows["BBB001"].told["records"] == {
        "deposits": 1,
        "verdicts": 1,
        "invoices": 1,
        "decided": 1,
        "transitions": 3,
    }
    assert [row.records for row in rows.values()] == [7, 7]
    assert register(older, "AAA001", [file("AAA001", 1)])[0].id == 4  # and it goes on
    assert (examined(older).problems, examined(older).doubts) == ([], [])


def test_an_earlier_chain_that_did_not_hold_is_said_to(older: Ledger) -> None:
    with older.writing() as db:
        db.execute(text("UPDATE transitions SET status = '05' WHERE deposit_id = 1 AND sequence = 3"))
    older.migrate()
    with older.reading() as db:
        assert {row.partner: row.told["earlier"]["holds"] for row in audit.rows(db)} == {
            "AAA001": False,
            "BBB001": True,
        }
    assert (examined(older).problems, examined(older).doubts) == ([], [])  # from here on what stands is what stood


def test_what_an_older_ledger_held_is_watched_from_then_on(older: Ledger) -> None:
    older.migrate()
    with older.writing() as db:
        db.execute(text("UPDATE invoices SET total = '1.00' WHERE deposit_id = 3"))
    (doubt,) = examined(older).doubts
    assert (doubt.row.partner, doubt.row.sequence) == ("BBB001", 0)


def test_a_deposit_set_apart_has_its_row(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    lot = claim(ledger)
    assert lot is not None
    faults = {one: Said("tue son lecteur", "kills its reader")}

    def unit(db: Connection) -> None:
        claims.give_back(db, lot, faults, "1", quarantine=True)
        audit.append(db, lot.partner, "quarantine", AT, detail={"deposits": [one]})

    ledger.write(unit)
    over = held.Decision(held.REFUSE, "chorus-edi", "quarantine is over")
    for _ in range(2):
        ledger.write(lambda db: held.release(db, one, over, later(1)))
    assert kinds(ledger) == ["genesis", "received", "quarantine", "decision"]
    with ledger.reading() as db:
        assert db.execute(select(tables.decisions.c.audited)).scalars().all() == [3]
    assert broken_rules(ledger) == {}
