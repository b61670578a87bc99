"""What the tests of actions share: invoices that were integrated, the word of their recipients, and action files."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
from change_files import Entry, status_file, status_flow
from sqlalchemy import event, select

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import tables as t
from pipeline.running.home import Home
from pipeline.settings import load

ACTION, SECOND = "ACT9001A", "REC004"
DAY = date(2026, 11, 1)


def ready(path: Path, reader: tuple[str, ...] = (), at: datetime = homes.NOON, **given: Any) -> Home:
    """An issuer that drops actions, two recipients with a connection of their own, another issuer, a directory."""
    path.mkdir(parents=True, exist_ok=True)
    home = homes.open_home(path, at, settings=load(path, ours="CPP001", readers=1, **given), reader=reader)
    runner.add_partner(home, homes.partner(flows=(ACTION,)))
    runner.add_partner(home, homes.partner(homes.OTHER, flows=(ACTION,)))
    runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
    runner.add_partner(home, homes.partner(SECOND, receives=((homes.NEEDS_BOTH, ""),)))
    runner.import_directory(home, homes.directory(path / "annuaire"), DAY)
    return home


def run(home: Home) -> runner.RunSummary:
    done = runner.run(home)
    assert not done.faults, [str(fault) for fault in done.faults]
    return done


@contextmanager
def statements(home: Home) -> Iterator[list[str]]:
    """Every statement that goes to the ledger meanwhile."""
    told: list[str] = []

    def hear(_db: object, _cursor: object, statement: str, *_: object) -> None:
        told.append(statement)

    event.listen(home.ledger.engine, "before_cursor_execute", hear)
    try:
        yield told
    finally:
        event.remove(home.ledger.engine, "before_cursor_execute", hear)


def integrate(
    home: Home, documents: Sequence[tuple[str, bytes]], sequence: int = 1, partner: str = homes.PARTNER
) -> None:
    """One flow of these invoices (number, document)."""
    name = homes.flow_name(sequence, partner=partner)
    packed = homes.archive((f"{number}.xml", document) for number, document in documents)
    homes.drop(home, name, packed, partner)
    run(home)


def tell(home: Home, status: int, numbers: Iterable[str], sequence: int, after: timedelta = timedelta(hours=1)) -> None:
    """The recipient of these invoices sets a status."""
    later(home, after)
    when = home.clock.now()
    document = status_file([Entry.sound(number, status, when) for number in numbers])
    homes.drop(home, status_flow(sequence), document, homes.RECEIVER)
    run(home)


def later(home: Home, by: timedelta) -> None:
    home.clock = FixedClock(home.clock.now() + by)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], separator: str = ";") -> bytes:
    """An action file as a spreadsheet writes it."""
    written = io.StringIO()
    writer = csv.writer(written, delimiter=separator, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return b"\xef\xbb\xbf" + written.getvalue().encode()


def act(home: Home, document: bytes, sequence: int = 1, partner: str = homes.PARTNER) -> str:
    """Drop an action file and run; the report that answers it."""
    before = set(homes.out(home, partner))
    homes.drop(home, homes.flow_name(sequence, ACTION, partner), document, partner)
    run(home)
    (report,) = (
        body for name, body in homes.out(home, partner).items() if name.startswith("CSO9001") and name not in before
    )
    return report.decode()


def stand(home: Home) -> dict[str, str]:
    """Number -> status of every invoice that entered."""
    i = t.invoices
    with home.ledger.reading() as db:
        rows = db.execute(select(i.c.number, i.c.status).where(i.c.status != ""))
        return {r.number: r.status for r in rows}


def pivots(home: Home, receiver: str) -> list[bytes]:
    """What stands in the folder of a receiver, in the order of the names."""
    return [body for _, body in sorted(homes.out(home, receiver, "recipients").items())]
