"""What a process of the campaign does in a home: one run, or all that follows a run that died."""

import hashlib
import importlib
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests"))  # the homes and the servers are those of the tests

from integration import homes  # noqa: E402
from integration.ledger_dump import canonical  # noqa: E402

from pipeline import runner  # noqa: E402
from pipeline.ports import Fault  # noqa: E402
from pipeline.running.home import Home  # noqa: E402
from pipeline.running.summary import RunSummary  # noqa: E402
from pipeline.settings import load  # noqa: E402

OURS = "CPP001"
RUNS_MAX = 4  # after a run that died, until nothing is due
TEMPORARY = (".new-", ".part")  # what is not whole yet
Told = dict[str, Any]


def open_home(home: str, settings: Mapping[str, Any], reader: Sequence[str]) -> Home:
    """The home with the clock of the tests: it stands still, so that two runs of the same drops end equal."""
    path = Path(home)
    given = load(path, **{"ours": OURS, "readers": 1, **settings})
    return homes.open_home(path, settings=given, reader=tuple(reader))


def run(
    home: str, settings: Mapping[str, Any], reader: Sequence[str], constants: Mapping[str, Any] | None = None
) -> Told:
    """One run from the opening of the home to its end. What the command line turns into one sentence is a fault here
    too; whatever else comes out is a `bug`."""
    patch(constants or {})
    began = time.monotonic()
    told: Told = {"faults": [], "bug": "", "flows": 0, "is_idle": False}
    try:
        with open_home(home, settings, reader) as opened:
            summary = runner.run(opened)
            told |= _told(summary)
    except (Fault, OSError) as error:
        told["faults"] = [error.in_words("en") if isinstance(error, Fault) else f"{type(error).__name__}: {error}"]
    except Exception as error:
        told["bug"] = f"{type(error).__name__}: {error}"
    told["seconds"] = time.monotonic() - began
    return told


def recover(
    home: str, settings: Mapping[str, Any], reader: Sequence[str], constants: Mapping[str, Any] | None = None,
    roots: Mapping[str, str] | None = None, stores: Sequence[str] = (),
) -> Told:  # fmt: skip
    """Runs as they follow, each of its own, until nothing is due; then how the home stands.

    One that finds nothing to do is not the first: where a dead worker was receiving from a server, the next run only
    takes its lot over, and the one after that receives.

    `roots`: folders that partners see, by the name under which their files are told; those of the home without it.
    """
    began = time.monotonic()
    told: Told = {"faults": [], "bug": "", "flows": 0, "recovered_s": 0.0, "runs": 0}
    while told["runs"] < RUNS_MAX:
        one = run(home, settings, reader, constants)
        told["runs"] += 1
        told["bug"] = told["bug"] or one["bug"]
        told["flows"] += one["flows"]
        told["faults"] += one["faults"]
        if not one["is_idle"]:
            told["recovered_s"] = time.monotonic() - began
        elif told["runs"] > 1:
            break
    with open_home(home, settings, reader) as opened:
        told["is_idle"] = one["is_idle"] and not one["faults"]
        told["red"] = [f"{line.name}: {line.detail.en}" for line in runner.verify(opened) if not line.ok]
        told |= standing(opened, roots or {}, stores)
    return told


def standing(home: Home, roots: Mapping[str, str], stores: Sequence[str] = ()) -> Told:
    """How a home stands: what partners see and what is stored, by digest, and each table of the ledger."""
    places = {name: Path(path) for name, path in roots.items()} or {
        name: home.path / name for name in ("drop", "recipients")
    }
    files = {
        f"{name}/{path.relative_to(root)}": _digest(path)
        for name, root in places.items()
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
    rows = {name: hashlib.sha256(repr(found).encode()).hexdigest() for name, found in canonical(home.ledger).items()}
    codes = stores or (homes.PARTNER, homes.OTHER, homes.RECEIVER, "PORTAL", "platform")
    return {
        "files": files,
        "rows": rows,
        "objects": sorted(f"{code}/{sha256}" for code in codes for sha256 in home.store.list(code)),
        "left": sorted(remains(home, places.values())),
    }


def remains(home: Home, places: Iterable[Path]) -> list[str]:
    """What is not whole and what nobody needs any more, after a run that found nothing to do."""
    found = [
        str(path) for root in (home.path / "store", *places) for path in root.rglob("*")
        if (path.is_dir() and path.parent.name == "work")
        or (path.is_file() and any(mark in path.name for mark in TEMPORARY))
    ]  # fmt: skip
    mine = {home.presence.token, f"{home.presence.token}.lock", "standby"}
    return found + [f"workers/{path.name}" for path in (home.path / "workers").iterdir() if path.name not in mine]


def patch(constants: Mapping[str, Any]) -> None:
    """Set module constants, `package.module:NAME` -> value: patience that a campaign has not."""
    for place, value in constants.items():
        module, _, name = place.partition(":")
        setattr(importlib.import_module(module), name, value)


def _told(summary: RunSummary) -> Told:
    return {
        "faults": [said.en for said in summary.faults],
        "flows": summary.flows.total(),
        "is_idle": summary.is_idle,
    }


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


JOBS: Mapping[str, Callable[..., Told]] = {"run": run, "recover": recover}
