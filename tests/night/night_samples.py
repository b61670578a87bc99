"""Nights to render: a full one with hostile names in every place, a quiet one, and one with very many differences."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

from pipeline.ports import Said
from pipeline.reconcile import Line
from pipeline.reconcile.night import (
    BUCKETS,
    KINDS,
    SOURCES,
    Against,
    Age,
    Difference,
    Excluded,
    Kind,
    Reconciliation,
    Row,
    RuleRow,
    Sum,
    Term,
    counted,
    difference,
)

DAY = date(2026, 11, 20)
SEEN = datetime(2026, 11, 21, 1, 0, 12, tzinfo=UTC)
FORMULAS = ('=HYPERLINK("http://a.example","x")', "+33 1 02", "-2+3", "@SUM(A1)", "\t=1", "=cmd|'/c calc'!A1")
MARKUP = "<script>alert(1)</script>&\"'<img src=x onerror=alert(1)>\u202e\x1b[2J"


def sums(invoices: int, euros: int, dollars: int = 0) -> Sum:
    money = {"EUR": euros * 1_000_000 + 250_000}
    if dollars:
        money["USD"] = dollars * 1_000_000
    return Sum(invoices, money, invoices // 500)


def row(key: str, label: str, invoices: int, files: int = 0, dollars: int = 0) -> Row:
    """One partner: of its invoices 94 % go in, 4 % are refused, the rest waits."""
    refused, pending = invoices * 4 // 100, invoices * 2 // 100
    good = invoices - refused - pending
    told = {
        "received": files, "integrated": files * 9 // 10, "partial": files // 20,
        "refused": files - files * 9 // 10 - files // 20 - files // 50, "repeated": files // 50, "reported": files - files // 50,
        "delivered": good // 100, "told": good // 100,
    }  # fmt: skip
    return Row(
        key, label, told if files else {}, sums(invoices, invoices * 1_217, dollars), sums(good, good * 1_217, dollars),
        sums(refused, refused * 1_217), sums(pending, pending * 1_217), sums(good - 3, (good - 3) * 1_217, dollars),
        sums(invoices - 5, (invoices - 5) * 1_217, dollars),
    )  # fmt: skip


PARTNERS = (
    ("TLM001", "Télématique & Réseaux SA", 48_210), ("EAU042", "Régie des Eaux du Midi", 21_904),
    ("BTP118", "Bâtiments et Travaux Publics du Centre", 12_450), ("FRN007", "Fournitures Générales", 9_312),
    ("SAN330", "Santé Équipements", 4_127), ("IMP015", "Imprimerie Régionale", 1_964), ("GAZ900", "Gaz et Chaleur", 1_033),
    ("LOC221", "Location de Véhicules", 640), ("ABC001", "Atelier Bois Conseil", 212), ("NET100", "Nettoyage Service", 97),
    ("XYZ999", "Essais", 12), ("MKP001", MARKUP, 3),
)  # fmt: skip
RECIPIENTS = (
    ("11000201100044", "Services de l'État pour la facturation électronique", 31_020),
    ("21750001600019", "Ville de Paris", 18_430), ("26750045200011", "Assistance publique - Hôpitaux de Paris", 15_208),
    ("20005478100022", "Métropole du Grand Paris", 8_911), ("21690123100011", "Commune de Lyon", 7_102),
    ("22330001300016", "Département de la Gironde", 5_820), ("13001533200013", "Établissement public foncier", 2_004),
)  # fmt: skip
RULES = (
    ("RTG-010", "error", "le service exécutant est connu de la structure destinataire", "the executing service is known", 1_704),
    ("RTG-021", "error", "le numéro d'engagement est donné là où la structure l'exige", "the commitment is given", 1_233),
    ("DUP-001", "error", "le numéro n'a pas déjà été reçu de ce fournisseur", "the number is new", 540),
    ("BR-CO-15", "error", "le total TTC est le total hors taxes plus la TVA", "total with VAT", 311),
    ("CMT-005", "hold", "les engagements de l'État peuvent être consultés", "commitments can be asked", 201),
    ("PTY-009", "warning", "le SIRET du fournisseur a une clé valide", "the key of the SIRET holds", 96),
    ("XML-012", "warning", "une feuille de style est référencée", "a style sheet is referenced", 41),
    (MARKUP, "info", MARKUP, MARKUP, 2),
)  # fmt: skip
STATUSES = (
    ("03", "mise à disposition", (31_200, 8_100, 2_400, 350, 12)), ("04", "à recycler", (140, 55, 20, 4, 1)),
    ("06", "suspendue", (60, 44, 12, 2, 0)), ("07", "service fait", (5_020, 1_400, 310, 44, 0)),
    ("08", "mandatée", (2_100, 900, 120, 8, 0)), ("10", "comptabilisée", (800, 210, 70, 6, 2)),
)  # fmt: skip


def flow(number: int) -> str:
    return f"FSO1110A_TLM001_TLM0011110{number:015d}"


def some_differences() -> tuple[Difference, ...]:
    """One of nearly every kind, as the night names them; the last ones with what a stranger may write."""
    sha = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
    since = SEEN - timedelta(days=2)
    plain = [
        difference(Kind.IN_DROP, "déposé depuis 2 j, aucune ligne au registre", "dropped 2 d ago, no row", partner="EAU042", flow=flow(1), file=f"drop/EAU042/in/{flow(1)}", since=since),
        difference(Kind.BYTES_MISSING, "le registre le nomme, le magasin ne l'a plus", "named by the ledger, gone", partner="TLM001", flow=flow(2), file=f"TLM001/{sha}"),
        difference(Kind.PIVOT_MISSING, "intégrée, dans aucun pivot", "integrated, in no pivot", partner="TLM001", flow=flow(3), invoice="73282932000074/F-2026-001", millionths=1_204_500_000, currency="EUR"),
        difference(Kind.AMOUNTS_DIFFER, "lu 12 000.00 EUR, décidé 1 200.00 EUR", "read 12000.00 EUR, decided 1200.00 EUR", partner="BTP118", flow=flow(4), millionths=-10_800_000_000, currency="EUR"),
        difference(Kind.NO_STATUS, "31 factures sans nouvelle depuis 34 j", "31 invoices without news for 34 d", partner="21750001600019", flow=flow(5), count=31, since=SEEN - timedelta(days=34)),
        difference(Kind.REPORT_NOT_FETCHED, "envoyé, toujours dans out", "sent, still in out", partner="FRN007", flow=flow(6), file=f"CSO1110A_FRN007_CPP0011110{6:015d}", since=since),
        difference(Kind.LEASE_OVER, "bail fini depuis 02:10", "lease over since 02:10", partner="TLM001", flow="", since=SEEN),
        difference(Kind.CONTROL_BYTES, "annoncé aaaa, reçu bbbb", "announced aaaa, received bbbb", partner="GAZ900", flow=flow(7)),
        difference(Kind.CONTROL_UNKNOWN, "annoncé pour 12 factures, jamais reçu", "announced for 12 invoices, never received", partner="GAZ900", flow=flow(8), count=12, millionths=14_520_000_000, currency="EUR"),
        difference(Kind.BYTES_UNNAMED, "aucune ligne ne le nomme", "no row names it", partner="TLM001", file=f"TLM001/{sha[::-1]}"),
        difference(Kind.OUT_UNKNOWN, "présent dans out, jamais écrit par nous", "in out, never written by us", partner="IMP015", file="notes.txt"),
        difference(Kind.NUMBER_TWICE, f"une devise inconnue {MARKUP}", "an odd currency", partner="MKP001", flow=flow(9), millionths=-1, currency="=X"),
    ]  # fmt: skip
    hostile = [
        difference(Kind.IN_DROP, text, text, partner="MKP001", flow=text, invoice=text, file=text)
        for text in (*FORMULAS, MARKUP)
    ]
    return (*plain, *hostile)


def night() -> Reconciliation:
    """A large day: twelve partners, every chart with something to show, differences to deal with."""
    differences = some_differences()
    rows = tuple(
        row(key, label, count, files=count // 40 + 1, dollars=900 if key == "SAN330" else 0)
        for key, label, count in PARTNERS
    )
    invoices = sum(count for _, _, count in PARTNERS)
    total = row("", "", invoices, files=sum(one.files["received"] for one in rows), dollars=900)
    ages = tuple(
        Age(code, Said(label, f"status {code}"), recipient, name, "JUSTIF_ABS" if code == "06" else "", sum(buckets) // 7,
            SEEN - timedelta(days=61 if buckets[-1] else 40), tuple(count // 7 for count in buckets),
            {"EUR": sum(buckets) // 7 * 1_217_000_000})
        for code, label, buckets in STATUSES for recipient, name, _ in RECIPIENTS
    )  # fmt: skip
    terms = tuple(
        Term(recipient, name, count // 3, count // 40, count // 160, date(2026, 9, 1), {"EUR": count * 30_000_000})
        for recipient, name, count in RECIPIENTS
    )
    against = tuple(
        Against(source, Said(f"{1_000 * rank} comparés, jusqu'au dernier", f"{1_000 * rank} compared"), 1_000 * rank)
        for rank, source in enumerate(SOURCES, 1) if source != "runs"
    )  # fmt: skip
    unread = Against(
        "runs", Said("non lu : aucun compte de lecture n'est réglé", "not read: no viewer account"), 0, False
    )
    lines = (
        Line("deposits", True, Said("intégrés 2 400, rejetés 48", "2400 integrated, 48 refused"), 2_448),
        Line(
            "money EUR",
            False,
            Said(f"{flow(4)} : lu 12000.00, décidé 1200.00", "read 12000.00, decided 1200.00"),
            2_448,
        ),
        Line("archive", True, Said("chaque ligne a ses octets", "every row has its bytes"), 5_120),
    )
    return Reconciliation(
        DAY, lines, {"deposits_received": 2_448}, None, SEEN, total, rows,
        tuple(row(code, "", count) for code, count in (("FSO1110A", 61_020), ("FSO1117A", 30_102), ("FSO1100A", 8_820))),
        tuple(row(siret, name, count) for siret, name, count in RECIPIENTS),
        tuple(RuleRow(rule, grade, Said(fr, en), n, n // 2 + 1, n, 3) for rule, grade, fr, en, n in RULES),
        ages, terms, Excluded(14, 2_310), (*against, unread), differences, counted(differences),
    )  # fmt: skip


def quiet_night() -> Reconciliation:
    """Nothing came, nothing differs."""
    return Reconciliation(DAY, (Line("deposits", True, Said("aucun", "none")),), {}, made_at=SEEN)


class Many:
    """So many differences that nobody holds them: a sized collection that makes them as it goes."""

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __contains__(self, one: object) -> bool:
        return False

    def __iter__(self) -> Iterator[Difference]:
        for number in range(self.count):
            kind = Kind.REPORT_MISSING if number == self.count - 1 else Kind.NO_STATUS
            yield difference(
                kind, f"{number} : sans nouvelle depuis 34 j", f"{number}: no news for 34 d", partner="TLM001",
                flow=flow(number), invoice=f"73282932000074/F-{number}", millionths=1_000_000 * number, currency="EUR",
                since=SEEN - timedelta(minutes=number),
            )  # fmt: skip


def crowded_night(count: int) -> Reconciliation:
    return Reconciliation(
        DAY, (), {}, made_at=SEEN, differences=Many(count), by_kind={Kind.NO_STATUS: count - 1, Kind.REPORT_MISSING: 1}
    )


assert len(BUCKETS) + 1 == len(STATUSES[0][2])
assert set(KINDS) == set(Kind)
