"""Settings to be checked, and what the check says of one of their parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from relay.database import connect
from relay.outbox import ddl
from relay.report.probe import Verdict, probes, verdict
from relay.settings import Settings, parse
from relay.store.migrate import upgrade
from tests.waiting import PATIENCE


def settings_for(folder: Path, database_url: str = "sqlite:///relay.db", **more: Any) -> Settings:
    index = {"url": "http://127.0.0.1:1/", "logical_address": "5565594230"} | more.pop("index", {})
    source = {"name": "s", "source_systems": ["S"], "data_controller": "D", "engagement_index": "i"}
    document = {
        "environment": "production",
        "database_url": database_url,
        "engagement_index": {"i": index},
        "source": [source | each for each in more.pop("sources", [{}])],
    }
    return parse(document | more, folder)


def verdict_on(target: str, settings: Settings) -> Verdict:
    return verdict(target, dict(probes(settings))[target], seconds=PATIENCE)


def administrator(url: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def with_tables(url: str) -> str:
    engine = connect(url)
    upgrade(engine)
    ddl.create(engine, "ei_outbox")
    engine.dispose()
    return url
