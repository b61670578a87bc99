"""A number and its words, in the singular or the plural of French and English."""

_UNCHANGED = frozenset({"en"})  # begins "en attente"


def counted(count: int, word: str | tuple[str, str], lang: str = "fr") -> str:
    """A number before its word: many from two on in French, and for zero too in English.

    Of one text the noun or participle that begins it takes the `s`; where more of it changes, both forms are given.

    >>> counted(1, "rejeté"), counted(2, "intégré en partie"), counted(3, "en attente")
    ('1 rejeté', '2 intégrés en partie', '3 en attente')
    >>> counted(0, "facture à traiter"), counted(0, "invoice to act on", "en")
    ('0 facture à traiter', '0 invoices to act on')
    >>> counted(1, ("facture lue", "factures lues")), counted(2, ("facture lue", "factures lues"))
    ('1 facture lue', '2 factures lues')
    """
    is_many = count > 1 if lang == "fr" else count != 1
    if not isinstance(word, str):
        return f"{count} {word[is_many]}"
    head, blank, rest = word.partition(" ")
    is_plural = is_many and not head.endswith("s") and head not in _UNCHANGED
    return f"{count} {head}{'s' if is_plural else ''}{blank}{rest}"
