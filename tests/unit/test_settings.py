"""The settings of a home: a file, the environment above it, and errors that name what is wrong."""

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest

from pipeline import settings
from pipeline.ports import Fault
from pipeline.terms import CTC, Terms


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    for name in list(os.environ):
        if name.startswith("CHORUS_EDI_"):
            monkeypatch.delenv(name)


def written(home: Path, toml: str) -> Path:
    (home / "settings.toml").write_text(toml, encoding="utf-8")
    return home


def test_a_home_without_a_file_has_the_defaults(tmp_path: Path) -> None:
    found = settings.load(tmp_path)
    assert found.terms() == Terms()
    assert (found.ours, found.default_receiver, found.roots.ledger) == ("CHORUS", "PORTAL", Path("ledger.sqlite"))


def test_the_file_sets_limits_severities_and_policies(tmp_path: Path) -> None:
    text = 'ours = "CPP001"\n[flow]\nbytes_max = 5\n[legacy]\ntolerance = "0.02"\n[severities]\n"CMT-005" = "off"\n'
    found = settings.load(
        written(tmp_path, text + '[policies]\nfacturx = "warning"\n[lists]\nvat_rates = ["1", "2"]\n')
    )
    terms = found.terms(CTC, {"pdfa": "off"}, report_warnings=False)
    assert (found.ours, terms.profile, terms.flow.bytes_max, terms.legacy.tolerance) == (
        "CPP001",
        CTC,
        5,
        Decimal("0.02"),
    )
    assert terms.severities == {"CMT-005": "off"}
    assert (terms.policy("facturx"), terms.policy("pdfa"), terms.policy("br-fr")) == ("warning", "off", "error")
    assert terms.switches == dataclasses.replace(Terms().switches, report_warnings=False)
    assert terms.lists.vat_rates == (Decimal(1), Decimal(2))


def test_the_environment_stands_above_the_file_and_arguments_above_both(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path, "readers = 2\n[work]\nlease_s = 9\n")
    monkeypatch.setenv("CHORUS_EDI_WORK__LEASE_S", "3")
    monkeypatch.setenv("CHORUS_EDI_READERS", "5")
    monkeypatch.setenv("CHORUS_EDI_HOME", "ignored: it is no setting")
    assert settings.load(tmp_path).work.lease_s == 3
    assert (settings.load(tmp_path).readers, settings.load(tmp_path, readers=7).readers) == (5, 7)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[flow]\nbyte_max = 5", "flow: unknown: byte_max"),
        ("flow = 5", "flow"),
        ("nope = 1", "nope"),
        ('ours = "cpp001"', "ours: an application code is six capitals or digits"),
        ('[severities]\n"XXX-001" = "off"', "severities: XXX-001 is no rule"),
        ('[severities]\n"CMT-005" = "loud"', "severities: CMT-005 = loud"),
        ('[policies]\nfactur = "off"', "policies: factur = off"),
        ('[policies]\nfacturx = "loud"', "policies: facturx = loud"),
        ("[[", "cannot be read"),
    ],
)
def test_what_is_wrong_in_the_settings_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Fault) as told:
        settings.load(written(tmp_path, text))
    assert str(tmp_path / "settings.toml") in str(told.value)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[flow]\nbyte_max = 5", "flow : réglage inconnu : byte_max ; le corriger là, ou dans CHORUS_EDI_FLOW"),
        ("nope = 1", "nope : réglage inconnu"),
        ('readers = "many"', "readers : attendu un nombre entier"),
        ("readers = 0", "readers : attendu au moins 1"),
        ("flow = 5", "flow : attendu une table"),
        ('[artefacts]\naccepted = ["a", 2]', "CHORUS_EDI_ARTEFACTS__ACCEPTED"),
        ('[severities]\n"CMT-005" = "loud"', "severities : CMT-005 = loud : attendu l'un de fatal, error"),
        ('[severities]\n"{}" = "off"', "aucune règle ne s'appelle {}"),
        ("[[", "est illisible"),
    ],
)
def test_people_read_in_french_what_is_wrong_and_where_to_correct_it(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Fault) as told:
        settings.load(written(tmp_path, text))
    assert said in told.value.in_words()


def test_every_kind_of_mistake_that_pydantic_names_has_its_french_words() -> None:
    """`less_than_equal` and its like: a name that it does not know would never be found."""
    from typing import get_args

    from pydantic_core import core_schema

    of_the_core = set(settings._FRENCH) - {"path_type"}  # that one is made by pydantic itself
    assert of_the_core | settings._TABLE_TYPES <= set(get_args(core_schema.ErrorType))


def test_settings_that_may_not_be_read_are_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(settings.TomlConfigSettingsSource, "_read_file", locked)
    written(tmp_path, "readers = 2")
    with pytest.raises(Fault, match=r"settings\.toml cannot be read") as told:
        settings.load(tmp_path)
    assert "est illisible : accès refusé ; corriger ce fichier" in told.value.in_words()


def test_the_engine_of_the_rules_is_one_of_three_or_each_packs_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert settings.load(tmp_path).rules.engine == ""
    assert settings.load(written(tmp_path, '[rules]\nengine = "both"\n')).rules.engine == "both"
    monkeypatch.setenv("CHORUS_EDI_RULES__ENGINE", "saxon")
    assert settings.load(tmp_path).rules.engine == "saxon"
    monkeypatch.setenv("CHORUS_EDI_RULES__ENGINE", "xslt")
    with pytest.raises(Fault, match="engine = xslt: expected one of compiled, saxon, both"):
        settings.load(tmp_path)
