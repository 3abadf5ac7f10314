"""A power cut on SQLite: what was written and not synced is gone, and nothing that matters was only written."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.conftest import TIDBOK, NewSite
from tests.integration.processes import Process
from tests.integration.site import Site, Source
from tests.integration.test_broker import book, is_indexed
from tests.waiting import wait_until

pytestmark = pytest.mark.integration

LANE = f"practice:{TIDBOK.source_systems[0]}"
NO_COMPILER = "power cuts were NOT tested: there is no C compiler to build the layer that drops unsynced writes"


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    """The library that keeps copies of what is synced."""
    if shutil.which("cc") is None:
        pytest.skip(NO_COMPILER)
    built = tmp_path / "synced.so"
    source = Path(__file__).parent / "synced.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", built, source, "-ldl"], check=True, timeout=60)
    return built


def cut(run: Process, database: Path) -> None:
    """The process ends, and of its database's files is left what had been synced."""
    run.kill()
    for file in (database, Path(f"{database}-wal"), Path(f"{database}-journal"), Path(f"{database}-shm")):
        synced = Path(f"{file}.synced")
        if synced.exists():
            shutil.copyfile(synced, file)
        elif file != database:
            file.unlink(missing_ok=True)


def test_what_an_outbox_was_told_is_known_after_a_power_cut(new_site: NewSite, tmp_path: Path, layer: Path) -> None:
    # given an outbox in a database of its own, which loses nothing, and a lane that is paused
    database = tmp_path / "relay.db"
    source = Source(TIDBOK.name, TIDBOK.source_systems, outbox_url=f"sqlite:///{tmp_path}/booking.sqlite")
    with Site(tmp_path, f"sqlite:///{database}", [source]) as site:
        site.prepare()
        run = Process("run", ["-m", "relay", "run"], tmp_path, site.environment() | {"LD_PRELOAD": str(layer)})
        site.processes.append(run.start())
        book(site, "before")
        wait_until(lambda: is_indexed(site, "before"), "the site up")
        site.command("lanes", "pause", LANE, "--reason", "a power cut is to come")

        # when bookings are taken, and the power is cut before anything else is written
        for number in range(5):
            book(site, f"b-{number}")
        wait_until(lambda: site.unread() == 0, "the rows taken")
        cut(run, database)

        # then the relay has not forgotten them
        run.start()
        site.command("lanes", "resume", LANE, "--reason", "the power is back")
        wait_until(lambda: all(is_indexed(site, f"b-{n}") for n in range(5)), "the bookings in the index")
        assert site.index.breaches() == []
