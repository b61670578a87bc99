"""The reference data of the bench: its directory, its partners, where its files lie."""

from pathlib import Path

from fixtures import batch
from pipeline.model import DepositRight
from pipeline.runner import Partner

VAR = Path("var/bench")
RIGHTS = tuple(DepositRight(supplier.type, supplier.identifier) for supplier in batch.SUPPLIERS)


def directory() -> Path:
    """The folder of the sample directory, written again if need be."""
    return batch.directory(VAR / "directory")


def partners() -> list[Partner]:
    """The one that drops, and one receiver for every second recipient; the others get theirs by the portal."""
    issuer = Partner(batch.PARTNER, "Opérateur du banc d'essai", rights=RIGHTS)
    receivers = [
        Partner(f"RCV{rank:03d}", recipient.name, receives=((recipient.siret, ""),))
        for rank, recipient in enumerate(batch.RECIPIENTS, start=1)
        if rank % 2
    ]
    return [issuer, *receivers]
