"""The columns of a finding: what a stranger wrote never breaks a row."""

from pipeline import codes
from pipeline.adapters.ledger.rows import column_finding, finding_columns
from pipeline.model import finding
from pipeline.terms import Terms


def test_no_nul_of_a_stranger_reaches_a_text_column():
    found = finding(Terms(), codes.ENV_003, member="a\0b", value="x\0y", kind="link")
    assert found is not None
    columns = finding_columns(found)
    assert not any("\0" in str(value) for value in columns.values())
    assert (column_finding(columns).member, column_finding(columns).value) == ("a\\x00b", "x\\x00y")
