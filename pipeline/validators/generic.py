"""Every Chorus rule on the semantic model, whatever the syntax (stage validate.generic), topic by topic.

Not here: what belongs to one syntax (`format`), to the official packs (`official`), or needs reference data (routing).
"""

from pipeline.model import Finding, Invoice, Received
from pipeline.terms import Terms
from pipeline.validators.amounts import AMOUNTS
from pipeline.validators.credit_notes import CREDIT_NOTES
from pipeline.validators.dates import DATES
from pipeline.validators.framework import FRAMEWORK
from pipeline.validators.header import HEADER
from pipeline.validators.lines import LINES
from pipeline.validators.parties import PARTIES
from pipeline.validators.payment import PAYMENT
from pipeline.validators.references import REFERENCES
from pipeline.validators.rule import Subject, apply
from pipeline.validators.vat import VAT

RULES = (
    *HEADER,
    *FRAMEWORK,
    *REFERENCES,
    *CREDIT_NOTES,
    *DATES,
    *PAYMENT,
    *PARTIES,
    *AMOUNTS,
    *VAT,
    *LINES,
)


def judge(invoice: Invoice, received: Received, interface: str, member: str, terms: Terms) -> tuple[Finding, ...]:
    """Every finding on one invoice, rule by rule. `interface` is the code that the flow was taken under."""
    return tuple(apply(RULES, Subject.of(invoice, received, interface, member, terms)))
