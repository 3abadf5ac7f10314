"""A site: booking systems' outboxes, the relay's database, broker and index, and the relay's processes, all real.

Everything a site starts is ended by `close`, whatever state it is in.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Engine, Row, Select, create_engine, select, text
from sqlalchemy.pool import NullPool

from relay.store.schema import lane
from tests.integration.index import PracticeIndex
from tests.integration.processes import Process, environment
from tests.waiting import PATIENCE, wait_until

CONTROLLER = "SE232100-0016"


@dataclass(frozen=True)
class Source:
    """A booking system. `outbox_url` empty: its outbox lies in the relay's own database."""

    name: str
    source_systems: tuple[str, ...]
    outbox_url: str = ""
    outbox_table: str = "ei_outbox"
    care_units: str = "*"
    data_controller: str = CONTROLLER


@dataclass(frozen=True)
class Pace:
    """The index's settings that tests shorten, in seconds.

    A call's time is not short where nothing is to be learned from its end: it may take as long as a busy machine stands
    still, or the relay rightly gives it up, and the index and its referee find it waiting together with the next one.
    """

    key_spacing: float = 2
    retry_after_fault: float = 1
    retry_after_fault_max: float = 2
    call_timeout: float = 10
    latency: float = 0.0  # of the practice index
    says_lone_posts_again: bool = True  # as by default; without, each change is one call, and calls can be counted


class Site:
    """`folder` gets the configuration and all logs. The relay's processes are started by the tests.

    `detour`: what the relay's processes are told instead of each address, so that a test can stand in the way; the
    booking systems and the tests themselves take the straight one.
    """

    def __init__(
        self,
        folder: Path,
        database_url: str,
        sources: Sequence[Source],
        *,
        broker_url: str = "",
        pace: Pace | None = None,
        detour: Callable[[str], str] = str,
    ) -> None:
        self.folder = folder
        self.database_url = database_url
        self.sources = {source.name: source for source in sources}
        self.pace = pace or Pace()
        self.processes: list[Process] = []
        self._detour = detour
        self._engines: dict[str, Engine] = {}
        self.index = PracticeIndex(
            folder, key_spacing=self.pace.key_spacing, retry_after_fault=self.pace.retry_after_fault,
            latency=self.pace.latency,
        )  # fmt: skip
        self.config = folder / "relay.toml"
        self.config.write_text(self._toml(broker_url), encoding="utf-8")

    # --- set-up and commands

    def prepare(self) -> Self:
        """Migrate the relay's database and make every outbox."""
        self.command("db", "upgrade")
        self.command("outbox", "create")
        return self

    def command(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        """Run `ei-relay ARGUMENTS`; its exit code must be `code`."""
        done = self.python("-m", "relay", *arguments)
        assert done.returncode == code, f"ei-relay {' '.join(arguments)}: {done.returncode}\n{done.stderr}"
        return done

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python ARGUMENTS` as the site's processes are run, to its end."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=self.folder, env=environment(self.config), capture_output=True, text=True,
            timeout=PATIENCE, check=False,
        )  # fmt: skip

    def status(self) -> dict[str, Any]:
        """What `ei-relay status --json` says."""
        status: dict[str, Any] = json.loads(self.command("status", "--json").stdout)
        return status

    # --- processes

    def start_worker(self, name: str = "worker") -> Process:
        """`celery -A workers worker`."""
        return self._start(name, "-m", "celery", "-A", "workers", "worker")

    def start_beat(self, name: str = "beat") -> Process:
        """`celery -A workers beat`."""
        return self._start(name, "-m", "celery", "-A", "workers", "beat")

    def start_run(self) -> Process:
        """`ei-relay run`."""
        return self._start("run", "-m", "relay", "run")

    def environment(self) -> dict[str, str]:
        """What a process of the site is started with."""
        return environment(self.config) | self._quiet()

    def _start(self, name: str, *arguments: str) -> Process:
        process = Process(name, list(arguments), self.folder, self.environment())
        self.processes.append(process)
        return process.start()

    def _quiet(self) -> dict[str, str]:
        """Many workers share this host: none serves metrics but where the test has said on which port."""
        chosen = "worker_metrics_port" in self.config.read_text(encoding="utf-8")
        return {} if chosen else {"EI_RELAY_WORKER_METRICS_PORT": "0"}

    def kill_in_a_call(self, processes: Sequence[Process]) -> None:
        """Kill processes of which one has a call out that the relay will never know the outcome of.

        They are frozen for the look that makes sure of it: on a busy machine the call may have been given up since.
        """
        while True:
            self.index.order(delay=60, times=1)
            wait_until(lambda: not self.index.orders(), self.last_words)
            for process in processes:
                process.freeze()
            if self._ask(select(lane.c.id).where(lane.c.open_call.is_not(None))):
                break
            for process in processes:
                process.thaw()
        for process in processes:
            process.kill()

    def will_say_again(self) -> bool:
        """Whether a lane will soon repeat what it has said in a call of one post, so that there is no silence yet."""
        soon = datetime.now(UTC) + timedelta(minutes=1)
        return any(at is not None and at < soon for (at,) in self._ask(select(lane.c.say_again_at)))

    # --- the booking systems' side

    def outbox(self, source_name: str) -> Engine:
        """The database a source's outbox lies in."""
        url = self.sources[source_name].outbox_url or self.database_url
        engine = self._engines.get(url)
        if engine is None:
            arguments = {"timeout": 30} if url.startswith("sqlite") else {}
            engine = self._engines[url] = create_engine(url, pool_size=10, connect_args=arguments)
        return engine

    def insert(self, source_name: str, **columns: object) -> float:
        """Commit one outbox row, in plain SQL; the time (`time.monotonic`) right after the commit."""
        with self.outbox(source_name).begin() as connection:
            connection.execute(text(insert_sql(self.sources[source_name].outbox_table, columns)), columns)
        return time.monotonic()

    def outcomes(self, source_name: str) -> dict[int, tuple[str | None, str | None]]:
        """{row id: (outcome, outcome_reason)} of every row of an outbox."""
        table = self.sources[source_name].outbox_table
        with self.outbox(source_name).connect() as connection:
            rows = connection.execute(text(f"SELECT id, outcome, outcome_reason FROM {table}"))
            return {row.id: (row.outcome, row.outcome_reason) for row in rows}

    def unread(self) -> int:
        """How many rows of all outboxes have no outcome."""
        return sum(outcome is None for name in self.sources for outcome, _ in self.outcomes(name).values())

    # --- what is left behind

    def logs(self) -> dict[str, str]:
        """All that every process has written, stdout and stderr, by file name."""
        files = [*self.folder.glob("*.out"), *self.folder.glob("*.err")]
        return {file.name: file.read_text(encoding="utf-8", errors="replace") for file in files}

    def last_words(self) -> str:
        """The ends of all logs, for a test that fails."""
        return "\n".join(f"--- {name}\n{text[-3000:]}" for name, text in sorted(self.logs().items()))

    def close(self) -> None:
        """Kill every process and let go of every connection."""
        for process in self.processes:
            process.kill()
        self.index.close()
        for engine in self._engines.values():
            engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(self.last_words())
        self.close()

    def _ask(self, question: Select[Any]) -> Sequence[Row[Any]]:
        """What the relay's own tables say."""
        engine = create_engine(self.database_url, poolclass=NullPool)
        with engine.connect() as connection:
            return connection.execute(question).all()

    def _toml(self, broker_url: str) -> str:
        pace = self.pace
        lines = [
            'environment = "qa"',
            f'database_url = "{self._detour(self.database_url)}"',
            f'broker_url = "{self._detour(broker_url)}"' if broker_url else "",
            'poll_interval = "1s"',
            "worker_threads = 8",
            "[surge_guard]",
            "enabled = false",  # these stories remove more within minutes than anybody does in an hour
            "[engagement_index.practice]",
            f'url = "{self._detour(self.index.update_url)}"',
            'logical_address = "5565594230"',
            'lone_delete_wait = "0s"',  # nor do they wait ten minutes for a delete to have company
            "" if pace.says_lone_posts_again else "min_posts_per_call = 1",
            f'key_spacing = "{pace.key_spacing}s"',
            f'retry_after_fault = "{pace.retry_after_fault}s"',
            f'retry_after_fault_max = "{pace.retry_after_fault_max}s"',
            'bulk_call_interval = "1s"',
            'split_call_interval = "1s"',
            f'connect_timeout = "{pace.call_timeout}s"',
            f'read_timeout = "{pace.call_timeout}s"',
            f'call_timeout = "{pace.call_timeout}s"',
        ]
        for source in self.sources.values():
            lines += [
                "[[source]]",
                f'name = "{source.name}"',
                f"source_systems = {json.dumps(source.source_systems)}",
                f'data_controller = "{source.data_controller}"',
                'engagement_index = "practice"',
                f'outbox_url = "{self._detour(source.outbox_url)}"' if source.outbox_url else "",
                f'outbox_table = "{source.outbox_table}"',
                f'care_units = "{source.care_units}"',
                'test_residents = "*"',
            ]
        return "\n".join(lines) + "\n"


def insert_sql(table: str, columns: Any) -> str:
    """A plain INSERT of named columns, with named parameters."""
    return f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})"
