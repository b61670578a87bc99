"""Amounts and dates that a careless program takes for others: the same texts in each syntax.

The schema refuses first whatever its types exclude (XML-010), the rules on amounts and dates the rest.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from hostile.case import C, Case, M, Outcome, U, number, sound
from hostile.xml_cases import Change, case, once

INV, WARN, OK, FLOW = Outcome.INV, Outcome.WARN, Outcome.OK, Outcome.FLOW
_PAYABLE = {
    U: '<cbc:PayableAmount currencyID="EUR">{}<',
    C: "<ram:DuePayableAmount>{}<",
    M: "<MontantNetAPayer>{}<",
}
_ISSUED = {U: "<cbc:IssueDate>{}<", C: ">{}</udt:DateTimeString>", M: "<DateEmissionFacture>{}<"}


class Text(NamedTuple):
    """A text in the place of an amount. `{}` is the amount that belongs there; no rule: the amount it still is."""

    id: str
    row: str
    text: str
    rule: str = "XML-010"

    @property
    def shown(self) -> str:
        """How a report shows it: a blank that is none to XML by its number; nothing to look for in an empty one."""
        text = self.text.replace("{}", "").replace("\u00a0", "\\xa0").replace("\u202f", "\\u202f")
        return text.strip()


AMOUNTS = (
    Text("nan", "M01", "NaN"),
    Text("nan-small", "M01", "nan"),
    Text("snan", "M02", "sNaN"),
    Text("inf", "M03", "INF"),
    Text("minus-inf", "M03", "-INF"),
    Text("infinity", "M03", "Infinity"),
    Text("1e999", "M04", "1e999"),
    Text("exponent", "M04", "1E2"),
    Text("digits-20", "M06", "12345678901234567890", "AMT-001"),
    Text("digits-20-with-a-point", "M06", "1234567890123456.7890", "AMT-001"),
    Text("digits-40", "M06", "1" * 40, "AMT-001"),
    Text("comma", "M07", "1,5"),
    Text("underscore", "M08", "1_000"),
    Text("blank-inside", "M08", "1 000"),
    Text("plus", "M09", "+{}", ""),
    Text("two-signs", "M09", "+-1"),
    Text("blanks-around", "M10", " {} ", ""),
    Text("nothing", "M11", ""),
    Text("only-blanks", "M11", "  "),
    Text("arabic-indic", "M12", "\u0661\u0662"),
    Text("full-width", "M12", "\uff11\uff12"),
    Text("newline-behind", "M13", "{}\n", ""),
    Text("tab-before", "M13", "\t{}", ""),
    Text("nbsp", "M14", "{}\u00a0"),
    Text("narrow-nbsp", "M14", "1\u202f000"),
)
# (id, row, text in UBL and CPP, rules, warned); then the same in CII, where no type of the schema helps
ISO_DATES = (
    ("zeros", "M15", "0000-00-00", "XML-010", ""),
    ("29-feb", "M16", "2025-02-29", "XML-010", ""),
    ("month-13", "M17", "2026-13-01", "XML-010", ""),
    ("at-24", "M18", "2026-11-02T24:00:00", "XML-010", ""),
    ("utc", "M19", "2026-11-02Z", "DAT-002", ""),
    ("zone", "M20", "2026-11-02+14:00", "DAT-002", ""),
    ("year-1", "M21", "0001-01-01", "", "DAT-004"),
    ("year-9999", "M21", "9999-12-31", "DAT-003", "DAT-004 DAT-007"),
    ("week", "M22", "2024-W01-1", "XML-010", ""),
)
CII_DATES = (
    ("zeros", "M15", "00000000", "DAT-002", ""),
    ("29-feb", "M16", "20250229", "DAT-002", ""),
    ("month-13", "M17", "20261301", "DAT-002", ""),
    ("at-24", "M18", "202611022400", "DAT-002", ""),
    ("utc", "M19", "20261102Z", "DAT-002", ""),
    ("zone", "M20", "20261102+14:00", "DAT-002", ""),
    ("year-1", "M21", "00010101", "", "DAT-004"),
    ("year-9999", "M21", "99991231", "DAT-003", "DAT-004 DAT-007"),
    ("week", "M22", "2024-W01-1", "DAT-002", ""),
    ("iso", "M22", "2026-11-02", "DAT-002", ""),
    ("arabic-indic", "M12", "\u0662\u0660\u0662\u0666\u0661\u0661\u0660\u0662", "DAT-002", ""),
)


def payable(case_id: str) -> Decimal:
    return sound(case_id).payable


def amount(case_id: str, code: str, text: str) -> Change:
    """This text in the place of the amount to pay."""
    due = str(payable(case_id))
    where = _PAYABLE[code]
    return lambda document, _: once(document, where.format(due).encode(), where.format(text.format(due)).encode())


def issued(code: str, text: str) -> Change:
    """This text in the place of the day of issue."""
    where = _ISSUED[code]
    day = f"{sound('').issued:{'%Y%m%d' if code == C else '%Y-%m-%d'}}"
    return lambda document, _: once(document, where.format(day).encode(), where.format(text).encode())


def _amounts() -> Iterator[Case]:
    for code in (U, C, M):
        for one in AMOUNTS:
            i = f"amount-{one.id}-{code}"
            shown = (one.shown,) if one.shown else ()
            if not one.rule:
                yield case(i, one.row, OK, "", amount(i, code, one.text), code=code, number=number(i))
            else:
                expected = FLOW if one.rule == "XML-010" else INV
                yield case(i, one.row, expected, one.rule, amount(i, code, one.text), *shown, code=code)
    for code, before, element in (
        (
            U,
            '<cbc:PayableAmount currencyID="EUR">',
            '<cbc:PayableRoundingAmount currencyID="EUR">-0</cbc:PayableRoundingAmount>',
        ),
        (C, "<ram:GrandTotalAmount>", "<ram:RoundingAmount>-0</ram:RoundingAmount>"),
    ):
        i = f"amount-minus-zero-{code}"
        yield case(i, "M05", OK, "", lambda document, _, before=before, element=element: once(
            document, before.encode(), (element + before).encode()), code=code, number=number(i))  # fmt: skip


def _dates() -> Iterator[Case]:
    for code, dates in ((U, ISO_DATES), (M, ISO_DATES), (C, CII_DATES)):
        for name, row, text, rules, warned in dates:
            i = f"date-{name}-{code}"
            expected = FLOW if rules == "XML-010" else INV if rules else WARN
            warns = " ".join(rule for rule in warned.split() if code != M or rule != "DAT-007")
            told = (text,) if rules not in {"", "DAT-003"} else (text[:4].lstrip("0"),)
            yield case(i, row, expected, rules, issued(code, text), *told, code=code, warned=tuple(warns.split()))
    i = "time-24"
    yield case(i, "M18", OK, "", lambda document, _: once(document, b"</cbc:IssueDate>", b"</cbc:IssueDate><cbc:IssueTime>24:00:00</cbc:IssueTime>"),
               number=number(i))  # fmt: skip


CASES = (*_amounts(), *_dates())
