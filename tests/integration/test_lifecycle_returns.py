"""What issuers hear of their invoices after integration: once, whole, in order, whoever is killed when."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import both_ledgers
import homes
import pytest
from contract.changes_planted import Step, write
from ledger_dump import canonical
from lxml import etree
from sqlalchemy import text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import promises, telling
from pipeline.adapters.local_store import LocalStore
from pipeline.running import deliver, lifecycle_returns
from pipeline.running.answer import LIFECYCLE, Writer
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.metrics import metrics
from pipeline.running.summary import RunSummary
from pipeline.running.verify import around, lines
from pipeline.settings import load

DAY = homes.NOON + timedelta(days=1)
INVOICES = 4


@dataclass(frozen=True)
class Prepared:
    """A home with a flow of some invoices of each of two issuers, to be copied."""

    path: Path
    server: Any = None
    database: str = ""


@pytest.fixture(scope="module", params=both_ledgers.LEDGERS)
def prepared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]
) -> Iterator[Prepared]:
    path = tmp_path_factory.mktemp("told") / "home"
    server = request.getfixturevalue("postgres") if request.param == "postgres" else None
    made = Prepared(path, server, server.database().name if server is not None else "")
    with opened(path, made, made.database, reader) as home:
        for code in (homes.PARTNER, homes.OTHER):
            runner.add_partner(home, homes.partner(code))
        runner.import_directory(home, homes.directory(path / "annuaire"), homes.NOON.date())
        for code in (homes.PARTNER, homes.OTHER):
            homes.drop(home, homes.flow_name(1, partner=code), flow(code), code)
        assert runner.run(home).faults == []
    yield made
    if server is not None:
        server.drop(made.database)


def opened(path: Path, made: Prepared, database: str, reader: tuple[str, ...]) -> Home:
    path.mkdir(parents=True, exist_ok=True)
    ledger = {"url": made.server.url(database)} if made.server is not None else {}
    return homes.open_home(path, settings=load(path, ours="CPP001", readers=1, ledger=ledger), reader=reader)


@cache
def flow(code: str) -> bytes:
    """The same bytes for every home: an archive holds the moment at which it was made."""
    return homes.archive([(f"{n}.xml", homes.ubl(f"{code}-{n}")) for n in range(1, INVOICES + 1)])


@pytest.fixture
def home(prepared: Prepared, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    shutil.copytree(prepared.path, tmp_path / "home")
    server = prepared.server
    copy = server.database(like=prepared.database).name if server is not None else ""
    with opened(tmp_path / "home", prepared, copy, reader) as made:
        yield made
    if server is not None:
        server.drop(copy)


def apply(home: Home, code: str, *steps: Step, at: datetime = DAY, **more: Any) -> None:
    """Changes as if a file had asked for them, applied at a moment."""
    with home.ledger.writing() as db:
        flow = {"name": homes.flow_name(1, partner=code)}
        deposit = db.execute(text("SELECT id FROM deposits WHERE name = :name"), flow).scalar_one()
        write(db, deposit, steps, at, **more)


def clock(home: Home, at: datetime) -> None:
    home.clock = FixedClock(at)


def told(home: Home, code: str = homes.PARTNER) -> list[list[tuple[str, str]]]:
    """(number, status) of every entry, return by return, of those that tell changes after integration."""
    first = {name for name in _returns(home, code) if _entries(home, code, name)[:1] == [(f"{code}-1", "01")]}
    return sorted(_entries(home, code, name) for name in _returns(home, code) if name not in first)


def _returns(home: Home, code: str) -> list[str]:
    return [name for name in homes.out(home, code) if name.startswith(LIFECYCLE)]


def _entries(home: Home, code: str, name: str) -> list[tuple[str, str]]:
    tree = etree.fromstring(homes.out(home, code)[name])
    units = tree.iter("CPPFactureStatutUnitaire")
    return [(unit.findtext(".//IdFacture") or "", unit.findtext(".//IdStatut") or "") for unit in units]


def reds(home: Home) -> dict[str, str]:
    return {line.name: line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"}


def test_a_run_tells_each_issuer_its_own_and_nobody_twice(home: Home) -> None:
    apply(home, homes.PARTNER, (2, "04", DAY), reason="SE_ERR", comment="mauvais service")
    apply(home, homes.PARTNER, (1, "08", DAY - timedelta(minutes=1)), mandate="M-1")
    apply(home, homes.OTHER, (3, "05", DAY), reason="MONTANT_ERR")
    clock(home, DAY)
    done = runner.run(home)
    assert (done.faults, done.told, done.sent[LIFECYCLE]) == ([], 3, 2)
    assert told(home) == [[("ABC001-1", "08"), ("ABC001-2", "04")]]
    assert told(home, homes.OTHER) == [[("DEF002-3", "05")]]
    assert reds(home) == {}
    again = runner.run(home)
    assert again.is_idle
    assert not again.faults


def test_a_sweep_waits_for_the_window_and_then_tells_all(home: Home) -> None:
    apply(home, homes.PARTNER, (1, "07", DAY), at=DAY)
    apply(home, homes.PARTNER, (2, "07", DAY), at=DAY + timedelta(seconds=59))
    clock(home, DAY + timedelta(seconds=59))
    assert runner.send_returns(home).told == 0
    assert told(home) == []
    clock(home, DAY + timedelta(seconds=60))
    assert runner.send_returns(home).told == 2
    assert told(home) == [[("ABC001-1", "07"), ("ABC001-2", "07")]]
    apply(home, homes.PARTNER, (1, "08", DAY), at=DAY + timedelta(seconds=61))
    assert runner.send_returns(home).told == 0  # a window of its own
    clock(home, DAY + timedelta(seconds=121))
    assert runner.send_returns(home).told == 1
    assert len(told(home)) == 2
    assert reds(home) == {}


def test_a_return_is_no_longer_than_its_most_and_says_the_times_of_its_rows_alone(home: Home) -> None:
    home.settings = load(home.path, ours="CPP001", readers=1, returns={"entries_max": 2}).model_copy(
        update={"ledger": home.settings.ledger}
    )
    apply(home, homes.PARTNER, *((rank, "08", DAY + timedelta(minutes=rank)) for rank in range(1, INVOICES + 1)))
    clock(home, DAY + timedelta(days=9))
    assert runner.run(home).sent[LIFECYCLE] == 2
    assert told(home) == [[("ABC001-1", "08"), ("ABC001-2", "08")], [("ABC001-3", "08"), ("ABC001-4", "08")]]
    for content in (homes.out(home)[name] for name in _returns(home, homes.PARTNER)):
        tree = etree.fromstring(content)
        assert tree.xpath("string(//ParametreIndiv[Code='DtPrd']/Valeurparametre)") in {"2026-11-20", "2026-11-21"}
    assert reds(home) == {}


def test_our_application_code_may_change_between_the_name_and_the_bytes(home: Home) -> None:
    apply(home, homes.PARTNER, (1, "08", DAY))
    home.ledger.write(lambda db: telling.fix(db, homes.PARTNER, "OLD001", 500))
    runner.run(home)
    (content,) = [body for name, body in homes.out(home).items() if "_OLD0011201" in name]
    assert etree.fromstring(content).findtext(".//Emetteur/Id") == "OLD001"


def test_a_store_that_takes_nothing_keeps_the_changes_untold_and_says_so(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(home, homes.PARTNER, (1, "08", DAY))

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(LocalStore, "keep", full)
    done = runner.run(home)
    assert any("changes of status are not told" in fault.en for fault in done.faults)
    assert done.told == 0
    monkeypatch.undo()
    assert runner.run(home).told == 1
    assert told(home) == [[("ABC001-1", "08")]]
    assert reds(home) == {}


# --- killed between each step -----------------------------------------------------------------------------------------


def _kill(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _before(owner: Any, name: str) -> Callable[[pytest.MonkeyPatch], None]:
    """Dies as this begins."""
    return lambda patch: patch.setattr(owner, name, _kill)


def _after(owner: Any, name: str, times: int = 1) -> Callable[[pytest.MonkeyPatch], None]:
    """Dies as soon as this is done, for so many times."""
    called, left = getattr(owner, name), [times]

    def then_die(*given: Any, **more: Any) -> Any:
        done = called(*given, **more)
        left[0] -= 1
        if not left[0]:
            _kill()
        return done

    return lambda patch: patch.setattr(owner, name, then_die)


STEPS = {
    "before the names are fixed": _before(lifecycle_returns, "_fix"),
    "in the transaction that fixes them": _after(telling, "fix"),
    "the names fixed": _after(lifecycle_returns, "_fix"),
    "one return rendered": _after(lifecycle_returns, "written"),
    "bytes on their way into the store": _before(Writer, "keep"),
    "bytes stored": _after(Writer, "keep"),
    "in the transaction that puts them in line": _after(telling, "record"),
    "the files in line": _after(lifecycle_returns, "_put_in_line"),
    "before they are sent": _before(deliver, "send"),
    "written under a temporary name": _after(deliver, "_upload"),
    "renamed, and not said so": _after(deliver, "_appear"),
    "sent, the lot still open": _before(Lease, "__exit__"),
}


def run_and_die(home: Home, die: Callable[[pytest.MonkeyPatch], None]) -> None:
    """A sweep in a process of its own, killed where it is told to."""
    settings, path = home.settings, home.path
    pid = os.fork()
    if pid == 0:
        try:
            with pytest.MonkeyPatch.context() as patch, homes.open_home(path, DAY, settings=settings) as mine:
                die(patch)
                lifecycle_returns.tell(mine, RunSummary(), is_last=True)
        finally:
            os._exit(1)  # it was to be killed
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL


def disturb(home: Home) -> None:
    for code in (homes.PARTNER, homes.OTHER):
        apply(home, code, (1, "08", DAY), (2, "04", DAY), (3, "05", DAY + timedelta(seconds=1)))
    clock(home, DAY)


@pytest.fixture(scope="module")
def calm(
    prepared: Prepared, tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]
) -> tuple[Any, dict[str, dict[str, bytes]]]:
    """What nobody disturbed comes to: the rows, and what stands in each `out/`."""
    path = tmp_path_factory.mktemp("calm") / "home"
    shutil.copytree(prepared.path, path)
    server = prepared.server
    copy = server.database(like=prepared.database).name if server is not None else ""
    with opened(path, prepared, copy, reader) as home:
        disturb(home)
        assert runner.run(home).told == 6
        found = canonical(home.ledger), {code: homes.out(home, code) for code in (homes.PARTNER, homes.OTHER)}
    if server is not None:
        server.drop(copy)
    return found


ON_A_SERVER = ("the names fixed", "bytes stored", "in the transaction that puts them in line")


@pytest.mark.parametrize("prepared", ["sqlite"], indirect=True)
@pytest.mark.parametrize("step", STEPS)
def test_killed_between_two_steps_the_next_run_ends_as_if_nobody_had_been(
    home: Home, calm: tuple[Any, dict[str, dict[str, bytes]]], step: str
) -> None:
    die_and_go_on(home, calm, step)


@pytest.mark.parametrize("prepared", [pytest.param("postgres", marks=pytest.mark.services)], indirect=True)
@pytest.mark.parametrize("step", ON_A_SERVER)
def test_killed_between_two_steps_on_a_server_as_well(
    home: Home, calm: tuple[Any, dict[str, dict[str, bytes]]], step: str
) -> None:
    die_and_go_on(home, calm, step)


def die_and_go_on(home: Home, calm: tuple[Any, dict[str, dict[str, bytes]]], step: str) -> None:
    rows, files = calm
    disturb(home)
    run_and_die(home, STEPS[step])
    done = runner.run(home)
    assert done.faults == []
    assert {code: homes.out(home, code) for code in files} == files
    assert canonical(home.ledger) == rows
    assert reds(home) == {}
    assert not list((home.path / "store").rglob(".new-*"))
    assert runner.run(home).is_idle


# --- what operations see of it ----------------------------------------------------------------------------------------


def test_what_is_untold_is_a_metric_and_after_an_hour_a_red_line(home: Home) -> None:
    apply(home, homes.PARTNER, (1, "08", DAY), (2, "08", DAY))
    clock(home, DAY + timedelta(minutes=59))
    exposed = metrics(home).decode()
    assert 'chorus_edi_untold_changes{partner="ABC001"} 2.0' in exposed
    assert 'chorus_edi_oldest_untold_change_seconds{partner="ABC001"} 3540.0' in exposed
    assert reds(home) == {}
    clock(home, DAY + timedelta(minutes=61))
    said = reds(home)
    assert said.keys() == {"told"}
    assert said["told"].count("has a change of status that its issuer was not told") == 2
    runner.run(home)
    assert "untold_changes{" not in metrics(home).decode()
    assert reds(home) == {}


# how a telling is broken, what the line says, and which lines say so as well
BROKEN = (
    ("UPDATE changes SET told = 0, batch = ''", "its issuer was not told", ("audit",)),
    ("UPDATE changes SET batch = 'FEN1201A_ABC001_CPP0011201AAAAAAAAAAAAAAA' WHERE rank = 1 AND issuer = 'ABC001'",
     "no lifecycle return tells it", ("audit",)),
    ("DELETE FROM outbox WHERE deposit_id IS NULL", "no lifecycle return tells it", ("audit",)),
    ("UPDATE outbox SET place = 'drop/DEF002', owner = 'DEF002' WHERE deposit_id IS NULL AND owner = 'ABC001'",
     "tells no change", ("archive", "audit", "outbox")),
    ("UPDATE changes SET issuer = 'DEF002' WHERE rank = 1 AND issuer = 'ABC001'",
     "told to somebody else than its issuer", ("audit",)),
    ("DELETE FROM changes WHERE issuer = 'ABC001'", "tells no change", ("audit", "standings")),
    ("DELETE FROM changes WHERE rank = 1 AND issuer = 'ABC001'", "does not follow from the changes", ("audit", "standings")),
    ("UPDATE transitions SET at = '2026-11-25T00:00:00.000000+00:00' WHERE sequence = 4 AND rank = 1",
     "does not follow from the changes", ("audit", "standings")),
)  # fmt: skip


def test_each_way_to_break_a_telling_turns_its_line_red(home: Home) -> None:
    for code in (homes.PARTNER, homes.OTHER):
        apply(home, code, (1, "08", DAY), (2, "08", DAY + timedelta(seconds=1)))
    clock(home, DAY + timedelta(days=1))
    assert runner.run(home).told == 4
    seen = around(home)
    silent = {name for name in vars(promises) if "told" in name or "tellings" in name} - {"count_told"}
    for statement, said, also in BROKEN:
        with home.ledger.engine.connect() as db, db.execution_options(writes=True).begin() as transaction:
            assert db.execute(text(statement)).rowcount, statement
            found = {one.name: one for one in lines(home, db, seen)}
            told_line = found["told"]
            assert not told_line.ok, statement
            assert said in told_line.detail.en, statement
            assert told_line.detail.fr not in {"", told_line.detail.en}
            red = {name for name, one in found.items() if not one.ok and name != "ages"}
            assert red == {"told", *also}, statement
            for name in sorted(silent):
                more = (home.clock.now(),) if name == "untold_since" else ()
                if next(iter(getattr(promises, name)(db, *more)), None) is not None:
                    silent.remove(name)
            transaction.rollback()
    assert silent == set()
    assert reds(home) == {}
