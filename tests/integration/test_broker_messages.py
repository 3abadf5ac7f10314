"""What lies on the queue and is none of ours, and what lies there because nobody takes it."""

from __future__ import annotations

import time
import urllib.request

import pytest
import redis

from relay.broker.transport import MOST_WAITING
from relay.demo.throwaway import free_port
from relay.demo.valkey import Valkey
from tests.broker.test_messages import FOREIGN
from tests.integration.conftest import NewSite
from tests.integration.test_broker import book, is_indexed, queued
from tests.waiting import wait_for, wait_until

pytestmark = pytest.mark.integration

SECRET = "19121212-1212"


def test_foreign_messages_are_dropped_and_counted_and_end_no_worker(new_site: NewSite, valkey: Valkey) -> None:
    site = new_site().prepare()
    port = free_port()
    text = site.config.read_text(encoding="utf-8")
    site.config.write_text(f"worker_metrics_port = {port}\n{text}", encoding="utf-8")
    worker = site.start_worker()

    # when everything that is no message of ours lies on the queue, one among them with a resident in it
    foreign = [*(raw for raw, _ in FOREIGN), f'"{SECRET}"'.encode()]
    with redis.Redis(port=valkey.port) as broker:
        broker.lpush("celery", *foreign)
        wait_until(lambda: broker.llen("celery") == 0, "an empty queue")
    site.start_beat()
    book(site, "after")
    wait_until(lambda: is_indexed(site, "after"), "work after the foreign messages")

    # then each was dropped once and counted, nothing of them is in the log, and none came back
    assert worker.is_alive
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        lines = [line for line in answer.read().decode().splitlines() if "messages_dropped_total{" in line]
    assert sum(float(line.rpartition(" ")[2]) for line in lines) == len(foreign)
    assert "was dropped" in worker.log()
    assert SECRET not in worker.log()
    assert "Traceback" not in worker.log()
    with redis.Redis(port=valkey.port) as broker:
        wait_until(lambda: broker.hlen("unacked") == 0, "a moment in which nothing is to be acknowledged")


def test_a_schedule_without_workers_fills_the_broker_no_further_than_it_says(new_site: NewSite, valkey: Valkey) -> None:
    site = new_site().prepare()
    text = site.config.read_text(encoding="utf-8")
    site.config.write_text(text.replace('poll_interval = "1s"', 'poll_interval = "1ms"'), encoding="utf-8")

    # when beats ring in a room without workers, faster than they ever will
    beats = [site.start_beat(f"beat-{n}") for n in range(2)]
    rung = wait_for(lambda: queued(valkey), "a queue")
    with redis.Redis(port=valkey.port) as broker:
        broker.rpush("celery", *rung[:1] * (MOST_WAITING - 100))  # as they would have done in some time
    wait_until(lambda: len(queued(valkey)) >= MOST_WAITING, "a full queue")
    lengths = []
    for _ in range(20):
        time.sleep(0.1)
        lengths.append(len(queued(valkey)))

    # then there is an end to it, it is said once in a while, and a worker that comes finds work
    assert max(lengths) <= MOST_WAITING + len(beats)
    wait_until(lambda: any("start workers" in beat.log() for beat in beats), "a line in the log")
    for beat in beats:
        beat.kill()  # what they have left is enough to do
    site.start_worker()
    book(site, "at last")
    wait_until(lambda: is_indexed(site, "at last"), "work")
