"""What the container tests share: the image, built once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container import podman
from tests.integration.conftest import new_database, new_site, server, valkey

__all__ = ["new_database", "new_site", "server", "valkey"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.container)


@pytest.fixture(scope="session")
def image() -> Iterator[None]:
    """The image; where it cannot be built the test is skipped, and the run says why."""
    if why := podman.missing():
        pytest.skip(f"the image is NOT built and tested: {why}")
    podman.build()
    yield
    podman.remove()
