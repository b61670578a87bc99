"""CPPFactureMixte (FSO1113A) -> one `Invoice` for each unit. No namespace, and no BT of its own: those of EN 16931."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from lxml import etree

from pipeline.model import AccountGiven, Address, Attachment, Invoice, Kind, Level, Line, Party, Places, VatLine
from pipeline.readers.schemes import LEGACY_TYPES
from pipeline.readers.walk import Found, Group, read_attribute, source_line
from pipeline.terms import Terms
from pipeline.values import Text

_UNIT = "CPPFactureMixteUnitaire"
# What may stand in each place (spec 02-returns section 4): the pivot's layout without ModeEmission and DateReception.
_BELOW_DATA = ("Montants", "TVAs", "TVAS", "Engagement", "Lignes")
_KNOWN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        _UNIT: frozenset({"Fournisseur", "Debiteur", "DonneesFacture", "PJ", "CycleDeValidation", *_BELOW_DATA}),
        "Fournisseur": frozenset({"TypeIdentifiant", "Identifiant", "RaisonSociale", "CodePays", "ReferenceBancaire"}),
        "ReferenceBancaire": frozenset({"Compte", "Etablissement", "RaisonSocialeEncaisseur"}),
        "Debiteur": frozenset({"TypeIdentifiant", "Identifiant", "Nom", "CodeService", "NomService"}),
        "DonneesFacture": frozenset(
            {"Id", "IdCPRO", "Renvoi", "IdFactureOrigine", "Type", "Cadre", "DateEmissionFacture", "DateLivraison"}
            | {"ModePaiement", "DateMiseADispositionMOE", "Devise", *_BELOW_DATA}
        ),
        "ModePaiement": frozenset({"Code", "Libelle"}),
        "Montants": frozenset({"MontantHT", "MontantTTC", "MontantNetAPayer"}),
        "TVAs": frozenset({"TVA"}),
        "TVAS": frozenset({"TVA"}),
        "TVA": frozenset({"Taux", "BaseHt", "MontantTVA"}),
        "Engagement": frozenset({"NumeroMarche", "NumeroEngagement"}),
        "Lignes": frozenset({"Ligne"}),
        "Ligne": frozenset({"ReferenceProduit", "PrixUnitaire", "Quantite", "MontantHT", "TauxTVA"}),
        "PJ": frozenset(
            {"IdUnique", "IdOriginal", "Contenu", "NomPJ", "NomPJOrigine", "CategoriePJ", "TypePJ", "MimeTypePJ"}
        ),
    }
)


def read(tree: etree._ElementTree, terms: Terms) -> tuple[Invoice, ...]:
    """Every unit of the file, in its order. The format knows one way only, whatever the terms."""
    root = Group(tree.getroot(), "/CPPFactureMixte", Found())
    units = (unit for invoices in root.groups("CPPFactures") for unit in invoices.groups(_UNIT))
    return tuple(_read_unit(Group(unit.element, unit.path, Found()), rank) for rank, unit in enumerate(units, start=1))


def _read_unit(unit: Group, rank: int) -> Invoice:
    found = unit.found
    data = unit.group("DonneesFacture")
    supplier = unit.group("Fournisseur")
    debtor = unit.group("Debiteur")
    mode = data.group("ModePaiement")
    amounts = _below(unit, data, "Montants")
    engagement = _below(unit, data, "Engagement")
    service = debtor.identifier("CodeService", "BT-10")
    commitment = engagement.identifier("NumeroEngagement", "BT-13")
    origin = data.identifier("IdFactureOrigine", "BT-25")
    code = mode.identifier("Code", "BT-81")
    return Invoice(
        kind=Kind.MIXED,
        level=Level.NONE,
        rank=rank,
        root="CPPFactureMixte",
        path=unit.path,
        number=data.identifier("Id", "BT-1"),
        type=data.identifier("Type", "BT-3"),
        issued=data.iso_day("DateEmissionFacture", "BT-2"),
        currency=data.identifier("Devise", "BT-5"),
        framework=data.identifier("Cadre", "BT-23"),
        origins=() if origin is None else (origin,),
        delivered=data.iso_day("DateLivraison", "BT-72"),
        supplier=_supplier(supplier),
        recipient=_recipient(debtor),
        service=_one_home(service),
        service_name=debtor.text("NomService", "BT-56"),
        commitment=_one_home(commitment),
        market=engagement.identifier("NumeroMarche", "BT-12"),
        payment_code=code,
        payment_codes=() if code is None else (code,),
        payment_note=mode.text("Libelle", "BT-82"),
        account=_account(supplier),
        vat_lines=tuple(_vat_lines(unit, data)),
        total_net=amounts.number("MontantHT", "BT-109"),
        total_gross=amounts.number("MontantTTC", "BT-112"),
        payable=amounts.number("MontantNetAPayer", "BT-115"),
        lines=tuple(_lines(_below(unit, data, "Lignes"))),
        unknown_elements=tuple(_unknown(unit.element, unit.path)),
        attachments=tuple(_attachments(unit)),
        dates=tuple(found.dates),
        amounts=tuple(found.amounts),
        identifiers=tuple(found.identifiers),
        texts=tuple(found.texts),
    )


def _below(unit: Group, data: Group, step: str) -> Group:
    """Amounts, VAT, commitment and lines lie below DonneesFacture; spec 03-mapping also writes them below the unit."""
    return data.group(step) or unit.group(step)


def _one_home(value: Text | None) -> Places:
    return Places() if value is None else Places(value, (value,))


def _supplier(group: Group) -> Party:
    type_ = group.identifier("TypeIdentifiant", "BT-30-1")
    return Party(
        identifier=group.identifier("Identifiant", "BT-30"),
        identifier_type=_legacy_type(type_),
        scheme=type_,
        name=group.text("RaisonSociale", "BT-27"),
        address=Address(country=group.identifier("CodePays", "BT-40")),
    )


def _recipient(group: Group) -> Party:
    type_ = group.identifier("TypeIdentifiant", "BT-47-1")
    return Party(
        identifier=group.identifier("Identifiant", "BT-47"),
        identifier_type=_legacy_type(type_),
        scheme=type_,
        name=group.text("Nom", "BT-44"),
    )


def _legacy_type(given: Text | None) -> str:
    return given.text if given is not None and given.text in LEGACY_TYPES else ""


def _account(supplier: Group) -> AccountGiven:
    bank = supplier.group("ReferenceBancaire")
    number = bank.identifier("Compte", "BT-84")
    type_ = supplier.attribute("ReferenceBancaire", "Type", "account type")
    is_rib = type_ is not None and type_.text == "RIB"
    return AccountGiven(
        iban=None if is_rib else number,
        rib=number if is_rib else None,
        bic=bank.identifier("Etablissement", "BT-86"),
        holder=bank.text("RaisonSocialeEncaisseur", "BT-59"),
    )


def _vat_lines(unit: Group, data: Group) -> Iterator[VatLine]:
    """The schema in use is not public: both spellings, TVAs and TVAS, are taken."""
    for step in ("TVAs", "TVAS"):
        for vat in _below(unit, data, step).groups("TVA"):
            yield VatLine(
                rate=vat.number("Taux", "BT-119"),
                base=vat.number("BaseHt", "BT-116"),
                amount=vat.number("MontantTVA", "BT-117"),
            )


def _lines(lines: Group) -> Iterator[Line]:
    for line in lines.groups("Ligne"):
        yield Line(
            path=line.path,
            source_line=line.line,
            id=read_attribute(line.element, "NumOrdre", "BT-126", line.path, line.found.identifiers),
            name=line.text("ReferenceProduit", "BT-153"),
            price=line.number("PrixUnitaire", "BT-146"),
            quantity=line.number("Quantite", "BT-129"),
            total=line.number("MontantHT", "BT-131"),
            vat_rate=line.number("TauxTVA", "BT-152"),
        )


def _attachments(unit: Group) -> Iterator[Attachment]:
    """Each PJ is one, also without content (ATT-007): unlike a reference, it is nothing but a file."""
    for rank, piece in enumerate(unit.groups("PJ"), start=1):
        content = piece.child("Contenu")
        mime = piece.text("MimeTypePJ", "attachment MIME type")
        yield Attachment(
            rank=rank,
            name=piece.text("NomPJ", "BT-125-2"),
            encoded="" if content is None else content.text or "",
            mime="" if mime is None else mime.text,
            type=piece.identifier("TypePJ", "attachment type"),
            category=piece.text("CategoriePJ", "attachment category"),
            path=piece.path if content is None else piece.place("Contenu"),
            line=piece.line if content is None else source_line(content),
        )


def _unknown(element: etree._Element, path: str) -> Iterator[Text]:
    """The names that the format does not know (FMT-004), each with its place."""
    known = _KNOWN[element.tag]
    ranks: dict[str, int] = {}
    for child in element.iterchildren("*"):
        rank = ranks[child.tag] = ranks.get(child.tag, 0) + 1
        if child.tag in _KNOWN and child.tag in known:
            yield from _unknown(child, f"{path}/{child.tag}[{rank}]")
        elif child.tag not in known:
            name = etree.QName(child)
            step = name.localname if not name.namespace else f"*[local-name()='{name.localname}']"
            yield Text(name.localname, name.localname, f"{path}/{step}[{rank}]", source_line(child))
