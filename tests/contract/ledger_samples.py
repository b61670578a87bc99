"""Deposits, verdicts and the files that tell them, built by hand, and a chain of broken rules that the ledger shows."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from pipeline import model as m
from pipeline.adapters.ledger import Connection, Ledger, audit, claims, commits, deposits, invariants, tables
from pipeline.adapters.ledger.audit_records import groups
from pipeline.adapters.ledger.commits import Answered, Transition
from pipeline.adapters.ledger.deposits import Claimed, Doubles
from pipeline.adapters.ledger.rows import Deposit, Lot, ToSend
from pipeline.audit import anchors
from pipeline.audit.examine import examine
from pipeline.audit.problem import UNCOVERED
from pipeline.codes import Severity
from pipeline.terms import WorkLimits
from pipeline.values import Text

AT = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SUPPLIER = "12345678900015"
LIMITS = WorkLimits(lot_flows_max=2, lot_bytes_max=100, lease_s=45)
INTEGRATED, REFUSED, PENDING = m.InvoiceOutcome.INTEGRATED, m.InvoiceOutcome.REFUSED, m.InvoiceOutcome.PENDING


def file(partner: str, number: int | str, *, name: bytes | None = None, size: int = 1, sha256: str = "") -> Claimed:
    raw = name if name is not None else f"{number}".encode()
    return Claimed(partner, f"{partner}-{number}", raw, sha256 or f"{partner}{number}".rjust(64, "0"), size, True, AT)


def unsettled(_file: Claimed, _doubles: Doubles) -> tuple[m.Finding, ...]:
    return ()


def register(ledger: Ledger, partner: str, files: Sequence[Claimed]) -> list[Deposit]:
    return ledger.write(lambda db: deposits.register(db, partner, files, unsettled))


def dropped(ledger: Ledger, partner: str, *sizes: int, first: int = 0) -> list[int]:
    """Register one file of each size; their ids."""
    files = [file(partner, number, size=size) for number, size in enumerate(sizes, start=first)]
    return [row.id for row in register(ledger, partner, files)]


def claim(ledger: Ledger, who: str = "me", turn: str = "1", now_ms: int = 0, limits: WorkLimits = LIMITS) -> Lot | None:
    return ledger.write(lambda db: claims.claim(db, who, turn, now_ms, limits))


def members(ledger: Ledger, lot: Lot | None) -> list[int]:
    assert lot is not None
    with ledger.reading() as db:
        return [d.id for d in claims.members(db, lot)]


def deposits_of(ledger: Ledger, lot: Lot | None) -> list[Deposit]:
    assert lot is not None
    with ledger.reading() as db:
        return claims.members(db, lot)


def finish(ledger: Ledger, lot: Lot | None) -> None:
    assert lot is not None
    ledger.write(lambda db: claims.finish(db, lot))


def found(value: str = "x", severity: Severity = Severity.ERROR) -> m.Finding:
    return m.Finding("RTG-001", "CODE", severity, member="a.xml", at="BT-47", value=value, facts={"n": 1, "é": "à"})


def key(number: str, scope: str = "") -> m.NumberKey:
    return m.NumberKey(scope, "1", SUPPLIER, number, 2026)


def invoice(
    rank: int, number: str, outcome: m.InvoiceOutcome = INTEGRATED, *, total: str = "1200.00", type_code: str = "380",
    currency: str = "EUR",
) -> m.JudgedInvoice:  # fmt: skip
    read = m.ReadInvoice(
        rank, "a.xml", Text(number, "BT-1", "/x", 1), type_code, date(2026, 11, 18), "A1", None,
        m.SupplierRead("1", Text(SUPPLIER, "BT-30", "/x", 1), "Ateliers Lune & Fils", "FR"),
        Text("99986401570264", "BT-47", "/x", 1), "Commune", None, "", None, None, (), False, currency, total, (), None,
    )  # fmt: skip
    findings = () if outcome is INTEGRATED else (found(),)
    return m.JudgedInvoice(read, findings, outcome, key(number))


def answered(deposit: Deposit, invoices: Iterable[m.JudgedInvoice], state: str = "IN_INTEGRE") -> Answered:
    """A first answer with its history and one report."""
    told = tuple(invoices)
    member = m.ReadMember("a.xml", "ab" * 32, 10, m.Kind.UBL)
    read = m.Read(deposit.received, "FSO1100A", "FSO1100A", (), (member,), tuple(i.read for i in told), (), 10)
    verdict = m.Verdict(read, m.FlowState(state), (), told, m.Snapshot("annuaire", date(2026, 11, 1)), ())
    steps = tuple(
        Transition(deposit.id, i.read.rank, sequence, f"{sequence:02d}", AT, set_by="P", batch="FEN1201A")
        for i in told
        if i.outcome is INTEGRATED
        for sequence in (1, 2, 3)
    )
    place = f"drop/{deposit.partner}"
    report = ToSend(place, f"CSO-{deposit.claim}", "CSO", deposit.partner, deposit.id, "cd" * 32, 100)
    receivers = {i.read.rank: "PORTAL" for i in told if i.outcome is INTEGRATED}
    return Answered(deposit, verdict, receivers, steps, (report,))


def commit(ledger: Ledger, lot: Lot, told: Sequence[Answered]) -> bool:
    """A commit unit as the shell writes it: the lot first."""

    def unit(db: Connection) -> bool:
        claims.guard(db, lot, 0, LIMITS)
        return commits.commit(db, lot, commits.rows_of(told), AT)

    return ledger.write(unit)


def settle(ledger: Ledger, lot: Lot | None, invoices: Sequence[m.JudgedInvoice], state: str = "IN_INTEGRE") -> None:
    """Answer every deposit of a lot with these invoices, their numbers reserved, and close it."""
    assert lot is not None
    flows = deposits_of(ledger, lot)
    wanted = [(i.claim, one, i.read.rank) for one in flows for i in invoices if i.outcome is not REFUSED and i.claim]
    ledger.write(lambda db: commits.reserve(db, wanted))
    assert commit(ledger, lot, [answered(one, invoices, state) for one in flows])
    finish(ledger, lot)


def state_of(ledger: Ledger, deposit_id: int) -> tuple[str, int, int | None]:
    """(state, due again, lot)"""
    d = tables.deposits.c
    with ledger.reading() as db:
        row = db.execute(tables.deposits.select().where(d.id == deposit_id)).one()
    return row.state, row.again, row.lot_id


def broken_rules(ledger: Ledger) -> dict[str, object]:
    """What `verify` would tell of the ledger alone; all of it empty where it is sound."""
    with ledger.reading() as db:
        chains = examine(audit.rows(db), groups(db), audit.names(db))
        heads = audit.heads(db)
        ends = [anchors.end(chain, heads.get(partner)) for partner, chain in chains.chains.items()]
        told = {
            "unanswered": list(invariants.unanswered(db)),
            "answered too early": list(invariants.answered_too_early(db)),
            "reports": [name for name, _ in invariants.wrong_reports(db)],
            "reports of repeated": list(invariants.reports_of_repeated(db)),
            "integrated untold": list(invariants.integrated_untold(db)),
            "others told": list(invariants.others_told(db)),
            "holders without claim": list(invariants.holders_without_claim(db)),
            "claims without holder": list(invariants.claims_without_holder(db)),
            "kept for nothing": list(invariants.kept_for_nothing(db)),
            "given away": list(invariants.given_away(db)),
            "unaudited": [one for one in chains.problems if one.what == UNCOVERED],
            "chain": [
                *(one for one in chains.problems if one.what != UNCOVERED),
                *chains.doubts,
                *(end for end in ends if end is not None),
            ],
        }
    return {what: which for what, which in told.items() if which}


def later(days: float) -> datetime:
    return AT + timedelta(days=days)
