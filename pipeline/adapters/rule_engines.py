"""Which engine runs which pack: `RuleEngine` as the settings choose it.

`compiled` and `saxon` run all packs one way; `both` runs each document through the two and takes a difference for a
fault of ours. Without a choice a pack is compiled where the oracle knows no difference, and left to Saxon elsewhere.
"""

import os
from collections.abc import Collection
from types import TracebackType
from typing import Self

from pipeline.adapters.artefacts import Artefacts
from pipeline.adapters.compiled_rules import CompiledRules, Ready
from pipeline.adapters.rule_cache import RuleCache, Warn
from pipeline.adapters.saxon_pool import Saxon, SaxonEngine, described
from pipeline.model import PackRun
from pipeline.ports import Fault, RuleEngine, RulesRan, Said, XmlDocument
from pipeline.validators.official.differences import COMPILED, SAXON, Differing, differences

PER_PACK, BOTH = "", "both"
CHOICES = (COMPILED, SAXON, BOTH)
CHOICE = "CHORUS_EDI_RULES__ENGINE"  # the setting [rules] engine as a variable: how a worker is told

# Packs of which the oracle knows no difference between the two engines (docs/rules.md says how that is shown).
ORACLE_CLEAN = frozenset(
    {
        "facturx-minimum", "facturx-basicwl", "facturx-basic", "facturx-en16931", "facturx-extended", "en16931-ubl",
        "extended-ctc-fr-cii", "extended-ctc-fr-ubl", "br-fr-cii", "br-fr-ubl",
    }
)  # fmt: skip


class EnginesDiffer(Fault):
    """The two engines do not say the same of a document. Rules, flags and places are told, never a word of it."""

    def __init__(self, pack: str, differing: Differing) -> None:
        self.differing = differing
        mend = Said(
            'mettre [rules] engine = "saxon" en attendant, et signaler cette ligne',
            'set [rules] engine = "saxon" meanwhile, and report this line',
        )
        super().__init__(differing.told().at(pack).then(mend))


class RuleEngines:
    """The engines behind one door (`ports.RuleEngine`). Use it as a context manager, from one thread.

    Saxon is started when something is to be run by it. The thread that first uses this must outlive it.
    """

    def __init__(
        self,
        artefacts: Artefacts | None = None,
        choice: str = PER_PACK,
        warn: Warn = lambda _: None,
        *,
        cache: RuleCache | None = None,
        saxon: Saxon | None = None,
    ) -> None:
        """`warn` hears, once, of a cache that cannot be used. `saxon`: another way to it than a server of our own."""
        artefacts = artefacts or Artefacts()
        self._artefacts = artefacts
        self._choice = known(choice)
        self.saxon: Saxon = saxon or SaxonEngine(artefacts)
        self.compiled = CompiledRules(artefacts, self.saxon, cache or RuleCache(warn=warn))

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        if self._choice == BOTH:
            return self._compared(pack, document)
        return self._engine(pack).run(pack, document)

    def describe(self, pack: str) -> PackRun:
        if self._choice == BOTH:
            return described(pack, BOTH, self._artefacts)
        return self._engine(pack).describe(pack)

    def ready(self, pack: str) -> Ready:
        """The program of a pack, whatever engine is chosen to run it."""
        return self.compiled.ready(pack)

    def prepare(self, pack: str) -> None:
        """Load all that a later `run` of this pack takes from the disk; what is Saxon's is Saxon's own to load."""
        self.describe(pack)
        if self._choice == BOTH:
            self.compiled.ready(pack)

    def warm(self, packs: Collection[str]) -> None:
        """Have Saxon started and compile those of these packs that it is to run, without waiting."""
        wanted = [pack for pack in packs if self._choice == BOTH or self._engine(pack) is self.saxon]
        if wanted:
            self.saxon.warm(wanted)

    def close(self) -> None:
        self.saxon.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _engine(self, pack: str) -> RuleEngine:
        choice = self._choice or (COMPILED if pack in ORACLE_CLEAN else SAXON)
        return self.compiled if choice == COMPILED else self.saxon

    def _compared(self, pack: str, document: XmlDocument) -> RulesRan:
        from pipeline.validators.official.compiled.runtime import Rare, Stopped

        said = self.saxon.run(pack, document)
        try:
            ours = self.compiled.attempt(pack, document)
        except Rare:  # no answer, whose place Saxon's takes: nothing to compare
            return said
        except Stopped as error:
            ours = RulesRan((), str(error) or "stopped")
        differing = differences(said, ours)
        if differing is not None:
            raise EnginesDiffer(pack, differing)
        return said


def chosen() -> str:
    """The choice that the environment makes."""
    return known(os.environ.get(CHOICE, PER_PACK))


def known(choice: str) -> str:
    """A choice that exists; a `Fault` otherwise: a slip must not silently be another engine."""
    if choice and choice not in CHOICES:
        names = ", ".join(CHOICES)
        raise Fault(
            Said(
                f"{CHOICE} = {choice} : attendu l'un de {names}, ou rien",
                f"{CHOICE} = {choice}: expected one of {names}, or nothing",
            )
        )
    return choice
