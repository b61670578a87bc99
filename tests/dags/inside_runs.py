"""`dag.test()` of what runs day and night, in embedded homes: what was dropped is answered once, whatever is run again."""

import json
import shutil
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from integration import homes
from integration.ledger_dump import canonical

from pipeline import runner
from pipeline.running.home import Home

Run = Callable[..., Any]
States = Callable[[Any], dict[str, str]]
XCOM_MAX = 1024


def results(dag_run: Any) -> dict[str, Any]:
    """Task -> what it handed over, all of it (a mapped one by its index)."""
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as db:
        rows = db.scalars(
            select(XComModel).where(XComModel.dag_id == dag_run.dag_id, XComModel.run_id == dag_run.run_id)
        )
        found = {}
        for row in rows:
            told = row.value if isinstance(row.value, str) else json.dumps(row.value)
            assert len(told) < XCOM_MAX
            found[row.task_id if row.map_index < 0 else f"{row.task_id}[{row.map_index}]"] = json.loads(told)
        return found


def events(asset: str) -> int:
    """How often an asset was told."""
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import func, select

    with create_session() as db:
        ids = select(AssetModel.id).where(AssetModel.name == asset)
        return int(db.scalar(select(func.count()).where(AssetEvent.asset_id.in_(ids))) or 0)


def last_event(asset: str) -> dict[str, int]:
    from airflow.models.asset import AssetEvent, AssetModel
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as db:
        ids = select(AssetModel.id).where(AssetModel.name == asset)
        found = db.scalars(
            select(AssetEvent).where(AssetEvent.asset_id.in_(ids)).order_by(AssetEvent.id.desc())
        ).first()
        assert found is not None
        return dict(found.extra)


def drop_some(home: Home) -> None:
    homes.drop(
        home, homes.flow_name(1), homes.archive([("a.xml", homes.ubl("F-1")), ("b.xml", homes.ubl("F-2", net="9.99"))])
    )
    homes.drop(home, homes.flow_name(2), homes.archive([("c.xml", homes.ubl("F-1"))]))  # its number is taken: refused
    homes.drop(home, homes.flow_name(3, partner=homes.OTHER), homes.archive([("d.xml", homes.ubl("F-9"))]), homes.OTHER)


def files(home: Home) -> dict[str, dict[str, bytes]]:
    return {code: homes.out(home, code) for code in (homes.PARTNER, homes.OTHER)} | {
        "recipients": homes.out(home, "PORTAL", "recipients")
    }


def test_intake_process_returns_answer_each_flow_once_and_again_change_nothing(
    tmp_path: Path, run: Run, states: States
) -> None:
    with homes.ready_home(tmp_path) as home:
        drop_some(home)
    lots, statuses = events("edi_lots"), events("edi_statuses")

    received = run("intake", tmp_path)
    assert states(received) == {"receive": "success", "again": "skipped"}
    assert results(received)["receive"] == []
    assert events("edi_lots") == lots + 1
    assert last_event("edi_lots")["received"] == 3

    judged = run("process", tmp_path)
    assert states(judged) == {"plan": "success", "judge[0]": "success", "judge[1]": "success", "count": "success"}
    told = results(judged)
    assert told["plan"] == [0, 1]
    assert (told["count"]["flows"], told["count"]["invoices"], told["count"]["faults"]) == (3, 4, 0)
    assert {t.rendered_map_index for t in judged.get_task_instances() if t.task_id == "judge"} == {
        "worker 1",
        "worker 2",
    }
    assert events("edi_statuses") == statuses + 1
    assert last_event("edi_statuses") == told["count"]

    assert states(run("returns", tmp_path)) == {"send": "success"}
    with homes.open_home(tmp_path) as home:
        first_files, first = files(home), canonical(home.ledger)
        assert {code: sorted(name.partition("_")[0] for name in found) for code, found in first_files.items()} == {
            homes.PARTNER: ["CSO1100A", "CSO1100A", "FEN1201A"], homes.OTHER: ["CSO1100A", "FEN1201A"],
            "recipients": ["FEN0036A", "FEN0036A"],
        }  # fmt: skip
        assert all(line.ok for line in runner.verify(home))

    lots, statuses = events("edi_lots"), events("edi_statuses")
    assert states(run("intake", tmp_path)) == {"receive": "skipped", "again": "skipped"}
    assert states(run("process", tmp_path)) == {"plan": "success", "judge": "skipped", "count": "skipped"}
    assert states(run("returns", tmp_path)) == {"send": "success"}
    assert (events("edi_lots"), events("edi_statuses")) == (lots, statuses)
    with homes.open_home(tmp_path) as home:
        assert files(home) == first_files
        assert canonical(home.ledger) == first


def test_a_folder_that_fails_is_red_and_everybody_else_is_received(tmp_path: Path, run: Run, states: States) -> None:
    with homes.ready_home(tmp_path) as home:
        drop_some(home)
        inbox = home.folder(homes.OTHER).inbox
    kept = inbox.rename(inbox.with_name("elsewhere"))
    inbox.write_text("in the way")
    lots = events("edi_lots")
    red = run("intake", tmp_path)
    assert (red.state, states(red)) == ("failed", {"receive": "success", "again[0]": "failed"})
    assert results(red)["receive"] == [1]
    assert events("edi_lots") == lots + 1  # the two are judged now
    assert (last_event("edi_lots")["received"], last_event("edi_lots")["faults"]) == (2, 1)

    inbox.unlink()
    kept.rename(inbox)
    green = run("intake", tmp_path)
    assert (green.state, last_event("edi_lots")["received"]) == ("success", 1)


def test_what_mends_itself_meanwhile_ends_green(tmp_path: Path, run: Run, states: States) -> None:
    with homes.ready_home(tmp_path) as home:
        drop_some(home)
        runner.intake(home)
        runner.process(home, turn="t", seconds=60)
        out = home.folder(homes.PARTNER).out
        waits = {path.name for path in out.iterdir()}
        shutil.rmtree(out)
        _put_back(home)
    out.write_text("in the way")

    def mend() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until and "up_for_retry" not in _tries("edi_returns"):
            time.sleep(0.05)
        out.unlink()

    mending = threading.Thread(target=mend)
    mending.start()
    done = run("returns", tmp_path, retries=20)
    mending.join()
    (send,) = done.get_task_instances()
    assert (done.state, states(done)) == ("success", {"send": "success"})
    assert send.try_number > 1
    assert waits and waits <= {path.name for path in out.iterdir()}


def _put_back(home: Home) -> None:
    """As if the answers had been committed and not sent."""
    from sqlalchemy import update

    from pipeline.adapters.ledger.tables import outbox

    home.ledger.write(lambda db: db.execute(update(outbox).values(state="ready")))


def _tries(dag_id: str) -> set[str]:
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from sqlalchemy import select

    with create_session() as db:
        return {str(state) for state in db.scalars(select(TaskInstance.state).where(TaskInstance.dag_id == dag_id))}


def test_a_wrong_setting_is_red_at_the_first_try(tmp_path: Path, run: Run) -> None:
    homes.ready_home(tmp_path).close()
    (tmp_path / "settings.toml").write_text("lot_s = 0\n")
    done = run("returns", tmp_path, retries=3)
    (send,) = done.get_task_instances()
    assert (done.state, send.try_number) == ("failed", 1)


def test_a_fault_of_ours_is_red_answers_nobody_and_is_judged_once_it_is_mended(
    tmp_path: Path, run: Run, states: States
) -> None:
    with homes.open_home(tmp_path) as home:  # no directory
        runner.add_partner(home, homes.partner())
        homes.drop(home, homes.flow_name(1), homes.archive([("a.xml", homes.ubl("F-1"))]))
    run("intake", tmp_path)
    red = run("process", tmp_path, retries=1)
    assert red.state == "failed"
    (judge,) = (task for task in red.get_task_instances() if task.task_id == "judge")
    assert (judge.state, judge.try_number) == ("failed", 2)  # a second try is a new turn: it met the fault again
    with homes.open_home(tmp_path) as home:
        assert homes.out(home) == {}
        runner.import_directory(home, homes.directory(tmp_path / "annuaire"), homes.NOON.date().replace(day=1))
    assert run("process", tmp_path).state == "success"
    with homes.open_home(tmp_path) as home:
        assert [name.partition("_")[0] for name in homes.out(home)] == ["CSO1100A", "FEN1201A"]


def test_airflow_keeps_nothing_of_an_invoice_nor_a_character_of_a_hostile_name(
    tmp_path: Path, run: Run, metadata: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Logs, events, XCom, configurations of runs: all that Airflow has of them, searched byte by byte. No secret either:
    those of a server and of a notifier that do not answer, and of a ledger in the environment.
    """
    from pipeline import judge

    name, amount = "Jeanne-Plantee Quelconque", "98765.43"
    secrets = {
        "sftp": "planted-sftp-passw0rd",
        "webhook": "http://127.0.0.1:1/?token=planted-token",
        "ledger": "planted-l3dger",
    }
    planted = (
        name, amount, "118518", "FR7630006000011234567890189", "PLANTED-1", "\x1b[2J", "\u202e", "\x9b31m", "planted-token",
        secrets["sftp"], secrets["ledger"],
    )  # fmt: skip
    for file in ("sftp", "webhook"):
        (tmp_path / file).write_text(secrets[file])
    monkeypatch.setenv("CHORUS_EDI_LEDGER__PASSWORD", secrets["ledger"])
    (tmp_path / "settings.toml").write_text(
        f'[alerts]\nwebhook_file = "webhook"\n[remotes.{homes.OTHER}]\nhost = "127.0.0.1"\nport = 1\nuser = "edi"\n'
        'password_file = "sftp"\nhost_keys = ["ssh-ed25519 AAAA"]\n'
    )
    document = homes.ubl("PLANTED-1", net=amount).replace(b"<cbc:Name>Fournisseur", f"<cbc:Name>{name}".encode())
    with homes.ready_home(tmp_path) as home:
        homes.drop(home, homes.flow_name(1), document)
        homes.drop(home, "odd\n\x1b[2J\u202e\x9b31mname", document)
        (home.path / "drop" / homes.PARTNER / "in" / "link\n\x1b[2J\u202e").symlink_to("/etc/passwd")

    def wrong(read: Any, *_: object) -> object:
        raise KeyError(f"{read.invoices[0].supplier.name} {read.invoices[0].total}")

    caplog.set_level("INFO")
    assert run("intake", tmp_path).state == "failed"  # of the server
    with monkeypatch.context() as broken:
        broken.setattr(judge, "decide", wrong)
        assert run("process", tmp_path).state == "failed"
    assert run("process", tmp_path).state == "success"
    run("returns", tmp_path)
    with homes.open_home(tmp_path) as home:
        assert len(homes.out(home)) == 3
    kept = {str(p): p.read_bytes() for p in metadata.parent.rglob("*") if p.is_file()}
    assert str(metadata) in kept
    told = [caplog.text.encode(), *(text.encode() for text in capfd.readouterr()), *kept.values()]
    said = told[0] + told[1] + told[2]
    assert b"KeyError (inside_runs.py:" in said
    assert f"drop/{homes.OTHER} : sftp://edi@127.0.0.1:1 ".encode() in said
    for secret in planted:
        assert [secret for text in told if secret.encode() in text] == []


# --- reconcile --------------------------------------------------------------------------------------------------------


@pytest.fixture
def answered(tmp_path: Path) -> Path:
    """A home whose alerts go to a file, with flows that were received and answered at noon."""
    home = tmp_path / "home"
    told = json.dumps(
        [sys.executable, "-c", f"import sys; open({str(tmp_path / 'told')!r}, 'a').write(sys.stdin.read() + chr(10))"]
    )
    home.mkdir()
    (home / "settings.toml").write_text(f"[alerts]\ncommand = {told}\n")
    with homes.ready_home(home) as place:
        drop_some(place)
        runner.run(place)
    return home


def test_reconcile_is_green_for_the_day_given_and_for_the_day_before_it_was_due(answered: Path, run: Run) -> None:
    by_hand = run("reconcile", answered, logical_date=None, day="2026-11-20")
    assert (by_hand.state, results(by_hand)["reconcile"]["deposits"]) == ("success", 3)
    due = run("reconcile", answered, logical_date=datetime(2026, 11, 21, 1, 0, tzinfo=UTC))  # 02:00 in Paris
    assert (due.state, results(due)["reconcile"]["deposits"]) == ("success", 3)
    left = sorted(path.name for path in (answered / "reconcile").iterdir())
    assert left == [f"rapprochement-2026-11-20{end}" for end in ("-ecarts.csv", ".html", ".xlsx")]
    late_in_the_day = run("reconcile", answered, logical_date=datetime(2026, 11, 20, 22, 59, tzinfo=UTC))
    assert results(late_in_the_day)["reconcile"]["deposits"] == 0  # the 19th


def test_a_run_by_hand_without_a_day_is_red_at_once(answered: Path, run: Run) -> None:
    done = run("reconcile", answered, retries=3, logical_date=None)
    assert (done.state, done.get_task_instances()[0].try_number) == ("failed", 1)


def test_reconcile_is_red_at_once_where_something_is_lost_and_people_are_told(answered: Path, run: Run) -> None:
    lost = next(path for path in (answered / "store" / homes.PARTNER).rglob("*") if path.is_file())
    lost.unlink()
    done = run("reconcile", answered, retries=3, day="2026-11-20")
    assert (done.state, done.get_task_instances()[0].try_number) == ("failed", 1)
    told = [json.loads(line) for line in (answered.parent / "told").read_text().splitlines()]
    (red,) = (message for message in told if message["alert"] == "reconcile-broken")
    assert red["subject"] == "2026-11-20"
    assert "archive" in red["fr"]
