"""An action file (ACT9001A) -> its rows: what an issuer asks about invoices that were integrated (spec 06 section 4).

Two forms of one thing, CSV and XML; docs/actions.md describes both. A row that cannot be read is refused alone; what
makes the columns doubtful refuses the file. Nothing is guessed, and nothing here knows whether the invoice exists.

No rule of the catalogue is about a layout of ours: what breaks it earns XML-010, the rule on the structure of a file.
What an action can never change (an amount, a date, the number) earns LFC-005, as the platform says it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from lxml import etree

from pipeline import codes
from pipeline.codes import Code, Severity
from pipeline.model import ActionKind, Enclosed, Finding, InvoiceKey, ReadAction
from pipeline.readers import safe_xml, sheet
from pipeline.readers.safe_xml import Parsed
from pipeline.readers.schemes import LEGACY_TYPES
from pipeline.readers.walk import source_line
from pipeline.terms import ActionLimits, Terms
from pipeline.values import XML_BLANKS, Text, parse_iso_day

ROOT, UNIT = "ActionsFournisseur", "Action"
REMOVE = "-"  # alone in a cell: takes the value away; an empty cell leaves it as it is
SIRET = "1"
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"
_WIDE = (b"\xff\xfe<", b"\xfe\xff\0<")  # UTF-16
_SEPARATES_NAMES = re.compile(r"[|\n]")
_GUARDED = re.compile(r"\A'(?=\s*[=+\-@])")  # what our own tables put before a text that a spreadsheet would calculate


@dataclass(frozen=True, slots=True)
class Column:
    """One datum of a row: its column in the CSV, its element in the XML, and other names of the column."""

    name: str
    element: str
    aliases: tuple[str, ...] = ()
    is_required: bool = False


ACTION = Column("action", "Nature", ("nature",), is_required=True)
SUPPLIER_TYPE = Column("type_fournisseur", "TypeIdentifiant", ("supplier_type", "type_identifiant"))
SUPPLIER = Column(
    "fournisseur", "Fournisseur", ("supplier", "siret_fournisseur", "identifiant_fournisseur"), is_required=True
)
NUMBER = Column("numero", "IdFacture", ("number", "numero_facture", "facture"), is_required=True)
ISSUED = Column("date_facture", "DateFacture", ("issued", "date_emission"))
RECIPIENT = Column("destinataire", "Destinataire", ("recipient", "siret_destinataire"))
SERVICE = Column("service", "CodeService", ("code_service",))
COMMITMENT = Column("engagement", "NumeroEngagement", ("commitment", "numero_engagement"))
COMMENT = Column("commentaire", "Commentaire", ("comment",))
REASON = Column("motif", "Motif", ("reason",))
CREDIT_NOTE = Column("avoir", "Avoir", ("credit_note", "numero_avoir"))
CORRECTIVE = Column("facture_rectificative", "FactureRectificative", ("corrective", "nouvelle_facture"))
ATTACHMENTS = Column("pieces_jointes", "PieceJointe", ("attachments", "pj"))
COLUMNS = (
    ACTION, SUPPLIER_TYPE, SUPPLIER, NUMBER, ISSUED, RECIPIENT, SERVICE, COMMITMENT, COMMENT, REASON, CREDIT_NOTE,
    CORRECTIVE, ATTACHMENTS,
)  # fmt: skip
_BY_HEADER: Mapping[str, Column] = MappingProxyType(
    {name: column for column in COLUMNS for name in (column.name, *column.aliases)}
)
# What no action changes: in the CSV by the name of the column, in the XML by that of the element; (French, English).
FIXED: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "montant": ("le montant", "the amount"),
        "montant_ht": ("le montant hors taxes", "the amount without VAT"),
        "montant_tva": ("le montant de la TVA", "the VAT amount"),
        "montant_ttc": ("le montant TTC", "the amount with VAT"),
        "montant_net_a_payer": ("le net à payer", "the amount due"),
        "net_a_payer": ("le net à payer", "the amount due"),
        "total": ("le total", "the total"),
        "total_ttc": ("le total TTC", "the total with VAT"),
        "amount": ("le montant", "the amount"),
        "devise": ("la devise", "the currency"),
        "currency": ("la devise", "the currency"),
        "nouveau_numero": ("le numéro", "the number"),
        "new_number": ("le numéro", "the number"),
        "nouvelle_date": ("la date", "the date"),
        "new_date": ("la date", "the date"),
        "date_echeance": ("l'échéance", "the due date"),
        "due_date": ("l'échéance", "the due date"),
        "date_livraison": ("la date de livraison", "the delivery date"),
        "lignes": ("les lignes", "the lines"),
    }
)
FIXED_ELEMENTS: Mapping[str, str] = MappingProxyType(  # element, as the schema names it -> its row above
    {
        "MontantHT": "montant_ht", "MontantTVA": "montant_tva", "MontantTTC": "montant_ttc",
        "MontantNetAPayer": "montant_net_a_payer", "Devise": "devise", "NouveauNumero": "nouveau_numero",
        "NouvelleDate": "nouvelle_date", "DateEcheance": "date_echeance", "DateLivraison": "date_livraison",
        "Lignes": "lignes",
    }
)  # fmt: skip
_KINDS: Mapping[str, ActionKind] = MappingProxyType(
    {
        "recycler": ActionKind.RECYCLE, "recycle": ActionKind.RECYCLE,
        "completer": ActionKind.COMPLETE, "complete": ActionKind.COMPLETE,
        "traiter_rejet": ActionKind.HANDLE_REJECT, "traiter_un_rejet": ActionKind.HANDLE_REJECT,
        "handle_reject": ActionKind.HANDLE_REJECT,
    }
)  # fmt: skip


def is_xml(document: bytes) -> bool:
    """Whether this is the XML form, by its first bytes and never by its name."""
    return document.startswith(_WIDE) or document.lstrip(_BEFORE_XML).startswith(b"<")


def read(
    document: bytes, member: str, enclosed: Mapping[str, Enclosed], terms: Terms
) -> tuple[tuple[Finding, ...], tuple[ReadAction, ...]]:
    """The findings on the file, of which an error refuses it and all it holds, and its rows in their order.

    `rank` counts from 1 inside this file. `enclosed`: the files beside it, by name. The XML is held to its schema by
    `validators.action_document`, which calls `rows_of` with the tree that it has checked.
    """
    desk = Desk(member, terms)
    if len(document) > terms.action.bytes_max:
        return (desk.over("bytes", "le nombre d'octets", len(document), terms.action.bytes_max),), ()
    if is_xml(document):
        parsed = safe_xml.parse(document, member, terms)
        return (parsed.findings, ()) if parsed.tree is None else rows_of(parsed, member, enclosed, terms)
    return _of_table(document, enclosed, desk)


def rows_of(
    parsed: Parsed, member: str, enclosed: Mapping[str, Enclosed], terms: Terms
) -> tuple[tuple[Finding, ...], tuple[ReadAction, ...]]:
    """The rows of the XML form, from a tree."""
    desk = Desk(member, terms)
    if parsed.tree is None or parsed.tree.getroot().tag != ROOT:
        fr, en = f"la racine est {ROOT}, sans espace de noms", f"the root is {ROOT}, without a namespace"
        return (*parsed.findings, desk.broken(fr, en, 1, "/")), ()
    units = parsed.tree.getroot().findall(UNIT)
    if not units:
        fr, en = f"aucun élément {UNIT}", f"no element {UNIT}"
        return (*parsed.findings, desk.broken(fr, en, 1, f"/{ROOT}")), ()
    if len(units) > terms.action.rows_max:
        return (*parsed.findings, desk.over("rows", "le nombre de lignes", len(units), terms.action.rows_max)), ()
    rows = tuple(_row(rank, _of_element(unit, rank), enclosed, desk) for rank, unit in enumerate(units, 1))
    return (*parsed.findings, *_left(enclosed, desk, f"/{ROOT}")), rows


# --- findings ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Desk:
    """Makes findings. Settings may switch a rule off: what cannot be read is refused all the same.

    `named`: the files that the rows so far ask for.
    """

    member: str
    terms: Terms
    named: set[str] = field(default_factory=set)

    @property
    def limits(self) -> ActionLimits:
        return self.terms.action

    def broken(self, fr: str, en: str, line: int, path: str, value: str = "") -> Finding:
        """XML-010: the layout does not hold at this place."""
        facts = {"sentence": en, "sentence_fr": fr}
        return self.made(codes.XML_010, line, path, value, facts)

    def over(self, what: str, what_fr: str, value: int, limit: int) -> Finding:
        facts: dict[str, str | int] = {"what": what, "what_fr": what_fr, "limit": limit}
        return self.made(codes.XML_003, 0, "", str(value), facts)

    def made(
        self, code: Code, line: int, path: str, value: str, facts: Mapping[str, str | int],
        severity: Severity = Severity.ERROR,
    ) -> Finding:  # fmt: skip
        shown = value if len(value) <= _SHOWN_MAX else f"{value[: _SHOWN_MAX - 1]}…"
        given = {"member": self.member, **facts}
        return Finding(code.id, code.id, severity, member=self.member, path=path, line=line, value=shown, facts=given)


_SHOWN_MAX = 200


# --- the two forms ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Given:
    """One row as it stands in the file: every datum that it names, and what it must not name.

    A text that is empty takes the value away; a datum that is not there is not in `values`.
    """

    line: int
    values: Mapping[str, Text]  # by name of the column
    names: tuple[Text, ...] = ()  # of attachments
    fixed: tuple[tuple[str, Text], ...] = ()  # name in FIXED, and what was given


def _of_table(
    document: bytes, enclosed: Mapping[str, Enclosed], desk: Desk
) -> tuple[tuple[Finding, ...], tuple[ReadAction, ...]]:
    text = sheet.decoded(document)
    if text is None:
        facts = {"encoding": "an unknown encoding", "encoding_fr": "un codage inconnu"}
        return (desk.made(codes.FIL_006, 0, "", "", facts),), ()
    found = list(_encoding(text[1], desk))
    rows: list[ReadAction] = []
    columns: list[str] | None = None
    try:
        for line in sheet.lines(text[0]):
            if columns is None:
                columns, wrong = _columns(line, desk)
                if wrong:
                    return (*found, *wrong), ()
            elif len(rows) == desk.limits.rows_max:
                total = len(rows) + 1
                return (*found, desk.over("rows", "le nombre de lignes", total, desk.limits.rows_max)), ()
            else:
                rows.append(_of_line(len(rows) + 1, line, columns, enclosed, desk))
    except sheet.BrokenTable as broken:
        fr = "des guillemets ne se ferment pas, ou une valeur est trop longue"
        en = "quotes are not closed, or a value is too long"
        return (*found, desk.broken(fr, en, broken.line, "")), ()
    if columns is None or not rows:
        fr = "le fichier est vide" if columns is None else "aucune ligne sous l'en-tête"
        en = "the file is empty" if columns is None else "no row below the header"
        return (*found, desk.broken(fr, en, 1, "")), ()
    return (*found, *_left(enclosed, desk, ATTACHMENTS.name)), tuple(rows)


def _encoding(name: str, desk: Desk) -> Iterator[Finding]:
    """FIL-005 and FIL-006, as for an XML."""
    known = desk.terms.lists.encodings
    facts = {"encoding": name}
    if name not in known:
        yield desk.made(codes.FIL_006, 0, "", name, facts)
    elif name != known[0] and (severity := desk.terms.severity(codes.FIL_005)) is not None:
        yield desk.made(codes.FIL_005, 0, "", name, facts, severity)


def _columns(header: sheet.Cells, desk: Desk) -> tuple[list[str], list[Finding]]:
    """The name of each column: ours, or one of FIXED; or what is wrong with the header."""
    names: list[str] = []
    found: list[Finding] = []
    wanted = ";".join(column.name for column in COLUMNS)
    for cell in header.cells:
        plain = sheet.plain(cell)
        name = _BY_HEADER[plain].name if plain in _BY_HEADER else plain
        if name in names and name:
            fr, en = f"colonne {name} présente deux fois", f"column {name} is there twice"
            found.append(desk.broken(fr, en, header.number, name, cell))
        elif plain not in _BY_HEADER and plain not in FIXED and cell.strip(sheet.BLANKS):
            shown = cell.strip(sheet.BLANKS)[:60]
            fr = f"colonne « {shown} » inconnue ; colonnes possibles : {wanted}"
            en = f"column '{shown}' is not known; possible columns: {wanted}"
            found.append(desk.broken(fr, en, header.number, shown, cell))
        names.append(name)
    missing = [column.name for column in COLUMNS if column.is_required and column.name not in names]
    if missing:
        listed = ", ".join(missing)
        fr, en = f"colonnes absentes : {listed}", f"missing columns: {listed}"
        found.append(desk.broken(fr, en, header.number, missing[0]))
    return names, found


def _of_line(
    rank: int, line: sheet.Cells, columns: Sequence[str], enclosed: Mapping[str, Enclosed], desk: Desk
) -> ReadAction:
    values: dict[str, Text] = {}
    fixed: list[tuple[str, Text]] = []
    names: list[Text] = []
    found: list[Finding] = []
    for place, cell in enumerate(line.cells):
        raw = cell.strip(sheet.BLANKS)
        if not raw:
            continue  # an empty cell says nothing
        column = columns[place] if place < len(columns) else ""
        text = Text(_GUARDED.sub("", raw, count=1), "", column, line.number)
        if not column:
            fr, en = "valeur hors des colonnes nommées", "value outside the named columns"
            found.append(desk.broken(fr, en, line.number, "", raw))
        elif column in FIXED:
            fixed.append((column, text))
        elif column == ATTACHMENTS.name:
            pieces = (name.strip(sheet.BLANKS) for name in _SEPARATES_NAMES.split(text.text))
            names += (text._replace(text=name) for name in pieces if name)
        else:
            values[column] = text._replace(text="") if raw == REMOVE else text
    row = _row(rank, _Given(line.number, values, tuple(names), tuple(fixed)), enclosed, desk)
    return replace(row, findings=(*found, *row.findings)) if found else row


def _of_element(unit: "etree._Element", rank: int) -> _Given:
    """An element that is there and empty takes the value away."""
    values: dict[str, Text] = {}
    names: list[Text] = []
    fixed: list[tuple[str, Text]] = []
    at = f"/{ROOT}/{UNIT}[{rank}]"
    for child in unit.iterchildren("*"):
        name = etree.QName(child).localname
        text = Text((child.text or "").strip(XML_BLANKS), "", f"{at}/{name}", source_line(child))
        if name == ATTACHMENTS.element:
            names.append(text)
        elif name in FIXED_ELEMENTS:
            fixed.append((FIXED_ELEMENTS[name], text))
        else:
            column = _BY_ELEMENT.get(name)
            if column is not None:
                values.setdefault(column.name, text)
    return _Given(source_line(unit), values, tuple(names), tuple(fixed))


_BY_ELEMENT: Mapping[str, Column] = MappingProxyType({column.element: column for column in COLUMNS})


# --- one row ----------------------------------------------------------------------------------------------------------


def _row(rank: int, given: _Given, enclosed: Mapping[str, Enclosed], desk: Desk) -> ReadAction:
    found = [*_lengths(given, desk), *_fixed(given, desk)]
    values = given.values
    kind = _kind(given, found, desk)
    key = _key(given, found, desk)
    attachments = _attachments(given, enclosed, found, desk)
    return ReadAction(
        rank,
        desk.member,
        kind,
        values.get(ACTION.name),
        key,
        recipient=values.get(RECIPIENT.name),
        service=values.get(SERVICE.name),
        commitment=values.get(COMMITMENT.name),
        comment=values.get(COMMENT.name),
        reason=values.get(REASON.name),
        credit_note=values.get(CREDIT_NOTE.name),
        corrective=values.get(CORRECTIVE.name),
        attachments=attachments,
        findings=tuple(found),
    )


def _lengths(given: _Given, desk: Desk) -> Iterator[Finding]:
    limit = desk.limits.cell_chars_max
    for text in (*given.values.values(), *given.names):
        if len(text.text) > limit:
            what, what_fr = "characters of one text", "la longueur d'un texte, en caractères"
            facts: dict[str, str | int] = {"what": what, "what_fr": what_fr, "limit": limit}
            yield desk.made(codes.XML_003, text.line, text.path, str(len(text.text)), facts)


def _fixed(given: _Given, desk: Desk) -> Iterator[Finding]:
    """LFC-005: what an action never changes."""
    for name, text in given.fixed:
        fr, en = FIXED[name]
        yield desk.made(codes.LFC_005, text.line, text.path, text.text, {"what": en, "what_fr": fr})


def _kind(given: _Given, found: list[Finding], desk: Desk) -> ActionKind | None:
    text = given.values.get(ACTION.name)
    kind = _KINDS.get(sheet.plain(text.text)) if text is not None else None
    if kind is None:
        line, path, value = (text.line, text.path, text.text) if text is not None else (given.line, ACTION.name, "")
        fr = "action attendue : recycler, completer ou traiter-rejet"
        found.append(desk.broken(fr, "action wanted: recycle, complete or handle-reject", line, path, value))
    return kind


def _key(given: _Given, found: list[Finding], desk: Desk) -> InvoiceKey:
    values = given.values
    kind = values.get(SUPPLIER_TYPE.name)
    supplier_type = kind.text if kind is not None else SIRET
    if supplier_type not in LEGACY_TYPES and kind is not None:
        fr, en = "un type d'identifiant va de 1 à 7 (1 : SIRET)", "an identifier type is 1 to 7 (1: SIRET)"
        found.append(desk.broken(fr, en, kind.line, kind.path, kind.text))
    for column, fr, en in (
        (SUPPLIER, "le fournisseur manque", "the supplier is missing"),
        (NUMBER, "le numéro de facture manque", "the invoice number is missing"),
    ):
        text = values.get(column.name)
        if text is None or not text.text:
            line, path = (text.line, text.path) if text is not None else (given.line, column.name)
            found.append(desk.broken(fr, en, line, path))
    for text in filter(None, (values.get(SUPPLIER.name), values.get(RECIPIENT.name))):
        if _ROUNDED.fullmatch(text.text):
            fr = "identifiant arrondi par un tableur ; exporter cette colonne comme texte"
            en = "identifier rounded by a spreadsheet; export this column as text"
            found.append(desk.broken(fr, en, text.line, text.path, text.text))
    issued = values.get(ISSUED.name)
    day = parse_iso_day(_iso(issued.text)) if issued is not None and issued.text else None
    if issued is not None and issued.text and day is None:
        fr, en = "une date s'écrit AAAA-MM-JJ ou JJ/MM/AAAA", "a date is written YYYY-MM-DD or DD/MM/YYYY"
        found.append(desk.broken(fr, en, issued.line, issued.path, issued.text))
    return InvoiceKey(supplier_type, values.get(SUPPLIER.name), values.get(NUMBER.name), day)


_ROUNDED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[eE]\+?[0-9]+", re.ASCII)
_FRENCH_DAY = re.compile(r"([0-9]{2})/([0-9]{2})/([0-9]{4})", re.ASCII)


def _iso(text: str) -> str:
    """A day as a French spreadsheet shows it, in the order that our pattern reads."""
    match = _FRENCH_DAY.fullmatch(text)
    return f"{match[3]}-{match[2]}-{match[1]}" if match else text


def _attachments(
    given: _Given, enclosed: Mapping[str, Enclosed], found: list[Finding], desk: Desk
) -> tuple[Enclosed, ...]:
    """The files that a row names. One that is not there cannot be added; what is wrong with one is said here."""
    desk.named.update(text.text for text in given.names)
    if len(given.names) > desk.limits.attachments_max:
        found.append(
            desk.over("attachments of one row", "le nombre de pièces jointes d'une ligne", len(given.names),
                      desk.limits.attachments_max)
        )  # fmt: skip
        return ()
    taken = []
    for text in given.names:
        file = enclosed.get(text.text)
        if file is None:
            missing = {"name": f"{text.text} (not in the archive)", "name_fr": f"{text.text} (absente de l'archive)"}
            found.append(desk.made(codes.ATT_007, text.line, text.path, text.text, missing))
            continue
        found += (replace(one, path=text.path, line=text.line) for one in file.findings)
        taken.append(file)
    return tuple(taken)


def _left(enclosed: Mapping[str, Enclosed], desk: Desk, path: str) -> Iterator[Finding]:
    """A file that no row names goes nowhere: its sender hears of it, and no row is refused for it."""
    if desk.terms.severity(codes.XML_010) is None:
        return
    for name in enclosed:
        if name not in desk.named:
            fr = f"aucune ligne ne nomme le fichier « {name} » de l'archive, qui n'est joint à aucune facture"
            en = f"no row names the file '{name}' of the archive, which is added to no invoice"
            yield desk.made(codes.XML_010, 1, path, name, {"sentence": en, "sentence_fr": fr}, Severity.WARNING)
