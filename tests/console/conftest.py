"""A console of a real relay on SQLite, and browsers that ask it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from relay.console.app import application
from relay.settings import Console
from tests.simulation.conftest import new_world
from tests.simulation.world import World

__all__ = ["new_world"]

PROXY = "10.1.2.3"
BEHIND_PROXY = Console(trusted_proxies=(PROXY,), viewers=("look",), support=("help",), operators=("steer",))
Browse = Callable[..., TestClient]


@pytest.fixture
def world(new_world: Callable[..., World]) -> World:
    """A world whose workers have looked after its source."""
    world = new_world()
    world.work()
    return world


@pytest.fixture
def browse(world: World) -> Browse:
    """Makes a browser at the console of the world: on this machine, or of somebody whom a proxy has signed in."""

    def make(groups: str | None = None, user: str | None = "anna", peer: str = PROXY, **headers: str) -> TestClient:
        if groups is not None:
            world.relay.settings = world.settings.model_copy(update={"console": BEHIND_PROXY})
            headers |= {"X-Forwarded-Groups": groups} | ({"X-Forwarded-User": user} if user else {})
        client = (peer if groups is not None else "127.0.0.1", 50000)
        app: Any = application(world.relay)
        return TestClient(app, base_url="http://localhost:9466", client=client, headers=headers, follow_redirects=False)

    return make


def token_in(text: str) -> str:
    """The token of the form on a page."""
    return text.partition('name="token" value="')[2].partition('"')[0]
