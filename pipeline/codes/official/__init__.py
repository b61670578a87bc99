"""Our sentence and remedy for the official rules that issuers hit most; the official text stays beside them.

Which rules: those that Saxon found broken on the public French and German invoices, on the fixtures, and on some five
thousand copies of valid ones with one element removed, emptied, doubled or changed; then the rest of each family that
is told in one way (mandatory terms, sums, decimals, code lists, VAT categories, French identifiers). A rule of syntax
(FX-SCH, UBL-CR, CII-SR) says what the XSD says already; rules on several suppliers in one invoice (BR-FR-MV, BR-FR-BD)
and on the taxes of other countries are rare: the official text tells them.

What a rule means is read in the installed sheets, and a test walks all of them: an id that no sheet has, or a term that
the official text of a sheet does not name, fails.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.codes.official import decimals, french, lists, mandatory, sums, vat
from pipeline.codes.official.sentence import Sentence, key

__all__ = ["ALL", "TABLES", "Sentence", "key", "told"]

# heading for people -> the rules told there
TABLES: Mapping[str, Mapping[str, Sentence]] = MappingProxyType(
    {
        "What an invoice must hold": mandatory.SENTENCES,
        "Sums and what goes together": sums.SENTENCES,
        "VAT categories": vat.SENTENCES,
        "How numbers are written": decimals.SENTENCES,
        "Code lists": lists.SENTENCES,
        "The French reform": french.SENTENCES,
    }
)
ALL: Mapping[str, Sentence] = MappingProxyType(
    {rule: sentence for table in TABLES.values() for rule, sentence in table.items()}
)


def told(rule: str, text: str = "") -> Sentence | None:
    """What we say of an official rule, by the id that its sheet gives; None where only the official text speaks.

    Where a sheet gives one id to several rules, `text`, the official one, tells which of them is broken.
    """
    wanted = key(rule)
    for words, alone in french.VARIANTS.get(wanted, ()):
        if words in text:
            return ALL[alone]
    return ALL.get(wanted)
