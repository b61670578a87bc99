"""The limited child on the whole way: real worker, real walls, a home, and files that end whoever reads them."""

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import homes
import pytest

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.queries import FlowStatus
from pipeline.running.home import Home
from pipeline.running.reprocess import reprocess

HOSTILE = (sys.executable, str(Path(__file__).parents[1] / "unit" / "adapters" / "hostile_reader.py"))
KILLS = b"<!-- KILLS ITS READER -->"
AT_THE_FIRST_LOOK = b"<!-- KILLS AT ONCE -->"
LATER = homes.NOON + timedelta(hours=5)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=HOSTILE) as opened:
        yield opened


def member(rank: int) -> str:
    return f"FSO1100A_{homes.PARTNER}_{homes.PARTNER}1100{rank:09d}.xml"


def flow(home: Home, number: int) -> FlowStatus:
    found = runner.status(home, homes.flow_name(number))[-1]
    assert isinstance(found, FlowStatus)
    return found


def is_sound(home: Home) -> bool:
    return [line.detail.en for line in runner.verify(home) if not line.ok] == []


def drop_archive(home: Home, number: int, *documents: bytes) -> None:
    packed = homes.archive((member(rank), document) for rank, document in enumerate(documents, 1))
    homes.drop(home, homes.flow_name(number), packed)


@pytest.mark.parametrize("kills", [KILLS, AT_THE_FIRST_LOOK])
def test_a_file_that_kills_is_refused_alone_when_its_time_apart_is_over(home: Home, kills: bytes) -> None:
    drop_archive(home, 1, homes.ubl("A-1"), homes.ubl("A-2") + kills, homes.ubl("A-3"))
    homes.drop(home, homes.flow_name(2), homes.ubl("B-1"))
    summary = runner.run(home)
    assert (summary.quarantined, dict(summary.flows)) == (1, {"IN_INTEGRE": 1})
    assert any("killed its reader 3 times (signal SIG" in fault.en for fault in summary.faults)
    assert flow(home, 1).files == ()
    assert is_sound(home)
    home.clock = FixedClock(LATER)
    assert dict(runner.run(home).flows) == {"IN_INTEGRE_PARTIEL": 1}
    told = flow(home, 1)
    assert [(i.number, i.outcome) for i in told.invoices] == [("A-1", "integrated"), ("A-3", "integrated")]
    assert [(f.rule, f.member) for f in told.findings if f.refuses] == [("FIL-007", member(2))]
    assert sum(name.startswith("CSO") for name in homes.out(home)) == 2
    assert is_sound(home)


def test_a_flow_of_one_file_that_kills_is_refused_as_before(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1") + KILLS)
    assert runner.run(home).quarantined == 1
    home.clock = FixedClock(LATER)
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert {f.rule for f in flow(home, 1).findings} >= {"FIL-007"}
    assert is_sound(home)


def test_a_flow_of_too_many_files_that_kill_is_refused_whole(home: Home) -> None:
    drop_archive(home, 1, *[homes.ubl(f"A-{rank}") + KILLS for rank in range(5)], homes.ubl("A-9"))
    runner.run(home)
    home.clock = FixedClock(LATER)
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert flow(home, 1).invoices == ()


def test_an_operator_refuses_all_of_it_unread(home: Home) -> None:
    drop_archive(home, 1, homes.ubl("A-1"), homes.ubl("A-2") + KILLS)
    runner.run(home)
    runner.decide(home, homes.flow_name(1), "refuse", "an attack", "ada")
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert flow(home, 1).invoices == ()


def test_what_was_mended_meanwhile_is_integrated_whole(home: Home, reader: tuple[str, ...]) -> None:
    drop_archive(home, 1, homes.ubl("A-1"), homes.ubl("A-2") + KILLS)
    runner.run(home)
    home.reader = reader
    assert reprocess(home, homes.flow_name(1)).again == (1,)
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


def test_a_file_of_errors_without_end_is_an_ordinary_refusal(tmp_path: Path) -> None:
    wrong = b'<cbc:Note no="1">x</cbc:Note>' * 100_000  # the schema knows no such attribute
    with homes.ready_home(tmp_path / "home") as home:
        document = homes.ubl("A-1")
        line = document[document.index(b"<cac:InvoiceLine>") : document.index(b"</Invoice>")]
        wrong_line = line.replace(b">1</cbc:InvoicedQuantity>", b">many</cbc:InvoicedQuantity>")
        many = wrong_line * 12_000  # beyond xsd_siblings_max
        for number, content in (
            (1, document.replace(b"<cbc:DocumentCurrencyCode>", wrong + b"<cbc:DocumentCurrencyCode>")),
            (2, document.replace(line, many)),
        ):
            homes.drop(home, homes.flow_name(number), content)
        summary = runner.run(home)
        assert (summary.faults, dict(summary.flows)) == ([], {"IN_REJETE": 2})
        for number in (1, 2):
            told = flow(home, number)
            assert len([f for f in told.findings if f.rule == "XML-010"]) == 1_000
            assert {f.rule for f in told.findings if f.refuses} == {"XML-010"}
        assert is_sound(home)
