"""Retention: only what is past its date and final goes, exactly what was agreed to, and whoever counts on it keeps it."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from services.s3 import S3Server
from sqlalchemy import Connection, delete, insert, select, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import Ledger, audit, invariants
from pipeline.adapters.ledger import retention as rows
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import moment
from pipeline.adapters.local_store import LocalStore
from pipeline.adapters.system_errors import Locked, Unreachable
from pipeline.audit.form import covered
from pipeline.cli.boundary import run as command
from pipeline.model import PARIS
from pipeline.ports import Fault, Said
from pipeline.running.home import Home
from pipeline.running.nightly import reconcile
from pipeline.running.receive import receive
from pipeline.running.retention import Purged, plan, purge
from pipeline.running.submit import submit
from pipeline.running.summary import RunSummary
from pipeline.settings import load

pytestmark = pytest.mark.campaign
TODAY = homes.NOON.date()
LATER = homes.NOON.replace(year=2036) + timedelta(days=1)  # ten years and a day: the purge of that day takes today's


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def answered(home: Home, *numbers: int) -> None:
    for number in numbers:
        homes.drop(home, homes.flow_name(number), homes.ubl(f"R-{number}"))
    assert runner.run(home).faults == []


def red(home: Home) -> dict[str, str]:
    return {line.name: line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"}


def stored(home: Home) -> set[str]:
    return {f"{owner}/{sha}" for owner in (homes.PARTNER, homes.OTHER, "PORTAL") for sha in home.store.list(owner)}


def at(home: Home, moment_: datetime) -> None:
    home.clock = FixedClock(moment_)


def test_what_is_past_its_date_goes_and_the_ledger_keeps_its_rows(home: Home) -> None:
    answered(home, 1)
    before = stored(home)
    assert len(before) == 4  # what came, report, lifecycle return, pivot
    at(home, LATER - timedelta(days=1))
    assert plan(home).objects == 0  # the last day is kept whole
    at(home, LATER)
    found = plan(home)
    assert (found.objects, found.oldest, found.before) == (4, TODAY, TODAY + timedelta(days=1))
    assert found.bytes == sum((home.path / "store" / name).stat().st_size for name in before)
    done = purge(home, found.digest)
    assert done == Purged(4, found.bytes)
    assert stored(home) == set()
    assert red(home) == {}
    assert runner.status(home, homes.flow_name(1))[0].deposit.state == "IN_INTEGRE"
    again = plan(home)
    assert (again.objects, again.bytes, again.oldest) == (0, 0, None)
    assert purge(home, again.digest) == Purged(0, 0)


def test_other_objects_than_those_agreed_to_are_a_fault_and_nothing_goes(home: Home) -> None:
    answered(home, 1)
    at(home, homes.NOON + timedelta(days=1))
    answered(home, 2)
    at(home, LATER)
    agreed = plan(home)
    before = stored(home)
    at(home, LATER + timedelta(days=1))
    with pytest.raises(Fault, match="not the list that was agreed to"):
        purge(home, agreed.digest)
    assert stored(home) == before
    assert purge(home, agreed.digest, LATER.date()).objects == 4  # the day of the plan still gives it
    assert len(stored(home)) == 4


def test_a_day_to_come_is_refused(home: Home) -> None:
    answered(home, 1)
    for asked in (lambda: plan(home, LATER.date()), lambda: purge(home, "0" * 64, LATER.date())):
        with pytest.raises(Fault, match="is to come"):
            asked()


def test_29_february_is_kept_its_ten_years(home: Home) -> None:
    at(home, datetime(2036, 2, 29, 12, tzinfo=UTC))
    assert plan(home).before == date(2026, 2, 28)


def test_what_is_not_finished_stays(home: Home) -> None:
    runner.commitments_unavailable(home)
    homes.drop(
        home, homes.flow_name(1), homes.ubl("R-1", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    )
    answered(home, 2, 3)
    with home.ledger.writing() as db:
        db.execute(text("UPDATE outbox SET state = 'uploaded' WHERE deposit_id = 2 AND kind = 'FEN0036A'"))
        db.execute(text("UPDATE deposits SET state = 'quarantined' WHERE id = 3"))
    at(home, LATER)
    assert plan(home).objects == 0  # pending, not sent, set apart


def test_a_word_said_later_keeps_all_of_its_flow(home: Home) -> None:
    runner.commitments_unavailable(home)
    homes.drop(
        home, homes.flow_name(1), homes.ubl("R-1", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    )
    runner.run(home)
    at(home, homes.NOON + timedelta(days=40))
    runner.commitments_available(home)
    runner.import_commitments(home, homes.orders(home.path / "o.csv", "1512345678"), TODAY + timedelta(days=40))
    assert runner.run(home).decided_later == 1
    at(home, LATER + timedelta(days=39))
    assert plan(home).objects == 0
    at(home, LATER + timedelta(days=40))
    assert plan(home).objects == 4  # bytes, report, later return, later pivot


def test_the_rejects_of_the_day_go_a_day_later(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("R-1", recipient=homes.NEEDS_BOTH))
    runner.run(home)
    at(home, homes.NOON + timedelta(days=1))
    assert runner.run(home).sent["REJETS"] == 1
    at(home, LATER)
    assert plan(home).objects == 2  # bytes and report
    at(home, LATER + timedelta(days=1))
    assert plan(home).objects == 3


# --- killed, refused, away --------------------------------------------------------------------------------------------


def test_a_purge_that_was_killed_goes_on_with_the_same_digest(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(home, 1, 2)
    at(home, LATER)
    found = plan(home)
    right = LocalStore.remove
    gone: list[str] = []

    def dies(store: LocalStore, partner: str, sha256: str) -> None:
        if len(gone) == 3:
            raise KeyboardInterrupt
        gone.append(sha256)
        right(store, partner, sha256)

    monkeypatch.setattr(LocalStore, "remove", dies)
    with pytest.raises(KeyboardInterrupt):
        purge(home, found.digest)
    monkeypatch.setattr(LocalStore, "remove", right)
    assert red(home) == {}  # what is gone is said to be
    night = reconcile(home, TODAY)
    assert "5 dont la purge n'est pas finie" in next(x for x in night.lines if x.name == "orphans").detail.fr
    left = plan(home)
    assert (left.objects, left.digest) == (5, found.digest)
    assert purge(home, found.digest).objects == 5
    assert stored(home) == set()


def test_what_a_lock_keeps_is_named_and_stays_green(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(home, 1)
    at(home, LATER)
    right = LocalStore.remove

    def locked(store: LocalStore, partner: str, sha256: str) -> None:
        if partner == "PORTAL":
            raise Locked(Said("verrouillé", "locked"))
        right(store, partner, sha256)

    monkeypatch.setattr(LocalStore, "remove", locked)
    done = purge(home, plan(home).digest)
    assert (done.objects, [name.partition("/")[0] for name in done.locked]) == (3, ["PORTAL"])
    assert red(home) == {}
    (kept,) = stored(home)
    (home.path / "store" / kept).write_bytes(b"altered")  # it is watched over as before
    assert "archive" in red(home)
    monkeypatch.setattr(LocalStore, "remove", right)
    assert purge(home, plan(home).digest).objects == 1


def test_a_store_that_is_away_stops_the_purge_and_loses_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    answered(home, 1)
    at(home, LATER)
    right = LocalStore.remove

    def away(_store: LocalStore, _partner: str, _sha256: str) -> None:
        raise Unreachable(Said("absent", "away"))

    monkeypatch.setattr(LocalStore, "remove", away)
    found = plan(home)
    with pytest.raises(Unreachable):
        purge(home, found.digest)
    assert red(home) == {}
    monkeypatch.setattr(LocalStore, "remove", right)
    assert purge(home, found.digest).objects == 4


@pytest.mark.parametrize("lock_years", [10, 0])
def test_in_a_bucket_its_lock_is_stronger_than_we(
    tmp_path: Path, reader: tuple[str, ...], s3_server: S3Server, lock_years: int
) -> None:
    bucket = s3_server.make_bucket(f"retention-{lock_years}", lock=lock_years > 0, versions=True)
    s3 = {
        "bucket": bucket,
        "endpoint": s3_server.endpoint,
        "access_key": s3_server.access_key,
        "secret_key": s3_server.secret_key,
    }
    path = tmp_path / "home"
    given = load(path, ours="CPP001", readers=1, s3={**s3, "lock_years": lock_years})
    with homes.open_home(path, settings=given, reader=reader) as home:
        runner.add_partner(home, homes.partner())
        runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
        answered(home, 1)
        before = stored(home)
        at(home, LATER)
        done = purge(home, plan(home).digest)
        if lock_years:
            assert (done.objects, set(done.locked)) == (0, before)
            assert (stored(home), plan(home).objects) == (before, 4)
        else:
            assert (done.objects, done.locked, stored(home)) == (4, (), set())
        assert red(home) == {}


# --- whoever brings or needs the same bytes ---------------------------------------------------------------------------


def test_a_flow_that_comes_again_keeps_its_bytes_and_only_them(home: Home) -> None:
    answered(home, 1)
    at(home, LATER - timedelta(days=30))
    answered(home, 1)  # unchanged: FLW-006
    at(home, LATER)
    found = plan(home)
    assert found.objects == 3
    purge(home, found.digest)
    assert len(stored(home)) == 1
    assert red(home) == {}


def test_a_report_that_is_past_its_date_is_not_put_back_and_that_is_said(home: Home) -> None:
    answered(home, 1)
    for file in (home.path / "drop" / homes.PARTNER / "out").iterdir():
        file.unlink()
    at(home, LATER)
    purge(home, plan(home).digest)
    homes.drop(home, homes.flow_name(1), homes.ubl("R-1"))
    summary = runner.run(home)
    assert (summary.repeated, summary.faults) == (1, [])
    assert [n.fr for n in summary.notices if "durée de conservation" in n.fr] != []
    assert homes.out(home) == {}
    assert len(stored(home)) == 1  # the bytes that came anew
    assert red(home) == {}
    assert plan(home).objects == 0
    with home.ledger.reading() as db:
        assert len(db.execute(select(t.purged)).all()) == 3


def test_purged_bytes_cannot_be_submitted_and_that_is_said(home: Home) -> None:
    answered(home, 1)
    at(home, LATER)
    purge(home, plan(home).digest)
    with pytest.raises(Fault, match="retention was over"):
        submit(home, homes.flow_name(1), homes.flow_name(9))


@pytest.mark.parametrize("moment_of_drop", ["before the rows", "between rows and bytes", "after the bytes"])
def test_bytes_that_come_again_during_a_purge_are_not_lost(
    home: Home, monkeypatch: pytest.MonkeyPatch, moment_of_drop: str
) -> None:
    """The receiver has stored them (they were there) and gives them their row at every possible moment."""
    answered(home, 1)
    at(home, LATER)
    found = plan(home)
    homes.drop(home, homes.flow_name(2), homes.ubl("R-1"))  # the same bytes, another name
    pause_before = {"before the rows": 1, "between rows and bytes": 2}.get(moment_of_drop)
    right_keep, right_write = LocalStore.keep, Ledger.write
    purging: list[threading.Thread] = []
    failed: list[BaseException] = []
    writes: list[int] = []
    arrived, go_on = threading.Event(), threading.Event()

    def purges() -> None:
        try:
            purge(home, found.digest)
        except BaseException as error:
            failed.append(error)
        arrived.set()

    def keep(store: LocalStore, written: object) -> None:
        right_keep(store, written)  # type: ignore[arg-type]
        if not purging:
            purging.append(threading.Thread(target=purges))
            purging[0].start()
            assert arrived.wait(30)

    def write(ledger: Ledger, unit: Callable[[Connection], object]) -> object:
        if threading.current_thread() in purging:
            writes.append(1)
            if len(writes) == pause_before:
                arrived.set()
                assert go_on.wait(30)
        return right_write(ledger, unit)

    monkeypatch.setattr(LocalStore, "keep", keep)
    monkeypatch.setattr(Ledger, "write", write)
    summary = RunSummary()
    receive(home, home.partners(), summary)
    go_on.set()
    purging[0].join(30)
    assert (failed, summary.faults, summary.received) == ([], [], 1)
    assert red(home) == {}
    with home.ledger.reading() as db:
        sha256 = db.execute(text("SELECT sha256 FROM deposits WHERE id = 2")).scalar_one()
    assert home.store.digest(homes.PARTNER, sha256) == sha256
    assert len(stored(home)) == 1  # the rest of the plan went


def test_on_a_server_registration_waits_for_the_removal_under_way(
    request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite writes one transaction at a time; PostgreSQL must be told to."""
    request.param = "postgres"
    with both_ledgers.ready(request, tmp_path / "home", reader) as home:
        answered(home, 1)
        at(home, LATER)
        found = plan(home)
        homes.drop(home, homes.flow_name(2), homes.ubl("R-1"))
        right = LocalStore.remove
        summary = RunSummary()
        receiving = threading.Thread(target=lambda: receive(home, home.partners(), summary))
        states: list[str] = []

        def remove(store: LocalStore, partner: str, sha256: str) -> None:
            if not receiving.ident:
                receiving.start()
                receiving.join(1.0)
                states.append("waits" if receiving.is_alive() else "went on")
            right(store, partner, sha256)

        monkeypatch.setattr(LocalStore, "remove", remove)
        purge(home, found.digest)
        receiving.join(30)
        assert (states, summary.faults, summary.received) == (["waits"], [], 1)
        assert red(home) == {}
        assert len(stored(home)) == 1


# --- any ledger whatever ----------------------------------------------------------------------------------------------

BEFORE = date(2026, 11, 20)
ON = BEFORE.replace(year=2036)
BYTES = [f"bytes {number}".encode() for number in range(4)]
SHAS = [hashlib.sha256(content).hexdigest() for content in BYTES]
OWNERS = (homes.PARTNER, homes.OTHER)
days = st.sampled_from([-400, -2, -1, 0, 1])  # around the first day that is kept
shas = st.integers(0, len(SHAS) - 1)
outgoing = st.tuples(shas, st.sampled_from(OWNERS), st.sampled_from(["sent", "sent", "sent", "ready", "uploaded"]))


@dataclass(frozen=True)
class Drop:
    """One row of `deposits` and what hangs on it; days count from the first one that is kept."""

    day: int
    state: str
    sha: int
    owner: str
    is_kept: bool
    again: bool
    is_pending: bool
    told_on: int
    files: list[tuple[int, str, str]]
    added: list[int] = field(default_factory=list)  # files that its issuer added to its invoice
    changed_on: int | None = None  # the day on which it brought the last status of the first deposit

    @property
    def is_needed(self) -> bool:
        is_final = self.state in rows.FINAL and not self.again and not self.is_pending
        last = max(self.day, self.told_on, self.changed_on if self.changed_on is not None else self.day)
        return last >= 0 or not is_final or any(state != "sent" for _, _, state in self.files)


drops = st.builds(
    Drop, days, st.sampled_from([*rows.FINAL, "received", "quarantined"]), shas, st.sampled_from(OWNERS),
    st.sampled_from([True, True, False]), st.sampled_from([False, False, True]), st.sampled_from([False, False, True]),
    st.sampled_from([-400, -1, 0]), st.lists(outgoing, max_size=2), st.lists(shas, max_size=1),
    st.sampled_from([None, None, -400, 0]),
)  # fmt: skip
rejects = st.tuples(days, shas, st.sampled_from(OWNERS), st.sampled_from(["sent", "ready"]))


def noon(day: int) -> datetime:
    return datetime.combine(BEFORE + timedelta(days=day), time(0, 10), PARIS)


def fill(
    home: Home, dropped: list[Drop], refused: list[tuple[int, int, str, str]], told: list[tuple[int, int, str, str]]
) -> None:
    """The rows, and one object for each of them."""
    with home.ledger.writing() as db:
        for table in (
            t.audit, t.audit_heads, t.purged, t.outbox, t.changes, t.additions, t.transitions, t.invoices, t.verdicts,
            t.reject_days, t.deposits,
        ):  # fmt: skip
            db.execute(delete(table))
        for number, one in enumerate(dropped, 1):
            received = noon(one.day)
            db.execute(
                insert(t.deposits).values(
                    id=number, partner=one.owner, claim=f"c{number}", name_bytes=b"n", name="n", sha256=SHAS[one.sha],
                    size_bytes=7, is_kept=int(one.is_kept), received_at=moment(received),
                    received_day=received.date().isoformat(), state=one.state, again=int(one.again),
                )
            )  # fmt: skip
            if one.is_pending:
                db.execute(insert(t.verdicts).values(deposit_id=number))
                db.execute(insert(t.invoices).values(deposit_id=number, rank=1, outcome="pending"))
            step = {"deposit_id": number, "rank": 1, "sequence": 1, "status": "01"}
            db.execute(insert(t.transitions).values(**step, at=moment(max(noon(one.told_on), received))))
            for place, sha in enumerate(one.added):
                more = {"deposit_id": number, "rank": 1, "sequence": 1, "position": place}
                db.execute(insert(t.additions).values(**more, sha256=SHAS[sha], size_bytes=7))
            if (
                one.changed_on is not None
            ):  # of an invoice that no query asks for: its own deposit is looked at by itself
                step = {"deposit_id": 1, "rank": 1 + number, "sequence": 4}
                db.execute(insert(t.transitions).values(**step, status="08", at=moment(noon(one.changed_on))))
                db.execute(insert(t.changes).values(**step, issuer=dropped[0].owner, source_id=number))
            for place, (sha, owner, state) in enumerate(one.files):
                sent = {"place": f"p{place}", "name": f"{number}", "kind": "CSO", "owner": owner, "size_bytes": 7}
                db.execute(insert(t.outbox).values(**sent, deposit_id=number, sha256=SHAS[sha], state=state))
        for number, (day, sha, owner, state) in enumerate(refused):
            name = f"REJETS-{number}"
            row = {"partner": owner, "supplier": "s", "day": noon(day).date().isoformat(), "ordinal": number}
            db.execute(insert(t.reject_days).values(**row, name=name))
            sent = {"place": "r", "name": name, "kind": "REJETS", "owner": owner, "size_bytes": 7}
            db.execute(insert(t.outbox).values(**sent, sha256=SHAS[sha], state=state))
        audit.begin(db, home.clock.now(), {})  # its chain covers what stands there, whoever wrote it
        for number, (day, sha, owner, state) in enumerate(told):
            name = f"FEN1201A-{number}"
            row = {"place": "r", "name": name, "kind": "FEN1201A", "owner": owner, "deposit_id": None, "size_bytes": 7}
            row |= {"sha256": SHAS[sha]}
            cover = covered([("outbox", 0, audit.records("outbox", [row]))])
            line = audit.append(db, owner, "told", noon(day), cover)
            db.execute(insert(t.outbox).values(**row, state=state, audited=line))
    for owner in OWNERS:
        folder = home.path / "store" / owner
        folder.mkdir(exist_ok=True)
        for sha, content in zip(SHAS, BYTES, strict=True):
            (folder / sha).write_bytes(content)


@settings(
    max_examples=60, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.differing_executors],
)  # fmt: skip
@given(dropped=st.lists(drops, max_size=6), refused=st.lists(rejects, max_size=2), told=st.lists(rejects, max_size=2))
def test_a_purge_never_touches_what_any_row_still_needs(
    home: Home, dropped: list[Drop], refused: list[tuple[int, int, str, str]], told: list[tuple[int, int, str, str]]
) -> None:
    if not any(day < 0 for day in [*(one.day for one in dropped), *(day for day, *_ in refused)]):
        told = []  # nothing is told of what never came
    fill(home, dropped, refused, told)
    later = max((one.changed_on for one in dropped if one.changed_on is not None), default=-1)
    if dropped:  # what was said of its invoices keeps it, whoever said it
        dropped = [replace(dropped[0], told_on=max(dropped[0].told_on, later)), *dropped[1:]]
    at(home, datetime.combine(ON, time(12), PARIS))
    needed, named = set(), set()
    for one in dropped:
        own = [(one.owner, sha) for sha in ([one.sha] if one.is_kept else []) + one.added]
        for owner, sha in [*own, *((owner, sha) for sha, owner, _ in one.files)]:
            named.add(f"{owner}/{SHAS[sha]}")
            if one.is_needed:
                needed.add(f"{owner}/{SHAS[sha]}")
    for day, sha, owner, state in refused:
        named.add(f"{owner}/{SHAS[sha]}")
        if day + 1 >= 0 or state != "sent":  # written the day after
            needed.add(f"{owner}/{SHAS[sha]}")
    for day, sha, owner, state in told:
        named.add(f"{owner}/{SHAS[sha]}")
        if day >= 0 or state != "sent":
            needed.add(f"{owner}/{SHAS[sha]}")
    everything = stored(home)
    found = plan(home)
    assert found.before == BEFORE
    assert (found.objects, found.bytes) == (len(named - needed), 7 * len(named - needed))
    purge(home, found.digest)
    assert everything - stored(home) == named - needed
    with home.ledger.reading() as db:
        missing = [name for name, owner, sha in invariants.to_send(db) if not home.store.exists(owner, sha)]
        missing += [sha for owner, sha in invariants.objects(db) if not home.store.exists(owner, sha)]
    assert missing == []


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_lists_and_removes_exactly_that(
    tmp_path: Path, reader: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    def cli(*typed: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command(["retention", *map(str, typed), "--home", str(tmp_path / "home")])
        return code, *capsys.readouterr()

    with homes.ready_home(
        tmp_path / "home", datetime(2012, 3, 1, 12, tzinfo=UTC), day=date(2012, 1, 1), reader=reader
    ) as home:
        answered(home, 1)
    code, out, err = cli("plan")
    assert (code, err) == (0, "")
    assert "10 ans" in out
    digest = next(row.split()[-1] for row in out.splitlines() if "retention purge" in row)
    code, out, _ = cli("plan", "--format", "json", "--on", "2022-03-02")
    told = json.loads(out)
    assert (told["objects"], told["oldest"], told["before"], told["digest"]) == (2, "2012-03-01", "2012-03-02", digest)
    code, _, err = cli("purge", "--digest", "0" * 64)
    assert (code, err.startswith("chorus-edi : ce n'est plus la liste")) == (3, True)
    assert cli("purge", "--digest", digest, "--on", "2999-01-01")[0] == 3
    code, out, _ = cli("purge", "--digest", digest)
    assert (code, out.split()[:3]) == (0, ["Effacés", "2", "objets,"])
    assert "aucun objet" in cli("plan")[1]
