"""Judging again: what waits goes back to the line, what was answered is judged in the shadow, what is submitted is new."""

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from sqlalchemy import select, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.queries import FlowStatus
from pipeline.cli.boundary import run as command
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.running.reprocess import Reprocessed, reprocess, shadow_verdicts
from pipeline.running.submit import submit

pytestmark = pytest.mark.campaign
TODAY = homes.NOON.date()
KILLED = (sys.executable, str(Path(__file__).parents[1] / "unit" / "adapters" / "hostile_reader.py"))
KILLS = b"<!-- KILLS ITS READER -->"


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def sql(home: Home, *statements: str) -> None:
    with home.ledger.writing() as db:
        for statement in statements:
            db.execute(text(statement))


def answered(home: Home, number: int, content: bytes, partner: str = homes.PARTNER) -> FlowStatus:
    homes.drop(home, homes.flow_name(number, partner=partner), content, partner)
    assert runner.run(home).faults == []
    return flow(home, number, partner)


def flow(home: Home, number: int = 1, partner: str = homes.PARTNER) -> FlowStatus:
    found = runner.status(home, homes.flow_name(number, partner=partner))[-1]
    assert isinstance(found, FlowStatus)
    return found


def red(home: Home) -> list[str]:
    return [line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"]


def operations(home: Home) -> list[tuple[int, str, str, object]]:
    o = t.operations
    with home.ledger.reading() as db:
        rows = db.execute(select(o).order_by(o.c.deposit_id, o.c.ordinal)).all()
    return [(r.deposit_id, r.what, r.operator, json.loads(r.detail)) for r in rows]


def rows(home: Home) -> dict[str, list[tuple[object, ...]]]:
    """All that stands in the ledger, the shadows, who asked for them, and what the audit says of both apart."""
    with home.ledger.reading() as db:
        return {
            name: sorted((tuple(row) for row in db.execute(select(table))), key=repr)
            for name, table in t.metadata.tables.items()
            if name not in {"shadows", "operations", "audit", "audit_heads"}
        }


def shadow(home: Home, done: Reprocessed) -> dict[str, object]:
    (one,) = shadow_verdicts(home, done.shadows)
    return dict(one.difference)


def serves_all(home: Home, day: date) -> None:
    """A new directory in which the demanding commune asks for nothing any more."""
    folder = homes.directory(home.path / "newer")
    asks = (folder / "structures.csv").read_text()
    (folder / "structures.csv").write_text(
        asks.replace("exigeante;false;false;true;true;true", "exigeante;false;false;true;false;false")
    )
    assert asks != (folder / "structures.csv").read_text()
    runner.import_directory(home, folder, day)


# --- back to the line -------------------------------------------------------------------------------------------------


def test_what_met_a_fault_is_due_again_in_the_same_turn(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1"))
    sql(home, "UPDATE snapshots SET day = '2027-01-01'")
    runner.intake(home)
    assert runner.process(home, turn="night", seconds=60).waiting == 1
    sql(home, "UPDATE snapshots SET day = '2026-11-01'")
    assert runner.process(home, turn="night", seconds=60).flows.total() == 0  # the turn has given it up
    done = reprocess(home, homes.flow_name(1), operator="ada")
    assert (done.again, done.shadows, done.untouched) == ((1,), (), ())
    ((deposit, what, operator, detail),) = operations(home)
    assert (deposit, what, operator) == (1, "reprocess", "ada")
    assert "aucun annuaire" in str(detail)
    assert dict(runner.process(home, turn="night", seconds=60).flows) == {"IN_INTEGRE": 1}
    assert red(home) == []


def test_what_is_set_apart_is_read_again_and_not_refused(home: Home) -> None:
    good, home.reader = home.reader, KILLED
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1") + KILLS)
    assert runner.run(home).quarantined == 1
    home.reader = good
    assert runner.run(home).is_idle
    assert reprocess(home, homes.flow_name(1)).again == (1,)
    assert flow(home).deposit.fault is None
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert red(home) == []


def test_what_kills_its_reader_again_is_set_apart_again_and_answered_when_its_time_is_over(home: Home) -> None:
    home.reader = KILLED
    homes.drop(home, homes.flow_name(1), homes.ubl("A-1") + KILLS)
    runner.run(home)
    home.clock = FixedClock(homes.NOON + timedelta(hours=3))
    reprocess(home, homes.flow_name(1))
    assert runner.run(home).quarantined == 1
    home.clock = FixedClock(homes.NOON + timedelta(hours=5))
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert "FIL-007" in {f.rule for f in flow(home).findings}


def test_what_is_held_is_judged_again(home: Home) -> None:
    runner.commitments_unavailable(home)
    runner.import_commitments(home, homes.orders(home.path / "o.csv", "1512345678"), TODAY)
    answered(home, 1, homes.ubl("H-1", recipient=homes.STATE, service="SFACETAT", order="1512345678"))
    sql(home, "DELETE FROM declared")  # it can be asked again, and nobody said so
    assert runner.run(home).is_idle
    assert reprocess(home, day=TODAY).again == (1,)
    assert reprocess(home, day=TODAY).untouched == (1,)  # due already
    assert runner.run(home).decided_later == 1
    assert flow(home).deposit.state == "IN_INTEGRE"
    assert len(operations(home)) == 1
    assert red(home) == []


def test_what_is_at_work_due_repeated_or_no_file_is_left_alone(home: Home) -> None:
    answered(home, 1, homes.ubl("A-1"))
    answered(home, 1, homes.ubl("A-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("A-2"))
    (home.folder(homes.PARTNER).inbox / homes.flow_name(3)).symlink_to("/etc/hostname")
    runner.intake(home)
    by_name = {one.deposit.name: one.deposit.id for n in (2, 3) for one in [flow(home, n)]}
    done = reprocess(home, partner=homes.PARTNER)
    assert (done.again, done.shadows) == ((), (1,))
    assert done.reasons[2].en.startswith("repeated")
    assert done.reasons[by_name[homes.flow_name(2)]].en.startswith("it is due")
    assert done.reasons[by_name[homes.flow_name(3)]].en.startswith("it is no plain file")
    seen: list[Reprocessed] = []

    def look(stage: str) -> None:
        if stage == "commit" and not seen:
            seen.append(reprocess(home, homes.flow_name(2)))

    home.stage = look
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    assert [why.en for why in seen[0].reasons.values()] == ["a worker judges it now"]


def test_a_selector_is_needed_and_all_of_them_must_fit(home: Home) -> None:
    answered(home, 1, homes.ubl("A-1"))
    answered(home, 1, homes.ubl("A-2"), homes.OTHER)
    with pytest.raises(Fault, match="nothing is named"):
        reprocess(home)
    for given in ({"flow": "other"}, {"partner": "ZZZ999"}, {"day": TODAY - timedelta(days=1)}):
        with pytest.raises(Fault, match="no deposit fits"):
            reprocess(home, **given)  # type: ignore[arg-type]
    assert reprocess(home, partner=homes.OTHER, day=TODAY).shadows == (2,)
    assert reprocess(home, day=TODAY).shadows == (1, 2)


# --- in the shadow ----------------------------------------------------------------------------------------------------


def test_an_answered_flow_gets_a_shadow_verdict_and_nothing_else_changes(home: Home) -> None:
    documents = [("a.xml", homes.ubl("S-1")), ("b.xml", homes.ubl("S-2", recipient=homes.NEEDS_BOTH))]
    answered(home, 1, homes.archive(documents))
    before, files = rows(home), homes.out(home)
    done = reprocess(home, homes.flow_name(1), operator="ada")
    assert (done.again, done.shadows) == ((), (1,))
    assert shadow(home, done) == {}  # its own numbers are no duplicates
    (one,) = shadow_verdicts(home, done.shadows)
    assert (one.operator, one.at, one.verdict["state"]) == ("ada", homes.NOON, "IN_INTEGRE_PARTIEL")
    assert [i["number"] for i in one.verdict["invoices"]] == ["S-1", "S-2"]
    assert rows(home) == before
    assert runner.run(home).is_idle
    assert homes.out(home) == files
    assert len(homes.out(home, "PORTAL", "recipients")) == 1
    assert list(home.presence.spool.glob("*.shadow")) == []
    reprocess(home, homes.flow_name(1))
    with home.ledger.reading() as db:
        assert [r.ordinal for r in db.execute(select(t.shadows))] == [1, 2]
    assert red(home) == []


def test_the_reference_data_of_today_shows_in_the_difference(home: Home) -> None:
    told = answered(home, 1, homes.ubl("S-1", recipient=homes.NEEDS_BOTH))
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    serves_all(home, TODAY + timedelta(days=1))
    before = rows(home)
    done = reprocess(home, homes.flow_name(1))
    assert shadow(home, done) == {
        "state": ["IN_REJETE", "IN_INTEGRE"],
        "invoices": [
            {"member": told.invoices[0].member, "supplier": homes.SUPPLIER, "number": "S-1", "gone": [["RTG-023", "error"]],
             "outcome": ["refused", "integrated"]}
        ],
    }  # fmt: skip
    assert rows(home) == before


def test_a_number_that_another_flow_took_since_is_a_duplicate_in_the_shadow(home: Home) -> None:
    answered(home, 1, homes.ubl("S-1", recipient=homes.NEEDS_BOTH))
    answered(home, 2, homes.ubl("S-1"))
    serves_all(home, TODAY)
    difference = shadow(home, reprocess(home, homes.flow_name(1)))
    (invoice,) = difference["invoices"]  # type: ignore[misc]
    assert invoice["new"] == [["DUP-001", "error"]]
    assert "state" not in difference


def test_what_an_operator_decided_stands_in_the_shadow_too(home: Home) -> None:
    runner.commitments_unavailable(home)
    documents = [
        (f"{n}.xml", homes.ubl(f"S-{n}", recipient=homes.STATE, service="SFACETAT", order="1512345678")) for n in (1, 2)
    ]
    answered(home, 1, homes.archive(documents))
    home.clock = FixedClock(homes.NOON + timedelta(days=8))
    runner.decide(home, f"{homes.SUPPLIER}/S-1", "integrate", "by phone", "ada")
    runner.decide(home, f"{homes.SUPPLIER}/S-2", "refuse", "never ordered", "ada")
    assert runner.run(home).decided_later == 2
    assert shadow(home, reprocess(home, homes.flow_name(1))) == {}


def test_a_flow_that_kills_its_reader_in_the_shadow_leaves_the_others_and_its_answer_alone(home: Home) -> None:
    answered(home, 1, homes.ubl("S-1") + KILLS)
    home.reader = KILLED
    done = reprocess(home, homes.flow_name(1))
    assert (done.shadows, done.untouched) == ((), (1,))
    assert "kills its reader" in done.reasons[1].en
    assert flow(home).deposit.state == "IN_INTEGRE"


def test_bytes_that_are_gone_give_no_shadow_and_say_why(home: Home) -> None:
    answered(home, 1, homes.ubl("S-1"))
    answered(home, 2, homes.ubl("S-2"))
    for number in (1, 2):
        home.store.remove(homes.PARTNER, flow(home, number).deposit.sha256)
    with home.ledger.writing() as db:
        db.execute(t.purged.insert().values(owner=homes.PARTNER, sha256=flow(home).deposit.sha256, at=""))
    answered(home, 3, homes.ubl("S-3"))
    done = reprocess(home, day=TODAY)
    assert done.shadows == (3,)
    assert "past their retention" in done.reasons[1].en
    assert "No such file" in done.reasons[2].en


# --- submit -----------------------------------------------------------------------------------------------------------


def test_archived_bytes_become_a_new_deposit_with_a_report_of_its_own(home: Home) -> None:
    answered(home, 1, homes.ubl("T-1", recipient=homes.NEEDS_BOTH))
    serves_all(home, TODAY)
    number = submit(home, homes.flow_name(1), homes.flow_name(9), operator="ada")
    assert operations(home) == [(number, "submit", "ada", {"from": 1})]
    assert dict(runner.run(home).flows) == {"IN_INTEGRE": 1}
    new = flow(home, 9)
    assert (new.deposit.id, new.deposit.sha256, new.deposit.state) == (number, flow(home).deposit.sha256, "IN_INTEGRE")
    assert flow(home).deposit.state == "IN_REJETE"
    assert len([name for name in homes.out(home) if name.startswith("CSO")]) == 2
    assert submit(home, homes.flow_name(1), homes.flow_name(9)) == number  # the same order is the same deposit
    assert runner.run(home).is_idle
    assert red(home) == []


def test_the_bytes_of_a_flow_that_has_something_in_it_are_a_double(home: Home) -> None:
    answered(home, 1, homes.ubl("T-1"))
    submit(home, homes.flow_name(1), homes.flow_name(9))
    assert dict(runner.run(home).flows) == {"IN_REJETE": 1}
    assert "FLW-007" in {f.rule for f in flow(home, 9).findings}
    assert flow(home, 9).first_name == homes.flow_name(1)
    assert red(home) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (homes.flow_name(5), homes.flow_name(9), "nothing archived under this name"),
        (homes.flow_name(1), homes.flow_name(1), "a deposit has this name already"),
        (homes.flow_name(1), homes.flow_name(2), "a deposit has this name already"),
        (homes.flow_name(1), "facture.xml", "this flow name would be refused: "),
        (homes.flow_name(1), "../../etc/passwd", "this flow name would be refused: "),
        (homes.flow_name(1), "\udce9", "this flow name would be refused: "),
    ],
)
def test_what_cannot_be_submitted_is_said_and_leaves_no_deposit(home: Home, old: str, new: str, expected: str) -> None:
    answered(home, 1, homes.ubl("T-1"))
    answered(home, 2, homes.ubl("T-2"))
    with pytest.raises(Fault, match=expected):
        submit(home, old, new)
    assert runner.verify(home)[0].count == 2


def test_which_bytes_are_meant_is_asked_where_several_have_the_name(home: Home) -> None:
    answered(home, 1, homes.ubl("T-1", recipient=homes.NEEDS_BOTH))
    second = answered(home, 1, homes.ubl("T-2", recipient=homes.NEEDS_BOTH))  # FLW-005, with its bytes
    shared = homes.flow_name(1)
    homes.drop(home, shared, homes.ubl("T-3", recipient=homes.NEEDS_BOTH), homes.OTHER)
    runner.run(home)
    with pytest.raises(Fault, match=f"add --partner CODE, one of {homes.PARTNER}, {homes.OTHER}"):
        submit(home, shared, homes.flow_name(9))
    with pytest.raises(Fault, match=f"add --sha256 and one of .*{second.deposit.sha256[:12]}"):
        submit(home, shared, homes.flow_name(9), homes.PARTNER)
    submit(home, shared, homes.flow_name(9), homes.PARTNER, second.deposit.sha256[:8].upper())
    runner.run(home)
    assert flow(home, 9).deposit.sha256 == second.deposit.sha256


def test_the_name_of_an_order_is_no_name_of_a_dropped_file(home: Home) -> None:
    answered(home, 1, homes.ubl("T-1", recipient=homes.NEEDS_BOTH))
    submit(home, homes.flow_name(1), homes.flow_name(9))
    homes.drop(home, homes.flow_name(9), homes.ubl("T-1", recipient=homes.NEEDS_BOTH))
    summary = runner.run(home)
    assert (summary.received, summary.repeated) == (1, 1)  # the same name and bytes, dropped: FLW-006
    assert red(home) == []


def test_bytes_that_are_missing_are_not_submitted(home: Home) -> None:
    answered(home, 1, homes.ubl("T-1"))
    home.store.remove(homes.PARTNER, flow(home).deposit.sha256)
    with pytest.raises(Fault, match="missing from the object store"):
        submit(home, homes.flow_name(1), homes.flow_name(9))


# --- the commands -----------------------------------------------------------------------------------------------------


def test_the_commands_say_what_was_done(
    tmp_path: Path, reader: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"

    def cli(*typed: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command([*map(str, typed), "--home", str(home)])
        return code, *capsys.readouterr()

    with homes.ready_home(home, reader=reader) as opened:
        answered(opened, 1, homes.ubl("C-1", recipient=homes.NEEDS_BOTH))
        answered(opened, 2, homes.ubl("C-2"))
        serves_all(opened, TODAY)
    assert cli("reprocess")[0] == 2
    code, out, err = cli("reprocess", "--day", TODAY)
    assert (code, err) == (0, "")
    told = " ".join(out.split())
    assert "2 dépôts ; réponse donnée → verdict d'aujourd'hui ; rien n'est envoyé au partenaire" in told
    assert f"{homes.PARTNER}/{homes.flow_name(1)} : rejeté → intégré" in told
    assert f"{homes.SUPPLIER}/C-1 : refusée → intégrée ; n'y est plus :" in told
    assert f"{homes.PARTNER}/{homes.flow_name(2)} : même verdict" in told
    code, out, _ = cli("reprocess", "--flow", homes.flow_name(2), "--format", "json", "--lang", "en")
    head, one = [json.loads(row) for row in out.splitlines()]
    assert (head["shadows"], one["difference"], one["verdict"]["state"]) == ([2], {}, "IN_INTEGRE")
    code, _, err = cli("reprocess", "--partner", "ZZZ999")
    assert (code, "aucun dépôt ne correspond" in err) == (3, True)
    code, out, err = cli("submit", homes.flow_name(1), "--as", homes.flow_name(9))
    assert (code, out, err) == (0, f"{homes.flow_name(9)} : dépôt 3 enregistré ; chorus-edi run le juge\n", "")
    assert cli("submit", homes.flow_name(1), "--as", "x")[0] == 3
