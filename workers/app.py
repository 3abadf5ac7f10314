"""The Celery app: its settings, each with its reason, and its schedule.

The broker is a bell, not a mailbox. A message carries the name of a source or a lane and nothing else; it may be
lost, doubled or late without harm, because what is to be done stands in the database and is asked for again at
the next tick.
"""

from __future__ import annotations

from typing import Any

from celery import Celery
from celery.apps.worker import Worker
from celery.signals import setup_logging

from relay.observe.logging import configure
from relay.settings import Settings, SettingsError, load

HINT_SECONDS = 60  # a hint older than this is dropped: a newer one has come long since


class QuietWorker(Worker):
    """A worker without gossip, mingle and heartbeat: it needs nothing of its peers, and each of the three is one
    more broker connection to hang on after an outage."""

    def __init__(self, *args: Any, **options: Any) -> None:
        options |= {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}
        super().__init__(*args, **options)


class RelayCelery(Celery):
    """Celery with quiet workers."""

    @property
    def Worker(self) -> type[QuietWorker]:  # noqa: N802 - Celery's name
        """The worker class that `celery worker` starts."""
        worker: type[QuietWorker] = self.subclass_with_self(QuietWorker)
        return worker


def make_app(settings: Settings) -> Celery:
    """The app for these settings."""
    app = RelayCelery("ei-relay", include=["workers.tasks", "workers.health"])
    app.conf.update(
        broker_url=settings.broker_url,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,  # a broker that is away is waited for, however long
        broker_pool_limit=settings.worker_threads,
        broker_transport_options={
            "socket_timeout": 10,  # without it one dead connection hangs the worker's loop for ever
            "socket_connect_timeout": 5,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "visibility_timeout": 300,
            "unacked_restore_interval": 10,
        },
        broker_transport_retry_policy={"max_retries": 1},
        task_acks_late=False,  # a hint is worth nothing once it was heard; redelivery would only double it
        task_ignore_result=True,
        task_store_errors_even_if_ignored=False,
        task_publish_retry=False,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        worker_enable_remote_control=False,
        worker_pool="threads",  # the work is waiting for networks; one process holds the certificates and the pools
        worker_concurrency=settings.worker_threads,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        beat_scheduler="celery.beat:Scheduler",  # in memory: nothing of the schedule is worth a file
        beat_max_loop_interval=1,
        beat_schedule={
            "tick": {
                "task": "workers.tick",
                "schedule": settings.poll_interval.total_seconds(),
                "options": {"expires": HINT_SECONDS},
            }
        },
        timezone="UTC",
    )
    return app


def load_settings() -> Settings:
    """The settings of this process; a process with wrong ones ends with every mistake told."""
    try:
        return load()
    except SettingsError as error:
        raise SystemExit(f"the configuration is wrong:\n{error}") from None


settings = load_settings()
app = make_app(settings)


@setup_logging.connect
def _set_up_logging(**_options: object) -> None:
    configure(settings.log_level, settings.log_format)
