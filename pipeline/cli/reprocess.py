"""`reprocess` and `submit`: judge again what came, for ourselves or as a new deposit."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipeline.cli.boundary import UsageError
from pipeline.cli.homes import existing_home
from pipeline.cli.layout import json_line, paragraph, shown
from pipeline.cli.options import Format, FormatOption, HomeOption, Lang, LangOption
from pipeline.cli.reference import day_of
from pipeline.cli.words import OUTCOMES, STATES
from pipeline.plural import counted

if TYPE_CHECKING:
    from pipeline.adapters.ledger.shadows import Shadow
    from pipeline.running.reprocess import Reprocessed

MOST = 20  # deposits, or invoices of one, that are told in text; JSON has them all
_WORDS = {
    Lang.FR: {
        "again": "À rejuger", "shadows": "À l'ombre", "untouched": "Inchangés", "same": "même verdict",
        "gone": "n'y est plus", "new": "s'y ajoute", "more": "et {} autres",
        "flow": "flux", "none": "absente", "run": "chorus-edi run les juge",
        "told": "réponse donnée → verdict d'aujourd'hui ; rien n'est envoyé au partenaire",
    },
    Lang.EN: {
        "again": "Due again", "shadows": "Shadow", "untouched": "Untouched", "same": "same verdict",
        "gone": "gone", "new": "new", "more": "and {} more", "flow": "flow", "none": "absent",
        "run": "`chorus-edi run` judges them", "told": "told → today; nothing is sent to the partner",
    },
}  # fmt: skip


def reprocess(
    flow: Annotated[str, typer.Option("--flow", help="nom du flux")] = "",
    partner: Annotated[str, typer.Option("--partner", help="code application du partenaire")] = "",
    day: Annotated[str, typer.Option("--day", help="jour de réception AAAA-MM-JJ, à Paris")] = "",
    home: HomeOption = None,
    format: FormatOption = Format.TEXT,
    lang: LangOption = Lang.FR,
) -> None:
    """Rejuger ce qui est en défaut, en attente ou mis à part ; ce qui est répondu, à l'ombre : rien n'est renvoyé."""
    from pipeline.running.reprocess import reprocess, shadow_verdicts

    if not (flow or partner or day):
        raise UsageError("reprocess : désigner un flux, un partenaire ou un jour : --flow, --partner, --day")
    with existing_home(home) as place:
        done = reprocess(place, flow, partner, day_of(day, "--day"))
        shadows = shadow_verdicts(place, done.shadows)
    if format is Format.JSON:
        _print_json(done, shadows)
    else:
        for text in _lines(done, shadows, lang):
            typer.echo(text)


def submit(
    flow: Annotated[str, typer.Argument(help="nom sous lequel ces octets sont venus")],
    as_name: Annotated[str, typer.Option("--as", help="nom de flux du nouveau dépôt")],
    partner: Annotated[str, typer.Option("--partner", help="code application, si plusieurs ont ce nom")] = "",
    sha256: Annotated[
        str, typer.Option("--sha256", help="début de l'empreinte, si plusieurs contenus ont ce nom")
    ] = "",
    home: HomeOption = None,
) -> None:
    """Déposer à nouveau des octets archivés, sous un autre nom : un dépôt neuf, avec son compte rendu."""
    from pipeline.running.submit import submit

    with existing_home(home) as place:
        number = submit(place, flow, as_name, partner, sha256)
    typer.echo(f"{shown(as_name)} : dépôt {number} enregistré ; chorus-edi run le juge")


def _print_json(done: "Reprocessed", shadows: "Iterable[Shadow]") -> None:
    """One object for the whole, then one per shadow verdict."""
    told: dict[str, Any] = {
        "again": done.again, "shadows": done.shadows, "untouched": done.untouched,
        "reasons": {str(number): asdict(why) for number, why in done.reasons.items()},
    }  # fmt: skip
    typer.echo(json_line(told))
    for one in shadows:
        told = {
            "deposit": one.deposit.id, "partner": one.deposit.partner, "flow": one.deposit.name,
            "at": one.at.isoformat(), "operator": one.operator, "difference": one.difference, "verdict": one.verdict,
        }  # fmt: skip
        typer.echo(json_line(told))


def _lines(done: "Reprocessed", shadows: "list[Shadow]", lang: Lang) -> Iterator[str]:
    words = _WORDS[lang]
    if done.again:
        yield paragraph(words["again"], f"{_deposits(len(done.again), lang)} ; {words['run']}", indent=0)
    if shadows:
        yield paragraph(words["shadows"], f"{_deposits(len(shadows), lang)} ; {words['told']}", indent=0)
        for one in shadows[:MOST]:
            yield from _shadow(one, lang)
        yield from _rest(len(shadows), lang)
    if done.untouched:
        yield paragraph(words["untouched"], _deposits(len(done.untouched), lang), indent=0)
        reasons: dict[str, int] = {}
        for why in done.reasons.values():
            reasons[why.in_words(lang.value)] = reasons.get(why.in_words(lang.value), 0) + 1
        for reason, number in sorted(reasons.items()):
            yield paragraph(str(number), shown(reason))


def _shadow(one: "Shadow", lang: Lang) -> Iterator[str]:
    words, changed = _WORDS[lang], one.difference
    name = f"{one.deposit.partner}/{shown(one.deposit.name)}"
    if not changed:
        yield f"  {name} : {words['same']}"
        return
    states = STATES[lang]
    before, now = changed.get("state", [one.verdict["state"]] * 2)
    moved = f"{states.get(before, before)} → {states.get(now, now)}" if before != now else states.get(now, now)
    yield typer.style(f"  {name} : {moved}", bold=True)
    yield from _rules(words["flow"], changed.get("findings", {}), lang)
    invoices = changed.get("invoices", [])
    for invoice in invoices[:MOST]:
        outcome = [OUTCOMES[lang].get(o, o or words["none"]) for o in invoice.get("outcome", ())]
        told = f"{shown(invoice['supplier'])}/{shown(invoice['number'])}"
        yield from _rules(f"{told} : {' → '.join(outcome)}" if outcome else told, invoice, lang)
    yield from _rest(len(invoices), lang)


def _rules(what: str, changed: Mapping[str, Any], lang: Lang) -> Iterator[str]:
    if not changed:
        return
    told = [
        f"{_WORDS[lang][name]} : {', '.join(rule for rule, _ in changed[name])}"
        for name in ("gone", "new")
        if changed.get(name)
    ]
    yield paragraph("", f"{what}{' ; ' if told else ''}{' ; '.join(told)}", indent=0)


def _deposits(count: int, lang: Lang) -> str:
    return counted(count, "dépôt" if lang is Lang.FR else "deposit", lang)


def _rest(count: int, lang: Lang) -> Iterator[str]:
    if count > MOST:
        yield f"  … {_WORDS[lang]['more'].format(count - MOST)} (--format json)"
