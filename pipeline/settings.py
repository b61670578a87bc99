"""The settings of a home: `settings.toml`, then `CHORUS_EDI_*` in the environment above it.

Limits, switches and lists are those of `terms`, table by table; a name that does not exist is an error, never a silent
slip.
"""

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from pipeline import codes
from pipeline.adapters.clamd import TIMEOUT_S, place
from pipeline.adapters.rule_engines import CHOICES
from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Said
from pipeline.terms import (
    LEGACY,
    POLICIES,
    POLICY_LEVELS,
    ROLES,
    ActionLimits,
    ArchiveLimits,
    AttachmentLimits,
    CtcLimits,
    DropLimits,
    FindingLimits,
    FlowLimits,
    IntakeLimits,
    LegacyLimits,
    Lists,
    PivotLimits,
    ReferenceData,
    RoutingLimits,
    Switches,
    Terms,
    Watch,
    WorkLimits,
    XmlLimits,
)

APPLICATION_CODE = re.compile(r"[A-Z0-9]{6}", re.ASCII)
SEVERITIES = ("fatal", "error", "warning", "hold", "info", "off")


_FRENCH = {  # what pydantic says, by the type of its error; `{}`: the limit
    "bool_parsing": "attendu true ou false",
    "decimal_parsing": "attendu un nombre entre guillemets",
    "extra_forbidden": "réglage inconnu",
    "float_parsing": "attendu un nombre",
    "greater_than": "attendu plus de {}",
    "greater_than_equal": "attendu au moins {}",
    "int_from_float": "attendu un nombre entier",
    "int_parsing": "attendu un nombre entier",
    "int_type": "attendu un nombre entier",
    "less_than_equal": "attendu au plus {}",
    "path_type": "attendu un chemin entre guillemets",
    "string_type": "attendu un texte entre guillemets",
    "tuple_type": "attendu une liste entre crochets",
}
_TABLE_TYPES = {"dataclass_type", "dict_type", "model_type", "model_attributes_type"}


class WrongSetting(ValueError):
    """A value that a setting cannot have, in both languages."""

    def __init__(self, fr: str, en: str) -> None:
        super().__init__(en)
        self.said = Said(fr, en)


def _only_known(table: type) -> BeforeValidator:
    """Refuse a key that the table does not have: a misspelt limit must not be a limit that is not applied."""
    names = {f.name for f in dataclasses.fields(table)}

    def check(given: Any) -> Any:
        if isinstance(given, dict) and (unknown := sorted(set(given) - names)):
            names_unknown = ", ".join(unknown)
            raise WrongSetting(f"réglage inconnu : {names_unknown}", f"unknown: {names_unknown}")
        return given

    return BeforeValidator(check)


class Roots(BaseModel):
    """Where things lie; relative paths start at the home."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    ledger: Path = Path("ledger.sqlite")
    store: Path = Path("store")
    drop: Path = Path("drop")
    recipients: Path = Path("recipients")
    workers: Path = Path("workers")  # locks and spools of the processes at work


class Quota(BaseModel):
    """How much one partner may have on its way; what is beyond stays in its `in/`. The sheet of a partner may say more.

    Our own profile, and generous: a partner's busiest hour in production is far below, an endless loop is not.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    files_waiting: int = Field(default=50_000, ge=1)  # received and not answered, or set apart in `work/`
    bytes_waiting: int = Field(default=32 << 30, ge=1)  # the same in bytes; the file that passes it is the last one
    files_per_hour: int = Field(default=100_000, ge=1)  # received in the last sixty minutes


class Disk(BaseModel):
    """When intake stops, before a disk is full. What is in is still answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    free_bytes: int = Field(default=2 << 30, ge=0)  # room for what is being read, and for its answers
    free_files: int = Field(default=20_000, ge=0)  # inodes: many small files use them up before the bytes
    free_share: Decimal = Field(default=Decimal("0.05"), ge=0, le=1)  # of a disk too small for these


class Accepted(BaseModel):
    """Digests of official artefacts that this installation accepts besides the listed ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    accepted: tuple[str, ...] = ()


class Rules(BaseModel):
    """How the official rules run; without a choice, each pack as the oracle has shown it to be safe."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    engine: str = ""  # compiled, saxon, or both: a difference is then a fault

    @field_validator("engine")
    @classmethod
    def _is_an_engine(cls, given: str) -> str:
        if given and given not in CHOICES:
            raise _one_of("engine", given, CHOICES)
        return given


class Reader(BaseModel):
    """What a process that reads documents may use for an ordinary flow; a large one gets more, by its size.

    Beyond it the process ends, and after three times the flow is set apart.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    memory_mb: int = Field(default=768, ge=256)  # on top of what it is born with
    cpu_s: int = Field(default=60, ge=5)  # of processor time


class LedgerServer(BaseModel):
    """The ledger on PostgreSQL; without a URL it is the SQLite file of `roots`. The password stays out of both."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str = Field(default="", repr=False)  # postgresql://user@host:5432/database; may hold a password all the same
    password: SecretStr = SecretStr("")  # from the environment: CHORUS_EDI_LEDGER__PASSWORD
    password_file: Path | None = None

    def secret(self, home: Path) -> str:
        return _secret(self.password, self.password_file, home)


class S3(BaseModel):
    """The object store in a bucket; without a bucket it is the folder of `roots`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    bucket: str = ""
    endpoint: str = ""  # empty: AWS
    region: str = "us-east-1"
    access_key: SecretStr = SecretStr("")
    access_key_file: Path | None = None
    secret_key: SecretStr = SecretStr("")
    secret_key_file: Path | None = None
    addressing_style: Literal["path", "virtual", "auto"] = "path"
    checksums: Literal["when_required", "when_supported"] = "when_required"
    lock_years: int = Field(default=10, ge=0, le=100)  # applied where the bucket has object lock; 0: never
    multipart_bytes: int = Field(default=64 << 20, ge=5 << 20)
    connections: int = Field(default=8, ge=1, le=64)
    timeout_s: int = Field(default=60, ge=1)

    def keys(self, home: Path) -> tuple[str, str]:
        """(access key, secret key); both empty: boto3 looks for them by its own rules (instance role, profile)."""
        return (
            _secret(self.access_key, self.access_key_file, home), _secret(self.secret_key, self.secret_key_file, home)
        )  # fmt: skip


class Remote(BaseModel):
    """An account of ours on the SFTP server of a partner (or of our own): what is pulled there, and pushed."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    host: str
    port: int = Field(default=22, ge=1, le=65535)
    user: str
    key_file: Path | None = None  # private key, OpenSSH or PEM
    password_file: Path | None = None  # of the key where there is one, else of the account
    host_keys: tuple[str, ...] = Field(min_length=1)  # pinned: "ssh-ed25519 AAAA..."; two while one replaces the other
    inbox: str = "in"  # empty: nothing is pulled from here
    work: str = "work"  # what we have claimed: same file system as `inbox`, ours to rename into
    out: str = "out"  # answers; empty: they stay in the folder of the home
    pivots: str = ""  # what it gets as a recipient; empty: it stays in the folder of the home
    connections: int = Field(default=2, ge=1, le=16)
    channels: int = Field(default=4, ge=1, le=16)  # on each connection
    timeout_s: float = Field(default=30, gt=0)
    prefetch: int | None = Field(default=None, ge=1)  # requests in flight for a server that drops the connection
    key_made: date | None = None  # when the key pair was made: its age is watched
    password_changed: date | None = None

    def secret(self, home: Path) -> str:
        return _secret(SecretStr(""), self.password_file, home)


class Alerts(BaseModel):
    """The one notifier: every alert of the product goes to the command (JSON on its input) and to the webhook."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    command: tuple[str, ...] = ()
    webhook: str = Field(default="", repr=False)
    webhook_file: Path | None = None  # the address, where it is itself a secret
    timeout_s: int = Field(default=10, ge=1)

    def address(self, home: Path) -> str:
        """The webhook; empty where there is none."""
        return _secret(SecretStr(self.webhook), self.webhook_file, home)


class Ages(BaseModel):
    """What grows old: certificates, keys and passwords. Warned at `warn_days` before the last day."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    warn_days: tuple[int, ...] = (30, 14, 7, 1)
    certificates: tuple[Path, ...] = ()  # PEM files
    host_keys: dict[str, date] = {}  # name -> the day it was made
    partner_keys: dict[str, date] = {}
    passwords: dict[str, date] = {}  # technical accounts -> the day it was last changed
    host_key_days: int = Field(default=730, ge=1)
    partner_key_days: int = Field(default=730, ge=1)


class Antivirus(BaseModel):
    """The scanner. Without an address nothing is scanned; with one, what cannot be scanned waits. No third way."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    address: str = ""  # unix:/run/clamav/clamd.ctl, or 127.0.0.1:3310: the bytes never leave this machine
    timeout_s: float = Field(default=TIMEOUT_S, gt=0)  # for one scan
    required: bool = False  # true: without an address nothing starts

    @field_validator("address")
    @classmethod
    def _is_here(cls, given: str) -> str:
        if given:
            try:
                place(given)
            except ValueError:
                raise WrongSetting(
                    f"{given} : attendu unix:/CHEMIN, ou 127.0.0.1:PORT (cette machine seulement)",
                    f"{given}: expected unix:/PATH, or 127.0.0.1:PORT (this machine only)",
                ) from None
        return given

    @model_validator(mode="after")
    def _is_there(self) -> "Antivirus":
        if self.required and not self.address:
            raise WrongSetting(
                "required = true, et il n'y a pas d'address : rien n'est accepté sans antivirus",
                "required = true, and there is no address: nothing is accepted without an antivirus",
            )
        return self


class DirectoryRefresh(BaseModel):
    """Where the nightly refresh finds the directory, and from what loss of rows on a person must agree."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    source: Path | None = None
    commitments: Path | None = None
    drop_share: Decimal = Field(default=Decimal("0.10"), gt=0, le=1)


class Retention(BaseModel):
    """How long stored bytes are kept after the day they came or left."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    years: int = Field(default=10, ge=1, le=100)


class Returns(BaseModel):
    """How an issuer hears of what became of its invoices after integration: lifecycle returns, batch by batch."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    window_s: int = Field(default=60, ge=0)  # from the first change that is untold: then the next sweep tells them all
    entries_max: int = Field(default=500, ge=1, le=10_000)  # of one return
    late_minutes: int = Field(default=60, ge=1)  # after that `verify` names what is still untold


class Night(BaseModel):
    """How far the nightly reconciliation looks, from when on something is late, and what else it may ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    folder: Path = Path("reconcile")  # where the DAG writes the workbook and the page of each day
    drop_minutes: int = Field(default=15, ge=0)  # a file in an `in/` for longer, and not in the ledger
    report_minutes: int = Field(default=60, ge=0)  # received for longer, and not answered, or its answer not sent
    fetch_hours: int = Field(default=24, ge=0)  # a report in an `out/` for longer, where the server tells who read it
    term_days: int = Field(default=30, ge=1)  # payment term
    term_warn_days: int = Field(default=7, ge=0)  # a term that ends within these days is at risk
    whole_invoices: int = Field(default=100_000, ge=0)  # a larger ledger is passed in seven nights, not in each
    sample_s: float = Field(default=20, ge=0)  # for stored bytes that are read and hashed again
    sample_bytes: int = Field(default=8 << 30, ge=0)
    answers_s: float = Field(default=20, ge=0)  # for reports and pivots that are read again
    answers_max: int = Field(default=5_000, ge=0)  # of each
    sftp_log: Path | None = None  # where OpenSSH's internal-sftp writes (-l INFO), or our own SFTP server
    airflow_url: str = ""  # http://127.0.0.1:8080; empty: runs are not read, and the night says so
    airflow_user: str = "viewer"
    airflow_password: SecretStr = SecretStr("")
    airflow_password_file: Path | None = None

    def secret(self, home: Path) -> str:
        """The password of the viewer."""
        return _secret(self.airflow_password, self.airflow_password_file, home)


class AirflowServer(BaseModel):
    """How `chorus-edi airflow up` starts the four components; a deployment of its own sets Airflow itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    port: int = Field(default=8080, ge=0, le=65535)  # 0: a free one
    sweep_minutes: int = Field(default=5, ge=1, le=59)  # behind the watcher of the drop zones
    parallelism: int = Field(default=4, ge=2)
    database: str = Field(default="", repr=False)  # SQLAlchemy URL of Airflow's own metadata; empty: SQLite


class Settings(BaseSettings):
    """All that an installation may set."""

    model_config = SettingsConfigDict(
        env_prefix="CHORUS_EDI_", env_nested_delimiter="__", extra="forbid", frozen=True, case_sensitive=False,
        hide_input_in_errors=True,  # a password in the wrong place must not stand in a traceback
    )  # fmt: skip
    file: ClassVar[Path | None] = None

    ours: str = "CHORUS"  # our application code
    default_receiver: str = "PORTAL"  # gets the pivots of recipients that no partner receives for
    readers: int = Field(default_factory=lambda: os.cpu_count() or 1, ge=1, le=256)
    reader_timeout_s: int = Field(default=900, ge=1)  # a reader that is silent for longer is taken for dead
    lot_s: int = Field(default=20, ge=1)  # then the rest of a lot goes back if another partner waits
    watch_interval_s: float = Field(default=1.0, gt=0)
    roots: Roots = Roots()
    artefacts: Accepted = Accepted()
    rules: Rules = Rules()
    reader: Reader = Reader()
    ledger: LedgerServer = LedgerServer()
    s3: S3 = S3()
    remotes: dict[str, Remote] = {}
    owners: dict[str, tuple[int, ...]] = {}  # partner -> the accounts (uid) whose files are taken from its `in/`
    quota: Quota = Quota()
    disk: Disk = Disk()
    alerts: Alerts = Alerts()
    antivirus: Antivirus = Antivirus()
    ages: Ages = Ages()
    directory: DirectoryRefresh = DirectoryRefresh()
    retention: Retention = Retention()
    reconcile: Night = Night()
    returns: Returns = Returns()
    airflow: AirflowServer = AirflowServer()
    severities: dict[str, str] = {}
    policies: dict[str, str] = {}
    flow: Annotated[FlowLimits, _only_known(FlowLimits)] = FlowLimits()
    drop: Annotated[DropLimits, _only_known(DropLimits)] = DropLimits()
    archive: Annotated[ArchiveLimits, _only_known(ArchiveLimits)] = ArchiveLimits()
    xml: Annotated[XmlLimits, _only_known(XmlLimits)] = XmlLimits()
    attachment: Annotated[AttachmentLimits, _only_known(AttachmentLimits)] = AttachmentLimits()
    legacy: Annotated[LegacyLimits, _only_known(LegacyLimits)] = LegacyLimits()
    ctc: Annotated[CtcLimits, _only_known(CtcLimits)] = CtcLimits()
    work: Annotated[WorkLimits, _only_known(WorkLimits)] = WorkLimits()
    pivot: Annotated[PivotLimits, _only_known(PivotLimits)] = PivotLimits()
    action: Annotated[ActionLimits, _only_known(ActionLimits)] = ActionLimits()
    intake: Annotated[IntakeLimits, _only_known(IntakeLimits)] = IntakeLimits()
    findings: Annotated[FindingLimits, _only_known(FindingLimits)] = FindingLimits()
    routing: Annotated[RoutingLimits, _only_known(RoutingLimits)] = RoutingLimits()
    reference_data: Annotated[ReferenceData, _only_known(ReferenceData)] = ReferenceData()
    watch: Annotated[Watch, _only_known(Watch)] = Watch()
    switches: Annotated[Switches, _only_known(Switches)] = Switches()
    lists: Annotated[Lists, _only_known(Lists)] = Lists()

    @field_validator("ours", "default_receiver")
    @classmethod
    def _is_application_code(cls, given: str) -> str:
        if APPLICATION_CODE.fullmatch(given) is None:
            raise WrongSetting(
                "un code application a six majuscules ou chiffres", "an application code is six capitals or digits"
            )
        return given

    @field_validator("severities")
    @classmethod
    def _names_rules(cls, given: dict[str, str]) -> dict[str, str]:
        for rule, severity in given.items():
            if rule not in codes.ALL:
                raise WrongSetting(f"aucune règle ne s'appelle {rule}", f"{rule} is no rule")
            if severity not in SEVERITIES:
                raise _one_of(rule, severity, SEVERITIES)
        return given

    @field_validator("policies")
    @classmethod
    def _names_policies(cls, given: dict[str, str]) -> dict[str, str]:
        for name, level in given.items():
            if name not in POLICIES[LEGACY] or level not in POLICY_LEVELS:
                raise _one_of(name, level, POLICY_LEVELS)
        return given

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=cls.file)

    def terms(
        self, profile: str = LEGACY, policies: dict[str, str] | None = None, *, report_warnings: bool = True,
        maps_recipients: bool = False, roles: tuple[str, ...] = ROLES,
    ) -> Terms:  # fmt: skip
        """The terms of one connection: this installation's, with its profile and policies over them."""
        switches = self.switches if report_warnings else dataclasses.replace(self.switches, report_warnings=False)
        return Terms(
            profile=profile, policies=self.policies | (policies or {}), severities=self.severities,
            is_scanned=bool(self.antivirus.address), roles=roles, maps_recipients=maps_recipients, flow=self.flow,
            drop=self.drop, archive=self.archive,
            xml=self.xml, attachment=self.attachment, legacy=self.legacy,
            ctc=self.ctc, work=self.work, pivot=self.pivot, action=self.action, intake=self.intake,
            findings=self.findings, routing=self.routing,
            reference_data=self.reference_data, watch=self.watch, switches=switches, lists=self.lists,
        )  # fmt: skip


def load(home: Path, **given: Any) -> Settings:
    """The settings of a home; `given` stands above file and environment. A fault names what is wrong in them."""
    file = home / "settings.toml"
    here = type("Settings", (Settings,), {"file": file, "__module__": __name__})
    try:
        return here(**given)  # type: ignore[no-any-return]
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        variable = "CHORUS_EDI_" + "__".join(part for part in path if not part.isdigit()).upper()
        mend = Said(f"le corriger là, ou dans {variable}", f"correct it there, or in {variable}")
        raise Fault(_words(first).at(".".join(path)).at(str(file)).then(mend)) from error
    except OSError as error:
        raise Fault(_unread(file, why(error)).then(_CORRECT)) from error
    except ValueError as error:  # tomllib's own errors
        raise Fault(_unread(file, Said(str(error), str(error))).then(_CORRECT)) from error


def _secret(given: SecretStr, file: Path | None, home: Path) -> str:
    """A secret from the environment, or from a file (relative to the home) without its last line end."""
    if file is None or given.get_secret_value():
        return given.get_secret_value()
    try:
        return (home / file).read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = why(error) if isinstance(error, OSError) else Said("texte attendu en UTF-8", "expected UTF-8 text")
        raise Fault(_unread(home / file, reason).then(_CORRECT_SECRET)) from error


_CORRECT_SECRET = Said("corriger ce fichier, ou son chemin dans settings.toml", "mend it, or its path in settings.toml")
_CORRECT = Said("corriger ce fichier (TOML, en UTF-8)", "correct this file (TOML, in UTF-8)")


def _unread(file: Path, reason: Said) -> Said:
    return Said(f"{file} est illisible", f"{file} cannot be read").because(reason)


def _one_of(name: str, given: str, known: Sequence[str]) -> WrongSetting:
    names = ", ".join(known)
    return WrongSetting(f"{name} = {given} : attendu l'un de {names}", f"{name} = {given}: expected one of {names}")


def _words(found: Mapping[str, Any]) -> Said:
    """An error of pydantic; what we raised inside it speaks for itself."""
    context, english = found.get("ctx", {}), found["msg"]
    if isinstance(context.get("error"), WrongSetting):
        said: Said = context["error"].said
        return said
    if found["type"] in _TABLE_TYPES:
        return Said("attendu une table, [nom] puis une ligne par réglage", english)
    limit = next(iter(context.values()), "")
    french = _FRENCH.get(found["type"])
    return Said(french.format(limit) if french else f"valeur refusée, {english}", english)
