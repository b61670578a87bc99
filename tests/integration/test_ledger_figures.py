"""`chorus-edi metrics` against ledgers that have seen something, printed and by HTTP; how much it reads."""

import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest
from change_files import Entry, status_file, status_flow
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.exposition import Server
from pipeline.adapters.ledger import claims, now_ms
from pipeline.cli.boundary import run as cli
from pipeline.ports import Said
from pipeline.running.alert import alert
from pipeline.running.home import Home
from pipeline.running.metrics import metrics
from pipeline.settings import load

ORDERED = "1234567890"
REPO = Path(__file__).parents[2]
Samples = dict[tuple[str, str], float]


def samples(exposition: str) -> Samples:
    """(name without its prefix, the values of its labels) -> value."""
    return {
        (sample.name.removeprefix("chorus_edi_"), " ".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(exposition)
        for sample in family.samples
    }


def of(home: Home) -> Samples:
    return samples(metrics(home).decode())


def lived_in(home: Home, tmp_path: Path) -> None:
    """Integrated, refused, pending, repeated, set apart, waiting for us; a lot in other hands, an alert, an old file;
    statuses that applied, that were kept and that were refused."""
    runner.add_partner(home, homes.partner())
    runner.add_partner(home, homes.partner(homes.OTHER))
    runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
    runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 15))
    runner.import_commitments(home, homes.orders(tmp_path / "orders.csv", ORDERED), date(2026, 11, 19))
    runner.commitments_unavailable(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("M-1"))
    homes.drop(home, homes.flow_name(2), homes.ubl("M-2", recipient=homes.NEEDS_BOTH))
    homes.drop(home, homes.flow_name(3), homes.ubl("M-3", recipient=homes.STATE, service="SFACETAT", order=ORDERED))
    runner.run(home)
    when = home.clock.now()
    entries = [Entry.sound("M-1", 7, when), Entry("M-1", 30, when), Entry("M-1", 31, when), Entry("NONE", 7, when)]
    homes.drop(home, status_flow(1), status_file(entries), homes.RECEIVER)
    runner.run(home)
    homes.drop(home, homes.flow_name(1), homes.ubl("M-1"))
    (home.path / "drop" / homes.PARTNER / "in" / "link").symlink_to("/etc/hostname")
    runner.run(home)
    with home.ledger.writing() as db:
        db.execute(text("UPDATE snapshots SET day = '2027-01-01' WHERE kind = 'directory'"))
    homes.drop(home, homes.flow_name(1, partner=homes.OTHER), homes.ubl("M-4"), homes.OTHER)
    assert runner.run(home).faults
    with home.ledger.writing() as db:
        db.execute(text("UPDATE snapshots SET day = '2026-11-15' WHERE kind = 'directory'"))
        db.execute(text("UPDATE outbox SET state = 'ready' WHERE kind = 'CSO' AND deposit_id = 2"))
        limits = home.settings.work
        claims.claim_alone(db, claims.DAILY, "alive", now_ms(db), limits)
        claims.claim_alone(db, claims.RECEIVE, "gone", now_ms(db) - 3_600_000, limits)
    alert(home, "quarantine", homes.PARTNER, Said("phrase", "sentence"), "2026-11-20T11/")
    home.clock = FixedClock(homes.NOON + timedelta(hours=2))


def check_what_is_exposed(home: Home) -> None:
    seen = of(home)
    expected = {
        ("deposits", "IN_INTEGRE"): 1, ("deposits", "IN_REJETE"): 1, ("deposits", "IN_EN_ATTENTE_TRAITEMENT_CPP"): 1,
        ("deposits", "repeated"): 1, ("deposits", "quarantined"): 1, ("deposits", "received"): 1,
        ("deposits", "IN_INTEGRE_PARTIEL"): 1,
        ("change_rows", "statuses applied"): 1, ("change_rows", "statuses kept"): 2,
        ("change_rows", "statuses refused"): 1, ("change_rows", "statuses repeated"): 0,
        ("change_rows", "actions applied"): 0, ("change_rows", "control refused"): 0,
        ("invoices", "integrated"): 1, ("invoices", "refused"): 1, ("invoices", "pending"): 1,
        ("due_deposits", homes.OTHER): 1, ("faulted_deposits", homes.OTHER): 1,
        ("oldest_due_seconds", homes.OTHER): 7200,
        ("unsent_files", "CSO"): 1, ("unsent_files", "FEN0036A"): 0, ("oldest_unsent_report_seconds", ""): 7200,
        ("oldest_quarantined_seconds", ""): 7200, ("oldest_pending_seconds", ""): 7200,
        ("leases", "open"): 1, ("leases", "expired"): 1,
        ("rejects_24h", "RTG-023"): 1,
        ("last_deposit_timestamp_seconds", ""): homes.NOON.timestamp(),
        ("reference_age_days", "directory"): 5, ("reference_age_days", "commitments"): 1,
        ("age_days_left", "directory directory"): 3, ("age_days_left", "password pes"): 60,
        ("ages_unread", ""): 1,
        ("open_alerts", "quarantine"): 1, ("open_alerts", "directory-old"): 0,
        ("alert_told_timestamp_seconds", "quarantine"): homes.NOON.timestamp(),
        ("alert_told_timestamp_seconds", "deadline-missed"): 0,
    }  # fmt: skip
    assert {key: seen.get(key) for key in expected} == expected
    assert ("due_deposits", homes.PARTNER) not in seen  # what is held came long ago and has its report
    assert 0 < seen["collect_seconds", ""] < 30
    home.clock = FixedClock(homes.NOON + timedelta(hours=24, seconds=1))
    later = of(home)
    assert [name for name, _ in later if name == "rejects_24h"] == []  # over a day ago
    assert later["invoices", "refused"] == 1


GIVEN = {"ours": "CPP001", "readers": 1, "ages": {"passwords": {"pes": "2025-11-21"}, "certificates": ("gone.pem",)}}


def test_the_figures_are_those_of_the_ledger(tmp_path: Path, reader: tuple[str, ...]) -> None:
    with homes.open_home(tmp_path / "h", settings=load(tmp_path / "h", **GIVEN), reader=reader) as home:
        lived_in(home, tmp_path)
        check_what_is_exposed(home)


def test_they_are_the_same_on_postgresql(tmp_path: Path, database: Any, reader: tuple[str, ...]) -> None:
    given = GIVEN | {"ledger": {"url": database.url}}
    with homes.open_home(tmp_path / "h", settings=load(tmp_path / "h", **given), reader=reader) as home:
        lived_in(home, tmp_path)
        check_what_is_exposed(home)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("quiet") / "home"
    homes.open_home(path).close()
    return path


def test_nothing_is_read_row_by_row_but_through_an_index(quiet: Path) -> None:
    """Cost grows with what waits and with one day, not with the years: only counts by state read a whole index."""
    asked: list[tuple[str, Any]] = []
    with homes.open_home(quiet) as home:
        event.listen(
            home.ledger.engine, "before_cursor_execute", lambda _c, _cur, sql, given, *_: asked.append((sql, given))
        )
        metrics(home)
        queries = [(sql, given) for sql, given in asked if sql.startswith("SELECT")]
        assert sum(sql.startswith("BEGIN") for sql, _ in asked) == 1  # one view
        with home.ledger.reading() as db:
            plans = [
                (row[3], sql)
                for sql, given in queries
                for row in db.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", given)
            ]
    assert len(queries) >= 10
    whole = [plan for plan, sql in plans if plan.startswith("SCAN") and "LIMIT" not in sql]
    assert sorted(whole) == [
        "SCAN changes USING INDEX ix_changes_untold",  # which holds what waits, and nothing else
        "SCAN deposits USING COVERING INDEX ix_deposits_state",
        "SCAN intakes",  # five numbers for each file of changes, however many rows it had
        "SCAN invoices USING COVERING INDEX ix_invoices_outcome",
    ]
    assert [plan for plan, sql in plans if "findings" in plan and "deposit_id=?" not in plan] == []


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_prints_them(quiet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["metrics", "--home", str(quiet)]) == 0
    assert samples(capsys.readouterr().out)["deposits", "received"] == 0


def test_a_home_that_is_not_there_is_not_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["metrics", "--home", str(tmp_path / "slip")]) == 3
    assert "pas de dossier de travail ici" in capsys.readouterr().err
    assert not (tmp_path / "slip").exists()


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none_is_a_slip(quiet: Path, port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["metrics", "--home", str(quiet), f"--serve={port}"]) == 2
    assert "de 0 à 65535" in capsys.readouterr().err


def test_a_port_that_is_taken_is_said(quiet: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        assert cli(["metrics", "--home", str(quiet), "--serve", str(port)]) == 2
    assert f"--serve {port} : " in capsys.readouterr().err


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, int]]:
    """`chorus-edi metrics --serve 0` in a process of its own: (url, pid)."""
    command = [sys.executable, "-c", "from pipeline.cli import main; main()", "metrics", "--home", str(home)]
    server = subprocess.Popen([*command, "--serve", "0"], cwd=REPO, stdout=subprocess.PIPE, text=True, bufsize=1)
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split()[2], server.pid
    finally:
        server.kill()
        server.communicate()


def listeners(pid: int) -> set[str]:
    """The addresses on which a process listens, as the kernel has them."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        target = descriptor.readlink() if descriptor.is_symlink() else Path()
        sockets.add(str(target).removeprefix("socket:[").removesuffix("]"))
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and columns[9] in sockets:
                found.add(columns[1].partition(":")[0])
    return found


def test_a_server_answers_anew_at_each_scrape_on_this_machine_only(quiet: Path, reader: tuple[str, ...]) -> None:
    with serving(quiet) as (url, pid):
        assert url.startswith("http://127.0.0.1:")
        assert listeners(pid) == {"0100007F"}
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            assert samples(answer.read().decode())["deposits", "quarantined"] == 0
        with homes.open_home(quiet, reader=reader) as home:
            assert not home.presence.others_at_work()  # it is no worker: `verify` does not wait for it
            runner.add_partner(home, homes.partner())
            (home.path / "drop" / homes.PARTNER / "in" / "link").symlink_to("/etc/hostname")
            runner.run(home)
        with urllib.request.urlopen(url, timeout=30) as answer:
            assert samples(answer.read().decode())["deposits", "quarantined"] == 1
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url.replace("/metrics", "/../settings.toml"), timeout=30)
        assert refused.value.code == 404


def test_a_ledger_that_cannot_be_read_is_a_503_and_the_next_scrape_may_be_fine() -> None:
    import threading

    answers = iter([OSError("gone"), b"chorus_edi_up 1\n"])
    heard: list[Exception] = []

    def read() -> bytes:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with Server(0, read, heard.append) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            with pytest.raises(urllib.error.HTTPError) as failed:
                urllib.request.urlopen(server.url, timeout=10)
            assert (failed.value.code, [str(error) for error in heard]) == (503, ["gone"])
            with urllib.request.urlopen(server.url, timeout=10) as answer:
                assert answer.read() == b"chorus_edi_up 1\n"
        finally:
            server.shutdown()
            thread.join()
