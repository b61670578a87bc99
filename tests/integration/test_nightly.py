"""The nightly reconciliation: the figures of a business day, and a difference that is named."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from sqlalchemy import event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.cli.boundary import run as command
from pipeline.ports import Said
from pipeline.reconcile import NIGHTLY, Line
from pipeline.reconcile.night import Kind
from pipeline.running.home import Home
from pipeline.running.night_store import NIGHTS
from pipeline.running.nightly import Reconciliation, business_day, reconcile
from pipeline.running.receive import receive
from pipeline.running.summary import RunSummary
from pipeline.running.verify import verify

ROOT = Path(__file__).parents[2]
TODAY = homes.NOON.date()


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def sql(home: Home, *statements: str) -> None:
    with home.ledger.writing() as db:
        for statement in statements:
            db.execute(text(statement))


def red(found: Reconciliation) -> dict[str, str]:
    return {line.name: line.detail.en for line in found.lines if not line.ok}


def line(found: Reconciliation, name: str) -> Line:
    (one,) = (line for line in found.lines if line.name == name)
    return one


def a_day(home: Home) -> None:
    """Two integrated (one a credit note), one in part, one refused, one pending, one repeated, one left to judge."""
    runner.commitments_unavailable(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("N-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("N-2", type_code="381", net="10.00"))
    mixed = [("a.xml", homes.ubl("N-3")), ("b.xml", homes.ubl("N-4", recipient=homes.NEEDS_BOTH))]
    homes.drop(home, homes.flow_name(3), homes.archive(mixed))
    homes.drop(home, homes.flow_name(4), homes.ubl("N-5", recipient=homes.NEEDS_BOTH))
    homes.drop(
        home, homes.flow_name(5), homes.ubl("N-6", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    )
    assert runner.run(home).faults == []
    homes.drop(home, homes.flow_name(1), homes.ubl("N-1"))
    homes.drop(home, homes.flow_name(6), homes.ubl("N-7"))
    receive(home, home.partners(), RunSummary())


def test_a_day_is_counted_in_files_invoices_and_money(home: Home) -> None:
    a_day(home)
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    homes.drop(home, homes.flow_name(7), homes.ubl("N-8"))
    runner.run(home)
    sql(home, "UPDATE outbox SET state = 'ready' WHERE deposit_id = 4")
    found = reconcile(home, TODAY)
    assert red(found) == {}
    assert (found.is_sound, found.by_kind) == (False, {Kind.REPORT_UNSENT: 1})  # it has waited for a day
    assert dict(found.figures) == {
        "deposits_received": 7, "deposits_integrated": 3, "deposits_partial": 1, "deposits_refused": 1,
        "deposits_pending": 1, "deposits_repeated": 1, "deposits_quarantined": 0, "deposits_unjudged": 0,
        "invoices_read": 7, "invoices_integrated": 4, "invoices_refused": 2, "invoices_pending": 1,
        "money_EUR_read": "708.00", "money_EUR_integrated": "348.00", "money_EUR_refused": "240.00",
        "money_EUR_pending": "120.00", "money_EUR_unsummed": 0, "invoices_other_currency": 0,
        "reports_written": 6, "reports_sent": 5, "reports_unsent": 1, "lifecycle_returns_written": 4,
        "lifecycle_returns_sent": 4, "lifecycle_returns_unsent": 0, "pivots_written": 4, "pivots_sent": 4,
        "pivots_unsent": 0, "waiting": 2, "waiting_since": "2026-11-20T12:00:00+01:00", "lots_at_work": 0, "orphans": 0,
        "differences": 1,
    }  # fmt: skip
    assert sum(len(f"{k}{v}") + 6 for k, v in found.figures.items()) < 1024
    tomorrow = reconcile(home, TODAY + timedelta(days=1))
    assert (tomorrow.figures["deposits_received"], tomorrow.figures["money_EUR_read"]) == (1, "120.00")
    assert reconcile(home, TODAY - timedelta(days=1)).figures["deposits_received"] == 0


def test_what_is_not_judged_yet_is_counted_and_named_as_the_oldest(home: Home) -> None:
    a_day(home)
    found = reconcile(home, TODAY)
    assert found.is_sound
    assert (found.figures["deposits_unjudged"], found.figures["waiting"]) == (1, 2)
    assert found.oldest is not None
    assert (found.oldest.partner, found.oldest.flow, found.oldest.reason) == (
        homes.PARTNER, homes.flow_name(5), "commitments",
    )  # fmt: skip
    told = line(found, "waiting").detail
    assert told.fr == "2, le plus ancien depuis le 2026-11-20 12:00 (ABC001, en attente des engagements de l'État)"
    assert homes.flow_name(5) not in str(found.lines)  # lines and figures may go into a log


def test_a_day_begins_and_ends_at_midnight_in_paris(home: Home) -> None:
    home.clock = FixedClock(datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    homes.drop(home, homes.flow_name(1), homes.ubl("P-1"))
    runner.run(home)
    assert business_day(home) == date(2026, 11, 20)
    assert reconcile(home, date(2026, 11, 20)).figures["deposits_received"] == 0
    assert reconcile(home, date(2026, 11, 21)).figures["deposits_received"] == 1


@pytest.mark.parametrize(
    ("name", "statement", "expected"),
    [
        ("day deposits", "UPDATE deposits SET state = 'received' WHERE id = 4", "has a verdict and is not answered"),
        ("day invoices", "DELETE FROM invoices WHERE deposit_id = 4", "1 read, 0 decided"),
        ("day money EUR", "UPDATE invoices SET total_millionths = 1 WHERE deposit_id = 4", "decided 0.000001"),
        ("day reports", "DELETE FROM outbox WHERE kind = 'CSO' AND deposit_id = 4", "has 0 reports"),
        ("day pivots", "DELETE FROM outbox WHERE kind = 'FEN0036A' AND deposit_id = 1", "is integrated and in no pivot"),
    ],
)  # fmt: skip
def test_a_difference_of_the_day_is_red_and_names_its_flow(
    home: Home, name: str, statement: str, expected: str
) -> None:
    a_day(home)
    sql(home, statement)
    found = reconcile(home, TODAY)
    assert not found.is_sound
    assert expected in red(found)[name]
    assert homes.flow_name(1 if name == "day pivots" else 4) in red(found)[name]
    other = reconcile(home, TODAY - timedelta(days=1))
    assert [one for one in red(other) if one.startswith("day ")] == []


def test_an_object_without_a_row_is_counted_and_a_row_without_its_object_is_red(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("O-1"))
    runner.run(home)
    new = home.store.begin(homes.PARTNER)
    new.write(b"stored, and then the process died")
    home.store.keep([(homes.PARTNER, new)])
    found = reconcile(home, TODAY)
    assert found.is_sound
    assert found.figures["orphans"] == 1
    assert f"{homes.PARTNER}/{new.sha256}" in line(found, "orphans").detail.fr
    with home.ledger.reading() as db:
        sha256 = db.execute(text("SELECT sha256 FROM deposits WHERE id = 1")).scalar_one()
    home.store.remove(homes.PARTNER, sha256)
    assert "is missing" in red(reconcile(home, TODAY))["archive"]


def test_an_altered_object_is_seen_in_one_of_seven_nights_whichever_is_the_first(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        homes.drop(home, homes.flow_name(1), homes.ubl("O-3"))
        runner.run(home)
        with home.ledger.reading() as db:
            sha256 = db.execute(text("SELECT sha256 FROM deposits WHERE id = 1")).scalar_one()
        kept = home.path / "store" / homes.PARTNER / sha256
        kept.write_bytes(bytes(kept.stat().st_size))  # another size would be seen at once
        seen = []
        for night in range(NIGHTS):
            home.clock = FixedClock(homes.NOON + timedelta(days=night))
            found = reconcile(home, TODAY)
            seen += [night] * ("not what its SHA-256 says" in red(found).get("archive", ""))
        assert len(seen) == 1
        assert "archive" in {one.name for one in verify(home) if not one.ok}  # which reads all of them
        kept.unlink()
        assert "is missing" in red(reconcile(home, TODAY))["archive"]


def test_what_gets_its_row_while_we_look_is_no_orphan(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("O-1"))
    runner.run(home)
    homes.drop(home, homes.flow_name(2), homes.ubl("O-2"))
    right = type(home.store).sized
    asked: list[str] = []

    def list_then_run(store: object, partner: str) -> Iterator[tuple[str, int]]:
        found = list(right(store, partner))  # type: ignore[arg-type]
        asked.append(partner)
        if asked.count(homes.PARTNER) == 1 and partner == homes.PARTNER:
            assert runner.run(home).received == 1
        return iter(found)

    monkeypatch.setattr(type(home.store), "sized", list_then_run)
    assert reconcile(home, TODAY).figures["orphans"] == 0
    assert {homes.PARTNER, "PORTAL"} <= set(asked)


def test_a_lot_in_the_hands_of_a_worker_is_told(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("L-1"))
    seen: list[Reconciliation] = []

    def look(stage: str) -> None:
        if stage == "commit" and not seen:
            seen.append(reconcile(home, TODAY))

    home.stage = look
    runner.run(home)
    (found,) = seen
    assert found.is_sound
    assert (found.figures["lots_at_work"], found.figures["deposits_unjudged"]) == (1, 1)
    assert line(found, "at work").detail.fr == "1 : 1 (jugement ABC001)"


def test_a_currency_that_is_no_code_makes_no_name_of_a_figure(home: Home) -> None:
    homes.drop(home, homes.flow_name(1), homes.ubl("C-1"))
    runner.run(home)
    sql(
        home,
        """UPDATE verdicts SET declared = '{"EUR\\nx":[1,0,120000000]}'""",
        "UPDATE invoices SET currency = 'EUR\nx'",
    )
    figures = reconcile(home, TODAY).figures
    assert figures["invoices_other_currency"] == 1
    assert [name for name in figures if name.startswith("money")] == []


def test_verify_asks_no_more_of_the_ledger_when_the_journal_grows(home: Home) -> None:
    asked: list[str] = []
    counts = []
    event.listen(home.ledger.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    for number in (1, 2, 3):
        homes.drop(home, homes.flow_name(number), homes.ubl(f"J-{number}"))
        runner.run(home)
        asked.clear()
        assert [line.name for line in verify(home) if not line.ok] == []
        counts.append(len(asked))
    assert counts[0] == counts[2]


# --- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*typed: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command([str(word) for word in typed])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_command_prints_the_day_and_exits_1_on_a_difference(
    tmp_path: Path, reader: tuple[str, ...], cli: Callable[..., tuple[int, str, str]]
) -> None:
    with homes.ready_home(tmp_path / "home", reader=reader) as home:
        a_day(home)
        runner.run(home)
    code, out, err = cli("reconcile", "--home", tmp_path / "home", "--day", TODAY)
    assert (code, err) == (0, "")
    assert out.startswith("Journée du 2026-11-20\n\n")
    assert "reçus, lues                   7         7  708,00\n" in out
    assert "✔ pivots du jour       chaque facture intégrée a son pivot" in out
    assert f"{homes.PARTNER}/{homes.flow_name(5)}" in out
    code, out, _ = cli("reconcile", "--home", tmp_path / "home", "--day", TODAY, "--format", "json", "--lang", "en")
    head, *lines = [json.loads(row) for row in out.splitlines()]
    assert (head["day"], head["is_sound"], head["figures"]["deposits_received"]) == ("2026-11-20", True, 7)
    assert {one["name"] for one in lines} >= set(NIGHTLY) - {"day money"} | {"archive", "day money EUR"}
    with homes.open_home(tmp_path / "home") as home:
        sql(home, "DELETE FROM outbox WHERE kind = 'CSO' AND deposit_id = 1")
    code, out, _ = cli("reconcile", "--home", tmp_path / "home", "--day", TODAY)
    assert code == 1
    assert "✘ réponses du jour" in out


def test_the_command_looks_at_yesterday_and_refuses_what_is_no_day(
    tmp_path: Path, cli: Callable[..., tuple[int, str, str]]
) -> None:
    homes.ready_home(tmp_path / "home").close()
    _, out, _ = cli("reconcile", "--home", tmp_path / "home")
    assert out.startswith(f"Journée du {datetime.now(UTC).date() - timedelta(days=1)}"[:16])
    assert cli("reconcile", "--home", tmp_path / "home", "--day", "20/11/2026")[0] == 2


@pytest.mark.parametrize("name", NIGHTLY)
def test_every_line_of_the_night_stands_on_its_page(name: str) -> None:
    page = (ROOT / "docs/ops/nightly.md").read_text(encoding="utf-8")
    shown = f"{name} EUR" if name == "day money" else name
    assert f"| `{shown}` | `{Line(shown, True, Said('', '')).label.fr}` |" in page
