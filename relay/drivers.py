"""What a database driver's error says for itself: whose it is, and the database's own code. Pure; quotes no value."""

from __future__ import annotations

import re
from typing import Any, Final

DRIVERS: Final = frozenset({
    "psycopg", "psycopg2", "sqlite3", "pymysql", "MySQLdb", "mysql", "mariadb", "oracledb", "cx_Oracle", "pyodbc",
    "mssql_python", "pymssql",
})  # fmt: skip


def driver_of(error: BaseException) -> str:
    """The driver that raised the error; "" where none did."""
    package = type(error).__module__.partition(".")[0]
    return package if package in DRIVERS else ""


def code_of(error: BaseException) -> str:
    """The database's code for the error, in words; "" where the driver gives none."""
    first: Any = error.args[0] if error.args else None
    match driver_of(error):
        case "pymysql" | "MySQLdb" | "mysql" | "mariadb" | "pymssql":
            return f"error {first}" if isinstance(first, int) else ""
        case "oracledb" | "cx_Oracle":
            return str(getattr(first, "full_code", None) or "")
        case "pyodbc":
            number = number_of_sql_server(error)
            state = f"SQLSTATE {first}" if re.fullmatch(r"[0-9A-Z]{5}", str(first)) else ""
            return ", ".join(part for part in (f"error {number}" if number else "", state) if part)
        case _:
            known = getattr(error, "sqlstate", None)
            return f"SQLSTATE {known}" if known else ""


def number_of_sql_server(error: BaseException) -> int | None:
    """SQL Server's number, which ODBC has in its text only."""
    number = re.search(r"\((\d+)\) \(SQL", str(error))
    return int(number[1]) if number else None
