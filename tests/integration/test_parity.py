"""One story on SQLite and on PostgreSQL: the same rows in the ledger, the same files for the partners."""

import os
import subprocess
import threading
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import homes
import pytest
from ledger_dump import canonical
from services.postgres import Database

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.model import InvoiceOutcome
from pipeline.running.home import Home
from pipeline.settings import load

ORDERED = "1234567890"
OUTCOMES = {outcome.value for outcome in InvoiceOutcome}
WORKERS, FLOWS = 3, 48


@dataclass(frozen=True)
class Ended:
    """How a home stands: its ledger, every file that a partner sees, what `verify` prints, what was said."""

    rows: dict[str, list[tuple[object, ...]]]
    files: dict[str, bytes]
    lines: list[tuple[str, bool, str]]
    told: list[str]


class Story:
    """One home, dropped into moment by moment; every file is of the same second, so that claims have the same key."""

    def __init__(self, path: Path, reader: tuple[str, ...], url: str) -> None:
        self.path = path
        path.mkdir()
        settings = load(path, ours="CPP001", readers=1, ledger={"url": url}, work={"unit_documents": 3})
        self.home: Home = homes.open_home(path, settings=settings, reader=reader)
        self.told: list[str] = []
        for code in (homes.PARTNER, homes.OTHER):
            runner.add_partner(self.home, homes.partner(code))
        runner.add_partner(self.home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
        runner.import_directory(self.home, homes.directory(path / "annuaire"), date(2026, 11, 1))
        runner.import_commitments(self.home, homes.orders(path / "orders.csv", ORDERED), date(2026, 11, 19))

    def drop(self, name: str | bytes, content: bytes, code: str = homes.PARTNER, second: int = 0) -> None:
        at = homes.LONG_AGO_NS + second * 10**9
        os.utime(homes.drop(self.home, name, content, code), ns=(at, at))

    def run(self, *, days: int = 0) -> None:
        self.home.clock = FixedClock(homes.NOON + timedelta(days=days))
        summary = runner.run(self.home)
        self.told += [said.fr for said in (*summary.faults, *summary.notices)]
        self.told.append(f"{dict(summary.flows)} {dict(summary.invoices)} {dict(summary.sent)} {summary.repeated}")

    def end(self) -> Ended:
        """How it stands now; the home is closed."""
        rows = canonical(self.home.ledger)
        folders = [self.path / "drop", self.path / "recipients"]
        files = {
            str(p.relative_to(self.path)): p.read_bytes()
            for folder in folders
            for p in sorted(folder.rglob("*"))
            if p.is_file() and p.name != ".lock"
        }
        lines = [(line.name, line.ok, line.detail.fr) for line in runner.verify(self.home)]
        self.home.close()
        return Ended(rows, files, lines, self.told)


def to_the_state(number: str, order: str = ORDERED) -> bytes:
    return homes.ubl(number, recipient=homes.STATE, service="SFACETAT", order=order)


MIXED = homes.archive(  # made once: gzip writes the time
    [
        ("one.xml", homes.ubl("B-1", net="0.10")), ("two.xml", homes.ubl("A-1")),
        ("credit.xml", homes.ubl("B-2", type_code="381")), ("three.xml", homes.ubl("B-3", recipient=homes.NEEDS_BOTH)),
        ("no.xml", b"<Invoice"),
    ]
)  # fmt: skip
STRANGE = homes.archive([("strange \xe9.xml", homes.ubl("B-4"))])
HELD = homes.archive([("a.xml", to_the_state("H-2")), ("b.xml", homes.ubl("H-3"))])


def live(story: Story) -> Ended:
    """Flows of every outcome over some days."""
    name, home = homes.flow_name, story.home
    good = homes.ubl("A-1")
    story.drop(name(1), good)
    story.drop(name(2), MIXED, second=1)
    story.drop(name(3), b"\x1f\x8b no archive at all", second=2)
    story.drop(b"caf\xe9 \xff", good, second=3)
    story.drop("no flow name", b"nothing", second=4)
    story.drop(name(7), STRANGE, second=6)
    story.drop(name(1, partner=homes.OTHER), homes.ubl("A-1"), homes.OTHER)  # the number is taken, by whoever is first
    story.drop(name(2, partner=homes.OTHER), homes.ubl("C-1", issued="2026-02-30"), homes.OTHER, second=1)
    story.drop(name(9, partner=homes.OTHER), homes.ubl("A-9"), homes.PARTNER, second=5)  # the account of another
    story.run()
    for report in (story.path / "drop" / homes.PARTNER / "out").glob("CSO*"):
        report.unlink()  # fetched: what is dropped again puts its report back
    story.drop(name(1), good, second=10)  # the same again
    story.run()
    story.drop(name(1), homes.ubl("A-2"), second=11)  # its name, other bytes
    story.drop(name(4), good, second=12)  # its bytes, another name
    runner.commitments_unavailable(home)
    story.drop(name(5), to_the_state("H-1"), second=13)
    story.drop(name(6), HELD, second=14)
    story.run()
    story.run(days=1)  # the rejects of a day that is over
    story.run(days=8)
    runner.decide(home, name(6), "refuse", "marché résilié", operator="op-dupont")
    story.run(days=8)
    runner.commitments_available(home)
    runner.import_commitments(home, homes.orders(story.path / "later.csv", ORDERED, "2"), date(2026, 11, 28))
    story.run(days=9)
    story.run(days=10)
    return story.end()


def test_a_story_of_every_outcome_ends_in_the_same_ledger_and_files(
    tmp_path: Path, reader: tuple[str, ...], database: Database
) -> None:
    one = live(Story(tmp_path / "sqlite", reader, ""))
    other = live(Story(tmp_path / "postgresql", reader, database.url))
    assert one.told == other.told
    assert one.rows.keys() == other.rows.keys()
    for table, rows in one.rows.items():
        assert other.rows[table] == rows, table
    assert one.files == other.files
    assert one.lines == other.lines
    assert [line for line in one.lines if not line[1]] == []

    tables = {table: [dict(row) for row in rows] for table, rows in one.rows.items()}  # type: ignore[arg-type]
    states = {row["state"] for row in tables["deposits"]}
    assert states == {"repeated", "quarantined", "IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE"}
    assert {row["choice"] for row in tables["decisions"]} == {"refuse"}
    assert len(tables["reject_days"]) >= 2
    assert {row["judgement"] for row in tables["invoices"]} == {1, 2}
    assert len(one.files) >= 15


def test_workers_side_by_side_on_a_server_end_like_one_alone(
    tmp_path: Path, reader: tuple[str, ...], database: Database
) -> None:
    def filled(path: Path, url: str) -> Story:
        story = Story(path, reader, url)
        for rank in range(FLOWS):
            code = (homes.PARTNER, homes.OTHER, homes.RECEIVER)[rank % 3]
            recipient = homes.NEEDS_BOTH if rank % 5 == 0 else homes.PLAIN
            story.drop(homes.flow_name(rank, partner=code), homes.ubl(f"W-{rank}", recipient=recipient), code, rank)
        return story

    alone = filled(tmp_path / "alone", "")
    alone.run()
    many = filled(tmp_path / "many", database.url)
    runner.intake(many.home)
    faults: list[str] = []

    def work() -> None:
        given = load(
            many.path, ours="CPP001", readers=1, ledger={"url": database.url},
            work={"lot_flows_max": 3, "unit_documents": 2},
        )  # fmt: skip
        with homes.open_home(many.path, settings=given, reader=reader) as home:
            summary = runner.process(home, turn="turn-1", seconds=60)
            faults.extend(said.fr for said in (*summary.faults, *summary.notices))

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    runner.send_returns(many.home)
    assert faults == []
    one, other = alone.end(), many.end()
    for table, rows in one.rows.items():
        assert other.rows[table] == rows, table
    assert one.files == other.files
    assert one.lines == other.lines


def test_a_dump_restored_into_a_new_database_is_the_same_ledger_and_goes_on(
    tmp_path: Path, reader: tuple[str, ...], database: Database
) -> None:
    """As docs/ops/ledger.md says it: `pg_dump`, a new database, `pg_restore`, `verify`, `run`."""
    server = database.server
    if server.binaries is None:
        pytest.skip("the binaries of this server are not here")
    story = Story(tmp_path / "home", reader, database.url)
    story.drop(homes.flow_name(1), MIXED)
    story.run()
    before = story.end()
    dump = tmp_path / "edi.dump"
    restored = server.database()
    for command in (
        ["pg_dump", "--format=custom", f"--file={dump}", database.url],
        ["pg_restore", "--no-owner", f"--dbname={restored.url}", "--exit-on-error", str(dump)],
    ):
        subprocess.run([str(server.binaries / command[0]), *command[1:]], check=True, timeout=60)
    settings = load(story.path, ours="CPP001", readers=1, ledger={"url": restored.url})
    story.home = homes.open_home(story.path, settings=settings, reader=reader)
    story.drop(homes.flow_name(2), homes.ubl("Z-1"), second=9)
    rows = canonical(story.home.ledger)
    assert rows == before.rows
    story.run()
    after = story.end()
    assert len(after.rows["deposits"]) == len(before.rows["deposits"]) + 1
    assert [line for line in after.lines if not line[1]] == []
    server.drop(restored.name)
