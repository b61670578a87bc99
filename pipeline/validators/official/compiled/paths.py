"""Ways through a document, written as Python: steps, predicates, unions, and the look-up of a code list."""

import re
from itertools import pairwise

from pipeline.validators.official.compiled.nodes import path_of
from pipeline.validators.official.compiled.pieces import (
    AROUND_NAMES,
    NUMBERS,
    TEXTS,
    Code,
    Module,
    Scope,
    Writer,
    atomized,
    changed,
    here_of,
    item_of,
    joined,
    several,
    told_true,
    write,
)
from pipeline.validators.official.compiled.xpath import (
    Call,
    Compare,
    Expression,
    Filter,
    Here,
    Logic,
    Number,
    Path,
    Root,
    Step,
    String,
    Union,
    Unread,
    Variable,
)


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
        code = here_of(scope)
    else:
        code = write(expression.start, scope, module)
    for step in steps:
        code = module.shared(_step(code, step, scope, module))
    return code


_TOP = Code("d.top", "element", "1", is_cheap=True)
_ALL = Code("d.nodes", "tree", "*", is_cheap=True)


def _is_plain(step: Expression) -> bool:
    return isinstance(step, Step) and step.axis == "child" and not step.predicates and _is_name(step.name)


def _is_name(name: str) -> bool:
    return "*" not in name and "(" not in name


def _step(code: Code, step: Expression, scope: Scope, module: Module) -> Code:
    if code.kind == "tree" and _goes_down(step):
        code = changed(code, kind="element", is_nested=True)
    if code.kind != "element":
        raise Unread(f"a step from {code.kind}")
    if not isinstance(step, Step):
        return _expression_step(code, step, scope, module)
    if step.predicates and (code.many == "*" and any(_counts(p) for p in step.predicates)):
        x = scope.local
        here = _node(x, code.depth)
        inner = several(_step(here, step, scope.inside(here), module))
        uses = code.uses | (inner.uses - {x})
        py = f"[y for {x} in {code.py} for y in {inner.py}]"
        if inner.kind == "element":
            py = f"in_order({py})"
        return changed(inner, py=py, uses=uses, is_cheap=False, may_stop=code.may_stop or inner.may_stop)
    found = _axis(code, step, module)
    for predicate in step.predicates:
        found = _filtered(found, predicate, scope, module)
    return found


def _node(name: str, depth: int) -> Code:
    return Code(name, "element", "1", frozenset({name}), depth=depth, is_cheap=True)


def _counts(predicate: Expression) -> bool:
    return isinstance(predicate, Number) or (isinstance(predicate, Call) and predicate.name in {"position", "last"})


def _goes_down(step: Expression) -> bool:
    """Nodes without children, which a tree is kept without, give nothing on this step."""
    if isinstance(step, Union):
        return all(isinstance(p, Path) and isinstance(p.start, Here) and _goes_down(p.steps[0]) for p in step.parts)
    return isinstance(step, Step) and step.axis in {"child", "attribute", "descendant"}


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
    found = writer(code, step.name, module)
    if step.axis in {"descendant", "ancestor", "preceding"} and found.kind == "element":
        return changed(found, is_nested=True, true=found.true)
    if code.is_nested and step.axis == "child" and found.kind == "element":
        return changed(found, py=f"in_order({found.py})", is_nested=True)
    return found


def _child(code: Code, name: str, module: Module) -> Code:
    if name == "text()":
        py = f"[y for z in {code.py} for y in inner_texts(d, z)]" if not code.is_one else f"inner_texts(d, {code.py})"
        return Code(py, "text", "*", code.uses, may_stop=code.may_stop)
    depth = code.depth + 1
    if name in {"*", "node()"} or name.startswith("*:") or name.endswith("*"):
        if name == "node()":
            raise Unread("child::node()")
        all_py = f"children({code.py})" if code.is_one else f"[y for z in {code.py} for y in children(z)]"
        found = _named(Code(all_py, "element", "*", code.uses, depth=depth, may_stop=code.may_stop), name, module)
        return changed(found, true=f"{code.py}[1]") if code.is_one and name == "*" else found
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
    return changed(code, py=f"[y for y in {code.py} if {test}]")


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


_ABOVE = dict(pairwise(("n", *AROUND_NAMES)))


def _parent(code: Code, name: str, module: Module) -> Code:
    if code.is_one and code.depth and "n" in module.outer and (above := _ABOVE.get(code.py)):
        found = Code(above, "element", "1", frozenset({above}), depth=code.depth - 1, is_cheap=True)
    elif code.is_one and code.depth:
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
    return changed(many, py=f"[y for y in {many.py} if y[2].tag == {module.tag(name)}]", is_cheap=False)


def _descendant(code: Code, name: str, module: Module) -> Code:
    if name == "text()":
        return Code(f"all_texts(d, {several(code).py})", "text", "*", code.uses, may_stop=code.may_stop)
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
    if name != "node()":
        raise Unread(f"descendant-or-self::{name}")
    if code is _TOP:
        return _ALL
    if code.is_one:
        py = f"[{code.py}, *below(d, {code.py}, '*')]"
    else:
        py = f"in_order([y for z in {code.py} for y in (z, *below(d, z, '*'))])"
    return Code(py, "tree", "*", code.uses, depth=code.depth, may_stop=code.may_stop)


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
        return write(step, scope.at(code), module)
    if code.py == _ALL.py and isinstance(step, Union):
        steps = [part.steps[0] for part in step.parts if isinstance(part, Path) and len(part.steps) == 1]
        if len(steps) == len(step.parts) and all(map(_is_plain, steps)):  # `//(a | b)`: all elements of these names
            named = "".join(f"{_descendant(_TOP, one.name, module).py}, " for one in steps if isinstance(one, Step))
            return Code(f"united(({named}))", "element", "*", depth=1, is_nested=True)
    x = scope.local
    nodes = several(code)
    inner = write(step, scope.inside(_node(x, code.depth)), module)
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
        if inner.kind == "element":
            py = f"in_order({py})"
    uses = code.uses | (inner.uses - {x})
    return Code(py, inner.kind, "*", uses, depth=inner.depth, may_stop=code.may_stop or inner.may_stop)


def _filtered(code: Code, predicate: Expression, scope: Scope, module: Module) -> Code:
    if isinstance(predicate, Number) and predicate.kind == "integer":
        nth = int(predicate.text)
        if nth < 1:
            raise Unread("a position below 1")
        many = several(code)
        return changed(many, py=f"{many.py}[{nth - 1}:{nth}]")
    if code.kind not in {"element", "attribute", "text", *TEXTS}:
        raise Unread(f"a predicate on {code.kind}")
    if code.is_one and code.py.isidentifier():  # a predicate on one item: the item where it holds
        told = _condition(predicate, scope.at(code), module)
        uses, may_stop = joined(code, told)
        return changed(
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
    told = _condition(predicate, scope.inside(item_of(x, many)), module)
    py = f"[{x} for {x} in {many.py} if {told.py}]"
    uses = many.uses | (told.uses - {x})
    return changed(many, py=py, uses=uses, is_cheap=False, may_stop=many.may_stop or told.may_stop, constant=None)


def _condition(predicate: Expression, scope: Scope, module: Module) -> Code:
    """A predicate that is no position."""
    code = write(predicate, scope, module)
    if code.kind in NUMBERS or code.kind == "mixed" or (code.kind in TEXTS and code.many == "*"):
        raise Unread(f"a predicate that gives {code.kind}")
    return told_true(code)


_LOOK_UP, _LOOKED_UP = ".get({}, NONE)", ", NONE)"


def _picked(many: Code, predicate: Expression, scope: Scope, module: Module) -> Code | None:
    """`list[path = value]` where the list is worth keeping: it is sorted once by what the path gives, then looked up.

    So that a rule for each line that looks among all lines costs what a look-up costs.
    """
    # few are looked through, unless they are children of a node around: those may be all the lines of the document
    is_small = many.is_cheap and many.uses and not many.uses <= frozenset(AROUND_NAMES)
    if is_small or not many.uses <= module.outer or not isinstance(predicate, Compare):
        return None
    if predicate.operator != "eq" or not predicate.is_general:
        return None
    x = scope.local
    inside = scope.inside(item_of(x, many))
    left, right = (atomized(write(side, inside, module)) for side in (predicate.left, predicate.right))
    for key, value in ((left, right), (right, left)):
        if (
            x in key.uses
            and x not in value.uses
            and key.uses - {x} <= module.outer
            and {key.kind, value.kind} <= TEXTS
            and (value.many != "*" or many.kind == "element")
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
            uses, may_stop = joined(groups, value)
            if value.many == "*":
                told = f"united([{groups.py}.get(y, NONE) for y in set({value.py})])"
            else:
                told = f"{groups.py}{_LOOK_UP.format(value.py)}"
            return changed(
                many,
                py=told,
                uses=uses,
                is_cheap=False,
                may_stop=may_stop,
                constant=None,
            )
    return None


def _filter(expression: Filter, scope: Scope, module: Module) -> Code:
    code = write(expression.of, scope, module)
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
    values = atomized(write(wanted, scope, module))
    if values.kind not in TEXTS:
        raise Unread(f"{values.kind} looked up in a code list")
    words = module.words(module.code_lists[number])
    py = f"not {words}.isdisjoint({values.py})" if values.many == "*" else f"({values.py} in {words})"
    return Code(py, "presence", "1", values.uses, may_stop=values.may_stop)


def _union(expression: Union, scope: Scope, module: Module) -> Code:
    codes = [several(write(part, scope, module)) for part in expression.parts]
    uses, may_stop = joined(*codes)
    if {code.kind for code in codes} != {"element"}:
        raise Unread("a union that is not one of elements")
    depth = min(code.depth for code in codes)
    return Code(
        f"united(({', '.join(code.py for code in codes)},))", "element", "*", uses, depth=depth, may_stop=may_stop
    )


def _root(expression: Root, scope: Scope, module: Module) -> Code:
    return _TOP


def _bare_step(expression: Step, scope: Scope, module: Module) -> Code:
    return _path(Path(Here(), (expression,)), scope, module)


WRITERS_OF_PATHS: dict[type, Writer] = {
    Path: _path,
    Step: _bare_step,
    Root: _root,
    Filter: _filter,
    Union: _union,
}
