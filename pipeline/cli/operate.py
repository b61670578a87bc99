"""`run`, `status`, `decide`, `verify`: what operations do with a home."""

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import FAULT, REFUSED, UsageError
from pipeline.cli.layout import columns, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption
from pipeline.cli.reference import opened

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
    from pipeline.runner import RunSummary, Told

_STATES_FR = {
    "IN_INTEGRE": "intégré", "IN_INTEGRE_PARTIEL": "intégré en partie", "IN_REJETE": "rejeté",
    "IN_EN_ATTENTE_TRAITEMENT_CPP": "en attente", "received": "reçu", "repeated": "redéposé à l'identique",
    "quarantined": "mis à part",
}  # fmt: skip
_OUTCOMES_FR = {"integrated": "intégrée", "refused": "refusée", "pending": "en attente"}


def run(
    home: HomeOption = None,
    watch: Annotated[bool, typer.Option("--watch", help="recommencer jusqu'à interruption")] = False,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Tout ce qui est dû : recevoir, juger, livrer, répondre. Sans risque à relancer."""
    from pipeline import runner
    from pipeline.returns.verdict import as_json, summary

    def told(one: "Told") -> None:
        if format is Format.JSON:
            name, profile = one.verdict.read.received.name, place.terms_of[one.partner].profile
            typer.echo(json.dumps(as_json(one.verdict, name, lang.value, profile=profile), ensure_ascii=False))
        elif watch or not sys.stderr.isatty():
            typer.echo(summary(one.verdict, lang.value))

    with opened(home) as place, _progress(quiet=format is Format.JSON or watch) as progress:
        done = runner.run(place, watch=watch, on_verdict=told, on_progress=progress)
    if format is Format.TEXT:
        print_summary(done)
    _say_faults(done)


def print_summary(done: "RunSummary") -> None:
    """What the run did, in a few lines."""
    if done.is_idle and not done.faults:
        typer.echo("rien à faire : tout ce qui a été déposé a reçu sa réponse")
    else:
        flows = ", ".join(f"{count} {_STATES_FR[state]}" for state, count in sorted(done.flows.items()))
        invoices = ", ".join(f"{count} {_OUTCOMES_FR[outcome]}" for outcome, count in sorted(done.invoices.items()))
        sent = ", ".join(f"{count} {kind}" for kind, count in sorted(done.sent.items()))
        for label, text in (
            (
                "Reçus",
                f"{done.received} fichiers"
                + (f", dont {done.repeated} redéposés à l'identique" if done.repeated else ""),
            ),
            ("Flux", flows),
            ("Factures", invoices),
            ("Envoyés", sent),
            ("Durée", f"{done.seconds:.1f} s"),
        ):
            if text:
                typer.echo(paragraph(label, text, indent=0))
    for notice in done.notices:
        typer.echo(paragraph("À noter", notice, indent=0))


def _say_faults(done: "RunSummary") -> None:
    """A fault is ours: it goes to standard error and gives exit code 3."""
    for fault in done.faults:
        print(f"chorus-edi : {fault}", file=sys.stderr)
    if done.faults:
        raise typer.Exit(FAULT)


class _progress:
    """A bar on standard error while flows are judged, on a terminal only."""

    def __init__(self, *, quiet: bool) -> None:
        self.quiet = quiet or not sys.stderr.isatty()
        self.bar: Any = None

    def __enter__(self) -> "Callable[[int, int], None]":
        if self.quiet:
            return lambda _done, _due: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.bar = Progress(
            TextColumn("flux jugés"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.bar.start()
        task = self.bar.add_task("", total=None)
        return lambda done, due: self.bar.update(task, completed=done, total=due)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def status(
    what: Annotated[str, typer.Argument(help="nom de flux, ou FOURNISSEUR/NUMÉRO[/ANNÉE] ; sans lui, l'ensemble")] = "",
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Où est un flux ou une facture, avec toute son histoire."""
    from pipeline import runner
    from pipeline.adapters.ledger.queries import InvoiceStatus
    from pipeline.running.status import overview

    with opened(home) as place:
        if not what:
            _print_overview(asdict(overview(place)), format)
            return
        found = runner.status(place, what)
    if not found:
        typer.echo(f"{shown(what)} : ni flux ni facture de ce nom")
        raise typer.Exit(REFUSED)
    for one in found:
        if format is Format.JSON:
            typer.echo(json.dumps(asdict(one), default=str, ensure_ascii=False))
        elif isinstance(one, InvoiceStatus):
            _print_invoice(one, lang)
        else:
            _print_flow(one, lang)


def _print_overview(told: dict[str, Any], format: Format) -> None:
    if format is Format.JSON:
        typer.echo(json.dumps(told, default=str, ensure_ascii=False))
        return
    table = [("dépôts", "nombre")]
    table += [(_STATES_FR.get(state, state), str(count)) for state, count in sorted(told["deposits"].items())]
    typer.echo(columns(table, right=frozenset({1})))
    table = [("factures", "nombre")]
    table += [(_OUTCOMES_FR.get(outcome, outcome), str(count)) for outcome, count in sorted(told["invoices"].items())]
    typer.echo("\n" + columns(table, right=frozenset({1})))
    if told["unsent"]:
        typer.echo(f"\n{told['unsent']} fichiers restent à envoyer ; chorus-edi run les envoie")
    for partner, name, why in told["faults"]:
        typer.echo(paragraph(partner, f"{shown(name)} : {why}", indent=0))


def _print_flow(flow: "FlowStatus", lang: Lang) -> None:
    from pipeline.returns import message

    deposit = flow.deposit
    typer.echo(typer.style(f"{shown(deposit.name)}  {_STATES_FR.get(deposit.state, deposit.state)}", bold=True))
    rows = [
        ("Partenaire", deposit.partner),
        ("Reçu", f"{_local(deposit.received_at)} (Paris), {deposit.size_bytes} octets"),
        ("SHA-256", deposit.sha256),
        ("Interface", flow.interface),
        ("Annuaire", flow.snapshot),
        ("Double de", flow.first_name),
        ("Défaillance", deposit.fault),
    ]
    for label, text in rows:
        if text:
            typer.echo(paragraph(label, shown(text)))
    for finding in (f for f in flow.findings if f.severity != "info"):
        typer.echo(paragraph(finding.rule, shown(message.text(finding, lang.value))))
    for file in flow.files:
        typer.echo(paragraph("Envoyé" if file.state == "sent" else "À envoyer", f"{file.place}/out/{file.name}"))
    for invoice in flow.invoices:
        _print_invoice(invoice, lang)


def _print_invoice(invoice: "InvoiceStatus", lang: Lang) -> None:
    from pipeline.lifecycle import LABELS
    from pipeline.returns import message

    outcome = _OUTCOMES_FR.get(invoice.outcome, invoice.outcome)
    typer.echo(typer.style(f"  {shown(invoice.supplier)}/{shown(invoice.number)}  {outcome}", bold=True))
    rows = [
        ("Flux", f"{invoice.flow_name}, facture n° {invoice.rank}"),
        ("Destinataire", f"{invoice.recipient} {invoice.recipient_name}".strip()),
        ("Service", invoice.service),
        ("Engagement", invoice.commitment),
        ("Total TTC", f"{invoice.total} {invoice.currency}" if invoice.total else ""),
        ("En attente", f"depuis le {invoice.pending_since:%Y-%m-%d}" if invoice.pending_since else ""),
    ]
    for label, text in rows:
        if text:
            typer.echo(paragraph(label, shown(text), indent=4))
    for finding in invoice.findings:
        if finding.severity != "info":
            typer.echo(paragraph(finding.rule, shown(message.text(finding, lang.value)), indent=4))
    for step in invoice.history:
        comment = f" : {shown(step.comment)}" if step.comment else ""
        typer.echo(f"      {_local(step.at)}  {step.status} {LABELS.get(step.status, '')}{comment}")


def _local(at: "datetime") -> str:
    from pipeline.model import PARIS

    return f"{at.astimezone(PARIS):%Y-%m-%d %H:%M:%S}"


def decide(
    what: Annotated[str, typer.Argument(help="FOURNISSEUR/NUMÉRO[/ANNÉE] ou nom de flux")],
    choice: Annotated[str, typer.Argument(help="integrate ou refuse")],
    reason: Annotated[str, typer.Option("--reason", help="motif, enregistré avec le nom de l'opérateur")],
    home: HomeOption = None,
) -> None:
    """Trancher ce qui attend depuis trop longtemps, ou refuser ce qui est mis à part."""
    from pipeline import runner

    if choice not in {"integrate", "refuse"}:
        raise UsageError(f"{choice} : attendu integrate ou refuse")
    with opened(home) as place:
        covered = runner.decide(place, what, choice, reason)
    typer.echo(f"décision enregistrée pour {', '.join(shown(one) for one in covered)} ; chorus-edi run l'applique")


def verify(home: HomeOption = None, format: FormatOption = Format.TEXT) -> None:
    """Les invariants, une ligne chacun ; code 1 si l'un est rompu."""
    from pipeline import runner

    with opened(home) as place:
        lines = runner.verify(place)
    print_invariants(lines, format)
    if not all(line.ok for line in lines):
        raise typer.Exit(REFUSED)


def print_invariants(lines: "tuple[Any, ...]", format: Format = Format.TEXT) -> None:
    for line in lines:
        if format is Format.JSON:
            typer.echo(json.dumps(asdict(line), default=str, ensure_ascii=False))
            continue
        mark = typer.style("✔", fg="green") if line.ok else typer.style("✘", fg="red")
        typer.echo(f"{mark} {line.name.ljust(34)} {line.detail}")
