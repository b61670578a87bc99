"""The XML of a status or action file spoiled by what it means: another status, moment, invoice, reason, action.

`markup` spoils any XML; nearly all its mutants of these files are refused by their schema. Here the document most often
stays valid, and what it asks for is another thing.
"""

import re
from collections.abc import Callable
from random import Random
from xml.sax.saxutils import escape

from bench.fuzz import plausible

# element -> datum; in the order in which the schemas have them, for an element that is put in
_OF_A_STATUS = {
    "TypeIdentifiant": "supplier_type", "Identifiant": "supplier", "IdStatut": "status", "ComplementStatut": "reason",
    "Commentaire": "comment", "Horodatage": "when", "IdFacture": "number", "DateFacture": "issued",
    "IdMandatDP": "mandate",
}  # fmt: skip
_OF_AN_ACTION = {
    "Nature": "action", "TypeIdentifiant": "supplier_type", "Fournisseur": "supplier", "IdFacture": "number",
    "DateFacture": "issued", "Destinataire": "recipient", "CodeService": "service", "NumeroEngagement": "commitment",
    "Commentaire": "comment", "Motif": "reason", "Avoir": "credit_note", "FactureRectificative": "corrective",
    "PieceJointe": "attachments", "MontantTTC": "total",
}  # fmt: skip
_PUT_IN = {  # not those that stand in each entry, or in another place than among the others
    "status": ("ComplementStatut", "Commentaire", "DateFacture", "IdMandatDP"),
    "action": tuple(name for name in _OF_AN_ACTION if name not in {"Nature", "Fournisseur", "IdFacture"}),
}
_LEAF = re.compile(r"<(\w+)>([^<]*)</\1>\s*|<(\w+)/>\s*")
_UNIT = re.compile(r"<(CPPFactureStatutUnitaire|Action)\b.*?</\1>\s*", re.DOTALL)
Change = Callable[[list[str], dict[str, str], Random], bool]


def spoiled(document: bytes, random: Random) -> bytes:
    """Change one to five entries or their values; the bytes around them stay."""
    text = document.decode("utf-8", "replace")
    units = [found[0] for found in _UNIT.finditer(text)]
    if not units:
        return document
    start = text.index(units[0])
    end = start + len("".join(units))
    data = _OF_AN_ACTION if units[0].startswith("<Action") else _OF_A_STATUS
    for _ in range(min(5, 1 + int(random.expovariate(0.8)))):
        for _ in range(4):  # some changes find nothing to change
            if units and random.choice(_CHANGES)(units, data, random):
                break
    return (text[:start] + "".join(units) + text[end:]).encode("utf-8", "replace")


def _leaves(unit: str, data: dict[str, str]) -> list[re.Match[str]]:
    return [one for one in _LEAF.finditer(unit) if (one[1] or one[3]) in data]


def _leaf(units: list[str], data: dict[str, str], random: Random) -> tuple[int, re.Match[str] | None]:
    at = random.randrange(len(units))
    found = _leaves(units[at], data)
    return at, random.choice(found) if found else None


def _written(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>\n"


def _put(units: list[str], at: int, leaf: re.Match[str], written: str) -> None:
    units[at] = units[at][: leaf.start()] + written + units[at][leaf.end() :]


# --- changes: each says whether it found something to change ----------------------------------------------------------


def _plausible(units: list[str], data: dict[str, str], random: Random) -> bool:
    at, leaf = _leaf(units, data, random)
    if leaf is None:
        return False
    name = leaf[1] or leaf[3]
    _put(units, at, leaf, _written(name, plausible.value(data[name], random)))
    return True


def _of_another(units: list[str], data: dict[str, str], random: Random) -> bool:
    """The value of the same element in another entry; half of the time each gets the other's."""
    (at, leaf), other = _leaf(units, data, random), random.randrange(len(units))
    if leaf is None or other == at:
        return False
    alike = [one for one in _leaves(units[other], data) if one[1] == leaf[1]]
    if not alike:
        return False
    if random.random() < 0.5:
        _put(units, other, alike[0], leaf[0])
    _put(units, at, leaf, alike[0][0])
    return True


def _taken(units: list[str], data: dict[str, str], random: Random) -> bool:
    at, leaf = _leaf(units, data, random)
    if leaf is None:
        return False
    _put(units, at, leaf, random.choice(("", f"<{leaf[1] or leaf[3]}/>\n", leaf[0] * 2)))
    return True


def _added(units: list[str], data: dict[str, str], random: Random) -> bool:
    """An element that the entry has not, where the schema has it."""
    at = random.randrange(len(units))
    name = random.choice(_PUT_IN["action" if data is _OF_AN_ACTION else "status"])
    found = _leaves(units[at], data)
    if any((one[1] or one[3]) == name for one in found) and name != "PieceJointe":
        return False
    order = list(data)
    behind = [one for one in found if order.index(one[1] or one[3]) < order.index(name)]
    if not behind:
        return False
    place = behind[-1].end()
    written = _written(name, plausible.value(data[name], random))
    units[at] = units[at][:place] + written + units[at][place:]
    return True


def _unit(units: list[str], _: dict[str, str], random: Random) -> bool:
    """An entry lost, repeated or moved."""
    at, what = random.randrange(len(units)), random.random()
    if what < 0.25 and len(units) > 1:
        del units[at]
    elif what < 0.65:
        units.insert(random.randrange(len(units) + 1), units[at])
    else:
        units.insert(random.randrange(len(units)), units.pop(at))
    return True


_CHANGES: tuple[Change, ...] = (
    _plausible,
    _plausible,
    _plausible,
    _plausible,
    _of_another,
    _of_another,
    _taken,
    _added,
    _unit,
    _unit,
)
