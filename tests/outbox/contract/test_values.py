"""Values as booking systems write them: of every kind, with and without a zone, and such as cannot be read."""

from __future__ import annotations

from datetime import datetime

import pytest
from sqlalchemy import Engine, text

from relay.change import Change
from relay.outbox.reader import OutboxReader
from tests.made import RESIDENT, UNIT
from tests.outbox.written import RIGHT, fates, put, said


@pytest.mark.parametrize("dialect", ["postgresql"])
def test_values_no_driver_can_hold_spoil_only_their_row(engine: Engine) -> None:
    right = put(engine, **RIGHT)
    put(engine, **(RIGHT | {"starts_at": "infinity"}))
    put(engine, **(RIGHT | {"starts_at": "20026-01-01 10:00"}))
    put(engine, **(RIGHT | {"starts_at": "0044-03-15 10:00 BC"}))
    put(engine, **RIGHT, valid_until="-infinity")
    put(engine, resident_id=RESIDENT, care_unit=UNIT, kind="open_invitation", invited_on="20026-01-01")
    put(engine, **RIGHT, created_at="infinity")
    last = put(engine, **RIGHT, created_at="20026-01-01 10:00+00")

    assert fates(engine) == [
        "taken", "starts_at", "starts_at", "starts_at", "valid_until", "invited_on", "taken", "taken",
    ]  # fmt: skip
    assert last > right


@pytest.mark.parametrize("dialect", ["sqlite"])
def test_values_of_wrong_types_spoil_only_their_row(engine: Engine) -> None:
    """SQLite keeps in a column whatever is put there: bytes that are no UTF-8, numbers, blobs."""
    bad = "CAST(X'62FF' AS TEXT)"
    with engine.begin() as connection:
        for values in (
            "'upsert', 'b-1', '2026-12-24 10:30', 1, NULL",
            f"'upsert', {bad}, '2026-12-24 10:30', 1, NULL",
            "'upsert', X'00FF', '2026-12-24 10:30', 1, NULL",
            f"'upsert', 'b-1', {bad}, 1, NULL",
            "'upsert', 'b-1', 20261224, 1, NULL",
            "'upsert', 'b-1', '2026-12-24 10:30', 'yes', NULL",
            "'upsert', 'b-1', '2026-12-24 10:30', 1, 'one'",
            "'upsert', 'b-1', '2026-12-24 10:30', 1, 1.5",
            "'upsert', 'b-1', '2026-12-24T09:30:00Z', '1', '7'",
            "'upsert', 5, '2026-12-24 10:30', 1, 7",
        ):
            connection.execute(
                text(
                    "INSERT INTO ei_outbox"
                    " (resident_id, care_unit, operation, booking_id, starts_at, presentable, version)"
                    f" VALUES ('{RESIDENT}', '{UNIT}', {values})"
                )
            )

    assert fates(engine) == [
        "taken", "booking_id", "booking_id", "starts_at", "starts_at", "presentable", "version", "version", "taken",
        "taken",
    ]  # fmt: skip


@pytest.mark.parametrize("dialect", [pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_zero_dates_spoil_only_their_row(engine: Engine) -> None:
    """What MySQL keeps of a date it could not read, where the writer's session is not strict."""
    with engine.begin() as writer:
        writer.execute(text("SET sql_mode = ''"))
        put(writer, **RIGHT)
        put(writer, **(RIGHT | {"starts_at": "0000-00-00 00:00:00"}))
        put(writer, **(RIGHT | {"starts_at": "2026-02-31 10:00:00"}))
        put(writer, resident_id=RESIDENT, care_unit=UNIT, kind="open_invitation", invited_on="2026-00-00")
        put(writer, **RIGHT, created_at="0000-00-00 00:00:00")
        put(writer, **RIGHT, version="7")
    assert fates(engine) == ["taken", "starts_at", "starts_at", "invited_on", "taken", "taken"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (True, True), (False, False), (1, True), (0, False), (None, True),
    ],
)  # fmt: skip
def test_booleans_are_read(engine: Engine, written: object, shown: bool) -> None:
    if engine.dialect.name == "postgresql" and isinstance(written, int):
        written = bool(written)  # its boolean takes no numbers
    put(engine, **RIGHT, presentable=written)
    (change,) = said(engine)
    assert isinstance(change, Change)
    assert change.details is not None
    assert change.details.presentable is shown


def test_nulls_and_empty_texts_are_nothing(engine: Engine) -> None:
    optional = ("event_id", "version", "source_system", "kind", "valid_until", "presentable", "data_controller",
                "created_at")  # fmt: skip
    put(engine, **RIGHT, **dict.fromkeys(optional))
    put(engine, **RIGHT, event_id="", source_system="", kind="", data_controller="")
    put(engine, **(RIGHT | dict.fromkeys(RIGHT)))

    assert fates(engine) == ["taken", "taken", "resident_id,care_unit,starts_at"]
    (nothing, *_) = OutboxReader(engine).unread(1)
    assert [getattr(nothing, name) for name in optional] == [None] * len(optional)


@pytest.mark.parametrize("letters", ["bokning-åäö", "'; --", '"', "\\", "%s %(x)s :x", "\N{KELVIN SIGN}"])
def test_letters_are_unharmed(engine: Engine, letters: str) -> None:
    """R-09."""
    put(engine, **(RIGHT | {"booking_id": letters}))
    (change,) = said(engine)
    assert isinstance(change, Change)
    assert change.booking_id == letters


_WINTER, _SUMMER = datetime(2026, 12, 24, 10, 30), datetime(2026, 7, 1, 10, 30)


@pytest.mark.parametrize(
    ("dialect", "alter", "written"),
    [
        ("postgresql", "ALTER TABLE ei_outbox ALTER {} TYPE timestamptz", "{}+00"),
        pytest.param("mariadb", "ALTER TABLE ei_outbox MODIFY {} TIMESTAMP NULL", "{}", marks=pytest.mark.mariadb),
        ("sqlite", "SELECT '{}'", "{}Z"),
    ],
    indirect=["dialect"],
)
def test_a_vendor_s_own_columns_with_a_zone_are_converted(engine: Engine, alter: str, written: str) -> None:
    """R-05: an instant is read as the Swedish time of it, whatever zone it was written in."""
    with engine.begin() as connection:
        for column in ("starts_at", "valid_until"):
            connection.execute(text(alter.format(column)))
    winter, summer = written.format("2026-12-24 09:30:00"), written.format("2026-07-01 08:30:00")
    put(engine, **(RIGHT | {"starts_at": winter}), valid_until=summer)

    (change,) = said(engine)

    assert isinstance(change, Change)
    assert change.details is not None
    assert (change.details.starts_at, change.details.valid_until) == (_WINTER, _SUMMER)


@pytest.mark.parametrize("dialect", [pytest.param("mariadb", marks=pytest.mark.mariadb)])
def test_booleans_that_frameworks_keep_as_bits_are_read(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE ei_outbox MODIFY presentable BIT(1) DEFAULT b'1'"))
    put(engine, **RIGHT)
    put(engine, **RIGHT, presentable=False)
    assert [change.details.presentable for change in said(engine)] == [True, False]  # type: ignore[union-attr]
