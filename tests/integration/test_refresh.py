"""The nightly refresh: what a file would change, what a person must agree to, what is taken over and by what date."""

import os
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import both_ledgers
import homes
import pytest
from sqlalchemy import select

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import tables as t
from pipeline.cli.boundary import run as command
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.running.refresh import (
    TableChange,
    commitments_change,
    directory_change,
    refresh_commitments,
    refresh_directory,
)
from pipeline.settings import load

TODAY = homes.NOON.date()


@pytest.fixture(params=both_ledgers.LEDGERS)
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        yield opened


def source(path: Path, *, structures: int = 30, active: int = 30, services: int = 20, on: date = TODAY) -> Path:
    """A directory of that many rows, last written at noon of a day."""
    path.mkdir(exist_ok=True)
    rows = [
        f"1;{100000000 + n:09d}00011;S{n};false;false;true;false;false;false;false;false;{str(n < active).lower()};1 rue;;;75001;Paris;;;FR;France"
        for n in range(structures)
    ]
    (path / "structures.csv").write_text("\n".join([homes.STRUCTURES, *rows, ""]), encoding="utf-8")
    told = [f"10000000000011;SERV{n};Service {n};true;;;false" for n in range(services)]
    (path / "services.csv").write_text("\n".join([homes.SERVICES, *told, ""]), encoding="utf-8")
    written(path, on)
    return path


def written(path: Path, on: date) -> None:
    at = datetime(on.year, on.month, on.day, 12, tzinfo=UTC).timestamp()
    for file in path.iterdir() if path.is_dir() else [path]:
        os.utime(file, (at, at))


def snapshots(home: Home) -> list[str]:
    with home.ledger.reading() as db:
        return list(db.execute(select(t.snapshots.c.name).order_by(t.snapshots.c.id)).scalars())


def test_a_larger_directory_is_compared_and_nothing_is_written(home: Home, tmp_path: Path) -> None:
    before = snapshots(home)
    change = directory_change(home, source(tmp_path / "new"))
    assert (change.before, change.after, change.share_lost, change.asks_approval) == (5, 50, 0, False)
    assert change.name.startswith(f"annuaire-{TODAY}-")
    assert TableChange("active services", 2, 20) in change.tables
    assert snapshots(home) == before


@pytest.mark.parametrize(
    ("given", "lost", "asks"),
    [
        ({"structures": 27}, "0.1", False),  # the share that is set, and not more
        ({"structures": 26}, "0.1333", True),
        ({"active": 20}, "0.3333", True),  # every row is there, and a third is no longer in force
        ({"services": 17}, "0.15", True),
        ({"structures": 40, "active": 40, "services": 30}, "0", False),
    ],
)
def test_more_than_the_share_lost_of_any_table_asks_a_person(
    home: Home, tmp_path: Path, given: dict[str, int], lost: str, asks: bool
) -> None:
    refresh_directory(home, source(tmp_path / "old", on=TODAY - timedelta(days=1)))
    change = directory_change(home, source(tmp_path / "new", **given))
    assert (change.share_lost, change.asks_approval) == (Decimal(lost), asks)


def test_a_supplier_table_that_is_no_longer_there_is_a_loss(home: Home, tmp_path: Path) -> None:
    path = source(tmp_path / "old")
    (path / "suppliers.csv").write_text(
        "TypeIdentifiant;Identifiant;RaisonSociale;StructureActive\n1;12345678900015;Fournisseur;true\n",
        encoding="utf-8",
    )
    refresh_directory(home, path)
    (path / "suppliers.csv").unlink()
    change = directory_change(home, path)
    assert (change.share_lost, change.asks_approval) == (1, True)


def test_the_first_directory_asks_nobody(tmp_path: Path) -> None:
    with homes.open_home(tmp_path / "home") as home:
        change = directory_change(home, source(tmp_path / "first"))
        assert (change.before, change.asks_approval) == (0, False)
        assert refresh_directory(home, tmp_path / "first").newest == change.name


def test_a_file_is_dated_by_the_day_it_was_written_and_taken_once(home: Home, tmp_path: Path) -> None:
    path = source(tmp_path / "new", on=TODAY - timedelta(days=3))
    first = refresh_directory(home, path)
    assert (first.is_new, first.rows["structures"]) == (True, 30)
    assert first.name.startswith("annuaire-2026-11-17-")
    home.clock = FixedClock(homes.NOON + timedelta(days=1))
    before = snapshots(home)
    again = refresh_directory(home, path)
    assert (again.is_new, again.name, again.rows["structures"]) == (False, first.name, 30)
    assert directory_change(home, path).is_known
    assert snapshots(home) == before  # night after night one directory, which grows old
    written(path, TODAY + timedelta(days=1))  # delivered anew, unchanged: as young as that
    assert refresh_directory(home, path).name.startswith("annuaire-2026-11-21-")
    written(path, TODAY + timedelta(days=9))  # a clock that is wrong makes nothing younger than today
    assert directory_change(home, path).name.startswith("annuaire-2026-11-21-")


def test_an_older_file_does_not_replace_a_newer_directory(home: Home, tmp_path: Path) -> None:
    newer = refresh_directory(home, source(tmp_path / "newer"))
    older = refresh_directory(home, source(tmp_path / "older", services=19, on=TODAY - timedelta(days=5)))
    assert (older.is_new, older.newest) == (True, newer.name)
    snapshot, _ = runner.show_directory(home)
    assert snapshot is not None
    assert snapshot.name == newer.name


def test_a_file_that_changed_after_it_was_agreed_to_is_not_taken(home: Home, tmp_path: Path) -> None:
    path = source(tmp_path / "new")
    agreed = directory_change(home, path)
    source(path, structures=29)
    before = snapshots(home)
    with pytest.raises(Fault, match="has changed since it was compared"):
        refresh_directory(home, path, agreed=agreed.name)
    assert snapshots(home) == before
    source(path)
    day = TODAY - timedelta(days=2)
    assert refresh_directory(home, path, day, agreed=agreed.name).name.startswith("annuaire-2026-11-18-")


@pytest.mark.parametrize("broken", ["missing", "no directory"])
def test_a_file_that_cannot_be_taken_is_a_fault_that_names_it(home: Home, tmp_path: Path, broken: str) -> None:
    path = tmp_path / "annuaire.xlsx"
    if broken == "no directory":
        path.write_bytes(b"not a workbook")
    for wanted in (directory_change, refresh_directory):
        with pytest.raises(Fault, match=r"annuaire\.xlsx"):
            wanted(home, path)


def test_new_commitments_make_what_waits_due_and_known_ones_do_not(home: Home, tmp_path: Path) -> None:
    runner.commitments_unavailable(home)
    homes.drop(
        home, homes.flow_name(1), homes.ubl("H-1", recipient=homes.STATE, service="SFACETAT", order="1512345678")
    )
    runner.run(home)
    path = homes.orders(tmp_path / "orders.csv", "1512345678", "1512345679")
    written(path, TODAY)
    change = commitments_change(home, path)
    assert (change.before, change.after, change.asks_approval) == (0, 2, False)
    runner.commitments_available(home)
    assert refresh_commitments(home, path, agreed=change.name).is_new
    assert runner.run(home).decided_later == 1
    assert not refresh_commitments(home, path).is_new
    assert runner.run(home).is_idle
    homes.orders(path, "1512345678")
    written(path, TODAY)
    assert commitments_change(home, path).asks_approval
    with pytest.raises(Fault, match=r"nothing\.csv"):
        commitments_change(home, tmp_path / "nothing.csv")


def test_the_settings_shown_on_the_page_load(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/ops/nightly.md").read_text(encoding="utf-8")
    examples = re.findall(r"```toml\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    (tmp_path / "settings.toml").write_text("\n".join(examples), encoding="utf-8")
    assert load(tmp_path).directory.drop_share == Decimal("0.10")


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_takes_over_what_the_settings_name_and_asks_before_a_loss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    homes.ready_home(home).close()

    def cli(*typed: str) -> tuple[int, str, str]:
        capsys.readouterr()
        code = command(["directory", "refresh", *typed, "--home", str(home)])
        return code, *capsys.readouterr()

    code, _, err = cli()
    assert (code, "[directory] source" in err) == (2, True)
    (home / "settings.toml").write_text('[directory]\nsource = "source"\ncommitments = "orders.csv"\n')
    source(home / "source", services=1)
    homes.orders(home / "orders.csv", "1512345678")
    code, out, err = cli()
    assert (code, err) == (1, "")
    assert "services 2 1 50,0 %" in " ".join(out.split())
    assert (
        "non chargé, il perd plus de 10 % des lignes d'une table ; si c'est voulu : chorus-edi directory refresh --yes"
        in out
    )
    assert "engagements-" in out  # one that needs no agreement does not wait for the other
    code, out, _ = cli("--yes")
    assert (code, out.count(": chargé"), out.count(": déjà chargé")) == (0, 1, 1)
    code, out, _ = cli()
    assert (code, out.count(": déjà chargé")) == (0, 2)
    (home / "orders.csv").unlink()
    code, _, err = cli()
    assert (code, "orders.csv" in err) == (3, True)
