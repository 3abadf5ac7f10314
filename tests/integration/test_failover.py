"""The primary dies and its copy is promoted, under load: the URL names both, and nobody tells the relay anything."""

from __future__ import annotations

import dataclasses
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import psycopg
import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from relay.demo.postgres import Postgres
from tests.integration.conftest import TIDBOK
from tests.integration.residents import TOLVAN
from tests.integration.site import Pace, Site, insert_sql
from tests.waiting import BUSY, PATIENCE, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

BACK_SECONDS: Final = 15  # from the promotion until a new booking is in the index
UNIT: Final = "SE2321000016-1HZ3"


class Standby(Postgres):
    """A copy of a primary, kept up by streaming."""

    def __init__(self, primary: Postgres) -> None:
        super().__init__("max_connections=200")
        shutil.rmtree(self._base / "data")
        self._run("pg_basebackup", "-h", "127.0.0.1", "-p", str(primary.port), "-U", "postgres", "-D", "data", "-R",
                  "-c", "fast")  # fmt: skip


def ask(server: Postgres, question: str) -> Any:
    with psycopg.connect(server.url().replace("+psycopg", ""), autocommit=True) as connection:
        return connection.execute(question).fetchall()  # type: ignore[arg-type]


@contextmanager
def a_pair(*, synchronous: bool = True) -> Iterator[tuple[Postgres, Postgres]]:
    """A primary that commits nothing which its copy has not, or one that does not wait for it; and that copy."""
    with Postgres("wal_level=replica", "max_connections=200") as primary, Standby(primary) as standby:
        wait_until(lambda: ask(primary, "SELECT * FROM pg_stat_replication WHERE state = 'streaming'"), "the copy")
        with psycopg.connect(primary.url().replace("+psycopg", ""), autocommit=True) as connection:
            if synchronous:
                connection.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
                connection.execute("SELECT pg_reload_conf()")
            connection.execute("CREATE DATABASE relay")
        if synchronous:
            wait_until(lambda: ask(primary, "SELECT * FROM pg_stat_replication WHERE sync_state = 'sync'"), "true copy")
        yield primary, standby


class BookingSystem:
    """Writes bookings, moves and cancels some of them, and repeats what it got no answer to."""

    def __init__(self, url: str) -> None:
        self.standing: dict[str, str | None] = {}  # {booking: its start, None: cancelled}, as it was acknowledged
        self.ended = threading.Event()
        self._engine = create_engine(url, connect_args={"connect_timeout": 2})
        self._thread = threading.Thread(target=self._write, daemon=True)

    def __enter__(self) -> BookingSystem:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.ended.set()
        self._thread.join(PATIENCE)
        self._engine.dispose()

    def _write(self) -> None:
        first, number = datetime(2040, 5, 4, 8, 0), 0
        while not self.ended.is_set():
            number += 1
            booking, moved = f"b-{number - number % 3}", number % 3 == 1
            starts = None if number % 3 == 2 and number % 2 else first + timedelta(hours=number * (2 if moved else 1))
            row = {"operation": "upsert" if starts else "remove", "booking_id": booking, "resident_id": TOLVAN,
                   "care_unit": UNIT, "event_id": f"e-{number}", "starts_at": starts}  # fmt: skip
            self._insert(row)
            self.standing[booking] = f"{starts:%Y%m%d%H%M%S}" if starts else None
            time.sleep(0.05)

    def _insert(self, row: dict[str, Any]) -> None:
        while True:
            try:
                with self._engine.begin() as connection:
                    connection.execute(text(insert_sql("ei_outbox", row)), row)
            except DBAPIError:
                self._engine.dispose()
                time.sleep(0.2)
            else:
                return


def test_a_promoted_copy_is_worked_on_within_seconds_and_nothing_is_lost(tmp_path: Path) -> None:
    with a_pair() as (primary, standby):
        # Given a site whose URL names both servers, at work
        url = (
            f"postgresql+psycopg://postgres@/relay?host=127.0.0.1,127.0.0.1&port={primary.port},{standby.port}"
            "&target_session_attrs=read-write"
        )
        with Site(tmp_path, url, [TIDBOK], pace=Pace(key_spacing=1)) as site:
            site.prepare()
            run = site.start_run()
            with BookingSystem(url) as bookings:
                wait_until(lambda: len(site.index.posts()) > 5, run.log)

                # when the primary dies in the middle of it, and the copy is promoted
                primary.stop(signal.SIGQUIT)
                for engine in site._engines.values():
                    engine.dispose()
                time.sleep(1)
                ask(standby, "SELECT pg_promote()")
                promoted = time.monotonic()
                site.insert(
                    TIDBOK.name, operation="upsert", booking_id="after", resident_id=TOLVAN, care_unit=UNIT,
                    starts_at=datetime(2040, 5, 4, 8, 15),
                )  # fmt: skip
                wait_until(lambda: site.index.content_of("after"), run.log)
                back = time.monotonic() - promoted
                print(f"back {back:.1f} s after the promotion")
                assert back < BACK_SECONDS + BUSY
                written = len(bookings.standing)
                wait_until(lambda: len(bookings.standing) > written + 5, "bookings written afterwards")
                bookings.stop()

            # then the index holds what was acknowledged, and no more; no rule was broken
            wait_until(lambda: site.unread() == 0 and site.status()["lanes"][0]["pending"] == 0, run.log)
            standing = {booking: start for booking, start in bookings.standing.items() if start}
            held = {post.booking_id: post.content for post in site.index.posts() if post.booking_id != "after"}
            assert held == standing
            assert site.index.breaches() == []


def test_commits_that_an_asynchronous_copy_never_got_are_noticed_and_made_good(tmp_path: Path) -> None:
    with a_pair(synchronous=False) as (primary, standby), Postgres("fsync=off") as booking_system:
        # Given a site whose outbox lies on a server of its own, and bookings that both servers of the pair know
        url = (
            f"postgresql+psycopg://postgres@/relay?host=127.0.0.1,127.0.0.1&port={primary.port},{standby.port}"
            "&target_session_attrs=read-write"
        )
        source = dataclasses.replace(TIDBOK, outbox_url=booking_system.url())
        with Site(tmp_path, url, [source], pace=Pace(key_spacing=1)) as site:
            site.prepare()
            run = site.start_run()

            def write(booking: str, hour: int | None) -> None:
                row = {"operation": "remove"} if hour is None else {
                    "operation": "upsert", "resident_id": TOLVAN, "care_unit": UNIT,
                    "starts_at": datetime(2040, 5, 4, hour),
                }  # fmt: skip
                site.insert(source.name, booking_id=booking, **row)

            def shown() -> dict[str, str]:
                return {post.booking_id: post.content[8:10] for post in site.index.posts()}

            for booking in ("stays", "moves", "goes"):
                write(booking, 8)
            wait_until(lambda: shown() == {"stays": "08", "moves": "08", "goes": "08"}, run.log)
            wait_until(lambda: site.status()["lanes"][0]["pending"] == 0, run.log)
            with psycopg.connect(primary.url("relay").replace("+psycopg", "")) as connection:
                # The relay is older than five minutes: before that it takes what it does not know for an earlier one's.
                connection.execute("UPDATE ei_receipt SET settled_at = settled_at - interval '1 hour'")
            wait_until(lambda: ask(standby, "SELECT pg_last_wal_replay_lsn() >= '" + position(primary) + "'")[0][0], "")

            # when the copy hears nothing any more, bookings reach the index, and the primary dies
            with psycopg.connect(standby.url().replace("+psycopg", ""), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
                connection.execute("SELECT pg_reload_conf()")
            wait_until(lambda: not ask(primary, "SELECT * FROM pg_stat_replication"), "a copy that hears nothing")
            write("moves", 12)
            write("new", 9)
            write("goes", None)
            wait_until(lambda: shown() == {"stays": "08", "moves": "12", "new": "09"}, run.log)
            wait_until(lambda: site.unread() == 0, run.log)
            primary.stop(signal.SIGQUIT)
            ask(standby, "SELECT pg_promote()")

            # then the relay sees that the outbox knows more than its database, and sends nothing of the source
            wait_until(lambda: "recover" in " ".join(site.status()["wrong"]), run.log)
            write("later", 10)
            assert "later" not in shown()
            assert site.command("config", "check").returncode == 0

            # and an operator's one command makes it good
            site.command("recover", "--reason", "failover")
            equal = {"stays": "08", "moves": "12", "new": "09", "later": "10"}
            wait_until(lambda: shown() == equal, run.log)
            wait_until(lambda: site.unread() == 0 and site.status()["lanes"][0]["pending"] == 0, run.log)
            assert shown() == equal
            assert site.index.breaches() == []


def position(server: Postgres) -> str:
    """How far its log is written."""
    (row,) = ask(server, "SELECT pg_current_wal_lsn()")
    return str(row[0])
