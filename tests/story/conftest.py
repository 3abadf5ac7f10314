"""Worlds in which a booking is asked for, and the real clock back afterwards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.simulation.conftest import new_world
from tests.simulation.world import World

__all__ = ["new_world"]


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world whose workers have looked after its source."""
    world = new_world()
    world.work()
    return world
