"""`python -m bench.crash`: what dies, fails or is cut off at any moment; exits 1 where something is lost, doubled, torn
or otherwise not as after an untouched run, 3 where a part could not run.

It ends after `--minutes` and goes on where it stopped when it is called again with the same `--state`. `--background`
leaves at once, and says where the output goes.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from bench.crash import report
from bench.crash.chance import RandomKills
from bench.crash.changes import ChangesFailedCalls, ChangesKilledAtCalls, ChangesKilledWhileFetched, ChangesStatements
from bench.crash.disk import FullDisk
from bench.crash.forks import Forks
from bench.crash.network import KilledWhileFetchedOverSftp, PostgresLink, S3Link, SftpLink
from bench.crash.part import Part, Unavailable
from bench.crash.readers import warm
from bench.crash.state import PartState, State
from bench.crash.statements import Statements
from bench.crash.stories import Lives, Stories
from bench.crash.syscalls import FailedCalls, KilledAtCalls, KilledWhileFetched, ReaderKilledAtCalls

VAR = Path("var/crash")
PARTS: Mapping[str, type[Part]] = {
    part.name: part
    for part in (
        KilledAtCalls, Statements, RandomKills, FailedCalls, KilledWhileFetched, SftpLink, PostgresLink, S3Link,
        KilledWhileFetchedOverSftp, FullDisk, ReaderKilledAtCalls, Stories, Lives, ChangesKilledAtCalls,
        ChangesKilledWhileFetched, ChangesFailedCalls, ChangesStatements,
    )
}  # fmt: skip
LOOK_S = 0.5
SAID_S = 30.0


def drive(part: Part, state: PartState, until: float, save: Callable[[PartState], None]) -> None:
    """Take the steps that are left, until the time is up."""
    done = set(state.done)
    for key in part.steps():
        if key in done:
            part.was_hit = True
            continue
        if time.monotonic() + part.step_s > until:
            return
        began = time.monotonic()
        state.add(key, part.do(key), time.monotonic() - began)
        save(state)
    state.is_over = True
    save(state)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.crash", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the whole call: what is left goes on next time")
    parser.add_argument("--state", type=Path, default=VAR, help="folder of what is done; the same folder goes on")
    parser.add_argument("--part", action="append", choices=tuple(PARTS), help="one or more; every part without it")
    parser.add_argument("--jobs", type=int, default=2, help="parts at once")
    parser.add_argument("--background", action="store_true", help="leave at once; the output goes to STATE/log")
    parser.add_argument("--report", action="store_true", help="only the table of what is done")
    chosen = parser.parse_args()
    names = chosen.part or list(PARTS)
    state = State(chosen.state)
    if chosen.background:
        return _leave(chosen.state)
    if not chosen.report:
        until = time.monotonic() + chosen.minutes * 60
        if len(names) == 1:
            _run(names[0], state, until)
        else:
            _run_all(names, state.folder, until, chosen.jobs)
    states = [state.of(name) for name in names]
    print(*report.words(states), sep="\n")
    print(report.table(states))
    if not report.is_sound(states):
        return 1
    return 0 if report.could_run(states) else 3


def _run(name: str, state: State, until: float) -> None:
    """One part, in this process."""
    known = state.of(name)
    if known.is_over:
        return
    known.why_not = known.broke = ""
    said = time.monotonic()

    def save(told: PartState) -> None:
        nonlocal said
        state.save(told)
        if time.monotonic() - said > SAID_S:
            said = time.monotonic()
            print(f"{max(until - said, 0) / 60:.0f} min left; steps: {name} {len(told.done)}", flush=True)

    try:
        with warm() as reader, Forks(reader) as forks, PARTS[name](forks) as part:
            drive(part, known, until, save)
    except Unavailable as reason:
        known.why_not = str(reason)
        state.save(known)
    except Exception as error:
        known.broke = f"{type(error).__name__}: {error}"[:400]
        state.save(known)
        raise


def _run_all(names: list[str], folder: Path, until: float, jobs: int) -> None:
    """Several parts at once, each in a process of its own: it runs below whatever else this machine does."""
    waiting = list(names)
    working: dict[str, subprocess.Popen[bytes]] = {}
    said = time.monotonic()
    while waiting or working:
        while waiting and len(working) < jobs and time.monotonic() < until:
            name = waiting.pop(0)
            minutes = max(until - time.monotonic(), 0) / 60
            words = ("--part", name, "--minutes", f"{minutes:.2f}", "--state", str(folder))
            command = ["nice", sys.executable, "-m", "bench.crash", *words]
            working[name] = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if time.monotonic() >= until:
            waiting.clear()
        time.sleep(LOOK_S)
        working = {name: process for name, process in working.items() if process.poll() is None}
        if time.monotonic() - said > SAID_S and working:
            said = time.monotonic()
            state = State(folder)
            now = ", ".join(f"{name} {len(state.of(name).done)}" for name in working)
            print(f"{max(until - said, 0) / 60:.0f} min left; steps: {now}; {len(waiting)} parts wait", flush=True)


def _leave(folder: Path) -> int:
    """The same command, of its own, with its output in a file."""
    folder.mkdir(parents=True, exist_ok=True)
    words = [word for word in sys.argv[1:] if word != "--background"]
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "bench.crash", *words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    print(f"process {process.pid}; {folder / 'log'} tells how it goes, `python -m bench.crash --report` how far it is")
    return 0


if __name__ == "__main__":
    sys.exit(main())
