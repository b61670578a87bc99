"""Opening the home that a command works with."""

from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.cli.options import home_of

if TYPE_CHECKING:
    from pipeline.runner import Home


def opened(home: Path | None) -> "Home":
    """The home, made when it is not there: for commands that fill one."""
    from pipeline.runner import open_home

    return open_home(home_of(home))


def existing_home(home: Path | None) -> "Home":
    """The home, which must be there: a slip of the keyboard must not make an empty one that looks fine."""
    from pipeline.runner import open_home

    return open_home(home_of(home), create=False)
