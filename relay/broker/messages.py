"""What may come from the broker: one of our own tasks, with arguments that mean something here. Pure.

Whoever can write to the broker can put anything on the queue: a program of somebody else that shares the server, an old
worker, a hand. Everything that is not exactly what we write is refused before Celery sees it, since Celery takes much
of it for granted and ends when it is not there. What is let through is built anew of its task, arguments, expiry and
id, so nothing else that a message may say (a time to start at, a task to call afterwards, a compression) is ever done.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import uuid4

LARGEST: Final = 64 * 1024  # bytes; ours have one to two thousand
_LONGEST_ID: Final = 64

NOT_JSON: Final = "not-json"
NOT_A_MESSAGE: Final = "not-a-message"
UNKNOWN_TASK: Final = "unknown-task"
ARGUMENTS: Final = "arguments"
UNKNOWN_NAME: Final = "unknown-name"
OPTIONS: Final = "options"
TOO_LARGE: Final = "too-large"
QUEUE_FULL: Final = "queue-full"

REASONS: Final = (NOT_JSON, NOT_A_MESSAGE, UNKNOWN_TASK, ARGUMENTS, UNKNOWN_NAME, OPTIONS, TOO_LARGE, QUEUE_FULL)

_TEXTS: Final = ("source", "unit", "booking", "code", "since", "until", "who")  # of a reprocess
_NOT_OURS: Final = ("eta", "group", "compression", "shadow", "stamps", "stamped_headers", "retries")  # headers
_EMBEDDED: Final = ("callbacks", "errbacks", "chain", "chord")


class Foreign(Exception):
    """The message is not one of ours. `reason` is one of REASONS; nothing of the message is in it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads messages by the names that the configuration has."""

    sources: frozenset[str]
    indexes: frozenset[str]

    def read(self, raw: bytes) -> bytes:
        """The message as we would have written it. Raises Foreign."""
        message = _parsed(raw)
        headers, properties = _part(message, "headers", dict), _part(message, "properties", dict)
        task, name = _part(headers, "task", str), _part(headers, "id", str)
        if len(name) > _LONGEST_ID or message.get("content-type") != "application/json":
            raise Foreign(NOT_A_MESSAGE)
        if any(headers.get(each) for each in _NOT_OURS) or headers.get("timelimit") not in (None, [None, None]):
            raise Foreign(OPTIONS)
        arguments, keywords = _arguments(message)
        fits = self._tasks().get(task)
        if fits is None:
            raise Foreign(UNKNOWN_TASK)
        fits(arguments, keywords)
        return _written(task, name, arguments, keywords, _expires(headers), _queue(properties))

    def _tasks(self) -> Mapping[str, Callable[[list[Any], dict[str, Any]], None]]:
        return {
            "workers.tick": _nothing,
            "workers.prune": _nothing,
            "workers.full_lists": _nothing,
            "workers.intake": self._sources_only,
            "workers.look_again": self._one_source,
            "workers.units": self._sources_only,
            "workers.deliver": self._lane,
            "workers.probe": self._probe,
            "workers.reprocess": _reprocess,
        }

    def _sources_only(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if keywords or not arguments:
            raise Foreign(ARGUMENTS)
        self._known(arguments, self.sources)

    def _one_source(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if keywords or len(arguments) != 1:
            raise Foreign(ARGUMENTS)
        self._known(arguments, self.sources)

    def _lane(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        """Of the name the index alone is known here: a lane outlives the configuration of its source system."""
        if keywords or len(arguments) != 1 or not isinstance(arguments[0], str):
            raise Foreign(ARGUMENTS)
        self._known([arguments[0].partition(":")[0]], self.indexes)

    def _probe(self, arguments: list[Any], keywords: dict[str, Any]) -> None:
        if len(arguments) != 2 or arguments[1] not in ("failing", "blocked"):
            raise Foreign(ARGUMENTS)
        self._lane(arguments[:1], keywords)

    def _known(self, names: Iterable[Any], known: frozenset[str]) -> None:
        for name in names:
            if not isinstance(name, str):
                raise Foreign(ARGUMENTS)
            if name not in known:
                raise Foreign(UNKNOWN_NAME)


def _nothing(arguments: list[Any], keywords: dict[str, Any]) -> None:
    if arguments or keywords:
        raise Foreign(ARGUMENTS)


def _reprocess(arguments: list[Any], keywords: dict[str, Any]) -> None:
    """What is wrong with the values themselves, the task tells whoever reads its log."""
    rest = dict(keywords)
    texts = [rest.pop("reason", None), *(rest.pop(name, None) or "" for name in _TEXTS)]
    state, dry_run = rest.pop("state", None), rest.pop("dry_run", False)
    states = state if isinstance(state, list) else [state or ""]
    if arguments or rest or not isinstance(dry_run, bool) or not all(isinstance(x, str) for x in [*texts, *states]):
        raise Foreign(ARGUMENTS)


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > LARGEST:
        raise Foreign(TOO_LARGE)
    message = _json(raw)
    if not isinstance(message, dict):
        raise Foreign(NOT_A_MESSAGE)
    return message


def _json(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise Foreign(NOT_JSON) from None


def _part(of: Mapping[str, Any], name: str, kind: type) -> Any:
    part = of.get(name)
    if not isinstance(part, kind):
        raise Foreign(NOT_A_MESSAGE)
    return part


def _arguments(message: Mapping[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    try:
        body = base64.b64decode(_part(message, "body", str), validate=True)
    except (binascii.Error, ValueError):
        raise Foreign(NOT_A_MESSAGE) from None
    match _json(body):
        case [list() as arguments, dict() as keywords, dict() as embedded]:
            if any(embedded.get(each) for each in _EMBEDDED):
                raise Foreign(OPTIONS)
            return arguments, keywords
        case _:
            raise Foreign(ARGUMENTS)


def _expires(headers: Mapping[str, Any]) -> str | None:
    expires = headers.get("expires")
    if expires is None:
        return None
    try:
        datetime.fromisoformat(_part(headers, "expires", str))
    except ValueError:
        raise Foreign(OPTIONS) from None
    return str(expires)


def _queue(properties: Mapping[str, Any]) -> str:
    info = properties.get("delivery_info")
    key = info.get("routing_key") if isinstance(info, dict) else None
    return key if isinstance(key, str) else "celery"


def _written(
    task: str, name: str, arguments: list[Any], keywords: dict[str, Any], expires: str | None, queue: str
) -> bytes:
    body = json.dumps([arguments, keywords, dict.fromkeys(_EMBEDDED)]).encode()
    headers = {
        "lang": "py", "task": task, "id": name, "root_id": name, "parent_id": None, "group": None, "shadow": None,
        "eta": None, "expires": expires, "retries": 0, "timelimit": [None, None], "argsrepr": "", "kwargsrepr": "",
        "origin": "", "ignore_result": True,
    }  # fmt: skip
    properties = {
        "correlation_id": name, "reply_to": "", "delivery_mode": 2, "priority": 0, "body_encoding": "base64",
        "delivery_info": {"exchange": "", "routing_key": queue}, "delivery_tag": str(uuid4()),
    }  # fmt: skip
    message = {
        "body": base64.b64encode(body).decode(), "content-encoding": "utf-8", "content-type": "application/json",
        "headers": headers, "properties": properties,
    }  # fmt: skip
    return json.dumps(message).encode()
