"""The ledger: what happened to every deposit, in SQLite or PostgreSQL, through SQLAlchemy Core.

`Ledger` opens it; the modules beside hold one subject each and take an open connection. Only this package speaks SQL.
"""

from sqlalchemy import Connection

from pipeline.adapters.ledger.engine import Ledger, LostLease, now_ms

__all__ = ["Connection", "Ledger", "LostLease", "now_ms"]
