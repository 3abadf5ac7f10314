"""Logs to stderr: one event a line, JSON for machines or text for people, no resident's identity in either.

The *finished* line is masked, in the formatter: so nothing slips past, be it in the message, in extras, in
an exception's text or in a traceback, whichever library wrote it. A filter would miss tracebacks, and those
put on a logger are not asked about the records of its children.

Left alone are only the extras that the relay makes itself (`GENERATED`), in its own records and in the form that they
must have: of random UUIDs one in 250 has ten digits in it that could be an identity's, and a call whose correlation id
is masked can be found nowhere.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import re
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, Literal, TextIO

from relay.identity import mask
from relay.observe.throttle import Throttle

LogFormat = Literal["json", "text"]

# At DEBUG or INFO these write whole messages, statements with their values, or task arguments.
CAPPED: Final = (
    "zeep",
    "zeep.transports",
    "urllib3",
    "celery.pool",
    "celery.worker.strategy",
    "celery.app.trace",
    "celery.beat",
    "alembic",
    "kombu",
    "amqp",
    "sqlalchemy.engine",
    "sqlalchemy.pool",
)

# All through an outage these would say the same thing, several times a second.
THROTTLED: Final = (
    "relay.store.transaction",
    "relay.flow.process.runner",
    "relay.celery_app.tasks",
    "relay.broker.transport",
    "celery.beat",
    "celery.worker.consumer.consumer",
)

_NUMBER: Final = re.compile(r"[0-9]{1,19}")
_SLUG: Final = re.compile(r"[a-z0-9-]{1,64}")
# What the relay gives its own events, and what it looks like. Where it looks otherwise, it is masked as all else.
GENERATED: Final = {
    "correlation_id": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    "lane": re.compile(r"[A-Za-z0-9_-]{1,64}:[A-Za-z]{2}[\x21-\x7e]{1,62}"),  # an HSA-id begins with its country
    "source": _SLUG,
    "call": _NUMBER,
    "row": _NUMBER,
    "posts": _NUMBER,
    "bookings": _NUMBER,
    "left_out": _NUMBER,
}
_OURS: Final = ("relay",)

_STANDARD: Final = frozenset({*vars(logging.LogRecord("", 0, "", 0, "", None, None)), "message", "asctime", "taskName"})


def configure(level: str, format: LogFormat, stream: TextIO | None = None) -> None:
    """Send every log record, warning and uncaught exception of this process through one masking handler.

    May be called again; the last call counts. Fit for Celery's `setup_logging` signal.
    """
    handler = _Handler(stream or sys.stderr)
    handler.setFormatter(formatter(format))
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level)
    for name in CAPPED:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in THROTTLED:
        logger = logging.getLogger(name)
        for earlier in [f for f in logger.filters if isinstance(f, Throttle)]:
            logger.removeFilter(earlier)
        logger.addFilter(Throttle())
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def formatter(format: LogFormat) -> logging.Formatter:
    """The masking formatter, for handlers that are made elsewhere."""
    return JsonFormatter() if format == "json" else TextFormatter()


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Say that a record was lost, and where; the standard library would print its arguments, unmasked."""
        with contextlib.suppress(Exception):
            self.stream.write(f"a log record of {record.name}, line {record.lineno}, could not be written\n")


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the record's extras, and exception."""

    def format(self, record: logging.LogRecord) -> str:
        """The masked line."""
        fields: dict[str, Any] = {
            "time": _time(record).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": _message(record),
        }
        generated, others = _told_apart(record)
        for key, value in others.items():
            fields.setdefault(key, value)
        if exception := _exception(self, record):
            fields["exception"] = exception
        # Masked before as well as after: a number that is masked must become a text for the JSON to hold.
        # No \u escapes: their digits would stand before an identity's and hide where it begins.
        line = mask(json.dumps(_masked(fields), ensure_ascii=False))
        return f"{line[:-1]}, {json.dumps(generated)[1:]}" if generated else line


class TextFormatter(logging.Formatter):
    """`time LEVEL logger: message key=value …`, and the traceback below."""

    def format(self, record: logging.LogRecord) -> str:
        """The masked line, or lines where there is a traceback."""
        time = f"{_time(record):%Y-%m-%dT%H:%M:%SZ}"
        generated, others = _told_apart(record)
        extras = "".join(f" {key}={value}" for key, value in others.items())
        line = f"{time} {record.levelname} {record.name}: {_message(record)}{extras}"
        # Escaped, so that nobody can forge a line; masked before, as the n of \n would hide where an identity
        # begins.
        line = mask(line).replace("\r", "\\r").replace("\n", "\\n")
        line = mask(line) + "".join(f" {key}={value}" for key, value in generated.items())
        exception = _exception(self, record)
        return f"{line}\n{mask(exception)}" if exception else line


def _time(record: logging.LogRecord) -> datetime:
    return datetime.fromtimestamp(record.created, UTC)


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:
        # Left to the standard library, this would print the arguments to stderr, unmasked.
        return f"{record.msg} (its arguments do not fit)"


def _extras(record: logging.LogRecord) -> dict[str, Any]:
    return {key: value for key, value in vars(record).items() if key not in _STANDARD}


def _told_apart(record: logging.LogRecord) -> tuple[dict[str, Any], dict[str, Any]]:
    """The extras that the relay has made itself, and all others."""
    extras = _extras(record)
    if record.name.partition(".")[0] not in _OURS:
        return {}, extras
    generated = {key: value for key, value in extras.items() if _is_generated(key, value)}
    return generated, {key: value for key, value in extras.items() if key not in generated}


def _is_generated(key: str, value: object) -> bool:
    form = GENERATED.get(key)
    fits = isinstance(value, str | int) and not isinstance(value, bool)
    return form is not None and fits and form.fullmatch(str(value)) is not None


def _exception(formatter: logging.Formatter, record: logging.LogRecord) -> str:
    parts = [formatter.formatException(record.exc_info)] if record.exc_info and record.exc_info[0] else []
    if record.stack_info:
        parts.append(formatter.formatStack(record.stack_info))
    return "\n".join(parts)


def _masked(value: object) -> Any:
    """The value as JSON can hold it, masked."""
    match value:
        case None | bool():
            return value
        case str():
            return mask(value)
        case int() | float():
            text = str(value)
            return value if mask(text) == text and math.isfinite(value) else mask(text)
        case Mapping():
            return {mask(str(key)): _masked(each) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked(each) for each in value]
        case _:
            return mask(str(value))


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    logging.getLogger("relay").critical("uncaught exception", exc_info=(kind, error, traceback))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        logging.getLogger("relay").critical(
            "uncaught exception in a thread", exc_info=(args.exc_type, args.exc_value, args.exc_traceback)
        )
