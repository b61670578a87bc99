"""The Typer application: every command is a row here, in the order of the help.

A row names its module, imported when the command is called: `flows` must not pay for the ledger.
"""

from collections.abc import Sequence
from importlib import import_module

import typer

# name: (module, attribute); an attribute that is a Typer of its own holds sub-commands
COMMANDS = {
    "demo": ("demo", "demo"),
    "run": ("operate", "run"),
    "check": ("check", "check"),
    "control-file": ("control_file", "control_file"),
    "rules": ("rules", "rules"),
    "explain": ("catalogue", "explain"),
    "flows": ("catalogue", "flows"),
    "directory": ("reference", "directory"),
    "commitments": ("reference", "commitments"),
    "partners": ("reference", "partners"),
    "mapping": ("mapping", "mapping"),
    "status": ("status", "status"),
    "search": ("search", "search"),
    "decide": ("operate", "decide"),
    "todo": ("actions", "todo"),
    "recycle": ("actions", "recycle"),
    "complete": ("actions", "complete"),
    "handle-reject": ("actions", "handle_reject"),
    "verify": ("operate", "verify"),
    "reconcile": ("reconcile", "reconcile"),
    "reprocess": ("reprocess", "reprocess"),
    "submit": ("reprocess", "submit"),
    "retention": ("retention", "retention"),
    "backup": ("backup", "backup"),
    "restore": ("backup", "restore"),
    "audit": ("audit", "audit"),
    "metrics": ("metrics", "metrics"),
    "alerts": ("metrics", "alerts"),
    "serve-sftp": ("serve", "serve_sftp"),
    "airflow": ("airflow", "airflow"),
}


def application(arguments: Sequence[str]) -> typer.Typer:
    """The application for one command line: the command that is called, or all of them for the help and for a slip."""
    app = typer.Typer(
        name="chorus-edi",
        help="Juge, achemine et répond aux flux EDI déposés pour les structures publiques (Chorus Pro).",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        callback=_no_options,  # a lone command stays a command
    )
    called = arguments[0] if arguments else ""
    for name in [called] if called in COMMANDS else COMMANDS:
        module, attribute = COMMANDS[name]
        found = getattr(import_module(f"pipeline.cli.{module}"), attribute)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name)
        else:
            app.command(name)(found)
    return app


def _no_options() -> None:
    """Nothing is common to all commands."""
