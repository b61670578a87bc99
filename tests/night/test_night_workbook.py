"""The workbook of the night, read back: its figures are those of the result, its texts are texts."""

import csv
import dataclasses
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

import night_samples
import pytest
from openpyxl import Workbook, load_workbook
from openpyxl.cell import Cell

from pipeline.adapters.night import files, workbook
from pipeline.adapters.night.words import Words, currencies, groups
from pipeline.model import PARIS
from pipeline.reconcile.night import FILES, STAGES, Kind, Reconciliation, Row, Sum
from pipeline.returns.spreadsheet import BOM, cell

SHEETS = [
    "Synthèse",
    "Écarts",
    "Par partenaire",
    "Par règle",
    "Âges",
    "Par destinataire",
    "Par code interface",
    "Délais de paiement",
]


@pytest.fixture(scope="module")
def found() -> Reconciliation:
    return night_samples.night()


@pytest.fixture(scope="module")
def book(found: Reconciliation, tmp_path_factory: pytest.TempPathFactory) -> Workbook:
    folder = tmp_path_factory.mktemp("night")
    return load_workbook(files.write(found, folder, "fr").workbook)


def table(book: Workbook, name: str) -> list[dict[str, object]]:
    head, *rows = book[name].iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def texts(book: Workbook) -> list[Cell]:
    return [one for sheet in book for row in sheet.iter_rows() for one in row if isinstance(one.value, str)]


def figures_of(row: Row, own: tuple[str, ...]) -> dict[str, object]:
    told: dict[str, object] = {f"Factures {said.fr}": row.sum_of(stage).invoices for stage, said in STAGES.items()}
    told |= {f"Flux {said.fr}": row.files.get(name, 0) for name, said in FILES.items()} if row.files else {}
    for currency in own:
        told |= {
            f"{currency} {said.fr}": row.sum_of(stage).money.get(currency, 0) / 1_000_000
            for stage, said in STAGES.items()
        }
    return told


def test_the_sheets_stand_in_their_order_and_stay_readable(book: Workbook, found: Reconciliation) -> None:
    assert book.sheetnames == SHEETS
    assert book.active is not None
    assert book.active.title == "Synthèse"
    for name in SHEETS[1:]:
        sheet = book[name]
        assert sheet.freeze_panes == "B2"
        assert sheet.auto_filter.ref is not None
        assert sheet.auto_filter.ref.startswith("A1:")
        assert sheet.column_dimensions["A"].width > 8
    assert len(book["Par partenaire"]._charts) == 1
    assert book.properties.created == found.made_at.replace(tzinfo=None, microsecond=0)  # type: ignore[union-attr]
    assert book.properties.title == "Rapprochement de la journée du 20/11/2026"


@pytest.mark.parametrize(
    ("sheet", "attribute", "key"),
    [("Par partenaire", "rows", "Partenaire"), ("Par destinataire", "by_recipient", "Destinataire"), ("Par code interface", "by_interface", "Code interface")],
)  # fmt: skip
def test_every_figure_of_a_row_is_the_one_of_the_result(
    book: Workbook, found: Reconciliation, sheet: str, attribute: str, key: str
) -> None:
    rows = {row.key: row for row in getattr(found, attribute)}
    told = {str(row[key]): row for row in table(book, sheet)}
    assert set(told) == set(rows)
    own = currencies(found)
    assert own == ("EUR", "USD")
    for name, row in rows.items():
        wanted = figures_of(row, own)
        assert {column: told[name][column] for column in wanted} == wanted
        assert told[name]["Sans montant sommable"] == row.read.unsummed


def test_the_differences_are_the_ones_of_the_result_with_numbers_and_dates(
    book: Workbook, found: Reconciliation
) -> None:
    told = table(book, "Écarts")
    assert len(told) == len(found.differences)
    for row, one in zip(told, found.differences, strict=True):
        assert row["Nature"] == one.label.fr
        assert row["Gravité"] == ("à traiter" if one.counts else "sans gravité")
        assert row["Montant"] == (None if one.millionths is None else one.millionths / 1_000_000)
        assert row["Factures concernées"] == one.count
        assert row["Constat"] == cell(one.said.fr)
        assert row["À faire"] == cell(one.next.fr)
        assert (row["Flux"] or "") == cell(one.flow)
        since = row["Depuis le"]
        assert since is None or isinstance(since, datetime)
        assert since == (None if one.since is None else one.since.astimezone(PARIS).replace(tzinfo=None))


def test_a_row_is_as_high_as_its_longest_text_and_figures_keep_off_the_text_beside_them(book: Workbook) -> None:
    """Excel finds heights out by itself, LibreOffice prints one line over the other where they are not said."""
    sheet = book["Écarts"]
    heads = [one.value for one in sheet[1]]
    following, count = heads.index("À faire"), heads.index("Factures concernées")
    height = {
        len(str(row[following].value)) > 60: sheet.row_dimensions[row[0].row].height for row in sheet.iter_rows(2)
    }
    assert height[True] is not None and height[True] >= 30
    for row in (1, 2):
        beside = sheet.cell(row, count + 1).alignment
        assert (beside.horizontal, beside.indent) == ("right", 1)


def test_rules_ages_and_terms_are_all_there(book: Workbook, found: Reconciliation) -> None:
    rules = {str(row["Règle"]): row["Constats"] for row in table(book, "Par règle")}
    assert rules == {cell(row.rule): row.findings for row in found.by_rule}
    ages = table(book, "Âges")
    assert [(r["Statut"], r["Destinataire"], r["Factures"], r["EUR"]) for r in ages] == [
        (a.status, a.recipient, a.invoices, a.money["EUR"] / 1_000_000) for a in found.ages
    ]
    assert [row["plus de 60 j"] for row in ages] == [age.buckets[-1] for age in found.ages]
    assert {row["Motif"] for row in ages} == {None, "pièce justificative absente (JUSTIF_ABS)"}
    terms = {str(row["Destinataire"]): row for row in table(book, "Délais de paiement")}
    for one in found.terms:
        row = terms[one.recipient]
        assert (row["En attente de paiement"], row["Échéance proche"], row["Échéance dépassée"]) == (
            one.waiting, one.at_risk, one.overdue,
        )  # fmt: skip
        assert row["La plus ancienne"] == datetime(2026, 9, 1)  # noqa: DTZ001


def test_the_summary_says_the_outcome_and_every_total(book: Workbook, found: Reconciliation) -> None:
    rows = [[value for value in row if value is not None] for row in book["Synthèse"].iter_rows(values_only=True)]
    assert rows[0] == ["Rapprochement de la journée du vendredi 20 novembre 2026"]
    assert rows[2] == ["17 écarts à traiter, 1 invariant rompu, 2 constats sans gravité, 1 source non lue"]
    told = {str(row[0]): row[1:] for row in rows if row}
    assert told["Intégrées"][:3] == [
        found.total.integrated.invoices, *(found.total.integrated.money[c] / 1_000_000 for c in ("EUR", "USD")),
    ]  # fmt: skip
    assert told["Reçus"] == [found.total.files["received"]]
    assert told["intégrée, sans pivot"] == [1, "à traiter"]
    assert told["runs d'Airflow"] == ["non lue", 0, "non lu : aucun compte de lecture n'est réglé"]
    assert told["montants EUR"][0] == "rompu"
    assert "2 310 factures chez 14 destinataires" in str(rows[-1][0]).replace("\u202f", " ")


def test_no_text_is_a_formula_or_a_link_whatever_it_begins_with(book: Workbook) -> None:
    found = texts(book)
    assert {one.data_type for one in found} == {"s"}
    assert all(one.hyperlink is None for one in found)
    risky = [one.value for one in found if one.value.lstrip("\u00a0 ").startswith(("=", "+", "-", "@"))]
    assert risky == []
    values = {one.value for one in found}
    assert {'\'=HYPERLINK("http://a.example","x")', "'+33 1 02", "'-2+3", "'@SUM(A1)", "'=X"} <= values
    assert not any("\x1b" in value or "\u202e" in value for value in values)
    assert any("<script>alert(1)</script>" in value for value in values)  # the text itself is not lost


def test_a_currency_that_an_issuer_made_up_is_text_too(tmp_path: Path) -> None:
    money = {"=1+1": 5_000_000, "EUR": 7_000_000, "@X": 1_000_000, "GBP": 2_000_000, "<b>": 3_000_000, "JPY": 1}
    total = Row("", "", {}, Sum(6, money), Sum(6, money))
    odd = dataclasses.replace(night_samples.quiet_night(), total=total, rows=(dataclasses.replace(total, key="=A1"),))
    assert currencies(odd) == ("EUR", "=1+1", "<b>", "GBP")
    written = files.write(odd, tmp_path, "fr")
    found = texts(load_workbook(written.workbook))
    assert {one.data_type for one in found} == {"s"}
    assert not [one.value for one in found if one.value.startswith(("=", "+", "-", "@"))]
    assert {"'=1+1", "'=1+1 reçues", "'=A1"} <= {one.value for one in found}
    (row,) = table(load_workbook(written.workbook), "Par partenaire")
    assert row["'=1+1 reçues"] == 5.0
    assert row["Autres devises"] == "1,00\u00a0@X; 0,000001\u00a0JPY"
    assert "<b>" not in written.page.read_text(encoding="utf-8")


def test_the_same_night_gives_the_same_bytes(found: Reconciliation, tmp_path: Path) -> None:
    first, second = (files.write(found, tmp_path / name, "fr") for name in ("a", "b"))
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
    with zipfile.ZipFile(first.workbook) as packed:
        assert packed.testzip() is None


def test_the_csv_has_every_difference_and_no_formula(found: Reconciliation, tmp_path: Path) -> None:
    written = files.write(found, tmp_path, "fr").table.read_text(encoding="utf-8")
    assert written.startswith(BOM)
    head, *rows = csv.reader(written.removeprefix(BOM).splitlines(), delimiter=";")
    assert head[:5] == ["nature", "gravité", "partenaire", "flux", "facture"]
    assert len(rows) == len(found.differences)
    assert [row[7] for row in rows if row[7] in {"14520,00", "-10800,00"}][::-1] == ["14520,00", "-10800,00"]
    for place, column in enumerate(head):
        if column != "montant":
            assert not any(row[place].startswith(("=", "+", "-", "@")) for row in rows)


def test_a_quiet_night_is_a_workbook_too(tmp_path: Path) -> None:
    written = files.write(night_samples.quiet_night(), tmp_path, "en")
    book = load_workbook(written.workbook)
    assert book["Summary"]["A3"].value == "Everything adds up"
    assert book["Differences"].max_row == 1


def test_a_later_look_takes_the_place_of_an_earlier_one_and_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = files.write(night_samples.quiet_night(), tmp_path, "fr")
    files.write(night_samples.night(), tmp_path, "fr")
    assert sorted(tmp_path.iterdir()) == sorted(first)
    whole = first.workbook.read_bytes()
    monkeypatch.setattr(workbook, "write", lambda *_: (_ for _ in ()).throw(OSError(28, "no space")))
    with pytest.raises(OSError, match="no space"):
        files.write(night_samples.quiet_night(), tmp_path, "fr")
    assert first.workbook.read_bytes() == whole
    assert sorted(tmp_path.iterdir()) == sorted(first)


def test_what_is_beyond_the_workbook_is_in_the_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "ROWS_MAX", 50)
    written = files.write(night_samples.crowded_night(120), tmp_path, "fr")
    sheet = load_workbook(written.workbook)["Écarts"]
    assert sheet.max_row == 52
    assert sheet["A52"].value == "Les 50 premiers écarts sur 120 ; tous sont dans rapprochement-2026-11-20-ecarts.csv."
    assert len(written.table.read_text(encoding="utf-8").splitlines()) == 121


def test_no_kind_hides_another() -> None:
    kept = groups(night_samples.crowded_night(5_000), 100)
    assert [(group.kind, len(group.first), group.more) for group in kept] == [
        (Kind.NO_STATUS, 99, 4_900), (Kind.REPORT_MISSING, 1, 0),
    ]  # fmt: skip
    assert sum(len(group.first) for group in groups(night_samples.night(), 5)) <= len(Kind)


MEMORY = """
import resource, sys
from pathlib import Path
import night_samples
from pipeline.adapters.night import files
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
files.write(night_samples.crowded_night(int(sys.argv[1])), Path(sys.argv[2]), "fr")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - base)
"""


@pytest.mark.slow
def test_a_hundred_thousand_differences_and_more_take_no_more_memory(tmp_path: Path) -> None:
    def grown_kib(count: int) -> int:
        typed = [sys.executable, "-c", MEMORY, str(count), str(tmp_path)]
        return int(subprocess.check_output(typed, cwd=Path(__file__).parent, text=True))

    few, many = grown_kib(1_000), grown_kib(130_000)
    assert many - few < 60 * 1024, (few, many)
    sheet = load_workbook(tmp_path / "rapprochement-2026-11-20.xlsx", read_only=True)["Écarts"]
    assert sum(1 for _ in sheet.iter_rows(values_only=True)) == 100_002
    with (tmp_path / "rapprochement-2026-11-20-ecarts.csv").open(encoding="utf-8") as rows:
        assert sum(1 for _ in rows) == 130_001
    page = (tmp_path / "rapprochement-2026-11-20.html").read_text(encoding="utf-8")
    assert page.count("<tr>") < 1_000
    assert len(page) < 1_000_000


def test_words_of_both_languages_are_there() -> None:
    fr, en = Words("fr"), Words("en")
    assert fr.outcome(night_samples.quiet_night()) == "Tout concorde"
    assert en.outcome(night_samples.night()).startswith("17 differences to deal with, 1 broken invariant")
    assert fr.amount(-1_204_500_000, "EUR") == "-1\u202f204,50\u00a0€"
