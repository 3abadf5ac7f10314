"""A worker's own metrics and health, served by its main process from when it is ready.

The pool of threads is one process, and so is its registry. For a pool of
processes (`-P processes`; Celery takes `-P prefork` for no choice made) set PROMETHEUS_MULTIPROC_DIR to an
empty folder: then the children count in files there, which outlive them, and the main process adds them up.
"""

from __future__ import annotations

import os
from typing import Any

from celery.signals import celeryd_after_setup, worker_process_shutdown, worker_shutdown
from prometheus_client import multiprocess

from relay.observe.progress import serve_own_metrics
from relay.observe.server import MetricsServer
from workers.app import settings

_server: MetricsServer | None = None


@celeryd_after_setup.connect
def _serve(**_options: object) -> None:
    global _server
    _server = serve_own_metrics(settings.worker_metrics_port, (source.name for source in settings.source))


@worker_process_shutdown.connect
def _forget_child(pid: int, **_options: Any) -> None:
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        multiprocess.mark_process_dead(pid)  # type: ignore[no-untyped-call]


@worker_shutdown.connect
def _close(**_options: object) -> None:
    if _server is not None:
        _server.close()
