"""A relay of one process, configured as an operator does it, whose steps a test makes one at a time."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from relay.flow.intake.step import Taken, intake
from relay.flow.relay import Relay
from relay.outbox import ddl
from relay.settings import load
from relay.store.lanes import LaneName
from relay.store.migrate import upgrade
from tests.integration.processes import environment
from tests.made import CONTROLLER, RESIDENT, SYSTEM, UNIT

LANE = LaneName("national", SYSTEM)

_CONFIGURATION = f"""
environment = "qa"
database_url = "sqlite:///%s/relay.db"
[engagement_index.national]
logical_address = "5565594230"
connect_timeout = "10s"
read_timeout = "30s"
call_timeout = "30s"
%s
[[source]]
name = "tidbok"
source_systems = ["{SYSTEM}"]
data_controller = "{CONTROLLER}"
engagement_index = "national"
test_residents = "*"
"""


class FlowSite:
    """One source and one lane, LANE, on SQLite; `index` are the keys of the index's table that matter to the test."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None, **index: object) -> None:
        self._folder = folder
        keys = "\n".join(f"{name} = {json.dumps(str(value))}" for name, value in index.items())
        self._config = folder / "relay.toml"
        self._config.write_text(_CONFIGURATION % (folder, keys), encoding="utf-8")
        self.relay = Relay(load(str(self._config), environ or {}))
        upgrade(self.relay.store.engine)
        ddl.create(self.relay.store.engine)
        self.relay.prepare()

    def insert(self, booking_id: str) -> None:
        """The booking system commits a booking."""
        row = {
            "operation": "upsert", "booking_id": booking_id, "resident_id": RESIDENT, "care_unit": UNIT,
            "starts_at": "2099-12-24 10:30:00",
        }  # fmt: skip
        self.ask(f"INSERT INTO ei_outbox ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})", *row.values())

    def take_in(self) -> Taken:
        """One step of intake."""
        return intake(self.relay, "tidbok")

    def ask(self, statement: str, *values: object) -> list[Any]:
        """The rows of a statement on the relay's database, as its administrator could run it."""
        with sqlite3.connect(self._folder / "relay.db") as connection:
            rows = connection.execute(statement, values).fetchall()
        connection.close()
        return rows

    def status(self) -> dict[str, Any]:
        """What `ei-relay status --json` prints."""
        command = [sys.executable, "-m", "relay", "status", "--json"]
        done = subprocess.run(
            command,
            cwd=self._folder,
            env=environment(self._config),
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        status: dict[str, Any] = json.loads(done.stdout)
        return status

    def close(self) -> None:
        self.relay.close()
