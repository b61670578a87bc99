"""The State's order file."""

from datetime import date
from pathlib import Path

import pytest

from pipeline.adapters.commitment_files import CommitmentsError, read_commitments
from pipeline.model import Commitment

HEADER = "numero;service;structure;fournisseur;etat;ouvert_le;ferme_le\n"
ROW = "1234567890;SFACETAT;11000201100044;00000000000727;COMMANDE;2026-01-01;\n"


def a_file(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "commitments.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_row_is_read_in_full(tmp_path):
    (row,) = read_commitments(a_file(tmp_path, HEADER + ROW))

    assert row == Commitment(
        "1234567890", "SFACETAT", "11000201100044", "00000000000727", "COMMANDE", date(2026, 1, 1), None
    )


def test_numbers_are_kept_as_they_are_looked_up(tmp_path):
    (row,) = read_commitments(a_file(tmp_path, HEADER + ROW.replace("1234567890", " ej-2026/1 ")))

    assert row.number == "EJ-2026/1"


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        (HEADER.replace("etat;", "") + ROW, 1, "etat", "column etat is missing"),
        (HEADER.replace("etat", "statut") + ROW, 1, "etat", "column etat is missing"),
        (HEADER + ROW.replace("2026-01-01", "1/1/2026"), 2, "ouvert_le", "'1/1/2026' is no date"),
        (HEADER + ROW.replace("1234567890", "9" * 51), 2, "numero", "number of 51 characters"),
        (HEADER + ROW.replace("1234567890", "1,23E+09"), 2, "numero", "identifier '1,23E+09' cannot be read"),
        (HEADER + ROW.replace("COMMANDE", ""), 2, "etat", "empty value"),
        (HEADER + ROW + ROW, 3, "numero", "commitment 1234567890 is on line 2 too"),
        ("", 0, "", "empty file"),
    ],
)
def test_what_cannot_be_taken_is_told_with_its_place(text, line, column, says, tmp_path):
    with pytest.raises(CommitmentsError) as caught:
        list(read_commitments(a_file(tmp_path, text)))

    assert (caught.value.line, caught.value.column, caught.value.what.en) == (line, column, says)
