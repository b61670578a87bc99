"""The rows of a directory file (spec 05 section 5): one type per table, and the columns it is read from."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple, TypeVar

from pipeline.adapters.table_cells import (
    boolean,
    day_or_nothing,
    identifier,
    identifier_type,
    needed,
    text,
)
from pipeline.adapters.table_files import Column, ReferenceFileError
from pipeline.routing.directory import SIRET_TYPE

SIRET_DIGITS = 14
R = TypeVar("R")
Rows = Iterator[tuple[int, R]]  # each with its line, so that a remark can name it


class DirectoryError(ReferenceFileError):
    """A directory file that cannot be taken."""


class StructureRow(NamedTuple):
    """One line of the structures, in the order of the columns."""

    identifier_type: int
    siret: str
    name: str
    edi_issuer: bool
    edi_receiver: bool
    returns_payment_status: bool
    requires_commitment: bool
    requires_service: bool
    requires_service_or_commitment: bool
    is_moa: bool
    is_moa_only: bool
    is_active: bool
    address_1: str
    address_2: str
    address_3: str
    postcode: str
    town: str
    telephone: str
    email: str
    country: str
    country_label: str
    successor: str
    inactive_since: date | None


class ServiceRow(NamedTuple):
    """One line of the services."""

    siret: str
    code: str
    label: str
    is_active: bool
    valid_from: date | None
    valid_to: date | None
    requires_commitment: bool


class SupplierRow(NamedTuple):
    """One line of the suppliers."""

    identifier_type: int
    identifier: str
    name: str
    is_active: bool


STRUCTURE_COLUMNS = (
    Column("TypeIdentifiant", identifier_type),
    Column("Identifiant", identifier),
    Column("RaisonSociale", text),
    Column("EmetteurEdi", boolean),
    Column("RecepteurEdi", boolean),
    Column("GestionStatutMiseEnPaiement", boolean),
    Column("GestionEngagement", boolean),
    Column("GestionService", boolean),
    Column("GestionServiceEngagement", boolean),
    Column("EstMOA", boolean),
    Column("EstMOAUniquement", boolean),
    Column("StructureActive", boolean),
    Column("Adresse", text),
    Column("ComplementAdresse1", text),
    Column("ComplementAdresse2", text),
    Column("CodePostal", text),
    Column("Ville", text),
    Column("NumTelephone", text),
    Column("Courriel", text),
    Column("CodePays", text),
    Column("LibellePays", text),
    Column("Successeur", text, is_required=False),
    Column("InactiveDepuis", day_or_nothing, is_required=False),
)
SERVICE_COLUMNS = (
    Column("Identifiant", identifier),
    Column("CodeService", needed),
    Column("LibelleService", text),
    Column("ServiceActif", boolean),
    Column("DateDebut", day_or_nothing),
    Column("DateFin", day_or_nothing),
    Column("GestionEngagement", boolean),
)
SUPPLIER_COLUMNS = (
    Column("TypeIdentifiant", identifier_type),
    Column("Identifiant", identifier),
    Column("RaisonSociale", text),
    Column("StructureActive", boolean),
)


def restored(found: str) -> str:
    """A SIRET with the leading zeros that a spreadsheet took away; anything else as it is.

    >>> restored("727"), restored("FR12"), restored("12345678200051")
    ('00000000000727', 'FR12', '12345678200051')
    """
    return found.zfill(SIRET_DIGITS) if len(found) < SIRET_DIGITS and found.isascii() and found.isdigit() else found


def structure_row(values: Sequence[object]) -> StructureRow:
    row = StructureRow._make(values)
    if row.identifier_type == SIRET_TYPE and len(row.siret) < SIRET_DIGITS:
        row = row._replace(siret=restored(row.siret))
    return row._replace(successor=restored(row.successor)) if row.successor else row


def service_row(values: Sequence[object]) -> ServiceRow:
    """Its identifier has no type here: whether zeros are missing shows against the structures."""
    return ServiceRow._make(values)


def supplier_row(values: Sequence[object]) -> SupplierRow:
    row = SupplierRow._make(values)
    return row._replace(identifier=restored(row.identifier)) if row.identifier_type == SIRET_TYPE else row
