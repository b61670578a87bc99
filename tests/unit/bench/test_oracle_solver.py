"""The solver writes documents so that expressions of the rules hold, or fail, by the simple reading of `truth`."""

from random import Random

import pytest
from lxml import etree

from bench.oracle import rules
from bench.oracle.nodes import TOP, Spent
from bench.oracle.schema import model
from bench.oracle.solver import Solver
from pipeline.validators.official.compiled import xpath

PACK = "br-fr-cii"
HEAD = "/rsm:CrossIndustryInvoice/rsm:ExchangedDocument"
SETTLEMENT = "/rsm:CrossIndustryInvoice/rsm:SupplyChainTradeTransaction/ram:ApplicableHeaderTradeSettlement"

EXPRESSIONS = [
    f"{HEAD}/ram:ID",
    f"not({HEAD}/ram:IncludedNote)",
    f"exists({HEAD}/ram:IncludedNote[ram:SubjectCode = 'PMT'])",
    f"count({HEAD}/ram:IncludedNote) le 1",
    f"count({HEAD}/ram:IncludedNote[ram:SubjectCode = 'AAB']) >= 2",
    f"string-length({HEAD}/ram:ID) le 35",
    f"{HEAD}/ram:TypeCode = ('380', '381')",
    f"not({HEAD}/ram:TypeCode = '380') or {HEAD}/ram:ID = 'A'",
    f"contains(' S AE K ', concat(' ', normalize-space({HEAD}/ram:TypeCode), ' '))",
    f"matches({HEAD}/ram:ID, '^[0-9]{{9}}$')",
    f"every $note in {HEAD}/ram:IncludedNote satisfies $note/ram:SubjectCode",
    f"some $note in {HEAD}/ram:IncludedNote satisfies $note/ram:SubjectCode = 'TXD'",
    f"{SETTLEMENT}/ram:ApplicableTradeTax/ram:RateApplicablePercent = 0",
    f"{SETTLEMENT}/ram:ApplicableTradeTax/ram:CategoryCode != 'S'",
    f"xs:decimal({SETTLEMENT}/ram:ApplicableTradeTax/ram:BasisAmount) > 10",
    f"{HEAD}/ram:ID/@schemeID and not({HEAD}/ram:Name)",
    f"if ({HEAD}/ram:Name) then {HEAD}/ram:ID = 'x' else {HEAD}/ram:TypeCode = '380'",
    "//ram:IncludedSupplyChainTradeLineItem/ram:AssociatedDocumentLineDocument/ram:LineID",
    "custom:is-valid-document-type-code(/rsm:CrossIndustryInvoice/rsm:ExchangedDocument/ram:TypeCode)",
]


@pytest.mark.parametrize("want", [True, False])
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_an_expression_can_be_made_to_hold_and_to_fail(text, want):
    pack = rules.pack(PACK)
    tree = xpath.parse(text, dict(pack.namespaces))
    reached = 0
    for seed in range(6):
        spaces = {prefix: uri for prefix, uri in pack.namespaces.items() if prefix in {"rsm", "ram", "udt"}}
        root = etree.Element(model("cii").root.tag, nsmap=spaces)
        solver = Solver(root, model("cii"), pack, Random(seed))
        solver.settle(tree, TOP, solver.known, want)
        reached += solver.truth(tree, TOP, solver.known) == want
    assert reached >= 4


def test_an_expression_that_takes_too_many_steps_is_left():
    pack = rules.pack(PACK)
    root = etree.Element(model("cii").root.tag)
    solver = Solver(root, model("cii"), pack, Random(1))
    solver.effort = 3
    with pytest.raises(Spent):
        solver.settle(xpath.parse(f"{HEAD}/ram:ID = 'A'", dict(pack.namespaces)), TOP, solver.known, True)
