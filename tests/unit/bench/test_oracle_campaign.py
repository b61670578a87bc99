"""A campaign with real Saxon: it counts, goes on where it was cut, and finds out an engine that forgets a rule."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from bench.oracle import cases
from bench.oracle.campaign import Campaign
from bench.oracle.engines import Compiled, Saxon, Told
from bench.oracle.state import State
from pipeline.ports import XmlDocument

pytestmark = pytest.mark.slow

PACK = "br-fr-cii"
FORGOTTEN = "BR-FR-05_BT-22_PMT"  # the note about payments, which a document without notes has not


class Forgetful(Compiled):
    """The compiled engine without one of its rules."""

    def run(self, document: XmlDocument) -> Told:
        told = super().run(document)
        kept = [rank for rank, hit in enumerate(told.hits) if hit[0] != FORGOTTEN]
        return Told(tuple(told.hits[rank] for rank in kept), told.stopped, tuple(told.texts[rank] for rank in kept))


@pytest.fixture(autouse=True)
def _no_public_invoices(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compared here is the same wherever the tests run."""
    monkeypatch.setattr("bench.oracle.documents.corpus", lambda: ())


def test_a_run_that_was_cut_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole, parts = State(None), tmp_path / "state.json"
    with Campaign(PACK, 1, whole) as campaign:
        straight = campaign.run(200)
    for mutants in (70, 200):
        with Campaign(PACK, 1, State(parts)) as campaign:
            cut = campaign.run(mutants)
    assert cut.mutants == straight.mutants == 200
    assert (cut.fired, cut.held, cut.valid, cut.documents) == (
        straight.fired, straight.held, straight.valid, straight.documents
    )  # fmt: skip
    assert len(cut.fired & cut.held) > 100
    assert cut.valid > 100
    assert State(parts).packs[PACK] == cut


def test_a_saxon_that_is_killed_is_replaced_and_no_mutant_is_lost() -> None:
    notes: list[str] = []
    with Campaign(PACK, 1, State(None), note=notes.append) as campaign:
        os.kill(campaign._saxons[0].pid, signal.SIGKILL)
        found = campaign.run(60)
        straight = State(None)
        with Campaign(PACK, 1, straight) as other:
            other.run(60)
    assert len(notes) == 1
    assert (found.mutants, found.fired, found.held) == (60, straight.packs[PACK].fired, straight.packs[PACK].held)


def test_two_saxons_in_turn_say_what_one_says() -> None:
    told = []
    for jobs in (1, 2):
        with Campaign(PACK, 2, State(None), jobs=jobs) as campaign:
            told.append(campaign.run(150))
    assert (told[0].fired, told[0].held, told[0].differing) == (told[1].fired, told[1].held, told[1].differing)


def test_figures_of_another_program_are_not_counted_on(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json")
    state.of(PACK, 1, "one program", installed=False).mutants = 50
    state.save()
    assert State(tmp_path / "state.json").of(PACK, 1, "one program", installed=False).mutants == 50
    assert State(tmp_path / "state.json").of(PACK, 1, "another", installed=False).mutants == 0
    assert State(tmp_path / "state.json").of(PACK, 2, "one program", installed=False).mutants == 0


def test_an_engine_that_forgets_a_rule_is_found_out_and_the_case_is_small(tmp_path: Path) -> None:
    with Campaign(PACK, 1, State(None), cases_in=tmp_path, compiled=Forgetful(PACK)) as campaign:
        found = campaign.run(0)  # the fixtures are enough
    signature = f"other hits: -{FORGOTTEN}"
    assert found.differences[signature] > 10
    case = next(case for case in cases.read(tmp_path) if case.name == found.cases[signature])
    assert FORGOTTEN in {hit[0] for hit in case.told.hits}
    assert len(list(etree.fromstring(case.document).iter())) == 2  # the root and ExchangedDocument, the context


def test_the_installed_sheet_untouched_says_the_same() -> None:
    with Campaign(PACK, 1, State(None)) as campaign, Saxon(installed=True) as plain, Saxon() as tuned:
        texts = [campaign._mutator.make(number).text for number in range(60)]
        for one, other in zip(plain.run(PACK, texts), tuned.run(PACK, texts), strict=True):
            assert (one.hits, one.texts, bool(one.stopped)) == (other.hits, other.texts, bool(other.stopped))


def test_reports_without_an_id_are_named_by_their_ordinal_in_both_sheets() -> None:
    document = b"""<rsm:CrossIndustryInvoice
 xmlns:rsm="urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
 xmlns:ram="urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100">
 <rsm:SupplyChainTradeTransaction><ram:ApplicableHeaderTradeAgreement><ram:BuyerTradeParty><ram:PostalTradeAddress/>
 </ram:BuyerTradeParty></ram:ApplicableHeaderTradeAgreement></rsm:SupplyChainTradeTransaction>
</rsm:CrossIndustryInvoice>"""
    with Saxon(installed=True) as plain, Saxon() as tuned:
        (one,), (other,) = plain.run("facturx-minimum", [document]), tuned.run("facturx-minimum", [document])
    assert one.hits == other.hits
    assert any(rule.startswith("facturx-minimum#") for rule, *_ in one.hits)


def test_the_command_prints_the_table_of_a_state_and_what_was_not_seen(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    state = State(path)
    one = state.of(PACK, 1, "program", installed=False)
    one.mutants, one.held, one.fired = 10, set(range(1, 172)), set(range(2, 172))
    one.differing, one.differences = 1, {"other hits: -BR-FR-01_BT-1": 1}
    state.save()
    ended = subprocess.run(
        [sys.executable, "-m", "bench.oracle", "--report", "--state", str(path)],
        capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3],
    )  # fmt: skip
    assert ended.returncode == 1  # a difference is in the state
    assert "170" in ended.stdout
    assert "1 times other hits: -BR-FR-01_BT-1" in ended.stdout
    assert "br-fr-cii 1 BR-FR-01_BT-1: not seen to fire" in ended.stdout
    assert json.loads(path.read_text())[PACK]["mutants"] == 10
