"""Hits of an official pack turned into findings: the official id stays, the level follows the policy."""

import re

from pipeline.codes import Code, Severity
from pipeline.model import Finding
from pipeline.ports import Hit
from pipeline.validators.official.places import Document, Place
from pipeline.validators.rule import shown

# the assert that looks BT-24 up in a list: an id is used twice among the sheets, so the pack counts too
_GUIDELINE_LOOKUPS = {("facturx-en16931", "FX-SCH-A-000556"), ("facturx-basic", "FX-SCH-A-000026")}


def severity(hit: Hit, pack: str, level: Severity, *, is_listed: bool) -> Severity:
    """The level of the policy, softened where the sheet says warning, where it only remarks, or where its own list of
    guidelines does not hold the value that led to the pack.
    """
    if level is Severity.INFO or (not is_listed and (pack, hit.id) in _GUIDELINE_LOOKUPS):
        return Severity.INFO
    if hit.flag == "warning" or (hit.is_report and not hit.flag):
        return Severity.WARNING
    return level


def finding(hit: Hit, code: Code, pack: str, level: Severity, document: Document, member: str) -> Finding:
    """A hit with its official id and text, where it stands, and the term it is about if it is a rule that we tell."""
    from pipeline.codes.official import told  # here: most documents break no rule, and the table takes some 3 ms

    ours = told(hit.id, hit.text)
    place = document.place(hit.location)
    facts: dict[str, str | int] = {"official_id": hit.id, "text": hit.text}
    if "path" in code.facts:
        facts["path"] = place.path
    return Finding(
        hit.id, code.id, level, pack, member, ours.at if ours else "", place.path, place.line, value=place.value,
        facts=facts,
    )  # fmt: skip


_QUOTED = re.compile(r'Cannot convert string "(?P<value>.*)" to |\(u?"(?P<first>[^"]*)"')


def culprit(said: str, document: Document) -> Place:
    """The value that stopped the engine, as its message quotes it, and where it stands; an empty path where it is not
    to be found (the message cuts long values).
    """
    quoted = _QUOTED.search(said)
    if quoted is None:
        return Place("")
    value = quoted["value"] if quoted["value"] is not None else quoted["first"]
    return (document.holding(value) if value.strip() else None) or Place("", 0, shown(value))
