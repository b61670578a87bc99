"""`explain` and `flows`: what the tables say."""

import pytest

from pipeline import codes
from pipeline.flows import INTERFACES, open_codes


def test_a_rule_is_explained_in_french_by_default_and_in_english_on_demand(cli):
    french = cli("explain", "rtg-021")
    assert french.code == 0
    assert french.out.startswith("RTG-021 · REJ_INEX")
    for words in ("Message", "Que faire", "Gravité", "erreur (legacy-edi)", "Lieu", "Règle", "Source"):
        assert words in french.out
    english = cli("explain", "RTG-021", "--lang", "en")
    assert "remedy" in english.out
    assert "requires a commitment number" in " ".join(english.out.split())


def test_a_public_code_explains_every_rule_that_gives_it(cli):
    said = cli("explain", "IRR_CODE_INTER")
    rules = [row.id for row in codes.ALL.values() if row.public_code == "IRR_CODE_INTER"]
    assert len(rules) > 1
    heads = [line for line in said.out.splitlines() if line.endswith(" · IRR_CODE_INTER")]
    assert [head.partition(" ")[0] for head in heads] == rules


@pytest.mark.parametrize("rule", list(codes.ALL))
def test_every_rule_can_be_explained_in_both_languages(cli, rule):
    assert cli("explain", rule).out.startswith(rule)
    assert cli("explain", rule, "--lang", "en").out.startswith(rule)


def test_a_rule_without_a_public_code_is_explained_by_its_id_alone(cli):
    assert cli("explain", "AMT-017").out.splitlines()[0] == "AMT-017"


def test_json_tells_the_whole_row(cli):
    (told,) = cli("explain", "GEN-002", "--format", "json").objects
    row = codes.ALL["GEN-002"]
    assert told["code"] == "GEN-002"
    assert told["severity"] == {"legacy-edi": row.legacy, "ctc-b2g": row.ctc}
    assert (told["message_fr"], told["remedy_en"]) == (row.message_fr, row.remedy_en)


@pytest.mark.parametrize("typed", ["BR-FR-10/BT-30", "br-fr-10_bt-30"])
def test_an_official_rule_that_we_tell_is_explained_as_its_sheets_spell_it(cli, typed):
    said = cli("explain", typed)
    assert said.code == 0
    assert said.out.splitlines()[0] == "BR-FR-10_BT-30"
    assert "le SIREN du fournisseur (BT-30) manque" in " ".join(said.out.split())
    assert "schemeID 0002" in said.out and "ram:SellerTradeParty" in said.out and "cbc:CompanyID" in said.out
    english = cli("explain", typed, "--lang", "en")
    assert "the SIREN of the seller (BT-30) is missing" in " ".join(english.out.split())
    (told,) = cli("explain", typed, "--format", "json").objects
    assert (told["rule"], told["at"]) == ("BR-FR-10_BT-30", "BT-30")


def test_an_unknown_code_says_where_the_list_is(cli):
    said = cli("explain", "ABC-999")
    assert (said.code, said.out) == (2, "")
    assert "docs/codes.md" in said.err and "docs/official-rules.md" in said.err


def test_flows_lists_every_interface_code_open_or_not(cli):
    said = cli("flows")
    assert said.code == 0
    rows = {line.split()[0]: line for line in said.out.splitlines()[2:]}
    assert set(rows) == set(INTERFACES)
    assert {code for code, line in rows.items() if " oui " in line} == set(open_codes())


def test_flows_as_json_is_one_object_per_code(cli):
    told = cli("flows", "--format", "json").objects
    assert {row["code"] for row in told if row["open"]} == set(open_codes())
    assert {row["twin_of"] for row in told if row["code"] == "FSO1130A"} == {"FSO1100A"}
