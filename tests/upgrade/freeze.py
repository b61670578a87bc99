"""Freezes the home that this version of the code writes: its rows, and its objects among those of the other versions.

`PYTHONPATH=tests:tests/integration python -m upgrade.freeze` writes `<revision>.json`, and adds to `objects.json`. The
homes of earlier versions were made by their own code: up to 0004 without what becomes of an invoice later (`_later`).
"""

import base64
import json
import tempfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import homes
from integration.change_files import ACTION, Act, Entry, action_csv, action_flow, status_file, status_flow
from sqlalchemy import MetaData, select

from pipeline import runner
from pipeline.adapters.clock import FixedClock
from pipeline.settings import load

HERE = Path(__file__).parent
OBJECTS = HERE / "objects.json"
ORDERED, LATER = "1234567890", "2234567890"
MACHINERY = {"alembic_version"}


def live(folder: Path) -> Any:
    """A home in which something of every kind has happened, some days long; the home, still open."""
    settings = load(folder, ours="CPP001", readers=1)
    home = homes.open_home(folder, settings=settings)
    runner.add_partner(home, homes.partner(flows=("FSO1100A", ACTION, "CTL9002A")))
    runner.add_partner(home, homes.partner(homes.OTHER))
    runner.add_partner(home, homes.partner(homes.RECEIVER, receives=((homes.PLAIN, ""),)))
    runner.import_directory(home, homes.directory(folder / "annuaire"), date(2026, 11, 1))
    runner.import_commitments(home, homes.orders(folder / "orders.csv", ORDERED), date(2026, 11, 19))
    name = homes.flow_name
    homes.drop(home, name(1), homes.ubl("U-1"))
    mixed = [
        ("one.xml", homes.ubl("U-2", net="0.10")), ("credit.xml", homes.ubl("U-3", type_code="381")),
        ("three.xml", homes.ubl("U-4", recipient=homes.NEEDS_BOTH)), ("no.xml", b"<Invoice"),
    ]  # fmt: skip
    homes.drop(home, name(2), homes.archive(mixed))
    homes.drop(home, name(3), b"\x1f\x8b no archive at all")
    homes.drop(home, "no flow name", b"nothing")
    homes.drop(home, name(1, partner=homes.OTHER), homes.ubl("U-1"), homes.OTHER)  # the number of another
    _run(home)
    homes.drop(home, name(1), homes.ubl("U-1"))  # the same again
    homes.drop(home, name(2), homes.ubl("U-5"))  # a name that is taken
    homes.drop(home, name(4), homes.ubl("U-1"))  # bytes that are integrated
    (home.path / "drop" / homes.PARTNER / "in" / "link").symlink_to("/etc/hostname")
    runner.commitments_unavailable(home)
    held = {"recipient": homes.STATE, "service": "SFACETAT"}
    homes.drop(home, name(5), homes.ubl("U-6", order=ORDERED, **held))  # decided later, by the table
    homes.drop(home, name(6), homes.ubl("U-7", order=LATER, **held))  # decided later, by an operator
    _run(home)
    _run(home, days=1)  # the rejects of a day that is over
    _run(home, days=8)
    _later(home, 8)
    runner.decide(home, name(6), "refuse", "marché résilié", operator="op-dupont")
    runner.commitments_available(home)
    runner.import_commitments(home, homes.orders(folder / "later.csv", ORDERED), date(2026, 11, 28))
    _run(home, days=9)
    runner.commitments_unavailable(home)
    homes.drop(home, name(7), homes.ubl("U-8", order=LATER, **held))  # pending when the code is changed
    _run(home, days=9)
    return home


def _later(home: Any, days: int) -> None:
    """Statuses of a recipient, every action of the issuer, a control file."""
    at = homes.NOON + timedelta(days=days)
    numbers = [f"L-{rank}" for rank in range(1, 6)]
    homes.drop(home, homes.flow_name(18), homes.archive([(f"{number}.xml", homes.ubl(number)) for number in numbers]))
    credit = homes.ubl("L-6", type_code="381")
    homes.drop(home, homes.flow_name(19), homes.archive([("credit.xml", credit), ("new.xml", homes.ubl("L-7"))]))
    flow = homes.flow_name(18)
    control = f"flux;sha256;factures;total;devise\r\n{flow};{'0' * 64};5;600,00;EUR\r\n".encode()
    homes.drop(home, homes.flow_name(1, "CTL9002A"), control)
    _run(home, days=days)
    entries = [
        Entry.sound("L-1", 4, at + timedelta(hours=1)), Entry.sound("L-2", 6, at + timedelta(hours=1)),
        Entry.sound("L-3", 5, at + timedelta(hours=1)), Entry.sound("L-4", 8, at + timedelta(hours=1)),
        Entry.sound("L-5", 20, at + timedelta(hours=1)), Entry.sound("unknown", 7, at + timedelta(hours=1)),
    ]  # fmt: skip
    homes.drop(home, status_flow(1), status_file(entries), homes.RECEIVER)
    _run(home, days=days, hours=2)
    acts = [
        Act("recycle", "L-1", commitment="BC-1", comment="bon de commande ajouté"),
        Act("complete", "L-2", comment="pièce jointe", attachments="bon.txt"),
        Act("handle-reject", "L-3", reason="MONTANT_ERR", credit_note="L-6", corrective="L-7"),
        Act("recycle", "L-4", commitment="BC-2"),
    ]
    sent = homes.archive([("actions.csv", action_csv(acts)), ("bon.txt", b"Bon de livraison")])
    homes.drop(home, action_flow(1), sent)
    _run(home, days=days, hours=3)


def _run(home: Any, *, days: int = 0, hours: int = 0) -> None:
    home.clock = FixedClock(homes.NOON + timedelta(days=days, hours=hours))
    runner.run(home)


def frozen(home: Any) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """The version, every table, and every object of the store."""
    with home.ledger.reading() as db:
        tables = MetaData()
        tables.reflect(bind=db)
        revision = db.execute(select(tables.tables["alembic_version"].c.version_num)).scalar_one()
        told = {
            name: {
                "columns": table.columns.keys(),
                "rows": [[_plain(v) for v in row] for row in db.execute(select(table))],
            }
            for name, table in sorted(tables.tables.items())
            if name not in MACHINERY
        }
    store = home.path / "store"
    objects = {
        str(path.relative_to(store)): _text(path.read_bytes()) for path in sorted(store.rglob("*")) if path.is_file()
    }
    return revision, told, objects


def _plain(value: Any) -> Any:
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def _text(content: bytes) -> str | dict[str, str]:
    try:
        return content.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(content).decode()}


def write(revision: str, tables: dict[str, Any], objects: dict[str, Any]) -> None:
    """One row a line, one object a line: what a version writes otherwise than the one before shows in a diff."""
    several = []
    for name, table in tables.items():
        rows = ",\n".join(map(_json, table["rows"]))
        several.append(f'{_json(name)}: {{"columns": {_json(table["columns"])}, "rows": [\n{rows}]}}')
    told = ",\n".join(several)
    text = f'{{"revision": {_json(revision)},\n"objects": {_json(sorted(objects))},\n"tables": {{\n{told}}}}}\n'
    (HERE / f"{revision}.json").write_text(text, encoding="utf-8")
    known = json.loads(OBJECTS.read_text(encoding="utf-8")) | objects
    named = {
        name for path in HERE.glob("[0-9]*.json") for name in json.loads(path.read_text(encoding="utf-8"))["objects"]
    }
    lines = ",\n".join(f"{_json(name)}: {_json(known[name])}" for name in sorted(named))
    OBJECTS.write_text(f"{{{lines}}}\n", encoding="utf-8")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="upgrade-") as folder, live(Path(folder) / "home") as home:
        revision, tables, objects = frozen(home)
    write(revision, tables, objects)
    print(f"{revision}.json: {sum(len(one['rows']) for one in tables.values())} rows, {len(objects)} objects")


if __name__ == "__main__":
    main()
