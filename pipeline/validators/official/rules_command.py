"""One pack alone on one document: what the command `rules` prints, in the words of the sheet itself."""

from typing import Any

from pipeline.ports import RuleEngine


def answer(file: str, pack: str, sheet: str, document: bytes, engine: RuleEngine) -> dict[str, Any]:
    """Run a pack on the re-serialised tree of a hardened parse, whatever the XSD or the policies say of it.

    `sheet` is the file name of the artefact. A value that stops the engine is told under `stopped`, which is absent
    otherwise: no findings then means that nothing was judged.
    """
    ran = engine.describe(pack)
    said = engine.run(pack, document)
    shown: dict[str, Any] = {
        "file": file,
        "pack": pack,
        "engine": ran.engine,
        "artefact": {"name": sheet.rpartition("/")[2], "sha256": ran.sha256},
        "findings": [
            {"rule": hit.id, "flag": hit.flag, "location": hit.location, "text": hit.text} for hit in said.hits
        ],
    }
    return shown | {"stopped": said.stopped} if said.stopped else shown
