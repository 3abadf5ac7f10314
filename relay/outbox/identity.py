"""Which table an outbox really is, as its own database says: two addresses may lead to one server.

Told apart are server, database and table, never what the URL calls them. Where a database does not say it, nothing is
known and nothing is claimed.
"""

from __future__ import annotations

from hashlib import blake2b
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from relay.database import reading

_ASKED: Final = {
    "postgresql": "SELECT (SELECT system_identifier FROM pg_control_system()), d.oid, to_regclass(:name)::oid"
    " FROM pg_database d WHERE d.datname = current_database()",
    "mysql": "SELECT @@hostname, @@port, @@datadir, coalesce(:schema, database()), :plain",
    "mssql": "SELECT service_broker_guid, DB_ID(), OBJECT_ID(:name) FROM sys.databases WHERE database_id = DB_ID()",
    "oracle": "SELECT sys_context('USERENV', 'DB_UNIQUE_NAME'), sys_context('USERENV', 'CON_NAME'),"
    " coalesce(upper(:schema), sys_context('USERENV', 'CURRENT_SCHEMA')), upper(:plain) FROM dual",
}


def identity(engine: Engine, table_name: str) -> str | None:
    """32 hex digits that no other table has; None where the database does not say."""
    dialect = {"mariadb": "mysql"}.get(engine.dialect.name, engine.dialect.name)
    said = _file(engine.url.database, table_name) if dialect == "sqlite" else _asked(engine, dialect, table_name)
    if said is None or None in said:
        return None
    return blake2b(repr((dialect, *map(str, said))).encode(), digest_size=16).hexdigest()


def _asked(engine: Engine, dialect: str, table_name: str) -> tuple[Any, ...] | None:
    if dialect not in _ASKED:
        return None
    schema, _, plain = table_name.rpartition(".")
    question = text(_ASKED[dialect])
    given = {"name": table_name, "schema": schema or None, "plain": plain}
    try:
        with reading(engine) as connection:
            row = connection.execute(question, {k: v for k, v in given.items() if f":{k}" in question.text}).first()
    except SQLAlchemyError:
        return None
    return None if row is None else tuple(row)


def _file(path: str | None, table_name: str) -> tuple[Any, ...] | None:
    try:
        found = Path(path or "").stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, table_name.lower()
