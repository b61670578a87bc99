"""Which return tells which change: fixed once, in the order of the field, covered by the chain; on each engine."""

from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from changes_planted import change
from ledger_samples import AT, LIMITS, broken_rules, claim, dropped, invoice, settle
from side_by_side import at_once
from sqlalchemy import select, text, update

from pipeline.adapters.ledger import Connection, Ledger, LostLease, audit, claims, tables, telling
from pipeline.adapters.ledger.rows import Lot, ToSend
from pipeline.adapters.ledger.telling import Telling
from pipeline.audit.form import TOLD
from pipeline.ports import Fault
from pipeline.returns import names

OURS = "CPP001"
LATER = AT + timedelta(hours=1)


def integrated(ledger: Ledger, partner: str = "AAA001", invoices: int = 2, first: int = 0) -> list[int]:
    """A flow of so many integrated invoices; its id."""
    made = dropped(ledger, partner, 1, first=first)
    settle(ledger, claim(ledger), [invoice(rank, f"N-{partner}-{first}-{rank}") for rank in range(1, invoices + 1)])
    return made


def fixed(ledger: Ledger, issuer: str = "AAA001", most: int = 500) -> int:
    return ledger.write(lambda db: telling.fix(db, issuer, OURS, most))


def left(ledger: Ledger) -> list[tuple[str, str]]:
    with ledger.reading() as db:
        return telling.unfinished(db)


def told(db: Connection, issuer: str, name: str) -> Telling:
    file = ToSend(f"drop/{issuer}", name, "FEN1201A", issuer, None, "ef" * 32, 100)
    return Telling(issuer, file, telling.changes_in(db, issuer, name))


def recorded(ledger: Ledger, lot: Lot | None = None) -> None:
    """Everything that has its name is put in line."""
    with ledger.reading() as db:
        tellings = [told(db, *one) for one in telling.unfinished(db)]
    ledger.write(lambda db: telling.record(db, lot, tellings, LATER))


def contents(ledger: Ledger, issuer: str = "AAA001") -> list[list[tuple[int, int, int]]]:
    """The changes in each return that has its name, in the order of the names' first changes."""
    with ledger.reading() as db:
        several = [telling.changes_in(db, *one) for one in telling.unfinished(db) if one[0] == issuer]
    return sorted([(c.deposit_id, c.rank, c.sequence) for c in one] for one in several)


def test_nothing_is_told_where_nothing_changed(ledger: Ledger) -> None:
    integrated(ledger)
    with ledger.reading() as db:
        assert (telling.due(db), telling.untold(db), telling.unfinished(db)) == ([], [], [])
    assert fixed(ledger) == 0


def test_the_name_follows_from_the_first_and_the_last_change(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (2, "05", LATER), (1, "08", LATER - timedelta(minutes=1)))
    assert fixed(ledger) == 1
    first, last = names.transition_id("AAA001", "0", 1, 4), names.transition_id("AAA001", "0", 2, 4)
    name = names.later_lifecycle_name("AAA001", first, last, OURS)
    assert left(ledger) == [("AAA001", name)]
    with ledger.reading() as db:
        changes = telling.changes_in(db, "AAA001", name)
    assert [(c.rank, c.status, c.at) for c in changes] == [(1, "08", LATER - timedelta(minutes=1)), (2, "05", LATER)]
    assert fixed(ledger) == 0  # once


def test_what_comes_later_is_in_another_return(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "07", LATER))
    fixed(ledger)
    change(ledger, one, (1, "08", LATER))
    change(ledger, one, (2, "05", LATER - timedelta(minutes=9)))  # older, and applied later
    assert fixed(ledger) == 1
    assert contents(ledger) == [[(one, 1, 4)], [(one, 2, 4), (one, 1, 5)]]


def test_a_window_is_counted_from_the_first_change_that_was_applied(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    (other,) = integrated(ledger, "BBB001", first=1)
    change(ledger, one, (1, "08", AT), applied=LATER)
    change(ledger, one, (2, "08", AT), applied=LATER + timedelta(seconds=30))
    change(ledger, other, (1, "08", AT), applied=LATER + timedelta(seconds=40))
    with ledger.reading() as db:
        assert telling.due(db, LATER - timedelta(microseconds=1)) == []
        assert telling.due(db, LATER) == ["AAA001"]
        assert telling.due(db) == telling.due(db, LATER + timedelta(seconds=40)) == ["AAA001", "BBB001"]
        assert [(u.issuer, u.count, u.oldest) for u in telling.untold(db)] == [
            ("AAA001", 2, LATER),
            ("BBB001", 1, LATER + timedelta(seconds=40)),
        ]


def test_a_return_has_its_most_and_what_happened_at_once_stays_together(ledger: Ledger) -> None:
    (one,) = integrated(ledger, invoices=4)
    change(ledger, one, (1, "04", LATER), (2, "08", LATER))
    moment = LATER + timedelta(minutes=1)
    change(ledger, one, (1, "01", moment), (1, "02", moment), (1, "03", moment), set_by="supplier")
    change(ledger, one, (3, "08", moment), (4, "08", moment))
    assert fixed(ledger, most=3) == 3
    assert contents(ledger) == [
        [(one, 1, 4), (one, 2, 4)],
        [(one, 1, 5), (one, 1, 6), (one, 1, 7)],
        [(one, 3, 4), (one, 4, 4)],
    ]


def test_even_a_most_of_one_tears_nothing_apart(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "04", LATER))
    moment = LATER + timedelta(minutes=1)
    change(ledger, one, (1, "01", moment), (1, "02", moment), (1, "03", moment), set_by="supplier")
    assert fixed(ledger, most=1) == 2
    assert contents(ledger) == [[(one, 1, 4)], [(one, 1, 5), (one, 1, 6), (one, 1, 7)]]


def test_the_order_is_that_of_the_field_and_not_of_our_numbers(ledger: Ledger) -> None:
    late, soon = integrated(ledger, first=5) + integrated(ledger, first=1)  # dropped as 5, then as 1
    change(ledger, late, (1, "08", LATER))
    change(ledger, soon, (1, "08", LATER), (2, "08", LATER))
    fixed(ledger)
    assert contents(ledger) == [[(soon, 1, 4), (soon, 2, 4), (late, 1, 4)]]


def test_a_recycled_invoice_is_told_with_the_recipient_of_each_moment(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "04", LATER), reason="SE_ERR", comment="mauvais service")
    again = LATER + timedelta(minutes=1)
    change(
        ledger, one, (1, "01", again), (1, "02", again), (1, "03", again), set_by="supplier", rerouted="12345678200044"
    )
    change(ledger, one, (1, "08", again), mandate="M-1")
    fixed(ledger)
    with ledger.reading() as db:
        ((issuer, name),) = telling.unfinished(db)
        changes = telling.changes_in(db, issuer, name)
    assert [(c.status, c.recipient, c.service) for c in changes] == [
        ("04", "99986401570264", ""),
        *((status, "12345678200044", "S2") for status in ("01", "02", "03", "08")),
    ]
    assert (changes[0].reason, changes[0].comment, changes[-1].mandate) == ("SE_ERR", "mauvais service", "M-1")
    assert (changes[0].set_by, changes[1].set_by) == ("recipient", "supplier")
    assert (changes[0].supplier, changes[0].number) == ("12345678900015", "N-AAA001-0-1")


def test_what_is_put_in_line_is_told_once_and_covered_by_its_issuers_chain(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    (other,) = integrated(ledger, "BBB001", first=1)
    for deposit in (one, other):
        change(ledger, deposit, (1, "08", LATER), (2, "05", LATER))
    for issuer in ("AAA001", "BBB001"):
        fixed(ledger, issuer)
    assert {u.count for u in _untold(ledger)} == {2}  # in a return, and not yet in line
    recorded(ledger)
    assert not _untold(ledger)
    assert not left(ledger)
    with ledger.reading() as db:
        rows = {row.partner: row for row in audit.rows(db) if row.kind == TOLD}
        outbox = db.execute(select(tables.outbox).where(tables.outbox.c.deposit_id.is_(None))).all()
        changes = db.execute(select(tables.changes.c.issuer, tables.changes.c.batch)).all()
    named = {row.issuer: row.batch for row in changes}
    assert {partner: row.records for partner, row in rows.items()} == {"AAA001": 3, "BBB001": 3}
    assert {(row.owner, row.place, row.name, row.state) for row in outbox} == {
        (issuer, f"drop/{issuer}", named[issuer], "ready") for issuer in ("AAA001", "BBB001")
    }
    assert broken_rules(ledger) == {}
    with pytest.raises(Fault, match="just told by another process"):
        with ledger.reading() as db:
            again = [told(db, "AAA001", named["AAA001"])]
        ledger.write(lambda db: telling.record(db, None, again, LATER))
    assert broken_rules(ledger) == {}


def _untold(ledger: Ledger) -> Sequence[telling.Untold]:
    with ledger.reading() as db:
        return telling.untold(db)


@pytest.mark.parametrize(
    "touch",
    [
        "UPDATE changes SET batch = 'FEN1201A_AAA001_CPP0011201ABC' WHERE rank = 1",
        "UPDATE changes SET told = 0 WHERE rank = 1",
        "UPDATE changes SET reason = 'SE_ERR' WHERE rank = 1",
        "UPDATE changes SET issuer = 'BBB001'",
        "DELETE FROM changes WHERE rank = 2",
        "UPDATE transitions SET status = '05' WHERE sequence = 4 AND rank = 1",
        "UPDATE outbox SET sha256 = 'ab' WHERE deposit_id IS NULL",
    ],
)
def test_what_was_told_cannot_be_changed_unseen(ledger: Ledger, touch: str) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "08", LATER), (2, "05", LATER))
    fixed(ledger)
    recorded(ledger)
    with ledger.writing() as db:
        assert db.execute(text(touch)).rowcount
    assert broken_rules(ledger).keys() == {"chain"}


# --- two at once ------------------------------------------------------------------------------------------------------


def test_two_workers_at_once_make_one_return(open_ledger: Any, ledger: Ledger) -> None:
    (one,) = integrated(ledger, invoices=9)
    change(ledger, one, *((rank, "08", LATER) for rank in range(1, 10)))

    def work(mine: Ledger) -> bool:
        lot = mine.write(lambda db: claims.claim_alone(db, claims.TELL, str(id(mine)), 0, LIMITS))
        if lot is None:
            return False

        def fix(db: Connection) -> None:
            claims.guard(db, lot, 0, LIMITS)
            telling.fix(db, "AAA001", OURS, 500)

        mine.write(fix)
        return True

    assert sorted(at_once(open_ledger, [work] * 4)) == [False, False, False, True]
    assert contents(ledger) == [[(one, rank, 4) for rank in range(1, 10)]]


def test_a_worker_that_was_taken_over_puts_nothing_in_line(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "08", LATER))
    gone = ledger.write(lambda db: claims.claim_alone(db, claims.TELL, "gone", 0, LIMITS))
    assert gone is not None
    fixed(ledger)
    mine = ledger.write(lambda db: claims.claim_alone(db, claims.TELL, "me", 46_000, LIMITS))
    assert mine is not None
    assert (mine.id, mine.attempt) == (gone.id, 2)

    def late(db: Connection) -> None:
        claims.guard(db, gone, 46_000, LIMITS)
        telling.record(db, gone, [told(db, *one) for one in telling.unfinished(db)], LATER)

    with pytest.raises(LostLease):
        ledger.write(late)
    recorded(ledger, mine)
    assert left(ledger) == []
    with ledger.reading() as db:
        (row,) = [row for row in audit.rows(db) if row.kind == TOLD]
    assert (row.lot, row.attempt) == (mine.id, 2)


def test_changes_that_come_while_a_return_is_made_wait_for_the_next(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "07", LATER))
    fixed(ledger)
    change(ledger, one, (1, "08", LATER))
    recorded(ledger)
    with ledger.reading() as db:
        assert [(c.rank, c.status) for c in telling.in_no_return(db, "AAA001")] == [(1, "08")]
    fixed(ledger)
    recorded(ledger)
    with ledger.reading() as db:
        rows = [row for row in audit.rows(db, "AAA001") if row.kind == TOLD]
    assert len(rows) == 2
    assert all(a.sequence < b.sequence for a, b in pairwise(rows))


def test_a_row_that_somebody_took_away_meanwhile_stops_the_record(ledger: Ledger) -> None:
    (one,) = integrated(ledger)
    change(ledger, one, (1, "08", LATER))
    fixed(ledger)
    with ledger.reading() as db:
        tellings = [told(db, *one) for one in telling.unfinished(db)]
    with ledger.writing() as db:
        db.execute(update(tables.changes).values(batch="another"))
    with pytest.raises(Fault):
        ledger.write(lambda db: telling.record(db, None, tellings, LATER))
    with ledger.reading() as db:
        assert db.execute(select(tables.outbox.c.name).where(tables.outbox.c.kind == "FEN1201A")).all() == []
