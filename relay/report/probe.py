"""Whether what a configuration points at can do the work: each part tried as the work uses it, each bounded in time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from relay.database import connect
from relay.flow.relay import endpoint_of
from relay.index.endpoint import Endpoint
from relay.listing import ListingError
from relay.outbox.full_list import in_words, see_columns
from relay.outbox.identity import identity
from relay.outbox.refusals import Kind, kind_of
from relay.outbox.trial import try_outbox
from relay.outbox.trouble import explain
from relay.sessions import Bounds
from relay.settings import Settings, Source
from relay.settings.finding import mask_url
from relay.settings.trial import Trial
from relay.store.trial import try_database

SECONDS: Final = 5.0  # for one answer
ALL_SECONDS: Final = 15.0  # for all that is tried of one part
_PATIENCE: Final = Bounds(connect=5, statement=5, lock=2)

Probe = Callable[[], "str | Trial"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one attempt to use something."""

    target: str  # the key whose value was tried
    ok: bool
    text: str  # what was seen; or what is wrong, with what to do
    account: str = ""  # as whom it was tried, as the other side says it
    tried: tuple[str, ...] = ()  # piece by piece, as far as it came
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{'ok    ' if self.ok else 'FAILED'} {self.target}: {self.text}"


def probes(settings: Settings) -> Iterator[tuple[str, Probe]]:
    """What can be tried, by key. Each returns what it saw, or raises."""
    yield "database_url", partial(_database, settings.database_url)
    if settings.names_a_broker:
        yield "broker_url", partial(_broker, settings)
    for source in settings.source:
        yield f"source.{source.name}.outbox_url", partial(_outbox, settings, source)
        if source.full_list_query:
            yield f"source.{source.name}.full_list_query", partial(_full_list, settings, source)
    for name, index in settings.engagement_index.items():
        yield f"engagement_index.{name}.url", partial(_index, f"engagement_index.{name}", endpoint_of(index))


def verdict(target: str, probe: Probe, seconds: float = ALL_SECONDS) -> Verdict:
    """Run the probe, but wait for it no longer than `seconds`, whatever its driver thinks of time-outs."""
    outcome: list[Verdict] = []

    def run() -> None:
        try:
            outcome.append(_seen(target, probe()))
        except Exception as error:
            outcome.append(Verdict(target, False, _reason(error)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else Verdict(target, False, f"no answer within {seconds:g} s")


def ping_broker(settings: Settings) -> str:
    """Open one connection as workers do, without trying again; raises what the client raises."""
    from relay.broker.address import connection_to, refuse_cluster  # Celery's and Redis' clients come with it

    with connection_to(settings, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as connection:
        # kombu would try once more, and sleep for two seconds before
        connection.ensure_connection(max_retries=1, interval_start=0, reraise_as_library_errors=False)
        channel = connection.channel()
        if hasattr(channel, "client"):
            refuse_cluster(channel.client)
    return "answers"


def _seen(target: str, seen: str | Trial) -> Verdict:
    if isinstance(seen, str):
        return Verdict(target, True, seen)
    account = f"as {seen.account}: " if seen.account else ""
    text = "; ".join(seen.wrong or [account + ", ".join(seen.did)])
    return Verdict(target, not seen.wrong, text, seen.account, tuple(seen.did), tuple(seen.doubts))


def _reason(error: Exception) -> str:
    """The first line of what the driver said, without passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    from relay.broker.trial import in_words

    lines = in_words(cause).strip().splitlines()
    return mask_url(lines[0]) if lines else type(cause).__name__


def _database(url: str) -> Trial:
    _refuse_absent_sqlite_file(url)
    trial = Trial()
    with _engine(url, private=True) as engine:
        try:
            try_database(engine, trial)
        except SQLAlchemyError as error:
            trial.wrong.append(_refusal(error, "the relay's tables", "database_url"))
    return trial


def _broker(settings: Settings) -> Trial:
    trial = Trial()
    from relay.broker.trial import try_broker

    try_broker(settings, trial, SECONDS)
    return trial


def _outbox(settings: Settings, source: Source) -> Trial:
    url, table, trial = settings.outbox_url_of(source), source.outbox_table, Trial()
    _refuse_absent_sqlite_file(url)
    with _engine(url, private=url == settings.database_url) as engine:
        try:
            try_outbox(engine, table, trial)
        except SQLAlchemyError as error:
            trial.wrong.append(_refusal(error, table, "outbox_url"))
        if not trial.wrong and (other := _read_by_another(settings, source, engine)):
            trial.wrong.append(
                f"the source {other} reads the same table by another address, and only that one will: give both the "
                "same outbox_url and outbox_table, or each a table of its own"
            )
    return trial


def _full_list(settings: Settings, source: Source) -> Trial:
    url, trial = settings.outbox_url_of(source), Trial()
    _refuse_absent_sqlite_file(url)
    with _engine(url, private=url == settings.database_url) as engine:
        try:
            see_columns(engine, source.full_list_query)
            trial.did.append("the query runs, and has the right columns")
        except ListingError as error:
            trial.wrong.append(f"full_list_query: {error}")
        except SQLAlchemyError as error:
            trial.wrong.append(f"full_list_query: {in_words(error)} [{_reason(error)}]")
    return trial


def _read_by_another(settings: Settings, source: Source, engine: Engine) -> str | None:
    """The source before this one that reads the same table without saying so."""
    place = settings.outbox_of(source)
    before = settings.source[: [each.name for each in settings.source].index(source.name)]
    others = [o for o in before if (p := settings.outbox_of(o)) != place and p.backend == place.backend]
    mine = identity(engine, source.outbox_table) if others else None
    for other in others if mine is not None else ():
        with _engine(settings.outbox_url_of(other)) as beside:
            if identity(beside, other.outbox_table) == mine:
                return other.name
    return None


@contextmanager
def _engine(url: str, *, private: bool = False) -> Iterator[Engine]:
    engine = connect(url, 1, _PATIENCE, private=private)
    try:
        yield engine
    finally:
        engine.dispose()


def _refusal(error: SQLAlchemyError, table: str, setting: str) -> str:
    """What is wrong, what to do, and the first line of what the server said of it."""
    said = _reason(error)
    kind = kind_of(error)
    if kind is None:
        return said
    if kind is Kind.DENIED and setting == "database_url":
        return f"the account has no rights on {table}: GRANT it SELECT, INSERT, UPDATE and DELETE on all [{said}]"
    return f"{explain(error, table).replace('outbox_url', setting)} [{said}]"


def _refuse_absent_sqlite_file(url: str) -> None:
    """To connect would make an empty file, and hide the mistake from the next who looks."""
    parsed = make_url(url)
    file = parsed.database
    if parsed.get_backend_name() != "sqlite" or not file or file == ":memory:" or file.startswith("file:"):
        return
    if not Path(file).exists():
        raise SQLAlchemyError(f"there is no file {file} yet; `ei-relay db upgrade` makes the relay's own")


def _index(label: str, endpoint: Endpoint) -> Trial:
    from relay.index.transport import NoAnswerError  # what makes a call comes with it, which nobody else here needs
    from relay.index.trial import try_index

    trial = Trial()
    try:
        try_index(endpoint, trial, SECONDS)
    except NoAnswerError as error:
        where = f"; put that issuer there: {label}.ca_bundle" if "not in the CA bundle" in str(error) else ""
        trial.wrong.append(f"{error}{where}")
    return trial
