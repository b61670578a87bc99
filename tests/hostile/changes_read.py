"""A hostile file of changes read and decided as the runner does it, where no invoice is known."""

import io
import time

from hostile.case import Site
from hostile.change_cases import ChangeCase
from hostile.ground import NOON

from fixtures.case import PARTNER
from pipeline import actions, judge, status_intake
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.model import JudgedRow, Known, Lane, Read, Received
from pipeline.ports import Tools
from pipeline.reconcile import control
from pipeline.terms import Terms

TERMS = Terms()
ROLES = frozenset({"recipient", "accountant"})


def with_tools() -> Tools:
    return Tools(InstalledSchemas(), RuleEngines(), TERMS)


def read(case: ChangeCase, document: bytes, tools: Tools) -> Read:
    received = Received(PARTNER, case.name, "0" * 64, len(document), NOON)
    return judge.read(received, io.BytesIO(document), io.BytesIO(), io.BytesIO(), tools)


def decided(found: Read) -> tuple[JudgedRow, ...]:
    """Where no invoice is known."""
    if found.is_refused:
        return ()
    match found.lane:
        case Lane.STATUSES:
            return status_intake.decide(found, ROLES, PARTNER, (), NOON, TERMS)
        case Lane.ACTIONS:
            return actions.decide(found, PARTNER, (), Known(None), NOON, TERMS)
        case Lane.CONTROL:
            return control.decide(found, TERMS)
        case Lane.INVOICES:
            return ()


def answered(case: ChangeCase, site: Site, tools: Tools) -> list[str]:
    """What is not as the case expects it."""
    document = case.make(site)
    began = time.process_time()
    found = read(case, document, tools)
    rows = decided(found)
    seconds = time.process_time() - began
    every = [
        *found.findings,
        *(f for one in found.members for f in one.findings),
        *(f for one in rows for f in one.findings),
    ]
    refused, warned = {f.rule for f in every if f.refuses}, {f.rule for f in every if f.severity.value == "warning"}
    wrong = []
    if refused != set(case.rules):
        wrong.append(f"refused by {sorted(refused)}, expected {sorted(case.rules)}")
    if warned != set(case.warned):
        wrong.append(f"warned by {sorted(warned)}, expected {sorted(case.warned)}")
    if len(rows) != case.rows:
        wrong.append(f"{len(rows)} rows, expected {case.rows}")
    if any(one.changes or one.event or one.handling or one.rerouted for one in rows):
        wrong.append("something changes")
    if seconds > case.seconds:
        wrong.append(f"took {seconds:.1f} s of {case.seconds}")
    return wrong
