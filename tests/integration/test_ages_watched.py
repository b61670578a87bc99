"""What grows old is said at its steps, in Paris days: certificates really read, keys, passwords, reference data."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import homes
import pytest

from pipeline import runner
from pipeline.adapters import certificates
from pipeline.adapters.clock import FixedClock
from pipeline.ports import Fault
from pipeline.running.ages import PAST, Age, ages
from pipeline.running.home import Home
from pipeline.running.verify import verify
from pipeline.settings import load

TODAY = date(2026, 11, 20)  # of homes.NOON
HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
Make = Callable[..., Home]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """`make(ages={...}, remotes={...})`: a home with these settings."""
    opened: list[Home] = []

    def made(**given: Any) -> Home:
        opened.append(homes.open_home(tmp_path, settings=load(tmp_path, **given)))
        return opened[-1]

    yield made
    for home in opened:
        home.close()


def certificate(path: Path, *ends: datetime, begins: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> Path:
    """A PEM file with one self-signed certificate for each end, and the key of the last one, as servers keep it."""
    pytest.importorskip("cryptography", reason="certificates are read with the library that chorus-edi[sftp] brings")
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = b""
    for end in ends:
        key, name = Ed25519PrivateKey.generate(), x509.Name([])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        made = made.serial_number(1).not_valid_before(begins).not_valid_after(end)
        pem += made.sign(key, None).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(pem)
    return path


def only(home: Home) -> Age:
    (age,) = ages(home)
    return age


@pytest.mark.parametrize(
    ("ends", "last", "step"),
    [
        (datetime(2026, 12, 20, 22, 59, 59, tzinfo=UTC), date(2026, 12, 20), 30),  # midnight in Paris, less a second
        (datetime(2026, 12, 20, 22, 59, 58, tzinfo=UTC), date(2026, 12, 19), 30),  # not the whole day
        (datetime(2026, 12, 22, 0, 0, 0, tzinfo=UTC), date(2026, 12, 21), None),
        (datetime(2026, 11, 27, 12, 0, tzinfo=UTC), date(2026, 11, 26), 7),
        (datetime(2026, 11, 21, 12, 0, tzinfo=UTC), date(2026, 11, 20), 1),
        (datetime(2026, 11, 20, 12, 0, tzinfo=UTC), date(2026, 11, 19), PAST),  # it ends within an hour
    ],
)
def test_a_certificate_is_good_until_the_day_before_it_ends(
    make: Make, tmp_path: Path, ends: datetime, last: date, step: int | None
) -> None:
    certificate(tmp_path / "portal.pem", ends)
    age = only(make(ages={"certificates": ("portal.pem",)}))
    assert (age.name, age.subject, age.last_day, age.step) == ("certificate", "portal.pem", last, step)
    assert age.days_left == (last - TODAY).days
    assert str(last) in age.said.fr
    assert str(last) in age.said.en


def test_of_a_chain_the_one_that_ends_first_counts(make: Make, tmp_path: Path) -> None:
    ends = [datetime(2030, 1, 1, tzinfo=UTC), datetime(2026, 12, 1, 12, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)]
    certificate(tmp_path / "chain.pem", *ends)
    assert only(make(ages={"certificates": ("chain.pem",)})).last_day == date(2026, 11, 30)


def test_a_certificate_without_an_end_is_no_crash(make: Make, tmp_path: Path) -> None:
    certificate(tmp_path / "for-ever.pem", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC))
    assert only(make(ages={"certificates": ("for-ever.pem",)})).step is None


def test_a_short_certificate_is_not_old_on_its_first_day(make: Make, tmp_path: Path) -> None:
    begins = homes.NOON - timedelta(days=1)
    certificate(tmp_path / "week.pem", begins + timedelta(days=7), begins=begins)
    assert only(make(ages={"certificates": ("week.pem",)})).step is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "introuvable"),
        (b"", "aucun certificat PEM"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "aucun certificat PEM"),
        (b"\x00\xff" * 5000, "aucun certificat PEM"),
    ],
    ids=["missing", "empty", "damaged", "noise"],
)
def test_a_certificate_that_cannot_be_read_turns_the_line_red(
    make: Make, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    pytest.importorskip("cryptography", reason="certificates are read with the library that chorus-edi[sftp] brings")
    if content is not None:
        (tmp_path / "bad.pem").write_bytes(content)
    home = make(ages={"certificates": ("bad.pem",)})
    age = only(home)
    assert (age.last_day, age.days_left, age.step, age.is_broken) == (None, None, PAST, True)
    assert reason in age.said.fr
    (line,) = [line for line in verify(home) if line.name == "ages"]
    assert not line.ok
    assert "bad.pem" in line.detail.en


def test_a_core_installation_says_which_library_is_missing(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "portal.pem").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "cryptography", None)  # what an import of a missing package meets
    with pytest.raises(Fault, match=r"chorus-edi\[sftp\]"):
        certificates.validity(tmp_path / "portal.pem")
    assert "pip install" in only(make(ages={"certificates": ("portal.pem",)})).said.fr


def test_keys_and_passwords_of_the_settings_have_their_last_day(make: Make) -> None:
    remote = {
        "host": "h",
        "user": "u",
        "host_keys": (HOST_KEY,),
        "key_made": "2024-12-01",
        "password_changed": "2025-11-22",
    }
    home = make(
        ages={
            "host_keys": {"sftp": "2024-11-22"}, "partner_keys": {"ABC001": "2020-01-01"},
            "passwords": {"pes": "2025-12-01"}, "host_key_days": 730, "partner_key_days": 730,
        },
        remotes={"DEF002": remote},
    )  # fmt: skip
    assert {(a.name, a.subject): (a.last_day, a.step) for a in ages(home)} == {
        ("host-key", "sftp"): (date(2026, 11, 22), 7),
        ("partner-key", "ABC001"): (date(2021, 12, 31), PAST),
        ("partner-key", "remotes.DEF002"): (date(2026, 12, 1), 14),
        ("password", "pes"): (date(2027, 1, 29), None),
        ("password", "remotes.DEF002"): (date(2027, 1, 20), None),
    }
    home.clock = FixedClock(homes.NOON + timedelta(days=10))
    (pes,) = [a for a in ages(home) if a.subject == "pes"]
    assert (pes.days_left, pes.step) == (60, 60)  # passwords are warned of earlier: [watch] has their steps


def test_what_ends_first_comes_first(make: Make) -> None:
    home = make(ages={"passwords": {"b": "2026-02-01", "a": "2026-03-01", "c": "2026-01-01"}})
    assert [age.subject for age in ages(home)] == ["c", "b", "a"]


def test_a_key_file_without_a_day_in_the_settings_has_that_of_the_file(make: Make, tmp_path: Path) -> None:
    import os

    keys = tmp_path / "ssh/keys"
    keys.mkdir(parents=True)
    old = datetime(2024, 11, 25, 23, 30, tzinfo=UTC).timestamp()  # the 26th in Paris
    for name in ("ABC001.pub", "DEF002"):
        (keys / name).write_text(f"{HOST_KEY}\n")
        os.utime(keys / name, (old, old))
    (keys / ".ABC001.new").write_text("an editor at work")
    (tmp_path / "ssh/host_key").write_text("private")
    os.utime(tmp_path / "ssh/host_key", (old, old))
    home = make(ages={"partner_keys": {"DEF002": "2026-11-01"}})
    assert {a.subject: (a.last_day, a.step) for a in ages(home)} == {
        "ABC001": (date(2026, 11, 26), 7),
        "DEF002": (date(2028, 10, 31), None),
        "host_key": (date(2026, 11, 26), 7),
    }


def test_old_reference_data_is_named_and_breaks_nothing(make: Make, tmp_path: Path) -> None:
    home = make()
    runner.import_directory(home, homes.directory(tmp_path / "annuaire"), date(2026, 11, 13))
    runner.import_commitments(home, homes.orders(tmp_path / "orders.csv", "1234567890"), date(2026, 11, 10))
    assert {a.name: (a.subject, a.days_left, a.step) for a in ages(home)} == {
        "commitments": ("commitments", -3, PAST),
        "directory": ("directory", 1, 1),
    }
    (line,) = [line for line in verify(home) if line.name == "ages"]
    assert line.ok
    assert "les engagements de l'État : dernier jour passé, le 2026-11-17" in line.detail.fr
    assert "l'annuaire : dernier jour le 2026-11-21, dans 1 j" in line.detail.fr
    home.clock = FixedClock(homes.NOON - timedelta(days=4))
    assert {a.name: a.step for a in ages(home)} == {"commitments": 1, "directory": None}


def test_verify_is_red_past_the_last_day_and_only_then(make: Make) -> None:
    home = make(ages={"passwords": {"pes": "2025-09-22"}})  # 424 days: 2026-11-20
    for days, ok, said in (
        (-31, True, "dans 31 j"),
        (0, True, "dans 0 j"),
        (1, False, "dernier jour passé, le 2026-11-20"),
    ):
        home.clock = FixedClock(homes.NOON + timedelta(days=days))
        (line,) = [line for line in verify(home) if line.name == "ages"]
        assert (line.ok, line.count) == (ok, 1)
        assert said in line.detail.fr
    home.clock = FixedClock(homes.NOON - timedelta(days=61))
    (line,) = [line for line in verify(home) if line.name == "ages"]
    assert line.detail.fr == "rien n'approche de son dernier jour"
