"""Search and export over one million invoices, on SQLite and PostgreSQL: `make bench-search`.

    python -m bench.search [--engine sqlite|postgres|both] [--invoices N] [--questions N] [--keep]
                           [--no-export] [--no-inserts]

A synthetic ledger is made (bench.search.ledger), then two hundred different questions are asked twice: the second time
is measured, the whole of it: the choice of the plan, the page, and what is shown of each invoice. Then everything is
exported, each format in a process of its own. Then commit units of a thousand invoices are written with the indexes of
the search and without them. The last line is JSON; exit 1 where a target is missed.
"""

import argparse
import json
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
from sqlalchemy import event, make_url, select

from bench import machine
from bench.figures import Figure, print_figures
from bench.machine import pinned
from bench.reference import VAR
from bench.search import inserts
from bench.search.ledger import INVOICES, SEED, Plan, fill
from bench.search.queries import Question, questions
from bench.search.world import World
from pipeline.adapters import found_files
from pipeline.adapters.ledger import Ledger, search
from pipeline.adapters.ledger import tables as t
from pipeline.search import BadCriterion, Query

QUESTIONS, UNITS = 200, 60
P95_S = 0.3
EXPORT_MB = 250.0
SLOWEST = 5
LINE_MAX = 160  # characters of a plan: lists of identifiers are long
CORES = 2


@dataclass(frozen=True)
class Asked:
    """One question, measured."""

    question: Question
    seconds: float
    own_s: float  # processor time of this process: on SQLite all that it takes, whatever else the machine does
    found: int
    plan: str


@contextmanager
def opened(engine: str, folder: Path, invoices: int, *, keep: bool) -> Iterator[tuple[Ledger, str]]:
    """An empty ledger, or with `keep` the one of the run before; and how another process opens it."""
    if engine == "sqlite":
        path = folder / f"search-{invoices}.sqlite"
        if not keep:
            for one in folder.glob(f"{path.name}*"):
                one.unlink()
        ledger = Ledger.at(path)
        try:
            yield ledger, str(path)
        finally:
            ledger.close()
            if not keep:
                for one in folder.glob(f"{path.name}*"):
                    one.unlink()
        return
    from services.postgres import PostgresServer  # tests/services: PYTHONPATH=tests

    with PostgresServer.started(durable=True) as server:
        url = server.database("search").url
        ledger = Ledger.on_server(url)
        try:
            yield ledger, url
        finally:
            ledger.close()


@contextmanager
def copied(where: str) -> Iterator[Ledger]:
    """A copy of a ledger that nobody has open."""
    if "://" not in where:
        copy = Path(f"{where}.copy")
        shutil.copyfile(where, copy)
        ledger = Ledger.at(copy)
    else:
        url = make_url(where)
        with psycopg.connect(url.set(database="postgres").render_as_string(hide_password=False), autocommit=True) as db:
            db.execute(f'CREATE DATABASE bare TEMPLATE "{url.database}"')
        ledger = Ledger.on_server(url.set(database="bare").render_as_string(hide_password=False))
    try:
        yield ledger
    finally:
        ledger.close()
        for one in Path(where).parent.glob(f"{Path(where).name}.copy*"):
            one.unlink()


def run(engine: str, folder: Path, chosen: argparse.Namespace) -> dict[str, object]:
    """One engine; prints its tables and gives its figures."""
    plan = Plan(chosen.invoices, SEED)
    with opened(engine, folder, plan.invoices, keep=chosen.keep) as (ledger, where):
        ledger.migrate()
        began = time.monotonic()
        if _is_empty(ledger):
            fill(ledger, plan, progress=True)
        filled_s = time.monotonic() - began
        with ledger.reading() as db:
            asked = questions(db, plan, chosen.questions)
        for one in asked:
            _ask(ledger, one)
        answers = [_ask(ledger, one) for one in asked]
        told = _questions(engine, plan, answers) | {"fill_s": round(filled_s, 1)}
        _slowest(ledger, answers)
        if chosen.export:
            told["export"] = {kind: _exported(engine, where, folder, kind) for kind in ("csv", "xlsx", "json")}
        if chosen.inserts:
            told["indexes_mb"] = _sizes(engine, ledger)
            ledger.close()
            with copied(where) as bare:
                told["units"] = _units(engine, ledger, bare)
    return told


def _is_empty(ledger: Ledger) -> bool:
    with ledger.reading() as db:
        return db.execute(select(t.invoices.c.rank).limit(1)).first() is None


# --- questions --------------------------------------------------------------------------------------------------------


def _ask(ledger: Ledger, one: Question) -> Asked:
    began, own = time.perf_counter(), time.process_time()
    found, told = 0, "too many names"
    with suppress(BadCriterion), ledger.reading() as db:  # too many suppliers begin so: an answer as well
        planned = search.plan(db, one.query)
        found, told = len(search.page(db, planned, one.size, one.after).found), planned.told
    return Asked(one, time.perf_counter() - began, time.process_time() - own, found, told)


def _questions(engine: str, plan: Plan, answers: Sequence[Asked]) -> dict[str, object]:
    by_kind: dict[str, list[float]] = defaultdict(list)
    for one in answers:
        by_kind[one.question.kind].append(one.seconds * 1000)
    figures = [_figure(kind, taken) for kind, taken in by_kind.items()]
    every = [one.seconds for one in answers]
    p95 = share(every, 0.95)
    figures += [
        Figure("all, median", [statistics.median(every) * 1000], "ms", digits=1),
        Figure("all, 95th percentile", [p95 * 1000], "ms", P95_S * 1000, digits=1),
        Figure("all, slowest", [max(every) * 1000], "ms", digits=1),
        Figure("deep pages, 95th percentile", [share([a.seconds for a in answers if a.question.is_deep], 0.95) * 1000],
               "ms", digits=1),
        Figure("all, 95th percentile of our processor time", [share([a.own_s for a in answers], 0.95) * 1000], "ms",
               note="all of it" if engine == "sqlite" else "the server's is not in it", digits=1),
        Figure("all, most of our processor time", [max(a.own_s for a in answers) * 1000], "ms", digits=1),
    ]  # fmt: skip
    print_figures(f"{engine}: {len(answers)} questions over {plan.invoices} invoices, warm", figures)
    return {
        "questions": len(answers), "answered": sum(one.found > 0 for one in answers),
        "p50_s": round(statistics.median(every), 4), "p95_s": round(p95, 4), "max_s": round(max(every), 4),
        "own_p95_s": round(share([a.own_s for a in answers], 0.95), 4),
        "missed": [f"{engine} p95"] if p95 > P95_S else [],
    }  # fmt: skip


def _figure(kind: str, taken: list[float]) -> Figure:
    return Figure(kind, taken, "ms", note=f"p95 {share(taken, 0.95):.1f}, {len(taken)} of them", digits=1)


def share(values: Sequence[float], part: float) -> float:
    """The value that this part of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def _slowest(ledger: Ledger, answers: Sequence[Asked]) -> None:
    print(f"\nThe {SLOWEST} slowest, and how their pages are looked for")
    for one in sorted(answers, key=lambda a: -a.seconds)[:SLOWEST]:
        asked = {name: getattr(one.question.query, name) for name in one.question.query.given}
        print(f"{one.seconds * 1000:8.1f} ms  {one.found:>5} found  [{one.plan}]  {asked}")
        for line in _steps(ledger, one.question):
            print(f"             {line[:LINE_MAX]}")


def _steps(ledger: Ledger, one: Question) -> list[str]:
    """How the longest statement of a page is carried out."""
    said: list[tuple[str, object]] = []

    def hear(_connection: object, _cursor: object, sql: str, given: object, *_: object) -> None:
        if "invoices.supplier_name" in sql:
            said.append((sql, given))

    event.listen(ledger.engine, "before_cursor_execute", hear)
    try:
        _ask(ledger, one)
    finally:
        event.remove(ledger.engine, "before_cursor_execute", hear)
    explain = "EXPLAIN QUERY PLAN" if ledger.is_sqlite else "EXPLAIN (ANALYZE, COSTS OFF, SUMMARY OFF)"
    with ledger.reading() as db:
        search.plan(db, Query())  # the settings of the transaction
        return [str(row[-1]) for sql, given in said for row in db.exec_driver_sql(f"{explain} {sql}", given)]


# --- export -----------------------------------------------------------------------------------------------------------


def _exported(engine: str, where: str, folder: Path, kind: str) -> dict[str, float]:
    out = folder / f"search-export.{kind}"
    out.unlink(missing_ok=True)
    command = [sys.executable, "-m", "bench.search", "--child", kind, "--where", where, "--out", str(out)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    told["size_mb"] = round(out.stat().st_size / 1e6, 1)
    out.unlink()
    rows = f"{told['rows']:.0f} rows, {told['size_mb']:.0f} MB"
    print_figures(
        f"{engine}: export to {kind}",
        [
            Figure("wall", [told["wall_s"]], "s", note=rows),
            Figure("peak memory", [told["peak_mb"]], "MB", EXPORT_MB, digits=0),
        ],
    )
    return told


def _child(kind: str, where: str, out: Path) -> None:
    """The process whose memory is measured."""
    began = time.monotonic()
    ledger = Ledger.on_server(where) if "://" in where else Ledger.at(Path(where))
    rows = 0
    with ledger.reading() as db:
        found = (one for page in search.pages(db, Query()) for one in page)

        def counted() -> Iterator[search.FoundInvoice]:
            nonlocal rows
            for one in found:
                rows += 1
                yield one

        if kind == "xlsx":
            found_files.write_xlsx(counted(), out, "fr")
        else:
            with out.open("xb") as file:
                if kind == "csv":
                    found_files.write_csv(counted(), file, "fr")
                else:
                    found_files.write_json(counted(), file)
    ledger.close()
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6
    print(json.dumps({"rows": rows, "wall_s": round(time.monotonic() - began, 1), "peak_mb": round(peak_mb, 1)}))


# --- what it costs ----------------------------------------------------------------------------------------------------


def _sizes(engine: str, ledger: Ledger) -> dict[str, float]:
    found = inserts.sizes_mb(ledger)
    ours = sum(size for name, size in found.items() if name != "ledger")
    figures = [Figure(name, [size], "MB", digits=1) for name, size in found.items()]
    part = f"{100 * ours / found['ledger']:.1f} % of the ledger"
    print_figures(
        f"{engine}: size of the indexes", [*figures, Figure("all indexes", [ours], "MB", note=part, digits=1)]
    )
    return {name: round(size, 1) for name, size in found.items()}


def _units(engine: str, ledger: Ledger, bare: Ledger) -> dict[str, float]:
    found = inserts.cost(ledger, bare, World(SEED), UNITS)
    own = {has: found.median(has_them=has, own=True) for has in (True, False)}
    print_figures(
        f"{engine}: a commit unit of {inserts.UNIT} invoices",
        [
            Figure("with the indexes of the search", [wall for wall, _ in found.with_them], "ms", digits=0,
                   note=f"own processor time {own[True]:.0f} ms"),
            Figure("without them", [wall for wall, _ in found.without], "ms", digits=0,
                   note=f"own processor time {own[False]:.0f} ms"),
            Figure("ratio of the medians", [found.ratio], "", note=f"of processor time {own[True] / own[False]:.2f}"),
        ],
    )  # fmt: skip
    return {
        "with_ms": round(found.median(has_them=True), 1), "without_ms": round(found.median(has_them=False), 1),
        "ratio": round(found.ratio, 3), "own_ratio": round(own[True] / own[False], 3),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both")
    parser.add_argument("--invoices", type=int, default=INVOICES)
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    parser.add_argument("--folder", type=Path, default=VAR / "search", help="where the ledger and the exports are made")
    parser.add_argument(
        "--keep", action="store_true", help="leave the SQLite ledger there, or take the one that is (units change it)"
    )
    parser.add_argument("--no-export", dest="export", action="store_false")
    parser.add_argument("--no-inserts", dest="inserts", action="store_false")
    for hidden in ("--child", "--where", "--out"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.child:
        _child(chosen.child, chosen.where, Path(chosen.out))
        return 0
    chosen.folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(chosen.folder).free
    if free < chosen.invoices * 6_000:
        raise SystemExit(f"{chosen.invoices} invoices take about {chosen.invoices * 6_000 / 1e9:.0f} GB, too much here")
    print(machine.description(), flush=True)
    engines = ("sqlite", "postgres") if chosen.engine == "both" else (chosen.engine,)
    with pinned(CORES):
        told = {engine: run(engine, chosen.folder.resolve(), chosen) for engine in engines}
    print(f"\nload {machine.load()}")
    missed = [name for one in told.values() for name in one.pop("missed")]
    print(json.dumps({"invoices": chosen.invoices, "seed": SEED, **told, "missed": missed}))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
