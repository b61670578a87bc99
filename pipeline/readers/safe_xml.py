"""The hardened parse: the only way into XML from outside. Bytes in; a tree, or the reason why there is none.

Cheap caps stand before the parse (encoding, DOCTYPE, count of elements and of namespaces), exact ones after it: the
recipes of engineering/reliability.md 2.2 and 2.12. This lies below `identify`, which asks it about a file it cannot
name; `validators.xml` adds what a profile says about encodings.
"""

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any

from lxml import etree

from pipeline import codes
from pipeline.codes import Code, Severity
from pipeline.model import Finding
from pipeline.ports import OutOfMemory, Said
from pipeline.terms import Terms, XmlLimits

Tree = etree._ElementTree

_ELEMENT_BYTES = 4  # <a/>
NAMESPACES_MAX = 64  # an ordinary invoice declares fewer than ten
_ENCODING_CHARS_MAX = 40
_WHY_CHARS_MAX = 300

PARSER_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "recover": False,
    "remove_comments": True,
    "remove_pis": True,
}
_CANONICAL = {
    "utf-8": "UTF-8",
    "ascii": "UTF-8",  # a document in ASCII is one in UTF-8
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "iso8859-1": "ISO-8859-1",
    "iso8859-15": "ISO-8859-15",
    "cp1252": "windows-1252",
}
_KEEPS_ASCII = {"UTF-8", "ISO-8859-1", "ISO-8859-15", "windows-1252"}
_MARKS = (  # the longer ones first: the mark of UTF-32 begins like that of UTF-16
    (b"\xff\xfe\x00\x00", "UTF-32"),
    (b"\x00\x00\xfe\xff", "UTF-32"),
    (b"<\x00\x00\x00", "UTF-32"),
    (b"\x00\x00\x00<", "UTF-32"),
    (b"\xff\xfe", "UTF-16"),
    (b"\xfe\xff", "UTF-16"),
    (b"<\x00", "UTF-16"),
    (b"\x00<", "UTF-16"),
    (b"\xef\xbb\xbf", "UTF-8"),
)
_DECLARES_UTF8 = re.compile(rb"""<\?xml version=["']1\.0["'] encoding=["']utf-8["'] ?\?>""", re.IGNORECASE)
_XMLNS = re.compile(rb"""xmlns(?::[^:\s=<>/"']+)?\s*=\s*(?:"[^"<]*"|'[^'<]*')""")
_BLANKS = re.compile(rb"[ \t\r\n]*")
_SHEETS = {b"xml-stylesheet" + blank for blank in (b" ", b"\t", b"\r", b"\n")}
_PLACE_AT_END = re.compile(r"\s*,? line \d+, column \d+$")


@dataclass(frozen=True)
class Parsed:
    """A document after the parse. `tree` is None where one of the findings refused it."""

    document: bytes
    tree: Tree | None
    encoding: str
    has_stylesheet_pi: bool
    findings: tuple[Finding, ...]

    @cached_property
    def text(self) -> bytes:
        """The tree written again, in UTF-8: what other engines get, who would read more than was accepted here."""
        return b"" if self.tree is None else etree.tostring(self.tree, encoding="UTF-8")


class _Refused(Exception):
    """Carries a finding out of the steps below; it never leaves this module."""

    def __init__(self, code: Code, value: str = "", line: int = 0, column: int = 0, **facts: str | int) -> None:
        super().__init__(code.id)
        self.code, self.value, self.line, self.column, self.facts = code, value, line, column, facts


def parse(document: bytes, member: str, terms: Terms, *, huge: bool = True) -> Parsed:
    """Parse one document. `huge` admits texts of more than 10 MB: base64 of the attachments that a flow may carry."""
    encoding, has_sheet = "UTF-8", False
    try:
        encoding = encoding_of(document)
        if encoding not in {_canonical(name) for name in terms.lists.encodings}:
            raise _Refused(codes.FIL_006, encoding, encoding=encoding)
        plain = _readable(document, encoding)
        _refuse_bulk(plain, terms.xml)
        is_typed, has_sheet = _prolog(plain)
        if is_typed:
            raise _Refused(codes.XML_002, "<!DOCTYPE")
        tree = _tree(document, terms.xml, huge)
        _refuse_shape(tree, len(plain), terms.xml)
    except _Refused as refused:
        return Parsed(document, None, encoding, has_sheet, (_finding(refused, member, terms),))
    return Parsed(document, tree, encoding, has_sheet, ())


def root_of(chunks: Iterable[bytes]) -> etree.QName | None:
    """The name of the root element, read no further than its start tag; None where no such thing can be read."""
    for element in _elements(chunks, events=("start",)):
        try:
            return etree.QName(element)
        except ValueError:  # a name that libxml2 could not finish reading
            return None
    return None


def count_elements(chunks: Iterable[bytes], name: str, elements_max: int) -> int:
    """Count the elements of this name (no namespace) as far as the document can be read, keeping none of them."""
    count = 0
    for element in _elements(_up_to(chunks, elements_max), events=("end",), tag=name):
        count += 1
        element.clear()
    return count


def encoding_of(document: bytes) -> str:
    """The encoding that libxml2 will really use: the byte order mark or pattern, else the declaration, else UTF-8.

    `docinfo.encoding` cannot be asked instead: a mark of UTF-16 without a declaration reads `UTF-8` there, and an
    encoding where `<` is another byte would walk past the count of elements before the parse.
    """
    for mark, name in _MARKS:
        if document.startswith(mark):
            return name
    if not document.startswith(b"<?xml") or _DECLARES_UTF8.match(document):
        return "UTF-8"
    declaration = document[: document.find(b"?>") + 2]
    try:
        probe = etree.fromstring(declaration + b"<x/>", etree.XMLParser(**PARSER_OPTIONS))
    except etree.XMLSyntaxError as err:
        raise _malformed(err) from err
    return _canonical(probe.getroottree().docinfo.encoding or "UTF-8")


@lru_cache(maxsize=64)  # those of the settings are asked for with every document
def _canonical(name: str) -> str:
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return name[:_ENCODING_CHARS_MAX]
    return _CANONICAL.get(known, name[:_ENCODING_CHARS_MAX])


def _readable(document: bytes, encoding: str) -> bytes:
    """The same document with ASCII as one byte each, for what is looked up and counted before the parse."""
    if encoding in _KEEPS_ASCII:
        return document
    if encoding == "UTF-16" and not document.startswith((b"\xff\xfe", b"\xfe\xff")):
        encoding = "UTF-16-LE" if document.startswith(b"<") else "UTF-16-BE"
    return document.decode(encoding, "replace").encode("utf-8", "replace")


def _prolog(plain: bytes) -> tuple[bool, bool]:
    """What stands before the root element: is there a DOCTYPE, is there an instruction that names a style sheet?"""
    at = 3 if plain.startswith(b"\xef\xbb\xbf") else 0
    has_sheet = False
    while blanks := _BLANKS.match(plain, at):
        at = blanks.end()
        if plain.startswith(b"<?", at):
            has_sheet = has_sheet or plain[at + 2 : at + 17] in _SHEETS
            end, closing = plain.find(b"?>", at), 2
        elif plain.startswith(b"<!--", at):
            end, closing = plain.find(b"-->", at + 4), 3
        else:
            break
        if end < 0:
            break
        at = end + closing
    return plain.startswith(b"<!DOCTYPE", at), has_sheet


def _refuse_bulk(plain: bytes, limits: XmlLimits) -> None:
    """Count before the parse: a tree takes thirty times the bytes of its empty elements."""
    if len(plain) >= _ELEMENT_BYTES * limits.elements_max:
        elements = plain.count(b"<") - plain.count(b"</")
        if elements > limits.elements_max:
            raise _over("elements", elements, limits.elements_max)
    if plain.count(b"xmlns") > NAMESPACES_MAX:
        namespaces = len({match[0] for match in _XMLNS.finditer(plain)})
        if namespaces > NAMESPACES_MAX:
            raise _over("namespaces", namespaces, NAMESPACES_MAX)


def _tree(document: bytes, limits: XmlLimits, huge: bool) -> Tree:
    try:
        tree = etree.fromstring(document, etree.XMLParser(huge_tree=huge, **PARSER_OPTIONS)).getroottree()
    except etree.XMLSyntaxError as err:
        code = getattr(err, "code", 0)  # of libxml2
        if code == etree.ErrorTypes.ERR_NO_MEMORY or str(err.msg).startswith("unknown error"):
            raise OutOfMemory(
                Said(
                    "mémoire insuffisante pour lire le XML ; donner plus de mémoire au lecteur, puis relancer",
                    "out of memory while parsing; give the reader more memory and run again",
                )
            ) from err
        if "Excessive depth" in str(err.msg):
            raise _over("depth", 2_048 if huge else 256, limits.depth_max) from err
        if code == etree.ErrorTypes.ERR_RESOURCE_LIMIT:
            raise _over("text", len(document), limits.text_chars_max) from err
        raise _malformed(err) from err
    except ValueError as err:  # what lxml refuses before libxml2 sees it
        raise _Refused(codes.XML_001, line=1, column=1, why=str(err), why_fr=str(err)) from err
    if tree.docinfo.internalDTD is not None or tree.docinfo.externalDTD is not None:
        raise _Refused(codes.XML_002, "<!DOCTYPE")
    return tree


def _refuse_shape(tree: Tree, size: int, limits: XmlLimits) -> None:
    """Depth and attributes by XPath, in C; texts one by one, and only where the document is long enough to hold one."""
    is_deep, is_wide = _probes(limits.depth_max, limits.attributes_per_element_max)
    if is_deep(tree):
        raise _over("depth", limits.depth_max + 1, limits.depth_max)
    if is_wide(tree):
        most = max(len(element.attrib) for element in tree.iter())
        raise _over("attributes of one element", most, limits.attributes_per_element_max)
    if size > limits.text_chars_max:
        longest = max(_lengths(tree))
        if longest > limits.text_chars_max:
            raise _over("characters of one text", longest, limits.text_chars_max)


@lru_cache
def _probes(depth_max: int, attributes_max: int) -> tuple[etree.XPath, etree.XPath]:
    return etree.XPath("boolean(/*" + "/*" * depth_max + ")"), etree.XPath(f"boolean(//*/@*[{attributes_max + 1}])")


def _lengths(tree: Tree) -> Iterator[int]:
    for element in tree.iter():
        yield len(element.text or "")
        yield len(element.tail or "")
        yield from (len(value) for value in element.attrib.values())


_CAPS_FR = {
    "elements": "le nombre d'éléments",
    "namespaces": "le nombre d'espaces de noms",
    "depth": "la profondeur",
    "text": "la longueur d'un texte",
    "attributes of one element": "le nombre d'attributs d'un élément",
    "characters of one text": "la longueur d'un texte, en caractères",
}


def _over(what: str, value: int, limit: int) -> _Refused:
    return _Refused(codes.XML_003, str(value), what=what, what_fr=_CAPS_FR[what], limit=limit)


# the commonest reasons of libxml2, by its error code
_WHY_FR = {
    4: "le document ne contient pas d'élément",
    5: "du contenu suit l'élément racine",
    9: "caractère interdit en XML",
    26: "entité non définie",
    32: "encodage inconnu",
    38: "« < » dans une valeur d'attribut",
    42: "attribut donné deux fois",
    64: "la déclaration XML n'est pas au tout début",
    68: "un nom est attendu",
    73: "« > » est attendu",
    76: "les balises ouvrante et fermante diffèrent",
    77: "le document s'arrête avant sa fin",
    81: "octets invalides dans cet encodage",
    201: "préfixe non déclaré",
}


def _malformed(err: etree.XMLSyntaxError) -> _Refused:
    why = " ".join(_PLACE_AT_END.sub("", str(err.msg)).split())[:_WHY_CHARS_MAX] or "not well-formed"
    french = _WHY_FR.get(getattr(err, "code", 0))
    why_fr = f"{french} ({why})" if french else why
    return _Refused(codes.XML_001, line=err.lineno or 1, column=err.offset or 1, why=why, why_fr=why_fr)


def _finding(refused: _Refused, member: str, terms: Terms) -> Finding:
    # switched off in the settings or not, a document without a tree cannot pass for a good one
    severity = terms.severity(refused.code) or Severity.ERROR
    found = Finding(refused.code.id, refused.code.id, severity, member=member, facts=refused.facts)
    return replace(found, line=refused.line, column=refused.column, value=refused.value)


def _elements(chunks: Iterable[bytes], **wanted: Any) -> Iterator[etree._Element]:
    parser: Any = etree.XMLPullParser(huge_tree=True, **wanted, **PARSER_OPTIONS)
    try:
        for chunk in chunks:
            parser.feed(chunk)
            yield from (element for _, element in parser.read_events())
    except (etree.XMLSyntaxError, ValueError):
        yield from (element for _, element in parser.read_events())  # what was whole before the place that is not
    finally:
        for _ in parser.read_events():  # an event left there holds the tree, which holds the parser: a ring
            pass


def _up_to(chunks: Iterable[bytes], elements_max: int) -> Iterator[bytes]:
    seen = 0
    for chunk in chunks:
        seen += chunk.count(b"<") - chunk.count(b"</")
        if seen > elements_max:
            return
        yield chunk
