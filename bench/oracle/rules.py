"""The tests of a pack as the mutator reads them: context, expression and variables as trees, and its code lists.

What the compiler cannot read is still met: the paths and literals of its text are taken from it as they stand.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any

from lxml import etree

from pipeline.adapters.artefacts import PACKS, Artefacts
from pipeline.validators.official.compiled import sheet as sheets
from pipeline.validators.official.compiled import xpath

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_XSL = "{http://www.w3.org/1999/XSL/Transform}"
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")


@dataclass(frozen=True)
class Target:
    """One assert or report where it stands: what the mutator aims at."""

    ordinal: int
    id: str
    test: xpath.Expression | None  # None where it cannot be read
    text: str
    match: xpath.Expression | None
    is_report: bool
    lets: tuple[tuple[str, xpath.Expression | None], ...]  # the variables before it, in their order


@dataclass(frozen=True)
class Function:
    parameters: tuple[str, ...]
    lets: tuple[tuple[str, xpath.Expression | None], ...]
    result: xpath.Expression | None


@dataclass(frozen=True)
class Pack:
    """A pack: its tests by ordinal, and what they refer to."""

    name: str
    sheet: Path
    sheet_bytes: bytes
    code_list: Path | None
    namespaces: Mapping[str, str]
    targets: tuple[Target, ...]
    by_rule: tuple[tuple[int, ...], ...]  # the ordinals of each template that a context fires, templates in sheet order
    variables: tuple[tuple[str, xpath.Expression | None], ...]
    functions: Mapping[str, Function]
    codes: Mapping[str, tuple[str, ...]]  # values by the id of their list
    literals: tuple[str, ...]
    patterns: tuple[sheets.Pattern, ...]

    @property
    def schemas(self) -> tuple[str, ...]:
        """The schemas of the documents that the pack is about."""
        return ("ubl-invoice", "ubl-creditnote") if self.name.endswith("ubl") else ("cii",)


@cache
def pack(name: str) -> Pack:
    """Read an installed pack; raises `sheet.Unfit` when its shape is unknown, as the compiler does."""
    artefacts = Artefacts()
    files = artefacts.pack(name)
    path = artefacts.path(files.sheet)
    text = path.read_bytes()
    read = sheets.read(text)
    code_list = artefacts.path(files.code_list) if files.code_list else None
    targets = []
    for pattern in read.patterns:
        for rule in pattern.rules:
            match = _parsed(rule.match, read.namespaces)
            lets: list[tuple[str, xpath.Expression | None]] = []
            for part in rule.content:
                if isinstance(part, sheets.Variable):
                    lets.append((part.name, _parsed(part.select, read.namespaces)))
                else:
                    tree = _parsed(part.test, read.namespaces)
                    targets.append(Target(part.ordinal, part.id, tree, part.test, match, part.is_report, tuple(lets)))
    functions = {
        one.name: Function(
            tuple(parameter for parameter, _ in one.parameters),
            tuple((let.name, _parsed(let.select, read.namespaces)) for let in one.variables),
            _parsed(one.result, read.namespaces),
        )
        for one in read.functions
    }
    literals = {one or other for target in targets for one, other in _QUOTED.findall(target.text)}
    return Pack(
        name=name,
        sheet=path,
        sheet_bytes=text,
        code_list=code_list,
        namespaces=read.namespaces,
        targets=tuple(sorted(targets, key=lambda target: target.ordinal)),
        by_rule=_by_rule(text),
        variables=tuple((one.name, _parsed(one.select, read.namespaces)) for one in read.variables),
        functions=functions,
        codes=_codes(code_list) if code_list else {},
        patterns=read.patterns,
        literals=tuple(sorted(literal for literal in literals if len(literal) < 40)),
    )


def packs() -> tuple[str, ...]:
    return tuple(PACKS)


def inside(tree: Any) -> Iterator[Any]:
    """An expression and all that it is made of."""
    if is_dataclass(tree):
        yield tree
        for field in fields(tree):
            yield from inside(getattr(tree, field.name))
    elif isinstance(tree, tuple):
        for part in tree:
            yield from inside(part)


def _parsed(text: str, namespaces: dict[str, str]) -> xpath.Expression | None:
    try:
        return xpath.parse(text, namespaces)
    except xpath.Unread:
        return None


def _by_rule(text: bytes) -> tuple[tuple[int, ...], ...]:
    root = etree.fromstring(text, etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    kinds = (f"{_SVRL}failed-assert", f"{_SVRL}successful-report")
    ordinal = {element: number for number, element in enumerate(root.iter(*kinds), 1)}
    templates = (one for one in root.iter(f"{_XSL}template") for _ in one.iterchildren(f"{_SVRL}fired-rule"))
    return tuple(tuple(ordinal[one] for one in template.iter(*kinds)) for template in templates)


def _codes(path: Path) -> dict[str, tuple[str, ...]]:
    root = etree.parse(str(path), etree.XMLParser(resolve_entities=False, no_network=True)).getroot()
    return {
        one.get("id", ""): tuple(value.get("value", "") for value in one.iter("{*}enumeration"))
        for one in root.iter("{*}cl")
    }
