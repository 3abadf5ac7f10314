"""How soon an innocent's bookings reach the index: the canary's, whose database, lane and broker nobody troubles.

What a trouble costs it is told as a ratio: the median delay while the trouble lasts to the median without any.
"""

from __future__ import annotations

import threading
import time
from statistics import median
from typing import Final

import requests

from tests.chaos.booking_systems import Canaries
from tests.integration.site import Site

LOOK: Final = 0.1  # seconds between looks at the index
ENOUGH: Final = 3  # bookings, to say anything
SETTLES: Final = 3.0  # seconds after a trouble that count neither as trouble nor as calm


class Pace:
    """Watches the canaries arrive, from `start` to `stop`."""

    def __init__(self, site: Site, canaries: Canaries) -> None:
        self._canaries = canaries
        self._url = f"{site.index._url}/api/posts"
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._arrived: dict[str, float] = {}
        self._troubles: list[tuple[float, float]] = []
        self._of_innocents: dict[str, list[tuple[float, float]]] = {}

    def start(self) -> Pace:
        """Begin; returns at once."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def trouble(self, name: str, began: float, ended: float, over: float, *, spares_the_canary: bool) -> None:
        """There was trouble between the first two moments (`time.monotonic`), and all had recovered at the third."""
        self._troubles.append((began, over + SETTLES))
        if spares_the_canary:
            self._of_innocents.setdefault(name, []).append((began, ended))

    def alone(self) -> float | None:
        """The canaries' median delay while there was no trouble, in seconds; None: too few to say."""
        return _median([
            delay for at, delay in self._delays() if not any(began <= at <= ended for began, ended in self._troubles)
        ])  # fmt: skip

    def slowdowns(self) -> dict[str, float]:
        """{kind of trouble that was not the canary's: how many times its delay was the usual one, at the worst}."""
        usual, delays = self.alone(), self._delays()
        found: dict[str, float] = {}
        for name, times in self._of_innocents.items():
            for began, ended in times:
                meanwhile = _median([delay for at, delay in delays if began <= at <= ended])
                if usual is not None and meanwhile is not None:
                    found[name] = max(found.get(name, 0.0), meanwhile / usual)
        return found

    def _delays(self) -> list[tuple[float, float]]:
        return [
            (at, self._arrived[booking] - at)
            for booking, at in list(self._canaries.written_at.items())
            if booking in self._arrived
        ]

    def _watch(self) -> None:
        with requests.Session() as http:
            while not self._stop.wait(LOOK):
                now = time.monotonic()
                try:
                    posts = http.get(self._url, timeout=30).json()
                except requests.RequestException:  # whoever else asks for them says so
                    continue
                for post in posts:
                    booking = post["business_object_instance_identifier"]
                    if booking.startswith("canary-"):
                        self._arrived.setdefault(booking, now)


def _median(seconds: list[float]) -> float | None:
    return median(seconds) if len(seconds) >= ENOUGH else None
