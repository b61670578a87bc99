"""The directory from each of its three forms: the same rows, and a clear error for what cannot be taken."""

import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from openpyxl import Workbook

from pipeline.adapters import directory_files, directory_forms
from pipeline.adapters.directory_files import DirectoryError, DirectoryImport, as_known, batches, read_directory
from pipeline.adapters.directory_rows import SERVICE_COLUMNS, STRUCTURE_COLUMNS, SUPPLIER_COLUMNS

TOWN, OTHER = "20009999200014", "00000000000727"
COLUMNS = [c.header for c in STRUCTURE_COLUMNS]
WITHOUT_OPTIONAL = COLUMNS[:21]
SERVICE_HEADER = [c.header for c in SERVICE_COLUMNS]
SUPPLIER_HEADER = [c.header for c in SUPPLIER_COLUMNS]


def a_structure(siret: object = TOWN, **others: object) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(COLUMNS, "")
    row |= dict.fromkeys(COLUMNS[3:12], "NON")
    row |= {"TypeIdentifiant": "1", "Identifiant": siret, "RaisonSociale": "Commune de Testville"}
    return row | {"StructureActive": "OUI", "CodePostal": "01000"} | others


def a_service(siret: object = TOWN, code: str = "ACHATS", **others: object) -> dict[str, object]:
    row = dict(
        zip(SERVICE_HEADER, (siret, code, "Service des achats", "O", "2020-01-01", "2050-12-31", "N"), strict=True)
    )
    return row | others


def a_supplier(identifier: object = OTHER, **others: object) -> dict[str, object]:
    return dict(zip(SUPPLIER_HEADER, ("1", identifier, "Atelier Durand", "ACTIF"), strict=True)) | others


Rows = Sequence[dict[str, object]]


def csv_text(header: Sequence[str], rows: Rows) -> str:
    return "".join(
        ";".join(str(cell) for cell in line) + "\n" for line in [header, *([r[h] for h in header] for r in rows)]
    )


def as_folder(tmp: Path, structures: Rows, services: Rows = (), suppliers: Rows | None = None, header=COLUMNS) -> Path:
    folder = tmp / "annuaire"
    folder.mkdir(exist_ok=True)
    (folder / "structures.csv").write_text(csv_text(header, structures), encoding="utf-8")
    (folder / "services.csv").write_text(csv_text(SERVICE_HEADER, services), encoding="utf-8")
    if suppliers is not None:
        (folder / "suppliers.csv").write_text(csv_text(SUPPLIER_HEADER, suppliers), encoding="utf-8")
    return folder


def as_workbook(
    tmp: Path, structures: Rows, services: Rows = (), suppliers: Rows | None = None, header=COLUMNS
) -> Path:
    book = Workbook()
    book.remove(book.active)
    for name, columns, rows in (
        ("structures", header, structures),
        ("services", SERVICE_HEADER, services),
        ("suppliers", SUPPLIER_HEADER, suppliers),
    ):
        if rows is not None:
            sheet = book.create_sheet(name)
            for line in [columns, *([row[h] for h in columns] for row in rows)]:
                sheet.append(line)
    path = tmp / "annuaire.xlsx"
    book.save(path)
    return path


def element(name: str, row: dict[str, object], header: Sequence[str], inside: str = "") -> str:
    cells = "".join(f"<{h}>{escape(str(row[h]))}</{h}>" for h in header)
    return f"<{name}>{cells}{inside}</{name}>\n"


def as_document(
    tmp: Path, structures: Rows, services: Rows = (), day: str = ' date="2026-11-20"', header=COLUMNS
) -> Path:
    body = ""
    for row in structures:
        mine = [s for s in services if str(s["Identifiant"]).zfill(14) == str(row["Identifiant"]).zfill(14)]
        body += element("structure", row, header, "".join(element("service", s, SERVICE_HEADER[1:]) for s in mine))
    return a_document(tmp, f"<annuaire{day}>\n{body}</annuaire>")


def a_document(tmp: Path, text: str) -> Path:
    path = tmp / "annuaire.xml"
    path.write_text(text, encoding="utf-8")
    return path


FORMS = {"folder": as_folder, "workbook": as_workbook, "document": as_document}
each_form = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


def everything(found: DirectoryImport) -> tuple[list, list, list | None]:
    return list(found.structures), list(found.services), None if found.suppliers is None else list(found.suppliers)


def error_of(path: Path) -> DirectoryError:
    with pytest.raises(DirectoryError) as caught:
        everything(read_directory(path))
    return caught.value


# --- what is read -----------------------------------------------------------------------------------------------------


@each_form
def test_each_form_gives_the_same_rows(form, tmp_path):
    structure = a_structure(
        GestionService="OUI",
        EstMOA="OUI",
        Successeur=OTHER,
        InactiveDepuis="2026-12-31",
        RaisonSociale="Éts « Durand & fils »",
    )
    structures, services, _ = everything(read_directory(form(tmp_path, [structure], [a_service()])))

    (row,) = structures
    assert (row.identifier_type, row.siret, row.name, row.postcode) == (1, TOWN, "Éts « Durand & fils »", "01000")
    assert (row.requires_service, row.requires_commitment, row.requires_service_or_commitment) == (True, False, False)
    assert (row.is_moa, row.is_moa_only, row.is_active, row.returns_payment_status) == (True, False, True, False)
    assert (row.successor, row.inactive_since) == (OTHER, date(2026, 12, 31))
    assert services == [(TOWN, "ACHATS", "Service des achats", True, date(2020, 1, 1), date(2050, 12, 31), False)]


@each_form
def test_leading_zeros_that_a_spreadsheet_took_are_put_back(form, tmp_path):
    path = form(tmp_path, [a_structure(727, Successeur=727)], [a_service(727)])
    structures, services, _ = everything(read_directory(path))

    assert (structures[0].siret, structures[0].successor, services[0].siret) == (OTHER, OTHER, OTHER)


@pytest.mark.parametrize("form", [as_folder, as_workbook])
def test_identifiers_of_another_type_keep_their_length(form, tmp_path):
    path = form(tmp_path, [a_structure("123456789", TypeIdentifiant="4")], [a_service("123456789")])
    structures, services, _ = everything(read_directory(path))

    assert (structures[0].siret, services[0].siret) == ("123456789", "123456789")


@each_form
def test_the_two_optional_columns_may_be_absent(form, tmp_path):
    structures, _, _ = everything(read_directory(form(tmp_path, [a_structure()], header=WITHOUT_OPTIONAL)))

    assert (structures[0].successor, structures[0].inactive_since) == ("", None)


@each_form
def test_columns_are_found_by_name_in_any_order(form, tmp_path):
    path = form(tmp_path, [a_structure(), a_structure(OTHER, EstMOA="OUI")], header=COLUMNS[::-1])
    structures, _, _ = everything(read_directory(path))

    assert [(row.siret, row.is_moa) for row in structures] == [(TOWN, False), (OTHER, True)]


@pytest.mark.parametrize("word", ["true", "TRUE", "1", "O", "o", "OUI", "oui", "ACTIF", "Actif", "ACTIVE", " active "])
def test_every_spelling_of_yes(word, tmp_path):
    assert everything(read_directory(as_folder(tmp_path, [a_structure(EstMOA=word)])))[0][0].is_moa is True


@pytest.mark.parametrize("word", ["false", "False", "0", "N", "n", "NON", "INACTIF", "inactive"])
def test_every_spelling_of_no(word, tmp_path):
    assert everything(read_directory(as_folder(tmp_path, [a_structure(StructureActive=word)])))[0][0].is_active is False


def test_a_workbook_may_hold_booleans_numbers_and_dates_as_such(tmp_path):
    structure = a_structure(20009999200014, EstMOA=True, EstMOAUniquement=False, TypeIdentifiant=1, NumTelephone=1.5)
    structure["InactiveDepuis"] = datetime(2026, 12, 31)  # noqa: DTZ001 - a cell has no zone
    service = a_service(20009999200014, DateDebut=date(2020, 1, 1), DateFin=None)
    structures, services, _ = everything(read_directory(as_workbook(tmp_path, [structure], [service])))

    assert (structures[0].siret, structures[0].is_moa, structures[0].is_moa_only) == (TOWN, True, False)
    assert (structures[0].inactive_since, structures[0].telephone) == (date(2026, 12, 31), "1.5")
    assert (services[0].valid_from, services[0].valid_to) == (date(2020, 1, 1), None)


def test_a_workbook_may_begin_below_empty_lines_and_holds_other_sheets(tmp_path):
    path = as_workbook(tmp_path, [])
    book = Workbook()
    book.active.title = "Lisez-moi"
    sheet = book.create_sheet("Structures")
    for number, line in enumerate(
        [COLUMNS, list(a_structure().values()), [None], list(a_structure(EstMOA="?").values())], 3
    ):
        for column, cell in enumerate(line, 1):
            sheet.cell(number, column, cell)
    book.create_sheet("SERVICES").append(SERVICE_HEADER)
    book.save(path)
    wrong = error_of(path)

    assert (wrong.line, wrong.column) == (6, "EstMOA")


def test_a_service_may_have_no_dates(tmp_path):
    path = as_folder(tmp_path, [a_structure()], [a_service(DateDebut="", DateFin="")])

    assert everything(read_directory(path))[1][0][4:6] == (None, None)


def test_a_byte_order_mark_empty_lines_and_line_breaks_in_quotes_are_nothing_special(tmp_path):
    folder = as_folder(tmp_path, [])
    line = csv_text(COLUMNS, [a_structure(Adresse='"1 rue A\nBât. B"')])
    (folder / "structures.csv").write_bytes(b"\xef\xbb\xbf" + line.replace("\n", "\r\n").encode() + b"\r\n;\r\n\r\n")

    (row,) = everything(read_directory(folder))[0]
    assert row.address_1 == "1 rue A Bât. B"


@pytest.mark.parametrize("form", [as_folder, as_workbook])
def test_suppliers_are_read_where_they_are_given(form, tmp_path):
    suppliers = [a_supplier(727), a_supplier("FR123", TypeIdentifiant="2", StructureActive="INACTIF")]
    _, _, found = everything(read_directory(form(tmp_path, [], [], suppliers)))

    assert found == [(1, OTHER, "Atelier Durand", True), (2, "FR123", "Atelier Durand", False)]


@each_form
def test_without_a_supplier_table_there_are_none(form, tmp_path):
    assert read_directory(form(tmp_path, [])).suppliers is None


def test_only_a_document_gives_its_own_date(tmp_path):
    assert read_directory(as_document(tmp_path, [])).day == date(2026, 11, 20)
    assert read_directory(as_document(tmp_path, [], day="")).day is None
    assert read_directory(as_folder(tmp_path, [])).day is None
    assert read_directory(as_workbook(tmp_path, [])).day is None


@each_form
def test_services_may_be_read_without_the_structures_before(form, tmp_path):
    found = read_directory(form(tmp_path, [a_structure()], [a_service()]))

    assert [row.code for row in found.services] == ["ACHATS"]


@each_form
def test_the_whole_directory_in_memory(form, tmp_path):
    path = form(
        tmp_path, [a_structure(GestionServiceEngagement="1"), a_structure(OTHER)], [a_service(), a_service(code="B")]
    )
    known = as_known(path)

    assert list(known) == [TOWN, OTHER]
    assert [s.code for s in known[TOWN].services] == ["ACHATS", "B"]
    assert (known[TOWN].requires_service_or_commitment, known[OTHER].services) == (True, ())


def test_rows_come_in_batches_for_a_bulk_insert():
    assert list(batches(iter(range(5)), 2)) == [[0, 1], [2, 3], [4]]


# --- what is odd, and taken -------------------------------------------------------------------------------------------


def remarks(path: Path) -> list[tuple[int, str, str]]:
    found = read_directory(path)
    everything(found)
    return [(r.line, r.siret, r.said.en) for r in found.warnings]


@each_form
def test_of_a_structure_that_comes_twice_the_first_is_kept(form, tmp_path):
    path = form(tmp_path, [a_structure(), a_structure(RaisonSociale="Une autre")])

    assert [row.name for row in everything(read_directory(path))[0]] == ["Commune de Testville"]
    assert [said for _, _, said in remarks(path)] == ["there twice; the first line is kept"]


def test_a_service_may_come_twice_only_with_periods_that_do_not_overlap(tmp_path):
    past, present = a_service(DateFin="2024-12-31"), a_service(DateDebut="2025-01-01")
    twice = a_service(DateDebut="2026-01-01")
    path = as_folder(tmp_path, [a_structure()], [past, present, twice])

    assert len(everything(read_directory(path))[1]) == 2
    assert remarks(path) == [(4, TOWN, "'ACHATS': there twice; the first line is kept")]


def test_a_service_of_no_known_structure_is_left_out(tmp_path):
    path = as_folder(tmp_path, [a_structure()], [a_service(OTHER)])

    assert everything(read_directory(path))[1] == []
    assert remarks(path) == [(2, OTHER, "service of an absent structure; left out")]


def test_a_supplier_that_comes_twice_is_kept_once(tmp_path):
    path = as_folder(
        tmp_path, [], [], [a_supplier(), a_supplier(RaisonSociale="Autre"), a_supplier(TypeIdentifiant="2")]
    )

    assert len(everything(read_directory(path))[2] or []) == 2
    assert remarks(path) == [(3, OTHER, "there twice; the first line is kept")]


def test_reserved_codes_and_short_sirets_are_told(tmp_path):
    path = as_folder(tmp_path, [a_structure("2000999920001X")], [a_service("2000999920001X", "9999")])

    assert remarks(path) == [
        (2, "2000999920001X", "SIRET without 14 digits"),
        (2, "2000999920001X", "'9999': reserved code, never a service code"),
    ]


def test_remarks_end_at_a_cap(tmp_path, monkeypatch):
    monkeypatch.setattr(directory_files, "WARNINGS_MAX", 2)
    path = as_folder(tmp_path, [a_structure()] * 9)

    assert [said for _, _, said in remarks(path)] == [
        "there twice; the first line is kept",
        "there twice; the first line is kept",
        "more remarks, not listed",
    ]


# --- what cannot be taken ---------------------------------------------------------------------------------------------


@each_form
@pytest.mark.parametrize("column", ["Identifiant", "GestionService", "LibellePays"])
def test_a_missing_column_is_named(form, column, tmp_path):
    wrong = error_of(form(tmp_path, [a_structure()], header=[c for c in COLUMNS if c != column]))

    assert wrong.column == column
    assert f"column {column} is missing" in wrong.in_words("en")
    assert "GestionServiceEngagement" in wrong.remedy.fr


@each_form
def test_an_unknown_column_is_named(form, tmp_path):
    wrong = error_of(form(tmp_path, [a_structure(Siret=TOWN)], header=[*COLUMNS, "Siret"]))

    assert (wrong.column, wrong.what.en) == ("Siret", "column 'Siret' is not known")


@each_form
def test_a_column_that_is_there_twice_is_named(form, tmp_path):
    assert (
        error_of(form(tmp_path, [a_structure()], header=[*COLUMNS, "Ville"])).what.en == "column Ville is there twice"
    )


@each_form
@pytest.mark.parametrize(
    ("column", "cell", "says"),
    [
        ("EstMOA", "peut-être", "'peut-être' is neither yes nor no"),
        ("EstMOA", "", "'' is neither yes nor no"),
        ("TypeIdentifiant", "8", "identifier type '8' is not known"),
        ("TypeIdentifiant", "١", "identifier type '١' is not known"),
        ("Identifiant", "", "identifier '' cannot be read"),
        ("Identifiant", "2,00099E+13", "identifier '2,00099E+13' cannot be read"),
        ("InactiveDepuis", "31/12/2026", "'31/12/2026' is no date"),
        ("InactiveDepuis", "2026-02-30", "'2026-02-30' is no date"),
        ("RaisonSociale", "A" * 4_001, "value of 4001 characters"),
    ],
)
def test_a_wrong_value_is_told_with_its_line_and_column(form, column, cell, says, tmp_path):
    wrong = error_of(form(tmp_path, [a_structure(OTHER), a_structure(**{column: cell})]))

    assert (wrong.column, wrong.what.en, wrong.line) == (column, says, 3)


@each_form
def test_a_wrong_value_of_a_service_is_told(form, tmp_path):
    wrong = error_of(form(tmp_path, [a_structure()], [a_service(CodeService="")]))

    assert (wrong.column, wrong.what.en) == ("CodeService", "empty value")


def test_the_sentence_names_file_line_column_and_what_to_do(tmp_path):
    wrong = error_of(as_folder(tmp_path, [a_structure(EstMOA="?")]))

    assert str(wrong) == (
        "structures.csv, ligne 2, colonne EstMOA : '?' n'est ni oui ni non ; écrire OUI ou NON, true ou false, 1 ou 0"
    )
    assert wrong.in_words("en") == (
        "structures.csv, line 2, column EstMOA: '?' is neither yes nor no; write true or false, 1 or 0, OUI or NON"
    )


def test_a_line_of_another_width_is_told(tmp_path):
    folder = as_folder(tmp_path, [a_structure()])
    with (folder / "structures.csv").open("a") as stream:
        stream.write("1;727\n")

    assert (error_of(folder).line, error_of(folder).what.en) == (3, "2 values for 23 columns")


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "empty file"), (b"\xe9t\xe9;\xff\n", "bytes that are not UTF-8"), (b'"a"b;c\n', "malformed CSV")],
)
def test_a_csv_that_is_none_is_told(content, says, tmp_path):
    folder = as_folder(tmp_path, [])
    (folder / "structures.csv").write_bytes(content)

    assert says in error_of(folder).what.en


def test_a_folder_needs_its_two_files(tmp_path):
    folder = as_folder(tmp_path, [])
    (folder / "services.csv").unlink()

    assert error_of(folder).what.en == "services.csv is missing"


def test_a_file_that_is_gone_between_two_readings_is_told(tmp_path):
    folder = as_folder(tmp_path, [])
    found = read_directory(folder)
    (folder / "structures.csv").unlink()

    with pytest.raises(DirectoryError, match="illisible"):
        list(found.structures)


@pytest.mark.parametrize("name", ["absent.xml", "notes.txt"])
def test_what_is_no_directory_is_told_with_what_to_give(name, tmp_path):
    (tmp_path / "notes.txt").write_text("rien")
    wrong = error_of(tmp_path / name)

    assert wrong.what.en in {"not found", "form not known"}
    assert "structures.csv" in wrong.remedy.en


def test_a_file_beyond_all_measure_is_refused_before_it_is_read(tmp_path, monkeypatch):
    monkeypatch.setattr(directory_forms, "BYTES_MAX", 100)

    assert error_of(as_document(tmp_path, [a_structure()])).what.en == "more than 100 bytes"


def test_a_workbook_that_expands_beyond_all_measure_is_refused(tmp_path, monkeypatch):
    path = as_workbook(tmp_path, [a_structure()])
    monkeypatch.setattr(directory_forms, "BYTES_MAX", path.stat().st_size)

    assert "when unpacked" in error_of(path).what.en


def test_a_zip_that_is_no_workbook_is_told(tmp_path):
    path = tmp_path / "annuaire.xlsx"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "a")
    assert error_of(path).what.en == "workbook cannot be read"

    path.write_bytes(b"PK\x03\x04 and nothing more")
    assert error_of(path).what.en == "workbook cannot be read"


def test_a_workbook_needs_its_two_sheets(tmp_path):
    path = tmp_path / "annuaire.xlsx"
    Workbook().save(path)

    assert error_of(path).what.en == "sheet structures is missing"


ROW = element("structure", a_structure(), COLUMNS)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<directory/>", "the root is not <annuaire>"),
        ("<directory><annuaire/></directory>", "the root is not <annuaire>"),
        (f"<annuaire><structur/>{ROW}</annuaire>", "element <structur> is not known"),
        (f"<annuaire>{ROW}<structur/>{ROW}</annuaire>", "element <structur> is not known"),
        (f"<annuaire>{ROW}<structur/></annuaire>", "element <structur> is not known"),
        (f"<annuaire>{ROW}", "malformed XML"),
        ("<annuaire>&xxe;</annuaire>", "malformed XML"),
        ('<annuaire date="20/11/2026"/>', "date '20/11/2026' cannot be read"),
        ('<!DOCTYPE annuaire [<!ENTITY a "b">]><annuaire>&a;</annuaire>', "DOCTYPE is refused"),
        ('<!DOCTYPE annuaire SYSTEM "file:///etc/passwd"><annuaire/>', "DOCTYPE is refused"),
    ],
)
def test_a_document_that_is_none_is_told(text, says, tmp_path):
    assert error_of(a_document(tmp_path, text)).what.en.startswith(says)


def test_comments_do_not_cut_a_value(tmp_path):
    path = a_document(tmp_path, f"<annuaire>{ROW.replace('Testville', 'Test<!-- x -->ville<?pi x?>')}</annuaire>")

    assert everything(read_directory(path))[0][0].name == "Commune de Testville"


def test_a_nested_service_is_its_structures_own_whatever_it_says(tmp_path):
    service = element("service", a_service(OTHER), SERVICE_HEADER)
    path = a_document(tmp_path, f"<annuaire>{element('structure', a_structure(), COLUMNS, service)}</annuaire>")

    assert [row.siret for row in everything(read_directory(path))[1]] == [TOWN]
