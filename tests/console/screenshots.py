"""Draws docs/console.png and docs/console-story.png anew: `.venv/bin/python -m tests.console.screenshots [FOLDER]`.

What they show is made on a real relay in which time is simulated, so that it is the same day in each,
and only correlation ids differ.
Needs the extra `browser` and a Chromium.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from relay.sandbox.orders import Order
from relay.store import workers
from relay.store.workers import Report
from tests.console.browsing import chromium, missing, page_of, served
from tests.simulation.world import World
from tests.story.asking import book

WIDTH: Final = 1360
NORD, XRAY, VACCINES = "SE2321000016-84GX", "SE2321000016-9KLM", "SE2321000016-7VAC"
SOURCES: Final = {"tidbok": NORD, "rontgen": XRAY, "vaccination": VACCINES}
TOLD: Final = "B-1042"  # the booking whose story is shown


def main(folder: Path) -> None:
    """Make the relay, open its pages, write the pictures."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as scratch:
        world = _world(Path(scratch))
        _happen(world)
        with served(world.relay) as address, chromium() as browser:
            _picture(browser, address, "/", "en-GB", "operator", folder / "console.png")
            _picture(browser, address, f"/bookings?q={TOLD}", "sv-SE", "support", folder / "console-story.png")
        world.close()


def _world(folder: Path) -> World:
    source = {"data_controller": "SE232100-0016", "engagement_index": "national", "test_residents": "*"}
    sources = [source | {"name": name, "source_systems": [system]} for name, system in SOURCES.items()]
    return World(folder, top={"source": sources})


def _happen(world: World) -> None:
    """A day with something of everything that an operator has to act on."""
    for number in range(1, 130):
        book(world, f"B-{1000 + number}", source_system=NORD, starts_at=f"2026-12-{number % 28 + 2:02}T09:00:00")
        if number % 2:
            book(world, f"R-{7000 + number}", days=number % 30 + 1, source_system=XRAY)
        if number % 3:
            book(world, f"V-{number:04}", days=number % 20 + 3, source_system=VACCINES)
    _settle(world)
    # one post is refused for what it says, two rows are rejected
    world.core.order(Order(answer="fault", text="EI004: booking id not acceptable", booking_id="R-7999", times=99))
    book(world, "R-7999", source_system=XRAY)
    _settle(world)
    book(world, "R-8000", source_system=XRAY, care_unit="Röntgen Norr")
    book(world, "R-8001", source_system=XRAY, resident_id="AA-999999")
    # and then one system's authorisation ends, while a booking of it is moved
    world.core.order(Order(answer="fault", text="VP007: no authorisation", source_system=NORD, times=99))
    book(world, TOLD, version=2, source_system=NORD, starts_at="2026-12-02T10:30:00")
    book(world, "B-1130", source_system=NORD)
    _settle(world, rounds=2)
    world.relay.store.transact(
        lambda tx: workers.report(tx, Report("worker-1:1", "ei-worker-1", "0.3.0", tx.now, 3, {}))
    )
    world.relay.store.transact(
        lambda tx: workers.report(tx, Report("worker-2:1", "ei-worker-2", "0.3.0", tx.now, 1, {}))
    )


def _settle(world: World, rounds: int = 14) -> None:
    for _ in range(rounds):
        world.work()
        world.advance(30)


def _picture(browser: Any, address: str, path: str, language: str, groups: str, to: Path) -> None:
    steer = {"operator": "steer", "support": "help"}[groups]
    page = page_of(browser, address, steer, locale=language, viewport={"width": WIDTH, "height": 640})
    page.goto(path)
    page.screenshot(path=to, full_page=True)
    print(to)


if __name__ == "__main__":
    if (why_not := missing()) is not None:
        sys.exit(f"no pictures: {why_not}")
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "docs")
