"""What a document claims by BT-24."""

import csv
import os
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pipeline.adapters.artefacts import PACKS, installed_folder
from pipeline.model import Kind, Level
from pipeline.validators.official.claims import ROWS, claim

CORE = "urn:cen.eu:en16931:2017"
SPEC = os.environ.get("CHORUS_EDI_SPEC", "")


@pytest.mark.parametrize(
    ("guideline", "kind", "pack", "schema", "level"),
    [
        ("urn:factur-x.eu:1p0:minimum", Kind.FACTURX, "facturx-minimum", "facturx-minimum", Level.MINIMUM),
        ("urn:factur-x.eu:1p0:basicwl", Kind.CII, "facturx-basicwl", "facturx-basicwl", Level.BASICWL),
        (f"{CORE}#compliant#urn:factur-x.eu:1p0:basic", Kind.CII, "facturx-basic", "facturx-basic", Level.BASIC),
        (f"{CORE}#compliant#urn:factur-x.eu:1p0:basic", Kind.UBL, "en16931-ubl", "facturx-basic", Level.BASIC),
        (CORE, Kind.FACTURX, "facturx-en16931", "facturx-en16931", Level.EN16931),
        (CORE, Kind.UBL, "en16931-ubl", "facturx-en16931", Level.EN16931),
        (f"{CORE}#conformant#urn:factur-x.eu:1p0:extended", Kind.CII, "facturx-extended", "facturx-extended", Level.EXTENDED),
        (f"{CORE}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", Kind.FACTURX, "extended-ctc-fr-cii", "", Level.EXTENDED),
        (f"{CORE}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr", Kind.UBL, "extended-ctc-fr-ubl", "", Level.EXTENDED),
    ],
)  # fmt: skip
def test_a_known_value_names_its_pack_and_the_schema_of_its_profile(
    guideline: str, kind: Kind, pack: str, schema: str, level: Level
) -> None:
    found = claim(guideline, kind)
    assert (found.pack, found.profile_schema, found.level) == (pack, schema, level)
    assert found.severity == "policy"
    assert found.is_known
    assert found.is_listed


@pytest.mark.parametrize(
    "spelling", [f"{CORE}:compliant:urn:factur-x.eu:1p0:basic", f"{CORE}:compliant:factur-x.eu:1p0:basic"]
)
def test_the_basic_spellings_of_2017_are_basic_though_the_sheet_does_not_list_them(spelling: str) -> None:
    found = claim(spelling, Kind.FACTURX)
    assert (found.pack, found.is_listed) == ("facturx-basic", False)
    assert not claim(spelling, Kind.UBL).is_known


def test_a_restriction_of_the_norm_is_held_to_the_norm() -> None:
    found = claim(f"{CORE}#compliant#urn:xeinkauf.de:kosit:xrechnung_3.0", Kind.CII)
    assert (found.pack, found.severity, found.is_listed) == ("facturx-en16931", "policy", False)
    assert found.xmp_levels == ("EN 16931", "XRECHNUNG")
    assert found.profile_schema == ""


def test_one_conformant_segment_anywhere_makes_an_extension_whose_rules_only_warn() -> None:
    found = claim(f"{CORE}#compliant#urn:a#conformant#urn:b", Kind.UBL)
    assert (found.pack, found.severity, found.level) == ("en16931-ubl", "warning", Level.NONE)
    assert found.xmp_levels == ()


def test_the_extended_profile_of_factur_x_in_ubl_is_an_unknown_extension() -> None:
    found = claim(f"{CORE}#conformant#urn:factur-x.eu:1p0:extended", Kind.UBL)
    assert (found.pack, found.severity) == ("en16931-ubl", "warning")


def test_a_claim_without_a_pack_in_the_syntax_of_the_document_is_unknown() -> None:
    found = claim("urn:factur-x.eu:1p0:minimum", Kind.UBL)
    assert (found.pack, found.is_known, found.is_empty) == ("", False, False)


@pytest.mark.parametrize("nothing", [None, "", "  \n"])
def test_no_value_claims_nothing(nothing: str | None) -> None:
    found = claim(nothing, Kind.CII)
    assert (found.pack, found.is_empty, found.is_known) == ("", True, True)


@pytest.mark.parametrize(
    "value",
    [
        "CEN",
        CORE.upper(),
        f"{CORE}#",
        f"{CORE}#compliant",
        f"{CORE}#compliant#",
        f"{CORE}#related#urn:a",
        f"urn:other#compliant#{CORE}",
    ],
)
def test_a_value_that_only_looks_like_a_claim_is_unknown(value: str) -> None:
    assert not claim(value, Kind.CII).is_known


def test_a_mixed_file_claims_no_pack() -> None:
    assert claim(CORE, Kind.MIXED).pack == ""


def test_what_we_say_is_listed_is_what_the_installed_lists_hold() -> None:
    held = {
        pack: {
            row.get("value")
            for row in ET.parse(installed_folder() / files.code_list).iterfind("cl[@id='1']/enumeration")
        }
        for pack, files in PACKS.items()
        if files.code_list
    }
    exact = [row for row in ROWS if row.match == "exact" and row.pack_cii in held]
    assert len(exact) == 11
    assert [row.is_listed for row in exact] == [row.value in held[row.pack_cii] for row in exact]


@pytest.mark.spec
@pytest.mark.skipif(not SPEC, reason="CHORUS_EDI_SPEC names no specification folder")
def test_the_rows_are_those_of_the_specification() -> None:
    profile_schemas = {
        row.profile_schema: f"Factur-X_{row.profile_schema[8:].upper()}.xsd" for row in ROWS if row.profile_schema
    }
    ours = [
        (r.match, r.value, r.claim, r.xmp_level, profile_schemas.get(r.profile_schema, ""), r.pack_cii, r.pack_ubl, r.severity)
        for r in ROWS
    ]  # fmt: skip
    columns = ("match", "value", "claim", "xmp_level", "profile_xsd", "pack_cii", "pack_ubl", "severity")
    with (Path(SPEC) / "guidelines.csv").open(encoding="utf-8", newline="") as rows:
        assert ours == [tuple(row[column] for column in columns) for row in csv.DictReader(rows)]
