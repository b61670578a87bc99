"""Makes comparisons hold or fail: values beside literals and lists, counts, lengths, sums that agree or do not."""

from random import Random
from typing import Any

from bench.oracle import values
from bench.oracle.builder import COPIES_MAX, Builder
from bench.oracle.nodes import TOP, Attribute, Bound, Known, is_element, is_number, text_of
from bench.oracle.reader import THROUGH
from bench.oracle.rules import inside
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Compare,
    Filter,
    For,
    Here,
    If,
    Logic,
    Number,
    Path,
    Sequence,
    Step,
    String,
    Union,
    Variable,
)

_FLIPPED = {"eq": "ne", "ne": "eq", "lt": "ge", "ge": "lt", "gt": "le", "le": "gt"}
_TURNED = {"eq": "eq", "ne": "ne", "lt": "gt", "gt": "lt", "le": "ge", "ge": "le"}


class Comparisons(Builder):
    """The part of the solver that is about two sides."""

    def compare(self, tree: Compare, here: Any, known: Known, want: bool) -> None:
        operator, left, right = tree.operator, tree.left, tree.right
        if not _has_path_or_variable(left) and _has_path_or_variable(right):
            left, right, operator = right, left, _TURNED[operator]
        if not want and self.random.random() < 0.2 and _plain(left):
            self.make(left, here, known, False)  # nothing to compare: false, whatever the operator
            return
        if not want:
            operator = _FLIPPED[operator]
        left = _substituted(left, here, known)
        if isinstance(right, Number) and self._counted(left, operator, int(float(right.text)), here, known):
            return
        if _within(left, "count") is not None and _within(right, "count") is not None:
            self.count(_innermost(_within(left, "count")), "ge", 2, here, known)
            return
        measured = _within(left, "string-length")
        if measured is not None and isinstance(right, Number) and left is measured:
            wanted = _beside(operator, int(float(right.text)), self.random)
            if not measured.arguments:
                self.set(here, "1" * wanted)
            else:
                self.write(measured.arguments[0], here, known, "1" * max(wanted, 0))
            return
        listed = self._values(right, here, known)
        if listed:
            self._write_beside(operator, left, listed, here, known)
        elif _is_sum(left) or _is_sum(right):
            self._agree(tree, here, known, operator)
        elif _has_path_or_variable(right):
            if operator in {"eq", "ge", "le"} and self.random.random() < 0.7:
                self.ensure(right, here, known)
                texts = self.texts_found(right, here, known)
                text = self.random.choice(texts) if texts else "1"
                self.write(left, here, known, text)
                if not texts:
                    self.write(right, here, known, text)
            else:
                self.write(left, here, known, "1")
                self.write(right, here, known, {"gt": "0", "ge": "0"}.get(operator, "2"))

    def _write_beside(self, operator: str, left: Any, listed: list[str], here: Any, known: Known) -> None:
        random = self.random
        if operator == "eq":
            text = random.choice(listed)
            if text in {"true", "false"} and not isinstance(left, Path | Step | Here | Variable | Call):
                self.make(left, here, known, text == "true")
                return
            self.write(left, here, known, text)
        elif operator == "ne":
            if listed[0] in {"true", "false"}:
                self.write(left, here, known, "false" if listed[0] == "true" else "true")
            else:
                self.write(
                    left,
                    here,
                    known,
                    self.outside(listed) if random.random() < 0.8 else values.moved(random.choice(listed), random),
                )
        elif is_number(listed[0]):
            by = {"lt": -1.0, "le": random.choice((0, -1.0)), "gt": 1.0, "ge": random.choice((0, 1.0))}[operator]
            self.write(left, here, known, f"{float(listed[0]) + by:g}")
        else:
            self.write(left, here, known, {"lt": "", "le": listed[0], "gt": listed[0] + "z", "ge": listed[0]}[operator])

    def _values(self, tree: Any, here: Any, known: Known) -> list[str]:
        """The literals that the other side of a comparison is about; none where it reads the document."""
        match tree:
            case Variable(name=name):
                bound = known.get(name)
                return [] if bound is None else self._values(bound.tree, bound.here, bound.known)
            case String(text=text) | Number(text=text):
                return [text]
            case Sequence(items=items):
                return [one for item in items for one in self._values(item, here, known)]
            case Call(name="true" | "false" as name):
                return [name]
            case Call(name="tokenize", arguments=(one, *_)):
                return [token for text in self._values(one, here, known) for token in text.split()]
            case Call(name=name, arguments=(one, *_)) if name in THROUGH:
                return self._values(one, here, known)
            case Arithmetic(operator="-", left=Number(), right=Number(text=text)):
                return [f"-{text}"]
        return []

    def outside(self, listed: list[str]) -> str:
        random = self.random
        kind = random.random()
        if listed and kind < 0.4:
            code = random.choice(listed)
            return random.choice(
                (code.lower(), code + "Z", f" {code} ", code[:-1], f"{code} {random.choice(listed)}", f"{code}\u00a0")
            )
        return random.choice(("ZZZ", "QQ", "", " ", "0", "999", "zz", "X9X"))

    def _counted(self, left: Any, operator: str, bound: int, here: Any, known: Known) -> bool:
        """A count beside a number, maybe with something added to it: make as many as are wanted."""
        counted = _within(left, "count")
        if counted is not None:
            marked = counted.arguments[0]
            if isinstance(marked, Call) and marked.name == "tokenize" and isinstance(marked.arguments[-1], String):
                times = max(_beside(operator, bound, self.random) - 1, 0)
                return self.write(marked.arguments[0], here, known, f"a{marked.arguments[-1].text}" * times + "b")
            self.count(marked, operator, bound, here, known)
            return True
        if isinstance(left, Arithmetic) and left.operator in {"+", "-"}:
            if isinstance(left.right, Number):
                by = int(float(left.right.text))
                return self._counted(
                    _substituted(left.left, here, known),
                    operator,
                    bound + by * (1 if left.operator == "-" else -1),
                    here,
                    known,
                )
            sides = [_substituted(side, here, known) for side in (left.left, left.right)]
            if any(_within(one, "count") for side in sides for one in inside(side)):
                return self._counted(self.random.choice(sides), operator, bound, here, known)
        return False

    def count(self, tree: Any, operator: str, bound: int, here: Any, known: Known) -> None:
        wanted = max(_beside(operator, bound, self.random), 0)
        if wanted > bound + COPIES_MAX:
            return
        found = self.found(tree, here, known)
        for node in found[wanted:]:
            self.delete(node)
        tries = 0
        while wanted > len(found) and tries < 3 * COPIES_MAX:
            tries += 1
            node = self.ensure(tree, here, known)
            if node is None:
                return
            found = self.found(tree, here, known)
            if len(found) >= wanted:
                return
            copied = self.random.choice(found) if found else node
            if isinstance(copied, Attribute):
                copied = copied.element
            if not is_element(copied) or copied.getparent() is None:
                return
            if self.random.random() < 0.4 and copied.getparent().getparent() is not None:
                copied = copied.getparent()
            self.copy(copied)
            found = self.found(tree, here, known)

    def _agree(self, tree: Any, here: Any, known: Known, operator: str) -> None:
        """Sums agree when all their amounts are nothing; they differ when one of them is moved."""
        paths = self.leaves(tree, here, known)
        if operator in {"eq", "le", "ge"} and self.random.random() < 0.9:
            for path, place, names in paths:
                for node in self.found(path, place, names):
                    if is_number(text_of(node).strip() or "x"):
                        self.set(node, "0.00")
            for path, place, names in paths[:1]:
                self.write(path, place, names, "0.00")
        else:
            self.stir(tree, here, known)

    def stir(self, tree: Any, here: Any, known: Known) -> bool:
        paths = self.leaves(tree, here, known)
        if not paths:
            return False
        path, place, names = self.random.choice(paths)
        node = self.ensure(path, place, names)
        if node is None:
            return False
        return self.set(
            node,
            values.moved(text_of(node) or "0.00", self.random)
            if self.random.random() < 0.5
            else self.random.choice(("7.77", "-3.00", "1000", "0.02", "1")),
        )

    def leaves(self, tree: Any, here: Any, known: Known) -> list[tuple[Any, Any, Known]]:
        """The paths that an expression reads values from, each with the place that it starts from."""
        match tree:
            case Path() | Step():
                return [(tree, here, known)]
            case Filter(of=of):
                return self.leaves(of, here, known)
            case Variable(name=name):
                bound = known.get(name)
                return [] if bound is None else self.leaves(bound.tree, bound.here, bound.known)
            case Call(arguments=parts) | Logic(parts=parts) | Union(parts=parts) | Sequence(items=parts):
                return [leaf for part in parts for leaf in self.leaves(part, here, known)]
            case Compare(left=left, right=right) | Arithmetic(left=left, right=right):
                return self.leaves(left, here, known) + self.leaves(right, here, known)
            case Cast(of=of):
                return self.leaves(of, here, known)
            case If(then=then, other=other):
                return self.leaves(then, here, known) + self.leaves(other, here, known)
            case For(bindings=bindings, result=result):
                inner = dict(known)
                for name, bound_tree in bindings:
                    inner[name] = Bound(bound_tree, here, dict(inner))
                return self.leaves(result, here, inner)
        return []


def _beside(operator: str, bound: int, random: Random) -> int:
    return {
        "eq": bound,
        "ne": bound + random.choice((-1, 1, 1)),
        "lt": bound - 1,
        "le": bound - random.choice((0, 0, 1)),
        "gt": bound + 1,
        "ge": bound + random.choice((0, 0, 1)),
    }[operator]


def _has_path_or_variable(tree: Any) -> bool:
    return any(isinstance(one, Path | Step | Here | Variable) for one in inside(tree))


def _plain(tree: Any) -> bool:
    return isinstance(tree, Path | Step | Filter | Variable)


def _within(tree: Any, name: str) -> Any:
    while isinstance(tree, Call) and tree.name in THROUGH and tree.arguments:
        tree = tree.arguments[0]
    return tree if isinstance(tree, Call) and tree.name == name else None


def _substituted(tree: Any, here: Any, known: Known) -> Any:
    """What a variable stands for, where it was read at the same place."""
    for _ in range(5):
        bound = known.get(tree.name) if isinstance(tree, Variable) else None
        if bound is None or bound.tree is None or (bound.here is not here and bound.here is not TOP):
            break
        tree = bound.tree
    return tree


def _innermost(count: Any) -> Any:
    tree = count.arguments[0]
    while isinstance(tree, Call) and tree.arguments:
        tree = tree.arguments[0]
    return tree


def _is_sum(tree: Any) -> bool:
    return any(
        isinstance(one, Arithmetic | For) or (isinstance(one, Call) and one.name == "sum") for one in inside(tree)
    )
