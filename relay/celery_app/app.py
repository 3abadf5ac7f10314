"""The Celery app: its settings, each with its reason, and its schedule.

The broker only wakes workers. A message carries names of sources, or of a lane, and nothing else; it may be
lost, doubled or late without harm, because what is to be done stands in the database and is asked for again at
the next tick.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING

from celery import Celery
from celery.exceptions import CPendingDeprecationWarning
from celery.signals import beat_init, setup_logging

from relay.broker.address import address_of
from relay.broker.messages import Reader
from relay.broker.transport import READER, register
from relay.celery_app.pulse import Pulse
from relay.flow.schedule.chores import EVERY
from relay.observe.logging import configure
from relay.settings import Settings, SettingsError, format_duration, load

if TYPE_CHECKING:  # what a worker is made of is nothing for beat
    from relay.celery_app.quiet import QuietWorker

log = logging.getLogger(__name__)

MESSAGE_SECONDS = 60  # a wake-up older than this is dropped: a newer one has come long since


class RelayCelery(Celery):
    """Celery with quiet workers."""

    @property
    def Worker(self) -> type[QuietWorker]:  # noqa: N802 - Celery's name
        """The worker class that `celery worker` starts."""
        from relay.celery_app.quiet import QuietWorker

        worker: type[QuietWorker] = self.subclass_with_self(QuietWorker)
        return worker


def make_app(settings: Settings) -> Celery:
    """The app for these settings."""
    register()
    names = Reader(frozenset(s.name for s in settings.source), frozenset(settings.engagement_index))
    address = address_of(settings, **{READER: names})
    app = RelayCelery("ei-relay")
    app.conf.update(
        broker_url=address.url,
        broker_connection_retry_on_startup=True,
        broker_channel_error_retry=True,  # whatever it answers, it may answer otherwise soon
        broker_connection_max_retries=None,  # a broker that is away is waited for, however long
        broker_pool_limit=settings.worker_threads,
        broker_transport_options=address.options,
        broker_use_ssl=address.tls,
        broker_transport_retry_policy={"max_retries": 1},
        task_acks_late=False,  # a wake-up is worth nothing once it was taken; redelivery would only double it
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
        beat_scheduler="relay.celery_app.pulse:PulsingScheduler",
        beat_max_loop_interval=1,
        beat_schedule={
            "tick": {
                "task": "workers.tick",
                "schedule": settings.poll_interval.total_seconds(),
                "options": {"expires": MESSAGE_SECONDS},
            },
            "prune": {
                "task": "workers.prune",
                "schedule": EVERY.total_seconds(),
                "options": {"expires": MESSAGE_SECONDS},
            },
            "full-lists": {
                "task": "workers.full_lists",
                "schedule": EVERY.total_seconds(),
                "options": {"expires": MESSAGE_SECONDS},
            },
        },
        timezone="UTC",
    )
    app.steps["worker"].add(Pulse)
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
    warnings.filterwarnings("ignore", category=CPendingDeprecationWarning)  # at each reconnection, of Celery's future
    for name in ("celery.beat", "celery.worker.request"):
        logging.getLogger(name).addFilter(_without_stack)


_OF_THE_BROKER = {
    "Message Error": "the broker did not take a tick: %s",
    "Couldn't ack": "the broker did not confirm that a wake-up message was taken: %s",
}


def _without_stack(record: logging.LogRecord) -> bool:
    """Celery prints whole stacks when the broker does not take a tick or an acknowledgement, which cost nothing
    here; the error is enough."""
    error = record.exc_info[1] if record.exc_info else None
    for beginning, words in _OF_THE_BROKER.items():
        if error is not None and str(record.msg).startswith(beginning):
            record.msg, record.args = words, (type(error).__name__,)
            record.levelno, record.levelname = logging.WARNING, "WARNING"
            record.exc_info = record.exc_text = None
    return True


@beat_init.connect
def _tell_of_the_schedule(**_options: object) -> None:
    log.info("the schedule has started", extra={"poll_interval": format_duration(settings.poll_interval)})
