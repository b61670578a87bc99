"""Twelve ways to lose something, planted in a home that adds up: what the night must name, each once.

Through the ports only, so that they can be planted wherever the store, the ledger and the folders are. Each takes a
flow of its own, so that what one brings with it hides no other.
"""

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import text

from pipeline.reconcile.night import Kind
from pipeline.running.home import Home

Named = tuple[Kind, str]


@dataclass(frozen=True)
class Field:
    """Where to plant: flows answered on one day, each with an integrated invoice that stands at 03.

    `partner`: in whose folders what belongs to no flow is planted.
    """

    home: Home
    partner: str
    flows: Sequence[str]
    drop: Callable[[str, bytes], object]  # name and bytes, into its `in/`

    def value(self, what: str, rest: str) -> str:
        with self.home.ledger.reading() as db:
            return str(db.execute(text(f"SELECT {what} FROM {rest}")).scalar())

    def change(self, statement: str) -> None:
        """Exactly one row."""
        with self.home.ledger.writing() as db:
            assert db.execute(text(statement)).rowcount == 1, statement

    def deposit(self, flow: str) -> str:
        return self.value("id", f"deposits WHERE name = '{flow}'")

    def issuer(self, flow: str) -> str:
        return self.value("partner", f"deposits WHERE name = '{flow}'")

    def invoice(self, flow: str) -> str:
        """One invoice of a flow, as a condition."""
        deposit = self.deposit(flow)
        rank = self.value("min(rank)", f"invoices WHERE deposit_id = {deposit} AND status = '03'")
        return f"deposit_id = {deposit} AND rank = {rank}"

    def file(self, kind: str, flow: str) -> tuple[str, str, str, str]:
        """(place, name, owner, SHA-256) of the first file of a kind that answered a flow."""
        rest = f"outbox WHERE kind = '{kind}' AND deposit_id = {self.deposit(flow)} ORDER BY place, name LIMIT 1"
        place, name, owner, sha256 = (self.value(column, rest) for column in ("place", "name", "owner", "sha256"))
        return place, name, owner, sha256

    def lose(self, kind: str, flow: str) -> None:
        """A file of the outbox, as if it had never been: the row, the bytes, and what lies in `out/`."""
        place, name, owner, sha256 = self.file(kind, flow)
        self.change(f"DELETE FROM outbox WHERE place = '{place}' AND name = '{name}'")
        self.home.store.remove(owner, sha256)
        self.take_away(place, name)

    def take_away(self, place: str, name: str) -> None:
        outgoing = self.home.place(place)
        if outgoing.holds(name) and hasattr(outgoing, "folder"):
            (outgoing.folder / name).unlink()


def deleted_object(field: Field, flow: str) -> Named:
    field.home.store.remove(field.issuer(flow), field.value("sha256", f"deposits WHERE id = {field.deposit(flow)}"))
    return Kind.BYTES_MISSING, flow


def missing_pivot(field: Field, flow: str) -> Named:
    field.lose("FEN0036A", flow)
    return Kind.PIVOT_MISSING, flow


def lost_report(field: Field, flow: str) -> Named:
    field.lose("CSO", flow)
    return Kind.REPORT_MISSING, flow


def doubled_row(field: Field, flow: str) -> Named:
    where = field.invoice(flow)
    after = int(field.value("max(rank)", f"invoices WHERE deposit_id = {field.deposit(flow)}")) + 1
    with field.home.ledger.writing() as db:
        row = db.execute(text(f"SELECT * FROM invoices WHERE {where}")).mappings().one()
        values = ", ".join(str(after) if name == "rank" else name for name in row)
        db.execute(text(f"INSERT INTO invoices ({', '.join(row.keys())}) SELECT {values} FROM invoices WHERE {where}"))
    return Kind.NUMBER_TWICE, flow


def edited_amount(field: Field, flow: str) -> Named:
    field.change(f"UPDATE invoices SET total_millionths = total_millionths + 10000 WHERE {field.invoice(flow)}")
    return Kind.AMOUNTS_DIFFER, flow


def changed_status(field: Field, flow: str) -> Named:
    field.change(f"UPDATE invoices SET status = '11' WHERE {field.invoice(flow)}")
    return Kind.STATUS_DIFFERS, flow


def said_integrated(field: Field, flow: str) -> Named:
    field.change(f"UPDATE invoices SET outcome = 'refused' WHERE {field.invoice(flow)}")
    return Kind.SAID_INTEGRATED, flow


def altered_out(field: Field, flow: str) -> Named:
    """Of the same size: only its digest tells."""
    place, name, owner, sha256 = field.file("CSO", flow)
    with field.home.store.open(owner, sha256) as file:
        report = file.read()
    altered = re.sub(b"<IdStatut>9[06]", b"<IdStatut>93", report, count=1)
    assert altered != report
    field.take_away(place, name)
    outgoing = field.home.place(place)
    outgoing.upload(name, io.BytesIO(altered))
    assert outgoing.appear(name, sha256)
    return Kind.OUT_ALTERED, flow


def wrong_control(field: Field, flow: str) -> Named:
    """As an issuer announces its day: every flow, one of them with another digest."""
    with field.home.ledger.writing() as db:
        rows = db.execute(
            text(
                "SELECT d.id, d.name, d.sha256, v.declared FROM deposits d LEFT JOIN verdicts v ON v.deposit_id = d.id "
                f"LEFT JOIN intakes n ON n.deposit_id = d.id WHERE n.deposit_id IS NULL AND d.partner = "
                f"'{field.issuer(flow)}' AND d.received_day = (SELECT received_day FROM deposits WHERE id = "
                f"{field.deposit(flow)}) ORDER BY d.id"
            )
        ).all()
        nothing = '{"EUR": [0, 0, 0]}'  # of what is not read yet
        announced = [(row, *one) for row in rows for one in json.loads(row.declared or nothing).items()]
        for position, (row, currency, (invoices, _, total)) in enumerate(announced, 1):
            sha256 = "0" * 64 if row.name == flow else row.sha256
            db.execute(
                text(
                    "INSERT INTO controls (deposit_id, position, flow, sha256, invoices, total, total_millionths, "
                    f"currency) VALUES ({rows[-1].id}, {position}, '{row.name}', '{sha256}', {invoices}, '', {total}, "
                    f"'{currency}')"
                )
            )
    return Kind.CONTROL_BYTES, flow


def left_in_drop(field: Field, _flow: str) -> Named:
    name = f"FSO1100A_{field.partner}_{field.partner}1100000000000000099"
    field.drop(name, b"whatever it is")
    return Kind.IN_DROP, name


def stale_lease(field: Field, _flow: str) -> Named:
    field.change(
        "INSERT INTO lots (partner, kind, state, attempt, lease_until, claimed_by) "
        f"VALUES ('{field.partner}', 'judge', 'claimed', 1, 1000, 'nobody')"
    )
    return Kind.LEASE_OVER, ""


def orphan(field: Field, _flow: str) -> Named:
    new = field.home.store.begin(field.partner)
    new.write(b"stored, and then the process died")
    new.close()
    field.home.store.keep([(field.partner, new)])
    return Kind.BYTES_UNNAMED, ""


LOSSES: tuple[Callable[[Field, str], Named], ...] = (  # the announcement first: it tells what was true
    wrong_control, deleted_object, missing_pivot, doubled_row, edited_amount, lost_report, altered_out, changed_status,
    said_integrated, left_in_drop, stale_lease, orphan,
)  # fmt: skip
OF_FLOWS = 9  # of them need a flow


def plant(field: Field) -> list[Named]:
    """All of them; what the night must name, sorted."""
    assert len(field.flows) >= OF_FLOWS
    flows = [*field.flows[:OF_FLOWS], *[""] * (len(LOSSES) - OF_FLOWS)]
    return sorted(loss(field, flow) for loss, flow in zip(LOSSES, flows, strict=True))
