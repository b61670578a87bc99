"""`chorus-edi check --format json` over the public invoices: one verdict each, the keys of the contract, no fault."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from pipeline.cli.boundary import REFUSED, run
from pipeline.codes import official

CORPUS = os.environ.get("CHORUS_EDI_CORPUS", "")
OFFICIAL_MIN = 110  # documents that ran an official pack: fewer means that claims are not recognised any more

VERDICT = [
    "file", "flow", "flow_name", "profile", "state", "directory", "packs", "not_judged", "members", "findings", "invoices",
]  # fmt: skip
MEMBER = ["name", "sha256", "size_bytes", "kind"]
INVOICE = [
    "number", "member", "supplier", "recipient", "service", "commitment", "framework", "total", "currency", "outcome",
    "integrated", "findings",
]  # fmt: skip
FINDING = [
    "rule", "pack", "public_code", "severity", "member", "at", "path", "line", "column", "value", "message", "remedy",
    "corresponds_to",
]  # fmt: skip

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPUS, reason="CHORUS_EDI_CORPUS names no folder of public invoices"),
]


@pytest.fixture(scope="module")
def checked() -> tuple[int, list[dict], str]:
    """(exit code, verdicts, standard error) of one call over the whole folder."""
    import contextlib
    import io

    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = run(["check", "--format", "json", CORPUS])
    return code, [json.loads(line) for line in said.getvalue().splitlines()], wrong.getvalue()


def test_every_invoice_has_one_verdict_and_nothing_is_a_fault_of_ours(checked):
    code, verdicts, wrong = checked
    files = sorted(str(p) for p in Path(CORPUS).rglob("*") if p.suffix in {".xml", ".pdf"})
    assert len(files) >= 114
    assert [verdict["file"] for verdict in verdicts] == files
    assert (code, wrong) == (REFUSED, "")  # invoices of others: most name no SIRET


def test_every_verdict_has_the_keys_of_the_contract(checked):
    _, verdicts, _ = checked
    assert {tuple(v) for v in verdicts} == {tuple(VERDICT)}
    assert {tuple(m) for v in verdicts for m in v["members"]} == {tuple(MEMBER)}
    assert {tuple(i) for v in verdicts for i in v["invoices"]} == {tuple(INVOICE)}
    found = [f for v in verdicts for f in v["findings"]]
    found += [f for v in verdicts for i in v["invoices"] for f in i["findings"]]
    assert {tuple(f) for f in found} == {tuple(FINDING)}
    assert all(f["rule"] and f["message"] for f in found)
    assert all(f["remedy"] for f in found if f["severity"] in {"fatal", "error"})
    assert {v["state"] for v in verdicts} <= {"IN_INTEGRE", "IN_INTEGRE_PARTIEL", "IN_REJETE"}
    assert all("DUP-001" in v["not_judged"] and "RTG-*" in v["not_judged"] for v in verdicts)


def test_every_document_is_read(checked):
    _, verdicts, _ = checked
    assert [v["file"] for v in verdicts if len(v["members"]) != 1 or len(v["invoices"]) != 1] == []
    kinds = Counter(v["members"][0]["kind"] for v in verdicts)
    print("documents:", dict(kinds))
    assert set(kinds) == {"ubl", "cii", "facturx"}
    assert [i["number"] for v in verdicts for i in v["invoices"] if not i["number"] or not i["total"]] == []


def test_the_official_rules_run_on_them(checked):
    _, verdicts, _ = checked
    packs = Counter(pack["name"] for v in verdicts for pack in v["packs"])
    for name, count in sorted(packs.items()):
        print(f"{name}: {count} documents")
    assert sum(1 for v in verdicts if v["packs"]) >= OFFICIAL_MIN
    assert {pack["engine"] for v in verdicts for pack in v["packs"]} == {"compiled"}
    assert all(len(pack["sha256"]) == 64 for v in verdicts for pack in v["packs"])


def test_every_business_rule_that_they_break_is_told_in_our_words(checked):
    _, verdicts, _ = checked
    found = [f for v in verdicts for i in v["invoices"] for f in i["findings"]]
    business = [f for f in found if f["rule"].startswith(("BR-", "PEPPOL-"))]
    print("business rules broken:", dict(Counter(f["rule"] for f in business)))
    assert business
    assert [f["rule"] for f in business if official.told(f["rule"]) is None] == []
    assert all(" ; texte officiel : " in f["message"] for f in business)
