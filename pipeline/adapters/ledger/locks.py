"""What one transaction at a time may do, whatever its rows: named locks of PostgreSQL, held until its end.

SQLite has one writer at a time: there is nothing to ask there. Taken in this order: `HELD`, then an audit chain.
"""

import hashlib

from sqlalchemy import Connection, text

HELD = "held"  # what waits for commitments or a decision, and what may end its waiting


def lock(db: Connection, *what: str) -> None:
    """Wait until no other transaction has this lock, or shares it."""
    _ask(db, "SELECT pg_advisory_xact_lock(:key)", what)


def share(db: Connection, *what: str) -> None:
    """Wait until no other transaction has this lock; those that share it go on side by side."""
    _ask(db, "SELECT pg_advisory_xact_lock_shared(:key)", what)


def try_lock(db: Connection, *what: str) -> bool:
    """False where another transaction has it now."""
    return _ask(db, "SELECT pg_try_advisory_xact_lock(:key)", what) is not False


def _ask(db: Connection, question: str, what: tuple[str, ...]) -> object:
    if db.dialect.name == "sqlite":
        return None
    key = hashlib.sha256("\0".join(("chorus-edi", *what)).encode()).digest()[:8]
    return db.execute(text(question), {"key": int.from_bytes(key, "big", signed=True)}).scalar()
