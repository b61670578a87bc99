"""The life after integration against a model: random histories of a whole home, from dropped files to answers.

Recipients tell statuses, good and bad; issuers recycle, complete and handle rejects; operators decide what was held;
workers die, come late, are overtaken between their decision and their commit. The model is what section 9 of the page of
the lifecycle promises, in dictionaries; after each step the ledger must be what the model says, and `verify` green.
"""

import itertools
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from unittest.mock import patch

from hypothesis import HealthCheck, Phase, settings
from hypothesis import seed as seeded
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from integration import change_files, homes
from integration.change_files import Act, Entry
from lxml import etree
from property import read_in_process
from sqlalchemy import text

from pipeline import lifecycle, runner
from pipeline.adapters.clock import FixedClock
from pipeline.running.home import Home
from pipeline.running.verify import Around
from pipeline.running.verify import lines as verify_lines
from pipeline.settings import load

T = TypeVar("T")
ISSUERS = {homes.PARTNER: homes.SUPPLIER, homes.OTHER: homes.SUPPLIER_2}
RECEIVERS = {homes.RECEIVER: homes.PLAIN, "REC004": homes.NEEDS_BOTH}
STATE_RECEIVER = "REC005"
ROLES = {
    homes.RECEIVER: ("recipient", "accountant"),
    "REC004": ("recipient",),
    STATE_RECEIVER: ("recipient", "accountant"),
}
RECEIVER_OF = {homes.PLAIN: homes.RECEIVER, homes.NEEDS_BOTH: "REC004", homes.STATE: STATE_RECEIVER}
PLACES = ((homes.PLAIN, "", ""), (homes.NEEDS_BOTH, "SERV_OBL", "EJ-1"), (homes.STATE, "SFACETAT", "1512345678"))
ORDER = "1512345678"
NOWHERE = (("99999999900017", "", ""), (homes.NEEDS_BOTH, "", ""), (homes.NEEDS_BOTH, "NONE_SUCH", "EJ-1"))
LABELLED = {f"{row.id:02d}": row.status for row in lifecycle.STATUSES.values() if row.id}
NEEDS_REASON = {"04", "05", "06"}
STARTS = {"04": "recycle", "06": "complete", "05": "handle-reject"}
STARTED_BY = {action: status for status, action in STARTS.items()}
MINUTE = timedelta(minutes=1)
TERMS = {"reference_data": {"hold_max_days": 0}}  # an operator may decide at once
some = st.integers(0, 1_000_000)


class Dies(BaseException):
    """The process is killed here. No `except Exception` may outlive it."""


# --- the model --------------------------------------------------------------------------------------------------------


@dataclass
class Bill:
    """One payment request."""

    number: str
    issuer: str
    flow: str
    place: tuple[str, str, str]  # recipient, service, commitment
    history: list[tuple[str, datetime]] = field(default_factory=list)
    events: list[tuple[str, datetime]] = field(default_factory=list)
    reroutings: int = 0
    is_pending: bool = False
    is_handled: bool = False

    @property
    def receiver(self) -> str:
        return RECEIVER_OF[self.place[0]]

    @property
    def status(self) -> str:
        return self.history[-1][0] if self.history else ""

    @property
    def since(self) -> datetime:
        return self.history[-1][1]


@dataclass(frozen=True)
class Asked:
    """One row of a status file, drawn: on which invoice, what is told, how it is dated."""

    which: int
    aim: str  # next: what may follow, soundly told; own: anything on one of its own; any: on anybody's; none: on none
    status: str
    dated: str
    is_reasoned: bool


senders = st.sampled_from((homes.RECEIVER, "REC004", homes.RECEIVER, "REC004", STATE_RECEIVER))
asked_rows = st.builds(
    Asked, some, st.sampled_from(("next", "next", "next", "next", "own", "own", "any", "none")),
    st.sampled_from(("03", "04", "05", "06", "07", "08", "09", "10", "11", "01", "02", "12", "37", "13", "20", "41")),
    st.sampled_from(("now", "now", "as the last", "before the last", "tomorrow", "repeated")), st.booleans(),
)  # fmt: skip


class LifecycleMachine(RuleBasedStateMachine):
    """`make` gives a new home, `again` opens it as another process would."""

    make: ClassVar[Callable[[], Path]]
    opened: ClassVar[Callable[[Path, datetime], Home]]
    remove: ClassVar[Callable[[Path], None]]

    @initialize()
    def begin(self) -> None:
        self.patched = patch.object(runner, "readers", read_in_process.readers)
        self.patched.start()
        self.now = homes.NOON + timedelta(milliseconds=250)  # people write seconds, a clock tells more
        self.path = type(self).make()
        self.home = type(self).opened(self.path, self.now)
        self.bills: dict[str, Bill] = {}
        self.sequence = itertools.count(1)
        self.intakes: dict[str, tuple[int, int, int, int]] = {}  # flow -> applied, repeated, kept, refused
        self.is_broken = False  # a step has shown it: there is no end to look at
        self.is_open = True  # the State's commitments can be asked
        for issuer in ISSUERS:
            self.drop_flow_of(issuer, [PLACES[0], PLACES[0], PLACES[1]])

    def teardown(self) -> None:
        if not hasattr(self, "path"):
            return
        try:
            if hasattr(self, "home") and not self.is_broken:
                self._ends_well()
        finally:
            self.home.close()
            type(self).remove(self.path)
            self.patched.stop()

    # --- invoices -----------------------------------------------------------------------------------------------------

    @rule(issuer=st.sampled_from(tuple(ISSUERS)), places=st.lists(st.sampled_from(PLACES), min_size=1, max_size=3))
    def drop_flow(self, issuer: str, places: list[tuple[str, str, str]]) -> None:
        """Invoices of one issuer, all sound; those for the State wait while its commitments cannot be asked."""
        self.drop_flow_of(issuer, places)

    def drop_flow_of(self, issuer: str, places: list[tuple[str, str, str]]) -> None:
        number = next(self.sequence)
        name = homes.flow_name(number, partner=issuer)
        places = [as_may(issuer, place) for place in places]
        bills = [Bill(f"B-{number}-{rank}", issuer, name, place) for rank, place in enumerate(places, 1)]
        documents = [
            (f"{rank}.xml", homes.ubl(b.number, supplier=ISSUERS[issuer], recipient=b.place[0], service=b.place[1], order=b.place[2]))
            for rank, b in enumerate(bills, 1)
        ]  # fmt: skip
        homes.drop(self.home, name, homes.archive(documents), issuer)
        self._runs()
        for bill in bills:
            self.bills[bill.number] = bill
            if bill.place[0] == homes.STATE and not self.is_open:
                bill.is_pending = True
            else:
                self._integrated(bill)

    @precondition(lambda self: self.is_open)
    @rule()
    def shut(self) -> None:
        """The State's commitments cannot be asked from now on."""
        runner.commitments_unavailable(self.home)
        self.is_open = False

    @precondition(lambda self: not self.is_open)
    @rule()
    def open(self) -> None:
        """They can, and what waited is judged."""
        runner.commitments_available(self.home)
        self.is_open = True
        self._runs()
        for bill in self._held():
            bill.is_pending = False
            self._integrated(bill)

    @precondition(lambda self: self._held())
    @rule(which=some, choice=st.sampled_from(("integrate", "refuse")))
    def decide(self, which: int, choice: str) -> None:
        """An operator settles what waits."""
        bill = pick(self._held(), which)
        runner.decide(self.home, f"{ISSUERS[bill.issuer]}/{bill.number}", choice, "décidé", operator="op")
        self._runs()
        bill.is_pending = False
        if choice == "integrate":
            self._integrated(bill)
        else:
            bill.history.append(("37", self.now))

    # --- statuses -----------------------------------------------------------------------------------------------------

    @rule(sender=senders, rows=st.lists(asked_rows, min_size=1, max_size=6))
    def tell(self, sender: str, rows: list[Asked]) -> None:
        """A status file: legal, illegal, foreign, repeated, out of order, several rows on one invoice."""
        self._dropped_statuses(sender, rows)
        self._runs()

    @rule(
        sender=senders, rows=st.lists(asked_rows, min_size=1, max_size=3),
        at=st.integers(1, 8), is_after=st.booleans(),
    )  # fmt: skip
    def tell_and_die(self, sender: str, rows: list[Asked], at: int, is_after: bool) -> None:
        """Killed before or after one of its commits; the next process does the rest."""
        self._dropped_statuses(sender, rows)
        with dying(self.home, at, is_after=is_after), suppress(Dies):
            runner.run(self.home)
        self._again()

    @rule(sender=senders, rows=st.lists(asked_rows, min_size=1, max_size=3))
    def tell_late(self, sender: str, rows: list[Asked]) -> None:
        """A worker stands still until its lease is over and another has done its work; then it goes on."""
        self._dropped_statuses(sender, rows)
        with self._meanwhile(self._takes_over):
            self._runs(is_clean=False)
        self._runs()

    @precondition(lambda self: self._moving())
    @rule(which=some, first=some, second=some)
    def is_overtaken(self, which: int, first: int, second: int) -> None:
        """Between the decision on a file and its commit somebody else changes the same invoice: a file of the same
        recipient, or of the same issuer, in another process. What was decided is decided again."""
        bill = pick(self._moving(), which)

        def dropped(home: Home, chance: int) -> Callable[[], None]:
            if bill.status in STARTS:
                act = self._act(bill, STARTS[bill.status], as_may(bill.issuer, PLACES[chance % 2]))
                name = change_files.action_flow(next(self.sequence), bill.issuer)
                homes.drop(home, name, change_files.action_csv([act]), bill.issuer)
                return lambda: self._expect_actions(bill.issuer, name, [act])
            sender = bill.receiver
            entries = self._entries(sender, [Asked(chance, "next", "07", "now", True)], [bill.number])
            name = change_files.status_flow(next(self.sequence), sender)
            homes.drop(home, name, change_files.status_file(entries, sender, note=name), sender)
            return lambda: self._expect_statuses(sender, name, entries)

        expect = dropped(self.home, first)

        def overtakes() -> None:
            with type(self).opened(self.path, self.now) as other:
                expect_first = dropped(other, second)
                assert runner.run(other).faults == []
            expect_first()

        with self._meanwhile(overtakes):
            self._runs()
        expect()

    def tell_one(self, bill: Bill, status: str) -> None:
        """One status, soundly told by whoever may."""
        when = self.now.replace(microsecond=0)
        entry = Entry(bill.number, status, when, supplier=ISSUERS[bill.issuer], comment="Motif", reason="AUTRE")
        name = change_files.status_flow(next(self.sequence), bill.receiver)
        homes.drop(self.home, name, change_files.status_file([entry], bill.receiver, note=name), bill.receiver)
        self._expect_statuses(bill.receiver, name, [entry])
        self._runs()

    # --- actions ------------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.bills)
    @rule(
        issuer=st.sampled_from(tuple(ISSUERS)),
        rows=st.lists(
            st.tuples(some, st.sampled_from(("recycle", "complete", "handle-reject")), st.sampled_from((*PLACES, *NOWHERE)), st.booleans()),
            min_size=1, max_size=4,
        ),
        is_xml=st.booleans(), dies=st.sampled_from((0, 0, 0, 2, 4, 6)),
    )  # fmt: skip
    def act(
        self, issuer: str, rows: list[tuple[int, str, tuple[str, str, str], bool]], is_xml: bool, dies: int
    ) -> None:
        """An action file of an issuer, on its own invoices and on others'; the process may die on the way."""
        acts = []
        for which, action, place, is_aimed in rows:
            wanted = STARTED_BY[action]
            bills = (self._in(wanted) if is_aimed else []) or list(self.bills.values())
            bill = pick(bills, which)
            acts.append(self._act(bill, action, as_may(bill.issuer, place)))
        name = change_files.action_flow(next(self.sequence), issuer)
        written = change_files.action_xml(acts) if is_xml else change_files.action_csv(acts)
        homes.drop(self.home, name, written, issuer)
        with dying(self.home, dies or 10_000), suppress(Dies):
            runner.run(self.home)
        if dies:
            self._again()
        self._expect_actions(issuer, name, acts)

    # --- time ---------------------------------------------------------------------------------------------------------

    @rule(minutes=st.sampled_from((1, 20, 300)))
    def tick(self, minutes: int) -> None:
        self.now += minutes * MINUTE
        self.home.clock = FixedClock(self.now)

    @rule()
    def nothing_more(self) -> None:
        """A run that finds nothing to judge changes nothing."""
        self._runs()

    # --- what is expected ---------------------------------------------------------------------------------------------

    def _integrated(self, bill: Bill) -> None:
        bill.history += [(status, self.now) for status in ("01", "02", "03")]

    def _dropped_statuses(self, sender: str, rows: Sequence[Asked]) -> None:
        """Drop a file, and let the model apply it."""
        entries, name = self._entries(sender, rows), change_files.status_flow(next(self.sequence), sender)
        homes.drop(self.home, name, change_files.status_file(entries, sender, note=name), sender)
        self._expect_statuses(sender, name, entries)

    def _entries(self, sender: str, rows: Sequence[Asked], own: Sequence[str] = ()) -> list[Entry]:
        """The rows written out."""
        own = own or [number for number, bill in sorted(self.bills.items()) if bill.receiver == sender and bill.history]
        pools = {"next": own, "own": own, "any": sorted(self.bills), "none": ()}
        return [self._entry(sender, row, pools[row.aim]) for row in rows]

    def _entry(self, sender: str, row: Asked, pool: Sequence[str]) -> Entry:
        bill = self.bills[pick(pool, row.which)] if pool else None
        status, when, is_reasoned = row.status, self.now.replace(microsecond=0), row.is_reasoned
        if bill is not None and row.aim == "next" and (options := self._may_follow(bill, sender)):
            status, is_reasoned = pick(options, row.which // 16), True
        elif bill is not None and bill.history:
            before = pick(bill.history, row.which)
            status = before[0] if row.dated == "repeated" else status
            last = bill.since.replace(microsecond=0)
            dates = {"as the last": last, "before the last": bill.since - MINUTE, "repeated": before[1]}
            when = dates.get(row.dated, when)
            when += timedelta(days=row.dated == "tomorrow")
        return Entry(
            bill.number if bill else "NONE-SUCH", status, when, supplier=ISSUERS[bill.issuer] if bill else homes.SUPPLIER,
            recipient=bill.place[0] if bill else homes.PLAIN, comment="Motif" if is_reasoned else "",
            reason=change_files.REASONS.get(int(status), "") if is_reasoned else "",
            mandate="M-1" if status == "08" else "",
        )  # fmt: skip

    def _may_follow(self, bill: Bill, sender: str) -> list[str]:
        """What this recipient may make of the invoice; what its issuer can act on counts double."""
        after = [
            code for code, status in sorted(LABELLED.items())
            if bill.history and (arrow := lifecycle.arrow(LABELLED[bill.status], status)) and arrow.actor in ROLES[sender]
        ]  # fmt: skip
        return after + [code for code in after if code in NEEDS_REASON]

    def _moving(self) -> list[Bill]:
        """Invoices that somebody may change now."""
        return [b for b in self._entered() if b.status in STARTS or self._may_follow(b, b.receiver)]

    def _expect_statuses(self, sender: str, name: str, entries: Sequence[Entry]) -> None:
        told = Counter(self._expect_status(sender, entry) for entry in entries)
        self.intakes[name] = told["applied"], told["repeated"], told["kept"], told["refused"]

    def _expect_status(self, sender: str, entry: Entry) -> str:
        """What becomes of one entry, and what it changes."""
        bill = self.bills.get(entry.number)
        status, when = str(entry.status), entry.when
        assert isinstance(when, datetime)
        if bill is None or bill.receiver != sender or bill.status in {"", "37"}:  # as good as unknown
            return "refused"
        if any(
            code == status and when in {at, at.replace(microsecond=0)} for code, at in (*bill.history, *bill.events)
        ):
            return "repeated"
        if when > self.now:
            return "refused"
        if status not in LABELLED:  # whatever came since: it is no place in the circuit
            bill.events.append((status, when))
            return "kept"
        if when < bill.since.replace(microsecond=0):
            return "refused"
        arrow = lifecycle.arrow(LABELLED[bill.status], LABELLED[status])
        if arrow is None or arrow.actor not in ROLES[sender]:
            return "refused"
        if status in NEEDS_REASON and not entry.reason:
            return "refused"
        bill.history.append((status, max(when, bill.since)))  # in the second of the change before: behind it
        return "applied"

    def _act(self, bill: Bill, action: str, place: tuple[str, str, str]) -> Act:
        supplier = ISSUERS[bill.issuer]
        said = f"demande {next(self.sequence)}"  # no two files are the same bytes: that would be a double
        if action == "recycle":
            service, commitment = (given or "-" for given in place[1:])
            return Act(
                action,
                bill.number,
                supplier=supplier,
                recipient=place[0],
                service=service,
                commitment=commitment,
                comment=said,
            )
        if action == "complete":
            return Act(action, bill.number, supplier=supplier, comment=said)
        return Act(action, bill.number, supplier=supplier, reason="MONTANT_ERR", comment=said)

    def _expect_actions(self, issuer: str, name: str, acts: Sequence[Act]) -> None:
        told = Counter(self._expect_action(issuer, act) for act in acts)
        self.intakes[name] = told["applied"], told["repeated"], told["kept"], told["refused"]

    def _expect_action(self, issuer: str, act: Act) -> str:
        bill = self.bills[act.number]
        wanted = STARTED_BY[act.action]
        if bill.issuer != issuer or bill.status != wanted:
            return "refused"
        if act.action == "recycle":
            place = (act.recipient, act.service.strip("-"), act.commitment.strip("-"))
            if place in NOWHERE or (place[0] == homes.STATE and not self.is_open):
                return "refused"
            bill.place = place
            bill.reroutings += 1
            self._integrated(bill)
        elif act.action == "complete":
            bill.history.append(("12", self.now))
        elif bill.is_handled:
            return "repeated"
        else:
            bill.is_handled = True
        return "applied"

    # --- what is so after each step -----------------------------------------------------------------------------------

    @invariant()
    def agrees(self) -> None:
        """Status, history, events, routing, handled rejects and intakes are those of the model."""
        if not hasattr(self, "home"):
            return
        self.is_broken = True
        with self.home.ledger.reading() as db:
            history: dict[str, list[tuple[str, datetime]]] = {}
            for r in db.execute(text(HISTORY)):
                history.setdefault(r.number, []).append((r.status, datetime.fromisoformat(r.at)))
            same(history, {b.number: b.history for b in self.bills.values() if b.history})
            stands = {
                r.number: (r.status, datetime.fromisoformat(r.status_at), r.routing, (r.recipient, r.service, r.commitment), r.receiver)
                for r in db.execute(text(STANDING))
            }  # fmt: skip
            same(stands, {b.number: (b.status, b.since, b.reroutings, b.place, b.receiver) for b in self._entered()})
            kept = Counter((r.number, r.code, datetime.fromisoformat(r.at)) for r in db.execute(text(EVENTS)))
            same(kept, Counter((b.number, code, at) for b in self.bills.values() for code, at in b.events))
            handled = {r.number: True for r in db.execute(text(HANDLED))}
            same(handled, {b.number: True for b in self.bills.values() if b.is_handled})
            taken = {r.name: (r.applied, r.repeated, r.kept, r.refused) for r in db.execute(text(INTAKES))}
            same(taken, self.intakes)
            red = [line for line in verify_lines(self.home, db, NOTHING_AROUND) if not line.ok]
        assert red == [], red
        for issuer in ISSUERS:
            self._told_in_order(issuer)
            twice = self._told(issuer) - self._known(issuer)
            assert not twice, f"told twice, or never so: {twice}"
        self.is_broken = False

    def _ends_well(self) -> None:
        """When the window of the returns is over every change was told, once."""
        self.now += timedelta(days=2)
        self.home.clock = FixedClock(self.now)
        self._runs()
        for issuer in ISSUERS:
            same(self._told(issuer), self._known(issuer))
        with self.home.ledger.reading() as db:
            red = [line for line in verify_lines(self.home, db, NOTHING_AROUND) if not line.ok]
        assert red == [], red

    def _known(self, issuer: str) -> Counter[tuple[str, str, datetime]]:
        """Every change of status of the invoices of an issuer, to the second, as its returns tell them."""
        mine = (b for b in self.bills.values() if b.issuer == issuer)
        return Counter((b.number, status, at.replace(microsecond=0)) for b in mine for status, at in b.history)

    def _told(self, issuer: str) -> Counter[tuple[str, str, datetime]]:
        """Every entry of every lifecycle return in the `out/` of an issuer."""
        return Counter(entry for several in self._returns(issuer) for entry in several)

    def _told_in_order(self, issuer: str) -> None:
        """In one return the statuses of one invoice stand in the order in which they came."""
        for entries in self._returns(issuer):
            for number in {number for number, *_ in entries}:
                told = [status for one, status, _ in entries if one == number]
                rest = iter(status for status, _ in self.bills[number].history)
                assert all(status in rest for status in told), f"{number}: {told} of {self.bills[number].history}"

    def _returns(self, issuer: str) -> Iterator[list[tuple[str, str, datetime]]]:
        for name, content in homes.out(self.home, issuer).items():
            if name.startswith("FEN1201A"):
                yield [
                    (
                        one.findtext("IdFacture") or "", one.findtext("IdStatut") or "",
                        datetime.fromisoformat(one.findtext("Horodatage") or "").astimezone(UTC),
                    )
                    for one in etree.fromstring(content).iter("DonneesStatut")
                ]  # fmt: skip

    # --- small things -------------------------------------------------------------------------------------------------

    def _runs(self, *, is_clean: bool = True) -> None:
        self.is_broken = True  # until all agrees again
        summary = runner.run(self.home)
        assert not is_clean or summary.faults == []

    def _again(self) -> None:
        """Another process, after one that died."""
        self.home.close()
        self.home = type(self).opened(self.path, self.now)
        self._runs()

    def _takes_over(self) -> None:
        """The lease of whoever stands still is over; another process does its work."""
        with type(self).opened(self.path, self.now) as other:
            other.ledger.write(lambda db: db.execute(text("UPDATE lots SET lease_until = 0 WHERE state = 'claimed'")))
            summary = runner.run(other)
        assert summary.faults == []

    @contextmanager
    def _meanwhile(self, what: Callable[[], None]) -> Iterator[None]:
        """Let something happen once, between the first decision of a run and its commit."""
        due = [what]

        def stage(name: str) -> None:
            if name == "commit" and due:
                due.pop()()

        self.home.stage = stage
        try:
            yield
        finally:
            self.home.stage = lambda _: None

    def _held(self) -> list[Bill]:
        return [b for b in self.bills.values() if b.is_pending]

    def _entered(self) -> list[Bill]:
        return [b for b in self.bills.values() if b.history and b.status != "37"]

    def _in(self, status: str) -> list[Bill]:
        return [b for b in self.bills.values() if b.status == status]


NOTHING_AROUND = Around(0, (), {}, False, ())
HISTORY = """
    SELECT i.number, x.status, x.at FROM transitions x JOIN invoices i USING (deposit_id, rank)
    ORDER BY x.deposit_id, x.rank, x.sequence
"""
STANDING = """
    SELECT i.number, i.status, i.status_at, i.routing, COALESCE(r.recipient, i.recipient) AS recipient,
           COALESCE(r.service, i.service) AS service, COALESCE(r.commitment, i.commitment) AS commitment,
           COALESCE(r.receiver, i.receiver) AS receiver
    FROM invoices i LEFT JOIN routings r ON r.deposit_id = i.deposit_id AND r.rank = i.rank AND r.ordinal = i.routing
    WHERE i.outcome = 'integrated'
"""
EVENTS = "SELECT i.number, e.code, e.at FROM events e JOIN invoices i USING (deposit_id, rank)"
HANDLED = "SELECT i.number FROM handled h JOIN invoices i USING (deposit_id, rank)"
INTAKES = (
    "SELECT d.name, n.applied, n.repeated, n.kept, n.refused FROM intakes n JOIN deposits d ON d.id = n.deposit_id"
)


@contextmanager
def dying(home: Home, at: int, *, is_after: bool = False) -> Iterator[None]:
    """The process dies before or after its so-manieth commit; nothing that it still wants to write is written."""
    write, count = home.ledger.write, 0

    def counted(unit: Callable[..., T]) -> T:
        nonlocal count
        count += 1
        if count > at or (count == at and not is_after):
            raise Dies
        done = write(unit)
        if count == at:
            raise Dies
        return done

    home.ledger.write = counted  # type: ignore[method-assign]
    try:
        yield
    finally:
        if count < at:
            home.ledger.write = write  # type: ignore[method-assign]
        else:
            home.ledger.has_refused = True  # its lock stays, as that of a process that was killed


def same(found: Mapping[Any, Any], expected: Mapping[Any, Any]) -> None:
    """Equal; else what differs, and nothing more."""
    differs = {
        key: (found.get(key), expected.get(key)) for key in {*found, *expected} if found.get(key) != expected.get(key)
    }
    assert not differs, f"found, expected: {differs}"


def pick(several: Sequence[T], which: int) -> T:
    return several[which % len(several)]


def as_may(issuer: str, place: tuple[str, str, str]) -> tuple[str, str, str]:
    """The State's order is for one supplier alone."""
    return PLACES[0] if place[0] == homes.STATE and issuer != homes.PARTNER else place


# --- where it runs ----------------------------------------------------------------------------------------------------


class Homes:
    """New homes, each a copy of one that was made ready once; in memory where there is a file system in it.

    `server`: their ledgers are databases of PostgreSQL.
    """

    def __init__(self, server: Any = None) -> None:
        shm = Path("/dev/shm")
        self._folder = tempfile.TemporaryDirectory(prefix="lives-", dir=shm if shm.is_dir() else None)
        self._root = Path(self._folder.name)
        self._server = server
        self._databases: dict[Path, Any] = {}
        self._numbers = itertools.count(1)
        template = self._root / "template"
        if server is not None:
            self._databases[template] = server.database()
        with self.opened(template, homes.NOON) as home:
            for code in ISSUERS:
                runner.add_partner(home, homes.partner(code, flows=("FSO1100A", change_files.ACTION)))
            for code, roles in ROLES.items():
                (siret,) = (siret for siret, receiver in RECEIVER_OF.items() if receiver == code)
                runner.add_partner(home, homes.partner(code, receives=((siret, ""),), roles=roles))
            runner.import_directory(home, homes.directory(template / "annuaire"), date(2026, 11, 1))
            runner.import_commitments(home, homes.orders(template / "orders.csv", ORDER))

    @property
    def ways(self) -> dict[str, Any]:
        """What a machine asks of it."""
        return {name: staticmethod(getattr(self, name)) for name in ("make", "opened", "remove")}

    def make(self) -> Path:
        path = self._root / str(next(self._numbers))
        shutil.copytree(self._root / "template", path)
        if self._server is not None:
            self._databases[path] = self._server.database(like=self._databases[self._root / "template"].name)
        return path

    def opened(self, path: Path, now: datetime) -> Home:
        path.mkdir(parents=True, exist_ok=True)
        more = {"ledger": {"url": self._databases[path].url}} if self._server is not None else {}
        return homes.open_home(path, now, settings=load(path, ours=change_files.OURS, readers=1, **TERMS, **more))

    def remove(self, path: Path) -> None:
        shutil.rmtree(path)
        if self._server is not None:
            self._server.drop(self._databases.pop(path).name)

    def close(self) -> None:
        for database in self._databases.values():
            self._server.drop(database.name)
        self._folder.cleanup()


def tell(story: Callable[[LifecycleMachine], None]) -> None:
    """One story told by hand, on a home of its own; it agrees at its end, or the error says where it does not."""
    place = Homes()
    try:
        machine = type("Lives", (LifecycleMachine,), place.ways)()
        machine.begin()
        try:
            story(machine)
            machine.agrees()
        finally:
            machine.teardown()
    finally:
        place.close()


def run(stories: int, steps: int, *, seed: int | None = None, server: Any = None, is_shrunk: bool = True) -> None:
    """So many random stories of so many steps; raises what breaks one, with the steps that lead there."""
    place = Homes(server)
    try:
        machine = type("Lives", (LifecycleMachine,), place.ways)
        chosen = settings(
            max_examples=stories, stateful_step_count=steps, deadline=None, database=None, print_blob=True,
            derandomize=seed is None, suppress_health_check=list(HealthCheck),
            phases=(Phase.generate, Phase.shrink) if is_shrunk else (Phase.generate,),
        )  # fmt: skip
        run_state_machine_as_test(machine if seed is None else seeded(seed)(machine), settings=chosen)
    finally:
        place.close()
