"""Exceptions become one sentence and an exit code; no traceback reaches anybody."""

import subprocess
import sys
from pathlib import Path

import pytest

from fixtures.make import ROOT
from pipeline.cli import app, boundary, catalogue
from pipeline.cli.boundary import FAULT, INTERRUPTED, USAGE
from pipeline.ports import Fault


@pytest.mark.parametrize(
    "typed",
    [["nonsense"], ["flows", "--nonsense"], ["check"], ["flows", "--format", "yaml"], ["decide", "a"], ["explain"]],
    ids=" ".join,
)
def test_what_is_typed_wrong_is_one_sentence_and_2(cli, typed):
    said = cli(*typed)
    assert (said.code, said.out) == (USAGE, "")
    assert said.err.startswith("chorus-edi : ")
    assert said.err.count("\n") == 1


def test_without_a_command_the_help_is_shown(cli):
    said = cli()
    assert said.code == USAGE
    assert [name for name in app.COMMANDS if name not in said.err] == []


@pytest.mark.parametrize("command", list(app.COMMANDS))
def test_every_command_has_a_help_in_french(cli, command):
    said = cli(command, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: chorus-edi {command}")


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (Fault("the store is full"), FAULT, "the store is full"),
        (
            OSError(28, "No space left on device", "/home/ledger.sqlite"),
            FAULT,
            "/home/ledger.sqlite : plus de place sur le disque ; y remédier",
        ),
        (OSError("no errno"), FAULT, "no errno"),
        (KeyboardInterrupt(), INTERRUPTED, "reprend sans rien perdre"),
        (ZeroDivisionError("FA-2026-1"), FAULT, "à signaler : ZeroDivisionError (test_boundary.py:"),
        (boundary.UsageError("rien de tel"), USAGE, "rien de tel"),
    ],
    ids=["fault", "disk", "other OS error", "Ctrl-C", "a bug", "usage"],
)
def test_whatever_is_raised_is_one_sentence(cli, monkeypatch, raised, code, words):
    def breaks(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(catalogue, "columns", breaks)
    said = cli("flows")
    assert (said.code, said.out) == (code, "")
    assert words in said.err
    assert "FA-2026" not in said.err
    assert said.err.count("\n") == 1


def test_a_prompt_that_is_abandoned_is_an_interruption(cli, monkeypatch):
    def abandoned(*_: object) -> None:
        raise EOFError

    monkeypatch.setattr(catalogue, "columns", abandoned)
    assert cli("flows").code == INTERRUPTED


def test_a_reader_that_is_gone_is_no_trouble():
    script = Path(sys.executable).with_name("chorus-edi")
    command = f"{script} flows --format json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("0\n", "")


def test_a_broken_pipe_that_nobody_caught_before_is_no_trouble_either(monkeypatch):
    code = "import sys; from pipeline.cli import catalogue, boundary\ndef gone(*a): raise BrokenPipeError\ncatalogue._as_text = gone\nsys.exit(boundary.run(['explain', 'GEN-002']))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_main_leaves_with_the_exit_code(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["chorus-edi", "explain", "nonsense"])
    with pytest.raises(SystemExit) as left:
        boundary.main()
    assert left.value.code == USAGE
    assert "nonsense" in capsys.readouterr().err


def test_colours_are_for_terminals():
    """A pseudo-terminal gets them, a file does not."""
    code = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
said = b""
try:
    while part := os.read(terminal, 4096):
        said += part
except OSError:
    pass
os.waitpid(child, 0)
sys.stdout.buffer.write(said)
"""
    command = [
        str(Path(sys.executable).with_name("chorus-edi")),
        "check",
        str(next((ROOT / "refused/gen-002").iterdir())),
    ]
    on_terminal = subprocess.run([sys.executable, "-c", code, *command], capture_output=True, timeout=60, check=True)
    in_file = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert b"\x1b[" in on_terminal.stdout
    assert b"\x1b" not in in_file.stdout
    assert b"GEN-002" in in_file.stdout
