"""BR-CL-nn: codes that must come from a list."""

from collections.abc import Mapping

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence


def _code(at: str, fr: str, en: str, remedy_fr: str, remedy_en: str, cii: str = "", ubl: str = "") -> Sentence:
    """A value that its list does not hold; `fr` and `en` say of what, and in which list it was looked up."""
    return Sentence(at, fr, en, remedy_fr, remedy_en, cii, ubl)


def _category(cii: str, ubl: str) -> Sentence:
    """The two rules share out the places differently in the two syntaxes: no term is the one of a rule."""
    return _code(
        "",
        "une catégorie de TVA n'est pas dans la liste 5305",
        "a VAT category is not in the list 5305",
        "écrivez une des catégories S, Z, E, AE, K, G ou O",
        "write one of the categories S, Z, E, AE, K, G or O",
        cii,
        ubl,
    )


_COUNTRY = _code(
    "",
    "un code pays n'est pas dans la liste ISO 3166-1",
    "a country code is not in the list ISO 3166-1",
    "écrivez le pays sur deux lettres majuscules (FR pour la France, DE, BE...)",
    "write the country with two capital letters (FR for France, DE, BE...)",
)
_SCHEME_FR = "corrigez l'attribut schemeID (0002 pour un SIREN, 0009 pour un SIRET)"
_SCHEME_EN = "correct the attribute schemeID (0002 for a SIREN, 0009 for a SIRET)"

_IDENTIFIER = _code(
    "",
    "le schéma d'un identifiant (schemeID) n'est pas dans la liste ISO 6523",
    "the scheme of an identifier (schemeID) is not in the list ISO 6523",
    _SCHEME_FR,
    _SCHEME_EN,
)
_CHARGE = _code(
    "",
    "un code de motif de frais n'est pas dans la liste 7161",
    "the code of the reason of a charge is not in the list 7161",
    "prenez un code de la liste (FC pour le transport), ou écrivez le motif en clair",
    "take a code of the list (FC for freight), or write the reason in words",
)
_MIME = _code(
    "",
    "le type de fichier (mimeCode) d'une pièce jointe n'est pas admis",
    "the type of a supporting file (mimeCode) is not allowed",
    "joignez un fichier PDF, PNG, JPEG, CSV, XLSX ou ODS, et déclarez ce type (application/pdf pour un PDF)",
    "attach a PDF, PNG, JPEG, CSV, XLSX or ODS file, and declare that type (application/pdf for a PDF)",
    "ram:AttachmentBinaryObject/@mimeCode",
    "cbc:EmbeddedDocumentBinaryObject/@mimeCode",
)

SENTENCES: Mapping[str, Sentence] = {
    "BR-CL-01": _code(
        "BT-3",
        "le type de la facture n'est pas dans la liste 1001",
        "the invoice type is not in the list 1001",
        "écrivez 380 pour une facture, 381 pour un avoir, 384 pour une rectificative, 386 pour un acompte",
        "write 380 for an invoice, 381 for a credit note, 384 for a corrected invoice, 386 for a prepayment",
        TERMS["BT-3"].cii,
        TERMS["BT-3"].ubl,
    ),
    "BR-CL-03": _code(
        "",
        "la devise d'un montant (currencyID) n'est pas dans la liste ISO 4217",
        "the currency of an amount (currencyID) is not in the list ISO 4217",
        "écrivez la devise du montant sur trois lettres majuscules (EUR)",
        "write the currency of the amount with three capital letters (EUR)",
    ),
    "BR-CL-04": _code(
        "BT-5",
        "la devise de la facture n'est pas dans la liste ISO 4217",
        "the invoice currency is not in the list ISO 4217",
        "écrivez la devise sur trois lettres majuscules (EUR)",
        "write the currency with three capital letters (EUR)",
        TERMS["BT-5"].cii,
        TERMS["BT-5"].ubl,
    ),
    "BR-CL-05": _code(
        "BT-6",
        "la devise de comptabilisation de la TVA n'est pas dans la liste ISO 4217",
        "the VAT accounting currency is not in the list ISO 4217",
        "écrivez la devise sur trois lettres majuscules (EUR)",
        "write the currency with three capital letters (EUR)",
        "ram:TaxCurrencyCode",
        "cbc:TaxCurrencyCode",
    ),
    "BR-CL-06": _code(
        "BT-8",
        "le code d'exigibilité de la TVA n'est pas admis",
        "the VAT point date code is not allowed",
        "en CII, écrivez 5 (facture), 29 (livraison) ou 72 (encaissement) ; en UBL, 3, 35 ou 432",
        "write 5 (invoice), 29 (delivery) or 72 (payment) in CII; 3, 35 or 432 in UBL",
        "ram:ApplicableTradeTax/ram:DueDateTypeCode",
        "cac:InvoicePeriod/cbc:DescriptionCode",
    ),
    "BR-CL-07": _code(
        "BT-18",
        "le schéma de l'objet facturé (schemeID) n'est pas dans la liste 1153",
        "the scheme of the invoiced object (schemeID) is not in the list 1153",
        "prenez un code de la liste (AAJ, AFL, AVV...), ou retirez l'attribut",
        "take a code of the list (AAJ, AFL, AVV...), or remove the attribute",
        "",
        "cac:AdditionalDocumentReference/cbc:ID/@schemeID",
    ),
    "BR-CL-08": _code(
        "BT-21",
        "le code sujet d'une note n'est pas dans la liste 4451",
        "the subject code of a note is not in the list 4451",
        "prenez un code de trois lettres de la liste (PMT, PMD, AAB, REG...) ; en UBL il s'écrit #PMT# en tête du texte",
        "take a code of three letters of the list (PMT, PMD, AAB, REG...); in UBL it is written #PMT# before the text",
        "rsm:ExchangedDocument/ram:IncludedNote/ram:SubjectCode",
        "cbc:Note",
    ),
    "BR-CL-10": _IDENTIFIER,
    "BR-FREXT-CL-10": _IDENTIFIER,
    "BR-CL-11": _IDENTIFIER,
    "BR-CL-13": _code(
        "BT-158",
        "la nomenclature du code de classification d'un article (listID) n'est pas dans la liste 7143",
        "the list of an item classification code (listID) is not in the list 7143",
        "corrigez l'attribut listID, ou retirez le code",
        "correct the attribute listID, or remove the code",
        "ram:DesignatedProductClassification/ram:ClassCode/@listID",
        "cac:Item/cac:CommodityClassification/cbc:ItemClassificationCode/@listID",
    ),
    "BR-CL-14": _COUNTRY,
    "BR-CL-15": _COUNTRY,
    "BR-CL-16": _code(
        "BT-81",
        "le code du moyen de paiement n'est pas dans la liste 4461",
        "the payment means code is not in the list 4461",
        "écrivez 30 ou 58 pour un virement, 59 pour un prélèvement, 48 pour une carte, 20 pour un chèque",
        "write 30 or 58 for a credit transfer, 59 for a direct debit, 48 for a card, 20 for a cheque",
        TERMS["BT-81"].cii,
        TERMS["BT-81"].ubl,
    ),
    "BR-CL-17": _category("ram:CategoryTradeTax/ram:CategoryCode", "cac:TaxCategory/cbc:ID"),
    "BR-CL-18": _category("ram:ApplicableTradeTax/ram:CategoryCode", "cac:ClassifiedTaxCategory/cbc:ID"),
    "BR-CL-19": _code(
        "",
        "un code de motif de remise n'est pas dans la liste 5189",
        "the code of the reason of an allowance is not in the list 5189",
        "prenez un code de la liste (95 pour une remise), ou écrivez le motif en clair",
        "take a code of the list (95 for a discount), or write the reason in words",
    ),
    "BR-CL-20": _CHARGE,
    "BR-FREXT-CL-20": _CHARGE,
    "BR-CL-21": _code(
        "BT-157",
        "le schéma de l'identifiant normalisé d'un article (schemeID) n'est pas dans la liste ISO 6523",
        "the scheme of the standard identifier of an item (schemeID) is not in the list ISO 6523",
        "écrivez 0160 pour un GTIN, ou retirez l'identifiant",
        "write 0160 for a GTIN, or remove the identifier",
        "ram:SpecifiedTradeProduct/ram:GlobalID/@schemeID",
        "cac:Item/cac:StandardItemIdentification/cbc:ID/@schemeID",
    ),
    "BR-CL-22": _code(
        "BT-121",
        "le code de motif d'exonération n'est pas dans la liste VATEX",
        "the exemption reason code is not in the list VATEX",
        "prenez un code VATEX-EU-... ou VATEX-FR-... de la liste, ou donnez le motif en clair (BT-120)",
        "take a code VATEX-EU-... or VATEX-FR-... of the list, or give the reason in words (BT-120)",
        "ram:ApplicableTradeTax/ram:ExemptionReasonCode",
        "cac:TaxCategory/cbc:TaxExemptionReasonCode",
    ),
    "BR-CL-23": _code(
        "",
        "l'unité d'une quantité (unitCode) n'est pas dans la recommandation 20",
        "the unit of a quantity (unitCode) is not in recommendation 20",
        "écrivez un code : C62 pour une pièce, HUR pour une heure, DAY pour un jour, KGM pour un kilogramme, MTR pour un mètre",
        "write a code: C62 for a piece, HUR for an hour, DAY for a day, KGM for a kilogram, MTR for a metre",
    ),
    "BR-CL-24": _MIME,
    "BR-FREXT-CL-24": _MIME,
    "BR-CL-25": _code(
        "",
        "le schéma d'une adresse électronique (schemeID) n'est pas dans la liste EAS",
        "the scheme of an electronic address (schemeID) is not in the list EAS",
        "écrivez 0225 pour une adresse de l'annuaire français, 0009 pour un SIRET",
        "write 0225 for an address of the French directory, 0009 for a SIRET",
        "ram:URIUniversalCommunication/ram:URIID/@schemeID",
        "cbc:EndpointID/@schemeID",
    ),
    "BR-CL-26": _code(
        "BT-71",
        "le schéma de l'identifiant du lieu de livraison (schemeID) n'est pas dans la liste ISO 6523",
        "the scheme of the identifier of the delivery location (schemeID) is not in the list ISO 6523",
        _SCHEME_FR,
        _SCHEME_EN,
        "ram:ShipToTradeParty/ram:GlobalID/@schemeID",
        "cac:Delivery/cac:DeliveryLocation/cbc:ID/@schemeID",
    ),
}  # fmt: skip
