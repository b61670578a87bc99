"""A control file all the way: dropped, answered, kept, and compared by the night with what came."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import homes
import pytest
from lxml import etree
from openpyxl import load_workbook

from pipeline import runner
from pipeline.cli.boundary import run as command
from pipeline.reconcile.night import Kind
from pipeline.running.home import Home
from pipeline.running.nightly import reconcile
from pipeline.running.verify import verify

TODAY = homes.NOON.date()
CONTROL = homes.flow_name(1, "CTL9002A")
HEAD = "flux;sha256;factures;total;devise"


@pytest.fixture
def home(tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Home]:
    with homes.ready_home(tmp_path / "home", reader=reader) as opened:
        runner.add_partner(opened, homes.partner(flows=("FSO1100A", "CTL9002A")), replace=True)
        yield opened


def announced(number: int, content: bytes, count: int = 1, total: str = "120,00") -> str:
    return f"{homes.flow_name(number)};{hashlib.sha256(content).hexdigest()};{count};{total};EUR"


def drop_control(home: Home, *rows: str, name: str = CONTROL) -> None:
    homes.drop(home, name, "\r\n".join((HEAD, *rows, "")).encode("cp1252"))


def report(home: Home) -> etree._Element:
    (one,) = (content for name, content in homes.out(home).items() if name.startswith("CSO9002A"))
    return etree.fromstring(one)


def kinds(home: Home) -> dict[Kind, int]:
    found = reconcile(home, TODAY)
    assert [line.name for line in found.lines if not line.ok] == []
    return dict(found.by_kind)


def test_what_is_announced_and_came_makes_no_difference(home: Home) -> None:
    first, second = homes.ubl("C-1"), homes.ubl("C-2", type_code="381", net="10.00")
    homes.drop(home, homes.flow_name(1), first)
    homes.drop(home, homes.flow_name(2), second)
    drop_control(home, announced(1, first), announced(2, second, total="-12"))
    assert runner.run(home).faults == []
    root = report(home)
    assert (root.findtext(".//IdStatut"), root.findtext(".//LigneErreurDetail")) == ("90", None)
    assert kinds(home) == {}


def test_each_difference_with_a_control_file_is_named_and_a_broken_row_is_refused_alone(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    contents = {number: homes.ubl(f"D-{number}") for number in range(1, 6)}
    for number, content in contents.items():
        homes.drop(home, homes.flow_name(number), content)
    drop_control(
        home, announced(1, contents[1]), announced(2, b"other bytes"), announced(3, contents[3], total="999,99"),
        announced(4, contents[4], count=2), announced(9, b"never dropped", 12, "14 520,00"), f"{homes.flow_name(5)};x;1;1;EUR",
    )  # fmt: skip
    assert runner.run(home).faults == []
    root = report(home)
    assert root.findtext(".//IdStatut") == "96"
    assert [line.findtext("LibelleErreur", "")[:9] for line in root.iter("LigneErreurDetail")] == ["[XML-010]"]
    assert "ligne 7, sha256" in root.findtext(".//LibelleErreur", "")
    assert homes.flow_name(5) in root.findtext(".//DescriptionErreur", "")
    assert [line.name for line in verify(home) if not line.ok] == []
    found = reconcile(home, TODAY)
    told = {one.kind: one.flow for one in found.differences if one.counts}
    assert told == {
        Kind.CONTROL_BYTES: homes.flow_name(2), Kind.CONTROL_TOTAL: homes.flow_name(3),
        Kind.CONTROL_INVOICES: homes.flow_name(4), Kind.CONTROL_UNKNOWN: homes.flow_name(9),
        Kind.CONTROL_UNANNOUNCED: homes.flow_name(5),
    }  # fmt: skip
    home.close()
    the_command_writes_them(cli(capsys), home.path, tmp_path / "night", set(told.values()))


def the_command_writes_them(call: Callable[..., tuple[int, str]], home: Path, folder: Path, flows: set[str]) -> None:
    """On the terminal, as JSON, in the workbook, on the page and in the CSV."""
    code, out = call("reconcile", "--home", home, "--day", TODAY, "--out", folder)
    assert code == 1
    assert out.startswith("Journée du 2026-11-20\n\n")
    assert "✘ Annoncé par l'émetteur, jamais reçu (1)" in out
    assert f"→ demander à {homes.PARTNER} de déposer {homes.flow_name(9)}" in out
    assert out.rstrip().splitlines()[-4].startswith("✘ 5 écarts à traiter")
    written = sorted(path.name for path in folder.iterdir())
    assert written == [
        "rapprochement-2026-11-20-ecarts.csv", "rapprochement-2026-11-20.html", "rapprochement-2026-11-20.xlsx",
    ]  # fmt: skip
    sheet = load_workbook(folder / written[2])["Écarts"]
    assert {row[3] for row in sheet.iter_rows(min_row=2, values_only=True)} >= flows
    for name in written[:2]:
        text = (folder / name).read_text(encoding="utf-8")
        assert all(flow in text for flow in flows)
    code, out = call("reconcile", "--home", home, "--day", TODAY, "--format", "json")
    assert code == 1
    head, *rest = map(json.loads, out.splitlines())
    assert (head["day"], head["is_sound"], head["red"]) == ("2026-11-20", False, 5)
    assert {one["flow"] for one in rest if one["name"] == "difference" and not one["ok"]} == flows


def cli(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str]]:
    def call(*typed: object) -> tuple[int, str]:
        capsys.readouterr()
        code = command([str(word) for word in typed])
        return code, capsys.readouterr().out

    return call
