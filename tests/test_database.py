"""What a URL says beside our own settings of a connection."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from relay.database import connect, reading


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
