"""Rows of a file of changes that the product would put in force, read and judged again by other means.

Nothing of the product is used here: `changes_again` reads, the tables are typed again from the documents named beside
them. Asked of each row: does the file say this, about this invoice, and may it?
"""

import csv
import hashlib
import io
import re
import unicodedata
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby
from pathlib import Path

from bench.fuzz import tables_again
from bench.fuzz.again import Files
from bench.fuzz.changes_again import BETWEEN_FILES, COUNT, Told, day, moment, read, total_of, wrong_shape
from bench.fuzz.stands import NOON, Done, Lane, Stand, Step

PROJECT = Path(__file__).parents[2]
TOLERANCE = timedelta(seconds=30)  # docs/status-files.md
COMMENT_MAX = 255
# spec 06 section 2 and transitions.csv: status -> who may set which others
_AFTER_DELIVERY = {4: "recipient", 5: "recipient", 6: "recipient", 7: "recipient", 8: "recipient", 9: "recipient",
                   10: "recipient", 11: "recipient"}  # fmt: skip
_OPTIONAL = {3: "recipient", 5: "recipient", 6: "recipient", 9: "recipient", 10: "recipient", 11: "recipient"}
ARROWS: Mapping[int, Mapping[int, str]] = {
    3: _AFTER_DELIVERY, 12: {3: "recipient", **_AFTER_DELIVERY}, 7: {8: "recipient", **_OPTIONAL}, 8: _OPTIONAL,
    9: {10: "accountant", 11: "accountant"}, 10: {11: "accountant"}, 6: {12: "supplier"}, 4: {1: "supplier"},
}  # fmt: skip
NEEDS_REASON = {4, 5, 6}
LABELLED = {*range(1, 13), 37}  # spec 06 section 2: the other numbers, up to 41, have no published label
_RECYCLED = [(1, "supplier"), (2, "platform"), (3, "platform")]
_ACTIONS = {"recycler": "recycle", "recycle": "recycle", "completer": "complete", "complete": "complete",
            "traiter_rejet": "handle", "traiter_un_rejet": "handle", "handle_reject": "handle"}  # fmt: skip
_MAY_SAY = {
    "recycle": {"recipient", "service", "commitment", "comment"}, "complete": {"comment", "files"},
    "handle": {"reason", "credit_note", "corrective", "comment"},
}  # fmt: skip
_EACH_SAYS = {"action", "type", "supplier", "number", "issued"}
_INVISIBLE = {"Cc", "Cf", "Zl", "Zp"}


def wrong_rows(
    lane: Lane, partner: str, rows: Sequence[Done], document: bytes, files: Files | None, stands: Sequence[Stand]
) -> Iterator[str]:
    """What is not as rows in force must be. `files`: those of an archive, None for a bare file; `stands`: where the
    invoices stood before the first row.
    """
    book = Book(lane, partner, stands, dict(files or ()))
    yield from (f"row {one.rank}: refused, and it changes something" for one in rows if _is_loud(one))
    for member, group in groupby(rows, lambda one: one.member):
        some = list(group)
        if all(one.outcome == "refused" for one in some):
            continue
        held = [document] if files is None else [content for name, content in files if name == member]
        if len(held) != 1:
            yield f"{member}: {len(held)} files of this name"
            continue
        told = read(lane, held[0])
        if len(told) != len(some):
            yield f"{member}: {len(some)} rows were read, {len(told)} stand there"
            continue
        yield from (f"{member}: {wrong}" for wrong in wrong_shape(lane, held[0]))
        for one, said in zip(some, told, strict=True):
            yield from (f"{member}, row {one.rank}: {wrong}" for wrong in book.wrong(one, said))


def _is_loud(one: Done) -> bool:
    return one.outcome in {"refused", "repeated"} and not one.is_idle


# --- judge ------------------------------------------------------------------------------------------------------------


@dataclass
class _Invoice:
    """Where one invoice stands after the rows so far."""

    stand: Stand
    status: int
    at: datetime
    past: set[tuple[int, datetime]]
    routed: tuple[str, str, str]
    handled_as: tuple[str, str] | None = None
    cancels: str = ""


@dataclass
class Book:
    """The invoices, row after row."""

    lane: Lane
    partner: str
    stands: Sequence[Stand]
    files: Mapping[str, bytes]
    _flows: dict[str, str] = field(default_factory=dict)  # of control rows: flow -> its digest
    _sums: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.invoices = [
            _Invoice(one, one.status, one.status_at, set(one.past), (one.recipient, one.service, one.commitment),
                     ("", "") if one.is_handled else None)
            for one in self.stands
        ]  # fmt: skip

    def wrong(self, done: Done, said: Told) -> Iterator[str]:
        """What is not as it must be about one row; then what it changes is known."""
        if done.outcome == "refused":
            return
        if self.lane is Lane.CONTROL:
            yield from self._control(done, said)
            return
        invoice = None
        try:
            invoice = self._meant(said)
        except ValueError as error:
            yield str(error)
        if invoice is None:
            return
        if done.key != invoice.stand.key:
            yield f"{done.key} was changed, {invoice.stand.key} is named"
        judge: Callable[[Done, Told, _Invoice], Iterator[str]]
        judge = self._told_status if self.lane is Lane.STATUSES else self._asked
        yield from judge(done, said, invoice)

    def _meant(self, said: Told) -> _Invoice:
        """The one invoice of the sender that a row names. Raises ValueError where it names none, or several."""
        is_status = self.lane is Lane.STATUSES
        type_, supplier = (
            ("Fournisseur/TypeIdentifiant", "Fournisseur/Identifiant") if is_status else ("type", "supplier")
        )
        number, issued = ("IdFacture", "DateFacture") if is_status else ("number", "issued")
        kind = said.get(type_, "1")
        kind = str(int(kind)) if is_status else kind
        when = day(said[issued]) if said.get(issued) else ""
        named = [
            one
            for one in self.invoices
            if (kind, said.get(supplier), said.get(number))
            == (one.stand.supplier_type, one.stand.supplier, one.stand.number)
            and when in {"", one.stand.issued.isoformat()}
            and self.partner == (one.stand.receiver if is_status else one.stand.issuer)
        ]
        if len(named) != 1:
            raise ValueError(
                f"{len(named)} invoices of {self.partner} are named {kind}:{said.get(supplier)} {said.get(number)}"
            )
        return named[0]

    # --- what a recipient says ---

    def _told_status(self, done: Done, said: Told, invoice: _Invoice) -> Iterator[str]:
        status, when = int(said["IdStatut"]), moment(said["Horodatage"])
        code, comment = said.get("ComplementStatut", ""), said.get("Commentaire", "")
        if done.outcome == "repeated":
            if not any(one == status and when in {at, at.replace(microsecond=0)} for one, at in invoice.past):
                yield f"{status} at {when} is not in its past"
            return
        if when > NOON + TOLERANCE:
            yield f"{when} is in the future"
        both = " : ".join(one for one in (code, comment) if one)
        if done.outcome == "kept":
            if status in LABELLED or not 1 <= status <= 41 or not replace(done, event=None).is_idle:
                yield f"{status} is kept as an event: {done}"
            if done.event not in {(status, when, text[:COMMENT_MAX]) for text in (both, comment)}:
                yield f"{done.event} is kept, {status} at {when} is told"
            invoice.past.add((status, when))
            return
        if [step.status for step in done.steps] != [status] or done.event or done.routed or done.added or done.handled:
            yield f"{done} applies, {status} is told"
            return
        [step] = done.steps
        if step.at != max(when, invoice.at) or when < invoice.at.replace(microsecond=0):
            yield f"it moves at {step.at}: {when} is told, it stands since {invoice.at}"
        if status in NEEDS_REASON and not (code or comment):
            yield f"{status} without a reason"
        if (step.reason, step.comment) not in {(code, comment[:COMMENT_MAX]), ("", both[:COMMENT_MAX])}:
            yield f"reason {step.reason!r} and comment {step.comment!r}, told {code!r} and {comment!r}"
        if step.mandate != (said.get("IdMandatDP", "") if status == 8 else ""):
            yield f"mandate {step.mandate!r}"
        yield from self._walk(invoice, step)

    def _walk(self, invoice: _Invoice, step: Step) -> Iterator[str]:
        """The arrow is in the table, for this actor; from then on the invoice stands there."""
        if ARROWS.get(invoice.status, {}).get(step.status) != step.actor:
            yield f"{invoice.status:02d} becomes {step.status:02d} by the {step.actor}"
        if step.producer != self.partner:
            yield f"set by {step.producer}"
        invoice.status, invoice.at = step.status, step.at
        invoice.past.add((step.status, step.at))

    # --- what an issuer asks ---

    def _asked(self, done: Done, said: Told, invoice: _Invoice) -> Iterator[str]:
        action = _ACTIONS.get(tables_again.plain_name(said.get("action", "")), "")
        foreign = {datum for datum in said if datum not in _EACH_SAYS | _MAY_SAY.get(action, set())}
        if not action or foreign:
            yield f"{said.get('action')!r} with {sorted(foreign)}"
            return
        if done.event or (done.outcome == "repeated" and action != "handle"):
            yield f"a {action} is {done.outcome}"
            return
        of = {"recycle": self._recycle, "complete": self._complete, "handle": self._handle}
        yield from of[action](done, said, invoice)
        if (
            (action != "recycle" and done.routed)
            or (action != "complete" and done.added)
            or (action != "handle" and done.handled)
        ):
            yield f"a {action} does more: {done}"

    def _now(self, step: Step, invoice: _Invoice, comment: str) -> Iterator[str]:
        if step.at != max(NOON, invoice.at):
            yield f"it moves at {step.at}"
        if (step.comment, step.reason, step.mandate) != (comment[:COMMENT_MAX], "", ""):
            yield f"{step.comment!r} {step.reason!r} {step.mandate!r} is written, {comment!r} is said"

    def _recycle(self, done: Done, said: Told, invoice: _Invoice) -> Iterator[str]:
        if invoice.status != 4 or [(one.status, one.actor) for one in done.steps] != _RECYCLED:
            yield f"{invoice.status:02d} is recycled by {[one.status for one in done.steps]}"
            return
        for step, comment in zip(done.steps, (said.get("comment", ""), "", ""), strict=True):
            yield from self._now(step, invoice, comment)
        yield from self._walk(invoice, done.steps[0])
        invoice.status, invoice.at = 3, done.steps[-1].at
        asked = zip(("recipient", "service", "commitment"), invoice.routed, strict=True)
        target = tuple(said.get(datum, now) for datum, now in asked)
        if done.routed != target:
            yield f"it goes to {done.routed}, {target} is asked"
        if target == invoice.routed and not said.get("comment"):
            yield "a recycle that changes nothing"
        yield from (f"{' / '.join(target)}: {wrong}" for wrong in wrong_target(*target))
        invoice.routed = target  # type: ignore[assignment]

    def _complete(self, done: Done, said: Told, invoice: _Invoice) -> Iterator[str]:
        if [one.status for one in done.steps] != [12]:
            yield f"completed by {[one.status for one in done.steps]}"
            return
        yield from self._now(done.steps[0], invoice, said.get("comment", ""))
        yield from self._walk(invoice, done.steps[0])
        names = said["files"].split(BETWEEN_FILES) if "files" in said else []
        if not names and not said.get("comment"):
            yield "completed with nothing"
        held = [self._file(name) for name in names]
        is_as_named = len(held) == len(done.added) and all(map(set.__contains__, held, done.added))
        if not is_as_named:
            yield f"{done.added} are added, {names} are named"

    def _file(self, name: str) -> set[tuple[str, str]]:
        """What may be added under a name of the archive: it, or the one file that it holds as a ZIP."""
        content = self.files.get(name)
        if content is None:
            return set()
        options = {(name, hashlib.sha256(content).hexdigest())}
        if zipfile.is_zipfile(io.BytesIO(content)):
            with zipfile.ZipFile(io.BytesIO(content)) as zipped:
                inner = [one for one in zipped.namelist() if not one.endswith("/")]
                if len(inner) == 1:
                    digest = hashlib.sha256(zipped.read(inner[0])).hexdigest()
                    options = {(name, digest), (inner[0].rpartition("/")[2], digest)}
        return options

    def _handle(self, done: Done, said: Told, invoice: _Invoice) -> Iterator[str]:
        reject = invoice.stand
        pair = said.get("credit_note", ""), said.get("corrective", "")
        if invoice.status != 5 or not said.get("reason"):
            yield f"{invoice.status:02d} is handled, the reason is {said.get('reason')!r}"
        if done.outcome == "repeated":
            if invoice.handled_as != pair:
                yield f"handled again as {pair}, before as {invoice.handled_as}"
            return
        if invoice.handled_as is not None:
            yield "handled twice"
        given = done.handled
        if given is None or done.steps or (given.credit_note, given.corrective) != pair:
            yield f"{given} is written, {pair} is said"
            return
        if (given.reason, given.comment) != (said["reason"][:COMMENT_MAX], said.get("comment", "")[:COMMENT_MAX]):
            yield f"{given} is written, {said['reason']!r} and {said.get('comment')!r} is said"
        credit, corrective = (self._other(number, reject) if number else None for number in pair)
        if any(number and one is None for number, one in zip(pair, (credit, corrective), strict=True)):
            yield f"{pair} are not of this supplier and issuer"
        if credit is not None:
            left = _signed(reject) + _signed(credit.stand)
            if left or _is_out(credit, reject) or credit is corrective or credit.cancels not in {"", reject.number}:
                yield f"{credit.stand.number} leaves {left} of {reject.number}"
            credit.cancels = reject.number
        if corrective is not None and (
            _is_out(corrective, reject)
            or corrective.stand.number == reject.number
            or (corrective.stand.type == "381") != (reject.type == "381")
        ):
            yield f"{corrective.stand.number} replaces {reject.number}"
        invoice.handled_as = pair

    def _other(self, number: str, reject: Stand) -> _Invoice | None:
        """The credit note or corrective: of several years the last."""
        alike = [
            one for one in self.invoices
            if (one.stand.supplier_type, one.stand.supplier, one.stand.number, one.stand.issuer)
            == (reject.supplier_type, reject.supplier, number, self.partner)
        ]  # fmt: skip
        return max(alike, key=lambda one: one.stand.issued, default=None)

    # --- what an issuer says it dropped ---

    def _control(self, done: Done, said: Told) -> Iterator[str]:
        given = done.control
        if given is None or not done.is_idle or done.outcome != "applied":
            yield f"{done} of a control row"
            return
        if set(said) - {"flow", "sha256", "invoices", "total", "currency"}:
            yield f"values outside the columns: {sorted(said)}"
        digest = said.get("sha256", "").lower().removeprefix("sha256=").removeprefix("sha256:")
        told = said.get("flow", ""), digest, said.get("currency", "EUR").upper()
        if (given.flow, given.sha256, given.currency) != told or not re.fullmatch(r"[0-9a-f]{64}", digest):
            yield f"{given} was read, {told} is told"
        if not given.flow or any(unicodedata.category(one) in _INVISIBLE for one in given.flow):
            yield f"the flow is {given.flow!r}"
        if not re.fullmatch(r"[A-Z]{3}", given.currency) or ("€" in said.get("total", "") and given.currency != "EUR"):
            yield f"the currency is {given.currency!r}, the total {said.get('total')!r}"
        count = said.get("invoices", "")
        if COUNT.fullmatch(count) is None or int(re.sub(r"[^0-9]", "", count)) != given.invoices:
            yield f"{given.invoices} invoices were read, {count!r} is told"
        if total_of(said.get("total", "")) != Decimal(given.total):
            yield f"{given.total} was read, {said.get('total')!r} is told"
        if (given.flow, given.currency) in self._sums or self._flows.setdefault(
            given.flow, given.sha256
        ) != given.sha256:
            yield f"{given.flow} in {given.currency} is told twice"
        self._sums.add((given.flow, given.currency))


def _is_out(other: _Invoice, reject: Stand) -> bool:
    """Rejected itself, or in another currency."""
    return other.status == 5 or other.stand.currency != reject.currency


def _signed(stand: Stand) -> Decimal:
    return -abs(Decimal(stand.total)) if stand.type == "381" else Decimal(stand.total)


# --- the directory ----------------------------------------------------------------------------------------------------


@cache
def _directory() -> tuple[Mapping[str, Mapping[str, str]], Sequence[Mapping[str, str]]]:
    """Structures by SIRET, and services, as their files have them."""
    folder = PROJECT / "fixtures" / "directory"
    tables = []
    for name in ("structures.csv", "services.csv"):
        text = (folder / name).read_text("utf-8-sig")
        tables.append(list(csv.DictReader(io.StringIO(text), delimiter=";", restkey="more")))
    return {one["Identifiant"]: one for one in tables[0]}, tables[1]


def wrong_target(recipient: str, service: str, commitment: str) -> Iterator[str]:
    """Why an invoice may not go there: docs/codes.md, RTG-001 to RTG-025."""
    structures, services = _directory()
    structure = structures.get(recipient)
    if structure is None or structure["TypeIdentifiant"] != "1" or structure["StructureActive"] != "true":
        yield "no active structure"
        return

    def needs(column: str) -> bool:
        return structure is not None and structure[column] == "true"

    if needs("GestionServiceEngagement"):
        if not (service or commitment):
            yield "neither service nor commitment"
    elif (needs("GestionService") and not service) or (needs("GestionEngagement") and not commitment):
        yield "service or commitment is missing"
    if needs("EstMOAUniquement"):
        yield "takes works only"
    if service:
        today = NOON.date()
        valid = [
            one for one in services
            if (one["Identifiant"], one["CodeService"], one["ServiceActif"]) == (recipient, service, "true")
            and (not one["DateDebut"] or date.fromisoformat(one["DateDebut"]) <= today)
            and (not one["DateFin"] or date.fromisoformat(one["DateFin"]) >= today)
        ]  # fmt: skip
        if not valid or service == "FACTURES_PUBLIQUES":
            yield "no service that this issuer may name"
        elif all(one["GestionEngagement"] == "true" for one in valid) and not commitment:
            yield "this service wants a commitment"
