"""The Typer application: every command is registered here, in the order of the help."""

import typer

from pipeline.cli import catalogue, check, demo, operate, reference, rules

app = typer.Typer(
    name="chorus-edi",
    help="Juge, achemine et répond aux flux EDI déposés pour les structures publiques (Chorus Pro).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

app.command()(demo.demo)
app.command()(operate.run)
app.command()(check.check)
app.command()(rules.rules)
app.command()(catalogue.explain)
app.command()(catalogue.flows)
app.add_typer(reference.directory, name="directory")
app.add_typer(reference.commitments, name="commitments")
app.add_typer(reference.partners, name="partners")
app.command()(operate.status)
app.command()(operate.decide)
app.command()(operate.verify)
