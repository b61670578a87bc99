"""`python -m hostile` (in tests/): the whole hostile corpus and mutants of valid flows, as a table. Exits 1 where one is
answered otherwise than the threat tables say.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hostile import campaign, mutated
from hostile.canary import listening
from hostile.case import Case, Site
from hostile.change_cases import CASES, ChangeCase
from hostile.changes_read import answered, with_tools
from hostile.corpus import FILES
from hostile.drops import GROWING, POSSIBLE
from hostile.ground import Ran, prepared
from hostile.threats import ELSEWHERE, ROWS, TABLES, is_there

from bench.fuzz.campaign import BATCH, Campaign
from bench.fuzz.state import State

KEPT = Path("var/fuzz/wrong")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m hostile", description=__doc__)
    parser.add_argument("--mutants", type=int, default=10_000, help="of valid flows, judged and checked again")
    parser.add_argument("--dropped", type=int, default=2_000, help="mutants that go through the runner")
    parser.add_argument("--jobs", type=int, default=1, help="processes for the mutants")
    parser.add_argument("--quick", action="store_true", help="without the cases that weigh much")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="hostile-") as folder:
        said = _corpus(Path(folder), is_quick=chosen.quick)
        said += _dropped(Path(folder), chosen.dropped)
        said += _mutants(Path(folder), chosen.mutants, chosen.jobs)
    for one in said:
        print(f"unexpected: {one}")
    print(f"{len(said)} unexpected")
    return 1 if said else 0


def _corpus(folder: Path, *, is_quick: bool) -> list[str]:
    """Every case through `check` and, all at once, through the runner; every row has a case or tests that exist."""
    files = [one for one in FILES if not (is_quick and one.heavy)]
    dropped = [one for one in POSSIBLE if not (is_quick and one.heavy)]
    wrong: campaign.Unexpected = {}
    changes = [one for one in CASES if not (is_quick and one.heavy)]
    _check(files, changes, folder, wrong)
    with prepared(folder / "ground") as ground:
        by_runner, runs = campaign.through_runner(ground, files, dropped)
    for case, sentences in by_runner.items():
        wrong.setdefault(case, []).extend(f"runner: {one}" for one in sentences)
    row_of = {one.id: one.row for one in (*files, *dropped, GROWING, *changes)}
    print(f"{_table(row_of, wrong)}\n{_runs(runs)}")
    gone = [named for several in ELSEWHERE.values() for named in several if not is_there(named)]
    bare = sorted(set(ROWS) - set(row_of.values()) - set(ELSEWHERE))
    print(f"rows without a case: {', '.join(bare) or 'none'}; tests that do not exist: {', '.join(gone) or 'none'}\n")
    return [*(f"{case}: {one}" for case, sentences in wrong.items() for one in sentences), *bare, *gone]


def _check(files: Sequence[Case], changes: Sequence[ChangeCase], folder: Path, wrong: campaign.Unexpected) -> None:
    """Every file through `check`, one after the other; files of changes as the runner decides them."""
    (folder / "outside").mkdir()
    (folder / "secret").write_text("secret", "ascii")
    with listening() as canary, campaign.offline() as judge:
        site = Site(canary.url, folder / "secret", folder / "outside")
        began = time.monotonic()
        for case in files:
            found = campaign.check(case, folder, site, judge)
            if found:
                wrong.setdefault(case.id, []).extend(f"check: {one}" for one in found)
        tools = with_tools()
        for one in changes:
            if found := answered(one, site, tools):
                wrong.setdefault(one.id, []).extend(found)
        if canary.hits or any(site.outside.iterdir()):
            wrong["the canary"] = [*canary.hits, *(path.name for path in site.outside.iterdir())]
    print(f"{len(files)} files through check, {len(changes)} files of changes, in {time.monotonic() - began:.0f} s")


def _table(row_of: dict[str, str], wrong: campaign.Unexpected) -> str:
    """Cases and rows by threat table, and how many were answered otherwise than expected."""
    cases = Counter(row[0] for row in row_of.values())
    elsewhere = Counter(row[0] for row, named in ELSEWHERE.items() for _ in named)
    unexpected = Counter(row_of[case][0] for case in wrong if case in row_of)
    lines = [f"{'threat table':<22}{'rows':>6}{'cases':>7}{'tests elsewhere':>17}{'unexpected':>12}"]
    for table, name in TABLES.items():
        rows = sum(row[0] == table for row in ROWS)
        lines.append(f"{name:<22}{rows:>6}{cases[table]:>7}{elsewhere[table]:>17}{unexpected[table]:>12}")
    around = sum(len(sentences) for case, sentences in wrong.items() if case not in row_of)
    total = f"{sum(cases.values()):>7}{sum(elsewhere.values()):>17}{sum(unexpected.values()) + around:>12}"
    lines.append(f"{'all':<22}{len(ROWS):>6}{total}")
    return "\n".join(lines)


def _runs(runs: Sequence[Ran]) -> str:
    seconds = " and ".join(f"{one.seconds:.0f} s" for one in runs)
    seen = [one.watched.calls for one in runs]
    looked = f"{sum(map(len, filter(None, seen))):,} system calls looked at"
    return f"two runs over everything at once: {seconds}; {looked if seen[0] else 'unwatched: strace is not installed'}"


def _dropped(folder: Path, count: int) -> list[str]:
    """Mutants through the runner."""
    with prepared(folder / "mutants") as ground:
        wrong = mutated.through_runner(ground, count)
    print(f"{count:,} mutants dropped in one folder: {len(wrong)} answered otherwise than by check\n")
    return wrong


def _mutants(folder: Path, count: int, jobs: int) -> list[str]:
    """Mutants through the core, from the first one; every accepted one is checked again."""
    state = State.opened(folder / "state.json", 1, BATCH)
    Campaign(state, jobs, KEPT, print).run(count, float("inf"))
    print(state.table())
    return [f"mutant {number} ({family}): {why}" for number, family, why in state.wrong]


if __name__ == "__main__":
    sys.exit(main())
