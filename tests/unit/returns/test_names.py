"""Names are pure functions of what a file tells."""

import re

import pytest

from pipeline.returns import names

OUTBOUND = re.compile(r"(CSO|FEN)(\d{4})A_([A-Z0-9]{6})_([A-Z0-9]{6})(\d{4})([0-9A-Z]{15})")


def test_a_report_has_the_interface_digits_that_the_flow_announced(build):
    name = names.report_name(build.received(), "FSO1117A", "CPP001")
    assert name.startswith("CSO1117A_ABC001_CPP0011117")
    assert OUTBOUND.fullmatch(name)


@pytest.mark.parametrize("announced", ["", "FSO11", "FSO11١١A", "nonsense"])
def test_a_report_on_an_unreadable_name_has_four_zeros(build, announced):
    assert names.report_name(build.received(), announced, "CPP001").startswith("CSO0000A_ABC001_CPP0010000")


def test_the_digits_are_the_first_fifteen_of_fifty_in_base_36(build):
    """Computed apart, from the definition: SHA-256 of CSO|ABC001|ABC001|F|aa."""
    import hashlib

    number = int(hashlib.sha256(b"CSO|ABC001|ABC001|F|aa").hexdigest(), 16)
    name = names.report_name(build.received(name="F", sha256="aa"), "FSO1100A", "CPP001")
    assert int(name[-15:], 36) == number // 36**35


def test_names_of_the_same_flow_are_the_same_for_ever(build):
    assert (
        names.lifecycle_name(build.received(), "CPP001")
        == "FEN1201A_ABC001_CPP0011201"
        + names.lifecycle_name(build.received(received_at=build.received().received_at.replace(year=2030)), "CPP001")[
            -15:
        ]
    )


def test_every_file_about_one_flow_has_a_name_of_its_own(build):
    flow = build.received()
    told = [
        names.report_name(flow, "FSO1100A", "CPP001"),
        names.lifecycle_name(flow, "CPP001"),
        names.pivot_name(flow, "SEI001", "CPP001"),
        names.pivot_name(flow, "SEI002", "CPP001"),
        names.pivot_name(flow, "SEI001", "CPP001", part=2),
        names.pivot_name(flow, "SEI001", "CPP001", part=3),
        names.report_name(build.received(sha256="60" * 32), "FSO1100A", "CPP001"),
        names.report_name(build.received(partner="ABC002"), "FSO1100A", "CPP001"),
    ]
    assert len({name[-15:] for name in told}) == len(told)
    assert all(OUTBOUND.fullmatch(name) for name in told)


def test_the_first_part_of_a_pivot_has_no_part_number_in_its_name(build):
    assert names.pivot_name(build.received(), "SEI001", "CPP001") == names.pivot_name(
        build.received(), "SEI001", "CPP001", 1
    )


def test_what_is_told_later_is_named_by_its_transitions(build):
    first = names.transition_id("ABC001", build.FLOW, 1, 4)
    last = names.transition_id("ABC001", build.FLOW, 9, 4)
    assert first == f"ABC001|{build.FLOW}|1|4"
    told = {
        names.later_lifecycle_name("ABC001", first, last, "CPP001"),
        names.later_lifecycle_name("ABC001", first, first, "CPP001"),
        names.later_pivot_name("ABC001", "SEI001", first, last, "CPP001"),
        names.later_pivot_name("ABC001", "SEI001", first, last, "CPP001", part=2),
    }
    assert len(told) == 4
    assert all(OUTBOUND.fullmatch(name) for name in told)


def test_a_flow_name_of_strange_bytes_still_has_an_answer(build):
    assert OUTBOUND.fullmatch(names.report_name(build.received(name="\\xff\udcff|\n"), "", "CPP001"))
