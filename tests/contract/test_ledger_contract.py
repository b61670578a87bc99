"""What the ledger promises, on each engine: registration, numbers, answers, what is held, rejects, what verify reads."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from ledger_samples import (
    AT,
    LIMITS,
    PENDING,
    REFUSED,
    SUPPLIER,
    answered,
    broken_rules,
    claim,
    commit,
    deposits_of,
    dropped,
    file,
    finish,
    found,
    invoice,
    key,
    later,
    register,
    settle,
    state_of,
    unsettled,
)
from sqlalchemy import delete, func, select, text, update
from sqlalchemy.exc import IntegrityError

from pipeline import model as m
from pipeline.adapters.ledger import (
    Connection,
    Ledger,
    LostLease,
    audit,
    claims,
    commits,
    deposits,
    held,
    invariants,
    numbers,
    outbox,
    partners,
    queries,
    reference,
    rejects,
    tables,
)
from pipeline.adapters.ledger.commits import DecidedLater, Transition
from pipeline.adapters.ledger.deposits import Claimed, Doubles
from pipeline.adapters.ledger.held import Decision
from pipeline.adapters.ledger.rejects import DailyFile
from pipeline.adapters.ledger.rows import Deposit, Partner, ToSend
from pipeline.codes import Severity
from pipeline.model import DepositRight, Snapshot
from pipeline.ports import Fault, Said

STRANGE = b"caf\xe9 \xff.xml"
CLERK = Decision(held.INTEGRATE, "op-dupont", "seen with the service")
TYPED = "caf\udce9"  # bytes that are no UTF-8, as a shell hands them over


# --- registration -----------------------------------------------------------------------------------------------------


def test_deposits_have_ids_in_the_order_of_their_files_and_come_back_as_they_were(ledger: Ledger) -> None:
    files = [file("AAA001", n, size=5 - n) for n in range(5)] + [file("AAA001", "odd", name=STRANGE)]
    rows = register(ledger, "AAA001", files)
    assert [row.claim for row in rows] == [f.claim for f in files]
    assert sorted(row.id for row in rows) == [row.id for row in rows]
    assert deposits_of(ledger, claim(ledger, limits=replace(LIMITS, lot_flows_max=9))) == rows
    assert (rows[-1].name_bytes, rows[-1].name) == (STRANGE, "caf\\xe9 \\xff.xml")
    assert register(ledger, "BBB001", [file("BBB001", 1)])[0].id > rows[-1].id


def test_a_claim_is_registered_once(ledger: Ledger) -> None:
    first = register(ledger, "AAA001", [file("AAA001", 1)])
    again = register(ledger, "AAA001", [file("AAA001", 1), file("AAA001", 2)])
    assert [row.claim for row in (*first, *again)] == ["AAA001-1", "AAA001-2"]
    with ledger.reading() as db:
        assert deposits.known_claims(db, "AAA001", ["AAA001-1", "AAA001-3"]) == {"AAA001-1"}
        assert deposits.known_claims(db, "BBB001", ["AAA001-1"]) == frozenset()


def test_a_double_is_met_in_the_ledger_and_in_its_own_batch(ledger: Ledger) -> None:
    met: list[tuple[str, Doubles]] = []

    def settle_it(one: Claimed, doubles: Doubles) -> tuple[m.Finding, ...]:
        met.append((one.claim, doubles))
        return ()

    (first,) = register(ledger, "AAA001", [file("AAA001", 1, name=STRANGE, sha256="a" * 64)])
    batch = [
        file("AAA001", 2, name=STRANGE, sha256="a" * 64),  # the same again
        file("AAA001", 3, name=STRANGE, sha256="b" * 64),  # its name, other bytes
        file("AAA001", 4, name=b"other", sha256="a" * 64),  # its bytes, another name
        file("AAA001", 5, name=b"new", sha256="c" * 64),
        file("AAA001", 6, name=b"new", sha256="c" * 64),  # the same again, in one batch
    ]
    rows = ledger.write(lambda db: deposits.register(db, "AAA001", batch, settle_it))
    told = {
        claim: (d.same and d.same.claim, d.name and d.name.claim, d.content and d.content.claim) for claim, d in met
    }
    assert told == {
        "AAA001-2": ("AAA001-1", None, None),
        "AAA001-3": (None, "AAA001-1", None),
        "AAA001-4": (None, None, "AAA001-1"),
        "AAA001-5": (None, None, None),
        "AAA001-6": ("AAA001-5", None, None),
    }
    assert [row.state for row in rows] == ["repeated", "received", "received", "received", "repeated"]
    assert [row.first_id for row in rows] == [first.id, first.id, first.id, None, rows[3].id]
    assert register(ledger, "BBB001", [file("BBB001", 1, name=STRANGE, sha256="a" * 64)])[0].first_id is None


def test_a_name_and_its_bytes_are_held_once_whoever_writes(ledger: Ledger) -> None:
    """The race between two machines ends at the ledger, not at a query made before."""
    row = "INSERT INTO flows (deposit_id, partner, name_bytes, sha256, holds_name, holds_bytes) VALUES "
    ids = dropped(ledger, "AAA001", 1, 1, 1)
    with ledger.writing() as db:
        db.execute(tables.flows.delete())
        db.execute(text(f"{row} (:a, 'AAA001', :n, 'x', 1, 1), (:b, 'AAA001', :n, 'x', 0, 0)"),
                   {"a": ids[0], "b": ids[1], "n": STRANGE})  # fmt: skip
    for name, sha256, holds in ((STRANGE, "y", "1, 0"), (b"other", "x", "0, 1")):
        with pytest.raises(IntegrityError), ledger.writing() as db:
            db.execute(text(f"{row} (:c, 'AAA001', :n, '{sha256}', {holds})"), {"c": ids[2], "n": name})


def test_keys_are_compared_byte_by_byte(ledger: Ledger) -> None:
    keys = ["k-1", "k-2-1", "K-1-9", "k", "k1-1", "ké-1", "k -1", "k-~", "k-2"]
    register(ledger, "AAA001", [replace(file("AAA001", n), claim=k) for n, k in enumerate(keys)])
    with ledger.reading() as db:
        assert deposits.claims_like(db, "AAA001", ["k"]) == {"k", "k-1", "k-2", "k-2-1", "k-~"}
        many = [f"k{n}" for n in range(1_200)]
        assert deposits.claims_like(db, "AAA001", many) == {"k1-1"}
        c = tables.deposits.c.claim
        told = db.execute(select(c).order_by(c)).scalars().all()
        assert told == sorted(keys, key=str.encode)


def test_what_is_no_plain_file_is_set_apart_and_never_due(ledger: Ledger) -> None:
    trouble = Said("un lien symbolique", "a symbolic link")
    odd = replace(file("AAA001", 1), is_kept=False, sha256="", trouble=trouble)
    (row,) = register(ledger, "AAA001", [odd])
    assert (row.state, row.fault) == ("quarantined", trouble)
    assert claim(ledger) is None
    with ledger.reading() as db:
        assert deposits.set_apart(db, "AAA001") == {"AAA001-1"}
        assert held.overdue_in_quarantine(db, later(9)) == []
        assert queries.overview(db).faults == (("AAA001", "1", trouble),)


def test_findings_of_the_registration_come_back_whatever_a_stranger_wrote(ledger: Ledger) -> None:
    mark = found("nul \0 half \udcff « é »", Severity.WARNING)
    rows = ledger.write(lambda db: deposits.register(db, "AAA001", [file("AAA001", 1)], lambda _f, _d: (mark,)))
    (back,) = deposits_of(ledger, claim(ledger))
    assert back.settled == (replace(mark, value="nul \\x00 half \\udcff « é »"),)
    assert len(rows) == 1


# --- numbers ----------------------------------------------------------------------------------------------------------


def two_flows(ledger: Ledger) -> tuple[Deposit, Deposit]:
    dropped(ledger, "AAA001", 1)
    dropped(ledger, "BBB001", 1)
    (one,), (two,) = (deposits_of(ledger, claim(ledger)) for _ in range(2))
    return one, two


def test_a_number_belongs_to_the_first_and_the_others_are_told_whose_it_is(ledger: Ledger) -> None:
    one, two = two_flows(ledger)
    assert ledger.write(lambda db: commits.reserve(db, [(key("N-2"), one, 1), (key("N-1"), one, 2)])) == {}
    lost = ledger.write(lambda db: commits.reserve(db, [(key("N-1"), two, 1), (key("N-3"), two, 2)]))
    assert lost == {(key("N-1"), two.id, 1): m.NumberOwner("AAA001", "0", one.id, 2, AT)}
    assert ledger.write(lambda db: commits.reserve(db, [(key("N-1"), one, 2)])) == {}  # mine already


def test_the_first_of_a_unit_has_a_number_used_twice_in_it(ledger: Ledger) -> None:
    one, two = two_flows(ledger)
    lost = ledger.write(lambda db: commits.reserve(db, [(key("N-1"), two, 3), (key("N-1"), one, 1)]))
    assert set(lost) == {(key("N-1"), one.id, 1)}


def test_a_number_in_another_scope_is_met_by_its_own_partner_alone(ledger: Ledger) -> None:
    one, two = two_flows(ledger)
    ledger.write(lambda db: commits.reserve(db, [(key("N-1", "AAA001"), one, 1)]))
    assert ledger.write(lambda db: commits.reserve(db, [(key("N-1"), two, 1)])) == {}
    again = replace(one, id=one.id)
    assert set(ledger.write(lambda db: commits.reserve(db, [(key("N-1"), again, 2)]))) == {(key("N-1"), one.id, 2)}


def test_many_numbers_are_reserved_at_once(ledger: Ledger) -> None:
    one, two = two_flows(ledger)
    wanted = [(key(f"N-{n}"), one, n) for n in range(1_200)]
    assert ledger.write(lambda db: commits.reserve(db, wanted)) == {}
    taken = ledger.write(lambda db: commits.reserve(db, [(k, two, rank) for k, _, rank in wanted[600:]]))
    assert len(taken) == 600
    with ledger.reading() as db:
        assert len(numbers.known_numbers(db, "BBB001", [k.number for k, _, _ in wanted])) == 1_200


# --- answers ----------------------------------------------------------------------------------------------------------


def test_a_unit_is_written_once_however_often_it_is_committed(ledger: Ledger) -> None:
    ids = dropped(ledger, "AAA001", 1, 1)
    lot = claim(ledger)
    flows = deposits_of(ledger, lot)
    told = [answered(one, [invoice(1, f"N-{one.id}"), invoice(2, f"M-{one.id}", REFUSED)]) for one in flows]
    wanted = [(key(f"{c}-{one.id}"), one, rank) for one in flows for rank, c in enumerate("NM", 1)]
    ledger.write(lambda db: commits.reserve(db, wanted))
    assert lot is not None
    assert [commit(ledger, lot, told) for _ in range(2)] == [True, False]
    finish(ledger, lot)
    assert [state_of(ledger, i) for i in ids] == [("IN_INTEGRE", 0, None)] * 2
    assert broken_rules(ledger) == {}
    with ledger.reading() as db:
        assert invariants.count_claims(db) == 2  # the refused ones gave theirs back
        assert queries.overview(db).invoices == {"integrated": 2, "refused": 2}


def test_a_worker_that_lost_its_lot_writes_nothing(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, "gone", now_ms=0)
    (flow,) = deposits_of(ledger, lot)
    ledger.write(lambda db: claims.take_over(db, "me", 46_000, LIMITS, lambda _who: False))
    assert lot is not None
    with pytest.raises(LostLease):
        commit(ledger, lot, [answered(flow, [invoice(1, "N-1")])])
    assert state_of(ledger, flow.id)[0] == "received"


def test_a_flow_comes_back_with_all_that_was_said_of_it(ledger: Ledger) -> None:
    register(ledger, "AAA001", [file("AAA001", 1, name=STRANGE)])
    settle(ledger, claim(ledger), [invoice(1, "N-1", total="-0.10", type_code="381"), invoice(2, "N-2", REFUSED)])
    typed = STRANGE.decode("utf-8", "surrogateescape")  # as a shell hands it over
    with ledger.reading() as db:
        for name in (typed, "caf\\xe9 \\xff.xml"):
            (flow,) = queries.flows_named(db, name)
            assert [(i.number, i.total, i.outcome) for i in flow.invoices] == [
                ("N-1", "-0.10", "integrated"), ("N-2", "1200.00", "refused"),
            ]  # fmt: skip
            assert [s.status for s in flow.invoices[0].history] == ["01", "02", "03"]
            assert flow.invoices[1].findings == (found(),)
            assert [f.kind for f in flow.files] == ["CSO"]
        (one,) = queries.invoices_named(db, SUPPLIER, "N-1", 2026)
        assert one.flow_name == "caf\\xe9 \\xff.xml"
        assert queries.invoices_named(db, SUPPLIER, "N-1", 2025) == []
        assert queries.flows_named(db, "nothing") == []
        assert queries.invoices_named(db, typed, typed) == []
        assert [x.number for x in numbers.lookalikes(db, "AAA001", ["N-1", "N-2"])] == ["N-1"]


@pytest.mark.parametrize(
    ("totals", "sum_millionths", "without"),
    [
        (("0.10",) * 10, 1_000_000, 0),
        (("-7.000001", "3.000000"), -4_000_001, 0),
        (("8999999999999.999999",) * 3, 3 * (9 * 10**18 - 1), 0),
        (("-8999999999999.999999", "-8999999999999.999999", "0.5"), -2 * (9 * 10**18 - 1) + 500_000, 0),
        (("99999999999999.99", "1.00"), 1_000_000, 1),
    ],
)
def test_money_is_summed_to_the_last_digit(
    ledger: Ledger, totals: tuple[str, ...], sum_millionths: int, without: int
) -> None:
    dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(n, f"N-{n}", total=total) for n, total in enumerate(totals, 1)])
    with ledger.reading() as db:
        (booked,) = invariants.booked(db)
        (read,) = invariants.read(db)
    assert (booked.invoices, booked.without_amount, booked.millionths) == (len(totals), without, sum_millionths)
    assert read[1:5] == (booked.currency, booked.invoices, booked.without_amount, booked.millionths)


def test_each_currency_and_outcome_has_its_own_sum(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    told = [
        invoice(1, "N-1", total="5"), invoice(2, "N-2", total="3", type_code="381"),
        invoice(3, "N-3", REFUSED, total="2"), invoice(4, "N-4", total="1", currency="USD"),
    ]  # fmt: skip
    settle(ledger, claim(ledger), told)
    with ledger.reading() as db:
        sums = {(b.currency, b.outcome): b.millionths for b in invariants.booked(db)}
    assert sums == {("EUR", "integrated"): 2_000_000, ("EUR", "refused"): 2_000_000, ("USD", "integrated"): 1_000_000}


def test_a_wholly_refused_flow_gives_its_bytes_back(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", REFUSED)], "IN_REJETE")
    met: list[Doubles] = []
    again = file("AAA001", "again", name=b"renamed", sha256="AAA0010".rjust(64, "0"))
    ledger.write(lambda db: deposits.register(db, "AAA001", [again], lambda _f, d: (met.append(d), ())[1]))
    assert met == [Doubles()]
    assert broken_rules(ledger) == {}


# --- what is held -----------------------------------------------------------------------------------------------------


def hold(ledger: Ledger) -> int:
    """One answered deposit with a pending invoice."""
    (one,) = dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", PENDING)], "IN_EN_ATTENTE_TRAITEMENT_CPP")
    return one


def decided_later(flow: Deposit) -> DecidedLater:
    steps = tuple(Transition(flow.id, 1, s, f"{s:02d}", later(1), batch="FEN1201A2") for s in (1, 2, 3))
    return DecidedLater(
        flow, m.FlowState.INTEGRATED, (invoice(1, "N-1"),), {1: 2}, {1: "PORTAL"}, steps,
        (ToSend("drop/AAA001", "FEN1201A2", "FEN1201A", "AAA001", flow.id, "ef" * 32, 1),),
    )  # fmt: skip


def test_what_was_held_is_due_again_decided_and_told_once(ledger: Ledger) -> None:
    one = hold(ledger)
    assert claim(ledger) is None
    assert ledger.write(reference.judge_held_again) == 1
    assert ledger.write(reference.judge_held_again) == 0  # due already
    lot = claim(ledger)
    (flow,) = deposits_of(ledger, lot)
    assert flow.again
    assert lot is not None
    told = [decided_later(flow)]
    for first in (True, False):
        assert ledger.write(lambda db: commits.commit(db, lot, commits.rows_of([], told), later(1))) is first
    finish(ledger, lot)
    assert state_of(ledger, one) == ("IN_INTEGRE", 0, None)
    assert broken_rules(ledger) == {}
    with ledger.reading() as db:
        assert queries.waiting(db) == queries.Waiting(0, None, 0)
        assert [row.kind for row in audit.rows(db)] == ["genesis", "received", "unit", "unit"]


def test_a_decision_makes_its_flow_due_and_is_taken_once(ledger: Ledger) -> None:
    one = hold(ledger)
    ledger.write(lambda db: held.decide(db, one, [1], CLERK, later(8)))
    assert state_of(ledger, one) == ("IN_EN_ATTENTE_TRAITEMENT_CPP", 1, None)
    with ledger.reading() as db:
        assert held.decisions_on(db, [one]) == {one: {1: CLERK}}
        assert held.invoices_of(db, [one]) == {one: [held.InvoiceStands(1, PENDING, 1)]}
    with pytest.raises(Fault, match="decided already"):
        ledger.write(lambda db: held.decide(db, one, [1], CLERK, later(8)))


def test_nothing_is_decided_on_what_was_answered_meanwhile(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1")])
    with pytest.raises(Fault, match="just answered it"):
        ledger.write(lambda db: held.decide(db, one, [1], CLERK, later(8)))
    assert state_of(ledger, one) == ("IN_INTEGRE", 0, None)


def test_what_changed_while_a_flow_was_judged_makes_it_due_again(ledger: Ledger) -> None:
    one = hold(ledger)
    nothing: Mapping[int, Mapping[int, Decision]] = {}
    ledger.write(lambda db: held.due_again(db, [one], nothing, table_changed=False))
    assert state_of(ledger, one)[1] == 0
    ledger.write(lambda db: held.due_again(db, [one], nothing, table_changed=True))
    assert state_of(ledger, one)[1] == 1


def test_quarantine_ends_once(ledger: Ledger) -> None:
    (one,) = dropped(ledger, "AAA001", 1)
    lot = claim(ledger)
    why = Said("a tué son lecteur", "killed its reader")
    assert lot is not None
    ledger.write(lambda db: claims.give_back(db, lot, {one: why}, "1", quarantine=True))
    finish(ledger, lot)
    with ledger.reading() as db:
        assert held.overdue_in_quarantine(db, later(-1)) == []
        assert held.overdue_in_quarantine(db, later(1)) == [one]
    over = Decision(held.REFUSE, "chorus-edi", "quarantine is over")
    for _ in range(2):  # two processes may have read the same list
        ledger.write(lambda db: held.release(db, one, over, later(1)))
    assert state_of(ledger, one) == ("received", 0, None)
    with ledger.reading() as db:
        assert held.decisions_on(db, [one]) == {one: {0: over}}


# --- partners, rejects ------------------------------------------------------------------------------------------------


def test_a_partner_comes_back_as_it_was_put(ledger: Ledger) -> None:
    sheet = Partner(
        "AAA001", "Éditeur « Lune »", flows=("FSO1100A",), rights=(DepositRight("1", SUPPLIER),),
        receives=(("11111111100011", "S1"),), policies={"duplicate_content": "warn"}, report_warnings=False,
    )  # fmt: skip
    ledger.write(lambda db: partners.put(db, sheet))
    with pytest.raises(Fault, match="exists already"):
        ledger.write(lambda db: partners.put(db, sheet))
    with pytest.raises(Fault, match="already receives"):
        ledger.write(lambda db: partners.put(db, replace(sheet, code="BBB001")))
    other = replace(sheet, receives=(("11111111100011", ""),))
    ledger.write(lambda db: partners.put(db, other, replace=True))
    ledger.write(lambda db: partners.put(db, replace(sheet, code="aaa001", receives=())))
    with ledger.reading() as db:
        assert partners.every(db) == (other, replace(sheet, code="aaa001", receives=()))


def test_what_an_operator_types_in_another_encoding_is_kept_as_it_can_be_shown(ledger: Ledger) -> None:
    one = hold(ledger)
    ledger.write(lambda db: partners.put(db, Partner("AAA001", TYPED)))
    ledger.write(lambda db: held.decide(db, one, [1], Decision(held.REFUSE, TYPED, TYPED), later(8)))
    with ledger.reading() as db:
        assert [p.name for p in partners.every(db)] == ["caf\\udce9"]
        assert held.decisions_on(db, [one])[one][1] == Decision(held.REFUSE, "caf\\udce9", "caf\\udce9")


def test_the_rejects_of_a_day_are_told_once(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1", REFUSED), invoice(2, "N-2"), invoice(3, "N-3", REFUSED)])
    tomorrow = later(1).date()

    def due() -> dict[str, list[str]]:
        with ledger.reading() as db:
            assert not rejects.is_due(db, AT.date())
            told = {key[1]: [r.number for r in rows] for key, rows in rejects.due(db, tomorrow).items()}
            assert rejects.is_due(db, tomorrow) is bool(told)
            return told

    assert due() == {SUPPLIER: ["N-1", "N-3"]}
    lot = ledger.write(lambda db: claims.claim_alone(db, claims.DAILY, "me", 0, LIMITS))
    assert lot is not None
    (flow,) = _all_ids(ledger)
    sent = ToSend("drop/AAA001", "REJECTS-01", "REJECTS", "AAA001", None, "ab" * 32, 1)
    one = DailyFile("AAA001", SUPPLIER, AT.date(), 1, sent, ((flow, 1), (flow, 3)))
    ledger.write(lambda db: rejects.record(db, lot, [one], AT))
    assert due() == {}
    with ledger.reading() as db:
        assert rejects.next_part(db, "AAA001", SUPPLIER, AT.date()) == 2
        assert [f.name for f in outbox.unsent(db, lot)] == ["REJECTS-01"]


def _all_ids(ledger: Ledger) -> list[int]:
    with ledger.reading() as db:
        return list(db.execute(select(tables.deposits.c.id)).scalars())


# --- what verify reads ------------------------------------------------------------------------------------------------


def break_it(db: Connection, how: str) -> None:
    x, n, o, v, d, f = (
        tables.transitions, tables.number_claims, tables.outbox, tables.verdicts, tables.deposits, tables.flows,
    )  # fmt: skip
    match how:
        case "chain":
            db.execute(update(x).where(x.c.rank == 1, x.c.sequence == 2).values(comment="edited"))
        case "unaudited":
            db.execute(update(x).where(x.c.rank == 1, x.c.sequence == 3).values(audited=99))
        case "integrated untold":
            db.execute(delete(x).where(x.c.rank == 1, x.c.sequence == 3))
        case "holders without claim":
            db.execute(delete(n).where(n.c.rank == 1))
        case "claims without holder":
            db.execute(update(tables.invoices).where(tables.invoices.c.rank == 1).values(outcome="refused"))
        case "reports":
            db.execute(delete(o))
        case "unanswered":
            db.execute(delete(v))
        case "answered too early":
            db.execute(update(d).values(state="received"))
        case "given away":
            db.execute(update(f).values(holds_bytes=0))


@pytest.mark.parametrize(
    "how",
    [
        "chain", "unaudited", "integrated untold", "holders without claim", "claims without holder", "reports",
        "unanswered", "answered too early", "given away",
    ],
)  # fmt: skip
def test_what_is_broken_is_seen(ledger: Ledger, how: str) -> None:
    dropped(ledger, "AAA001", 1, 1, 1)
    settle(ledger, claim(ledger), [invoice(1, "N-1"), invoice(2, "N-2", REFUSED)])
    settle(ledger, claim(ledger), [invoice(1, "N-3"), invoice(2, "N-4", PENDING)], "IN_INTEGRE_PARTIEL")
    assert broken_rules(ledger).keys() <= {"holders without claim"}  # N-1 was used by two flows of the first lot
    with ledger.writing() as db:
        break_it(db, how)
    assert how in broken_rules(ledger)


def test_every_object_is_named_once_in_the_order_of_bytes(ledger: Ledger) -> None:
    for partner in ("BBB001", "AAA001"):
        register(ledger, partner, [file(partner, n, sha256=f"{9 - n}" * 64) for n in range(3)])
    settle(ledger, claim(ledger, limits=replace(LIMITS, lot_flows_max=9)), [invoice(1, "N-1", REFUSED)], "IN_REJETE")
    with ledger.reading() as db:
        told = list(invariants.objects(db))
        assert told == sorted(set(told))
        assert len(told) == 7  # three deposits each, and the report that all have in common
        assert len(list(invariants.to_send(db))) == 3


def test_leases_that_ran_out_are_counted(ledger: Ledger) -> None:
    dropped(ledger, "AAA001", 1)
    lot = claim(ledger, now_ms=0)
    assert lot is not None
    with ledger.reading() as db:
        assert invariants.expired_leases(db, 44_000) == ([], 1)
        assert invariants.expired_leases(db, 46_000) == ([str(lot.id)], 1)


def test_reading_sees_one_moment(ledger: Ledger) -> None:
    with ledger.reading() as db:
        assert db.execute(select(func.count()).select_from(tables.deposits)).scalar() == 0
        dropped(ledger, "AAA001", 1)
        assert db.execute(select(func.count()).select_from(tables.deposits)).scalar() == 0


def test_half_a_unit_is_nothing(ledger: Ledger) -> None:
    def half(db: Connection) -> None:
        deposits.register(db, "AAA001", [file("AAA001", 1)], unsettled)
        reference.new_snapshot(db, reference.DIRECTORY, Snapshot("one", AT.date()), AT)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ledger.write(half)
    assert _all_ids(ledger) == []


def test_a_unit_that_meets_a_row_of_another_writer_runs_again_and_reads_it(ledger: Ledger) -> None:
    tried: list[int] = []

    def unit(db: Connection) -> int:
        tried.append(1)
        if len(tried) == 1:  # both looked before the other one wrote
            db.execute(tables.declared.insert(), {"subject": "x", "value": "theirs"})
            db.execute(tables.declared.insert(), {"subject": "x", "value": "mine"})
        return len(tried)

    assert ledger.write(unit) == 2
