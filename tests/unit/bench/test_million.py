"""The million, at the size of a test: everything that goes in comes out, is fetched, and verified."""

from collections import Counter
from pathlib import Path

import pytest

from bench import million
from fixtures import batch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    return million.run(200, tmp_path_factory.mktemp("million") / "home", per_flow=50, keep=True)


def test_nothing_is_missed_of_what_came_out(told):
    assert told["missed"] == []
    assert told["broken"] == []
    assert (told["invoices"], told["flows"]) == (200, 4)
    assert told["invariants"] >= 16


def test_what_a_run_took_is_measured(told):
    for name in ("wall_s", "cpu_s", "floor_ms_per_invoice", "worker_mb", "parent_mb", "ledger_bytes", "store_bytes"):
        assert told[name] > 0, name
    assert told["floor_ms_per_invoice"] < told["cpu_ms_per_invoice"]


def test_the_official_rules_ran_and_their_engine_is_named(told):
    assert set(told["engines"]) == {"en16931-ubl", "facturx-en16931"}


def test_answers_take_disk_once(told, tmp_path_factory):
    home = next(tmp_path_factory.getbasetemp().glob("million*/home"))
    assert [path for path in home.glob("*/*/out/*") if path.is_file()] == []
    assert told["fetched_bytes"] < told["store_bytes"]


def test_of_twenty_flows_two_are_pdfs_and_the_others_half_and_half():
    kinds = Counter(flow.kind.code for flow in million.flows(20_000, per_flow=500))
    assert kinds == {"FSO1100A": 18, "FSO1106A": 18, "FSO1117A": 4}


def test_the_last_flow_holds_what_is_left():
    assert [flow.count for flow in million.flows(1_050, per_flow=500)] == [500, 500, 50]


def test_no_two_flows_hold_the_same_number():
    numbers: Counter[bytes] = Counter()
    for rank in (1, 21, 121, 1001, 1981):  # all UBL; two of them are made from the same seed but for the rank
        flow = million.Flow(rank, 2)
        for _, content in batch.invoices(flow.kind, flow.rank, flow.count, flow.partner):
            numbers.update([content.partition(b"<cbc:ID>")[2].partition(b"<")[0]])
    assert len(numbers) == 10
    assert max(map(len, numbers)) <= 20  # GEN-002 refuses a longer one


def test_a_disk_that_is_too_small_is_told_before_anything_is_made(tmp_path):
    with pytest.raises(SystemExit, match="GB are free"):
        million.room_for(10**9, tmp_path)


def test_a_flow_that_is_being_made_is_no_drop_yet(tmp_path: Path):
    flow = million.Flow(3, 1)
    (tmp_path / "drop" / flow.partner / "in").mkdir(parents=True)
    path = million.make(flow, tmp_path)
    assert path.suffix == ".part"
    assert path.name.startswith("FSO1117A_MIL003_")
