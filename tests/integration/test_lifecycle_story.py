"""A home in which everything has happened after integration: its chain, its story, its objects and their years."""

import json
import re
from collections.abc import Iterator
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any

import action_stories as stories
import both_ledgers
import homes
import pytest
from change_files import Entry, status_file, status_flow
from sqlalchemy import text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import Ledger, copies, invariants
from pipeline.adapters.ledger import day as day_rows
from pipeline.adapters.ledger.audit_records import groups
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
from pipeline.audit.form import COVERED
from pipeline.audit.problem import CHANGED, INSERTED, REMOVED, UNCOVERED
from pipeline.cli.boundary import run as command
from pipeline.model import ActionKind
from pipeline.running.actions import Wish, ask
from pipeline.running.audit import Audit, inspect
from pipeline.running.backup import backup
from pipeline.running.home import Home
from pipeline.running.retention import plan, purge

CONTROL = "CTL9002A"
ACTIONS = ("action", "fournisseur", "numero", "destinataire", "service", "engagement", "commentaire", "motif", "avoir",
           "facture_rectificative", "pieces_jointes")  # fmt: skip
FLOW, LATER_FLOW = homes.flow_name(1), homes.flow_name(2)
STATUSES, ACTED = status_flow(1), homes.flow_name(1, stories.ACTION)
CONTROLLED = homes.flow_name(1, CONTROL)


class RolledBack(Exception):
    """What was touched is put back."""


@pytest.fixture(autouse=True)
def commands_find_the_ledger(home: "Home", monkeypatch: pytest.MonkeyPatch) -> None:
    """That of a server stands in no settings.toml."""
    monkeypatch.setenv("CHORUS_EDI_LEDGER__URL", home.settings.ledger.url)


@pytest.fixture(scope="module", params=both_ledgers.LEDGERS)
def home(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]
) -> Iterator[Home]:
    from pipeline.settings import load

    path = tmp_path_factory.mktemp("story") / "home"
    path.mkdir()
    given = {}
    if request.param == "postgres":
        given["ledger"] = {"url": request.getfixturevalue("postgres").database().url}
    with homes.open_home(path, settings=load(path, ours="CPP001", readers=1, **given), reader=reader) as opened:
        runner.add_partner(opened, homes.partner(flows=(stories.ACTION, CONTROL)))
        runner.add_partner(opened, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
        runner.add_partner(opened, homes.partner(stories.SECOND, receives=((homes.NEEDS_BOTH, ""),)))
        runner.import_directory(opened, homes.directory(path / "annuaire"), stories.DAY)
        live(opened)
        yield opened


def live(home: Home) -> None:
    """Every table of the life after integration gets a row."""
    stories.integrate(home, [(f"F-{n}", homes.ubl(f"F-{n}")) for n in range(1, 7)])
    stories.later(home, timedelta(hours=1))
    now = home.clock.now()
    given = {1: 8, 2: 4, 3: 5, 4: 6, 5: 20, 6: 4}
    entries = [Entry.sound(f"F-{n}", status, now) for n, status in given.items()]
    homes.drop(home, STATUSES, status_file([*entries, Entry.sound("F-0", 8, now)]), homes.RECEIVER)
    stories.run(home)
    stories.later(home, timedelta(hours=1))
    stories.integrate(home, [("AV-3", homes.ubl("AV-3", type_code="381")), ("F-3B", homes.ubl("F-3B", net="90.00"))], 2)
    supplier = homes.SUPPLIER
    rows = [
        ("recycler", supplier, "F-2", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", "autre commune", "", "", "", ""),
        ("traiter-rejet", supplier, "F-3", "", "", "", "erreur de prix", "MONTANT_ERR", "AV-3", "F-3B", ""),
        ("completer", supplier, "F-4", "", "", "", "Voici", "", "", "", "bon.pdf"),
        ("recycler", supplier, "F-1", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", "", "", "", "", ""),
    ]
    homes.drop(home, ACTED, homes.archive([("a.csv", stories.table(ACTIONS, rows)), ("bon.pdf", b"%PDF-1.4 bon")]))
    stories.run(home)
    recycled = ask(home, f"{supplier}/F-6", Wish(ActionKind.RECYCLE, recipient=homes.NEEDS_BOTH, service="SERV_OBL",
                                                 commitment="EJ-6"), "op-dupont")  # fmt: skip
    recycled.apply()
    control = stories.table(
        ("flux", "sha256", "factures", "total", "devise"), [(FLOW, "ab" * 32, "6", "720,00", "EUR")]
    )
    homes.drop(home, CONTROLLED, control)
    stories.run(home)


def looked_at(home: Home, **given: Any) -> Audit:
    with home.ledger.reading() as db:
        return inspect(home, db, **given)


def touched(home: Home, statement: str) -> Audit:
    """What is told where somebody touches the ledger; it is put back afterwards."""
    found: list[Audit] = []
    with pytest.MonkeyPatch.context() as patched, pytest.raises(RolledBack), home.ledger.writing() as db:
        assert db.execute(text(statement)).rowcount, statement
        patched.setattr(home.ledger, "reading", lambda: nullcontext(db))
        found.append(inspect(home, db))
        raise RolledBack
    return found[0]


def reds(home: Home) -> dict[str, str]:
    return {line.name: line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"}


# --- the chain --------------------------------------------------------------------------------------------------------


def test_every_table_of_this_life_is_covered_and_every_line_green(home: Home) -> None:
    found = looked_at(home, full=True)
    assert [one.said.en for one in found.problems] == []
    with home.ledger.reading() as db:
        tables = {group.table for group in groups(db)}
    new = {"changes", "told", "routings", "events", "additions", "handled", "intakes", "controls"}
    assert new <= tables
    assert tables <= COVERED.keys()
    assert reds(home) == {}


TOUCHED = (
    (CHANGED, "UPDATE changes SET reason = 'PRIX_ERR' WHERE reason = 'MONTANT_ERR'", "the changes of status: changed since"),
    (CHANGED, "UPDATE changes SET producer = 'XXX999' WHERE producer = 'REC003'", "the changes of status: changed since"),
    (REMOVED, "DELETE FROM changes WHERE rank = 1", "the changes of status: 5 records attested, 4 found"),
    (CHANGED, "UPDATE changes SET batch = 'FEN1201A_X' WHERE rank = 1", "what was told of them: changed since"),
    (REMOVED, "UPDATE changes SET told = 0 WHERE rank = 1", "what was told of them: "),
    (CHANGED, "UPDATE routings SET recipient = '12345678200051'", "the new routings: changed since"),
    (REMOVED, "DELETE FROM routings", "the new routings: 1 record attested, 0 found"),
    (CHANGED, "UPDATE events SET code = '21'", "the raw statuses: changed since"),
    (INSERTED, "INSERT INTO events (deposit_id, rank, ordinal, code, at, audited) "
     "SELECT deposit_id, rank, 2, '30', at, audited FROM events", "the raw statuses: 1 record attested, 2 found"),
    (CHANGED, "UPDATE additions SET sha256 = 'ab'", "the files added: changed since"),
    (CHANGED, "UPDATE handled SET credit_rank = 2", "the rejects handled: changed since"),
    (REMOVED, "DELETE FROM handled", "the rejects handled: 1 record attested, 0 found"),
    (CHANGED, "UPDATE intakes SET refused = 0, applied = applied + refused WHERE lane = 'actions'", "the counts of its rows: changed"),
    (CHANGED, "UPDATE controls SET total = '1.00'", "the control of its issuer: changed since"),
    (UNCOVERED, "UPDATE controls SET audited = 0", "the control of its issuer: 1 record that no row covers"),
    (CHANGED, "UPDATE transitions SET comment = 'x' WHERE sequence = 4 AND rank = 2", "the statuses: changed since"),
)  # fmt: skip


@pytest.mark.parametrize(("what", "statement", "said"), TOUCHED, ids=[f"{n}-{one[0]}" for n, one in enumerate(TOUCHED)])
def test_what_is_touched_is_found_and_named(home: Home, what: str, statement: str, said: str) -> None:
    found = touched(home, statement)
    told = [(one.what, one.said.en) for one in found.problems]
    assert any(one == what and said in words for one, words in told), told
    assert all(one.said.fr not in {"", one.said.en} for one in found.problems)


def test_an_export_of_it_is_checked_without_the_ledger(
    home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "audit.jsonl"
    given = ["--home", str(home.path)]
    assert command(["audit", "export", "--day", "2026-11-20", "--output", str(file), *given]) == 0
    assert command(["audit", "verify", "--file", str(file)]) == 0
    lines = file.read_text().splitlines()
    for table in ("changes", "told", "routings", "events", "additions", "handled", "intakes", "controls"):
        changed = [line for line in lines if line.startswith(f'{{"records":["{table}"')]
        assert changed, table
        spoilt = tmp_path / f"{table}.jsonl"
        spoilt.write_text("\n".join(line.replace("2026", "2025") if line in changed else line for line in lines))
    capsys.readouterr()
    spoilt = tmp_path / "spoilt.jsonl"
    spoilt.write_text("\n".join(re.sub(r'("changes".*)MONTANT_ERR', r"\1PRIX_ERR", line) for line in lines) + "\n")
    assert command(["audit", "verify", "--file", str(spoilt), "--lang", "en"]) == 1
    assert "the changes of status" in " ".join(capsys.readouterr().out.split())


# --- the story --------------------------------------------------------------------------------------------------------


def story(home: Home, number: str) -> InvoiceStatus:
    (found,) = runner.status(home, f"{homes.SUPPLIER}/{number}")
    assert isinstance(found, InvoiceStatus)
    return found


def test_a_status_of_a_recipient_says_who_which_file_and_which_return_told_it(home: Home) -> None:
    mandated = story(home, "F-1")
    assert (mandated.status, [step.status for step in mandated.history]) == ("08", ["01", "02", "03", "08"])
    first, step = mandated.history[0], mandated.history[-1]
    assert (first.source, first.operator, first.set_by) == (None, "", "platform")
    assert first.told_in.startswith("FEN1201A_ABC001_")
    assert (step.set_by, step.mandate, step.producer) == ("recipient", "M-2026-1", homes.RECEIVER)
    assert step.source is not None
    assert (step.source.flow_name, step.source.row, step.source.partner) == (STATUSES, 1, homes.RECEIVER)
    files = {file.name: file for file in mandated.files}
    assert {file.kind for file in mandated.files} == {"CSO", "FEN1201A", "FEN0036A"}
    assert files[step.told_in].state == "sent"
    assert all(len(file.sha256) == 64 for file in mandated.files)
    assert mandated.sha256 == runner.status(home, FLOW)[0].deposit.sha256  # type: ignore[union-attr]


def test_a_recycled_invoice_says_from_where_to_where_and_who_got_its_pivots(home: Home) -> None:
    recycled = story(home, "F-2")
    assert [step.status for step in recycled.history] == ["01", "02", "03", "04", "01", "02", "03"]
    (way,) = recycled.reroutings
    assert (way.sequence, way.from_recipient, way.recipient, way.service) == (
        5,
        homes.PLAIN,
        homes.NEEDS_BOTH,
        "SERV_OBL",
    )
    assert (way.from_receiver, way.receiver) == (homes.RECEIVER, stories.SECOND)
    pivots = {file.place for file in recycled.files if file.kind == "FEN0036A"}
    assert pivots == {f"recipients/{homes.RECEIVER}", f"recipients/{stories.SECOND}"}
    again = recycled.history[4]
    assert again.source is not None
    assert (again.source.flow_name, again.source.row, again.set_by) == (ACTED, 1, "supplier")


def test_a_command_says_its_operator(home: Home) -> None:
    by_hand = story(home, "F-6")
    step = by_hand.history[4]
    assert (step.status, step.operator, step.source) == ("01", "op-dupont", None)
    assert step.told_in in {file.name for file in by_hand.files}
    pivots = {file.place for file in by_hand.files if file.kind == "FEN0036A"}
    assert f"recipients/{stories.SECOND}" in pivots


def test_a_reject_that_was_dealt_with_is_told_from_both_ends(home: Home) -> None:
    rejected, credit, new = (story(home, number) for number in ("F-3", "AV-3", "F-3B"))
    assert rejected.handled is not None
    assert rejected.handled.reason == "MONTANT_ERR"
    assert rejected.handled.credit_note is not None
    assert rejected.handled.corrective is not None
    assert (rejected.handled.credit_note.number, rejected.handled.corrective.number) == ("AV-3", "F-3B")
    assert [(one.role, one.original.number) for one in (*credit.replaces, *new.replaces)] == [
        ("credit_note", "F-3"), ("corrective", "F-3"),
    ]  # fmt: skip


def test_what_was_added_and_what_has_no_label_is_told(home: Home) -> None:
    (added,) = story(home, "F-4").added_files
    assert (added.name, added.sequence, added.size_bytes) == ("bon.pdf", 5, 12)
    raw = story(home, "F-5")
    assert (raw.status, [(one.code, one.producer) for one in raw.raw_statuses]) == ("03", [("20", homes.RECEIVER)])


def test_a_file_of_changes_says_what_became_of_each_row(home: Home) -> None:
    (found,) = runner.status(home, STATUSES)
    assert isinstance(found, FlowStatus)
    assert found.intake is not None
    assert (found.intake.lane, found.intake.read, found.intake.applied, found.intake.kept, found.intake.refused) == (
        "statuses", 7, 5, 1, 1,
    )  # fmt: skip
    assert [row.outcome for row in found.rows] == ["applied"] * 4 + ["kept", "applied", "refused"]
    assert [(row.invoice.number if row.invoice else "", row.statuses) for row in found.rows][:2] == [
        ("F-1", ("08",)), ("F-2", ("04",)),
    ]  # fmt: skip
    assert [finding.rule for finding in found.rows[-1].findings] == ["LFC-008"]
    (acted,) = runner.status(home, ACTED)
    assert isinstance(acted, FlowStatus)
    assert [(row.outcome, row.statuses) for row in acted.rows] == [
        ("applied", ("01", "02", "03")), ("applied", ()), ("applied", ("12",)), ("refused", ()),
    ]  # fmt: skip
    (control,) = runner.status(home, CONTROLLED)
    assert isinstance(control, FlowStatus)
    assert [(row.flow, row.invoices, row.total) for row in control.controls] == [(FLOW, 6, "720.00")]


def test_people_read_it_in_french_and_machines_as_json(home: Home, capsys: pytest.CaptureFixture[str]) -> None:

    def said(what: str, *more: str) -> str:
        assert command(["status", what, "--home", str(home.path), *more]) == 0
        return capsys.readouterr().out

    words = " ".join(said(f"{homes.SUPPLIER}/F-2").split())
    for part in (
        "F-2 intégrée : 03 mise à disposition", "Destinataire 12345678200044", "Historique", "04 à recycler",
        "destinataire", "recyclée : 12345678200051/sans service -> 12345678200044/SERV_OBL EJ-1",
        f"demandé par {ACTED}, ligne 1 (ABC001)", "annoncé à l'émetteur par FEN1201A_ABC001_", "Fichiers", "SHA-256",
    ):  # fmt: skip
        assert part in words, part
    for what, part in (
        ("F-6", "commande de op-dupont"), ("F-3", "Rejet traité"), ("AV-3", "Avoir de"), ("F-3B", "Remplace"),
        ("F-4", "pièce ajoutée : bon.pdf"), ("F-5", "20 (libellé non publié), statut brut"), ("F-1", "mandat M-2026-1"),
    ):  # fmt: skip
        assert part in " ".join(said(f"{homes.SUPPLIER}/{what}").split()), (what, part)
    assert "Recycled" not in words
    english = " ".join(said(f"{homes.SUPPLIER}/F-2", "--lang", "en").split())
    assert "told to the issuer by" in english
    table = said(STATUSES)
    assert "7 lues, 5 appliquées, 1 gardée, 1 refusée" in " ".join(table.split())
    assert "LFC-008" in table
    told = json.loads(said(f"{homes.SUPPLIER}/F-2", "--format", "json"))
    assert [step["status"] for step in told["history"]][-3:] == ["01", "02", "03"]
    assert told["reroutings"][0]["receiver"] == stories.SECOND
    assert {"place", "name", "kind", "state", "sha256", "size_bytes"} == set(told["files"][0])
    width = max(map(len, said(f"{homes.SUPPLIER}/F-1").splitlines()))
    assert width <= 110  # a name and its folder are never torn apart


# --- the objects ------------------------------------------------------------------------------------------------------


def test_what_is_stored_is_named_by_every_query_that_lists_it(home: Home) -> None:
    added = story(home, "F-4").added_files[0].sha256
    returns = {step.told_in for number in ("F-1", "F-6") for step in story(home, number).history}
    with home.ledger.reading() as db:
        assert (homes.PARTNER, added) in set(invariants.objects(db))
        assert (homes.PARTNER, added) in set(copies.objects(db))
        named = {code: set(day_rows.named(db, code)) for code in (homes.PARTNER, homes.RECEIVER, stories.SECOND)}
    assert added in named[homes.PARTNER]
    for number in ("F-1", "F-2", "F-4", "F-6"):
        for file in story(home, number).files:
            owner = file.place.partition("/")[2]
            assert file.sha256 in named[owner]
    assert len(returns) >= 3
    for code, kept in named.items():
        assert set(home.store.list(code)) == kept  # nothing without a row


def test_a_backup_holds_it_all(home: Home, tmp_path: Path) -> None:
    done = backup(home.path, tmp_path / "copies", settings=home.settings, clock=home.clock)
    assert done.is_whole
    kept = (done.folder / "objects.txt").read_text()
    assert story(home, "F-4").added_files[0].sha256 in kept
    assert done.ledger.rows["changes"] == 12


def test_everything_has_its_years_and_then_goes(home: Home) -> None:
    """Last: it removes the bytes."""
    day = home.clock.now().date()
    before = home.clock
    try:
        home.clock = FixedClock(home.clock.now().replace(year=day.year + 10))
        assert plan(home).objects == 0
        home.clock = FixedClock(home.clock.now() + timedelta(days=1))
        found = plan(home)
        codes = (homes.PARTNER, homes.RECEIVER, stories.SECOND)
        stored = sum(len(list(home.store.list(code))) for code in codes)
        assert found.objects == stored
        assert purge(home, found.digest).objects == stored
        assert reds(home) == {}
        assert isinstance(home.ledger, Ledger)
    finally:
        home.clock = before
