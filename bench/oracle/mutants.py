"""Mutants: documents made to meet the tests of a pack, each a pure function of the pack, a seed and its number.

Most aim at one test: a small document is given the context of its rule, then what makes the test fire or say nothing,
then now and then something beside it. Others are sound invoices with one to three things changed.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import product
from random import Random
from typing import Any

from lxml import etree

from bench.oracle import documents
from bench.oracle.changes import change
from bench.oracle.nodes import TOP, Bound, Spent, Unknown
from bench.oracle.rules import Pack, Target
from bench.oracle.schema import ROOTS, model
from bench.oracle.solver import Solver
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.validators.official.compiled.xpath import Expression, Here, Path, Step, Union

SMALL_BYTES = 12_000  # a rule fires on a small document as well, and Saxon's time grows with its size
_SLICE = 25
_VALID_SHARE = 0.6  # of mutants that are made again where the schema refuses them
_TRIES = 4
_OWN_PREFIXES = {
    "cii": {"rsm": "CrossIndustryInvoice:100", "ram": "ReusableAggregateBusinessInformationEntity:100",
            "qdt": "QualifiedDataType:100", "udt": "UnqualifiedDataType:100"},
    "ubl": {"cac": "CommonAggregateComponents-2", "cbc": "CommonBasicComponents-2"},
}  # fmt: skip
_CII = "urn:un:unece:uncefact:data:standard:"
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


@dataclass(frozen=True)
class Mutant:
    """A document to compare. `target`: the ordinal that it aims at, 0 where at none."""

    number: int
    schema: str
    text: bytes
    origin: str
    target: int
    want: bool | None  # is the target to fire?
    is_public: bool


class Mutator:
    """The mutants of one pack."""

    def __init__(self, pack: Pack, seed: int, public: bool = True) -> None:
        self.pack, self.seed = pack, seed
        self._order = list(pack.targets)
        Random(f"{seed} {pack.name} order").shuffle(self._order)
        known = documents.fixtures() + (documents.corpus() if public else ())
        self._seeds = [one for one in known if one.schema in pack.schemas and len(one.text) <= SMALL_BYTES]
        self._schemas = InstalledSchemas()
        self._large = [
            one for one in known if one.schema in pack.schemas and SMALL_BYTES < len(one.text) <= 4 * SMALL_BYTES
        ]

    def make(self, number: int) -> Mutant:
        """The mutant of this number. Targets are taken in turn, so that a short run meets as many tests as it can."""
        random = Random(f"{self.seed} {self.pack.name} {number}")
        is_to_be_valid = random.random() < _VALID_SHARE
        for _ in range(_TRIES):
            made = self._made(number, random)
            if not is_to_be_valid or self._schemas.get(made.schema).validate(etree.fromstring(made.text)):
                break
        return made

    def _made(self, number: int, random: Random) -> Mutant:
        kind = random.random()
        if kind < 0.01:
            return self._rich(number, random)
        schema, root, origin, is_public = self._start(kind, random)
        solver = Solver(root, model(schema), self.pack, random)
        target, want = self._order[number % len(self._order)], None
        if kind < 0.95:
            is_first_round = number < len(self._order)
            want = random.random() < (0.9 if is_first_round else 0.55)
            self.aim(solver, target, want=want)
            if random.random() < 0.1:
                self.aim(solver, random.choice(self._order), want=random.random() < 0.5)
        if want is None or random.random() < 0.35:
            for _ in range(random.choice((1, 1, 2, 3))):
                change(solver, target if want is not None or random.random() < 0.3 else None)
        aimed_at = 0 if want is None else target.ordinal
        return Mutant(number, schema, documents.serialised(root), origin, aimed_at, want, is_public)

    def _start(self, kind: float, random: Random) -> tuple[str, etree._Element, str, bool]:
        """What is changed: most often the least that the schema takes, else an invoice; its schema, root and name."""
        if kind < 0.75 or not self._seeds:
            schema = random.choice(self.pack.schemas)
            return schema, self.skeleton(schema, random), "skeleton", False
        seed = random.choice(self._large if kind > 0.99 and self._large else self._seeds)
        return seed.schema, etree.fromstring(seed.text), seed.name, seed.is_public

    def skeleton(self, schema: str, random: Random) -> etree._Element:
        """The least that the schema takes."""
        read = model(schema)
        spaces = _namespaces(schema)
        root = etree.Element(read.root.tag, nsmap=spaces)
        Solver(root, read, self.pack, random).furnish(root, read.root)
        return root

    def aim(self, solver: Solver, target: Target, *, want: bool) -> None:
        """Meet the context of a test, then make it fire (`want`) or say nothing."""
        solver.effort = 400
        try:
            here = self.context(solver, target.match)
            if here is None:
                return
            known = dict(solver.known)
            for name, tree in target.lets:
                known[name] = Bound(tree, here, known)
            solver.settle(target.test, here, known, want == target.is_report)
        except (Spent, Unknown):
            return

    def context(self, solver: Solver, match: Expression | None) -> Any:
        """A node that the pattern matches: one that is there, or a new one."""
        alternatives = list(match.parts) if isinstance(match, Union) else [match]
        possible = [one for one in alternatives if solver.is_possible(one, TOP)]
        if not possible:
            return None
        chosen: Any = solver.random.choice(possible)
        return solver.ensure(_from_anywhere(chosen), TOP, solver.known)

    def _rich(self, number: int, random: Random) -> Mutant:
        """A document with the contexts and the paths of many tests at once."""
        schema = random.choice(self.pack.schemas)
        root = self.skeleton(schema, random)
        solver = Solver(root, model(schema), self.pack, random)
        at = random.randrange(len(self.pack.targets))
        want = random.random() < 0.7
        for target in self.pack.targets[at : at + random.choice((10, 20, 40))]:
            self.aim(solver, target, want=want)
        return Mutant(number, schema, documents.serialised(root), "rich", 0, None, False)

    @cached_property
    def all_named(self) -> tuple[Mutant, ...]:
        """For each root one document that holds nearly every element that the rules of the pack name."""
        made = []
        for rank, schema in enumerate(self.pack.schemas):
            random = Random(f"{self.seed} {self.pack.name} {schema}")
            root = self.skeleton(schema, random)
            solver = Solver(root, model(schema), self.pack, random)
            for target in self.pack.targets:
                solver.effort = 400
                try:
                    here = self.context(solver, target.match)
                    known = dict(solver.known)
                    for name, tree in target.lets:
                        known[name] = Bound(tree, here, known)
                    for path in _outermost_paths((target.test, *(tree for _, tree in target.lets))):
                        if here is not None:
                            solver.ensure(path, here, known)
                except (Spent, Unknown):
                    continue
            made.append(Mutant(-1 - rank, schema, documents.serialised(root), "all-named", 0, None, False))
            for at, want in product(range(0, len(self.pack.targets), _SLICE), (True, False)):
                root = self.skeleton(schema, random)  # smaller ones, because one value may stop a whole sheet
                solver = Solver(root, model(schema), self.pack, random)
                for target in self.pack.targets[at : at + _SLICE]:
                    self.aim(solver, target, want=want)
                made.append(Mutant(-1 - rank, schema, documents.serialised(root), "some-named", 0, None, False))
        return tuple(made)


def _from_anywhere(match: Any) -> Any:
    """A pattern that begins with a name matches at any depth."""
    if not isinstance(match, Path):
        return match
    if isinstance(match.start, Here) and isinstance(match.steps[0], Step):
        first = match.steps[0]
        return Path(match.start, (Step("descendant", first.name, first.predicates), *match.steps[1:]))
    if isinstance(match.start, Union):
        return Path(Union(tuple(_from_anywhere(one) for one in match.start.parts)), match.steps)
    return match


def _outermost_paths(tree: Any) -> list[Path]:
    if isinstance(tree, Path):
        return [tree]
    if isinstance(tree, tuple):
        return [path for part in tree for path in _outermost_paths(part)]
    if tree is not None and hasattr(tree, "__dataclass_fields__"):
        return [path for name in tree.__dataclass_fields__ for path in _outermost_paths(getattr(tree, name))]
    return []


def _namespaces(schema: str) -> Any:
    if schema == "cii":
        return {prefix: f"{_CII}{name}" for prefix, name in _OWN_PREFIXES["cii"].items()}
    spaces = {prefix: f"{_UBL}{name}" for prefix, name in _OWN_PREFIXES["ubl"].items()}
    return {None: f"{_UBL}{ROOTS[schema]}-2", **spaces}
