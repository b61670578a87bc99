"""The batches of the load run hold what the bench says of them."""

import io
from collections import Counter
from datetime import UTC, date, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from fixtures import batch
from pipeline import judge
from pipeline.adapters.artefacts import InstalledSchemas
from pipeline.adapters.directory_files import as_known
from pipeline.adapters.saxon_pool import SaxonEngine
from pipeline.model import InvoiceOutcome, Known, Received, Snapshot, Verdict
from pipeline.ports import Tools
from pipeline.terms import Terms

UBL = batch.BATCHES[0]
NO_PACKS = Terms(policies={"en16931": "off"})


def judged(content: bytes, name: str, directory: Path) -> Verdict:
    received = Received(
        batch.PARTNER, name, sha256(content).hexdigest(), len(content), datetime(2026, 11, 20, tzinfo=UTC)
    )
    tools = Tools(InstalledSchemas(), SaxonEngine(), NO_PACKS)  # an engine that no claim of these terms ever starts
    read = judge.read(received, io.BytesIO(content), io.BytesIO(), io.BytesIO(), tools)
    known = Known(Snapshot("bench", date(2026, 11, 1)), structures=as_known(batch.directory(directory)))
    return judge.conclude(judge.decide(read, known, NO_PACKS), {}, NO_PACKS)


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> Verdict:
    content = batch.archive(batch.invoices(UBL, 1, 150))
    return judged(content, batch.flow_name(UBL.code, 1), tmp_path_factory.mktemp("directory"))


def test_one_invoice_in_fifty_is_refused(verdict):
    assert verdict.state == "IN_INTEGRE_PARTIEL"
    assert verdict.count(InvoiceOutcome.REFUSED) == 3
    assert verdict.count(InvoiceOutcome.INTEGRATED) == 147


def test_a_batch_makes_the_three_mistakes_in_turn_and_no_other(verdict):
    refusing = Counter(f.rule for invoice in verdict.invoices for f in invoice.findings if f.refuses)
    assert refusing == {"RTG-001": 1, "PAY-001": 1, "GEN-002": 1}


def test_half_of_the_ubl_invoices_claim_en_16931():
    documents = [content for _, content in batch.invoices(UBL, 1, 10)]
    assert sum(b"urn:cen.eu:en16931:2017" in document for document in documents) == 5


def test_an_archive_is_the_same_each_time_it_is_made():
    assert batch.archive(batch.invoices(UBL, 2, 3)) == batch.archive(batch.invoices(UBL, 2, 3))


def test_flows_that_are_there_already_are_kept(tmp_path):
    flows = batch.make(tmp_path, 1, (UBL,))
    assert len(flows) == UBL.flows
    flows[0].write_bytes(b"kept")
    assert batch.make(tmp_path, 1, (UBL,)) == flows
    assert flows[0].read_bytes() == b"kept"
    assert not list(tmp_path.glob("*.tmp"))
