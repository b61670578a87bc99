"""The words and the figures of the nightly reconciliation, as its workbook, its page and the terminal write them.

Accountants read them: French first, English on request. What a stranger wrote comes through `text`, cut, on one line.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from pipeline.model import PARIS
from pipeline.ports import Said
from pipeline.reasons import REASONS
from pipeline.reconcile.night import BUCKETS, KINDS, Age, Difference, Kind, Reconciliation, Row
from pipeline.returns.message import display

FRENCH, ENGLISH = "fr", "en"
NARROW = "\u202f"  # between digits, and before French punctuation
EURO = "EUR"
CURRENCIES_MAX = 4  # with columns of their own; what came in others stands in one column, as text
TEXT_MAX = 300  # characters of a text of others
_SIGNS = {EURO: "€"}
_DAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")
_MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre", "octobre", "novembre",
    "décembre",
)  # fmt: skip

WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "title": ("Rapprochement de la journée du {day}", "Reconciliation of the business day, {day}"),
        "day": ("Journée du", "Business day"),
        "made at": ("Vu le", "Seen on"),
        "sound": ("Tout concorde", "Everything adds up"),
        "one difference": ("1 écart à traiter", "1 difference to deal with"),
        "differences to do": ("{count} écarts à traiter", "{count} differences to deal with"),
        "broken lines": ("{count} invariants rompus", "{count} broken invariants"),
        "one broken line": ("1 invariant rompu", "1 broken invariant"),
        "harmless": ("{count} constats sans gravité", "{count} harmless findings"),
        "one harmless": ("1 constat sans gravité", "1 harmless finding"),
        "one unread": ("1 source non lue", "1 source not read"),
        "unread": ("{count} sources non lues", "{count} sources not read"),
        "and more": (
            "et {count} autres, voir le classeur et le CSV (--out DOSSIER)",
            "and {count} more, see the workbook and the CSV (--out DIR)",
        ),
        "one more": (
            "et 1 autre, voir le classeur et le CSV (--out DOSSIER)",
            "and 1 more, see the workbook and the CSV (--out DIR)",
        ),
        "rest in csv": (
            "Les {shown} premiers écarts sur {count} ; tous sont dans {file}.",
            "The first {shown} of {count} differences; all of them are in {file}.",
        ),
        # sheets and sections
        "summary": ("Synthèse", "Summary"),
        "differences": ("Écarts", "Differences"),
        "partners": ("Par partenaire", "By partner"),
        "rules": ("Par règle", "By rule"),
        "ages": ("Âges", "Ages"),
        "recipients": ("Par destinataire", "By recipient"),
        "interfaces": ("Par code interface", "By interface code"),
        "terms": ("Délais de paiement", "Payment terms"),
        "against": ("Comparé à", "Compared with"),
        "lines": ("Invariants", "Invariants"),
        "by kind": ("Écarts par nature", "Differences by kind"),
        # columns
        "files": ("flux", "flows"),
        "invoices": ("factures", "invoices"),
        "partner": ("partenaire", "partner"),
        "interface": ("code interface", "interface code"),
        "recipient": ("destinataire", "recipient"),
        "name": ("nom", "name"),
        "kind": ("nature", "kind"),
        "gravity": ("gravité", "gravity"),
        "flow": ("flux", "flow"),
        "invoice": ("facture", "invoice"),
        "file": ("fichier", "file"),
        "where": ("où", "where"),
        "said": ("constat", "what differs"),
        "amount": ("montant", "amount"),
        "currency": ("devise", "currency"),
        "count": ("factures concernées", "invoices concerned"),
        "since": ("depuis le", "since"),
        "next": ("à faire", "next step"),
        "how many": ("nombre", "count"),
        "to do": ("à traiter", "to deal with"),
        "no harm": ("sans gravité", "harmless"),
        "rule": ("règle", "rule"),
        "severity": ("sévérité", "severity"),
        "asks": ("ce qu'elle demande", "what it asks"),
        "findings": ("constats", "findings"),
        "flows": ("flux", "flows"),
        "partners counted": ("partenaires", "partners"),
        "status": ("statut", "status"),
        "reason": ("motif", "reason"),
        "oldest": ("la plus ancienne", "the oldest"),
        "up to": ("jusqu'à {days} j", "up to {days} d"),
        "between": ("{first} à {days} j", "{first} to {days} d"),
        "above": ("plus de {days} j", "over {days} d"),
        "waiting": ("en attente de paiement", "waiting for payment"),
        "at risk": ("échéance proche", "term near"),
        "overdue": ("échéance dépassée", "term over"),
        "source": ("source", "source"),
        "looked at": ("vus", "looked at"),
        "extent": ("étendue", "extent"),
        "read": ("lue", "read"),
        "not read": ("non lue", "not read"),
        "total": ("Ensemble", "Everybody"),
        "other currencies": ("autres devises", "other currencies"),
        "other": ("autres", "others"),
        "late": ("dépassée", "over"),
        "near": ("proche", "near"),
        "unpaid": ("à payer", "unpaid"),
        "unsummed": ("sans montant sommable", "without an amount that sums"),
        "invariant": ("invariant", "invariant"),
        "holds": ("tient", "holds"),
        "broken": ("rompu", "broken"),
        "detail": ("détail", "detail"),
        "figure": ("donnée", "figure"),
        "value": ("valeur", "value"),
        "excluded": (
            "{invoices} factures chez {recipients} destinataires qui ne renvoient jamais le paiement : hors délai.",
            "{invoices} invoices with {recipients} recipients that never return a payment: no term runs for them.",
        ),
        "yes": ("oui", "yes"),
        "no": ("non", "no"),
    }
)
SEVERITIES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "fatal": ("irrecevable", "fatal"), "error": ("erreur", "error"), "hold": ("attente", "hold"),
        "warning": ("attention", "warning"), "info": ("information", "info"),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """The words of one language, and figures as its readers write them."""

    lang: str = FRENCH

    def __call__(self, name: str, /, **facts: object) -> str:
        """A word of `WORDS`, its facts put in; a count is written as a number."""
        given = {key: self.number(fact) if isinstance(fact, int) else fact for key, fact in facts.items()}
        return WORDS[name][self._rank].format_map(given)

    @property
    def _rank(self) -> int:
        return 1 if self.lang == ENGLISH else 0

    def others(self, count: int) -> str:
        """So many more than are shown, and where they are."""
        return self("one more") if count == 1 else self("and more", count=count)

    def said(self, said: Said) -> str:
        """A sentence of ours, with the names that strangers gave."""
        return display(said.in_words(self.lang), 2_000)

    def head(self, name: str) -> str:
        """A word at the head of a column."""
        return capital(self(name))

    def text(self, value: str) -> str:
        """What a stranger wrote, cut and on one line."""
        return display(value, TEXT_MAX)

    def severity(self, name: str) -> str:
        return SEVERITIES.get(name, (name, name))[self._rank]

    def number(self, count: int) -> str:
        """A number with its thousands apart.

        >>> Words("en").number(12345)
        '12,345'
        """
        return f"{count:,}" if self.lang == ENGLISH else f"{count:,}".replace(",", NARROW)

    def amount(self, millionths: int, currency: str) -> str:
        """An amount of money, exact: two decimals, or as many as it has.

        >>> Words("en").amount(1_234_500_000, "EUR"), Words("en").amount(-1, "USD")
        ('1,234.50 €', '-0.000001 USD')
        """
        units, rest = divmod(abs(millionths), 1_000_000)
        decimals = f"{rest:06d}".rstrip("0").ljust(2, "0")
        sign = "-" if millionths < 0 else ""
        point = "." if self.lang == ENGLISH else ","
        return f"{sign}{self.number(units)}{point}{decimals}\u00a0{_SIGNS.get(currency, self.text(currency) or '?')}"

    def short_amount(self, millionths: int, currency: str) -> str:
        """An amount at a glance: no cents, thousands and millions by their letter.

        >>> Words("en").short_amount(12_345_678_000_000, "EUR"), Words("en").short_amount(999_990_000, "EUR")
        ('12.3 M€', '1,000 €')
        """
        sign = _SIGNS.get(currency, f"\u00a0{self.text(currency) or '?'}")
        value = millionths / 1_000_000
        for limit, letter in ((1e9, "Md"), (1e6, "M"), (1e4, "k")):
            if abs(value) >= limit:
                scaled = f"{value / (1e3 if letter == 'k' else limit):,.1f}".removesuffix(".0")
                letter = "bn" if letter == "Md" and self.lang == ENGLISH else letter
                return f"{self._local(scaled)}\u00a0{letter}{sign.lstrip()}"
        return f"{self._local(f'{value:,.0f}')}\u00a0{sign.lstrip()}"

    def share(self, part: int, whole: int) -> str:
        """A part of a whole in percent; never 100 % or 0 % of what is not all or nothing.

        >>> Words("en").share(1, 3), Words("en").share(999_999, 1_000_000), Words("en").share(0, 0)
        ('33.3 %', '99.9 %', '-')
        """
        if not whole:
            return "-"
        tenths = round(1000 * part / whole)
        if 0 < part < whole:
            tenths = min(max(tenths, 1), 999)
        said = f"{tenths / 10:.1f}".removesuffix(".0")
        return f"{self._local(said)}{NARROW if self.lang == FRENCH else ' '}%"

    def _local(self, number: str) -> str:
        if self.lang == ENGLISH:
            return number
        return number.replace(",", NARROW).replace(".", ",")

    def day(self, day: date) -> str:
        """A day as one says it.

        >>> Words().day(date(2026, 11, 1))
        'dimanche 1er novembre 2026'
        """
        if self.lang == ENGLISH:
            return f"{day:%A} {day.day} {day:%B %Y}"
        ordinal = "1er" if day.day == 1 else str(day.day)
        return f"{_DAYS[day.weekday()]} {ordinal} {_MONTHS[day.month - 1]} {day.year}"

    def short_day(self, day: date) -> str:
        return f"{day:%Y-%m-%d}" if self.lang == ENGLISH else f"{day:%d/%m/%Y}"

    def moment(self, at: datetime) -> str:
        """A moment, in Paris."""
        there = at.astimezone(PARIS)
        return f"{self.short_day(there.date())} {there:%H:%M}"

    def bucket(self, place: int) -> str:
        """A group of ages."""
        if place == len(BUCKETS):
            return self("above", days=BUCKETS[-1])
        if place == 0:
            return self("up to", days=BUCKETS[0])
        return self("between", first=BUCKETS[place - 1] + 1, days=BUCKETS[place])

    def short_bucket(self, place: int) -> str:
        """The same in few letters.

        >>> [Words("en").short_bucket(place) for place in (0, 1, 4)]
        ['0-7 d', '8-15 d', '> 60 d']
        """
        unit = "d" if self.lang == ENGLISH else "j"
        if place == len(BUCKETS):
            return f"> {BUCKETS[-1]} {unit}"
        return f"{BUCKETS[place - 1] + 1 if place else 0}-{BUCKETS[place]} {unit}"

    def reason(self, code: str) -> str:
        """A reason with its code; one that is not in the list is its code."""
        row = REASONS.get(code)
        if row is None:
            return self.text(code)
        return f"{row.label_en if self.lang == ENGLISH else row.label_fr} ({code})"

    def gravity(self, one: Difference) -> str:
        return self("to do" if one.counts else "no harm")

    def outcome(self, found: Reconciliation) -> str:
        """The night in a few words: what is to be done, and what was not read."""
        parts = []
        red, broken, unread = found.red, sum(not line.ok for line in found.lines), len(found.unread)
        harmless = sum(found.by_kind.values()) - red
        if red:
            parts.append(self("one difference") if red == 1 else self("differences to do", count=red))
        if broken:
            parts.append(self("one broken line") if broken == 1 else self("broken lines", count=broken))
        if not parts:
            parts.append(self("sound"))
        if harmless:
            parts.append(self("one harmless") if harmless == 1 else self("harmless", count=harmless))
        if unread:
            parts.append(self("one unread") if unread == 1 else self("unread", count=unread))
        return ", ".join(parts)


def capital(words: str) -> str:
    """The same words as a heading begins.

    >>> capital("répondues à EDI")
    'Répondues à EDI'
    """
    return words[:1].upper() + words[1:]


def currencies(found: Reconciliation) -> tuple[str, ...]:
    """The currencies that have columns of their own: the euro first, then those in which most was received."""
    money = found.total.read.money
    others = sorted((one for one in money if one != EURO), key=lambda one: (-abs(money[one]), one))
    return ((EURO, *others) if EURO in money or not others else tuple(others))[:CURRENCIES_MAX]


def others(money: Mapping[str, int], own: Sequence[str], words: Words) -> str:
    """What came in currencies without a column."""
    rest = sorted(one for one in money if one not in own)
    return "; ".join(words.amount(money[one], one) for one in rest[:20])


@dataclass(frozen=True, slots=True)
class Group:
    """Differences of one kind: the first of them, and how many there are."""

    kind: Kind
    first: tuple[Difference, ...]
    count: int

    @property
    def more(self) -> int:
        return self.count - len(self.first)


def groups(found: Reconciliation, most: int) -> tuple[Group, ...]:
    """The differences by kind, those that count first; so many of each that no kind hides another.

    Each kind gets its share of `most`, and what a small kind leaves goes to the larger ones.
    """
    left, room = len(found.by_kind), most
    shares: dict[Kind, int] = {}
    for kind, count in sorted(found.by_kind.items(), key=lambda one: (one[1], one[0])):
        shares[kind] = min(count, max(1, room // left))
        room, left = room - shares[kind], left - 1
    kept: dict[Kind, list[Difference]] = {kind: [] for kind in found.by_kind}
    for one in found.differences:
        held = kept.setdefault(one.kind, [])
        if len(held) < shares.get(one.kind, most):
            held.append(one)
    listed = (Group(kind, tuple(first), found.by_kind.get(kind, len(first))) for kind, first in kept.items())
    places = {kind: place for place, kind in enumerate(Kind)}
    return tuple(sorted(listed, key=lambda group: (not _counts(group), places[group.kind])))


def _counts(group: Group) -> bool:
    return KINDS[group.kind].counts


@dataclass(frozen=True, slots=True)
class StatusAges:
    """The ages of all that stands in one status."""

    status: str
    label: Said
    invoices: int
    oldest: datetime
    buckets: tuple[int, ...]


def by_status(ages: Iterable[Age]) -> tuple[StatusAges, ...]:
    """The ages of each status, whatever the recipient and the reason."""
    held: dict[str, StatusAges] = {}
    for age in ages:
        before = held.get(age.status)
        if before is None:
            held[age.status] = StatusAges(age.status, age.label, age.invoices, age.oldest, age.buckets)
        else:
            buckets = tuple(a + b for a, b in zip(before.buckets, age.buckets, strict=True))
            oldest = min(before.oldest, age.oldest)
            held[age.status] = StatusAges(age.status, age.label, before.invoices + age.invoices, oldest, buckets)
    return tuple(held[status] for status in sorted(held))


def largest(rows: Iterable[Row]) -> list[Row]:
    """Rows with the most invoices first, then by name."""
    return sorted(rows, key=lambda row: (-row.read.invoices, row.key))


def named(row: Row, words: Words) -> str:
    """The key of a row, with its name beside it where it has one."""
    if not row.key:
        return words("total")
    return f"{words.text(row.key)} {words.text(row.label)}" if row.label else words.text(row.key)
