"""Walking a document: the children of an element looked up by name, each value read with its place.

One pass over the children of a container and no XPath, because every document passes here. Paths are put together
from the names asked for: each is an XPath of the original file under the prefixes of `PREFIXES`.
"""

from collections.abc import Callable, Sequence
from datetime import date
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from lxml import etree

from pipeline.values import XML_BLANKS, Amount, Day, Text, parse_102_day, parse_amount, parse_iso_day

Element = etree._Element  # on the hot path Any: the stubs leave out what we ask of it

AIFE = "urn:AIFE:Facture:Extension"
PREFIXES = MappingProxyType(
    {
        "ubl": "urn:oasis:names:specification:ubl:schema:xsd:Invoice-2",
        "cn": "urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2",
        "cbc": "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2",
        "cac": "urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2",
        "ext": "urn:oasis:names:specification:ubl:schema:xsd:CommonExtensionComponents-2",
        "aife": AIFE,
        "rsm": "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100",
        "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
        "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
        "qdt": "urn:un:unece:uncefact:data:standard:QualifiedDataType:100",
    }
)
_KNOWN = {namespace: prefix for prefix, namespace in PREFIXES.items()}
_STEPS_MAX = 4_096  # a hostile document must not grow the table for ever; the schemas know some 2,000 names


class _Steps(dict[str, str]):
    """`{namespace}ID` -> `cbc:ID`; a name of an unknown namespace keeps its Clark form, which no reader asks for."""

    def __missing__(self, tag: str) -> str:
        namespace, _, name = str(tag).rpartition("}")  # the tag of a comment that a parser left in is a function
        prefix = _KNOWN.get(namespace[1:])
        step = f"{prefix}:{name}" if prefix else tag
        if len(self) < _STEPS_MAX:
            self[tag] = step
        return step


STEPS = _Steps()
# Rates, quantities and days come back in every line and every document: short texts are parsed once.
_KEPT_CHARS_MAX = 24
_number = lru_cache(maxsize=4_096)(parse_amount)
_iso_day = lru_cache(maxsize=1_024)(parse_iso_day)
_102_day = lru_cache(maxsize=1_024)(parse_102_day)
_new = tuple.__new__  # half the cost of the named constructor, and every value of a document passes here


class Found:
    """Every value of one invoice, in the order of reading, for the rules that look at all of them."""

    __slots__ = ("amounts", "dates", "identifiers", "texts")

    def __init__(self) -> None:
        self.dates: list[Day] = []
        self.amounts: list[Amount] = []
        self.identifiers: list[Text] = []
        self.texts: list[Text] = []


_NO_MORE: dict[str, list[Any]] = {}


class Group:
    """An element and its children by step (`cbc:ID`). A group that is not there is empty: asking it gives None.

    `first` holds the first child of each name, `more` all children of a name that is repeated.
    """

    __slots__ = ("element", "first", "found", "more", "path")

    def __init__(self, element: Any, path: str, found: Found) -> None:
        self.element = element
        self.path = path
        self.found = found
        self.first: dict[str, Any] = {}
        self.more = _NO_MORE
        if element is None:
            return
        first = self.first
        for child in element[:]:  # a third faster than asking the element for one child after the other
            step = STEPS[child.tag]
            if step in first:
                self._repeat(step, child)
            else:
                first[step] = child

    def _repeat(self, step: str, child: Any) -> None:
        if not self.more:
            self.more = {}
        self.more.setdefault(step, [self.first[step]]).append(child)

    def __bool__(self) -> bool:
        return self.element is not None

    @property
    def line(self) -> int:
        return 0 if self.element is None else source_line(self.element)

    def child(self, step: str) -> Element | None:
        """The first child of this name, as it is."""
        held: Element | None = self.first.get(step)
        return held

    def children(self, step: str) -> list[tuple[Element, str]]:
        """Each child of this name and its path: with its rank where the name is repeated."""
        if step in self.more:
            return [(child, f"{self.path}/{step}[{n}]") for n, child in enumerate(self.more[step], start=1)]
        child = self.first.get(step)
        return [] if child is None else [(child, f"{self.path}/{step}")]

    def place(self, step: str) -> str:
        """The path of the first child of this name."""
        return f"{self.path}/{step}[1]" if step in self.more else f"{self.path}/{step}"

    # --- groups below

    def group(self, step: str) -> "Group":
        """The first group of this name, empty where there is none."""
        child = self.first.get(step)
        if child is None:
            return NOTHING
        return Group(child, f"{self.path}/{step}[1]" if step in self.more else f"{self.path}/{step}", self.found)

    def groups(self, step: str) -> list["Group"]:
        """Each group of this name, its rank in the path."""
        child = self.first.get(step)
        if child is None:
            return []
        children = self.more.get(step) or [child]
        return [Group(one, f"{self.path}/{step}[{n}]", self.found) for n, one in enumerate(children, start=1)]

    # --- values below: the first of the name

    def text(self, step: str, bt: str) -> Text | None:
        child = self.first.get(step)
        if child is None:
            return None
        path = f"{self.path}/{step}[1]" if step in self.more else f"{self.path}/{step}"
        return read_text(child, bt, path, self.found.texts)

    def identifier(self, step: str, bt: str) -> Text | None:
        """A text that names something: a number, a code, an account."""
        child = self.first.get(step)
        if child is None:
            return None
        path = f"{self.path}/{step}[1]" if step in self.more else f"{self.path}/{step}"
        return read_text(child, bt, path, self.found.identifiers)

    def texts(self, step: str, bt: str) -> tuple[Text, ...]:
        return self._every(step, bt, self.found.texts)

    def identifiers(self, step: str, bt: str) -> tuple[Text, ...]:
        return self._every(step, bt, self.found.identifiers)

    def attribute(self, step: str, name: str, bt: str) -> Text | None:
        """An attribute of the first child of this name."""
        child = self.first.get(step)
        return None if child is None else read_attribute(child, name, bt, self.place(step), self.found.identifiers)

    def amount(self, step: str, bt: str) -> Amount | None:
        child = self.first.get(step)
        if child is None:
            return None
        currency = child.get("currencyID") or ""
        if step in self.more and (several := _apart(self.more[step], currency)):
            return self._ambiguous(step, bt, several, currency)
        return read_amount(child, bt, self.place(step), self.found, currency)

    def number(self, step: str, bt: str) -> Amount | None:
        """A quantity, a rate or a percentage: a decimal without currency."""
        child = self.first.get(step)
        if child is None:
            return None
        if step in self.more and (several := _apart(self.more[step], "")):
            return self._ambiguous(step, bt, several, "")
        return read_amount(child, bt, self.place(step), self.found, "")

    def iso_day(self, step: str, bt: str) -> Day | None:
        """A date of UBL or of a CPP format."""
        child = self.first.get(step)
        return None if child is None else _read_day(child, bt, self.place(step), self.found, None, _iso_day)

    def cii_day(self, step: str, bt: str) -> Day | None:
        """A date of CII: its text lies one element below, and only format 102, or none, is a day (DAT-002)."""
        child = self.first.get(step)
        if child is None:
            return None
        texts = child[:]
        if not texts:
            return None
        below = texts[0]
        given = (below.get("format") or "").strip(XML_BLANKS) or None
        parse = _102_day if given is None or given == "102" else _no_day
        path = f"{self.place(step)}/{STEPS[below.tag]}"
        if len(texts) > 1 and any(other.tag == below.tag for other in texts[1:]):
            path += "[1]"
        return _read_day(below, bt, path, self.found, given, parse)

    def _ambiguous(self, step: str, bt: str, several: str, currency: str) -> Amount:
        """One place, several amounts (CII sets no limit to them): whoever took the first might take the wrong one."""
        read = Amount(several, None, bt, self.place(step), self.line, currency)
        self.found.amounts.append(read)
        return read

    def _every(self, step: str, bt: str, into: list[Text]) -> tuple[Text, ...]:
        read = [read_text(child, bt, path, into) for child, path in self.children(step)]
        return tuple(text for text in read if text is not None)


NOTHING = Group(None, "", Found())  # the group that is not there: nothing is ever read from it


def read_text(element: Any, bt: str, path: str, into: list[Text]) -> Text | None:
    """The text of an element without the blanks around it; None where nothing is left: an empty value is absent."""
    raw: str | None = element.text
    if raw is None:
        return None
    text = raw.strip(XML_BLANKS)
    if not text:
        return None
    read: Text = _new(Text, (text, bt, path, element.sourceline or 0, len(text) != len(raw)))
    into.append(read)
    return read


def read_attribute(element: Any, name: str, bt: str, path: str, into: list[Text]) -> Text | None:
    raw: str | None = element.get(name)
    if raw is None:
        return None
    text = raw.strip(XML_BLANKS)
    if not text:
        return None
    read: Text = _new(Text, (text, bt, f"{path}/@{name}", element.sourceline or 0, len(text) != len(raw)))
    into.append(read)
    return read


def read_amount(element: Any, bt: str, path: str, found: Found, currency: str) -> Amount | None:
    """A decimal number; one that `parse_amount` refuses keeps its text and has no value (AMT-001)."""
    raw: str | None = element.text
    if raw is None:
        return None
    text = raw.strip(XML_BLANKS)
    if not text:
        return None
    value = _number(text) if len(text) <= _KEPT_CHARS_MAX else parse_amount(text)
    read: Amount = _new(Amount, (text, value, bt, path, element.sourceline or 0, currency))
    found.amounts.append(read)
    return read


def agreed(given: Sequence[Amount], found: Found) -> Amount | None:
    """The amount that all say which stand for one: those in the currency of the first. Where they differ, one that
    shows them and has no value.
    """
    several = _differing([one.text for one in given if one.currency in {"", given[0].currency}])
    if not several:
        return given[0] if given else None
    read = given[0]._replace(text=several, value=None)
    found.amounts.append(read)
    return read


def _apart(elements: list[Any], currency: str) -> str:
    """The values of an amount that is repeated with another value; empty where all say the same.

    A total may stand beside the same one in another currency.
    """
    own = [one for one in elements if currency in {"", one.get("currencyID") or currency}]
    return _differing([text for one in own if (text := (one.text or "").strip(XML_BLANKS))])


def _differing(texts: Sequence[str]) -> str:
    values = {text if (value := parse_amount(text)) is None else value for text in texts}
    return " / ".join(texts) if len(values) > 1 else ""


def source_line(element: Any) -> int:
    return element.sourceline or 0


def _read_day(
    element: Any, bt: str, path: str, found: Found, given: str | None, parse: Callable[[str], date | None]
) -> Day | None:
    raw: str | None = element.text
    text = "" if raw is None else raw.strip(XML_BLANKS)
    if not text:
        return None
    value = parse(text) if len(text) <= _KEPT_CHARS_MAX else None  # a day has ten characters at most
    read: Day = _new(Day, (text, value, bt, path, element.sourceline or 0, given))
    found.dates.append(read)
    return read


def _no_day(text: str) -> date | None:
    """A format that is not ours to read: the text stays, without a value."""
    return None
