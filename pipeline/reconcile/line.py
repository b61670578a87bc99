"""One line of `verify` or `reconcile`: its name, what people call it, and what to do when it is red."""

from collections.abc import Iterable, Iterator, Mapping
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
_AUDIT = Said(
    "arrêter les runs, copier le dossier de travail, puis chorus-edi audit verify --full (docs/ops/audit.md)",
    "stop the runs, copy the home, then `chorus-edi audit verify --full` (docs/ops/audit.md)",
)
LINES: Mapping[str, Row] = MappingProxyType(
    {
        "deposits": Row("dépôts", _REPORT),
        "doubles": Row("doubles", _REPORT),
        "invoices": Row("factures", _REPORT),
        "money": Row("montants", _REPORT),
        "checks": Row("contrôles", _REPORT),
        "reasons": Row("motifs", _REPORT),
        "reports": Row("comptes rendus", _REPORT),
        "archive": Row("archive", _RESTORE),
        "retention": Row("conservation", _REPORT),
        "transitions": Row("historiques", _REPORT),
        "statuses": Row("statuts", _REPORT),
        "standings": Row("situations", _REPORT),
        "told": Row(
            "annonces",
            Said(
                "chorus-edi run annonce ce qui ne l'est pas encore ; le reste est à signaler avec une copie du dossier",
                "`chorus-edi run` tells what is untold; report anything else with a copy of the home",
            ),
        ),
        "numbers": Row("numéros", _REPORT),
        "holds": Row("contenus retenus", _REPORT),
        "isolation": Row("cloisonnement", _REPORT),
        "outbox": Row("envois", _RESTORE),
        "in doubt": Row(
            "envois en doute",
            Said(
                "demander au destinataire s'il a le fichier, puis chorus-edi decide FICHIER sent, ou send, --reason "
                "TEXTE (docs/ops/backup.md)",
                "ask whom the file is for whether they have it, then `chorus-edi decide FILE sent`, or `send`, "
                "`--reason TEXT` (docs/ops/backup.md)",
            ),
        ),
        "audit": Row("journal", _AUDIT),
        "audit cover": Row("journal complet", _AUDIT),
        "audit heads": Row("journal attesté", _AUDIT),
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
        "readers": Row(
            "lecteurs",
            Said(
                "permettre seccomp ou un espace de noms réseau à ce processus (noyau, conteneur) ; docs/ops/readers.md",
                "allow this process seccomp or a network namespace (kernel, container); docs/ops/readers.md",
            ),
        ),
        "antivirus": Row(
            "antivirus",
            Said(
                "systemctl restart clamav-daemon ; docs/ops/antivirus.md dit quoi d'autre, et les flux attendent",
                "`systemctl restart clamav-daemon`; docs/ops/antivirus.md says what else, and flows wait meanwhile",
            ),
        ),
        "dependencies": Row(
            "dépendances",
            Said(
                "la commande nommée, puis chorus-edi verify ; docs/ops/dependencies.md dit pourquoi",
                "the command named, then `chorus-edi verify`; docs/ops/dependencies.md says why",
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


class Broken:
    """What breaks a line: the first of it, to be named, and how much there is. A broken ledger may be a large one."""

    def __init__(self, found: Iterable[Said] = ()) -> None:
        self.first: list[Said] = []
        self.count = 0
        self.extend(found)

    def add(self, one: Said) -> None:
        self.count += 1
        if self.count <= SHOWN:
            self.first.append(one)

    def extend(self, several: Iterable[Said]) -> None:
        for one in several:
            self.add(one)

    @property
    def said(self) -> Said:
        """The first of it in one text, the rest counted."""
        rest = self.count - len(self.first)
        fr, en = " ; ".join(one.fr for one in self.first), "; ".join(one.en for one in self.first)
        return Said(f"{fr} (et {rest} de plus)", f"{en} (and {rest} more)") if rest else Said(fr, en)


def line(name: str, broken: Broken, count: int, fine: Said) -> Line:
    """Green with what was seen, or red with the first names of what is wrong."""
    return Line(name, not broken.count, broken.said if broken.count else fine, count)


def each(names: Iterable[str | InvoiceAt], fr: str, en: str) -> Iterator[Said]:
    """The same said of each name: `fr` and `en` follow it."""
    for name in names:
        found = Said(name, name) if isinstance(name, str) else name.said
        yield Said(f"{found.fr} {fr}", f"{found.en} {en}")
