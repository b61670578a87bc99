"""What a file shows of an invoice: the same cells in CSV and XLSX, and nothing that a spreadsheet would run."""

import csv
import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from pipeline.adapters import found_files
from pipeline.returns.spreadsheet import cell, decimal
from pipeline.search import FoundInvoice

FOUND = FoundInvoice(
    7, 3, "ABC001", "FSO1100A_X", datetime(2026, 11, 20, 23, 30, 5, 123, UTC), date(2026, 11, 21), "a.xml", "00042",
    "380", "2026-11-18", "A1", "1", "01234567890128", "Ateliers Lune", "11000201100044", "État", "SG", "0012345678",
    "EUR", "1200.50", 1_200_500_000, "integrated", "05", datetime(2026, 11, 25, 8, 0, tzinfo=UTC), True,
)  # fmt: skip
CREDIT = replace(FOUND, rank=4, type="381", total="1200.50", status="03", is_handled=False)
REFUSED = replace(
    FOUND, rank=5, outcome="refused", status="", status_at=None, is_handled=False, issued="", total="",
    total_millionths=None, rules=("RTG-021", "BR-CO-15"), deposited=("1", "2", "3"),
)  # fmt: skip
HOSTILE = ("=1+1", "+33", "-2+3", "@SUM(A1)", "\t=1", " =1", "\u00a0=1", "\ufeff=1", "＝1+1", "\r\n=cmd|' /C calc'!A0",
           "=HYPERLINK(\"http://x\";\"y\")", "x\n=1", 'a";=1', "\u202e=1")  # fmt: skip


def as_csv(*rows: FoundInvoice, lang: str = "fr") -> list[dict[str, str]]:
    out = io.BytesIO()
    found_files.write_csv(rows, out, lang)
    text = out.getvalue().decode("utf-8")
    assert text.startswith("\ufeff")
    assert text.count("\r\n") == len(rows) + 1
    return list(csv.DictReader(io.StringIO(text[1:], newline=""), delimiter=";"))


def as_xlsx(path: Path, *rows: FoundInvoice, lang: str = "fr") -> list[dict[str, object]]:
    found_files.write_xlsx(rows, path, lang)
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    sheets = load_workbook(path).worksheets
    lines = [[one.value for one in line] for sheet in sheets for line in list(sheet.iter_rows())[1:]]
    heads = [one.value for one in next(sheets[0].iter_rows())]
    assert all(one.data_type != "f" for sheet in sheets for line in sheet.iter_rows() for one in line)
    return [dict(zip(heads, line, strict=True)) for line in lines]


def test_a_french_spreadsheet_reads_the_csv():
    first, credit, refused = as_csv(FOUND, CREDIT, REFUSED)
    assert first["numéro"] == "00042"
    assert first["total TTC"] == "1200,50"
    assert first["reçue le"] == "2026-11-21 00:30:05"
    assert first["émise le"] == "2026-11-18"
    assert (first["statut"], first["rejet traité"]) == ("05 rejetée", "oui")
    assert (credit["total TTC"], credit["rejet traité"]) == ("-1200,50", "")
    assert (refused["issue"], refused["règles"], refused["total TTC"]) == ("refusée", "RTG-021 BR-CO-15", "")
    assert (refused["émise le"], refused["statut depuis le"]) == ("", "")
    assert refused["service au dépôt"] == "2"


def test_the_workbook_holds_numbers_days_and_texts(tmp_path):
    first, credit, refused = as_xlsx(tmp_path / "x.xlsx", FOUND, CREDIT, REFUSED)
    assert (first["numéro"], first["fournisseur"], first["engagement"]) == ("00042", "01234567890128", "0012345678")
    assert (first["total TTC"], credit["total TTC"], refused["total TTC"]) == (1200.5, -1200.5, None)
    assert first["reçue le"] == datetime(2026, 11, 21, 0, 30, 5)  # noqa: DTZ001 - a spreadsheet knows no zone
    assert first["émise le"] == datetime(2026, 11, 18)  # noqa: DTZ001
    assert refused["règles"] == "RTG-021 BR-CO-15"


def test_english_is_there_too(tmp_path):
    assert as_csv(REFUSED, lang="en")[0]["outcome"] == "refused"
    assert as_xlsx(tmp_path / "x.xlsx", FOUND, lang="en")[0]["reject handled"] == "yes"


@pytest.mark.parametrize("hostile", HOSTILE)
def test_no_text_of_a_stranger_is_a_formula(hostile, tmp_path):
    texts = dict.fromkeys(("number", "supplier_name", "recipient_name", "service", "commitment", "member"), hostile)
    row = replace(FOUND, **texts, rules=(hostile,), total=hostile)
    told, kept = as_csv(row)[0], as_xlsx(tmp_path / "x.xlsx", row)[0]
    for name in ("numéro", "nom du fournisseur", "nom du destinataire", "service", "engagement", "règles"):
        assert told[name] == kept[name]
        assert not told[name].lstrip().startswith(tuple("=+-@＝＋－＠"))
        assert told[name].isprintable() or "\u00a0" in told[name]
    assert told["total TTC"] in {"", "33"}


@pytest.mark.parametrize("total", ["NaN", "-Infinity", "sNaN", "", "12 000"])
def test_a_total_that_is_no_amount_is_left_out(total, tmp_path):
    row = replace(FOUND, total=total, type="381")
    assert (as_csv(row)[0]["total TTC"], as_xlsx(tmp_path / "x.xlsx", row)[0]["total TTC"]) == ("", None)


@pytest.mark.parametrize("amount", ["1e3", "NaN", "Infinity", "-Infinity", "0x10", "1_000"])
def test_only_digits_are_an_amount(amount):
    assert decimal(amount) == cell(amount)


def test_what_a_spreadsheet_cannot_keep_stays_text(tmp_path):
    long = replace(FOUND, total="12345678901234567.89", issued="0026-01-02")
    row = as_xlsx(tmp_path / "x.xlsx", long)[0]
    assert (row["total TTC"], row["émise le"]) == ("12345678901234567.89", "0026-01-02")


def test_a_sheet_that_is_full_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr(found_files, "SHEET_ROWS", 2)
    rows = [replace(FOUND, rank=rank) for rank in range(1, 6)]
    assert [row["rang"] for row in as_xlsx(tmp_path / "x.xlsx", *rows)] == ["1", "2", "3", "4", "5"]
    assert load_workbook(tmp_path / "x.xlsx").sheetnames == ["Factures", "Factures 2", "Factures 3"]


def test_an_answer_without_rows_is_a_file_with_heads(tmp_path):
    assert as_csv() == []
    assert as_xlsx(tmp_path / "x.xlsx") == []


def test_machines_get_values_whatever_the_language():
    out = io.BytesIO()
    found_files.write_json([FOUND, REFUSED], out)
    first, refused = map(json.loads, out.getvalue().decode().splitlines())
    assert (first["total"], first["handled"], first["deposited"]) == ("1200.50", True, None)
    assert refused["deposited"] == {"recipient": "1", "service": "2", "commitment": "3"}
    assert refused["rules"] == ["RTG-021", "BR-CO-15"]


def test_a_file_has_its_name_when_it_is_whole_or_never(tmp_path):
    target = tmp_path / "x.csv"
    with pytest.raises(ZeroDivisionError), found_files.new_file(target) as unfinished:
        unfinished.write_text("half")
        assert not target.exists()
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_came_meanwhile_is_left_alone(tmp_path):
    target = tmp_path / "x.csv"
    with pytest.raises(FileExistsError), found_files.new_file(target) as unfinished:
        unfinished.write_text("ours")
        target.write_text("theirs")
    assert target.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [target]
