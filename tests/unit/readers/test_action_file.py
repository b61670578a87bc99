"""Action files, CSV and XML, as people and programs write them: the same rows from both, and what is wrong where."""

import json
from dataclasses import replace
from datetime import date

import pytest

from pipeline.codes import Severity
from pipeline.model import ActionKind, Enclosed, Slice
from pipeline.readers import action_file, sheet
from pipeline.terms import ActionLimits, Lists, Terms

TERMS = Terms()
HEAD = "action;fournisseur;numero"
BON = Enclosed("bon.pdf", "application/pdf", "1" * 64, Slice(0, 9))


def read(text, enclosed=None, terms=TERMS):
    document = text if isinstance(text, bytes) else text.encode()
    return action_file.read(document, "a.csv", enclosed or {}, terms)


def rows(text, enclosed=None, terms=TERMS):
    found, told = read(text, enclosed, terms)
    assert [one.rule for one in found if one.refuses] == []
    return told


def rules(findings):
    return [(one.rule, one.line) for one in findings]


def said(finding, lang="fr"):
    from pipeline.returns import message

    return message.text(finding, lang)


FULL = (
    "action;type_fournisseur;fournisseur;numero;date_facture;destinataire;service;engagement;commentaire;motif;avoir;"
    "facture_rectificative;pieces_jointes\r\n"
    "recycler;1;12345678900015;F-1;18/11/2026;12345678200044;SERV_OBL;EJ-1;Autre commune;;;;\r\n"
    "completer;;12345678900015;F-2;2026-11-18;;;;\"Bon, signé\nle 3\";;;;bon.pdf|bon.pdf\r\n"
    "traiter-rejet;1;12345678900015;F-3;;;;;;MONTANT_ERR;AV-3;F-3B;\r\n"
    "recycler;1;12345678900015;F-4;;;-;-;;;;;\r\n"
)  # fmt: skip
XML = """<?xml version="1.0" encoding="UTF-8"?>
<ActionsFournisseur Version="1">
<Action><Nature>recycler</Nature><TypeIdentifiant>1</TypeIdentifiant><Fournisseur>12345678900015</Fournisseur>
<IdFacture>F-1</IdFacture><DateFacture>2026-11-18</DateFacture><Destinataire>12345678200044</Destinataire>
<CodeService>SERV_OBL</CodeService><NumeroEngagement>EJ-1</NumeroEngagement><Commentaire>Autre commune</Commentaire>
</Action>
<Action><Nature>completer</Nature><Fournisseur>12345678900015</Fournisseur><IdFacture>F-2</IdFacture>
<DateFacture>2026-11-18</DateFacture><Commentaire>Bon, signé
le 3</Commentaire><PieceJointe>bon.pdf</PieceJointe><PieceJointe>bon.pdf</PieceJointe></Action>
<Action><Nature>traiter-rejet</Nature><TypeIdentifiant>1</TypeIdentifiant><Fournisseur>12345678900015</Fournisseur>
<IdFacture>F-3</IdFacture><Motif>MONTANT_ERR</Motif><Avoir>AV-3</Avoir>
<FactureRectificative>F-3B</FactureRectificative></Action>
<Action><Nature>recycler</Nature><TypeIdentifiant>1</TypeIdentifiant><Fournisseur>12345678900015</Fournisseur>
<IdFacture>F-4</IdFacture><CodeService/><NumeroEngagement></NumeroEngagement></Action>
</ActionsFournisseur>
"""


def plain(row):
    texts = (row.recipient, row.service, row.commitment, row.comment, row.reason, row.credit_note, row.corrective)
    key = row.invoice
    return (
        row.rank, row.action, key.supplier_type, key.supplier.text, key.number.text, key.issued,
        [None if text is None else text.text for text in texts], row.attachments, rules(row.findings),
    )  # fmt: skip


def test_the_csv_and_the_xml_say_the_same():
    given = {"bon.pdf": BON}
    first, second, third, fourth = (plain(row) for row in rows(FULL, given))
    same = "12345678900015"
    assert first == (1, ActionKind.RECYCLE, "1", same, "F-1", date(2026, 11, 18),
                     ["12345678200044", "SERV_OBL", "EJ-1", "Autre commune", None, None, None], (), [])  # fmt: skip
    assert second[1:6] == (ActionKind.COMPLETE, "1", same, "F-2", date(2026, 11, 18))
    assert second[6][3] == "Bon, signé\nle 3"
    assert second[7] == (BON, BON)
    assert third[1:] == (ActionKind.HANDLE_REJECT, "1", same, "F-3", None,
                         [None, None, None, None, "MONTANT_ERR", "AV-3", "F-3B"], (), [])  # fmt: skip
    assert fourth[6][:3] == [None, "", ""]  # taken away, not left as they are
    assert [plain(row) for row in rows(XML, given)] == [first, second, third, fourth]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("separator", [";", ",", "\t"])
def test_whatever_a_spreadsheet_writes_is_read(encoding, separator):
    comment = "Été, côté cour ; numéro 2"
    lines = [["Action", " Fournisseur ", "Numéro de facture", "Commentaire"], ["Compléter", "123", "F-1", comment]]
    text = "\r\n".join(separator.join(f'"{cell}"' for cell in line) for line in lines) + "\r\n"
    text = text.replace("Numéro de facture", "Numéro facture")
    found, (row,) = read(text.encode(encoding))
    assert row.comment.text == comment
    assert row.action is ActionKind.COMPLETE
    warned = {"cp1252": ["FIL-005"], "utf-16": ["FIL-005"]}.get(encoding, [])
    assert [one.rule for one in found] == warned
    assert not any(one.refuses for one in found)


def test_an_encoding_that_the_settings_leave_out_refuses_the_file():
    terms = Terms(lists=Lists(encodings=("UTF-8",)))
    found, _ = read(f"{HEAD};commentaire\ncompleter;1;2;é\n".encode("cp1252"), terms=terms)
    assert [(one.rule, one.refuses) for one in found] == [("FIL-006", True)]


def test_the_line_that_names_the_separator_and_empty_lines_are_no_rows():
    told = rows("sep=,\r\naction,fournisseur,numero\r\n,,\r\nrecycler,1,F-1\r\n\r\n")
    assert [(row.rank, row.action_at.line) for row in told] == [(1, 4)]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("action;fournisseur", "colonnes absentes : numero"),
        ("action;fournisseur;numero;couleur", "colonne « couleur » inconnue"),
        ("action;fournisseur;numero;Numéro", "colonne numero présente deux fois"),
        ("action;fournisseur;numero;siret_fournisseur", "colonne fournisseur présente deux fois"),
    ],
)
def test_a_header_that_leaves_a_doubt_refuses_the_file(header, words):
    found, told = read(f"{header}\nrecycler;1;2;3\n")
    assert told == ()
    assert [(one.rule, one.line, one.refuses) for one in found] == [("XML-010", 1, True)]
    assert words in said(found[0])
    assert said(found[0]) != said(found[0], "en")


@pytest.mark.parametrize(
    ("text", "line"),
    [("", 1), (HEAD, 1), ('action;fournisseur;numero\nrecycler;1;"F-1\n', 2), (f'{HEAD}\nrecycler;"1"x;2\n', 2)],
)
def test_a_file_without_rows_or_with_open_quotes_is_refused(text, line):
    found, told = read(text)
    assert told == ()
    assert [one.rule for one in found] == ["XML-010"]
    assert found[0].line == line


@pytest.mark.parametrize("column", sorted(action_file.FIXED))
def test_a_column_that_would_change_an_amount_a_date_or_the_number_refuses_its_row(column):
    told = rows(f"{HEAD};{column}\nrecycler;1;F-1;12,00\nrecycler;1;F-2;\n")
    assert [rules(row.findings) for row in told] == [[("LFC-005", 2)], []]
    assert told[0].is_refused
    assert told[0].findings[0].path == column


@pytest.mark.parametrize(
    ("cells", "path"),
    [
        (";1;F-1;", "action"),
        ("detruire;1;F-1;", "action"),
        ("recycler;;F-1;", "fournisseur"),
        ("recycler;1;;", "numero"),
        ("recycler;1,23457E+13;F-1;", "fournisseur"),
        ("recycler;1;F-1;2026-02-30", "date_facture"),
        ("recycler;1;F-1;le 3", "date_facture"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_alone_with_its_place(cells, path):
    bad, good = rows(f"{HEAD};date_facture\n{cells}\nrecycler;1;F-2;\n")
    assert [(one.rule, one.path, one.line, one.refuses) for one in bad.findings] == [("XML-010", path, 2, True)]
    assert not good.findings


def test_a_value_outside_the_named_columns_refuses_its_row():
    (row,) = rows(f"{HEAD}\nrecycler;1;F-1;et encore\n")
    assert [(one.rule, one.value) for one in row.findings] == [("XML-010", "et encore")]


def test_an_identifier_type_is_one_to_seven():
    bad, good = rows("action;type_fournisseur;fournisseur;numero\nrecycler;8;1;F\nrecycler;2;FR123;F\n")
    assert [one.path for one in bad.findings] == ["type_fournisseur"]
    assert good.invoice.supplier_type == "2"


def test_files_are_named_one_by_one_and_must_be_there():
    text = f"{HEAD};pieces_jointes\ncompleter;1;F-1;bon.pdf|plan.pdf\ncompleter;1;F-2;bon.pdf\n"
    first, second = rows(text, {"bon.pdf": BON})
    assert [(one.rule, one.value) for one in first.findings] == [("ATT-007", "plan.pdf")]
    assert "absente de l'archive" in said(first.findings[0])
    assert (first.attachments, second.attachments) == ((BON,), (BON,))
    assert not second.findings


def test_what_is_wrong_with_a_file_is_said_of_each_row_that_names_it():
    broken = replace(BON, findings=action_file.Desk("", TERMS) and read("")[0])
    first, second = rows(f"{HEAD};pj\ncompleter;1;F-1;bon.pdf\ncompleter;1;F-2;bon.pdf\n", {"bon.pdf": broken})
    assert [one.line for row in (first, second) for one in row.findings] == [2, 3]
    assert first.is_refused


@pytest.mark.parametrize("form", ["csv", "xml"])
def test_a_file_that_no_row_names_is_said_and_refuses_nothing(form):
    extra = replace(BON, name="autre.pdf")
    text = f"{HEAD};pj\ncompleter;1;F-1;bon.pdf\n" if form == "csv" else XML
    found, told = read(text, {"bon.pdf": BON, "autre.pdf": extra})
    assert [(one.rule, one.severity, one.value) for one in found] == [("XML-010", Severity.WARNING, "autre.pdf")]
    assert "aucune ligne ne nomme le fichier « autre.pdf »" in said(found[0])
    assert "no row names the file 'autre.pdf'" in said(found[0], "en")
    assert not any(row.is_refused for row in told)
    off = Terms(severities={"XML-010": "off"})
    assert read(text, {"bon.pdf": BON, "autre.pdf": extra}, off)[0] == ()


def test_a_file_that_a_refused_row_names_is_named():
    terms = Terms(action=ActionLimits(attachments_max=1))
    found, (row,) = read(f"{HEAD};pj\n;1;F-1;bon.pdf|plan.pdf\n", {"bon.pdf": BON}, terms)
    assert (row.is_refused, found) == (True, ())


def test_a_guard_of_our_own_tables_is_taken_off_and_nothing_else_is():
    told = rows(f"{HEAD};commentaire\ncompleter;1;'-F1;'=1+1\ncompleter;1;'F1;l'heure\n")
    assert [(row.invoice.number.text, row.comment.text) for row in told] == [("-F1", "=1+1"), ("'F1", "l'heure")]


@pytest.mark.parametrize(
    ("limits", "text", "rule"),
    [
        (ActionLimits(bytes_max=40), f"{HEAD}\nrecycler;1;F-1\nrecycler;1;F-2\n", "XML-003"),
        (ActionLimits(rows_max=1), f"{HEAD}\nrecycler;1;F-1\nrecycler;1;F-2\n", "XML-003"),
        (ActionLimits(rows_max=3), XML, "XML-003"),
    ],
)
def test_a_file_above_the_limits_is_refused(limits, text, rule):
    found, told = read(text, {"bon.pdf": BON}, Terms(action=limits))
    assert told == ()
    assert [(one.rule, one.refuses) for one in found] == [(rule, True)]


def test_a_cell_above_the_limit_and_too_many_files_refuse_their_row():
    terms = Terms(action=ActionLimits(cell_chars_max=10, attachments_max=1))
    text = f"{HEAD};commentaire;pj\ncompleter;1;F-1;{'x' * 11};\ncompleter;1;F-2;;a.pdf|b.pdf\ncompleter;1;F-3;{'x' * 10};\n"
    assert [rules(row.findings) for row in rows(text, terms=terms)] == [[("XML-003", 2)], [("XML-003", 0)], []]


@pytest.mark.parametrize(
    "text",
    [
        "<Autre/>", "<ActionsFournisseur/>", "<ActionsFournisseur xmlns='urn:x'><Action/></ActionsFournisseur>",
        "<ActionsFournisseur><Action>", "<!DOCTYPE a><ActionsFournisseur><Action/></ActionsFournisseur>",
    ],
)  # fmt: skip
def test_an_xml_that_is_no_action_file_is_refused(text):
    found, told = read(text)
    assert told == ()
    assert found and all(one.refuses for one in found)


def test_the_settings_cannot_make_an_unreadable_row_readable():
    terms = Terms(severities={"XML-010": "off", "LFC-005": "warning", "ATT-007": "off"})
    told = rows(f"{HEAD};total;pj\n;1;F-1;;\nrecycler;1;F-2;12;\ncompleter;1;F-3;;x.pdf\n", terms=terms)
    assert all(row.is_refused for row in told)


@pytest.mark.parametrize("hostile", ["=cmd|' /C calc'!A0", "@SUM(1)", "\u202egnp.pdf", "<b>", "a\x1bb", "F" * 1_900])
def test_what_a_hostile_cell_says_is_only_a_text(hostile):
    (row,) = rows(f'{HEAD};commentaire\ncompleter;1;"{hostile}";"{hostile}"\n')
    assert row.invoice.number.text == hostile
    json.dumps(row.comment.text)
    (bad,) = rows(f'{HEAD}\n"{hostile}";1;F-1\n')
    assert "\x1b" not in said(bad.findings[0])


def test_the_names_of_columns_are_plain_and_known_once():
    names = [name for column in action_file.COLUMNS for name in (column.name, *column.aliases)]
    assert len(set(names)) == len(names)
    assert all(sheet.plain(name) == name for name in (*names, *action_file.FIXED))
    assert not set(names) & set(action_file.FIXED)


def test_severity_is_of_the_row_and_not_of_the_profile():
    (row,) = rows(f"{HEAD}\n;1;F-1\n", terms=Terms(profile="ctc-b2g"))
    assert row.findings[0].severity is Severity.ERROR
