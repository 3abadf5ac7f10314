"""A real PgBouncer before the outbox and before the relay's own database, in both of its modes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url, text
from sqlalchemy.exc import OperationalError

from relay.database import connect, reading
from relay.demo.postgres import Postgres
from relay.outbox.ddl import create
from relay.outbox.trouble import explain
from relay.store.migrate import upgrade
from tests.outbox.contract.site import LATER, relay_of, take_all, trouble
from tests.outbox.written import outcomes, put
from tests.pgbouncer import MISSING, PgBouncer, binary

pytestmark = pytest.mark.pgbouncer


@pytest.fixture(params=["transaction, refuses", "transaction, ignores", "session, refuses", "session, ignores"])
def pooler(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[PgBouncer]:
    if binary() is None:
        pytest.skip(MISSING)
    mode, _, options = str(request.param).partition(", ")
    with PgBouncer(postgres.port, mode, ignores_options=options == "ignores") as server:
        yield server


@pytest.fixture
def strange_url(postgres: Postgres, postgres_url: str) -> str:
    """A database whose sessions write dates in a way of their own, in another zone."""
    name = make_url(postgres_url).database
    with psycopg.connect(postgres.url().replace("+psycopg", ""), autocommit=True) as administrator:
        administrator.execute(f"ALTER DATABASE {name} SET DateStyle = 'SQL, DMY'")
        administrator.execute(f"ALTER DATABASE {name} SET TimeZone = 'Asia/Tokyo'")
    return postgres_url


def test_rows_go_through_it_as_well_as_past_it(pooler: PgBouncer, strange_url: str, tmp_path: Path) -> None:
    name = str(make_url(strange_url).database)
    through = connect(pooler.url(name), pool_size=1)
    create(through)
    with through.begin() as connection:
        for n in range(300):
            put(connection, **LATER | {"booking_id": f"b-{n}", "starts_at": "2098-12-24 10:30:00"})
    through.dispose()
    relay = relay_of(through, tmp_path, pooler.url(name), outbox_table="ei_outbox")

    assert take_all(relay) == 300
    for _ in range(20):  # more than it takes for a driver to prepare a statement
        put(relay.store.engine, **LATER)
        assert take_all(relay) == 1

    assert Counter(outcomes(relay.store.engine).values()) == {("taken", None): 320}
    assert trouble(relay) is None
    with relay.store.engine.connect() as connection:
        assert connection.execute(text("SELECT DISTINCT starts_at FROM ei_booking")).scalars().all() != []
    relay.close()


def test_a_transaction_has_its_bounds_through_it(pooler: PgBouncer, postgres_url: str) -> None:
    engine = connect(pooler.url(str(make_url(postgres_url).database)))
    for _ in range(3):
        with engine.begin() as connection:
            said = {name: connection.scalar(text(f"SHOW {name}")) for name in ("statement_timeout", "jit", "TimeZone")}
        assert said == {"statement_timeout": "30s", "jit": "off", "TimeZone": "UTC"}
    engine.dispose()


def test_what_is_told_a_transaction_is_left_to_nobody_else(pooler: PgBouncer, postgres_url: str) -> None:
    name = str(make_url(postgres_url).database)
    engine = connect(pooler.url(name))
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    engine.dispose()
    with psycopg.connect(pooler.url(name).replace("+psycopg", "")) as other:
        (seen,) = other.execute("SHOW statement_timeout").fetchone() or ("",)
    assert seen == "0"


@pytest.mark.parametrize("pooler", ["transaction, refuses", "session, refuses"], indirect=True)
def test_options_of_the_url_s_own_are_not_dropped_silently(pooler: PgBouncer, postgres_url: str) -> None:
    url = f"{pooler.url(str(make_url(postgres_url).database))}?options=-csearch_path%3Drelay"
    engine = connect(url)
    with pytest.raises(OperationalError) as error, reading(engine) as connection:
        connection.execute(text("SELECT 1"))
    assert explain(error.value, "ei_outbox").startswith("the pooler before the database refuses the options")
    engine.dispose()


def test_statements_are_prepared_where_no_pooler_is_in_between(postgres_url: str) -> None:
    engine = connect(postgres_url)
    with engine.connect() as connection:
        for n in range(10):
            connection.execute(text("SELECT CAST(:n AS int)"), {"n": n})
        assert connection.execute(text("SELECT count(*) FROM pg_prepared_statements")).scalar_one() > 0
    upgrade(engine)
    engine.dispose()
