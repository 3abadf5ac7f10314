"""The release before and this one, on one database and one broker, while bookings go on: forth, back, and forth again.

The release before is the commit that it was made of, taken out of git and run with this environment's packages: nothing
that the two need differs in version.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from relay.demo.valkey import Valkey
from relay.store.downgrade import RELEASES
from tests.integration import residents
from tests.integration.conftest import TIDBOK, NewDatabase
from tests.integration.index import Post
from tests.integration.processes import ROOT, Process
from tests.integration.site import CONTROLLER, Pace, Site
from tests.waiting import PATIENCE, wait_until

pytestmark = [pytest.mark.integration, pytest.mark.heavy]

BEFORE, COMMIT = "0.2.0", "956bdba"
UNITS: Final = tuple(f"SE2321000016-1HZ{n}" for n in range(6))
BOOKINGS: Final = 300
MORE: Final = 5  # calls that each stage of the way must see accepted, of each process that is there
NOT_OF_BEFORE: Final = ("[surge_guard]", "enabled = false", "lone_delete_wait")  # settings that it does not know
FOR_THIS: Final = {
    "EI_RELAY_SURGE_GUARD__ENABLED": "false",
    "EI_RELAY_ENGAGEMENT_INDEX__PRACTICE__LONE_DELETE_WAIT": "0s",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources of the release before."""
    asked = ["git", "archive", COMMIT, "relay", "workers"]
    try:
        done = subprocess.run(asked, cwd=ROOT, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip(f"there is no git here: the upgrade from {BEFORE} is NOT tested")
    if done.returncode:
        pytest.skip(f"commit {COMMIT} is not in this clone (is it shallow?): the upgrade from {BEFORE} is NOT tested")
    folder = tmp_path_factory.mktemp("release")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


class Bookings(threading.Thread):
    """A booking system that books, moves, changes and cancels until it is told to stop, one commit after the other."""

    def __init__(self, site: Site, seed: str) -> None:
        super().__init__(daemon=True)
        self.state: dict[str, dict[str, Any] | None] = {}
        self.rows = 0
        self.failure: BaseException | None = None
        self._site, self._random, self._over = site, Random(seed), threading.Event()

    def run(self) -> None:
        """Write about fifty rows a second."""
        try:
            while not self._over.wait(0.02):
                self._write()
        except BaseException as error:
            self.failure = error

    def stop(self) -> None:
        """Have it end after the row that it is at."""
        self._over.set()
        self.join(PATIENCE)
        assert self.failure is None, self.failure
        assert not self.is_alive()

    def _write(self) -> None:
        random = self._random
        booking = f"B-{random.randrange(BOOKINGS)}"
        there = self.state.get(booking)
        self.rows += 1
        said: dict[str, Any] = {"booking_id": booking, "version": self.rows}
        if there is not None and random.random() < 0.15:
            self._site.insert(TIDBOK.name, operation="remove", **said)
            self.state[booking] = None
            return
        state = {
            "resident_id": there["resident_id"] if there else residents.make(random),
            "care_unit": there["care_unit"] if there and random.random() < 0.8 else random.choice(UNITS),
            "starts_at": datetime(2040, 1, 1) + timedelta(minutes=15 * random.randrange(10_000)),
        }
        self._site.insert(TIDBOK.name, operation="upsert", **said, **state)
        self.state[booking] = state

    def posts(self) -> set[Post]:
        """What the index must hold when all of it has been said."""
        return {
            Post(s["resident_id"], s["care_unit"], booking, TIDBOK.source_systems[0], CONTROLLER,
                 f"{s['starts_at']:%Y%m%d%H%M%S}")
            for booking, s in self.state.items() if s is not None
        }  # fmt: skip


class Fleet:
    """Processes of both releases at one site."""

    def __init__(self, site: Site, release: Path) -> None:
        self.site = site
        shared = site.config.read_text(encoding="utf-8").splitlines()
        site.config.write_text("\n".join(line for line in shared if not line.startswith(NOT_OF_BEFORE)), "utf-8")
        this = site.environment()
        self._environments = {"this": this | FOR_THIS, BEFORE: this | {"PYTHONPATH": str(release)}}

    def command(self, of: str, *arguments: str, code: int = 0) -> str:
        """Run `ei-relay ARGUMENTS` of a release; its exit code must be `code`; what it says."""
        done = subprocess.run(
            [sys.executable, "-m", "relay", *arguments], cwd=self.site.folder, env=self._environments[of],
            capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def start(self, of: str, part: str, name: str) -> Process:
        """Start a worker or beat of a release."""
        process = Process(
            name, ["-m", "celery", "-A", "workers", part], self.site.folder, self._environments[of]
        ).start()
        self.site.processes.append(process)
        return process

    def stop(self, *processes: Process) -> None:
        """Have processes end in order: with the calls finished that are out."""
        for process in processes:
            process.terminate()
        for process in processes:
            assert process.wait(PATIENCE) == 0, self.site.last_words()

    def work(self, *workers: Process) -> None:
        """Wait until each of the workers has made some more calls."""
        goals = {worker.name: called(worker) + MORE for worker in workers}
        wait_until(lambda: all(called(w) >= goals[w.name] for w in workers), self.site.last_words)


def called(worker: Process) -> int:
    return worker.log().count("call ended")


@pytest.fixture
def fleet(release: Path, new_database: NewDatabase, tmp_path: Path) -> Iterator[Fleet]:
    pace = Pace(key_spacing=2, retry_after_fault=1, retry_after_fault_max=2, latency=0.1)
    with ExitStack() as stack:
        valkey = stack.enter_context(Valkey())
        site = stack.enter_context(Site(tmp_path, new_database(), [TIDBOK], broker_url=valkey.url, pace=pace))
        yield Fleet(site, release)


def test_workers_are_upgraded_one_by_one_and_taken_back_while_bookings_go_on(fleet: Fleet) -> None:
    # Given a site of the release before, at work
    site = fleet.site
    assert BEFORE in fleet.command(BEFORE, "--version")
    fleet.command(BEFORE, "db", "upgrade")
    fleet.command(BEFORE, "outbox", "create")
    old = [fleet.start(BEFORE, "worker", f"old-{n}") for n in (1, 2)]
    old_beat = fleet.start(BEFORE, "beat", "old-beat")
    bookings = Bookings(site, "rolling")
    bookings.start()
    fleet.work(*old)

    # when the database is upgraded, then its workers go on
    fleet.command("this", "db", "upgrade")
    fleet.work(*old)
    # and one after the other is replaced, with both releases at work, and beat last
    new = [fleet.start("this", "worker", "new-1")]
    fleet.stop(old[0])
    fleet.work(old[1], new[0])
    new.append(fleet.start("this", "worker", "new-2"))
    fleet.stop(old[1])
    fleet.work(*new)
    new_beat = fleet.start("this", "beat", "new-beat")
    fleet.stop(old_beat)
    fleet.work(*new)

    # and it goes back: not under processes of this release, nor does one of the release before start on its database
    assert "processes are at work" in fleet.command("this", "db", "downgrade", "--to", BEFORE, code=1)
    assert "does not know" in fleet.command(BEFORE, "status", code=1)
    fleet.stop(*new, new_beat)
    fleet.command("this", "db", "downgrade", "--to", BEFORE)
    back, back_beat = fleet.start(BEFORE, "worker", "back"), fleet.start(BEFORE, "beat", "back-beat")
    fleet.work(back)

    # and forth again, at once
    fleet.command("this", "db", "upgrade")
    last, last_beat = fleet.start("this", "worker", "last"), fleet.start("this", "beat", "last-beat")
    fleet.work(back, last)
    fleet.stop(back, back_beat)
    fleet.work(last)
    bookings.stop()

    # then nothing was lost, there is no ghost, and the pauses were kept all the way
    wait_until(
        lambda: site.unread() == 0 and Counter(site.index.posts()) == Counter(bookings.posts()),
        lambda: f"{difference(site, bookings)}\n{site.last_words()}",
    )
    assert {outcome for outcome, _ in site.outcomes(TIDBOK.name).values()} <= {"taken", "superseded"}
    assert len(site.outcomes(TIDBOK.name)) == bookings.rows
    assert site.index.breaches() == []
    assert last_beat.is_alive


def difference(site: Site, bookings: Bookings) -> str:
    there, wanted = set(site.index.posts()), bookings.posts()
    return f"{site.unread()} unread, {len(wanted - there)} lost, {len(there - wanted)} ghosts"


def test_the_release_before_is_one_that_the_database_goes_back_to() -> None:
    assert BEFORE in RELEASES
