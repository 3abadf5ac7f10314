"""Each refusal that a server can be brought to, from the server itself: what an operator is told of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

import psycopg
import pymysql
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import SQLAlchemyError

from relay.database import connect, reading
from relay.demo.postgres import Postgres
from relay.outbox.refusals import Kind
from relay.outbox.trouble import explain
from relay.sessions import Bounds
from tests import pgbouncer
from tests.mariadb import MariaDb, is_mysql
from tests.pgbouncer import PgBouncer
from tests.waiting import PATIENCE

_IMPATIENT = Bounds(connect=10, statement=10, lock=1)


def told(url: str, *statements: str) -> str:
    """What is said of the first statement that is refused, or of connecting."""
    engine = connect(url, bounds=_IMPATIENT)
    try:
        with reading(engine) as connection:
            for statement in statements or ("SELECT 1",):
                connection.execute(text(statement))
    except SQLAlchemyError as error:
        return explain(error, "ei_outbox")
    else:
        return "nothing was refused"
    finally:
        engine.dispose()


def is_told(said: str, kind: Kind, code: str = "") -> None:
    """The kind in its words, with the server's code where it gave one, and what to do."""
    assert said.startswith(kind.what.format(table="ei_outbox", columns="a column")), said
    assert said.endswith(f"; {kind.advice}"), said
    assert code in said


# --- PostgreSQL


@pytest.fixture(scope="module")
def guarded() -> Iterator[Postgres]:
    """A server whose door is guarded: by pg_hba.conf, by passwords, by roles."""
    with Postgres("fsync=off") as server, psycopg.connect(plain(server.url()), autocommit=True) as administrator:
        for statement in (
            "CREATE ROLE secret LOGIN PASSWORD 'right'", "CREATE ROLE outsider LOGIN", "CREATE ROLE nobody_logs_in",
            "CREATE ROLE busy LOGIN CONNECTION LIMIT 0", "CREATE DATABASE small CONNECTION LIMIT 0",
            "CREATE ROLE reader LOGIN", "CREATE DATABASE closed", "REVOKE CONNECT ON DATABASE closed FROM PUBLIC",
            "CREATE TABLE theirs (id int)",
        ):  # fmt: skip
            administrator.execute(statement)
        (file,) = administrator.execute("SHOW hba_file").fetchone() or ("",)
        rules = "host all secret all scram-sha-256\nhost all outsider all reject\n"
        Path(file).write_text(rules + Path(file).read_text())
        administrator.execute("SELECT pg_reload_conf()")
        yield server


def plain(url: str) -> str:
    return url.replace("+psycopg", "")


@pytest.mark.parametrize(
    ("user", "database", "statements", "kind", "code"),
    [
        ("secret:wrong", "postgres", [], Kind.LOGIN, ""),
        ("secret", "postgres", [], Kind.LOGIN, ""),
        ("unheard_of", "postgres", [], Kind.LOGIN, ""),
        ("outsider", "postgres", [], Kind.HOST, ""),
        ("nobody_logs_in", "postgres", [], Kind.HOST, ""),
        ("reader", "nowhere", [], Kind.NO_DATABASE, ""),
        ("busy", "postgres", [], Kind.FULL, ""),
        ("reader", "small", [], Kind.FULL, ""),
        ("reader", "closed", [], Kind.HOST, ""),
        ("reader", "postgres", ["SELECT * FROM theirs"], Kind.DENIED, "42501"),
        ("reader", "postgres", ["SET statement_timeout = 50", "SELECT pg_sleep(60)"], Kind.SLOW, "57014"),
        ("reader", "postgres", ["SET default_transaction_read_only = on", "CREATE TEMP TABLE a (b int)",
                                "BEGIN", "CREATE TABLE c (d int)"], Kind.READ_ONLY, "25006"),
        ("reader", "postgres", ["SELECT * FROM nowhere"], Kind.NO_TABLE, "42P01"),
        ("postgres", "postgres", ["SELECT pg_terminate_backend(pg_backend_pid())"], Kind.SILENT, ""),
        ("postgres", "postgres", ["SET temp_file_limit = 0", "SET work_mem = '64kB'",
                                  "SELECT count(*) FROM (SELECT i FROM generate_series(1, 200000) i ORDER BY -i) x"],
         Kind.DISK, "53400"),
        ("reader", "postgres?sslmode=require", [], Kind.TLS, ""),
    ],
)  # fmt: skip
def test_a_refusal_of_postgresql(
    guarded: Postgres, user: str, database: str, statements: Sequence[str], kind: Kind, code: str
) -> None:
    url = guarded.url(database).replace("postgres@", f"{user}@")
    is_told(told(url, *statements), kind, code)


def test_postgresql_that_stops_and_one_that_is_a_standby_for_nobody() -> None:
    with Postgres("fsync=off") as server:
        with psycopg.connect(plain(server.url()), autocommit=True) as held:
            (folder,) = held.execute("SHOW data_directory").fetchone() or ("",)
            held.execute("ALTER SYSTEM SET hot_standby = off")
            os.kill(int((Path(folder) / "postmaster.pid").read_text().split()[0]), signal.SIGTERM)  # ends when we do
            comes_to_be_told(server.url(), Kind.STARTING)
        server.stop()
        (Path(folder) / "standby.signal").touch()
        with pytest.raises(RuntimeError, match="did not start"):
            server.start(timeout=1)
        comes_to_be_told(server.url(), Kind.STARTING)


def comes_to_be_told(url: str, kind: Kind) -> None:
    deadline = time.monotonic() + PATIENCE
    while not (said := told(url)).startswith(kind.what) and time.monotonic() < deadline:
        time.sleep(0.1)
    is_told(said, kind)


@pytest.mark.skipif(pgbouncer.binary() is None, reason=pgbouncer.MISSING)
@pytest.mark.pgbouncer
def test_a_refusal_of_pgbouncer(postgres: Postgres, postgres_url: str) -> None:
    name = str(make_url(postgres_url).database)
    with PgBouncer(postgres.port, "session", ignores_options=False, more="max_client_conn = 1") as pooler:
        is_told(told(pooler.url("nowhere_at_all")), Kind.NO_DATABASE)
        with psycopg.connect(plain(pooler.url(name))):
            is_told(told(pooler.url(name)), Kind.FULL)
    more = "max_client_conn = 9\nquery_wait_timeout = 1\ndefault_pool_size = 1"
    pooler = PgBouncer(postgres.port, "session", ignores_options=False, more=more)
    with pooler, psycopg.connect(plain(pooler.url(name))) as first:
        first.execute("SELECT 1")
        is_told(told(pooler.url(name)), Kind.FULL)


# --- MariaDB, MySQL


@pytest.mark.mariadb
@pytest.mark.parametrize(
    ("made", "user", "kind", "code"),
    [
        ("CREATE USER {u} IDENTIFIED BY 'right'", "{u}:wrong", Kind.LOGIN, "1045"),
        ("CREATE USER {u}@'10.1.2.3'", "{u}", Kind.LOGIN, "1045"),
        ("CREATE USER {u}", "{u}", Kind.DENIED, "1044"),
        ("CREATE USER {u}; GRANT SELECT (id) ON {d}.theirs TO {u}", "{u}", Kind.DENIED, "114"),
        ("CREATE USER {u} IDENTIFIED BY 'x' PASSWORD EXPIRE; GRANT ALL ON {d}.* TO {u}", "{u}:x", Kind.EXPIRED, ""),
        ("CREATE USER {u} ACCOUNT LOCK", "{u}", Kind.EXPIRED, ""),
        ("CREATE USER {u} WITH MAX_QUERIES_PER_HOUR 1; GRANT ALL ON {d}.* TO {u}", "{u}", Kind.FULL, "1226"),
    ],
)
def test_a_refusal_of_an_account(
    mariadb: MariaDb, mariadb_url: str, made: str, user: str, kind: Kind, code: str
) -> None:
    database = str(make_url(mariadb_url).database)
    names = {"u": f"u_{database}", "d": database}
    with mariadb.administrator(database) as administrator:
        administrator.execute("CREATE TABLE theirs (id int, secret int)")
        for statement in made.format(**names).split("; "):
            administrator.execute(statement)
        try:
            url = mariadb.url(database).replace("admin@", f"{user.format(**names)}@")
            is_told(told(url, "SELECT id, secret FROM theirs"), kind, code)
        finally:
            host = "@'10.1.2.3'" if "10.1.2.3" in made else ""
            administrator.execute(f"DROP USER {names['u']}{host}")


@pytest.mark.mariadb
def test_a_server_that_is_read_only_and_one_that_is_full(mariadb: MariaDb, mariadb_url: str) -> None:
    database = str(make_url(mariadb_url).database)
    user = f"u_{database}"
    url = mariadb.url(database, user)
    with mariadb.administrator(database) as administrator, ExitStack() as held:
        administrator.execute("CREATE TABLE theirs (id int)")
        administrator.execute(f"CREATE USER {user}")
        administrator.execute(f"GRANT ALL ON {database}.* TO {user}")
        administrator.execute("SET GLOBAL read_only = ON")
        administrator.execute("SET GLOBAL max_connections = 10")
        try:
            is_told(told(url, "INSERT INTO theirs VALUES (1)"), Kind.READ_ONLY, "1290")
            with suppress(pymysql.OperationalError):
                for _ in range(20):
                    other = pymysql.connect(host="127.0.0.1", port=mariadb.port, user=user, database=database)
                    held.enter_context(other)
            is_told(told(url), Kind.FULL, "1040")
        finally:
            administrator.execute("SET GLOBAL read_only = OFF")
            administrator.execute("SET GLOBAL max_connections = 100")
            administrator.execute(f"DROP USER {user}")


@pytest.mark.mariadb
def test_a_refusal_of_a_statement(mariadb: MariaDb, mariadb_url: str) -> None:
    bound = "SET max_execution_time = 50" if is_mysql() else "SET max_statement_time = 0.05"
    many = ", ".join(f"information_schema.collations {name}" for name in "abcd")
    is_told(told(mariadb_url, bound, f"SELECT count(*) FROM {many} WHERE a.id + b.id + c.id + d.id < 0"), Kind.SLOW)
    is_told(told(mariadb_url, "SELECT * FROM nowhere"), Kind.NO_TABLE, "1146")
    is_told(told(mariadb_url, "KILL QUERY CONNECTION_ID()"), Kind.SLOW, "1317")
    is_told(told(mariadb.url("nowhere")), Kind.NO_DATABASE, "1049")
    with mariadb.administrator(str(make_url(mariadb_url).database)) as administrator:
        administrator.execute("CREATE TABLE held (id int PRIMARY KEY)")
        administrator.execute("INSERT INTO held VALUES (1)")
        administrator.execute("BEGIN")
        administrator.execute("DELETE FROM held")
        is_told(told(mariadb_url, "SELECT * FROM held FOR UPDATE"), Kind.LOCKED, "1205")
        administrator.execute("ROLLBACK")
