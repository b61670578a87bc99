"""A day of two thousand invoices: what issuers, recipients and an operator do, hour by hour, and what each then holds.

Partners are on an SFTP server; they take each answer away as soon as it is there. Nothing here knows how the product
does it: numbers, statuses and counts follow from the plan alone.
"""

import os
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import change_files
import homes
from change_files import Act, Entry
from lxml import etree
from services.sshd import SshServer

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.running.home import Home

DAY = date(2026, 11, 20)
ISSUERS = {homes.PARTNER: homes.SUPPLIER, homes.OTHER: homes.SUPPLIER_2}
TOWN, COUNTY = homes.RECEIVER, "REC004"
RECIPIENTS = {TOWN: homes.PLAIN, COUNTY: homes.NEEDS_BOTH}
SERVICE, COMMITMENT = "SERV_OBL", "EJ-1"
IN_A_FLOW = 100
HELD = 5
# what recipients answer, of two thousand; what is left is not answered that day
PLAN = {"04": 210, "06": 55, "05": 20, "07": 200, "08": 200, "09": 100, "10": 100, "11": 400, "03": 15}
RECYCLED, COMPLETED, HANDLED, REPLACED = 200, 50, 20, 10
# a status is reached by way of others: a body that works with all of them, and one that only pays
WAYS = {"03": ("07", "03"), "08": ("07", "08"), "09": ("08", "09"), "10": ("07", "08", "09", "10")}


@dataclass
class Bill:
    """One invoice as the plan sees it."""

    number: str
    issuer: str
    recipient: str
    net: str
    flow: str
    history: list[str] = field(default_factory=lambda: ["01", "02", "03"])

    @property
    def status(self) -> str:
        return self.history[-1]


@dataclass
class Day:
    """The home on its servers, and what everybody has taken away so far."""

    home: Home
    server: SshServer
    bills: dict[str, Bill] = field(default_factory=dict)
    fetched: dict[str, dict[str, bytes]] = field(default_factory=dict)
    expected: dict[str, Counter[str]] = field(default_factory=dict)  # flow of changes -> rows applied, refused
    sequence: int = 0
    seconds: float = 0.0

    # --- hands --------------------------------------------------------------------------------------------------------

    def at(self, hour: int, minute: int = 0) -> datetime:
        """That time in Paris, and the clock of the home stands there."""
        moment = datetime(DAY.year, DAY.month, DAY.day, hour - 1, minute, tzinfo=UTC)
        self.home.clock = FixedClock(moment)
        return moment

    def next(self) -> int:
        self.sequence += 1
        return self.sequence

    def drop(self, code: str, name: str, content: bytes) -> None:
        """As an SFTP client does: under a temporary name, then renamed."""
        inbox = self.server.root(code) / "in"
        part = inbox / f".{name}.part"
        part.write_bytes(content)
        part.chmod(0o660)
        os.utime(part, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))
        os.chown(part, inbox.stat().st_uid, inbox.stat().st_gid)
        part.rename(inbox / name)

    def run(self) -> None:
        """Everything that is due, and then everybody fetches and deletes what is theirs."""
        summary = runner.run(self.home)
        assert summary.faults == []
        self.seconds += summary.seconds
        for code in self.server.served:
            mine = self.fetched.setdefault(code, {})
            for path in sorted((self.server.root(code) / "out").iterdir()):
                assert path.name not in mine, f"{path.name} came twice"
                mine[path.name] = path.read_bytes()
                path.unlink()

    # --- the day ------------------------------------------------------------------------------------------------------

    def issue(self, count: int) -> None:
        """8 h: so many invoices, in flows of a hundred, of two issuers to two recipients; a few wait for the State."""
        self.at(8)
        runner.commitments_unavailable(self.home)
        for first in range(0, count, IN_A_FLOW):
            issuer = homes.OTHER if first % (3 * IN_A_FLOW) == 0 else homes.PARTNER
            name = homes.flow_name(self.next(), partner=issuer)
            bills = [self._bill(issuer, name, rank) for rank in range(first, min(first + IN_A_FLOW, count))]
            self.drop(issuer, name, homes.archive((f"{b.number}.xml", document(b)) for b in bills))
        name = homes.flow_name(self.next())
        held = [Bill(f"H-{rank}", homes.PARTNER, homes.STATE, "7.00", name, []) for rank in range(HELD)]
        self.bills |= {b.number: b for b in held}
        self.drop(homes.PARTNER, name, homes.archive((f"{b.number}.xml", document(b)) for b in held))
        self.run()

    def _bill(self, issuer: str, flow: str, rank: int) -> Bill:
        recipient = homes.NEEDS_BOTH if rank % 4 == 0 else homes.PLAIN
        bill = Bill(f"D-{rank:05d}", issuer, recipient, f"{rank % 977 + 1}.{rank % 100:02d}", flow)
        self.bills[bill.number] = bill
        return bill

    def settle_held(self) -> None:
        """9 h: an operator refuses one of the held, and lets the others enter."""
        self.at(9)
        for bill in [b for b in self.bills.values() if not b.history]:
            choice = "refuse" if bill.number == "H-0" else "integrate"
            runner.decide(self.home, f"{homes.SUPPLIER}/{bill.number}", choice, "décidé au téléphone", operator="op")
            bill.history = ["37"] if choice == "refuse" else ["01", "02", "03"]
        self.run()

    def answer(self) -> None:
        """10 h: both recipients answer, each in files of its own, with every status there is; and one goes wrong."""
        now = self.at(10)
        bills = [b for b in self.bills.values() if b.recipient != homes.STATE]
        answered = iter(sorted(bills, key=lambda b: zlib.crc32(b.number.encode())))  # of every flow some
        entries: dict[str, list[Entry]] = {code: [] for code in RECIPIENTS}
        for status, count in PLAN.items():
            for bill in (next(answered) for _ in range(count)):
                code = receiver(bill)
                for step, way in enumerate(WAYS.get(status, (status,))):
                    at = now - timedelta(minutes=30 - step)
                    entries[code].append(self._entry(bill, way, at))
                    bill.history.append(way)
        stranger = next(b for b in self.bills.values() if b.recipient == homes.NEEDS_BOTH)
        wrong = [
            Entry("NONE-SUCH", 7, now), self._entry(stranger, "05", now), Entry("D-00101", 99, now),
            Entry("D-00102", 7, now + timedelta(days=1)), Entry("D-00103", 5, now), Entry("D-00103", 20, now),
        ]  # fmt: skip
        for code, told in entries.items():
            name = change_files.status_flow(self.next(), code)
            added = wrong if code == TOWN else []
            self.drop(code, name, change_files.status_file([*told, *added], code))
            self.expected[name] = Counter(
                applied=len(told), refused=len(added) and len(added) - 1, kept=len(added) and 1
            )
        self.run()

    def _entry(self, bill: Bill, status: str, at: datetime) -> Entry:
        return Entry.sound(bill.number, int(status), at, supplier=ISSUERS[bill.issuer], recipient=bill.recipient)

    def act(self) -> None:
        """11 h: credit notes and new invoices for what was rejected; then recycle, complete, handle, one file each."""
        self.at(11)
        rejected = self.standing("05")
        replaced = rejected[:REPLACED]
        documents: dict[str, list[tuple[str, bytes]]] = {code: [] for code in ISSUERS}
        names = {code: homes.flow_name(self.next(), partner=code) for code in ISSUERS}
        for bill in replaced:
            for prefix, kind, net in (("A", "381", bill.net), ("N", "380", "5.00")):
                new = Bill(f"{prefix}-{bill.number}", bill.issuer, bill.recipient, net, names[bill.issuer])
                self.bills[new.number] = new
                documents[bill.issuer].append((f"{new.number}.xml", document(new, kind)))
        for code, several in documents.items():
            if several:
                self.drop(code, names[code], homes.archive(several))
        self.run()
        self.at(11, 30)
        acts = {code: [*self._acts(code, replaced)] for code in ISSUERS}
        for code, rows in acts.items():
            for kind in ("recycle", "complete", "handle-reject"):
                self._act(code, [row for row in rows if row.action == kind])
        self.run()

    def _acts(self, issuer: str, replaced: list[Bill]) -> Iterator[Act]:
        supplier = ISSUERS[issuer]
        for bill in self.standing("04")[:RECYCLED]:
            if bill.issuer == issuer:
                if bill.recipient == homes.PLAIN:
                    place = {"recipient": homes.NEEDS_BOTH, "service": SERVICE, "commitment": COMMITMENT}
                else:
                    place = {"recipient": homes.PLAIN, "service": "-", "commitment": "-"}
                yield Act("recycle", bill.number, supplier=supplier, comment="bon destinataire", **place)
        for bill in self.standing("06")[:COMPLETED]:
            if bill.issuer == issuer:
                yield Act("complete", bill.number, supplier=supplier, comment="bon signé", attachments="bon.pdf")
        for bill in self.standing("05"):
            if bill.issuer == issuer:
                pair = {"credit_note": f"A-{bill.number}", "corrective": f"N-{bill.number}"} if bill in replaced else {}
                yield Act(
                    "handle-reject", bill.number, supplier=supplier, reason="MONTANT_ERR", comment="refaite", **pair
                )

    def _act(self, issuer: str, rows: list[Act]) -> None:
        if not rows:
            return
        name = change_files.action_flow(self.next(), issuer)
        table = change_files.action_csv(rows)
        self.drop(
            issuer, name, homes.archive([("actions.csv", table), ("bon.pdf", PDF)]) if rows[0].attachments else table
        )
        self.expected[name] = Counter(applied=len(rows), refused=0, kept=0)
        for row in rows:
            bill = self.bills[row.number]
            if row.action == "recycle":
                bill.history += ["01", "02", "03"]
                bill.recipient = row.recipient
            elif row.action == "complete":
                bill.history.append("12")

    def pay(self) -> None:
        """16 h: the county pays what was recycled to it, and says it twice."""
        now = self.at(16)
        paid = [
            b for b in self.bills.values() if b.recipient == homes.NEEDS_BOTH and b.history[-3:] == ["01", "02", "03"]
        ]
        paid = [b for b in paid if len(b.history) > 3]
        for turn in range(2):
            name = change_files.status_flow(self.next(), COUNTY)
            entries = [self._entry(bill, "11", now) for bill in paid]
            self.drop(COUNTY, name, change_files.status_file(entries, COUNTY, note=str(turn)))
            self.expected[name] = Counter(
                applied=0 if turn else len(paid), refused=0, kept=0, repeated=turn * len(paid)
            )
            self.run()
        for bill in paid:
            bill.history.append("11")

    # --- what everybody holds -----------------------------------------------------------------------------------------

    def standing(self, status: str) -> list[Bill]:
        return [b for b in self.bills.values() if b.status == status]

    def told(self, issuer: str) -> dict[str, list[str]]:
        """number -> its statuses, as the lifecycle returns told them, in the order in which they came."""
        found: dict[str, list[tuple[datetime, int, str]]] = {}
        for place, one in enumerate(_statuses(self.fetched[issuer], "FEN1201A")):
            at = datetime.fromisoformat(one.findtext("Horodatage") or "")
            found.setdefault(one.findtext("IdFacture") or "", []).append((at, place, one.findtext("IdStatut") or ""))
        return {number: [status for *_, status in sorted(steps)] for number, steps in found.items()}

    def reports(self, code: str) -> dict[str, str]:
        """flow -> the status of its report."""
        return {
            one.findtext("IdFlux") or "": one.findtext("IdStatut") or "" for one in _statuses(self.fetched[code], "CSO")
        }

    def pivots(self, receiver_: str) -> Counter[tuple[str, str]]:
        """(number, Renvoi) of every invoice in the pivots of a recipient."""
        return Counter(
            (one.findtext("Id") or "", one.findtext("Renvoi") or "")
            for name, content in self.fetched[receiver_].items()
            if name.startswith("FEN0036A")
            for one in etree.fromstring(content).iter("DonneesFacture")
        )


def document(bill: Bill, kind: str = "380") -> bytes:
    needs: dict[str, Any] = {
        homes.NEEDS_BOTH: {"service": SERVICE, "order": COMMITMENT},
        homes.STATE: {"service": "SFACETAT", "order": "1512345678"},
    }.get(bill.recipient, {})
    return homes.ubl(
        bill.number, recipient=bill.recipient, supplier=ISSUERS[bill.issuer], net=bill.net, type_code=kind, **needs
    )


def receiver(bill: Bill) -> str:
    return next(code for code, siret in RECIPIENTS.items() if siret == bill.recipient)


def _statuses(files: dict[str, bytes], kind: str) -> Iterable[etree._Element]:
    for name, content in files.items():
        if name.startswith(kind):
            yield from etree.fromstring(content).iter("DonneesStatut")


def lives_through(day: Day, count: int) -> None:
    """All of it."""
    day.issue(count)
    day.settle_held()
    day.answer()
    day.act()
    day.pay()
    day.home.clock = FixedClock(datetime(DAY.year, DAY.month, DAY.day, 23, 30, tzinfo=UTC) + timedelta(hours=2))
    day.run()


def partners(home: Home, folder: Path) -> None:
    """Two issuers that may drop action files, two recipients, a directory, the State's order."""
    for code in ISSUERS:
        runner.add_partner(home, homes.partner(code, flows=("FSO1100A", change_files.ACTION)))
    for code, siret in RECIPIENTS.items():
        runner.add_partner(home, homes.partner(code, receives=((siret, ""),)))
    runner.import_directory(home, homes.directory(folder / "annuaire"), date(2026, 11, 15))
    runner.import_commitments(home, homes.orders(folder / "orders.csv", "1512345678"), date(2026, 11, 19))


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n" + (
    b"xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000055 00000 n \ntrailer<</Size 3/Root 1 0 R>>\n"
    b"startxref\n99\n%%EOF\n"
)
