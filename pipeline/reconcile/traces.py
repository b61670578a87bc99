"""What must be there, once and in its order: reports, bytes, histories, numbers, audit rows, lots."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby

from pipeline import lifecycle
from pipeline.ports import Said
from pipeline.reconcile.line import Broken, InvoiceAt, Line, each, line


def reports(wrong: Iterable[tuple[str, int]], of_repeated: Iterable[str], misnamed: Iterable[str], count: int) -> Line:
    """Exactly one report for an answered deposit, under the name that follows from it; none for a repeated one.

    `wrong`: answered deposits with another number of reports than one, and that number; `count`: all answered ones.
    """
    broken = Broken(Said(f"{name} a {n} comptes rendus", f"{name} has {n} reports") for name, n in wrong)
    broken.extend(
        each(
            of_repeated,
            "n'est pas répondu et a un compte rendu à lui",
            "is not answered, or is a repetition, and has a report of its own",
        )
    )
    broken.extend(
        each(
            misnamed,
            "a un compte rendu dont le nom ou la place n'est pas ce que dit le dépôt",
            "has a report whose name or place is not what the deposit says",
        )
    )
    fine = Said(
        "un par dépôt répondu, aucun pour un dépôt à l'identique",
        "one for each answered deposit, none for a repeated one",
    )
    return line("reports", broken, count, fine)


def histories(steps: Iterable[tuple[InvoiceAt, int, str]]) -> Line:
    """Every history of an invoice is a path of the table, its steps numbered without a gap; they come in order."""
    broken = Broken()
    count = 0
    for invoice, taken in groupby(steps, key=lambda step: step[0]):
        path = tuple((sequence, status) for _, sequence, status in taken)
        count += len(path)
        if not _is_path(path):
            broken.add(invoice.said.because(" ".join(status for _, status in path)))
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
    broken = Broken(
        each(integrated_untold, "est intégrée et n'a pas le statut 03", "is integrated and has no status 03")
    )
    broken.extend(each(others_told, "a un statut et n'est pas intégrée", "has a status and is not integrated"))
    fine = Said(
        "01, 02 et 03 pour ce qui est intégré, et rien d'autre", "01, 02 and 03 for what is integrated and nothing else"
    )
    return line("statuses", broken, 0, fine)


def standings(
    elsewhere: Iterable[InvoiceAt], unasked: Iterable[InvoiceAt], unbalanced: Iterable[str], count: int
) -> Line:
    """After integration: an invoice stands where its history brought it, and every change has who asked for it.

    `unbalanced`: files of changes of whose rows not each is applied, repeated, kept or refused. `count`: the changes.
    """
    broken = Broken(
        each(
            elsewhere,
            "n'est pas là où son historique l'a menée",
            "does not stand where its history brought it",
        )
    )
    broken.extend(
        each(
            unasked,
            "a un changement de statut que personne n'a demandé, ou une demande sans changement",
            "has a change of status that nobody asked for, or was asked for one and has it not",
        )
    )
    broken.extend(
        each(
            unbalanced,
            "a des lignes dont le sort ne se retrouve pas : lues = appliquées + répétées + gardées + refusées",
            "has rows that are not accounted for: read = applied + repeated + kept + refused",
        )
    )
    fine = Said(
        "chaque facture est là où son historique l'a menée, chaque changement a été demandé",
        "every invoice stands where its history brought it, and every change was asked for",
    )
    return line("standings", broken, count, fine)


def numbers(without_claim: Iterable[InvoiceAt], without_invoice: Iterable[str], count: int) -> Line:
    """A number is held by exactly what is integrated or pending."""
    broken = Broken(each(without_claim, "ne tient aucun numéro", "holds no number"))
    broken.extend(
        each(
            without_invoice,
            "est pris par une facture ni intégrée ni en attente",
            "is held and its invoice is not integrated or pending",
        )
    )
    fine = Said(
        "pris par ce qui est intégré ou en attente, et rien d'autre",
        "held by what is integrated or pending, and by nothing else",
    )
    return line("numbers", broken, count, fine)


def archive(looked: Iterable[tuple[str, str, str | None]], unkept: Iterable[str], nights: int = 1) -> Line:
    """The bytes received and sent are there and are what their digest says; nothing was read that was not archived.

    `looked`: (owner, SHA-256, SHA-256 of what stands there, None where nothing does); `nights`: in how many of them
    every object is read once.
    """
    broken = Broken()
    count = 0
    for owner, sha256, found in looked:
        count += 1
        if found is None:
            broken.extend(each([f"{owner}/{sha256}"], "est introuvable", "is missing"))
        elif found != sha256:
            broken.extend(
                each([f"{owner}/{sha256}"], "n'est pas ce que dit son SHA-256", "is not what its SHA-256 says")
            )
    broken.extend(
        each(unkept, "est répondu, et son contenu n'est pas archivé", "is answered, and its bytes are not archived")
    )
    fine = Said("chaque objet est là et égal à son SHA-256", "every object is there and equals its SHA-256")
    if nights > 1:
        fine = Said(
            f"chaque objet est là ; un sur {nights} est relu cette nuit, tous en {nights} nuits",
            f"every object is there; one in {nights} is read again tonight, all of them in {nights} nights",
        )
    return line("archive", broken, count, fine)


def outbox(looked: Iterable[tuple[str, bool]]) -> Line:
    """What is to be sent was stored first. `looked`: (file, whether its bytes are stored)."""
    broken = Broken()
    count = 0
    for name, is_there in looked:
        count += 1
        if not is_there:
            broken.extend(each([name], "n'a pas de contenu archivé", "has no stored bytes"))
    return line("outbox", broken, count, Said("chaque fichier a son contenu", "every file has its bytes"))


def holds(kept_for_nothing: Iterable[str], given_away: Iterable[str]) -> Line:
    """A flow holds its bytes while it has something in it, and no longer."""
    broken = Broken(
        each(
            kept_for_nothing,
            "est refusé en entier et retient encore son contenu",
            "is wholly refused and still holds its bytes",
        )
    )
    broken.extend(
        each(
            given_away,
            "garde une facture et ne retient plus son contenu",
            "has something in it and holds its bytes no more",
        )
    )
    fine = Said(
        "un contenu est retenu par les flux qui gardent une facture", "bytes are held by flows with something in them"
    )
    return line("holds", broken, 0, fine)


def chain(problems: Iterable[Said], rows: int) -> Line:
    """The audit rows of each partner follow each other without a gap, and cover what the ledger says today."""
    fine = Said(
        "chaque ligne suit la précédente et couvre ce qui est inscrit",
        "every row follows the one before it and covers what stands there",
    )
    return line("audit", Broken(problems), rows, fine)


def unaudited(problems: Iterable[Said], records: int) -> Line:
    """Nothing that was received, decided or said stands outside the chain."""
    fine = Said("rien n'est inscrit hors du journal", "nothing stands outside the chain")
    return line("audit cover", Broken(problems), records, fine)


def anchors(problems: Iterable[Said], objects: int) -> Line:
    """What the store attests of a chain stands in it: the objects of the units, the heads of the days."""
    fine = Said("le journal est celui qu'atteste le magasin", "the chain is the one that the store attests")
    return line("audit heads", Broken(problems), objects, fine)


def folders(without_partner: Sequence[str], count: int) -> Line:
    """Every folder of the drop zone belongs to a partner."""
    names = [f"drop/{name}" for name in without_partner]
    broken = Broken(each(names, "n'appartient à aucun partenaire", "belongs to no partner"))
    return line("folders", broken, count, Said("chaque dossier a son partenaire", "every folder belongs to a partner"))


def claimed(without_row: Sequence[str], count: int, *, is_busy: bool) -> Line:
    """Every file taken from a drop folder has its row; while another process receives, one may be on its way."""
    broken = Broken(each(without_row, "n'a pas sa ligne au registre", "has no row in the ledger"))
    fine = Said("chaque fichier pris a sa ligne au registre", "every file that was taken has its row")
    if is_busy:
        fine = Said("un run reçoit en ce moment : relire après lui", "a run is receiving now: look again after it")
    return line("claimed", broken, count, fine)


def leases(expired: Sequence[str], count: int) -> Line:
    """No lot is left with a worker that is gone."""
    broken = Broken(Said(f"le bail du lot {lot} a expiré", f"lot {lot} has an expired lease") for lot in expired)
    return line("leases", broken, count, Said("aucun lot n'est abandonné", "no lot is left behind"))


def ages(past: Sequence[Said], near: Sequence[Said], count: int) -> Line:
    """Certificates, keys and passwords are within their days; what comes near its last one is named all the same."""
    fine = Said("rien n'approche de son dernier jour", "nothing comes near its last day")
    return line("ages", Broken(past), count, Broken(near).said if near else fine)
