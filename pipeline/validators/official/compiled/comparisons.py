"""Comparisons, written as Python: general ones between any two items of two sides, value ones between two items."""

from pipeline.validators.official.compiled.pieces import (
    EXACT,
    NUMBERS,
    TEXTS,
    Code,
    Module,
    Scope,
    all_double,
    as_double,
    atomized,
    changed,
    double,
    joined,
    optional,
    result_of,
    several,
    write,
)
from pipeline.validators.official.compiled.xpath import Compare, Unread

_SIGNS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_NAMES = {sign: name for name, sign in _SIGNS.items()}
_TURNED = {"==": "eq", "!=": "ne", "<": "gt", "<=": "ge", ">": "lt", ">=": "le"}


def compare(expression: Compare, scope: Scope, module: Module) -> Code:
    raw_left, raw_right = write(expression.left, scope, module), write(expression.right, scope, module)
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
    uses, may_stop = joined(left, right)
    if "empty" in {left.kind, right.kind}:
        return Code("False", "boolean", "1", is_cheap=True)
    each = _each_converted(left, right, sign)
    if each is not None:
        return each
    left, right, is_set = _comparable(left, right)
    may_stop = may_stop or left.may_stop or right.may_stop
    if "number" in {left.kind, right.kind}:
        if "*" in {left.many, right.many}:
            py = f"any_reckoned({several(left).py}, {several(right).py}, operator.{expression.operator})"
        else:
            py = f"bool({_told_apart(left, right, sign)})"
        return Code(py, "boolean", "1", uses, may_stop=may_stop)
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
    elif right.is_one and right.is_cheap and not right.may_stop:
        py = f"any([y {sign} {right.py} for y in {left.py}])"
    elif left.is_one and left.is_cheap and not left.may_stop:
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
    uses, may_stop = joined(nodes, other)
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
    if value.kind not in TEXTS:
        return None
    if operator == "ne":
        if value.many == "*":
            return Code(f"any(y != {other.constant[0]!r} for y in {value.py})", "boolean", "1", uses, may_stop=may_stop)
        if not value.is_one and other.constant[0]:
            return None
        py = f"({value.py} != {other.constant[0]!r})" if value.is_one else f"bool({value.py})"
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
    if not single.is_one or not single.is_cheap or single.kind not in {*NUMBERS, "boolean"}:
        return None
    if single.kind == "boolean":
        y, one = "boolean(y)", _boolean(single).py
    else:
        y, one = "dbl(y)", as_double(single)
    uses, _ = joined(left, right)
    if single.may_stop:  # worked out even where there is nothing to compare it with, as Saxon does
        word = "any_boolean" if single.kind == "boolean" else "any_number"
        operator = _NAMES[sign] if many is left else _TURNED[sign]
        return Code(f"{word}({many.py}, {one}, operator.{operator})", "boolean", "1", uses, may_stop=True)
    test = told.format(y=y, sign=sign, one=one)
    return Code(f"any({test} for y in {many.py})", "boolean", "1", uses, may_stop=True)


def _comparable(left: Code, right: Code) -> tuple[Code, Code, bool]:
    """The two sides of a general comparison in one type; and whether items of it may be kept in a set."""
    if left.kind in TEXTS and right.kind in TEXTS:
        return left, right, True
    if left.kind in EXACT and right.kind in EXACT:
        return left, right, True
    if left.kind in NUMBERS or right.kind in NUMBERS:
        left, right = double(left), double(right)
        if result_of(left, right) == "double":
            left, right = all_double(left), all_double(right)
        return left, right, False
    if "boolean" in {left.kind, right.kind}:
        return _boolean(left), _boolean(right), True
    if "date" in {left.kind, right.kind}:
        return _date(left), _date(right), True
    raise Unread(f"{left.kind} compared with {right.kind}")


def _boolean(code: Code) -> Code:
    if code.kind == "boolean":
        return changed(code, py=f"bool({code.py})") if code.is_one and code.py not in {"True", "False"} else code
    if code.kind in {"untyped"}:
        if code.many == "*":
            return changed(code, py=f"[boolean(y) for y in {code.py}]", kind="boolean", is_cheap=False, may_stop=True)
        return changed(code, py=f"boolean({code.py})", kind="boolean", is_cheap=False, may_stop=True)
    raise Unread(f"{code.kind} compared with a boolean")


def _date(code: Code) -> Code:
    if code.kind == "date":
        return code
    if code.kind == "untyped" and code.many != "*":
        return changed(code, py=f"date({code.py})", kind="date", is_cheap=False, may_stop=True)
    raise Unread(f"{code.kind} compared with a date")


def _value_compare(raw_left: Code, raw_right: Code, sign: str) -> Code:
    left, right = optional(raw_left), optional(raw_right)
    uses, may_stop = joined(left, right)
    if {left.kind, right.kind} <= TEXTS or {left.kind, right.kind} <= EXACT:
        pass
    elif {left.kind, right.kind} <= NUMBERS and result_of(left, right) == "double":
        left, right = all_double(left), all_double(right)
    elif {left.kind, right.kind} <= NUMBERS:
        return Code(_told_apart(left, right, sign), "boolean", "?", uses, may_stop=may_stop)
    elif left.kind == right.kind == "boolean":
        left, right = _boolean(left), _boolean(right)
    elif left.kind != right.kind or left.kind != "date":
        raise Unread(f"{left.kind} compared with {right.kind}")
    if left.is_one and right.is_one:
        return Code(f"({left.py} {sign} {right.py})", "boolean", "1", uses, may_stop=may_stop)
    return Code(f"single({left.py}, {right.py}, operator.{_NAMES[sign]})", "boolean", "?", uses, may_stop=may_stop)


def _told_apart(left: Code, right: Code, sign: str) -> str:
    """At most two numbers, doubles or exact as the document has it: nothing where one is absent."""
    return f"reckoned({left.py}, {right.py}, operator.{_NAMES[sign]})"
