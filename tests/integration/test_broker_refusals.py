"""A broker that answers, but with a refusal: after a failover, a change of rights, a full memory or disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import redis

from relay.demo.valkey import Valkey
from tests.integration.conftest import NewSite
from tests.integration.site import Site
from tests.integration.test_broker import book, is_indexed
from tests.waiting import BUSY, wait_until

pytestmark = pytest.mark.integration

SECONDS = 12

Refusing = Callable[[Valkey], Iterator[None]]


def demoted(valkey: Valkey) -> Iterator[None]:
    """It is made a replica of another server, and the first again."""
    with Valkey() as other, redis.Redis(port=valkey.port) as broker:
        broker.config_set("repl-diskless-load", "flush-before-load")  # no file is left where the tests were started
        broker.replicaof("127.0.0.1", str(other.port))
        yield
        broker.replicaof("NO", "ONE")


def demoted_and_empty(valkey: Valkey) -> Iterator[None]:
    """The same, and it does not answer before it has what the other one has (MASTERDOWN)."""
    with redis.Redis(port=valkey.port) as broker:
        broker.config_set("replica-serve-stale-data", "no")
        broker.replicaof("127.0.0.1", "1")
        yield
        broker.replicaof("NO", "ONE")


def without_rights(valkey: Valkey) -> Iterator[None]:
    """The account loses the right to write, and gets it back (NOPERM)."""
    with redis.Redis(port=valkey.port) as broker:
        broker.acl_setuser("default", enabled=True, categories=["-@write"])
        yield
        broker.acl_setuser("default", enabled=True, categories=["+@all"])


def without_any_rights(valkey: Valkey) -> Iterator[None]:
    """The account may not even ask whether the server is there."""
    with redis.Redis(port=valkey.port) as broker:
        broker.execute_command("ACL", "SETUSER", "default", "-@all", "+acl")
        yield
        broker.execute_command("ACL", "SETUSER", "default", "+@all")


def out_of_memory(valkey: Valkey) -> Iterator[None]:
    with redis.Redis(port=valkey.port) as broker:
        broker.config_set("maxmemory", "1")
        yield
        broker.config_set("maxmemory", "0")


def without_replicas(valkey: Valkey) -> Iterator[None]:
    """It was told to take no writes while nobody copies them (NOREPLICAS)."""
    with redis.Redis(port=valkey.port) as broker:
        broker.config_set("min-replicas-to-write", "1")
        yield
        broker.config_set("min-replicas-to-write", "0")


@pytest.mark.parametrize(
    "refusing", [demoted, demoted_and_empty, without_rights, without_any_rights, out_of_memory, without_replicas]
)
def test_a_broker_that_refuses_for_a_while_ends_nothing(new_site: NewSite, valkey: Valkey, refusing: Refusing) -> None:
    # given a site at work
    site: Site = new_site().prepare()
    worker, beat = site.start_worker(), site.start_beat()
    book(site, "before")
    wait_until(lambda: is_indexed(site, "before"), "the site up")

    # when the broker refuses for a while, and another worker and beat are started meanwhile
    with contextmanager(refusing)(valkey):
        late = site.start_worker("late-worker"), site.start_beat("late-beat")
        book(site, "meanwhile")
        time.sleep(SECONDS)
    book(site, "after")

    # then all four work on: nobody ended, and what was booked meanwhile is in the index soon
    lasted = wait_until(
        lambda: is_indexed(site, "meanwhile") and is_indexed(site, "after"),
        "work after it took messages again",
        35 + BUSY,
    )
    print("seconds:", round(lasted, 1))
    assert all(process.is_alive for process in (worker, beat, *late))
    assert not any("Unrecoverable error" in text for text in site.logs().values())
    # and each of them is at it again, not only those that would do
    for process in (worker, beat):
        process.kill()
    book(site, "last")
    wait_until(lambda: is_indexed(site, "last"), "work of those that were started meanwhile")
