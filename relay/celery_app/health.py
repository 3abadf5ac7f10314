"""A worker's own metrics and health, served by its main process from when it is ready.

The pool of threads is one process, and so is its registry. For a pool of processes (`-P processes`; Celery takes
`-P prefork` for no choice made) set PROMETHEUS_MULTIPROC_DIR to an empty folder of the worker's own: then the children
count in files there, which outlive them and the worker, and the main process adds them up.
"""

from __future__ import annotations

import logging
import os
from typing import Any

from celery.signals import celeryd_after_setup, worker_shutdown

from relay.celery_app.app import settings
from relay.observe.progress import serve_own_metrics
from relay.observe.server import MetricsServer

log = logging.getLogger(__name__)

_server: MetricsServer | None = None


@celeryd_after_setup.connect
def _serve(instance: Any, **_options: object) -> None:
    global _server
    _server = serve_own_metrics(settings.worker_metrics_port, (source.name for source in settings.source))
    has_children = instance.pool_cls.__module__ == "celery.concurrency.prefork"
    if _server is not None and has_children and not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        log.error(
            "this worker's metrics lack all that its processes count: set PROMETHEUS_MULTIPROC_DIR to an empty folder, "
            "or leave out -P processes"
        )


@worker_shutdown.connect
def _close(**_options: object) -> None:
    if _server is not None:
        _server.close()
