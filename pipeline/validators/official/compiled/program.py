"""A compiled pack: which rules stand at which places of a document, and what they say of it."""

from collections.abc import Callable
from decimal import DecimalException, localcontext
from types import CodeType
from typing import Any

from pipeline.ports import Hit
from pipeline.validators.official.compiled.nodes import Document, Node, Place
from pipeline.validators.official.compiled.runtime import EXACT, Rare, Stopped
from pipeline.validators.official.told import TEXT_CHARS_MAX, most_serious, rule_id, text_of

_PLACES_MAX = 20_000
_ANY = (("//", "*"),)

_Guard = Callable[[list[Node], Document, list[Any]], list[Node]]
_Rule = Callable[[list[Node], Document, list[Any], list[Any]], None]
_Candidate = tuple[tuple[_Guard, ...], _Rule | None, bool]  # guards (none: always), what to run, does it go down


class Program:
    """One pack, ready to run. `left` holds what it does not judge: (ordinal, mode) of each test left to Saxon."""

    def __init__(self, code: CodeType) -> None:
        made: dict[str, Any] = {}
        exec(code, made)  # noqa: S102 - built by us from an artefact whose digest was checked
        self.pack: str = made["PACK"]
        self.left: tuple[tuple[int, str], ...] = made["LEFT"]
        every = [rules for _, _, rules in made["PATTERNS"]]
        self._patterns = tuple(_Pattern(rules) for rules in every if not _is_for_all(rules))
        self._for_all = tuple(_for_all(rules) for rules in every if _is_for_all(rules))
        self._tests: dict[int, tuple[str, str, bool, Any]] = made["TESTS"]
        self._unknown: list[Any] = [made["U"]] * len(made["ONCE"])
        self._at: dict[str, tuple[_Rule, ...]] = {}

    def run(self, document: Document) -> tuple[Hit, ...]:
        """What the pack says, in the order of the sheet's own answer; raises `Stopped` where a value stops it."""
        try:
            with localcontext(EXACT):
                return self._run(document)
        except DecimalException:
            raise Rare("a number of more digits than are kept") from None

    def _run(self, document: Document) -> tuple[Hit, ...]:
        hits: list[tuple[int, int, int, Node]] = []
        kept = [*self._unknown, {}]
        known = self._at
        for path, nodes in document.at.items():
            rules = known.get(path)
            if rules is None:
                rules = self._rules_at(document.places[path])
            for rule in rules:
                rule(nodes, document, kept, hits)
        for rule in self._for_all:
            rule(document.nodes[1:], document, kept, hits)
        if not hits:
            return ()
        hits.sort(key=_order)
        return tuple(self._hit(hit, document, kept) for hit in most_serious(hits, self._may_refuse))

    def _hit(self, hit: tuple[int, int, int, Node], document: Document, kept: list[Any]) -> Hit:
        _, _, ordinal, node = hit
        id, flag, is_report, words = self._tests[ordinal]
        text = words
        if not isinstance(words, str):
            text = text_of(words(node, document, kept))
            id = rule_id(text, id, self.pack, ordinal)
        return Hit(id, flag, document.location(node), text[:TEXT_CHARS_MAX], is_report)

    def _may_refuse(self, hit: tuple[int, int, int, Node]) -> bool:
        _, flag, is_report, _ = self._tests[hit[2]]
        return flag != "warning" and not is_report

    def _rules_at(self, place: Place) -> tuple[_Rule, ...]:
        """The rules that nodes of this place may meet: of each pattern the first that matches."""
        found = []
        for pattern in self._patterns:
            chain = pattern.chain(place)
            if not any(rule for _, rule, _ in chain):
                continue
            shut = pattern.shut_above(place)
            first_guards, first_rule, _ = chain[0]
            if not first_guards and not shut and first_rule is not None:
                found.append(first_rule)
            else:
                found.append(_choice(chain, shut))
        if len(self._at) < _PLACES_MAX:
            self._at[place.path] = tuple(found)
        return tuple(found)


def _is_for_all(rules: Any) -> bool:
    """Does this pattern ask every element, whatever its name? Then it is asked once for all of them."""
    return all(
        is_deep and all(tuple(steps) == _ANY and not by_place for _, steps, by_place, _ in alternatives)
        for _, is_deep, alternatives in rules
    )


def _for_all(rules: Any) -> _Rule:
    return _choice(tuple((_guards_of(alternatives), rule, is_deep) for rule, is_deep, alternatives in rules), ())


def _guards_of(alternatives: Any) -> tuple[_Guard, ...]:
    """The guards of those that fit; none where one of them asks nothing more."""
    guards = tuple(guard for *_, guard in alternatives)
    return () if None in guards else guards


class _Pattern:
    """The rules of one pattern, found by the name of a node."""

    def __init__(self, rules: Any) -> None:
        self._goes_down = all(is_deep for _, is_deep, _ in rules)
        names = {steps[-1][1] for _, _, alternatives in rules for _, steps, _, _ in alternatives}
        plain = {name for name in names if "*" not in name}
        self._by_name = {name: _about(rules, name) for name in plain}
        self._others = rules if names - plain else ()

    def chain(self, place: Place) -> tuple[_Candidate, ...]:
        """The rules whose names fit a place, by priority, down to the first that needs no more than that."""
        chain: list[_Candidate] = []
        for rule, is_deep, alternatives in self._by_name.get(place.tag, self._others):
            fitting = [one for one in alternatives if _fits(place, *one[:-1])]
            if not fitting:
                continue
            guards = _guards_of(fitting)
            chain.append((guards, rule, is_deep))
            if not guards:
                break
        return tuple(chain)

    def shut_above(self, place: Place) -> tuple[tuple[int, tuple[_Candidate, ...]], ...]:
        """The rules at the places above that may keep this pattern from coming down here."""
        if self._goes_down:
            return ()
        found = []
        for up in range(1, len(place.tags)):
            chain = self.chain(Place(place.tags[:-up]))
            if any(not is_deep for *_, is_deep in chain):
                found.append((up, chain))
        return tuple(found)


def _about(rules: Any, name: str) -> Any:
    """The rules that may match an element of this name."""
    return tuple(rule for rule in rules if any(_is_named(name, steps[-1][1]) for _, steps, _, _ in rule[2]))


def _order(hit: tuple[int, int, int, Node]) -> tuple[int, int, int]:
    return hit[:3]


def _choice(chain: tuple[_Candidate, ...], shut: tuple[tuple[int, tuple[_Candidate, ...]], ...]) -> _Rule:
    """The rules of a pattern for the nodes of a place, where more than names decide."""

    def run(nodes: list[Node], document: Document, kept: list[Any], hits: list[Any]) -> None:
        for guards, rule, _ in chain:
            found = _matched(nodes, guards, document, kept)
            if not found:
                continue
            if rule is not None:
                here = [node for node in found if not _is_shut(node, document, kept, shut)] if shut else found
                rule(here, document, kept, hits)
            if len(found) == len(nodes):
                return
            taken = {node[4] for node in found}
            nodes = [node for node in nodes if node[4] not in taken]

    return run


def _matched(nodes: list[Node], guards: tuple[_Guard, ...], document: Document, kept: list[Any]) -> list[Node]:
    """The nodes for which one of the guards holds; all of them where there is none."""
    if not guards:
        return nodes
    found = guards[0](nodes, document, kept)
    for guard in guards[1:]:
        taken = {node[4] for node in found}
        found = found + guard([node for node in nodes if node[4] not in taken], document, kept)
    return found


def _is_shut(
    node: Node, document: Document, kept: list[Any], shut: tuple[tuple[int, tuple[_Candidate, ...]], ...]
) -> bool:
    """Does a rule above this node keep its pattern from coming down here?"""
    for up, chain in shut:
        above = node
        for _ in range(up):
            above = document.nodes[above[3]]
        for guards, _, is_deep in chain:
            if _matched([above], guards, document, kept):
                if not is_deep:
                    return True
                break
    return False


def _fits(place: Place, is_anchored: bool, steps: tuple[tuple[str, str], ...], by_place: tuple[Any, ...]) -> bool:
    return _ends_with(place.tags, is_anchored, steps) and all(_holds(place, one) for one in by_place)


def _ends_with(tags: tuple[str, ...], is_anchored: bool, steps: tuple[tuple[str, str], ...]) -> bool:
    """Do these names end in these steps? The relation of a step is the one to the step before it."""
    if not steps:
        return not tags or not is_anchored
    relation, name = steps[-1]
    if not tags or not _is_named(tags[-1], name):
        return False
    rest, before = tags[:-1], steps[:-1]
    if not before:
        return not is_anchored or relation == "//" or not rest
    if relation == "/":
        return _ends_with(rest, is_anchored, before)
    return any(_ends_with(rest[:length], is_anchored, before) for length in range(len(rest), 0, -1))


def _is_named(tag: str, name: str) -> bool:
    if name == "*" or tag == name:
        return True
    if name.endswith("}*"):
        return tag.startswith(name[:-1])
    return name.startswith("*:") and tag.rpartition("}")[2] == name[2:]


def _holds(place: Place, condition: tuple[str, Any]) -> bool:
    """A condition that names alone decide (`build` writes it)."""
    word, value = condition
    if word == "not":
        return not _holds(place, value)
    if word == "ends":
        return place.local.endswith(str(value))  # the prefix before it ends in a colon, which the value has not
    if word == "self":
        return place.tag == str(value)
    return str(value) in place.tags[:-1]


__all__ = ["Program", "Rare", "Stopped"]
