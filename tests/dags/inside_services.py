"""`dag.test()` of intake, process, returns on the real parts: OpenSSH, PostgreSQL, S3. And what the policy makes of their
troubles."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from integration import homes
from integration.ledger_dump import canonical
from services.postgres import Database, PostgresServer
from services.s3 import S3Server
from services.sshd import SshServer
from slow.machines import settings_toml

from pipeline import runner

Run = Callable[..., Any]
States = Callable[[Any], dict[str, str]]


@pytest.fixture
def settings(database: Database, s3_server: S3Server, sshd: SshServer) -> dict[str, Any]:
    """One partner on a server, the ledger in PostgreSQL, the objects in a bucket."""
    sshd.add_user(homes.PARTNER)
    bucket = s3_server.make_bucket(f"dags-{database.name.replace('_', '-')}")
    return {
        "readers": 1,
        "ledger": {"url": database.tcp_url},
        "s3": {
            "bucket": bucket, "endpoint": s3_server.endpoint, "access_key": s3_server.access_key,
            "secret_key": s3_server.secret_key,
        },
        "remotes": {homes.PARTNER: sshd.remote(homes.PARTNER)},
    }  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, settings: dict[str, Any]) -> Path:
    path = tmp_path / "home"
    path.mkdir()
    (path / "settings.toml").write_text(settings_toml(**settings))
    with runner.open_home(path) as place:
        runner.add_partner(place, homes.partner())
        runner.add_partner(place, homes.partner(homes.OTHER))
        runner.import_directory(place, homes.directory(path / "annuaire"), homes.NOON.date().replace(day=1))
    return path


def dropped(sshd: SshServer, home: Path, rank: int, content: bytes) -> None:
    """By SFTP, under a temporary name first."""
    flow, name = home / "flow", homes.flow_name(rank)
    flow.write_bytes(content)
    flow.chmod(0o644)
    sshd.sftp(homes.PARTNER, f"put {flow} in/{name}.part", f"rename in/{name}.part in/{name}")


def fetched(sshd: SshServer, folder: Path) -> dict[str, bytes]:
    """What the partner finds in its `out/`."""
    folder.mkdir()
    sshd.sftp(homes.PARTNER, f"lcd {folder}", "get out/*")
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def look(home: Path) -> tuple[dict[str, list[tuple[object, ...]]], dict[str, bytes], list[str]]:
    with runner.open_home(home) as place:
        red = [line.name for line in runner.verify(place) if not line.ok]
        return canonical(place.ledger), homes.out(place, homes.OTHER), red


def test_intake_process_returns_over_sftp_with_postgresql_and_s3_and_again_change_nothing(
    tmp_path: Path, home: Path, sshd: SshServer, run: Run, states: States
) -> None:
    dropped(sshd, home, 1, homes.archive([("a.xml", homes.ubl("F-1")), ("b.xml", homes.ubl("F-2", net="9.99"))]))
    dropped(sshd, home, 2, homes.archive([("c.xml", homes.ubl("F-1"))]))  # its number is taken: refused
    other = home / "drop" / homes.OTHER / "in"
    other.mkdir(parents=True, exist_ok=True)
    (other / homes.flow_name(3, partner=homes.OTHER)).write_bytes(homes.archive([("d.xml", homes.ubl("F-9"))]))

    assert states(run("intake", home)) == {"receive": "success", "again": "skipped"}
    judged = run("process", home)
    assert judged.state == "success"
    assert states(judged)["count"] == "success"
    assert states(run("returns", home)) == {"send": "success"}
    first, first_other, red = look(home)
    answers = fetched(sshd, tmp_path / "first")
    assert red == []
    assert sorted(name.partition("_")[0] for name in answers) == ["CSO1100A", "CSO1100A", "FEN1201A"]
    assert [name.partition("_")[0] for name in first_other] == ["CSO1100A", "FEN1201A"]
    assert not any(path.is_file() for path in (home / "store").rglob("*"))
    assert not (home / "ledger.sqlite").exists()

    assert states(run("intake", home)) == {"receive": "skipped", "again": "skipped"}
    assert states(run("process", home)) == {"plan": "success", "judge": "skipped", "count": "skipped"}
    assert states(run("returns", home)) == {"send": "success"}
    assert look(home) == (first, first_other, [])
    assert fetched(sshd, tmp_path / "again") == answers
    assert states(run("reconcile", home, day=homes.NOON.date().isoformat())) == {"reconcile": "success"}


def test_a_server_of_a_partner_that_is_away_keeps_nobody_else_waiting(
    home: Path, sshd: SshServer, run: Run, states: States
) -> None:
    other = home / "drop" / homes.OTHER / "in"
    other.mkdir(parents=True, exist_ok=True)
    (other / homes.flow_name(1, partner=homes.OTHER)).write_bytes(homes.archive([("d.xml", homes.ubl("F-9"))]))
    dropped(sshd, home, 2, homes.archive([("a.xml", homes.ubl("F-1"))]))
    sshd.stop()
    try:
        red = run("intake", home)
        assert (red.state, states(red)) == ("failed", {"receive": "success", "again[0]": "failed"})
        assert run("process", home).state == "success"
        assert len(look(home)[1]) == 2  # answered
    finally:
        sshd.start()
    assert states(run("intake", home)) == {"receive": "success", "again": "skipped"}


def test_the_database_away_is_tried_again_and_a_wrong_one_is_not(
    home: Path, stoppable: PostgresServer, settings: dict[str, Any], run: Run
) -> None:
    stoppable.stop()
    try:
        away = run("returns", home, retries=1)
    finally:
        stoppable.start()
    (send,) = away.get_task_instances()
    assert (away.state, send.try_number) == ("failed", 2)
    assert run("returns", home).state == "success"

    wrong = settings | {"ledger": {"url": stoppable.tcp_url("no_such_database")}}
    (home / "settings.toml").write_text(settings_toml(**wrong))
    refused = run("returns", home, retries=3)
    (send,) = refused.get_task_instances()
    assert (refused.state, send.try_number) == ("failed", 1)


def test_a_wrong_bucket_is_red_at_once(home: Path, settings: dict[str, Any], run: Run) -> None:
    wrong = settings | {"s3": settings["s3"] | {"bucket": "no-such-bucket"}}
    (home / "settings.toml").write_text(settings_toml(**wrong))
    refused = run("process", home, retries=3)
    assert refused.state == "failed"
    assert {task.try_number for task in refused.get_task_instances() if task.task_id == "plan"} == {1}
