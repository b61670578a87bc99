"""Hostile drops: what stands in `in/` besides files, odd names, files that grow, the same flow again."""

import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hostile.case import C, Outcome, Site, U, key, sound

from fixtures import cii, ubl
from fixtures.case import PARTNER, flow_name

FLOW, OK, QUAR, IGNORE, REPEAT, INV = (
    Outcome.FLOW, Outcome.OK, Outcome.QUAR, Outcome.IGNORE, Outcome.REPEAT, Outcome.INV,
)  # fmt: skip
LONG_AGO = 400 * 86_400
YEAR_2030 = 1_900_000_000.0
ACCOUNT, STRANGER = 54_322, 54_321  # the account of the partner, as sshd gives it one; and that of somebody else


@dataclass(frozen=True)
class Inbox:
    """The `in/` of the partner that drops, and what lies around it."""

    folder: Path
    site: Site
    other: Path  # the `in/` of another partner

    def put(self, name: bytes | str, content: bytes, *, age_s: float = 60, at: float | None = None) -> bytes:
        """A finished file."""
        raw = os.fsencode(name)
        path = os.path.join(os.fsencode(self.folder), raw)
        with open(path, "wb") as file:
            file.write(content)
        moment = time.time() - age_s if at is None else at
        os.utime(path, (moment, moment))
        return raw

    def path(self, name: bytes | str) -> Path:
        return self.folder / os.fsdecode(name)


@dataclass(frozen=True)
class Drop:
    """`put` makes it and gives its name; `again` is done before the second run, and then that drop is what counts."""

    id: str
    row: str
    expected: Outcome
    put: Callable[[Inbox], bytes]
    rules: tuple[str, ...] = ()
    warned: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    again: Callable[[Inbox], bytes] | None = None
    heavy: bool = False
    as_root: bool = False  # only root can make it

    @property
    def table(self) -> str:
        return self.row[0]


def document(case_id: str) -> bytes:
    return ubl.write(sound(case_id))


def name(case_id: str, code: str = U) -> str:
    return flow_name(code, f"H{key(case_id):08X}")


def plain(case_id: str) -> Callable[[Inbox], bytes]:
    """A sound flow under its own name."""
    return lambda inbox: inbox.put(name(case_id), document(case_id))


def named(case_id: str, row: str, given: bytes | str, *told: str) -> Drop:
    """A sound document under a name that is none."""
    return Drop(case_id, row, FLOW, lambda inbox: inbox.put(given, document(case_id)), ("FLW-001",), told=told)


def ignored(case_id: str, given: str, row: str = "D02") -> Drop:
    return Drop(case_id, row, IGNORE, lambda inbox: inbox.put(given, document(case_id), age_s=LONG_AGO))


def no_file(case_id: str, make: Callable[[Inbox, Path], None], told: str, *, as_root: bool = False) -> Drop:
    """What is no plain file of the partner's own, under a flow name."""

    def put(inbox: Inbox) -> bytes:
        given = name(case_id)
        make(inbox, inbox.path(given))
        return os.fsencode(given)

    return Drop(case_id, "D09", QUAR, put, told=(told,), as_root=as_root)


def _odd_names() -> Iterator[Drop]:
    for case_id, given in (("name-no-utf8", b"caf\xe9.xml"), ("name-no-utf8-at-all", bytes(range(128, 200)))):
        yield Drop(
            case_id, "D07", QUAR, lambda inbox, i=case_id, given=given: inbox.put(given, document(i)), told=("UTF-8",)
        )
    character = "caractère"
    yield named("name-of-255", "D08", b"x" * 255, "FSO1100A_ABC001")
    yield named("name-with-newline", "D08", "FSO1100A\nX", "\\x0a")
    yield named("name-with-crlf", "D08", "a\r\n[FLW-001] rien", "\\x0d")
    yield named("name-with-escape", "D08", "a\x1b[2Jb", "\\x1b")
    yield named("name-is-an-option", "D08", "-rf", character)
    yield named("name-is-a-command", "D08", "$(id)", character)
    yield named("name-is-a-pipe", "D08", "a|b;c`d`", character)
    yield named("name-right-to-left", "D08", "\u202egpj.xml", character)
    yield named("name-is-a-blank", "D08", " ", "espace")
    yield named("name-with-nfc", "D08", "\u00e9t\u00e9", character)
    yield named("name-with-nfd", "D08", "e\u0301te\u0301", character)
    yield named("name-with-backslash", "D08", "a\\..\\x", character)
    yield named("name-with-quotes", "D08", "\"'<&>", character)
    yield named("name-with-star", "D08", "*", character)
    report = "CSO1000A_XXX999_XXX9991000000000000000001"
    yield Drop("name-is-a-report", "D08", FLOW, lambda inbox: inbox.put(report, document("name-is-a-report")),
               ("FLW-002",), told=("CSO1000A",))  # fmt: skip
    yield ignored("name-hidden", ".cache", "D08")
    for suffix in (".part", ".FILEPART", ".tmp", ".writing", ".incomplete"):
        case_id = f"half-way{suffix.lower()}"
        yield ignored(case_id, name(case_id) + suffix)


def _no_files() -> Iterator[Drop]:
    link = "lien symbolique"
    yield no_file("link-to-a-secret", lambda inbox, at: at.symlink_to(inbox.site.secret), link)
    yield no_file("link-to-nowhere", lambda _, at: at.symlink_to("nowhere"), link)
    yield no_file("link-to-itself", lambda _, at: at.symlink_to(at.name), link)
    yield no_file("link-to-a-folder", lambda inbox, at: at.symlink_to(inbox.site.outside), link)
    yield no_file("link-to-another-partner", lambda inbox, at: at.symlink_to(inbox.other / "other"), link)
    yield no_file("link-to-a-device", lambda _, at: at.symlink_to("/dev/zero"), link)
    yield no_file("a-fifo", lambda _, at: os.mkfifo(at), "tube")
    yield no_file("a-folder", lambda _, at: _folder(at), "dossier")
    yield no_file("a-socket", lambda _, at: _socket(at), "prise")
    yield no_file(
        "device", lambda _, at: os.mknod(at, 0o600 | 0o020000, os.makedev(1, 5)), "périphérique", as_root=True
    )
    yield Drop("of-another-owner", "D09", QUAR, _stranger, told=("54321",), as_root=True)
    yield no_file("hard-link", lambda inbox, at: os.link(inbox.site.secret, at), "liens physiques")


def _folder(at: Path) -> None:
    at.mkdir()
    (at / "inside").write_bytes(b"x")


def _socket(at: Path) -> None:
    here = os.open(at.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(f"/proc/self/fd/{here}/{at.name}")  # a path of a socket has 107 bytes at most
    finally:
        os.close(here)


def _stranger(inbox: Inbox) -> bytes:
    """Only where the folder belongs to an account does anybody know whose a file should be."""
    given = inbox.put(name("of-another-owner"), document("of-another-owner"))
    os.chown(inbox.folder, ACCOUNT, ACCOUNT)
    os.chown(inbox.path(given), STRANGER, STRANGER)
    return given


def _again() -> Iterator[Drop]:
    yield Drop("same-name-same-bytes", "D10", REPEAT, plain("same-name-same-bytes"), ("FLW-006",),
               again=plain("same-name-same-bytes"))  # fmt: skip
    yield Drop(
        "same-name-other-bytes", "D11", FLOW, plain("same-name-other-bytes"), ("FLW-005",), told=("déjà été reçu",),
        again=lambda inbox: inbox.put(name("same-name-other-bytes"), document("another")),
    )  # fmt: skip
    yield Drop(
        "other-name-same-bytes", "D12", FLOW, plain("other-name-same-bytes"), ("FLW-007",),
        told=(name("other-name-same-bytes"),),
        again=lambda inbox: inbox.put(name("other name"), document("other-name-same-bytes")),
    )  # fmt: skip
    yield Drop(
        "other-name-same-number", "D12", INV, plain("other-name-same-number"), ("DUP-001",),
        told=(name("other-name-same-number"),),
        again=lambda inbox: inbox.put(name("other bytes"), document("other-name-same-number") + b"\n"),
    )  # fmt: skip


def _contents() -> Iterator[Drop]:
    yield Drop("ubl-under-a-cii-code", "D13", FLOW,
               lambda inbox: inbox.put(name("ubl-under-a-cii-code", C), document("ubl-under-a-cii-code")),
               ("IDN-002",), told=(C, "UBL"))  # fmt: skip
    yield Drop("cii-under-a-ubl-code", "D13", FLOW,
               lambda inbox: inbox.put(name("cii-under-a-ubl-code"), cii.write(sound("cii-under-a-ubl-code"), "en16931")),
               ("IDN-002",), told=(U, "CII"))  # fmt: skip
    yield Drop(
        "zero-bytes", "D14", FLOW, lambda inbox: inbox.put(name("zero-bytes"), b""), ("FLW-008",), told=("vide",)
    )
    yield Drop("over-1GB", "D14", FLOW, _over_a_gigabyte, ("FLW-009",), told=("1073741825", "1073741824"), heavy=True)
    yield Drop(
        "lines-100k",
        "D14",
        OK,
        lambda inbox: inbox.put(name("lines-100k"), many_lines("lines-100k", 100_000)),
        heavy=True,
    )
    yield Drop("lines-250k", "D14", FLOW, lambda inbox: inbox.put(name("lines-250k"), many_lines("lines-250k", 250_000)),
               ("XML-003",), told=("éléments", "2000000"), heavy=True)  # fmt: skip


def _over_a_gigabyte(inbox: Inbox) -> bytes:
    given = inbox.put(name("over-1GB"), b"")
    os.truncate(inbox.path(given), 1_073_741_825)
    os.utime(inbox.path(given), (1_790_000_000, 1_790_000_000))
    return os.fsencode(given)


def many_lines(case_id: str, count: int) -> bytes:
    """The same total over many lines: each but the first costs nothing."""
    text = document(case_id).decode()
    start, end = text.index("\n<cac:InvoiceLine>"), text.index("</cac:InvoiceLine>") + len("</cac:InvoiceLine>")
    line = text[start:end]
    total = f"{sound(case_id).net}"
    free = line.replace(total, "0.00")
    lines = "".join(free.replace("<cbc:ID>1</cbc:ID>", f"<cbc:ID>{n}</cbc:ID>", 1) for n in range(2, count + 1))
    return (text[:end] + lines + text[end:]).encode()


def _clocks() -> Iterator[Drop]:
    for case_id, at in (
        ("written-400-days-ago", time.time() - LONG_AGO), ("written-in-2030", YEAR_2030), ("written-in-1969", -86_400.0),
        ("written-at-zero", 0.0),
    ):  # fmt: skip
        yield Drop(case_id, "D16", OK, lambda inbox, i=case_id, at=at: inbox.put(name(i), document(i), at=at))


GROWING = Drop("growing", "D01", IGNORE, plain("growing"))  # somebody appends to it while the first run looks
DROPS = (*_odd_names(), *_no_files(), *_again(), *_contents(), *_clocks())
POSSIBLE = tuple(one for one in DROPS if not one.as_root or os.geteuid() == 0)
GOOD, ALIVE = "good", "alive-afterwards"  # sound flows: of another partner, and of this one after all the others


def of_the_other(inbox: Path) -> str:
    """A sound flow of the partner that may file for one supplier alone."""
    from fixtures.content import BETA

    given = flow_name(U, f"H{key(GOOD):08X}", partner="YYY888")
    path = inbox / given
    path.write_bytes(ubl.write(sound(GOOD, supplier=BETA)))
    finished = time.time() - 60
    os.utime(path, (finished, finished))
    return given


assert PARTNER == "XXX999"
