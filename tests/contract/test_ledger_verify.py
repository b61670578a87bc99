"""What `verify` reads of a ledger passes by: a longer ledger takes more time, and no more memory."""

import tracemalloc
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

import pytest

from pipeline import reconcile
from pipeline.adapters.ledger import Connection, Ledger, bulk, invariants, promises
from pipeline.adapters.ledger import tables as t

SHORT, LONG = 300, 1_500
AT = "2026-11-20T11:00:00.000000+00:00"
DATED = {"purged_too_early": (date(2026, 1, 1),), "untold_since": (datetime(2026, 1, 1, tzinfo=UTC),)}
READ: dict[str, Callable[..., Iterator[object]]] = {
    name: found
    for module in (invariants, promises)
    for name, found in vars(module).items()
    if callable(found) and not name.startswith("_") and "Iterator" in str(getattr(found, "__annotations__", {}).get("return"))
    and "db" in found.__annotations__
}  # fmt: skip


def filled(ledger: Ledger, count: int, first: int = 1) -> None:
    """Deposits of one integrated invoice each, answered and sent."""
    numbers = range(first, first + count)
    rows = {
        t.deposits: [
            {"id": n, "partner": "AAA001", "claim": f"c{n}", "name_bytes": b"f%d" % n, "name": f"f{n}",
             "sha256": f"{n:064x}", "size_bytes": 1, "is_kept": 1, "received_at": AT, "received_day": "2026-11-20",
             "state": "IN_INTEGRE"}
            for n in numbers
        ],
        t.flows: [
            {"deposit_id": n, "partner": "AAA001", "name_bytes": b"f%d" % n, "sha256": f"{n:064x}", "holds_name": 1,
             "holds_bytes": 1}
            for n in numbers
        ],
        t.verdicts: [
            {"deposit_id": n, "state": "IN_INTEGRE", "snapshot": "annuaire", "packs": "[]", "not_judged": "[]",
             "members": "[]", "declared": '{"EUR":[1,0,1000000]}', "rejects_file": "-"}
            for n in numbers
        ],
        t.invoices: [
            {"deposit_id": n, "rank": 1, "partner": "AAA001", "received_day": "2026-11-20", "number": f"N-{n}",
             "issued": "2026-11-18", "supplier_type": "1", "supplier": "S", "currency": "EUR", "total": "1.00",
             "total_millionths": 1_000_000, "outcome": "integrated", "receiver": "PORTAL", "judgement": 1}
            for n in numbers
        ],
        t.number_claims: [
            {"scope": "", "supplier_type": "1", "supplier": "S", "number": f"N-{n}", "year": 2026, "deposit_id": n,
             "rank": 1}
            for n in numbers
        ],
        t.transitions: [
            {"deposit_id": n, "rank": 1, "sequence": s, "status": f"{s:02d}", "at": AT} for n in numbers for s in (1, 2, 3)
        ],
        t.outbox: [
            {"place": place, "name": f"{kind}-{n}", "kind": kind, "owner": owner, "deposit_id": n, "sha256": f"{n:064x}",
             "size_bytes": 1, "state": "sent"}
            for n in numbers
            for kind, place, owner in (("CSO", "drop/AAA001", "AAA001"), ("FEN0036A", "recipients/PORTAL", "PORTAL"))
        ],
    }  # fmt: skip
    with ledger.writing() as db:
        for table, several in rows.items():
            bulk.add(db, table, several)


def asked(db: Connection, what: str) -> int:
    return sum(1 for _ in READ[what](db, *DATED.get(what, ())))


def peak(ledger: Ledger, work: Callable[[Connection], object]) -> int:
    with ledger.reading() as db:
        work(db)  # statements are compiled and caches filled
        tracemalloc.start()
        try:
            work(db)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_a_longer_ledger_takes_no_more_memory(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "STREAM_ROWS", 30)
    works: dict[str, Callable[[Connection], object]] = {
        name: (lambda db, name=name: asked(db, name))
        for name in READ  # type: ignore[misc]
    }
    works["counted"] = lambda db: reconcile.counted(invariants.read(db), invariants.booked(db))
    works["histories"] = lambda db: reconcile.histories(invariants.steps(db))
    filled(ledger, SHORT)
    short = {name: peak(ledger, work) for name, work in works.items()}
    filled(ledger, LONG - SHORT, first=SHORT + 1)
    long = {name: peak(ledger, work) for name, work in works.items()}
    assert len(READ) >= 20
    assert {name: (short[name], long[name]) for name in works if long[name] > 1.5 * short[name] + 50_000} == {}
    with ledger.reading() as db:
        lines = reconcile.counted(invariants.read(db), invariants.booked(db))
    assert [(line.name, line.ok, line.count) for line in lines] == [("invoices", True, LONG), ("money EUR", True, LONG)]
    assert lines[1].detail.en == f"integrated {LONG}.00"
