"""Whatever a stranger wrote, nothing that is printed can move a cursor, turn a line around or hide in it.

Names of files, values of documents, labels of reference data and the name of a partner hold line ends, escape sequences
(ESC and its one-character form), marks that turn the direction of a text, characters that nobody sees. Every command
that shows any of them is called, for people and for machines.
"""

import json
import os
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import homes
import pytest

from pipeline import runner
from pipeline.cli.boundary import run
from pipeline.cli.layout import json_line, shown
from pipeline.ports import Said
from pipeline.running.home import Home

Cli = Callable[..., tuple[int, str]]
IN_NAMES = "\r\n\x1b[2J\x1b]0;x\x07\x7f\x9b31m\u202e\u2066\u200b\u2028\ufeff\ue000\U000e0041"
IN_XML = "\x85\x9b31m\u202e\u2066\u200b\u2028\ue000\U000e0041"  # an XML document can hold no others
ALLOWED = {"\n", "\u00a0", "\u202f"}
FLOW = homes.flow_name(1)
ODD = f"odd{IN_NAMES}name"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, reader: tuple[str, ...]) -> Iterator[Path]:
    """A home in which everything that somebody else wrote is hostile."""
    path = tmp_path_factory.mktemp("terminal") / "home"
    with homes.open_home(path, reader=reader) as made:
        runner.add_partner(made, homes.partner())
        runner.add_partner(made, homes.partner(homes.OTHER))
        made.ledger.write(lambda db: _rename(db, f"Nom{IN_NAMES}"))
        runner.import_directory(made, _directory(path / "annuaire"), date(2026, 11, 1))
        runner.import_commitments(made, homes.orders(path / "orders.csv", "1234567890"), date(2026, 11, 19))
        homes.drop(made, FLOW, _invoice("A-1"))
        homes.drop(made, homes.flow_name(2), _invoice(f"B{IN_XML}2"))
        homes.drop(
            made, homes.flow_name(3), homes.archive([(f"m{IN_XML}.xml", _invoice("C-3")), ("n.xml", b"<Invoice")])
        )
        homes.drop(made, ODD, _invoice("D-4"))
        homes.drop(made, homes.flow_name(5), _held("E-5"))
        (made.path / "drop" / homes.PARTNER / "in" / f"link{IN_NAMES}").symlink_to("/etc/passwd")
        (made.path / "drop" / f"stranger{IN_NAMES}").mkdir()
        runner.commitments_unavailable(made)
        summary = runner.run(made)
        assert summary.quarantined == 1
        assert summary.flows.total() == 5
        _fault(made)
    return path


def _rename(db: object, name: str) -> None:
    from sqlalchemy import text

    db.execute(text("UPDATE partners SET name = :name"), {"name": name})  # type: ignore[attr-defined]


def _fault(home: Home) -> None:
    """A deposit that waits for a reason that names the file."""
    from sqlalchemy import text

    from pipeline.adapters.ledger.rows import said_column

    said = Said(f"{ODD} ne se lit pas", f"{ODD} cannot be read")
    with home.ledger.writing() as db:
        db.execute(
            text("UPDATE deposits SET fault = :said WHERE name = :name"), {"said": said_column(said), "name": FLOW}
        )


def _invoice(number: str) -> bytes:
    document = homes.ubl(number).decode()
    for plain in ("Fournisseur", "Client", "Papier", "1 rue"):
        document = document.replace(plain, plain + IN_XML)
    return document.replace("<cbc:DueDate>2026-12-18", "<cbc:DueDate>2026-12-18").encode()


def _held(number: str) -> bytes:
    return homes.ubl(number, recipient=homes.STATE, service="SFACETAT", order="1234567890")


def _directory(folder: Path) -> Path:
    homes.directory(folder)
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        for plain in ("Commune sans exigence", "Service obligatoire"):
            text = text.replace(plain, f"{plain}\u202e\u200b\x9b")
        file.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str]) -> Cli:
    def call(*typed: object) -> tuple[int, str]:
        capfd.readouterr()
        code = run([str(word) for word in typed])
        said = capfd.readouterr()
        return code, said.out + said.err

    return call


def harmful(text: str) -> list[str]:
    """The characters that a terminal would obey, or nobody would see."""
    return sorted({f"U+{ord(c):04X}" for c in text if not c.isprintable() and c not in ALLOWED})


SHOWS: tuple[tuple[str, ...], ...] = (
    ("status",), ("status", FLOW), ("status", homes.flow_name(2)), ("status", homes.flow_name(3)), ("status", ODD),
    ("status", f"{homes.SUPPLIER}/A-1"), ("status", f"{homes.SUPPLIER}/B{IN_XML}2"), ("status", f"no such {ODD}"),
    ("partners", "list"), ("partners", "show", homes.PARTNER), ("partners", "show", ODD),
    ("directory", "show", homes.PLAIN), ("directory", "show", homes.NEEDS_BOTH), ("directory", "show", ODD),
    ("commitments", "show", "1234567890", ODD), ("alerts",), ("reconcile", "--day", "2026-11-20"), ("run",),
    ("reprocess", "--partner", homes.PARTNER), ("reprocess", "--flow", ODD), ("retention", "plan"), ("verify",),
)  # fmt: skip
NO_LANG = {"partners", "directory", "commitments", "alerts", "retention"}


@pytest.mark.parametrize("typed", SHOWS, ids=lambda typed: shown(" ".join(typed))[:40])
def test_a_command_prints_nothing_that_a_terminal_obeys(home: Path, cli: Cli, typed: tuple[str, ...]) -> None:
    ways: tuple[tuple[str, ...], ...] = ((), ("--format", "json"), ("--lang", "en"))
    if typed[0] == "reprocess":  # it starts readers
        ways = ways[1:2] if "--partner" in typed else ways[:1]
    for more in ways:
        if more[:1] == ("--lang",) and typed[0] in NO_LANG:
            continue
        code, told = cli(*typed, "--home", home, *more)
        assert code in {0, 1, 2, 3}
        assert told or typed == ("run",)  # which has nothing to do
        assert harmful(told) == []
        if more[:1] == ("--format",):
            for line in told.splitlines():
                if line.startswith("{"):
                    json.loads(line)


@pytest.mark.parametrize(
    "typed",
    [
        ("decide", ODD, "refuse", "--reason", ODD), ("decide", ODD, ODD, "--reason", "x"),
        ("submit", ODD, "--as", ODD), ("partners", "add", ODD, "--name", "x"),
        ("partners", "add", "ABC009", "--name", "x", "--quota", ODD), ("reconcile", "--day", ODD), (ODD,), ("run", f"--{ODD}"),
        ("explain", ODD), ("check", ODD), ("rules", ODD, "x"),
    ],
    ids=lambda typed: shown(" ".join(typed))[:40],
)  # fmt: skip
def test_what_was_typed_is_quoted_harmlessly(home: Path, cli: Cli, typed: tuple[str, ...]) -> None:
    """A name is often pasted, or comes from a shell that lists a folder of a partner."""
    at = ("--home", home) if typed[0] in {"decide", "submit", "partners", "reconcile"} else ()
    code, told = cli(*typed, *at)
    assert code != 0
    assert harmful(told) == []


@pytest.mark.parametrize("more", [(), ("--format", "json"), ("--lang", "en"), ("--infos",)], ids=" ".join)
def test_check_prints_hostile_names_and_values_harmlessly(tmp_path: Path, cli: Cli, more: tuple[str, ...]) -> None:
    contents = (_invoice(f"A{IN_XML}1"), b"<Invoice", homes.archive([(f"m{IN_XML}.xml", _invoice("X"))]), b"")
    for rank, content in enumerate(contents):
        (tmp_path / f"{rank}{IN_NAMES}.xml").write_bytes(content)
    code, told = cli("check", *more, *sorted(tmp_path.iterdir()))
    assert code == 1
    assert told
    assert harmful(told) == []


def test_a_verdict_is_printed_harmlessly_while_it_is_made(tmp_path: Path, cli: Cli, reader: tuple[str, ...]) -> None:
    with homes.ready_home(tmp_path / "home", reader=reader) as made:
        for rank, name in enumerate((ODD, homes.flow_name(1))):
            homes.drop(made, name, _invoice(f"A{IN_XML}{rank}"))
        os.symlink("/etc/passwd", made.path / "drop" / homes.PARTNER / "in" / f"x{IN_NAMES}")
    (tmp_path / "home" / "settings.toml").write_text('ours = "CPP001"\nreaders = 1\n', encoding="utf-8")
    code, told = cli("run", "--home", tmp_path / "home", "--format", "json")
    assert code == 3
    assert harmful(told) == []
    verdicts = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert {verdict["flow_name"] for verdict in verdicts} == {ODD, homes.flow_name(1)}  # told whole, only escaped


@pytest.mark.parametrize("value", [IN_NAMES, "é\u00a0ç\u202f%", "\udce9", "a", '"\\', "\U0001f4a5"])
def test_a_line_of_json_is_harmless_and_says_the_same(value: str) -> None:
    line = json_line({"v": value})
    assert harmful(line) == []
    assert json.loads(line) == {"v": value}
    line.encode("utf-8")
