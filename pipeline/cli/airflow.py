"""`airflow`: the four components of Airflow on this machine, up, down, and how they are."""

from typing import TYPE_CHECKING

import typer

from pipeline.cli.boundary import REFUSED
from pipeline.cli.layout import columns, paragraph
from pipeline.cli.options import HomeOption, home_of
from pipeline.plural import counted

if TYPE_CHECKING:
    from pathlib import Path

airflow = typer.Typer(
    help="Airflow sur cette machine : les quatre composants.", no_args_is_help=True, rich_markup_mode=None
)
_STEPS = {
    "migrated": "base de données d'Airflow à jour",
    "healthy": "les quatre composants répondent",
    "parsed": "DAG chargés",
}
_NAMES = {"keeper": "gardien"}
_STATES = {"up": "en marche", "silent": "ne répond pas", "dead": "arrêté"}


@airflow.command("up")
def up(home: HomeOption = None) -> None:
    """Démarrer ce qui ne tourne pas, et attendre que tout soit prêt. Sans risque à relancer."""
    from pipeline import launcher
    from pipeline.settings import load

    place = _existing(home)

    def hear(step: str, seconds: float) -> None:
        typer.echo(f"{_STEPS[step]} ({seconds:.1f} s)")

    ready = launcher.up(place, load(place), hear=hear)
    if not ready.started:
        typer.echo(f"Airflow tourne déjà : {ready.url}")
        return
    typer.echo(paragraph("Démarrés", ", ".join(_NAMES.get(name, name) for name in ready.started), indent=0))
    typer.echo(paragraph("Airflow", f"{ready.url}", indent=0))
    typer.echo(paragraph("DAG", ", ".join(sorted(ready.dags)), indent=0))
    if paused := sorted(name for name, is_paused in ready.dags.items() if is_paused):
        typer.echo(paragraph("En pause", ", ".join(paused), indent=0))
    if ready.are_passwords_new:
        typer.echo("Mots de passe, montrés cette fois seulement :")
        for login, password in ready.passwords.items():
            typer.echo(paragraph(login, password))


@airflow.command("down")
def down(home: HomeOption = None) -> None:
    """Arrêter tout ce que up a lancé ; le travail interrompu reprend au prochain up."""
    from pipeline import launcher

    ended = launcher.down(_existing(home))
    typer.echo(f"{counted(ended, 'processus')} d'Airflow arrêtés" if ended else "Airflow ne tournait pas")


@airflow.command("status")
def status(home: HomeOption = None) -> None:
    """Les quatre composants ; code 1 si l'un ne va pas bien."""
    from pipeline import launcher
    from pipeline.model import PARIS

    url, states = launcher.status(_existing(home))
    table = [("composant", "pid", "état", "depuis", "processus", "mémoire")]
    for one in states:
        since = one.since.astimezone(PARIS).strftime("%d/%m %H:%M:%S") if one.since else ""
        memory = f"{one.memory_bytes / 1e6:.0f} Mo" if one.memory_bytes else ""
        table.append(
            (
                _NAMES.get(one.name, one.name),
                str(one.pid or ""),
                _STATES[one.state],
                since,
                str(one.processes or ""),
                memory,
            )
        )
    typer.echo(columns(table, right=frozenset({1, 4, 5})))
    if url:
        typer.echo(url)
    if any(one.state != "up" for one in states):
        raise typer.Exit(REFUSED)


def _existing(home: "Path | None") -> "Path":
    """The home, which must be there: a slip of the keyboard must not start Airflow on an empty one."""
    from pipeline.ports import Fault, Said

    no_home = Said(
        "pas de dossier de travail ici ; en choisir un autre avec --home",
        "there is no home here; choose another one with --home",
    )
    place = home_of(home).resolve()
    if not place.is_dir():
        raise Fault(no_home.at(str(place)))
    return place
