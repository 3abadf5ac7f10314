"""The shape of the outbox table, the contract with every booking system.

The table refuses nothing but a missing operation or booking_id: a relay must never be able to make a booking
fail. So there is no check, no foreign key, no unique index but the primary key, and every text column is
wider than what intake accepts.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Date,
    DateTime,
    Identity,
    Index,
    Integer,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    TextClause,
    Unicode,
    bindparam,
    cast,
    text,
)
from sqlalchemy.dialects import mssql, mysql, oracle
from sqlalchemy.types import TypeEngine

DEFAULT_NAME: Final = "ei_outbox"
PREFIX: Final = 64  # characters of an event_id, which has no more where it is right
OUTCOME_COLUMNS: Final = ("relayed_at", "outcome", "outcome_reason")  # the relay's; all others are the writer's


def outbox_table(name: str = DEFAULT_NAME, dialect: str = "postgresql") -> Table:
    """The table under `name`, which may be schema-qualified; `dialect` decides what its defaults look like."""
    schema, _, plain = name.rpartition(".")
    table = Table(
        plain,
        MetaData(),
        Column("id", _bigint(), Identity(always=False), primary_key=True),
        Column("event_id", _words()),
        Column("operation", _words(), nullable=False),
        Column("booking_id", _words(), nullable=False),
        Column("version", BigInteger),
        Column("source_system", _words()),
        Column("resident_id", _words()),
        Column("care_unit", _words()),
        Column("kind", _few_words(), server_default=text("'booking'")),
        Column("starts_at", _wall_time()),
        Column("invited_on", Date().with_variant(Text(), "sqlite").with_variant(mssql.DATE(), "mssql")),
        Column("valid_until", _wall_time()),
        Column("presentable", Boolean().with_variant(Numeric(1), "oracle"), server_default=_true(dialect)),
        Column("data_controller", _words()),
        Column("created_at", _instant(), server_default=_now(dialect)),
        Column("relayed_at", _instant()),
        Column("outcome", _few_words()),
        Column("outcome_reason", String(500).with_variant(Unicode(500), "mssql")),
        schema=schema or None,
        mysql_engine="InnoDB",  # a booking that is rolled back takes its row with it
        mariadb_engine="InnoDB",
        mysql_default_charset="utf8mb4",  # the server's own may lack å, and then the booking fails
        mariadb_default_charset="utf8mb4",
        postgresql_with={"fillfactor": 50},  # each row is written twice, and its outcome beside it costs less
        sqlite_autoincrement=True,  # ids are never given twice, also after old rows are deleted
    )
    # An index entry has a limit, and a value beyond it would make the booking fail. So PostgreSQL keeps a hash of
    # it and MySQL its beginning; SQL Server's and Oracle's columns end before the limit, and SQLite has none.
    beginning = {"event_id": PREFIX}
    Index(
        f"{plain}_event_id",
        table.c.event_id,
        postgresql_using="hash",
        mysql_length=beginning,
        mariadb_length=beginning,
    )
    if dialect in ("postgresql", "sqlite"):
        unread = table.c.outcome.is_(None)
        Index(f"{plain}_unread", table.c.id, postgresql_where=unread, sqlite_where=unread)
    else:
        Index(f"{plain}_unread", table.c.outcome, table.c.id)
    return table


def instant_as_written(at: datetime, dialect: str) -> object:
    """The time as the driver takes it: ISO text on SQLite, and on MySQL, whose driver drops the zone, UTC."""
    match dialect:
        case "sqlite":
            return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        case "mysql" | "mariadb":
            return at.astimezone(UTC).replace(tzinfo=None)
        case _:
            return at


def instant_given(dialect: str, name: str = "at") -> ColumnElement[Any]:
    """The parameter that takes it. SQL Server is told its type: it cannot make a DATETIME, which a vendor's own column
    may be, of the text that drivers hand over."""
    given: ColumnElement[Any] = bindparam(name, type_=_instant())
    return cast(given, mssql.DATETIMEOFFSET) if dialect == "mssql" else given


def _words() -> TypeEngine[str]:
    """Text wide enough that no booking fails on it; SQL Server's and Oracle's as wide as an index of theirs can hold,
    1700 bytes and some 6000."""
    return (
        String(255)
        .with_variant(Text(), "postgresql", "sqlite", "mysql", "mariadb")
        .with_variant(Unicode(400), "mssql")
        .with_variant(oracle.VARCHAR2(1000), "oracle")
    )


def _few_words() -> TypeEngine[str]:
    """The same, but for MySQL, which must be able to index it whole or to give it a default."""
    return (
        String(255)
        .with_variant(Text(), "postgresql", "sqlite")
        .with_variant(String(700), "mysql", "mariadb")
        .with_variant(Unicode(400), "mssql")
        .with_variant(oracle.VARCHAR2(1000), "oracle")
    )


def _bigint() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by an INTEGER key only


def _wall_time() -> TypeEngine[Any]:
    """Swedish wall-clock time without a zone; ISO text on SQLite."""
    return (
        DateTime()
        .with_variant(Text(), "sqlite")
        .with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
        .with_variant(mssql.DATETIME2, "mssql")
        .with_variant(oracle.TIMESTAMP(), "oracle")
    )


def _instant() -> TypeEngine[Any]:
    return (
        DateTime(timezone=True)
        .with_variant(Text(), "sqlite")
        .with_variant(mysql.TIMESTAMP(fsp=6), "mysql", "mariadb")
        .with_variant(mssql.DATETIMEOFFSET, "mssql")
        .with_variant(oracle.TIMESTAMP(timezone=True), "oracle")
    )


def _true(dialect: str) -> TextClause:
    return text("true" if dialect in ("postgresql", "mysql", "mariadb") else "1")


def _now(dialect: str) -> TextClause:
    return {
        "sqlite": text("(strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))"),
        "mssql": text("SYSDATETIMEOFFSET()"),
        "oracle": text("SYSTIMESTAMP"),
        "mysql": text("CURRENT_TIMESTAMP(6)"),
        "mariadb": text("CURRENT_TIMESTAMP(6)"),
    }.get(dialect, text("now()"))
