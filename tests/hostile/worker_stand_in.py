"""A worker that judges nothing: two mutants kill it, one makes it hang, unless it is told to keep calm (`--calm`)."""

import json
import os
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from bench.fuzz.batch import Batch, Progress

KILLS, HANGS = ({0, 39}, {25}) if "--calm" not in sys.argv else (set(), set())

if __name__ == "__main__":
    progress = Progress(Path(sys.argv[sys.argv.index("--progress") + 1]))
    for line in sys.stdin:
        asked = json.loads(line)
        batch = Batch()
        for number in range(asked["first"], asked["last"] + 1):
            progress.number = number
            if number in KILLS:
                os.kill(os.getpid(), signal.SIGKILL)
            if number in HANGS:
                time.sleep(600)
            batch.tried["xml tokens"] += 1
        print(batch.as_line(), flush=True)
