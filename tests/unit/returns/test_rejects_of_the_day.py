"""The daily file of rejects: one line per invoice and per reason, safe to open in a spreadsheet."""

import csv
import io
from datetime import date

from pipeline.returns import rejects_of_the_day as rejects


def table(given):
    return list(csv.DictReader(io.StringIO(given.decode("utf-8-sig"), newline=""), delimiter=";"))


def refused_flow(build):
    two_reasons = build.judged(1, build.found("GEN-001", "BT-1"), build.found("RTG-021", "BT-13", siret="99986401570264"),
                               build.found("PAY-007", "BT-84"), outcome="refused")  # fmt: skip
    structure = build.found("XML-001", "", member=build.MEMBERS[2], why="balise non fermée", line=3, column=1)
    return build.verdict(
        "IN_INTEGRE_PARTIEL", [two_reasons, build.judged(2, build.found("PAY-007", "BT-84"))], [structure]
    )


def test_each_reason_of_each_refused_invoice_is_a_line(build, golden):
    found = list(rejects.of_verdict(refused_flow(build)))
    assert [(r.supplier, r.number, r.rule) for r in found] == [
        ("", "", "XML-001"),
        ("12345678900011", "F-2026-001", "GEN-001"),
        ("12345678900011", "F-2026-001", "RTG-021"),
    ]
    given = rejects.render(found)
    golden("rejects-of-the-day.csv", given)
    assert [row["code"] for row in table(given)] == ["IRR_SYNTAX", "REJ_INEX", "REJ_INEX"]
    assert {row["date_depot"] for row in table(given)} == {"2026-11-20"}


def test_the_file_opens_in_a_spreadsheet(build):
    given = rejects.render(rejects.of_verdict(refused_flow(build)))
    assert given.startswith(b"\xef\xbb\xbfnumero_flux;numero_facture;date_depot;motif;code;regle;remede\r\n")


def test_a_text_that_begins_like_a_formula_is_no_formula(build):
    nasty = build.judged(
        1,
        build.found("GEN-003", build.text("=cmd"), number="=cmd", characters="="),
        outcome="refused",
        number='=HYPERLINK("x";"y")',
    )
    row = table(rejects.render(rejects.of_verdict(build.verdict("IN_REJETE", [nasty], name="@flux;\n"))))[0]
    assert row["numero_facture"] == '\'=HYPERLINK("x";"y")'
    assert row["numero_flux"] == "'@flux;\\x0a"


def test_an_invoice_without_supplier_or_number_still_has_its_lines(build):
    from pipeline.model import SupplierRead

    nameless = build.judged(1, build.found("PTY-001"), outcome="refused", number=None, supplier=SupplierRead())
    assert [(r.supplier, r.number) for r in rejects.of_verdict(build.verdict("IN_REJETE", [nameless]))] == [("", "")]


def test_the_file_is_named_by_partner_issuer_and_day():
    day = date(2026, 11, 20)
    assert rejects.name("ABC001", "12345678900011", day) == "REJETS_ABC001_12345678900011_20261120.csv"
    assert rejects.name("ABC001", "", day) == "REJETS_ABC001_INCONNU_20261120.csv"
    assert rejects.name("ABC001", "../é x", day, 2) == "REJETS_ABC001_-----x_20261120-02.csv"
    assert rejects.name("ABC001", "DE 123", day, 11) == "REJETS_ABC001_DE-123_20261120-11.csv"


def test_identifiers_that_look_alike_in_a_name_are_one_issuer():
    """Whoever groups rejects into files groups them by this: a second file of the same name would be lost."""
    alike = ["CH-12", "CH.12", "CH 12"]
    assert {rejects.issuer(supplier) for supplier in alike} == {"CH-12"}
    assert {rejects.name("ABC001", supplier, date(2026, 11, 20)) for supplier in alike} == {
        rejects.name("ABC001", rejects.issuer("CH 12"), date(2026, 11, 20))
    }
