"""Changes that aim at no truth: what a slip, a converter or a hostile hand does to a document that was sound."""

from copy import deepcopy
from typing import Any

from lxml import etree

from bench.oracle import values
from bench.oracle.nodes import Attribute, path_of
from bench.oracle.rules import Target, inside
from bench.oracle.solver import Solver
from pipeline.validators.official.compiled.xpath import Step


def change(solver: Solver, target: Target | None) -> None:
    """One change, at a node that the test names if it names one that is there."""
    places = _places(solver, target)
    node = solver.random.choice(places)
    solver.effort = 400
    for _ in range(4):  # some changes find nothing to change
        if solver.random.choice(_CHANGES)(solver, node):
            return


def _places(solver: Solver, target: Target | None) -> list[Any]:
    everywhere = list(solver.root.iter())
    if target is not None and solver.random.random() < 0.85:
        steps = [one for one in inside((target.test, target.match)) if isinstance(one, Step)]
        elements = {step.name for step in steps if step.axis != "attribute"}
        attributes = {step.name for step in steps if step.axis == "attribute"}
        named: list[Any] = [
            one
            for one in everywhere
            if (one.tag in elements and len(one) == 0) or (one.tag in elements and one is not solver.root)
        ]
        named += [Attribute(one, name) for one in everywhere for name in one.attrib if name in attributes]
        if named:
            return named
    leaves = [one for one in everywhere if len(one) == 0]
    return leaves if solver.random.random() < 0.6 and leaves else everywhere


def _element(node: Any) -> etree._Element:
    return node.element if isinstance(node, Attribute) else node


def _value(node: Any) -> str | None:
    if isinstance(node, Attribute):
        return node.element.get(node.name) or ""
    return None if len(node) else node.text or ""


def _put(solver: Solver, node: Any, text: str) -> bool:
    if isinstance(node, Attribute):
        node.element.set(node.name, text)
        return True
    if len(node):
        return False
    node.text = text
    return True


def _deleted(solver: Solver, node: Any) -> bool:
    if node is solver.root:
        return False
    solver.delete(node)
    return True


def _copied(solver: Solver, node: Any) -> bool:
    element = _element(node)
    if element.getparent() is None:
        return False
    solver.copy(element)
    return True


def _copied_beside_a_change(solver: Solver, node: Any) -> bool:
    element = _element(node)
    if element.getparent() is None:
        return False
    new = solver.copy(element)
    leaves = [one for one in new.iter() if len(one) == 0]
    leaf = solver.random.choice(leaves)
    leaf.text = values.moved(leaf.text or "", solver.random)
    return True


def _emptied(solver: Solver, node: Any) -> bool:
    if isinstance(node, Attribute):
        return _put(solver, node, "")
    for child in list(node):
        node.remove(child)
    node.text = None
    return True


def _blank(solver: Solver, node: Any) -> bool:
    return _put(solver, node, solver.random.choice((" ", "\n  ", "\u00a0", "\t", "")))


def _padded(solver: Solver, node: Any) -> bool:
    text = _value(node)
    if text is None:
        return False
    pad = solver.random.choice((" ", "\n", "\u00a0", "  "))
    return _put(solver, node, solver.random.choice((pad + text, text + pad, pad + text + pad)))


def _moved(solver: Solver, node: Any) -> bool:
    text = _value(node)
    return text is not None and _put(solver, node, values.moved(text, solver.random))


def _nasty(solver: Solver, node: Any) -> bool:
    return _put(solver, node, solver.random.choice(values.NASTY))


def _other_code(solver: Solver, node: Any) -> bool:
    random, pack = solver.random, solver.pack
    if pack.codes and random.random() < 0.5:
        listed = random.choice(list(pack.codes.values()))
        return bool(listed) and _put(solver, node, random.choice(listed))
    if pack.literals and random.random() < 0.7:
        return _put(solver, node, random.choice(pack.literals))
    return _put(solver, node, random.choice(values.CATEGORIES))


def _mixed(solver: Solver, node: Any) -> bool:
    """Text beside elements: string() of the whole is then another."""
    element = _element(node)
    if not len(element):
        return False
    element.text = solver.random.choice(("1", " x ", "0.00"))
    return True


def _no_attributes(solver: Solver, node: Any) -> bool:
    element = _element(node)
    if not element.attrib:
        return False
    del element.attrib[solver.random.choice(list(element.attrib))]
    return True


def _one_attribute(solver: Solver, node: Any) -> bool:
    element = _element(node)
    kind = solver.model.at(path_of(element))
    names = list(kind.attributes) if kind is not None else []
    name = solver.random.choice([*names, "schemeID", "currencyID", "format", "listID"])
    element.set(name, solver.random.choice((*values.NASTY, "EUR", "USD", "VA", "0002", "102", "203")))
    return True


def _some_child(solver: Solver, node: Any) -> bool:
    """A child that the schema allows, with what it needs."""
    element = _element(node)
    kind = solver.model.at(path_of(element))
    if kind is None or not kind.children:
        return False
    solver.add(element, solver.random.choice(list(kind.children)))
    return True


def _exchanged(solver: Solver, node: Any) -> bool:
    element = _element(node)
    before = element.getprevious()
    if before is None:
        return False
    element.addnext(before)
    return True


def _elsewhere(solver: Solver, node: Any) -> bool:
    """The same element below another parent."""
    element = _element(node)
    parents = [
        one for one in solver.root.iter() if len(one) and element not in one.iterancestors() and one is not element
    ]
    if element is solver.root or not parents:
        return False
    parent = solver.random.choice(parents)
    if element in parent.iterancestors():
        return False
    parent.append(deepcopy(element))
    return True


def _renamed(solver: Solver, node: Any) -> bool:
    element = _element(node)
    if element is solver.root:
        return False
    space, _, local = element.tag.rpartition("}")
    element.tag = solver.random.choice((local, f"{{urn:other}}{local}", f"{space}}}{local}X" if space else f"{local}X"))
    return True


def _one_more_category(solver: Solver, node: Any) -> bool:
    """A VAT breakdown of another category: the group is copied, and its code changed, in one place or in all."""
    groups = list(
        solver.root.iter(
            "{*}ApplicableTradeTax",
            "{*}TaxSubtotal",
            "{*}CategoryTradeTax",
            "{*}ClassifiedTaxCategory",
            "{*}TaxCategory",
        )
    )
    if not groups:
        return False
    group = solver.random.choice(groups)
    if group.getparent() is None:
        return False
    category = solver.random.choice(values.CATEGORIES)
    new = solver.copy(group)
    for code in new.iter("{*}CategoryCode", "{*}ID"):
        if code.tag.endswith("CategoryCode") or _is_category(code):
            code.text = category
            break
    return True


def _is_category(code: etree._Element) -> bool:
    """Is this the code of a VAT category in UBL?"""
    above = code.getparent()
    return above is not None and above.tag.endswith("TaxCategory")


def _one_category(solver: Solver, node: Any) -> bool:
    """The same category in every VAT group: the rules of that category, on a document whose sums agree."""
    category = solver.random.choice(values.CATEGORIES)
    codes = list(solver.root.iter("{*}CategoryCode"))
    codes += [one for one in solver.root.iter("{*}ID") if _is_category(one)]
    for code in codes:
        code.text = category
    if category != "S":
        for amount in solver.root.iter("{*}RateApplicablePercent", "{*}Percent"):
            amount.text = "0"
    return bool(codes)


def _flipped(solver: Solver, node: Any) -> bool:
    flags = list(solver.root.iter("{*}Indicator", "{*}ChargeIndicator"))
    flags = [one for one in flags if not len(one)]
    if not flags:
        return False
    flag = solver.random.choice(flags)
    flag.text = solver.random.choice(("true", "false", "1", "0", "false" if flag.text == "true" else "true"))
    return True


def _other_currency(solver: Solver, node: Any) -> bool:
    places: list[Any] = [Attribute(one, "currencyID") for one in solver.root.iter() if "currencyID" in one.attrib]
    places += list(solver.root.iter("{*}InvoiceCurrencyCode", "{*}DocumentCurrencyCode", "{*}TaxCurrencyCode"))
    return bool(places) and _put(
        solver, solver.random.choice(places), solver.random.choice(("USD", "eur", "EUR", "", "GBP "))
    )


def _other_line(solver: Solver, node: Any) -> bool:
    lines = list(solver.root.iter("{*}IncludedSupplyChainTradeLineItem", "{*}InvoiceLine", "{*}CreditNoteLine"))
    if not lines:
        return False
    for _ in range(solver.random.choice((1, 1, 2, 5))):
        solver.copy(solver.random.choice(lines))
    return True


_CHANGES = (
    _deleted, _deleted, _copied, _copied_beside_a_change, _emptied, _blank, _padded, _moved, _moved, _moved, _nasty,
    _nasty, _other_code, _other_code, _mixed, _no_attributes, _one_attribute, _some_child, _some_child, _exchanged,
    _elsewhere, _renamed, _one_more_category, _one_category, _flipped, _other_currency, _other_line,
)  # fmt: skip
