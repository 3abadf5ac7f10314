"""What is wrong with an outbox, said in one line, by databases that really have the trouble."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError, TimeoutError

from relay.database import connect
from relay.outbox.ddl import create
from relay.outbox.reader import OutboxReader, Settled
from relay.outbox.refusals import Kind
from relay.outbox.trouble import explain
from relay.sessions import Bounds
from tests.made import RESIDENT
from tests.outbox.conftest import SERVERS
from tests.outbox.written import AT, put

_NO_LIBRARY = "the ODBC driver that outbox_url names is not installed here, or it names none"
_EXPIRED = "the password of the relay's user has expired, or the account is locked"

Step = Callable[[OutboxReader], object]


def said(engine: Engine, step: Step = lambda reader: reader.unread(10)) -> str:
    """How the trouble of the step is explained, without its code and what to do."""
    with pytest.raises(SQLAlchemyError) as error:
        step(OutboxReader(engine))
    return in_short(explain(error.value, "ei_outbox"))


def in_short(text: str) -> str:
    what, separator, advice = text.partition("; ")
    assert separator, "what to do is said"
    assert advice
    return re.sub(r" \((SQLSTATE|error|ORA|DPY)[^)]*\)$", "", what)


@pytest.mark.parametrize(
    "url",
    [
        "mysql+pymysql://reader@127.0.0.1:9/booking?nonsense=1",  # a TypeError, as if the program were wrong
        "postgresql+psycopg://reader@127.0.0.1:9/booking?nonsense=1",
        "postgresql+psycopg://reader@127.0.0.1:9/booking?sslmode=nonsense",
        "postgresql+psycopg://reader@127.0.0.1:99999/booking",
    ],
)
def test_a_url_with_what_its_driver_does_not_know(url: str) -> None:
    """Whatever the driver calls it, the other sources must not suffer for it."""
    assert said(connect(url)) == "the URL has something in it that the database's driver does not take"


def test_a_table_that_is_not_there(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE ei_outbox"))
    assert said(engine) == "the table ei_outbox is not there"


@pytest.mark.parametrize("column", ["valid_until", "presentable", "created_at"])
def test_a_column_that_is_not_there(engine: Engine, column: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE ei_outbox DROP COLUMN {column}"))
    assert said(engine) == f"it lacks the column {column}"


def test_a_column_of_ours_that_is_not_there(engine: Engine) -> None:
    id = put(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ei_outbox DROP COLUMN outcome_reason"))
    trouble = said(engine, lambda reader: reader.settle([Settled(id, "rejected", RESIDENT)], AT))
    assert trouble == "it lacks the column outcome_reason"


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_database_that_is_not_there(engine: Engine) -> None:
    elsewhere = connect(engine.url.set(database="nowhere").render_as_string(hide_password=False))
    assert said(elsewhere) == "the database that outbox_url names is not there"


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_user_that_is_not_known(engine: Engine) -> None:
    stranger = connect(engine.url.set(username="stranger", password=RESIDENT).render_as_string(hide_password=False))
    assert said(stranger) == "the database refuses the relay's user or password"


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_server_that_is_down(engine: Engine) -> None:
    nobody = connect(engine.url.set(port=1).render_as_string(hide_password=False))
    assert said(nobody) == "the database does not answer"


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_table_that_somebody_else_has_locked(engine: Engine) -> None:
    id = put(engine)
    impatient = connect(engine.url.render_as_string(hide_password=False), bounds=Bounds(lock=1))
    with engine.begin() as other:
        other.execute(
            text("LOCK TABLE ei_outbox" if engine.dialect.name == "postgresql" else "LOCK TABLES ei_outbox WRITE")
        )
        trouble = said(impatient, lambda reader: reader.settle([Settled(id, "taken", None)], AT))
    impatient.dispose()
    assert trouble == "a lock on ei_outbox was not had in time"


def test_a_pool_that_waits_for_answers() -> None:
    assert in_short(explain(TimeoutError("QueuePool limit"), "ei_outbox")) == "the database does not answer"


@pytest.mark.parametrize(
    ("module", "arguments", "expected"),
    [
        ("pyodbc", ("42S22", "[42S22] [Microsoft]Invalid column name 'valid_until'. (207) (SQLExecDirectW)"),
         "it lacks the column valid_until"),
        ("pyodbc", ("42S02", "[42S02] Invalid object name 'ei_outbox'. (208) (SQLExecDirectW)"),
         "the table ei_outbox is not there"),
        ("pyodbc", ("28000", "[28000] Login failed for user 'x'. (18456) (SQLDriverConnect)"),
         "the database refuses the relay's user or password"),
        ("oracledb", ('ORA-00904: "EI_OUTBOX"."VALID_UNTIL": invalid identifier',), "it lacks the column valid_until"),
        ("pyodbc", ("08001", "[08001] [Microsoft]SSL Provider: certificate verify failed"),
         Kind.TLS.what),
        ("pyodbc", ("01000", "[01000] [unixODBC][Driver Manager]Can't open lib 'ODBC Driver 18'"), _NO_LIBRARY),
        ("pyodbc", ("IM002", "[IM002] Data source name not found and no default driver specified"), _NO_LIBRARY),
        ("pyodbc", ("HYT00", "[HYT00] [Microsoft]Query timeout expired (0) (SQLExecDirectW)"),
         "the database took too long for a statement"),
        ("pyodbc", ("HYT00", "[HYT00] [Microsoft]Login timeout expired (0) (SQLDriverConnect)"),
         "the database does not answer"),
        ("pyodbc", ("42000", "[42000] Lock request time out period exceeded. (1222) (SQLExecDirectW)"),
         "a lock on ei_outbox was not had in time"),
        ("mssql_python.exceptions", ("Driver Error: x; DDBC Error: [SQL Server]Login failed for user 'x'.",),
         "the database refuses the relay's user or password"),
        ("mssql_python.exceptions", ("Driver Error: Communication link failure; DDBC Error: TCP Provider",),
         "the database does not answer"),
        ("pymysql.err", (1665, "Cannot execute statement"),
         "the server's binlog_format is STATEMENT, which refuses the relay's isolation level"),
        ("pymysql.err", (1820, "You must SET PASSWORD"), _EXPIRED),
        ("pymysql.err", (4151, "Access denied, this account is locked"), _EXPIRED),
        ("pymysql.err", (1203, "too many"), "the database takes no more connections"),
        ("pymysql.err", (1290, "read-only"), "the database is read-only"),
        ("oracledb", ("DPY-6005: cannot connect to database",), "the database does not answer"),
    ],
)  # fmt: skip
def test_the_errors_of_databases_that_cannot_be_had(module: str, arguments: tuple[object, ...], expected: str) -> None:
    """As their manuals give them; made here, for their drivers are not."""
    original = type("Error", (Exception,), {"__module__": module})(*arguments)
    if module == "oracledb":
        original = type("Error", (Exception,), {"__module__": module})(_OracleError(str(arguments[0])))
    assert in_short(explain(DBAPIError("SELECT", None, original), "ei_outbox")) == expected


class _OracleError:
    """What oracledb puts first into its exceptions' arguments."""

    def __init__(self, message: str) -> None:
        self.message = message
        self.code = int(message[4:9]) if message.startswith("ORA-") else 0

    def __str__(self) -> str:
        return self.message


def test_what_is_not_known_is_told_by_its_class_without_its_text() -> None:
    original = type("Strange", (Exception,), {})(f"value {RESIDENT}")
    assert explain(DBAPIError("SELECT", None, original), "ei_outbox") == "Strange"


def test_a_server_that_takes_no_more_connections_or_is_read_only(postgres_url: str) -> None:
    engine = connect(postgres_url)
    create(engine)
    name = engine.url.database
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE crowded LOGIN CONNECTION LIMIT 0"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    crowded = connect(engine.url.set(username="crowded").render_as_string(hide_password=False))
    said_to_one_more = said(crowded)
    engine.dispose()
    mark = said(engine, lambda reader: reader.settle([Settled(1, "taken", None)], AT))
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = off"))
        connection.commit()
        connection.execute(text("DROP ROLE crowded"))
        connection.commit()
    engine.dispose()
    assert said_to_one_more == "the database takes no more connections"
    assert mark == "the database is read-only"


def test_the_table_of_messages_is_that_of_the_code() -> None:
    page = (Path(__file__).parents[2] / "docs" / "messages.md").read_text(encoding="utf-8")
    for kind in Kind:
        assert f"| {kind.what.format(table='ei_outbox', columns='the column …')} | {kind.advice} |" in page, kind
