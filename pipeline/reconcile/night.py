"""The result of the nightly reconciliation: what one business day came to, and every difference by its name.

How it is rendered (terminal, JSON, workbook, page) is for others; what they may count on:

- `Reconciliation.rows` is one `Row` per partner, `total` all of them; `by_interface`, `by_recipient` (the label is the
  name the directory or the invoice gives) and `by_rule` are what their names say. A `Sum` holds invoices and money
  **per currency** in millionths, credit notes subtracted: nothing here may be added across currencies.
  `amounts.shown_amount` writes one. `STAGES` is the order of the columns, `FILES` that of the words for files.
- `differences` is sized and may be iterated more than once; it may be far larger than memory should hold, so never
  make a list of it. `by_kind` counts them; `KINDS[kind]` has what people call a kind, its `label`, and whether it
  `counts`: one that does not is named and harms nobody. Each difference has its own `said` and `next`.
- `against` says, source by source, what was compared and how far; one with `was_read` False is "non lu", and its
  `said` says why. A source that was not read is never a pass: it is shown.
- `ages` holds one `Age` per status, recipient and reason: group as you like, the counts add up. `terms` is the payment
  term, recipient by recipient. `lines` are the invariants of `verify` and of the day, as `verify` prints them.
- `figures` are flat names with numbers and texts for machines and logs; no name that an issuer chose is among them.
- `is_sound` decides the exit code: no difference that counts, no line red.

Pure: no clock, no disk, no driver.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from shlex import quote
from types import MappingProxyType
from typing import NamedTuple

from pipeline.ports import Said
from pipeline.reconcile.day import Waits
from pipeline.reconcile.line import Line

STAGES: Mapping[str, Said] = MappingProxyType(  # attribute of `Row` -> what people call it, in the order of columns
    {
        "read": Said("reçues", "received"),
        "integrated": Said("intégrées", "integrated"),
        "refused": Said("refusées", "refused"),
        "pending": Said("en attente", "pending"),
        "delivered": Said("remises", "delivered"),
        "reported": Said("répondues", "reported"),
    }
)
FILES: Mapping[str, Said] = MappingProxyType(  # key of `Row.files` -> what people call it, in the order of columns
    {
        "received": Said("reçus", "received"),
        "integrated": Said("intégrés", "integrated"),
        "partial": Said("intégrés en partie", "integrated in part"),
        "refused": Said("rejetés", "refused"),
        "pending": Said("en attente", "pending"),
        "repeated": Said("redéposés à l'identique", "repeated"),
        "quarantined": Said("mis à part", "set apart"),
        "unjudged": Said("à juger", "to be judged"),
        "reported": Said("répondus", "reported"),
        "delivered": Said("pivots envoyés", "pivots sent"),
        "told": Said("cycles de vie envoyés", "lifecycle returns sent"),
    }
)
BUCKETS = (7, 15, 30, 60)  # the last day of each group of ages; what is older stands in a last one
EVERYBODY = ""  # key of the row of all


class Kind(StrEnum):
    """What can differ between two places that must agree. The value is what machines read, for good."""

    IN_DROP = "in-drop-not-in-ledger"
    IN_WORK = "in-work-not-in-ledger"
    DROP_UNREAD = "drop-not-read"
    BYTES_MISSING = "bytes-missing"
    BYTES_ALTERED = "bytes-altered"
    BYTES_UNNAMED = "bytes-unnamed"
    BYTES_UNPURGED = "bytes-unpurged"
    UNANSWERED = "received-not-answered"
    INVOICES_DIFFER = "invoices-differ"
    AMOUNTS_DIFFER = "amounts-differ"
    NUMBER_TWICE = "number-twice"
    PIVOT_MISSING = "pivot-missing"
    PIVOT_UNSENT = "pivot-unsent"
    PIVOT_DIFFERS = "pivot-differs"
    NO_STATUS = "no-status"
    STATUS_MISSING = "status-missing"
    STATUS_DIFFERS = "status-differs"
    STATUS_FILE_DIFFERS = "status-file-differs"
    STATUS_UNTOLD = "status-untold"
    REPORT_MISSING = "report-missing"
    REPORT_TWICE = "report-twice"
    REPORT_UNSENT = "report-unsent"
    REPORT_NOT_FETCHED = "report-not-fetched"
    REPORT_DIFFERS = "report-differs"
    OUT_ALTERED = "out-altered"
    OUT_UNKNOWN = "out-unknown"
    SAID_INTEGRATED = "report-says-integrated"
    SAID_REFUSED = "report-says-refused"
    LEASE_OVER = "lease-over"
    CONTROL_UNKNOWN = "control-flow-unknown"
    CONTROL_BYTES = "control-bytes"
    CONTROL_INVOICES = "control-invoices"
    CONTROL_TOTAL = "control-total"
    CONTROL_UNANNOUNCED = "control-not-announced"
    RUN_FAILED = "run-failed"
    RUN_MISSING = "run-missing"


class KindRow(NamedTuple):
    """What a kind is called, what to do about it, and whether it makes the night red.

    `next` may hold `{flow}`, `{partner}`, `{file}`, `{invoice}`: those of the difference.
    """

    label: Said
    next: Said
    counts: bool = True
    explains: frozenset[Kind] = frozenset()  # on the same flow these are its consequences: not named besides


_STATUS = Said("chorus-edi status {flow}", "`chorus-edi status {flow}`")
_RUN = Said("chorus-edi run", "`chorus-edi run`")
_COPY = Said(
    "copier le dossier de travail, puis chorus-edi audit verify --full --partner {partner} dit quelle ligne a changé",
    "copy the home, then `chorus-edi audit verify --full --partner {partner}` says which row was changed",
)
_RESTORE = Said(
    "remettre store/{file} depuis la sauvegarde, puis chorus-edi verify",
    "put store/{file} back from the backup, then `chorus-edi verify`",
)
_ASK_ISSUER = Said(
    "chorus-edi status {flow}, puis demander à {partner} lequel des deux dit vrai",
    "`chorus-edi status {flow}`, then ask {partner} which of the two is right",
)
_AIRFLOW = Said("airflow tasks clear {flow}", "`airflow tasks clear {flow}`")

KINDS: Mapping[Kind, KindRow] = MappingProxyType(
    {
        Kind.IN_DROP: KindRow(
            Said("déposé, pas au registre", "dropped, not in the ledger"),
            Said(
                "chorus-edi run le reçoit ; s'il reste là, chorus-edi run --format json dit pourquoi",
                "`chorus-edi run` receives it; if it stays, `chorus-edi run --format json` says why",
            ),
        ),
        Kind.IN_WORK: KindRow(
            Said("pris du dossier, pas au registre", "taken from the folder, not in the ledger"),
            Said("chorus-edi run l'enregistre", "`chorus-edi run` registers it"),
        ),
        Kind.DROP_UNREAD: KindRow(
            Said("dossier de dépôt illisible", "drop folder that cannot be read"),
            Said(
                "rétablir l'accès à {file}, puis chorus-edi reconcile",
                "mend the way to {file}, then `chorus-edi reconcile`",
            ),
        ),
        Kind.BYTES_MISSING: KindRow(
            Said("contenu disparu du magasin", "bytes gone from the store"), _RESTORE
        ),
        Kind.BYTES_ALTERED: KindRow(
            Said("contenu modifié dans le magasin", "bytes altered in the store"), _RESTORE
        ),
        Kind.BYTES_UNNAMED: KindRow(
            Said("contenu que rien ne nomme", "bytes that nothing names"),
            Said(
                "sans danger, à garder ; chorus-edi audit verify --full dit s'il atteste quelque chose",
                "harmless, keep it; `chorus-edi audit verify --full` says whether it attests anything",
            ),
            counts=False,
        ),
        Kind.BYTES_UNPURGED: KindRow(
            Said("contenu dont la purge n'est pas finie", "bytes whose purge is not finished"),
            Said("chorus-edi retention plan, puis purge", "`chorus-edi retention plan`, then `purge`"),
            counts=False,
        ),
        Kind.UNANSWERED: KindRow(Said("reçu, sans réponse", "received, not answered"), _RUN),
        Kind.INVOICES_DIFFER: KindRow(
            Said("factures lues et décidées en nombre différent", "not as many invoices decided as read"), _COPY,
            explains=frozenset(
                {Kind.AMOUNTS_DIFFER, Kind.PIVOT_DIFFERS, Kind.STATUS_MISSING, Kind.STATUS_DIFFERS, Kind.REPORT_DIFFERS,
                 Kind.SAID_INTEGRATED, Kind.SAID_REFUSED, Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL}
            ),
        ),
        Kind.AMOUNTS_DIFFER: KindRow(
            Said("montants qui ne tombent pas juste", "amounts that do not add up"), _COPY,
            explains=frozenset({Kind.CONTROL_TOTAL}),
        ),
        Kind.NUMBER_TWICE: KindRow(
            Said("ligne en double", "doubled row"), _COPY,
            explains=frozenset(
                {Kind.INVOICES_DIFFER, Kind.AMOUNTS_DIFFER, Kind.PIVOT_DIFFERS, Kind.STATUS_MISSING,
                 Kind.STATUS_DIFFERS, Kind.REPORT_DIFFERS, Kind.SAID_REFUSED, Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL}
            ),
        ),
        Kind.PIVOT_MISSING: KindRow(
            Said("intégrée, sans pivot", "integrated, no pivot"), _COPY,
            explains=frozenset({Kind.PIVOT_DIFFERS, Kind.NO_STATUS}),
        ),
        Kind.PIVOT_UNSENT: KindRow(Said("pivot pas envoyé", "pivot not sent"), _RUN),
        Kind.PIVOT_DIFFERS: KindRow(
            Said("pivot qui ne dit pas ce que dit le registre", "pivot that says another thing than the ledger"), _COPY
        ),
        Kind.NO_STATUS: KindRow(
            Said("remise, sans nouvelle du destinataire", "delivered, no news of its recipient"),
            Said(
                "écrire au destinataire {partner} ; chorus-edi status {flow} donne les factures",
                "write to the recipient {partner}; `chorus-edi status {flow}` gives the invoices",
            ),
        ),
        Kind.STATUS_MISSING: KindRow(
            Said("intégrée, sans statut", "integrated, no status"), _COPY, explains=frozenset({Kind.STATUS_DIFFERS}),
        ),
        Kind.STATUS_DIFFERS: KindRow(
            Said("statut qui n'est pas celui de l'historique", "status that is not that of the history"), _COPY
        ),
        Kind.STATUS_FILE_DIFFERS: KindRow(
            Said("fichier de statuts appliqué en partie seulement", "status file applied in part only"), _COPY
        ),
        Kind.STATUS_UNTOLD: KindRow(
            Said("changement de statut pas annoncé à l'émetteur", "change of status that its issuer did not hear of"),
            _RUN,
        ),
        Kind.REPORT_MISSING: KindRow(
            Said("compte rendu perdu", "lost report"),
            Said(
                "copier le dossier de travail, puis chorus-edi restore SAUVEGARDE --home AUTRE : le magasin le rend",
                "copy the home, then `chorus-edi restore BACKUP --home OTHER`: the store gives it back",
            ),
            explains=frozenset({Kind.REPORT_DIFFERS}),
        ),
        Kind.REPORT_TWICE: KindRow(Said("compte rendu en double", "report given twice"), _COPY),
        Kind.REPORT_UNSENT: KindRow(Said("compte rendu pas envoyé", "report not sent"), _RUN),
        Kind.REPORT_NOT_FETCHED: KindRow(
            Said("compte rendu pas relevé par le partenaire", "report that its partner did not fetch"),
            Said("demander à {partner} de relever {file}", "ask {partner} to fetch {file}"),
        ),
        Kind.REPORT_DIFFERS: KindRow(
            Said(
                "compte rendu qui ne dit pas ce que dit le registre", "report that says another thing than the ledger"
            ),
            _COPY,
        ),
        Kind.OUT_ALTERED: KindRow(
            Said("réponse modifiée dans out", "answer altered in out"),
            Said(
                "ôter {file}, puis en remettre une copie depuis store/{invoice}",
                "take {file} away, then put a copy of store/{invoice} back",
            ),
        ),
        Kind.OUT_UNKNOWN: KindRow(
            Said("fichier de out que rien n'explique", "file in out that nothing explains"),
            Said(
                "demander à {partner} s'il l'a posé là, puis l'ôter de out/",
                "ask {partner} whether they put it there, then take it out",
            ),
            counts=False,
        ),
        Kind.SAID_INTEGRATED: KindRow(
            Said("« intégré » au compte rendu, pas au registre", "'integrated' in the report, not in the ledger"),
            _COPY,
            explains=frozenset({Kind.REPORT_DIFFERS, Kind.PIVOT_DIFFERS, Kind.STATUS_DIFFERS}),
        ),
        Kind.SAID_REFUSED: KindRow(
            Said(
                "intégré au registre, « refusé » au compte rendu", "integrated in the ledger, 'refused' in the report"
            ),
            _COPY,
            explains=frozenset({Kind.REPORT_DIFFERS, Kind.PIVOT_MISSING, Kind.STATUS_MISSING, Kind.STATUS_DIFFERS}),
        ),
        Kind.LEASE_OVER: KindRow(
            Said("lot dont le bail est fini", "lot whose lease is over"),
            Said("chorus-edi run reprend ce lot", "`chorus-edi run` takes this lot over"),
        ),
        Kind.CONTROL_UNKNOWN: KindRow(
            Said("annoncé par l'émetteur, jamais reçu", "announced by its issuer, never received"),
            Said("demander à {partner} de déposer {flow}", "ask {partner} to drop {flow}"),
            explains=frozenset({Kind.CONTROL_BYTES, Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL}),
        ),
        Kind.CONTROL_BYTES: KindRow(
            Said("reçu avec un autre contenu que celui annoncé", "received with other bytes than announced"),
            _ASK_ISSUER,
            explains=frozenset({Kind.CONTROL_INVOICES, Kind.CONTROL_TOTAL}),
        ),
        Kind.CONTROL_INVOICES: KindRow(
            Said("reçu avec un autre nombre de factures qu'annoncé", "received with another count than announced"),
            _ASK_ISSUER,
        ),
        Kind.CONTROL_TOTAL: KindRow(
            Said("reçu avec un autre total qu'annoncé", "received with another total than announced"), _ASK_ISSUER
        ),
        Kind.CONTROL_UNANNOUNCED: KindRow(
            Said("déposé, pas annoncé", "dropped, not announced"),
            Said(
                "chorus-edi status {flow}, puis demander à {partner} s'il l'a bien déposé",
                "`chorus-edi status {flow}`, then ask {partner} whether they dropped it",
            ),
        ),
        Kind.RUN_FAILED: KindRow(Said("run d'Airflow en échec", "run of Airflow that failed"), _AIRFLOW),
        Kind.RUN_MISSING: KindRow(
            Said("run d'Airflow absent", "run of Airflow that is missing"),
            Said("airflow dags trigger {flow}", "`airflow dags trigger {flow}`"),
        ),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that does not agree, named. Empty texts are what it has not."""

    kind: Kind
    said: Said  # what differs, with both sides
    next: Said  # a real command, or whom to ask
    partner: str = ""
    flow: str = ""
    invoice: str = ""  # its rank in the flow, or SUPPLIER/NUMBER
    file: str = ""  # a path below the home, a name in an `out/`, or <owner>/<SHA-256>
    millionths: int | None = None
    currency: str = ""
    since: datetime | None = None
    count: int = 1  # invoices concerned, where it stands for several

    @property
    def label(self) -> Said:
        """What people call its kind."""
        return KINDS[self.kind].label

    @property
    def counts(self) -> bool:
        """It makes the night red."""
        return KINDS[self.kind].counts


def difference(
    kind: Kind, fr: str, en: str, *, partner: str = "", flow: str = "", invoice: str = "", file: str = "",
    millionths: int | None = None, currency: str = "", since: datetime | None = None, count: int = 1,
) -> Difference:  # fmt: skip
    """A difference with the next step of its kind, the names put in as a shell takes them: others chose them."""
    step = KINDS[kind].next
    names = {"flow": quote(flow), "partner": quote(partner), "file": quote(file), "invoice": quote(invoice)}
    told = Said(step.fr.format_map(names), step.en.format_map(names))
    return Difference(kind, Said(fr, en), told, partner, flow, invoice, file, millionths, currency, since, count)


def root_causes(found: Iterable[Difference], causes: Mapping[str, frozenset[Kind]]) -> Iterator[Difference]:
    """Each loss once: what another difference of the same flow explains is left out.

    `causes`: `partner/flow` -> the kinds found there.
    """
    for one in found:
        others = causes.get(f"{one.partner}/{one.flow}", frozenset()) if one.flow else frozenset()
        if not any(one.kind in KINDS[other].explains for other in others):
            yield one


@dataclass(frozen=True, slots=True)
class Sum:
    """Invoices, and their money per currency in millionths, credit notes subtracted."""

    invoices: int = 0
    money: Mapping[str, int] = field(default_factory=dict)
    unsummed: int = 0  # invoices without an amount that can be summed


@dataclass(frozen=True, slots=True)
class Row:
    """One line of figures: of a partner, an interface code or a recipient; `key` is EVERYBODY for all of them."""

    key: str
    label: str = ""
    files: Mapping[str, int] = field(default_factory=dict)  # by `FILES`; empty where files are not counted
    read: Sum = Sum()
    integrated: Sum = Sum()
    refused: Sum = Sum()
    pending: Sum = Sum()
    delivered: Sum = Sum()  # integrated, and the pivot for its receiver was sent
    reported: Sum = Sum()  # the report of its flow was sent

    def sum_of(self, stage: str) -> Sum:
        """The figures of one of `STAGES`."""
        found: Sum = getattr(self, stage)
        return found


@dataclass(frozen=True, slots=True)
class RuleRow:
    """What one rule did to the deposits of the day."""

    rule: str
    severity: str  # the hardest it was given: fatal, error, hold, warning, info
    label: Said  # what it asks
    findings: int
    flows: int
    invoices: int
    partners: int


@dataclass(frozen=True, slots=True)
class Age:
    """How long invoices have stood in one status, for one recipient and reason; of all days, as of `made_at`."""

    status: str  # two digits
    label: Said
    recipient: str
    recipient_name: str
    reason: str  # a code of the list of reasons, of the last change; empty where it has none
    invoices: int
    oldest: datetime
    buckets: tuple[int, ...]  # invoices by age in days: up to each of `BUCKETS`, then older
    money: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Term:
    """The payment term of what one recipient holds; without those that never return payment."""

    recipient: str
    recipient_name: str
    waiting: int  # integrated, and neither paid nor ended
    at_risk: int  # of them: their term ends within the days of the settings
    overdue: int  # of them: it is over
    oldest_day: date | None  # of deposit
    money: Mapping[str, int] = field(default_factory=dict)  # of what is at risk or overdue


@dataclass(frozen=True, slots=True)
class Excluded:
    """What waits at recipients that never return a payment: no timer runs for it."""

    recipients: int = 0
    invoices: int = 0


@dataclass(frozen=True, slots=True)
class Against:
    """One source that the ledger was compared with: how much was looked at, and how far."""

    source: str  # of `SOURCES`
    said: Said
    count: int = 0
    was_read: bool = True

    @property
    def label(self) -> Said:
        return SOURCES[self.source]


SOURCES: Mapping[str, Said] = MappingProxyType(
    {
        "drop": Said("dossiers de dépôt", "drop folders"),
        "out": Said("dossiers de réponse", "out folders"),
        "fetched": Said("relevés des partenaires", "fetched by the partners"),
        "store": Said("magasin d'objets", "object store"),
        "bytes": Said("contenus relus", "bytes read again"),
        "ledger": Said("registre", "ledger"),
        "outbox": Said("envois", "outbox"),
        "reports": Said("comptes rendus", "reports"),
        "pivots": Said("pivots", "pivots"),
        "statuses": Said("statuts des destinataires", "statuses of the recipients"),
        "controls": Said("fichiers de contrôle", "control files"),
        "runs": Said("runs d'Airflow", "runs of Airflow"),
        "invariants": Said("invariants", "invariants"),
    }
)


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """What one business day (in Paris) came to, seen at `made_at`."""

    day: date
    lines: tuple[Line, ...]
    figures: Mapping[str, int | str]
    oldest: Waits | None = None  # of what waits now
    made_at: datetime | None = None
    total: Row = Row(EVERYBODY)
    rows: tuple[Row, ...] = ()
    by_interface: tuple[Row, ...] = ()
    by_recipient: tuple[Row, ...] = ()
    by_rule: tuple[RuleRow, ...] = ()
    ages: tuple[Age, ...] = ()
    terms: tuple[Term, ...] = ()
    excluded: Excluded = Excluded()
    against: tuple[Against, ...] = ()
    differences: Collection[Difference] = ()
    by_kind: Mapping[Kind, int] = field(default_factory=dict)

    @property
    def red(self) -> int:
        """Differences that make the night red."""
        return sum(count for kind, count in self.by_kind.items() if KINDS[kind].counts)

    @property
    def is_sound(self) -> bool:
        """Nothing differs that counts, and no line is red."""
        return not self.red and all(line.ok for line in self.lines)

    @property
    def unread(self) -> tuple[Against, ...]:
        """What was not read, and why."""
        return tuple(one for one in self.against if not one.was_read)


def counted(found: Iterable[Difference]) -> dict[Kind, int]:
    """How many of each kind, in the order of `Kind`."""
    counts = Counter(one.kind for one in found)
    return {kind: counts[kind] for kind in Kind if counts[kind]}


def bucket_of(days: int) -> int:
    """The group of ages of so many days.

    >>> bucket_of(0), bucket_of(7), bucket_of(8), bucket_of(61)
    (0, 0, 1, 4)
    """
    return next((place for place, last in enumerate(BUCKETS) if days <= last), len(BUCKETS))
