"""The table of an issuer's names: read whole or not at all, every wrong line named, and written as it is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters import mapping_files
from pipeline.adapters.mapping_files import MappingErrors, MappingRow, read_mapping, written
from pipeline.model import Alias, Label
from pipeline.routing import mapping

TOWN, OTHER = "20009999200014", "20009999200022"


@pytest.fixture
def taken(tmp_path):
    def take(*lines: str, header: str = "kind;siret;written;code", encoding: str = "utf-8") -> list[MappingRow]:
        path = tmp_path / "noms.csv"
        path.write_bytes("\r\n".join([header, *lines, ""]).encode(encoding))
        return read_mapping(path)

    return take


def refused(take, *lines, **options) -> list[str]:
    with pytest.raises(MappingErrors) as caught:
        take(*lines, **options)
    return caught.value.in_words().split("\n")


def test_labels_and_aliases_are_read_as_the_usual_spreadsheet_writes_them(taken):
    rows = taken(f"label;{TOWN};Service « Paye »;PAYE", f"alias;{TOWN};Mairie ;", encoding="utf-8-sig")

    assert rows == [
        MappingRow(2, "label", TOWN, "Service « Paye »", "PAYE"),
        MappingRow(3, "alias", TOWN, "Mairie", ""),
    ]
    assert (rows[0].label, rows[1].alias) == (Label(TOWN, "Service « Paye »", "PAYE"), Alias("Mairie", TOWN))


def test_columns_are_found_by_their_name_and_a_spreadsheet_may_have_taken_zeros(taken):
    (row,) = taken("00042;2;Label;Paye", header="code;siret;kind;written")

    assert row == MappingRow(2, "label", "00000000000002", "Paye", "00042")


@pytest.mark.parametrize(
    ("header", "line", "encoding"),
    [
        ("Nature;SIRET;Écrit;Code service;;", "Libellé;{};Paye é;P;;", "cp1252"),
        ("kind,siret,written,code", "label,{},Paye é,P", "utf-8"),
        ("sep=;\r\nKIND;Siret;Nom;Service", "service;{};Paye é;P", "utf-16"),
    ],
)
def test_what_spreadsheets_make_of_it_is_read(taken, header, line, encoding):
    (row,) = taken(line.format(TOWN), header=header, encoding=encoding)

    assert row[1:] == ("label", TOWN, "Paye é", "P")


def test_bytes_that_are_no_table_are_told_as_such(tmp_path):
    path = tmp_path / "noms.csv"
    for content, told in ((b"PK\0\0", "CSV"), (b'kind;siret;written;code\n"label;1', "guillemets")):
        path.write_bytes(content)
        with pytest.raises(MappingErrors, match=told):
            read_mapping(path)
    with pytest.raises(MappingErrors, match="illisible"):
        read_mapping(tmp_path)


def test_every_wrong_line_is_named(taken):
    told = refused(
        taken,
        f"label;{TOWN};Paye;PAYE",
        f"note;{TOWN};Paye;PAYE",
        "label;2,00099E+13;Paye;PAYE",
        f"label;{TOWN};;PAYE",
        f"label;{TOWN};--;PAYE",
        f"label;{TOWN};Achats;",
        f"alias;{TOWN};Mairie;PAYE",
        f"alias;{TOWN};{TOWN};",
        f"label;{TOWN};PAYE !;AUTRE",
        f"label;{TOWN};Paye",
        f"label;{TOWN};{'x' * 201};PAYE",
        f"label;{TOWN};Achats;{'x' * 101}",
        "alias;SIREN;Mairie;",
    )

    assert [line.partition(" : ")[0] for line in told] == [
        "noms.csv, ligne 3, colonne kind", "noms.csv, ligne 4, colonne siret", "noms.csv, ligne 5, colonne written",
        "noms.csv, ligne 6, colonne written", "noms.csv, ligne 7, colonne code", "noms.csv, ligne 8, colonne code",
        "noms.csv, ligne 9, colonne written", "noms.csv, ligne 10, colonne written", "noms.csv, ligne 11, colonne code",
        "noms.csv, ligne 12, colonne written", "noms.csv, ligne 13, colonne code", "noms.csv, ligne 14, colonne siret",
    ]  # fmt: skip
    assert "le même nom mène ailleurs à la ligne 2" in told[7]


def test_the_same_name_twice_for_the_same_service_is_one_row(taken):
    assert [row.line for row in taken(f"label;{TOWN};Paye;P", f"label;{TOWN};PAYE.;P", f"label;{OTHER};Paye;Q")] == [
        2,
        4,
    ]
    assert [row.line for row in taken(f"alias;{TOWN};Mairie;", f"alias;{TOWN};la mairie;")] == [2]


@pytest.mark.parametrize(
    ("header", "encoding", "told"),
    [
        ("kind;siret;written", "utf-8", "colonne code absente"),
        ("kind;siret;written;code;note", "utf-8", "colonne 'note' inconnue"),
        ("kind;siret;written;code;kind", "utf-8", "colonne kind présente deux fois"),
    ],
)
def test_another_kind_of_file_is_refused_as_such(taken, header, encoding, told):
    assert told in refused(taken, f"label;{TOWN};Paye;P", header=header, encoding=encoding)[0]


def test_an_empty_file_says_what_it_should_begin_with(tmp_path):
    (tmp_path / "vide.csv").touch()
    with pytest.raises(MappingErrors) as caught:
        read_mapping(tmp_path / "vide.csv")
    assert "vide.csv : fichier vide" in str(caught.value)


def test_a_wrong_export_does_not_fill_the_screen(taken, monkeypatch):
    monkeypatch.setattr(mapping_files, "ERRORS_MAX", 3)
    told = refused(taken, *[f"label;{TOWN};Paye;"] * 10)

    assert len(told) == 4
    assert told[-1] == "… et 7 autres erreurs"


def test_more_rows_than_any_issuer_has_are_another_file(taken, monkeypatch):
    monkeypatch.setattr(mapping_files, "ROWS_MAX", 2)
    assert "ligne 4 : plus de" in refused(taken, *[f"label;{TOWN};Paye {n};P" for n in range(3)])[0]


def test_no_cell_is_taken_for_a_formula(tmp_path):
    bytes_ = written([Label(TOWN, "=1+1", "-CODE")], [Alias("@mairie", TOWN)])

    assert bytes_.decode("utf-8-sig").splitlines() == [
        "kind;siret;written;code", f"label;{TOWN};'=1+1;'-CODE", f"alias;{TOWN};'@mairie;",
    ]  # fmt: skip
    assert bytes_.startswith(b"\xef\xbb\xbf")


_NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40)


@given(st.lists(st.tuples(st.sampled_from(["label", "alias"]), _NAMES, _NAMES), max_size=8))
def test_what_was_taken_is_exported_and_taken_again(tmp_path_factory, given_rows):
    path = tmp_path_factory.mktemp("again") / "noms.csv"
    labels = [Label(TOWN, name, code) for kind, name, code in given_rows if kind == "label"]
    path.write_bytes(written(labels, [Alias(name, TOWN) for kind, name, _ in given_rows if kind == "alias"]))
    try:
        rows = read_mapping(path)
    except MappingErrors:
        return
    path.write_bytes(
        written([r.label for r in rows if r.kind == "label"], [r.alias for r in rows if r.kind == "alias"])
    )
    again = read_mapping(path)

    assert {row[1:] for row in again} == {row[1:] for row in rows}
    assert all(mapping.key(row.written) for row in rows)
