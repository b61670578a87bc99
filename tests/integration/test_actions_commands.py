"""`recycle`, `complete`, `handle-reject` and `todo` on a real home: what they show, write, refuse, and leave with."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import action_stories as stories
import homes
import pytest
from change_files import Entry, status_file, status_flow
from sqlalchemy import select

from pipeline import runner
from pipeline.adapters.clock import FixedClock, SystemClock
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.changes import Stale
from pipeline.cli.boundary import run
from pipeline.model import ActionKind, PackRun
from pipeline.ports import Fault, Scannable
from pipeline.running import actions
from pipeline.running.actions import Wish
from pipeline.running.scanning import Scanning

Cli = Callable[..., tuple[int, str, str]]
HOUR = timedelta(hours=1)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Cli:
    """A command on the clock of the tests: its exit code, and what it said."""
    moment = FixedClock(homes.NOON + 3 * HOUR)
    monkeypatch.setattr(SystemClock, "now", lambda _self: moment.now())
    monkeypatch.setenv("LOGNAME", "anne")

    def call(*typed: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = run([str(word) for word in typed])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Path:
    """F-1 to be recycled, F-2 suspended, F-3 rejected, F-4 as it was integrated."""
    path = tmp_path_factory.mktemp("made") / "home"
    with stories.ready(path, reader) as home:
        documents = [(f"F-{n}", homes.ubl(f"F-{n}")) for n in range(1, 5)]
        documents += [("AV-3", homes.ubl("AV-3", type_code="381")), ("F-3B", homes.ubl("F-3B", net="90.00"))]
        stories.integrate(home, documents)
        stories.tell(home, 4, ["F-1"], 1)
        stories.tell(home, 6, ["F-2"], 2, timedelta(seconds=1))
        stories.tell(home, 5, ["F-3"], 3, timedelta(seconds=1))
    return path


@pytest.fixture
def place(made: Path, tmp_path: Path) -> Path:
    """A copy of it, to change."""
    return shutil.copytree(made, tmp_path / "home")


def named(number: str) -> str:
    return f"{homes.SUPPLIER}/{number}"


def words(text: str) -> str:
    return " ".join(text.split())


def stand(place: Path) -> dict[str, str]:
    with homes.open_home(place) as home:
        return stories.stand(home)


def verified(place: Path) -> None:
    with homes.open_home(place, homes.NOON + 4 * HOUR) as home:
        stories.run(home)
        assert [str(line.detail) for line in runner.verify(home) if not line.ok] == []


def test_a_dry_run_shows_the_verdict_and_writes_nothing(cli: Cli, place: Path) -> None:
    before = stand(place)
    asked = ["recycle", named("F-1"), "--recipient", homes.NEEDS_BOTH, "--dry-run", "--home", place]
    code, out, _ = cli(*asked)
    assert code == 1
    assert "RTG-023" in out
    code, out, _ = cli(*asked, "--service", "SERV_OBL", "--commitment", "EJ-1")
    assert code == 0
    assert "Commune exigeante (avant : 12345678200051)" in words(out)
    assert "rien n'est écrit" in out
    code, out, _ = cli(*asked, "--service", "SERV_OBL", "--commitment", "EJ-1", "--format", "json", "--lang", "en")
    told = json.loads(out)
    assert (code, told["outcome"], told["applied"], told["dry_run"], told["files"]) == (0, "applied", False, True, [])
    assert told["routing"]["receiver"] == stories.SECOND
    assert stand(place) == before


def test_each_command_shows_its_verdict_applies_it_and_says_who_asked(cli: Cli, place: Path, tmp_path: Path) -> None:
    bon = tmp_path / "bon.pdf"
    bon.write_bytes(b"%PDF-1.4 bon")
    code, out, _ = cli("recycle", f"{named('F-1')}/2026", "--recipient", homes.NEEDS_BOTH, "--service", "SERV_OBL",
                       "--commitment", "EJ-1", "--comment", "autre commune", "--home", place)  # fmt: skip
    assert code == 0
    assert "applicable" in out
    assert "appliqué, statut 01, 02, 03" in words(out)
    code, out, _ = cli("complete", named("F-2"), "--attach", bon, "--comment", "voici", "--home", place)
    assert (code, "statut 12" in words(out)) == (0, True)
    code, out, _ = cli("handle-reject", named("F-3"), "--reason", "MONTANT_ERR", "--credit-note", "AV-3",
                       "--corrective", "F-3B", "--home", place)  # fmt: skip
    assert (code, "traité" in out) == (0, True)
    assert {number: status for number, status in stand(place).items() if number in {"F-1", "F-2", "F-3"}} == {
        "F-1": "03", "F-2": "12", "F-3": "05",
    }  # fmt: skip
    verified(place)
    with homes.open_home(place) as home:
        (again,) = stories.pivots(home, stories.SECOND)
        assert b"Recycl" in again
        assert any(b"bon.pdf" in pivot for pivot in stories.pivots(home, homes.RECEIVER))
        c, h = t.changes, t.handled
        with home.ledger.reading() as db:
            asked = db.execute(select(c.c.operator, c.c.source_id).where(c.c.producer == homes.PARTNER)).all()
            dealt = db.execute(select(h.c.operator)).scalars().all()
    assert {tuple(row) for row in asked} == {("anne", 0)}
    assert dealt == ["anne"]
    code, out, _ = cli("status", named("F-2"), "--home", place)
    assert "commande de anne" in words(out)


def test_a_command_again_is_refused_or_has_no_effect(cli: Cli, place: Path) -> None:
    handle = ["handle-reject", named("F-3"), "--reason", "x", "--credit-note", "AV-3", "--home", place]
    assert [cli(*handle)[0] for _ in range(2)] == [0, 0]
    code, out, _ = cli(*handle, "--corrective", "F-3B")
    assert (code, "LFC-001" in out) == (1, True)
    complete = ["complete", named("F-2"), "--comment", "voici", "--home", place]
    assert [cli(*complete)[0] for _ in range(2)] == [0, 1]
    code, out, _ = cli("recycle", named("F-4"), "--comment", "x", "--home", place, "--lang", "en")
    assert (code, "LFC-005" in out, "03 MISE_A_DISPOSITION" in words(out)) == (1, True, True)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (["recycle", f"{homes.SUPPLIER}/NOPE", "--service", "X"], 1),
        (["recycle", "rien", "--service", "X"], 1),
        (["recycle", f"{homes.SUPPLIER}/F-1"], 2),
        (["complete", f"{homes.SUPPLIER}/F-2"], 2),
        (["complete", f"{homes.SUPPLIER}/F-2", "--attach", "absent.pdf"], 2),
        (["complete", f"{homes.SUPPLIER}/F-2", "--attach", "."], 2),
        (["handle-reject", f"{homes.SUPPLIER}/F-3"], 2),
        (["handle-reject", f"{homes.SUPPLIER}/F-3", "--reason", " "], 1),
        (["handle-reject", f"{homes.SUPPLIER}/F-3", "--reason", "x", "--credit-note", "F-3B"], 1),
    ],
)
def test_what_cannot_be_done_leaves_with_its_code_and_one_sentence(
    cli: Cli, place: Path, typed: list[str], code: int
) -> None:
    left, out, err = cli(*typed, "--home", place)
    assert left == code
    assert out or err
    assert "Traceback" not in out + err
    assert set(stand(place).values()) == {"03", "04", "05", "06"}


def test_a_file_that_no_invoice_may_carry_completes_nothing(cli: Cli, place: Path, tmp_path: Path) -> None:
    for name, content, rule in (("outil.exe", b"MZ", "ATT-004"), ("vide.pdf", b"", "ATT-007"), ("b" * 60 + ".pdf", b"%PDF", "ATT-002")):  # fmt: skip
        file = tmp_path / name
        file.write_bytes(content)
        code, out, _ = cli("complete", named("F-2"), "--attach", file, "--home", place)
        assert (code, rule in out) == (1, True)
    assert stand(place)["F-2"] == "06"


class Finds:
    """A scanner that finds a signature in what begins with EICAR."""

    def scan(self, content: Scannable) -> str:
        return "Eicar-Test" if b"".join(content.chunks()).startswith(b"EICAR") else ""

    def describe(self) -> PackRun:
        return PackRun("antivirus", "test", "", "1")


def test_a_file_in_which_the_antivirus_finds_something_completes_nothing(place: Path, tmp_path: Path) -> None:
    with homes.open_home(place, homes.NOON + 3 * HOUR) as home:
        home.scanning = Scanning(Finds(), 1)
        for content, outcome in ((b"EICAR", "refused"), (b"%PDF-1.4", "applied")):
            (tmp_path / "bon.pdf").write_bytes(content)
            wish = Wish(ActionKind.COMPLETE, attach=(tmp_path / "bon.pdf",))
            told = actions.ask(home, named("F-2"), wish, "anne").judged()
            assert told.row.outcome == outcome
            assert ("FLW-011" in {f.rule for f in told.row.findings}) is (outcome == "refused")


def test_without_a_directory_of_the_day_a_recycle_is_a_fault(
    cli: Cli, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ago = datetime(2026, 10, 1, tzinfo=UTC)
    monkeypatch.setattr(SystemClock, "now", lambda _self: long_ago)
    code, _, err = cli("recycle", named("F-1"), "--comment", "x", "--home", place)
    assert (code, "RTG-006" in err) == (3, True)


def test_somebody_who_is_faster_changes_what_is_decided(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The invoice moves between the decision and the writing: it is decided again, and refused by its rule."""
    with homes.open_home(place, homes.NOON + 3 * HOUR) as home:
        mine = actions.ask(home, named("F-2"), Wish(ActionKind.COMPLETE, comment="moi"), "anne")
        assert mine.judged().row.outcome == "applied"
        other = actions.ask(home, named("F-2"), Wish(ActionKind.COMPLETE, comment="lui"), "bert")
        judged = actions.Action.judged

        def late(self: actions.Action) -> actions.Told:
            told = judged(self)
            if self is mine and not other_is_done:
                other_is_done.append(other.apply().is_applied)
            return told

        other_is_done: list[bool] = []
        monkeypatch.setattr(actions.Action, "judged", late)
        told = mine.apply()
        assert other_is_done == [True]
        assert (told.is_applied, told.row.outcome) == (False, "refused")
        assert {f.rule for f in told.row.findings} == {"LFC-004"}

        def always(*_: object, **__: object) -> None:
            raise Stale

        monkeypatch.setattr(actions.changes, "commit", always)
        third = actions.ask(home, named("F-1"), Wish(ActionKind.RECYCLE, comment="x"), "anne")
        with pytest.raises(Fault, match="keep changing"):
            third.apply()
        assert stories.stand(home)["F-1"] == "04"


def test_a_credit_note_that_somebody_else_used_meanwhile_cancels_nothing_more(
    place: Path, reader: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    with homes.open_home(place, homes.NOON + 3 * HOUR, reader=reader) as home:
        stories.tell(home, 5, ["F-4"], 4)
        wish = Wish(ActionKind.HANDLE_REJECT, reason="x", credit_note="AV-3")
        mine, other = (actions.ask(home, named(number), wish, "anne") for number in ("F-3", "F-4"))
        judged, done = actions.Action.judged, []

        def late(self: actions.Action) -> actions.Told:
            told = judged(self)
            if self is mine and not done:
                done.append(other.apply().is_applied)
            return told

        monkeypatch.setattr(actions.Action, "judged", late)
        told = mine.apply()
        assert done == [True]
        assert {f.rule for f in told.row.findings if f.refuses} == {"LFC-012"}


# --- the work list ----------------------------------------------------------------------------------------------------


def test_the_work_list_says_what_until_when_and_by_which_command(cli: Cli, place: Path) -> None:
    code, out, _ = cli("todo", "--home", place)
    assert code == 0
    assert "3 factures à traiter : 04 A_RECYCLER (1), 05 REJETEE (1), 06 SUSPENDUE (1)" in words(out)
    assert max(len(line) for line in out.splitlines()) <= 80
    for command in ("recycle", "complete", "handle-reject"):
        assert f"chorus-edi {command} {homes.SUPPLIER}/F-" in words(out)
    assert "04 A_RECYCLER depuis 0 j Échéance 2026-11-27 " in words(out)
    items = [json.loads(line) for line in cli("todo", "--format", "json", "--home", place)[1].splitlines()]
    assert [(i["number"], i["status"], i["due"], i["late"]) for i in items] == [
        ("F-1", "04", "2026-11-27", False), ("F-2", "06", "2026-11-27", False), ("F-3", "05", "2026-11-27", False),
    ]  # fmt: skip
    assert [i["reason"] for i in items] == ["SE_ERR", "JUSTIF_ABS", "MONTANT_ERR"]
    assert [len(cli("todo", "--limit", n, "--format", "json", "--home", place)[1].splitlines()) for n in (1, 2, 9)] == [
        1,
        2,
        3,
    ]
    assert cli("todo", "--partner", homes.OTHER, "--home", place)[1].startswith("rien à faire")


def test_what_is_done_leaves_the_list(cli: Cli, place: Path) -> None:
    assert cli("handle-reject", named("F-3"), "--reason", "x", "--home", place)[0] == 0
    assert cli("complete", named("F-2"), "--comment", "x", "--home", place)[0] == 0
    items = [json.loads(line)["number"] for line in cli("todo", "--format", "json", "--home", place)[1].splitlines()]
    assert items == ["F-1"]


def test_the_list_as_an_action_file_is_one_that_can_be_dropped(cli: Cli, place: Path) -> None:
    """Filled in by a person, it comes back as it went: nothing of it is a formula on the way."""
    out = cli("todo", "--format", "actions", "--home", place)[1]
    rows = list(csv.DictReader(io.StringIO(out.lstrip("\ufeff")), delimiter=";"))
    assert [(row["action"], row["numero"]) for row in rows] == [
        ("recycler", "F-1"), ("completer", "F-2"), ("traiter-rejet", "F-3"),
    ]  # fmt: skip
    rows[0] |= {"destinataire": homes.NEEDS_BOTH, "service": "SERV_OBL", "engagement": "EJ-1"}
    rows[1]["commentaire"] = "'=1+1"
    rows[2] |= {"motif": "MONTANT_ERR", "avoir": "AV-3", "facture_rectificative": "F-3B"}
    with homes.open_home(place, homes.NOON + 3 * HOUR) as home:
        report = stories.act(home, stories.table(list(rows[0]), [list(row.values()) for row in rows]))
        assert "<IdStatut>90</IdStatut>" in report
        x = t.transitions
        with home.ledger.reading() as db:
            assert "=1+1" in db.execute(select(x.c.comment)).scalars().all()
    verified(place)


def test_a_table_for_a_spreadsheet_holds_no_formula(tmp_path: Path, reader: tuple[str, ...], cli: Cli) -> None:
    path = tmp_path / "home"
    with stories.ready(path, reader) as home:
        stories.integrate(home, [("F1", homes.ubl("-1+1"))])
        entry = Entry.sound("-1+1", 6, home.clock.now(), comment="=cmd|' /C calc'!A0")
        homes.drop(home, status_flow(1), status_file([entry]), homes.RECEIVER)
        stories.run(home)
    for form in ("csv", "actions"):
        out = cli("todo", "--format", form, "--home", path)[1]
        (row,) = csv.DictReader(io.StringIO(out.lstrip("\ufeff")), delimiter=";")
        assert row["numero"] == "'-1+1"
        assert not any(cell.startswith(("=", "+", "-", "@")) for cell in row.values())


def test_the_list_advises_and_never_decides(tmp_path: Path, reader: tuple[str, ...], cli: Cli) -> None:
    """The services of the recipient by likeness of what it wrote, what was used last, the successor of one that is gone."""
    path = tmp_path / "home"
    with stories.ready(path, reader) as home:
        folder = path / "annuaire"
        extra = [f"{homes.NEEDS_BOTH};{code};{label};true;;;false" for code, label in (("PAIE", "Service de la paie"), ("EAUX", "Eaux et forêts"))]  # fmt: skip
        with (folder / "services.csv").open("a", encoding="utf-8") as services:
            services.write("\n".join([*extra, ""]))
        runner.import_directory(home, folder, date(2026, 11, 2))
        stories.integrate(home, [
            ("F-0", homes.ubl("F-0", recipient=homes.NEEDS_BOTH, service="EAUX", order="EJ")),
            ("F-1", homes.ubl("F-1", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="EJ")),
        ])  # fmt: skip
        stories.later(home, HOUR)
        entry = Entry.sound("F-1", 4, home.clock.now(), recipient=homes.NEEDS_BOTH, comment="voir le service paie")
        homes.drop(home, status_flow(1, stories.SECOND), status_file([entry], stories.SECOND), stories.SECOND)
        stories.run(home)
        table = (folder / "structures.csv").read_text(encoding="utf-8").splitlines()
        gone = [
            line.replace("true;1 rue", "false;1 rue") + (f";{homes.PLAIN};2026-11-03" if line.startswith(f"1;{homes.NEEDS_BOTH}") else ";;")
            if line.startswith(f"1;{homes.NEEDS_BOTH}") else line + (";Successeur;InactiveDepuis" if rank == 0 else ";;")
            for rank, line in enumerate(table)
        ]  # fmt: skip
    (item,) = (json.loads(line) for line in cli("todo", "--format", "json", "--home", path)[1].splitlines())
    advice = item["suggestions"]
    assert advice["services"][0] == {"code": "PAIE", "label": "Service de la paie"}
    assert "SERV_OBL" not in {service["code"] for service in advice["services"]}
    assert (advice["last_used"]["service"], advice["successor"]) == ("EAUX", "")
    assert "--service CODE" in item["command"]
    (folder / "structures.csv").write_text("\n".join([*gone, ""]), encoding="utf-8")
    with homes.open_home(path, homes.NOON + 3 * HOUR) as home:
        runner.import_directory(home, folder, date(2026, 11, 3))
    (item,) = (json.loads(line) for line in cli("todo", "--format", "json", "--home", path)[1].splitlines())
    assert (item["suggestions"]["successor"], item["suggestions"]["successor_name"]) == (
        homes.PLAIN,
        "Commune sans exigence",
    )
    assert f"--recipient {homes.PLAIN}" in item["command"]
    assert cli("todo", "--home", path)[0] == 0
