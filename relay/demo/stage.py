"""What the demo plays on: the index, the databases, and a relay at work between them.

`full` is what a region runs: PostgreSQL, a broker, `celery worker`, `celery beat`, and the sandbox as a process.
`single` is the same steps in this process, on SQLite files. Both are context managers that leave nothing behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import SubprocessError
from sys import executable
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final

import psycopg
from sqlalchemy import Engine, make_url, text

from relay.database import connect
from relay.demo import config
from relay.demo.booking_system import BookingSystem
from relay.demo.cast import LEADING, System
from relay.demo.postgres import Postgres
from relay.demo.processes import Process, StartFailed, undisturbed_at_the_end
from relay.demo.throwaway import NoBinariesError
from relay.demo.valkey import Valkey
from relay.flow.process.heartbeat import Heartbeat
from relay.flow.process.runner import Runner
from relay.flow.relay import Relay
from relay.observe.logging import configure
from relay.observe.progress import serve_own_metrics
from relay.outbox.ddl import create as create_outbox
from relay.sandbox.backend import Pace
from relay.sandbox.collector import Collect
from relay.sandbox.core import Options
from relay.sandbox.referee import Limits
from relay.sandbox.server import Sandbox
from relay.settings import load
from relay.store.migrate import upgrade
from relay.store.transaction import Store

Say = Callable[[str], None]

_CLINICS: Final = "kliniker"
_CONNECTIONS: Final = 8  # to an outbox of its own, at most: a worker's threads, and the demo's
_PATIENCE: Final = 60.0  # seconds for each part to start


class NoServers(Exception):
    """PostgreSQL or Valkey cannot be had on this machine; the text says why."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A relay at work for a cast of booking systems. `check` raises StartFailed when a part of it has died."""

    config: Path
    cast: Sequence[System]
    store: Store
    outboxes: dict[str, Engine]
    systems: dict[str, BookingSystem]
    sandbox_url: str
    parts: str
    check: Callable[[], None]


@contextmanager
def full(say: Say, cast: Sequence[System], ports: config.Ports | None = None) -> Iterator[Stage]:
    """Processes and servers; `ports` are where figures are served, if anywhere.

    Raises NoServers before anything is said to be ready, StartFailed, SettingsError.
    """
    with undisturbed_at_the_end() as stack:
        folder = _folder(stack)
        environment = config.environment(folder / "relay.toml")
        sandbox = stack.enter_context(
            Process("ei-relay sandbox", [executable, "-m", "relay", *_SANDBOX], folder / "sandbox.log", environment)
        )
        try:
            say("starting PostgreSQL …")
            postgres = Postgres("fsync=off", f"max_connections={100 + _CONNECTIONS * len(cast)}")
            stack.callback(postgres.close)
            postgres.start()
            say("starting Valkey …")
            valkey = stack.enter_context(Valkey())
        except (NoBinariesError, RuntimeError, OSError, SubprocessError) as error:
            raise NoServers(str(error)) from error
        own, urls = _make_databases(postgres, cast)
        say("starting the sandbox …")
        update_url = sandbox.wait_for_line("updates", _PATIENCE)
        sandbox_url = sandbox.wait_for_line("page", _PATIENCE).rstrip("/")
        path = config.write(folder, cast, database_url=own, update_url=update_url, outbox_urls=urls,
                            broker_url=valkey.url, ports=ports)  # fmt: skip
        say("making the databases …")
        store, outboxes = _databases(stack, cast, own, urls)
        say("starting celery worker and celery beat …")
        processes = [sandbox]
        for role, *options in (("worker", "--loglevel=INFO"), ("beat",)):
            command = [executable, "-m", "celery", "-A", "relay.celery_app", role, *options]
            process = Process(f"celery {role}", command, folder / f"{role}.log", environment)
            processes.append(stack.enter_context(process))
        stack.callback(_ask_to_stop, processes[1:])

        def check() -> None:
            for process in processes:
                process.check()

        _await_first_tick(store, len(cast), processes)
        yield Stage(path, cast, store, outboxes, _systems(outboxes), sandbox_url,
                    "PostgreSQL · Valkey · celery worker · celery beat · ei-relay sandbox", check)  # fmt: skip


@contextmanager
def single(say: Say, cast: Sequence[System], ports: config.Ports | None = None) -> Iterator[Stage]:
    """One process; `ports` as for `full`. Raises StartFailed, SettingsError."""
    with undisturbed_at_the_end() as stack:
        folder = _folder(stack)
        say("starting the sandbox …")
        options = Options(
            collect=Collect(config.COLLECT_QUIET, config.COLLECT_MESSAGES),
            pace=Pace(delay=config.APPLY_AFTER),
            limits=Limits(config.KEY_SPACING, config.RETRY_AFTER_FAULT),
        )
        sandbox = stack.enter_context(Sandbox(options))
        urls = {system.name: f"sqlite:///{folder / system.name}.db" for system in cast[1:]}
        own = f"sqlite:///{folder / 'relay.db'}"
        path = config.write(folder, cast, database_url=own, update_url=sandbox.update_url, outbox_urls=urls,
                            ports=ports)  # fmt: skip
        settings = load(str(path), {})
        log = stack.enter_context((folder / "relay.log").open("w", encoding="utf-8"))
        configure(settings.log_level, settings.log_format, log)
        say("making the databases …")
        store, outboxes = _databases(stack, cast, own, urls)
        relay = Relay(settings)
        stack.callback(relay.close)
        relay.prepare()
        if (metrics := serve_own_metrics(settings.worker_metrics_port, relay.source_names)) is not None:
            stack.callback(metrics.close)
        runner = Runner(relay)
        heartbeat = Heartbeat(relay)
        heartbeat.start()
        stack.callback(heartbeat.stop)
        thread = Thread(target=runner.run, name="relay")
        thread.start()
        stack.callback(thread.join)
        stack.callback(runner.stop)

        def check() -> None:
            if not thread.is_alive():
                raise StartFailed("the relay ended by itself")

        yield Stage(path, cast, store, outboxes, _systems(outboxes), sandbox.url,
                    "one process on SQLite · sandbox over HTTP", check)  # fmt: skip


_SANDBOX: Final = (
    "sandbox", "--port", "0", "--collect", "--collect-quiet", str(config.COLLECT_QUIET), "--collect-messages",
    str(config.COLLECT_MESSAGES), "--key-spacing", str(config.KEY_SPACING), "--retry-after-fault",
    str(config.RETRY_AFTER_FAULT), "--apply-after", str(config.APPLY_AFTER),
)  # fmt: skip


def _ask_to_stop(processes: list[Process]) -> None:
    """Tell all of them at once, before each is waited for."""
    for process in processes:
        process.ask_to_stop()


def _folder(stack: ExitStack) -> Path:
    return Path(stack.enter_context(TemporaryDirectory(prefix="ei-relay-demo-", ignore_cleanup_errors=True)))


def _make_databases(postgres: Postgres, cast: Sequence[System]) -> tuple[str, dict[str, str]]:
    """The URLs of the relay's database, and of the outboxes outside it.

    The leading systems have databases of their own. The clinics share one, each with a user and a schema, as
    fifty databases would be half a minute of a busy disk's time to remove.
    """
    names = {system.name: system.name.replace("-", "_") for system in cast}
    urls = {system.name: postgres.url(names[system.name]) for system in cast[1:LEADING]}
    shared = make_url(postgres.url(_CLINICS))
    with _administering(postgres, "postgres") as connection:
        for name in ("relay", _CLINICS, *(names[source] for source in urls)):
            connection.execute(f"CREATE DATABASE {name}")
    with _administering(postgres, _CLINICS) as connection:
        for system in cast[LEADING:]:
            name = names[system.name]
            connection.execute(f"CREATE ROLE {name} LOGIN")
            connection.execute(f"CREATE SCHEMA AUTHORIZATION {name}")  # where the search path leads its user
            urls[system.name] = shared.set(username=name).render_as_string(hide_password=False)
    return postgres.url("relay"), urls


def _administering(postgres: Postgres, database: str) -> psycopg.Connection:
    return psycopg.connect(f"host=127.0.0.1 port={postgres.port} user=postgres dbname={database}", autocommit=True)


def _databases(
    stack: ExitStack, cast: Sequence[System], own: str, urls: dict[str, str]
) -> tuple[Store, dict[str, Engine]]:
    """The relay's database with its tables, and every system's with an outbox."""
    engine = connect(own)
    stack.callback(engine.dispose)
    upgrade(engine)
    outboxes = {}
    for system in cast:
        outbox = connect(urls[system.name]) if system.name in urls else engine
        stack.callback(outbox.dispose)
        create_outbox(outbox)
        outboxes[system.name] = outbox
    return Store(engine), outboxes


def _systems(outboxes: dict[str, Engine]) -> dict[str, BookingSystem]:
    systems = {name: BookingSystem(engine) for name, engine in outboxes.items()}
    for system in systems.values():
        system.create()
    return systems


def _await_first_tick(store: Store, lanes: int, processes: list[Process]) -> None:
    """Wait until a worker has got beat's first tick: it then writes the configured lanes down."""
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        for process in processes:
            process.check()
        with store.engine.connect() as connection:
            if connection.execute(text("SELECT count(*) FROM ei_lane")).scalar_one() == lanes:
                return
        time.sleep(0.05)
    raise StartFailed("celery beat or the broker did not reach the worker in time")
