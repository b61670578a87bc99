"""Puts a frozen home back into a folder, its ledger in the version that it had, on either engine."""

import base64
import json
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, insert, text

from pipeline.adapters.ledger import Ledger, migrations

HERE = Path(__file__).parent
OBJECTS = HERE / "objects.json"
CASES = sorted(path.stem for path in HERE.glob("[0-9]*.json"))
NUMBERED = ("deposits", "snapshots", "lots")  # whose numbers come from a sequence on a server


def rows_of(revision: str) -> dict[str, list[dict[str, Any]]]:
    """Table -> its rows."""
    told = json.loads((HERE / f"{revision}.json").read_text(encoding="utf-8"))
    if told["revision"] != revision:
        raise ValueError(f"{revision}.json is of {told['revision']}")
    return {
        name: [
            {column: _value(value) for column, value in zip(table["columns"], row, strict=True)}
            for row in table["rows"]
        ]
        for name, table in told["tables"].items()
    }


def thaw(revision: str, folder: Path, url: str = "") -> None:
    """The home of a version in a folder; with a `url` its ledger is in that database."""
    told = json.loads((HERE / f"{revision}.json").read_text(encoding="utf-8"))
    kept = json.loads(OBJECTS.read_text(encoding="utf-8"))
    for name in told["objects"]:
        path = folder / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_content(kept[name]))
    ledger = Ledger.on_server(url) if url else Ledger.at(folder / "ledger.sqlite")
    migrations.upgrade(ledger.engine, revision)
    rows = rows_of(revision)
    tables = MetaData()
    with ledger.writing() as db:
        tables.reflect(bind=db)
        for table in tables.sorted_tables:
            if rows.get(table.name):
                db.execute(insert(table), rows[table.name])
        for name in NUMBERED if url else ():
            db.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), (SELECT max(id) FROM {name}))"))
    ledger.close()


def _value(value: Any) -> Any:
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


def _content(kept: str | dict[str, str]) -> bytes:
    return kept.encode() if isinstance(kept, str) else base64.b64decode(kept["base64"])
