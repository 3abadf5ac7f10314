from __future__ import annotations

from typing import Final

import pytest
from sqlalchemy import Engine, text

from relay.outbox.reader import OutboxReader, Settled
from relay.wallclock import parse_instant
from tests.outbox.conftest import SERVERS
from tests.outbox.named import holding
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


def test_a_reason_is_written_as_it_is(engine: Engine) -> None:
    """PostgreSQL gets them as one text, in which these have a meaning."""
    reasons = ['"', "\\", '\\"', "NULL", "null", "{a,b}", ",", "", " x ", "a\nb\tc", "'", "}", None]
    ids = [put(engine, **RIGHT) for _ in reasons]

    OutboxReader(engine).settle([Settled(i, "rejected", why) for i, why in zip(ids, reasons, strict=True)], AT)

    empty = None if engine.dialect.name == "oracle" else ""
    assert [why for _, why in outcomes(engine).values()] == [empty if why == "" else why for why in reasons]


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


STATEMENTS: Final = {  # where two hold the rows first, and each then marks 200 or 400
    "postgresql": 1, "sqlite": 1, "mysql": 7, "mssql": 5, "oracle": 3,
}  # fmt: skip


def written(engine: Engine, number: int) -> list[int]:
    """Write so many rows; their ids."""
    with engine.begin() as connection:
        row = "INSERT INTO ei_outbox (operation, booking_id) VALUES ('remove', :id)"
        connection.execute(text(row), [{"id": f"b-{n}"} for n in range(number)])
        return list(connection.execute(text("SELECT id FROM ei_outbox ORDER BY id")).scalars())


def test_marking_a_batch_takes_few_statements_whatever_the_reasons(engine: Engine) -> None:
    """A thousand duplicates, each of which names another row, are some statements and not a thousand."""
    ids = written(engine, 2000)
    reader = OutboxReader(engine)
    alike = [Settled(id, "rejected", "why") if id % 100 == 0 else Settled(id, "taken", None) for id in ids[:1000]]
    each_its_own = [Settled(id, "duplicate", f"the event_id was seen in row {id} – å") for id in ids[1000:]]

    counts = []
    for settled in (alike, each_its_own):
        with recorded(engine) as statements:
            assert reader.settle(settled, AT).left == frozenset()
        counts.append(len(statements))

    most = STATEMENTS[engine.dialect.name]
    assert counts[1] <= most
    assert counts[0] <= min(most, 5)
    assert outcomes(engine) == {id: (outcome, reason) for id, outcome, reason in (*alike, *each_its_own)}


@pytest.mark.parametrize("number", [2, 16, 17, 201, 457])
def test_every_row_gets_its_own_outcome_however_many_there_are(engine: Engine, number: int) -> None:
    """Statements that list what each row gets are filled up with the last one."""
    ids = written(engine, number + 1)
    settled = [Settled(id, "superseded", f"by row {id}") for id in ids[:number]]
    settled[-1] = Settled(ids[number - 1], "taken", None)

    OutboxReader(engine).settle(settled[::-1], AT)

    expected = {id: (outcome, reason) for id, outcome, reason in settled} | {ids[number]: (None, None)}
    assert outcomes(engine) == expected


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_rows_with_reasons_of_their_own_are_passed_by_where_somebody_holds_them(engine: Engine) -> None:
    ids = written(engine, 30)
    settled = [Settled(id, "duplicate", f"of row {id}") for id in ids]
    with engine.begin() as other:
        other.execute(text(holding(engine.dialect.name, f"id IN ({ids[3]}, {ids[20]})")))

        marked = OutboxReader(engine).settle(settled, AT)

        assert marked.left == {ids[3], ids[20]}
    assert [id for id, (outcome, _) in outcomes(engine).items() if outcome is None] == [ids[3], ids[20]]
