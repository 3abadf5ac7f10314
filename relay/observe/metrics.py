"""Counters and histograms of what workers do. The state of the database is exported by the exporter instead.

No label ever holds a resident, a booking or a care unit; sources, indexes and source systems are as many as the
configuration names.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics


def _make_folder_of_counts() -> None:
    """The library opens its files while modules are imported, where a folder that is not there is but a traceback."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if folder:
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SystemExit(f"PROMETHEUS_MULTIPROC_DIR: {folder} cannot be made a folder: {error.strerror}") from None


_make_folder_of_counts()
disable_created_metrics()  # type: ignore[no-untyped-call]  # or each series comes with a second one that says when it began

OUTBOX_ROWS: Final = Counter(
    "ei_relay_outbox_rows_total", "Outbox rows settled, by what became of them.", ["source", "outcome"]
)
CALLS: Final = Counter(
    "ei_relay_calls_total",
    "Update calls, by the verdict on their answer and its code.",
    ["index", "source_system", "verdict", "code"],
)
CALL_SECONDS: Final = Histogram(
    "ei_relay_call_seconds",
    "How long a call took, from connecting to its answer.",
    ["index"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90),
)
PRODUCER_SECONDS: Final = Histogram(
    "ei_relay_producer_seconds",
    "How long the platform waited for the index, as it says in its answer: a part of ei_relay_call_seconds.",
    ["index"],
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 90),
)
CALL_POSTS: Final = Histogram(
    "ei_relay_call_posts", "Posts in a call.", ["index"], buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)
)
COMPANION_POSTS: Final = Counter(
    "ei_relay_companion_posts_total",
    "Posts that the index has already and that were sent again: so that another one need not go alone, or to confirm "
    "what was sent alone.",
    ["index", "source_system"],
)
REFRESHED_POSTS: Final = Counter(
    "ei_relay_refreshed_posts_total",
    "Posts that the index has already and that were sent again because it was time to (refresh_every).",
    ["index", "source_system"],
)
DELIVERY_DELAY: Final = Histogram(
    "ei_relay_delivery_delay_seconds",
    "From a change's registration in the booking system to the index's acceptance (at most an hour, R-33).",
    ["source"],
    buckets=(0.5, 1, 1.5, 2, 5, 15, 60, 300, 360, 600, 900, 1800, 2700, 3600, 7200),
)
MESSAGES_DROPPED: Final = Counter(
    "ei_relay_broker_messages_dropped_total",
    "Messages that were dropped: not ours, or put on a queue that nobody empties (queue-full).",
    ["reason"],
)
SPOOL_FILES: Final = Gauge(
    "ei_relay_spool_files",
    "Acceptances that this host has kept in files until they are written down; more than a few: see the log.",
    multiprocess_mode="max",
)


def prepare(sources: Iterable[str]) -> None:
    """Begin the counters of these sources at 0: a series that begins at 1 shows no increase, and raises no alarm."""
    for source in sources:
        for outcome in ("taken", "rejected", "duplicate", "superseded"):
            OUTBOX_ROWS.labels(source, outcome)
