"""BR-CO-nn: totals that add up, terms that go together or exclude one another, numbers of the parties."""

from collections.abc import Mapping

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence


def _sum(term: str, fr: str, en: str, remedy_fr: str, remedy_en: str) -> Sentence:
    """A total that is not what its parts make; `fr` and `en` name the parts."""
    named = TERMS[term]
    return Sentence(
        term,
        f"{named.fr} ({term}) n'est pas égal {fr}",
        f"{named.en} ({term}) is not {en}",
        remedy_fr,
        remedy_en,
        named.cii,
        named.ubl,
    )


def _within_a_cent(strict: Sentence) -> Sentence:
    """The same total under the French extensions, which allow 0.01 for each amount that is added."""
    return strict._replace(
        message_fr=f"{strict.message_fr}, à 0,01 près par montant additionné",
        message_en=f"{strict.message_en}, within 0.01 for each amount added",
    )


def _reason(group: str, term: str, code: str, fr: str, en: str) -> Sentence:
    named = TERMS[term]
    return Sentence(
        term,
        f"{fr} ({group}) est sans motif ({term}) et sans code de motif ({code})",
        f"{en} ({group}) is without a reason ({term}) and without a reason code ({code})",
        f"indiquez {named.fr} en clair, son code, ou les deux",
        f"give {named.en} in words, its code, or both",
        named.cii,
        named.ubl,
    )


_LINES = _sum(
    "BT-106",
    "à la somme des montants HT des lignes (BT-131)",
    "the sum of the line net amounts (BT-131)",
    "additionnez les montants HT des lignes, arrondis à deux décimales, et reportez cette somme",
    "add up the line net amounts, each rounded to two decimals, and write that sum",
)
_ALLOWANCES = _sum(
    "BT-107",
    "à la somme des remises de pied de facture (BT-92)",
    "the sum of the document level allowances (BT-92)",
    "reportez la somme des remises de pied de facture ; sans remise, retirez ce total",
    "write the sum of the document level allowances; remove this total where there is none",
)
_CHARGES = _sum(
    "BT-108",
    "à la somme des frais de pied de facture (BT-99)",
    "the sum of the document level charges (BT-99)",
    "reportez la somme des frais de pied de facture ; sans frais, retirez ce total",
    "write the sum of the document level charges; remove this total where there is none",
)
_WITHOUT_VAT = _sum(
    "BT-109",
    "au total des lignes (BT-131) moins les remises (BT-107) plus les frais (BT-108)",
    "the lines (BT-131) less the allowances (BT-107) plus the charges (BT-108)",
    "recalculez le total HT : lignes - remises + frais de pied de facture",
    "calculate the total without VAT again: lines - allowances + document level charges",
)
_WITHOUT_VAT_WITHIN_A_CENT = _sum(
    "BT-109",
    "au total des lignes (BT-131) moins les remises (BT-92) plus les frais (BT-99)",
    "the lines (BT-131) less the allowances (BT-92) plus the charges (BT-99)",
    _WITHOUT_VAT.remedy_fr,
    _WITHOUT_VAT.remedy_en,
)
_WITH_VAT = _sum(
    "BT-112",
    "au total HT (BT-109) plus le total de TVA (BT-110)",
    "the total without VAT (BT-109) plus the total VAT (BT-110)",
    "recalculez le total TTC, et donnez une fois et une seule le total de TVA dans la devise de la facture (currencyID)",
    "calculate the total with VAT again, and give the total VAT in the invoice currency (currencyID) once and only once",
)
_DUE = _sum(
    "BT-115",
    "au total TTC (BT-112) moins le montant déjà payé (BT-113) plus l'arrondi (BT-114)",
    "the total with VAT (BT-112) less what is already paid (BT-113) plus the rounding (BT-114)",
    "recalculez le net à payer : TTC - déjà payé + arrondi",
    "calculate the amount due again: total with VAT - already paid + rounding",
)

SENTENCES: Mapping[str, Sentence] = {
    "BR-CO-03": Sentence(
        "BT-7",
        "la date d'exigibilité de la TVA (BT-7) et son code (BT-8) sont donnés tous les deux",
        "the VAT point date (BT-7) and its code (BT-8) are both given",
        "gardez la date ou le code, pas les deux",
        "keep the date or the code, not both",
        TERMS["BT-7"].cii,
        TERMS["BT-7"].ubl,
    ),
    "BR-CO-04": Sentence(
        "BT-151",
        "la catégorie de TVA (BT-151) manque sur une ligne (BG-25)",
        "the VAT category (BT-151) is missing on a line (BG-25)",
        "indiquez la catégorie de TVA de la ligne (S, Z, E, AE, K, G ou O) et la taxe VAT",
        "give the VAT category of the line (S, Z, E, AE, K, G or O) and the tax VAT",
        TERMS["BT-151"].cii,
        TERMS["BT-151"].ubl,
    ),
    "BR-CO-09": Sentence(
        "BT-31",
        "un numéro de TVA (BT-31, BT-48 ou BT-63) ne commence pas par le code d'un pays",
        "a VAT identifier (BT-31, BT-48 or BT-63) does not begin with the code of a country",
        "écrivez le numéro de TVA avec son préfixe (FR suivi de 11 caractères pour la France), sans espace",
        "write the VAT identifier with its prefix (FR and 11 characters for France), without blanks",
        "ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']",
        "cac:PartyTaxScheme/cbc:CompanyID",
    ),
    "BR-CO-10": _LINES,
    "BR-CO-11": _ALLOWANCES,
    "BR-CO-12": _CHARGES,
    "BR-CO-13": _WITHOUT_VAT,
    "BR-CO-14": _sum(
        "BT-110",
        "à la somme des montants de TVA de la ventilation (BT-117)",
        "the sum of the VAT amounts of the breakdown (BT-117)",
        "additionnez les montants de TVA de la ventilation et reportez cette somme",
        "add up the VAT amounts of the breakdown and write that sum",
    ),
    "BR-CO-15": _WITH_VAT,
    "BR-CO-16": _DUE,
    "BR-CO-17": _sum(
        "BT-117",
        "à sa base (BT-116) multipliée par son taux (BT-119)",
        "its taxable amount (BT-116) times its rate (BT-119)",
        "recalculez la TVA de cette ligne de ventilation : base x taux / 100, arrondie à deux décimales",
        "calculate the VAT of this breakdown line again: taxable amount x rate / 100, rounded to two decimals",
    ),
    "BR-CO-18": Sentence(
        "BG-23",
        "la facture n'a aucune ventilation de TVA (BG-23)",
        "the invoice has no VAT breakdown (BG-23)",
        "ajoutez une ligne de ventilation par catégorie et par taux de TVA, même à 0",
        "add a breakdown line for each VAT category and rate, even at 0",
        "ram:ApplicableHeaderTradeSettlement/ram:ApplicableTradeTax",
        "cac:TaxTotal/cac:TaxSubtotal",
    ),
    "BR-CO-19": Sentence(
        "BG-14",
        "la période de facturation (BG-14) n'a ni début (BT-73) ni fin (BT-74)",
        "the invoicing period (BG-14) has neither start (BT-73) nor end (BT-74)",
        "donnez au moins une des deux dates, ou retirez la période",
        "give at least one of the two dates, or remove the period",
        "ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod",
        "cac:InvoicePeriod",
    ),
    "BR-CO-20": Sentence(
        "BG-26",
        "la période de la ligne (BG-26) n'a ni début (BT-134) ni fin (BT-135)",
        "the period of the line (BG-26) has neither start (BT-134) nor end (BT-135)",
        "donnez au moins une des deux dates, ou retirez la période",
        "give at least one of the two dates, or remove the period",
        "ram:SpecifiedLineTradeSettlement/ram:BillingSpecifiedPeriod",
        "cac:InvoiceLine/cac:InvoicePeriod",
    ),
    "BR-CO-21": _reason("BG-20", "BT-97", "BT-98", "une remise de pied de facture", "a document level allowance"),
    "BR-CO-22": _reason(
        "BG-21", "BT-104", "BT-105", "une ligne de frais de pied de facture", "a document level charge"
    ),
    "BR-CO-23": _reason("BG-27", "BT-139", "BT-140", "une remise de ligne", "a line allowance"),
    "BR-CO-24": _reason(
        "BG-28", "BT-144", "BT-145", "une ligne de frais attachée à une ligne de facture", "a line charge"
    ),
    "BR-CO-25": Sentence(
        "BT-9",
        "il reste une somme à payer (BT-115) sans date d'échéance (BT-9) ni conditions de paiement (BT-20)",
        "an amount is due (BT-115) without due date (BT-9) nor payment terms (BT-20)",
        "indiquez la date d'échéance, ou les conditions de paiement en clair",
        "give the due date, or the payment terms in words",
        TERMS["BT-9"].cii,
        TERMS["BT-9"].ubl,
    ),
    "BR-CO-26": Sentence(
        "BT-30",
        "le fournisseur n'a aucun identifiant (BT-29, BT-30 ou BT-31)",
        "the seller has no identifier (BT-29, BT-30 or BT-31)",
        "indiquez au moins le SIREN du fournisseur (schemeID 0002), son SIRET ou son numéro de TVA",
        "give at least the SIREN of the seller (schemeID 0002), its SIRET or its VAT identifier",
        "ram:SellerTradeParty/ram:SpecifiedLegalOrganization/ram:ID",
        "cac:AccountingSupplierParty/cac:Party/cac:PartyLegalEntity/cbc:CompanyID",
    ),
    "BR-CO-27": Sentence(
        "BT-84",
        "le compte à créditer (BT-84) n'est pas donné, ou l'est à la fois par un IBAN et par un autre numéro",
        "the account to pay to (BT-84) is not given, or is given both by an IBAN and by another number",
        "indiquez l'IBAN, et lui seul",
        "give the IBAN, and nothing else",
        "ram:PayeePartyCreditorFinancialAccount/ram:IBANID",
    ),
    **{f"{family}-CO-10": _within_a_cent(_LINES) for family in ("BR-FREXT", "BR-FXEXT")},
    **{f"{family}-CO-11": _within_a_cent(_ALLOWANCES) for family in ("BR-FREXT", "BR-FXEXT")},
    **{f"{family}-CO-12": _within_a_cent(_CHARGES) for family in ("BR-FREXT", "BR-FXEXT")},
    **{f"{family}-CO-13": _within_a_cent(_WITHOUT_VAT_WITHIN_A_CENT) for family in ("BR-FREXT", "BR-FXEXT")},
    **{f"{family}-CO-15": _within_a_cent(_WITH_VAT) for family in ("BR-FREXT", "BR-FXEXT")},
    "BR-FXEXT-CO-16": Sentence(
        "BT-115",
        f"{_DUE.message_fr} et les sommes encaissées pour un tiers (BT-179)",
        f"{_DUE.message_en} and the amounts collected for a third party (BT-179)",
        "recalculez le net à payer : TTC - déjà payé + arrondi + sommes encaissées pour un tiers",
        "calculate the amount due again: total with VAT - already paid + rounding + collected for a third party",
        _DUE.cii,
        _DUE.ubl,
    ),
}
