"""From a stylesheet to the Python that says the same: `build` gives the source of a module, byte-stable.

A test that is not understood is left to Saxon with its reason; where it is the match of a rule, all tests of that
pattern are left, because the first rule that matches hides the others.
"""

import re
from dataclasses import dataclass, field, replace

from lxml import etree

from pipeline.readers.safe_xml import PARSER_OPTIONS
from pipeline.validators.official.compiled import sheet as sheets
from pipeline.validators.official.compiled.built import Built, Left
from pipeline.validators.official.compiled.emit import emit
from pipeline.validators.official.compiled.forbidden import WORTH_A_WALK, forbidden, trie_of
from pipeline.validators.official.compiled.layout import AROUND_MARK, ONCE_MARK, layout
from pipeline.validators.official.compiled.matches import Alternative, alternatives
from pipeline.validators.official.compiled.pieces import (
    AROUND,
    AROUND_NAMES,
    END,
    Code,
    Custom,
    Module,
    Scope,
    several,
    told_true,
)
from pipeline.validators.official.compiled.sheet import Pattern, Rule, Sheet, Test, Unfit
from pipeline.validators.official.compiled.xpath import Expression, Unread, parse
from pipeline.validators.official.told import rule_id, text_of

_AROUND_HEAD = re.compile(f"^def w{AROUND}([0-9]+){END}")
_HEAD = """\
import operator
import re
from decimal import Decimal
from sys import intern
from pipeline.validators.official.compiled.nodes import NONE
from pipeline.validators.official.compiled.runtime import *
"""


@dataclass
class _Builder:
    pack: str
    sheet: Sheet
    module: Module
    scope: Scope = field(default_factory=lambda: Scope(None))
    lines: list[str] = field(default_factory=list)
    left: list[Left] = field(default_factory=list)
    guards: int = 0
    rules: int = 0

    def laid_out(self, body: list[str]) -> list[str]:
        return [f"    {line}" for line in layout(body, self.module.parts)]

    def parse(self, text: str) -> Expression:
        return parse(text, self.sheet.namespaces)


def build(pack: str, sheet: bytes, code_list: bytes) -> Built:
    """Compile a stylesheet; `code_list` is the file it looks codes up in, empty where it has none."""
    try:
        read = sheets.read(sheet)
    except (Unfit, etree.XMLSyntaxError) as err:
        tests = len(re.findall(rb"<svrl:(?:failed-assert|successful-report)[\s>]", sheet))
        return Built("", tests, tuple(Left(n, f"{pack}#{n}", "", str(err)) for n in range(1, tests + 1)))
    work = _Builder(pack, read, Module(_code_lists(code_list)))
    _globals(work)
    _functions(work)
    patterns = []
    for rank, pattern in enumerate(read.patterns):
        try:
            patterns.append(_pattern(rank, pattern, work))
        except Unread as err:
            tests_of = [test for rule in pattern.rules for test in rule.tests]
            work.left += (Left(t.ordinal, _id(t, pack), pattern.mode, f"a match: {err}") for t in tests_of)
    work.lines += _around(work)
    lines, once = _once(work.lines, work.module)
    source = "\n".join(
        [
            _HEAD,
            *work.module.constants,
            "U = object()",
            "",
            *lines,
            *once,
            f"PACK = {pack!r}",
            f"PATTERNS = ({''.join(f'{pattern}, ' for pattern in patterns)})",
            f"TESTS = {_tests(work)}",
            f"LEFT = {tuple((left.ordinal, left.mode) for left in work.left)!r}",
            "",
        ]
    )
    return Built(source, len(read.tests), tuple(sorted(work.left, key=lambda left: left.ordinal)))


def _id(test: Test, pack: str) -> str:
    """The id of a test as far as its sheet tells it; a value at the head of the message may still say another."""
    return rule_id(text_of("".join(word.text or "\0" for word in test.message)), test.id, pack, test.ordinal)


def _code_lists(code_list: bytes) -> dict[str, tuple[str, ...]]:
    if not code_list:
        return {}
    root = etree.fromstring(code_list, etree.XMLParser(**PARSER_OPTIONS | {"huge_tree": True}))
    found: dict[str, tuple[str, ...]] = {}
    if root.tag != "codedb":
        return {}
    for element in root.iterchildren("cl"):
        key = element.get("id", "")
        values = tuple(value for one in element.iterchildren("enumeration") if (value := one.get("value")) is not None)
        number = str(float(key)).removesuffix(".0") if key.strip().isascii() and key.strip().isdigit() else key
        found[number] = (*found.get(number, ()), *values)
    return found


# --- variables and functions of the whole sheet -----------------------------------------------------------------------


def _globals(work: _Builder) -> None:
    top = Code("d.top", "element", "1", is_cheap=True)
    for variable in work.sheet.variables:
        if variable.type:
            continue
        try:
            code = emit(work.parse(variable.select), work.scope.at(top), work.module)
        except Unread:
            continue  # the tests that name it say so
        work.scope = work.scope.having(variable.name, code)


def _functions(work: _Builder) -> None:
    for rank, function in enumerate(work.sheet.functions):
        scope = Scope(None, work.scope.variables)
        work.module.outer = frozenset()
        names: list[str] = []
        try:
            for name, type in function.parameters:
                local = f"a{len(names)}"
                kind = {"xs:string?": "string", "element()?": "element"}.get(type)
                if kind is None:
                    raise Unread(f"a parameter of type {type}")
                scope = scope.having(name, Code(local, kind, "?", frozenset({local}), depth=1, is_cheap=True))
                names.append(local)
            lines, scope = _variables([(v.name, v.select, v.type) for v in function.variables], scope, work)
            result = emit(work.parse(function.result), scope, work.module)
            if function.type != "xs:boolean" or result.kind != "boolean" or result.many == "*":
                raise Unread(f"function {function.name} gives {result.kind}")
        except Unread:
            continue
        py = f"bool({result.py})" if result.is_one else f"bool(required({result.py}))"
        head = f"def f{rank}(d, m, {', '.join(names)}):"
        work.lines += [head, *work.laid_out([*lines, f"return {py}"]), ""]
        types = tuple(type for _, type in function.parameters)
        work.module.functions[function.name] = Custom(f"f{rank}", types, "boolean", "1")


def _variables(wanted: list[tuple[str, str, str]], scope: Scope, work: _Builder) -> tuple[list[str], Scope]:
    """The lines that give variables their values, and the scope in which they are known."""
    lines: list[str] = []
    for name, select, type in wanted:
        code = emit(work.parse(select), scope, work.module)
        if type and not (type == "xs:string" and code.kind == "string" and code.is_one):
            raise Unread(f"a variable of type {type}")
        if code.constant is None and not (code.is_cheap and not code.uses):
            local = work.module.variable()
            if work.module.outer:
                work.module.outer |= {local}
            # at once, needed or not: Saxon does so too once it has seen it used, and is asked where that stops
            lines.append(f"{local} = {code.py}")
            code = replace(code, py=local, uses=frozenset({local}), is_cheap=True, may_stop=False)
        scope = scope.having(name, code)
    return lines, scope


# --- patterns and their rules -----------------------------------------------------------------------------------------


def _pattern(rank: int, pattern: Pattern, work: _Builder) -> str:
    """The entry of a pattern in the table: its rules, the highest priority first."""
    matched = [alternatives(work.parse(rule.match), work.scope, work.module) for rule in pattern.rules]
    entries = []
    for rule, ways in zip(pattern.rules, matched, strict=True):
        shown = "".join(f"({way.is_anchored}, {way.steps!r}, {way.by_place!r}, {_guard(way, work)}), " for way in ways)
        name = _rule(rule, rank, pattern.mode, min(len(way.steps) for way in ways), work)
        entries.append(f"({name}, {rule.is_deep}, ({shown})), ")
    return f"({rank}, {pattern.mode!r}, ({''.join(entries)}))"


def _guard(way: Alternative, work: _Builder) -> str:
    """Write the function that picks the nodes for which a match holds; returns its name."""
    if not way.guard:
        return "None"
    name = f"g{work.guards}"
    work.guards += 1
    picked = (f"        {line}" for line in work.laid_out(list(way.guard)))
    work.lines += [
        f"def {name}(N, d, m):",
        "    found = []",
        "    try:",
        "        for n in N:",
        *picked,
        "            found.append(n)",
        "    except Stopped:",
        "        raise Rare('a match that stops') from None",
        "    return found",
        "",
    ]
    return name


def _rule(rule: Rule, rank: int, mode: str, depth: int, work: _Builder) -> str:
    """Write the function of a rule, and those of its messages; returns its name."""
    here = Code("n", "element", "1", frozenset({"n"}), depth=depth, is_cheap=True)
    work.module.outer = frozenset({"n", *AROUND_NAMES})
    scope = work.scope.at(here)
    lines: list[str] = []
    conditions: list[tuple[Test, str]] = []
    barred: list[tuple[Test, str, list[tuple[str, ...]]]] = []
    for part in rule.content:
        try:
            if isinstance(part, Test):
                expression = work.parse(part.test)
                told = told_true(emit(expression, scope, work.module)).py
                fires = told if part.is_report else f"not {told}"
                _message(part, scope, list(lines), work)
                paths = forbidden(expression, is_report=part.is_report)
                if paths:
                    barred.append((part, fires, paths))
                else:
                    conditions.append((part, fires))
            else:
                more, scope = _variables([(part.name, part.select, part.type)], scope, work)
                lines += more
        except Unread as err:
            if isinstance(part, Test):
                work.left.append(Left(part.ordinal, _id(part, work.pack), mode, str(err)))
    body = [*lines]
    for test, fires in conditions:
        body += [f"if {fires}:", f"    h.append(({rank}, n[4], {test.ordinal}, n))"]
    indent = ""
    if len(barred) >= WORTH_A_WALK:
        trie = trie_of([path for *_, paths in barred for path in paths])
        body.append(f"if holds_any(d, (n,), {work.module.constant('F', trie)}):")
        indent = "    "
    for test, fires, _ in barred:
        body += [f"{indent}if {fires}:", f"{indent}    h.append(({rank}, n[4], {test.ordinal}, n))"]
    if not conditions and not barred:
        return "None"
    name = f"r{rank}_{work.rules}"
    work.rules += 1
    looped = (f"    {line}" for line in work.laid_out(body))
    work.lines += [f"def {name}(N, d, m, h):", "    for n in N:", *looped, ""]
    return name


def _message(test: Test, scope: Scope, lines: list[str], work: _Builder) -> None:
    """The function that writes a message with values in it; a message of words alone is a constant."""
    if not any(word.select for word in test.message):
        return
    parts = []
    for word in test.message:
        if not word.select:
            parts.append(repr(text_of(f"[{word.text}]")[1:-1]))
            continue
        code = emit(work.parse(word.select), scope, work.module)
        if code.kind == "element":
            code = several(code)
            parts.append(f"' '.join(texts(d, {code.py}))")
        elif code.kind == "text":  # texts that stand side by side become one
            parts.append(f"''.join({code.py})")
        elif code.kind in {"presence", "date"}:
            raise Unread(f"a message with a {code.kind} in it")
        elif code.kind == "mixed":
            parts.append(f"' '.join([y if type(y) is str else text(d, y) for y in {code.py}])")
        elif code.kind == "boolean" and code.is_one:
            parts.append(f"as_string(bool({code.py}))")
        else:
            parts.append(f"' '.join(map(as_string, {several(code).py}))")
    said = f"return ''.join(({', '.join(parts)},))"
    work.lines += [f"def m{test.ordinal}(n, d, m):", *work.laid_out([*lines, said]), ""]


def _tests(work: _Builder) -> str:
    left = {one.ordinal for one in work.left}
    shown = []
    for test in work.sheet.tests:
        if test.ordinal in left:
            continue
        if any(word.select for word in test.message):
            words, id = f"m{test.ordinal}", test.id
        else:
            words = repr(text_of("".join(word.text for word in test.message)))
            id = _id(test, work.pack)
        shown.append(f"{test.ordinal}: ({id!r}, {test.flag!r}, {test.is_report}, {words})")
    return "{" + ",\n".join(shown) + "}"


def _around(work: _Builder) -> list[str]:
    """The functions of what depends on a node around that of a rule."""
    lines: list[str] = []
    asked = {int(mark) for line in work.lines for mark in AROUND_MARK.findall(line)}
    while asked:  # one may ask for another
        rank = asked.pop()
        py, name = work.module.around[rank]
        body = layout([f"return {py}"], work.module.parts, knows_node=False)
        lines += [f"def w{AROUND}{rank}{END}({name}, d, m):", *(f"    {line}" for line in body), ""]
        known = {int(mark) for line in lines for mark in _AROUND_HEAD.findall(line)}
        asked |= {int(mark) for line in body for mark in AROUND_MARK.findall(line)} - known
    return lines


def _once(lines: list[str], module: Module) -> tuple[list[str], list[str]]:
    """The lines with their marks of what is worked out once resolved, and the functions that work it out.

    What only one other such function asks for stands in that function.
    """
    asked: dict[int, int] = {}
    once = module.once
    waiting = [int(mark) for line in lines for mark in ONCE_MARK.findall(line)]
    for rank in waiting:
        asked[rank] = asked.get(rank, 0) + 1
    inner_waiting = list(asked)
    outer = set(asked)
    seen: set[int] = set()
    while inner_waiting:
        rank = inner_waiting.pop()
        if rank in seen:
            continue
        seen.add(rank)
        for mark in ONCE_MARK.findall(once[rank]):
            asked[int(mark)] = asked.get(int(mark), 0) + 1
            inner_waiting.append(int(mark))
    inner = {rank for rank in seen if rank not in outer and asked[rank] == 1}
    numbers = {rank: number for number, rank in enumerate(sorted(seen - inner))}

    def told(match: re.Match[str]) -> str:
        rank = int(match[1])
        if rank in inner:
            return ONCE_MARK.sub(told, once[rank])
        return f"(m[{numbers[rank]}] if m[{numbers[rank]}] is not U else kept(d, m, {numbers[rank]}))"

    functions: list[str] = []
    for rank in sorted(seen - inner):
        body = [f"    return {ONCE_MARK.sub(told, once[rank])}"]
        functions += [f"def o{numbers[rank]}(d, m):", *body, ""]
    names = "".join(f"o{number}, " for number in numbers.values())
    functions += [
        f"ONCE = ({names})",
        "",
        "def kept(d, m, i):",
        "    value = m[i] = ONCE[i](d, m)",
        "    return value",
        "",
    ]
    resolved = [ONCE_MARK.sub(told, line) for line in lines]
    return [AROUND_MARK.sub(r"\1", line) for line in resolved], [AROUND_MARK.sub(r"\1", line) for line in functions]
