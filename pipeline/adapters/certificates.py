"""When a certificate ends: read from its PEM file. The library comes with SFTP; a core installation has none."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipeline.ports import Fault, Said

BYTES_MAX = 1 << 20  # a chain has some kilobytes


@dataclass(frozen=True, slots=True)
class Validity:
    """Aware moments, UTC."""

    begins: datetime
    ends: datetime


def validity(path: Path) -> Validity:
    """Of the certificate in this file that ends first: a chain is worth what its weakest link is.

    A file that cannot be read raises an `OSError`; one that holds no certificate, and a missing library, a `Fault`.
    """
    with path.open("rb") as file:
        pem = file.read(BYTES_MAX)
    try:
        from cryptography import x509  # not above: an extra brings it
    except ImportError as error:
        raise Fault(_NO_LIBRARY) from error
    try:
        found = x509.load_pem_x509_certificates(pem)
    except (ValueError, x509.InvalidVersion) as error:
        raise Fault(_NO_CERTIFICATE) from error
    first = min(found, key=lambda one: one.not_valid_after_utc)
    return Validity(first.not_valid_before_utc, first.not_valid_after_utc)


_NO_CERTIFICATE = Said("aucun certificat PEM dans ce fichier", "no PEM certificate in this file")
_NO_LIBRARY = Said(
    "la bibliothèque qui lit les certificats manque : pip install 'chorus-edi[sftp]'",
    "the library that reads certificates is missing: pip install 'chorus-edi[sftp]'",
)
