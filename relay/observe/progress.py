"""Whether this worker gets on: when it last got a tick or made a step.

A worker whose broker connection hangs is alive for the system and deaf for its work; only the age of what it last
did tells.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Gauge

from relay.observe import metrics
from relay.observe.server import Check, MetricsServer, process_registry

log = logging.getLogger(__name__)

SILENT_SECONDS: Final = 300  # more than the longest call, and a broker restarts in less
_NAME: Final = "ei_relay_worker_last_step_timestamp_seconds"
_LAST_STEP: Final = Gauge(
    _NAME,
    "When a worker last began or ended a step (a look at what is due, an intake, a call), in Unix time.",
    multiprocess_mode="max",
)


def step() -> None:
    """Note that a step begins or ends now."""
    _LAST_STEP.set_to_current_time()


def check(registry: CollectorRegistry = REGISTRY) -> Check:
    """A health check: well while a step of the registry's processes is at most SILENT_SECONDS old, or this check is."""
    began = time.time()

    def wrong() -> str | None:
        last = max(registry.get_sample_value(_NAME) or 0.0, began)
        age = time.time() - last
        return f"no step for {age:.0f} s: no tick arrives, or a step hangs" if age > SILENT_SECONDS else None

    return wrong


def serve_own_metrics(port: int, sources: Iterable[str]) -> MetricsServer | None:
    """Serve this process's counters and health on `port`; None where it is 0, or taken: the work matters more.

    A port is taken as a rule by another worker of the same host, whose counters are then only its own part.
    """
    metrics.prepare(sources)
    if not port:
        return None
    registry = process_registry()
    try:
        return MetricsServer(port, registry, check(registry))
    except OSError as error:
        log.warning(
            "this worker shows no metrics, for port %d cannot be served: %s; give each worker of a host a port of its "
            "own (EI_RELAY_WORKER_METRICS_PORT), and 0 to those that are to show none",
            port,
            error.strerror,
        )
        return None
