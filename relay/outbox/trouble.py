"""What is wrong with an outbox, or with any database we use, in one line for an operator, from the error that it gave.

Pure. An error is known by its SQLSTATE, or by the number that MySQL, SQL Server or Oracle gives it. The server's own
text is never repeated, since it may quote a value; it is only searched for names of the outbox's own columns.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, TimeoutError

from relay.database import describe
from relay.outbox.table import outbox_table

COLUMNS: Final = tuple(column.name for column in outbox_table().columns)


class Kind(Enum):
    """What can be wrong; the value is how it is said, of `{table}` and `{columns}`."""

    NO_TABLE = "the table {table} is not there"
    NO_COLUMN = "it lacks {columns}"
    DENIED = (
        "permission denied on {table}: the relay needs SELECT, and UPDATE of relayed_at, outcome and outcome_reason"
    )
    LOGIN = "the database refuses the relay's user or password"
    NO_DATABASE = "the database that outbox_url names is not there"
    SILENT = "the database does not answer"
    SLOW = "the database took too long for a statement"
    LOCKED = "a lock on {table} was not had in time"
    FULL = "the database takes no more connections"
    READ_ONLY = "the database is read-only"
    STRANGE_URL = "the URL has something in it that the database's driver does not take"
    UNREADABLE = "a value in {table} cannot be read as text"


_OF_REACHING: Final = {
    Kind.LOGIN: Kind.LOGIN.value,
    Kind.NO_DATABASE: "the database that the URL names is not there",
    Kind.SILENT: Kind.SILENT.value,
    Kind.FULL: Kind.FULL.value,
    Kind.READ_ONLY: Kind.READ_ONLY.value,
    Kind.STRANGE_URL: Kind.STRANGE_URL.value,
}
_NO_DRIVER: Final = "the driver of this kind of database is not installed"
_STATES: Final = {
    "42P01": Kind.NO_TABLE, "3F000": Kind.NO_TABLE, "42S02": Kind.NO_TABLE,
    "42703": Kind.NO_COLUMN, "42S22": Kind.NO_COLUMN,
    "42501": Kind.DENIED,
    "28000": Kind.LOGIN, "28P01": Kind.LOGIN,
    "3D000": Kind.NO_DATABASE,
    "57014": Kind.SLOW,
    "55P03": Kind.LOCKED, "40001": Kind.LOCKED, "40P01": Kind.LOCKED,
    "53300": Kind.FULL,
    "25006": Kind.READ_ONLY,
    "57P01": Kind.SILENT, "57P03": Kind.SILENT, "HYT00": Kind.SILENT, "HYT01": Kind.SILENT, "08S01": Kind.SILENT,
    "22021": Kind.UNREADABLE, "22P05": Kind.UNREADABLE,
}  # fmt: skip
_MYSQL: Final = {
    1146: Kind.NO_TABLE, 1054: Kind.NO_COLUMN,
    1142: Kind.DENIED, 1143: Kind.DENIED, 1044: Kind.DENIED, 1227: Kind.DENIED,
    1045: Kind.LOGIN, 1698: Kind.LOGIN, 1049: Kind.NO_DATABASE,
    2002: Kind.SILENT, 2003: Kind.SILENT, 2005: Kind.SILENT, 2006: Kind.SILENT, 2013: Kind.SILENT, 1053: Kind.SILENT,
    1205: Kind.LOCKED, 1213: Kind.LOCKED, 1969: Kind.SLOW, 3024: Kind.SLOW,
    1040: Kind.FULL, 1203: Kind.FULL, 1226: Kind.FULL, 1290: Kind.READ_ONLY, 1792: Kind.READ_ONLY, 1836: Kind.READ_ONLY,
}  # fmt: skip
_ORACLE: Final = {
    942: Kind.NO_TABLE, 904: Kind.NO_COLUMN, 1031: Kind.DENIED, 41900: Kind.DENIED, 1017: Kind.LOGIN, 28000: Kind.LOGIN,
    12514: Kind.NO_DATABASE, 12541: Kind.SILENT, 12170: Kind.SILENT, 3113: Kind.SILENT, 30006: Kind.LOCKED,
    60: Kind.LOCKED, 20: Kind.FULL, 12516: Kind.FULL, 16000: Kind.READ_ONLY,
}  # fmt: skip
_SQL_SERVER: Final = {
    208: Kind.NO_TABLE, 207: Kind.NO_COLUMN, 229: Kind.DENIED, 230: Kind.DENIED, 18456: Kind.LOGIN,
    4060: Kind.NO_DATABASE, 1222: Kind.LOCKED, 1205: Kind.LOCKED, 3906: Kind.READ_ONLY,
}  # fmt: skip
_SQLITE: Final = (
    ("no such table", Kind.NO_TABLE), ("no such column", Kind.NO_COLUMN), ("has no column", Kind.NO_COLUMN),
    ("unable to open", Kind.NO_DATABASE), ("is locked", Kind.LOCKED), ("readonly", Kind.READ_ONLY),
)  # fmt: skip
_SILENCE: Final = re.compile(  # of drivers that have no number for it
    r"connection (to server .*failed|refused|timed? ?out|is bad|timeout expired|reset)|no answer within|"
    r"could not (connect|translate host)|server closed the connection|failed to resolve|timed out|closed unexpectedly|"
    r"DPY-(6005|4011|4024)",
    re.IGNORECASE,
)
_REFUSED: Final = re.compile(r'password authentication failed|no password supplied|role ".*" does not exist')
_STRANGE: Final = re.compile(r'invalid (connection option|port number|\S+ value: "|integer value ".*" for connection)')
_NO_DATABASE: Final = re.compile(r'database ".*" does not exist')


def kind_of(error: Exception) -> Kind | None:
    """What the error says is wrong; None for one that is not known."""
    if isinstance(error, TimeoutError):  # no connection of our own pool became free: each waits for an answer
        return Kind.SILENT
    if isinstance(error, NoSuchTableError):
        return Kind.NO_TABLE
    if isinstance(error, ArgumentError):
        return Kind.STRANGE_URL
    if not isinstance(error, DBAPIError) or error.orig is None:
        return None
    return _of_driver(error.orig)


def explain(error: Exception, table: str) -> str:
    """One line on what is wrong with the outbox in `table`, without any value; what is not known by its class."""
    if isinstance(error, NoSuchModuleError | ModuleNotFoundError):
        return _NO_DRIVER
    kind = kind_of(error)
    if kind is None:
        return describe(error)
    return kind.value.format(table=table, columns=_columns_in(error))


def in_general(error: Exception) -> str:
    """One line on what is wrong with a database, whichever it is, without any value: its class, and what can be said
    where it is about reaching the database at all."""
    if isinstance(error, NoSuchModuleError):
        return _NO_DRIVER
    kind = kind_of(error)
    if kind not in _OF_REACHING:
        return describe(error)
    return f"{_OF_REACHING[kind]} ({describe(error)}); `ei-relay config check --connect` tells more"


def _of_driver(original: BaseException) -> Kind | None:
    driver = type(original).__module__.partition(".")[0]
    first: Any = original.args[0] if original.args else None
    match driver:
        case "sqlite3":
            return next((kind for words, kind in _SQLITE if words in str(original)), None)
        case "pymysql" | "MySQLdb" | "mysql" | "mariadb":
            return _MYSQL.get(first) if isinstance(first, int) else None
        case "oracledb" | "cx_Oracle":
            return _ORACLE.get(getattr(first, "code", None) or 0) or _by_words(str(original))
        case "pyodbc":
            number = re.search(r"\((\d+)\) \(SQL", str(original))
            known = _SQL_SERVER.get(int(number[1])) if number else None
            return known or _STATES.get(str(first))
        case _:
            return _STATES.get(str(getattr(original, "sqlstate", None))) or _by_words(str(original))


def _by_words(text: str) -> Kind | None:
    """What libpq says of a connection that was never made, without a SQLSTATE."""
    if _STRANGE.search(text):
        return Kind.STRANGE_URL
    if _REFUSED.search(text):
        return Kind.LOGIN
    if _NO_DATABASE.search(text):
        return Kind.NO_DATABASE
    return Kind.SILENT if _SILENCE.search(text) else None


def _columns_in(error: Exception) -> str:
    """The outbox's columns that the error names: in its first line, for what follows may quote the statement."""
    original = getattr(error, "orig", None)
    line = (str(original).strip().splitlines() or [""])[0].lower()
    named = [name for name in COLUMNS if re.search(rf"(?<![a-z_]){name}(?![a-z_])", line)]
    return f"the column {', '.join(named)}" if named else "a column"
