"""An empty ledger on each engine: what holds on one must hold on the other."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from integration.homes import empty_ledger

from pipeline.adapters.ledger import Ledger

if TYPE_CHECKING:
    from services.postgres import PostgresServer

TEMPLATE = "ledger_template"  # migrated once: Alembic takes longer than most tests
OWNER = "edi"  # no superuser: what the ledger asks for is what any owner of a database may do


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.services)])
def open_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Ledger]]:
    """Opens the same ledger again, as another process would."""
    opened: list[Ledger] = []
    if request.param == "sqlite":
        empty_ledger(tmp_path / "ledger.sqlite")

        def open_one() -> Ledger:
            opened.append(Ledger.at(tmp_path / "ledger.sqlite"))
            return opened[-1]

        yield open_one
        for ledger in opened:
            ledger.close()
        return

    server: PostgresServer = request.getfixturevalue("postgres")
    database = server.database(like=_template(server), owner=OWNER)

    def open_another() -> Ledger:
        opened.append(Ledger.on_server(database.url))
        return opened[-1]

    yield open_another
    for ledger in opened:
        ledger.close()
    server.drop(database.name)


@pytest.fixture
def ledger(open_ledger: Callable[[], Ledger]) -> Ledger:
    return open_ledger()


def _template(server: "PostgresServer") -> str:
    if not server.execute(f"SELECT 1 FROM pg_database WHERE datname = '{TEMPLATE}'"):
        made = Ledger.on_server(server.database(TEMPLATE, owner=OWNER).url)
        made.migrate()
        made.close()
    return TEMPLATE
