"""Schemas: XML-010 of the uncoupled one, which gates all that follows, XML-011 of a claimed profile; and XML-012.

libxml2 decides. xmlschema is asked only about a small document, and only about what libxml2 refuses in words that
`xsd_sentences` does not know: it is thirty times slower at best.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any

from lxml import etree

from pipeline import codes
from pipeline.codes import Code, Severity
from pipeline.flows import INTERFACES
from pipeline.model import Finding, finding
from pipeline.ports import Tools
from pipeline.readers.safe_xml import PARSER_OPTIONS, Parsed
from pipeline.readers.walk import STEPS
from pipeline.terms import Terms
from pipeline.validators.base64_aside import is_valid
from pipeline.validators.xsd_sentences import (
    SHOWN_CHARS_MAX,
    Sentence,
    attribute_name,
    element_name,
    explain,
    is_echo,
)
from pipeline.values import XML_BLANKS

_MESSAGE_CHARS_MAX = 2_000
_SLICE_BYTES = 65_536
_SLICES_TOLD = 64  # of those that hold errors: each is fed tag by tag, to see where its errors stand
_COUNTED_MAX = 100_000  # beyond it errors are not even counted
_SLICES_BETWEEN_COUNTS = 16
_BYTES_OF_AN_ELEMENT = 4
_REASONS_MAX = 200
_CLARK = re.compile(r"\{[^{}]*\}")
_INDEX = re.compile(r"\[\d+\]|[^/:\[]*:")
_UP_TO_A_TAG_END = re.compile(rb"[^>]*>|[^>]+")
_count = etree.XPath("count(//*) + count(//@*)")


@dataclass(frozen=True, slots=True)
class _Error:
    """One complaint of libxml2, and the element it is about where that was found."""

    message: str
    line: int
    element: etree._Element | None


def check(
    parsed: Parsed, schema_name: str, member: str, tools: Tools, *, code: Code = codes.XML_010, level: str = ""
) -> tuple[Finding, ...]:
    """Validate a parsed document. Empty when it is valid, or when the connection has this schema switched off."""
    terms = tools.terms
    if parsed.tree is None or terms.severity(code) is None:
        return ()
    schema = tools.schemas.get(schema_name)
    most = max(1, terms.findings.document_max - 1 - len(parsed.findings))
    errors, more = _errors(parsed, parsed.tree, schema, terms.xml.xsd_siblings_max, most)
    if not errors:
        return ()
    sentences = [_sentence(error) for error in errors]
    if not all(sentence.explained for sentence in sentences):
        sentences = _enriched(parsed, schema_name, errors, sentences, tools)
    found = [
        _finding(error, sentence, member, code, level, terms) for error, sentence in zip(errors, sentences, strict=True)
    ]
    if more:
        found.append(_more(errors[-1], more, member, code, level, terms))
    return tuple(one for one in found if one is not None)


def stylesheet(parsed: Parsed, interface: str, is_shipped: bool, member: str, terms: Terms) -> tuple[Finding, ...]:
    """XML-012: a fully structured flow (E1) should name or bring the sheet that makes it readable."""
    row = INTERFACES.get(interface)
    if row is None or row.type != "E1" or is_shipped or parsed.has_stylesheet_pi:
        return ()
    found = finding(terms, codes.XML_012, "E1 XML", member=member)
    if found is None:
        return ()
    is_strict = terms.switches.stylesheet_required == "error" and codes.XML_012.id not in terms.severities
    return (replace(found, severity=Severity.ERROR) if is_strict else found,)


# --- what libxml2 says ------------------------------------------------------------------------------------------------


def _errors(
    parsed: Parsed, tree: etree._ElementTree, schema: etree.XMLSchema, limit: int, most: int
) -> tuple[list[_Error], int]:
    """Every complaint of a document; of a large document the first ones, and how many more there are.

    Each complaint on a tree costs a count of the siblings before it, so that collecting them is quadratic: a document
    of many elements is validated while it is parsed again, slice by slice.
    """
    size: Any = _count(tree) if len(parsed.document) > _BYTES_OF_AN_ELEMENT * limit else 0
    if size > limit:
        told, count = _streamed(parsed, tree, schema, most)
        return told, count - len(told)
    if is_valid(tree, schema):
        return [], 0
    found = _told(tree, schema)
    kept = {error.element for error in found if "[facet '" in error.message}  # of a string: its blanks count
    if _without_blanks(error.element for error in found if error.element not in kept):
        if is_valid(tree, schema):
            return [], 0
        found = _told(tree, schema)
    return _without_echo(found), 0


def _told(tree: etree._ElementTree, schema: etree.XMLSchema) -> list[_Error]:
    """The complaints of the last validation, each with its element."""
    prefixes = {element.prefix: etree.QName(element).namespace for element in tree.iter() if element.prefix}
    log: Any = schema.error_log
    return [_Error(str(entry.message), int(entry.line), _at(tree, entry.path, prefixes)) for entry in log]


def _without_blanks(elements: Iterable[etree._Element | None]) -> bool:
    """Take the blanks off around refused values; tells whether there were any.

    XML Schema collapses the blanks around a date or a time before it looks; libxml2 2.14 does not, and refuses them.
    """
    was_padded = False
    for element in elements:
        text = element.text if element is not None and len(element) == 0 else None
        bare = text.strip(XML_BLANKS) if text else ""
        if element is not None and bare and bare != text:
            element.text = bare
            was_padded = True
    return was_padded


def _at(tree: etree._ElementTree, path: str | None, prefixes: dict[Any, Any]) -> etree._Element | None:
    try:
        found: Any = tree.xpath(path, namespaces=prefixes) if path else []
    except etree.XPathError:
        return None
    return found[0] if isinstance(found, list) and found and isinstance(found[0], etree._Element) else None


def _without_echo(errors: Iterable[_Error]) -> list[_Error]:
    """What is wrong with a value is often said twice, the second time without saying what."""
    kept: list[_Error] = []
    for error in errors:
        before = kept[-1] if kept else None
        if (
            before is not None
            and is_echo(before.message, error.message)
            and (before.line, before.element) == (error.line, error.element)
        ):
            continue
        kept.append(error)
    return kept


def _streamed(parsed: Parsed, tree: etree._ElementTree, schema: etree.XMLSchema, most: int) -> tuple[list[_Error], int]:
    """The first complaints with their places, and the count of all.

    The validation of a stream names neither line nor element, so that what is told is fed tag by tag, from the tree
    written again: no comment and no CDATA in it, hence each `<` is a tag, and the tags say how far the tree has come.
    """
    if not _survey(_slices(parsed.document), schema, most)[1]:
        return [], 0
    slices = _slices(parsed.text)
    bad, count = _survey(slices, schema, most)
    parser = _validating(schema)
    opened = 0
    told: list[tuple[str, int]] = []
    for rank, piece in enumerate(slices):
        for tag in (found[0] for found in _UP_TO_A_TAG_END.finditer(piece)) if rank in bad else (piece,):
            opened += tag.count(b"<") - tag.count(b"</")
            told += [(message, opened) for message in _fed(parser, tag)]
        if rank == bad[-1]:
            break
    told = told or [(message, opened) for message in _closed(parser)]
    return _without_echo(_located(told, tree))[:most], count


def _slices(document: bytes) -> list[bytes]:
    """Each ends where a tag does: `</` cut in two would count for a tag that opens."""
    slices = []
    at = 0
    while at < len(document):
        end = document.find(b">", at + _SLICE_BYTES) + 1 or len(document)
        slices.append(document[at:end])
        at = end
    return slices


def _survey(slices: list[bytes], schema: etree.XMLSchema, most: int) -> tuple[list[int], int]:
    """Which slices hold the first complaints, the last one where only the end of the document has one; and how many.

    Once enough slices are known the rest is only counted: the log of a parser is copied each time it is looked at.
    """
    parser = _validating(schema)
    bad: list[int] = []
    seen = 0
    for rank, piece in enumerate(slices):
        parser.feed(piece)
        is_told = seen >= 2 * most or len(bad) >= _SLICES_TOLD  # every second one may be an echo
        if is_told and rank % _SLICES_BETWEEN_COUNTS:
            continue
        now = len(parser.feed_error_log)
        if now > seen and not is_told:
            bad.append(rank)
        seen = now
        if seen >= _COUNTED_MAX:
            break
    messages = [str(entry.message) for entry in parser.feed_error_log] or _closed(parser)
    echoes = sum(is_echo(before, message) for before, message in pairwise(messages))
    return bad or [len(slices) - 1], len(messages) - echoes


def _validating(schema: etree.XMLSchema) -> Any:
    return etree.XMLParser(schema=schema, huge_tree=True, **PARSER_OPTIONS)


def _fed(parser: Any, piece: bytes) -> list[str]:
    """What the schema says of this piece, beyond what it said before."""
    before = len(parser.feed_error_log)
    parser.feed(piece)
    return [str(entry.message) for entry in parser.feed_error_log][before:]


def _closed(parser: Any) -> list[str]:
    """The same at the end of the document, which was whole when it was parsed before: only the schema can complain."""
    try:
        parser.close()
    except etree.XMLSyntaxError as err:
        return [str(err.msg)]
    return []


def _located(told: list[tuple[str, int]], tree: etree._ElementTree) -> list[_Error]:
    """Each complaint is about the last element of its name among those that were open when it was made, or before."""
    elements = tree.iter()
    last: dict[str, etree._Element] = {}
    passed = 0
    found = []
    for message, opened in told:
        for element in islice(elements, opened - passed):
            last[etree.QName(element).localname] = element
        passed = max(passed, opened)
        at = last.get(element_name(message))
        line: Any = 0 if at is None else at.sourceline
        found.append(_Error(message, line or 0, at))
    return found


# --- what we say ------------------------------------------------------------------------------------------------------


def _sentence(error: _Error) -> Sentence:
    return explain(error.message, _text(error), _parent(error.element))


def _finding(error: _Error, sentence: Sentence, member: str, code: Code, level: str, terms: Terms) -> Finding | None:
    path = _path(error.element)
    name = element_name(error.message)
    facts: dict[str, str | int] = {
        "line": error.line,
        "path": path,
        "place": sentence.bt or name,
        "sentence": sentence.english,
        "sentence_fr": sentence.french,
        "xsd_message": _CLARK.sub("", error.message)[:_MESSAGE_CHARS_MAX],
    }
    if level:
        facts["level"] = level
    value = _text(error)[:SHOWN_CHARS_MAX]
    found = finding(terms, code, sentence.bt or name, member=member, value=value, **facts)
    return None if found is None else replace(found, path=path, line=error.line)


def _more(last: _Error, count: int, member: str, code: Code, level: str, terms: Terms) -> Finding | None:
    """The last finding of a document that holds more complaints than are kept."""
    at_least = (" au moins", " at least") if count > _COUNTED_MAX // 3 else ("", "")  # up to half of them are echoes
    french = f"et{at_least[0]} {count} {'autre erreur' if count == 1 else 'autres erreurs'} de structure après celle-ci"
    english = f"and{at_least[1]} {count} more structural error{'' if count == 1 else 's'} behind this one"
    found = _finding(last, Sentence(french, english), member, code, level, terms)
    return None if found is None else replace(found, value="", facts={**found.facts, "xsd_message": ""})


def _text(error: _Error) -> str:
    """What stands at the place of an error: a value that is wrong, or nothing where it is an element that is."""
    if error.element is None:
        return ""
    attribute = attribute_name(error.message)
    if attribute:
        return next(
            (str(value) for name, value in error.element.attrib.items() if etree.QName(name).localname == attribute), ""
        )
    return "" if len(error.element) else (error.element.text or "").strip(XML_BLANKS)


def _parent(element: etree._Element | None) -> str:
    parent = None if element is None else element.getparent()
    return "" if parent is None else etree.QName(parent).localname


def _path(element: etree._Element | None) -> str:
    """The XPath of an element under the prefixes that findings use everywhere, its rank where it has namesakes."""
    steps = []
    while element is not None:
        parent = element.getparent()
        step = STEPS[element.tag]
        if parent is not None:
            before = sum(1 for _ in element.itersiblings(element.tag, preceding=True))
            if before or next(element.itersiblings(element.tag), None) is not None:
                step += f"[{before + 1}]"
        steps.append(step)
        element = parent
    return "".join(f"/{step}" for step in reversed(steps))


def _enriched(
    parsed: Parsed, schema_name: str, errors: list[_Error], sentences: list[Sentence], tools: Tools
) -> list[Sentence]:
    """Ask xmlschema, in a small document, about the places whose message is not understood here."""
    if len(parsed.text) > tools.terms.xml.explain_bytes_max:
        return sentences
    reasons: dict[str, str] = {}
    for path, reason in islice(tools.schemas.explainer(schema_name).reasons(parsed.text), _REASONS_MAX):
        reasons.setdefault(_bare(path), reason)
    return [
        sentence if sentence.explained else _with_reason(sentence, reasons.get(_bare(_path(error.element)), ""))
        for error, sentence in zip(errors, sentences, strict=True)
    ]


def _with_reason(sentence: Sentence, reason: str) -> Sentence:
    if not reason:
        return sentence
    reason = reason[:_MESSAGE_CHARS_MAX]
    return sentence._replace(french=f"{sentence.french} ({reason})", english=f"{sentence.english} ({reason})")


def _bare(path: str) -> str:
    """A path without prefixes, namespaces and ranks: the two engines write them each in its way."""
    return _INDEX.sub("", _CLARK.sub("", path))
