"""Least privilege: each role that the DDL makes can do its work and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from relay.database import connect
from relay.outbox.ddl import CLEANER, READER, WRITER, ddl
from relay.outbox.inspect import look
from relay.outbox.reader import OutboxReader, Settled
from relay.outbox.table import OUTCOME_COLUMNS, outbox_table
from tests.mariadb import MariaDb, default_role, is_mysql
from tests.outbox.conftest import SERVERS
from tests.outbox.written import AT, RIGHT, outcomes, put, script

As = Callable[[str], Engine]

EACH = pytest.mark.parametrize("dialect", SERVERS, indirect=True)

_THEIRS = [column.name for column in outbox_table().columns if column.name not in OUTCOME_COLUMNS]
_INSERT = "INSERT INTO ei_outbox (operation, booking_id) VALUES ('upsert', 'b-1')"
_OLD = {"postgresql": "now() - interval '90 days'", "mariadb": "now() - interval 90 day"}
_DENIED = ("42501", 1142, 1143, 1044, 1227)  # PostgreSQL's SQLSTATE; MySQL's: table, column, database, privilege


@pytest.fixture
def owner(dialect: str, database_url: str) -> Iterator[Engine]:
    """A database where the DDL was run as it is printed, by whoever owns it."""
    engine = connect(database_url)
    script(engine, ddl({"mariadb": "mysql"}.get(dialect, dialect)))
    yield engine
    with engine.begin() as connection:
        if dialect == "postgresql":
            connection.exec_driver_sql(f"DROP OWNED BY {WRITER}, {READER}, {CLEANER}")
        connection.exec_driver_sql(f"DROP ROLE {WRITER}, {READER}, {CLEANER}")
    engine.dispose()


@pytest.fixture
def engine_as(owner: Engine, dialect: str, request: pytest.FixtureRequest) -> Iterator[As]:
    """Makes an account that has one of the roles and nothing else, and an engine that logs in as it."""
    opened: list[Engine] = []

    def log_in(role: str) -> Engine:
        name = f"{role}_account"
        with owner.begin() as connection:
            if dialect == "postgresql":
                connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN IN ROLE {role}")
            else:
                connection.exec_driver_sql(f"CREATE USER {name}@localhost IDENTIFIED BY 'x'")
                connection.exec_driver_sql(f"GRANT {role} TO {name}@localhost")
                connection.exec_driver_sql(default_role(role, f"{name}@localhost"))
        if dialect == "postgresql":
            url = owner.url.set(username=name).render_as_string(hide_password=False)
        else:
            server: MariaDb = request.getfixturevalue("mariadb")
            url = server.url(str(owner.url.database), name, "x")
        opened.append(connect(url))
        return opened[-1]

    yield log_in
    for engine in opened:
        engine.dispose()
        with owner.begin() as connection:
            account = engine.url.username
            connection.exec_driver_sql(
                f"DROP ROLE {account}" if dialect == "postgresql" else f"DROP USER {account}@localhost"
            )


def refused(engine: Engine, *statements: str) -> None:
    """Each of them is refused, for want of a privilege and nothing else."""
    for statement in statements:
        with pytest.raises(DBAPIError) as error, engine.begin() as connection:
            connection.execute(text(statement))
        cause = error.value.orig
        assert getattr(cause, "sqlstate", None) in _DENIED or cause.args[0] in _DENIED, statement  # type: ignore[union-attr]


@pytest.mark.parametrize("dialect", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
def test_a_role_that_is_not_active_is_told_as_that(owner: Engine, mariadb: MariaDb) -> None:
    """On MariaDB and MySQL, granting it is not enough."""
    with owner.begin() as connection:
        connection.exec_driver_sql("CREATE USER idle@localhost IDENTIFIED BY 'x'")
        connection.exec_driver_sql(f"GRANT {READER} TO idle@localhost")
    idle = connect(mariadb.url(str(owner.url.database), "idle", "x"))
    (said,) = look(idle, "ei_outbox").troubles
    idle.dispose()
    with owner.begin() as connection:
        connection.exec_driver_sql("DROP USER idle@localhost")
    assert "(error 1044)" in said
    assert "a role must be made the user's default role" in said


@pytest.mark.parametrize("dialect", [pytest.param("mariadb", marks=pytest.mark.mariadb)], indirect=True)
def test_a_second_outbox_on_the_server_is_made_with_its_grants(owner: Engine) -> None:
    script(owner, ddl("mysql", "another_outbox"))
    with owner.connect() as connection:
        grants = connection.exec_driver_sql(f"SHOW GRANTS FOR {WRITER}").scalars().all()
    assert any("another_outbox" in grant for grant in grants)


@EACH
def test_the_writer_may_insert_and_nothing_else(engine_as: As, owner: Engine) -> None:
    writer = engine_as(WRITER)
    with writer.begin() as connection:
        connection.execute(text(_INSERT))
        connection.execute(text(_INSERT))
    assert outcomes(owner) == {1: (None, None), 2: (None, None)}
    refused(
        writer,
        "SELECT id FROM ei_outbox",
        *([] if owner.dialect.name == "mysql" and is_mysql() else [_INSERT + " RETURNING id"]),
        "UPDATE ei_outbox SET outcome = 'taken'",
        "DELETE FROM ei_outbox",
        "TRUNCATE TABLE ei_outbox",
        "ALTER TABLE ei_outbox ADD extra int",
    )


@EACH
def test_the_reader_may_do_all_that_the_relay_does_and_nothing_else(engine_as: As, owner: Engine) -> None:
    id = put(owner, **RIGHT)
    reader = engine_as(READER)

    relay = OutboxReader(reader)
    assert relay.backlog()[0] == 1
    assert [row.id for row in relay.unread(10)] == [id]
    relay.settle([Settled(id, "rejected", "why")], AT)

    assert outcomes(owner) == {id: ("rejected", "why")}
    refused(
        reader,
        *(f"UPDATE ei_outbox SET {column} = NULL" for column in _THEIRS),
        _INSERT,
        "DELETE FROM ei_outbox",
        "TRUNCATE TABLE ei_outbox",
    )


@EACH
def test_the_cleaner_may_delete_and_see_only_what_became_of_rows(engine_as: As, owner: Engine, dialect: str) -> None:
    old, new = put(owner, **RIGHT), put(owner, **RIGHT)
    with owner.begin() as connection:
        connection.execute(text("UPDATE ei_outbox SET outcome = 'taken', relayed_at = '2020-01-01' WHERE id = 1"))
    cleaner = engine_as(CLEANER)

    with cleaner.begin() as connection:
        settled = f"outcome IS NOT NULL AND relayed_at < {_OLD[dialect]}"
        assert connection.execute(text(f"DELETE FROM ei_outbox WHERE {settled}")).rowcount == 1

    assert (old, outcomes(cleaner)) == (1, {new: (None, None)})
    refused(
        cleaner,
        *(f"SELECT {column} FROM ei_outbox" for column in _THEIRS if column != "id"),
        "UPDATE ei_outbox SET outcome = 'taken'",
        _INSERT,
        "TRUNCATE TABLE ei_outbox",
    )
