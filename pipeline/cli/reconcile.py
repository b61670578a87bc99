"""`reconcile`: what came in on one business day, what went out, what waits; and every invariant."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import REFUSED
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.operate import print_invariants
from pipeline.cli.options import HomeOption, Lang, LangOption
from pipeline.cli.reference import day_of

if TYPE_CHECKING:
    from pipeline.reconcile.night import Reconciliation


class NightFormat(StrEnum):
    TABLE = "table"
    TEXT = "text"  # the same
    JSON = "json"


NARROW = "\u202f"
# what is counted: the word for deposits and for invoices, and the figures that tell it
_ROWS = {
    Lang.FR: (
        ("reçus, lues", "received", "read"), ("intégrés", "integrated", "integrated"),
        ("intégrés en partie", "partial", ""), ("rejetés, refusées", "refused", "refused"),
        ("en attente", "pending", "pending"), ("redéposés à l'identique", "repeated", ""),
        ("mis à part", "quarantined", ""), ("à juger", "unjudged", ""),
    ),
    Lang.EN: (
        ("received, read", "received", "read"), ("integrated", "integrated", "integrated"),
        ("integrated in part", "partial", ""), ("refused", "refused", "refused"), ("pending", "pending", "pending"),
        ("repeated", "repeated", ""), ("set apart", "quarantined", ""), ("to be judged", "unjudged", ""),
    ),
}  # fmt: skip
_FILES = {
    Lang.FR: (("comptes rendus", "reports"), ("cycles de vie", "lifecycle_returns"), ("pivots", "pivots")),
    Lang.EN: (("reports", "reports"), ("lifecycle returns", "lifecycle_returns"), ("pivots", "pivots")),
}
_WORDS = {
    Lang.FR: {
        "day": "Journée du", "deposits": "dépôts", "invoices": "factures", "written": "écrits", "sent": "envoyés",
        "unsent": "à envoyer", "unsummed": "sans total qui se somme", "waits": "Attend", "since": "depuis le",
        "other": "factures dont la devise n'est pas un code",
    },
    Lang.EN: {
        "day": "Business day", "deposits": "deposits", "invoices": "invoices", "written": "written", "sent": "sent",
        "unsent": "to send", "unsummed": "without a total that sums", "other": "invoices whose currency is no code",
        "waits": "Waits", "since": "since",
    },
}  # fmt: skip


def reconcile(
    day: Annotated[str, typer.Option("--day", help="journée AAAA-MM-JJ, à Paris (la veille par défaut)")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="dossier où écrire le classeur, la page et le CSV des écarts")
    ] = None,
    home: HomeOption = None,
    format: Annotated[
        NightFormat, typer.Option("--format", help="table, ou json : un objet par ligne")
    ] = NightFormat.TABLE,
    lang: LangOption = Lang.FR,
) -> None:
    """Ce qui est entré et sorti en une journée, ce qui diffère, ce qui attend ; code 1 sur une différence."""
    from pipeline.running import nightly

    given = day_of(day, "--day")
    with existing_home(home) as place:
        found = nightly.reconcile(place, given or nightly.business_day(place))
    if format is NightFormat.JSON:
        from pipeline.adapters.night.plain import objects

        for one in objects(found):
            typer.echo(json_line(one))
    else:
        _print(found, lang)
    if out is not None:
        from pipeline.adapters.night import files

        written = files.write(found, out, lang.value)
        if format is not NightFormat.JSON:
            for path in written:
                typer.echo(shown(str(path)))
    if not found.is_sound:
        raise typer.Exit(REFUSED)


def _print(found: "Reconciliation", lang: Lang) -> None:
    """The day, its figures, the invariants, and last what differs: it stands next to the prompt."""
    from pipeline.adapters.night.words import Words
    from pipeline.cli import night

    words = Words(lang.value)
    _print_day(found, lang)
    for line in (*night.figures(found, words), *night.compared(found, words)):
        typer.echo(line)
    print_invariants(found.lines, lang=lang)
    typer.echo("")
    for line in night.differences(found, words):
        typer.echo(line)


def _print_day(found: "Reconciliation", lang: Lang) -> None:
    from pipeline.model import PARIS
    from pipeline.reconcile import WAITS_FOR

    words, figures = _WORDS[lang], found.figures
    typer.echo(typer.style(f"{words['day']} {found.day}", bold=True) + "\n")
    currencies = [name[6:9] for name in figures if name.startswith("money_") and name.endswith("_read")]
    table = [("", words["deposits"], words["invoices"], *currencies)]
    for label, deposits, invoices in _ROWS[lang]:
        money = [_amount(figures, currency, invoices, lang) for currency in currencies]
        table.append((label, _figure(figures, "deposits", deposits), _figure(figures, "invoices", invoices), *money))
    typer.echo(columns(table, right=frozenset(range(1, len(table[0])))) + "\n")
    sending = ("written", "sent", "unsent")
    files = [("", *(words[name] for name in sending))]
    files += [(label, *(_figure(figures, kind, name) for name in sending)) for label, kind in _FILES[lang]]
    typer.echo(columns(files, right=frozenset({1, 2, 3})) + "\n")
    for currency in currencies:
        _print_if(figures, f"money_{currency}_unsummed", currency, words["unsummed"])
    _print_if(figures, "invoices_other_currency", "?", words["other"])
    if found.oldest is not None:
        oldest = found.oldest
        reason = WAITS_FOR[oldest.reason].in_words(lang.value)
        since = f"{words['since']} {oldest.since.astimezone(PARIS):%Y-%m-%d %H:%M}"
        told = f"{oldest.partner}/{shown(oldest.flow)}, {since}, {reason}"
        typer.echo(paragraph(words["waits"], told, indent=0) + "\n")


def _figure(figures: Mapping[str, int | str], kind: str, name: str) -> str:
    return str(figures[f"{kind}_{name}"]) if name else ""


def _amount(figures: Mapping[str, int | str], currency: str, name: str, lang: Lang) -> str:
    """An exact amount as people write it."""
    if not name:
        return ""
    whole, _, rest = str(figures[f"money_{currency}_{name}"]).partition(".")
    sign, digits = ("-" if whole.startswith("-") else ""), f"{int(whole.lstrip('-')):,}"
    return f"{sign}{digits}.{rest}" if lang is Lang.EN else f"{sign}{digits.replace(',', NARROW)},{rest}"


def _print_if(figures: Mapping[str, int | str], name: str, label: str, words: str) -> None:
    if figures[name]:
        typer.echo(paragraph(label, f"{figures[name]} {words}", indent=0))
