"""Mutants through the runner: what the reader in its child, the ledger, the store and the reports make of them.

The same mutants are judged here as `check` judges them: whatever is refused there is refused by the runner. Files of
changes are among them, each dropped by the partner whom it is of; none of their invoices is in this ledger, so that a
row of them is refused here and there by the same rules, and only control files apply.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hostile.case import found_in
from hostile.drops import Inbox
from hostile.ground import OTHER, Ground, Ran

from bench.fuzz import mutants
from bench.fuzz.mutants import Mutant
from bench.fuzz.product import Product
from bench.fuzz.stands import NOTHING
from pipeline import runner
from pipeline.settings import load

SEED = 2  # others than those of the campaign
# What only a ledger and the sheet of a partner can say: most mutants keep the number of the invoice they come from.
OF_THE_SHELL = {"DUP-001", "DUP-002", "FLW-007", "PTY-020"}


def through_runner(ground: Ground, count: int) -> list[str]:
    """Drop so many mutants at once, run: what is not as it must be."""
    made = dict(_named(count))
    for rank, (name, mutant) in enumerate(made.items()):
        inbox = Inbox(ground.inbox(mutant.partner), ground.site, ground.inbox(OTHER))
        inbox.put(name, mutant.document, age_s=9_000 - rank)
    ran = ground.run()
    return [*_answers(ground, made, ran), *_around(ground, ran)]


def _named(count: int) -> Iterator[tuple[str, Mutant]]:
    """Mutants of the partners that drop here, each under a flow name of its own, and no bytes twice (FLW-007)."""
    number, seen = 0, set[bytes]()
    while count:
        mutant = mutants.make(SEED, number)
        number += 1
        if f"_{mutant.partner}_" in mutant.name and mutant.document not in seen:
            count -= 1
            seen.add(mutant.document)
            name = f"{mutant.name[:26]}M{number:014d}"
            yield name, replace(mutant, name=name)


def _answers(ground: Ground, made: dict[str, Mutant], ran: Ran) -> Iterator[str]:
    """One row, one report of these bytes, and no verdict that is milder than the one of `check`."""
    partners = {mutant.partner for mutant in made.values()}
    rows = {partner: ground.deposits(partner) for partner in partners}
    reports = {partner: ground.reports(partner) for partner in partners}
    with Product(NOTHING) as product:
        for name, mutant in made.items():
            which = f"mutant {mutant.number} ({mutant.family})"
            found = rows[mutant.partner].get(name.encode(), [])
            verdict = ran.told.get(found[0]["id"]) if len(found) == 1 else None
            if verdict is None:
                yield f"{which}: {[(row['state'], row['fault']) for row in found]}"
                continue
            own = [report for report in reports[mutant.partner] if report.flow == name]
            if [report.sha256 for report in own] != [hashlib.sha256(mutant.document).hexdigest()]:
                yield f"{which}: {len(own)} reports"
            yield from (f"{which}: {wrong}" for wrong in _milder(verdict, product, mutant))


def _milder(verdict: dict[str, Any], product: Product, mutant: Mutant) -> Iterator[str]:
    refused = {one["rule"] for one in found_in(verdict) if one["severity"] in {"fatal", "error", "hold"}}
    judged = product.judge(mutant)
    if refused - OF_THE_SHELL != set(judged.refused_by):
        yield f"the runner refuses by {sorted(refused)}, check by {list(judged.refused_by)}"
    if judged.state == "IN_REJETE" != verdict["state"]:
        yield f"{verdict['state']}, and check refuses it"


def _around(ground: Ground, ran: Ran) -> Iterator[str]:
    yield from (f"a fault: {fault}" for fault in ran.faults)
    yield from (f"asked: {one}" for one in (*ran.watched.asked(), *ground.canary.hits))
    yield from (f"written elsewhere: {one}" for one in ran.watched.written_elsewhere(ground.may_write()))
    with runner.open_home(ground.home, load(ground.home, ours="CPP001", readers=1)) as home:
        yield from (f"verify: {line.name}, {line.detail}" for line in runner.verify(home) if not line.ok)
