"""The ledger: what happened to every deposit, in SQLite or PostgreSQL, through SQLAlchemy Core.

`Ledger` opens it; the modules beside hold one subject each and take an open connection. Only this package speaks SQL.
"""

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError as Unanswered

from pipeline.adapters.ledger.engine import Ledger, LostLease, now_ms

# Unanswered: the database failed. Whoever sets single failures aside inside a transaction lets this one pass, for the
# transaction is over with it.
__all__ = ["Connection", "Ledger", "LostLease", "Unanswered", "now_ms"]
