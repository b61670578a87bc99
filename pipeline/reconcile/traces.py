"""What must be there, once and in its order: reports, bytes, histories, numbers, audit rows, lots."""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from pipeline import lifecycle
from pipeline.ports import Said
from pipeline.reconcile.line import InvoiceAt, Line, each, first_of, line


class Link(NamedTuple):
    """One row of an audit chain, as stored and as recomputed from the transitions it covers."""

    partner: str
    sequence: int
    previous: str
    hash: str
    recomputed: str


def reports(per_answered: Mapping[str, int], of_repeated: Iterable[str]) -> Line:
    """Exactly one report for an answered deposit, none of its own for a repeated one."""
    broken = [
        Said(f"{name} a {n} comptes rendus", f"{name} has {n} reports") for name, n in per_answered.items() if n != 1
    ]
    broken += each(
        of_repeated,
        "est redéposé à l'identique et a un compte rendu à lui",
        "is a repetition and has a report of its own",
    )
    fine = Said(
        "un par dépôt répondu, aucun pour un dépôt à l'identique",
        "one for each answered deposit, none for a repeated one",
    )
    return line("reports", broken, len(per_answered), fine)


def histories(steps: Iterable[tuple[InvoiceAt, int, str]]) -> Line:
    """Every history of an invoice is a path of the table, its steps numbered without a gap; they come in order."""
    broken = []
    count = 0
    for invoice, taken in groupby(steps, key=lambda step: step[0]):
        path = tuple((sequence, status) for _, sequence, status in taken)
        count += len(path)
        if not _is_path(path):
            broken.append(invoice.said.because(" ".join(status for _, status in path)))
    fine = Said("chaque historique est un chemin permis", "every history is a path of the table")
    return line("transitions", broken, count, fine)


@lru_cache(maxsize=1_024)  # a ledger holds millions of histories, and few that differ
def _is_path(path: tuple[tuple[int, str], ...]) -> bool:
    statuses = [lifecycle.by_id(int(status)) for _, status in path]
    known = [status for status in statuses if status is not None]
    numbered = [sequence for sequence, _ in path] == list(range(1, len(path) + 1))
    return numbered and len(known) == len(statuses) and lifecycle.is_history(known)


def told_statuses(integrated_untold: Iterable[InvoiceAt], others_told: Iterable[InvoiceAt]) -> Line:
    """What is integrated has its statuses, and nothing else has the first of them."""
    broken = each(integrated_untold, "est intégrée et n'a pas le statut 03", "is integrated and has no status 03")
    broken += each(others_told, "a un statut et n'est pas intégrée", "has a status and is not integrated")
    fine = Said(
        "01, 02 et 03 pour ce qui est intégré, et rien d'autre", "01, 02 and 03 for what is integrated and nothing else"
    )
    return line("statuses", broken, 0, fine)


def numbers(without_claim: Iterable[InvoiceAt], without_invoice: Iterable[str], count: int) -> Line:
    """A number is held by exactly what is integrated or pending."""
    broken = each(without_claim, "ne tient aucun numéro", "holds no number")
    broken += each(
        without_invoice,
        "est pris par une facture ni intégrée ni en attente",
        "is held and its invoice is not integrated or pending",
    )
    fine = Said(
        "pris par ce qui est intégré ou en attente, et rien d'autre",
        "held by what is integrated or pending, and by nothing else",
    )
    return line("numbers", broken, count, fine)


def archive(missing: Iterable[str], altered: Iterable[str], count: int) -> Line:
    """The bytes received and sent are there and are what their digest says."""
    broken = each(missing, "est introuvable", "is missing")
    broken += each(altered, "n'est pas ce que dit son SHA-256", "is not what its SHA-256 says")
    fine = Said("chaque objet est là et égal à son SHA-256", "every object is there and equals its SHA-256")
    return line("archive", broken, count, fine)


def outbox(without_bytes: Iterable[str], count: int) -> Line:
    """What is to be sent was stored first."""
    broken = each(without_bytes, "n'a pas de contenu archivé", "has no stored bytes")
    return line("outbox", broken, count, Said("chaque fichier a son contenu", "every file has its bytes"))


def holds(kept_for_nothing: Iterable[str], given_away: Iterable[str]) -> Line:
    """A flow holds its bytes while it has something in it, and no longer."""
    broken = each(
        kept_for_nothing,
        "est refusé en entier et retient encore son contenu",
        "is wholly refused and still holds its bytes",
    )
    broken += each(
        given_away,
        "garde une facture et ne retient plus son contenu",
        "has something in it and holds its bytes no more",
    )
    fine = Said(
        "un contenu est retenu par les flux qui gardent une facture", "bytes are held by flows with something in them"
    )
    return line("holds", broken, 0, fine)


def chain(links: Iterable[Link]) -> Line:
    """The audit rows of each partner follow each other without a gap, and cover what the ledger says today."""
    last: dict[str, tuple[int, str]] = {}
    broken = []
    count = 0
    for link in links:
        count += 1
        sequence, previous = last.get(link.partner, (0, ""))
        where = Said(f"{link.partner} ligne {link.sequence}", f"{link.partner} row {link.sequence}")
        if link.sequence != sequence + 1 or link.previous != previous:
            broken.append(
                Said(f"{where.fr} ne suit pas la ligne {sequence}", f"{where.en} does not follow row {sequence}")
            )
        elif link.hash != link.recomputed:
            broken.append(
                Said(
                    f"{where.fr} ne couvre pas les statuts inscrits",
                    f"{where.en} does not cover the transitions that stand there",
                )
            )
        last[link.partner] = link.sequence, link.hash
    fine = Said("chaque ligne suit la précédente", "every row follows the one before it")
    return line("audit", broken, count, fine)


def unaudited(transitions: Iterable[tuple[InvoiceAt, int]]) -> Line:
    """No transition stands outside the chain."""
    broken = [
        Said(
            f"{invoice.said.fr} étape {step} n'est dans aucune ligne du journal",
            f"{invoice.said.en} step {step} is in no audit row",
        )
        for invoice, step in transitions
    ]
    return line("audit cover", broken, 0, Said("chaque statut est couvert", "every transition is covered"))


def folders(without_partner: Sequence[str], count: int) -> Line:
    """Every folder of the drop zone belongs to a partner."""
    names = [f"drop/{name}" for name in without_partner]
    broken = each(names, "n'appartient à aucun partenaire", "belongs to no partner")
    return line("folders", broken, count, Said("chaque dossier a son partenaire", "every folder belongs to a partner"))


def claimed(without_row: Sequence[str], count: int, *, is_busy: bool) -> Line:
    """Every file taken from a drop folder has its row; while another process receives, one may be on its way."""
    broken = each(without_row, "n'a pas sa ligne au registre", "has no row in the ledger")
    fine = Said("chaque fichier pris a sa ligne au registre", "every file that was taken has its row")
    if is_busy:
        fine = Said("un run reçoit en ce moment : relire après lui", "a run is receiving now: look again after it")
    return line("claimed", broken, count, fine)


def leases(expired: Sequence[str], count: int) -> Line:
    """No lot is left with a worker that is gone."""
    broken = [Said(f"le bail du lot {lot} a expiré", f"lot {lot} has an expired lease") for lot in expired]
    return line("leases", broken, count, Said("aucun lot n'est abandonné", "no lot is left behind"))


def ages(past: Sequence[Said], near: Sequence[Said], count: int) -> Line:
    """Certificates, keys and passwords are within their days; what comes near its last one is named all the same."""
    fine = Said("rien n'approche de son dernier jour", "nothing comes near its last day")
    return line("ages", past, count, first_of(near) if near else fine)
