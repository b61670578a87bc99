"""From a stylesheet to the Python that says the same: `build` gives the source of a module, byte-stable.

A test that is not understood is left to Saxon with its reason; where it is the match of a rule, all tests of that
pattern are left, because the first rule that matches hides the others.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, product
from typing import Any

from lxml import etree

from pipeline.readers.safe_xml import PARSER_OPTIONS
from pipeline.validators.official.compiled import sheet as sheets
from pipeline.validators.official.compiled.built import Built, Left
from pipeline.validators.official.compiled.emit import emit
from pipeline.validators.official.compiled.layout import AROUND_MARK, ONCE_MARK, layout
from pipeline.validators.official.compiled.pieces import (
    AROUND,
    AROUND_NAMES,
    END,
    Code,
    Custom,
    Module,
    Scope,
    several,
    statement_of_truth,
    truth,
)
from pipeline.validators.official.compiled.sheet import Pattern, Rule, Sheet, Test, Unfit
from pipeline.validators.official.compiled.xpath import (
    Call,
    Compare,
    Expression,
    Filter,
    Here,
    Logic,
    Number,
    Path,
    Root,
    Step,
    String,
    Union,
    Unread,
    parse,
)
from pipeline.validators.official.told import rule_id, text_of

_AROUND_HEAD = re.compile(f"^def w{AROUND}([0-9]+){END}")
_FORBIDDEN_MIN = 3  # paths that a rule forbids are looked for in one walk from here on
_HEAD = """\
import operator
import re
from decimal import Decimal
from sys import intern
from pipeline.validators.official.compiled.nodes import NONE
from pipeline.validators.official.compiled.runtime import *
"""


@dataclass(frozen=True, slots=True)
class _Alternative:
    """One path of a match: its steps from the top, and what must hold besides."""

    is_anchored: bool
    steps: tuple[tuple[str, str], ...]  # ("/" or "//", name)
    by_place: tuple[Any, ...]  # conditions that the names around a node decide
    guard: str  # name of the function that decides the rest, or None


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
    matched = [_alternatives(work.parse(rule.match), work) for rule in pattern.rules]
    entries = []
    for rule, alternatives in zip(pattern.rules, matched, strict=True):
        depth = min(len(alternative.steps) for alternative in alternatives)
        name = _rule(rule, rank, pattern.mode, depth, work)
        shown = "".join(f"({a.is_anchored}, {a.steps!r}, {a.by_place!r}, {a.guard}), " for a in alternatives)
        entries.append(f"({name}, {rule.is_deep}, ({shown})), ")
    return f"({rank}, {pattern.mode!r}, ({''.join(entries)}))"


def _alternatives(match: Expression, work: _Builder) -> list[_Alternative]:
    parts = list(_parts(match))
    return [_alternative(start, steps, work) for start, steps in parts]


def _parts(match: Expression) -> Iterator[tuple[Expression, tuple[Expression, ...]]]:
    """The paths of a match: a union anywhere in it is spread out."""
    if isinstance(match, Union):
        for part in match.parts:
            yield from _parts(part)
    elif isinstance(match, Path):
        starts = [(match.start, ())] if isinstance(match.start, Here | Root) else _parts(match.start)
        for start, steps in starts:
            for more in product(*(_ways(step) for step in match.steps)):
                yield start, (*steps, *chain.from_iterable(more))
    elif isinstance(match, Step):
        yield Here(), (match,)
    elif isinstance(match, Filter):
        for start, (*before, last) in _parts(match.of):
            if not isinstance(last, Step):
                raise Unread(f"a predicate on a {type(last).__name__}")
            yield start, (*before, replace(last, predicates=(*last.predicates, *match.predicates)))
    else:
        raise Unread(f"a match that is a {type(match).__name__}")


def _ways(step: Expression) -> list[tuple[Expression, ...]]:
    """The steps that one step of a path stands for: of a union, those of each part."""
    if not isinstance(step, Union):
        return [(step,)]
    parts = list(_parts(step))
    if any(not isinstance(start, Here) for start, _ in parts):
        raise Unread("a union of absolute paths within a match")
    return [steps for _, steps in parts]


def _alternative(start: Expression, steps: tuple[Expression, ...], work: _Builder) -> _Alternative:
    names: list[tuple[str, str]] = []
    by_place: list[Any] = []
    dynamic: list[tuple[int, Expression]] = []
    relation = "/"
    for step in steps:
        if not isinstance(step, Step):
            raise Unread(f"a step of a match that is a {type(step).__name__}")
        if step.axis == "descendant-or-self" and step.name == "node()" and not step.predicates:
            relation = "//"
            continue
        if step.axis == "descendant":
            relation = "//"
        elif step.axis != "child":
            raise Unread(f"a match along {step.axis}")
        if "(" in step.name:
            raise Unread(f"a match of {step.name}")
        names.append((relation, step.name))
        relation = "/"
        is_last = step is steps[-1]
        for predicate in step.predicates:
            for part in _conjuncts(predicate):
                condition = _by_place(part) if is_last else None
                if condition is None:
                    dynamic.append((len(names) - 1, part))
                else:
                    by_place.append(condition)
    guard = _guard(names, dynamic, work) if dynamic else "None"
    is_anchored = isinstance(start, Root)
    return _Alternative(is_anchored, tuple(names), tuple(by_place), guard)


def _conjuncts(predicate: Expression) -> Iterator[Expression]:
    if isinstance(predicate, Logic) and predicate.operator == "and":
        for part in predicate.parts:
            yield from _conjuncts(part)
    else:
        yield predicate


def _by_place(condition: Expression) -> Any:
    """What the names around a node decide, as data; None where it takes more than names."""
    match condition:
        case Call("not", (inner,)):
            told = _by_place(inner)
            return None if told is None else ("not", told)
        case Call("ends-with", (Call("name", ()), String(text))) if ":" not in text:
            return ("ends", text)
        case Path(Here(), (Step("self" | "ancestor" as axis, name, ()),)) if "*" not in name and "(" not in name:
            return (axis, name)
    return None


def _guard(names: list[tuple[str, str]], dynamic: list[tuple[int, Expression]], work: _Builder) -> str:
    """The function that says for which nodes the predicates of a match hold: not where one stops, as XSLT has it."""
    last = len(names) - 1
    work.module.outer = frozenset()
    tests = []
    for at, predicate in dynamic:
        if any(relation == "//" for relation, _ in names[at + 1 :]):
            raise Unread("a predicate above a way of unknown length")
        node = "n"
        for _ in range(last - at):
            node = f"d.nodes[{node}[3]]"
        depth = at + 1
        here = Code("n" if node == "n" else "a", "element", "1", frozenset({"n"}), depth=depth, is_cheap=True)
        condition = emit(predicate, work.scope.at(here), work.module)
        if condition.kind in {"integer", "decimal", "double", "mixed"}:
            raise Unread("a match by position")
        tests.append((node, truth(condition)))
    name = f"g{work.guards}"
    work.guards += 1
    body = []
    for node, told in tests:
        if node != "n":
            body.append(f"a = {node}")
        body += [f"if not {told}:", "    continue"]
    work.lines += [
        f"def {name}(N, d, m):",
        "    found = []",
        "    for n in N:",
        "        try:",
        *(f"        {line}" for line in work.laid_out(body)),
        "        except Rare:",
        "            raise",
        "        except Stopped:",
        "            continue",
        "        found.append(n)",
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
    forbidden: list[tuple[Test, str, list[tuple[str, ...]]]] = []
    for part in rule.content:
        try:
            if isinstance(part, Test):
                expression = work.parse(part.test)
                told = statement_of_truth(expression, scope, work.module).py
                fires = told if part.is_report else f"not {told}"
                _message(part, scope, list(lines), work)
                paths = _forbidden(expression, part.is_report)
                if paths:
                    forbidden.append((part, fires, paths))
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
    if len(forbidden) >= _FORBIDDEN_MIN:
        trie: dict[str, Any] = {}
        for *_, paths in forbidden:
            for path in paths:
                _grow(trie, path)
        body.append(f"if holds_any(d, (n,), {work.module.constant('F', _trie(trie))}):")
        indent = "    "
    else:
        indent = ""
    for test, fires, _ in forbidden:
        body += [f"{indent}if {fires}:", f"{indent}    h.append(({rank}, n[4], {test.ordinal}, n))"]
    if not conditions and not forbidden:
        return "None"
    name = f"r{rank}_{work.rules}"
    work.rules += 1
    looped = (f"    {line}" for line in work.laid_out(body))
    work.lines += [f"def {name}(N, d, m, h):", "    for n in N:", *looped, ""]
    return name


def _forbidden(expression: Expression, is_report: bool) -> list[tuple[str, ...]]:
    """The paths of plain names below the node that must not be there, where the test says just that.

    An attribute stands last, with its `@`.
    """
    if not is_report:
        match expression:
            case Call("not", (inner,)):
                expression = inner
            case Compare("eq", True, Call("count", (inner,)), Number("0")):
                expression = inner
            case _:
                return []
    try:
        parts = list(_parts(expression))
    except Unread:
        return []
    paths = []
    for start, steps in parts:
        if not isinstance(start, Here):
            return []
        path = []
        for step in steps:
            if not isinstance(step, Step) or step.predicates or "*" in step.name or "(" in step.name:
                return []
            if step.axis == "child":
                path.append(step.name)
            elif step.axis == "attribute" and step is steps[-1] and path:
                path.append(f"@{step.name}")
            else:
                return []
        paths.append(tuple(path))
    return paths


def _grow(trie: dict[str, Any], path: tuple[str, ...]) -> None:
    """Add a path. Where a longer and a shorter one meet, the shorter is kept: it finds more, and finding is looking."""
    *around, last = path
    for name in around:
        found = trie.setdefault(name, {})
        if found is None:
            return
        trie = found
    if last.startswith("@"):
        trie["@"] = (*trie.get("@", ()), last[1:])
    else:
        trie[last] = None


def _trie(trie: dict[str, Any]) -> str:
    shown = (f"{name!r}: {_trie(sub) if isinstance(sub, dict) else repr(sub)}" for name, sub in sorted(trie.items()))
    return "{" + ", ".join(shown) + "}"


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
