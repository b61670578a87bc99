"""`audit`: is the ledger what it was, row by row; and a period of it for an auditor."""

import sys
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.cli.boundary import REFUSED, UsageError
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import columns, json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption
from pipeline.cli.reference import day_of
from pipeline.plural import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pipeline.audit.problem import Problem
    from pipeline.running.audit import Audit

audit = typer.Typer(
    help="Le journal chaîné : sa vérification, son extrait pour un auditeur.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip
PartnerOption = Annotated[str, typer.Option("--partner", help="un seul partenaire (code application)")]
_HEADS = {
    Lang.FR: ("partenaire", "lignes", "inscrits", "unités", "relues", "têtes", "la dernière"),
    Lang.EN: ("partner", "rows", "records", "units", "read back", "heads", "the last one"),
}
_WORDS = {
    Lang.FR: {
        "sound": "le journal tient : rien n'a été modifié, retiré, inséré ni déplacé",
        "empty": "le journal est vide : rien n'a encore été reçu",
        "broken": "le journal ne tient pas, {} ; docs/ops/audit.md dit quoi faire",
        "untold": "{} de plus, de {}",
        "forgotten": "{} : une restauration a fait oublier au registre ce qu'attestent des objets du magasin : {}",
        "unlocked": "le magasin n'a pas de verrou : il atteste le journal tant que ses droits le gardent de qui "
        "écrit au registre (docs/ops/store.md)",
        "note": "À noter", "things": "chose à expliquer",
    },
    Lang.EN: {
        "sound": "the chains hold: nothing was changed, removed, inserted or moved",
        "empty": "the chains are empty: nothing was received yet",
        "broken": "the chains do not hold, {}; docs/ops/audit.md says what to do",
        "untold": "{} more, of {}",
        "forgotten": "{}: a restore made the ledger forget what objects of the store attest: {}",
        "unlocked": "the store has no lock: it attests the chains as long as its permissions keep out whoever writes "
        "to the ledger (docs/ops/store.md)",
        "note": "Note", "things": "thing to explain",
    },
}  # fmt: skip


@audit.command("verify")
def audit_verify(
    partner: PartnerOption = "",
    full: Annotated[bool, typer.Option("--full", help="relire tous les objets du magasin, pas un échantillon")] = False,
    file: Annotated[
        Path | None, typer.Option("--file", help="vérifier un extrait (audit export), sans dossier de travail")
    ] = None,
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Recalculer le journal et le comparer au magasin ; code 1 si quelque chose a été touché, nommé ligne par ligne."""
    if file is not None:
        from pipeline.running.audit_file import check_file

        if partner or full:
            raise UsageError("--file vérifie tout l'extrait : ni --partner ni --full avec lui")
        if not file.is_file():
            raise UsageError(f"{file} : fichier introuvable")
        found = check_file(file)
    else:
        from pipeline.running.audit import inspect

        with existing_home(home) as place, place.ledger.reading() as db:
            found = inspect(place, db, partner, full=full)
        if partner and partner not in found.chains:
            raise UsageError(f"--partner {partner} : rien au journal pour ce code")
    if format is Format.JSON:
        _print_json(found)
    else:
        _print(found, lang)
    if not found.is_sound:
        raise typer.Exit(REFUSED)


def _print_json(found: "Audit") -> None:
    for chain in found.chains.values():
        typer.echo(json_line(asdict(chain)))
    for problem in found.problems:
        typer.echo(json_line(_as_json(problem)))


def _as_json(problem: "Problem") -> dict[str, object]:
    return {"partner": problem.partner, "row": problem.sequence, "what": problem.what, "fr": problem.said.fr,
            "en": problem.said.en}  # fmt: skip


def _print(found: "Audit", lang: Lang) -> None:
    words = _WORDS[lang]
    if found.chains:
        rows: list[Sequence[str]] = [_HEADS[lang]]
        rows += [
            (c.partner, *(str(n) for n in (c.rows, c.records, c.units, c.compared, c.heads)), c.last_head or "-")
            for c in found.chains.values()
        ]
        typer.echo(columns(rows, right=frozenset({1, 2, 3, 4, 5})) + "\n")
    for chain in found.chains.values():
        if chain.forgotten:
            typer.echo(paragraph(words["note"], words["forgotten"].format(chain.partner, chain.forgotten), indent=0))
    if any(chain.is_locked is False for chain in found.chains.values()):
        typer.echo(paragraph(words["note"], words["unlocked"], indent=0))
    problems = found.problems
    for problem in problems:
        typer.echo(f"{typer.style('✘', fg='red')} {shown(problem.said.in_words(lang.value))}")
    for partner, count in sorted(found.untold.items()):
        typer.echo(f"{typer.style('✘', fg='red')} {words['untold'].format(count, partner)}")
    if problems:
        left = counted(len(problems) + sum(found.untold.values()), words["things"], lang)
        typer.echo(f"  → {words['broken'].format(left)}")
    else:
        typer.echo(f"{typer.style('✔', fg='green')} {words['sound' if found.chains else 'empty']}")


@audit.command("export")
def audit_export(
    day: Annotated[str, typer.Option("--day", help="journée AAAA-MM-JJ, à Paris (la veille par défaut)")] = "",
    first: Annotated[str, typer.Option("--from", help="premier jour d'une période")] = "",
    last: Annotated[str, typer.Option("--to", help="dernier jour d'une période (aujourd'hui par défaut)")] = "",
    partner: PartnerOption = "",
    output: Annotated[Path | None, typer.Option("--output", help="fichier à écrire (sinon la sortie)")] = None,
    home: HomeOption = None,
) -> None:
    """Écrire une journée ou une période du journal, une ligne de JSON par ligne : audit verify --file la vérifie."""
    from pipeline.running.audit_file import export_period
    from pipeline.running.nightly import business_day

    if day and (first or last):
        raise UsageError("--day, ou --from et --to, pas les deux")
    if last and not first:
        raise UsageError("--to a besoin de --from")
    with existing_home(home) as place:
        begin, end = _days(day, first, last, business_day(place))
        with _written(output) as write:
            done = export_period(place, begin, end, write, partner)
    told = ", ".join(
        counted(count, word)
        for count, word in ((done.chains, "partenaire"), (done.rows, "ligne"), (done.objects, "objet du magasin"))
    )
    print(f"chorus-edi : {told}, du {begin} au {end}", file=sys.stderr)


def _days(day: str, first: str, last: str, yesterday: date) -> tuple[date, date]:
    """The first and the last day that are asked for; a period without an end goes up to today."""
    one, since, until = day_of(day, "--day"), day_of(first, "--from"), day_of(last, "--to")
    if since is None:
        return one or yesterday, one or yesterday
    end = until or yesterday + timedelta(days=1)
    if end < since:
        raise UsageError(f"--to {end} : avant --from {first}")
    return since, end


@contextmanager
def _written(output: Path | None) -> "Iterator[Callable[[str], None]]":
    """Lines to the standard output, or to a file that is not there yet."""
    if output is None:
        yield print
        return
    try:
        file = output.open("x", encoding="ascii", newline="\n")
    except FileExistsError as error:
        raise UsageError(f"{output} : existe déjà, rien n'y est écrit") from error
    with file:
        yield lambda line: print(line, file=file)
