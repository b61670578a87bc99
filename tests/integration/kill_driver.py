"""Runs the shell on one home again and again and kills it -9 at random moments: `kill_driver.py HOME KILLS SEED`.

Prints one JSON line: kills per stage, runs, and how the last run ended. With `--serve SOCKET` it only serves warm readers. The clock stands still, so that an undisturbed
run (KILLS = 0) and a disturbed one must end in the same ledger and the same files.
"""

import json
import os
import random
import select
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import homes

from pipeline import runner
from pipeline.running.home import STAGES
from pipeline.settings import load
from pipeline.workers import read_worker

HERE = Path(__file__).parent
WORK = {"lot_flows_max": 40, "unit_documents": 8}
DELAY_S = {"receive": 0.1, "judge": 0.04, "commit": 0.03, "deliver": 0.03, "report": 0.04}
EACH_STAGE_MIN = 5
SHORTER = 0.7  # after a kill that came when its stage was over: this machine is faster than the delay


def serve_readers(path: str) -> None:
    """The real reader behind a socket: one forked child per connection, the schemas loaded once before."""
    schemas, listener = read_worker.InstalledSchemas(), socket.socket(socket.AF_UNIX)
    for name in ("ubl-invoice", "ubl-creditnote"):
        schemas.get(name)
    listener.bind(path)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        link, _ = listener.accept()
        if os.fork() == 0:
            try:
                answer_one(link, schemas)
            finally:
                os._exit(0)
        link.close()


def answer_one(link: socket.socket, schemas: read_worker.InstalledSchemas) -> None:
    """What `read_worker.main` does, over a socket."""
    with link.makefile("rb") as incoming, link.makefile("wb") as outgoing, read_worker.RuleEngines() as rules:
        read_worker.serve(incoming, outgoing, schemas, rules)


def run_once(home: Path, reader: tuple[str, ...], stages: int) -> None:
    """One run in this (forked) process; the name of each stage goes to the pipe as it begins."""
    settings = load(home, ours="CPP001", readers=2, work=WORK)
    with homes.open_home(home, settings=settings, reader=reader) as opened:
        opened.stage = lambda name: void(os.write(stages, bytes([STAGES.index(name)])))
        summary = runner.run(opened)
    os.write(stages, b"\xff" if not summary.faults else b"\xfe")


def void(_written: int) -> None:
    """A hook gives nothing back."""


def disturbed(
    home: Path, reader: tuple[str, ...], target: str, chance: random.Random, delay_s: float = 0.0
) -> tuple[str, bool]:
    """Run, and kill at a random moment of a stage: (the stage it died in, or how it ended, and whether it was killed)."""
    incoming, outgoing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(incoming)
        try:
            run_once(home, reader, outgoing)
            os._exit(0)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
    os.close(outgoing)
    seen, last, at = 0, "start", None
    wanted = 1 if target == "receive" else chance.choice((1, 1, 2))
    try:
        while True:
            left = None if at is None else max(0.0, at - time.monotonic())
            if not select.select([incoming], [], [], left)[0]:
                os.kill(pid, signal.SIGKILL)
                # what it still announced before it died counts: it died in that stage
                while select.select([incoming], [], [], 0.05)[0] and (late := os.read(incoming, 1)):
                    last = name_of(late)
                if last in STAGES:
                    return last, True
                return last, False
            step = os.read(incoming, 1)
            if not step:
                return last if last in {"done", "faults"} else "died", False
            last = name_of(step)
            if last == target and at is None:
                seen += 1
                if seen == wanted:
                    at = time.monotonic() + chance.uniform(0, delay_s)
    finally:
        os.close(incoming)
        os.waitpid(pid, 0)


def name_of(step: bytes) -> str:
    return {255: "done", 254: "faults"}.get(step[0]) or STAGES[step[0]]


def fetch(home: Path) -> list[str]:
    """Be the partners: take every file that has its name, and tell those that were taken before."""
    twice = []
    for folder in [*home.glob("drop/*/out"), *home.glob("recipients/*/out")]:
        fetched = home / "fetched" / folder.relative_to(home)
        fetched.mkdir(parents=True, exist_ok=True)
        for file in folder.iterdir():
            if not file.name.startswith("."):
                if (fetched / file.name).exists():
                    twice.append(file.name)
                file.rename(fetched / file.name)
    return twice


def campaign(home: Path, kills: int, seed: int) -> dict[str, object]:
    chance = random.Random(seed)
    delay_s = dict(DELAY_S)
    died: Counter[str] = Counter()
    runs, ending = 0, "died"
    twice: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "readers")
        server = os.fork()
        if server == 0:
            serve_readers(path)
        while not os.path.exists(path):
            time.sleep(0.01)
        reader = (sys.executable, "-I", "-S", str(HERE / "kill_relay.py"), path)
        try:
            while runs < 3 * kills and (
                (total := sum(died.values())) < kills or min(died[stage] for stage in STAGES) < EACH_STAGE_MIN
            ):
                target = "receive" if total < kills // 5 else min(STAGES[1:], key=lambda s: died[s])
                ending, killed = disturbed(home, reader, target, chance, delay_s[target])
                runs += 1
                died[ending] += killed
                if ending != target:
                    delay_s[target] *= SHORTER
                if chance.random() < 0.5:
                    twice += fetch(home)
                if ending == "died":
                    break
            ending, _ = disturbed(home, reader, "never", chance)
            twice += fetch(home)
        finally:
            os.kill(server, signal.SIGKILL)
            os.waitpid(server, 0)
    return {"kills": {stage: died[stage] for stage in STAGES}, "runs": runs, "ending": ending, "twice": twice}


if __name__ == "__main__" and sys.argv[1] == "--serve":
    serve_readers(sys.argv[2])
elif __name__ == "__main__":
    print(json.dumps(campaign(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
