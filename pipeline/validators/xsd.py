"""Schemas: XML-010 of the uncoupled one, which gates all that follows, XML-011 of a claimed profile; and XML-012.

libxml2 decides. xmlschema is asked only about a small document, and only about what libxml2 refuses in words that
`xsd_sentences` does not know: it is thirty times slower at best.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import islice
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
from pipeline.validators.xsd_sentences import (
    SHOWN_CHARS_MAX,
    Sentence,
    attribute_name,
    element_name,
    explain,
    is_echo,
)

_MESSAGE_CHARS_MAX = 2_000
_SLICE_BYTES = 65_536
_SLICES_AFTER_THE_FIRST_ERROR = 16
_BYTES_OF_AN_ELEMENT = 4
_REASONS_MAX = 200
_CLARK = re.compile(r"\{[^{}]*\}")
_INDEX = re.compile(r"\[\d+\]|[^/:\[]*:")
_UP_TO_A_TAG_END = re.compile(rb"[^>]*>\x00?|[^>]+")  # with the second byte of UTF-16
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
    errors = _errors(parsed, parsed.tree, schema, terms)
    if not errors:
        return ()
    sentences = [_sentence(error) for error in errors]
    if not all(sentence.explained for sentence in sentences):
        sentences = _enriched(parsed, schema_name, errors, sentences, tools)
    found = [
        _finding(error, sentence, member, code, level, terms) for error, sentence in zip(errors, sentences, strict=True)
    ]
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


def _errors(parsed: Parsed, tree: etree._ElementTree, schema: etree.XMLSchema, terms: Terms) -> list[_Error]:
    """Every complaint of a document; the first ones of a large document.

    Each complaint on a tree costs a count of the siblings before it, so that collecting them is quadratic: a document
    of many elements is validated while it is parsed again, slice by slice, until the first errors.
    """
    limit = terms.xml.xsd_siblings_max
    size: Any = _count(tree) if len(parsed.document) > _BYTES_OF_AN_ELEMENT * limit else 0
    if size > limit:
        return _without_echo(_first_errors(parsed.document, tree, schema, terms.findings.document_max))
    if schema.validate(tree):
        return []
    prefixes = {element.prefix: etree.QName(element).namespace for element in tree.iter() if element.prefix}
    log: Any = schema.error_log
    return _without_echo(_Error(str(entry.message), int(entry.line), _at(tree, entry.path, prefixes)) for entry in log)


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


def _first_errors(document: bytes, tree: etree._ElementTree, schema: etree.XMLSchema, most: int) -> list[_Error]:
    slices = [document[at : at + _SLICE_BYTES] for at in range(0, len(document), _SLICE_BYTES)]
    bad = _first_bad_slice(slices, schema)
    if bad is None:
        return []
    parser = _validating(schema)
    for piece in slices[:bad]:
        parser.feed(piece)
    line = 1 + sum(piece.count(b"\n") for piece in slices[:bad])
    told: list[tuple[str, int]] = []
    rest = b"".join(slices[bad : bad + _SLICES_AFTER_THE_FIRST_ERROR])
    for tag in _UP_TO_A_TAG_END.finditer(rest):
        line += tag[0].count(b"\n")
        told += [(message, line) for message in _fed(parser, tag[0])]
        if len(told) >= most:
            break
    return _located(told or [(message, line) for message in _closed(parser)], tree)


def _first_bad_slice(slices: list[bytes], schema: etree.XMLSchema) -> int | None:
    parser = _validating(schema)
    for rank, piece in enumerate(slices):
        if _fed(parser, piece):
            return rank
    return len(slices) - 1 if _closed(parser) else None


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
    """The validation of a stream names no element: it is looked for by its line and name."""
    wanted = {(line, element_name(message)) for message, line in told}
    at: dict[tuple[int, str], etree._Element] = {}
    for element in tree.iter():
        line: Any = element.sourceline
        key = (line, etree.QName(element).localname)
        if key in wanted:
            at.setdefault(key, element)
    return [_Error(message, line, at.get((line, element_name(message)))) for message, line in told]


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


def _text(error: _Error) -> str:
    """What stands at the place of an error: a value that is wrong, or nothing where it is an element that is."""
    if error.element is None:
        return ""
    attribute = attribute_name(error.message)
    if attribute:
        return next(
            (str(value) for name, value in error.element.attrib.items() if etree.QName(name).localname == attribute), ""
        )
    return "" if len(error.element) else (error.element.text or "").strip()


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
