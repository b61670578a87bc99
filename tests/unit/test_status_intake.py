"""Each rule on an entry of a status file, alone; and what its sender reads of it. The whole table of arrows, for every
role, is `test_lifecycle_decisions`."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from lxml import etree

from pipeline import codes, judge, status_intake
from pipeline import model as m
from pipeline.reasons import REASONS
from pipeline.returns import intake_report
from pipeline.returns.verdict import as_json, summary
from pipeline.terms import IntakeLimits, Terms
from pipeline.values import Text

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
BEFORE = datetime(2026, 11, 18, 9, 30, 15, 987_654, tzinfo=UTC)
SENDER, SUPPLIER = "REC003", "12345678900015"
BOTH = frozenset({"recipient", "accountant"})


def text(said: str, line: int = 12) -> Text:
    return Text(said, "", "/CPPStatut/x", line)


def standing(status: str = "03", **more: object) -> m.Standing:
    given: dict[str, object] = {
        "deposit_id": 7, "rank": 1, "issuer": "ABC001", "flow_name": "F", "received_day": date(2026, 11, 18),
        "supplier_type": "1", "supplier": SUPPLIER, "supplier_name": "", "number": "F-1", "issued": date(2026, 11, 18),
        "type": "380", "framework": "A1", "currency": "EUR", "total": "120.00", "total_millionths": 120_000_000,
        "recipient": "12345678200051", "recipient_name": "", "service": "", "commitment": "", "receiver": SENDER,
        "status": status, "status_at": BEFORE, "sequence": 3, "routing": 0, "past": frozenset({(status, BEFORE)}),
    }  # fmt: skip
    return m.Standing(**(given | more))  # type: ignore[arg-type]


def entry(status: str = "07", when: datetime | None = NOON, **more: object) -> m.ReadStatus:
    key = m.InvoiceKey("1", text(SUPPLIER), text("F-1"), date(2026, 11, 18))
    given: dict[str, object] = {
        "rank": 1, "member": "s.xml", "invoice": key, "recipient": text("12345678200051"), "status": text(status),
        "when": when, "when_at": text(when.isoformat() if when else "hier"),
    }  # fmt: skip
    return m.ReadStatus(**(given | more))  # type: ignore[arg-type]


def read(*entries: m.ReadStatus) -> m.Read:
    received = m.Received(SENDER, f"FSO1200A_{SENDER}_{SENDER}1200000000000000001", "0" * 64, 10, NOON)
    member = m.ReadMember("s.xml", "0" * 64, 10, m.Kind.STATUS)
    ranked = tuple(replace(one, rank=rank) for rank, one in enumerate(entries, 1))
    return m.Read(
        received, "IN_CDV_CPP_STATUT", "FSO1200A", (), (member,), (), (), lane=m.Lane.STATUSES, statuses=ranked
    )


def decided(
    *entries: m.ReadStatus, stands: m.Standing | None = None, actors: frozenset[str] = BOTH, terms: Terms | None = None,
    others: tuple[m.Standing, ...] = (),
) -> tuple[m.JudgedRow, ...]:  # fmt: skip
    held = (stands or standing(), *others)
    return status_intake.decide(read(*entries), actors, SENDER, held, NOON, terms or Terms())


def rules(row: m.JudgedRow) -> list[str]:
    return [one.rule for one in row.findings]


# --- what is kept of an entry -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "comment", "kept"),
    [
        ("SE_ERR", "", ("SE_ERR", "")),
        ("SE_ERR", "mauvais service", ("SE_ERR", "mauvais service")),
        ("", "mauvais service", ("", "mauvais service")),
        ("autre chose", "", ("", "autre chose")),
        ("autre chose", "mauvais service", ("", "autre chose : mauvais service")),
    ],
)
def test_a_reason_is_a_code_of_the_list_or_a_text(reason: str, comment: str, kept: tuple[str, str]) -> None:
    given = {"reason": text(reason) if reason else None, "comment": text(comment) if comment else None}
    (row,) = decided(entry("04", **given))
    assert [(one.reason, one.comment) for one in row.changes] == [kept]
    assert row.findings == ()


def test_a_long_comment_is_cut_and_its_sender_is_told() -> None:
    (row,) = decided(entry("05", comment=text("é" * 300)))
    (found,) = row.findings
    assert (found.rule, found.severity.value, found.facts["length"]) == ("LFC-003", "warning", 300)
    assert row.outcome is m.RowOutcome.APPLIED
    assert row.changes[0].comment == "é" * 255
    (row,) = decided(entry("05", comment=text("abc")), terms=Terms(intake=IntakeLimits(comment_chars_max=2)))
    assert row.changes[0].comment == "ab"


def test_the_number_of_the_payment_order_goes_with_08_alone() -> None:
    for status, kept in (("08", "M-1"), ("07", "")):
        (row,) = decided(entry(status, mandate=text("M-1")))
        assert [one.mandate for one in row.changes] == [kept]


def test_a_status_without_a_label_is_an_event_and_is_told_by_its_number() -> None:
    (row,) = decided(entry("7"), entry("24", comment=text("x")))[1:]
    assert (row.outcome, row.event, rules(row)) == (m.RowOutcome.KEPT, ("24", NOON, "x"), ["LFC-010"])
    assert (row.findings[0].value, row.findings[0].severity.value) == ("24", "warning")


def test_an_event_may_be_older_than_the_last_change_and_never_of_the_future() -> None:
    (row,) = decided(entry("24", BEFORE - timedelta(days=9)))
    assert row.outcome is m.RowOutcome.KEPT
    (row,) = decided(entry("24", NOON + timedelta(days=1)))
    assert (row.outcome, rules(row)) == (m.RowOutcome.REFUSED, ["LFC-010", "LFC-014"])


# --- when -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "is_fine"),
    [
        (NOON + timedelta(seconds=30), True),
        (NOON + timedelta(seconds=31), False),
        (BEFORE.replace(microsecond=0), True),  # people write seconds
        (BEFORE.replace(microsecond=0) - timedelta(seconds=1), False),
        (None, False),
    ],
)
def test_a_moment_is_held_to_the_clock_and_to_the_last_change(when: datetime | None, is_fine: bool) -> None:
    (row,) = decided(entry("07", when))
    assert row.outcome is (m.RowOutcome.APPLIED if is_fine else m.RowOutcome.REFUSED)
    assert rules(row) == ([] if is_fine else ["LFC-014"])


def test_the_tolerance_of_the_clock_is_a_setting() -> None:
    late = entry("07", NOON + timedelta(minutes=4))
    assert decided(late, terms=Terms(intake=IntakeLimits(clock_tolerance_s=300)))[0].outcome is m.RowOutcome.APPLIED


# --- whose, and which -------------------------------------------------------------------------------------------------


def test_without_a_day_an_invoice_of_one_year_is_meant_and_two_are_no_key() -> None:
    other = standing(deposit_id=8, issued=date(2025, 11, 18))
    undated = entry("07", invoice=m.InvoiceKey("1", text(SUPPLIER), text("F-1")))
    assert decided(undated)[0].outcome is m.RowOutcome.APPLIED
    assert rules(decided(undated, others=(other,))[0]) == ["LFC-008"]
    (row,) = decided(entry("07"), others=(other,))
    assert [one.standing.deposit_id for one in row.changes] == [7]
    foreign = replace(other, receiver="OTHER1")
    assert decided(undated, others=(foreign,))[0].outcome is m.RowOutcome.APPLIED


@pytest.mark.parametrize(
    "key",
    [
        m.InvoiceKey("2", text(SUPPLIER), text("F-1")),
        m.InvoiceKey("1", text("73282932000074"), text("F-1")),
        m.InvoiceKey("1", text(SUPPLIER), text("f-1")),
        m.InvoiceKey("1", text(SUPPLIER), text("F-1"), date(2026, 11, 19)),
        m.InvoiceKey("1", None, None),
    ],
    ids=["type", "supplier", "number", "day", "nothing"],
)
def test_another_key_is_another_invoice(key: m.InvoiceKey) -> None:
    (row,) = decided(entry("07", invoice=key))
    assert (row.outcome, rules(row), row.standing, row.total) == (m.RowOutcome.REFUSED, ["LFC-008"], None, "")


# --- what the settings cannot soften ----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["off", "info", "warning"])
@pytest.mark.parametrize(
    ("rule", "given"),
    [
        ("LFC-001", entry("12")),
        ("LFC-006", entry("07")),
        ("LFC-008", entry("07", invoice=m.InvoiceKey("1", text(SUPPLIER), text("F-2")))),
        ("LFC-009", entry("99")),
    ],
)
def test_what_cannot_be_done_is_refused_whatever_the_settings_make_of_the_rule(
    rule: str, given: m.ReadStatus, level: str
) -> None:
    actors = frozenset({"accountant"}) if rule == "LFC-006" else BOTH
    (row,) = decided(given, actors=actors, terms=Terms(severities={rule: level}))
    assert (row.outcome, [(f.rule, f.refuses) for f in row.findings]) == (m.RowOutcome.REFUSED, [(rule, True)])


def test_what_is_a_matter_of_taste_follows_the_settings() -> None:
    soft = Terms(severities={"LFC-002": "warning", "LFC-014": "warning"})
    (row,) = decided(entry("05", NOON + timedelta(days=1)), terms=soft)
    assert (row.outcome, rules(row)) == (m.RowOutcome.APPLIED, ["LFC-002", "LFC-014"])


# --- before the drop --------------------------------------------------------------------------------------------------


def test_a_check_says_what_can_be_said_without_the_invoice() -> None:
    rows = status_intake.preview(
        read(entry("07"), entry("99"), entry("05"), entry("24"), entry("07", NOON + timedelta(days=1))), NOON, Terms()
    )
    assert [(row.outcome.value, rules(row)) for row in rows] == [
        ("applied", []), ("refused", ["LFC-009"]), ("refused", ["LFC-002"]), ("kept", ["LFC-010"]),
        ("refused", ["LFC-014"]),
    ]  # fmt: skip
    verdict = judge.conclude_changes(read(entry()), rows[:1], Terms(), has_ledger=False)
    assert {"LFC-001", "LFC-006", "LFC-008", "LFC-013", "LFC-015"} <= set(verdict.not_judged)


# --- what its sender reads --------------------------------------------------------------------------------------------


def verdict(*rows: m.JudgedRow, entries: tuple[m.ReadStatus, ...]) -> m.IntakeVerdict:
    return judge.conclude_changes(read(*entries), rows, Terms())


def judged() -> m.IntakeVerdict:
    foreign = m.InvoiceKey("1", text(SUPPLIER), text("F-2"))
    entries = (
        entry("07"), entry("07", invoice=foreign), entry("03"), entry("10"), entry("07"),
        entry("24", NOON),
    )  # fmt: skip
    other = standing(deposit_id=9, number="F-2", receiver="OTHER1")
    rows = decided(
        *entries,
        others=(other,),
        actors=frozenset({"recipient"}),
        stands=standing("09", past=frozenset({("07", NOON)})),
    )
    return verdict(*rows, entries=entries)


def test_the_report_has_a_line_for_each_row_that_does_not_apply() -> None:
    told = judged()
    assert told.state is m.FlowState.PARTIAL
    root = etree.fromstring(intake_report.render(told, "CPP001", Terms()))
    said = [
        (one.findtext("LibelleErreur"), one.findtext("DescriptionErreur")) for one in root.iter("LigneErreurDetail")
    ]
    assert [label.split("]")[0] for label, _ in said] == ["[LFC-008", "[LFC-001", "[LFC-006", "[LFC-010"]
    assert said[0][0] == f"[LFC-008] la facture F-2 de {SUPPLIER} n'est pas connue"
    assert "rang dans le fichier = 2" in said[0][1]
    assert said[2][0] == "[LFC-006] un destinataire ne peut pas poser 10 COMPTABILISEE"
    assert root.findtext(".//Commentaire") == ("6 statuts, 0 appliqué, 2 répétés, 1 gardé en historique, 3 refusés")
    assert root.findtext(".//IdStatut") == "96"
    english = etree.fromstring(intake_report.render(told, "CPP001", Terms(), lang="en"))
    assert english.findtext(".//Commentaire") == "6 statuses, 0 applied, 2 repeated, 1 kept as history, 3 refused"
    assert b"LFC-013" not in intake_report.render(told, "CPP001", Terms(), report_warnings=False)


def test_the_json_of_a_verdict_has_a_row_where_an_invoice_would_stand() -> None:
    told = as_json(judged(), "f", "en")
    assert (told["flow"], told["lane"], told["state"]) == ("IN_CDV_CPP_STATUT", "statuses", "IN_INTEGRE_PARTIEL")
    assert [(one["row"], one["asked"], one["change"], one["outcome"]) for one in told["invoices"]] == [
        (1, "07", "repeated", "integrated"), (2, "07", "refused", "refused"), (3, "03", "refused", "refused"),
        (4, "10", "refused", "refused"), (5, "07", "repeated", "integrated"), (6, "24", "kept", "integrated"),
    ]  # fmt: skip
    assert told["members"][0]["kind"] == "status"
    assert "LFC-013" not in json.dumps(told)
    assert summary(judged()).endswith("6 statuts, 0 appliqué, 2 répétés, 1 gardé en historique, 3 refusés")


def test_a_foreign_invoice_and_an_unknown_one_are_told_word_for_word_alike() -> None:
    def lines(*others: m.Standing) -> list[bytes]:
        asked = entry("07", invoice=m.InvoiceKey("1", text(SUPPLIER), text("F-2")))
        rows = decided(asked, others=others)
        return [
            intake_report.render(verdict(*rows, entries=(asked,)), "CPP001", Terms(), lang=lang)
            for lang in ("fr", "en")
        ]

    assert lines() == lines(standing(deposit_id=9, number="F-2", receiver="OTHER1"))


def test_a_refused_flow_has_no_row() -> None:
    asked = read(entry())
    flow = replace(asked, findings=(m.Finding("FLW-005", "FLW-005", codes.Severity.FATAL),))
    told = judge.conclude_changes(flow, decided(entry()), Terms())
    assert (told.state, told.rows) == (m.FlowState.REJECTED, ())


def test_every_reason_has_its_words_in_both_languages() -> None:
    assert len(REASONS) == 40
    assert all(one.code == code and one.label_fr and one.label_en for code, one in REASONS.items())


@pytest.mark.spec
def test_the_reasons_are_those_of_the_specification() -> None:
    import csv
    import os
    from pathlib import Path

    folder = os.environ.get("CHORUS_EDI_SPEC")
    if not folder:
        pytest.skip("CHORUS_EDI_SPEC does not name the specification folder")
    with Path(folder, "reason-codes.csv").open(encoding="utf-8", newline="") as file:
        published = {row["code"]: (row["meaning"], row["usual_legacy_status"]) for row in csv.DictReader(file)}
    assert {code: (one.label_en, one.usual.value) for code, one in REASONS.items()} == published
