"""The keys of the embedded SFTP server: its own, made at the first start, and those of the partners, a file each.

As with sshd, a file that others may write to opens nothing, and a private key that others may read is not used.
"""

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from pipeline.adapters.system_errors import why
from pipeline.ports import Fault, Said

HOST_KEY, PARTNER_KEYS = "host_key", "keys"
KEYS_BYTES_MAX = 1 << 20


def make_folder(folder: Path) -> None:
    """The folder of the keys, ours alone."""
    for one in (folder, folder / PARTNER_KEYS):
        one.mkdir(mode=0o700, parents=True, exist_ok=True)


def host_key(folder: Path) -> asyncssh.SSHKey:
    """Our private key: ed25519, made when there is none. A fault names the file when it cannot be used."""
    path = folder / HOST_KEY
    if not path.exists():
        _write_new(path, asyncssh.generate_private_key("ssh-ed25519", comment="chorus-edi").export_private_key())
    try:
        private, mode = _read(path)
        if mode & 0o077:
            raise Fault(
                Said(
                    f"{path} est lisible par d'autres que son propriétaire ; chmod 600 {path}",
                    f"{path} can be read by others; chmod 600 {path}",
                )
            )
        return asyncssh.import_private_key(private)
    except OSError as error:
        raise Fault(_unused(path, why(error))) from error
    except asyncssh.KeyImportError as error:
        raise Fault(_unused(path, Said("aucune clé privée", "no private key"))) from error


def known_host(key: asyncssh.SSHKey, port: int) -> str:
    """The line of `known_hosts` that pins our key."""
    return f"[127.0.0.1]:{port} {key.export_public_key('openssh').decode().strip()}"


@dataclass(frozen=True, slots=True)
class PartnerKeys:
    """The public keys of one partner, and what is wrong with the file they stand in."""

    keys: tuple[bytes, ...] = ()
    trouble: Said | None = None

    def open_to(self, key: asyncssh.SSHKey) -> bool:
        return key.public_data in self.keys


def partner_keys(folder: Path, partner: str) -> PartnerKeys:
    """Read at each login: a key that is added or taken away counts at once. A line that is no key opens nothing."""
    path = folder / PARTNER_KEYS / partner
    try:
        text, mode = _read(path)
    except FileNotFoundError:
        return PartnerKeys()
    except OSError as error:
        return PartnerKeys(trouble=why(error).at(str(path)))
    if mode & 0o022:
        wide = Said(
            f"d'autres que son propriétaire peuvent écrire dans {path}, qui n'ouvre donc à personne ; chmod 644 {path}",
            f"others may write to {path}, which lets nobody in; chmod 644 {path}",
        )
        return PartnerKeys(trouble=wide)
    keys: list[bytes] = []
    trouble = None
    for number, line in enumerate(text.decode("utf-8", "replace").splitlines(), start=1):
        if line.strip() and not line.lstrip().startswith("#"):
            try:
                keys.append(asyncssh.import_public_key(line.strip()).public_data)
            except asyncssh.KeyImportError:
                trouble = Said(
                    f"{path}, ligne {number} : aucune clé publique ; une par ligne, TYPE CLÉ COMMENTAIRE, rien devant",
                    f"{path}, line {number}: no public key; one per line, TYPE KEY COMMENT, nothing before it",
                )
    return PartnerKeys(tuple(keys), trouble)


def _read(path: Path) -> tuple[bytes, int]:
    """(bytes, permissions) of a plain file; a link is not followed."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        what = os.fstat(descriptor)
        if not stat.S_ISREG(what.st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), str(path))
        return file.read(KEYS_BYTES_MAX), what.st_mode


def _write_new(path: Path, content: bytes) -> None:
    """A file of ours alone, whole or not at all."""
    new = path.with_name(f".{path.name}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(descriptor)
    new.rename(path)


def _unused(path: Path, reason: Said) -> Said:
    mend = Said(
        "la déplacer : une nouvelle est faite au démarrage, à annoncer aux partenaires",
        "move it away: a new one is made at the next start, tell the partners",
    )
    return Said(f"{path} n'est pas utilisable", f"{path} cannot be used").because(reason).then(mend)
