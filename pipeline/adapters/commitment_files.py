"""Reading the State's order file, `commitments.csv`: `numero;service;structure;fournisseur;etat;ouvert_le;ferme_le`."""

from collections.abc import Iterator
from pathlib import Path
from typing import cast

from pipeline.adapters.directory_rows import restored
from pipeline.adapters.table_cells import WrongValueError, day_or_nothing, identifier, needed, text
from pipeline.adapters.table_files import Column, ReferenceFileError, csv_lines, table
from pipeline.model import Commitment
from pipeline.ports import Said
from pipeline.routing.commitment import table_key

NUMBER_CHARS_MAX = 50


class CommitmentsError(ReferenceFileError):
    """An order file that cannot be taken."""


def number(cell: str) -> str:
    """A commitment number as it is looked up: at most 50 characters, upper case."""
    found = table_key(identifier(cell))
    if len(found) > NUMBER_CHARS_MAX:
        raise WrongValueError(
            Said(f"numéro de {len(found)} caractères", f"number of {len(found)} characters"),
            Said(f"au plus {NUMBER_CHARS_MAX}", f"at most {NUMBER_CHARS_MAX}"),
        )
    return found


COLUMNS = (
    Column("numero", number),
    Column("service", text),
    Column("structure", lambda cell: restored(identifier(cell))),
    Column("fournisseur", text),
    Column("etat", needed),
    Column("ouvert_le", day_or_nothing),
    Column("ferme_le", day_or_nothing),
)


def read_commitments(path: Path) -> Iterator[Commitment]:
    """The rows of an order file as a stream. A number given twice stops it: nobody can tell which is meant."""
    seen: dict[str, int] = {}
    for line, values in table(path.name, csv_lines(path, CommitmentsError), COLUMNS, CommitmentsError):
        row = Commitment(*cast("list[str]", values))  # type: ignore[arg-type]
        first = seen.setdefault(row.number, line)
        if first != line:
            raise CommitmentsError(
                path.name,
                Said(f"engagement {row.number} déjà ligne {first}", f"commitment {row.number} is on line {first} too"),
                Said("garder une seule ligne par numéro", "keep one line per number"),
                line=line,
                column="numero",
            )
        yield row


__all__ = ["CommitmentsError", "read_commitments", "table_key"]
