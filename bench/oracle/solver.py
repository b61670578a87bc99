"""Writes a document so that an expression of the rules holds in it, or fails: most often, not always.

Nothing here has to be right about XPath: Saxon says afterwards what fired. A guess that goes wrong is one more mutant.
"""

import re
from random import Random
from typing import Any

from bench.oracle.builder import COPIES_MAX, has_path
from bench.oracle.comparisons import Comparisons
from bench.oracle.nodes import Attribute, Bound, Known, Unknown, is_element
from bench.oracle.reader import THROUGH
from bench.oracle.rules import inside
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
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


class Solver(Comparisons):
    """Works on one document, in place."""

    def settle(self, tree: Any, here: Any, known: Known, want: bool) -> None:
        """`make`, again where a look shows that it did not come to be: what one part needs may undo another."""
        for _ in range(5):
            self.make(tree, here, known, want)
            try:
                if self.truth(tree, here, known) == want:
                    return
            except (Unknown, ValueError, OverflowError):
                return

    def make(self, tree: Any, here: Any, known: Known, want: bool) -> None:
        """Change the document so that the expression holds at this place, or so that it does not."""
        self.spend()
        random = self.random
        match tree:
            case None:
                return
            case Logic(operator=operator, parts=parts):
                if (operator == "and") == want:
                    for part in parts:
                        self.make(part, here, known, want)
                elif random.random() < 0.8:
                    self.make(random.choice(parts), here, known, want)
                else:
                    for part in random.sample(parts, random.randint(1, len(parts))):
                        self.make(part, here, known, want)
            case Call(name="not" | "empty", arguments=(one,)):
                self.make(one, here, known, not want)
            case Call(name="exists" | "boolean", arguments=(one,)):
                self.make(one, here, known, want)
            case Call(name="contains" | "starts-with" | "ends-with" as name, arguments=(one, other)):
                self._contain(name, one, other, here, known, want)
            case Call(name="matches", arguments=(one, pattern, *_)):
                self._match(one, pattern, here, known, want)
            case Call(name=name, arguments=arguments) if name in self.pack.functions:
                inner = self.inside(name, arguments, here, known)
                if inner is not None:
                    self.make(inner.tree, inner.here, inner.known, want)
            case Call(name=name, arguments=arguments) if name in THROUGH and arguments:
                self.make(arguments[0], here, known, want)
            case Compare():
                self.compare(tree, here, known, want)
            case For(kind=kind, bindings=bindings, result=result):
                self._for(kind, bindings, result, here, known, want)
            case If(test=test, then=then, other=other):
                taken = random.random() < 0.5
                self.make(test, here, known, taken)
                self.make(then if taken else other, here, known, want)
            case Variable(name=name):
                bound = known.get(name)
                if bound is not None:
                    self.make(bound.tree, bound.here, bound.known, want)
            case Union(parts=parts) | Sequence(items=parts) if parts:
                if want:
                    self.make(random.choice(parts), here, known, True)
                else:
                    for part in parts:
                        self.make(part, here, known, False)
            case Path(start=Call(name="document" | "doc")):
                self._look_up(tree, here, known, want)
            case Filter() | Path() | Step():
                if want:
                    self.ensure(tree, here, known)
                else:
                    self.remove(tree, here, known)
            case Arithmetic():
                self.stir(tree, here, known)

    def _for(self, kind: str, bindings: Any, result: Any, here: Any, known: Known, want: bool) -> None:
        inner = dict(known)
        spread = len(bindings) == 1 and kind != "for"
        for name, tree in bindings:
            if (spread and (kind == "some") == want) or (spread and kind == "every" and not want):
                self.ensure(tree, here, inner) if has_path(tree) else None
            found = [one for one in self.found(tree, here, inner) if is_element(one) or isinstance(one, Attribute)]
            inner[name] = Bound(tree, here, dict(inner))
            if (
                found
                and not isinstance(tree, Call)
                and (kind == "for" or not spread or (kind == "some") == want or not want)
            ):
                node = self.random.choice(found)
                inner[name] = Bound(Here(), node, {})
            elif found and spread:
                for node in found[:COPIES_MAX]:
                    self.make(result, here, inner | {name: Bound(Here(), node, {})}, want)
                return
        self.make(result, here, inner, want)

    def _contain(self, name: str, one: Any, other: Any, here: Any, known: Known, want: bool) -> None:
        """`contains(' A B ', concat(' ', x, ' '))` is a code list; else the text on the left is written."""
        if isinstance(one, String) and not isinstance(other, String):
            tokens = one.text.split()
            if want:
                self.write(other, here, known, self.random.choice(tokens or [""]))
            else:
                self.write(other, here, known, self.outside(tokens))
            return
        part = other.text if isinstance(other, String) else "a"
        if not want:
            self.write(one, here, known, self.random.choice(("", "q", part[:-1])))
        elif name == "starts-with":
            self.write(one, here, known, part + self.random.choice(("", "1", " x")))
        elif name == "ends-with":
            self.write(one, here, known, self.random.choice(("", "1")) + part)
        else:
            self.write(one, here, known, self.random.choice(("", "a")) + part + self.random.choice(("", "b")))

    def _look_up(self, tree: Path, here: Any, known: Known, want: bool) -> None:
        """`document('...')/codedb/cl[@id=3]/enumeration[@value=$code]`: the value is of list 3, or it is not."""
        asked = [one for one in inside(tree) if isinstance(one, Compare)]
        numbers = [one.right.text for one in asked if isinstance(one.right, Number | String)]
        codes = self.pack.codes.get(numbers[0], ()) if numbers else ()
        for one in asked:
            if not isinstance(one.right, Number | String):
                text = self.random.choice(codes) if want and codes else self.outside(list(codes))
                self.write(one.right, here, known, text)

    def _match(self, one: Any, pattern: Any, here: Any, known: Known, want: bool) -> None:
        text = pattern.text if isinstance(pattern, String) else ""
        if want and (sample := _sample(text, self.random)):
            self.write(one, here, known, sample)
        elif not want:
            self.write(
                one, here, known, self.random.choice(("*", "a b", "é", "99", "ZZZ", "", "1.2.3", "1" * 30, "12\n"))
            )


def _sample(pattern: str, random: Random) -> str:
    """A text that may match, by trying some: what rules match is numbers, dates and codes."""
    tries = [
        "1", "12", "380", "A1", "20260115", "2026-01-15", "12345678901234", "123456789", "1.5", "20.00", "100", "AB-12",
        "FR12345678901", "a@b.fr", "0", "-1.50", "12345",
    ]  # fmt: skip
    random.shuffle(tries)
    try:
        known = re.compile(pattern)
    except re.error:
        return ""
    return next((text for text in tries if known.search(text)), "")
