"""The corpus through the product: by `check`, one file after the other, and by the runner, all in one folder at once."""

import hashlib
import json
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hostile import drops
from hostile.case import Case, Outcome, Site, differences, found_in, is_on_one_line
from hostile.drops import Drop, Inbox
from hostile.ground import DIRECTORY, NOON, OTHER, SNAPSHOT_DAY, Ground, Ran, Report

from fixtures.case import PARTNER
from pipeline import runner
from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.model import Snapshot
from pipeline.ports import Tools
from pipeline.preflight import Preflight
from pipeline.returns.verdict import as_json
from pipeline.settings import load
from pipeline.terms import Terms

APPEND_BYTES, APPEND_EVERY_S = 4_096, 0.01
UNCARRIED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
OUTGOING = re.compile(r"[A-Z0-9_]+(\.csv)?")
ENTERS = {Outcome.OK, Outcome.WARN}
Unexpected = dict[str, list[str]]  # case -> what was not as expected


class Offline:
    """`chorus-edi check`, without its command line: one call of it for all files."""

    def __init__(self) -> None:
        artefacts = Artefacts()
        self._rules = RuleEngines(artefacts)
        tools = Tools(InstalledSchemas(artefacts), self._rules, Terms())
        snapshot = Snapshot(DIRECTORY.name, SNAPSHOT_DAY)
        self._preflight = Preflight(tools, NOON, snapshot=snapshot, structures=as_known(DIRECTORY))

    def judge(self, path: Path) -> dict[str, Any]:
        return as_json(self._preflight.judge(path), path.name)

    def close(self) -> None:
        self._rules.close()


@contextmanager
def offline() -> Iterator[Offline]:
    opened = Offline()
    try:
        yield opened
    finally:
        opened.close()


def check(case: Case, folder: Path, site: Site, judge: Offline) -> list[str]:
    """Give one case to `check`; what is not as expected."""
    path = folder / case.name
    path.write_bytes(case.make(site))
    began = time.process_time()  # of the processor: a busy machine is no hostile file
    try:
        verdict = judge.judge(path)
    except Exception as error:  # whatever it is: a traceback is what nobody may ever see
        return [f"{type(error).__name__}: {error}"]
    finally:
        path.unlink()
    seconds = time.process_time() - began
    late = [f"took {seconds:.1f} s of {case.seconds}"] if seconds > case.seconds else []
    return differences(case, verdict) + late


# --- the runner -------------------------------------------------------------------------------------------------------


class _Dropped:
    """What was dropped under which name, and what its ledger row, its verdict and its report must be."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.wrong: Unexpected = {}
        self.sha256: dict[bytes, str] = {}

    def say(self, case: str, *sentences: str) -> None:
        if sentences:
            self.wrong.setdefault(case, []).extend(sentences)


def through_runner(ground: Ground, files: Sequence[Case], dropped: Sequence[Drop]) -> tuple[Unexpected, list[Ran]]:
    """Drop everything at once, run, drop what comes again, run: per case what was not as expected, and both runs."""
    seen = _Dropped(ground)
    inbox = Inbox(ground.inbox(), ground.site, ground.inbox(OTHER))
    for rank, case in enumerate(files):
        content = case.make(ground.site)
        seen.sha256[case.name.encode()] = hashlib.sha256(content).hexdigest()
        inbox.put(case.name, content, age_s=9_000 - rank)
    names = {one.id: one.put(inbox) for one in dropped}
    good = drops.of_the_other(ground.inbox(OTHER))
    grows = drops.GROWING.put(inbox)
    with _growing(inbox.path(grows)):
        first = ground.run()
    rows = ground.deposits()
    reports = _by_flow(ground.reports())
    for case in files:
        seen.say(case.id, *_file(case, seen, rows, reports, first))
    for one in dropped:
        seen.say(one.id, *_drop(one, names[one.id], 0, seen, rows, reports, first, is_first=one.again is not None))
    seen.say(drops.GROWING.id, *_drop(drops.GROWING, grows, 0, seen, rows, reports, first))
    seen.say(drops.GOOD, *_good(good, ground, OTHER, first))
    seen.say("the first run", *_run(ground, first, [names[one.id] for one in dropped if one.expected is Outcome.QUAR]))

    kept = {report.flow: report for found in reports.values() for report in found}
    for path in (ground.home / "drop" / PARTNER / "out").iterdir():
        path.unlink()  # fetched: a report that comes again would stand there again
    again = {one.id: one.again(inbox) for one in dropped if one.again is not None}
    alive = drops.plain(drops.ALIVE)(inbox)
    _old(inbox.path(grows))
    second = ground.run()
    rows, reports = ground.deposits(), _by_flow(ground.reports())
    for one in dropped:
        if one.again is not None:
            rank = 1 if again[one.id] == names[one.id] else 0
            seen.say(one.id, *_drop(one, again[one.id], rank, seen, rows, reports, second))
    seen.say(drops.ALIVE, *_good(alive.decode(), ground, PARTNER, second))
    seen.say(drops.GROWING.id, *_good(grows.decode(), ground, PARTNER, second))
    seen.say(
        "the second run",
        *_run(ground, second, []),
        *_sent_twice(kept, reports, {again[one.id] for one in dropped if one.again}),
    )
    seen.say("the home", *_at_the_end(ground, rows))
    return seen.wrong, [first, second]


@contextmanager
def _growing(path: Path) -> Iterator[None]:
    """Append to a file all the time."""
    over = threading.Event()

    def append() -> None:
        with path.open("ab", buffering=0) as file:
            while not over.wait(APPEND_EVERY_S):
                file.write(b"\n" * APPEND_BYTES)

    writer = threading.Thread(target=append, daemon=True)
    writer.start()
    try:
        yield
    finally:
        over.set()
        writer.join()


def _old(path: Path) -> None:
    finished = time.time() - 60
    os.utime(path, (finished, finished))


def _by_flow(reports: Iterable[Report]) -> dict[str, list[Report]]:
    found: dict[str, list[Report]] = {}
    for report in reports:
        found.setdefault(report.flow, []).append(report)
    return found


def _shown(name: bytes) -> str:
    """A name as a report can carry it."""
    return UNCARRIED.sub(lambda found: f"\\x{ord(found[0]):02x}", name.decode("utf-8", "backslashreplace"))


def _file(
    case: Case, seen: _Dropped, rows: dict[bytes, list[dict[str, Any]]], reports: dict[str, list[Report]], ran: Ran
) -> Iterator[str]:
    """One row, its bytes in the store, its verdict, its report."""
    name = case.name.encode()
    found = rows.get(name, [])
    if len(found) != 1:
        yield f"{len(found)} ledger rows"
        return
    row = found[0]
    verdict = ran.told.get(row["id"])
    if verdict is None:
        yield f"no verdict; {row['state']}, {row['fault']}"
        return
    yield from differences(case, verdict)
    yield from _archived(row, seen.sha256[name], seen.ground)
    yield from _reported(case.rules, case.told, row, verdict, reports.get(case.name, []))


def _archived(row: dict[str, Any], sha256: str, ground: Ground) -> Iterator[str]:
    stored = ground.home / "store" / row["partner"] / row["sha256"]
    if row["sha256"] != sha256:
        yield f"the ledger has {row['sha256']}, {sha256} was dropped"
    elif not stored.is_file() or hashlib.sha256(stored.read_bytes()).hexdigest() != sha256:
        yield "its bytes are not in the store"


def _reported(
    rules: Sequence[str], told: Sequence[str], row: dict[str, Any], verdict: dict[str, Any], reports: list[Report]
) -> Iterator[str]:
    """One report, of these bytes, whose lines say each rule with its remedy."""
    if len(reports) != 1:
        yield f"{len(reports)} reports"
        return
    report = reports[0]
    if (report.sha256, report.state) != (row["sha256"], verdict["state"]):
        yield f"its report is of {report.sha256}, {report.state}"
    labels = [line["LibelleErreur"] for line in report.lines]
    for rule in rules:
        if not any(label.startswith(f"[{rule}] ") for label in labels):
            yield f"{rule} is not in its report"
    for line in report.lines:
        said = " ".join(line.values())
        if not is_on_one_line(said) or not line.get("DescriptionErreur"):
            yield f"said badly: {said!r}"
    first = [
        " ".join(line.values()) for line in report.lines if rules and line["LibelleErreur"].startswith(f"[{rules[0]}] ")
    ]
    if rules and told and not any(all(words in said for words in told) for said in first):
        yield f"its report does not say {told}: {first[:2]}"


def _drop(
    one: Drop, name: bytes, rank: int, seen: _Dropped, rows: dict[bytes, list[dict[str, Any]]],
    reports: dict[str, list[Report]], ran: Ran, *, is_first: bool = False,
) -> Iterator[str]:  # fmt: skip
    """What became of a drop. `is_first`: what it is a double of comes in, as any sound flow."""
    expected = Outcome.OK if is_first else one.expected
    rules = () if is_first else one.rules
    found = rows.get(name, [])
    if expected is Outcome.IGNORE:
        if found or not os.path.lexists(seen.ground.inbox() / os.fsdecode(name)):
            yield f"taken: {[row['state'] for row in found]}"
        return
    if len(found) != rank + 1:
        yield f"{len(found)} ledger rows, expected {rank + 1}"
        return
    row = found[rank]
    if expected is Outcome.QUAR:
        yield from _set_apart(one, row, name, reports, ran)
        return
    if expected is Outcome.REPEAT:
        settled = {f["rule"] for f in json.loads(row["settled"])}
        if (row["state"], settled) != ("repeated", set(rules)) or row["id"] in ran.told:
            yield f"{row['state']} by {settled}"
        if row["first_id"] != found[0]["id"] or len(reports.get(_shown(name), [])) != 1:
            yield f"first {row['first_id']}, {len(reports.get(_shown(name), []))} reports"
        return
    verdict = ran.told.get(row["id"])
    if verdict is None:
        yield f"no verdict; {row['state']}, {row['fault']}"
        return
    refused = {f["rule"] for f in found_in(verdict) if f["severity"] in {"fatal", "error", "hold"}}
    if refused != set(rules) or (verdict["state"] == "IN_INTEGRE") != (expected in ENTERS):
        yield f"{verdict['state']} by {refused}, expected {set(rules)}"
    of_these = [report for report in reports.get(_shown(name), []) if report.sha256 == row["sha256"]]
    yield from _reported(rules, () if is_first else one.told, row, verdict, of_these)


def _set_apart(
    one: Drop, row: dict[str, Any], name: bytes, reports: dict[str, list[Report]], ran: Ran
) -> Iterator[str]:
    shown = _shown(name)
    if row["state"] != "quarantined" or reports.get(shown):
        yield f"{row['state']}, {len(reports.get(shown, []))} reports"
    said = [fault for fault in ran.faults if shown in fault]
    if len(said) != 1 or not all(words in said[0] for words in one.told):
        yield f"ops hear {said or 'nothing of it'}, expected {one.told}"


def _good(name: str, ground: Ground, partner: str, ran: Ran) -> Iterator[str]:
    """A sound flow came in and was answered, whatever lay beside it."""
    found = ground.deposits(partner).get(name.encode(), [])
    states = [ran.told[row["id"]]["state"] if row["id"] in ran.told else row["state"] for row in found]
    if states != ["IN_INTEGRE"] or len([r for r in ground.reports(partner) if r.flow == name]) != 1:
        yield f"{states}, {[r.flow for r in ground.reports(partner) if r.flow == name]}"


def _run(ground: Ground, ran: Ran, set_apart: Sequence[bytes]) -> Iterator[str]:
    """What is true of a run whatever was dropped."""
    expected = {_shown(name) for name in set_apart}
    for fault in ran.faults:
        if not any(name in fault for name in expected):
            yield f"a fault: {fault}"
    for line in ran.log.splitlines():
        try:
            json.loads(line)
        except ValueError:
            yield f"said on standard error: {line[:300]}"
        else:
            if not line.isprintable() or ground.token in line:
                yield f"a log line that is not clean: {line[:300]!r}"
    watched = ran.watched
    yield from (f"a foreign program: {one}" for one in watched.foreign_programs())
    yield from (f"written elsewhere: {one}" for one in watched.written_elsewhere(ground.may_write()))
    yield from (f"opened: {one}" for one in watched.opened([ground.site.secret, Path("/etc/shadow")]))
    yield from (f"asked: {one}" for one in watched.asked())
    yield from (f"the canary was asked: {hit}" for hit in ground.canary.hits)
    for empty in (ground.standing, ground.site.outside):
        yield from (f"made in {empty}: {path.name}" for path in empty.iterdir())


def _sent_twice(before: dict[str, Report], after: dict[str, list[Report]], names: set[bytes]) -> Iterator[str]:
    """A report that was fetched comes again only when its flow does."""
    back = {_shown(name) for name in names}
    yield from (f"sent again: {flow}" for flow in before if flow in after and flow not in back)


def _at_the_end(ground: Ground, rows: dict[bytes, list[dict[str, Any]]]) -> Iterator[str]:
    """Invariants, names of what we wrote, and the secret that nobody may have read."""
    with runner.open_home(ground.home, load(ground.home, ours="CPP001", readers=1)) as home:
        yield from (f"verify: {line.name}, {line.detail}" for line in runner.verify(home) if not line.ok)
    for folder in ("drop/*/out", "recipients/*/out"):
        for out in ground.home.glob(folder):
            yield from (
                f"a name of ours: {path.name!r}" for path in out.iterdir() if OUTGOING.fullmatch(path.name) is None
            )
    yield from (f"the secret is in {path}" for path in ground.holds_the_token() if ground.work() not in path.parents)
    left = [name for name in os.listdir(os.fsencode(ground.inbox())) if not drops_stay(name)]
    yield from (f"left in the folder: {_shown(name)!r}" for name in left)
    waits = Counter(row["state"] for several in rows.values() for row in several)
    if waits["received"]:
        yield f"{waits['received']} deposits wait"


def drops_stay(name: bytes) -> bool:
    """A temporary name, which is nobody's drop yet."""
    return name.startswith(b".") or name.lower().endswith(
        (b".part", b".filepart", b".tmp", b".writing", b".incomplete")
    )
