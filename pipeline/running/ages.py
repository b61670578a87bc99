"""What grows old: certificates, keys, technical passwords, the directory, the State's commitments.

Each has a last day. It is said at steps before that day (`[ages] warn_days`; passwords: `[watch]
technical_password_warn_days`) and once it is past. A step longer than half of the whole life says nothing: a directory
that lives for eight days is not old on its first one.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pipeline.adapters import certificates
from pipeline.adapters.ledger import Connection, reference
from pipeline.adapters.system_errors import why
from pipeline.model import PARIS, Snapshot
from pipeline.plural import counted
from pipeline.ports import Fault, Said
from pipeline.running.home import Home

PAST = -1  # the step of what is over
FAR = datetime(9000, 1, 1, tzinfo=UTC)  # "no end" is written 9999-12-31: a day more is no date any more
HOST_KEY, PARTNER_KEYS = Path("ssh/host_key"), Path("ssh/keys")  # of the embedded SFTP server


@dataclass(frozen=True, slots=True)
class Age:
    """One thing that grows old. What cannot be read has no last day, and is said like what is past."""

    name: str  # a row of `KINDS`
    subject: str
    last_day: date | None  # the last whole day, in Paris, on which it is good
    days_left: int | None
    step: int | None  # the step reached, in days before the last day; PAST; None: nothing to say yet
    said: Said

    @property
    def is_broken(self) -> bool:
        """Past or not readable. Old reference data breaks nothing: verdicts stand, invoices wait."""
        return self.step == PAST and KINDS[self.name].is_binding


class Kind(NamedTuple):
    """What it is called, what renews it, which alert tells it, and whether `verify` is red when it is past."""

    said: Said
    remedy: Said
    alert: str
    is_binding: bool = True


KINDS = MappingProxyType(
    {
        "certificate": Kind(
            Said("le certificat", "the certificate"),
            Said("en demander un nouveau et l'installer", "ask for a new one and install it"),
            "age-certificate",
        ),
        "host-key": Kind(
            Said("la clé d'hôte", "the host key"),
            Said("en annoncer une nouvelle aux partenaires", "announce a new one to the partners"),
            "age-host-key",
        ),
        "partner-key": Kind(
            Said("la clé du partenaire", "the partner key"),
            Said("en convenir d'une nouvelle avec lui", "agree on a new one with the partner"),
            "age-partner-key",
        ),
        "password": Kind(
            Said("le mot de passe technique", "the technical password"),
            Said("le changer et mettre la date dans settings.toml", "change it and put the date into settings.toml"),
            "age-password",
        ),
        "directory": Kind(
            Said("l'annuaire", "the directory"),
            Said("chorus-edi directory import CHEMIN", "`chorus-edi directory import PATH`"),
            "directory-old",
            is_binding=False,
        ),
        "commitments": Kind(
            Said("les engagements de l'État", "the State's commitments"),
            Said("chorus-edi commitments import CHEMIN", "`chorus-edi commitments import PATH`"),
            "commitments-old",
            is_binding=False,
        ),
    }
)


def ages(home: Home) -> tuple[Age, ...]:
    """All that is watched, what ends first at the head; what cannot be read before it."""
    with home.ledger.reading() as db:
        return ages_now(home, db)


def ages_now(home: Home, db: Connection) -> tuple[Age, ...]:
    """The same inside a view of the ledger that is open already."""
    found = [*_reference_data(home, db), *_dated(home), *_certificates(home)]
    return tuple(sorted(found, key=lambda one: (one.last_day or date.min, one.name, one.subject)))


def _reference_data(home: Home, db: Connection) -> Iterator[Age]:
    limits = home.settings.reference_data
    for name, kind, days in (
        ("directory", reference.DIRECTORY, limits.directory_max_age_days),
        ("commitments", reference.COMMITMENTS, limits.commitments_max_age_days),
    ):
        snapshot: Snapshot | None = reference.last_snapshot(db, kind)
        if snapshot is not None:
            yield _age(home, name, "", snapshot.day, days)


def _dated(home: Home) -> Iterator[Age]:
    """What only the settings know the day of, and the key files whose day they do not tell."""
    settings, watch = home.settings.ages, home.settings.watch
    remotes = home.settings.remotes
    dated: dict[str, dict[str, date]] = {}
    for name, place in (("host-key", HOST_KEY), ("partner-key", PARTNER_KEYS)):
        try:
            dated[name] = _days_of(home.path / place)
        except OSError as error:
            yield _unread(name, str(place), why(error))
    host_keys = dated.get("host-key", {}) | settings.host_keys
    partner_keys = dated.get("partner-key", {}) | settings.partner_keys
    partner_keys |= {f"remotes.{code}": r.key_made for code, r in remotes.items() if r.key_made is not None}
    passwords = settings.passwords | {
        f"remotes.{code}": r.password_changed for code, r in remotes.items() if r.password_changed is not None
    }
    for name, made, days in (
        ("host-key", host_keys, settings.host_key_days),
        ("partner-key", partner_keys, settings.partner_key_days),
        ("password", passwords, watch.technical_password_days),
    ):
        for subject, day in made.items():
            yield _age(home, name, subject, day, days)


def _days_of(place: Path) -> dict[str, date]:
    """Name of a key file -> the day on which it was last written; of one file, or of all in a folder."""
    if not place.exists():
        return {}
    files = [one for one in place.iterdir() if one.name[0] != "."] if place.is_dir() else [place]
    return {one.stem: _paris(one.stat().st_mtime) for one in files if one.is_file()}


def _certificates(home: Home) -> Iterator[Age]:
    for path in home.settings.ages.certificates:
        try:
            found = certificates.validity(home.path / path)
        except OSError as error:
            yield _unread("certificate", str(path), why(error))
        except Fault as fault:
            yield _unread("certificate", str(path), fault.said)
        else:
            # it ends within a day: the one before is the last that is good from morning to night
            last = (min(found.ends, FAR).astimezone(PARIS) + timedelta(seconds=1)).date() - timedelta(days=1)
            life = (found.ends - found.begins).days
            yield _age(home, "certificate", str(path), last - timedelta(days=life), life)


def _unread(name: str, subject: str, reason: Said) -> Age:
    kind = KINDS[name]
    said = Said(f"{kind.said.fr} {subject} est illisible", f"{kind.said.en} {subject} cannot be read").because(reason)
    return Age(name, subject, None, None, PAST, said)


def _age(home: Home, name: str, subject: str, made: date, days: int) -> Age:
    kind, watch = KINDS[name], home.settings.watch
    warn = watch.technical_password_warn_days if name == "password" else home.settings.ages.warn_days
    last = made + timedelta(days=days)
    left = (last - home.clock.now().astimezone(PARIS).date()).days
    step = PAST if left < 0 else step_of(left, warn, days)
    what = Said(f"{kind.said.fr} {subject}".strip(), f"{kind.said.en} {subject}".strip())
    ending = (
        Said(f"dernier jour le {last}, dans {left} j", f"last day {last}, in {counted(left, 'day', 'en')}")
        if left >= 0
        else Said(f"dernier jour passé, le {last}", f"its last day, {last}, is over")
    )
    return Age(name, subject or name, last, left, step, what.because(ending).then(kind.remedy))


def step_of(days_left: int, warn_days: Iterable[int], life_days: int) -> int | None:
    """The step reached, the smallest one that is not smaller than what is left; None before the first.

    >>> step_of(30, (30, 14, 7, 1), 730), step_of(10, (30, 14, 7, 1), 730), step_of(31, (30, 14, 7, 1), 730)
    (30, 14, None)
    >>> step_of(7, (30, 14, 7, 1), 8), step_of(0, (30, 14, 7, 1), 8)
    (None, 1)
    """
    return min((step for step in warn_days if days_left <= step and 2 * step <= life_days), default=None)


def _paris(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, PARIS).date()
