"""A database of a run: the relay's tables, an outbox full of bookings, and what the server counts of its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Engine, text

from relay.database import connect, reading
from relay.demo.postgres import Postgres
from relay.outbox import ddl
from relay.outbox.table import DEFAULT_NAME
from relay.store.migrate import upgrade

CARE_UNITS = 200
_ROWS = f"""
    INSERT INTO {{table}} (event_id, operation, booking_id, version, resident_id, care_unit, starts_at)
    SELECT 'event-' || i, 'upsert', 'booking-' || i, 1, '191212121212', 'SE2321000016-' || (i % {CARE_UNITS}),
           date_trunc('day', now())::timestamp + interval '30 days' + (i % 40000) * interval '1 minute'
    FROM generate_series(CAST(:first AS integer), CAST(:last AS integer)) i"""
_ONE = text(f"""
    INSERT INTO ei_outbox (event_id, operation, booking_id, version, resident_id, care_unit, starts_at)
    VALUES ('live-event-' || :i, 'upsert', 'live-' || :i, 1, '191212121212', 'SE2321000016-' || (:i % {CARE_UNITS}),
            date_trunc('day', now())::timestamp + interval '30 days')""")


class Work(NamedTuple):
    """What the server has done: statements, and bytes of write-ahead log."""

    statements: int
    wal: int

    def since(self, earlier: Work) -> Work:
        """What it did between the two."""
        return Work(self.statements - earlier.statements, self.wal - earlier.wal)


class Site:
    """One database of a server, made with it."""

    def __init__(self, server: Postgres, name: str, template: str = "template1") -> None:
        self.url = server.url(name)
        self.name = name
        admin = connect(server.url())
        with reading(admin) as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
        admin.dispose()
        self.engine: Engine = connect(self.url)

    def prepare(self, outboxes: Sequence[str] = (DEFAULT_NAME,)) -> None:
        """Make the tables, and an outbox of each of these names."""
        upgrade(self.engine)
        for table in outboxes:
            ddl.create(self.engine, table, wake_up=True)  # who does not listen does not hear
        with self.engine.begin() as connection:
            connection.execute(text("CREATE EXTENSION pg_stat_statements"))

    def fill(self, rows: int, first: int = 1, table: str = DEFAULT_NAME) -> None:
        """Write `rows` bookings to an outbox in one transaction, numbered from `first`."""
        with self.engine.begin() as connection:
            connection.execute(text(_ROWS.format(table=table)), {"first": first, "last": first + rows - 1})

    def book(self, number: int) -> None:
        """Write one booking more, as a booking system does: a row, a commit."""
        with self.engine.begin() as connection:
            connection.execute(_ONE, {"i": number})

    def work(self) -> Work:
        """What was done up to now, in this database; the log is the whole server's."""
        with reading(self.engine) as connection:
            statements, wal = connection.execute(
                text("""
                SELECT (SELECT sum(calls) FROM pg_stat_statements WHERE dbid = (SELECT oid FROM pg_database
                        WHERE datname = current_database())), pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')""")
            ).one()
        return Work(int(statements or 0), int(wal))

    def lanes(self) -> int:
        """How many lanes the relay has written down, which it does before its first look at an outbox."""
        with reading(self.engine) as connection:
            return int(connection.execute(text("SELECT count(*) FROM ei_lane")).scalar_one())

    def delays(self) -> list[float]:
        """Seconds from each live booking's commit until its post was recorded as accepted; sorted."""
        with reading(self.engine) as connection:
            rows = connection.execute(
                text("""
                SELECT extract(epoch FROM post.sent_at - outbox.created_at) FROM ei_post post
                JOIN ei_outbox outbox ON outbox.booking_id = post.booking_id WHERE outbox.booking_id LIKE 'live-%'""")
            )
            return sorted(float(seconds) for (seconds,) in rows)

    def close(self) -> None:
        """Let go of it, so that it can be a template."""
        self.engine.dispose()

    def drop(self, server: Postgres) -> None:
        """Remove it, whoever is still connected."""
        self.close()
        admin = connect(server.url())
        with reading(admin) as connection:
            connection.execute(text(f"DROP DATABASE {self.name} WITH (FORCE)"))
        admin.dispose()
