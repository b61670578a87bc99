"""Keys and passwords, made once for a home, in files that only their owner reads."""

import base64
import json
import os
import secrets
from collections.abc import Callable, Mapping
from pathlib import Path

USERS = {"admin": "admin", "ops": "op", "viewer": "viewer"}  # login -> role of the simple auth manager


def keys(folder: Path) -> dict[str, str]:
    """`fernet`, `jwt` and `secret`."""
    return _kept(folder / "keys.json", lambda: {"fernet": _fernet(), "jwt": _random(), "secret": _random()})[0]


def passwords(folder: Path) -> tuple[dict[str, str], bool]:
    """Login -> password, and whether they are new: then somebody has to be told them."""
    return _kept(passwords_file(folder), lambda: {login: secrets.token_urlsafe(12) for login in USERS})


def passwords_file(folder: Path) -> Path:
    return folder / "passwords.json"


def _kept(file: Path, make: Callable[[], Mapping[str, str]]) -> tuple[dict[str, str], bool]:
    """What the file holds; what is missing in it is made and added."""
    held: dict[str, str] = json.loads(file.read_text("utf-8")) if file.exists() else {}
    missing = {name: value for name, value in make().items() if name not in held}
    if missing:
        part = file.with_suffix(".part")
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as new:
            json.dump(held | missing, new)
        part.replace(file)
    return held | missing, bool(missing)


def _random() -> str:
    return secrets.token_urlsafe(48)


def _fernet() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
