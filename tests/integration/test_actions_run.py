"""Action files from drop to answer: recycle, complete, handle a reject, on the real adapters."""

import base64
import io
import re
import time
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import action_stories as stories
import homes
import pytest
from lxml import etree
from sqlalchemy import select

from pipeline import runner
from pipeline.adapters.ledger import tables as t
from pipeline.model import ActionKind
from pipeline.running import actions
from pipeline.running.actions import Wish
from pipeline.running.home import Home
from pipeline.running.todo import items

COLUMNS = ("action", "fournisseur", "numero", "destinataire", "service", "engagement", "commentaire")
HOUR = timedelta(hours=1)
XSD = Path(__file__).resolve().parents[2] / "xsd"


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with stories.ready(tmp_path / "home", reader) as place:
        yield place


def verified(home: Home) -> None:
    assert [str(line.detail) for line in runner.verify(home) if not line.ok] == []


def found_in(report: str) -> list[str]:
    """The rules of a report, in its order."""
    return re.findall(r"<LibelleErreur>\[([A-Z]{3}-[0-9]{3})\]", report)


def state_of(report: str) -> str:
    match = re.search(r"<IdStatut>([0-9]+)</IdStatut>", report)
    assert match
    return match[1]


def tree(pivot: bytes) -> "etree._Element":
    """A pivot that its schema takes."""
    parsed = etree.fromstring(pivot)
    etree.XMLSchema(etree.parse(XSD / "facture-pivot.xsd")).assertValid(parsed)
    return parsed


def unzipped(piece: "etree._Element") -> bytes:
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(piece.findtext("Contenu") or ""))) as packed:
        return packed.read(packed.namelist()[0])


def test_a_recycled_invoice_goes_to_its_new_receiver_and_keeps_its_number(home: Home) -> None:
    stories.integrate(home, [(f"F-{n}", homes.ubl(f"F-{n}")) for n in range(1, 4)])
    (first,) = stories.pivots(home, homes.RECEIVER)
    stories.tell(home, 4, ["F-1", "F-2"], 1)
    assert stories.stand(home) == {"F-1": "04", "F-2": "04", "F-3": "03"}
    stories.later(home, HOUR)
    report = stories.act(home, stories.table(COLUMNS, [
        ("recycler", homes.SUPPLIER, "F-1", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", "autre commune"),
        ("Recycler", homes.SUPPLIER, "F-2", homes.NEEDS_BOTH, "", "", ""),
        ("recycler", homes.SUPPLIER, "F-3", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", ""),
    ]))  # fmt: skip
    assert state_of(report) == "96"
    assert found_in(report) == ["RTG-023", "LFC-005"]
    assert "ligne 3" in report
    assert stories.stand(home) == {"F-1": "03", "F-2": "04", "F-3": "03"}
    (again,) = stories.pivots(home, stories.SECOND)
    before, after = tree(first), tree(again)
    assert after.findtext(".//Renvoi") == "Recyclée"
    assert [e.text for e in after.find(".//Debiteur")][1:] == [
        homes.NEEDS_BOTH, "Commune exigeante", "SERV_OBL", "Service obligatoire",
    ]  # fmt: skip
    assert after.findtext(".//NumeroEngagement") == "EJ-1"
    assert [e.text for e in after.iter("IdFacture", "Id")][-1] == "F-1"
    assert after.findtext(".//Contenu") == before.findtext(".//Contenu")
    verified(home)
    # its new recipient answers for it, its first one has nothing to say any more
    stories.tell(home, 7, ["F-1"], 2)
    assert stories.stand(home)["F-1"] == "03"


def test_a_refused_file_changes_nothing_and_may_come_again_mended(home: Home) -> None:
    stories.integrate(home, [("F-1", homes.ubl("F-1"))])
    stories.tell(home, 4, ["F-1"], 1)
    row = ("recycler", homes.SUPPLIER, "F-1", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", "")
    report = stories.act(home, stories.table((*COLUMNS, "couleur"), [(*row, "bleu")]))
    assert (state_of(report), found_in(report)) == ("93", ["XML-010"])
    report = stories.act(home, stories.table((*COLUMNS, "montant_ttc"), [(*row, "1,00")]), 2)
    assert (state_of(report), found_in(report)) == ("93", ["LFC-005"])
    assert stories.stand(home) == {"F-1": "04"}
    report = stories.act(home, stories.table((*COLUMNS, "montant_ttc"), [(*row, "")]), 3)
    assert (state_of(report), found_in(report)) == ("90", [])
    assert stories.stand(home) == {"F-1": "03"}
    verified(home)


def test_an_issuer_touches_only_its_own_and_only_who_subscribes_is_heard(home: Home) -> None:
    stories.integrate(home, [("F-1", homes.ubl("F-1"))])
    stories.tell(home, 4, ["F-1"], 1)
    rows = [("recycler", homes.SUPPLIER, number, homes.NEEDS_BOTH, "SERV_OBL", "EJ", "") for number in ("F-1", "F-0")]
    report = stories.act(home, stories.table(COLUMNS, rows), partner=homes.OTHER)
    assert (state_of(report), found_in(report)) == ("93", ["LFC-008", "LFC-008"])
    lines = re.findall(r"<LibelleErreur>.*?</LibelleErreur>", report)
    assert lines[0].replace("F-1", "F-0") == lines[1]
    report = stories.act(home, stories.table(COLUMNS, rows), partner=homes.RECEIVER)
    assert (state_of(report), "FLW-013" in found_in(report)) == ("93", True)
    assert stories.stand(home) == {"F-1": "04"}


def test_completed_invoices_get_the_files_that_their_rows_name(home: Home) -> None:
    stories.integrate(home, [(f"F-{n}", homes.ubl(f"F-{n}")) for n in range(1, 5)])
    stories.tell(home, 6, ["F-1", "F-2", "F-3", "F-4"], 1)
    alone, office = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(alone, "w") as packed:
        packed.writestr("releve.csv", "a;b")
    with zipfile.ZipFile(office, "w") as packed:
        packed.writestr("[Content_Types].xml", "<Types/>")
        packed.writestr("xl/workbook.xml", "<workbook/>")
    columns = ("action", "fournisseur", "numero", "commentaire", "pieces_jointes")
    rows = [
        ("completer", homes.SUPPLIER, "F-1", "Voici", "bon.pdf|releve.zip"),
        ("completer", homes.SUPPLIER, "F-2", "", "bon.pdf|plan.xlsx"),
        ("completer", homes.SUPPLIER, "F-3", "", "vide.pdf"),
        ("completer", homes.SUPPLIER, "F-4", "", "virus.exe|absent.pdf"),
    ]
    files = [
        ("actions.csv", stories.table(columns, rows)), ("bon.pdf", b"%PDF-1.4 bon"), ("releve.zip", alone.getvalue()),
        ("plan.xlsx", office.getvalue()), ("vide.pdf", b""), ("virus.exe", b"MZ"),
    ]  # fmt: skip
    report = stories.act(home, homes.archive(files))
    assert state_of(report) == "96"
    assert sorted(found_in(report)) == ["ATT-004", "ATT-007", "ATT-007"]  # an empty file is said once, as a missing one
    assert "la pièce jointe vide.pdf est vide" in report
    assert stories.stand(home) == {"F-1": "12", "F-2": "12", "F-3": "06", "F-4": "06"}
    (again,) = (p for p in stories.pivots(home, homes.RECEIVER) if b"Compl" in p)
    first, second = tree(again).findall(".//CPPFacturePivotUnitaire")
    assert [u.findtext(".//Renvoi") for u in (first, second)] == ["Complétée"] * 2
    assert [p.findtext("NomPJ") for p in first.findall("PJ")] == ["F-1.xml", "bon.pdf", "releve.csv"]
    assert [p.findtext("NomPJ") for p in second.findall("PJ")] == ["F-2.xml", "bon.pdf", "plan.xlsx"]
    assert unzipped(first.findall("PJ")[1]) == b"%PDF-1.4 bon"
    assert unzipped(first.findall("PJ")[2]) == b"a;b"
    verified(home)
    # suspended again: what was added stays, what comes is added behind it
    stories.tell(home, 6, ["F-1"], 2)
    stories.later(home, HOUR)
    more = [("a.csv", stories.table(columns, [("completer", homes.SUPPLIER, "F-1", "", "plan.pdf")]))]
    assert state_of(stories.act(home, homes.archive([*more, ("plan.pdf", b"%PDF plan")]), 2)) == "90"
    (last,) = (p for p in stories.pivots(home, homes.RECEIVER) if b"plan.pdf" in p)
    # what no row names is said, and refuses nothing, empty or not
    stories.tell(home, 6, ["F-1"], 3)
    stories.later(home, HOUR)
    more = [("a.csv", stories.table(columns, [("completer", homes.SUPPLIER, "F-1", "Rien", "")]))]
    report = stories.act(home, homes.archive([*more, ("oubli.pdf", b"%PDF"), ("vide.txt", b"")]), 3)
    assert (state_of(report), found_in(report)) == ("90", ["XML-010", "XML-010"])
    assert "aucune ligne ne nomme le fichier « oubli.pdf » de l'archive" in report
    assert stories.stand(home) == {"F-1": "12", "F-2": "12", "F-3": "06", "F-4": "06"}
    pieces = tree(last).findall(".//PJ")
    assert [p.findtext("NomPJ") for p in pieces] == ["F-1.xml", "bon.pdf", "releve.csv", "plan.pdf"]
    verified(home)


def test_a_rejected_invoice_is_cancelled_replaced_and_noted(home: Home) -> None:
    stories.integrate(home, [("F-1", homes.ubl("F-1")), ("F-2", homes.ubl("F-2"))])
    stories.tell(home, 5, ["F-1", "F-2"], 1)
    stories.later(home, HOUR)
    stories.integrate(home, [("AV-1", homes.ubl("AV-1", type_code="381")), ("F-1B", homes.ubl("F-1B", net="90.00"))], 2)
    document = b"""<ActionsFournisseur Version="1">
      <Action><Nature>traiter-rejet</Nature><Fournisseur>%(s)s</Fournisseur><IdFacture>F-1</IdFacture>
      <Motif>MONTANT_ERR</Motif><Avoir>AV-1</Avoir><FactureRectificative>F-1B</FactureRectificative></Action>
      <Action><Nature>traiter-rejet</Nature><Fournisseur>%(s)s</Fournisseur><IdFacture>F-2</IdFacture>
      <Motif>MONTANT_ERR</Motif><Avoir>F-1B</Avoir></Action>
      <Action><Nature>recycler</Nature><Fournisseur>%(s)s</Fournisseur><IdFacture>F-1B</IdFacture>
      <MontantTTC>1.00</MontantTTC></Action></ActionsFournisseur>""" % {b"s": homes.SUPPLIER.encode()}
    report = stories.act(home, document)
    assert (state_of(report), found_in(report)) == ("96", ["LFC-012", "LFC-005", "LFC-005"])
    i, h = t.invoices, t.handled
    with home.ledger.reading() as db:
        (dealt,) = db.execute(
            select(h, i.c.number).join(i, (i.c.deposit_id == h.c.deposit_id) & (i.c.rank == h.c.rank))
        )
        ranks = {r.number: (r.deposit_id, r.rank) for r in db.execute(select(i))}
    assert (dealt.number, dealt.reason) == ("F-1", "MONTANT_ERR")
    assert (dealt.credit_id, dealt.credit_rank) == ranks["AV-1"]
    assert (dealt.corrective_id, dealt.corrective_rank) == ranks["F-1B"]
    assert stories.stand(home)["F-1"] == "05"
    verified(home)
    # its number is never free again
    told: list[object] = []
    homes.drop(home, homes.flow_name(9), homes.ubl("F-1", net="80.00"))
    runner.run(home, on_verdict=told.append)
    (one,) = told
    assert {f.rule for f in one.verdict.invoices[0].findings} >= {"DUP-001", "DUP-004"}  # type: ignore[attr-defined]


def test_an_xml_that_its_schema_refuses_changes_nothing(home: Home) -> None:
    stories.integrate(home, [("F-1", homes.ubl("F-1"))])
    stories.tell(home, 6, ["F-1"], 1)
    good = f"<Action><Nature>completer</Nature><Fournisseur>{homes.SUPPLIER}</Fournisseur><IdFacture>F-1</IdFacture><Commentaire>x</Commentaire></Action>"
    for sequence, spoilt in enumerate(
        (
            good.replace("completer", "detruire"),
            good.replace("Commentaire", "Remarque"),
            good.replace("<IdFacture>F-1", "<IdFacture>"),
        ),
        1,
    ):
        report = stories.act(home, f"<ActionsFournisseur>{good}{spoilt}</ActionsFournisseur>".encode(), sequence)
        assert (state_of(report), set(found_in(report))) == ("93", {"XML-010"})
    assert stories.stand(home) == {"F-1": "06"}


@pytest.mark.services
def test_on_a_server_the_three_actions_and_their_commands_are_the_same(
    tmp_path: Path, reader: tuple[str, ...], database: Any
) -> None:
    with stories.ready(tmp_path / "home", reader, ledger={"url": database.url}) as home:
        numbers = [f"F-{n}" for n in range(1, 7)]
        stories.integrate(home, [*((n, homes.ubl(n)) for n in numbers), ("AV", homes.ubl("AV", type_code="381"))])
        for sequence, (status, told) in enumerate(((4, numbers[:2]), (6, numbers[2:4]), (5, numbers[4:])), 1):
            stories.tell(home, status, told, sequence, timedelta(seconds=1))
        stories.later(home, HOUR)
        columns = (*COLUMNS, "motif", "avoir")
        report = stories.act(home, stories.table(columns, [
            ("recycler", homes.SUPPLIER, "F-1", homes.STATE, "SFACETAT", "", "", "", ""),
            ("completer", homes.SUPPLIER, "F-3", "", "", "", "voici", "", ""),
            ("traiter-rejet", homes.SUPPLIER, "F-5", "", "", "", "", "x", "AV"),
        ]))  # fmt: skip
        assert (state_of(report), found_in(report)) == ("90", [])
        assert [item.invoice.number for item in items(home)] == ["F-2", "F-4", "F-6"]
        for number, wish in (
            ("F-2", Wish(ActionKind.RECYCLE, comment="x")), ("F-4", Wish(ActionKind.COMPLETE, comment="x")),
            ("F-6", Wish(ActionKind.HANDLE_REJECT, reason="x")),
        ):  # fmt: skip
            assert actions.ask(home, f"{homes.SUPPLIER}/{number}", wish, "anne").apply().is_applied
        stories.run(home)
        assert list(items(home)) == []
        assert len(stories.pivots(home, home.settings.default_receiver)) == 1  # the portal, which is no partner
        verified(home)


@pytest.mark.parametrize("count", [150, pytest.param(2_000, marks=pytest.mark.slow)])
def test_many_recycles_are_one_drop_and_no_query_is_made_for_a_row(home: Home, count: int) -> None:
    small = 50
    for flow in range((count + 499) // 500):
        numbers = [f"F-{n}" for n in range(flow * 500, min((flow + 1) * 500, count))]
        stories.integrate(home, [(number, homes.ubl(number)) for number in numbers], flow + 1)
    stories.tell(home, 4, [f"F-{n}" for n in range(count)], 1)
    stories.later(home, HOUR)

    def file(numbers: range) -> bytes:
        rows = [("recycler", homes.SUPPLIER, f"F-{n}", homes.NEEDS_BOTH, "SERV_OBL", "EJ-1", "") for n in numbers]
        return stories.table(COLUMNS, rows)

    with stories.statements(home) as few:
        assert state_of(stories.act(home, file(range(small)))) == "90"
    began = time.monotonic()
    with stories.statements(home) as many:
        assert state_of(stories.act(home, file(range(small, count)), 2)) == "90"
    seconds = time.monotonic() - began
    assert set(stories.stand(home).values()) == {"03"}
    assert len(many) - len(few) < 25 + count // 20  # some queries for each 500 invoices
    assert seconds < 60
    print(f"{count - small} recycles in {seconds:.1f} s, {len(many)} statements ({len(few)} for {small})")
    carried = [len(tree(p).findall(".//CPPFacturePivotUnitaire")) for p in stories.pivots(home, stories.SECOND)]
    assert sum(carried) == count
    assert max(carried) <= 500
