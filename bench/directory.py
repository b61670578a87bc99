"""How long a directory of 100,000 structures and 100,000 services takes to import, from each of its three forms.

    python -m bench.directory [--structures N]

The goal is at most 30 s each, into a ledger of its own; reading alone stands beside it. One run: orders of magnitude.
"""

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from pipeline.adapters.directory_rows import SERVICE_COLUMNS, STRUCTURE_COLUMNS

HEADERS = [column.header for column in STRUCTURE_COLUMNS]
SERVICE_HEADERS = [column.header for column in SERVICE_COLUMNS]


def structures(count: int) -> Iterator[list[str]]:
    for n in range(count):
        yes = "OUI" if n % 3 else "NON"
        yield [
            "1", f"{n:014d}", f"Collectivité numéro {n}", "NON", "NON", "OUI", yes, "NON", "NON", "NON", "NON", "OUI",
            f"{n} rue de la Mairie", "", "", f"{n % 95_000:05d}", "Ville-sur-Seine", "0102030405", "mairie@exemple.fr",
            "FR", "France", "", "",
        ]  # fmt: skip


def services(count: int) -> Iterator[list[str]]:
    for n in range(count):
        yield [f"{n:014d}", f"SERVICE_{n}", f"Service des achats {n}", "true", "2020-01-01", "2050-12-31", "false"]


def write_folder(folder: Path, count: int) -> None:
    folder.mkdir()
    for name, header, rows in (
        ("structures.csv", HEADERS, structures(count)),
        ("services.csv", SERVICE_HEADERS, services(count)),
    ):
        with (folder / name).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, delimiter=";")
            writer.writerow(header)
            writer.writerows(rows)


def write_workbook(path: Path, count: int) -> None:
    """Identifiers of structures as numbers, as the public export has them: their leading zeros are lost."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("structures")
    sheet.append(HEADERS)
    for row in structures(count):
        sheet.append([int(row[0]), int(row[1]), *row[2:]])
    sheet = book.create_sheet("services")
    sheet.append(SERVICE_HEADERS)
    for row in services(count):
        sheet.append(row)
    book.save(path)


def write_document(path: Path, count: int) -> None:
    with path.open("w", encoding="utf-8") as stream:
        stream.write('<?xml version="1.0" encoding="UTF-8"?>\n<annuaire date="2026-11-20">\n')
        for structure, service in zip(structures(count), services(count), strict=True):
            stream.write("<structure>\n" + _elements(HEADERS, structure))
            stream.write("  <service>" + _elements(SERVICE_HEADERS[1:], service[1:]) + "</service>\n</structure>\n")
        stream.write("</annuaire>\n")


def _elements(names: list[str], values: list[str]) -> str:
    return "".join(f"  <{name}>{escape(value)}</{name}>\n" for name, value in zip(names, values, strict=True))


def measure(path: Path) -> None:
    """In a process of its own, so that the peak memory is this form's alone."""
    from pipeline.adapters.directory_files import batches, read_directory
    from pipeline.running.administer import import_directory
    from pipeline.running.home import open_home

    start = time.perf_counter()
    directory = read_directory(path)
    counts = [sum(len(b) for b in batches(rows)) for rows in (directory.structures, directory.services)]
    seconds = time.perf_counter() - start
    with open_home(path.parent / f"home-{path.stem}") as home:
        start = time.perf_counter()
        import_directory(home, path)
        imported = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{counts[0]} {counts[1]} {seconds:.2f} {imported:.2f} {memory}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--structures", type=int, default=100_000)
    arguments.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    chosen = arguments.parse_args()
    if chosen.measure is not None:
        measure(chosen.measure)
        return
    print(f"{'form':<8}{'MiB':>8}{'structures':>12}{'services':>10}{'read s':>9}{'import s':>10}{'peak MB':>9}")
    with tempfile.TemporaryDirectory() as folder:
        for name, write in (
            ("csv", write_folder),
            ("directory.xlsx", write_workbook),
            ("directory.xml", write_document),
        ):
            path = Path(folder) / name
            write(path, chosen.structures)
            files = list(path.iterdir()) if path.is_dir() else [path]
            size = sum(file.stat().st_size for file in files) / 2**20
            answer = subprocess.run(
                [sys.executable, "-m", "bench.directory", "--measure", str(path)],
                check=True,
                capture_output=True,
                text=True,
            )
            found, of_services, seconds, imported, memory = answer.stdout.split()
            form = path.suffix[1:] or "folder"
            print(f"{form:<8}{size:>8.1f}{found:>12}{of_services:>10}{seconds:>9}{imported:>10}{memory:>9}", flush=True)


if __name__ == "__main__":
    main()
