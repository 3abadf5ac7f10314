"""What a URL says beside our own settings of a connection."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from relay.database import connect, reading
from relay.outbox.refusals import Kind, kind_of
from relay.outbox.trouble import explain


def test_a_urls_own_options_hold_beside_ours(postgres_url: str) -> None:
    """A search_path is how an administrator gives the relay a schema of its own."""
    engine = connect(f"{postgres_url}?options=-csearch_path%3Drelay%20-cTimeZone%3DEurope/Stockholm")

    with reading(engine) as connection:
        said = {name: connection.scalar(text(f"SHOW {name}")) for name in ("search_path", "TimeZone", "jit")}

    engine.dispose()
    assert said == {"search_path": "relay", "TimeZone": "UTC", "jit": "off"}


def modes(folder: Path) -> dict[str, int]:
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


@pytest.fixture
def _open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("_open_umask")
@pytest.mark.parametrize(
    ("before", "after"), [(None, 0o600), (0o644, 0o600), (0o666, 0o660), (0o600, 0o600), (0o660, 0o660), (0o640, 0o600)]
)
def test_the_relays_own_sqlite_files_are_for_nobody_else(tmp_path: Path, before: int | None, after: int) -> None:
    """There is personal data in them; a group that may write was given that right on purpose."""
    file = tmp_path / "relay.db"
    if before is not None:
        file.touch(before)
    engine = connect(f"sqlite:///{file}", private=True)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (x)"))
        assert modes(tmp_path) == {"relay.db": after, "relay.db-wal": after, "relay.db-shm": after}
    engine.dispose()


@pytest.mark.usefixtures("_open_umask")
def test_a_booking_systems_sqlite_file_keeps_its_rights(tmp_path: Path) -> None:
    (tmp_path / "booking.db").touch(0o664)
    with reading(connect(f"sqlite:///{tmp_path}/booking.db")) as connection:
        assert connection.scalar(text("PRAGMA synchronous")) == 2  # FULL: what was committed stands
        assert modes(tmp_path)["booking.db"] == 0o664


def test_what_a_driver_raises_when_its_level_is_set_ends_the_connection(
    tmp_path: Path,
) -> None:
    """SQL Server's drivers go to the server for that; on a link that was cut they raise errors of their own."""
    engine = connect(f"sqlite:///{tmp_path / 'x.db'}", pool_size=1)
    with reading(engine) as connection:
        first = connection.connection.dbapi_connection
    cut = type("OperationalError", (Exception,), {"__module__": "pyodbc"})(
        "08S01", "[08S01] Communication link failure"
    )

    def set_level(_connection: object, _level: str) -> None:
        raise cut

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(engine.dialect, "set_isolation_level", set_level)
        with pytest.raises(DBAPIError) as error, reading(engine):
            pass
    assert error.value.orig is cut
    assert kind_of(error.value) is Kind.SILENT
    assert explain(error.value, "ei_outbox").startswith("the database does not answer (SQLSTATE 08S01)")
    with reading(engine) as connection:
        assert connection.connection.dbapi_connection is not first
    engine.dispose()
