"""The answer of a stylesheet (SVRL) read into hits: id, flag, location, text, report or assertion."""

import re

from pipeline.workers.stylesheet import ORDINAL

TEXT_CHARS_MAX = 1_000  # French texts quote the value, which may be an attachment of 13 MB
HITS_MAX = 20_000  # a report takes no more lines than that

Row = tuple[str, str, str, str, bool]

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"
_HEAD_ID = re.compile(r"\[([^\[\]\s]+)\]")
_BLANKS = re.compile(r"[ \t\r\n]+")


def hits(answer: str, pack: str) -> list[Row]:
    """Read the hits in the order of the sheet. The id is the one at the head of the text, else the attribute, else
    the pack and the ordinal of the assertion in the sheet.
    """
    if "<svrl:failed-assert" not in answer and "<svrl:successful-report" not in answer:
        return []  # nothing fired: spare the parse
    from lxml import etree

    # our own engine wrote it; a text of any length may be quoted in it
    root = etree.fromstring(answer.encode(), etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    found: list[Row] = []
    for element in root.iterchildren(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        said = element.find(f"{_SVRL}text")
        text = "" if said is None else _BLANKS.sub(" ", "".join(map(str, said.itertext()))).strip(" ")
        head = _HEAD_ID.match(text)
        rule = head[1] if head else element.get("id") or f"{pack}#{element.get(ORDINAL)}"
        is_report = element.tag == f"{_SVRL}successful-report"
        found.append((rule, element.get("flag", ""), element.get("location", ""), text[:TEXT_CHARS_MAX], is_report))
    if len(found) > HITS_MAX:  # keep what may refuse the document
        found.sort(key=lambda row: row[1] == "warning" or row[4])
    return found[:HITS_MAX]
