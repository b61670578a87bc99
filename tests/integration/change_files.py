"""Files that change what was integrated, written by hand: status files of recipients, action files of issuers.

Nothing of ours writes them: what these tests drop is what a public body drops, not what our own writer thinks it is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from xml.sax.saxutils import escape, quoteattr

from integration import homes

OURS = "CPP001"
ACTION = "ACT9001A"
CODE = "FSO1200A"  # what a recipient announces: any digits are taken
REASONS = {4: "SE_ERR", 5: "MONTANT_ERR", 6: "JUSTIF_ABS"}  # of the list of reasons, for each that needs one


@dataclass(frozen=True)
class Entry:
    """One status of one invoice, as a recipient tells it. An empty text is left out of the file."""

    number: str
    status: int | str
    when: datetime | str
    supplier: str = homes.SUPPLIER
    supplier_type: str = "1"
    recipient: str = homes.PLAIN
    comment: str = ""
    reason: str = ""
    mandate: str = ""
    issued: str = "2026-11-18"

    @classmethod
    def sound(cls, number: str, status: int, when: datetime, **more: str) -> "Entry":
        """With all that this status wants: a reason and a comment, the number of the payment order."""
        said = {"comment": "Motif du destinataire", "reason": REASONS[status]} if status in REASONS else {}
        mandate = {"mandate": "M-2026-1"} if status == 8 else {}
        return cls(number, status, when, **(said | mandate | more))


def status_flow(sequence: int, partner: str = homes.RECEIVER, code: str = CODE) -> str:
    """The name under which a recipient drops a status file."""
    return homes.flow_name(sequence, code, partner)


def status_file(entries: Iterable[Entry], partner: str = homes.RECEIVER, *, note: str = "") -> bytes:
    """A CPPStatut with CPPFactureStatuts. `note` makes other bytes of the same entries."""
    units = [_unit(rank, entry) for rank, entry in enumerate(entries, 1)]
    remark = f"<!-- {note} -->" if note else ""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>{remark}<CPPStatut Version="V1_18">{envelope(partner)}'
        f'<CPPFactureStatuts compteur="{len(units)}">{"".join(units)}</CPPFactureStatuts></CPPStatut>'
    ).encode()


def flow_status_file(partner: str = homes.RECEIVER) -> bytes:
    """A CPPStatut of flows: what a public body must not send (LFC-007)."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><CPPStatut Version="V1_18">{envelope(partner)}'
        '<CPPFluxStatuts compteur="1"><CPPFluxStatutUnitaire NumOrdre="1"><DonneesStatut><IdStatut>90</IdStatut>'
        "<Horodatage>2026-11-20T10:00:00+01:00</Horodatage><IdFlux>X</IdFlux></DonneesStatut></CPPFluxStatutUnitaire>"
        "</CPPFluxStatuts></CPPStatut>"
    ).encode()


def envelope(partner: str, day: str = "2026-11-20") -> str:
    """From a recipient to us."""
    return (
        '<Enveloppe><EnveloppeUnitaire NumOrdre="1"><Parametres>'
        f'<ParametreIndiv NumOrdre="0001"><Code>DtPrd</Code><Valeurparametre>{day}</Valeurparametre></ParametreIndiv>'
        f'<ParametreIndiv NumOrdre="0002"><Code>IdFlx</Code><Valeurparametre>{partner}1200{1:015d}</Valeurparametre>'
        f"</ParametreIndiv></Parametres><Partenaires><Recepteur><Id>{OURS}</Id></Recepteur>"
        f"<Emetteur><Id>{partner}</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>"
    )


# --- action files -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Act:
    """One row of an action file. An empty text leaves its datum as it is, `-` takes it away."""

    action: str  # recycle, complete, handle-reject
    number: str
    supplier: str = homes.SUPPLIER
    recipient: str = ""
    service: str = ""
    commitment: str = ""
    comment: str = ""
    reason: str = ""
    credit_note: str = ""
    corrective: str = ""
    attachments: str = ""  # names, apart by |


COLUMNS = {
    "action": "Nature", "fournisseur": "Fournisseur", "numero": "IdFacture", "destinataire": "Destinataire",
    "service": "CodeService", "engagement": "NumeroEngagement", "commentaire": "Commentaire", "motif": "Motif",
    "avoir": "Avoir", "facture_rectificative": "FactureRectificative", "pieces_jointes": "PieceJointe",
}  # fmt: skip
FRENCH = {"recycle": "recycler", "complete": "completer", "handle-reject": "traiter-rejet"}


def action_flow(sequence: int, partner: str = homes.PARTNER) -> str:
    """The name under which an issuer drops an action file."""
    return homes.flow_name(sequence, ACTION, partner)


def action_csv(acts: Iterable[Act], *, separator: str = ";") -> bytes:
    """As a spreadsheet writes it."""
    lines = [COLUMNS, *(_cells(act) for act in acts)]
    return "".join(f"{separator.join(line)}\r\n" for line in lines).encode()


def action_xml(acts: Iterable[Act]) -> bytes:
    """The same, as a program writes it: what is left as it is has no element, what is taken away an empty one."""
    units = []
    for act in acts:
        leaves = [
            f"<{element}>{escape('' if part == '-' else part)}</{element}>"
            for element, cell in zip(COLUMNS.values(), _cells(act), strict=True)
            for part in (cell.split("|") if element == "PieceJointe" else [cell])
            if part
        ]
        units.append(f"<Action>{''.join(leaves)}</Action>")
    return f'<?xml version="1.0" encoding="UTF-8"?><ActionsFournisseur>{"".join(units)}</ActionsFournisseur>'.encode()


def _cells(act: Act) -> tuple[str, ...]:
    return (
        FRENCH.get(act.action, act.action), act.supplier, act.number, act.recipient, act.service, act.commitment,
        act.comment, act.reason, act.credit_note, act.corrective, act.attachments,
    )  # fmt: skip


# --- one status -------------------------------------------------------------------------------------------------------


def _unit(rank: int, entry: Entry) -> str:
    when = entry.when if isinstance(entry.when, str) else entry.when.isoformat()
    status = entry.status if isinstance(entry.status, str) else f"{entry.status:02d}"
    return (
        f"<CPPFactureStatutUnitaire NumOrdre={quoteattr(str(rank))}><Fournisseur>"
        f"{_leaf('TypeIdentifiant', entry.supplier_type)}{_leaf('Identifiant', entry.supplier)}"
        f"<RaisonSociale>Fournisseur</RaisonSociale></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>"
        f"{_leaf('Identifiant', entry.recipient)}</Debiteur><DonneesStatut>{_leaf('IdStatut', status)}"
        f"{_leaf('ComplementStatut', entry.reason)}{_leaf('Commentaire', entry.comment)}{_leaf('Horodatage', when)}"
        f"{_leaf('IdFacture', entry.number)}{_leaf('DateFacture', entry.issued)}{_leaf('IdMandatDP', entry.mandate)}"
        "</DonneesStatut></CPPFactureStatutUnitaire>"
    )


def _leaf(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>" if text else ""
