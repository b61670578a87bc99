"""The nightly reconciliation on a terminal: what came, what was compared, what waits too long, and what differs.

The end of it stands next to the prompt: the differences, one by one, each with its next step, and the outcome.
"""

import textwrap
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import typer

from pipeline.cli.layout import columns, shown, width

if TYPE_CHECKING:
    from pipeline.adapters.night.words import Group, Words
    from pipeline.reconcile.night import Difference, Reconciliation

DIFFERENCES_MAX = 200  # the workbook and the CSV have the others
ROWS_MAX = 20
_NAME_CHARS = 26


def figures(found: "Reconciliation", words: "Words") -> Iterator[str]:
    """By partner and by rule, ages and payment terms: a table each, where there is something to show."""
    for title, rows, more in (
        (words("partners"), _partners(found, words), len(found.rows) - ROWS_MAX),
        (words("rules"), _rules(found, words), len(found.by_rule) - ROWS_MAX),
        (words("ages"), _ages(found, words), 0),
        (words("terms"), _terms(found, words), _late(found) - ROWS_MAX),
    ):
        if len(rows) > 1:
            yield typer.style(title, bold=True)
            yield fitting(rows)
            if more > 0:
                yield words.others(more)
            yield ""


def compared(found: "Reconciliation", words: "Words") -> Iterator[str]:
    """Each source with how far it was read; one that was not read says so."""
    if not found.against:
        return
    yield typer.style(words("against"), bold=True)
    for one in found.against:
        mark = typer.style("✔", fg="green") if one.was_read else typer.style("?", fg="yellow")
        label = one.label.in_words(words.lang).ljust(_NAME_CHARS)
        yield f"{mark} {label} {words.number(one.count).rjust(9)}  {shown(one.said.in_words(words.lang))}"
    yield ""


def differences(found: "Reconciliation", words: "Words") -> Iterator[str]:
    """What differs, by kind, and the outcome of the night."""
    from pipeline.adapters.night.words import groups

    for group in groups(found, DIFFERENCES_MAX):
        yield from _group(group, words)
    mark = typer.style("✔", fg="green") if found.is_sound else typer.style("✘", fg="red")
    yield f"{mark} {_folded(words.outcome(found), '').lstrip()}"


def fitting(rows: Sequence[Sequence[str]]) -> str:
    """A table within the width of the terminal: names are cut, and the last columns go where nothing else helps."""
    kept = [[cell if place else _cut(cell) for place, cell in enumerate(row)] for row in rows]
    while len(kept[0]) > 2 and max(map(len, columns(kept).splitlines())) > width():
        kept = [row[:-1] for row in kept]
    return columns(kept, right=frozenset(range(1, len(kept[0]))))


def _cut(name: str) -> str:
    safe = shown(name)
    return safe if len(safe) <= _NAME_CHARS else f"{safe[: _NAME_CHARS - 1]}…"


def _group(group: "Group", words: "Words") -> Iterator[str]:
    from pipeline.adapters.night.words import capital
    from pipeline.reconcile.night import KINDS

    row = KINDS[group.kind]
    mark = typer.style("✘", fg="red") if row.counts else typer.style("•", fg="yellow")
    label = capital(row.label.in_words(words.lang))
    yield f"{mark} {typer.style(label, bold=True)} ({words.number(group.count)})"
    for one, after in zip_longest(group.first, group.first[1:]):
        yield _folded(shown(_told(one, words)), "  ")
        if after is None or after.next != one.next:  # the same step for several is said once, beneath them
            yield _folded(f"→ {shown(one.next.in_words(words.lang))}", "    ")
    if group.more:
        yield f"  {words.others(group.more)}"
    yield ""


def _folded(text: str, indent: str) -> str:
    """Within the terminal; a command or a name stays whole."""
    return textwrap.fill(
        text, width() - 2, initial_indent=indent, subsequent_indent=f"{indent}  ", break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip


def _told(one: "Difference", words: "Words") -> str:
    """Where, what and how much, in one sentence."""
    invoice = f"{words('invoice')} {one.invoice}" if one.invoice else ""
    name = one.flow or one.file
    is_owned = not one.partner or name.startswith(f"{one.partner}/")
    where = name if is_owned else "/".join(part for part in (one.partner, name) if part)
    place = ", ".join(part for part in (where, invoice) if part)
    amount = f" ({words.amount(one.millionths, one.currency)})" if one.millionths is not None else ""
    since = f", {words('since')} {words.moment(one.since)}" if one.since is not None else ""
    said = f"{one.said.in_words(words.lang)}{amount}{since}"
    return f"{place}{' : ' if words.lang == 'fr' else ': '}{said}" if place else said


def _partners(found: "Reconciliation", words: "Words") -> list[Sequence[str]]:
    from pipeline.adapters.night.words import currencies, largest
    from pipeline.reconcile.night import STAGES

    main = currencies(found)[:1]
    stages = [name for name in STAGES if name != "read"]
    heads = [words("partner"), words("flows"), words("invoices"), *main]
    rows: list[Sequence[str]] = [[*heads, *(STAGES[name].in_words(words.lang) for name in stages)]]
    for row in largest(found.rows)[:ROWS_MAX]:
        money = (words.amount(row.read.money.get(currency, 0), currency) for currency in main)
        counts = (words.number(row.sum_of(name).invoices) for name in stages)
        rows.append(
            [row.key, words.number(row.files.get("received", 0)), words.number(row.read.invoices), *money, *counts]
        )
    return rows


def _rules(found: "Reconciliation", words: "Words") -> list[Sequence[str]]:
    heads = ("rule", "severity", "findings", "flows", "invoices", "partners counted")
    rows: list[Sequence[str]] = [[words(name) for name in heads]]
    rows += (
        [
            one.rule,
            words.severity(one.severity),
            *map(words.number, (one.findings, one.flows, one.invoices, one.partners)),
        ]
        for one in found.by_rule[:ROWS_MAX]
    )
    return rows


def _ages(found: "Reconciliation", words: "Words") -> list[Sequence[str]]:
    from pipeline.adapters.night.words import by_status
    from pipeline.reconcile.night import BUCKETS

    names = [words.short_bucket(place) for place in range(len(BUCKETS) + 1)]
    rows: list[Sequence[str]] = [[words("status"), words("invoices"), *names]]
    for age in by_status(found.ages):
        label = f"{age.status} {age.label.in_words(words.lang)}"
        rows.append([label, words.number(age.invoices), *map(words.number, age.buckets)])
    return rows


def _terms(found: "Reconciliation", words: "Words") -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [[words(name) for name in ("recipient", "late", "near", "unpaid")]]
    late = sorted(
        (one for one in found.terms if one.at_risk or one.overdue),
        key=lambda one: (-one.overdue, -one.at_risk, one.recipient),
    )
    for one in late[:ROWS_MAX]:
        name = f"{one.recipient} {one.recipient_name}".strip()
        rows.append([name, *map(words.number, (one.overdue, one.at_risk, one.waiting))])
    return rows


def _late(found: "Reconciliation") -> int:
    return sum(1 for one in found.terms if one.at_risk or one.overdue)
