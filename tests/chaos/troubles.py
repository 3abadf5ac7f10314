"""The kinds of trouble. Each comes, stays for some seconds and ends: when its function returns, it is over."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random
from typing import Final

from tests.chaos import bad_answers
from tests.chaos.proxy import FaultProxy
from tests.chaos.stage import LEASE, Stage
from tests.integration.processes import Process

Bring = Callable[[Stage, Random, float], None]  # brings the trouble and sees it through for so many seconds


@dataclass(frozen=True)
class Trouble:
    """A kind of trouble. `least` and `most`: the seconds it stays. `touches`: what no other may touch meanwhile."""

    name: str
    touches: str
    least: float
    most: float
    bring: Bring


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
    with stage.database.frozen():
        time.sleep(seconds)


def _workers_killed_while_the_database_is_frozen(stage: Stage, random: Random, seconds: float) -> None:
    with stage.database.frozen():
        time.sleep(seconds / 2)
        _kill(stage.workers, seconds / 2)


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
    Trouble("database crashed", "database", 0, 4, _database_crashed),
    Trouble("database frozen", "database", 2, 8, _database_frozen),
    Trouble("workers killed, database frozen", "workers database", 2, 6, _workers_killed_while_the_database_is_frozen),
    Trouble("broker flushed", "broker", 0, 0, _broker_flushed),
    Trouble("broker killed, back empty", "broker", 0, 5, _broker_killed),
    Trouble("broker frozen", "broker", 1, 14, _broker_frozen),
    Trouble("refused by the index (VP007)", "index", 2, 5, _refused_by_the_index),
    *(
        Trouble(f"way to the {to} {how}", to, 1, 8, _on_the_way(to, how))
        for to in ("index", "database")
        for how in ("slow", "refused", "reset", "swallowed", "cut")
    ),
    *(
        Trouble(f"way to the broker {how}", "broker", 1, 8, _on_the_way("broker", how))
        for how in ("refused", "swallowed")
    ),
)
