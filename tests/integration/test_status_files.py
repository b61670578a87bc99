"""A recipient drops a status file: its invoices move, its report says what did not apply, the issuer's ledger follows."""

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from change_files import Entry, flow_status_file, status_file, status_flow
from lxml import etree
from sqlalchemy.exc import OperationalError

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import changes, queries
from pipeline.adapters.ledger.rows import Partner
from pipeline.ports import Fault
from pipeline.running import intake_unit
from pipeline.running.home import Home
from pipeline.running.reprocess import reprocess

LATER = homes.NOON + timedelta(hours=2)
WHEN = homes.NOON + timedelta(hours=1)


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Path:
    """A home on SQLite to be copied: what every test begins with, made once."""
    path = tmp_path_factory.mktemp("begun") / "home"
    with homes.ready_home(path, reader=reader) as made:
        integrate(made)
    return path


@pytest.fixture(params=["sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path, begun: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    """Three invoices integrated: two go to the recipient of the tests, one to the portal."""
    path = tmp_path / "home"
    if request.param == "sqlite":
        shutil.copytree(begun, path)
        made = homes.open_home(path, LATER, reader=reader)
    else:
        made = both_ledgers.ready(request, path, reader)
    with made:
        if request.param != "sqlite":
            integrate(made)
            made.clock = FixedClock(LATER)
        yield made


def integrate(home: Home) -> None:
    runner.add_partner(home, recipient())
    documents = [
        ("1.xml", homes.ubl("S-1")), ("2.xml", homes.ubl("S-2")),
        ("3.xml", homes.ubl("S-3", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="EJ-1")),
    ]  # fmt: skip
    homes.drop(home, homes.flow_name(1), homes.archive(documents))
    assert runner.run(home).invoices["integrated"] == 3


def recipient(**sheet: object) -> Partner:
    return homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),), **sheet)


def send(home: Home, entries: list[Entry], sequence: int = 1, *, code: str = homes.RECEIVER, note: str = "") -> str:
    name = status_flow(sequence, code)
    homes.drop(home, name, status_file(entries, code, note=note), code)
    return name


def report(home: Home, told: str, code: str = homes.RECEIVER) -> etree._Element:
    """The one report on a flow."""
    found = [
        root
        for name, content in homes.out(home, code).items()
        if name.startswith("CSO") and (root := etree.fromstring(content)).findtext(".//IdFlux") == told
    ]
    assert len(found) == 1
    return found[0]


def lines(root: etree._Element) -> list[tuple[str, str]]:
    """(rule, description) of each line of a report."""
    return [
        ((one.findtext("LibelleErreur") or "").split("]")[0].lstrip("["), one.findtext("DescriptionErreur") or "")
        for one in root.iter("LigneErreurDetail")
    ]


def history(home: Home, number: str) -> list[tuple[str, str]]:
    with home.ledger.reading() as db:
        (one,) = queries.invoices_named(db, homes.SUPPLIER, number)
    return [(step.status, step.set_by) for step in one.history]


def red(home: Home) -> list[str]:
    return [f"{line.name}: {line.detail.en}" for line in runner.verify(home) if not line.ok]


ON_BOTH = pytest.mark.parametrize(
    "home", ["sqlite", pytest.param("postgres", marks=pytest.mark.services)], indirect=True
)
INTEGRATED = [("01", "platform"), ("02", "platform"), ("03", "platform")]


@ON_BOTH
def test_what_a_recipient_says_of_its_invoices_moves_them(home: Home) -> None:
    told = send(home, [Entry.sound("S-1", 7, WHEN), Entry.sound("S-1", 8, WHEN), Entry.sound("S-2", 5, WHEN)])
    done = runner.run(home)
    assert not done.faults
    assert dict(done.changes) == {"applied": 3}
    root = report(home, told)
    assert (root.findtext(".//IdStatut"), root.findtext(".//ComplementStatut")) == ("90", "IN_INTEGRE")
    assert root.findtext(".//Commentaire") == "3 statuts, 3 appliqués, 0 refusé"
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient"), ("08", "recipient")]
    assert history(home, "S-2") == [*INTEGRATED, ("05", "recipient")]
    assert red(home) == []


@ON_BOTH
def test_what_does_not_apply_is_a_line_of_its_report_and_changes_nothing(home: Home) -> None:
    told = send(
        home,
        [
            Entry.sound("S-1", 7, WHEN), Entry.sound("S-404", 7, WHEN), Entry.sound("S-3", 7, WHEN),
            Entry("S-2", 5, WHEN), Entry.sound("S-2", 7, LATER + timedelta(days=1)), Entry.sound("S-2", 99, WHEN),
            Entry.sound("S-2", 20, WHEN), Entry.sound("S-1", 1, WHEN),
        ],
    )  # fmt: skip
    done = runner.run(home)
    assert not done.faults
    assert dict(done.changes) == {"applied": 1, "kept": 1, "refused": 6}
    root = report(home, told)
    assert root.findtext(".//IdStatut") == "96"
    said = lines(root)
    assert [rule for rule, _ in said] == [
        "LFC-008", "LFC-008", "LFC-002", "LFC-014", "LFC-009", "LFC-010", "LFC-001",
    ]  # fmt: skip
    assert all(f"rang dans le fichier = {row}" in text for row, (_, text) in zip(range(2, 9), said, strict=True))
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient")]
    assert history(home, "S-2") == history(home, "S-3") == INTEGRATED
    assert red(home) == []


def test_the_ledger_keeps_whose_invoice_it_was_and_the_report_does_not_tell(home: Home) -> None:
    told = send(home, [Entry.sound("S-3", 7, WHEN)])
    runner.run(home)
    root = report(home, told)
    assert root.findtext(".//IdStatut") == "93"
    assert "LFC-013" not in etree.tostring(root, encoding="unicode")
    with home.ledger.reading() as db:
        (flow,) = queries.flows_named(db, told)
        assert flow.interface == "IN_CDV_CPP_STATUT"
        found = db.exec_driver_sql("SELECT rule FROM findings WHERE deposit_id = 2").fetchall()
    assert [rule for (rule,) in found] == ["LFC-013"]


@ON_BOTH
def test_the_same_statuses_again_have_no_effect(home: Home) -> None:
    entries = [Entry.sound("S-1", 7, WHEN), Entry.sound("S-1", 20, WHEN)]
    send(home, entries)
    runner.run(home)
    told = send(home, entries, 2, note="once more")
    done = runner.run(home)
    assert dict(done.changes) == {"repeated": 2}
    assert report(home, told).findtext(".//IdStatut") == "90"
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient")]
    assert red(home) == []


def test_files_of_one_run_follow_each_other(home: Home) -> None:
    for sequence, status in enumerate((7, 8, 9, 10, 11), 1):
        send(home, [Entry.sound("S-1", status, WHEN + timedelta(seconds=sequence))], sequence)
    done = runner.run(home)
    assert dict(done.changes) == {"applied": 5}
    assert [status for status, _ in history(home, "S-1")] == ["01", "02", "03", "07", "08", "09", "10", "11"]
    assert red(home) == []


@pytest.mark.parametrize("dies", ["before the rows", "in the transaction", "before it sends"])
def test_a_worker_that_stops_on_the_way_says_nothing_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    entries = [Entry.sound("S-1", 7, WHEN), Entry.sound("S-404", 7, WHEN)]
    told = send(home, entries)
    write = changes.commit

    def die(*given: object, **more: object) -> bool:
        if dies == "in the transaction":
            write(*given, **more)  # type: ignore[arg-type]
        raise Killed

    def die_sending(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        if dies == "before it sends":
            patched.setattr(intake_unit.deliver, "send", die_sending)
        else:
            patched.setattr(intake_unit.changes, "commit", die)
        with pytest.raises(Killed):
            runner.run(home)
    assert [name for name in homes.out(home, homes.RECEIVER) if name.startswith("CSO")] == []
    assert runner.run(home).faults == []
    assert [rule for rule, _ in lines(report(home, told))] == ["LFC-008"]
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient")]
    assert red(home) == []
    assert runner.run(home).is_idle


def test_a_ledger_that_fails_while_it_is_asked_is_a_fault_and_the_files_wait(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the first file's own failure: every question after it would be one too many."""
    told = [send(home, [Entry.sound("S-1", status, WHEN)], rank) for rank, status in ((1, 7), (2, 8))]
    asked = []

    def gone(*given: object) -> None:
        asked.append(given)
        raise OperationalError("SELECT", {}, Exception("the link is cut"))

    with monkeypatch.context() as patched:
        patched.setattr(intake_unit.Desk, "decide", gone)
        with pytest.raises(Fault, match="the link is cut"):
            runner.run(home)
    assert len(asked) == 1
    assert runner.run(home).faults == []
    assert [lines(report(home, one)) for one in told] == [[], []]
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient"), ("08", "recipient")]


class Killed(BaseException):
    """Nothing catches it: the process is gone."""


def test_statuses_of_flows_are_refused(home: Home) -> None:
    name = status_flow(1)
    homes.drop(home, name, flow_status_file(), homes.RECEIVER)
    runner.run(home)
    root = report(home, name)
    assert root.findtext(".//IdStatut") == "93"
    assert [rule for rule, _ in lines(root)] == ["LFC-007"]
    assert red(home) == []


def test_a_file_that_the_schema_refuses_changes_nothing(home: Home) -> None:
    name = status_flow(1)
    broken = status_file([Entry.sound("S-1", 7, WHEN)]).replace(b"<RaisonSociale>Fournisseur</RaisonSociale>", b"")
    homes.drop(home, name, broken, homes.RECEIVER)
    runner.run(home)
    assert [rule for rule, _ in lines(report(home, name))] == ["XML-010"]
    assert history(home, "S-1") == INTEGRATED
    assert red(home) == []


def test_a_connection_sets_what_its_roles_say(home: Home) -> None:
    runner.add_partner(home, recipient(roles=("recipient",)), replace=True)
    entries = [Entry.sound("S-1", status, WHEN) for status in (9, 10)]
    told = send(home, entries)
    runner.run(home)
    assert [rule for rule, _ in lines(report(home, told))] == ["LFC-006"]
    assert history(home, "S-1")[-1] == ("09", "recipient")
    runner.add_partner(home, recipient(roles=("accountant",)), replace=True)
    told = send(home, entries, 2, note="again")
    runner.run(home)
    assert history(home, "S-1")[-1] == ("10", "accountant")


def test_an_archive_of_status_files_is_one_flow(home: Home) -> None:
    name = status_flow(1)
    files = [
        ("a.xml", status_file([Entry.sound("S-1", 7, WHEN), Entry.sound("S-404", 7, WHEN)])),
        ("b.xml", status_file([Entry.sound("S-1", 8, WHEN), Entry.sound("S-2", 8, WHEN)])),
    ]
    homes.drop(home, name, homes.archive(files), homes.RECEIVER)
    done = runner.run(home)
    assert dict(done.changes) == {"applied": 3, "refused": 1}
    assert [rule for rule, _ in lines(report(home, name))] == ["LFC-008"]
    assert red(home) == []


def test_an_invoice_and_a_status_in_one_archive_are_two_syntaxes(home: Home) -> None:
    name = homes.flow_name(7)
    files = [("a.xml", homes.ubl("S-9")), ("b.xml", status_file([Entry.sound("S-1", 7, WHEN)], homes.PARTNER))]
    homes.drop(home, name, homes.archive(files))
    runner.run(home)
    assert "ENV-006" in [rule for rule, _ in lines(report(home, name, homes.PARTNER))]
    assert history(home, "S-1") == INTEGRATED


def test_a_file_of_ours_is_taken_only_where_the_sheet_names_it(home: Home) -> None:
    for sequence, code in enumerate(("ACT9001A", "CTL9002A"), 11):
        homes.drop(home, homes.flow_name(sequence, code), b"action;fournisseur;numero\n")
    runner.run(home)
    for sequence, code in enumerate(("ACT9001A", "CTL9002A"), 11):
        root = report(home, homes.flow_name(sequence, code), homes.PARTNER)
        assert root.findtext(".//IdStatut") == "93"
        assert "FLW-013" in [rule for rule, _ in lines(root)]
    assert {name[:8] for name in homes.out(home) if name.startswith("CSO900")} == {"CSO9001A", "CSO9002A"}
    assert red(home) == []


def test_the_sheet_of_a_recipient_names_no_code_of_a_status_file(home: Home) -> None:
    """FLW-013 is about interfaces; a status file has none."""
    runner.add_partner(home, recipient(flows=("FSO1117A",)), replace=True)
    told = send(home, [Entry.sound("S-1", 7, WHEN)])
    runner.run(home)
    assert report(home, told).findtext(".//IdStatut") == "90"
    assert os.listdir(home.drop(homes.RECEIVER).inbox) == []  # type: ignore[attr-defined]


def test_statuses_that_were_applied_are_not_judged_again(home: Home) -> None:
    told = send(home, [Entry.sound("S-1", 7, WHEN)])
    runner.run(home)
    done = reprocess(home, told, operator="anne")
    assert (done.again, done.shadows) == ((), ())
    assert ["applied in their time" in said.en for said in done.reasons.values()] == [True]
    assert history(home, "S-1") == [*INTEGRATED, ("07", "recipient")]
