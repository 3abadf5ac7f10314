"""How each database writes a column's value as the text that intake reads.

Pure. Casting in the database means that a value no driver can hold spoils its own row. The casts differ in three
things. A date must come out as ISO 8601 whatever the session's language or DateStyle is. A vendor's own column may
carry a zone: then the text has to say which, or a booking would be shown an hour off (R-05). And no more than
`READ_AT_MOST` characters of a value leave the database, however long it is: the columns are wider than what intake
takes, and a thousand rows must fit into a worker's memory whatever somebody writes into them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, LargeBinary, Text, and_, case, cast, func, literal_column, type_coerce
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.types import TIMESTAMP, Date, DateTime, NullType, Numeric, TypeEngine

from relay.change import READ_AT_MOST

ASKED_FOR_TYPES: Final = ("mysql", "mariadb", "oracle")  # their casts leave the zone out
TIMES: Final = ("starts_at", "invited_on", "valid_until", "created_at", "relayed_at")

_NO_TEXTS: Final = ("version", "presentable")
_FEW_BYTES: Final[ColumnElement[int]] = literal_column("32")
_MOST: Final[ColumnElement[int]] = literal_column(str(READ_AT_MOST))
_IS_ISO: Final[ColumnElement[bool]] = literal_column("(SELECT current_setting('DateStyle') LIKE 'ISO%')")
_DOTS: Final[ColumnElement[str]] = literal_column(f"'{'.' * READ_AT_MOST}'")
_BYTES: Final[ColumnElement[int]] = literal_column(str(4 * READ_AT_MOST))  # as many as that many characters can have
_ISO_OF_JSON: Final = re.compile(r"(\d{4,}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)(?:([+-]\d\d)(?::00|(:[0-5]\d)))?")


def as_text(column: ColumnElement[Any], name: str, dialect: str, kind: TypeEngine[Any]) -> ColumnElement[str]:
    """The column (or an aggregate of it) as text. `kind` is the type that the column called `name` really has;
    only `ASKED_FOR_TYPES` need to be asked for it."""
    match dialect:
        case "mysql" | "mariadb":
            return _mysql(column, kind)
        case "oracle":
            return _oracle(column, kind, name)
        case "mssql":  # 126 is ISO 8601, which a plain cast of a date is not; an offset is written where there is one
            return func.convert(literal_column(f"nvarchar({READ_AT_MOST})"), column, literal_column("126"))
        case "sqlite":
            return _sqlite(column)
        case _:
            return _postgresql(column, name)


def as_array(columns: Mapping[str, ColumnElement[Any]]) -> ColumnElement[Any]:
    """On PostgreSQL all of these columns, by name, as one array of texts; null where `as_text` would cut or turn one.

    A row's fourteen values cost the server less than half so. What is asked of a column that is no text is the size it
    is kept in, which costs nothing: written out, that many bytes are some kilobytes at most.
    """
    texts = {name: cast(column, Text()) for name, column in columns.items()}
    fits: list[ColumnElement[bool]] = [
        func.coalesce(func.octet_length(text) <= _MOST, literal_column("true"))
        for name, text in texts.items()
        if name not in (*TIMES, *_NO_TEXTS)
    ]
    sizes = [
        func.coalesce(func.pg_column_size(column), literal_column("0")) <= _FEW_BYTES
        for name, column in columns.items()
        if name in (*TIMES, *_NO_TEXTS)
    ]
    return type_coerce(case((and_(_IS_ISO, *fits, *sizes), array(texts.values()))), NullType())


def as_read(name: str, text: str | None) -> str | None:
    """What the database gave for `as_text` of the column called `name`, as intake takes it: a text that was cut gets a
    sign behind it, so that whatever is trimmed of it, it stays too long."""
    if text is None:
        return None
    if len(text) >= READ_AT_MOST:
        return text + "…"
    return time_as_read(text) if name in TIMES else text


@lru_cache(maxsize=1024)  # rows of one transaction have one created_at, and bookings begin at even minutes
def time_as_read(text: str) -> str:
    """The same of a time, which PostgreSQL's JSON writes in a style of its own: as its cast writes it."""
    match = _ISO_OF_JSON.fullmatch(text)
    if match is None:
        return text
    day, clock, hours, minutes = match.groups()
    return f"{day} {clock}{hours or ''}{minutes or ''}"


def _postgresql(column: ColumnElement[Any], name: str) -> ColumnElement[str]:
    """Reading is the dearest question of all, and these two turns save half of it: to count a text's characters takes
    longer than to ask for its bytes, and a cast writes a time in half the time that JSON takes."""
    text = cast(column, Text())
    if name not in TIMES:
        return case((func.octet_length(text) <= _MOST, text), else_=func.left(text, _MOST, type_=Text()))
    # JSON writes times in ISO 8601 whatever DateStyle is, which a pooler may lose on the way.
    by_json = func.to_json(column).op("#>>")(literal_column("'{}'"))
    return func.left(case((_IS_ISO, text), else_=by_json), _MOST, type_=Text())


def _sqlite(column: ColumnElement[Any]) -> ColumnElement[str]:
    """substr ends at a NUL that a text has in it, so only what is surely too long is cut, and made long again."""
    text = cast(column, Text())
    cut = func.substr(text, 1, _MOST, type_=Text()).op("||")(_DOTS)
    return case((func.length(cast(column, LargeBinary())) > _BYTES, cut), else_=text)


def _mysql(column: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[str]:
    from sqlalchemy.dialects.mysql import BIT, TIMESTAMP  # a megabyte, which only such an outbox costs

    if isinstance(kind, BIT):  # as some frameworks keep booleans; its text would be an unprintable byte
        return cast(type_coerce(column, Integer) + literal_column("0"), Text())
    text = func.left(cast(column, Text()), _MOST, type_=Text())  # rendered as CHAR there
    if isinstance(kind, TIMESTAMP):  # an instant, shown in the zone of our session, which is UTC
        return func.concat(text, literal_column("'+00:00'"))
    return text


def _oracle(column: ColumnElement[Any], kind: TypeEngine[Any], name: str) -> ColumnElement[str]:
    from sqlalchemy.dialects import oracle  # as above

    if isinstance(kind, Numeric | Integer):
        return func.to_char(column)
    if not isinstance(kind, DateTime | Date):
        return func.to_char(func.substr(column, literal_column("1"), _MOST))
    if name == "invited_on":  # Oracle's DATE has a time too, and only the name tells that this one has none
        shape = "SYYYY-MM-DD"
    else:
        zoned = isinstance(kind, oracle.TIMESTAMP) and (kind.timezone or kind.local_timezone)
        fraction = ".FF6" if isinstance(kind, TIMESTAMP) else ""  # it is rounded, not cut; a DATE has none
        shape = f"SYYYY-MM-DD HH24:MI:SS{fraction}" + (" TZH:TZM" if zoned else "")
    return func.ltrim(func.to_char(column, literal_column(f"'{shape}'")))  # the sign of a year after Christ is a blank
