"""One pack alone on one document: what the command `rules` prints, in the words of the sheet itself."""

from typing import Any

from pipeline.model import PackRun
from pipeline.ports import RuleEngine, XmlDocument
from pipeline.validators.official.differences import Differing, Key


def answer(file: str, pack: str, sheet: str, document: XmlDocument, engine: RuleEngine) -> dict[str, Any]:
    """Run a pack on a document after the hardened parse, whatever the XSD or the policies say of it.

    `sheet` is the file name of the artefact. A value that stops the engine is told under `stopped`, which is absent
    otherwise: no findings then means that nothing was judged.
    """
    ran = engine.describe(pack)
    said = engine.run(pack, document)
    shown: dict[str, Any] = {
        "file": file,
        "pack": pack,
        "engine": ran.engine,
        "artefact": _artefact(sheet, ran),
        "findings": [
            {"rule": hit.id, "flag": hit.flag, "location": hit.location, "text": hit.text} for hit in said.hits
        ],
    }
    return shown | {"stopped": said.stopped} if said.stopped else shown


def difference(file: str, ran: PackRun, sheet: str, differing: Differing) -> dict[str, Any]:
    """What two engines do not agree on, where both were asked."""
    return {
        "file": file,
        "pack": ran.name,
        "engine": ran.engine,
        "artefact": _artefact(sheet, ran),
        "only_saxon": [_key(hit) for hit in differing.saxon],
        "only_compiled": [_key(hit) for hit in differing.compiled],
        "stopped": differing.stopped,
    }


def _artefact(sheet: str, ran: PackRun) -> dict[str, str]:
    return {"name": sheet.rpartition("/")[2], "version": ran.version, "sha256": ran.sha256}


def _key(hit: Key) -> dict[str, str]:
    return dict(zip(("rule", "flag", "location"), hit, strict=True))
