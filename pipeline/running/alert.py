"""`alert`: the one way in which the product calls a person, once for each step that a trouble takes.

Each name has its runbook. Without a command or webhook in `[alerts]` an alert is a row and a log event: `chorus-edi
alerts` and `status` show it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from pipeline.adapters import notifier
from pipeline.adapters.ledger import alerts, now_ms
from pipeline.adapters.ledger.alerts import Key, Told
from pipeline.adapters.notifier import Notifier, Reached
from pipeline.ports import Fault, Said
from pipeline.running.home import Home

RUNBOOKS = "docs/ops/runbooks"
# Those that hold until what they are about is over (`running/watch`), and those that tell of one moment.
STANDING = frozenset({
    "age-certificate", "age-host-key", "age-partner-key", "age-password", "commitments-old", "directory-old",
    "disk-low", "held-too-long", "oldest-due-late", "quarantine", "reports-unsent",
    "unknown-status",
})  # fmt: skip
MOMENTS = frozenset({"deadline-missed", "reconcile-broken"})
ALERTS = STANDING | MOMENTS
SHOWN = timedelta(days=7)  # how long a moment stays in the list
_SPARE_S = 30  # beyond the time of both channels: then whoever tells an alert is taken for dead


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether it was told now (else it was before, or could not be), and what did not take it."""

    is_told: bool
    faults: tuple[Said, ...] = ()


def alert(home: Home, name: str, subject: str, said: Said, step: str = "") -> bool:
    """Tell an alert once for each (name, subject, step); False where that was done before.

    Nobody took it: a fault, and the same call tells it again.
    """
    done = tell_once(home, name, subject, said, step)
    if done.faults and not done.is_told:
        raise Fault(_joined(done.faults))
    return done.is_told


def tell_once(home: Home, name: str, subject: str, said: Said, step: str = "") -> Outcome:
    """The same, never raising for the notifier's sake. Of two channels one that took it is enough: no storm of calls
    because of the other, whose trouble is a fault each time."""
    if name not in ALERTS:
        raise ValueError(f"no alert is called {name}")
    key, who = Key(name, subject, step), home.presence.token
    lease_ms = (2 * home.settings.alerts.timeout_s + _SPARE_S) * 1000
    if not home.ledger.write(lambda db: alerts.take(db, key, who, now_ms(db), lease_ms)):
        return Outcome(is_told=False)
    try:
        reached = _tell(home, f"{RUNBOOKS}/{name}.md", key, said)
    except Fault as fault:  # the address of the webhook cannot be read
        reached = Reached(0, (fault.said,))
    faults = tuple(trouble.at(name) for trouble in reached.troubles)
    if reached.took == 0 and faults:
        home.ledger.write(lambda db: alerts.give_back(db, key))
        home.log("alert untold", name=name, subject=subject, step=step)
        return Outcome(False, faults)
    home.ledger.write(lambda db: alerts.told(db, key, home.clock.now()))
    home.log("alert", name=name, subject=subject, step=step, told=reached.took)
    return Outcome(True, faults)


def try_notifier(home: Home) -> Reached:
    """Send an alert that is none, to see whether it arrives; the ledger hears nothing of it."""
    said = Said("essai : rien à faire", "a test: nothing to do")
    return _tell(home, "docs/ops/alerts.md", Key("test", "notifier", ""), said)


def shown_alerts(home: Home) -> tuple[Told, ...]:
    """What was told and holds, and what was told of the last days; each as it was told last, oldest first."""
    since = home.clock.now() - SHOWN
    with home.ledger.reading() as db:
        told = alerts.every(db, ALERTS)
    moments = (one for one in told if one.key.name in MOMENTS and one.at >= since)
    return tuple(sorted((*standing(told), *moments), key=lambda one: (one.at, one.key)))


def standing(told: Iterable[Told]) -> tuple[Told, ...]:
    """Of what was told, oldest first: what holds, each at the last step it has come to."""
    last = {episode(one.key): one for one in told if one.key.name in STANDING}
    return tuple(last.values())


def episode(key: Key) -> tuple[str, str, str]:
    """One trouble from its begin to its end; a step reads `episode/how far`."""
    return key.name, key.subject, key.step.partition("/")[0]


def _tell(home: Home, runbook: str, key: Key, said: Said) -> Reached:
    settings = home.settings.alerts
    given = Notifier(settings.command, settings.address(home.path), settings.timeout_s, home.path)
    return notifier.tell(given, _message(home, runbook, key, said))


def _message(home: Home, runbook: str, key: Key, said: Said) -> Mapping[str, str]:
    """What a command or a webhook gets, as JSON: add, never rename."""
    return MappingProxyType(
        {
            "alert": key.name, "subject": key.subject, "step": key.step, "fr": said.fr, "en": said.en,
            "runbook": runbook, "home": str(home.path), "at": home.clock.now().isoformat(timespec="seconds"),
        }
    )  # fmt: skip


def _joined(faults: tuple[Said, ...]) -> Said:
    first, *others = faults
    for other in others:
        first = first.then(other)
    again = Said("l'alerte sera redite", "the alert will be told again")
    return first.then(again)
