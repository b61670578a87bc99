"""What comes after integration, broken the same ways: a home in which a status file and an action file are due.

Its invoices stand at 03, 04, 05 and 06. The status file moves one of them twice, keeps a status without a label and
names an invoice that nobody knows; the action file, an archive, recycles, completes with an attachment and handles a
reject. So a run archives, decides against the ledger, rewrites two pivots, and sends two reports and two lifecycle
returns. The files are about invoices of two issuers: which changes one return tells hangs on what was applied when it
was written, and a link that is cut may part two files that an untouched run tells together.
"""

import os
from datetime import date, timedelta
from typing import TYPE_CHECKING

from bench.crash.jobs import OURS, homes
from bench.crash.statements import Statements
from bench.crash.subject import Local, OnPostgres
from bench.crash.syscalls import FailedCalls, KilledAtCalls, KilledWhileFetched
from pipeline import runner
from pipeline.settings import load

if TYPE_CHECKING:
    from integration.change_files import Entry

STATUSES = homes.flow_name(2, "FSO1200A", homes.RECEIVER)
ACTIONS = homes.flow_name(2, "ACT9001A")
BEFORE = homes.NOON - timedelta(hours=1)


class Changes(Local):
    """The invoices are integrated, their statuses are set and fetched, before the home is copied."""

    files = 6  # two reports, the pivots of what is recycled and completed, a lifecycle return for each issuer

    def furnish(self, home: runner.Home) -> None:
        runner.add_partner(home, homes.partner(flows=("FSO1100A", "ACT9001A")))
        runner.add_partner(home, homes.partner(homes.OTHER))
        runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
        runner.import_directory(home, homes.directory(home.path / "annuaire"), date(2026, 11, 1))

    def prepare(self) -> None:
        from integration.change_files import Entry, status_file

        self.document = homes.archive((f"{n}.xml", homes.ubl(f"K-{n}")) for n in range(2, 5))
        super().prepare()
        self.drop_for(homes.OTHER, homes.flow_name(1, partner=homes.OTHER), homes.ubl("K-1"))
        self._run(BEFORE)
        first = [Entry.sound(f"K-{n}", status, BEFORE + timedelta(minutes=n)) for n, status in ((2, 4), (3, 5), (4, 6))]
        self.drop_for(homes.RECEIVER, homes.flow_name(1, "FSO1200A", homes.RECEIVER), status_file(first))
        self._run(homes.NOON - timedelta(minutes=30))
        for root in self.roots(self.template).values():
            for fetched in root.glob("*/out/*"):
                fetched.unlink()
        self.drop_for(homes.RECEIVER, STATUSES, status_file(self._told()))
        self.drop_for(homes.PARTNER, ACTIONS, self._asked())

    def _told(self) -> "list[Entry]":
        from integration.change_files import Entry

        at = homes.NOON - timedelta(minutes=20)
        return [
            Entry.sound("K-1", 7, at), Entry.sound("K-1", 8, at + timedelta(minutes=1)),
            Entry("K-1", 20, at, comment="sans libellé"), Entry.sound("K-99", 7, at),
        ]  # fmt: skip

    def _asked(self) -> bytes:
        from integration.change_files import Act, action_csv

        acts: list[Act] = [
            Act("recycle", "K-2", recipient=homes.NEEDS_BOTH, service="SERV_OBL", commitment="EJ-1", comment="service"),
            Act("handle-reject", "K-3", reason="MONTANT_ERR", comment="refaite"),
            Act("complete", "K-4", comment="bon signé", attachments="bon.pdf"),
        ]
        return homes.archive([("actions.csv", action_csv(acts)), ("bon.pdf", PDF)])

    def drop_for(self, partner: str, name: str, content: bytes) -> None:
        inbox = self.template / "drop" / partner / "in"
        inbox.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(content)
        os.utime(inbox / name, ns=(homes.LONG_AGO_NS, homes.LONG_AGO_NS))

    def _run(self, at: object) -> None:
        given = load(self.template, **{"ours": OURS, "readers": 1, **self.settings})
        with homes.open_home(self.template, at, settings=given) as home:
            summary = runner.run(home)
        if summary.faults:
            raise RuntimeError(f"the home cannot be made ready: {summary.faults}")


class ChangesOnPostgres(OnPostgres, Changes):
    """The same, its ledger on PostgreSQL."""


class ChangesKilledAtCalls(KilledAtCalls):
    name, about = "changes", "the same of a status file and an action file: kill -9 before each call that writes"
    subject_of = Changes


class ChangesKilledWhileFetched(KilledWhileFetched):
    name, about = "changes-fetched", "the same, each answer fetched and deleted at once"
    subject_of = Changes


class ChangesFailedCalls(FailedCalls):
    name, about = (
        "changes-errors",
        "EIO or ENOSPC at each call on a file, of a status file and an action file",
    )
    subject_of = Changes


class ChangesStatements(Statements):
    name, about = "changes-statements", "PostgreSQL: a cut or a kill before and after each statement of both files"
    subject_of = ChangesOnPostgres


PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n" + (
    b"xref\n0 3\n0000000000 65535 f \n0000000009 00000 n \n0000000055 00000 n \ntrailer<</Size 3/Root 1 0 R>>\n"
    b"startxref\n99\n%%EOF\n"
)
