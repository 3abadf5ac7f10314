"""What the relay's tables are made of: their metadata, the type of an instant, and the key that a database numbers.

Times are instants in UTC. Numbers that grow are 64 bits wide everywhere.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, MetaData, Text, text
from sqlalchemy.types import TypeDecorator, TypeEngine

metadata: Final = MetaData()


class Instant(TypeDecorator[datetime]):
    """An aware UTC time: timestamptz on PostgreSQL, sortable ISO text of fixed width on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        stored: TypeEngine[Any] = Text() if dialect.name == "sqlite" else DateTime(timezone=True)
        return dialect.type_descriptor(stored)

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """None where the driver gives such times: then each of a thousand posts costs no call."""
        return super().result_processor(dialect, coltype) if dialect.name == "sqlite" else None

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | str | None:
        return iso(value) if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | str | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return datetime.fromisoformat(value) if isinstance(value, str) else value


@lru_cache(maxsize=4096)  # rows of one transaction have one time, and bookings begin at even minutes
def iso(value: datetime) -> str:
    """The instant as text that sorts as time does: 2026-12-24T09:30:00.000000+00:00."""
    return (value if value.tzinfo is UTC else value.astimezone(UTC)).isoformat(timespec="microseconds")


ID: Final = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by an INTEGER key only
LONG_AGO: Final = text("'1970-01-01T00:00:00.000000+00:00'")
