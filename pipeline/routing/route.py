"""Route and check one invoice: every rule on its recipient, service, commitment, issuer, works circuit and number."""

from collections.abc import Iterator

from pipeline.model import Finding, Known, ReadInvoice, Received
from pipeline.routing import commitment, duplicates, issuer, recipient, requirement, service, works
from pipeline.routing.case import Case, case, judge
from pipeline.terms import Terms


def findings(
    invoice: ReadInvoice, received: Received, interface: str, known: Known, terms: Terms
) -> tuple[Finding, ...]:
    """All that the reference rows say of one invoice, in the order of the report.

    Without a snapshot nothing is said about recipient and service: the caller lists RTG among what was not judged, or
    raises the fault. Without a ledger nothing is said about commitments and earlier numbers.
    """
    seen = case(invoice, received, interface, known, terms)
    found = [*_issuer(seen), *_recipient(seen), *_checks(seen)]
    found.sort(key=lambda f: f.order)
    if any(f.refuses for f in found) or invoice.is_refused:
        return tuple(found)  # an invoice that is refused waits for nothing
    return (*found, *_waiting(seen))


def rights_proved(invoice: ReadInvoice, received: Received, known: Known, terms: Terms) -> bool:
    """Whether numbers of this invoice may be compared with those of other partners (PTY-020 passed, enforced)."""
    return issuer.is_proved(case(invoice, received, "", known, terms))


def _issuer(seen: Case) -> Iterator[Finding]:
    yield from judge(issuer.ISSUER, seen)


def _recipient(seen: Case) -> Iterator[Finding]:
    if seen.known.snapshot is None or seen.structure is None:
        yield from judge(recipient.CHECK_DIGIT, seen)
    if seen.known.snapshot is None:
        return
    if seen.structure is None:
        yield from judge(recipient.UNKNOWN, seen)
        return
    yield from judge(recipient.KNOWN, seen)
    yield from judge(service.SERVICE, seen)
    yield from judge(requirement.REQUIREMENT, seen)


def _checks(seen: Case) -> Iterator[Finding]:
    if _commitment_is_judged(seen):
        yield from judge(commitment.COMMITMENT, seen)
    yield from judge(works.WORKS, seen)
    found = duplicates.lookalike(seen)
    if found is not None:
        yield found
    yield from issuer.unknown_origins(seen)


def _waiting(seen: Case) -> Iterator[Finding]:
    if _commitment_is_judged(seen):
        yield from judge(commitment.WAITING, seen)


def _commitment_is_judged(seen: Case) -> bool:
    """Not where the service is unknown, which it is too when the recipient is."""
    is_known = seen.structure is not None and (not seen.has_service or seen.service is not None)
    return seen.known.has_ledger and seen.known.snapshot is not None and is_known
