"""A document that is right, for tests to spoil."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

_RIGHT: dict[str, Any] = {
    "environment": "production",
    "database_url": "postgresql+psycopg://relay@db/relay",
    "engagement_index": {
        "national": {
            "url": "https://ei.example/Update",
            "logical_address": "5565594230",
            "client_certificate": "tls.crt",
            "client_key": "tls.key",
            "ca_bundle": "ca.crt",
        }
    },
    "source": [
        {
            "name": "tidbok-nord",
            "source_systems": ["SE2321000016-84GX"],
            "data_controller": "SE232100-0016",
            "engagement_index": "national",
        }
    ],
}


@pytest.fixture
def document() -> dict[str, Any]:
    return deepcopy(_RIGHT)


@pytest.fixture
def index(document: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = document["engagement_index"]["national"]
    return table


@pytest.fixture
def source(document: dict[str, Any]) -> dict[str, Any]:
    table: dict[str, Any] = document["source"][0]
    return table
