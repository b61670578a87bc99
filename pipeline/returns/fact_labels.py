"""French and English labels of the facts that a message does not show, and that a description lists beside it."""

from collections.abc import Mapping
from types import MappingProxyType

# fact -> (French, English); a fact without a row is listed under its own name
LABELS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "account": ("compte", "account"),
        "allowed": ("valeurs admises", "allowed"),
        "categories": ("catégories de TVA", "VAT categories"),
        "code": ("code interface", "code"),
        "date": ("date", "date"),
        "difference": ("écart", "difference"),
        "expected": ("attendu", "expected"),
        "first_bytes": ("premiers octets", "first bytes"),
        "first_report": ("compte rendu du premier dépôt", "report of the first deposit"),
        "first_verdict": ("état du premier dépôt", "state of the first deposit"),
        "framework": ("cadre de facturation", "framework"),
        "from": ("valide du", "valid from"),
        "how": ("moyen", "how"),
        "identifier": ("identifiant", "identifier"),
        "kind": ("nature", "kind"),
        "last": ("dernier connu", "last known"),
        "length": ("longueur", "length"),
        "limit": ("limite", "limit"),
        "line": ("ligne", "line"),
        "max_age_days": ("âge maximal en jours", "maximum age in days"),
        "members": ("fichiers", "members"),
        "name": ("nom", "name"),
        "number": ("numéro", "number"),
        "offset": ("position dans le fichier", "offset"),
        "other": ("autre facture", "other"),
        "party": ("partie", "party"),
        "place": ("emplacement", "place"),
        "rank": ("rang", "rank"),
        "ratio": ("taux de compression", "compression ratio"),
        "role": ("rôle", "role"),
        "scheme": ("type d'identifiant", "scheme"),
        "siret": ("SIRET", "SIRET"),
        "size_bytes": ("taille en octets", "size in bytes"),
        "snapshot": ("annuaire consulté", "directory snapshot"),
        "successor": ("structure qui succède", "successor"),
        "supplier": ("fournisseur", "supplier"),
        "to": ("valide jusqu'au", "valid to"),
        "total": ("total", "total"),
        "twin": ("flux ordinaire", "ordinary flow"),
        "type": ("type", "type"),
        "value": ("valeur", "value"),
        "values": ("valeurs", "values"),
        "xsd_message": ("message du schéma", "message of the schema"),
    }
)
