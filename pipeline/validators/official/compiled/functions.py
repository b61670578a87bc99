"""Calls of functions, written as Python: those of XPath that official rules use, and those of the sheet itself."""

import re
from collections.abc import Callable

from pipeline.validators.official.compiled.pieces import (
    EXACT,
    NUMBERS,
    TEXTS,
    Code,
    Module,
    Scope,
    atomized,
    changed,
    decimal,
    double,
    here_of,
    joined,
    optional,
    several,
    string,
    truth,
    write,
)
from pipeline.validators.official.compiled.regexes import python_regex
from pipeline.validators.official.compiled.xpath import Call, Unread


def call(expression: Call, scope: Scope, module: Module) -> Code:
    writer = _FUNCTIONS.get((expression.name.removeprefix("fn:"), len(expression.arguments)))
    if writer is None and expression.name == "concat":
        writer = _concat
    if writer is not None:
        return writer([write(argument, scope, module) for argument in expression.arguments], scope, module)
    custom = module.functions.get(expression.name)
    if custom is None or len(custom.parameters) != len(expression.arguments):
        raise Unread(f"function {expression.name} with {len(expression.arguments)} arguments")
    given = [
        _parameter(write(argument, scope, module), type) for argument, type in zip(
            expression.arguments, custom.parameters, strict=True
        )
    ]  # fmt: skip
    uses, _ = joined(*given) if given else (frozenset(), False)
    py = f"{custom.py}({', '.join(['d', 'm', *(code.py for code in given)])})"
    return Code(py, custom.kind, custom.many, uses, may_stop=True)


def _parameter(code: Code, type: str) -> Code:
    if type == "xs:string?":
        code = string(code)
        return code if code.kind != "empty" else changed(code, py="None")
    if type == "element()?":
        if code.kind != "element":
            raise Unread(f"{code.kind} where an element is expected")
        return code if code.is_one else changed(code, py=f"one({code.py})", many="?", may_stop=True)
    raise Unread(f"a parameter of type {type}")


def _of_string(word: str, kind: str = "string") -> Callable[..., Code]:
    """A function of one optional string: `word(text)`."""

    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        code = string(given[0]) if given else string(here_of(scope))
        true = f"(not is_blank({code.py}))" if word == "norm" else ""
        return Code(f"{word}({code.py})", kind, "1", code.uses, may_stop=code.may_stop, true=true)

    return write


def _upper(given: list[Code], scope: Scope, module: Module) -> Code:
    code = string(given[0])
    py = f"{code.py}.upper()" if code.is_one else f"({code.py} or '').upper()"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _length(given: list[Code], scope: Scope, module: Module) -> Code:
    code = string(given[0] if given else here_of(scope))
    py = f"len({code.py})" if code.is_one else f"len({code.py} or '')"
    return Code(py, "integer", "1", code.uses, may_stop=code.may_stop)


def _not(given: list[Code], scope: Scope, module: Module) -> Code:
    return Code(f"(not {truth(given[0])})", "boolean", "1", given[0].uses, may_stop=given[0].may_stop)


def _exists(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    if code.kind == "presence":
        py = code.py
    else:
        py = code.py if code.many == "*" else "True" if code.is_one else f"({code.py} is not None)"
    return Code(f"bool({py})", "boolean", "1", code.uses, may_stop=code.may_stop)


def _empty(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    if code.kind == "presence":
        return _not(given, scope, module)
    py = f"(not {code.py})" if code.many == "*" else "False" if code.is_one else f"({code.py} is None)"
    return Code(py, "boolean", "1", code.uses, may_stop=code.may_stop)


def _count(given: list[Code], scope: Scope, module: Module) -> Code:
    (code,) = given
    if code.kind == "presence":
        raise Unread("a count of what is only known to be there")
    py = f"len({code.py})" if code.many == "*" else "1" if code.is_one else f"int({code.py} is not None)"
    return Code(py, "integer", "1", code.uses, may_stop=code.may_stop)


def _sum(given: list[Code], scope: Scope, module: Module) -> Code:
    code = atomized(given[0])
    many = several(code)
    if many.kind in EXACT:
        return Code(f"sum({many.py})", "decimal", "1", many.uses, may_stop=True)
    if many.kind == "number":
        raise Unread("a sum of sums")
    doubles = double(many)
    return Code(f"summed({doubles.py})", "number", "1", doubles.uses, may_stop=doubles.may_stop)


def _round(given: list[Code], scope: Scope, module: Module) -> Code:
    code = double(optional(given[0]))
    word = {"double": "rounded_double", "number": "rounded_number"}.get(code.kind, "rounded")
    return Code(f"{word}({code.py})", code.kind, code.many, code.uses, may_stop=code.may_stop)


def _abs(given: list[Code], scope: Scope, module: Module) -> Code:
    code = double(optional(given[0]))
    py = f"abs({code.py})" if code.is_one else f"absolute({code.py})"
    return Code(py, code.kind, code.many, code.uses, may_stop=code.may_stop)


def _to_decimal(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0])
    if code.kind == "empty":
        return Code("None", "decimal", "?", is_cheap=True)
    return decimal(code)


def _to_date(given: list[Code], scope: Scope, module: Module) -> Code:
    code = string(given[0])
    return Code(f"date({code.py})", "date", code.many, code.uses, may_stop=True)


def _to_number(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0])
    if code.kind in NUMBERS:
        raise Unread("number() of a number")
    if code.kind not in TEXTS:
        raise Unread(f"number() of {code.kind}")
    return Code(f"number({code.py})", "double", "1", code.uses, may_stop=code.may_stop)


def to_string(given: list[Code], scope: Scope, module: Module) -> Code:
    code = optional(given[0] if given else here_of(scope))
    if code.kind in TEXTS:
        py = code.py if code.is_one else f"({code.py} or '')"
    else:
        py = f"as_string({'bool(' + code.py + ')' if code.kind == 'boolean' else code.py})"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _contains(given: list[Code], scope: Scope, module: Module) -> Code:
    whole, part = string(given[0]), string(given[1])
    uses, may_stop = joined(whole, part)
    between = module.plain(part)
    word = re.fullmatch(r"\(' ' \+ (.*) \+ ' '\)", between, re.DOTALL)
    if whole.constant is not None and word and between.count("' '") == 2:
        listed = whole.constant[0]
        if listed.startswith(" ") and listed.endswith(" ") and "  " not in listed:
            words, listing = module.words(listed.split()), module.constant("L", repr(listed))
            return Code(f"has_word({words}, {listing}, {word[1]})", "boolean", "1", uses, may_stop=may_stop)
    return Code(f"({_full(part)} in {_full(whole)})", "boolean", "1", uses, may_stop=may_stop)


def _full(code: Code) -> str:
    """An optional string as a string."""
    return code.py if code.is_one else f"({code.py} or '')"


def _starts(method: str) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        whole, part = string(given[0]), string(given[1])
        uses, may_stop = joined(whole, part)
        return Code(f"{_full(whole)}.{method}({_full(part)})", "boolean", "1", uses, may_stop=may_stop)

    return write


def _of_two(word: str) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        left, right = string(given[0]), string(given[1])
        uses, may_stop = joined(left, right)
        return Code(f"{word}({left.py}, {right.py})", "string", "1", uses, may_stop=may_stop)

    return write


def _substring(given: list[Code], scope: Scope, module: Module) -> Code:
    whole, *numbers = string(given[0]), *given[1:]
    if any(not code.is_one or code.kind != "integer" for code in numbers):
        raise Unread("substring with a position that is not an integer")
    uses, may_stop = joined(whole, *numbers)
    py = f"substring({whole.py}, {', '.join(code.py for code in numbers)})"
    return Code(py, "string", "1", uses, may_stop=may_stop)


def _concat(given: list[Code], scope: Scope, module: Module) -> Code:
    codes = [to_string([code], scope, module) for code in given]
    uses, may_stop = joined(*codes)
    return Code(f"({' + '.join(code.py for code in codes)})", "string", "1", uses, may_stop=may_stop)


def _string_join(given: list[Code], scope: Scope, module: Module) -> Code:
    parts, by = several(atomized(given[0])), string(given[1])
    if parts.kind not in TEXTS or not by.is_one:
        raise Unread(f"string-join of {parts.kind}")
    uses, may_stop = joined(parts, by)
    return Code(f"{by.py}.join({parts.py})", "string", "1", uses, may_stop=may_stop)


def _regex(code: Code, module: Module) -> str:
    if code.constant is None or len(code.constant) != 1:
        raise Unread("a regular expression that is not in the sheet")
    return module.constant("R", f"re.compile({python_regex(code.constant[0])!r})")


def _matches(given: list[Code], scope: Scope, module: Module) -> Code:
    code = string(given[0])
    py = f"({_regex(given[1], module)}.search({_full(code)}) is not None)"
    return Code(py, "boolean", "1", code.uses, may_stop=code.may_stop)


def _replace(given: list[Code], scope: Scope, module: Module) -> Code:
    code, by = string(given[0]), given[2].constant
    if by is None or "\\" in by[0] or "$" in by[0] or re.search(python_regex((given[1].constant or ("",))[0]), ""):
        raise Unread("a replacement that is not plain text")
    py = f"{_regex(given[1], module)}.sub({by[0]!r}, {_full(code)})"
    return Code(py, "string", "1", code.uses, may_stop=code.may_stop)


def _tokenize(given: list[Code], scope: Scope, module: Module) -> Code:
    code = string(given[0])
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
    if code.kind not in TEXTS and code.kind not in EXACT:
        raise Unread(f"distinct-values of {code.kind}")
    return changed(code, py=f"list(dict.fromkeys({code.py}))", is_cheap=False, constant=None)


def _name(is_local: bool) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        code = given[0] if given else here_of(scope)
        if code.kind != "element":
            raise Unread("the name of what is no element")
        may_stop = code.may_stop
        if code.is_one:
            py = f"{code.py}[2].local" if is_local else f"d.name({code.py})"
        else:
            py, may_stop = f"{'local_name' if is_local else 'name'}(d, one({several(code).py}))", True
        return Code(py, "string", "1", code.uses, may_stop=may_stop)

    return write


def _constant_boolean(value: bool) -> Callable[..., Code]:
    def write(given: list[Code], scope: Scope, module: Module) -> Code:
        return Code(str(value), "boolean", "1", is_cheap=True)

    return write


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
    ("string", 0): to_string,
    ("string", 1): to_string,
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
