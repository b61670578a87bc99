"""A verdict for people: one head line per flow, then what is wrong, where, and what to do."""

from collections.abc import Iterator

import typer

from pipeline.cli.layout import paragraph, shown
from pipeline.cli.options import Lang
from pipeline.codes import Severity
from pipeline.model import Finding, FlowState, IntakeVerdict, InvoiceOutcome, Lane, Verdict
from pipeline.returns import intake_report, message
from pipeline.returns.place import spot

_MARKS = {
    FlowState.INTEGRATED: ("✔", "green"),
    FlowState.PARTIAL: ("◐", "yellow"),
    FlowState.REJECTED: ("✘", "red"),
    FlowState.WAITING: ("…", "yellow"),
}
_WORDS = {
    Lang.FR: {
        Severity.FATAL: "irrecevable", Severity.ERROR: "erreur", Severity.WARNING: "attention",
        Severity.HOLD: "attente", Severity.INFO: "info",
    },
    Lang.EN: {severity: severity.value for severity in Severity},
}  # fmt: skip
_COLOURS = {Severity.FATAL: "red", Severity.ERROR: "red", Severity.WARNING: "yellow", Severity.HOLD: "yellow"}
_OUTCOMES = {
    Lang.FR: {
        InvoiceOutcome.INTEGRATED: "intégrée", InvoiceOutcome.REFUSED: "refusée", InvoiceOutcome.PENDING: "en attente",
    },
    Lang.EN: {outcome: outcome.value for outcome in InvoiceOutcome},
}  # fmt: skip
_OFFLINE = {
    Lang.FR: "Rien n'est appliqué ici : seule la plateforme sait où en est chaque facture.",
    Lang.EN: "Nothing is applied here: only the platform knows where each invoice stands.",
}
MOST_LINES = 20  # findings printed per invoice in text; JSON has them all


def lines(verdict: Verdict | IntakeVerdict, file: str, lang: Lang, *, with_infos: bool = False) -> Iterator[str]:
    """The text of one verdict. A good flow without a warning is one line."""
    if isinstance(verdict, IntakeVerdict):
        yield from _of_changes(verdict, file, lang, with_infos=with_infos)
        return
    mark, colour = _MARKS[verdict.state]
    counts = ", ".join(
        f"{verdict.count(outcome)} {_OUTCOMES[lang][outcome]}{_plural(verdict.count(outcome), outcome, lang)}"
        for outcome in InvoiceOutcome
        if verdict.count(outcome)
    )
    head = f"{mark} {shown(file)}  {verdict.read.interface or verdict.read.announced or '-'}  {verdict.state}"
    yield typer.style(head, fg=colour) + (f"  ({counts})" if counts else "")
    yield from _findings(verdict.findings, lang, with_infos=with_infos, with_member=True)
    for judged in verdict.invoices:
        said = [f for f in judged.findings if with_infos or f.severity is not Severity.INFO]
        if not said:
            continue
        number = judged.read.number.text if judged.read.number else "?"
        where = f" ({shown(judged.read.member)})" if len(verdict.read.members) > 1 else ""
        word = "facture" if lang is Lang.FR else "invoice"
        yield f"  {word} {shown(number)}{where} : {_OUTCOMES[lang][judged.outcome]}"
        yield from _findings(tuple(said), lang, with_infos=with_infos, with_member=False)


def _of_changes(verdict: IntakeVerdict, file: str, lang: Lang, *, with_infos: bool) -> Iterator[str]:
    """The same of a flow of changes: a row where an invoice would stand."""
    mark, colour = _MARKS[verdict.state]
    head = f"{mark} {shown(file)}  {verdict.read.interface or verdict.read.announced or '-'}  {verdict.state}"
    yield typer.style(head, fg=colour) + f"  ({intake_report.comment(verdict, lang.value)})"
    if verdict.is_offline and verdict.read.lane is not Lane.CONTROL and verdict.state is not FlowState.REJECTED:
        yield f"  {_OFFLINE[lang]}"
    yield from _findings(verdict.findings, lang, with_infos=with_infos, with_member=True)
    for row, judged in zip(verdict.rows, intake_report.as_reported(verdict).invoices, strict=True):
        said = [f for f in judged.findings if with_infos or f.severity is not Severity.INFO]
        if said:
            number = judged.read.number.text if judged.read.number else "?"
            word, name = ("ligne", "facture") if lang is Lang.FR else ("row", "invoice")
            yield f"  {word} {row.rank}, {name} {shown(number)}"
            yield from _findings(tuple(said), lang, with_infos=with_infos, with_member=False)


def _plural(count: int, outcome: InvoiceOutcome, lang: Lang) -> str:
    return "s" if lang is Lang.FR and count > 1 and outcome is not InvoiceOutcome.PENDING else ""


def _findings(found: tuple[Finding, ...], lang: Lang, *, with_infos: bool, with_member: bool) -> Iterator[str]:
    said = [f for f in found if with_infos or f.severity is not Severity.INFO]
    for finding in said[:MOST_LINES]:
        yield from finding_lines(finding, lang, with_member=with_member)
    if len(said) > MOST_LINES:
        more = len(said) - MOST_LINES
        yield (
            f"      … et {more} autres (--format json les donne tous)"
            if lang is Lang.FR
            else f"      … and {more} more"
        )


def finding_lines(finding: Finding, lang: Lang, *, with_member: bool = False) -> Iterator[str]:
    """One finding for people: how hard it bites, its rule, where, what is wrong, what to do."""
    word = typer.style(_WORDS[lang][finding.severity].ljust(11), fg=_COLOURS.get(finding.severity))
    places = [
        spot(finding.at, lang.value),
        f"{'ligne' if lang is Lang.FR else 'line'} {finding.line}" if finding.line else "",
    ]
    if with_member and finding.member:
        places.insert(0, finding.member)
    where = ", ".join(shown(place) for place in places if place)
    yield f"    {word} {typer.style(finding.rule, bold=True)}" + (f"  {where}" if where else "")
    yield paragraph("", shown(message.text(finding, lang.value)), indent=4)
    remedy = message.remedy(finding, lang.value)
    if finding.severity is not Severity.INFO and remedy:
        yield paragraph("", "→ " + shown(remedy), indent=4)
