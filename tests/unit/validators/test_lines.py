"""Lines: there, numbered, typed, with a known delivery site."""

import pytest
from a_invoice import a_line, an_invoice, earned, judged, text, the

from pipeline.flows import open_codes

WITHOUT = {"lines": (), "total_lines": None}


@pytest.mark.parametrize("interface", open_codes())
def test_structured_flows_and_fso1110a_want_a_line(interface):
    expected = {
        "FSO1100A": {"LIN-002"},
        "FSO1106A": {"LIN-002"},
        "FSO1130A": {"LIN-002"},
        "FSO1110A": {"LIN-001"},
        "FSO1131A": {"LIN-001"},
    }
    found = {rule for rule in earned(an_invoice(**WITHOUT), interface) if rule.startswith("LIN")}
    assert found == expected.get(interface, set())


@pytest.mark.parametrize("kind", ["DETAIL", "REGROUPEMENT", "INFORMATION"])
def test_the_types_of_a_line(kind):
    lines = (a_line(1, type=text(kind, "TYPE_LIGNE")),)
    assert earned(an_invoice(lines=lines, total_lines=None)) == set()


@pytest.mark.parametrize("kind", ["detail", "TOTAL", ""])
def test_another_type_of_line_is_refused(kind):
    lines = (a_line(1, type=text(kind, "TYPE_LIGNE")), a_line(2))
    assert the("LIN-003", judged(an_invoice(lines=lines))).facts == {"line": "1", "value": kind}


def test_a_line_id_is_there_and_unique():
    lines = (a_line(1), a_line(2, id=text("1", "BT-126")), a_line(3, id=None), a_line(4, id=text("1", "BT-126")))
    found = [f for f in judged(an_invoice(lines=lines, total_lines=None)) if f.rule == "LIN-004"]
    assert [f.facts["id"] for f in found] == ["1", "", "1"]
    assert (found[1].at, found[1].path, found[1].line) == ("BT-126", "/Invoice/cac:InvoiceLine[3]", 23)


def test_a_line_is_delivered_to_a_site_of_the_header():
    lines = (a_line(1, site=text("QUAI-1")), a_line(2, site=text("QUAI-2"), id=None))
    found = judged(an_invoice(lines=lines, sites=(text("QUAI-1", "BT-71"),)))
    assert the("LIN-005", found).facts == {"line": "2", "site": "QUAI-2"}


@pytest.mark.parametrize(("length", "expected"), [(20, []), (21, ["", "1"])])
def test_a_site_has_20_characters_at_most(length, expected):
    site = "Q" * length
    invoice = an_invoice(lines=(a_line(1, site=text(site)), a_line(2)), sites=(text(site, "BT-71"),))
    assert [f.facts["line"] for f in judged(invoice) if f.rule == "LIN-005"] == expected


def test_a_description_has_1024_characters_at_most():
    lines = (a_line(1, description=text("d" * 1024)), a_line(2, description=text("d" * 1025)))
    assert the("LIN-006", judged(an_invoice(lines=lines))).facts == {"line": "2", "length": 1025}
