"""What we told, read back from the store: the reports of a day beside the ledger, and what its pivots carry.

All of them on an ordinary day; on a huge one as many as the settings allow, chosen by the night, and the count says so.
"""

import hashlib
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TypeVar

from pipeline.adapters.ledger import Connection
from pipeline.adapters.ledger.night import answers
from pipeline.adapters.ledger.night.answers import Answered
from pipeline.model import PARIS
from pipeline.plural import counted
from pipeline.ports import Said
from pipeline.reconcile import compared
from pipeline.reconcile.night import Against, Difference, Kind, difference
from pipeline.returns import told
from pipeline.returns.report_rows import FUNCTIONAL, TECHNICAL
from pipeline.running.home import Home
from pipeline.running.lanes import each

T = TypeVar("T")
_COUNT = re.compile(rb'<CPPFactures Compteur="([0-9]+)">')
_WHOLE_BYTES = 64 << 20  # no report is larger


def reports(home: Home, db: Connection, day: str) -> tuple[Against, list[Difference]]:
    """Each stored report says what the ledger says. One that is gone or altered is named by whoever looks at bytes."""
    total = answers.count_answered(db, day)
    found: list[Difference] = []
    count = 0

    def read(one: Answered) -> bytes | None:
        try:
            with home.store.open(one.owner, one.sha256) as file:
                return file.read(_WHOLE_BYTES)
        except FileNotFoundError:
            return None

    for one, document in each(home.store.lanes, read, _sample(home, answers.answered(db, day), total)):
        if isinstance(document, OSError):
            raise document
        count += 1
        if document is None or hashlib.sha256(document).hexdigest() != one.sha256:
            continue
        difference_ = _compared(one, document)
        if difference_ is not None:
            found.append(difference_)
    return _against("reports", count, total), found


def _compared(one: Answered, document: bytes) -> Difference | None:
    file = f"{one.owner}/{one.sha256}"
    report = told.report(document)
    if report is None or (report.received.partner, report.received.name) != (one.flow.partner, one.flow.name):
        return difference(
            Kind.REPORT_DIFFERS, "ce qui est archivé n'est pas le compte rendu de ce flux",
            "what is stored is not the report of this flow", partner=one.flow.partner, flow=one.flow.name, file=file,
        )  # fmt: skip
    said = compared.Told(
        report.state.value, compared.outcomes_in(report.comment),
        sum(line.nature in {TECHNICAL, FUNCTIONAL} for line in report.lines), report.count != len(report.lines),
    )  # fmt: skip
    booked = compared.Answer(
        one.state, one.integrated, one.refused, one.pending, one.decided_later, one.refusals, one.is_of_changes
    )
    return compared.report(
        booked, said, partner=one.flow.partner, flow=one.flow.name, file=file, since=one.flow.received_at
    )


def pivots(home: Home, db: Connection, day: str) -> tuple[Against, list[Difference]]:
    """Every integrated invoice went into a pivot of its flow for its receiver, and the pivots carry as many."""
    files: dict[tuple[int, str], list[str]] = defaultdict(list)
    for deposit, receiver, sha256 in answers.pivot_files(db, day):
        files[deposit, receiver].append(sha256)
    found: list[Difference] = []
    wanted: list[answers.Delivery] = []
    total = sum(len(several) for several in files.values())
    for one in chain(answers.deliveries(db, day), answers.redeliveries(db, day)):
        if not one.files:
            found.append(
                difference(
                    Kind.PIVOT_MISSING,
                    f"{counted(one.invoices, ('facture intégrée', 'factures intégrées'))} pour {one.receiver}, "
                    "aucun pivot",
                    f"{counted(one.invoices, 'invoice', 'en')} integrated for {one.receiver}, no pivot",
                    partner=one.flow.partner, flow=one.flow.name, since=one.flow.received_at, count=one.invoices,
                )
            )  # fmt: skip
        else:
            wanted.append(one)

    def carried(one: answers.Delivery) -> int | None:
        """None where a file cannot say it: that is told elsewhere."""
        several = 0
        for sha256 in files[one.flow.deposit, one.receiver]:
            try:
                with home.store.open(one.receiver, sha256) as file:
                    match = _COUNT.search(file.read(told.HEAD_BYTES))
            except FileNotFoundError:
                return None
            if match is None:
                return None
            several += int(match[1])
        return several

    read = 0
    for one, count in each(home.store.lanes, carried, _sample(home, iter(wanted), len(wanted))):
        if isinstance(count, OSError):
            raise count
        read += one.files
        if count is not None:
            wrong = compared.pivot(
                one.invoices, count, partner=one.flow.partner, flow=one.flow.name, receiver=one.receiver
            )
            found += [wrong] if wrong is not None else []
    return _against("pivots", read, total), found


def _sample(home: Home, every: Iterable[T], total: int) -> Iterator[T]:
    """All of them, or every n-th from a place that the night chooses, within the seconds of the settings."""
    limits = home.settings.reconcile
    step = max(1, -(-total // limits.answers_max)) if limits.answers_max else total + 1
    first = home.clock.now().astimezone(PARIS).date().toordinal() % step
    until = time.monotonic() + limits.answers_s
    for place, one in enumerate(every):
        if place % step == first:
            if time.monotonic() > until:
                return
            yield one


def _against(source: str, count: int, total: int) -> Against:
    if count == total:
        return Against(source, Said(f"{counted(count, 'relu')}, tous", f"{count} read again, all of them"), count)
    part = Said(f"{counted(count, 'relu')} sur {total}, un échantillon", f"{count} of {total} read again, a sample")
    return Against(source, part, count)
