"""A MariaDB that writes its log by the statement, as old installations do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from relay.database import connect
from relay.outbox.ddl import create
from tests.mariadb import MISSING, MariaDb, binary
from tests.outbox.contract.site import LATER, relay_of, take_all, trouble
from tests.outbox.written import outcomes, put

pytestmark = pytest.mark.mariadb


@pytest.fixture(params=["STATEMENT", "MIXED"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    if binary() is None:
        pytest.skip(MISSING)
    with MariaDb("--log-bin=log", f"--binlog-format={request.param}") as server:
        with server.administrator() as cursor:
            cursor.execute("CREATE DATABASE booking")
        yield server.url("booking")


def test_rows_are_taken_and_marked_whatever_the_log_s_format(url: str, tmp_path: Path) -> None:
    engine = connect(url)
    create(engine)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as writer, writer.begin():
        for n in range(1200):
            put(writer, **LATER | {"booking_id": f"b-{n}"})
    relay = relay_of(engine, tmp_path)

    assert take_all(relay) == 1200

    assert Counter(outcome for outcome, _ in outcomes(engine).values()) == {"taken": 1200}
    assert trouble(relay) is None
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as other, other.begin():
        other.execute(text("SELECT id FROM ei_outbox WHERE id = 7 FOR UPDATE"))
        put_by_another = connect(url).execution_options(isolation_level="REPEATABLE READ")
        put(put_by_another, **LATER)
        assert take_all(relay) == 1
        put_by_another.dispose()
    relay.close()
    engine.dispose()
