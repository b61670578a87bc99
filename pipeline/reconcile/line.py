"""One line of `verify`: its name, what people call it, and what to do when it is red."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from pipeline.ports import Said

SHOWN = 5  # names in one line; the count says how many there are
NONE = Said("aucun", "none")


class InvoiceAt(NamedTuple):
    """One invoice of the ledger: `partner/flow name`, and its rank there."""

    flow: str
    rank: int

    @property
    def said(self) -> Said:
        return Said(f"{self.flow} facture {self.rank}", f"{self.flow} invoice {self.rank}")


class Row(NamedTuple):
    """What a line is called in French, and the next step when it is red."""

    french: str
    remedy: Said


_REPORT = Said(
    "arrêter les runs, copier le dossier de travail, et signaler cette ligne avec la copie",
    "stop the runs, copy the home, and report this line with the copy",
)
_RESTORE = Said(
    "remettre dans store/ les fichiers nommés, depuis la sauvegarde, puis chorus-edi verify",
    "put the files that are named back into store/, from the backup, then `chorus-edi verify`",
)
LINES: Mapping[str, Row] = MappingProxyType(
    {
        "deposits": Row("dépôts", _REPORT),
        "invoices": Row("factures", _REPORT),
        "money": Row("montants", _REPORT),
        "reports": Row("comptes rendus", _REPORT),
        "archive": Row("archive", _RESTORE),
        "transitions": Row("historiques", _REPORT),
        "statuses": Row("statuts", _REPORT),
        "numbers": Row("numéros", _REPORT),
        "holds": Row("contenus retenus", _REPORT),
        "outbox": Row("envois", _RESTORE),
        "audit": Row("journal", _REPORT),
        "audit cover": Row("journal complet", _REPORT),
        "folders": Row(
            "dossiers",
            Said(
                "chorus-edi partners add CODE --name NOM ouvre le dossier ; sinon le retirer de drop/",
                "`chorus-edi partners add CODE --name NAME` opens the folder; else take it out of drop/",
            ),
        ),
        "claimed": Row("fichiers pris", Said("chorus-edi run les enregistre", "`chorus-edi run` registers them")),
        "leases": Row("lots", Said("chorus-edi run reprend ces lots", "`chorus-edi run` takes these lots over")),
    }
)


@dataclass(frozen=True, slots=True)
class Line:
    """One invariant: does it hold, over how many rows, and what breaks it. `name` never changes: machines read it."""

    name: str  # of `LINES`; money is told per currency, `money EUR`
    ok: bool
    detail: Said
    count: int = 0

    @property
    def label(self) -> Said:
        """What people call it."""
        known = LINES.get(self.name)
        if known is not None:
            return Said(known.french, self.name)
        currency = self.name.removeprefix("money ").replace("without currency", "sans devise")
        return Said(f"{LINES['money'].french} {currency}", self.name)

    @property
    def remedy(self) -> Said:
        """The next step when it is red."""
        return (LINES.get(self.name) or LINES["money"]).remedy


def line(name: str, broken: Sequence[Said], count: int, fine: Said) -> Line:
    """Green with what was seen, or red with the first names of what is wrong."""
    if not broken:
        return Line(name, True, fine, count)
    shown, rest = broken[:SHOWN], len(broken) - SHOWN
    fr, en = " ; ".join(one.fr for one in shown), "; ".join(one.en for one in shown)
    if rest > 0:
        fr, en = f"{fr} (et {rest} de plus)", f"{en} (and {rest} more)"
    return Line(name, False, Said(fr, en), count)


def each(names: Iterable[str | InvoiceAt], fr: str, en: str) -> list[Said]:
    """The same said of each name: `fr` and `en` follow it."""
    found = (Said(name, name) if isinstance(name, str) else name.said for name in names)
    return [Said(f"{name.fr} {fr}", f"{name.en} {en}") for name in found]
