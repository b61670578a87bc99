"""What an issuer does about its invoices: recycle, complete, mark a reject as handled (spec 06 section 4). Pure.

A row is judged against where its invoice stands after the rows before it. A recycle is routed again, with the directory
of the day, before anything changes. What does not apply changes nothing; an issuer learns nothing of what others hold.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from types import MappingProxyType

from pipeline import codes, lifecycle
from pipeline.codes import Code, Severity
from pipeline.lifecycle import Status
from pipeline.model import (
    PARIS,
    ActionKind,
    Change,
    Finding,
    Handling,
    Invoice,
    InvoiceKey,
    JudgedRow,
    Kind,
    Known,
    Level,
    Party,
    Places,
    Read,
    ReadAction,
    ReadInvoice,
    Received,
    Rerouted,
    RowOutcome,
    Standing,
    SupplierRead,
    finding,
)
from pipeline.ports import Fault
from pipeline.routing import directory, mapping, route
from pipeline.standings import Standings
from pipeline.terms import Terms
from pipeline.validators.parties import PARTIES
from pipeline.validators.references import REFERENCES
from pipeline.validators.rule import Subject, apply
from pipeline.values import EXACT, XML_BLANKS, Located, Text, parse_amount

ACTION_FILE = "ACT9001A"
SUPPLIER, PLATFORM = "supplier", "platform"
STARTS: Mapping[ActionKind, Status] = MappingProxyType(
    {
        ActionKind.RECYCLE: Status.TO_RECYCLE,
        ActionKind.COMPLETE: Status.SUSPENDED,
        ActionKind.HANDLE_REJECT: Status.REJECTED,
    }
)
"""The status that each action starts from."""

_CREDIT_NOTE = "381"
_ROUTED_BY = frozenset({"RTG", "CMT"})  # families of the rules that a new routing is held to
_FORM_OF = frozenset({"REF-001", "REF-002", "REF-005", "REF-006", "PTY-013", "PTY-014"})
_FORM = tuple(rule for rule in (*REFERENCES, *PARTIES) if rule.code.id in _FORM_OF)


def decide(
    read: Read,
    issuer: str,
    standings: Sequence[Standing],
    known: Known,
    now: datetime,
    terms: Terms,
    *,
    operator: str = "",
) -> tuple[JudgedRow, ...]:
    """What becomes of each row, in the order of the file.

    `issuer`: the application code that asks; `standings`: the invoices that the rows name (`named`), of whomever they
    are; `operator`: who gave a command, empty where a file asks. Without a directory of the day a recycle is a fault.
    """
    held = Standings(standings)
    judged = []
    for row in read.actions:
        told = _Row(row, issuer, known, now, terms, operator).decide(held)
        held.learn(told)
        judged.append(told)
    return tuple(judged)


def named(read: Read) -> tuple[InvoiceKey, ...]:
    """Every invoice that the rows name: the one each is about, and the credit notes and correctives of the rejects."""
    keys = []
    for row in read.actions:
        others = (row.credit_note, row.corrective) if row.action is ActionKind.HANDLE_REJECT else ()
        keys += [row.invoice, *(replace(row.invoice, number=text, issued=None) for text in others if text)]
    return tuple(keys)


def routed(read: Read, issuer: str, standings: Sequence[Standing]) -> tuple[ReadInvoice, ...]:
    """The invoices of this issuer to recycle, as they would go: what their reference rows are fetched for."""
    held = Standings(one for one in standings if one.issuer == issuer)
    found = []
    for row in read.actions:
        if row.action is ActionKind.RECYCLE:
            found += [_rerouted(row, one) for one in held.named(row.invoice)]
    return tuple(found)


class _Row:
    """One row on its way to what becomes of it."""

    def __init__(self, row: ReadAction, issuer: str, known: Known, now: datetime, terms: Terms, operator: str) -> None:
        self.row, self.issuer, self.operator = row, issuer, operator
        self.known, self.now, self.terms = known, now, terms
        self.found: list[Finding] = list(row.findings)

    def decide(self, held: Standings) -> JudgedRow:
        kind = self.row.action
        standing = self._mine(self.row.invoice, held)
        if standing is None or kind is None:
            return self._told(RowOutcome.REFUSED, standing)
        steps: Mapping[ActionKind, Callable[[Standing, Standings], JudgedRow]] = {
            ActionKind.RECYCLE: self._recycle,
            ActionKind.COMPLETE: self._complete,
            ActionKind.HANDLE_REJECT: self._handle,
        }
        return steps[kind](standing, held)

    def _mine(self, key: InvoiceKey, held: Standings) -> Standing | None:
        """The one invoice that is meant, where it is the issuer's own: LFC-008 in every other case.

        One that never entered (37) is unknown too: its number is free.
        """
        if not _text(key.number) or not _text(key.supplier):
            return None  # the reader has said so
        mine = [one for one in held.named(key) if one.issuer == self.issuer and one.status != "37"]
        if len(mine) == 1:
            return mine[0]
        number = _text(key.number)
        if mine:  # one of each year
            days = ", ".join(one.issued.isoformat() if one.issued else "?" for one in mine)
            en, fr = f"{number} (several: give the day, {days})", f"{number} (plusieurs : donner la date, {days})"
            self._refuse(codes.LFC_008, key.number, number=en, number_fr=fr, supplier=_text(key.supplier))
        else:
            self._refuse(codes.LFC_008, key.number, number=number, supplier=_text(key.supplier))
        return None

    # --- recycle ---

    def _recycle(self, standing: Standing, held: Standings) -> JudgedRow:
        row = self.row
        if not self._starts(standing, codes.LFC_005):
            return self._told(RowOutcome.REFUSED, standing)
        self._leaves(standing, row.reason, codes.LFC_005, "le motif", "the reason")
        self._leaves(standing, row.credit_note, codes.LFC_005, "l'avoir", "the credit note")
        self._leaves(standing, row.corrective, codes.LFC_005, "la facture rectificative", "the corrective invoice")
        self._leaves_files(standing, codes.LFC_005)
        asked = _rerouted(row, standing)
        is_same = (_text(asked.recipient), _text(asked.service), _text(asked.commitment)) == (
            standing.recipient, standing.service, standing.commitment,
        )  # fmt: skip
        if is_same and not _text(row.comment):
            self._say_reason("un recyclage qui ne change rien", "a recycle that changes nothing")
        target = self._routed(asked)
        if any(f.refuses for f in self.found):
            return self._told(RowOutcome.REFUSED, standing)
        rerouted = self._target(standing, target)
        comment = self._comment()
        steps = [(status, SUPPLIER if n == 0 else PLATFORM) for n, status in enumerate(lifecycle.INTEGRATION)]
        changes = tuple(
            self._change(standing, status, actor, comment if n == 0 else "") for n, (status, actor) in enumerate(steps)
        )
        return replace(self._told(RowOutcome.APPLIED, standing), changes=changes, rerouted=rerouted)

    def _routed(self, asked: ReadInvoice) -> ReadInvoice:
        """The rules on recipient, service and commitment, with the directory of the day; what the issuer's own names
        stand for is put in their place first. What would wait for the State's table is refused: a recycle cannot wait.
        """
        if self.known.snapshot is None:
            raise Fault(directory.none_of(self._day))
        mapped = mapping.applied(asked, self.known, self._day)
        received = Received(self.issuer, "", "", 0, self.now)
        self.found += mapped.notes(self.terms)
        self.found += _form(mapped.invoice, received, self.terms)
        told = route.findings(mapped.invoice, received, "", self.known, self.terms)
        for one in mapped.as_written(told):
            if one.row.family in _ROUTED_BY or one.row.recyclable:
                waits = one.severity is Severity.HOLD
                self.found.append(replace(one, severity=Severity.ERROR) if waits else one)
        return mapped.invoice

    def _target(self, standing: Standing, target: ReadInvoice) -> Rerouted:
        """Where it goes: in the words of the directory where something changes."""
        recipient, service = _text(target.recipient), _text(target.service)
        structure = self.known.structures.get(recipient)
        name = structure.name if structure is not None and recipient != standing.recipient else standing.recipient_name
        label = ""
        if structure is not None and service:
            found = directory.service_of(structure, service, self._day)
            label = found.label if found is not None else ""
        snapshot = self.known.snapshot.name if self.known.snapshot is not None else ""
        return Rerouted(recipient, name, service, _text(target.commitment), snapshot, label)

    # --- complete ---

    def _complete(self, standing: Standing, held: Standings) -> JudgedRow:
        row = self.row
        if not self._starts(standing, codes.LFC_004):
            return self._told(RowOutcome.REFUSED, standing)
        for given, fr, en in (
            (row.recipient, "le destinataire", "the recipient"),
            (row.service, "le service", "the service"),
            (row.commitment, "l'engagement", "the commitment"),
            (row.reason, "le motif", "the reason"),
            (row.credit_note, "l'avoir", "the credit note"),
            (row.corrective, "la facture rectificative", "the corrective invoice"),
        ):
            self._leaves(standing, given, codes.LFC_004, fr, en)
        if not row.attachments and not _text(row.comment) and not any(f.refuses for f in self.found):
            fr, en = "12 COMPLETEE, sans pièce jointe ni commentaire,", "12 COMPLETEE without attachment or comment"
            self._say_reason(fr, en)
        self.found += self._together()
        if any(f.refuses for f in self.found):
            return self._told(RowOutcome.REFUSED, standing)
        change = self._change(standing, Status.COMPLETED, SUPPLIER, self._comment())
        return replace(self._told(RowOutcome.APPLIED, standing), changes=(change,), attachments=row.attachments)

    def _together(self) -> Iterator[Finding]:
        """ATT-006 and ATT-014: what the files of one row are together. The invoice itself is not weighed again."""
        weight = sum(file.content.length for file in self.row.attachments)
        limit = self.terms.attachment.invoice_bytes_max
        if weight > limit:
            yield from self._made(codes.ATT_006, None, value=str(weight), size_bytes=weight, limit=limit)
        seen: set[str] = set()
        for file in self.row.attachments:
            key = file.name.casefold()
            if key in seen:
                yield from self._made(codes.ATT_014, None, value=file.name, name=file.name)
            seen.add(key)

    # --- handle a reject ---

    def _handle(self, standing: Standing, held: Standings) -> JudgedRow:
        row = self.row
        if standing.status != _number(Status.REJECTED):
            self._refuse(
                codes.LFC_001, row.action_at, from_status=_shown(standing.status), to_status="a handled reject",
                to_status_fr="un rejet traité", allowed=lifecycle.shown(5),
            )  # fmt: skip
            return self._told(RowOutcome.REFUSED, standing)
        for given, fr, en in (
            (row.recipient, "le destinataire", "the recipient"),
            (row.service, "le service", "the service"),
            (row.commitment, "l'engagement", "the commitment"),
        ):
            self._leaves(standing, given, codes.LFC_005, fr, en)
        self._leaves_files(standing, codes.LFC_005)
        if not _text(row.reason):
            self._say_reason("le traitement d'un rejet", "handling a reject")
        credit = self._paired(row.credit_note, held)
        corrective = self._paired(row.corrective, held)
        asked = _here(credit), _here(corrective)
        if standing.is_handled and not any(f.refuses for f in self.found):
            return self._again(standing, asked)
        self._judge_chain(standing, credit, corrective)
        if any(f.refuses for f in self.found):
            return self._told(RowOutcome.REFUSED, standing)
        handling = Handling(standing, self._cut(_text(row.reason)), self._comment(), credit, corrective)
        return replace(self._told(RowOutcome.APPLIED, standing), handling=handling)

    def _again(self, standing: Standing, asked: tuple[tuple[int, int], tuple[int, int]]) -> JudgedRow:
        """A reject is handled once: told again it has no effect, told otherwise it is refused."""
        if asked == standing.handled_as:
            self.found += self._made(codes.LFC_015, self.row.action_at)
            return self._told(RowOutcome.REPEATED, standing)
        self._refuse(
            codes.LFC_001, self.row.action_at, from_status="a handled reject", from_status_fr="un rejet traité",
            to_status="a reject handled otherwise", to_status_fr="un rejet traité autrement", allowed="",
        )  # fmt: skip
        return self._told(RowOutcome.REFUSED, standing)

    def _paired(self, number: Text | None, held: Standings) -> Standing | None:
        """The credit note or corrective of this number, of the same supplier and issuer; of several years the last."""
        if number is None or not number.text:
            return None
        key = replace(self.row.invoice, number=number, issued=None)
        mine = [one for one in held.named(key) if one.issuer == self.issuer and one.status != "37"]
        if not mine:
            self._refuse(codes.LFC_008, number, number=number.text, supplier=_text(self.row.invoice.supplier))
            return None
        return max(mine, key=lambda one: (one.issued or date.min, one.deposit_id, one.rank))

    def _judge_chain(self, rejected: Standing, credit: Standing | None, corrective: Standing | None) -> None:
        """LFC-011: a new number, of an invoice not rejected itself. LFC-012: the amounts cancel and replace."""
        if corrective is not None:
            if corrective.number == rejected.number or corrective.status == _number(Status.REJECTED):
                self._refuse(codes.LFC_011, self.row.corrective, number=corrective.number)
            elif corrective.currency != rejected.currency:
                self._differs(self.row.corrective, rejected, f"{corrective.currency} / {rejected.currency}")
            elif (corrective.type == _CREDIT_NOTE) != (rejected.type == _CREDIT_NOTE):
                self._differs(self.row.corrective, rejected, f"{_signed(rejected)} → {_signed(corrective)}")
        if credit is None:
            return
        if _here(credit) in {_here(rejected), _here(corrective)}:
            self._differs(self.row.credit_note, rejected, f"{_signed(rejected)}, {credit.number}")
        elif credit.currency != rejected.currency:
            self._differs(self.row.credit_note, rejected, f"{credit.currency} / {rejected.currency}")
        elif credit.cancels not in {(0, 0), _here(rejected)}:
            en, fr = f"{credit.number} cancels another reject", f"{credit.number} annule un autre rejet"
            self._differs(self.row.credit_note, rejected, en, fr)
        elif credit.status == _number(Status.REJECTED):
            en, fr = f"{credit.number} was rejected itself", f"{credit.number} a été rejeté lui-même"
            self._differs(self.row.credit_note, rejected, en, fr)
        else:
            cancelled, by = _signed(rejected), _signed(credit)
            left = EXACT.add(cancelled, by) if cancelled is not None and by is not None else None
            if left != 0:
                told = f"{cancelled} + {by} = {left} {rejected.currency}" if left is not None else "-"
                self._differs(self.row.credit_note, rejected, told)

    def _differs(self, at: Text | None, rejected: Standing, difference: str, difference_fr: str = "") -> None:
        french = {"difference_fr": difference_fr} if difference_fr else {}
        self._refuse(codes.LFC_012, at, number=rejected.number, difference=difference, **french)

    # --- what all of them share ---

    @property
    def _day(self) -> date:
        return self.now.astimezone(PARIS).date()

    def _starts(self, standing: Standing, code: Code) -> bool:
        """LFC-004, LFC-005: the invoice is where this action starts."""
        kind = self.row.action
        if kind is not None and standing.status == _number(STARTS[kind]):
            return True
        now = _shown(standing.status)
        if code is codes.LFC_004:
            en, fr = f"it is {now}, not suspended", f"elle est {now}, non suspendue"
            self._refuse(code, self.row.action_at, invoice=standing.number, status=en, status_fr=fr)
        else:
            wanted = lifecycle.shown(4)
            en, fr = f"an invoice that is {now}, not {wanted},", f"une facture {now}, et non {wanted},"
            self._refuse(code, self.row.action_at, what=en, what_fr=fr)
        return False

    def _leaves(self, standing: Standing, given: Text | None, code: Code, fr: str, en: str) -> None:
        """This datum is not for this action to change."""
        if given is None:
            return
        if code is codes.LFC_004:
            en, fr = f"{en} does not change that way", f"{fr} ne change pas ainsi"
            self._refuse(code, given, invoice=standing.number, status=en, status_fr=fr)
        else:
            self._refuse(code, given, what=en, what_fr=fr)

    def _leaves_files(self, standing: Standing, code: Code) -> None:
        if self.row.attachments:
            name = Text(self.row.attachments[0].name, "", "", self._line)
            self._leaves(standing, name, code, "une pièce jointe", "an attachment")

    def _say_reason(self, fr: str, en: str) -> None:
        self._refuse(codes.LFC_002, self.row.action_at, value="", to_status=en, to_status_fr=fr)

    def _comment(self) -> str:
        return self._cut(_text(self.row.comment), self.row.comment)

    def _cut(self, text: str, at: Text | None = None) -> str:
        """LFC-003: so much is kept of it."""
        most = self.terms.intake.comment_chars_max
        if len(text) > most:
            self.found += self._made(codes.LFC_003, at, value="", length=len(text))
        return text[:most]

    def _change(self, standing: Standing, to: Status, actor: str, comment: str) -> Change:
        at = max(self.now, standing.status_at)  # two machines do not agree to the microsecond
        return Change(standing, _number(to), at, comment, set_by=actor, producer=self.issuer, operator=self.operator)

    def _told(self, outcome: RowOutcome, standing: Standing | None) -> JudgedRow:
        if outcome is RowOutcome.REFUSED and not any(f.refuses for f in self.found):
            self._refuse(codes.LFC_001, self.row.action_at, from_status="?", to_status="?", allowed="")
        placed = (f if f.line else replace(f, line=self._line) for f in self.found)  # at least the line of the row
        found = tuple(sorted(placed, key=lambda f: f.order))
        total = standing.total if standing is not None else ""
        return JudgedRow(self.row.rank, self.row.member, self.row.invoice, found, outcome, standing, total=total)

    @property
    def _line(self) -> int:
        return self.row.action_at.line if self.row.action_at is not None else 0

    def _made(
        self, code: Code, at: Located | None, /, *, value: str | None = None, **facts: str | int
    ) -> Iterator[Finding]:
        told = finding(self.terms, code, at or code.place, member=self.row.member, value=value, **facts)
        if told is not None:
            yield told

    def _refuse(self, code: Code, at: Located | None, /, *, value: str | None = None, **facts: str | int) -> None:
        """Say it, and refuse whatever the settings make of the rule: what is asked for cannot be done."""
        told = next(self._made(code, at, value=value, **facts), None)
        if told is None:
            told = Finding(code.id, code.id, Severity.ERROR, member=self.row.member, facts=facts)
        self.found.append(told if told.refuses else replace(told, severity=Severity.ERROR))


def _form(asked: ReadInvoice, received: Received, terms: Terms) -> Iterator[Finding]:
    """What a document is held to before anybody looks into the directory: a SIRET, and codes that fit a pivot."""
    party = Party(identifier=asked.recipient, identifier_type="1")
    bare = Invoice(
        Kind.UNKNOWN, Level.NONE, asked.rank, "", "", recipient=party, service=Places(asked.service),
        commitment=Places(asked.commitment),
    )  # fmt: skip
    return apply(_FORM, Subject.of(bare, received, ACTION_FILE, asked.member, terms))


def _rerouted(row: ReadAction, standing: Standing) -> ReadInvoice:
    """The invoice as it would go. What a row does not name stays, without a place in the file."""
    supplier = Text(standing.supplier, "BT-30", "", 0)
    return ReadInvoice(
        rank=row.rank,
        member=row.member,
        number=None,
        type=standing.type,
        issued=standing.issued,
        framework=standing.framework,
        framework_at=None,
        supplier=SupplierRead(standing.supplier_type, supplier, standing.supplier_name),
        recipient=_asked(row.recipient, standing.recipient, "BT-47"),
        recipient_name=standing.recipient_name,
        service=_asked(row.service, standing.service, "BT-10"),
        service_name="",
        commitment=_asked(row.commitment, standing.commitment, "BT-13"),
        market=None,
        origins=(),
        has_validator=True,
        currency=standing.currency,
        total=standing.total,
        findings=(),
        pivot=None,
    )


def _asked(given: Text | None, now: str, bt: str) -> Text | None:
    """What the row asks for, else what stands; None where nothing is left."""
    text = given if given is not None else Text(now, "", "", 0)
    bare = text.text.strip(XML_BLANKS)
    return text._replace(text=bare, bt=bt) if bare else None


def _signed(standing: Standing) -> Decimal | None:
    """The total as it counts: a credit note is subtracted, whatever sign it was written with."""
    value = parse_amount(standing.total)
    return -abs(value) if value is not None and standing.type == _CREDIT_NOTE else value


def _here(standing: Standing | None) -> tuple[int, int]:
    return (standing.deposit_id, standing.rank) if standing is not None else (0, 0)


def _shown(status: str) -> str:
    return lifecycle.shown(int(status)) if status else "-"


def _number(status: Status) -> str:
    return f"{lifecycle.STATUSES[status].id:02d}"


def _text(given: Text | None) -> str:
    return given.text.strip(XML_BLANKS) if given is not None else ""
