"""Submit: a new deposit made from archived bytes, under a flow name of its own, with its own report.

It goes through registration like a dropped file: doubles, the partner's sheet and its policies apply as they stand now.
The old name is held for good, by rule FLW-005; the same bytes may be a double of a flow that still has something in it.
"""

import getpass
import hashlib
from shlex import quote

from pipeline.adapters.ledger import Connection, deposits, retention, shadows
from pipeline.adapters.ledger.deposits import Claimed
from pipeline.adapters.ledger.rows import Deposit
from pipeline.identify import flow_name
from pipeline.ports import Fault, Said
from pipeline.returns import message
from pipeline.running.home import Home
from pipeline.running.receive import Settler


def submit(
    home: Home, flow: str, as_name: str, partner: str = "", sha256: str = "", operator: str = ""
) -> int:  # fmt: skip
    """Make a deposit of the bytes that came as `flow`; returns its number. The same order twice is one deposit.

    `partner` and `sha256` (its first digits) say which, where several came under that name. `run` then judges it.
    """
    operator = operator or getpass.getuser()
    partners = home.partners()
    with home.ledger.reading() as db:
        source = _source(shadows.kept_as(db, flow, partner, sha256), flow)
    if source.partner not in partners:
        raise Fault(_no_sheet(source.partner))
    _check_name(home, source, as_name)
    if not home.store.exists(source.partner, source.sha256):
        with home.ledger.reading() as db:
            is_purged = bool(retention.among(db, [(source.partner, source.sha256)]))
        raise Fault((_PURGED if is_purged else _LOST).at(flow))
    settler = Settler(home, partners[source.partner])
    new = Claimed(
        source.partner, claim_key(as_name, source.sha256), _raw(as_name), source.sha256, source.size_bytes, True,
        home.clock.now(),
    )  # fmt: skip

    def register(db: Connection) -> int:
        retention.count_on(db, [(new.partner, new.sha256)])
        before = shadows.named(db, new.partner, new.name_bytes)
        if before is not None:
            if before.claim == new.claim:
                return before.id
            raise Fault(_TAKEN.at(as_name))
        (row,) = deposits.register(db, new.partner, [new], settler.settle)
        shadows.record(db, row.id, shadows.SUBMIT, operator, new.received_at, {"from": source.id})
        return row.id

    try:
        number = home.ledger.write(register)
    except retention.Purged as gone:
        raise Fault(_PURGED.at(flow)) from gone
    home.log("submit", partner=new.partner, deposit=number, sha256=new.sha256)
    return number


def claim_key(as_name: str, sha256: str) -> str:
    """What makes an order natural: the new name and the bytes. The key of a dropped file begins with 16 hex digits."""
    return f"submit-{hashlib.sha256(_raw(as_name)).hexdigest()[:16]}-{sha256}"


def _raw(name: str) -> bytes:
    return name.encode("utf-8", "surrogateescape")


def _source(found: list[Deposit], flow: str) -> Deposit:
    """The one deposit that is meant."""
    if not found:
        raise Fault(_UNKNOWN.at(flow))
    if len({one.partner for one in found}) > 1:
        codes = ", ".join(sorted({one.partner for one in found}))
        raise Fault(
            Said(
                f"plusieurs partenaires ont déposé sous ce nom ; ajouter --partner CODE, parmi {codes}",
                f"several partners dropped under this name; add --partner CODE, one of {codes}",
            ).at(flow)
        )
    if len({one.sha256 for one in found}) > 1:
        digests = ", ".join(one.sha256[:12] for one in found)
        raise Fault(
            Said(
                f"plusieurs contenus sont venus sous ce nom ; ajouter --sha256 et l'un de {digests}",
                f"several contents came under this name; add --sha256 and one of {digests}",
            ).at(flow)
        )
    return found[0]


def _check_name(home: Home, source: Deposit, as_name: str) -> None:
    """The new name is an operator's: one that the issuer would be refused for is not taken."""
    _, found = flow_name(as_name, home.terms_of[source.partner])
    refused = next((f for f in found if f.refuses), None)
    if refused is not None:
        reason = Said(message.text(refused, "fr"), message.text(refused, "en"))
        raise Fault(Said("ce nom de flux serait refusé", "this flow name would be refused").because(reason).at(as_name))


def _no_sheet(code: str) -> Said:
    return Said(
        f"le partenaire {code} n'a plus de fiche ; chorus-edi partners add {quote(code)} --name NOM lui en rend une",
        f"partner {code} has no sheet; `chorus-edi partners add {quote(code)}` gives it one",
    )


_UNKNOWN = Said(
    "aucun contenu archivé sous ce nom ; chorus-edi status dit ce qui est venu",
    "nothing archived under this name; `chorus-edi status` says what came",
)
_TAKEN = Said(
    "ce nom est déjà celui d'un dépôt ; en donner un autre avec --as",
    "a deposit has this name already; give another one with --as",
)
_PURGED = Said(
    "ses octets ont été effacés à la fin de leur durée de conservation ; demander au partenaire de déposer à nouveau",
    "its bytes were removed when their retention was over; ask the partner to drop it again",
)
_LOST = Said(
    "ses octets manquent dans le magasin d'objets ; chorus-edi verify dit lesquels remettre depuis la sauvegarde",
    "its bytes are missing from the object store; `chorus-edi verify` says which ones to restore from the backup",
)
