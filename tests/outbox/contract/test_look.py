"""What `ei-relay outbox check` sees of real tables, on every database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from relay.database import connect
from relay.outbox.inspect import look
from relay.outbox.judge import Level, judge
from relay.outbox.reader import OutboxReader, Settled
from tests.outbox import named
from tests.outbox.conftest import SERVERS
from tests.outbox.written import RIGHT, instant, outcomes, put


def wrong(engine: Engine) -> list[str]:
    return [finding.text for finding in judge(look(engine, "ei_outbox")) if finding.level is Level.WRONG]


def test_our_own_table_is_right(engine: Engine) -> None:
    id = put(engine, **RIGHT, event_id="e-1", version=1)
    OutboxReader(engine).settle([Settled(id, "taken", None)], datetime.now(UTC))
    put(engine, **RIGHT)
    assert judge(look(engine, "ei_outbox")) == []


def test_looking_changes_nothing(engine: Engine) -> None:
    ids = [put(engine, **RIGHT) for _ in range(3)]
    look(engine, "ei_outbox")
    assert outcomes(engine) == dict.fromkeys(ids, (None, None))


def test_a_table_that_is_not_there(engine: Engine) -> None:
    facts = look(engine, "elsewhere")
    assert [trouble.split(";")[0].split(" (")[0] for trouble in facts.troubles] == ["the table elsewhere is not there"]


def test_a_table_that_lacks_columns_and_indexes(engine: Engine) -> None:
    put(engine, **RIGHT)
    with engine.begin() as connection:
        on = " ON ei_outbox" if engine.dialect.name in ("mysql", "mssql") else ""
        for statement in (
            f"DROP INDEX ei_outbox_event_id{on}",
            "ALTER TABLE ei_outbox DROP COLUMN valid_until",
            "ALTER TABLE ei_outbox DROP COLUMN outcome_reason",
        ):
            connection.execute(text(statement))
    findings = [finding.text for finding in judge(look(engine, "ei_outbox"))]
    assert findings == [
        "The column valid_until is missing.", "The column outcome_reason is missing.", "There is no index on event_id.",
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_column_that_is_too_narrow_or_strict(engine: Engine) -> None:
    with engine.begin() as connection:
        alters = {
            "postgresql": ("ALTER booking_id TYPE varchar(36)", "ALTER care_unit SET NOT NULL"),
            "mysql": ("MODIFY booking_id varchar(36) NOT NULL", "MODIFY care_unit varchar(64) NOT NULL"),
            "mssql": ("ALTER COLUMN booking_id nvarchar(36) NOT NULL", "ALTER COLUMN care_unit nvarchar(64) NOT NULL"),
            "oracle": ("MODIFY (booking_id varchar2(36))", "MODIFY (care_unit varchar2(64) NOT NULL)"),
        }
        for alter in alters[engine.dialect.name]:
            connection.execute(text(f"ALTER TABLE ei_outbox {alter}"))
    assert [text.split(";")[0].split(":")[0] for text in wrong(engine)] == [
        "The column booking_id holds 36 characters", "The column care_unit may not be null",
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
@pytest.mark.skipif(named.NAMED is not None, reason="it would make an account on the server that was named")
def test_an_account_that_may_not_mark(engine: Engine, dialect: str) -> None:
    with engine.begin() as connection:
        if dialect == "postgresql":
            account = "only_reads"
            connection.execute(text("CREATE ROLE only_reads LOGIN"))
        else:
            account = "only_reads@localhost"
            connection.execute(text(f"CREATE USER {account}"))
        connection.execute(text(f"GRANT SELECT ON ei_outbox TO {account}"))
    reader = connect(engine.url.set(username="only_reads").render_as_string(hide_password=False))
    found = wrong(reader)
    reader.dispose()
    with engine.begin() as connection:
        connection.execute(text(f"REVOKE SELECT ON ei_outbox FROM {account}"))
        connection.execute(text(f"DROP {'ROLE' if dialect == 'postgresql' else 'USER'} {account}"))
    assert [text.split(": the relay")[0] for text in found] == [
        "Outcomes cannot be written: permission denied on ei_outbox"
    ]


def test_rejected_rows_and_a_clock_that_is_off(engine: Engine) -> None:
    later = (datetime.now(UTC) + timedelta(hours=2)).strftime("%Y-%m-%d %H:%M:%S")
    id = put(engine, **RIGHT, created_at=instant(engine, later))
    OutboxReader(engine).settle([Settled(id, "rejected", "care_unit: is missing, it is required")], datetime.now(UTC))
    assert [text[:45] for text in wrong(engine)] == [
        "Of the last 1 rows, 1 was rejected for care_u", "created_at lies up to 120 minutes in the futu",
    ]  # fmt: skip
