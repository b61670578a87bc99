"""What an issuer may do about its invoices, and what every other wish is told. The table of statuses is drawn in
test_lifecycle_decisions.py; here are the routing, the files and the chain of a reject.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from pipeline import actions, codes
from pipeline import model as m
from pipeline.model import ActionKind, RowOutcome
from pipeline.ports import Fault
from pipeline.returns import message
from pipeline.terms import AttachmentLimits, Terms
from pipeline.values import Text

TERMS = Terms()
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
BEFORE = NOON - timedelta(days=2)
ISSUER, SUPPLIER = "ABC001", "12345678900015"
PLAIN, BOTH, STATE, GONE = "12345678200051", "12345678200044", "11000201100044", "12345678200028"


def structure(siret, **given):
    flags = {
        "identifier_type": 1, "name": f"Structure {siret[-2:]}", "is_active": True, "requires_service": False,
        "requires_commitment": False, "requires_service_or_commitment": False, "is_moa": False, "is_moa_only": False,
        "returns_payment_status": True,
    }  # fmt: skip
    return m.Structure(siret=siret, **(flags | given))


def service(code, label, **given):
    flags = {"is_active": True, "valid_from": None, "valid_to": None, "requires_commitment": False}
    return m.Service(code, label, **(flags | given))


KNOWN = m.Known(
    m.Snapshot("annuaire", date(2026, 11, 1)),
    {
        PLAIN: structure(PLAIN),
        BOTH: structure(
            BOTH, requires_service=True, requires_commitment=True,
            services=(service("SERV_OBL", "Service obligatoire"), service("FERME", "Fermé", is_active=False)),
        ),
        STATE: structure(STATE, requires_service=True, services=(service("SFACETAT", "Facturier"),)),
        GONE: structure(GONE, is_active=False, successor=PLAIN),
    },
)  # fmt: skip


def text(said):
    return None if said is None else Text(said, "", "/x", 7)


def standing(number="F-1", status="04", **more):
    given = {
        "deposit_id": 7, "rank": 1, "issuer": ISSUER, "flow_name": "FLUX", "received_day": date(2026, 11, 18),
        "supplier_type": "1", "supplier": SUPPLIER, "supplier_name": "Fournisseur", "number": number,
        "issued": date(2026, 11, 18), "type": "380", "framework": "A1", "currency": "EUR", "total": "120.00",
        "total_millionths": 120_000_000, "recipient": PLAIN, "recipient_name": "Commune", "service": "",
        "commitment": "", "receiver": "REC003", "status": status, "status_at": BEFORE, "sequence": 4, "routing": 0,
    }  # fmt: skip
    return m.Standing(**(given | more))


def row(action=ActionKind.RECYCLE, number="F-1", rank=1, issued=None, **given):
    key = m.InvoiceKey("1", text(SUPPLIER), text(number), issued)
    texts = {name: value if name == "attachments" else text(value) for name, value in given.items()}
    return m.ReadAction(rank, "a.csv", action, text(action.value), key, **texts)


def read(*rows):
    received = m.Received(ISSUER, "ACT", "0" * 64, 10, NOON)
    return m.Read(received, "ACT9001A", "ACT9001A", (), (), (), (), lane=m.Lane.ACTIONS, actions=rows)


def decide(standings, *rows, known=KNOWN, terms=TERMS, operator="", now=NOON):
    return actions.decide(read(*rows), ISSUER, standings, known, now, terms, operator=operator)


def one(standings, given, **more):
    (told,) = decide(standings, given, **more)
    return told


def rules(told):
    return {found.rule for found in told.findings if found.refuses}


def enclosed(name="bon.pdf", size=9, **more):
    return m.Enclosed(name, "application/pdf", "1" * 64, m.Slice(0, size), **more)


# --- recycle ----------------------------------------------------------------------------------------------------------


def test_a_recycle_gives_01_02_and_03_of_the_new_recipient_in_the_words_of_the_directory():
    told = one(
        (standing(),),
        row(recipient=BOTH, service="SERV_OBL", commitment="EJ-1", comment="Mauvaise commune"),
        operator="anne",
    )
    assert told.outcome is RowOutcome.APPLIED
    assert told.rerouted == m.Rerouted(BOTH, "Structure 44", "SERV_OBL", "EJ-1", "annuaire", "Service obligatoire")
    assert [(c.to, c.at, c.set_by, c.producer, c.operator, c.comment) for c in told.changes] == [
        ("01", NOON, "supplier", ISSUER, "anne", "Mauvaise commune"),
        ("02", NOON, "platform", ISSUER, "anne", ""),
        ("03", NOON, "platform", ISSUER, "anne", ""),
    ]


def test_what_a_row_does_not_name_stays_and_an_empty_text_takes_it_away():
    held = standing(recipient=BOTH, recipient_name="Sa commune", service="SERV_OBL", commitment="EJ-1")
    told = one((held,), row(commitment="EJ-2"))
    assert told.rerouted == m.Rerouted(BOTH, "Sa commune", "SERV_OBL", "EJ-2", "annuaire", "Service obligatoire")
    gone = one((held,), row(service="", recipient=PLAIN, commitment=""))
    assert (gone.rerouted.service, gone.rerouted.commitment) == ("", "")
    assert rules(one((held,), row(service="", commitment=""))) == {"RTG-023"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"recipient": "99999999999999"}, {"RTG-001"}),
        ({"recipient": GONE}, {"RTG-002"}),
        ({"recipient": BOTH}, {"RTG-023"}),
        ({"recipient": BOTH, "service": "SERV_OBL"}, {"RTG-023"}),
        ({"recipient": BOTH, "service": "FERME", "commitment": "EJ-1"}, {"RTG-011"}),
        ({"recipient": BOTH, "service": "Service obligatoire", "commitment": "EJ-1"}, {"RTG-014"}),
        ({"recipient": BOTH, "service": "AUTRE", "commitment": "EJ-1"}, {"RTG-010"}),
        ({"service": "SERV"}, {"RTG-026"}),
        ({"recipient": STATE}, {"RTG-020"}),
        ({"recipient": "123"}, {"PTY-014", "RTG-001"}),
        ({"recipient": ""}, {"PTY-013"}),
        ({"service": "S" * 101}, {"REF-001", "RTG-026"}),
        ({"commitment": "E" * 51}, {"REF-002"}),
        ({"recipient": STATE, "service": "SFACETAT", "commitment": "é"}, {"REF-005"}),
    ],
)
def test_a_recipient_that_would_refuse_it_refuses_the_recycle_by_its_own_rule(given, expected):
    told = one((standing(),), row(**given))
    assert (told.outcome, rules(told), told.changes, told.rerouted) == (RowOutcome.REFUSED, expected, (), None)
    placed = [found for found in told.findings if found.refuses and found.line]
    assert all(found.line == 7 for found in placed)


def test_the_successor_and_the_nearest_services_are_told_and_never_used():
    told = one((standing(),), row(recipient=GONE))
    assert PLAIN in message.text(told.findings[0]) + message.remedy(told.findings[0])
    told = one((standing(),), row(recipient=BOTH, service="service obligatoir", commitment="EJ-1"))
    assert "SERV_OBL" in message.text(told.findings[0])


def test_a_recycle_that_would_wait_for_the_states_table_is_refused_for_now():
    known = replace(KNOWN, commitments=m.CommitmentTable("unavailable", date(2026, 11, 1)))
    told = one((standing(),), row(recipient=STATE, service="SFACETAT", commitment="1234567890"), known=known)
    assert (told.outcome, rules(told)) == (RowOutcome.REFUSED, {"CMT-005"})


def test_without_a_directory_of_the_day_nothing_is_recycled_and_nothing_refused():
    with pytest.raises(Fault, match="RTG-006"):
        decide((standing(),), row(comment="x"), known=m.Known(None))
    assert one((standing(),), row(ActionKind.COMPLETE, comment="x"), known=m.Known(None)).outcome is RowOutcome.REFUSED


def test_rules_of_the_deposit_are_not_asked_again():
    """Deposit rights, works circuits, numbers: they were settled when it was integrated."""
    held = standing(framework="A22")
    told = one((held,), row(comment="encore"), known=replace(KNOWN, rights=(), lookalikes=()))
    assert {found.rule[:3] for found in told.findings} <= {"RTG", "CMT", "PTY"}


def test_a_recycle_that_changes_nothing_needs_a_comment():
    assert rules(one((standing(),), row(recipient=PLAIN))) == {"LFC-002"}
    assert one((standing(),), row(recipient=PLAIN, comment="C'est bien vous")).outcome is RowOutcome.APPLIED


@pytest.mark.parametrize(
    "given",
    [{"reason": "x"}, {"credit_note": "A"}, {"corrective": "F-2"}, {"attachments": (enclosed(),)}],
    ids=lambda given: next(iter(given)),
)
def test_what_a_recycle_does_not_change_refuses_it(given):
    told = one((standing(),), row(recipient=BOTH, service="SERV_OBL", commitment="EJ-1", **given))
    assert rules(told) == {"LFC-005"}
    assert "ne peut pas changer" in message.text(next(f for f in told.findings if f.refuses))


def test_a_long_comment_is_cut_and_said():
    told = one((standing(),), row(comment="x" * 300))
    assert len(told.changes[0].comment) == 255
    assert [f.rule for f in told.findings if f.rule == "LFC-003"] == ["LFC-003"]


def test_a_change_is_never_older_than_the_last_one():
    held = standing(status_at=NOON + timedelta(seconds=20))
    assert {change.at for change in one((held,), row(comment="x")).changes} == {NOON + timedelta(seconds=20)}


def test_the_issuers_own_names_are_put_in_place_first():
    names = m.RecipientMapping({BOTH: {"service obligatoire": m.Label(BOTH, "Service obligatoire", "SERV_OBL")}}, {})
    told = one((standing(),), row(recipient=BOTH, service="Service obligatoire", commitment="EJ-1"),
               known=replace(KNOWN, mapping=names))  # fmt: skip
    assert told.rerouted.service == "SERV_OBL"
    assert "RTG-013" in {found.rule for found in told.findings}


# --- complete ---------------------------------------------------------------------------------------------------------


def test_a_completed_invoice_is_12_with_its_files_and_stays_where_it_is():
    told = one((standing(status="06"),), row(ActionKind.COMPLETE, comment="Voici", attachments=(enclosed(),)))
    assert [(c.to, c.set_by, c.comment) for c in told.changes] == [("12", "supplier", "Voici")]
    assert (told.attachments, told.rerouted) == ((enclosed(),), None)
    assert one((standing(status="06"),), row(ActionKind.COMPLETE, comment="Voici")).outcome is RowOutcome.APPLIED


def test_nothing_added_completes_nothing():
    assert rules(one((standing(status="06"),), row(ActionKind.COMPLETE))) == {"LFC-002"}
    assert rules(one((standing(status="06"),), row(ActionKind.COMPLETE, comment="  "))) == {"LFC-002"}


@pytest.mark.parametrize("name", ["recipient", "service", "commitment", "reason", "credit_note", "corrective"])
def test_only_files_and_a_comment_complete(name):
    told = one((standing(status="06"),), row(ActionKind.COMPLETE, comment="x", **{name: "1"}))
    assert rules(told) == {"LFC-004"}


def test_the_files_of_one_row_are_weighed_together_and_their_names_differ():
    terms = Terms(attachment=AttachmentLimits(invoice_bytes_max=100))
    two = (enclosed("a.pdf", 60), enclosed("A.PDF", 41))
    told = one((standing(status="06"),), row(ActionKind.COMPLETE, attachments=two), terms=terms)
    assert {f.rule for f in told.findings} == {"ATT-006", "ATT-014"}
    assert told.outcome is RowOutcome.REFUSED


def test_a_file_that_the_reader_refused_completes_nothing():
    bad = m.Finding("ATT-004", "ATT-004", codes.Severity.ERROR)
    given = replace(row(ActionKind.COMPLETE, attachments=(enclosed(findings=(bad,)),)), findings=(bad,))
    assert (one((standing(status="06"),), given).outcome, rules(one((standing(status="06"),), given))) == (
        RowOutcome.REFUSED, {"ATT-004"},
    )  # fmt: skip


# --- handle a reject --------------------------------------------------------------------------------------------------

REJECTED = standing("F-1", "05")
CREDIT = standing("AV-1", "03", deposit_id=8, type="381", total="120.00", total_millionths=-120_000_000)
NEW = standing("F-2", "03", deposit_id=9, total="100.00", total_millionths=100_000_000)
HANDLE = ActionKind.HANDLE_REJECT


def handled(*standings, **given):
    return one((REJECTED, *standings), row(HANDLE, reason="MONTANT_ERR", **given))


def test_the_chain_of_a_reject_is_noted_and_its_status_stays():
    told = handled(CREDIT, NEW, credit_note="AV-1", corrective="F-2", comment="Refaite")
    assert (told.outcome, told.changes) == (RowOutcome.APPLIED, ())
    assert told.handling == m.Handling(REJECTED, "MONTANT_ERR", "Refaite", CREDIT, NEW)
    assert handled().handling == m.Handling(REJECTED, "MONTANT_ERR", "", None, None)


@pytest.mark.parametrize(
    ("standings", "given", "rule"),
    [
        ((), {"credit_note": "AV-1"}, "LFC-008"),
        ((), {"corrective": "F-2"}, "LFC-008"),
        ((replace(CREDIT, issuer="DEF002"),), {"credit_note": "AV-1"}, "LFC-008"),
        ((replace(CREDIT, supplier="73282932000074"),), {"credit_note": "AV-1"}, "LFC-008"),
        ((replace(CREDIT, status="37"),), {"credit_note": "AV-1"}, "LFC-008"),
        ((replace(CREDIT, total="119.99"),), {"credit_note": "AV-1"}, "LFC-012"),
        ((replace(CREDIT, type="380"),), {"credit_note": "AV-1"}, "LFC-012"),
        ((replace(CREDIT, currency="USD"),), {"credit_note": "AV-1"}, "LFC-012"),
        ((replace(CREDIT, total=""),), {"credit_note": "AV-1"}, "LFC-012"),
        ((replace(CREDIT, status="05"),), {"credit_note": "AV-1"}, "LFC-012"),
        ((replace(CREDIT, cancels=(3, 1)),), {"credit_note": "AV-1"}, "LFC-012"),
        ((CREDIT,), {"credit_note": "AV-1", "corrective": "AV-1"}, "LFC-012"),
        ((replace(NEW, currency="USD"),), {"corrective": "F-2"}, "LFC-012"),
        ((replace(NEW, type="381"),), {"corrective": "F-2"}, "LFC-012"),
        ((replace(NEW, status="05"),), {"corrective": "F-2"}, "LFC-011"),
        ((), {"corrective": "F-1"}, "LFC-011"),
        ((), {"credit_note": "F-1"}, "LFC-012"),
        ((), {"recipient": BOTH}, "LFC-005"),
        ((), {"attachments": (enclosed(),)}, "LFC-005"),
    ],
)
def test_a_chain_that_does_not_hold_is_refused_with_its_rule(standings, given, rule):
    told = handled(*standings, **given)
    assert (told.outcome, told.handling) == (RowOutcome.REFUSED, None)
    assert rule in rules(told)
    for lang in (message.FRENCH, message.ENGLISH):
        assert all("{" not in message.text(found, lang) for found in told.findings)


@pytest.mark.parametrize(("total", "credit"), [("-50.00", "-50.00"), ("120.000001", "120.000001"), ("1e3", "120.00")])
def test_amounts_are_compared_exactly(total, credit):
    rejected = replace(REJECTED, total=total)
    told = one((rejected, replace(CREDIT, total=credit)), row(HANDLE, reason="x", credit_note="AV-1"))
    assert told.outcome is (RowOutcome.APPLIED if total == "120.000001" else RowOutcome.REFUSED)


def test_a_rejected_credit_note_is_cancelled_by_an_invoice():
    rejected = replace(REJECTED, type="381")
    told = one((rejected, replace(CREDIT, type="380")), row(HANDLE, reason="x", credit_note="AV-1"))
    assert told.outcome is RowOutcome.APPLIED


def test_a_reject_is_handled_once():
    done = replace(REJECTED, is_handled=True, handled_as=((8, 1), (9, 1)))
    again = row(HANDLE, reason="x", credit_note="AV-1", corrective="F-2")
    assert (one((done, CREDIT, NEW), again).outcome) is RowOutcome.REPEATED
    other = one((done, CREDIT, NEW), row(HANDLE, reason="x", credit_note="AV-1"))
    assert (other.outcome, rules(other)) == (RowOutcome.REFUSED, {"LFC-001"})
    first, second = decide((REJECTED, CREDIT, NEW), again, replace(again, rank=2))
    assert (first.outcome, second.outcome) == (RowOutcome.APPLIED, RowOutcome.REPEATED)


def test_a_credit_note_cancels_one_reject_only():
    other = standing("F-9", "05", deposit_id=6)
    rows = (row(HANDLE, reason="x", credit_note="AV-1"), row(HANDLE, "F-9", 2, reason="x", credit_note="AV-1"))
    first, second = decide((REJECTED, other, CREDIT), *rows)
    assert first.outcome is RowOutcome.APPLIED
    assert (second.outcome, rules(second)) == (RowOutcome.REFUSED, {"LFC-012"})


def test_a_reject_without_a_reason_stays_on_the_list():
    assert rules(one((REJECTED,), row(HANDLE))) == {"LFC-002"}


# --- which invoice ----------------------------------------------------------------------------------------------------


def test_a_number_of_several_years_wants_its_day():
    older = standing(deposit_id=3, issued=date(2025, 11, 18))
    told = one((older, standing()), row(comment="x"))
    assert rules(told) == {"LFC-008"}
    assert "2025-11-18, 2026-11-18" in message.text(told.findings[0])
    assert one((older, standing()), row(comment="x", issued=date(2026, 11, 18))).standing.deposit_id == 7


def test_the_invoices_that_the_rows_name_are_asked_for_with_those_of_the_chain():
    given = read(row(recipient=BOTH), row(HANDLE, "F-2", 2, credit_note="AV", corrective="F-3"))
    assert [key.number.text for key in actions.named(given)] == ["F-1", "F-2", "AV", "F-3"]


def test_what_is_routed_again_is_told_before_the_reference_rows_are_fetched():
    given = read(row(recipient=BOTH, service="S"), row(ActionKind.COMPLETE, "F-2", 2), row(number="F-9", rank=3))
    (asked,) = actions.routed(given, ISSUER, (standing(), standing("F-2", "06", deposit_id=8)))
    assert (asked.recipient.text, asked.service.text, asked.supplier.identifier.text) == (BOTH, "S", SUPPLIER)


@pytest.mark.parametrize("code", ["LFC-001", "LFC-004", "LFC-005", "LFC-008", "LFC-012"])
def test_a_rule_that_is_switched_off_lets_nothing_through(code):
    terms = Terms(severities={code: "off"})
    wishes = {
        "LFC-001": ((standing(status="03"),), row(HANDLE, reason="x")),
        "LFC-004": ((standing(status="03"),), row(ActionKind.COMPLETE, comment="x")),
        "LFC-005": ((standing(status="03"),), row(comment="x")),
        "LFC-008": ((), row(comment="x")),
        "LFC-012": ((REJECTED, replace(CREDIT, total="1.00")), row(HANDLE, reason="x", credit_note="AV-1")),
    }
    told = one(*wishes[code], terms=terms)
    assert (told.outcome, rules(told)) == (RowOutcome.REFUSED, {code})
