"""What a reader answers when it cannot read: a fault, never its own death and never a word of the document."""

import hashlib
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.model import Received
from pipeline.terms import Terms
from pipeline.workers import read_worker


def answer(source: Path, spool: Path) -> read_worker.Answer:
    digest = hashlib.sha256(b"<x/>").hexdigest()
    received = Received(
        "XXX999", "FSO1100A_XXX999_XXX9991100000000000000001", digest, 4, datetime(2026, 11, 20, tzinfo=UTC)
    )
    request = read_worker.Request(received=received, source=str(source), spool=str(spool), terms=Terms())
    incoming, outgoing = io.BytesIO(), io.BytesIO()
    read_worker.write_frame(incoming, request.model_dump_json().encode())
    incoming.seek(0)
    read_worker.serve(incoming, outgoing, InstalledSchemas(), None)
    outgoing.seek(0)
    return read_worker.Answer.model_validate_json(read_worker.read_frame(outgoing))


def test_a_bug_met_on_a_flow_is_a_fault_that_tells_its_place_and_nothing_of_the_document(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(*_: object, **__: object) -> None:
        raise ValueError("SECRET of the document")

    monkeypatch.setattr(judge, "read", stumbles)
    (tmp_path / "flow").write_bytes(b"<x/>")
    told = answer(tmp_path / "flow", tmp_path / "spool")
    assert told.read is None
    assert told.fault is not None
    assert "ValueError (test_read_worker.py:" in told.fault.fr
    assert "SECRET" not in told.fault.fr + told.fault.en


def test_stored_bytes_that_are_gone_are_a_fault(tmp_path: Path) -> None:
    told = answer(tmp_path / "gone", tmp_path / "spool")
    assert told.fault is not None
    assert "introuvable" in told.fault.fr


def test_a_flow_that_can_be_read_is_answered_with_its_records(tmp_path: Path) -> None:
    (tmp_path / "flow").write_bytes(b"<x/>")
    told = answer(tmp_path / "flow", tmp_path / "spool")
    assert told.fault is None
    assert told.read is not None
    assert [f.rule for f in told.read.members[0].findings] == ["IDN-001"]
