"""What we say beside one official rule, and the key under which a rule is found whatever the sheet that broke it."""

import re
from typing import NamedTuple

_CREDIT_NOTE = "CreditNote"  # the root element, in the path of a finding
_CREDITED = {
    "cac:InvoiceLine": "cac:CreditNoteLine",
    "cbc:InvoicedQuantity": "cbc:CreditedQuantity",
    "cbc:InvoiceTypeCode": "cbc:CreditNoteTypeCode",
    "cbc:DueDate": "cac:PaymentMeans/cbc:PaymentDueDate",
}
_IN_A_CREDIT_NOTE = re.compile("|".join(_CREDITED))


class Sentence(NamedTuple):
    """Our words for an official rule: what is wrong, what to do. They stand before the official text, never for it.

    `at` is the term (BT, BG or EXT-FR-FE id) that the supplier has to look at first, empty where the rule is about no
    single one. `cii` and `ubl` name the element to change, empty where the remedy needs more than one. Messages and
    remedies hold no facts of the document: place and value are those of the finding.
    """

    at: str
    message_fr: str
    message_en: str
    remedy_fr: str
    remedy_en: str
    cii: str = ""
    ubl: str = ""

    def element(self, pack: str, path: str = "") -> str:
        """The element to change, in the syntax that this pack judges, as the root of the document calls it."""
        if not pack.endswith("-ubl"):
            return self.cii
        return _IN_A_CREDIT_NOTE.sub(lambda name: _CREDITED[name[0]], self.ubl) if _CREDIT_NOTE in path else self.ubl


def key(rule: str) -> str:
    """One spelling for the ids that the sheets of the two syntaxes write in two ways.

    >>> key("BR-FR-10/BT-30") == key("BR-FR-10_BT-30")
    True
    """
    return rule.replace("/", "_")
