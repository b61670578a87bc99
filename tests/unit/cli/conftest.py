"""Running the command in this process, and a home of the samples."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from cli_samples import NOT_XML, REFUSED, SIMPLE, STATE

from fixtures.make import ROOT
from pipeline import runner
from pipeline.cli import demo
from pipeline.cli.boundary import run
from pipeline.settings import load


@dataclass(frozen=True)
class Said:
    """What one call of the command gave."""

    code: int
    out: str
    err: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]


Command = Callable[..., Said]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Command:
    """`cli("check", path)`: one command line, with its exit code and what it wrote."""

    def call(*typed: object) -> Said:
        capsys.readouterr()
        code = run([str(word) for word in typed])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def judged_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home where a good flow, a refused one, a flow that waits, and a repeated one have been judged."""
    path = tmp_path_factory.mktemp("judged")
    with runner.open_home(path, load(path, ours="CPP001", readers=1)) as home:
        for partner in demo.sample_partners(ROOT):
            runner.add_partner(home, partner)
        runner.import_directory(home, ROOT / "directory")
        runner.import_commitments(home, ROOT / "commitments.csv")
        runner.commitments_unavailable(home)
        demo.drop(home, ROOT, (SIMPLE, STATE, REFUSED, NOT_XML))
        assert runner.run(home).faults == []
        demo.drop(home, ROOT, (SIMPLE,))
        assert runner.run(home).faults == []
    return path


@pytest.fixture
def empty_home(tmp_path: Path) -> Path:
    return tmp_path / "home"
