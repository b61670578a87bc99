"""Recipient management: the names that an issuer gives its recipients and services, imported, exported, shown.

An import says which of its names lead nowhere in the directory, and which refused invoices are worth submitting again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from shlex import quote

from pipeline.adapters import mapping_files
from pipeline.adapters.ledger import Connection, reference, shadows
from pipeline.adapters.ledger import mapping as names
from pipeline.adapters.ledger.mapping import RefusedByName, Replaced
from pipeline.adapters.mapping_files import ALIAS, LABEL, MappingRow
from pipeline.identify import flow_name
from pipeline.model import PARIS, Alias, FlowState, Label, RecipientMapping, Structure
from pipeline.ports import Fault, Said
from pipeline.routing import directory, mapping
from pipeline.running.home import Home
from pipeline.siret import is_siret

AT_ONCE = 1_000  # recipients whose services are in memory at a time
_AGAIN = "RSTUVWXYZ"  # first letter of the sequence of a flow submitted again, the number of its deposit after it


@dataclass(frozen=True, slots=True)
class Doubtful:
    """A row that was taken and leads nowhere today."""

    line: int
    said: Said


@dataclass(frozen=True, slots=True)
class ToSubmit:
    """A flow refused as a whole in which invoices now have their recipient: the command that judges it again."""

    flow: str
    invoices: int
    command: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Refused invoices that the names of today would map."""

    invoices: int
    flows: tuple[ToSubmit, ...]
    in_parts: int  # of flows that are integrated in part: only their issuer can drop those again


@dataclass(frozen=True, slots=True)
class MappingImported:
    """What an import did, what is odd about it, and what it may help."""

    rows: int
    replaced: Replaced
    is_applied: bool  # the connection asks for it
    doubtful: tuple[Doubtful, ...]
    waiting: Waiting


def import_mapping(home: Home, partner: str, path: Path, *, add: bool = False) -> MappingImported:
    """Take a file in the place of the partner's names, or beside them; whole or not at all (`MappingErrors`)."""
    is_applied = _sheet(home, partner)
    rows = mapping_files.read_mapping(path)
    labels = [row.label for row in rows if row.kind == LABEL]
    aliases = [row.alias for row in rows if row.kind == ALIAS]
    replaced = home.ledger.write(lambda db: names.put(db, partner, labels, aliases, replace=not add))
    home.log("mapping", partner=partner, rows=len(rows), added=replaced.added, changed=replaced.changed,
             removed=replaced.removed)  # fmt: skip
    with home.ledger.reading() as db:
        doubtful = tuple(_doubtful(home, db, rows))
        waiting = _waiting(home, db, partner, mapping.table(labels, aliases))
    return MappingImported(len(rows), replaced, is_applied, doubtful, waiting)


def export_mapping(home: Home, partner: str) -> bytes:
    """The names of a partner as a file that `import_mapping` takes."""
    _sheet(home, partner)
    with home.ledger.reading() as db:
        return mapping_files.written(*names.every(db, partner))


def show_mapping(home: Home, partner: str) -> tuple[bool, list[Label], list[Alias]]:
    """Whether they are applied, and the names of a partner."""
    is_applied = _sheet(home, partner)
    with home.ledger.reading() as db:
        return is_applied, *names.every(db, partner)


def _sheet(home: Home, partner: str) -> bool:
    """Whether the connection asks for its mapping; a fault where there is no such partner."""
    sheet = home.partners().get(partner)
    if sheet is None:
        raise Fault(_UNKNOWN.at(partner))
    return sheet.maps_recipients


# --- what leads nowhere -----------------------------------------------------------------------------------------------


def _doubtful(home: Home, db: Connection, rows: Sequence[MappingRow]) -> Iterator[Doubtful]:
    today = home.clock.now().astimezone(PARIS).date()
    found = reference.snapshot_of(db, reference.DIRECTORY, today)
    if found is None:
        yield Doubtful(0, _NO_DIRECTORY)
        return
    by_siret: dict[str, list[MappingRow]] = {}
    for row in rows:
        by_siret.setdefault(row.siret, []).append(row)
    told: list[Doubtful] = []
    asked = sorted(by_siret)
    for start in range(0, len(asked), AT_ONCE):
        part = asked[start : start + AT_ONCE]
        aliases = [row.written for siret in part for row in by_siret[siret] if row.kind == ALIAS]
        known = reference.structures(db, found[0], [*part, *filter(is_siret, aliases)])
        for siret in part:
            for row in by_siret[siret]:
                said = _doubt(row, known, today)
                if said is not None:
                    told.append(Doubtful(row.line, said))
    yield from sorted(told, key=lambda one: one.line)


def _doubt(row: MappingRow, known: dict[str, Structure], day: date) -> Said | None:
    """Why a row will not help on this day; None where it may."""
    structure = known.get(row.siret)
    if structure is None:
        return Said(f"l'annuaire ne connaît pas {row.siret}", f"the directory does not know {row.siret}")
    if not directory.is_active(structure, day):
        return Said(f"{row.siret} est inactif", f"{row.siret} is inactive")
    if row.kind == ALIAS:
        other = known.get(row.written)
        is_never_used = other is not None and directory.is_active(other, day)
        return _never_used(row.written) if is_never_used else None
    service = directory.service_of(structure, row.code, day)
    if service is None:
        return Said(
            f"le service {row.code} n'est pas connu de {row.siret}", f"service {row.code} is not known for {row.siret}"
        )
    if not directory.is_valid(service, day):
        inactive = f"le service {row.code} de {row.siret} est inactif"
        return Said(inactive, f"service {row.code} of {row.siret} is inactive")
    as_code = directory.service_of(structure, row.written, day)
    return _never_used(row.written) if as_code is not None and directory.is_valid(as_code, day) else None


# --- what it may help -------------------------------------------------------------------------------------------------


def _waiting(home: Home, db: Connection, partner: str, given: RecipientMapping) -> Waiting:
    """The refused invoices that these names would map: the newest deposit of the same bytes speaks for all of them."""
    newest: dict[str, int] = {}
    helped: dict[int, list[RefusedByName]] = {}
    for one in names.refused_by_name(db, partner):
        if newest.setdefault(one.sha256, one.deposit_id) == one.deposit_id and _helps(given, one):
            helped.setdefault(one.deposit_id, []).append(one)
    flows = []
    in_parts = 0
    for several in helped.values():
        if several[0].flow_state == FlowState.REJECTED.value:
            flows.append(_to_submit(home, db, partner, several))
        else:
            in_parts += len(several)
    return Waiting(sum(map(len, helped.values())), tuple(sorted(flows, key=lambda one: one.flow)), in_parts)


def _helps(given: RecipientMapping, one: RefusedByName) -> bool:
    """A name of these stands in the place of its recipient, or in that of its service."""
    written = [one.recipient] if is_siret(one.recipient) else [one.recipient, one.recipient_name]
    sirets = {alias.siret for name in written if (alias := given.aliases.get(mapping.key(name))) is not None}
    if len(sirets) == 1 and one.recipient not in sirets:
        return True
    label = mapping.label_of(given, one.recipient, one.service)
    return label is not None and label.code != one.service


def _to_submit(home: Home, db: Connection, partner: str, several: Sequence[RefusedByName]) -> ToSubmit:
    flow = several[0].flow_name
    name = _new_name(home, db, partner, several[0])
    command = f"chorus-edi submit {quote(flow)} --as {name} --partner {partner} --home {quote(str(home.path))}"
    return ToSubmit(flow, len(several), command)


def _new_name(home: Home, db: Connection, partner: str, one: RefusedByName) -> str:
    """A flow name of the same kind that this partner has not used: the same one each time, until it is used."""
    parts, _ = flow_name(one.flow_name, home.terms_of[partner])
    if parts is None:
        raise AssertionError("a flow with invoices has a flow name")
    head = one.flow_name[: -len(parts.sequence)]
    for letter in _AGAIN:
        name = f"{head}{letter}{one.deposit_id:0{len(parts.sequence) - 1}d}"
        if shadows.named(db, partner, name.encode()) is None:
            return name
    return f"{head}…"


def _never_used(name: str) -> Said:
    return Said(
        f"« {name} » est connu de l'annuaire tel quel : cette ligne ne servira pas",
        f"the directory knows {name!r} as it is: this line will not be used",
    )


_UNKNOWN = Said(
    "partenaire inconnu ; chorus-edi partners list les nomme", "unknown partner; `chorus-edi partners list` names them"
)
_NO_DIRECTORY = Said(
    "aucun annuaire chargé : ni les SIRET ni les codes ne sont vérifiés",
    "no directory: neither SIRETs nor codes are checked",
)
