"""BR-DEC-nn and BR-FR-DEC-nn: how an amount, a quantity, a price or a rate is written."""

from collections.abc import Mapping

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence


def _two_decimals(term: str) -> Sentence:
    named = TERMS[term]
    return Sentence(
        term,
        f"{named.fr} ({term}) a plus de deux décimales",
        f"{named.en} ({term}) has more than two decimals",
        "arrondissez ce montant à deux décimales, puis vérifiez les totaux",
        "round this amount to two decimals, then check the totals",
        named.cii,
        named.ubl,
    )


def _written(terms: tuple[str, ...], allowed_fr: str, allowed_en: str) -> Sentence:
    """A number in a form that the French rules do not allow; two terms where one element stands for both."""
    named = [TERMS[term] for term in terms]
    return Sentence(
        terms[0],
        " ou ".join(f"{one.fr} ({term})" for one, term in zip(named, terms, strict=True)) + " n'a pas une forme admise",
        " or ".join(f"{one.en} ({term})" for one, term in zip(named, terms, strict=True))
        + " is not written as it must be",
        f"écrivez un nombre {allowed_fr}, avec un point et sans espace",
        f"write a number {allowed_en}, with a point and without blanks",
        named[0].cii,
        named[0].ubl,
    )


_AMOUNT = ("de 19 chiffres au plus, dont 2 décimales", "of 19 digits at most, 2 of them decimals")
_QUANTITY = ("de 19 chiffres au plus, dont 4 décimales", "of 19 digits at most, 4 of them decimals")
_PRICE = (
    "positif de 19 chiffres au plus, dont 6 décimales (négatif admis dans les cadres B9, S9 et M9 seulement)",
    "that is not negative, of 19 digits at most, 6 of them decimals (negative in the frameworks B9, S9 and M9 only)",
)
_RATE = ("positif de 4 chiffres au plus, dont 2 décimales (20.00)", "that is not negative, of 4 digits at most, 2 of them decimals (20.00)")  # fmt: skip

_TWO_DECIMALS = {
    "01": "BT-92", "02": "BT-93", "05": "BT-99", "06": "BT-100", "09": "BT-106", "10": "BT-107", "11": "BT-108",
    "12": "BT-109", "13": "BT-110", "14": "BT-112", "15": "BT-111", "16": "BT-113", "17": "BT-114", "18": "BT-115",
    "19": "BT-116", "20": "BT-117", "23": "BT-131", "24": "BT-136", "25": "BT-137", "27": "BT-141", "28": "BT-142",
}  # fmt: skip
_FRENCH_AMOUNTS = (
    ("BT-92", "BT-99"), ("BT-93", "BT-100"), ("BT-106",), ("BT-107",), ("BT-108",), ("BT-109",), ("BT-110",),
    ("BT-111",), ("BT-112",), ("BT-113",), ("BT-114",), ("BT-115",), ("BT-116",), ("BT-117",), ("BT-131",),
    ("BT-136", "BT-141"), ("BT-137", "BT-142"),
)  # fmt: skip

SENTENCES: Mapping[str, Sentence] = {
    **{f"BR-DEC-{rank}": _two_decimals(term) for rank, term in _TWO_DECIMALS.items()},
    **{f"BR-FR-DEC-01_{'_'.join(terms)}": _written(terms, *_AMOUNT) for terms in _FRENCH_AMOUNTS},
    **{f"BR-FR-DEC-02_{term}": _written((term,), *_QUANTITY) for term in ("BT-129", "BT-149")},
    **{f"BR-FR-DEC-03_{term}": _written((term,), *_PRICE) for term in ("BT-146", "BT-147", "BT-148")},
    **{
        f"BR-FR-DEC-04_{'_'.join(terms)}": _written(terms, *_RATE)
        for terms in (("BT-96", "BT-103"), ("BT-119",), ("BT-152",))
    },
}
