"""A stylesheet that Schematron became, read into its patterns, rules and tests: the only input of the compiler.

The shape is that of the XSLT 2.0 skeleton: a mode for each pattern, a template for each rule, and in it variables and
tests (`choose/when/otherwise/failed-assert` or `if/successful-report`) in their order. A sheet of another shape is
`Unfit`: nothing of it is compiled, and Saxon runs it.
"""

import re
from dataclasses import dataclass
from hashlib import sha256

from lxml import etree

from pipeline.readers.safe_xml import PARSER_OPTIONS

_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_MODE = re.compile(r"M[0-9]+")
_REST = {"@*|node()", "text()"}  # the templates of a mode for whatever no rule is about
_VISITS = {"@*|*", "*", "node()", "@*|node()"}
# SHA-256 of the shape of the templates that tell the place of an element, by mode: the same in all sheets we know
_PLACES = {
    "schematron-select-full-path": "bbf3c112935b424749a815e8c730e1657300f9f532f07611b2c15c6596695cb8",
    "schematron-get-full-path": "0df4259a2377c3a5414ccd66c8c02975e912029f7082ef6b786ab746ffeec6f8",
}


class Unfit(Exception):
    """The sheet, or a part of it, has a shape that the compiler does not know: why, in English."""


@dataclass(frozen=True, slots=True)
class Variable:
    """`xsl:variable` with a `select`: of a rule, of a function, or of the whole sheet. `type` is its `as`, or empty."""

    name: str
    select: str
    type: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """A piece of a message: its own text, or the expression whose value stands there."""

    text: str = ""
    select: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """One assert, which fires where `test` is false, or one report, which fires where it is true."""

    ordinal: int  # among all asserts and reports of the sheet, in their order, from 1: the only unique key
    test: str
    is_report: bool
    id: str  # the attribute; reports have none, and some sheets use one id twice
    flag: str
    message: tuple[Words, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """One template: what it matches, and what it says in its order."""

    match: str
    priority: float
    content: tuple[Variable | Test, ...]
    is_deep: bool  # it goes on to the children; the nodes below are not reached by this pattern otherwise

    @property
    def tests(self) -> tuple[Test, ...]:
        return tuple(part for part in self.content if isinstance(part, Test))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One mode: of its rules only the first by priority that matches a node is run on that node."""

    mode: str
    rules: tuple[Rule, ...]  # the highest priority first


@dataclass(frozen=True, slots=True)
class Function:
    """`xsl:function`: its name and those of its parameters with their types, its variables, its result."""

    name: str  # with the prefix that the sheet gives it
    parameters: tuple[tuple[str, str], ...]
    type: str
    variables: tuple[Variable, ...]
    result: str


@dataclass(frozen=True, slots=True)
class Sheet:
    """An official stylesheet. Patterns stand in the order in which the sheet runs them."""

    namespaces: dict[str, str]
    variables: tuple[Variable, ...]
    functions: tuple[Function, ...]
    patterns: tuple[Pattern, ...]

    @property
    def tests(self) -> tuple[Test, ...]:
        """Every assert and report, by ordinal."""
        found = (test for pattern in self.patterns for rule in pattern.rules for test in rule.tests)
        return tuple(sorted(found, key=lambda test: test.ordinal))


def read(sheet: bytes) -> Sheet:
    """Read the text of a stylesheet; raises `Unfit` where it does not have the known shape."""
    root = etree.fromstring(sheet, etree.XMLParser(**PARSER_OPTIONS | {"huge_tree": True}))
    if root.tag != f"{_XSL}stylesheet":
        raise Unfit(f"the root element is {root.tag}")
    if root.get("version") != "2.0" or any("default" in name for name in root.attrib):
        raise Unfit("the root element changes what expressions mean")
    ordinals = {
        element: ordinal
        for ordinal, element in enumerate(root.iter(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"), 1)
    }
    variables: list[Variable] = []
    functions: list[Function] = []
    rules: dict[str, list[tuple[float, int, Rule]]] = {}
    start = None
    for place, element in enumerate(root):
        name = element.tag.removeprefix(_XSL)
        match, mode = element.get("match", ""), element.get("mode", "")
        if name == "variable":
            if element.get("select") is not None:
                variables.append(_variable(element))
            elif element.get("name") != "document-uri":  # said of the answer, asked by no test
                raise Unfit(f"variable {element.get('name')} has no select")
        elif name == "function":
            functions.append(_function(element))
        elif name == "template" and not mode.replace("-", "").isalnum() and mode:
            raise Unfit(f"a template of mode {mode}")
        elif name == "template" and _MODE.fullmatch(mode):
            kept = rules.setdefault(mode, [])
            if match not in _REST:
                rule = _rule(element, mode, ordinals)
                kept.append((-rule.priority, -place, rule))  # of two that match alike, the last one wins
            elif match == "@*|node()" and not _visits(element, mode):
                raise Unfit(f"mode {mode} does not go down by itself")
            elif match == "text()" and (len(element) or (element.text or "").strip()):
                raise Unfit(f"mode {mode} says something about texts")
        elif name == "template" and match == "/" and not mode:
            start = element
        elif name not in {"param", "output", "template"} and element.tag.startswith(_XSL):  # others are said to nobody
            raise Unfit(f"{name} at the top of the sheet")
    _check_places(root)
    if start is None:
        raise Unfit("no template for the document itself")
    order = [element.get("mode") for element in start.iter(f"{_XSL}apply-templates") if element.get("mode")]
    answer = start[0] if len(start) == 1 else start
    at_once = [e.get("mode") for e in answer.iterchildren(f"{_XSL}apply-templates") if e.get("select") == "/"]
    if order != at_once:
        raise Unfit("a pattern does not run on the whole document")
    if sorted(order) != sorted(rules) or len(set(order)) != len(order):
        raise Unfit("the document does not run each pattern once")
    patterns = tuple(
        Pattern(mode, tuple(rule for *_, rule in sorted(rules[mode], key=lambda r: r[:2]))) for mode in order
    )
    namespaces = {prefix: uri for prefix, uri in root.nsmap.items() if prefix}
    return Sheet(namespaces, tuple(variables), tuple(functions), patterns)


def _check_places(root: etree._Element) -> None:
    """Places are worked out here, not by the sheet (`nodes.location`): its templates must say what all sheets say."""
    found = {
        element.get("mode"): sha256(repr(_shape(element)).encode()).hexdigest()
        for element in root.iterchildren(f"{_XSL}template")
        if element.get("match") == "*" and element.get("mode") in _PLACES
    }
    if found != _PLACES:
        raise Unfit("the place of an element is told in another way")


def _shape(element: etree._Element) -> tuple[object, ...]:
    """Names, attributes, texts: without comments, blanks and what prefixes stand for."""
    texts = ((text or "").strip(" \t\r\n") for text in (element.text, element.tail))
    inner = tuple(_shape(child) for child in element if isinstance(child.tag, str))
    attributes = sorted((name, " ".join(str(value).split())) for name, value in element.items())
    return (element.tag, attributes, *texts, inner)


def _rule(template: etree._Element, mode: str, ordinals: dict[etree._Element, int]) -> Rule:
    content: list[Variable | Test] = []
    is_deep = False
    for element in template:
        name = element.tag.removeprefix(_XSL)
        if name == f"{_SVRL}fired-rule":
            continue
        if is_deep:
            raise Unfit(f"{name} after the way down, in mode {mode}")
        if name == "variable":
            content.append(_variable(element))
        elif name == "choose" and [child.tag for child in element] == [f"{_XSL}when", f"{_XSL}otherwise"]:
            when, otherwise = element
            if len(when) or (when.text or "").strip():
                raise Unfit(f"an assert of mode {mode} says something where it holds")
            content.append(_test(otherwise, when.get("test", ""), ordinals))
        elif name == "if":
            content.append(_test(element, element.get("test", ""), ordinals))
        elif name == "apply-templates" and element.get("mode") == mode and element.get("select") in _VISITS:
            is_deep = True
        else:
            raise Unfit(f"{name} in a rule of mode {mode}")
    try:
        priority = float(template.get("priority", ""))
    except ValueError:
        raise Unfit(f"a rule of mode {mode} has no priority of its own") from None
    return Rule(template.get("match", ""), priority, tuple(content), is_deep)


def _test(holder: etree._Element, test: str, ordinals: dict[etree._Element, int]) -> Test:
    if len(holder) != 1 or holder[0] not in ordinals:
        raise Unfit(f"{holder.tag.removeprefix(_XSL)} holds more than one assert or report")
    said = holder[0]
    attributes = {}
    message: tuple[Words, ...] = ()
    for part in said:
        if part.tag == f"{_XSL}attribute" and part.get("name") == "location":
            where = [(child.tag, child.get("mode"), child.get("select")) for child in part]
            if where != [(f"{_XSL}apply-templates", "schematron-select-full-path", ".")]:
                raise Unfit("a location that is not the full path of the node")
        elif part.tag == f"{_XSL}attribute" and not len(part):
            attributes[part.get("name")] = part.text or ""
        elif part.tag == f"{_SVRL}text":
            message = _message(part)
        else:
            raise Unfit(f"{part.tag.removeprefix(_XSL)} in an assert or report")
    is_report = said.tag == f"{_SVRL}successful-report"
    return Test(ordinals[said], test, is_report, attributes.get("id", ""), attributes.get("flag", ""), message)


def _message(text: etree._Element) -> tuple[Words, ...]:
    words = [_own(text.text)]
    for part in text:
        if part.tag == f"{_XSL}text" and not len(part):
            words.append(Words(part.text or ""))
        elif part.tag == f"{_XSL}value-of" and part.get("select") and part.get("separator") is None:
            words.append(Words(select=part.get("select", "")))
        else:
            raise Unfit(f"{part.tag.removeprefix(_XSL)} in a message")
        words.append(_own(part.tail))
    return tuple(word for word in words if word != Words())


def _own(text: str | None) -> Words:
    """Text of the sheet itself: where it is nothing but blanks, XSLT drops it."""
    return Words(text or "") if text and text.strip(" \t\r\n") else Words()


def _variable(element: etree._Element) -> Variable:
    select = element.get("select")
    if select is None or len(element) or (element.text or "").strip():
        raise Unfit(f"variable {element.get('name')} has no select")
    return Variable(element.get("name", ""), select, element.get("as", ""))


def _function(element: etree._Element) -> Function:
    parameters: list[tuple[str, str]] = []
    variables: list[Variable] = []
    result = None
    for part in element:
        name = part.tag.removeprefix(_XSL)
        if result is not None:
            raise Unfit(f"function {element.get('name')} goes on after its result")
        if name == "param" and part.get("select") is None and not len(part):
            parameters.append((part.get("name", ""), part.get("as", "")))
        elif name == "variable":
            variables.append(_variable(part))
        elif name == "sequence" and part.get("select") is not None:
            result = part.get("select")
        else:
            raise Unfit(f"{name} in function {element.get('name')}")
    if result is None:
        raise Unfit(f"function {element.get('name')} has no result")
    return Function(element.get("name", ""), tuple(parameters), element.get("as", ""), tuple(variables), result)


def _visits(template: etree._Element, mode: str) -> bool:
    return [(child.tag, child.get("mode"), child.get("select") in _VISITS) for child in template] == [
        (f"{_XSL}apply-templates", mode, True)
    ]
