"""Expressions of a stylesheet written as Python: values, variables, arithmetic, loops; the rest stands beside it."""

from pipeline.validators.official.compiled.comparisons import compare
from pipeline.validators.official.compiled.functions import call
from pipeline.validators.official.compiled.paths import WRITERS_OF_PATHS
from pipeline.validators.official.compiled.pieces import (
    EXACT,
    NODES,
    NUMBERS,
    WRITERS,
    Code,
    Module,
    Scope,
    as_double,
    changed,
    double,
    here_of,
    item_of,
    joined,
    optional,
    result_of,
    several,
    statement_of_truth,
    truth,
    write,
)
from pipeline.validators.official.compiled.xpath import (
    Arithmetic,
    Call,
    Cast,
    Compare,
    For,
    Here,
    If,
    Logic,
    Negative,
    Number,
    Sequence,
    String,
    Unread,
    Variable,
)


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
    return here_of(scope)


def _sequence(expression: Sequence, scope: Scope, module: Module) -> Code:
    if not expression.items:
        return Code("NONE", "empty", "*", is_cheap=True)
    codes = [write(item, scope, module) for item in expression.items]
    kinds = {code.kind for code in codes}
    uses, may_stop = joined(*codes)
    if all(code.constant is not None for code in codes):
        constant = tuple(word for code in codes for word in code.constant or ())
        return Code(f"({', '.join(map(repr, constant))},)", "string", "*", constant=constant, is_cheap=True)
    if len(kinds) > 1 or kinds & NODES:
        raise Unread("a sequence of several types")
    parts = ", ".join(code.py if code.is_one else f"*{several(code).py}" for code in codes)
    return Code(f"({parts},)", codes[0].kind, "*", uses, is_cheap=True, may_stop=may_stop)


def _if(expression: If, scope: Scope, module: Module) -> Code:
    test = statement_of_truth(expression.test, scope, module)
    then, other = write(expression.then, scope, module), write(expression.other, scope, module)
    uses, may_stop = joined(test, then, other)
    many = then.many if then.many == other.many else "*" if "*" in {then.many, other.many} else "?"
    kinds = {then.kind, other.kind}
    if len(kinds) == 1:
        kind = then.kind
    elif kinds <= EXACT:
        kind = "decimal"
    elif kinds <= NUMBERS:
        kind = "number"
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
    for name, source in expression.bindings:
        code = write(source, inner, module)
        uses |= code.uses - bound
        may_stop = may_stop or code.may_stop
        if code.kind == "empty":
            raise Unread("a loop over nothing")
        x = inner.local
        clauses.append(f"for {x} in {several(code).py}")
        bound.add(x)
        inner = inner.binding(name, item_of(x, code))
    loops = " ".join(clauses)
    if expression.kind != "for":
        result = statement_of_truth(expression.result, inner, module)
        word = "any" if expression.kind == "some" else "all"
        py, kind, many = f"{word}({result.py} {loops})", "boolean", "1"
    else:
        result = write(expression.result, inner, module)
        if result.kind == "boolean":
            result = changed(result, py=f"bool({truth(result)})", many="1")
        py = f"[{result.py} {loops}]" if result.is_one else f"[y {loops} for y in {several(result).py}]"
        kind, many = result.kind, "*"
    uses |= result.uses - bound
    return Code(py, kind, many, uses, depth=result.depth, may_stop=may_stop or result.may_stop)


def _logic(expression: Logic, scope: Scope, module: Module) -> Code:
    parts = [statement_of_truth(part, scope, module) for part in expression.parts]
    uses, may_stop = joined(*parts)
    py = f" {expression.operator} ".join(part.py for part in parts)
    # the value may be any Python object of that truth: where a boolean is shown or compared, `bool` is said
    return Code(f"({py})", "boolean", "1", uses, may_stop=may_stop)


_RECKONED = {"+": "operator.add", "-": "operator.sub", "*": "operator.mul", "div": "div_numbers"}


def _arithmetic(expression: Arithmetic, scope: Scope, module: Module) -> Code:
    left = optional(write(expression.left, scope, module))
    right = optional(write(expression.right, scope, module))
    if "empty" in {left.kind, right.kind}:
        return Code("None", "double", "?", is_cheap=True)
    left, right = double(left), double(right)
    uses, may_stop = joined(left, right)
    kind = result_of(left, right)
    if kind == "decimal" and {left.kind, right.kind} == {"integer"} and expression.operator != "div":
        kind = "integer"
    many = "1" if left.is_one and right.is_one else "?"
    a, b = (as_double(left), as_double(right)) if kind == "double" else (left.py, right.py)
    operator = expression.operator
    # Python reckons with a literal integer as XPath does, whatever the other number turns out to be
    if kind == "number" and (operator == "div" or not (left.py.isdigit() or right.py.isdigit())):
        if operator not in _RECKONED:
            raise Unread(f"{operator} of {kind}")
        return Code(f"reckoned({a}, {b}, {_RECKONED[operator]})", kind, many, uses, may_stop=True)
    if operator in {"+", "-", "*"}:
        word = {"+": "add", "-": "sub", "*": "mul"}[operator]
        py = f"({a} {operator} {b})" if many == "1" else f"{word}({a}, {b})"
    elif operator == "div":
        py = f"{'div_doubles' if kind == 'double' else 'div'}({a}, {b})"
        may_stop = True
    elif operator == "mod" and kind in EXACT:
        py, may_stop = f"mod({a}, {b})", True
    else:
        raise Unread(f"{operator} of {kind}")
    # a sum of exact numbers may have more digits than we keep: it stops then
    return Code(py, kind, many, uses, may_stop=may_stop or kind in {"decimal", "number"})


def _negative(expression: Negative, scope: Scope, module: Module) -> Code:
    code = double(optional(write(expression.of, scope, module)))
    py = f"(-{code.py})" if code.is_one else f"negative({code.py})"
    return Code(py, code.kind, code.many, code.uses, may_stop=code.may_stop)


def _cast(expression: Cast, scope: Scope, module: Module) -> Code:
    code = optional(write(expression.of, scope, module))
    if expression.type != "xs:boolean" or code.kind != "untyped":
        raise Unread(f"a cast of {code.kind} as {expression.type}")
    if expression.is_optional:
        return Code(f"boolean({code.py})", "boolean", "?", code.uses, may_stop=True)
    return Code(f"boolean(required({code.py}))", "boolean", "1", code.uses, may_stop=True)


WRITERS |= WRITERS_OF_PATHS
WRITERS |= {
    Number: _number,
    String: _literal,
    Variable: _variable,
    Here: _here,
    Call: call,
    Compare: compare,
    Arithmetic: _arithmetic,
    Negative: _negative,
    Logic: _logic,
    Sequence: _sequence,
    If: _if,
    For: _for,
    Cast: _cast,
}
emit = write
