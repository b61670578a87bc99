"""Each line of `verify` goes red when what it watches over is broken, and names it; no other line hides it.

The same home stands on SQLite and on PostgreSQL; each case breaks a copy of it on purpose. A line that a violation turns
red as well, because it breaks two things, is written beside it: what else turns red is a mistake of ours.
"""

import shutil
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import homes
import pytest
from sqlalchemy import text

from pipeline import runner
from pipeline.adapters import confinement, dependencies
from pipeline.adapters.confinement import Confinement
from pipeline.adapters.ledger import invariants, promises
from pipeline.reconcile import LINES, Line
from pipeline.running.home import Home
from pipeline.running.retention import kept_since
from pipeline.running.scanning import Scanning
from pipeline.running.verify import Around, around, lines
from pipeline.settings import load

if TYPE_CHECKING:
    from services.postgres import PostgresServer

ENGINES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.services))


@dataclass(frozen=True)
class Answered:
    """A home that has lived: its folder, and where its ledger is when it is no file."""

    path: Path
    server: "PostgresServer | None" = None
    database: str = ""
    untouched: str = ""  # a copy of it that nobody opens, to be copied

    def url(self, database: str) -> str:
        return self.server.url(database) if self.server is not None else ""


@pytest.fixture(scope="module", params=ENGINES)
def answered(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]
) -> Iterator[Answered]:
    """A home with an integrated, a partly integrated, a refused, an irreceivable and a repeated flow."""
    path = tmp_path_factory.mktemp("verify") / "home"
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    database = server.database().name if server is not None else ""
    made = Answered(path, server, database)
    with opened(path, made.url(database), reader) as home:
        runner.add_partner(home, homes.partner())
        runner.add_partner(home, homes.partner(homes.OTHER))
        runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
        homes.drop(home, homes.flow_name(1), homes.ubl("V-1"))
        mixed = [("a.xml", homes.ubl("V-2")), ("b.xml", homes.ubl("V-3", recipient=homes.NEEDS_BOTH))]
        homes.drop(home, homes.flow_name(2), homes.archive(mixed))
        homes.drop(home, homes.flow_name(3), homes.ubl("V-4", recipient=homes.NEEDS_BOTH))
        homes.drop(home, homes.flow_name(4), homes.ubl("V-5", type_code="381", net="10.00"))
        runner.run(home)
        homes.drop(home, homes.flow_name(1), homes.ubl("V-1"))
        homes.drop(home, homes.flow_name(5), b"\x1f\x8b no archive at all")
        runner.run(home)
        assert reds(home) == set()
    untouched = server.database(like=database).name if server is not None else ""
    yield replace(made, untouched=untouched)
    if server is not None:
        server.drop(untouched)
        server.drop(database)


def opened(path: Path, url: str, reader: tuple[str, ...]) -> Home:
    path.mkdir(parents=True, exist_ok=True)
    settings = load(path, ours="CPP001", readers=1, ledger={"url": url})
    return homes.open_home(path, settings=settings, reader=reader)


@pytest.fixture(scope="module")
def standing(answered: Answered, reader: tuple[str, ...]) -> Iterator[tuple[Home, Around]]:
    """The home itself, for what is taken back at once."""
    with opened(answered.path, answered.url(answered.database), reader) as made:
        yield made, around(made)


@pytest.fixture
def home(answered: Answered, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    shutil.copytree(answered.path, tmp_path / "home")
    server = answered.server
    copy = server.database(like=answered.untouched).name if server is not None else ""
    with opened(tmp_path / "home", answered.url(copy), reader) as made:
        yield made
    if server is not None:
        server.drop(copy)


def reds(home: Home) -> set[str]:
    return {line.name for line in runner.verify(home) if not line.ok}


# --- what is broken on purpose ----------------------------------------------------------------------------------------

Plant = Callable[[Home, pytest.MonkeyPatch], None]


@dataclass(frozen=True)
class Rows:
    """Rows that are changed behind the back of the product, in a transaction that is rolled back once they were seen."""

    statements: tuple[str, ...]


def sql(*statements: str) -> Rows:
    return Rows(statements)


def received(home: Home) -> Path:
    """The stored bytes of the first flow."""
    with home.ledger.reading() as db:
        sha256 = db.execute(text("SELECT sha256 FROM deposits WHERE id = 1")).scalar_one()
    return home.path / "store" / homes.PARTNER / str(sha256)


def alter_an_object(home: Home, _: pytest.MonkeyPatch) -> None:
    received(home).write_bytes(b"altered")


def remove_an_object(home: Home, _: pytest.MonkeyPatch) -> None:
    received(home).unlink()


def remove_what_a_unit_left(home: Home, _: pytest.MonkeyPatch) -> None:
    next((home.path / "store" / homes.PARTNER / "results").iterdir()).unlink()


def make_a_stranger(home: Home, _: pytest.MonkeyPatch) -> None:
    (home.path / "drop" / "ZZZ999").mkdir()


def claim_without_a_row(home: Home, _: object = None) -> None:
    folder = home.path / "drop" / homes.PARTNER / "work" / f"{'a' * 16}-1000000000-3"
    folder.mkdir()
    (folder / homes.flow_name(8)).write_bytes(b"abc")


def let_a_password_grow_old(home: Home, _: pytest.MonkeyPatch) -> None:
    home.settings = home.settings.model_copy(
        update={"ages": load(home.path, ages={"passwords": {"pes": "2024-01-01"}}).ages}
    )


def take_the_walls_away(_: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(confinement, "seen", lambda: Confinement(is_linux=True))


def let_the_antivirus_stop(home: Home, _: pytest.MonkeyPatch) -> None:
    from pipeline.adapters.clamd import Clamd

    with socket.create_server(("127.0.0.1", 0)) as nobody:
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
    home.settings = home.settings.model_copy(
        update={"antivirus": load(home.path, antivirus={"address": address}).antivirus}
    )
    home.scanning = Scanning(Clamd(address, 1.0), 1)


def install_an_old_library(_: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    ours = dependencies.MINIMUMS
    monkeypatch.setattr(dependencies, "MINIMUMS", {**ours, "lxml": replace(ours["lxml"], version="99.0")})


REPORT = "INSERT INTO outbox (place, name, kind, owner, deposit_id, sha256, state) SELECT place, {name}, kind, owner, {of}, sha256, state FROM outbox WHERE kind = 'CSO' AND deposit_id = 1"
STEP = "INSERT INTO transitions (deposit_id, rank, sequence, status, at, audited) SELECT deposit_id, rank, {seq}, '{status}', at, audited FROM transitions WHERE deposit_id = 1 AND sequence = 1"
FINDING = "INSERT INTO findings (deposit_id, rank, judgement, position, rule, code, severity) VALUES (1, {rank}, 1, 99, 'RTG-021', 'RTG-021', '{severity}')"
CHANGED = "INSERT INTO changes (deposit_id, rank, sequence, audited, issuer, batch, told) VALUES (1, 1, 3, 1, {more})"
FIRST = "kind = 'CSO' AND deposit_id = 1"
CHAIN = ("audit",)  # what the chain covers was changed: it says so too

# line, how it is broken, what the line then says, and which lines say so as well
PLANTED: tuple[tuple[str, Plant | Rows, str, tuple[str, ...]], ...] = (
    ("deposits", sql("UPDATE deposits SET state = 'lost' WHERE id = 5"), "unknown state 'lost'", ()),
    ("deposits", sql("DELETE FROM verdicts WHERE deposit_id = 3"), "answered and has no verdict", ("audit", "audit cover", "invoices", "money EUR")),
    ("deposits", sql("UPDATE deposits SET state = 'received' WHERE id = 3"), "has a verdict and is not answered", ("reports",)),
    ("deposits", sql("UPDATE deposits SET state = 'IN_INTEGRE' WHERE id = 3"), "its invoices say otherwise", ()),
    ("doubles", sql("UPDATE deposits SET first_id = NULL WHERE state = 'repeated'"), "does not name the first one", CHAIN),
    ("doubles", sql("UPDATE deposits SET first_id = 3 WHERE state = 'repeated'"), "does not name the first one", CHAIN),
    ("doubles", sql("DELETE FROM flows WHERE deposit_id = 3"), "does not hold its name and names no deposit that does", ()),
    (
        "invoices",
        sql("DELETE FROM findings WHERE deposit_id = 3", "DELETE FROM invoices WHERE deposit_id = 3"),
        "1 read, 0 decided",
        ("money EUR", "audit", "reasons"),
    ),
    ("invoices", sql("UPDATE invoices SET outcome = 'gone' WHERE deposit_id = 3"), "unknown outcome 'gone'", CHAIN),
    (
        "money EUR",
        sql("UPDATE invoices SET total_millionths = total_millionths + 1 WHERE deposit_id = 1"),
        "read 120.00, decided 120.000001",
        CHAIN,
    ),
    ("checks", sql("UPDATE verdicts SET snapshot = '' WHERE deposit_id = 1"), "not every rule of it was judged", CHAIN),
    ("checks", sql("UPDATE verdicts SET not_judged = '[\"CMT-*\"]' WHERE deposit_id = 1"), "not every rule of it was judged", CHAIN),
    ("checks", sql(FINDING.format(rank=1, severity="error")), "is integrated against RTG-021", CHAIN),
    ("checks", sql(FINDING.format(rank=1, severity="hold")), "is integrated against RTG-021", CHAIN),
    ("checks", sql(FINDING.format(rank=0, severity="fatal")), "is integrated against RTG-021", CHAIN),
    ("reasons", sql("DELETE FROM findings WHERE deposit_id = 2 AND rank = 2"), "is refused without a reason", CHAIN),
    ("reasons", sql("DELETE FROM findings WHERE deposit_id = 6"), "is rejected without a reason", CHAIN),
    ("reports", sql(f"DELETE FROM outbox WHERE {FIRST}"), "has 0 reports", CHAIN),
    ("reports", sql(REPORT.format(name="'twice'", of=1)), "has 2 reports", ("audit cover",)),
    ("reports", sql(REPORT.format(name="'again'", of=5)), "repetition, and has a report", ("audit cover",)),
    ("reports", sql(f"UPDATE outbox SET name = 'CSO-of-my-own' WHERE {FIRST}"), "whose name or place is not", CHAIN),
    ("archive", alter_an_object, "not what its SHA-256 says", ()),
    ("archive", remove_an_object, "is missing", ()),
    ("archive", sql("UPDATE deposits SET is_kept = 0 WHERE id = 1"), "its bytes are not archived", CHAIN),
    (
        "retention",
        sql("INSERT INTO purged (owner, sha256, at) SELECT partner, sha256, '2026-11-20' FROM deposits WHERE id = 1"),
        "was purged before its retention was over",
        CHAIN,
    ),
    ("transitions", sql(STEP.format(seq=4, status="12")), "01 02 03 12", ("audit", "standings")),
    ("transitions", sql("UPDATE transitions SET status = '20' WHERE deposit_id = 1 AND sequence = 2"), "01 20 03", CHAIN),
    ("transitions", sql(STEP.format(seq=9, status="05")), "01 02 03 05", ("audit", "standings")),
    ("statuses", sql("DELETE FROM transitions WHERE deposit_id = 1"), "has no status 03", ("audit", "standings")),
    ("standings", sql("UPDATE invoices SET status = '05' WHERE deposit_id = 1"), "does not stand where its history", ()),
    ("standings", sql("UPDATE invoices SET status_at = '2026' WHERE deposit_id = 1"), "does not stand where its history", ()),
    ("standings", sql("UPDATE invoices SET routing = 1 WHERE deposit_id = 1"), "does not stand where its history", ()),
    (
        "standings",
        sql("UPDATE transitions SET set_by = 'recipient' WHERE deposit_id = 1 AND sequence = 3"),
        "a change of status that nobody asked for",
        CHAIN,
    ),
    (
        "standings",
        sql("INSERT INTO intakes (deposit_id, lane, refused) VALUES (3, 'statuses', 1)"),
        "rows that are not accounted for",
        ("audit cover",),
    ),
    (
        "told",
        sql(CHANGED.format(more="'ABC001', '', 0"), "UPDATE audit SET at = '2026-11-20T09:00' WHERE sequence = 1"),
        "has a change of status that its issuer was not told",
        CHAIN,
    ),
    ("told", sql(CHANGED.format(more="'ABC001', 'FEN1201A_X', 1")), "no lifecycle return tells it", CHAIN),
    ("told", sql(CHANGED.format(more="'DEF002', '', 0")), "told to somebody else than its issuer", CHAIN),
    (
        "told",
        sql("UPDATE outbox SET deposit_id = NULL WHERE kind = 'FEN1201A' AND deposit_id = 1"),
        "tells no change",
        CHAIN,
    ),
    (
        "statuses",
        sql("UPDATE invoices SET outcome = 'refused' WHERE deposit_id = 1"),
        "has a status and is not integrated",
        ("audit", "deposits", "holds", "isolation", "numbers", "reasons"),
    ),
    ("numbers", sql("DELETE FROM number_claims WHERE deposit_id = 1"), "holds no number", ()),
    ("numbers", sql("UPDATE number_claims SET rank = 7 WHERE deposit_id = 1"), "V-1/2026 is held", ()),
    ("holds", sql("UPDATE flows SET holds_bytes = 1 WHERE deposit_id = 3"), "still holds its bytes", ()),
    ("holds", sql("UPDATE flows SET holds_bytes = 0 WHERE deposit_id = 1"), "holds its bytes no more", ()),
    (
        "isolation",
        sql("UPDATE outbox SET place = 'drop/DEF002' WHERE kind = 'FEN1201A' AND deposit_id = 1"),
        "is not of whom the folder belongs to",
        CHAIN,
    ),
    (
        "isolation",
        sql("UPDATE outbox SET place = 'drop/DEF002', owner = 'DEF002' WHERE kind = 'FEN1201A' AND deposit_id = 1"),
        "answers a deposit of another partner",
        ("audit", "archive", "outbox"),
    ),
    (
        "isolation",
        sql("UPDATE invoices SET receiver = 'DEF002' WHERE deposit_id = 1"),
        "goes to somebody who receives no invoice",
        CHAIN,
    ),
    ("isolation", sql("UPDATE number_claims SET scope = 'DEF002' WHERE deposit_id = 1"), "is linked to another partner", ()),
    ("isolation", sql("UPDATE invoices SET partner = 'DEF002' WHERE deposit_id = 1"), "is linked to another partner", CHAIN),
    (
        "isolation",
        sql(
            "INSERT INTO deposits (id, partner, claim, name_bytes, state) SELECT 99, 'DEF002', claim, name_bytes, 'quarantined' FROM deposits WHERE id = 1",
            "UPDATE deposits SET first_id = 99 WHERE id = 4",
        ),
        "is linked to another partner",
        ("audit", "audit cover"),
    ),
    (
        "outbox",
        sql("UPDATE outbox SET sha256 = '" + "0" * 64 + f"' WHERE {FIRST}"),
        "has no stored bytes",
        ("audit", "archive"),
    ),
    ("in doubt", sql(f"UPDATE outbox SET state = 'held' WHERE {FIRST}"), "may have been sent before the restore", ()),
    (
        "audit",
        sql("UPDATE transitions SET at = '2020-01-01T00:00:00.000000+00:00' WHERE deposit_id = 1"),
        "changed since",
        ("standings",),
    ),
    ("audit", sql("UPDATE audit SET sequence = sequence + 40 WHERE sequence = 1"), "row", ("audit cover", "audit heads")),
    ("audit cover", sql("UPDATE transitions SET audited = 99 WHERE deposit_id = 1"), "that no row covers", CHAIN),
    ("audit heads", remove_what_a_unit_left, "is missing from the store", ("archive",)),
    ("folders", make_a_stranger, "drop/ZZZ999", ()),
    ("claimed", claim_without_a_row, "has no row in the ledger", ()),
    ("leases", sql("UPDATE lots SET state = 'claimed', lease_until = 1 WHERE id = 1"), "lot 1 has an expired lease", ()),
    ("ages", let_a_password_grow_old, "the technical password pes: its last day, 2025-02-28, is over", ()),
    ("readers", take_the_walls_away, "", ()),
    ("antivirus", let_the_antivirus_stop, "", ()),
    ("dependencies", install_an_old_library, "lxml", ()),
)  # fmt: skip


Case = tuple[str, Plant | Rows, str, tuple[str, ...]]
IN_THE_LEDGER = [case for case in PLANTED if isinstance(case[1], Rows)]
AROUND_IT = [case for case in PLANTED if not isinstance(case[1], Rows)]


def is_seen(lines: Sequence[Line], line: str, said: str, also: tuple[str, ...]) -> None:
    found = {one.name: one for one in lines}
    red = found[line]
    assert not red.ok
    assert said in red.detail.en
    assert red.detail.fr not in {"", red.detail.en}
    assert red.remedy.fr not in {"", red.remedy.en}
    assert {name for name, one in found.items() if not one.ok} == {line, *also}


@pytest.mark.parametrize("case", IN_THE_LEDGER, ids=[f"{case[0]}-{case[2]}" for case in IN_THE_LEDGER])
def test_a_violation_in_the_ledger_turns_its_line_red(standing: tuple[Home, Around], case: Case) -> None:
    home, seen = standing
    line, rows, said, also = case
    assert isinstance(rows, Rows)
    with home.ledger.engine.connect() as db, db.execution_options(writes=True).begin() as transaction:
        for statement in rows.statements:
            db.execute(text(statement))
        is_seen(lines(home, db, seen), line, said, also)
        transaction.rollback()


def test_what_was_taken_back_was_never_there(standing: tuple[Home, Around]) -> None:
    assert reds(standing[0]) == set()


# what `verify` reads to compare it elsewhere, with the store or in sums: it gives rows however sound they are
COMPARED = {"read", "booked", "steps", "objects", "to_send"}
DATED: dict[str, Callable[[Home], tuple[object, ...]]] = {  # what they are asked besides
    "purged_too_early": lambda home: (kept_since(home),),
    "untold_since": lambda home: (home.clock.now(),),
}
QUERIES: dict[str, Callable[..., Iterator[object]]] = {
    name: query
    for module in (invariants, promises)
    for name, query in vars(module).items()
    if not name.startswith("_") and name not in COMPARED and "Iterator" in str(getattr(query, "__annotations__", {}).get("return"))
}  # fmt: skip


def test_every_query_finds_one_of_the_planted_violations(standing: tuple[Home, Around]) -> None:
    """A line may have several; one that found nothing, whatever is broken, would hide behind the others."""
    home, _ = standing
    silent = set(QUERIES)
    for case in IN_THE_LEDGER:
        assert isinstance(case[1], Rows)
        with home.ledger.engine.connect() as db, db.execution_options(writes=True).begin() as transaction:
            for statement in case[1].statements:
                db.execute(text(statement))
            for name in sorted(silent):
                more = DATED[name](home) if name in DATED else ()
                if next(iter(QUERIES[name](db, *more)), None) is not None:
                    silent.remove(name)
            transaction.rollback()
    assert silent == set()
    assert len(QUERIES) >= 25


@pytest.mark.parametrize("case", AROUND_IT, ids=[f"{case[0]}-{case[2]}" for case in AROUND_IT])
def test_a_violation_around_the_ledger_turns_its_line_red(
    home: Home, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    line, plant, said, also = case
    assert callable(plant)
    plant(home, monkeypatch)
    is_seen(runner.verify(home), line, said, also)


def test_every_line_of_verify_has_a_planted_violation(home: Home) -> None:
    told = {line.name for line in runner.verify(home)}
    assert told == {line for line, _, _, _ in PLANTED}
    assert {name.partition(" ")[0] if name.startswith("money") else name for name in told} == set(LINES)


def test_what_another_process_is_receiving_is_not_called_lost(home: Home, reader: tuple[str, ...]) -> None:
    claim_without_a_row(home)
    with opened(home.path, home.settings.ledger.url, reader):
        (found,) = [line for line in runner.verify(home) if line.name == "claimed"]
    assert found.ok
    assert "look again" in found.detail.en


def test_a_total_that_cannot_be_summed_is_an_exception_that_is_named(home: Home) -> None:
    homes.drop(home, homes.flow_name(9), homes.ubl("V-9", net="9000000000001.00"))
    runner.run(home)
    (money,) = [line for line in runner.verify(home) if line.name == "money EUR"]
    assert money.ok
    assert "1 invoice without a total that can be summed" in money.detail.en
    assert "integrated 228.00" in money.detail.en  # 120 + 120 - 12: a credit note is subtracted


def test_totals_whose_sum_no_longer_fits_are_compared_all_the_same(home: Home) -> None:
    largest = [("a.xml", homes.ubl("V-8", net="7000000000000.00")), ("b.xml", homes.ubl("V-9", net="7000000000001.00"))]
    largest.append(("c.xml", homes.ubl("V-10", net="7000000000002.50", type_code="381")))
    homes.drop(home, homes.flow_name(9), homes.archive(largest))
    runner.run(home)
    (money,) = [line for line in runner.verify(home) if line.name == "money EUR"]
    assert money.ok
    assert "integrated 8400000000226.20" in money.detail.en  # 228 before; the credit note is subtracted


def test_a_number_used_twice_that_the_installation_lets_in_breaks_no_invariant(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    path = tmp_path / "soft"
    path.mkdir()
    settings = load(path, ours="CPP001", readers=1, severities={"DUP-001": "warning", "DUP-002": "warning"})
    with homes.open_home(path, settings=settings, reader=reader) as home:
        runner.add_partner(home, homes.partner())
        runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
        homes.drop(home, homes.flow_name(1), homes.ubl("V-1"))
        homes.drop(home, homes.flow_name(2), homes.ubl("V-1", net="7.00"))
        twice = [("a.xml", homes.ubl("V-2")), ("b.xml", homes.ubl("V-2", net="8.00"))]
        homes.drop(home, homes.flow_name(3), homes.archive(twice))
        assert dict(runner.run(home).invoices) == {"integrated": 4}
        assert [line for line in runner.verify(home) if not line.ok] == []
