"""`search`: invoices by what is known of them, on the screen or as a file."""

import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import UsageError
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, shown
from pipeline.cli.options import HomeOption, Lang, LangOption
from pipeline.plural import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pipeline.runner import Home
    from pipeline.search import FoundInvoice, Position, Query

PAGE, PAGE_MAX = 50, 1_000
NAME_MAX = 26  # characters of a name in the table: the line fits a wide terminal
SAID_EVERY_S = 2.0  # how far a long export is
NARROW = "\u202f"


class Output(StrEnum):
    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    XLSX = "xlsx"


_HEADS = {
    Lang.FR: ("numéro", "émise le", "fournisseur", "destinataire", "total TTC", "", "état"),
    Lang.EN: ("number", "issued", "supplier", "recipient", "total", "", "stands"),
}
_WORDS = {
    Lang.FR: {
        "none": "aucune facture ne répond à ces critères", "count": "facture",
        "more": "il y en a d'autres : --after {}", "written": "{} dans {}", "so far": "{} factures écrites",
        "flow rule": "{} refuse tout le flux, dont les factures ne sont pas au registre ; reconcile les compte",
    },
    Lang.EN: {
        "none": "no invoice answers to that", "count": "invoice", "more": "there are more: --after {}",
        "written": "{} in {}", "so far": "{} invoices written",
        "flow rule": "{} refuses the whole flow, whose invoices are not in the ledger; reconcile counts them",
    },
}  # fmt: skip
_PERIOD = "AAAA-MM-JJ, AAAA-MM, AAAA, ou DÉBUT..FIN"


def search(
    number: Annotated[str, typer.Option("--number", help="numéro de facture ; 'DÉBUT*' : comment il commence")] = "",
    supplier: Annotated[str, typer.Option("--supplier", help="identifiant du fournisseur (SIRET, ...)")] = "",
    supplier_name: Annotated[str, typer.Option("--supplier-name", help="début du nom du fournisseur")] = "",
    recipient: Annotated[str, typer.Option("--recipient", help="SIRET du destinataire")] = "",
    service: Annotated[str, typer.Option("--service", help="code du service")] = "",
    commitment: Annotated[str, typer.Option("--commitment", help="numéro d'engagement")] = "",
    as_deposited: Annotated[
        bool, typer.Option("--as-deposited", help="destinataire, service, engagement du dépôt, avant recyclage")
    ] = False,
    status: Annotated[
        list[str] | None, typer.Option("--status", help="statut courant : 04, A_RECYCLER ; plusieurs : 04,05,06")
    ] = None,
    outcome: Annotated[str, typer.Option("--outcome", help="integrated, refused ou pending")] = "",
    partner: Annotated[str, typer.Option("--partner", help="code application de l'émetteur")] = "",
    received: Annotated[str, typer.Option("--received", help=f"reçue : {_PERIOD}")] = "",
    issued: Annotated[str, typer.Option("--issued", help=f"émise : {_PERIOD}")] = "",
    changed: Annotated[str, typer.Option("--changed", help=f"dans son statut depuis : {_PERIOD}")] = "",
    rule: Annotated[str, typer.Option("--rule", help="règle relevée : RTG-021, BR-CO-15")] = "",
    amount: Annotated[str, typer.Option("--amount", help="total TTC : 1234,56 ou 1000..2000 ; avoir : négatif")] = "",
    handled: Annotated[bool | None, typer.Option("--handled/--unhandled", help="rejets traités, ou à traiter")] = None,
    limit: Annotated[
        int, typer.Option("--limit", help=f"au plus tant de factures ({PAGE} à l'écran ; un fichier les prend toutes)")
    ] = 0,
    after: Annotated[str, typer.Option("--after", help="la suite d'une page : le curseur qu'elle donne")] = "",
    format: Annotated[
        Output, typer.Option("--format", help="table, json, csv (Excel français) ou xlsx")
    ] = Output.TABLE,
    out: Annotated[
        Path | None, typer.Option("--out", help="fichier à écrire ; il prend son nom une fois entier")
    ] = None,
    home: HomeOption = None,
    lang: LangOption = Lang.FR,
) -> None:
    """Chercher des factures : les dépôts les plus récents d'abord, page par page ; ou toutes, dans un fichier."""
    from pipeline.search import BadCriterion, parsed, position

    typed = {
        "number": number, "supplier": supplier, "supplier_name": supplier_name, "recipient": recipient,
        "service": service, "commitment": commitment, "outcome": outcome, "partner": partner, "received": received,
        "issued": issued, "changed": changed, "rule": rule, "amount": amount,
    }  # fmt: skip
    try:
        query = parsed(typed, status or (), as_deposited=as_deposited, is_handled=handled)
        at = position(query, after) if after else None
        _check(format, out, limit)
        with existing_home(home) as place:
            if out is not None or format in {Output.CSV, Output.XLSX}:
                _export(place, query, at, limit, format, out, lang)
            else:
                _page(place, query, at, limit or PAGE, format, lang)
    except BadCriterion as error:
        raise UsageError(error.said.in_words(lang.value)) from error


def _check(format: Output, out: Path | None, limit: int) -> None:
    """What can be said before anything is read."""
    if limit < 0 or (limit > PAGE_MAX and out is None and format in {Output.TABLE, Output.JSON}):
        raise UsageError(f"--limit {limit} : de 1 à {PAGE_MAX} ; un fichier (--out) les prend toutes")
    if format is Output.TABLE and out is not None:
        raise UsageError("--out : avec --format csv, xlsx ou json")
    if format is Output.XLSX and out is None:
        raise UsageError("--format xlsx : nommer le fichier par --out")
    if out is not None and out.exists():
        raise UsageError(f"{out} : existe déjà, rien n'y est écrit")
    if out is not None and not out.parent.is_dir():
        raise UsageError(f"{out.parent} : dossier introuvable")


# --- a page -----------------------------------------------------------------------------------------------------------


def _page(home: "Home", query: "Query", after: "Position | None", limit: int, format: Output, lang: Lang) -> None:
    from pipeline.running.search import page
    from pipeline.search import cursor
    from pipeline.search.columns import as_json

    found = page(home, query, limit, after)
    following = cursor(query, found.next) if found.next is not None else ""
    if format is Output.JSON:
        for one in found.found:
            typer.echo(json_line(dict(as_json(one))))
        if following:
            typer.echo(json_line({"next": following}))
        return
    words = _WORDS[lang]
    if not found.found:
        typer.echo(words["none"])
        _explain(query, words)
        return
    typer.echo(_table(found.found, lang) + "\n")
    said = [counted(len(found.found), words["count"], lang), *([words["more"].format(following)] if following else [])]
    typer.echo(" ; ".join(said) if lang is Lang.FR else "; ".join(said))


def _explain(query: "Query", words: dict[str, str]) -> None:
    """A rule on whole flows is on no invoice: an empty answer would look as if nothing had been refused."""
    from pipeline.codes import ALL, Outcome

    code = ALL.get(query.rule)
    if code is not None and code.outcome in {Outcome.FLOW_REFUSED, Outcome.MEMBER_REFUSED}:
        typer.echo(words["flow rule"].format(query.rule))


def _table(found: "Sequence[FoundInvoice]", lang: Lang) -> str:
    rows: list[Sequence[str]] = [_HEADS[lang]]
    rows += [
        (shown(f.number), f.issued, _cut(f.supplier_name or f.supplier), _cut(f.recipient_name or f.recipient),
         _total(f, lang), shown(f.currency), _stands(f, lang))
        for f in found
    ]  # fmt: skip
    return columns(rows, right=frozenset({4}))


def _stands(found: "FoundInvoice", lang: Lang) -> str:
    """Where it is: its status, or why it is not in."""
    from pipeline.search.columns import language, outcome, status

    if not found.status or found.outcome == "pending":
        return " ".join((outcome(found, language(lang.value)), *found.rules))
    marks = ["↻"] if found.deposited else []
    marks += ["✔"] if found.is_handled else []
    return " ".join((status(found), *marks))


def _total(found: "FoundInvoice", lang: Lang) -> str:
    from pipeline.search.columns import signed_total

    total = signed_total(found)
    if total is None:
        return ""
    text = f"{total:,f}"
    return text if lang is Lang.EN else text.replace(",", NARROW).replace(".", ",")


def _cut(name: str) -> str:
    safe = shown(name)
    return safe if len(safe) <= NAME_MAX else f"{safe[: NAME_MAX - 1]}…"


# --- a file -----------------------------------------------------------------------------------------------------------


def _export(
    home: "Home", query: "Query", after: "Position | None", limit: int, format: Output, out: Path | None, lang: Lang
) -> None:
    from pipeline.running.search import every, export, stream

    words, count = _WORDS[lang], 0
    tell = _progress(words["so far"])

    def hear(found: int) -> None:
        nonlocal count
        count = found
        tell(found)

    rows = every(home, query, hear, most=limit, after=after)
    if out is None:
        stream(rows, sys.stdout.buffer, format.value, lang.value)
        return
    try:
        export(rows, out, format.value, lang.value)
    except FileExistsError as error:
        raise UsageError(f"{out} : existe déjà, rien n'y est écrit") from error
    print(
        f"chorus-edi : {words['written'].format(counted(count, words['count'], lang), shown(str(out)))}",
        file=sys.stderr,
    )


def _progress(words: str) -> "Callable[[int], None]":
    """Says how far a long export is, not more often than every two seconds."""
    said_at = time.monotonic()

    def tell(count: int) -> None:
        nonlocal said_at
        if time.monotonic() - said_at >= SAID_EVERY_S:
            said_at = time.monotonic()
            print(f"chorus-edi : {words.format(count)}", file=sys.stderr, flush=True)

    return tell
