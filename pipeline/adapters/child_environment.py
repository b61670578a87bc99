"""What the processes that read strangers' files are given of our environment: what they need, and none of our secrets.

A list of what is kept, not of what is taken away: nobody can know under which name a password stands.
"""

from collections.abc import Mapping

_KEPT = frozenset({
    "PATH", "HOME", "TMPDIR", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "VIRTUAL_ENV",
    "CHORUS_EDI_CACHE", "CHORUS_EDI_DEBUG", "CHORUS_EDI_LOG",
})  # fmt: skip
_KEPT_HEADS = ("LC_", "PYTHON", "COVERAGE_")  # the last one: of a test run


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that a reader may see."""
    return {name: value for name, value in environment.items() if name in _KEPT or name.startswith(_KEPT_HEADS)}
