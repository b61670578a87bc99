"""A finding in words: its message and its remedy, in French or English, from the templates of its row.

A wrong or missing fact never stops a report: what is there is shown. Values come from strangers, so they are cut, and
every character that would break a line or mislead a reader is shown by its number.
"""

import re
from collections.abc import Mapping
from string import Formatter
from typing import TYPE_CHECKING, Any

from pipeline.model import Finding
from pipeline.returns.fact_labels import WORDS_FR
from pipeline.returns.markup import shown

if TYPE_CHECKING:
    from pipeline.codes.official import Sentence

FRENCH, ENGLISH = "fr", "en"
VALUE_MAX = 200
PROSE_MAX = 2_000
# Sentences of the schema, of an official rule, of a library: cut later than a value.
_PROSE = frozenset({"sentence", "xsd_message", "why", "warnings"})
_NOTHING = {FRENCH: "néant", ENGLISH: "none"}
# Control, bidirectional and zero-width characters, lone surrogates, and what XML cannot carry.
_MISLEADING = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff]"
)
# Blanks that are none to XML: what looks like « 1 000 » is no number. Names and sentences keep theirs.
_ODD_BLANKS = re.compile(r"[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_OFFENDING = frozenset({"value", "text", "number"})
_OFFICIAL = "OFF-"
_OFFICIAL_HEAD = re.compile(r"\s*(?:\[[^\]]{1,60}\]\s*[-–—:]*|\[?BR-FR-[A-Z0-9/_-]{2,40}(?: ou BT-[0-9]+)? :)\s*")


def text(finding: Finding, lang: str = FRENCH) -> str:
    """What is wrong. French where the row has it, else English. The text of an official rule that we tell ourselves
    comes after our sentence.
    """
    row = finding.row
    template = row.message_en if lang == ENGLISH or not row.message_fr else row.message_fr
    ours = _ours(finding)
    if ours is not None:
        said = f"{ours.message_en}; official text:" if lang == ENGLISH else f"{ours.message_fr} ; texte officiel :"
        template = template.replace("{text}", f"{said} {{text}}")
    return _filled(template, finding, lang)


def remedy(finding: Finding, lang: str = FRENCH) -> str:
    """What to do about it; empty where there is nothing to do."""
    row = finding.row
    if row.remedy_en == "none":
        return ""
    ours = _ours(finding)
    if ours is not None:
        element = ours.element(finding.pack, finding.path)
        if lang == ENGLISH:
            return f"{ours.remedy_en}; element {element}" if element else ours.remedy_en
        return f"{ours.remedy_fr} ; élément {element}" if element else ours.remedy_fr
    template = row.remedy_en if lang == ENGLISH or not row.remedy_fr else row.remedy_fr
    return _filled(template, finding, lang)


def _ours(finding: Finding) -> "Sentence | None":
    """What we say ourselves of the official rule of this finding, if it is one that we tell."""
    if not finding.code.startswith(_OFFICIAL):
        return None
    from pipeline.codes.official import told  # here: most documents break no rule, and the table takes some 3 ms

    return told(finding.rule, str(finding.facts.get("text", "")))


def display(value: str, limit: int = VALUE_MAX) -> str:
    """Show a value of a stranger on one line, cut.

    >>> display("F\\n1"), display("x" * 9, 5)
    ('F\\\\x0a1', 'xxxxx…')
    """
    safe = _MISLEADING.sub(lambda match: shown(match[0]), value[:limit])
    return safe if len(value) <= limit else f"{safe}…"


def fact(finding: Finding, name: str, lang: str = FRENCH) -> str:
    """One fact of a finding as people read it; the finding's own place serves where the fact is not given.

    A sentence that another tool made may come in both languages: `sentence` and `sentence_fr`.
    """
    found: object = (finding.facts.get(f"{name}_fr") if lang != ENGLISH else None) or finding.facts.get(name)
    if found is None:
        found = {
            "member": finding.member,
            "path": finding.path,
            "place": finding.at,
            "value": finding.value,
            "line": finding.line or "",
            "column": finding.column or "",
            "official_id": finding.rule,
        }.get(name, "")
    is_official = finding.code.startswith(_OFFICIAL)
    limit = PROSE_MAX if name in _PROSE or (is_official and name == "text") else VALUE_MAX
    words = str(found)
    if lang != ENGLISH:
        words = WORDS_FR.get((name, words), words)
    if is_official and name == "text":  # the sheet's own "[BR-01]-" before the sentence says the id twice
        words = _OFFICIAL_HEAD.sub("", " ".join(words.split()), count=1)
    said = display(words, limit)
    if name in _OFFENDING and not is_official:
        said = _with_odd_blanks(said)
    return said or _NOTHING.get(lang, _NOTHING[FRENCH])


def value(finding: Finding) -> str:
    """The offending value, cut and on one line; masked where the rule masks it (an account number)."""
    masked = next((text for name, text in finding.facts.items() if name.endswith("_masked")), None)
    return _with_odd_blanks(display(str(finding.value if masked is None else masked)))


def _with_odd_blanks(value: str) -> str:
    return _ODD_BLANKS.sub(lambda match: shown(match[0]), value)


class _Words(Formatter):
    """`str.format` that shows what is there: no attribute, no index, no exception for a wrong type."""

    def __init__(self, finding: Finding, lang: str) -> None:
        self.finding = finding
        self.lang = lang

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> tuple[object, str]:
        name = re.split(r"[.\[]", field_name)[0]
        found = self.finding.facts.get(name)
        return (found if isinstance(found, int) else fact(self.finding, name, self.lang)), name

    def convert_field(self, value: object, conversion: Any) -> object:
        if conversion == "r":
            return f"'{value}'" if self.lang == ENGLISH else f"« {value} »"
        return value

    def format_field(self, value: object, format_spec: str) -> str:
        try:
            return format(value, format_spec)
        except (ValueError, TypeError):
            return str(value)


def _filled(template: str, finding: Finding, lang: str) -> str:
    try:
        return _Words(finding, lang).vformat(template, (), {})
    except (ValueError, IndexError, RecursionError):  # a brace that opens nothing: our own slip, still an answer
        return f"{template} {_listed(finding.facts)}".rstrip()


def _listed(facts: Mapping[str, str | int]) -> str:
    return ", ".join(f"{name} = {display(str(value))}" for name, value in facts.items())
