"""Which statuses a payment request and a flow can have, and which may follow which. Tables, no business.

Two vocabularies that never mix: a flow lives minutes (`FLOW_STATES`, `FLOW_STATUSES`), a payment request lives weeks
(`STATUSES`, `ARROWS`, `NEXT`). The platform allows the ids 13 to 36 and 38 to 41 and publishes no label for them: such
a status is kept as an event of the history and shown by its number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Status(StrEnum):
    """Statuts d'une demande de paiement: the 57 codes of its history. The value is the platform's own word."""

    DEPOSITED = "DEPOSEE"
    ROUTING = "EN_COURS_ACHEMINEMENT"
    AVAILABLE = "MISE_A_DISPOSITION"
    TO_RECYCLE = "A_RECYCLER"
    REJECTED = "REJETEE"
    SUSPENDED = "SUSPENDUE"
    SERVICE_DONE = "SERVICE_FAIT"
    MANDATED = "MANDATEE"
    AT_ACCOUNTANT = "MISE_A_DISPOSITION_COMPTABLE"
    BOOKED = "COMPTABILISEE"
    IN_PAYMENT = "MISE_EN_PAIEMENT"
    COMPLETED = "COMPLETEE"
    NON_COMPLIANT = "NON_CONFORME"
    DRAFT = "BROUILLON"
    TO_VALIDATE_1 = "A_VALIDER_1"
    TO_VALIDATE_2 = "A_VALIDER_2"
    VALIDATED_1 = "VALIDEE_1"
    VALIDATED_2 = "VALIDEE_2"
    DECLINED_1 = "REFUSEE_1"
    DECLINED_2 = "REFUSEE_2"
    SILENT_1 = "ABSENCE_VALIDATION_1_HORS_DELAI"
    SILENT_2 = "ABSENCE_VALIDATION_2_HORS_DELAI"
    WRONG_VALIDATOR_1 = "ERREUR_FOURNISSEUR_SUR_VALIDEUR"
    WRONG_VALIDATOR_2 = "ERREUR_COTRAITANT_SUR_VALIDEUR"
    TO_ASSOCIATE_BY_MOE = "A_ASSOCIER_MOE"
    TO_ASSOCIATE_BY_MOA = "A_ASSOCIER_MOA"
    TO_ASSOCIATE_BY_SUPPLIER = "A_ASSOCIER_FOURNISSEUR"
    ASSOCIATED = "ASSOCIEE"
    AVAILABLE_TO_MOE = "MISE_A_DISPOSITION_MOE"
    AVAILABLE_TO_MOA = "MISE_A_DISPOSITION_MOA"
    TAKEN_OVER_BY_MOE = "PRISE_EN_COMPTE_MOE"
    TAKEN_OVER_BY_MOA = "PRISE_EN_COMPTE_MOA"
    TAKEN_OVER_BY_RECIPIENT = "PRISE_EN_COMPTE_DESTINATAIRE"
    FORWARDED_TO_MOA = "TRANSMISE_MOA"
    TO_VALIDATE_BY_MOE = "A_VALIDER_MOE"
    DECLINED_BY_MOE = "REFUSEE_MOE"
    DECLINED_BY_MOA = "REFUSEE_MOA"
    DECLINED_BY_SUPPLIER = "REFUSEE_FOURNISSEUR"
    MOE_SILENT = "ABSENCE_VALIDATION_MOE_DELAI_REGLEMENTAIRE"
    REPLACED_BY_A22 = "REMPLACEE_PAR_A22"
    DEPOSITED_AGAIN = "DUPLIQUE_APRES_REFUS"
    AWAITS_RECYCLING = "EN_ATTENTE_RECYCLAGE_FOURNISSEUR"
    TO_COMPLETE = "A_COMPLETER"
    WRONG_MOE = "ERREUR_DE_MOE"
    WRONG_MOA = "ERREUR_DE_MOA"
    SUPPLIER_NAMED_WRONG_MOE = "ERREUR_FOURNISSEUR_SUR_MOE"
    SUPPLIER_NAMED_WRONG_MOA = "ERREUR_FOURNISSEUR_SUR_MOA"
    MOE_NAMED_WRONG_SUPPLIER = "ERREUR_MOE_SUR_FOURNISSEUR"
    MOE_NAMED_WRONG_MOA = "ERREUR_MOE_SUR_MOA"
    MOA_NAMED_WRONG_SUPPLIER = "ERREUR_MOA_SUR_FOURNISSEUR"
    WRONG_RECIPIENT_OF_DRAFT = "ERREUR_DESTINATAIRE_PD"
    WRONG_RECIPIENT_OF_INTERIM = "ERREUR_DESTINATAIRE_EA"
    ABANDONED = "ABANDONNEE"
    DELETED = "SUPPRIMEE"
    READ_BY_OCR = "INTERPRETEE_OCR"
    IN_VALIDATION_PIVOT = "EN_COURS_TRAITEMENT_PIVOT_S"
    TECHNICAL_UNKNOWN = "TECHNIQUE_INCONNU"


S = Status


@dataclass(frozen=True, slots=True)
class StatusRow:
    """One status. `id` is the number of status files, 0 where it has none; `needs_reason` is the word of the source."""

    status: Status
    id: int
    label_fr: str
    set_by: str
    needs_reason: str
    is_terminal: bool
    circuit: str


_ROWS = (
    StatusRow(S.DEPOSITED, 1, "déposée", "platform", "no", False, "ordinary"),
    StatusRow(S.ROUTING, 2, "en cours d'acheminement", "platform", "no", False, "ordinary"),
    StatusRow(
        S.AVAILABLE,
        3,
        "mise à disposition du destinataire",
        "platform; recipient may come back to it",
        "no",
        False,
        "ordinary",
    ),
    StatusRow(S.TO_RECYCLE, 4, "à recycler", "recipient", "yes (inferred)", False, "ordinary"),
    StatusRow(S.REJECTED, 5, "rejetée", "recipient (or platform check)", "yes", True, "ordinary"),
    StatusRow(S.SUSPENDED, 6, "suspendue", "recipient", "yes", False, "ordinary"),
    StatusRow(S.SERVICE_DONE, 7, "service fait", "recipient (optional)", "no", False, "ordinary"),
    StatusRow(S.MANDATED, 8, "mandatée", "recipient (optional)", "no", False, "ordinary"),
    StatusRow(S.AT_ACCOUNTANT, 9, "mise à disposition du comptable", "recipient (optional)", "no", False, "ordinary"),
    StatusRow(S.BOOKED, 10, "comptabilisée", "accountant (optional)", "no", False, "ordinary"),
    StatusRow(S.IN_PAYMENT, 11, "mise en paiement", "accountant", "no", True, "ordinary"),
    StatusRow(S.COMPLETED, 12, "complétée", "supplier", "comment", False, "ordinary"),
    StatusRow(S.NON_COMPLIANT, 37, "non conforme, non intégrée", "platform", "yes", True, "integration"),
    StatusRow(S.DRAFT, 0, "brouillon", "", "", False, "draft/validation"),
    StatusRow(S.TO_VALIDATE_1, 0, "à valider par le premier valideur", "", "", False, "draft/validation"),
    StatusRow(S.TO_VALIDATE_2, 0, "à valider par le second valideur", "", "", False, "draft/validation"),
    StatusRow(S.VALIDATED_1, 0, "validée par le premier valideur", "", "", False, "draft/validation"),
    StatusRow(S.VALIDATED_2, 0, "validée par le second valideur", "", "", False, "draft/validation"),
    StatusRow(S.DECLINED_1, 0, "refusée par le premier valideur", "", "", False, "draft/validation"),
    StatusRow(S.DECLINED_2, 0, "refusée par le second valideur", "", "", False, "draft/validation"),
    StatusRow(S.SILENT_1, 0, "premier valideur silencieux, délai dépassé", "", "", False, "draft/validation"),
    StatusRow(S.SILENT_2, 0, "second valideur silencieux, délai dépassé", "", "", False, "draft/validation"),
    StatusRow(S.WRONG_VALIDATOR_1, 0, "erreur du fournisseur sur le valideur", "", "", False, "draft/validation"),
    StatusRow(S.WRONG_VALIDATOR_2, 0, "erreur du cotraitant sur le valideur", "", "", False, "draft/validation"),
    StatusRow(S.TO_ASSOCIATE_BY_MOE, 0, "à associer par le maître d'œuvre", "", "", False, "works"),
    StatusRow(S.TO_ASSOCIATE_BY_MOA, 0, "à associer par le maître d'ouvrage", "", "", False, "works"),
    StatusRow(S.TO_ASSOCIATE_BY_SUPPLIER, 0, "à associer par le fournisseur", "", "", False, "works"),
    StatusRow(S.ASSOCIATED, 0, "associée", "", "", False, "works"),
    StatusRow(S.AVAILABLE_TO_MOE, 0, "mise à disposition du maître d'œuvre", "", "", False, "works"),
    StatusRow(S.AVAILABLE_TO_MOA, 0, "mise à disposition du maître d'ouvrage", "", "", False, "works"),
    StatusRow(S.TAKEN_OVER_BY_MOE, 0, "prise en compte par le maître d'œuvre", "", "", False, "works"),
    StatusRow(S.TAKEN_OVER_BY_MOA, 0, "prise en compte par le maître d'ouvrage", "", "", False, "works"),
    StatusRow(S.TAKEN_OVER_BY_RECIPIENT, 0, "prise en compte par le destinataire", "", "", False, "works"),
    StatusRow(S.FORWARDED_TO_MOA, 0, "transmise au maître d'ouvrage", "", "", False, "works"),
    StatusRow(S.TO_VALIDATE_BY_MOE, 0, "à valider par le maître d'œuvre", "", "", False, "works"),
    StatusRow(S.DECLINED_BY_MOE, 0, "refusée par le maître d'œuvre", "", "", False, "works"),
    StatusRow(S.DECLINED_BY_MOA, 0, "refusée par le maître d'ouvrage", "", "", False, "works"),
    StatusRow(S.DECLINED_BY_SUPPLIER, 0, "refusée par le fournisseur", "", "", False, "works"),
    StatusRow(S.MOE_SILENT, 0, "maître d'œuvre silencieux, délai réglementaire dépassé", "", "", False, "works"),
    StatusRow(S.REPLACED_BY_A22, 0, "remplacée par un A22", "", "", False, "works"),
    StatusRow(S.DEPOSITED_AGAIN, 0, "dupliquée après refus", "", "", False, "works"),
    StatusRow(S.AWAITS_RECYCLING, 0, "en attente de recyclage par le fournisseur", "", "", False, "works"),
    StatusRow(S.TO_COMPLETE, 0, "à compléter", "", "", False, "works"),
    StatusRow(S.WRONG_MOE, 0, "erreur de maître d'œuvre", "", "", False, "wrong-party"),
    StatusRow(S.WRONG_MOA, 0, "erreur de maître d'ouvrage", "", "", False, "wrong-party"),
    StatusRow(
        S.SUPPLIER_NAMED_WRONG_MOE, 0, "erreur du fournisseur sur le maître d'œuvre", "", "", False, "wrong-party"
    ),
    StatusRow(
        S.SUPPLIER_NAMED_WRONG_MOA, 0, "erreur du fournisseur sur le maître d'ouvrage", "", "", False, "wrong-party"
    ),
    StatusRow(
        S.MOE_NAMED_WRONG_SUPPLIER, 0, "erreur du maître d'œuvre sur le fournisseur", "", "", False, "wrong-party"
    ),
    StatusRow(
        S.MOE_NAMED_WRONG_MOA, 0, "erreur du maître d'œuvre sur le maître d'ouvrage", "", "", False, "wrong-party"
    ),
    StatusRow(
        S.MOA_NAMED_WRONG_SUPPLIER, 0, "erreur du maître d'ouvrage sur le fournisseur", "", "", False, "wrong-party"
    ),
    StatusRow(
        S.WRONG_RECIPIENT_OF_DRAFT, 0, "erreur de destinataire (projet de décompte)", "", "", False, "wrong-party"
    ),
    StatusRow(S.WRONG_RECIPIENT_OF_INTERIM, 0, "erreur de destinataire (état d'acompte)", "", "", False, "wrong-party"),
    StatusRow(S.ABANDONED, 0, "abandonnée", "", "", False, "technical"),
    StatusRow(S.DELETED, 0, "supprimée", "", "", False, "technical"),
    StatusRow(S.READ_BY_OCR, 0, "interprétée par OCR", "", "", False, "technical"),
    StatusRow(
        S.IN_VALIDATION_PIVOT, 0, "en cours de traitement par un pivot de validation", "", "", False, "technical"
    ),
    StatusRow(S.TECHNICAL_UNKNOWN, 0, "état technique inconnu", "", "", False, "technical"),
)
STATUSES: Mapping[Status, StatusRow] = MappingProxyType({row.status: row for row in _ROWS})
_BY_ID = {row.id: row.status for row in _ROWS if row.id}
STATUS_IDS = range(1, 42)
LABELS: Mapping[str, str] = MappingProxyType({f"{row.id:02d}": row.label_fr for row in _ROWS if row.id})
"""French label by the two digits that status files and the ledger write."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One change of status that may happen: who does it, and whether a reason goes with it (yes, no, comment)."""

    start: Status | None  # None: the payment request does not exist yet
    to: Status
    action: str
    actor: str
    reason: str
    confidence: str


ARROWS = (
    Arrow(None, S.DEPOSITED, "integrate", "platform", "no", "certain"),
    Arrow(None, S.NON_COMPLIANT, "refuse after a hold", "platform", "yes", "profile"),
    Arrow(S.DEPOSITED, S.ROUTING, "route", "platform", "no", "certain"),
    Arrow(S.DEPOSITED, S.AVAILABLE, "deliver", "platform", "no", "certain"),
    Arrow(S.ROUTING, S.AVAILABLE, "deliver", "platform", "no", "certain"),
    Arrow(S.AVAILABLE, S.TO_RECYCLE, "decide", "recipient", "yes", "certain"),
    Arrow(S.AVAILABLE, S.REJECTED, "decide", "recipient", "yes", "certain"),
    Arrow(S.AVAILABLE, S.SUSPENDED, "decide", "recipient", "yes", "certain"),
    Arrow(S.AVAILABLE, S.SERVICE_DONE, "decide", "recipient", "no", "certain"),
    Arrow(S.AVAILABLE, S.MANDATED, "decide", "recipient", "no", "certain"),
    Arrow(S.AVAILABLE, S.AT_ACCOUNTANT, "decide", "recipient", "no", "certain"),
    Arrow(S.AVAILABLE, S.BOOKED, "decide", "recipient", "no", "certain"),
    Arrow(S.AVAILABLE, S.IN_PAYMENT, "decide", "recipient", "no", "certain"),
    Arrow(S.COMPLETED, S.AVAILABLE, "decide", "recipient", "no", "inferred"),
    Arrow(S.COMPLETED, S.TO_RECYCLE, "decide", "recipient", "yes", "inferred"),
    Arrow(S.COMPLETED, S.REJECTED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.COMPLETED, S.SUSPENDED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.COMPLETED, S.SERVICE_DONE, "decide", "recipient", "no", "inferred"),
    Arrow(S.COMPLETED, S.MANDATED, "decide", "recipient", "no", "inferred"),
    Arrow(S.COMPLETED, S.AT_ACCOUNTANT, "decide", "recipient", "no", "inferred"),
    Arrow(S.COMPLETED, S.BOOKED, "decide", "recipient", "no", "inferred"),
    Arrow(S.COMPLETED, S.IN_PAYMENT, "decide", "recipient", "no", "inferred"),
    Arrow(S.SERVICE_DONE, S.AVAILABLE, "decide", "recipient", "no", "inferred"),
    Arrow(S.SERVICE_DONE, S.REJECTED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.SERVICE_DONE, S.SUSPENDED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.SERVICE_DONE, S.MANDATED, "decide", "recipient", "no", "inferred"),
    Arrow(S.SERVICE_DONE, S.AT_ACCOUNTANT, "decide", "recipient", "no", "inferred"),
    Arrow(S.SERVICE_DONE, S.BOOKED, "decide", "recipient", "no", "inferred"),
    Arrow(S.SERVICE_DONE, S.IN_PAYMENT, "decide", "recipient", "no", "inferred"),
    Arrow(S.MANDATED, S.AVAILABLE, "decide", "recipient", "no", "inferred"),
    Arrow(S.MANDATED, S.REJECTED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.MANDATED, S.SUSPENDED, "decide", "recipient", "yes", "inferred"),
    Arrow(S.MANDATED, S.AT_ACCOUNTANT, "decide", "recipient", "no", "inferred"),
    Arrow(S.MANDATED, S.BOOKED, "decide", "recipient", "no", "inferred"),
    Arrow(S.MANDATED, S.IN_PAYMENT, "decide", "recipient", "no", "inferred"),
    Arrow(S.AT_ACCOUNTANT, S.BOOKED, "pay", "accountant", "no", "inferred"),
    Arrow(S.AT_ACCOUNTANT, S.IN_PAYMENT, "pay", "accountant", "no", "inferred"),
    Arrow(S.BOOKED, S.IN_PAYMENT, "pay", "accountant", "no", "inferred"),
    Arrow(S.SUSPENDED, S.COMPLETED, "complete", "supplier", "comment", "certain"),
    Arrow(S.TO_RECYCLE, S.DEPOSITED, "recycle", "supplier", "comment", "one-source"),
    Arrow(S.DRAFT, S.DEPOSITED, "submit", "supplier", "no", "certain"),
    Arrow(S.DRAFT, S.TO_VALIDATE_1, "submit", "supplier", "no", "inferred"),
    Arrow(S.TO_VALIDATE_1, S.VALIDATED_1, "validate", "validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_1, S.DECLINED_1, "validate", "validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_1, S.SILENT_1, "validate", "validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_1, S.WRONG_VALIDATOR_1, "validate", "validator", "no", "inferred"),
    Arrow(S.VALIDATED_1, S.TO_VALIDATE_2, "forward", "platform", "no", "inferred"),
    Arrow(S.VALIDATED_1, S.DEPOSITED, "forward", "platform", "no", "inferred"),
    Arrow(S.SILENT_1, S.TO_VALIDATE_2, "forward", "platform", "no", "inferred"),
    Arrow(S.SILENT_1, S.DEPOSITED, "forward", "platform", "no", "inferred"),
    Arrow(S.TO_VALIDATE_2, S.VALIDATED_2, "validate", "second validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_2, S.DECLINED_2, "validate", "second validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_2, S.SILENT_2, "validate", "second validator", "no", "inferred"),
    Arrow(S.TO_VALIDATE_2, S.WRONG_VALIDATOR_2, "validate", "second validator", "no", "inferred"),
    Arrow(S.VALIDATED_2, S.DEPOSITED, "forward", "platform", "no", "inferred"),
    Arrow(S.SILENT_2, S.DEPOSITED, "forward", "platform", "no", "inferred"),
    Arrow(S.WRONG_VALIDATOR_1, S.TO_VALIDATE_1, "correct validator", "supplier", "no", "inferred"),
    Arrow(S.WRONG_VALIDATOR_2, S.TO_VALIDATE_2, "correct validator", "joint contractor", "no", "inferred"),
)
_BY_ENDS = {(arrow.start, arrow.to): arrow for arrow in ARROWS}
NEXT: Mapping[Status | None, frozenset[Status]] = MappingProxyType(
    {start: frozenset(arrow.to for arrow in ARROWS if arrow.start is start) for start in (None, *Status)}
)
"""What may follow each status; every status has a row, an empty one where nothing follows."""

INTEGRATION = (S.DEPOSITED, S.ROUTING, S.AVAILABLE)
"""The three statuses that an integrated invoice earns, in order."""


def arrow(start: Status | None, to: Status) -> Arrow | None:
    """The arrow between two statuses, or None where that change is not allowed (LFC-001)."""
    return _BY_ENDS.get((start, to))


def is_history(statuses: Iterable[Status]) -> bool:
    """Say whether the statuses of one payment request, oldest first, are a path of the table.

    >>> is_history(INTEGRATION), is_history((S.DEPOSITED, S.REJECTED))
    (True, False)
    """
    before: Status | None = None
    for status in statuses:
        if status not in NEXT[before]:
            return False
        before = status
    return True


def by_id(number: int) -> Status | None:
    """The status that a number of a status file stands for; None where its label is not published."""
    return _BY_ID.get(number)


def shown(number: int) -> str:
    """What people read for a number of a status file.

    >>> shown(6), shown(20)
    ('06 SUSPENDUE', '20 (libellé non publié)')
    """
    status = by_id(number)
    return f"{number:02d} {status.value}" if status else f"{number:02d} (libellé non publié)"


@dataclass(frozen=True, slots=True)
class FlowStateRow:
    """État d'un flux, and what its sender does about it. `may_resend`: the whole flow goes again, under a new name."""

    code: str
    label_fr: str
    is_terminal: bool
    may_resend: bool = False
    needs_alert: bool = False


_FLOW_ROWS = (
    FlowStateRow("IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP", "déposé, en attente du service d'échange", False),
    FlowStateRow("IN_RECU", "reçu", False),
    FlowStateRow("IN_TRAITE_SE_CPP", "traité par le service d'échange", False),
    FlowStateRow("IN_EN_ATTENTE_TRAITEMENT_CPP", "en attente de traitement", False),
    FlowStateRow("IN_EN_COURS_TRAITEMENT_CPP", "en cours de traitement", False),
    FlowStateRow("IN_EN_ATTENTE_RETRAITEMENT_CPP", "bloqué, attend une intervention", False, needs_alert=True),
    FlowStateRow("IN_INCIDENTE", "incident, flux entier à renvoyer", True, may_resend=True),
    FlowStateRow("IN_A_RELANCER", "à relancer", True, may_resend=True),
    FlowStateRow("IN_ERREUR_INTERNE", "erreur interne", True, may_resend=True),
    FlowStateRow("IN_REJETE", "rejeté, rien n'est intégré", True),
    FlowStateRow("IN_INTEGRE", "intégré", True),
    FlowStateRow("IN_INTEGRE_PARTIEL", "intégré en partie", True),
    FlowStateRow("QP_RECEVABLE", "qualification : recevable", True),
    FlowStateRow("QP_RECEVABLE_AVEC_ERREUR", "qualification : recevable avec erreur", True),
    FlowStateRow("QP_IRRECEVABLE", "qualification : irrecevable", True),
)
FLOW_STATES: Mapping[str, FlowStateRow] = MappingProxyType({row.code: row for row in _FLOW_ROWS})


@dataclass(frozen=True, slots=True)
class FlowStatusRow:
    """Statut d'un flux in a status file (90 to 96)."""

    id: int
    label_fr: str
    needs_details: bool
    is_terminal: bool


_FLOW_STATUS_ROWS = (
    FlowStatusRow(90, "reçu", False, False),
    FlowStatusRow(91, "en cours de transmission", False, False),
    FlowStatusRow(92, "reçu par le destinataire final", False, True),
    FlowStatusRow(93, "erreur à la réception", True, True),
    FlowStatusRow(94, "erreur à la réception par le destinataire final", True, True),
    FlowStatusRow(95, "erreur de transmission au destinataire final", True, False),
    FlowStatusRow(96, "reçu, intégré en partie", True, True),
)
FLOW_STATUSES: Mapping[int, FlowStatusRow] = MappingProxyType({row.id: row for row in _FLOW_STATUS_ROWS})
