"""Reading one snapshot of the directory (annuaire): which snapshot counts, who is active, which service is meant."""

from collections.abc import Iterable
from datetime import date

from pipeline.model import Known, Service, Snapshot, Structure
from pipeline.ports import Said
from pipeline.terms import Terms

PUBLIC_INVOICING = "FACTURES_PUBLIQUES"  # "Service des factures publiques": between public bodies only
SIRET_TYPE = 1
OPEN_END = date(2050, 12, 31)  # how the platform writes "no end"


def snapshot_of(snapshots: Iterable[Snapshot], day: date) -> Snapshot | None:
    """The latest snapshot at or before the day of deposit; None is RTG-006, a fault and never a pass."""
    return max((s for s in snapshots if s.day <= day), key=lambda s: (s.day, s.name), default=None)


def none_of(day: date) -> Said:
    """RTG-006: no snapshot counts on this day, so that nothing can be routed."""
    return Said(
        f"aucun annuaire du {day} ou d'avant ; chorus-edi directory import CHEMIN --day {day} en charge un",
        f"no directory snapshot at or before {day}; `chorus-edi directory import PATH --day {day}` brings one",
    ).at("RTG-006")


def is_too_old(snapshot: Snapshot, day: date, terms: Terms) -> bool:
    """An alert for operators; the verdict still stands."""
    return (day - snapshot.day).days > terms.reference_data.directory_max_age_days


def is_active(structure: Structure, day: date) -> bool:
    """Flag and date both count: `inactive_since` is the first day of inactivity."""
    return structure.is_active and (structure.inactive_since is None or day < structure.inactive_since)


def is_valid(service: Service, day: date) -> bool:
    """Active and inside its dates on this day, both ends included; 2050-12-31 is an open end."""
    if not service.is_active or (service.valid_from is not None and day < service.valid_from):
        return False
    return service.valid_to is None or service.valid_to >= OPEN_END or day <= service.valid_to


def service_of(structure: Structure, code: str, day: date) -> Service | None:
    """The service behind a code; where a code has several periods, the one that is valid on the day."""
    meant = None
    for service in structure.services:
        if service.code == code:
            if is_valid(service, day):
                return service
            meant = meant or service
    return meant


def is_public(identifier_type: str, identifier: str, known: Known) -> bool:
    """An issuer is public when its SIRET is in the snapshot; no column says it otherwise (spec 05 section 1)."""
    return identifier_type == str(SIRET_TYPE) and identifier in known.structures
