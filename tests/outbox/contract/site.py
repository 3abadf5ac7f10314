"""A relay with a database of its own, whose one source has its outbox in another, of any kind."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.settings import parse
from relay.store import overview
from relay.store.migrate import upgrade
from tests.made import CONTROLLER, SYSTEM
from tests.outbox.written import RIGHT

SOURCE = "tidbok"
LATER = RIGHT | {"starts_at": "2099-12-24 10:30:00"}


def relay_of(outbox: Engine, folder: Path, database_url: str | None = None, **more: Any) -> Relay:
    """The relay, ready."""
    relay = Relay(
        parse(
            {
                "environment": "qa",
                "database_url": database_url or f"sqlite:///{folder / 'relay.db'}",
                "engagement_index": {"practice": {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"}},
                "source": [
                    {
                        "name": SOURCE, "source_systems": [SYSTEM], "data_controller": CONTROLLER,
                        "engagement_index": "practice", "test_residents": "*",
                        "outbox_url": outbox.url.render_as_string(hide_password=False), **more,
                    }
                ],
            }
        )
    )  # fmt: skip
    upgrade(relay.store.engine)
    relay.prepare()
    return relay


def take_all(relay: Relay, most: int = 50) -> int:
    """Make steps of intake until one takes nothing, at most so many; how many rows they took."""
    rows = 0
    for _ in range(most):
        taken = intake(relay, SOURCE)
        rows += taken.rows
        if not taken.more:
            break
    return rows


def trouble(relay: Relay) -> str | None:
    """What is noted of the source's outbox."""
    (row,) = relay.store.transact(overview.sources)
    error: str | None = row.error
    return error
