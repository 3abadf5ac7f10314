"""The relay of a test: it reads an outbox, and does all there is to do when it is told to."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from relay.flow.delivery.step import deliver
from relay.flow.intake.step import intake
from relay.flow.relay import Relay
from relay.flow.schedule.due import due_work
from relay.outbox import ddl
from relay.settings import load
from relay.store.migrate import upgrade
from relay.testing.index import PracticeIndex

SOURCE: Final = "tested"
_PASSES: Final = 100  # of a settling; each takes a thousand rows of the outbox or makes a call of as many posts
_SETTINGS: Final = """environment = "qa"
database_url = {database}
[surge_guard]
enabled = false
[engagement_index.practice]
url = {index}
logical_address = "5565594230"
key_spacing = "0s"
bulk_call_interval = "0s"
split_call_interval = "0s"
lone_delete_wait = "0s"
min_posts_per_call = 1
refresh_every = "0s"
[[source]]
name = "{source}"
engagement_index = "practice"
"""
_DEFAULTS: Final = {
    "source_systems": ["SE2321000016-84GX"],
    "data_controller": "SE232100-0016",
    "test_residents": "*",
}


class PracticeRelay:
    """A relay of one process and one source that keeps no pause, and does nothing between two calls of `settle`.

    with PracticeIndex() as index, PracticeRelay(index, folder, outbox_url="postgresql+psycopg://…") as relay:
        ...                       # write rows, as the booking system does
        relay.settle()
        index.holds(Post("B-1042"))
    """

    def __init__(self, index: PracticeIndex, folder: Path, outbox_url: str = "", **source: Any) -> None:
        """`folder` gets its database and configuration. `source`: keys of a [[source]], such as source_systems,
        data_controller, outbox_table, care_units. Without `outbox_url` the outbox is a SQLite file, `outbox_path`.

        An outbox that is not there is made. Raises SettingsError, SQLAlchemyError.
        """
        self.outbox_path = folder / "outbox.db"
        self.outbox_url = outbox_url or f"sqlite:///{self.outbox_path}"
        written = _SETTINGS.format(
            database=json.dumps(f"sqlite:///{folder / 'relay.db'}"), index=json.dumps(index.update_url), source=SOURCE
        )
        said = _DEFAULTS | {"outbox_url": self.outbox_url} | source
        config = folder / "ei-relay.toml"
        config.write_text(written + "".join(f"{key} = {json.dumps(value)}\n" for key, value in said.items()), "utf-8")
        self._relay = Relay(load(str(config), environ={}))
        upgrade(self._relay.store.engine)
        ddl.create(self._relay.source(SOURCE).reader.engine, self._relay.settings.source[0].outbox_table)
        self._relay.prepare()

    def settle(self) -> None:
        """Take every row of the outbox and make every call there is to make; returns when nothing is left to do now.

        Raises AssertionError where it goes on for ever.
        """
        for _ in range(_PASSES):
            if not any(list(self._pass())):
                return
        raise AssertionError(f"the relay had more to do after {_PASSES} rounds")

    def _pass(self) -> Iterator[bool]:
        """Whether each step did something."""
        yield intake(self._relay, SOURCE).rows > 0
        for lane in due_work(self._relay).lanes:
            yield deliver(self._relay, lane) is not None

    def close(self) -> None:
        """Let go of databases and connections."""
        self._relay.close()

    def __enter__(self) -> Self:
        """Itself; it is ready."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()
