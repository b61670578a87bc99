"""Nobody learns by a file of changes that somebody else's invoice exists, and nobody changes it (invariant 13).

A recipient names an invoice of another recipient, an issuer one of another issuer: what they are told, how much is
asked of the ledger for it and how long it takes are those of an invoice that does not exist.
"""

import itertools
import re
import statistics
import time
from collections.abc import Iterator
from datetime import timedelta

import change_files
import homes
import pytest
from change_files import Act, Entry
from sqlalchemy import event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.running.home import Home

COUNTY = "REC004"
THERE, NOT_THERE = "SECRET-1", "SECRET-2"  # of the other one; of nobody
ROWS, ROUNDS, TRIES, NOISE = 60, 5, 4, 0.2
SEQUENCE = itertools.count(1)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Iterator[Home]:
    """The town holds invoices of ABC001, the county those of DEF002; both issuers bill for both suppliers."""
    tmp_path = tmp_path_factory.mktemp("changes")
    with homes.open_home(tmp_path / "home", reader=reader) as opened:
        for code in (homes.PARTNER, homes.OTHER):
            runner.add_partner(opened, homes.partner(code, flows=("FSO1100A", change_files.ACTION)))
        for code, siret in ((homes.RECEIVER, homes.PLAIN), (COUNTY, homes.NEEDS_BOTH)):
            runner.add_partner(opened, homes.partner(code, receives=((siret, ""),)))
        runner.import_directory(opened, homes.directory(tmp_path / "annuaire"), homes.NOON.date())
        foreign = [
            (f"{n}.xml", homes.ubl(f"SECRET-1{suffix}", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="EJ-1"))
            for n, suffix in enumerate(("", *(f"-{n}" for n in range(ROWS))))
        ]
        homes.drop(opened, homes.flow_name(1, partner=homes.OTHER), homes.archive(foreign), homes.OTHER)
        homes.drop(opened, homes.flow_name(1), homes.ubl("OWN-1"))
        assert runner.run(opened).invoices == {"integrated": ROWS + 2}
        opened.clock = FixedClock(homes.NOON + timedelta(hours=1))
        yield opened


def statuses(number: str) -> bytes:
    """Every status there is of one invoice, good and bad in itself."""
    at = homes.NOON + timedelta(minutes=30)
    entries = [Entry.sound(number, status, at) for status in range(1, 42)]
    wrong = [
        Entry(number, 99, at),
        Entry(number, 5, at),
        Entry(number, 3, homes.NOON),
        Entry(number, 7, at + timedelta(days=9)),
    ]
    return change_files.status_file([*entries, *wrong])


def acts(number: str) -> bytes:
    place = {"recipient": homes.PLAIN, "service": "-", "commitment": "-"}
    return change_files.action_csv(
        [
            Act("recycle", number, comment="x", **place), Act("recycle", number, recipient="99999999900017"),
            Act("complete", number, comment="x"), Act("complete", number), Act("handle-reject", number, reason="AUTRE"),
            Act("handle-reject", "OWN-1", reason="AUTRE", corrective=number, credit_note=number),
        ]
    )  # fmt: skip


def answer(home: Home, code: str, name: str, content: bytes) -> bytes:
    """The report on a file that one partner dropped, without what every file has of its own."""
    before = homes.out(home, code)
    homes.drop(home, name, content, code)
    assert runner.run(home).faults == []
    (report,) = [said for known, said in homes.out(home, code).items() if known not in before]
    plain = (
        report.replace(THERE.encode(), b"NUMBER").replace(NOT_THERE.encode(), b"NUMBER").replace(name.encode(), b"FLOW")
    )
    return re.sub(rb"sha256=[0-9a-f]{64}|(?<=Valeurparametre>)[A-Z0-9]{25}", b"", plain)


@pytest.mark.parametrize("who", ["recipient", "issuer"])
def test_an_invoice_of_another_is_answered_as_one_that_does_not_exist(home: Home, who: str) -> None:
    code = homes.RECEIVER if who == "recipient" else homes.PARTNER
    made = statuses if who == "recipient" else acts
    named = change_files.status_flow if who == "recipient" else change_files.action_flow
    before = standing(home)
    there, not_there = (answer(home, code, named(next(SEQUENCE), code), made(number)) for number in (THERE, NOT_THERE))
    assert there == not_there
    assert there.count(b"LFC-008") >= 5
    assert b"LFC-013" not in there
    assert standing(home) == before
    assert [line for line in runner.verify(home) if not line.ok] == []
    for one in (homes.OTHER, COUNTY):  # and nobody else hears of the attempt
        assert not [name for name in homes.out(home, one) if name.startswith(("CSO1200A", "CSO9001A"))]


def standing(home: Home) -> list[tuple[object, ...]]:
    with home.ledger.reading() as db:
        rows = db.execute(text("SELECT number, status, status_at, routing FROM invoices ORDER BY number")).all()
        for table in ("changes", "events", "handled", "additions", "routings"):
            assert db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0, table
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("who", ["recipient", "issuer"])
def test_the_ledger_is_asked_the_same_of_both(home: Home, who: str) -> None:
    """The same statements, with as many rows in each: what no clock of a busy machine can tell for certain."""
    asked: list[tuple[str, int]] = []
    event.listen(
        home.ledger.engine, "before_cursor_execute",
        lambda _c, _cur, sql, given, _ctx, is_many: asked.append((sql, len(given) if is_many else 1)),
    )  # fmt: skip
    told = []
    for number in (NOT_THERE, THERE, NOT_THERE):  # the first of the day asks for more
        asked.clear()
        _drop_many(home, who, next(SEQUENCE), number)
        assert runner.run(home).faults == []
        told.append(sorted(sql for sql, _ in asked))
    extra = [sql for sql in told[1] if told[1].count(sql) != told[2].count(sql)]
    assert extra == [] or all(
        "FROM transitions" in sql or "FROM events" in sql or "FROM handled" in sql for sql in extra
    )


@pytest.mark.slow
def test_it_takes_as_long(home: Home) -> None:
    """Medians of rounds that take turns; a machine that is busy gets another chance."""

    def timed(number: str) -> float:
        _drop_many(home, "recipient", next(SEQUENCE), number)
        began = time.perf_counter()
        assert runner.run(home).flows == {"IN_REJETE": 1}
        return time.perf_counter() - began

    timed(THERE)
    differences = []
    for _ in range(TRIES):
        both = [(timed(THERE), timed(NOT_THERE)) for _ in range(ROUNDS)]
        there, not_there = (statistics.median(column) for column in zip(*both, strict=True))
        differences.append(abs(there - not_there) / not_there)
        if differences[-1] <= NOISE:
            return
    pytest.fail(f"an invoice of another is told from none by its time: {differences}")


def _drop_many(home: Home, who: str, sequence: int, number: str) -> None:
    """A file of many rows, each on an invoice of its own."""
    numbers = [f"{number}-{n}" for n in range(ROWS)]
    if who == "recipient":
        at = homes.NOON + timedelta(minutes=30)
        content = change_files.status_file([Entry.sound(n, 7, at) for n in numbers], note=str(sequence))
        homes.drop(home, change_files.status_flow(sequence), content, homes.RECEIVER)
        return
    rows = [Act("complete", n, comment=f"pièce {sequence}") for n in numbers]
    homes.drop(home, change_files.action_flow(sequence), change_files.action_csv(rows))
