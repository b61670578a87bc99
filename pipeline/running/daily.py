"""The daily files of rejects: one per partner, issuer and closed day; what comes later goes to `-02`, and so on."""

from collections.abc import Sequence
from datetime import date

from pipeline.adapters.ledger import claims, now_ms, rejects
from pipeline.adapters.ledger.rejects import RejectedRow
from pipeline.adapters.ledger.rows import Partner
from pipeline.model import PARIS
from pipeline.returns import rejects_of_the_day as daily_file
from pipeline.running import deliver
from pipeline.running.answer import REJECTS, Writer
from pipeline.running.home import Home
from pipeline.running.lease import Lease
from pipeline.running.summary import RunSummary


def write_rejects(home: Home, partners: dict[str, Partner], summary: RunSummary, *, send: bool = True) -> None:
    """Write the rejects of every day that is over in Paris and that no file has told yet."""
    today = home.clock.now().astimezone(PARIS).date()
    with home.ledger.reading() as db:
        if not rejects.is_due(db, today):
            return
    token, limits = home.presence.token, home.settings.work
    lot = home.ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, token, now_ms(db), limits))
    if lot is None:
        return
    with Lease(home, lot) as lease:
        with home.ledger.reading() as db:
            due = rejects.due(db, today)
        writer = Writer(home.store, home.settings.ours, {}, home.settings.default_receiver)
        try:
            files = []
            by_name: dict[tuple[str, str, date], list[tuple[str, RejectedRow]]] = {}
            for (partner, supplier, day), rows in due.items():
                key = partner, daily_file.issuer(supplier), day  # "CH 12" and "CH.12" have one name, hence one file
                by_name.setdefault(key, []).extend((supplier, row) for row in rows)
            for (partner, issuer, day), told in by_name.items():
                lang = partners[partner].lang if partner in partners else "fr"
                told.sort(key=lambda one: (one[1].deposit_id, one[1].rank))
                files.append(_file(home, writer, partner, issuer, day, told, lang))
            writer.keep()
            at = home.clock.now()
            lease.write(lambda db: rejects.record(db, lot, files, at))
        finally:
            writer.drop()
        if send:
            deliver.send(home, lease, summary)


def _file(
    home: Home,
    writer: Writer,
    partner: str,
    issuer: str,
    day: date,
    told: Sequence[tuple[str, RejectedRow]],
    lang: str,
) -> rejects.DailyFile:
    with home.ledger.reading() as db:
        part = rejects.next_part(db, partner, issuer, day)
    name = daily_file.name(partner, issuer, day, part)
    rows = [row for _, row in told]
    lines = [
        daily_file.reject(f, row.flow_name, day, supplier=supplier, number=row.number, lang=lang)
        for supplier, row in told
        for f in row.findings
    ]
    to_send = writer.answer(partner, None, REJECTS, name, daily_file.render(lines))
    return rejects.DailyFile(partner, issuer, day, part, to_send, tuple((r.deposit_id, r.rank) for r in rows))
