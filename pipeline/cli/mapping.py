"""`mapping`: what an issuer calls its recipients and their services, as a table that a spreadsheet opens."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import UsageError
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption, existing
from pipeline.plural import counted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.running.mapping import MappingImported

mapping = typer.Typer(
    help="Correspondances : comment un émetteur nomme ses destinataires et leurs services.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
MOST = 20  # remarks and flows that are told in text; JSON has them all
PartnerOption = Annotated[str, typer.Option("--partner", help="code application de l'émetteur")]
_WORDS = {
    Lang.FR: {
        "rows": "lignes", "added": "ajoutées", "changed": "changées", "kept": "inchangées", "removed": "retirées",
        "line": "ligne", "more": "… et {} autres (--format json les donne toutes)", "apply": "À faire",
        "not applied": "ce raccordement n'applique pas ses correspondances ; "
        "chorus-edi partners add {} --replace … --map-recipients",
        "waiting": "À reprendre", "none": "aucune facture refusée n'attend ces noms",
        "in parts": "{}, dans des flux intégrés en partie : leur émetteur les redépose dans un nouveau flux",
    },
    Lang.EN: {
        "rows": "rows", "added": "added", "changed": "changed", "kept": "unchanged", "removed": "removed",
        "line": "line", "more": "… and {} more (--format json has them all)", "apply": "To do",
        "not applied": "this connection does not apply its mapping; "
        "`chorus-edi partners add {} --replace … --map-recipients`",
        "waiting": "Waiting", "none": "no refused invoice waits for these names",
        "in parts": "{}, in flows that are integrated in part: their issuer drops them again in a new flow",
    },
}  # fmt: skip


@mapping.command("import")
def mapping_import(
    path: Annotated[Path, typer.Argument(help="CSV : kind;siret;written;code")],
    partner: PartnerOption,
    add: Annotated[bool, typer.Option("--add", help="ajouter à ce qui est là, au lieu de le remplacer")] = False,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Charger les correspondances d'un émetteur, toutes ou aucune ; chaque ligne fautive est nommée."""
    from pipeline.adapters.mapping_files import MappingErrors
    from pipeline.running.mapping import import_mapping

    existing([path])
    with existing_home(home) as place:
        try:
            done = import_mapping(place, partner, path, add=add)
        except MappingErrors as errors:
            raise UsageError(errors.in_words(lang.value)) from errors
    if format is Format.JSON:
        typer.echo(json_line(asdict(done)))
        return
    for text in _lines(done, partner, lang):
        typer.echo(text)


@mapping.command("export")
def mapping_export(
    partner: PartnerOption,
    out: Annotated[Path | None, typer.Option("--out", help="fichier à écrire ; sans lui, sur la sortie")] = None,
    home: HomeOption = None,
) -> None:
    """Écrire les correspondances d'un émetteur dans un CSV que mapping import reprend."""
    from pipeline.running.mapping import export_mapping

    with existing_home(home) as place:
        written = export_mapping(place, partner)
    if out is not None:
        out.write_bytes(written)
    else:
        sys.stdout.buffer.write(written)
        sys.stdout.buffer.flush()


@mapping.command("show")
def mapping_show(
    partner: PartnerOption,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Les correspondances d'un émetteur, et si son raccordement les applique."""
    from pipeline.running.mapping import show_mapping

    with existing_home(home) as place:
        is_applied, labels, aliases = show_mapping(place, partner)
    if format is Format.JSON:
        told = {"partner": partner, "is_applied": is_applied, "labels": list(map(asdict, labels)),
                "aliases": list(map(asdict, aliases))}  # fmt: skip
        typer.echo(json_line(told))
        return
    state = "appliquées avant le routage" if is_applied else "non appliquées"
    typer.echo(f"{shown(partner)} : correspondances {state}")
    rows = [("alias", one.siret, shown(one.written), "") for one in aliases]
    rows += [("label", one.siret, shown(one.written), shown(one.code)) for one in labels]
    if rows:
        typer.echo(columns([("nature", "SIRET", "écrit", "service"), *rows]))
    else:
        typer.echo(f"aucune ; chorus-edi mapping import FICHIER --partner {shown(partner)} en charge")


def _lines(done: "MappingImported", partner: str, lang: Lang) -> "Iterator[str]":
    words, replaced = _WORDS[lang], done.replaced
    counts = {
        "added": replaced.added, "changed": replaced.changed, "kept": replaced.kept, "removed": replaced.removed,
    }  # fmt: skip
    told = ", ".join(f"{count} {words[name]}" for name, count in counts.items() if count)
    yield f"{shown(partner)} : {done.rows} {words['rows']}" + (f" ({told})" if told else "")
    for one in done.doubtful[:MOST]:
        place = f"{words['line']} {one.line}" if one.line else ""
        yield paragraph(place, shown(one.said.in_words(lang.value)))
    if len(done.doubtful) > MOST:
        yield f"  {words['more'].format(len(done.doubtful) - MOST)}"
    if not done.is_applied:
        yield paragraph(words["apply"], words["not applied"].format(partner), indent=0)
    waiting = done.waiting
    if not waiting.invoices:
        yield paragraph(words["waiting"], words["none"], indent=0)
        return
    yield paragraph(words["waiting"], _refused(waiting.invoices, lang), indent=0)
    for flow in waiting.flows[:MOST]:
        yield f"  {shown(flow.command)}"
    if len(waiting.flows) > MOST:
        yield f"  {words['more'].format(len(waiting.flows) - MOST)}"
    if waiting.in_parts:
        yield paragraph("", words["in parts"].format(_refused(waiting.in_parts, lang)))


def _refused(count: int, lang: Lang) -> str:
    if lang is Lang.EN:
        return f"{count} refused {'invoice' if count == 1 else 'invoices'}"
    return counted(count, ("facture refusée", "factures refusées"))
