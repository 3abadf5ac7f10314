"""Messages as Celery writes them, without a broker."""

from __future__ import annotations

from typing import Any

from celery import Celery
from kombu import Connection, Queue


def written(task: str, arguments: list[Any], keywords: dict[str, Any], expires: float | None = None) -> dict[str, Any]:
    """The message that `app.send_task` puts on a queue."""
    app = Celery("test", set_as_current=False)
    app.conf.broker_url = "memory://"
    with Connection("memory://", transport_options={"queue_name_prefix": ""}) as connection:
        channel = connection.channel()
        Queue("celery", channel=channel).declare()
        app.send_task(task, arguments, keywords, expires=expires, connection=connection)
        message: dict[str, Any] = channel._get("celery")
    return message
