"""`retention`: what is past its legal duration, and its removal once somebody has agreed to exactly that."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipeline.cli.homes import existing_home
from pipeline.cli.layout import json_line, paragraph
from pipeline.cli.options import Format, FormatOption, HomeOption
from pipeline.cli.reference import day_of

retention = typer.Typer(
    help="La conservation : ce qui a dépassé sa durée, et son effacement.", no_args_is_help=True, rich_markup_mode=None
)
OnOption = Annotated[str, typer.Option("--on", help="jour AAAA-MM-JJ où l'on regarde (aujourd'hui par défaut)")]
MOST_LOCKED = 5


@retention.command("plan")
def retention_plan(on: OnOption = "", home: HomeOption = None, format: FormatOption = Format.TEXT) -> None:
    """Ce qui peut être effacé, et l'empreinte de cette liste ; rien n'est changé."""
    from pipeline.running.retention import plan

    with existing_home(home) as place:
        found = plan(place, day_of(on, "--on"))
        years = place.settings.retention.years
    if format is Format.JSON:
        typer.echo(json_line(asdict(found)))
        return
    rows = (
        ("Durée", f"{years} ans ([retention] years) : ce qui est d'avant le {found.before}"),
        ("Échus", f"{found.objects} objets, {found.bytes} octets" if found.objects else "aucun objet"),
        ("Le plus ancien", str(found.oldest or "")),
        ("Empreinte", found.digest if found.objects else ""),
    )
    for label, text in rows:
        if text:
            typer.echo(paragraph(label, text, indent=0))
    if found.objects:
        when = f" --on {on}" if on else ""
        typer.echo(f"\nles effacer, sans retour : chorus-edi retention purge --digest {found.digest}{when}")


@retention.command("purge")
def retention_purge(
    digest: Annotated[str, typer.Option("--digest", help="empreinte que donne retention plan")],
    on: OnOption = "",
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
) -> None:
    """Effacer exactement ce que la liste nommait ; le registre garde tout le reste. Sans risque à relancer."""
    from pipeline.running.retention import purge

    with existing_home(home) as place:
        done = purge(place, digest.strip().lower(), day_of(on, "--on"))
    if format is Format.JSON:
        typer.echo(json_line(asdict(done)))
        return
    typer.echo(paragraph("Effacés", f"{done.objects} objets, {done.bytes} octets", indent=0))
    if done.locked:
        names = ", ".join(done.locked[:MOST_LOCKED]) + (", ..." if len(done.locked) > MOST_LOCKED else "")
        kept = f"{len(done.locked)} objets restent, leur verrou tient encore ; une purge prochaine les reprendra"
        typer.echo(
            paragraph(
                "À noter",
                f"{kept} : {names}",
                indent=0,
            )
        )
