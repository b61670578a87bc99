"""The columns of an answer as people get it, in a table file or as JSON."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from types import MappingProxyType

from pipeline.lifecycle import LABELS
from pipeline.model import PARIS
from pipeline.search.found import FoundInvoice
from pipeline.values import parse_iso_day

FRENCH = "fr"
_OUTCOMES = {
    "integrated": ("intégrée", "integrated"), "refused": ("refusée", "refused"), "pending": ("en attente", "pending"),
}  # fmt: skip
_YES_NO = {True: ("oui", "yes"), False: ("non", "no")}
_CREDIT_NOTE = "381"


class Kind(StrEnum):
    """How a spreadsheet should take a cell."""

    TEXT = "text"
    AMOUNT = "amount"
    DAY = "day"
    MOMENT = "moment"


Value = str | Decimal | date | datetime | None


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its head in both languages, how wide it is shown, and its value of an invoice."""

    fr: str
    en: str
    width: int
    value: Callable[[FoundInvoice, int], Value]  # 0: in French, 1: in English
    kind: Kind = Kind.TEXT

    def head(self, lang: str) -> str:
        return self.fr if lang == FRENCH else self.en


def language(lang: str) -> int:
    return 0 if lang == FRENCH else 1


def signed_total(found: FoundInvoice) -> Decimal | None:
    """The total with VAT, exactly as given; that of a credit note is negative. None where there is no amount."""
    try:
        total = Decimal(found.total)
    except InvalidOperation:
        return None
    if not total.is_finite():
        return None
    return -abs(total) if found.type == _CREDIT_NOTE else total


def local(at: datetime | None) -> datetime | None:
    """In Paris, to the second, without a zone: what a spreadsheet takes."""
    return None if at is None else at.astimezone(PARIS).replace(microsecond=0, tzinfo=None)


def outcome(found: FoundInvoice, lang: int) -> str:
    return _OUTCOMES[found.outcome][lang] if found.outcome in _OUTCOMES else found.outcome


def status(found: FoundInvoice) -> str:
    return f"{found.status} {LABELS.get(found.status, '')}".strip()


def _handled(found: FoundInvoice, lang: int) -> str:
    return _YES_NO[found.is_handled][lang] if found.status == "05" else ""


def _deposited(rank: int) -> Callable[[FoundInvoice, int], Value]:
    return lambda found, _lang: found.deposited[rank] if found.deposited else ""


def _text(name: str) -> Callable[[FoundInvoice, int], Value]:
    return lambda found, _lang: str(getattr(found, name))


COLUMNS = (
    Column("partenaire", "partner", 11, _text("partner")),
    Column("reçue le", "received at", 18, lambda f, _: local(f.received_at), Kind.MOMENT),
    Column("flux", "flow", 42, _text("flow")),
    Column("rang", "rank", 6, _text("rank")),
    Column("numéro", "number", 22, _text("number")),
    Column("type", "type", 6, _text("type")),
    Column("émise le", "issued", 12, lambda f, _: parse_iso_day(f.issued), Kind.DAY),
    Column("fournisseur", "supplier", 16, _text("supplier")),
    Column("nom du fournisseur", "supplier name", 32, _text("supplier_name")),
    Column("destinataire", "recipient", 16, _text("recipient")),
    Column("nom du destinataire", "recipient name", 32, _text("recipient_name")),
    Column("service", "service", 16, _text("service")),
    Column("engagement", "commitment", 16, _text("commitment")),
    Column("cadre", "framework", 7, _text("framework")),
    Column("total TTC", "total with VAT", 14, lambda f, _: signed_total(f), Kind.AMOUNT),
    Column("devise", "currency", 7, _text("currency")),
    Column("issue", "outcome", 11, outcome),
    Column("règles", "rules", 24, lambda f, _: " ".join(f.rules)),
    Column("statut", "status", 34, lambda f, _: status(f)),
    Column("statut depuis le", "status since", 18, lambda f, _: local(f.status_at), Kind.MOMENT),
    Column("rejet traité", "reject handled", 12, _handled),
    Column("destinataire au dépôt", "recipient as deposited", 20, _deposited(0)),
    Column("service au dépôt", "service as deposited", 16, _deposited(1)),
    Column("engagement au dépôt", "commitment as deposited", 20, _deposited(2)),
)


def as_json(found: FoundInvoice) -> Mapping[str, object]:
    """What machines read: names and values for good, whatever the language."""
    route = zip(("recipient", "service", "commitment"), found.deposited or (), strict=False)
    return MappingProxyType(
        {
            "partner": found.partner, "flow": found.flow, "rank": found.rank,
            "received_at": found.received_at.isoformat(), "member": found.member, "number": found.number,
            "type": found.type, "issued": found.issued, "framework": found.framework,
            "supplier_type": found.supplier_type, "supplier": found.supplier, "supplier_name": found.supplier_name,
            "recipient": found.recipient, "recipient_name": found.recipient_name, "service": found.service,
            "commitment": found.commitment, "total": found.total, "currency": found.currency,
            "outcome": found.outcome, "rules": list(found.rules), "status": found.status,
            "status_at": found.status_at.isoformat() if found.status_at else "", "handled": found.is_handled,
            "deposited": dict(route) or None,
        }
    )  # fmt: skip
