"""The JSON contract of `check` and `run`: keys may be added, never renamed."""

import json

from pipeline.model import Snapshot
from pipeline.returns.verdict import as_json, summary

KEYS = [
    "file",
    "flow",
    "flow_name",
    "profile",
    "state",
    "directory",
    "packs",
    "not_judged",
    "members",
    "findings",
    "invoices",
]
INVOICE = [
    "number",
    "member",
    "supplier",
    "recipient",
    "service",
    "commitment",
    "framework",
    "total",
    "currency",
    "outcome",
    "integrated",
    "findings",
]
FINDING = [
    "rule",
    "pack",
    "public_code",
    "severity",
    "member",
    "at",
    "path",
    "line",
    "column",
    "value",
    "message",
    "remedy",
    "corresponds_to",
]


def partial(build):
    found = build.found("GEN-002", build.text("F" * 21), number="F" * 21, length=21)
    technical = build.found("FLW-015", ext=".xml")
    return build.verdict(
        "IN_INTEGRE_PARTIEL", [build.judged(1), build.judged(2, found, outcome="refused")], [technical]
    )


def test_a_verdict_has_the_keys_of_the_contract_in_their_order(build, golden):
    given = as_json(partial(build), "drop/flow.tar.gz", "en")
    assert list(given) == KEYS
    assert list(given["directory"]) == ["snapshot", "date"]
    assert list(given["packs"][0]) == ["name", "engine", "version", "sha256"]
    assert list(given["members"][0]) == ["name", "sha256", "size_bytes", "kind"]
    assert [list(invoice) for invoice in given["invoices"]] == [INVOICE, INVOICE]
    assert [list(finding) for finding in (*given["findings"], *given["invoices"][1]["findings"])] == [FINDING, FINDING]
    golden("verdict.json", (json.dumps(given, ensure_ascii=False, indent=1) + "\n").encode())


def test_an_invoice_says_what_became_of_it(build):
    first, second = as_json(partial(build), "f")["invoices"]
    assert (first["outcome"], first["integrated"]) == ("integrated", True)
    assert (second["outcome"], second["integrated"]) == ("refused", False)
    assert (first["total"], first["currency"], first["framework"]) == ("1200.00", "EUR", "A1")


def test_without_a_directory_none_is_named(build):
    import dataclasses

    assert as_json(dataclasses.replace(partial(build), snapshot=None), "f")["directory"] is None
    named = dataclasses.replace(partial(build), snapshot=Snapshot("annuaire", partial(build).snapshot.day))
    assert as_json(named, "f")["directory"] == {"snapshot": "annuaire", "date": "2026-11-20"}


def test_a_flow_of_unknown_code_is_named_as_announced(build):
    import dataclasses

    verdict = partial(build)
    refused = dataclasses.replace(verdict, read=dataclasses.replace(verdict.read, interface="", announced="FSO9999A"))
    assert as_json(refused, "f")["flow"] == "FSO9999A"


def test_the_profile_is_told(build):
    assert as_json(partial(build), "f")["profile"] == "legacy-edi"
    assert as_json(partial(build), "f", profile="ctc-b2g")["profile"] == "ctc-b2g"


def test_a_value_is_cut_and_fit_for_a_terminal(build):
    found = build.found("GEN-003", build.text("\x1b[2J" + "x" * 500), number="n", characters="c")
    value = as_json(build.verdict("IN_REJETE", [build.judged(1, found, outcome="refused")]), "f")["invoices"][0][
        "findings"
    ][0]["value"]
    assert value.startswith("\\x1b[2J")
    assert len(value) < 210


def test_one_line_tells_a_person_what_became_of_the_flow(build):
    assert summary(partial(build)) == f"{build.FLOW} IN_INTEGRE_PARTIEL - 1 facture intégrée, 1 refusée, 0 en attente"
    assert (
        summary(partial(build), "en") == f"{build.FLOW} IN_INTEGRE_PARTIEL - 1 invoice integrated, 1 refused, 0 pending"
    )
    assert summary(build.verdict("IN_INTEGRE", [build.judged(n) for n in (1, 2)]), "en").endswith(
        "2 invoices integrated, 0 refused, 0 pending"
    )
