"""The directory of 100,000 structures and 100,000 services imported into a home, from each of its three forms."""

import subprocess
import sys
import tempfile
from pathlib import Path

from bench import directory
from bench.figures import Check, Figure, print_figures

STRUCTURES = 100_000
IMPORT_S = 30.0
FORMS = (
    ("CSV", "csv", directory.write_folder),
    ("XLSX", "directory.xlsx", directory.write_workbook),
    ("XML", "directory.xml", directory.write_document),
)


def run(structures: int = STRUCTURES) -> list[Figure | Check]:
    figures: list[Figure | Check] = []
    with tempfile.TemporaryDirectory() as folder:
        for name, file, write in FORMS:
            path = Path(folder) / file
            write(path, structures)
            found, services, read_s, import_s, peak_mb = _measured(path)
            counts = f"{found} structures and {services} services read in {read_s} s; peak {peak_mb} MB"
            target = IMPORT_S if structures == STRUCTURES else None
            figures.append(Figure(f"import from {name}", [float(import_s)], "s", target, note=counts))
            if (found, services) != (str(structures), str(structures)):
                figures.append(Check(f"rows of {name}", found, holds=False, expected=str(structures)))
    print_figures(
        f"Directory of {structures} structures, a process each, one run", (f for f in figures if isinstance(f, Figure))
    )
    return figures


def _measured(path: Path) -> list[str]:
    """What `bench.directory` says of one form, in a process of its own: the peak of memory is that form's alone."""
    command = [sys.executable, "-m", "bench.directory", "--measure", str(path)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()


if __name__ == "__main__":
    run()
