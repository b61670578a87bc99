"""The settings as a backup may hold them: what is secret is taken out, and named with where to keep it.

Keys and passwords belong in files or in the environment (`docs/ops/backup.md`); who wrote one into `settings.toml` all
the same finds it left out. A file from which a secret cannot be taken out for certain is not copied at all.
"""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from pipeline.ports import Said
from pipeline.settings import Settings

SETTINGS = "settings.toml"
_PREFIX = "CHORUS_EDI_"
# tables and names whose value is a secret, and those that may hold one inside an address
_SECRETS = (("ledger", "password"), ("s3", "access_key"), ("s3", "secret_key"), ("alerts", "webhook"))
_ADDRESSES = (("ledger", "url"), ("airflow", "database"))


class LeftOut(NamedTuple):
    """Something that the backup does not hold: what it is, and how to keep it."""

    name: str
    keep: Said


def settings_text(text: str) -> tuple[str | None, list[LeftOut]]:
    """(`settings.toml` without its secrets, what was taken out of it); None where that cannot be done for certain."""
    given = tomllib.loads(text)
    wanted = json.loads(json.dumps(given, default=str))
    clean, left = text, []
    for table, name in (*_SECRETS, *_ADDRESSES):
        value = given.get(table, {}).get(name) if isinstance(given.get(table), dict) else None
        if not isinstance(value, str) or not value:
            continue
        put = "" if (table, name) in _SECRETS else without_password(value)
        if put == value:
            continue
        left.append(LeftOut(f"{SETTINGS}, [{table}] {name}", _IN_A_FILE))
        wanted[table][name] = put
        for written in {json.dumps(value), json.dumps(value, ensure_ascii=False), f"'{value}'"}:
            clean = clean.replace(written, json.dumps(put))
        if any(secret in clean for secret in (value, _password(value)) if secret):  # in a comment, or elsewhere
            return None, [LeftOut(SETTINGS, _BY_HAND)]
    if json.loads(json.dumps(tomllib.loads(clean), default=str)) != wanted:
        return None, [LeftOut(SETTINGS, _BY_HAND)]
    return clean, left


def kept_apart(home: Path, settings: Settings, environment: Mapping[str, str] = os.environ) -> Iterator[LeftOut]:
    """What lies outside the settings and is no matter for a backup that others may read: keys, passwords, variables."""
    for file in _files(settings):
        yield LeftOut(str(home / file), _KEY_FILE)
    if (home / "ssh" / "host_key").exists():
        yield LeftOut(str(home / "ssh" / "host_key"), _HOST_KEY)
    for name in sorted(environment):
        if name.startswith(_PREFIX) and environment[name]:
            yield LeftOut(f"${name}", _VARIABLE)


def without_password(address: str) -> str:
    """A URL without the password in it.

    >>> without_password("postgresql://edi:s3cret@db.example.fr:5432/edi?sslmode=require")
    'postgresql://edi@db.example.fr:5432/edi?sslmode=require'
    """
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    user, at, host = parts.netloc.rpartition("@")
    query = "&".join(part for part in parts.query.split("&") if not part.startswith(("password=", "passfile=")))
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}", query=query))


def _password(address: str) -> str:
    try:
        return urlsplit(address).password or ""
    except ValueError:
        return ""


def _files(settings: Settings) -> Iterator[Path]:
    """The files of keys and passwords that the settings name."""
    named: list[Any] = [
        settings.ledger.password_file, settings.s3.access_key_file, settings.s3.secret_key_file,
        settings.alerts.webhook_file,
    ]  # fmt: skip
    for remote in settings.remotes.values():
        named += [remote.key_file, remote.password_file]
    yield from dict.fromkeys(file for file in named if file is not None)


_IN_A_FILE = Said(
    "le garder dans un coffre, et le donner par un fichier (password_file et semblables) ou par l'environnement",
    "keep it in a vault, and give it by a file (password_file and its like) or by the environment",
)
_BY_HAND = Said(
    "il contient un secret qui ne s'en retire pas à coup sûr : le recopier à la main, sans le secret",
    "it holds a secret that cannot be taken out for certain: copy it by hand, without the secret",
)
_KEY_FILE = Said("à garder dans un coffre, avec ses droits (0600)", "keep it in a vault, with its permissions (0600)")
_HOST_KEY = Said(
    "à garder dans un coffre ; sans elle serve-sftp en fait une autre, à annoncer aux partenaires",
    "keep it in a vault; without it serve-sftp makes another one, to be announced to the partners",
)
_VARIABLE = Said(
    "la valeur n'est pas copiée : à garder avec la définition du service",
    "its value is not copied: keep it with the service",
)
