"""What is let through from the broker, and what is dropped for which reason."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu.utils.json import dumps

from relay.broker.messages import (
    ARGUMENTS,
    LARGEST,
    NOT_A_MESSAGE,
    NOT_JSON,
    OPTIONS,
    TOO_LARGE,
    UNKNOWN_NAME,
    UNKNOWN_TASK,
    Foreign,
    Reader,
)
from tests.broker.written import written

READER = Reader(sources=frozenset({"tidbok-nord"}), indexes=frozenset({"national"}))
REPROCESS = {"reason": "a unit was moved", "source": "tidbok-nord", "state": ["parked"], "dry_run": True, "who": "eva"}


def arguments_of(message: bytes) -> tuple[str, list[Any], dict[str, Any]]:
    read = json.loads(message)
    arguments, keywords, _ = json.loads(base64.b64decode(read["body"]))
    return read["headers"]["task"], arguments, keywords


@pytest.mark.parametrize(
    ("task", "arguments", "keywords"),
    [
        ("workers.tick", [], {}),
        ("workers.prune", [], {}),
        ("workers.full_lists", [], {}),
        ("workers.intake", ["tidbok-nord", "tidbok-nord"], {}),
        ("workers.look_again", ["tidbok-nord"], {}),
        ("workers.units", ["tidbok-nord"], {}),
        ("workers.deliver", ["national:SE2321000016-84GX"], {}),
        ("workers.probe", ["national:SE2321000016-84GX", "blocked"], {}),
        ("workers.reprocess", [], REPROCESS),
    ],
)
def test_what_celery_writes_for_our_tasks_is_read_as_it_was_meant(
    task: str, arguments: list[Any], keywords: dict[str, Any]
) -> None:
    message = written(task, arguments, keywords, expires=60)
    read = READER.read(dumps(message).encode())
    assert arguments_of(read) == (task, arguments, keywords)
    assert json.loads(read)["headers"]["expires"] == message["headers"]["expires"]
    assert json.loads(read)["headers"]["id"] == message["headers"]["id"]


def test_a_message_that_does_not_expire_is_read_as_one() -> None:
    read = READER.read(dumps(written("workers.reprocess", [], REPROCESS)).encode())
    assert json.loads(read)["headers"]["expires"] is None


def change(part: str, **values: Any) -> bytes:
    message = written("workers.tick", [], {}, expires=60)
    (message[part] if part else message).update(values)
    return dumps(message).encode()


def with_body(body: Any) -> bytes:
    return change("", body=base64.b64encode(json.dumps(body).encode()).decode())


FOREIGN: list[tuple[bytes, str]] = [
    (b"", NOT_JSON),
    (b"\xff\xfe", NOT_JSON),
    (b"{", NOT_JSON),
    (b"[" * 60000, NOT_JSON),
    (b'"a JSON string"', NOT_A_MESSAGE),
    (b"7", NOT_A_MESSAGE),
    (b"null", NOT_A_MESSAGE),
    (b"[]", NOT_A_MESSAGE),
    (b"{}", NOT_A_MESSAGE),
    (b'{"task": "workers.tick", "id": "1", "args": [], "kwargs": {}}', NOT_A_MESSAGE),
    (change("", headers=None), NOT_A_MESSAGE),
    (change("", headers=[]), NOT_A_MESSAGE),
    (change("", properties=None), NOT_A_MESSAGE),
    (change("", body=None), NOT_A_MESSAGE),
    (change("", body="%%%"), NOT_A_MESSAGE),
    (change("", **{"content-type": "application/x-python-serialize"}), NOT_A_MESSAGE),
    (change("headers", task=None), NOT_A_MESSAGE),
    (change("headers", task=["workers.tick"]), NOT_A_MESSAGE),
    (change("headers", id=7), NOT_A_MESSAGE),
    (change("headers", task="workers.Tick"), UNKNOWN_TASK),
    (change("headers", task="celery.backend_cleanup"), UNKNOWN_TASK),
    (change("headers", eta="2040-01-01T00:00:00"), OPTIONS),
    (change("headers", timelimit=[1, None]), OPTIONS),
    (change("headers", compression="gzip"), OPTIONS),
    (change("headers", expires="soon"), OPTIONS),
    (with_body("a JSON string"), ARGUMENTS),
    (with_body([]), ARGUMENTS),
    (with_body({"args": []}), ARGUMENTS),
    (with_body([["one"], {}, {}]), ARGUMENTS),
    (with_body([[], {"who": "x"}, {}]), ARGUMENTS),
    (with_body([[], {}, {"callbacks": [{"task": "workers.prune"}]}]), OPTIONS),
    (dumps(written("workers.intake", [], {})).encode(), ARGUMENTS),
    (dumps(written("workers.intake", ["another"], {})).encode(), UNKNOWN_NAME),
    (dumps(written("workers.intake", [{"name": 7}], {})).encode(), ARGUMENTS),
    (dumps(written("workers.deliver", ["regional:X"], {})).encode(), UNKNOWN_NAME),
    (dumps(written("workers.deliver", [["national:X"]], {})).encode(), ARGUMENTS),
    (dumps(written("workers.probe", ["national:X"], {})).encode(), ARGUMENTS),
    (dumps(written("workers.probe", ["national:X", "tired"], {})).encode(), ARGUMENTS),
    (dumps(written("workers.reprocess", [], {})).encode(), ARGUMENTS),
    (dumps(written("workers.reprocess", [], REPROCESS | {"unit": 7})).encode(), ARGUMENTS),
    (dumps(written("workers.reprocess", [], REPROCESS | {"everything": True})).encode(), ARGUMENTS),
    (b'"' + b"x" * LARGEST + b'"', TOO_LARGE),
]


@pytest.mark.parametrize(("raw", "reason"), FOREIGN)
def test_what_is_not_ours_is_foreign_and_its_content_is_told_to_nobody(raw: bytes, reason: str) -> None:
    with pytest.raises(Foreign) as told:
        READER.read(raw)
    assert told.value.reason == reason
    assert str(told.value) == reason
    assert told.value.__cause__ is None


_PARTS = ["body", "headers", "properties", "task", "id", "expires", "timelimit", "delivery_info", "stamps"]
_anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)
)


@pytest.mark.parametrize("limit", [1, [1, None], {"a": 1}, True, "soon"])
def test_a_limit_of_time_is_not_ours(limit: object) -> None:
    with pytest.raises(Foreign, match=OPTIONS):
        READER.read(change("headers", timelimit=limit))


@given(
    st.binary()
    | _anything.map(lambda x: json.dumps(x).encode())
    | st.builds(
        lambda part, key, value: change(part, **{key: value}),
        st.sampled_from(["", "headers", "properties"]),
        st.sampled_from(_PARTS),
        _anything,
    )
    | _anything.map(with_body)
)
def test_whatever_lies_on_the_queue_is_ours_or_foreign(raw: bytes) -> None:
    try:
        read = READER.read(raw)
    except Foreign:
        return
    assert arguments_of(read)[0].startswith("workers.")
