"""Files in doubt after a restore: an operator says whether they arrived. Nothing is sent twice on a guess."""

import getpass
from dataclasses import replace
from itertools import groupby

from pipeline.adapters.ledger import Connection, recovered, shadows
from pipeline.adapters.ledger.outbox import READY, SENT
from pipeline.adapters.ledger.rows import ToSend
from pipeline.ports import Fault, Said
from pipeline.running.home import Home

SEND = "send"
CHOICES = {"sent": SENT, SEND: READY}  # it arrived; or it goes out with the next run


def settle_doubts(home: Home, what: str, choice: str, reason: str, operator: str = "") -> tuple[str, ...]:
    """Say of a file, of a place (`drop/ABC001`) or of all that they were `sent`, or have to be sent; returns which.

    Recorded with the name of the operator and the reason.
    """
    operator, reason = operator or getpass.getuser(), reason.strip()
    if choice not in CHOICES:
        raise ValueError(f"{choice} is no word on a file in doubt")
    if not reason:
        raise Fault(_NO_REASON)
    at = home.clock.now()

    def write(db: Connection) -> list[ToSend]:
        files = recovered.in_doubt(db, what.removesuffix("/out"))
        for deposit, several in groupby(sorted(files, key=lambda one: one.deposit_id or 0), lambda one: one.deposit_id):
            theirs = list(several)
            detail = {"reason": reason, "files": [f"{one.place}/out/{one.name}" for one in theirs]}
            if deposit is not None:
                shadows.record(db, deposit, choice, operator, at, detail)
            for owner in sorted({one.owner for one in theirs}) if deposit is None else ():
                recovered.remember(db, owner, at, detail | {"operator": operator, "choice": choice})
        recovered.stand(db, [replace(one, state=CHOICES[choice]) for one in files])
        return files

    done = home.ledger.write(write)
    if not done:
        raise Fault(_NOTHING.at(what))
    return tuple(f"{one.place}/out/{one.name}" for one in done)


_NO_REASON = Said("une décision a besoin de son motif : --reason TEXTE", "a decision needs its reason: --reason TEXT")
_NOTHING = Said(
    "aucun fichier en doute de ce nom ; chorus-edi verify les nomme, et all les prend tous",
    "no file in doubt has this name; `chorus-edi verify` names them, and `all` takes them all",
)
