"""The checks before the drop: which files, what is judged, what is left to the platform."""

import io
import re
import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.case import flow_name
from fixtures.make import ROOT
from pipeline import judge, preflight
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.cli.options import Lang
from pipeline.cli.verdicts import lines
from pipeline.model import FlowState, IntakeVerdict, Received, Snapshot, Verdict
from pipeline.ports import RulesRan, Tools, XmlDocument
from pipeline.preflight import Preflight, files
from pipeline.returns.verdict import as_json, summary
from pipeline.terms import FlowLimits, Terms

NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)
SIMPLE = ROOT / "FSO1100A" / flow_name("FSO1100A", "SIMPLE")
DOUBLES = ROOT / "refused" / "dup-002" / flow_name("FSO1100A", "DUP-002")
SCHEMAS = InstalledSchemas()


class NoRules:
    """The documents of this file claim nothing: no official rule may run."""

    def run(self, pack: str, document: XmlDocument) -> RulesRan:
        raise AssertionError(pack)

    def describe(self, pack: str):
        raise AssertionError(pack)


def a_preflight(terms: Terms = Terms(), **given: object) -> Preflight:  # noqa: B008
    return Preflight(Tools(SCHEMAS, NoRules(), terms), NOON, **given)


def rules(verdict: Verdict) -> set[str]:
    return {f.rule for f in verdict.findings} | {f.rule for i in verdict.invoices for f in i.findings}


def test_a_folder_gives_its_flows_and_invoices_in_the_order_of_their_names(tmp_path):
    names = ["b.xml", "a.PDF", "c.tar.gz", flow_name("FSO1100A", "X"), "notes.txt", "d.xml.part"]
    (tmp_path / "deep").mkdir()
    for name in names:
        (tmp_path / "deep" / name).touch()
    (tmp_path / "folder.xml").mkdir()
    found = [path.name for path in files([tmp_path], Terms())]
    assert found == [flow_name("FSO1100A", "X"), "a.PDF", "b.xml", "c.tar.gz"]


def test_a_file_that_is_named_is_taken_whatever_its_name(tmp_path):
    assert list(files([tmp_path / "notes.txt"], Terms())) == [tmp_path / "notes.txt"]


def test_a_name_that_is_no_flow_name_is_not_held_against_the_file(tmp_path):
    bare = tmp_path / "facture.xml"
    shutil.copy(SIMPLE, bare)
    verdict = a_preflight().judge(bare)
    assert verdict.state is FlowState.INTEGRATED
    assert not {rule for rule in rules(verdict) if rule.startswith("FLW")}
    wrong = tmp_path / f"FSO1100A_XXX999_AAA111{flow_name('FSO1100A', 'X')[22:]}"
    shutil.copy(SIMPLE, wrong)
    assert "FLW-003" in rules(a_preflight().judge(wrong))


def test_routing_is_judged_with_a_directory(tmp_path):
    without = a_preflight().judge(SIMPLE)
    assert (without.snapshot, without.not_judged[-1]) == (None, "RTG-*")
    snapshot = Snapshot("annuaire", NOON.date())
    known = a_preflight(snapshot=snapshot, structures=as_known(ROOT / "directory"))
    assert known.judge(SIMPLE).snapshot == snapshot
    nobody = a_preflight(snapshot=snapshot, structures={})
    assert "RTG-001" in rules(nobody.judge(SIMPLE))


def test_a_number_seen_in_an_earlier_file_is_a_double_of_it(tmp_path):
    again = tmp_path / "encore.xml"
    shutil.copy(SIMPLE, again)
    flight = a_preflight()
    assert "DUP-002" not in rules(flight.judge(SIMPLE))
    assert "DUP-002" in rules(flight.judge(again))
    assert "DUP-002" in rules(a_preflight().judge(DOUBLES))  # and inside one file


def test_an_interface_code_that_is_asked_for_is_held_against_the_content(tmp_path):
    bare = tmp_path / "facture.xml"
    shutil.copy(SIMPLE, bare)
    assert a_preflight(interface="FSO1100A").judge(bare).read.interface == "FSO1100A"
    assert "IDN-002" in rules(a_preflight(interface="FSO1117A").judge(bare))


@pytest.mark.parametrize("size", [0, 4_096])
def test_a_file_over_the_limit_is_refused_without_being_read(tmp_path, monkeypatch, size):
    terms = Terms(flow=FlowLimits(bytes_max=size))
    hashed = []
    monkeypatch.setattr(preflight.hashlib, "file_digest", lambda *_: hashed.append(1))
    verdict = a_preflight(terms).judge(_bytes(tmp_path, size + 1))
    assert rules(verdict) == {"FLW-009"}
    assert hashed == []


def _bytes(folder: Path, size: int) -> Path:
    path = folder / "gros.xml"
    path.write_bytes(b"x" * size)
    return path


def a_status(number: str, status: str, *, reason: str = "") -> str:
    return (
        "<CPPFactureStatutUnitaire><Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>12345678900015"
        "</Identifiant><RaisonSociale>F</RaisonSociale></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>"
        f"<Identifiant>12345678200051</Identifiant></Debiteur><DonneesStatut><IdStatut>{status}</IdStatut>{reason}"
        f"<Horodatage>2026-11-20T10:00:00</Horodatage><IdFacture>{number}</IdFacture></DonneesStatut>"
        "</CPPFactureStatutUnitaire>"
    )


def test_a_status_file_is_judged_as_far_as_it_can_be_without_its_invoices(tmp_path):
    units = [a_status("F-1", "07"), a_status("F-2", "99"), a_status("F-3", "05"), a_status("F-4", "30")]
    file = tmp_path / "statuts.xml"
    file.write_text(
        "<CPPStatut><Enveloppe><EnveloppeUnitaire><Parametres><ParametreIndiv><Code>DtPrd</Code><Valeurparametre>x"
        "</Valeurparametre></ParametreIndiv><ParametreIndiv><Code>IdFlx</Code><Valeurparametre>x</Valeurparametre>"
        "</ParametreIndiv></Parametres><Partenaires><Recepteur><Id>CPP001</Id></Recepteur><Emetteur><Id>REC003</Id>"
        f"</Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe><CPPFactureStatuts>{''.join(units)}"
        "</CPPFactureStatuts></CPPStatut>"
    )
    verdict = a_preflight().judge(file)
    assert isinstance(verdict, IntakeVerdict)
    assert [(row.outcome.value, [f.rule for f in row.findings]) for row in verdict.rows] == [
        ("applied", []), ("refused", ["LFC-009"]), ("refused", ["LFC-002"]), ("kept", ["LFC-010"]),
    ]  # fmt: skip
    assert verdict.state is FlowState.PARTIAL
    assert {"LFC-001", "LFC-006", "LFC-008", "LFC-013", "LFC-015", "FLW-005"} <= set(verdict.not_judged)
    told = [plain(line) for line in lines(verdict, "statuts.xml", Lang.FR)]
    assert told[0].endswith("(4 statuts, 2 recevables, 2 refusés)")
    assert told[1] == "  Rien n'est appliqué ici : seule la plateforme sait où en est chaque facture."
    assert [row["change"] for row in as_json(verdict, "statuts.xml")["invoices"]] == [
        "admissible", "refused", "refused", "admissible",
    ]  # fmt: skip
    assert summary(verdict, "en").endswith("4 statuses, 2 admissible, 2 refused")
    assert "  ligne 3, facture F-3" in told


ACTIONS = "ACT9001A_ABC001_ABC0019001000000000000001"


def an_archive_of_actions(folder: Path, row: str, *files: tuple[str, bytes]) -> Path:
    """One action file with one row, and what lies beside it."""
    table = f"action;fournisseur;numero;commentaire;pieces_jointes\n{row}\n".encode()
    path = folder / ACTIONS
    with tarfile.open(path, "w:gz") as tar:
        for name, content in (("a.csv", table), *files):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return path


def test_a_good_row_of_an_action_file_is_admissible_and_not_applied(tmp_path):
    named = "completer;12345678900015;F-1;;bon.pdf"
    verdict = a_preflight().judge(an_archive_of_actions(tmp_path, named, ("bon.pdf", b"%PDF-1.4")))
    told = [plain(line) for line in lines(verdict, ACTIONS, Lang.FR)]
    assert told == [
        f"✔ {ACTIONS}  ACT9001A  IN_INTEGRE  (1 action, 1 recevable, 0 refusée)",
        "  Rien n'est appliqué ici : seule la plateforme sait où en est chaque facture.",
    ]
    (row,) = as_json(verdict, ACTIONS)["invoices"]
    assert (row["asked"], row["change"], row["findings"]) == ("complete", "admissible", [])


@pytest.mark.parametrize(
    ("content", "terms", "rule"),
    [
        (b"", Terms(), "ATT-007"),
        (b"", Terms(severities={"ATT-007": "off"}), "ATT-007"),
        (b"x" * 300, Terms(flow=FlowLimits(file_bytes_max=200)), "ATT-005"),
        (b"x" * 300, Terms(flow=FlowLimits(file_bytes_max=200), severities={"ATT-005": "off"}), "ATT-005"),
    ],
)
def test_a_file_that_cannot_be_added_earns_one_finding_on_the_row_that_names_it(tmp_path, content, terms, rule):
    named = "completer;12345678900015;F-1;;bon.pdf"
    verdict = a_preflight(terms).judge(an_archive_of_actions(tmp_path, named, ("bon.pdf", content)))
    assert (verdict.state, verdict.findings) == (FlowState.REJECTED, ())
    assert [[f.rule for f in row.findings] for row in verdict.rows] == [[rule]]
    assert verdict.rows[0].attachments == ()


def test_a_file_that_nobody_may_open_says_so_on_the_row_that_names_it(tmp_path):
    path = an_archive_of_actions(tmp_path, "completer;12345678900015;F-1;;bon.pdf", ("bon.pdf", b"%PDF-1.4"))
    received = Received("ABC001", ACTIONS, "1" * 64, path.stat().st_size, NOON)
    tools = Tools(SCHEMAS, NoRules(), Terms())
    with path.open("rb") as source:
        read = judge.read(received, source, io.BytesIO(), io.BytesIO(), tools, unreadable=(1,))
    assert [f.rule for f in read.actions[0].findings] == ["FIL-007"]
    assert [f.rule for member in read.members for f in member.findings] == ["FIL-007"]


def plain(line: str) -> str:
    """Without colours."""
    return re.sub(r"\x1b\[[0-9;]*m", "", line)
