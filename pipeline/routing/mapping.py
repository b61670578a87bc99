"""The names that an issuer gives its recipients and their services, put in place of what is written before routing.

Only an exact match counts, of texts made plain (`suggestions.plain`); what resembles a name is advised, never used.
What the directory knows as it is written stays: an alias never replaces an active recipient, nor a label a valid code.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from pipeline import codes
from pipeline.model import Alias, Finding, Known, Label, ReadInvoice, RecipientMapping, Structure, finding
from pipeline.routing import directory, suggestions
from pipeline.routing.case import shown
from pipeline.siret import is_siret
from pipeline.terms import Terms
from pipeline.values import Text

NAME_CHARS_MAX = 200  # of a label or alias: twice a service code
BY_SERVICE, BY_SERVICE_NAME = "service", "service name"
BY_RECIPIENT, BY_RECIPIENT_NAME = "recipient", "recipient name"
# What refuses a document for a name in the place of a SIRET, or for a long one in the place of a code.
MENDED_BY_ALIAS = frozenset({codes.PTY_013.id, codes.PTY_014.id})
MENDED_BY_LABEL = frozenset({codes.REF_001.id})
MENDED = MENDED_BY_ALIAS | MENDED_BY_LABEL | {codes.PTY_016.id}  # the last one where it is about the recipient
RECIPIENT = "recipient"


@dataclass(frozen=True, slots=True)
class _Used:
    """One value put in place of another: it with its place, what was written there, and where it was found."""

    at: Text
    written: str
    how: str


@dataclass(frozen=True, slots=True)
class Mapped:
    """An invoice as it is routed, with what to say about it (RTG-013)."""

    invoice: ReadInvoice
    recipient: _Used | None = None
    service: _Used | None = None

    @property
    def is_mapped(self) -> bool:
        return self.recipient is not None or self.service is not None

    def notes(self, terms: Terms) -> Iterator[Finding]:
        """RTG-013, once for each value that was put in place of another."""
        for used in (self.recipient, self.service):
            if used is not None:
                made = finding(terms, codes.RTG_013, used.at, member=self.invoice.member)
                if made is not None:
                    facts = {"label": shown(used.written), "service": shown(used.at.text), "how": used.how}
                    yield replace(made, value=shown(used.written), facts=facts)

    def beside_a_siren(self, terms: Terms) -> Iterator[Finding]:
        """PTY-016, asked again of a SIRET that was put in place of the one that a SIREN stands beside."""
        used, siren = self.recipient, self.invoice.recipient_siren
        if used is None or siren is None or used.at.text.startswith(siren.text):
            return
        made = finding(terms, codes.PTY_016, used.at, member=self.invoice.member, value=shown(used.at.text))
        if made is not None:
            facts = {"siret": shown(used.at.text), "siren": shown(siren.text), "party": RECIPIENT}
            yield replace(made, facts=facts)

    def as_written(self, found: Iterable[Finding]) -> Iterator[Finding]:
        """The findings with the value that the issuer finds in its file, not with the one used instead."""
        places = {(u.at.bt, u.at.path, shown(u.at.text)): u.written for u in (self.recipient, self.service) if u}
        for one in found:
            written = places.get((one.at, one.path, one.value))
            yield one if written is None else replace(one, value=shown(written))


def key(name: str) -> str:
    """The plain text by which a name is looked up; empty where it can be none.

    >>> key("Service de la Paie (SARL)"), key("---")
    ('service paie', '')
    """
    return suggestions.plain(name) if len(name) <= NAME_CHARS_MAX else ""


def table(labels: Iterable[Label], aliases: Iterable[Alias]) -> RecipientMapping:
    """The mapping of these rows, of one issuer."""
    by_siret: dict[str, dict[str, Label]] = {}
    for label in labels:
        by_siret.setdefault(label.siret, {})[key(label.written)] = label
    return RecipientMapping(by_siret, {key(alias.written): alias for alias in aliases})


def applied(invoice: ReadInvoice, known: Known, day: date) -> Mapped:
    """The invoice with what its issuer's names stand for; as it is where none of them fits, or several differ.

    A refusal that the name alone had earned goes with it. An invoice that nothing else refuses must have its pivot.
    """
    mapping = known.mapping
    if mapping is None or known.snapshot is None:
        return Mapped(invoice)
    recipient = _recipient(invoice, mapping, known, day)
    siret = recipient.at.text if recipient is not None else _text(invoice.recipient)
    service = _service(invoice, mapping, known.structures.get(siret), siret, day)
    if recipient is None and service is None:
        return Mapped(invoice)
    mended = (MENDED_BY_ALIAS if recipient else frozenset()) | (MENDED_BY_LABEL if service else frozenset())
    left = tuple(f for f in invoice.findings if f.code not in mended and not (recipient and _is_of_its_siren(f)))
    if invoice.pivot is None and invoice.is_refused and not any(f.refuses for f in left):
        return Mapped(invoice)  # read when its connection asked for no mapping: there is nothing to deliver
    routed = replace(
        invoice,
        recipient=recipient.at if recipient is not None else invoice.recipient,
        service=service.at if service is not None else invoice.service,
        findings=left,
    )
    return Mapped(routed, recipient, service)


def called(mapping: RecipientMapping | None, siret: str) -> tuple[Label, ...]:
    """The labels that an issuer has for the services of a recipient, in the order of their plain texts."""
    if mapping is None or not mapping.is_asked:
        return ()
    return tuple(label for _, label in sorted(mapping.labels.get(siret, {}).items()))


def label_of(mapping: RecipientMapping, siret: str, written: str) -> Label | None:
    """The one label of this recipient that this text is."""
    return mapping.labels.get(siret, {}).get(key(written))


def names_of(invoice: ReadInvoice) -> Iterator[tuple[str, str]]:
    """(name, how) of its recipient: the identifier as written, and the name where that is no SIRET."""
    written = _text(invoice.recipient)
    if written:
        yield written, BY_RECIPIENT
    if not is_siret(written) and invoice.recipient_name:
        yield invoice.recipient_name, BY_RECIPIENT_NAME


def _recipient(invoice: ReadInvoice, mapping: RecipientMapping, known: Known, day: date) -> _Used | None:
    written = _text(invoice.recipient)
    if invoice.rank in mapping.settled:
        siret, _ = mapping.settled[invoice.rank]
        if siret == written:
            return None
        return _used(invoice.recipient, "BT-47", siret, written or invoice.recipient_name, _how(written, BY_RECIPIENT))
    structure = known.structures.get(written)
    if not mapping.is_asked or (structure is not None and directory.is_active(structure, day)):
        return None
    found = [(mapping.aliases.get(key(name)), name, how) for name, how in names_of(invoice)]
    fitting = [(alias.siret, name, how) for alias, name, how in found if alias is not None and alias.siret != written]
    if len({siret for siret, _, _ in fitting}) != 1:
        return None
    siret, name, how = fitting[0]
    return _used(invoice.recipient, "BT-47", siret, name, how)


def _service(
    invoice: ReadInvoice, mapping: RecipientMapping, structure: Structure | None, siret: str, day: date
) -> _Used | None:
    written = _text(invoice.service)
    if invoice.rank in mapping.settled:
        _, code = mapping.settled[invoice.rank]
        if code == written:
            return None
        return _used(invoice.service, "BT-10", code, written or invoice.service_name, _how(written, BY_SERVICE))
    if not mapping.is_asked or structure is None:
        return None
    meant = directory.service_of(structure, written, day) if written else None
    if meant is not None and directory.is_valid(meant, day):
        return None
    name = written or invoice.service_name
    label = label_of(mapping, siret, name)
    if label is None or label.code == written:
        return None
    return _used(invoice.service, "BT-10", label.code, name, _how(written, BY_SERVICE))


def _used(place: Text | None, bt: str, value: str, written: str, how: str) -> _Used:
    """`value` stands where the document has another one, or should have one."""
    at = Text(value, bt, "", 0) if place is None else place._replace(text=value, padded=False)
    return _Used(at, written, how)


def _is_of_its_siren(found: Finding) -> bool:
    """PTY-016 of the recipient as written, where another one is used."""
    return found.code == codes.PTY_016.id and found.facts.get("party") == RECIPIENT


def _how(written: str, how: str) -> str:
    """By the value itself, or by the name beside it where none is given."""
    return how if written else f"{how} name"


def _text(value: Text | None) -> str:
    return value.text if value is not None else ""
