"""An official stylesheet as the engine gets it: the same rules, with changes made to its text in memory.

The look-up of the code list becomes a parameter: half of the cost of a Factur-X sheet is to read that list again at
each run, and nothing can be read once URI access is closed. Each assertion tells its ordinal: reports carry no id.

What can give nothing goes, where the sheet itself shows that it cannot: a walk of the whole document once per pattern,
the visit of each attribute in each pattern, the list of the rules that fired. That is half of what is left to pay.

`reduced` keeps a few patterns of a sheet, for what another engine leaves to this one.
"""

import re
from collections.abc import Collection

CODE_LIST_PARAMETER = "codedb_doc"
ORDINAL = "ordinal"

_ATTRIBUTES = r"""(?:\s+[\w:.-]+\s*=\s*(?:"[^"]*"|'[^']*'))*\s*"""
_LOOKUP = re.compile(r"""document\(\s*'([^']*)'\s*\)|document\(\s*"([^"]*)"\s*\)""")
_OTHER_READS = re.compile(r"(?<![\w-])(?:document|doc|collection|unparsed-text)\(")  # a sentence has a blank there
_FIRST_PARAMETER = "<xsl:param "
_ASSERTION = re.compile(r"<!--.*?-->|<svrl:(?:failed-assert|successful-report)(?=[\s>])", re.DOTALL)
_FIRED_RULE = re.compile(rf"<svrl:fired-rule{_ATTRIBUTES}/>")
_IDLE_WALK = re.compile(r"<xsl:apply-templates\s*/>(?=\s*</svrl:active-pattern>)")
_TEMPLATE = re.compile(rf"<xsl:template({_ATTRIBUTES})(/?)>")
_APPLY = re.compile(rf"<xsl:apply-templates({_ATTRIBUTES})/>")
_FROM_THE_TOP = re.compile(r"""\sselect\s*=\s*["']/["']""")
_VISIT = re.compile(r"""(<xsl:apply-templates\s+mode="M[0-9]+"\s+select=")@\*\|\*(?="\s*/>)""")
_MATCH = re.compile(r"""\smatch\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_MODE = re.compile(r"""\smode\s*=\s*["']([^"']*)["']""")
_PATTERN_MODE = re.compile(r"M[0-9]+")
_PREDICATE = re.compile(r"\[[^\[\]]*\]")
_REST = "@*|node()"  # the template of a pattern for whatever no rule is about


class UnfitSheet(Exception):
    """The sheet is not of the shape that we know how to run: why, as `str` in English."""

    def __init__(self, french: str, english: str) -> None:
        super().__init__(english)
        self.french = french


def tuned(sheet: str, code_list: str) -> str:
    """The text to compile. `code_list`: the file name that the sheet looks codes up in, empty where it has none."""
    named = {one or other for one, other in _LOOKUP.findall(sheet)}
    if named != ({code_list} if code_list else set()):
        raise UnfitSheet(
            f"la feuille lit {sorted(named)}, attendu : {code_list or 'aucun document'}",
            f"the sheet reads {sorted(named)}, expected {code_list or 'no document'}",
        )
    if code_list:
        sheet = _LOOKUP.sub(f"${CODE_LIST_PARAMETER}", sheet)
        head, found, rest = sheet.partition(_FIRST_PARAMETER)
        if not found:
            raise UnfitSheet(
                "la feuille ne déclare aucun paramètre à côté duquel mettre le nôtre",
                "the sheet declares no parameter beside which ours could stand",
            )
        sheet = f'{head}<xsl:param name="{CODE_LIST_PARAMETER}"/>{found}{rest}'
    if _OTHER_READS.search(sheet):
        raise UnfitSheet(
            "la feuille lit un autre document que sa liste de codes",
            "the sheet reads a document that is not its code list",
        )
    templates = _templates(sheet)
    if _walks_idly(templates):
        sheet = _IDLE_WALK.sub("", sheet)
    if not _is_about_attributes(templates):
        sheet = _VISIT.sub(r"\1*", sheet)
    return _with_ordinals(_FIRED_RULE.sub("", sheet))


def reduced(sheet: str, modes: Collection[str]) -> str:
    """The same sheet, of which the document runs these patterns alone; ordinals stay those of the whole sheet.

    A sheet that does not write the call of each of them once, as all do, runs whole: slower, and as right.
    """
    kept = []

    def called(match: re.Match[str]) -> str:
        mode = _MODE.search(match[1])
        if mode is None or not _PATTERN_MODE.fullmatch(mode[1]) or not _FROM_THE_TOP.search(match[1]):
            return match[0]
        kept.append(mode[1])
        return match[0] if mode[1] in modes else ""

    shorter = _APPLY.sub(called, sheet)
    return shorter if all(kept.count(mode) == 1 for mode in modes) else sheet


def _templates(sheet: str) -> list[tuple[str, str, bool]]:
    """(match, mode, is empty) of each template."""
    found = []
    for attributes, is_empty in _TEMPLATE.findall(sheet):
        match, mode = _MATCH.search(attributes), _MODE.search(attributes)
        found.append(((match[1] or match[2] or "") if match else "", mode[1] if mode else "", bool(is_empty)))
    return found


def _walks_idly(templates: list[tuple[str, str, bool]]) -> bool:
    """Templates without a mode: only the start, and one that drops every text. A walk in that mode gives nothing."""
    return {(match, is_empty) for match, mode, is_empty in templates if not mode} == {("/", False), ("text()", True)}


def _is_about_attributes(templates: list[tuple[str, str, bool]]) -> bool:
    """Does a rule of a pattern match attributes? In doubt, yes."""
    return any(
        _PATTERN_MODE.fullmatch(mode) and match != _REST and not _names_elements(match) for match, mode, _ in templates
    )


def _names_elements(match: str) -> bool:
    bare = match
    while (shorter := _PREDICATE.sub("", bare)) != bare:
        bare = shorter
    return not any(mark in bare for mark in ("@", "attribute", "[", "]"))


def _with_ordinals(sheet: str) -> str:
    ordinal = 0

    def numbered(match: re.Match[str]) -> str:
        nonlocal ordinal
        if match[0].startswith("<!--"):
            return match[0]
        ordinal += 1
        return f'{match[0]} {ORDINAL}="{ordinal}"'

    return _ASSERTION.sub(numbered, sheet)
