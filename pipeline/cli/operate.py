"""`run`, `decide`, `verify`: what operations do with a home."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import FAULT, REFUSED, UsageError
from pipeline.cli.homes import existing_home, opened
from pipeline.cli.layout import json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption
from pipeline.cli.words import OUTCOMES, ROW_OUTCOMES, STATES
from pipeline.plural import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.ports import Said
    from pipeline.reconcile import Line
    from pipeline.runner import RunSummary, Told


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
            typer.echo(json_line(as_json(one.said, name, lang.value, profile=profile)))
        elif watch or not sys.stderr.isatty():
            typer.echo(shown(summary(one.said, lang.value)))

    def said_now(said: "Said") -> None:
        if watch:  # there is no end of the run to say it at
            print(f"chorus-edi : {shown(said.in_words(lang.value))}", file=sys.stderr, flush=True)

    with opened(home) as place, _progress(quiet=format is Format.JSON or watch) as progress:
        done = runner.run(
            place, watch=watch, on_verdict=told, on_progress=progress, on_fault=said_now, on_notice=said_now
        )
    if format is Format.TEXT:
        print_summary(done, lang)
    say_faults(done, lang)


def print_summary(done: "RunSummary", lang: Lang = Lang.FR) -> None:
    """What the run did, in a few lines."""
    if done.is_idle and not done.faults:
        typer.echo("rien à faire : tout ce qui a été déposé a reçu sa réponse")
    else:
        flows = ", ".join(counted(count, STATES[Lang.FR][state]) for state, count in sorted(done.flows.items()))
        invoices = ", ".join(
            counted(count, OUTCOMES[Lang.FR][outcome]) for outcome, count in sorted(done.invoices.items())
        )
        changes = ", ".join(
            counted(count, ROW_OUTCOMES[Lang.FR][outcome]) for outcome, count in sorted(done.changes.items())
        )
        sent = ", ".join(f"{count} {kind}" for kind, count in sorted(done.sent.items()))
        for label, text in (
            (
                "Reçus",
                counted(done.received, "fichier")
                + (f", dont {counted(done.repeated, STATES[Lang.FR]['repeated'])}" if done.repeated else ""),
            ),
            ("Flux", flows),
            ("Factures", invoices),
            ("Lignes de suivi", changes),
            ("Envoyés", sent),
            ("Durée", f"{done.seconds:.1f} s"),
        ):
            if text:
                typer.echo(paragraph(label, text, indent=0))
    for notice in done.notices:
        typer.echo(paragraph("À noter", shown(notice.in_words(lang.value)), indent=0))


def say_faults(done: "RunSummary", lang: Lang = Lang.FR) -> None:
    """A fault is ours: it goes to standard error and gives exit code 3."""
    for fault in done.faults:
        print(f"chorus-edi : {shown(fault.in_words(lang.value))}", file=sys.stderr)
    if done.faults:
        raise typer.Exit(FAULT)


class _progress:
    """A bar on standard error while flows are judged (or `what` is done), on a terminal only."""

    def __init__(self, *, quiet: bool, what: str = "flux jugés") -> None:
        self.quiet, self.what = quiet or not sys.stderr.isatty(), what
        self.bar: Any = None

    def __enter__(self) -> "Callable[[int, int], None]":
        if self.quiet:
            return lambda _done, _due: None
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self.bar = Progress(
            TextColumn(self.what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self.bar.start()
        task = self.bar.add_task("", total=None)
        return lambda done, due: self.bar.update(task, completed=done, total=due)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()


def decide(
    what: Annotated[
        str,
        typer.Argument(help="FOURNISSEUR/NUMÉRO[/ANNÉE], nom de flux ; d'un envoi en doute : fichier, dossier, all"),
    ],
    choice: Annotated[str, typer.Argument(help="integrate ou refuse ; d'un envoi en doute : sent ou send")],
    reason: Annotated[str, typer.Option("--reason", help="motif, enregistré avec le nom de l'opérateur")],
    home: HomeOption = None,
) -> None:
    """Trancher ce qui attend depuis trop longtemps, refuser ce qui est mis à part, dire si un envoi est arrivé."""
    from pipeline import runner
    from pipeline.running.doubts import CHOICES, settle_doubts

    if choice not in {"integrate", "refuse", *CHOICES}:
        raise UsageError(f"{choice} : attendu integrate ou refuse, ou pour un envoi en doute sent ou send")
    with existing_home(home) as place:
        settle = settle_doubts if choice in CHOICES else runner.decide
        covered = settle(place, what, choice, reason)
    typer.echo(f"décision enregistrée pour {', '.join(shown(one) for one in covered)} ; chorus-edi run l'applique")


def verify(home: HomeOption = None, format: FormatOption = Format.TEXT, lang: LangOption = Lang.FR) -> None:
    """Les invariants, une ligne chacun ; code 1 si l'un est rompu."""
    from pipeline import runner

    with existing_home(home) as place:
        lines = runner.verify(place)
    print_invariants(lines, format, lang)
    if not all(line.ok for line in lines):
        raise typer.Exit(REFUSED)


def print_invariants(lines: "Sequence[Line]", format: Format = Format.TEXT, lang: Lang = Lang.FR) -> None:
    """JSON gives the name that never changes and both languages; under a red line people read what to do."""
    for line in lines:
        if format is Format.JSON:
            typer.echo(json_line(asdict(line)))
            continue
        mark = typer.style("✔", fg="green") if line.ok else typer.style("✘", fg="red")
        typer.echo(f"{mark} {line.label.in_words(lang.value).ljust(20)} {shown(line.detail.in_words(lang.value))}")
        if not line.ok:
            typer.echo(f"  → {line.remedy.in_words(lang.value)}")
