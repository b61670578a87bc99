"""The compiled engine against Saxon on every document at hand and on 2,000 mutants of each pack, all ten packs.

Two Saxons at once; about four minutes on two cores. `make oracle` is the same with 100,000.
"""

import pytest

from bench.oracle import reasons, report, rules
from bench.oracle.campaign import Campaign
from bench.oracle.state import State

MUTANTS = 2_000
# Of the tests that can both fire and hold, those that a run this short sees do both. One of 100,000 sees more.
SEEN_MIN = {
    "facturx-minimum": 0.95, "facturx-basicwl": 0.94, "facturx-basic": 0.94, "facturx-en16931": 0.92,
    "facturx-extended": 0.90, "en16931-ubl": 0.93, "extended-ctc-fr-cii": 0.92, "extended-ctc-fr-ubl": 0.94,
    "br-fr-cii": 0.97, "br-fr-ubl": 0.93,
}  # fmt: skip


@pytest.mark.parametrize("pack", rules.packs())
def test_the_compiled_engine_says_of_every_mutant_what_saxon_says(pack, tmp_path):
    with Campaign(pack, 1, State(None), jobs=2, cases_in=tmp_path) as campaign:
        found = campaign.run(MUTANTS)
    print(report.table([(pack, found)]))
    assert found.differences == {}, {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert found.mutants == MUTANTS
    assert found.documents > 50
    assert found.valid >= MUTANTS / 2
    assert report.share(found) >= SEEN_MIN[pack]
    seen = [one for one in rules.pack(pack).targets if one.ordinal in found.fired & found.held]
    assert not [one.id for one in seen if reasons.one_way(rules.pack(pack), one)]  # a proof that was refuted
