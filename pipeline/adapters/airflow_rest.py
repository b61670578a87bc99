"""Airflow's REST API as one account asks it: JSON over HTTP, through no proxy.

What it refuses raises `Denied`; what else it fails to answer, another `OSError`: nobody may read it as "nothing there".
"""

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pipeline.adapters.system_errors import Unreachable
from pipeline.ports import Said

FAILED = 500  # and above: the server's own trouble
TIMEOUT_S = 15  # it has one process, and a busy machine
MOST = 100  # rows a page
ANSWER_BYTES_MAX = 16 << 20  # a page of a hundred rows has some hundred kilobytes
HEALTH = "/api/v2/monitor/health"  # the one page that asks for no account


class Denied(Unreachable):
    """The server is well and refuses us: asking again changes nothing."""


class AirflowRest:
    """One account at one server. `url`: http(s)://host:port, maybe with a path."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._parts, self._user, self._password = urlsplit(url), user, password
        self._token = ""

    def ask(self, method: str, path: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
        """One answer; the account logs in where it has to."""
        if not self._token and path != HEALTH:
            login = {"username": self._user, "password": self._password}
            self._token = str(self._send("POST", "/auth/token", login).get("access_token", ""))
        return self._send(method, path, body)

    def rows(self, path: str, key: str) -> list[Any]:
        """The rows of one page."""
        found = self.ask("GET", path).get(key)
        if not isinstance(found, list):
            raise Unreachable(_refused(path, key))
        return found

    def _send(self, method: str, path: str, body: Mapping[str, object] | None) -> dict[str, Any]:
        kind = http.client.HTTPSConnection if self._parts.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._parts.hostname or "", self._parts.port, timeout=TIMEOUT_S)
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            written = json.dumps(body) if body is not None else None
            connection.request(method, f"{self._parts.path.rstrip('/')}{path}", written, headers)
            answer = connection.getresponse()
            content = answer.read(ANSWER_BYTES_MAX + 1)
            if len(content) > ANSWER_BYTES_MAX:
                raise Unreachable(_refused(path, f"> {ANSWER_BYTES_MAX}"))
            if answer.status >= http.client.BAD_REQUEST:
                said = _refused(path, str(answer.status))
                raise Unreachable(said) if answer.status >= FAILED else Denied(said)
            told = json.loads(content)
        except (http.client.HTTPException, ValueError) as error:
            raise Unreachable(_refused(path, type(error).__name__)) from error
        finally:
            connection.close()
        if not isinstance(told, dict):
            raise Unreachable(_refused(path, type(told).__name__))
        return told


def _refused(path: str, what: str) -> Said:
    path = path.partition("?")[0]
    return Said(f"l'API d'Airflow répond {what} à {path}", f"the API of Airflow answers {what} to {path}")
