"""The kinds of trouble. Each comes, stays for some seconds and ends: when its function returns, it is over."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Final

import psycopg
import redis

from relay.demo.valkey import Valkey
from tests.chaos import bad_answers
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import LEASE, PAIRS, SINGLE, SYSTEMS, Stage
from tests.integration.processes import Process
from tests.waiting import wait_until

Bring = Callable[[Stage, Random, float], None]  # brings the trouble and sees it through for so many seconds


@dataclass(frozen=True)
class Trouble:
    """A kind of trouble. `least` and `most`: the seconds it stays. `touches`: what no other may touch meanwhile."""

    name: str
    touches: str
    least: float
    most: float
    bring: Bring
    on: str = ""  # the only kind of stage where it comes
    spares_the_canary: bool = False  # it is somebody else's alone


def _one(processes: list[Process], random: Random) -> list[Process]:
    return [random.choice(processes)]


def _kill(processes: list[Process], seconds: float) -> None:
    for process in processes:
        process.kill()
    time.sleep(seconds)
    for process in processes:
        process.start()


def _freeze(processes: list[Process], seconds: float) -> None:
    for process in processes:
        process.freeze()
    time.sleep(seconds)
    for process in processes:
        process.thaw()


def _worker_killed(stage: Stage, random: Random, seconds: float) -> None:
    _kill(_one(stage.workers, random), seconds)


def _workers_killed(stage: Stage, random: Random, seconds: float) -> None:
    _kill(stage.workers, seconds)


def _beat_killed(stage: Stage, random: Random, seconds: float) -> None:
    _kill(_one(stage.beats, random), seconds)


def _beats_killed(stage: Stage, random: Random, seconds: float) -> None:
    _kill(stage.beats, seconds)


def _worker_frozen(stage: Stage, random: Random, seconds: float) -> None:
    _freeze(_one(stage.workers, random), seconds)


def _workers_frozen(stage: Stage, random: Random, seconds: float) -> None:
    _freeze(stage.workers, seconds)


def _beats_frozen(stage: Stage, random: Random, seconds: float) -> None:
    _freeze(stage.beats, seconds)


def _database_crashed(stage: Stage, random: Random, seconds: float) -> None:
    stage.database.stop(signal.SIGQUIT)
    time.sleep(seconds)
    stage.database.start()


def _database_frozen(stage: Stage, random: Random, seconds: float) -> None:
    with stage.server.frozen():
        time.sleep(seconds)


def _workers_killed_while_frozen(stage: Stage, random: Random, seconds: float) -> None:
    with stage.server.frozen():
        time.sleep(seconds / 2)
        _kill(stage.workers, seconds / 2)


def _database_read_only(stage: Stage, random: Random, seconds: float) -> None:
    with stage.read_only():
        time.sleep(seconds)


def _primary_killed(stage: Stage, random: Random, seconds: float) -> None:
    stage.fail_over(seconds)


def _broker_demoted(stage: Stage, random: Random, seconds: float) -> None:
    """It is made a replica of an empty one, and the first again."""
    with Valkey() as other, redis.Redis(port=stage.broker.port) as broker:
        broker.config_set("repl-diskless-load", "flush-before-load")  # no file is left where this was started
        broker.replicaof("127.0.0.1", str(other.port))
        time.sleep(seconds)
        broker.replicaof("NO", "ONE")


def _broker_without_rights(stage: Stage, random: Random, seconds: float) -> None:
    with redis.Redis(port=stage.broker.port) as broker:
        broker.acl_setuser("default", enabled=True, categories=["-@write"])
        time.sleep(seconds)
        broker.acl_setuser("default", enabled=True, categories=["+@all"])


def _sentinel_failover(stage: Stage, random: Random, seconds: float) -> None:
    """The server that is written to dies; it is over when Sentinel has made the other one the first."""
    wait_until(stage.sentinels.has_a_copy, "a copy that can take over")
    before = stage.sentinels.first()
    stage.sentinels.kill(before)
    wait_until(lambda: stage.sentinels.first() != before, "another server")
    stage.sentinels.revive(before)


def _nords_table_locked(stage: Stage, random: Random, seconds: float) -> None:
    with psycopg.connect(stage.nords.url("nord").replace("+psycopg", "")) as connection:
        connection.execute("LOCK TABLE ei_outbox")
        time.sleep(seconds)


def _nords_rows_held(stage: Stage, random: Random, seconds: float) -> None:
    """Every row that waits is held, a while long, as by somebody's forgotten session."""
    with psycopg.connect(stage.nords.url("nord").replace("+psycopg", "")) as connection:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            connection.execute("SELECT id FROM ei_outbox WHERE outcome IS NULL FOR UPDATE SKIP LOCKED")
            time.sleep(0.2)


def _syd_refused(stage: Stage, random: Random, seconds: float) -> None:
    bad_answers.refuse(stage.site.index, SYSTEMS["syd"])
    time.sleep(seconds)
    stage.site.index.cancel_orders()
    bad_answers.order(stage.site.index, random.randrange(10**6))


def _broker_flushed(stage: Stage, random: Random, seconds: float) -> None:
    stage.flush_broker()


def _broker_killed(stage: Stage, random: Random, seconds: float) -> None:
    stage.broker.close()
    time.sleep(seconds)
    stage.broker.start()


def _broker_frozen(stage: Stage, random: Random, seconds: float) -> None:
    assert stage.broker.process is not None
    stage.broker.process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    stage.broker.process.send_signal(signal.SIGCONT)


def _refused_by_the_index(stage: Stage, random: Random, seconds: float) -> None:
    bad_answers.refuse_everybody(stage.site.index)
    time.sleep(seconds)
    stage.site.index.cancel_orders()
    bad_answers.order(stage.site.index, random.randrange(10**6))


def _on_the_way(to: str, how: str) -> Bring:
    """Trouble of the proxy on the way to the index, the database or the broker."""

    def bring(stage: Stage, random: Random, seconds: float) -> None:
        proxy: FaultProxy = getattr(stage, f"{to}_way")
        trouble = {
            "slow": lambda: proxy.slow(random.uniform(0.02, 0.3)),
            "refused": proxy.refusing,
            "reset": proxy.resetting,
            "swallowed": proxy.swallowing,
            "cut": lambda: proxy.cutting(random.randint(0, 600)),
        }[how]
        with ExitStack() as stack:
            stack.enter_context(trouble())
            time.sleep(seconds)

    return bring


TROUBLES: Final = (
    Trouble("worker killed", "workers", 0, 2, _worker_killed),
    Trouble("both workers killed", "workers", 0, 2, _workers_killed),
    Trouble("worker frozen", "workers", 0.5, 6, _worker_frozen),
    Trouble("worker frozen past its lease", "workers", LEASE + 0.5, LEASE + 4, _worker_frozen),
    Trouble("both workers frozen past their leases", "workers", LEASE + 0.5, LEASE + 4, _workers_frozen),
    Trouble("beat killed", "beats", 0, 2, _beat_killed),
    Trouble("both beats killed", "beats", 0, 2, _beats_killed),
    Trouble("both beats frozen", "beats", 2, 8, _beats_frozen),
    Trouble("database crashed", "database", 0, 4, _database_crashed, SINGLE),
    Trouble("database frozen", "database", 2, 8, _database_frozen, SINGLE),
    Trouble(
        "workers killed, database frozen",
        "workers database",
        2,
        6,
        _workers_killed_while_frozen,
        SINGLE,
    ),
    Trouble("broker flushed", "broker", 0, 0, _broker_flushed, SINGLE),
    Trouble("broker killed, back empty", "broker", 0, 5, _broker_killed, SINGLE),
    Trouble("broker frozen", "broker", 1, 14, _broker_frozen, SINGLE),
    Trouble("broker demoted and back", "broker", 3, 10, _broker_demoted, SINGLE),
    Trouble("broker without rights and back", "broker", 3, 10, _broker_without_rights, SINGLE),
    Trouble("broker's server killed, Sentinel", "broker", 0, 0, _sentinel_failover, PAIRS),
    Trouble("database read-only", "database", 2, 6, _database_read_only),
    Trouble("primary killed, copy promoted", "database", 0.5, 3, _primary_killed, PAIRS),
    Trouble("nord's table locked", "nord", 5, 9, _nords_table_locked, spares_the_canary=True),
    Trouble("nord's rows held", "nord", 5, 9, _nords_rows_held, spares_the_canary=True),
    Trouble("syd refused by the index (VP007)", "index", 5, 9, _syd_refused, spares_the_canary=True),
    *(
        Trouble(f"way to nord's outbox {how}", "nord", 5, 9, _on_the_way("nords", how), spares_the_canary=True)
        for how in ("slow", "refused", "swallowed")
    ),
    Trouble("refused by the index (VP007)", "index", 2, 5, _refused_by_the_index),
    *(
        Trouble(f"way to the {to} {how}", to, 1, 8, _on_the_way(to, how))
        for to in ("index", "database")
        for how in ("slow", "refused", "reset", "swallowed", "cut")
    ),
    *(
        Trouble(f"way to the broker {how}", "broker", 1, 8, _on_the_way("broker", how), SINGLE)
        for how in ("refused", "swallowed")
    ),
)
