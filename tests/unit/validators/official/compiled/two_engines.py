"""A small sheet in two engines: what Saxon says of a document, and what the compiled program says of the same tree."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from a_sheet import nodes_of, program

from pipeline.validators.official.compiled.program import Rare, Stopped

STOPPED = "stopped"
# the program stops here too, yet claims no error: a value is too rare for it to know better than Saxon
LEFT_TO_SAXON = "left to Saxon"
Said = frozenset[tuple[str, str, str, str]] | str  # (id, flag, location, text) of each hit, or one of the two
# values that our engine may leave to Saxon where they are doubles: their comparisons and their text are its own
RARE = re.compile(r"<x>(-0(\.0)?|[+-]?INF|NaN|1e400|[0-9]{15,}(\.5)?)</x>")


class Oracle:
    """Asks the process `sheet_oracle`, and the compiled program, about the same trees."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("sheet_oracle.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"TZ": "UTC", "LANG": "C.UTF-8"},
            text=True,
        )

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)

    def says(self, sheet: bytes, documents: list[str], code_list: bytes = b"") -> list[Said]:
        """What Saxon says of each document. Its answer is told as ours is: a hit without an id has its ordinal."""
        if code_list:
            (self._folder / "codes.xml").write_bytes(code_list)
        asked = {"folder": str(self._folder), "sheet": sheet.decode(), "documents": documents}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        answers: Any = json.loads(self._process.stdout.readline())
        assert isinstance(answers, list), answers  # Saxon must understand the sheet
        return [
            STOPPED
            if isinstance(answer, dict)
            else frozenset((id or f"pack#{ordinal}", flag, where, text) for ordinal, id, flag, where, text in answer)
            for answer in answers
        ]


def ours(sheet: bytes, documents: list[str], code_list: bytes = b"") -> list[Said]:
    """What the compiled program says of each document; all of the sheet must have been understood."""
    made = program(sheet, code_list)
    said: list[Said] = []
    for document in documents:
        try:
            hits = made.run(nodes_of(document))
        except Rare:
            said.append(LEFT_TO_SAXON)
        except Stopped:
            said.append(STOPPED)
        else:
            told = frozenset((hit.id, hit.flag, hit.location, hit.text) for hit in hits)
            assert len(told) == len(hits)
            said.append(told)
    return said


def differences(
    sheet: bytes, documents: list[str], oracle: Oracle, code_list: bytes = b""
) -> dict[str, tuple[Said, Said]]:
    """The documents on which the two do not agree, as (ours, Saxon's); an outcome that never varies is an error."""
    mine, theirs = ours(sheet, documents, code_list), oracle.says(sheet, documents, code_list)
    assert len(set(theirs)) > 1, f"every document has the same outcome: {theirs[0]}"
    return {
        document: (a, b)
        for document, a, b in zip(documents, mine, theirs, strict=True)
        if a != b and not (a == LEFT_TO_SAXON and (b == STOPPED or RARE.search(document)))
    }
