"""What is shut around the process that parses what strangers send: network, files, system calls, privileges.

Nothing is assumed of a kernel: each wall is first tried in a process that is thrown away. One that this machine cannot
build is left out and said so (`chorus-edi verify`, `status`); one that stood when it was tried and fails later is a
fault. `python -m pipeline.adapters.confinement` prints which walls stand here, as JSON.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from pipeline.adapters import kernel
from pipeline.ports import Said

_PACKAGE = Path(__file__).parents[1]
_TRIED_WITHIN_S = 30
_FAILED = 1


@dataclass(frozen=True, slots=True)
class Confinement:
    """Which walls stand."""

    is_linux: bool = False
    namespace: bool = False  # an empty network namespace: no interface, no route, for child and Saxon server alike
    landlock: int = 0  # its version: no file but our own program can be opened; from 4 on no TCP
    filter: bool = False  # seccomp: no socket, no process, no program, no signal, no change of a file name

    @property
    def has_no_network(self) -> bool:
        return self.namespace or self.filter

    @property
    def is_whole(self) -> bool:
        return self.namespace and self.landlock > 0 and self.filter

    @property
    def said(self) -> Said:
        """One line for people: what stands, and what does not."""
        if not self.is_linux:
            return Said("aucun : un lecteur n'est enfermé que sous Linux", "none: a reader is confined on Linux only")
        fr, en = [], []
        for word in (self._network(), self._files(), self._calls()):
            fr.append(word.fr)
            en.append(word.en)
        return Said(", ".join(fr), ", ".join(en))

    def _network(self) -> Said:
        if self.namespace:
            return Said("sans réseau (espace de noms)", "no network (namespace)")
        if self.filter:
            return Said("sans réseau (filtre d'appels)", "no network (filter of calls)")
        if self.landlock >= kernel.LANDLOCK_TCP:
            return Said(
                f"sans TCP (Landlock {self.landlock}), le reste du réseau ouvert",
                f"no TCP (Landlock {self.landlock}), the rest of the network is open",
            )
        return Said("réseau OUVERT : ce noyau n'en prive pas", "network OPEN: this kernel does not shut it")

    def _files(self) -> Said:
        if self.landlock:
            return Said(
                f"aucun fichier de données (Landlock {self.landlock})", f"no data file (Landlock {self.landlock})"
            )
        return Said(
            "fichiers lisibles comme par nous, aucun ne s'écrit (pas de Landlock)",
            "files can be read as by us, none be written (no Landlock)",
        )

    def _calls(self) -> Said:
        if self.filter:
            return Said("ni processus ni programme (filtre d'appels)", "no process, no program (filter of calls)")
        return Said("appels au noyau non filtrés (pas de seccomp)", "calls to the kernel not filtered (no seccomp)")


@dataclass(frozen=True, slots=True)
class Walls:
    """What a child shuts itself into, made ready before it is forked."""

    found: Confinement
    rules: int | None = None  # descriptor of the rules of Landlock
    program: bytes = b""  # of the filter

    def shut(self, rules: int | None) -> None:
        """In the child, for good; `rules` is its own descriptor of them, and gone afterwards.

        An `OSError` of the kernel passes through: such a child must not read.
        """
        kernel.forbid_new_privileges()
        kernel.forbid_dumps()
        kernel.drop_capabilities()
        if rules is not None:
            kernel.landlock(rules)
            os.close(rules)
        if self.program:
            kernel.filter_calls(self.program)


def walls(readable: Iterable[Path] = (), *, has_namespace: bool = False) -> Walls:
    """Make ready what this machine can build. Call it before any thread.

    `readable`: folders that a child may read below, besides those of the program. `has_namespace`: this process has
    left the network already, and so have its children.
    """
    if sys.platform != "linux":
        return Walls(Confinement())
    rules = None
    folders = {Path(sys.prefix), Path(sys.base_prefix), _PACKAGE, *readable}
    if kernel.landlock_version():
        rules = kernel.landlock_rules(sorted(folder.resolve() for folder in folders if folder.is_dir()))
        if not _stands(Walls(Confinement(), rules)):
            os.close(rules)
            rules = None
    program = kernel.filter_program(kernel.ALL)
    if program and not _stands(Walls(Confinement(), None, program)):
        program = b""
    version = kernel.landlock_version() if rules is not None else 0
    return Walls(Confinement(True, has_namespace, version, bool(program)), rules, program)


@cache
def seen() -> Confinement:
    """The walls that a reader of this machine gets, tried in a process of its own; none where that fails.

    Tried once: what a kernel allows does not change while a process lives.
    """
    command = (sys.executable, "-m", __name__)
    environment = {**os.environ, "PYTHONSAFEPATH": "1"}
    try:
        done = subprocess.run(
            command, capture_output=True, timeout=_TRIED_WITHIN_S, check=True, env=environment, cwd="/"
        )
        return Confinement(**json.loads(done.stdout))
    except (OSError, subprocess.SubprocessError, ValueError, TypeError):
        return Confinement(is_linux=sys.platform == "linux")


def leave_network() -> bool:
    """An empty network for this process and all that it starts: as root, or in a user namespace of our own.

    False where this machine gives none. Call it before any thread.
    """
    if sys.platform != "linux":
        return False
    for flags, own_user in ((kernel.CLONE_NEWNET, False), (kernel.CLONE_NEWUSER | kernel.CLONE_NEWNET, True)):

        def leave(flags: int = flags, own_user: bool = own_user) -> None:
            user, group = os.geteuid(), os.getegid()
            kernel.unshare(flags)
            if own_user:  # we stay who we were: what is ours must be seen to be ours
                Path("/proc/self/setgroups").write_text("deny")
                Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
                Path("/proc/self/gid_map").write_text(f"{group} {group} 1")

        if _works(leave):
            leave()
            return True
    return False


def _stands(wall: Walls) -> bool:
    return _works(lambda: wall.shut(wall.rules))


def _works(step: Callable[[], None]) -> bool:
    """Does this go through? Tried in a process that is thrown away, for a step half done cannot be undone."""
    child = os.fork()
    if child == 0:
        try:
            step()
            os._exit(0)
        except BaseException:  # whatever it is, it is no wall
            os._exit(_FAILED)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


if __name__ == "__main__":
    print(json.dumps(asdict(walls(has_namespace=leave_network()).found)))
