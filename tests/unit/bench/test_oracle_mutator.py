"""Mutants are the same on every machine, mostly valid, and small; new elements stand where the schema wants them."""

from random import Random

import pytest
from lxml import etree

from bench.oracle import documents, mutants, rules
from bench.oracle.schema import model
from bench.oracle.solver import Solver
from pipeline.adapters.artefacts import InstalledSchemas

pytestmark = pytest.mark.slow

PACKS = ("br-fr-ubl", "facturx-basic")
RAM = "{urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100}"
RSM = "{urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100}"


@pytest.fixture(scope="module")
def schemas() -> InstalledSchemas:
    return InstalledSchemas()


def test_a_mutant_is_a_function_of_pack_seed_and_number():
    pack = "facturx-basic"
    one, other = (mutants.Mutator(rules.pack(pack), 7, public=False) for _ in range(2))
    assert [one.make(number) for number in (5, 3, 40)] == [other.make(number) for number in (5, 3, 40)]
    assert one.make(5) != mutants.Mutator(rules.pack(pack), 8, public=False).make(5)


@pytest.mark.parametrize("pack", PACKS)
def test_at_least_half_of_the_mutants_are_valid_and_every_one_passes_the_hardened_parse(pack, schemas):
    made = [mutants.Mutator(rules.pack(pack), 1, public=False).make(number) for number in range(200)]
    trees = [documents.parsed(one.text).tree for one in made]
    assert None not in trees
    assert sum(schemas.get(one.schema).validate(tree) for one, tree in zip(made, trees, strict=True)) >= 100
    assert sorted(len(one.text) for one in made)[100] < 4_000


def test_without_the_corpus_no_mutant_is_of_a_public_invoice():
    mutator = mutants.Mutator(rules.pack("br-fr-ubl"), 1, public=False)
    assert not any(mutator.make(number).is_public for number in range(100))


@pytest.mark.parametrize("schema", ["cii", "ubl-invoice", "ubl-creditnote"])
def test_the_least_document_is_valid_and_stays_so_when_every_child_it_may_have_is_added(schema, schemas):
    pack = rules.pack("br-fr-cii" if schema == "cii" else "br-fr-ubl")
    mutator = mutants.Mutator(pack, 1, public=False)
    root = mutator.skeleton(schema, Random(1))
    assert schemas.get(schema).validate(root)
    solver = Solver(root, model(schema), pack, Random(1))
    solver.effort = 10_000
    there = {child.tag for child in root}
    missing = [tag for tag in model(schema).root.children if tag not in there]
    Random(2).shuffle(missing)
    for tag in missing:
        if not tag.endswith("}UBLExtensions"):  # its content is anything, and ours has none
            solver.add(root, tag)
    assert schemas.get(schema).validate(root), schemas.get(schema).error_log


def test_a_targeted_mutant_meets_the_context_of_its_rule():
    pack = rules.pack("br-fr-cii")
    target = next(one for one in pack.targets if one.id == "BR-FR-01_BT-1")
    mutator = mutants.Mutator(pack, 1, public=False)
    lengths = set()
    for want in (True, False):
        root = mutator.skeleton("cii", Random(3))
        solver = Solver(root, model("cii"), pack, Random(3))
        mutator.aim(solver, target, want=want)
        text = root.findtext(f"{RSM}ExchangedDocument/{RAM}ID") or ""
        lengths.add(len(text) > 35)
    assert lengths == {True, False}  # the test holds up to 35 characters


def test_documents_that_hold_what_all_rules_name_meet_most_elements_of_the_pack():
    mutator = mutants.Mutator(rules.pack("br-fr-cii"), 1, public=False)
    whole = etree.fromstring(mutator.all_named[0].text)
    named = {one.tag for one in whole.iter()}
    assert {f"{RAM}InvoiceReferencedDocument", f"{RAM}SellerTaxRepresentativeTradeParty", f"{RAM}IncludedNote"} <= named


def test_fixtures_are_taken_out_of_archives_and_pdfs():
    names = [seed.name for seed in documents.fixtures()]
    assert any("ARCHIVE" in name and name.endswith(".xml") for name in names)
    assert any("FSO1117A" in name and name.endswith(":factur-x.xml") for name in names)
    assert not any(seed.is_public for seed in documents.fixtures())
