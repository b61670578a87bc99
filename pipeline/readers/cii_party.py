"""The parties of a CII document: who they are and by which identifier, the legacy home (legal organisation) first."""

from pipeline.model import Address, Party
from pipeline.readers.schemes import (
    CREDITOR_SCHEME,
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
# (SpecifiedLegalOrganization/ID, GlobalID and ID)
_ID_BTS = {
    "supplier": ("BT-30", "BT-29"),
    "recipient": ("BT-47", "BT-46"),
    "validator": ("validator", "validator"),
    "payee": ("BT-61", "BT-60"),
}
_LOCAL_TAX = "FC"  # BT-32: not a VAT number with a wrong qualifier


def read_party(party: Group, role: str, *, service: Text | None = None) -> Party:
    name_bt, trading_bt, vat_bt, line1_bt, line2_bt, postcode_bt, city_bt, country_bt = _BTS[role]
    legal_bt, other_bt = _ID_BTS[role]
    legal = party.group("ram:SpecifiedLegalOrganization")
    organisations = _given(legal, "ram:ID", legal_bt, is_legal=True)[:1]
    globals_ = _given(party, "ram:GlobalID", other_bt)
    plain = _given(party, "ram:ID", other_bt)
    chosen = _choose(organisations, globals_, plain, is_recipient=role == "recipient")
    vat, vat_scheme = _vat(party, vat_bt)
    address = party.group("ram:PostalTradeAddress")
    contact = party.group("ram:DefinedTradeContact") if role == "supplier" else None
    return Party(
        identifier=None if chosen is None else chosen.id,
        identifier_type="" if chosen is None else chosen.type,
        scheme=None if chosen is None else chosen.scheme,
        siren=siren_beside(chosen, (*organisations, *globals_, *plain)),
        name=party.text("ram:Name", name_bt),
        trading_name=legal.text("ram:TradingBusinessName", trading_bt),
        vat=vat,
        vat_scheme=vat_scheme,
        address=Address(
            line1=address.text("ram:LineOne", line1_bt),
            line2=address.text("ram:LineTwo", line2_bt),
            postcode=address.text("ram:PostcodeCode", postcode_bt),
            city=address.text("ram:CityName", city_bt),
            country=address.identifier("ram:CountryID", country_bt),
        ),
        legal=party.text("ram:Description", "BT-33"),
        service_label=service,
        contact=None
        if contact is None
        else contact.text("ram:PersonName", "BG-6") or contact.text("ram:DepartmentName", "BG-6"),
    )


def routing_service(buyer: Group) -> Text | None:
    """The service as the reform writes it: BT-46 with scheme 0224, which `read_party` has read and passed by."""
    for element, path in buyer.children("ram:GlobalID"):
        if element.get("schemeID") == SERVICE_SCHEME:
            return read_text(element, "BT-46", path, [])
    return None


def _given(group: Group, step: str, bt: str, *, is_legal: bool = False) -> tuple[Given, ...]:
    into = group.found.identifiers
    given: list[Given] = []
    for element, path in group.children(step):
        read = read_text(element, bt, path, into)
        scheme = read_attribute(element, "schemeID", "scheme", path, into)
        if read is not None and (scheme is None or scheme.text != CREDITOR_SCHEME):
            given.append(Given(read, scheme, is_legal=is_legal))
    return tuple(given)


def _choose(
    organisations: tuple[Given, ...], globals_: tuple[Given, ...], plain: tuple[Given, ...], *, is_recipient: bool
) -> Given | None:
    """The identifier that counts, in the order of spec 03-mapping section 3; then what tells best what is wrong.

    A recipient is a SIRET: another type is taken only when nothing better stands there, so that PTY-014 names it.
    """
    reform = frozenset({SIRET_SCHEME}) if is_recipient else REFORM_SCHEMES
    for one in organisations:
        if one.is_siret or (not is_recipient and one.type not in {"", SIRET}):
            return one
    for one in globals_:
        if one.scheme_text in reform:
            return one
    for one in plain:
        if one.is_siret:
            return one
    for one in organisations:
        if one.type:
            return one
    for one in (*globals_, *plain):
        if one.is_siren:
            return one
    rest = (*organisations, *globals_, *plain)
    return next((one for one in rest if one.scheme_text != SERVICE_SCHEME), None)


def _vat(party: Group, bt: str) -> tuple[Text | None, Text | None]:
    """The VAT number: the one qualified VA, else the first under no other tax."""
    others: list[tuple[Text, Text | None]] = []
    for registration in party.groups("ram:SpecifiedTaxRegistration"):
        number = registration.identifier("ram:ID", bt)
        scheme = registration.attribute("ram:ID", "schemeID", "VAT qualifier")
        if number is None or (scheme is not None and scheme.text == _LOCAL_TAX):
            continue
        if scheme is not None and scheme.text == "VA":
            return number, scheme
        others.append((number, scheme))
    return others[0] if others else (None, None)
