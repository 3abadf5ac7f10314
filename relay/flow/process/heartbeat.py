"""Heartbeat: this process reports itself to the relay's database a few times a minute, while it works.

It is for people (`ei-relay workers list`), for agreeing on lists (`relay.flow.publishing.follow`) and for comparing
clocks. A heartbeat that fails costs nothing: the next one comes.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from relay import __version__
from relay.catalogue import CatalogueError
from relay.flow.relay import Relay
from relay.store import workers
from relay.store.migrate import DatabaseNotReady
from relay.store.transaction import Transaction

log = logging.getLogger(__name__)

SECONDS: Final = 15.0


class Heartbeat:
    """The reports of one process, by a thread of their own between `start` and `stop`."""

    def __init__(self, relay: Relay, wall: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._relay = relay
        self._wall = wall
        self._host = socket.gethostname()
        self._stop = Event()
        self._thread = Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin to report."""
        self._thread.start()

    def stop(self) -> None:
        """Report no more. The row is taken out where the database answers at once; nobody waits for one that hangs."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=1)

    def beat(self) -> None:
        """Report now. Raises SQLAlchemyError, DatabaseNotReady."""
        self._relay.prepare()
        lists = self._lists()

        def work(tx: Transaction) -> None:
            offset = round((self._wall() - tx.now).total_seconds() * 1000)
            said = workers.Report(self._relay.instance, self._host, __version__, tx.now, offset, lists)
            workers.report(tx, said)

        self._relay.store.transact(work)

    def _lists(self) -> dict[str, str]:
        found = {}
        for source in self._relay.source_names:
            with suppress(CatalogueError):  # intake and `status` tell of it
                found[source] = self._relay.source(source).policies.rules().fingerprint
        return found

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.beat()
            except (SQLAlchemyError, DatabaseNotReady) as error:
                log.debug("no heartbeat: %s", type(error).__name__)
            except Exception:
                log.exception("the heartbeat failed")
            self._stop.wait(SECONDS)
        with suppress(SQLAlchemyError, DatabaseNotReady):
            self._relay.store.transact(lambda tx: workers.gone(tx, self._relay.instance))
