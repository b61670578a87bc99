"""`metrics` and `alerts`: what a monitoring system reads, and what people were called for."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import FAULT, UsageError, failure
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption

if TYPE_CHECKING:
    from pipeline.runner import Home


def metrics(
    home: HomeOption = None,
    serve: Annotated[
        int | None, typer.Option("--serve", help="les donner en HTTP sur 127.0.0.1:PORT (0 : un port libre)")
    ] = None,
) -> None:
    """Les chiffres du registre, au format texte de Prometheus."""
    from pipeline.running.metrics import metrics as exposition

    if serve is not None and not 0 <= serve <= 65535:
        raise UsageError(f"--serve {serve} : attendu un port, de 0 à 65535")
    with existing_home(home) as place:
        if serve is None:
            sys.stdout.write(exposition(place).decode())
        else:
            _serve(place, serve)


def _serve(place: "Home", port: int) -> None:
    from pipeline.adapters.exposition import Server
    from pipeline.adapters.system_errors import why
    from pipeline.running.metrics import metrics as exposition

    def trouble(error: Exception) -> None:
        print(f"chorus-edi : {failure(error, Lang.FR.value)}", file=sys.stderr, flush=True)

    place.presence.leave()  # a reader of figures is no worker: `verify` must not wait for it
    try:
        server = Server(port, lambda: exposition(place), trouble)
    except OSError as error:
        raise UsageError(f"--serve {port} : {why(error).fr}") from error
    with server:
        typer.echo(f"métriques sur {server.url} ; Ctrl-C arrête")
        server.serve_forever()


def alerts(
    test: Annotated[bool, typer.Option("--test", help="envoyer un essai à la commande et au webhook")] = False,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Les alertes qui tiennent et celles des sept derniers jours ; --test en envoie une fausse."""
    with existing_home(home) as place:
        _try(place, lang) if test else _list(place, format)


def _try(place: "Home", lang: Lang) -> None:
    from pipeline.running.alert import try_notifier

    reached = try_notifier(place)
    for trouble in reached.troubles:
        print(f"chorus-edi : {shown(trouble.in_words(lang.value))}", file=sys.stderr)
    if reached.troubles:
        raise typer.Exit(FAULT)
    if reached.took == 0:
        typer.echo("ni commande ni webhook : [alerts] dans settings.toml en nomme un")
    else:
        typer.echo("essai envoyé : voir s'il est arrivé")


def _list(place: "Home", format: Format) -> None:
    from pipeline.model import PARIS
    from pipeline.running.alert import RUNBOOKS, shown_alerts

    found = shown_alerts(place)
    if format is Format.JSON:
        for one in found:
            row = one.key._asdict() | {"at": one.at.isoformat(), "runbook": f"{RUNBOOKS}/{one.key.name}.md"}
            typer.echo(json_line(row))
    elif not found:
        typer.echo("aucune alerte")
    else:
        rows = [("dite le", "alerte", "sujet", "marche à suivre")]
        rows += [
            (f"{one.at.astimezone(PARIS):%Y-%m-%d %H:%M}", one.key.name, shown(one.key.subject),
             f"{RUNBOOKS}/{one.key.name}.md")
            for one in found
        ]  # fmt: skip
        typer.echo(columns(rows))
