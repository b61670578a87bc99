"""Whatever the bytes, an action file is read or refused with a place; and what a table says comes back as it was said."""

import csv
import io

from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.readers import action_file, sheet
from pipeline.returns import message
from pipeline.returns.spreadsheet import cell
from pipeline.terms import Terms

TERMS = Terms()
HEADER = b"action;fournisseur;numero;commentaire;pieces_jointes\n"
cells = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=20)


def told(document: bytes) -> tuple[int, bool]:
    """How many rows; whether the file is refused. Everything that is said can be said."""
    found, rows = action_file.read(document, "a.csv", {}, TERMS)
    for one in (*found, *(f for row in rows for f in row.findings)):
        assert message.text(one) and message.text(one, "en")
        assert one.refuses or one.rule in {"FIL-005"}
    is_refused = any(one.refuses for one in found)
    assert not (is_refused and rows)
    assert is_refused or rows
    for row in rows:
        assert row.is_refused or (row.action and row.invoice.supplier and row.invoice.number)
    return len(rows), is_refused


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=300))
@example(b"<")
@example(b"\xff\xfe<\0")
@example(b"\xff\xfe\x00")
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    for document in (noise, HEADER + noise, b"<ActionsFournisseur>" + noise, "action;".encode("utf-16") + noise):
        told(document)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(cells, cells, cells), min_size=1, max_size=5), st.sampled_from([";", ",", "\t"]))
def test_what_a_program_writes_is_what_is_read(rows: list[tuple[str, str, str]], separator: str) -> None:
    written = io.StringIO()
    table = csv.writer(written, delimiter=separator, lineterminator="\r\n", quoting=csv.QUOTE_ALL)
    table.writerow(["action", "fournisseur", "numero", "commentaire"])
    table.writerows([("recycler", *row) for row in rows])
    _, read = action_file.read(written.getvalue().encode(), "a.csv", {}, TERMS)
    assert len(read) == len(rows)
    for (supplier, number, comment), row in zip(rows, read, strict=True):
        for said, text in ((supplier, row.invoice.supplier), (number, row.invoice.number), (comment, row.comment)):
            bare = said.strip(sheet.BLANKS)
            expected = "" if bare == "-" else bare
            if bare:
                assert text is not None
                assert text.text in {expected, expected.removeprefix("'")}
            else:
                assert text is None


@settings(max_examples=100, deadline=None)
@given(st.text(st.sampled_from("=+-@'F1 "), min_size=1, max_size=6).filter(lambda n: n.strip() == n and n != "-"))
def test_a_guarded_cell_comes_back_as_it_was(number: str) -> None:
    document = HEADER + f'completer;1;"{cell(number)}";x;\n'.encode()
    _, (row,) = action_file.read(document, "a.csv", {}, TERMS)
    assert row.invoice.number is not None
    looks_guarded = number.startswith("'") and number[1:].lstrip()[:1] in set("=+-@")
    expected = number[1:] if looks_guarded else number  # nobody could tell whose quote it is
    assert row.invoice.number.text == expected
