"""The way to the broker and back: kombu's Redis transport, made so that nothing that comes by it ends a worker.

Three things are different from kombu's own.

    what comes    goes through `relay.broker.messages` before kombu or Celery see it. What is not ours is dropped: one
                  line in the log without its content, and a counter.
    what goes     is withdrawn where MOST_WAITING messages wait already, if it expires: a schedule without workers
                  would else fill the broker, as expired messages lie there until somebody takes them.
    refusals      of the server (READONLY after a failover, NOPERM, LOADING, MISCONF, OOM …) are a connection that
                  broke: it is made anew, for as long as it takes, by workers and by beat.
"""

from __future__ import annotations

import logging
from typing import Any, Final

import redis
from kombu.transport import TRANSPORT_ALIASES
from kombu.transport.redis import Channel, SentinelChannel, SentinelTransport, Transport
from kombu.utils.json import dumps
from redis.credentials import CredentialProvider

from relay.broker.messages import QUEUE_FULL, Foreign, Reader

log = logging.getLogger(__name__)

MOST_WAITING: Final = 1000  # a wake-up for each lane and ten sources is far less; a worker takes as many in a second
READER: Final = "reader"  # the option of the transport that has the Reader
PASSWORD_FILE: Final = "password_file"  # noqa: S105 - and the one that has who reads the password


def _count_dropped(reason: str) -> None:
    from relay.observe import metrics  # beat has none, and drops next to nothing

    metrics.MESSAGES_DROPPED.labels(reason).inc()


class _Client(redis.Redis):
    """A client that gives only messages of ours; of a foreign one, what it gives when none came in time."""

    reader: Reader

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """The answer of the server."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        queue, raw = answer
        try:
            return queue, self.reader.read(raw)
        except Foreign as foreign:
            _count_dropped(foreign.reason)
            log.error("a message on the queue was not one of the relay's and was dropped: %s", foreign.reason)
            return None


class _Guarded:
    """What both kinds of channel have in common."""

    from_transport_options: tuple[str, ...]
    reader: Reader | None = None  # None: of one who only publishes, or asks whether the server is there
    password_file: CredentialProvider | None = None

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]
        if self.password_file is not None:
            parameters["credential_provider"] = self.password_file
            parameters.pop("username", None)
            parameters.pop("password", None)
        return parameters

    def _get_client(self) -> Any:
        if self.reader is None:
            return redis.Redis
        return type("Client", (_Client,), {"reader": self.reader})

    def _put(self, queue: str, message: dict[str, Any], **options: Any) -> None:
        channel: Any = self
        try:
            if message["headers"].get("expires") is None:  # somebody's request, and no wake-up that comes again
                super()._put(queue, message, **options)  # type: ignore[misc]
            else:
                self._put_hint(channel, queue, message)
        except redis.RedisError:
            channel.pool.disconnect()  # or we would go on asking a server that is no longer the one to ask
            raise

    def _put_hint(self, channel: Any, queue: str, message: dict[str, Any]) -> None:
        key = channel._q_for_pri(queue, channel._get_message_priority(message, reverse=False))
        text = dumps(message)
        with channel.conn_or_acquire() as client:
            if client.lpush(key, text) > MOST_WAITING:
                client.lrem(key, 1, text)  # it is the first, unless a worker has it already
                _count_dropped(QUEUE_FULL)
                log.error(
                    "%d messages wait in the broker and nobody takes them, so no more are put there; start workers",
                    MOST_WAITING,
                )


class GuardedChannel(_Guarded, Channel):
    """The channel of one server."""

    from_transport_options = (*Channel.from_transport_options, READER, PASSWORD_FILE)


class GuardedSentinelChannel(_Guarded, SentinelChannel):
    """The channel of a server that Sentinel names."""

    from_transport_options = (*SentinelChannel.from_transport_options, READER, PASSWORD_FILE)


class GuardedTransport(Transport):
    """The transport to one server."""

    Channel = GuardedChannel
    connection_errors = (*Transport.connection_errors, *Transport.channel_errors)


class GuardedSentinelTransport(SentinelTransport):
    """The transport to a server that Sentinel names."""

    Channel = GuardedSentinelChannel
    connection_errors = GuardedTransport.connection_errors


def register() -> None:
    """Have this process use these in place of kombu's own."""
    for scheme, transport in (("redis", GuardedTransport), ("rediss", GuardedTransport), ("socket", GuardedTransport),
                              ("sentinel", GuardedSentinelTransport)):  # fmt: skip
        TRANSPORT_ALIASES[scheme] = f"{__name__}:{transport.__name__}"
