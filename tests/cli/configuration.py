"""The smallest right configuration, for tests of commands: one source, one index, SQLite in `{folder}`."""

from __future__ import annotations

from typing import Final

RIGHT: Final = """
environment = "qa"
database_url = "sqlite:///{folder}/relay.db"
[engagement_index.practice]
url = "http://127.0.0.1:1/Update"
logical_address = "5565594230"
[[source]]
name = "tidbok-nord"
source_systems = ["SE2321000016-84GX"]
data_controller = "SE232100-0016"
engagement_index = "practice"
test_residents = "*"
"""
