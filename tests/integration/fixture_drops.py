"""Drops every fixture in two homes, moment by moment, and tells what each one earned.

Real reader processes, real Saxon. The clock stands still; a file too big to be committed is made from its case.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from fixtures.case import Case, Moment
from fixtures.make import CASES, ROOT
from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.rows import REPEATED
from pipeline.adapters.read_pool import WORKER
from pipeline.cli.demo import import_sample_names, sample_partners
from pipeline.model import Finding, InvoiceOutcome
from pipeline.settings import load

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SNAPSHOT_DAY = date(2026, 11, 15)
AGE_S = 10_000
_TURNS = (Moment.FIRST, Moment.AGAIN, Moment.STATUSES, Moment.ACTIONS, Moment.COMMITMENTS, Moment.UNAVAILABLE)


@dataclass(frozen=True)
class Earned:
    """What one dropped file earned: its state, how many invoices became what, and every finding as (rule, severity)."""

    path: str
    state: str
    integrated: int
    refused: int
    pending: int
    found: tuple[tuple[str, str, str], ...]  # (our id, or pack:official id; severity; row of the catalogue)

    @property
    def rules(self) -> list[str]:
        return sorted({rule for rule, _, _ in self.found})

    @property
    def refusals(self) -> list[str]:
        return sorted({rule for rule, severity, _ in self.found if severity in {"fatal", "error"}})

    def severities(self, code: str) -> set[str]:
        """How hard the rule of this row bit."""
        return {severity for _, severity, row in self.found if row == code}

    @property
    def row(self) -> str:
        """Its line of tests/golden/corpus.tsv."""
        counts = f"{self.integrated}/{self.refused}/{self.pending}"
        return "\t".join((self.path, self.state, counts, " ".join(self.rules)))


@dataclass(frozen=True)
class Dropped:
    """All that the drops gave: per case what it earned, and how the homes stand at the end."""

    earned: dict[str, Earned]
    faults: list[str]
    broken: list[str]  # invariants that `verify` saw broken
    idle: bool  # a last run of each home found nothing to do
    seconds: float

    @classmethod
    def parse(cls, text: str) -> "Dropped":
        told = json.loads(text)
        earned = {
            one["path"]: Earned(**{**one, "found": tuple(map(tuple, one["found"]))}) for one in told.pop("earned")
        }
        return cls(earned, **told)

    def json(self) -> str:
        one = {**self.__dict__, "earned": [e.__dict__ for e in self.earned.values()]}
        return json.dumps(one)


def drop_all(folder: Path) -> Dropped:
    """Both homes, every moment, every case."""
    began = time.monotonic()
    result = Dropped({}, [], [], True, 0.0)
    main = [_at(moment) for moment in _TURNS]
    idle = drop_in(folder / "main", "directory", main, result, {})
    drop_in(folder / "rights", "directory-with-suppliers", [_at(Moment.OPEN_RIGHTS)], result,
          {"switches": {"authorised_issuers": "off"}})  # fmt: skip
    return Dropped(result.earned, result.faults, result.broken, idle, time.monotonic() - began)


def _at(moment: Moment) -> tuple[Moment, list[Case]]:
    return moment, [case for case in CASES if case.moment is moment]


def drop_in(
    path: Path,
    directory: str,
    turns: list[tuple[Moment, list[Case]]],
    result: Dropped,
    given: dict[str, object],
    reader: tuple[str, ...] = WORKER,
) -> bool:
    """Drop these turns in a new home with these settings; True when a last run found nothing more to do."""
    path.mkdir(parents=True)
    settings = load(path, ours="CPP001", readers=2, **given)
    with runner.open_home(path, settings, clock=FixedClock(NOON), reader=reader) as home:
        runner.import_directory(home, ROOT / directory, SNAPSHOT_DAY)
        for partner in sample_partners(ROOT):
            runner.add_partner(home, partner)
        import_sample_names(home, ROOT)
        for moment, cases in turns:
            if moment is Moment.COMMITMENTS:
                runner.import_commitments(home, ROOT / "commitments.csv", SNAPSHOT_DAY)
            if moment is Moment.UNAVAILABLE:
                runner.commitments_unavailable(home)
            for together in _without_namesakes(cases):
                _run(home, together, result)
        again = runner.run(home)
        result.broken.extend(f"{line.name}: {line.detail}" for line in runner.verify(home) if not line.ok)
        return again.is_idle and not again.faults


def _without_namesakes(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """A folder holds a name once: a second file of that name is dropped in a run of its own."""
    left = list(cases)
    while left:
        names: set[tuple[str, str]] = set()
        now, later = [], []
        for case in left:
            (later if (case.partner, case.name) in names else now).append(case)
            names.add((case.partner, case.name))
        yield now
        left = later


def _run(home: runner.Home, cases: list[Case], result: Dropped) -> None:
    for rank, case in enumerate(cases):
        drop(home, case, age_s=AGE_S - rank)
    told: dict[tuple[str, str], runner.Told] = {}

    def hear(one: runner.Told) -> None:
        if not one.is_later:
            told[one.partner, one.verdict.read.received.name] = one

    done = runner.run(home, on_verdict=hear)
    result.faults.extend(done.faults)
    for case in cases:
        one = told.get((case.partner, case.name))
        result.earned[case.path] = _of_verdict(case, one) if one else _of_repeated(home, case)


def drop(home: runner.Home, case: Case, *, age_s: int = 60) -> Path:
    """The file as its partner drops it, finished some seconds ago."""
    target = home.drop(case.partner).inbox / case.name
    committed = ROOT / case.path
    target.write_bytes(committed.read_bytes() if committed.is_file() else case.make())
    at = time.time() - age_s
    os.utime(target, (at, at))
    return target


def _of_verdict(case: Case, one: runner.Told) -> Earned:
    """Of a file of changes: its rows, those that had no effect among what entered, with the rules that the ledger keeps."""
    verdict = one.verdict
    rows = verdict.invoices if one.intake is None else one.intake.rows
    found = [*verdict.findings, *(f for row in rows for f in row.findings)]
    counts = (verdict.count(outcome) for outcome in InvoiceOutcome)
    return Earned(case.path, verdict.state.value, *counts, _told(found))


def _of_repeated(home: runner.Home, case: Case) -> Earned:
    """A repeated flow has no verdict: its deposit tells what was found."""
    deposits = [one.deposit for one in runner.status(home, case.name)]  # type: ignore[union-attr]
    repeated = [deposit for deposit in deposits if deposit.state == REPEATED and deposit.partner == case.partner]
    if not repeated:
        return Earned(case.path, "no answer", 0, 0, 0, ())
    return Earned(case.path, REPEATED, 0, 0, 0, _told(repeated[-1].settled))


def _told(found: Sequence[Finding]) -> tuple[tuple[str, str, str], ...]:
    label = {False: "{0.rule}", True: "{0.pack}:{0.rule}"}
    return tuple(sorted({(label[f.pack != "chorus-legacy"].format(f), f.severity.value, f.code) for f in found}))
