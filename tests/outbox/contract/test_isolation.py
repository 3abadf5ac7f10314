"""One bad row, or one that somebody holds, costs no other row anything."""

from __future__ import annotations

import logging
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from relay.change import READ_AT_MOST, Rejected, read
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.outbox import reader as reading
from relay.outbox.inspect import look
from relay.outbox.judge import judge
from relay.outbox.reader import OutboxReader, Settled
from relay.store import aside
from tests.made import SYSTEMS
from tests.outbox.conftest import SERVERS
from tests.outbox.contract.site import LATER, SOURCE, relay_of, take_all, trouble
from tests.outbox.named import holding
from tests.outbox.written import AT, outcomes, put
from tests.statements import recorded

_TEXTS = ("event_id", "operation", "booking_id", "source_system", "resident_id", "care_unit", "kind", "data_controller")
_REFUSES = {  # a trigger of the booking system's that lets no outcome be written to one booking's rows
    "sqlite": (
        "CREATE TRIGGER refuses BEFORE UPDATE ON ei_outbox WHEN OLD.booking_id = 'bad'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END",
    ),
    "postgresql": (
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF OLD.booking_id = 'bad' THEN"
        " RAISE EXCEPTION 'no'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER refuses BEFORE UPDATE ON ei_outbox FOR EACH ROW EXECUTE FUNCTION refuse()",
    ),
    "mysql": (
        "CREATE TRIGGER refuses BEFORE UPDATE ON ei_outbox FOR EACH ROW"
        " IF OLD.booking_id = 'bad' THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'; END IF",
    ),
    "mssql": (
        "CREATE TRIGGER refuses ON ei_outbox AFTER UPDATE AS BEGIN SET NOCOUNT ON;"
        " IF EXISTS (SELECT 1 FROM inserted WHERE booking_id = 'bad') THROW 50000, 'no', 1; END",
    ),
    "oracle": (
        "CREATE OR REPLACE TRIGGER refuses BEFORE UPDATE ON ei_outbox FOR EACH ROW BEGIN"
        " IF \\:OLD.booking_id = 'bad' THEN raise_application_error(-20000, 'no'); END IF; END;",
    ),
}


@pytest.fixture
def relay(engine: Engine, tmp_path: Path) -> Iterator[Relay]:
    relay = relay_of(engine, tmp_path)
    yield relay
    relay.close()


def many(engine: Engine, number: int, first: int = 0) -> None:
    """Write so many good rows, of a booking each."""
    columns = ", ".join(("operation", "booking_id", *LATER))
    values = ", ".join(f":{name}" for name in ("operation", "booking_id", *LATER))
    with engine.begin() as connection:
        connection.execute(
            text(f"INSERT INTO ei_outbox ({columns}) VALUES ({values})"),
            [LATER | {"operation": "upsert", "booking_id": f"b-{n}"} for n in range(first, first + number)],
        )


def tally(engine: Engine) -> Counter[str | None]:
    return Counter(outcome for outcome, _ in outcomes(engine).values())


# --- values that are too long


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_no_more_of_a_long_value_is_read_than_shows_that_it_is_too_long(engine: Engine) -> None:
    if engine.dialect.name == "oracle":
        pytest.skip("no column of Oracle's holds so much")
    long = {"mssql": "REPLICATE(CAST('x' AS NVARCHAR(MAX)), 8000000)"}.get(engine.dialect.name, "repeat('x', 8000000)")
    with engine.begin() as connection:
        if engine.dialect.name == "mysql":
            connection.execute(text("ALTER TABLE ei_outbox MODIFY data_controller LONGTEXT"))
        for n in range(120 if engine.dialect.name == "postgresql" else 20):
            connection.execute(
                text(
                    "INSERT INTO ei_outbox (operation, booking_id, resident_id, care_unit, starts_at, data_controller)"
                    f" VALUES ('upsert', 'b-{n}', :resident_id, :care_unit, :starts_at, {long})"
                ),
                LATER,
            )
    reader = OutboxReader(engine)
    reader.unread(1)

    tracemalloc.start()
    rows = reader.unread(1000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert len(rows) >= 20
    assert most < 10_000_000  # of 960 MB that stand in the table
    said = read(rows[0], SYSTEMS)
    assert isinstance(said, Rejected)
    assert said.reason.startswith('data_controller: was "xxxx')
    assert said.reason.endswith(f"expected at most 64 characters, it has more than {READ_AT_MOST}")


def test_what_is_cut_stays_too_long_whatever_is_trimmed_of_it(engine: Engine) -> None:
    """A controller's id with blanks behind it is taken as it is without them, but not if something comes after them."""
    wide = 600 if engine.dialect.name == "mysql" else 5000
    put(engine, **LATER, data_controller="SE1" + " " * (wide - 4) + "x")
    put(engine, **LATER, data_controller="SE1" + " " * 100)
    put(engine, **LATER | {"care_unit": "x" * wide})
    first, padded, long = [read(row, SYSTEMS) for row in OutboxReader(engine).unread(10)]
    assert isinstance(first, Rejected)
    assert first.reason.startswith("data_controller: was")
    assert not isinstance(padded, Rejected)
    assert isinstance(long, Rejected)
    assert long.reason.startswith("care_unit: was")


def test_a_thousand_rows_have_a_bound_in_bytes(engine: Engine) -> None:
    """Whatever is in them: fourteen values of at most 257 characters, of at most four bytes."""
    wide = dict.fromkeys(_TEXTS, "😀" * 600)
    put(engine, **wide)
    (row,) = OutboxReader(engine).unread(10)
    if engine.dialect.name not in ("sqlite", "mssql"):  # which count bytes, and halves of what is beyond U+FFFF
        assert all(len(str(getattr(row, name))) == READ_AT_MOST + 1 for name in _TEXTS)
    assert all(len(str(getattr(row, name))) <= 2 * READ_AT_MOST + 1 for name in _TEXTS)


# --- rows that somebody holds


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_row_that_somebody_holds_holds_up_no_other(relay: Relay, engine: Engine) -> None:
    held = put(engine, **LATER | {"booking_id": "held"})
    many(engine, 2500)
    with engine.begin() as other:
        other.execute(text(holding(engine.dialect.name, f"id = {held}")))

        rows = take_all(relay)

        assert (rows, tally(engine)) == (2501, {None: 1, "taken": 2500})
        assert trouble(relay) is None
        put(engine, **LATER | {"booking_id": "newer"})
        assert take_all(relay) == 1  # the held one is not read again in front of it
        assert tally(engine)["taken"] == 2501
    relay.source(SOURCE).reader._back_at = 0.0  # some seconds later
    assert take_all(relay) == 1
    assert tally(engine) == {"taken": 2502}


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_row_that_somebody_goes_on_holding_is_named_until_it_is_let_go(
    relay: Relay, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, free = put(engine, **LATER | {"booking_id": "held"}), put(engine, **LATER | {"booking_id": "free"})
    source = relay.source(SOURCE).reader
    other_process = Relay(relay.settings)
    other_process.prepare()

    def noted() -> list[tuple[int, str]]:
        return [(row.row_id, row.reason) for row in relay.store.transact(aside.listed)]

    with engine.begin() as other:
        other.execute(text(holding(engine.dialect.name, f"id = {held}")))
        take_all(relay)
        assert noted() == []  # it may be a moment
        monkeypatch.setattr(reading, "HELD_SECONDS", 0.0)
        for _ in range(2):
            source._back_at = 0.0  # some seconds later
            take_all(relay)
            take_all(relay)  # what is behind it is looked at meanwhile, which says nothing of it
            assert noted() == [(held, aside.HELD)]
        since = relay.store.transact(aside.listed)[0].since
        intake(other_process, SOURCE)
        assert relay.store.transact(aside.listed)[0].since == since
        if engine.dialect.name != "mssql":
            facts = look(engine, "ei_outbox")
            assert facts.held == (held,)
            assert any(f"holds the rows with id {held}:" in finding.text for finding in judge(facts))

    source._back_at = other_process.source(SOURCE).reader._back_at = 0.0
    intake(other_process, SOURCE)  # whoever marks it
    intake(relay, SOURCE)
    assert noted() == []
    assert look(engine, "ei_outbox").held == ()
    assert set(outcomes(engine)) == {held, free}
    assert tally(engine) == {"taken": 2}
    other_process.close()


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_held_row_that_its_holder_deletes_is_forgotten(
    relay: Relay, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its id may be given again, to a row that nobody has held for long."""
    held = put(engine, **LATER | {"booking_id": "held"})
    put(engine, **LATER | {"booking_id": "free"})
    reader = relay.source(SOURCE).reader
    with engine.begin() as other:
        other.execute(text(holding(engine.dialect.name, f"id = {held}")))
        take_all(relay)
        assert set(reader._held) == {held}
        other.execute(text(f"DELETE FROM ei_outbox WHERE id = {held}"))
    reader._back_at = 0.0
    put(engine, **LATER | {"booking_id": "next"})
    take_all(relay)
    assert set(reader._held) == {held}  # it may be behind what is looked at just now

    monkeypatch.setattr(reading, "_FORGET_SECONDS", 0.0)
    put(engine, **LATER | {"booking_id": "later"})
    take_all(relay)
    assert reader._held == {}


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_rows_that_others_have_marked_are_not_left_for_later(engine: Engine) -> None:
    ids = [put(engine, **LATER) for _ in range(3)]
    OutboxReader(engine).settle([Settled(ids[1], "taken", None)], AT)
    reader = OutboxReader(engine)

    marked = reader.settle([Settled(id, "taken", None) for id in ids], AT)

    assert marked.left == frozenset()
    assert reader._after is None


# --- outcomes that cannot be written


@pytest.mark.parametrize("refused", [1, 3])
def test_a_row_that_cannot_be_marked_is_set_aside(
    relay: Relay, engine: Engine, refused: int, caplog: pytest.LogCaptureFixture
) -> None:
    for statement in _REFUSES[engine.dialect.name]:
        with engine.begin() as connection:
            connection.execute(text(statement))
    many(engine, 300)
    ids = [put(engine, **LATER | {"booking_id": "bad"}) for _ in range(refused)]
    many(engine, 700, first=300)
    many(engine, 500, first=1000)

    with caplog.at_level(logging.ERROR):
        take_all(relay)

    assert tally(engine) == {"taken": 1500, None: refused}
    assert trouble(relay) is None
    noted = relay.store.transact(aside.listed)
    assert [row.row_id for row in noted] == ids
    assert {row.source for row in noted} == {SOURCE}
    assert sum("is set aside" in record.message for record in caplog.records) == refused
    assert "bad" not in caplog.text

    # it costs nothing more, in this process or in another one
    other = Relay(relay.settings)
    other.prepare()
    intake(other, SOURCE)
    with recorded(relay.source(SOURCE).reader.engine) as statements:
        assert intake(relay, SOURCE).rows == 0
        assert intake(other, SOURCE).rows == 0
    assert len(statements) == 1
    other.close()

    # it is tried again later
    reader = relay.source(SOURCE).reader
    reader.pass_over(dict.fromkeys(ids, timedelta(0)))
    assert intake(relay, SOURCE).rows == refused
    assert [row.tries for row in relay.store.transact(aside.listed)] == [2] * refused
    assert trouble(relay) is None
    with engine.begin() as connection:
        connection.execute(text(f"DROP TRIGGER refuses{' ON ei_outbox' * (engine.dialect.name == 'postgresql')}"))
    reader.pass_over(dict.fromkeys(ids, timedelta(0)))
    assert intake(relay, SOURCE).rows == refused
    assert tally(engine) == {"taken": 1500 + refused}
    assert relay.store.transact(aside.listed) == []


@pytest.mark.parametrize("lie", ["in front", "between"])
def test_many_rows_that_cannot_be_marked_keep_no_other_waiting(relay: Relay, engine: Engine, lie: str) -> None:
    """Fifty of them before the first good one; or one beside each."""
    for statement in _REFUSES[engine.dialect.name]:
        with engine.begin() as connection:
            connection.execute(text(statement))
    bad = LATER | {"operation": "upsert", "booking_id": "bad"}
    rows = [bad] * 50 + [bad | {"booking_id": f"b-{n}"} for n in range(50)]
    if lie == "between":
        rows = [row for pair in zip(rows[:50], rows[50:], strict=True) for row in pair]
    with engine.begin() as connection:
        columns = tuple(bad)
        values = ", ".join(f":{name}" for name in columns)
        connection.execute(text(f"INSERT INTO ei_outbox ({', '.join(columns)}) VALUES ({values})"), rows)

    for _ in range(4):
        intake(relay, SOURCE)
        relay.source(SOURCE).reader._back_at = 0.0  # some seconds later

    assert tally(engine) == {"taken": 50, None: 50}
    assert trouble(relay) is None


def test_rows_that_were_not_asked_about_any_more_are_not_taken_for_held_by_somebody(
    relay: Relay, engine: Engine
) -> None:
    """After some hundred refusals a batch is given up for now: its rest comes some seconds later."""
    for statement in _REFUSES[engine.dialect.name]:
        with engine.begin() as connection:
            connection.execute(text(statement))
    reader = relay.source(SOURCE).reader
    with engine.begin() as connection:
        columns = tuple(bad := LATER | {"operation": "upsert", "booking_id": "bad"})
        values = ", ".join(f":{name}" for name in columns)
        connection.execute(text(f"INSERT INTO ei_outbox ({', '.join(columns)}) VALUES ({values})"), [bad] * 220)
    for number in range(3):
        many(engine, 20, first=20 * number)
        for _ in range(10):
            intake(relay, SOURCE)
            assert reader._held == {}
            reader._back_at = 0.0  # some seconds later
            if tally(engine)["taken"] == 20 * (number + 1):
                break
        assert tally(engine) == {"taken": 20 * (number + 1), None: 220}
    assert trouble(relay) is None


@pytest.mark.parametrize("dialect", SERVERS, indirect=True)
def test_a_reason_that_is_too_long_for_the_vendor_s_own_column_is_shortened(relay: Relay, engine: Engine) -> None:
    narrow = {
        "mysql": "MODIFY outcome_reason varchar(120)", "postgresql": "ALTER outcome_reason TYPE varchar(120)",
        "mssql": "ALTER COLUMN outcome_reason nvarchar(120)", "oracle": "MODIFY (outcome_reason varchar2(120))",
    }[engine.dialect.name]  # fmt: skip
    with engine.begin() as connection:
        connection.execute(text(f"ALTER TABLE ei_outbox {narrow}"))
    many(engine, 20)
    bad = put(engine, booking_id="b-x", resident_id="x", care_unit=" ", starts_at=None, kind="nonsense")

    take_all(relay)

    assert tally(engine) == {"taken": 20, "rejected": 1}
    assert str(outcomes(engine)[bad][1]).startswith("resident_id: was")
    assert trouble(relay) is None


def test_a_database_that_lets_nothing_be_marked_is_the_source_s_trouble(relay: Relay, engine: Engine) -> None:
    for statement in _REFUSES[engine.dialect.name]:
        with engine.begin() as connection:
            connection.execute(text(statement))
    for _ in range(30):
        put(engine, **LATER | {"booking_id": "bad"})

    with recorded(relay.source(SOURCE).reader.engine) as statements:
        assert intake(relay, SOURCE).rows == 0

    assert str(trouble(relay)).startswith("the outbox could not be marked")
    assert len(statements) < 100
    assert relay.store.transact(aside.listed) == []
