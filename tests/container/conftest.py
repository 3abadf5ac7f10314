"""What the container tests share: the image, built once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container import builder, podman
from tests.integration.conftest import new_database, new_site, server, valkey

__all__ = ["new_database", "new_site", "server", "valkey"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "image" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.container)
            item.add_marker(pytest.mark.heavy)


@pytest.fixture(scope="session")
def image() -> Iterator[None]:
    """The image; where this machine builds none at all the test is skipped, and the run says why."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder:
        try:
            try:
                builder.make_base(Path(folder))
            except builder.CannotBeTried as why:
                pytest.skip(f"the image is NOT built and tested: {why}")
            builder.build(Path(folder))
            yield
        finally:
            builder.remove()


@pytest.fixture(scope="session")
def running(image: None) -> None:
    """The image, and containers run here; where they do not the test is skipped, and the run says why."""
    try:
        podman.check_that_containers_run()
    except builder.CannotBeTried as why:
        pytest.skip(f"the image was built, but is NOT run: {why}")
