"""Files of changes with anything done to their bytes: read and decided without an exception, and nothing illegal applies.

`python -m bench.fuzz` makes many more of them and has each row in force read again by others (docs/hostile.md). Here
Hypothesis spoils a few, and cuts one that fails down to the bytes that matter.
"""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from integration import change_files, homes
from integration.change_files import Act, Entry

from pipeline import actions, judge, lifecycle, status_intake
from pipeline import model as m
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.rule_engines import RuleEngines
from pipeline.ports import Tools
from pipeline.reconcile import control
from pipeline.returns import intake_report
from pipeline.terms import Terms

QUICK, SLOW = 60, 1_000
TERMS = Terms()
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
STATUSES, ACTIONS, CONTROL = change_files.CODE, change_files.ACTION, "CTL9002A"
TOKENS = (
    b"", b"\0", b'"', b";", b"\r\n", b"<", b"</", b"&#0;", b"]]>", b"\xff", b"\xef\xbb\xbf", b"=", b"-", b"1e999", b"NaN", b"99",
    b"07", b"04", b"06", b"2026-11-20T11:00:00Z", b"0001-01-01T00:00:00Z", b"recycler", b"completer", b"|", b"\xe2\x80\xae",
)  # fmt: skip


def standing(number: int, status: str) -> m.Standing:
    return m.Standing(
        deposit_id=1, rank=number, issuer=homes.PARTNER, flow_name="F", received_day=date(2026, 11, 18), supplier_type="1",
        supplier=homes.SUPPLIER, supplier_name="Fournisseur", number=f"B-{number}", issued=date(2026, 11, 18), type="380",
        framework="A1", currency="EUR", total="120.00", total_millionths=120_000_000, recipient=homes.PLAIN,
        recipient_name="Commune", service="", commitment="", receiver=homes.RECEIVER, status=status,
        status_at=NOON - timedelta(days=1), sequence=3, routing=0,
    )  # fmt: skip


STANDINGS = tuple(standing(n, status) for n, status in enumerate(("03", "04", "06", "05", "11", "08"), 1))


@cache
def tools() -> Tools:
    return Tools(InstalledSchemas(), RuleEngines(), TERMS)


@cache
def seeds() -> tuple[tuple[str, str, bytes], ...]:
    """(partner, code, bytes): files that apply as they are."""
    at = NOON - timedelta(hours=1)
    told = [Entry.sound("B-1", 7, at), Entry.sound("B-1", 5, at), Entry.sound("B-6", 11, at), Entry("B-1", 20, at)]
    acts = [
        Act("recycle", "B-2", recipient=homes.PLAIN, service="-", comment="bon destinataire"),
        Act("complete", "B-3", comment="signé", attachments="bon.pdf"), Act("handle-reject", "B-4", reason="AUTRE"),
    ]  # fmt: skip
    alone = [replace(act, attachments="") for act in acts]
    rows = f"flux;sha256;factures;total\r\nF;{'0' * 64};1;1 234,50\r\n".encode()
    return (
        (homes.RECEIVER, STATUSES, change_files.status_file(told)),
        (homes.PARTNER, ACTIONS, change_files.action_csv(alone)),
        (homes.PARTNER, ACTIONS, change_files.action_xml(alone)),
        (
            homes.PARTNER,
            ACTIONS,
            homes.archive([("a.csv", change_files.action_csv(acts)), ("bon.pdf", b"%PDF-1.4\n%%EOF")]),
        ),
        (homes.PARTNER, CONTROL, rows),
    )


def decided(partner: str, code: str, document: bytes) -> tuple[m.Read, tuple[m.JudgedRow, ...]]:
    """All that a worker and its parent make of the bytes, the report included."""
    name = homes.flow_name(1, code, partner)
    received = m.Received(partner, name, "0" * 64, len(document), NOON)
    read = judge.read(received, io.BytesIO(document), io.BytesIO(), io.BytesIO(), tools())
    plain = m.Structure(homes.PLAIN, 1, "Commune", True, False, False, False, False, False, True)
    known = m.Known(m.Snapshot("annuaire", date(2026, 11, 1)), {homes.PLAIN: plain})
    decide: dict[m.Lane, Callable[[], tuple[m.JudgedRow, ...]]] = {
        m.Lane.STATUSES: lambda: status_intake.decide(
            read, frozenset({"recipient", "accountant"}), partner, STANDINGS, NOON, TERMS
        ),
        m.Lane.ACTIONS: lambda: actions.decide(read, partner, STANDINGS, known, NOON, TERMS),
        m.Lane.CONTROL: lambda: control.decide(read, TERMS),
    }
    rows = decide[read.lane]() if read.lane in decide and not read.is_refused else ()
    if read.lane in decide:
        intake_report.render(judge.conclude_changes(read, rows, TERMS, None), "CPP001", TERMS)
    return read, rows


@pytest.mark.parametrize("rank", range(5))
def test_the_seeds_apply(rank: int) -> None:
    """What is not right before it is spoilt proves nothing."""
    _, rows = decided(*seeds()[rank])
    assert rows
    assert {row.outcome for row in rows} <= {m.RowOutcome.APPLIED, m.RowOutcome.KEPT}


spoils = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 60), st.one_of(st.sampled_from(TOKENS), st.binary(max_size=4))),
    min_size=1, max_size=4,
)  # fmt: skip


def check(rank: int, changes: list[tuple[float, int, bytes]]) -> None:
    partner, code, document = seeds()[rank]
    for place, length, token in changes:
        at = int(place * len(document))
        document = document[:at] + token + document[at + length :]
    _, rows = decided(partner, code, document)
    stands = {one.rank: one.status for one in STANDINGS}
    for row in rows:
        refusals = [one for one in row.findings if one.refuses]
        assert bool(refusals) is (row.outcome is m.RowOutcome.REFUSED), row
        assert bool(row.changes) <= (row.outcome is m.RowOutcome.APPLIED)
        for change in row.changes:
            before, after = (lifecycle.by_id(int(one)) for one in (stands[change.standing.rank], change.to))
            assert after is not None
            assert lifecycle.arrow(before, after) is not None
            assert change.at <= NOON + timedelta(seconds=TERMS.intake.clock_tolerance_s)
            assert change.standing.receiver == partner or change.standing.issuer == partner
            stands[change.standing.rank] = change.to


QUIETLY = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck), "derandomize": True}


@settings(max_examples=QUICK, **QUIETLY)  # type: ignore[arg-type]
@given(rank=st.integers(0, 4), changes=spoils)
def test_spoilt_bytes_raise_nothing_and_apply_nothing_illegal(
    rank: int, changes: list[tuple[float, int, bytes]]
) -> None:
    check(rank, changes)


@pytest.mark.slow
@settings(max_examples=SLOW, **QUIETLY)  # type: ignore[arg-type]
@given(rank=st.integers(0, 4), changes=spoils)
def test_many_more_of_them(rank: int, changes: list[tuple[float, int, bytes]]) -> None:
    check(rank, changes)
