"""`look` tells what a person should know of: once when it begins, again as it grows, anew when it comes back."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from alert_receivers import Command
from change_files import Entry, status_file, status_flow
from sqlalchemy import event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import alerts as rows
from pipeline.running.alert import ALERTS
from pipeline.running.home import Home
from pipeline.running.watch import MOST, conditions, look
from pipeline.settings import load

Seen = list[tuple[str, str, str]]


@pytest.fixture
def command(tmp_path: Path) -> Command:
    return Command(tmp_path / "ops")


@pytest.fixture
def home(tmp_path: Path, command: Command, reader: tuple[str, ...]) -> Iterator[Home]:
    """Two partners, a directory of the day, and a notifier."""
    path = tmp_path / "home"
    given = load(path, ours="CPP001", readers=1, alerts={"command": (str(command.path),)})
    with homes.open_home(path, settings=given, reader=reader) as opened:
        runner.add_partner(opened, homes.partner())
        runner.add_partner(opened, homes.partner(homes.OTHER))
        runner.import_directory(opened, homes.directory(tmp_path / "annuaire"), date(2026, 11, 20))
        yield opened


def after(home: Home, **time: float) -> None:
    home.clock = FixedClock(homes.NOON + timedelta(**time))


def heard(home: Home, command: Command) -> Seen:
    """What was told since we asked last, one more look included."""
    assert look(home) == ()
    new = command.got[command.heard :]
    command.heard += len(new)
    return [(said["alert"], said["subject"], said["step"]) for said in new]


def waits(home: Home, sequence: int, partner: str = homes.PARTNER) -> None:
    """A deposit that cannot be judged: there is no directory for its day."""
    with home.ledger.writing() as db:
        db.execute(text("UPDATE snapshots SET day = '2027-01-01'"))
    homes.drop(home, homes.flow_name(sequence, partner=partner), homes.ubl(f"L-{sequence}"), partner)
    assert runner.run(home).faults


def with_a_directory(home: Home) -> None:
    with home.ledger.writing() as db:
        db.execute(text("UPDATE snapshots SET day = '2026-11-20'"))


def test_a_quiet_home_calls_nobody_and_writes_nothing(home: Home, command: Command) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("L-1"))
    runner.run(home)
    statements: list[str] = []
    event.listen(home.ledger.engine, "before_cursor_execute", lambda _c, _cur, sql, *_: statements.append(sql))
    assert heard(home, command) == []
    assert len([sql for sql in statements if sql.startswith("SELECT")]) <= 9
    assert {sql.split()[0] for sql in statements} <= {"SELECT", "BEGIN"}


def test_a_deposit_that_waits_too_long_is_told_once_a_day_until_it_is_answered(home: Home, command: Command) -> None:
    waits(home, 1)
    after(home, minutes=60)
    assert heard(home, command) == []
    after(home, minutes=61)
    assert heard(home, command) == [("oldest-due-late", homes.PARTNER, "/0")]
    assert "depuis 61 min (limite 60), sur 1" in command.got[-1]["fr"]
    after(home, hours=23)
    assert heard(home, command) == []
    after(home, hours=25)
    assert heard(home, command) == [("oldest-due-late", homes.PARTNER, "/1")]
    with_a_directory(home)
    runner.run(home)
    assert heard(home, command) == []
    waits(home, 2)
    after(home, hours=25 + 2)
    assert heard(home, command) == [("oldest-due-late", homes.PARTNER, "/0")]  # it came back


def test_what_hovers_around_the_limit_is_one_alert(home: Home, command: Command) -> None:
    waits(home, 1)
    after(home, minutes=61)
    assert len(heard(home, command)) == 1
    after(home, minutes=31)  # the oldest is younger now, and still older than half of the limit
    assert heard(home, command) == []
    after(home, minutes=62)
    assert heard(home, command) == []
    after(home, minutes=10)
    assert heard(home, command) == []
    after(home, minutes=61)
    assert len(heard(home, command)) == 1


def test_a_folder_that_takes_nothing_is_told_and_partners_apart(home: Home, command: Command) -> None:
    out = home.path / "drop" / homes.PARTNER / "out"

    def take_the_folder_away(stage: str) -> None:
        if stage == "report" and out.is_dir():
            out.rmdir()
            out.write_bytes(b"")

    home.stage = take_the_folder_away
    homes.drop(home, homes.flow_name(1), homes.ubl("L-1"))
    homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("L-2"), homes.OTHER)
    assert runner.run(home).faults
    assert heard(home, command) == []
    after(home, minutes=61)
    assert heard(home, command) == [("reports-unsent", f"drop/{homes.PARTNER}", "/2026-11-20")]
    assert heard(home, command) == []
    home.stage = lambda _stage: None
    out.unlink()
    out.mkdir()
    assert runner.run(home).sent["CSO"] == 1
    assert heard(home, command) == []
    with home.ledger.reading() as db:
        assert rows.every(db, ALERTS) == ()  # forgotten: next time it is told anew


def test_a_flow_that_kills_its_reader_is_told_at_once_and_each_one(home: Home, command: Command) -> None:
    waits(home, 1)
    with home.ledger.writing() as db:
        db.execute(text("UPDATE deposits SET state = 'quarantined'"))
    assert heard(home, command) == [("quarantine", homes.PARTNER, "1/")]
    waits(home, 2)
    with home.ledger.writing() as db:
        db.execute(text("UPDATE deposits SET state = 'quarantined'"))
    assert heard(home, command) == [("quarantine", homes.PARTNER, "2/")]
    assert heard(home, command) == []


def test_files_that_are_no_plain_files_are_told_by_the_hour(home: Home, command: Command) -> None:
    inbox = home.path / "drop" / homes.PARTNER / "in"
    for number in range(30):
        (inbox / f"link{number}").symlink_to("/etc/hostname")
    assert runner.run(home).quarantined == 30
    assert heard(home, command) == [("quarantine", homes.PARTNER, "2026-11-20T11/")]
    assert "dépôts mis à part : 30" in command.got[-1]["fr"]
    for minutes, told in ((20, 0), (60, 1), (61, 0)):
        after(home, minutes=minutes)
        (inbox / f"late{minutes}").symlink_to("/etc/hostname")
        runner.run(home)
        assert len(heard(home, command)) == told


def test_held_invoices_are_told_after_a_day_and_when_one_may_decide(
    home: Home, command: Command, tmp_path: Path
) -> None:
    runner.import_commitments(home, homes.orders(tmp_path / "orders.csv", "1234567890"), date(2026, 11, 20))
    runner.commitments_unavailable(home)
    invoice = homes.ubl("L-1", recipient=homes.STATE, service="SFACETAT", order="1234567890")
    homes.drop(home, homes.flow_name(1), invoice)
    assert dict(runner.run(home).invoices) == {"pending": 1}
    after(home, hours=24)
    assert heard(home, command) == []
    after(home, hours=25)
    assert heard(home, command) == [("held-too-long", "commitments", "/wait")]
    after(home, days=5)
    assert heard(home, command) == []
    with home.ledger.writing() as db:
        db.execute(text("UPDATE snapshots SET day = '2026-11-27'"))  # what grows old is another matter
    after(home, days=7, minutes=1)
    assert heard(home, command) == [("held-too-long", "commitments", "/decide")]
    runner.commitments_available(home)
    runner.run(home)
    assert heard(home, command) == []


def test_statuses_without_a_label_are_told_once_a_day_for_each_recipient(home: Home, command: Command) -> None:
    runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
    homes.drop(home, homes.flow_name(1), homes.ubl("L-1"))
    runner.run(home)

    def says(sequence: int, *codes: int) -> Seen:
        entries = [Entry("L-1", code, home.clock.now() - timedelta(seconds=n)) for n, code in enumerate(codes)]
        homes.drop(home, status_flow(sequence), status_file(entries), homes.RECEIVER)
        assert runner.run(home).changes["kept"] == sum(code > 12 for code in codes)
        return heard(home, command)

    assert says(1, 7) == []
    assert says(2, 30, 30, 41) == [("unknown-status", homes.RECEIVER, "/2026-11-20")]
    said = command.got[-1]
    assert "historique : 30 (2), 41 (1), le dernier reçu le 2026-11-20" in said["fr"]
    assert "history only: 30 (2), 41 (1), the last one on 2026-11-20" in said["en"]
    after(home, hours=2)
    assert says(3, 31) == []  # the same day
    after(home, hours=20)
    assert says(4, 31) == [("unknown-status", homes.RECEIVER, "/2026-11-21")]
    assert "31 (2), 41 (1)" in command.got[-1]["fr"]
    after(home, hours=45)
    assert heard(home, command) == []
    with home.ledger.reading() as db:
        assert not [one for one in rows.every(db, ALERTS) if one.key.name == "unknown-status"]  # a day without one


def test_what_grows_old_is_told_at_each_step_and_after_a_renewal_anew(
    home: Home, command: Command, tmp_path: Path
) -> None:
    told: Seen = []
    for day in range(10):
        after(home, days=day)
        told += heard(home, command)
    assert told == [
        ("directory-old", "directory", "2026-11-28/1"),
        ("directory-old", "directory", "2026-11-28/past"),
    ]
    runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 29))
    assert heard(home, command) == []
    after(home, days=20)
    assert heard(home, command) == [("directory-old", "directory", "2026-12-07/past")]


def test_a_password_is_told_at_each_of_its_steps(home: Home, command: Command, tmp_path: Path) -> None:
    given = {"alerts": {"command": (str(command.path),)}, "ages": {"passwords": {"pes": "2025-09-22"}}}
    told: list[tuple[int, str]] = []
    with homes.open_home(home.path, settings=load(home.path, **given)) as again:  # its last day: 2026-11-20
        for days in range(-70, 5):
            after(again, days=days)
            told += [(days, step) for name, _, step in heard(again, command) if name == "age-password"]
    steps = [(-60, "60"), (-30, "30"), (-14, "14"), (-7, "7"), (-1, "1"), (1, "past")]
    assert told == [(days, f"2026-11-20/{step}") for days, step in steps]


def test_a_notifier_that_fails_is_one_fault_and_all_is_told_when_it_works(home: Home, command: Command) -> None:
    for sequence, partner in enumerate((homes.PARTNER, homes.OTHER), 1):
        waits(home, sequence, partner)
    after(home, minutes=61)
    command.ends_with(1)
    for _ in range(2):
        (fault,) = look(home)
        assert "la commande d'alerte a fini par le code 1" in fault.fr
    assert len(command.got) == 2  # it is not asked for each alert in vain
    command.ends_with(0)
    assert {subject for _, subject, _ in heard(home, command)} == {homes.PARTNER, homes.OTHER}


def test_one_look_calls_at_most_so_often_and_the_next_one_goes_on(home: Home, command: Command) -> None:
    passwords = {f"account{number:02d}": "2020-01-01" for number in range(MOST + 5)}
    given = {"alerts": {"command": (str(command.path),)}, "ages": {"passwords": passwords}}
    with homes.open_home(home.path, settings=load(home.path, **given)) as again:
        assert [len(heard(again, command)) for _ in range(3)] == [MOST, 5, 0]


def test_what_is_told_holds_nothing_of_an_issuer(home: Home, command: Command) -> None:
    (home.path / "drop" / homes.PARTNER / "in" / "SECRET NAME").symlink_to("/etc/hostname")
    waits(home, 1)
    after(home, hours=2)
    assert len(heard(home, command)) == 2
    said = " ".join(f"{call['said']}" for call in command.calls)
    for hidden in ("SECRET", homes.flow_name(1), "L-1", homes.SUPPLIER):
        assert hidden not in said


# --- the same on PostgreSQL, and the plans of both --------------------------------------------------------------------


def everything_at_once(home: Home, tmp_path: Path) -> None:
    runner.add_partner(home, homes.partner())
    runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 20))
    (home.path / "drop" / homes.PARTNER / "in" / "link").symlink_to("/etc/hostname")
    waits(home, 1)


def test_it_is_the_same_on_postgresql(tmp_path: Path, database: Any, command: Command, reader: tuple[str, ...]) -> None:
    given = {"ours": "CPP001", "readers": 1, "alerts": {"command": (str(command.path),)}}
    given |= {"ledger": {"url": database.url}}
    with homes.open_home(tmp_path / "pg", settings=load(tmp_path / "pg", **given), reader=reader) as home:
        everything_at_once(home, tmp_path)
        after(home, hours=2)
        assert sorted(heard(home, command)) == [
            ("oldest-due-late", homes.PARTNER, "/0"),
            ("quarantine", homes.PARTNER, "2026-11-20T11/"),
        ]
        assert heard(home, command) == []
        with_a_directory(home)
        runner.run(home)
        assert heard(home, command) == []
        with home.ledger.reading() as db:
            assert {one.key.name for one in rows.every(db, ALERTS)} == {"quarantine"}


def test_looking_goes_through_indexes(home: Home, tmp_path: Path) -> None:
    asked: list[tuple[str, Any]] = []
    event.listen(
        home.ledger.engine, "before_cursor_execute", lambda _c, _cur, sql, given, *_: asked.append((sql, given))
    )
    with home.ledger.reading() as db:
        list(conditions(home, db))
        queries = [one for one in asked if one[0].startswith("SELECT")]
        plans = [row[3] for sql, given in queries for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)]
    assert len(queries) >= 7
    assert [plan for plan in plans if plan.startswith("SCAN")] == []
