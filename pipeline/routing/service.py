"""The executing service (service exécutant) given by an invoice: known to its recipient, active on the day, allowed?"""

from dataclasses import replace

from pipeline import codes
from pipeline.model import Service
from pipeline.routing import directory, mapping, suggestions
from pipeline.routing.case import Case, Facts, Rule, at_service
from pipeline.routing.requirement import ASKS_FOR_SERVICE, effective


def is_not_known(seen: Case) -> bool:
    return seen.has_service and seen.service is None


def is_not_used(seen: Case) -> bool:
    """The structure manages no service at all, and asks for none: one that does ask is not told to leave it out."""
    return is_not_known(seen) and not seen.found.services and effective(seen.found) not in ASKS_FOR_SERVICE


def is_a_label(seen: Case) -> bool:
    """A value that is no code here, and holds a blank or resembles a label of this structure."""
    if not is_not_known(seen) or is_not_used(seen):
        return False
    given = _given(seen)
    return any(c.isspace() for c in given) or (
        suggestions.best_likeness(given, seen.found.services) >= seen.terms.routing.label_similarity
    )


def is_no_code(seen: Case) -> bool:
    return is_not_known(seen) and not is_not_used(seen) and not is_a_label(seen)


def is_inactive(seen: Case) -> bool:
    return seen.service is not None and not directory.is_valid(seen.service, seen.day)


def is_kept_for_public_issuers(seen: Case) -> bool:
    return _is_reserved(_given(seen), seen)


def _is_reserved(code: str, seen: Case) -> bool:
    """A service that this supplier may not use: it is not advised either."""
    supplier = seen.invoice.supplier
    identifier = supplier.identifier.text if supplier.identifier is not None else ""
    return code == directory.PUBLIC_INVOICING and not directory.is_public(supplier.type, identifier, seen.known)


def _given(seen: Case) -> str:
    return seen.invoice.service.text if seen.invoice.service is not None else ""


def _near(seen: Case) -> tuple[Service, ...]:
    usable = tuple(s for s in seen.found.services if directory.is_valid(s, seen.day) and not _is_reserved(s.code, seen))
    offered = usable or seen.found.services
    by_code = {service.code: service for service in offered}
    called = (
        replace(by_code[label.code], label=label.written)
        for label in mapping.called(seen.known.mapping, seen.siret)
        if label.code in by_code
    )
    return suggestions.nearest(_given(seen), (*offered, *called), seen.terms.routing.suggestions_max)


def _used_last(seen: Case) -> Facts:
    """What this issuer used last for this recipient, where its connection maps and that is known."""
    known = seen.known.mapping
    last = known.used.get(seen.siret, "") if known is not None else ""
    return {"last_used": last} if last else {}


def _service(seen: Case) -> Facts:
    return {"siret": seen.siret, "service": _given(seen)}


def _unknown(seen: Case) -> Facts:
    return {"siret": seen.siret, "service": _given(seen), "suggestions": suggestions.shown(_near(seen)),
            **_used_last(seen)}  # fmt: skip


def _label(seen: Case) -> Facts:
    near = _near(seen)
    return {
        "siret": seen.siret,
        "label": _given(seen),
        "suggestions": suggestions.shown(near),
        "nearest": near[0].code if near else "-",
        **_used_last(seen),
    }


def _period(seen: Case) -> Facts:
    service = seen.service
    start = service.valid_from if service is not None else None
    end = service.valid_to if service is not None else None
    return {
        "siret": seen.siret,
        "service": _given(seen),
        "from": start.isoformat() if start else "",
        "to": end.isoformat() if end and end < directory.OPEN_END else "",
    }


def _reserved(seen: Case) -> Facts:
    supplier = seen.invoice.supplier.identifier
    return {"siret": seen.siret, "supplier": supplier.text if supplier is not None else ""}


SERVICE = (
    Rule(codes.RTG_010, is_no_code, at_service, _unknown),
    Rule(codes.RTG_011, is_inactive, at_service, _period),
    Rule(codes.RTG_012, is_kept_for_public_issuers, at_service, _reserved),
    Rule(codes.RTG_014, is_a_label, at_service, _label),
    Rule(codes.RTG_026, is_not_used, at_service, _service),
)
