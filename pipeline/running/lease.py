"""A lot in our hands: its lease is renewed beside the work, and every write says first that the lot is still ours."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from pipeline.adapters.ledger import Connection, LostLease, claims, now_ms
from pipeline.adapters.ledger.rows import Lot
from pipeline.ports import Fault
from pipeline.running.home import Home
from pipeline.running.log import Fact, fault_facts, lot_facts

T = TypeVar("T")


class Lease:
    """Keeps one lot until the end of the `with`, then closes it: what it left undone is due again."""

    def __init__(self, home: Home, lot: Lot) -> None:
        self.home, self.lot = home, lot
        self.is_lost = False
        self._began = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease-{lot.id}", daemon=True)

    def __enter__(self) -> "Lease":
        self._began = time.monotonic()
        self._log("claim" if self.lot.attempt == 1 else "takeover")
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._over.set()
        self._thread.join()
        seconds = round(time.monotonic() - self._began, 3)
        if self.is_lost or kind is LostLease:
            self._log("lease_lost", seconds=seconds)
            return
        self.home.ledger.write(lambda db: claims.finish(db, self.lot))
        self._log("lot", seconds=seconds, **({"fault": kind.__name__} if kind is not None else {}))

    def write(self, unit: Callable[[Connection], T]) -> T:
        """One transaction that begins with the guarded update of the lot: taken over means nothing is written."""

        def guarded(db: Connection) -> T:
            claims.guard(db, self.lot, now_ms(db), self.home.settings.work)
            return unit(db)

        return self.home.ledger.write(guarded)

    def _renew(self) -> None:
        while not self._over.wait(self.home.settings.work.lease_renew_s):
            try:
                self.home.ledger.write(lambda db: claims.guard(db, self.lot, now_ms(db), self.home.settings.work))
            except LostLease:
                self.is_lost = True
                return
            except Fault as fault:  # the ledger is busy or away: the next turn tries again, the lease still runs
                self.home.log("fault", place="ledger", **lot_facts(self.lot), **fault_facts(fault.__cause__ or fault))

    def _log(self, event: str, **facts: Fact) -> None:
        self.home.log(event, **lot_facts(self.lot), kind=self.lot.kind, **facts)
