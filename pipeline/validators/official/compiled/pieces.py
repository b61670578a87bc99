"""Pieces of Python with the type of what they give, and the module that is made of them.

Nothing here runs on a document. Types are those of XPath as far as the rules can tell, known before any document is
seen; where they are not known `Unread` is raised, and the pattern goes to Saxon. Text of a sheet enters the code
through `repr` alone; names of variables are our own.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from pipeline.validators.official.compiled.xpath import Expression, Unread

# kinds: what an item is. `element` may be the document too; `attribute` and `text` are texts, yet nodes; `presence` is
# whether nodes are there that are not at hand; `loose` is text that may be untyped or a string; `mixed` is nodes or
# strings, and `number` a double or an exact number, told apart when it runs: the sum of nothing is the integer 0, and
# what is reckoned with it stays exact.
NODES = {"element", "attribute", "text"}
TEXTS = {"untyped", "string", "loose"}
EXACT = {"integer", "decimal"}
NUMBERS = {"integer", "decimal", "double", "number"}

_Piece = TypeVar("_Piece", str, tuple[str, str], tuple[str, bool])


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
    is_nested: bool = False  # of elements: some may stand within others
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
        self._around: dict[tuple[str, str], int] = {}
        self._parts: dict[tuple[str, bool], int] = {}
        # by number: what is worked out once for a document; what depends on one of the nodes around that of a rule
        # alone, with the name of that node; what the tests of a rule may share, and whether it may stop
        self.once: list[str] = []
        self.around: list[tuple[str, str]] = []
        self.parts: list[tuple[str, bool]] = []
        # the names that stand for the whole of a rule: its node, those around it, its variables
        self.outer: frozenset[str] = frozenset()
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
        around = code.uses if len(code.uses) == 1 and code.uses <= _AROUND_NAMES else ()
        if around and (" for " in code.py or code.py.count("(") > _HEAVY_AROUND):
            (name,) = around
            rank = _number(self._around, self.around, (code.py, name))
            return replace(code, py=f"around(w{AROUND}{rank}{END}, {name}, d, m)", is_cheap=True, true="")
        if not code.uses:
            rank = _number(self._kept, self.once, code.py)
            return replace(code, py=f"{ONCE}{rank}{END}", is_cheap=True, true="")
        rank = _number(self._parts, self.parts, (code.py, code.may_stop))
        return replace(code, py=f"{PART}{rank}{END}", true="" if code.may_stop else code.true)

    def plain(self, code: Code) -> str:
        """The Python of code that may have been marked."""
        mark = _PART.fullmatch(code.py)
        return self.parts[int(mark[1])][0] if mark else code.py

    @property
    def constants(self) -> list[str]:
        return [f"{name} = {value}" for value, name in self._constants.items()]


def _number(known: dict[_Piece, int], listed: list[_Piece], piece: _Piece) -> int:
    """The number of a piece: the one it has, else the next."""
    rank = known.setdefault(piece, len(listed))
    if rank == len(listed):
        listed.append(piece)
    return rank


# marks of shared code within code: a sheet's text cannot hold them, since `repr` writes control characters out
ONCE, PART, AROUND, END = "\x01", "\x02", "\x04", "\x03"
AROUND_NAMES = ("u1", "u2", "u3", "u4", "u5", "u6")  # the parent of the node of a rule, the parent of that, ...
_AROUND_NAMES = frozenset(AROUND_NAMES)
_HEAVY_AROUND = 6  # calls: with fewer, working it out again is cheaper than looking it up
_PART = re.compile(f"{PART}([0-9]+){END}")
_TRIFLE = re.compile(rf"\(?(?:not |bool|len)\(?(?:{PART}[0-9]+{END}|{ONCE}[0-9]+{END}|\w+)\)?\)?(?: [<>=!]+ [0-9]+\))?")


def changed(code: Code, **fields: Any) -> Code:
    """The same piece with other Python: a shorter form of its truth does not outlive that."""
    return replace(code, **({"true": ""} | fields))


Writer = Callable[..., Code]
WRITERS: dict[type, Writer] = {}  # how each kind of expression is written; `emit` fills it


def write(expression: Expression, scope: Scope, module: Module) -> Code:
    """Write one expression; raises `Unread` where it is not understood."""
    writer = WRITERS.get(type(expression))
    if writer is None:
        raise Unread(f"{type(expression).__name__} is not compiled")
    return module.shared(writer(expression, scope, module))


def statement_of_truth(expression: Expression, scope: Scope, module: Module) -> Code:
    """The condition of a test or a predicate, as a boolean."""
    return told_true(write(expression, scope, module))


def told_true(code: Code) -> Code:
    """The effective boolean value of code, as a boolean."""
    return Code(truth(code), "boolean", "1", code.uses, is_cheap=code.is_cheap, may_stop=code.may_stop)


def truth(code: Code) -> str:
    """Python that is true where the effective boolean value is."""
    if code.true:
        return code.true
    if code.many == "*":
        if code.kind in NODES:
            return code.py
        return f"truth({code.py})"
    if code.kind == "element":
        return "True" if code.is_one else f"({code.py} is not None)"
    if code.kind in {"attribute", "text"}:
        return "True" if code.is_one else f"({code.py} is not None)"
    if code.kind in {"double", "number"}:
        return f"is_number({code.py})"
    if code.kind in {"boolean", "presence", "string", "untyped", "integer", "decimal"}:
        return code.py
    raise Unread(f"the truth of {code.kind}")


def joined(*codes: Code) -> tuple[frozenset[str], bool]:
    return frozenset().union(*(code.uses for code in codes)), any(code.may_stop for code in codes)


def atomized(code: Code) -> Code:
    if code.kind == "element":
        if code.many == "*":
            return changed(code, py=f"texts(d, {code.py})", kind="untyped", is_cheap=False)
        if code.many == "?":
            return atomized(several(code))
        return changed(code, py=f"text(d, {code.py})", kind="untyped")
    if code.kind in {"attribute", "text"}:
        return changed(code, kind="untyped")
    if code.kind == "mixed":
        return changed(
            code, py=f"[y if type(y) is str else text(d, y) for y in {code.py}]", kind="loose", is_cheap=False
        )
    return code


def optional(code: Code) -> Code:
    """At most one atomic item."""
    if code.many == "?" and code.kind == "element":
        code = several(code)
    if code.many != "*":
        return atomized(code)
    if code.kind == "element":
        return changed(code, py=f"one_text(d, {code.py})", kind="untyped", many="?", is_cheap=False, may_stop=True)
    code = atomized(code)
    if code.py == "NONE":
        return changed(code, py="None", many="?")
    return changed(code, py=f"one({code.py})", many="?", is_cheap=False, may_stop=True)


def several(code: Code) -> Code:
    """A sequence, whatever it was."""
    if code.many == "*":
        return code
    if code.is_one:
        return changed(code, py=f"({code.py},)", many="*")
    return changed(code, py=f"items({code.py})", many="*")


def string(code: Code) -> Code:
    """An argument of type xs:string?"""
    code = optional(code)
    if code.kind not in TEXTS and code.kind != "empty":
        raise Unread(f"{code.kind} where a string is expected")
    return code


def double(code: Code) -> Code:
    """Atomic items as doubles; exact numbers stay what they are."""
    if code.kind in NUMBERS:
        return code
    if code.kind not in {"untyped", "loose"}:
        raise Unread(f"{code.kind} where a number is expected")
    word = "dbls" if code.many == "*" else "dbl"
    return changed(code, py=f"{word}({code.py})", kind="double", is_cheap=False, may_stop=True, constant=None)


def decimal(code: Code) -> Code:
    if code.kind in EXACT:
        return changed(code, kind="decimal")
    if code.kind in {"double", "number"}:
        if code.many == "*":
            raise Unread("several doubles as decimals")
        return changed(code, py=f"dec_of_double({code.py})", kind="decimal", is_cheap=False, may_stop=True)
    if code.kind in TEXTS:
        word = "decs" if code.many == "*" else "dec"
        return changed(code, py=f"{word}(d, {code.py})", kind="decimal", is_cheap=False, may_stop=True, constant=None)
    raise Unread(f"{code.kind} as a decimal")


def as_double(code: Code) -> str:
    if code.kind == "double":
        return code.py
    if code.is_one and code.py.isdigit():
        return f"{code.py}.0"
    return f"float({code.py})" if code.is_one else f"to_double({code.py})"


def result_of(left: Code, right: Code) -> str:
    """The kind of number that comes of two: a double where either is one."""
    kinds = {left.kind, right.kind}
    return "double" if "double" in kinds else "number" if "number" in kinds else "decimal"


def all_double(code: Code) -> Code:
    if code.kind == "double":
        return code
    if code.many == "*":
        return changed(code, py=f"[float(y) for y in {code.py}]", kind="double", is_cheap=False)
    return changed(code, py=as_double(code), kind="double")


def here_of(scope: Scope) -> Code:
    if scope.here is None:
        raise Unread("no context item")
    return scope.here


def item_of(name: str, of: Code) -> Code:
    return Code(name, of.kind, "1", frozenset({name}), depth=of.depth, is_cheap=True)
