"""What an identifier of each legacy type looks like (03-mapping section 4), whichever party it names."""

import re

from pipeline.model import Party
from pipeline.siret import is_siret
from pipeline.validators.code_lists import EU_WITHOUT_FRANCE, VAT_PREFIX
from pipeline.validators.rule import NONE, Breach, Breaches, Subject, given
from pipeline.values import Text

SIRET, EU, OUTSIDE_EU, RIDET, TAHITI, BEING_REGISTERED, PERSON = "1234567"
FOREIGN_MAX = 18  # BR-FR-CPRO-04/05 say "shorter than 18" where rule 03 says 18: 18 is accepted
NAME_START = 16
ISLAND_LENGTHS = range(9, 11)
# Ten digits (sex, year, month, place of birth), then names.
_PERSON = re.compile(r"[0-9]{10}.{0,70}", re.ASCII | re.DOTALL)
_NOT_A_LETTER_OR_DIGIT = re.compile(r"[\W_]+")


def given_identifier(party: Party) -> Text | None:
    """The identifier, else the SIREN where a document gives nothing more: malformed, but not missing."""
    return party.identifier if given(party.identifier) else party.siren


def siret(party: Party) -> Text | None:
    """The identifier of a party when it has the form of a SIRET and says that it is one."""
    identifier = party.identifier
    is_one = party.identifier_type == SIRET and identifier is not None and is_siret(identifier.text)
    return identifier if is_one else None


# --- the supplier, one rule per type


def of_unknown_type(subject: Subject) -> Breaches:
    supplier = subject.invoice.supplier
    identifier = supplier.identifier
    if identifier is None or not identifier.text or supplier.identifier_type:
        return NONE
    scheme = supplier.scheme
    facts = {"scheme": "" if scheme is None else scheme.text, "identifier": identifier.text}
    at = identifier if scheme is None else scheme._replace(bt=f"{identifier.bt}-1")
    return (Breach(at, facts),)


def no_siret(subject: Subject) -> Breaches:
    supplier = subject.invoice.supplier
    identifier = given_identifier(supplier)
    if identifier is None or (given(supplier.identifier) and supplier.identifier_type != SIRET):
        return NONE
    return NONE if is_siret(identifier.text) and identifier is supplier.identifier else _of_length(identifier)


def no_eu_number(subject: Subject) -> Breaches:
    supplier = subject.invoice.supplier
    identifier = _of_type(supplier, EU)
    if identifier is None:
        return NONE
    country = "" if supplier.address.country is None else supplier.address.country.text
    prefix = identifier.text[:2]
    # Without a country the identifier speaks for itself.
    fits = prefix == VAT_PREFIX.get(country, country) if country else prefix in _VAT_PREFIXES
    if fits and len(identifier.text) <= FOREIGN_MAX and (not country or country in EU_WITHOUT_FRANCE):
        return NONE
    return (Breach(identifier, {"identifier": identifier.text, "country": country}),)


def not_country_and_name(subject: Subject) -> Breaches:
    """Country code and the first 16 characters of the name; nobody tells what becomes of blanks and signs in it."""
    supplier = subject.invoice.supplier
    identifier = _of_type(supplier, OUTSIDE_EU)
    if identifier is None:
        return NONE
    country = "" if supplier.address.country is None else supplier.address.country.text
    name = "" if supplier.name is None else supplier.name.text
    expected = country + name[:NAME_START].rstrip()
    squeezed = country + _NOT_A_LETTER_OR_DIGIT.sub("", name)[:NAME_START]
    fits = _letters(identifier.text) in {_letters(expected), _letters(squeezed)}
    is_outside = country not in EU_WITHOUT_FRANCE and country != "FR"
    if fits and is_outside and len(identifier.text) <= FOREIGN_MAX:
        return NONE
    return (Breach(identifier, {"identifier": identifier.text, "expected": expected}),)


def no_ridet(subject: Subject) -> Breaches:
    return _island(subject.invoice.supplier, RIDET)


def no_tahiti_number(subject: Subject) -> Breaches:
    return _island(subject.invoice.supplier, TAHITI)


def no_person(subject: Subject) -> Breaches:
    """A person's identifier tells birth and names: no finding repeats it."""
    identifier = _of_type(subject.invoice.supplier, PERSON)
    if identifier is None or _PERSON.fullmatch(identifier.text) is not None:
        return NONE
    return (Breach(identifier, {"length": len(identifier.text)}, value=""),)


def being_registered(subject: Subject) -> Breaches:
    identifier = _of_type(subject.invoice.supplier, BEING_REGISTERED)
    return NONE if identifier is None else (Breach(identifier, {"identifier": identifier.text}),)


# --- the others


def recipient_without_siret(subject: Subject) -> Breaches:
    """A public body is always named by its SIRET; fourteen digits without a scheme are taken for one."""
    recipient = subject.invoice.recipient
    identifier = given_identifier(recipient)
    if identifier is None:
        return NONE
    scheme = "" if recipient.scheme is None else recipient.scheme.text
    is_said = recipient.identifier_type == SIRET or (not recipient.identifier_type and not scheme)
    if is_said and is_siret(identifier.text) and identifier is recipient.identifier:
        return NONE
    return (Breach(identifier, {"identifier": identifier.text, "scheme": scheme}),)


def malformed_payee(subject: Subject) -> Breaches:
    payee = subject.invoice.payee
    identifier = None if payee is None else given_identifier(payee)
    if payee is None or identifier is None or _fits(payee, identifier):
        return NONE
    scheme = "" if payee.scheme is None else payee.scheme.text
    shown = "…" if payee.identifier_type == PERSON else identifier.text
    return (Breach(identifier, {"identifier": shown, "scheme": scheme}, value=shown),)


def _fits(party: Party, identifier: Text) -> bool:
    if identifier is not party.identifier:
        return False  # a SIREN alone
    length = len(identifier.text)
    match party.identifier_type:
        case "1":
            return is_siret(identifier.text)
        case "2" | "3":
            return length <= FOREIGN_MAX
        case "4" | "5":
            return length in ISLAND_LENGTHS
        case "6":
            return True
        case "7":
            return _PERSON.fullmatch(identifier.text) is not None
        case _:
            return False


def _of_type(party: Party, type_: str) -> Text | None:
    return party.identifier if party.identifier_type == type_ and given(party.identifier) else None


def _island(supplier: Party, type_: str) -> Breaches:
    identifier = _of_type(supplier, type_)
    return NONE if identifier is None or len(identifier.text) in ISLAND_LENGTHS else _of_length(identifier)


def _of_length(identifier: Text) -> Breaches:
    return (Breach(identifier, {"identifier": identifier.text, "length": len(identifier.text)}),)


def _letters(text: str) -> str:
    return _NOT_A_LETTER_OR_DIGIT.sub("", text).casefold()


_VAT_PREFIXES = frozenset(VAT_PREFIX.get(country, country) for country in EU_WITHOUT_FRANCE)
