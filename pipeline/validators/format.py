"""What is particular to one syntax of the channel: FMT-001 to FMT-006. The reform's rows come with its profile.

Three of them only tell how an oddity was read (03-mapping section 5): once per invoice and kind, never once per line.
"""

from collections.abc import Iterator

from pipeline import codes
from pipeline.model import Finding, Invoice, Kind, Party, Received
from pipeline.readers.schemes import SIREN_SCHEME, is_fourteen_digits
from pipeline.readers.walk import AIFE
from pipeline.terms import Terms
from pipeline.validators.rule import Breach, Rule, Subject, apply, given
from pipeline.values import Text

_PRICE_INCLUDES_VAT = "FSO1116A"
# Party schemes of the platform's own CII samples, beside 0002: a SIREN in the standard, a SIRET there.
_CHORUS_SCHEMES = frozenset({"1", "2", "3", "4", "5", "6", "7", "ETR", "RIDET"})
_CII = frozenset({Kind.CII, Kind.FACTURX})
_AIFE_RATE_PLACE = "TaxSubtotal/Percent"
# What CII may say besides VA: FC is the local tax number (BT-32), no VAT number at all.
_VAT_QUALIFIERS = {
    Kind.UBL: frozenset({"VAT"}),
    Kind.CII: frozenset({"VA", "FC"}),
    Kind.FACTURX: frozenset({"VA", "FC"}),
}


def judge(invoice: Invoice, received: Received, interface: str, member: str, terms: Terms) -> tuple[Finding, ...]:
    """Every finding on the particulars of the syntax that this invoice is written in."""
    return tuple(apply(FORMAT, Subject.of(invoice, received, interface, member, terms)))


def net_price_includes_vat(subject: Subject) -> Iterator[Breach]:
    """FMT-001: the platform's own FSO1116A samples say "Prix unitaire TTC" there; the first line stands for all."""
    if subject.interface.code != _PRICE_INCLUDES_VAT:
        return
    for rank, line in enumerate(subject.invoice.lines, start=1):
        if line.price_ttc is not None:
            yield Breach(line.price_ttc, {"line": line.id.text if line.id else rank})
            return


def party_scheme_is_of_chorus(subject: Subject) -> Iterator[Breach]:
    """FMT-002: schemes that ISO 6523 does not know, as the samples of 2018 write them."""
    if subject.invoice.kind not in _CII:
        return
    told: set[str] = set()
    for party in _parties(subject.invoice):
        scheme = party.scheme
        if scheme is not None and scheme.text not in told and _is_of_chorus(scheme, party.identifier):
            told.add(scheme.text)
            yield Breach(scheme, {"scheme": scheme.text, "type": party.identifier_type})


def rate_stands_under_the_subtotal(subject: Subject) -> Iterator[Breach]:
    """FMT-003: the style sheet of FSO1100A reads the rate there; EN 16931 has it in the category."""
    for line in subject.invoice.vat_lines:
        if line.rate is not None and line.rate_place == _AIFE_RATE_PLACE:
            yield Breach(line.rate, {"place": line.rate_place})
            return


def element_is_unknown(subject: Subject) -> Iterator[Breach]:
    """FMT-004: the XSD refuses such a document first; the pivot's ModeEmission and DateReception are the usual ones."""
    for name in subject.invoice.unknown_elements:
        yield Breach(name, {"name": name.text})


def extension_is_of_another_namespace(subject: Subject) -> Iterator[Breach]:
    """FMT-005: the framework was read all the same."""
    invoice = subject.invoice
    if invoice.framework_extension is not None and invoice.framework_extension_namespace != AIFE:
        yield Breach(invoice.framework_extension, {"namespace": invoice.framework_extension_namespace})


def vat_qualifier_is_of_another_syntax(subject: Subject) -> Iterator[Breach]:
    """FMT-006. The buyer's VAT number is ignored, and its qualifier too (PTY-015)."""
    expected = _VAT_QUALIFIERS.get(subject.invoice.kind)
    if expected is None:
        return
    for party in (subject.invoice.supplier, subject.invoice.validator, subject.invoice.payee):
        if party is not None and given(party.vat) and party.vat_scheme and party.vat_scheme.text not in expected:
            yield Breach(party.vat_scheme, {"value": party.vat_scheme.text})


FORMAT = (
    Rule(codes.FMT_001, net_price_includes_vat),
    Rule(codes.FMT_002, party_scheme_is_of_chorus),
    Rule(codes.FMT_003, rate_stands_under_the_subtotal),
    Rule(codes.FMT_004, element_is_unknown),
    Rule(codes.FMT_005, extension_is_of_another_namespace),
    Rule(codes.FMT_006, vat_qualifier_is_of_another_syntax),
)


def _parties(invoice: Invoice) -> Iterator[Party]:
    for party in (invoice.supplier, invoice.recipient, invoice.validator, invoice.payee):
        if party is not None:
            yield party


def _is_of_chorus(scheme: Text, identifier: Text | None) -> bool:
    if scheme.text == SIREN_SCHEME:
        return identifier is not None and is_fourteen_digits(identifier.text)
    return scheme.text in _CHORUS_SCHEMES
