"""Tries the broker as workers and beat use it: each command, then a message there and back, on keys of its own."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import redis
from kombu import Connection, Consumer, Exchange, Queue

from relay.broker.address import connection_to, refuse_cluster
from relay.settings import Settings
from relay.settings.trial import Trial

_KEEP_SECONDS: Final = 30  # after which what a check that was killed has left behind is gone by itself
ADVICE: Final = {
    "OOM": "it has no memory left: raise maxmemory, or look what fills it",
    "READONLY": "it is a replica, which takes no writes: name the primary in broker_url, or Sentinels",
    "MASTERDOWN": "it is a replica that has lost its primary: name the primary in broker_url, or Sentinels",
    "LOADING": "it is starting, which passes by itself",
    "MISCONF": "it cannot write to its disk and so takes no writes: the relay needs no persistence, CONFIG SET save ''",
    "NOREPLICAS": "it has too few replicas to take writes: mend them, or lower min-replicas-to-write",
    "NOAUTH": "it wants a password: set it in broker_url, or broker_password_file",
    "WRONGPASS": "set the right user and password in broker_url, or broker_password_file",
}  # fmt: skip


def try_broker(settings: Settings, trial: Trial, seconds: float) -> None:
    """Try it, and gather in `trial` what came of it. Raises what the client raises where it does not answer."""
    with connection_to(settings, socket_connect_timeout=seconds, socket_timeout=seconds) as connection:
        channel: Any = connection.channel()  # opening one pings the server, and does not try again
        trial.did.append("answers")
        client = getattr(channel, "client", None)
        if client is not None:
            refuse_cluster(client)
            _sentinels(channel, trial)
            trial.account = str(client.connection_pool.connection_kwargs.get("username") or "default")
            _denied(client, trial)
            _keeps(client, trial)
        if not trial.wrong:
            _there_and_back(connection, channel, client, seconds)
            trial.did.append("a message was sent and received")


def in_words(error: BaseException) -> str:
    """A refusal of the server with what to do; any other error as its class."""
    said = str(error).strip().splitlines()
    line = said[0] if said else type(error).__name__
    kind = line.split(" ", 1)[0].rstrip(":,")
    for name, advice in ADVICE.items():
        if kind == name or type(error) is _CLASSES.get(name):
            return f"{line}; {advice}"
    return line


_CLASSES: Final = {
    "OOM": redis.exceptions.OutOfMemoryError, "READONLY": redis.exceptions.ReadOnlyError,
    "MASTERDOWN": redis.exceptions.MasterDownError, "LOADING": redis.exceptions.BusyLoadingError,
    "WRONGPASS": redis.exceptions.AuthenticationError,
}  # fmt: skip


def _denied(client: Any, trial: Trial) -> None:
    """Give each command that workers and beat give, on keys that are the check's alone."""
    name = f"ei-relay-check-{uuid.uuid4().hex[:12]}"
    text, a_hash, a_set, ranked = f"{name}-text", f"{name}-hash", f"{name}-set", f"{name}-ranked"
    commands: list[tuple[Any, ...]] = [
        ("SET", text, "1", "PX", 50, "NX"), ("GET", text), ("LPUSH", name, "1", "2", "3"), ("LLEN", name),
        ("LREM", name, 1, "3"), ("BRPOP", name, 1), ("SADD", a_set, "1"), ("SMEMBERS", a_set),
        ("HSET", a_hash, "1", "1"), ("HGET", a_hash, "1"), ("HDEL", a_hash, "1"), ("ZADD", ranked, 1, "1"),
        ("ZRANGE", ranked, 0, -1),
        ("ZREVRANGEBYSCORE", ranked, 2, 0), ("ZREM", ranked, "1"), ("EVAL", "return 1", 0), ("WATCH", name),
        ("UNWATCH",), ("MULTI",), ("DISCARD",), ("MULTI",), ("EXEC",), ("ROLE",),
    ]  # fmt: skip
    denied: list[str] = []
    with client.client() as one:  # one connection, for WATCH and MULTI
        for command in commands:
            if command[0] in ("DISCARD", "EXEC") and "multi" in denied:
                continue
            try:
                one.execute_command(*command)
            except redis.exceptions.NoPermissionError as error:
                if "key" in str(error) and "command" not in str(error):
                    trial.wrong.append(
                        f"the account {trial.account} may not use the key {name}: "
                        f"ACL SETUSER {trial.account} ~*, or give the relay a server of its own"
                    )
                    return
                denied.append(str(command[0]).lower())
        deadline = time.monotonic() + 2
        while "get" not in denied and "set" not in denied and one.get(text) is not None:
            if time.monotonic() > deadline:
                trial.doubts.append("a key that was to expire after 50 ms is there after 2 s")
                break
            time.sleep(0.02)
        try:
            one.delete(name, a_set, a_hash, ranked, text)
        except redis.exceptions.NoPermissionError:
            denied.append("del")
    if denied:
        trial.wrong.append(
            f"the account {trial.account} may not give {', '.join(sorted(denied))}: "
            f"ACL SETUSER {trial.account} {' '.join('+' + each for each in sorted(denied))}"
        )
    else:
        trial.did.append("all commands that are needed are allowed, keys expire")


def _sentinels(channel: Any, trial: Trial) -> None:
    """Which server each Sentinel names. kombu asks one after the other, so one that answers is enough for today."""
    manager = getattr(channel.client.connection_pool, "sentinel_manager", None)
    if manager is None:
        return
    named: set[str] = set()
    for sentinel in manager.sentinels:
        options = sentinel.connection_pool.connection_kwargs
        where = f"{options.get('host')}:{options.get('port')}"
        try:
            found = sentinel.sentinel_get_master_addr_by_name(channel.master_name)
        except (redis.RedisError, OSError) as error:
            trial.doubts.append(f"the Sentinel {where} does not answer: {in_words(error)}")
            continue
        if found is None:
            trial.doubts.append(f"the Sentinel {where} knows no {channel.master_name}: see broker_sentinel_master")
        else:
            named.add(":".join(each.decode() if isinstance(each, bytes) else str(each) for each in found))
    trial.did.append(f"Sentinels name {' and '.join(sorted(named))}")
    if len(named) > 1:
        trial.doubts.append("the Sentinels name different servers: it passes if one of them was just made the first")


def _keeps(client: Any, trial: Trial) -> None:
    """Whether the server throws away what was not yet read when its memory is full."""
    try:
        memory = client.info("memory")
    except redis.RedisError:
        memory = {}
    policy = memory.get("maxmemory_policy")
    advice = "CONFIG SET maxmemory-policy noeviction, on a server of the relay's own"
    if policy is None:
        trial.doubts.append("its maxmemory-policy cannot be read (no right to INFO): see that it is noeviction")
    elif str(policy).startswith("allkeys"):
        trial.wrong.append(f"its maxmemory-policy is {policy}, which throws away queues when memory is full: {advice}")
    elif policy != "noeviction":
        trial.doubts.append(f"its maxmemory-policy is {policy}, not noeviction: {advice}")
    else:
        trial.did.append("maxmemory-policy noeviction")


def _there_and_back(connection: Connection, channel: Any, client: Any, seconds: float) -> None:
    """Send a message as wake-ups are sent, with an end to its life, and take it as workers do."""
    name, heard = f"ei-relay-check-{uuid.uuid4().hex[:12]}", list[Any]()
    queue = Queue(name, exchange=Exchange(""), routing_key=name, no_declare=True)

    def hear(_body: Any, message: Any) -> None:
        heard.append(message)
        message.ack()

    try:
        with connection.Producer(channel) as producer:
            ends = datetime.now(UTC) + timedelta(seconds=_KEEP_SECONDS)
            producer.publish(
                {}, exchange="", routing_key=name, headers={"expires": ends.isoformat()}, serializer="json"
            )
        with Consumer(channel, queues=[queue], accept=["json"], callbacks=[hear], auto_declare=False):
            connection.drain_events(timeout=seconds)
    finally:
        if client is not None:
            client.delete(name)
    if not heard:
        raise TimeoutError("the message that was sent did not come back")
