"""The object store behind a network at its worst, and the whole shell on S3: waited for, told once, nothing doubled."""

import hashlib
import io
import itertools
import logging
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import homes
import pytest

pytest.importorskip("boto3", reason="the extra s3 brings the driver of the store")

from s3_proxy import S3Proxy
from services.s3 import S3Server

from pipeline import runner
from pipeline.adapters import s3_store
from pipeline.adapters.s3_store import Bucket, S3Store
from pipeline.adapters.system_errors import Failed, Unreachable
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.settings import Settings, load

BYTES = b"the bytes of a flow"
DIGEST = hashlib.sha256(BYTES).hexdigest()
PART = 5 << 20
KEY = f"ABC001/{DIGEST}"
_numbers = itertools.count(1)


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    return s3_server.make_bucket(f"faults-{next(_numbers)}-{secrets.token_hex(4)}", versions=True)


@pytest.fixture
def proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    proxy = S3Proxy(s3_server.endpoint)
    yield proxy
    proxy.close()


@pytest.fixture
def opened(s3_server: S3Server, proxy: S3Proxy, bucket: str, tmp_path: Path) -> Callable[..., S3Store]:
    def opened(**changes: Any) -> S3Store:
        given = {"timeout_s": 2, "multipart_bytes": PART} | changes
        keys = (s3_server.region, s3_server.access_key, s3_server.secret_key)
        return S3Store(Bucket(bucket, proxy.endpoint, *keys, **given), tmp_path / secrets.token_hex(4))

    return opened


@pytest.fixture
def store(opened: Callable[..., S3Store]) -> S3Store:
    return opened()


def put(store: S3Store, content: bytes = BYTES) -> str:
    digest, size = store.put_new("ABC001", io.BytesIO(content))
    assert (digest, size) == (hashlib.sha256(content).hexdigest(), len(content))
    return digest


def written(server: S3Server, bucket: str) -> list[str]:
    """Every version of every object, and every upload that was begun."""
    client = server.client()
    found = client.list_object_versions(Bucket=bucket).get("Versions", [])
    begun = client.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return sorted([one["Key"] for one in found] + [f"begun {one['Key']}" for one in begun])


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [1, 3])
def test_a_store_that_asks_to_slow_down_gets_the_object_later(
    store: S3Store, proxy: S3Proxy, s3_server: S3Server, bucket: str, times: int
) -> None:
    proxy.next("slow_down", "PUT", times)
    put(store)
    assert proxy.count("PUT") == times + 1
    assert written(s3_server, bucket) == [KEY]


@pytest.mark.parametrize("kind", ["stall", "reset"])
def test_an_answer_that_is_lost_after_the_object_was_stored_doubles_nothing(
    store: S3Store, proxy: S3Proxy, s3_server: S3Server, bucket: str, kind: str
) -> None:
    proxy.next(kind, "PUT")
    put(store)
    assert proxy.count("PUT") == 2  # the second one is refused: it is there
    assert written(s3_server, bucket) == [KEY]
    assert store.digest("ABC001", DIGEST) == DIGEST


@pytest.mark.parametrize(("method", "query"), [("POST", "uploads"), ("PUT", "partNumber"), ("POST", "uploadId")])
@pytest.mark.parametrize("kind", ["slow_down", "reset"])
def test_a_large_object_survives_the_same_at_each_of_its_steps(
    store: S3Store, proxy: S3Proxy, s3_server: S3Server, bucket: str, kind: str, method: str, query: str
) -> None:
    content = secrets.token_bytes(2 * PART + 1)
    proxy.next(kind, method, query=query)
    digest = put(store, content)
    assert proxy.is_done
    assert store.digest("ABC001", digest) == digest
    assert [one for one in written(s3_server, bucket) if not one.startswith("begun")] == [f"ABC001/{digest}"]


def test_a_completion_that_is_asked_for_again_finds_its_upload_gone(
    store: S3Store, proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    proxy.next("no_upload", "POST", query="uploadId")
    digest = put(store, secrets.token_bytes(PART + 1))
    assert written(s3_server, bucket) == [f"ABC001/{digest}"]


def test_a_large_object_that_is_there_is_not_sent_again(opened: Callable[..., S3Store], proxy: S3Proxy) -> None:
    content = secrets.token_bytes(PART + 1)
    put(opened(), content)
    assert proxy.count("PUT", "partNumber") == 2
    put(opened(), content)
    assert proxy.count("PUT", "partNumber") == 2


def test_a_large_object_that_came_in_between_is_not_written_over(
    opened: Callable[..., S3Store], proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    content = secrets.token_bytes(PART + 1)
    put(opened(), content)
    proxy.next("missing", "HEAD")  # it was not there when we looked
    digest = put(opened(), content)
    assert proxy.is_done
    assert proxy.count("PUT", "partNumber") == 4
    assert written(s3_server, bucket) == [f"ABC001/{digest}"]  # once, and no upload is left


def test_a_store_that_gives_back_other_bytes_than_it_was_given_is_found_out(store: S3Store, proxy: S3Proxy) -> None:
    proxy.next("garble", "GET")
    with pytest.raises(Failed, match=f"the object {KEY} of the bucket .* has not the bytes of its name"):
        put(store)


def test_a_lot_that_meets_trouble_at_every_turn_is_kept_whole(
    opened: Callable[..., S3Store], proxy: S3Proxy, s3_server: S3Server, bucket: str
) -> None:
    store = opened(timeout_s=1)
    for kind, method in itertools.product(("slow_down", "reset", "stall"), ("PUT", "GET")):
        proxy.next(kind, method, times=2)
    proxy.next("cut", "GET", times=3)
    new = []
    for n in range(60):
        one = store.begin("ABC001")
        one.write(b"object %d" % n)
        new.append(("ABC001", one))
    store.keep(new)
    assert proxy.is_done
    assert written(s3_server, bucket) == sorted(f"ABC001/{one.sha256}" for _, one in new)
    assert all(store.digest("ABC001", one.sha256) == one.sha256 for _, one in new)


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["slow_down", "cut", "reset", "stall"])
def test_a_read_that_breaks_off_is_begun_again(opened: Callable[..., S3Store], proxy: S3Proxy, kind: str) -> None:
    content = secrets.token_bytes(3_000_000)
    digest = put(opened(), content)
    store = opened()
    proxy.next(kind, "GET", query="")
    copy = store.fetch("ABC001", digest)
    assert copy.read_bytes() == content
    store.forget(copy)
    proxy.next(kind, "GET")
    assert store.digest("ABC001", digest) == digest
    assert proxy.is_done


def test_a_read_that_never_ends_is_told_and_hands_out_nothing(
    opened: Callable[..., S3Store], proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "PATIENCE_S", 0.5)
    put(opened())
    store = opened()
    proxy.next("cut", "GET", times=1000)
    for read in (store.fetch, store.open, store.digest):
        with pytest.raises(Unreachable, match=f"reading the object {KEY} of the bucket .* broke off"):
            read("ABC001", DIGEST)
    assert list(store._copies.folder.iterdir()) == []


def test_a_server_that_takes_its_time_and_then_fails_is_not_asked_again(
    opened: Callable[..., S3Store], proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_store, "PATIENCE_S", 0.5)
    put(opened())
    store, before = opened(timeout_s=1), proxy.count("GET")
    proxy.next("stall", "GET", times=1000, query="")
    with pytest.raises(Unreachable, match="does not answer"):
        store.fetch("ABC001", DIGEST)
    assert proxy.count("GET") - before == s3_store.TRIES


def test_bytes_that_change_on_their_way_are_not_handed_out(opened: Callable[..., S3Store], proxy: S3Proxy) -> None:
    put(opened())
    store = opened()
    proxy.next("garble", "GET")
    with pytest.raises(Failed, match="has not the bytes of its name"):
        store.fetch("ABC001", DIGEST)
    assert store.fetch("ABC001", DIGEST).read_bytes() == BYTES


def test_a_server_that_is_away_is_asked_for_a_while_by_the_first_one_only(
    store: S3Store, proxy: S3Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        time.sleep(seconds)

    monkeypatch.setattr(s3_store, "time", SimpleNamespace(monotonic=time.monotonic, sleep=sleep))
    monkeypatch.setattr(s3_store, "PATIENCE_S", 0.5)
    proxy.away()
    with pytest.raises(Unreachable, match="does not answer"):
        store.fetch("ABC001", DIGEST)
    first = len(waited)
    assert first > 0
    for _ in range(3):
        with pytest.raises(Unreachable, match="does not answer"):
            store.fetch("ABC001", DIGEST)
    assert len(waited) == first
    proxy.back()
    with pytest.raises(FileNotFoundError):
        store.fetch("ABC001", DIGEST)
    proxy.away()  # it was there in between: patience again
    with pytest.raises(Unreachable, match="does not answer"):
        store.fetch("ABC001", DIGEST)
    assert len(waited) > first


def test_a_server_that_comes_back_is_found_by_all_that_wait(store: S3Store, proxy: S3Proxy) -> None:
    proxy.away()
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(put, store, b"object %d" % n) for n in range(4)]
        proxy.back()
        for n, one in enumerate(waiting):
            assert one.result(20) == hashlib.sha256(b"object %d" % n).hexdigest()


# --- opening ----------------------------------------------------------------------------------------------------------


def settings_of(server: S3Server, home: Path, bucket: str, **changes: Any) -> Settings:
    s3 = {
        "bucket": bucket, "endpoint": server.endpoint, "access_key": server.access_key,
        "secret_key": server.secret_key, "timeout_s": 2, "multipart_bytes": PART,
    } | changes  # fmt: skip
    return load(home, ours="CPP001", readers=2, s3=s3)


@pytest.mark.parametrize(
    ("changes", "french"),
    [
        ({"bucket": "nowhere"}, "le bucket nowhere n'existe pas sur 127.0.0.1:"),
        ({"bucket": "nowhere", "lock_years": 0}, "le bucket nowhere n'existe pas sur 127.0.0.1:"),
        ({"access_key": "AKIANOBODY"}, "refuse notre clé (InvalidAccessKeyId)"),
        ({"secret_key": "h0nter2"}, "refuse notre clé (SignatureDoesNotMatch)"),
        ({"endpoint": "nonsense"}, "boto3 n'accepte pas l'adresse nonsense"),
    ],
)
def test_a_wrong_setting_is_one_sentence_at_the_start(
    s3_server: S3Server, bucket: str, tmp_path: Path, changes: dict[str, Any], french: str,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    settings = settings_of(s3_server, tmp_path, **({"bucket": bucket} | changes))
    with caplog.at_level(logging.INFO), pytest.raises(Fault) as fault:
        homes.open_home(tmp_path / "home", settings=settings)
    said = fault.value.said
    assert french in said.fr
    assert said.fr.endswith("corriger [s3] dans settings.toml, puis relancer la même commande")
    for secret in (s3_server.secret_key, "h0nter2"):
        assert secret not in said.fr + said.en + caplog.text
    assert list((tmp_path / "home" / "workers").iterdir()) == []  # nothing of ours is left


def test_what_is_no_s3_server_is_told_so(s3_server: S3Server, bucket: str, tmp_path: Path) -> None:
    web = f"http://127.0.0.1:{s3_server._ports[0]}"  # another door of the same server, which knows no bucket
    with pytest.raises(Fault, match="is not an S3 store"):
        homes.open_home(tmp_path / "home", settings=settings_of(s3_server, tmp_path, bucket, endpoint=web))
    encrypted = s3_server.endpoint.replace("http:", "https:")
    with pytest.raises(Fault, match=r"the TLS connection to the S3 store 127\.0\.0\.1:.* fails"):
        homes.open_home(tmp_path / "home", settings=settings_of(s3_server, tmp_path, bucket, endpoint=encrypted))


# --- the whole shell --------------------------------------------------------------------------------------------------


@pytest.fixture
def home(
    s3_server: S3Server, proxy: S3Proxy, bucket: str, tmp_path: Path, reader: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Home]:  # fmt: skip
    monkeypatch.setattr(s3_store, "PATIENCE_S", 0.3)
    settings = settings_of(s3_server, tmp_path, bucket, endpoint=proxy.endpoint)
    with homes.open_home(tmp_path / "home", settings=settings, reader=reader) as opened:
        prepare(opened)
        yield opened


def prepare(home: Home) -> None:
    runner.add_partner(home, homes.partner())
    runner.import_directory(home, homes.directory(home.path / "annuaire"), homes.NOON.date().replace(day=1))


FLOWS = (
    homes.ubl("A-1"),
    homes.archive([("a.xml", homes.ubl("B-1")), ("b.xml", homes.ubl("B-2", supplier="00000000000000"))]),
    b"no invoice at all",
)


def drop_flows(home: Home) -> None:
    for number, flow in enumerate(FLOWS, 1):
        homes.drop(home, homes.flow_name(number), flow)


def red(home: Home) -> list[str]:
    return [line.name for line in runner.verify(home) if not line.ok]


def test_on_s3_the_same_flows_have_the_same_answers(home: Home, tmp_path: Path, reader: tuple[str, ...]) -> None:
    with homes.open_home(tmp_path / "folders", reader=reader) as other:
        prepare(other)
        for one in (home, other):
            drop_flows(one)
            assert runner.run(one).faults == []
            assert red(one) == []
            assert runner.run(one).is_idle
        assert homes.out(home) == homes.out(other)
        assert homes.out(home, "PORTAL", "recipients") == homes.out(other, "PORTAL", "recipients") != {}
        for code in (homes.PARTNER, "PORTAL", "platform"):
            assert list(home.store.list(code)) == list(other.store.list(code))
        assert len(list(home.store.list(homes.PARTNER))) >= 6
    assert list((home.path / "store").iterdir()) == []
    assert list(home.store._copies.folder.glob(".new-*")) == []  # type: ignore[attr-defined]


def test_files_wait_while_the_store_is_away_and_are_done_when_it_is_back(home: Home, proxy: S3Proxy) -> None:
    drop_flows(home)
    proxy.away()
    summary = runner.run(home)
    (fault,) = summary.faults
    assert fault.fr == (
        f"drop/ABC001 : le magasin S3 {proxy.endpoint.removeprefix('http://')} ne répond pas ; "
        "y remédier, puis relancer chorus-edi run"
    )
    assert (summary.received, homes.out(home)) == (0, {})
    proxy.back()
    again = runner.run(home)
    assert (again.faults, again.received, again.repeated) == ([], 3, 0)
    assert sum("CSO" in name for name in homes.out(home)) == 3
    assert red(home) == []


def test_a_unit_whose_answers_cannot_be_stored_waits_whole(home: Home, proxy: S3Proxy) -> None:
    drop_flows(home)
    runner.intake(home)
    home.stage = lambda stage: proxy.away() if stage == "commit" else None
    summary = runner.run(home)
    assert summary.waiting == 3
    *flows, heads = summary.faults
    assert "les têtes du journal" in heads.fr
    assert {fault.fr.partition(" : ")[2] for fault in flows} == {
        f"le magasin S3 {proxy.endpoint.removeprefix('http://')} ne répond pas ; "
        "y remédier, puis relancer chorus-edi run"
    }
    assert homes.out(home) == {}
    home.stage = lambda _stage: None
    proxy.back()
    again = runner.run(home)
    assert (again.faults, sum(again.flows.values())) == ([], 3)
    assert sum("CSO" in name for name in homes.out(home)) == 3
    assert red(home) == []


def test_verify_says_that_the_store_is_away_and_not_that_all_is_lost(home: Home, proxy: S3Proxy) -> None:
    drop_flows(home)
    runner.run(home)
    proxy.away()
    with pytest.raises(Unreachable, match="does not answer"):
        runner.verify(home)
    proxy.back()
    assert red(home) == []


def test_a_lost_and_an_altered_object_are_named(home: Home, s3_server: S3Server, bucket: str) -> None:
    drop_flows(home)
    runner.run(home)
    lost, altered = list(home.store.list(homes.PARTNER))[:2]
    client = s3_server.client()
    client.delete_object(Bucket=bucket, Key=f"ABC001/{lost}")
    client.put_object(Bucket=bucket, Key=f"ABC001/{altered}", Body=b"other bytes")
    (line,) = [line for line in runner.verify(home) if line.name == "archive"]
    assert not line.ok
    told = str(line)
    assert lost in told
    assert altered in told


def test_another_machine_judges_and_delivers_what_the_first_one_stored(
    home: Home, s3_server: S3Server, bucket: str, tmp_path: Path, reader: tuple[str, ...]
) -> None:
    """Two homes with one ledger file and one bucket: what the second one reads, it has to fetch."""
    drop_flows(home)
    runner.intake(home)
    settings = settings_of(s3_server, tmp_path, bucket)
    assert list(home.store._copies.folder.iterdir()) != []  # type: ignore[attr-defined]
    with homes.open_home(home.path, settings=settings, reader=reader) as second:
        summary = runner.run(second)
        assert (summary.faults, sum(summary.flows.values())) == ([], 3)
        assert red(second) == []
        assert list(second.store._copies.folder.glob(".new-*")) == []  # type: ignore[attr-defined]
    assert sum("CSO" in name for name in homes.out(home)) == 3


def test_a_home_opens_while_the_store_is_away_and_leaves_nothing_behind(
    s3_server: S3Server, bucket: str, proxy: S3Proxy, tmp_path: Path
) -> None:
    proxy.away()
    settings = settings_of(s3_server, tmp_path, bucket, endpoint=proxy.endpoint)
    with homes.open_home(tmp_path / "home", settings=settings) as home:
        with pytest.raises(Unreachable, match="does not answer"):  # whether it holds what nobody knows cannot be told
            runner.verify(home)
        new = home.store.begin(homes.PARTNER)
        new.write(BYTES)
        with pytest.raises(Unreachable, match="does not answer"):
            home.store.keep([(homes.PARTNER, new)])
        proxy.back()
        home.store.keep([(homes.PARTNER, new)])
        new.drop()
        assert home.store.exists(homes.PARTNER, DIGEST)
        folder = home.store._copies.folder  # type: ignore[attr-defined]
        assert folder.is_dir()
    assert not folder.exists()
