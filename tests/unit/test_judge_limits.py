"""Reading that was beyond the limits: which file, FIL-007 for it alone, and no flow that fills the memory of others."""

import io
import re
import tarfile
from datetime import UTC, datetime
from hashlib import sha256
from typing import BinaryIO

import pytest

from fixtures import ubl
from fixtures.batch import RECIPIENTS
from fixtures.content import Series
from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.model import Read, Received
from pipeline.ports import Fault, Tools
from pipeline.terms import FindingLimits, Terms


def documents(count: int) -> list[bytes]:
    series = Series(seed=5, recipients=RECIPIENTS, prefix="L-")
    return [ubl.write(series.next(guideline="")) for _ in range(count)]


def read(content: bytes, terms: Terms, **named: object) -> Read:
    name = "FSO1100A_ABC001_ABC0011100000000000000001"
    received = Received("ABC001", name, sha256(content).hexdigest(), len(content), datetime(2026, 11, 20, tzinfo=UTC))
    sink: BinaryIO = io.BytesIO()
    tools = Tools(InstalledSchemas(), None, terms)  # type: ignore[arg-type]
    return judge.read(received, io.BytesIO(content), io.BytesIO(), sink, tools, **named)  # type: ignore[arg-type]


def packed(*files: bytes) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for rank, document in enumerate(files, 1):
            entry = tarfile.TarInfo(f"FSO1100A_ABC001_ABC0011100{rank:09d}.xml")
            entry.size = len(document)
            tar.addfile(entry, io.BytesIO(document))
    return stream.getvalue()


def test_each_file_is_named_before_it_is_opened() -> None:
    heard: list[int] = []
    found = read(packed(*documents(2)), Terms(), at=heard.append)
    assert heard == [0, 1] * 2  # looked at, then read
    assert len(found.invoices) == 2


def test_a_file_that_is_left_closed_is_refused_alone() -> None:
    found = read(packed(*documents(3)), Terms(), unreadable=(1,))
    assert [(i.rank, i.member) for i in found.invoices] == [(1, found.members[0].name), (2, found.members[2].name)]
    (fil,) = (f for f in found.members[1].findings if f.rule == "FIL-007")
    assert fil.facts == {"member": found.members[1].name, "limit": "4 h"}
    assert not judge.is_refused(found, Terms())


def test_what_kills_at_the_first_look_is_known_and_left_closed_as_well() -> None:
    heard: list[int] = []
    broken = b"<broken"  # without a root, it is parsed before anybody knows what it is
    content = packed(documents(1)[0], broken)
    assert [f.rule for f in read(content, Terms()).members[1].findings] == ["XML-001"]
    found = read(content, Terms(), at=heard.append, unreadable=(1,))
    assert [f.rule for f in found.members[1].findings] == ["FIL-007"]
    assert (len(found.invoices), found.members[1].sha256) == (1, sha256(broken).hexdigest())
    assert heard == [0, 1] * 2


def test_with_fil_007_off_nothing_can_be_left_closed() -> None:
    with pytest.raises(Fault, match="FIL-007 is switched off"):
        read(packed(*documents(2)), Terms(severities={"FIL-007": "off"}), unreadable=(0,))


def test_a_flow_keeps_no_more_findings_than_its_report_shows() -> None:
    bad = re.sub(rb'(currencyID="EUR">)[0-9.]+', rb"\1much", documents(1)[0])
    terms = Terms(findings=FindingLimits(document_max=8, report_max=20))
    found = read(packed(*[bad] * 12), terms)
    told = sum(len(m.findings) for m in found.members) + sum(len(i.findings) for i in found.invoices)
    assert all(m.is_refused for m in found.members)
    assert told <= 20 + 12
    assert sum(m.omitted for m in found.members) > 0
