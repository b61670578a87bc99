"""The result of a night: every kind of difference has its words, each loss is named once, names go into no shell."""

from pathlib import Path

import pytest

from pipeline.ports import Said
from pipeline.reconcile import Line
from pipeline.reconcile.night import KINDS, SOURCES, STAGES, Against, Kind, Reconciliation, Row, difference, root_causes

PAGE = Path(__file__).parents[3] / "docs/ops/nightly.md"


def night(*kinds: Kind, lines: tuple[Line, ...] = ()) -> Reconciliation:
    from datetime import date

    found = tuple(difference(kind, "a", "a") for kind in kinds)
    return Reconciliation(date(2026, 11, 20), lines, {}, differences=found, by_kind=dict.fromkeys(kinds, 1))


def test_a_night_is_sound_without_a_difference_that_counts_and_without_a_red_line() -> None:
    assert night().is_sound
    assert night(Kind.BYTES_UNNAMED).is_sound
    assert not night(Kind.BYTES_UNNAMED, Kind.IN_DROP).is_sound
    assert night(Kind.BYTES_UNNAMED, Kind.IN_DROP).red == 1
    assert not night(lines=(Line("deposits", False, Said("", "")),)).is_sound


def test_what_was_not_read_is_never_silent() -> None:
    unread = Against("runs", Said("non lu", "not read"), was_read=False)
    found = Reconciliation(night().day, (), {}, against=(Against("store", Said("", "")), unread))
    assert found.unread == (unread,)
    assert unread.label.fr == "runs d'Airflow"


def test_a_row_has_every_stage() -> None:
    assert all(Row("X").sum_of(stage).invoices == 0 for stage in STAGES)
    assert all(said.fr and said.en for said in (*STAGES.values(), *SOURCES.values()))


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words_a_next_step_and_stands_on_its_page(kind: Kind) -> None:
    row = KINDS[kind]
    one = difference(kind, "a", "b", partner="ABC001", flow="F-1", file="X", invoice="Y")
    assert row.label.fr
    assert row.label.en
    assert "{" not in one.next.fr + one.next.en
    star = "" if row.counts else " *"
    assert f"| `{kind.value}`{star} | {row.label.fr} |" in PAGE.read_text(encoding="utf-8")


def test_a_name_that_its_sender_chose_is_quoted_in_the_next_step() -> None:
    one = difference(Kind.CONTROL_BYTES, "a", "b", partner="ABC001", flow="$(reboot)")
    assert "chorus-edi status '$(reboot)'" in one.next.fr


def test_each_loss_is_named_once_by_what_caused_it_and_only_on_its_own_flow() -> None:
    twice = difference(Kind.NUMBER_TWICE, "a", "a", partner="ABC001", flow="F-1")
    amount, other, elsewhere = (
        difference(Kind.AMOUNTS_DIFFER, "a", "a", partner=partner, flow=flow)
        for partner, flow in (("ABC001", "F-1"), ("ABC001", "F-2"), ("DEF002", "F-1"))
    )
    causes = {"ABC001/F-1": frozenset({Kind.NUMBER_TWICE, Kind.AMOUNTS_DIFFER})}
    assert list(root_causes([amount, twice, other, elsewhere], causes)) == [twice, other, elsewhere]


def test_no_two_kinds_explain_each_other_away() -> None:
    for kind, row in KINDS.items():
        assert kind not in row.explains
        for other in row.explains:
            assert kind not in KINDS[other].explains, (kind, other)
