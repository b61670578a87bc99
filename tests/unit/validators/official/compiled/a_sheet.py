"""Stylesheets of the shape that Schematron takes in XSLT 2.0, in words of our own: what these tests compile."""

from collections.abc import Iterable
from xml.sax.saxutils import quoteattr

from lxml import etree

from pipeline.adapters.artefacts import Artefacts
from pipeline.readers import safe_xml
from pipeline.terms import Terms
from pipeline.validators.official.compiled.build import build
from pipeline.validators.official.compiled.built import Built
from pipeline.validators.official.compiled.nodes import Document
from pipeline.validators.official.compiled.program import Program


def _places() -> str:
    """How a sheet tells the place of an element, from an installed one: no other way is compiled."""
    artefacts = Artefacts()
    root = etree.fromstring(artefacts.content(artefacts.pack("facturx-minimum").sheet))
    found = (
        one
        for one in root.iter(f"{{{_XSL}}}template")
        if one.get("match") == "*" and "full-path" in one.get("mode", "")
    )
    return "".join(etree.tostring(one, encoding="unicode", with_tail=False) for one in found)


_XSL = "http://www.w3.org/1999/XSL/Transform"
SAME = "urn:same"  # the namespace of functions, as a sheet names its own
_OPEN = f"""<xsl:stylesheet version="2.0" xmlns:xsl="{_XSL}"
    xmlns:svrl="http://purl.oclc.org/dsdl/svrl" xmlns:xs="http://www.w3.org/2001/XMLSchema"
    xmlns:own="{SAME}" xmlns:a="urn:a" xmlns:b="urn:b" exclude-result-prefixes="#all">
<xsl:output method="xml" indent="no"/>
<xsl:variable name="document-uri"><xsl:value-of select="document-uri(/)"/></xsl:variable>
{_places()}
"""
_CLOSE = "</xsl:stylesheet>"
_LOCATION = '<xsl:attribute name="location"><xsl:apply-templates select="." mode="schematron-select-full-path"/></xsl:attribute>'


def an_assert(test: str, text: str = "it does not hold", id: str = "", flag: str = "") -> str:
    """`text` may hold markup, such as `a_value(..)`."""
    said = _said("failed-assert", test, text, id, flag)
    return f"<xsl:choose><xsl:when test={quoteattr(test)}/><xsl:otherwise>{said}</xsl:otherwise></xsl:choose>"


def a_report(test: str, text: str = "it holds", id: str = "", flag: str = "") -> str:
    said = _said("successful-report", test, text, id, flag)
    return f"<xsl:if test={quoteattr(test)}>{said}</xsl:if>"


def _said(kind: str, test: str, text: str, id: str, flag: str) -> str:
    attributes = "".join(
        f'<xsl:attribute name="{name}">{value}</xsl:attribute>' for name, value in (("id", id), ("flag", flag)) if value
    )
    shown = quoteattr(test.replace("{", "{{").replace("}", "}}"))
    return f"<svrl:{kind} test={shown}>{attributes}{_LOCATION}<svrl:text>{text}</svrl:text></svrl:{kind}>"


def a_value(select: str) -> str:
    return f"<xsl:value-of select={quoteattr(select)}/>"


def a_variable(name: str, select: str, type: str = "") -> str:
    typed = f' as="{type}"' if type else ""
    return f'<xsl:variable name="{name}" select={quoteattr(select)}{typed}/>'


def a_function(name: str, parameters: dict[str, str], result: str, *variables: str, type: str = "xs:boolean") -> str:
    given = "".join(f'<xsl:param name="{name}" as="{type}"/>' for name, type in parameters.items())
    body = f"{given}{''.join(variables)}<xsl:sequence select={quoteattr(result)}/>"
    return f'<xsl:function name="own:{name}" as="{type}">{body}</xsl:function>'


def a_rule(match: str, *content: str, priority: str = "1000", is_deep: bool = True) -> str:
    """A rule of the mode that its pattern will have, written `MODE` until then."""
    down = '<xsl:apply-templates select="*" mode="MODE"/>' if is_deep else ""
    fired = f"<svrl:fired-rule context={quoteattr(match.replace('{', '{{').replace('}', '}}'))}/>"
    start = f'<xsl:template match={quoteattr(match)} priority="{priority}" mode="MODE">'
    return f"{start}{fired}{''.join(content)}{down}</xsl:template>"


def a_pattern(*rules: str) -> str:
    down = '<xsl:template match="@*|node()" priority="-2" mode="MODE"><xsl:apply-templates select="*" mode="MODE"/>'
    return f'{"".join(rules)}<xsl:template match="text()" priority="-1" mode="MODE"/>{down}</xsl:template>'


def a_sheet(*patterns: str, top: str = "") -> bytes:
    """Patterns run in their order, as modes M1, M2...; `top`: variables and functions of the whole sheet."""
    modes = [f"M{rank}" for rank in range(1, len(patterns) + 1)]
    runs = "".join(f'<svrl:active-pattern/><xsl:apply-templates select="/" mode="{mode}"/>' for mode in modes)
    start = f'<xsl:template match="/"><svrl:schematron-output>{runs}</svrl:schematron-output></xsl:template>'
    written = (pattern.replace("MODE", mode) for mode, pattern in zip(modes, patterns, strict=True))
    return f"{_OPEN}{top}{start}{''.join(written)}{_CLOSE}".encode()


def a_sheet_of(*content: str, match: str = "/doc", top: str = "") -> bytes:
    """One pattern of one rule."""
    return a_sheet(a_pattern(a_rule(match, *content)), top=top)


def codes(**lists: Iterable[str]) -> bytes:
    """A code list file: `codes(c1=("A", "B"))` is list 1."""
    written = "".join(
        f'<cl id="{name[1:]}">{"".join(f"<enumeration value={quoteattr(value)}/>" for value in values)}</cl>'
        for name, values in lists.items()
    )
    return f"<codedb>{written}</codedb>".encode()


def nodes_of(document: str | bytes) -> Document:
    """As programs are given them: after the hardened parse."""
    text = document if isinstance(document, bytes) else document.encode()
    found = safe_xml.parse(text, "m.xml", Terms())
    assert found.tree is not None, found.findings
    return Document(found.tree)


def compiled(built: Built) -> Program:
    return Program(compile(built.source, "<sheet>", "exec", dont_inherit=True))


def program(sheet: bytes, code_list: bytes = b"") -> Program:
    """A sheet of which the compiler understands everything."""
    built = build("pack", sheet, code_list)
    assert not built.left, built.left
    return compiled(built)
