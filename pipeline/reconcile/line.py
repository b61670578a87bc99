"""One line of `verify` or `reconcile`: its name, what people call it, and what to do when it is red."""

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
        "ages": Row(
            "échéances",
            Said(
                "le renouveler ; docs/ops/runbooks/age-*.md dit comment, et où mettre la nouvelle date",
                "renew it; docs/ops/runbooks/age-*.md says how, and where the new date goes",
            ),
        ),
    }
)
# what `reconcile` says besides: the first five of one business day, the others of this moment
NIGHTLY: Mapping[str, Row] = MappingProxyType(
    {
        "day deposits": Row("dépôts du jour", _REPORT),
        "day invoices": Row("factures du jour", _REPORT),
        "day money": Row("montants du jour", _REPORT),
        "day reports": Row("réponses du jour", _REPORT),
        "day pivots": Row("pivots du jour", _REPORT),
        "waiting": Row("ce qui attend", NONE),
        "at work": Row("lots en cours", NONE),
        "orphans": Row("objets sans ligne", NONE),
    }
)
_ROWS = {**LINES, **NIGHTLY}


@dataclass(frozen=True, slots=True)
class Line:
    """One invariant: does it hold, over how many rows, and what breaks it. `name` never changes: machines read it."""

    name: str  # of `LINES` or `NIGHTLY`; money is told per currency, `money EUR`
    ok: bool
    detail: Said
    count: int = 0

    @property
    def label(self) -> Said:
        """What people call it."""
        row, currency = self._row
        return Said(f"{row.french} {currency}".rstrip(), self.name)

    @property
    def remedy(self) -> Said:
        """The next step when it is red."""
        return self._row[0].remedy

    @property
    def _row(self) -> tuple[Row, str]:
        """Its row, and the currency it is told for."""
        if self.name in _ROWS:
            return _ROWS[self.name], ""
        kind = "day money" if self.name.startswith("day ") else "money"
        currency = self.name.removeprefix(kind).strip().replace("without currency", "sans devise")
        return _ROWS[kind], currency


def line(name: str, broken: Sequence[Said], count: int, fine: Said) -> Line:
    """Green with what was seen, or red with the first names of what is wrong."""
    if not broken:
        return Line(name, True, fine, count)
    return Line(name, False, first_of(broken), count)


def first_of(several: Sequence[Said]) -> Said:
    """The first of them in one text, the others counted."""
    shown, rest = several[:SHOWN], len(several) - SHOWN
    fr, en = " ; ".join(one.fr for one in shown), "; ".join(one.en for one in shown)
    return Said(f"{fr} (et {rest} de plus)", f"{en} (and {rest} more)") if rest > 0 else Said(fr, en)


def each(names: Iterable[str | InvoiceAt], fr: str, en: str) -> list[Said]:
    """The same said of each name: `fr` and `en` follow it."""
    found = (Said(name, name) if isinstance(name, str) else name.said for name in names)
    return [Said(f"{name.fr} {fr}", f"{name.en} {en}") for name in found]
