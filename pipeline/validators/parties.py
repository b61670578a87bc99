"""Rules on supplier, recipient, validator and payee: names, countries, addresses, VAT number (family PTY).

The forms of identifiers are `identifiers`. PTY-020 and PTY-021 ask who may file for whom, and belong to routing.
"""

import re
from collections.abc import Iterator

from pipeline import codes
from pipeline.model import Party
from pipeline.siret import has_right_key
from pipeline.validators import identifiers
from pipeline.validators.code_lists import COUNTRIES
from pipeline.validators.rule import NONE, Breach, Breaches, Rule, Subject, holds

ADDRESS_MAX = 400  # BR-FR-CPRO-32/33
_FRENCH_VAT = re.compile(r"FR([0-9A-HJ-NP-Z]{2})([0-9]{9})", re.ASCII)


def parties(subject: Subject) -> Iterator[tuple[str, Party]]:
    """Those whose SIRET is looked at here, by the word that names them. The recipient's key is routing's (RTG-005)."""
    invoice = subject.invoice
    yield "supplier", invoice.supplier
    if invoice.validator is not None:
        yield "validator", invoice.validator
    if invoice.payee is not None:
        yield "payee", invoice.payee


def wrong_keys(subject: Subject) -> Iterator[Breach]:
    """The switch decides how hard this bites, unless the settings move the rule itself."""
    switch = subject.terms.switches.siret_luhn
    if switch == "off":
        return
    for name, party in parties(subject):
        siret = identifiers.siret(party)
        if siret is not None and not has_right_key(siret.text):
            severity = codes.Severity.ERROR if switch == "error" else None
            yield Breach(siret, {"siret": siret.text, "party": name}, severity=severity)


def supplier_name(subject: Subject) -> Breaches:
    name = subject.invoice.supplier.name
    if name is None or not name.text:
        return (Breach(name or subject.missing("BT-27"), {"length": 0}),)
    if len(name.text) > subject.terms.legacy.name_max:
        return (Breach(name, {"length": len(name.text)}),)
    return NONE


def long_names(subject: Subject) -> Iterator[Breach]:
    """The payee's name is the holder of the account in CII (BT-59): a text is told once."""
    invoice, most = subject.invoice, subject.terms.legacy.name_max
    payee = None if invoice.payee is None else invoice.payee.name
    seen: set[str] = set()
    for name in (
        invoice.supplier.trading_name,
        invoice.recipient.name,
        invoice.recipient.trading_name,
        payee,
        invoice.account.holder,
    ):
        if name is not None and len(name.text) > most and name.path not in seen:
            seen.add(name.path)
            yield Breach(name, {"place": name.bt, "length": len(name.text)})


def recipient_vat(subject: Subject) -> Breaches:
    vat = subject.invoice.recipient.vat
    return NONE if vat is None else (Breach(vat),)


def siren_beside_another_siret(subject: Subject) -> Iterator[Breach]:
    for name, party in (*parties(subject), ("recipient", subject.invoice.recipient)):
        siret, siren = identifiers.siret(party), party.siren
        if siret is not None and siren is not None and not siret.text.startswith(siren.text):
            yield Breach(siret, {"siret": siret.text, "siren": siren.text, "party": name})


def vat_number_of_another(subject: Subject) -> Breaches:
    """A French VAT number is FR, a key and the SIREN. The key with letters (newer form) is not computed."""
    supplier = subject.invoice.supplier
    vat = supplier.vat
    if vat is None or not vat.text.startswith("FR"):
        return NONE
    siret = identifiers.siret(supplier)
    siren = siret.text[:9] if siret is not None else "" if supplier.siren is None else supplier.siren.text
    match = _FRENCH_VAT.fullmatch(vat.text)
    if match is None:
        return (Breach(vat, {"vat": vat.text, "siren": siren}),)
    key, within = match[1], match[2]
    is_right = not key.isdigit() or int(within + "12") % 97 == int(key)
    if is_right and siren in {"", within}:
        return NONE
    return (Breach(vat, {"vat": vat.text, "siren": siren or within}),)


def unknown_countries(subject: Subject) -> Iterator[Breach]:
    for party in (subject.invoice.supplier, subject.invoice.recipient):
        country = party.address.country
        if country is not None and country.text and country.text not in COUNTRIES:
            yield Breach(country, {"place": country.bt, "country": country.text})


def long_addresses(subject: Subject) -> Iterator[Breach]:
    address = subject.invoice.supplier.address
    for text in (address.line1, address.city):
        if text is not None and len(text.text) > ADDRESS_MAX:
            yield Breach(text, {"place": text.bt, "length": len(text.text)})


PARTIES = (
    holds(
        codes.PTY_001,
        lambda s: identifiers.given_identifier(s.invoice.supplier) is not None,
        at=lambda s: s.missing("BT-30"),
    ),
    Rule(codes.PTY_002, identifiers.of_unknown_type),
    Rule(codes.PTY_003, identifiers.no_siret),
    Rule(codes.PTY_004, wrong_keys),
    Rule(codes.PTY_005, identifiers.no_eu_number),
    Rule(codes.PTY_006, identifiers.not_country_and_name),
    Rule(codes.PTY_007, identifiers.no_ridet),
    Rule(codes.PTY_008, identifiers.no_tahiti_number),
    Rule(codes.PTY_009, identifiers.no_person),
    Rule(codes.PTY_010, identifiers.being_registered),
    Rule(codes.PTY_011, supplier_name),
    Rule(codes.PTY_012, long_names),
    holds(
        codes.PTY_013,
        lambda s: identifiers.given_identifier(s.invoice.recipient) is not None,
        at=lambda s: s.missing("BT-47"),
    ),
    Rule(codes.PTY_014, identifiers.recipient_without_siret),
    Rule(codes.PTY_015, recipient_vat),
    Rule(codes.PTY_016, siren_beside_another_siret),
    Rule(codes.PTY_017, vat_number_of_another),
    Rule(codes.PTY_018, unknown_countries),
    Rule(codes.PTY_019, long_addresses),
    Rule(codes.PTY_022, identifiers.malformed_payee),
)
