"""One thing that does not hold in a chain, and the words for where it is."""

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.audit.form import Row
from pipeline.plural import counted
from pipeline.ports import Said

# what happened: words that never change, machines read them
CHANGED, REMOVED, INSERTED, MOVED, REWRITTEN = "changed", "removed", "inserted", "moved", "rewritten"
UNCOVERED = "uncovered"  # stands in no row
UNATTESTED = "unattested"  # an object of the store says otherwise, or is not there
NameOf = Callable[[int], str]  # the flow name of a deposit; empty where nobody knows it any more

_TABLES = {
    "deposits": Said("le dépôt", "the deposit"),
    "verdicts": Said("le verdict", "the verdict"),
    "invoices": Said("les factures", "the invoices"),
    "decided": Said("les factures décidées plus tard", "the invoices decided later"),
    "findings": Said("les motifs", "the findings"),
    "transitions": Said("les statuts", "the statuses"),
    "outbox": Said("les fichiers envoyés", "the files sent"),
    "decisions": Said("les décisions", "the decisions"),
    "operations": Said("les opérations", "the operations"),
    "shadows": Said("les verdicts à l'ombre", "the shadow verdicts"),
    "reject_days": Said("les rejets du jour", "the rejects of the day"),
    "changes": Said("les changements de statut", "the changes of status"),
    "told": Said("ce qui en est annoncé", "what was told of them"),
    "routings": Said("les nouvelles destinations", "the new routings"),
    "events": Said("les statuts bruts", "the raw statuses"),
    "additions": Said("les pièces ajoutées", "the files added"),
    "handled": Said("les rejets traités", "the rejects handled"),
    "intakes": Said("le décompte des lignes", "the counts of its rows"),
    "controls": Said("le contrôle de l'émetteur", "the control of its issuer"),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """In which chain, at which row, what happened."""

    partner: str
    sequence: int
    what: str
    said: Said

    @classmethod
    def of(cls, row: Row, what: str, fr: str, en: str, *values: Said | str | int) -> "Problem":
        """`fr` and `en` follow the place of the row; `{}` stands for each value."""
        french = fr.format(*(value.fr if isinstance(value, Said) else value for value in values))
        english = en.format(*(value.en if isinstance(value, Said) else value for value in values))
        place = f"{row.partner} row {row.sequence} ({row.kind})"
        said = Said(
            f"{row.partner} ligne {row.sequence} ({row.kind}) {french}",
            f"{place}{english}" if english.startswith(":") else f"{place} {english}",
        )
        return cls(row.partner, row.sequence, what, said)


def records(count: int) -> Said:
    """So many records, in words."""
    return Said(counted(count, "enregistrement"), counted(count, "record", "en"))


def place_of(table: str, deposit: int, name_of: NameOf) -> Said:
    """Records of one table and one deposit, in words."""
    several = _TABLES.get(table, Said(table, table))
    if not deposit:
        return several
    name = name_of(deposit)
    flow = f"{deposit} ({name})" if name else str(deposit)
    return Said(f"dépôt {flow}, {several.fr}", f"deposit {flow}, {several.en}")
