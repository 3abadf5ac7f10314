"""A relay of two sources, one index and its certificate; and what its exporter serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from prometheus_client import CollectorRegistry

from relay.exporter.families import Families
from relay.exporter.looks import Looks
from relay.flow.relay import Relay
from relay.outbox import ddl
from relay.settings import parse
from tests.made import CONTROLLER, OTHER_SYSTEM, SYSTEM

CERTIFICATE_ENDS = datetime(2031, 5, 4, 12, 0, tzinfo=UTC)
Serve = Callable[[], CollectorRegistry]


@pytest.fixture
def relay(relay_url: str, tmp_path: Path) -> Iterator[Relay]:
    """The outbox of nord lies in the relay's database, that of syd in a file that is not there."""
    certificate = trustme.CA().issue_cert("relay.example", not_after=CERTIFICATE_ENDS)
    (tmp_path / "tls.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
    relay = Relay(parse(_document(relay_url, tmp_path)))
    ddl.create(relay.store.engine)
    relay.prepare()
    yield relay
    relay.close()


@pytest.fixture
def served(relay: Relay) -> Serve:
    """Looks at everything once, now, and gives what would be served."""

    def serve() -> CollectorRegistry:
        looks = Looks(relay, _no_broker)
        for each in looks.all():
            each.look_once()
        registry = CollectorRegistry()
        registry.register(Families(looks))
        return registry

    return serve


def _no_broker() -> None:
    raise ConnectionError("nobody listens on broker:6379, says a text that may hold anything")


def _document(database_url: str, folder: Path) -> dict[str, Any]:
    source = {"data_controller": CONTROLLER, "engagement_index": "national"}
    files = {name: str(folder / file) for name, file in
             {"client_certificate": "tls.crt", "client_key": "tls.key", "ca_bundle": "ca.crt"}.items()}  # fmt: skip
    return {
        "environment": "production",
        "database_url": database_url,
        "engagement_index": {"national": {"url": "https://ei.example/Update", "logical_address": "5565594230"} | files},
        "source": [
            source | {"name": "nord", "source_systems": [SYSTEM], "full_list_query": "SELECT * FROM ei_full_list"},
            source
            | {"name": "syd", "source_systems": [OTHER_SYSTEM], "outbox_url": f"sqlite:///{folder}/no/outbox.db"},
        ],
    }
