"""A ledger of a million invoices without one document: rows as the shell writes them, in bulk, by a seed.

    from bench.search.ledger import Plan, fill
    ledger = Ledger.at(path)          # or Ledger.on_server(url)
    ledger.migrate()
    made = fill(ledger, Plan(invoices=1_000_000, seed=6))

A year of deposits up to `Plan.last_day`: archives and single invoices of twelve partners, two in a hundred invoices
refused, some that wait, and for the others the life that recipients give them: statuses 01 to 12, rejects handled or
not, recycled ones with another recipient. What it fills: partners, deposits, flows, verdicts, invoices, number_claims,
findings, transitions, changes, routings, handled, outbox (reports, lifecycle returns, pivots; all sent). There is no
audit chain and no store: what needs bytes is to be made by `bench.million`.
"""

import hashlib
import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, text

from bench.search.world import PARTNERS, Partner, Recipient, World
from pipeline.adapters.ledger import Ledger, bulk
from pipeline.adapters.ledger import tables as t
from pipeline.adapters.ledger.rows import moment
from pipeline.codes import ALL
from pipeline.model import PARIS

INVOICES, SEED = 1_000_000, 6
BATCH = 10_000  # invoices in one transaction
ERRORS = ("RTG-001", "RTG-002", "RTG-010", "RTG-020", "RTG-021", "GEN-002", "DUP-001", "AMT-011", "AMT-012", "DAT-002",
          "VAT-009", "REF-008", "PTY-020", "CMT-001", "CMT-002")  # fmt: skip
WARNINGS = ("GEN-015", "RTG-012", "DUP-003", "FMT-003", "PTY-010")
OFFICIAL = ("BR-CO-15", "BR-S-08", "BR-FR-10_BT-30", "BR-DEC-23")


@dataclass(frozen=True)
class Plan:
    """How large, which one, up to which day. Everything else follows."""

    invoices: int = INVOICES
    seed: int = SEED
    last_day: date = date(2026, 11, 20)
    days: int = 365


@dataclass
class Made:
    """What stands in the ledger, for those who ask questions about it."""

    plan: Plan
    world: World
    deposits: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    recycled: int = 0
    handled: int = 0
    findings: int = 0


@dataclass(frozen=True)
class _Invoice:
    """One row of `invoices`, and what stands beside it."""

    row: dict[str, Any]
    beside: list[tuple[str, dict[str, Any]]]


def fill(ledger: Ledger, plan: Plan | None = None, *, progress: bool = False) -> Made:
    """Fill an empty, migrated ledger."""
    plan = plan or Plan()
    made = Made(plan, World(plan.seed))
    ledger.write(lambda db: bulk.add(db, t.partners, [_partner(p) for p in PARTNERS]))
    rows: dict[str, list[dict[str, Any]]] = {}
    shown = 0
    for table, row in _rows(made):
        rows.setdefault(table, []).append(row)
        if table == "deposits" and len(rows.get("invoices", ())) >= BATCH:
            _write(ledger, rows)
            count = sum(made.outcomes.values())
            if progress and count - shown >= 100_000:
                shown = count
                print(f"{count:>9} of {plan.invoices} invoices", file=sys.stderr, flush=True)
    _write(ledger, rows)
    _settle(ledger)
    return made


def of_day(plan: Plan, share: float) -> datetime:
    """The moment at which this share of all deposits has come: in office hours, Sundays left out."""
    first = plan.last_day - timedelta(days=plan.days - 1)
    whole, rest = divmod(min(share, 0.999_999) * plan.days, 1)
    day = first + timedelta(days=int(whole))
    if day.weekday() == 6:
        day -= timedelta(days=1)
    return datetime(day.year, day.month, day.day, 6, tzinfo=UTC) + timedelta(seconds=rest * 12 * 3600)


# --- rows -------------------------------------------------------------------------------------------------------------

# in the order in which they are inserted: what is named before what names it
_ORDER = ("deposits", "flows", "invoices", "findings", "verdicts", "number_claims", "transitions", "changes",
          "routings", "handled", "outbox")  # fmt: skip


def _write(ledger: Ledger, rows: dict[str, list[dict[str, Any]]]) -> None:
    """The rows of the last deposit may come in two parts: its own comes first."""

    def unit(db: Connection) -> None:
        for name in _ORDER:
            table: Table = t.metadata.tables[name]
            bulk.add(db, table, rows.get(name, ()))

    ledger.write(unit)
    rows.clear()


def _settle(ledger: Ledger) -> None:
    """As the server does by itself in a day: statistics and visibility. Numbers go on after ours."""
    if ledger.is_sqlite:
        return
    with ledger.writing() as db:
        db.execute(text("SELECT setval(pg_get_serial_sequence('deposits', 'id'), (SELECT max(id) FROM deposits))"))
    with ledger.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))


def _partner(partner: Partner) -> dict[str, Any]:
    return {"code": partner.code, "name": f"Opérateur {partner.code}", "profile": "legacy-edi", "lang": "fr"}


def _rows(made: Made) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every row, deposit by deposit, in the order in which they were received."""
    plan = made.plan
    chance = random.Random(f"ledger {plan.seed}")
    count = 0
    while count < plan.invoices:
        share = count / plan.invoices
        partner = _who(chance, share)
        size = min(chance.randint(*partner.drops), plan.invoices - count)
        made.deposits += 1
        yield from _deposit(made, chance, partner, made.deposits, size, of_day(plan, share))
        count += size


def _who(chance: random.Random, share: float) -> Partner:
    here = [p for p in PARTNERS if share <= p.until]
    weights = [p.share / p.until / (sum(p.drops) / 2) for p in here]
    return chance.choices(here, weights)[0]


def _deposit(
    made: Made, chance: random.Random, partner: Partner, number: int, size: int, at: datetime
) -> Iterator[tuple[str, dict[str, Any]]]:
    code = "FSO1100A" if chance.random() < 0.5 else "FSO1106A"
    name = f"{code}_{partner.code}_{partner.code}{code[3:7]}{number:015d}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    invoices = [_invoice(made, chance, partner.code, number, rank, at, f"f{rank}.xml") for rank in range(1, size + 1)]
    outcomes = Counter(one.row["outcome"] for one in invoices)
    made.outcomes.update(outcomes)
    state = (
        "IN_INTEGRE" if outcomes["integrated"] == size else "IN_REJETE" if outcomes["refused"] == size
        else "IN_EN_ATTENTE_TRAITEMENT_CPP" if outcomes["pending"] == size else "IN_INTEGRE_PARTIEL"
    )  # fmt: skip
    yield "deposits", {
        "id": number, "partner": partner.code, "claim": f"{number:016x}-1-1", "name_bytes": name.encode(),
        "name": name, "sha256": digest, "size_bytes": 9_000 * size, "is_kept": 1, "received_at": moment(at),
        "received_day": at.astimezone(PARIS).date().isoformat(), "state": state,
    }  # fmt: skip
    yield "flows", {
        "deposit_id": number, "partner": partner.code, "name_bytes": name.encode(), "sha256": digest, "holds_name": 1,
        "holds_bytes": int(state != "IN_REJETE"),
    }  # fmt: skip
    yield "verdicts", _verdict(number, code, state, invoices)
    for one in invoices:
        yield "invoices", one.row
        yield from one.beside
    yield from _files(number, partner.code, name, digest, invoices, has_told=outcomes["integrated"] > 0)


def _verdict(number: int, code: str, state: str, invoices: list[_Invoice]) -> dict[str, Any]:
    declared: dict[str, list[int]] = {}
    for one in invoices:
        told = declared.setdefault(one.row["currency"], [0, 0, 0])
        told[0] += 1
        told[2] += one.row["total_millionths"]
    return {
        "deposit_id": number, "interface": code, "announced": code, "state": state, "snapshot": "annuaire",
        "snapshot_day": "2026-01-01", "packs": "[]", "not_judged": "[]", "members": "[]",
        "declared": json.dumps(declared, separators=(",", ":")), "expanded_bytes": 30_000 * len(invoices),
        "rejects_file": "-",
    }  # fmt: skip


def _files(
    number: int, partner: str, flow: str, digest: str, invoices: list[_Invoice], *, has_told: bool
) -> Iterator[tuple[str, dict[str, Any]]]:
    told = [("CSO", f"drop/{partner}", partner)]
    if has_told:
        told.append(("FEN1201A", f"drop/{partner}", partner))
    told += [("FEN0036A", f"recipients/{code}", code) for code in sorted({i.row["receiver"] for i in invoices} - {""})]
    for kind, place, owner in told:
        yield "outbox", {
            "place": place, "name": f"{kind}_{owner}_{digest[:20]}", "kind": kind, "owner": owner,
            "deposit_id": number, "sha256": digest, "size_bytes": 12_000, "state": "sent",
        }  # fmt: skip


def _invoice(
    made: Made, chance: random.Random, partner: str, deposit: int, rank: int, at: datetime, member: str
) -> _Invoice:
    supplier, recipient = made.world.supplier(chance, partner), made.world.recipient(chance)
    issued = at.date() - timedelta(days=min(int(chance.expovariate(0.25)), 90))
    is_credit = chance.random() < 0.04
    cents = int(chance.lognormvariate(6.5, 1.4) * 100) + 1
    luck = chance.random()
    outcome = "refused" if luck < 0.02 else "pending" if luck < 0.0201 else "integrated"
    key = {"deposit_id": deposit, "rank": rank}
    row = {
        **key, "partner": partner, "received_day": at.astimezone(PARIS).date().isoformat(), "member": member,
        "number": supplier.number(issued.year), "type": "381" if is_credit else "380", "issued": issued.isoformat(),
        "framework": "A1", "supplier_type": "1", "supplier": supplier.siret, "supplier_name": supplier.name,
        "recipient": recipient.siret, "recipient_name": recipient.name,
        "service": chance.choice(recipient.services) if recipient.services and chance.random() < 0.9 else "",
        "commitment": _commitment(chance, recipient), "currency": "EUR", "total": f"{cents // 100}.{cents % 100:02d}",
        "total_millionths": (-cents if is_credit else cents) * 10_000, "outcome": outcome,
        "receiver": recipient.receiver if outcome == "integrated" else "", "judgement": 1,
        "pending_since": moment(at) if outcome == "pending" else None, "rejects_file": "", "decided": 0,
        "status": "", "status_at": "", "routing": 0,
    }  # fmt: skip
    beside: list[tuple[str, dict[str, Any]]] = []
    _finds(made, chance, row, beside)
    if outcome != "refused":
        beside.append(("number_claims", {
            "scope": "", "supplier_type": "1", "supplier": supplier.siret, "number": row["number"],
            "year": issued.year, **key,
        }))  # fmt: skip
    if outcome == "integrated":
        _lives(made, chance, row, recipient, at, beside)
    elif outcome == "refused":
        row["rejects_file"] = f"REJETS_{partner}_{row['received_day']}"
    made.statuses[row["status"]] += 1
    return _Invoice(row, beside)


def _commitment(chance: random.Random, recipient: Recipient) -> str:
    if chance.random() >= recipient.wants_commitment:
        return ""
    return f"14{int(recipient.siret[:6]) % 1000:03d}{chance.randrange(60_000):05d}"


def _finds(made: Made, chance: random.Random, row: dict[str, Any], beside: list[tuple[str, dict[str, Any]]]) -> None:
    rules = []
    if row["outcome"] == "refused":
        rules = [(rule, "error") for rule in chance.sample(ERRORS, chance.randint(1, 3))]
        if chance.random() < 0.2:
            rules.append((chance.choice(OFFICIAL), "error"))
    elif row["outcome"] == "pending":
        rules = [("CMT-005", "hold")]
    if chance.random() < 0.15:
        rules.append((chance.choices(WARNINGS, (60, 25, 10, 4, 1))[0], "warning"))
    for position, (rule, severity) in enumerate(rules, 1):
        beside.append(("findings", {
            "deposit_id": row["deposit_id"], "rank": row["rank"], "judgement": 1, "position": position, "rule": rule,
            "code": rule if rule in ALL else "OFF-001", "severity": severity, "pack": "chorus-legacy",
            "member": row["member"], "at": "BT-10", "path": "/Invoice/cbc:BuyerReference", "line": 12, "column": 0,
            "value": row["service"], "facts": "{}",
        }))  # fmt: skip
    made.findings += len(rules)


def _lives(
    made: Made, chance: random.Random, row: dict[str, Any], recipient: Recipient, at: datetime,
    beside: list[tuple[str, dict[str, Any]]],
) -> None:  # fmt: skip
    """Its statuses up to the last day: what the recipient did, and what the supplier did about it."""
    end = datetime.combine(made.plan.last_day, datetime.min.time(), UTC) + timedelta(hours=22)
    steps: list[tuple[str, datetime, str]] = [(status, at, "platform") for status in ("01", "02", "03")]
    now = at

    def step(status: str, days: float, who: str) -> bool:
        nonlocal now
        then = now + timedelta(days=chance.expovariate(1 / days), seconds=1)
        if then > end:
            return False
        now = then
        steps.append((status, now, who))
        return True

    luck = chance.random()
    if luck < 0.02 and step("04", 5, "recipient") and chance.random() < 0.7 and step("01", 4, "supplier"):
        steps += [("02", now, "platform"), ("03", now, "platform")]
        _recycled(made, chance, row, len(steps) - 2, beside)
    elif 0.02 < luck < 0.035 and step("05", 8, "recipient") and chance.random() < 0.4:
        beside.append(("handled", {
            "deposit_id": row["deposit_id"], "rank": row["rank"], "at": moment(min(now + timedelta(days=3), end)),
            "reason": "CREDIT", "comment": "", "operator": "",
        }))  # fmt: skip
        made.handled += 1
    elif 0.035 < luck < 0.06 and step("06", 6, "recipient") and chance.random() < 0.8:
        step("12", 5, "supplier")
    if steps[-1][0] in {"03", "12"} and recipient.returns_payment:
        for status, days, odds in (("07", 8, 0.3), ("08", 7, 0.4), ("09", 2, 0.3), ("10", 3, 0.4), ("11", 9, 0.97)):
            if chance.random() < odds and not step(status, days, "recipient"):
                break
    row["status"], row["status_at"] = steps[-1][0], moment(steps[-1][1])
    for sequence, (status, when, who) in enumerate(steps, 1):
        key = {"deposit_id": row["deposit_id"], "rank": row["rank"], "sequence": sequence}
        batch = f"FEN1201A_{row['partner']}_{row['deposit_id']:015d}" if sequence <= 3 else ""
        beside.append(("transitions", {**key, "status": status, "at": moment(when),
                                       "comment": "motif" if status in {"04", "05", "06"} else "", "set_by": who,
                                       "batch": batch}))  # fmt: skip
        if sequence > 3:
            beside.append(("changes", {
                **key, "issuer": row["partner"], "source_id": 0, "source_rank": 0,
                "reason": "AUTRE" if status in {"04", "05", "06"} else "", "producer": row["receiver"],
                "batch": f"FEN1201A_{row['partner']}_{when:%Y%m%d}", "told": 1,
            }))  # fmt: skip


def _recycled(
    made: Made, chance: random.Random, row: dict[str, Any], sequence: int, beside: list[tuple[str, dict[str, Any]]]
) -> None:
    other = made.world.recipient(chance)
    row["routing"] = 1
    made.recycled += 1
    beside.append(("routings", {
        "deposit_id": row["deposit_id"], "rank": row["rank"], "ordinal": 1, "sequence": sequence,
        "recipient": other.siret, "recipient_name": other.name,
        "service": chance.choice(other.services) if other.services else "", "commitment": row["commitment"],
        "receiver": other.receiver, "snapshot": "annuaire",
    }))  # fmt: skip
