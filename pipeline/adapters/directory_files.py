"""Reading a directory (annuaire) from files: rows fit for a bulk insert, and what is odd about them.

Nothing here knows the ledger: `directory import` stores the rows, `check --directory` keeps them in memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from pipeline.adapters.directory_forms import Form, form_of
from pipeline.adapters.directory_rows import DirectoryError, ServiceRow, StructureRow, SupplierRow, restored
from pipeline.model import Service, Structure
from pipeline.ports import Said
from pipeline.routing import import_checks
from pipeline.routing.directory import SIRET_TYPE
from pipeline.siret import is_siret

WARNINGS_MAX = 1_000  # a wrong export has the same fault in every line
R = TypeVar("R")


class Remark(NamedTuple):
    """Something odd in a directory that is taken all the same, and what was done about it."""

    line: int
    siret: str
    said: Said


@dataclass
class DirectoryImport:
    """A directory being read. `warnings` fills while the iterators run; read it when they are exhausted.

    Of what comes twice the first is kept; a service of no known structure is left out.
    """

    day: date | None
    structures: Iterator[StructureRow]
    services: Iterator[ServiceRow]
    suppliers: Iterator[SupplierRow] | None
    warnings: list[Remark]


def read_directory(path: Path) -> DirectoryImport:
    """Open a directory in any of its forms. Raises `DirectoryError` here or while its iterators run."""
    reading = _Reading(form_of(path))
    return DirectoryImport(
        reading.form.day, reading.structures(), reading.services(), reading.suppliers(), reading.warnings
    )


def as_known(path: Path) -> Mapping[str, Structure]:
    """A whole directory in memory, by SIRET: for `check --directory`, which has no ledger."""
    found = read_directory(path)
    rows = list(found.structures)
    services: dict[str, list[Service]] = {}
    for row in found.services:
        services.setdefault(row.siret, []).append(service_of(row))
    return {row.siret: structure_of(row, tuple(services.get(row.siret, ()))) for row in rows}


def structure_of(row: StructureRow, services: tuple[Service, ...]) -> Structure:
    return Structure(
        row.siret,
        row.identifier_type,
        row.name,
        row.is_active,
        row.requires_service,
        row.requires_commitment,
        row.requires_service_or_commitment,
        row.is_moa,
        row.is_moa_only,
        row.returns_payment_status,
        row.successor,
        row.inactive_since,
        services,
    )


def service_of(row: ServiceRow) -> Service:
    return Service(row.code, row.label, row.is_active, row.valid_from, row.valid_to, row.requires_commitment)


def batches(rows: Iterator[R], size: int = 1_000) -> Iterator[list[R]]:
    """Rows in lists for a bulk insert."""
    while batch := list(islice(rows, size)):
        yield batch


@dataclass
class _Reading:
    form: Form
    warnings: list[Remark] = field(default_factory=list)
    sirets: set[str] | None = None  # complete once the structures were read to their end

    def structures(self) -> Iterator[StructureRow]:
        seen: set[str] = set()
        for line, row in self.form.structures():
            if row.siret in seen:
                self._remark(line, row.siret, _TWICE)
                continue
            seen.add(row.siret)
            if row.identifier_type == SIRET_TYPE and not is_siret(row.siret):
                self._remark(line, row.siret, Said("SIRET sans 14 chiffres", "SIRET without 14 digits"))
            yield row
        self.sirets = seen

    def services(self) -> Iterator[ServiceRow]:
        if self.sirets is None:
            self.sirets = {row.siret for _, row in self.form.structures()}
        periods: dict[tuple[str, str], list[import_checks.Period]] = {}
        for line, found in self.form.services():
            row = found if found.siret in self.sirets else found._replace(siret=restored(found.siret))
            if row.siret not in self.sirets:
                self._remark(line, row.siret, _ORPHAN)
                continue
            for odd in import_checks.of_code(row.code):
                self._remark(line, row.siret, odd.at(repr(row.code)))
            period = (row.valid_from, row.valid_to)
            before = periods.setdefault((row.siret, row.code), [])
            if any(import_checks.overlap(period, other) for other in before):
                self._remark(line, row.siret, _TWICE.at(repr(row.code)))
                continue
            before.append(period)
            yield row

    def suppliers(self) -> Iterator[SupplierRow] | None:
        rows = self.form.suppliers()
        return None if rows is None else self._suppliers(rows)

    def _suppliers(self, rows: Iterator[tuple[int, SupplierRow]]) -> Iterator[SupplierRow]:
        seen: set[tuple[int, str]] = set()
        for line, row in rows:
            if row[:2] in seen:
                self._remark(line, row.identifier, _TWICE)
                continue
            seen.add(row[:2])
            yield row

    def _remark(self, line: int, siret: str, said: Said) -> None:
        if len(self.warnings) < WARNINGS_MAX:
            self.warnings.append(Remark(line, siret, said))
        elif len(self.warnings) == WARNINGS_MAX:
            self.warnings.append(Remark(0, "", Said("d'autres remarques non listées", "more remarks, not listed")))


_TWICE = Said("présent deux fois ; la première ligne est gardée", "there twice; the first line is kept")
_ORPHAN = Said("service d'une structure absente ; laissé de côté", "service of an absent structure; left out")

__all__ = [
    "DirectoryError",
    "DirectoryImport",
    "Remark",
    "ServiceRow",
    "StructureRow",
    "SupplierRow",
    "as_known",
    "batches",
    "read_directory",
    "service_of",
    "structure_of",
]
