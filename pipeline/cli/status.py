"""`status`: where a flow or an invoice is, with its whole history."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import REFUSED
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption
from pipeline.cli.story import local, print_findings, print_invoice, print_rows
from pipeline.cli.words import OUTCOMES, STATES

if TYPE_CHECKING:
    from pipeline.adapters.ledger.queries import FlowStatus

_LABELS = {
    Lang.FR: {
        "partner": "Partenaire", "received": "Reçu", "sha256": "SHA-256", "interface": "Interface",
        "snapshot": "Annuaire", "first": "Double de", "fault": "Défaillance", "sent": "Envoyé", "to send": "À envoyer",
        "in doubt": "En doute",
        "bytes": "octets", "deposits": "dépôts", "invoices": "factures", "count": "nombre",
    },
    Lang.EN: {
        "partner": "Partner", "received": "Received", "sha256": "SHA-256", "interface": "Interface",
        "snapshot": "Directory", "first": "Double of", "fault": "Fault", "sent": "Sent", "to send": "To send",
        "in doubt": "In doubt",
        "bytes": "bytes", "deposits": "deposits", "invoices": "invoices", "count": "count",
    },
}  # fmt: skip


def status(
    what: Annotated[str, typer.Argument(help="nom de flux, ou FOURNISSEUR/NUMÉRO[/ANNÉE] ; sans lui, l'ensemble")] = "",
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Où est un flux ou une facture, avec toute son histoire."""
    from pipeline import runner
    from pipeline.adapters.confinement import seen
    from pipeline.adapters.ledger.queries import InvoiceStatus
    from pipeline.running.alert import shown_alerts
    from pipeline.running.status import antivirus, overview

    with existing_home(home) as place:
        if not what:
            told = asdict(overview(place))
            scanned = antivirus(place)
            told["antivirus"] = asdict(scanned)
            confined = seen()
            told["readers"] = asdict(confined)
            told["alerts"] = [one.key._asdict() | {"at": one.at} for one in shown_alerts(place)]
            _print_overview(told, format, lang)
            if format is Format.TEXT:
                typer.echo(paragraph("Antivirus", shown(scanned.said.in_words(lang.value)), indent=0))
                label = {Lang.FR: "Lecteurs", Lang.EN: "Readers"}[lang]
                typer.echo(paragraph(label, confined.said.in_words(lang.value), indent=0))
            return
        found = runner.status(place, what)
    if not found:
        typer.echo(f"{shown(what)} : ni flux ni facture de ce nom")
        raise typer.Exit(REFUSED)
    for one in found:
        if format is Format.JSON:
            typer.echo(json_line(asdict(one)))
        elif isinstance(one, InvoiceStatus):
            print_invoice(one, lang, is_alone=True)
        else:
            _print_flow(one, lang)


def _print_overview(told: dict[str, Any], format: Format, lang: Lang) -> None:
    if format is Format.JSON:
        typer.echo(json_line(told))
        return
    labels = _LABELS[lang]
    for what, words in (("deposits", STATES[lang]), ("invoices", OUTCOMES[lang])):
        table = [(labels[what], labels["count"])]
        table += [(words.get(state, state), str(count)) for state, count in sorted(told[what].items())]
        typer.echo(columns(table, right=frozenset({1})) + "\n")
    if told["unsent"]:
        typer.echo(f"{told['unsent']} fichiers restent à envoyer ; chorus-edi run les envoie")
    if told["alerts"]:
        typer.echo(f"alertes : {len(told['alerts'])} ; chorus-edi alerts les nomme")
    for partner, name, why in told["faults"]:
        typer.echo(paragraph(partner, f"{shown(name)} : {shown(why[lang.value])}", indent=0))


def _print_flow(flow: "FlowStatus", lang: Lang) -> None:
    deposit, labels = flow.deposit, _LABELS[lang]
    typer.echo(typer.style(f"{shown(deposit.name)}  {STATES[lang].get(deposit.state, deposit.state)}", bold=True))
    _print_rows(
        lang,
        (
            ("partner", deposit.partner),
            ("received", f"{local(deposit.received_at)} (Paris), {deposit.size_bytes} {labels['bytes']}"),
            ("sha256", deposit.sha256),
            ("interface", flow.interface),
            ("snapshot", flow.snapshot),
            ("first", flow.first_name),
            ("fault", deposit.fault.in_words(lang.value) if deposit.fault else ""),
        ),
        indent=2,
    )
    print_findings(flow.findings, lang, indent=2)
    for file in flow.files:
        sent = labels[{"sent": "sent", "held": "in doubt"}.get(file.state, "to send")]
        typer.echo(paragraph(sent, f"{file.place}/out/{file.name}"))
        typer.echo(paragraph("", f"SHA-256 {file.sha256}"))
    print_rows(flow, lang)
    for invoice in flow.invoices:
        print_invoice(invoice, lang, is_alone=False)


def _print_rows(lang: Lang, rows: Iterable[tuple[str, str]], *, indent: int) -> None:
    for label, text in rows:
        if text:
            typer.echo(paragraph(_LABELS[lang][label], shown(text), indent=indent))
