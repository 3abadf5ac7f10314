"""The broker is a bell: what it holds may be lost, and it may be away, without loss and without anybody noticing."""

from __future__ import annotations

import base64
import json
import signal
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import count
from typing import Any

import pytest
import redis

from relay.demo.valkey import Valkey
from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.residents import TOLVAN, spellings
from tests.integration.site import Site
from tests.waiting import BUSY, least, wait_until

pytestmark = pytest.mark.integration

LANE = f"practice:{TIDBOK.source_systems[0]}"


def book(site: Site, booking_id: str) -> float:
    return site.insert(
        TIDBOK.name, operation="upsert", booking_id=booking_id, resident_id=TOLVAN, care_unit="SE2321000016-1HZ3",
        starts_at=datetime(2040, 5, 4, 8, 15),
    )  # fmt: skip


def is_indexed(site: Site, booking_id: str) -> bool:
    return bool(site.index.content_of(booking_id))


def queued(valkey: Valkey) -> list[bytes]:
    """Every message in the broker, as the bytes that lie there."""
    with redis.Redis(port=valkey.port) as broker:
        lists = [key for key in broker.keys("*") if broker.type(key) == b"list"]
        return [message for key in lists for message in broker.lrange(key, 0, -1)]


def test_losing_the_brokers_content_costs_about_one_poll_interval(new_site: NewSite, valkey: Valkey) -> None:
    site = new_site().prepare()
    site.start_worker()
    site.start_beat()
    book(site, "first")
    wait_until(lambda: is_indexed(site, "first"), "the site up")

    numbers = count(1)

    def flushed_after(seconds: float) -> float:
        """How long a booking takes, if the broker is emptied so many seconds after its commit."""
        booking = f"b-{next(numbers)}"
        committed = book(site, booking)
        time.sleep(seconds)
        with redis.Redis(port=valkey.port) as broker:
            broker.flushall()
        wait_until(lambda: is_indexed(site, booking), "a booking after a FLUSHALL")
        return time.monotonic() - committed

    # when the broker is emptied, again and again, while a booking is on its way, at another point of it each time
    bar = 2 + 1.5  # the two intervals that it may have to wait now, and what the work itself takes
    lasted = [least(lambda point=point: flushed_after(0.3 * point), bar) for point in range(5)]

    # then it costs an interval at most
    print("seconds:", [round(s, 2) for s in lasted])
    assert max(lasted) <= bar


@pytest.mark.parametrize("trouble", ["dies and comes back empty", "hangs"])
def test_a_broker_in_trouble_stops_the_work_for_35_seconds_at_most_after_it(
    new_site: NewSite, valkey: Valkey, trouble: str
) -> None:
    site = new_site().prepare()
    worker, beat = site.start_worker(), site.start_beat()
    book(site, "before")
    wait_until(lambda: is_indexed(site, "before"), "the site up")

    # when the broker is away, in one way or the other, and bookings are made meanwhile
    taken = []
    with away(valkey, trouble):
        for number in range(20):
            began = time.monotonic()
            taken.append(book(site, f"b-{number}") - began)
            time.sleep(0.2 if "dies" in trouble else 0.6)  # a hang lasts longer than the sockets' patience of 10 s

    # then the booking system never noticed, nobody died, and the bookings are in the index soon after
    assert statistics.median(taken) < 0.5
    lasted = wait_until(lambda: is_indexed(site, "b-19"), "work after the broker came back", within=35 + BUSY)
    print("seconds after the broker's return:", round(lasted, 1))
    assert worker.is_alive
    assert beat.is_alive
    assert len(site.index.posts()) == 21
    assert site.index.breaches() == []


@contextmanager
def away(valkey: Valkey, trouble: str) -> Iterator[None]:
    """Within it the broker does not answer: it is gone, with all it held, or it hangs."""
    assert valkey.process is not None
    if "dies" in trouble:
        valkey.close()
        yield
        valkey.start()
    else:
        valkey.process.send_signal(signal.SIGSTOP)
        yield
        valkey.process.send_signal(signal.SIGCONT)


def test_messages_name_a_source_or_a_lane_and_nothing_else(new_site: NewSite, valkey: Valkey) -> None:
    site = new_site().prepare()
    book(site, "booking-of-tolvan")

    # when every kind of message is published while no worker takes any
    done = site.python("-c", "from relay.celery_app.tasks import tick, intake; tick(); intake('tidbok-nord'); tick()")
    assert done.returncode == 0, done.stderr
    site.start_beat()
    wait_until(lambda: any(b"workers.tick" in message for message in queued(valkey)), "a tick of the schedule")

    # then
    messages = queued(valkey)
    read = [_read(message) for message in messages]
    told = {
        "workers.tick": [[]],
        "workers.intake": [[TIDBOK.name]],
        "workers.deliver": [[LANE]],
        "workers.units": [[TIDBOK.name]],
        "workers.prune": [[]],
        "workers.full_lists": [[]],
    }
    assert {"workers.tick", "workers.intake", "workers.deliver"} <= {task for task, _, _ in read} <= set(told)
    for task, arguments, expires in read:
        assert arguments in told[task]
        assert expires is not None
    everything = b"\n".join(messages).decode() + "".join(str(body) for body in map(_body, messages))
    for secret in (*spellings(TOLVAN), "booking-of-tolvan", "SE2321000016-1HZ3", "20400504"):
        assert secret not in everything


def test_a_source_that_fails_in_a_hint_keeps_no_other_waiting(new_site: NewSite) -> None:
    site = new_site().prepare()
    book(site, "b-1")

    broken = "from relay.celery_app.tasks import intake; intake('no-such-source', 'tidbok-nord', 'nor-this')"
    done = site.python("-c", broken)

    assert done.returncode != 0
    assert "several sources failed" in done.stderr
    assert site.unread() == 0


def _body(message: bytes) -> Any:
    return json.loads(base64.b64decode(json.loads(message)["body"]))


def _read(message: bytes) -> tuple[str, list[str], str | None]:
    """Task, positional arguments and expiry of a message, which has no other argument."""
    headers = json.loads(message)["headers"]
    arguments, keywords, _ = _body(message)
    assert keywords == {}
    return headers["task"], arguments, headers["expires"]
