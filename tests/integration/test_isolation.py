"""What one partner sees is the same, byte for byte, whether another one is there or not (invariant 13).

Stories of drops are drawn from a seed, for two partners at once: flows of every outcome, doubles of the other's content
and names and numbers, hostile files. Each is told with both partners, and with each of them alone.
"""

import os
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import homes
import pytest
from sqlalchemy import event, text

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.adapters.ledger.rows import Partner
from pipeline.model import DepositRight
from pipeline.running.home import Home
from pipeline.settings import load

A, B = homes.PARTNER, homes.OTHER
SUPPLIERS = {A: homes.SUPPLIER, B: homes.SUPPLIER_2}
OTHERS = {A: B, B: A}
ORDERED = "1234567890"
RECIPIENTS = (homes.PLAIN, homes.PLAIN, homes.NEEDS_BOTH, homes.STATE)


@dataclass(frozen=True)
class Drop:
    """One thing that a partner puts into its `in/`."""

    partner: str
    day: int
    name: bytes
    content: bytes
    kind: str = "file"  # or link, folder, pipe


def story(seed: int) -> tuple[Drop, ...]:
    """What two partners drop over some days. Neither knows of the other; both draw from few numbers and few names."""
    chance = random.Random(seed)
    drops: list[Drop] = []
    said: dict[str, list[tuple[bytes, bytes]]] = {A: [], B: []}
    for rank in range(12):
        for partner in (A, B):
            kind = chance.choice(("own", "own", "own", "archive", "copy", "again", "name", "others", "odd", "hostile"))
            name = homes.flow_name(chance.randrange(1, 30), partner=partner).encode()
            number = f"N-{chance.randrange(1, 9)}"
            supplier = SUPPLIERS[partner]
            content = _invoice(chance, number, supplier)
            theirs = said[OTHERS[partner]]
            shape = "file"
            if kind == "archive":
                content = homes.archive((f"{n}.xml", _invoice(chance, f"M-{rank}-{n}", supplier)) for n in range(3))
            elif kind == "copy" and theirs:
                content = chance.choice(theirs)[1]  # the very bytes of the other one, under a name of its own
            elif kind == "name" and theirs:
                name = chance.choice(theirs)[0]  # a flow name that announces the other one
            elif kind == "again" and said[partner]:
                name, content = chance.choice(said[partner])
            elif kind == "others":
                content = _invoice(chance, number, SUPPLIERS[OTHERS[partner]])  # for a supplier of the other one
            elif kind == "odd":
                content = chance.choice((b"", b"<Invoice", b"\x1f\x8b nothing", content[:400]))
            elif kind == "hostile":
                shape = chance.choice(("link", "folder", "pipe"))
                name = f"odd-{rank}\u202e\n".encode()
            drops.append(Drop(partner, rank // 4, name, content, shape))
            if shape == "file":
                said[partner].append((name, content))
    return tuple(drops)


def _invoice(chance: random.Random, number: str, supplier: str) -> bytes:
    recipient = chance.choice(RECIPIENTS)
    service, order = ("SFACETAT", ORDERED) if recipient == homes.STATE else ("", "")
    return homes.ubl(
        number,
        recipient=recipient,
        supplier=supplier,
        net=chance.choice(("10.00", "20.50", "9.99")),
        service=service,
        order=order,
        issued=chance.choice(("2026-11-18", "2026-11-18", "2026-02-30", "2025-11-18")),
        type_code=chance.choice(("380", "380", "380", "381")),
    )


Seen = dict[str, bytes]


def told(
    path: Path, reader: tuple[str, ...], drops: tuple[Drop, ...], there: tuple[str, ...], **settings: object
) -> dict[str, Seen]:
    """Tell a story to a home where only these partners are; what each of them then sees: name -> bytes."""
    with opened(path, reader, there, **settings) as home:
        for day in range(max(drop.day for drop in drops) + 2):
            home.clock = FixedClock(homes.NOON + timedelta(days=day))
            if day == 1:
                runner.commitments_unavailable(home)
            if day == 3:
                runner.commitments_available(home)
            for second, drop in enumerate(drops):
                if drop.day == day and drop.partner in there:
                    put(home, drop, second)
            runner.run(home)
        assert [line for line in runner.verify(home) if not line.ok] == []
        return {code: seen(home, code) for code in there}


def opened(path: Path, reader: tuple[str, ...], there: tuple[str, ...], **settings: object) -> Home:
    """A home with these partners, each with the right to file for one supplier."""
    path.mkdir(parents=True, exist_ok=True)
    given = load(path, **{"ours": "CPP001", "readers": 2, **settings})
    home = homes.open_home(path, settings=given, reader=reader)
    for code in there:
        runner.add_partner(home, Partner(code, rights=(DepositRight("1", SUPPLIERS[code]),)))
    runner.import_directory(home, homes.directory(path / "annuaire"), date(2026, 11, 1))
    runner.import_commitments(home, homes.orders(path / "orders.csv", ORDERED), date(2026, 11, 19))
    return home


def put(home: Home, drop: Drop, second: int) -> None:
    at = homes.LONG_AGO_NS + second * 10**9
    inbox = os.fsencode(home.path / "drop" / drop.partner / "in")
    path = os.path.join(inbox, drop.name)
    if drop.kind == "link":
        os.symlink(b"../../" + OTHERS[drop.partner].encode() + b"/in", path)
    elif drop.kind == "folder":
        os.mkdir(path)
    elif drop.kind == "pipe":
        os.mkfifo(path)
    else:
        with open(path, "wb") as file:
            file.write(drop.content)
    os.utime(path, ns=(at, at), follow_symlinks=False)


def seen(home: Home, code: str) -> Seen:
    """All that a partner can list and read: its `in/`, its `out/`, and its `out/` as a recipient."""
    folders = [home.path / "drop" / code / "in", home.path / "drop" / code / "out", home.path / "recipients" / code]
    return {
        str(p.relative_to(home.path)): p.read_bytes() for folder in folders for p in folder.rglob("*") if p.is_file()
    }


@pytest.mark.parametrize("seed", [1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 4))])
def test_what_a_partner_sees_does_not_hang_on_another(tmp_path: Path, reader: tuple[str, ...], seed: int) -> None:
    drops = story(seed)
    both = told(tmp_path / "both", reader, drops, (A, B))
    for alone in (A, B):
        assert told(tmp_path / alone, reader, drops, (alone,))[alone] == both[alone]
    words = b"".join(Path(name).name.encode() + content for name, content in both[A].items())
    assert len([name for name in both[A] if "/out/CSO" in name]) >= 6
    for secret in (B, "drop/", "store/", "work/"):
        named = {drop.name for drop in drops if drop.partner == A and B.encode() in drop.name}
        if secret == B and named:  # its own flow name announced the other one: the report repeats it
            continue
        assert secret.encode() not in words


def test_nor_where_rights_are_not_held_against_anybody(tmp_path: Path, reader: tuple[str, ...]) -> None:
    """Without proof a number of the same supplier meets nobody else's: both may hold it."""
    drops = story(5)
    switches = {"authorised_issuers": "off"}
    both = told(tmp_path / "both", reader, drops, (A, B), switches=switches)
    assert told(tmp_path / "alone", reader, drops, (A,), switches=switches)[A] == both[A]


def test_where_both_have_proved_their_right_only_another_channel_is_told(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    with homes.ready_home(tmp_path, reader=reader) as home:
        homes.drop(home, homes.flow_name(77, partner=B), homes.ubl("SHARED-1", net="4321.00"), B)
        runner.run(home)
        homes.drop(home, homes.flow_name(1), homes.ubl("SHARED-1", net="10.00"))
        runner.run(home)
        report = next(content for name, content in homes.out(home).items() if name.startswith("CSO")).decode()
        assert "un autre canal" in report
        for secret in (B, homes.flow_name(77, partner=B), "4321", "2026-11-20 12", "0000077"):
            assert secret not in report
        with home.ledger.reading() as db:
            facts = db.execute(text("SELECT facts FROM findings WHERE rule = 'DUP-001'")).scalars().all()
        assert len(facts) == 1
        assert B not in facts[0]


def test_what_is_stored_lies_under_the_partner_it_came_from(tmp_path: Path, reader: tuple[str, ...]) -> None:
    same = homes.ubl("S-1")
    with homes.ready_home(tmp_path, reader=reader) as home:
        for code in (A, B):
            homes.drop(home, homes.flow_name(1, partner=code), same, code)
        runner.run(home)
        with home.ledger.reading() as db:
            rows = db.execute(text("SELECT partner, sha256, first_id FROM deposits")).all()
        assert {row.partner for row in rows} == {A, B}
        assert len({row.sha256 for row in rows}) == 1
        assert {row.first_id for row in rows} == {None}  # the same bytes of another partner are no double
        for row in rows:
            assert home.store.open(row.partner, row.sha256).read() == same
            assert (home.path / "store" / row.partner / row.sha256).is_file()
        with pytest.raises(FileNotFoundError):
            home.store.open(homes.RECEIVER, rows[0].sha256)


def test_what_lies_in_a_home_is_ours_alone_to_read(tmp_path: Path, reader: tuple[str, ...]) -> None:
    """Accounts of the machine, those of sshd among them, find every door of what is not theirs shut."""
    before = os.umask(0o022)
    try:
        with opened(tmp_path / "home", reader, (A, B)) as home:
            homes.drop(home, homes.flow_name(1), homes.ubl("O-1"))
            runner.run(home)
            work = home.path / "drop" / A / "work"
            doors = [home.path / "store", home.path / "workers", work, *home.path.glob("ledger.sqlite*")]
            assert len(doors) >= 4
            assert [path for path in doors if path.stat().st_mode & 0o077] == []
            assert home.folder(A).out.stat().st_mode & 0o777 == 0o755  # the partner's to read
    finally:
        os.umask(before)


FILES, ROUNDS, TRIES, NOISE = 6, 5, 4, 0.15


def test_a_copy_of_what_another_partner_sent_takes_as_long_as_anything_new(
    tmp_path: Path, reader: tuple[str, ...]
) -> None:
    """Medians of rounds that take turns; a machine that is busy gets another chance."""
    with opened(tmp_path, reader, (A, B)) as home:
        sequence = iter(range(10_000))
        fresh = _numbers(homes.ubl)

        def of_the_other() -> list[bytes]:
            sent = [fresh() for _ in range(FILES * ROUNDS)]
            for content in sent:
                homes.drop(home, homes.flow_name(next(sequence), partner=B), content, B)
            assert runner.run(home).flows == {"IN_INTEGRE": len(sent)}
            return sent

        def timed(contents: list[bytes]) -> float:
            for content in contents:
                homes.drop(home, homes.flow_name(next(sequence)), content)
            began = time.perf_counter()
            summary = runner.run(home)
            assert summary.flows == {"IN_REJETE": FILES}  # A may not file for that supplier
            return time.perf_counter() - began

        differences = []
        for _ in range(TRIES):
            theirs, copies, news = of_the_other(), [], []
            for _ in range(ROUNDS):
                copies.append(timed([theirs.pop() for _ in range(FILES)]))
                news.append(timed([fresh() for _ in range(FILES)]))
            copied, new = statistics.median(copies), statistics.median(news)
            differences.append(abs(copied - new) / new)
            if differences[-1] <= NOISE:
                return
        pytest.fail(f"a copy is told from a new file by its time: {differences}")


def test_the_ledger_is_asked_the_same_of_a_copy_as_of_anything_new(tmp_path: Path, reader: tuple[str, ...]) -> None:
    """What no clock of a busy machine can tell for certain: the same statements, with as many rows in each."""
    with opened(tmp_path, reader, (A, B)) as home:
        fresh = _numbers(homes.ubl)
        theirs = [fresh() for _ in range(FILES)]
        for n, content in enumerate(theirs):
            homes.drop(home, homes.flow_name(n, partner=B), content, B)
        assert runner.run(home).flows == {"IN_INTEGRE": FILES}
        asked: list[tuple[str, int]] = []
        event.listen(
            home.ledger.engine, "before_cursor_execute",
            lambda _c, _cur, sql, given, _ctx, is_many: asked.append((sql, len(given) if is_many else 1)),
        )  # fmt: skip

        def told(contents: list[bytes], first: int) -> tuple[dict[str, int], list[tuple[str, int]]]:
            asked.clear()
            for n, content in enumerate(contents, first):
                homes.drop(home, homes.flow_name(n), content)
            return dict(runner.run(home).flows), list(asked)

        told([fresh()], 100)  # the day's first
        new, copied = told([fresh() for _ in range(FILES)], 200), told(theirs, 300)
        assert new[0] == {"IN_REJETE": FILES}
        assert copied == new
        assert told(theirs, 300)[1] != new[1]  # what it sent itself is known to it


def _numbers(ubl: Callable[..., bytes]) -> Callable[[], bytes]:
    """Invoices of the other partner's supplier, none like another."""
    numbers = iter(range(10_000))
    return lambda: ubl(f"U-{next(numbers)}", supplier=homes.SUPPLIER_2)
