"""The files of changes that mutants are made of: each applies as it is, where invoices stand as `stands` says."""

import io
import zipfile
from dataclasses import dataclass
from functools import cache

from bench.fuzz.seeds import Members, bytes_of
from bench.fuzz.stands import COMPLETED, DONE, HANDLED, LATE, TWICE
from fixtures import changes
from fixtures.accepted_cases import page
from fixtures.case import PARTNER, flow_name, sequence
from fixtures.change_cases import (
    ACTIONS,
    AVAILABLE,
    CASES,
    CONTROL,
    CORRECTIVE,
    CREDIT_NOTE,
    PAID,
    REJECTED,
    STATUSES,
    SUSPENDED,
    TO_COMPLETE,
    TO_RECYCLE,
)
from fixtures.changes import RECIPIENT, Status
from fixtures.reference import SERVICES

DELIVERY, ZIPPED = "livraison.pdf", "bon.zip"
_OTHER_YEAR = "2025-11-03"


@dataclass(frozen=True)
class ChangeSeed:
    """A flow that applies. `partner` drops it; `rank`: which member of an archive tells the changes, -1: each does."""

    name: str
    partner: str
    members: tuple[tuple[str, bytes], ...]
    is_archive: bool = False
    rank: int = 0

    @property
    def archive(self) -> Members:
        return Members(self.name, self.members)


@cache
def in_xml() -> tuple[ChangeSeed, ...]:
    """Status files, one of them with entries of every kind and one an archive of two; actions in their XML form."""
    statuses, told = _committed(STATUSES), _statuses()
    parts = enumerate((told[:6], told[6:]), 1)
    halves = ((f"{STATUSES}-{n}.xml", changes.status_file(part, sequence("MOITIE", n))) for n, part in parts)
    return (
        statuses,
        _alone(STATUSES, "FUZZ", changes.status_file(told, sequence("FUZZ")), RECIPIENT),
        ChangeSeed(flow_name(STATUSES, "DEUX", partner=RECIPIENT), RECIPIENT, tuple(halves), is_archive=True, rank=-1),
        _alone(ACTIONS, "RECYCLEX", changes.action_xml([_recycle()])),
        _alone(ACTIONS, "REJETX", changes.action_xml([_handle()])),
        _alone(ACTIONS, "TOUTESX", changes.action_xml(_rows())),
        _packed("COMPLETEX", "actions.xml", changes.action_xml([_complete(DELIVERY)])),
        _packed("TOUTAX", "actions.xml", changes.action_xml([*_rows(), _complete(f"{DELIVERY}|{ZIPPED}")])),
    )


@cache
def in_csv() -> tuple[ChangeSeed, ...]:
    """Actions in their CSV form, alone and beside the files that they name; control files."""
    more = ((f"FSO1100A_{PARTNER}_{PARTNER}1100{n:015d}", f"{n:064x}", str(n), f"{n} 234,50", cur) for n, cur in
            ((1, "EUR"), (2, "USD"), (2, "EUR"), (3, "")))  # fmt: skip
    alone = [one for one in CASES if one.folder in {ACTIONS, CONTROL} and not bytes_of(one).startswith(b"\x1f\x8b")]
    return (
        *(ChangeSeed(one.name, one.partner, (("", bytes_of(one)),)) for one in alone),
        _alone(ACTIONS, "TOUTES", changes.action_csv(_rows())),
        _packed("COMPLETE", "actions.csv", changes.action_csv([_complete(DELIVERY)])),
        _packed("TOUTA", "actions.csv", changes.action_csv([_complete(f"{DELIVERY}|{ZIPPED}"), *_rows()])),
        _alone(CONTROL, "PLUSIEURS", changes.control_csv(
            tuple((flow, _same_digest(flow), count, total, currency) for flow, _, count, total, currency in more))),
    )  # fmt: skip


def every() -> tuple[ChangeSeed, ...]:
    return (*in_xml(), *in_csv())


def _same_digest(flow: str) -> str:
    """A flow with two currencies has two rows and one content."""
    return f"{int(flow[-4:]):064x}"


def _committed(code: str) -> ChangeSeed:
    case = next(one for one in CASES if one.folder == code)
    return ChangeSeed(case.name, case.partner, (("", bytes_of(case)),))


def _alone(code: str, word: str, document: bytes, partner: str = PARTNER) -> ChangeSeed:
    return ChangeSeed(flow_name(code, word, partner=partner), partner, (("", document),))


def _packed(word: str, name: str, document: bytes) -> ChangeSeed:
    """An action file and two files to be added, one of them in a ZIP."""
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr(zipfile.ZipInfo("bon.pdf"), page("Bon de commande"))
    held = ((name, document), (DELIVERY, page("Bon de livraison")), (ZIPPED, zipped.getvalue()))
    return ChangeSeed(flow_name(ACTIONS, word), PARTNER, held, is_archive=True)


def _statuses() -> list[Status]:
    """Each kind of answer, some of them one after the other on the same invoice."""
    return [
        Status(TO_RECYCLE, "04", "Le service exécutant n'est pas le bon", "SE_ERR"),
        Status(TO_COMPLETE, "06", reason="JUSTIF_ABS"), Status(REJECTED, "05", "Prix unitaire faux"),
        Status(PAID, "07"), Status(PAID, "08", mandate="M-2026-118"), Status(PAID, "11"),
        Status(DONE, "10"), Status(COMPLETED, "03"), Status(HANDLED, "11"), Status(AVAILABLE, "13", "Sans libellé"),
        Status(TWICE, "20", issued=_OTHER_YEAR), Status(LATE, "7", when="2026-11-20T11:59:00+01:00"),
        Status(SUSPENDED, "06", "Il manque le détail des heures. " * 12, "JUSTIF_ABS"),
    ]  # fmt: skip


def _recycle() -> dict[str, str]:
    return {"action": "recycler", "numero": TO_RECYCLE, "destinataire": SERVICES.siret, "service": "DSI",
            "commentaire": "Adressée à la métropole"}  # fmt: skip


def _handle() -> dict[str, str]:
    return {"action": "traiter-rejet", "numero": REJECTED, "motif": "Avoir et nouvelle facture", "avoir": CREDIT_NOTE,
            "facture_rectificative": CORRECTIVE}  # fmt: skip


def _complete(names: str) -> dict[str, str]:
    return {"action": "completer", "numero": TO_COMPLETE, "commentaire": "Ci-joint", "pieces_jointes": names}


def _rows() -> list[dict[str, str]]:
    """Every action, with all and with little of what it may say."""
    return [
        _recycle(), _handle(), {"action": "recycler", "numero": DONE, "commentaire": "Même destinataire"},
        {"action": "completer", "numero": SUSPENDED, "commentaire": "Signé le 12"},
    ]  # fmt: skip
