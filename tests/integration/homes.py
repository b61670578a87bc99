"""What the tests of the shell share: a small UBL flow of our own, a sample directory, a home ready to run."""

import io
import os
import tarfile
import tempfile
from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger import Ledger
from pipeline.adapters.ledger.rows import Partner
from pipeline.model import DepositRight
from pipeline.running.home import Home
from pipeline.settings import Settings, load

PARTNER, OTHER, RECEIVER = "ABC001", "DEF002", "REC003"
SUPPLIER = "12345678900015"
SUPPLIER_2 = "73282932000074"
PLAIN, NEEDS_BOTH, STATE = "12345678200051", "12345678200044", "11000201100044"
LONG_AGO_NS = 1_790_000_000_000_000_000
NOON = datetime(2026, 11, 20, 11, 0, tzinfo=UTC)

STRUCTURES = (
    "TypeIdentifiant;Identifiant;RaisonSociale;EmetteurEdi;RecepteurEdi;GestionStatutMiseEnPaiement;GestionEngagement;"
    "GestionService;GestionServiceEngagement;EstMOA;EstMOAUniquement;StructureActive;Adresse;ComplementAdresse1;"
    "ComplementAdresse2;CodePostal;Ville;NumTelephone;Courriel;CodePays;LibellePays"
)
SERVICES = "Identifiant;CodeService;LibelleService;ServiceActif;DateDebut;DateFin;GestionEngagement"
COMMITMENTS = "numero;service;structure;fournisseur;etat;ouvert_le;ferme_le"


def directory(folder: Path) -> Path:
    """A directory of three recipients: one asks for nothing, one for everything, one is the State."""
    folder.mkdir(exist_ok=True)
    rows = [
        f"1;{siret};{name};false;false;true;{commitment};{service};false;false;false;true;1 rue;;;75001;Paris;;;FR;France"
        for siret, name, service, commitment in (
            (PLAIN, "Commune sans exigence", "false", "false"),
            (NEEDS_BOTH, "Commune exigeante", "true", "true"),
            (STATE, "Etat", "true", "false"),
        )
    ]
    (folder / "structures.csv").write_text("\n".join([STRUCTURES, *rows, ""]), encoding="utf-8")
    services = [f"{NEEDS_BOTH};SERV_OBL;Service obligatoire;true;;;false", f"{STATE};SFACETAT;Facturier;true;;;false"]
    (folder / "services.csv").write_text("\n".join([SERVICES, *services, ""]), encoding="utf-8")
    return folder


def orders(path: Path, *numbers: str) -> Path:
    """The State's order file, with these orders open for our supplier."""
    rows = [f"{number};SFACETAT;{STATE};{SUPPLIER};COMMANDE;2026-01-01;" for number in numbers]
    path.write_text("\n".join([COMMITMENTS, *rows, ""]), encoding="utf-8")
    return path


def ubl(
    number: str = "F-1",
    *,
    recipient: str = PLAIN,
    supplier: str = SUPPLIER,
    net: str = "100.00",
    service: str = "",
    order: str = "",
    issued: str = "2026-11-18",
    type_code: str = "380",
) -> bytes:
    """An invoice of one line at 20 %, in UBL, that claims no EN 16931."""
    from decimal import Decimal

    vat = (Decimal(net) * Decimal("0.2")).quantize(Decimal("0.01"))
    gross = Decimal(net) + vat
    reference = f"<cbc:BuyerReference>{service}</cbc:BuyerReference>" if service else ""
    ordered = f"<cac:OrderReference><cbc:ID>{order}</cbc:ID></cac:OrderReference>" if order else ""
    money = 'currencyID="EUR"'

    def party(siret: str, name: str, vat_number: str) -> str:
        return (
            f'<cac:Party><cac:PartyIdentification><cbc:ID schemeName="1">{siret}</cbc:ID></cac:PartyIdentification>'
            f"<cac:PartyName><cbc:Name>{name}</cbc:Name></cac:PartyName>"
            "<cac:PostalAddress><cbc:StreetName>1 rue</cbc:StreetName><cbc:CityName>Paris</cbc:CityName>"
            "<cbc:PostalZone>75001</cbc:PostalZone><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode>"
            "</cac:Country></cac:PostalAddress>"
            f"<cac:PartyTaxScheme><cbc:CompanyID>{vat_number}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID>"
            "</cac:TaxScheme></cac:PartyTaxScheme></cac:Party>"
        )

    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" '
        'xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2" '
        'xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">'
        "<cbc:ProfileID>A1</cbc:ProfileID>"
        f"<cbc:ID>{number}</cbc:ID><cbc:IssueDate>{issued}</cbc:IssueDate><cbc:DueDate>2026-12-18</cbc:DueDate>"
        f"<cbc:InvoiceTypeCode>{type_code}</cbc:InvoiceTypeCode>"
        f"<cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>{reference}{ordered}"
        f"<cac:AccountingSupplierParty>{party(supplier, 'Fournisseur', 'FR40123456789')}</cac:AccountingSupplierParty>"
        f"<cac:AccountingCustomerParty>{party(recipient, 'Client', 'FR40123456782')}</cac:AccountingCustomerParty>"
        "<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cac:PayeeFinancialAccount>"
        "<cbc:ID>FR7630006000011234567890189</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>"
        f"<cac:TaxTotal><cbc:TaxAmount {money}>{vat}</cbc:TaxAmount><cac:TaxSubtotal>"
        f"<cbc:TaxableAmount {money}>{net}</cbc:TaxableAmount><cbc:TaxAmount {money}>{vat}</cbc:TaxAmount>"
        "<cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID>"
        "</cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>"
        f"<cac:LegalMonetaryTotal><cbc:LineExtensionAmount {money}>{net}</cbc:LineExtensionAmount>"
        f"<cbc:TaxExclusiveAmount {money}>{net}</cbc:TaxExclusiveAmount>"
        f"<cbc:TaxInclusiveAmount {money}>{gross}</cbc:TaxInclusiveAmount>"
        f"<cbc:PayableAmount {money}>{gross}</cbc:PayableAmount></cac:LegalMonetaryTotal>"
        f'<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>'
        f"<cbc:LineExtensionAmount {money}>{net}</cbc:LineExtensionAmount>"
        "<cac:Item><cbc:Description>Papier</cbc:Description><cbc:Name>Papier</cbc:Name><cac:ClassifiedTaxCategory>"
        "<cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme>"
        f"</cac:ClassifiedTaxCategory></cac:Item><cac:Price><cbc:PriceAmount {money}>{net}</cbc:PriceAmount>"
        "</cac:Price></cac:InvoiceLine></Invoice>"
    ).encode()


def archive(documents: Iterable[tuple[str, bytes]]) -> bytes:
    """A tar.gz of documents."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, document in documents:
            entry = tarfile.TarInfo(name)
            entry.size = len(document)
            tar.addfile(entry, io.BytesIO(document))
    return packed.getvalue()


def flow_name(sequence: int, code: str = "FSO1100A", partner: str = PARTNER) -> str:
    return f"{code}_{partner}_{partner}{code[3:7]}{sequence:015d}"


def partner(code: str = PARTNER, **sheet: object) -> Partner:
    rights = (DepositRight("1", SUPPLIER), DepositRight("1", SUPPLIER_2))
    return Partner(code, f"Raccordement {code}", rights=rights, **sheet)  # type: ignore[arg-type]


def open_home(
    path: Path, at: datetime = NOON, *, settings: Settings | None = None, reader: tuple[str, ...] = ()
) -> Home:
    path.mkdir(parents=True, exist_ok=True)
    given = settings or load(path, ours="CPP001", readers=2)
    clock = FixedClock(at)
    ledger = path / "ledger.sqlite"
    if not given.ledger.url and not ledger.exists():
        empty_ledger(ledger)
    return (
        runner.open_home(path, given, clock=clock, reader=reader)
        if reader
        else runner.open_home(path, given, clock=clock)
    )


def empty_ledger(path: Path) -> None:
    """The ledger that the migrations make of nothing, as a new home has it: for its owner alone."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_migrated())


@cache
def _migrated() -> bytes:
    """Made once: the migrations take longer than most tests."""
    with tempfile.TemporaryDirectory(prefix="ledger-") as folder:
        ledger = Ledger.at(Path(folder) / "ledger.sqlite")
        ledger.migrate()
        ledger.close()
        return (Path(folder) / "ledger.sqlite").read_bytes()


def ready_home(path: Path, at: datetime = NOON, *, day: date = date(2026, 11, 1), reader: tuple[str, ...] = ()) -> Home:
    """A home with two partners and a directory."""
    home = open_home(path, at, reader=reader)
    runner.add_partner(home, partner())
    runner.add_partner(home, partner(OTHER))
    runner.import_directory(home, directory(path / "annuaire"), day)
    return home


def drop(home: Home, name: str | bytes, content: bytes, partner_code: str = PARTNER, *, age_s: int = 60) -> Path:
    """A finished file in a partner's `in/`."""
    raw = os.path.join(os.fsencode(home.drop(partner_code).inbox), os.fsencode(name))
    with open(raw, "wb") as file:
        file.write(content)
    at = os.stat(raw).st_mtime - age_s
    os.utime(raw, (at, at))
    return Path(os.fsdecode(raw))


def out(home: Home, code: str = PARTNER, kind: str = "drop") -> dict[str, bytes]:
    """What stands in an `out/`: name -> bytes."""
    folder = home.path / kind / code / "out"
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())} if folder.is_dir() else {}
