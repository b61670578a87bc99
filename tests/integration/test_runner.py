"""Drop to answers on a real home: doubles, numbers, several partners, what waits and what is never told twice."""

import os
from datetime import timedelta
from pathlib import Path
from threading import Thread

import homes
import pytest
from lxml import etree

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
from pipeline.model import DepositRight
from pipeline.ports import Fault, Said
from pipeline.running.home import Home
from pipeline.running.status import overview
from pipeline.running.summary import RunSummary, Told
from pipeline.terms import WorkLimits


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Home:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        yield opened


def told(home: Home) -> tuple[RunSummary, dict[str, Told]]:
    heard: dict[str, Told] = {}
    summary = runner.run(home, on_verdict=lambda one: heard.update({one.verdict.read.received.name: one}))
    return summary, heard


def rules(one: Told) -> set[str]:
    verdict = one.verdict
    return {f.rule for f in verdict.findings} | {f.rule for i in verdict.invoices for f in i.findings}


def kinds(home: Home, code: str = homes.PARTNER, where: str = "drop") -> list[str]:
    return sorted(name[:8] for name in homes.out(home, code, where))


def is_sound(home: Home) -> bool:
    return [line for line in runner.verify(home) if not line.ok] == []


def test_a_dropped_flow_gets_its_pivot_its_report_and_its_lifecycle_return(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary, heard = told(home)
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    assert not summary.faults
    assert kinds(home) == ["CSO1100A", "FEN1201A"]
    assert kinds(home, "PORTAL", "recipients") == ["FEN0036A"]
    pivot = etree.fromstring(next(iter(homes.out(home, "PORTAL", "recipients").values())))
    assert pivot.findtext(".//DonneesFacture/Id") == "A-1"
    assert heard[homes.flow_name(1)].verdict.snapshot.name.startswith("annuaire-2026-11-01-")
    assert list(home.drop(homes.PARTNER).inbox.iterdir()) == []
    assert is_sound(home)


def test_a_second_run_changes_nothing(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    runner.run(home)
    before = {p: p.read_bytes() for p in home.path.rglob("*") if p.is_file() and "ledger" not in p.name}
    again = runner.run(home)
    assert again.is_idle
    assert {p: p.read_bytes() for p in home.path.rglob("*") if p.is_file() and "ledger" not in p.name} == before


def test_one_bad_file_never_stops_the_others(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), b"<not closed")
    homes.drop(home, "\u202e odd \n name", b"%PDF-nothing")
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    homes.drop(home, homes.flow_name(3), b"")
    summary, _ = told(home)
    assert dict(summary.flows) == {"IN_INTEGRE": 1, "IN_REJETE": 3}
    assert kinds(home).count("CSO0000A") == 1
    assert kinds(home).count("CSO1100A") == 3
    assert is_sound(home)


def test_the_same_flow_dropped_again_is_a_deposit_and_nothing_more(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    runner.run(home)
    before = homes.out(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary = runner.run(home)
    assert (summary.received, summary.repeated, dict(summary.flows)) == (1, 1, {})
    assert homes.out(home) == before
    deposits = runner.status(home, homes.flow_name(1))
    assert [one.deposit.state for one in deposits if isinstance(one, FlowStatus)] == ["IN_INTEGRE", "repeated"]
    assert is_sound(home)


def test_a_report_that_was_fetched_is_put_back_when_the_flow_comes_again(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    runner.run(home)
    before = homes.out(home)
    for name in before:
        (home.drop(homes.PARTNER).out / name).unlink()
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary = runner.run(home)
    report = next(name for name in before if name.startswith("CSO"))
    assert homes.out(home) == {report: before[report]}
    assert dict(summary.sent) == {"CSO": 1}
    assert runner.run(home).is_idle
    assert is_sound(home)


def test_a_file_with_the_same_stamp_dropped_again_is_a_new_deposit(home: Home) -> None:
    for _ in range(3):
        path = homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        os.utime(path, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
        runner.run(home)
    deposits = [one.deposit for one in runner.status(home, homes.flow_name(1)) if isinstance(one, FlowStatus)]
    assert [d.state for d in deposits] == ["IN_INTEGRE", "repeated", "repeated"]
    assert len({d.claim for d in deposits}) == 3
    assert [d.first_id for d in deposits] == [None, deposits[0].id, deposits[0].id]


def test_a_name_used_before_with_other_bytes_is_refused_and_the_first_untouched(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    runner.run(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("A-2"))
    summary, heard = told(home)
    assert "FLW-005" in rules(heard[homes.flow_name(1)])
    assert dict(summary.flows) == {"IN_REJETE": 1}
    assert kinds(home).count("CSO1100A") == 2
    homes.drop(home, homes.flow_name(1), homes.ubl("A-2"))
    assert runner.run(home).repeated == 1
    assert is_sound(home)


def test_bytes_that_are_integrated_are_refused_under_another_name(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-1"))
    _, heard = told(home)
    assert "FLW-007" not in rules(heard[homes.flow_name(1)])
    assert "FLW-007" in rules(heard[homes.flow_name(2)])
    assert is_sound(home)


def test_a_wholly_refused_flow_gives_its_bytes_and_its_number_back(home: Home) -> None:
    homes.drop(home, "misnamed", homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(1), homes.ubl("A-9", recipient=homes.NEEDS_BOTH))
    runner.run(home)
    homes.drop(home, homes.flow_name(2), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(3), homes.ubl("A-9", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="E1"))
    summary, _ = told(home)
    assert dict(summary.flows) == {"IN_INTEGRE": 2}
    assert is_sound(home)


def test_a_number_is_kept_by_the_first_invoice_of_the_flow_and_of_the_unit(home: Home) -> None:
    double = [("a.xml", homes.ubl("N-1")), ("b.xml", homes.ubl("N-1", net="5.00")), ("c.xml", homes.ubl("N-2"))]
    homes.drop(home, homes.flow_name(1), homes.archive(double), age_s=90)
    homes.drop(home, homes.flow_name(2), homes.ubl("N-2", net="7.00"), age_s=60)
    _, heard = told(home)
    first, second = heard[homes.flow_name(1)].verdict, heard[homes.flow_name(2)].verdict
    assert [i.outcome.value for i in first.invoices] == ["integrated", "refused", "integrated"]
    assert "DUP-002" in {f.rule for f in first.invoices[1].findings}
    assert "DUP-001" in {f.rule for f in second.invoices[0].findings}
    assert is_sound(home)


def test_a_number_of_another_partner_is_told_without_its_name(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("N-1"))
    runner.run(home)
    homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("N-1", net="5.00"), homes.OTHER)
    runner.run(home)
    (report,) = homes.out(home, homes.OTHER).values()
    assert b"DUP-001" in report
    assert homes.PARTNER.encode() not in report
    assert is_sound(home)


def test_unproved_rights_compare_numbers_within_the_partner_only(home: Home) -> None:
    for code in (homes.PARTNER, homes.OTHER):
        runner.add_partner(home, runner.Partner(code), replace=True)  # no right at all: PTY-020
    homes.drop(home, homes.flow_name(1), homes.ubl("N-1"))
    _, heard = told(home)
    assert "PTY-020" in rules(heard[homes.flow_name(1)])
    assert is_sound(home)


def test_the_connection_sheet_is_held_against_the_flow_name(home: Home) -> None:
    sheet = homes.partner(flows=("FSO1106A",))
    runner.add_partner(home, sheet, replace=True)
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2, partner=homes.OTHER), homes.ubl("A-2"))
    _, heard = told(home)
    assert "FLW-013" in rules(heard[homes.flow_name(1)])
    assert "FLW-012" in rules(heard[homes.flow_name(2, partner=homes.OTHER)])


def test_a_connection_that_is_closed_takes_nothing_any_more(home: Home) -> None:
    runner.add_partner(home, homes.partner(until=homes.NOON.date() - timedelta(days=1)), replace=True)
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    _, heard = told(home)
    assert "FLW-012" in rules(heard[homes.flow_name(1)])


def test_pivots_go_to_the_longest_match_and_else_to_the_portal(home: Home) -> None:
    receives = ((homes.NEEDS_BOTH, ""), (homes.NEEDS_BOTH, "SERV_OBL"))
    runner.add_partner(home, runner.Partner("TWN001", receives=receives[:1]))
    runner.add_partner(home, runner.Partner("SVC001", receives=receives[1:]))
    documents = [
        ("a.xml", homes.ubl("R-1", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="E1")),
        ("b.xml", homes.ubl("R-2")),
    ]
    homes.drop(home, homes.flow_name(1), homes.archive(documents))
    runner.run(home)
    assert [kinds(home, code, "recipients") for code in ("SVC001", "TWN001", "PORTAL")] == [
        ["FEN0036A"],
        [],
        ["FEN0036A"],
    ]
    assert kinds(home) == ["CSO1100A", "FEN1201A"]
    with pytest.raises(Fault, match="already receives"):
        runner.add_partner(home, runner.Partner("SVC002", receives=receives[1:]))


def test_without_a_directory_the_flow_waits_and_the_others_go_on(tmp_path: Path, reader: tuple[str, ...]) -> None:
    with homes.open_home(tmp_path / "home", reader=reader) as home:
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        homes.drop(home, "misnamed", homes.ubl("A-2"))
        summary = runner.run(home)
        assert any("RTG-006" in fault.en for fault in summary.faults)
        assert (summary.waiting, dict(summary.flows)) == (1, {"IN_REJETE": 1})
        assert kinds(home) == ["CSO0000A"]
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), homes.NOON.date() + timedelta(days=1))
        assert runner.run(home).waiting == 1  # a directory of tomorrow does not judge what came today
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), homes.NOON.date())
        last = runner.run(home)
        assert not last.faults
        assert dict(last.flows) == {"IN_INTEGRE": 1}
        assert is_sound(home)


def test_a_folder_that_cannot_be_written_is_a_fault_for_that_receiver_only(home: Home) -> None:
    runner.add_partner(home, runner.Partner("TWN001", receives=((homes.NEEDS_BOTH, ""),)))
    blocked = home.path / "recipients" / "TWN001"
    blocked.mkdir(parents=True)
    (blocked / "out").write_text("a file where a folder should be")
    homes.drop(home, homes.flow_name(1), homes.ubl("W-1", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="E1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("W-2"))
    summary = runner.run(home)
    assert [fault for fault in summary.faults if "recipients/TWN001" in fault.en] == summary.faults != []
    assert kinds(home) == ["CSO1100A", "CSO1100A", "FEN1201A", "FEN1201A"]
    assert kinds(home, "PORTAL", "recipients") == ["FEN0036A"]
    (blocked / "out").unlink()
    mended = runner.run(home)
    assert (dict(mended.sent), mended.faults) == ({"FEN0036A": 1}, [])
    assert kinds(home, "TWN001", "recipients") == ["FEN0036A"]


def test_a_foreign_file_under_our_name_is_never_written_over(
    home: Home, tmp_path: Path, reader: tuple[str, ...]
) -> None:
    with homes.ready_home(tmp_path / "other", reader=reader) as other:
        homes.drop(other, homes.flow_name(1), homes.ubl("A-1"))
        runner.run(other)
        name = next(n for n in homes.out(other) if n.startswith("CSO"))
    (home.drop(homes.PARTNER).out / name).write_bytes(b"foreign")
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary = runner.run(home)
    assert any("exists with other bytes" in fault.en for fault in summary.faults)
    assert homes.out(home)[name] == b"foreign"


def test_what_is_no_plain_file_is_set_apart_and_named(home: Home) -> None:
    inbox = home.drop(homes.PARTNER).inbox
    (inbox / "link").symlink_to("/etc/hostname")
    (inbox / "folder").mkdir()
    os.mkfifo(inbox / "pipe")
    target = inbox.parent / "elsewhere"
    target.write_bytes(b"x")
    os.link(target, inbox / "hard")
    for name in ("link", "folder", "pipe", "hard"):
        os.utime(inbox / name, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS), follow_symlinks=False)
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    summary = runner.run(home)
    assert summary.quarantined == 4
    assert sorted(fault.en.split(":")[1].split(",")[0].strip() for fault in summary.faults) == [
        "a file with 2 hard links", "a folder", "a pipe", "a symbolic link",
    ]  # fmt: skip
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    again = runner.run(home)
    assert again.is_idle
    assert any("set apart" in notice.en for notice in again.notices)
    assert is_sound(home)
    with pytest.raises(Fault, match="no plain file"):
        runner.decide(home, "link", "refuse", "not a file", "ops")


def test_a_flow_over_the_size_limit_is_refused_by_its_size_and_not_kept(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    from pipeline.settings import load

    settings = load(tmp_path, ours="CPP001", readers=1, flow={"bytes_max": 1000})
    with homes.open_home(tmp_path / "home", settings=settings, reader=reader) as home:
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
        _, heard = told(home)
        verdict = heard[homes.flow_name(1)].verdict
        assert "FLW-009" in {f.rule for f in verdict.findings}
        (flow,) = runner.status(home, homes.flow_name(1))
        assert isinstance(flow, FlowStatus)
        assert (flow.deposit.is_kept, len(flow.deposit.sha256)) == (False, 64)
        assert not home.store.exists(homes.PARTNER, flow.deposit.sha256)
        assert is_sound(home)


def test_a_folder_without_a_partner_is_not_read_but_named(home: Home) -> None:
    stranger = home.path / "drop" / "ZZZ999" / "in"
    stranger.mkdir(parents=True)
    (stranger / "x").write_bytes(b"x")
    summary = runner.run(home)
    assert any("ZZZ999" in notice.en for notice in summary.notices)
    assert (stranger / "x").exists()
    assert [line.name for line in runner.verify(home) if not line.ok] == ["folders"]


def test_a_file_that_grows_waits_until_it_is_finished(home: Home) -> None:
    homes.drop(home, ".hidden.part", b"x")
    homes.drop(home, f"{homes.flow_name(1)}.PART", homes.ubl("A-1"))
    young = homes.drop(home, homes.flow_name(2), homes.ubl("A-2"), age_s=-3600)  # a clock that runs ahead
    summary = runner.run(home)
    assert summary.received == 1
    assert not young.exists()


def test_status_finds_flows_and_invoices_and_reads_the_last_year(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A/2026"))
    homes.drop(home, homes.flow_name(2), homes.ubl("B-1"))
    runner.run(home)
    (flow,) = runner.status(home, homes.flow_name(2))
    assert isinstance(flow, FlowStatus)
    assert [f.kind for f in flow.files] == ["CSO", "FEN1201A", "FEN0036A"]
    assert flow.deposit.state == "IN_INTEGRE"
    for what in (f"{homes.SUPPLIER}/B-1/2026", f"{homes.SUPPLIER}/B-1", f"{homes.SUPPLIER}/A/2026"):
        (invoice,) = runner.status(home, what)
        assert isinstance(invoice, InvoiceStatus)
        assert [step.status for step in invoice.history] == ["01", "02", "03"]
    assert runner.status(home, f"{homes.SUPPLIER}/B-1/2025") == runner.status(home, "nothing") == ()


def test_rejects_are_told_once_a_day_after_it_has_closed(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("J-1", recipient=homes.NEEDS_BOTH))
    homes.drop(home, homes.flow_name(2), b"not an invoice")
    runner.run(home)
    assert not [name for name in homes.out(home) if name.startswith("REJETS")]
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    runner.run(home)
    assert sorted(name for name in homes.out(home) if name.startswith("REJETS")) == [
        f"REJETS_{homes.PARTNER}_{homes.SUPPLIER}_20261120.csv",
        f"REJETS_{homes.PARTNER}_INCONNU_20261120.csv",
    ]
    text = homes.out(home)[f"REJETS_{homes.PARTNER}_{homes.SUPPLIER}_20261120.csv"].decode("utf-8-sig")
    assert f"{homes.flow_name(1)};J-1;2026-11-20;" in text
    assert runner.run(home).is_idle
    assert is_sound(home)


def test_the_reader_of_a_flow_that_kills_it_thrice_is_set_apart_alone(tmp_path: Path) -> None:
    import sys

    stand_in = Path(__file__).parents[1] / "unit" / "adapters" / "reader_stand_in.py"
    with homes.ready_home(tmp_path / "home", reader=(sys.executable, str(stand_in))) as home:
        homes.drop(home, homes.flow_name(1), b"kill")
        homes.drop(home, homes.flow_name(2), b"empty")
        homes.drop(home, homes.flow_name(3), b"fault")
        summary = runner.run(home)
        assert (summary.quarantined, summary.waiting, dict(summary.flows)) == (1, 1, {"IN_REJETE": 1})
        assert len(homes.out(home)) == 1
        with pytest.raises(Fault, match="only be refused"):
            runner.decide(home, homes.flow_name(1), "integrate", "no", "ops")
        home.clock = FixedClock(homes.NOON + timedelta(hours=5))
        late, heard = told(home)
        assert "FIL-007" in rules(heard[homes.flow_name(1)])
        assert late.flows["IN_REJETE"] == 1
        assert is_sound(home)


def test_an_operator_may_refuse_what_is_in_quarantine_at_once(tmp_path: Path) -> None:
    import sys

    stand_in = Path(__file__).parents[1] / "unit" / "adapters" / "reader_stand_in.py"
    with homes.ready_home(tmp_path / "home", reader=(sys.executable, str(stand_in))) as home:
        homes.drop(home, homes.flow_name(1), b"kill")
        runner.run(home)
        assert runner.decide(home, homes.flow_name(1), "refuse", "poison", "ops") == (homes.flow_name(1),)
        _, heard = told(home)
        assert "FIL-007" in rules(heard[homes.flow_name(1)])


def test_rights_and_receivers_of_a_partner_are_shown_as_they_were_given(home: Home) -> None:
    given = runner.Partner(
        "TWN001", "Ville", flows=("FSO1100A",), rights=(DepositRight("1", homes.SUPPLIER, homes.NOON.date(), None),),
        receives=((homes.PLAIN, "S1"),), policies={"facturx": "warning"}, report_warnings=False, roles=("recipient",),
        lang="en", until=homes.NOON.date(),
    )  # fmt: skip
    runner.add_partner(home, given)
    assert runner.show_partner(home, "TWN001") == given
    assert [p.code for p in runner.list_partners(home)] == [homes.PARTNER, homes.OTHER, "TWN001"]
    with pytest.raises(Fault, match="exists already"):
        runner.add_partner(home, given)
    with pytest.raises(Fault, match="application code"):
        runner.add_partner(home, runner.Partner("../x"))
    assert runner.show_partner(home, "NOBODY") is None


def test_a_credit_note_names_an_invoice_that_the_ledger_knows(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("C-1"))
    runner.run(home)
    reference = b"<cac:BillingReference><cac:InvoiceDocumentReference><cbc:ID>%b</cbc:ID></cac:InvoiceDocumentReference></cac:BillingReference><cac:AccountingSupplierParty>"
    for rank, origin in ((2, b"C-1"), (3, b"C-404")):
        note = homes.ubl(f"C-{rank}", type_code="381").replace(b"<cac:AccountingSupplierParty>", reference % origin)
        homes.drop(home, homes.flow_name(rank), note)
    _, heard = told(home)
    assert "CRN-004" not in rules(heard[homes.flow_name(2)])
    assert "CRN-004" in rules(heard[homes.flow_name(3)])


def test_an_invoice_that_resembles_an_earlier_one_is_named_even_inside_one_unit(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("L-1", issued="2025-11-18"), age_s=90)
    homes.drop(home, homes.flow_name(2), homes.ubl("L-1"))
    _, heard = told(home)
    assert "DUP-003" not in rules(heard[homes.flow_name(1)])
    assert "DUP-003" in rules(heard[homes.flow_name(2)])


def test_the_overview_counts_everything_and_names_what_is_stuck(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2", recipient=homes.NEEDS_BOTH))
    (home.drop(homes.PARTNER).inbox / "folder").mkdir()
    os.utime(home.drop(homes.PARTNER).inbox / "folder", ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
    runner.run(home)
    told_of = overview(home)
    assert told_of.deposits == {"IN_INTEGRE": 1, "IN_REJETE": 1, "quarantined": 1}
    assert told_of.invoices == {"integrated": 1, "refused": 1}
    assert (told_of.unsent, told_of.pending) == (0, 0)
    assert told_of.faults == (
        (homes.PARTNER, "folder", Said("un dossier, pas un fichier ordinaire", "a folder, no plain file")),
    )


def test_two_processes_share_a_home_and_nothing_is_done_twice(home: Home, reader: tuple[str, ...]) -> None:
    for rank in range(1, 41):
        homes.drop(home, homes.flow_name(rank), homes.ubl(f"S-{rank}"), homes.PARTNER if rank % 2 else homes.OTHER)
    for rank in range(1, 41):
        homes.drop(home, homes.flow_name(100 + rank), homes.ubl(f"T-{rank}"))
    settings = home.settings.model_copy(update={"work": WorkLimits(lot_flows_max=5, unit_documents=3)})
    with (
        homes.open_home(home.path, settings=settings, reader=reader) as one,
        homes.open_home(home.path, settings=settings, reader=reader) as two,
    ):
        done: list[RunSummary] = []
        threads = [Thread(target=lambda h=h: done.append(runner.run(h))) for h in (one, two)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [summary.faults for summary in done] == [[], []]
    assert sum(summary.received for summary in done) == 80
    assert sum(sum(summary.flows.values()) for summary in done) == 80
    assert sum(summary.sent["CSO"] for summary in done) == 80
    assert is_sound(home)
