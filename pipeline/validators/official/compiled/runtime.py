"""What generated programs call: the functions and comparisons of XPath 2.0 on the values that programs keep.

Texts of nodes and strings are `str`, decimals `Decimal` or `int`, doubles `float`, an absent item is None, several
items are a list. Where XPath raises a dynamic error, or where a value is so rare that Saxon shall decide (a date with a
zone, an amount of four hundred digits), `Stopped` is raised. Its text never quotes a document.
"""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_FLOOR, Clamped, Context, Decimal, Inexact, InvalidOperation, Overflow
from typing import Any

from pipeline.validators.official.compiled.nodes import BLANKS, NONE, Document, Node, normalized

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)")
_DOUBLE = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_OTHER_DATE = re.compile(r"-?[0-9]{4,}-[0-9]{2}-[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})?")
_SPECIAL = {"INF", "+INF", "-INF", "NaN"}
_BOOLEAN = {"true": True, "1": True, "false": False, "0": False}
_HALF = Decimal("0.5")
_DIGITS_MAX = 400
_DIVIDED_DIGITS = 18
_PLAIN_DOUBLE_MAX = 1e14

# exact or not at all: a result that must be rounded raises, and Saxon decides
EXACT = Context(prec=_DIGITS_MAX, traps=[Inexact, InvalidOperation, Overflow, Clamped])


class Stopped(Exception):
    """A value stops the rules here, as it may stop Saxon: why, in English, without the value."""


class Rare(Stopped):
    """Saxon alone is to say what comes of it: a value so rare that engines may differ, or a match that stops."""


# --- texts ------------------------------------------------------------------------------------------------------------


def text(d: Document, node: Node) -> str:
    known: str | None = node[0]
    return known if known is not None else d.text(node)


def texts(d: Document, nodes: Iterable[Node]) -> list[str]:
    return [known if (known := node[0]) is not None else d.text(node) for node in nodes]


def one(items: Sequence[Any]) -> Any:
    """The only item, None where there is none."""
    if not items:
        return None
    if len(items) > 1:
        raise Stopped("more than one item where one is allowed")
    return items[0]


def one_text(d: Document, nodes: Sequence[Node]) -> str | None:
    if not nodes:
        return None
    if len(nodes) > 1:
        raise Stopped("more than one element where one is allowed")
    known: str | None = nodes[0][0]
    return known if known is not None else d.text(nodes[0])


def norm(value: str | None) -> str:
    return normalized(value) if value else ""


def is_blank(value: str | None) -> bool:
    return not value or (value[0] in BLANKS and not value.strip(BLANKS))


def after(value: str | None, mark: str | None) -> str:
    return (value or "").partition(mark)[2] if mark else value or ""


def before(value: str | None, mark: str | None) -> str:
    head, found, _ = (value or "").partition(mark) if mark else ("", "", "")
    return head if found else ""


def substring(value: str | None, start: float, length: float = math.inf) -> str:
    if math.isnan(start) or math.isnan(length):
        return ""
    first = half_up(start)
    last = math.inf if length == math.inf else first + half_up(length)
    begin = max(int(first), 1) if first != -math.inf else 1
    if last == math.inf:
        return (value or "")[begin - 1 :]
    return (value or "")[begin - 1 : max(int(last) - 1, begin - 1)] if not math.isnan(last) else ""


def half_up(number: float) -> float:
    if not math.isfinite(number):
        return number
    below = math.floor(number)  # the sum with a half would be rounded itself
    return below + 1 if number - below >= 0.5 else below


def has_word(words: frozenset[str], joined: str, word: str) -> bool:
    """`contains(' A B ', concat(' ', word, ' '))`, as sheets write a list of codes."""
    return word in words or (" " in word and f" {word} " in joined)


# --- numbers ----------------------------------------------------------------------------------------------------------


def dec(d: Document, value: str | None) -> Decimal | None:
    """`xs:decimal` of a text."""
    if value is None:
        return None
    found: Decimal | None = d.numbers.get(value)
    if found is None:
        bare = value.strip(BLANKS)
        if not _DECIMAL.fullmatch(bare):
            raise Stopped("a text that is no decimal number")
        found = d.numbers[value] = Decimal(bare)
    return found


def decs(d: Document, values: Iterable[str | None]) -> list[Decimal]:
    return [number for value in values if (number := dec(d, value)) is not None]


def node_decs(d: Document, nodes: Iterable[Node]) -> list[Decimal]:
    """`xs:decimal` of each of several nodes, as in `sum(path/xs:decimal(.))`."""
    numbers = d.numbers
    found = []
    for node in nodes:
        known = numbers.get(node[0])
        found.append(known if known is not None else dec(d, text(d, node)))
    return found  # type: ignore[return-value]


def dec_of_double(value: float | None) -> Decimal | None:
    if value is None:
        return None
    if not math.isfinite(value):
        raise Stopped("no decimal number is infinite")
    return Decimal(value)


def dbl(value: str | None) -> float | None:
    """A text as `xs:double`."""
    if value is None:
        return None
    bare = value.strip(BLANKS)
    if not _DOUBLE.fullmatch(bare):
        if bare in _SPECIAL:
            raise Rare("a text that is infinite or not a number")
        raise Stopped("a text that is no number")
    found = float(bare)
    if not found and bare.startswith("-"):
        raise Rare("a negative zero")  # Saxon tells it from zero in a comparison, and nowhere else
    return found


def dbls(values: Iterable[str]) -> list[float]:
    return [dbl(value) for value in values]  # type: ignore[misc]


def to_double(value: Any) -> Any:
    return None if value is None else float(value)


def number(value: str | None) -> float:
    """`number()`: what is none is NaN."""
    try:
        found = dbl(value)
    except Rare:
        raise
    except Stopped:
        return math.nan
    return math.nan if found is None else found


def add(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left + right


def sub(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left - right


def mul(left: Any, right: Any) -> Any:
    return None if left is None or right is None else left * right


def div(left: Any, right: Any) -> Any:
    """Decimals divided as Saxon does it: 18 digits more than the dividend has beyond the divisor, halves downwards."""
    if left is None or right is None:
        return None
    if not right:
        raise Stopped("a division by zero")
    if right == 100 and type(left) is Decimal:  # the money idiom; exact
        return left.scaleb(-2)
    left, right = Decimal(left), Decimal(right)
    digits = _DIVIDED_DIGITS + max(0, _scale(left) - _scale(right))
    shifted = left.scaleb(digits)
    whole = shifted // right
    rest = abs(shifted - whole * right)
    if rest + rest > abs(right):
        whole += 1 if (left < 0) == (right < 0) else -1
    return whole.scaleb(-digits)


def _scale(number: Decimal) -> int:
    """Digits after the point, zeros at the end aside; none before it are counted."""
    return max(0, -int(number.normalize().as_tuple().exponent)) if number else 0


def div_doubles(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if right:
        return left / right
    if not left or math.isnan(left):
        return math.nan
    return math.copysign(math.inf, left) * math.copysign(1.0, right)


def div_numbers(left: Any, right: Any) -> Any:
    return div_doubles(left, right) if type(left) is float else div(left, right)


def reckoned(left: Any, right: Any, how: Callable[[Any, Any], Any]) -> Any:
    """Two numbers of which the document tells the types: doubles where either is one, else exact."""
    if left is None or right is None:
        return None
    if type(left) is float or type(right) is float:
        left, right = float(left), float(right)
    return how(left, right)


def any_reckoned(left: Iterable[Any], right: Sequence[Any], holds: Callable[[Any, Any], bool]) -> bool:
    return any(reckoned(a, b, holds) for a in left for b in right)


def mod(left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    if not right:
        raise Stopped("a division by zero")
    return Decimal(left) % Decimal(right)


def rounded(value: Any) -> Any:
    """`round` of a decimal or an integer: halves go up, towards plus infinity."""
    if value is None or type(value) is int:
        return value
    return (value + _HALF).to_integral_value(ROUND_FLOOR)


def rounded_double(value: float | None) -> float | None:
    if value is None:
        return value
    return math.copysign(half_up(value), value) if abs(value) <= 0.5 else float(half_up(value))


def rounded_number(value: Any) -> Any:
    return rounded_double(value) if type(value) is float else rounded(value)


def negative(value: Any) -> Any:
    return None if value is None else -value


def absolute(value: Any) -> Any:
    return None if value is None else abs(value)


def summed(values: Sequence[float]) -> float | int:
    """`sum` of doubles; of nothing it is the integer 0."""
    if not values:
        return 0
    total, *others = values  # from the first one on: the sum of a negative zero is one
    for value in others:
        total += value
    return total


def is_number(value: Any) -> bool:
    """The truth of a number: neither zero nor NaN."""
    return bool(value) and value == value


# --- other types ------------------------------------------------------------------------------------------------------


def boolean(value: str | None) -> bool | None:
    """A text as `xs:boolean`."""
    if value is None:
        return None
    found = _BOOLEAN.get(value.strip(BLANKS))
    if found is None:
        raise Stopped("a text that is neither true nor false")
    return found


def required(value: Any) -> Any:
    if value is None:
        raise Stopped("nothing where one item is required")
    return value


def date(value: str | None) -> tuple[int, int, int] | None:
    """`xs:date` without a zone; one with a zone, or outside of the years 1 to 9999, is left to Saxon."""
    if value is None:
        return None
    found = _DATE.fullmatch(value.strip(BLANKS))
    if found is None and _OTHER_DATE.fullmatch(value.strip(BLANKS)):
        raise Rare("a date with a zone or of another age")
    if found is None:
        raise Stopped("a text that is no date")
    year, month, day = int(found[1]), int(found[2]), int(found[3])
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = 30 if month in {4, 6, 9, 11} else 31 if month != 2 else 29 if is_leap else 28
    if not year or not 1 <= month <= 12 or not 1 <= day <= days:
        raise Stopped("a date that does not exist")
    return year, month, day


def as_string(value: Any) -> str:
    """The string of an atomic value."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Decimal):
        return _of_decimal(value)
    if isinstance(value, float):
        return _of_double(value)
    raise Rare("a value whose string is not known here")


def _of_decimal(value: Decimal) -> str:
    plain = f"{value:f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain in {"-0", ""} else plain


def _of_double(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "INF" if value > 0 else "-INF"
    if value == 0:
        return "-0" if math.copysign(1.0, value) < 0 else "0"
    if 1e-6 <= abs(value) < 1e6:
        return _of_decimal(Decimal(repr(value)))
    if abs(value) >= _PLAIN_DOUBLE_MAX:
        raise Rare("a double of more than fourteen digits")  # not always the shortest form of it, in Saxon
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    shown = "".join(map(str, digits)).rstrip("0") or "0"
    power = int(exponent) + len(digits) - 1
    return f"{'-' if sign else ''}{shown[0]}.{shown[1:] or '0'}E{power}"


# --- truth and comparison ---------------------------------------------------------------------------------------------


def truth(items: Sequence[Any]) -> bool:
    """The effective boolean value of several atomic items or nodes (a node is a list)."""
    if not items:
        return False
    first = items[0]
    if type(first) is list:
        return True
    if len(items) > 1:
        raise Stopped("the truth of several values is not defined")
    return is_number(first) if isinstance(first, float) else bool(first)


def any_eq(d: Document, nodes: Iterable[Node], value: str) -> bool:
    """`path = 'value'`"""
    for node in nodes:
        known = node[0]
        if (known if known is not None else d.text(node)) == value:
            return True
    return False


def any_in(d: Document, nodes: Iterable[Node], values: frozenset[str]) -> bool:
    for node in nodes:
        known = node[0]
        if (known if known is not None else d.text(node)) in values:
            return True
    return False


def any_ne(d: Document, nodes: Iterable[Node], value: str) -> bool:
    for node in nodes:
        known = node[0]
        if (known if known is not None else d.text(node)) != value:
            return True
    return False


def meets(left: Iterable[Any], right: Iterable[Any]) -> bool:
    """`left = right`: some item of the one is an item of the other."""
    return not set(left).isdisjoint(right)


def differs(left: Iterable[Any], right: Iterable[Any]) -> bool:
    """`left != right`: two items that are not equal, one on each side."""
    a, b = set(left), set(right)
    return bool(a) and bool(b) and (len(a) > 1 or len(b) > 1 or a != b)


def any_number(values: Iterable[str], one: float, holds: Callable[[Any, Any], bool]) -> bool:
    """Texts against one number, converted one by one: a match comes before an error."""
    return any(holds(dbl(value), one) for value in values)


def any_boolean(values: Iterable[str], one: bool, holds: Callable[[Any, Any], bool]) -> bool:
    return any(holds(boolean(value), one) for value in values)


def pairs(left: Iterable[Any], right: Sequence[Any], holds: Callable[[Any, Any], bool]) -> bool:
    return any(holds(a, b) for a in left for b in right)


def both(left: Any, right: Any, holds: Callable[[Any, Any], bool]) -> bool:
    """A comparison of two optional values: false where one is absent."""
    return left is not None and right is not None and holds(left, right)


def single(left: Any, right: Any, holds: Callable[[Any, Any], bool]) -> bool | None:
    """A comparison of two single values; of nothing it is nothing."""
    return None if left is None or right is None else holds(left, right)


def tokens(pattern: "re.Pattern[str]", value: str) -> list[str]:
    return pattern.split(value) if value else []


def name(d: Document, node: Node | None) -> str:
    return "" if node is None else d.name(node)


def local_name(d: Document, node: Node | None) -> str:
    return "" if node is None else node[2].local


def items(value: Any) -> Sequence[Any]:
    """An optional item as a sequence."""
    return NONE if value is None else (value,)


# --- ways through the document ----------------------------------------------------------------------------------------


def down(nodes: Sequence[Node], tag: str) -> Sequence[Node]:
    """The children of a name, of all of these nodes."""
    if not nodes:
        return NONE
    if len(nodes) == 1:
        return nodes[0][1].get(tag, NONE)  # type: ignore[no-any-return]
    return [child for node in nodes for child in node[1].get(tag, NONE)]


def children(node: Node) -> list[Node]:
    """All children, in the order of the document."""
    found = [child for namesakes in node[1].values() for child in namesakes]
    found.sort(key=_index)
    return found


def parents(d: Document, nodes: Iterable[Node]) -> list[Node]:
    indexes = sorted({node[3] for node in nodes if node[3] >= 0})
    return [d.nodes[index] for index in indexes]


def ancestors(d: Document, node: Node, tag: str) -> list[Node]:
    found = [above for above in d.above(node) if tag == "*" or above[2].tag == tag]
    found.reverse()
    return found


def below(d: Document, node: Node, tag: str) -> list[Node]:
    """The descendants of a name."""
    found = []
    stack = [children(node)[::-1]]
    while stack:
        waiting = stack[-1]
        if not waiting:
            stack.pop()
            continue
        child = waiting.pop()
        if tag in {"*", child[2].tag}:
            found.append(child)
        if child[1]:
            stack.append(children(child)[::-1])
    return found


def preceding(d: Document, node: Node, tag: str) -> list[Node]:
    """The elements of a name that end before this one begins."""
    around = {above[4] for above in d.above(node)}
    return [other for other in d.named(tag) if other[4] < node[4] and other[4] not in around]


def in_order(nodes: Sequence[Node]) -> Sequence[Node]:
    """Nodes found parent by parent, each once, in the order of the document."""
    return [node for _, node in sorted({node[4]: node for node in nodes}.items(), key=_first)] if nodes else nodes


def united(several: Iterable[Sequence[Node]]) -> Sequence[Node]:
    """Nodes of several paths, each once, in the order of the document."""
    filled = [one for one in several if one]
    if len(filled) < 2:
        return filled[0] if filled else NONE
    return [node for _, node in sorted({node[4]: node for one in filled for node in one}.items(), key=_first)]


def inner_texts(d: Document, node: Node) -> list[str]:
    """`text()`: the pieces of text between the children."""
    if not node[4]:
        return []
    element = d.elements[node[4]]
    return [piece for piece in (element.text, *(child.tail for child in element)) if piece]


def all_texts(d: Document, nodes: Sequence[Node]) -> list[str]:
    """`descendant::text()`: every piece of text below these nodes, once."""
    given = {node[4] for node in nodes}
    outer = [node for node in nodes if not any(above[4] in given for above in d.above(node))]
    return [piece for node in outer for piece in d.elements[node[4] or 1].itertext() if piece]


def attributes(d: Document, nodes: Iterable[Node], name: str) -> list[str]:
    elements = d.elements
    return [value for node in nodes if node[4] and (value := elements[node[4]].get(name)) is not None]


def all_attributes(d: Document, node: Node) -> list[str]:
    return list(d.elements[node[4]].values()) if node[4] else []


def holds_any(d: Document, nodes: Sequence[Node], trie: dict[str, Any]) -> bool:
    """Is there a node on one of the forbidden paths? A trie of names: None ends a path, `@` names attributes."""
    for node in nodes:
        found = node[1]
        if trie.keys().isdisjoint(found):
            continue
        for tag in found:
            if tag in trie:
                further = trie[tag]
                if further is None or holds_any(d, found[tag], further):
                    return True
                if "@" in further and any(attributes(d, found[tag], name) for name in further["@"]):
                    return True
    return False


def around(work: Callable[[Node, Document, list[Any]], Any], node: Node, d: Document, m: list[Any]) -> Any:
    """What depends on a node above that of a rule is worked out once for all the nodes below it."""
    memo = m[-1]
    key = work, node[4]
    if key not in memo:
        memo[key] = work(node, d, m)
    return memo[key]


def by_key(pairs: Iterable[tuple[str, Any]]) -> dict[str, list[Any]]:
    """Items by a key of theirs, each list in the order given."""
    found: dict[str, list[Any]] = {}
    for key, item in pairs:
        if key in found:
            found[key].append(item)
        else:
            found[key] = [item]
    return found


def _index(node: Node) -> int:
    index: int = node[4]
    return index


def _first(pair: tuple[int, Node]) -> int:
    return pair[0]


class Later:
    """A variable whose value may stop the rules: worked out where it is first asked for, as in XSLT."""

    __slots__ = ("_value", "_work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self._work: Callable[[], Any] | None = work

    def __call__(self) -> Any:
        if self._work is not None:
            self._value = self._work()
            self._work = None
        return self._value
