"""What of the records of a row changed since it covered them: which table, of which flow, and how."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pipeline.audit.examine import Doubt
from pipeline.audit.form import GENESIS, ORDER, Mark, Row
from pipeline.audit.problem import CHANGED, INSERTED, REMOVED, NameOf, Problem, place_of, records
from pipeline.plural import counted
from pipeline.ports import Said

_Key = tuple[int, int, str]


def attested(row: Row, result: Mapping[str, Any]) -> list[Mark]:
    """The groups that a row covered when it was written; empty where nobody told them, or nobody can read it.

    Those of a unit stand in the object that it left (`result`), those of the beginning of a chain by table.
    """
    try:
        if row.kind == GENESIS:
            counts = row.told.get("records", {})
            return [Mark(str(table), 0, int(count), "") for table, count in counts.items()]
        marks = (result if row.result else row.told).get("marks", ())
        return [Mark(str(table), int(deposit), int(count), str(digest)) for table, deposit, count, digest in marks]
    except (AttributeError, TypeError, ValueError):
        return []


def explain(doubt: Doubt, before: Sequence[Mark], name_of: NameOf) -> list[Problem]:
    """Group by group where it is known what the row covered; else by the numbers alone."""
    row = doubt.row
    if before:
        was, now = _by_key(before), _by_key(doubt.found)
        keys = sorted(key for key in {*was, *now} if was.get(key) != now.get(key))
        if keys:
            return [_changed(row, key, was.get(key), now.get(key), name_of) for key in keys]
    if doubt.records != row.records:
        what = REMOVED if doubt.records < row.records else INSERTED
        return [Problem.of(row, what, "couvrait {}, le registre en a {}", "covered {}, the ledger has {}",
                           records(row.records), doubt.records)]  # fmt: skip
    return [Problem.of(
        row, CHANGED, "ne couvre pas ce qui est inscrit : sur {}, au moins un a été modifié",
        "does not cover what stands there: of {} at least one was changed", records(row.records),
    )]  # fmt: skip


def _by_key(marks: Iterable[Mark]) -> dict[_Key, Mark]:
    return {(mark.deposit, ORDER.get(mark.table, len(ORDER)), mark.table): mark for mark in marks}


def _changed(row: Row, key: _Key, was: Mark | None, now: Mark | None, name_of: NameOf) -> Problem:
    before, after = was.records if was is not None else 0, now.records if now is not None else 0
    place = place_of(key[2], key[0], name_of)
    if before == after:
        return Problem.of(row, CHANGED, ": {} : modifié depuis ({})", ": {}: changed since ({})", place,
                          records(before))  # fmt: skip
    said = Said(
        f"{counted(before, ('enregistrement attesté', 'enregistrements attestés'))}, {counted(after, 'trouvé')}",
        f"{counted(before, 'record', 'en')} attested, {after} found",
    )
    return Problem.of(row, REMOVED if after < before else INSERTED, ": {} : {}", ": {}: {}", place, said)
