"""Worlds for tests, and the real clock back afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from relay.demo.postgres import Postgres
from relay.sandbox.collector import Collect
from relay.store import lease
from tests.simulation.on_postgresql import PostgresWorld
from tests.simulation.world import SPACING, World


@pytest.fixture
def new_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Makes a world; its arguments are World's."""
    worlds: list[World] = []
    steady = lease.steady_seconds

    def make(collect: Collect | None = None, key_spacing: float = SPACING, **source: object) -> World:
        folder = tmp_path / f"world-{len(worlds)}"
        folder.mkdir()
        worlds.append(World(folder, collect=collect, key_spacing=key_spacing, **source))
        return worlds[-1]

    yield make
    for world in worlds:
        world.close()
    lease.steady_seconds = steady


@pytest.fixture
def postgres_world(tmp_path: Path, postgres: Postgres) -> Iterator[World]:
    """A world whose relay has its own database on PostgreSQL."""
    steady = lease.steady_seconds
    world = PostgresWorld(tmp_path, postgres)
    yield world
    world.close()
    lease.steady_seconds = steady
