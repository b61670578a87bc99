"""The envelope that opens every file we write: production day, flow id, receiver and sender (spec 02 section 2)."""

from datetime import date, datetime

from pipeline.model import PARIS
from pipeline.returns.markup import leaf, node


def envelope(name: str, day: date, receiver: str, sender: str) -> str:
    """`name` is the name of the file; its last 25 characters are the flow id (IdFlx)."""
    return node(
        "Enveloppe",
        node(
            "EnveloppeUnitaire",
            node("Parametres", _parameter(1, "DtPrd", day.isoformat()), _parameter(2, "IdFlx", name[-25:])),
            node(
                "Partenaires",
                node("Recepteur", leaf("Id", receiver)),
                node("Emetteur", leaf("Id", sender)),
            ),
            NumOrdre="1",
        ),
    )


def moment(when: datetime) -> str:
    """Horodatage: the second in Paris, with its zone.

    >>> from datetime import timezone
    >>> moment(datetime(2026, 7, 1, 12, 0, 0, 999, tzinfo=timezone.utc))
    '2026-07-01T14:00:00+02:00'
    """
    return when.astimezone(PARIS).isoformat(timespec="seconds")


def paris_day(when: datetime) -> date:
    """The day in Paris, as DtPrd and the daily file count it."""
    return when.astimezone(PARIS).date()


def _parameter(rank: int, code: str, value: str) -> str:
    return node("ParametreIndiv", leaf("Code", code), leaf("Valeurparametre", value), NumOrdre=f"{rank:04d}")
