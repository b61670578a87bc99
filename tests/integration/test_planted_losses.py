"""The night of a clean home names nothing; of twelve losses planted in it, it names each one once and nothing else."""

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import both_ledgers
import homes
import pytest
from sqlalchemy import text

from bench.night import losses
from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.reconcile.night import KINDS, Difference, Kind, Reconciliation
from pipeline.running.home import Home
from pipeline.running.nightly import reconcile
from pipeline.settings import load

DAY = homes.NOON.date()
FLOWS = 14


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    given: dict[str, Any] = {"reconcile": {"drop_minutes": 0, "fetch_hours": 0}}
    with both_ledgers.ready(request, tmp_path / "home", reader, **given) as opened:
        yield opened


def flow(number: int) -> str:
    return homes.flow_name(number)


def a_day(home: Home) -> None:
    """Fourteen flows: twelve of one invoice, one of two, one refused; all answered and sent."""
    for number in range(1, FLOWS - 1):
        homes.drop(home, flow(number), homes.ubl(f"P-{number}"))
    mixed = [("a.xml", homes.ubl("P-13A")), ("b.xml", homes.ubl("P-13B", recipient=homes.NEEDS_BOTH))]
    homes.drop(home, flow(FLOWS - 1), homes.archive(mixed))
    homes.drop(home, flow(FLOWS), homes.ubl("P-14", recipient=homes.NEEDS_BOTH))
    assert runner.run(home).faults == []


def sql(home: Home, *statements: str) -> None:
    with home.ledger.writing() as db:
        for statement in statements:
            assert db.execute(text(statement)).rowcount == 1, statement


def one(home: Home, statement: str) -> str:
    with home.ledger.reading() as db:
        return str(db.execute(text(statement)).scalar_one())


def named(found: Reconciliation) -> list[tuple[Kind, str]]:
    return sorted((one.kind, one.flow) for one in found.differences)


def deposit(number: int) -> str:
    return f"(SELECT id FROM deposits WHERE name = '{flow(number)}')"


def field(home: Home) -> losses.Field:
    return losses.Field(
        home, homes.PARTNER, [flow(number) for number in range(1, 10)],
        lambda name, content: homes.drop(home, name, content),
    )  # fmt: skip


# --- the nights -------------------------------------------------------------------------------------------------------


def test_the_night_of_a_clean_home_names_nothing(home: Home) -> None:
    a_day(home)
    found = reconcile(home, DAY)
    assert named(found) == []
    assert [line.name for line in found.lines if not line.ok] == []
    assert found.is_sound
    total = found.total
    assert (total.files["received"], total.read.invoices, total.integrated.invoices, total.refused.invoices) == (
        14, 15, 13, 2,
    )  # fmt: skip
    assert total.integrated == total.delivered
    assert (total.reported.invoices, total.integrated.money) == (15, {"EUR": 13 * 120_000_000})
    assert [row.key for row in found.rows] == [homes.PARTNER]
    assert [(row.key, row.read.invoices) for row in found.by_interface] == [("FSO1100A", 15)]
    assert {row.key: row.refused.invoices for row in found.by_recipient} == {homes.PLAIN: 0, homes.NEEDS_BOTH: 2}
    assert {row.rule: (row.invoices, row.flows) for row in found.by_rule if row.severity == "error"} == {
        "RTG-023": (2, 2),
    }  # fmt: skip
    (age,) = found.ages
    assert (age.status, age.recipient, age.invoices, age.buckets) == ("03", homes.PLAIN, 13, (13, 0, 0, 0, 0))
    assert {one.source: one.was_read for one in found.against} == {
        "drop": True, "out": True, "store": True, "bytes": True, "ledger": True, "outbox": True, "fetched": False,
        "invariants": True, "reports": True, "pivots": True, "statuses": True, "controls": True, "runs": False,
    }  # fmt: skip


def test_planted_losses_are_named_each_once_and_nothing_else(home: Home) -> None:
    a_day(home)
    planted = losses.plant(field(home))
    assert len(planted) == 12
    found = reconcile(home, DAY)
    assert named(found) == planted
    assert not found.is_sound
    assert sum(found.by_kind.values()) == len(found.differences) == 12
    for one_ in found.differences:
        assert one_.said.fr
        assert one_.said.en
        assert "{" not in one_.next.fr + one_.next.en
    assert found.figures["differences"] == 11  # an orphan is named, and harms nobody
    assert reconcile(home, DAY - timedelta(days=1)).by_kind == {  # another day has none of those of the flows
        Kind.IN_DROP: 1, Kind.BYTES_MISSING: 1, Kind.BYTES_UNNAMED: 1, Kind.OUT_ALTERED: 1, Kind.LEASE_OVER: 1,
    }  # fmt: skip


@pytest.mark.slow  # one by one, should the test of all twelve fail
@pytest.mark.parametrize("loss", losses.LOSSES, ids=lambda loss: loss.__name__)
def test_one_planted_loss_alone_is_named(
    tmp_path: Path, reader: tuple[str, ...], loss: Callable[[losses.Field, str], losses.Named]
) -> None:
    settings = load(tmp_path, ours="CPP001", readers=1, reconcile={"drop_minutes": 0})
    home = homes.open_home(tmp_path / "home", settings=settings, reader=reader)
    with home:
        runner.add_partner(home, homes.partner())
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 1))
        a_day(home)
        assert named(reconcile(home, DAY)) == []
        planted = loss(field(home), flow(1))
        found = reconcile(home, DAY)
        assert named(found) == [planted]
        assert found.is_sound == (planted[0] is Kind.BYTES_UNNAMED)


def test_what_waits_for_too_long_is_named(home: Home) -> None:
    for number in (1, 2):
        homes.drop(home, flow(number), homes.ubl(f"W-{number}"))
    assert runner.run(home).faults == []
    sql(home, f"UPDATE outbox SET state = 'ready' WHERE kind = 'FEN0036A' AND deposit_id = {deposit(1)}")
    assert named(reconcile(home, DAY)) == []
    home.clock = FixedClock(homes.NOON + timedelta(hours=2))
    assert named(reconcile(home, DAY)) == [(Kind.PIVOT_UNSENT, flow(1))]
    home.clock = FixedClock(homes.NOON + timedelta(days=40))
    found = reconcile(home, DAY)
    assert named(found) == [(Kind.NO_STATUS, flow(1)), (Kind.NO_STATUS, flow(2)), (Kind.PIVOT_UNSENT, flow(1))]
    (term,) = found.terms
    assert (term.recipient, term.waiting, term.overdue, term.at_risk) == (homes.PLAIN, 2, 2, 0)
    assert term.money == {"EUR": 240_000_000}
    (age,) = found.ages
    assert age.buckets == (0, 0, 0, 2, 0)


def test_a_recipient_that_never_returns_a_payment_is_not_waited_for(home: Home) -> None:
    homes.drop(home, flow(1), homes.ubl("E-1"))
    runner.run(home)
    sql(home, f"UPDATE structures SET returns_payment_status = 0 WHERE siret = '{homes.PLAIN}'")
    home.clock = FixedClock(homes.NOON + timedelta(days=40))
    found = reconcile(home, DAY)
    assert named(found) == []
    assert found.terms == ()
    assert (found.excluded.recipients, found.excluded.invoices) == (1, 1)


def test_a_report_that_nobody_fetched_is_named_where_the_server_tells(home: Home) -> None:
    for number in (1, 2, 3):
        homes.drop(home, flow(number), homes.ubl(f"R-{number}"))
    runner.run(home)
    reports = [
        one(home, f"SELECT name FROM outbox WHERE kind = 'CSO' AND deposit_id = {deposit(n)}") for n in (1, 2, 3)
    ]
    log = home.path / "sftp.log"
    log.write_text(
        f'Nov 20 12:00:01 srv internal-sftp[7]: close "/out/{reports[0]}" bytes read 900 written 0\n'
        f'Nov 20 12:00:02 srv internal-sftp[7]: close "/out/{reports[1]}" bytes read 0 written 0\n',
        encoding="utf-8",
    )
    night = home.settings.reconcile.model_copy(update={"sftp_log": log})
    home.settings = home.settings.model_copy(update={"reconcile": night})
    os.unlink(home.path / "drop" / homes.PARTNER / "out" / reports[0])
    found = reconcile(home, DAY)
    assert named(found) == [(Kind.REPORT_NOT_FETCHED, flow(2)), (Kind.REPORT_NOT_FETCHED, flow(3))]
    (told,) = (against for against in found.against if against.source == "fetched")
    assert told.said.en == "1 of 9 answers fetched, as the SFTP log says; 1 are no longer in out"


def test_every_kind_has_its_row_and_a_next_step() -> None:
    assert set(KINDS) == set(Kind)
    for kind, row in KINDS.items():
        assert row.next.fr and row.next.en and row.label.fr and row.label.en, kind


def test_many_differences_are_counted_and_do_not_stand_in_memory(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.running import night_found

    monkeypatch.setattr(night_found, "IN_MEMORY", 2)
    for number in range(5):
        homes.drop(home, flow(number + 1), homes.ubl(f"M-{number}"))
    found = reconcile(home, DAY)
    assert found.by_kind == {Kind.IN_DROP: 5}
    first, again = list(found.differences), list(found.differences)
    assert [one.flow for one in first] == [flow(number + 1) for number in range(5)]
    assert first == again
    assert all(isinstance(one, Difference) for one in first)
