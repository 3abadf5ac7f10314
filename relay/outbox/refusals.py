"""What the databases' own codes say is wrong: SQLSTATEs, and the numbers of MySQL, SQL Server and Oracle.

Pure. `Kind` is what an operator is told of it (docs/messages.md has it as a table): what is wrong, and what to do about
it, with whether it passes by itself.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final

from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchTableError, TimeoutError

from relay.drivers import driver_of, number_of_sql_server


class Kind(Enum):
    """What can be wrong: how it is said, of `{table}` and `{columns}`; and what to do."""

    NO_TABLE = (
        "the table {table} is not there",
        ("create it with `ei-relay outbox create`, or by hand as `ei-relay outbox ddl` shows, or set outbox_table"),
    )
    NO_COLUMN = "it lacks {columns}", "add it as `ei-relay outbox ddl` shows"
    DENIED = (
        "permission denied on {table}: the relay needs SELECT, and UPDATE of relayed_at, outcome and outcome_reason",
        "grant it the reader's role; on MySQL and MariaDB a role must be made the user's default role too",
    )
    LOGIN = "the database refuses the relay's user or password", "set the right ones in outbox_url"
    HOST = (
        "the database refuses this user from this host, or its way of logging in",
        "have an administrator let it in (PostgreSQL: pg_hba.conf, GRANT CONNECT; MySQL: the user's host and plugin)",
    )
    EXPIRED = "the password of the relay's user has expired, or the account is locked", "have an administrator renew it"
    NO_DATABASE = "the database that outbox_url names is not there", "set the right name in outbox_url"
    SILENT = "the database does not answer", "it is tried again by itself; if it stays, look at server and network"
    STARTING = "the database is starting, stopping or recovering", "it passes by itself"
    TLS = (
        "the encrypted connection to the database is refused: its certificate is not trusted, or one side wants no TLS",
        "give the certificate authority in outbox_url, or for SQL Server TrustServerCertificate=yes",
    )
    NO_LIBRARY = (
        "the ODBC driver that outbox_url names is not installed here, or it names none",
        "install it, or name it as in driver=ODBC+Driver+18+for+SQL+Server",
    )
    POOLER = (
        "the pooler before the database refuses the options that outbox_url asks for",
        "take `options` out of outbox_url, or set ignore_startup_parameters = options in PgBouncer",
    )
    SLOW = "the database took too long for a statement", "it is tried again by itself; look for locks and slow triggers"
    LOCKED = "a lock on {table} was not had in time", "it passes when whoever holds the lock lets it go"
    CONFLICT = "the database gave up the statement in favour of another one", "it is tried again by itself"
    FULL = "the database takes no more connections", "it passes when others go; else raise its limit or the user's"
    DISK = "the database has no room left on its disk or in its memory", "have an administrator make room"
    READ_ONLY = "the database is read-only", "it passes when it is the primary again; else let outbox_url name that one"
    BINLOG = (
        "the server's binlog_format is STATEMENT, which refuses the relay's isolation level",
        "set binlog_format = MIXED on the server, which is MariaDB's default",
    )
    STRANGE_URL = "the URL has something in it that the database's driver does not take", "see docs/configuration.md"
    UNREADABLE = "a value in {table} cannot be read as text", "correct the row; the others are read"
    UNWRITABLE = "a text cannot be written to {table} in its encoding", "plainer words are tried by themselves"
    TOO_LONG = (
        "a text does not fit into a column of {table}",
        "make it as wide as `ei-relay outbox ddl` says",
    )

    @property
    def what(self) -> str:
        """What is wrong."""
        return self.value[0]

    @property
    def advice(self) -> str:
        """What to do."""
        return self.value[1]


OF_ROWS: Final = frozenset({None, Kind.UNREADABLE, Kind.UNWRITABLE, Kind.TOO_LONG})  # maybe of a single row's making

_STATES: Final = {
    "42P01": Kind.NO_TABLE, "3F000": Kind.NO_TABLE, "42S02": Kind.NO_TABLE,
    "42703": Kind.NO_COLUMN, "42S22": Kind.NO_COLUMN,
    "42501": Kind.DENIED,
    "28P01": Kind.LOGIN, "28000": Kind.HOST,
    "3D000": Kind.NO_DATABASE,
    "57014": Kind.SLOW,
    "55P03": Kind.LOCKED, "40001": Kind.CONFLICT, "40P01": Kind.CONFLICT, "40003": Kind.CONFLICT,
    "53300": Kind.FULL,
    "53000": Kind.DISK, "53100": Kind.DISK, "53200": Kind.DISK, "53400": Kind.DISK, "58030": Kind.DISK,
    "25006": Kind.READ_ONLY,
    "57P01": Kind.SILENT, "57P02": Kind.SILENT, "57P05": Kind.SILENT, "25P03": Kind.SILENT,
    "57P03": Kind.STARTING,
    "HYT00": Kind.SILENT, "HYT01": Kind.SILENT, "08S01": Kind.SILENT, "08001": Kind.SILENT, "08004": Kind.NO_DATABASE,
    "08000": Kind.SILENT, "08003": Kind.SILENT, "08006": Kind.SILENT, "08007": Kind.SILENT, "01002": Kind.SILENT,
    "IM002": Kind.NO_LIBRARY, "IM003": Kind.NO_LIBRARY,
    "22021": Kind.UNREADABLE, "22P05": Kind.UNWRITABLE,
    "22001": Kind.TOO_LONG,
}  # fmt: skip
_MYSQL: Final = {
    1146: Kind.NO_TABLE, 1054: Kind.NO_COLUMN,
    1142: Kind.DENIED, 1143: Kind.DENIED, 1044: Kind.DENIED, 1227: Kind.DENIED, 1370: Kind.DENIED,
    1045: Kind.LOGIN, 1698: Kind.HOST, 1130: Kind.HOST, 1129: Kind.HOST, 1251: Kind.HOST, 3159: Kind.TLS,
    1049: Kind.NO_DATABASE,
    1820: Kind.EXPIRED, 1862: Kind.EXPIRED, 3118: Kind.EXPIRED, 4151: Kind.EXPIRED,
    2002: Kind.SILENT, 2003: Kind.SILENT, 2005: Kind.SILENT, 2006: Kind.SILENT, 2013: Kind.SILENT, 2014: Kind.SILENT,
    1053: Kind.STARTING, 1047: Kind.STARTING, 1927: Kind.SILENT, 1159: Kind.SILENT, 1161: Kind.SILENT,
    2026: Kind.TLS,
    1205: Kind.LOCKED, 1213: Kind.CONFLICT, 1020: Kind.CONFLICT, 1969: Kind.SLOW, 3024: Kind.SLOW, 1317: Kind.SLOW,
    1040: Kind.FULL, 1203: Kind.FULL, 1226: Kind.FULL,
    1021: Kind.DISK, 1114: Kind.DISK, 1041: Kind.DISK, 1206: Kind.DISK,
    1290: Kind.READ_ONLY, 1792: Kind.READ_ONLY, 1836: Kind.READ_ONLY, 4079: Kind.READ_ONLY,
    1665: Kind.BINLOG, 1598: Kind.BINLOG,
    1366: Kind.UNWRITABLE, 1406: Kind.TOO_LONG,
}  # fmt: skip
_ORACLE: Final = {
    942: Kind.NO_TABLE, 904: Kind.NO_COLUMN, 1031: Kind.DENIED, 41900: Kind.DENIED, 1017: Kind.LOGIN,
    1045: Kind.DENIED, 28000: Kind.EXPIRED, 28001: Kind.EXPIRED, 28002: Kind.EXPIRED,
    12514: Kind.NO_DATABASE, 12505: Kind.NO_DATABASE, 12541: Kind.SILENT, 12170: Kind.SILENT, 3113: Kind.SILENT,
    3114: Kind.SILENT, 3135: Kind.SILENT, 12537: Kind.SILENT, 12528: Kind.STARTING, 1033: Kind.STARTING,
    1034: Kind.STARTING, 1089: Kind.STARTING,
    30006: Kind.LOCKED, 54: Kind.LOCKED, 60: Kind.CONFLICT, 8177: Kind.CONFLICT, 1013: Kind.SLOW,
    18: Kind.FULL, 20: Kind.FULL, 12516: Kind.FULL, 12520: Kind.FULL, 2391: Kind.FULL,
    1653: Kind.DISK, 1654: Kind.DISK, 30036: Kind.DISK, 257: Kind.DISK, 4031: Kind.DISK,
    16000: Kind.READ_ONLY, 1552: Kind.READ_ONLY, 12899: Kind.TOO_LONG, 29275: Kind.UNREADABLE, 22835: Kind.UNREADABLE,
}  # fmt: skip
_SQL_SERVER: Final = {
    208: Kind.NO_TABLE, 207: Kind.NO_COLUMN, 229: Kind.DENIED, 230: Kind.DENIED, 916: Kind.DENIED,
    18456: Kind.LOGIN, 18452: Kind.HOST, 18487: Kind.EXPIRED, 18488: Kind.EXPIRED, 18486: Kind.EXPIRED,
    4060: Kind.NO_DATABASE, 911: Kind.NO_DATABASE, 4064: Kind.NO_DATABASE,
    1222: Kind.LOCKED, 1205: Kind.CONFLICT, 3960: Kind.CONFLICT,
    3906: Kind.READ_ONLY, 978: Kind.READ_ONLY, 979: Kind.READ_ONLY,
    1105: Kind.DISK, 9002: Kind.DISK, 701: Kind.DISK,
    10928: Kind.FULL, 10929: Kind.FULL, 17809: Kind.FULL, 40613: Kind.STARTING, 6005: Kind.STARTING, 922: Kind.STARTING,
    2628: Kind.TOO_LONG, 8152: Kind.TOO_LONG,
}  # fmt: skip
_SQLITE: Final = (
    ("no such table", Kind.NO_TABLE), ("no such column", Kind.NO_COLUMN), ("has no column", Kind.NO_COLUMN),
    ("unable to open", Kind.NO_DATABASE), ("is locked", Kind.LOCKED), ("readonly", Kind.READ_ONLY),
    ("disk is full", Kind.DISK),
)  # fmt: skip
_WORDS: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), kind)
    for pattern, kind in (  # what drivers say without a code, the narrowest first
        (r"unsupported startup parameter", Kind.POOLER),
        (r'invalid (connection option|port number|\S+ value: "|integer value ".*" for connection)', Kind.STRANGE_URL),
        (r"no pg_hba.conf entry|pg_hba.conf rejects|Peer authentication failed|Ident authentication failed|"
         r"is not permitted to log in|permission denied for database", Kind.HOST),
        (r'password authentication failed|no password supplied|role ".*" does not exist|Login failed|no such user|'
         r"SASL authentication failed|auth failed|DPY-4001", Kind.LOGIN),
        (r'database ".*" does not exist|no such database|Cannot open database', Kind.NO_DATABASE),
        (r"too many (clients|connections)|connection slots are reserved|no more connections allowed|"
         r"client_login_timeout|query_wait_timeout", Kind.FULL),
        (r"(is|are) (starting up|shutting down|in recovery mode)|not (yet )?accepting connections|pooler is shut down",
         Kind.STARTING),
        (r"session is read-only|cannot execute .* in a read-only transaction", Kind.READ_ONLY),
        (r"certificate|SSL (error|connection is required|Provider)|does not support SSL|SSL required|encryption",
         Kind.TLS),
        (r"Can't open lib|Data source name not found", Kind.NO_LIBRARY),
        (r"Invalid object name", Kind.NO_TABLE),
        (r"Invalid column name", Kind.NO_COLUMN),
        (r"permission was denied", Kind.DENIED),
        (r"Query timeout expired|canceling statement due to statement timeout", Kind.SLOW),
        (r"Lock request time out", Kind.LOCKED),
        (r"deadlock", Kind.CONFLICT),
        (r"DPY-4024", Kind.SLOW),
        (r"connection (to server .*failed|refused|timed? ?out|is bad|timeout expired|reset|is lost|is closed|has been)|"
         r"no answer within|could not (connect|translate host)|server closed the connection|failed to resolve|"
         r"timed out|closed unexpectedly|Communication link failure|Login timeout expired|TCP Provider|"
         r"the connection is closed|Unable to (connect|complete login)|DPY-(6005|6000|6001|6003|4011|1001)",
         Kind.SILENT),
    )
)  # fmt: skip


def codes_of(kind: Kind) -> str:
    """The codes that mean it, by the kinds of databases."""
    families = (
        ("SQLSTATE", "", _STATES), ("MySQL", "", _MYSQL), ("SQL Server", "", _SQL_SERVER), ("", "ORA-", _ORACLE),
    )  # fmt: skip
    told = []
    for name, prefix, table in families:
        codes = [f"{prefix}{code:05}" if prefix else str(code) for code, meant in table.items() if meant is kind]
        told += [f"{name} {', '.join(codes)}".strip()] if codes else []
    return "; ".join(told)


def original_of(error: BaseException) -> BaseException:
    """The driver's own error, where there is one."""
    return error.orig if isinstance(error, DBAPIError) and error.orig is not None else error


def kind_of(error: BaseException) -> Kind | None:
    """What the error says is wrong; None for one that is not known."""
    if isinstance(error, TimeoutError):  # no connection of our own pool became free: each waits for an answer
        return Kind.SILENT
    if isinstance(error, NoSuchTableError):
        return Kind.NO_TABLE
    if isinstance(error, ArgumentError):
        return Kind.STRANGE_URL
    original = original_of(error)
    if isinstance(original, UnicodeDecodeError):
        return Kind.UNREADABLE
    if isinstance(original, UnicodeEncodeError):
        return Kind.UNWRITABLE
    if isinstance(error, DBAPIError) or driver_of(original):
        kind = _of_driver(original)
        lost = kind in OF_ROWS and isinstance(error, DBAPIError) and error.connection_invalidated
        return Kind.SILENT if lost else kind
    return None


def _of_driver(original: BaseException) -> Kind | None:
    first: Any = original.args[0] if original.args else None
    match driver_of(original):
        case "sqlite3":
            return next((kind for words, kind in _SQLITE if words in str(original)), None)
        case "pymysql" | "MySQLdb" | "mysql" | "mariadb":
            return _MYSQL.get(first) if isinstance(first, int) else _by_words(str(original))
        case "oracledb" | "cx_Oracle":
            return _ORACLE.get(getattr(first, "code", None) or 0) or _by_words(str(original))
        case "pyodbc":  # its state is as rough as 08001 and 01000; the words tell more
            known = _SQL_SERVER.get(number_of_sql_server(original) or 0)
            return known or _by_words(str(original)) or _STATES.get(str(first))
        case "pymssql":
            return _SQL_SERVER.get(first if isinstance(first, int) else 0) or _by_words(str(original))
        case _:
            return _STATES.get(str(getattr(original, "sqlstate", None))) or _by_words(str(original))


def _by_words(text: str) -> Kind | None:
    return next((kind for words, kind in _WORDS if words.search(text)), None)
