"""How each database writes a column's value as the text that intake reads.

Pure. Casting in the database means that a value no driver can hold spoils its own row. The casts differ in two
things. A date must come out as ISO 8601 whatever the session's language is. And a vendor's own column may carry
a zone: then the text has to say which, or a booking would be shown an hour off (R-05).
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import ColumnElement, Integer, Text, cast, func, literal_column, type_coerce
from sqlalchemy.dialects import mysql, oracle
from sqlalchemy.types import Date, DateTime, TypeEngine

ASKED_FOR_TYPES: Final = ("mysql", "mariadb", "oracle")  # their casts leave the zone out


def as_text(column: ColumnElement[Any], name: str, dialect: str, kind: TypeEngine[Any]) -> ColumnElement[str]:
    """The column (or an aggregate of it) as text. `kind` is the type that the column called `name` really has;
    only `ASKED_FOR_TYPES` need to be asked for it."""
    match dialect:
        case "mysql" | "mariadb":
            return _mysql(column, kind)
        case "oracle":
            return _oracle(column, kind, name)
        case "mssql":  # 126 is ISO 8601, which a plain cast of a date is not; an offset is written where there is one
            return func.convert(literal_column("nvarchar(400)"), column, literal_column("126"))
        case _:
            return cast(column, Text())


def _mysql(column: ColumnElement[Any], kind: TypeEngine[Any]) -> ColumnElement[str]:
    if isinstance(kind, mysql.BIT):  # as some frameworks keep booleans; its text would be an unprintable byte
        return cast(type_coerce(column, Integer) + literal_column("0"), Text())
    text = cast(column, Text())  # rendered as CHAR there
    if isinstance(kind, mysql.TIMESTAMP):  # an instant, shown in the zone of our session, which is UTC
        return func.concat(text, literal_column("'+00:00'"))
    return text


def _oracle(column: ColumnElement[Any], kind: TypeEngine[Any], name: str) -> ColumnElement[str]:
    if not isinstance(kind, DateTime | Date):
        return func.to_char(column)
    if name == "invited_on":  # Oracle's DATE has a time too, and only the name tells that this one has none
        shape = "YYYY-MM-DD"
    else:
        zoned = isinstance(kind, oracle.TIMESTAMP) and (kind.timezone or kind.local_timezone)
        shape = "YYYY-MM-DD HH24:MI:SS" + (" TZH:TZM" if zoned else "")
    return func.to_char(column, literal_column(f"'{shape}'"))
