"""The work list, and what pivots are made again from: the same rows on each engine, page by page."""

from collections.abc import Iterable
from datetime import timedelta

from changes_planted import APPLIED, change
from ledger_samples import claim, dropped, invoice, settle
from sqlalchemy import event, insert

from pipeline.adapters.ledger import Connection, Ledger, again, pairs, tables, todo
from pipeline.adapters.ledger.todo import SentBack

HOUR = timedelta(hours=1)


def integrated(ledger: Ledger, partner: str = "AAA001", invoices: int = 3, first: int = 0) -> int:
    made = dropped(ledger, partner, 1, first=first)
    settle(ledger, claim(ledger), [invoice(rank, f"N-{partner}-{first}-{rank}") for rank in range(1, invoices + 1)])
    return made[0]


def everything(db: Connection, count: int, partner: str = "") -> Iterable[SentBack]:
    after = None
    while found := todo.page(db, partner, after, count):
        yield from found
        after = found[-1].after


def test_what_is_to_be_done_comes_oldest_first_and_page_by_page(ledger: Ledger) -> None:
    one, two = integrated(ledger), integrated(ledger, "BBB002", first=9)
    change(ledger, one, (1, "04", APPLIED + 2 * HOUR), (2, "06", APPLIED), comment="pourquoi", reason="JUSTIF_ABS")
    change(ledger, two, (1, "05", APPLIED + HOUR), (2, "05", APPLIED + HOUR), (3, "07", APPLIED + HOUR))
    expected = [(one, 2, "06"), (two, 1, "05"), (two, 2, "05"), (one, 1, "04")]
    with ledger.reading() as db:
        for count in (1, 2, 3, 50):
            assert [(i.deposit_id, i.rank, i.status) for i in everything(db, count)] == expected
        assert [i.rank for i in everything(db, 1, "AAA001")] == [2, 1]
        first = todo.page(db, count=1)[0]
        assert (first.comment, first.reason, first.since) == ("pourquoi", "JUSTIF_ABS", APPLIED)
        assert todo.count(db) == {"04": 1, "05": 2, "06": 1}
        assert todo.count(db, "BBB002") == {"05": 2}


def test_a_reject_that_is_handled_leaves_the_list_and_a_recycled_invoice_stands_where_it_went(ledger: Ledger) -> None:
    made = integrated(ledger)
    change(ledger, made, (1, "05", APPLIED), (2, "05", APPLIED))
    change(ledger, made, (3, "04", APPLIED))
    change(ledger, made, (3, "01", APPLIED), (3, "02", APPLIED), (3, "03", APPLIED), rerouted="12345678200044")
    change(ledger, made, (3, "04", APPLIED + HOUR), comment="encore")
    with ledger.writing() as db:
        db.execute(insert(tables.handled).values(deposit_id=made, rank=1, at="", credit_id=0, corrective_id=0))
    with ledger.reading() as db:
        items = list(everything(db, 50))
        assert [(i.rank, i.recipient, i.service, i.comment) for i in items if i.rank == 3] == [
            (3, "12345678200044", "S2", "encore")
        ]
        assert [i.rank for i in items] == [2, 3]
        assert todo.count(db) == {"04": 1, "05": 1}


def test_the_list_is_read_along_its_index(ledger: Ledger) -> None:
    """Partial: nothing that stands anywhere else is in it, and nothing is sorted for a page."""
    integrated(ledger)
    with ledger.reading() as db:
        if db.dialect.name != "sqlite":
            assert {"ix_invoices_todo", "ix_invoices_todo_partner"} <= {i.name for i in tables.invoices.indexes}
            return
        asked: list[tuple[str, object]] = []
        event.listen(db.engine, "before_cursor_execute", lambda _c, _r, said, given, *_: asked.append((said, given)))
        for partner in ("", "AAA001"):
            asked.clear()
            todo.page(db, partner, ("2026", 1, 1))
            said, given = asked[0]
            plan = str(db.connection.execute(f"EXPLAIN QUERY PLAN {said}", given).fetchall())  # type: ignore[attr-defined]
            assert f"ix_invoices_todo{'_partner' if partner else ''} (" in plan
            assert "TEMP B-TREE" not in plan


def test_pairs_find_their_rows_and_no_others(ledger: Ledger) -> None:
    one, two = integrated(ledger), integrated(ledger, "BBB002", first=9)
    wanted = [(one, 1), (one, 1), (two, 3), (10**12, 1)]
    i = tables.invoices
    with ledger.reading() as db:
        found = []
        for part in pairs.parts(wanted):
            some = pairs.wanted(part)
            found += db.execute(i.select().join(some, pairs.holds(i, some))).all()
        assert sorted((r.deposit_id, r.rank) for r in found) == [(one, 1), (two, 3)]


def test_a_kept_pivot_is_that_of_the_first_receiver(ledger: Ledger) -> None:
    one, two = integrated(ledger), integrated(ledger, "BBB002", first=9)
    with ledger.writing() as db:
        i, o = tables.invoices, tables.outbox
        db.execute(i.update().values(receiver="REC003"))
        db.execute(i.update().where((i.c.deposit_id == one) & (i.c.rank == 2)).values(receiver="REC004"))
        db.execute(insert(o), [
            {"place": f"recipients/{owner}", "name": f"P-{deposit}-{owner}", "kind": kind, "owner": owner,
             "deposit_id": deposit, "sha256": f"{deposit}{owner}", "size_bytes": 1}
            for deposit, owner, kind in (
                (one, "REC003", "FEN0036A"), (one, "REC004", "FEN0036A"), (one, "AAA001", "CSO"),
                (two, "REC004", "FEN0036A"),
            )
        ])  # fmt: skip
    with ledger.reading() as db:
        kept = again.kept_pivots(db, [(one, 1), (one, 2), (two, 1)])
    assert {here: [file.sha256 for file in files] for here, files in kept.items()} == {
        (one, 1): [f"{one}REC003"], (one, 2): [f"{one}REC004"],
    }  # fmt: skip


def test_files_that_were_added_come_in_their_order(ledger: Ledger) -> None:
    made = integrated(ledger)
    rows = [(2, 5, 1, "c"), (1, 8, 1, "d"), (1, 5, 2, "b"), (1, 5, 1, "a")]
    with ledger.writing() as db:
        db.execute(insert(tables.additions), [
            {"deposit_id": made, "rank": rank, "sequence": sequence, "position": position, "name": name,
             "mime": "text/plain", "sha256": name * 64, "size_bytes": 1}
            for rank, sequence, position, name in rows
        ])  # fmt: skip
    with ledger.reading() as db:
        found = again.additions(db, [(made, 1), (made, 3)])
    assert {here: [one.name for one in files] for here, files in found.items()} == {(made, 1): ["a", "b", "d"]}
