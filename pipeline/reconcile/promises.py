"""What was promised beside the sums: doubles that name their first, nothing let through unchecked, refusals that say
why, nothing of one partner with another, bytes kept for their years, nothing sent that is in doubt.
"""

from collections.abc import Iterable

from pipeline.ports import Said
from pipeline.reconcile.line import Broken, InvoiceAt, Line, each, line


def doubles(unlinked: Iterable[str], nameless: Iterable[str], count: int) -> Line:
    """A deposit is a flow that holds its name, or names the one it doubles."""
    broken = Broken(
        each(
            unlinked,
            "est redéposé à l'identique, et ne nomme pas le premier",
            "is a repetition and does not name the first one",
        )
    )
    broken.extend(
        each(
            nameless,
            "ne tient pas son nom, et ne nomme pas le dépôt qui le tient",
            "does not hold its name and names no deposit that does",
        )
    )
    fine = Said(
        "chaque dépôt tient son nom, ou nomme celui qu'il double",
        "every deposit holds its name or names the one that it doubles",
    )
    return line("doubles", broken, count, fine)


def checks(unchecked: Iterable[InvoiceAt], against: Iterable[tuple[InvoiceAt, str]], count: int) -> Line:
    """Nothing enters that was not checked, or that a finding keeps out. `against`: invoices, and a rule that does."""
    broken = Broken(
        each(
            unchecked,
            "est intégrée, et toutes ses règles n'ont pas été jugées",
            "is integrated, and not every rule of it was judged",
        )
    )
    broken.extend(
        Said(f"{one.said.fr} est intégrée malgré {rule}", f"{one.said.en} is integrated against {rule}")
        for one, rule in against
    )
    fine = Said("rien n'est intégré sans ses contrôles", "nothing is integrated without its checks")
    return line("checks", broken, count, fine)


def reasons(invoices: Iterable[InvoiceAt], flows: Iterable[str], count: int) -> Line:
    """Whatever is refused says why."""
    broken = Broken(each(invoices, "est refusée sans motif", "is refused without a reason"))
    broken.extend(each(flows, "est rejeté sans motif", "is rejected without a reason"))
    return line("reasons", broken, count, Said("chaque refus a son motif", "every refusal has its reason"))


def told(
    late: Iterable[InvoiceAt], without_file: Iterable[InvoiceAt], to_others: Iterable[InvoiceAt],
    empty: Iterable[str], misnamed: Iterable[str], count: int,
) -> Line:  # fmt: skip
    """Every change of status after integration is told to its issuer, by one lifecycle return, in time.

    `empty`: returns that tell nothing; `misnamed`: those whose name does not follow from the changes in them. `count`:
    the changes that are told.
    """
    broken = Broken(
        each(
            late,
            "a un changement de statut qui n'est pas annoncé à l'émetteur",
            "has a change of status that its issuer was not told",
        )
    )
    broken.extend(
        each(
            without_file,
            "a un changement dit annoncé, et aucun cycle de vie ne l'annonce",
            "has a change that is said to be told, and no lifecycle return tells it",
        )
    )
    broken.extend(
        each(
            to_others,
            "a un changement annoncé à un autre que son émetteur",
            "has a change that is told to somebody else than its issuer",
        )
    )
    broken.extend(each(empty, "n'annonce aucun changement", "tells no change"))
    broken.extend(
        each(
            misnamed,
            "porte un nom qui ne découle pas des changements qu'il annonce",
            "has a name that does not follow from the changes that it tells",
        )
    )
    fine = Said("chaque changement est annoncé à l'émetteur, une fois", "every change is told to its issuer, once")
    return line("told", broken, count, fine)


def isolation(
    misplaced: Iterable[str], foreign: Iterable[str], uncalled: Iterable[str], linked: Iterable[str], count: int
) -> Line:
    """What belongs to one partner stands with that partner. `count`: the files of the outbox.

    `misplaced`: files in a folder that is not their owner's; `foreign`: answers to a deposit of another partner;
    `uncalled`: pivots for somebody who receives no invoice of the deposit; `linked`: deposits that name, or claims
    that hold for, another partner.
    """
    broken = Broken(each(misplaced, "n'est pas à qui ce dossier appartient", "is not of whom the folder belongs to"))
    broken.extend(each(foreign, "répond au dépôt d'un autre partenaire", "answers a deposit of another partner"))
    broken.extend(
        each(
            uncalled,
            "va à qui ne reçoit aucune facture du dépôt",
            "goes to somebody who receives no invoice of the deposit",
        )
    )
    broken.extend(each(linked, "est lié à un autre partenaire", "is linked to another partner"))
    fine = Said("rien d'un partenaire n'est chez un autre", "nothing of one partner stands with another")
    return line("isolation", broken, count, fine)


def retention(too_early: Iterable[str], count: int) -> Line:
    """What was purged had its years behind it."""
    broken = Broken(
        each(too_early, "est effacé avant la fin de sa conservation", "was purged before its retention was over")
    )
    return line("retention", broken, count, Said("rien n'est effacé trop tôt", "nothing was purged too early"))


def doubts(files: Iterable[str], count: int) -> Line:
    """After a restore: answers that may have left before it wait for an operator's word."""
    broken = Broken(each(files, "est peut-être parti avant la restauration", "may have been sent before the restore"))
    return line("in doubt", broken, count, Said("aucun envoi n'est en doute", "no file is in doubt"))
