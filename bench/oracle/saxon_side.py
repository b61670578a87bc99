"""Saxon as the oracle asks it: a process that imports nothing of ours and reads the raw answers (SVRL) in its own way.

A frame on standard input is one line of JSON and then the bytes of its documents; each has one line of JSON as answer.

    {"do": "load", "pack": P, "sheet": PATH}                       the installed sheet, untouched, opened by its path
    {"do": "load", "pack": P, "text": SHEET, "code_list": PATH, "parameter": NAME, "rules": [[ordinal, ...], ...]}
    {"do": "run", "pack": P, "documents": [SIZE or PATH, ...]}     a document by its bytes or by its path

To the first two, `true` or what went wrong. To the third, for each document `{"stopped": text}` or `{"hits": [[id,
flag, location, text, ordinal], ...]}`; where the sheet was given as text with a mark for each context that it meets
(`<met rule="1"/>`) also `fired` and `held`: the ordinals of tests that fired, and that said nothing on a met context.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SVRL, XSL = "{http://purl.oclc.org/dsdl/svrl}", "{http://www.w3.org/1999/XSL/Transform}"
Key = tuple[str | None, ...]  # pattern, context, kind, test
Hit = list[Any]  # id, flag, location, text, ordinal
KINDS = (SVRL + "failed-assert", SVRL + "successful-report")


class Sheet:
    """A compiled sheet and what its answers are read with."""

    def __init__(self, saxon: Any, header: dict[str, Any]) -> None:
        compiler = saxon.new_xslt30_processor()
        self.pack = header["pack"]
        self.rules: list[list[int]] | None = header.get("rules")
        if "sheet" in header:
            self.executable = compiler.compile_stylesheet(stylesheet_file=header["sheet"])
            self.found, self.modes = ordinals(header["sheet"])
        else:
            self.executable = compiler.compile_stylesheet(stylesheet_text=header["text"])
            self.executable.set_property("!indent", "no")
            if header.get("code_list"):
                codes = saxon.parse_xml(xml_file_name=header["code_list"])
                self.executable.set_parameter(header["parameter"], codes)

    def read(self, answer: bytes) -> dict[str, Any]:
        root = ET.fromstring(answer)
        if self.rules is None:
            return {"hits": list(self.plain(root))}
        hits: list[Hit] = []
        fired: set[int] = set()
        held: set[int] = set()
        here: set[int] = set()
        for e in root:
            if e.tag.endswith("met"):
                held |= here
                here = set(self.rules[int(e.get("rule", "")) - 1])
            elif e.tag in KINDS:
                ordinal = int(e.get("ordinal", ""))
                hits.append(hit(e, ordinal, self.pack))
                fired.add(ordinal)
                here.discard(ordinal)
        held |= here
        return {"hits": hits, "fired": sorted(fired), "held": sorted(held)}

    def plain(self, root: ET.Element) -> Iterator[Hit]:
        """The installed sheet tells no ordinals: they follow from the pattern, the context and the test that fired."""
        pattern, context = -1, None
        taken: dict[Key, int] = {}
        for e in root:
            if e.tag == SVRL + "active-pattern":
                pattern += 1
            elif e.tag == SVRL + "fired-rule":
                context, taken = e.get("context"), {}
            elif e.tag in KINDS:
                yield hit(e, 0 if named(e) else self.ordinal(e, pattern, context, taken), self.pack)

    def ordinal(self, e: ET.Element, pattern: int, context: str | None, taken: dict[Key, int]) -> int:
        """Of an assert or report without a name; of two that are alike below one node the first comes first."""
        key = (self.modes[pattern], context, e.tag, e.get("test"))
        taken[key] = taken.get(key, 0) + 1
        return self.found[key][taken[key] - 1]


def ordinals(sheet: str) -> tuple[dict[Key, list[int]], list[str | None]]:
    """(pattern, context, kind, test) -> ordinals in the sheet, read off its templates; then the patterns in order."""
    root = ET.parse(sheet).getroot()
    number = {id(e): n for n, e in enumerate((e for e in root.iter() if e.tag in KINDS), 1)}
    found: dict[Key, list[int]] = {}
    for template in root.iter(XSL + "template"):
        rule = template.find(SVRL + "fired-rule")
        if rule is not None:
            for e in template.iter():
                if e.tag in KINDS:
                    key = (template.get("mode"), rule.get("context"), e.tag, e.get("test"))
                    found.setdefault(key, []).append(number[id(e)])
    templates = [t for t in root.iter(XSL + "template") if t.get("match") == "/"]
    start = next(t for t in templates if t.find(".//" + SVRL + "active-pattern") is not None)
    return found, [e.get("mode") for e in start.iter(XSL + "apply-templates") if e.get("mode")]


def text_of(e: ET.Element) -> str:
    said = e.find(SVRL + "text")
    return " ".join(re.split("[ \t\r\n]+", "" if said is None else "".join(said.itertext()))).strip(" ")


def named(e: ET.Element) -> str:
    """The id at the head of the text, else the attribute; empty where there is neither."""
    head = re.match(r"\[([^\[\]\s]+)\]", text_of(e))
    return head[1] if head else e.get("id") or ""


def hit(e: ET.Element, ordinal: int, pack: str) -> Hit:
    rule = named(e) or f"{pack}#{ordinal}"
    return [rule, e.get("flag") or "", e.get("location") or "", text_of(e)[:1000], ordinal]


def main() -> None:
    import saxonche

    saxon = saxonche.PySaxonProcessor(license=False)
    sheets: dict[str, Sheet] = {}
    answer: Any
    source, sink = sys.stdin.buffer, sys.stdout
    for line in iter(source.readline, b""):
        header = json.loads(line)
        if header["do"] == "load":
            try:
                sheets[header["pack"]] = Sheet(saxon, header)
                answer = True
            except saxonche.PySaxonApiError as error:
                answer = str(error)
        else:
            # all of them first: who asks goes on while this works
            given = [source.read(one) if isinstance(one, int) else one for one in header["documents"]]
            answer = [run(saxonche, saxon, sheets[header["pack"]], one) for one in given]
        sink.write(json.dumps(answer) + "\n")
        sink.flush()


def run(saxonche: Any, saxon: Any, sheet: Sheet, document: bytes | str) -> dict[str, Any]:
    try:
        given = {"xml_file_name": document} if isinstance(document, str) else {"xml_text": document.decode()}
        tree = saxon.parse_xml(**given)
        answer = sheet.executable.transform_to_string(xdm_node=tree)
    except saxonche.PySaxonApiError as error:
        return {"stopped": " ".join(str(error).split())[:500] or "no reason given"}
    return sheet.read(answer.encode())


if __name__ == "__main__":
    sys.path = [path for path in sys.path if Path(path or ".").resolve() != Path(__file__).parent.resolve()]
    main()
