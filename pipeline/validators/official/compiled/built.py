"""What a compilation gives: apart from the compiler, for those who only run what it made."""

from dataclasses import dataclass

VERSION = "1"  # of the compiler: programs built by another one are built again


@dataclass(frozen=True, slots=True)
class Left:
    """A test that the compiler did not understand: Saxon runs its pattern."""

    ordinal: int
    id: str
    mode: str
    why: str


@dataclass(frozen=True, slots=True)
class Built:
    """The source of a program, how many tests the sheet has, and those that are left to Saxon."""

    source: str
    tests: int
    left: tuple[Left, ...] = ()
