"""One invoice beside what is known of its recipient, and the type of the rows that judge it."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from pipeline.codes import Code, Severity
from pipeline.model import Finding, Known, ReadInvoice, Received, Service, Structure, finding
from pipeline.routing import directory
from pipeline.siret import STATE
from pipeline.terms import Terms
from pipeline.values import Text

Facts = Mapping[str, str | int]
SHOWN_MAX = 400  # characters: three suggestions with their labels


@dataclass(frozen=True, slots=True)
class Case:
    """An invoice on its day of deposit. `service` is the row behind the code given, None where there is no such row."""

    invoice: ReadInvoice
    received: Received
    interface: str
    known: Known
    terms: Terms
    day: date
    structure: Structure | None
    service: Service | None

    @property
    def found(self) -> Structure:
        """The recipient of rules that run only when the directory knows it."""
        if self.structure is None:
            raise LookupError("a rule about a known recipient ran on an unknown one")
        return self.structure

    @property
    def siret(self) -> str:
        return self.invoice.recipient.text if self.invoice.recipient is not None else ""

    @property
    def has_service(self) -> bool:
        return self.invoice.service is not None and bool(self.invoice.service.text)

    @property
    def has_commitment(self) -> bool:
        return self.invoice.commitment is not None and bool(self.invoice.commitment.text)

    @property
    def is_state(self) -> bool:
        return self.siret == STATE


def case(invoice: ReadInvoice, received: Received, interface: str, known: Known, terms: Terms) -> Case:
    """Look the recipient and the service up, once for all the rules."""
    day = received.day
    structure = known.structures.get(invoice.recipient.text) if invoice.recipient is not None else None
    service = None
    if structure is not None and invoice.service is not None:
        service = directory.service_of(structure, invoice.service.text, day)
    return Case(invoice, received, interface, known, terms, day, structure, service)


def _no_facts(_: Case) -> Facts:
    return {}


@dataclass(frozen=True, slots=True)
class Rule:
    """A code, when it is broken, the value it is about, and the facts of its message.

    `switch` names the switch of the settings that turns it off or moves its severity.
    """

    code: Code
    is_broken: Callable[[Case], bool]
    at: Callable[[Case], Text | None]
    facts: Callable[[Case], Facts] = _no_facts
    switch: str = ""


_SWITCHED = {"warn": Severity.WARNING, "error": Severity.ERROR, "enforce": Severity.ERROR}


def judge(rules: tuple[Rule, ...], seen: Case) -> Iterator[Finding]:
    """Yield a finding for each rule of the tuple that this case breaks, in the order of the tuple."""
    for rule in rules:
        if rule.is_broken(seen):
            found = _found(rule, seen)
            if found is not None:
                yield found


def _found(rule: Rule, seen: Case) -> Finding | None:
    level = getattr(seen.terms.switches, rule.switch) if rule.switch else ""
    if level == "off":
        return None
    at = rule.at(seen)
    made = finding(seen.terms, rule.code, rule.code.place if at is None else at, member=seen.invoice.member)
    if made is None:
        return None
    moved = bool(level) and rule.code.id not in seen.terms.severities
    return replace(
        made,
        severity=_SWITCHED[level] if moved else made.severity,
        value=shown(made.value),
        facts={name: shown(fact) if isinstance(fact, str) else fact for name, fact in rule.facts(seen).items()},
    )


def shown(text: str) -> str:
    """A text as a finding may carry it: a hostile one of megabytes is not repeated in every report."""
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def at_recipient(seen: Case) -> Text | None:
    return seen.invoice.recipient


def at_service(seen: Case) -> Text | None:
    return seen.invoice.service


def at_commitment(seen: Case) -> Text | None:
    return seen.invoice.commitment


def at_supplier(seen: Case) -> Text | None:
    return seen.invoice.supplier.identifier


def at_framework(seen: Case) -> Text | None:
    return seen.invoice.framework_at
