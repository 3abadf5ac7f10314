"""What a connection to SQL Server or Oracle is told. They cannot be had here, so it is told to one that notes it."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine, make_url

from relay.database import connect
from relay.sessions import Bounds, bound, connect_args

BOUNDS = Bounds(connect=3, statement=20, lock=4)


class _Connection:
    """A driver's connection."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def cursor(self) -> _Connection:
        return self

    def execute(self, sql: str) -> None:
        self.said.append(sql)

    def close(self) -> None:
        """Nothing to be closed."""


def told(dialect: str, driver: str) -> Any:
    """A connection of that kind, as it is handed to whoever works with it."""
    engine = create_engine("sqlite://")
    engine.dialect.name, engine.dialect.driver = dialect, driver
    before = list(engine.pool.dispatch.connect)
    bound(engine, BOUNDS)
    (prepare,) = (each for each in engine.pool.dispatch.connect if each not in before)
    raw: Any = _Connection()
    prepare(raw, None)  # type: ignore[arg-type]
    return raw


def test_oracle_s_clock_is_utc_and_every_answer_has_a_bound() -> None:
    """O1. Its driver hands times over without their zone, and makes the session's zone the host's."""
    raw = told("oracle", "oracledb")
    assert "ALTER SESSION SET TIME_ZONE = '+00:00'" in raw.said
    assert raw.call_timeout == 25_000
    assert connect_args(make_url("oracle+oracledb://x"), BOUNDS) == {"tcp_connect_timeout": 3}


@pytest.mark.parametrize("driver", ["pyodbc", "mssqlpython"])
def test_sql_server_s_statements_and_locks_have_a_bound(driver: str) -> None:
    """S5."""
    raw = told("mssql", driver)
    assert raw.said == ["SET LOCK_TIMEOUT 4000"]
    assert raw.timeout == 20
    assert connect_args(make_url(f"mssql+{driver}://x"), BOUNDS) == {"timeout": 3}


def test_pymssql_s_time_out_is_that_of_a_statement() -> None:
    """S5. And what it calls the log-in's would be a minute."""
    assert told("mssql", "pymssql").said == ["SET LOCK_TIMEOUT 4000"]
    assert connect_args(make_url("mssql+pymssql://x"), BOUNDS) == {"login_timeout": 3, "timeout": 25}


def test_a_connection_to_sql_server_is_asked_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """S1. Its drivers go to the server before the first statement does, and the pool does not hear what they raise
    then: a connection that was cut would be handed out again for half an hour."""
    driver = ModuleType("pyodbc")
    driver.__dict__.update(version="5.2.0", paramstyle="qmark", Error=Exception, Cursor=_Connection)
    monkeypatch.setitem(sys.modules, "pyodbc", driver)
    pool: Any = connect("mssql+pyodbc://reader@host/booking?driver=x").pool
    assert pool._pre_ping is True
