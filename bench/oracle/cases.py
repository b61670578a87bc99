"""A difference, minimised, as a file that stays: the document, the pack, and what Saxon says of it.

`<pack>-<digest>.xml` is the document, `<pack>-<digest>.json` beside it `{"pack", "about", "stopped", "hits": [[id,
flag, location]], "texts": [digest of the text of each hit]}`: the words of the rules are not ours to keep. Those in
`tests/oracle_cases` are replayed by every run of the tests.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from bench.oracle import documents
from bench.oracle.compare import Compared, compared
from bench.oracle.engines import Compiled, Saxon, Told
from bench.oracle.minimise import minimised

FOLDER = Path(__file__).parents[2] / "tests" / "oracle_cases"


@dataclass(frozen=True)
class Case:
    """One document and the answer that is right. `stopped`: Saxon stops on it, and so must the compiled engine."""

    name: str
    pack: str
    about: str
    document: bytes
    told: Told


def read(folder: Path = FOLDER) -> Iterator[Case]:
    for path in sorted(folder.glob("*.json")):
        told = json.loads(path.read_text("utf-8"))
        hits = tuple((rule, flag, location) for rule, flag, location in told["hits"])
        answer = Told(hits, told["stopped"], tuple(told["texts"]))
        yield Case(path.stem, told["pack"], told["about"], path.with_suffix(".xml").read_bytes(), answer)


def hashed(told: Told) -> Told:
    """The same answer with the digests of its texts, as a case keeps them."""
    return replace(told, texts=tuple(sha256(text.encode()).hexdigest()[:12] for text in told.texts))


def written(folder: Path, pack: str, document: bytes, about: str, told: Told) -> Path:
    """Write a case; the same document of the same pack is the same file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pack}-{sha256(document).hexdigest()[:10]}.json"
    body = {
        "pack": pack,
        "about": about,
        "stopped": told.stopped,
        "hits": told.hits,
        "texts": hashed(told).texts,
    }
    path.with_suffix(".xml").write_bytes(document)
    path.write_text(json.dumps(body, ensure_ascii=False, indent=1) + "\n", "utf-8")
    return path


def judged(pack: str, document: bytes, compiled: Compiled, saxon: Saxon) -> tuple[Compared, Told, Told] | None:
    """How the two engines compare on one document; None where it is no document for them."""
    parsed = documents.parsed(document)
    if parsed.tree is None:
        return None
    (theirs,) = saxon.run(pack, [parsed.text])
    ours = compiled.run(parsed)
    return compared(ours, theirs, compiled.left), ours, theirs


def shortest(pack: str, document: bytes, seen: Compared, compiled: Compiled, saxon: Saxon) -> bytes:
    """The document cut down to what the difference needs: the same kind, about a rule that the first one was about."""
    rules = seen.rules

    def differs(tried: bytes) -> bool:
        found = judged(pack, tried, compiled, saxon)
        if found is None or found[0].kind is not seen.kind:
            return False
        return not rules or bool(rules & found[0].rules)

    return minimised(document, differs)
