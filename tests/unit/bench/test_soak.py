"""What the soak calls lost, doubled, torn, red, slow or growing, and that it says so; and what it drops."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import event, text

from bench import processes
from bench.figures import Check
from bench.million import UNIT, Verified
from bench.soak import asking, flows, memory, reckoning, steps
from bench.soak.asking import Asking, Outside
from bench.soak.flows import HEAVY, Flow
from bench.soak.memory import CHILD, RUN, Sample
from bench.soak.partners import Dropped, Fetcher
from bench.soak.reckoning import Phase
from fixtures import batch, ubl
from fixtures.content import Series
from pipeline.adapters.ledger import Ledger

CONTENT = Series(1, batch.RECIPIENTS).next(guideline=ubl.EN16931)


def flow(number: int, folder: Path, partner: str = "SOK001") -> Flow:
    path = folder / str(number)
    path.write_bytes(b"an invoice")
    return Flow(partner, f"FLOW-{number}", path, f"{number:064d}", f"CSO-{number}")


# --- memory -----------------------------------------------------------------------------------------------------------


def test_growth_is_told_a_minute_and_single_peaks_do_not_move_it():
    line = [(float(at), 100 + at / 30) for at in range(300)]
    assert memory.per_minute(line) == pytest.approx(2.0)
    assert memory.per_minute([(at, mb + (300 if at % 20 == 0 else 0)) for at, mb in line]) == pytest.approx(
        2.0, abs=0.2
    )
    assert memory.per_minute([(at, 80.0) for at, _ in line]) == 0
    assert memory.per_minute([]) == memory.per_minute([(1.0, 5.0)]) == 0


def test_long_lines_are_thinned_to_both_ends():
    line = [(float(at), float(at)) for at in range(10_000)]
    assert memory.per_minute(line) == pytest.approx(60)


def test_a_process_that_grows_is_not_hidden_by_one_that_does_not():
    samples = [Sample(at, pid, RUN, 90 + pid * at / 60, 95, 0) for at in range(300) for pid in (0, 3)]
    found = memory.held(samples, RUN, 0, 299, 100)
    assert found is not None
    assert found.processes == 2
    assert found.per_minute_mb == pytest.approx(3)


def test_children_that_live_for_seconds_are_one_line():
    samples = [Sample(at, at // 10, CHILD, 60, 60 + at // 10, 0) for at in range(300)]
    found = memory.held(samples, CHILD, 0, 299, 0)
    assert found is not None
    assert (found.processes, found.peak_mb) == (30, 89)
    assert found.per_minute_mb == pytest.approx(6)  # one MB more in each, every ten seconds
    assert memory.held(samples, RUN, 0, 299, 0) is None


def test_what_is_shared_counts_once_for_all_of_them():
    samples = [Sample(1, 1, RUN, 80, 80, 50), Sample(1, 2, CHILD, 70, 70, 20), Sample(2, 1, RUN, 80, 80, 60)]
    assert memory.together_mb(samples) == 70


def test_processes_are_told_apart_by_how_they_were_started(monkeypatch: pytest.MonkeyPatch):
    commands = {
        1: "chorus-edi run",
        2: "-m read_worker",
        3: "-m read_worker",
        4: "-m saxon_server",
        5: "chorus-edi run",
    }
    monkeypatch.setattr(processes, "started", lambda: {1: [2, 5], 2: [3, 4]})
    monkeypatch.setattr(processes, "command", lambda pid: commands[pid])
    held = memory.Memory([1])
    held.look()
    assert held.kinds == {1: RUN, 2: memory.READER, 3: CHILD, 4: memory.SAXON}  # 5 has not become anything yet


def test_this_process_is_weighed_and_its_time_counted():
    import os

    held = memory.Memory([os.getpid()])
    held.look()
    assert [sample.pid for sample in held.samples if sample.kind == RUN] == [os.getpid()]
    assert 5 < held.samples[0].held_mb <= held.samples[0].peak_mb
    assert held.cpu_by_kind()[RUN] > 0


# --- times ------------------------------------------------------------------------------------------------------------


def test_waits_and_rates_are_those_of_the_flows_of_the_phase(tmp_path: Path):
    some = [flow(number, tmp_path) for number in range(100)]
    big = flow(1000, tmp_path, HEAVY)
    phase = Phase("steady", [*some, big], began=0, over=100, began_at=0, over_at=100)
    dropped = {one.report: float(rank) for rank, one in enumerate([*some, big])}
    reported = {one.report: dropped[one.report] + 2 for one in [*some, big]} | {"another": 50.0}
    del reported[some[7].report]
    assert phase.waits(dropped, reported) == [2.0] * 99
    assert phase.waits(dropped, reported, heavy=True) == [2.0]
    assert phase.per_second(reported) == pytest.approx(1, abs=0.05)
    late = {name: at + 90 for name, at in reported.items()}
    assert phase.per_second(late) < 0.2


def test_shares_are_of_the_ordered_values():
    assert [reckoning.share(range(100), part) for part in (0.5, 0.95, 1)] == [50, 95, 99]
    assert reckoning.share([], 0.5) == 0


@pytest.mark.parametrize(("each_s", "is_missed"), [(1.0, False), (2.0, True)])
def test_a_rate_that_is_not_kept_up_is_missed(tmp_path: Path, each_s: float, *, is_missed: bool):
    some = [flow(number, tmp_path) for number in range(200)]
    phase = Phase("steady", some, began=0, over=200, began_at=0, over_at=200, done_at=400)
    dropped = {one.report: float(rank) for rank, one in enumerate(some)}
    reported = {one.report: rank * each_s for rank, one in enumerate(some)}
    missed = {one.name for one in reckoning.steady_figures(phase, 1.0, dropped, reported) if one.is_missed}
    assert ("answered a second" in missed) is is_missed
    assert ("drop to report, max" in missed) is is_missed


@pytest.mark.parametrize(("grows", "missed"), [(0.0, set()), (3.0, {f"... growth a minute, {RUN}"})])
def test_memory_that_grows_is_missed(grows: float, missed: set[str]):
    samples = [Sample(at, 1, RUN, 90 + grows * at / 60, 120, 0) for at in range(300)]
    phase = Phase("steady", [], began_at=0, over_at=299)
    assert {one.name for one in reckoning.memory_figures(samples, phase) if one.is_missed} == missed
    heavy = [Sample(1, 1, RUN, 600, 600, 0)]
    assert [one.name for one in reckoning.memory_figures(heavy, Phase("", [])) if one.is_missed] == [
        f"most memory, {RUN}"
    ]


# --- what came out ----------------------------------------------------------------------------------------------------


def answered(home: Path, one: Flow, body: str | None = None) -> None:
    out = home / "drop" / one.partner / "out"
    out.mkdir(parents=True, exist_ok=True)
    (out / one.report).write_text(body if body is not None else f"<a><Note>sha256={one.sha256}</Note></a>")


def test_every_answer_is_fetched_and_what_is_wrong_with_it_is_named(tmp_path: Path):
    good, torn, other, twice = (flow(number, tmp_path) for number in range(4))
    fetcher = Fetcher(tmp_path, {one.report: one for one in (good, torn, other, twice)})
    answered(tmp_path, good)
    answered(tmp_path, torn, f"<a><Note>sha256={torn.sha256}</Note>")
    answered(tmp_path, other, "<a/>")
    answered(tmp_path, twice)
    answered(tmp_path, Flow("SOK001", "", tmp_path, "", "CSO-unknown"))
    pivots = tmp_path / "recipients" / "RCV001" / "out"
    pivots.mkdir(parents=True)
    (pivots / "FEN0036A_1").write_bytes(UNIT * 2)
    (pivots / ".FEN0036A_2.part").write_bytes(UNIT)
    fetcher.fetch()
    assert fetcher.units == 2
    assert set(fetcher.reported) == {"CSO-0", "CSO-1", "CSO-2", "CSO-3", "CSO-unknown"}
    answered(tmp_path, twice)
    fetcher.fetch()
    assert sorted(problem.partition(":")[0] for problem in fetcher.problems) == ["astray", "doubled", "torn", "torn"]
    assert list((tmp_path / "drop" / "SOK001" / "out").iterdir()) == []


def test_what_partners_have_is_compared_with_what_was_sent():
    fetched = {("drop/A", "one"): "1", ("drop/A", "two"): "2", ("drop/A", "more"): "4"}
    sent = {("drop/A", "one"): "1", ("drop/A", "two"): "3", ("drop/A", "three"): "3"}
    assert reckoning.differences(fetched, fetched) == []
    assert reckoning.differences(fetched, sent) == [
        "sent and never there: drop/A/three", "there and never sent: drop/A/more",
        "there with other bytes: drop/A/two",
    ]  # fmt: skip


def missed(checks: "list[Check]") -> list[str]:
    return [check.name for check in checks if check.is_missed]


def test_each_broken_promise_is_missed(tmp_path: Path):
    some = [flow(1, tmp_path), flow(2, tmp_path)._replace(is_refused=True)]
    both = {one.report: 1.0 for one in some}
    assert missed([*reckoning.answer_checks(some, both, 1, [], [])]) == []
    assert missed([*reckoning.answer_checks(some, {}, 2, ["torn: x"], ["y"])]) == [
        "flows answered, each once", "invoices in pivots", "lost, doubled, torn or astray",
        "what was fetched, against the outbox",
    ]  # fmt: skip
    assert missed([*reckoning.asked_checks(300, 13, 1.2, [], 5)]) == []
    assert len(missed([*reckoning.asked_checks(0, 13, 9.0, ["deposits: x"], 5)])) == 3
    assert missed([*reckoning.end_checks(Verified(26, [], 1, 1), [])]) == []
    assert missed([*reckoning.end_checks(Verified(26, ["money"], 1, 1), ["a fault"])]) == [
        "said by the workers",
        "verify",
    ]


# --- asking -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger of today."""
    path = tmp_path_factory.mktemp("soak") / "ledger.sqlite"
    ledger = Ledger.at(path)
    ledger.migrate()
    ledger.close()
    return path


@pytest.fixture
def home(empty: Path, tmp_path: Path) -> Path:
    (tmp_path / "ledger.sqlite").write_bytes(empty.read_bytes())
    for folder in ("in", "work", "out"):
        (tmp_path / "drop" / "SOK001" / folder).mkdir(parents=True)
    return tmp_path


def deposit(home: Path, number: int, state: str) -> None:
    """A row of a deposit, and of the flow it is."""
    values = {
        "id": number, "partner": "SOK001", "claim": f"c-{number}", "name_bytes": f"FLOW-{number}".encode(),
        "name": f"FLOW-{number}", "sha256": f"{number:064d}", "size_bytes": 1, "is_kept": 1, "received_at": "",
        "received_day": "", "state": state, "settled": "", "fault": "", "faulted_by": "", "again": 0, "attempt": 0,
        "audited": 0,
    }  # fmt: skip
    flow = {"deposit_id": number, "holds_name": 1, "holds_bytes": 1}
    flow |= {name: values[name] for name in ("partner", "name_bytes", "sha256")}
    ledger = Ledger.at(home / "ledger.sqlite")
    with ledger.writing() as db:
        for table, row in (("deposits", values), ("flows", flow)):
            names = ", ".join(row)
            db.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(f':{name}' for name in row)})"), row)
    ledger.close()


def test_what_breaks_is_named_at_every_look(home: Path):
    told: list[str] = []
    asked = Asking(home, [], told.append)
    deposit(home, 1, "repeated")  # names no first
    deposit(home, 2, "quarantined")
    assert asked.look().broken == asked.look().broken != ()
    assert told[0].startswith("BROKEN  doubles: SOK001/FLOW-1")
    assert asked.broken == [line.removeprefix("BROKEN  ") for line in told]


def test_what_is_final_and_found_right_is_not_read_again(home: Path):
    asked = Asking(home, [])
    deposit(home, 1, "quarantined")
    deposit(home, 2, "received")
    deposit(home, 3, "quarantined")
    assert [asked.look().deposits for _ in range(2)] == [3, 2]  # the second is not answered: what follows is read too
    ledger = Ledger.at(home / "ledger.sqlite")
    with ledger.writing() as db:
        db.execute(text("UPDATE deposits SET state = 'IN_INTEGRE' WHERE id = 2"))
    ledger.close()
    look = asked.look()
    assert next(line.partition(":")[0] for line in look.broken) == "deposits"  # answered, without a verdict
    assert asked.look().deposits == 2  # and stays under our eyes


def test_the_views_hold_what_may_have_changed_and_the_tables_all_of_it(home: Path):
    for number in (1, 2, 3):
        deposit(home, number, "received")
    ledger = Ledger.at(home / "ledger.sqlite")
    event.listen(ledger.engine, "connect", asking.stand_before)
    with ledger.reading() as db:
        db.execute(asking._MOVE, {"id": 2})
        for schema, count in (("", 1), ("main.", 3)):
            for table in ("deposits", "flows"):
                assert db.execute(text(f"SELECT count(*) FROM {schema}{table}")).scalar() == count
    ledger.close()


def test_a_file_that_is_nowhere_is_lost(home: Path, tmp_path: Path):
    dropped = [flow(number, tmp_path) for number in range(1, 5)]
    folder = home / "drop" / "SOK001"
    deposit(home, 1, "received")
    (folder / "in" / "FLOW-2").touch()
    (folder / "work" / "claim").mkdir()
    (folder / "work" / "claim" / "FLOW-3").touch()
    asked = Asking(home, dropped, lambda _: None)
    assert asked.look().broken == ("lost: SOK001/FLOW-4 is neither in in/, nor in work/, nor in the ledger",)
    assert asked._known == 1
    (folder / "in" / "FLOW-4").touch()
    assert asked.look().broken == ()


def test_a_look_that_fails_is_no_look_that_found_nothing(home: Path):
    (home / "ledger.sqlite").write_bytes(b"this is no database, and long enough to be taken for none" * 20)
    with Asking(home, []) as asked:
        asked._thread.join(10)
    assert asked.failed is not None
    assert not asked.looks


def test_where_files_are_is_looked_up_before_the_ledger(home: Path, tmp_path: Path):
    dropped = [flow(1, tmp_path)]
    (home / "drop" / "SOK001" / "in" / "FLOW-1").touch()
    outside = Outside(home, dropped, 0)
    (home / "drop" / "SOK001" / "in" / "FLOW-1").unlink()  # claimed, registered and deleted since
    assert outside.missing({("SOK001", "FLOW-1")}) == (1, [])


# --- what is dropped --------------------------------------------------------------------------------------------------


def test_small_flows_are_named_after_what_they_hold(tmp_path: Path):
    (tmp_path / "SOK001").mkdir()
    (tmp_path / "SOK002").mkdir()
    made = flows.make(range(1, 4), ("SOK001", "SOK002"), tmp_path)
    assert [one.partner for one in made] == ["SOK002", "SOK001", "SOK002"]
    assert len({one.report for one in made} | {one.sha256 for one in made}) == 6
    assert all(one.name in str(one.path) and one.path.stat().st_size > 1_000 for one in made)
    kinds = [kind.code for kind in flows.TURN]
    assert (kinds.count("FSO1100A"), kinds.count("FSO1106A"), kinds.count("FSO1117A")) == (9, 9, 2)
    assert flows.TURN[(flows._REFUSED - 1) % 20].code != "FSO1117A"


@pytest.mark.parametrize("write", [flows.of_lines, flows.of_attachment])
def test_a_heavy_flow_is_just_under_its_weight(write):
    size = len(write(CONTENT, 1_000_000))
    assert 970_000 < size < 1_000_000


def test_the_bench_drops_at_its_pace_and_says_when_it_was_late(tmp_path: Path):
    (tmp_path / "drop" / "SOK001" / "in").mkdir(parents=True)
    dropped = Dropped(tmp_path)
    some = [flow(number, tmp_path) for number in range(10)]
    *_, seconds = dropped.paced(some, 100)
    assert 0.09 <= seconds < 1
    assert dropped.flows == some
    assert sorted(dropped.at) == sorted(one.report for one in some)
    assert sorted(path.name for path in (tmp_path / "drop" / "SOK001" / "in").iterdir()) == [one.name for one in some]
    for _ in dropped.paced([some[0]] * 50, 1_000_000):
        pass
    assert dropped.late_s > 0


def test_the_log_of_the_workers_tells_where_their_time_goes():
    unit = {"event": "unit", "flows": 10, "wait_s": 1, "decide_s": 2, "commit_s": 3, "send_s": 4}
    told = [unit, unit, {"event": "register", "seconds": 5}, {"event": "lot"}, {"event": "retry"}]
    found = {one.name: one.median for one in steps.figures(map(json.dumps, told))}
    assert found["archive and register"] == 5
    assert (found["store and commit"], found["send"], found["lots"], found["... retry"]) == (6, 8, 1, 1)


def test_a_run_that_missed_something_ends_with_1(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    from bench.soak import __main__ as soak

    for found, code in (([], 0), (["verify"], 1)):
        monkeypatch.setattr(soak, "run", lambda chosen, found=found: {"missed": found, "seconds": chosen.seconds})
        monkeypatch.setattr("sys.argv", ["soak", "--home", str(tmp_path), "--seconds", "7"])
        monkeypatch.setattr(soak, "machine", SimpleNamespace(description=lambda: "", load=lambda: ""))
        assert soak.main() == code
        assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"missed": found, "seconds": 7}
