"""What we lean on and did not write: kernel, antivirus, and libraries whose older versions have known weaknesses."""

from collections.abc import Iterable

from pipeline.ports import Said
from pipeline.reconcile.line import Broken, Line, line


def antivirus(state: Said, away: Said | None) -> Line:
    """Nothing is scanned where none is configured, and the line says so; one that does not answer makes flows wait."""
    return line("antivirus", Broken([away] if away is not None else []), 0, state)


def readers(state: Said, *, has_network: bool) -> Line:
    """What parses the files of others has no network. The walls that this kernel cannot build are named on the line."""
    return line("readers", Broken([state] if has_network else []), 0, state)


def dependencies(too_old: Iterable[Said], found: Iterable[str]) -> Line:
    """No library is older than the first version without a known weakness. `found`: names with their versions."""
    names = tuple(found)
    told = ", ".join(names)
    return line("dependencies", Broken(too_old), len(names), Said(told, told))
