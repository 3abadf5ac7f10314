"""The trigger that notifies of new rows, and who hears it, on a real server and behind a real pooler."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import Engine, text

from relay.database import connect
from relay.outbox.ddl import create, ddl
from relay.outbox.wakeup import CHANNEL, PoolerBetweenError, listening
from tests import pgbouncer
from tests.pgbouncer import PgBouncer
from tests.waiting import PATIENCE

ROW = "INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', 'b-1')"
FAR, SOON = float(PATIENCE), 0.3


@pytest.fixture
def dialect() -> str:
    return "postgresql"


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A database with an outbox that notifies of new rows."""
    engine = connect(database_url)
    create(engine, wake_up=True)
    yield engine
    engine.dispose()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_committed_row_is_heard_of_and_the_relays_own_marks_are_not(engine: Engine, database_url: str) -> None:
    with listening(database_url) as ears:
        run(engine, ROW)
        assert ears.notified(FAR)
        run(engine, "UPDATE ei_outbox SET outcome = 'taken'")
        assert not ears.notified(SOON)


def test_a_transaction_is_heard_of_once_and_one_that_is_rolled_back_never(engine: Engine, database_url: str) -> None:
    with listening(database_url) as ears:
        run(engine, *[ROW] * 20)
        assert ears.notified(FAR)
        assert not ears.notified(SOON)
        with engine.connect() as connection:
            connection.execute(text(ROW))
            connection.rollback()
        assert not ears.notified(SOON)


def test_whoever_listens_knows_which_tables_tell(engine: Engine, database_url: str) -> None:
    create(engine, "ei_outbox_2")
    with listening(database_url) as ears:
        assert ears.have_trigger(["ei_outbox", "ei_outbox_2", "ei_outbox_3"]) == [True, False, False]
        run(engine, "ALTER TABLE ei_outbox DISABLE TRIGGER ei_outbox_wake_up")
        assert ears.have_trigger(["ei_outbox"]) == [False]


def test_the_trigger_is_added_to_a_table_that_is_there_and_only_once(engine: Engine, database_url: str) -> None:
    create(engine, "ei_outbox_2")
    for _ in range(2):
        assert not create(engine, "ei_outbox_2", wake_up=True)
    with listening(database_url) as ears:
        assert ears.have_trigger(["ei_outbox_2"]) == [True]


def test_the_printed_sql_runs_for_a_table_in_a_schema(postgres_url: str) -> None:
    engine = connect(postgres_url)
    run(engine, "CREATE SCHEMA booking")
    printed = ddl("postgresql", "booking.ei_outbox", wake_up=True)
    kept = [line for line in printed.splitlines() if not line.startswith(("CREATE ROLE", "GRANT"))]  # the server's
    with engine.begin() as connection:
        connection.exec_driver_sql("\n".join(kept).replace("%", "%%"))
    with listening(postgres_url) as ears:
        assert ears.have_trigger(["booking.ei_outbox"]) == [True]
        run(engine, ROW.replace("ei_outbox", "booking.ei_outbox"))
        assert ears.notified(FAR)
    engine.dispose()


def test_without_the_option_nothing_of_it_is_printed() -> None:
    assert "TRIGGER" not in ddl("postgresql")
    assert f"NOTIFY {CHANNEL}" in ddl("postgresql", wake_up=True)


def test_a_writer_that_has_the_right_to_insert_alone_needs_no_other(engine: Engine, database_url: str) -> None:
    role = "writer_" + database_url.rpartition("_")[2]
    run(engine, f"CREATE ROLE {role}", f"GRANT INSERT ON ei_outbox TO {role}")
    try:
        with listening(database_url) as ears:
            run(engine, f"SET LOCAL ROLE {role}", ROW)
            assert ears.notified(FAR)
    finally:
        run(engine, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_connection_that_the_server_ends_is_told_apart_from_silence(engine: Engine, database_url: str) -> None:
    ask = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with listening(database_url) as ears:
        killer = threading.Timer(0.2, run, [engine, ask])
        killer.start()
        with pytest.raises(psycopg.OperationalError):
            ears.notified(FAR)
        killer.join()


@pytest.mark.skipif(pgbouncer.binary() is None, reason=pgbouncer.MISSING)
@pytest.mark.parametrize("mode", ["transaction", "session"])
def test_through_a_pooler_nobody_listens(engine: Engine, database_url: str, mode: str) -> None:
    name = database_url.rpartition("/")[2]
    port = engine.url.port or 0
    with (
        PgBouncer(port, mode, ignores_options=False) as pooler,
        pytest.raises(PoolerBetweenError),
        listening(pooler.url(name)),
    ):
        pass
