"""The night as an Excel workbook: a summary, the differences, and one sheet for each way of looking at the figures.

Figures are numbers and moments are dates, so that people sort, filter and sum them; texts are written as texts, never
as formulas or links. Rows are written as they come (`constant_memory`): the size of a night is no matter of memory.
"""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import xlsxwriter

from pipeline.adapters.night import table
from pipeline.adapters.night.words import Words, capital, currencies, largest, others
from pipeline.model import PARIS
from pipeline.reconcile.night import BUCKETS, FILES, KINDS, STAGES, Difference, Reconciliation, Row
from pipeline.returns.spreadsheet import cell

ROWS_MAX = 100_000  # of one sheet: what a spreadsheet still opens in seconds
CHART_ROWS = 12
INTEGRATED, REFUSED, PENDING = "#1B6E83", "#B4413A", "#D9921E"  # told apart by people who see red and green alike
_HEAD_FILL, _RULE = "#E8EEF2", "#B8C4CC"
_NAME_WIDTH, _TEXT_WIDTH, _FIGURE_WIDTH = 34, 60, 14
# Heights in points, said for every row with more than a plain line: Excel finds them out by itself, others do not.
_LINE, _HEAD, _TITLE, _SECTION = 15, 32, 27, 20
_HEAD_CHARS = 18  # on one line of a column of the summary
_LINES_MAX = 8  # of a cell: what is longer is read where it is edited

Value = str | int | float | date | datetime | None


class Money(float):
    """An amount: a number with its decimals."""


def write(found: Reconciliation, path: Path, words: Words, csv_name: str) -> None:
    """Write the workbook; the same night gives the same bytes. `csv_name`: where the differences beyond it are."""
    options = {
        "constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
    }  # fmt: skip
    with xlsxwriter.Workbook(str(path), options) as book:
        title = words("title", day=words.short_day(found.day))
        made_at = found.made_at or datetime(found.day.year, found.day.month, found.day.day, tzinfo=PARIS)
        book.set_properties({"title": title, "author": "chorus-edi", "created": made_at.astimezone(UTC)})
        writer = _Book(book, words, found)
        names = ("summary", "differences", "partners", "rules", "ages", "recipients", "interfaces", "terms")
        sheets = {name: book.add_worksheet(words(name)) for name in names}
        writer.differences(sheets["differences"], csv_name)
        writer.figures(sheets["partners"], "partner", found.rows)
        writer.rules(sheets["rules"])
        writer.ages(sheets["ages"])
        writer.figures(sheets["recipients"], "recipient", found.by_recipient)
        writer.figures(sheets["interfaces"], "interface", found.by_interface)
        writer.terms(sheets["terms"])
        writer.summary(sheets["summary"])
        sheets["summary"].activate()


@dataclass(frozen=True, slots=True)
class _Column:
    """One column: its head, its width, and whether its cells are to be read from left to right over several lines."""

    head: str
    width: int = _FIGURE_WIDTH
    is_long: bool = False


class _Book:
    """One workbook: its formats, and how each sheet is filled."""

    def __init__(self, book: Any, words: Words, found: Reconciliation) -> None:
        self.book, self.words, self.found = book, words, found
        self.currencies = currencies(found)

        def style(**wanted: Any) -> Any:
            return book.add_format({"font_name": "Calibri", "font_size": 11, "valign": "top", **wanted})

        self.title = style(bold=True, font_size=18, font_color="#17313E")
        self.quiet = style(font_color="#5B6B75")
        self.section = style(bold=True, font_size=13, font_color="#17313E", bottom=2, bottom_color=INTEGRATED)
        head = {
            "bold": True, "bg_color": _HEAD_FILL, "bottom": 1, "bottom_color": _RULE, "text_wrap": True,
            "valign": "vcenter",
        }  # fmt: skip
        right = {"align": "right", "indent": 1}  # so that a figure does not touch the text beside it
        self.head = style(**head)
        self.head_of_figures = style(**head, **right)
        self.sound = style(bold=True, font_size=13, font_color="#1E6B3A", bg_color="#E3F3E8")
        self.wrong = style(bold=True, font_size=13, font_color="#9B2C25", bg_color="#FBE9E7")
        self.text = style()
        self.long = style(text_wrap=True)
        self.number = style(num_format="#,##0", **right)
        self.money = style(num_format="#,##0.00####", **right)
        self.day = style(num_format="dd/mm/yyyy" if words.lang == "fr" else "yyyy-mm-dd", **right)
        self.moment = style(num_format="dd/mm/yyyy hh:mm" if words.lang == "fr" else "yyyy-mm-dd hh:mm", **right)

    # --- cells --------------------------------------------------------------------------------------------------------

    def put(self, sheet: Any, at: int, place: int, value: Value, *, is_long: bool = False) -> None:
        """One cell by what it is. A text is never more than a text, whatever it begins with."""
        if isinstance(value, Money):
            sheet.write_number(at, place, value, self.money)
        elif isinstance(value, int | float):
            sheet.write_number(at, place, value, self.number)
        elif isinstance(value, datetime):  # Excel knows no zone
            sheet.write_datetime(at, place, value.astimezone(PARIS).replace(tzinfo=None), self.moment)
        elif isinstance(value, date):
            sheet.write_datetime(at, place, datetime(value.year, value.month, value.day), self.day)  # noqa: DTZ001
        elif value:
            sheet.write_string(at, place, cell(value), self.long if is_long else self.text)

    def sheet(self, sheet: Any, columns: Sequence[_Column], rows: Iterable[Sequence[Value]], total: int) -> int:
        """Fill a sheet: a head that stays, filters, widths; at most `ROWS_MAX` rows. Returns how many were written."""
        for place, column in enumerate(columns):
            sheet.set_column(place, place, column.width)
        sheet.freeze_panes(1, 1)
        told = iter(rows)
        first = next(told, ())
        sheet.set_row(0, _HEAD)
        for place, column in enumerate(columns):
            is_figure = place < len(first) and _is_figure(first[place])
            sheet.write_string(0, place, cell(column.head), self.head_of_figures if is_figure else self.head)
        last = min(total, ROWS_MAX)
        sheet.autofilter(0, 0, max(last, 1), len(columns) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
        count = 0
        for row in chain([first] if first else [], told):
            if count == ROWS_MAX:
                break
            count += 1
            if (height := _height(columns, row)) > _LINE:
                sheet.set_row(count, height)
            for place, value in enumerate(row):
                self.put(sheet, count, place, value, is_long=columns[place].is_long)
        return count

    # --- sheets -------------------------------------------------------------------------------------------------------

    def differences(self, sheet: Any, csv_name: str) -> None:
        words = self.words
        widths = {"kind": _NAME_WIDTH, "said": _TEXT_WIDTH, "next": _TEXT_WIDTH, "flow": 44, "file": 40, "since": 18}
        columns = [
            _Column(words.head(name), widths.get(name, _FIGURE_WIDTH), name in {"said", "next"})
            for name in table.COLUMNS
        ]
        total = len(self.found.differences)
        count = self.sheet(sheet, columns, map(self._difference, self.found.differences), total)
        if total > count:
            told = words("rest in csv", shown=count, count=total, file=csv_name)
            sheet.write_string(count + 1, 0, told, self.wrong)

    def _difference(self, one: Difference) -> tuple[Value, ...]:
        lang = self.words.lang
        return (
            one.label.in_words(lang), self.words.gravity(one), one.partner, one.flow, one.invoice, one.file,
            one.said.in_words(lang), _money(one.millionths), one.currency, one.count, one.since,
            one.next.in_words(lang),
        )  # fmt: skip

    def figures(self, sheet: Any, of: str, rows: Sequence[Row]) -> None:
        """One row for each partner, recipient or interface code; those with the most invoices first."""
        words, lang = self.words, self.words.lang
        files = list(FILES) if any(row.files for row in rows) else []
        columns = [_Column(words.head(of), 20), _Column(words.head("name"), _NAME_WIDTH)]
        columns += [_Column(f"{words.head('files')} {FILES[name].in_words(lang)}") for name in files]
        columns += [_Column(f"{words.head('invoices')} {said.in_words(lang)}") for said in STAGES.values()]
        for currency in self.currencies:
            columns += [_Column(f"{words.text(currency)} {said.in_words(lang)}", 18) for said in STAGES.values()]
        columns += [_Column(words.head("other currencies"), 24), _Column(words.head("unsummed"))]
        self.sheet(sheet, columns, (self._figures(row, files) for row in largest(rows)), len(rows))
        first = 2 + len(files)
        self._chart(sheet, words(_SHEET_OF[of]), len(rows), first, len(columns))

    def _figures(self, row: Row, files: Sequence[str]) -> list[Value]:
        sums = [row.sum_of(stage) for stage in STAGES]
        values: list[Value] = [row.key, row.label, *(row.files.get(name, 0) for name in files)]
        values += [one.invoices for one in sums]
        for currency in self.currencies:
            values += [_money(one.money.get(currency, 0)) for one in sums]
        values += [others(row.read.money, self.currencies, self.words), row.read.unsummed]
        return values

    def _chart(self, sheet: Any, name: str, rows: int, first: int, beyond: int) -> None:
        """What became of the invoices of the largest ones, beside the table."""
        shown = min(rows, CHART_ROWS)
        if not shown:
            return
        chart = self.book.add_chart({"type": "bar", "subtype": "stacked"})
        stages = list(STAGES)
        for stage, colour in (("integrated", INTEGRATED), ("refused", REFUSED), ("pending", PENDING)):
            place = first + stages.index(stage)
            chart.add_series(
                {
                    "name": [name, 0, place], "categories": [name, 1, 0, shown, 0],
                    "values": [name, 1, place, shown, place], "fill": {"color": colour}, "gap": 60,
                }
            )  # fmt: skip
        chart.set_title({"name": name, "name_font": {"size": 12}})
        chart.set_y_axis({"reverse": True})
        chart.set_x_axis({"num_format": "#,##0", "major_gridlines": {"visible": True, "line": {"color": _RULE}}})
        chart.set_legend({"position": "bottom"})
        chart.set_size({"width": 720, "height": 120 + 26 * shown})
        sheet.insert_chart(1, beyond + 1, chart)

    def rules(self, sheet: Any) -> None:
        words, lang = self.words, self.words.lang
        columns = [
            _Column(words.head("rule"), 16), _Column(words.head("severity")),
            _Column(words.head("asks"), _TEXT_WIDTH, is_long=True), _Column(words.head("findings")),
            _Column(words.head("flows")), _Column(words.head("invoices")), _Column(words.head("partners counted")),
        ]  # fmt: skip
        rows = self.found.by_rule  # the hardest first
        told = (
            (r.rule, words.severity(r.severity), r.label.in_words(lang), r.findings, r.flows, r.invoices, r.partners)
            for r in rows
        )
        self.sheet(sheet, columns, told, len(rows))

    def ages(self, sheet: Any) -> None:
        words = self.words
        columns = [
            _Column(words.head("status")), _Column(words.head("name"), 28), _Column(words.head("recipient"), 18),
            _Column(words.head("name"), _NAME_WIDTH), _Column(words.head("reason"), _NAME_WIDTH),
            _Column(words.head("invoices")), _Column(words.head("oldest"), 18),
            *(_Column(words.bucket(place)) for place in range(len(BUCKETS) + 1)),
            *(_Column(words.text(currency), 18) for currency in self.currencies),
            _Column(words.head("other currencies"), 24),
        ]  # fmt: skip
        told = (
            (
                age.status, age.label.in_words(words.lang), age.recipient, age.recipient_name, words.reason(age.reason),
                age.invoices, age.oldest, *age.buckets,
                *(_money(age.money.get(currency, 0)) for currency in self.currencies),
                others(age.money, self.currencies, words),
            )
            for age in self.found.ages
        )  # fmt: skip
        self.sheet(sheet, columns, told, len(self.found.ages))

    def terms(self, sheet: Any) -> None:
        words = self.words
        columns = [
            _Column(words.head("recipient"), 18), _Column(words.head("name"), _NAME_WIDTH),
            _Column(words.head("waiting")), _Column(words.head("at risk")), _Column(words.head("overdue")),
            _Column(words.head("oldest")), *(_Column(words.text(currency), 18) for currency in self.currencies),
            _Column(words.head("other currencies"), 24),
        ]  # fmt: skip
        rows = sorted(self.found.terms, key=lambda one: (-one.overdue, -one.at_risk, -one.waiting, one.recipient))
        told = (
            (
                one.recipient, one.recipient_name, one.waiting, one.at_risk, one.overdue, one.oldest_day,
                *(_money(one.money.get(currency, 0)) for currency in self.currencies),
                others(one.money, self.currencies, words),
            )
            for one in rows
        )  # fmt: skip
        self.sheet(sheet, columns, told, len(rows))

    # --- the summary --------------------------------------------------------------------------------------------------

    def summary(self, sheet: Any) -> None:
        """One page to print: the outcome, what came in and what became of it, what differs, what was compared."""
        found, words, lang = self.found, self.words, self.words.lang
        sheet.hide_gridlines(2)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.set_column(0, 0, 44)
        sheet.set_column(1, 12, 20)
        page = _Page(self, sheet)
        page.line(words("title", day=words.day(found.day)), self.title, _TITLE)
        if found.made_at is not None:
            page.line(f"{words('made at')} {words.moment(found.made_at)}", self.quiet)
        page.line(words.outcome(found), self.sound if found.is_sound else self.wrong)
        heads = [words.head("invoices"), *map(words.text, self.currencies), words.head("other currencies"),
                 words.head("unsummed")]  # fmt: skip
        page.table(words.head("invoices"), heads, self._stages())
        page.table(
            words.head("files"), [words.head("how many")],
            ((capital(said.in_words(lang)), found.total.files.get(name, 0)) for name, said in FILES.items()),
        )  # fmt: skip
        page.table(words("by kind"), [words.head("how many"), words.head("gravity")], self._kinds())
        page.table(words("against"), [words.head("read"), words.head("looked at"), words.head("extent")], (
            (one.label.in_words(lang), words("yes") if one.was_read else words("not read"), one.count,
             one.said.in_words(lang)) for one in found.against
        ))  # fmt: skip
        page.table(words("lines"), [words.head("holds"), words.head("how many"), words.head("detail")], (
            (one.label.in_words(lang), words("yes") if one.ok else words("broken"), one.count,
             one.detail.in_words(lang) if one.ok else f"{one.detail.in_words(lang)} → {one.remedy.in_words(lang)}")
            for one in found.lines
        ))  # fmt: skip
        if found.excluded.invoices:
            page.line(words("excluded", invoices=found.excluded.invoices, recipients=found.excluded.recipients),
                      self.quiet)  # fmt: skip

    def _stages(self) -> Iterable[Sequence[Value]]:
        for stage, said in STAGES.items():
            one = self.found.total.sum_of(stage)
            money = (_money(one.money.get(currency, 0)) for currency in self.currencies)
            rest = others(one.money, self.currencies, self.words)
            yield capital(said.in_words(self.words.lang)), one.invoices, *money, rest, one.unsummed

    def _kinds(self) -> Iterable[Sequence[Value]]:
        for kind, count in self.found.by_kind.items():
            row = KINDS[kind]
            yield row.label.in_words(self.words.lang), count, self.words("to do" if row.counts else "no harm")


class _Page:
    """A sheet that is written from the top to the bottom, tables below each other."""

    def __init__(self, book: _Book, sheet: Any) -> None:
        self.book, self.sheet, self.at = book, sheet, 0

    def line(self, text: str, style: Any, height: int = _SECTION) -> None:
        self.sheet.set_row(self.at, height)
        self.sheet.write_string(self.at, 0, text, style)
        self.at += 1

    def table(self, title: str, heads: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """A title, the heads beside it, then the rows; nothing at all where there is no row."""
        first = True
        for row in rows:
            if first:
                first = False
                self.at += 1
                self.sheet.set_row(self.at, _HEAD if any(len(head) > _HEAD_CHARS for head in heads) else _SECTION)
                self.sheet.write_string(self.at, 0, title, self.book.section)
                for place, head in enumerate(heads, 1):
                    style = self.book.head_of_figures if _is_figure(row[place]) else self.book.head
                    self.sheet.write_string(self.at, place, cell(head), style)
                self.at += 1
            for place, value in enumerate(row):
                self.book.put(self.sheet, self.at, place, value)
            self.at += 1


def _is_figure(value: Value) -> bool:
    """What stands at the right of its column: numbers and days."""
    return isinstance(value, int | float | date)


def _height(columns: Sequence[_Column], row: Sequence[Value]) -> int:
    """Of a row whose long texts run over several lines."""
    lines = 1
    for column, value in zip(columns, row, strict=True):
        if column.is_long and isinstance(value, str) and len(value) > column.width:
            lines = max(lines, len(textwrap.wrap(value[: _LINES_MAX * column.width], column.width - 4)))
    return _LINE * min(lines, _LINES_MAX)


_SHEET_OF = {"partner": "partners", "recipient": "recipients", "interface": "interfaces"}


def _money(millionths: int | None) -> Money | None:
    return None if millionths is None else Money(millionths / 1_000_000)
