"""The index that is called, in a process of its own: the stub, or the sandbox, which checks everything and costs it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from relay.demo.throwaway import free_port
from relay.sandbox.contract import MOUNT, UPDATE_PATH
from tests.bench.parts import await_, process

LATENCY = 0.02  # seconds that an answer takes
ROUNDS = 3  # measurements of a rate, of which the middle one is told: a busy machine disturbs one or another


class Accepted(NamedTuple):
    """What an index took: calls, posts, and posts a second from the end of the first call to the end of the last.

    The first call's posts are not in the rate: when the work on them began is not known.
    """

    calls: int
    posts: int
    rate: float


def middle(several: Sequence[Accepted]) -> Accepted:
    """The one with the median rate."""
    return sorted(several, key=lambda accepted: accepted.rate)[len(several) // 2]


class Seen(NamedTuple):
    """What a sandbox noted since it last forgot: calls, what they changed in it, and breaches by rule."""

    calls: int
    changes: int
    breaches: dict[str, int]


class Index:
    """An index as the bench sees it: where it is called, what it took since it last forgot.

    `read` gives the (seconds, posts) of every call, in order; `forget` makes it begin anew. A sandbox tells more, at
    `api`.
    """

    def __init__(
        self, url: str, read: Callable[[], list[tuple[float, int]]], forget: Callable[[], object], api: str = ""
    ) -> None:
        self.url = url
        self.forget = forget
        self._read = read
        self._api = api

    def seen(self) -> Seen:
        """What a sandbox noted."""
        told = _ask("GET", f"{self._api}/summary")
        return Seen(told["calls"], told["notifications"], told["breaches_by_rule"])

    def posts(self) -> dict[tuple[str, str], str]:
        """What a sandbox holds: {(unit, booking): mostRecentContent}."""
        return {
            (post["logical_address"], post["business_object_instance_identifier"]): post["most_recent_content"]
            for post in _ask("GET", f"{self._api}/posts")
        }

    def await_posts(self, number: int, seconds: float) -> Accepted:
        """What it took, once that is `number` posts."""
        return await_(f"{number} posts at the index", lambda: self._accepted(number), seconds)

    def await_span(self, number: int, seconds: float) -> tuple[float, float, int]:
        """When the first and the last of these calls ended, and how many there are, once they have `number` posts."""
        await_(f"{number} posts at the index", lambda: self._accepted(number), seconds)
        calls = self._read()
        return calls[0][0], calls[-1][0], len(calls)

    def _accepted(self, number: int) -> Accepted | None:
        calls = self._read()
        posts = sum(posts for _, posts in calls)
        if posts < number:
            return None
        seconds = calls[-1][0] - calls[0][0]
        return Accepted(len(calls), posts, (posts - calls[0][1]) / seconds if seconds else 0.0)


@contextmanager
def stub(folder: Path, port: int | None = None, latency: float = LATENCY, *options: str) -> Iterator[Index]:
    """The stub."""
    port = port or free_port()
    url = f"http://127.0.0.1:{port}/Update"
    with process(folder / "stub.log", "tests.bench.stub", str(port), str(latency), *options):
        await_("the stub", lambda: _ask("GET", url) is not None)
        yield Index(url, lambda: [(at, posts) for at, posts in _ask("GET", url)], lambda: _ask("DELETE", url))


@contextmanager
def sandbox(folder: Path, *options: str) -> Iterator[Index]:
    """The sandbox."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"

    def read() -> list[tuple[float, int]]:
        calls = _ask("GET", f"{url}/api/calls")
        return [(call["ended"], call["posts"]) for call in calls if call["ended"] is not None]

    with process(folder / "sandbox.log", "relay", "sandbox", "--port", str(port), "--latency", str(LATENCY), *options):
        await_("the sandbox", lambda: _ask("GET", f"{url}/api/summary") is not None)
        yield Index(url + MOUNT + UPDATE_PATH, read, lambda: _ask("POST", f"{url}/api/reset"), f"{url}/api")


def _ask(method: str, url: str) -> Any:
    """The JSON that comes back; None where nobody answers."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=10) as answer:
            return json.load(answer)
    except OSError:
        return None
