"""The parties of a UBL document: who they are and by which identifier, in the AIFE way or in that of EN 16931."""

from pipeline.model import Address, Party
from pipeline.readers.schemes import (
    CREDITOR_SCHEME,
    LEGACY_TYPES,
    REFORM_SCHEMES,
    SERVICE_SCHEME,
    SIRET,
    SIRET_SCHEME,
    Given,
    siren_beside,
)
from pipeline.readers.walk import Group, read_attribute, read_text
from pipeline.values import Text

# (name, trading name, VAT number, line 1, line 2, post code, city, country) of each role
_BTS = {
    "supplier": ("BT-27", "BT-28", "BT-31", "BT-35", "BT-36", "BT-38", "BT-37", "BT-40"),
    "recipient": ("BT-44", "BT-45", "BT-48", "BT-50", "BT-51", "BT-53", "BT-52", "BT-55"),
    "validator": ("validator name",) * 2
    + ("validator VAT number",)
    + ("validator address",) * 4
    + ("validator country",),
    "payee": ("BT-59",) * 2 + ("payee VAT number",) + ("payee address",) * 4 + ("payee country",),
}
# (PartyIdentification with a legacy type, with a scheme, PartyLegalEntity/CompanyID)
_ID_BTS = {
    "supplier": ("BT-30", "BT-29", "BT-30"),
    "recipient": ("BT-47", "BT-46", "BT-47"),
    "validator": ("validator", "validator", "validator"),
    "payee": ("BT-60", "BT-60", "BT-61"),
}
_NOT_VAT = frozenset({"FC"})  # BT-32, a local tax number: not a VAT number with a wrong qualifier


def read_supplier(side: Group) -> tuple[Party, tuple[Text, ...]]:
    """The supplier, and its VAT regimes, which the AIFE puts beside the VAT number."""
    party = side.group("cac:Party")
    contact = side.group("cac:AccountingContact")
    regimes = tuple(
        regime
        for tax in party.groups("cac:PartyTaxScheme")
        if (regime := tax.group("cac:TaxScheme").identifier("cbc:TaxTypeCode", "BT-8")) is not None
    )
    return read_party(party, "supplier", contact), regimes


def read_recipient(party: Group) -> tuple[Party, Text | None]:
    """The recipient, and its service as the reform writes it (BT-46 with scheme 0224)."""
    given = _identifications(party, "recipient")
    service = next((one.id for one in given if one.scheme_text == SERVICE_SCHEME), None)
    return read_party(party, "recipient", None, given), service


def read_party(party: Group, role: str, contact: Group | None = None, given: tuple[Given, ...] | None = None) -> Party:
    name_bt, trading_bt, vat_bt, line1_bt, line2_bt, postcode_bt, city_bt, country_bt = _BTS[role]
    identifications = _identifications(party, role) if given is None else given
    legal = party.group("cac:PartyLegalEntity")
    company = _company(legal, role)
    chosen = _choose(identifications, company, is_recipient=role == "recipient")
    registered = legal.text("cbc:RegistrationName", name_bt)
    trading = party.group("cac:PartyName").text("cbc:Name", trading_bt if registered is not None else name_bt)
    vat, vat_scheme = _vat(party, vat_bt)
    address = party.group("cac:PostalAddress")
    share_capital = legal.group("cac:CorporateRegistrationScheme").text("cbc:ID", "share capital")
    for step in ("cbc:StreetName", "cbc:CityName"):
        legal.group("cac:RegistrationAddress").text(step, "registered address")
    is_rcs = company is not None and not company.is_siret and not company.is_siren
    return Party(
        identifier=None if chosen is None else chosen.id,
        identifier_type="" if chosen is None else chosen.type,
        scheme=None if chosen is None else chosen.scheme,
        siren=siren_beside(chosen, identifications if company is None else (*identifications, company)),
        name=registered or trading,
        trading_name=trading if registered is not None else None,
        vat=vat,
        vat_scheme=vat_scheme,
        address=Address(
            line1=address.text("cbc:StreetName", line1_bt),
            line2=address.text("cbc:AdditionalStreetName", line2_bt),
            postcode=address.text("cbc:PostalZone", postcode_bt),
            city=address.text("cbc:CityName", city_bt),
            country=address.group("cac:Country").identifier("cbc:IdentificationCode", country_bt),
        ),
        legal=company.id if company is not None and is_rcs and company is not chosen else share_capital,
        service_label=_service_label(party) if role != "recipient" else None,
        contact=None if contact is None else _contact(contact),
    )


def _identifications(party: Group, role: str) -> tuple[Given, ...]:
    """PartyIdentification/ID, each with the scheme it is said to follow: @schemeName 1 to 7 (AIFE), else @schemeID."""
    legacy_bt, scheme_bt, _ = _ID_BTS[role]
    given: list[Given] = []
    for identification in party.groups("cac:PartyIdentification"):
        element, path = identification.child("cbc:ID"), identification.place("cbc:ID")
        if element is None:
            continue
        into = party.found.identifiers
        scheme = read_attribute(element, "schemeName", "scheme", path, into)
        is_legacy = scheme is not None
        if scheme is None or scheme.text not in LEGACY_TYPES:
            said = read_attribute(element, "schemeID", "scheme", path, into)
            scheme, is_legacy = (said, False) if said is not None else (scheme, is_legacy)
        read = read_text(element, legacy_bt if scheme is None or is_legacy else scheme_bt, path, into)
        if read is not None and (scheme is None or scheme.text != CREDITOR_SCHEME):
            given.append(Given(read, scheme, is_legacy_scheme=is_legacy))
    return tuple(given)


def _company(legal: Group, role: str) -> Given | None:
    read = legal.identifier("cbc:CompanyID", _ID_BTS[role][2])
    if read is None:
        return None
    return Given(read, legal.attribute("cbc:CompanyID", "schemeID", "scheme"), is_legal=True)


def _choose(given: tuple[Given, ...], company: Given | None, *, is_recipient: bool) -> Given | None:
    """The identifier that counts, in the order of spec 03-mapping section 3; then what tells best what is wrong.

    A recipient is a SIRET: another type is taken only when nothing better stands there, so that PTY-014 names it.
    """
    legacy = frozenset({SIRET}) if is_recipient else LEGACY_TYPES
    reform = frozenset({SIRET_SCHEME}) if is_recipient else REFORM_SCHEMES
    for one in given:
        if one.is_legacy_scheme and one.scheme_text in legacy:
            return one
    for one in given:
        if not one.is_legacy_scheme and one.scheme_text in reform:
            return one
    if company is not None and company.is_siret:
        return company
    for one in given:
        if one.scheme is None and one.is_siret:
            return one
    for one in given:
        if one.is_legacy_scheme:
            return one
    everyone: tuple[Given, ...] = given if company is None else (*given, company)
    for one in everyone:
        if one.is_siren:
            return one
    return next((one for one in given if one.scheme_text != SERVICE_SCHEME), None)


def _vat(party: Group, bt: str) -> tuple[Text | None, Text | None]:
    """The VAT number: the one qualified VAT, else the first under no other tax."""
    others: list[tuple[Text, Text | None]] = []
    for tax in party.groups("cac:PartyTaxScheme"):
        number = tax.identifier("cbc:CompanyID", bt)
        scheme = tax.group("cac:TaxScheme").identifier("cbc:ID", "VAT qualifier")
        if number is None or (scheme is not None and scheme.text in _NOT_VAT):
            continue
        if scheme is not None and scheme.text == "VAT":
            return number, scheme
        others.append((number, scheme))
    return others[0] if others else (None, None)


def _service_label(party: Group) -> Text | None:
    contact = party.group("cac:Contact")
    said = (
        contact.identifier("cbc:ID", "supplier service"),
        contact.text("cbc:Name", "supplier service"),
        contact.text("cbc:Note", "supplier service"),
    )
    return next((text for text in said if text is not None), None)


def _contact(contact: Group) -> Text | None:
    said = [contact.text(f"cbc:{name}", "BG-6") for name in ("Name", "Telephone", "Telefax", "ElectronicMail")]
    return next((text for text in said if text is not None), None)
