"""Cold starts: whole processes of the installed command, from the first instruction to the exit code.

Bytecode is cached, as it is after a first start anywhere; one start that is not measured sees to it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from bench.figures import Figure, print_figures
from bench.reference import VAR
from fixtures import ubl
from fixtures.content import Content

RUNS = 5
CHECK_S = 1.2
FLOWS_S = 0.3
COMMAND = Path(sys.executable).with_name("chorus-edi")


def run(runs: int = RUNS) -> list[Figure]:
    invoice = VAR / "one.xml"
    invoice.write_bytes(ubl.write(Content("BENCH-1", guideline=ubl.EN16931)))
    figures = [
        _figure(
            "chorus-edi check one.xml (UBL that claims EN 16931, accepted)", ("check", str(invoice)), CHECK_S, runs
        ),
        _figure("chorus-edi flows", ("flows",), FLOWS_S, runs),
    ]
    print_figures(f"Cold starts: {runs} processes each, bytecode cached, wall seconds", figures)
    return figures


def _figure(name: str, arguments: Sequence[str], target: float, runs: int) -> Figure:
    _start(arguments)
    return Figure(name, [_start(arguments) for _ in range(runs)], "s", target)


def _start(arguments: Sequence[str]) -> float:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    began = time.perf_counter()
    done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode or done.stderr:
        raise SystemExit(f"chorus-edi {' '.join(arguments)} ended with {done.returncode}: {done.stderr or done.stdout}")
    return seconds


if __name__ == "__main__":
    run()
