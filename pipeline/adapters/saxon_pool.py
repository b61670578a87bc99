"""`RuleEngine` by Saxon: one server process of our own, started when needed, killed when late, replaced when dead.

Saxon must not be loaded in a process that forks or that runs threads, so it lives in `workers.saxon_server`, reached by
`subprocess`. Documents travel through pipes; no file is written, no port opened.
"""

from collections.abc import Collection
from types import TracebackType
from typing import Protocol, Self

from pipeline.adapters.artefacts import Artefacts, changed_meanwhile, unusable
from pipeline.adapters.saxon_process import Died, Late, SaxonProcess
from pipeline.model import PackRun
from pipeline.ports import Fault, Hit, RulesRan, Said, XmlDocument

ENGINE = "saxon"
DEADLINE_S = 60.0  # 10,000 lines take 22 s of French rules; nothing honest takes more
_TRIES = 2


class Saxon(Protocol):
    """Saxon as the other engines need it: the server of this process, or one that is asked through another process."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan: ...

    def run_some(
        self, pack: str, modes: Collection[str], ordinals: Collection[int], document: XmlDocument
    ) -> RulesRan: ...

    def describe(self, pack: str) -> PackRun: ...

    def warm(self, packs: Collection[str] = ()) -> None: ...

    def close(self) -> None: ...


class SaxonEngine:
    """Runs the official packs (`ports.RuleEngine`). Use it as a context manager, from one thread.

    The thread that first calls `run` or `warm` must outlive the engine: Linux ends the server with that thread.
    """

    def __init__(self, artefacts: Artefacts | None = None, *, deadline_s: float = DEADLINE_S) -> None:
        self._artefacts = artefacts or Artefacts()
        self._deadline_s = deadline_s
        self._server: SaxonProcess | None = None

    @property
    def server_pid(self) -> int:
        """The process that runs the packs, 0 while there is none."""
        return self._server.pid if self._server else 0

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        return self.run_text(pack, document.text)

    def run_some(self, pack: str, modes: Collection[str], ordinals: Collection[int], document: XmlDocument) -> RulesRan:
        """Run these patterns of a pack alone; of what they say, only the assertions with these ordinals count."""
        return self.run_text(pack, document.text, modes, ordinals)

    def run_text(self, pack: str, text: bytes, modes: Collection[str] = (), ordinals: Collection[int] = ()) -> RulesRan:
        """The same on the text of a document, for a process that holds no tree."""
        key = _key(pack, modes)
        doing = Said("au démarrage", "while it started")
        for _ in range(_TRIES):
            try:
                doing = Said(f"en compilant {pack}", f"while it compiled pack {pack}")
                server = self._with(pack, modes)
                doing = Said(f"pendant que {pack} tournait sur un document", f"while pack {pack} ran on a document")
                answer = server.run(key, text, ordinals)
            except Died:
                self.close()
                continue
            except Late as err:
                self._abandon()
                raise Fault(
                    Said(
                        f"le moteur de règles n'a pas répondu en {self._deadline_s:g} s {doing.fr} ; relancer la même "
                        "commande, et signaler ce qui se répète",
                        f"the rule engine gave no answer within {self._deadline_s:g} s {doing.en}; run the same "
                        "command again, and report it if it comes back",
                    )
                ) from err
            except Fault:
                raise
            except BaseException:  # an answer is still on its way: the next document must not get it
                self._abandon()
                raise
            if "fault" in answer:
                raise unusable(Said(**answer["fault"]))
            return RulesRan(tuple(Hit(*hit) for hit in answer.get("hits", ())), answer.get("stopped", ""))
        raise unusable(
            Said(
                f"le moteur de règles s'est arrêté {_TRIES} fois {doing.fr} ; "
                "python -I -m pipeline.workers.saxon_server montre s'il démarre",
                f"the rule engine ended {_TRIES} times {doing.en}; "
                "python -I -m pipeline.workers.saxon_server shows whether it starts",
            )
        )

    def describe(self, pack: str) -> PackRun:
        return described(pack, ENGINE, self._artefacts)

    def warm(self, packs: Collection[str] = ()) -> None:
        """Start the server and have it compile these packs, without waiting: the caller goes on with its own start."""
        try:
            for pack in packs:
                self._ask_for(pack)
            self._started()
        except Died:
            self.close()  # the first `run` starts another one and says what is wrong

    def close(self) -> None:
        """End the server; another one starts when a document comes."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _started(self) -> SaxonProcess:
        if self._server is None:
            self._server = SaxonProcess(self._deadline_s)
        return self._server

    def _ask_for(self, pack: str, modes: Collection[str] = ()) -> SaxonProcess:
        files = self._artefacts.pack(pack)  # a missing file is a fault before any process starts
        server = self._started()
        key = _key(pack, modes)
        if not server.knows(key):
            code_list = str(self._artefacts.path(files.code_list)) if files.code_list else ""
            server.load(key, pack, str(self._artefacts.path(files.sheet)), code_list, modes)
        return server

    def _with(self, pack: str, modes: Collection[str]) -> SaxonProcess:
        """The server, this pack compiled from the very files that were checked."""
        server = self._ask_for(pack, modes)
        said = server.compiled(_key(pack, modes))
        if "fault" in said:
            self.close()
            raise unusable(Said(**said["fault"]))
        files = self._artefacts.pack(pack)
        if said["sheet"] != self._artefacts.digest(files.sheet) or (
            files.code_list and said["code_list"] != self._artefacts.digest(files.code_list)
        ):
            self.close()
            raise changed_meanwhile(pack)
        return server

    def _abandon(self) -> None:
        if self._server is not None:
            self._server.kill()
            self._server = None


def _key(pack: str, modes: Collection[str]) -> str:
    return " ".join((pack, *sorted(modes)))


def described(pack: str, engine: str, artefacts: Artefacts) -> PackRun:
    """A pack, the engine that runs it, and what its sheet is."""
    sheet = artefacts.pack(pack).sheet
    return PackRun(pack, engine, artefacts.digest(sheet), artefacts.version(sheet))
