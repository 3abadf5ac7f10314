"""What the sandbox's tests share: a core on a clock of its own, and a sandbox over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from relay.sandbox.core import Core, Options
from relay.sandbox.server import Sandbox
from tests.sandbox.messages import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def core(clock: Clock) -> Core:
    return Core(Options(), clock)


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session
