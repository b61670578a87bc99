"""`recycle`, `complete`, `handle-reject`: what issuers do about invoices that were sent back. `todo`: which ones."""

import csv
import io
import sys
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import json_line, paragraph, shown, width
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption, existing
from pipeline.plural import counted

if TYPE_CHECKING:
    from pipeline.model import ActionKind
    from pipeline.running.actions import Told, Wish
    from pipeline.running.todo import WorkItem

InvoiceArgument = Annotated[str, typer.Argument(help="FOURNISSEUR/NUMÉRO[/ANNÉE]")]
CommentOption = Annotated[str | None, typer.Option("--comment", help="commentaire pour le destinataire")]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="montrer le verdict sans rien écrire")]
_WORDS = {
    Lang.FR: {
        "applied": "applicable", "refused": "refusé", "repeated": "déjà fait", "recipient": "Destinataire",
        "service": "Service", "commitment": "Engagement", "receiver": "Reçu par", "directory": "Annuaire",
        "files": "Pièces", "credit": "Avoir", "corrective": "Rectificative", "total": "Total TTC",
        "before": "avant : {}", "none": "aucun", "dry": "essai à blanc : rien n'est écrit",
        "done": "appliqué, statut {} ; chorus-edi run envoie {}", "handled": "rejet noté comme traité",
        "status": "Statut", "unchanged": "inchangé", "pivot": "le pivot", "pivots": "les pivots",
    },
    Lang.EN: {
        "applied": "applicable", "refused": "refused", "repeated": "done already", "recipient": "Recipient",
        "service": "Service", "commitment": "Commitment", "receiver": "Received by", "directory": "Directory",
        "files": "Files", "credit": "Credit note", "corrective": "Corrective", "total": "Total",
        "before": "before: {}", "none": "none", "dry": "dry run: nothing is written",
        "done": "applied, status {}; `chorus-edi run` sends {}", "handled": "reject noted as handled",
        "status": "Status", "unchanged": "unchanged", "pivot": "the pivot", "pivots": "the pivots",
    },
}  # fmt: skip


def recycle(
    invoice: InvoiceArgument,
    recipient: Annotated[str | None, typer.Option("--recipient", help="SIRET du nouveau destinataire")] = None,
    service: Annotated[str | None, typer.Option("--service", help="code du service ; '' le retire")] = None,
    commitment: Annotated[str | None, typer.Option("--commitment", help="numéro d'engagement ; '' le retire")] = None,
    comment: CommentOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Recycler une facture « à recycler » (04) : destinataire, service, engagement, commentaire ; même numéro."""
    from pipeline.model import ActionKind
    from pipeline.running.actions import Wish

    if recipient is None and service is None and commitment is None and comment is None:
        raise UsageError("recycle : dire ce qui change : --recipient, --service, --commitment ou --comment")
    wish = Wish(ActionKind.RECYCLE, recipient, service, commitment, comment)
    _act(home, invoice, wish, dry_run=dry_run, format=format, lang=lang)


def complete(
    invoice: InvoiceArgument,
    attach: Annotated[list[Path] | None, typer.Option("--attach", help="pièce jointe ; répéter pour plusieurs")] = None,
    comment: CommentOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Compléter une facture suspendue (06) : pièces jointes et commentaire ; elle devient complétée (12)."""
    from pipeline.model import ActionKind
    from pipeline.running.actions import Wish

    files = tuple(existing(attach or []))
    if not files and not comment:
        raise UsageError("complete : donner au moins --attach FICHIER ou --comment TEXTE")
    for path in files:
        if not path.is_file():
            raise UsageError(f"{path} : ce n'est pas un fichier ordinaire")
    _act(home, invoice, Wish(ActionKind.COMPLETE, comment=comment, attach=files), dry_run=dry_run, format=format,
         lang=lang)  # fmt: skip


def handle_reject(
    invoice: InvoiceArgument,
    reason: Annotated[str, typer.Option("--reason", help="motif du rejet, ou ce qui a été fait")],
    credit_note: Annotated[str | None, typer.Option("--credit-note", help="numéro de l'avoir qui l'annule")] = None,
    corrective: Annotated[
        str | None, typer.Option("--corrective", help="numéro de la facture qui la remplace, un numéro neuf")
    ] = None,
    comment: CommentOption = None,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Noter un rejet (05) comme traité : motif, avoir, facture rectificative ; le statut reste 05."""
    from pipeline.model import ActionKind
    from pipeline.running.actions import Wish

    wish = Wish(
        ActionKind.HANDLE_REJECT, comment=comment, reason=reason, credit_note=credit_note, corrective=corrective
    )
    _act(home, invoice, wish, dry_run=dry_run, format=format, lang=lang)


def _act(home: Path | None, what: str, wish: "Wish", *, dry_run: bool, format: Format, lang: Lang) -> None:
    """Show the verdict, then apply it unless this is a dry run; what is refused leaves with code 1."""
    from pipeline.model import RowOutcome
    from pipeline.running.actions import NotMeant, ask

    with existing_home(home) as place:
        try:
            action = ask(place, what, wish)
        except NotMeant as meant:
            if format is Format.JSON:
                typer.echo(json_line({"invoice": what, "action": wish.action.value, "outcome": "unknown",
                                      "message": meant.said.in_words(lang.value)}))  # fmt: skip
            else:
                typer.echo(shown(meant.said.in_words(lang.value)))
            raise typer.Exit(REFUSED) from None
        told = action.judged()
        if format is Format.TEXT:
            for line in _lines(told, wish.action, lang):
                typer.echo(line)
        if not dry_run and told.row.outcome is RowOutcome.APPLIED:
            told = action.apply()
            if format is Format.TEXT:
                for line in _done(told, wish.action, lang):
                    typer.echo(line)
    if format is Format.JSON:
        typer.echo(json_line(_as_json(told, wish.action, lang, is_dry=dry_run)))
    elif dry_run and told.row.outcome is RowOutcome.APPLIED:
        typer.echo(f"  {_WORDS[lang]['dry']}")
    if told.row.outcome is RowOutcome.REFUSED:
        raise typer.Exit(REFUSED)


def _lines(told: "Told", action: "ActionKind", lang: Lang) -> Iterator[str]:
    """The verdict for people: what it would become, and every finding with its remedy."""
    from pipeline.cli.verdicts import finding_lines
    from pipeline.codes import Severity
    from pipeline.lifecycle import shown as status_shown

    row, words = told.row, _WORDS[lang]
    good = row.outcome.value in {"applied", "repeated"}
    mark = typer.style("✔", fg="green") if good else typer.style("✘", fg="red")
    yield f"{mark} {shown(told.what)}  {action.value} : {words[row.outcome.value]}"
    standing = row.standing
    if standing is not None:
        yield paragraph(words["status"], status_shown(int(standing.status)))
        yield paragraph(words["total"], f"{standing.total} {standing.currency}")
    if row.rerouted is not None and standing is not None:
        to = row.rerouted
        for label, now, before in (
            ("recipient", f"{to.recipient} {to.recipient_name}".strip(), standing.recipient),
            ("service", f"{to.service} {to.service_name}".strip(), standing.service),
            ("commitment", to.commitment, standing.commitment),
        ):
            same = now.partition(" ")[0] == before
            was = words["unchanged"] if same else words["before"].format(before or words["none"])
            yield paragraph(words[label], shown(f"{now or words['none']} ({was})"))
        if told.snapshot is not None:
            yield paragraph(words["directory"], told.snapshot.name)
    if row.changes:
        yield paragraph(words["receiver"], told.receiver)
    if row.attachments:
        yield paragraph(words["files"], shown(", ".join(file.name for file in row.attachments)))
    if row.handling is not None:
        for label, other in (("credit", row.handling.credit_note), ("corrective", row.handling.corrective)):
            if other is not None:
                yield paragraph(words[label], shown(f"{other.number} ({other.total} {other.currency})"))
    for finding in row.findings:
        if finding.severity is not Severity.INFO:
            yield from finding_lines(finding, lang)


def _done(told: "Told", action: "ActionKind", lang: Lang) -> Iterator[str]:
    """What was done, or why it was not after all: somebody was faster."""
    words = _WORDS[lang]
    if not told.is_applied:
        yield from _lines(told, action, lang)
        return
    if told.row.changes:
        steps = ", ".join(change.to for change in told.row.changes)
        files = f"{words['pivot'] if len(told.files) == 1 else words['pivots']} {', '.join(f.name for f in told.files)}"
        yield paragraph("", words["done"].format(steps, files), indent=2)
    else:
        yield f"  {words['handled']}"


def _as_json(told: "Told", action: "ActionKind", lang: Lang, *, is_dry: bool) -> dict[str, Any]:
    from pipeline.returns.verdict import finding_as_json

    row, standing = told.row, told.row.standing
    return {
        "invoice": told.what, "action": action.value, "outcome": row.outcome.value, "dry_run": is_dry,
        "applied": told.is_applied, "partner": told.partner.code, "operator": told.operator,
        "status": standing.status if standing is not None else "",
        "changes": [
            {"to": c.to, "at": c.at.isoformat(), "set_by": c.set_by, "comment": c.comment} for c in row.changes
        ],
        "routing": None if row.rerouted is None else {
            "recipient": row.rerouted.recipient, "recipient_name": row.rerouted.recipient_name,
            "service": row.rerouted.service, "commitment": row.rerouted.commitment, "receiver": told.receiver,
            "snapshot": row.rerouted.snapshot,
        },
        "handling": None if row.handling is None else {
            "reason": row.handling.reason,
            "credit_note": row.handling.credit_note.number if row.handling.credit_note else "",
            "corrective": row.handling.corrective.number if row.handling.corrective else "",
        },
        "attachments": [{"name": f.name, "sha256": f.sha256, "size_bytes": f.content.length} for f in row.attachments],
        "files": [{"place": f.place, "name": f.name, "sha256": f.sha256} for f in told.files],
        "findings": [finding_as_json(finding, lang.value) for finding in row.findings],
    }  # fmt: skip


# --- the work list ----------------------------------------------------------------------------------------------------


class ListFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    ACTIONS = "actions"


SHOWN = 50  # items in text; the other forms give all of them
_COLUMNS = (
    "partenaire", "fournisseur", "numero", "date_facture", "statut", "libelle", "depuis", "echeance", "age_jours",
    "en_retard", "montant", "devise", "destinataire", "nom_destinataire", "service", "engagement", "motif",
    "commentaire", "commande", "services_proches", "dernier_service", "successeur",
)  # fmt: skip
_LIST = {
    Lang.FR: {
        "due": "Échéance", "issuer": "Émetteur", "late": "en retard", "said": "Motif", "do": "À faire",
        "near": "Services", "last": "Dernier",
        "successor": "Successeur", "nothing": "rien à faire : aucune facture suspendue, à recycler ou rejetée",
        "more": "… et {} (--limit N, --format csv ou json)", "other": "autre", "age": "depuis {} j",
        "head": "{} : {}", "invoices": "facture à traiter", "used": "{} (utilisé le {})",
    },
    Lang.EN: {
        "due": "Due", "issuer": "Issuer", "late": "late", "said": "Reason", "do": "To do",
        "near": "Services", "last": "Last used",
        "successor": "Successor", "nothing": "nothing to do: no invoice is suspended, to be recycled or rejected",
        "more": "… and {} (--limit N, --format csv or json)", "other": "other", "age": "for {} d",
        "head": "{}: {}", "invoices": "invoice to act on", "used": "{} (used on {})",
    },
}  # fmt: skip


def todo(
    partner: Annotated[str, typer.Option("--partner", help="code application ; sans lui, tous")] = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="au plus N ; 0 : tous (en texte, 50)")] = 0,
    format: Annotated[
        ListFormat,
        typer.Option("--format", help="text, json, csv (tableur), ou actions : un fichier d'actions à compléter"),
    ] = ListFormat.TEXT,
    home: HomeOption = None,
    lang: LangOption = Lang.FR,
) -> None:
    """Ce que les émetteurs ont à traiter : suspendues, à recycler, rejetées ; échéance, commande, suggestions."""
    from pipeline.running.todo import counts, items

    with existing_home(home) as place:
        if format is ListFormat.TEXT:
            waiting = counts(place, partner)
            if not waiting:
                typer.echo(_LIST[lang]["nothing"])
                return
            typer.echo(_head(waiting, lang))
            left = sum(waiting.values())
            for item in items(place, partner, limit or SHOWN):
                left -= 1
                for line in _item_lines(item, lang):
                    typer.echo(line)
            if left > 0:
                typer.echo("\n" + _LIST[lang]["more"].format(counted(left, _LIST[lang]["other"], lang)))
            return
        found = items(place, partner, limit)
        if format is ListFormat.JSON:
            for item in found:
                typer.echo(json_line(_item_json(item)))
        else:
            _table(found, is_work_list=format is ListFormat.CSV)


def _head(waiting: Mapping[str, int], lang: Lang) -> str:
    from pipeline.lifecycle import shown as status_shown

    words = _LIST[lang]
    parts = ", ".join(f"{status_shown(int(status))} ({number})" for status, number in sorted(waiting.items()))
    head = words["head"].format(counted(sum(waiting.values()), words["invoices"], lang), parts)
    return typer.style(textwrap.fill(head, width(), break_long_words=False), bold=True)


def _item_lines(item: "WorkItem", lang: Lang) -> Iterator[str]:
    from pipeline.lifecycle import shown as status_shown
    from pipeline.routing.suggestions import shown as services_shown

    words, one, advice = _LIST[lang], item.invoice, item.advice
    late = typer.style(f"  {words['late']}", fg="red") if item.is_late else ""
    age = words["age"].format(item.age_days)
    yield ""
    yield f"{typer.style(shown(item.named), bold=True)}  {status_shown(int(one.status))} {age}{late}"
    yield paragraph(words["due"], str(item.due))
    yield paragraph(_WORDS[lang]["total"], f"{one.total} {one.currency}")
    yield paragraph(words["issuer"], one.partner)
    yield paragraph(_WORDS[lang]["recipient"], shown(f"{one.recipient} {one.recipient_name} {one.service}".strip()))
    said = " : ".join(part for part in (one.reason, one.comment) if part)
    for label, text in (
        ("said", said),
        ("successor", f"{advice.successor} {advice.successor_name}".strip()),
        ("near", services_shown(advice.services) if advice.services else ""),
        ("last", words["used"].format(advice.last_used.service, advice.last_used.day) if advice.last_used else ""),
        ("do", item.command),
    ):
        if text:
            yield paragraph(words[label], shown(text))


def _item_json(item: "WorkItem") -> dict[str, Any]:
    one, advice = item.invoice, item.advice
    last = advice.last_used
    return {
        "invoice": item.named, "partner": one.partner, "supplier": one.supplier, "number": one.number,
        "issued": one.issued, "status": one.status, "since": one.since.isoformat(), "due": item.due.isoformat(),
        "age_days": item.age_days, "late": item.is_late, "total": one.total, "currency": one.currency,
        "recipient": one.recipient, "recipient_name": one.recipient_name, "service": one.service,
        "commitment": one.commitment, "reason": one.reason, "comment": one.comment, "action": item.action.value,
        "command": item.command,
        "suggestions": {
            "services": [{"code": s.code, "label": s.label} for s in advice.services],
            "last_used": None if last is None else {
                "service": last.service, "commitment": last.commitment, "day": last.day.isoformat(),
            },
            "successor": advice.successor, "successor_name": advice.successor_name,
        },
    }  # fmt: skip


def _table(found: "Iterable[WorkItem]", *, is_work_list: bool) -> None:
    """The list for a spreadsheet, row by row; or the same as an action file whose gaps a person fills."""
    from pipeline.readers.action_file import COLUMNS
    from pipeline.returns.spreadsheet import BOM, cell

    written = io.StringIO()
    table = csv.writer(written, delimiter=";", lineterminator="\r\n")
    table.writerow(_COLUMNS if is_work_list else [column.name for column in COLUMNS])
    sys.stdout.write(BOM)
    for item in found:
        table.writerow(map(cell, _cells(item) if is_work_list else _action_cells(item)))
        sys.stdout.write(written.getvalue())
        written.seek(0)
        written.truncate()
    sys.stdout.write(written.getvalue())
    sys.stdout.flush()


def _cells(item: "WorkItem") -> tuple[str, ...]:
    from pipeline.lifecycle import LABELS
    from pipeline.routing.suggestions import shown as services_shown

    one, advice = item.invoice, item.advice
    near = services_shown(advice.services) if advice.services else ""
    return (
        one.partner, one.supplier, one.number, one.issued, one.status, LABELS.get(one.status, ""),
        one.since.date().isoformat(), item.due.isoformat(), str(item.age_days), "oui" if item.is_late else "non",
        one.total, one.currency, one.recipient, one.recipient_name, one.service, one.commitment, one.reason,
        one.comment, item.command, near, advice.last_used.service if advice.last_used else "", advice.successor,
    )  # fmt: skip


_FRENCH_ACTIONS = {"recycle": "recycler", "complete": "completer", "handle-reject": "traiter-rejet"}


def _action_cells(item: "WorkItem") -> tuple[str, ...]:
    """A row to complete: what is known of it, and nothing that anybody would have to guess."""
    one = item.invoice
    is_recycled = item.action.value == "recycle"
    return (
        _FRENCH_ACTIONS[item.action.value], one.supplier_type, one.supplier, one.number, one.issued,
        (item.advice.successor or one.recipient) if is_recycled else "", one.service if is_recycled else "",
        one.commitment if is_recycled else "", "", "", "", "", "",
    )  # fmt: skip
