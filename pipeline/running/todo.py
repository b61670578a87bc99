"""The work list: what issuers have to act on, until when, by which command, and what might be meant."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from shlex import quote

from pipeline.adapters.ledger import Connection, reference, todo
from pipeline.adapters.ledger.mapping import LastUsed, last_used
from pipeline.adapters.ledger.todo import After, SentBack
from pipeline.model import PARIS, ActionKind, Service, Structure
from pipeline.routing import directory, suggestions
from pipeline.running.home import Home
from pipeline.terms import ActionLimits, Watch

ACTION_OF: Mapping[str, ActionKind] = {
    "04": ActionKind.RECYCLE,
    "05": ActionKind.HANDLE_REJECT,
    "06": ActionKind.COMPLETE,
}
Used = dict[tuple[str, str], LastUsed | None]  # by issuer and recipient
# codes of the list of reasons that say which datum is wrong
_OF_SERVICE = frozenset({"SE_ERR", "CODE_ROUTAGE_ERR"})
_OF_RECIPIENT = frozenset({"DEST_ERR", "DEST_INC", "SIRET_ERR"})
_OF_COMMITMENT = frozenset({"CMD_EJ_ERR"})


@dataclass(frozen=True, slots=True)
class Advice:
    """What might be meant, for a person to choose from: nothing is ever routed by it."""

    services: tuple[Service, ...] = ()  # of its recipient, the likeliest first
    last_used: LastUsed | None = None  # of this issuer for this recipient
    successor: str = ""  # of a recipient that is inactive
    successor_name: str = ""


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One invoice that its issuer has to act on."""

    invoice: SentBack
    action: ActionKind
    due: date
    age_days: int
    is_late: bool
    command: str
    advice: Advice

    @property
    def named(self) -> str:
        return named(self.invoice)


def named(invoice: SentBack) -> str:
    """How the commands name it: SUPPLIER/NUMBER/YEAR."""
    year = f"/{invoice.issued[:4]}" if invoice.issued else ""
    return f"{invoice.supplier}/{invoice.number}{year}"


def items(home: Home, partner: str = "", limit: int = 0, after: After | None = None) -> Iterator[WorkItem]:
    """What is to be done, the oldest first; read page by page. `limit` 0: all of it."""
    given = 0
    used: Used = {}
    while not limit or given < limit:
        count = min(todo.PAGE, limit - given) if limit else todo.PAGE
        with home.ledger.reading() as db:
            page = todo.page(db, partner, after, count)
            told = _advised(home, db, page, used)
        yield from told
        given += len(page)
        if len(page) < count:
            return
        after = page[-1].after


def counts(home: Home, partner: str = "") -> dict[str, int]:
    """Status -> how many invoices wait for their issuer."""
    with home.ledger.reading() as db:
        return todo.count(db, partner)


def _advised(home: Home, db: Connection, page: Sequence[SentBack], used: Used) -> list[WorkItem]:
    """The items of one page: the directory and what was used last are asked for all of them together.

    `used` keeps what was looked up for the pages before: the same recipients come back on every page.
    """
    today = home.clock.now().astimezone(PARIS).date()
    recycled = [one for one in page if one.status == "04"]
    structures = _structures(db, today, {one.recipient for one in recycled})
    for partner in sorted({one.partner for one in recycled}):
        theirs = {one.recipient for one in recycled if one.partner == partner and (partner, one.recipient) not in used}
        found = last_used(db, partner, theirs) if theirs else {}
        used |= {(partner, siret): found.get(siret) for siret in theirs}
    most = home.settings.routing.suggestions_max
    watch, limits = home.settings.watch, home.settings.action
    return [_item(one, today, watch, limits, _advice(one, structures, used, today, most)) for one in page]


def _structures(db: Connection, day: date, sirets: Iterable[str]) -> Mapping[str, Structure]:
    """These recipients and their successors, as the directory of the day has them."""
    wanted = set(sirets)
    found = reference.snapshot_of(db, reference.DIRECTORY, day) if wanted else None
    if found is None:
        return {}
    structures = dict(reference.structures(db, found[0], wanted))
    successors = {one.successor for one in structures.values() if one.successor} - wanted
    return structures | dict(reference.structures(db, found[0], successors)) if successors else structures


def _advice(one: SentBack, structures: Mapping[str, Structure], used: Used, day: date, most: int) -> Advice:
    if one.status != "04":
        return Advice()
    structure = structures.get(one.recipient)
    last = used.get((one.partner, one.recipient))
    if structure is None:
        return Advice(last_used=last)
    offered = [s for s in structure.services if directory.is_valid(s, day) and s.code != one.service]
    services = suggestions.nearest(_written(one, structure, day), offered, most)
    successor = structure.successor if not directory.is_active(structure, day) else ""
    name = structures[successor].name if successor in structures else ""
    return Advice(services, last if last is None or last.service != one.service else None, successor, name)


def _written(one: SentBack, structure: Structure, day: date) -> str:
    """The words to compare with the labels: what the recipient wrote, else the label or code of the wrong service."""
    if one.comment:
        return one.comment
    service = directory.service_of(structure, one.service, day) if one.service else None
    return service.label if service is not None and service.label else one.service


def _item(one: SentBack, today: date, watch: Watch, limits: ActionLimits, advice: Advice) -> WorkItem:
    days = {"04": limits.recycle_days, "05": watch.rejected_ack_days, "06": watch.suspended_ack_days}[one.status]
    since = one.since.astimezone(PARIS).date()
    due = since + timedelta(days=days)
    return WorkItem(one, ACTION_OF[one.status], due, (today - since).days, today > due, _command(one, advice), advice)


def _command(one: SentBack, advice: Advice) -> str:
    """The very command; what a person must fill in stands in capitals."""
    what = f"chorus-edi {ACTION_OF[one.status].value} {quote(named(one))}"
    if one.status == "06":
        return f"{what} --attach FICHIER --comment TEXTE"
    if one.status == "05":
        return f"{what} --reason TEXTE --credit-note AVOIR --corrective NOUVELLE"
    if advice.successor:
        return f"{what} --recipient {quote(advice.successor)} --service CODE --dry-run"
    if one.reason in _OF_RECIPIENT:
        return f"{what} --recipient SIRET --service CODE --dry-run"
    if one.reason in _OF_COMMITMENT:
        return f"{what} --commitment ENGAGEMENT --dry-run"
    if one.reason in _OF_SERVICE:
        return f"{what} --service CODE --dry-run"
    return f"{what} --recipient SIRET --service CODE --commitment ENGAGEMENT --dry-run"
