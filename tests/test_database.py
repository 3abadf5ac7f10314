"""What a URL says beside our own settings of a connection."""

from __future__ import annotations

from sqlalchemy import text

from relay.database import connect, reading


def test_a_urls_own_options_hold_beside_ours(postgres_url: str) -> None:
    """A search_path is how an administrator gives the relay a schema of its own."""
    engine = connect(f"{postgres_url}?options=-csearch_path%3Drelay%20-cTimeZone%3DEurope/Stockholm")

    with reading(engine) as connection:
        said = {name: connection.scalar(text(f"SHOW {name}")) for name in ("search_path", "TimeZone", "jit")}

    engine.dispose()
    assert said == {"search_path": "relay", "TimeZone": "UTC", "jit": "off"}
