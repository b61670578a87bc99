"""What a description says beside the message: facts that it does not show, places that are no BT, words in facts."""

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
        "last_used": ("dernier service utilisé pour ce destinataire", "service used last for this recipient"),
        "length": ("longueur", "length"),
        "limit": ("limite", "limit"),
        "line": ("ligne", "line"),
        "max_age_days": ("âge maximal en jours", "maximum age in days"),
        "members": ("fichiers", "members"),
        "name": ("nom", "name"),
        "number": ("numéro", "number"),
        "offset": ("position dans le fichier", "offset"),
        "other": ("rang et fichier de l'autre facture", "rank and file of the other invoice"),
        "party": ("partie", "party"),
        "place": ("emplacement", "place"),
        "rank": ("rang", "rank"),
        "ratio": ("taux de compression", "compression ratio"),
        "role": ("rôle", "role"),
        "row": ("rang dans le fichier", "rank in the file"),
        "scheme": ("type d'identifiant", "scheme"),
        "siret": ("SIRET", "SIRET"),
        "size_bytes": ("taille en octets", "size in bytes"),
        "sentence": ("explication", "explanation"),
        "snapshot": ("données de référence consultées", "reference data consulted"),
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

# place of a rule -> French; a BT id, an XPath or a name of the format is the same in both languages
PLACES_FR: Mapping[str, str] = MappingProxyType(
    {
        "BT-10 and BT-13": "BT-10 et BT-13",
        "BT-10 or BT-13": "BT-10 ou BT-13",
        "E1 XML": "en-tête du document XML",
        "VAT qualifier": "qualifiant de TVA",
        "XAdES file": "fichier de signature",
        "XML encoding": "encodage du XML",
        "archive member": "élément de l'archive",
        "attachment category": "catégorie de la pièce jointe",
        "content": "contenu du fichier",
        "contract type": "type de contrat",
        "flow": "flux",
        "flow name": "nom du flux",
        "inner file": "fichier du flux",
        "inner file name": "nom du fichier dans l'archive",
        "reason": "motif",
        "status file": "fichier de statuts",
        "status value": "statut",
        "actor": "acteur",
        "archive": "archive",
        "line delivery site": "lieu de livraison de la ligne",
        "syntax name (API)": "nom de la syntaxe (API)",
    }
)
# English words that stand in facts without a French twin
WORDS_FR: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("actor", "accountant"): "un comptable",
        ("actor", "accountant, recipient"): "un destinataire ou un comptable",
        ("actor", "nobody"): "ce raccordement",
        ("actor", "recipient"): "un destinataire",
        ("party", "recipient"): "destinataire",
        ("party", "supplier"): "fournisseur",
        ("party", "validator"): "valideur",
        ("party", "payee"): "encaisseur",
        ("how", "service"): "service",
        ("how", "service name"): "nom du service",
        ("how", "recipient"): "destinataire",
        ("how", "recipient name"): "nom du destinataire",
        ("validator", "agent of the group"): "mandataire du groupement",
        ("validator", "holder"): "titulaire",
    }
)
