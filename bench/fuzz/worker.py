"""Mutants in a process of its own: `python -m bench.fuzz.worker --seed S --progress FILE`.

Asked on standard input, one line of JSON for a batch: {"first": N, "last": N}; one line of JSON as answer. The file
tells at any moment which mutant is in work, also when this process is dead.
"""

import argparse
import hashlib
import json
import os
import sys
import time
import traceback
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pipeline
from bench.fuzz import again, mutants, official, rows_again
from bench.fuzz.again import Files
from bench.fuzz.batch import ASKING_SAXON, Batch, Progress
from bench.fuzz.mutants import Mutant
from bench.fuzz.product import Accepted, Judged, Product
from bench.fuzz.stands import NOON, STANDS

_AGAIN_EVERY = 50  # a mutant of so many is judged twice: the same bytes have the same report


def version() -> str:
    """The digest of the sources that judge here: a campaign of days may meet several."""
    sources = sorted(Path(pipeline.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]


class Worker:
    def __init__(self, seed: int, product: Product, progress: Progress) -> None:
        self._seed, self._product, self._progress = seed, product, progress
        self._official = official.Official()
        self._version = version()

    def run(self, first: int, last: int) -> Batch:
        batch = Batch()
        families: dict[int, str] = {}
        for number in range(first, last + 1):
            self._progress.number = number
            made = mutants.make(self._seed, number)
            families[number] = made.family
            batch.tried[made.family] += 1
            batch.versions[self._version] += 1
            batch.wrong += [(number, made.family, why) for why in self._try(made, batch)]
        self._progress.number = ASKING_SAXON
        for asked, said in self._official.flush():
            batch.wrong.append((asked.number, families[asked.number], f"{asked.pack}: {said}"))
        return batch

    def close(self) -> None:
        self._official.close()

    def _try(self, made: Mutant, batch: Batch) -> Iterator[str]:
        began = time.process_time()  # of the processor: a busy machine is no slow mutant
        try:
            judged = self._product.judge(made)
            if made.number % _AGAIN_EVERY == 0 and self._product.judge(made).report != judged.report:
                yield "another report the second time"
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            yield f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}: {error}"[:300]
            return
        batch.slowest = max(batch.slowest, (time.process_time() - began, made.number))
        batch.rules.update(judged.refused_by)
        files = None
        if made.is_archive and (judged.accepted or judged.rows):
            reader, files = self._files(made, batch)
            if files is not None and again.digests(files) != list(judged.members):
                yield f"{reader} reads other members: {[name for name, _ in files]}"
        if judged.rows:
            yield from self._rows(made, judged, files, batch)
        batch.accepted[made.family] += judged.is_accepted
        for one in judged.accepted:
            batch.checked[made.family] += 1
            try:
                yield from self._document(made, one, batch)
            except Exception as error:
                yield f"{one.member}: accepted, and elsewhere {type(error).__name__}: {error}"[:300]

    def _files(self, made: Mutant, batch: Batch) -> tuple[str, Files | None]:
        """The files of an archive, and who has read them; None where nobody could."""
        try:
            return "tarfile", again.files_of(made.document)
        except Exception:  # tarfile and gzip know no end of reasons
            files = again.files_by_gnu_tar(made.document)
            batch.silent["tarfile"] += files is None
            return "GNU tar", files

    def _rows(self, made: Mutant, judged: Judged, files: Files | None, batch: Batch) -> Iterator[str]:
        """The rows of a file of changes; one of an archive that nobody else could open is left out."""
        if judged.lane is None or (made.is_archive and files is None):
            return
        batch.checked[made.family] += sum(row.is_in_force for row in judged.rows)
        stands = STANDS[judged.lane]
        try:
            yield from rows_again.wrong_rows(judged.lane, made.partner, judged.rows, made.document, files, stands)
        except Exception as error:
            yield f"accepted, and elsewhere {type(error).__name__}: {error}"[:300]

    def _document(self, made: Mutant, one: Accepted, batch: Batch) -> Iterator[str]:
        is_facturx = one.kind == "facturx"
        if is_facturx:
            try:
                held = again.embedded_in(one.document)
            except Exception:  # neither does pypdf
                batch.silent["pypdf"] += 1
            else:
                if not held:  # it stops at what qpdf mends
                    batch.silent["pypdf"] += 1
                elif set(held) != {one.xml}:  # the tree of names may hold the same file twice
                    yield f"{one.member}: pypdf finds {len(held)} files factur-x.xml, or another content"
        root = again.read(one.xml)
        guideline = "" if root.tag == "CPPFactureMixte" else again.guideline_of(root)
        shape = again.wrong_shape(one.xml, again.schemas_of(root, guideline, is_facturx=is_facturx))
        yield from (f"{one.member}: {wrong}" for wrong in shape)
        yield from (f"{one.member}: {wrong}" for wrong in _amounts(root, guideline, one))
        pack = again.pack_of(root, guideline)
        if pack:
            batch.saxon[pack] += 1
            self._official.add(
                official.Asked(made.number, pack, official.text_of(one.xml), guideline in again.PROFILES)
            )


def _amounts(root: ET.Element, guideline: str, one: Accepted) -> Iterator[str]:
    """What the product read of each invoice against what stands there, and the sums again."""
    known = {given.number: given for given in again.invoices_of(root)}
    for invoice in one.invoices:
        number = invoice.number.text if invoice.number else ""
        given = known.get(number)
        if given is None:
            yield f"number {number!r} was read, {sorted(known)} stand there"
            continue
        if (invoice.currency, [invoice.total]) != (given.currency, given.gross[:1]):
            yield f"{number}: {invoice.total} {invoice.currency} was read, {given.gross} {given.currency} stands there"
        yield from (f"{number}: {wrong}" for wrong in again.wrong_sums(given, is_minimum="minimum" in guideline))
        yield from (f"{number}: {wrong}" for wrong in again.wrong_day(given.issued, NOON.date()))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fuzz.worker", description=__doc__)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--progress", type=Path, required=True)
    chosen = parser.parse_args()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    progress = Progress(chosen.progress)
    with Product() as product:
        worker = Worker(chosen.seed, product, progress)
        try:
            for line in sys.stdin:
                asked = json.loads(line)
                began = time.monotonic()
                batch = worker.run(asked["first"], asked["last"])
                batch.seconds = time.monotonic() - began
                answers.write(batch.as_line() + "\n")
                answers.flush()
        finally:
            worker.close()


if __name__ == "__main__":
    main()
