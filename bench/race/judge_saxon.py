"""saxonche as a careful engineer would use it, as a process: one processor, stylesheets and schemas kept, the document
built once for all its sheets, the answer (SVRL) read into rules, flags and places.

Arguments: schemas, packs, and how the sheets are run: `installed`, opened by their path and not touched; `parameter`,
with the code list as a parameter; `ours`, as chorus-edi has Saxon run them.
"""

import sys
from importlib.metadata import version
from typing import Any

from bench.race.frames import REFUSED, STOPPED, Hit, Judge, serve
from bench.race.judge_floor import reader
from bench.race.two_changes import PARAMETER, code_list_as_parameter
from pipeline.adapters.artefacts import Artefacts
from pipeline.workers import svrl
from pipeline.workers.stylesheet import tuned


class Kept:
    """The processor and the compiled sheets."""

    def __init__(self, packs: list[str], how: str) -> None:
        from saxonche import PySaxonApiError, PySaxonProcessor

        self.error = PySaxonApiError
        self.saxon = PySaxonProcessor(license=False)
        self._compiler = self.saxon.new_xslt30_processor()
        artefacts = Artefacts()
        self.sheets = [(pack, self._compiled(artefacts, pack, how)) for pack in packs]

    def _compiled(self, artefacts: Artefacts, pack: str, how: str) -> Any:
        files = artefacts.pack(pack)
        sheet = artefacts.path(files.sheet)
        if how == "installed" or (how == "parameter" and not files.code_list):
            return self._compiler.compile_stylesheet(stylesheet_file=str(sheet))
        code_list = artefacts.path(files.code_list) if files.code_list else None
        if how == "parameter":
            assert code_list is not None
            text = code_list_as_parameter(sheet, code_list)
        else:
            text = tuned(sheet.read_text("utf-8"), code_list.name if code_list else "")
        executable = self._compiler.compile_stylesheet(stylesheet_text=text)
        if code_list:
            codes = self.saxon.parse_xml(xml_text=code_list.read_text("utf-8"))
            executable.set_parameter(PARAMETER, codes)
        return executable


def start() -> tuple[Judge, list[str]]:
    schemas, packs, how = sys.argv[1:]
    read = reader(schemas.split(","))
    kept = Kept(packs.split(","), how)

    def judge(document: bytes) -> str | set[Hit]:
        if read(document) is None:
            return REFUSED
        hits: set[Hit] = set()
        try:
            tree = kept.saxon.parse_xml(xml_text=document.decode("utf-8-sig"))
            for pack, executable in kept.sheets:
                answer = executable.transform_to_string(xdm_node=tree)
                hits.update((rule, flag, place) for rule, flag, place, *_ in svrl.hits(answer, pack))
        except kept.error:
            return STOPPED
        return hits

    return judge, [f"saxonche {version('saxonche')}", f"lxml {version('lxml')}"]


if __name__ == "__main__":
    serve(start)
