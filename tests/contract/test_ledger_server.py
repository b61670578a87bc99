"""The ledger on PostgreSQL alone: who gets in, what a server that goes away costs, and a COMMIT without an answer."""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from ledger_samples import LIMITS, claim, dropped, file, register, unsettled
from services.postgres import Database, PostgresServer
from services.statements import Cut, StatementRelay
from side_by_side import Beside
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import DBAPIError

from pipeline.adapters.ledger import Connection, Ledger, bulk, claims, deposits, engine, tables
from pipeline.adapters.ledger.migrations import script_folder
from pipeline.adapters.ledger.tables import HEAD, metadata
from pipeline.ports import Fault

OWNER = "edi"
MIGRATE = "import sys; from pipeline.adapters.ledger import Ledger; Ledger.on_server(sys.argv[1]).migrate()"


@pytest.fixture
def database(postgres: PostgresServer) -> Iterator[Database]:
    """A new database of a plain role: what the ledger asks for is what any owner may do."""
    made = postgres.database(owner=OWNER)
    yield made
    if postgres.is_ours and postgres.process is None:
        postgres.start()
    postgres.drop(made.name)


@pytest.fixture
def ledger(database: Database) -> Iterator[Ledger]:
    opened = Ledger.on_server(database.tcp_url)
    opened.migrate()
    yield opened
    opened.close()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is waited for long."""
    monkeypatch.setattr(engine, "PATIENCE_S", 0.5)
    monkeypatch.setattr(engine, "FIRST_S", 0.2)


def declare(db: Connection, subject: str = "x") -> None:
    db.execute(tables.declared.insert(), {"subject": subject})


def declared(ledger: Ledger) -> list[str]:
    with ledger.reading() as db:
        return list(db.execute(select(tables.declared.c.subject).order_by(tables.declared.c.subject)).scalars())


# --- who gets in ------------------------------------------------------------------------------------------------------


def refused(url: str, password: str = "") -> str:
    with pytest.raises(Fault) as met:
        Ledger.on_server(url, password).migrate()
    fr, en = met.value.said.fr, met.value.said.en
    assert "\n" not in fr + en
    assert fr != en
    return en


@pytest.mark.usefixtures("quick")
def test_each_thing_that_is_wrong_is_one_sentence(database: Database) -> None:
    url = database.tcp_url
    secret, name, port = database.server.password, database.name, str(database.server.port)
    if not secret or secret not in url:
        pytest.skip("not our server: its URL is as it was given")
    for wrong, sentence in (
        (url.replace(secret, "wrong"), "refuses this user or its password"),
        (url.replace(f":{secret}", ""), "refuses this user or its password"),
        (url.replace(f"//{OWNER}", "//nobody"), "refuses this user or its password"),
        (url.replace(name, "nowhere"), "the ledger's database is not on this server"),
        (url.replace(f":{port}", ":1"), "the ledger's server does not answer"),
        (url.replace("127.0.0.1", "no.such.host.invalid"), "the ledger's server does not answer"),
        (f"{url}?sslmode=require", "the ledger's server refuses the connection"),
        ("postgresql://user@host:notaport/base", "the URL of the ledger cannot be read"),
        ("sqlite:///ledger.sqlite", "the URL of the ledger cannot be read"),
        ("postgresql://user@host:5432", "the URL of the ledger cannot be read"),
        ("host=db dbname=ledger", "the URL of the ledger cannot be read"),
    ):
        told = refused(wrong)
        assert sentence in told
        assert secret not in told


def test_the_password_stands_apart_from_the_url(database: Database) -> None:
    secret = database.server.password
    if secret not in database.tcp_url:
        pytest.skip("not our server: its URL is as it was given")
    opened = Ledger.on_server(database.tcp_url.replace(f":{secret}", ""), secret)
    opened.migrate()
    assert secret not in f"{opened.engine!r} {opened.engine.url} {opened.__dict__}"
    opened.close()


def test_a_ledger_of_a_newer_version_is_not_touched(ledger: Ledger, database: Database) -> None:
    with ledger.writing() as db:
        db.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert "newer version of chorus-edi (9999, here" in refused(database.url)


def test_the_database_of_another_software_is_not_touched(database: Database) -> None:
    database.server.execute("CREATE TABLE alembic_version (version_num varchar(32))", database.name)
    database.server.execute("INSERT INTO alembic_version VALUES ('e42e9e7b8d3c')", database.name)
    database.server.execute("GRANT SELECT ON alembic_version TO PUBLIC", database.name)
    assert "belongs to another software" in refused(database.url)


def test_a_database_that_is_not_in_utf_8_is_refused(postgres: PostgresServer) -> None:
    latin = postgres.database(encoding="LATIN1")
    assert "not in UTF-8" in refused(latin.url)
    postgres.drop(latin.name)


def test_a_user_who_may_not_make_tables_is_told(database: Database) -> None:
    server = database.server
    server.execute(f"CREATE ROLE guest_{database.name} LOGIN PASSWORD 'guest'")
    server.execute("REVOKE CREATE ON SCHEMA public FROM PUBLIC", database.name)
    guest = make_url(database.tcp_url).set(username=f"guest_{database.name}", password="guest")
    told = refused(guest.render_as_string(hide_password=False))
    server.execute(f"DROP ROLE guest_{database.name}")
    assert "may not create or change the tables" in told


def test_the_migrations_end_in_the_tables_of_the_code(ledger: Ledger) -> None:
    with ledger.reading() as db:
        context = MigrationContext.configure(db, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        assert context.get_current_revision() == HEAD
        columns = db.execute(
            text(
                "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
                "AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
            )
        ).all()
        assert columns == []


def test_processes_that_start_at_once_migrate_in_turn(database: Database) -> None:
    started = [subprocess.Popen([sys.executable, "-c", MIGRATE, database.url]) for _ in range(3)]
    assert [process.wait(60) for process in started] == [0, 0, 0]
    with Ledger.on_server(database.url).reading() as db:
        assert db.execute(text("SELECT version_num FROM alembic_version")).scalars().all() == [HEAD]


def test_an_older_ledger_goes_on_counting_where_it_was(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    old = Ledger.on_server(database.url)
    with old.writing() as db:
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        db.execute(text("INSERT INTO deposits (id, name_bytes) VALUES (41, '')"))
    old.migrate()
    old.migrate()
    assert register(old, "AAA001", [file("AAA001", 1)])[0].id == 42
    old.close()


# --- what a session is like -------------------------------------------------------------------------------------------


def test_nobody_is_waited_for_for_ever(ledger: Ledger) -> None:
    names = ("lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout", "transaction_isolation",
             "transaction_read_only", "application_name")  # fmt: skip

    def settings(db: Connection) -> list[str]:
        return [str(db.execute(text(f"SHOW {name}")).scalar()) for name in names]

    with ledger.writing() as db:
        assert settings(db) == ["30s", "10min", "5min", "read committed", "off", "chorus-edi"]
    with ledger.reading() as db:
        assert settings(db) == ["30s", "10min", "0", "repeatable read", "on", "chorus-edi"]
    with ledger.writing() as db:
        assert settings(db)[2:5] == ["5min", "read committed", "off"]


def test_the_url_has_the_last_word(database: Database) -> None:
    opened = Ledger.on_server(f"{database.tcp_url}?application_name=second&connect_timeout=3")
    with opened.reading() as db:
        assert db.execute(text("SHOW application_name")).scalar() == "second"
    opened.close()


def test_a_reader_writes_nothing(ledger: Ledger) -> None:
    with pytest.raises(DBAPIError, match="read-only"), ledger.reading() as db:
        declare(db)


def test_rows_go_in_by_the_thousand_with_every_type(ledger: Ledger) -> None:
    rows = [
        {"id": n + 1, "partner": "é\\\t\n'\"{},NULL", "claim": str(n), "name_bytes": bytes([n % 256, 0, 255]),
         "size_bytes": 2**40 + n, "first_id": None if n % 2 else 1, "name": "NULL"}
        for n in range(1_300)
    ]  # fmt: skip
    ledger.write(lambda db: bulk.add(db, tables.deposits, rows))
    ledger.write(lambda db: bulk.add_absent(db, tables.deposits, [rows[0], rows[1] | {"id": 9_999, "claim": "new"}]))
    d = tables.deposits.c
    with ledger.reading() as db:
        names = [d.id, d.partner, d.claim, d.name_bytes, d.size_bytes, d.first_id, d.name]
        told = [dict(row._mapping) for row in db.execute(select(*names).order_by(d.id))]
    assert told[:-1] == [{c.name: row[c.name] for c in names} for row in rows]
    assert told[-1]["claim"] == "new"


def test_partners_register_side_by_side_without_waiting(ledger: Ledger, database: Database) -> None:
    """Ids that are counted from the last one make the second wait for the first, and then fail."""
    other = Ledger.on_server(database.url)
    with ledger.writing() as db:
        deposits.register(db, "AAA001", [file("AAA001", 1)], unsettled)
        beside = Beside(lambda: dropped(other, "BBB001", 1))
        assert beside.end()
    other.close()


def test_a_claim_passes_over_a_partner_that_another_one_is_claiming(ledger: Ledger, database: Database) -> None:
    dropped(ledger, "AAA001", 1)
    theirs = dropped(ledger, "BBB001", 1)
    other = Ledger.on_server(database.url)
    with ledger.writing() as db:
        assert claims.claim(db, "a", "1", 0, LIMITS) is not None
        lot = Beside(lambda: claim(other, "b")).end()
    assert lot is not None
    with other.reading() as db:
        assert [d.id for d in claims.members(db, lot)] == theirs  # type: ignore[arg-type]
    other.close()


def test_a_worker_that_hangs_with_its_lot_locked_holds_up_no_other(ledger: Ledger, database: Database) -> None:
    dropped(ledger, "AAA001", 1, 1, 1, 1)
    hangs, gone = claim(ledger, "hangs"), claim(ledger, "gone")
    assert hangs is not None
    assert gone is not None
    other = Ledger.on_server(database.url)
    with ledger.writing() as db:
        claims.guard(db, hangs, 0, LIMITS)

        def take() -> claims.Lot | None:
            return other.write(lambda db: claims.take_over(db, "me", 90_000, LIMITS, lambda _w: False))

        assert Beside(take).end() == claims.Lot(gone.id, "AAA001", claims.JUDGE, 2)
    other.close()


@pytest.mark.parametrize("index", ["uq_flows_name", "uq_flows_bytes", "ix_deposits_lot"])
def test_partial_indexes_are_found_by_statements_prepared_once_and_for_all(ledger: Ledger, index: str) -> None:
    """A plan without values takes a partial index only where the statement itself says its condition."""
    f, d = tables.flows.c, tables.deposits.c
    where = {
        "uq_flows_name": (f.partner == "A") & f.name_bytes.in_([b"1", b"2"]) & tables.HOLDS_NAME,
        "uq_flows_bytes": (f.partner == "A") & f.sha256.in_(["1", "2"]) & tables.HOLDS_BYTES,
        "ix_deposits_lot": d.lot_id == 7,
    }[index]
    with ledger.writing() as db:
        db.execute(
            text(
                "INSERT INTO deposits (id, partner, claim, name_bytes, state) SELECT n, 'A', n::text, "
                "n::text::bytea, 'IN_INTEGRE' FROM generate_series(1, 5000) n"
            )
        )
        db.execute(
            text(
                "INSERT INTO flows SELECT n, 'A', n::text::bytea, n::text, (n % 50 = 0)::int, (n % 50 = 0)::int "
                "FROM generate_series(1, 5000) n"
            )
        )
    with ledger.writing() as db:
        db.execute(text("ANALYZE"))
        db.execute(text("SET LOCAL plan_cache_mode = force_generic_plan"))
        compiled = select(func.count()).where(where).compile(db, compile_kwargs={"render_postcompile": True})
        values = dict(compiled.params)
        statement = str(compiled)
        for position, name in enumerate(values, 1):
            statement = statement.replace(f"%({name})s", f"${position}")
        db.exec_driver_sql(f"PREPARE asked AS {statement}")
        plan = "\n".join(
            row[0] for row in db.exec_driver_sql(f"EXPLAIN EXECUTE asked ({', '.join(['NULL'] * len(values))})")
        )
    assert index in plan


# --- a server that goes away ------------------------------------------------------------------------------------------


def test_a_unit_whose_server_crashes_and_comes_back_is_written_once(ledger: Ledger, stoppable: PostgresServer) -> None:
    tried = []
    inside, stopped = threading.Event(), threading.Event()

    def unit(db: Connection) -> int:
        tried.append(1)
        declare(db)
        if len(tried) == 1:
            inside.set()
            assert stopped.wait(20)
        return len(tried)

    beside = Beside(lambda: ledger.write(unit))
    assert inside.wait(20)
    stoppable.stop(now=True)
    stopped.set()
    assert beside.waits(0.8)
    stoppable.start()
    assert beside.end() == 2
    assert declared(ledger) == ["x"]


def test_readers_and_writers_wait_for_a_server_that_starts(ledger: Ledger, stoppable: PostgresServer) -> None:
    assert declared(ledger) == []  # a connection lies in the pool
    stoppable.stop(now=True)
    reads, writes = Beside(lambda: declared(ledger)), Beside(lambda: ledger.write(declare))
    assert reads.waits(0.5)
    assert writes.waits(0.1)
    stoppable.start()
    reads.end()
    writes.end()
    assert declared(ledger) == ["x"]


@pytest.mark.usefixtures("quick")
def test_a_server_that_stays_away_is_one_sentence(ledger: Ledger, stoppable: PostgresServer) -> None:
    def write() -> None:
        ledger.write(declare)

    def hold() -> None:
        with ledger.writing() as db:
            declare(db)

    stoppable.stop()
    for act in (write, hold, lambda: declared(ledger), ledger.migrate):
        with pytest.raises(Fault) as met:
            act()
        assert "le serveur du registre ne répond pas" in met.value.said.fr
        assert "puis relancer la même commande" in met.value.said.fr
    stoppable.start()
    ledger.write(declare)


@pytest.mark.usefixtures("quick")
def test_a_server_that_goes_while_we_read_is_one_sentence(ledger: Ledger, stoppable: PostgresServer) -> None:
    with pytest.raises(Fault, match="does not answer"), ledger.reading() as db:
        db.execute(text("SELECT 1"))
        stoppable.stop(now=True)
        db.execute(text("SELECT 1"))
    stoppable.start()
    assert declared(ledger) == []


def test_a_connection_that_an_administrator_ends_is_replaced(ledger: Ledger, database: Database) -> None:
    tried = []

    def unit(db: Connection) -> None:
        tried.append(1)
        declare(db)
        if len(tried) == 1:
            (pid,) = db.execute(text("SELECT pg_backend_pid()")).one()
            database.server.execute(f"SELECT pg_terminate_backend({pid})")
        declare(db, "y")

    ledger.write(unit)
    assert (len(tried), declared(ledger)) == (2, ["x", "y"])


def test_who_waits_in_a_ring_runs_again(ledger: Ledger, database: Database) -> None:
    ledger.write(lambda db: (declare(db, "a"), declare(db, "b")))
    other = Ledger.on_server(database.url)
    meet = threading.Barrier(2)
    tried = []

    def both(first: str, second: str) -> None:
        def unit(db: Connection) -> None:
            tried.append(1)
            say = "UPDATE declared SET value = value || 'x' WHERE subject = :s"
            db.execute(text(say), {"s": first})
            if len(tried) <= 2:
                meet.wait(20)
            db.execute(text(say), {"s": second})

        (ledger if first == "a" else other).write(unit)

    beside = Beside(lambda: both("a", "b"))
    both("b", "a")
    beside.end()
    assert len(tried) == 3
    with ledger.reading() as db:
        assert db.execute(select(tables.declared.c.value)).scalars().all() == ["xx", "xx"]
    other.close()


# --- a COMMIT without an answer ---------------------------------------------------------------------------------------


@contextmanager
def relayed(database: Database) -> Iterator[tuple[StatementRelay, str]]:
    """A relay before the server, and the URL that leads through it."""
    url = make_url(database.tcp_url)
    with StatementRelay(url.host or "127.0.0.1", url.port or 5432) as relay:
        yield relay, url.set(host="127.0.0.1", port=relay.port).render_as_string(hide_password=False)


@pytest.mark.parametrize(("cut", "runs"), [("before", 2), ("after", 1), ("silent", 2)])
def test_a_unit_whose_commit_was_not_answered_has_its_effect_once_and_its_result(
    ledger: Ledger, database: Database, cut: Cut, runs: int
) -> None:
    tried = []
    with relayed(database) as (relay, url):
        cut_off = Ledger.on_server(url)
        ids = dropped(cut_off, "AAA001", 1, 1, 1)

        def unit(db: Connection) -> claims.Lot | None:
            tried.append(1)
            relay.cut = cut if len(tried) == 1 else None
            return claims.claim(db, "me", "1", 0, LIMITS)

        began = time.monotonic()
        lot = cut_off.write(unit)
        assert time.monotonic() - began < 15
        assert (relay.cuts, len(tried)) == (1, runs)
        assert lot is not None
        with cut_off.reading() as db:
            assert [d.id for d in claims.members(db, lot)] == ids[:2]
        cut_off.close()
    with ledger.reading() as db:
        assert db.execute(select(func.count()).select_from(tables.lots)).scalar() == 1


def test_what_is_registered_while_the_link_is_cut_is_registered_once_and_told(
    ledger: Ledger, database: Database
) -> None:
    for cut in ("before", "after", "silent"):
        with relayed(database) as (relay, url):
            cut_off = Ledger.on_server(url)
            with cut_off.reading():
                pass
            relay.cut = cut
            files = [file("AAA001", f"{cut}{n}") for n in range(3)]
            rows = cut_off.write(lambda db, files=files: deposits.register(db, "AAA001", files, unsettled))
            assert relay.cuts == 1
            assert [row.claim for row in rows] == [f.claim for f in files]
            cut_off.close()
    with ledger.reading() as db:
        assert db.execute(select(func.count()).select_from(tables.deposits)).scalar() == 9
