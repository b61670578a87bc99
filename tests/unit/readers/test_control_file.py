"""The control file: what a spreadsheet, a program and a person write is read; what cannot be read is refused alone."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import codes
from pipeline.model import Finding, Read, ReadControl, Received, RowOutcome
from pipeline.readers import control_file
from pipeline.reconcile import control
from pipeline.returns.place import description
from pipeline.returns.report_rows import sentence
from pipeline.terms import Terms

TERMS = Terms()
FLOW = "FSO1110A_ABC001_ABC0011110000000000000001"
OTHER = "FSO1110A_ABC001_ABC0011110000000000000002"
SHA = "0123456789abcdef" * 4
HEAD = "flux;sha256;factures;total;devise"
NOW = datetime(2026, 11, 20, 11, tzinfo=UTC)


def read(text: str | bytes, encoding: str = "utf-8") -> tuple[tuple[Finding, ...], tuple[ReadControl, ...]]:
    document = text if isinstance(text, bytes) else text.encode(encoding)
    return control_file.read(document, "CTL", TERMS)


def only(text: str) -> ReadControl:
    """The single row below the header."""
    found, rows = read(f"{HEAD}\r\n{text}\r\n")
    assert found == ()
    (row,) = rows
    return row


def values(row: ReadControl) -> tuple[object, ...]:
    return tuple(
        None if one is None else getattr(one, "text", one)
        for one in (row.flow, row.sha256, row.invoices, row.total, row.currency)
    )


def told(found: Finding) -> str:
    return f"{found.rule} {sentence(found)}"


def test_a_row_says_what_was_dropped():
    row = only(f"{FLOW};{SHA};12;1234.50;EUR")
    assert values(row) == (FLOW, SHA, 12, "1234.50", "EUR")
    assert (row.rank, row.member, row.findings) == (1, "CTL", ())
    assert row.sha256 is not None
    assert (row.sha256.path, row.sha256.line) == ("sha256", 2)


@pytest.mark.parametrize(
    ("given", "read_as"),
    [
        ("1 234,50", "1234.50"), ("1\u202f234\u202f567,5", "1234567.5"), ("1\u00a0234,50 €", "1234.50"),
        ("-12", "-12"), ("\u2212 12,00".replace(" ", ""), "-12.00"), ("+3.1", "3.1"), ("0", "0"),
    ],
)  # fmt: skip
def test_amounts_are_taken_as_french_spreadsheets_write_them(given: str, read_as: str):
    assert values(only(f"{FLOW};{SHA};1;{given};"))[3:] == (read_as, "EUR")


@pytest.mark.parametrize(
    "document",
    [
        f"{HEAD}\n{FLOW};{SHA};1;2,50;EUR".encode(),
        b"\xef\xbb\xbf" + f"{HEAD}\r\n{FLOW};{SHA};1;2,50;EUR\r\n\r\n;;;;\r\n".encode(),
        f"Flux;SHA-256;Nombre de factures;Total TTC;Devise\r\n{FLOW};{SHA.upper()};1;2,50 €;eur;;\r\n".encode("cp1252"),
        f"flow\tsha256\tcount\ttotal\n{FLOW}\t{SHA}\t1\t2,50\n".encode("utf-16"),
        f"sep=,\nflux,sha256,factures,total\n{FLOW},sha256={SHA},1,2.50\n".encode(),
        f'"total","factures","flux","sha256"\r"2.50","1","{FLOW}","{SHA}"\r'.encode(),
    ],
    ids=["plain", "excel", "windows", "unicode-text", "sep", "quoted-other-order"],
)
def test_what_spreadsheets_and_programs_write_reads_the_same(document: bytes):
    found, rows = read(document)
    assert found == ()
    assert [values(row) for row in rows] == [(FLOW, SHA, 1, "2.50", "EUR")]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (f";{SHA};1;2;EUR", "XML-010 CTL : le nom du flux manque (ligne 2, flux)"),
        (f"{'F' * 256};{SHA};1;2;", "XML-010 CTL : le nom du flux compte plus de 255 caractères (ligne 2, flux)"),
        (f"{FLOW}\u202e;{SHA};1;2;", "GEN-015 flux contient un caractère invisible (U+202E)"),
        (f"{FLOW};{SHA[:-1]};1;2;", "XML-010 CTL : l'empreinte SHA-256 n'a pas 64 chiffres hexadécimaux (ligne 2, sha256)"),
        (f"{FLOW};{SHA};douze;2;", "XML-010 CTL : le nombre de factures n'est pas un nombre (ligne 2, factures)"),
        (f"{FLOW};{SHA};-1;2;", "XML-010 CTL : le nombre de factures n'est pas un nombre (ligne 2, factures)"),
        (f"{FLOW};{SHA};1;;", "AMT-001 total : « néant » n'est pas un montant"),
        (f"{FLOW};{SHA};1;1.234,50;", "AMT-001 total : « 1.234,50 » n'est pas un montant"),
        (f"{FLOW};{SHA};1;1e3;", "AMT-001 total : « 1e3 » n'est pas un montant"),
        (f"{FLOW};{SHA};1;NaN;", "AMT-001 total : « NaN » n'est pas un montant"),
        (f"{FLOW};{SHA};1;0.0000001;", "AMT-001 total : « 0.0000001 » n'est pas un montant"),
        (f"{FLOW};{SHA};1;2;EURO", "GEN-011 la devise EURO n'est pas un code ISO 4217"),
        (f"{FLOW};{SHA};1;2 €;USD", "XML-010 CTL : le total est en euros, la devise est USD (ligne 2, total)"),
        (f"{FLOW};{SHA};1;2;EUR;trop", "XML-010 CTL : plus de 5 valeurs ; vérifier le séparateur ; et les guillemets (ligne 2, flux)"),
        (f'"{FLOW};{SHA};1;2;EUR', "XML-010 CTL : des guillemets ne se ferment pas, ou trop de valeurs (ligne 2, flux)"),
    ],
)  # fmt: skip
def test_a_broken_row_is_refused_with_its_line_column_and_value(row: str, said: str):
    found, rows = read(f"{HEAD}\n{row}\n{OTHER};{SHA[::-1]};1;2;EUR")
    assert found == ()
    broken, whole = rows
    assert [told(one) for one in broken.findings] == [said]
    assert broken.is_refused
    assert not whole.is_refused
    assert "ligne 2" in description(broken.findings[0], None)


def test_every_thing_wrong_with_a_row_is_said_at_once():
    assert [one.path for one in only(";x;y;z;EURO").findings] == ["flux", "sha256", "factures", "devise", "total"]


def test_a_flow_has_one_row_for_each_currency_and_one_content():
    _, rows = read(
        f"{HEAD}\n{FLOW};{SHA};1;2;EUR\n{FLOW};{SHA};1;3;USD\n{FLOW};{SHA};1;2;EUR\n{FLOW};{SHA[::-1]};1;2;GBP"
    )
    assert [row.is_refused for row in rows] == [False, False, True, True]
    assert told(rows[2].findings[0]).endswith("ce flux est déjà à la ligne 2, dans la même devise (ligne 4, flux)")
    assert told(rows[3].findings[0]).endswith("la ligne 2 donne une autre empreinte pour ce flux (ligne 5, sha256)")


@pytest.mark.parametrize(
    ("document", "said"),
    [
        (b"\r\n;;;\r\n", "XML-010 CTL : le fichier est vide (ligne 1, flux)"),
        (f"{HEAD}\n".encode(), "XML-010 CTL : aucun flux sous l'en-tête (ligne 1, flux)"),
        (b"flux;factures;total\nA;1;2", "XML-010 CTL : colonnes absentes : sha256 ; colonnes attendues : flux;sha256;factures;total;devise (ligne 1, flux)"),
        (b"flux;sha256;factures;total;service\n", "XML-010 CTL : colonne « service » inconnue ; colonnes attendues : flux;sha256;factures;total;devise (ligne 1, flux)"),
        (b"flux;sha256;factures;total;flow\n", "XML-010 CTL : colonne flux présente deux fois (ligne 1, flux)"),
        (b"<CPPStatut/>", "XML-010 CTL : colonne « <CPPStatut/> » inconnue ; colonnes attendues : flux;sha256;factures;total;devise (ligne 1, flux)"),
        (b"flux\x00;", "FIL-006 le fichier CTL est codé en codage inconnu, qui n'est pas accepté"),
        (b"\x81\x8d", "FIL-006 le fichier CTL est codé en codage inconnu, qui n'est pas accepté"),
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_of_flows_is_refused_whole(document: bytes, said: str):
    found, rows = read(document)
    assert [told(one) for one in found] == [said]
    assert found[0].refuses
    assert rows == ()


def test_a_file_has_so_many_rows_and_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(control_file, "ROWS_MAX", 2)
    found, rows = read(f"{HEAD}\n" + f"{FLOW};{SHA};1;2;\n" * 3)
    assert rows == ()
    assert told(found[0]) == "XML-003 CTL dépasse la limite fixée pour le nombre de lignes (3 > 2)"
    monkeypatch.setattr(control_file, "BYTES_MAX", 10)
    assert told(read(HEAD)[0][0]) == "XML-003 CTL dépasse la limite fixée pour le nombre d'octets (33 > 10)"


def test_a_rule_that_is_switched_off_lets_no_broken_row_pass():
    off = Terms(severities={"XML-010": "off", "AMT-001": "off", "FIL-006": "off"})
    _, rows = control_file.read(f"{HEAD}\n{FLOW};short;1;x;EUR".encode(), "CTL", off)
    assert [one.rule for one in rows[0].findings] == ["XML-010", "AMT-001"]
    assert rows[0].is_refused
    assert control_file.read(b"\x81", "CTL", off)[0][0].refuses


def test_a_row_that_can_be_read_applies_and_the_others_are_refused():
    _, rows = read(f"{HEAD}\n{FLOW};{SHA};1;2,50;EUR\n;{SHA};1;3;EUR")
    received = Received("ABC001", "CTL9002A_ABC001_ABC0019002000000000000001", SHA, 1, NOW)
    judged = control.decide(Read(received, "CTL9002A", "CTL9002A", (), (), (), (), controls=rows), TERMS)
    assert [(row.rank, row.outcome, row.total) for row in judged] == [
        (1, RowOutcome.APPLIED, "2.50"),
        (2, RowOutcome.REFUSED, "3"),
    ]
    assert judged[0].invoice.number is not None
    assert judged[0].invoice.number.text == FLOW
    assert [one.code for one in judged[1].findings] == [codes.XML_010.id]
    assert not judged[1].changes


@settings(max_examples=200, deadline=None)
@given(st.one_of(
    st.binary(max_size=300),
    st.lists(st.text('fluxsha256;,\t"\r\n 01ae.€=-\u202f\u0000é', max_size=60), max_size=6).map(
        lambda lines: "\n".join((HEAD, *lines)).encode()
    ),
))  # fmt: skip
def test_whatever_is_dropped_is_answered_with_findings_or_rows_that_hold(document: bytes):
    found, rows = read(document)
    assert found or rows
    assert all(one.refuses for one in found)
    for row in rows:
        assert row.is_refused or None not in values(row)


def test_a_file_of_line_ends_or_of_separators_takes_no_more_than_its_own_size():
    assert told(read(b"\n" * 4_000_000)[0][0]).endswith("le fichier est vide (ligne 1, flux)")
    wide = only(f"{FLOW};{SHA};1;2;EUR" + ";x" * 1_000_000)
    assert [one.rule for one in wide.findings] == ["XML-010"]
    assert values(wide) == (None,) * 5
    long = only(f"{'F' * 3_000_000};{'a' * 3_000_000};{'1' * 3_000_000};{'2' * 3_000_000};{'E' * 3_000_000}")
    assert [one.path for one in long.findings] == ["flux", "sha256", "factures", "devise", "total"]
    assert max(len(f"{one.value}{one.facts}") for one in (*wide.findings, *long.findings)) < 1_500
