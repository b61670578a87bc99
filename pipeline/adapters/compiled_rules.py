"""`RuleEngine` by programs that were made of the installed sheets: no process, no second parse, no second tree.

A program is built from the very bytes whose digests are known, on first use, and kept in the cache of the user. What
the compiler leaves out of a pack runs in Saxon, pattern by pattern; so does a document that stops a program.
"""

import gc
import marshal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.util import MAGIC_NUMBER
from pathlib import Path
from types import CodeType
from typing import TYPE_CHECKING
from weakref import ref

from pipeline.adapters.artefacts import Artefacts
from pipeline.adapters.rule_cache import RuleCache
from pipeline.adapters.saxon_pool import ENGINE as SAXON
from pipeline.adapters.saxon_pool import Saxon, described
from pipeline.model import PackRun
from pipeline.ports import RulesRan, XmlDocument
from pipeline.validators.official import compiled
from pipeline.validators.official.told import most_serious

if TYPE_CHECKING:
    from pipeline.validators.official.compiled.built import Built, Left
    from pipeline.validators.official.compiled.nodes import Document
    from pipeline.validators.official.compiled.program import Program

ENGINE = "compiled"

Build = Callable[[str, bytes, bytes], "Built"]


@dataclass(frozen=True, slots=True)
class Ready:
    """A pack that can run: its program, how many tests its sheet holds, what is left to Saxon, and where it came from.

    There is no program where everything is left. `place` is its entry in the cache, None where it was built in memory;
    `is_new`: it was built just now.
    """

    program: "Program | None"
    tests: int
    left: "tuple[Left, ...]"
    place: Path | None
    is_new: bool

    @property
    def modes(self) -> frozenset[str]:
        return frozenset(one.mode for one in self.left)

    @property
    def ordinals(self) -> frozenset[int]:
        return frozenset(one.ordinal for one in self.left)

    @property
    def engine(self) -> str:
        """What runs this pack, as a verdict names it."""
        if self.program is None:
            return SAXON
        return f"{ENGINE}+{SAXON}" if self.left else ENGINE


class CompiledRules:
    """Runs the official packs (`ports.RuleEngine`). Saxon is started when a pack or a document asks for it."""

    def __init__(self, artefacts: Artefacts, saxon: Saxon, rules: RuleCache, *, build: Build | None = None) -> None:
        self._artefacts = artefacts
        self._saxon = saxon
        self._cache = rules
        self._build = build
        self._ready: dict[str, Ready] = {}
        self._last: tuple[ref[XmlDocument], Document] | None = None

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        from pipeline.validators.official.compiled.program import Stopped

        try:
            return self.attempt(pack, document)
        except Stopped:  # whether that stops the rules is for Saxon to say, and in its words
            return self._saxon.run(pack, document)

    def attempt(self, pack: str, document: XmlDocument) -> RulesRan:
        """The same without asking Saxon when the program stops: that raises `Stopped`."""
        ready = self.ready(pack)
        if ready.program is None:
            return self._saxon.run(pack, document)
        with _no_collector():
            hits = ready.program.run(self._nodes_of(document))
        if ready.left:
            said = self._saxon.run_some(pack, ready.modes, ready.ordinals, document)
            if said.stopped:
                return said
            hits = tuple(most_serious([*hits, *said.hits], lambda hit: hit.flag != "warning" and not hit.is_report))
        return RulesRan(hits)

    def describe(self, pack: str) -> PackRun:
        return described(pack, self.ready(pack).engine, self._artefacts)

    def ready(self, pack: str) -> Ready:
        """The program of a pack: from this process, else from the cache, else made now and kept."""
        if pack not in self._ready:
            self._ready[pack] = self._loaded(pack)
        return self._ready[pack]

    def _nodes_of(self, document: XmlDocument) -> "Document":
        """What programs read of a document: made once for all packs, gone with the document."""
        from pipeline.validators.official.compiled.nodes import Document

        if self._last is None or self._last[0]() is not document:
            if document.tree is None:
                raise ValueError("no rule runs on a document that the parse refused")
            self._last = ref(document, self._forget), Document(document.tree)
        return self._last[1]

    def _forget(self, gone: "ref[XmlDocument]") -> None:
        if self._last is not None and self._last[0] is gone:
            self._last = None

    def _loaded(self, pack: str) -> Ready:
        files = self._artefacts.pack(pack)
        digests = [self._artefacts.digest(name) for name in files.files]
        key = sha256("\n".join((pack, *digests, compiler())).encode()).hexdigest()
        kept = self._cache.read(pack, key)
        if kept is not None:
            try:
                return _ready(kept, self._cache.place(pack, key), is_new=False)
            except (ValueError, EOFError, TypeError) as error:  # whole, and yet not what we write
                self._cache.reject(pack, key, type(error).__name__)
        built = self._made(pack)
        left = [(one.ordinal, one.id, one.mode, one.why) for one in built.left]
        code = compile(built.source, f"<{pack}>", "exec", dont_inherit=True, optimize=2)
        content = marshal.dumps((code, built.tests, left))
        return _ready(content, self._cache.keep(pack, key, content), is_new=True)

    def _made(self, pack: str) -> "Built":
        files = self._artefacts.pack(pack)
        sheet = self._artefacts.content(files.sheet)
        code_list = self._artefacts.content(files.code_list) if files.code_list else b""
        if self._build is not None:
            return self._build(pack, sheet, code_list)
        from pipeline.validators.official.compiled.build import build  # not above: a warm cache never needs it

        return build(pack, sheet, code_list)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Nodes point downwards only: the search for cycles among them finds nothing, and costs half of a large invoice."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@cache
def compiler() -> str:
    """What made a program besides the artefact: the compiler, to the letter, and the Python that its code is for.

    The text of its modules says more than its version: a program of the day before is never run by the code of today.
    """
    sources = [path.read_bytes() for path in sorted(Path(compiled.__file__).parent.glob("*.py"))]
    if not sources:  # installed without sources
        from pipeline.validators.official.compiled.built import VERSION

        sources = [VERSION.encode()]
    digest = sha256()
    for source in (MAGIC_NUMBER, *sources):
        digest.update(len(source).to_bytes(8) + source)
    return digest.hexdigest()


def _ready(content: bytes, place: Path | None, *, is_new: bool) -> Ready:
    from pipeline.validators.official.compiled.built import Left
    from pipeline.validators.official.compiled.program import Program

    code, tests, left = marshal.loads(content)  # noqa: S302 - ours, or verified by the cache
    if not isinstance(code, CodeType) or not isinstance(tests, int):
        raise TypeError(type(code).__name__)
    program = Program(code) if len(left) < tests else None
    return Ready(program, tests, tuple(Left(*one) for one in left), place, is_new)
