"""Recipient mapping in a home: what is applied, stored and delivered, what stays held, what an import offers to mend."""

import json
import shlex
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import both_ledgers
import homes
import pytest
from lxml import etree
from sqlalchemy import Engine, event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import mapping as names
from pipeline.adapters.ledger.queries import FlowStatus, InvoiceStatus
from pipeline.cli.boundary import USAGE
from pipeline.cli.boundary import run as command
from pipeline.ports import Fault
from pipeline.returns import message
from pipeline.running.home import Home
from pipeline.running.mapping import MappingImported, export_mapping, import_mapping
from pipeline.running.reprocess import reprocess, shadow_verdicts

XSD = Path(__file__).parents[2] / "xsd" / "facture-pivot.xsd"
TODAY = homes.NOON.date()
LABEL, ALIAS = "Le facturier de l'État", "CLIENT 42"
NAMES = (f"label;{homes.STATE};{LABEL};SFACETAT", f"alias;{homes.PLAIN};{ALIAS};")
ORDER = "1512345678"


BOTH = pytest.mark.parametrize("home", both_ledgers.LEDGERS, indirect=True)


@pytest.fixture(params=["sqlite"])
def home(request: pytest.FixtureRequest, tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with both_ledgers.ready(request, tmp_path / "home", reader) as opened:
        ask(opened)
        runner.add_partner(opened, homes.partner(homes.RECEIVER, receives=((homes.STATE, "SFACETAT"),)))
        yield opened


def ask(home: Home, *, is_asked: bool = True) -> None:
    runner.add_partner(home, homes.partner(maps_recipients=is_asked), replace=True)


def imported(home: Home, *lines: str, partner: str = homes.PARTNER, add: bool = False) -> MappingImported:
    path = home.path / "noms.csv"
    path.write_text("\n".join(["kind;siret;written;code", *lines, ""]), encoding="utf-8-sig")
    return import_mapping(home, partner, path, add=add)


def to_the_state(number: str = "M-1", service: str = LABEL, order: str = "") -> bytes:
    return homes.ubl(number, recipient=homes.STATE, service=service, order=order)


def answered(home: Home, number: int, content: bytes, partner: str = homes.PARTNER) -> FlowStatus:
    homes.drop(home, homes.flow_name(number, partner=partner), content, partner)
    assert runner.run(home).faults == []
    return flow(home, number, partner)


def flow(home: Home, number: int = 1, partner: str = homes.PARTNER) -> FlowStatus:
    found = runner.status(home, homes.flow_name(number, partner=partner))[-1]
    assert isinstance(found, FlowStatus)
    return found


def routed(invoice: InvoiceStatus) -> tuple[str, str, str, str]:
    return invoice.outcome, invoice.recipient, invoice.service, invoice.receiver


def debtors(home: Home, code: str) -> list[tuple[str | None, str | None, str | None]]:
    """(invoice, SIRET, service) of every unit of the pivots of this receiver, each file valid under our schema."""
    schema = etree.XMLSchema(etree.parse(XSD))
    found = []
    for name, body in homes.out(home, code, "recipients").items():
        tree = etree.fromstring(body)
        schema.assertValid(tree)
        assert name.startswith("FEN0036A")
        found += [
            (unit.findtext("DonneesFacture/Id"), unit.findtext("Debiteur/Identifiant"),
             unit.findtext("Debiteur/CodeService"))
            for unit in tree.iter("CPPFacturePivotUnitaire")
        ]  # fmt: skip
    return found


def red(home: Home) -> list[str]:
    return [line.detail.en for line in runner.verify(home) if not line.ok and line.name != "ages"]


# --- applied ----------------------------------------------------------------------------------------------------------


@BOTH
def test_what_is_mapped_is_judged_stored_and_delivered_so_and_the_verdict_says_it(home: Home) -> None:
    imported(home, *NAMES)
    documents = [
        ("a.xml", to_the_state("M-1")),
        ("b.xml", homes.ubl("M-2", recipient=ALIAS)),
        ("c.xml", homes.ubl("M-3")),
    ]
    told = answered(home, 1, homes.archive(documents))

    assert told.deposit.state == "IN_INTEGRE"
    state, by_alias, plain = told.invoices
    assert routed(state) == ("integrated", homes.STATE, "SFACETAT", homes.RECEIVER)
    assert routed(by_alias)[:3] == ("integrated", homes.PLAIN, "")
    assert routed(plain)[:3] == ("integrated", homes.PLAIN, "")
    (of_label,) = [f for f in state.findings if f.rule == "RTG-013"]
    (of_alias,) = [f for f in by_alias.findings if f.rule == "RTG-013"]
    assert message.text(of_label) == (
        f"« {LABEL} » (service) est remplacé par SFACETAT, selon les correspondances de l'émetteur"
    )
    assert (of_label.severity, of_label.at, of_label.value, of_label.line) == ("info", "BT-10", LABEL, 1)
    assert (of_alias.at, of_alias.value, of_alias.facts["service"]) == ("BT-47", ALIAS, homes.PLAIN)
    assert [f.rule for f in by_alias.findings if f.refuses] == []
    assert debtors(home, homes.RECEIVER) == [("M-1", homes.STATE, "SFACETAT")]
    assert debtors(home, "PORTAL") == [("M-2", homes.PLAIN, None), ("M-3", homes.PLAIN, None)]
    report = next(body for name, body in homes.out(home).items() if name.startswith("CSO"))
    assert b"<IdStatut>90</IdStatut>" in report
    assert b"RTG-013" not in report
    assert red(home) == []


def test_of_a_mapped_pivot_only_the_debtor_differs_from_that_of_the_document_with_the_values_in_it(home: Home) -> None:
    imported(home, *NAMES)
    answered(home, 1, to_the_state("M-1"))
    runner.add_partner(home, homes.partner(homes.OTHER, maps_recipients=True), replace=True)
    answered(home, 1, to_the_state("M-1", "SFACETAT").replace(homes.SUPPLIER.encode(), homes.SUPPLIER_2.encode()),
             homes.OTHER)  # fmt: skip
    mapped, written = (
        etree.tostring(next(etree.fromstring(body).iter("CPPFacturePivotUnitaire")))
        for body in homes.out(home, homes.RECEIVER, "recipients").values()
    )

    def without_the_original(unit: bytes) -> bytes:
        """The document itself travels with its pivot, as it was written."""
        return unit.partition(b"<PJ ")[0].replace(homes.SUPPLIER_2.encode(), homes.SUPPLIER.encode())

    assert without_the_original(mapped) == without_the_original(written)


def test_a_connection_that_does_not_ask_has_nothing_mapped(home: Home) -> None:
    imported(home, *NAMES, partner=homes.OTHER)
    document = homes.archive([("a.xml", to_the_state("M-1")), ("b.xml", homes.ubl("M-2", recipient=ALIAS))])
    told = answered(home, 1, document, homes.OTHER)

    assert told.deposit.state == "IN_REJETE"
    assert [{f.rule for f in i.findings if f.refuses} for i in told.invoices] == [
        {"RTG-014"}, {"PTY-014", "RTG-001"},
    ]  # fmt: skip
    assert [routed(i)[1:3] for i in told.invoices] == [(homes.STATE, LABEL), (ALIAS, "")]
    assert answered(home, 2, document).deposit.state == "IN_REJETE"  # the names are those of another issuer


def test_a_name_that_only_resembles_is_refused_with_what_is_near_and_was_used_last(home: Home) -> None:
    imported(home, *NAMES)
    home.clock = FixedClock(homes.NOON - timedelta(days=3))
    answered(home, 1, homes.ubl("M-1", recipient=homes.STATE, service=LABEL, issued="2026-11-10"))
    home.clock = FixedClock(homes.NOON)
    told = answered(home, 2, to_the_state("M-2", "Le facturier de l'Etat central"))

    (refusal,) = [f for f in told.invoices[0].findings if f.refuses]
    assert refusal.rule == "RTG-014"
    assert refusal.facts["suggestions"] == f"SFACETAT ({LABEL})"
    assert refusal.facts["last_used"] == "SFACETAT"
    report = [body for name, body in homes.out(home).items() if name.startswith("CSO")][-1].decode()
    assert "dernier service utilisé pour ce destinataire = SFACETAT" in report


# --- what waits, what is judged again ---------------------------------------------------------------------------------


@pytest.fixture
def held(home: Home, tmp_path: Path) -> Home:
    """An invoice that was mapped and waits for the State's commitments."""
    runner.import_commitments(home, homes.orders(tmp_path / "orders.csv", ORDER), TODAY)
    runner.commitments_unavailable(home)
    imported(home, *NAMES)
    (invoice,) = answered(home, 1, to_the_state(order=ORDER)).invoices
    assert routed(invoice)[:3] == ("pending", homes.STATE, "SFACETAT")
    return home


@BOTH
@pytest.mark.parametrize("is_asked", [True, False], ids=["other names", "no mapping any more"])
def test_a_pending_invoice_keeps_what_it_was_mapped_to(held: Home, is_asked: bool) -> None:
    imported(held, f"label;{homes.STATE};{LABEL};AUTRE")
    ask(held, is_asked=is_asked)
    runner.commitments_available(held)
    assert runner.run(held).decided_later == 1
    (invoice,) = flow(held).invoices

    assert routed(invoice) == ("integrated", homes.STATE, "SFACETAT", homes.RECEIVER)
    assert debtors(held, homes.RECEIVER) == [("M-1", homes.STATE, "SFACETAT")]
    assert [f.facts["service"] for f in invoice.findings if f.rule == "RTG-013"] == ["SFACETAT"]
    assert red(held) == []


def test_a_shadow_verdict_has_the_names_of_today(home: Home) -> None:
    answered(home, 1, to_the_state())
    assert flow(home).deposit.state == "IN_REJETE"
    imported(home, *NAMES)
    (shadow,) = shadow_verdicts(home, reprocess(home, homes.flow_name(1)).shadows)

    assert shadow.difference["state"] == ["IN_REJETE", "IN_INTEGRE"]
    assert debtors(home, homes.RECEIVER) == []


# --- what an import offers --------------------------------------------------------------------------------------------


@BOTH
def test_an_import_names_the_refused_invoices_and_the_command_that_judges_them_again(home: Home) -> None:
    dropped = (
        homes.archive([("a.xml", to_the_state("M-1")), ("b.xml", homes.ubl("M-2", recipient=ALIAS))]),
        homes.archive([("a.xml", to_the_state("M-3")), ("b.xml", homes.ubl("M-4"))]),  # integrated in part
        to_the_state("M-5", "Un autre libellé"),
        to_the_state("M-6"),
        to_the_state("M-6", "SFACETAT"),  # the same one, corrected
    )
    for number, content in enumerate(dropped, 1):
        homes.drop(home, homes.flow_name(number), content, age_s=600 - number)
    assert runner.run(home).faults == []
    waiting = imported(home, *NAMES).waiting

    assert (waiting.invoices, waiting.in_parts) == (3, 1)
    (flow_1,) = waiting.flows
    assert (flow_1.flow, flow_1.invoices) == (homes.flow_name(1), 2)
    typed = shlex.split(flow_1.command)
    assert typed[:3] == ["chorus-edi", "submit", homes.flow_name(1)]
    assert typed[3::2] == ["--as", "--partner", "--home"]
    as_name, partner, path = typed[4::2]
    assert (partner, path) == (homes.PARTNER, str(home.path))
    if home.settings.ledger.url:  # the command would open the embedded ledger of that home
        runner.submit(home, homes.flow_name(1), as_name, partner)
    else:
        assert command(typed[1:]) == 0
    assert runner.run(home).faults == []
    told = runner.status(home, as_name)[0]
    assert isinstance(told, FlowStatus)
    assert [i.outcome for i in told.invoices] == ["integrated", "integrated"]
    again = imported(home, *NAMES).waiting
    assert (again.flows, again.in_parts) == ((), 1)
    assert red(home) == []


def test_the_newest_deposit_of_the_same_bytes_speaks_for_them(home: Home) -> None:
    for number in (1, 2):
        homes.drop(home, homes.flow_name(number), to_the_state(), age_s=600 - number)
        runner.run(home)
    waiting = imported(home, *NAMES).waiting

    assert [one.flow for one in waiting.flows] == [homes.flow_name(2)]
    assert (waiting.invoices, waiting.in_parts) == (1, 0)


def test_names_that_lead_nowhere_are_told_and_taken(home: Home) -> None:
    done = imported(
        home, *NAMES, f"label;{homes.STATE};Paye;PAYE", "label;99999999999999;Paye;PAYE",
        f"alias;{homes.PLAIN};{homes.STATE};",
    )  # fmt: skip

    assert [(one.line, one.said.en) for one in done.doubtful] == [
        (4, f"service PAYE is not known for {homes.STATE}"),
        (5, "the directory does not know 99999999999999"),
        (6, f"the directory knows '{homes.STATE}' as it is: this line will not be used"),
    ]
    assert (done.rows, done.replaced.added, done.is_applied) == (5, 5, True)


@BOTH
def test_an_import_replaces_or_adds_and_is_all_or_nothing(home: Home) -> None:
    imported(home, *NAMES)
    with pytest.raises(Exception, match="ligne 3"):
        imported(home, f"label;{homes.STATE};Paye;PAYE", "label;x;Paye;PAYE")
    added = imported(home, f"label;{homes.STATE};{LABEL.upper()};AUTRE", f"alias;{homes.STATE};Préfecture;", add=True)
    assert (added.replaced.added, added.replaced.changed, added.replaced.removed) == (1, 1, 0)
    with home.ledger.reading() as db:
        labels, aliases = names.every(db, homes.PARTNER)
    assert [(one.written, one.code) for one in labels] == [(LABEL.upper(), "AUTRE")]
    assert [one.written for one in aliases] == ["Préfecture", ALIAS]
    done = imported(home, f"alias;{homes.PLAIN};{ALIAS};")
    assert (done.replaced.added, done.replaced.kept, done.replaced.removed) == (0, 1, 2)
    with pytest.raises(Fault, match="unknown partner"):
        imported(home, *NAMES, partner="ZZZ999")


def test_what_is_exported_is_imported_again_as_it_was(home: Home) -> None:
    imported(home, *NAMES, f"label;{homes.STATE};'=somme(A1);SFACETAT")
    exported = export_mapping(home, homes.PARTNER)
    (home.path / "encore.csv").write_bytes(exported)

    assert b"'=somme(A1)" in exported
    again = import_mapping(home, homes.PARTNER, home.path / "encore.csv")
    assert (again.replaced.kept, again.replaced.added, again.replaced.removed) == (3, 0, 0)
    assert export_mapping(home, homes.PARTNER) == exported


# --- what was used last -----------------------------------------------------------------------------------------------


@BOTH
def test_what_was_used_last_is_of_earlier_days_integrated_and_not_sent_back(home: Home) -> None:
    def last(before: date | None = None) -> str:
        with home.ledger.reading() as db:
            found = names.last_used(db, homes.PARTNER, [homes.NEEDS_BOTH, homes.PLAIN], before)
        assert homes.PLAIN not in found  # no service was ever given
        return found[homes.NEEDS_BOTH].service if homes.NEEDS_BOTH in found else ""

    def run_sql(statement: str) -> None:
        with home.ledger.writing() as db:
            db.execute(text(statement))

    assert last() == ""
    answered(home, 1, homes.ubl("U-1", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="BC1"))
    answered(home, 2, homes.ubl("U-2"))
    answered(home, 3, homes.ubl("U-3", recipient=homes.NEEDS_BOTH, service="SERV_OBL", order="BC1"), homes.OTHER)
    assert (last(), last(TODAY), last(TODAY + timedelta(days=1))) == ("SERV_OBL", "", "SERV_OBL")
    run_sql("UPDATE invoices SET status = '04' WHERE number = 'U-1'")
    assert last() == ""
    # recycled to another service: that one counts, not the one it was deposited with
    run_sql("UPDATE invoices SET status = '03', routing = 1 WHERE number = 'U-1'")
    run_sql(
        "INSERT INTO transitions (deposit_id, rank, sequence, status, at) "
        f"VALUES (1, 1, 9, '01', '{TODAY}T12:00:00.000000+00:00')"
    )
    run_sql(
        "INSERT INTO routings (deposit_id, rank, ordinal, sequence, recipient, service) "
        f"VALUES (1, 1, 1, 9, '{homes.NEEDS_BOTH}', 'RECYCLED')"
    )
    assert (last(), last(TODAY), last(TODAY + timedelta(days=1))) == ("RECYCLED", "", "RECYCLED")


def test_a_unit_asks_the_same_few_questions_whatever_it_holds(home: Home) -> None:
    """The rows of a mapping are read in lots: as many statements for forty invoices as for four."""
    imported(home, *NAMES)

    def asked(number: int, count: int) -> int:
        documents = [
            (f"{n}.xml", to_the_state(f"Q-{number}-{n}", LABEL if n % 2 else f"Nom {n}")) for n in range(count)
        ]
        said: list[str] = []
        heard = event_of(said)
        told = answered(home, number, homes.archive(documents))
        heard()
        assert sum(i.outcome == "integrated" for i in told.invoices) == count // 2
        return len([one for one in said if " labels" in one or " aliases" in one or "UNION ALL" in one])

    def event_of(said: list[str]):
        def hear(_conn, _cursor, statement, *_rest):
            said.append(statement)

        event.listen(Engine, "before_cursor_execute", hear)
        return lambda: event.remove(Engine, "before_cursor_execute", hear)

    assert asked(1, 4) == asked(2, 40) > 0


# --- the command ------------------------------------------------------------------------------------------------------


def test_the_command_imports_shows_and_exports(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    file = home.path / "noms.csv"
    at = ["--partner", homes.PARTNER, "--home", str(home.path)]
    file.write_text("kind;siret;written;code\nlabel;1;;\nalias;2;;\n", encoding="utf-8")
    assert command(["mapping", "import", str(file), *at]) == USAGE
    err = capsys.readouterr().err
    assert "noms.csv, ligne 2, colonne written" in err
    assert "noms.csv, ligne 3, colonne written" in err
    file.write_text("\n".join(["kind;siret;written;code", *NAMES]), encoding="utf-8")
    assert command(["mapping", "import", str(file), *at]) == 0
    assert "2 lignes (2 ajoutées)" in capsys.readouterr().out
    assert command(["mapping", "import", str(file), *at, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["replaced"] == {"added": 0, "changed": 0, "kept": 2, "removed": 0}
    assert command(["mapping", "show", *at]) == 0
    out = capsys.readouterr().out
    assert "appliquées avant le routage" in out
    assert f"label   {homes.STATE}  {LABEL}" in out
    assert command(["mapping", "export", "--out", str(home.path / "x.csv"), *at]) == 0
    assert (home.path / "x.csv").read_bytes() == export_mapping(home, homes.PARTNER)
    assert command(["partners", "show", homes.PARTNER, "--home", str(home.path)]) == 0
    assert "appliquées avant le routage" in capsys.readouterr().out
