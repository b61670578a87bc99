"""The one notifier: a command that gets an alert as JSON on its input, and a webhook that gets it by POST.

Neither the address nor what the command prints is ever told: both may hold a secret.
"""

import json
import os
import signal
import ssl
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, ProxyHandler, Request, build_opener

from pipeline.adapters.system_errors import why
from pipeline.ports import Said

LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_OURS = ("CHORUS_EDI_", "AIRFLOW")  # variables that may hold our passwords: no business of the command


@dataclass(frozen=True, slots=True)
class Notifier:
    """Where alerts go: to the command, to the webhook, to both; with neither, nowhere."""

    command: tuple[str, ...] = ()
    webhook: str = field(default="", repr=False)
    timeout_s: float = 10
    home: Path = Path()  # the command runs there


@dataclass(frozen=True, slots=True)
class Reached:
    """How many took the alert, and why the others did not."""

    took: int
    troubles: tuple[Said, ...]


def tell(notifier: Notifier, message: Mapping[str, str]) -> Reached:
    """Tell everyone; each has `timeout_s` in all. Nothing is raised: an alert must not stop what it is about."""
    body = json.dumps(dict(message), ensure_ascii=False).encode()
    asked = [_run(notifier, body)] if notifier.command else []
    if notifier.webhook:
        asked.append(_post(notifier, body))
    troubles = tuple(trouble for trouble in asked if trouble is not None)
    return Reached(len(asked) - len(troubles), troubles)


# --- the command ------------------------------------------------------------------------------------------------------


def _run(notifier: Notifier, body: bytes) -> Said | None:
    """Run the command, no shell; what it started and left behind when its time is over ends with it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    try:
        process = subprocess.Popen(
            notifier.command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=notifier.home, env=environment, start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        return _NOT_STARTED.because(why(error)).then(_COMMAND)
    with process:
        try:
            process.communicate(body, timeout=notifier.timeout_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return _slow("la commande d'alerte", "the alert command", notifier.timeout_s).then(_COMMAND)
    if process.returncode:
        code = process.returncode
        failed = Said(f"la commande d'alerte a fini par le code {code}", f"the alert command ended with code {code}")
        return failed.then(_COMMAND)
    return None


# --- the webhook ------------------------------------------------------------------------------------------------------


class _Stay(HTTPRedirectHandler):
    """An alert goes to the address that was set and to no other."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def unfit(webhook: str) -> bool:
    """Neither https nor http to this machine."""
    try:
        parts = urlsplit(webhook)
        host = parts.hostname or ""
    except ValueError:
        return True
    return not host or (parts.scheme, host in LOOPBACK) not in {("https", True), ("https", False), ("http", True)}


def _post(notifier: Notifier, body: bytes) -> Said | None:
    """In a thread of its own: neither a name that does not resolve nor a server that drips keeps us longer."""
    if unfit(notifier.webhook):
        return _UNFIT.then(_WEBHOOK)
    answers: list[Said | None] = []
    asking = threading.Thread(target=lambda: answers.append(_answer(notifier, body)), daemon=True)
    asking.start()
    asking.join(notifier.timeout_s)
    if not answers:
        return _slow("le webhook", "the webhook", notifier.timeout_s).then(_WEBHOOK)
    return answers[0].then(_WEBHOOK) if answers[0] is not None else None


def _answer(notifier: Notifier, body: bytes) -> Said | None:
    """None, or why not, in words that do not hold the address."""
    is_here = urlsplit(notifier.webhook).hostname in LOOPBACK
    proxies = ProxyHandler({}) if is_here else ProxyHandler()
    opener = build_opener(_Stay, proxies, HTTPSHandler(context=ssl.create_default_context()))
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "chorus-edi"}
    try:
        request = Request(notifier.webhook, body, headers, method="POST")  # noqa: S310  https, or this machine
        with opener.open(request, timeout=notifier.timeout_s):
            return None
    except HTTPError as error:
        error.close()
        return Said(f"le webhook a répondu {error.code}", f"the webhook answered {error.code}")
    except URLError as error:
        reason = why(error.reason) if isinstance(error.reason, OSError) else _NO_ANSWER_KNOWN
        return _UNREACHED.because(reason)
    except OSError as error:
        return _UNREACHED.because(why(error))
    except (HTTPException, ValueError):  # their words may quote the address
        return _UNREACHED.because(_NO_ANSWER_KNOWN)


def _slow(fr: str, en: str, timeout_s: float) -> Said:
    return Said(f"{fr} n'a pas fini en {timeout_s:g} s", f"{en} did not end within {timeout_s:g} s")


_NOT_STARTED = Said("la commande d'alerte ne démarre pas", "the alert command does not start")
_UNFIT = Said(
    "le webhook n'est ni https ni http sur cette machine", "the webhook is neither https nor http on this machine"
)
_UNREACHED = Said("le webhook ne répond pas", "the webhook does not answer")
_NO_ANSWER_KNOWN = Said("adresse ou réponse illisible", "an address or answer that cannot be read")
_COMMAND = Said("vérifier [alerts] command dans settings.toml", "check [alerts] command in settings.toml")
_WEBHOOK = Said("vérifier [alerts] webhook dans settings.toml", "check [alerts] webhook in settings.toml")
