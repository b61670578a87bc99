"""Where invoices stand while the rows of a file are decided: several rows on one invoice follow each other."""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.model import InvoiceKey, JudgedRow, Standing
from pipeline.values import Text

Here = tuple[int, int]  # deposit and rank of an invoice


class Standings:
    """The invoices that a file names, each as the rows before left it."""

    def __init__(self, given: Iterable[Standing]) -> None:
        self._now: dict[Here, Standing] = {}
        self._named: dict[tuple[str, str, str], list[Here]] = {}
        for one in given:
            here = one.deposit_id, one.rank
            if here not in self._now:
                self._named.setdefault((one.supplier_type, one.supplier, one.number), []).append(here)
            self._now[here] = one

    def among(self, keys: Iterable[InvoiceKey]) -> list[Standing]:
        """All that these may mean, each once: of whatever day."""
        here = {one for key in keys for one in self._named.get(_name(key), ())}
        return [self._now[one] for one in sorted(here)]

    def named(self, key: InvoiceKey) -> list[Standing]:
        """The invoices that somebody means: without a day there may be one of each year."""
        here = self._named.get(_name(key), ())
        return [one for one in map(self._now.__getitem__, here) if key.issued in {None, one.issued}]

    def learn(self, row: JudgedRow, receiver: str = "") -> None:
        """What this row does, for the rows after it; `receiver`: who gets a rerouted one, where that is known."""
        if row.standing is not None:
            here = row.standing.deposit_id, row.standing.rank
            self._now[here] = after(self._now[here], row, receiver)
            credit = row.handling.credit_note if row.handling is not None else None
            if credit is not None:
                other = credit.deposit_id, credit.rank
                self._now[other] = replace(self._now[other], cancels=here)


def after(standing: Standing, row: JudgedRow, receiver: str = "") -> Standing:
    """Where an invoice stands once a row is applied. `receiver`: who gets a rerouted one, where that is known."""
    now = standing
    for change in row.changes:
        now = replace(
            now, status=change.to, status_at=change.at, sequence=now.sequence + 1,
            past=now.past | {(change.to, change.at)},
        )  # fmt: skip
    if row.event is not None:
        now = replace(now, past=now.past | {row.event[:2]}, events=now.events + 1)
    if row.rerouted is not None:
        to = row.rerouted
        now = replace(
            now, recipient=to.recipient, recipient_name=to.recipient_name, service=to.service,
            commitment=to.commitment, routing=now.routing + 1, receiver=receiver or now.receiver,
        )  # fmt: skip
    if row.handling is not None:
        pair = _here(row.handling.credit_note), _here(row.handling.corrective)
        now = replace(now, is_handled=True, handled_as=pair)
    return now


def _here(standing: Standing | None) -> Here:
    return (standing.deposit_id, standing.rank) if standing is not None else (0, 0)


def _name(key: InvoiceKey) -> tuple[str, str, str]:
    return key.supplier_type, _text(key.supplier), _text(key.number)


def _text(given: Text | None) -> str:
    return given.text if given is not None else ""
