"""Each line of `verify` goes red when what it watches over is broken, and names it; no other line hides it."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import homes
import pytest
from sqlalchemy import text

from pipeline import runner
from pipeline.running.home import Home
from pipeline.settings import load


@pytest.fixture(scope="module")
def answered(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Path:
    """A home with an integrated, a partly integrated, a refused and a repeated flow."""
    path = tmp_path_factory.mktemp("verify") / "home"
    with homes.ready_home(path, reader=reader) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("V-1"))
        mixed = [("a.xml", homes.ubl("V-2")), ("b.xml", homes.ubl("V-3", recipient=homes.NEEDS_BOTH))]
        homes.drop(home, homes.flow_name(2), homes.archive(mixed))
        homes.drop(home, homes.flow_name(3), homes.ubl("V-4", recipient=homes.NEEDS_BOTH))
        homes.drop(home, homes.flow_name(4), homes.ubl("V-5", type_code="381", net="10.00"))
        runner.run(home)
        homes.drop(home, homes.flow_name(1), homes.ubl("V-1"))
        runner.run(home)
        assert [line for line in runner.verify(home) if not line.ok] == []
    return path


@pytest.fixture
def home(answered: Path, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    shutil.copytree(answered, tmp_path / "home")
    with homes.open_home(tmp_path / "home", reader=reader) as opened:
        yield opened


def sql(*statements: str) -> Callable[[Home], None]:
    def plant(home: Home) -> None:
        with home.ledger.writing() as db:
            for statement in statements:
                db.execute(text(statement))

    return plant


def object_of(home: Home) -> Path:
    return next(p for p in sorted((home.path / "store" / homes.PARTNER).iterdir()) if len(p.name) == 64)


def alter_an_object(home: Home) -> None:
    object_of(home).write_bytes(b"altered")


def remove_an_object(home: Home) -> None:
    object_of(home).unlink()


def make_a_stranger(home: Home) -> None:
    (home.path / "drop" / "ZZZ999").mkdir()


def claim_without_a_row(home: Home) -> None:
    folder = home.path / "drop" / homes.PARTNER / "work" / f"{'a' * 16}-1000000000-3"
    folder.mkdir()
    (folder / homes.flow_name(8)).write_bytes(b"abc")


def let_a_password_grow_old(home: Home) -> None:
    home.settings = load(home.path, ours="CPP001", ages={"passwords": {"pes": "2024-01-01"}})


REPORT = "INSERT INTO outbox (place, name, kind, owner, deposit_id, sha256, state) SELECT place, {name}, kind, owner, {of}, sha256, state FROM outbox WHERE kind = 'CSO' AND deposit_id = 1"
STEP = "INSERT INTO transitions (deposit_id, rank, sequence, status, at, audited) SELECT deposit_id, rank, {seq}, '{status}', at, 1 FROM transitions WHERE deposit_id = 1 AND sequence = 1"

PLANTED = (
    ("deposits", sql("UPDATE deposits SET state = 'lost' WHERE id = 5"), "unknown state 'lost'"),
    ("deposits", sql("DELETE FROM verdicts WHERE deposit_id = 3"), "answered and has no verdict"),
    ("deposits", sql("UPDATE deposits SET state = 'received' WHERE id = 3"), "has a verdict and is not answered"),
    (
        "invoices",
        sql("DELETE FROM findings WHERE deposit_id = 3", "DELETE FROM invoices WHERE deposit_id = 3"),
        "1 read, 0 decided",
    ),
    ("invoices", sql("UPDATE invoices SET outcome = 'gone' WHERE deposit_id = 3"), "unknown outcome 'gone'"),
    (
        "money EUR",
        sql("UPDATE invoices SET total_millionths = total_millionths + 1 WHERE deposit_id = 1"),
        "read 120.00, decided 120.000001",
    ),
    ("reports", sql("DELETE FROM outbox WHERE kind = 'CSO' AND deposit_id = 1"), "has 0 reports"),
    ("reports", sql(REPORT.format(name="'twice'", of=1)), "has 2 reports"),
    ("reports", sql(REPORT.format(name="'again'", of=5)), "repetition and has a report"),
    ("archive", alter_an_object, "not what its SHA-256 says"),
    ("archive", remove_an_object, "is missing"),
    ("transitions", sql(STEP.format(seq=4, status="12")), "01 02 03 12"),
    ("transitions", sql("UPDATE transitions SET status = '20' WHERE deposit_id = 1 AND sequence = 2"), "01 20 03"),
    ("transitions", sql(STEP.format(seq=9, status="05")), "01 02 03 05"),
    ("statuses", sql("DELETE FROM transitions WHERE deposit_id = 1"), "has no status 03"),
    (
        "statuses",
        sql("UPDATE invoices SET outcome = 'refused' WHERE deposit_id = 1"),
        "has a status and is not integrated",
    ),
    ("numbers", sql("DELETE FROM number_claims WHERE deposit_id = 1"), "holds no number"),
    ("numbers", sql("UPDATE number_claims SET rank = 7 WHERE deposit_id = 1"), "V-1/2026 is held"),
    ("holds", sql("UPDATE flows SET holds_bytes = 1 WHERE deposit_id = 3"), "still holds its bytes"),
    ("holds", sql("UPDATE flows SET holds_bytes = 0 WHERE deposit_id = 1"), "holds its bytes no more"),
    (
        "outbox",
        sql("UPDATE outbox SET sha256 = '" + "0" * 64 + "' WHERE deposit_id = 1 AND kind = 'CSO'"),
        "has no stored bytes",
    ),
    (
        "audit",
        sql("UPDATE transitions SET at = '2020-01-01T00:00:00.000000+00:00' WHERE deposit_id = 1"),
        "does not cover",
    ),
    ("audit", sql("UPDATE audit SET sequence = 2"), "does not follow row 0"),
    ("audit cover", sql("UPDATE transitions SET audited = 9 WHERE deposit_id = 1"), "is in no audit row"),
    ("folders", make_a_stranger, "drop/ZZZ999"),
    ("claimed", claim_without_a_row, "has no row in the ledger"),
    ("leases", sql("UPDATE lots SET state = 'claimed', lease_until = 1"), "lot 1 has an expired lease"),
    ("ages", let_a_password_grow_old, "the technical password pes: its last day, 2025-02-28, is over"),
)


@pytest.mark.parametrize(("line", "plant", "said"), PLANTED, ids=[f"{line}-{said}" for line, _, said in PLANTED])
def test_a_planted_violation_turns_its_line_red(
    home: Home, line: str, plant: Callable[[Home], None], said: str
) -> None:
    plant(home)
    (red,) = [found for found in runner.verify(home) if found.name == line]
    assert not red.ok
    assert said in red.detail.en
    assert red.detail.fr not in {"", red.detail.en}
    assert red.remedy.fr not in {"", red.remedy.en}


def test_what_another_process_is_receiving_is_not_called_lost(home: Home, reader: tuple[str, ...]) -> None:
    claim_without_a_row(home)
    with homes.open_home(home.path, reader=reader):
        (found,) = [line for line in runner.verify(home) if line.name == "claimed"]
    assert found.ok
    assert "look again" in found.detail.en


def test_every_line_of_verify_has_a_planted_violation(home: Home) -> None:
    assert {line.name for line in runner.verify(home)} == {line for line, _, _ in PLANTED}


def test_a_total_that_cannot_be_summed_is_an_exception_that_is_named(home: Home) -> None:
    homes.drop(home, homes.flow_name(9), homes.ubl("V-9", net="9000000000001.00"))
    runner.run(home)
    (money,) = [line for line in runner.verify(home) if line.name == "money EUR"]
    assert money.ok
    assert "1 invoice(s) without a total that can be summed" in money.detail.en
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
