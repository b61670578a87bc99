"""`python -m bench`: every figure in one run, in about five minutes; `--quick` for a tenth, `--only PART` for some."""

import argparse
import time

from bench import commands, imports, load, machine, stages
from bench.figures import Check, Figure, print_figures
from bench.reference import VAR

PARTS = ("stages", "commands", "load", "directory")


def main() -> None:
    arguments = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="a tenth of the documents, of the load and of the rows")
    arguments.add_argument("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    chosen = arguments.parse_args()
    wanted = chosen.only.split(",")
    if unknown := sorted(set(wanted) - set(PARTS)):
        arguments.error(f"no part is named {', '.join(unknown)}")
    VAR.mkdir(parents=True, exist_ok=True)
    part = 10 if chosen.quick else 1
    began = time.monotonic()
    print(machine.description(), flush=True)
    measured: list[Figure | Check] = []
    if "stages" in wanted:
        measured += stages.run(stages.DOCUMENTS // part)
    if "commands" in wanted:
        measured += commands.run()
    if "load" in wanted:
        measured += load.run_pinned(load.PER_FLOW // part)
    if "directory" in wanted:
        measured += imports.run(imports.STRUCTURES // part)
    largest = Figure(
        "largest process that the bench started", [machine.largest_child_mb()], "MB", load.MEMORY_MB, digits=0
    )
    print_figures("Memory", [largest])
    measured.append(largest)
    missed = [one.name for one in measured if one.is_missed]
    print(f"\n{time.monotonic() - began:.0f} s; load {machine.load()}. Missed: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
