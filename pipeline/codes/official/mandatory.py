"""BR-nn: what an invoice must hold, and the few conditions between two dates or signs."""

from collections.abc import Mapping

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence


def _missing(term: str, hint_fr: str = "", hint_en: str = "") -> Sentence:
    """A term that is absent, or present and empty."""
    named = TERMS[term]
    return Sentence(
        term,
        f"{named.fr} ({term}) manque",
        f"{named.en} ({term}) is missing",
        f"indiquez {named.fr}{hint_fr}",
        f"give {named.en}{hint_en}",
        named.cii,
        named.ubl,
    )


def _reason(group: str, term: str, code: str, fr: str, en: str) -> Sentence:
    """A discount or a fee that does not say why."""
    named = TERMS[term]
    return Sentence(
        term,
        f"{fr} ({group}) n'a ni motif ({term}) ni code de motif ({code})",
        f"{en} ({group}) has neither a reason ({term}) nor a reason code ({code})",
        f"indiquez {named.fr} en clair, ou son code",
        f"give {named.en} in words, or its code",
        named.cii,
        named.ubl,
    )


def _on_detail(term: str) -> Sentence:
    """A term that the French extension wants on an ordinary line, not on a line that only groups or informs."""
    named = TERMS[term]
    return Sentence(
        term,
        f"{named.fr} ({term}) manque sur une ligne de détail",
        f"{named.en} ({term}) is missing on a line of detail",
        f"indiquez {named.fr}, ou donnez à la ligne le sous-type GROUP ou INFORMATION si elle ne facture rien",
        f"give {named.en}, or mark the line GROUP or INFORMATION if it bills nothing",
        named.cii,
        named.ubl,
    )


_COUNTRY_FR, _COUNTRY_EN = " sur deux lettres (FR pour la France)", " with two letters (FR for France)"

SENTENCES: Mapping[str, Sentence] = {
    "BR-01": _missing("BT-24", " : le profil EN 16931, Factur-X ou EXTENDED-CTC-FR", ": the profile of EN 16931, Factur-X or EXTENDED-CTC-FR"),
    "BR-02": _missing("BT-1"),
    "BR-03": _missing("BT-2"),
    "BR-04": _missing("BT-3", " : 380 pour une facture, 381 pour un avoir", ": 380 for an invoice, 381 for a credit note"),
    "BR-05": _missing("BT-5", " sur trois lettres (EUR)", " with three letters (EUR)"),
    "BR-06": _missing("BT-27", " (raison sociale)", " (its legal name)"),
    "BR-07": _missing("BT-44", " (raison sociale)", " (its legal name)"),
    "BR-08": _missing("BG-5", ", au moins son pays", ", at least its country"),
    "BR-09": _missing("BT-40", _COUNTRY_FR, _COUNTRY_EN),
    "BR-10": _missing("BG-8", ", au moins son pays", ", at least its country"),
    "BR-11": _missing("BT-55", _COUNTRY_FR, _COUNTRY_EN),
    "BR-12": _missing("BT-106", ", avant remises et frais de pied de facture", ", before document level allowances and charges"),
    "BR-13": _missing("BT-109"),
    "BR-14": _missing("BT-112"),
    "BR-15": _missing("BT-115", ", même s'il est de 0.00", ", even where it is 0.00"),
    "BR-16": Sentence(
        "BG-25",
        "la facture n'a aucune ligne (BG-25)",
        "the invoice has no line (BG-25)",
        "ajoutez au moins une ligne de facture, ou déclarez un profil sans lignes (Factur-X MINIMUM ou BASIC WL)",
        "add at least one invoice line, or declare a profile without lines (Factur-X MINIMUM or BASIC WL)",
        "ram:IncludedSupplyChainTradeLineItem",
        "cac:InvoiceLine",
    ),
    "BR-17": Sentence(
        "BT-59",
        "le bénéficiaire du paiement (BG-10) n'a pas de nom (BT-59), ou n'est autre que le fournisseur (BG-4)",
        "the payee (BG-10) has no name (BT-59), or is no other than the seller (BG-4)",
        "nommez le bénéficiaire s'il diffère du fournisseur (affacturage, par exemple) ; sinon retirez ce bloc",
        "name the payee if it is not the seller (factoring, for instance); otherwise remove that block",
        "ram:PayeeTradeParty/ram:Name",
        "cac:PayeeParty/cac:PartyName/cbc:Name",
    ),
    "BR-18": _missing("BT-62", ", ou retirez ce représentant", ", or remove that representative"),
    "BR-19": _missing("BG-12", ", ou retirez ce représentant", ", or remove that representative"),
    "BR-20": _missing("BT-69", _COUNTRY_FR, _COUNTRY_EN),
    "BR-21": _missing("BT-126", " (1, 2, 3...)", " (1, 2, 3...)"),
    "BR-22": _missing("BT-129", ", même pour un forfait (1)", ", even for a lump sum (1)"),
    "BR-23": _missing("BT-130", " en code : C62 pour une pièce, HUR pour une heure, KGM pour un kilogramme", " as a code: C62 for a piece, HUR for an hour, KGM for a kilogram"),
    "BR-24": _missing("BT-131"),
    "BR-25": _missing("BT-153", " (la désignation)", " (what is billed)"),
    "BR-26": _missing("BT-146", " hors TVA", " without VAT"),
    "BR-27": Sentence(
        "BT-146",
        "le prix unitaire net de la ligne (BT-146) est négatif",
        "the net price of the line (BT-146) is negative",
        "écrivez un prix positif et mettez le signe moins sur la quantité (BT-129), ou facturez une remise",
        "write a positive price and put the minus sign on the quantity (BT-129), or bill an allowance",
        TERMS["BT-146"].cii,
        TERMS["BT-146"].ubl,
    ),
    "BR-28": Sentence(
        "BT-148",
        "le prix unitaire brut de la ligne (BT-148) est négatif",
        "the gross price of the line (BT-148) is negative",
        "écrivez un prix positif et mettez le signe moins sur la quantité (BT-129), ou facturez une remise",
        "write a positive price and put the minus sign on the quantity (BT-129), or bill an allowance",
        TERMS["BT-148"].cii,
        TERMS["BT-148"].ubl,
    ),
    "BR-29": Sentence(
        "BT-74",
        "la période de facturation finit (BT-74) avant de commencer (BT-73)",
        "the invoicing period ends (BT-74) before it starts (BT-73)",
        "corrigez l'une des deux dates",
        "correct one of the two dates",
        TERMS["BT-74"].cii,
        TERMS["BT-74"].ubl,
    ),
    "BR-30": Sentence(
        "BT-135",
        "la période de la ligne finit (BT-135) avant de commencer (BT-134)",
        "the period of the line ends (BT-135) before it starts (BT-134)",
        "corrigez l'une des deux dates",
        "correct one of the two dates",
        TERMS["BT-135"].cii,
        TERMS["BT-135"].ubl,
    ),
    "BR-31": _missing("BT-92"),
    "BR-32": _missing("BT-95", " (S, Z, E, AE, K, G ou O)", " (S, Z, E, AE, K, G or O)"),
    "BR-33": _reason("BG-20", "BT-97", "BT-98", "une remise de pied de facture", "a document level allowance"),
    "BR-36": _missing("BT-99"),
    "BR-37": _missing("BT-102", " (S, Z, E, AE, K, G ou O)", " (S, Z, E, AE, K, G or O)"),
    "BR-38": _reason("BG-21", "BT-104", "BT-105", "une ligne de frais de pied de facture", "a document level charge"),
    "BR-41": _missing("BT-136"),
    "BR-42": _reason("BG-27", "BT-139", "BT-140", "une remise de ligne", "a line allowance"),
    "BR-43": _missing("BT-141"),
    "BR-44": _reason("BG-28", "BT-144", "BT-145", "une ligne de frais attachée à une ligne de facture", "a line charge"),
    "BR-45": _missing("BT-116"),
    "BR-46": _missing("BT-117", ", même s'il est de 0.00", ", even where it is 0.00"),
    "BR-47": _missing("BT-118", " (S, Z, E, AE, K, G ou O) et la taxe VAT", " (S, Z, E, AE, K, G or O) and the tax VAT"),
    "BR-48": _missing("BT-119", " (0 pour une opération exonérée ; seule la catégorie O n'a pas de taux)", " (0 where it is exempt; the category O alone has no rate)"),
    "BR-49": _missing("BT-81", " (30 ou 58 pour un virement)", " (30 or 58 for a credit transfer)"),
    "BR-50": Sentence(
        "BT-84",
        "le paiement est demandé par virement et le compte à créditer (BT-84) est vide",
        "a credit transfer is asked for and the account to pay to (BT-84) is empty",
        "indiquez l'IBAN du compte à créditer",
        "give the IBAN of the account to pay to",
        "ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
    ),
    "BR-51": Sentence(
        "BT-87",
        "le numéro de carte bancaire est donné en entier ou presque (BT-87)",
        "the number of the payment card is given in full or nearly so (BT-87)",
        "ne laissez que 10 chiffres au plus : les 6 premiers et les 4 derniers",
        "leave 10 digits at most: the first 6 and the last 4",
        "ram:ApplicableTradeSettlementFinancialCard/ram:ID",
        "cac:PaymentMeans/cac:CardAccount/cbc:PrimaryAccountNumberID",
    ),
    "BR-52": _missing("BT-122"),
    "BR-53": Sentence(
        "BT-111",
        "une devise de comptabilisation de la TVA (BT-6) est donnée sans le total de TVA dans cette devise (BT-111)",
        "a VAT accounting currency (BT-6) is given without the total VAT in that currency (BT-111)",
        "ajoutez le total de TVA dans cette devise, ou retirez la devise de comptabilisation",
        "add the total VAT in that currency, or remove the accounting currency",
        TERMS["BT-111"].cii,
        TERMS["BT-111"].ubl,
    ),
    "BR-54": Sentence(
        "BG-32",
        "une caractéristique d'article (BG-32) n'a pas de nom (BT-160) ou pas de valeur (BT-161)",
        "an item attribute (BG-32) has no name (BT-160) or no value (BT-161)",
        "donnez les deux, ou retirez cette caractéristique",
        "give both, or remove that attribute",
        "ram:ApplicableProductCharacteristic",
        "cac:Item/cac:AdditionalItemProperty",
    ),
    "BR-55": _missing("BT-25", ", ou retirez cette référence", ", or remove that reference"),
    "BR-56": _missing("BT-63"),
    "BR-57": _missing("BT-80", f"{_COUNTRY_FR}, ou retirez cette adresse", f"{_COUNTRY_EN}, or remove that address"),
    "BR-61": Sentence(
        "BT-84",
        "le moyen de paiement (BT-81) est un virement et le compte à créditer (BT-84) manque",
        "the payment means (BT-81) is a credit transfer and the account to pay to (BT-84) is missing",
        "indiquez l'IBAN du compte à créditer, ou le moyen de paiement réellement demandé",
        "give the IBAN of the account to pay to, or the means of payment that is really asked for",
        "ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
        "cac:PaymentMeans/cac:PayeeFinancialAccount/cbc:ID",
    ),
    "BR-62": Sentence(
        "BT-34",
        "l'adresse électronique de facturation du fournisseur (BT-34) est donnée sans son schéma",
        "the electronic address of the seller (BT-34) is given without its scheme",
        "ajoutez l'attribut schemeID (0225 pour une adresse de l'annuaire français)",
        "add the attribute schemeID (0225 for an address of the French directory)",
        "ram:SellerTradeParty/ram:URIUniversalCommunication/ram:URIID/@schemeID",
        "cac:AccountingSupplierParty/cac:Party/cbc:EndpointID/@schemeID",
    ),
    "BR-63": Sentence(
        "BT-49",
        "l'adresse électronique de facturation de l'acheteur (BT-49) est donnée sans son schéma",
        "the electronic address of the buyer (BT-49) is given without its scheme",
        "ajoutez l'attribut schemeID (0225 pour une adresse de l'annuaire français)",
        "add the attribute schemeID (0225 for an address of the French directory)",
        "ram:BuyerTradeParty/ram:URIUniversalCommunication/ram:URIID/@schemeID",
        "cac:AccountingCustomerParty/cac:Party/cbc:EndpointID/@schemeID",
    ),
    "BR-64": Sentence(
        "BT-157",
        "l'identifiant normalisé de l'article (BT-157) est donné sans son schéma",
        "the standard identifier of the item (BT-157) is given without its scheme",
        "ajoutez l'attribut schemeID (0160 pour un GTIN), ou retirez l'identifiant",
        "add the attribute schemeID (0160 for a GTIN), or remove the identifier",
        "ram:SpecifiedTradeProduct/ram:GlobalID/@schemeID",
        "cac:Item/cac:StandardItemIdentification/cbc:ID/@schemeID",
    ),
    "BR-65": Sentence(
        "BT-158",
        "le code de classification de l'article (BT-158) ne dit pas de quelle nomenclature il vient",
        "the classification code of the item (BT-158) does not say which list it is taken from",
        "ajoutez l'attribut listID (code UNTDID 7143), ou retirez le code",
        "add the attribute listID (a code of UNTDID 7143), or remove the code",
        "ram:DesignatedProductClassification/ram:ClassCode/@listID",
        "cac:Item/cac:CommodityClassification/cbc:ItemClassificationCode/@listID",
    ),
    "PEPPOL-EN16931-R008": Sentence(
        "",
        "un élément de la facture est vide",
        "an element of the invoice is empty",
        "retirez l'élément désigné, ou donnez-lui une valeur",
        "remove the element named here, or give it a value",
    ),
    **{
        rule: _on_detail(term)
        for term, rules in {
            "BT-129": ("BR-FREXT-22", "BR-FREXT-BR-22", "BR-FXEXT-BR-22"),
            "BT-130": ("BR-FREXT-23", "BR-FREXT-BR-23", "BR-FXEXT-BR-23"),
            "BT-131": ("BR-FREXT-24", "BR-FREXT-BR-24", "BR-FXEXT-BR-24"),
            "BT-146": ("BR-FREXT-BR-26", "BR-FXEXT-BR-26"),
            "BT-151": ("BR-FREXT-CO-04", "BR-FXEXT-CO-04"),
        }.items()
        for rule in rules
    },
}  # fmt: skip
