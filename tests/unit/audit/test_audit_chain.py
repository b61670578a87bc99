"""A chain by itself, on rows made by hand: the bytes are what the documentation says, and whatever is touched is named."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from pipeline.adapters.ledger import tables
from pipeline.audit import anchors
from pipeline.audit.examine import MOST, Doubt, Examined, examine
from pipeline.audit.explain import attested, explain
from pipeline.audit.form import (
    COVERED,
    GENESIS,
    NO_HEAD,
    NOTHING,
    PURGE,
    RESTORED,
    RETURNED,
    UNIT,
    Group,
    Head,
    Mark,
    Row,
    covered,
    head_object,
    line,
    parsed,
    result_object,
    told,
)
from pipeline.audit.problem import CHANGED, INSERTED, MOVED, REMOVED, REWRITTEN, UNATTESTED, UNCOVERED

AT = "2026-11-20T11:00:00.000000+00:00"
Step = list[object]


def step(deposit: int, sequence: int, comment: str = "") -> Step:
    return [deposit, 1, sequence, f"{sequence:02d}", AT, comment, "platform", "FEN1201A"]


def chain(length: int, partner: str = "ABC001") -> tuple[list[Row], list[Group]]:
    """A beginning that covers nothing, then units of one transition each."""
    rows = [Row(partner, 0, GENESIS, AT, 0, 0, 0, NOTHING.digest, "", "", "")]
    groups = []
    for number in range(1, length):
        steps = [step(number, 1)]
        cover = covered([("transitions", number, steps)])
        rows.append(
            Row(partner, number, UNIT, AT, 7, 1, cover.records, cover.digest, told({"marks": cover.marks}), "", "")
        )
        groups.append(Group(partner, number, number, "transitions", steps))
    return linked(rows), groups


def linked(rows: list[Row]) -> list[Row]:
    """The same rows, each with the hash of the one before, and its own."""
    done: list[Row] = []
    for row in rows:
        row = replace(row, previous=done[-1].hash if done else "")
        done.append(replace(row, hash=row.expected))
    return done


def found(rows: list[Row], groups: list[Group]) -> list[tuple[int, str]]:
    examined = examine(rows, groups, lambda _deposit: "")
    return [(one.sequence, one.what) for one in examined.problems] + [
        (one.row.sequence, "doubt") for one in examined.doubts
    ]


# --- the bytes --------------------------------------------------------------------------------------------------------


def test_the_bytes_are_those_of_the_documentation() -> None:
    steps = [step(7, 2, "é\n\ud800"), step(7, 1)]
    cover = covered([("transitions", 7, steps), ("verdicts", 3, []), ("deposits", 2, [[2, "ABC001"]])])
    lines = [
        json.dumps(["deposits", 2, [[2, "ABC001"]]], separators=(",", ":")),
        json.dumps(["transitions", 7, [steps[1], steps[0]]], separators=(",", ":")),
    ]
    assert all(text.isascii() and " " not in text for text in lines)
    assert cover.digest == hashlib.sha256("".join(f"{text}\n" for text in lines).encode()).hexdigest()
    assert cover.records == 3
    assert [mark.digest for mark in cover.marks] == [hashlib.sha256(t.encode()).hexdigest()[:16] for t in lines]
    row = Row("ABC001", 4, UNIT, AT, 12, 2, 3, cover.digest, '{"a":"é"}', "ff", "aa")
    fields = ["chorus-edi audit 1", "ABC001", 4, UNIT, AT, 12, 2, 3, cover.digest, '{"a":"é"}', "ff", "aa"]
    assert row.expected == hashlib.sha256(json.dumps(fields, separators=(",", ":")).encode()).hexdigest()


def test_the_format_does_not_move() -> None:
    """Whoever changes a column, an order or a separator changes the hash of every chain that is kept somewhere."""
    every = [(table, 1, [list(range(len(columns)))]) for table, columns in COVERED.items()]
    assert [table for table, _, _ in every[:11]][-1] == "reject_days"
    assert covered(every[:11]).digest == "9b7aacd237cf2a737ab4fc391d64648147f53d78f42dac1b08e61df66865bb30"
    # those of the life after integration came behind them: no earlier row covers one
    assert covered(every).digest == "eda7389c105d11741afb6e0cd866fbb8317c58daa2bfa314332b60b3967932a4"


UNCOVERED_COLUMNS = {  # they move on with the work, or are the number of the row that covers: `verify` has other lines for them
    "deposits": {"state", "fault", "faulted_by", "again", "attempt", "lot_id", "audited"},
    "verdicts": {"rejects_file", "audited"},
    "invoices": {"judgement", "pending_since", "rejects_file", "decided", "status", "status_at", "routing"},
    "changes": {"batch", "told", "audited"},  # which return told it: the group `told`
    "outbox": {"state", "lot_id", "audited"},
}


@pytest.mark.parametrize("name", [name for name in COVERED if name not in {"decided", "told"}])
def test_every_column_of_a_covered_table_is_covered_or_named_here(name: str) -> None:
    """Whoever adds a column decides whether it is a word that was said."""
    columns = {column.name for column in tables.metadata.tables[name].columns}
    assert columns - set(COVERED[name]) == UNCOVERED_COLUMNS.get(name, {"audited"} & columns)
    assert set(COVERED[name]) <= columns


def test_every_field_of_a_row_is_hashed() -> None:
    row = chain(2)[0][1]
    for one in fields(Row):
        value = getattr(row, one.name)
        touched = replace(row, **{one.name: value + 1 if isinstance(value, int) else f"{value}x"})
        assert (touched.expected == row.expected) is (one.name == "hash"), one.name
    assert {one.name for one in fields(Row)} == {column.name for column in tables.audit.columns}


def test_records_are_covered_in_the_order_of_their_keys_whatever_order_they_come_in() -> None:
    one, other = step(1, 1), step(1, 2)
    assert covered([("transitions", 1, [one, other])]) == covered([("transitions", 1, [other, one])])
    groups = [("transitions", 2, [step(2, 1)]), ("outbox", 1, [["drop/A", "n"]]), ("transitions", 1, [one])]
    assert covered(groups) == covered(reversed(groups))
    assert [mark.table for mark in covered(groups).marks] == ["transitions", "outbox", "transitions"]


# --- rows -------------------------------------------------------------------------------------------------------------


def test_a_sound_chain_has_nothing_to_tell() -> None:
    rows, groups = chain(6)
    assert found(rows, groups) == []
    other, theirs = chain(3, "DEF002")
    assert found([*rows, *other], [*groups, *theirs]) == []
    whole = examine([*rows, *other], [*groups, *theirs], lambda _deposit: "")
    assert {code: (one.rows, one.records, one.units) for code, one in whole.chains.items()} == {
        "ABC001": (6, 5, 5), "DEF002": (3, 2, 2),
    }  # fmt: skip
    assert whole.chains["ABC001"].head == Head(6, rows[-1].hash)


def changed(rows: list[Row]) -> list[Row]:
    rows[3] = replace(rows[3], at="2020-01-01T00:00:00.000000+00:00")
    return rows


def rewritten(rows: list[Row]) -> list[Row]:
    """Changed, and with the hash that fits: the next row does not know it."""
    row = replace(rows[3], at="2020-01-01T00:00:00.000000+00:00")
    rows[3] = replace(row, hash=row.expected)
    return rows


def removed(rows: list[Row]) -> list[Row]:
    return [row for row in rows if row.sequence not in {3, 4}]


def numbered_anew(rows: list[Row]) -> list[Row]:
    return [replace(row, sequence=row.sequence - (row.sequence > 3)) for row in rows if row.sequence != 3]


def swapped(rows: list[Row]) -> list[Row]:
    rows[3], rows[5] = replace(rows[5], sequence=3), replace(rows[3], sequence=5)
    return rows


def swapped_last(rows: list[Row]) -> list[Row]:
    rows[-2], rows[-1] = replace(rows[-1], sequence=len(rows) - 2), replace(rows[-2], sequence=len(rows) - 1)
    return rows


def inserted(rows: list[Row]) -> list[Row]:
    forged = replace(rows[3], lot=99, previous=rows[2].hash)
    later = [replace(row, sequence=row.sequence + 1) for row in rows[3:]]
    return [*rows[:3], replace(forged, hash=forged.expected), *later]


def beheaded(rows: list[Row]) -> list[Row]:
    return rows[2:]


@pytest.mark.parametrize(
    ("touch", "expected"),
    [
        (changed, {(3, CHANGED)}),
        (rewritten, {(4, REWRITTEN)}),
        (removed, {(3, REMOVED)}),
        (numbered_anew, {(3, REMOVED)}),
        (swapped, {(3, MOVED), (5, MOVED)}),
        (swapped_last, {(6, MOVED), (7, MOVED)}),
        (inserted, {(4, INSERTED)}),
        (beheaded, {(0, REMOVED)}),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_row_that_is_touched_is_named_and_no_other(
    touch: Callable[[list[Row]], list[Row]], expected: set[tuple[int, str]]
) -> None:
    rows, _ = chain(8)
    problems = examine(touch(rows), [], lambda _deposit: "").problems
    assert {(one.sequence, one.what) for one in problems} == expected
    for one in problems:
        assert one.said.fr != one.said.en
        assert "ABC001" in one.said.fr


def test_a_row_far_behind_all_others_or_before_the_first_is_named_and_costs_no_memory() -> None:
    """A number is one column: whoever writes 10^15 into it must not bring down who looks."""
    rows, _ = chain(4)
    far = replace(rows[2], sequence=10**15, previous=rows[-1].hash)
    before = replace(rows[1], sequence=-7)
    whole = examine([before, *rows, replace(far, hash=far.expected)], [], lambda _deposit: "")
    assert [(one.sequence, one.what) for one in whole.problems] == [(-7, INSERTED), (4, REMOVED)]
    assert whole.problems[1].said.en == f"ABC001 rows 4 to {10**15 - 1}: removed"
    one = whole.chains["ABC001"]
    assert [one.hash_of(number) for number in (-1, 3, 4, 10**15 - 1, 10**15)] == [
        "0" * 64, rows[3].hash, "0" * 64, "0" * 64, far.expected,
    ]  # fmt: skip


def test_what_a_row_says_of_its_move_is_the_number_it_had() -> None:
    rows, _ = chain(8)
    said = [one.said.en for one in examine(swapped(rows), [], lambda _deposit: "").problems]
    assert said == [
        "ABC001 row 3 (unit) was moved: its number was 5",
        "ABC001 row 5 (unit) was moved: its number was 3",
    ]
    rows, _ = chain(8)
    (one,) = examine(removed(rows), [], lambda _deposit: "").problems
    assert one.said.en == "ABC001 rows 3 to 4: removed"


def test_a_chain_that_does_not_begin_is_named() -> None:
    rows, _ = chain(3)
    rows[0] = replace(rows[0], kind=UNIT)
    assert found(linked(rows), [])[0] == (0, REWRITTEN)


def test_a_ledger_that_is_broken_everywhere_is_told_up_to_a_few() -> None:
    rows, groups = chain(MOST + 50)
    examined = examine(rows, [group._replace(records=[step(1, 9)]) for group in groups], lambda _deposit: "")
    assert len(examined.doubts) == MOST
    assert examined.untold == {"ABC001": 49}


# --- records ----------------------------------------------------------------------------------------------------------


def test_records_that_changed_are_in_doubt_and_explained_from_what_the_row_covered() -> None:
    rows, groups = chain(5)
    before = Group("ABC001", 2, 2, "transitions", [step(2, 1, "other")])
    groups[1] = before
    (doubt,) = examine(rows, groups, lambda _deposit: "").doubts
    (problem,) = explain(doubt, attested(doubt.row, {}), lambda deposit: f"FLOW{deposit}")
    assert (problem.sequence, problem.what) == (2, CHANGED)
    assert problem.said.en == "ABC001 row 2 (unit): deposit 2 (FLOW2), the statuses: changed since (1 record)"
    assert problem.said.fr == "ABC001 ligne 2 (unit) : dépôt 2 (FLOW2), les statuts : modifié depuis (1 enregistrement)"


@pytest.mark.parametrize(("more", "what"), [(True, INSERTED), (False, REMOVED)])
def test_records_that_came_or_went_are_counted(more: bool, what: str) -> None:
    rows, groups = chain(5)
    groups[1] = groups[1]._replace(records=[step(2, 1), step(2, 2)]) if more else groups[1]
    examined = examine(rows, groups if more else [groups[0], *groups[2:]], lambda _deposit: "")
    (doubt,) = examined.doubts
    (named,) = explain(doubt, attested(doubt.row, {}), lambda _deposit: "")
    (unnamed,) = explain(doubt, [], lambda _deposit: "")  # nobody can read any more what it covered
    assert (named.what, unnamed.what) == (what, what)
    assert ("1 record attested, 2 found" if more else "1 record attested, 0 found") in named.said.en
    assert ("covered 1 record, the ledger has 2" if more else "covered 1 record, the ledger has 0") in unnamed.said.en


def test_a_change_that_nobody_can_place_is_told_all_the_same() -> None:
    doubt = Doubt(chain(2)[0][1], 1, [Mark("transitions", 1, 1, "0" * 16)])
    (problem,) = explain(doubt, [], lambda _deposit: "")
    assert (problem.what, "at least one was changed" in problem.said.en) == (CHANGED, True)


def test_records_that_name_no_row_are_named_with_their_flow() -> None:
    rows, groups = chain(3)
    stray = [
        Group("ABC001", -1, 8, "invoices", [[8]]), Group("ABC001", 0, 9, "transitions", [step(9, 1)]), *groups,
        Group("ABC001", 77, 9, "outbox", [[9], [9]]), Group("XYZ999", 1, 9, "findings", [[9]]),
    ]  # fmt: skip
    problems = examine(rows, stray, lambda deposit: f"FLOW{deposit}").problems
    assert [(one.partner, one.sequence, one.what) for one in problems] == [
        ("ABC001", -1, UNCOVERED), ("ABC001", 0, UNCOVERED), ("ABC001", 77, UNCOVERED), ("XYZ999", 1, UNCOVERED),
    ]  # fmt: skip
    assert "deposit 9 (FLOW9), the files sent: 2 records that no row covers (row 77 is named)" in problems[2].said.en


def test_the_beginning_of_an_older_ledger_counts_its_tables() -> None:
    steps = [step(1, 1), step(1, 2)]
    cover = covered([("transitions", 1, steps)])
    first = Row("ABC001", 0, GENESIS, AT, 0, 0, 2, cover.digest, told({"records": {"transitions": 2}}), "", "")
    rows = linked([first])
    assert found(rows, [Group("ABC001", 0, 1, "transitions", steps)]) == []
    (doubt,) = examine(rows, [Group("ABC001", 0, 1, "transitions", steps[:1])], lambda _deposit: "").doubts
    (problem,) = explain(doubt, attested(doubt.row, {}), lambda _deposit: "")
    assert problem.said.en.endswith("the statuses: 2 records attested, 1 found")


def test_a_detail_that_nobody_can_read_stops_nothing() -> None:
    row = replace(chain(2)[0][1], detail='{"marks": 7')
    assert attested(row, {}) == []
    assert attested(replace(row, detail='{"marks": [[1]]}'), {}) == []
    assert attested(replace(row, kind=GENESIS, detail='{"records": []}'), {}) == []
    assert parsed("[1]") == {}


def test_a_chain_remembers_what_its_rows_say_was_purged_and_lost() -> None:
    rows = chain(1)[0]
    for kind, objects in ((PURGE, ["a", "b"]), (RETURNED, ["b"]), (RESTORED, ["c"])):
        rows.append(Row("ABC001", len(rows), kind, AT, 0, 0, 0, NOTHING.digest, told({"objects": objects}), "", ""))
    one = examine(linked(rows), [], lambda _deposit: "").chains["ABC001"]
    assert (one.purged, one.lost) == ({("ABC001", "a")}, {"c"})


# --- the store --------------------------------------------------------------------------------------------------------


def examined(length: int = 6) -> tuple[Examined, list[Row]]:
    rows, groups = chain(length)
    return examine(rows, groups, lambda _deposit: ""), rows


def kept(body: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(body).hexdigest(), body


def test_a_head_of_its_past_stands_and_any_other_does_not() -> None:
    whole, rows = examined()
    one = whole.chains["ABC001"]
    for number, row in enumerate(rows, 1):
        assert anchors.daily(one, *kept(head_object("ABC001", "2026-11-20", AT, Head(number, row.hash)))) == (
            None,
            "2026-11-20",
        )
    lost, _ = anchors.daily(one, *kept(head_object("ABC001", "2026-11-20", AT, Head(9, "ab" * 32))))
    assert lost is not None
    assert (lost.what, lost.sequence) == (REMOVED, 6)
    assert "attests 9 rows, the chain has 6: the last 3 were removed" in lost.said.en
    other, _ = anchors.daily(one, *kept(head_object("ABC001", "2026-11-20", AT, Head(4, "ab" * 32))))
    assert other is not None
    assert (other.what, other.sequence) == (REWRITTEN, 3)
    for sha256, body in (
        ("0" * 64, head_object("ABC001", "2026-11-20", AT, Head(1, rows[0].hash))), kept(b"{}"), kept(b"\xff"),
        kept(head_object("DEF002", "2026-11-20", AT, Head(1, rows[0].hash))),
    ):  # fmt: skip
        strange, _ = anchors.daily(one, sha256, body)
        assert strange is not None
        assert strange.what == UNATTESTED


def test_the_end_of_a_chain_is_where_its_head_says() -> None:
    whole, rows = examined()
    one = whole.chains["ABC001"]
    assert anchors.end(one, Head(6, rows[-1].hash)) is None
    for head, what in (
        (Head(5, rows[4].hash), UNATTESTED), (Head(6, "ab" * 32), REWRITTEN),
        (Head(8, "ab" * 32), REMOVED), (NO_HEAD, UNATTESTED),
    ):  # fmt: skip
        told_of = anchors.end(one, head)
        assert told_of is not None
        assert told_of.what == what


def unit(rows: list[Row], stands_on: Head, **instead: object) -> tuple[Row, str, bytes]:
    """The last row, with the object that it left."""
    row = rows[-1]
    cover = covered([("transitions", 5, [step(5, 1)])])
    flows = [{"deposit": 5, "sha256": "cd" * 32}]
    body = result_object(row.partner, row.lot, row.attempt, row.at, stands_on, cover, flows)
    if instead:
        body = told({**parsed(body), **instead}).encode()
    sha256, body = kept(body)
    return replace(row, result=sha256), sha256, body


def test_the_object_of_a_unit_says_what_its_row_says() -> None:
    whole, rows = examined()
    one = whole.chains["ABC001"]
    row, _, body = unit(rows, Head(5, rows[4].hash))
    assert anchors.result(one, row, body)[0] is None
    assert [mark.deposit for mark in attested(row, parsed(body))] == [5]
    assert anchors.result(one, *unit(rows, NO_HEAD)[::2])[0] is None
    for given, said in (
        ((replace(row, result=""), None), "left no object"), ((row, None), "is missing from the store"),
        ((row, b"{}"), "has not the bytes of its name"),
        (unit(rows, Head(5, rows[4].hash), lot=8, digest="x")[::2], "says otherwise (digest, lot)"),
        (unit(rows, Head(6, rows[5].hash))[::2], "does not say on what it stands"),
        (unit(rows, NO_HEAD, chain="none")[::2], "does not say on what it stands"),
        (unit(rows, Head(4, "ab" * 32))[::2], "row 3 is no longer the one"),
    ):  # fmt: skip
        problem, _ = anchors.result(one, *given)
        assert problem is not None
        assert said in problem.said.en


def test_an_object_without_a_row_is_the_work_of_a_unit_that_died_or_of_one_that_was_removed() -> None:
    whole, rows = examined()
    one = whole.chains["ABC001"]
    _, sha256, body = unit(rows, Head(5, rows[4].hash))
    assert anchors.left_over(one, sha256, body, {5: "cd" * 32}) is None
    gone = anchors.left_over(one, sha256, body, {5: "ef" * 32})
    assert gone is not None
    assert gone.said.en.endswith("attests 1 deposit that is gone, 5")
    assert gone.said.fr.endswith("atteste 1 dépôt qui n'y est plus, le 5")
    _, sha256, body = unit(rows, Head(9, rows[4].hash))
    later = anchors.left_over(one, sha256, body, {5: "cd" * 32})
    assert later is not None
    assert later.what == REMOVED
    strange = anchors.left_over(one, *kept(b"[]"), {})
    assert strange is not None
    assert strange.what == UNATTESTED


def test_a_line_is_what_an_auditor_writes_in_any_language() -> None:
    assert (
        line("outbox", 3, [["drop/ABC001", 'CSO\t"é"', None, 1]])
        == '["outbox",3,[["drop/ABC001","CSO\\t\\"\\u00e9\\"",null,1]]]'
    )
