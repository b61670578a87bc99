"""One run of the shell in a process of its own: `python -m hostile.inside HOME ANSWER`.

`ANSWER` gets what was said of each flow, as `chorus-edi run --format json` says it, and the faults and notices in
French. The log of operations goes to standard error, as its setting asks.
"""

import json
import sys
from pathlib import Path

from hostile.ground import OURS, READERS, at_noon

from pipeline import runner
from pipeline.returns.verdict import as_json
from pipeline.settings import load


def main(path: Path, answer: Path) -> None:
    told = []

    def hear(one: runner.Told) -> None:
        name = one.verdict.read.received.name
        told.append({"deposit": one.deposit_id, "partner": one.partner, "verdict": as_json(one.verdict, name)})

    with runner.open_home(path, load(path, ours=OURS, readers=READERS), clock=at_noon()) as home:
        done = runner.run(home, on_verdict=hear)
    said = {"faults": [one.fr for one in done.faults], "notices": [one.fr for one in done.notices]}
    answer.write_text(json.dumps({"told": told, **said}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
