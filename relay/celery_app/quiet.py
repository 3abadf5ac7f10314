"""The worker that `celery -A workers worker` starts; beat never imports it."""

from __future__ import annotations

from typing import Any

from celery.apps.worker import Worker

from relay.observe.memory import keep_small

_TASKS = ("relay.celery_app.tasks", "relay.celery_app.health")


class QuietWorker(Worker):
    """A worker without gossip, mingle and heartbeat: it needs nothing of its peers, and each of the three is one
    more broker connection to hang on after an outage. The tasks are imported by workers alone: beat, which calls
    them by their names, needs none of what they do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        keep_small()  # before there are threads
        options["include"] = [*_TASKS, *(options.get("include") or ())]
        super().__init__(*args, **options)
