"""The description beside a message: which invoice, where in the file, what was found, what to do."""

import string

from pipeline.model import Finding, JudgedInvoice
from pipeline.returns import message
from pipeline.returns.fact_labels import LABELS, PLACES_FR
from pipeline.values import Text

# (French, English)
_INVOICE = ("Facture {} ({}, {})", "Invoice {} ({}, {})")
_NO_NUMBER = ("sans numéro", "without number")
_SUPPLIER = (("fournisseur {}", "fournisseur non identifié"), ("supplier {}", "supplier not identified"))
_RECIPIENT = (("destinataire {}", "destinataire non identifié"), ("recipient {}", "recipient not identified"))
_MEMBER = ("Fichier : {}", "File: {}")
_PLACE = ("Emplacement : {}", "Place: {}")
_LINE = ("ligne {}", "line {}")
_COLUMN = ("colonne {}", "column {}")
_VALUE = ("Valeur trouvée : « {} »", "Value found: '{}'")
_FACTS = ("Précisions : {}", "Details: {}")
_REMEDY = ("À faire : {}", "To do: {}")


def description(finding: Finding, invoice: JudgedInvoice | None, lang: str = message.FRENCH) -> str:
    """One sentence each, in the order that a person needs them; what is unknown is left out."""
    word = 1 if lang == message.ENGLISH else 0
    said = []
    if invoice is not None:
        read = invoice.read
        named = _text(read.number), _text(read.supplier.identifier), _text(read.recipient)
        said.append(invoice_named(*named, lang))
    member = finding.member or (invoice.read.member if invoice else "")
    if member:
        said.append(_MEMBER[word].format(message.display(member)))
    where = place(finding, lang)
    if where:
        said.append(_PLACE[word].format(where))
    value = message.value(finding)
    if value:
        said.append(_VALUE[word].format(value))
    facts = _unsaid(finding, lang)
    if facts:
        said.append(_FACTS[word].format(facts))
    remedy = message.remedy(finding, lang)
    if remedy:
        said.append(_REMEDY[word].format(remedy))
    return " ".join(sentence if sentence.endswith((".", "!", "?")) else f"{sentence}." for sentence in said)


def place(finding: Finding, lang: str = message.FRENCH) -> str:
    """BT id, XPath, line and column: what is known of them."""
    word = 1 if lang == message.ENGLISH else 0
    known = [message.display(spot(finding.at, lang)), message.display(finding.path, message.PROSE_MAX)]
    if finding.line:
        known.append(_LINE[word].format(finding.line))
    if finding.column:
        known.append(_COLUMN[word].format(finding.column))
    return ", ".join(part for part in known if part)


def spot(at: str, lang: str = message.FRENCH) -> str:
    """A BT id, or what a finding is about where no BT is concerned.

    >>> spot("BT-1"), spot("flow name")
    ('BT-1', 'nom du flux')
    """
    return at if lang == message.ENGLISH else PLACES_FR.get(at, at)


def invoice_named(number: str, supplier: str, recipient: str, lang: str = message.FRENCH) -> str:
    """How a description begins that is about an invoice; what is unknown is empty."""
    word = 1 if lang == message.ENGLISH else 0
    shown = message.display(number) if number else _NO_NUMBER[word]
    return _INVOICE[word].format(shown, _party(supplier, *_SUPPLIER[word]), _party(recipient, *_RECIPIENT[word]))


def _text(given: Text | None) -> str:
    return given.text if given is not None else ""


def _party(identifier: str, known: str, unknown: str) -> str:
    return known.format(message.display(identifier)) if identifier else unknown


def _unsaid(finding: Finding, lang: str) -> str:
    """The facts that neither the message nor the remedy shows."""
    row = finding.row
    templates = (
        (row.message_en, row.remedy_en)
        if lang == message.ENGLISH
        else (row.message_fr or row.message_en, row.remedy_fr or row.remedy_en)
    )
    shown = {name for template in templates for _, name, _, _ in string.Formatter().parse(template) if name}
    place = (finding.value, finding.member, finding.path, finding.at, str(finding.line), str(finding.column))
    told = {message.display(text) for text in place}
    listed = []
    for name in finding.facts:
        value = message.fact(finding, name, lang)
        if name in shown or name.endswith("_fr") or value in told or not str(finding.facts[name]):
            continue
        label = LABELS.get(name, (name, name))[1 if lang == message.ENGLISH else 0]
        listed.append(f"{label} = {value}")
    return ", ".join(listed)
