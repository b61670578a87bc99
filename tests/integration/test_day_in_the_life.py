"""A day in the life of a platform, on the real adapters: SFTP, S3 and PostgreSQL, two thousand invoices.

Recipients answer with every status, the issuers recycle two hundred by one file each, complete fifty, handle twenty
rejects; what everybody was told is what happened, and the night finds no difference.
"""

import os
from collections import Counter
from datetime import date
from pathlib import Path

import day_of_invoices
import homes
import pytest
from day_of_invoices import COMPLETED, COUNTY, HANDLED, ISSUERS, PLAN, RECYCLED, REPLACED, TOWN, Day
from services.postgres import Database
from services.s3 import S3Server
from services.sshd import SshServer
from sqlalchemy import text

from bench.night import losses
from pipeline import runner
from pipeline.settings import load

INVOICES = 2_000


@pytest.mark.slow
@pytest.mark.services
@pytest.mark.timeout(300)
def test_day_in_the_life_of_two_thousand_invoices_reconciles_to_zero_differences(
    tmp_path: Path, database: Database, s3_server: S3Server, sshd: SshServer, reader: tuple[str, ...]
) -> None:
    with opened(tmp_path / "home", database, s3_server, sshd, reader) as home:
        day = Day(home, sshd)
        day_of_invoices.partners(home, tmp_path)
        day_of_invoices.lives_through(day, INVOICES)
        print(f"{day.seconds:.1f} s in runs")
        _the_ledger_says_what_happened(day)
        _everybody_was_told_what_happened(day)
        _the_night_finds_no_difference(day)
        _the_night_names_what_is_lost(day)


def opened(path: Path, database: Database, s3: S3Server, sshd: SshServer, reader: tuple[str, ...]) -> runner.Home:
    """A home with nothing of its own on this machine but its folders of work."""
    path.mkdir()
    for code in (*ISSUERS, TOWN, COUNTY):
        sshd.add_user(code)
    given = load(
        path, ours="CPP001", readers=2, drop={"stat_interval_s": 0}, reference_data={"hold_max_days": 0}, ledger={"url": database.tcp_url},
        s3={"bucket": s3.make_bucket(f"day-{os.getpid()}"), "endpoint": s3.endpoint, "access_key": s3.access_key,
            "secret_key": s3.secret_key},
        remotes={
            code: sshd.remote(code, **({"pivots": "out"} if code in {TOWN, COUNTY} else {}))
            for code in (*ISSUERS, TOWN, COUNTY)
        },
    )  # fmt: skip
    return homes.open_home(path, settings=given, reader=reader)


def _the_ledger_says_what_happened(day: Day) -> None:
    counts = Counter(bill.status for bill in day.bills.values())
    assert {"03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "37"} == set(counts)
    with day.home.ledger.reading() as db:
        rows = db.execute(text("SELECT number, status FROM invoices")).all()
        assert dict(rows) == {bill.number: bill.status for bill in day.bills.values()}
        assert len(rows) == INVOICES + day_of_invoices.HELD + 2 * REPLACED
        taken = db.execute(
            text("SELECT d.name, n.applied, n.repeated, n.kept, n.refused FROM intakes n JOIN deposits d ON d.id = deposit_id")
        ).all()  # fmt: skip
        found = {r.name: Counter(applied=r.applied, repeated=r.repeated, kept=r.kept, refused=r.refused) for r in taken}
        assert {name: +count for name, count in found.items()} == {n: +c for n, c in day.expected.items()}
        assert db.execute(text("SELECT count(*) FROM routings")).scalar_one() == RECYCLED
        assert db.execute(text("SELECT count(*) FROM additions")).scalar_one() == COMPLETED
        chained = text("SELECT count(*), count(NULLIF(credit_id, 0)), count(NULLIF(corrective_id, 0)) FROM handled")
        assert tuple(db.execute(chained).one()) == (HANDLED, REPLACED, REPLACED)
    assert counts["04"] == PLAN["04"] - RECYCLED
    assert counts["06"] == PLAN["06"] - COMPLETED


def _everybody_was_told_what_happened(day: Day) -> None:
    for issuer in ISSUERS:
        told = day.told(issuer)
        assert told == {b.number: b.history for b in day.bills.values() if b.issuer == issuer}
        reports = day.reports(issuer)
        assert {reports[name] for name in day.expected if name in reports} == {"90"}
    refused = {name: code for code in (TOWN, COUNTY) for name in day.reports(code)}
    assert {name for name in day.expected if name.startswith("FSO1200A")} == set(refused)
    assert sorted(Counter(s for code in (TOWN, COUNTY) for s in day.reports(code).values()).items()) == [
        ("90", 3),
        ("96", 1),
    ]
    town, county = day.pivots(TOWN), day.pivots(COUNTY)
    assert max((town + county).values()) == 1
    again = Counter(said for _, said in (town + county))
    assert (again["Recyclée"], again["Complétée"]) == (RECYCLED, COMPLETED)
    assert again["Non"] == INVOICES + 2 * REPLACED
    for bill in day.bills.values():  # who holds it now has had it
        if bill.recipient != homes.STATE:
            mine = town if day_of_invoices.receiver(bill) == TOWN else county
            assert any((bill.number, said) in mine for said in ("Non", "Recyclée", "Complétée"))


def _the_night_finds_no_difference(day: Day) -> None:
    """Nothing differs, and it was looked for: every invoice counted, every source read."""
    assert [line for line in runner.verify(day.home) if not line.ok] == []
    found = runner.reconcile(day.home, day_of_invoices.DAY)
    assert [one.said.en for one in found.differences] == []
    assert [line.detail.en for line in found.lines if not line.ok] == []
    assert found.is_sound
    read = {one.source: one.count for one in found.against if one.was_read}
    assert read.keys() >= {"drop", "out", "store", "ledger", "outbox", "reports", "pivots", "statuses"}
    entered = [bill for bill in day.bills.values() if bill.status != "37"]
    total = found.total
    assert (total.integrated.invoices, total.refused.invoices, total.pending.invoices) == (len(entered), 1, 0)
    assert (total.delivered, total.reported) == (total.integrated, total.read)
    assert sum(age.invoices for age in found.ages) >= len(day.standing("03"))
    quiet = runner.reconcile(day.home, date(2026, 11, 19))
    assert (quiet.is_sound, quiet.total.read.invoices) == (True, 0)


def _the_night_names_what_is_lost(day: Day) -> None:
    """Twelve losses planted in that very home, on its servers: each is named once, and nothing else."""
    home, issuer = day.home, homes.PARTNER
    night = home.settings.reconcile.model_copy(update={"drop_minutes": 0})
    home.settings = home.settings.model_copy(update={"reconcile": night})
    with home.ledger.reading() as db:
        flows = db.execute(
            text(
                "SELECT d.name FROM deposits d JOIN invoices i ON i.deposit_id = d.id WHERE d.partner = :issuer "
                "AND d.received_day = :day AND d.state = 'IN_INTEGRE' GROUP BY d.id, d.name "
                "HAVING max(i.judgement) = 1 AND sum(CASE WHEN i.status = '03' AND i.routing = 0 THEN 1 ELSE 0 END) > 0 "
                "ORDER BY d.id"
            ),
            {"issuer": issuer, "day": day_of_invoices.DAY.isoformat()},
        ).scalars()
        field = losses.Field(home, issuer, list(flows), lambda name, content: day.drop(issuer, name, content))
    planted = losses.plant(field)
    found = runner.reconcile(home, day_of_invoices.DAY)
    assert sorted((one.kind, one.flow) for one in found.differences) == planted
    assert len(planted) == 12
