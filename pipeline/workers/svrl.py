"""The answer of a stylesheet (SVRL) read into hits: id, flag, location, text, report or assertion."""

from collections.abc import Collection

from pipeline.validators.official.told import TEXT_CHARS_MAX, most_serious, rule_id, text_of
from pipeline.workers.stylesheet import ORDINAL

Row = tuple[str, str, str, str, bool]

_SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def hits(answer: str, pack: str, ordinals: Collection[int] = ()) -> list[Row]:
    """Read the hits in the order of the sheet. The id is the one at the head of the text, else the attribute, else
    the pack and the ordinal of the assertion in the sheet. `ordinals`: the only assertions that count; none: all do.
    """
    if "<svrl:failed-assert" not in answer and "<svrl:successful-report" not in answer:
        return []  # nothing fired: spare the parse
    from lxml import etree

    # our own engine wrote it; a text of any length may be quoted in it
    root = etree.fromstring(answer.encode(), etree.XMLParser(huge_tree=True, resolve_entities=False, no_network=True))
    found: list[Row] = []
    for element in root.iterchildren(f"{_SVRL}failed-assert", f"{_SVRL}successful-report"):
        if ordinals and int(element.get(ORDINAL, "0")) not in ordinals:
            continue
        said = element.find(f"{_SVRL}text")
        text = "" if said is None else text_of("".join(map(str, said.itertext())))
        rule = rule_id(text, element.get("id", ""), pack, element.get(ORDINAL, ""))
        is_report = element.tag == f"{_SVRL}successful-report"
        found.append((rule, element.get("flag", ""), element.get("location", ""), text[:TEXT_CHARS_MAX], is_report))
    return most_serious(found, lambda row: row[1] != "warning" and not row[4])
