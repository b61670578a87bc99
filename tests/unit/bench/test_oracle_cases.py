"""Every difference that was ever found between the compiled engine and Saxon, replayed: what Saxon said stays right."""

from functools import cache

import pytest

from bench.oracle import cases, documents
from bench.oracle.compare import compared
from bench.oracle.engines import Compiled

KEPT = list(cases.read())


@cache
def compiled(pack: str) -> Compiled:
    return Compiled(pack)


def test_there_are_cases_to_replay():
    assert KEPT


@pytest.mark.parametrize("case", KEPT, ids=[case.name for case in KEPT])
def test_the_compiled_engine_says_what_saxon_said(case):
    found = compared(cases.hashed(compiled(case.pack).run(documents.parsed(case.document))), case.told)
    assert not found.is_difference, f"{case.about}: {found}"


@pytest.mark.parametrize("case", KEPT, ids=[case.name for case in KEPT])
def test_a_case_is_a_skeleton_and_no_invoice_of_anybody(case):
    assert len(case.document) < 4_000
    tree = documents.parsed(case.document).tree
    assert tree is not None
    assert sum(1 for _ in tree.iter()) < 40
