"""Ours, as a process: hardened parse, schema, then the compiled packs; the same output as the others, the set of hits.

Every rule of the packs must be compiled, or this is no contender: a rule left out would be time not spent. Arguments:
schemas, packs.
"""

import sys
from importlib.metadata import version

from bench.race.frames import REFUSED, STOPPED, Hit, Judge, serve
from bench.race.judge_floor import ROOTS
from pipeline.adapters.artefacts import Artefacts, InstalledSchemas
from pipeline.adapters.compiled_rules import CompiledRules
from pipeline.adapters.rule_cache import RuleCache
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.readers.safe_xml import parse
from pipeline.terms import Terms
from pipeline.validators.base64_aside import is_valid
from pipeline.validators.official.compiled.built import VERSION
from pipeline.validators.official.compiled.program import Stopped
from pipeline.workers.collector import collect_seldom


def engine(packs: list[str]) -> CompiledRules:
    """The packs, compiled; ends the process when a rule of one is not."""
    artefacts = Artefacts()
    rules = CompiledRules(artefacts, SaxonEngine(artefacts), RuleCache())
    for pack in packs:
        ready = rules.ready(pack)
        if ready.left:
            raise SystemExit(f"{pack}: {len(ready.left)} of {ready.tests} rules are not compiled")
    return rules


def start() -> tuple[Judge, list[str]]:
    schemas, packs = (argument.split(",") for argument in sys.argv[1:])
    terms, installed = Terms(), InstalledSchemas()
    kept = {ROOTS[name]: installed.get(name) for name in schemas}
    rules = engine(packs)
    collect_seldom()  # as the readers do

    def judge(document: bytes) -> str | set[Hit]:
        parsed = parse(document, "", terms)
        if parsed.tree is None:
            return REFUSED
        root = parsed.tree.getroot()
        schema = kept.get(root.tag.rpartition("}")[2])
        if schema is None or not is_valid(parsed.tree, schema):
            return REFUSED
        hits: set[Hit] = set()
        try:
            for pack in packs:
                hits.update((hit.id, hit.flag, hit.location) for hit in rules.attempt(pack, parsed).hits)
        except Stopped:
            return STOPPED
        return hits

    return judge, [f"compiler {VERSION}", f"lxml {version('lxml')}"]


if __name__ == "__main__":
    serve(start)
