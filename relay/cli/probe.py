"""Whether what a configuration points at answers: each probe bounded, each with a verdict of one line."""

from __future__ import annotations

import base64
import http.client
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import Column, NullPool, create_engine, make_url, select, text
from sqlalchemy import table as table_named
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from relay.settings import EngagementIndex, Settings
from relay.settings.files import tls_context
from relay.settings.finding import mask_url

SECONDS: Final = 5.0
REFUSAL_SECONDS: Final = 2.0  # some servers ask others about a certificate before they refuse it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one attempt to reach something."""

    target: str  # the key whose value was tried
    ok: bool
    text: str

    def __str__(self) -> str:
        return f"{'ok    ' if self.ok else 'FAILED'} {self.target}: {self.text}"


def probes(settings: Settings) -> Iterator[tuple[str, Callable[[], str]]]:
    """What can be tried, by key. Each returns what it saw, or raises."""
    yield "database_url", partial(_database, settings.database_url)
    if settings.names_a_broker:
        yield "broker_url", partial(ping_broker, settings)
    for source in settings.source:
        url, table = settings.outbox_url_of(source), source.outbox_table
        yield f"source.{source.name}.outbox_url", partial(_outbox, url, table)
    for name, index in settings.engagement_index.items():
        yield f"engagement_index.{name}.url", partial(_index, index)


def verdict(target: str, probe: Callable[[], str], seconds: float = SECONDS) -> Verdict:
    """Run the probe, but wait for it no longer than `seconds`, whatever its driver thinks of time-outs."""
    outcome: list[Verdict] = []

    def run() -> None:
        try:
            outcome.append(Verdict(target, True, probe()))
        except Exception as error:
            outcome.append(Verdict(target, False, _reason(error)))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else Verdict(target, False, f"no answer within {seconds:g} s")


def _reason(error: Exception) -> str:
    """The first line of what the driver said, without passwords."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return mask_url(lines[0]) if lines else type(cause).__name__


def _database(url: str) -> str:
    _refuse_absent_sqlite_file(url)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(text("select 1"))
    return f"{engine.dialect.name} answers"


def _outbox(url: str, name: str) -> str:
    _refuse_absent_sqlite_file(url)
    schema, _, table = name.rpartition(".")
    outbox = table_named(table, Column("id"), schema=schema or None)
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)
    with engine.connect() as connection:
        connection.execute(select(outbox.c.id).where(text("1 = 0")))
    return f"{engine.dialect.name} answers, {name} can be read"


def _refuse_absent_sqlite_file(url: str) -> None:
    """To connect would make an empty file, and hide the mistake from the next who looks."""
    parsed = make_url(url)
    file = parsed.database
    if parsed.get_backend_name() != "sqlite" or not file or file == ":memory:" or file.startswith("file:"):
        return
    if not Path(file).exists():
        raise SQLAlchemyError(f"there is no file {file} yet; `ei-relay db upgrade` makes the relay's own")


def ping_broker(settings: Settings) -> str:
    """Open one connection as workers do, without trying again; raises what the client raises."""
    from relay.broker.address import connection_to, refuse_cluster  # Celery's and Redis' clients come with it

    with connection_to(settings, socket_connect_timeout=SECONDS, socket_timeout=SECONDS) as connection:
        channel = connection.channel()  # opening one pings the server, and does not try again
        if hasattr(channel, "client"):
            refuse_cluster(channel.client)
    return "answers"


def _index(index: EngagementIndex) -> str:
    url = urlsplit(index.url)
    encrypted = url.scheme.lower() == "https"
    host, port = url.hostname or "", url.port or (443 if encrypted else 80)
    proxy = urlsplit(index.proxy) if index.proxy else None
    dial_host, dial_port = (proxy.hostname or "", proxy.port or 80) if proxy else (host, port)
    connection: http.client.HTTPConnection
    if encrypted:
        context = tls_context(index)
        connection = http.client.HTTPSConnection(dial_host, dial_port, timeout=SECONDS, context=context)
        if proxy:
            connection.set_tunnel(host, port, _proxy_headers(proxy.username, proxy.password))
    else:
        connection = http.client.HTTPConnection(dial_host, dial_port, timeout=SECONDS)
    try:
        connection.connect()
        if not isinstance(connection.sock, ssl.SSLSocket):
            return "TCP answers; not encrypted"
        _await_refusal(connection.sock)
        return f"TCP and {connection.sock.version()} answer, certificates accepted"
    finally:
        connection.close()


def _await_refusal(sock: ssl.SSLSocket) -> None:
    """Give the server a moment to refuse our certificate: in TLS 1.3 it does so after the handshake."""
    sock.settimeout(REFUSAL_SECONDS)
    try:
        if sock.recv(1) == b"":
            raise ConnectionError("the server closed the connection after the handshake")
    except TimeoutError:
        pass


def _proxy_headers(user: str | None, password: str | None) -> dict[str, str]:
    if not user:
        return {}
    credentials = f"{unquote(user)}:{unquote(password or '')}".encode()
    return {"Proxy-Authorization": f"Basic {base64.b64encode(credentials).decode()}"}
