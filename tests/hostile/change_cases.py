"""Hostile files of changes: status files of recipients, action files and control files of issuers, made to harm.

None of them names an invoice that exists: what is refused is refused for what it is, and what can be read is answered
row by row, as unknown. `rules` are those that refuse, on the file or on any row.
"""

import gzip
import hashlib
import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hostile.case import Site, is_on_one_line, key
from hostile.tars import packed
from hostile.xml_cases import MEGA, laughs, typed
from integration import change_files, homes
from integration.change_files import Act, Entry

from fixtures.case import PARTNER, flow_name

STATUSES, ACTIONS, CONTROL = change_files.CODE, "ACT9001A", "CTL9002A"
NONE, SUPPLIER = "H-NONE", "12345678900015"
WHEN = "2026-11-20T10:00:00+01:00"
NOISE = hashlib.shake_256(b"noise").digest(4 * MEGA)  # what no archive makes smaller


@dataclass(frozen=True)
class ChangeCase:
    """A file to drop. `rows`: how many of its rows are answered one by one; 0 where the file is refused as a whole."""

    id: str
    row: str
    code: str
    rules: tuple[str, ...]
    make: Callable[[Site], bytes]
    rows: int = 0
    warned: tuple[str, ...] = ()
    state: str = "IN_REJETE"
    seconds: float = 5.0
    heavy: bool = False

    @property
    def name(self) -> str:
        """Its flow name; the sequence is a function of the id, so that nothing is renumbered."""
        return flow_name(self.code, f"F{key(self.id):08X}")


# --- what is right before it is spoilt --------------------------------------------------------------------------------


def statuses(count: int = 1, **changes: object) -> bytes:
    """So many statuses of invoices that nobody knows."""
    given = {"number": NONE, "status": 7, "when": WHEN, "comment": "Reçu à l'accueil"} | changes
    return change_files.status_file([Entry(**given)] * count, PARTNER)  # type: ignore[arg-type]


def table(*lines: str, head: str = "action;fournisseur;numero;commentaire;motif;pieces_jointes") -> bytes:
    """An action file as a spreadsheet writes it."""
    return "".join(f"{line}\r\n" for line in (head, *lines)).encode()


def row(comment: str = "refaite", number: str = NONE, attachments: str = "", action: str = "completer") -> str:
    return f"{action};{SUPPLIER};{number};{comment};;{attachments}"


def actions_xml(**changes: str) -> bytes:
    return change_files.action_xml([Act("complete", NONE, **({"comment": "refaite"} | changes))])


def control(*lines: str, head: str = "flux;sha256;factures;total") -> bytes:
    return "".join(f"{line}\r\n" for line in (head, *lines)).encode()


def announced(flow: str = "F", invoices: str = "1", total: str = "120.00") -> str:
    return f"{flow};{'0' * 64};{invoices};{total}"


def zipped(name: str, content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), content)
    return made.getvalue()


def made(document: Callable[[], bytes]) -> Callable[[Site], bytes]:
    """A file that asks nothing of where it is dropped; what holds megabytes is made when it is needed."""
    return lambda _: document()


def once(document: bytes, old: bytes, new: bytes) -> bytes:
    if old not in document:
        raise ValueError(f"nothing to replace: {old!r}")
    return document.replace(old, new, 1)


# --- status files -----------------------------------------------------------------------------------------------------


def _statuses() -> Iterator[ChangeCase]:
    def case(case_id: str, row_: str, rules: str, document: Callable[[], bytes], **more: object) -> ChangeCase:
        return ChangeCase(case_id, row_, STATUSES, tuple(rules.split()), made(document), **more)  # type: ignore[arg-type]

    def entity(case_id: str, declared: Callable[[Site], str]) -> ChangeCase:
        def make(site: Site) -> bytes:
            return once(typed(statuses(), declared(site)), NONE.encode(), b"&x;")

        return ChangeCase(case_id, "F01", STATUSES, ("XML-002",), make)

    yield entity("status-xxe-file", lambda site: f'[<!ENTITY x SYSTEM "file://{site.secret}">]')
    yield entity("status-xxe-http", lambda site: f'[<!ENTITY x SYSTEM "{site.canary}/s">]')
    yield entity("status-laughs", lambda _: laughs(9))
    yield entity("status-entity", lambda _: '[<!ENTITY x "F-1">]')
    yield ChangeCase("status-dtd", "F01", STATUSES, ("XML-002",),
                     lambda site: typed(statuses(), f'SYSTEM "{site.canary}/d.dtd"'))  # fmt: skip

    end = b"</CPPStatut>"
    for depth in (65, MEGA):
        yield case(f"status-deep-{depth}", "F02", "XML-003",
                   lambda depth=depth: once(statuses(), end, b"<a>" * depth + b"</a>" * depth + end))  # fmt: skip
    yield case("status-siblings-2M", "F02", "XML-003", lambda: once(statuses(), end, b"<b/>" * 2_000_001 + end))
    yield case("status-attributes", "F02", "XML-003",
               lambda: once(statuses(), b"<IdFacture>", b"<IdFacture %b>" % b" ".join(b'a%d="1"' % n for n in range(257))))  # fmt: skip
    yield case("status-comment-9MB", "F02", "LFC-008", lambda: statuses(comment="x" * 9 * MEGA), rows=1, seconds=10)
    yield case(
        "status-comment-20MB", "F02", "XML-003", lambda: statuses(comment="x" * (20 * MEGA + 1)), seconds=10, heavy=True
    )
    yield case("status-2000-rows", "F02", "LFC-008", lambda: statuses(2_000), rows=2_000, seconds=10)
    yield case("status-150000-rows", "F02", "XML-003", lambda: statuses(150_000), seconds=30, heavy=True)

    def coded(encoding: str, declared: str = "") -> bytes:
        text = statuses().decode().replace('encoding="UTF-8"', f'encoding="{declared or encoding}"', 1)
        return text.encode(encoding)

    for encoding in ("utf-16", "iso-8859-1"):
        yield case(f"status-{encoding}", "F03", "LFC-008", lambda e=encoding: coded(e), rows=1, warned=("FIL-005",))
    yield case("status-utf-7", "F03", "FIL-006", lambda: coded("utf-7", "UTF-7"))
    yield case("status-ebcdic", "F03", "FLW-002 XML-001", lambda: coded("cp037", "IBM037"))
    yield case("status-nul", "F03", "XML-001", lambda: statuses().replace(NONE.encode(), b"H\0"))
    yield case("status-invalid-utf8", "F03", "XML-001", lambda: statuses().replace(NONE.encode(), b"H\xff"))
    yield case("status-truncated", "F03", "XML-001", lambda: statuses()[:-30])
    yield case("status-two-roots", "F03", "XML-001", lambda: statuses() + b"<b/>")
    yield case("status-empty", "F03", "FLW-002 FLW-008", lambda: b"")
    yield case("status-blank", "F03", "FLW-002 FLW-014", lambda: b" \n" * 9)

    for number in ("99", "0", "-7", "1e1", "7.0", "NaN", "0x7", "\u0667", "7" * 40, ""):
        yield case(f"status-id-{number[:9] or 'none'}", "F04", "XML-010" if not number else "LFC-009 LFC-008",
                   lambda n=number: statuses(status=n), rows=0 if not number else 1)  # fmt: skip
    yield case("status-id-in-pieces", "F04", "LFC-008",
               lambda: once(statuses(), b"<IdStatut>07<", b"<IdStatut>0<!-- 9 -->7<"), rows=1)  # fmt: skip
    for when in (
        "hier",
        "2026-11-20",
        "2026-02-30T10:00:00Z",
        "2026-11-20T25:00:00Z",
        "1e999",
    ):
        yield case(f"status-when-{when}", "F04", "XML-010", lambda w=when: statuses(when=w))
    for when in ("-0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-20T10:00:00", "2026-11-20T10:00:00+14:00",
                 "2026-11-20T24:00:00Z", "2026-11-20T10:00:00.000000001Z", "12026-11-20T10:00:00Z"):  # fmt: skip
        yield case(f"status-at-{when}", "F04", "LFC-008", lambda w=when: statuses(when=w), rows=1)
    yield case("status-of-flows", "F04", "LFC-007", lambda: change_files.flow_status_file(PARTNER))
    yield case("status-nobody", "F04", "XML-010", lambda: statuses(0))
    yield case("status-other-root", "F04", "FLW-002 IDN-001", lambda: statuses().replace(b"CPPStatut", b"CPPStatus"))
    yield case(
        "status-in-a-namespace",
        "F04",
        "FLW-002 IDN-001",
        lambda: once(statuses(), b"<CPPStatut ", b'<CPPStatut xmlns="urn:x" '),
    )
    yield case("status-injected", "F05", "LFC-008",
               lambda: statuses(number="F-1\u202e;DROP", comment="=cmd|' /C calc'!A0\n[LFC-008] rien"), rows=1)  # fmt: skip
    yield case("status-long-number", "F05", "LFC-008", lambda: statuses(number="N" * 100_000), rows=1)
    yield case("status-quoted", "F05", "LFC-008", lambda: statuses(number="' OR 1=1 --", supplier="%"), rows=1)
    yield case("status-processing", "F05", "LFC-008",
               lambda: once(statuses(), b"<CPPStatut", b'<?xml-stylesheet href="http://127.0.0.1:1/x.xsl"?><CPPStatut'), rows=1)  # fmt: skip
    yield case("status-packed", "F06", "LFC-008", lambda: packed([("s.xml", statuses())]), rows=1)
    yield case(
        "status-and-no-invoice",
        "F06",
        "IDN-001 LFC-008",
        lambda: packed([("s.xml", statuses()), ("i.xml", b"<Invoice/>")]),
        rows=1,
    )
    yield case(
        "status-and-invoice",
        "F06",
        "FLW-002",
        lambda: packed([("s.xml", statuses()), ("i.xml", homes.ubl())]),
        warned=("FIL-004",),
    )
    yield case(
        "invoice-and-status",
        "F06",
        "FLW-002",
        lambda: packed([("i.xml", homes.ubl()), ("s.xml", statuses())]),
        warned=("FIL-004",),
    )
    yield case("status-gzip", "F06", "FLW-002 ENV-001", lambda: gzip.compress(statuses(), mtime=0))


# --- action files -----------------------------------------------------------------------------------------------------


def _actions() -> Iterator[ChangeCase]:
    def case(case_id: str, row_: str, rules: str, document: Callable[[], bytes], **more: object) -> ChangeCase:
        return ChangeCase(case_id, row_, ACTIONS, tuple(rules.split()), made(document), **more)  # type: ignore[arg-type]

    yield ChangeCase("action-xxe", "F01", ACTIONS, ("XML-002",),
                     lambda site: once(typed(actions_xml(), f'[<!ENTITY x SYSTEM "file://{site.secret}">]'), NONE.encode(), b"&x;"))  # fmt: skip
    yield ChangeCase("action-laughs", "F01", ACTIONS, ("XML-002",),
                     lambda _: once(typed(actions_xml(), laughs(9)), NONE.encode(), b"&x;"))  # fmt: skip
    end = b"</ActionsFournisseur>"
    yield case("action-deep", "F02", "XML-003", lambda: once(actions_xml(), end, b"<a>" * MEGA + b"</a>" * MEGA + end))
    yield case("action-unknown-element", "F04", "XML-010", lambda: once(actions_xml(), end, b"<Autre/>" + end))
    yield case("action-no-row", "F04", "XML-010", lambda: change_files.action_xml([]))
    yield case("action-other-root", "F04", "XML-010", lambda: actions_xml().replace(b"ActionsFournisseur", b"Actions"))
    yield case("action-is-an-invoice", "F04", "XML-010", lambda: b"<Invoice/>")

    yield case("table-of-a-million", "F07", "XML-003", lambda: table(*([row()] * MEGA)), seconds=10)
    yield case("table-2000-rows", "F07", "LFC-008", lambda: table(*([row()] * 2_000)), rows=2_000, seconds=10)
    yield case("table-wide", "F07", "XML-010", lambda: table(";" * MEGA), seconds=5)
    yield case("table-long-cell", "F07", "XML-010", lambda: table(row("x" * 10 * MEGA)))
    yield case("table-cell-of-2001", "F07", "XML-003 LFC-008", lambda: table(row("x" * 2_001)), rows=1)
    yield case("table-only-blanks", "F07", "XML-010", lambda: b";;;\r\n" * 9)
    yield case("table-header-only", "F08", "XML-010", lambda: table())
    yield case(
        "table-unknown-column", "F08", "XML-010", lambda: table("x", head="action;fournisseur;numero;prix_cadeau")
    )
    yield case("table-column-twice", "F08", "XML-010", lambda: table("x", head="action;fournisseur;numero;Numéro"))
    yield case("table-open-quote", "F08", "XML-010", lambda: table(row('"jamais fermé')))
    yield case("table-nul", "F08", "FLW-014", lambda: table(row("a\0b")))
    yield case("table-nul-in-utf16", "F08", "FIL-006", lambda: table(row("a\0b")).decode().encode("utf-16"))
    yield case(
        "table-utf16", "F08", "LFC-008", lambda: table(row("é")).decode().encode("utf-16"), rows=1, warned=("FIL-005",)
    )
    yield case(
        "table-cp1252",
        "F08",
        "LFC-008",
        lambda: table(row("é€")).decode().encode("cp1252"),
        rows=1,
        warned=("FIL-005",),
    )
    yield case("table-old-mac", "F08", "LFC-008", lambda: table(row()).replace(b"\r\n", b"\r"), rows=1)
    yield case("table-bytes", "F08", "FLW-014", lambda: bytes(range(256)) * 9)
    for number, shown in (("1e999", "rounded"), ("NaN", "nan"), ("1.23457E+13", "rounded as a SIRET")):
        rules = "XML-010 LFC-008" if shown.startswith("rounded") else "LFC-008"
        yield case(f"table-supplier-{shown}", "F09", rules,
                   lambda n=number: table(f"completer;{n};{NONE};x;;"), rows=1)  # fmt: skip
    for formula in ('=HYPERLINK("http://127.0.0.1:1/x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1", "'=1"):
        quoted = '"' + formula.replace('"', '""') + '"'
        yield case(f"table-formula-{key(formula):08X}", "F09", "LFC-008",
                   lambda q=quoted: table(f"completer;{SUPPLIER};{q};{q};;"), rows=1)  # fmt: skip
    yield case("table-amount", "F09", "LFC-005 LFC-008",
               lambda: table(f"recycler;{SUPPLIER};{NONE};1e999", head="action;fournisseur;numero;montant_ttc"), rows=1)  # fmt: skip
    yield case("table-no-action", "F09", "XML-010 LFC-008", lambda: table(row(action="rm -rf /")), rows=1)
    yield case("table-bidi", "F09", "LFC-008", lambda: table(row("\u202eabc", "F\u200b1")), rows=1)

    bill = b"%PDF-1.4\n%%EOF\n"
    named = row(attachments="bon.pdf")
    yield case("packed-missing", "F10", "ATT-007 LFC-008", lambda: packed([("a.csv", table(named))]), rows=1)
    yield case("packed-extra", "F10", "LFC-008",
               lambda: packed([("a.csv", table(named)), ("bon.pdf", bill), ("autre.pdf", bill)]), rows=1,
               warned=("XML-010",))  # fmt: skip
    yield case("packed-name-twice", "F10", "ENV-008",
               lambda: packed([("a.csv", table(named)), ("bon.pdf", bill), ("bon.pdf", b"%PDF-1.5")]))  # fmt: skip
    yield case("packed-up", "F10", "ENV-003", lambda: packed([("a.csv", table(named)), ("../bon.pdf", bill)]))
    yield case(
        "packed-two-tables", "F10", "IDN-001", lambda: packed([("a.csv", table(named)), ("b.csv", table(row()))])
    )
    yield case("packed-no-table", "F10", "IDN-001", lambda: packed([("bon.pdf", bill)]))
    yield case(
        "packed-empty-file",
        "F10",
        "ATT-007 LFC-008",
        lambda: packed([("a.csv", table(named)), ("bon.pdf", b"")]),
        rows=1,
    )
    yield case("packed-program", "F10", "ATT-004 LFC-008",
               lambda: packed([("a.csv", table(row(attachments="x.exe"))), ("x.exe", b"MZ" + bytes(99))]), rows=1)  # fmt: skip
    yield case("packed-bomb", "F10", "ENV-002",
               lambda: packed([("a.csv", table(row(attachments="b.zip"))), ("b.zip", zipped("b", bytes(30 * MEGA))), ("c.pdf", NOISE)]))  # fmt: skip
    yield case("packed-a-hundred-and-one", "F10", "XML-003 LFC-008",
               lambda: packed([("a.csv", table(row(attachments="|".join(f"{n}.pdf" for n in range(101)))))]), rows=1)  # fmt: skip


# --- control files ----------------------------------------------------------------------------------------------------


def _control() -> Iterator[ChangeCase]:
    def case(case_id: str, row_: str, rules: str, document: Callable[[], bytes], **more: object) -> ChangeCase:
        return ChangeCase(case_id, row_, CONTROL, tuple(rules.split()), made(document), **more)  # type: ignore[arg-type]

    yield case("control-million", "F07", "XML-003", lambda: control(*(announced() for _ in range(200_000))), seconds=10)
    yield case("control-nul", "F08", "FLW-014", lambda: control(announced("F\0")))
    yield case("control-bytes", "F08", "FLW-014", lambda: bytes(range(256)) * 9)
    yield case("control-open-quote", "F08", "XML-010", lambda: control(announced('"F')), rows=1)
    for total in ("1e999", "NaN", "INF", "--1", "1,5,5", "\u0661", "9" * 40):
        yield case(f"control-total-{total[:9]}", "F09", "AMT-001", lambda t=total: control(announced(total=t)), rows=1)
    for count in ("-1", "1e3", "9" * 12, "un"):
        yield case(f"control-count-{count}", "F09", "XML-010", lambda c=count: control(announced(invoices=c)), rows=1)
    yield case("control-formula", "F09", "XML-010", lambda: control(announced(invoices="=1+1")), rows=1)
    yield case("control-bidi", "F09", "GEN-015", lambda: control(announced("F\u202e1")), rows=1)
    yield case(
        "control-twice", "F09", "XML-010", lambda: control(announced(), announced()), rows=2, state="IN_INTEGRE_PARTIEL"
    )
    yield case("control-is-xml", "F04", "XML-010", lambda: statuses())


CASES: tuple[ChangeCase, ...] = (*_statuses(), *_actions(), *_control())
__all__ = ["CASES", "ChangeCase", "is_on_one_line"]
