"""The VAT categories (BR-S, BR-Z, BR-E, BR-AE, BR-IC, BR-G, BR-O): ten rules told alike for each, and their own ones.

The taxes of the Canaries, Ceuta and Melilla (L, M) and the Italian split payment (B) are told by the official text alone.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence


class _Category(NamedTuple):
    code: str
    fr: str
    en: str


# by the letters that stand in the id of a rule, which for the intra-Community supply are not the code of the category
_CATEGORIES = {
    "S": _Category("S", "soumise à la TVA", "standard rated"),
    "Z": _Category("Z", "à taux zéro", "zero rated"),
    "E": _Category("E", "exonérée", "exempt from VAT"),
    "AE": _Category("AE", "en autoliquidation", "reverse charge"),
    "IC": _Category("K", "livraison intracommunautaire", "intra-Community supply"),
    "G": _Category("G", "exportation hors de l'Union", "export outside the EU"),
    "O": _Category("O", "hors du champ de la TVA", "not subject to VAT"),
}
_ON = {  # rank of the rules on numbers, on rates -> what they are about
    "02": ("une ligne", "a line", "BT-151"),
    "03": ("une remise de pied de facture", "a document level allowance", "BT-95"),
    "04": ("une ligne de frais de pied de facture", "a document level charge", "BT-102"),
    "05": ("une ligne", "a line", "BT-152"),
    "06": ("une remise de pied de facture", "a document level allowance", "BT-96"),
    "07": ("une ligne de frais de pied de facture", "a document level charge", "BT-103"),
}
_SELLER_FR = "indiquez le numéro de TVA du fournisseur"
_SELLER_EN = "give the VAT identifier of the seller"
_SELLER_CII = "ram:SellerTradeParty/ram:SpecifiedTaxRegistration/ram:ID[@schemeID='VA']"
_SELLER_UBL = "cac:AccountingSupplierParty/cac:Party/cac:PartyTaxScheme/cbc:CompanyID"


def _family(letters: str) -> Iterator[tuple[str, Sentence]]:
    """The rules 01 to 10 of one category."""
    category = _CATEGORIES[letters]
    yield f"BR-{letters}-01", _in_the_breakdown(category, at_least=letters == "S")
    for rank in ("02", "03", "04"):
        yield f"BR-{letters}-{rank}", _numbers(letters, category, rank)
    for rank in ("05", "06", "07"):
        yield f"BR-{letters}-{rank}", _rate(letters, category, rank)
    yield f"BR-{letters}-08", _base(letters, category)
    yield f"BR-{letters}-09", _amount(letters, category)
    yield f"BR-{letters}-10", _reason(letters, category)


def _of(category: _Category) -> tuple[str, str]:
    return f"catégorie {category.code}, {category.fr}", f"category {category.code}, {category.en}"


def _in_the_breakdown(category: _Category, *, at_least: bool) -> Sentence:
    fr, en = _of(category)
    how_fr, how_en = ("", "") if at_least else ("exactement une fois ", "exactly once ")
    return Sentence(
        "BT-118",
        f"la {fr}, d'une ligne (BT-151), d'une remise (BT-95) ou de frais (BT-102) "
        f"n'est pas reprise {how_fr}dans la ventilation de TVA (BT-118)",
        f"the {en}, of a line (BT-151), an allowance (BT-95) or a charge (BT-102) "
        f"does not stand {how_en}in the VAT breakdown (BT-118)",
        f"donnez à la catégorie {category.code} sa ligne de ventilation, ou corrigez la catégorie des lignes",
        f"give the category {category.code} its line in the breakdown, or correct the category of the lines",
        TERMS["BT-118"].cii,
        TERMS["BT-118"].ubl,
    )


def _numbers(letters: str, category: _Category, rank: str) -> Sentence:
    (fr, en), (subject_fr, subject_en, term) = _of(category), _ON[rank]
    head_fr, head_en = f"{subject_fr} est en {fr} ({term})", f"{subject_en} is in {en} ({term})"
    if letters == "O":
        return Sentence(
            "BT-31",
            f"{head_fr}, et la facture porte un numéro de TVA (BT-31, BT-48 ou BT-63)",
            f"{head_en}, and the invoice carries a VAT identifier (BT-31, BT-48 or BT-63)",
            "retirez les numéros de TVA, ou changez la catégorie si l'opération relève de la TVA",
            "remove the VAT identifiers, or change the category if the sale is subject to VAT",
            _SELLER_CII,
            _SELLER_UBL,
        )
    if letters == "IC":
        return Sentence(
            "BT-31",
            f"{head_fr}, et le numéro de TVA manque pour le fournisseur (BT-31 ou BT-63) ou pour l'acheteur (BT-48)",
            f"{head_en}, and the VAT identifier of the seller (BT-31 or BT-63) or of the buyer (BT-48) is missing",
            "indiquez les numéros de TVA des deux parties",
            "give the VAT identifiers of both parties",
        )
    if letters == "AE":
        return Sentence(
            "BT-31",
            f"{head_fr}, et le fournisseur n'a pas de numéro de TVA ou fiscal (BT-31, BT-32 ou BT-63), "
            "ou l'acheteur ni numéro de TVA (BT-48) ni SIREN (BT-47)",
            f"{head_en}, and the seller has no VAT or tax identifier (BT-31, BT-32 or BT-63), "
            "or the buyer neither a VAT identifier (BT-48) nor a legal one (BT-47)",
            "indiquez le numéro de TVA du fournisseur, et celui de l'acheteur ou son SIREN",
            "give the VAT identifier of the seller, and that of the buyer or its SIREN",
        )
    either_fr, either_en = ("BT-31 ou BT-63", "BT-31 or BT-63")
    if letters != "G":
        either_fr, either_en = ("BT-31, BT-32 ou BT-63", "BT-31, BT-32 or BT-63")
    return Sentence(
        "BT-31",
        f"{head_fr}, et le fournisseur n'a pas de numéro de TVA ({either_fr})",
        f"{head_en}, and the seller has no VAT identifier ({either_en})",
        _SELLER_FR,
        _SELLER_EN,
        _SELLER_CII,
        _SELLER_UBL,
    )


def _rate(letters: str, category: _Category, rank: str) -> Sentence:
    (fr, en), (subject_fr, subject_en, term) = _of(category), _ON[rank]
    named = TERMS[term]
    wrong_fr, wrong_en, remedy_fr, remedy_en = {
        "S": (
            f"mais son taux de TVA ({term}) n'est pas supérieur à 0",
            f"but its VAT rate ({term}) is not above 0",
            "indiquez le taux (20, 10, 5.5, 2.1...), ou changez la catégorie",
            "give the rate (20, 10, 5.5, 2.1...), or change the category",
        ),
        "O": (
            f"mais porte un taux de TVA ({term})",
            f"but carries a VAT rate ({term})",
            "retirez le taux : cette catégorie n'en a pas",
            "remove the rate: this category has none",
        ),
    }.get(
        letters,
        (
            f"mais son taux de TVA ({term}) n'est pas 0",
            f"but its VAT rate ({term}) is not 0",
            "écrivez le taux 0, ou changez la catégorie si la TVA est due",
            "write the rate 0, or change the category if VAT is due",
        ),
    )
    return Sentence(
        term,
        f"{subject_fr} est en {fr}, {wrong_fr}",
        f"{subject_en} is in {en}, {wrong_en}",
        remedy_fr,
        remedy_en,
        named.cii,
        named.ubl,
    )


def _base(letters: str, category: _Category) -> Sentence:
    fr, en = _of(category)
    at_fr, at_en = (" à ce taux (BT-119)", " at this rate (BT-119)") if letters == "S" else ("", "")
    return Sentence(
        "BT-116",
        f"la base de TVA (BT-116) de la {fr}, n'est pas la somme de ce que la facture met dans cette catégorie{at_fr} : "
        "lignes (BT-131) moins remises (BT-92) plus frais (BT-99)",
        f"the taxable amount (BT-116) of the {en}, is not the sum of what the invoice puts there{at_en}: "
        "lines (BT-131) less allowances (BT-92) plus charges (BT-99)",
        "recalculez la base à partir des lignes, des remises et des frais de même catégorie et de même taux",
        "calculate the taxable amount again from the lines, allowances and charges of that category and rate",
        TERMS["BT-116"].cii,
        TERMS["BT-116"].ubl,
    )


def _amount(letters: str, category: _Category) -> Sentence:
    fr, en = _of(category)
    if letters == "S":
        return Sentence(
            "BT-117",
            f"la TVA (BT-117) de la {fr}, n'est pas sa base (BT-116) multipliée par son taux (BT-119)",
            f"the VAT (BT-117) of the {en}, is not its taxable amount (BT-116) times its rate (BT-119)",
            "recalculez la TVA : base x taux / 100, arrondie à deux décimales",
            "calculate the VAT again: taxable amount x rate / 100, rounded to two decimals",
            TERMS["BT-117"].cii,
            TERMS["BT-117"].ubl,
        )
    return Sentence(
        "BT-117",
        f"la TVA (BT-117) de la {fr}, n'est pas de 0",
        f"the VAT (BT-117) of the {en}, is not 0",
        "écrivez 0.00, ou changez la catégorie si la TVA est due",
        "write 0.00, or change the category if VAT is due",
        TERMS["BT-117"].cii,
        TERMS["BT-117"].ubl,
    )


def _reason(letters: str, category: _Category) -> Sentence:
    fr, en = _of(category)
    if letters in {"S", "Z"}:
        return Sentence(
            "BT-120",
            f"la {fr}, porte un motif d'exonération (BT-120 ou BT-121)",
            f"the {en}, carries an exemption reason (BT-120 or BT-121)",
            "retirez le motif d'exonération, ou changez la catégorie",
            "remove the exemption reason, or change the category",
            TERMS["BT-120"].cii,
            TERMS["BT-120"].ubl,
        )
    return Sentence(
        "BT-120",
        f"la {fr}, n'a ni motif (BT-120) ni code de motif (BT-121) d'exonération",
        f"the {en}, has neither an exemption reason (BT-120) nor its code (BT-121)",
        "indiquez pourquoi la TVA n'est pas facturée : le texte légal en clair, ou son code VATEX",
        "say why no VAT is charged: the legal text in words, or its VATEX code",
        TERMS["BT-120"].cii,
        TERMS["BT-120"].ubl,
    )


# --- what only one category has ---------------------------------------------------------------------------------------

_ONLY_O_REMEDY_FR = "séparez en deux factures ce qui est hors du champ de la TVA et ce qui ne l'est pas"
_ONLY_O_REMEDY_EN = "bill what is not subject to VAT and what is on two invoices"


def _only_o(rank: str, fr: str, en: str, at: str) -> tuple[str, Sentence]:
    return f"BR-O-{rank}", Sentence(
        at,
        f"la ventilation de TVA (BG-23) est hors du champ de la TVA (BT-118 = O), et {fr}",
        f"the VAT breakdown (BG-23) is not subject to VAT (BT-118 = O), and {en}",
        _ONLY_O_REMEDY_FR,
        _ONLY_O_REMEDY_EN,
        TERMS[at].cii,
        TERMS[at].ubl,
    )


_OWN = {
    "BR-IC-11": Sentence(
        "BT-72",
        "une livraison intracommunautaire (BT-118 = K) n'a ni date de livraison (BT-72) ni période (BG-14)",
        "an intra-Community supply (BT-118 = K) has neither a delivery date (BT-72) nor a period (BG-14)",
        "indiquez la date de livraison, ou la période de facturation",
        "give the delivery date, or the invoicing period",
        TERMS["BT-72"].cii,
        TERMS["BT-72"].ubl,
    ),
    "BR-IC-12": Sentence(
        "BT-80",
        "une livraison intracommunautaire (BT-118 = K) ne dit pas vers quel pays (BT-80)",
        "an intra-Community supply (BT-118 = K) does not say to which country (BT-80)",
        "indiquez le code pays de l'adresse de livraison",
        "give the country code of the delivery address",
        TERMS["BT-80"].cii,
        TERMS["BT-80"].ubl,
    ),
    **dict(
        (
            _only_o("11", "porte encore une autre catégorie", "holds another category too", "BT-118"),
            _only_o("12", "une ligne est dans une autre catégorie (BT-151)", "a line is in another category (BT-151)", "BT-151"),
            _only_o("13", "une remise est dans une autre catégorie (BT-95)", "an allowance is in another category (BT-95)", "BT-95"),
            _only_o("14", "des frais sont dans une autre catégorie (BT-102)", "a charge is in another category (BT-102)", "BT-102"),
        )
    ),
}  # fmt: skip


# --- the French extensions: the rules 01, 08 and 09 again, with lines of detail and a tolerance -----------------------

# how the base is added up: without looking at the exemption reasons, reason by reason, or in one of these two ways
_PLAIN, _BY_REASON = "ini", "rev"
_COUNTED = {"BR-FREXT": ("", _PLAIN, _BY_REASON), "BR-FXEXT": ("", "b", _PLAIN, _BY_REASON)}
_MISSPELT = {"BR-FREXT-O-08ini": "BR-FREXT-o-08ini", "BR-FXEXT-S-08b": "BR-FXEXT-S08b"}
_ABSENT = {"BR-FREXT-AE-08ini", "BR-FREXT-S-08"}  # the sheet gives the id of a neighbour to both rules,
_SHARED = {"BR-FREXT-AE-08", "BR-FREXT-S-08ini"}  # so the sentence of that id must be true of the two


def _extended() -> Iterator[tuple[str, Sentence]]:
    for letters, category in _CATEGORIES.items():
        for family, ways in _COUNTED.items():
            yield f"{family}-{letters}-01", _in_the_breakdown(category, at_least=True)
            for way in ways:
                rule = f"{family}-{letters}-08{way}"
                if rule not in _ABSENT:
                    told = _base_within_a_cent(letters, category, "" if rule in _SHARED else way)
                    yield _MISSPELT.get(rule, rule), told
    for rule in ("BR-FREXT-S-09", "BR-FXEXT-S-09", "BR-FXEXT-S-09b"):
        yield rule, _within_a_cent(_amount("S", _CATEGORIES["S"]))


def _within_a_cent(strict: Sentence) -> Sentence:
    return strict._replace(
        message_fr=f"{strict.message_fr}, à 0,01 près par montant additionné",
        message_en=f"{strict.message_en}, within 0.01 for each amount added",
    )


def _base_within_a_cent(letters: str, category: _Category, way: str) -> Sentence:
    told = _within_a_cent(_base(letters, category))
    if way not in {_PLAIN, _BY_REASON}:
        return told
    how_fr, how_en = {
        _PLAIN: ("motifs d'exonération confondus", "whatever the exemption reasons"),
        _BY_REASON: ("motif d'exonération par motif", "exemption reason by exemption reason"),
    }[way]
    return told._replace(
        message_fr=f"{told.message_fr}, {how_fr}",
        message_en=f"{told.message_en}, {how_en}",
        remedy_fr=f"{told.remedy_fr} ; des deux façons de compter (motifs confondus, motif par motif), une suffit",
        remedy_en=f"{told.remedy_en}; of the two ways to count (with or without the reasons), one is enough",
    )


SENTENCES: Mapping[str, Sentence] = {
    **{rule: sentence for letters in _CATEGORIES for rule, sentence in _family(letters)},
    **_OWN,
    **dict(_extended()),
}
