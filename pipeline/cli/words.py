"""What people read for the states of flows and the outcomes of invoices, in both languages."""

from collections.abc import Mapping
from types import MappingProxyType

from pipeline.cli.options import Lang

STATES: Mapping[Lang, Mapping[str, str]] = MappingProxyType(
    {
        Lang.FR: {
            "IN_INTEGRE": "intégré", "IN_INTEGRE_PARTIEL": "intégré en partie", "IN_REJETE": "rejeté",
            "IN_EN_ATTENTE_TRAITEMENT_CPP": "en attente", "received": "reçu", "repeated": "redéposé à l'identique",
            "quarantined": "mis à part",
        },
        Lang.EN: {
            "IN_INTEGRE": "integrated", "IN_INTEGRE_PARTIEL": "integrated in part", "IN_REJETE": "rejected",
            "IN_EN_ATTENTE_TRAITEMENT_CPP": "pending", "received": "received", "repeated": "repeated",
            "quarantined": "set apart",
        },
    }
)  # fmt: skip
OUTCOMES: Mapping[Lang, Mapping[str, str]] = MappingProxyType(
    {
        Lang.FR: {"integrated": "intégrée", "refused": "refusée", "pending": "en attente"},
        Lang.EN: {"integrated": "integrated", "refused": "refused", "pending": "pending"},
    }
)
ROW_OUTCOMES: Mapping[Lang, Mapping[str, str]] = MappingProxyType(  # of the rows of a file of changes
    {
        Lang.FR: {"applied": "appliquée", "repeated": "répétée", "kept": "gardée", "refused": "refusée"},
        Lang.EN: {"applied": "applied", "repeated": "repeated", "kept": "kept", "refused": "refused"},
    }
)
ACTORS: Mapping[Lang, Mapping[str, str]] = MappingProxyType(  # who sets a status
    {
        Lang.FR: {
            "platform": "plateforme", "recipient": "destinataire", "accountant": "comptable", "supplier": "fournisseur",
        },
        Lang.EN: {
            "platform": "platform", "recipient": "recipient", "accountant": "accountant", "supplier": "supplier",
        },
    }
)  # fmt: skip
