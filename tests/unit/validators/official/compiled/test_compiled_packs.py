"""The ten packs as they are installed: how many of their tests are compiled, to the test. A new release shows here first."""

import pytest

from pipeline.adapters.artefacts import PACKS, Artefacts
from pipeline.validators.official.compiled.build import build

COMPILED = {  # of all tests of the sheet; what is missing would be left to Saxon
    "facturx-minimum": (119, 119),
    "facturx-basicwl": (337, 337),
    "facturx-basic": (469, 469),
    "facturx-en16931": (627, 627),
    "facturx-extended": (1464, 1464),
    "en16931-ubl": (979, 979),
    "extended-ctc-fr-cii": (773, 773),
    "extended-ctc-fr-ubl": (953, 953),
    "br-fr-cii": (171, 171),
    "br-fr-ubl": (175, 175),
}


def test_the_table_is_about_the_packs_there_are() -> None:
    assert COMPILED.keys() == PACKS.keys()


@pytest.mark.parametrize("pack", PACKS)
def test_so_many_tests_of_the_installed_sheet_are_compiled(pack: str) -> None:
    artefacts = Artefacts()
    files = artefacts.pack(pack)
    built = build(pack, artefacts.content(files.sheet), artefacts.content(files.code_list) if files.code_list else b"")
    assert [(one.id, one.why) for one in built.left] == []
    assert (built.tests - len(built.left), built.tests) == COMPILED[pack]
    compile(built.source, pack, "exec", dont_inherit=True)
