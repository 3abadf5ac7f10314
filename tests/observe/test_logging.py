"""No resident's identity leaves in a log line, wherever in the record it stood."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
import uuid
import warnings
from collections.abc import Iterator
from typing import Any

import pytest

from relay.identity import mask
from relay.observe.logging import CAPPED, GENERATED, LogFormat, configure

_IDENTITY = "191212121212"
_SHAPES = ["191212121212", "19121212-1212", "1212121212", "121212+1212", "20121212TF12"]
_BOTH: list[LogFormat] = ["json", "text"]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in CAPPED}
    hooks = sys.excepthook, threading.excepthook
    yield
    logging.captureWarnings(False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)
    sys.excepthook, threading.excepthook = hooks


def written(format: LogFormat, level: str = "DEBUG") -> io.StringIO:
    stream = io.StringIO()
    configure(level, format, stream)
    return stream


def event(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def fail(text: str) -> None:
    raise ValueError(f"no such resident: {text}")


def test_an_event_is_one_json_object_with_its_extras() -> None:
    stream = written("json")

    logging.getLogger("relay.flow").info("sent %d posts", 3, extra={"lane": "national/å", "took": 1.5, "ok": True})

    fields = event(stream)
    assert fields.pop("time").endswith("+00:00")
    assert fields == {
        "level": "INFO",
        "logger": "relay.flow",
        "message": "sent 3 posts",
        "lane": "national/å",
        "took": 1.5,
        "ok": True,
    }


def test_text_is_for_people() -> None:
    stream = written("text")

    logging.getLogger("relay.flow").warning("lane paused", extra={"lane": "a"})

    assert stream.getvalue().endswith("Z WARNING relay.flow: lane paused lane=a\n")


def test_extras_cannot_pose_as_what_every_event_has() -> None:
    stream = written("json")

    logging.getLogger("relay").info("x", extra={"level": "NONE", "logger": "other"})

    assert (event(stream)["level"], event(stream)["logger"]) == ("INFO", "relay")


@pytest.mark.parametrize("format", _BOTH)
@pytest.mark.parametrize("identity", _SHAPES)
def test_an_identity_is_masked_wherever_it_stands(format: LogFormat, identity: str) -> None:
    stream = written(format)
    logger = logging.getLogger("some.library")

    logger.info("resident %s", identity)
    logger.info("å%s\n%s\t%s", identity, identity, identity)
    logger.info("x", extra={"who": identity, "deep": {"list": [identity, {identity: (identity,)}]}})
    logger.info("x", extra={"object": ValueError(identity)}, stack_info=True)
    try:
        fail(identity)
    except ValueError:
        logger.exception("failed for %s", identity)

    output = stream.getvalue()
    assert identity not in output
    assert output.count("[identity]") >= 10
    if format == "json":
        assert [json.loads(line)["logger"] for line in output.splitlines()] == ["some.library"] * 5


def test_an_identity_that_is_a_number_is_masked_and_the_json_stays_json() -> None:
    stream = written("json")

    logging.getLogger("x").info("x", extra={"number": int(_IDENTITY), "nan": float("nan")})

    assert event(stream)["number"] == "[identity]"
    assert event(stream)["nan"] == "nan"


def test_times_and_organisation_numbers_are_left_alone() -> None:
    stream = written("json")

    logging.getLogger("x").info("20261123074500 5565594230 SE2321000016-1HZ3")

    assert event(stream)["message"] == "20261123074500 5565594230 SE2321000016-1HZ3"


def test_a_traceback_is_one_line_of_json() -> None:
    stream = written("json")

    try:
        fail("x")
    except ValueError:
        logging.getLogger("x").exception("failed")

    assert event(stream)["exception"].splitlines()[-1] == "ValueError: no such resident: x"


def test_in_text_nobody_can_forge_a_line() -> None:
    stream = written("text")

    logging.getLogger("x").info("a\n2026-01-01 CRITICAL forged", extra={"b": "\r\nc"})

    assert len(stream.getvalue().splitlines()) == 1


@pytest.mark.parametrize("format", _BOTH)
def test_arguments_that_do_not_fit_are_not_printed(format: LogFormat, capsys: pytest.CaptureFixture[str]) -> None:
    stream = written(format)

    logging.getLogger("x").info("%d posts", _IDENTITY)

    assert "%d posts (its arguments do not fit)" in stream.getvalue()
    assert _IDENTITY not in stream.getvalue() + capsys.readouterr().err


def test_a_record_that_cannot_be_written_leaves_a_trace_without_its_content(
    capsys: pytest.CaptureFixture[str],
) -> None:
    class Awkward:
        def __str__(self) -> str:
            raise RuntimeError(_IDENTITY)

    stream = written("json")

    logging.getLogger("x").info("resident", extra={"who": Awkward(), "id": _IDENTITY})

    assert stream.getvalue().startswith("a log record of x, line ")
    assert _IDENTITY not in stream.getvalue() + capsys.readouterr().err


@pytest.mark.parametrize("name", ["zeep", "zeep.transports", "urllib3.connectionpool", "celery.pool"])
def test_loggers_that_write_whole_messages_are_capped(name: str) -> None:
    stream = written("text", "DEBUG")

    logging.getLogger(name).info("the envelope")
    logging.getLogger(name).warning("a warning")

    assert "envelope" not in stream.getvalue()
    assert "a warning" in stream.getvalue()


def test_a_higher_level_holds_for_capped_loggers_too() -> None:
    stream = written("text", "ERROR")

    logging.getLogger("zeep").warning("a warning")

    assert stream.getvalue() == ""


def test_the_last_configuration_counts() -> None:
    first, second = written("text"), written("json")

    logging.getLogger("x").info("once")

    assert first.getvalue() == ""
    assert event(second)["message"] == "once"


def test_warnings_are_masked_too() -> None:
    stream = written("json")

    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(False)
        logging.captureWarnings(True)
        warnings.warn(f"odd: {_IDENTITY}", stacklevel=1)

    assert "odd: [identity]" in event(stream)["message"]


def test_an_uncaught_exception_is_an_event_and_masked() -> None:
    stream = written("json")

    try:
        fail(_IDENTITY)
    except ValueError as error:
        sys.excepthook(type(error), error, error.__traceback__)

    assert event(stream)["level"] == "CRITICAL"
    assert event(stream)["exception"].endswith("ValueError: no such resident: [identity]")


def test_an_uncaught_exception_of_a_thread_is_an_event_and_masked() -> None:
    stream = written("json")
    thread = threading.Thread(target=fail, args=(_IDENTITY,))

    thread.start()
    thread.join()

    assert event(stream)["exception"].endswith("ValueError: no such resident: [identity]")


def test_an_interrupt_is_left_to_python(capsys: pytest.CaptureFixture[str]) -> None:
    stream = written("json")

    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)

    assert stream.getvalue() == ""
    assert "KeyboardInterrupt" in capsys.readouterr().err


# --- what the relay makes itself


@pytest.mark.parametrize("format", _BOTH)
def test_no_correlation_id_is_masked(format: LogFormat) -> None:
    ids = [str(uuid.UUID(int=number * 0x5DEECE66D5DEECE66D5DEECE66D % 2**128, version=4)) for number in range(10_000)]
    assert sum(mask(each) != each for each in ids) > 5  # as free text they would be
    stream = written(format)
    logger = logging.getLogger("relay.flow.delivery.step")
    for each in ids:
        logger.info("call ended", extra={"correlation_id": each})
    assert [each in line for each, line in zip(ids, stream.getvalue().splitlines(), strict=True)] == [True] * len(ids)


@pytest.mark.parametrize("format", _BOTH)
def test_ids_and_names_of_ours_are_left_as_they_are_and_texts_are_not(format: LogFormat) -> None:
    stream = written(format)
    facts = {
        "call": 1212121212, "row": 191212121212, "posts": 1212121212, "source": "tidbok-1212121212",
        "lane": "national:SE1212121212-1212", "text": f"refused for {_IDENTITY}", "reason": _IDENTITY,
    }  # fmt: skip
    logging.getLogger("relay.celery_app.tasks").info(f"for {_IDENTITY}", extra=facts)
    line = stream.getvalue()
    for name in GENERATED.keys() & facts.keys():
        assert str(facts[name]) in line
    assert line.count("[identity]") == 3
    if format == "json":
        assert event(stream)["call"] == 1212121212


@pytest.mark.parametrize("format", _BOTH)
@pytest.mark.parametrize("name", sorted(GENERATED))
def test_what_only_bears_the_name_of_such_a_field_is_masked(format: LogFormat, name: str) -> None:
    """A text in its place, an identity in its place, or the extra of a library."""
    stream = written(format)
    for shape in (f"of {_IDENTITY}", "19121212-1212", "20121212TF12"):
        logging.getLogger("relay.x").info("x", extra={name: shape})
    for shape in _SHAPES:
        logging.getLogger("some.library").info("x", extra={name: shape})
    output = stream.getvalue()
    assert output.count("[identity]") == 3 + len(_SHAPES) - (name == "source")  # a slug may have a hyphen
