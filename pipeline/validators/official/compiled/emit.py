"""Expressions of a stylesheet written as Python: each piece of code with the type of what it gives.

Nothing here runs on a document. Types are those of XPath as far as the rules can tell, known before any document is
seen; where they are not known, or where a construct is new, `Unread` is raised and the pattern goes to Saxon. Text of a
sheet enters the code through `repr` alone; names of variables are our own.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.validators.official.compiled import xpath
from pipeline.validators.official.compiled.nodes import path_of
from pipeline.validators.official.compiled.regexes import python_regex
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Compare,
    Expression,
    Filter,
    For,
    Here,
    If,
    Logic,
    Number,
    Path,
    Root,
    Sequence,
    Step,
    String,
    Union,
    Unread,
    Variable,
)

# kinds: what an item is. `element` may be the document too; `attribute` is its text, yet a node; `loose` is text that
# may be untyped or a string; `mixed` is nodes or strings, told apart when it runs.
_NODES = {"element", "attribute"}
_TEXTS = {"untyped", "string", "loose"}
_EXACT = {"integer", "decimal"}
_NUMBERS = {"integer", "decimal", "double"}
_DOUBLE_WORD = {"untyped": "dbl", "loose": "dbl"}


@dataclass(frozen=True, slots=True)
class Code:
    """A Python expression, and what it gives. `many`: "1" one item, "?" one or None, "*" a sequence."""

    py: str
    kind: str
    many: str
    uses: frozenset[str] = frozenset()  # local names; none: it depends on nothing but the document
    constant: tuple[str, ...] | None = None  # the strings it stands for, where they are in the sheet
    depth: int = 0  # of an element: how many elements are around it at least, itself included
    is_cheap: bool = False  # a look-up or less: not worth keeping
    true: str = ""  # Python of the same truth, where there is a cheaper one
    may_stop: bool = False

    @property
    def is_one(self) -> bool:
        return self.many == "1"


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression may name: the context node, and variables."""

    here: Code | None
    variables: Mapping[str, Code] = field(default_factory=dict)
    level: int = 0  # how many loops of Python are around: the same expression gets the same names everywhere

    @property
    def local(self) -> str:
        """The name for the item of the next loop."""
        return f"x{self.level}"

    def at(self, here: Code) -> "Scope":
        return replace(self, here=here)

    def inside(self, here: Code) -> "Scope":
        """Within a loop over context nodes."""
        return replace(self, here=here, level=self.level + 1)

    def having(self, name: str, value: Code) -> "Scope":
        return replace(self, variables={**self.variables, name: value})

    def binding(self, name: str, value: Code) -> "Scope":
        """Within a loop over the values of a variable."""
        return replace(self.having(name, value), level=self.level + 1)


@dataclass(frozen=True, slots=True)
class Custom:
    """A function of the sheet, written as Python."""

    py: str
    parameters: tuple[str, ...]  # their types
    kind: str
    many: str


class Module:
    """The module being written: its constants and functions, and what is worked out once for a document."""

    def __init__(self, code_lists: Mapping[str, tuple[str, ...]] | None = None) -> None:
        self.functions: dict[str, Custom] = {}
        self.code_lists = code_lists or {}
        self._constants: dict[str, str] = {}
        self._kept: dict[str, int] = {}
        self._parts: dict[tuple[str, bool], int] = {}
        self.outer: frozenset[str] = (
            frozenset()
        )  # the names that stand for the whole of a rule: its node, its variables
        self._variables = 0

    def constant(self, letter: str, value: str) -> str:
        """The global name of a constant, given as Python source."""
        if value not in self._constants:
            self._constants[value] = f"{letter}{len(self._constants)}"
        return self._constants[value]

    def tag(self, name: str) -> str:
        return self.constant("T", f"intern({name!r})")

    def words(self, values: Iterable[str]) -> str:
        listed = ", ".join(map(repr, sorted(set(values))))
        return self.constant("S", f"frozenset(({listed},))" if listed else "frozenset()")

    def variable(self) -> str:
        """The name of a variable of a rule or of a function."""
        self._variables += 1
        return f"v{self._variables}"

    def shared(self, code: Code) -> Code:
        """Mark code that may be worth keeping: what depends on the document alone, for the whole document; what
        depends on the node of a rule, for that rule. `layout` decides, by how often it is used.
        """
        if code.is_cheap or code.constant is not None or not code.uses <= self.outer or _TRIFLE.fullmatch(code.py):
            return code
        if not code.uses:
            rank = self._kept.setdefault(code.py, len(self._kept))
            return replace(code, py=f"{ONCE}{rank}{END}", is_cheap=True, true="")
        rank = self._parts.setdefault((code.py, code.may_stop), len(self._parts))
        return replace(code, py=f"{PART}{rank}{END}", true="" if code.may_stop else code.true)

    def plain(self, code: Code) -> str:
        """The Python of code that may have been marked."""
        mark = _PART.fullmatch(code.py)
        return self.parts[int(mark[1])][0] if mark else code.py

    @property
    def constants(self) -> list[str]:
        return [f"{name} = {value}" for value, name in self._constants.items()]

    @property
    def once(self) -> list[str]:
        """What is worked out once for a document, by its number."""
        return list(self._kept)

    @property
    def parts(self) -> list[tuple[str, bool]]:
        """What the tests of a rule may share, by its number, and whether it may stop."""
        return list(self._parts)


# marks of shared code within code: a sheet's text cannot hold them, since `repr` writes control characters out
ONCE, PART, END = "\x01", "\x02", "\x03"
_PART = re.compile(f"{PART}([0-9]+){END}")
_TRIFLE = re.compile(rf"\(?(?:not |bool|len)\(?(?:{PART}[0-9]+{END}|{ONCE}[0-9]+{END}|\w+)\)?\)?(?: [<>=!]+ [0-9]+\))?")


def emit(expression: Expression, scope: Scope, module: Module) -> Code:
    """Write one expression; raises `Unread` where it is not understood."""
    writer: Callable[..., Code] | None = _WRITERS.get(type(expression))
    if writer is None:
        raise Unread(f"{type(expression).__name__} is not compiled")
    return module.shared(writer(expression, scope, module))


def truth(code: Code) -> str:
    """Python that is true where the effective boolean value is."""
    if code.true:
        return code.true
    if code.many == "*":
        if code.kind in _NODES:
            return code.py
        return f"truth({code.py})"
    if code.kind == "element":
        return "True" if code.is_one else f"({code.py} is not None)"
    if code.kind == "attribute":
        return "True" if code.is_one else f"({code.py} is not None)"
    if code.kind == "double":
        return f"is_number({code.py})"
    if code.kind in {"boolean", "string", "untyped", "integer", "decimal"}:
        return code.py
    raise Unread(f"the truth of {code.kind}")


def statement_of_truth(expression: Expression, scope: Scope, module: Module) -> Code:
    """The condition of a test or a predicate, as a boolean."""
    code = emit(expression, scope, module)
    return Code(truth(code), "boolean", "1", code.uses, is_cheap=code.is_cheap, may_stop=code.may_stop)


# --- conversions ------------------------------------------------------------------------------------------------------


def _join(*codes: Code) -> tuple[frozenset[str], bool]:
    return frozenset().union(*(code.uses for code in codes)), any(code.may_stop for code in codes)


def atomized(code: Code) -> Code:
    if code.kind == "element":
        if code.many == "*":
            return replace(code, py=f"texts(d, {code.py})", kind="untyped", is_cheap=False)
        if code.many == "?":
            return atomized(several(code))
        return replace(code, py=f"text(d, {code.py})", kind="untyped")
    if code.kind == "attribute":
        return replace(code, kind="untyped")
    if code.kind == "mixed":
        return replace(
            code, py=f"[y if type(y) is str else text(d, y) for y in {code.py}]", kind="loose", is_cheap=False
        )
    return code


def optional(code: Code) -> Code:
    """At most one atomic item."""
    if code.many != "*":
        return atomized(code)
    if code.kind == "element":
        return replace(code, py=f"one_text(d, {code.py})", kind="untyped", many="?", is_cheap=False, may_stop=True)
    code = atomized(code)
    if code.py == "NONE":
        return replace(code, py="None", many="?")
    return replace(code, py=f"one({code.py})", many="?", is_cheap=False, may_stop=True)


def several(code: Code) -> Code:
    """A sequence, whatever it was."""
    if code.many == "*":
        return code
    if code.is_one:
        return replace(code, py=f"({code.py},)", many="*")
    return replace(code, py=f"items({code.py})", many="*")


def _string(code: Code) -> Code:
    """An argument of type xs:string?"""
    code = optional(code)
    if code.kind not in _TEXTS and code.kind != "empty":
        raise Unread(f"{code.kind} where a string is expected")
    return code


def _double(code: Code) -> Code:
    """Atomic items as doubles; exact numbers stay what they are."""
    if code.kind in _NUMBERS:
        return code
    if code.kind not in {"untyped", "loose"}:
        raise Unread(f"{code.kind} where a number is expected")
    word = "dbls" if code.many == "*" else "dbl"
    return replace(code, py=f"{word}({code.py})", kind="double", is_cheap=False, may_stop=True, constant=None)


def _decimal(code: Code) -> Code:
    if code.kind in _EXACT:
        return replace(code, kind="decimal")
    if code.kind == "double":
        if code.many == "*":
            raise Unread("several doubles as decimals")
        return replace(code, py=f"dec_of_double({code.py})", kind="decimal", is_cheap=False, may_stop=True)
    if code.kind in _TEXTS:
        word = "decs" if code.many == "*" else "dec"
        return replace(code, py=f"{word}(d, {code.py})", kind="decimal", is_cheap=False, may_stop=True, constant=None)
    raise Unread(f"{code.kind} as a decimal")


# --- paths ------------------------------------------------------------------------------------------------------------


def _path(expression: Path, scope: Scope, module: Module) -> Code:
    if isinstance(expression.start, Call) and expression.start.name == "document":
        return _code_list(expression, scope, module)
    steps = list(expression.steps)
    if isinstance(expression.start, Root):
        code = _TOP
        names = []
        while steps and _is_plain(steps[0]):
            names.append(steps.pop(0).name)  # type: ignore[union-attr]
        if names:
            where = module.constant("P", f"intern({path_of(tuple(names))!r})")
            code = Code(f"d.at.get({where}, NONE)", "element", "*", depth=len(names), is_cheap=True)
    elif isinstance(expression.start, Here):
        if scope.here is None:
            raise Unread("no context node")
        code = scope.here
    else:
        code = emit(expression.start, scope, module)
    for step in steps:
        code = module.shared(_step(code, step, scope, module))
    return code


_TOP = Code("d.top", "element", "1", is_cheap=True)
_ALL = Code("d.nodes", "element", "*", is_cheap=True)


def _is_plain(step: Expression) -> bool:
    return isinstance(step, Step) and step.axis == "child" and not step.predicates and _is_name(step.name)


def _is_name(name: str) -> bool:
    return "*" not in name and "(" not in name


def _step(code: Code, step: Expression, scope: Scope, module: Module) -> Code:
    if code.kind != "element":
        raise Unread(f"a step from {code.kind}")
    if not isinstance(step, Step):
        return _expression_step(code, step, scope, module)
    if step.predicates and (code.many == "*" and any(_counts(p, scope, module) for p in step.predicates)):
        x = scope.local
        here = _node(x, code.depth)
        inner = several(_step(here, step, scope.inside(here), module))
        uses = code.uses | (inner.uses - {x})
        py = f"[y for {x} in {code.py} for y in {inner.py}]"
        return replace(inner, py=py, uses=uses, is_cheap=False, may_stop=code.may_stop or inner.may_stop)
    found = _axis(code, step, module)
    for predicate in step.predicates:
        found = _filtered(found, predicate, scope, module)
    return found


def _node(name: str, depth: int) -> Code:
    return Code(name, "element", "1", frozenset({name}), depth=depth, is_cheap=True)


def _counts(predicate: Expression, scope: Scope, module: Module) -> bool:
    return isinstance(predicate, Number) or (isinstance(predicate, Call) and predicate.name in {"position", "last"})


def _axis(code: Code, step: Step, module: Module) -> Code:
    if code.many == "?":
        code = several(code)
    writer = {
        "child": _child,
        "attribute": _attribute,
        "parent": _parent,
        "self": _self,
        "descendant": _descendant,
        "descendant-or-self": _anywhere,
        "ancestor": _ancestor,
        "preceding": _preceding,
    }.get(step.axis)
    if writer is None:
        raise Unread(f"axis {step.axis}")
    return writer(code, step.name, module)


def _child(code: Code, name: str, module: Module) -> Code:
    if name == "text()":
        py = f"[y for z in {code.py} for y in inner_texts(d, z)]" if not code.is_one else f"inner_texts(d, {code.py})"
        return Code(py, "attribute", "*", code.uses, may_stop=code.may_stop)
    depth = code.depth + 1
    if name in {"*", "node()"} or name.startswith("*:") or name.endswith("*"):
        if name == "node()":
            raise Unread("child::node()")
        all_py = f"children({code.py})" if code.is_one else f"[y for z in {code.py} for y in children(z)]"
        found = _named(Code(all_py, "element", "*", code.uses, depth=depth, may_stop=code.may_stop), name, module)
        return replace(found, true=f"{code.py}[1]") if code.is_one and name == "*" else found
    tag = module.tag(name)
    py = f"{code.py}[1].get({tag}, NONE)" if code.is_one else f"down({code.py}, {tag})"
    return Code(py, "element", "*", code.uses, depth=depth, is_cheap=code.is_one, may_stop=code.may_stop)


def _named(code: Code, name: str, module: Module) -> Code:
    """Elements that a name with a star stands for."""
    if name == "*":
        return code
    if name.startswith("*:"):
        test = f"y[2].local == {name[2:]!r}"
    elif name.endswith("}*"):
        test = f"y[2].tag.startswith({name[:-1]!r})"
    else:
        raise Unread(f"the name {name}")
    return replace(code, py=f"[y for y in {code.py} if {test}]")


def _attribute(code: Code, name: str, module: Module) -> Code:
    if name == "*":
        if not code.is_one:
            raise Unread("attributes of several elements")
        return Code(f"all_attributes(d, {code.py})", "attribute", "*", code.uses, may_stop=code.may_stop)
    if code.is_one:
        py = f"d.elements[{code.py}[4]].get({name!r})" if code.depth else f"d.attribute({code.py}, {name!r})"
        return Code(py, "attribute", "?", code.uses, may_stop=code.may_stop)
    if code.py == _ALL.py:
        return Code(f"d.attributes({name!r})", "attribute", "*", is_cheap=True)
    return Code(f"attributes(d, {code.py}, {name!r})", "attribute", "*", code.uses, may_stop=code.may_stop)


def _parent(code: Code, name: str, module: Module) -> Code:
    if code.is_one and code.depth:
        found = Code(
            f"d.nodes[{code.py}[3]]", "element", "1", code.uses, depth=code.depth - 1, is_cheap=True,
            may_stop=code.may_stop,
        )  # fmt: skip
    else:
        one = f"({code.py},)" if code.is_one else code.py
        depth = max(code.depth - 1, 0)
        found = Code(f"parents(d, {one})", "element", "*", code.uses, depth=depth, may_stop=code.may_stop)
    return found if name == "node()" else _self(found, name, module)


def _self(code: Code, name: str, module: Module) -> Code:
    if name in {"node()", "*"}:
        return code
    many = several(code)
    return replace(many, py=f"[y for y in {many.py} if y[2].tag == {module.tag(name)}]", is_cheap=False)


def _descendant(code: Code, name: str, module: Module) -> Code:
    if name == "text()":
        return Code(f"all_texts(d, {several(code).py})", "attribute", "*", code.uses, may_stop=code.may_stop)
    if not (_is_name(name) or name == "*" or name.endswith("}*") or name.startswith("*:")):
        raise Unread(f"descendant::{name}")
    plain = _is_name(name)
    wanted = module.tag(name) if plain else "'*'"
    if code is _TOP:
        found = Code(f"d.named({wanted})", "element", "*", depth=1, is_cheap=plain)
    elif code.is_one:
        found = Code(
            f"below(d, {code.py}, {wanted})", "element", "*", code.uses, depth=code.depth + 1, may_stop=code.may_stop
        )
    else:
        py = f"united([below(d, y, {wanted}) for y in {code.py}])"
        found = Code(py, "element", "*", code.uses, depth=code.depth + 1, may_stop=code.may_stop)
    return found if plain else _named(found, name, module)


def _anywhere(code: Code, name: str, module: Module) -> Code:
    if name != "node()" or not code.is_one:
        raise Unread(f"descendant-or-self::{name} of several")
    if code is _TOP:
        return _ALL
    return Code(
        f"[{code.py}, *below(d, {code.py}, '*')]", "element", "*", code.uses, depth=code.depth, may_stop=code.may_stop
    )


def _ancestor(code: Code, name: str, module: Module) -> Code:
    if not code.is_one or not (_is_name(name) or name == "*"):
        raise Unread(f"ancestor::{name}")
    wanted = module.tag(name) if name != "*" else "'*'"
    return Code(f"ancestors(d, {code.py}, {wanted})", "element", "*", code.uses, depth=1, may_stop=code.may_stop)


def _preceding(code: Code, name: str, module: Module) -> Code:
    if not code.is_one or not _is_name(name):
        raise Unread(f"preceding::{name}")
    return Code(f"preceding(d, {code.py}, {module.tag(name)})", "element", "*", code.uses, depth=1)


def _expression_step(code: Code, step: Expression, scope: Scope, module: Module) -> Code:
    """`path/xs:decimal(.)`: an expression for each node."""
    if isinstance(step, Here):
        return code
    if code.is_one and code.uses and re.fullmatch(r"[a-z]\w*", code.py):
        return emit(step, scope.at(code), module)
    x = scope.local
    nodes = several(code)
    inner = emit(step, scope.inside(_node(x, code.depth)), module)
    if inner.py == f"dec(d, text(d, {x}))":
        py = f"node_decs(d, {nodes.py})"
    elif inner.is_one:
        py = f"[{inner.py} for {x} in {nodes.py}]"
    elif inner.many == "?":
        py = f"[y for y in [{inner.py} for {x} in {nodes.py}] if y is not None]"
    else:
        if inner.kind == "element" and not isinstance(step, Union):
            raise Unread("nodes of an expression for each of several nodes")
        py = f"[y for {x} in {nodes.py} for y in {inner.py}]"
    uses = code.uses | (inner.uses - {x})
    return Code(py, inner.kind, "*", uses, depth=inner.depth, may_stop=code.may_stop or inner.may_stop)


def _filtered(code: Code, predicate: Expression, scope: Scope, module: Module) -> Code:
    if isinstance(predicate, Number) and predicate.kind == "integer":
        nth = int(predicate.text)
        if nth < 1:
            raise Unread("a position below 1")
        many = several(code)
        return replace(many, py=f"{many.py}[{nth - 1}:{nth}]")
    if code.kind not in {"element", "attribute", *_TEXTS}:
        raise Unread(f"a predicate on {code.kind}")
    if code.is_one and code.py.isidentifier():  # a predicate on one item: the item where it holds
        told = _condition(predicate, scope.at(code), module)
        uses, may_stop = _join(code, told)
        return replace(
            code, py=f"([{code.py}] if {told.py} else NONE)", many="*", uses=uses, is_cheap=False, may_stop=may_stop
        )
    many = several(code)
    if isinstance(predicate, Logic) and predicate.operator == "and":
        first, *rest = predicate.parts
        picked = _picked(many, first, scope, module)
        if picked is not None:
            return _filtered(picked, Logic("and", tuple(rest)) if len(rest) > 1 else rest[0], scope, module)
    picked = _picked(many, predicate, scope, module)
    if picked is not None:
        return picked
    x = scope.local
    told = _condition(predicate, scope.inside(_item(x, many)), module)
    py = f"[{x} for {x} in {many.py} if {told.py}]"
    uses = many.uses | (told.uses - {x})
    return replace(many, py=py, uses=uses, is_cheap=False, may_stop=many.may_stop or told.may_stop, constant=None)


def _item(name: str, of: Code) -> Code:
    return Code(name, of.kind, "1", frozenset({name}), depth=of.depth, is_cheap=True)


def _condition(predicate: Expression, scope: Scope, module: Module) -> Code:
    """A predicate that is no position."""
    code = emit(predicate, scope, module)
    if code.kind in _NUMBERS or code.kind == "mixed" or (code.kind in _TEXTS and code.many == "*"):
        raise Unread(f"a predicate that gives {code.kind}")
    return statement_of_truth(predicate, scope, module)


_LOOK_UP, _LOOKED_UP = ".get({}, NONE)", ", NONE)"


def _picked(many: Code, predicate: Expression, scope: Scope, module: Module) -> Code | None:
    """`list[path = value]` where the list is worth keeping: it is sorted once by what the path gives, then looked up.

    So that a rule for each line that looks among all lines costs what a look-up costs.
    """
    if (many.is_cheap and many.uses) or not many.uses <= module.outer or not isinstance(predicate, Compare):
        return None
    if predicate.operator != "eq" or not predicate.is_general:
        return None
    x = scope.local
    inside = scope.inside(_item(x, many))
    left, right = (atomized(emit(side, inside, module)) for side in (predicate.left, predicate.right))
    for key, value in ((left, right), (right, left)):
        if (
            x in key.uses
            and x not in value.uses
            and key.uses - {x} <= module.outer
            and {key.kind, value.kind} <= _TEXTS
            and value.many != "*"
            and not (value.constant is not None and module.plain(many).endswith(_LOOKED_UP))  # few are left already
        ):
            keys = f"({key.py},)" if key.is_one else f"items({key.py})" if key.many == "?" else f"set({key.py})"
            sorting = Code(
                f"by_key([(y, {x}) for {x} in {many.py} for y in {keys}])",
                "groups",
                "1",
                many.uses | (key.uses - {x}),
                may_stop=many.may_stop or key.may_stop,
            )
            groups = module.shared(sorting)
            uses, may_stop = _join(groups, value)
            return replace(
                many,
                py=f"{groups.py}{_LOOK_UP.format(value.py)}",
                uses=uses,
                is_cheap=False,
                may_stop=may_stop,
                constant=None,
            )
    return None


def _filter(expression: Filter, scope: Scope, module: Module) -> Code:
    code = emit(expression.of, scope, module)
    for predicate in expression.predicates:
        code = _filtered(code, predicate, scope, module)
    return code


def _code_list(expression: Path, scope: Scope, module: Module) -> Code:
    """`document('..codedb.xml')/codedb/cl[@id=N]/enumeration[@value=$v]`: is the value in the list?"""
    start, steps = expression.start, expression.steps
    match (start, steps):
        case (
            Call("document", (String(),)),
            (
                Step("child", "codedb", ()),
                Step(
                    "child", "cl", (Compare("eq", True, Path(Here(), (Step("attribute", "id", ()),)), Number(number)),)
                ),
                Step(
                    "child",
                    "enumeration",
                    (Compare("eq", True, Path(Here(), (Step("attribute", "value", ()),)), Variable() as wanted),),
                ),
            ),
        ):
            pass
        case _:
            raise Unread("a look-up in a document that is not of the known form")
    if number not in module.code_lists:
        raise Unread(f"code list {number} is not there")
    values = atomized(emit(wanted, scope, module))
    if values.kind not in _TEXTS:
        raise Unread(f"{values.kind} looked up in a code list")
    words = module.words(module.code_lists[number])
    py = f"not {words}.isdisjoint({values.py})" if values.many == "*" else f"({values.py} in {words})"
    return Code(py, "boolean", "1", values.uses, may_stop=values.may_stop)


# --- simple values ----------------------------------------------------------------------------------------------------


def _number(expression: Number, scope: Scope, module: Module) -> Code:
    if expression.kind == "integer":
        return Code(str(int(expression.text)), "integer", "1", is_cheap=True)
    if expression.kind == "decimal":
        return Code(module.constant("N", f"Decimal({expression.text!r})"), "decimal", "1", is_cheap=True)
    return Code(repr(float(expression.text)), "double", "1", is_cheap=True)


def _literal(expression: String, scope: Scope, module: Module) -> Code:
    return Code(repr(expression.text), "string", "1", constant=(expression.text,), is_cheap=True)


def _variable(expression: Variable, scope: Scope, module: Module) -> Code:
    if expression.name not in scope.variables:
        raise Unread(f"variable {expression.name} is not known")
    return scope.variables[expression.name]


def _here(expression: Here, scope: Scope, module: Module) -> Code:
    if scope.here is None:
        raise Unread("no context item")
    return scope.here


def _root(expression: Root, scope: Scope, module: Module) -> Code:
    return _TOP


def _bare_step(expression: Step, scope: Scope, module: Module) -> Code:
    return _path(Path(Here(), (expression,)), scope, module)


def _sequence(expression: Sequence, scope: Scope, module: Module) -> Code:
    if not expression.items:
        return Code("NONE", "empty", "*", is_cheap=True)
    codes = [emit(item, scope, module) for item in expression.items]
    kinds = {code.kind for code in codes}
    uses, may_stop = _join(*codes)
    if all(code.constant is not None for code in codes):
        constant = tuple(word for code in codes for word in code.constant or ())
        return Code(f"({', '.join(map(repr, constant))},)", "string", "*", constant=constant, is_cheap=True)
    if len(kinds) > 1 or kinds & _NODES:
        raise Unread("a sequence of several types")
    parts = ", ".join(code.py if code.is_one else f"*{several(code).py}" for code in codes)
    return Code(f"({parts},)", codes[0].kind, "*", uses, is_cheap=True, may_stop=may_stop)


def _union(expression: Union, scope: Scope, module: Module) -> Code:
    codes = [several(emit(part, scope, module)) for part in expression.parts]
    uses, may_stop = _join(*codes)
    if {code.kind for code in codes} != {"element"}:
        raise Unread("a union that is not one of elements")
    depth = min(code.depth for code in codes)
    return Code(
        f"united(({', '.join(code.py for code in codes)},))", "element", "*", uses, depth=depth, may_stop=may_stop
    )


def _if(expression: If, scope: Scope, module: Module) -> Code:
    test = statement_of_truth(expression.test, scope, module)
    then, other = emit(expression.then, scope, module), emit(expression.other, scope, module)
    uses, may_stop = _join(test, then, other)
    many = then.many if then.many == other.many else "*" if "*" in {then.many, other.many} else "?"
    kinds = {then.kind, other.kind}
    if len(kinds) == 1:
        kind = then.kind
    elif kinds <= _EXACT:
        kind = "decimal"
    elif kinds <= {"untyped", "string", "loose"}:
        kind = "loose"
    elif kinds <= {"element", "untyped", "string", "loose", "mixed"}:
        kind, many = "mixed", "*"
    else:
        raise Unread(f"an if that gives {' or '.join(sorted(kinds))}")
    if many == "*":
        then, other = several(then), several(other)
    depth = min(then.depth, other.depth)
    py = f"({then.py} if {test.py} else {other.py})"
    return Code(py, kind, many, uses, depth=depth, may_stop=may_stop)


def _for(expression: For, scope: Scope, module: Module) -> Code:
    clauses = []
    inner = scope
    bound: set[str] = set()
    uses: frozenset[str] = frozenset()
    may_stop = False
    all_one = True
    for name, source in expression.bindings:
        code = emit(source, inner, module)
        uses |= code.uses - bound
        may_stop = may_stop or code.may_stop
        if code.kind == "empty":
            raise Unread("a loop over nothing")
        all_one = all_one and code.is_one
        x = inner.local
        clauses.append(f"for {x} in {several(code).py}")
        bound.add(x)
        inner = inner.binding(name, _item(x, code))
    loops = " ".join(clauses)
    if expression.kind != "for":
        result = statement_of_truth(expression.result, inner, module)
        word = "any" if expression.kind == "some" else "all"
        py, kind, many = f"{word}({result.py} {loops})", "boolean", "1"
    else:
        result = emit(expression.result, inner, module)
        if result.kind == "boolean":
            result = replace(result, py=f"bool({truth(result)})", many="1")
        py = f"[{result.py} {loops}]" if result.is_one else f"[y {loops} for y in {several(result).py}]"
        kind, many = result.kind, "*"
    uses |= result.uses - bound
    return Code(py, kind, many, uses, depth=result.depth, may_stop=may_stop or result.may_stop)


def _logic(expression: Logic, scope: Scope, module: Module) -> Code:
    parts = [statement_of_truth(part, scope, module) for part in expression.parts]
    uses, may_stop = _join(*parts)
    py = f" {expression.operator} ".join(part.py for part in parts)
    # the value may be any Python object of that truth: where a boolean is shown or compared, `bool` is said
    return Code(f"({py})", "boolean", "1", uses, may_stop=may_stop)


# --- arithmetic -------------------------------------------------------------------------------------------------------


def _arithmetic(expression: Arithmetic, scope: Scope, module: Module) -> Code:
    left = optional(emit(expression.left, scope, module))
    right = optional(emit(expression.right, scope, module))
    if "empty" in {left.kind, right.kind}:
        return Code("None", "double", "?", is_cheap=True)
    left, right = _double(left), _double(right)
    uses, may_stop = _join(left, right)
    kind = "double" if "double" in {left.kind, right.kind} else "decimal"
    if kind == "decimal" and {left.kind, right.kind} == {"integer"} and expression.operator != "div":
        kind = "integer"
    many = "1" if left.is_one and right.is_one else "?"
    a, b = (_as_double(left), _as_double(right)) if kind == "double" else (left.py, right.py)
    operator = expression.operator
    if operator in {"+", "-", "*"}:
        word = {"+": "add", "-": "sub", "*": "mul"}[operator]
        py = f"({a} {operator} {b})" if many == "1" else f"{word}({a}, {b})"
    elif operator == "div":
        py = f"{'div_doubles' if kind == 'double' else 'div'}({a}, {b})"
        may_stop = True
    elif operator == "mod" and kind != "double":
        py, may_stop = f"mod({a}, {b})", True
    else:
        raise Unread(f"{operator} of {kind}")
    # a sum of exact numbers may have more digits than we keep: it stops then
    return Code(py, kind, many, uses, may_stop=may_stop or kind == "decimal")


def _as_double(code: Code) -> str:
    if code.kind == "double":
        return code.py
    if code.is_one and code.py.isdigit():
        return f"{code.py}.0"
    return f"float({code.py})" if code.is_one else f"to_double({code.py})"


# --- comparison -------------------------------------------------------------------------------------------------------

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}


def _compare(expression: Compare, scope: Scope, module: Module) -> Code:
    raw_left, raw_right = emit(expression.left, scope, module), emit(expression.right, scope, module)
    sign = _SIGNS[expression.operator]
    if not expression.is_general:
        return _value_compare(raw_left, raw_right, sign)
    blank = _blank_compare(raw_left, raw_right, expression.operator)
    if blank is not None:
        return blank
    quick = _quick_compare(raw_left, raw_right, expression.operator, module) or _quick_compare(
        raw_right, raw_left, expression.operator, module
    )
    if quick is not None:
        return quick
    left, right = atomized(raw_left), atomized(raw_right)
    uses, may_stop = _join(left, right)
    if "empty" in {left.kind, right.kind}:
        return Code("False", "boolean", "1", is_cheap=True)
    each = _each_converted(left, right, sign)
    if each is not None:
        return each
    left, right, is_set = _comparable(left, right)
    may_stop = may_stop or left.may_stop or right.may_stop
    if left.is_one and right.is_one:
        py = f"({left.py} {sign} {right.py})"
    elif "*" not in {left.many, right.many}:
        py = f"both({left.py}, {right.py}, operator.{expression.operator})"
    elif is_set and expression.operator == "eq":
        if right.is_one:
            py = f"({right.py} in {left.py})" if left.many == "*" else f"({left.py} == {right.py})"
        elif left.is_one:
            py = f"({left.py} in {right.py})" if right.many == "*" else f"({left.py} == {right.py})"
        else:
            py = f"meets({several(left).py}, {several(right).py})"
    elif is_set and expression.operator == "ne":
        py = f"differs({several(left).py}, {several(right).py})"
    elif right.is_one and right.is_cheap:
        py = f"any([y {sign} {right.py} for y in {left.py}])"
    elif left.is_one and left.is_cheap:
        py = f"any([{left.py} {sign} y for y in {right.py}])"
    else:
        py = f"pairs({several(left).py}, {several(right).py}, operator.{expression.operator})"
    return Code(py, "boolean", "1", uses, may_stop=may_stop)


def _blank_compare(left: Code, right: Code, operator: str) -> Code | None:
    """`normalize-space(..) != ''`"""
    if right.constant != ("",) or not left.true.startswith("(not is_blank(") or operator not in {"eq", "ne"}:
        return None
    told = left.true if operator == "ne" else f"(not {left.true})"
    return Code(told, "boolean", "1", left.uses, may_stop=left.may_stop)


def _quick_compare(nodes: Code, other: Code, operator: str, module: Module) -> Code | None:
    """`path = 'A'`, `path = ('A', 'B')`, `path != 'A'`, `$text = ('A', 'B')`."""
    if other.constant is None or operator not in {"eq", "ne"}:
        return None
    uses, may_stop = _join(nodes, other)
    if operator == "ne" and len(other.constant) != 1:
        return None
    if nodes.kind == "element" and nodes.many == "*":
        if operator == "ne":
            py = f"any_ne(d, {nodes.py}, {other.constant[0]!r})"
        elif len(other.constant) == 1:
            py = f"any_eq(d, {nodes.py}, {other.constant[0]!r})"
        else:
            py = f"any_in(d, {nodes.py}, {module.words(other.constant)})"
        return Code(py, "boolean", "1", uses, may_stop=may_stop)
    value = atomized(nodes)
    if value.kind not in _TEXTS:
        return None
    if operator == "ne":
        if value.many == "*":
            return Code(f"any(y != {other.constant[0]!r} for y in {value.py})", "boolean", "1", uses, may_stop=may_stop)
        if value.is_one:
            py = f"({value.py} != {other.constant[0]!r})"
        else:
            py = f"(({value.py} or {other.constant[0]!r}) != {other.constant[0]!r})"
            if other.constant[0] == "":
                py = f"bool({value.py})"
            else:
                return None
        return Code(py, "boolean", "1", uses, may_stop=may_stop)
    if value.many == "*":
        py = f"(not {module.words(other.constant)}.isdisjoint({value.py}))"
    elif len(other.constant) == 1:
        py = f"({value.py} == {other.constant[0]!r})"
    else:
        py = f"({value.py} in {module.words(other.constant)})"
    return Code(py, "boolean", "1", uses, may_stop=may_stop)


def _each_converted(left: Code, right: Code, sign: str) -> Code | None:
    """Several texts against one number or boolean: converted one by one, so that a match comes before an error."""
    if left.many == "*" and left.kind == "untyped":
        many, single, told = left, right, "{y} {sign} {one}"
    elif right.many == "*" and right.kind == "untyped":
        many, single, told = right, left, "{one} {sign} {y}"
    else:
        return None
    if not single.is_one or not single.is_cheap or single.kind not in {*_NUMBERS, "boolean"}:
        return None
    if single.kind == "boolean":
        y, one = "boolean(y)", _boolean(single).py
    else:
        y, one = "dbl(y)", _as_double(single)
    uses, _ = _join(left, right)
    test = told.format(y=y, sign=sign, one=one)
    return Code(f"any({test} for y in {many.py})", "boolean", "1", uses, may_stop=True)


def _comparable(left: Code, right: Code) -> tuple[Code, Code, bool]:
    """The two sides of a general comparison in one type; and whether items of it may be kept in a set."""
    if left.kind in _TEXTS and right.kind in _TEXTS:
        return left, right, True
    if left.kind in _EXACT and right.kind in _EXACT:
        return left, right, True
    if left.kind in _NUMBERS or right.kind in _NUMBERS:
        left, right = _double(left), _double(right)
        if "double" in {left.kind, right.kind}:
            left, right = _all_double(left), _all_double(right)
        return left, right, False
    if "boolean" in {left.kind, right.kind}:
        return _boolean(left), _boolean(right), True
    if "date" in {left.kind, right.kind}:
        return _date(left), _date(right), True
    raise Unread(f"{left.kind} compared with {right.kind}")


def _all_double(code: Code) -> Code:
    if code.kind == "double":
        return code
    if code.many == "*":
        return replace(code, py=f"[float(y) for y in {code.py}]", kind="double", is_cheap=False)
    return replace(code, py=_as_double(code), kind="double")


def _boolean(code: Code) -> Code:
    if code.kind == "boolean":
        return replace(code, py=f"bool({code.py})") if code.is_one and code.py not in {"True", "False"} else code
    if code.kind in {"untyped"}:
        if code.many == "*":
            return replace(code, py=f"[boolean(y) for y in {code.py}]", kind="boolean", is_cheap=False, may_stop=True)
        return replace(code, py=f"boolean({code.py})", kind="boolean", is_cheap=False, may_stop=True)
    raise Unread(f"{code.kind} compared with a boolean")


def _date(code: Code) -> Code:
    if code.kind == "date":
        return code
    if code.kind == "untyped" and code.many != "*":
        return replace(code, py=f"date({code.py})", kind="date", is_cheap=False, may_stop=True)
    raise Unread(f"{code.kind} compared with a date")


def _value_compare(raw_left: Code, raw_right: Code, sign: str) -> Code:
    left, right = optional(raw_left), optional(raw_right)
    uses, may_stop = _join(left, right)
    if {left.kind, right.kind} <= _TEXTS or {left.kind, right.kind} <= _EXACT:
        pass
    elif {left.kind, right.kind} <= _NUMBERS:
        left, right = _all_double(left), _all_double(right)
    elif left.kind == right.kind == "boolean":
        left, right = _boolean(left), _boolean(right)
    elif left.kind != right.kind or left.kind != "date":
        raise Unread(f"{left.kind} compared with {right.kind}")
    if left.is_one and right.is_one:
        return Code(f"({left.py} {sign} {right.py})", "boolean", "1", uses, may_stop=may_stop)
    word = {"==": "eq", "!=": "ne", "<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[sign]
    return Code(f"single({left.py}, {right.py}, operator.{word})", "boolean", "?", uses, may_stop=may_stop)


# --- functions --------------------------------------------------------------------------------------------------------


def _call(expression: Call, scope: Scope, module: Module) -> Code:
    writer = _FUNCTIONS.get((expression.name.removeprefix("fn:"), len(expression.arguments)))
    if writer is None and expression.name == "concat":
        writer = _concat
    if writer is not None:
        return writer([emit(argument, scope, module) for argument in expression.arguments], scope, module)
    custom = module.functions.get(expression.name)
    if custom is None or len(custom.parameters) != len(expression.arguments):
        raise Unread(f"function {expression.name} with {len(expression.arguments)} arguments")
    given = [
        _parameter(emit(argument, scope, module), type) for argument, type in zip(
            expression.arguments, custom.parameters, strict=True
        )
    ]  # fmt: skip
    uses, _ = _join(*given) if given else (frozenset(), False)
    py = f"{custom.py}({', '.join(['d', 'm', *(code.py for code in given)])})"
    return Code(py, custom.kind, custom.many, uses, may_stop=True)


def _parameter(code: Code, type: str) -> Code:
    if type == "xs:string?":
        code = _string(code)
        return code if code.kind != "empty" else replace(code, py="None")
    if type == "element()?":
        if code.kind != "element":
            raise Unread(f"{code.kind} where an element is expected")
        return code if code.is_one else replace(code, py=f"one({code.py})", many="?", may_stop=True)
    raise Unread(f"a parameter of type {type}")


def _of_string(word: str, kind: str = "string") -> Callable[..., Code]:
    """A function of one optional string: `word(text)`."""

    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        code = _string(given[0]) if given else _string(_here_code(scope))
        true = f"(not is_blank({code.py}))" if word == "norm" else ""
        return Code(f"{word}({code.py})", kind, "1", code.uses, may_stop=code.may_stop, true=true)

    return write


def _here_code(scope: Scope) -> Code:
    if scope.here is None:
        raise Unread("no context item")
    return scope.here


def _upper(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _string(given[0])
    py = f"{code.py}.upper()" if code.is_one else f"({code.py} or '').upper()"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _length(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _string(given[0] if given else _here_code(scope))
    py = f"len({code.py})" if code.is_one else f"len({code.py} or '')"
    return Code(py, "integer", "1", code.uses, may_stop=code.may_stop)


def _not(given: list[Code], scope: Scope, module: Module) -> Code:
    return Code(f"(not {truth(given[0])})", "boolean", "1", given[0].uses, may_stop=given[0].may_stop)


def _exists(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    py = code.py if code.many == "*" else "True" if code.is_one else f"({code.py} is not None)"
    return Code(f"bool({py})", "boolean", "1", code.uses, may_stop=code.may_stop)


def _empty(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    py = f"(not {code.py})" if code.many == "*" else "False" if code.is_one else f"({code.py} is None)"
    return Code(py, "boolean", "1", code.uses, may_stop=code.may_stop)


def _count(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    py = f"len({code.py})" if code.many == "*" else "1" if code.is_one else f"({code.py} is not None)"
    return Code(py, "integer", "1", code.uses, may_stop=code.may_stop)


def _sum(given: list[Code], scope: Scope, module: Module) -> Code:
    code = atomized(given[0])
    many = several(code)
    if many.kind in _EXACT:
        return Code(f"sum({many.py})", "decimal", "1", many.uses, may_stop=True)
    doubles = _double(many)
    return Code(f"summed({doubles.py})", "double", "1", doubles.uses, may_stop=doubles.may_stop)


def _round(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _double(optional(given[0]))
    word = "rounded_double" if code.kind == "double" else "rounded"
    return Code(f"{word}({code.py})", code.kind, code.many, code.uses, may_stop=code.may_stop)


def _abs(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _double(optional(given[0]))
    py = f"abs({code.py})" if code.is_one else f"absolute({code.py})"
    return Code(py, code.kind, code.many, code.uses, may_stop=code.may_stop)


def _to_decimal(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0])
    if code.kind == "empty":
        return Code("None", "decimal", "?", is_cheap=True)
    return _decimal(code)


def _to_date(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _string(given[0])
    return Code(f"date({code.py})", "date", code.many, code.uses, may_stop=True)


def _to_number(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0])
    if code.kind in _NUMBERS:
        raise Unread("number() of a number")
    if code.kind not in _TEXTS:
        raise Unread(f"number() of {code.kind}")
    return Code(f"number({code.py})", "double", "1", code.uses, may_stop=code.may_stop)


def _to_string(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0] if given else _here_code(scope))
    if code.kind in _TEXTS:
        py = code.py if code.is_one else f"({code.py} or '')"
    else:
        py = f"as_string({'bool(' + code.py + ')' if code.kind == 'boolean' else code.py})"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _contains(given: list[Code], scope: Scope, module: Module) -> Code:
    whole, part = _string(given[0]), _string(given[1])
    uses, may_stop = _join(whole, part)
    between = module.plain(part)
    word = re.fullmatch(r"\(' ' \+ (.*) \+ ' '\)", between, re.DOTALL)
    if whole.constant is not None and word and between.count("' '") == 2:
        listed = whole.constant[0]
        if listed.startswith(" ") and listed.endswith(" ") and "  " not in listed:
            words, joined = module.words(listed.split()), module.constant("L", repr(listed))
            return Code(f"has_word({words}, {joined}, {word[1]})", "boolean", "1", uses, may_stop=may_stop)
    return Code(f"({_full(part)} in {_full(whole)})", "boolean", "1", uses, may_stop=may_stop)


def _full(code: Code) -> str:
    """An optional string as a string."""
    return code.py if code.is_one else f"({code.py} or '')"


def _starts(method: str) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        whole, part = _string(given[0]), _string(given[1])
        uses, may_stop = _join(whole, part)
        return Code(f"{_full(whole)}.{method}({_full(part)})", "boolean", "1", uses, may_stop=may_stop)

    return write


def _of_two(word: str) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        left, right = _string(given[0]), _string(given[1])
        uses, may_stop = _join(left, right)
        return Code(f"{word}({left.py}, {right.py})", "string", "1", uses, may_stop=may_stop)

    return write


def _substring(given: list[Code], scope: Scope, module: Module) -> Code:
    whole, *numbers = _string(given[0]), *given[1:]
    if any(not code.is_one or code.kind != "integer" for code in numbers):
        raise Unread("substring with a position that is not an integer")
    uses, may_stop = _join(whole, *numbers)
    py = f"substring({whole.py}, {', '.join(code.py for code in numbers)})"
    return Code(py, "string", "1", uses, may_stop=may_stop)


def _concat(given: list[Code], scope: Scope, module: Module) -> Code:
    codes = [_to_string([code], scope, module) for code in given]
    uses, may_stop = _join(*codes)
    return Code(f"({' + '.join(code.py for code in codes)})", "string", "1", uses, may_stop=may_stop)


def _string_join(given: list[Code], scope: Scope, module: Module) -> Code:
    parts, by = several(atomized(given[0])), _string(given[1])
    if parts.kind not in _TEXTS or not by.is_one:
        raise Unread(f"string-join of {parts.kind}")
    uses, may_stop = _join(parts, by)
    return Code(f"{by.py}.join({parts.py})", "string", "1", uses, may_stop=may_stop)


def _regex(code: Code, module: Module) -> str:
    if code.constant is None or len(code.constant) != 1:
        raise Unread("a regular expression that is not in the sheet")
    return module.constant("R", f"re.compile({python_regex(code.constant[0])!r})")


def _matches(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _string(given[0])
    py = f"({_regex(given[1], module)}.search({_full(code)}) is not None)"
    return Code(py, "boolean", "1", code.uses, may_stop=code.may_stop)


def _replace(given: list[Code], scope: Scope, module: Module) -> Code:
    code, by = _string(given[0]), given[2].constant
    if by is None or "\\" in by[0] or "$" in by[0] or re.search(python_regex((given[1].constant or ("",))[0]), ""):
        raise Unread("a replacement that is not plain text")
    py = f"{_regex(given[1], module)}.sub({by[0]!r}, {_full(code)})"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _tokenize(given: list[Code], scope: Scope, module: Module) -> Code:
    code = _string(given[0])
    pattern = _regex(given[1], module)
    regex = python_regex((given[1].constant or ("",))[0])
    if re.search(regex, ""):
        raise Unread("tokens between nothing")
    if code.constant is not None:
        constant = tuple(re.split(regex, code.constant[0])) if code.constant[0] else ()
        return Code(f"({', '.join(map(repr, constant))},)", "string", "*", constant=constant, is_cheap=True)
    py = f"tokens({pattern}, {_full(code)})"
    return Code(py, "string", "*", code.uses, may_stop=code.may_stop)


def _distinct(given: list[Code], scope: Scope, module: Module) -> Code:
    code = several(atomized(given[0]))
    if code.kind not in _TEXTS and code.kind not in _EXACT:
        raise Unread(f"distinct-values of {code.kind}")
    return replace(code, py=f"list(dict.fromkeys({code.py}))", is_cheap=False, constant=None)


def _name(is_local: bool) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        code = given[0] if given else _here_code(scope)
        if code.kind != "element":
            raise Unread("the name of what is no element")
        may_stop = code.may_stop
        if code.is_one:
            py = f"{code.py}[2].local" if is_local else f"d.name({code.py})"
        else:
            py, may_stop = f"{'local_name' if is_local else 'name'}(d, one({several(code).py}))", True
        return Code(py, "string", "1", code.uses, may_stop=may_stop)

    return write


def _cast(expression: Cast, scope: Scope, module: Module) -> Code:
    code = optional(emit(expression.of, scope, module))
    if expression.type != "xs:boolean" or code.kind != "untyped":
        raise Unread(f"a cast of {code.kind} as {expression.type}")
    if expression.is_optional:
        return Code(f"boolean({code.py})", "boolean", "?", code.uses, may_stop=True)
    return Code(f"boolean(required({code.py}))", "boolean", "1", code.uses, may_stop=True)


def _constant_boolean(value: bool) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        return Code(str(value), "boolean", "1", is_cheap=True)

    return write


_WRITERS: dict[type, Callable[..., Code]] = {
    Number: _number,
    String: _literal,
    Variable: _variable,
    Here: _here,
    Root: _root,
    Step: _bare_step,
    Path: _path,
    Filter: _filter,
    Call: _call,
    Compare: _compare,
    Arithmetic: _arithmetic,
    Logic: _logic,
    Union: _union,
    Sequence: _sequence,
    If: _if,
    For: _for,
    Cast: _cast,
}
_FUNCTIONS: dict[tuple[str, int], Callable[..., Code]] = {
    ("true", 0): _constant_boolean(True),
    ("false", 0): _constant_boolean(False),
    ("not", 1): _not,
    ("exists", 1): _exists,
    ("empty", 1): _empty,
    ("count", 1): _count,
    ("sum", 1): _sum,
    ("round", 1): _round,
    ("abs", 1): _abs,
    ("xs:decimal", 1): _to_decimal,
    ("xs:date", 1): _to_date,
    ("number", 1): _to_number,
    ("string", 0): _to_string,
    ("string", 1): _to_string,
    ("normalize-space", 0): _of_string("norm"),
    ("normalize-space", 1): _of_string("norm"),
    ("string-length", 0): _length,
    ("string-length", 1): _length,
    ("upper-case", 1): _upper,
    ("contains", 2): _contains,
    ("starts-with", 2): _starts("startswith"),
    ("ends-with", 2): _starts("endswith"),
    ("substring-after", 2): _of_two("after"),
    ("substring-before", 2): _of_two("before"),
    ("substring", 2): _substring,
    ("substring", 3): _substring,
    ("string-join", 2): _string_join,
    ("matches", 2): _matches,
    ("replace", 3): _replace,
    ("tokenize", 2): _tokenize,
    ("distinct-values", 1): _distinct,
    ("name", 0): _name(False),
    ("name", 1): _name(False),
    ("local-name", 0): _name(True),
    ("local-name", 1): _name(True),
}
__all__ = ["Code", "Custom", "Module", "Scope", "Unread", "emit", "statement_of_truth", "truth", "xpath"]
