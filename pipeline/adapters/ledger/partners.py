"""Partners: who may drop what for whom, and who receives for whom."""

import json
from collections.abc import Iterable

from sqlalchemy import Connection, delete, insert, select

from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import Partner, compact, day_text, storable, text_day
from pipeline.model import DepositRight
from pipeline.ports import Fault, Said


def put(db: Connection, partner: Partner, *, replace: bool = False) -> None:
    """Add a partner, or replace all that is said of it. What it receives for must be free."""
    known = db.execute(select(t.partners.c.code).where(t.partners.c.code == partner.code)).scalar()
    if known is not None and not replace:
        raise Fault(
            Said(
                f"le partenaire {partner.code} existe déjà ; ajouter --replace pour changer sa fiche",
                f"partner {partner.code} exists already; add --replace to change it",
            )
        )
    for siret, service in partner.receives:
        where = (t.receives.c.siret == siret) & (t.receives.c.service == service)
        other = db.execute(select(t.receives.c.partner).where(where)).scalar()
        if other not in {None, partner.code}:
            place = f"{siret}:{service}".rstrip(":")
            raise Fault(
                Said(
                    f"le partenaire {other} reçoit déjà pour {place} ; sa fiche : chorus-edi partners show {other}",
                    f"partner {other} already receives for {place}; `chorus-edi partners show {other}` shows its sheet",
                )
            )
    for table in (t.deposit_rights, t.receives):
        db.execute(delete(table).where(table.c.partner == partner.code))
    db.execute(delete(t.partners).where(t.partners.c.code == partner.code))
    sheet = {
        "code": partner.code, "name": storable(partner.name), "profile": partner.profile,
        "flows": compact(list(partner.flows)),
        "policies": compact(dict(partner.policies)), "report_warnings": int(partner.report_warnings),
        "roles": compact(list(partner.roles)), "lang": partner.lang, "until": day_text(partner.until),
        "quota": compact(dict(partner.quota)) if partner.quota else "",
        "maps_recipients": int(partner.maps_recipients),
    }  # fmt: skip
    db.execute(insert(t.partners).values(**sheet))
    if partner.rights:
        rows = [
            {"partner": partner.code, "type": r.type, "identifier": r.identifier,
             "start": day_text(r.start), "end": day_text(r.end)}
            for r in partner.rights
        ]  # fmt: skip
        db.execute(insert(t.deposit_rights), rows)
    if partner.receives:
        rows = [{"partner": partner.code, "siret": siret, "service": service} for siret, service in partner.receives]
        db.execute(insert(t.receives), rows)


def every(db: Connection) -> tuple[Partner, ...]:
    """All partners, by code."""
    rights: dict[str, list[DepositRight]] = {}
    for r in db.execute(select(t.deposit_rights).order_by(t.deposit_rights.c.type, t.deposit_rights.c.identifier)):
        rights.setdefault(r.partner, []).append(DepositRight(r.type, r.identifier, text_day(r.start), text_day(r.end)))
    receives: dict[str, list[tuple[str, str]]] = {}
    for r in db.execute(select(t.receives).order_by(t.receives.c.siret, t.receives.c.service)):
        receives.setdefault(r.partner, []).append((r.siret, r.service))
    return tuple(
        Partner(
            r.code, r.name, r.profile, tuple(json.loads(r.flows)), tuple(rights.get(r.code, ())),
            tuple(receives.get(r.code, ())), json.loads(r.policies), bool(r.report_warnings),
            tuple(json.loads(r.roles)), r.lang, text_day(r.until), json.loads(r.quota) if r.quota else {},
            bool(r.maps_recipients),
        )
        for r in db.execute(select(t.partners).order_by(t.partners.c.code))
    )  # fmt: skip


def receivers(partners: Iterable[Partner]) -> dict[tuple[str, str], str]:
    """(SIRET, service or empty) -> the partner that takes its pivots."""
    return {key: partner.code for partner in partners for key in partner.receives}
