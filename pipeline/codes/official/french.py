"""BR-FR-nn: the rules of the French reform (Flux 2) on notes, parties, dates, codes and what goes with a framework.

Where one sheet has an id of its own for each case and the other one id for all of them, each id has its sentence.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pipeline.codes.official.business_terms import TERMS
from pipeline.codes.official.sentence import Sentence

# --- numbers, dates and types of documents ----------------------------------------------------------------------------


class _Reference(NamedTuple):
    """A number of an invoice, and where it stands."""

    fr: str
    en: str
    cii: str
    ubl: str


_ON_LINE, _ON_LINE_UBL = "ram:SpecifiedLineTradeSettlement/ram:InvoiceReferencedDocument", "cac:InvoiceLine/cac:BillingReference/cac:InvoiceDocumentReference"  # fmt: skip
_NUMBERS = {
    "BT-1": _Reference(*TERMS["BT-1"]),
    "BT-25": _Reference(*TERMS["BT-25"]),
    "EXT-FR-FE-136": _Reference(
        "le numéro de la facture antérieure d'une ligne",
        "the number of the preceding invoice of a line",
        f"{_ON_LINE}/ram:IssuerAssignedID",
        f"{_ON_LINE_UBL}/cbc:ID",
    ),
}
_DATES = {
    **{at: _Reference(*TERMS[at]) for at in ("BT-2", "BT-7", "BT-9", "BT-26", "BT-72", "BT-73", "BT-74", "BT-134", "BT-135")},
    "EXT-FR-FE-138": _Reference(
        "la date de la facture antérieure d'une ligne",
        "the date of the preceding invoice of a line",
        f"{_ON_LINE}/ram:FormattedIssueDateTime",
        f"{_ON_LINE_UBL}/cbc:IssueDate",
    ),
    "EXT-FR-FE-158": _Reference(
        "la date de livraison d'une ligne",
        "the delivery date of a line",
        "ram:SpecifiedLineTradeDelivery/ram:ActualDeliverySupplyChainEvent/ram:OccurrenceDateTime",
        "cac:InvoiceLine/cac:Delivery/cbc:ActualDeliveryDate",
    ),
}  # fmt: skip
_TYPES = {
    "BT-3": _Reference(*TERMS["BT-3"]),
    "EXT-FR-FE-02": _Reference(
        "le type de la facture antérieure",
        "the type of the preceding invoice",
        "ram:InvoiceReferencedDocument/ram:TypeCode",
        "cac:BillingReference/cac:InvoiceDocumentReference/cbc:DocumentTypeCode",
    ),
    "EXT-FR-FE-137": _Reference(
        "le type de la facture antérieure d'une ligne",
        "the type of the preceding invoice of a line",
        f"{_ON_LINE}/ram:TypeCode",
        f"{_ON_LINE_UBL}/cbc:DocumentTypeCode",
    ),
}


def _documents() -> Iterator[tuple[str, Sentence]]:
    for at, (fr, en, cii, ubl) in _NUMBERS.items():
        for rule in ("01", "02"):  # one length, one characters; in UBL the first stands for both
            yield (
                f"BR-FR-{rule}_{at}",
                Sentence(
                    at,
                    f"{fr} ({at}) est trop long ou contient un caractère qui n'est pas admis",
                    f"{en} ({at}) is too long or holds a character that is not allowed",
                    "écrivez 35 caractères au plus : lettres sans accent, chiffres et - + _ / sans espace",
                    "write 35 characters at most: unaccented letters, digits and - + _ / without blanks",
                    cii,
                    ubl,
                ),
            )
    for at, (fr, en, cii, ubl) in _DATES.items():
        sentence = Sentence(
            at,
            f"{fr} ({at}) n'existe pas, n'est pas entre 2000 et 2099 ou est mal écrite",
            f"{en} ({at}) does not exist, is not between 2000 and 2099 or is written wrongly",
            "corrigez la date ; elle s'écrit 20261231 en CII, 2026-12-31 en UBL",
            "correct the date; it is written 20261231 in CII, 2026-12-31 in UBL",
            cii,
            ubl,
        )
        yield f"BR-FR-03_{at}", sentence
        if at in {"BT-134", "BT-135"}:  # as the CII sheet spells them
            yield f"BR-FR-03_EXT-FR-FE-{at[3:]}", sentence
    for at, (fr, en, cii, ubl) in _TYPES.items():
        yield (
            f"BR-FR-04_{at}",
            Sentence(
                at,
                f"{fr} ({at}) n'est pas admis en France",
                f"{en} ({at}) is not allowed in France",
                "écrivez 380 pour une facture, 381 pour un avoir, 384 pour une rectificative, 386 pour un acompte, "
                "ou un autre type admis : 261, 262, 389, 393, 396, 471, 472, 473, 500, 501, 502, 503",
                "write 380 for an invoice, 381 for a credit note, 384 for a corrected invoice, 386 for a prepayment, "
                "or another type allowed: 261, 262, 389, 393, 396, 471, 472, 473, 500, 501, 502, 503",
                cii,
                ubl,
            ),
        )


# --- notes ------------------------------------------------------------------------------------------------------------

_MENTIONS = {
    "PMT": ("l'indemnité forfaitaire pour frais de recouvrement", "the flat fee for recovery costs"),
    "PMD": ("les pénalités de retard", "the penalties for late payment"),
    "AAB": ("l'escompte, ou son absence", "the discount for early payment, or its absence"),
    "TXD": ("la taxe (assujetti unique)", "the tax (member of a VAT group)"),
}
_NOTE, _NOTE_UBL = "rsm:ExchangedDocument/ram:IncludedNote", "cbc:Note"


def _notes() -> Iterator[tuple[str, Sentence]]:
    for code in ("PMT", "PMD", "AAB"):
        fr, en = _MENTIONS[code]
        yield (
            f"BR-FR-05_BT-22_{code}",
            _absent(
                f"la mention légale sur {fr} (code {code}) manque",
                f"the legal mention of {en} (code {code}) is missing",
            ),
        )
    yield (
        "BR-FR-05_BT-22",
        _absent(
            "une mention légale manque : frais de recouvrement (code PMT), pénalités de retard (PMD) ou escompte (AAB)",
            "a legal mention is missing: recovery costs (code PMT), late payment (PMD) or discount (AAB)",
        ),
    )
    for code, (fr, en) in _MENTIONS.items():
        yield (
            f"BR-FR-06_BT-21_{code}",
            _repeated(f"la mention sur {fr} (code {code}) est donnée", f"the mention of {en} (code {code}) is given"),
        )
    yield "BR-FR-06_BT-21", _repeated(
        "une mention légale (code PMT, PMD, AAB ou TXD) est donnée", "a legal mention (code PMT, PMD, AAB or TXD) is given"
    )  # fmt: skip


def _absent(fr: str, en: str) -> Sentence:
    return Sentence(
        "BT-22",
        f"{fr} dans les notes (BT-22)",
        f"{en} in the notes (BT-22)",
        "ajoutez une note par mention : le code sujet, puis le texte (en UBL : #PMT#texte, #PMD#texte, #AAB#texte)",
        "add one note for each mention: the subject code, then the text (in UBL: #PMT#text, #PMD#text, #AAB#text)",
        _NOTE,
        _NOTE_UBL,
    )


def _repeated(fr: str, en: str) -> Sentence:
    return Sentence(
        "BT-21",
        f"{fr} plusieurs fois dans les notes (BT-21)",
        f"{en} several times in the notes (BT-21)",
        "réunissez-la en une seule note",
        "put it together in a single note",
        _NOTE,
        _NOTE_UBL,
    )


# --- parties ----------------------------------------------------------------------------------------------------------


class _Party(NamedTuple):
    """A party as the rules on its identifiers and on its electronic address name it."""

    fr: str  # with its « de »
    en: str
    cii: str
    ubl: str


_LINE_SHIP_TO = "ram:SpecifiedLineTradeDelivery/ram:ShipToTradeParty"
_SELLER = _Party("du fournisseur", "of the seller", "ram:SellerTradeParty", "cac:AccountingSupplierParty/cac:Party")
_BUYER = _Party("de l'acheteur", "of the buyer", "ram:BuyerTradeParty", "cac:AccountingCustomerParty/cac:Party")
_PAYEE = _Party("du bénéficiaire du paiement", "of the payee", "ram:PayeeTradeParty", "cac:PayeeParty")
_BUYER_AGENT = _Party("de l'agent de l'acheteur", "of the agent of the buyer", "ram:BuyerAgentTradeParty", "")
_PAYER = _Party("du payeur", "of the payer", "ram:PayerTradeParty", "")
_SELLER_AGENT = _Party("de l'agent du fournisseur", "of the agent of the seller", "ram:SalesAgentTradeParty", "")
_INVOICEE = _Party("du tiers à qui la facture est adressée", "of the invoicee", "ram:InvoiceeTradeParty", "")
_INVOICER = _Party("du facturant", "of the invoicer", "ram:InvoicerTradeParty", "")
_IDENTIFIED = {
    "BT-29": _SELLER,
    "BT-46": _BUYER,
    "BT-60": _PAYEE,
    "BT-71": _Party("du lieu de livraison", "of the delivery location", "ram:ShipToTradeParty", ""),
    "EXT-FR-FE-06": _BUYER_AGENT,
    "EXT-FR-FE-46": _PAYER,
    "EXT-FR-FE-69": _SELLER_AGENT,
    "EXT-FR-FE-92": _INVOICEE,
    "EXT-FR-FE-115": _INVOICER,
    "EXT-FR-FE-146": _Party(
        "du lieu de livraison d'une ligne", "of the delivery location of a line", _LINE_SHIP_TO, ""
    ),
}
_ADDRESSED = {
    "BT-34": _SELLER,
    "BT-49": _BUYER,
    "EXT-FR-FE-12": _BUYER_AGENT,
    "EXT-FR-FE-29": _PAYEE,
    "EXT-FR-FE-52": _PAYER,
    "EXT-FR-FE-75": _SELLER_AGENT,
    "EXT-FR-FE-98": _INVOICEE,
    "EXT-FR-FE-121": _INVOICER,
}


def _below(party: _Party, cii: str, ubl: str) -> tuple[str, str]:
    """The element of a party; the UBL of the extensions is left to the path of the finding."""
    return f"{party.cii}/{cii}", f"{party.ubl}/{ubl}" if party.ubl else ""


def _parties() -> Iterator[tuple[str, Sentence]]:
    for at, party in _IDENTIFIED.items():
        elements = _below(party, "ram:GlobalID", "cac:PartyIdentification/cbc:ID")
        yield (
            f"BR-FR-09_{at}",
            Sentence(
                at,
                f"le SIRET {party.fr} ({at}) n'a pas 14 chiffres, ou ne commence pas par le SIREN donné à côté",
                f"the SIRET {party.en} ({at}) has not 14 digits, or does not begin with the SIREN given beside it",
                "corrigez le SIRET (schemeID 0009), et donnez le SIREN de la même entité (identifiant légal, schemeID 0002)",
                "correct the SIRET (schemeID 0009), and give the SIREN of the same entity (legal identifier, schemeID 0002)",
                *elements,
            ),
        )
        without_fr, without_en = (
            f"un identifiant {party.fr} ({at}) est sans schéma",
            f"an identifier {party.en} ({at}) is without scheme",
        )
        twice_fr, twice_en = (
            f"deux identifiants {party.fr} ({at}) ont le même schéma",
            f"two identifiers {party.en} ({at}) have the same scheme",
        )
        scheme_fr = "ajoutez l'attribut schemeID (0009 pour un SIRET, 0224 pour un code de routage...)"
        scheme_en = "add the attribute schemeID (0009 for a SIRET, 0224 for a routing code...)"
        single_fr, single_en = (
            "gardez un identifiant par schéma (schemeID)",
            "keep one identifier for each scheme (schemeID)",
        )
        yield f"BR-FR-CO-10_{at}-1", Sentence(at, without_fr, without_en, scheme_fr, scheme_en, *elements)
        yield f"BR-FR-CO-10_{at}-2", Sentence(at, twice_fr, twice_en, single_fr, single_en, *elements)
        yield (
            f"BR-FR-CO-10_{at}",
            Sentence(
                at,
                f"{without_fr}, ou {twice_fr}",
                f"{without_en}, or {twice_en}",
                f"{scheme_fr} ; {single_fr}",
                f"{scheme_en}; {single_en}",
                *elements,
            ),
        )
    for at, party in _ADDRESSED.items():
        elements = _below(party, "ram:URIUniversalCommunication/ram:URIID", "cbc:EndpointID")
        yield (
            f"BR-FR-23_{at}",
            Sentence(
                at,
                f"l'adresse électronique {party.fr} ({at}) contient un caractère qui n'est pas admis",
                f"the electronic address {party.en} ({at}) holds a character that is not allowed",
                "écrivez l'adresse de l'annuaire telle quelle : lettres sans accent, chiffres et - + _ . sans espace",
                "write the address of the directory as it stands: unaccented letters, digits and - + _ . without blanks",
                *elements,
            ),
        )
        yield (
            f"BR-FR-25_{at}",
            Sentence(
                at,
                f"l'adresse électronique {party.fr} ({at}) a plus de 125 caractères",
                f"the electronic address {party.en} ({at}) has more than 125 characters",
                "écrivez l'adresse de l'annuaire telle quelle",
                "write the address of the directory as it stands",
                *elements,
            ),
        )
    for at, party in (("BT-29", _SELLER), ("BT-46", _BUYER)):
        elements = _below(party, "ram:GlobalID[@schemeID='0224']", "cac:PartyIdentification/cbc:ID[@schemeID='0224']")
        yield (
            f"BR-FR-24_{at}",
            Sentence(
                at,
                f"le code de routage {party.fr} ({at}, schéma 0224) contient un caractère qui n'est pas admis",
                f"the routing code {party.en} ({at}, scheme 0224) holds a character that is not allowed",
                "écrivez le code tel que l'annuaire le donne : lettres sans accent, chiffres et - + _ . sans espace",
                "write the code as the directory gives it: unaccented letters, digits and - + _ . without blanks",
                *elements,
            ),
        )
        yield (
            f"BR-FR-26_{at}",
            Sentence(
                at,
                f"le code de routage {party.fr} ({at}, schéma 0224) a plus de 100 caractères",
                f"the routing code {party.en} ({at}, scheme 0224) has more than 100 characters",
                "écrivez le code tel que l'annuaire le donne",
                "write the code as the directory gives it",
                *elements,
            ),
        )
    for rule in ("BR-FR-32-GLOBALID", "BR-FR-32_ID", "BR-FR-32-LEGALID", "BR-FR-32_LEGALID"):
        yield (
            rule,
            Sentence(
                "",
                "un identifiant donné comme SIREN n'a pas exactement 9 chiffres",
                "an identifier given as a SIREN has not exactly 9 digits",
                "écrivez les 9 chiffres du SIREN sans espace ; un SIRET (14 chiffres) se donne avec le schemeID 0009",
                "write the 9 digits of the SIREN without blanks; a SIRET (14 digits) is given with the schemeID 0009",
            ),
        )


# --- VAT --------------------------------------------------------------------------------------------------------------

_CATEGORIES = {  # id of the rule -> the terms it is about
    "BT-95_BT-102": ("BT-95", "BT-102"), "BT-95_BT-118": ("BT-118",), "BT-95_BT-151": ("BT-151",),
    "BT-118": ("BT-118",), "BT-151": ("BT-151",),
}  # fmt: skip
_RATES = {
    "BT-96_BT-103": ("BT-96", "BT-103"), "BT-96": ("BT-96",), "BT-103": ("BT-103",), "BT-119": ("BT-119",),
    "BT-152": ("BT-152",),
}  # fmt: skip


def _either(terms: tuple[str, ...]) -> tuple[str, str]:
    fr = " ou ".join(f"{TERMS[term].fr} ({term})" for term in terms)
    return fr, " or ".join(f"{TERMS[term].en} ({term})" for term in terms)


def _vat() -> Iterator[tuple[str, Sentence]]:
    for suffix, terms in _CATEGORIES.items():
        fr, en = _either(terms)
        elements = TERMS[terms[0]].cii, TERMS[terms[0]].ubl
        allowed = Sentence(
            terms[0],
            f"{fr} n'est pas admise en France",
            f"{en} is not allowed in France",
            "écrivez S, E, AE, K, G, O ou Z (L et M sont des taxes espagnoles)",
            "write S, E, AE, K, G, O or Z (L and M are Spanish taxes)",
            *elements,
        )
        yield f"BR-FR-15_{suffix}", allowed
        if len(terms) == 2 or suffix.startswith("BT-95"):
            yield f"BR-FR-15_{suffix}_LM", allowed
    for suffix, terms in _RATES.items():
        fr, en = _either(terms)
        yield (
            f"BR-FR-16_{suffix}",
            Sentence(
                terms[0],
                f"{fr} n'est pas un taux français, ou est mal écrit",
                f"{en} is not a French rate, or is written wrongly",
                "écrivez le taux sans le signe %, avec un point et deux décimales au plus : 20, 10, 5.5, 2.1 ou 0 en métropole",
                "write the rate without the sign %, with a point and two decimals at most: 20, 10, 5.5, 2.1 or 0 in mainland France",
                TERMS[terms[0]].cii,
                TERMS[terms[0]].ubl,
            ),
        )


# --- one by one -------------------------------------------------------------------------------------------------------

_LEGAL, _LEGAL_UBL = "ram:SpecifiedLegalOrganization/ram:ID[@schemeID='0002']", "cac:PartyLegalEntity/cbc:CompanyID[@schemeID='0002']"  # fmt: skip
_URI, _URI_UBL = "ram:URIUniversalCommunication/ram:URIID", "cbc:EndpointID"
_FRAMEWORK, _FRAMEWORK_UBL = "ram:BusinessProcessSpecifiedDocumentContextParameter/ram:ID", "cbc:ProfileID"
_ATTRIBUTE, _ATTRIBUTE_UBL = "ram:SpecifiedTradeProduct/ram:ApplicableProductCharacteristic", "cac:Item/cac:AdditionalItemProperty"  # fmt: skip
_PAID_FR = "la facture est déclarée déjà payée (BT-23 = B2, S2 ou M2)"
_PAID_EN = "the invoice is declared as already paid (BT-23 = B2, S2 or M2)"
_PAID_REMEDY_FR = (
    "écrivez montant payé = total TTC, net à payer 0.00 et la date du paiement, ou changez le cadre de facturation"
)
_PAID_REMEDY_EN = "write amount paid = total with VAT, amount due 0.00 and the date of payment, or change the framework"


def _paid(at: str, fr: str, en: str) -> Sentence:
    return Sentence(at, f"{_PAID_FR}, et {fr}", f"{_PAID_EN}, and {en}", _PAID_REMEDY_FR, _PAID_REMEDY_EN, TERMS[at].cii, TERMS[at].ubl)  # fmt: skip


_NOT_PAID = ("le montant déjà payé (BT-113) n'est pas le total TTC (BT-112)", "the amount already paid (BT-113) is not the total with VAT (BT-112)")  # fmt: skip
_DUE = ("le net à payer (BT-115) n'est pas de 0", "the amount due (BT-115) is not 0")
_NO_DATE = ("la date d'échéance (BT-9), qui est alors celle du paiement, manque", "the due date (BT-9), which is then that of the payment, is missing")  # fmt: skip
_ONE_REFERENCE = Sentence(
    "BT-25",
    "la facture est rectificative (BT-3) et ne cite pas une et une seule facture antérieure (BT-25)",
    "the invoice corrects another one (BT-3) and does not name one and only one preceding invoice (BT-25)",
    "citez la facture rectifiée, avec son numéro et sa date, et elle seule",
    "name the invoice that is corrected, by number and date, and no other",
    "ram:ApplicableHeaderTradeSettlement/ram:InvoiceReferencedDocument",
    "cac:BillingReference/cac:InvoiceDocumentReference",
)

_ONE_BY_ONE = {
    "BR-FR-08_BT-23": Sentence(
        "BT-23",
        "le cadre de facturation (BT-23) manque ou n'est pas un cadre de la réforme",
        "the invoicing framework (BT-23) is missing or is not one of the reform",
        "écrivez B (biens), S (services) ou M (mixte) et le chiffre du cas : B1, S1 ou M1 pour une facture ordinaire",
        "write B (goods), S (services) or M (mixed) and the digit of the case: B1, S1 or M1 for an ordinary invoice",
        _FRAMEWORK,
        _FRAMEWORK_UBL,
    ),
    "BR-FR-10_BT-30": Sentence(
        "BT-30",
        "le SIREN du fournisseur (BT-30) manque ou n'a pas exactement 9 chiffres",
        "the SIREN of the seller (BT-30) is missing or has not exactly 9 digits",
        "indiquez les 9 chiffres du SIREN, avec le schemeID 0002",
        "give the 9 digits of the SIREN, with the schemeID 0002",
        *_below(_SELLER, _LEGAL, _LEGAL_UBL),
    ),
    "BR-FR-11_BT-47": Sentence(
        "BT-47",
        "la facture est entre assujettis (note BAR = B2B) et le SIREN de l'acheteur (BT-47) manque ou n'a pas exactement 9 chiffres",
        "the invoice is between businesses (note BAR = B2B) and the SIREN of the buyer (BT-47) is missing or has not exactly 9 digits",
        "indiquez les 9 chiffres du SIREN de l'acheteur, avec le schemeID 0002",
        "give the 9 digits of the SIREN of the buyer, with the schemeID 0002",
        *_below(_BUYER, _LEGAL, _LEGAL_UBL),
    ),
    "BR-FR-12_BT-49": Sentence(
        "BT-49",
        "l'adresse électronique de facturation de l'acheteur (BT-49) manque",
        "the electronic address of the buyer (BT-49) is missing",
        "indiquez l'adresse de l'acheteur dans l'annuaire (SIREN, ou SIREN_suffixe), avec le schemeID 0225",
        "give the address of the buyer in the directory (SIREN, or SIREN_suffix), with the schemeID 0225",
        *_below(_BUYER, _URI, _URI_UBL),
    ),
    "BR-FR-13_BT-34": Sentence(
        "BT-34",
        "l'adresse électronique de facturation du fournisseur (BT-34) manque",
        "the electronic address of the seller (BT-34) is missing",
        "indiquez l'adresse du fournisseur dans l'annuaire (SIREN, ou SIREN_suffixe), avec le schemeID 0225",
        "give the address of the seller in the directory (SIREN, or SIREN_suffix), with the schemeID 0225",
        *_below(_SELLER, _URI, _URI_UBL),
    ),
    "BR-FR-17_BT-123": Sentence(
        "BT-123",
        "la nature d'une pièce jointe (BT-123) n'est pas un code admis",
        "the kind of a supporting document (BT-123) is not a code that is allowed",
        "écrivez un code tel que RIB, LISIBLE, BON_LIVRAISON, BON_COMMANDE, BORDEREAU_SUIVI, DOCUMENT_ANNEXE ou PJA",
        "write a code such as RIB, LISIBLE, BON_LIVRAISON, BON_COMMANDE, BORDEREAU_SUIVI, DOCUMENT_ANNEXE or PJA",
        "ram:AdditionalReferencedDocument/ram:Name",
        "cac:AdditionalDocumentReference/cbc:DocumentDescription",
    ),
    "BR-FR-18_BT-123": Sentence(
        "BT-123",
        "plusieurs pièces jointes (BG-24) sont données comme version lisible de la facture (BT-123 = LISIBLE)",
        "several supporting documents (BG-24) are given as the readable invoice (BT-123 = LISIBLE)",
        "gardez une seule pièce LISIBLE ; donnez aux autres leur propre code",
        "keep a single LISIBLE document; give the others their own code",
        "ram:AdditionalReferencedDocument/ram:Name",
        "cac:AdditionalDocumentReference/cbc:DocumentDescription",
    ),
    "BR-FR-20_BT-21": Sentence(
        "BT-21",
        "la note de code sujet BAR (BT-21) ne contient pas une valeur admise (BT-22)",
        "the note of subject code BAR (BT-21) does not hold a value that is allowed (BT-22)",
        "écrivez B2B, B2BINT, B2C, B2CINT, OUTOFSCOPE ou ARCHIVEONLY, ou retirez cette note",
        "write B2B, B2BINT, B2C, B2CINT, OUTOFSCOPE or ARCHIVEONLY, or remove that note",
        _NOTE,
        _NOTE_UBL,
    ),
    "BR-FR-21_BT-49": Sentence(
        "BT-49",
        "la facture est entre assujettis (BAR = B2B) et l'adresse électronique de l'acheteur (BT-49) ne commence pas par son SIREN (BT-47), ou n'est pas de schéma 0225",
        "the invoice is between businesses (BAR = B2B) and the electronic address of the buyer (BT-49) does not begin with its SIREN (BT-47), or is not of scheme 0225",
        "reprenez l'adresse de l'acheteur dans l'annuaire, avec le schemeID 0225",
        "take the address of the buyer from the directory, with the schemeID 0225",
        *_below(_BUYER, _URI, _URI_UBL),
    ),
    "BR-FR-22_BT-34": Sentence(
        "BT-34",
        "la facture est une autofacture entre assujettis (BAR = B2B) et l'adresse électronique du fournisseur (BT-34) ne commence pas par son SIREN (BT-30), ou n'est pas de schéma 0225",
        "the invoice is self-billed between businesses (BAR = B2B) and the electronic address of the seller (BT-34) does not begin with its SIREN (BT-30), or is not of scheme 0225",
        "reprenez l'adresse du fournisseur dans l'annuaire, avec le schemeID 0225",
        "take the address of the seller from the directory, with the schemeID 0225",
        *_below(_SELLER, _URI, _URI_UBL),
    ),
    "BR-FR-27_BG-32": Sentence(
        "BG-32",
        "une caractéristique d'article (BG-32) n'a ni nom (BT-160) ni code (EXT-FR-FE-159)",
        "an item attribute (BG-32) has neither a name (BT-160) nor a code (EXT-FR-FE-159)",
        "nommez la caractéristique, ou retirez-la",
        "name the attribute, or remove it",
        _ATTRIBUTE,
        _ATTRIBUTE_UBL,
    ),
    "BR-FR-27_BT-160": Sentence(
        "BT-160",
        "le nom d'une caractéristique d'article (BT-160) est vide",
        "the name of an item attribute (BT-160) is empty",
        "nommez la caractéristique, ou retirez-la",
        "name the attribute, or remove it",
        f"{_ATTRIBUTE}/ram:Description",
        f"{_ATTRIBUTE_UBL}/cbc:Name",
    ),
    "BR-FR-28": Sentence(
        "BG-32",
        "une caractéristique d'article n'a pas de valeur, ou en a deux (une en clair et une avec unité)",
        "an item attribute has no value, or two (one in words and one with a unit)",
        "donnez une valeur et une seule : en clair, ou un nombre avec son unité",
        "give one value and only one: in words, or a number with its unit",
        _ATTRIBUTE,
        _ATTRIBUTE_UBL,
    ),
    "BR-FR-31_BT-21": Sentence(
        "BT-21",
        "plusieurs notes de code sujet BAR (BT-21) donnent un traitement (BT-22)",
        "several notes of subject code BAR (BT-21) give a treatment (BT-22)",
        "gardez une seule note BAR",
        "keep a single BAR note",
        _NOTE,
        _NOTE_UBL,
    ),
    "BR-FR-CO-03_BT-3": Sentence(
        "BT-3",
        "l'avoir est une remise globale (BT-3 = 262) sans numéro de contrat (BT-12) ou sans période (BG-14)",
        "the credit note is a global allowance (BT-3 = 262) without a contract number (BT-12) or without a period (BG-14)",
        "indiquez le numéro du contrat et la période, début et fin",
        "give the number of the contract and the period, start and end",
    ),
    "BR-FR-CO-04_BT-3": _ONE_REFERENCE,
    "BR-FR-CO-04_BT-4": _ONE_REFERENCE,  # as the CII sheet spells it
    "BR-FR-CO-05_BT-3": Sentence(
        "BT-25",
        "l'avoir (BT-3) ne cite aucune facture antérieure avec son numéro (BT-25) et sa date (BT-26)",
        "the credit note (BT-3) names no preceding invoice with its number (BT-25) and its date (BT-26)",
        "citez la facture concernée, avec son numéro et sa date, en tête de l'avoir ou sur chacune de ses lignes",
        "name the invoice concerned, by number and date, in the header of the credit note or on each of its lines",
        "ram:ApplicableHeaderTradeSettlement/ram:InvoiceReferencedDocument",
        "cac:BillingReference/cac:InvoiceDocumentReference",
    ),
    "BR-FR-CO-07_BT-9": Sentence(
        "BT-9",
        "la date d'échéance (BT-9) est antérieure à la date de la facture (BT-2)",
        "the due date (BT-9) is before the invoice date (BT-2)",
        "corrigez l'échéance ; pour une facture déjà payée, prenez le cadre B2, S2 ou M2",
        "correct the due date; for an invoice that is already paid take the framework B2, S2 or M2",
        TERMS["BT-9"].cii,
        TERMS["BT-9"].ubl,
    ),
    "BR-FR-CO-08_BT-23": Sentence(
        "BT-23",
        "le cadre (BT-23 = B4, S4 ou M4) est celui d'une facture définitive après acompte, et le type (BT-3) celui d'un acompte",
        "the framework (BT-23 = B4, S4 or M4) is that of a final invoice after prepayment, and the type (BT-3) that of a prepayment",
        "pour un acompte, prenez le cadre B1, S1 ou M1 ; pour la facture définitive, le type 380",
        "for a prepayment take the framework B1, S1 or M1; for the final invoice the type 380",
        _FRAMEWORK,
        _FRAMEWORK_UBL,
    ),
    "BR-FR-CO-09_BT-23": _paid(
        "BT-115",
        "le montant déjà payé (BT-113), le net à payer (BT-115) ou la date d'échéance (BT-9) ne le dit pas",
        "the amount already paid (BT-113), the amount due (BT-115) or the due date (BT-9) does not say so",
    ),
    "BR-FR-CO-09_BT-23-1": _paid("BT-113", *_NOT_PAID),
    "BR-FR-CO-09_BT-23-2": _paid("BT-115", *_DUE),
    "BR-FR-CO-09_BT-23-3": _paid("BT-9", *_NO_DATE),
    "BR-FR-CO-12_BT-5": Sentence(
        "BT-6",
        "la facture n'est pas en euros (BT-5), et la devise de comptabilisation EUR (BT-6) ou le total de TVA en euros (BT-111) manque",
        "the invoice is not in euros (BT-5), and the accounting currency EUR (BT-6) or the total VAT in euros (BT-111) is missing",
        "indiquez EUR comme devise de comptabilisation, et le total de TVA en euros avec le currencyID EUR",
        "give EUR as accounting currency, and the total VAT in euros with the currencyID EUR",
    ),
    "BR-FR-CO-14_BT-29-1": Sentence(
        "BT-22",
        "le fournisseur est membre d'un assujetti unique (BT-29-1 = 0231), et la note de code sujet TXD (BT-21) qui le dit manque (BT-22)",
        "the seller is a member of a VAT group (BT-29-1 = 0231), and the note of subject code TXD (BT-21) that says so is missing (BT-22)",
        "ajoutez la note TXD de texte MEMBRE_ASSUJETTI_UNIQUE",
        "add the note TXD with the text MEMBRE_ASSUJETTI_UNIQUE",
        _NOTE,
        _NOTE_UBL,
    ),
    "BR-FR-CO-15_BT-29-1": Sentence(
        "BT-63",
        "le fournisseur est membre d'un assujetti unique (BT-29-1 = 0231), et le numéro de TVA de celui-ci (BT-63) manque comme représentant fiscal (BG-11)",
        "the seller is a member of a VAT group (BT-29-1 = 0231), and the VAT identifier of the group (BT-63) is missing as tax representative (BG-11)",
        "ajoutez le bloc du représentant fiscal avec le numéro de TVA de l'assujetti unique",
        "add the block of the tax representative with the VAT identifier of the group",
        TERMS["BT-63"].cii,
        TERMS["BT-63"].ubl,
    ),
}  # fmt: skip


# Ids of the UBL sheet that stand for several rules: what the official text of each says, and the id of that rule alone.
VARIANTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "BR-FR-05_BT-22": tuple((f"(code {code})", f"BR-FR-05_BT-22_{code}") for code in ("PMT", "PMD", "AAB")),
    "BR-FR-06_BT-21": tuple((f"code sujet {code}", f"BR-FR-06_BT-21_{code}") for code in _MENTIONS),
    "BR-FR-CO-09_BT-23": (
        ("(BT-113)", "BR-FR-CO-09_BT-23-1"), ("(BT-115)", "BR-FR-CO-09_BT-23-2"), ("(BT-9)", "BR-FR-CO-09_BT-23-3"),
    ),
    **{
        f"BR-FR-CO-10_{at}": (("une seule fois", f"BR-FR-CO-10_{at}-2"), ("schemeID", f"BR-FR-CO-10_{at}-1"), ("schéma", f"BR-FR-CO-10_{at}-1"))
        for at in _IDENTIFIED
    },
}  # fmt: skip

SENTENCES: Mapping[str, Sentence] = {
    **dict(_documents()),
    **dict(_notes()),
    **dict(_parties()),
    **dict(_vat()),
    **_ONE_BY_ONE,
}
