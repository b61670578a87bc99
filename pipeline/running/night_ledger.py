"""The differences that rows alone tell: sums, numbers, histories, reports, pivots, files of changes, announcements."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from pipeline.adapters.ledger import Connection, now_ms, telling
from pipeline.adapters.ledger import invariants as rows
from pipeline.adapters.ledger.day import PIVOT
from pipeline.adapters.ledger.night import announced, differences
from pipeline.plural import counted
from pipeline.ports import Said
from pipeline.reconcile import compared
from pipeline.reconcile.night import Against, Difference, Kind, difference
from pipeline.running.home import Home

NAMED = 10_000  # invoices of one group that are named one by one; the others are counted


def of_rows(home: Home, db: Connection, day: str) -> Iterator[Difference | None]:
    """Everything of one day that does not add up in the ledger itself, and what waits for too long."""
    now, limits = home.clock.now(), home.settings.reconcile
    late = now - timedelta(minutes=limits.report_minutes)
    yield from compared.flows(rows.read(db, day), rows.booked(db, day))
    yield from _doubled(db, day)
    yield from _histories(db, day)
    for flow in differences.waiting_too_long(db, day, late):
        yield difference(
            Kind.UNANSWERED, "reçu, et toujours sans réponse", "received, and not answered yet", partner=flow.partner,
            flow=flow.name, since=flow.received_at,
        )  # fmt: skip
    for flow in differences.report_counts(db, day):
        kind = Kind.REPORT_TWICE if flow.number else Kind.REPORT_MISSING
        yield difference(
            kind, f"{counted(flow.number, ('compte rendu', 'comptes rendus'))} pour ce flux",
            counted(flow.number, "report for this flow", "en"),
            partner=flow.partner, flow=flow.name, since=flow.received_at,
        )  # fmt: skip
    for flow, what in differences.unsent_answers(db, day, late):
        yield difference(
            Kind.PIVOT_UNSENT if what == PIVOT else Kind.REPORT_UNSENT, f"{flow.what} n'est pas envoyé",
            f"{flow.what} was not sent", partner=flow.partner, flow=flow.name, file=flow.what, since=flow.received_at,
        )  # fmt: skip
    yield from _silent(home, db)
    yield from _untold(home, db)
    expired, _ = differences.expired(db, now_ms(db))
    for lot in expired:
        yield difference(
            Kind.LEASE_OVER, f"lot {lot.lot} ({lot.kind}), bail fini", f"lot {lot.lot} ({lot.kind}), its lease is over",
            partner=lot.partner, since=lot.until,
        )  # fmt: skip


def _doubled(db: Connection, day: str) -> Iterator[Difference]:
    for one in differences.doubled(db, day):
        yield difference(
            Kind.NUMBER_TWICE, f"facture {one.rank} du flux : son numéro est déjà celui d'une autre, intégrée",
            f"invoice {one.rank} of the flow: its number is that of another one, integrated", partner=one.partner,
            flow=one.flow, invoice=f"{one.supplier}/{one.number}", millionths=one.millionths, currency=one.currency,
        )  # fmt: skip


def _histories(db: Connection, day: str) -> Iterator[Difference]:
    wrong = [
        (one, kind)
        for one in differences.histories(db, day)
        if (kind := compared.history(one.outcome, one.status, is_of_then=one.is_of_then, steps=one.steps)) is not None
    ]
    for group, kind in wrong:
        path = " ".join(status for _, status in group.steps)
        said = Said(
            f"{group.outcome}, statut {group.status or 'aucun'}, historique {path or 'vide'}",
            f"{group.outcome}, status {group.status or 'none'}, history {path or 'empty'}",
        )
        for one in islice(differences.with_history(db, day, group), NAMED):
            yield difference(
                kind, said.fr, said.en, partner=one.partner, flow=one.flow, invoice=f"{one.supplier}/{one.number}",
                millionths=one.millionths, currency=one.currency,
            )  # fmt: skip
        if group.invoices > NAMED:
            rest = group.invoices - NAMED
            yield difference(kind, f"{said.fr}, et {rest} de plus", f"{said.en}, and {rest} more", count=rest)


def _silent(home: Home, db: Connection) -> Iterator[Difference]:
    days = home.settings.watch.silent_days
    for flow, receiver in differences.silent(db, home.clock.now() - timedelta(days=days)):
        yield difference(
            Kind.NO_STATUS,
            f"{counted(flow.number, ('facture remise', 'factures remises'))} à {receiver}, "
            f"sans statut depuis {days} j ou plus",
            f"{counted(flow.number, 'invoice', 'en')} delivered to {receiver}, "
            f"no status for {counted(days, 'day', 'en')} or more",
            partner=receiver, flow=flow.name, since=flow.received_at, count=flow.number,
        )  # fmt: skip


def _untold(home: Home, db: Connection) -> Iterator[Difference]:
    late = home.clock.now() - timedelta(minutes=home.settings.returns.late_minutes)
    for one in telling.untold(db):
        if one.oldest < late:
            yield difference(
                Kind.STATUS_UNTOLD, counted(one.count, "changement de statut dont l'émetteur ne sait rien"),
                counted(one.count, "change of status that the issuer has not heard of", "en"), partner=one.issuer,
                since=one.oldest, count=one.count,
            )  # fmt: skip


def files_of_changes(db: Connection, day: str) -> tuple[Against, list[Difference]]:
    """Status and action files: what their reports said was applied stands in the ledger."""
    found, files, count = [], 0, 0
    for one in differences.files_of_changes(db, day):
        files, rows = files + 1, one.rows
        count += rows.read
        wrong = compared.file_of_changes(
            rows.read, rows.applied, rows.repeated, rows.kept, rows.refused, changed=one.changed, events=one.events,
            partner=one.flow.partner, flow=one.flow.name,
        )  # fmt: skip
        found += [wrong] if wrong is not None else []
    said = Said(
        f"{counted(files, 'fichier')}, {counted(count, 'ligne')}",
        f"{counted(files, 'file', 'en')}, {counted(count, 'row', 'en')}",
    )
    return Against("statuses", said, count), found


def controls(db: Connection, day: str) -> tuple[Against, list[Difference]]:
    """What issuers announced, beside what came."""
    files, count = announced.count_controls(db, day)
    found = [
        one
        for row in announced.announced(db, day)
        for one in compared.control(
            partner=row.partner, control_file=row.control, flow=row.flow, sha256=row.sha256, invoices=row.invoices,
            millionths=row.millionths, currency=row.currency, received_sha256=row.received_sha256, state=row.state,
            declared=row.declared,
        )
    ]  # fmt: skip
    if files:
        found += [
            difference(
                Kind.CONTROL_UNANNOUNCED, "reçu, et aucun fichier de contrôle de l'émetteur ne l'annonce",
                "received, and no control file of its issuer announces it", partner=flow.partner, flow=flow.name,
                since=flow.received_at,
            )
            for flow in announced.unannounced(db, day)
        ]  # fmt: skip
    said = Said(
        f"{counted(files, 'fichier')}, {counted(count, ('flux annoncé', 'flux annoncés'))}",
        f"{counted(files, 'file', 'en')}, {counted(count, 'flow announced', 'en')}",
    )
    if not files:
        said = Said("aucun fichier de contrôle ce jour-là", "no control file on that day")
    return Against("controls", said, count), found
