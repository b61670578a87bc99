"""The present moment. Whatever becomes part of an answer takes it from here, so that a test can hold it still."""

from datetime import UTC, datetime


class SystemClock:
    """The clock of the machine, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A moment that stands still: for `demo`, tests, and to judge as of a day."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        return self.at
