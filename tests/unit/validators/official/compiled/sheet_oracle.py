"""Saxon, asked about small sheets: a process that imports nothing of ours, so that no test process holds its engine.

One line of JSON on its input: `{"folder": PATH, "sheet": TEXT, "documents": [TEXT, ...]}`; one line for an answer, a list
of one item for each document: the hits `[ordinal, id, flag, location, text]`, or `{"stopped": why}`. The folder is where
a look-up of the sheet finds its code list. A sheet that does not compile: `{"unfit": why}`.
"""

import json
import re
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

SVRL = "{http://purl.oclc.org/dsdl/svrl}"
KINDS = {SVRL + "failed-assert", SVRL + "successful-report"}


def numbered(sheet: str) -> str:
    """The sheet with the ordinal of each assert and report written into its answers."""
    count = 0

    def mark(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f'{match[0]} ordinal="{count}"'

    return re.sub(r"<svrl:(?:failed-assert|successful-report)\b", mark, sheet)


def hits(answer: str) -> list[list[object]]:
    found: list[list[object]] = []
    for said in ET.fromstring(answer):
        if said.tag in KINDS:
            words = "".join(said.find(SVRL + "text").itertext())  # type: ignore[union-attr]
            text = re.sub("[ \t\r\n]+", " ", words).strip(" ")
            found.append(
                [int(said.get("ordinal", "0")), said.get("id", ""), said.get("flag", ""), said.get("location"), text]
            )
    return found


def main() -> None:
    import saxonche

    processor = saxonche.PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()

    def said(executable: Any, document: str) -> object:
        try:
            return hits(executable.transform_to_string(xdm_node=processor.parse_xml(xml_text=document)))
        except saxonche.PySaxonApiError as error:
            return {"stopped": " ".join(str(error).split()) or "no reason given"}

    for number, line in enumerate(sys.stdin):
        job = json.loads(line)
        path = Path(job["folder"], f"sheet{number}.xsl")
        path.write_text(numbered(job["sheet"]), "utf-8")
        answers: object
        try:
            executable = compiler.compile_stylesheet(stylesheet_file=str(path))
        except saxonche.PySaxonApiError as error:
            answers = {"unfit": str(error)}
        else:
            answers = [said(executable, document) for document in job["documents"]]
        path.unlink()
        print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main()
