"""What the operating system refuses, in both languages: it speaks English to a service, whoever reads it."""

import errno
import os
import traceback
from pathlib import Path
from types import MappingProxyType

from pipeline.ports import Fault, Said

MEND = Said("y remédier, puis relancer chorus-edi run", "mend it and run again")
_FRENCH = MappingProxyType(
    {
        errno.EACCES: "accès refusé",
        errno.EDQUOT: "quota de disque atteint",
        errno.EEXIST: "ce nom est déjà pris",
        errno.EFBIG: "fichier trop grand",
        errno.EIO: "erreur de lecture ou d'écriture du disque",
        errno.EISDIR: "un dossier est là où il faut un fichier",
        errno.EMFILE: "trop de fichiers ouverts",
        errno.ENAMETOOLONG: "nom de fichier trop long",
        errno.ENFILE: "trop de fichiers ouverts sur la machine",
        errno.ENOENT: "fichier ou dossier introuvable",
        errno.ENOEXEC: "fichier non exécutable",
        errno.ENOMEM: "mémoire insuffisante",
        errno.ENOSPC: "plus de place sur le disque",
        errno.ENOTDIR: "un fichier est là où il faut un dossier",
        errno.EPERM: "opération interdite",
        errno.EROFS: "disque en lecture seule",
        errno.ESTALE: "dossier réseau perdu",
        errno.ETIMEDOUT: "délai dépassé",
    }
)


class Unreachable(ConnectionError):
    """A server that does not answer, refuses us, or answers what it should not: told in our own words."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.en)
        self.said = said


class Failed(OSError):
    """What could not be done on a server that does answer: told in our own words."""

    def __init__(self, said: Said) -> None:
        super().__init__(said.en)
        self.said = said


class Locked(Unreachable):
    """One object that may not be removed yet, by its lock: nothing is wrong with the store, or with the others."""


def why(error: OSError) -> Said:
    """The reason alone, where whoever asks knows the place. A rare one stays in the system's own words."""
    if isinstance(error, Unreachable | Failed):
        return error.said
    english = error.strerror or str(error)
    return Said(_FRENCH.get(error.errno or 0, english), english)


def where_and_why(error: OSError) -> Said:
    """The reason, after the file that the error names, if it names one."""
    is_named = isinstance(error.filename, str | bytes) and error.filename  # a descriptor says nothing to anybody
    return why(error).at(os.fsdecode(error.filename)) if is_named else why(error)


def as_fault(error: Exception) -> Fault:
    """A bug of ours is a fault as well: the flow waits, nothing is answered, and the sentence says where to look."""
    if isinstance(error, Fault):
        return error
    if isinstance(error, OSError):
        return Fault(where_and_why(error).then(MEND))
    return Fault(bug(slip(error)))


def slip(error: BaseException) -> str:
    """What a bug is told as: its class, and the line of code that it came from. Its text may quote an invoice."""
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}{place}"


def bug(what: str) -> Said:
    """An exception that nobody foresaw, met on one flow."""
    return Said(
        f"{what} ; erreur interne, à signaler avec cette ligne : le flux attend",
        f"{what}; this is a bug, report it",
    )
