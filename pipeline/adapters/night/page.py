"""The night as one page that needs nothing else: charts, figures and what differs, to be sent, kept and printed.

It holds no script, asks the network for nothing and forbids both (its policy admits its own style by digest, and
nothing besides). Each chart has its figures in a table beneath it. Every text of others is escaped.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import NamedTuple

from pipeline.adapters.night.charts import NARROW, WIDE, Bar, Part, bars, legend
from pipeline.adapters.night.words import (
    FRENCH,
    Group,
    Words,
    by_status,
    capital,
    currencies,
    groups,
    largest,
    named,
    others,
)
from pipeline.reconcile.night import BUCKETS, FILES, KINDS, STAGES, Difference, Reconciliation, Row
from pipeline.returns.message import PROSE_MAX, display

DIFFERENCES_MAX = 500  # on the page; the workbook and the CSV have the others
BARS_MAX = 10
_OUTCOMES = (("integrated", "blue"), ("pending", "amber"), ("refused", "red"))
_FILE_OUTCOMES = (
    ("integrated", "blue"), ("partial", "a2"), ("pending", "amber"), ("refused", "red"), ("repeated", "grey"),
    ("quarantined", "violet"), ("unjudged", "a1"),
)  # fmt: skip
_AGES = ("a1", "a2", "a3", "a4", "a5")
_WORDS = {
    "what became": (
        "Ce que sont devenus les flux, les factures et les montants", "What became of flows, invoices and money",
    ),
    "what became of it": (
        "Reçu = intégré + en attente + refusé, en flux, en factures et dans chaque devise (avoirs déduits).",
        "Received = integrated + pending + refused, in flows, invoices and every currency (credit notes subtracted).",
    ),
    "way": ("Du dépôt à la réponse", "From the drop to the answer"),
    "way of it": (
        "Jusqu'où sont allées les factures reçues ce jour.", "How far the invoices received on that day have come.",
    ),
    "by partner": ("Factures par partenaire", "Invoices by partner"),
    "by recipient": ("Factures par destinataire", "Invoices by recipient"),
    "by interface": ("Factures par code interface", "Invoices by interface code"),
    "by rule": ("Motifs de refus, et autres constats", "Reasons for refusal, and other findings"),
    "by kind": ("Écarts par nature", "Differences by kind"),
    "ages": ("Âge des factures, par statut", "Age of the invoices, by status"),
    "ages of it": (
        "De tous les jours, depuis leur dernier changement de statut.",
        "Of all days, since their last change of status.",
    ),
    "terms": ("Délais de paiement à surveiller", "Payment terms to watch"),
    "differences": ("Écarts, un par un", "Differences, one by one"),
    "nothing differs": ("Aucun écart : ce qui a été comparé concorde.", "No difference: what was compared agrees."),
    "more of kind": (
        "et {count} autres de cette nature, dans le classeur et le fichier CSV",
        "and {count} more of this kind, in the workbook and the CSV file",
    ),
    "all in": (
        "Tous les écarts : {csv} ; avec les tableaux : {book}.", "All differences: {csv}; with the tables: {book}.",
    ),
    "figures": ("Voir les chiffres", "Show the figures"),
    "nothing": ("Rien à montrer pour cette journée.", "Nothing to show for this day."),
    "and others": ("et {count} autres, dans le classeur", "and {count} more, in the workbook"),
    "one other": ("et 1 autre, dans le classeur", "and 1 more, in the workbook"),
    "one of kind": (
        "et 1 autre de cette nature, dans le classeur et le fichier CSV",
        "and 1 more of this kind, in the workbook and the CSV file",
    ),
    "received": ("Reçues", "Received"),
    "files received": ("Flux reçus", "Flows received"),
    "of received": ("{share} des factures", "{share} of the invoices"),
    "invoices": ("{count} factures", "{count} invoices"),
    "footer": (
        "Page établie par chorus-edi, sans script ni accès au réseau. Montants exacts, avoirs déduits, jamais "
        "additionnés d'une devise à l'autre.",
        "Page made by chorus-edi, without script or network. Amounts are exact, credit notes subtracted, never added "
        "across currencies.",
    ),
    "source unread": (
        "Une source non lue n'est pas une source sans écart.", "A source that was not read proves nothing.",
    ),
}  # fmt: skip


class Beside(NamedTuple):
    """The names of the files written beside the page."""

    workbook: str
    csv: str


def render(found: Reconciliation, words: Words, beside: Beside) -> bytes:
    """The page, as UTF-8; the same night gives the same bytes."""
    return _Page(found, words, beside).html().encode()


class _Page:
    def __init__(self, found: Reconciliation, words: Words, beside: Beside) -> None:
        self.found, self.words, self.beside = found, words, beside
        self.currencies = currencies(found)

    def say(self, name: str, **facts: object) -> str:
        """A sentence of this page, escaped."""
        given = {key: self.words.number(fact) if isinstance(fact, int) else fact for key, fact in facts.items()}
        return escape(_WORDS[name][0 if self.words.lang == FRENCH else 1].format_map(given))

    def more(self, count: int, one: str, several: str) -> str:
        return self.say(one) if count == 1 else self.say(several, count=count)

    def html(self) -> str:
        found, words = self.found, self.words
        style = _style()
        digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
        policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        title = words("title", day=words.short_day(found.day))
        parts = (
            f'<!DOCTYPE html>\n<html lang="{words.lang}">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n<meta name="robots" content="noindex">\n'
            f"<title>{escape(title)}</title>\n<style>{style}</style>\n</head>\n<body>\n",
            self._header(),
            "<main>\n",
            self._cards(),
            self._what_became(),
            '<div class="grid">\n',
            self._way(),
            self._kinds(),
            self._rows("by partner", "partner", found.rows),
            self._rules(),
            self._rows("by recipient", "recipient", found.by_recipient),
            self._rows("by interface", "interface", found.by_interface),
            self._ages(),
            self._terms(),
            "</div>\n",
            self._differences(),
            self._against(),
            self._lines(),
            f"</main>\n<footer><p>{self.say('footer')}</p></footer>\n</body>\n</html>\n",
        )
        return "".join(parts)

    # --- the top ------------------------------------------------------------------------------------------------------

    def _header(self) -> str:
        found, words = self.found, self.words
        seen = f"{escape(words('made at'))} {words.moment(found.made_at)}" if found.made_at is not None else ""
        grade = "good" if found.is_sound else "bad"
        mark = "✔" if found.is_sound else "✘"
        return (
            f"<header>\n<h1>{escape(words('title', day=words.day(found.day)))}</h1>\n"
            f'<p class="soft">{seen}</p>\n'
            f'<p class="outcome {grade}"><a href="#ecarts">{mark} {escape(words.outcome(found))}</a></p>\n</header>\n'
        )

    def _cards(self) -> str:
        found, words = self.found, self.words
        total = found.total
        read = total.read.invoices
        cards: list[tuple[str, str, str, list[str]]] = []
        cards.append(("", self.say("files received"), words.number(total.files.get("received", 0)), []))
        stages = (
            ("read", ""),
            ("integrated", "blue"),
            ("pending", "amber"),
            ("refused", "red"),
            ("delivered", "green"),
        )
        for stage, colour in stages:
            one = total.sum_of(stage)
            head = STAGES[stage].in_words(words.lang)
            beneath = [
                words.short_amount(one.money.get(currency, 0), currency)
                for rank, currency in enumerate(self.currencies[:3]) if one.money.get(currency) or not rank
            ]  # fmt: skip
            if stage != "read":
                beneath.append(self.say("of received", share=words.share(one.invoices, read)))
            cards.append((colour, f"{escape(words.head('invoices'))} {escape(head)}",
                          words.number(one.invoices), beneath))  # fmt: skip
        told = "".join(
            f'<div class="card {colour}"><dt>{head}</dt><dd class="big">{figure}</dd>'
            + "".join(f'<dd class="soft">{escape(line)}</dd>' for line in beneath) + "</div>"
            for colour, head, figure, beneath in cards
        )  # fmt: skip
        return f'<dl class="cards">{told}</dl>\n'

    # --- charts -------------------------------------------------------------------------------------------------------

    def _figure(
        self, name: str, drawn: Sequence[Bar], colours: Sequence[tuple[str, str]], heads: Sequence[str],
        rows: Sequence[Sequence[str]], *, wide: bool = False, told: str = "", more: int = 0,
    ) -> str:  # fmt: skip
        """A chart with its title, its legend and its figures as a table; `rows` begin with the name of the row."""
        size = ' class="wide"' if wide else ""
        title = self.say(name)
        said = f"<figcaption><h2>{title}</h2>{f'<p class=soft>{told}</p>' if told else ''}</figcaption>"
        said = said.replace("class=soft", 'class="soft"')
        if not drawn:
            return f'<figure{size}>{said}<p class="soft">{self.say("nothing")}</p></figure>\n'
        beyond = f'<p class="soft">{self.more(more, "one other", "and others")}</p>' if more else ""
        drawing = bars(_WORDS[name][0 if self.words.lang == FRENCH else 1], drawn, WIDE if wide else NARROW)
        beneath = f"<details><summary>{self.say('figures')}</summary>{_table(heads, rows)}</details>"
        return f"<figure{size}>{said}{legend(colours) if colours else ''}{drawing}{beyond}{beneath}</figure>\n"

    def _what_became(self) -> str:
        """Flows, invoices and every currency, each as one bar of the whole."""
        found, words = self.found, self.words
        total, lang = found.total, words.lang
        drawn, rows = [], []
        files = total.files
        parts = []
        for name, colour in _FILE_OUTCOMES:
            count = files.get(name, 0)
            said = FILES[name].in_words(lang)
            parts.append(Part(count, colour, said, f"{words.number(count)}"))
        received = files.get("received", 0)
        if received:
            drawn.append(Bar(words.head("files"), tuple(parts), words.number(received), max(received, _length(parts))))
            rows += [
                (f"{words.head('files')} {part.name}", part.shown, words.share(part.value, received)) for part in parts
            ]
        read = total.read
        if read.invoices:
            parts = self._outcomes(total)
            figure = words.number(read.invoices)
            drawn.append(Bar(words.head("invoices"), tuple(parts), figure, max(read.invoices, _length(parts))))
            rows += [
                (
                    f"{words.head('invoices')} {part.name}",
                    words.number(part.value),
                    words.share(part.value, read.invoices),
                )
                for part in parts
            ]
        for currency in self.currencies:
            whole = read.money.get(currency, 0)
            sums = [(total.sum_of(stage).money.get(currency, 0), stage, colour) for stage, colour in _OUTCOMES]
            rows += [
                (f"{words.text(currency)} {STAGES[stage].in_words(lang)}", words.amount(value, currency),
                 words.share(value, whole) if whole > 0 and value >= 0 else "")
                for value, stage, colour in sums
            ]  # fmt: skip
            if whole <= 0 or any(value < 0 for value, _, _ in sums):
                continue  # more credit notes than invoices: no length says that
            parts = [
                Part(value, colour, STAGES[stage].in_words(lang), words.short_amount(value, currency))
                for value, stage, colour in sums
            ]
            figure = words.amount(whole, currency)
            drawn.append(Bar(words.text(currency), tuple(parts), figure, max(whole, _length(parts))))
        met = {part.colour: part.name for bar in drawn for part in bar.parts if part.value}
        order = [colour for _, colour in (*_FILE_OUTCOMES, *_OUTCOMES)]
        colours = sorted(met.items(), key=lambda one: order.index(one[0]))
        heads = ("", words.head("how many"), "%")
        return self._figure("what became", drawn, colours, heads, rows, wide=True, told=self.say("what became of it"))

    def _outcomes(self, row: Row) -> list[Part]:
        words = self.words
        parts = []
        for stage, colour in _OUTCOMES:
            count = row.sum_of(stage).invoices
            parts.append(Part(count, colour, STAGES[stage].in_words(words.lang), words.number(count)))
        return parts

    def _way(self) -> str:
        words, total = self.words, self.found.total
        colours = {"read": "grey", "integrated": "blue", "delivered": "green", "reported": "violet"}
        drawn, rows = [], []
        for stage, colour in colours.items():
            one = total.sum_of(stage)
            said = capital(STAGES[stage].in_words(words.lang))
            shown = words.share(one.invoices, total.read.invoices)
            drawn.append(Bar(said, (Part(one.invoices, colour, said, shown),), words.number(one.invoices),
                             total.read.invoices))  # fmt: skip
            rows.append((said, words.number(one.invoices), *(
                words.amount(one.money.get(currency, 0), currency) for currency in self.currencies
            )))  # fmt: skip
        heads = ("", words.head("invoices"), *map(words.text, self.currencies))
        drawn = drawn if total.read.invoices else []
        return self._figure("way", drawn, (), heads, rows, told=self.say("way of it"))

    def _rows(self, name: str, of: str, rows: Sequence[Row]) -> str:
        words, lang = self.words, self.words.lang
        first = largest(rows)[:BARS_MAX]
        drawn = [
            Bar(named(row, words), tuple(self._outcomes(row)), words.number(row.read.invoices))
            for row in first if row.read.invoices
        ]  # fmt: skip
        main = self.currencies[0] if self.currencies else ""
        heads = [words.head(of), *(capital(said.in_words(lang)) for said in STAGES.values())]
        heads += [f"{words.text(main)} {STAGES['read'].in_words(lang)}"] if main else []
        heads.append(words.head("other currencies"))
        told = []
        for row in first:
            cells = [named(row, words), *(words.number(row.sum_of(stage).invoices) for stage in STAGES)]
            cells += [words.amount(row.read.money.get(main, 0), main)] if main else []
            told.append([*cells, others(row.read.money, (main,), words)])
        colours = [(colour, STAGES[stage].in_words(lang)) for stage, colour in _OUTCOMES]
        return self._figure(name, drawn, colours, heads, told, more=len(rows) - len(first))

    def _rules(self) -> str:
        words, lang = self.words, self.words.lang
        rows = self.found.by_rule  # the hardest first
        first = rows[:BARS_MAX]
        shades = {"fatal": "red", "error": "red", "hold": "amber", "warning": "a3", "info": "grey"}
        drawn = [
            Bar(
                f"{words.text(row.rule)} {words.text(row.label.in_words(lang))}",
                (Part(row.findings, shades.get(row.severity, "grey"), words.severity(row.severity)),),
                words.number(row.findings),
            )
            for row in first
        ]
        met = {shades.get(row.severity, "grey"): words.severity(row.severity) for row in reversed(first)}
        heads = [
            words.head(one) for one in ("rule", "asks", "severity", "findings", "flows", "invoices", "partners counted")
        ]
        told = [
            (row.rule, row.label.in_words(lang), words.severity(row.severity),
             *map(words.number, (row.findings, row.flows, row.invoices, row.partners)))
            for row in first
        ]  # fmt: skip
        return self._figure("by rule", drawn, tuple(met.items()), heads, told, more=len(rows) - len(first))

    def _kinds(self) -> str:
        words, lang = self.words, self.words.lang
        kinds = sorted(self.found.by_kind.items(), key=lambda one: (not KINDS[one[0]].counts, -one[1], one[0]))
        drawn, rows = [], []
        for kind, count in kinds:
            row = KINDS[kind]
            colour, gravity = ("red", words("to do")) if row.counts else ("grey", words("no harm"))
            label = capital(row.label.in_words(lang))
            drawn.append(Bar(label, (Part(count, colour, gravity),), words.number(count)))
            rows.append((label, words.number(count), gravity))
        colours = [("red", words("to do")), ("grey", words("no harm"))]
        heads = [words.head("kind"), words.head("how many"), words.head("gravity")]
        if not drawn:
            said = f"<figcaption><h2>{self.say('by kind')}</h2></figcaption>"
            return f'<figure>{said}<p class="soft">{self.say("nothing differs")}</p></figure>\n'
        return self._figure("by kind", drawn, colours, heads, rows)

    def _ages(self) -> str:
        words, lang = self.words, self.words.lang
        names = [words.bucket(place) for place in range(len(BUCKETS) + 1)]
        drawn, rows = [], []
        for age in by_status(self.found.ages):
            label = f"{age.status} {age.label.in_words(lang)}"
            parts = tuple(
                Part(count, colour, name, words.number(count))
                for count, colour, name in zip(age.buckets, _AGES, names, strict=True)
            )
            drawn.append(Bar(label, parts, words.number(age.invoices)))
            rows.append((label, words.number(age.invoices), *map(words.number, age.buckets), words.moment(age.oldest)))
        heads = (words.head("status"), words.head("invoices"), *names, words.head("oldest"))
        colours = list(zip(_AGES, names, strict=True))
        return self._figure("ages", drawn, colours, heads, rows, told=self.say("ages of it"))

    def _terms(self) -> str:
        words = self.words
        rows = [one for one in self.found.terms if one.at_risk or one.overdue]
        rows.sort(key=lambda one: (-one.overdue, -one.at_risk, one.recipient))
        first = rows[:BARS_MAX]
        drawn, told = [], []
        for one in first:
            label = f"{words.text(one.recipient)} {words.text(one.recipient_name)}".strip()
            parts = (
                Part(one.overdue, "red", words("overdue"), words.number(one.overdue)),
                Part(one.at_risk, "amber", words("at risk"), words.number(one.at_risk)),
            )
            drawn.append(Bar(label, parts, words.number(one.overdue + one.at_risk)))
            told.append((label, *map(words.number, (one.waiting, one.at_risk, one.overdue)),
                         words.short_day(one.oldest_day) if one.oldest_day else "",
                         "; ".join(words.amount(one.money[c], c) for c in sorted(one.money))))  # fmt: skip
        heads = [words.head(name) for name in ("recipient", "waiting", "at risk", "overdue", "oldest", "amount")]
        excluded = self.found.excluded
        said = ""
        if excluded.invoices:
            said = escape(words("excluded", invoices=excluded.invoices, recipients=excluded.recipients))
        colours = [("red", words("overdue")), ("amber", words("at risk"))]
        return self._figure("terms", drawn, colours, heads, told, told=said, more=len(rows) - len(first))

    # --- what differs, what was compared ------------------------------------------------------------------------------

    def _differences(self) -> str:
        if not self.found.by_kind:
            return f"<section><h2>{self.say('differences')}</h2><p>{self.say('nothing differs')}</p></section>\n"
        words = self.words
        listed = "".join(self._group(group) for group in groups(self.found, DIFFERENCES_MAX))
        files = self.say("all in", csv=self.beside.csv, book=self.beside.workbook)
        heads = [words.head(name) for name in ("partner", "where", "said", "amount", "since")]
        classes = ("", "", "", "n", "when")
        columns = "".join(
            f'<th scope="col" class="{one}">{escape(head)}</th>' for head, one in zip(heads, classes, strict=True)
        )
        return (
            f'<section class="long" id="ecarts"><h2>{self.say("differences")}</h2><p class="soft">{files}</p>'
            '<div class="scroll" tabindex="0"><table class="found"><colgroup>'
            '<col class="who"><col class="where"><col><col class="much"><col class="when"></colgroup>'
            f"<thead><tr>{columns}</tr></thead>{listed}</table></div></section>\n"
        )

    def _group(self, group: Group) -> str:
        """The rows of one kind, under its name and its count."""
        words, row = self.words, KINDS[group.kind]
        tag = _tag("bad" if row.counts else "note", words.number(group.count))
        label = escape(capital(row.label.in_words(words.lang)))
        body = "".join(self._difference(one) for one in group.first)
        beyond = self.more(group.more, "one of kind", "more of kind") if group.more else ""
        more = f'<tr><td colspan="5" class="soft">{beyond}</td></tr>' if beyond else ""
        return f'<tbody><tr class="kind"><th colspan="5" scope="rowgroup">{label} {tag}</th></tr>{body}{more}</tbody>'

    def _difference(self, one: Difference) -> str:
        """Whose, where, what and how much; the next step stands under what differs."""
        words = self.words
        named = [
            f"{escape(words(name))} {escape(words.text(value))}" if name != "flow" else escape(words.text(value))
            for name, value in (("flow", one.flow), ("invoice", one.invoice), ("file", one.file)) if value
        ]  # fmt: skip
        amount = words.amount(one.millionths, one.currency) if one.millionths is not None else ""
        since = words.moment(one.since) if one.since is not None else ""
        return (
            f'<tr><td>{escape(words.text(one.partner))}</td><td class="name">{"<br>".join(named)}</td>'
            f'<td class="said">{escape(words.said(one.said))}<br>'
            f'<span class="soft">→ {escape(words.said(one.next))}</span></td>'
            f'<td class="n">{escape(amount)}</td><td class="when">{escape(since)}</td></tr>'
        )

    def _against(self) -> str:
        words, lang = self.words, self.words.lang
        if not self.found.against:
            return ""
        rows = "".join(
            f'<tr><th scope="row">{escape(capital(one.label.in_words(lang)))}</th><td>{self._tag(one.was_read)}</td>'
            f'<td class="n">{words.number(one.count)}</td><td>{escape(words.said(one.said))}</td></tr>'
            for one in self.found.against
        )
        heads = (words.head("source"), "", words.head("looked at"), words.head("extent"))
        warned = f'<p class="soft">{self.say("source unread")}</p>' if self.found.unread else ""
        return (
            f'<section><h2>{escape(words("against"))}</h2>{warned}<div class="scroll" tabindex="0"><table><thead><tr>'
            + "".join(f'<th scope="col"{_class(place == 2)}>{escape(one)}</th>' for place, one in enumerate(heads))
            + f"</tr></thead><tbody>{rows}</tbody></table></div></section>\n"
        )

    def _tag(self, was_read: bool) -> str:
        return _tag("good", self.words("read")) if was_read else _tag("note", self.words("not read"))

    def _lines(self) -> str:
        """The broken ones in sight, the others behind a click."""
        words, lang = self.words, self.words.lang
        told: dict[bool, list[str]] = {True: [], False: []}
        for one in self.found.lines:
            tag = _tag("good", words("holds")) if one.ok else _tag("bad", words("broken"))
            next_step = "" if one.ok else f'<br><span class="soft">→ {escape(words.said(one.remedy))}</span>'
            told[one.ok].append(
                f'<tr><th scope="row">{escape(capital(one.label.in_words(lang)))}</th><td>{tag}</td>'
                f"<td>{escape(words.said(one.detail))}{next_step}</td></tr>"
            )
        if not self.found.lines:
            return ""
        heads = "".join(
            f'<th scope="col">{escape(one)}</th>' for one in (words.head("invariant"), "", words.head("detail"))
        )

        def table(rows: list[str]) -> str:
            return (
                f'<div class="scroll" tabindex="0"><table><thead><tr>{heads}</tr></thead>'
                f"<tbody>{''.join(rows)}</tbody></table></div>"
            )

        broken = table(told[False]) if told[False] else ""
        held = (
            f"<details><summary>{escape(words('holds').capitalize())} : {words.number(len(told[True]))}</summary>"
            f"{table(told[True])}</details>"
            if told[True]
            else ""
        )
        return f'<section class="long"><h2>{escape(words("lines"))}</h2>{broken}{held}</section>\n'


@cache
def _style() -> str:
    """The style sheet, as it is installed beside this module; without the comment that begins it."""
    return Path(__file__).with_name("page.css").read_text(encoding="utf-8").partition("*/\n")[2]


def _length(parts: Iterable[Part]) -> int:
    return sum(part.value for part in parts)


def _tag(grade: str, said: str) -> str:
    return f'<span class="tag {grade}">{escape(said)}</span>'


def _class(is_number: bool) -> str:
    return ' class="n"' if is_number else ""


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The figures of a chart: the first cell of a row names it, the others stand on the right."""
    listed = [[escape(display(cell, PROSE_MAX)) for cell in row] for row in rows]
    first, *others = heads
    columns = f'<th scope="col">{escape(first)}</th>' + "".join(
        f'<th scope="col" class="n">{escape(one)}</th>' for one in others
    )
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>' + "".join(f'<td class="n">{cell}</td>' for cell in row[1:]) + "</tr>"
        for row in listed
    )
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>'
    )
