"""Mutants of valid flows: 10,000 each time, the same ones; and that the campaign sees what it looks for."""

import gzip
import json
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from random import Random

import pytest
from hostile import tars

from bench.fuzz import again, markup, mutants, pdfs, raw, seeds
from bench.fuzz.batch import Batch, Progress
from bench.fuzz.campaign import BATCH, Campaign
from bench.fuzz.mutants import FAMILIES, Mutant
from bench.fuzz.official import Asked, Official
from bench.fuzz.product import Judged, Product
from bench.fuzz.state import State
from bench.fuzz.worker import Worker
from fixtures import cii, mixed, ubl
from fixtures.accepted_cases import READABLE
from fixtures.content import Content

PROJECT = Path(__file__).parents[2]
MUTANTS = 10_000
STAND_IN = (sys.executable, str(Path(__file__).with_name("worker_stand_in.py")))


@pytest.mark.campaign
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_mutants_and_not_one_is_wrong(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "bench.fuzz", "--mutants", str(MUTANTS), "--state", str(state), "--wrong", str(tmp_path / "wrong")],
        cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=580, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr
    told = json.loads(state.read_text("utf-8"))
    assert sum(told["tried"].values()) == MUTANTS
    assert set(told["tried"]) == set(FAMILIES)
    assert all(told["accepted"][family] > 0 for family in FAMILIES), told["accepted"]
    assert sum(told["checked"].values()) >= sum(told["accepted"].values()) > MUTANTS // 10
    assert told["wrong"] == []
    assert len(told["rules"]) > 60  # the mutants reach that many rules
    print(f"{MUTANTS} mutants in {time.monotonic() - began:.0f} s\n{ended.stdout}")


# --- the mutators -----------------------------------------------------------------------------------------------------


def test_a_mutant_is_a_function_of_its_number_and_seed() -> None:
    made = [mutants.make(7, number) for number in range(200)]
    assert made == [mutants.make(7, number) for number in range(200)]
    assert {one.family for one in made} == set(FAMILIES)
    assert len({one.document for one in made}) > 190
    assert made != [mutants.make(8, number) for number in range(200)]


def test_the_seeds_are_valid_flows_of_every_kind() -> None:
    assert {seed.code for seed in seeds.every()} >= {"FSO1100A", "FSO1106A", "FSO1113A", "FSO1117A", "FSO1120A"}
    assert all(document.startswith((b"<", b"%PDF")) for held in seeds.archives() for _, document in held.files)


@pytest.mark.parametrize("document", [b"", b"x", b"<a/>", b"<a>1</a>", b"%PDF-1.7\n"])
def test_nothing_is_too_small_to_be_spoiled(document: bytes) -> None:
    for spoil in (raw.spoiled, markup.spoiled, pdfs.spoiled):
        assert len({spoil(document, Random(number)) for number in range(300)}) > 1


def test_the_objects_of_a_pdf_are_all_found() -> None:
    for seed in seeds.of_kind(seeds.PDF):
        objects, trailer = pdfs.objects_of(seed.document)
        assert len(objects) == seed.document.count(b" 0 obj\n")
        assert b"/Root" in trailer


def put(document: bytes, before: bytes, written: bytes) -> bytes:
    """The same with this in front of what stands there once."""
    assert document.count(before) == 1
    return document.replace(before, written + before)


# --- what the others see: each on a planted mistake --------------------------------------------------------------------


@pytest.fixture(scope="module")
def product() -> Iterator[Product]:
    with Product() as opened:
        yield opened


def spoken(product: Product, family: str, name: str, document: bytes, tmp_path: Path) -> list[str]:
    """What a worker calls wrong about one document."""
    worker = Worker(1, product, Progress(tmp_path / "progress"))
    return list(worker._try(Mutant(1, family, name, document), Batch()))


class Blind(Product):
    """A product that says of any flow what it says of another one: accepted, whatever the bytes are."""

    def __init__(self, seen: Judged) -> None:
        self.seen = seen

    def judge(self, mutant: Mutant) -> Judged:
        accepted = tuple(
            type(one)(one.member, one.kind, mutant.document, mutant.document, one.invoices)
            for one in self.seen.accepted
        )
        return Judged(self.seen.state, (), accepted, self.seen.members, self.seen.report)


SOUND = ubl.write(Content("F-1", guideline=ubl.EN16931))
NAME = "FSO1100A_XXX999_XXX9991100000000000000001"
PLANTED = {
    "another number": (b"<cbc:ID>F-1<", b"<cbc:ID>F-2<", "number 'F-1' was read"),
    "another total": (
        b'TaxInclusiveAmount currencyID="EUR">308.64<',
        b'TaxInclusiveAmount currencyID="EUR">309.64<',
        "was read",
    ),
    "a sum": (b'PayableAmount currencyID="EUR">308.64<', b'PayableAmount currencyID="EUR">308.84<', "BT-115"),
    "no amount": (b'PayableAmount currencyID="EUR">308.64<', b'PayableAmount currencyID="EUR">3.0864E2<', "no amount"),
    "the schema": (b"<cbc:IssueDate>", b"<cbc:Nothing/><cbc:IssueDate>", "UBL-Invoice-2.1.xsd"),
    "a day": (b"<cbc:IssueDate>2026-11-02<", b"<cbc:IssueDate>2026-11-22<", "the day of issue"),
}


@pytest.mark.parametrize(("old", "new", "told"), PLANTED.values(), ids=PLANTED)
def test_what_a_blind_product_would_accept_is_seen(
    product: Product, tmp_path: Path, old: bytes, new: bytes, told: str
) -> None:
    seen = product.judge(Mutant(1, "xml tokens", NAME, SOUND))
    assert spoken(Blind(seen), "xml tokens", NAME, SOUND, tmp_path) == []
    assert old in SOUND
    said = spoken(Blind(seen), "xml tokens", NAME, SOUND.replace(old, new, 1), tmp_path)
    assert any(told in one for one in said), said


def test_a_traceback_is_seen(product: Product, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("x")

    monkeypatch.setattr("pipeline.judge.in_report_order", broken)
    assert any("KeyError at " in one for one in spoken(product, "xml tokens", NAME, SOUND, tmp_path))


def test_members_that_tarfile_reads_otherwise_are_seen(product: Product, tmp_path: Path) -> None:
    packed = gzip.compress(b"".join((bytes(1024),)), mtime=0)
    seen = product.judge(Mutant(1, "xml tokens", NAME, SOUND))
    said = spoken(
        Blind(Judged(seen.state, (), seen.accepted, (("a.xml", "0" * 64),), b"")), "tar headers", NAME, packed, tmp_path
    )
    assert any("tarfile reads other members" in one for one in said)


def test_gnu_tar_reads_what_tarfile_does_not_open(product: Product, tmp_path: Path) -> None:
    packed, cut = gzip.compress(ARCHIVE, mtime=0), gzip.compress(ARCHIVE[:1_000], mtime=0)
    seen = product.judge(Mutant(1, "tar headers", NAME, packed))
    assert list(seen.members) == again.members_of(packed) == again.members_by_gnu_tar(packed)
    with pytest.raises(tarfile.ReadError):
        again.members_of(cut)
    said = spoken(Blind(seen), "tar headers", NAME, cut, tmp_path)
    assert said[0].startswith("GNU tar reads other members")


@pytest.mark.campaign
@pytest.mark.slow
def test_saxon_sees_what_the_compiled_rules_would_miss() -> None:
    official = Official()
    bad = SOUND.replace(b"<cbc:DocumentCurrencyCode>EUR<", b"<cbc:DocumentCurrencyCode>XXQ<")
    try:
        official.add(Asked(1, "en16931-ubl", official_text(SOUND), is_listed=True))
        official.add(Asked(2, "en16931-ubl", official_text(bad), is_listed=True))
        official.add(Asked(3, "en16931-ubl", official_text(bad), is_listed=True))
        told = official.flush()
        assert [asked.number for asked, _ in told] == [2, 3]
        assert "BR-CL-" in told[0][1]
        official.add(Asked(4, "en16931-ubl", official_text(SOUND), is_listed=True))
        assert official.waiting == {}  # known to be good: not asked again
    finally:
        official.close()


def official_text(document: bytes) -> bytes:
    from bench.fuzz.official import text_of

    return text_of(document)


def test_the_amounts_are_read_again_in_each_syntax() -> None:
    """The same invoice in both syntaxes: the same totals, and they add up."""
    content = Content("F-1")
    [in_ubl] = again.invoices_of(again.read(ubl.write(content)))
    [in_cii] = again.invoices_of(again.read(cii.write(content)))
    assert in_ubl.issued.replace("-", "") == in_cii.issued == "20261102"
    for name in ("number", "currency", "net", "vat", "gross", "payable", "lines", "each_line", "each_vat"):
        assert getattr(in_ubl, name) == getattr(in_cii, name), name
    assert again.wrong_sums(in_ubl, is_minimum=False) == again.wrong_sums(in_cii, is_minimum=False) == []
    assert again.wrong_day("2026-02-30", date(2026, 11, 20)) == ["the day of issue is '2026-02-30'"]


def test_a_total_that_is_given_twice_says_two_things() -> None:
    twice = cii.write(Content("F-1")).replace(
        b"<ram:GrandTotalAmount>", b"<ram:GrandTotalAmount>1.00</ram:GrandTotalAmount><ram:GrandTotalAmount>"
    )
    [given] = again.invoices_of(again.read(twice))
    assert "BT-112 is given 2 times" in again.wrong_sums(given, is_minimum=False)[0]


# --- mutants that were wrong, and are told by a rule since then --------------------------------------------------------

IN_CII, MIXED = NAME.replace("1100", "1106"), NAME.replace("1100", "1113")
CII_DOCUMENT = cii.write(Content("F-1"), "")
MIXED_DOCUMENT = mixed.write([Content("F-1", attachments=(READABLE,))])
ARCHIVE = tars.tar_of((f"{NAME[:26]}000000002.xml", SOUND), form=tarfile.USTAR_FORMAT)
ANOTHER_VAT = b'<ram:TaxTotalAmount currencyID="EUR">1.00</ram:TaxTotalAmount>'
ONCE_ACCEPTED = {
    "two totals": (IN_CII, put(CII_DOCUMENT, b"<ram:GrandTotalAmount>", b"<ram:GrandTotalAmount>1.00</ram:GrandTotalAmount>"), "AMT-001"),
    "two totals of VAT": (IN_CII, put(CII_DOCUMENT, b"<ram:GrandTotalAmount>", ANOTHER_VAT), "AMT-001"),
    "a currency between blanks": (MIXED, MIXED_DOCUMENT.replace(b"<Devise>EUR<", b"<Devise> EUR <"), "XML-010"),
    "a name for all files": (NAME, gzip.compress(tars.extended(tars.record(b"path", b"b.xml"), b"g") + ARCHIVE), "ENV-001"),
    "an empty name in a pax header": (NAME, gzip.compress(tars.extended(tars.record(b"path", b"")) + ARCHIVE), "ENV-001"),
    "an empty name in a GNU header": (NAME, gzip.compress(tars.extended(b"\0", tars.GNU_LONG_NAME) + ARCHIVE), "ENV-001"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "document", "rule"), ONCE_ACCEPTED.values(), ids=ONCE_ACCEPTED)
def test_what_was_once_accepted_is_refused(product: Product, name: str, document: bytes, rule: str) -> None:
    judged = product.judge(Mutant(1, "", name, document))
    assert (judged.state, judged.refused_by) == ("IN_REJETE", (rule,))


@pytest.mark.parametrize(
    ("name", "document"), [(IN_CII, CII_DOCUMENT), (MIXED, MIXED_DOCUMENT), (NAME, gzip.compress(ARCHIVE))]
)
def test_the_same_is_accepted_before_it_is_spoiled(product: Product, name: str, document: bytes) -> None:
    assert product.judge(Mutant(1, "", name, document)).state == "IN_INTEGRE"


# --- a campaign that is stopped, that meets a mutant that hangs or kills ------------------------------------------------


def test_a_campaign_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.fuzz.campaign.BATCH", 20)
    path = tmp_path / "state.json"
    state = State.opened(path, 3, 20)
    calm = (*STAND_IN, "--calm")
    Campaign(state, 1, tmp_path / "wrong", print, calm).run(20, 60)
    again_ = State.opened(path, 3, 20)
    assert (again_.done, sum(again_.tried.values())) == ({0}, 20)
    Campaign(again_, 1, tmp_path / "wrong", print, calm).run(50, 60)
    done = State.opened(path, 3, 20)
    assert (done.done, sum(done.tried.values())) == ({0, 1, 2}, 60)
    assert State.opened(path, 4, 20).done == set()
    assert BATCH != 20


def test_a_mutant_that_kills_or_hangs_its_worker_is_named_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bench.fuzz.campaign.BATCH", 20)
    monkeypatch.setattr("bench.fuzz.campaign.MUTANT_S", 1.0)
    state = State.opened(tmp_path / "state.json", 1, 20)
    noted: list[str] = []
    Campaign(state, 2, tmp_path / "wrong", noted.append, STAND_IN).run(60, 60)
    assert sum(state.tried.values()) == 60
    assert state.done == {0, 1, 2}
    assert sorted((number, why.split(" ")[0]) for number, _, why in state.wrong) == [
        (0, "died"),
        (25, "hangs"),
        (39, "died"),
    ]
    assert {path.name for path in (tmp_path / "wrong").iterdir()} == {"1-0", "1-25", "1-39"}
    assert len(noted) == 3


def test_a_worker_that_dies_without_a_mutant_in_hand_blames_none_and_ends_the_campaign_at_the_third_time(
    tmp_path: Path,
) -> None:
    state, starts = State.opened(tmp_path / "state.json", 1, BATCH), tmp_path / "starts"
    dies = (sys.executable, "-c", f"open({str(starts)!r}, 'a').write('x'); raise SystemExit(3)")
    with pytest.raises(RuntimeError, match="died while it started"):
        Campaign(state, 1, tmp_path / "wrong", print, dies).run(20, 60)
    assert starts.read_text() == "xxx"
    assert (state.wrong, state.done, sum(state.tried.values())) == ([], set(), 0)


def test_what_was_wrong_is_tried_again_and_named_as_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.fuzz.campaign.BATCH", 20)
    path = tmp_path / "state.json"
    first = State.opened(path, 1, 20)
    Campaign(first, 1, tmp_path / "wrong", lambda _: None, STAND_IN).run(20, 60)
    assert [number for number, _, _ in first.wrong] == [0]
    still = State.opened(path, 1, 20)
    Campaign(still, 1, tmp_path / "wrong", lambda _: None, STAND_IN).run(20, 60)
    assert ([number for number, _, _ in still.wrong], still.mended) == ([0], set())
    mended = State.opened(path, 1, 20)
    Campaign(mended, 1, tmp_path / "wrong", lambda _: None, (*STAND_IN, "--calm")).run(20, 60)
    told = State.opened(path, 1, 20)
    assert (told.wrong, told.mended, sum(told.tried.values())) == ([], {0}, 20)
    assert "mended since: 0" in told.table()
