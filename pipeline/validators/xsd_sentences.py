"""What a schema says of a document, in sentences that an accountant can use.

libxml2 names the element and the broken rule; here that becomes: what it is, what was found, what was expected. A
message of a kind that is not known here keeps its own words and is not `explained`.
"""

import re
from typing import NamedTuple

from pipeline.validators.xsd_names import meaning

SHOWN_CHARS_MAX = 200
_NAMES_MAX = 8
_HEAD = re.compile(r"Element '(?:\{[^{}']*\})?([^{}']*)'(?:, attribute '(?:\{[^{}']*\})?([^']*)')?: ")
_EXPECTED = re.compile(r"Expected is (?:one of )?\( (.*) \)\.", re.DOTALL)
_NAME = re.compile(r"(?:\{[^{}]*\})?([\w.-]+)")
_ATTRIBUTE = re.compile(r"The attribute '(?:\{[^{}']*\})?([^']*)' is (required|not allowed)")
_FACET = re.compile(r"\[facet '(\w+)'\]")
_SET = re.compile(r"an element of the set \{(.*)\}", re.DOTALL)
_LENGTH = re.compile(
    r"length of '(\d+)'; this \w+ (?:the allowed (?:minimum|maximum) length|.*?) of '(\d+)'", re.DOTALL
)
_BOUND = re.compile(r"'([^']*)'\)?\.?\s*$")
_BLANKS = re.compile(r"[ \t\r\n]+")
_ODD_BLANK = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_TYPE = re.compile(r"is not a valid value of the (?:local )?\w+ type(?: '(?:xs:|\{[^{}']*\})?(\w+)')?\.\s*$")


class Form(NamedTuple):
    french: str
    english: str


_NUMBER = Form(
    "un nombre avec un point et sans espace, comme 1234.56", "a number with a point and no blank, as 1234.56"
)
_DATE = Form("une date réelle au format AAAA-MM-JJ", "a real date written YYYY-MM-DD")
_WHOLE = Form("un nombre entier", "a whole number")
_BOOLEAN = Form("true ou false", "true or false")
_BASE64 = Form("un contenu en base64", "base64 content")
_TIME = Form("une heure au format HH:MM:SS", "a time written HH:MM:SS")
_MOMENT = Form("un instant au format AAAA-MM-JJTHH:MM:SS", "a moment written YYYY-MM-DDTHH:MM:SS")
_URI = Form("une adresse (URI)", "a URI")
_TOKEN = Form("un code sans espace ni caractère spécial", "a code without blanks or special characters")
_OTHER = Form("une valeur que le schéma admet", "a value that the schema allows")
_FORM_OF_TYPE = {
    "decimal": _NUMBER,
    "double": _NUMBER,
    "float": _NUMBER,
    "date": _DATE,
    "boolean": _BOOLEAN,
    "base64Binary": _BASE64,
    "time": _TIME,
    "dateTime": _MOMENT,
    "anyURI": _URI,
    "token": _TOKEN,
    "NMTOKEN": _TOKEN,
    "integer": _WHOLE,
    "nonNegativeInteger": _WHOLE,
    "positiveInteger": _WHOLE,
    "int": _WHOLE,
}
_FORM_OF_ENDING = (  # of an element, where the type has no name of its own: the naming rules of UBL and CII
    (("Amount", "Quantity", "Percent", "Numeric", "Rate", "Measure"), _NUMBER),
    (("Date",), _DATE),
    (("Time",), _TIME),
    (("Indicator",), _BOOLEAN),
    (("BinaryObject",), _BASE64),
)
_NOTHING = Form("rien", "nothing")


class Sentence(NamedTuple):
    """The same sentence twice; `bt` where what it is about has one."""

    french: str
    english: str
    bt: str = ""
    explained: bool = True


def explain(message: str, text: str = "", parent: str = "") -> Sentence:
    """Put a message of libxml2 in words. `text` is what the element or attribute holds, `parent` stands around it."""
    head = _HEAD.match(message)
    if head is None:
        return Sentence(_cut(message), _cut(message), explained=False)
    name, attribute = head[1], head[2] or ""
    known = meaning(name, parent)
    bt = known.bt if known else ""
    subject = _subject(name, parent, attribute)
    said = _said(message[head.end() :], subject, (name, parent, attribute), text)
    if said is None:
        rest = _cut(message[head.end() :])
        return Sentence(f"{subject.french} : {rest}", f"{subject.english}: {rest}", bt, explained=False)
    return Sentence(said.french, said.english, bt)


def element_name(message: str) -> str:
    """The local name of the element that a message is about."""
    head = _HEAD.match(message)
    return head[1] if head else ""


def attribute_name(message: str) -> str:
    """The attribute whose value a message is about; empty where it is about the element."""
    head = _HEAD.match(message)
    return (head[2] or "") if head and _ATTRIBUTE.search(message, head.end()) is None else ""


def is_about_value(message: str) -> bool:
    """The value of an element is refused; not its place, its attributes or what it holds beside."""
    head = _HEAD.match(message)
    return head is not None and not head[2] and message[head.end() :].startswith(("[facet ", "'"))


def is_echo(before: str, message: str) -> bool:
    """A value that breaks a facet, or that is no value at all, is then called invalid once more."""
    if _TYPE.search(message) is None:
        return False
    return _FACET.search(before) is not None or "Element content is not allowed" in before


def _said(rule: str, subject: Form, at: tuple[str, str, str], text: str) -> Form | None:
    name, parent, attribute = at
    if rule.startswith("This element is not expected"):
        return _unexpected(subject, rule, parent)
    if rule.startswith("Missing child element"):
        names = _expected(rule, name)
        return Form(f"il manque dans {subject.french} : {names.french}", f"{subject.english} lacks: {names.english}")
    told = _ATTRIBUTE.match(rule)
    if told is not None and told[2] == "required":
        return Form(
            f"l'attribut {told[1]} manque sur {subject.french}", f"{subject.english} lacks the attribute {told[1]}"
        )
    if told is not None:
        element = _subject(name, parent)
        return Form(
            f"l'attribut {told[1]} n'est pas admis sur {element.french}",
            f"the attribute {told[1]} is not allowed on {element.english}",
        )
    if rule.startswith("Character content"):
        return Form(
            f"{subject.french} contient du texte, mais ne peut contenir que d'autres éléments",
            f"{subject.english} holds text, and can hold other elements only",
        )
    if rule.startswith("Element content is not allowed"):
        return Form(
            f"{subject.french} contient d'autres éléments, mais ne peut contenir qu'une valeur",
            f"{subject.english} holds other elements, and can hold a value only",
        )
    if rule.startswith("No matching global declaration"):
        return Form(
            f"le schéma ne connaît pas l'élément racine {name}", f"the schema does not know the root element {name}"
        )
    wanted = _of_facet(rule) or _of_type(rule, attribute or name)
    return None if wanted is None else _wrong(subject, text, wanted)


def _unexpected(subject: Form, rule: str, parent: str) -> Form:
    names = _expected(rule, parent)
    french, english = f"{subject.french} ne peut pas se trouver à cet endroit", f"{subject.english} cannot stand here"
    if names is _NOTHING:
        return Form(f"{french} : rien ne peut plus y suivre", f"{english}: nothing more can follow")
    if "one of" in rule:
        return Form(
            f"{french} ; le schéma y attend : {names.french}", f"{english}; the schema expects: {names.english}"
        )
    return Form(f"{french} : il faut d'abord {names.french}", f"{english}: first comes {names.english}")


def _wrong(subject: Form, text: str, wanted: Form) -> Form:
    value = _cut(text)
    shown = _ODD_BLANK.sub(lambda found: ascii(found[0])[1:-1], value)  # as the English repr shows it
    if not value:
        return Form(
            f"{subject.french} est vide ; attendu : {wanted.french}",
            f"{subject.english} is empty; expected: {wanted.english}",
        )
    return Form(
        f"{subject.french} vaut « {shown} » ; attendu : {wanted.french}",
        f"{subject.english} is {value!r}; expected: {wanted.english}",
    )


def _of_facet(rule: str) -> Form | None:
    facet = _FACET.match(rule)
    if facet is None:
        return None
    if facet[1] == "enumeration":
        told = _SET.search(rule)
        values = re.findall(r"'([^']*)'", told[1]) if told else []
        return _one_of(values) if values else _OTHER
    length = _LENGTH.search(rule)
    if facet[1] in {"minLength", "maxLength", "length"} and length is not None:
        at_least = {"minLength": ("au moins", "at least"), "maxLength": ("au plus", "at most")}
        french, english = at_least.get(facet[1], ("exactement", "exactly"))
        return Form(
            f"{french} {length[2]} caractères (trouvé : {length[1]})",
            f"{english} {length[2]} characters (found: {length[1]})",
        )
    bound = _BOUND.search(rule)
    if facet[1] == "pattern" and bound is not None:
        return Form(f"une valeur de la forme {_cut(bound[1])}", f"a value of the form {_cut(bound[1])}")
    if facet[1] in {"minInclusive", "maxInclusive", "minExclusive", "maxExclusive"} and bound is not None:
        is_low = facet[1].startswith("min")
        return Form(
            f"une valeur d'au {'moins' if is_low else 'plus'} {bound[1]}",
            f"a value of at {'least' if is_low else 'most'} {bound[1]}",
        )
    if facet[1] in {"fractionDigits", "totalDigits"}:
        return Form("un nombre avec moins de chiffres", "a number with fewer digits")
    return _OTHER


def _of_type(rule: str, name: str) -> Form | None:
    told = _TYPE.search(rule)
    if told is None:
        return None
    if told[1] in _FORM_OF_TYPE:
        return _FORM_OF_TYPE[told[1]]
    for endings, form in _FORM_OF_ENDING:
        if name.endswith(endings):
            return form
    return _OTHER


def _one_of(values: list[str]) -> Form:
    shown = [_cut(value) for value in values[:_NAMES_MAX]]
    more = len(values) - len(shown)
    tail_fr, tail_en = (f" ou {more} autres valeurs", f" or {more} other values") if more else ("", "")
    return Form("une de ces valeurs : " + ", ".join(shown) + tail_fr, "one of " + ", ".join(shown) + tail_en)


def _expected(rule: str, parent: str) -> Form:
    told = _EXPECTED.search(rule)
    names = _NAME.findall(told[1]) if told else []
    if not names:
        return _NOTHING
    shown = [_subject(name, parent, brief=True) for name in names[-_NAMES_MAX:]]  # a mandatory one is the last
    return Form(" ou ".join(form.french for form in shown), " or ".join(form.english for form in shown))


def _subject(name: str, parent: str, attribute: str = "", *, brief: bool = False) -> Form:
    known = meaning(name, parent)
    if attribute:
        element = _subject(name, parent)
        return Form(f"l'attribut {attribute} de {element.french}", f"the attribute {attribute} of {element.english}")
    if known is None:
        return Form(name, name) if brief else Form(f"l'élément {name}", f"the element {name}")
    return Form(f"{known.french} ({name})", f"{known.english} ({name})")


def _cut(text: str) -> str:
    text = _BLANKS.sub(" ", text).strip(" ")  # other blanks stay: they may be what is wrong
    return text if len(text) <= SHOWN_CHARS_MAX else f"{text[: SHOWN_CHARS_MAX - 1]}…"
