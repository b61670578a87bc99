"""The reference rows that one commit unit needs: one query of each kind, whatever the number of invoices."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from pipeline.adapters.ledger import Connection, numbers, reference
from pipeline.adapters.ledger import mapping as named
from pipeline.adapters.ledger.rows import RECEIVED, Deposit, Partner
from pipeline.model import (
    PARIS,
    CommitmentTable,
    Decided,
    InvoiceOutcome,
    Known,
    Lookalike,
    Read,
    ReadInvoice,
    RecipientMapping,
    Snapshot,
    Structure,
)
from pipeline.routing import directory as directory_rows
from pipeline.routing import mapping
from pipeline.routing.commitment import table_key
from pipeline.running.home import Home


@dataclass(slots=True)
class Directory:
    """What one snapshot says of the structures and suppliers of a unit."""

    snapshot: Snapshot
    structures: Mapping[str, Structure]
    suppliers: frozenset[tuple[str, str]] | None


@dataclass(slots=True)
class UnitKnown:
    """The rows of a unit, and what its own earlier flows add for the later ones."""

    by_day: dict[date, Directory | None]
    commitments: CommitmentTable
    partner: Partner
    numbers: set[tuple[str, str, str]]
    lookalikes: dict[str, list[Lookalike]] = field(default_factory=dict)
    names: RecipientMapping | None = None  # what the issuer calls its recipients, where its connection has it applied
    used: Mapping[date, Mapping[str, str]] = field(default_factory=dict)  # day -> SIRET -> the service used last
    settled: Mapping[int, Mapping[int, tuple[str, str]]] = field(default_factory=dict)  # deposit -> rank -> mapped to

    def of(self, deposit: Deposit, read: Read) -> Known:
        """What the decision on one flow may know. Without a snapshot its routing cannot be judged (RTG-006)."""
        directory = self.by_day[deposit.received.day]
        given = {i.number.text for i in read.invoices if i.number is not None}
        alike = tuple(
            one for number in sorted(given) for one in self.lookalikes.get(number, ()) if one.deposit_id < deposit.id
        )
        known = Known(
            None, commitments=self.commitments, rights=self.partner.rights, known_numbers=frozenset(self.numbers),
            lookalikes=alike, mapping=self._mapping(deposit),
        )  # fmt: skip
        if directory is None:
            return known
        return replace(
            known, snapshot=directory.snapshot, structures=directory.structures, suppliers=directory.suppliers
        )

    def _mapping(self, deposit: Deposit) -> RecipientMapping | None:
        """What was mapped when it was judged first stays, whatever is imported, or asked for, since."""
        settled = self.settled.get(deposit.id, {})
        if self.names is None:
            return RecipientMapping(settled=settled, is_asked=False) if settled else None
        return replace(self.names, used=self.used.get(deposit.received.day, {}), settled=settled)

    @property
    def table(self) -> tuple[str, str]:
        """Which commitments these are: state and snapshot."""
        return self.commitments.state, self.commitments.name

    def learn(self, deposit: Deposit, decided: Decided) -> None:
        """Later flows of the unit are compared with this one too: how flows are grouped must not change a verdict."""
        for invoice in decided.invoices:
            read = invoice.read
            if invoice.outcome is InvoiceOutcome.REFUSED or read.number is None or read.supplier.identifier is None:
                continue
            supplier, number = read.supplier.identifier.text, read.number.text
            new = Lookalike(number, read.supplier.type, supplier, read.issued.year if read.issued else 0, read.total,
                            read.currency, deposit.name, deposit.id, read.rank)  # fmt: skip
            self.numbers.add((read.supplier.type, supplier, number))
            alike = self.lookalikes.setdefault(number, [])
            if not any(_key(one) == _key(new) for one in alike):  # a number used twice: it will be refused, and is none
                alike.append(new)


def _key(one: Lookalike) -> tuple[str, str, int]:
    return one.supplier_type, one.supplier, one.year


def table(home: Home, db: Connection) -> tuple[str, str]:
    """The commitments as they stand now: state and snapshot."""
    now = _commitments(home, db, ())
    return now.state, now.name


def _commitments(home: Home, db: Connection, numbers: Iterable[str]) -> CommitmentTable:
    today = home.clock.now().astimezone(PARIS).date()
    return reference.commitment_table(
        db, today, home.settings.reference_data.commitments_max_age_days, {table_key(number) for number in numbers}
    )


def fetch(
    home: Home, db: Connection, partner: Partner, flows: Sequence[tuple[Deposit, Read]], as_of: date | None = None
) -> UnitKnown:
    """Fetch for the flows of one unit, all of one partner: with the directory of their day, or of another one."""
    invoices = [invoice for _, read in flows for invoice in read.invoices]
    sirets = {i.recipient.text for i in invoices if i.recipient is not None}
    suppliers = {(i.supplier.type, i.supplier.identifier.text) for i in invoices if i.supplier.identifier is not None}
    sirets |= {identifier for kind, identifier in suppliers if kind == "1"}
    names = _names(db, partner, invoices)
    waiting = [deposit.id for deposit, _ in flows if deposit.state != RECEIVED] if as_of is None else []
    settled = named.settled(db, waiting)
    sirets |= {alias.siret for alias in names.aliases.values()} if names is not None else set()
    sirets |= {siret for ranks in settled.values() for siret, _ in ranks.values()}
    days = {deposit.received.day: as_of or deposit.received.day for deposit, _ in flows}
    found_on = _directories(db, set(days.values()), sirets, suppliers)
    by_day = {received: found_on[day] for received, day in days.items()}
    commitments = _commitments(home, db, (i.commitment.text for i in invoices if i.commitment))
    origins = {origin.text for i in invoices for origin in i.origins}
    given = {i.number.text for i in invoices if i.number is not None}
    found: dict[str, list[Lookalike]] = {}
    for one in numbers.lookalikes(db, partner.code, given):
        found.setdefault(one.number, []).append(one)
    earlier = set(numbers.known_numbers(db, partner.code, origins))
    used = _used(db, partner, flows, by_day, names) if names is not None else {}
    return UnitKnown(by_day, commitments, partner, earlier, found, names, used, settled)


def _names(db: Connection, partner: Partner, invoices: Iterable[ReadInvoice]) -> RecipientMapping | None:
    """What the issuer calls the recipients of these invoices and their services; None where it is not applied."""
    if not partner.maps_recipients:
        return None
    written = {mapping.key(name) for invoice in invoices for name, _ in mapping.names_of(invoice)}
    aliases = named.aliases_of(db, partner.code, written)
    sirets = {i.recipient.text for i in invoices if i.recipient is not None}
    sirets |= {alias.siret for alias in aliases.values()}
    return RecipientMapping(named.labels_of(db, partner.code, sirets), aliases)


def _used(
    db: Connection,
    partner: Partner,
    flows: Iterable[tuple[Deposit, Read]],
    by_day: Mapping[date, Directory | None],
    names: RecipientMapping,
) -> dict[date, dict[str, str]]:
    """What was used before each day, for the recipients of which a service is named that nobody knows."""
    asked: dict[date, set[str]] = {}
    for deposit, read in flows:
        day = deposit.received.day
        known = by_day[day]
        for invoice in read.invoices if known is not None else ():
            if known is None or invoice.service is None or not invoice.service.text:
                continue
            aliases = (names.aliases.get(mapping.key(name)) for name, _ in mapping.names_of(invoice))
            sirets = {alias.siret for alias in aliases if alias is not None}
            sirets |= {invoice.recipient.text} if invoice.recipient is not None else set()
            for siret in sirets:
                structure = known.structures.get(siret)
                is_named = mapping.label_of(names, siret, invoice.service.text) is not None
                if structure and not is_named and not directory_rows.service_of(structure, invoice.service.text, day):
                    asked.setdefault(day, set()).add(siret)
    return {
        day: {siret: last.service for siret, last in named.last_used(db, partner.code, sirets, day).items()}
        for day, sirets in asked.items()
    }


def _directories(
    db: Connection, days: Iterable[date], sirets: Iterable[str], suppliers: Iterable[tuple[str, str]]
) -> dict[date, Directory | None]:
    by_snapshot: dict[int, Directory] = {}
    by_day: dict[date, Directory | None] = {}
    for day in sorted(days):
        found = reference.snapshot_of(db, reference.DIRECTORY, day)
        if found is None:
            by_day[day] = None
            continue
        row, snapshot, has_suppliers = found
        if row not in by_snapshot:
            listed = reference.suppliers(db, row, suppliers) if has_suppliers else None
            by_snapshot[row] = Directory(snapshot, reference.structures(db, row, sirets), listed)
        by_day[day] = by_snapshot[row]
    return by_day
