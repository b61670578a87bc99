"""The story of an invoice, and of the rows of a file of changes, for people: what happened, when, whose word it was."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import typer

from pipeline.cli.layout import columns, paragraph, shown
from pipeline.cli.options import Lang
from pipeline.cli.words import ACTORS, OUTCOMES, ROW_OUTCOMES
from pipeline.plural import counted

if TYPE_CHECKING:
    from pipeline.adapters.ledger.history import (
        ControlRow,
        Intake,
        Linked,
        RawStatus,
        Rerouting,
        SentFile,
        Source,
        Step,
        TakenRow,
    )
    from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
    from pipeline.model import Finding

_LABELS = {
    Lang.FR: {
        "flow": "Flux", "invoice": "facture n°", "dropped": "Déposé", "by": "par", "sha256": "SHA-256",
        "recipient": "Destinataire", "service": "Service", "commitment": "Engagement", "receiver": "Remise à",
        "total": "Total TTC", "pending": "En attente", "since": "depuis le", "decided": "Décision",
        "history": "Historique", "told": "annoncé à l'émetteur par", "untold": "pas encore annoncé à l'émetteur",
        "asked": "demandé par", "row": "ligne", "command": "commande de", "mandate": "mandat", "raw": "statut brut",
        "rerouted": "recyclée :", "none": "sans service", "added": "pièce ajoutée :", "bytes": "octets",
        "handled": "Rejet traité", "credit_note": "avoir", "corrective": "facture de remplacement",
        "is credit_note": "Avoir de", "is corrective": "Remplace", "files": "Fichiers", "sent": "envoyé",
        "to send": "à envoyer", "in doubt": "en doute", "rows": "Lignes", "read": "lue", "becomes": "Devient",
        "what": "Facture", "statuses": "Statuts", "rules": "Règles", "stands": "Statut",
        "control": "Annoncés", "count": "Factures",
    },
    Lang.EN: {
        "flow": "Flow", "invoice": "invoice no.", "dropped": "Dropped", "by": "by", "sha256": "SHA-256",
        "recipient": "Recipient", "service": "Service", "commitment": "Commitment", "receiver": "Delivered to",
        "total": "Total", "pending": "Pending", "since": "since", "decided": "Decision",
        "history": "History", "told": "told to the issuer by", "untold": "not told to the issuer yet",
        "asked": "asked for by", "row": "row", "command": "command of", "mandate": "payment order",
        "raw": "raw status", "rerouted": "recycled:", "none": "no service", "added": "file added:", "bytes": "bytes",
        "handled": "Reject handled", "credit_note": "credit note", "corrective": "new invoice",
        "is credit_note": "Credit note of", "is corrective": "Replaces", "files": "Files", "sent": "sent",
        "to send": "to be sent", "in doubt": "in doubt", "rows": "Rows", "read": "read", "becomes": "Becomes",
        "what": "Invoice", "statuses": "Statuses", "rules": "Rules", "stands": "Status",
        "control": "Announced", "count": "Invoices",
    },
}  # fmt: skip
_TIME = 22  # columns of a moment and the blank after it
_STATUS = 36  # and of a status


# --- an invoice -------------------------------------------------------------------------------------------------------


def print_invoice(invoice: "InvoiceStatus", lang: Lang, *, is_alone: bool) -> None:
    """`is_alone`: it was asked for itself, and the files of its flow are not told elsewhere."""
    labels = _LABELS[lang]
    outcome = OUTCOMES[lang].get(invoice.outcome, invoice.outcome)
    title = f"  {shown(invoice.supplier)}/{shown(invoice.number)}  {outcome}"
    typer.echo(typer.style(f"{title} : {_status(invoice.status)}" if invoice.status else title, bold=True))
    now = invoice.reroutings[-1] if invoice.reroutings else invoice
    name = now.recipient_name
    decided = invoice.decided
    for label, text in (
        ("flow", f"{invoice.flow_name}, {labels['invoice']} {invoice.rank}"),
        ("dropped", f"{local(invoice.received_at)} (Paris) {labels['by']} {invoice.partner}" if is_alone else ""),
        ("sha256", invoice.sha256 if is_alone else ""),
        ("recipient", f"{now.recipient} {name}".strip()),
        ("service", now.service),
        ("commitment", now.commitment),
        ("receiver", now.receiver if is_alone else ""),
        ("total", f"{invoice.total} {invoice.currency}" if invoice.total else ""),
        ("pending", f"{labels['since']} {local(invoice.pending_since)}" if invoice.pending_since else ""),
        ("decided", f"{decided.choice}, {decided.operator} : {decided.reason}" if decided else ""),
    ):
        if text:
            typer.echo(paragraph(labels[label], shown(text), indent=4))
    print_findings(invoice.findings, lang, indent=4)
    _print_history(invoice, lang)
    _print_chain(invoice, lang)
    if is_alone and invoice.files:
        typer.echo(f"    {labels['files']}")
        for file in invoice.files:
            print_file(file, lang, indent=6)


def _print_history(invoice: "InvoiceStatus", lang: Lang) -> None:
    """Every status in its order; one that has no label beside those that came with it."""
    if not (invoice.history or invoice.raw_statuses):
        return
    typer.echo(f"    {_LABELS[lang]['history']}")
    raw = sorted(invoice.raw_statuses, key=lambda one: (one.at, one.ordinal))
    for step in invoice.history:
        while raw and raw[0].at < step.at:
            _print_raw(raw.pop(0), lang)
        _print_step(invoice, step, lang)
    for one in raw:
        _print_raw(one, lang)


def _print_step(invoice: "InvoiceStatus", step: "Step", lang: Lang) -> None:
    labels = _LABELS[lang]
    _print_moment(step.at, _status(step.status), ACTORS[lang].get(step.set_by, step.set_by))
    is_change = step.source is not None or bool(step.operator) or bool(step.producer)
    for rerouting in invoice.reroutings:
        if rerouting.sequence == step.sequence:
            _print_beside(f"{labels['rerouted']} {_way(rerouting, labels['none'])}")
    for file in invoice.added_files:
        if file.sequence == step.sequence:
            size = f"{file.size_bytes} {labels['bytes']}"
            _print_beside(f"{labels['added']} {file.name} ({size}, SHA-256 {file.sha256})")
    for text in (
        f"{step.reason} : {step.comment}".strip(" :") if step.reason or step.comment else "",
        f"{labels['mandate']} {step.mandate}" if step.mandate else "",
        _asked(step.source, step.operator, lang),
        (f"{labels['told']} {step.told_in}" if step.told_in else labels["untold"]) if is_change else "",
    ):
        if text:
            _print_beside(text)


def _print_raw(one: "RawStatus", lang: Lang) -> None:
    _print_moment(one.at, f"{_status(one.code)}, {_LABELS[lang]['raw']}", one.producer)
    for text in (one.comment, _asked(one.source, "", lang)):
        if text:
            _print_beside(text)


def _print_moment(at: datetime, status: str, actor: str) -> None:
    typer.echo(f"      {local(at)}  {shown(status).ljust(_STATUS)} {shown(actor)}".rstrip())


def _print_beside(text: str) -> None:
    typer.echo(paragraph("", shown(text), indent=6 + _TIME - 1 - 14))


def _asked(source: "Source | None", operator: str, lang: Lang) -> str:
    labels = _LABELS[lang]
    if source is not None:
        return f"{labels['asked']} {source.flow_name}, {labels['row']} {source.row} ({source.partner})"
    return f"{labels['command']} {operator}" if operator else ""


def _way(one: "Rerouting", none: str) -> str:
    def place(recipient: str, service: str, commitment: str) -> str:
        return " ".join(part for part in (f"{recipient}/{service or none}", commitment) if part)

    before = place(one.from_recipient, one.from_service, one.from_commitment)
    return f"{before} -> {place(one.recipient, one.service, one.commitment)} ({one.snapshot})"


def _print_chain(invoice: "InvoiceStatus", lang: Lang) -> None:
    """A reject that was dealt with, from either end."""
    labels, handled = _LABELS[lang], invoice.handled
    if handled is not None:
        told = [f"{local(handled.at)}", f"{handled.reason} : {handled.comment}".strip(" :")]
        told += [f"{labels['credit_note']} {_named(handled.credit_note)}"] if handled.credit_note else []
        told += [f"{labels['corrective']} {_named(handled.corrective)}"] if handled.corrective else []
        told.append(_asked(handled.source, handled.operator, lang))
        typer.echo(paragraph(labels["handled"], shown(", ".join(filter(None, told))), indent=4))
    for one in invoice.replaces:
        typer.echo(paragraph(labels[f"is {one.role}"], shown(_named(one.original)), indent=4))


def _named(one: "Linked") -> str:
    return f"{one.supplier}/{one.number} ({one.total} {one.currency}, {one.flow_name})"


def _status(code: str) -> str:
    from pipeline.lifecycle import LABELS

    return f"{code} {LABELS.get(code, '(libellé non publié)')}"


# --- a file of changes ------------------------------------------------------------------------------------------------


def print_rows(flow: "FlowStatus", lang: Lang) -> None:
    """What became of each of its rows."""
    if flow.intake is None:
        return
    labels = _LABELS[lang]
    typer.echo(paragraph(labels["rows"], _counts(flow.intake, lang)))
    if flow.controls:
        typer.echo("\n" + _control_table(flow.controls, lang))
    rows = [one for one in flow.rows if not (flow.controls and one.outcome == "applied")]
    if rows:
        typer.echo("\n" + _row_table(rows, lang))
    for row in rows:
        for rule, text in _said(row.findings, lang):
            typer.echo(paragraph(rule, f"{labels['row']} {row.row} : {text}"))


def _counts(intake: "Intake", lang: Lang) -> str:
    words = ROW_OUTCOMES[lang]
    several = [(intake.read, _LABELS[lang]["read"])]
    several += [(getattr(intake, outcome), words[outcome]) for outcome in ("applied", "repeated", "kept", "refused")]
    if lang is Lang.FR:
        return ", ".join(counted(count, word) for count, word in several if count)
    return ", ".join(f"{count} {word}" for count, word in several if count)


def _row_table(rows: "Iterable[TakenRow]", lang: Lang) -> str:
    labels = _LABELS[lang]
    table = [tuple(labels[name].capitalize() for name in ("row", "becomes", "what", "statuses", "rules"))]
    for row in rows:
        invoice = f"{row.invoice.supplier}/{row.invoice.number}" if row.invoice else ""
        rules = ", ".join(dict.fromkeys(one.rule for one in row.findings))
        outcome = ROW_OUTCOMES[lang].get(row.outcome, row.outcome)
        table.append((str(row.row), outcome, shown(invoice), " ".join(row.statuses), rules))
    return columns(table, right=frozenset({0}))


def _control_table(rows: "Iterable[ControlRow]", lang: Lang) -> str:
    labels = _LABELS[lang]
    table = [(labels["row"].capitalize(), labels["flow"], labels["sha256"], labels["count"], labels["total"])]
    table += [
        (str(one.position), shown(one.flow), one.sha256[:16], str(one.invoices), f"{one.total} {one.currency}".strip())
        for one in rows
    ]
    return columns(table, right=frozenset({0, 3, 4}))


# --- in common --------------------------------------------------------------------------------------------------------


def print_file(file: "SentFile", lang: Lang, *, indent: int) -> None:
    """One file that leaves: what it is, whether it left, and its digest."""
    state = _LABELS[lang][{"sent": "sent", "held": "in doubt"}.get(file.state, "to send")]
    typer.echo(paragraph(file.kind, f"{file.place}/out/{file.name}, {state}", indent=indent))
    typer.echo(paragraph("", f"SHA-256 {file.sha256}", indent=indent))


def print_findings(findings: "Iterable[Finding]", lang: Lang, *, indent: int) -> None:
    for rule, text in _said(findings, lang):
        typer.echo(paragraph(rule, text, indent=indent))


def _said(findings: "Iterable[Finding]", lang: Lang) -> Iterator[tuple[str, str]]:
    from pipeline.returns import message

    for finding in findings:
        if finding.severity != "info":
            yield finding.rule, shown(message.text(finding, lang.value))


def local(at: datetime) -> str:
    """A moment in Paris, to the second."""
    from pipeline.model import PARIS

    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M:%S}"
