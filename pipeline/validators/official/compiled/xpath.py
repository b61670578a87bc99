"""The expressions of a stylesheet, read into a tree: the part of XPath 2.0 that official rules are written in.

A parser of our own, because what we need is small and the tree is the product: elementpath resolves functions and types
while it parses and keeps the tree to itself. What the grammar below does not hold raises `Unread`: its pattern is then
left to Saxon. Abbreviations are spelt out here (`..`, `@x`, `//`), so that later steps know one form of each thing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n]+|\(:.*?:\))
    |(?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    |(?P<string>"(?:[^"]|"")*"|'(?:[^']|'')*')
    |(?P<name>[^\W\d][\w.-]*(?::(?:[^\W\d][\w.-]*|\*))?|\*:[^\W\d][\w.-]*)
    |(?P<mark>//|::|\.\.|<=|>=|!=|<<|>>|[()\[\]/@$,.=<>+*|-])""",
    re.VERBOSE | re.DOTALL,
)
AXES = {
    "child", "attribute", "self", "parent", "ancestor", "ancestor-or-self", "descendant", "descendant-or-self",
    "preceding", "preceding-sibling", "following", "following-sibling",
}  # fmt: skip
_KIND_TESTS = {"node", "text", "element", "attribute", "comment", "processing-instruction", "document-node", "item"}
_GENERAL = {"=": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}
_VALUE = {"eq", "ne", "lt", "le", "gt", "ge"}


class Unread(Exception):
    """An expression, or a part of one, that the compiler does not understand: why, in English."""


@dataclass(frozen=True, slots=True)
class Number:
    text: str
    kind: str  # integer, decimal, double


@dataclass(frozen=True, slots=True)
class String:
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class Here:
    """The context item."""


@dataclass(frozen=True, slots=True)
class Root:
    """The document, where a path begins with a slash."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step along an axis. `name`: a name in Clark notation, `*`, `node()` or `text()`."""

    axis: str
    name: str
    predicates: "tuple[Expression, ...]" = ()


@dataclass(frozen=True, slots=True)
class Path:
    """Steps from `start`; a step may be any expression, evaluated for each node before it."""

    start: "Expression"
    steps: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Filter:
    of: "Expression"
    predicates: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Call:
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Compare:
    """`is_general`: between any two items of the two sides; else between two single values."""

    operator: str  # eq, ne, lt, le, gt, ge
    is_general: bool
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Arithmetic:
    operator: str  # + - * div idiv mod
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True, slots=True)
class Negative:
    """A number with the other sign; zero of a double has one too."""

    of: "Expression"


@dataclass(frozen=True, slots=True)
class Logic:
    operator: str  # and, or
    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Union:
    parts: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class Sequence:
    items: "tuple[Expression, ...]"


@dataclass(frozen=True, slots=True)
class If:
    test: "Expression"
    then: "Expression"
    other: "Expression"


@dataclass(frozen=True, slots=True)
class For:
    """`for`, `some` or `every` over bindings; `result` is what is returned, or satisfied."""

    kind: str
    bindings: "tuple[tuple[str, Expression], ...]"
    result: "Expression"


@dataclass(frozen=True, slots=True)
class Cast:
    of: "Expression"
    type: str
    is_optional: bool


Expression = (
    Number | String | Variable | Here | Root | Step | Path | Filter | Call | Compare | Arithmetic | Negative | Logic
    | Union | Sequence | If | For | Cast
)  # fmt: skip

_ANYWHERE = Step("descendant-or-self", "node()")


def parse(text: str, namespaces: dict[str, str]) -> Expression:
    """Read one expression; prefixes are those of the sheet, names without one are in no namespace."""
    return _Parser(text, namespaces).whole()


class _Parser:
    def __init__(self, text: str, namespaces: dict[str, str]) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0
        self._namespaces = namespaces

    def whole(self) -> Expression:
        read = self._sequence()
        if self._kind != "end":
            raise Unread(f"{self._text!r} is not expected")
        return read

    @property
    def _kind(self) -> str:
        return self._tokens[self._at][0]

    @property
    def _text(self) -> str:
        return self._tokens[self._at][1]

    def _next(self) -> str:
        text = self._text
        if self._kind == "end":
            raise Unread("'' is not expected")
        self._at += 1
        return text

    def _is(self, *texts: str) -> bool:
        return self._kind in {"mark", "name"} and self._text in texts

    def _take(self, text: str) -> bool:
        if self._is(text):
            self._at += 1
            return True
        return False

    def _need(self, text: str) -> None:
        if not self._take(text):
            raise Unread(f"{text!r} is expected before {self._text!r}")

    def _after(self, text: str) -> bool:
        kind, next_text = self._tokens[min(self._at + 1, len(self._tokens) - 1)]
        return kind == "mark" and next_text == text

    def _sequence(self) -> Expression:
        items = [self._single()]
        while self._take(","):
            items.append(self._single())
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def _single(self) -> Expression:
        if self._is("for", "some", "every") and self._after("$"):
            kind = self._next()
            bindings = []
            while True:
                self._need("$")
                name = self._next()
                self._need("in")
                bindings.append((name, self._single()))
                if not self._take(","):
                    break
            self._need("return" if kind == "for" else "satisfies")
            return For(kind, tuple(bindings), self._single())
        if self._is("if") and self._after("("):
            self._at += 2
            test = self._sequence()
            self._need(")")
            self._need("then")
            then = self._single()
            self._need("else")
            return If(test, then, self._single())
        return self._or()

    def _or(self) -> Expression:
        parts = [self._and()]
        while self._take("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Logic("or", tuple(parts))

    def _and(self) -> Expression:
        parts = [self._comparison()]
        while self._take("and"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else Logic("and", tuple(parts))

    def _comparison(self) -> Expression:
        left = self._additive()
        if self._kind == "mark" and self._text in _GENERAL:
            return Compare(_GENERAL[self._next()], True, left, self._additive())
        if self._kind == "name" and self._text in _VALUE:
            return Compare(self._next(), False, left, self._additive())
        return left

    def _additive(self) -> Expression:
        left = self._multiplicative()
        while self._kind == "mark" and self._text in {"+", "-"}:
            left = Arithmetic(self._next(), left, self._multiplicative())
        return left

    def _multiplicative(self) -> Expression:
        left = self._union()
        while self._is("*", "div", "idiv", "mod"):
            left = Arithmetic(self._next(), left, self._union())
        return left

    def _union(self) -> Expression:
        parts = [self._cast()]
        while self._is("|", "union"):
            self._at += 1
            parts.append(self._cast())
        return parts[0] if len(parts) == 1 else Union(tuple(parts))

    def _cast(self) -> Expression:
        read = self._unary()
        if self._is("cast"):
            self._at += 1
            self._need("as")
            name = self._next()
            is_optional = self._kind == "optional" and bool(self._next())
            return Cast(read, name, is_optional)
        if self._is("castable", "treat", "instance", "intersect", "except"):
            raise Unread(f"{self._text} is not compiled")
        return read

    def _unary(self) -> Expression:
        if self._take("-"):
            return Negative(self._unary())
        if self._take("+"):
            return Negative(Negative(self._unary()))
        return self._path()

    def _path(self) -> Expression:
        steps: list[Expression] = []
        start: Expression
        if self._take("//"):
            start = Root()
            steps += [_ANYWHERE, self._step()]
        elif self._take("/"):
            start = Root()
            if not self._begins_step():
                return start
            steps.append(self._step())
        else:
            first = self._step()
            if not self._is("/", "//"):
                return Path(Here(), (first,)) if isinstance(first, Step) else first
            if isinstance(first, Step):
                start, steps = Here(), [first]
            else:
                start = first
        while self._is("/", "//"):
            if self._next() == "//":
                steps.append(_ANYWHERE)
            steps.append(self._step())
        return Path(start, tuple(_shorter(steps)))

    def _begins_step(self) -> bool:
        return self._kind in {"name", "string", "number"} or self._is("@", ".", "..", "*", "(", "$")

    def _step(self) -> Expression:
        if self._take(".."):
            return Step("parent", "node()", self._predicates())
        if self._take("@"):
            return Step("attribute", self._name_test("attribute"), self._predicates())
        if self._is("*"):
            self._at += 1
            return Step("child", "*", self._predicates())
        if self._kind == "name" and self._after("::"):
            axis = self._next()
            self._at += 1
            if axis not in AXES:
                raise Unread(f"axis {axis}")
            return Step(axis, self._name_test(axis), self._predicates())
        if self._kind == "name" and (not self._after("(") or self._text in _KIND_TESTS):
            return Step("child", self._name_test("child"), self._predicates())
        primary = self._primary()
        predicates = self._predicates()
        return Filter(primary, predicates) if predicates else primary

    def _name_test(self, axis: str) -> str:
        if self._take("*"):
            return "*"
        if self._kind != "name":
            raise Unread(f"a name is expected before {self._text!r}")
        name = self._next()
        if self._is("("):
            self._at += 1
            self._need(")")
            if name not in {"node", "text"}:
                raise Unread(f"{name}() is not compiled")
            return f"{name}()"
        return self._clark(name, "")

    def _clark(self, name: str, default: str) -> str:
        prefix, colon, local = name.rpartition(":")
        if prefix == "*":
            return name
        if not colon:
            return f"{{{default}}}{local}" if default else local
        if prefix not in self._namespaces:
            raise Unread(f"prefix {prefix} is not declared")
        return f"{{{self._namespaces[prefix]}}}{local}"

    def _predicates(self) -> tuple[Expression, ...]:
        found = []
        while self._take("["):
            found.append(self._sequence())
            self._need("]")
        return tuple(found)

    def _primary(self) -> Expression:
        kind, text = self._kind, self._next()
        if kind == "number":
            return Number(text, "double" if "e" in text.lower() else "decimal" if "." in text else "integer")
        if kind == "string":
            return String(text[1:-1].replace(text[0] * 2, text[0]))
        if kind == "mark" and text == "$":
            return Variable(self._next())
        if kind == "mark" and text == ".":
            return Here()
        if kind == "mark" and text == "(":
            if self._take(")"):
                return Sequence(())
            inner = self._sequence()
            self._need(")")
            return inner
        if kind == "name" and self._take("("):
            arguments = []
            if not self._take(")"):
                arguments.append(self._single())
                while self._take(","):
                    arguments.append(self._single())
                self._need(")")
            return Call(text, tuple(arguments))
        raise Unread(f"{text!r} is not expected")


def _shorter(steps: list[Expression]) -> list[Expression]:
    """`//name` as one step down, where no predicate counts positions among siblings."""
    short: list[Expression] = []
    for step in steps:
        if (
            short
            and short[-1] == _ANYWHERE
            and isinstance(step, Step)
            and step.axis == "child"
            and not any(may_count(predicate) for predicate in step.predicates)
        ):
            short[-1] = Step("descendant", step.name, step.predicates)
        else:
            short.append(step)
    return short


def may_count(predicate: Expression) -> bool:
    """May this predicate be about a position, by its form?"""
    return not isinstance(predicate, Compare | Logic | Path | Step) and not (
        isinstance(predicate, Call) and predicate.name in {"not", "exists", "empty", "contains", "starts-with", "true"}
    )


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            if text[at] == "?":
                yield "optional", "?"
                at += 1
                continue
            raise Unread(f"{text[at]!r} is not read")
        at = found.end()
        kind = found.lastgroup or ""
        if kind != "blank":
            yield kind, found[0]
    yield "end", ""
