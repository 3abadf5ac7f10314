"""Whom a test's certificates are signed by, and an index behind whatever stands before it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import trustme

from relay.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """One for each file of tests: keys take their time."""
    return trustme.CA()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """An index to practise on."""
    with Sandbox() as sandbox:
        yield sandbox
