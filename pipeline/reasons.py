"""The reasons that go with a status: 40 codes, what each says, and the status it usually comes with. A table.

The list is published; its meanings and statuses are drawn from it. A reason that is none of them is plain text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pipeline.lifecycle import Status as S


@dataclass(frozen=True, slots=True)
class Reason:
    """Motif d'un statut."""

    code: str
    label_fr: str
    label_en: str
    usual: S


_ROWS = (
    Reason("AUT_MOTIF_ERR_VALIDEUR", "autre motif, valideur", "other reason, validator", S.REJECTED),
    Reason("CONTACT_ACHTR", "contacter l'acheteur", "contact the buyer", S.REJECTED),
    Reason("COORD_BANC_ERR", "coordonnées bancaires erronées", "wrong bank details", S.REJECTED),
    Reason("CREANCIER_ERR", "créancier erroné", "wrong creditor", S.REJECTED),
    Reason("DEST_ERR", "destinataire erroné", "wrong recipient", S.TO_RECYCLE),
    Reason("DOUBLE_FACT", "facturé deux fois", "invoiced twice", S.REJECTED),
    Reason("CMD_EJ_ERR", "commande ou engagement erroné", "wrong order or commitment", S.TO_RECYCLE),
    Reason("ERR_VALIDEUR", "valideur erroné", "wrong validator", S.REJECTED),
    Reason("FACT_NON_CONFORME", "facture non conforme", "non-compliant invoice", S.REJECTED),
    Reason("JUSTIF_ABS", "pièce justificative absente", "supporting document missing", S.SUSPENDED),
    Reason("LIVR_INCOMP", "livraison incomplète", "incomplete delivery", S.SUSPENDED),
    Reason("MARCHE_TERM", "marché terminé", "market ended", S.REJECTED),
    Reason("MONTANT_ERR", "montant erroné", "wrong amount", S.REJECTED),
    Reason("SE_ERR", "service exécutant erroné", "wrong executing service", S.TO_RECYCLE),
    Reason(
        "ST_CT_NON_DECLAR", "sous-traitant ou cotraitant non déclaré", "undeclared subcontractor or joint contractor",
        S.REJECTED,
    ),
    Reason(
        "SUPPR_COMP_AVOIR", "annulée ou compensée par un avoir", "cancelled or offset by a credit note", S.REJECTED
    ),
    Reason("TRANSF_PMNT_REGIE", "transférée vers une régie", "transferred to an imprest payment", S.REJECTED),
    Reason("TX_TVA_ERR", "taux de TVA erroné", "wrong VAT rate", S.REJECTED),
    Reason("ANNUL_ENC", "encaissement annulé", "collection cancelled", S.REJECTED),
    Reason("AUTRE", "autre", "other", S.REJECTED),
    Reason("ROUTAGE_ERR", "erreur de routage", "routing error", S.TO_RECYCLE),
    Reason("CALCUL_ERR", "calcul erroné", "wrong computation", S.REJECTED),
    Reason("NON_CONFORME", "non conforme", "non-compliant", S.REJECTED),
    Reason("DEST_INC", "destinataire inconnu", "unknown recipient", S.TO_RECYCLE),
    Reason("TRANSAC_INC", "transaction inconnue", "unknown transaction", S.REJECTED),
    Reason("EMMET_INC", "émetteur inconnu", "unknown issuer", S.REJECTED),
    Reason("CONTRAT_TERM", "contrat terminé", "contract ended", S.REJECTED),
    Reason("ADR_ERR", "adresse erronée", "wrong address", S.REJECTED),
    Reason("SIRET_ERR", "SIRET erroné", "wrong SIRET", S.TO_RECYCLE),
    Reason("CODE_ROUTAGE_ERR", "code de routage (service) erroné", "wrong routing code (service)", S.TO_RECYCLE),
    Reason("REF_CT_ABSENT", "référence du contrat absente", "contract reference missing", S.REJECTED),
    Reason("REF_ERR", "référence erronée", "wrong reference", S.REJECTED),
    Reason("PU_ERR", "prix unitaire erroné", "wrong unit price", S.REJECTED),
    Reason("REM_ERR", "remise erronée", "wrong discount", S.REJECTED),
    Reason("QTE_ERR", "quantité erronée", "wrong quantity", S.REJECTED),
    Reason("ART_ERR", "article erroné", "wrong item", S.REJECTED),
    Reason("MODPAI_ERR", "mode de paiement erroné", "wrong payment mode", S.REJECTED),
    Reason("QUALITE_ERR", "qualité", "quality", S.REJECTED),
    Reason("DOUBLON", "doublon", "duplicate", S.REJECTED),
    Reason("MONTANTTOTAL_ERR", "montant total erroné", "wrong total", S.REJECTED),
)  # fmt: skip
REASONS: Mapping[str, Reason] = MappingProxyType({row.code: row for row in _ROWS})
