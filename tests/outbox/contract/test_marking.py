from __future__ import annotations

from sqlalchemy import Engine

from relay.outbox.reader import OutboxReader, Settled
from relay.wallclock import parse_instant
from tests.outbox.written import AT, RIGHT, outcomes, put, value
from tests.statements import recorded


def test_outcomes_are_written_with_their_reasons(engine: Engine) -> None:
    ids = [put(engine, **RIGHT) for _ in range(4)]
    reader = OutboxReader(engine)

    reader.settle([Settled(ids[0], "taken", None), Settled(ids[1], "rejected", "å" * 500)], AT)

    assert outcomes(engine) == {
        ids[0]: ("taken", None), ids[1]: ("rejected", "å" * 500), ids[2]: (None, None), ids[3]: (None, None),
    }  # fmt: skip
    assert [row.id for row in reader.unread(10)] == ids[2:]


def test_the_mark_says_when(engine: Engine) -> None:
    id = put(engine)
    OutboxReader(engine).settle([Settled(id, "taken", None)], AT)
    assert parse_instant(str(value(engine, "relayed_at"))) == AT


def test_an_outcome_that_is_there_is_kept(engine: Engine) -> None:
    id = put(engine)
    reader = OutboxReader(engine)
    reader.settle([Settled(id, "taken", None)], AT)
    reader.settle([Settled(id, "rejected", "too late")], AT)
    assert outcomes(engine) == {id: ("taken", None)}


def test_marking_a_batch_takes_few_statements(engine: Engine) -> None:
    """One for each different outcome and 500 rows, in one transaction; MariaDB is asked first which it can hold."""
    with engine.begin() as connection:
        ids = [put(connection) for _ in range(1000)]
    settled = [
        Settled(id, "rejected", "why") if n % 100 == 0 else Settled(id, "taken", None) for n, id in enumerate(ids)
    ]

    with recorded(engine) as statements:
        OutboxReader(engine).settle(settled, AT)

    asked_first = 2 if engine.dialect.name == "mysql" else 0
    assert len(statements) == 3 + asked_first  # 990 taken, 10 rejected
    assert list(outcomes(engine).values()).count(("taken", None)) == 990
