"""The options that several commands share, and the small checks of what was typed."""

import os
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import UsageError
from pipeline.cli.layout import shown
from pipeline.flows import INTERFACES
from pipeline.terms import POLICIES, POLICY_LEVELS, PROFILES

if TYPE_CHECKING:
    from pipeline.adapters.rule_cache import Trouble
    from pipeline.ports import Scanner

DEFAULT_HOME = Path("var/home")


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"


class Lang(StrEnum):
    FR = "fr"
    EN = "en"


FormatOption = Annotated[Format, typer.Option("--format", help="text, ou json : un objet par ligne")]
LangOption = Annotated[Lang, typer.Option("--lang", help="langue des messages")]
EngineOption = Annotated[
    str, typer.Option("--engine", help="compiled, saxon ou both (sinon $CHORUS_EDI_RULES__ENGINE, sinon selon le jeu)")
]
HomeOption = Annotated[
    Path | None, typer.Option("--home", help="dossier de travail (sinon $CHORUS_EDI_HOME, sinon ./var/home)")
]


def home_of(option: Path | None) -> Path:
    """The home: what was typed, else the environment, else the default."""
    return option or Path(os.environ.get("CHORUS_EDI_HOME") or DEFAULT_HOME)


def policies_of(given: Sequence[str], profile: str) -> Mapping[str, str]:
    """`NAME=LEVEL`, each checked against the names and levels that exist."""
    policies = {}
    for text in given:
        name, _, level = text.partition("=")
        if name not in POLICIES[profile] or level not in POLICY_LEVELS:
            names, levels = ", ".join(POLICIES[profile]), ", ".join(POLICY_LEVELS)
            raise UsageError(f"--policy {text} : attendu NOM=NIVEAU, NOM parmi {names}, NIVEAU parmi {levels}")
        policies[name] = level
    return policies


def profile_of(given: str) -> str:
    if given not in PROFILES:
        raise UsageError(f"--profile {given} : attendu {' ou '.join(PROFILES)}")
    return given


def engine_of(given: str) -> str:
    """The engine of the official rules: what was typed, else what the environment says, else each pack's own."""
    from pipeline.adapters.rule_engines import CHOICES, chosen

    if given and given not in CHOICES:
        raise UsageError(f"--engine {given} : attendu l'un de {', '.join(CHOICES)}")
    return given or chosen()


def scanner_of(address: str) -> "Scanner | None":
    """The antivirus at this address; None where none is given."""
    if not address:
        return None
    from pipeline.adapters.clamd import TIMEOUT_S, Clamd

    try:
        return Clamd(address, TIMEOUT_S)
    except ValueError:
        raise UsageError(
            f"--antivirus {address} : attendu unix:/CHEMIN, ou 127.0.0.1:PORT (cette machine seulement)"
        ) from None


def warner(lang: Lang = Lang.FR) -> "Callable[[Trouble], None]":
    """Says on standard error that the cache of compiled rules cannot be used."""

    def warn(trouble: "Trouble") -> None:
        typer.echo(f"chorus-edi : {shown(trouble.said.in_words(lang.value))}", err=True)

    return warn


def interface_of(given: str) -> str:
    row = INTERFACES.get(given)
    if given and (row is None or not row.can_be_dropped):
        raise UsageError(f"--interface {given} : code inconnu ou non ouvert ; la liste : chorus-edi flows")
    return given


def existing(paths: Sequence[Path]) -> Sequence[Path]:
    """Every path must be there before the first is judged: a slip of the keyboard is not an answer about an invoice."""
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path} : fichier ou dossier introuvable")
    return paths
