"""The history of the ledger's tables, run by Alembic from inside the package: no ini file, no working directory."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from pipeline.adapters.ledger import locks


def script_folder() -> Path:
    return Path(__file__).parent


def upgrade(engine: Engine, to: str = "head") -> None:
    """Bring the ledger to the newest version (or to another one), in one transaction; processes that start at once take
    turns."""
    config = Config()
    config.set_main_option("script_location", str(script_folder()))
    with engine.connect() as db, db.execution_options(writes=True).begin():
        locks.lock(db, "migrate")
        config.attributes["connection"] = db
        command.upgrade(config, to)
