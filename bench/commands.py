"""Cold starts: whole processes of the installed command, from the first instruction to the exit code.

Bytecode and compiled rules are cached, as they are after a first start anywhere: one start that is not measured sees to
it. The floor of `check` is the same interpreter with lxml alone: it loads the schema, parses the invoice, validates it.
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
from pipeline.adapters.artefacts import Artefacts

RUNS = 5
CHECK_S = 0.6
FLOWS_S = 0.3
COMMAND = Path(sys.executable).with_name("chorus-edi")


def run(runs: int = RUNS) -> list[Figure]:
    invoice = VAR / "one.xml"
    invoice.write_bytes(ubl.write(Content("BENCH-1", guideline=ubl.EN16931)))
    figures = [
        _figure(
            "chorus-edi check one.xml (UBL that claims EN 16931, accepted)", ("check", str(invoice)), CHECK_S, runs
        ),
        Figure("floor: python, lxml, the XSD, this invoice", [_floor(invoice) for _ in range(runs + 1)][1:], "s"),
        _figure("chorus-edi flows", ("flows",), FLOWS_S, runs),
    ]
    print_figures(f"Cold starts: {runs} processes each, bytecode and rules cached, wall seconds", figures)
    return figures


def _floor(invoice: Path) -> float:
    schema = Artefacts().schema("ubl-invoice")
    program = (
        "import sys; from lxml import etree; etree.XMLSchema(file=sys.argv[1]).assertValid(etree.parse(sys.argv[2]))"
    )
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", program, str(schema), str(invoice)], check=True)
    return time.perf_counter() - began


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
