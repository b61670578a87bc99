"""What may well stand in a row of a file of changes: values that another row, invoice or day would have.

Most mutants of tables and entries stay readable this way, and reach the decisions behind the readers.
"""

from random import Random

from bench.fuzz.stands import STANDS
from bench.oracle import values
from fixtures.content import ALPHA, BETA, FREE, STATE, WITH_BOTH, WITH_COMMITMENT, WITH_SERVICE
from fixtures.reference import CLOSED, EITHER, SERVICES, WORKS_ONLY

_NUMBERS = (*sorted({one.number for stands in STANDS.values() for one in stands}), "FX CYCLE/404", "fx cycle/1")
_MOMENTS = (
    "2026-11-20T12:00:00+01:00", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00", "2026-11-20T11:00:00",
    "2026-11-19T12:00:00", "2026-11-19T12:00:00.25+01:00", "2026-11-20T11:00:30Z", "2026-11-20T11:00:31Z",
    "2026-11-19T10:59:59Z", "2026-11-19T11:00:00Z", "2026-11-20T10:55:00Z", "2026-11-20T10:54:59.999999999Z",
    "2027-11-20T12:00:00+01:00", "2026-11-20T24:00:00", "2026-11-19T24:00:00", "2026-11-20T12:00:00+14:00",
    "2026-11-19T22:00:00-14:00",
    "0001-01-01T00:00:00Z", "12026-11-20T12:00:00Z", "2026-10-25T02:30:00", "2026-11-20", "-2026-11-20T12:00:00Z",
)  # fmt: skip
_DAYS = (
    "2026-11-02", "2025-11-03", "02/11/2026", "2026-11-02Z", "2025-11-03+01:00", "2026-11-03", "12026-11-02",
    "2026-02-30", "11/02/2026", "2026-11-2", "-2026-11-02", "0000-11-02",
)  # fmt: skip
_STATUSES = ("07", "7", "007", "+7", "04", "05", "06", "08", "09", "10", "11", "12", "03", "01", "02", "37", "13", "20",
             "41", "42", "0", "99", "-7", "7.0", " 07 ", "7 8")  # fmt: skip
_TEXTS = ("Bon de livraison manquant", "x" * 256, "é" * 255, "-", "'=1+1", "'-", "a|b", "a\nb", "=1+1", "\u00a0", "")
_COMMITMENTS = ("-", "", "EJ2026-00042", "1400000042", "1400000044", "E" * 51, "1400000042 ")
_FILES = ("livraison.pdf", "releve.csv.pdf", "livraison.pdf|bon.zip", "bon.zip", "Livraison.pdf", "absente.pdf", "",
          "|", "livraison.pdf|livraison.pdf", "actions.csv", "actions.xml")  # fmt: skip
_RECIPIENTS = (SERVICES, WITH_SERVICE, FREE, WITH_BOTH, WITH_COMMITMENT, EITHER, STATE, CLOSED, WORKS_ONLY)
# the datum of a row -> values; both forms of a file, and both directions, name their data so
OF = {
    "action": ("recycler", "completer", "traiter-rejet", "Recycler", "recycle", "complete", "handle-reject",
               "Compléter", "traiter un rejet", "supprimer", ""),
    "status": _STATUSES, "when": _MOMENTS, "number": _NUMBERS, "issued": _DAYS,
    "supplier": (ALPHA.identifier, ALPHA.identifier, BETA.identifier, "ESB12345674", "9,99901E+13", "", "-"),
    "supplier_type": ("1", "01", "2", "7", "8", "", "+1"),
    "recipient": (*(one.siret for one in _RECIPIENTS), "99990399999999", "", "-", "1,23457E+13"),
    "service": ("DSI", "DRH", "VOIRIE", "ANCIEN", "FUTUR", "COMPTA", "SERVICE_DEST_SERV_OBL", "FACTURES_PUBLIQUES", "-",
                "", "dsi", "Direction de la voirie", "SFACETAT"),
    "commitment": _COMMITMENTS, "comment": _TEXTS, "mandate": ("M-2026-118", "", "x" * 60),
    "reason": ("SE_ERR", "MONTANT_ERR", "JUSTIF_ABS", "AUTRE", "se_err", "Avoir et nouvelle facture", "x" * 300, "",
               "-"),
    "credit_note": _NUMBERS, "corrective": _NUMBERS, "attachments": _FILES,
    "flow": ("FSO1100A_XXX999_XXX9991100CYCLE0000000001", "", "x" * 256, "a\u200bb", "é"),
    "sha256": ("0" * 64, "sha256=" + "a" * 64, "A" * 64, "0" * 63, "g" * 64, "", "\uff10" * 64),
    "invoices": ("1", "0", "01", "1 234", "1\u202f234", "12,0", "-1", "1e3", "999999999", "1234567890", "", "12 34",
                 "٣"),
    "total": ("1 234,50", "1234.50", "1.234,50", "-1\u202f234,5 €", "\u22121,00", "0", "1,1234567", "1e3", "NaN", "",
              "€", "1,2,3", "+5", "12 34,5", "9999999999999.99", "5 €€", "+-5", "1 234 567,89", "--1"),
    "currency": ("EUR", "eur", "USD", "", "€", "E", "XXX", "EURO"),
}  # fmt: skip


def value(datum: str, random: Random) -> str:
    """One that this datum may well have; rarely of another datum, or one that programs read apart."""
    what = random.random()
    if what < 0.1:
        return random.choice(values.NASTY)
    return random.choice(OF[datum] if what < 0.9 and datum in OF else random.choice(list(OF.values())))
