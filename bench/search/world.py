"""Who deals with whom in the synthetic ledger: partners, their suppliers, recipients and their services; by a seed.

A few are large and many are small, as everywhere: shares fall with the rank (Zipf).
"""

import random
from dataclasses import dataclass, field
from itertools import accumulate

from pipeline.siret import STATE

_TRADES = ("Ateliers", "Menuiserie", "Imprimerie", "Transports", "Cabinet", "Laboratoire", "Éts", "Société", "Études",
           "Électricité", "Nettoyage", "Papeterie", "Garage", "Constructions", "Services")  # fmt: skip
_NAMES = ("Lune", "Morel", "du Val", "Garnier", "des Alpes", "Le Goff", "Bréhat", "Ozanne", "Petitjean", "de l'Erdre",
          "Cœur", "Dubreuil", "Hénaff", "Saint-Clair", "Rivoire", "Vasseur", "Thiébaut", "Marchand")  # fmt: skip
_PLACES = ("Commune de", "Communauté de communes de", "Centre hospitalier de", "Département de", "Lycée de",
           "Université de", "Régie de")  # fmt: skip
_FORMATS = ("F{year}-{count:06d}", "{year}/FA/{count:05d}", "{count:08d}", "FAC{count:07d}", "{year}{count:06d}A")


@dataclass
class Supplier:
    """One that invoices, and how it numbers."""

    siret: str
    name: str
    form: str
    count: int = 0

    def number(self, year: int) -> str:
        self.count += 1
        return self.form.format(year=year, count=self.count)


@dataclass(frozen=True)
class Recipient:
    siret: str
    name: str
    services: tuple[str, ...]
    receiver: str
    returns_payment: bool
    wants_commitment: float  # share of its invoices with one


@dataclass(frozen=True)
class Partner:
    """`drops` is how many invoices one of its flows holds; `until` the share of the period after which it is gone."""

    code: str
    share: float
    drops: tuple[int, int]
    until: float = 1.0


PARTNERS = (
    Partner("OPA001", 0.24, (100, 500)), Partner("OPB002", 0.18, (50, 300)), Partner("OPC003", 0.13, (200, 500)),
    Partner("OPD004", 0.10, (1, 3)), Partner("OPE005", 0.09, (20, 200)), Partner("OPF006", 0.08, (1, 1)),
    Partner("OLD007", 0.07, (50, 400), until=0.3), Partner("OPH008", 0.05, (10, 50)), Partner("OPI009", 0.03, (1, 5)),
    Partner("OPJ010", 0.02, (1, 10)), Partner("OPK011", 0.0099, (1, 2)), Partner("TNY012", 0.0001, (1, 2)),
)  # fmt: skip


@dataclass
class World:
    """All of them; `seed` decides everything."""

    seed: int
    suppliers: dict[str, list[Supplier]] = field(default_factory=dict)  # by partner
    recipients: list[Recipient] = field(default_factory=list)
    _supplier_shares: dict[str, list[float]] = field(default_factory=dict)
    _recipient_shares: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        chance = random.Random(f"world {self.seed}")
        taken: set[str] = set()
        for partner in PARTNERS:
            count = max(1, int(4000 * partner.share))
            self.suppliers[partner.code] = [
                Supplier(_siret(chance, taken), _supplier_name(chance), chance.choice(_FORMATS)) for _ in range(count)
            ]
            self._supplier_shares[partner.code] = _zipf(count, 1.0)
        self.recipients = [Recipient(STATE, "Services de l'État", _services(chance, 60), "PORTAL", True, 0.9)]
        for rank in range(6000):
            many = 20 if rank < 100 else 6 if rank < 1000 else 2
            services = _services(chance, chance.randint(0, many))
            receiver = f"RCV{rank % 40:03d}" if rank % 2 else "PORTAL"
            name = f"{chance.choice(_PLACES)} {chance.choice(_NAMES)} {rank}"
            wants = chance.choice((0.0, 0.1, 0.5, 0.8))
            self.recipients.append(
                Recipient(_siret(chance, taken), name, services, receiver, chance.random() < 0.7, wants)
            )
        self._recipient_shares = [0.08, *(0.08 + share * 0.92 for share in _zipf(6000, 0.9))]

    def supplier(self, chance: random.Random, partner: str) -> Supplier:
        return chance.choices(self.suppliers[partner], cum_weights=self._supplier_shares[partner])[0]

    def recipient(self, chance: random.Random) -> Recipient:
        return chance.choices(self.recipients, cum_weights=self._recipient_shares)[0]


def _zipf(count: int, steepness: float) -> list[float]:
    """Shares that fall with the rank, added up to 1."""
    shares = list(accumulate(1 / rank**steepness for rank in range(1, count + 1)))
    return [share / shares[-1] for share in shares]


def _siret(chance: random.Random, taken: set[str]) -> str:
    """A SIREN and a SIRET with the right digits at their ends."""
    while True:
        siren = _with_key(f"{chance.randrange(10**7, 10**8)}")
        siret = _with_key(f"{siren}{chance.randrange(100):04d}")
        if siret not in taken:
            taken.add(siret)
            return siret


def _with_key(digits: str) -> str:
    """One more digit, so that the sum of Luhn is a multiple of ten."""
    doubled = (sum(divmod(int(digit) * (2 - rank % 2), 10)) for rank, digit in enumerate(reversed(digits)))
    return f"{digits}{-sum(doubled) % 10}"


def _supplier_name(chance: random.Random) -> str:
    return (
        f"{chance.choice(_TRADES)} {chance.choice(_NAMES)} {chance.choice(('SARL', 'SAS', 'SA', '& Fils', ''))}".strip()
    )


def _services(chance: random.Random, count: int) -> tuple[str, ...]:
    """Codes that several structures share, and codes of their own."""
    common = ("FACTURES_PUBLIQUES", "SG", "DRH", "TRAVAUX", "BIBLIO")
    return tuple(
        chance.choice(common) if chance.random() < 0.3 else f"{chance.randrange(10**5):05d}" for _ in range(count)
    )
