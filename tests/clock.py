"""A clock that tests set."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection


class SetClock:
    """Shows `at`, to every worker alike, until somebody moves it."""

    def __init__(self, at: datetime = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)) -> None:
        self.at = at

    def now(self, connection: Connection) -> datetime:
        """The time it is set to, in place of the database's."""
        return self.at

    def advance(self, **by: float) -> datetime:
        """Move it by a timedelta's keywords; the new time."""
        self.at += timedelta(**by)
        return self.at
