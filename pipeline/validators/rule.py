"""The type of one Chorus rule on the semantic model: a code and the function that finds where it does not hold.

A topic is a tuple of such rows, in the order of the report. Nothing is rendered for an invoice that keeps every rule.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from pipeline.codes import Code, Severity
from pipeline.flows import INTERFACES, Interface
from pipeline.frameworks import DEFAULT
from pipeline.model import Finding, Invoice, Kind, Level, Received, finding
from pipeline.siret import STATE
from pipeline.terms import Terms
from pipeline.values import Located, Text

Facts = Mapping[str, str | int]
NO_FACTS: Facts = {}
SHOWN_MAX = 200  # characters of a value in a finding: a hostile text of megabytes is not repeated in every report


class Breach(NamedTuple):
    """One place where a rule does not hold. `value` replaces the text found there where it must not be shown."""

    at: Located | str
    facts: Facts = NO_FACTS
    value: str | None = None
    severity: Severity | None = (
        None  # where this case bites otherwise than the row; a setting of the row stands above it
    )


Breaches = Iterable[Breach]
NONE: tuple[Breach, ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule looks at: an invoice, the flow that brought it, and the terms it is held to."""

    invoice: Invoice
    received: Received
    interface: Interface
    member: str
    terms: Terms
    framework: str  # the code judged with: A1 where none is given

    @classmethod
    def of(cls, invoice: Invoice, received: Received, interface: str, member: str, terms: Terms) -> "Subject":
        framework = DEFAULT if invoice.framework is None else invoice.framework.text
        return cls(invoice, received, INTERFACES[interface], member, terms, framework)

    @property
    def is_mixed(self) -> bool:
        """CPPFactureMixte, which has no place for BT-110 and BT-113."""
        return self.invoice.kind is Kind.MIXED

    @property
    def is_minimum(self) -> bool:
        """The Factur-X profile without payment, origin, lines and VAT breakdown."""
        return self.invoice.level is Level.MINIMUM

    @property
    def is_for_the_state(self) -> bool:
        recipient = self.invoice.recipient.identifier
        return recipient is not None and recipient.text == STATE

    def missing(self, bt: str) -> Text:
        """The place of a datum that is not there: its BT id, and the element that should hold it."""
        return Text("", bt, self.invoice.path, 0)


@dataclass(frozen=True, slots=True)
class Rule:
    """A row of `codes`, and the function that yields each breach of it in an invoice."""

    code: Code
    breaches: Callable[[Subject], Breaches]


def holds(
    code: Code,
    predicate: Callable[[Subject], bool],
    *,
    at: Callable[[Subject], Located | str],
    facts: Callable[[Subject], Facts] | None = None,
) -> Rule:
    """A rule that is kept or broken once per invoice: `predicate` says when it holds, the rest what to say if not."""

    def breaches(subject: Subject) -> Breaches:
        if predicate(subject):
            return NONE
        return (Breach(at(subject), NO_FACTS if facts is None else facts(subject)),)

    return Rule(code, breaches)


def apply(rules: Iterable[Rule], subject: Subject) -> Iterator[Finding]:
    """Every finding of these rules, in their order; of one rule no more than a document may keep."""
    most = subject.terms.findings.document_max
    for rule in rules:
        breaches = rule.breaches(subject)
        if breaches != NONE:
            for breach in islice(breaches, most):
                found = _found(rule.code, breach, subject)
                if found is None:
                    break
                yield found


def _found(code: Code, breach: Breach, subject: Subject) -> Finding | None:
    found = finding(subject.terms, code, breach.at, member=subject.member, value=breach.value)
    if found is None:
        return None
    severity = breach.severity
    if severity is None or code.id in subject.terms.severities:
        severity = found.severity
    facts = {name: shown(fact) if isinstance(fact, str) else fact for name, fact in breach.facts.items()}
    return replace(found, severity=severity, value=shown(found.value), facts=facts)


def shown(text: str) -> str:
    """A text as a finding may carry it."""
    return text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX - 1]}…"


def given(value: Located | None) -> bool:
    """Whether a datum is there; an empty element is not."""
    return value is not None and value.text != ""
