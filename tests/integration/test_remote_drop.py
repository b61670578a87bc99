"""Drop to answers over SFTP, against a real OpenSSH server: partners at work, a link that fails, two of our machines."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import homes
import pytest
from services.relay import CLOSE, DOWN, RESET, STALL, UP, Relay
from services.sshd import Served, SshServer
from sqlalchemy import text

from pipeline import runner
from pipeline.running.home import Home
from pipeline.running.summary import RunSummary
from pipeline.settings import Settings, load

PARTNER, OTHER = homes.PARTNER, homes.OTHER
HomeOf = Callable[..., Home]


@dataclass
class Ours:
    """Homes whose partners are on the server."""

    sshd: SshServer
    root: Path
    reader: tuple[str, ...]
    opened: list[Home]

    def home(
        self, name: str = "home", port: int | None = None, *, known: bool = False, timeout_s: float = 3, **more: object
    ) -> Home:
        """A home; `known`: its ledger and store are those of the first one, as a second machine would have it."""
        path = self.root / name
        path.mkdir(exist_ok=True)
        settings = self.settings(path, port, timeout_s, **more)
        home = homes.open_home(path, settings=settings, reader=self.reader)
        self.opened.append(home)
        if not known:
            for code in (PARTNER, OTHER):
                runner.add_partner(home, homes.partner(code))
            runner.import_directory(home, homes.directory(path / "annuaire"), homes.NOON.date().replace(day=1))
        return home

    def settings(self, path: Path, port: int | None, timeout_s: float, **more: object) -> Settings:
        remotes = {code: self.sshd.remote(code, timeout_s=timeout_s) for code in (PARTNER, OTHER)}
        if port is not None:
            remotes[PARTNER]["port"] = port
        return load(path, **{"ours": "CPP001", "readers": 2, "remotes": remotes, **more})

    def put(self, tmp_path: Path, flows: dict[str, bytes], code: str = PARTNER) -> None:
        """As a partner does it with the OpenSSH client: a temporary name, then a rename."""
        commands = []
        for name, content in flows.items():
            local = tmp_path / "outgoing" / name
            local.parent.mkdir(exist_ok=True)
            local.write_bytes(content)
            commands += [f"put {local} in/.{name}.part", f"rename in/.{name}.part in/{name}"]
        self.sshd.sftp(code, *commands)

    def get(self, tmp_path: Path, code: str = PARTNER) -> dict[str, bytes]:
        """What the partner fetches from its `out/`."""
        folder = tmp_path / f"fetched-{code}"
        folder.mkdir(exist_ok=True)
        self.sshd.sftp(code, f"get -r out {folder}")
        return {p.name: p.read_bytes() for p in (folder / "out").iterdir()}

    def left(self, code: str = PARTNER) -> list[str]:
        return sorted(p.name for folder in ("in", "work") for p in (self.sshd.root(code) / folder).iterdir())


@pytest.fixture(scope="module")
def partners(sshd: SshServer) -> dict[str, Served]:
    return {code: sshd.add_user(code) for code in (PARTNER, OTHER)}


@pytest.fixture
def ours(sshd: SshServer, partners: dict[str, Served], tmp_path: Path, reader: tuple[str, ...]) -> Iterator[Ours]:
    sshd.served |= partners
    for served in partners.values():
        served.empty()
    made = Ours(sshd, tmp_path, reader, [])
    yield made
    for home in made.opened:
        home.close()


def flows(count: int, first: int = 1, code: str = PARTNER) -> dict[str, bytes]:
    return {homes.flow_name(n, partner=code): homes.ubl(f"F-{code}-{n}") for n in range(first, first + count)}


def is_sound(home: Home) -> bool:
    return [line for line in runner.verify(home) if not line.ok] == []


def deposits(home: Home) -> list[tuple[str, str]]:
    with home.ledger.reading() as db:
        return sorted((str(name), str(state)) for name, state in db.execute(text("SELECT name, state FROM deposits")))


def run(home: Home) -> RunSummary:
    return runner.run(home)


def test_a_partner_drops_with_its_client_and_fetches_its_report(ours: Ours, tmp_path: Path) -> None:
    home = ours.home()
    ours.put(tmp_path, flows(3))
    ours.put(tmp_path, flows(1, code=OTHER), OTHER)
    summary = run(home)
    assert summary.faults == []
    assert (summary.received, dict(summary.flows)) == (4, {"IN_INTEGRE": 4})
    fetched = ours.get(tmp_path)
    assert sorted(name[:8] for name in fetched) == ["CSO1100A"] * 3 + ["FEN1201A"] * 3
    assert all(homes.flow_name(n).encode() in b"".join(fetched.values()) for n in (1, 2, 3))
    assert len(ours.get(tmp_path, OTHER)) == 2
    assert (ours.left(), ours.left(OTHER)) == ([], [])
    assert is_sound(home)
    again = run(home)
    assert (again.received, again.faults) == (0, [])


def test_a_report_that_was_fetched_and_removed_comes_back_when_the_flow_is_dropped_again(
    ours: Ours, tmp_path: Path
) -> None:
    home = ours.home()
    ours.put(tmp_path, flows(1))
    run(home)
    before = ours.get(tmp_path)
    out = ours.sshd.root(PARTNER) / "out"
    for path in out.iterdir():
        path.unlink()
    ours.put(tmp_path, flows(1))
    assert run(home).repeated == 1
    report = next(name for name in before if name.startswith("CSO1100A"))
    assert {p.name: p.read_bytes() for p in out.iterdir()} == {report: before[report]}
    assert is_sound(home)


def test_an_upload_that_goes_on_is_left_alone(ours: Ours, tmp_path: Path) -> None:
    home = ours.home()
    name, content = next(iter(flows(1).items()))
    inbox = ours.sshd.root(PARTNER) / "in"
    path = inbox / name
    path.write_bytes(content[:100])
    path.chmod(0o660)
    os.chown(path, inbox.stat().st_uid, inbox.stat().st_gid)
    stop = threading.Event()

    def grow() -> None:
        with path.open("ab") as file:
            while not stop.wait(0.05):
                file.write(b" ")
                file.flush()

    thread = threading.Thread(target=grow)
    thread.start()
    try:
        assert run(home).received == 0
    finally:
        stop.set()
        thread.join()
    path.write_bytes(content)
    assert dict(run(home).flows) == {"IN_INTEGRE": 1}


def test_what_is_no_plain_file_is_set_apart_and_the_others_get_their_answer(ours: Ours, tmp_path: Path) -> None:
    home = ours.home()
    inbox = ours.sshd.root(PARTNER) / "in"
    (inbox / homes.flow_name(7)).symlink_to("/etc/passwd")
    (inbox / b"caf\xe9.xml".decode("utf-8", "surrogateescape")).write_bytes(b"x")
    os.mkfifo(inbox / "pipe")
    ours.put(tmp_path, flows(1))
    summary = run(home)
    assert (summary.received, summary.quarantined) == (4, 3)
    assert dict(summary.flows) == {"IN_INTEGRE": 1}
    assert all("mis à part" in said.fr for said in summary.faults)
    assert is_sound(home)


def test_a_file_that_its_partner_closed_to_us_waits_and_stops_no_other(ours: Ours, tmp_path: Path) -> None:
    home = ours.home()
    closed = homes.flow_name(9)
    (tmp_path / closed).write_bytes(homes.ubl("F-9"))
    (tmp_path / closed).chmod(0o600)
    ours.sshd.sftp(PARTNER, f"put -p {tmp_path / closed} in/{closed}")
    ours.put(tmp_path, flows(2))
    summary = run(home)
    assert dict(summary.flows) == {"IN_INTEGRE": 2}
    (said,) = summary.faults
    assert said.fr == f"drop/{PARTNER}/in/{closed} : accès refusé ; y remédier, puis relancer chorus-edi run"
    ((waiting,),) = [list(folder.iterdir()) for folder in (ours.sshd.root(PARTNER) / "work").iterdir()]
    waiting.chmod(0o640)
    assert dict(run(home).flows) == {"IN_INTEGRE": 1}
    assert is_sound(home)


def test_a_server_that_is_away_holds_up_no_other_partner(ours: Ours, tmp_path: Path) -> None:
    with Relay(ours.sshd.port) as relay:
        home = ours.home(port=relay.port)
        relay.cut(STALL)
        ours.put(tmp_path, flows(1))
        ours.put(tmp_path, flows(1, code=OTHER), OTHER)
        summary = run(home)
        assert dict(summary.flows) == {"IN_INTEGRE": 1}
        (said,) = summary.faults
        assert said.fr.startswith(f"drop/{PARTNER} : sftp://") and "ne dit plus rien depuis 3 s" in said.fr
        assert len(ours.get(tmp_path, OTHER)) == 2
        relay.mend()
        assert dict(run(home).flows) == {"IN_INTEGRE": 1}
        assert len(ours.get(tmp_path)) == 2


@pytest.mark.parametrize(
    ("how", "way", "share"),
    [
        ("", DOWN, 0), (CLOSE, DOWN, 0.3), (RESET, DOWN, 0.6), (STALL, DOWN, 0.45), (CLOSE, UP, 0.8), (RESET, UP, 0.25),
        (STALL, UP, 0.9),
    ],
)  # fmt: skip
def test_a_link_that_fails_in_the_middle_costs_a_sentence_and_nothing_else(
    ours: Ours, tmp_path: Path, how: str, way: str, share: float, whole: dict[str, int]
) -> None:
    """At any point of a run that pulls 8 flows and pushes 16 answers; the next run does the rest."""
    with Relay(ours.sshd.port) as relay:
        home = ours.home(port=relay.port, timeout_s=1.5, drop={"stat_interval_s": 0})
        ours.put(tmp_path, flows(8))
        if how:
            relay.cut(how, int(whole[way] * share), way)
        first = run(home)
        assert relay.has_failed.is_set() is bool(how)
        if not how:  # what such a run costs when nothing fails
            whole.update(relay.passed)
        # a wire that stays dead is told twice: nothing comes in, nothing goes out
        assert len(first.faults) <= {"": 0, CLOSE: 1, RESET: 1, STALL: 2}[how], [said.en for said in first.faults]
        relay.mend()
        second = run(home)
        assert second.faults == []
        assert first.received + second.received == 8
    assert deposits(home) == sorted((name, "IN_INTEGRE") for name in flows(8))
    assert len(ours.get(tmp_path)) == 16
    assert ours.left() == []
    assert is_sound(home)


@pytest.fixture(scope="module")
def whole() -> dict[str, int]:
    """Bytes that pass each way while nothing fails; here for a test that is run alone."""
    return {DOWN: 45_000, UP: 65_000}


@pytest.mark.parametrize("ledger", ["sqlite", "postgres"])
def test_two_machines_pull_one_account_at_once_and_each_file_is_one_deposit(
    request: pytest.FixtureRequest, ours: Ours, tmp_path: Path, ledger: str
) -> None:
    given: dict[str, object] = {}
    if ledger == "postgres":
        given["ledger"] = {"url": request.getfixturevalue("database").url}
    first = ours.home("one", **given)
    roots = {"ledger": str(first.path / "ledger.sqlite"), "store": str(first.path / "store")}
    second = ours.home("two", known=True, roots=roots, **given)
    ours.put(tmp_path, flows(40))
    ready = threading.Barrier(2)
    summaries: list[RunSummary] = []

    def pull(home: Home) -> None:
        ready.wait()
        summaries.extend(run(home) for _ in range(2))

    threads = [threading.Thread(target=pull, args=(home,)) for home in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run(first)
    assert [said for summary in summaries for said in summary.faults] == []
    assert deposits(first) == sorted((name, "IN_INTEGRE") for name in flows(40))
    assert len(ours.get(tmp_path)) == 80
    assert ours.left() == []
    assert is_sound(first)
    for home in (first, second):  # before their database goes
        home.close()


@pytest.mark.parametrize("point", ["claimed", "archived", "registered"])
def test_a_machine_that_dies_in_the_middle_leaves_its_files_to_the_next(
    ours: Ours, tmp_path: Path, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.adapters.remote_drop import RemoteDrop

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    home = ours.home()
    ours.put(tmp_path, flows(5))
    with monkeypatch.context() as patched:
        if point == "claimed":
            patched.setattr(RemoteDrop, "archive", die)
        elif point == "archived":
            patched.setattr(type(home.store), "keep", die)
        else:
            patched.setattr(RemoteDrop, "delete", die)
        with pytest.raises(Died):
            run(home)
    assert len(ours.left()) == 5
    home.close()
    again = ours.home(known=True)
    summary = run(again)
    assert summary.received == (0 if point == "registered" else 5)
    assert deposits(again) == sorted((name, "IN_INTEGRE") for name in flows(5))
    assert (ours.left(), len(ours.get(tmp_path))) == ([], 10)
    assert is_sound(again)


def test_a_partner_may_drop_over_sftp_and_be_answered_in_its_folder(ours: Ours, tmp_path: Path) -> None:
    remotes = {PARTNER: ours.sshd.remote(PARTNER, out=""), OTHER: ours.sshd.remote(OTHER, inbox="")}
    home = ours.home(remotes=remotes)
    ours.put(tmp_path, flows(1))
    homes.drop(home, homes.flow_name(1, partner=OTHER), homes.ubl("F-2"), OTHER)
    assert dict(run(home).flows) == {"IN_INTEGRE": 2}
    assert len(homes.out(home, PARTNER)) == 2
    assert len(ours.get(tmp_path, OTHER)) == 2


def test_a_home_whose_drop_folder_sshd_serves_needs_no_account_of_ours(
    sshd: SshServer, tmp_path: Path, reader: tuple[str, ...]
) -> None:
    """One server: the chroot of a partner is its folder of the home."""
    path = sshd.new_folder("home")
    sshd.add_user(PARTNER, path / "drop" / PARTNER)
    with closing(homes.ready_home(path, reader=reader)) as home:
        made = Ours(sshd, tmp_path, reader, [])
        made.put(tmp_path, flows(2))
        assert dict(run(home).flows) == {"IN_INTEGRE": 2}
        assert len(made.get(tmp_path)) == 4
        assert is_sound(home)


def test_where_a_partner_has_an_account_only_its_files_and_ours_are_taken(
    sshd: SshServer, tmp_path: Path, reader: tuple[str, ...]
) -> None:
    """The owner of `in/` tells whose account it is. Another one that may write there drops nothing in its name."""
    path = sshd.new_folder("owners")
    served = sshd.add_user(PARTNER, path / "drop" / PARTNER)
    sshd.add_user(OTHER, path / "drop" / OTHER)
    with closing(homes.ready_home(path, reader=reader)) as home:
        made = Ours(sshd, tmp_path, reader, [])
        made.put(tmp_path, flows(1))
        homes.drop(home, homes.flow_name(2), homes.ubl("F-2"))  # ours
        stranger = homes.drop(home, homes.flow_name(3), homes.ubl("F-3"))
        os.chown(stranger, (path / "drop" / OTHER / "in").stat().st_uid, -1)
        (path / "secret").write_bytes(b"ours")
        (served.root / "in" / homes.flow_name(4)).hardlink_to(path / "secret")
        summary = run(home)
        assert dict(summary.flows) == {"IN_INTEGRE": 2}
        assert summary.quarantined == 2
        assert any("pas du compte du partenaire" in said.fr for said in summary.faults)
        assert is_sound(home)


def test_a_password_that_cannot_be_read_stops_its_partner_alone(ours: Ours, tmp_path: Path) -> None:
    """Neither what it drops is taken nor what it is owed is sent; the others get theirs. Mended, no restart is needed."""
    secret = tmp_path / "secret"
    remotes = {PARTNER: ours.sshd.remote(PARTNER, password_file=str(secret)), OTHER: ours.sshd.remote(OTHER)}
    home = ours.home(remotes=remotes)
    ours.put(tmp_path, flows(1))
    ours.put(tmp_path, flows(1, code=OTHER), OTHER)
    for made, reason in (
        (lambda: None, "fichier ou dossier introuvable"),
        (lambda: secret.write_bytes(b"\xff\xfe"), "texte attendu en UTF-8"),
    ):
        made()
        summary = run(home)
        (fault,) = summary.faults
        assert f"{secret} est illisible : {reason} ; corriger ce fichier" in fault.fr
        assert fault.fr.startswith(f"drop/{PARTNER} : sftp://")
    assert deposits(home) == [(homes.flow_name(1, partner=OTHER), "IN_INTEGRE")]
    assert len(ours.get(tmp_path, OTHER)) == 2
    secret.write_text("not needed by this key\n")
    summary = run(home)
    assert (summary.faults, dict(summary.flows)) == ([], {"IN_INTEGRE": 1})
    secret.unlink()
    assert run(home).faults == []  # the connection is open
    assert is_sound(home)
